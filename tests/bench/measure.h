/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, and order for medians, of the programs that measure. */
#ifndef TESTS_BENCH_MEASURE_H
#define TESTS_BENCH_MEASURE_H

#include <time.h>

static inline double clock_s(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Seconds: on the wall, on processors by this process, by this thread. */
static inline double wall_s(void)
{
    return clock_s(CLOCK_MONOTONIC);
}

static inline double process_s(void)
{
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

static inline double thread_s(void)
{
    return clock_s(CLOCK_THREAD_CPUTIME_ID);
}

/* For qsort() of doubles. */
static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

#endif
