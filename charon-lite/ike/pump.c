/* SPDX-License-Identifier: Apache-2.0 */
/* What an IKE SA wants to do next: one request at a time, in this order (RFC 7296 2.3). */
#include "ike/ike.h"

void sa_wake(struct ike_sa *sa)
{
    if (sa->state != IKE_GONE && list_empty(&sa->in_work))
        list_append(&sa->core->work, &sa->in_work);
}

static struct xchg *start(struct ike_sa *sa, const struct exchange *row)
{
    return xchg_new(sa, row, true);
}

static bool begin(struct xchg *x)
{
    if (x)
        xchg_begin(x);
    return x != NULL;
}

/* The peer's heir of an IKE SA that we rekey too: it may be the one that goes, and is not known to the peer when that has closed
 * the old one before our answer came (2.8.2). */
static bool undecided(const struct ike_sa *heir)
{
    const struct ike_sa *old = ticket_find(heir->core, heir->forerunner, TICKET_IKE_SA);

    return old && old->ours && old->ours->row == &exchange_rekey_ike;
}

static bool pump_deletes(struct ike_sa *sa)
{
    bool any = sa->n_lost > 0;
    struct xchg *x;

    if (sa->want_delete && sa->state == IKE_UP) {
        x = start(sa, &exchange_info);
        if (!x)
            return false;
        x->deletes_ike = true;
        sa_set_state(sa, IKE_LEAVING);
        return begin(x);
    }
    LIST_EACH (it, &sa->children) {
        const struct child_sa *child = LIST_ITEM(it, struct child_sa, in_sa);

        any |= child->want_delete && !child->deleting && child->state != CHILD_BORN;
    }
    return any && !undecided(sa) && begin(start(sa, &exchange_info));
}

/* At once after an IKE rekey of ours (RFC 6290 4.3). */
static bool pump_token(struct ike_sa *sa)
{
    struct xchg *x = sa->want_token && sa_usable(sa) ? start(sa, &exchange_info) : NULL;

    if (!x)
        return false;
    sa->want_token = false;
    x->tells_token = true;
    return begin(x);
}

static bool children_settled(const struct ike_sa *sa)
{
    LIST_EACH (it, &sa->children) {
        const struct child_sa *child = LIST_ITEM(it, struct child_sa, in_sa);

        if (child->state == CHILD_BORN || child->deleting)
            return false;
    }
    return true;
}

static bool pump_rekeys(struct ike_sa *sa)
{
    usec_t now = sa->core->now;

    if (sa->want_rekey && now >= sa->rekey_retry_at && !sa->theirs && children_settled(sa))
        return begin(start(sa, &exchange_rekey_ike));
    LIST_EACH (it, &sa->children) {
        struct child_sa *child = LIST_ITEM(it, struct child_sa, in_sa);
        struct xchg *x;

        if (!child->want_rekey || child->rekeying || child->state != CHILD_UP || child->want_delete || child->redundant ||
            now < child->retry_at)
            continue;
        if (collide_peer_rekeys(child))
            continue;
        x = start(sa, &exchange_child);
        if (!x)
            return false;
        x->rekeys_child = true;
        x->old_child = child->id;
        x->child_index = child->index;
        x->child_pair = child->pair;
        x->wide = child->rekey_wide;
        return begin(x);
    }
    return false;
}

static bool pump_new(struct ike_sa *sa)
{
    int slot = peer_current(sa->peer) == sa ? peer_missing_slot(sa->peer, sa->core->now) : -1;
    struct xchg *x = slot >= 0 ? start(sa, &exchange_child) : NULL;

    if (!x)
        return false;
    peer_slot_place(sa->peer, (size_t)slot, &x->child_index, &x->child_pair);
    return begin(x);
}

void sa_pump(struct ike_sa *sa)
{
    if (sa->state == IKE_GONE || sa->ours)
        return;
    if (sa->state == IKE_KEYED && sa->initiator) {
        begin(start(sa, &exchange_auth));
        return;
    }
    if (sa->state != IKE_UP || (sa->theirs && sa->theirs->row == &exchange_auth))
        return;
    if (sa->theirs && sa->theirs->row == &exchange_rekey_ike)
        return; /* it was looked at and found idle: so it stays until the peer has its answer (2.25.1) */
    if (pump_deletes(sa) || pump_token(sa))
        return;
    /* nothing new while the peer rekeys the IKE SA (2.25.2) */
    if (sa_usable(sa) && !ticket_find(sa->core, sa->peer_rekey, TICKET_IKE_SA) && !undecided(sa)) {
        if (pump_rekeys(sa) || pump_new(sa))
            return;
    }
    if (sa->want_liveness) {
        sa->want_liveness = false;
        begin(start(sa, &exchange_info));
    }
    if (sa->peer)
        peer_reconcile(sa->peer);
}
