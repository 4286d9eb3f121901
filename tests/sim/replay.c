/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"
#include "ladder.h"
#include "shrink.h"

#include <stdio.h>

struct trace_hash {
    uint64_t digest, turns, steps;
    usec_t now;
};

static struct trace_hash hash_of(const struct world *w)
{
    struct trace_hash h = {w->digest, w->turns, 0, w->now};

    for (size_t i = 0; i < w->n_ends; i++)
        h.steps += w->end[i].steps;
    return h;
}

static void hash_say(const char *which, const struct trace_hash *h)
{
    printf("# %s: trace hash %016llx, %llu steps, %llu happenings, %.3f s simulated\n", which, (unsigned long long)h->digest,
           (unsigned long long)h->steps, (unsigned long long)h->turns, (double)(h->now - WORLD_BEGINS) / 1e6);
}

static bool same(const struct trace_hash *a, const struct trace_hash *b)
{
    return a->digest == b->digest && a->turns == b->turns && a->steps == b->steps && a->now == b->now;
}

int replay_run(const struct replay *r)
{
    struct play p = r->play;
    struct world *first, *again;
    struct trace_hash a, b;
    bool broke;

    first = play(&p);
    p.verbose = false;
    p.quiet = true; /* the trace changes nothing */
    again = play(&p);
    a = hash_of(first);
    b = hash_of(again);
    broke = play_broke(first);
    hash_say("first", &a);
    hash_say("again", &b);
    printf("%sok 1 - seed %llu plays the same twice\n", same(&a, &b) ? "" : "not ", (unsigned long long)p.seed);
    printf("%sok 2 - seed %llu (%s) breaks no law\n", broke ? "not " : "", (unsigned long long)p.seed, play_scenario(&p)->name);
    if (broke)
        printf("# law \"%s\" (%s): %s\n", law_word(first->broken), law_what(first->broken), first->failure);
    world_free(first);
    world_free(again);
    if (broke || r->whole)
        replay_show(r);
    return broke || !same(&a, &b);
}

/* What the shortened run still needs. */
static void left_say(const struct shrunk *s)
{
    printf("# shortened in %u runs: %zu of %zu faults are left:", s->runs, s->strikes_after, s->strikes_before);
    for (size_t i = 0; i < s->strikes_after && i < 40; i++)
        printf("%s %s at %.3f", i ? "," : "", fault_word(s->left[i].fault), (double)(s->left[i].at - WORLD_BEGINS) / 1e6);
    printf("%s\n", s->strikes_after > 40 ? " ..." : "");
}

void replay_show(const struct replay *r)
{
    struct play p = r->play;
    struct shrunk s = {0};
    struct world *w;

    p.verbose = p.quiet = false;
    if (!r->whole && shrink(&p, r->seconds, &s)) {
        left_say(&s);
        p.spared = s.spared;
        p.n_spared = s.n_spared;
    }
    p.record = record_new();
    p.keep_strikes = true;
    w = play(&p);
    printf("# %s, seed %llu%s: %s%s%s\n\n", play_scenario(&p)->name, (unsigned long long)p.seed, p.n_spared ? ", shortened" : "",
           play_broke(w) ? "breaks \"" : "no law is broken", play_broke(w) ? law_word(w->broken) : "", play_broke(w) ? "\"" : "");
    ladder_draw(stdout, w, p.record, r->whole);
    printf("\n");
    world_free(w);
    record_free(p.record);
    shrunk_done(&s);
}
