/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floods at the core alone, in virtual time (RFC 8019, RFC 7296 2.6, 2.21.4, RFC 7383 2.6). FLOOD_PACKETS sets the size, a
 * million by default; FLOOD_SEED the seed, the clock by default.
 */
#include "flood.h"
#include "memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SEC USEC_SEC
#define MS USEC_MSEC
#define MIB ((int64_t)1 << 20)

static size_t packets = 1000000;
static uint64_t seed;

static struct endpoint stranger_anywhere(struct flood *f)
{
    struct endpoint e = {addr_v4((uint8_t)(11 + dice_below(&f->dice, 200)), (uint8_t)dice_u64(&f->dice),
                                 (uint8_t)dice_u64(&f->dice), (uint8_t)(1 + dice_below(&f->dice, 254))),
                         (uint16_t)(1 + dice_below(&f->dice, 65535))};

    return e;
}

/* Somebody in the /24 of a guest. */
static struct endpoint stranger_beside(struct flood *f)
{
    struct endpoint e = {f->guests[dice_below(&f->dice, f->n_guests)].addr, 500};

    e.addr.b[3] = (uint8_t)(101 + dice_below(&f->dice, 150));
    return e;
}

/* A million IKE_SA_INITs from addresses all over the world and beside the guests, 50,000 a second, while 1000 guests come. */
static void spoofed_inits(void **state)
{
    struct flood *f = flood_new(seed, "", 1000, NULL);
    usec_t every = 20, begin, lasts = (usec_t)packets * every;
    size_t next = 1, half_open = 0;
    int64_t before;
    double us;

    (void)state;
    assert_non_null(f);
    flood_ask(f, 0, NULL);
    flood_run(f, f->now + SEC); /* an IKE_SA_INIT to copy */
    assert_true(f->n_up == 1);
    before = f->hub.bytes;
    f->hub.peak = before;
    f->hub.cpu_us = 0;
    begin = f->now;
    for (size_t i = 0; i < packets; i++) {
        struct endpoint from = i % 5 ? stranger_anywhere(f) : stranger_beside(f);

        flood_hear(f, &from, flood_init(f, dice_u64(&f->dice) | 1, dice_u64(&f->dice)));
        half_open = core_count(f->hub.core).half_open > half_open ? core_count(f->hub.core).half_open : half_open;
        while (next < f->n_guests && f->now >= begin + lasts * (usec_t)next / (usec_t)f->n_guests)
            flood_ask(f, next++, NULL);
        flood_run(f, f->now + every);
    }
    us = f->hub.cpu_us / (double)packets;
    flood_run(f, f->now + 5 * SEC);
    printf(
        "# counted: floods: %zu spoofed IKE_SA_INIT in %ld s of virtual time, seed %llu: core grew by %ld KiB at most with %zu "
        "guests, at most %zu half-open, %llu cookies, %.1f%% of honest handshakes within 2 s, %.2f us of CPU each\n",
        packets, (long)(lasts / SEC), (unsigned long long)seed, (long)((f->hub.peak - before) >> 10), f->n_up, half_open,
        (unsigned long long)core_count(f->hub.core).cookies_sent, flood_served(f, begin, begin + lasts, 2 * SEC), us);
    assert_true(f->hub.peak - before <= 8 * MIB);
    assert_true(flood_served(f, begin, begin + lasts, 2 * SEC) >= 95);
    assert_true(half_open <= 64 + 32);
    flood_run(f, f->now + 60 * SEC);
    assert_true(core_count(f->hub.core).half_open == 0 && core_count(f->hub.core).ike_sas == f->n_up);
    flood_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spoofed_inits),
    };
    const char *n = getenv("FLOOD_PACKETS"), *s = getenv("FLOOD_SEED");

    packets = n ? strtoul(n, NULL, 10) : packets;
    seed = s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL);
    printf("# FLOOD_SEED=%llu FLOOD_PACKETS=%zu\n", (unsigned long long)seed, packets);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
