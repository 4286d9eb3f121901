/* SPDX-License-Identifier: Apache-2.0 */
#include "dice.h"

#include <string.h>

/* splitmix64 fills the state of xoshiro256** (Blackman, Vigna), as its authors advise. */
void dice_seed(struct dice *d, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        d->s[i] = z ^ z >> 31;
    }
}

static uint64_t rotate(uint64_t v, int n)
{
    return v << n | v >> (64 - n);
}

uint64_t dice_u64(struct dice *d)
{
    uint64_t *s = d->s, out = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return out;
}

uint64_t dice_below(struct dice *d, uint64_t n)
{
    return n ? dice_u64(d) % n : 0;
}

bool dice_chance(struct dice *d, unsigned per_mille)
{
    if (!per_mille || per_mille >= 1000)
        return per_mille != 0;
    return dice_below(d, 1000) < per_mille;
}

usec_t dice_between(struct dice *d, usec_t low, usec_t high)
{
    return high > low ? low + (usec_t)dice_below(d, (uint64_t)(high - low) + 1) : low;
}

static void dice_fill(void *ctx, uint8_t *out, size_t len)
{
    while (len) {
        uint64_t v = dice_u64(ctx);
        size_t n = len < 8 ? len : 8;

        memcpy(out, &v, n);
        out += n;
        len -= n;
    }
}

struct rng dice_rng(struct dice *d)
{
    return (struct rng){dice_fill, d};
}
