/* SPDX-License-Identifier: Apache-2.0 */
/* CBC without any padding of its own: AES (RFC 3602) and 3DES (RFC 2451, only where it is named). */
#include "suite/alg.h"

#include <openssl/evp.h>

/* A context a thread and cipher, made at its first use; every use brings its key anew. */
static EVP_CIPHER_CTX *cbc_ctx(const struct alg *a)
{
    static const char *const names[] = {"DES-EDE3-CBC", "AES-128-CBC", "AES-192-CBC", "AES-256-CBC"};
    static _Thread_local EVP_CIPHER_CTX *cached[COUNT_OF(names)];
    unsigned i = a->key_bits ? a->key_bits / 64u - 1u : 0; /* 3DES has no Key Length */
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

static int cbc_run(const struct alg *a, struct span key, struct span iv, struct span in, uint8_t *out, int sealing)
{
    EVP_CIPHER_CTX *ctx = cbc_ctx(a);
    int n = 0, rest = 0;

    if (!ctx || key.len != a->key_len || iv.len != a->iv_len || in.len % a->block_len || in.len > INT32_MAX)
        return ERR_CRYPTO;
    if (EVP_CipherInit_ex2(ctx, NULL, key.p, iv.p, sealing, NULL) != 1 || EVP_CIPHER_CTX_set_padding(ctx, 0) != 1)
        return ERR_CRYPTO;
    if (in.len && EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.len) != 1)
        return ERR_CRYPTO;
    return EVP_CipherFinal_ex(ctx, out + n, &rest) == 1 && (size_t)n + (size_t)rest == in.len ? 0 : ERR_CRYPTO;
}

static int cbc_seal(const struct alg *a, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out)
{
    (void)aad;
    return cbc_run(a, key, iv, in, out, 1);
}

static int cbc_open(const struct alg *a, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out)
{
    (void)aad;
    return cbc_run(a, key, iv, in, out, 0);
}

static const struct alg_cipher cbc_cipher = {.seal = cbc_seal, .open = cbc_open};

static const struct alg_vector aes128_vectors[] = {
    {.source = "RFC 3602 4 case 1",
     .key = "06a9214036b8a15b512e03d534120006",
     .iv = "3dafba429d9eb430b422da802c9fac41",
     .input = "53696e676c6520626c6f636b206d7367",
     .output = "e353779c1079aeb82708942dbe77181a"},
    {.source = "RFC 3602 4 case 2",
     .key = "c286696d887c9aa0611bbb3e2025a45a",
     .iv = "562e17996d093d28ddb3ba695a2e6f58",
     .input = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     .output = "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1"},
    {.source = "RFC 3602 4 case 3",
     .key = "6c3ea0477630ce21a2ce334aa746c2cd",
     .iv = "c782dc4c098c66cbd9cd27d825682c81",
     .input = "5468697320697320612034382d62797465206d657373616765202865786163746c7920332041455320626c6f636b7329",
     .output = "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5021c19216bad525c8579695d83ba2684"},
    {.source = "RFC 3602 4 case 4",
     .key = "56e47a38c5598974bc46903dba290349",
     .iv = "8ce82eefbea0da3c44699ed7db51b7d9",
     .input = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3"
              "d4d5d6d7d8d9dadbdcdddedf",
     .output = "c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a"
               "102ee99d49a53e87f4c3da55"},
    {0},
};
static const struct alg_vector aes192_vectors[] = {
    {.source = "NIST SP 800-38A F.2.3",
     .key = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     .iv = "000102030405060708090a0b0c0d0e0f",
     .input = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445"
              "df4f9b17ad2b417be66c3710",
     .output = "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e279"
               "88598881d920a9e64f5615cd"},
    {0},
};
static const struct alg_vector aes256_vectors[] = {
    {.source = "NIST SP 800-38A F.2.5",
     .key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     .iv = "000102030405060708090a0b0c0d0e0f",
     .input = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445"
              "df4f9b17ad2b417be66c3710",
     .output = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2"
               "c39be9fcda6c19078c6a9d1b"},
    {0},
};
static const struct alg_vector des3_vectors[] = {
    {.source = "NIST CAVS 11.1 TCBCMMT3 encrypt 4",
     .key = "ef6d3e54266d978ffb0b8ce6689d803e2cd34cc802fd0252",
     .iv = "38bae5bce06d0ad9",
     .input = "c4f228b537223cd01c0debb5d9d4e12ba71656618d119b2f8f0af29d23efa3a9e43c4c458a1b79a0",
     .output = "9e3289fb18379f55aa4e45a7e0e6df160b33b75f8627ad0954f8fdcb78cee55a4664caeda1000fe5"},
    {.source = "NIST CAVS 11.1 TCBCMMT3 decrypt 2",
     .key = "254acb647907adba1ad5ef7a43e383cdcd588975759e5292",
     .iv = "5857f24bed725646",
     .input = "64cc69a4f2b9877dad558bd7b5e6a78268e4978bb39845a1",
     .output = "d4342af5c33adcd67c3e89e64241bbd8131e78ec38c8715c"},
    {0},
};

#define AES_CBC(bits, other, more)                                                                                               \
    static const struct alg aes##bits = {                                                                                        \
        .type = TRANSFORM_ENCR,                                                                                                  \
        .id = 12,                                                                                                                \
        .key_bits = bits,                                                                                                        \
        .flags = ALG_IKE | ALG_ESP | more,                                                                                       \
        .name = "aes" #bits,                                                                                                     \
        .alias = other,                                                                                                          \
        .iana = "ENCR_AES_CBC",                                                                                                  \
        .rfc = "RFC 3602",                                                                                                       \
        .key_len = bits / 8,                                                                                                     \
        .iv_len = 16,                                                                                                            \
        .block_len = 16,                                                                                                         \
        .xfrm_name = "cbc(aes)",                                                                                                 \
        .cipher = &cbc_cipher,                                                                                                   \
        .vectors = aes##bits##_vectors,                                                                                          \
    }

AES_CBC(128, "aes", ALG_DEFAULT);
AES_CBC(192, NULL, 0);
AES_CBC(256, NULL, ALG_DEFAULT);

static const struct alg des3 = {
    .type = TRANSFORM_ENCR,
    .id = 3,
    .flags = ALG_IKE | ALG_ESP | ALG_LEGACY,
    .name = "3des",
    .iana = "ENCR_3DES",
    .rfc = "RFC 2451",
    .key_len = 24,
    .iv_len = 8,
    .block_len = 8,
    .xfrm_name = "cbc(des3_ede)",
    .cipher = &cbc_cipher,
    .vectors = des3_vectors,
};

extern const struct alg *const alg_cbc[];
const struct alg *const alg_cbc[] = {&aes256, &aes128, &aes192, &des3, NULL};
