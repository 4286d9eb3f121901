/* SPDX-License-Identifier: Apache-2.0 */
/* Curves: ours against OpenSSL's key objects; values that must be refused (RFC 6989 2.3, RFC 7748 6). */
#include "tests/cross/cross.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

enum { PUBLIC_MAX = 132, ROUNDS = 8 };

static const struct curve {
    const char *name, *openssl; /* NULL: one of Montgomery's, named as OpenSSL does */
    const char *p;              /* the prime of the field */
} curves[] = {
    {"ecp256", "P-256", "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"},
    {"ecp384", "P-384", "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff"},
    {"ecp521", "P-521",
     "01ff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
    {"brainpoolP224r1", "brainpoolP224r1", "d7c134aa264366862a18302575d1d787b09f075797da89f57ec8c0ff"},
    {"brainpoolP256r1", "brainpoolP256r1", "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377"},
    {"brainpoolP384r1", "brainpoolP384r1",
     "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53"},
    {"brainpoolP512r1", "brainpoolP512r1",
     "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa60"
     "56583a48f3"},
};

static EVP_PKEY *generate(const char *type, const char *group)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    if (group)
        assert_int_equal(EVP_PKEY_CTX_set_group_name(ctx, group), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* Encoded as OpenSSL has it: with a leading 4 for the curves with two coordinates. */
static void agree(EVP_PKEY *own, const uint8_t *peer_public, size_t peer_len, uint8_t *out, size_t len)
{
    EVP_PKEY *peer = EVP_PKEY_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);

    assert_int_equal(EVP_PKEY_copy_parameters(peer, own), 1);
    assert_int_equal(EVP_PKEY_set1_encoded_public_key(peer, peer_public, peer_len), 1);
    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
    assert_int_equal(EVP_PKEY_derive(ctx, out, &len), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
}

/* We generate and they generate; both derive; `head` bytes of their encoding are not ours. */
static void curve_agrees(const struct alg *a, const char *type, const char *group, size_t head)
{
    uint8_t mine[1 + PUBLIC_MAX] = {4}, expect[PUBLIC_MAX], *theirs = NULL;
    struct secret key = {0}, shared = {0};
    uint64_t dice = a->id;
    const struct rng rng = {dice_fill, &dice};

    for (int i = 0; i < ROUNDS; i++) {
        EVP_PKEY *peer = generate(type, group);
        size_t len = EVP_PKEY_get1_encoded_public_key(peer, &theirs);

        assert_int_equal(len, head + a->public_len);
        assert_int_equal(a->ke->generate(a, &rng, &key, mine + head), 0);
        assert_int_equal(a->ke->derive(a, secret_view(&key), span_of(theirs + head, len - head), &shared), 0);
        agree(peer, mine, head + a->public_len, expect, a->secret_len);
        assert_int_equal(shared.len, a->secret_len);
        assert_memory_equal(shared.p, expect, a->secret_len);
        assert_int_equal(alg_ke_both(a, &rng, span_of(theirs + head, len - head), mine + head, &shared), 0);
        agree(peer, mine, head + a->public_len, expect, a->secret_len);
        assert_memory_equal(shared.p, expect, a->secret_len);
        OPENSSL_free(theirs);
        EVP_PKEY_free(peer);
    }
    secret_done(&key);
    secret_done(&shared);
}

static void openssl_keys_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(curves); i++)
        curve_agrees(alg_must(curves[i].name), "EC", curves[i].openssl, 1);
    curve_agrees(alg_must("x25519"), "X25519", NULL, 0);
    curve_agrees(alg_must("x448"), "X448", NULL, 0);
}

static void refused(const struct alg *a, const struct secret *key, const uint8_t *value, size_t len)
{
    struct secret shared = {0};

    assert_int_equal(a->ke->derive(a, secret_view(key), span_of(value, len), &shared), ERR_CRYPTO);
    assert_null(shared.p);
}

