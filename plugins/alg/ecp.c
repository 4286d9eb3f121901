/* SPDX-License-Identifier: Apache-2.0 */
/* Elliptic curves over prime fields: the NIST curves (RFC 5903) and Brainpool's (RFC 6954). A public value is x | y, the shared
 * secret x alone, each as long as the field. A peer's point must have coordinates below p and lie on the curve (RFC 6989 2.3);
 * these curves have prime order, and the point at infinity has no such encoding, so that is all there is to check. */
#include "suite/alg.h"

#include "per_thread.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_MAX = 66, CANDIDATES_MAX = 128, CURVE_ID_MAX = 30 };

/* What a curve needs, kept by each thread from its first use on. */
struct curve {
    EC_GROUP *group;
    BN_CTX *numbers;
};

static int curve_nid(uint16_t id)
{
    static const struct {
        uint16_t id;
        int nid;
    } nids[] = {
        {19, NID_X9_62_prime256v1}, {20, NID_secp384r1},       {21, NID_secp521r1},       {27, NID_brainpoolP224r1},
        {28, NID_brainpoolP256r1},  {29, NID_brainpoolP384r1}, {30, NID_brainpoolP512r1},
    };

    for (size_t i = 0; i < COUNT_OF(nids); i++)
        if (nids[i].id == id)
            return nids[i].nid;
    return NID_undef;
}

/* Curves by number, made by each thread for itself and freed with it: workers come and go. */
static void curves_free(void *curves)
{
    for (struct curve *c = curves; c <= (struct curve *)curves + CURVE_ID_MAX; c++) {
        EC_GROUP_free(c->group);
        BN_CTX_free(c->numbers);
    }
    free(curves);
}

static struct per_thread kept = PER_THREAD((CURVE_ID_MAX + 1) * sizeof(struct curve), curves_free);

/* NULL when OpenSSL has no such curve or no memory. */
static const struct curve *curve_of(const struct alg *a)
{
    struct curve *curves = per_thread(&kept), *c;

    if (!curves)
        return NULL;
    c = &curves[a->id];
    if (!c->group)
        c->group = EC_GROUP_new_by_curve_name(curve_nid(a->id));
    if (!c->numbers)
        c->numbers = BN_CTX_secure_new();
    return c->group && c->numbers ? c : NULL;
}

/* A scalar in [1, n-1] by trying candidates as long as n: which ones were turned down says nothing about the one kept. */
static bool scalar_generate(const struct curve *c, const struct rng *rng, uint8_t *bytes, size_t len, BIGNUM *scalar)
{
    const BIGNUM *order = EC_GROUP_get0_order(c->group);
    unsigned spare = (unsigned)(len * 8 - (size_t)BN_num_bits(order));

    for (int i = 0; i < CANDIDATES_MAX; i++) {
        rng->fill(rng->ctx, bytes, len);
        bytes[0] &= (uint8_t)(0xff >> spare);
        if (!BN_bin2bn(bytes, (int)len, scalar))
            return false;
        if (!BN_is_zero(scalar) && BN_cmp(scalar, order) < 0)
            return true;
    }
    return false;
}

/* out = x | y of scalar times the generator. */
static bool public_make(const struct curve *c, const BIGNUM *scalar, uint8_t *out, size_t len)
{
    EC_POINT *point = EC_POINT_new(c->group);
    uint8_t octets[1 + 2 * FIELD_MAX]; /* SEC 1: 04 | x | y */
    bool ok = point && EC_POINT_mul(c->group, point, scalar, NULL, NULL, c->numbers) == 1 &&
              EC_POINT_point2oct(c->group, point, POINT_CONVERSION_UNCOMPRESSED, octets, sizeof(octets), c->numbers) == len + 1;

    if (ok)
        memcpy(out, octets + 1, len);
    EC_POINT_clear_free(point);
    return ok;
}

