/* SPDX-License-Identifier: Apache-2.0 */
/* A heap of times; its nodes live inside what they time, and nothing is ever allocated: a timer is set even where there is no
 * memory. */
#ifndef CHARON_BASE_HEAP_H
#define CHARON_BASE_HEAP_H

#include "base.h"

/* Zeroed means "not in a heap". */
struct heap_node {
    usec_t at;
    struct heap_node *child, *next; /* the first child; the next sibling */
    struct heap_node *before;       /* the sibling before, or (of a first child) the parent; itself at the top */
};
static inline bool heap_in(const struct heap_node *n)
{
    return n->before != NULL;
}
struct heap {
    struct heap_node *top;
    size_t n;
};
/* Put the node at a time, moving it if it is in already. */
void heap_set(struct heap *, struct heap_node *, usec_t at);
void heap_remove(struct heap *, struct heap_node *); /* no-op when it is not in */
struct heap_node *heap_first(const struct heap *);   /* the earliest, or NULL */

#endif
