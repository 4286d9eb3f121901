/* SPDX-License-Identifier: Apache-2.0 */
/* The process that asks the network for names: it may open sockets and files, and knows nothing. */
#include <stdlib.h>

#include "daemon/proc.h"
#include "net/resolve.h"

extern const struct alg_registry alg_registry;

enum { FETCH_THREADS = 4, FETCH_QUEUE_MAX = 4096 };

struct fetch_proc {
    struct proc *proc;
    struct workers *workers;
    struct resolver resolver;
};

static void fetch_run(void *ctx, const struct ask *ask, struct answer *a, struct arena *arena)
{
    resolve_run(&((struct fetch_proc *)ctx)->resolver, ask, a, arena);
}

static void fetch_done(void *ctx, const struct answer *a)
{
    struct channel *core = proc_link(((struct fetch_proc *)ctx)->proc, ROLE_CORE);

    if (core)
        frame_answer(core, a);
}

static int fetch_open(struct proc *p, struct text *why)
{
    struct fetch_proc *f = calloc(1, sizeof(*f));
    struct workers_setup w = {p->loop, &alg_registry, FETCH_THREADS, FETCH_QUEUE_MAX, fetch_run, fetch_done, f};

    (void)why;
    if (!f)
        return ERR_MEMORY;
    p->self = f;
    f->proc = p;
    f->resolver.sockets = p->sockets;
    f->resolver.remember = p->names_fd >= 0 ? remember_new(p->names_fd) : NULL;
    f->workers = workers_new(&w);
    return f->workers ? 0 : ERR_MEMORY;
}

static int fetch_configure(struct proc *p, struct conf *conf, struct text *why)
{
    (void)p, (void)conf, (void)why;
    return 0;
}

static void fetch_frame(struct proc *p, enum role from, uint8_t type, struct span body)
{
    struct fetch_proc *f = p->self;
    struct reader r = reader_of(body);
    struct answer failed = {.result = ANSWER_FAILED, .why = "too many names to resolve at a time"};
    struct arena arena;
    struct ask ask;

    if (type != FRAME_ASK || from != ROLE_CORE)
        return;
    arena_init(&arena, WORDS_MAX);
    if (!words_get_ask(&r, &alg_registry, &arena, &ask) && ask.kind == ASK_RESOLVE && workers_ask(f->workers, &ask)) {
        failed.ticket = ask.ticket;
        failed.kind = ask.kind;
        fetch_done(f, &failed);
    }
    arena_done(&arena);
}

const struct proc_kind proc_fetch = {fetch_open, fetch_frame, fetch_configure, false, NULL};
