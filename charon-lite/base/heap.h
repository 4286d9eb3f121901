/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of times; its nodes live inside what they time. */
#ifndef CHARON_BASE_HEAP_H
#define CHARON_BASE_HEAP_H

#include "base.h"

/* Zeroed means "not in a heap". */
struct heap_node {
    usec_t at;
    size_t place; /* 1-based index in the heap; 0 = not in it */
};
struct heap {
    struct heap_node **v;
    size_t n, cap;
};
void heap_done(struct heap *); /* frees the table; nodes are not touched */
/* Put the node at a time, moving it if it is in already. Returns 0 or ERR_MEMORY. */
int heap_set(struct heap *, struct heap_node *, usec_t at) MUST_USE;
void heap_remove(struct heap *, struct heap_node *); /* no-op when it is not in */
struct heap_node *heap_first(const struct heap *);   /* the earliest, or NULL */

#endif
