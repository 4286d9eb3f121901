/* SPDX-License-Identifier: Apache-2.0 */
/* The hand and a kernel that fails, overruns, says things of its own accord, or has been used before. */
#include "hand_world.h"

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
    forget();
    assert_int_equal(tell(h, &a), 0);
    assert_false(said("policy")); /* once */
    kernel_has(4, 3);
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000), 0);
    assert_false(said("spi 00002001")); /* it sends no more, also where nothing else does */
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1001, 0x2001), 0);
    assert_true(said("sa del -> 192.0.2.2 spi 00002001"));
    kernel_has(0, 3);
    hand_free(h);
    conf_unref(conf);
}

/* The responder of a rekey: the new outbound SA and the old one's silence in one order. Where the new one fails the old one
 * sends on. */
static void outbound_mutes(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS);
    struct hand *h = hand_of(conf);
    struct ask a;

    (void)state;
    for (int fails = 1; fails >= 0; fails--) {
        assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
        a = ask_of(ASK_CHILD_INSTALL, conf, 0x1001, 0x2001);
        a.u.child.inbound_only = true;
        assert_int_equal(tell(h, &a), 0);
        kernel_has(3, 3);
        a = ask_of(ASK_CHILD_OUTBOUND, conf, 0x1001, 0x2001);
        a.u.child.old_spi_in = 0x1000;
        w.fail_kind = OP_SA_ADD;
        w.fail_after = 0;
        w.fail_with = fails ? ERR_MEMORY : 0;
        assert_int_equal(tell(h, &a), fails ? ERR_MEMORY : 0);
        w.fail_with = 0;
        forget();
        assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1001, 0x2001), 0);
        assert_int_equal(said("reqid 0x43000000 spi 00002000"), false); /* fails: it is the old one's already */
        a = ask_of(ASK_CHILD_INSTALL, conf, 0x1002, 0x2002);
        assert_int_equal(tell(h, &a), 0);
        forget();
        assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1002, 0x2002), 0);
        assert_int_equal(said("reqid 0x43000000 spi 00002000"), fails);
        assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000), 0);
        kernel_has(0, 3);
    }
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

/* Each direction under a number of its own, as whoever was here before us may have numbered them: they are ours all the same,
 * each is known by its index, and what nobody wants goes. */
