/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory in the hand. What it calls of the simulated world must have memory all the same: each hand is given callbacks
 * and a backend that leave the shortage while the world is at work.
 *
 *     world -> hand_ask() [short] -> relay [not short] -> the world's callback, backend -> each() [short] -> hand
 */
#include "kernel/hand.h"
#include "oom.h"

struct hand *__real_hand_new(const struct hand_setup *, struct text *why);
void __real_hand_ask(struct hand *, const struct ask *);
void __real_hand_read(struct hand *);
void __real_hand_mend(struct hand *);
struct hand *__wrap_hand_new(const struct hand_setup *, struct text *why);
void __wrap_hand_ask(struct hand *, const struct ask *);
void __wrap_hand_read(struct hand *);
void __wrap_hand_mend(struct hand *);

/* --- the way out --------------------------------------------------------------------------------------------------------- */

static bool leave(void)
{
    bool was = oom.inside;

    oom.inside = false;
    return was;
}

static void back(bool was)
{
    oom.inside = was;
}

static struct relay {
    struct hand_setup to;
} relays[64]; /* far more than there are hands at a time */
static size_t next_relay;
static const struct hand_backend *kernel; /* the same for all */

static void relay_answer(void *ctx, const struct answer *a)
{
    const struct relay *r = ctx;
    bool was = leave();

    r->to.answer(r->to.ctx, a);
    back(was);
}

static void relay_event(void *ctx, const struct event *e)
{
    const struct relay *r = ctx;
    bool was = leave();

    r->to.event(r->to.ctx, e);
    back(was);
}

static void relay_log(void *ctx, enum level level, const char *sentence)
{
    const struct relay *r = ctx;
    bool was = leave();

    r->to.log(r->to.ctx, level, sentence);
    back(was);
}

static bool relay_verdict(void *ctx, const struct peer_ref *peer)
{
    const struct relay *r = ctx;
    bool was = leave(), yes = r->to.verdict(r->to.ctx, peer);

    back(was);
    return yes;
}

static usec_t relay_now(void *ctx)
{
    const struct relay *r = ctx;

    return r->to.now(r->to.ctx);
}

static int64_t relay_wall_s(void *ctx)
{
    const struct relay *r = ctx;

    return r->to.wall_s(r->to.ctx);
}

/* --- the backend --------------------------------------------------------------------------------------------------------- */

struct back {
    void (*sa)(void *, const struct sa_seen *);
    void (*policy)(void *, const struct kernel_policy *);
    void (*notice)(void *, const struct notice *);
    void *ctx;
    bool was;
};

static void each_sa(void *ctx, const struct sa_seen *s)
{
    const struct back *b = ctx;

    back(b->was);
    b->sa(b->ctx, s);
    (void)leave();
}

static void each_policy(void *ctx, const struct kernel_policy *p)
{
    const struct back *b = ctx;

    back(b->was);
    b->policy(b->ctx, p);
    (void)leave();
}

static void each_notice(void *ctx, const struct notice *n)
{
    const struct back *b = ctx;

    back(b->was);
    b->notice(b->ctx, n);
    (void)leave();
}

static void *relay_open(const struct backend_setup *setup, struct text *why)
{
    return kernel->open(setup, why);
}

static void relay_close(void *self)
{
    kernel->close(self);
}

static void relay_apply(void *self, struct kernel_op *ops, size_t n)
{
    bool was = leave();

    kernel->apply(self, ops, n);
    back(was);
}

static int relay_sa_get(void *self, const struct sa_name *name, struct sa_seen *out)
{
    bool was = leave();
    int err = kernel->sa_get(self, name, out);

    back(was);
    return err;
}

static int relay_dump_sas(void *self, void (*each)(void *, const struct sa_seen *), void *ctx)
{
    struct back b = {.sa = each, .ctx = ctx, .was = leave()};
    int err = kernel->dump_sas(self, each_sa, &b);

    back(b.was);
    return err;
}

static int relay_dump_policies(void *self, void (*each)(void *, const struct kernel_policy *), void *ctx)
{
    struct back b = {.policy = each, .ctx = ctx, .was = leave()};
    int err = kernel->dump_policies(self, each_policy, &b);

    back(b.was);
    return err;
}

static size_t relay_fds(void *self, int *out, size_t max)
{
    return kernel->fds(self, out, max);
}

static bool relay_read(void *self, void (*each)(void *, const struct notice *), void *ctx)
{
    struct back b = {.notice = each, .ctx = ctx, .was = leave()};
    bool more = kernel->read(self, each_notice, &b);

    back(b.was);
    return more;
}

static struct hand_backend relay_backend = {
    .name = "relay",
    .open = relay_open,
    .close = relay_close,
    .apply = relay_apply,
    .sa_get = relay_sa_get,
    .dump_sas = relay_dump_sas,
    .dump_policies = relay_dump_policies,
    .fds = relay_fds,
    .read = relay_read,
};

/* --- the way in ---------------------------------------------------------------------------------------------------------- */

struct hand *__wrap_hand_new(const struct hand_setup *setup, struct text *why)
{
    struct relay *r = &relays[next_relay++ % COUNT_OF(relays)];
    struct hand_setup own = *setup;

    r->to = *setup;
    kernel = setup->backend;
    relay_backend.clamp = kernel->clamp;
    own.backend = &relay_backend;
    own.answer = relay_answer;
    own.event = relay_event;
    own.log = relay_log;
    own.verdict = setup->verdict ? relay_verdict : NULL;
    own.now = setup->now ? relay_now : NULL;
    own.wall_s = setup->wall_s ? relay_wall_s : NULL;
    own.ctx = r;
    return __real_hand_new(&own, why);
}

static void enter(const struct hand *h)
{
    oom.inside = oom.on && h == oom.hand;
}

void __wrap_hand_ask(struct hand *h, const struct ask *a)
{
    enter(h);
    __real_hand_ask(h, a);
    oom.inside = false;
}

void __wrap_hand_read(struct hand *h)
{
    enter(h);
    __real_hand_read(h);
    oom.inside = false;
}

void __wrap_hand_mend(struct hand *h)
{
    enter(h);
    __real_hand_mend(h);
    oom.inside = false;
}
