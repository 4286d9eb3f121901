/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suite - what an algorithm is, how proposals are compared, and how keys are derived.
 *
 * An algorithm is one const `struct alg` in one file of plugins/alg/, with its functions and its known-answer vectors
 * beside it. Nothing is registered at run time: the build lists the files (each file foo.c exports `alg_foo`, a NULL-ended
 * list of descriptors) in `alg_registry`, and whoever needs algorithms is handed that list. The rooms that decide never
 * link a cryptographic library: they call through the descriptor.
 *
 *     plugins/alg/NAME.c --(struct alg)--> alg_registry --> proposals, key derivation, SK payloads, XFRM names, docs
 */
#ifndef CHARON_SUITE_ALG_H
#define CHARON_SUITE_ALG_H

#include "base/base.h"

/* RFC 7296 3.3.2, table "Transform Type"; type 5 as renamed by RFC 9827 */
enum transform_type {
    TRANSFORM_NONE = 0, /* no transform of its own: the plain hash of NAT detection */
    TRANSFORM_ENCR = 1,
    TRANSFORM_PRF = 2,
    TRANSFORM_INTEG = 3,
    TRANSFORM_KE = 4,
    TRANSFORM_ESN = 5,
};
#define TRANSFORM_TYPE_MAX 5
enum { KE_NONE = 0, INTEG_NONE = 0, ESN_NO = 0, ESN_YES = 1 };

enum alg_flags {
    ALG_AEAD = 1,    /* ENCR that authenticates by itself */
    ALG_IKE = 2,     /* may protect IKE messages (ENCR, INTEG) */
    ALG_ESP = 4,     /* may protect ESP; xfrm_name is then set (ENCR, INTEG) */
    ALG_LEGACY = 8,  /* only where the configuration names it (3DES, SHA-1, MODP-1536 ...) */
    ALG_SLOW = 16,   /* KE: so expensive that it belongs to a worker */
    ALG_DEFAULT = 32 /* part of the default proposal */
};

struct alg;

/* ENCR. Keys are `key_len` bytes: the cipher key followed by `salt_len` bytes of salt or nonce (RFC 5282 7.1, RFC 5930 3.1). */
struct alg_cipher {
    /* AEAD: out has in.len + icv_len bytes. Others: out has in.len bytes, aad is not used; in.len is a multiple of
     * block_len where that is > 1. `iv` has iv_len bytes. in and out may be the same memory. 0 or ERR_CRYPTO. */
    int (*seal)(const struct alg *, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out);
    /* AEAD: in ends with the ICV, out has in.len - icv_len bytes; ERR_CRYPTO when the ICV is wrong, nothing may be read then. */
    int (*open)(const struct alg *, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out);
};
/* PRF and INTEG: one keyed function over the concatenation of parts. out has out_len bytes (PRF) or icv_len (INTEG, truncated).
 */
struct alg_mac {
    int (*mac)(const struct alg *, struct span key, const struct span *parts, size_t n_parts, uint8_t *out);
};
/* KE. Private values are plain bytes (the plug-in's own form), so that they travel to a worker and back. */
struct alg_ke {
    /* A fresh pair from the generator: secret of private_len bytes (set here), public value of public_len bytes. 0 or ERR_*. */
    int (*generate)(const struct alg *, const struct rng *, struct secret *private_value, uint8_t *public_value);
    /* The shared secret as RFC 7296 2.14 wants it (fixed length). The peer's value is checked first (RFC 6989 2, RFC 7748 6.1):
     * ERR_CRYPTO for one of wrong length, out of range, not on the curve, or leading to an all-zero secret. */
    int (*derive)(const struct alg *, struct span private_value, struct span peer_public, struct secret *shared);
    /* Both at once, with a private value that nobody sees: what a responder wants. May be NULL: see alg_ke_both(). */
    int (*both)(const struct alg *, const struct rng *, struct span peer_public, uint8_t *public_value, struct secret *shared);
};

/* A known answer, hex throughout; which members are used depends on the type:
 *   ENCR   key, iv, aad, input -> output (for AEAD with the ICV at its end)
 *   PRF, INTEG  key, input -> output
 *   KE     key = our private value, input = peer's public value -> output = shared secret; iv = our public value, if known */
struct alg_vector {
    const char *source; /* "RFC 4231 4.2", "NIST CAVS ..." */
    const char *key, *iv, *aad, *input, *output;
};

struct alg {
    uint8_t type;      /* enum transform_type */
    uint16_t id;       /* IANA transform ID */
    uint16_t key_bits; /* value of the Key Length attribute, 0 where the transform has none */
    uint16_t flags;    /* enum alg_flags */
    const char *name;  /* the word in a proposal: aes256gcm16, prfsha256, sha256, x25519 */
    const char *alias; /* a second word, or NULL (curve25519, ecp256bp ...) */
    const char *iana;  /* ENCR_AES_GCM_16, PRF_HMAC_SHA2_256 ... as messages and tools print it */
    const char *rfc;
    uint16_t key_len;                             /* ENCR: bytes taken from key material, salt included; INTEG, PRF: key bytes */
    uint16_t salt_len, iv_len, block_len;         /* ENCR, bytes; block_len 1 for stream modes */
    uint16_t icv_len;                             /* AEAD, INTEG: bytes on the wire */
    uint16_t out_len;                             /* PRF: bytes of output */
    uint16_t public_len, private_len, secret_len; /* KE, bytes */
    const char *xfrm_name; /* the kernel's name, e.g. "rfc4106(gcm(aes))", "hmac(sha256)"; NULL if it has none */
    const struct alg_cipher *cipher;
    const struct alg_mac *mac;
    const struct alg_ke *ke;
    const struct alg_vector *vectors; /* ends with source == NULL */
};

/* All algorithms of the build: a NULL-ended list of NULL-ended lists. */
struct alg_registry {
    const struct alg *const *const *files;
};

/* Where two files have the same algorithm (MODP: OpenSSL's and GMP's), alg_find and alg_by_name give the first. */
/* NULL when the build does not have it. key_bits 0 asks for the only or fixed size. */
const struct alg *alg_find(const struct alg_registry *, uint8_t type, uint16_t id, uint16_t key_bits);
/* By proposal word (name or alias), whatever its type. Several descriptors may share a word (sha256 is INTEG; prfsha256 PRF). */
const struct alg *alg_by_name(const struct alg_registry *, const char *name);
/* The n-th algorithm of the registry, counting from 0; NULL past the end. */
const struct alg *alg_at(const struct alg_registry *, size_t n);

/* A fresh pair and the secret with the peer's value: by `both` where there is one, else by `generate` and `derive`. ERR_CRYPTO
 * also says that the peer's value is not valid. */
int alg_ke_both(const struct alg *, const struct rng *, struct span peer_public, uint8_t *public_value, struct secret *shared);

/* Printable names of IANA numbers, known to this build or not ("ENCR_DES", "unknown transform 99"). */
const char *transform_type_name(uint8_t type);
const char *transform_name(uint8_t type, uint16_t id); /* NULL when IANA has none that we know */

#endif
