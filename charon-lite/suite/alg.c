/* SPDX-License-Identifier: Apache-2.0 */
#include "suite/alg.h"

#include <strings.h>

const struct alg *alg_at(const struct alg_registry *r, size_t n)
{
    for (const struct alg *const *const *file = r->files; *file; file++)
        for (const struct alg *const *a = *file; *a; a++)
            if (n-- == 0)
                return *a;
    return NULL;
}

/* Of several sizes and none asked for, there is none to give. */
static const struct alg *size_pick(const struct alg *before, const struct alg *a, bool *several)
{
    if (before && before->key_bits != a->key_bits)
        *several = true;
    return before ? before : a;
}

const struct alg *alg_find(const struct alg_registry *r, uint8_t type, uint16_t id, uint16_t key_bits)
{
    const struct alg *any = NULL;
    bool several = false;

    for (const struct alg *const *const *file = r->files; *file; file++)
        for (const struct alg *const *a = *file; *a; a++) {
            if ((*a)->type != type || (*a)->id != id)
                continue;
            if ((*a)->key_bits == key_bits)
                return *a;
            any = size_pick(any, *a, &several);
        }
    return key_bits == 0 && !several ? any : NULL;
}

int alg_ke_both(const struct alg *a, const struct rng *rng, struct span peer_public, uint8_t *public_value, struct secret *shared)
{
    struct secret own = {0};
    int err;

    if (a->ke->both)
        return a->ke->both(a, rng, peer_public, public_value, shared);
    err = a->ke->generate(a, rng, &own, public_value);
    if (err == 0)
        err = a->ke->derive(a, secret_view(&own), peer_public, shared);
    secret_done(&own);
    return err;
}

static bool has_name(const struct alg *a, const char *name)
{
    return strcasecmp(a->name, name) == 0 || (a->alias && strcasecmp(a->alias, name) == 0);
}

const struct alg *alg_by_name(const struct alg_registry *r, const char *name)
{
    for (const struct alg *const *const *file = r->files; *file; file++)
        for (const struct alg *const *a = *file; *a; a++)
            if (has_name(*a, name))
                return *a;
    return NULL;
}
