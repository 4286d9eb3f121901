/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand over a kernel in memory that can be told to fail, that outlives hands, and that watches one law all the time: a
 * selector that was closed is never without a policy, unless the test says that it may be opened.
 */
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

static void print(void *ctx, const char *line)
{
    (void)ctx;
    w.log_len += (size_t)snprintf(w.log + w.log_len, sizeof w.log - w.log_len, "%s\n", line);
    assert_true(w.log_len < sizeof w.log);
}

static void *world_open(const struct backend_setup *setup, struct text *why)
{
    struct backend_setup own = {.print = print};

    (void)setup;
    if (!w.dry)
        w.dry = backend_dry.open(&own, why);
    return w.dry;
}

static void world_close(void *self)
{
    (void)self;
}

struct closed {
    struct selector sel;
    uint8_t direction;
    bool found;
};

static void look(void *ctx, const struct kernel_policy *p)
{
    struct closed *c = ctx;

    if (p->direction == c->direction && addr_equal(&p->sel.src.addr, &c->sel.src.addr) && p->sel.src.bits == c->sel.src.bits &&
        addr_equal(&p->sel.dst.addr, &c->sel.dst.addr) && p->sel.dst.bits == c->sel.dst.bits &&
        p->sel.protocol == c->sel.protocol)
        c->found = true;
}

/* The law. What is looked for: the configuration that most tests use. */
static void watch(void *dry)
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

static void world_apply(void *self, struct kernel_op *ops, size_t n)
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

static int world_sa_get(void *self, const struct sa_name *n, struct sa_seen *out)
{
    int err = backend_dry.sa_get(self, n, out);

    out->bytes = 1000;
    out->packets = w.packets ? w.packets : 10;
    out->used_at = w.used_at;
    return err;
}

static int world_dump_sas(void *self, void (*each)(void *, const struct sa_seen *), void *ctx)
{
    if (w.dump_fails && w.dump_fails--)
        return ERR_MEMORY;
    return backend_dry.dump_sas(self, each, ctx);
}

static int world_dump_policies(void *self, void (*each)(void *, const struct kernel_policy *), void *ctx)
{
    if (w.dump_fails && w.dump_fails--)
        return ERR_MEMORY;
    return backend_dry.dump_policies(self, each, ctx);
}

static size_t world_fds(void *self, int *out, size_t max)
{
    return backend_dry.fds(self, out, max);
}

static bool world_read(void *self, void (*each)(void *, const struct notice *), void *ctx)
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

static void behind_the_back(struct kernel_op op)
{
    backend_dry.apply(w.dry, &op, 1);
    assert_int_equal(op.result, 0);
}

/* --- the hand's other side ------------------------------------------------------------------------------------------- */

static void on_answer(void *ctx, const struct answer *a)
{
    (void)ctx;
    w.answer = *a;
    snprintf(w.why, sizeof w.why, "%s", a->why ? a->why : "");
    w.answers++;
}

static void on_event(void *ctx, const struct event *e)
{
    (void)ctx;
    assert_true(w.n_events < COUNT_OF(w.events));
    w.events[w.n_events++] = *e;
}

static void on_log(void *ctx, enum level level, const char *sentence)
{
    size_t len = strlen(w.logged);

    (void)ctx;
    (void)level;
    snprintf(w.logged + len, sizeof w.logged - len, "%s\n", sentence);
}

static bool verdict(void *ctx, const struct peer_ref *p)
{
    (void)ctx;
    return p->handle == 77;
}

static struct conf *conf_of(uint32_t generation, const char *yaml)
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

static usec_t clock_now(void *ctx)
{
    (void)ctx;
    return w.now;
}

static int64_t clock_wall_s(void *ctx)
{
    (void)ctx;
    return w.wall_s;
}

static struct hand *hand_of(struct conf *conf)
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

static int begin(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (w.dry)
        backend_dry.close(w.dry);
    return 0;
}

static struct child_keys keys;

static struct ask ask_of(enum ask_kind kind, const struct conf *conf, uint32_t spi_in, uint32_t spi_out)
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

static int tell(struct hand *h, const struct ask *a)
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

static int tell_simply(struct hand *h, enum ask_kind kind, const struct conf *conf, uint32_t in, uint32_t out)
{
    struct ask a = ask_of(kind, conf, in, out);

    return tell(h, &a);
}

static void counts_are(const struct hand *h, size_t sas, size_t blocks, size_t traps, size_t protects, size_t passes)
{
    struct hand_counts c = hand_counts(h);

    assert_int_equal(c.sas, sas);
    assert_int_equal(c.blocks, blocks);
    assert_int_equal(c.traps, traps);
    assert_int_equal(c.protects, protects);
    assert_int_equal(c.passes, passes);
}

static void count_policy(void *ctx, const struct kernel_policy *p)
{
    (void)p;
    (*(size_t *)ctx)++;
}
static void count_sa(void *ctx, const struct sa_seen *s)
{
    (void)s;
    (*(size_t *)ctx)++;
}

static void kernel_has(size_t sas, size_t policies)
{
    size_t s = 0, p = 0;

    backend_dry.dump_sas(w.dry, count_sa, &s);
    backend_dry.dump_policies(w.dry, count_policy, &p);
    assert_int_equal(s, sas);
    assert_int_equal(p, policies);
}

static bool said(const char *words)
{
    return strstr(w.log, words) != NULL;
}

static void forget(void)
{
    w.log_len = 0;
    w.log[0] = 0;
}

/* --- tests ----------------------------------------------------------------------------------------------------------- */

