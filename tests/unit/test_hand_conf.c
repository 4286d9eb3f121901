/* SPDX-License-Identifier: Apache-2.0 */
/* The hand and its configuration: reload, orders, exceptions, addresses that come and go. */
#include "hand_world.h"

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

/* More than goes into one batch, and some of all turns in it: exceptions lie between the selectors that they are of. Whatever is
 * settled together, nothing is met twice, and nothing is forgotten. */
static void many_with_exceptions(void **state)
{
    char yaml[16384] = "connections:\n";
    struct conf *conf, *none = conf_of(99, HEAD NETS);
    struct hand *h;

    (void)state;
    alarm(60); /* it went round and round */
    for (uint32_t n = 1; n <= 60; n++) {
        size_t len = strlen(yaml);

        snprintf(yaml + len, sizeof yaml - len,
                 "  c%u:\n    remote: 192.0.3.%u\n    psk: file:x.psk\n    children:\n      net:\n"
                 "        local: [10.8.%u.0/24]\n        remote: [10.9.%u.0/24]\n        pass: [10.9.%u.7/32]\n",
                 n, n, n, n, n);
        conf = conf_of(n, yaml);
        forget();
        h = hand_of(conf);
        w.may_open = true;
        counts_are(h, 0, (size_t)n * 3, 0, 0, (size_t)n * 3);
        kernel_has(0, (size_t)n * 6);
        forget();
        assert_int_equal(hand_configure(h, none), 0); /* and all of them away */
        kernel_has(0, 3);
        hand_free(h);
        conf_unref(conf);
    }
    alarm(0);
    conf_unref(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reload), TEST(bad_reload), TEST(orders), TEST(exceptions), TEST(dynamic), TEST(many_with_exceptions),
    };

    return cmocka_run_group_tests(tests, NULL, keys_done);
}
