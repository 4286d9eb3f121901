/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the hand: the hand over a kernel in memory that can be told to fail, that outlives hands, and that watches one law
 * all the time: a selector that was closed is never without a policy, unless the test says that it may be opened.
 */
#ifndef CHARON_TEST_HAND_WORLD_H
#define CHARON_TEST_HAND_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/hand.h"

extern const struct alg_registry alg_registry;

#define UNUSED __attribute__((unused))

#define A "192.0.2.1"
#define B "192.0.2.2"

/* --- the kernel ------------------------------------------------------------------------------------------------------ */

static struct world {
    void *dry;
    int fail_kind, fail_after, fail_with; /* the fail_after-th operation of a kind fails so */
    bool fail_done;                       /* ... and was done nevertheless: its answer was lost */
    int dump_fails;                       /* so many look-ups of a table */
    char log[65536];
    size_t log_len;
    struct notice notices[16];
    size_t n_notices;
    bool may_open; /* the law is suspended */
    struct answer answer;
    char why[256];
    size_t answers;
    struct event events[64];
    size_t n_events;
    char logged[8192];
    uint64_t packets; /* of every SA, 0 = 10; used last at used_at, wall clock */
    int64_t used_at, wall_s;
    usec_t now;
} w;

static UNUSED void print(void *ctx, const char *line)
{
    (void)ctx;
    w.log_len += (size_t)snprintf(w.log + w.log_len, sizeof w.log - w.log_len, "%s\n", line);
    assert_true(w.log_len < sizeof w.log);
}

static UNUSED void *world_open(const struct backend_setup *setup, struct text *why)
{
    struct backend_setup own = {.print = print};

    (void)setup;
    if (!w.dry)
        w.dry = backend_dry.open(&own, why);
    return w.dry;
}

static UNUSED void world_close(void *self)
{
    (void)self;
}

struct closed {
    struct selector sel;
    uint8_t direction;
    bool found;
};

static UNUSED void look(void *ctx, const struct kernel_policy *p)
{
    struct closed *c = ctx;

    if (p->direction == c->direction && addr_equal(&p->sel.src.addr, &c->sel.src.addr) && p->sel.src.bits == c->sel.src.bits &&
        addr_equal(&p->sel.dst.addr, &c->sel.dst.addr) && p->sel.dst.bits == c->sel.dst.bits &&
        p->sel.protocol == c->sel.protocol)
        c->found = true;
}

/* The law. What is looked for: the configuration that most tests use. */
static UNUSED void watch(void *dry)
{
    static const char *const nets[] = {"10.2.0.0/16", "10.1.0.0/16"};

    for (uint8_t d = 0; d < DIRECTIONS && !w.may_open; d++) {
        struct closed c = {.direction = d};

        assert_int_equal(prefix_parse(nets[d == DIRECTION_OUT], &c.sel.src), 0);
        assert_int_equal(prefix_parse(nets[d != DIRECTION_OUT], &c.sel.dst), 0);
        backend_dry.dump_policies(dry, look, &c);
        assert_true(c.found);
    }
}

static UNUSED void world_apply(void *self, struct kernel_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (w.fail_with && (int)ops[i].kind == w.fail_kind && w.fail_after-- == 0) {
            if (w.fail_done)
                backend_dry.apply(self, &ops[i], 1);
            ops[i].result = w.fail_with;
            snprintf(ops[i].why, sizeof ops[i].why, "told to fail");
            w.fail_with = 0;
            continue;
        }
        backend_dry.apply(self, &ops[i], 1);
        watch(self);
    }
}

static UNUSED int world_sa_get(void *self, const struct sa_name *n, struct sa_seen *out)
{
    int err = backend_dry.sa_get(self, n, out);

    out->bytes = 1000;
    out->packets = w.packets ? w.packets : 10;
    out->used_at = w.used_at;
    return err;
}

static UNUSED int world_dump_sas(void *self, void (*each)(void *, const struct sa_seen *), void *ctx)
{
    if (w.dump_fails && w.dump_fails--)
        return ERR_MEMORY;
    return backend_dry.dump_sas(self, each, ctx);
}

