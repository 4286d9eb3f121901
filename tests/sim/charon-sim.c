/* SPDX-License-Identifier: Apache-2.0 */
/* charon-sim [--scenario NAME] [--seed N] [--runs N] [--verbose] [--list]: play scenarios, replay a seed exactly.
 * Speaks TAP. */
#include "scenario.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

struct wish {
    const char *name;
    uint64_t seed;
    unsigned long runs;
    bool verbose;
};

static int list(void)
{
    const struct scenario *s;

    for (size_t n = 0; (s = scenario_at(n)); n++)
        printf("%-28s %s\n", s->name, s->what);
    return 0;
}

static int usage(void)
{
    fputs("usage: charon-sim [--scenario NAME] [--seed N] [--runs N] [--verbose] [--list]\n", stderr);
    return 2;
}

/* `runs` seeds from `seed` on; the number of failures. */
static unsigned long play(const struct scenario *s, const struct wish *wish)
{
    static unsigned number;
    unsigned long failed = 0;

    for (unsigned long i = 0; i < wish->runs; i++) {
        struct world *w = scenario_play(s, wish->seed + i, wish->verbose);

        if (!w)
            continue;
        failed++;
        fprintf(stderr, "%s: ", s->name);
        world_report(w);
        world_free(w);
        if (failed >= 3)
            break;
    }
    printf("%sok %u - %s\n", failed ? "not " : "", ++number, s->name);
    fflush(stdout);
    return failed;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"scenario", required_argument, NULL, 'n'}, {"seed", required_argument, NULL, 's'},
                                            {"runs", required_argument, NULL, 'r'},     {"verbose", no_argument, NULL, 'v'},
                                            {"list", no_argument, NULL, 'l'},           {NULL, 0, NULL, 0}};
    struct wish wish = {.seed = 1, .runs = 1};
    unsigned long failed = 0;
    const struct scenario *s;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'n')
            wish.name = optarg;
        else if (c == 's')
            wish.seed = strtoull(optarg, NULL, 10);
        else if (c == 'r')
            wish.runs = strtoul(optarg, NULL, 10);
        else if (c == 'v')
            wish.verbose = true;
        else
            return c == 'l' ? list() : usage();
    }
    if (wish.name && !scenario_find(wish.name)) {
        fprintf(stderr, "charon-sim: no scenario %s; --list shows them\n", wish.name);
        return 2;
    }
    for (size_t n = 0; (s = scenario_at(n)); n++)
        if (!wish.name || s == scenario_find(wish.name))
            failed += play(s, &wish);
    return failed ? 1 : 0;
}
