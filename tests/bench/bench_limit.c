/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_limit - what the cryptography of one exchange costs a responder at least, with the OpenSSL that it is linked with: thread
 * CPU microseconds, a line "CASE US" each; the cases are those of tests/bench/run.
 *
 *     bench_limit [SECONDS_A_PRIMITIVE]
 *
 * Each primitive is timed alone, with contexts fetched once and the median of rounds taken; a case is their sum: no UDP, no
 * parsing, no state. AES-GCM-256 and HMAC-SHA2-256 throughout; MODP with the short exponents of RFC 7919 5.2.
 */
#include "tests/bench/measure.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 7
#define MODP2048_EXPONENT 225
#define SIGNED_OCTETS 500

static unsigned char bytes[4096], out[4096];
static double seconds = 0.1;

static void must(int good, const char *what)
{
    if (good > 0)
        return;
    fprintf(stderr, "bench_limit: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* --- time ------------------------------------------------------------------------------------------------------------------ */

static double cost_us(void (*op)(void *), void *ctx)
{
    double us[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        double began = thread_s(), took;
        long n = 0;

        do {
            op(ctx);
            n++;
            took = thread_s() - began;
        } while (took < seconds / ROUNDS);
        us[i] = took / (double)n * 1e6;
    }
    qsort(us, ROUNDS, sizeof(us[0]), by_value);
    return us[ROUNDS / 2];
}

/* --- key exchange: a new key, the peer's value read, the secret ------------------------------------------------------------- */

struct group {
    const char *type, *name;
    int exponent;
    EVP_PKEY_CTX *maker;
    EVP_PKEY *empty;
    unsigned char *theirs;
    size_t theirs_len;
};

static EVP_PKEY *group_key(struct group *g)
{
    EVP_PKEY *k = NULL;

    must(EVP_PKEY_generate(g->maker, &k), "key generation");
    return k;
}

static void group_open(struct group *g)
{
    OSSL_PARAM p[3], *at = p;
    EVP_PKEY *k;

    g->maker = EVP_PKEY_CTX_new_from_name(NULL, g->type, NULL);
    must(g->maker && EVP_PKEY_keygen_init(g->maker) > 0, g->type);
    if (g->name)
        *at++ = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)g->name, 0);
    if (g->exponent)
        *at++ = OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_DH_PRIV_LEN, &g->exponent);
    *at = OSSL_PARAM_construct_end();
    must(EVP_PKEY_CTX_set_params(g->maker, p), "group");
    k = group_key(g);
    g->theirs_len = EVP_PKEY_get1_encoded_public_key(k, &g->theirs);
    g->empty = k;
}

static EVP_PKEY *group_peer(struct group *g)
{
    EVP_PKEY *k;

    if (!g->name)
        return EVP_PKEY_new_raw_public_key_ex(NULL, g->type, NULL, g->theirs, g->theirs_len);
    k = EVP_PKEY_new();
    must(k && EVP_PKEY_copy_parameters(k, g->empty) > 0, "parameters");
    must(EVP_PKEY_set1_encoded_public_key(k, g->theirs, g->theirs_len), "public value");
    return k;
}

static void key_exchange(void *ctx)
{
    struct group *g = ctx;
    EVP_PKEY *mine = group_key(g), *theirs = group_peer(g);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, mine, NULL);
    unsigned char *value = NULL;
    size_t len = sizeof(out);

    must(EVP_PKEY_get1_encoded_public_key(mine, &value) > 0, "our value");
    must(EVP_PKEY_derive_init(c) > 0 && EVP_PKEY_derive_set_peer_ex(c, theirs, 0) > 0 && EVP_PKEY_derive(c, out, &len) > 0,
         "secret");
    OPENSSL_free(value);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(mine);
    EVP_PKEY_free(theirs);
}

/* --- PRF, AEAD, randomness -------------------------------------------------------------------------------------------------- */

static EVP_MAC_CTX *mac;
static EVP_CIPHER_CTX *gcm;

static void symmetric_open(void)
{
    OSSL_PARAM p[2] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
                       OSSL_PARAM_construct_end()};

    mac = EVP_MAC_CTX_new(EVP_MAC_fetch(NULL, "HMAC", NULL));
    must(mac && EVP_MAC_CTX_set_params(mac, p), "HMAC");
    gcm = EVP_CIPHER_CTX_new();
    must(EVP_EncryptInit_ex2(gcm, EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL), bytes, bytes, NULL), "AES-GCM");
}

/* prf(key, data); without a key the last one serves again, as in prf+ (RFC 7296 2.13) */
static void prf(size_t key, size_t data)
{
    size_t len;

    EVP_MAC_init(mac, key ? bytes : NULL, key, NULL);
    EVP_MAC_update(mac, bytes, data);
    EVP_MAC_final(mac, out, &len, 32);
}

