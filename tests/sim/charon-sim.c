/* SPDX-License-Identifier: Apache-2.0 */
/* charon-sim: play scenarios, replay a seed exactly, run campaigns of many seeds. Speaks TAP. tests/sim/README tells more. */
#include "campaign.h"
#include "planted.h"
#include "replay.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct wish {
    const char *name;
    const struct scenario *scenario;
    uint64_t seed;
    unsigned long runs;
    bool seed_given, seeds_given, verbose;
    struct campaign campaign;
    struct replay replay;
};

static int list(void)
{
    const struct scenario *s;

    for (size_t n = 0; (s = scenario_at(n)); n++)
        printf("%-28s %s\n", s->name, s->what);
    return 0;
}

static int laws(void)
{
    for (unsigned i = 0; i < LAW_COUNT; i++)
        printf("%-12s %s\n", law_word((enum law)i), law_what((enum law)i));
    return 0;
}

static int usage(void)
{
    fputs("usage: charon-sim [--scenario NAME] [--seed N] [--runs N] [--verbose]     play scenarios (all of them)\n"
          "       charon-sim --seed N [--steps M] [--whole] [--shrink SECONDS]        replay one seed of the storms\n"
          "       charon-sim --seeds A..B|A..|clock [--for SECONDS] [--exchanges N]   many seeds\n"
          "                  [--jobs N] [--failures N] [--scenario NAME | --mixed]\n"
          "       charon-sim --hunt SECONDS [--planted NAME]                          until the first failure: all scenarios, "
          "then storms\n"
          "       charon-sim --list | --laws\n"
          "with any: --algorithms glass|real\n",
          stderr);
    return 2;
}

/* `runs` seeds from `seed` on; the number of failures. */
static unsigned long play_runs(const struct scenario *s, const struct wish *wish)
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

static int play_scenarios(const struct wish *wish)
{
    unsigned long failed = 0;
    const struct scenario *s;

    for (size_t n = 0; (s = scenario_at(n)); n++)
        if (!wish->scenario || s == wish->scenario)
            failed += play_runs(s, wish);
    return failed ? 1 : 0;
}

static int play_campaign(struct wish *wish)
{
    struct campaign_result r;
    bool complete;

    wish->campaign.play.scenario = wish->scenario;
    printf("# seeds %llu..", (unsigned long long)wish->campaign.from);
    if (wish->campaign.to != UINT64_MAX)
        printf("%llu", (unsigned long long)wish->campaign.to);
    printf("\n");
    if (!campaign_run(&wish->campaign, &r)) {
        printf("not ok 1 - campaign: no seed was played\n");
        return 1;
    }
    progress_sums(&wish->campaign, &r);
    complete = progress_complete(&wish->campaign, &r);
    printf("%sok 1 - campaign of %llu seeds\n", r.sum.failed ? "not " : "", (unsigned long long)r.sum.seeds);
    printf("%sok 2 - every law was judged and every fault injected, if the seeds are many\n", complete ? "" : "not ");
    if (!r.sum.failed || !wish->replay.seconds || !strcmp(r.sum.failure[0].law, "crash") ||
        !strcmp(r.sum.failure[0].law, law_word(LAW_MEMORY)))
        return r.sum.failed || !complete ? 1 : 0;
    wish->replay.play = wish->campaign.play;
    wish->replay.play.seed = r.sum.failure[0].seed;
    replay_show(&wish->replay);
    return 1;
}

/* "A..B", "A..", or "clock": another part of the seeds every second. */
static bool seeds_read(struct campaign *c, const char *text)
{
    char *end;

    c->to = UINT64_MAX;
    if (!strcmp(text, "clock")) {
        c->from = (uint64_t)time(NULL) * 1000;
        return true;
    }
    c->from = strtoull(text, &end, 10);
    if (end == text || strncmp(end, "..", 2) != 0)
        return false;
    if (end[2])
        c->to = strtoull(end + 2, &end, 10);
    return c->to >= c->from;
}

static bool algorithms_read(struct wish *wish, const char *text)
{
    wish->campaign.play.real = wish->replay.play.real = !strcmp(text, "real");
    return wish->replay.play.real || !strcmp(text, "glass");
}

