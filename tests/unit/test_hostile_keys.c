/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and public values that have broken others: RSA keys with next to no modulus, key exchange values that are 0, or of a wrong
 * length. */
#include "pki.h"
#include "suite/proposal.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

extern const struct alg_registry alg_registry;

static EVP_PKEY *rsa_of(uint64_t modulus, uint64_t exponent)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_new(), *e = BN_new();
    OSSL_PARAM *params;
    EVP_PKEY *key = NULL;

    BN_set_word(n, modulus);
    BN_set_word(e, exponent);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
    params = OSSL_PARAM_BLD_to_param(build);
    if (EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* A certificate over such a key, rightly signed: refused, with a sentence, by whoever looks at it. */
static void tiny_rsa_moduli(void **state)
{
    static const uint64_t moduli[] = {0, 1, 2, 3, 15, 255, 256, 65535, 0xfffffffb, 0xffffffffffffffc5};
    EVP_PKEY *ca = pki_key("ED25519");

    (void)state;
    for (size_t i = 0; i < COUNT_OF(moduli); i++)
        for (uint64_t e = 0; e < 4; e++) {
            EVP_PKEY *key = rsa_of(moduli[i], e == 3 ? 65537 : e);
            char words[300];
            struct text why = text_in(words, sizeof(words));
            struct cert_window window;
            X509 *x;

            if (!key)
                continue; /* the library makes no such key */
            assert_int_equal(cert_key_kind(key, &why), KEY_REFUSED);
            assert_true(why.len > 0);
            x = pki_cert(&(struct pki_spec){.subject = "CN=tiny", .serial = 7}, key, NULL, ca);
            why = text_in(words, sizeof(words));
            assert_int_not_equal(cert_check_alone(x, PKI_NOW, &window, &why), 0);
            assert_true(why.len > 0);
            cert_free(x);
            EVP_PKEY_free(key);
        }
    EVP_PKEY_free(ca);
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 0x5a, len);
}

static void refused(const struct alg *a, struct span mine, struct span theirs, const char *what)
{
    const struct rng rng = {fill, NULL};
    struct secret shared = {0};
    uint8_t own[1100];

    if (a->ke->derive(a, mine, theirs, &shared) == 0 || shared.p)
        fail_msg("%s takes %s", a->name, what);
    if (alg_ke_both(a, &rng, theirs, own, &shared) == 0 || shared.p)
        fail_msg("%s takes %s from an initiator", a->name, what);
}

/* Every group: g^x = 0, 1 and of all ones (no point, or at least the modulus), one byte short, one byte long, nothing. */
static void public_values_that_are_none(void **state)
{
    const struct rng rng = {fill, NULL};
    const struct alg *a;
    unsigned groups = 0;

    (void)state;
    for (size_t i = 0; (a = alg_at(&alg_registry, i)); i++) {
        struct secret mine = {0};
        uint8_t value[1100] = {0}, good[1100];

        if (a->type != TRANSFORM_KE || !a->ke)
            continue;
        groups++;
        assert_true(a->public_len < sizeof(value));
        assert_int_equal(a->ke->generate(a, &rng, &mine, good), 0);
        refused(a, secret_view(&mine), span_of(value, a->public_len), "a value of zeros");
        refused(a, secret_view(&mine), SPAN_NONE, "nothing");
        refused(a, secret_view(&mine), span_of(good, a->public_len - 1u), "a value that is too short");
        refused(a, secret_view(&mine), span_of(good, a->public_len + 1u), "a value that is too long");
        if (a->public_len != 32 && a->public_len != 56) { /* curves of RFC 7748 take any point but those of small order */
            memset(value, 0xff, a->public_len);
            refused(a, secret_view(&mine), span_of(value, a->public_len), "a value of ones");
            memset(value, 0, a->public_len);
            value[a->public_len - 1] = 1;
            refused(a, secret_view(&mine), span_of(value, a->public_len), "the value 1");
        }
        secret_done(&mine);
    }
    assert_true(groups >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_rsa_moduli),
        cmocka_unit_test(public_values_that_are_none),
    };

    return cmocka_run_group_tests_name("hostile keys", tests, NULL, NULL);
}
