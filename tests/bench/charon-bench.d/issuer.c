/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/charon-bench.d/issuer.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum { SERIAL_BITS = 127, DAY = 86400, ALT_NAME_MAX = 200 };

struct issuer {
    EVP_PKEY *key, *ca_key;
    X509 *ca;
};

/* What `read` makes of a PEM file. */
static void *read_file(const char *path, void *(*read)(FILE *), const char *what)
{
    FILE *file = fopen(path, "r");
    void *found = file ? read(file) : NULL;

    if (file)
        fclose(file);
    if (!found)
        fprintf(stderr, "charon-bench: no %s in %s\n", what, path);
    return found;
}

static void *read_key(FILE *file)
{
    return PEM_read_PrivateKey(file, NULL, NULL, NULL);
}

static void *read_certificate(FILE *file)
{
    return PEM_read_X509(file, NULL, NULL, NULL);
}

struct issuer *issuer_new(const char *key, const char *ca, const char *ca_key)
{
    struct issuer *i = calloc(1, sizeof(*i));

    if (!i)
        return NULL;
    i->key = read_file(key, read_key, "private key");
    i->ca_key = read_file(ca_key, read_key, "private key");
    i->ca = read_file(ca, read_certificate, "certificate");
    return i->key && i->ca_key && i->ca ? i : issuer_free(i);
}

struct issuer *issuer_free(struct issuer *i)
{
    if (!i)
        return NULL;
    EVP_PKEY_free(i->key);
    EVP_PKEY_free(i->ca_key);
    X509_free(i->ca);
    free(i);
    return NULL;
}

static bool extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;
    bool ok;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = e && X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    return ok;
}

static bool serial(X509 *x)
{
    BIGNUM *n = BN_new();
    bool ok =
        n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));

    BN_free(n);
    return ok;
}

static bool names(X509 *x, const char *identity)
{
    X509_NAME *subject = X509_get_subject_name(x);

    return X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"charon-bench", -1, -1, 0) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)identity, -1, -1, 0);
}

static bool fill(const struct issuer *i, X509 *x, const char *identity)
{
    char alt[ALT_NAME_MAX];

    snprintf(alt, sizeof(alt), "email:%s", identity);
    return X509_set_version(x, X509_VERSION_3) && serial(x) && names(x, identity) &&
           X509_set_issuer_name(x, X509_get_subject_name(i->ca)) && X509_gmtime_adj(X509_getm_notBefore(x), -DAY) &&
           X509_gmtime_adj(X509_getm_notAfter(x), 30L * DAY) && X509_set_pubkey(x, i->key) &&
           extend(x, i->ca, NID_key_usage, "critical,digitalSignature") && extend(x, i->ca, NID_subject_alt_name, alt) &&
           X509_sign(x, i->ca_key, EVP_sha256()) > 0;
}

int issuer_certificate(const struct issuer *i, const char *identity, struct secret *out)
{
    X509 *x = X509_new();
    unsigned char *der = NULL;
    int len = x && fill(i, x, identity) ? i2d_X509(x, &der) : -1;
    int err = len > 0 ? secret_set(out, span_of(der, (size_t)len)) : ERR_CRYPTO;

    OPENSSL_free(der);
    X509_free(x);
    return err;
}

EVP_PKEY *issuer_key(const struct issuer *i)
{
    return EVP_PKEY_up_ref(i->key) ? i->key : NULL;
}
