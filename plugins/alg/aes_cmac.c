/* SPDX-License-Identifier: Apache-2.0 */
/* AES-CMAC as PRF (RFC 4615) and, cut to 96 bits, as integrity check (RFC 4494). */
#include "suite/alg.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

enum { BLOCK = 16 };

/* A context a thread, made at its first use. */
static EVP_MAC_CTX *cmac_ctx(void)
{
    static _Thread_local EVP_MAC_CTX *cached;
    char cipher[] = "AES-128-CBC";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0), OSSL_PARAM_construct_end()};
    EVP_MAC *mac;

    if (cached)
        return cached;
    mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
    cached = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    if (cached && EVP_MAC_CTX_set_params(cached, params) != 1) {
        EVP_MAC_CTX_free(cached);
        cached = NULL;
    }
    return cached;
}

static int cmac_run(const uint8_t key[BLOCK], const struct span *parts, size_t n_parts, uint8_t out[BLOCK])
{
    EVP_MAC_CTX *ctx = cmac_ctx();
    size_t len = 0;
    bool ok = ctx && EVP_MAC_init(ctx, key, BLOCK, NULL) == 1;

    for (size_t i = 0; i < n_parts && ok; i++)
        ok = parts[i].len == 0 || EVP_MAC_update(ctx, parts[i].p, parts[i].len) == 1;
    return ok && EVP_MAC_final(ctx, out, &len, BLOCK) == 1 && len == BLOCK ? 0 : ERR_CRYPTO;
}

/* RFC 4615 3: a key of any other length goes through CMAC itself under the zero key. */
static int cmac(const struct alg *a, struct span key, const struct span *parts, size_t n_parts, uint8_t *out)
{
    static const uint8_t zero[BLOCK];
    bool prf = a->type == TRANSFORM_PRF;
    uint8_t fit[BLOCK], whole[BLOCK];
    int err = 0;

    if (!prf && key.len != BLOCK)
        return ERR_CRYPTO;
    if (key.len == BLOCK)
        memcpy(fit, key.p, BLOCK);
    else
        err = cmac_run(zero, &key, 1, fit);
    if (err == 0)
        err = cmac_run(fit, parts, n_parts, whole);
    if (err == 0)
        memcpy(out, whole, prf ? a->out_len : a->icv_len);
    secret_wipe(fit, sizeof(fit));
    secret_wipe(whole, sizeof(whole));
    return err;
}

static const struct alg_mac cmac_mac = {.mac = cmac};

static const struct alg_vector prfaescmac_vectors[] = {
    {.source = "RFC 4615 4 test case 1",
     .key = "000102030405060708090a0b0c0d0e0fedcb",
     .input = "000102030405060708090a0b0c0d0e0f10111213",
     .output = "84a348a4a45d235babfffc0d2b4da09a"},
    {.source = "RFC 4615 4 test case 2",
     .key = "000102030405060708090a0b0c0d0e0f",
     .input = "000102030405060708090a0b0c0d0e0f10111213",
     .output = "980ae87b5f4c9c5214f5b6a8455e4c2d"},
    {.source = "RFC 4615 4 test case 3",
     .key = "00010203040506070809",
     .input = "000102030405060708090a0b0c0d0e0f10111213",
     .output = "290d9e112edb09ee141fcf64c0b72f3d"},
    {0},
};
static const struct alg_vector aescmac_vectors[] = {
    {.source = "RFC 4494 5 test case 1",
     .key = "2b7e151628aed2a6abf7158809cf4f3c",
     .input = "",
     .output = "bb1d6929e95937287fa37d12"},
    {.source = "RFC 4494 5 test case 2",
     .key = "2b7e151628aed2a6abf7158809cf4f3c",
     .input = "6bc1bee22e409f96e93d7e117393172a",
     .output = "070a16b46b4d4144f79bdd9d"},
    {.source = "RFC 4494 5 test case 3",
     .key = "2b7e151628aed2a6abf7158809cf4f3c",
     .input = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
     .output = "dfa66747de9ae63030ca3261"},
    {.source = "RFC 4494 5 test case 4",
     .key = "2b7e151628aed2a6abf7158809cf4f3c",
     .input = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445"
              "df4f9b17ad2b417be66c3710",
     .output = "51f0bebf7e3b9d92fc497417"},
    {0},
};

static const struct alg prfaescmac = {
    .type = TRANSFORM_PRF,
    .id = 8,
    .flags = ALG_IKE,
    .name = "prfaescmac",
    .iana = "PRF_AES128_CMAC",
    .rfc = "RFC 4615",
    .key_len = BLOCK,
    .out_len = BLOCK,
    .mac = &cmac_mac,
    .vectors = prfaescmac_vectors,
};
static const struct alg aescmac = {
    .type = TRANSFORM_INTEG,
    .id = 8,
    .flags = ALG_IKE | ALG_ESP,
    .name = "aescmac",
    .iana = "AUTH_AES_CMAC_96",
    .rfc = "RFC 4494",
    .key_len = BLOCK,
    .icv_len = 12,
    .xfrm_name = "cmac(aes)",
    .mac = &cmac_mac,
    .vectors = aescmac_vectors,
};

extern const struct alg *const alg_aes_cmac[];
const struct alg *const alg_aes_cmac[] = {&prfaescmac, &aescmac, NULL};
