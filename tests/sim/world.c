/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"
#include "record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world *world_new(uint64_t seed, size_t n_ends)
{
    struct world *w = calloc(1, sizeof(*w));
    struct rng rng;

    if (!w)
        abort();
    w->seed = seed;
    w->now = WORLD_BEGINS;
    w->steps_left = UINT64_MAX;
    w->algs = &glass_registry;
    w->n_ends = n_ends;
    dice_seed(&w->dice, seed);
    rng = dice_rng(&w->dice);
    net_init(&w->net);
    laws_init(&w->laws, &rng);
    lots_init(&w->lots, &rng);
    for (size_t i = 0; i < SIM_ENDS_MAX; i++) {
        struct end *e = &w->end[i];

        e->world = w;
        e->index = (unsigned)i;
        e->addr = addr_v4(192, 0, 2, (uint8_t)(1 + i));
        e->globals = plan_globals();
        e->tick_at = e->deadline = USEC_NEVER;
        for (size_t k = 0; k < COUNT_OF(e->desk); k++)
            e->desk[k] = (struct desk_faults){.low = 50, .high = 3 * USEC_MSEC};
        dice_seed(&e->dice, dice_u64(&w->dice));
        dice_seed(&e->hand_dice, seed ^ 0x6e6f6e6365730000u ^ i);
        e->hand_rng = dice_rng(&e->hand_dice);
        e->token_secret = seed ^ 0x746f6b656e73u;
        xfrm_init(&e->xfrm);
    }
    return w;
}

struct world *world_pair(uint64_t seed, enum keep keep0, enum keep keep1)
{
    struct world *w = world_new(seed, 2);

    w->end[0].plan[w->end[0].n_plans++] = plan_tunnel(0, 1, keep0);
    w->end[1].plan[w->end[1].n_plans++] = plan_tunnel(1, 0, keep1);
    return w;
}

struct world *world_free(struct world *w)
{
    if (!w)
        return NULL;
    for (size_t i = 0; i < SIM_ENDS_MAX; i++)
        end_off(&w->end[i]);
    for (size_t i = 0; i < w->n_queue; i++)
        free(w->queue[i].arg);
    for (size_t i = 0; i < COUNT_OF(w->trace); i++)
        free(w->trace[i]);
    free(w->queue);
    net_done(&w->net);
    laws_done(&w->laws);
    lots_done(&w->lots);
    free(w);
    return NULL;
}

/* The queue: a binary heap by time, then by turn, so that equal times keep their order. */
static bool sooner(const struct happening *a, const struct happening *b)
{
    return a->at != b->at ? a->at < b->at : a->turn < b->turn;
}

static void swap(struct happening *a, struct happening *b)
{
    struct happening t = *a;

    *a = *b;
    *b = t;
}

