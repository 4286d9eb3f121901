/* SPDX-License-Identifier: Apache-2.0 */
#include "cert/scheme.h"

enum { METHOD_RSA = 1, METHOD_SIGNATURE = 14 };

#define BYTES(...)                                                                                                               \
    {                                                                                                                            \
        .p = (const uint8_t[]){__VA_ARGS__}, .len = sizeof((const uint8_t[]){__VA_ARGS__})                                       \
    }
/* RFC 7427 A.1: shaXXXWithRSAEncryption, parameters NULL */
#define RSA_ID(last) BYTES(0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last, 0x05, 0x00)
/* RFC 7427 A.3: ecdsa-with-SHAXXX, no parameters */
#define ECDSA_ID(last) BYTES(0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last)
/* RFC 8420 A */
#define EDDSA_ID(last) BYTES(0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, last)
/* RFC 7427 A.4.3: hash, MGF1 with the same hash, salt length. DER leaves the default trailerField out; the example there has it.
 */
#define PSS_BODY(hash, salt)                                                                                                     \
    0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, hash, 0x05, 0x00, 0xa1, 0x1c, 0x30,      \
        0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,  \
        0x65, 0x03, 0x04, 0x02, hash, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, salt
#define PSS_OID 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a
#define PSS_ID(hash, salt) BYTES(0x30, 0x41, PSS_OID, 0x30, 0x34, PSS_BODY(hash, salt))
#define PSS_ID_TRAILER(hash, salt) BYTES(0x30, 0x46, PSS_OID, 0x30, 0x39, PSS_BODY(hash, salt), 0xa3, 0x03, 0x02, 0x01, 0x01)

#define RSA_KEYS (KEY_RSA | KEY_RSA_PSS)
#define EC_KEYS (KEY_P256 | KEY_P384 | KEY_P521)

/* In order of preference within one key and hash. */
static const struct scheme schemes[] = {
    {"RSASSA-PSS with SHA2-256", 14, RSA_KEYS, HASH_SHA2_256, PADDING_PSS, .algorithm = PSS_ID(0x01, 32)},
    {"RSASSA-PSS with SHA2-384", 14, RSA_KEYS, HASH_SHA2_384, PADDING_PSS, .algorithm = PSS_ID(0x02, 48)},
    {"RSASSA-PSS with SHA2-512", 14, RSA_KEYS, HASH_SHA2_512, PADDING_PSS, .algorithm = PSS_ID(0x03, 64)},
    {"RSASSA-PSS with SHA2-256", 14, RSA_KEYS, HASH_SHA2_256, PADDING_PSS, 0, true, PSS_ID_TRAILER(0x01, 32)},
    {"RSASSA-PSS with SHA2-384", 14, RSA_KEYS, HASH_SHA2_384, PADDING_PSS, 0, true, PSS_ID_TRAILER(0x02, 48)},
    {"RSASSA-PSS with SHA2-512", 14, RSA_KEYS, HASH_SHA2_512, PADDING_PSS, 0, true, PSS_ID_TRAILER(0x03, 64)},
    {"RSA with SHA2-256", 14, KEY_RSA, HASH_SHA2_256, PADDING_PKCS1, 0, true, RSA_ID(0x0b)},
    {"RSA with SHA2-384", 14, KEY_RSA, HASH_SHA2_384, PADDING_PKCS1, 0, true, RSA_ID(0x0c)},
    {"RSA with SHA2-512", 14, KEY_RSA, HASH_SHA2_512, PADDING_PKCS1, 0, true, RSA_ID(0x0d)},
    {"ECDSA with SHA2-256", 14, EC_KEYS, HASH_SHA2_256, .algorithm = ECDSA_ID(0x02)},
    {"ECDSA with SHA2-384", 14, EC_KEYS, HASH_SHA2_384, .algorithm = ECDSA_ID(0x03)},
    {"ECDSA with SHA2-512", 14, EC_KEYS, HASH_SHA2_512, .algorithm = ECDSA_ID(0x04)},
    {"Ed25519", 14, KEY_ED25519, HASH_IDENTITY, .algorithm = EDDSA_ID(0x70)},
    {"Ed448", 14, KEY_ED448, HASH_IDENTITY, .algorithm = EDDSA_ID(0x71)},
    {"ECDSA-256 (RFC 4754)", 9, KEY_P256, HASH_SHA2_256, .coordinate = 32},
    {"ECDSA-384 (RFC 4754)", 10, KEY_P384, HASH_SHA2_384, .coordinate = 48},
    {"ECDSA-521 (RFC 4754)", 11, KEY_P521, HASH_SHA2_512, .coordinate = 66},
    {"RSA with SHA-1 (method 1)", METHOD_RSA, KEY_RSA, HASH_SHA1, PADDING_PKCS1, .coordinate = 0},
};

