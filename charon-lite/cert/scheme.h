/* SPDX-License-Identifier: Apache-2.0 */
/* Signature schemes of IKEv2: what stands in an AUTH payload, what key and hash it needs (RFC 7296 3.8, RFC 4754, RFC 7427, RFC
 * 8420). */
#ifndef CHARON_CERT_SCHEME_H
#define CHARON_CERT_SCHEME_H

#include "cert/cert.h"

/* RFC 7427 7, RFC 8420 2: bit 1 << n of a set of announced hashes */
enum scheme_hash { HASH_SHA1 = 1, HASH_SHA2_256 = 2, HASH_SHA2_384 = 3, HASH_SHA2_512 = 4, HASH_IDENTITY = 5 };
enum scheme_padding { PADDING_NONE, PADDING_PKCS1, PADDING_PSS };

struct scheme {
    const char *name;
    uint8_t method;        /* 14, or 1 and 9..11, which have no AlgorithmIdentifier */
    uint8_t keys;          /* set of enum key_kind */
    uint8_t hash;          /* enum scheme_hash */
    uint8_t padding;       /* enum scheme_padding; with PSS, the salt is as long as the hash */
    uint8_t coordinate;    /* methods 9..11: bytes of r and of s, one after the other (RFC 4754 7); else 0 */
    bool read_only;        /* another encoding of a scheme, which is taken but never sent */
    struct span algorithm; /* DER of the AlgorithmIdentifier, compared byte by byte (RFC 7427 3) */
};
/* The hash's name for EVP, NULL for HASH_IDENTITY. */
const char *scheme_digest(const struct scheme *);

/* To verify: the scheme of a method and its AUTH data; *signature is what follows the AlgorithmIdentifier. NULL: unknown. */
const struct scheme *scheme_find(uint8_t method, struct span data, struct span *signature);
/* To sign with a key: by what the peer announced; `hashes` 0: nothing, then RFC 4754, or RSA with SHA-1 if `sha1` allows it.
 * NULL, and a sentence, if there is none. */
const struct scheme *scheme_choose(enum key_kind, size_t key_bits, uint16_t hashes, bool sha1, struct text *why);

#endif