static void one_tunnel(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS);
    struct hand *h = hand_of(conf);

    (void)state;
    counts_are(h, 0, 3, 0, 0, 0);
    forget();
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
    counts_are(h, 2, 0, 0, 3, 0);
    assert_string_equal(w.log,
                        "sa add in 192.0.2.2 -> 192.0.2.1 spi 00001000 reqid 0x43000000 tunnel aes256gcm16 window 128\n"
                        "sa add out 192.0.2.1 -> 192.0.2.2 spi 00002000 reqid 0x43000000 tunnel aes256gcm16\n"
                        "policy set in 10.2.0.0/16 10.1.0.0/16 protocol 0 protect priority 181153 tunnel 192.0.2.2 -> 192.0.2.1 "
                        "reqid 0x43000000 spi 00000000\n"
                        "policy set out 10.1.0.0/16 10.2.0.0/16 protocol 0 protect priority 181153 tunnel 192.0.2.1 -> 192.0.2.2 "
                        "reqid 0x43000000 spi 00002000\n"
                        "policy set fwd 10.2.0.0/16 10.1.0.0/16 protocol 0 protect priority 181153 tunnel 192.0.2.2 -> 192.0.2.1 "
                        "reqid 0x43000000 spi 00000000\n");
    assert_int_equal(tell_simply(h, ASK_CHILD_QUERY, conf, 0x1000, 0x2000), 0);
    assert_int_equal(w.answer.u.query.bytes_in, 1000);
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000), 0);
    counts_are(h, 0, 3, 0, 0, 0);
    kernel_has(0, 3);
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000), 0);
    hand_free(h);
    kernel_has(0, 3);
    conf_unref(conf);
}

/* Since `from` the machine has been on for `s` seconds; the wall clock says what it says. */
static int64_t idle_at(struct hand *h, struct conf *conf, int64_t s, int64_t wall_s)
{
    w.now = (1000 + s) * USEC_SEC;
    w.wall_s = wall_s;
    assert_int_equal(tell_simply(h, ASK_CHILD_QUERY, conf, 0x1000, 0x2000), 0);
    return w.answer.u.query.idle_in_s;
}

/* The kernel says by the wall clock when an SA was last used; that clock jumps, our idea of a peer's silence must not. */
static void wall_clock_jumps(void **state)
{
    const int64_t wall = 1800000000, years = (int64_t)10 * 365 * 86400;
    struct conf *conf = conf_of(1, HEAD NETS);
    struct hand *h;

    (void)state;
    w.now = 1000 * USEC_SEC;
    w.wall_s = wall;
    h = hand_of(conf);
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
    assert_int_equal(idle_at(h, conf, 5, wall + 5), -1);
    w.packets = 11;
    w.used_at = wall + 7;
    assert_int_equal(idle_at(h, conf, 20, wall + 20), 13);
    assert_int_equal(idle_at(h, conf, 30, wall + 30 - years), 23); /* back: silent all the same */
    assert_int_equal(idle_at(h, conf, 40, wall + 40 + years), 33); /* forth: no more silent than it is */
    w.packets = 12;
    w.used_at = wall + 45 - years;
    assert_int_equal(idle_at(h, conf, 50, wall + 50 + years), 0); /* between the looks; nobody knows when */
    assert_int_equal(idle_at(h, conf, 60, wall + 60), 10);
    hand_free(h);
    conf_unref(conf);
}

/* A replaced SA is heard and sends no more, where another sends in its place; else it goes on. */
static void mute(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS);
    struct hand *h = hand_of(conf);
    struct ask a = ask_of(ASK_CHILD_REMOVE, conf, 0x1000, 0x2000);

    (void)state;
    a.u.child.inbound_only = true;
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
    assert_int_equal(tell(h, &a), 0);
    kernel_has(2, 3);
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1001, 0x2001), 0);
    a = ask_of(ASK_CHILD_REMOVE, conf, 0x1001, 0x2001); /* the newer one goes: the older one takes its policies */
    a.u.child.inbound_only = true;
    forget();
    assert_int_equal(tell(h, &a), 0);
    assert_true(said("reqid 0x43000000 spi 00002000"));
    assert_true(said("sa del -> 192.0.2.2 spi 00002001"));
    kernel_has(3, 3);
    assert_int_equal(tell(h, &a), 0);
    kernel_has(3, 3);
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1001, 0x2001), 0);
    kernel_has(2, 3);
    hand_free(h);
    conf_unref(conf);
}

static void rekey(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS);
    struct hand *h = hand_of(conf);
    struct ask a = ask_of(ASK_CHILD_INSTALL, conf, 0x1001, 0);

    (void)state;
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
    forget();
    a.u.child.inbound_only = true;
    a.u.child.old_spi_in = 0x1000;
    a.u.child.reqid++; /* another than its predecessor's would cut that one off */
    assert_int_equal(tell(h, &a), 0);
    assert_true(said("sa add in 192.0.2.2 -> 192.0.2.1 spi 00001001 reqid 0x43000000"));
    assert_false(said("policy"));
    counts_are(h, 3, 0, 0, 3, 0);
    a = ask_of(ASK_CHILD_OUTBOUND, conf, 0x1001, 0x2001);
    assert_int_equal(tell(h, &a), 0);
    assert_true(said("out 10.1.0.0/16 10.2.0.0/16 protocol 0 protect priority 181153 tunnel 192.0.2.1 -> 192.0.2.2 reqid "
                     "0x43000000 spi 00002001"));
    assert_int_equal(tell(h, &a), ERR_NOT_FOUND); /* twice */
    forget();
    a = ask_of(ASK_CHILD_REMOVE, conf, 0x1000, 0x2000);
    a.u.child.replaced = true;
    assert_int_equal(tell(h, &a), 0);
    assert_false(said("policy"));
    counts_are(h, 2, 0, 0, 3, 0);
    /* the loser of a collision goes: the policies fall back to the older SA */
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1002, 0x2002), 0);
    forget();
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1002, 0x2002), 0);
    assert_true(said("spi 00002001"));
    counts_are(h, 2, 0, 0, 3, 0);
    hand_free(h);
    conf_unref(conf);
}

