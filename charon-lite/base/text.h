/* SPDX-License-Identifier: Apache-2.0 */
/* A sentence under construction in a caller's array: always NUL-ended, cut (never overrun) when it is full. */
#ifndef CHARON_BASE_TEXT_H
#define CHARON_BASE_TEXT_H

#include "base.h"

#include <stdarg.h>

struct text {
    char *p;
    size_t cap, len;
};
struct text text_in(char *array, size_t cap); /* empties the array */
void text_add(struct text *, const char *fmt, ...) PRINTF(2, 3);
void text_add_args(struct text *, const char *fmt, va_list) PRINTF(2, 0);
/* Peer bytes made safe to print: printable ASCII stays, anything else becomes \xHH. */
void text_add_bytes(struct text *, struct span);
/* How far two words are apart (insertions, deletions, replacements, swaps), for "did you mean". At most 64 bytes are looked at.
 */
size_t text_distance(const char *a, const char *b);
/* The word of a NULL-ended list nearest to `word`, or NULL when none is near enough to suggest. */
const char *text_nearest(const char *word, const char *const *words);

#endif
