/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments put together (RFC 7383 2.6). */
#include "open.h"

#include <stdlib.h>
#include <string.h>

struct collection {
    struct ike_header of; /* of the first fragment that came */
    uint16_t total, have;
    uint8_t inner; /* of fragment 1 */
    struct buf parts[];
};

static bool is_same(const struct ike_header *a, const struct ike_header *b)
{
    return a->spi_i == b->spi_i && a->spi_r == b->spi_r && a->message_id == b->message_id && a->flags == b->flags &&
           a->exchange == b->exchange;
}

static void collection_free(struct collection *c)
{
    for (uint16_t i = 0; c && i < c->total; i++)
        buf_done(&c->parts[i]);
    free(c);
}

static void collector_drop(struct collector *all, size_t i)
{
    collection_free(all->v[i]);
    all->n--;
    memmove(&all->v[i], &all->v[i + 1], (all->n - i) * sizeof(all->v[0]));
}

static struct collection *collection_new(struct collector *all, const struct ike_header *h, uint16_t total)
{
    struct collection *c = calloc(1, sizeof(*c) + total * sizeof(c->parts[0]));

    if (!c)
        return NULL;
    if (all->n == COLLECTIONS_MAX)
        collector_drop(all, 0);
    c->of = *h;
    c->total = total;
    for (uint16_t i = 0; i < total; i++)
        buf_init(&c->parts[i], IKE_DATAGRAM_MAX);
    all->v[all->n++] = c;
    return c;
}

/* The collection of this message; a larger total starts anew, a smaller one belongs to none (2.6). */
static struct collection *collector_find(struct collector *all, const struct ike_header *h, uint16_t total)
{
    for (size_t i = 0; i < all->n; i++) {
        if (!is_same(&all->v[i]->of, h))
            continue;
        if (all->v[i]->total >= total)
            return all->v[i]->total == total ? all->v[i] : NULL;
        collector_drop(all, i);
        break;
    }
    return total <= FRAGMENTS_MAX ? collection_new(all, h, total) : NULL;
}

bool collector_add(struct collector *all, const struct ike_header *h, const struct payload *skf, struct span opened,
                   struct buf *whole, uint8_t *inner)
{
    struct collection *c = collector_find(all, h, skf->u.sk.total);
    struct buf *part = c ? &c->parts[skf->u.sk.number - 1] : NULL;

    if (!part || part->len > 0) /* a repeat */
        return false;
    buf_span(part, opened);
    c->have += part->len > 0;
    if (skf->u.sk.number == 1)
        c->inner = skf->u.sk.inner;
    if (c->have < c->total)
        return false;
    for (uint16_t i = 0; i < c->total; i++)
        buf_span(whole, buf_view(&c->parts[i]));
    *inner = c->inner;
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i] == c)
            collector_drop(all, i);
    return true;
}

void collector_done(struct collector *all)
{
    while (all->n > 0)
        collector_drop(all, all->n - 1);
}
