/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH (RFC 7296 1.2, 2.15, 2.21.2): who are you, and the first Child SA. A Child SA that fails leaves the IKE SA up. */
#include "ike/ike.h"

/* All SAs of a connection have one, as a rule. */
static bool our_id_keep(struct ike_sa *sa, const struct id *id)
{
    struct kept_id *own = id_keep(sa->peer->our_id, id);

    id_leave(&sa->our_id);
    sa->our_id = own;
    if (own && own != sa->peer->our_id) {
        id_leave(&sa->peer->our_id);
        own->users++;
        sa->peer->our_id = own;
    }
    return own;
}

/* IDi or IDr, the certificates, AUTH: what the vault answered; and what follows AUTH (RFC 6290 4.2). */
static bool identity_write(struct xchg *x, bool initiator)
{
    const struct answer *a = x->answer;
    const struct conf_connection *conn = sa_conn(x->sa);
    struct payload *p;

    if (!a || a->result != ANSWER_OK || !our_id_keep(x->sa, &a->u.auth.id))
        return false;
    p = payload_add(&x->out, initiator ? PAYLOAD_IDI : PAYLOAD_IDR);
    if (p)
        p->u.id = id_of(x->sa->our_id);
    for (size_t i = 0; i < a->u.auth.n_certs; i++) {
        p = payload_add(&x->out, PAYLOAD_CERT);
        if (!p)
            return false;
        p->u.cert.encoding = CERT_X509_SIGNATURE;
        p->u.cert.data = arena_copy(&x->arena, a->u.auth.certs[i]);
    }
    if (initiator && conn->remote.ca_hashes.len && (p = payload_add(&x->out, PAYLOAD_CERTREQ))) {
        p->u.cert.encoding = CERT_X509_SIGNATURE;
        p->u.cert.data = arena_copy(&x->arena, conn->remote.ca_hashes); /* a reload may come before it is sent */
    }
    if (initiator && conn->remote.id.type != ID_NONE && !conn->remote.id_is_dn_pattern && !span_has(conn->remote.id.data, '*') &&
        (p = payload_add(&x->out, PAYLOAD_IDR)))
        p->u.id = (struct id){conn->remote.id.type, arena_copy(&x->arena, conn->remote.id.data)};
    p = payload_add(&x->out, PAYLOAD_AUTH);
    if (!p)
        return false;
    p->u.auth.method = a->u.auth.method;
    p->u.auth.data = arena_copy(&x->arena, a->u.auth.data);
    riders_write(x);
    return !x->out.failed;
}

/* INITIAL_CONTACT only where the identity is not shared with others, and when no other SA to that peer is held, half-open ones
 * included (2.4): one that the peer has begun at the same time will be up in a moment, and must not be forgotten for it. */
static bool alone(const struct ike_sa *sa)
{
    if (!sa_conn(sa)->initial_contact)
        return false;
    if (list_count(&sa->peer->sas) > 1 || !sa->core->counts.half_open)
        return list_count(&sa->peer->sas) <= 1;
    LIST_EACH (it, &sa->core->sas) {
        const struct ike_sa *other = LIST_ITEM(it, struct ike_sa, in_core);

        if (!other->peer && other->state == IKE_KEYED && other->start->candidate == sa->peer)
            return false;
    }
    return !dormant_belongs(sa->core, sa->peer);
}

/* --- initiator
 * ------------------------------------------------------------------------------------------------------------------ */

static enum step write_request(struct xchg *x)
{
    struct ike_sa *sa = x->sa;
    int slot;

    slot = peer_missing_slot(sa->peer, USEC_NEVER);
    if (slot < 0) { /* the peer was first, or it was ordered down */
        sa_kill(sa, FACT_NOTE, "nothing is wanted of this IKE SA any more");
        return STEP_KILL;
    }
    if (!identity_write(x, true))
        return kill_sa(x, "our AUTH could not be made: %s", x->answer && x->answer->why ? x->answer->why : "the vault failed");
    if (alone(sa)) {
        notify_add(&x->out, PROTOCOL_NONE, SPAN_NONE, INITIAL_CONTACT, SPAN_NONE);
        sa->initial_contact_sent = true;
    }
    peer_slot_place(sa->peer, (size_t)slot, &x->child_index, &x->child_pair);
    if (!child_offer(x, false))
        return kill_sa(x, "the Child SA proposal could not be made");
    return STEP_DONE;
}

