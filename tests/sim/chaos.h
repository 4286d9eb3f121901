/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storm: a world of some shape, faults of some kinds, all by the seed; then the faults stop and the world must heal in a time
 * that a formula gives. What the world is comes from the world's dice; every fault comes from a lot of its own (lot.h), so that a
 * failing run can be shortened.
 */
#ifndef SIM_CHAOS_H
#define SIM_CHAOS_H

#include "scenario.h"

enum shape { SHAPE_PAIR, SHAPE_NAT, SHAPE_HUB, SHAPE_HOSTS, SHAPE_MANY, SHAPE_SPLIT, SHAPE_KINDS };

/* Plans for the ends of a world of this shape, and packets that use them. */
void chaos_shape(struct world *, enum shape);
/* Rounds of faults, orders and events; each seed has a few kinds of fault, seldom all. */
void chaos_storm(struct world *);
/* No more faults, and what was ordered down is ordered up; rest within twice the time in which a request is given up. */
void chaos_heal(struct world *);
/* How long an end repeats a request before it gives up, at most. */
usec_t chaos_give_up(const struct plan_globals *);

#endif
