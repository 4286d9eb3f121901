/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every wrong form of every kind of message, each at a gate that waits for the right one:
 *
 *     test_mutate [--part K/N] [--kind NAME]     every N-th case from the K-th on; "all"; /N: one of N by the clock
 *     test_mutate --case KIND/NUMBER             one, with a trace
 *     test_mutate --here ...                     in this process, for those who measure it
 *
 * CHARON_MUTATE says the part too; with CHARON_SIZE=full it is all. Without any, a sixtieth, by the clock. A world serves as long
 * as nothing in it has moved; then it is seen to its end, and the next is made like it (one is cheaper than a fork under a
 * sanitizer). Each kind is a process of its own.
 */
#include "memory.h"
#include "mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#ifdef SANITIZED
size_t __sanitizer_get_current_allocated_bytes(void); /* its header is not installed everywhere */
static size_t in_use(void)
{
    return __sanitizer_get_current_allocated_bytes();
}
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4"; /* several worlds; with more, most of the time goes into fresh pages */
}
#else
static size_t in_use(void)
{
    return memory_in_use();
}
#endif

#define ROUND 400 /* shots in one world when nothing moves */

/* Shared with the process that shoots. */
struct tally {
    size_t from, at, next, total;
    uint64_t n[SHOTS], worlds;
    bool honest; /* the honest message, after shots that moved nothing, is under way */
    char why[600];
};

struct run {
    const struct kind *kind;
    struct mutant *m;
    struct tally *t;
    size_t step, memory;
    unsigned failed;
    bool here;
};

/* The puppet and its world are gone: so is all their memory. */
static bool ends_clean(struct run *r)
{
    size_t left;

    puppet_free(r->m->p);
    r->m->p = NULL;
    left = in_use();
    if (left <= r->memory)
        return true;
    snprintf(r->t->why, sizeof(r->t->why), "%zu bytes are left over", left - r->memory);
    return false;
}

static bool prepare(struct run *r)
{
    struct mutant *m = r->m;

    *m = (struct mutant){.kind = r->kind};
    r->memory = in_use();
    if (r->kind->make(m)) {
        mutant_settle(m);
        return true;
    }
    snprintf(r->t->why, sizeof(r->t->why), "the world would not go there: %s", m->p ? m->p->w->failure : "");
    puppet_free(m->p);
    m->p = NULL;
    return false;
}

static bool explain(struct run *r)
{
    snprintf(r->t->why, sizeof(r->t->why), "%s", r->m->p->w->failure);
    return false;
}

/* A world of its own for the honest message alone. */
static bool honest_alone(struct run *r)
{
    if (!prepare(r))
        return false;
    r->t->total = wrong_count(r->m);
    if (!mutant_honest(r->m) || !mutant_aftermath(r->m, NULL))
        return explain(r);
    return ends_clean(r);
}

/* One world: shots from t->next on, below `end`, until something has moved; then its end. */
static bool one_world(struct run *r, size_t end)
{
    struct tally *t = r->t;
    struct look now;
    enum shot s = SHOT_KEPT;

    t->from = t->at = t->next;
    t->honest = false;
    t->worlds++;
    if (!prepare(r))
        return false;
    look_at_gate(r->m, &now);
    for (unsigned k = 0; k < ROUND && t->next < end && s <= SHOT_ANSWERED; k++) {
        t->at = t->next;
        t->next += r->step;
        s = mutant_shoot(r->m, t->at, &now);
        t->n[s]++;
    }
    if (s == SHOT_WRONG)
        return explain(r);
    t->honest = s <= SHOT_ANSWERED;
    if (t->honest && !mutant_honest(r->m))
        return explain(r);
    if (!mutant_aftermath(r->m, t->honest ? NULL : mutant_last()))
        return explain(r);
    return ends_clean(r);
}

static bool worlds(struct run *r, size_t end)
{
    while (r->t->next < end)
        if (!one_world(r, end))
            return false;
    return true;
}

static void complain(struct run *r, int status)
{
    const struct tally *t = r->t;

    r->failed++;
    if (!t->why[0])
        printf("# ended by signal %d, status %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0, WEXITSTATUS(status));
    else
        printf("# %s\n", t->why);
    if (t->honest && t->from != t->at)
        printf("#   somewhere in cases %zu to %zu of %s\n", t->from, t->at, r->kind->name);
    else
        printf("#   replay: test_mutate --case %s/%zu\n", r->kind->name, t->at);
    fflush(stdout);
}

/* In a process of its own, as it may crash; what it finds is in the tally. False = it found something. */
static bool apart(struct run *r, size_t end)
{
    int status = 0;
    pid_t pid;

    r->t->why[0] = '\0';
    if (r->here) {
        if (end ? worlds(r, end) : honest_alone(r))
            return true;
        complain(r, 0);
        return false;
    }
    fflush(stdout);
    pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(2);
    }
    if (pid == 0) {
        alarm(600);
        _exit(end ? !worlds(r, end) : !honest_alone(r));
    }
    if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    complain(r, status);
    return false;
}

/* A world whose honest message failed is gone through again one by one, to name the culprit. */
static void one_by_one(struct run *r)
{
    size_t from = r->t->from, to = r->t->at, next = r->t->next;

    for (; from <= to && r->failed < 20; from += r->step) {
        r->t->next = from;
        apart(r, from + 1);
    }
    r->t->next = next;
}