/* The peer learns that we do not accept it (2.21.2). */
static enum step not_accepted(struct xchg *x, const char *why)
{
    farewell(x->sa, AUTHENTICATION_FAILED);
    return kill_sa(x, "%s", why);
}

static enum step read_errors(struct xchg *x)
{
    const struct payload *id = payload_find(x->in, PAYLOAD_IDR), *auth = payload_find(x->in, PAYLOAD_AUTH);

    if (id && auth && !error_unknown(x->in))
        return STEP_NEXT;
    for (const struct payload *n = payload_find(x->in, PAYLOAD_NOTIFY); n; n = payload_after(n, PAYLOAD_NOTIFY)) {
        const char *name = notify_name(n->u.notify.type);

        if (n->u.notify.type == AUTHENTICATION_FAILED)
            return kill_sa(x, "the peer answered AUTHENTICATION_FAILED: it does not accept our identity or proof (secret, "
                              "certificate, `local: id`), "
                              "or has no connection for us; its log says which");
        if (n->u.notify.type <= NOTIFY_ERROR_MAX && (!id || !auth || !name))
            return kill_sa(x, "the peer answered IKE_AUTH with %s", name ? name : "an unknown error");
    }
    return not_accepted(x, id ? "the peer's IKE_AUTH response has no AUTH payload"
                              : "the peer's IKE_AUTH response has no IDr payload");
}

/* Vault or judge is gone, has too much to do, or is late. That says nothing of the peer. */
static const char *unjudged(const struct xchg *x)
{
    const struct answer *a = x->answer;

    return a && a->result == ANSWER_OK ? NULL : a && a->why ? a->why : "no answer";
}

/* After auth_verdict() had no memory for a peer that is accepted: no refusal either. */
static bool accepted(const struct xchg *x)
{
    return x->answer->u.check.verdict == VERDICT_ACCEPTED;
}

static enum step verdict(struct xchg *x)
{
    const char *unsaid = unjudged(x);

    if (unsaid) {
        farewell(x->sa, 0);
        return kill_sa(x, "nobody could judge the peer's proof: %s", unsaid);
    }
    if (!auth_verdict(x)) {
        farewell(x->sa, accepted(x) ? 0 : AUTHENTICATION_FAILED);
        return kill_sa(x, "the peer was not accepted: %s", accepted(x) ? "out of memory" : x->child_why);
    }
    sa_set_state(x->sa, IKE_UP);
    riders_read(x);
    return STEP_NEXT;
}

/* The IKE SA stands; its first Child SA may have failed, and is then tried again by CREATE_CHILD_SA (2.21.2). */
static enum step up(struct xchg *x)
{
    usec_t wait = x->again ? 0 : x->child_error == TEMPORARY_FAILURE ? TEMPORARY_WAIT : -1;
    struct child_sa *child = x->child;

    sa_established(x->sa);
    x->child = NULL;
    if (child)
        child_up(child, false);
    else if (x->ours && x->child_error)
        peer_slot_failed(x->sa->peer, x->child_index, x->child_pair, wait, x->child_why);
    if (child && child->doomed)
        child_end(child, false, "the peer deleted it");
    else if (!child && x->peer_has_child)
        child_delete_unborn(x);
    return STEP_DONE;
}

/* --- responder
 * ------------------------------------------------------------------------------------------------------------------ */

static enum step deny(struct xchg *x, const char *why)
{
    payload_list_init(&x->out, &x->arena);
    notify_add(&x->out, PROTOCOL_NONE, SPAN_NONE, AUTHENTICATION_FAILED, SPAN_NONE);
    return kill_sa(x, "%s", why);
}

/* A Child SA of which half is missing: the message is rejected as a whole, the proof is not looked at (2.21.2). */
static bool half_a_child(const struct payload *in)
{
    payload_set ts = PAYLOAD_BIT(PAYLOAD_TSI) | PAYLOAD_BIT(PAYLOAD_TSR);

    return payload_find(in, PAYLOAD_SA) && (payload_types(in) & ts) != ts;
}

