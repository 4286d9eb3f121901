/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA for Child SAs: new ones (RFC 7296 1.3.1) and rekeys (1.3.3, 2.8, 2.25), with and without key exchange. */
#include "ike/ike.h"

/* --- initiator -----------------------------------------------------------------------------------------------------------------
 */

static struct slot_wish *wish(struct xchg *x)
{
    struct peer *p = x->sa->peer;

    return &p->slots[peer_slot_of(p, x->child_index, x->child_pair)];
}

static enum step begin(struct xchg *x)
{
    if (nonce_new(x->core, x->sa->suite, &x->ni) < 0)
        return STEP_DROP;
    child_offer_fill(x, &x->offered, true);
    x->ke = ke_of_proposals(x->core, x->offered, wish(x)->ke_group);
    return ke_generate(x);
}

static enum step write_request(struct xchg *x)
{
    struct child_sa *old = x->rekeys_child ? ticket_find(x->core, x->old_child, TICKET_CHILD_SA) : NULL;

    if (x->rekeys_child && (!old || old->deleting || old->want_delete || collide_peer_rekeys(old)))
        return STEP_DROP; /* it went, or the peer rekeyed it, while the value was made */
    if (!child_offer(x, true))
        return STEP_DROP;
    if (old)
        old->rekeying = true;
    return STEP_DONE;
}

static enum step derive(struct xchg *x)
{
    child_accept(x);
    return x->child && x->ke ? ke_derive(x) : STEP_NEXT;
}

static enum step derived(struct xchg *x)
{
    return x->child && x->ke ? ke_derived(x) : STEP_NEXT;
}

/* The rekey did not come about: what now (2.25)? */
static void rekey_failed(struct xchg *x, struct child_sa *old)
{
    struct core *c = x->core;

    old->rekeying = false;
    switch (x->child_error) {
    case CHILD_SA_NOT_FOUND: /* the peer does not have it: silently away, and a new one from scratch */
        if (!ticket_find(c, old->peer_rekey, TICKET_CHILD_SA))
            child_end(old, false, "the peer does not know this Child SA; making a new one");
        return;
    case TEMPORARY_FAILURE:
        if (!old->temporary_since)
            old->temporary_since = c->now;
        if (c->now - old->temporary_since > TEMPORARY_MAX) {
            sa_close(x->sa); /* several minutes of it: out of step for good (2.25) */
            return;
        }
        old->retry_at = c->now + jitter(c, TEMPORARY_WAIT, 50) + TEMPORARY_WAIT;
        break;
    case TS_UNACCEPTABLE: /* some peers want the selectors of the first request again */
        old->rekey_wide = !old->rekey_wide;
        old->retry_at = c->now + (old->rekey_wide ? 1 : jitter(c, 30 * USEC_SEC, 30));
        break;
    case INVALID_KE_PAYLOAD:
        old->retry_at = c->now + (old->ke_retried ? jitter(c, 30 * USEC_SEC, 30) : 1);
        old->ke_retried = !old->ke_retried;
        break;
    default:
        tell(c, FACT_CHILD_FAILED, old->peer, x->sa, old, "rekey failed: %s", x->child_why);
        old->want_delete |= old->mute; /* then one made anew */
        old->retry_at = c->now + jitter(c, 30 * USEC_SEC, 30);
    }
    old->want_rekey = true;
    wake_set(c, &old->life, old->dies_at && old->dies_at < old->retry_at ? old->dies_at : old->retry_at);
}

/* An IKE SA that will never carry this child: TEMPORARY_FAILURE for several minutes (2.25), or a peer that takes Child SAs in
 * IKE_AUTH alone (NO_ADDITIONAL_SAS, 1.3) and nothing else that would be lost. */
static bool hopeless(struct xchg *x)
{
    struct slot_wish *s = wish(x);
    struct core *c = x->core;

    if (x->child_error != TEMPORARY_FAILURE)
        s->temporary_since = 0;
    else if (!s->temporary_since)
        s->temporary_since = c->now;
    if (s->temporary_since && c->now - s->temporary_since > TEMPORARY_MAX) {
        s->temporary_since = 0;
        return true;
    }
    return x->child_error == NO_ADDITIONAL_SAS && list_empty(&x->sa->children);
}

static void new_failed(struct xchg *x)
{
    usec_t wait = -1;

    if (x->child_error == INVALID_KE_PAYLOAD && !wish(x)->ke_tried)
        wait = 0; /* at once, with the group that the peer named */
    wish(x)->ke_tried = x->child_error == INVALID_KE_PAYLOAD && wait == 0;
    if (x->again)
        wait = 0;
    if (x->child_error == TEMPORARY_FAILURE)
        wait = TEMPORARY_WAIT + jitter(x->core, TEMPORARY_WAIT, 50);
    if (hopeless(x))
        sa_close(x->sa);
    peer_slot_failed(x->sa->peer, x->child_index, x->child_pair, wait, x->child_why);
}

static enum step finish(struct xchg *x)
{
    struct child_sa *old = x->rekeys_child ? ticket_find(x->core, x->old_child, TICKET_CHILD_SA) : NULL;
    struct child_sa *new = x->child;

