/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are numbers: plain, with units (durations, sizes, counts), factors, marks. */
#include "conf/value.h"

#include <string.h>

/* A decimal or 0x number at *p, which is moved past it; false if there is none or it does not fit. */
static bool number_take(const char **p, uint64_t *out)
{
    bool hex = (*p)[0] == '0' && ((*p)[1] == 'x' || (*p)[1] == 'X');
    const char *s = *p + (hex ? 2 : 0), *from = s;
    uint64_t v = 0;

    for (;; s++) {
        unsigned digit = *s >= '0' && *s <= '9'          ? (unsigned)(*s - '0')
                         : hex && *s >= 'a' && *s <= 'f' ? (unsigned)(*s - 'a' + 10)
                         : hex && *s >= 'A' && *s <= 'F' ? (unsigned)(*s - 'A' + 10)
                                                         : 99;

        if (digit == 99)
            break;
        if (__builtin_mul_overflow(v, hex ? 16u : 10u, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *p = s;
    *out = v;
    return s != from;
}

static bool in_bounds(const struct row *row, uint64_t v)
{
    return v >= row->min && v <= row->max;
}

/* A number with a unit, or several ("1h30m"); units of a list ending with NULL. Zero needs no unit. */
static bool units_take(const char *p, const struct word *units, bool needs_unit, uint64_t *out)
{
    uint64_t total = 0;

    if (strcmp(p, "0") == 0) {
        *out = 0;
        return true;
    }
    do {
        const struct word *u = units;
        uint64_t v;

        if (*p < '0' || *p > '9' || !number_take(&p, &v))
            return false;
        while (u->word && strncmp(p, u->word, strlen(u->word)) != 0)
            u++;
        if (!u->word && (needs_unit || *p))
            return false;
        if (u->word && __builtin_mul_overflow(v, u->value, &v))
            return false;
        if (__builtin_add_overflow(total, v, &total))
            return false;
        p += u->word ? strlen(u->word) : 0;
    } while (*p);
    *out = total;
    return true;
}

/* Longer words before their beginnings. */
static const struct word durations[] = {{"ms", 1000},        {"min", 60000000},    {"s", 1000000},           {"m", 60000000},
                                        {"h", 3600000000ul}, {"d", 86400000000ul}, {"w", 7 * 86400000000ul}, {NULL, 0}};
static const struct word sizes[] = {{"KiB", 1ul << 10}, {"MiB", 1ul << 20}, {"GiB", 1ul << 30}, {"TiB", 1ul << 40},
                                    {"KB", 1ul << 10},  {"MB", 1ul << 20},  {"GB", 1ul << 30},  {"TB", 1ul << 40},
                                    {"k", 1ul << 10},   {"K", 1ul << 10},   {"M", 1ul << 20},   {"G", 1ul << 30},
                                    {"T", 1ul << 40},   {NULL, 0}};
static const struct word counts[] = {{"k", 1000}, {"K", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0}};

static const struct word *units_of(const struct row *row)
{
    return row->kind == KIND_DURATION ? durations : row->kind == KIND_SIZE ? sizes : counts;
}

int measure_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    const struct word *w = value_is_text(node) ? value_word(row, node->text) : NULL;
    uint64_t v;

    if (w) {
        *(uint64_t *)member = w->value;
        return 0;
    }
    if (!value_is_text(node) || !units_take(node->text, units_of(row), row->kind == KIND_DURATION, &v))
        return value_bad(r, row, node);
    if (!in_bounds(row, v) && !(v == 0 && value_word_of(row, 0)))
        return value_bad(r, row, node);
    *(uint64_t *)member = v;
    return 0;
}

/* "4h24m": each unit as often as it goes, the largest first. */
static void duration_add(uint64_t v, struct text *out)
{
    static const char *const names[] = {"d", "h", "m", "s", "ms"};
    static const uint64_t micros[] = {86400000000u, 3600000000u, 60000000u, 1000000u, 1000u};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (v >= micros[i])
            text_add(out, "%llu%s", (unsigned long long)(v / micros[i]), names[i]);
        v %= micros[i];
    }
}

/* The largest unit that divides the value; of equal ones the last in the list (the shortest). */
void measure_add(const struct row *row, uint64_t v, struct text *out)
{
    const struct word *best = NULL;

    if (v && row->kind == KIND_DURATION) {
        duration_add(v, out);
        return;
    }
    for (const struct word *u = units_of(row); u->word; u++) {
        if (v && v % u->value == 0 && (!best || u->value >= best->value))
            best = u;
    }
    if (best)
        text_add(out, "%llu%s", (unsigned long long)(v / best->value), best->word);
    else
        text_add(out, "%llu", (unsigned long long)v);
}

bool measure_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    uint64_t v = *(const uint64_t *)member;
    const struct word *w = value_word_of(row, v);
    char words[40];
    struct text t = text_in(words, sizeof(words));

    (void)algs;
    if (w)
        text_add(&t, "%s", w->word);
    else
        measure_add(row, v, &t);
    conf_text(out, words);
    return true;
}

