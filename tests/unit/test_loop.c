/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "loop/loop.h"
#include "loop/worker.h"

#include "elsewhen.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
    struct loop *loop;
    int fired, after;
    usec_t at;
    unsigned what;
};

static void fired(void *ctx, unsigned what)
{
    struct seen *s = ctx;

    s->fired++;
    s->at = loop_now();
    s->what = what;
    loop_stop(s->loop);
}

static void after(void *ctx)
{
    ((struct seen *)ctx)->after++;
}

static void timer_fires_once_and_not_early(void **state)
{
    struct seen s = {.loop = loop_new()};
    struct timer *t = loop_timer(s.loop, fired, &s);
    usec_t due = loop_now() + 30 * USEC_MSEC;

    (void)state;
    timer_set(t, loop_now() + 5 * USEC_MSEC);
    timer_set(t, due); /* later: the old wake-up must not count */
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(s.fired, 1);
    assert_true(s.at >= due);
    timer_free(t);
    loop_free(s.loop);
}

static void timer_stops(void **state)
{
    struct seen s = {.loop = loop_new()}, end = {.loop = s.loop};
    struct timer *t = loop_timer(s.loop, fired, &s), *t2 = loop_timer(s.loop, fired, &end);

    (void)state;
    timer_set(t, loop_now() + 5 * USEC_MSEC);
    timer_set(t, USEC_NEVER);
    timer_set(t2, loop_now() + 20 * USEC_MSEC);
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(s.fired, 0);
    assert_int_equal(end.fired, 1);
    timer_free(t);
    timer_free(t2);
    loop_free(s.loop);
}

static usec_t before_sleep;

/* loop_now() shows the sleep; a timer set by it fires when it is due, not a sleep later. */
static bool sleep_is_seen(void)
{
    struct seen s = {.loop = loop_new()};
    struct timer *t = loop_timer(s.loop, fired, &s);
    usec_t due = loop_now() + 20 * USEC_MSEC;
    bool ok = due >= before_sleep + ELSEWHEN_S * USEC_SEC;

    timer_set(t, due);
    for (int i = 0; i < 5000 && !s.fired && ok; i++) {
        ok = !loop_turn(s.loop, false);
        usleep(1000);
    }
    ok = ok && s.fired == 1 && s.at >= due;
    timer_free(t);
    loop_free(s.loop);
    return ok;
}

static void time_goes_on_while_asleep(void **state)
{
    enum elsewhen seen;

    (void)state;
    before_sleep = loop_now();
    seen = elsewhen(sleep_is_seen);
    if (seen == ELSEWHEN_NOT_HERE)
        skip();
    assert_int_equal(seen, ELSEWHEN_TRUE);
}

static void watches_and_signals(void **state)
{
    struct seen s = {.loop = loop_new()}, sig = {.loop = s.loop};
    struct watch *w, *g = loop_signal(s.loop, SIGUSR1, fired, &sig);
    int pipes[2];

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    w = loop_watch(s.loop, pipes[0], fired, &s);
    loop_after(s.loop, after, &s);
    assert_int_equal(loop_turn(s.loop, false), 0);
    assert_int_equal(s.fired, 0);
    assert_int_equal(s.after, 1);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    assert_int_equal(loop_turn(s.loop, false), 0);
    assert_int_equal(s.fired, 1);
    assert_int_equal(s.what, WATCH_READ);
    watch_want(w, 0);
    assert_int_equal(loop_turn(s.loop, false), 0);
    assert_int_equal(s.fired, 1);
    raise(SIGUSR1);
    assert_int_equal(loop_turn(s.loop, false), 0);
    assert_int_equal(sig.fired, 1);
    watch_free(w);
    watch_free(g);
    close(pipes[0]);
    close(pipes[1]);
    loop_free(s.loop);
}

/* A toy key exchange: public = ~private, shared = private ^ peer. */
static int toy_generate(const struct alg *alg, const struct rng *rng, struct secret *private_value, uint8_t *public_value)
{
    if (secret_new(private_value, alg->private_len))
        return ERR_MEMORY;
    rng->fill(rng->ctx, private_value->p, private_value->len);
    for (size_t i = 0; i < private_value->len; i++)
        public_value[i] = (uint8_t)~private_value->p[i];
    return 0;
}

static int toy_derive(const struct alg *alg, struct span mine, struct span peer, struct secret *shared)
{
    if (peer.len != alg->public_len || span_is_zero(peer))
        return ERR_CRYPTO;
    if (secret_new(shared, alg->secret_len))
        return ERR_MEMORY;
    for (size_t i = 0; i < shared->len; i++)
        shared->p[i] = mine.p[i] ^ peer.p[i];
    return 0;
}

static const struct alg_ke toy_ke = {.generate = toy_generate, .derive = toy_derive};
static const struct alg toy = {
    .type = TRANSFORM_KE, .id = 1031, .public_len = 8, .private_len = 8, .secret_len = 8, .ke = &toy_ke};
static const struct alg *const toy_file[] = {&toy, NULL};
static const struct alg *const *const toy_files[] = {toy_file, NULL};
static const struct alg_registry toys = {toy_files};

struct pool {
    struct loop *loop;
    struct workers *workers;
    unsigned answers, ok, failed;
    unsigned slots;
    uint8_t shared[8];
};

