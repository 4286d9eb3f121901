/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every wrong form of every kind of message, each at a gate that waits for the right one:
 *
 *     test_mutate [--part K/N] [--kind NAME]     every N-th case from the K-th on (1/1 is all); CHARON_MUTATE=K/N or =all too
 *     test_mutate --case KIND/NUMBER             one, with a trace
 *
 * Without either, a sixtieth part, by the clock. A gate is brought to its state once a kind and then forked: a process shoots as
 * long as nothing moves, then looks after what has moved, and ends.
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
#else
static size_t in_use(void)
{
    return memory_in_use();
}
#endif

#define ROUND 400 /* shots of one process when nothing moves */

/* Shared with the process that shoots. */
struct tally {
    size_t at, next;
    uint64_t n[SHOTS], processes;
    bool honest; /* the honest message, after the shots, is under way */
    char why[600];
};

struct run {
    const struct kind *kind;
    struct mutant *m;
    struct tally *t;
    size_t step, memory;
    unsigned failed;
};

/* The puppet and its world are gone: so is all their memory. */
static bool ends_clean(struct run *r)
{
    size_t left;

    puppet_free(r->m->p);
    left = in_use();
    if (left <= r->memory)
        return true;
    snprintf(r->t->why, sizeof(r->t->why), "%zu bytes are left over", left - r->memory);
    return false;
}

static int explain(struct run *r)
{
    snprintf(r->t->why, sizeof(r->t->why), "%s", r->m->p->w->failure);
    return 1;
}

/* One process: shots from t->next on, until something moved. */
static int shoot_on(struct run *r, size_t total)
{
    struct tally *t = r->t;
    struct look now;
    enum shot s = SHOT_KEPT;

    look_at_gate(r->m, &now);
    for (unsigned k = 0; k < ROUND && t->next < total && s <= SHOT_ANSWERED; k++) {
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
    return !ends_clean(r);
}

static void complain(struct run *r, int status, size_t from)
{
    const struct tally *t = r->t;

    r->failed++;
    if (WIFSIGNALED(status) || !t->why[0])
        printf("# ended by signal %d, status %d: ", WIFSIGNALED(status) ? WTERMSIG(status) : 0, WEXITSTATUS(status));
    if (t->honest && from != t->at)
        printf("# %s (somewhere in cases %zu to %zu of %s)\n", t->why, from, t->at, r->kind->name);
    else
        printf("# %s\n#   replay: test_mutate --case %s/%zu\n", t->why, r->kind->name, t->at);
    fflush(stdout);
}

/* Forks; what the process finds is in the tally. False = it found something. */
static bool one_process(struct run *r, size_t total)
{
    size_t from = r->t->next;
    int status = 0;
    pid_t pid;

    r->t->why[0] = '\0';
    r->t->honest = false;
    r->t->processes++;
    fflush(stdout);
    pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(2);
    }
    if (pid == 0) {
        alarm(60);
        _exit(shoot_on(r, total));
    }
    if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    complain(r, status, from);
    return false;
}

/* A round whose honest message failed is shot again one by one, to name the culprit. */
static void round_again(struct run *r, size_t from, size_t to)
{
    for (r->t->next = from; r->t->next <= to && r->failed < 20;) {
        size_t next = r->t->next;

        one_process(r, next + 1);
        r->t->next = next + r->step;
    }
}

static bool prepare(struct run *r, struct mutant *m)
{
    *m = (struct mutant){.kind = r->kind};
    r->memory = in_use();
    if (r->kind->make(m)) {
        mutant_settle(m);
        return true;
    }
    printf("# %s: the world would not go there\n", r->kind->name);
    if (m->p)
        world_report(m->p->w);
    puppet_free(m->p);
    m->p = NULL;
    return false;
}

/* The honest message alone, without a shot before it. */
static bool honest_first(struct run *r)
{
    r->t->next = r->t->at = 0;
    return one_process(r, 0);
}

static void run_kind(struct run *r, size_t first)
{
    static struct mutant m;
    size_t total;

    r->m = &m;
    if (!prepare(r, &m) || !honest_first(r)) {
        printf("# %s: the honest message\n", r->kind->name);
        r->failed++;
        puppet_free(m.p);
        return;
    }
    total = wrong_count(&m);
    for (r->t->next = first; r->t->next < total && r->failed < 20;) {
        size_t from = r->t->next;

        if (!one_process(r, total) && r->t->honest && from != r->t->at) {
            size_t next = r->t->next;

            round_again(r, from, r->t->at);
            r->t->next = next;
        }
    }
    puppet_free(m.p);
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
    if (!slash || !r->kind || !prepare(r, &m))
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
    return sscanf(text, "%zu/%zu", k, n) == 2 && *k >= 1 && *k <= *n;
}

static int run_all(struct run *r, size_t k, size_t n, const char *only)
{
    uint64_t sum[SHOTS] = {0}, all = 0, processes = 0;
    clock_t begin = clock();
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
        processes += r->t->processes;
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
        "had an effect, %llu ended the IKE SA; %llu processes, %ld s\n",
        (unsigned long long)all, kinds, k, n, (unsigned long long)sum[SHOT_KEPT], (unsigned long long)sum[SHOT_ANSWERED],
        (unsigned long long)sum[SHOT_TAKEN], (unsigned long long)sum[SHOT_GONE], (unsigned long long)processes,
        (long)(time(NULL) - start));
    (void)begin;
    return failed != 0;
}

int main(int argc, char **argv)
{
    struct run r = {.t = mmap(NULL, sizeof(struct tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
    const char *part = getenv("CHARON_MUTATE"), *only = NULL;
    size_t k = 0, n = 60;

    if (r.t == MAP_FAILED)
        return 2;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--case"))
            return one_case(&r, argv[i + 1]);
        if (!strcmp(argv[i], "--part"))
            part = argv[i + 1];
        else if (!strcmp(argv[i], "--kind"))
            only = argv[i + 1];
    }
    k = (size_t)time(NULL) % n + 1;
    if (part && *part && !part_of(part, &k, &n)) {
        fprintf(stderr, "a part is K/N or \"all\", not %s\n", part);
        return 2;
    }
    return run_all(&r, k, n, only);
}
