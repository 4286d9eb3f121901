/* SPDX-License-Identifier: Apache-2.0 */
/* All chance in the simulated world comes from here: the same seed gives the same throws. */
#ifndef SIM_DICE_H
#define SIM_DICE_H

#include "base/base.h"

struct dice {
    uint64_t s[4];
};
void dice_seed(struct dice *, uint64_t seed);
uint64_t dice_u64(struct dice *);
uint64_t dice_below(struct dice *, uint64_t n);              /* [0, n); 0 for n = 0 */
bool dice_chance(struct dice *, unsigned per_mille);         /* draws only when the chance is neither 0 nor 1000 */
usec_t dice_between(struct dice *, usec_t low, usec_t high); /* both included */
struct rng dice_rng(struct dice *);

#endif
