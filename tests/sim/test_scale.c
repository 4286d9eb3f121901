/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Very many peers of one hub: a virtual week of rekeys, liveness beside traffic, and a storm. SCALE_SEED is the seed (the clock),
 * SCALE_GUESTS the number of peers of the week,
 * SCALE_STORM of the storm.
 */
#include "config.h"
#include "ike/limits.h"
#include "scale.h"
#include "scale_expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SEC USEC_SEC
#define MINUTE SCALE_MINUTE
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define CHILD_SOFT HOUR
#define IKE_SOFT (4 * HOUR) /* as by default; looked at in a_virtual_week() */
#define LIVENESS (30 * SEC)

static uint64_t seed;
static size_t guests;

static void nothing_was_lost(const struct scale *s)
{
    static const enum fact bad[] = {FACT_IKE_DOWN,   FACT_IKE_FAILED, FACT_CHILD_DOWN, FACT_CHILD_FAILED, FACT_AUTH_FAILED,
                                    FACT_RETRANSMIT, FACT_PEER_DEAD,  FACT_LIMIT,      FACT_KERNEL};
    uint64_t ups = s->hub.facts[FACT_IKE_UP];

    assert_int_equal(s->lost, 0);
    assert_int_equal(ups, s->n_guests);
    for (size_t k = 0; k < COUNT_OF(bad); k++) {
        uint64_t n = s->hub.facts[bad[k]];

        for (size_t i = 0; i < SCALE_CORES; i++)
            n += s->crowd[i].facts[bad[k]];
        if (n)
            print_error("fact %u was told %llu times\n", bad[k], (unsigned long long)n);
        assert_int_equal(n, 0);
    }
}

/* Requests that come at once while the hub has few nonces are not heard (nonce_pool.c): the peers repeat them, then and never
 * again. */
static uint64_t repeats_forget(struct scale *s)
{
    uint64_t n = 0;

    for (size_t i = 0; i < SCALE_CORES; i++) {
        n += s->crowd[i].facts[FACT_RETRANSMIT];
        s->crowd[i].facts[FACT_RETRANSMIT] = 0;
    }
    return n;
}

static void all_are_up(struct scale *s)
{
    uint64_t repeats;

    scale_run(s, s->began + 2 * MINUTE);
    assert_int_equal(s->n_up, s->n_guests);
    repeats = repeats_forget(s);
    if (repeats)
        printf("# %llu requests of %zu peers were repeated on the way up\n", (unsigned long long)repeats, s->n_guests);
    scale_flow(s, TO_HUB, true);
    scale_flow(s, TO_GUEST, true);
}

/* --- a week ---------------------------------------------------------------------------------------------------------------- */

/* The hub's bytes, averaged over four hours: as long as an IKE SA lives. */
struct flat {
    double sum;
    size_t n;
};

static double flat_mean(const struct flat *f)
{
    return f->n ? f->sum / (double)f->n : 0;
}

static void minute_look(struct scale *s, struct flat *day2, struct flat *day7)
{
    struct core_counts c = core_count(s->hub.core);
    usec_t age = s->now - s->began;
    struct flat *f = age >= 2 * DAY - 4 * HOUR && age < 2 * DAY ? day2 : age >= 7 * DAY - 4 * HOUR && age < 7 * DAY ? day7 : NULL;

    assert_true(c.ike_sas >= s->n_guests && c.child_sas >= s->n_guests);
    if (f) {
        f->sum += (double)s->hub.bytes;
        f->n++;
    }
}

static void day_look(struct scale *s)
{
    size_t orphans = 0;

    assert_int_equal(scale_wanting(s), 0);
    for (size_t i = 0; i < s->n_guests; i++) {
        scale_flows_settle(s, &s->guests[i]);
        orphans += scale_orphans(s, &s->guests[i]);
    }
    assert_int_equal(orphans, 0);
    nothing_was_lost(s);
}

/* By more than six deviations (and six, where few are expected). The first of all come up before there are many, and stay
 * together for days. */