/* Whatever fails, nothing of it stays, and the policies are what they were. */
static void failures(void **state)
{
    static const struct {
        int kind, after, with, want;
    } cases[] = {
        {OP_SA_ADD, 0, ERR_EXISTS, ERR_EXISTS},           {OP_SA_ADD, 1, ERR_EXISTS, ERR_REFUSED},
        {OP_SA_ADD, 0, ERR_UNSUPPORTED, ERR_UNSUPPORTED}, {OP_SA_ADD, 1, ERR_MEMORY, ERR_MEMORY},
        {OP_POLICY_SET, 0, ERR_MEMORY, ERR_MEMORY},       {OP_POLICY_SET, 2, ERR_IO, ERR_IO},
    };
    struct conf *conf = conf_of(1, HEAD NETS);
    struct hand *h = hand_of(conf);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        w.fail_kind = cases[i].kind;
        w.fail_after = cases[i].after;
        w.fail_with = cases[i].with;
        assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), cases[i].want);
        assert_non_null(strstr(w.why, "told to fail"));
        counts_are(h, 0, 3, 0, 0, 0);
        kernel_has(0, 3);
    }
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) { /* a rekey that fails leaves the old SA as it was */
        w.fail_kind = cases[i].kind;
        w.fail_after = i == 5 ? 0 : cases[i].after; /* a rekey replaces the outbound policy alone */
        w.fail_with = cases[i].with;
        assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1001, 0x2001), cases[i].want);
        counts_are(h, 2, 0, 0, 3, 0);
        kernel_has(2, 3);
    }
    w.fail_kind = OP_SA_ADD;
    w.fail_after = 0;
    w.fail_with = ERR_MEMORY;
    {
        struct ask a = ask_of(ASK_CHILD_INSTALL, conf, 0x1003, 0);

        w.fail_with = 0;
        a.u.child.inbound_only = true;
        assert_int_equal(tell(h, &a), 0);
        w.fail_with = ERR_MEMORY;
        assert_int_equal(tell_simply(h, ASK_CHILD_OUTBOUND, conf, 0x1003, 0x2003), ERR_MEMORY);
        kernel_has(3, 3);
        assert_int_equal(tell_simply(h, ASK_CHILD_OUTBOUND, conf, 0x1003, 0x2003), 0);
    }
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2009), ERR_EXISTS); /* by our own table */
    hand_free(h);
    conf_unref(conf);
}

static void refuse(struct hand *h, const struct ask *a, int err, const char *words)
{
    forget();
    assert_int_equal(tell(h, a), err);
    if (!strstr(w.why, words))
        print_error("'%s' does not say '%s'\n", w.why, words);
    assert_non_null(strstr(w.why, words));
    assert_string_equal(w.log, ""); /* the kernel was not even asked */
}

static void refusals(void **state)
{
    struct conf *conf = conf_of(5, HEAD NETS);
    struct hand *h = hand_of(conf);
    const struct ask good = ask_of(ASK_CHILD_INSTALL, conf, 0x1000, 0x2000);
    struct prefix p;
    struct ts t;
    struct secret empty = {0};
    struct child_keys short_keys = {.encr_i2r = keys.encr_i2r, .encr_r2i = empty};
    struct ask a;

    (void)state;
#define BUT(change, err, words)                                                                                                  \
    do {                                                                                                                         \
        a = good;                                                                                                                \
        change;                                                                                                                  \
        refuse(h, &a, err, words);                                                                                               \
    } while (0)
    BUT(a.u.child.peer.generation = 4, ERR_REFUSED, "no such connection");
    BUT(a.u.child.peer.connection = 1, ERR_REFUSED, "no such connection");
    BUT(a.u.child.child = 1, ERR_REFUSED, "no such connection");
    BUT(a.u.child.reqid = 7, ERR_REFUSED, "not of our range");
    BUT(a.u.child.reqid = 0x45000000, ERR_REFUSED, "not of our range");
    BUT(a.u.child.spi_in = 255, ERR_REFUSED, "reserved");
    BUT(a.u.child.spi_out = 0, ERR_REFUSED, "reserved");
    BUT(a.u.child.protocol = PROTOCOL_AH, ERR_UNSUPPORTED, "ESP");
    BUT(a.u.child.suite.encr = NULL, ERR_UNSUPPORTED, "suite");
    BUT(a.u.child.suite.encr = alg_by_name(&alg_registry, "aes256"), ERR_UNSUPPORTED, "suite");
    BUT(a.u.child.keys = &short_keys, ERR_BAD, "length");
    BUT(a.u.child.remote.addr = addr_v4(192, 0, 2, 3), ERR_REFUSED, "192.0.2.3 is not the configured address");
    BUT(a.u.child.remote.addr.family = 0, ERR_BAD, "address");
    assert_int_equal(prefix_parse("10.0.0.0/8", &p), 0);
    t = ts_from_prefix(&p, 0, 0, 0xffff);
    BUT(a.u.child.ts_remote = ((struct ts_list){&t, 1}), ERR_REFUSED, "does not allow the remote selectors 10.0.0.0/8");
    BUT(a.u.child.ts_local = ((struct ts_list){&t, 1}), ERR_REFUSED, "does not allow the local selectors");
    BUT(a.u.child.ts_local.n = 0, ERR_REFUSED, "does not allow");
    BUT(a.kind = ASK_CHILD_UPDATE, ERR_NOT_FOUND, "no SA");
    a = ask_of(ASK_CHILD_OUTBOUND, conf, 0x1000, 0x2000);
    refuse(h, &a, ERR_NOT_FOUND, "waits");
    a.kind = ASK_RESOLVE;
    hand_ask(h, &a);
    assert_int_equal(w.answer.result, ANSWER_FAILED);
    counts_are(h, 0, 3, 0, 0, 0);
    hand_free(h);
    conf_unref(conf);
}

static void nobody_without_a_verdict(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS);
    struct hand_setup setup = {.backend = &world,
                               .conf = conf,
                               .resolv_conf = no_resolvers,
                               .answer = on_answer,
                               .event = on_event,
                               .log = on_log,
                               .verdict = verdict};
    char words[256];
    struct text why = text_in(words, sizeof words);
    struct ask a = ask_of(ASK_CHILD_INSTALL, conf, 0x1000, 0x2000);
    struct hand *h;

    (void)state;
    w.may_open = true;
    h = hand_new(&setup, &why);
    w.may_open = false;
    refuse(h, &a, ERR_REFUSED, "nobody has proved this peer to be paris");
    a.u.child.old_spi_in = 0x1000; /* nor as the successor of an SA that nobody has installed, or that somebody has */
    refuse(h, &a, ERR_REFUSED, "nobody has proved this peer to be paris");
    a.u.child.old_spi_in = 0;
    a.u.child.peer.handle = 77;
    assert_int_equal(tell(h, &a), 0);
    a.u.child.peer.handle = 0;
    a.u.child.old_spi_in = 0x1000;
    a.u.child.spi_in = 0x1001;
    a.u.child.spi_out = 0x2001;
    refuse(h, &a, ERR_REFUSED, "nobody has proved this peer to be paris");
    a.kind = ASK_CHILD_OUTBOUND;
    a.u.child.spi_in = 0x1000;
    refuse(h, &a, ERR_REFUSED, "nobody has proved this peer to be paris");
    hand_free(h);
    conf_unref(conf);
}

