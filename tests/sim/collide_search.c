/* SPDX-License-Identifier: Apache-2.0 */
/* Breadth first through all schedules: each is played from the seed; whatever could have been chosen otherwise at a point that it
 * was the first to reach goes into the queue. */
#include "collide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- schedules as words
 * ---------------------------------------------------------------------------------------------------------- */

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

void clash_word_format(const struct clash_case *c, const struct clash_choice *v, size_t n, struct text *t)
{
    text_add(t, "%s/%u/", clash_setting_names[c->setting], c->nonces);
    for (size_t i = 0; i < c->n_acts; i++)
        text_add(t, "%c%u", CLASH_LETTERS[c->act[i].op], c->act[i].end);
    text_add(t, "/");
    for (size_t i = 0; i < n; i++)
        text_add(t, "%c%c", v[i].what, digits[v[i].which]);
}

static bool word_head(const char **p, struct clash_case *c)
{
    for (unsigned s = 0; s < CLASH_SETTINGS; s++) {
        size_t len = strlen(clash_setting_names[s]);

        if (strncmp(*p, clash_setting_names[s], len) || (*p)[len] != '/' || (*p)[len + 1] < '0' || (*p)[len + 1] > '3' ||
            (*p)[len + 2] != '/')
            continue;
        c->setting = (enum clash_setting)s;
        c->nonces = (unsigned)((*p)[len + 1] - '0');
        *p += len + 3;
        return true;
    }
    return false;
}

bool clash_word(const char *word, struct clash_case *c, struct clash_choice *v, size_t *n)
{
    const char *p = word, *letter;

    *c = (struct clash_case){.faults = 9};
    *n = 0;
    if (!word_head(&p, c))
        return false;
    for (; *p && *p != '/' && c->n_acts < CLASH_ACTS; p += 2) {
        if (!(letter = strchr(CLASH_LETTERS, *p)) || (p[1] != '0' && p[1] != '1'))
            return false;
        c->act[c->n_acts++] = (struct clash_act){(enum clash_op)(letter - CLASH_LETTERS), (unsigned)(p[1] - '0')};
    }
    if (*p++ != '/')
        return false;
    for (; *p && *n < CLASH_CHOICES; p += 2) {
        if (!p[1] || !(letter = strchr(digits, p[1])))
            return false;
        v[(*n)++] = (struct clash_choice){p[0], (uint8_t)(letter - digits)};
    }
    return !*p;
}

/* --- which of them are new
 * ---------------------------------------------------------------------------------------------------------- */

struct digests {
    uint64_t *v;
    size_t n, cap; /* a power of 2 */
};

static bool digests_put(struct digests *d, uint64_t digest)
{
    size_t i;

    digest += !digest;
    for (i = digest & (d->cap - 1); d->v[i]; i = (i + 1) & (d->cap - 1))
        if (d->v[i] == digest)
            return false;
    d->v[i] = digest;
    d->n++;
    return true;
}

static bool digests_add(struct digests *d, uint64_t digest)
{
    struct digests bigger = {.cap = d->cap ? d->cap * 2 : 1 << 16};

    if (d->n * 2 >= d->cap) {
        bigger.v = calloc(bigger.cap, sizeof(*bigger.v));
        if (!bigger.v)
            abort();
        for (size_t i = 0; i < d->cap; i++)
            if (d->v[i])
                digests_put(&bigger, d->v[i]);
        free(d->v);
        *d = bigger;
    }
    return digests_put(d, digest);
}

/* --- the queue
 * ------------------------------------------------------------------------------------------------------------------------ */

struct begun {
    struct begun *next;
    size_t n;
    struct clash_choice v[];
};
struct search {
    const struct clash_wish *wish;
    struct clash_counts *counts;
    struct digests seen, states; /* of whole schedules; of what has been gone on with, in all cases: */
    uint64_t salt;               /* of this one */
    struct begun *first, **end;
    struct timespec from;
};

static void queue_add(struct search *s, const struct clash_choice *v, size_t n, struct clash_choice last)
{
    struct begun *b = malloc(sizeof(*b) + (n + 1) * sizeof(*v));

    if (!b)
        abort();
    b->next = NULL;
    b->n = n + 1;
    memcpy(b->v, v, n * sizeof(*v));
    b->v[n] = last;
    *s->end = b;
    s->end = &b->next;
}

static struct begun *queue_take(struct search *s)
{
    struct begun *b = s->first;

    if (b && !(s->first = b->next))
        s->end = &s->first;
    return b;
}

