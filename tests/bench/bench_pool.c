/* SPDX-License-Identifier: Apache-2.0 */
/* How the pool of worker threads scales, asks in and answers out: RSA-2048 signatures a second with one thread and with two.
 *
 *     bench_pool [SIGNATURES [RATIO]]      5000 1.8
 *
 * Alternating rounds, the best of each, in wall-clock time, with both of two processors free; it fails when two threads do not
 * give RATIO times what one does. With fewer than two processors, or where two plain threads without the pool do not reach it
 * either (others use the machine), there is nothing to measure: that is said, and is no failure. */
#include "loop/worker.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

extern const struct alg_registry alg_registry;

enum { ROUNDS = 5, IN_FLIGHT = 64, SIGNATURE_MAX = 256 };
static EVP_PKEY *key;

struct run {
    struct loop *loop;
    struct workers *workers;
    long asked, answered, wanted;
};

static double wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

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

static double pool(unsigned threads, long n)
{
    struct run r = {.loop = loop_new(), .wanted = n};
    struct workers_setup s = {.loop = r.loop, .algs = &alg_registry, .threads = threads, .queue_max = 4096, .run = work};
    double start;

    s.done = answered;
    s.ctx = &r;
    r.workers = r.loop ? workers_new(&s) : NULL;
    if (!r.workers)
        abort();
    start = wall();
    ask_some(&r);
    if (loop_run(r.loop) < 0)
        abort();
    start = wall() - start;
    workers_free(r.workers);
    loop_free(r.loop);
    return (double)n / start;
}

static void *plain_thread(void *n)
{
    uint8_t out[SIGNATURE_MAX];

    for (long i = *(long *)n; i > 0; i--)
        if (!sign(out))
            abort();
    return NULL;
}

static double plain(unsigned threads, long n)
{
    pthread_t t[2];
    double start = wall();

    n /= threads;
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&t[i], NULL, plain_thread, &n))
            abort();
    for (unsigned i = 0; i < threads; i++)
        pthread_join(t[i], NULL);
    return (double)(n * threads) / (wall() - start);
}

static void best(double *of, double value)
{
    *of = value > *of ? value : *of;
}

int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 5000;
    double want = argc > 2 ? atof(argv[2]) : 1.8, one = 0, two = 0, alone = 0, both = 0;

    key = EVP_RSA_gen(2048);
    if (!key || n < 100)
        return 1;
    for (int i = 0; i < ROUNDS; i++) {
        best(&one, pool(1, n / ROUNDS));
        best(&two, pool(2, n / ROUNDS));
        best(&alone, plain(1, n / ROUNDS));
        best(&both, plain(2, n / ROUNDS));
    }
    printf(
        "RSA-2048 signatures a second: pool of one %.0f, of two %.0f: %.2f times; threads without a pool %.0f and %.0f: %.2f\n",
        one, two, two / one, alone, both, both / alone);
    EVP_PKEY_free(key);
    if (two / one >= want)
        return 0;
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || both / alone < want) {
        printf("not measured: this machine does not give two threads %.2f times one just now\n", want);
        return 0;
    }
    printf("too little: two workers are to give %.2f times one\n", want);
    return 1;
}
