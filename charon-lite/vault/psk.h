/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-shared keys: the form they have in a file, and RFC 7296 2.15: AUTH = prf(prf(secret, "Key Pad for IKEv2"), octets). */
#ifndef CHARON_VAULT_PSK_H
#define CHARON_VAULT_PSK_H

#include "suite/alg.h"

#define PSK_MAX 1024
#define PSK_STRONG_BYTES 16 /* 128 bits; what a line of text is worth less is not to be seen from here */

/* Content of a file: one line of text as it is, without its line end; or 0x and hex; or 0s and base64. */
int psk_parse(struct span file, struct secret *out, struct text *why) MUST_USE;
/* 0, or ERR_REFUSED and why (RFC 7296 2.15: as strong as the strongest key negotiated). */
int psk_strong(struct span psk, const char *ref, bool allow_weak, struct text *why) MUST_USE;

/* A secret, and its inner prf as it was last needed: one peer's PRF hardly ever changes. */
struct psk {
    struct secret key;
    const struct alg *prf; /* whose `pad` is kept, or NULL */
    struct secret pad;     /* prf(key, "Key Pad for IKEv2"): no less secret */
};
void psk_done(struct psk *);
/* out has prf->out_len bytes. 0, ERR_CRYPTO or ERR_MEMORY. */
int psk_prove(struct psk *, const struct alg *prf, struct span octets, uint8_t *out) MUST_USE;

#endif
