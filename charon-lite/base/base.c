/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

const char *err_text(int err)
{
    static const char *const words[] = {
        "success",   "a limit was reached", "input too short",      "malformed input",   "out of memory",
        "not found", "it exists",           "cryptography refused", "refused by policy", "the system failed",
        "try again", "not supported",       "not proved",
    };
    size_t i = err <= 0 ? (size_t)-err : COUNT_OF(words);

    return i < COUNT_OF(words) ? words[i] : "unknown error";
}

usec_t usec_add(usec_t a, usec_t b)
{
    usec_t sum;

    return __builtin_add_overflow(a, b, &sum) ? USEC_NEVER : sum;
}

uint32_t rng_u32(const struct rng *rng)
{
    uint32_t v;

    rng->fill(rng->ctx, (uint8_t *)&v, sizeof(v));
    return v;
}

uint64_t rng_u64(const struct rng *rng)
{
    uint64_t v;

    rng->fill(rng->ctx, (uint8_t *)&v, sizeof(v));
    return v;
}

uint64_t rng_below(const struct rng *rng, uint64_t below)
{
    return below ? rng_u64(rng) % below : 0;
}
