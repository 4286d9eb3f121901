/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

int secret_new(struct secret *s, size_t len)
{
    secret_done(s);
    if (!len)
        return 0;
    s->p = calloc(1, len);
    if (!s->p)
        return ERR_MEMORY;
    s->len = len;
    return 0;
}

int secret_set(struct secret *s, struct span from)
{
    int err = secret_new(s, from.len);

    if (err == 0 && from.len)
        memcpy(s->p, from.p, from.len);
    return err;
}

void secret_done(struct secret *s)
{
    if (s->p)
        explicit_bzero(s->p, s->len);
    free(s->p);
    *s = (struct secret){0};
}

void secret_move(struct secret *to, struct secret *from)
{
    secret_done(to);
    *to = *from;
    *from = (struct secret){0};
}

bool secret_equal(struct span a, struct span b)
{
    volatile uint64_t differ = 0;
    size_t i = 0;

    if (a.len != b.len)
        return false;
    for (; i + 8 <= a.len; i += 8) {
        uint64_t x, y;

        memcpy(&x, a.p + i, 8);
        memcpy(&y, b.p + i, 8);
        differ |= x ^ y;
    }
    for (; i < a.len; i++)
        differ |= a.p[i] ^ b.p[i];
    return differ == 0;
}

void secret_wipe(void *p, size_t len)
{
    explicit_bzero(p, len);
}
