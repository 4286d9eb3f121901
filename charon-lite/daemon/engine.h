/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine - the core and what moves it: sockets, time, workers. All that the core asks of others goes out through functions, so
 * that the one-process daemon and the core process of the split one are the same engine with different neighbours.
 *
 *     datagram, answer, event, order, time --> core_step --> datagrams, asks, facts
 *
 * Nobody re-enters the core: what neighbours say while its outputs are being performed waits until that is over.
 */
#ifndef CHARON_DAEMON_ENGINE_H
#define CHARON_DAEMON_ENGINE_H

#include "ike/core.h"
#include "loop/loop.h"
#include "loop/worker.h"
#include "net/net.h"

struct engine;
struct engine_setup {
    struct loop *loop; /* the engine takes its after-hook */
    struct conf *conf;
    const struct alg_registry *algs;
    const struct net_sockets *sockets;
    unsigned threads;
    int keylog_fd; /* used in builds with --enable-keylog */
    /* May answer at once with engine_hear(). */
    void (*ask)(void *ctx, const struct ask *); /* all but ASK_WORKER */
    void (*tell)(void *ctx, const struct tell *);
    void (*flush)(void *ctx); /* may be NULL: the end of a turn */
    void *ctx;
};
struct engine *engine_new(const struct engine_setup *);
struct engine *engine_free(struct engine *);
/* An answer, event or order; `now` is set here. Copied when it has to wait. */
void engine_hear(struct engine *, struct input *);
/* The answer for an ask that could not be delivered, or that was, to who is gone now (answer_unsaid). */
void engine_fail(struct engine *, const struct ask *, bool was_asked, const char *why);
struct core_counts engine_counts(const struct engine *);
const struct net_counts *engine_net_counts(const struct engine *);

#endif
