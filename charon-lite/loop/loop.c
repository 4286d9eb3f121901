/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct loop {
    struct event_base *base;
    void (*after)(void *ctx);
    void *after_ctx;
    bool stopped;
};
struct watch {
    struct loop *loop;
    struct event *event;
    int fd;
    watch_fn *fn;
    void *ctx;
};
struct timer {
    struct watch *watch;
    int fd;
    usec_t at, armed;
    watch_fn *fn;
    void *ctx;
};

usec_t loop_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (usec_t)ts.tv_sec * USEC_SEC + ts.tv_nsec / 1000;
}

struct loop *loop_new(void)
{
    struct loop *l = calloc(1, sizeof(*l));

    if (l)
        l->base = event_base_new();
    return l && l->base ? l : loop_free(l);
}

struct loop *loop_free(struct loop *l)
{
    if (l && l->base)
        event_base_free(l->base);
    free(l);
    return NULL;
}

void loop_after(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
    l->after = fn;
    l->after_ctx = ctx;
}

int loop_turn(struct loop *l, bool wait)
{
    if (event_base_loop(l->base, wait ? EVLOOP_ONCE : EVLOOP_NONBLOCK) < 0)
        return ERR_IO;
    if (l->after)
        l->after(l->after_ctx);
    return 0;
}

int loop_run(struct loop *l)
{
    int err = 0;

    while (!l->stopped && !err)
        err = loop_turn(l, true);
    return err;
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
    event_base_loopbreak(l->base);
}

static void watch_fire(evutil_socket_t fd, short what, void *ctx)
{
    struct watch *w = ctx;

    (void)fd;
    w->fn(w->ctx, (what & EV_READ ? WATCH_READ : 0u) | (what & EV_WRITE ? WATCH_WRITE : 0u));
}

static struct watch *watch_new(struct loop *l, int fd, short what, watch_fn *fn, void *ctx)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (!w)
        return NULL;
    *w = (struct watch){.loop = l, .fd = fd, .fn = fn, .ctx = ctx};
    w->event = event_new(l->base, fd, (short)(what | EV_PERSIST), watch_fire, w);
    if (!w->event || event_add(w->event, NULL))
        return watch_free(w);
    return w;
}

struct watch *loop_watch(struct loop *l, int fd, watch_fn *fn, void *ctx)
{
    return watch_new(l, fd, EV_READ, fn, ctx);
}

struct watch *loop_signal(struct loop *l, int signum, watch_fn *fn, void *ctx)
{
    return watch_new(l, signum, EV_SIGNAL, fn, ctx);
}

void watch_want(struct watch *w, unsigned what)
{
    short flags = (short)((what & WATCH_READ ? EV_READ : 0) | (what & WATCH_WRITE ? EV_WRITE : 0));

    if (flags && event_get_events(w->event) == (flags | EV_PERSIST) && event_pending(w->event, flags, NULL) == flags)
        return;
    event_del(w->event);
    if (!flags)
        return;
    event_assign(w->event, w->loop->base, w->fd, (short)(flags | EV_PERSIST), watch_fire, w);
    event_add(w->event, NULL);
}

struct watch *watch_free(struct watch *w)
{
    if (w && w->event)
        event_free(w->event);
    free(w);
    return NULL;
}

/* libevent's own timers stand still while the machine sleeps: one timerfd each instead. */
static void timer_arm(struct timer *t, usec_t at)
{
    struct itimerspec spec = {0};

    t->armed = at;
    if (at != USEC_NEVER) {
        at = at > 0 ? at : 1; /* all zero would disarm */
        spec.it_value.tv_sec = at / USEC_SEC;
        spec.it_value.tv_nsec = (at % USEC_SEC) * 1000;
    }
    timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void timer_fire(void *ctx, unsigned what)
{
    struct timer *t = ctx;
    uint64_t count;

    (void)what;
    if (read(t->fd, &count, sizeof(count)) != sizeof(count))
        return;
    t->armed = USEC_NEVER;
    if (t->at == USEC_NEVER)
        return;
    if (loop_now() < t->at) {
        timer_arm(t, t->at);
        return;
    }
    t->at = USEC_NEVER;
    t->fn(t->ctx, 0);
}

struct timer *loop_timer(struct loop *l, watch_fn *fn, void *ctx)
{
    struct timer *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    *t = (struct timer){.fn = fn, .ctx = ctx, .at = USEC_NEVER, .armed = USEC_NEVER};
    t->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    t->watch = t->fd < 0 ? NULL : loop_watch(l, t->fd, timer_fire, t);
    return t->watch ? t : timer_free(t);
}

void timer_set(struct timer *t, usec_t at)
{
    t->at = at;
    if (at < t->armed)
        timer_arm(t, at);
}

struct timer *timer_free(struct timer *t)
{
    if (!t)
        return NULL;
    watch_free(t->watch);
    if (t->fd >= 0)
        close(t->fd);
    free(t);
    return NULL;
}

static void random_fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    while (len) {
        ssize_t n = getrandom(out, len < 256 ? len : 256, 0);

        if (n < 0 && errno != EINTR)
            abort(); /* no input leads here: the kernel has no generator, and nothing may go on without one */
        if (n > 0) {
            out += n;
            len -= (size_t)n;
        }
    }
}

struct rng loop_rng(void)
{
    return (struct rng){random_fill, NULL};
}

/* What is handed out is wiped here; what is large goes past the pool. */
static void pool_fill(void *ctx, uint8_t *out, size_t len)
{
    struct rng_pool *p = ctx;

    if (len > sizeof(p->bytes) / 4) {
        random_fill(NULL, out, len);
        return;
    }
    if (len > p->left) {
        random_fill(NULL, p->bytes, sizeof(p->bytes));
        p->left = sizeof(p->bytes);
    }
    p->left -= len;
    memcpy(out, p->bytes + p->left, len);
    explicit_bzero(p->bytes + p->left, len);
}

struct rng loop_rng_pooled(struct rng_pool *p)
{
    return (struct rng){pool_fill, p};
}
