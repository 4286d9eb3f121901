/* SPDX-License-Identifier: Apache-2.0 */
#include "campaign.h"
#include "memory.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct shared {
    _Atomic uint64_t next;
    _Atomic bool stop;
    struct tally tally[CAMPAIGN_JOBS_MAX];
};

static uint64_t wall_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --- the worker ----------------------------------------------------------------------------------------------------------------
 */
static uint64_t resident(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f && fscanf(f, "%*u %lu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void failure_note(struct tally *t, uint64_t seed, const char *law, const char *why)
{
    struct failure *f = &t->failure[t->failed];

    if (t->failed++ >= CAMPAIGN_FAILURES_MAX)
        return;
    f->seed = seed;
    snprintf(f->law, sizeof(f->law), "%s", law);
    snprintf(f->why, sizeof(f->why), "%.*s", (int)sizeof(f->why) - 1, why);
}

static void tally_world(struct tally *t, const struct world *w)
{
    t->seeds++;
    t->exchanges += w->exchanges;
    t->simulated_us += (uint64_t)(w->now - WORLD_BEGINS);
    t->digest += w->digest ^ w->seed * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < w->n_ends; i++)
        t->steps += w->end[i].steps;
    for (size_t i = 0; i < LAW_COUNT; i++)
        t->judged[i] += w->judged[i];
    for (size_t i = 0; i < FAULT_KINDS; i++)
        t->struck[i] += w->lots.struck[i];
    if (play_broke(w))
        failure_note(t, w->seed, law_word(w->broken), w->failure);
}

static void one_seed(const struct campaign *c, struct tally *t, uint64_t seed)
{
    struct play p = c->play;
    size_t before, after;
    struct world *w;
    bool glass;

    p.seed = seed;
    p.quiet = true;
    before = memory_in_use();
    w = play(&p);
    tally_world(t, w);
    glass = w->algs == &glass_registry;
    world_free(w);
    after = memory_in_use();
    t->judged[LAW_MEMORY]++;
    if (after != before && t->seeds > 1 && glass) { /* real algorithms fill caches of their library */
        char why[80];

        snprintf(why, sizeof(why), "%zd bytes are never freed", (ssize_t)(after - before));
        failure_note(t, seed, law_word(LAW_MEMORY), why);
    }
}

static _Noreturn void work(const struct campaign *c, struct shared *shared, struct tally *t)
{
    for (uint64_t seed; !shared->stop && (seed = atomic_fetch_add(&shared->next, 1)) <= c->to;) {
        t->seed = seed;
        t->since_us = wall_us();
        one_seed(c, t, seed);
        t->since_us = 0;
        if (t->seeds % 50)
            continue;
        uint64_t now = resident();

        t->memory_first = t->memory_first ? t->memory_first : now;
        t->memory_most = now > t->memory_most ? now : t->memory_most;
    }
    fflush(NULL);
    _exit(0);
}

/* --- the parent ----------------------------------------------------------------------------------------------------------------
 */
struct crew {
    const struct campaign *campaign;
    struct shared *shared;
    unsigned jobs, running;
    pid_t pid[CAMPAIGN_JOBS_MAX];
    bool killed[CAMPAIGN_JOBS_MAX]; /* by us: it did not come back */
};

static void hire(struct crew *crew, unsigned i)
{
    fflush(NULL);
    crew->killed[i] = false;
    crew->pid[i] = fork();
    if (crew->pid[i] == 0)
        work(crew->campaign, crew->shared, &crew->shared->tally[i]);
    crew->running += crew->pid[i] > 0;
}

/* A worker has ended: well, or its seed has failed. */
static void buried(struct crew *crew, unsigned i, int status)
{
    struct tally *t = &crew->shared->tally[i];
    char why[120];

    crew->pid[i] = 0;
    crew->running--;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    if (crew->killed[i])
        snprintf(why, sizeof(why), "no end within %u s", crew->campaign->patience);
    else if (WIFSIGNALED(status))
        snprintf(why, sizeof(why), "the worker died of signal %d", WTERMSIG(status));
    else
        snprintf(why, sizeof(why), "the worker ended with status %d (a sanitizer's report?)", WEXITSTATUS(status));
    t->seeds++;
    t->since_us = 0;
    failure_note(t, t->seed, "crash", why);
    hire(crew, i);
}

static void crew_look(struct crew *crew)
{
    int status;

    for (unsigned i = 0; i < crew->jobs; i++) {
        uint64_t since = crew->shared->tally[i].since_us;

        if (crew->pid[i] <= 0)
            continue;
        if (since && !crew->killed[i] && wall_us() > since + crew->campaign->patience * 1000000ull) {
            crew->killed[i] = true;
            kill(crew->pid[i], SIGKILL);
        }
        if (waitpid(crew->pid[i], &status, WNOHANG) == crew->pid[i])
            buried(crew, i, status);
    }
}

static void failures_add(struct tally *sum, const struct tally *t)
{
    for (uint64_t i = 0; i < t->failed && i < CAMPAIGN_FAILURES_MAX; i++)
        if (sum->failed + i < CAMPAIGN_FAILURES_MAX)
            sum->failure[sum->failed + i] = t->failure[i];
    sum->failed += t->failed;
}

static void crew_sum(const struct crew *crew, struct tally *sum)
{
    memset(sum, 0, sizeof(*sum));
    for (unsigned i = 0; i < crew->jobs; i++) {
        const struct tally *t = &crew->shared->tally[i];

        sum->seeds += t->seeds;
        sum->exchanges += t->exchanges;
        sum->steps += t->steps;
        sum->simulated_us += t->simulated_us;
        sum->digest += t->digest;
        for (size_t k = 0; k < LAW_COUNT; k++)
            sum->judged[k] += t->judged[k];
        for (size_t k = 0; k < FAULT_KINDS; k++)
            sum->struck[k] += t->struck[k];
        failures_add(sum, t);
        sum->memory_first += t->memory_first;
        sum->memory_most += t->memory_most;
    }
}

static bool enough(const struct campaign *c, const struct tally *sum, double seconds)
{
    return (c->seconds && seconds >= c->seconds) || (c->exchanges && sum->exchanges >= c->exchanges) ||
           (c->failures && sum->failed >= c->failures);
}

static volatile sig_atomic_t told_to_end;

static void end_soon(int number)
{
    (void)number;
    told_to_end = 1;
}

bool campaign_run(const struct campaign *c, struct campaign_result *r)
{
    struct crew crew = {.campaign = c, .jobs = c->jobs ? c->jobs : (unsigned)sysconf(_SC_NPROCESSORS_ONLN)};
    uint64_t began = wall_us();

    if (crew.jobs > CAMPAIGN_JOBS_MAX)
        crew.jobs = CAMPAIGN_JOBS_MAX;
    crew.shared = mmap(NULL, sizeof(*crew.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (crew.shared == MAP_FAILED)
        return false;
    crew.shared->next = c->from;
    signal(SIGINT, end_soon); /* the sums are said all the same */
    signal(SIGTERM, end_soon);
    for (unsigned i = 0; i < crew.jobs; i++)
        hire(&crew, i);
    while (crew.running) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        crew_look(&crew);
        crew_sum(&crew, &r->sum);
        r->seconds = (double)(wall_us() - began) / 1e6;
        crew.shared->stop = crew.shared->stop || told_to_end || enough(c, &r->sum, r->seconds);
        progress_line(c, &r->sum, r->seconds, !crew.running);
    }
    r->jobs = crew.jobs;
    munmap(crew.shared, sizeof(*crew.shared));
    return r->sum.seeds > 0;
}