const char *scheme_digest(const struct scheme *s)
{
    static const char *const names[] = {NULL, "SHA1", "SHA2-256", "SHA2-384", "SHA2-512", NULL};

    return names[s->hash];
}

const struct scheme *scheme_find(uint8_t method, struct span data, struct span *signature)
{
    struct reader r = reader_of(data);
    struct span algorithm = SPAN_NONE;

    if (method == METHOD_SIGNATURE)
        algorithm = read_span(&r, read_u8(&r));
    *signature = read_rest(&r);
    for (size_t i = 0; !r.failed && i < COUNT_OF(schemes); i++)
        if (schemes[i].method == method && span_equal(schemes[i].algorithm, algorithm))
            return &schemes[i];
    return NULL;
}

/* The weakest hash that is as strong as the key comes first, then the stronger ones, then the weaker. */
static void hash_order(enum key_kind key, size_t bits, uint8_t order[3])
{
    static const uint8_t orders[3][3] = {{HASH_SHA2_256, HASH_SHA2_384, HASH_SHA2_512},
                                         {HASH_SHA2_384, HASH_SHA2_512, HASH_SHA2_256},
                                         {HASH_SHA2_512, HASH_SHA2_384, HASH_SHA2_256}};
    size_t row = key == KEY_P384 ? 1 : key == KEY_P521 ? 2 : key == KEY_P256 ? 0 : bits > 7680 ? 2 : bits > 3072 ? 1 : 0;

    for (size_t i = 0; i < 3; i++)
        order[i] = orders[row][i];
}

static const struct scheme *scheme_of(bool rfc7427, enum key_kind key, uint8_t hash)
{
    for (size_t i = 0; i < COUNT_OF(schemes); i++)
        if ((schemes[i].method == METHOD_SIGNATURE) == rfc7427 && schemes[i].keys & key && (!hash || schemes[i].hash == hash) &&
            !schemes[i].read_only)
            return &schemes[i];
    return NULL;
}

static const struct scheme *choose_announced(enum key_kind key, size_t bits, uint16_t hashes)
{
    uint8_t order[3];

    if (key & (KEY_ED25519 | KEY_ED448))
        return hashes & 1 << HASH_IDENTITY ? scheme_of(true, key, HASH_IDENTITY) : NULL;
    hash_order(key, bits, order);
    for (size_t i = 0; i < COUNT_OF(order); i++)
        if (hashes & 1 << order[i])
            return scheme_of(true, key, order[i]);
    return NULL;
}

const struct scheme *scheme_choose(enum key_kind key, size_t bits, uint16_t hashes, bool sha1, struct text *why)
{
    const struct scheme *s = hashes ? choose_announced(key, bits, hashes) : scheme_of(false, key, 0);

    if (!s && hashes)
        text_add(why, key & (KEY_ED25519 | KEY_ED448)
                          ? "the peer does not announce EdDSA (hash 5, RFC 8420): use an RSA or ECDSA key with it"
                          : "the peer announces no hash of SHA-2 (RFC 7427)");
    else if (!s)
        text_add(why, "the peer knows no signatures of RFC 7427, which this kind of key needs: use an RSA or ECDSA key with it");
    if (s && s->hash == HASH_SHA1 && !sha1) {
        text_add(
            why,
            "the peer knows no signatures of RFC 7427, and RSA without it means SHA-1: take that with `legacy: [sha1]`, or use "
            "an ECDSA key");
        return NULL;
    }
    return s;
}
