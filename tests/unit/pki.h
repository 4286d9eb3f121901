/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, certificates and files for tests, made when the test runs: nothing here expires. The time is PKI_NOW. */
#ifndef CHARON_TEST_PKI_H
#define CHARON_TEST_PKI_H

#include "cert/cert.h"
#include "vault/keystore.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PKI_PLAIN
#include <cmocka.h>
#else /* a program without a test library */
#define fail_msg(...) (fprintf(stderr, __VA_ARGS__), abort())
#define assert_true(c) ((c) ? (void)0 : fail_msg("line %d\n", __LINE__))
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_int_equal(a, b) assert_true((a) == (b))
#endif

#include "suite/alg.h"

#define UNUSED __attribute__((unused))
#define PKI_NOW ((time_t)1800000000) /* 2027-01-15 */
#define PKI_DAY ((time_t)86400)

/* ---- keys: "rsa2048", "rsa1024", "rsa2048e3", "P-256", "P-384", "P-521", "ED25519", "ED448", "pss2048", a curve's name */
static UNUSED EVP_PKEY *pki_key(const char *kind)
{
    bool rsa = strncmp(kind, "rsa", 3) == 0, pss = strncmp(kind, "pss", 3) == 0;
    EVP_PKEY *key = NULL;

    if (rsa || pss) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, rsa ? "RSA" : "RSA-PSS", NULL);
        BIGNUM *e = BN_new();

        BN_set_word(e, strstr(kind, "e3") ? 3 : strstr(kind, "e257") ? 257 : 65537);
        assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, atoi(kind + 3)), 1);
        assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e), 1);
        assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
        BN_free(e);
        EVP_PKEY_CTX_free(ctx);
    } else if (strncmp(kind, "ED", 2) == 0) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    } else {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
    }
    assert_non_null(key);
    return key;
}

/* ---- certificates */
struct pki_spec {
    const char *subject;                                            /* as cert_dn_encode takes it; NULL: none */
    const char *san, *usage, *eku, *constraints, *name_constraints; /* OpenSSL's words; NULL: no such extension */
    time_t from, until;                                             /* 0: yesterday, in a year */
    const char *digest;                                             /* NULL: SHA2-256, or what the key implies */
    const char *odd;                                                /* an unknown critical extension: OID */
    const char *issuers, *crls;                                     /* where to fetch from: "caIssuers;URI:...", "URI:..." */
    long serial;                                                    /* 0: the next */
};
#define PKI_CA .usage = "critical,keyCertSign,cRLSign", .constraints = "critical,CA:TRUE"

static UNUSED void pki_extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    if (!value)
        return;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!e)
        fail_msg("extension %s", value);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static UNUSED void pki_odd(X509 *x, const char *oid)
{
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    ASN1_OBJECT *type = OBJ_txt2obj(oid, 1);
    X509_EXTENSION *e;

    ASN1_OCTET_STRING_set(value, (const uint8_t *)"\x05\x00", 2);
    e = X509_EXTENSION_create_by_OBJ(NULL, type, 1, value);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    ASN1_OBJECT_free(type);
    ASN1_OCTET_STRING_free(value);
}

static UNUSED X509_NAME *pki_name(const char *text)
{
    uint8_t der[CERT_DN_MAX];
    const uint8_t *p = der;
    int n = cert_dn_encode(text, der, sizeof(der));

    if (n <= 0)
        fail_msg("no DN: %s", text);
    return d2i_X509_NAME(NULL, &p, n);
}

/* issuer NULL: self-signed */
static UNUSED X509 *pki_cert(const struct pki_spec *s, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    static long serial;
    X509 *x = X509_new();
    X509_NAME *name = s->subject ? pki_name(s->subject) : X509_NAME_new();
    bool eddsa = EVP_PKEY_get_base_id(issuer_key) == EVP_PKEY_ED25519 || EVP_PKEY_get_base_id(issuer_key) == EVP_PKEY_ED448;

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), s->serial ? s->serial : ++serial);
    X509_set_subject_name(x, name);
    X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : name);
    X509_NAME_free(name);
    ASN1_TIME_set(X509_getm_notBefore(x), s->from ? s->from : PKI_NOW - PKI_DAY);
    ASN1_TIME_set(X509_getm_notAfter(x), s->until ? s->until : PKI_NOW + 365 * PKI_DAY);
    X509_set_pubkey(x, key);
    pki_extend(x, issuer ? issuer : x, NID_basic_constraints, s->constraints);
    pki_extend(x, issuer ? issuer : x, NID_key_usage, s->usage);
    pki_extend(x, issuer ? issuer : x, NID_ext_key_usage, s->eku);
    pki_extend(x, issuer ? issuer : x, NID_subject_alt_name, s->san);
    pki_extend(x, issuer ? issuer : x, NID_name_constraints, s->name_constraints);
    pki_extend(x, issuer ? issuer : x, NID_subject_key_identifier, "hash");
    pki_extend(x, issuer ? issuer : x, NID_info_access, s->issuers);
    pki_extend(x, issuer ? issuer : x, NID_crl_distribution_points, s->crls);
    if (s->odd)
        pki_odd(x, s->odd);
    if (X509_sign(x, issuer_key, eddsa ? NULL : EVP_get_digestbyname(s->digest ? s->digest : "SHA2-256")) <= 0)
        fail_msg("cannot sign");
    return x;
}

