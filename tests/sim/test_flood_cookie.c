/* SPDX-License-Identifier: Apache-2.0 */
/* Cookies are right (RFC 7296 2.6, HAZARDS H8): bound to nonce, address and SPI, of a versioned secret that changes; whatever is
 * wrong with one is answered with a new one, and nothing is kept. And each limit of the configuration, reached and not passed. */
#include "flood_test.h"

static struct buf answered; /* the last answer to a stranger */
static size_t n_answers;

static void keep_answer(struct flood *f, const struct path *path, struct span d)
{
    (void)f;
    (void)path;
    n_answers++;
    buf_reset(&answered);
    buf_span(&answered, d);
}

static struct flood *asks_always(void)
{
    struct flood *f = flood_begun("limits: { cookie_threshold: 0 }", 1, NULL);

    if (!answered.max)
        buf_init(&answered, 65536);
    f->stranger = keep_answer;
    return f;
}

static const struct endpoint somebody = {{4, {203, 0, 113, 7}}, 500}, neighbour = {{4, {203, 0, 113, 8}}, 500},
                             same_host = {{4, {203, 0, 113, 7}}, 4242};

/* The hub's answer at once: a cookie, or SPAN_NONE when it is anything else. */
static struct span hub_says(struct flood *f, const struct endpoint *from, struct span d)
{
    n_answers = 0;
    flood_hear(f, from, d);
    flood_run(f, f->now + MS);
    return n_answers ? flood_cookie(buf_view(&answered)) : SPAN_NONE;
}

static struct span cookie_for(struct flood *f, struct arena *a, const struct endpoint *from, uint64_t spi, uint64_t nonce)
{
    struct span cookie = hub_says(f, from, flood_init(f, spi, nonce));

    assert_true(cookie.len > 0 && cookie.len <= 64 && n_answers == 1);
    return arena_copy(a, cookie);
}

static bool taken(struct flood *f, struct arena *a, const struct endpoint *from, uint64_t spi, uint64_t nonce, struct span cookie)
{
    size_t before = core_count(f->hub.core).half_open;
    struct span again = hub_says(f, from, flood_with_cookie(a, flood_init(f, spi, nonce), cookie));
    size_t after = core_count(f->hub.core).half_open;

    assert_true(n_answers == 1);
    assert_true((again.len == 0) == (after == before + 1));
    return again.len == 0;
}

static void bound(void **state)
{
    struct flood *f = asks_always();
    struct span cookie;
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    cookie = cookie_for(f, &a, &somebody, 1001, 5);
    assert_false(taken(f, &a, &somebody, 1001, 6, cookie));  /* another nonce */
    assert_false(taken(f, &a, &somebody, 1002, 5, cookie));  /* another SPI */
    assert_false(taken(f, &a, &neighbour, 1001, 5, cookie)); /* another address */
    assert_true(span_equal(cookie, cookie_for(f, &a, &somebody, 1001, 5)));
    assert_true(taken(f, &a, &somebody, 1001, 5, cookie));
    cookie = cookie_for(f, &a, &somebody, 1003, 5);
    assert_true(taken(f, &a, &same_host, 1003, 5, cookie)); /* a translator gave it another port */
    arena_done(&a);
    flood_free(f);
}

static void every_bit(void **state)
{
    struct flood *f = asks_always();
    struct arena a;
    struct span cookie;
    size_t tried = 0;

    (void)state;
    arena_init(&a, 1 << 20);
    cookie = cookie_for(f, &a, &somebody, 1001, 5);
    for (size_t bit = 0; bit < cookie.len * 8; bit++, tried++) {
        struct span other = arena_copy(&a, cookie);

        ((uint8_t *)(uintptr_t)other.p)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(taken(f, &a, &somebody, 1001, 5, other));
    }
    for (size_t len = 0; len <= 64; len++, tried++) {
        uint8_t bytes[64] = {0};

        memcpy(bytes, cookie.p, len < cookie.len ? len : cookie.len);
        if (len != cookie.len)
            assert_false(taken(f, &a, &somebody, 1001, 5, span_of(bytes, len)));
    }
    assert_true(core_count(f->hub.core).ike_sas == 1); /* the guest's */
    assert_true(taken(f, &a, &somebody, 1001, 5, cookie));
    printf("# counted: floods: %zu changed cookies, none was taken\n", tried);
    arena_done(&a);
    flood_free(f);
}

