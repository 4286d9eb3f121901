/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simultaneous rekeys (RFC 7296 2.8.1, 2.8.2, 2.25): of two new SAs the one made with the lowest of the four nonces is redundant
 * and closed by who created it; who initiated the surviving one closes the old SA.
 */
#include "ike/ike.h"

#include <string.h>

struct low_nonce nonce_low(struct span a, struct span b)
{
    struct span low = span_part(span_compare(a, b) <= 0 ? a : b, 0, NONCE_MIN);
    struct low_nonce out = {.there = true};

    if (low.len)
        memcpy(out.b, low.p, low.len);
    return out;
}

bool nonce_before(const struct low_nonce *a, const struct low_nonce *b)
{
    return span_compare(span_of(a->b, sizeof(a->b)), span_of(b->b, sizeof(b->b))) < 0;
}

/* Ours lost: the lowest nonce of all is one of our exchange. Neither the old SA nor the peer's new one need be there any more:
 * the winner may have deleted the one and rekeyed the other before we have our answer. */
bool collide_lost(struct xchg *x)
{
    struct low_nonce low = nonce_low(secret_view(&x->ni), secret_view(&x->nr));

    return x->ours && x->rival_nonce.there && nonce_before(&low, &x->rival_nonce);
}

bool collide_peer_rekeys(const struct child_sa *child)
{
    const struct xchg *theirs = child->sa->theirs;

    if (ticket_find(child->sa->core, child->peer_rekey, TICKET_CHILD_SA))
        return true;
    return theirs && theirs->rekeys_child && theirs->old_child.slot == child->id.slot &&
           theirs->old_child.round == child->id.round;
}

void collide_note(struct xchg *theirs)
{
    struct xchg *ours = theirs->sa->ours;

    if (theirs->ours || !theirs->child || !theirs->rekeys_child || !ours || !ours->rekeys_child)
        return;
    if (ours->old_child.slot == theirs->old_child.slot && ours->old_child.round == theirs->old_child.round) {
        ours->rival_nonce = theirs->child->low_nonce;
        ours->rival = theirs->child->id;
    }
}

/* The peer's rekey came to nothing after all: there is no rival. */
void collide_forget(struct xchg *theirs)
{
    struct xchg *ours = theirs->sa->ours;

    if (theirs->ours || !theirs->child || !ours || ticket_find(ours->core, ours->rival, TICKET_CHILD_SA) != theirs->child)
        return;
    ours->rival = (struct ticket){0, 0};
    ours->rival_nonce.there = false;
}

/* The peer owes us the deletion of this one; if it forgets, we do it. */
static void owed(struct child_sa *child)
{
    struct core *c = child->sa->core;

    child->redundant = true;
    wake_set(c, &child->life, c->now + OLD_SA_LIFE);
}

/* The one that won over this one: made at the same moment by the other end, and not rekeyed since. */
static struct child_sa *winner_over(const struct child_sa *loser)
{
    LIST_EACH (it, &loser->sa->children) {
        struct child_sa *other = LIST_ITEM(it, struct child_sa, in_sa);
        usec_t gap = other->born - loser->born;

        if (other->we_initiated != loser->we_initiated && other->index == loser->index && other->pair == loser->pair &&
            (other->state == CHILD_UP || other->state == CHILD_HALF) && !other->redundant && !other->want_delete &&
            !other->rekeying && gap < SAME_MOMENT && gap > -SAME_MOMENT && !collide_peer_rekeys(other))
            return other;
    }
    return NULL;
}

/* How long a request of the peer's may be under way: as long as ours may. */
static usec_t request_time(const struct ike_sa *sa)
{
    usec_t most = sa_conn(sa)->dead_after_us;

    return most > 2 * OLD_SA_LIFE ? most : 2 * OLD_SA_LIFE;
}

bool collide_peer_knows(const struct child_sa *made)
{
    const struct xchg *theirs = made->sa->theirs;

    return made->known || made->sa->next_theirs > made->made_in + 1 || (theirs && theirs->message_id > made->made_in);
}

