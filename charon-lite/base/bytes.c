/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

struct span span_str(const char *s)
{
    return span_of(s, s ? strlen(s) : 0);
}

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

int span_compare(struct span a, struct span b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    if (order != 0 || a.len == b.len)
        return order;
    return a.len < b.len ? -1 : 1;
}

struct span span_part(struct span s, size_t from, size_t len)
{
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return span_of(s.p ? s.p + from : NULL, len);
}

bool span_has(struct span s, uint8_t byte)
{
    return s.len && memchr(s.p, byte, s.len);
}

bool span_is_zero(struct span s)
{
    uint8_t any = 0;

    for (size_t i = 0; i < s.len; i++)
        any |= s.p[i];
    return any == 0;
}

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->cap);
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = b->too_long = false;
}

void buf_expect(struct buf *b, size_t len)
{
    if (b->p || !len || len > b->max)
        return;
    b->p = malloc(len);
    b->cap = b->p ? (uint32_t)len : 0;
}

/* Grows by a fresh block rather than realloc, so that no unwiped copy stays behind. */
static bool buf_grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : 256;
    uint8_t *p;

    while (cap < need)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    p = malloc(cap);
    if (!p)
        return false;
    if (b->p) {
        memcpy(p, b->p, b->len);
        explicit_bzero(b->p, b->cap);
        free(b->p);
    }
    b->p = p;
    b->cap = cap;
    return true;
}

static uint8_t *room_slowly(struct buf *b, size_t len)
{
    uint8_t *at;

    b->too_long |= len > b->max - b->len;
    if (b->failed || b->too_long || (b->len + len > b->cap && !buf_grow(b, b->len + len))) {
        b->failed = true;
        return NULL;
    }
    at = b->p + b->len;
    b->len += len;
    return at;
}

static inline uint8_t *room(struct buf *b, size_t len)
{
    if (b->failed || b->too_long || len > b->cap - b->len || len > b->max - b->len)
        return room_slowly(b, len);
    b->len += len;
    return b->p + b->len - len;
}

uint8_t *buf_room(struct buf *b, size_t len)
{
    return room(b, len);
}

void buf_u8(struct buf *b, uint8_t v)
{
    uint8_t *p = room(b, 1);

    if (p)
        p[0] = v;
}

void buf_u16(struct buf *b, uint16_t v)
{
    uint8_t *p = room(b, 2);

    if (p)
        put_u16(p, v);
}

void buf_u24(struct buf *b, uint32_t v)
{
    uint8_t *p = room(b, 3);

    if (p) {
        p[0] = (uint8_t)(v >> 16);
        put_u16(p + 1, (uint16_t)v);
    }
}

void buf_u32(struct buf *b, uint32_t v)
{
    uint8_t *p = room(b, 4);

    if (p)
        put_u32(p, v);
}

void buf_u64(struct buf *b, uint64_t v)
{
    uint8_t *p = room(b, 8);

    if (p)
        put_u64(p, v);
}

void buf_bytes(struct buf *b, const void *src, size_t len)
{
    uint8_t *p = len ? room(b, len) : NULL;

    if (p)
        memcpy(p, src, len);
}

void buf_span(struct buf *b, struct span s)
{
    buf_bytes(b, s.p, s.len);
}

void buf_zero(struct buf *b, size_t len)
{
    uint8_t *p = len ? room(b, len) : NULL;

    if (p)
        memset(p, 0, len);
}

static uint8_t *buf_at(struct buf *b, size_t at, size_t len)
{
    if (!b->failed && at <= b->len && len <= b->len - at)
        return b->p + at;
    b->failed = true;
    return NULL;
}

void buf_put_u8(struct buf *b, size_t at, uint8_t v)
{
    uint8_t *p = buf_at(b, at, 1);

    if (p)
        p[0] = v;
}

void buf_put_u16(struct buf *b, size_t at, uint16_t v)
{
    uint8_t *p = buf_at(b, at, 2);

    if (p)
        put_u16(p, v);
}

void buf_put_u32(struct buf *b, size_t at, uint32_t v)
{
    uint8_t *p = buf_at(b, at, 4);

    if (p)
        put_u32(p, v);
}

void buf_cut(struct buf *b, size_t len)
{
    if (len < b->len)
        b->len = len;
}

struct reader reader_of(struct span s)
{
    return (struct reader){.p = s.p, .len = s.len};
}

static const uint8_t *reader_take(struct reader *r, size_t len)
{
    const uint8_t *at;

    if (r->failed || len > r->len - r->pos) {
        r->failed = true;
        return NULL;
    }
    at = r->p + r->pos;
    r->pos += len;
    return at;
}

uint8_t read_u8(struct reader *r)
{
    const uint8_t *p = reader_take(r, 1);

    return p ? p[0] : 0;
}

uint16_t read_u16(struct reader *r)
{
    const uint8_t *p = reader_take(r, 2);

    return p ? get_u16(p) : 0;
}

uint32_t read_u24(struct reader *r)
{
    const uint8_t *p = reader_take(r, 3);

    return p ? (uint32_t)p[0] << 16 | get_u16(p + 1) : 0;
}

uint32_t read_u32(struct reader *r)
{
    const uint8_t *p = reader_take(r, 4);

    return p ? get_u32(p) : 0;
}

uint64_t read_u64(struct reader *r)
{
    const uint8_t *p = reader_take(r, 8);

    return p ? get_u64(p) : 0;
}

struct span read_span(struct reader *r, size_t len)
{
    const uint8_t *p = len ? reader_take(r, len) : NULL;

    return p ? span_of(p, len) : SPAN_NONE;
}

size_t read_left(const struct reader *r)
{
    return r->failed ? 0 : r->len - r->pos;
}

struct span read_rest(struct reader *r)
{
    return read_span(r, read_left(r));
}

void read_skip(struct reader *r, size_t len)
{
    (void)read_span(r, len);
}

void hex_format(char *out, size_t cap, struct span src)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    if (cap == 0)
        return;
    for (size_t i = 0; i < src.len && n + 2 < cap; i++) {
        out[n++] = digits[src.p[i] >> 4];
        out[n++] = digits[src.p[i] & 15];
    }
    out[n] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_parse(const char *text, uint8_t *out, size_t cap)
{
    size_t n = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    while (*text) {
        int high, low;

        if (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r' || *text == ':') {
            text++;
            continue;
        }
        high = hex_digit(text[0]);
        low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return ERR_BAD;
        if (n == cap)
            return ERR_LIMIT;
        out[n++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return (int)n;
}
