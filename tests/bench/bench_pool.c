/* SPDX-License-Identifier: Apache-2.0 */
/* How the pool of worker threads scales, asks in and answers out: RSA-2048 signatures a second with one thread and with two.
 *
 *     bench_pool [SECONDS [RATIO]]      20 1.8
 *
 * Short rounds in turn - the pool with one thread and with two, threads without a pool - in wall-clock time. A round counts only
 * if nobody else was on the processors: the process got all the CPU time that its threads could use. Medians of those that count;
 * it fails when two threads do not give RATIO times what one does. Where too few rounds count (others use the machine) or two
 * plain threads do not reach RATIO either (two processors that share a core), there is nothing to measure: that is said, and is
 * no failure. */
#include "loop/worker.h"
#include "tests/bench/measure.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern const struct alg_registry alg_registry;

enum { ROUNDS_MAX = 200, ROUNDS_WANTED = 15, ROUNDS_LEAST = 5, SIGNATURES = 100, IN_FLIGHT = 64, SIGNATURE_MAX = 256 };
static const double free_share = 0.94; /* of the CPU time that the threads of a round could have got */
static EVP_PKEY *key;

struct run {
    struct loop *loop;
    struct workers *workers;
    long asked, answered, wanted;
};

/* Rounds of one kind: signatures a second. */
struct series {
    unsigned threads;
    double rate[ROUNDS_MAX];
    size_t n;
};

static size_t sign(uint8_t out[SIGNATURE_MAX])
{
    static const uint8_t message[400] = {1};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = SIGNATURE_MAX;

    if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(ctx, out, &len, message, sizeof(message)) != 1)
        len = 0;
    EVP_MD_CTX_free(ctx);
    return len;
}

static void work(void *ctx, const struct ask *ask, struct answer *a, struct arena *arena)
{
    uint8_t *p = arena_alloc(arena, SIGNATURE_MAX);

    (void)ctx;
    (void)ask;
    a->u.ke.shared = span_of(p, p ? sign(p) : 0);
    a->result = a->u.ke.shared.len ? ANSWER_OK : ANSWER_FAILED;
}

static void ask_some(struct run *r)
{
    struct ask ask = {.to = ASK_WORKER, .kind = ASK_KE_GENERATE, .ticket = {1, 1}};

    ask.u.ke.alg = alg_find(&alg_registry, TRANSFORM_KE, 31, 0);
    while (r->asked < r->wanted && r->asked - r->answered < IN_FLIGHT) {
        if (workers_ask(r->workers, &ask) < 0)
            abort();
        r->asked++;
    }
}

static void answered(void *ctx, const struct answer *a)
{
    struct run *r = ctx;

    if (a->result != ANSWER_OK)
        abort();
    r->answered++;
    ask_some(r);
    if (r->answered == r->wanted)
        loop_stop(r->loop);
}

/* From `began` (wall, CPU of the process) to now; kept if the processors were ours. */
static void series_add(struct series *s, const double began[2])
{
    double took = wall_s() - began[0], used = process_s() - began[1];

    if (used >= free_share * took * s->threads && s->n < ROUNDS_MAX)
        s->rate[s->n++] = SIGNATURES * s->threads / took;
}

static double series_median(struct series *s)
{
    qsort(s->rate, s->n, sizeof(s->rate[0]), by_value);
    return s->n ? s->rate[s->n / 2] : 0;
}

static void pool(struct series *to)
{
    struct run r = {.loop = loop_new(), .wanted = SIGNATURES * to->threads};
    struct workers_setup s = {.loop = r.loop, .algs = &alg_registry, .threads = to->threads, .queue_max = 4096, .run = work};
    double began[2];

    s.done = answered;
    s.ctx = &r;
    r.workers = r.loop ? workers_new(&s) : NULL;
    if (!r.workers)
        abort();
    began[0] = wall_s();
    began[1] = process_s();
    ask_some(&r);
    if (loop_run(r.loop) < 0)
        abort();
    series_add(to, began);
    workers_free(r.workers);
    loop_free(r.loop);
}

static void *plain_thread(void *none)
{
    uint8_t out[SIGNATURE_MAX];

    for (int i = 0; i < SIGNATURES; i++)
        if (!sign(out))
            abort();
    return none;
}

static void plain(struct series *to)
{
    double began[2] = {wall_s(), process_s()};
    pthread_t t[2];

    for (unsigned i = 0; i < to->threads; i++)
        if (pthread_create(&t[i], NULL, plain_thread, NULL))
            abort();
    for (unsigned i = 0; i < to->threads; i++)
        pthread_join(t[i], NULL);
    series_add(to, began);
}

static struct series one = {.threads = 1}, two = {.threads = 2}, alone = {.threads = 1}, both = {.threads = 2};

static bool enough(size_t n)
{
    return one.n >= n && two.n >= n && alone.n >= n && both.n >= n;
}

int main(int argc, char **argv)
{
    double until = wall_s() + (argc > 1 ? atof(argv[1]) : 20), want = argc > 2 ? atof(argv[2]) : 1.8, gain, plain_gain;

    key = EVP_RSA_gen(2048);
    if (!key)
        return 1;
    while (!enough(ROUNDS_WANTED) && wall_s() < until) {
        pool(&one), pool(&two);
        plain(&alone), plain(&both);
    }
    EVP_PKEY_free(key);
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || !enough(ROUNDS_LEAST)) {
        printf("not measured: two processors were free in %zu, %zu, %zu, %zu rounds only\n", one.n, two.n, alone.n, both.n);
        return 0;
    }
    gain = series_median(&two) / series_median(&one);
    plain_gain = series_median(&both) / series_median(&alone);
    printf("RSA-2048 signatures a second: pool of one %.0f, of two %.0f: %.2f times (%zu rounds); threads without a pool %.0f "
           "and %.0f: %.2f\n",
           series_median(&one), series_median(&two), gain, two.n, series_median(&alone), series_median(&both), plain_gain);
    if (gain >= want)
        return 0;
    if (plain_gain < want) {
        printf("not measured: the two processors of this machine together do not do %.2f times what one does\n", want);
        return 0;
    }
    printf("too little: two workers are to give %.2f times one\n", want);
    return 1;
}
