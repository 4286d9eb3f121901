/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys: one with its certificates, and what it signs. Private to this room. */
#ifndef CHARON_VAULT_SIGN_H
#define CHARON_VAULT_SIGN_H

#include "port/ask.h"
#include "vault/keystore.h"

struct vault_key;

/* The key, and the certificates of `cert`: the first must fit the key, self-signed ones at the end (roots) are not sent. 0, or
 * ERR_* with a sentence. */
int vault_key_load(const struct keystore *, const char *key, const char *cert, struct vault_key **out, struct text *why) MUST_USE;
struct vault_key *vault_key_free(struct vault_key *);
struct span vault_key_subject(const struct vault_key *); /* of its certificate, DER */
/* Its chain in DER: own first, then its issuers. */
size_t vault_key_count(const struct vault_key *);
struct span vault_key_cert(const struct vault_key *, size_t i);
/* Our certificate and the intermediates into answer.u.auth. */
void vault_key_certs(const struct vault_key *, struct answer *, struct arena *);
/* Method and AUTH data by what the peer announced. `sha1`: method 1 is allowed for a peer that announces nothing. */
int vault_key_sign(const struct vault_key *, const struct ask_auth *, bool sha1, struct span octets, struct answer *,
                   struct arena *, struct text *why) MUST_USE;

#endif
