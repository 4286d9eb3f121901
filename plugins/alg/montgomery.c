/* SPDX-License-Identifier: Apache-2.0 */
/* Curve25519 and Curve448 (RFC 7748) as key exchanges of IKE (RFC 8031). Public values and secrets are raw u-coordinates; an
 * all-zero secret is refused (RFC 8031 2.3, RFC 7748 6). A private value is kept as scalar | public value. */
#include "suite/alg.h"

#include "per_thread.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { X25519_LEN = 32, X448_LEN = 56, KE_CURVE25519 = 31, KE_CURVE448 = 32 };

/* What a curve needs, kept by each thread from its first use on: a context for making keys of bytes, for to find the key manager
 * by name costs microseconds; the base point as a key; and a key whose public value is set anew for each peer. Freed with the
 * thread: workers come and go. No secret is in it. */
struct curve {
    EVP_PKEY_CTX *make;
    EVP_PKEY *base, *peer;
};

static void curves_free(void *curves)
{
    for (struct curve *c = curves; c < (struct curve *)curves + 2; c++) {
        EVP_PKEY_CTX_free(c->make);
        EVP_PKEY_free(c->base);
        EVP_PKEY_free(c->peer);
    }
    free(curves);
}

static struct per_thread kept = PER_THREAD(2 * sizeof(struct curve), curves_free);

