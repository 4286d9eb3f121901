/* SPDX-License-Identifier: Apache-2.0 */
/* The IKE header, RFC 7296 3.1. */
#include "wire/family.h"

int msg_read_header(struct span datagram, struct ike_header *out, struct wire_error *why)
{
    struct scan s = {.r = reader_of(datagram), .why = why};
    uint8_t version;

    *out = (struct ike_header){0};
    if (why)
        *why = (struct wire_error){0};
    if (datagram.len < IKE_HEADER_LEN)
        return scan_fail(&s, ERR_SHORT, "%zu bytes cannot hold an IKE header of %d", datagram.len, IKE_HEADER_LEN);
    out->spi_i = read_u64(&s.r);
    out->spi_r = read_u64(&s.r);
    out->next = read_u8(&s.r);
    version = read_u8(&s.r);
    out->major = version >> 4;
    out->minor = version & 15;
    out->exchange = read_u8(&s.r);
    out->flags = read_u8(&s.r);
    out->message_id = read_u32(&s.r);
    out->length = read_u32(&s.r);
    if (out->length < IKE_HEADER_LEN)
        return scan_fail_at(&s, 24, ERR_BAD, "length %u is less than that of the header", out->length);
    if (out->length > datagram.len)
        return scan_fail_at(&s, 24, ERR_SHORT, "length %u, but the datagram has %zu bytes", out->length, datagram.len);
    return 0;
}

void msg_write_header(struct buf *b, const struct ike_header *h)
{
    buf_u64(b, h->spi_i);
    buf_u64(b, h->spi_r);
    buf_u8(b, h->next);
    buf_u8(b, (uint8_t)(h->major << 4 | (h->minor & 15)));
    buf_u8(b, h->exchange);
    buf_u8(b, h->flags);
    buf_u32(b, h->message_id);
    buf_u32(b, h->length);
}

void msg_write(struct buf *b, const struct ike_header *h, const struct payload *first)
{
    struct ike_header full = *h;
    size_t start = b->len;

    full.next = first ? first->type : PAYLOAD_NONE;
    msg_write_header(b, &full);
    msg_write_payloads(b, first);
    if (b->len - start > IKE_DATAGRAM_MAX)
        b->failed = true;
    buf_put_u32(b, start + 24, (uint32_t)(b->len - start));
}
