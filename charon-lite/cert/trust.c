/* SPDX-License-Identifier: Apache-2.0 */
#include "cert/cert.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* Security level 2 of OpenSSL: 112 bits; RSA from 2048 bits, no SHA-1 signature below the anchor. */
enum { AUTH_LEVEL = 2 };

struct cert_trust {
    X509_STORE *store;
    size_t n;
};

struct cert_trust *cert_trust_new(void)
{
    struct cert_trust *t = calloc(1, sizeof(*t));

    if (t)
        t->store = X509_STORE_new();
    return t && t->store ? t : cert_trust_free(t);
}

struct cert_trust *cert_trust_free(struct cert_trust *t)
{
    if (t)
        X509_STORE_free(t->store);
    free(t);
    return NULL;
}

size_t cert_trust_count(const struct cert_trust *t)
{
    return t->n;
}

int cert_trust_add(struct cert_trust *t, struct x509_st *x, struct text *why)
{
    char sentence[160];
    struct text weak = text_in(sentence, sizeof(sentence));

    if (X509_check_ca(x) != 1) {
        cert_print(x, why);
        text_add(why, " is not a CA certificate (no basicConstraints CA:TRUE, or no keyCertSign): a peer's own certificate goes "
                      "under `pinned`");
        return ERR_REFUSED;
    }
    if (cert_key_kind(X509_get0_pubkey(x), &weak) == KEY_REFUSED) {
        cert_print(x, why);
        text_add(why, " has %s", sentence);
        return ERR_REFUSED;
    }
    if (X509_STORE_add_cert(t->store, x) != 1)
        return ERR_MEMORY;
    t->n++;
    return 0;
}

/* ---- reasons */

static void time_format(const ASN1_TIME *when, struct text *out)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(when, &tm) == 1)
        text_add(out, "%04d-%02d-%02d %02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
    else
        text_add(out, "an unreadable time");
}

static bool issuer_missing(int error)
{
    return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT || error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE || error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
}

static void explain(X509_STORE_CTX *ctx, struct text *why)
{
    int error = X509_STORE_CTX_get_error(ctx);
    X509 *x = X509_STORE_CTX_get_current_cert(ctx);

    text_add(why, "certificate ");
    if (x)
        cert_print(x, why);
    if (x && error == X509_V_ERR_CERT_HAS_EXPIRED) {
        text_add(why, " expired at ");
        time_format(X509_get0_notAfter(x), why);
    } else if (x && error == X509_V_ERR_CERT_NOT_YET_VALID) {
        text_add(why, " is not valid before ");
        time_format(X509_get0_notBefore(x), why);
        text_add(why, " (is this machine's clock right?)");
    } else if (x && issuer_missing(error)) {
        uint8_t *der = NULL;
        int n = i2d_X509_NAME(X509_get_issuer_name(x), &der);

        text_add(why, " was issued by ");
        cert_dn_print(span_of(der, n > 0 ? (size_t)n : 0), why);
        text_add(why, ", which is none of the CAs configured for this peer (set remote.ca), nor an intermediate that it sent");
        OPENSSL_free(der);
    } else {
        text_add(why, ": %s", X509_verify_cert_error_string(error));
    }
}

static int refuse(X509 *x, struct text *why, const char *what)
{
    text_add(why, "certificate ");
    cert_print(x, why);
    text_add(why, " %s", what);
    return ERR_REFUSED;
}

/* ---- what OpenSSL's verifier leaves to its user */

static bool eku_fits(X509 *x)
{
    /* RFC 4945 5.1.3.12, and what real gateways have: TLS roles, and the retired IPsec ones of RFC 2459 */
    static const char *const fit[] = {"2.5.29.37.0",       "1.3.6.1.5.5.7.3.17", "1.3.6.1.5.5.8.2.2", "1.3.6.1.5.5.7.3.1",
                                      "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.5",  "1.3.6.1.5.5.7.3.6", "1.3.6.1.5.5.7.3.7"};
    int critical = 0;
    EXTENDED_KEY_USAGE *uses = X509_get_ext_d2i(x, NID_ext_key_usage, &critical, NULL);
    bool fits = !uses && critical == -1; /* no such extension; -2 or a value without uses: broken */

    for (int i = 0; !fits && i < sk_ASN1_OBJECT_num(uses); i++) {
        char oid[64];

        OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(uses, i), 1);
        for (size_t k = 0; !fits && k < COUNT_OF(fit); k++)
            fits = span_equal(span_str(oid), span_str(fit[k]));
    }
    EXTENDED_KEY_USAGE_free(uses);
    return fits;
}

