/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/nonces.h"

#include <stdlib.h>
#include <string.h>

struct issued {
    struct map_node node;
    struct list link; /* the oldest first */
    uint8_t bytes[NONCE_LEN];
};
struct nonces {
    const struct rng *rng;
    struct map map;
    struct list list;
    size_t n, max;
};

struct nonces *nonces_new(const struct rng *rng, size_t max)
{
    struct nonces *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->rng = rng;
    s->max = max;
    map_init(&s->map, rng);
    list_init(&s->list);
    return s;
}

static void issued_free(struct nonces *s, struct issued *i)
{
    map_remove(&s->map, &i->node);
    list_remove(&i->link);
    s->n--;
    free(i);
}

struct nonces *nonces_free(struct nonces *s)
{
    if (!s)
        return NULL;
    while (!list_empty(&s->list))
        issued_free(s, LIST_ITEM(s->list.next, struct issued, link));
    map_done(&s->map);
    free(s);
    return NULL;
}

static int issue(struct nonces *s, const uint8_t *fresh)
{
    struct issued *i = calloc(1, sizeof(*i));

    if (!i)
        return ERR_MEMORY;
    memcpy(i->bytes, fresh, NONCE_LEN);
    if (map_add(&s->map, &i->node, map_hash(&s->map, span_of(i->bytes, NONCE_LEN)))) {
        free(i);
        return ERR_MEMORY;
    }
    list_append(&s->list, &i->link);
    if (++s->n > s->max)
        issued_free(s, LIST_ITEM(s->list.next, struct issued, link));
    return 0;
}

void nonces_answer(struct nonces *s, const struct ask *ask, struct answer *a, struct arena *arena)
{
    size_t n = ask->u.nonces.count < NONCES_BATCH_MAX ? ask->u.nonces.count : NONCES_BATCH_MAX, done = 0;
    uint8_t *bytes = n ? arena_alloc(arena, n * NONCE_LEN) : NULL;

    *a = (struct answer){.ticket = ask->ticket, .kind = ASK_NONCES, .result = ANSWER_FAILED};
    if (bytes)
        s->rng->fill(s->rng->ctx, bytes, n * NONCE_LEN);
    while (bytes && done < n && !issue(s, bytes + done * NONCE_LEN))
        done++;
    if (!done) {
        a->why = "no nonces";
        return;
    }
    a->result = ANSWER_OK;
    a->u.nonces.bytes = span_of(bytes, done * NONCE_LEN);
}

bool nonces_spend(struct nonces *s, struct span nonce)
{
    for (struct map_node *n = map_first(&s->map, map_hash(&s->map, nonce)); n; n = map_more(n)) {
        struct issued *i = CONTAINER_OF(n, struct issued, node);

        if (span_equal(span_of(i->bytes, NONCE_LEN), nonce)) {
            issued_free(s, i);
            return true;
        }
    }
    return false;
}

size_t nonces_count(const struct nonces *s)
{
    return s->n;
}