static UNUSED int world_dump_policies(void *self, void (*each)(void *, const struct kernel_policy *), void *ctx)
{
    if (w.dump_fails && w.dump_fails--)
        return ERR_MEMORY;
    return backend_dry.dump_policies(self, each, ctx);
}

static UNUSED size_t world_fds(void *self, int *out, size_t max)
{
    return backend_dry.fds(self, out, max);
}

static UNUSED bool world_read(void *self, void (*each)(void *, const struct notice *), void *ctx)
{
    (void)self;
    for (size_t i = 0; i < w.n_notices; i++)
        each(ctx, &w.notices[i]);
    w.n_notices = 0;
    return false;
}

static const struct hand_backend world = {
    .name = "world",
    .open = world_open,
    .close = world_close,
    .apply = world_apply,
    .sa_get = world_sa_get,
    .dump_sas = world_dump_sas,
    .dump_policies = world_dump_policies,
    .fds = world_fds,
    .read = world_read,
};

static UNUSED void behind_the_back(struct kernel_op op)
{
    backend_dry.apply(w.dry, &op, 1);
    assert_int_equal(op.result, 0);
}

/* --- the hand's other side ------------------------------------------------------------------------------------------- */

static UNUSED void on_answer(void *ctx, const struct answer *a)
{
    (void)ctx;
    w.answer = *a;
    snprintf(w.why, sizeof w.why, "%s", a->why ? a->why : "");
    w.answers++;
}

static UNUSED void on_event(void *ctx, const struct event *e)
{
    (void)ctx;
    assert_true(w.n_events < COUNT_OF(w.events));
    w.events[w.n_events++] = *e;
}

static UNUSED void on_log(void *ctx, enum level level, const char *sentence)
{
    size_t len = strlen(w.logged);

    (void)ctx;
    (void)level;
    snprintf(w.logged + len, sizeof w.logged - len, "%s\n", sentence);
}

static UNUSED bool verdict(void *ctx, const struct peer_ref *p)
{
    (void)ctx;
    return p->handle == 77;
}

static UNUSED struct conf *conf_of(uint32_t generation, const char *yaml)
{
    struct conf_setup setup = {.algs = &alg_registry, .generation = generation};
    struct conf_report report;
    struct conf *conf;
    char words[2000];
    struct text t = text_in(words, sizeof words);

    conf_report_init(&report);
    conf = conf_read_text(&setup, "t.yaml", span_str(yaml), &report);
    conf_report_format(&report, &t);
    if (!conf)
        print_message("%s", words);
    assert_non_null(conf);
    conf_report_done(&report);
    return conf;
}

#define HEAD                                                                                                                     \
    "connections:\n"                                                                                                             \
    "  paris:\n"                                                                                                                 \
    "    local: { address: " A " }\n"                                                                                            \
    "    remote: { address: " B " }\n"                                                                                           \
    "    psk: file:paris.psk\n"                                                                                                  \
    "    children:\n"                                                                                                            \
    "      net:\n"
#define NETS "        local: [10.1.0.0/16]\n        remote: [10.2.0.0/16]\n"

static const char *const no_resolvers[] = {NULL};

static UNUSED usec_t clock_now(void *ctx)
{
    (void)ctx;
    return w.now;
}

static UNUSED int64_t clock_wall_s(void *ctx)
{
    (void)ctx;
    return w.wall_s;
}

static UNUSED struct hand *hand_of(struct conf *conf)
{
    struct hand_setup setup = {.backend = &world,
                               .conf = conf,
                               .resolv_conf = no_resolvers,
                               .answer = on_answer,
                               .event = on_event,
                               .log = on_log,
                               .now = w.now ? clock_now : NULL,
                               .wall_s = w.now ? clock_wall_s : NULL};
    char words[256];
    struct text why = text_in(words, sizeof words);
    struct hand *h;

    w.may_open = true;
    h = hand_new(&setup, &why);
    assert_non_null(h);
    w.may_open = false;
    return h;
}