static void pool_done(void *ctx, const struct answer *a)
{
    struct pool *p = ctx;

    p->answers++;
    p->ok += a->result == ANSWER_OK;
    p->failed += a->result == ANSWER_FAILED;
    p->slots |= 1u << a->ticket.slot;
    if (a->result == ANSWER_OK && a->kind == ASK_KE_DERIVE && a->u.ke.shared.len == 8)
        memcpy(p->shared, a->u.ke.shared.p, 8);
    loop_stop(p->loop);
}

static void answer_by_ticket(unsigned threads)
{
    struct pool p = {.loop = loop_new()};
    struct workers_setup setup = {p.loop, &toys, threads, 16, worker_ke, pool_done, &p};
    struct workers *w = workers_new(&setup);
    uint8_t mine[8] = {1, 2, 3, 4, 5, 6, 7, 8}, peer[8] = {8, 7, 6, 5, 4, 3, 2, 1}, zero[8] = {0}, want[8];
    struct ask ask = {.to = ASK_WORKER, .kind = ASK_KE_GENERATE, .ticket = {1, 1}, .u.ke = {.alg = &toy}};

    assert_int_equal(workers_ask(w, &ask), 0);
    ask = (struct ask){ASK_WORKER, ASK_KE_DERIVE, {2, 1}, 0, {.ke = {&toy, span_of(mine, 8), span_of(peer, 8)}}};
    assert_int_equal(workers_ask(w, &ask), 0);
    memset(peer, 0xee, 8); /* the pool works on its own copy */
    ask = (struct ask){ASK_WORKER, ASK_KE_BOTH, {3, 1}, 0, {.ke = {&toy, SPAN_NONE, span_of(zero, 8)}}};
    assert_int_equal(workers_ask(w, &ask), 0);
    assert_int_equal(workers_busy(w), 3);
    for (int i = 0; i < 1000 && p.answers < 3; i++) {
        assert_int_equal(loop_turn(p.loop, false), 0);
        usleep(1000);
    }
    assert_int_equal(p.answers, 3);
    assert_int_equal(p.ok, 2);
    assert_int_equal(p.failed, 1);
    assert_int_equal(p.slots, 1u << 1 | 1u << 2 | 1u << 3);
    for (int i = 0; i < 8; i++)
        want[i] = mine[i] ^ (uint8_t)(8 - i);
    assert_memory_equal(p.shared, want, 8);
    assert_int_equal(workers_busy(w), 0);
    workers_free(w);
    loop_free(p.loop);
}

static void workers_answer_by_ticket(void **state)
{
    (void)state;
    answer_by_ticket(2);
}

/* Without threads: nothing before the loop turns; a long job ends its turn; what an answer asks is done too. */
static void ask_again(void *ctx, const struct answer *a)
{
    struct pool *p = ctx;
    struct ask ask = {.to = ASK_WORKER, .kind = ASK_KE_GENERATE, .ticket = {3, 1}, .u.ke = {.alg = &toy}};

    pool_done(ctx, a);
    if (p->answers == 2)
        assert_int_equal(workers_ask(p->workers, &ask), 0);
}

static void slow_run(void *ctx, const struct ask *ask, struct answer *a, struct arena *arena)
{
    (void)ctx, (void)ask, (void)arena;
    usleep(30000);
    a->result = ANSWER_OK;
}

static void workers_without_threads(void **state)
{
    struct pool p = {.loop = loop_new()};
    struct workers_setup setup = {p.loop, &toys, 0, 16, slow_run, ask_again, &p};
    struct ask ask = {.to = ASK_WORKER, .kind = ASK_KE_GENERATE, .ticket = {1, 1}, .u.ke = {.alg = &toy}};

    (void)state;
    answer_by_ticket(0);
    p.workers = workers_new(&setup);
    assert_int_equal(workers_ask(p.workers, &ask), 0);
    ask.ticket.slot = 2;
    assert_int_equal(workers_ask(p.workers, &ask), 0);
    for (unsigned turn = 0; turn < 3; turn++) {
        assert_int_equal(p.answers, turn);
        assert_int_equal(loop_turn(p.loop, false), 0);
    }
    assert_int_equal(p.slots, 1u << 1 | 1u << 2 | 1u << 3);
    assert_int_equal(workers_busy(p.workers), 0);
    assert_int_equal(loop_turn(p.loop, false), 0); /* nothing is left that would wake it */
    assert_int_equal(p.answers, 3);
    workers_free(p.workers);
    loop_free(p.loop);
}

static void workers_refuse_when_full(void **state)
{
    struct pool p = {.loop = loop_new()};
    struct workers_setup setup = {p.loop, &toys, 1, 2, slow_run, pool_done, &p};
    struct workers *w = workers_new(&setup);
    struct ask ask = {.to = ASK_WORKER, .kind = ASK_KE_GENERATE, .ticket = {1, 1}, .u.ke = {.alg = &toy}};
    int refused = 0;

    (void)state;
    for (int i = 0; i < 5; i++)
        refused += workers_ask(w, &ask) == ERR_LIMIT;
    assert_in_range(refused, 2, 3);
    workers_free(w); /* with work queued: nothing leaks, nothing is delivered */
    assert_int_equal(p.answers, 0);
    loop_free(p.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timer_fires_once_and_not_early), cmocka_unit_test(timer_stops),
        cmocka_unit_test(time_goes_on_while_asleep),      cmocka_unit_test(watches_and_signals),
        cmocka_unit_test(workers_answer_by_ticket),       cmocka_unit_test(workers_without_threads),
        cmocka_unit_test(workers_refuse_when_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
