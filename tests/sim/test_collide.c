/* SPDX-License-Identifier: Apache-2.0 */
/* test_collide [--seconds S] [--seed N] [--faults N] [--acts 2|3] [--settings WORDS] [--schedule WORD]: all collisions. TAP. */
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
    clash_play(&c, v, n, true, &p);
    if (p.strange)
        printf("# %zu of the choices were not there to be chosen\n", p.strange);
    printf("%s - %s\n1..1\n", p.failed ? "not ok 1" : "ok 1", p.failed ? p.why : word);
    return p.failed;
}

static unsigned known(void)
{
    static struct clash_played p;
    struct clash_choice v[CLASH_CHOICES];
    struct clash_case c;
    unsigned failed = 0, number = 0;
    size_t n;

    for (const struct clash_known *k = clash_known; k->word; k++) {
        bool bad = !clash_word(k->word, &c, v, &n);

        if (!bad)
            clash_play(&c, v, n, false, &p);
        bad |= p.failed;
        failed += bad;
        printf("%s %u - %s (%s)%s%s\n", bad ? "not ok" : "ok", ++number, k->what, k->word, bad ? ": " : "", bad ? p.why : "");
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

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"schedule", required_argument, NULL, 'r'}, {"seconds", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, 'n'},     {"faults", required_argument, NULL, 'f'},
        {"acts", required_argument, NULL, 'a'},     {"settings", required_argument, NULL, 'w'},
        {"failures", required_argument, NULL, 'm'}, {"every", no_argument, NULL, 'e'},
        {"most", required_argument, NULL, 'o'},     {NULL, 0, NULL, 0}};
    struct clash_wish wish = {.settings = (1u << CLASH_SETTINGS) - 1, .acts = 2, .failures = 10};
    struct clash_counts n;
    unsigned failed;

    if (argc == 1)
        wish.seconds = 5;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'r')
            return replay(optarg);
        if (c == 's')
            wish.seconds = strtod(optarg, NULL);
        else if (c == 'n')
            wish.seed = strtoull(optarg, NULL, 10);
        else if (c == 'f')
            wish.faults = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'a')
            wish.acts = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'm')
            wish.failures = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'e')
            wish.every = true;
        else if (c == 'o')
            wish.most = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'w')
            wish.settings = settings_of(optarg);
        else
            return 2;
    }
    failed = known();
    clash_search(&wish, &n);
    printf("# counted: collisions: %llu schedules played, %llu distinct, %llu cases of %u acts with %u faults, seed %llu%s\n",
           (unsigned long long)n.played, (unsigned long long)n.distinct, (unsigned long long)n.cases, wish.acts, wish.faults,
           (unsigned long long)wish.seed, n.complete ? ", all there are" : "");
    printf("%s - all collisions\n", n.failed ? "not ok" : "ok");
    return n.failed || failed;
}
