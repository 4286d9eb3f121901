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

/* How many half-open IKE SAs of a peer with this SPI, at this address, it answers. */
size_t peek_half_open(const struct core *, uint64_t spi_i, const struct endpoint *from);
/* Of the configuration that it runs. */
void poke_awake(struct core *, size_t max); /* more half-open IKE SAs than that are put by */
uint32_t peek_generation(const struct core *);
/* What it keeps without need: timers, tickets, SPIs that belong to nothing, a retransmission of nothing. NULL, or what is wrong
 * (in a static buffer). A new timer or ticket of the core is counted here, or it is a leak. */
const char *peek_leak(const struct core *);

#endif