static UNUSED int begin(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    return 0;
}

static UNUSED int end(void **state)
{
    (void)state;
    if (w.dry)
        backend_dry.close(w.dry);
    return 0;
}

static struct child_keys keys;

static UNUSED struct ask ask_of(enum ask_kind kind, const struct conf *conf, uint32_t spi_in, uint32_t spi_out)
{
    struct ask a = {.to = ASK_HAND, .kind = kind, .ticket = {3, 4}};
    struct ask_child *c = &a.u.child;
    const struct conf_child *child = &conf->connections[0].children[0];

    c->peer.generation = conf->generation;
    c->protocol = PROTOCOL_ESP;
    c->reqid = reqid_configured(0, 0);
    c->spi_in = spi_in;
    c->spi_out = spi_out;
    c->suite.encr = alg_by_name(&alg_registry, "aes256gcm16");
    c->keys = &keys;
    c->ts_local = child->local;
    c->ts_remote = child->remote;
    assert_int_equal(addr_parse(A, &c->local.addr), 0);
    assert_int_equal(addr_parse(B, &c->remote.addr), 0);
    if (!keys.encr_i2r.len)
        assert_int_equal(secret_new(&keys.encr_i2r, 36) | secret_new(&keys.encr_r2i, 36), 0);
    return a;
}

static UNUSED int tell(struct hand *h, const struct ask *a)
{
    size_t before = w.answers;

    hand_ask(h, a);
    assert_int_equal(w.answers, before + 1);
    assert_int_equal(w.answer.ticket.slot, 3);
    assert_int_equal(w.answer.kind, a->kind);
    if (a->kind == ASK_CHILD_QUERY)
        return w.answer.result == ANSWER_OK ? 0 : ERR_NOT_FOUND;
    assert_int_equal(w.answer.result, w.answer.u.install.error ? ANSWER_FAILED : ANSWER_OK);
    return w.answer.u.install.error;
}

static UNUSED int tell_simply(struct hand *h, enum ask_kind kind, const struct conf *conf, uint32_t in, uint32_t out)
{
    struct ask a = ask_of(kind, conf, in, out);

    return tell(h, &a);
}

static UNUSED void counts_are(const struct hand *h, size_t sas, size_t blocks, size_t traps, size_t protects, size_t passes)
{
    struct hand_counts c = hand_counts(h);

    assert_int_equal(c.sas, sas);
    assert_int_equal(c.blocks, blocks);
    assert_int_equal(c.traps, traps);
    assert_int_equal(c.protects, protects);
    assert_int_equal(c.passes, passes);
}

static UNUSED void count_policy(void *ctx, const struct kernel_policy *p)
{
    (void)p;
    (*(size_t *)ctx)++;
}
static UNUSED void count_sa(void *ctx, const struct sa_seen *s)
{
    (void)s;
    (*(size_t *)ctx)++;
}

static UNUSED void kernel_has(size_t sas, size_t policies)
{
    size_t s = 0, p = 0;

    backend_dry.dump_sas(w.dry, count_sa, &s);
    backend_dry.dump_policies(w.dry, count_policy, &p);
    assert_int_equal(s, sas);
    assert_int_equal(p, policies);
}

static UNUSED bool said(const char *words)
{
    return strstr(w.log, words) != NULL;
}

static UNUSED void forget(void)
{
    w.log_len = 0;
    w.log[0] = 0;
}

static UNUSED void refuse(struct hand *h, const struct ask *a, int err, const char *words)
{
    forget();
    assert_int_equal(tell(h, a), err);
    if (!strstr(w.why, words))
        print_error("'%s' does not say '%s'\n", w.why, words);
    assert_non_null(strstr(w.why, words));
    assert_string_equal(w.log, ""); /* the kernel was not even asked */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

static UNUSED int keys_done(void **state)
{
    (void)state;
    secret_done(&keys.encr_i2r);
    secret_done(&keys.encr_r2i);
    return 0;
}

#endif
