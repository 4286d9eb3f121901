/* SPDX-License-Identifier: Apache-2.0 */
/* What every descriptor must say, and how descriptors are found. */
#include "suite/alg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

extern const struct alg_registry alg_registry;

static void check_cipher(const struct alg *a)
{
    assert_non_null(a->cipher);
    assert_true(a->flags & (ALG_IKE | ALG_ESP));
    assert_true(a->block_len >= 1);
    assert_int_equal(!!(a->flags & ALG_AEAD), a->icv_len > 0);
    assert_true(a->key_bits == 0 || a->key_len == a->key_bits / 8 + a->salt_len);
    assert_true(!(a->flags & ALG_AEAD) || a->icv_len == 8 || a->icv_len == 12 || a->icv_len == 16);
}

static void check_mac(const struct alg *a)
{
    assert_non_null(a->mac);
    assert_int_equal(a->key_bits, 0);
    assert_true(a->key_len >= 16 && a->key_len <= 64);
    assert_true(a->type == TRANSFORM_PRF ? a->out_len == a->key_len : a->icv_len >= 12 && a->icv_len <= a->key_len);
}

static void check_ke(const struct alg *a)
{
    assert_non_null(a->ke);
    assert_int_equal(a->key_bits, 0);
    assert_true(a->id != KE_NONE);
    assert_true(a->public_len && a->private_len && a->secret_len);
}

static void descriptors_are_whole(void **state)
{
    const struct alg *a;

    (void)state;
    for (size_t n = 0; (a = alg_at(&alg_registry, n)) != NULL; n++) {
        assert_true(strlen(a->name) > 1 && strlen(a->name) < 32);
        assert_non_null(a->rfc);
        if (a->type == TRANSFORM_NONE) { /* not negotiated: no word of a proposal may reach it */
            assert_non_null(strchr(a->name, '-'));
            continue;
        }
        assert_null(strpbrk(a->name, "- \t,"));
        assert_true(!a->alias || !strpbrk(a->alias, "- \t,"));
        assert_non_null(transform_name(a->type, a->id));
        assert_string_equal(a->iana, transform_name(a->type, a->id));
        assert_false(a->flags & ALG_DEFAULT && a->flags & ALG_LEGACY);
        if (a->type == TRANSFORM_ENCR)
            check_cipher(a);
        else if (a->type == TRANSFORM_KE)
            check_ke(a);
        else
            check_mac(a);
        if (a->type == TRANSFORM_ENCR || a->type == TRANSFORM_INTEG)
            assert_int_equal(!!(a->flags & ALG_ESP), a->xfrm_name != NULL);
    }
}

static bool same_word(const char *a, const char *b)
{
    return a && b && strcasecmp(a, b) == 0;
}

/* No word stands for two things. */
static void words_are_unique(void **state)
{
    const struct alg *a, *b;

    (void)state;
    for (size_t i = 0; (a = alg_at(&alg_registry, i)) != NULL; i++)
        for (size_t j = 0; (b = alg_at(&alg_registry, j)) != NULL; j++) {
            if (a->type == b->type && a->id == b->id && a->key_bits == b->key_bits)
                continue;
            if (same_word(a->name, b->name) || same_word(a->name, b->alias) || same_word(a->alias, b->alias))
                fail_msg("%s and %s share a word", a->name, b->name);
        }
}

static void found_by_word(void **state)
{
    static const char *const words[][2] = {
        {"aes256gcm16", "aes256gcm16"},
        {"AES256GCM16", "aes256gcm16"},
        {"aes128ccm128", "aes128ccm16"},
        {"curve25519", "x25519"},
        {"Curve448", "x448"},
        {"ECP256BP", "brainpoolP256r1"},
        {"brainpoolp512r1", "brainpoolP512r1"},
        {"aes", "aes128"},
        {"sha2_256", "sha256"},
        {"dh14", "modp2048"},
        {"prfaescmac", "prfaescmac"},
        {"3DES", "3des"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        const struct alg *a = alg_by_name(&alg_registry, words[i][0]);

        assert_non_null(a);
        assert_string_equal(a->name, words[i][1]);
    }
    assert_null(alg_by_name(&alg_registry, ""));
    assert_null(alg_by_name(&alg_registry, "des"));
    assert_null(alg_by_name(&alg_registry, "md5"));
    assert_null(alg_by_name(&alg_registry, "aes256gcm16 "));
}

static void found_by_number(void **state)
{
    (void)state;
    assert_string_equal(alg_find(&alg_registry, TRANSFORM_ENCR, 20, 256)->name, "aes256gcm16");
    assert_null(alg_find(&alg_registry, TRANSFORM_ENCR, 20, 0)); /* three sizes, none asked for */
    assert_null(alg_find(&alg_registry, TRANSFORM_ENCR, 20, 64));
    assert_string_equal(alg_find(&alg_registry, TRANSFORM_ENCR, 28, 0)->name, "chacha20poly1305");
    assert_null(alg_find(&alg_registry, TRANSFORM_ENCR, 28, 256));
    assert_string_equal(alg_find(&alg_registry, TRANSFORM_KE, 14, 0)->name, "modp2048");
    assert_null(alg_find(&alg_registry, TRANSFORM_KE, 0, 0));
    assert_null(alg_find(&alg_registry, TRANSFORM_ENCR, 2, 0));  /* DES is not built */
    assert_null(alg_find(&alg_registry, TRANSFORM_INTEG, 1, 0)); /* nor MD5 */
    assert_null(alg_find(&alg_registry, 9, 1, 0));
    assert_false(alg_find(&alg_registry, TRANSFORM_ENCR, 11, 0)->flags & ALG_IKE); /* NULL never protects IKE */
}

static void only_weak_ones_are_legacy(void **state)
{
    static const char *const weak[] = {"3des", "null", "prfsha1", "sha1", "modp1536", "modp1024", "brainpoolP224r1"};
    const struct alg *a;

    (void)state;
    for (size_t n = 0; (a = alg_at(&alg_registry, n)) != NULL; n++) {
        bool listed = false;

        for (size_t i = 0; i < COUNT_OF(weak); i++)
            listed |= strcmp(weak[i], a->name) == 0;
        assert_int_equal(listed, !!(a->flags & ALG_LEGACY));
    }
}

static void names_of_numbers(void **state)
{
    (void)state;
    assert_string_equal(transform_name(TRANSFORM_ENCR, 2), "ENCR_DES");
    assert_string_equal(transform_name(TRANSFORM_KE, 37), "ML_KEM_1024");
    assert_null(transform_name(TRANSFORM_ENCR, 10));
    assert_null(transform_name(TRANSFORM_ENCR, 65535));
    assert_null(transform_name(0, 0));
    assert_null(transform_name(255, 0));
    assert_string_equal(transform_type_name(TRANSFORM_ESN), "ESN");
    assert_string_equal(transform_type_name(0), "unknown");
    assert_string_equal(transform_type_name(255), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_whole), cmocka_unit_test(words_are_unique),          cmocka_unit_test(found_by_word),
        cmocka_unit_test(found_by_number),       cmocka_unit_test(only_weak_ones_are_legacy), cmocka_unit_test(names_of_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
