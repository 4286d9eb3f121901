/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table whose nodes live inside what they find. The caller hashes and compares; names that a stranger chooses are
 * hashed by map_hash(), keyed with the table's own seed (SipHash-2-4), so that nobody can aim at one chain. */
#ifndef CHARON_BASE_MAP_H
#define CHARON_BASE_MAP_H

#include "base.h"

struct map_node {
    struct map_node *next;
    uint64_t hash;
};
struct map {
    struct map_node **slots;
    size_t n_slots, count; /* n_slots is 0 or a power of two */
    uint64_t seed[2];
};
void map_init(struct map *, const struct rng *seed_from);
void map_done(struct map *); /* frees the table; nodes are not touched */
uint64_t map_hash(const struct map *, struct span key);
int map_add(struct map *, struct map_node *, uint64_t hash) MUST_USE; /* 0 or ERR_MEMORY */
void map_remove(struct map *, struct map_node *);                     /* must be in */
/* The first node with this hash, then the next; NULL at the end. Different keys may share a hash. */
struct map_node *map_first(const struct map *, uint64_t hash);
struct map_node *map_more(const struct map_node *);

#endif