static void adopts_any_numbers(void **state)
{
    struct prefix one = {addr_v4(10, 1, 0, 0), 16}, two = {addr_v4(10, 2, 0, 0), 16}, odd = {addr_v4(10, 9, 0, 0), 16};
    struct conf *conf = conf_of(1, HEAD NETS);
    struct text none = text_in((char[1]){0}, 1);
    struct hand *h;

    (void)state;
    (void)world_open(NULL, &none);
    w.may_open = true;
    for (uint32_t d = 0; d < DIRECTIONS; d++) {
        struct kernel_op op = {.kind = OP_POLICY_NEW, .u.policy = {.direction = (uint8_t)d, .action = POLICY_BLOCK}};

        op.u.policy.sel = (struct selector){.src = d == DIRECTION_OUT ? one : two, .dst = d == DIRECTION_OUT ? two : one};
        op.u.policy.index = POLICY_INDEX(5 + d, d);
        behind_the_back(op);
        op.u.policy.sel.dst = odd;
        op.u.policy.index = POLICY_INDEX(1 + d, d);
        behind_the_back(op);
    }
    forget();
    w.may_open = false;
    h = hand_of(conf);
    assert_false(said("policy new"));
    counts_are(h, 0, 3, 0, 0, 0);
    kernel_has(0, 3);
    for (uint32_t d = 0; d < DIRECTIONS; d++) {
        w.notices[w.n_notices++] =
            (struct notice){.kind = NOTICE_POLICY_CHANGED, .u.policy_index = POLICY_INDEX(5 + d, (d + 1) % 3)};
        hand_read(h);
        assert_int_equal(hand_counts(h).resyncs, d);
        w.notices[w.n_notices++] = (struct notice){.kind = NOTICE_POLICY_CHANGED, .u.policy_index = POLICY_INDEX(5 + d, d)};
        hand_read(h);
        assert_int_equal(hand_counts(h).resyncs, d + 1);
    }
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
    kernel_has(2, 3);
    counts_are(h, 2, 0, 0, 3, 0);
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

#define ROME                                                                                                                     \
    "  rome:\n"                                                                                                                  \
    "    local: { address: " A " }\n"                                                                                            \
    "    remote: { address: 192.0.2.3 }\n"                                                                                       \
    "    psk: file:rome.psk\n"                                                                                                   \
    "    children:\n"                                                                                                            \
    "      net:\n"                                                                                                               \
    "        local: [10.1.0.0/16]\n        remote: [10.3.0.0/16]\n"

/* What is in the way of one connection is not in the way of another: neither of its first SA nor of a rekey. */
static void in_the_way_of_another(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS ROME);
    struct kernel_op theirs = {.kind = OP_POLICY_NEW,
                               .u.policy = {.sel = {.src = {addr_v4(10, 1, 0, 0), 16}, .dst = {addr_v4(10, 3, 0, 0), 16}},
                                            .direction = DIRECTION_OUT,
                                            .index = 9}};
    struct text none = text_in((char[1]){0}, 1);
    struct hand *h;
    struct ask a;

    (void)state;
    (void)world_open(NULL, &none);
    w.may_open = true;
    behind_the_back(theirs);
    h = hand_of(conf);
    a = ask_of(ASK_CHILD_INSTALL, conf, 0x5000, 0x6000);
    a.u.child.peer.connection = 1;
    a.u.child.remote.addr = addr_v4(192, 0, 2, 3);
    a.u.child.ts_remote = conf->connections[1].children[0].remote;
    assert_int_equal(tell(h, &a), ERR_REFUSED);
    assert_int_equal(tell_simply(h, ASK_CHILD_INSTALL, conf, 0x1000, 0x2000), 0);
    a = ask_of(ASK_CHILD_INSTALL, conf, 0x1001, 0x2001);
    a.u.child.inbound_only = true;
    assert_int_equal(tell(h, &a), 0);
    a = ask_of(ASK_CHILD_OUTBOUND, conf, 0x1001, 0x2001);
    a.u.child.old_spi_in = 0x1000;
    assert_int_equal(tell(h, &a), 0);
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1000, 0x2000), 0);
    counts_are(h, 2, 2, 0, 3, 0);
    w.may_open = true;
    assert_int_equal(hand_disable(h, "paris"), 0);
    kernel_has(2, 3);
    will_fail(OP_POLICY_NEW, ERR_IO, false);
    w.fail_after = 1; /* after the one that nobody can have */
    assert_int_not_equal(hand_enable(h, "paris"), 0);
    assert_int_equal(hand_enable(h, "paris"), 0);
    counts_are(h, 2, 2, 0, 3, 0);
    hand_free(h);
    conf_unref(conf);
}

/* The verdict on one peer gives nothing to what another's SA waits for, and does not silence it. */
static void outbound_of_another(void **state)
{
    struct conf *conf = conf_of(1, HEAD NETS ROME);
    struct hand *h = hand_of(conf);
    struct ask a = ask_of(ASK_CHILD_INSTALL, conf, 0x1000, 0x2000);

    (void)state;
    assert_int_equal(tell(h, &a), 0);
    a.u.child.spi_in = 0x1001;
    a.u.child.inbound_only = true;
    assert_int_equal(tell(h, &a), 0);
    a = ask_of(ASK_CHILD_OUTBOUND, conf, 0x1001, 0x2001);
    a.u.child.peer.connection = 1;
    a.u.child.remote.addr = addr_v4(192, 0, 2, 3);
    a.u.child.ts_remote = conf->connections[1].children[0].remote;
    refuse(h, &a, ERR_NOT_FOUND, "waits");
    kernel_has(3, 6);
    a.kind = ASK_CHILD_INSTALL;
    a.u.child.spi_in = 0x5000;
    a.u.child.spi_out = 0x6000;
    a.u.child.inbound_only = true;
    assert_int_equal(tell(h, &a), 0);
    a.kind = ASK_CHILD_OUTBOUND;
    a.u.child.old_spi_in = 0x1000;
    assert_int_equal(tell(h, &a), 0);
    assert_int_equal(tell_simply(h, ASK_CHILD_OUTBOUND, conf, 0x1001, 0x2001), 0);
    forget();
    assert_int_equal(tell_simply(h, ASK_CHILD_REMOVE, conf, 0x1001, 0x2001), 0);
    assert_true(said("reqid 0x43000000 spi 00002000")); /* it has its voice still */
    hand_free(h);
    conf_unref(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failures),
        TEST(acquires),
        TEST(adoption),
        TEST(adopts_any_numbers),
        TEST(overrun),
        TEST(in_the_way),
        TEST(expiry_and_mapping),
        TEST(unsure),
        TEST(larval_of_an_sa),
        TEST(mute),
        TEST(outbound_mutes),
        TEST(in_the_way_of_another),
        TEST(outbound_of_another),
    };

    return cmocka_run_group_tests(tests, NULL, keys_done);
}