/* How much longer the peer is given to close the SA that is redundant (0 = it will not), by what it has done since we answered:
 *
 *     asked something else         it has our answer              OLD_SA_LIFE from then on
 *     nothing, but is heard        its request may be under way   request_time() from then on
 *     nothing, and is not heard    it is cut off, or asleep       until it is heard: it is asked whether it is there
 *     was not, and is again        its request comes with it      OLD_SA_LIFE
 */
static usec_t closing_time(struct child_sa *loser)
{
    struct ike_sa *sa = loser->sa;
    usec_t now = sa->core->now, due = loser->born + (collide_peer_knows(loser) ? OLD_SA_LIFE : request_time(sa));
    bool silent = now - sa->last_heard > OLD_SA_LIFE;

    if (now < due)
        return due - now;
    if (collide_peer_knows(loser) || loser->maker == MAKER_BACK || (loser->maker == MAKER_HEARD && !silent))
        return 0;
    loser->maker = silent ? MAKER_SILENT : MAKER_BACK;
    if (silent) {
        sa->want_liveness = true;
        sa_wake(sa);
    }
    return OLD_SA_LIFE;
}

bool collide_is_judged(struct child_sa *loser, struct child_sa *winner)
{
    struct child_sa *both[] = {loser, winner};
    struct core *c = loser->sa->core;
    struct ask ask;

    if (loser->maker == MAKER_JUDGED)
        return true;
    loser->maker = MAKER_JUDGED;
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        both[i]->idle_s = IDLE_LONG;
        child_ask(both[i], &ask, ASK_CHILD_QUERY);
        (void)out_ask(c, &ask);
    }
    wake_set(c, &loser->life, c->now + TRAFFIC_WAIT);
    return false;
}

/* The redundant one is kept, and the other one goes. */
static void stays(struct child_sa *redundant, struct child_sa *other)
{
    redundant->redundant = false;
    redundant->maker = MAKER_HEARD;
    other->redundant = other->want_delete = true;
    (void)child_speak(redundant, NULL);
    child_live(redundant);
}

/* Ours is redundant and about to be closed; but a peer that knows no such rule sends by it, because for it that was the last. */
static bool peer_sends_by(struct child_sa *ours)
{
    struct child_sa *theirs = winner_over(ours);

    if (!theirs)
        return false;
    if (!collide_is_judged(ours, theirs))
        return true;
    if (ours->idle_s >= theirs->idle_s)
        return false;
    tell(ours->sa->core, FACT_NOTE, ours->peer, ours->sa, ours, "the peer sends by the SA that is redundant, so its own goes");
    stays(ours, theirs);
    return true;
}

/* Who made the redundant SA SHOULD close it (2.8.1). A peer that has had our answer, and time to do so, and has not, knows no
 * such rule, and speaks on what was complete last for it: mostly its own. To close that would silence it; so it stays, and ours
 * goes. One that sends by ours (for it, that was the last) would be silenced by that, so its own goes. */
bool collide_peer_keeps(struct child_sa *loser)
{
    struct child_sa *ours = loser->we_initiated ? NULL : winner_over(loser);
    struct core *c = loser->sa->core;
    usec_t more = ours && loser->maker != MAKER_JUDGED ? closing_time(loser) : 0;

    if (loser->want_delete)
        return false; /* too late */
    if (loser->we_initiated)
        return peer_sends_by(loser);
    if (!ours)
        return false;
    if (more) {
        wake_set(c, &loser->life, c->now + more);
        return true;
    }
    if (!collide_is_judged(loser, ours))
        return true;
    if (ours->idle_s < loser->idle_s)
        return false;
    tell(c, FACT_NOTE, loser->peer, loser->sa, loser, "the peer keeps the SA that is redundant, so ours goes");
    stays(loser, ours);
    return true;
}

