/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/charon-bench.d/thrift.h"

#include <string.h>

enum { KE_MAX = 32, ALGS_MAX = 128, PUBLIC_MAX = 1024 };

extern const struct alg_registry alg_registry;

struct kept {
    struct alg alg; /* ours, with the functions below */
    struct alg_ke functions;
    const struct alg *real;
    struct secret private_value;
    uint8_t public_value[PUBLIC_MAX];
    unsigned left;
};
static struct kept kept[KE_MAX];

static int pair_renew(struct kept *k, const struct rng *rng)
{
    int err = k->real->ke->generate(k->real, rng, &k->private_value, k->public_value);

    k->left = err ? 0 : THRIFT_USES;
    return err;
}

static int kept_generate(const struct alg *alg, const struct rng *rng, struct secret *private_value, uint8_t *public_value)
{
    struct kept *k = CONTAINER_OF(alg, struct kept, alg);
    int err = k->left ? 0 : pair_renew(k, rng);

    if (err)
        return err;
    k->left--;
    memcpy(public_value, k->public_value, alg->public_len);
    return secret_set(private_value, secret_view(&k->private_value));
}

static const struct alg *kept_new(struct kept *k, const struct alg *real)
{
    k->real = real;
    k->alg = *real;
    k->functions = (struct alg_ke){.generate = kept_generate, .derive = real->ke->derive};
    k->alg.ke = &k->functions;
    return &k->alg;
}

const struct alg_registry *thrift_algs(void)
{
    static const struct alg *all[ALGS_MAX + 1];
    static const struct alg *const *const files[] = {all, NULL};
    static const struct alg_registry registry = {files};
    size_t n_kept = 0;

    for (size_t i = 0; !all[i] && i < ALGS_MAX; i++) {
        const struct alg *a = alg_at(&alg_registry, i);

        if (!a)
            break;
        all[i] = a->ke && n_kept < KE_MAX && a->public_len <= PUBLIC_MAX ? kept_new(&kept[n_kept++], a) : a;
    }
    return &registry;
}
