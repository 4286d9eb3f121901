/* SPDX-License-Identifier: Apache-2.0 */
/*
 * course - what is done with the fleet, and when: all peers are established at a rate or in a window, then renewed as asked, then
 * held. A peer has failed when its core says so; one that neither fails nor succeeds ends the run after STALL.
 */
#ifndef CHARON_BENCH_COURSE_H
#define CHARON_BENCH_COURSE_H

#include "tests/bench/charon-bench.d/options.h"

/* The whole run; what main() returns. */
int course_run(const struct options *);

#endif
