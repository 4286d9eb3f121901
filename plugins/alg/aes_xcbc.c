/* SPDX-License-Identifier: Apache-2.0 */
/* AES-XCBC as PRF (RFC 4434) and, cut to 96 bits, as integrity check (RFC 3566). OpenSSL has no XCBC: it is built on one-block
 * AES. */
#include "suite/alg.h"

#include <openssl/evp.h>
#include <string.h>

enum { BLOCK = 16 };

/* The chain so far, and the last bytes, held back because the last block is treated otherwise (RFC 3566 4.1). */
struct xcbc {
    EVP_CIPHER_CTX *aes; /* keyed with K1 */
    uint8_t k2[BLOCK], k3[BLOCK], chain[BLOCK], held[BLOCK];
    size_t n_held;
    bool failed;
};

/* A context a thread, made at its first use. */
static EVP_CIPHER_CTX *aes_ctx(void)
{
    static _Thread_local EVP_CIPHER_CTX *cached;
    EVP_CIPHER *cipher;

    if (cached)
        return cached;
    cipher = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
    cached = cipher ? EVP_CIPHER_CTX_new() : NULL;
    if (cached && EVP_CipherInit_ex2(cached, cipher, NULL, NULL, 1, NULL) != 1) {
        EVP_CIPHER_CTX_free(cached);
        cached = NULL;
    }
    EVP_CIPHER_free(cipher);
    return cached;
}

static bool aes_key(EVP_CIPHER_CTX *aes, const uint8_t key[BLOCK])
{
    return aes && EVP_CipherInit_ex2(aes, NULL, key, NULL, 1, NULL) == 1 && EVP_CIPHER_CTX_set_padding(aes, 0) == 1;
}

static void block_encrypt(struct xcbc *x, uint8_t block[BLOCK])
{
    int n = 0;

    if (EVP_CipherUpdate(x->aes, block, &n, block, BLOCK) != 1 || n != BLOCK)
        x->failed = true;
}

static void block_xor(uint8_t to[BLOCK], const uint8_t with[BLOCK])
{
    for (size_t i = 0; i < BLOCK; i++)
        to[i] ^= with[i];
}

/* K1, K2, K3 = the blocks 01..., 02..., 03... under K. */
static void xcbc_start(struct xcbc *x, const uint8_t key[BLOCK])
{
    uint8_t k1[BLOCK];

    *x = (struct xcbc){.aes = aes_ctx()};
    if (!aes_key(x->aes, key)) {
        x->failed = true;
        return;
    }
    memset(k1, 1, BLOCK);
    memset(x->k2, 2, BLOCK);
    memset(x->k3, 3, BLOCK);
    block_encrypt(x, k1);
    block_encrypt(x, x->k2);
    block_encrypt(x, x->k3);
    if (!aes_key(x->aes, k1))
        x->failed = true;
    secret_wipe(k1, sizeof(k1));
}

static void xcbc_update(struct xcbc *x, struct span s)
{
    while (s.len && !x->failed) {
        size_t n = s.len < BLOCK - x->n_held ? s.len : BLOCK - x->n_held;

        if (n == 0) { /* a full block, and more follows: it was not the last */
            block_xor(x->chain, x->held);
            block_encrypt(x, x->chain);
            x->n_held = 0;
            continue;
        }
        memcpy(x->held + x->n_held, s.p, n);
        x->n_held += n;
        s = span_part(s, n, s.len);
    }
}

static int xcbc_finish(struct xcbc *x, uint8_t *out, size_t len)
{
    bool full = x->n_held == BLOCK;

    if (!full) {
        memset(x->held + x->n_held, 0, BLOCK - x->n_held);
        x->held[x->n_held] = 0x80;
    }
    if (!x->failed) {
        block_xor(x->chain, x->held);
        block_xor(x->chain, full ? x->k2 : x->k3);
        block_encrypt(x, x->chain);
    }
    if (!x->failed)
        memcpy(out, x->chain, len);
    full = x->failed;
    secret_wipe(x, sizeof(*x));
    return full ? ERR_CRYPTO : 0;
}

/* RFC 4434 2: a short key is padded with zeros, a long one is made short by XCBC itself under the zero key. */
static int key_fit(struct span key, uint8_t out[BLOCK])
{
    struct xcbc x;

    memset(out, 0, BLOCK);
    if (key.len <= BLOCK) {
        if (key.len)
            memcpy(out, key.p, key.len);
        return 0;
    }
    xcbc_start(&x, out);
    xcbc_update(&x, key);
    return xcbc_finish(&x, out, BLOCK);
}

