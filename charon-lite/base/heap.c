/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <stdlib.h>

void heap_done(struct heap *h)
{
    free(h->v);
    *h = (struct heap){0};
}

static void heap_place(struct heap *h, size_t i, struct heap_node *n)
{
    h->v[i] = n;
    n->place = i + 1;
}

static void heap_up(struct heap *h, size_t i)
{
    struct heap_node *n = h->v[i];

    for (; i > 0 && h->v[(i - 1) / 2]->at > n->at; i = (i - 1) / 2)
        heap_place(h, i, h->v[(i - 1) / 2]);
    heap_place(h, i, n);
}

static void heap_down(struct heap *h, size_t i)
{
    struct heap_node *n = h->v[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= h->n)
            break;
        if (child + 1 < h->n && h->v[child + 1]->at < h->v[child]->at)
            child++;
        if (h->v[child]->at >= n->at)
            break;
        heap_place(h, i, h->v[child]);
        i = child;
    }
    heap_place(h, i, n);
}

int heap_set(struct heap *h, struct heap_node *n, usec_t at)
{
    if (!n->place) {
        if (h->n == h->cap) {
            size_t cap = h->cap ? h->cap * 2 : 64;
            struct heap_node **v = realloc(h->v, cap * sizeof(*v));

            if (!v)
                return ERR_MEMORY;
            h->v = v;
            h->cap = cap;
        }
        heap_place(h, h->n++, n);
    }
    n->at = at;
    heap_up(h, n->place - 1);
    heap_down(h, n->place - 1);
    return 0;
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    size_t i = n->place;
    struct heap_node *last;

    if (!i)
        return;
    last = h->v[--h->n];
    n->place = 0;
    if (last == n)
        return;
    heap_place(h, i - 1, last);
    heap_up(h, last->place - 1);
    heap_down(h, last->place - 1);
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->n ? h->v[0] : NULL;
}