/* ---- files in memory: for a keystore, and for the judge */
struct pki_file {
    char name[64];
    uint8_t *data;
    size_t len;
};
static UNUSED struct pki_file pki_files[64];
static UNUSED size_t pki_n_files;

static UNUSED struct pki_file *pki_find(const char *name)
{
    for (size_t i = 0; i < pki_n_files; i++)
        if (strcmp(pki_files[i].name, name) == 0)
            return &pki_files[i];
    return NULL;
}
static UNUSED const char *pki_put(const char *name, const void *data, size_t len)
{
    struct pki_file *f = pki_find(name);

    assert_true(f || pki_n_files < COUNT_OF(pki_files));
    if (!f)
        f = &pki_files[pki_n_files++];
    free(f->data);
    snprintf(f->name, sizeof(f->name), "%s", name);
    f->data = malloc(len ? len : 1);
    memcpy(f->data, data, len);
    f->len = len;
    return f->name;
}
static UNUSED const char *pki_put_bio(const char *name, BIO *bio)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    const char *kept = pki_put(name, p, (size_t)n);

    BIO_free(bio);
    return kept;
}
static UNUSED const char *pki_put_key(const char *name, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    return pki_put_bio(name, bio);
}
static UNUSED const char *pki_put_certs(const char *name, X509 *const *v, size_t n)
{
    BIO *bio = BIO_new(BIO_s_mem());

    for (size_t i = 0; i < n; i++)
        PEM_write_bio_X509(bio, v[i]);
    return pki_put_bio(name, bio);
}
static UNUSED void pki_files_free(void)
{
    while (pki_n_files)
        free(pki_files[--pki_n_files].data);
    memset(pki_files, 0, sizeof(pki_files));
}
static UNUSED int pki_load_secret(void *ctx, enum keystore_kind kind, const char *ref, struct secret *out, struct text *why)
{
    struct pki_file *f = pki_find(ref);

    (void)ctx;
    (void)kind;
    if (f)
        return secret_set(out, span_of(f->data, f->len));
    text_add(why, "%s: no such file", ref);
    return ERR_NOT_FOUND;
}
static UNUSED int pki_load(void *ctx, const char *path, struct buf *out)
{
    struct pki_file *f = pki_find(path);

    (void)ctx;
    if (!f)
        return ERR_NOT_FOUND;
    buf_bytes(out, f->data, f->len);
    return out->failed ? ERR_LIMIT : 0;
}
static const struct keystore pki_keystore UNUSED = {.load = pki_load_secret};

/* ---- a generator and a PRF of the test's own */
static uint8_t pki_random = 7; /* every byte of it */
static UNUSED void pki_fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, pki_random, len);
}
static const struct rng pki_rng UNUSED = {pki_fill, NULL};

static UNUSED int pki_hmac(const struct alg *alg, struct span key, const struct span *parts, size_t n_parts, uint8_t *out)
{
    static uint8_t all[70000];
    size_t len = 0;

    (void)alg;
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].len)
            memcpy(all + len, parts[i].p, parts[i].len);
        len += parts[i].len;
    }
    return HMAC(EVP_sha256(), key.p, (int)key.len, all, len, out, NULL) ? 0 : ERR_CRYPTO;
}
static const struct alg_mac pki_mac UNUSED = {pki_hmac};
static const struct alg pki_prf UNUSED = {
    .type = TRANSFORM_PRF, .id = 5, .name = "prfsha256", .key_len = 32, .out_len = 32, .mac = &pki_mac};

#endif
