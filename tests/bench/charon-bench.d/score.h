/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured, and how it is shown: a line a second, and a JSON object at the end. */
#ifndef CHARON_BENCH_SCORE_H
#define CHARON_BENCH_SCORE_H

#include <jansson.h>

#include "base/base.h"

/* Durations in microseconds, for percentiles. */
struct samples {
    uint32_t *v;
    size_t n, cap;
};
void samples_add(struct samples *, usec_t us);
json_t *samples_json(struct samples *); /* {"n", "min", "p50", "p90", "p99", "max"}; null when there are none. Sorts */
void samples_done(struct samples *);

/* How often each reason was heard; the rarer ones of more than REASONS_MAX count as "other". */
#define REASONS_MAX 16
struct reasons {
    char *text[REASONS_MAX];
    uint64_t n[REASONS_MAX];
    size_t used;
};
void reasons_add(struct reasons *, const char *text);
json_t *reasons_json(const struct reasons *);
void reasons_done(struct reasons *);

/* A stretch of time and what this process spent in it. */
struct stretch {
    usec_t began, ended; /* CLOCK_BOOTTIME */
    double wall_began, wall_ended, cpu_us;
    usec_t work_ended; /* the last thing done */
};
void stretch_begin(struct stretch *);
void stretch_end(struct stretch *);
double stretch_seconds(const struct stretch *); /* to the last thing done */

#endif
