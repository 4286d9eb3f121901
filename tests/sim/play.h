/* SPDX-License-Identifier: Apache-2.0 */
/* One run of one seed, as charon-sim plays it: once, again for the trace hash, many times shorter, or in a campaign. */
#ifndef SIM_PLAY_H
#define SIM_PLAY_H

#include "scenario.h"

struct record;

struct play {
    const struct scenario *scenario; /* NULL = one of the storms, by the seed */
    uint64_t seed;
    uint64_t steps; /* the world stops after so many; 0 = when it is over */
    bool mixed;     /* the first seeds play the scenarios, one after the other; the rest storms */
    bool real;      /* real algorithms instead of glass */
    bool verbose, quiet;
    const uint64_t *spared; /* sorted names of faults that do not strike (lot.h) */
    size_t n_spared;
    bool keep_strikes;
    struct record *record; /* NULL = nothing is written down */
};

const struct scenario *play_scenario(const struct play *);
/* The world when it is over, broken or not; the caller frees it. */
struct world *play(const struct play *);
/* Broke a law (and was not merely stopped by `steps`). */
bool play_broke(const struct world *);

#endif
