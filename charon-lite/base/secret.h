/* SPDX-License-Identifier: Apache-2.0 */
/* Key material: owned, wiped on done, compared in constant time, and never printed. Zeroed means empty. */
#ifndef CHARON_BASE_SECRET_H
#define CHARON_BASE_SECRET_H

#include "base.h"

struct secret {
    uint8_t *p;
    size_t len;
};
int secret_new(struct secret *, size_t len) MUST_USE;       /* zeroed bytes; wipes what was there. 0 or ERR_MEMORY */
int secret_set(struct secret *, struct span from) MUST_USE; /* a copy; 0 or ERR_MEMORY */
void secret_done(struct secret *);                          /* wipes and frees; NULL-safe inside */
void secret_move(struct secret *to, struct secret *from);   /* `from` is left empty */
static inline struct span secret_view(const struct secret *s)
{
    return span_of(s->p, s->len);
}
/* Constant time in the content; the lengths are public. */
bool secret_equal(struct span a, struct span b);
void secret_wipe(void *p, size_t len);

#endif
