/* SPDX-License-Identifier: Apache-2.0 */
/* The core process: all protocol state, the UDP sockets, no capability. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/engine.h"
#include "daemon/proc.h"

extern const struct alg_registry alg_registry;

/* A question that a neighbour has not answered yet. */
struct question {
    struct map_node node;
    struct list link;
    enum role to;
    struct ticket ticket;
    enum ask_kind kind;
};
struct core_proc {
    struct proc *proc;
    struct engine *engine;
    struct map map;
    struct list questions;
    struct arena arena; /* of the answer that is read */
};

/* Slots are our core's own small numbers, each in use once: nobody else can choose them, and there is nothing to mix. */
static uint64_t hash_of(const struct ticket *t)
{
    return t->slot;
}

static struct question *question_find(const struct core_proc *c, const struct ticket *t, enum role from)
{
    for (struct map_node *n = map_first(&c->map, hash_of(t)); n; n = map_more(n)) {
        struct question *q = CONTAINER_OF(n, struct question, node);

        if (q->ticket.slot == t->slot && q->ticket.round == t->round && q->to == from)
            return q;
    }
    return NULL;
}

static void question_free(struct core_proc *c, struct question *q)
{
    map_remove(&c->map, &q->node);
    list_remove(&q->link);
    free(q);
}

static int question_new(struct core_proc *c, const struct ask *ask, enum role to)
{
    struct question *q = calloc(1, sizeof(*q));

    if (!q)
        return ERR_MEMORY;
    q->to = to;
    q->ticket = ask->ticket;
    q->kind = ask->kind;
    if (map_add(&c->map, &q->node, hash_of(&q->ticket))) {
        free(q);
        return ERR_MEMORY;
    }
    list_append(&c->questions, &q->link);
    return 0;
}

/* The hand and what the kernel was told are gone, and the parent begins both anew. Whatever we still said would be of a kernel
 * that takes no SA: a peer that is refused its Child SA gives up (7296 2.21.2), one that hears nothing asks again. */
static _Noreturn void core_orphaned(void)
{
    _exit(0);
}

static void core_ask(void *ctx, const struct ask *ask)
{
    static const enum role roles[] = {[ASK_HAND] = ROLE_HAND,    [ASK_VAULT] = ROLE_VAULT, [ASK_JUDGE] = ROLE_JUDGE,
                                      [ASK_WORKER] = ROLE_COUNT, [ASK_AAA] = ROLE_COUNT,   [ASK_FETCH] = ROLE_FETCH};
    struct core_proc *c = ctx;
    enum role to = roles[ask->to];
    struct channel *channel = to < ROLE_COUNT ? proc_link(c->proc, to) : NULL;

    if (to == ROLE_HAND && !channel)
        core_orphaned();
    if (!channel || (ask->ticket.slot && question_new(c, ask, to)))
        engine_fail(c->engine, ask, false,
                    channel           ? "no memory"
                    : to < ROLE_COUNT ? "its process has ended"
                                      : "nobody here can do that");
    else
        frame_ask(channel, ask);
}

static void core_tell(void *ctx, const struct tell *t)
{
    struct core_proc *c = ctx;
    struct buf *b = channel_begin(c->proc->parent.channel, FRAME_TELL);

    if (b)
        words_put_tell(b, t);
    channel_end(c->proc->parent.channel);
}

static void core_flush(void *ctx)
{
    proc_flush(((struct core_proc *)ctx)->proc);
}

static int core_open(struct proc *p, struct text *why)
{
    struct core_proc *c = calloc(1, sizeof(*c));
    struct engine_setup e = {
        .loop = p->loop, .conf = p->conf, .algs = &alg_registry, .sockets = p->sockets, .threads = workers_useful(2)};
    struct rng rng = loop_rng();

    (void)why;
    if (!c)
        return ERR_MEMORY;
    p->self = c;
    c->proc = p;
    map_init(&c->map, &rng);
    list_init(&c->questions);
    arena_init(&c->arena, WORDS_MAX);
    e.keylog_fd = p->keylog_fd;
    e.ask = core_ask;
    e.tell = core_tell;
    e.ctx = c;
    e.flush = core_flush;
    c->engine = engine_new(&e);
    return c->engine ? 0 : ERR_MEMORY;
}

static void core_answered(struct core_proc *c, enum role from, struct span body)
{
    struct input in = {.kind = INPUT_ANSWER};
    struct reader r = reader_of(body);
    struct question *q = NULL;

    if (!words_get_answer(&r, &c->arena, &in.u.answer))
        q = question_find(c, &in.u.answer.ticket, from);
    if (q && q->kind == in.u.answer.kind) { /* nobody answers what another was asked */
        question_free(c, q);
        engine_hear(c->engine, &in);
    }
    arena_reset(&c->arena);
}

static void core_heard(struct core_proc *c, uint8_t type, struct span body)
{
    struct input in = {.kind = type == FRAME_EVENT ? INPUT_EVENT : INPUT_ORDER};
    struct reader r = reader_of(body);
    struct arena arena;
    int err;

    arena_init(&arena, WORDS_MAX);
    err = type == FRAME_EVENT ? words_get_event(&r, &arena, &in.u.event) : words_get_order(&r, &arena, &in.u.order);
    if (!err)
        engine_hear(c->engine, &in);
    arena_done(&arena);
}

static void core_status(struct core_proc *c)
{
    char text[500];
    struct text t = text_in(text, sizeof(text));
    struct core_counts n = engine_counts(c->engine);
    const struct net_counts *d = engine_net_counts(c->engine);

    text_add(&t, "IKE SAs %zu (half-open %zu), Child SAs %zu, exchanges %zu\n", n.ike_sas, n.half_open, n.child_sas, n.exchanges);
    text_add(&t, "datagrams in %" PRIu64 " out %" PRIu64 ", send errors %" PRIu64 "\n", d->received, d->sent, d->send_errors);
    frame_done(c->proc->parent.channel, 0, span_str(text));
}

static void core_frame(struct proc *p, enum role from, uint8_t type, struct span body)
{
    struct core_proc *c = p->self;

    if (type == FRAME_ANSWER && from < ROLE_COUNT)
        core_answered(c, from, body);
    else if (type == FRAME_EVENT && from == ROLE_HAND)
        core_heard(c, type, body);
    else if (type == FRAME_ORDER && from == ROLE_COUNT)
        core_heard(c, type, body);
    else if (type == FRAME_STATUS && from == ROLE_COUNT)
        core_status(c);
}

static int core_configure(struct proc *p, struct conf *conf, struct text *why)
{
    struct input in = {.kind = INPUT_ORDER, .u.order = {.kind = ORDER_RELOAD, .conf = conf}};

    (void)why;
    engine_hear(((struct core_proc *)p->self)->engine, &in);
    return 0;
}

/* Its open questions will not be answered. */
static void core_gone(struct proc *p, enum role from)
{
    struct core_proc *c = p->self;

    if (from == ROLE_HAND)
        core_orphaned();
    LIST_EACH (it, &c->questions) {
        struct question *q = LIST_ITEM(it, struct question, link);
        struct ask ask = {.ticket = q->ticket, .kind = q->kind};

        if (q->to != from)
            continue;
        question_free(c, q);
        engine_fail(c->engine, &ask, true, "its process has ended");
    }
}

const struct proc_kind proc_core = {core_open, core_frame, core_configure, false, core_gone};
