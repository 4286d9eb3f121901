/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cert - who a certificate names and whether it is to be believed: from bytes and a given time, with OpenSSL's X.509 and no
 * parser, matcher or verifier of our own. It opens no file, reads no clock, and follows no URL that a certificate contains.
 *
 *     PEM or DER --cert_file_read--> certificates --cert_trust_check(anchors, time)--> believed? until when?
 *                                            --cert_names(id)-----------------> is this one of its names?
 *                                            --cert_key_kind------------------> a key that we accept, and of which kind
 *
 * Files: dn.c (distinguished names and text), read.c (bytes to certificates, hashes for CERTREQ), name.c (identities), key.c
 * (public keys), trust.c (anchors and chains), scheme.c (signature schemes, scheme.h), proof.c (AUTH octets, proof.h).
 */
#ifndef CHARON_CERT_H
#define CHARON_CERT_H

#include <time.h>

#include "base/base.h"
#include "suite/id.h"

struct x509_st;
struct evp_pkey_st;

#define CERT_DER_MAX 16384 /* bytes of one certificate */
#define CERT_CHAIN_MAX 10  /* certificates in a chain, the peer's own included */
#define CERT_FILE_CERTS 64 /* certificates in a file */
#define CERT_DN_MAX 1024   /* bytes of an encoded DN */
#define CERT_DN_TEXT 1024  /* characters of a printed one; the rest is cut off */
#define CERT_HASH_LEN 20   /* SHA-1 of a SubjectPublicKeyInfo (RFC 7296 3.7) */

/* ---- dn.c: text of a DN. Attributes by short name (CN, O, OU, C, ST, L, DC, UID, emailAddress or E, serialNumber ...) or dotted
 * OID. "C=CH, O=Example, CN=fra"   from the general to the particular: the order of the encoding "CN=fra, O=Example, C=CH"   the
 * order of RFC 4514; recognised, because its first attribute is more particular than its last
 *   "/CN=fra/O=Example"         as encoded, whatever the order: for certificates that begin with the particular
 * A comma, plus, quote or backslash in a value is written with a backslash before it, or the value in "quotes". */

/* Number of bytes, ERR_BAD when it is no DN, ERR_LIMIT when it does not fit. For conf_setup.dn_encode. */
int cert_dn_encode(const char *text, uint8_t *out, size_t cap) MUST_USE;
/* In a form that cert_dn_encode reads back, unless it is longer than CERT_DN_TEXT and ends with "..."; anything unprintable
 * escaped. A span that is no DN prints as hex. */
void cert_dn_print(struct span der, struct text *out);
/* As X.509 compares: string types, case and blanks do not count (RFC 5280 7.1). `any_order`: or one is the other backwards. */
bool cert_dn_equal(struct span a, struct span b, bool any_order);
/* A pattern like "CN=*, O=Example": a value `*` stands for any value; the same attributes otherwise, in either order. */
bool cert_dn_matches(const char *pattern, struct span der);

/* ---- read.c */
/* One certificate in DER, nothing after it. 0, ERR_LIMIT or ERR_BAD. The caller frees. */
int cert_decode(struct span der, struct x509_st **out) MUST_USE;
void cert_free(struct x509_st *); /* NULL-safe */
/* A file: certificates in PEM (other blocks and text between them are skipped), or one in DER. At most max: ERR_LIMIT. ERR_BAD,
 * and a sentence, if there is none or one is broken. */
int cert_file_read(struct span file, struct x509_st **out, size_t max, size_t *n, struct text *why) MUST_USE;
void cert_free_all(struct x509_st **, size_t n);
struct span cert_der(struct x509_st *, struct arena *);     /* SPAN_NONE when failed */
struct span cert_subject(struct x509_st *, struct arena *); /* DER of the subject; SPAN_NONE when empty */
void cert_hash(struct x509_st *, uint8_t out[CERT_HASH_LEN]);
/* Of all certificates in a file, for conf_setup.ca_hashes. Number of bytes or ERR_*. */
int cert_ca_hashes(struct span file, uint8_t *out, size_t cap) MUST_USE;
bool cert_self_signed(struct x509_st *);                    /* issued by its own name and key */
bool cert_issued(struct x509_st *issuer, struct x509_st *); /* by name, key identifier and key usage; no signature is verified */
/* Its subject (or "serial N" without one), printable. */
void cert_print(struct x509_st *, struct text *out);

/* ---- name.c */
/* Is this ID one of the certificate's names? IP addresses, FQDN (the certificate may have a wildcard, the ID may not) and RFC822
 * by subjectAltName, DN by the subject, KEY_ID by the subject key identifier (RFC 4945 3.1). */
bool cert_names(struct x509_st *, const struct id *);
/* Is this ID the one that the configuration wants: `dn_pattern` if that is not NULL, else `wanted` (ID_NONE: any; DNs as X.509
 * compares them, in either order; the rest as id_matches())? */
bool cert_id_wanted(const struct id *wanted, const char *dn_pattern, const struct id *);
/* What it names, for messages: "gw1.example.com, 192.0.2.1, CN=gw1". */
void cert_names_print(struct x509_st *, struct text *out);

/* ---- key.c */
enum key_kind {
    KEY_REFUSED = 0,
    KEY_RSA = 1,
    KEY_RSA_PSS = 2, /* a key that its owner allows for PSS only */
    KEY_P256 = 4,
    KEY_P384 = 8,
    KEY_P521 = 16,
    KEY_ED25519 = 32,
    KEY_ED448 = 64,
};
#define KEY_RSA_BITS_MIN 2048
#define KEY_RSA_BITS_MAX 16384
/* KEY_REFUSED, and a sentence, for what we do not accept: RSA below 2048 bits or with e < 65537, other curves, DSA ... */
enum key_kind cert_key_kind(const struct evp_pkey_st *, struct text *why);
size_t cert_key_bits(const struct evp_pkey_st *);

/* ---- trust.c */
/* A set of trust anchors. */
struct cert_trust;
struct cert_trust *cert_trust_new(void);
struct cert_trust *cert_trust_free(struct cert_trust *);
/* An anchor (the caller keeps its own reference). ERR_REFUSED, and a sentence, when it is no CA certificate; ERR_MEMORY. */
int cert_trust_add(struct cert_trust *, struct x509_st *, struct text *why) MUST_USE;
size_t cert_trust_count(const struct cert_trust *);
/* How long a chain holds: from <= now < until. */
struct cert_window {
    time_t from, until;
};
/* Does a chain lead from `own` over some of `sent` to an anchor, all of it valid at `now`, fit for IKE by key usage and extended
 * key usage, CAs with basicConstraints, name constraints kept, no key or digest too weak? 0 and the window, or ERR_REFUSED and a
 * sentence that names the certificate. */
int cert_trust_check(const struct cert_trust *, struct x509_st *own, struct x509_st *const *sent, size_t n_sent, time_t now,
                     struct cert_window *, struct text *why) MUST_USE;
/* What cert_trust_check wants of a certificate that is sent, whatever the anchors: key usage (of its own one), extended key
 * usage, CAs that are CAs, a key that we accept. */
int cert_check_use(struct x509_st *, bool own, struct text *why) MUST_USE;
/* Only what a pinned certificate needs: its own time, and a key that we accept. */
int cert_check_alone(struct x509_st *, time_t now, struct cert_window *, struct text *why) MUST_USE;

#endif