    if (new) {
        x->child = NULL;
        child_up(new, x->rekeys_child);
        if (x->rekeys_child)
            collide_child(x, new, old);
        if (new->doomed)
            child_end(new, false, "the peer deleted it");
    } else if (old) {
        rekey_failed(x, old);
    } else if (!x->rekeys_child) {
        new_failed(x);
    }
    if (!new && x->peer_has_child)
        child_delete_unborn(x);
    return STEP_DONE;
}

/* --- responder -----------------------------------------------------------------------------------------------------------------
 */

static enum step refuse_not_found(struct xchg *x, const struct payload *n)
{
    payload_list_init(&x->out, &x->arena);
    notify_add(&x->out, n->u.notify.protocol, n->u.notify.spi, CHILD_SA_NOT_FOUND, SPAN_NONE);
    return STEP_DONE;
}

/* Which SA the request is about, and whether this is the moment (2.25.1, 2.25.2). */
static enum step look(struct xchg *x)
{
    const struct payload *n = notify_find(x->in, REKEY_SA);
    struct ike_sa *sa = x->sa;
    struct child_sa *old = NULL;

    if (n && n->u.notify.spi.len == 4)
        old = child_by_spi_out(sa, get_u32(n->u.notify.spi.p));
    /* before we say that we do not know a Child SA: it may be with another IKE SA already, of which the peer has not heard */
    if (sa->state != IKE_UP || sa->want_delete || ticket_find(x->core, sa->replaced_by, TICKET_IKE_SA) ||
        (sa->ours && sa->ours->row == &exchange_rekey_ike))
        return refuse(x, TEMPORARY_FAILURE, "the IKE SA is being rekeyed or closed");
    if (n && !old && sa->ours && sa->ours->row == &exchange_child) /* its answer, which tells us of that SA, may be under way */
        return refuse(x, TEMPORARY_FAILURE, "a Child SA is being made");
    if (n && !old)
        return refuse_not_found(x, n);
    if (old && (old->deleting || old->want_delete || old->state == CHILD_OLD || old->state == CHILD_BORN))
        return refuse(x, TEMPORARY_FAILURE, "that Child SA is being closed");
    if (old && child_unheard(old))
        child_successor_forget(old);
    if (old && ticket_find(x->core, old->peer_rekey, TICKET_CHILD_SA))
        return refuse(x, TEMPORARY_FAILURE, "that Child SA was rekeyed by the peer already");
    if (!nonce_take(x->in, &x->ni))
        return refuse(x, INVALID_SYNTAX, "the nonce is missing or has a wrong length");
    if (!create_allowed(sa) || (old && !rekey_allowed(sa)))
        return refuse(x, TEMPORARY_FAILURE, "too many requests for Child SAs, or none of the old ones is deleted");
    x->rekeys_child = old != NULL;
    if (old)
        x->old_child = old->id;
    return child_select(x);
}

static enum step respond_ke(struct xchg *x)
{
    if (!x->child)
        return STEP_NEXT;
    if (nonce_new(x->core, x->sa->suite, &x->nr) < 0) {
        child_fail(x, TEMPORARY_FAILURE, "out of memory");
        return STEP_NEXT;
    }
    x->child->low_nonce = nonce_low(secret_view(&x->ni), secret_view(&x->nr));
    collide_note(x); /* now: while the value is made, ours may be concluded */
    return x->ke ? ke_both(x) : STEP_NEXT;
}

static enum step respond_ke_done(struct xchg *x)
{
    return x->child && x->ke ? ke_both_done(x) : STEP_NEXT;
}

/* HALF: we hear on the new SA at once, and speak on it when the peer deletes the old one (2.8). */
static enum step respond_finish(struct xchg *x)
{
    struct child_sa *old = x->rekeys_child ? ticket_find(x->core, x->old_child, TICKET_CHILD_SA) : NULL;
    struct child_sa *new = x->child;

    if (!new)
        return STEP_DONE;
    x->child = NULL;
    new->made_in = x->message_id;
    if (old) {
        old->peer_rekey = new->id;
        if (!old->rekeying && !new->redundant) { /* no collision, or theirs stays: the peer closes the old one soon */
            old->want_rekey = false;
            old->maker = MAKER_HEARD; /* what was asked about another successor says nothing of this one */
            wake_set(x->core, &old->life, x->core->now + SPEAK_WAIT);
        }
    }
    x->made = new->id;
    child_up(new, x->rekeys_child);
    return STEP_DONE;
}

static step_fn *const initiate[] = {begin, ke_generated, write_request, NULL};
static step_fn *const conclude[] = {derive, derived, child_keys_make, child_into_kernel, child_installed, finish, NULL};
static step_fn *const respond[] = {
    look, respond_ke, respond_ke_done, child_keys_make, child_into_kernel, child_installed, child_reply, respond_finish, NULL};

const struct exchange exchange_child = {
    .name = "CREATE_CHILD_SA",
    .type = CREATE_CHILD_SA,
    .must = PAYLOAD_BIT(PAYLOAD_SA) | PAYLOAD_BIT(PAYLOAD_NONCE),
    .initiate = initiate,
    .conclude = conclude,
    .respond = respond,
};