/* A secret makes cookies for a minute and is known for another one, then it is forgotten; whether somebody comes meanwhile or
 * not. */
static void secrets(void **state)
{
    static const struct {
        unsigned age_s;
        bool busy, good;
    } rows[] = {{1, false, true},    {58, false, true},   {58, true, true},    {61, true, true},   {61, false, true},
                {110, true, true},   {121, true, false},  {121, false, false}, {200, true, false}, {200, false, false},
                {1000, true, false}, {15400, true, false}}; /* the last: after 256 versions, which come again */

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct flood *f = asks_always();
        struct arena a;
        struct span cookie;
        usec_t made;

        arena_init(&a, 1 << 20);
        flood_run(f, f->now + 200 * SEC);
        cookie_for(f, &a, &neighbour, 7, 7); /* a new secret */
        cookie = cookie_for(f, &a, &somebody, 1001, 5);
        made = f->now;
        while (rows[i].busy && f->now + SEC < made + rows[i].age_s * SEC) {
            cookie_for(f, &a, &neighbour, 7, 7);
            flood_run(f, f->now + SEC);
            if (a.used > 1 << 19) {
                uint8_t copy[64];

                memcpy(copy, cookie.p, cookie.len);
                arena_reset(&a);
                cookie = arena_copy(&a, span_of(copy, 21));
            }
        }
        flood_run(f, made + rows[i].age_s * SEC);
        assert_int_equal(taken(f, &a, &somebody, 1001, 5, cookie), rows[i].good);
        arena_done(&a);
        flood_free(f);
    }
}

/* --- limits of the configuration
 * ------------------------------------------------------------------------------------------------ */

static struct addr place_beside(size_t i)
{
    return addr_v4(10, 0, 0, (uint8_t)(1 + i));
}

static size_t half_open_at_most(const char *daemon, size_t n, struct addr (*place)(size_t))
{
    struct flood *f = flood_begun(daemon, n, place);
    size_t most;

    f->deaf = true;
    for (size_t i = 1; i < n; i++)
        flood_ask(f, i, NULL);
    flood_run(f, f->now + SEC);
    most = core_count(f->hub.core).half_open;
    f->deaf = false;
    flood_run(f, f->now + 60 * SEC);
    assert_true(f->n_up == n); /* the others waited */
    flood_free(f);
    return most;
}

static void half_open_limits(void **state)
{
    (void)state;
    assert_int_equal(half_open_at_most("limits: { half_open: 7 }", 12, NULL), 7);
    assert_int_equal(half_open_at_most("limits: { half_open: 7 }", 7, NULL), 6);
    assert_int_equal(half_open_at_most("limits: { half_open_per_source: 5 }", 12, place_beside), 5);
    assert_int_equal(half_open_at_most("limits: { half_open_per_source: 20 }", 12, place_beside), 11);
}

static void cookie_threshold(void **state)
{
    struct flood *f = flood_begun("limits: { cookie_threshold: 4 }", 6, NULL);

    (void)state;
    f->deaf = true;
    for (size_t i = 1; i < 6; i++) {
        flood_ask(f, i, NULL);
        flood_run(f, f->now + 100 * MS);
        assert_int_equal(core_count(f->hub.core).cookies_sent, i > 4 ? 1 : 0);
    }
    assert_int_equal(core_count(f->hub.core).half_open, 5);
    flood_free(f);
}