static void prf_plus(size_t blocks, size_t seed)
{
    prf(32, seed + 1);
    while (--blocks)
        prf(0, 32 + seed + 1);
}

/* SKEYSEED, then 168 octets: SK_d, two keys of 36, SK_pi, SK_pr (2.14) */
static void prf_ike_keys(void *ctx)
{
    (void)ctx;
    prf(64, 32);
    prf_plus(6, 64 + 16);
}

static void prf_keymat(void *ctx)
{
    (void)ctx;
    prf_plus(3, 64); /* two keys of 36 octets (2.17) */
}

/* AUTH of both ends (2.15), with a secret in two steps more */
static void prf_auth(void *ctx)
{
    for (int end = 0; end < 2; end++) {
        prf(32, 24);
        if (ctx) {
            prf(32, 17);
            prf(32, 600);
        }
    }
}

static void seal(void *ctx)
{
    int len;

    EVP_EncryptInit_ex2(gcm, NULL, bytes, bytes, NULL);
    EVP_EncryptUpdate(gcm, NULL, &len, bytes, 32);
    EVP_EncryptUpdate(gcm, out, &len, bytes, *(int *)ctx);
    EVP_EncryptFinal_ex(gcm, out, &len);
    EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, 16, out);
}

static void draw(void *ctx)
{
    must(RAND_bytes(out, *(int *)ctx), "random bytes");
}

/* --- signatures --------------------------------------------------------------------------------------------------------------
 */

struct signer {
    EVP_PKEY *key;
    EVP_MD_CTX *md;
    unsigned char sig[512];
    size_t len;
};

static void sign(void *ctx)
{
    struct signer *s = ctx;

    s->len = sizeof(s->sig);
    must(EVP_DigestSignInit(s->md, NULL, EVP_sha256(), NULL, s->key), "signer");
    must(EVP_DigestSign(s->md, s->sig, &s->len, bytes, SIGNED_OCTETS), "signature");
}

static void verify(void *ctx)
{
    struct signer *s = ctx;

    must(EVP_DigestVerifyInit(s->md, NULL, EVP_sha256(), NULL, s->key), "verifier");
    must(EVP_DigestVerify(s->md, s->sig, s->len, bytes, SIGNED_OCTETS), "verification");
}

/* Our signature; the peer's, and that of its certificate. */
static double signatures_us(EVP_PKEY *key)
{
    struct signer s = {.key = key, .md = EVP_MD_CTX_new()};
    double us = cost_us(sign, &s);

    return us + 2 * cost_us(verify, &s);
}

int main(int argc, char **argv)
{
    struct group groups[] = {
        {.type = "X25519"}, {.type = "EC", .name = "P-256"}, {.type = "DH", .name = "modp_2048", .exponent = MODP2048_EXPONENT}};
    int small = 256, certs = 1400, nonce = 32, spi = 8;
    double ke[3], keys, keymat, auth, auth_psk, random, sealed, sealed_certs;

    seconds = argc > 1 ? strtod(argv[1], NULL) : seconds;
    must(RAND_bytes(bytes, sizeof(bytes)), "random bytes");
    symmetric_open();
    for (int i = 0; i < 3; i++) {
        group_open(&groups[i]);
        ke[i] = cost_us(key_exchange, &groups[i]);
    }
    keys = cost_us(prf_ike_keys, NULL), keymat = cost_us(prf_keymat, NULL);
    auth = cost_us(prf_auth, NULL), auth_psk = cost_us(prf_auth, &small);
    random = cost_us(draw, &nonce) + 2 * cost_us(draw, &spi);                     /* nonce, both SPIs */
    sealed = 2 * cost_us(seal, &small), sealed_certs = 2 * cost_us(seal, &certs); /* request and response */
    double base = keys + keymat + random, psk = base + auth_psk + sealed, cert = base + auth + sealed_certs;
    printf("psk-x25519 %.2f\npsk-ecp256 %.2f\npsk-modp2048 %.2f\n", ke[0] + psk, ke[1] + psk, ke[2] + psk);
    printf("rsa2048-x25519 %.2f\n", ke[0] + cert + signatures_us(EVP_RSA_gen(2048)));
    printf("ecdsa256-x25519 %.2f\n", ke[0] + cert + signatures_us(EVP_EC_gen("P-256")));
    printf("rekey-ike %.2f\nrekey-child %.2f\n", ke[0] + keys + random + 2 * sealed, keymat + random + 2 * sealed);
    printf("rekey-child-pfs %.2f\n", ke[0] + keymat + random + 2 * sealed); /* two exchanges: the old one is deleted */
    return 0;
}
