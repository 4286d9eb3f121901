/* SPDX-License-Identifier: Apache-2.0 */
/* AES-GCM with ICVs of 8, 12 and 16 bytes (RFC 4106 for ESP, RFC 5282 for IKE) and ChaCha20-Poly1305 (RFC 7634), which have the
 * same shape: nonce = salt from the key material | explicit IV. */
#include "suite/alg.h"

#include <openssl/evp.h>
#include <string.h>

enum { SALT_LEN = 4, IV_LEN = 8, NONCE_LEN = SALT_LEN + IV_LEN };

/* A context a thread and cipher, made at its first use; every use brings its key anew. */
static EVP_CIPHER_CTX *aead_ctx(const struct alg *a)
{
    static const char *const names[] = {"ChaCha20-Poly1305", "AES-128-GCM", "AES-192-GCM", "AES-256-GCM"};
    static _Thread_local EVP_CIPHER_CTX *cached[COUNT_OF(names)];
    unsigned i = a->key_bits ? a->key_bits / 64u - 1u : 0; /* ChaCha20 has no Key Length */
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

/* Ready for data: direction, key and nonce are set and the associated data is in. */
static EVP_CIPHER_CTX *aead_start(const struct alg *a, struct span key, struct span iv, struct span aad, int sealing)
{
    EVP_CIPHER_CTX *ctx = aead_ctx(a);
    uint8_t nonce[NONCE_LEN];
    int n;

    if (!ctx || key.len != a->key_len || iv.len != IV_LEN || aad.len > INT32_MAX)
        return NULL;
    memcpy(nonce, key.p + key.len - SALT_LEN, SALT_LEN);
    memcpy(nonce + SALT_LEN, iv.p, IV_LEN);
    if (EVP_CipherInit_ex2(ctx, NULL, key.p, nonce, sealing, NULL) != 1)
        return NULL;
    if (aad.len && EVP_CipherUpdate(ctx, NULL, &n, aad.p, (int)aad.len) != 1)
        return NULL;
    return ctx;
}

static int aead_seal(const struct alg *a, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = in.len <= INT32_MAX ? aead_start(a, key, iv, aad, 1) : NULL;
    uint8_t *icv = out + in.len;
    int n;

    if (!ctx || (in.len && EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.len) != 1) || EVP_CipherFinal_ex(ctx, icv, &n) != 1)
        return ERR_CRYPTO;
    return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, a->icv_len, icv) == 1 ? 0 : ERR_CRYPTO;
}

static int aead_open(const struct alg *a, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = in.len >= a->icv_len && in.len <= INT32_MAX ? aead_start(a, key, iv, aad, 0) : NULL;
    size_t len = in.len - a->icv_len;
    uint8_t icv[16];
    int n;

    if (!ctx)
        return ERR_CRYPTO;
    memcpy(icv, in.p + len, a->icv_len);
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, a->icv_len, icv) == 1 &&
        (len == 0 || EVP_CipherUpdate(ctx, out, &n, in.p, (int)len) == 1) && EVP_CipherFinal_ex(ctx, icv, &n) == 1)
        return 0;
    secret_wipe(out, len); /* nothing of a forged message may be read */
    return ERR_CRYPTO;
}

static const struct alg_cipher aead_cipher = {.seal = aead_seal, .open = aead_open};

