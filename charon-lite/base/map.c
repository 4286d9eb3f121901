/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

void map_init(struct map *m, const struct rng *rng)
{
    *m = (struct map){.seed = {rng_u64(rng), rng_u64(rng)}};
}

void map_done(struct map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->n_slots = m->count = 0;
}

static uint64_t rotl(uint64_t v, int n)
{
    return v << n | v >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"). */
uint64_t map_hash(const struct map *m, struct span key)
{
    uint64_t v[4] = {m->seed[0] ^ 0x736f6d6570736575u, m->seed[1] ^ 0x646f72616e646f6du, m->seed[0] ^ 0x6c7967656e657261u,
                     m->seed[1] ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)key.len << 56;
    size_t i = 0;

    for (; i + 8 <= key.len; i += 8) {
        uint64_t word;

        memcpy(&word, key.p + i, sizeof(word));
        if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
            word = __builtin_bswap64(word);
        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t k = 0; i + k < key.len; k++)
        last |= (uint64_t)key.p[i + k] << (8 * k);
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int k = 0; k < 4; k++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static int map_grow(struct map *m)
{
    size_t n = m->n_slots ? m->n_slots * 2 : 64;
    struct map_node **slots = calloc(n, sizeof(*slots));

    if (!slots)
        return ERR_MEMORY;
    for (size_t i = 0; i < m->n_slots; i++) {
        while (m->slots[i]) {
            struct map_node *node = m->slots[i];

            m->slots[i] = node->next;
            node->next = slots[node->hash & (n - 1)];
            slots[node->hash & (n - 1)] = node;
        }
    }
    free(m->slots);
    m->slots = slots;
    m->n_slots = n;
    return 0;
}

int map_add(struct map *m, struct map_node *node, uint64_t hash)
{
    struct map_node **slot;

    if (m->count >= m->n_slots && map_grow(m) < 0 && !m->n_slots)
        return ERR_MEMORY;
    slot = &m->slots[hash & (m->n_slots - 1)];
    node->hash = hash;
    node->next = *slot;
    *slot = node;
    m->count++;
    return 0;
}

void map_remove(struct map *m, struct map_node *node)
{
    struct map_node **at;

    if (!m->n_slots)
        return;
    for (at = &m->slots[node->hash & (m->n_slots - 1)]; *at; at = &(*at)->next) {
        if (*at == node) {
            *at = node->next;
            node->next = NULL;
            m->count--;
            return;
        }
    }
}

static struct map_node *same_hash(struct map_node *node, uint64_t hash)
{
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct map_node *map_first(const struct map *m, uint64_t hash)
{
    return m->n_slots ? same_hash(m->slots[hash & (m->n_slots - 1)], hash) : NULL;
}

struct map_node *map_more(const struct map_node *node)
{
    return same_hash(node->next, node->hash);
}
