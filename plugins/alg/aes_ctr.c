/* SPDX-License-Identifier: Apache-2.0 */
/* AES in counter mode: RFC 3686 (ESP), RFC 5930 (IKE). Counter block = nonce from the key material | explicit IV | 1. */
#include "suite/alg.h"

#include <openssl/evp.h>
#include <string.h>

enum { SALT_LEN = 4, IV_LEN = 8, BLOCK_LEN = 16 };

/* A context a thread and key size, made at its first use; every use brings its key anew. */
static EVP_CIPHER_CTX *ctr_ctx(const struct alg *a)
{
    static const char *const names[] = {"AES-128-CTR", "AES-192-CTR", "AES-256-CTR"};
    static _Thread_local EVP_CIPHER_CTX *cached[COUNT_OF(names)];
    unsigned i = a->key_bits / 64u - 2u;
    EVP_CIPHER *cipher;

    if (cached[i])
        return cached[i];
    cipher = EVP_CIPHER_fetch(NULL, names[i], NULL);
    cached[i] = cipher ? EVP_CIPHER_CTX_new() : NULL;
    if (cached[i] && EVP_CipherInit_ex2(cached[i], cipher, NULL, NULL, 1, NULL) != 1) {
        EVP_CIPHER_CTX_free(cached[i]);
        cached[i] = NULL;
    }
    EVP_CIPHER_free(cipher);
    return cached[i];
}

/* Sealing and opening are the same. */
static int ctr_run(const struct alg *a, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = ctr_ctx(a);
    uint8_t counter[BLOCK_LEN] = {[BLOCK_LEN - 1] = 1};
    int n = 0;

    (void)aad;
    if (!ctx || key.len != a->key_len || iv.len != IV_LEN || in.len > INT32_MAX)
        return ERR_CRYPTO;
    memcpy(counter, key.p + key.len - SALT_LEN, SALT_LEN);
    memcpy(counter + SALT_LEN, iv.p, IV_LEN);
    if (EVP_CipherInit_ex2(ctx, NULL, key.p, counter, 1, NULL) != 1)
        return ERR_CRYPTO;
    return in.len == 0 || EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.len) == 1 ? 0 : ERR_CRYPTO;
}

static const struct alg_cipher ctr_cipher = {.seal = ctr_run, .open = ctr_run};

static const struct alg_vector aes128ctr_vectors[] = {
    {.source = "RFC 3686 6 test vector 1",
     .key = "ae6852f8121067cc4bf7a5765577f39e00000030",
     .iv = "0000000000000000",
     .input = "53696e676c6520626c6f636b206d7367",
     .output = "e4095d4fb7a7b3792d6175a3261311b8"},
    {.source = "RFC 3686 6 test vector 2",
     .key = "7e24067817fae0d743d6ce1f32539163006cb6db",
     .iv = "c0543b59da48d90b",
     .input = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     .output = "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28"},
    {.source = "RFC 3686 6 test vector 3",
     .key = "7691be035e5020a8ac6e618529f9a0dc00e0017b",
     .iv = "27777f3f4a1786f0",
     .input = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223",
     .output = "c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef3105325b2072f"},
    {0},
};
static const struct alg_vector aes192ctr_vectors[] = {
    {.source = "RFC 3686 6 test vector 4",
     .key = "16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb7851500000048",
     .iv = "36733c147d6d93cb",
     .input = "53696e676c6520626c6f636b206d7367",
     .output = "4b55384fe259c9c84e7935a003cbe928"},
    {.source = "RFC 3686 6 test vector 5",
     .key = "7c5cb2401b3dc33c19e7340819e0f69c678c3db8e6f6a91a0096b03b",
     .iv = "020c6eadc2cb500d",
     .input = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     .output = "453243fc609b23327edfaafa7131cd9f8490701c5ad4a79cfc1fe0ff42f4fb00"},
    {.source = "RFC 3686 6 test vector 6",
     .key = "02bf391ee8ecb159b959617b0965279bf59b60a786d3e0fe0007bdfd",
     .iv = "5cbd60278dcc0912",
     .input = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223",
     .output = "96893fc55e5c722f540b7dd1ddf7e758d288bc95c69165884536c811662f2188abee0935"},
    {0},
};
static const struct alg_vector aes256ctr_vectors[] = {
    {.source = "RFC 3686 6 test vector 7",
     .key = "776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c10400000060",
     .iv = "db5672c97aa8f0b2",
     .input = "53696e676c6520626c6f636b206d7367",
     .output = "145ad01dbf824ec7560863dc71e3e0c0"},
    {.source = "RFC 3686 6 test vector 8",
     .key = "f6d66d6bd52d59bb0796365879eff886c66dd51a5b6a99744b50590c87a2388400faac24",
     .iv = "c1585ef15a43d875",
     .input = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     .output = "f05e231b3894612c49ee000b804eb2a9b8306b508f839d6a5530831d9344af1c"},
    {.source = "RFC 3686 6 test vector 9",
     .key = "ff7a617ce69148e4f1726e2f43581de2aa62d9f805532edff1eed687fb54153d001cc5b7",
     .iv = "51a51d70a1c11148",
     .input = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223",
     .output = "eb6c52821d0bbbf7ce7594462aca4faab407df866569fd07f48cc0b583d6071f1ec0e6b8"},
    {0},
};

#define CTR(bits)                                                                                                                \
    static const struct alg aes##bits##ctr = {                                                                                   \
        .type = TRANSFORM_ENCR,                                                                                                  \
        .id = 13,                                                                                                                \
        .key_bits = bits,                                                                                                        \
        .flags = ALG_IKE | ALG_ESP,                                                                                              \
        .name = "aes" #bits "ctr",                                                                                               \
        .iana = "ENCR_AES_CTR",                                                                                                  \
        .rfc = "RFC 3686, 5930",                                                                                                 \
        .key_len = bits / 8 + SALT_LEN,                                                                                          \
        .salt_len = SALT_LEN,                                                                                                    \
        .iv_len = IV_LEN,                                                                                                        \
        .block_len = 1,                                                                                                          \
        .xfrm_name = "rfc3686(ctr(aes))",                                                                                        \
        .cipher = &ctr_cipher,                                                                                                   \
        .vectors = aes##bits##ctr_vectors,                                                                                       \
    }

CTR(128);
CTR(192);
CTR(256);

extern const struct alg *const alg_aes_ctr[];
const struct alg *const alg_aes_ctr[] = {&aes256ctr, &aes128ctr, &aes192ctr, NULL};
