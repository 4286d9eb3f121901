/* SPDX-License-Identifier: Apache-2.0 */
#include "glass.h"

#include <string.h>

/* A keyed checksum: for each 8 bytes of it, SipHash of the parts one after the other, seeded by the key. */
static int glass_mac_out(struct span key, const struct span *parts, size_t n, uint8_t *out, size_t len)
{
    struct buf all;
    int err;

    buf_init(&all, 1 << 20);
    for (size_t i = 0; i < n; i++)
        buf_span(&all, parts[i]);
    err = all.failed ? ERR_MEMORY : 0;
    for (size_t at = 0; !err && at < len; at += 8) {
        struct map m = {.seed = {at + 1, 0x676c617373u}};
        uint8_t word[8];

        m.seed[1] = map_hash(&m, key);
        put_u64(word, map_hash(&m, buf_view(&all)));
        memcpy(out + at, word, len - at < 8 ? len - at : 8);
    }
    buf_done(&all);
    return err;
}

int glass_icv(struct span key, struct span iv, struct span aad, struct span in, uint8_t out[16])
{
    struct span parts[3] = {iv, aad, in};

    return glass_mac_out(key, parts, 3, out, 16);
}

static int glass_seal(const struct alg *a, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out)
{
    if (key.len != a->key_len || iv.len != a->iv_len)
        return ERR_CRYPTO;
    memmove(out, in.p, in.len);
    return a->flags & ALG_AEAD ? glass_icv(key, iv, aad, span_of(out, in.len), out + in.len) : 0;
}

static int glass_open(const struct alg *a, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out)
{
    size_t len = in.len - a->icv_len;
    uint8_t icv[16];

    if (key.len != a->key_len || iv.len != a->iv_len || in.len < a->icv_len)
        return ERR_CRYPTO;
    if (a->flags & ALG_AEAD) {
        if (glass_icv(key, iv, aad, span_of(in.p, len), icv) < 0)
            return ERR_MEMORY;
        if (!secret_equal(span_of(icv, 16), span_of(in.p + len, 16)))
            return ERR_CRYPTO;
    }
    memmove(out, in.p, len);
    return 0;
}

static int glass_mac(const struct alg *a, struct span key, const struct span *parts, size_t n, uint8_t *out)
{
    return glass_mac_out(key, parts, n, out, a->type == TRANSFORM_INTEG ? a->icv_len : a->out_len);
}

#define GLASS_PRIME (((uint64_t)1 << 61) - 1)
static uint64_t glass_power(uint64_t base, uint64_t exponent)
{
    unsigned __int128 out = 1, b = base % GLASS_PRIME;

    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            out = out * b % GLASS_PRIME;
        b = b * b % GLASS_PRIME;
    }
    return (uint64_t)out;
}

/* A public value is the 8-byte number, its complement, then a filler that the receiver checks: a changed one is refused. */
static void glass_public(uint16_t group, uint64_t v, uint8_t *out, size_t len)
{
    memset(out, (uint8_t)group, len);
    put_u64(out, v);
    put_u64(out + 8, ~v);
}

static int glass_generate(const struct alg *a, const struct rng *rng, struct secret *private_value, uint8_t *public_value)
{
    if (secret_new(private_value, a->private_len) < 0)
        return ERR_MEMORY;
    rng->fill(rng->ctx, private_value->p, private_value->len);
    glass_public(a->id, glass_power(3, get_u64(private_value->p)), public_value, a->public_len);
    return 0;
}

static int glass_derive(const struct alg *a, struct span private_value, struct span peer, struct secret *shared)
{
    uint64_t v;

    if (peer.len != a->public_len || private_value.len != a->private_len)
        return ERR_CRYPTO;
    v = get_u64(peer.p);
    if (v < 2 || v >= GLASS_PRIME || get_u64(peer.p + 8) != ~v || peer.p[16] != (uint8_t)a->id)
        return ERR_CRYPTO;
    if (secret_new(shared, a->secret_len) < 0)
        return ERR_MEMORY;
    memset(shared->p, (uint8_t)a->id, shared->len);
    put_u64(shared->p, glass_power(v, get_u64(private_value.p)));
    return 0;
}

