/* SPDX-License-Identifier: Apache-2.0 */
#include "shrink.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What strikes in the shortest failing run so far; what is not kept is spared. */
struct names {
    uint64_t *v;
    size_t n;
};

struct shrinking {
    struct play play;
    enum law law;
    double until;
    unsigned runs;
    struct names spared;
    struct strike *strike; /* of the shortest failing run */
    size_t n_strikes;
};

static double wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_name(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void *copy_of(const void *from, size_t n, size_t size)
{
    void *to = malloc(n * size + 1);

    if (!to)
        abort();
    if (n)
        memcpy(to, from, n * size);
    return to;
}

/* The faults of `more` left out beside those that are already. */
static struct names names_with(const struct names *have, const uint64_t *more, size_t n)
{
    struct names out = {malloc((have->n + n + 1) * sizeof(uint64_t)), 0};

    if (!out.v)
        abort();
    if (have->n)
        memcpy(out.v, have->v, have->n * sizeof(uint64_t));
    if (n)
        memcpy(out.v + have->n, more, n * sizeof(uint64_t));
    out.n = have->n + n;
    qsort(out.v, out.n, sizeof(uint64_t), by_name);
    return out;
}

/* A run without these too: if the same law breaks, it is the new shortest. */
static bool without(struct shrinking *s, const uint64_t *more, size_t n)
{
    struct names spared = names_with(&s->spared, more, n);
    struct play p = s->play;
    struct world *w;
    bool same;

    p.spared = spared.v;
    p.n_spared = spared.n;
    w = play(&p);
    s->runs++;
    same = play_broke(w) && w->broken == s->law && (!n || w->lots.n_strikes < s->n_strikes);
    if (same) {
        free(s->spared.v);
        s->spared = spared;
        free(s->strike);
        s->strike = copy_of(w->lots.strike, w->lots.n_strikes, sizeof(*s->strike));
        s->n_strikes = w->lots.n_strikes;
    } else {
        free(spared.v);
    }
    world_free(w);
    return same;
}

/* The names of strikes [from, to) of one kind, or of all (FAULT_KINDS). */
static struct names names_of(const struct shrinking *s, size_t from, size_t to, enum fault kind)
{
    struct names out = {malloc((s->n_strikes + 1) * sizeof(uint64_t)), 0};

    if (!out.v)
        abort();
    for (size_t i = from; i < to && i < s->n_strikes; i++)
        if (kind == FAULT_KINDS || s->strike[i].fault == kind)
            out.v[out.n++] = s->strike[i].name;
    return out;
}

static bool try_part(struct shrinking *s, size_t from, size_t to, enum fault kind)
{
    struct names part = names_of(s, from, to, kind);
    bool shorter = part.n && without(s, part.v, part.n);

    free(part.v);
    return shorter;
}

/* Whole kinds first: most failures need one or two of them. */
static void by_kind(struct shrinking *s)
{
    for (unsigned k = 0; k < FAULT_KINDS && wall() < s->until; k++)
        try_part(s, 0, s->n_strikes, (enum fault)k);
}

/* Delta debugging: pieces of the row, smaller and smaller, from the end, until single ones. */
static bool by_pieces(struct shrinking *s, enum fault kind)
{
    bool any = false;

    for (size_t size = (s->n_strikes + 1) / 2; size && wall() < s->until; size /= 2)
        for (size_t at = s->n_strikes; at > 0 && wall() < s->until;) {
            size_t from = at > size ? at - size : 0;

            any = try_part(s, from, at, kind) || any;
            at = from < s->n_strikes ? from : s->n_strikes;
        }
    return any;
}

bool shrink(const struct play *p, unsigned seconds, struct shrunk *out)
{
    struct shrinking s = {.play = *p, .until = wall() + seconds};
    struct world *w;

    s.play.quiet = s.play.keep_strikes = true;
    s.play.verbose = false;
    s.play.record = NULL;
    w = play(&s.play);
    s.law = w->broken;
    s.n_strikes = w->lots.n_strikes;
    world_free(w);
    if (!without(&s, NULL, 0))
        return false;
    *out = (struct shrunk){.strikes_before = s.n_strikes};
    by_pieces(&s, FAULT_ROUND);
    by_kind(&s);
    while (by_pieces(&s, FAULT_KINDS) && wall() < s.until)
        ;
    out->spared = s.spared.v;
    out->n_spared = s.spared.n;
    out->strikes_after = s.n_strikes;
    out->left = s.strike;
    out->runs = s.runs;
    return true;
}

void shrunk_done(struct shrunk *s)
{
    free(s->spared);
    free(s->left);
}
