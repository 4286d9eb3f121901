/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with a flood. FLOOD_PACKETS sets the size of each flood (100,000; with CHARON_SIZE=full a million), FLOOD_SEED the seed
 * (the clock). */
#ifndef SIM_FLOOD_TEST_H
#define SIM_FLOOD_TEST_H

#include "flood.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#ifndef SEC
#define SEC USEC_SEC
#define MS USEC_MSEC
#endif
#define MIB ((int64_t)1 << 20)

static size_t packets = 100000;
static uint64_t seed;

static inline int flood_tests(const char *group, const struct CMUnitTest *tests, size_t n_tests)
{
    const char *n = getenv("FLOOD_PACKETS"), *s = getenv("FLOOD_SEED"), *size = getenv("CHARON_SIZE");

    packets = n ? strtoul(n, NULL, 10) : size && !strcmp(size, "full") ? 1000000 : packets;
    seed = s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL);
    printf("# FLOOD_SEED=%llu FLOOD_PACKETS=%zu\n", (unsigned long long)seed, packets);
    return _cmocka_run_group_tests(group, tests, n_tests, NULL, NULL);
}

/* A flood whose first guest is up: there is an IKE_SA_INIT to copy. What follows is measured from here. */
static inline struct flood *flood_begun(const char *daemon, size_t n_guests, struct addr (*place)(size_t))
{
    struct flood *f = flood_new(seed, daemon, n_guests, place);

    assert_non_null(f);
    flood_ask(f, 0, NULL);
    flood_run(f, f->now + SEC);
    assert_true(f->n_up == 1);
    f->hub.peak = f->hub.bytes;
    f->hub.cpu_us = 0;
    f->to_strangers = f->hub.dh = f->hub.tells = 0;
    return f;
}

#endif
