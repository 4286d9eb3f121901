/* SPDX-License-Identifier: Apache-2.0 */
/* A look inside a core, without a word to it: the only file of the simulator that knows the nouns of ike/. */
#ifndef SIM_PEEK_H
#define SIM_PEEK_H

#include "ike/core.h"

struct peek_sa {
    bool child;
    uint64_t ours, theirs; /* SPIs; of a Child SA: inbound, outbound */
    const char *state;     /* a literal */
};
/* Every IKE SA, each followed by its Child SAs. */
void peek_sas(const struct core *, void (*fn)(void *ctx, const struct peek_sa *), void *ctx);

#endif