/* What the peer narrowed away stays closed, also where it was a trap. */
static void narrowing(void **state)
{
    struct conf *conf = conf_of(1, HEAD "        local: [10.1.0.0/16]\n        remote: [10.2.0.0/16, 10.3.0.0/16]\n"
                                        "        keep: on-demand\n");
    struct hand *h = hand_of(conf);
    struct ask a = ask_of(ASK_CHILD_INSTALL, conf, 0x1000, 0x2000);
    struct prefix p;
    struct ts t;

    (void)state;
    counts_are(h, 0, 4, 2, 0, 0);
    assert_int_equal(prefix_parse("10.2.5.0/24", &p), 0);
    t = ts_from_prefix(&p, 6, 80, 80);
    a.u.child.ts_remote = (struct ts_list){&t, 1};
    forget();
    assert_int_equal(tell(h, &a), 0);
    counts_are(h, 2, 6, 0, 3, 0);
    assert_true(said("policy new out 10.1.0.0/16 10.2.5.0/24[80/0xffff] protocol 6 protect priority"));
    assert_true(said("policy set out 10.1.0.0/16 10.2.0.0/16 protocol 0 block"));
    assert_true(said("policy set out 10.1.0.0/16 10.3.0.0/16 protocol 0 block"));
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000), 0);
    counts_are(h, 0, 4, 2, 0, 0);
    kernel_has(0, 6);
    hand_free(h);
    conf_unref(conf);
}

static struct notice acquire(const struct hand *h, uint32_t seq, uint32_t reqid, uint32_t index)
{
    struct notice n = {.kind = NOTICE_ACQUIRE, .reqid = reqid};
    struct larval *l = &n.u.acquire.larval;

    (void)h;
    n.u.acquire.seq = l->seq = seq;
    n.u.acquire.policy_index = index;
    l->reqid = reqid;
    l->src = addr_v4(192, 0, 2, 1);
    l->dst = addr_v4(192, 0, 2, 2);
    n.u.acquire.packet = (struct selector){.src = {addr_v4(10, 1, 0, 9), 32},
                                           .dst = {addr_v4(10, 2, 0, 9), 32},
                                           .protocol = 17,
                                           .sport = 1234,
                                           .sport_mask = 0xffff,
                                           .dport = 53,
                                           .dport_mask = 0xffff};
    return n;
}

static void find_trap(void *ctx, const struct kernel_policy *p)
{
    if (p->action == POLICY_PROTECT && p->direction == DIRECTION_OUT)
        *(uint32_t *)ctx = p->index;
}

static void acquires(void **state)
{
    struct conf *conf = conf_of(9, HEAD NETS "        keep: on-demand\n");
    struct hand *h = hand_of(conf);
    struct ask done = {.to = ASK_HAND, .kind = ASK_ACQUIRE_DONE, .ticket = {3, 4}};
    struct ask a = ask_of(ASK_CHILD_INSTALL, conf, 0x1000, 0x2000);
    uint32_t reqid = reqid_configured(0, 0), index = 0;
    char text[TS_TEXT_MAX];

    (void)state;
    counts_are(h, 0, 2, 1, 0, 0);
    backend_dry.dump_policies(w.dry, find_trap, &index);
    for (uint32_t i = 0; i < 5; i++)
        w.notices[w.n_notices++] = acquire(h, 40 + i, reqid, index);
    w.notices[w.n_notices++] = acquire(h, 50, 7, index);             /* somebody else's */
    w.notices[w.n_notices++] = acquire(h, 51, reqid + 1, 0x1234);    /* no policy of ours */
    w.notices[w.n_notices++] = acquire(h, 52, reqid + 1, index + 8); /* never heard of */
    hand_read(h);
    assert_int_equal(w.n_events, 1);
    assert_int_equal(w.events[0].kind, EVENT_ACQUIRE);
    assert_int_equal(w.events[0].u.acquire.generation, 9);
    assert_int_equal(w.events[0].u.acquire.reqid, reqid);
    assert_int_equal(w.events[0].u.acquire.seq, 40);
    assert_string_equal(ts_format(&w.events[0].u.acquire.local, text), "10.1.0.9/32[udp/1234]");
    assert_string_equal(ts_format(&w.events[0].u.acquire.remote, text), "10.2.0.9/32[udp/53]");
    assert_int_equal(hand_counts(h).acquires_dropped, 4);
    forget();
    done.u.acquire.seq = 40;
    done.u.acquire.reqid = reqid;
    assert_int_equal(tell(h, &done), 0);
    assert_string_equal(w.log, "larval free -> 192.0.2.2 seq 44 reqid 0x43000000\n"); /* the last one is the kernel's */
    assert_int_equal(tell(h, &done), 0);
    w.notices[w.n_notices++] = acquire(h, 60, reqid, index);
    hand_read(h);
    assert_int_equal(w.n_events, 2);
    w.notices[w.n_notices++] = acquire(h, 61, reqid, index);
    hand_read(h);
    forget();
    a.u.child.acquire_seq = 60;
    assert_int_equal(tell(h, &a), 0);
    assert_true(said("aes256gcm16 seq 61\n"));
    assert_false(said("larval free"));
    hand_free(h);
    conf_unref(conf);
}