/* x + p where that still fits the field's bytes is the same point for a lax reader. */
static void coordinate_plus_p(const struct alg *a, const struct secret *key, const uint8_t *mine, const char *p_hex)
{
    uint8_t value[PUBLIC_MAX], p[PUBLIC_MAX];
    int n = hex_parse(p_hex, p, sizeof(p));

    assert_int_equal(n, a->secret_len);
    memcpy(value, mine, a->public_len);
    for (int half = 0; half < 2; half++) {
        uint8_t *c = value + half * n;
        unsigned carry = 0;

        for (int i = n - 1; i >= 0; i--) {
            carry += (unsigned)c[i] + p[i];
            c[i] = (uint8_t)carry;
            carry >>= 8;
        }
        if (!carry)
            refused(a, key, value, a->public_len);
        memcpy(value, mine, a->public_len);
        memcpy(c, p, (size_t)n); /* p itself is 0 for a lax reader */
        refused(a, key, value, a->public_len);
        memcpy(value, mine, a->public_len);
    }
}

static void points_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(curves); i++) {
        const struct alg *a = alg_must(curves[i].name);
        uint8_t mine[PUBLIC_MAX], value[PUBLIC_MAX + 1] = {0};
        struct secret key = {0};
        uint64_t dice = 3;
        const struct rng rng = {dice_fill, &dice};

        assert_int_equal(a->ke->generate(a, &rng, &key, mine), 0);
        refused(a, &key, value, a->public_len); /* 0, 0 */
        memset(value, 0xff, sizeof(value));
        refused(a, &key, value, a->public_len);
        for (size_t at = 0; at < a->public_len; at++) { /* any bit turned leaves the curve */
            memcpy(value, mine, a->public_len);
            value[at] ^= (uint8_t)(1u << (at % 8));
            refused(a, &key, value, a->public_len);
        }
        memcpy(value, mine, a->public_len);
        refused(a, &key, value, a->public_len - 1u);
        refused(a, &key, value, a->public_len + 1u);
        refused(a, &key, value, a->secret_len); /* x alone */
        refused(a, &key, value, 0);
        coordinate_plus_p(a, &key, mine, curves[i].p);
        secret_done(&key);
    }
}

/* Points of small order lead to a secret of zeros, whoever the other is (RFC 7748 6): refused. */
static void small_orders_are_refused(void **state)
{
    static const char *const x25519[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    static const char *const x448[] = {
        "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
        "fefffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "00000000000000000000000000000000000000000000000000000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    const struct alg *algs[] = {alg_must("x25519"), alg_must("x448")};
    const char *const *lists[] = {x25519, x448};
    const size_t counts[] = {COUNT_OF(x25519), COUNT_OF(x448)};

    (void)state;
    for (size_t c = 0; c < 2; c++) {
        const struct alg *a = algs[c];
        uint8_t value[PUBLIC_MAX], mine[PUBLIC_MAX];
        struct secret key = {0};
        uint64_t dice = 9;
        const struct rng rng = {dice_fill, &dice};

        assert_int_equal(a->ke->generate(a, &rng, &key, mine), 0);
        for (size_t i = 0; i < counts[c]; i++) {
            assert_int_equal(hex_parse(lists[c][i], value, sizeof(value)), a->public_len);
            refused(a, &key, value, a->public_len);
        }
        refused(a, &key, mine, a->public_len - 1u);
        refused(a, &key, mine, a->public_len + 1u);
        refused(a, &key, mine, 0);
        secret_done(&key);
    }
}

/* The same bytes from the generator, the same key: the simulator replays exactly. */
static void generation_replays(void **state)
{
    const struct alg *a;

    (void)state;
    for (size_t n = 0; (a = alg_at(&alg_registry, n)) != NULL; n++) {
        uint64_t dice[2] = {77, 77};
        const struct rng rng[2] = {{dice_fill, &dice[0]}, {dice_fill, &dice[1]}};
        struct secret key[2] = {{0}, {0}};
        uint8_t *public_value;

        if (a->type != TRANSFORM_KE || a->public_len > 512)
            continue;
        public_value = malloc(2 * (size_t)a->public_len);
        for (int i = 0; i < 2; i++)
            assert_int_equal(a->ke->generate(a, &rng[i], &key[i], public_value + (size_t)i * a->public_len), 0);
        assert_memory_equal(public_value, public_value + a->public_len, a->public_len);
        assert_true(secret_equal(secret_view(&key[0]), secret_view(&key[1])));
        assert_int_equal(dice[0], dice[1]);
        secret_done(&key[0]);
        secret_done(&key[1]);
        free(public_value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_keys_agree),
        cmocka_unit_test(points_are_checked),
        cmocka_unit_test(small_orders_are_refused),
        cmocka_unit_test(generation_replays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
