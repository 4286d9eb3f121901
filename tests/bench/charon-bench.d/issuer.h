/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of the peers, each with a name of its own, made when they are asked for; all have one key. */
#ifndef CHARON_BENCH_ISSUER_H
#define CHARON_BENCH_ISSUER_H

#include "base/base.h"

struct evp_pkey_st;
struct issuer;
/* From files: the peers' key, the trust anchor and its key. NULL, and why is on standard error. */
struct issuer *issuer_new(const char *key, const char *ca, const char *ca_key);
struct issuer *issuer_free(struct issuer *);
/* For `identity`, an RFC 822 name, in DER. 0 or ERR_*. */
int issuer_certificate(const struct issuer *, const char *identity, struct secret *out) MUST_USE;
struct evp_pkey_st *issuer_key(const struct issuer *); /* one more reference, the caller's */

#endif