static int xcbc(const struct alg *a, struct span key, const struct span *parts, size_t n_parts, uint8_t *out)
{
    bool prf = a->type == TRANSFORM_PRF;
    uint8_t fit[BLOCK];
    struct xcbc x;

    if ((!prf && key.len != BLOCK) || key_fit(key, fit) < 0)
        return ERR_CRYPTO;
    xcbc_start(&x, fit);
    secret_wipe(fit, sizeof(fit));
    for (size_t i = 0; i < n_parts; i++)
        xcbc_update(&x, parts[i]);
    return xcbc_finish(&x, out, prf ? a->out_len : a->icv_len);
}

static const struct alg_mac xcbc_mac = {.mac = xcbc};

static const struct alg_vector prfaesxcbc_vectors[] = {
    {.source = "RFC 3566 4.6 test case 1, not cut",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "",
     .output = "75f0251d528ac01c4573dfd584d79f29"},
    {.source = "RFC 3566 4.6 test case 2, not cut",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102",
     .output = "5b376580ae2f19afe7219ceef172756f"},
    {.source = "RFC 3566 4.6 test case 3, not cut",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102030405060708090a0b0c0d0e0f",
     .output = "d2a246fa349b68a79998a4394ff7a263"},
    {.source = "RFC 3566 4.6 test case 4, not cut",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102030405060708090a0b0c0d0e0f10111213",
     .output = "47f51b4564966215b8985c63055ed308"},
    {.source = "RFC 3566 4.6 test case 5, not cut",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     .output = "f54f0ec8d2b9f3d36807734bd5283fd4"},
    {.source = "RFC 3566 4.6 test case 6, not cut",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021",
     .output = "becbb3bccdb518a30677d5481fb6b4d8"},
    {.source = "RFC 4434 2.1 test case 1",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102030405060708090a0b0c0d0e0f10111213",
     .output = "47f51b4564966215b8985c63055ed308"},
    {.source = "RFC 4434 2.1 test case 2",
     .key = "00010203040506070809",
     .input = "000102030405060708090a0b0c0d0e0f10111213",
     .output = "0fa087af7d866e7653434e602fdde835"},
    {.source = "RFC 4434 2.1 test case 3",
     .key = "000102030405060708090a0b0c0d0e0fedcb",
     .input = "000102030405060708090a0b0c0d0e0f10111213",
     .output = "8cd3c93ae598a9803006ffb67c40e9e4"},
    {0},
};
static const struct alg_vector aesxcbc_vectors[] = {
    {.source = "RFC 3566 4.6 test case 1",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "",
     .output = "75f0251d528ac01c4573dfd5"},
    {.source = "RFC 3566 4.6 test case 2",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102",
     .output = "5b376580ae2f19afe7219cee"},
    {.source = "RFC 3566 4.6 test case 3",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102030405060708090a0b0c0d0e0f",
     .output = "d2a246fa349b68a79998a439"},
    {.source = "RFC 3566 4.6 test case 4",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102030405060708090a0b0c0d0e0f10111213",
     .output = "47f51b4564966215b8985c63"},
    {.source = "RFC 3566 4.6 test case 5",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     .output = "f54f0ec8d2b9f3d36807734b"},
    {.source = "RFC 3566 4.6 test case 6",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021",
     .output = "becbb3bccdb518a30677d548"},
    {0},
};

static const struct alg prfaesxcbc = {
    .type = TRANSFORM_PRF,
    .id = 4,
    .flags = ALG_IKE,
    .name = "prfaesxcbc",
    .iana = "PRF_AES128_XCBC",
    .rfc = "RFC 4434",
    .key_len = BLOCK,
    .out_len = BLOCK,
    .mac = &xcbc_mac,
    .vectors = prfaesxcbc_vectors,
};
static const struct alg aesxcbc = {
    .type = TRANSFORM_INTEG,
    .id = 5,
    .flags = ALG_IKE | ALG_ESP,
    .name = "aesxcbc",
    .iana = "AUTH_AES_XCBC_96",
    .rfc = "RFC 3566",
    .key_len = BLOCK,
    .icv_len = 12,
    .xfrm_name = "xcbc(aes)",
    .mac = &xcbc_mac,
    .vectors = aesxcbc_vectors,
};

extern const struct alg *const alg_aes_xcbc[];
const struct alg *const alg_aes_xcbc[] = {&prfaesxcbc, &aesxcbc, NULL};
