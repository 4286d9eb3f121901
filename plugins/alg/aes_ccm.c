/* SPDX-License-Identifier: Apache-2.0 */
/* AES-CCM with ICVs of 8, 12 and 16 bytes: RFC 4309 (ESP), RFC 5282 (IKE). Nonce = 3 bytes of salt | explicit IV; the counter has
 * the remaining 4 bytes of the block. */
#include "suite/alg.h"

#include <openssl/evp.h>
#include <string.h>

enum { SALT_LEN = 3, IV_LEN = 8, NONCE_LEN = SALT_LEN + IV_LEN };

/* A context a thread and key size, made at its first use; every use brings its key anew. */
static EVP_CIPHER_CTX *ccm_ctx(const struct alg *a)
{
    static const char *const names[] = {"AES-128-CCM", "AES-192-CCM", "AES-256-CCM"};
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

/* CCM wants to know everything beforehand: direction, sizes of nonce and ICV (when opening, the ICV itself), then key and nonce,
 * then how long the data will be. Ready for data afterwards. */
static EVP_CIPHER_CTX *ccm_start(const struct alg *a, struct span key, struct span iv, struct span aad, size_t len, uint8_t *icv)
{
    EVP_CIPHER_CTX *ctx = ccm_ctx(a);
    uint8_t nonce[NONCE_LEN];
    int n;

    if (!ctx || key.len != a->key_len || iv.len != IV_LEN || aad.len > INT32_MAX || len > INT32_MAX)
        return NULL;
    memcpy(nonce, key.p + key.len - SALT_LEN, SALT_LEN);
    memcpy(nonce + SALT_LEN, iv.p, IV_LEN);
    if (EVP_CipherInit_ex2(ctx, NULL, NULL, NULL, !icv, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, NONCE_LEN, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, a->icv_len, icv) != 1 ||
        EVP_CipherInit_ex2(ctx, NULL, key.p, nonce, !icv, NULL) != 1 || EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)len) != 1)
        return NULL;
    if (aad.len && EVP_CipherUpdate(ctx, NULL, &n, aad.p, (int)aad.len) != 1)
        return NULL;
    return ctx;
}

static int ccm_seal(const struct alg *a, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = ccm_start(a, key, iv, aad, in.len, NULL);
    int n;

    /* no data is a message too, and wants its one update */
    if (!ctx || EVP_CipherUpdate(ctx, out, &n, in.len ? in.p : out, (int)in.len) != 1)
        return ERR_CRYPTO;
    return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, a->icv_len, out + in.len) == 1 ? 0 : ERR_CRYPTO;
}

static int ccm_open(const struct alg *a, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx;
    uint8_t icv[16];
    size_t len;
    int n;

    if (in.len < a->icv_len)
        return ERR_CRYPTO;
    len = in.len - a->icv_len;
    memcpy(icv, in.p + len, a->icv_len);
    ctx = ccm_start(a, key, iv, aad, len, icv);
    if (!ctx)
        return ERR_CRYPTO;
    if (EVP_CipherUpdate(ctx, out, &n, in.p, (int)len) == 1)
        return 0;
    secret_wipe(out, len); /* nothing of a forged message may be read */
    return ERR_CRYPTO;
}

static const struct alg_cipher ccm_cipher = {.seal = ccm_seal, .open = ccm_open};

