/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic selectors as the kernel can have them: exactly the same packets, or a refusal that says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/hand_inside.h"

static struct ts range(const char *low, const char *high, uint8_t protocol, uint16_t from, uint16_t to)
{
    struct ts t = {.protocol = protocol, .port_low = from, .port_high = to};

    assert_int_equal(addr_parse(low, &t.low), 0);
    assert_int_equal(addr_parse(high, &t.high), 0);
    return t;
}

static void expect(const struct ts *l, const struct ts *r, const char *const *lines)
{
    struct selector s[SELECTORS_MAX];
    char words[256], line[256];
    struct text why = text_in(words, sizeof words), t;
    int n = selectors_make(l, r, s, SELECTORS_MAX, &why);
    int i = 0;

    for (; lines[i]; i++) {
        assert_true(i < n);
        t = text_in(line, sizeof line);
        selector_format(&s[i], &t);
        assert_string_equal(line, lines[i]);
    }
    assert_int_equal(n, i);
}

static void shapes(void **state)
{
    struct ts any4 = range("0.0.0.0", "255.255.255.255", 0, 0, 0xffff);
    struct ts net = range("10.1.0.0", "10.1.255.255", 0, 0, 0xffff);
    struct ts odd = range("10.2.0.1", "10.2.0.6", 0, 0, 0xffff);
    struct ts six = range("2001:db8::", "2001:db8::ffff", 6, 80, 80);
    struct ts six_any = range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6, 0, 0xffff);
    struct ts ports = range("10.1.0.1", "10.1.0.1", 17, 1000, 1009);
    struct ts udp = range("10.2.0.0", "10.2.0.255", 17, 0, 0xffff);

    (void)state;
    expect(&net, &any4, (const char *[]){"10.1.0.0/16 -> 0.0.0.0/0", NULL});
    expect(&net, &odd,
           (const char *[]){"10.1.0.0/16 -> 10.2.0.1/32", "10.1.0.0/16 -> 10.2.0.2/31", "10.1.0.0/16 -> 10.2.0.4/31",
                            "10.1.0.0/16 -> 10.2.0.6/32", NULL});
    expect(&six, &six_any, (const char *[]){"2001:db8::/112[80] -> ::/0 protocol 6", NULL});
    expect(&ports, &udp,
           (const char *[]){"10.1.0.1/32[1000/0xfff8] -> 10.2.0.0/24 protocol 17",
                            "10.1.0.1/32[1008/0xfffe] -> 10.2.0.0/24 protocol 17", NULL});
    expect(&net, &udp, (const char *[]){"10.1.0.0/16 -> 10.2.0.0/24 protocol 17", NULL});
    expect(&net, &six_any, (const char *[]){NULL}); /* families that never meet */
    expect(&ports, &six, (const char *[]){NULL});
    six.low = six.high = addr_v4(1, 2, 3, 4);
    expect(&ports, &six, (const char *[]){NULL}); /* protocols that never meet */
}

static void icmp(void **state)
{
    struct ts any = range("10.1.0.0", "10.1.0.255", 1, 0, 0xffff), host = range("10.2.0.1", "10.2.0.1", 1, 0, 0xffff);

    (void)state;
    expect(&any, &host, (const char *[]){"10.1.0.0/24 -> 10.2.0.1/32 protocol 1", NULL});
    host.port_low = 8 << 8;
    host.port_high = 8 << 8 | 255;
    expect(&any, &host, (const char *[]){"10.1.0.0/24[8] -> 10.2.0.1/32 protocol 1", NULL});
    any = host;
    expect(&any, &host, (const char *[]){"10.2.0.1/32[8] -> 10.2.0.1/32 protocol 1", NULL});
    host.port_low = host.port_high = 3 << 8 | 4;
    any.port_low = 0, any.port_high = 0xffff;
    expect(&any, &host, (const char *[]){"10.2.0.1/32[3] -> 10.2.0.1/32[4] protocol 1", NULL});
    host.port_low = 3 << 8;
    host.port_high = 5 << 8 | 255;
    expect(&any, &host,
           (const char *[]){"10.2.0.1/32[3] -> 10.2.0.1/32 protocol 1", "10.2.0.1/32[4/0xfffe] -> 10.2.0.1/32 protocol 1", NULL});
}

static void refused(const struct ts *l, const struct ts *r, int err, const char *words)
{
    struct selector s[SELECTORS_MAX];
    char line[256];
    struct text why = text_in(line, sizeof line);

    assert_int_equal(selectors_make(l, r, s, SELECTORS_MAX, &why), err);
    assert_non_null(strstr(line, words));
}

