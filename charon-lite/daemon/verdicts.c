/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/verdicts.h"

#include <stdlib.h>

#include "loop/loop.h"

/* Two of them in 12 bytes: there is one verdict an IKE SA. */
struct place {
    uint32_t generation; /* 0 = none */
    uint16_t connection;
} __attribute__((packed, aligned(2)));
struct held {
    struct map_node node;
    struct list link; /* the least recently used first */
    usec_t until;
    uint32_t handle;
    struct place now, before; /* the core may still speak of the snapshot before this one */
};
_Static_assert(sizeof(void *) != 8 || sizeof(struct held) <= 56, "a verdict has grown");
struct verdicts {
    struct conf *conf, *before; /* before: may be NULL */
    struct map map;
    struct list list;
    size_t n, max;
};

static uint64_t hash_of(const struct verdicts *v, uint32_t handle)
{
    return map_hash(&v->map, span_of(&handle, sizeof(handle)));
}

static struct held *held_find(const struct verdicts *v, uint32_t handle)
{
    for (struct map_node *n = map_first(&v->map, hash_of(v, handle)); n; n = map_more(n)) {
        struct held *h = CONTAINER_OF(n, struct held, node);

        if (h->handle == handle)
            return h;
    }
    return NULL;
}

static void held_free(struct verdicts *v, struct held *h)
{
    map_remove(&v->map, &h->node);
    list_remove(&h->link);
    v->n--;
    free(h);
}

struct verdicts *verdicts_new(struct conf *conf, size_t max)
{
    struct verdicts *v = calloc(1, sizeof(*v));
    struct rng rng = loop_rng();

    if (!v)
        return NULL;
    v->conf = conf_ref(conf);
    v->max = max;
    map_init(&v->map, &rng);
    list_init(&v->list);
    return v;
}

struct verdicts *verdicts_free(struct verdicts *v)
{
    if (!v)
        return NULL;
    while (!list_empty(&v->list))
        held_free(v, LIST_ITEM(v->list.next, struct held, link));
    map_done(&v->map);
    conf_unref(v->conf);
    conf_unref(v->before);
    free(v);
    return NULL;
}

static struct place place_in(const struct conf *old, const struct conf *fresh, const struct place *p)
{
    const struct conf_connection *was = &old->connections[p->connection], *is;

    if (p->generation != old->generation)
        return (struct place){0};
    is = conf_find(fresh, was->name);
    if (!is || !conf_connection_same(was, is))
        return (struct place){0};
    return (struct place){fresh->generation, is->index};
}

/* Where a peer proved just now stands; during a reload it may have been proved under the snapshot before. */
static bool place_new(const struct verdicts *v, const struct peer_ref *peer, struct held *h)
{
    const struct place p = {peer->generation, peer->connection};

    if (peer->generation == v->conf->generation && peer->connection < v->conf->n_connections) {
        h->now = p;
        return true;
    }
    if (!v->before || peer->generation != v->before->generation || peer->connection >= v->before->n_connections)
        return false;
    h->before = p;
    h->now = place_in(v->before, v->conf, &p);
    return true;
}

void verdicts_add(struct verdicts *v, const struct peer_ref *peer, usec_t until)
{
    struct held *h = peer->handle ? held_find(v, peer->handle) : NULL;

    if (h)
        held_free(v, h); /* a handle is given once; vault or judge began anew */
    h = peer->handle ? calloc(1, sizeof(*h)) : NULL;
    if (!h)
        return;
    h->handle = peer->handle;
    h->until = until;
    if (!place_new(v, peer, h) || map_add(&v->map, &h->node, hash_of(v, h->handle))) {
        free(h);
        return;
    }
    list_append(&v->list, &h->link);
    if (++v->n > v->max)
        held_free(v, LIST_ITEM(v->list.next, struct held, link));
}

static bool place_is(const struct place *p, const struct peer_ref *peer)
{
    return p->generation && p->generation == peer->generation && p->connection == peer->connection;
}

bool verdicts_hold(struct verdicts *v, const struct peer_ref *peer, usec_t now)
{
    struct held *h = peer->handle ? held_find(v, peer->handle) : NULL;

    if (!h || now >= h->until || (!place_is(&h->now, peer) && !place_is(&h->before, peer)))
        return false;
    list_remove(&h->link);
    list_append(&v->list, &h->link);
    return true;
}

void verdicts_configure(struct verdicts *v, struct conf *conf)
{
    LIST_EACH (it, &v->list) {
        struct held *h = LIST_ITEM(it, struct held, link);

        h->before = h->now;
        h->now = place_in(v->conf, conf, &h->before);
    }
    conf_unref(v->before);
    v->before = v->conf;
    v->conf = conf_ref(conf);
}

size_t verdicts_count(const struct verdicts *v)
{
    return v->n;
}
