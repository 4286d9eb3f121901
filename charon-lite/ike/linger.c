/* SPDX-License-Identifier: Apache-2.0 */
/* A Child SA that was replaced is heard a little longer: packets that were sealed with it may still be under way when both ends
 * have deleted it (RFC 7296 2.8). Nothing is sent by it any more: the peer need not hear it as long as we do. For the protocol it
 * is gone; only its order to the hand waits here. */
#include "ike/ike.h"

#include <stdlib.h>

/* No more of the order than a removal needs: it lies where the Child SA was. */
struct lingering {
    struct list in_core;
    struct timer due;
    struct peer_ref peer;
    uint16_t child;
    bool transport, udp_encap, replaced;
    uint32_t reqid, spi_in, spi_out;
    struct endpoint local, remote;
};
_Static_assert(sizeof(struct lingering) <= sizeof(struct child_sa), "it takes the place of a Child SA");

/* The order to the hand; nobody is left to hear its answer. `mute`: only what we send by it goes. */
static bool lingering_order(struct core *c, const struct lingering *l, bool mute)
{
    struct ask ask = {.to = ASK_HAND, .kind = ASK_CHILD_REMOVE, .deadline = usec_add(c->now, ANSWER_WAIT)};
    struct ask_child *a = &ask.u.child;

    a->peer = l->peer;
    a->child = l->child;
    a->reqid = l->reqid;
    a->protocol = PROTOCOL_ESP;
    a->transport = l->transport;
    a->udp_encap = l->udp_encap;
    a->replaced = l->replaced;
    a->inbound_only = mute;
    a->spi_in = l->spi_in;
    a->spi_out = l->spi_out;
    a->local = l->local;
    a->remote = l->remote;
    return out_ask(c, &ask);
}

/* An order that cannot be given stays: nobody else would remember it. */
static void lingering_end(struct core *c, struct lingering *l)
{
    if (!lingering_order(c, l, false)) {
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

void linger(struct core *c, struct child_sa *was, const struct ask *remove, bool mute, usec_t wait)
{
    const struct ask_child *a = &remove->u.child;
    struct lingering *l = (struct lingering *)(void *)was;
    bool stays = wait && !c->stopping;

    *l = (struct lingering){.peer = a->peer};
    l->child = a->child;
    l->transport = a->transport;
    l->udp_encap = a->udp_encap;
    l->replaced = a->replaced;
    l->reqid = a->reqid;
    l->spi_in = a->spi_in;
    l->spi_out = a->spi_out;
    l->local = a->local;
    l->remote = a->remote;
    if (stays && !mute)
        (void)lingering_order(c, l, true);
    l->due.fire = lingering_due;
    list_append(&c->lingering, &l->in_core);
    c->n_lingering++;
    if (stays)
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

        if (l->reqid == reqid)
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