/* A key of a public value alone, or with a scalar; the one beside a scalar takes no part in a derivation. */
static EVP_PKEY *curve_key(const struct curve *c, struct span scalar, struct span public_value)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM params[3];
    size_t n = 0;

    if (scalar.len)
        params[n++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, (void *)(uintptr_t)scalar.p, scalar.len);
    params[n++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)public_value.p, public_value.len);
    params[n] = OSSL_PARAM_construct_end();
    if (EVP_PKEY_fromdata(c->make, &key, scalar.len ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return key;
}

static bool curve_make(const struct alg *a, struct curve *c)
{
    const uint8_t base[X448_LEN] = {a->id == KE_CURVE448 ? 5 : 9};

    if (!c->make)
        c->make = EVP_PKEY_CTX_new_from_name(NULL, a->id == KE_CURVE448 ? "X448" : "X25519", NULL);
    if (!c->make || EVP_PKEY_fromdata_init(c->make) != 1)
        return false;
    if (!c->base)
        c->base = curve_key(c, SPAN_NONE, span_of(base, a->public_len));
    if (!c->peer)
        c->peer = curve_key(c, SPAN_NONE, span_of(base, a->public_len));
    return c->base && c->peer;
}

/* NULL when OpenSSL has no such curve or no memory. */
static const struct curve *curve_of(const struct alg *a)
{
    struct curve *c = per_thread(&kept);

    if (!c)
        return NULL;
    c += a->id == KE_CURVE448;
    return c->peer || curve_make(a, c) ? c : NULL;
}

/* A scalar, ready to be multiplied with points. Any public value will do beside it; without one OpenSSL would compute it. */
static EVP_PKEY_CTX *scalar_ready(const struct alg *a, const struct curve *c, struct span scalar)
{
    const uint8_t any[X448_LEN] = {9};
    EVP_PKEY *key = curve_key(c, scalar, span_of(any, a->public_len));
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;

    EVP_PKEY_free(key);
    if (ctx && EVP_PKEY_derive_init(ctx) == 1)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

static bool multiply(const struct alg *a, EVP_PKEY_CTX *scalar, EVP_PKEY *point, uint8_t *out)
{
    size_t len = a->public_len;

    return EVP_PKEY_derive_set_peer_ex(scalar, point, 0) == 1 && EVP_PKEY_derive(scalar, out, &len) == 1 && len == a->public_len;
}

/* The public value is the scalar times the base point, by the definition of RFC 7748 6: the ladder of a derivation takes two
 * thirds of the time that OpenSSL's making of a key pair does. */
static int public_make(const struct alg *a, const struct curve *c, EVP_PKEY_CTX *scalar, uint8_t *out)
{
    return multiply(a, scalar, c->base, out) ? 0 : ERR_CRYPTO;
}

static int secret_make(const struct alg *a, const struct curve *c, EVP_PKEY_CTX *scalar, struct span peer_public,
                       struct secret *shared)
{
    int err = secret_new(shared, a->secret_len);

    if (err == 0 && (EVP_PKEY_set1_encoded_public_key(c->peer, peer_public.p, peer_public.len) != 1 ||
                     !multiply(a, scalar, c->peer, shared->p) || span_is_zero(secret_view(shared))))
        err = ERR_CRYPTO;
    if (err < 0)
        secret_done(shared);
    return err;
}

static int curve_generate(const struct alg *a, const struct rng *rng, struct secret *private_value, uint8_t *public_value)
{
    const struct curve *c = curve_of(a);
    size_t len = a->public_len;
    EVP_PKEY_CTX *scalar;
    int err = c ? secret_new(private_value, a->private_len) : ERR_CRYPTO;

    if (err < 0)
        return err;
    rng->fill(rng->ctx, private_value->p, len);
    scalar = scalar_ready(a, c, span_of(private_value->p, len));
    err = scalar ? public_make(a, c, scalar, public_value) : ERR_CRYPTO;
    EVP_PKEY_CTX_free(scalar);
    if (err == 0)
        memcpy(private_value->p + len, public_value, len);
    else
        secret_done(private_value);
    return err;
}

static int curve_derive(const struct alg *a, struct span private_value, struct span peer_public, struct secret *shared)
{
    const struct curve *c = curve_of(a);
    EVP_PKEY_CTX *scalar;
    int err;

    if (!c || private_value.len != a->private_len || peer_public.len != a->public_len)
        return ERR_CRYPTO;
    scalar = scalar_ready(a, c, span_part(private_value, 0, a->public_len));
    err = scalar ? secret_make(a, c, scalar, peer_public, shared) : ERR_CRYPTO;
    EVP_PKEY_CTX_free(scalar);
    return err;
}

/* The scalar is made ready once for both, and is gone when this returns. */
static int curve_both(const struct alg *a, const struct rng *rng, struct span peer_public, uint8_t *public_value,
                      struct secret *shared)
{
    const struct curve *c = curve_of(a);
    uint8_t bytes[X448_LEN];
    EVP_PKEY_CTX *scalar;
    int err;

    if (!c || peer_public.len != a->public_len)
        return ERR_CRYPTO;
    rng->fill(rng->ctx, bytes, a->public_len);
    scalar = scalar_ready(a, c, span_of(bytes, a->public_len));
    secret_wipe(bytes, sizeof(bytes));
    err = scalar ? public_make(a, c, scalar, public_value) : ERR_CRYPTO;
    if (err == 0)
        err = secret_make(a, c, scalar, peer_public, shared);
    EVP_PKEY_CTX_free(scalar);
    return err;
}

static const struct alg_ke curve_ke = {.generate = curve_generate, .derive = curve_derive, .both = curve_both};

static const struct alg_vector x25519_vectors[] = {
    {.source = "RFC 7748 6.1, Alice",
     .key = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a8520f0098930a754748b7ddcb43ef75a0dbf3a0d26"
            "381af4eba4a98eaa9b4e6a",
     .iv = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
     .input = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
     .output = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
    {.source = "RFC 7748 6.1, Bob",
     .key = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0ebde9edb7d7b7dc1b4d35b61c2ece435373f8343c85b"
            "78674dadfc7e146f882b4f",
     .iv = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
     .input = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
     .output = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
    {0},
};
static const struct alg_vector x448_vectors[] = {
    {.source = "RFC 7748 6.2, Alice",
     .key = "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a5"
            "98726b9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f"
            "80e532c41fa0",
     .iv = "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c4"
           "1fa0",
     .input = "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c6"
              "7bf33609",
     .output = "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037"
               "514a879d"},
    {.source = "RFC 7748 6.2, Bob",
     .key = "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b651"
            "73992d3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bd"
            "c1c67bf33609",
     .iv = "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf3"
           "3609",
     .input = "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e5"
              "32c41fa0",
     .output = "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037"
               "514a879d"},
    {0},
};

static const struct alg x25519 = {
    .type = TRANSFORM_KE,
    .id = KE_CURVE25519,
    .flags = ALG_DEFAULT,
    .name = "x25519",
    .alias = "curve25519",
    .iana = "Curve25519",
    .rfc = "RFC 8031",
    .public_len = X25519_LEN,
    .private_len = 2 * X25519_LEN,
    .secret_len = X25519_LEN,
    .ke = &curve_ke,
    .vectors = x25519_vectors,
};
static const struct alg x448 = {
    .type = TRANSFORM_KE,
    .id = KE_CURVE448,
    .name = "x448",
    .alias = "curve448",
    .iana = "Curve448",
    .rfc = "RFC 8031",
    .public_len = X448_LEN,
    .private_len = 2 * X448_LEN,
    .secret_len = X448_LEN,
    .ke = &curve_ke,
    .vectors = x448_vectors,
};

extern const struct alg *const alg_montgomery[];
const struct alg *const alg_montgomery[] = {&x25519, &x448, NULL};
