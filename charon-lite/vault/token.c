/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/token.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

int token_secret_take(struct secret *to, struct span from, const struct rng *rng)
{
    int err;

    if (from.len)
        return from.len == TOKEN_SECRET_LEN ? secret_set(to, from) : ERR_BAD;
    err = secret_new(to, TOKEN_SECRET_LEN);
    if (!err)
        rng->fill(rng->ctx, to->p, to->len);
    return err;
}

/* Kept by each thread: to find HMAC and SHA-256 by name costs more than the token. */
static EVP_MAC_CTX *token_mac(void)
{
    static _Thread_local EVP_MAC_CTX *kept;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = kept ? NULL : EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

    EVP_MAC_free(mac);
    if (!kept && ctx && EVP_MAC_CTX_set_params(ctx, params) == 1)
        kept = ctx;
    else
        EVP_MAC_CTX_free(ctx);
    return kept;
}

int token_make(struct span secret, uint64_t spi_i, uint64_t spi_r, uint8_t out[TOKEN_LEN])
{
    EVP_MAC_CTX *ctx = token_mac();
    uint8_t pair[16], mac[EVP_MAX_MD_SIZE];
    size_t len;

    put_u64(pair, spi_i);
    put_u64(pair + 8, spi_r);
    if (!ctx || EVP_MAC_init(ctx, secret.p, secret.len, NULL) != 1 || EVP_MAC_update(ctx, pair, sizeof(pair)) != 1 ||
        EVP_MAC_final(ctx, mac, &len, sizeof(mac)) != 1)
        return ERR_CRYPTO;
    memcpy(out, mac, TOKEN_LEN);
    secret_wipe(mac, sizeof(mac));
    return 0;
}
