/* SPDX-License-Identifier: Apache-2.0 */
/* A course under way; for course.c, which runs it, and result.c, which tells of it. */
#ifndef CHARON_BENCH_RACE_H
#define CHARON_BENCH_RACE_H

#include "tests/bench/charon-bench.d/fleet.h"
#include "tests/bench/charon-bench.d/options.h"
#include "tests/bench/charon-bench.d/score.h"

#define SECONDS_MAX 600 /* of which it is kept how many were done in each */

enum phase { PHASE_ESTABLISH, PHASE_REKEY, PHASE_HOLD, PHASE_OVER };
enum state { STATE_IDLE, STATE_BEGUN, STATE_KEYED, STATE_UP, STATE_REKEYING, STATE_AGAIN, STATE_FAILED };

struct runner {
    uint8_t state;
    usec_t since;
};
/* Of a phase that does something to each peer. */
struct lap {
    struct stretch time;
    uint64_t wanted, begun, done, failed;
    struct fleet_counts before, after;
    struct samples init, whole;
    struct reasons reasons;
    uint32_t by_second[SECONDS_MAX];
    uint64_t behind;          /* --rate: so many were due and not begun, at the worst */
    uint64_t attempts_failed; /* --retry: of those that are tried again */
};
struct course {
    const struct options *o;
    struct loop *loop;
    struct timer *wake;
    struct watch *signals[2];
    struct fleet *fleet;
    struct runner *runners;
    enum phase phase;
    struct lap laps[2]; /* PHASE_ESTABLISH, PHASE_REKEY */
    usec_t phase_since, shown_at;
    uint64_t shown_done, up, lost;
    uint32_t *again; /* --retry: peers that have failed; none is in it twice */
    size_t n_again;
    bool interrupted;
};

static inline size_t lap_second(const struct lap *l) /* of the last thing done */
{
    usec_t s = (l->time.work_ended - l->time.began) / USEC_SEC;

    return s < SECONDS_MAX ? (size_t)s : SECONDS_MAX - 1;
}

/* The JSON object, where the options want it; 0 or an error. */
int result_write(struct course *) MUST_USE;
void result_sum_up(const struct course *);

#endif