static void split_children(void **state)
{
    struct conf *conf = conf_of(1, HEAD "        local: [10.1.0.0/16]\n        remote: [10.2.0.0/16, 10.3.0.0/16]\n"
                                        "        keep: on-demand\n        split: split\n");
    struct hand *h = hand_of(conf);
    struct ask a = ask_of(ASK_CHILD_INSTALL, conf, 0x1000, 0x2000);

    (void)state;
    counts_are(h, 0, 4, 2, 0, 0);
    a.u.child.ts_remote.v++;
    a.u.child.ts_remote.n = 1;
    forget();
    assert_int_equal(tell(h, &a), 0);
    counts_are(h, 2, 2, 1, 3, 0); /* the other pair waits on */
    assert_true(said("spi 00001000 reqid 0x44800001"));
    a = ask_of(ASK_CHILD_INSTALL, conf, 0x1001, 0x2001);
    a.u.child.ts_remote.n = 1;
    assert_int_equal(tell(h, &a), 0);
    assert_true(said("spi 00001001 reqid 0x43000000"));
    counts_are(h, 4, 0, 0, 6, 0);
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000), 0);
    counts_are(h, 2, 2, 1, 3, 0);
    hand_free(h);
    conf_unref(conf);
}

static void adoption(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS), *more = conf_of(1, HEAD "        local: [10.1.0.0/16]\n"
                                                                       "        remote: [10.2.0.0/16, 10.3.0.0/16]\n");
    struct kernel_op theirs = {.kind = OP_POLICY_NEW,
                               .u.policy = {.sel = {.src = {addr_v4(172, 16, 0, 0), 24}, .dst = {addr_v4(172, 17, 0, 0), 24}},
                                            .direction = DIRECTION_OUT,
                                            .index = 9}};
    struct kernel_op sa = {.kind = OP_SA_ADD,
                           .u.sa = {.src = addr_v4(9, 9, 9, 1),
                                    .dst = addr_v4(9, 9, 9, 2),
                                    .spi = 0x99,
                                    .reqid = 7,
                                    .encr = alg_by_name(&alg_registry, "aes256gcm16")}};
    struct hand *h = hand_of(more);

    (void)state;
    behind_the_back(theirs);
    behind_the_back(sa);
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, more, 0x1000, 0x2000), 0);
    kernel_has(3, 7);
    hand_free(h); /* killed */
    kernel_has(3, 7);
    forget();
    h = hand_of(conf);
    kernel_has(1, 4);
    assert_false(said("policy new"));
    assert_true(said("policy set out 10.1.0.0/16 10.2.0.0/16 protocol 0 block"));
    assert_true(said("policy del out 10.1.0.0/16 10.3.0.0/16"));
    assert_true(strstr(w.log, "policy set out") < strstr(w.log, "policy del"));
    counts_are(h, 0, 3, 0, 0, 0);
    hand_free(h);
    conf_unref(conf);
    conf_unref(more);
}

static void reload(void **state)
{
    struct conf *one = conf_of(1, HEAD NETS);
    struct conf *two =
        conf_of(2, "connections:\n  first:\n    remote: 192.0.2.9\n    psk: file:x.psk\n    local_net: [10.8.0.0/16]\n"
                   "    remote_net: [10.9.0.0/16]\n  paris:\n    local: { address: " A " }\n    remote: { address: " B
                   " }\n    psk: file:paris.psk\n    children:\n      net:\n" NETS);
    struct conf *three =
        conf_of(3, "connections:\n  first:\n    remote: 192.0.2.9\n    psk: file:x.psk\n    local_net: [10.8.0.0/16]\n"
                   "    remote_net: [10.9.0.0/16]\n");
    struct hand *h = hand_of(one);
    struct ask a = ask_of(ASK_CHILD_INSTALL, one, 0x1001, 0x2001);

    (void)state;
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, one, 0x1000, 0x2000), 0);
    forget();
    assert_int_equal(hand_configure(h, two), 0);
    assert_false(said("10.2.0.0")); /* the same: left alone */
    counts_are(h, 2, 3, 0, 3, 0);
    assert_int_equal(tell(h, &a), 0); /* an ask of the old generation is allowed still */
    counts_are(h, 4, 3, 0, 3, 0);
    w.may_open = true;
    assert_int_equal(hand_configure(h, three), 0);
    counts_are(h, 4, 3, 0, 3, 0); /* its SAs carry on until the core takes them away */
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, one, 0x1000, 0x2000), 0);
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, one, 0x1001, 0x2001), 0);
    kernel_has(0, 3);
    a = ask_of(ASK_CHILD_INSTALL, one, 0x1002, 0x2002);
    refuse(h, &a, ERR_REFUSED, "no such connection"); /* two generations ago */
    a.u.child.peer = (struct peer_ref){2, 1, 0};
    refuse(h, &a, ERR_REFUSED, "paris/net is not in the configuration any more");
    hand_free(h);
    conf_unref(one);
    conf_unref(two);
    conf_unref(three);
}

/* Selectors that the kernel cannot have: the old configuration stays, whole. */
static void bad_reload(void **state)
{
    struct conf *one = conf_of(1, HEAD NETS);
    struct conf *two = conf_of(2, HEAD "        local: [0.0.0.1-255.255.255.254/udp/1-65534]\n"
                                       "        remote: [0.0.0.1-255.255.255.254/udp/1-65534]\n");
    struct hand *h = hand_of(one);

    (void)state;
    forget();
    assert_int_equal(hand_configure(h, two), ERR_LIMIT);
    assert_string_equal(w.log, "");
    assert_non_null(strstr(w.logged, "paris/net cannot be closed"));
    counts_are(h, 0, 3, 0, 0, 0);
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, one, 0x1000, 0x2000), 0);
    hand_free(h);
    conf_unref(one);
    conf_unref(two);
}

static void orders(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS "        keep: on-demand\n");
    struct hand *h = hand_of(conf);
    struct ask a = ask_of(ASK_CHILD_INSTALL, conf, 0x1000, 0x2000);

    (void)state;
    assert_int_equal(hand_disable(h, "london"), ERR_NOT_FOUND);
    assert_int_equal(tell(h, &a), 0);
    w.may_open = true;
    assert_int_equal(hand_disable(h, "paris"), 0);
    kernel_has(2, 0);
    w.fail_with = 0;
    a = ask_of(ASK_CHILD_INSTALL, conf, 0x1001, 0x2001);
    refuse(h, &a, ERR_REFUSED, "disabled");
    assert_int_equal(hand_configure(h, conf), 0); /* a reload does not enable */
    kernel_has(2, 0);
    assert_int_equal(hand_enable(h, "paris"), 0);
    w.may_open = false;
    kernel_has(2, 3);
    counts_are(h, 2, 0, 0, 3, 0);
    hand_disarm(h);
    counts_are(h, 0, 3, 0, 0, 0); /* the trap too */
    kernel_has(0, 3);
    refuse(h, &a, ERR_REFUSED, "stopped");
    hand_free(h);
    conf_unref(conf);
}