static void queue_push(struct world *w, struct happening h)
{
    size_t i = w->n_queue++;

    if (w->n_queue > w->cap_queue) {
        w->cap_queue = w->cap_queue ? w->cap_queue * 2 : 256;
        w->queue = realloc(w->queue, w->cap_queue * sizeof(*w->queue));
        if (!w->queue)
            abort();
    }
    w->queue[i] = h;
    for (; i && sooner(&w->queue[i], &w->queue[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&w->queue[i], &w->queue[(i - 1) / 2]);
}

void world_at(struct world *w, usec_t at, happen_fn *fn, void *arg)
{
    queue_push(w, (struct happening){at < w->now ? w->now : at, w->turns++, fn, arg, NULL});
}

void world_at_end(struct end *e, usec_t at, happen_fn *fn, void *arg)
{
    struct world *w = e->world;

    queue_push(w, (struct happening){at < w->now ? w->now : at, w->turns++, fn, arg, e});
}

static struct happening queue_pop(struct world *w)
{
    struct happening first = w->queue[0];
    size_t i = 0, least;

    w->queue[0] = w->queue[--w->n_queue];
    for (;; i = least) {
        least = i;
        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < w->n_queue; k++)
            if (sooner(&w->queue[k], &w->queue[least]))
                least = k;
        if (least == i)
            return first;
        swap(&w->queue[i], &w->queue[least]);
    }
}

/* The end whose core wants to be woken first. */
static struct end *next_tick(struct world *w)
{
    struct end *first = NULL;

    for (size_t i = 0; i < w->n_ends; i++) {
        struct end *e = &w->end[i];
        usec_t deadline = e->core ? core_deadline(e->core) : USEC_NEVER;

        if (deadline != e->deadline) {
            e->deadline = deadline;
            e->tick_at = deadline == USEC_NEVER
                             ? USEC_NEVER
                             : usec_add(deadline < w->now ? w->now : deadline, dice_between(&w->dice, 0, 2 * USEC_MSEC));
        }
        if (e->tick_at != USEC_NEVER && e->tick_at < e->asleep_until)
            e->tick_at = e->asleep_until;
        if (e->tick_at != USEC_NEVER && (!first || e->tick_at < first->tick_at))
            first = e;
    }
    return first;
}

static void tick(struct end *e)
{
    struct input in = {.kind = INPUT_TICK};

    e->deadline = e->tick_at = USEC_NEVER;
    end_step(e, &in);
}

/* One thing happens, if it is not after `until`. */
static bool world_step(struct world *w, usec_t until)
{
    struct end *e = next_tick(w);
    usec_t at = w->n_queue ? w->queue[0].at : USEC_NEVER;

    if (e && e->tick_at < at) {
        if (e->tick_at > until)
            return false;
        w->now = e->tick_at > w->now ? e->tick_at : w->now;
        tick(e);
        return true;
    }
    if (at > until || at == USEC_NEVER)
        return false;
    struct happening h = queue_pop(w);

    w->now = h.at;
    if (h.end && end_asleep(h.end)) {
        h.at = h.end->asleep_until;
        queue_push(w, h);
        return true;
    }
    h.fn(w, h.arg);
    free(h.arg);
    return true;
}

void world_run(struct world *w, usec_t how_long)
{
    usec_t until = w->now + how_long;

    while (!w->failed && world_step(w, until))
        if (!--w->steps_left)
            w->halted = w->failed = true;
    if (!w->failed)
        w->now = until;
}

bool world_until(struct world *w, bool (*done)(struct world *), usec_t how_long, const char *what)
{
    usec_t until = w->now + how_long;

    while (!w->failed && !done(w) && w->now < until) {
        usec_t slice = until - w->now < 100 * USEC_MSEC ? until - w->now : 100 * USEC_MSEC;

        world_run(w, slice);
    }
    if (!w->failed && !done(w))
        world_fail(w, "not within %lld s: %s", (long long)(how_long / USEC_SEC), what);
    return !w->failed;
}

void world_fail(struct world *w, const char *fmt, ...)
{
    va_list args;

    if (w->failed)
        return;
    w->failed = true;
    va_start(args, fmt);
    vsnprintf(w->failure, sizeof(w->failure), fmt, args);
    va_end(args);
    world_trace(w, "BROKEN: %s", w->failure);
}

bool world_expect(struct world *w, bool ok, const char *what)
{
    if (!ok)
        world_fail(w, "expected: %s", what);
    return ok;
}

void world_trace(struct world *w, const char *fmt, ...)
{
    char line[400], **slot = &w->trace[w->n_trace % COUNT_OF(w->trace)];
    va_list args;
    int n;

    if (w->quiet)
        return;
    w->n_trace++;
    n = snprintf(line, sizeof(line), "%10.4f ", (double)(w->now - WORLD_BEGINS) / 1e6);
    va_start(args, fmt);
    vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, args);
    va_end(args);
    free(*slot);
    *slot = strdup(line);
    if (w->record)
        record_line(w, line + n);
    if (w->verbose)
        fprintf(stderr, "%s\n", line);
}

void world_report(const struct world *w)
{
    size_t first = w->n_trace > COUNT_OF(w->trace) ? w->n_trace - COUNT_OF(w->trace) : 0;

    fprintf(stderr, "seed %llu, time %.4f: %s\n", (unsigned long long)w->seed, (double)(w->now - WORLD_BEGINS) / 1e6,
            w->failed ? w->failure : "nothing is broken");
    for (size_t i = first; !w->verbose && i < w->n_trace; i++)
        fprintf(stderr, "  %s\n", w->trace[i % COUNT_OF(w->trace)]);
}
