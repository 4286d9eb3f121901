/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many seeds on all processors. Workers are forked; each takes the next seed from memory that all share, plays it, and adds what
 * it saw to a tally of its own. A worker that dies, of a signal or of a sanitizer's report, or that does not come back from a
 * seed, has failed that seed and another takes its place. Nobody waits for anybody.
 */
#ifndef SIM_CAMPAIGN_H
#define SIM_CAMPAIGN_H

#include "play.h"

#include <stdatomic.h>

#define CAMPAIGN_JOBS_MAX 64
#define CAMPAIGN_FAILURES_MAX 16
#define CAMPAIGN_PATIENCE_S 120

struct campaign {
    uint64_t from, to;  /* seeds, both included; to UINT64_MAX = without end */
    unsigned seconds;   /* 0 = without limit */
    uint64_t exchanges; /* stop when there were so many; 0 = without limit */
    unsigned jobs;      /* 0 = one for each processor */
    unsigned failures;  /* stop after so many; 0 = go on */
    unsigned patience;  /* seconds that one seed may take, by the wall clock */
    struct play play;   /* seed is filled in */
};

struct failure {
    uint64_t seed;
    char law[16], why[240];
};

/* What one worker has seen. Written by it alone. */
struct tally {
    _Atomic uint64_t seed, since_us; /* under way, and since when; since 0 = none */
    uint64_t seeds, exchanges, steps, simulated_us, digest;
    uint64_t judged[LAW_COUNT], struck[FAULT_KINDS];
    uint64_t failed;
    struct failure failure[CAMPAIGN_FAILURES_MAX];
    uint64_t memory_first, memory_most; /* resident bytes after 50 seeds, and at most */
};

struct campaign_result {
    struct tally sum;
    double seconds;
    unsigned jobs;
};

/* Plays it; progress goes to standard output. False when it could not begin. */
bool campaign_run(const struct campaign *, struct campaign_result *);
/* progress.c: a line while it runs, and the sums at the end, as TAP comments. */
void progress_line(const struct campaign *, const struct tally *sum, double seconds, bool last);
void progress_sums(const struct campaign *, const struct campaign_result *);
/* Was every law judged and every fault injected? Says which were not. Of few seeds nothing is expected, nor of scenarios, which
 * have their own subject, nor of real algorithms, which let nobody look inside. */
bool progress_complete(const struct campaign *, const struct campaign_result *);
#define CAMPAIGN_MANY 1000 /* seeds */

#endif
