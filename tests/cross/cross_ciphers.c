/* SPDX-License-Identifier: Apache-2.0 */
/* Ciphers against the same modes built by hand on one-block AES and DES (SP 800-38A, C, D) and, for ChaCha20-Poly1305, on the
 * stream and the authenticator apart (RFC 8439 2.8). */
#include "tests/cross/cross.h"

#include <openssl/evp.h>

enum { BLOCK = 16, LEN_MAX = 200 };

/* One case: key with salt, IV, associated data, input; `out` is what the hand-made mode says. */
struct hand {
    const struct alg *alg;
    EVP_CIPHER_CTX *block;
    uint8_t key[40], iv[16], aad[48], in[LEN_MAX], out[LEN_MAX + 16], got[LEN_MAX + 16];
    size_t aad_len, len;
};

static EVP_CIPHER_CTX *block_new(const struct hand *h)
{
    const char *name = h->alg->key_bits == 128   ? "AES-128-ECB"
                       : h->alg->key_bits == 192 ? "AES-192-ECB"
                       : h->alg->key_bits == 256 ? "AES-256-ECB"
                                                 : "DES-EDE3-ECB";
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    assert_int_equal(EVP_EncryptInit_ex2(ctx, cipher, h->key, NULL, NULL), 1);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    EVP_CIPHER_free(cipher);
    return ctx;
}

static void block_run(struct hand *h, const uint8_t *in, uint8_t *out, int len)
{
    int n;

    assert_int_equal(EVP_EncryptUpdate(h->block, out, &n, in, len), 1);
    assert_int_equal(n, len);
}

static void cbc_hand(struct hand *h)
{
    size_t size = h->alg->block_len;
    uint8_t chain[BLOCK];

    memcpy(chain, h->iv, size);
    for (size_t at = 0; at < h->len; at += size) {
        for (size_t i = 0; i < size; i++)
            chain[i] ^= h->in[at + i];
        block_run(h, chain, chain, (int)size);
        memcpy(h->out + at, chain, size);
    }
}

/* A key stream from `counter` on, whose last 4 bytes count. */
static void ctr_hand(struct hand *h, uint8_t counter[BLOCK])
{
    uint8_t stream[BLOCK];

    for (size_t at = 0; at < h->len; at += BLOCK) {
        block_run(h, counter, stream, BLOCK);
        for (size_t i = 0; i < BLOCK && at + i < h->len; i++)
            h->out[at + i] = h->in[at + i] ^ stream[i];
        put_u32(counter + 12, get_u32(counter + 12) + 1);
    }
}

static void salted(const struct hand *h, uint8_t *out)
{
    memcpy(out, h->key + h->alg->key_len - h->alg->salt_len, h->alg->salt_len);
    memcpy(out + h->alg->salt_len, h->iv, h->alg->iv_len);
}

static void rfc3686_hand(struct hand *h)
{
    uint8_t counter[BLOCK] = {0};

    salted(h, counter);
    counter[15] = 1;
    ctr_hand(h, counter);
}

/* y = (y ^ block) * H in GF(2^128), bit by bit (SP 800-38D 6.3). */
static void ghash_block(uint8_t y[BLOCK], const uint8_t hash_key[BLOCK], const uint8_t *in, size_t len)
{
    uint8_t v[BLOCK], z[BLOCK] = {0};

    for (size_t i = 0; i < len; i++)
        y[i] ^= in[i];
    memcpy(v, hash_key, BLOCK);
    for (int bit = 0; bit < 128; bit++) {
        int low = v[15] & 1;

        if (y[bit / 8] >> (7 - bit % 8) & 1)
            for (int i = 0; i < BLOCK; i++)
                z[i] ^= v[i];
        for (int i = 15; i > 0; i--)
            v[i] = (uint8_t)(v[i] >> 1 | v[i - 1] << 7);
        v[0] = (uint8_t)(v[0] >> 1 ^ (low ? 0xe1 : 0));
    }
    memcpy(y, z, BLOCK);
}

static void ghash(uint8_t y[BLOCK], const uint8_t hash_key[BLOCK], const uint8_t *in, size_t len)
{
    for (size_t at = 0; at < len; at += BLOCK)
        ghash_block(y, hash_key, in + at, len - at < BLOCK ? len - at : BLOCK);
}

static void gcm_hand(struct hand *h)
{
    uint8_t hash_key[BLOCK] = {0}, counter[BLOCK] = {0}, mask[BLOCK], y[BLOCK] = {0}, lens[BLOCK];

    block_run(h, hash_key, hash_key, BLOCK);
    salted(h, counter);
    counter[15] = 1;
    block_run(h, counter, mask, BLOCK);
    counter[15] = 2;
    ctr_hand(h, counter);
    put_u64(lens, h->aad_len * 8);
    put_u64(lens + 8, h->len * 8);
    ghash(y, hash_key, h->aad, h->aad_len);
    ghash(y, hash_key, h->out, h->len);
    ghash(y, hash_key, lens, BLOCK);
    for (size_t i = 0; i < h->alg->icv_len; i++)
        h->out[h->len + i] = y[i] ^ mask[i];
}

static void mac_part(struct hand *h, uint8_t x[BLOCK], const uint8_t *in, size_t len)
{
    for (size_t at = 0; at < len; at += BLOCK) {
        for (size_t i = 0; i < BLOCK && at + i < len; i++)
            x[i] ^= in[at + i];
        block_run(h, x, x, BLOCK);
    }
}

