/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA for the IKE SA itself (RFC 7296 1.3.2, 2.18, 2.8.2): a new IKE SA inherits all Child SAs; the initiator then
 * deletes the old one. */
#include "ike/ike.h"

#include <string.h>

/* The heir begins with what the old SA knows of the peer. */
static struct ike_sa *heir_new(struct xchg *x, bool initiator)
{
    struct ike_sa *old = x->sa, *new = sa_new(x->core, initiator, true, &old->path);

    if (!new)
        return NULL;
    sa_set_peer(new, old->peer);
    new->handle = old->handle;
    new->proof_ends = old->proof_ends;
    new->natd_seen = old->natd_seen;
    new->nat_local = old->nat_local;
    new->nat_remote = old->nat_remote;
    new->encap_forced = old->encap_forced;
    new->fragmentation = old->fragmentation;
    new->datagram_max = old->datagram_max;
    new->maker = x;
    new->requests = old->requests;
    new->creates = old->creates;
    list_append(&old->lineage, &new->lineage);
    old->peer_id->users++;
    if (sa_set_peer_id(new, old->peer_id) < 0) {
        memory_short(x->core);
        new->maker = NULL;
        sa_kill(new, FACT_NOTE, NULL);
        return NULL;
    }
    new->our_id = old->our_id;
    if (new->our_id)
        new->our_id->users++;
    return new;
}

static int heir_keys(struct xchg *x, uint64_t spi_i, uint64_t spi_r)
{
    struct ike_sa *old = x->sa, *new = x->heir;
    struct span ni = secret_view(&x->ni), nr = secret_view(&x->nr);
    struct ike_keys k = sa_keys(old);
    struct secret seed = {0};
    int err = skeyseed_rekey(old->suite->prf, secret_view(&k.d), secret_view(&x->shared), ni, nr, &seed);

    new->suite = suite_keep(x->core, &x->suite);
    new->spi_i = spi_i;
    new->spi_r = spi_r;
    if (err == 0)
        err = new->suite ? ike_keys_block(new->suite, secret_view(&seed), ni, nr, spi_i, spi_r, false, &new->keys) : ERR_MEMORY;
    secret_done(&seed);
    secret_done(&x->shared);
    new->low_nonce = nonce_low(ni, nr);
    if (err == 0)
        keys_log(new);
    return err;
}

static void heir_drop(struct xchg *x)
{
    if (x->heir)
        sa_kill(x->heir, FACT_NOTE, NULL);
    x->heir = NULL;
}

/* --- initiator -----------------------------------------------------------------------------------------------------------------
 */

/* The configured proposals, each with the new SA's SPI; without legacy surprises: the same list as at first. */
static bool offer(struct xchg *x)
{
    struct proposals own = xchg_offer(x, sa_conn(x->sa)->proposals);
    struct proposal *v = (struct proposal *)(uintptr_t)own.v;

    for (size_t i = 0; i < own.n; i++) {
        v[i].spi_len = 8;
        put_u64(v[i].spi, x->heir->spi_i);
    }
    x->offered = own;
    return own.n > 0;
}

static enum step begin(struct xchg *x)
{
    x->heir = heir_new(x, true);
    if (!x->heir || !offer(x) || nonce_new(x->core, x->sa->suite, &x->ni) < 0) {
        heir_drop(x);
        return STEP_DROP;
    }
    x->ke = ke_of_proposals(x->core, x->offered, x->sa->rekey_group ? x->sa->rekey_group : x->sa->suite->ke->id);
    return x->ke ? ke_generate(x) : STEP_DROP;
}

static enum step write_request(struct xchg *x)
{
    struct payload *p = payload_add(&x->out, PAYLOAD_SA);

    if (p)
        p->u.sa = x->offered;
    if ((p = payload_add(&x->out, PAYLOAD_NONCE)))
        p->u.nonce = secret_view(&x->ni);
    ke_value_write(x);
    return STEP_DONE;
}

/* The peer's rekey, which ours met, was answered: it is the only one now, and the peer closes this IKE SA (2.8.2). */
static void peer_alone(struct ike_sa *sa)
{
    struct ike_sa *heir = ticket_find(sa->core, sa->peer_rekey, TICKET_IKE_SA);

    if (heir)
        sa_wake(heir);
    sa->replaced_by = sa->peer_rekey;
    sa->want_rekey = false;
    sa_wake_at(sa, SA_LIFE, sa->core->now + OLD_SA_LIFE);
}

static enum step failed(struct xchg *x, uint16_t error, const char *why)
{
    struct ike_sa *sa = x->sa;
    usec_t now = x->core->now;

