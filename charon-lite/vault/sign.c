/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/sign.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "cert/scheme.h"

enum { SIGNATURE_MAX = KEY_RSA_BITS_MAX / 8 };

struct vault_key {
    EVP_PKEY *key;
    enum key_kind kind;
    size_t bits;
    struct arena arena;
    struct span subject;
    struct span certs[CERT_CHAIN_MAX]; /* own first, then its issuers; no root */
    size_t n_certs;
};

/* ---- loading */

/* An encrypted key has nobody to ask for its pass phrase. */
static int no_phrase(char *buf, int size, int writing, void *asked)
{
    (void)buf;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

static int key_decode(struct span file, const char *path, EVP_PKEY **out, struct text *why)
{
    bool encrypted = false;
    BIO *bio = BIO_new_mem_buf(file.p, (int)file.len);
    const uint8_t *p = file.p;

    *out = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_phrase, &encrypted) : NULL;
    if (!*out && !encrypted)
        *out = d2i_AutoPrivateKey(NULL, &p, (long)file.len);
    BIO_free(bio);
    ERR_clear_error();
    if (*out)
        return 0;
    text_add(why,
             encrypted ? "%s is encrypted: store the key without a pass phrase (openssl pkey -in %s -out KEY), closed to others"
                       : "%s is no private key, neither PEM nor DER",
             path, path);
    return ERR_BAD;
}

static int key_load(const struct keystore *store, const char *path, EVP_PKEY **out, struct text *why)
{
    struct secret file = {0};
    int err = store->key ? store->key(store->ctx, path, out, why) : ERR_UNSUPPORTED;

    if (err != ERR_UNSUPPORTED)
        return err;
    err = store->load(store->ctx, KEYSTORE_KEY, path, &file, why);
    if (err == 0)
        err = key_decode(secret_view(&file), path, out, why);
    secret_done(&file);
    return err;
}

static int certs_load(const struct keystore *store, const char *path, X509 **v, size_t *n, struct text *why)
{
    char sentence[160];
    struct text inner = text_in(sentence, sizeof(sentence));
    struct secret file = {0};
    int err = store->load(store->ctx, KEYSTORE_CERT, path, &file, why);

    if (err == 0) {
        err = cert_file_read(secret_view(&file), v, CERT_FILE_CERTS, n, &inner);
        if (err != 0)
            text_add(why, "%s: %s", path, sentence);
    }
    secret_done(&file);
    return err;
}

/* The certificate of this key: the first by custom, any other by tolerance. */
static X509 *own_of(EVP_PKEY *key, X509 **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (X509_check_private_key(v[i], key) == 1)
            return v[i];
    ERR_clear_error();
    return NULL;
}

static X509 *issuer_of(X509 *x, X509 **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] != x && cert_issued(v[i], x))
            return v[i];
    return NULL;
}

/* Own certificate and intermediates in order; roots are not sent (the peer must have them), nor what is not in the chain. */
static int chain_order(struct vault_key *k, X509 *own, X509 **v, size_t n)
{
    for (X509 *x = own; x && (x == own || !cert_self_signed(x)); x = issuer_of(x, v, n)) {
        if (k->n_certs == CERT_CHAIN_MAX)
            return ERR_LIMIT;
        k->certs[k->n_certs] = cert_der(x, &k->arena);
        if (!k->certs[k->n_certs].len)
            return ERR_MEMORY;
        k->n_certs++;
    }
    return 0;
}

static int fit(struct vault_key *k, const char *key, const char *cert, X509 **v, size_t n, struct text *why)
{
    char sentence[160] = "";
    struct text weak = text_in(sentence, sizeof(sentence));
    X509 *own = own_of(k->key, v, n);
    int err;

    k->kind = cert_key_kind(k->key, &weak);
    k->bits = cert_key_bits(k->key);
    if (k->kind == KEY_REFUSED) {
        text_add(why, "%s holds %s", key, sentence);
        return ERR_REFUSED;
    }
    if (!own) {
        text_add(why, "%s does not fit %s: that certificate (", key, cert);
        cert_print(v[0], why);
        text_add(why, ") has another key");
        return ERR_REFUSED;
    }
    k->subject = cert_subject(own, &k->arena);
    err = chain_order(k, own, v, n);
    if (err == ERR_LIMIT)
        text_add(why, "%s: a chain of more than %d certificates", cert, CERT_CHAIN_MAX);
    return err;
}

