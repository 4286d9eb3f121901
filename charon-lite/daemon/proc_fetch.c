/* SPDX-License-Identifier: Apache-2.0 */
/* The process that asks the network for names: it may open sockets and files, and knows nothing. */
#include <stdlib.h>

#include "daemon/proc.h"
#include "net/resolve.h"

extern const struct alg_registry alg_registry;

enum { FETCH_THREADS = 4, FETCH_QUEUE_MAX = 4096 };

static void fetch_done(void *ctx, const struct answer *a)
{
    struct channel *core = proc_link(ctx, ROLE_CORE);

    if (core)
        frame_answer(core, a);
}

/* The pool has one ctx: the process, which knows the sockets. */
static void fetch_run(void *ctx, const struct ask *ask, struct answer *a, struct arena *arena)
{
    const struct proc *p = ctx;

    resolve_run((void *)(uintptr_t)p->sockets, ask, a, arena);
}

static int fetch_open(struct proc *p, struct text *why)
{
    const struct workers_setup w = {p->loop, &alg_registry, FETCH_THREADS, FETCH_QUEUE_MAX, fetch_run, fetch_done, p};

    (void)why;
    p->self = workers_new(&w);
    return p->self ? 0 : ERR_MEMORY;
}

static int fetch_configure(struct proc *p, struct conf *conf, struct text *why)
{
    (void)p, (void)conf, (void)why;
    return 0;
}

static void fetch_frame(struct proc *p, enum role from, uint8_t type, struct span body)
{
    struct reader r = reader_of(body);
    struct answer failed = {.result = ANSWER_FAILED, .why = "too many names to resolve at a time"};
    struct arena arena;
    struct ask ask;

    if (type != FRAME_ASK || from != ROLE_CORE)
        return;
    arena_init(&arena, WORDS_MAX);
    if (!words_get_ask(&r, &alg_registry, &arena, &ask) && ask.kind == ASK_RESOLVE && workers_ask(p->self, &ask)) {
        failed.ticket = ask.ticket;
        failed.kind = ask.kind;
        fetch_done(p, &failed);
    }
    arena_done(&arena);
}

const struct proc_kind proc_fetch = {fetch_open, fetch_frame, fetch_configure, false, NULL};
