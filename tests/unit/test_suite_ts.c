/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic selectors: by example, and by properties over a small world where every packet can be tried (RFC 7296 2.9). */
#include "suite/ts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct ts range(const char *low, const char *high, uint8_t protocol, uint16_t port_low, uint16_t port_high)
{
    struct ts t = {.protocol = protocol, .port_low = port_low, .port_high = port_high};

    assert_int_equal(addr_parse(low, &t.low), 0);
    assert_int_equal(addr_parse(high, &t.high), 0);
    return t;
}
static struct ts net(const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(text, &p), 0);
    return ts_from_prefix(&p, 0, 0, 65535);
}

static void validity(void **state)
{
    struct ts t = range("10.0.0.1", "10.0.0.1", 0, 0, 65535);

    (void)state;
    assert_true(ts_valid(&t));
    t.high.b[3] = 0;
    assert_false(ts_valid(&t));
    t = range("10.0.0.1", "::1", 0, 0, 65535);
    assert_false(ts_valid(&t));
    t = range("::1", "::2", 6, 5, 4);
    assert_false(ts_valid(&t));
    t = range("::1", "::2", 6, 65535, 0); /* OPAQUE */
    assert_true(ts_valid(&t));
    t = range("::1", "::2", 6, 65535, 1);
    assert_false(ts_valid(&t));
    assert_false(ts_valid(&(struct ts){.port_high = 65535})); /* dynamic, not yet filled in */
}

static void opaque_ports(void **state)
{
    struct ts any = range("10.0.0.0", "10.0.0.9", 6, 0, 65535), opaque = range("10.0.0.0", "10.0.0.9", 6, 65535, 0), out;
    struct ts some = range("10.0.0.0", "10.0.0.9", 6, 0, 65534);

    (void)state;
    assert_true(ts_contains(&any, &opaque));
    assert_false(ts_contains(&opaque, &any));
    assert_false(ts_contains(&some, &opaque));
    assert_false(ts_overlap(&some, &opaque));
    assert_true(ts_intersect(&any, &opaque, &out));
    assert_true(ts_equal(&out, &opaque));
    assert_true(ts_intersect(&opaque, &opaque, &out));
    assert_true(ts_equal(&out, &opaque));
}

static void protocols(void **state)
{
    struct ts tcp = range("10.0.0.0", "10.0.0.9", 6, 22, 22), any = range("10.0.0.5", "10.0.0.19", 0, 0, 65535), out;
    struct ts udp = range("10.0.0.0", "10.0.0.9", 17, 0, 65535);

    (void)state;
    assert_true(ts_intersect(&tcp, &any, &out));
    assert_int_equal(out.protocol, 6);
    assert_int_equal(out.port_low, 22);
    assert_int_equal(out.low.b[3], 5);
    assert_int_equal(out.high.b[3], 9);
    assert_false(ts_overlap(&tcp, &udp));
    assert_false(ts_contains(&tcp, &any));
}

static void narrowing(void **state)
{
    struct ts theirs[] = {net("10.1.2.0/24"), net("10.1.0.0/16"), net("2001:db8::/32"), net("192.0.2.0/24")};
    struct ts ours[] = {net("10.0.0.0/8"), net("2001:db8:1::/48")};
    struct ts out[8];

    (void)state;
    assert_int_equal(ts_list_narrow((struct ts_list){theirs, 4}, (struct ts_list){ours, 2}, out, 8), 2);
    assert_true(ts_equal(&out[0], &theirs[1])); /* the /24 is within the /16 */
    assert_true(ts_equal(&out[1], &ours[1]));
    assert_int_equal(ts_list_narrow((struct ts_list){theirs, 4}, (struct ts_list){ours, 2}, out, 1), 1);
    assert_int_equal(ts_list_narrow((struct ts_list){theirs, 4}, (struct ts_list){ours, 2}, out, 0), 0);
    assert_int_equal(ts_list_narrow((struct ts_list){theirs + 3, 1}, (struct ts_list){ours, 2}, out, 8), 0);
    theirs[3].high = theirs[2].high; /* malformed: gives nothing */
    assert_int_equal(ts_list_narrow((struct ts_list){theirs + 3, 1}, (struct ts_list){theirs + 3, 1}, out, 8), 0);
}

