/* SPDX-License-Identifier: Apache-2.0 */
#include "cert/cert.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

int cert_decode(struct span der, struct x509_st **out)
{
    const uint8_t *p = der.p;

    *out = NULL;
    if (der.len == 0)
        return ERR_BAD;
    if (der.len > CERT_DER_MAX)
        return ERR_LIMIT;
    *out = d2i_X509(NULL, &p, (long)der.len);
    ERR_clear_error();
    if (*out && p == der.p + der.len)
        return 0;
    X509_free(*out);
    *out = NULL;
    return ERR_BAD;
}

void cert_free(struct x509_st *x)
{
    X509_free(x);
}

void cert_free_all(struct x509_st **v, size_t n)
{
    while (n)
        X509_free(v[--n]);
}

/* DER begins with a SEQUENCE, which is no letter of a PEM file's. */
static bool is_pem(struct span file)
{
    return file.len && file.p[0] != 0x30;
}

static int take(struct span der, struct x509_st **out, size_t max, size_t *n, struct text *why)
{
    int err;

    if (*n == max) {
        text_add(why, "more than %zu certificates", max);
        return ERR_LIMIT;
    }
    err = cert_decode(der, &out[*n]);
    if (err != 0)
        text_add(why, "certificate %zu is %s", *n + 1, err == ERR_LIMIT ? "larger than 16 KiB" : "broken");
    else
        ++*n;
    return err;
}

static int read_pem(struct span file, struct x509_st **out, size_t max, size_t *n, struct text *why)
{
    BIO *bio = BIO_new_mem_buf(file.p, (int)file.len);
    char *name = NULL, *header = NULL;
    uint8_t *data = NULL;
    long len = 0;
    int err = bio ? 0 : ERR_MEMORY;

    while (err == 0 && PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
        if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0)
            err = take(span_of(data, (size_t)len), out, max, n, why);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)len);
    }
    ERR_clear_error();
    BIO_free(bio);
    return err;
}

int cert_file_read(struct span file, struct x509_st **out, size_t max, size_t *n, struct text *why)
{
    int err;

    *n = 0;
    if (file.len > INT32_MAX)
        return ERR_LIMIT;
    if (is_pem(file)) {
        err = read_pem(file, out, max, n, why);
    } else {
        err = max ? cert_decode(file, &out[0]) : ERR_LIMIT;
        *n = err == 0;
    }
    if (*n == 0 && err == 0)
        err = ERR_BAD;
    if (err != 0 && why->len == 0)
        text_add(why, "no certificate in it, neither PEM (-----BEGIN CERTIFICATE-----) nor DER");
    if (err != 0) {
        cert_free_all(out, *n);
        *n = 0;
    }
    return err;
}

struct span cert_der(struct x509_st *x, struct arena *a)
{
    int n = i2d_X509(x, NULL);
    uint8_t *p = n > 0 ? arena_alloc(a, (size_t)n) : NULL, *end = p;

    return p && i2d_X509(x, &end) == n ? span_of(p, (size_t)n) : SPAN_NONE;
}

struct span cert_subject(struct x509_st *x, struct arena *a)
{
    const X509_NAME *name = X509_get_subject_name(x);
    int n = X509_NAME_entry_count(name) > 0 ? i2d_X509_NAME(name, NULL) : 0;
    uint8_t *p = n > 0 ? arena_alloc(a, (size_t)n) : NULL, *end = p;

    return p && i2d_X509_NAME(name, &end) == n ? span_of(p, (size_t)n) : SPAN_NONE;
}

void cert_hash(struct x509_st *x, uint8_t out[CERT_HASH_LEN])
{
    uint8_t *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

    memset(out, 0, CERT_HASH_LEN);
    if (n > 0)
        EVP_Digest(der, (size_t)n, out, NULL, EVP_sha1(), NULL);
    OPENSSL_free(der);
}

int cert_ca_hashes(struct span file, uint8_t *out, size_t cap)
{
    struct x509_st *v[CERT_FILE_CERTS];
    char sentence[128];
    struct text why = text_in(sentence, sizeof(sentence));
    size_t n = 0;
    int err = cert_file_read(file, v, COUNT_OF(v), &n, &why);

    if (err == 0 && n * CERT_HASH_LEN > cap)
        err = ERR_LIMIT;
    for (size_t i = 0; err == 0 && i < n; i++)
        cert_hash(v[i], out + i * CERT_HASH_LEN);
    cert_free_all(v, n);
    return err == 0 ? (int)(n * CERT_HASH_LEN) : err;
}

bool cert_self_signed(struct x509_st *x)
{
    return X509_self_signed(x, 0) == 1;
}

bool cert_issued(struct x509_st *issuer, struct x509_st *x)
{
    return X509_check_issued(issuer, x) == X509_V_OK;
}

void cert_print(struct x509_st *x, struct text *out)
{
    const X509_NAME *name = X509_get_subject_name(x);
    uint8_t *der = NULL;
    int n = i2d_X509_NAME(name, &der);

    if (X509_NAME_entry_count(name) > 0 && n > 0) {
        cert_dn_print(span_of(der, (size_t)n), out);
    } else {
        const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
        char hex[2 * 20 + 1];

        hex_format(hex, sizeof(hex),
                   span_part(span_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)), 0, 20));
        text_add(out, "serial %s", hex);
    }
    OPENSSL_free(der);
}