int number_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    const struct word *w = value_is_text(node) ? value_word(row, node->text) : NULL;
    const char *p = node->text;
    uint64_t v;

    if (w) {
        value_integer_set(row, member, w->value);
        return 0;
    }
    if (!value_is_text(node) || !number_take(&p, &v) || *p || !in_bounds(row, v))
        return value_bad(r, row, node);
    value_integer_set(row, member, v);
    return 0;
}

bool number_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    uint64_t v = value_integer(row, member);
    const struct word *w = value_word_of(row, v);

    (void)algs;
    if (w)
        conf_text(out, w->word);
    else
        conf_format(out, "%llu", (unsigned long long)v);
    return true;
}

bool number_equal(const struct row *row, const void *a, const void *b)
{
    return value_integer(row, a) == value_integer(row, b);
}

/* "1.4", "2" or "140%". */
int factor_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    const char *p = node->text;
    uint64_t whole = 0, part = 0;

    if (!value_is_text(node) || !number_take(&p, &whole) || whole > row->max)
        return value_bad(r, row, node);
    if (strcmp(p, "%") == 0) {
        p++;
    } else {
        whole *= 100;
        if (*p == '.' && p[1] >= '0' && p[1] <= '9') {
            part = (uint64_t)(p[1] - '0') * 10;
            p += 2;
            if (*p >= '0' && *p <= '9')
                part += (uint64_t)(*p++ - '0');
        }
    }
    if (*p || !in_bounds(row, whole + part))
        return value_bad(r, row, node);
    *(uint32_t *)member = (uint32_t)(whole + part);
    return 0;
}

bool factor_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    uint32_t v = *(const uint32_t *)member;

    (void)row;
    (void)algs;
    conf_format(out, "%u.%02u", v / 100, v % 100);
    return true;
}

/* "0x10" or "0x10/0xff"; the mask follows the mark in memory. */
_Static_assert(offsetof(struct conf_child, mark_mask) == offsetof(struct conf_child, mark) + 4, "mask follows mark");

int mark_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    uint64_t v, mask = UINT32_MAX;
    uint32_t *mark = member;
    const char *p = node->text;

    if (value_is_text(node) && value_word(row, p)) {
        mark[0] = mark[1] = 0;
        return 0;
    }
    if (!value_is_text(node) || !number_take(&p, &v) || v > UINT32_MAX)
        return value_bad(r, row, node);
    if (*p == '/' && (p++, !number_take(&p, &mask) || mask > UINT32_MAX || mask == 0))
        return value_bad(r, row, node);
    if (*p || (v & ~mask) != 0)
        return value_bad(r, row, node);
    mark[0] = (uint32_t)v;
    mark[1] = (uint32_t)mask;
    return 0;
}

bool mark_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    const uint32_t *mark = member;

    (void)row;
    (void)algs;
    if (mark[1] == 0)
        conf_text(out, "none");
    else
        conf_format(out, "0x%x/0x%x", mark[0], mark[1]);
    return true;
}

bool mark_equal(const struct row *row, const void *a, const void *b)
{
    (void)row;
    return ((const uint32_t *)a)[0] == ((const uint32_t *)b)[0] && ((const uint32_t *)a)[1] == ((const uint32_t *)b)[1];
}
