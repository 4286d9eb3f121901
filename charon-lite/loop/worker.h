/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of threads for asks that are slow: the question is copied, a thread works on its copy, and the answer is handed over on
 * the loop's thread. An answer after its deadline is still handed over; the core drops what it no longer waits for.
 *
 * With no threads at all the loop's thread does the work itself, a few milliseconds a turn. That is for a process that has one
 * processor: two threads get no more done there, and handing over to and fro costs as much as a cheap key exchange.
 */
#ifndef CHARON_LOOP_WORKER_H
#define CHARON_LOOP_WORKER_H

#include "loop/loop.h"
#include "port/port.h"

struct workers;
struct workers_setup {
    struct loop *loop;
    const struct alg_registry *algs;
    unsigned threads, queue_max; /* threads: 0 = the loop's own */
    /* In a thread: fills the answer (ticket and kind are set already); memory for it from the arena. */
    void (*run)(void *ctx, const struct ask *, struct answer *, struct arena *);
    /* In the loop's thread: the answer is borrowed for the call. */
    void (*done)(void *ctx, const struct answer *);
    void *ctx;
};
/* `most`, or none where the process may run on one processor only. Asks the system: before the jail closes. */
unsigned workers_useful(unsigned most);
struct workers *workers_new(const struct workers_setup *);
/* Waits for the jobs that threads have in hand; their answers are not delivered. */
struct workers *workers_free(struct workers *);
/* 0; ERR_LIMIT when the queue is full, ERR_MEMORY: then the caller answers FAILED itself. */
int workers_ask(struct workers *, const struct ask *) MUST_USE;
size_t workers_busy(const struct workers *); /* asked, not yet delivered */

/* The `run` for key exchanges (ASK_KE_*). ctx is not used. */
void worker_ke(void *ctx, const struct ask *, struct answer *, struct arena *);

#endif