static void ike_sas(void **state)
{
    struct flood *f = flood_begun("limits: { ike_sas: 5 }", 8, NULL);

    (void)state;
    for (size_t i = 1; i < 8; i++)
        flood_ask(f, i, NULL);
    flood_run(f, f->now + 10 * SEC);
    assert_int_equal(f->n_up, 5);
    assert_int_equal(core_count(f->hub.core).ike_sas, 5);
    flood_down(f, 0);
    flood_run(f, f->now + 200 * SEC);
    assert_int_equal(f->n_up, 6); /* there was a place */
    flood_free(f);
}

/* How long a responder waits for IKE_AUTH: less when there are many, and less still for who has many (RFC 8019 4.1). */
static void half_open_life(void **state)
{
    static const struct {
        const char *daemon;
        bool beside;
        size_t n;
        unsigned s;
        size_t then;
    } rows[] = {{"", false, 1, 29, 1},
                {"", false, 1, 31, 0},
                {"limits: { cookie_threshold: 3 }", false, 5, 9, 5},
                {"limits: { cookie_threshold: 3 }", false, 5, 12, 2},
                {"limits: { half_open_per_source: 8 }", true, 7, 3, 7},
                {"limits: { half_open_per_source: 8 }", true, 7, 5, 3}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct flood *f = flood_begun(rows[i].daemon, rows[i].n + 1, rows[i].beside ? place_beside : NULL);

        f->deaf = true;
        for (size_t k = 1; k <= rows[i].n; k++)
            flood_ask(f, k, NULL);
        flood_run(f, f->now + rows[i].s * SEC);
        assert_int_equal(core_count(f->hub.core).half_open, rows[i].then);
        flood_free(f);
    }
}

/* Sixteen may wait for one connection; the seventeenth is told so. */
static void orders_waiting(void **state)
{
    struct flood *f = flood_begun("", 2, NULL);

    (void)state;
    f->mute = true;
    for (uint32_t i = 1; i <= 17; i++) {
        flood_wait_up(f, 1, i + 100);
        assert_int_equal(f->orders_failed, i == 17 ? 1 : 0);
    }
    f->mute = false;
    flood_run(f, f->now + 10 * SEC);
    assert_true(f->n_up == 2 && f->orders_failed == 1);
    flood_free(f);
}

/* IKE_SA_INIT of 8192 bytes is taken, one byte more is not. */
static void init_length(void **state)
{
    for (size_t more = 0; more < 2; more++) {
        struct flood *f = flood_begun("", 1, NULL);
        struct span d = flood_init(f, 1001, 5);
        static uint8_t big[9000];
        size_t len = 8192 + more, extra = len - d.len;

        (void)state;
        if (!answered.max)
            buf_init(&answered, 65536);
        f->stranger = keep_answer;
        memset(big, 0, sizeof(big));
        memcpy(big, d.p, IKE_HEADER_LEN);
        big[IKE_HEADER_LEN] = big[16]; /* a Vendor ID before all else */
        big[16] = PAYLOAD_VENDOR;
        put_u16(big + IKE_HEADER_LEN + 2, (uint16_t)extra);
        memcpy(big + IKE_HEADER_LEN + extra, d.p + IKE_HEADER_LEN, d.len - IKE_HEADER_LEN);
        put_u32(big + 24, (uint32_t)len);
        hub_says(f, &somebody, span_of(big, len));
        assert_int_equal(core_count(f->hub.core).half_open, more ? 0 : 1);
        assert_int_equal(n_answers, more ? 0 : 1);
        flood_free(f);
    }
}

static int forget(void **state)
{
    (void)state;
    buf_done(&answered);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound),
        cmocka_unit_test(every_bit),
        cmocka_unit_test(secrets),
        cmocka_unit_test(half_open_limits),
        cmocka_unit_test(cookie_threshold),
        cmocka_unit_test(ike_sas),
        cmocka_unit_test(half_open_life),
        cmocka_unit_test(orders_waiting),
        cmocka_unit_test_teardown(init_length, forget),
    };

    return flood_tests("cookies and limits", tests, COUNT_OF(tests));
}