static void overrun(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS);
    struct hand *h = hand_of(conf);
    struct kernel_op del = {.kind = OP_SA_DEL, .u.name = {.spi = 0x2000, .dst = addr_v4(192, 0, 2, 2)}};
    struct kernel_op stray = {.kind = OP_SA_ADD,
                              .u.sa = {.src = addr_v4(192, 0, 2, 2),
                                       .dst = addr_v4(192, 0, 2, 1),
                                       .spi = 0x6666,
                                       .reqid = reqid_configured(0, 0),
                                       .encr = alg_by_name(&alg_registry, "aes256gcm16")}};
    struct kernel_op gone = {.kind = OP_POLICY_DEL, .u.policy = {.direction = DIRECTION_OUT}};

    (void)state;
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
    backend_dry.dump_policies(w.dry, find_trap, &gone.u.policy.index);
    behind_the_back(gone);
    behind_the_back(del);
    behind_the_back(stray);
    w.notices[w.n_notices++] = (struct notice){.kind = NOTICE_OVERRUN};
    w.may_open = true;
    hand_read(h);
    w.may_open = false;
    assert_int_equal(w.n_events, 2);
    assert_int_equal(w.events[0].kind, EVENT_LOST);
    assert_int_equal(w.events[1].kind, EVENT_GONE);
    assert_int_equal(w.events[1].u.expire.spi, 0x2000);
    kernel_has(1, 3);
    counts_are(h, 1, 1, 0, 2, 0); /* out is closed: nothing goes out by an SA that is not there */
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000), 0);
    counts_are(h, 0, 3, 0, 0, 0);
    /* a policy of ours that somebody changed */
    backend_dry.dump_policies(w.dry, count_policy, &(size_t){0});
    w.notices[w.n_notices++] = (struct notice){.kind = NOTICE_POLICY_CHANGED, .u.policy_index = 5};
    hand_read(h);
    assert_int_equal(hand_counts(h).resyncs, 1); /* not ours */
    hand_free(h);
    conf_unref(conf);
}

/* An SA is taken away by others, and a packet asks for it before we hear: the kernel keeps a larval one with its SPI for 30 s. */
static void larval_of_an_sa(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS);
    struct hand *h = hand_of(conf);
    struct kernel_op del = {.kind = OP_SA_DEL, .u.name = {.spi = 0x2000, .dst = addr_v4(192, 0, 2, 2)}};
    struct kernel_op larval = {.kind = OP_SA_ADD,
                               .u.sa = {.src = addr_v4(192, 0, 2, 1),
                                        .dst = addr_v4(192, 0, 2, 2),
                                        .spi = 0x2000,
                                        .reqid = reqid_configured(0, 0),
                                        .encr = alg_by_name(&alg_registry, "aes256gcm16")}};
    uint32_t index = 0;

    (void)state;
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
    backend_dry.dump_policies(w.dry, find_trap, &index);
    behind_the_back(del);
    behind_the_back(larval);
    w.notices[w.n_notices] = (struct notice){.kind = NOTICE_SA_DELETED, .reqid = reqid_configured(0, 0)};
    w.notices[w.n_notices].u.expire.spi = 0x2000;
    w.notices[w.n_notices++].u.expire.dst = addr_v4(192, 0, 2, 2);
    w.notices[w.n_notices++] = acquire(h, 7, reqid_configured(0, 0), index);
    kernel_has(2, 3);
    hand_read(h);
    kernel_has(1, 3);
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000), 0);
    kernel_has(0, 3);
    hand_free(h);
    conf_unref(conf);
}

static void will_fail(int kind, int with, bool done)
{
    w.fail_kind = kind;
    w.fail_after = 0;
    w.fail_with = with;
    w.fail_done = done;
}

/* Time passes to when the hand wants to look again; what it waited. */
static usec_t mend(struct hand *h)
{
    usec_t from = w.now;

    assert_true(hand_deadline(h) < USEC_NEVER);
    hand_mend(h); /* too early: nothing happens */
    assert_true(hand_deadline(h) < USEC_NEVER);
    w.now = hand_deadline(h);
    hand_mend(h);
    return w.now - from;
}

/* Orders to the kernel that fail, or whose answer is lost, leave nothing behind: no SA that nobody knows, no selector open, no
 * policy of ours that is taken for another's. The hand looks again by itself, later and later, until all is well. */
static void unsure(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS "        keep: on-demand\n");
    usec_t waited = 0, last;
    struct hand *h;

    (void)state;
    w.now = USEC_SEC;
    for (int done = 0; done < 2; done++) { /* the first start */
        will_fail(OP_POLICY_NEW, ERR_MEMORY, done);
        h = hand_of(conf);
        kernel_has(0, done ? 3 : 2);
        w.may_open = true;
        mend(h);
        w.may_open = false;
        kernel_has(0, 3);
        assert_int_equal(hand_deadline(h), USEC_NEVER);
        assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
        counts_are(h, 2, 0, 0, 3, 0);
        will_fail(OP_SA_DEL, ERR_IO, done);
        (void)tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000);
        kernel_has(done ? 0 : 1, 3);
        mend(h);
        kernel_has(0, 3);
        counts_are(h, 0, 2, 1, 0, 0);
        for (int kind = OP_SA_ADD; kind <= OP_POLICY_SET; kind++) {
            if (kind == OP_SA_DEL || kind == OP_SA_MOVE || kind == OP_POLICY_NEW)
                continue;
            will_fail(kind, ERR_IO, done);
            assert_int_not_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
            mend(h);
            kernel_has(0, 3);
            counts_are(h, 0, 2, 1, 0, 0);
            assert_int_equal(hand_deadline(h), USEC_NEVER);
        }
        hand_free(h);
        backend_dry.close(w.dry);
        w.dry = NULL;
    }
    h = hand_of(conf); /* tables that cannot be read are looked at again, later and later */
    w.notices[w.n_notices++] = (struct notice){.kind = NOTICE_OVERRUN};
    w.dump_fails = 40;
    hand_read(h);
    for (int i = 0; i < 12; i++) {
        last = waited;
        waited = mend(h);
        assert_true(waited >= last);
    }
    assert_int_equal(waited, 60 * USEC_SEC);
    w.dump_fails = 0;
    mend(h);
    assert_int_equal(hand_deadline(h), USEC_NEVER);
    hand_free(h);
    conf_unref(conf);
}

