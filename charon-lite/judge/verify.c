/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/verify.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

enum { COORDINATE_MAX = 66, DER_SIGNATURE_MAX = 2 * COORDINATE_MAX + 16 };

static bool padding_set(EVP_PKEY_CTX *p, const struct scheme *s)
{
    if (s->padding == PADDING_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PADDING) == 1;
    if (s->padding == PADDING_PSS) /* salt of exactly the digest's length, MGF1 with the same digest */
        return EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md_name(p, scheme_digest(s), NULL) == 1;
    return true;
}

/* OpenSSL says 1 for a good signature, and 0, -1 or -2 for all that is not one. */
static bool verify_der(const struct scheme *s, EVP_PKEY *key, struct span octets, struct span signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p;
    bool good = ctx && EVP_DigestVerifyInit_ex(ctx, &p, scheme_digest(s), NULL, NULL, key, NULL) == 1 && padding_set(p, s) &&
                EVP_DigestVerify(ctx, signature.p, signature.len, octets.p, octets.len) == 1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

/* RFC 4754 7: r and s, each of exactly the length of the group's order. */
static bool verify_raw(const struct scheme *s, EVP_PKEY *key, struct span octets, struct span signature)
{
    uint8_t der[DER_SIGNATURE_MAX], *end = der;
    ECDSA_SIG *sig;
    BIGNUM *r, *v;
    int len = 0;

    if (signature.len != (size_t)s->coordinate * 2 || s->coordinate > COORDINATE_MAX)
        return false;
    sig = ECDSA_SIG_new();
    r = BN_bin2bn(signature.p, s->coordinate, NULL);
    v = BN_bin2bn(signature.p + s->coordinate, s->coordinate, NULL);
    if (sig && r && v && ECDSA_SIG_set0(sig, r, v) == 1) {
        len = i2d_ECDSA_SIG(sig, NULL);
        len = len > 0 && (size_t)len <= sizeof(der) ? i2d_ECDSA_SIG(sig, &end) : 0;
    } else {
        BN_free(r);
        BN_free(v);
    }
    ECDSA_SIG_free(sig);
    return len > 0 && verify_der(s, key, octets, span_of(der, (size_t)len));
}

bool verify_signature(const struct scheme *s, struct evp_pkey_st *key, struct span octets, struct span signature)
{
    if (!signature.len || signature.len > KEY_RSA_BITS_MAX / 8)
        return false;
    return s->coordinate ? verify_raw(s, key, octets, signature) : verify_der(s, key, octets, signature);
}