int vault_key_load(const struct keystore *store, const char *key, const char *cert, struct vault_key **out, struct text *why)
{
    struct vault_key *k = calloc(1, sizeof(*k));
    X509 *v[CERT_FILE_CERTS];
    size_t n = 0;
    int err = k ? 0 : ERR_MEMORY;

    *out = NULL;
    if (err == 0) {
        arena_init(&k->arena, (CERT_CHAIN_MAX + 1) * (CERT_DER_MAX + 16));
        err = key_load(store, key, &k->key, why);
    }
    if (err == 0)
        err = certs_load(store, cert, v, &n, why);
    if (err == 0)
        err = fit(k, key, cert, v, n, why);
    cert_free_all(v, n);
    if (err == 0)
        *out = k;
    else
        vault_key_free(k);
    return err;
}

struct vault_key *vault_key_free(struct vault_key *k)
{
    if (!k)
        return NULL;
    EVP_PKEY_free(k->key);
    arena_done(&k->arena);
    free(k);
    return NULL;
}

/* ---- using */

struct span vault_key_subject(const struct vault_key *k)
{
    return k->subject;
}

size_t vault_key_count(const struct vault_key *k)
{
    return k->n_certs;
}

struct span vault_key_cert(const struct vault_key *k, size_t i)
{
    return i < k->n_certs ? k->certs[i] : SPAN_NONE;
}

void vault_key_certs(const struct vault_key *k, struct answer *out, struct arena *arena)
{
    struct span *v = arena_alloc(arena, k->n_certs * sizeof(*v));

    for (size_t i = 0; v && i < k->n_certs; i++)
        v[i] = arena_copy(arena, k->certs[i]);
    out->u.auth.certs = v;
    out->u.auth.n_certs = v ? k->n_certs : 0;
}

static bool padding_set(EVP_PKEY_CTX *p, const struct scheme *s)
{
    if (s->padding == PADDING_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PADDING) == 1;
    if (s->padding == PADDING_PSS)
        return EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST) == 1;
    return true;
}

static int sign(const struct vault_key *k, const struct scheme *s, struct span octets, uint8_t *out, size_t *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p;
    bool good = ctx && EVP_DigestSignInit_ex(ctx, &p, scheme_digest(s), NULL, NULL, k->key, NULL) == 1 && padding_set(p, s) &&
                EVP_DigestSign(ctx, out, len, octets.p, octets.len) == 1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good ? 0 : ERR_CRYPTO;
}

/* RFC 4754 7: r and s, each as long as the group's order, one after the other. */
static int coordinates(const struct scheme *s, uint8_t *signature, size_t *len)
{
    const uint8_t *p = signature;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)*len);
    bool good = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, s->coordinate) == s->coordinate &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + s->coordinate, s->coordinate) == s->coordinate;

    ECDSA_SIG_free(sig);
    *len = (size_t)s->coordinate * 2;
    return good ? 0 : ERR_CRYPTO;
}

int vault_key_sign(const struct vault_key *k, const struct ask_auth *a, bool sha1, struct span octets, struct answer *out,
                   struct arena *arena, struct text *why)
{
    const struct scheme *s = scheme_choose(k->kind, k->bits, a->hashes, sha1, why);
    uint8_t signature[SIGNATURE_MAX];
    size_t len = sizeof(signature);
    struct buf data;
    int err = s ? sign(k, s, octets, signature, &len) : ERR_UNSUPPORTED;

    if (err == 0 && s->coordinate)
        err = coordinates(s, signature, &len);
    if (err != 0)
        return err;
    buf_init(&data, 1 + 255 + SIGNATURE_MAX);
    if (s->algorithm.len)
        buf_u8(&data, (uint8_t)s->algorithm.len); /* RFC 7427 3: ASN.1 Length, AlgorithmIdentifier, signature */
    buf_span(&data, s->algorithm);
    buf_bytes(&data, signature, len);
    out->u.auth.method = s->method;
    out->u.auth.data = arena_copy(arena, buf_view(&data));
    err = data.failed ? ERR_MEMORY : out->u.auth.data.len ? 0 : ERR_LIMIT;
    buf_done(&data);
    return err;
}
