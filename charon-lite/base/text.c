/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text text_in(char *array, size_t cap)
{
    array[0] = '\0';
    return (struct text){.p = array, .cap = cap};
}

static void text_put(struct text *t, const char *s, size_t n)
{
    size_t room = t->cap - t->len - 1;

    if (n > room)
        n = room;
    memcpy(t->p + t->len, s, n);
    t->len += n;
    t->p[t->len] = '\0';
}

static void text_put_number(struct text *t, unsigned v)
{
    char digits[12], *p = digits + sizeof(digits);

    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    text_put(t, p, (size_t)(digits + sizeof(digits) - p));
}

/* What most sentences are made of is put together here, for printf takes microseconds over them; it has the rest, from the first
 * conversion on that is neither %s nor %u. */
void text_add_args(struct text *t, const char *fmt, va_list args)
{
    int n;

    while (*fmt) {
        size_t plain = strcspn(fmt, "%");

        text_put(t, fmt, plain);
        fmt += plain;
        if (fmt[0] == '%' && fmt[1] == 's') {
            const char *s = va_arg(args, const char *);

            text_put(t, s ? s : "(null)", s ? strlen(s) : 6);
        } else if (fmt[0] == '%' && fmt[1] == 'u') {
            text_put_number(t, va_arg(args, unsigned));
        } else {
            break;
        }
        fmt += 2;
    }
    n = *fmt ? vsnprintf(t->p + t->len, t->cap - t->len, fmt, args) : 0;
    if (n > 0)
        t->len += (size_t)n < t->cap - t->len ? (size_t)n : t->cap - t->len - 1;
}

void text_add(struct text *t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    text_add_args(t, fmt, args);
    va_end(args);
}

void text_add_bytes(struct text *t, struct span s)
{
    for (size_t i = 0; i < s.len && t->len + 5 < t->cap; i++)
        text_add(t, s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '\\' ? "%c" : "\\x%02x", s.p[i]);
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Optimal string alignment distance, three rows of the table at a time. */
size_t text_distance(const char *a, const char *b)
{
    size_t na = strnlen(a, 64), nb = strnlen(b, 64);
    size_t rows[3][65];

    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *cur = rows[i % 3], *up = rows[(i + 2) % 3], *upup = rows[(i + 1) % 3];

        cur[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            cur[j] = smallest(up[j] + 1, cur[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && upup[j - 2] + 1 < cur[j])
                cur[j] = upup[j - 2] + 1;
        }
    }
    return rows[na % 3][nb];
}

const char *text_nearest(const char *word, const char *const *words)
{
    size_t best = strlen(word) / 3 + 1;
    const char *nearest = NULL;

    for (; *words; words++) {
        size_t d = text_distance(word, *words);

        if (d <= best && (!nearest || d < best)) {
            best = d;
            nearest = *words;
        }
    }
    return nearest;
}
