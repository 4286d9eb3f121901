/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include <arpa/inet.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void reader_remembers(void **state)
{
    struct reader r = reader_of(span_of("\x01\x02\x03", 3));

    (void)state;
    assert_int_equal(read_u16(&r), 0x0102);
    assert_int_equal(read_u16(&r), 0);
    assert_true(r.failed);
    assert_int_equal(read_u8(&r), 0); /* the third byte is there, but the reader has failed */
    assert_int_equal(read_left(&r), 0);
}

static void buf_is_bounded(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 600);
    for (int i = 0; i < 300; i++)
        buf_u16(&b, (uint16_t)i);
    assert_false(b.failed);
    assert_int_equal(b.len, 600);
    buf_u8(&b, 1);
    assert_true(b.failed);
    assert_int_equal(b.len, 600);
    buf_put_u16(&b, 599, 7);
    assert_true(b.failed);
    buf_done(&b);
}

static void arena_is_bounded(void **state)
{
    struct arena a;
    size_t n = 0;

    (void)state;
    arena_init(&a, 10000);
    while (arena_alloc(&a, 100))
        n++;
    assert_true(a.failed);
    assert_in_range(n, 80, 100);
    assert_null(arena_alloc(&a, 1));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 9000));
    assert_null(arena_alloc(&a, SIZE_MAX - 3));
    arena_done(&a);
}

static void delta_is(const char *like, const char *of, size_t len)
{
    uint8_t bytes[1000];
    size_t n = strlen(like);
    struct buf b;

    buf_init(&b, 5000);
    delta_write(span_str(like), span_str(of), &b);
    assert_false(b.failed);
    assert_int_equal(b.len, len);
    memcpy(bytes, like, n);
    assert_int_equal(delta_apply(bytes, n, buf_view(&b)), 0);
    assert_memory_equal(bytes, of, n);
    buf_done(&b);
}

static void delta_both_ways(void **state)
{
    char like[901], of[901];
    uint8_t small[4] = {0};
    uint32_t x = 7296;
    struct buf b;

    (void)state;
    delta_is("", "", 0);
    delta_is("the same", "the same", 0);
    delta_is("one byte", "one bite", 3);
    delta_is("abcdefgh", "xbcdefgx", 6);
    delta_is("abcdefgh", "xbcxefgh", 6); /* two alike between two that are not: one run */
    for (int round = 0; round < 300; round++) {
        memset(like, 'a', 900);
        memset(of, 'a', 900);
        for (int i = 0; i < 900; i++) {
            x = x * 1103515245u + 12345u;
            if ((x >> 16) % 300 < (unsigned)round)
                of[i] = (char)('a' + (x >> 24) % 3);
        }
        like[900] = of[900] = 0;
        buf_init(&b, 5000);
        delta_write(span_str(like), span_str(of), &b);
        delta_is(like, of, b.len);
        assert_true(b.len <= 900 * 5 / 3 + 2); /* a run is three bytes or more, and two to say it */
        buf_done(&b);
    }
    buf_init(&b, 10);
    delta_write(span_str("three"), span_str("four"), &b); /* not alike */
    assert_true(b.failed);
    buf_reset(&b);
    delta_write(span_str("0123456789abc"), span_str("abcdefghijklm"), &b); /* too long */
    assert_true(b.failed);
    buf_done(&b);
    assert_int_equal(delta_apply(small, 4, span_of("\4\1x", 3)), ERR_BAD);
    assert_int_equal(delta_apply(small, 4, span_of("\5\0", 2)), ERR_BAD);
    assert_int_equal(delta_apply(small, 4, span_of("\0\5abcde", 7)), ERR_BAD);
    assert_int_equal(delta_apply(small, 4, span_of("\0\4abc", 5)), ERR_BAD);
    assert_int_equal(delta_apply(small, 4, span_of("\0", 1)), ERR_BAD);
    assert_true(span_is_zero(span_of(small, 4)));
}

static void heap_orders(void **state)
{
    struct heap h = {0};
    struct heap_node n[200] = {0};
    uint32_t x = 12345;
    usec_t last = -1;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(n); i++) {
        x = x * 1103515245u + 12345u;
        heap_set(&h, &n[i], x >> 8);
    }
    for (size_t i = 0; i < COUNT_OF(n); i += 3)
        heap_remove(&h, &n[i]);
    heap_set(&h, &n[1], 0);
    assert_ptr_equal(heap_first(&h), &n[1]);
    for (size_t left = h.n; left; left--) {
        struct heap_node *first = heap_first(&h);

        assert_true(first->at >= last);
        last = first->at;
        heap_remove(&h, first);
    }
    assert_null(heap_first(&h));
}

static void fill_zero(void *ctx, uint8_t *out, size_t len)
{
    uint8_t *next = ctx;

    for (size_t i = 0; i < len; i++)
        out[i] = (*next)++;
}

/* SipHash-2-4 of 00..0e under key 00..0f, the example of the paper's appendix A. */
static void map_hashes_and_finds(void **state)
{
    struct item {
        struct map_node node;
        uint64_t key;
    } items[500] = {0};
    uint8_t next = 0, input[15];
    struct rng rng = {fill_zero, &next};
    struct map m;

    (void)state;
    map_init(&m, &rng);
    for (uint8_t i = 0; i < sizeof(input); i++)
        input[i] = i;
    assert_true(map_hash(&m, span_of(input, sizeof(input))) == 0xa129ca6149be45e5u);
    for (size_t i = 0; i < COUNT_OF(items); i++) {
        items[i].key = i;
        assert_int_equal(map_add(&m, &items[i].node, i % 97), 0);
    }
    for (size_t i = 0; i < COUNT_OF(items); i += 2)
        map_remove(&m, &items[i].node);
    for (size_t i = 0; i < COUNT_OF(items); i++) {
        bool found = false;

        for (struct map_node *n = map_first(&m, i % 97); n; n = map_more(n))
            found |= CONTAINER_OF(n, struct item, node)->key == i;
        assert_int_equal(found, i % 2);
    }
    map_done(&m);
}