static const struct alg_vector aes128ccm8_vectors[] = {
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 1",
     .key = "80878e959ca3aab1b8bfc6cdd4dbe2e910a008",
     .iv = "3031323334353637",
     .aad = "8081828384858687",
     .input = "000306090c0f1215181b1e2124272a2d303336393c3f4245",
     .output = "8920e0b75fd608f54484d685e821d138e9879497446c22f1eaef68473760553d"},
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 2",
     .key = "9fa6adb4bbc2c9d0d7dee5ecf3fa010811a008",
     .iv = "3132333435363738",
     .aad = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     .input = "0104070a0d101316191c1f2225282b2e3134373a3d404346494c4f5255585b5e6164676a6d70737679",
     .output = "3ef8da9a5ef18d9962ece24b45714f2b2329f84453928aa44f8fc9cb24b6bcf4687030cc75ccd72ba16a01040967dc01b5"},
    {0},
};
static const struct alg_vector aes128ccm12_vectors[] = {
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 1",
     .key = "80878e959ca3aab1b8bfc6cdd4dbe2e910a00c",
     .iv = "3031323334353637",
     .aad = "8081828384858687",
     .input = "000306090c0f1215181b1e2124272a2d303336393c3f4245",
     .output = "fd18850cb5959686c9d285060f5446cfc0bbc7486a47993b56cb14d0af612138ea6eaa1d"},
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 2",
     .key = "9fa6adb4bbc2c9d0d7dee5ecf3fa010811a00c",
     .iv = "3132333435363738",
     .aad = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     .input = "0104070a0d101316191c1f2225282b2e3134373a3d404346494c4f5255585b5e6164676a6d70737679",
     .output = "44531f7c579861791ffdc277a204ffa2f28cff085a093275b754f99c426112708f52cf1cf96d9c93a6355cf1d2733da1e8ef2b27"
               "51"},
    {0},
};
static const struct alg_vector aes128ccm16_vectors[] = {
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 1",
     .key = "80878e959ca3aab1b8bfc6cdd4dbe2e910a010",
     .iv = "3031323334353637",
     .aad = "8081828384858687",
     .input = "000306090c0f1215181b1e2124272a2d303336393c3f4245",
     .output = "67c44699a84385f568a2df8af46f7d964bd47054aace963605f6720112b4f9ccff2a11d8b022040c"},
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 2",
     .key = "9fa6adb4bbc2c9d0d7dee5ecf3fa010811a010",
     .iv = "3132333435363738",
     .aad = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     .input = "0104070a0d101316191c1f2225282b2e3134373a3d404346494c4f5255585b5e6164676a6d70737679",
     .output = "9a3333e6cead02e57d6f459191492aadab4794c64ed2de50410ea90eeb2c64066f46f7d31a0f0693b65860b1293a8e780facf8c7"
               "43e7846cdd"},
    {0},
};
static const struct alg_vector aes192ccm8_vectors[] = {
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 1",
     .key = "c0c7ced5dce3eaf1f8ff060d141b222930373e454c535a6110a008",
     .iv = "3031323334353637",
     .aad = "8081828384858687",
     .input = "000306090c0f1215181b1e2124272a2d303336393c3f4245",
     .output = "34a412a6b65dd95dce1405ed589e30bcddf2347ede51fff7ae042a001e75bf97"},
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 2",
     .key = "dfe6edf4fb020910171e252c333a41484f565d646b72798011a008",
     .iv = "3132333435363738",
     .aad = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     .input = "0104070a0d101316191c1f2225282b2e3134373a3d404346494c4f5255585b5e6164676a6d70737679",
     .output = "b63d3614f06db1e59715f63a4b96236b517324079291b8a943fadf279e9cd7f1d40e3bf0fe524d5ca189a7fb7bad995a97"},
    {0},
};
static const struct alg_vector aes192ccm12_vectors[] = {
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 1",
     .key = "c0c7ced5dce3eaf1f8ff060d141b222930373e454c535a6110a00c",
     .iv = "3031323334353637",
     .aad = "8081828384858687",
     .input = "000306090c0f1215181b1e2124272a2d303336393c3f4245",
     .output = "a4b4302bf3011d428cbd29ea75276bd8db5375a49c514724947232b93a21b3b7a88545c1"},
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 2",
     .key = "dfe6edf4fb020910171e252c333a41484f565d646b72798011a00c",
     .iv = "3132333435363738",
     .aad = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     .input = "0104070a0d101316191c1f2225282b2e3134373a3d404346494c4f5255585b5e6164676a6d70737679",
     .output = "125c9df1ed11e44a87d9d71caa2b17c0a2828dcf3b4770dd96c5b8db690d53e95c62f6b51f99d4f17856b0af079ac59537692507"
               "76"},
    {0},
};
static const struct alg_vector aes192ccm16_vectors[] = {
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 1",
     .key = "c0c7ced5dce3eaf1f8ff060d141b222930373e454c535a6110a010",
     .iv = "3031323334353637",
     .aad = "8081828384858687",
     .input = "000306090c0f1215181b1e2124272a2d303336393c3f4245",
     .output = "461056b640f7991164e0111441f08d7b9851226030caac3e5de3a6639ec30b24f20ab1dc7131f4fb"},
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 2",
     .key = "dfe6edf4fb020910171e252c333a41484f565d646b72798011a010",
     .iv = "3132333435363738",
     .aad = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     .input = "0104070a0d101316191c1f2225282b2e3134373a3d404346494c4f5255585b5e6164676a6d70737679",
     .output = "daec5ad51dbe8a18cb94ef36301fd90092cf15153bde892bf11ce9968979dadfa2d23979ddcbcb20b8dbed05efbd584029519adc"
               "d58f42aa23"},
    {0},
};
static const struct alg_vector aes256ccm8_vectors[] = {
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 1",
     .key = "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d910a008",
     .iv = "3031323334353637",
     .aad = "8081828384858687",
     .input = "000306090c0f1215181b1e2124272a2d303336393c3f4245",
     .output = "9a3a7c2e1bdd7d7470801aee1af4c00ce5a1abe6098751d2ffb3b6f719a6bfa5"},
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 2",
     .key = "1f262d343b424950575e656c737a81888f969da4abb2b9c0c7ced5dce3eaf1f811a008",
     .iv = "3132333435363738",
     .aad = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     .input = "0104070a0d101316191c1f2225282b2e3134373a3d404346494c4f5255585b5e6164676a6d70737679",
     .output = "d013392e728656e485f23851bc583db01dd4ff3a5b3b572ad2ac1280a1c7f9603dd61154ffb88eada376d0e0a757eeab17"},
    {0},
};
static const struct alg_vector aes256ccm12_vectors[] = {
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 1",
     .key = "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d910a00c",
     .iv = "3031323334353637",
     .aad = "8081828384858687",
     .input = "000306090c0f1215181b1e2124272a2d303336393c3f4245",
     .output = "aafd294685384598f113c0de6a10b7b81e6133292adb1e10c03ce82cffdbba9ccb701893"},
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 2",
     .key = "1f262d343b424950575e656c737a81888f969da4abb2b9c0c7ced5dce3eaf1f811a00c",
     .iv = "3132333435363738",
     .aad = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     .input = "0104070a0d101316191c1f2225282b2e3134373a3d404346494c4f5255585b5e6164676a6d70737679",
     .output = "1898b65c86757b3975c7dff7350df344b0620cbd8573ee4f20684dc921e410a613711e534e3878f620214f67dcc37612c728c036"
               "1d"},
    {0},
};
static const struct alg_vector aes256ccm16_vectors[] = {
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 1",
     .key = "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d910a010",
     .iv = "3031323334353637",
     .aad = "8081828384858687",
     .input = "000306090c0f1215181b1e2124272a2d303336393c3f4245",
     .output = "38b98c283b2059397108a7bdd63723229697408d25f6f7d9b3c905f6460142cac701964131d1f305"},
    {.source = "CCM of RFC 3610 2 by hand over AES-ECB, and OpenSSL, 2",
     .key = "1f262d343b424950575e656c737a81888f969da4abb2b9c0c7ced5dce3eaf1f811a010",
     .iv = "3132333435363738",
     .aad = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     .input = "0104070a0d101316191c1f2225282b2e3134373a3d404346494c4f5255585b5e6164676a6d70737679",
     .output = "ff829de6daa222c1deba2faecf96dcd17fcc7b346811cd082dc5918d660d492f2890e8cf63cd2ca1c491ec9109b766257bd25e96"
               "5e8c0eeb9c"},
    {0},
};