static void run_kind(struct run *r, size_t first)
{
    static struct mutant m;

    r->m = &m;
    if (!apart(r, 0)) {
        printf("# %s: the honest message\n", r->kind->name);
        return;
    }
    for (r->t->next = first; r->t->next < r->t->total && r->failed < 20;)
        if (!apart(r, r->t->total) && r->t->honest && r->t->from != r->t->at)
            one_by_one(r);
}

/* --- one case, with a trace
 * ----------------------------------------------------------------------------------------------------- */

static int one_case(struct run *r, const char *what)
{
    static const char *const words[] = {"kept", "answered", "taken", "gone", "WRONG"};
    static struct mutant m;
    const char *slash = strrchr(what, '/');
    size_t n = slash ? strtoul(slash + 1, NULL, 10) : 0;
    struct look now;
    enum shot s;

    for (size_t i = 0; slash && (r->kind = mutate_kind(i)); i++)
        if (!strncmp(r->kind->name, what, (size_t)(slash - what)) && !r->kind->name[slash - what])
            break;
    r->m = &m;
    if (!slash || !r->kind || !prepare(r))
        return 2;
    m.p->w->verbose = true;
    look_at_gate(&m, &now);
    s = mutant_shoot(&m, n, &now);
    printf("%s/%zu of %zu: %s: %s\n", r->kind->name, n, wrong_count(&m), mutant_last()->what, words[s]);
    if (s <= SHOT_ANSWERED)
        mutant_honest(&m);
    if (s != SHOT_WRONG)
        mutant_aftermath(&m, s <= SHOT_ANSWERED ? NULL : mutant_last());
    if (m.p->w->failed)
        printf("%s\n", m.p->w->failure);
    if (m.p->w->failed || !ends_clean(r)) {
        printf("%s\n", r->t->why);
        return 1;
    }
    return 0;
}

static bool part_of(const char *text, size_t *k, size_t *n)
{
    if (!strcmp(text, "all")) {
        *k = *n = 1;
        return true;
    }
    if (*text == '/') { /* one of so many, by the clock */
        *n = strtoul(text + 1, NULL, 10);
        *k = *n ? (size_t)time(NULL) % *n + 1 : 0;
        return *n > 0;
    }
    return sscanf(text, "%zu/%zu", k, n) == 2 && *k >= 1 && *k <= *n;
}

static int run_all(struct run *r, size_t k, size_t n, const char *only)
{
    uint64_t sum[SHOTS] = {0}, all = 0, worlds_made = 0;
    time_t start = time(NULL);
    size_t kinds = 0;
    unsigned failed = 0;

    r->step = n;
    for (size_t i = 0; (r->kind = mutate_kind(i)); i++) {
        uint64_t here = 0;

        if (only && strcmp(only, r->kind->name))
            continue;
        memset(r->t, 0, sizeof(*r->t));
        r->failed = 0;
        run_kind(r, (k - 1 + i) % n);
        for (size_t s = 0; s < SHOTS; s++) {
            sum[s] += r->t->n[s];
            here += r->t->n[s];
        }
        all += here;
        worlds_made += r->t->worlds;
        failed += r->failed != 0;
        printf("%s %zu - %s: %llu cases, %llu kept, %llu answered, %llu taken, %llu gone\n", r->failed ? "not ok" : "ok", ++kinds,
               r->kind->name, (unsigned long long)here, (unsigned long long)r->t->n[SHOT_KEPT],
               (unsigned long long)r->t->n[SHOT_ANSWERED], (unsigned long long)r->t->n[SHOT_TAKEN],
               (unsigned long long)r->t->n[SHOT_GONE]);
        fflush(stdout);
    }
    printf("1..%zu\n", kinds);
    printf(
        "# counted: mutations: %llu wrong messages of %zu kinds (part %zu/%zu): %llu changed nothing, %llu were answered, %llu "
        "had an effect, %llu ended the IKE SA; %llu worlds, %ld s\n",
        (unsigned long long)all, kinds, k, n, (unsigned long long)sum[SHOT_KEPT], (unsigned long long)sum[SHOT_ANSWERED],
        (unsigned long long)sum[SHOT_TAKEN], (unsigned long long)sum[SHOT_GONE], (unsigned long long)worlds_made,
        (long)(time(NULL) - start));
    return failed != 0;
}

static int usage(void)
{
    fprintf(stderr, "test_mutate [--here] [--part K/N | --part all] [--kind NAME], or --case KIND/NUMBER\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct run r = {.t = mmap(NULL, sizeof(struct tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
    const char *size = getenv("CHARON_SIZE"), *part = getenv("CHARON_MUTATE"), *only = NULL;
    size_t k = 0, n = 60;

    if (r.t == MAP_FAILED)
        return 2;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--here")) {
            r.here = true;
            continue;
        }
        if (i + 1 == argc)
            return usage();
        if (!strcmp(argv[i], "--case"))
            return one_case(&r, argv[i + 1]);
        else if (!strcmp(argv[i], "--part"))
            part = argv[++i];
        else if (!strcmp(argv[i], "--kind"))
            only = argv[++i];
        else
            return usage();
    }
    if (!part && size && !strcmp(size, "full"))
        part = "all";
    k = (size_t)time(NULL) % n + 1;
    if (part && *part && !part_of(part, &k, &n)) {
        fprintf(stderr, "a part is K/N, /N or \"all\", not %s\n", part);
        return 2;
    }
    return run_all(&r, k, n, only);
}
