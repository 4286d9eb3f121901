/* SPDX-License-Identifier: Apache-2.0 */
/* ENCR_NULL (RFC 2410): ESP that authenticates only, where it is named; never for IKE (RFC 7296 5). */
#include "suite/alg.h"

#include <string.h>

static int null_run(const struct alg *a, struct span key, struct span iv, struct span aad, struct span in, uint8_t *out)
{
    (void)a;
    (void)key;
    (void)iv;
    (void)aad;
    if (in.len)
        memmove(out, in.p, in.len);
    return 0;
}

static const struct alg_cipher null_cipher = {.seal = null_run, .open = null_run};

static const struct alg_vector null_vectors[] = {
    {.source = "RFC 2410 2: the identity", .input = "0123456789abcdef", .output = "0123456789abcdef"},
    {0},
};

static const struct alg null = {
    .type = TRANSFORM_ENCR,
    .id = 11,
    .flags = ALG_ESP | ALG_LEGACY,
    .name = "null",
    .iana = "ENCR_NULL",
    .rfc = "RFC 2410",
    .block_len = 1,
    .xfrm_name = "ecb(cipher_null)",
    .cipher = &null_cipher,
    .vectors = null_vectors,
};

extern const struct alg *const alg_null[];
const struct alg *const alg_null[] = {&null, NULL};