#define CCM(bits, icv, icv_bits, number)                                                                                         \
    static const struct alg aes##bits##ccm##icv = {                                                                              \
        .type = TRANSFORM_ENCR,                                                                                                  \
        .id = number,                                                                                                            \
        .key_bits = bits,                                                                                                        \
        .flags = ALG_AEAD | ALG_IKE | ALG_ESP,                                                                                   \
        .name = "aes" #bits "ccm" #icv,                                                                                          \
        .alias = "aes" #bits "ccm" #icv_bits,                                                                                    \
        .iana = "ENCR_AES_CCM_" #icv,                                                                                            \
        .rfc = "RFC 4309, 5282",                                                                                                 \
        .key_len = bits / 8 + SALT_LEN,                                                                                          \
        .salt_len = SALT_LEN,                                                                                                    \
        .iv_len = IV_LEN,                                                                                                        \
        .block_len = 1,                                                                                                          \
        .icv_len = icv,                                                                                                          \
        .xfrm_name = "rfc4309(ccm(aes))",                                                                                        \
        .cipher = &ccm_cipher,                                                                                                   \
        .vectors = aes##bits##ccm##icv##_vectors,                                                                                \
    }

CCM(128, 8, 64, 14);
CCM(128, 12, 96, 15);
CCM(128, 16, 128, 16);
CCM(192, 8, 64, 14);
CCM(192, 12, 96, 15);
CCM(192, 16, 128, 16);
CCM(256, 8, 64, 14);
CCM(256, 12, 96, 15);
CCM(256, 16, 128, 16);

extern const struct alg *const alg_aes_ccm[];
const struct alg *const alg_aes_ccm[] = {
    &aes256ccm16, &aes128ccm16, &aes192ccm16, &aes256ccm12, &aes128ccm12,
    &aes192ccm12, &aes256ccm8,  &aes128ccm8,  &aes192ccm8,  NULL,
};
