/* SPDX-License-Identifier: Apache-2.0 */
/* The hand's nonces: a verdict is believed once for each that was issued. */
#include "daemon/nonces.h"
#include "loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct desk {
    struct rng rng;
    struct nonces *nonces;
    struct arena arena;
};

static void desk_open(struct desk *d, size_t max)
{
    d->rng = loop_rng();
    d->nonces = nonces_new(&d->rng, max);
    assert_non_null(d->nonces);
    arena_init(&d->arena, 1 << 20);
}

static void desk_close(struct desk *d)
{
    arena_done(&d->arena);
    d->nonces = nonces_free(d->nonces);
    assert_null(d->nonces);
}

/* What the hand answers; the arena keeps it. */
static struct span issue(struct desk *d, uint32_t count)
{
    struct ask ask = {.to = ASK_HAND, .kind = ASK_NONCES, .ticket = {7, 9}, .u.nonces.count = count};
    struct answer a;

    nonces_answer(d->nonces, &ask, &a, &d->arena);
    assert_int_equal(a.kind, ASK_NONCES);
    assert_true(a.ticket.slot == 7 && a.ticket.round == 9);
    assert_int_equal(a.result, ANSWER_OK);
    assert_int_equal(a.u.nonces.bytes.len % NONCE_LEN, 0);
    return a.u.nonces.bytes;
}

static struct span nth(struct span bytes, size_t i)
{
    return span_part(bytes, i * NONCE_LEN, NONCE_LEN);
}

static void each_is_spent_once(void **state)
{
    struct desk d;
    struct span v;

    (void)state;
    desk_open(&d, 100);
    v = issue(&d, 3);
    assert_int_equal(v.len, 3 * NONCE_LEN);
    assert_int_equal(nonces_count(d.nonces), 3);
    assert_false(span_equal(nth(v, 0), nth(v, 1)));
    assert_true(nonces_spend(d.nonces, nth(v, 1)));
    assert_false(nonces_spend(d.nonces, nth(v, 1))); /* the same verdict again */
    assert_true(nonces_spend(d.nonces, nth(v, 0)));
    assert_true(nonces_spend(d.nonces, nth(v, 2)));
    assert_int_equal(nonces_count(d.nonces), 0);
    for (size_t i = 0; i < 3; i++)
        assert_false(nonces_spend(d.nonces, nth(v, i)));
    desk_close(&d);
}

static void what_was_not_issued_is_refused(void **state)
{
    uint8_t other[NONCE_LEN + 1] = {1};
    struct desk d, e;
    struct span v;

    (void)state;
    desk_open(&d, 100);
    desk_open(&e, 100);
    v = issue(&d, 2);
    assert_false(nonces_spend(d.nonces, SPAN_NONE));
    assert_false(nonces_spend(d.nonces, span_of(other, NONCE_LEN)));
    memcpy(other, v.p, NONCE_LEN);
    assert_false(nonces_spend(d.nonces, span_of(other, NONCE_LEN + 1)));
    assert_false(nonces_spend(d.nonces, span_of(other, NONCE_LEN - 1)));
    other[NONCE_LEN - 1] ^= 1;
    assert_false(nonces_spend(d.nonces, span_of(other, NONCE_LEN)));
    assert_false(nonces_spend(e.nonces, nth(v, 0))); /* of the hand's earlier life */
    assert_int_equal(nonces_count(d.nonces), 2);
    assert_true(nonces_spend(d.nonces, nth(v, 0)));
    desk_close(&e);
    desk_close(&d);
}

static void the_oldest_are_forgotten(void **state)
{
    struct span first, more;
    struct desk d;

    (void)state;
    desk_open(&d, 10);
    first = issue(&d, 10);
    assert_int_equal(nonces_count(d.nonces), 10);
    more = issue(&d, 4);
    assert_int_equal(nonces_count(d.nonces), 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(nonces_spend(d.nonces, nth(first, i)), i >= 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(nonces_spend(d.nonces, nth(more, i)));
    assert_int_equal(nonces_count(d.nonces), 0);
    desk_close(&d);
}

static void a_batch_is_bounded(void **state)
{
    struct ask none = {.to = ASK_HAND, .kind = ASK_NONCES};
    struct answer a;
    struct desk d;

    (void)state;
    desk_open(&d, 2 * NONCES_BATCH_MAX);
    assert_int_equal(issue(&d, UINT32_MAX).len, NONCES_BATCH_MAX * NONCE_LEN);
    assert_int_equal(issue(&d, NONCES_BATCH_MAX + 1).len, NONCES_BATCH_MAX * NONCE_LEN);
    assert_int_equal(nonces_count(d.nonces), 2 * NONCES_BATCH_MAX);
    nonces_answer(d.nonces, &none, &a, &d.arena);
    assert_int_equal(a.result, ANSWER_FAILED);
    arena_done(&d.arena);
    arena_init(&d.arena, NONCE_LEN); /* no room for the answer: none is issued */
    nonces_answer(d.nonces, &(struct ask){.kind = ASK_NONCES, .u.nonces.count = 1000}, &a, &d.arena);
    assert_int_equal(a.result, ANSWER_FAILED);
    assert_int_equal(nonces_count(d.nonces), 2 * NONCES_BATCH_MAX);
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_spent_once),
        cmocka_unit_test(what_was_not_issued_is_refused),
        cmocka_unit_test(the_oldest_are_forgotten),
        cmocka_unit_test(a_batch_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