    heir_drop(x);
    if (sa->replaced) {
        peer_alone(sa);
        return STEP_DONE;
    }
    sa->want_rekey = true;
    sa->rekey_retry_at = now + jitter(x->core, 30 * USEC_SEC, 30);
    if (error == TEMPORARY_FAILURE) {
        if (!sa->temporary_since)
            sa->temporary_since = now;
        if (now - sa->temporary_since > TEMPORARY_MAX) {
            sa_close(sa);
            return STEP_DONE;
        }
        sa->rekey_retry_at = now + TEMPORARY_WAIT + jitter(x->core, TEMPORARY_WAIT, 50);
    } else if (error == INVALID_KE_PAYLOAD && !sa->rekey_group_tried) {
        sa->rekey_group_tried = true;
        sa->rekey_retry_at = now;
    } else {
        tell(x->core, FACT_NOTE, sa->peer, sa, NULL, "the IKE SA was not rekeyed: %s", why);
    }
    sa_wake_at(sa, SA_LIFE, sa->dies_at && sa->dies_at < sa->rekey_retry_at ? sa->dies_at : sa->rekey_retry_at);
    return STEP_DONE;
}

static enum step read_answer(struct xchg *x)
{
    static const struct proposal_rules rules = {.protocol = PROTOCOL_IKE, .ke = KE_REQUIRED};
    const struct payload *sa = payload_find(x->in, PAYLOAD_SA), *ke = payload_find(x->in, PAYLOAD_KE);

    for (const struct payload *n = payload_find(x->in, PAYLOAD_NOTIFY); n && (!sa || error_unknown(x->in));
         n = payload_after(n, PAYLOAD_NOTIFY)) {
        if (n->u.notify.type > NOTIFY_ERROR_MAX)
            continue;
        if (n->u.notify.type == INVALID_KE_PAYLOAD && n->u.notify.data.len == 2)
            x->sa->rekey_group = get_u16(n->u.notify.data.p);
        return failed(x, n->u.notify.type, notify_name(n->u.notify.type) ? notify_name(n->u.notify.type) : "unknown error");
    }
    if (!sa || !ke || !nonce_take(x->in, &x->nr) || sa->u.sa.n != 1 || sa->u.sa.v[0].spi_len != 8 ||
        get_u64(sa->u.sa.v[0].spi) == 0)
        return failed(x, INVALID_SYNTAX, "the answer lacks SA, KE, Nonce or an SPI");
    if (proposal_accept(x->core->algs, x->offered, sa->u.sa, &rules, &x->suite) < 0 || x->suite.ke != x->ke ||
        ke->u.ke.group != x->ke->id)
        return failed(x, NO_PROPOSAL_CHOSEN, "the answer is none of our proposals");
    return ke_derive(x);
}

static enum step finish(struct xchg *x)
{
    const struct payload *sa = payload_find(x->in, PAYLOAD_SA);
    struct ike_sa *new = x->heir;

    if (!new)
        return STEP_DONE;
    if (heir_keys(x, new->spi_i, get_u64(sa->u.sa.v[0].spi)) < 0)
        return failed(x, TEMPORARY_FAILURE, "key derivation failed");
    riders_read(x); /* it belongs to the heir */
    x->heir = NULL;
    new->maker = NULL;
    sa_heir_up(new);
    qcd_wanted(new); /* ours needs both SPIs: an exchange of its own (RFC 6290 4.3) */
    collide_ike(x, new);
    tell(x->core, FACT_IKE_REKEYED, new->peer, new, NULL, "the IKE SA was rekeyed by us");
    return STEP_DONE;
}

/* --- responder -----------------------------------------------------------------------------------------------------------------
 */

static bool children_busy(const struct ike_sa *sa)
{
    if (sa->n_lost || (sa->ours && (sa->ours->row == &exchange_child || sa->ours->deletes_children)))
        return true;
    LIST_EACH (it, &sa->children) {
        const struct child_sa *child = LIST_ITEM(it, struct child_sa, in_sa);

        if (child->deleting || child->rekeying || child->state == CHILD_BORN)
            return true;
    }
    return false;
}

static enum step look(struct xchg *x)
{
    const struct payload *sa = payload_find(x->in, PAYLOAD_SA), *ke = payload_find(x->in, PAYLOAD_KE);
    struct proposal_rules rules = {.protocol = PROTOCOL_IKE, .ke = KE_REQUIRED, .ke_sent = ke ? ke->u.ke.group : 0};
    struct ike_sa *old = x->sa;
    char why[500];
    struct text t = text_in(why, sizeof(why));
    uint8_t group[2];