struct span glass_inside(struct span sealed)
{
    if (sealed.len < 8 + 1 + 16 || sealed.p[sealed.len - 17] > sealed.len - 25)
        return SPAN_NONE;
    return span_part(sealed, 8, sealed.len - 25 - sealed.p[sealed.len - 17]);
}

static const struct alg_cipher cipher = {glass_seal, glass_open};
static const struct alg_mac mac = {glass_mac};
static const struct alg_ke ke = {.generate = glass_generate, .derive = glass_derive};
static const struct alg_vector none[] = {{.source = NULL}};

#define GCM(bits, word)                                                                                                          \
    {                                                                                                                            \
        .type = TRANSFORM_ENCR, .id = 20, .key_bits = bits, .flags = ALG_AEAD | ALG_IKE | ALG_ESP | ALG_DEFAULT, .name = word,   \
        .iana = "ENCR_AES_GCM_16", .rfc = "RFC 5282", .key_len = (bits) / 8 + 4, .salt_len = 4, .iv_len = 8, .block_len = 1,     \
        .icv_len = 16, .xfrm_name = "rfc4106(gcm(aes))", .cipher = &cipher, .vectors = none,                                     \
    }
#define KE(number, word, pub, flag)                                                                                              \
    {                                                                                                                            \
        .type = TRANSFORM_KE, .id = number, .flags = ALG_IKE | ALG_DEFAULT | (flag), .name = word, .iana = word, .rfc = "none",  \
        .public_len = pub, .private_len = 32, .secret_len = 32, .ke = &ke, .vectors = none,                                      \
    }
static const struct alg glass[] = {
    GCM(256, "aes256gcm16"),
    GCM(128, "aes128gcm16"),
    {.type = TRANSFORM_ENCR,
     .id = 12,
     .key_bits = 256,
     .flags = ALG_IKE | ALG_ESP | ALG_DEFAULT,
     .name = "aes256",
     .iana = "ENCR_AES_CBC",
     .rfc = "RFC 3602",
     .key_len = 32,
     .iv_len = 16,
     .block_len = 16,
     .xfrm_name = "cbc(aes)",
     .cipher = &cipher,
     .vectors = none},
    {.type = TRANSFORM_PRF,
     .id = 5,
     .flags = ALG_IKE | ALG_DEFAULT,
     .name = "prfsha256",
     .iana = "PRF_HMAC_SHA2_256",
     .rfc = "RFC 4868",
     .key_len = 32,
     .out_len = 32,
     .mac = &mac,
     .vectors = none},
    {.type = TRANSFORM_INTEG,
     .id = 12,
     .flags = ALG_IKE | ALG_ESP | ALG_DEFAULT,
     .name = "sha256",
     .iana = "AUTH_HMAC_SHA2_256_128",
     .rfc = "RFC 4868",
     .key_len = 32,
     .icv_len = 16,
     .xfrm_name = "hmac(sha256)",
     .mac = &mac,
     .vectors = none},
    {.id = 1, /* of no transform type: the hash of NAT detection */
     .name = "sha1-digest",
     .iana = "SHA-1",
     .rfc = "FIPS 180-4",
     .out_len = 20,
     .mac = &mac,
     .vectors = none},
    KE(31, "x25519", 32, 0),
    KE(19, "ecp256", 64, 0),
    KE(14, "modp2048", 256, ALG_SLOW),
};
static const struct alg *const glass_list[] = {&glass[0], &glass[1], &glass[2], &glass[3], &glass[4],
                                               &glass[5], &glass[6], &glass[7], &glass[8], NULL};
static const struct alg *const *const glass_files[] = {glass_list, NULL};
const struct alg_registry glass_registry = {glass_files};
