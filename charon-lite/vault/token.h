/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of quick crash detection (RFC 6290 5.1): HMAC-SHA2-256(secret, SPIi | SPIr), cut to TOKEN_LEN bytes. Who knows one can
 * end the IKE SA of that pair at the peer, who knows the secret every IKE SA of ours: so it lives in the vault.
 */
#ifndef CHARON_VAULT_TOKEN_H
#define CHARON_VAULT_TOKEN_H

#include "port/ask.h"

#define TOKEN_SECRET_LEN 32

/* A copy of `from`, or, where that is empty, TOKEN_SECRET_LEN new bytes. 0, ERR_BAD (another length) or ERR_MEMORY. */
int token_secret_take(struct secret *, struct span from, const struct rng *) MUST_USE;
int token_make(struct span secret, uint64_t spi_i, uint64_t spi_r, uint8_t out[TOKEN_LEN]) MUST_USE; /* 0 or ERR_CRYPTO */

#endif
