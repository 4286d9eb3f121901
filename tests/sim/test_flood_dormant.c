/* SPDX-License-Identifier: Apache-2.0 */
/* Half-open IKE SAs that are put by: small, and awake again as if nothing had been (RFC 7296 2.1, 2.14, 2.15). */
#include "flood_test.h"

#include "ike/limits.h"

#define MANY 2000
#define ROOM "limits: { half_open: 100000, half_open_per_source: 100000, cookie_threshold: 100000 }"
#define SMALL 512 /* bytes of one, with its places in the tables */

static void small_and_awake_again(void **state)
{
    struct flood *f = flood_begun(ROOM, 2 * MANY + 1, NULL);
    int64_t half = 0;
    double each;

    (void)state;
    f->deaf = true;
    for (size_t i = 1; i <= 2 * MANY; i++) {
        flood_ask(f, i, NULL);
        flood_run(f, f->now + MS);
        half = i == MANY ? f->hub.bytes : half;
    }
    flood_run(f, f->now + 100 * MS);
    assert_int_equal(core_count(f->hub.core).half_open, 2 * MANY);
    each = (double)(f->hub.bytes - half) / MANY;
    printf("# counted: floods: %d half-open IKE SAs, %d of them awake, %.0f bytes for one more\n", 2 * MANY, HALF_OPEN_AWAKE,
           each);
    assert_true(each <= SMALL);
    f->deaf = false;
    flood_run(f, f->now + 20 * SEC);
    assert_int_equal(f->n_up, 2 * MANY + 1);
    assert_int_equal(core_count(f->hub.core).half_open, 0);
    assert_int_equal(core_count(f->hub.core).ike_sas, 2 * MANY + 1);
    flood_free(f);
}

/* --- strangers ------------------------------------------------------------------------------------------------------------- */

static struct buf answer; /* the last to a stranger */

static void keep_answer(struct flood *f, const struct path *path, struct span d)
{
    (void)f;
    (void)path;
    buf_reset(&answer);
    buf_span(&answer, d);
}

static struct span hub_says(struct flood *f, size_t i, struct span request)
{
    struct endpoint from = {addr_v4(203, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i), (uint16_t)(500 + i % 3)};

    buf_reset(&answer);
    flood_hear(f, &from, request);
    flood_run(f, f->now + MS);
    return buf_view(&answer);
}

/* Of some dozens of kinds: a COOKIE that nobody asked for makes them differ in length and content. */
static struct span request_of(struct flood *f, struct arena *a, size_t i, uint64_t nonce)
{
    uint8_t cookie[64];

    memset(cookie, (int)(i % 5), sizeof(cookie));
    return flood_with_cookie(a, flood_init(f, i + 1, nonce), span_of(cookie, 1 + i % 40));
}

static void same_answer_again(void **state)
{
    struct flood *f = flood_begun(ROOM, 1, NULL);
    struct span first[MANY];
    struct arena a;

    (void)state;
    arena_init(&a, 64 << 20);
    buf_init(&answer, 65536);
    f->stranger = keep_answer;
    for (size_t i = 0; i < MANY; i++) {
        first[i] = arena_copy(&a, hub_says(f, i, request_of(f, &a, i, i)));
        assert_true(first[i].len > 100 && core_count(f->hub.core).half_open == i + 1);
    }
    for (size_t i = 0; i < MANY; i++) {
        size_t k = dice_below(&f->dice, MANY);

        assert_true(span_equal(hub_says(f, k, request_of(f, &a, k, k)), first[k]));
        assert_int_equal(hub_says(f, k, request_of(f, &a, k, k + 1)).len, 0); /* the same SPI, and other bytes */
    }
    assert_int_equal(core_count(f->hub.core).half_open, MANY);
    assert_int_equal(core_count(f->hub.core).ike_sas, MANY + 1);
    arena_done(&a);
    flood_free(f);
}

/* Nobody comes back: nothing of them is left, and no timer. */
static void gone_in_time(void **state)
{
    struct flood *f = flood_begun(ROOM, 1, NULL);
    struct core_counts before = core_count(f->hub.core);
    int64_t bytes = f->hub.bytes;
    struct arena a;

    (void)state;
    arena_init(&a, 64 << 20);
    f->stranger = keep_answer;
    for (size_t i = 0; i < MANY; i++)
        (void)hub_says(f, i, request_of(f, &a, i, i));
    arena_done(&a);
    assert_int_equal(core_count(f->hub.core).half_open, MANY);
    flood_run(f, f->now + HALF_OPEN_LIFE - 5 * SEC);
    assert_int_equal(core_count(f->hub.core).half_open, MANY);
    flood_run(f, f->now + 6 * SEC);
    assert_int_equal(core_count(f->hub.core).half_open, 0);
    assert_int_equal(core_count(f->hub.core).sources, 0);
    assert_int_equal(core_count(f->hub.core).ike_sas, before.ike_sas);
    assert_int_equal(core_count(f->hub.core).timers, before.timers);
    assert_true(f->hub.bytes - bytes < 64 * 1024); /* tables that have grown */
    flood_free(f);
}

static int forget(void **state)
{
    (void)state;
    buf_done(&answer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_and_awake_again),
        cmocka_unit_test(same_answer_again),
        cmocka_unit_test_teardown(gone_in_time, forget),
    };

    return flood_tests("half-open IKE SAs put by", tests, COUNT_OF(tests));
}
