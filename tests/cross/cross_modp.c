/* SPDX-License-Identifier: Apache-2.0 */
/* MODP three times: plugins/alg/modp.c (OpenSSL's numbers), modp_gmp.c (GMP's) and OpenSSL's own DH keys. */
#include "tests/cross/cross.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

extern const struct alg *const alg_modp[], *const alg_modp_gmp[];

enum { MODULUS_MAX = 1024, ROUNDS = 3 };

static const struct alg *gmp_of(const struct alg *a)
{
    for (const struct alg *const *g = alg_modp_gmp; *g; g++)
        if ((*g)->id == a->id)
            return *g;
    fail_msg("%s is not in modp_gmp.c", a->name);
    return NULL;
}

static void implementations_agree(void **state)
{
    (void)state;
    for (const struct alg *const *m = alg_modp; *m; m++) {
        const struct alg *a = *m, *b = gmp_of(a);
        uint8_t public_a[MODULUS_MAX], public_b[MODULUS_MAX];
        struct secret key_a = {0}, key_b = {0}, shared_a = {0}, shared_b = {0};
        uint64_t dice_a = a->id, dice_b = a->id;
        const struct rng rng_a = {dice_fill, &dice_a}, rng_b = {dice_fill, &dice_b};

        assert_int_equal(a->private_len, b->private_len);
        for (int i = 0; i < ROUNDS; i++) {
            assert_int_equal(a->ke->generate(a, &rng_a, &key_a, public_a), 0);
            assert_int_equal(b->ke->generate(b, &rng_b, &key_b, public_b), 0);
            assert_memory_equal(public_a, public_b, a->public_len);
            assert_true(secret_equal(secret_view(&key_a), secret_view(&key_b)));
            assert_int_equal(a->ke->generate(a, &rng_a, &key_a, public_a), 0); /* A's next against B's last */
            assert_int_equal(a->ke->derive(a, secret_view(&key_a), span_of(public_b, b->public_len), &shared_a), 0);
            assert_int_equal(b->ke->derive(b, secret_view(&key_b), span_of(public_a, a->public_len), &shared_b), 0);
            assert_int_equal(shared_a.len, a->secret_len);
            assert_true(secret_equal(secret_view(&shared_a), secret_view(&shared_b)));
            dice_b = dice_a;
        }
        secret_done(&key_a);
        secret_done(&key_b);
        secret_done(&shared_a);
        secret_done(&shared_b);
    }
}

/* A DH key of OpenSSL: exponent and public value, or the public value alone. */
static EVP_PKEY *dh_key(const char *group, struct span exponent, struct span public_value)
{
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *x = BN_bin2bn(exponent.p, (int)exponent.len, NULL), *y = BN_bin2bn(public_value.p, (int)public_value.len, NULL);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    OSSL_PARAM *params;
    EVP_PKEY *key = NULL;

    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PUB_KEY, y);
    if (exponent.len)
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, x);
    params = OSSL_PARAM_BLD_to_param(b);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    BN_free(x);
    BN_free(y);
    return key;
}

static void dh_agree(EVP_PKEY *own, EVP_PKEY *peer, uint8_t *out, size_t len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);

    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_dh_pad(ctx, 1), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
    assert_int_equal(EVP_PKEY_derive(ctx, out, &len), 1);
    EVP_PKEY_CTX_free(ctx);
}

static void openssl_dh_agrees(void **state)
{
    (void)state;
    for (const struct alg *const *m = alg_modp; *m; m++) {
        const struct alg *a = *m;
        uint8_t mine[MODULUS_MAX], peers[MODULUS_MAX], expect[MODULUS_MAX];
        struct secret key = {0}, peer_key = {0}, shared = {0};
        uint64_t dice = 100u + a->id;
        const struct rng rng = {dice_fill, &dice};
        char group[16];
        EVP_PKEY *own, *peer;

        if (a->id == 2)
            continue; /* OpenSSL has no name for MODP-1024 */
        snprintf(group, sizeof(group), "modp_%s", a->name + 4);
        assert_int_equal(a->ke->generate(a, &rng, &key, mine), 0);
        assert_int_equal(a->ke->generate(a, &rng, &peer_key, peers), 0);
        assert_int_equal(a->ke->derive(a, secret_view(&key), span_of(peers, a->public_len), &shared), 0);
        own = dh_key(group, secret_view(&key), span_of(mine, a->public_len));
        peer = dh_key(group, SPAN_NONE, span_of(peers, a->public_len));
        dh_agree(own, peer, expect, a->secret_len);
        assert_memory_equal(shared.p, expect, a->secret_len);
        EVP_PKEY_free(own);
        EVP_PKEY_free(peer);
        secret_done(&key);
        secret_done(&peer_key);
        secret_done(&shared);
    }
}