/* RFC 3610 2, length field of 4 bytes. */
static void ccm_hand(struct hand *h)
{
    uint8_t x[BLOCK], first[BLOCK] = {0}, counter[BLOCK] = {3}, mask[BLOCK], aad[2 + sizeof(h->aad)];

    first[0] = (uint8_t)((h->aad_len ? 64 : 0) + 8 * ((h->alg->icv_len - 2) / 2) + 3);
    salted(h, first + 1);
    put_u32(first + 12, (uint32_t)h->len);
    block_run(h, first, x, BLOCK);
    put_u16(aad, (uint16_t)h->aad_len);
    memcpy(aad + 2, h->aad, h->aad_len);
    if (h->aad_len)
        mac_part(h, x, aad, h->aad_len + 2);
    mac_part(h, x, h->in, h->len);
    salted(h, counter + 1);
    block_run(h, counter, mask, BLOCK);
    counter[15] = 1;
    ctr_hand(h, counter);
    for (size_t i = 0; i < h->alg->icv_len; i++)
        h->out[h->len + i] = x[i] ^ mask[i];
}

static void chacha_run(const struct hand *h, uint32_t count, const uint8_t *in, uint8_t *out, size_t len)
{
    uint8_t iv[16] = {(uint8_t)count}; /* OpenSSL: counter in little endian | nonce */
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "ChaCha20", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    salted(h, iv + 4);
    assert_int_equal(EVP_EncryptInit_ex2(ctx, cipher, h->key, iv, NULL), 1);
    if (len)
        assert_int_equal(EVP_EncryptUpdate(ctx, out, &n, in, (int)len), 1);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
}

static void put_le64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static void chacha_hand(struct hand *h)
{
    static const uint8_t zero[32];
    uint8_t one_time[32], lens[16];
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "Poly1305", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    size_t n;

    chacha_run(h, 0, zero, one_time, 32);
    chacha_run(h, 1, h->in, h->out, h->len);
    put_le64(lens, h->aad_len);
    put_le64(lens + 8, h->len);
    assert_int_equal(EVP_MAC_init(ctx, one_time, 32, NULL), 1);
    EVP_MAC_update(ctx, h->aad, h->aad_len);
    EVP_MAC_update(ctx, zero, -h->aad_len % 16);
    EVP_MAC_update(ctx, h->out, h->len);
    EVP_MAC_update(ctx, zero, -h->len % 16);
    EVP_MAC_update(ctx, lens, 16);
    assert_int_equal(EVP_MAC_final(ctx, h->out + h->len, &n, 16), 1);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
}

static void hand_run(struct hand *h)
{
    switch (h->alg->id) {
    case 3:
    case 12:
        cbc_hand(h);
        break;
    case 13:
        rfc3686_hand(h);
        break;
    case 14:
    case 15:
    case 16:
        ccm_hand(h);
        break;
    case 18:
    case 19:
    case 20:
        gcm_hand(h);
        break;
    case 28:
        chacha_hand(h);
        break;
    default:
        fail_msg("%s has no counterpart here", h->alg->name);
    }
}

static void lengths_agree(struct hand *h, uint64_t *dice)
{
    const struct alg *a = h->alg;

    for (h->len = 0; h->len <= LEN_MAX; h->len += a->block_len) {
        struct span key = dice_span(dice, h->key, a->key_len), iv = dice_span(dice, h->iv, a->iv_len);
        struct span aad = dice_span(dice, h->aad, h->aad_len = h->len % 47), in = dice_span(dice, h->in, h->len);
        size_t sealed = h->len + a->icv_len;

        h->block = a->id == 28 ? NULL : block_new(h);
        hand_run(h);
        EVP_CIPHER_CTX_free(h->block);
        assert_int_equal(a->cipher->seal(a, key, iv, aad, in, h->got), 0);
        assert_memory_equal(h->got, h->out, sealed);
        assert_int_equal(a->cipher->open(a, key, iv, aad, span_of(h->out, sealed), h->out), 0);
        assert_memory_equal(h->out, h->in, h->len);
    }
}

static void modes_by_hand(void **state)
{
    const struct alg *a;
    uint64_t dice = 1;
    size_t done = 0;

    (void)state;
    for (size_t n = 0; (a = alg_at(&alg_registry, n)) != NULL; n++) {
        struct hand *h;

        if (a->type != TRANSFORM_ENCR || a->id == 11)
            continue;
        h = calloc(1, sizeof(*h));
        h->alg = a;
        lengths_agree(h, &dice);
        free(h);
        done++;
    }
    assert_int_equal(done, 26);
}

/* Contexts are kept between calls: algorithms that take turns do not disturb each other. */
static void turns(void **state)
{
    const struct alg *algs[] = {alg_must("aes128ccm8"),      alg_must("aes128ccm16"), alg_must("aes128gcm16"),
                                alg_must("aes128gcm8"),      alg_must("aes128"),      alg_must("aes128ctr"),
                                alg_must("chacha20poly1305")};
    uint8_t key[40], iv[16], text[32], sealed[COUNT_OF(algs)][48], got[48];
    uint64_t dice = 4;

    (void)state;
    dice_fill(&dice, key, sizeof(key));
    dice_fill(&dice, iv, sizeof(iv));
    dice_fill(&dice, text, sizeof(text));
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < COUNT_OF(algs); i++) {
            const struct alg *a = algs[i];
            struct span k = span_of(key, a->key_len), v = span_of(iv, a->iv_len), aad = span_of(key, 8);
            size_t len = sizeof(text) + a->icv_len;

            assert_int_equal(a->cipher->seal(a, k, v, aad, span_of(text, sizeof(text)), got), 0);
            if (round == 0)
                memcpy(sealed[i], got, len);
            assert_memory_equal(got, sealed[i], len);
            got[0] ^= 1;
            assert_int_equal(a->cipher->open(a, k, v, aad, span_of(got, len), got), a->icv_len ? ERR_CRYPTO : 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(modes_by_hand), cmocka_unit_test(turns)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
