/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_probe - how fast is this processor now: thread CPU microseconds of one X25519 derivation, the median of a few rounds. A
 * figure taken between two probes can be compared with one of another hour or machine.
 *
 *     bench_probe [SECONDS]
 */
#include "tests/bench/measure.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 5

static double round_us(EVP_PKEY_CTX *ctx, double seconds)
{
    unsigned char out[32];
    double began = thread_s(), took;
    long n = 0;

    do {
        for (int i = 0; i < 50; i++) {
            size_t len = sizeof(out);

            EVP_PKEY_derive(ctx, out, &len);
        }
        n += 50;
        took = thread_s() - began;
    } while (took < seconds);
    return took / (double)n * 1e6;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.1, us[ROUNDS];
    EVP_PKEY *mine = EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), *theirs = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(mine, NULL);

    if (!mine || !theirs || !ctx || EVP_PKEY_derive_init(ctx) <= 0 || EVP_PKEY_derive_set_peer(ctx, theirs) <= 0)
        return 1;
    for (int i = 0; i < ROUNDS; i++)
        us[i] = round_us(ctx, seconds / ROUNDS);
    qsort(us, ROUNDS, sizeof(us[0]), by_value);
    printf("%.3f\n", us[ROUNDS / 2]);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(mine);
    EVP_PKEY_free(theirs);
    return 0;
}
