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

/* Where two files have the same algorithm, the first in the list is the one in use. */
const struct alg *alg_find(const struct alg_registry *r, uint8_t type, uint16_t id, uint16_t key_bits)
{
    const struct alg *only = NULL, *a;

    for (size_t n = 0; (a = alg_at(r, n)) != NULL; n++) {
        if (a->type != type || a->id != id)
            continue;
        if (a->key_bits == key_bits)
            return a;
        if (key_bits == 0 && only && only->key_bits != a->key_bits)
            return NULL; /* several sizes, none asked for */
        if (key_bits == 0 && !only)
            only = a;
    }
    return only;
}

const struct alg *alg_by_name(const struct alg_registry *r, const char *name)
{
    const struct alg *a;

    for (size_t n = 0; (a = alg_at(r, n)) != NULL; n++)
        if (strcasecmp(a->name, name) == 0 || (a->alias && strcasecmp(a->alias, name) == 0))
            return a;
    return NULL;
}