static bool beyond_chance(double n, double expected)
{
    double more = n - expected - 6 - REKEY_MANY;

    return more > 0 && more * more > 36 * expected;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* What was counted each minute is what jitter and lifetimes lead to: not more than the most that is to be expected about then,
 * and six deviations of chance. */
static void no_minute_is_fuller(const struct scale *s, const double *expected, bool ike, const char *what)
{
    for (size_t m = 1; m + 1 < s->n_minutes; m++) {
        double most = larger(expected[m - 1], larger(expected[m], expected[m + 1])),
               n = ike ? s->minutes[m].ike : s->minutes[m].child;

        if (beyond_chance(n, most))
            fail_msg("minute %zu has %.0f %s rekeys, where %.1f are to be expected at most", m, n, what, most);
    }
}

struct fullness {
    uint64_t all, fullest;
    double worst; /* fullest minute of an hour against the hour's mean */
};

/* From a time on. */
static struct fullness fullness_of(const struct scale *s, usec_t from, bool ike)
{
    struct fullness f = {0};

    for (size_t h = (size_t)(from / HOUR); (h + 1) * 60 <= s->n_minutes; h++) {
        uint64_t hour = 0, most = 0;

        for (size_t m = h * 60; m < h * 60 + 60; m++) {
            uint64_t n = ike ? s->minutes[m].ike : s->minutes[m].child;

            hour += n;
            most = n > most ? n : most;
        }
        f.all += hour;
        f.fullest = most > f.fullest ? most : f.fullest;
        f.worst = hour && (double)most * 60 / (double)hour > f.worst ? (double)most * 60 / (double)hour : f.worst;
    }
    return f;
}

/* No minute has more than three times the mean (scale_expect.c), and six deviations. */
static void no_storm(const struct scale *s, usec_t soft, bool ike, const char *what)
{
    double life = (double)soft * (0.9 + 0.1 / 3), mean = (double)s->n_guests * (double)MINUTE / life;
    struct fullness all = fullness_of(s, 0, ike);

    printf("# counted: scale: %s rekeys of a week: %llu, %.2f a minute by lifetimes; the fullest minute %llu, %.1f times "
           "the mean\n",
           what, (unsigned long long)all.all, mean, (unsigned long long)all.fullest, (double)all.fullest / mean);
    assert_false(beyond_chance((double)all.fullest, 3 * mean));
}

static void rekeys_are_as_expected(const struct scale *s, usec_t soft, bool ike, const char *what)
{
    double *expected = calloc(s->n_minutes, sizeof(*expected)), all = 0, n = 0;

    assert_non_null(expected);
    scale_expect(soft, SCALE_CORES * SEC, (double)s->n_guests, expected, s->n_minutes);
    no_minute_is_fuller(s, expected, ike, what);
    for (size_t m = 0; m < s->n_minutes; m++) {
        all += expected[m];
        n += ike ? s->minutes[m].ike : s->minutes[m].child;
    }
    if (n < all * 0.99 - 10 || n > all * 1.01 + 10)
        fail_msg("%.0f %s rekeys, where %.0f are to be expected", n, what, all);
    no_storm(s, soft, ike, what);
    free(expected);
}

static void a_virtual_week(void **state)
{
    struct scale *s = scale_new(&(struct scale_setup){.seed = seed, .guests = guests, .lasts = 7 * DAY, .liveness = "1h"});
    struct flat day2 = {0}, day7 = {0};
    clock_t began = clock();

    (void)state;
    assert_true(s->hub.conf->connections[0].rekey_us == IKE_SOFT);
    assert_true(s->hub.conf->connections[0].children[0].rekey_us == CHILD_SOFT);
    all_are_up(s);
    for (usec_t m = 3; m < 7 * 24 * 60; m++) {
        scale_run(s, s->began + m * MINUTE);
        minute_look(s, &day2, &day7);
        if (m % (24 * 60) == 24 * 60 - 30)
            day_look(s);
    }
    rekeys_are_as_expected(s, IKE_SOFT, true, "IKE SA");
    rekeys_are_as_expected(s, CHILD_SOFT, false, "Child SA");
    nothing_was_lost(s);
    if (flat_mean(&day2) > 0) {
        double ratio = flat_mean(&day7) / flat_mean(&day2);

        printf("# counted: scale: the hub's memory at day 2 %.0f bytes a peer, at day 7 %.0f\n",
               flat_mean(&day2) / (double)guests, flat_mean(&day7) / (double)guests);
        assert_true(ratio > 0.99 && ratio < 1.01);
    }
    scale_stop(s);
    assert_int_equal(scale_kernel_size(&s->hub), 0);
    for (size_t i = 0; i < SCALE_CORES; i++)
        assert_int_equal(scale_kernel_size(&s->crowd[i]), 0);
    printf(
        "# counted: scale: a virtual week of %zu peers, each with an IKE SA and a Child SA all the time: %llu datagrams, %.1f s "
        "of CPU, seed %llu, digest %016llx\n",
        guests, (unsigned long long)(s->hub.sent * 2), (double)(clock() - began) / CLOCKS_PER_SEC, (unsigned long long)seed,
        (unsigned long long)s->digest);
    scale_free(s);
}

static uint64_t digest_of(uint64_t with)
{
    struct scale *s = scale_new(&(struct scale_setup){.seed = with, .guests = 20, .lasts = 3 * HOUR, .liveness = "30s"});
    uint64_t digest;

    scale_run(s, s->began + 3 * HOUR);
    digest = s->digest;
    scale_free(s);
    return digest;
}

static void equal_seeds_replay(void **state)
{
    (void)state;
    assert_true(digest_of(seed) == digest_of(seed));
    assert_true(digest_of(seed) != digest_of(seed + 1));
}

/* --- liveness -------------------------------------------------------------------------------------------------------------- */

static struct scale *some_up(void)
{
    struct scale *s = scale_new(&(struct scale_setup){.seed = seed, .guests = 200, .lasts = 6 * HOUR, .liveness = "30s"});

    all_are_up(s);
    scale_run(s, s->now + MINUTE); /* what was due when nothing flowed yet */
    scale_probes_forget(s);
    return s;
}

/* RFC 7296 2.4: a peer that is heard need not be asked, and packets of ESP are as good as others. */
static void none_while_traffic_flows(void **state)
{
    struct scale *s = some_up();
    uint64_t queries = s->hub.asks[ASK_CHILD_QUERY];

    (void)state;
    scale_run(s, s->now + HOUR);
    queries = s->hub.asks[ASK_CHILD_QUERY] - queries;
    printf("# counted: scale: an hour of traffic of 200 peers: %llu liveness requests, %llu looks at counters in the hub, seed "
           "%llu\n",
           (unsigned long long)(s->probes[TO_HUB] + s->probes[TO_GUEST]), (unsigned long long)queries, (unsigned long long)seed);
    assert_true(queries > 200 * 60); /* they were due */
    assert_int_equal(s->probes[TO_HUB], 0);
    assert_int_equal(s->probes[TO_GUEST], 0);
    nothing_was_lost(s);
    scale_free(s);
}

/* The end that hears nothing any more asks, within an interval, a look at the counters and what they do not tell of a second;
 * and again each interval, for as long as nothing comes. */
static void asks_when_it_stops(struct scale *s, unsigned direction, const char *what)
{
    usec_t stopped = s->now;
    uint64_t *asked = &s->probes[!direction], first; /* who does not hear asks, and its question goes the other way */

    scale_flow(s, direction, false);
    scale_run(s, stopped + LIVENESS + 3 * SEC);
    first = *asked;
    scale_run(s, stopped + 10 * LIVENESS + 3 * SEC);
    printf("# counted: scale: %s: the first of 200 asks after %.1f s, %llu within 33 s, %llu within 303 s; the other end asks "
           "%llu times\n",
           what, (double)(s->probe_first[!direction] - stopped) / 1e6, (unsigned long long)first, (unsigned long long)*asked,
           (unsigned long long)s->probes[direction]);
    assert_true(s->probe_first[!direction] >= stopped + LIVENESS - 2 * SEC);
    assert_int_equal(first, 200);
    assert_true(*asked >= 9 * 200 && *asked <= 10 * 200);
    assert_int_equal(s->probes[direction], 0); /* it hears packets, and questions */
    nothing_was_lost(s);
    scale_free(s);
}

static void hub_asks_when_it_hears_nothing(void **state)
{
    (void)state;
    asks_when_it_stops(some_up(), TO_HUB, "only the hub's packets flow");
}

static void guests_ask_when_they_hear_nothing(void **state)
{
    (void)state;
    asks_when_it_stops(some_up(), TO_GUEST, "only the peers' packets flow");
}

static void some_end_asks_when_nothing_flows(void **state)
{
    struct scale *s = some_up();
    uint64_t both;

    (void)state;
    scale_flow(s, TO_HUB, false);
    scale_flow(s, TO_GUEST, false);
    scale_run(s, s->now + HOUR);
    both = s->probes[TO_HUB] + s->probes[TO_GUEST];
    printf("# counted: scale: an hour without traffic of 200 peers: %llu liveness requests, %.2f of each pair in 30 s\n",
           (unsigned long long)both, (double)both / 200 / 120);
    assert_true(both >= 200 * 100 && both <= 200 * 242);
    nothing_was_lost(s);
    scale_free(s);
}

/* --- a storm --------------------------------------------------------------------------------------------------------------- */

static size_t storm_guests(void)
{
    const char *size = getenv("CHARON_SIZE"), *n = getenv("SCALE_STORM");

    if (n)
        return strtoul(n, NULL, 10);
    return size && !strcmp(size, "full") ? 100000 : size && !strcmp(size, "ci") ? 12000 : 1200;
}

#define WINDOW (10 * SEC)
#define WINDOWS 180

struct storm {
    size_t windows[WINDOWS], n; /* guests that came up in each; until the last one has */
};

static void storm_read(const struct scale *s, struct storm *out)
{
    for (size_t i = 0; i < s->n_guests; i++) {
        size_t at = (size_t)((s->guests[i].up_at - s->began) / WINDOW);

        at = at < WINDOWS ? at : WINDOWS - 1;
        out->windows[at] += s->guests[i].up;
        out->n = at + 1 > out->n ? at + 1 : out->n;
    }
}

/* The least of any window that begins with enough guests missing to fill it; the last few come as their waits end. */
static size_t storm_least(const struct storm *storm, size_t guests_all, size_t peak)
{
    size_t least = peak, missing = guests_all;

    for (size_t k = 0; k < storm->n && missing >= peak; missing -= storm->windows[k++])
        least = storm->windows[k] < least ? storm->windows[k] : least;
    return least;
}

/* All come within a minute, and the vault can do half of that: two AUTH for each, a minute's worth of both together. */
static void a_storm_of_twice_the_capacity(void **state)
{
    size_t n = storm_guests(), peak = 0, least;
    usec_t cost = SCALE_CORES * SEC / (usec_t)n;
    struct scale *s = scale_new(&(struct scale_setup){
        .seed = seed, .guests = n, .lasts = HOUR, .liveness = "30s", .default_limits = true, .auth_cost = cost});
    struct storm storm = {0};

    (void)state;
    for (unsigned k = 1; k <= WINDOWS && s->n_up < n; k++)
        scale_run(s, s->began + k * WINDOW);
    storm_read(s, &storm);
    for (size_t k = 0; k < storm.n; k++) {
        printf("# %3zu s: %zu are up\n", k * 10, storm.windows[k]);
        peak = storm.windows[k] > peak ? storm.windows[k] : peak;
    }
    least = storm_least(&storm, n, peak);
    printf("# counted: scale: %zu peers come back within a minute at half the capacity: all but %zu up after %zu s; in 10 s at "
           "least %zu, at most %zu; %llu proofs (%llu answered too late), seed %llu\n",
           n, n - s->n_up, storm.n * 10, least, peak, (unsigned long long)(s->hub.asks[ASK_AUTH_CHECK]),
           (unsigned long long)s->hub.overdue, (unsigned long long)seed);
    assert_int_equal(s->n_up, n);
    assert_true(least * 2 >= peak);
    scale_free(s);
}

/* --------------------------------------------------------------------------------------------------------------------------- */

static size_t guests_of(const char *size)
{
    if (size && !strcmp(size, "full"))
        return 20000;
#ifdef SANITIZED
    return 200;
#else
    return size && !strcmp(size, "ci") ? 1000 : 200;
#endif
}

int main(void)
{
    const char *s = getenv("SCALE_SEED"), *n = getenv("SCALE_GUESTS");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_seeds_replay),
        cmocka_unit_test(none_while_traffic_flows),
        cmocka_unit_test(hub_asks_when_it_hears_nothing),
        cmocka_unit_test(guests_ask_when_they_hear_nothing),
        cmocka_unit_test(some_end_asks_when_nothing_flows),
        cmocka_unit_test(a_storm_of_twice_the_capacity),
        cmocka_unit_test(a_virtual_week),
    };

    seed = s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL);
    guests = n ? strtoul(n, NULL, 10) : guests_of(getenv("CHARON_SIZE"));
    printf("# SCALE_SEED=%llu SCALE_GUESTS=%zu\n", (unsigned long long)seed, guests);
    return cmocka_run_group_tests_name("sim scale", tests, NULL, NULL);
}
