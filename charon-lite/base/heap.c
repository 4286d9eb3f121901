/* SPDX-License-Identifier: Apache-2.0 */
/* A pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986): the earliest is on top, each node has a list of later ones below. */
#include "base.h"

/* Two tops become one; `a` stays on top of what is at the same time. */
static struct heap_node *meld(struct heap_node *a, struct heap_node *b)
{
    struct heap_node *below;

    if (!a || !b)
        return a ? a : b;
    below = b->at < a->at ? a : b;
    a = b->at < a->at ? b : a;
    below->before = a;
    below->next = a->child;
    if (a->child)
        a->child->before = below;
    a->child = below;
    a->next = a->before = NULL;
    return a;
}

/* A list of siblings becomes one tree: in pairs from the left, then all together from the right. */
static struct heap_node *meld_all(struct heap_node *first)
{
    struct heap_node *pairs = NULL, *all = NULL;

    while (first) {
        struct heap_node *a = first, *b = a->next, *pair;

        first = b ? b->next : NULL;
        a->next = a->before = NULL;
        if (b)
            b->next = b->before = NULL;
        pair = meld(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs) {
        struct heap_node *next = pairs->next;

        pairs->next = NULL;
        all = meld(pairs, all);
        pairs = next;
    }
    return all;
}

static void top_set(struct heap *h, struct heap_node *top)
{
    h->top = top;
    if (top)
        top->before = top;
}

void heap_set(struct heap *h, struct heap_node *n, usec_t at)
{
    heap_remove(h, n);
    *n = (struct heap_node){.at = at};
    top_set(h, meld(h->top, n));
    h->n++;
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    struct heap_node *rest;

    if (!heap_in(n))
        return;
    rest = meld_all(n->child);
    if (n == h->top) {
        top_set(h, rest);
    } else {
        *(n->before->child == n ? &n->before->child : &n->before->next) = n->next;
        if (n->next)
            n->next->before = n->before;
        top_set(h, meld(h->top, rest));
    }
    h->n--;
    *n = (struct heap_node){.at = n->at};
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->top;
}
