/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/engine.h"
#include "config.h"
#include "daemon/keylog.h"

#include <stdlib.h>

#include "loop/words.h"

enum {
    TURN_MAX = 256,    /* waiting inputs handled before the loop looks at its descriptors again */
    OUTPUTS_MAX = 256, /* outputs kept until they are sent together */
    WORK_QUEUE_MAX = 4096,
};

/* An input that waits for its turn. */
struct heard {
    struct list link;
    struct buf words;
    struct arena arena;
    struct input input;
};
struct engine {
    struct engine_setup setup;
    struct core *core;
    struct net *net;
    struct workers *workers;
    struct timer *tick;
    struct outbox outbox;
    struct list waiting;
    struct rng_pool pool;
    bool busy; /* inside the core, or performing what it said */
};

static void heard_free(struct heard *h)
{
    if (h->input.kind == INPUT_ORDER)
        conf_unref(h->input.u.order.conf);
    buf_done(&h->words);
    arena_done(&h->arena);
    free(h);
}

static int heard_copy(struct heard *h, const struct input *in)
{
    struct reader r;

    h->input.kind = in->kind;
    if (in->kind == INPUT_ANSWER)
        words_put_answer(&h->words, &in->u.answer);
    else if (in->kind == INPUT_EVENT)
        words_put_event(&h->words, &in->u.event);
    else
        words_put_order(&h->words, &in->u.order);
    if (h->words.failed)
        return ERR_LIMIT;
    r = reader_of(buf_view(&h->words));
    if (in->kind == INPUT_ANSWER)
        return words_get_answer(&r, &h->arena, &h->input.u.answer);
    if (in->kind == INPUT_EVENT)
        return words_get_event(&r, &h->arena, &h->input.u.event);
    if (words_get_order(&r, &h->arena, &h->input.u.order))
        return ERR_BAD;
    h->input.u.order.conf = in->u.order.conf ? conf_ref(in->u.order.conf) : NULL;
    return 0;
}

static void engine_later(struct engine *e, const struct input *in)
{
    struct heard *h = calloc(1, sizeof(*h));

    if (!h)
        return;
    buf_init(&h->words, WORDS_MAX);
    arena_init(&h->arena, WORDS_MAX);
    if (heard_copy(h, in))
        heard_free(h);
    else
        list_append(&e->waiting, &h->link);
}

void engine_fail(struct engine *e, const struct ask *ask, bool was_asked, const char *why)
{
    struct input in = {.kind = INPUT_ANSWER};

    in.u.answer =
        (struct answer){.ticket = ask->ticket, .kind = ask->kind, .result = answer_unsaid(ask->kind, was_asked), .why = why};
    engine_hear(e, &in);
}

static void engine_ask(struct engine *e, const struct ask *ask)
{
    if (ask->to != ASK_WORKER)
        e->setup.ask(e->setup.ctx, ask);
    else if (workers_ask(e->workers, ask))
        engine_fail(e, ask, false, "too much work at a time");
}

static void engine_flush(struct engine *e)
{
    net_flush(e->net);
    outbox_reset(&e->outbox);
}

static void engine_perform(struct engine *e, size_t from)
{
    for (size_t i = from; i < e->outbox.n; i++) {
        const struct output *o = &e->outbox.v[i];

        if (o->kind == OUTPUT_ASK)
            engine_ask(e, &o->u.ask);
        else if (o->kind == OUTPUT_TELL)
            e->setup.tell(e->setup.ctx, &o->u.tell);
        else if (net_send(e->net, &o->u.send.path, o->u.send.data, o->u.send.keepalive))
            continue; /* no socket of that family: lost as on the way */
    }
    if (e->outbox.n > OUTPUTS_MAX)
        engine_flush(e);
}

static void engine_step(struct engine *e, struct input *in)
{
    size_t from = e->outbox.n;

    e->busy = true;
    in->now = loop_now();
    core_step(e->core, in, &e->outbox);
    engine_perform(e, from);
    e->busy = false;
}

void engine_hear(struct engine *e, struct input *in)
{
    if (e->busy || !list_empty(&e->waiting))
        engine_later(e, in);
    else
        engine_step(e, in);
}

static void engine_packet(void *ctx, const struct path *path, struct span data)
{
    struct input in = {.kind = INPUT_PACKET, .u.packet = {*path, data}};

    engine_step(ctx, &in);
}

static void engine_worked(void *ctx, const struct answer *a)
{
    struct input in = {.kind = INPUT_ANSWER, .u.answer = *a};

    engine_hear(ctx, &in);
}

static bool engine_catch_up(struct engine *e)
{
    for (int n = 0; n < TURN_MAX && !list_empty(&e->waiting); n++) {
        struct heard *h = LIST_ITEM(e->waiting.next, struct heard, link);

        list_remove(&h->link);
        engine_step(e, &h->input);
        heard_free(h);
    }
    return list_empty(&e->waiting);
}

/* The end of a turn of the loop. */
static void engine_turn(void *ctx)
{
    struct engine *e = ctx;
    bool all = engine_catch_up(e);

    engine_flush(e);
    if (e->setup.flush)
        e->setup.flush(e->setup.ctx);
    timer_set(e->tick, all ? core_deadline(e->core) : 0);
}

static void engine_tick(void *ctx, unsigned what)
{
    struct input in = {.kind = INPUT_TICK};
    struct engine *e = ctx;

    (void)what;
    if (core_deadline(e->core) <= loop_now())
        engine_step(e, &in);
}

struct engine *engine_new(const struct engine_setup *s)
{
    struct core_setup core = {.conf = s->conf, .algs = s->algs, .now = loop_now()};
    struct net_setup net = {.loop = s->loop, .sockets = s->sockets, .packet = engine_packet};
    struct workers_setup work = {.loop = s->loop, .algs = s->algs, .threads = s->threads, .queue_max = WORK_QUEUE_MAX};
    struct engine *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->setup = *s;
    list_init(&e->waiting);
    outbox_init(&e->outbox);
    core.rng = loop_rng_pooled(&e->pool);
#ifdef KEYLOG
    core.keylog = s->keylog_fd >= 0 ? keylog_write : NULL;
    core.keylog_ctx = &e->setup.keylog_fd;
#endif
    net.ctx = work.ctx = e;
    work.run = worker_ke;
    work.done = engine_worked;
    e->core = core_new(&core);
    e->net = net_new(&net);
    e->workers = workers_new(&work);
    e->tick = loop_timer(s->loop, engine_tick, e);
    if (!e->core || !e->net || !e->workers || !e->tick)
        return engine_free(e);
    loop_after(s->loop, engine_turn, e);
    timer_set(e->tick, core_deadline(e->core));
    return e;
}

struct engine *engine_free(struct engine *e)
{
    if (!e)
        return NULL;
    loop_after(e->setup.loop, NULL, NULL);
    workers_free(e->workers);
    while (!list_empty(&e->waiting)) {
        struct heard *h = LIST_ITEM(e->waiting.next, struct heard, link);

        list_remove(&h->link);
        heard_free(h);
    }
    timer_free(e->tick);
    net_free(e->net);
    core_free(e->core);
    outbox_done(&e->outbox);
    secret_wipe(&e->pool, sizeof(e->pool));
    free(e);
    return NULL;
}

struct core_counts engine_counts(const struct engine *e)
{
    return core_count(e->core);
}

const struct net_counts *engine_net_counts(const struct engine *e)
{
    return net_count(e->net);
}
