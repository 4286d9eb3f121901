/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where a signature is verified. Private to this room. */
#ifndef CHARON_JUDGE_VERIFY_H
#define CHARON_JUDGE_VERIFY_H

#include "cert/scheme.h"

/* True: the signature of this scheme, by this key, over these octets. Anything else is false, failures of the library included.
 */
bool verify_signature(const struct scheme *, struct evp_pkey_st *, struct span octets, struct span signature);

#endif
