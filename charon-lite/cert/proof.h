/* SPDX-License-Identifier: Apache-2.0 */
/* What an AUTH payload is computed over (RFC 7296 2.15): built by whoever proves or verifies, never taken from a caller. */
#ifndef CHARON_CERT_PROOF_H
#define CHARON_CERT_PROOF_H

#include "port/ask.h"

#define PROOF_MESSAGE_MAX 65535
#define PROOF_PRF_MAX 64 /* the largest output of a PRF */

/* message | nonce | prf(SK_p, ID type | three zero bytes | ID data). Refuses (ERR_REFUSED, ERR_LIMIT) what cannot be the proof
 * of an IKE SA: a message that is no whole IKE_SA_INIT of the role that `by_initiator` says, a nonce outside 16..256 bytes, an
 * ID of more than ID_DATA_MAX: an oracle signs nothing else. `out` is initialised here; the caller ends it. */
int proof_octets(const struct ask_auth *, bool by_initiator, const struct id *, struct buf *out) MUST_USE;

#endif