static void expiry_and_mapping(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS);
    struct hand *h = hand_of(conf);
    struct notice e = {.kind = NOTICE_EXPIRE, .reqid = reqid_configured(0, 0)};
    struct notice m = {.kind = NOTICE_MAPPING, .reqid = reqid_configured(0, 0)};

    (void)state;
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
    e.u.expire.spi = 0x2000;
    e.u.expire.dst = addr_v4(192, 0, 2, 2);
    w.notices[0] = e;
    e.u.expire.hard = true;
    w.notices[1] = e;
    w.notices[2] = e; /* it is gone: not known any more */
    m.u.mapping.spi = 0x1000;
    m.u.mapping.dst = addr_v4(192, 0, 2, 1);
    m.u.mapping.new_remote = (struct endpoint){addr_v4(192, 0, 2, 2), 5555};
    w.notices[3] = m;
    m.u.mapping.spi = 0x1001;
    w.notices[4] = m;
    w.notices[5] = (struct notice){.kind = NOTICE_ADDRESS};
    w.n_notices = 6;
    hand_read(h);
    assert_int_equal(w.n_events, 4);
    assert_false(w.events[0].u.expire.hard);
    assert_true(w.events[1].u.expire.hard);
    assert_int_equal(w.events[2].kind, EVENT_MAPPING);
    assert_int_equal(w.events[2].u.mapping.new_remote.port, 5555);
    assert_int_equal(w.events[3].kind, EVENT_ADDRESS);
    counts_are(h, 1, 1, 0, 2, 0);
    hand_free(h);
    conf_unref(conf);
}

static void in_the_way(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS);
    struct kernel_op theirs = {.kind = OP_POLICY_NEW,
                               .u.policy = {.sel = {.src = {addr_v4(10, 1, 0, 0), 16}, .dst = {addr_v4(10, 2, 0, 0), 16}},
                                            .direction = DIRECTION_OUT,
                                            .index = 9}};
    struct text none = text_in((char[1]){0}, 1);
    struct hand *h;
    struct ask a = ask_of(ASK_CHILD_INSTALL, conf, 0x1000, 0x2000);

    (void)state;
    (void)world_open(NULL, &none);
    behind_the_back(theirs);
    h = hand_of(conf);
    assert_non_null(strstr(w.logged,
                           "policy out 10.1.0.0/16 -> 10.2.0.0/16: the kernel has a policy with the same selector that is "
                           "not ours"));
    assert_int_equal(tell(h, &a), ERR_REFUSED);
    kernel_has(0, 3);
    theirs.kind = OP_POLICY_DEL;
    behind_the_back(theirs);
    w.may_open = true;
    assert_int_equal(tell(h, &a), 0); /* with it gone all is well */
    kernel_has(2, 3);
    hand_free(h);
    conf_unref(conf);
}

static void exceptions(void **state)
{
    static const char file[] = "test_hand.resolv", *const files[] = {file, NULL};
    struct conf *conf = conf_of(1, "connections:\n  paris:\n    remote: paris.example.com\n    psk: file:x.psk\n"
                                   "    local_net: [10.1.0.0/24, \"fd01::/64\"]\n    remote_net: [0.0.0.0/0, \"::/0\"]\n");
    struct hand_setup setup = {
        .backend = &world, .conf = conf, .resolv_conf = files, .answer = on_answer, .event = on_event, .log = on_log};
    char words[256];
    struct text why = text_in(words, sizeof words);
    struct ask a = ask_of(ASK_CHILD_INSTALL, conf, 0x1000, 0x2000);
    FILE *f = fopen(file, "w");
    struct hand *h;

    (void)state;
    assert_non_null(f);
    fputs("# comment\nsearch example.com\nnameserver 198.51.100.53\nnameserver fe80::1%eth0\nnameserver\nnameserverx 1.2.3.4\n",
          f);
    fclose(f);
    w.may_open = true;
    h = hand_new(&setup, &why);
    assert_non_null(h);
    assert_true(said("policy new out 0.0.0.0/0 198.51.100.53/32[53/0xffff] protocol 17 pass priority 1000"));
    assert_true(said("policy new in 198.51.100.53/32[53/0xffff] 0.0.0.0/0 protocol 6 pass priority 1000"));
    assert_true(said("policy new out ::/0 fe80::1/128[53/0xffff] protocol 17 pass"));
    assert_false(said("1.2.3.4"));
    assert_true(said("policy new in ::/0[135/0xffff] ::/0 protocol 58 pass"));
    assert_true(said("policy new out 0.0.0.0/0[68/0xffff] 0.0.0.0/0[67/0xffff] protocol 17 pass"));
    assert_true(said("policy new fwd 10.1.0.0/24 10.1.0.0/24 protocol 0 pass"));
    assert_false(said("fwd ::/0[135"));
    assert_false(said("192.0.2.1")); /* ICMP errors: our outer address is not known, nor is it in the selectors */
    forget();
    assert_int_equal(tell(h, &a), 0);
    assert_true(said("policy del out 0.0.0.0/0 198.51.100.53/32[53/0xffff] protocol 17")); /* names go through the tunnel now */
    forget();
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000), 0);
    assert_true(said("policy new out 0.0.0.0/0 198.51.100.53/32[53/0xffff] protocol 17"));
    unlink(file); /* confined since, a reload finds no file: what was read before still holds */
    assert_int_equal(hand_configure(h, conf), 0);
    counts_are(h, 0, 6, 0, 0, 30);
    hand_free(h);
    conf_unref(conf);
}

