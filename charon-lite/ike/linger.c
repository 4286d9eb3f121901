/* SPDX-License-Identifier: Apache-2.0 */
/* A Child SA that was replaced is heard a little longer: packets that were sealed with it may still be under way when both ends
 * have deleted it (RFC 7296 2.8). Nothing is sent by it any more: the peer need not hear it as long as we do. For the protocol it
 * is gone; only its order to the hand waits here. */
#include "ike/ike.h"

#include <stdlib.h>

struct lingering {
    struct list in_core;
    struct timer due;
    struct ask remove;
};

struct lingering *lingering_new(void)
{
    return calloc(1, sizeof(struct lingering));
}

/* An order that cannot be given stays: nobody else would remember it. */
static void lingering_end(struct core *c, struct lingering *l)
{
    if (!out_ask(c, &l->remove)) {
        wake_set(c, &l->due, c->now + MEMORY_WAIT);
        return;
    }
    wake_stop(c, &l->due);
    list_remove(&l->in_core);
    c->n_lingering--;
    free(l);
}

static void lingering_due(struct core *c, struct timer *t)
{
    lingering_end(c, CONTAINER_OF(t, struct lingering, due));
}

void linger(struct core *c, struct lingering *l, const struct ask *remove, usec_t wait)
{
    l->remove = *remove;
    l->remove.ticket = (struct ticket){0, 0}; /* nobody is left to hear the answer */
    l->remove.u.child.ts_local = l->remove.u.child.ts_remote = (struct ts_list){NULL, 0};
    l->remove.u.child.inbound_only = true;
    out_ask(c, &l->remove);
    l->remove.u.child.inbound_only = false;
    l->due.fire = lingering_due;
    list_append(&c->lingering, &l->in_core);
    c->n_lingering++;
    if (wait && !c->stopping)
        wake_set(c, &l->due, c->now + wait);
    else
        lingering_end(c, l);
    if (c->n_lingering > LINGERING_MAX)
        lingering_end(c, LIST_ITEM(c->lingering.next, struct lingering, in_core));
}

void linger_no_more(struct core *c)
{
    LIST_EACH (it, &c->lingering) {
        lingering_end(c, LIST_ITEM(it, struct lingering, in_core));
    }
}

/* Nothing follows: the policies must not fall back to an SA that was replaced long ago. */
void linger_no_more_of(struct core *c, uint32_t reqid)
{
    LIST_EACH (it, &c->lingering) {
        struct lingering *l = LIST_ITEM(it, struct lingering, in_core);

        if (l->remove.u.child.reqid == reqid)
            lingering_end(c, l);
    }
}

void lingering_free(struct core *c)
{
    LIST_EACH (it, &c->lingering) {
        struct lingering *l = LIST_ITEM(it, struct lingering, in_core);

        wake_stop(c, &l->due);
        list_remove(&l->in_core);
        free(l);
    }
}
