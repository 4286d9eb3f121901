/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
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

int token_make(struct span secret, uint64_t spi_i, uint64_t spi_r, uint8_t out[TOKEN_LEN])
{
    uint8_t pair[16], mac[EVP_MAX_MD_SIZE];
    unsigned len;

    put_u64(pair, spi_i);
    put_u64(pair + 8, spi_r);
    if (!HMAC(EVP_sha256(), secret.p, (int)secret.len, pair, sizeof(pair), mac, &len))
        return ERR_CRYPTO;
    memcpy(out, mac, TOKEN_LEN);
    secret_wipe(mac, sizeof(mac));
    return 0;
}