static double seconds(const struct search *s)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)(now.tv_sec - s->from.tv_sec) + (double)(now.tv_nsec - s->from.tv_nsec) / 1e9;
}

static bool over(const struct search *s)
{
    return (s->wish->seconds > 0 && seconds(s) > s->wish->seconds) || s->counts->failed >= s->wish->failures;
}

static void failure_say(const struct clash_case *c, const struct clash_played *p)
{
    char word[400];
    struct text t = text_in(word, sizeof(word));

    clash_word_format(c, p->taken, p->n, &t);
    printf("# %s\n#   replay: test_collide --schedule %s\n", p->why, word);
    fflush(stdout);
}

static bool state_add(void *ctx, uint64_t state)
{
    struct search *s = ctx;

    return digests_add(&s->states, state ^ s->salt);
}

/* All schedules of a case. */
static void search_case(struct search *s, const struct clash_case *c)
{
    static struct clash_played p;
    const struct clash_seen seen = {state_add, s};
    uint64_t begun = s->counts->played;
    struct begun *b = NULL;

    s->salt = 0x2545f4914f6cdd1du * ++s->counts->cases;
    s->first = NULL;
    s->end = &s->first;
    do {
        clash_play(c, b ? b->v : NULL, b ? b->n : 0, false, s->wish->every ? NULL : &seen, &p);
        s->counts->played++;
        s->counts->distinct += digests_add(&s->seen, p.digest);
        if (p.failed) {
            s->counts->failed++;
            failure_say(c, &p);
        }
        s->counts->merged += p.merged;
        for (size_t at = b ? b->n : 0; at < p.n; at++)
            for (size_t i = 1; i < p.n_open[at]; i++)
                queue_add(s, p.taken, at, p.open[at][i]);
        free(b);
    } while ((b = queue_take(s)) && !over(s) && (!s->wish->most || s->counts->played - begun < s->wish->most));
    s->counts->complete &= !b;
    while (b) {
        free(b);
        b = queue_take(s);
    }
}

/* --- the cases
 * ------------------------------------------------------------------------------------------------------------------------- */

static size_t op_of(size_t number)
{
    return number / 2;
}

/* Two exchanges that make SAs for the same purpose meet: then it matters who has the lowest nonce. */
static unsigned nonce_orders(const struct clash_case *c)
{
    for (size_t i = 0; i < c->n_acts; i++)
        for (size_t k = i + 1; k < c->n_acts; k++)
            if (c->act[i].op == c->act[k].op && c->act[i].end != c->act[k].end && c->act[i].op <= CLASH_IKE_REKEY &&
                c->act[i].op != CLASH_DELETE)
                return 4;
    return 1;
}

static bool case_of(size_t number, unsigned acts, enum clash_setting setting, struct clash_case *c)
{
    size_t last = 0;

    *c = (struct clash_case){.setting = setting, .n_acts = acts};
    for (size_t i = acts; i-- > 0; number /= 2 * CLASH_OPS) {
        size_t n = number % (2 * CLASH_OPS);

        c->act[i] = (struct clash_act){(enum clash_op)op_of(n), (unsigned)(n & 1)};
    }
    for (size_t i = 0; i < acts; i++) { /* in order, each set of acts once */
        size_t n = (size_t)c->act[i].op * 2 + c->act[i].end;

        if (n < last)
            return false;
        last = n;
    }
    return true;
}

static void search_setting(struct search *s, enum clash_setting setting)
{
    size_t all = 1, from;

    for (unsigned i = 0; i < s->wish->acts; i++)
        all *= 2 * CLASH_OPS;
    from = s->wish->seed % all;
    for (size_t k = 0; k < all && !over(s); k++) {
        struct clash_case c;

        if (!case_of((from + k) % all, s->wish->acts, setting, &c))
            continue;
        c.faults = s->wish->faults;
        for (unsigned orders = nonce_orders(&c); c.nonces < orders && !over(s); c.nonces++)
            search_case(s, &c);
    }
}

void clash_search(const struct clash_wish *wish, struct clash_counts *counts)
{
    struct search s = {.wish = wish, .counts = counts};

    *counts = (struct clash_counts){.complete = true};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &s.from);
    for (unsigned k = 0; k < CLASH_SETTINGS && !over(&s); k++)
        if (wish->settings >> k & 1)
            search_setting(&s, (enum clash_setting)k);
    counts->complete &= !over(&s);
    counts->seconds = seconds(&s);
    free(s.seen.v);
    free(s.states.v);
}