enum {
    O_SCENARIO = 1,
    O_SEED,
    O_RUNS,
    O_VERBOSE,
    O_LIST,
    O_LAWS,
    O_STEPS,
    O_WHOLE,
    O_SHRINK,
    O_SEEDS,
    O_FOR,
    O_EXCHANGES,
    O_JOBS,
    O_FAILURES,
    O_ALGORITHMS,
    O_HUNT,
    O_MIXED,
    O_PLANTED
};
static const struct option options[] = {{"scenario", required_argument, NULL, O_SCENARIO},
                                        {"seed", required_argument, NULL, O_SEED},
                                        {"runs", required_argument, NULL, O_RUNS},
                                        {"verbose", no_argument, NULL, O_VERBOSE},
                                        {"list", no_argument, NULL, O_LIST},
                                        {"laws", no_argument, NULL, O_LAWS},
                                        {"steps", required_argument, NULL, O_STEPS},
                                        {"whole", no_argument, NULL, O_WHOLE},
                                        {"shrink", required_argument, NULL, O_SHRINK},
                                        {"seeds", required_argument, NULL, O_SEEDS},
                                        {"for", required_argument, NULL, O_FOR},
                                        {"exchanges", required_argument, NULL, O_EXCHANGES},
                                        {"jobs", required_argument, NULL, O_JOBS},
                                        {"failures", required_argument, NULL, O_FAILURES},
                                        {"algorithms", required_argument, NULL, O_ALGORITHMS},
                                        {"hunt", required_argument, NULL, O_HUNT},
                                        {"mixed", no_argument, NULL, O_MIXED},
                                        {"planted", required_argument, NULL, O_PLANTED},
                                        {NULL, 0, NULL, 0}};

static bool take_number(struct wish *wish, int option, uint64_t n)
{
    switch (option) {
    case O_SEED:
        wish->seed = wish->replay.play.seed = n;
        wish->seed_given = true;
        return true;
    case O_RUNS:
        wish->runs = n;
        return true;
    case O_STEPS:
        wish->replay.play.steps = n;
        return true;
    case O_SHRINK:
        wish->replay.seconds = (unsigned)n;
        return true;
    case O_FOR:
        wish->campaign.seconds = (unsigned)n;
        return true;
    case O_EXCHANGES:
        wish->campaign.exchanges = n;
        return true;
    case O_JOBS:
        wish->campaign.jobs = (unsigned)n;
        return true;
    case O_HUNT:
        wish->seeds_given = true;
        wish->campaign.to = UINT64_MAX;
        wish->campaign.seconds = (unsigned)n;
        wish->campaign.failures = 1;
        wish->campaign.patience = 10;
        wish->campaign.play.mixed = true;
        wish->replay.seconds = 0;
        return true;
    case O_FAILURES:
        wish->campaign.failures = (unsigned)n;
        return true;
    default:
        return false;
    }
}

/* False = not understood. */
static bool take(struct wish *wish, int option, const char *text)
{
    switch (option) {
    case O_SCENARIO:
        wish->name = text;
        return true;
    case O_VERBOSE:
        wish->verbose = wish->replay.play.verbose = true;
        return true;
    case O_WHOLE:
        wish->replay.whole = true;
        return true;
    case O_MIXED:
        wish->campaign.play.mixed = true;
        return true;
    case O_SEEDS:
        wish->seeds_given = true;
        return seeds_read(&wish->campaign, text);
    case O_ALGORITHMS:
        return algorithms_read(wish, text);
    case O_PLANTED:
        planted_bug = text;
        return planted_built;
    default:
        return text && take_number(wish, option, strtoull(text, NULL, 10));
    }
}

int main(int argc, char **argv)
{
    struct wish wish = {.seed = 1, .runs = 0, .replay = {.seconds = 20}, .campaign = {.patience = CAMPAIGN_PATIENCE_S}};

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == O_LIST || c == O_LAWS)
            return c == O_LIST ? list() : laws();
        if (!take(&wish, c, optarg))
            return usage();
    }
    wish.scenario = wish.name ? scenario_find(wish.name) : NULL;
    if (wish.name && !wish.scenario) {
        fprintf(stderr, "charon-sim: no scenario %s; --list shows them\n", wish.name);
        return 2;
    }
    if (wish.seeds_given)
        return play_campaign(&wish);
    if (wish.seed_given && !wish.runs) {
        wish.replay.play.scenario = wish.scenario;
        return replay_run(&wish.replay);
    }
    wish.runs = wish.runs ? wish.runs : 1;
    return play_scenarios(&wish);
}