static void prefix_round_trip(void **state)
{
    static const char *const nets[] = {"10.1.0.0/16", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::/33", "::/0", "fd00::1/128"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(nets); i++) {
        struct prefix p, q;
        struct addr low, high;

        assert_int_equal(prefix_parse(nets[i], &p), 0);
        prefix_bounds(&p, &low, &high);
        assert_int_equal(prefix_from_bounds(&low, &high, &q), 0);
        assert_int_equal(p.bits, q.bits);
        assert_true(addr_equal(&low, &q.addr));
    }
    struct prefix p, unused;
    struct addr high;

    assert_int_equal(prefix_parse("10.0.0.0/33", &p), ERR_BAD);
    assert_int_equal(prefix_parse("10.0.0.0/", &p), ERR_BAD);
    assert_int_equal(prefix_parse("10.0.0/8", &p), ERR_BAD);
    assert_int_equal(addr_parse("10.0.0.1", &p.addr), 0);
    assert_int_equal(addr_parse("10.0.0.9", &high), 0);
    assert_int_equal(prefix_from_bounds(&p.addr, &high, &unused), ERR_NOT_FOUND);
    p = prefix_around(&p.addr, &high);
    assert_int_equal(p.bits, 28);
}

static void words_are_near(void **state)
{
    static const char *const words[] = {"remote", "local", "rekey", NULL};

    (void)state;
    assert_int_equal(text_distance("remtoe", "remote"), 1);
    assert_int_equal(text_distance("", "abc"), 3);
    assert_string_equal(text_nearest("remot", words), "remote");
    assert_null(text_nearest("zzz", words));
}

static void text_is_cut(void **state)
{
    char small[8];
    struct text t = text_in(small, sizeof(small));

    (void)state;
    text_add(&t, "%s", "0123456789");
    text_add(&t, "more");
    assert_string_equal(small, "0123456");
}

static void hex_both_ways(void **state)
{
    uint8_t out[4];
    char text[9];

    (void)state;
    assert_int_equal(hex_parse("0x01:ab Cd ef", out, sizeof(out)), 4);
    hex_format(text, sizeof(text), span_of(out, 4));
    assert_string_equal(text, "01abcdef");
    assert_int_equal(hex_parse("012", out, sizeof(out)), ERR_BAD);
    assert_int_equal(hex_parse("0102030405", out, sizeof(out)), ERR_LIMIT);
}

static void nonces_compare(void **state)
{
    (void)state;
    assert_true(span_compare(span_str("abc"), span_str("abd")) < 0);
    assert_true(span_compare(span_str("ab"), span_str("abc")) < 0);
    assert_true(span_compare(span_str("b"), span_str("abc")) > 0);
    assert_int_equal(span_compare(span_str("abc"), span_str("abc")), 0);
}

/* What is put together without printf is what printf would have said, cut where it would have been cut. */
static void text_as_printf(void **state)
{
    char ours[64], theirs[64];

    (void)state;
    for (size_t cap = 1; cap <= sizeof(ours); cap++) {
        const struct {
            const char *head, *tail;
            unsigned n;
        } v[] = {{"", "", 0}, {"a", "bc", 10}, {"10.1.2.3", "long enough to be cut somewhere", UINT32_MAX}};

        for (size_t i = 0; i < COUNT_OF(v); i++) {
            struct text t = text_in(ours, cap);

            text_add(&t, "%s/%u%% %s, %08x, %s", v[i].head, v[i].n, v[i].tail, v[i].n, v[i].head);
            snprintf(theirs, cap, "%s/%u%% %s, %08x, %s", v[i].head, v[i].n, v[i].tail, v[i].n, v[i].head);
            assert_string_equal(ours, theirs);
            assert_int_equal(t.len, strlen(theirs));
            text_add(&t, "%u", v[i].n);
            text_add(&t, "plain");
            snprintf(theirs + strlen(theirs), cap - strlen(theirs), "%uplain", v[i].n);
            assert_string_equal(ours, theirs);
        }
    }
}

static void addr_text(void **state)
{
    const uint8_t some[] = {0, 1, 9, 10, 11, 99, 100, 101, 199, 200, 255};
    char ours[ADDR_TEXT_MAX], theirs[ADDR_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(some); i++) {
        struct addr a = addr_v4(some[i], some[(i + 3) % COUNT_OF(some)], 0, some[COUNT_OF(some) - 1 - i]);

        assert_string_equal(addr_format(&a, ours), inet_ntop(AF_INET, a.b, theirs, sizeof(theirs)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_remembers),  cmocka_unit_test(buf_is_bounded),
        cmocka_unit_test(arena_is_bounded),  cmocka_unit_test(text_as_printf),
        cmocka_unit_test(addr_text),         cmocka_unit_test(heap_orders),
        cmocka_unit_test(delta_both_ways),   cmocka_unit_test(map_hashes_and_finds),
        cmocka_unit_test(prefix_round_trip), cmocka_unit_test(words_are_near),
        cmocka_unit_test(text_is_cut),       cmocka_unit_test(hex_both_ways),
        cmocka_unit_test(nonces_compare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
