/* SPDX-License-Identifier: Apache-2.0 */
/* What the cross tests share: the build's algorithms and a generator that can be replayed. */
#ifndef TESTS_CROSS_H
#define TESTS_CROSS_H

#include "suite/alg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern const struct alg_registry alg_registry;

static inline void dice_fill(void *ctx, uint8_t *out, size_t len)
{
    uint64_t *state = ctx;

    for (size_t i = 0; i < len; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(*state >> 56);
    }
}
static inline struct span dice_span(uint64_t *state, uint8_t *out, size_t len)
{
    dice_fill(state, out, len);
    return span_of(out, len);
}

static inline const struct alg *alg_must(const char *name)
{
    const struct alg *a = alg_by_name(&alg_registry, name);

    if (!a)
        fail_msg("no %s in this build", name);
    return a;
}

#endif
