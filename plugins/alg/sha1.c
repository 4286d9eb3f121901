/* SPDX-License-Identifier: Apache-2.0 */
/* Plain SHA-1 (FIPS 180-4), which NAT detection hashes addresses with (RFC 7296 2.23): no secret depends on it. Its descriptor is
 * of no transform type, so no proposal can name it; the key is ignored. */
#include "suite/alg.h"

#include <openssl/evp.h>

static int sha1_digest(const struct alg *a, struct span key, const struct span *parts, size_t n_parts, uint8_t *out)
{
    static _Thread_local EVP_MD_CTX *ctx;
    static _Thread_local EVP_MD *md;
    bool ok;

    (void)a;
    (void)key;
    if (!md)
        md = EVP_MD_fetch(NULL, "SHA1", NULL);
    if (!ctx)
        ctx = EVP_MD_CTX_new();
    ok = md && ctx && EVP_DigestInit_ex2(ctx, md, NULL) == 1;
    for (size_t i = 0; i < n_parts && ok; i++)
        ok = parts[i].len == 0 || EVP_DigestUpdate(ctx, parts[i].p, parts[i].len) == 1;
    return ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1 ? 0 : ERR_CRYPTO;
}

static const struct alg_vector vectors[] = {
    {.source = "FIPS 180-4 example, one block",
     .key = "",
     .input = "616263",
     .output = "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {.source = NULL},
};
static const struct alg_mac mac = {sha1_digest};
static const struct alg digest = {
    .type = TRANSFORM_NONE,
    .id = 1,
    .name = "sha1-digest",
    .iana = "SHA-1",
    .rfc = "FIPS 180-4",
    .out_len = 20,
    .mac = &mac,
    .vectors = vectors,
};

extern const struct alg *const alg_sha1[];
const struct alg *const alg_sha1[] = {&digest, NULL};