/* `dynamic` is closed once the address is known, and stays closed when the SA goes. */
static void dynamic(void **state)
{
    struct conf *conf = conf_of(1, "connections:\n  paris:\n    remote: paris.example.com\n    psk: file:x.psk\n    children:\n"
                                   "      host: { local: [dynamic], remote: [dynamic], mode: transport }\n");
    struct ask a = ask_of(ASK_CHILD_INSTALL, conf, 0x1000, 0x2000);
    struct ts local = *a.u.child.ts_local.v, remote = *a.u.child.ts_remote.v;
    struct hand *h = hand_of(conf);

    (void)state;
    w.may_open = true;
    kernel_has(0, 0);
    local.low = local.high = a.u.child.local.addr;
    remote.low = remote.high = a.u.child.remote.addr;
    a.u.child.ts_local = (struct ts_list){&local, 1};
    a.u.child.ts_remote = (struct ts_list){&remote, 1};
    a.u.child.transport = true;
    forget();
    assert_int_equal(tell(h, &a), 0);
    assert_true(said("policy new out 192.0.2.1/32 192.0.2.2/32 protocol 0 protect priority 164769 transport reqid 0x43000000 spi "
                     "00002000\n"));
    assert_true(said("policy new in 0.0.0.0/0[3/0xffff] 192.0.2.1/32 protocol 1 pass")); /* fragmentation needed */
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000), 0);
    assert_int_equal(hand_counts(h).blocks, 3);
    /* behind a NAT: agreed of inner addresses, selected by outer ones (RFC 7296 2.23.1) */
    a.u.child.remote_inner = addr_v4(192, 168, 1, 5);
    a.u.child.udp_encap = true;
    remote.low = remote.high = a.u.child.remote_inner;
    forget();
    assert_int_equal(tell(h, &a), 0);
    assert_false(said("192.168.1.5"));
    hand_free(h);
    conf_unref(conf);
}

static void moving(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS);
    struct hand *h = hand_of(conf);
    struct ask a = ask_of(ASK_CHILD_UPDATE, conf, 0x1000, 0x2000);

    (void)state;
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
    a.u.child.udp_encap = true;
    a.u.child.local = (struct endpoint){addr_v4(192, 0, 2, 1), 4500};
    a.u.child.remote = (struct endpoint){addr_v4(203, 0, 113, 7), 5555};
    forget();
    assert_int_equal(tell(h, &a), 0);
    assert_true(said("sa move spi 00001000 -> 192.0.2.1 udp 5555-4500"));
    assert_true(said("sa move spi 00002000 -> 203.0.113.7 udp 4500-5555"));
    assert_true(said("tunnel 192.0.2.1 -> 203.0.113.7 reqid 0x43000000 spi 00002000"));
    counts_are(h, 2, 0, 0, 3, 0);
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0), 0);
    kernel_has(0, 3);
    hand_free(h);
    conf_unref(conf);
}

/* A long life with faults at random: the law holds at each operation, and when all SAs are gone nothing of them is left. */
static void long_life(void **state)
{
    struct conf *conf[2] = {conf_of(1, HEAD NETS "        keep: on-demand\n"),
                            conf_of(2, HEAD "        local: [10.1.0.0/16]\n        remote: [10.2.0.0/16, 10.3.0.0/16]\n")};
    struct hand *h = hand_of(conf[0]);
    unsigned now = 0;

    (void)state;
    srandom(1);
    for (int i = 0; i < 4000; i++) {
        static const enum ask_kind kinds[] = {ASK_CHILD_INSTALL, ASK_CHILD_INSTALL, ASK_CHILD_OUTBOUND, ASK_CHILD_REMOVE,
                                              ASK_CHILD_UPDATE};
        uint32_t k = (uint32_t)random() % 6;
        struct ask a = ask_of(kinds[random() % 5], conf[now], 0x1000 + k, 0x2000 + k);
        struct ts narrow = {.port_high = 0xffff, .low = addr_v4(10, 2, 7, 0), .high = addr_v4(10, 2, 7, 255)};

        a.u.child.inbound_only = a.kind == ASK_CHILD_INSTALL && random() % 3 == 0;
        if (random() % 3 == 0)
            a.u.child.ts_remote = (struct ts_list){&narrow, 1};
        w.fail_kind = (int)(random() % OP_POLICY_DEL);
        w.fail_after = (int)(random() % 3);
        w.fail_with = random() % 4 == 0 ? ERR_IO : 0;
        (void)tell(h, &a);
        w.fail_with = 0;
        if (random() % 50 == 0)
            assert_int_equal(hand_configure(h, conf[now = !now]), 0);
        if (random() % 70 == 0) {
            w.notices[w.n_notices++] = (struct notice){.kind = NOTICE_OVERRUN};
            hand_read(h);
            w.n_events = 0;
        }
        forget();
        w.logged[0] = 0;
    }
    for (uint32_t k = 0; k < 6; k++)
        assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf[now], 0x1000 + k, 0x2000 + k), 0);
    assert_int_equal(hand_configure(h, conf[0]), 0);
    w.notices[w.n_notices++] = (struct notice){.kind = NOTICE_OVERRUN};
    hand_read(h);
    counts_are(h, 0, 2, 1, 0, 0);
    kernel_has(0, 3);
    hand_free(h);
    conf_unref(conf[0]);
    conf_unref(conf[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_tunnel), TEST(rekey),           TEST(failures),       TEST(refusals),   TEST(nobody_without_a_verdict),
        TEST(narrowing),  TEST(acquires),        TEST(split_children), TEST(adoption),   TEST(reload),
        TEST(bad_reload), TEST(orders),          TEST(overrun),        TEST(in_the_way), TEST(expiry_and_mapping),
        TEST(exceptions), TEST(dynamic),         TEST(moving),         TEST(long_life),  TEST(wall_clock_jumps),
        TEST(unsure),     TEST(larval_of_an_sa), TEST(mute),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    secret_done(&keys.encr_i2r);
    secret_done(&keys.encr_r2i);
    return failed;
}
