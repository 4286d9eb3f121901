/* SPDX-License-Identifier: Apache-2.0 */
/* What each algorithm costs, in microseconds of this thread's CPU: best and median of nine rounds. Arguments choose by name. */
#include "suite/alg.h"
#include "suite/keymat.h"
#include "tests/bench/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct alg_registry alg_registry;

enum { ROUNDS = 9, MESSAGE = 1024 };
static const double round_us = 20000;

/* One thing to measure. */
struct job {
    const struct alg *alg;
    void (*run)(struct job *);
    struct secret key, peer_key, secret;
    uint8_t *mine, *peer, in[MESSAGE], out[MESSAGE + 64];
    bool failed;
};

static double now_us(void)
{
    return thread_s() * 1e6;
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    uint32_t *state = ctx;

    for (size_t i = 0; i < len; i++) {
        *state = *state * 1664525u + 1013904223u;
        out[i] = (uint8_t)(*state >> 24);
    }
}
static uint32_t seed = 1;
static const struct rng rng = {fill, &seed};

static void run_generate(struct job *j)
{
    j->failed |= j->alg->ke->generate(j->alg, &rng, &j->key, j->mine) < 0;
}
static void run_derive(struct job *j)
{
    j->failed |= j->alg->ke->derive(j->alg, secret_view(&j->key), span_of(j->peer, j->alg->public_len), &j->secret) < 0;
}
static void run_seal(struct job *j)
{
    static const uint8_t iv[16], aad[32];

    j->failed |= j->alg->cipher->seal(j->alg, secret_view(&j->key), span_of(iv, j->alg->iv_len), span_of(aad, sizeof(aad)),
                                      span_of(j->in, MESSAGE), j->out) < 0;
}
static void run_mac(struct job *j)
{
    struct span part = span_of(j->in, 113);

    j->failed |= j->alg->mac->mac(j->alg, secret_view(&j->key), &part, 1, j->out) < 0;
}

static double round_run(struct job *j, long n)
{
    double from = now_us();

    for (long i = 0; i < n; i++)
        j->run(j);
    return (now_us() - from) / (double)n;
}

static void measure(struct job *j, const char *what)
{
    bool first = alg_find(&alg_registry, j->alg->type, j->alg->id, j->alg->key_bits) == j->alg; /* the second MODP is GMP's */
    double t[ROUNDS];
    long n = 1;

    while (round_run(j, n) * (double)n < round_us / 4 && n < 1000000)
        n *= 2;
    for (int i = 0; i < ROUNDS; i++)
        t[i] = round_run(j, n);
    qsort(t, ROUNDS, sizeof(*t), by_value);
    printf("%-18s %-10s %10.2f %10.2f%s%s\n", j->alg->name, what, t[0], t[ROUNDS / 2], first ? "" : "  (GMP)",
           j->failed ? "  FAILED" : "");
}

static void bench_ke(struct job *j)
{
    j->mine = calloc(1, j->alg->public_len);
    j->peer = calloc(1, j->alg->public_len);
    if (!j->mine || !j->peer || j->alg->ke->generate(j->alg, &rng, &j->peer_key, j->peer) < 0)
        abort();
    j->run = run_generate;
    measure(j, "generate");
    j->run = run_derive;
    measure(j, "derive");
    free(j->mine);
    free(j->peer);
}

static void bench(const struct alg *a)
{
    struct job *j = calloc(1, sizeof(*j));

    if (!j)
        abort();
    j->alg = a;
    if (a->type == TRANSFORM_KE) {
        bench_ke(j);
    } else {
        if (secret_new(&j->key, a->key_len) < 0)
            abort();
        j->run = a->type == TRANSFORM_ENCR ? run_seal : run_mac;
        measure(j, a->type == TRANSFORM_ENCR ? "seal 1024" : "mac 113");
    }
    secret_done(&j->key);
    secret_done(&j->peer_key);
    secret_done(&j->secret);
    free(j);
}

/* All key work of an IKE SA and its first Child SA: SKEYSEED, SK_*, KEYMAT. */
static void run_keymat(struct job *j)
{
    const struct alg *gcm = alg_by_name(&alg_registry, "aes256gcm16");
    const struct suite ike = {.encr = gcm, .prf = j->alg}, child = {.encr = gcm};
    struct span nonce = span_of(j->in, 32);
    struct secret skeyseed = {0};
    struct ike_keys ik = {0};
    struct child_keys ck = {0};

    j->failed |= skeyseed_first(j->alg, nonce, nonce, nonce, &skeyseed) < 0 ||
                 ike_keys_derive(&ike, secret_view(&skeyseed), nonce, nonce, 1, 2, &ik) < 0 ||
                 child_keys_derive(&child, j->alg, secret_view(&ik.d), SPAN_NONE, nonce, nonce, &ck) < 0;
    secret_done(&skeyseed);
    ike_keys_done(&ik);
    child_keys_done(&ck);
}

int main(int argc, char **argv)
{
    const struct alg *a;
    struct job keymat = {.run = run_keymat};

    printf("%-18s %-10s %10s %10s\n", "algorithm", "what", "best us", "median us");
    for (size_t n = 0; (a = alg_at(&alg_registry, n)) != NULL; n++) {
        bool wanted = argc == 1;

        for (int i = 1; i < argc; i++)
            wanted |= strcmp(argv[i], a->name) == 0;
        if (wanted)
            bench(a);
        if (wanted && a->type == TRANSFORM_PRF) {
            keymat.alg = a;
            measure(&keymat, "all keys");
        }
    }
    return 0;
}