static void refusals(void **state)
{
    struct ts any = range("10.1.0.0", "10.1.0.255", 0, 0, 0xffff), bad = any;

    (void)state;
    bad.protocol = 17;
    bad.port_low = 0xffff;
    bad.port_high = 0;
    refused(&any, &bad, ERR_UNSUPPORTED, "OPAQUE");
    bad.protocol = 47;
    bad.port_low = 1;
    bad.port_high = 1;
    refused(&any, &bad, ERR_UNSUPPORTED, "have ports");
    bad.protocol = 0;
    refused(&any, &bad, ERR_UNSUPPORTED, "have ports");
    bad.protocol = 1;
    bad.port_low = 3 << 8 | 4;
    bad.port_high = 5 << 8;
    refused(&any, &bad, ERR_UNSUPPORTED, "ICMP");
    bad = range("2001:db8::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe", 0, 0, 0xffff);
    refused(&bad, &bad, ERR_LIMIT, "too many");
    any = range("0.0.0.1", "255.255.255.254", 17, 1, 65534);
    refused(&any, &any, ERR_LIMIT, "too many");
}

static bool hits(const struct selector *s, const struct addr *src, uint16_t sport, const struct addr *dst, uint16_t dport)
{
    struct prefix a = {*src, 32}, b = {*dst, 32};

    return prefix_within(&a, &s->src) && prefix_within(&b, &s->dst) && !((sport ^ s->sport) & s->sport_mask) &&
           !((dport ^ s->dport) & s->dport_mask);
}

/* Random ranges and random packets: a packet of the selectors is in exactly one piece, another in none. */
static void pieces_are_the_whole(void **state)
{
    static struct selector s[4096];
    char words[256];

    (void)state;
    srandom(20);
    for (int round = 0; round < 300; round++) {
        uint8_t a = (uint8_t)random(), b = (uint8_t)random(), c = (uint8_t)random(), d = (uint8_t)random();
        uint16_t p = (uint16_t)random(), q = (uint16_t)random();
        struct ts l = {6, p < q ? p : q, p < q ? q : p, addr_v4(10, 0, 0, a < b ? a : b), addr_v4(10, 0, 0, a < b ? b : a)};
        struct ts r = {6, 0, 0xffff, addr_v4(10, 9, 0, c < d ? c : d), addr_v4(10, 9, 0, c < d ? d : c)};
        struct text why = text_in(words, sizeof words);
        int n = selectors_make(&l, &r, s, COUNT_OF(s), &why);

        assert_in_range(n, 1, COUNT_OF(s));
        for (int i = 0; i < 200; i++) {
            struct addr src = addr_v4(10, 0, 0, (uint8_t)random()), dst = addr_v4(10, 9, 0, (uint8_t)random());
            uint16_t sport = (uint16_t)random(), dport = (uint16_t)random();
            struct ts from = {6, sport, sport, src, src}, to = {6, dport, dport, dst, dst};
            int found = 0;

            for (int k = 0; k < n; k++)
                found += hits(&s[k], &src, sport, &dst, dport);
            assert_int_equal(found, ts_contains(&l, &from) && ts_contains(&r, &to));
        }
    }
}

static void priorities(void **state)
{
    struct selector wide = {.src = {addr_v4(10, 0, 0, 0), 8}, .dst = {addr_v4(0, 0, 0, 0), 0}}, narrow = wide, tcp = wide;

    (void)state;
    narrow.dst.bits = 1;
    tcp.protocol = 6;
    assert_true(selector_priority(&wide, CLAIM_PASS) < selector_priority(&wide, CLAIM_PROTECT));
    assert_true(selector_priority(&wide, CLAIM_PROTECT) < selector_priority(&wide, CLAIM_CLOSED));
    assert_true(selector_priority(&narrow, CLAIM_CLOSED) < selector_priority(&wide, CLAIM_PASS));
    assert_true(selector_priority(&narrow, CLAIM_CLOSED) < selector_priority(&tcp, CLAIM_PASS));
    assert_true(selector_priority(&tcp, CLAIM_CLOSED) < selector_priority(&wide, CLAIM_PASS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),     cmocka_unit_test(icmp), cmocka_unit_test(refusals), cmocka_unit_test(pieces_are_the_whole),
        cmocka_unit_test(priorities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