static enum step find_peer(struct xchg *x)
{
    const struct payload *idi = payload_find(x->in, PAYLOAD_IDI), *idr = payload_find(x->in, PAYLOAD_IDR);
    char why[500];
    struct text t = text_in(why, sizeof(why));
    struct peer *p;

    if (half_a_child(x->in))
        return refuse(x, INVALID_SYNTAX, "there is an SA payload, and not both of TSi and TSr");
    if (proofs_behind(x->core)) {
        sa_wake_at(x->sa, SA_LIFE, x->core->now + RETRANSMIT_MAX); /* it is there when the request comes again */
        return drop(x, "there is more to prove than can be done");
    }
    p = peer_for_auth(x->sa, &idi->u.id, idr ? &idr->u.id : NULL, &t);
    if (!p)
        return deny(x, why);
    sa_set_peer(x->sa, p);
    if (!payload_find(x->in, PAYLOAD_AUTH))
        return deny(x, "the peer wants to authenticate by EAP, which is not configured here");
    return auth_check(x);
}

/* The peer holds no other SA with us: what we still have is of an earlier life of it (2.4). Only older SAs go; one that we
 * began just now goes with a Delete, for a peer that began at the same time may hold it after all. */
static void initial_contact(struct ike_sa *sa)
{
    for (struct ike_sa *other = sa_next_of_id(sa, NULL), *next; other; other = next) {
        next = sa_next_of_id(sa, other);
        if (other->state != IKE_UP || other->born >= sa->born)
            continue;
        if (!other->initiator || sa->born - other->born > SAME_TIME) {
            sa_kill(other, FACT_IKE_DOWN, "the peer began anew (INITIAL_CONTACT)");
            continue;
        }
        other->redundant = true;
        sa_close(other);
    }
}

static enum step write_identity(struct xchg *x)
{
    if (!identity_write(x, false)) {
        const char *why = x->answer && x->answer->why ? x->answer->why : "our AUTH could not be made";

        if (x->answer && x->answer->result == ANSWER_FAILED) /* the configuration names nothing to prove us with */
            return deny(x, why);
        payload_list_init(&x->out, &x->arena); /* no answer, or no memory: nothing is said, and the peer begins anew */
        return kill_sa(x, "%s", why);
    }
    if (notify_find(x->in, INITIAL_CONTACT))
        initial_contact(x->sa);
    crowd_leave(x->sa);
    return STEP_NEXT;
}

/* From here the peer is who it says; only now anything of ours is revealed. */
static enum step check_verdict(struct xchg *x)
{
    const char *unsaid = unjudged(x);

    /* A refusal would make the peer give up for good; it will ask again. After a late verdict it must begin anew, for that spends
     * the nonce which the proof covers. */
    if (unsaid && x->answer && x->answer->result == ANSWER_TIMEOUT)
        return kill_sa(x, "nobody judged the peer's proof: %s", unsaid);
    if (unsaid)
        return drop(x, "nobody judged the peer's proof: %s", unsaid);
    if (!auth_verdict(x))
        return accepted(x) ? kill_sa(x, "out of memory") : deny(x, "the peer was not accepted");
    sa_set_state(x->sa, IKE_UP);
    riders_read(x);
    x->answer = x->answer->u.check.made;
    if (!x->answer)
        return auth_make(x);
    x->at++; /* the step that would wait for it */
    return write_identity(x);
}

static step_fn *const initiate[] = {auth_make, write_request, NULL};
static step_fn *const conclude[] = {read_errors,       auth_check,      verdict, child_accept, child_keys_make,
                                    child_into_kernel, child_installed, up,      NULL};
static step_fn *const respond[] = {find_peer,         check_verdict,   write_identity, child_select, child_keys_make,
                                   child_into_kernel, child_installed, child_reply,    up,           NULL};

static const struct rider *const riders[] = {&rider_qcd, NULL};

const struct exchange exchange_auth = {
    .name = "IKE_AUTH",
    .type = IKE_AUTH,
    .must = PAYLOAD_BIT(PAYLOAD_IDI),
    .initiate = initiate,
    .conclude = conclude,
    .respond = respond,
    .riders = riders,
};