/* Our rekey of a child is complete: which of the SAs go. */
void collide_child(struct xchg *x, struct child_sa *new, struct child_sa *old)
{
    struct child_sa *rival = ticket_find(x->core, x->rival, TICKET_CHILD_SA);

    if (old)
        old->rekeying = old->want_rekey = false;
    if (collide_lost(x)) {
        tell(x->core, FACT_NOTE, new->peer, x->sa, new, "both ends rekeyed at once; ours is the redundant one");
        new->redundant = true;
        if (x->tries > 1 && winner_over(new)) /* ours may have reached the peer when its own was complete */
            wake_set(x->core, &new->life, x->core->now + SPEAK_WAIT);
        else
            new->want_delete = true;
        if (old) {
            child_set_state(old, CHILD_OLD);
            owed(old);
        }
        return;
    }
    (void)child_speak(new, NULL); /* it was installed as the loser, and the rival has failed since */
    if (rival)
        owed(rival);
    if (old) {
        child_set_state(old, CHILD_OLD);
        old->want_delete = true;
    }
}

/* The answer to ours is here before the peer's request, which came earlier, is answered: collide_ike_late() will decide. Until
 * then the old SA is not deleted, or the peer would forget its own request. */
static bool undecided(struct ike_sa *old, struct ike_sa *new)
{
    if (!old->theirs || old->theirs->row != &exchange_rekey_ike)
        return false;
    sa_inherit(new, old);
    old->replaced_by = new->id;
    old->want_rekey = false;
    sa_wake_at(old, SA_LIFE, old->core->now + OLD_SA_LIFE); /* should theirs come to nothing */
    return true;
}

/* The same for IKE SAs. Children are with the peer's new SA since its request was answered; the winner takes them. */
void collide_ike(struct xchg *x, struct ike_sa *new)
{
    struct ike_sa *old = x->sa, *theirs = ticket_find(x->core, old->peer_rekey, TICKET_IKE_SA);

    if (undecided(old, new))
        return;
    if (old->peer_rekey_nonce.there && /* the peer's new one may have been rekeyed once more, and be gone */
        nonce_before(&new->low_nonce, &old->peer_rekey_nonce)) {
        tell(x->core, FACT_NOTE, old->peer, old, NULL, "both ends rekeyed the IKE SA at once; ours is the redundant one");
        new->redundant = true;
        new->want_delete = true; /* the peer closes the old one */
        old->want_rekey = false;
        old->replaced_by = old->peer_rekey;
        sa_wake_at(old, SA_LIFE, x->core->now + OLD_SA_LIFE);
        sa_wake(new);
        if (theirs)
            sa_wake(theirs);
        return;
    }
    if (theirs) { /* ours stays: the peer closes its own, we the old one */
        sa_inherit(new, theirs);
        theirs->redundant = true;
        sa_wake_at(theirs, SA_LIFE, x->core->now + OLD_SA_LIFE);
    }
    sa_inherit(new, old);
    old->replaced_by = new->id;
    old->want_rekey = false;
    old->want_delete = true;
}

bool collide_ike_late(struct xchg *theirs, struct ike_sa *new)
{
    struct ike_sa *old = theirs->sa, *ours = ticket_find(theirs->core, old->replaced_by, TICKET_IKE_SA);

    if (!ours || ours == new)
        return false;
    if (nonce_before(&ours->low_nonce, &new->low_nonce)) {
        tell(theirs->core, FACT_NOTE, old->peer, old, NULL, "both ends rekeyed the IKE SA at once; ours is the redundant one");
        sa_inherit(new, ours);
        ours->redundant = true;
        ours->want_delete = true; /* the peer closes the old one */
        old->replaced_by = new->id;
    } else {
        new->redundant = true; /* the peer closes it */
        sa_wake_at(new, SA_LIFE, theirs->core->now + OLD_SA_LIFE);
        old->want_delete = true;
        sa_wake(old);
    }
    return true;
}
