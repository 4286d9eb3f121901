/* SPDX-License-Identifier: Apache-2.0 */
/* Curve25519 and Curve448 (RFC 7748) as key exchanges of IKE (RFC 8031). Public values and secrets are raw u-coordinates; an
 * all-zero secret is refused (RFC 8031 2.3, RFC 7748 6). A private value is kept as scalar | public value, for OpenSSL would
 * otherwise compute the public value again whenever it is handed the scalar. */
#include "suite/alg.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

enum { X25519_LEN = 32, X448_LEN = 56, KE_CURVE25519 = 31, KE_CURVE448 = 32 };

/* A context a thread and curve for making keys of bytes, for to find the key manager by name costs microseconds; freed with its
 * thread: workers come and go. */
static pthread_key_t ctx_keys[2];
static pthread_once_t ctx_once = PTHREAD_ONCE_INIT;
static bool ctx_keys_made;

static void ctx_free(void *ctx)
{
    EVP_PKEY_CTX_free(ctx);
}

static void ctx_keys_make(void)
{
    ctx_keys_made = pthread_key_create(&ctx_keys[0], ctx_free) == 0 && pthread_key_create(&ctx_keys[1], ctx_free) == 0;
}

static EVP_PKEY_CTX *curve_ctx(const struct alg *a)
{
    unsigned curve = a->id == KE_CURVE448;
    EVP_PKEY_CTX *ctx;

    pthread_once(&ctx_once, ctx_keys_make);
    ctx = ctx_keys_made ? pthread_getspecific(ctx_keys[curve]) : NULL;
    if (ctx || !ctx_keys_made)
        return ctx;
    ctx = EVP_PKEY_CTX_new_from_name(NULL, curve ? "X448" : "X25519", NULL);
    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1 && pthread_setspecific(ctx_keys[curve], ctx) == 0)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

/* A key of a public value alone, or with a scalar; the one beside a scalar takes no part in a derivation. */
static EVP_PKEY *curve_key(const struct alg *a, struct span scalar, struct span public_value)
{
    EVP_PKEY_CTX *ctx = curve_ctx(a);
    EVP_PKEY *key = NULL;
    OSSL_PARAM params[3];
    size_t n = 0;

    if (scalar.len)
        params[n++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, (void *)(uintptr_t)scalar.p, scalar.len);
    params[n++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)public_value.p, public_value.len);
    params[n] = OSSL_PARAM_construct_end();
    if (!ctx || EVP_PKEY_fromdata(ctx, &key, scalar.len ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return key;
}

static int keys_agree(const struct alg *a, EVP_PKEY *own, EVP_PKEY *peer, struct secret *shared)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    size_t len = a->secret_len;
    int err = secret_new(shared, len);

    if (err == 0 && (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) != 1 ||
                     EVP_PKEY_derive(ctx, shared->p, &len) != 1 || len != a->secret_len || span_is_zero(secret_view(shared))))
        err = ERR_CRYPTO;
    EVP_PKEY_CTX_free(ctx);
    if (err < 0)
        secret_done(shared);
    return err;
}

/* The public value is the scalar times the base point, by the definition of RFC 7748 6: the ladder of a derivation takes two
 * thirds of the time that OpenSSL's making of a key pair does. */
static int public_make(const struct alg *a, struct span scalar, uint8_t *out)
{
    const uint8_t base[X448_LEN] = {a->id == KE_CURVE448 ? 5 : 9};
    struct span base_value = span_of(base, a->public_len);
    EVP_PKEY *own = curve_key(a, scalar, base_value), *peer = curve_key(a, SPAN_NONE, base_value);
    struct secret made = {0};
    int err = own && peer ? keys_agree(a, own, peer, &made) : ERR_CRYPTO;

    if (err == 0)
        memcpy(out, made.p, a->public_len);
    secret_done(&made);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    return err;
}

static int curve_generate(const struct alg *a, const struct rng *rng, struct secret *private_value, uint8_t *public_value)
{
    size_t len = a->public_len;
    int err = secret_new(private_value, a->private_len);

    if (err < 0)
        return err;
    rng->fill(rng->ctx, private_value->p, len);
    err = public_make(a, span_of(private_value->p, len), public_value);
    if (err == 0)
        memcpy(private_value->p + len, public_value, len);
    else
        secret_done(private_value);
    return err;
}

static int curve_derive(const struct alg *a, struct span private_value, struct span peer_public, struct secret *shared)
{
    size_t len = a->public_len;
    EVP_PKEY *own, *peer;
    int err = ERR_CRYPTO;

    if (private_value.len != a->private_len || peer_public.len != len)
        return ERR_CRYPTO;
    own = curve_key(a, span_part(private_value, 0, len), span_part(private_value, len, len));
    peer = curve_key(a, SPAN_NONE, peer_public);
    if (own && peer)
        err = keys_agree(a, own, peer, shared);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    return err;
}

static const struct alg_ke curve_ke = {.generate = curve_generate, .derive = curve_derive};

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