static int ecp_generate(const struct alg *a, const struct rng *rng, struct secret *private_value, uint8_t *public_value)
{
    const struct curve *c = curve_of(a);
    BIGNUM *scalar = BN_secure_new();
    int err = scalar && c ? secret_new(private_value, a->private_len) : ERR_CRYPTO;

    if (err == 0) {
        BN_set_flags(scalar, BN_FLG_CONSTTIME);
        if (!scalar_generate(c, rng, private_value->p, private_value->len, scalar) ||
            !public_make(c, scalar, public_value, a->public_len)) {
            secret_done(private_value);
            err = ERR_CRYPTO;
        }
    }
    BN_clear_free(scalar);
    return err;
}

/* The peer's point; NULL for anything that is not on the curve. EC_POINT_oct2point() checks ranges and the equation. */
static EC_POINT *peer_point(const struct curve *c, struct span xy)
{
    uint8_t octets[1 + 2 * FIELD_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
    EC_POINT *point = EC_POINT_new(c->group);

    if (!point || xy.len > 2 * FIELD_MAX) {
        EC_POINT_free(point);
        return NULL;
    }
    memcpy(octets + 1, xy.p, xy.len);
    if (EC_POINT_oct2point(c->group, point, octets, xy.len + 1, c->numbers) == 1)
        return point;
    EC_POINT_free(point);
    return NULL;
}

static bool secret_make(const struct curve *c, const BIGNUM *scalar, EC_POINT *peer, struct secret *out)
{
    BIGNUM *x = BN_secure_new();
    bool ok = x && EC_POINT_mul(c->group, peer, NULL, peer, scalar, c->numbers) == 1 &&
              EC_POINT_get_affine_coordinates(c->group, peer, x, NULL, c->numbers) == 1 &&
              BN_bn2binpad(x, out->p, (int)out->len) == (int)out->len;

    BN_clear_free(x);
    return ok;
}

static int ecp_derive(const struct alg *a, struct span private_value, struct span peer_public, struct secret *shared)
{
    const struct curve *c = curve_of(a);
    EC_POINT *peer;
    BIGNUM *scalar;
    int err = ERR_CRYPTO;

    if (!c || private_value.len != a->private_len || peer_public.len != a->public_len)
        return ERR_CRYPTO;
    peer = peer_point(c, peer_public);
    scalar = BN_secure_new();
    if (scalar)
        BN_set_flags(scalar, BN_FLG_CONSTTIME);
    if (peer && scalar && BN_bin2bn(private_value.p, (int)private_value.len, scalar))
        err = secret_new(shared, a->secret_len);
    if (err == 0 && !secret_make(c, scalar, peer, shared)) {
        secret_done(shared);
        err = ERR_CRYPTO;
    }
    EC_POINT_clear_free(peer);
    BN_clear_free(scalar);
    return err;
}

static const struct alg_ke ecp_ke = {.generate = ecp_generate, .derive = ecp_derive};

static const struct alg_vector ecp256_vectors[] = {
    {.source = "RFC 5903 8.1, initiator",
     .key = "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
     .iv = "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c456fa3e59ab1f45b33accf"
           "5f58389e0577b8990bb3",
     .input = "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046"
              "ada30f8353e74f33039872ab",
     .output = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
    {.source = "RFC 5903 8.1, responder",
     .key = "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
     .iv = "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e8157854c13c58d6aac23f046ada3"
           "0f8353e74f33039872ab",
     .input = "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d61f1c456fa3e59ab1f45b33"
              "accf5f58389e0577b8990bb3",
     .output = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
    {0},
};
static const struct alg_vector ecp384_vectors[] = {
    {.source = "RFC 5903 8.2, initiator",
     .key = "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194",
     .iv = "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa9482ed1fc0ee"
           "b9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
     .input = "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571dcfbec7a"
              "acf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
     .output = "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746"},
    {.source = "RFC 5903 8.2, responder",
     .key = "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2960e4bd55a7448fc",
     .iv = "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571dcfbec7aacf3"
           "196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
     .input = "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa9482ed1f"
              "c0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
     .output = "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746"},
    {0},
};
static const struct alg_vector ecp521_vectors[] = {
    {.source = "RFC 5903 8.3, initiator",
     .key = "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d937ba9777f5957b2639"
            "bab072462f68c27a57382d4a52",
     .iv = "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e380aeae57c2d107564941885942af5"
           "a7f4601723c4195d176ced3e017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4a10ad8a788015ac405d7799d"
           "c75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3926f9582",
     .input = "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a219b97c356436adc6e95bb0352f6be64a6c2912d4e"
              "f2d0433ced2b6171640012d9460f015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d9852077b87220b6536c5c4"
              "08a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a",
     .output = "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73ca4baa240a34786859810c06b3c715a3"
               "a8cc3151f2bee417996d19f3ddea"},
    {.source = "RFC 5903 8.3, responder",
     .key = "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e9c677d600b343757a3bdbf2a3163e4c2f869cca745"
            "8aa4a4effc311f5cb151685eb9",
     .iv = "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a219b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0"
           "433ced2b6171640012d9460f015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d9852077b87220b6536c5c408a1d2ae"
           "bb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a",
     .input = "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e380aeae57c2d10756494188594"
              "2af5a7f4601723c4195d176ced3e017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4a10ad8a788015ac4"
              "05d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3926f9582",
     .output = "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73ca4baa240a34786859810c06b3c715a3"
               "a8cc3151f2bee417996d19f3ddea"},
    {0},
};
static const struct alg_vector brainpool224_vectors[] = {
    {.source = "RFC 6954 A.1, A",
     .key = "39f155483cee191fbecfe9c81d8ab1a03cda6790e7184ace44bca161",
     .iv = "a9c21a569759da95e0387041184261440327afe33141ca04b82dc92e98a0f75fbbf61d8e58ae5511b2bcdbe8e549b31e37069a2825f5"
           "90c1",
     .input = "034a56c550ff88056144e6dd56070f54b0135976b5bf77827313f36b75165ad99347dc86caab1cbb579e198eaf88dc35f927b358"
              "aa683681",
     .output = "1a4bfe705445120c8e3e026699054104510d119757b74d5fe2462c66"},
    {.source = "RFC 6954 A.1, B",
     .key = "6060552303899e2140715816c45b57d9b42204fb6a5bf5beac10db00",
     .iv = "034a56c550ff88056144e6dd56070f54b0135976b5bf77827313f36b75165ad99347dc86caab1cbb579e198eaf88dc35f927b358aa68"
           "3681",
     .input = "a9c21a569759da95e0387041184261440327afe33141ca04b82dc92e98a0f75fbbf61d8e58ae5511b2bcdbe8e549b31e37069a28"
              "25f590c1",
     .output = "1a4bfe705445120c8e3e026699054104510d119757b74d5fe2462c66"},
    {0},
};
static const struct alg_vector brainpool256_vectors[] = {
    {.source = "RFC 6954 A.2, A",
     .key = "81db1ee100150ff2ea338d708271be38300cb54241d79950f77b063039804f1d",
     .iv = "44106e913f92bc02a1705d9953a8414db95e1aaa49e81d9e85f929a8e3100be58ab4846f11caccb73ce49cbdd120f5a900a69fd32c27"
           "2223f789ef10eb089bdc",
     .input = "8d2d688c6cf93e1160ad04cc4429117dc2c41825e1e9fca0addd34e6f1b39f7b990c57520812be512641e47034832106bc7d3e8d"
              "d0e4c7f1136d7006547cec6a",
     .output = "89afc39d41d3b327814b80940b042590f96556ec91e6ae7939bce31f3a18bf2b"},
    {.source = "RFC 6954 A.2, B",
     .key = "55e40bc41e37e3e2ad25c3c6654511ffa8474a91a0032087593852d3e7d76bd3",
     .iv = "8d2d688c6cf93e1160ad04cc4429117dc2c41825e1e9fca0addd34e6f1b39f7b990c57520812be512641e47034832106bc7d3e8dd0e4"
           "c7f1136d7006547cec6a",
     .input = "44106e913f92bc02a1705d9953a8414db95e1aaa49e81d9e85f929a8e3100be58ab4846f11caccb73ce49cbdd120f5a900a69fd3"
              "2c272223f789ef10eb089bdc",
     .output = "89afc39d41d3b327814b80940b042590f96556ec91e6ae7939bce31f3a18bf2b"},
    {0},
};
static const struct alg_vector brainpool384_vectors[] = {
    {.source = "RFC 6954 A.3, A",
     .key = "1e20f5e048a5886f1f157c74e91bde2b98c8b52d58e5003d57053fc4b0bd65d6f15eb5d1ee1610df870795143627d042",
     .iv = "68b665dd91c195800650cdd363c625f4e742e8134667b767b1b476793588f885ab698c852d4a6e77a252d6380fcaf06855bc91a39c9e"
           "c01dee36017b7d673a931236d2f1f5c83942d049e3fa20607493e0d038ff2fd30c2ab67d15c85f7faa59",
     .input = "4d44326f269a597a5b58bba565da5556ed7fd9a8a9eb76c25f46db69d19dc8ce6ad18e404b15738b2086df37e71d1eb462d69213"
              "6de56cbe93bf5fa3188ef58bc8a3a0ec6c1e151a21038a42e9185329b5b275903d192f8d4e1f32fe9cc78c48",
     .output = "0bd9d3a7ea0b3d519d09d8e48d0785fb744a6b355e6304bc51c229fbbce239bbadf6403715c35d4fb2a5444f575d4f42"},
    {.source = "RFC 6954 A.3, B",
     .key = "032640bc6003c59260f7250c3db58ce647f98e1260acce4acda3dd869f74e01f8ba5e0324309db6a9831497abac96670",
     .iv = "4d44326f269a597a5b58bba565da5556ed7fd9a8a9eb76c25f46db69d19dc8ce6ad18e404b15738b2086df37e71d1eb462d692136de5"
           "6cbe93bf5fa3188ef58bc8a3a0ec6c1e151a21038a42e9185329b5b275903d192f8d4e1f32fe9cc78c48",
     .input = "68b665dd91c195800650cdd363c625f4e742e8134667b767b1b476793588f885ab698c852d4a6e77a252d6380fcaf06855bc91a3"
              "9c9ec01dee36017b7d673a931236d2f1f5c83942d049e3fa20607493e0d038ff2fd30c2ab67d15c85f7faa59",
     .output = "0bd9d3a7ea0b3d519d09d8e48d0785fb744a6b355e6304bc51c229fbbce239bbadf6403715c35d4fb2a5444f575d4f42"},
    {0},
};
static const struct alg_vector brainpool512_vectors[] = {
    {.source = "RFC 6954 A.4, A",
     .key = "16302ff0dbbb5a8d733dab7141c1b45acbc8715939677f6a56850a38bd87bd59b09e80279609ff333eb9d4c061231fb26f92eeb049"
            "82a5f1d1764cad57665422",
     .iv = "0a420517e406aac0acdce90fcd71487718d3b953efd7fbec5f7f27e28c6149999397e91e029e06457db2d3e640668b392c2a7e737a7f"
           "0bf04436d11640fd09fd72e6882e8db28aad36237cd25d580db23783961c8dc52dfa2ec138ad472a0fcef3887cf62b623b2a87de5c58"
           "8301ea3e5fc269b373b60724f5e82a6ad147fde7",
     .input = "9d45f66de5d67e2e6db6e93a59ce0bb48106097ff78a081de781cdb31fce8ccbaaea8dd4320c4119f1e9cd437a2eab3731fa9668"
              "ab268d871deda55a5473199f2fdc313095bcdd5fb3a91636f07a959c8e86b5636a1e930e8396049cb481961d365cc11453a06c71"
              "9835475b12cb52fc3c383bce35e27ef194512b71876285fa",
     .output = "a7927098655f1f9976fa50a9d566865dc530331846381c87256baf3226244b76d36403c024d7bbf0aa0803eaff405d3d24f11a9b"
               "5c0bef679fe1454b21c4cd1f"},
    {.source = "RFC 6954 A.4, B",
     .key = "230e18e1bcc88a362fa54e4ea3902009292f7f8033624fd471b5d8ace49d12cfabbc19963dab8e2f1eba00bffb29e4d72d13f22245"
            "62f405cb80503666b25429",
     .iv = "9d45f66de5d67e2e6db6e93a59ce0bb48106097ff78a081de781cdb31fce8ccbaaea8dd4320c4119f1e9cd437a2eab3731fa9668ab26"
           "8d871deda55a5473199f2fdc313095bcdd5fb3a91636f07a959c8e86b5636a1e930e8396049cb481961d365cc11453a06c719835475b"
           "12cb52fc3c383bce35e27ef194512b71876285fa",
     .input = "0a420517e406aac0acdce90fcd71487718d3b953efd7fbec5f7f27e28c6149999397e91e029e06457db2d3e640668b392c2a7e73"
              "7a7f0bf04436d11640fd09fd72e6882e8db28aad36237cd25d580db23783961c8dc52dfa2ec138ad472a0fcef3887cf62b623b2a"
              "87de5c588301ea3e5fc269b373b60724f5e82a6ad147fde7",
     .output = "a7927098655f1f9976fa50a9d566865dc530331846381c87256baf3226244b76d36403c024d7bbf0aa0803eaff405d3d24f11a9b"
               "5c0bef679fe1454b21c4cd1f"},
    {0},
};

#define ECP(word, first, other, number, iana_name, text, field, more)                                                            \
    static const struct alg word = {                                                                                             \
        .type = TRANSFORM_KE,                                                                                                    \
        .id = number,                                                                                                            \
        .flags = more,                                                                                                           \
        .name = first,                                                                                                           \
        .alias = other,                                                                                                          \
        .iana = iana_name,                                                                                                       \
        .rfc = text,                                                                                                             \
        .public_len = 2 * (field),                                                                                               \
        .private_len = field,                                                                                                    \
        .secret_len = field,                                                                                                     \
        .ke = &ecp_ke,                                                                                                           \
        .vectors = word##_vectors,                                                                                               \
    }

ECP(ecp256, "ecp256", "secp256r1", 19, "ECP_256", "RFC 5903", 32, ALG_DEFAULT);
ECP(ecp384, "ecp384", "secp384r1", 20, "ECP_384", "RFC 5903", 48, ALG_DEFAULT | ALG_SLOW);
ECP(ecp521, "ecp521", "secp521r1", 21, "ECP_521", "RFC 5903", 66, ALG_DEFAULT | ALG_SLOW);
ECP(brainpool224, "brainpoolP224r1", "ecp224bp", 27, "brainpoolP224r1", "RFC 6954", 28, ALG_LEGACY | ALG_SLOW);
ECP(brainpool256, "brainpoolP256r1", "ecp256bp", 28, "brainpoolP256r1", "RFC 6954", 32, ALG_SLOW);
ECP(brainpool384, "brainpoolP384r1", "ecp384bp", 29, "brainpoolP384r1", "RFC 6954", 48, ALG_SLOW);
ECP(brainpool512, "brainpoolP512r1", "ecp512bp", 30, "brainpoolP512r1", "RFC 6954", 64, ALG_SLOW);

extern const struct alg *const alg_ecp[];
const struct alg *const alg_ecp[] = {&ecp256, &ecp384, &ecp521, &brainpool256, &brainpool384, &brainpool512, &brainpool224, NULL};
