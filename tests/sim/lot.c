/* SPDX-License-Identifier: Apache-2.0 */
#include "lot.h"
#include "world.h"

#include <stdlib.h>

struct drawn {
    struct map_node node;
    uint64_t times;
};

const char *fault_word(enum fault f)
{
    static const char *const words[] = {
#define FAULT_WORD(name, word) word,
        FAULTS_OF_THE_WORLD(FAULT_WORD)
#undef FAULT_WORD
    };

    return (unsigned)f < FAULT_KINDS ? words[f] : "?";
}

void lots_init(struct lots *l, const struct rng *rng)
{
    map_init(&l->drawn, rng);
}

void lots_done(struct lots *l)
{
    for (size_t i = 0; i < l->drawn.n_slots; i++)
        while (l->drawn.slots[i]) {
            struct map_node *n = l->drawn.slots[i];

            l->drawn.slots[i] = n->next;
            free(CONTAINER_OF(n, struct drawn, node));
        }
    map_done(&l->drawn);
    free(l->strike);
    l->strike = NULL;
    l->n_strikes = l->cap_strikes = 0;
}

/* The finaliser of splitmix64: one bit in, half of the bits out. */
static uint64_t stir(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t times_drawn(struct lots *l, uint64_t name)
{
    struct map_node *n = map_first(&l->drawn, name);
    struct drawn *d = n ? CONTAINER_OF(n, struct drawn, node) : NULL;

    if (!d) {
        d = calloc(1, sizeof(*d));
        if (!d || map_add(&l->drawn, &d->node, name) < 0)
            abort();
    }
    return d->times++;
}

struct lot lot_draw(struct world *w, enum lot_of of, uint64_t who, uint64_t what)
{
    uint64_t name = stir(stir(stir((uint64_t)of) ^ who) ^ what);
    struct lot lot = {.name = stir(name ^ times_drawn(&w->lots, name))};

    dice_seed(&lot.dice, stir(w->seed) ^ lot.name);
    return lot;
}

static bool spared(const struct lots *l, uint64_t name)
{
    size_t low = 0, high = l->n_spared;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (l->spared[middle] == name)
            return true;
        if (l->spared[middle] < name)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void strike_keep(struct world *w, enum fault fault, uint64_t name)
{
    struct lots *l = &w->lots;

    if (l->n_strikes == l->cap_strikes) {
        l->cap_strikes = l->cap_strikes ? l->cap_strikes * 2 : 64;
        l->strike = realloc(l->strike, l->cap_strikes * sizeof(*l->strike));
        if (!l->strike)
            abort();
    }
    l->strike[l->n_strikes++] = (struct strike){fault, name, w->now};
}

bool lot_strikes(struct world *w, struct lot *lot, enum fault fault, unsigned per_mille)
{
    uint64_t name = stir(lot->name ^ ((uint64_t)fault << 56));

    if (!dice_chance(&lot->dice, per_mille) || spared(&w->lots, name))
        return false;
    w->lots.struck[fault]++;
    w->laws.disturbed = w->now;
    if (w->lots.keep)
        strike_keep(w, fault, name);
    return true;
}