static const struct alg_vector aes128gcm8_vectors[] = {
    {.source = "McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test case 4, tag cut",
     .key = "feffe9928665731c6d6a8f9467308308cafebabe",
     .iv = "facedbaddecaf888",
     .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     .input = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
              "aa0de657ba637b39",
     .output = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b39"
               "6a0aac973d58e0915bc94fbc3221a5db"},
    {0},
};
static const struct alg_vector aes128gcm12_vectors[] = {
    {.source = "McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test case 4, tag cut",
     .key = "feffe9928665731c6d6a8f9467308308cafebabe",
     .iv = "facedbaddecaf888",
     .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     .input = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
              "aa0de657ba637b39",
     .output = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b39"
               "6a0aac973d58e0915bc94fbc3221a5db94fae95a"},
    {0},
};
static const struct alg_vector aes128gcm16_vectors[] = {
    {.source = "McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test case 4",
     .key = "feffe9928665731c6d6a8f9467308308cafebabe",
     .iv = "facedbaddecaf888",
     .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     .input = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
              "aa0de657ba637b39",
     .output = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b39"
               "6a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"},
    {0},
};
static const struct alg_vector aes192gcm8_vectors[] = {
    {.source = "McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test case 10, tag cut",
     .key = "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
     .iv = "facedbaddecaf888",
     .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     .input = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
              "aa0de657ba637b39",
     .output = "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b"
               "2fe324d9ccda27102519498e80f1478f"},
    {0},
};
static const struct alg_vector aes192gcm12_vectors[] = {
    {.source = "McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test case 10, tag cut",
     .key = "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
     .iv = "facedbaddecaf888",
     .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     .input = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
              "aa0de657ba637b39",
     .output = "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b"
               "2fe324d9ccda27102519498e80f1478f37ba55bd"},
    {0},
};
static const struct alg_vector aes192gcm16_vectors[] = {
    {.source = "McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test case 10",
     .key = "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
     .iv = "facedbaddecaf888",
     .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     .input = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
              "aa0de657ba637b39",
     .output = "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b"
               "2fe324d9ccda27102519498e80f1478f37ba55bd6d27618c"},
    {0},
};
static const struct alg_vector aes256gcm8_vectors[] = {
    {.source = "McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test case 16, tag cut",
     .key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308cafebabe",
     .iv = "facedbaddecaf888",
     .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     .input = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
              "aa0de657ba637b39",
     .output = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e63"
               "93ba7a0abcc9f66276fc6ece0f4e1768"},
    {0},
};
static const struct alg_vector aes256gcm12_vectors[] = {
    {.source = "McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test case 16, tag cut",
     .key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308cafebabe",
     .iv = "facedbaddecaf888",
     .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     .input = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
              "aa0de657ba637b39",
     .output = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e63"
               "93ba7a0abcc9f66276fc6ece0f4e1768cddf8853"},
    {0},
};
static const struct alg_vector aes256gcm16_vectors[] = {
    {.source = "McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test case 16",
     .key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308cafebabe",
     .iv = "facedbaddecaf888",
     .aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     .input = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
              "aa0de657ba637b39",
     .output = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e63"
               "93ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
    {0},
};

#define GCM(bits, icv, icv_bits, number, more)                                                                                   \
    static const struct alg aes##bits##gcm##icv = {                                                                              \
        .type = TRANSFORM_ENCR,                                                                                                  \
        .id = number,                                                                                                            \
        .key_bits = bits,                                                                                                        \
        .flags = ALG_AEAD | ALG_IKE | ALG_ESP | more,                                                                            \
        .name = "aes" #bits "gcm" #icv,                                                                                          \
        .alias = "aes" #bits "gcm" #icv_bits,                                                                                    \
        .iana = "ENCR_AES_GCM_" #icv,                                                                                            \
        .rfc = "RFC 4106, 5282",                                                                                                 \
        .key_len = bits / 8 + SALT_LEN,                                                                                          \
        .salt_len = SALT_LEN,                                                                                                    \
        .iv_len = IV_LEN,                                                                                                        \
        .block_len = 1,                                                                                                          \
        .icv_len = icv,                                                                                                          \
        .xfrm_name = "rfc4106(gcm(aes))",                                                                                        \
        .cipher = &aead_cipher,                                                                                                  \
        .vectors = aes##bits##gcm##icv##_vectors,                                                                                \
    }

GCM(128, 8, 64, 18, 0);
GCM(128, 12, 96, 19, 0);
GCM(128, 16, 128, 20, ALG_DEFAULT);
GCM(192, 8, 64, 18, 0);
GCM(192, 12, 96, 19, 0);
GCM(192, 16, 128, 20, 0);
GCM(256, 8, 64, 18, 0);
GCM(256, 12, 96, 19, 0);
GCM(256, 16, 128, 20, ALG_DEFAULT);

static const struct alg_vector chacha20poly1305_vectors[] = {
    {.source = "RFC 7634 appendix A",
     .key = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3",
     .iv = "1011121314151617",
     .aad = "0102030400000005",
     .input = "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec100007362708090a0b0c0d0e0f1011121314151617"
              "18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363701020204",
     .output = "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c02f72aa71e7c"
               "4c4f64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da9165b82829f641e076aaa8266b7fb0f7b11b369907e1ad43"},
    {.source = "RFC 7634 appendix B",
     .key = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3",
     .iv = "1011121314151617",
     .aad = "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029",
     .input = "0000000c000040010000000a00",
     .output = "610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2"},
    {0},
};
static const struct alg chacha20poly1305 = {
    .type = TRANSFORM_ENCR,
    .id = 28,
    .flags = ALG_AEAD | ALG_IKE | ALG_ESP | ALG_DEFAULT,
    .name = "chacha20poly1305",
    .alias = "chacha20",
    .iana = "ENCR_CHACHA20_POLY1305",
    .rfc = "RFC 7634",
    .key_len = 32 + SALT_LEN,
    .salt_len = SALT_LEN,
    .iv_len = IV_LEN,
    .block_len = 1,
    .icv_len = 16,
    .xfrm_name = "rfc7539esp(chacha20,poly1305)",
    .cipher = &aead_cipher,
    .vectors = chacha20poly1305_vectors,
};

extern const struct alg *const alg_aead[];
const struct alg *const alg_aead[] = {
    &aes256gcm16, &aes128gcm16, &aes192gcm16, &aes256gcm12,      &aes128gcm12, &aes192gcm12,
    &aes256gcm8,  &aes128gcm8,  &aes192gcm8,  &chacha20poly1305, NULL,
};
