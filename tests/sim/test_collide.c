/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_collide [--seconds S] [--seed N] [--faults N] [--acts 2|3] [--settings WORDS] [--failures N] [--every] [--most N]
 * test_collide --schedule WORD
 *
 * All collisions. TAP. Without arguments by CHARON_SIZE: ci plays all schedules of two acts without faults, then, beginning with
 * the seed that the clock gives, those with a fault at one setting and some of three acts at another; full plays all of these at
 * all settings; else what there is time for in 5 s of CPU.
 */
#include "collide.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int replay(const char *word)
{
    static struct clash_played p;
    struct clash_case c;
    struct clash_choice v[CLASH_CHOICES];
    size_t n;

    if (!clash_word(word, &c, v, &n)) {
        fprintf(stderr, "test_collide: %s is no schedule: SETTING/NONCES/ACTS/CHOICES\n", word);
        return 2;
    }
    clash_play(&c, v, n, true, NULL, &p);
    if (p.strange)
        printf("# %zu of the choices were not there to be chosen\n", p.strange);
    printf("%s - %s\n1..1\n", p.failed ? "not ok 1" : "ok 1", p.failed ? p.why : word);
    return p.failed;
}

static unsigned tests;

static unsigned known(void)
{
    static struct clash_played p;
    struct clash_choice v[CLASH_CHOICES];
    struct clash_case c;
    unsigned failed = 0;
    size_t n;

    for (const struct clash_known *k = clash_known; k->word; k++) {
        bool bad = !clash_word(k->word, &c, v, &n);

        if (!bad)
            clash_play(&c, v, n, false, NULL, &p);
        bad |= p.failed;
        failed += bad;
        printf("%s %u - %s (%s)%s%s\n", bad ? "not ok" : "ok", ++tests, k->what, k->word, bad ? ": " : "", bad ? p.why : "");
    }
    return failed;
}

static unsigned settings_of(const char *words)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < CLASH_SETTINGS; i++)
        if (strstr(words, clash_setting_names[i]))
            bits |= 1u << i;
    return bits;
}

/* --- sizes
 * ------------------------------------------------------------------------------------------------------------------------ */

static bool search(const struct clash_wish *wish, struct clash_counts *sum)
{
    struct clash_counts n;
    char settings[80] = "";

    for (unsigned i = 0; i < CLASH_SETTINGS; i++)
        if (wish->settings >> i & 1)
            snprintf(settings + strlen(settings), sizeof(settings) - strlen(settings), " %s", clash_setting_names[i]);
    clash_search(wish, &n);
    n.failed += wish->seconds == 0 && !n.failed && !n.complete; /* all of them were asked for */
    printf("# counted: collisions: %llu schedules played, %llu distinct, %llu of them "
           "to where another has been, %llu cases of %u acts with %u faults,%s, seed %llu, "
           "%.0f s of CPU%s\n",
           (unsigned long long)n.played, (unsigned long long)n.distinct, (unsigned long long)n.merged,
           (unsigned long long)n.cases, wish->acts, wish->faults, settings, (unsigned long long)wish->seed, n.seconds,
           n.complete ? ", all there are" : "");
    printf("%s %u - %u acts, %u faults,%s\n", n.failed ? "not ok" : "ok", ++tests, wish->acts, wish->faults, settings);
    fflush(stdout);
    sum->distinct += n.distinct;
    sum->failed += n.failed;
    return !n.failed;
}

#define EVERY_SETTING ((1u << CLASH_SETTINGS) - 1)
#define LEAST 10000 /* schedules, all different */
#ifdef __SANITIZE_ADDRESS__
#define ALL 30 /* seconds of what is played to its end without sanitizers, which are slow */
#else
#define ALL 0
#endif

/* Two acts without a fault, then with one, then three acts, at each setting: all there are; or, but for the first, as many at one
 * setting as there is time for. */
static bool sized(bool full, uint64_t seed)
{
    static const struct clash_wish parts[] = {
        {.acts = 2, .faults = 0, .seconds = 0}, {.acts = 2, .faults = 1, .seconds = 30}, {.acts = 3, .faults = 0, .seconds = 15}};
    struct clash_counts sum = {0};
    bool good = true;

    for (size_t k = 0; k < COUNT_OF(parts); k++)
        for (unsigned i = 0; i < CLASH_SETTINGS; i++) {
            struct clash_wish wish = parts[k];

            if (!full && wish.seconds > 0 && i != (seed + k) % CLASH_SETTINGS)
                continue;
            wish.settings = 1u << i;
            wish.seed = wish.seconds > 0 ? seed : 0;
            wish.failures = 10;
            wish.seconds = full ? ALL : wish.seconds;
            good &= search(&wish, &sum);
        }
    printf("%s %u - %llu schedules, at least %u of them distinct\n", sum.distinct >= LEAST ? "ok" : "not ok", ++tests,
           (unsigned long long)sum.distinct, LEAST);
    return good && sum.distinct >= LEAST;
}

static bool option(struct clash_wish *wish, int c)
{
    unsigned long long n = c == 'w' || c == 's' || c == 'e' ? 0 : strtoull(optarg, NULL, 10);

    switch (c) {
    case 's':
        wish->seconds = strtod(optarg, NULL);
        return true;
    case 'n':
        wish->seed = n;
        return true;
    case 'f':
        wish->faults = (unsigned)n;
        return true;
    case 'a':
        wish->acts = (unsigned)n;
        return n == 2 || n == 3;
    case 'm':
        wish->failures = (unsigned)n;
        return true;
    case 'e':
        wish->every = true;
        return true;
    case 'o':
        wish->most = (unsigned)n;
        return true;
    case 'w':
        wish->settings = settings_of(optarg);
        return wish->settings;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"schedule", required_argument, NULL, 'r'}, {"seconds", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, 'n'},     {"faults", required_argument, NULL, 'f'},
        {"acts", required_argument, NULL, 'a'},     {"settings", required_argument, NULL, 'w'},
        {"failures", required_argument, NULL, 'm'}, {"every", no_argument, NULL, 'e'},
        {"most", required_argument, NULL, 'o'},     {NULL, 0, NULL, 0}};
    struct clash_wish wish = {.settings = EVERY_SETTING, .acts = 2, .failures = 10};
    const char *size = getenv("CHARON_SIZE");
    bool full = size && !strcmp(size, "full"), good;
    struct clash_counts sum = {0};

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'r')
            return replay(optarg);
        if (!option(&wish, c)) {
            fprintf(stderr, "test_collide: see the head of tests/sim/test_collide.c\n");
            return 2;
        }
    }
    plan_keep(true);
    good = known() == 0;
    if (argc == 1 && (full || (size && !strcmp(size, "ci")))) {
        good &= sized(full, (uint64_t)time(NULL));
    } else {
        wish.seconds = argc == 1 ? 5 : wish.seconds;
        good &= search(&wish, &sum);
    }
    plan_keep(false);
    printf("1..%u\n", tests);
    return !good;
}
