/* SPDX-License-Identifier: Apache-2.0 */
#include "cert/cert.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <string.h>

size_t cert_key_bits(const struct evp_pkey_st *key)
{
    int bits = EVP_PKEY_get_bits(key);

    return bits > 0 ? (size_t)bits : 0;
}

/* RFC 8247 4; a small exponent is what forgeries of PKCS#1 v1.5 blocks live on. */
static bool rsa_accepted(const EVP_PKEY *key, struct text *why)
{
    BIGNUM *e = NULL;
    size_t bits = cert_key_bits(key);
    bool small = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1 || BN_num_bits(e) < 17;

    BN_free(e);
    if (bits < KEY_RSA_BITS_MIN || bits > KEY_RSA_BITS_MAX)
        text_add(why, "an RSA key of %zu bits (%d to %d are accepted)", bits, KEY_RSA_BITS_MIN, KEY_RSA_BITS_MAX);
    else if (small)
        text_add(why, "an RSA key with a public exponent below 65537");
    else
        return true;
    return false;
}

static enum key_kind curve_kind(const EVP_PKEY *key, struct text *why)
{
    char name[64] = "";
    size_t len = 0;
    int nid;

    if (EVP_PKEY_get_group_name(key, name, sizeof(name), &len) != 1)
        name[0] = '\0';
    nid = OBJ_txt2nid(name);
    if (nid == NID_X9_62_prime256v1)
        return KEY_P256;
    if (nid == NID_secp384r1)
        return KEY_P384;
    if (nid == NID_secp521r1)
        return KEY_P521;
    text_add(why, "an elliptic curve key on %s (P-256, P-384 and P-521 are accepted)",
             nid == NID_undef ? "an unnamed curve" : OBJ_nid2sn(nid));
    return KEY_REFUSED;
}

enum key_kind cert_key_kind(const struct evp_pkey_st *key, struct text *why)
{
    switch (key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE) {
    case EVP_PKEY_RSA:
        return rsa_accepted(key, why) ? KEY_RSA : KEY_REFUSED;
    case EVP_PKEY_RSA_PSS:
        return rsa_accepted(key, why) ? KEY_RSA_PSS : KEY_REFUSED;
    case EVP_PKEY_EC:
        return curve_kind(key, why);
    case EVP_PKEY_ED25519:
        return KEY_ED25519;
    case EVP_PKEY_ED448:
        return KEY_ED448;
    default:
        text_add(why, "a public key of a kind that is not accepted (RSA, ECDSA, Ed25519, Ed448 are)");
        return KEY_REFUSED;
    }
}
