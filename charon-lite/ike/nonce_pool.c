/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our nonces of IKE_SA_INIT come from the hand, in batches: what the peer proves covers our nonce (RFC 7296 2.15), and the hand
 * believes one proof for each that it issued. So an old proof is of no use to whoever takes this process over. Nonces of
 * CREATE_CHILD_SA prove nothing and are the core's own.
 */
#include "ike/ike.h"

#include <string.h>

/* A batch that was used up at once is followed by a larger one, so that a busy responder does not run dry. */
static void batch_size(struct core *c)
{
    struct nonce_pool *p = &c->nonces;

    if (!p->batch)
        p->batch = NONCES_FIRST;
    else if (c->now - p->asked_at < NONCES_SOON)
        p->batch = p->batch * 2 < NONCES_BATCH_MAX ? p->batch * 2 : NONCES_BATCH_MAX;
    else
        p->batch = p->batch / 2 > NONCES_FIRST ? p->batch / 2 : NONCES_FIRST;
}

static void pool_ask(struct core *c)
{
    struct ask ask = {.to = ASK_HAND, .kind = ASK_NONCES, .deadline = usec_add(c->now, NONCES_WAIT)};
    struct nonce_pool *p = &c->nonces;

    p->asking = true;
    wake_set(c, &p->again, ask.deadline);
    ask.ticket = p->ticket = ticket_take(c, TICKET_NONCES, p);
    if (!ask.ticket.slot)
        return; /* no memory: later */
    p->asked_at = c->now;
    ask.u.nonces.count = (uint32_t)p->batch;
    out_ask(c, &ask);
}

static void pool_again(struct core *c, struct timer *t)
{
    struct nonce_pool *p = CONTAINER_OF(t, struct nonce_pool, again);

    ticket_drop(c, &p->ticket);
    if (!c->stopping)
        pool_ask(c);
}

static void pool_refill(struct core *c)
{
    struct nonce_pool *p = &c->nonces;

    if (p->n > p->batch / 4 || p->asking || c->stopping)
        return;
    batch_size(c);
    pool_ask(c);
}

void nonce_pool_start(struct core *c)
{
    c->nonces.again.fire = pool_again;
    pool_refill(c);
}

bool nonce_pool_ready(struct core *c)
{
    pool_refill(c);
    return c->nonces.n > 0;
}

int nonce_pool_take(struct core *c, struct secret *out)
{
    struct nonce_pool *p = &c->nonces;
    int err = p->n ? secret_set(out, span_of(p->v[p->first], NONCE_LEN)) : ERR_NOT_FOUND;

    if (err)
        return err;
    p->first = (p->first + 1) % NONCE_POOL_MAX;
    p->n--;
    pool_refill(c);
    return 0;
}

static void pool_put(struct nonce_pool *p, struct span bytes)
{
    for (size_t at = 0; at + NONCE_LEN <= bytes.len && p->n < NONCE_POOL_MAX; at += NONCE_LEN)
        memcpy(p->v[(p->first + p->n++) % NONCE_POOL_MAX], bytes.p + at, NONCE_LEN);
}

/* The connections that wait, in turn; those that nothing is left for go on waiting. */
static void pool_serve(struct core *c)
{
    struct nonce_pool *pool = &c->nonces;

    for (size_t left = c->n_peers; pool->awaited && left > 0; left--) {
        struct peer *p;

        if (!pool->n)
            return;
        if (pool->next >= c->n_peers)
            pool->next = 0;
        p = &c->peers[pool->next++];
        if (!p->wants_nonce)
            continue;
        p->wants_nonce = false;
        peer_reconcile(p);
    }
    pool->awaited = false;
}

void nonce_pool_answered(struct core *c, const struct answer *a)
{
    struct nonce_pool *p = &c->nonces;

    ticket_drop(c, &p->ticket);
    if (a->result != ANSWER_OK || a->u.nonces.bytes.len < NONCE_LEN)
        return; /* the timer asks again */
    wake_stop(c, &p->again);
    p->asking = false;
    pool_put(p, a->u.nonces.bytes);
    pool_serve(c);
}
