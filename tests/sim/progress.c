/* SPDX-License-Identifier: Apache-2.0 */
/* What a campaign says while it runs and when it is over. */
#include "campaign.h"

#include <stdio.h>
#include <unistd.h>

#define EVERY_S 10 /* a line, when nobody looks on */

/* Seconds until the seeds, the time or the exchanges are used up, whichever is first; -1 = unknown. */
static double left(const struct campaign *c, const struct tally *sum, double seconds)
{
    double best = -1, part = 0;

    if (c->to != UINT64_MAX)
        part = (double)sum->seeds / (double)(c->to - c->from + 1);
    if (c->exchanges && (double)sum->exchanges / (double)c->exchanges > part)
        part = (double)sum->exchanges / (double)c->exchanges;
    if (part > 0)
        best = seconds / part - seconds;
    if (c->seconds && (best < 0 || c->seconds - seconds < best))
        best = c->seconds - seconds;
    return best;
}

static void failure(const struct campaign *c, const struct failure *f)
{
    struct play p = c->play;

    p.seed = f->seed;
    printf("# seed %llu (%s) breaks \"%s\": %s\n#   replay: charon-sim --scenario %s --seed %llu%s\n",
           (unsigned long long)f->seed, play_scenario(&p)->name, f->law, f->why, play_scenario(&p)->name,
           (unsigned long long)f->seed, c->play.real ? " --algorithms real" : "");
    fflush(stdout);
}

/* Each once, as soon as it is known: a night that is cut short has not been for nothing. */
static void failures_new(const struct campaign *c, const struct tally *sum)
{
    static uint64_t said[CAMPAIGN_FAILURES_MAX];
    static size_t n;

    for (size_t i = 0; i < sum->failed && i < CAMPAIGN_FAILURES_MAX && n < CAMPAIGN_FAILURES_MAX; i++) {
        size_t k = 0;

        while (k < n && said[k] != sum->failure[i].seed)
            k++;
        if (k < n)
            continue;
        said[n++] = sum->failure[i].seed;
        failure(c, &sum->failure[i]);
    }
}

void progress_line(const struct campaign *c, const struct tally *sum, double seconds, bool last)
{
    static double said;
    bool terminal = isatty(STDOUT_FILENO);
    double s = seconds > 0 ? seconds : 1;

    failures_new(c, sum);
    if (last) {
        fputs(terminal ? "\r\033[K" : "", stdout);
        said = 0;
        return;
    }
    if (seconds - said < (terminal ? 0.2 : EVERY_S))
        return;
    said = seconds;
    printf("%s# %.0f s: %llu seeds (%.0f/s), %llu exchanges (%.0f/s), %llu failed, %.0f s left%s", terminal ? "\r\033[K" : "",
           seconds, (unsigned long long)sum->seeds, (double)sum->seeds / s, (unsigned long long)sum->exchanges,
           (double)sum->exchanges / s, (unsigned long long)sum->failed, left(c, sum, seconds), terminal ? "" : "\n");
    fflush(stdout);
}

static void laws_and_faults(const struct tally *sum)
{
    printf("# laws judged:");
    for (unsigned i = 0; i < LAW_COUNT; i++)
        printf("%s %s %llu", i ? "," : "", law_word((enum law)i), (unsigned long long)sum->judged[i]);
    printf("\n# faults injected:");
    for (unsigned i = 0; i < FAULT_KINDS; i++)
        printf("%s %s %llu", i ? "," : "", fault_word((enum fault)i), (unsigned long long)sum->struck[i]);
    printf("\n");
}

void progress_sums(const struct campaign *c, const struct campaign_result *r)
{
    const struct tally *sum = &r->sum;

    printf("# counted: campaign: %llu exchanges over %llu seeds from %llu, %s algorithms, %.1f s on %u processors "
           "(%.0f exchanges/s), %.1f days simulated, %llu failed\n",
           (unsigned long long)sum->exchanges, (unsigned long long)sum->seeds, (unsigned long long)c->from,
           c->play.real ? "real" : "glass", r->seconds, r->jobs, (double)sum->exchanges / r->seconds,
           (double)sum->simulated_us / 86400e6, (unsigned long long)sum->failed);
    printf("# %llu steps, trace hash of all seeds %016llx; memory %.1f MiB after the first seeds, %.1f MiB at most\n",
           (unsigned long long)sum->steps, (unsigned long long)sum->digest, (double)sum->memory_first / 1048576,
           (double)sum->memory_most / 1048576);
    laws_and_faults(sum);
}

bool progress_complete(const struct campaign *c, const struct campaign_result *r)
{
    bool complete = true;

    if (r->sum.seeds < CAMPAIGN_MANY || c->play.scenario || c->play.mixed || c->play.real)
        return true;
    for (unsigned i = 0; i < LAW_COUNT; i++)
        if (i != LAW_SCENARIO && !r->sum.judged[i]) { /* storms expect nothing of their own */
            printf("# law %s was never judged: %s\n", law_word((enum law)i), law_what((enum law)i));
            complete = false;
        }
    for (unsigned i = 0; i < FAULT_KINDS; i++)
        if (!r->sum.struck[i]) {
            printf("# fault %s was never injected\n", fault_word((enum fault)i));
            complete = false;
        }
    return complete;
}