/* p as its low byte tells it: all these primes end in 64 bits of one. */
static void prime_get(const struct alg *a, uint8_t *out)
{
    BIGNUM *p = a->id == 2    ? BN_get_rfc2409_prime_1024(NULL)
                : a->id == 5  ? BN_get_rfc3526_prime_1536(NULL)
                : a->id == 14 ? BN_get_rfc3526_prime_2048(NULL)
                : a->id == 15 ? BN_get_rfc3526_prime_3072(NULL)
                : a->id == 16 ? BN_get_rfc3526_prime_4096(NULL)
                : a->id == 17 ? BN_get_rfc3526_prime_6144(NULL)
                              : BN_get_rfc3526_prime_8192(NULL);

    assert_int_equal(BN_bn2binpad(p, out, a->public_len), a->public_len);
    BN_free(p);
}

static void bad_values(const struct alg *a)
{
    uint8_t value[MODULUS_MAX + 1] = {0}, mine[MODULUS_MAX];
    struct secret key = {0}, shared = {0};
    uint64_t dice = 5;
    const struct rng rng = {dice_fill, &dice};
    const struct span v = span_of(value, a->public_len);
    uint8_t *last = &value[a->public_len - 1];

    assert_int_equal(a->ke->generate(a, &rng, &key, mine), 0);
    for (*last = 0; *last < 4; ++*last) /* 0 and 1 no, 2 and 3 yes (RFC 6989 2.1) */
        assert_int_equal(a->ke->derive(a, secret_view(&key), v, &shared), *last < 2 ? ERR_CRYPTO : 0);
    prime_get(a, value);
    assert_int_equal(a->ke->derive(a, secret_view(&key), v, &shared), ERR_CRYPTO); /* p */
    *last = 0xfe;
    assert_int_equal(a->ke->derive(a, secret_view(&key), v, &shared), ERR_CRYPTO); /* p - 1 */
    *last = 0xfd;
    assert_int_equal(a->ke->derive(a, secret_view(&key), v, &shared), 0); /* p - 2 */
    memset(value, 0xff, a->public_len);
    assert_int_equal(a->ke->derive(a, secret_view(&key), v, &shared), ERR_CRYPTO); /* above p */
    for (int d = -1; d <= 1; d += 2)
        assert_int_equal(a->ke->derive(a, secret_view(&key), span_of(mine, (size_t)((int)a->public_len + d)), &shared),
                         ERR_CRYPTO);
    assert_int_equal(a->ke->derive(a, secret_view(&key), SPAN_NONE, &shared), ERR_CRYPTO);
    assert_int_equal(a->ke->derive(a, span_of(key.p, key.len - 1), span_of(mine, a->public_len), &shared), ERR_CRYPTO);
    secret_done(&key);
    secret_done(&shared);
}

static void bad_values_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; alg_modp[i]; i++) {
        bad_values(alg_modp[i]);
        bad_values(alg_modp_gmp[i]);
    }
}

/* What is in use is OpenSSL's. */
static void the_first_is_found(void **state)
{
    (void)state;
    for (const struct alg *const *m = alg_modp; *m; m++) {
        assert_ptr_equal(alg_find(&alg_registry, TRANSFORM_KE, (*m)->id, 0), *m);
        assert_ptr_equal(alg_by_name(&alg_registry, (*m)->name), *m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(implementations_agree),
        cmocka_unit_test(openssl_dh_agrees),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(the_first_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
