/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - where the daemon waits: descriptors, signals, timers (libevent), a pool of worker threads (worker.h), the words of the
 * port as bytes (words.h) and the kernel's random numbers. It decides nothing about IKE.
 *
 *     descriptor, signal, timer --> callback --> (all of this turn done) --> after-hook: flush what was queued
 *
 * Time is CLOCK_BOOTTIME, which goes on while the machine sleeps: a timer that became due meanwhile fires on waking.
 * One loop belongs to one thread.
 */
#ifndef CHARON_LOOP_H
#define CHARON_LOOP_H

#include "base/base.h"

struct loop;
struct watch;
struct timer;

enum { WATCH_READ = 1, WATCH_WRITE = 2 };
typedef void watch_fn(void *ctx, unsigned what); /* what: WATCH_* that are true; a signal or timer gets 0 */

struct loop *loop_new(void); /* NULL: no memory or no descriptors */
struct loop *loop_free(struct loop *);
usec_t loop_now(void);
/* Called once a turn, after all callbacks of the turn. */
void loop_after(struct loop *, void (*)(void *ctx), void *ctx);
int loop_run(struct loop *) MUST_USE; /* until loop_stop(): 0, or ERR_IO */
int loop_turn(struct loop *, bool wait) MUST_USE;
void loop_stop(struct loop *);

/* The descriptor stays the caller's. NULL: no memory. A watch may be freed inside its own callback. */
struct watch *loop_watch(struct loop *, int fd, watch_fn *, void *ctx);
void watch_want(struct watch *, unsigned what); /* WATCH_READ (as born), WATCH_WRITE, both, or 0 */
struct watch *watch_free(struct watch *);
struct watch *loop_signal(struct loop *, int signum, watch_fn *, void *ctx);

/* Not set when born. Setting it later than before costs nothing: it wakes once at the old time. */
struct timer *loop_timer(struct loop *, watch_fn *, void *ctx);
void timer_set(struct timer *, usec_t at); /* USEC_NEVER stops it */
struct timer *timer_free(struct timer *);

/* The kernel's generator (getrandom). */
struct rng loop_rng(void);
/* The same, some hundred bytes at a time, for one thread that often wants a few. The pool begins as zeros, and must not be copied
 * by fork(): two processes would draw the same. */
struct rng_pool {
    uint8_t bytes[1024];
    size_t left;
};
struct rng loop_rng_pooled(struct rng_pool *);

#endif
