/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes: borrowed (span), owned (buf), and read one by one (reader). Network byte order throughout. */
#ifndef CHARON_BASE_BYTES_H
#define CHARON_BASE_BYTES_H

#include "base.h"

/* Borrowed bytes: never kept past the step that was handed them. */
struct span {
    const uint8_t *p;
    size_t len;
};
#define SPAN_NONE ((struct span){NULL, 0})
static inline struct span span_of(const void *p, size_t len)
{
    return (struct span){p, len};
}
struct span span_str(const char *s); /* without the NUL; NULL gives SPAN_NONE */
/* Equal in length and content. For public values only: secrets have secret_equal(). */
bool span_equal(struct span a, struct span b);
/* memcmp order, a shorter prefix being lower (RFC 7296 2.8.1 compares nonces so). */
int span_compare(struct span a, struct span b);
/* The part [from, from + len), cut to what is there. */
struct span span_part(struct span s, size_t from, size_t len);
bool span_has(struct span s, uint8_t byte); /* is that byte in it */
bool span_is_zero(struct span s);           /* every byte is 0 (true for an empty span) */

/* Owned, growing, bounded bytes. A write past `max`, or without memory, sets `failed` and changes nothing else:
 * write a whole message, then check once. Wiped on done. */
struct buf {
    uint8_t *p;
    uint32_t len, cap, max;
    bool failed;
    bool too_long; /* ... and not for want of memory */
};
void buf_init(struct buf *, size_t max);
void buf_expect(struct buf *, size_t len); /* so many bytes will follow: an empty one takes no more memory than that */
void buf_done(struct buf *);               /* wipes and frees; the buf may be initialised again */
void buf_reset(struct buf *);              /* empties, keeps the memory and clears `failed` */
void buf_u8(struct buf *, uint8_t);
void buf_u16(struct buf *, uint16_t);
void buf_u24(struct buf *, uint32_t);
void buf_u32(struct buf *, uint32_t);
void buf_u64(struct buf *, uint64_t);
void buf_bytes(struct buf *, const void *, size_t);
void buf_span(struct buf *, struct span);
void buf_zero(struct buf *, size_t);
/* Room for len bytes, to be written by the caller at once; NULL when failed. */
uint8_t *buf_room(struct buf *, size_t len);
/* Overwrite earlier bytes; out of range sets `failed`. */
void buf_put_u8(struct buf *, size_t at, uint8_t);
void buf_put_u16(struct buf *, size_t at, uint16_t);
void buf_put_u32(struct buf *, size_t at, uint32_t);
void buf_cut(struct buf *, size_t len); /* shorten to len */
static inline struct span buf_view(const struct buf *b)
{
    return (struct span){b->p, b->len};
}

/* Bytes in. Reading past the end returns 0 (or an empty span) and sets `failed`; nothing is read after that. */
struct reader {
    const uint8_t *p;
    size_t len, pos;
    bool failed;
};
struct reader reader_of(struct span);
uint8_t read_u8(struct reader *);
uint16_t read_u16(struct reader *);
uint32_t read_u24(struct reader *);
uint32_t read_u32(struct reader *);
uint64_t read_u64(struct reader *);
struct span read_span(struct reader *, size_t len);
struct span read_rest(struct reader *);
void read_skip(struct reader *, size_t len);
size_t read_left(const struct reader *); /* 0 once failed */

/* Lower-case hex of src as a NUL-ended string, cut to cap. */
void hex_format(char *out, size_t cap, struct span src);
/* Hex digits (an optional 0x, blanks and colons between bytes allowed) to bytes. Returns the number of bytes or ERR_BAD,
 * ERR_LIMIT. */
int hex_parse(const char *text, uint8_t *out, size_t cap) MUST_USE;

static inline uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t get_u64(const uint8_t *p)
{
    return (uint64_t)get_u32(p) << 32 | get_u32(p + 4);
}
static inline void put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put_u32(uint8_t *p, uint32_t v)
{
    put_u16(p, (uint16_t)(v >> 16));
    put_u16(p + 2, (uint16_t)v);
}
static inline void put_u64(uint8_t *p, uint64_t v)
{
    put_u32(p, (uint32_t)(v >> 32));
    put_u32(p + 4, (uint32_t)v);
}

#endif
