/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand's nonces for IKE_SA_INIT. What a peer proves covers our nonce (RFC 7296 2.15), so a verdict is believed once for each
 * nonce that was issued here: a core that was taken over cannot turn an old proof, or one that was counted already, into a new
 * verdict.
 *
 *     issue -> core -> the peer proves -> vault or judge -> spend, once
 *
 * A bounded number is remembered, the oldest are forgotten; a proof that covers a forgotten one has to be given again.
 */
#ifndef CHARON_DAEMON_NONCES_H
#define CHARON_DAEMON_NONCES_H

#include "port/ask.h"

#define NONCES_KEPT_MIN 65536 /* far more than half-open IKE SAs there can be, and what the core has in store */

struct nonces;
/* Random bytes from `rng`, which must live as long. */
struct nonces *nonces_new(const struct rng *rng, size_t max);
struct nonces *nonces_free(struct nonces *);
/* Answers ASK_NONCES; the bytes are the arena's. */
void nonces_answer(struct nonces *, const struct ask *, struct answer *, struct arena *);
bool nonces_spend(struct nonces *, struct span nonce) MUST_USE; /* true once for each that was issued */
size_t nonces_count(const struct nonces *);                     /* issued and neither spent nor forgotten */

#endif
