/* SPDX-License-Identifier: Apache-2.0 */
/* What comes due for an IKE SA: its lifetimes, liveness (RFC 7296 2.4), NAT keepalives (RFC 3948 4). One timer for all. */
#include "ike/ike.h"

static void sa_life(struct ike_sa *sa)
{
    struct core *c = sa->core;

    if (sa->theirs && !sa->up_since) {
        sa_wake_at(sa, SA_LIFE, c->now + HALF_OPEN_LIFE); /* it came, and is being looked at */
    } else if (sa->state < IKE_UP) {
        sa_kill(sa, FACT_DROPPED, "no IKE_AUTH came");
    } else if (sa->replaced || sa->redundant) {
        sa_close(sa); /* the peer owed us the deletion */
    } else if (sa->dies_at && c->now >= sa->dies_at) {
        tell(c, FACT_IKE_DOWN, sa->peer, sa, NULL, "its lifetime ended before it was rekeyed");
        sa_close(sa);
    } else {
        sa->want_rekey = true;
        sa_wake_at(sa, SA_LIFE, sa->dies_at ? sa->dies_at : USEC_NEVER);
        sa_wake(sa);
    }
}

static bool traffic_ask(struct ike_sa *sa)
{
    bool asked = false;
    struct ask ask;

    LIST_EACH (it, &sa->children) {
        struct child_sa *child = LIST_ITEM(it, struct child_sa, in_sa);

        if (child->state != CHILD_UP)
            continue;
        child_ask(child, &ask, ASK_CHILD_QUERY);
        out_ask(sa->core, &ask);
        asked = true;
    }
    return asked;
}

void sa_heard_traffic(struct ike_sa *sa, int64_t idle_s)
{
    usec_t last = sa->core->now - idle_s * USEC_SEC;

    if (idle_s >= 0 && idle_s < sa->core->now / USEC_SEC && last > sa->last_heard)
        sa->last_heard = last;
}

/* Two IKE SAs with one peer, begun by both ends and rekeyed before that could be settled: one without children goes; of two such
 * the one with the lower nonce, so that both ends choose the same. */
static bool surplus(const struct ike_sa *sa)
{
    usec_t before = sa->core->now - SURPLUS_AGE;

    if (!peer_can_initiate(sa->peer) || !list_empty(&sa->children) || sa->up_since > before || sa->ours || sa->theirs)
        return false;
    LIST_EACH (it, &sa->peer->sas) {
        const struct ike_sa *other = LIST_ITEM(it, struct ike_sa, in_peer);

        if (other == sa || !sa_usable(other) || !other->up_since || other->up_since > before ||
            !id_same(other->peer_id, sa->peer_id))
            continue;
        if (!list_empty(&other->children) || nonce_before(&sa->low_nonce, &other->low_nonce))
            return true;
    }
    return false;
}

/* Only a peer that has been silent is asked (2.4); ESP from it is as good a sign of life as any, so the hand is asked first. */
static void sa_liveness(struct ike_sa *sa)
{
    struct core *c = sa->core;
    usec_t every = sa_conn(sa)->liveness_us;
    usec_t due = sa->last_heard + (sa->probed || !every ? every : sa->asked_soon && SILENT_PROBE < every ? SILENT_PROBE : every);

    if (sa->replaced || sa->redundant)
        return; /* it is on its way out: sa_life() sees to that */
    if (sa_usable(sa) && surplus(sa)) {
        sa->redundant = true;
        sa_close(sa);
        return;
    }
    if (c->now >= due && !sa->traffic_asked && traffic_ask(sa)) {
        sa->traffic_asked = true;
        sa_wake_at(sa, SA_LIVENESS, c->now + TRAFFIC_WAIT);
        return;
    }
    sa->traffic_asked = false;
    if (c->now >= due) {
        sa->probed = true;
        sa->want_liveness = true;
        sa_wake(sa);
        due = c->now + (every ? every : SILENT_PROBE);
    }
    if (every || !sa->probed)
        sa_wake_at(sa, SA_LIVENESS, due);
}

static void sa_keepalive(struct ike_sa *sa)
{
    struct core *c = sa->core;
    usec_t every = sa_conn(sa)->keepalive_us ? sa_conn(sa)->keepalive_us : 20 * USEC_SEC;

    if (!sa->nat_local || sa->state != IKE_UP || sa->replaced)
        return;
    out_keepalive(c, &sa->path);
    sa_wake_at(sa, SA_KEEPALIVE, c->now + every);
}

/* One timer for all that an IKE SA waits for: it runs to the earliest. */
static void timer_set(struct ike_sa *sa)
{
    usec_t next = USEC_NEVER;

    for (size_t i = 0; i < SA_DUES; i++)
        if (sa->due[i] && sa->due[i] < next)
            next = sa->due[i];
    if (next == USEC_NEVER || !heap_in(&sa->timer.node) || sa->timer.node.at != next)
        wake_set(sa->core, &sa->timer, next);
}

void sa_wake_at(struct ike_sa *sa, enum sa_due what, usec_t at)
{
    sa->due[what] = at == USEC_NEVER ? 0 : at;
    timer_set(sa);
}

void sa_timer(struct core *c, struct timer *t)
{
    static void (*const fire[SA_DUES])(struct ike_sa *) = {sa_life, sa_liveness, sa_keepalive};
    struct ike_sa *sa = CONTAINER_OF(t, struct ike_sa, timer);
    bool due[SA_DUES];

    for (size_t i = 0; i < SA_DUES; i++) {
        due[i] = sa->due[i] && sa->due[i] <= c->now;
        if (due[i])
            sa->due[i] = 0;
    }
    for (size_t i = 0; i < SA_DUES && sa->state != IKE_GONE; i++)
        if (due[i])
            fire[i](sa);
    if (sa->state != IKE_GONE)
        timer_set(sa);
}
