/* SPDX-License-Identifier: Apache-2.0 */
/* The hand: what Child SAs put into the kernel, what is refused, and what stays. */
#define _GNU_SOURCE
#include "hand_world.h"

#include "elsewhen.h"

#include "kernel/hand_inside.h"

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

static const struct hand clock_alone; /* nobody has given it another clock */
static usec_t before_sleep;

static bool sleep_is_seen(void)
{
    return hand_now(&clock_alone) >= before_sleep + ELSEWHEN_S * USEC_SEC;
}

static void time_goes_on_while_asleep(void **state)
{
    enum elsewhen seen;

    (void)state;
    before_sleep = hand_now(&clock_alone);
    seen = elsewhen(sleep_is_seen);
    if (seen == ELSEWHEN_NOT_HERE)
        skip();
    assert_int_equal(seen, ELSEWHEN_TRUE);
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
    refuse(h, &a, ERR_UNPROVED, "nobody has proved this peer to be paris");
    a.u.child.old_spi_in = 0x1000; /* nor as the successor of an SA that nobody has installed, or that somebody has */
    refuse(h, &a, ERR_UNPROVED, "nobody has proved this peer to be paris");
    a.u.child.old_spi_in = 0;
    a.u.child.peer.handle = 77;
    assert_int_equal(tell(h, &a), 0);
    a.u.child.peer.handle = 0;
    a.u.child.old_spi_in = 0x1000;
    a.u.child.spi_in = 0x1001;
    a.u.child.spi_out = 0x2001;
    refuse(h, &a, ERR_UNPROVED, "nobody has proved this peer to be paris");
    a.kind = ASK_CHILD_OUTBOUND;
    a.u.child.spi_in = 0x1000;
    refuse(h, &a, ERR_UNPROVED, "nobody has proved this peer to be paris");
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

/* The third pair's SA carries a part of it: the rest is closed meanwhile, and asks again when that SA is gone. */
static void split_rest_asks_again(void **state)
{
    struct conf *conf = conf_of(1, HEAD "        local: [10.1.0.0/16]\n        remote: [10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16]\n"
                                        "        keep: on-demand\n        split: split\n");
    struct hand *h = hand_of(conf);
    struct ask a;
    struct ts part;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        a = ask_of(ASK_CHILD_INSTALL, conf, 0x1000 + i, 0x2000 + i);
        part = a.u.child.ts_remote.v[i];
        if (i == 2)
            part.high = addr_v4(10, 4, 0, 255);
        a.u.child.ts_remote = (struct ts_list){&part, 1};
        assert_int_equal(tell(h, &a), 0);
    }
    assert_int_equal(hand_counts(h).traps, 0);
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1002, 0x2002), 0);
    assert_int_equal(hand_counts(h).traps, 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_tunnel),
        TEST(rekey),
        TEST(refusals),
        TEST(nobody_without_a_verdict),
        TEST(narrowing),
        TEST(split_children),
        TEST(split_rest_asks_again),
        TEST(moving),
        TEST(long_life),
        TEST(wall_clock_jumps),
        TEST(time_goes_on_while_asleep),
    };

    return cmocka_run_group_tests(tests, NULL, keys_done);
}
