/* SPDX-License-Identifier: Apache-2.0 */
/* PRFs and integrity checks against their definitions: HMAC on a bare hash (RFC 2104), CMAC (RFC 4493) and XCBC (RFC 3566) on a
 * CBC of the whole padded message. */
#include "tests/cross/cross.h"

#include <openssl/evp.h>

enum { BLOCK = 16, LEN_MAX = 300, KEY_MAX = 200 };

static void hash(const char *name, const struct span *parts, size_t n, uint8_t *out)
{
    EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned len;

    assert_int_equal(EVP_DigestInit_ex2(ctx, md, NULL), 1);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(EVP_DigestUpdate(ctx, parts[i].p, parts[i].len), 1);
    assert_int_equal(EVP_DigestFinal_ex(ctx, out, &len), 1);
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(md);
}

static void hmac_hand(const char *name, size_t block, size_t out_len, struct span key, struct span in, uint8_t *out)
{
    uint8_t pad[128] = {0}, inner[64], short_key[64];
    struct span first[] = {span_of(pad, block), in}, second[] = {span_of(pad, block), span_of(inner, out_len)};

    if (key.len > block) {
        hash(name, &key, 1, short_key);
        key = span_of(short_key, out_len);
    }
    memcpy(pad, key.p, key.len);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36;
    hash(name, first, 2, inner);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    hash(name, second, 2, out);
}

static void aes(const uint8_t key[BLOCK], const uint8_t *in, uint8_t *out, size_t len, bool cbc)
{
    static const uint8_t zero[BLOCK];
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, cbc ? "AES-128-CBC" : "AES-128-ECB", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    assert_int_equal(EVP_EncryptInit_ex2(ctx, cipher, key, cbc ? zero : NULL, NULL), 1);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    assert_int_equal(EVP_EncryptUpdate(ctx, out, &n, in, (int)len), 1);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
}

/* The message, padded with 1 0..0 if its last block is not full, that block xored with one of two keys; the last block of its
 * CBC is the code. XCBC and CMAC differ in the keys alone. */
static void cbc_mac(const uint8_t key[BLOCK], const uint8_t full[BLOCK], const uint8_t part[BLOCK], struct span in,
                    uint8_t out[BLOCK])
{
    uint8_t m[LEN_MAX + 2 * BLOCK] = {0}, c[LEN_MAX + 2 * BLOCK];
    size_t len = in.len ? (in.len + BLOCK - 1) / BLOCK * BLOCK : BLOCK;
    const uint8_t *last = in.len == len ? full : part;

    memcpy(m, in.p, in.len);
    if (in.len < len)
        m[in.len] = 0x80;
    for (size_t i = 0; i < BLOCK; i++)
        m[len - BLOCK + i] ^= last[i];
    aes(key, m, c, len, true);
    memcpy(out, c + len - BLOCK, BLOCK);
}

static void xcbc_hand(const uint8_t key[BLOCK], struct span in, uint8_t out[BLOCK])
{
    uint8_t k[3][BLOCK];

    for (int i = 0; i < 3; i++) {
        memset(k[i], i + 1, BLOCK);
        aes(key, k[i], k[i], BLOCK, false);
    }
    cbc_mac(k[0], k[1], k[2], in, out);
}

/* Doubling in GF(2^128) (RFC 4493 2.3) */
static void doubled(uint8_t to[BLOCK], const uint8_t from[BLOCK])
{
    uint8_t high = from[0] >> 7;

    for (int i = 0; i < BLOCK - 1; i++)
        to[i] = (uint8_t)(from[i] << 1 | from[i + 1] >> 7);
    to[BLOCK - 1] = (uint8_t)(from[BLOCK - 1] << 1 ^ (high ? 0x87 : 0));
}

static void cmac_hand(const uint8_t key[BLOCK], struct span in, uint8_t out[BLOCK])
{
    uint8_t l[BLOCK] = {0}, k1[BLOCK], k2[BLOCK];

    aes(key, l, l, BLOCK, false);
    doubled(k1, l);
    doubled(k2, k1);
    cbc_mac(key, k1, k2, in, out);
}

/* Keys of other lengths: RFC 4434 2, RFC 4615 3. */
static void aes_mac_hand(const struct alg *a, struct span key, struct span in, uint8_t out[BLOCK])
{
    bool xcbc = strstr(a->name, "xcbc") != NULL;
    void (*mac)(const uint8_t *, struct span, uint8_t *) = xcbc ? xcbc_hand : cmac_hand;
    uint8_t fit[BLOCK] = {0};

    if (key.len == BLOCK || (xcbc && key.len < BLOCK))
        memcpy(fit, key.p, key.len);
    else
        mac((const uint8_t[BLOCK]){0}, key, fit);
    mac(fit, in, out);
}

static void hand(const struct alg *a, struct span key, struct span in, uint8_t *out)
{
    if (strstr(a->name, "sha1"))
        hmac_hand("SHA1", 64, 20, key, in, out);
    else if (strstr(a->name, "sha256"))
        hmac_hand("SHA256", 64, 32, key, in, out);
    else if (strstr(a->name, "sha384"))
        hmac_hand("SHA384", 128, 48, key, in, out);
    else if (strstr(a->name, "sha512"))
        hmac_hand("SHA512", 128, 64, key, in, out);
    else
        aes_mac_hand(a, key, in, out);
}

static void one_agrees(const struct alg *a, size_t key_len, size_t len, uint64_t *dice)
{
    uint8_t key_bytes[KEY_MAX], in_bytes[LEN_MAX], expect[64], got[64];
    struct span key = dice_span(dice, key_bytes, key_len), in = dice_span(dice, in_bytes, len);
    struct span parts[] = {span_part(in, 0, len / 3), span_part(in, len / 3, len / 2), span_part(in, len / 3 + len / 2, len)};

    hand(a, key, in, expect);
    assert_int_equal(a->mac->mac(a, key, parts, COUNT_OF(parts), got), 0);
    assert_memory_equal(got, expect, a->type == TRANSFORM_PRF ? a->out_len : a->icv_len);
}

static void definitions(void **state)
{
    const struct alg *a;
    uint64_t dice = 1;
    size_t done = 0;

    (void)state;
    for (size_t n = 0; (a = alg_at(&alg_registry, n)) != NULL; n++) {
        if (a->type != TRANSFORM_PRF && a->type != TRANSFORM_INTEG)
            continue;
        for (size_t len = 0; len <= LEN_MAX; len += len < 70 ? 1 : 23)
            one_agrees(a, a->key_len, len, &dice);
        for (size_t key_len = 1; key_len <= KEY_MAX && a->type == TRANSFORM_PRF; key_len++)
            one_agrees(a, key_len, 50, &dice);
        done++;
    }
    assert_int_equal(done, 12);
}

/* The integrity algorithms take their one key length. */
static void other_keys_are_refused(void **state)
{
    static const uint8_t key[KEY_MAX];
    const struct alg *a;
    uint8_t out[64];
    struct span in = span_of(key, 20);

    (void)state;
    for (size_t n = 0; (a = alg_at(&alg_registry, n)) != NULL; n++)
        if (a->type == TRANSFORM_INTEG)
            for (size_t len = 0; len < 80; len++)
                assert_int_equal(a->mac->mac(a, span_of(key, len), &in, 1, out), len == a->key_len ? 0 : ERR_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(definitions), cmocka_unit_test(other_keys_are_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
