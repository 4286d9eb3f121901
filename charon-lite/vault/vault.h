/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault - every long-term secret: pre-shared keys and private keys. It computes with them and never hands them out; it has no
 * network, knows no peer but the configured ones, and is an oracle for AUTH and for tokens only.
 *
 *     ASK_AUTH_MAKE    connection, IKE_SA_INIT, nonce, SK_p  ->  our method, AUTH data, certificates, the ID that it proves
 *     ASK_AUTH_CHECK   the same of the peer, with its PSK AUTH  ->  verdict (certificates and signatures: the judge)
 *                      and, where it is asked for with it and the verdict is yes, our own AUTH
 *     ASK_TOKEN        the SPIs of an IKE SA  ->  our token for it (token.h)
 *
 * The octets (RFC 7296 2.15) are built here. Our ID comes from the configuration, never from the caller (but for our address,
 * where the configuration names no ID); a peer that claims an ID of ours is refused, so that our own AUTH cannot be sent back.
 *
 * Files: vault.c (what is loaded, who is asked), psk.c (pre-shared keys), sign.c (private keys), token.c (RFC 6290), probe.c
 * (for `check`).
 */
#ifndef CHARON_VAULT_H
#define CHARON_VAULT_H

#include "port/ask.h"
#include "vault/keystore.h"

struct conf;
struct conf_connection;

struct vault_setup {
    const struct keystore *keystore;
    const struct rng *rng; /* seeds tables; signatures draw from OpenSSL's own generator */
    /* What tokens of RFC 6290 are made with, the same after every restart; copied. Empty: a new one, good for the life of this
     * vault (the core may restart meanwhile). */
    struct span token_secret;
};
struct vault *vault_new(const struct vault_setup *); /* NULL without memory; what setup points at stays valid */
struct vault *vault_free(struct vault *);            /* wipes; NULL in, NULL out */

/* Load what a snapshot names, as one more generation (one of the same number is replaced). The last VAULT_GENERATIONS stay, for
 * a reload that is under way. 0, or the error of the first secret that cannot be used: nothing has changed then and `why` names
 * it. On success `why` may hold warnings. The snapshot is not kept. */
#define VAULT_GENERATIONS 3
int vault_configure(struct vault *, const struct conf *, struct text *why) MUST_USE;

/* Answer at once. What the answer points at lives in the arena. A kind that the vault does not know is ANSWER_FAILED. */
void vault_answer(struct vault *, const struct ask *, struct answer *, struct arena *);

struct vault_counters {
    uint64_t made, accepted, refused, failed;
};
struct vault_counters vault_counters(const struct vault *);

#endif
