/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of oom_cases.c without memory. */
#include "memory.h"
#include "oom.h"
#include "peek.h"

#include <stdio.h>

#define RECOVERY (20 * MINUTE) /* longer than a peer needs to be taken for dead, and some back-off */
#define COMPLAINTS_MAX 30

static const uint64_t mode_n[OOM_MODES] = {1, 10, UINT64_MAX / 2};
static const usec_t mode_lasts[OOM_MODES] = {0, 0, 5 * SEC};
static const char *const mode_word[OOM_MODES] = {"once", "ten", "long"};

static struct world *oom_world(const struct oom_case *c)
{
    struct world *w = world_pair(1, KEEP_UP, KEEP_ANSWER);

    if (c->plan)
        c->plan(w);
    go(w);
    if (c->up_first) {
        settle(w, MINUTE);
        world_run(w, SEC);
    }
    return w;
}

/* Memory is back: what was ordered down is ordered up, and the tunnel stands again. */
static void recover(struct world *w, const struct oom_case *c)
{
    oom_end();
    if (c->goes_down) {
        world_run(w, 5 * MINUTE); /* deletes are repeated, or given up */
        for (unsigned i = 0; i < 2; i++)
            end_order(&w->end[i], ORDER_UP, NULL, NULL);
    }
    world_run(w, SEC);
    settle(w, RECOVERY);
    traffic_end(w);
    traffic_flows(w);
    world_run(w, SEC);
}

/* Closing leaves nothing, as always. */
static void close_all(struct world *w)
{
    for (size_t i = 0; i < w->n_ends && !w->failed; i++)
        end_order(&w->end[i], ORDER_STOP, NULL, NULL);
    world_run(w, MINUTE);
    if (!w->failed && laws_empty(w))
        world_fail(w, "after the stop: %s", laws_empty(w));
}

static bool report(struct world *w, const struct oom_case *c, unsigned end, bool hand, enum oom_mode mode, uint64_t k,
                   struct oom_sum *sum)
{
    if (!w->failed)
        return true;
    if (sum->failed++ < COMPLAINTS_MAX)
        fprintf(stderr, "%s\n  alone, with a trace: test_oom --run %s %s %u %s %llu\n", w->failure, hand ? "hand" : "core",
                c->name, end, mode_word[mode], (unsigned long long)k);
    return false;
}

bool oom_run(const struct oom_case *c, unsigned end, bool hand, enum oom_mode mode, uint64_t k, bool verbose, uint64_t *seen,
             struct oom_sum *sum)
{
    size_t before = memory_in_use(), after;
    struct world *w = oom_world(c);
    bool ok;

    w->verbose = verbose;
    oom_begin(hand ? NULL : w->end[end].core, hand ? w->end[end].hand : NULL, k, k ? mode_n[mode] : 0);
    if (c->act)
        c->act(w, end);
    for (usec_t until = w->now + c->lasts; w->now < until && !w->failed;) {
        world_run(w, 100 * MS);
        if (mode_lasts[mode] && oom.refused && until > w->now + mode_lasts[mode])
            until = w->now + mode_lasts[mode];
    }
    *seen = oom.seen;
    sum->refused += oom.refused;
    recover(w, c);
    if (!w->failed && peek_generation(w->end[end].core) != w->end[end].generation)
        world_fail(w, "a reload was never taken");
    close_all(w);
    if (!w->failed && (fact(w, FACT_AUTH_FAILED) || w->end[0].turned_away || w->end[1].turned_away))
        world_fail(w, "a peer that proved who it is was refused");
    sum->runs++;
    ok = report(w, c, end, hand, mode, k, sum);
    world_free(w);
    after = memory_in_use();
    if (ok && after != before) {
        sum->failed++;
        fprintf(stderr, "%zd bytes stay allocated: test_oom --run %s %s %u %s %llu\n", (ssize_t)(after - before),
                hand ? "hand" : "core", c->name, end, mode_word[mode], (unsigned long long)k);
        ok = false;
    }
    return ok;
}

static void all(bool hand, unsigned part, unsigned step, struct oom_sum *sum)
{
    for (size_t i = 0; i < oom_n_cases; i++)
        for (unsigned end = 0; end < 2; end++)
            for (enum oom_mode mode = 0; mode < OOM_MODES; mode++) {
                uint64_t n, unused;

                oom_run(&oom_cases[i], end, hand, mode, 0, false, &n, sum);
                for (uint64_t k = 1 + (part + end + mode) % step; k <= n; k += step)
                    oom_run(&oom_cases[i], end, hand, mode, k, false, &unused, sum);
            }
}

void oom_cores(unsigned part, unsigned step, struct oom_sum *sum)
{
    all(false, part, step, sum);
}

void oom_hands(unsigned part, unsigned step, struct oom_sum *sum)
{
    all(true, part, step, sum);
}