static void formats(void **state)
{
    struct {
        struct ts ts;
        const char *text;
    } rows[] = {
        {net("10.1.0.0/16"), "10.1.0.0/16"},
        {range("10.1.0.5", "10.1.0.9", 6, 22, 22), "10.1.0.5-10.1.0.9[tcp/22]"},
        {range("10.1.0.5", "10.1.0.5", 0, 0, 65535), "10.1.0.5/32"},
        {range("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 17, 0, 65535), "2001:db8::/32[udp]"},
        {range("0.0.0.0", "255.255.255.255", 132, 80, 90), "0.0.0.0/0[sctp/80-90]"},
        {range("::", "::", 99, 65535, 0), "::/128[99/opaque]"},
        {{.protocol = 6, .port_low = 22, .port_high = 22}, "dynamic[tcp/22]"},
    };
    char out[TS_TEXT_MAX], all[400];
    struct text text = text_in(all, sizeof(all));
    struct ts two[] = {rows[0].ts, rows[1].ts};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(ts_format(&rows[i].ts, out), rows[i].text);
    ts_list_format((struct ts_list){two, 2}, &text);
    assert_string_equal(all, "10.1.0.0/16 10.1.0.5-10.1.0.9[tcp/22]");
}

/* The longest text there is fits. */
static void longest_format(void **state)
{
    struct ts t = range("2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8:7777:8888:9999:aaaa:bbbb:cccc", 132, 10001, 10002);
    char out[TS_TEXT_MAX];

    (void)state;
    assert_string_equal(ts_format(&t, out),
                        "2001:db8:1111:2222:3333:4444:5555:6666-2001:db8:7777:8888:9999:aaaa:bbbb:cccc[sctp/10001-10002]");
}

/* --- a world of 2 families x 16 addresses x 3 protocols x 16 ports and the opaque one --- */
enum { ADDRS = 16, PORTS = 16, OPAQUE = PORTS, MAX = 6 };

struct packet {
    uint8_t family, address, protocol;
    uint16_t port; /* OPAQUE = not known */
};

static uint32_t dice_state;
static uint32_t dice(uint32_t below)
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return (dice_state >> 16) % below;
}

static struct ts random_ts(void)
{
    struct ts t = {.protocol = (uint8_t)dice(3), .port_high = 65535};
    uint8_t a = (uint8_t)dice(ADDRS), b = (uint8_t)dice(ADDRS);
    uint16_t p = (uint16_t)dice(PORTS), q = (uint16_t)dice(PORTS);

    t.low.family = t.high.family = dice(4) ? 4 : 6;
    t.low.b[3] = a < b ? a : b;
    t.high.b[3] = a < b ? b : a;
    if (t.protocol && dice(2)) {
        t.port_low = p < q ? p : q;
        t.port_high = p < q ? q : p;
    }
    if (t.protocol && dice(8) == 0) {
        t.port_low = 65535;
        t.port_high = 0;
    }
    return t;
}

static bool ts_holds(const struct ts *t, const struct packet *p)
{
    bool any = t->port_low == 0 && t->port_high == 65535, opaque = t->port_low > t->port_high;

    if (t->low.family != p->family || p->address < t->low.b[3] || p->address > t->high.b[3])
        return false;
    if (t->protocol && t->protocol != p->protocol)
        return false;
    if (any)
        return true;
    return opaque ? p->port == OPAQUE : p->port != OPAQUE && t->port_low <= p->port && p->port <= t->port_high;
}

static bool list_holds(struct ts_list l, const struct packet *p)
{
    for (size_t i = 0; i < l.n; i++)
        if (ts_holds(&l.v[i], p))
            return true;
    return false;
}

static bool packet_next(struct packet *p)
{
    if (p->port++ < OPAQUE)
        return true;
    p->port = 0;
    if (p->protocol++ < 2)
        return true;
    p->protocol = 1;
    if (p->address++ < ADDRS - 1)
        return true;
    p->address = 0;
    if (p->family == 6)
        return false;
    p->family = 6;
    return true;
}

/* Narrowing lets through what both let through, no more and no less; nothing in it is said twice. */
static void narrow_once(void)
{
    struct ts a[MAX], b[MAX], out[MAX * MAX];
    struct ts_list theirs = {a, 1 + dice(MAX)}, ours = {b, 1 + dice(MAX)}, both = {out, 0};
    struct packet p = {.family = 4, .protocol = 1};

    for (size_t i = 0; i < MAX; i++) {
        a[i] = random_ts();
        b[i] = random_ts();
    }
    both.n = ts_list_narrow(theirs, ours, out, COUNT_OF(out));
    do
        assert_int_equal(list_holds(both, &p), list_holds(theirs, &p) && list_holds(ours, &p));
    while (packet_next(&p));
    assert_true(ts_list_within(both, theirs));
    assert_true(ts_list_within(both, ours));
    for (size_t i = 0; i < both.n; i++)
        for (size_t j = 0; j < both.n; j++)
            assert_true(i == j || !ts_contains(&out[i], &out[j]));
}

static void narrow_holds_its_laws(void **state)
{
    (void)state;
    dice_state = 7;
    for (int i = 0; i < 400; i++)
        narrow_once();
}

/* Both directions agree on the packets, and narrowing again changes nothing. */
static void narrow_is_stable(void **state)
{
    struct ts a[MAX], b[MAX], once[MAX * MAX], twice[MAX * MAX], back[MAX * MAX];

    (void)state;
    dice_state = 11;
    for (int round = 0; round < 2000; round++) {
        size_t n, m, k;

        for (size_t i = 0; i < MAX; i++) {
            a[i] = random_ts();
            b[i] = random_ts();
        }
        n = ts_list_narrow((struct ts_list){a, MAX}, (struct ts_list){b, MAX}, once, COUNT_OF(once));
        m = ts_list_narrow((struct ts_list){once, n}, (struct ts_list){once, n}, twice, COUNT_OF(twice));
        k = ts_list_narrow((struct ts_list){b, MAX}, (struct ts_list){a, MAX}, back, COUNT_OF(back));
        assert_true(ts_list_equal((struct ts_list){once, n}, (struct ts_list){twice, m}));
        assert_true(ts_list_equal((struct ts_list){once, n}, (struct ts_list){back, k}));
    }
}

/* Containing and overlapping mean what they say, packet by packet. */
static void pairs_hold_their_laws(void **state)
{
    (void)state;
    dice_state = 13;
    for (int i = 0; i < 600; i++) {
        struct ts a = random_ts(), b = random_ts();
        struct packet p = {.family = 4, .protocol = 1};
        bool meet = false;

        do {
            if (ts_contains(&a, &b) && ts_holds(&b, &p))
                assert_true(ts_holds(&a, &p));
            meet |= ts_holds(&a, &p) && ts_holds(&b, &p);
        } while (packet_next(&p));
        assert_int_equal(ts_overlap(&a, &b), meet);
        assert_int_equal(ts_contains(&a, &b) && ts_contains(&b, &a), ts_equal(&a, &b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validity),
        cmocka_unit_test(opaque_ports),
        cmocka_unit_test(protocols),
        cmocka_unit_test(narrowing),
        cmocka_unit_test(formats),
        cmocka_unit_test(longest_format),
        cmocka_unit_test(narrow_is_stable),
        cmocka_unit_test(narrow_holds_its_laws),
        cmocka_unit_test(pairs_hold_their_laws),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