static int check_key(X509 *x, struct text *why)
{
    char sentence[160] = "";
    struct text weak = text_in(sentence, sizeof(sentence));

    if (cert_key_kind(X509_get0_pubkey(x), &weak) != KEY_REFUSED)
        return 0;
    refuse(x, why, "has ");
    text_add(why, "%s", sentence);
    return ERR_REFUSED;
}

/* RFC 4945 5.1.3.2: key usage, if there is one, has digitalSignature or nonRepudiation. */
static int check_own(X509 *x, struct text *why)
{
    if (!(X509_get_key_usage(x) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
        return refuse(x, why, "is not for signatures (its keyUsage lacks digitalSignature)");
    return 0;
}

static int check_link(X509 *x, bool own, bool anchor, struct text *why)
{
    if (own && check_own(x, why) != 0)
        return ERR_REFUSED;
    if (!own && X509_check_ca(x) != 1)
        return refuse(x, why, "issued another one, but is no CA (no basicConstraints CA:TRUE)");
    if (!anchor && !eku_fits(x))
        return refuse(x, why, "is not for IKE (its extendedKeyUsage has none of ipsecIKE, serverAuth, clientAuth)");
    return check_key(x, why);
}

static time_t seconds(const ASN1_TIME *when)
{
    struct tm tm;

    return ASN1_TIME_to_tm(when, &tm) == 1 ? timegm(&tm) : 0;
}

static void narrow(struct cert_window *w, X509 *x)
{
    time_t from = seconds(X509_get0_notBefore(x)), until = seconds(X509_get0_notAfter(x));

    w->from = from > w->from ? from : w->from;
    w->until = until < w->until ? until : w->until;
}

static int check_chain(X509_STORE_CTX *ctx, struct cert_window *w, struct text *why)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    int n = sk_X509_num(chain), err = n > 0 ? 0 : ERR_REFUSED;

    for (int i = 0; err == 0 && i < n; i++) {
        err = check_link(sk_X509_value(chain, i), i == 0, i == n - 1, why);
        narrow(w, sk_X509_value(chain, i));
    }
    return err;
}

static int verify(X509_STORE_CTX *ctx, time_t now, struct cert_window *w, struct text *why)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

    X509_VERIFY_PARAM_set_time(param, now);
    X509_VERIFY_PARAM_set_depth(param, CERT_CHAIN_MAX);
    X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
    /* an intermediate CA may be the anchor; no other store is looked into */
    if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1)
        return ERR_MEMORY;
    if (X509_verify_cert(ctx) != 1) {
        explain(ctx, why);
        return ERR_REFUSED;
    }
    return check_chain(ctx, w, why);
}

int cert_trust_check(const struct cert_trust *t, struct x509_st *own, struct x509_st *const *sent, size_t n_sent, time_t now,
                     struct cert_window *w, struct text *why)
{
    STACK_OF(X509) *others = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int err = ctx && others ? 0 : ERR_MEMORY;

    *w = (struct cert_window){.until = INT64_MAX};
    for (size_t i = 0; err == 0 && i < n_sent && i < CERT_CHAIN_MAX; i++)
        err = sk_X509_push(others, sent[i]) > 0 ? 0 : ERR_MEMORY;
    if (err == 0 && X509_STORE_CTX_init(ctx, t->store, own, others) != 1)
        err = ERR_MEMORY;
    if (err == 0)
        err = verify(ctx, now, w, why);
    X509_STORE_CTX_free(ctx);
    sk_X509_free(others);
    ERR_clear_error();
    return err;
}

int cert_check_use(struct x509_st *x, bool own, struct text *why)
{
    return check_link(x, own, false, why);
}

int cert_check_alone(struct x509_st *x, time_t now, struct cert_window *w, struct text *why)
{
    *w = (struct cert_window){.until = INT64_MAX};
    narrow(w, x);
    if (now < w->from || now >= w->until) {
        text_add(why, "certificate ");
        cert_print(x, why);
        text_add(why, now < w->from ? " is not valid before " : " expired at ");
        time_format(now < w->from ? X509_get0_notBefore(x) : X509_get0_notAfter(x), why);
        return ERR_REFUSED;
    }
    return check_key(x, why);
}