    if (old->state != IKE_UP || old->want_delete || ticket_find(x->core, old->replaced_by, TICKET_IKE_SA) ||
        ticket_find(x->core, old->peer_rekey, TICKET_IKE_SA))
        return refuse(x, TEMPORARY_FAILURE, "this IKE SA is being closed");
    if (children_busy(old))
        return refuse(x, TEMPORARY_FAILURE, "a Child SA is being made, rekeyed or closed");
    if (!create_allowed(old) || !lineage_allowed(old))
        return refuse(x, TEMPORARY_FAILURE, "too many rekeys, or none of the old IKE SAs is deleted");
    if (!ke || !nonce_take(x->in, &x->ni))
        return refuse(x, INVALID_SYNTAX, "KE payload missing, or a nonce of wrong length");
    if (proposal_choose(x->core->algs, sa_conn(old)->proposals, sa->u.sa, &rules, &x->suite, &x->chosen, x->chosen_store) < 0) {
        proposal_explain(x->core->algs, sa_conn(old)->proposals, sa->u.sa, &rules, &t);
        return refuse(x, NO_PROPOSAL_CHOSEN, "%s", why);
    }
    if (x->chosen.spi_len != 8 || get_u64(x->chosen.spi) == 0)
        return refuse(x, INVALID_SYNTAX, "the proposal has no SPI of 8 bytes");
    x->ke = x->suite.ke;
    if (ke->u.ke.group != x->ke->id) {
        put_u16(group, x->ke->id);
        x->refusal_data = arena_copy(&x->arena, span_of(group, 2));
        return refuse(x, INVALID_KE_PAYLOAD, "group %u was sent, we chose %s", ke->u.ke.group, x->ke->name);
    }
    return ke_both(x);
}

static enum step respond(struct xchg *x)
{
    struct ike_sa *old = x->sa;
    struct payload *p;

    x->heir = heir_new(x, false);
    if (!x->heir || nonce_new(x->core, old->suite, &x->nr) < 0 || heir_keys(x, get_u64(x->chosen.spi), x->heir->spi_r) < 0) {
        heir_drop(x);
        return refuse(x, TEMPORARY_FAILURE, "no memory for the new IKE SA");
    }
    put_u64(x->chosen.spi, x->heir->spi_r);
    if ((p = payload_add(&x->out, PAYLOAD_SA)))
        p->u.sa = (struct proposals){&x->chosen, 1};
    if ((p = payload_add(&x->out, PAYLOAD_NONCE)))
        p->u.nonce = secret_view(&x->nr);
    ke_value_write(x);
    return qcd_ask(x, x->heir);
}

static enum step respond_token(struct xchg *x)
{
    riders_write(x);
    return STEP_NEXT;
}

/* Without a collision the heir takes the children at once; with one it holds them until the nonces decide (collide_ike). */
static enum step respond_finish(struct xchg *x)
{
    struct ike_sa *old = x->sa, *new = x->heir;
    bool collision = old->ours && old->ours->row == &exchange_rekey_ike;

    x->heir = NULL;
    new->maker = NULL;
    sa_heir_up(new);
    if (collide_ike_late(x, new))
        return STEP_DONE;
    sa_inherit(new, old);
    if (collision) {
        old->peer_rekey = new->id;
        new->forerunner = old->id;
        old->peer_rekey_nonce = new->low_nonce;
        sa_wake_at(old, SA_LIFE, x->core->now + OLD_SA_LIFE); /* and not when it was to be rekeyed: who closes it is to be seen */
        return STEP_DONE;
    }
    old->replaced_by = new->id;
    old->want_rekey = false;
    sa_wake_at(old, SA_LIFE, x->core->now + OLD_SA_LIFE);
    tell(x->core, FACT_IKE_REKEYED, new->peer, new, NULL, "the IKE SA was rekeyed by the peer");
    if (old->redundant) { /* it became that meanwhile: the peer has another one, and may never read this answer */
        new->redundant = true;
        if (old->want_delete)
            sa_close(new);
        else
            sa_wake_at(new, SA_LIFE, x->core->now + OLD_SA_LIFE);
    }
    return STEP_DONE;
}

static step_fn *const initiate[] = {begin, ke_generated, write_request, NULL};
static step_fn *const conclude[] = {read_answer, ke_derived, finish, NULL};
static step_fn *const respond_steps[] = {look, ke_both_done, respond, respond_token, respond_finish, NULL};
static const struct rider *const riders[] = {&rider_qcd, NULL};

const struct exchange exchange_rekey_ike = {
    .name = "CREATE_CHILD_SA (IKE SA rekey)",
    .type = CREATE_CHILD_SA,
    .must = PAYLOAD_BIT(PAYLOAD_SA) | PAYLOAD_BIT(PAYLOAD_NONCE),
    .initiate = initiate,
    .conclude = conclude,
    .respond = respond_steps,
    .riders = riders,
};
