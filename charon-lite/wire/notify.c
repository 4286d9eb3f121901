/* SPDX-License-Identifier: Apache-2.0 */
/* Notify and Delete payloads (RFC 7296 3.10, 3.11). */
#include "wire/family.h"

int notify_read(struct scan *s, struct payload *p)
{
    uint8_t spi_len;

    p->u.notify.protocol = read_u8(&s->r);
    spi_len = read_u8(&s->r);
    p->u.notify.type = read_u16(&s->r);
    if (spi_len > read_left(&s->r))
        return scan_fail(s, ERR_SHORT, "SPI of %u bytes, but the notify has %zu left", spi_len, read_left(&s->r));
    p->u.notify.spi = read_span(&s->r, spi_len);
    p->u.notify.data = read_rest(&s->r);
    return scan_end(s, "Notify");
}

void notify_write(struct buf *b, const struct payload *p)
{
    if (p->u.notify.spi.len > UINT8_MAX) {
        b->failed = true;
        return;
    }
    buf_u8(b, p->u.notify.protocol);
    buf_u8(b, (uint8_t)p->u.notify.spi.len);
    buf_u16(b, p->u.notify.type);
    buf_span(b, p->u.notify.spi);
    buf_span(b, p->u.notify.data);
}

static void format_protocol(struct text *out, uint8_t protocol)
{
    const char *name = protocol_name(protocol);

    if (name)
        text_add(out, ", %s", name);
    else if (protocol)
        text_add(out, ", protocol %u", protocol);
}

/* The group that the responder wants instead (1.3). */
static void format_group(struct text *out, uint16_t group)
{
    const char *name = transform_name(TRANSFORM_KE, group);

    text_add(out, ", group %u (%s)", group, name ? name : "unknown");
}

void notify_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    const char *name = notify_name(p->u.notify.type);
    char spi[2 * 16 + 1];

    (void)registry;
    if (name)
        text_add(out, " %s", name);
    else
        text_add(out, " %s %u", p->u.notify.type <= NOTIFY_ERROR_MAX ? "error" : "status", p->u.notify.type);
    format_protocol(out, p->u.notify.protocol);
    hex_format(spi, sizeof(spi), p->u.notify.spi);
    if (spi[0])
        text_add(out, ", SPI %s", spi);
    if (p->u.notify.type == INVALID_KE_PAYLOAD && p->u.notify.data.len == 2) {
        format_group(out, get_u16(p->u.notify.data.p));
    } else if (p->u.notify.data.len) {
        text_add(out, ", ");
        format_bytes(out, p->u.notify.data);
    }
}

/* The sizes of 3.11: none for IKE, whose SPIs are in the header; four for AH and ESP. */
static bool delete_spi_size_fits(uint8_t protocol, uint8_t spi_size, uint16_t count)
{
    switch (protocol) {
    case PROTOCOL_IKE:
        return spi_size == 0;
    case PROTOCOL_AH:
    case PROTOCOL_ESP:
        return spi_size == 4;
    default:
        return spi_size > 0 || count == 0;
    }
}

int delete_read(struct scan *s, struct payload *p)
{
    uint8_t protocol = read_u8(&s->r), spi_size = read_u8(&s->r);
    uint16_t count = read_u16(&s->r);

    if (s->r.failed)
        return scan_end(s, "Delete");
    if (!delete_spi_size_fits(protocol, spi_size, count))
        return scan_fail_at(s, s->at + 1, ERR_BAD, "SPIs of %u bytes for protocol %u", spi_size, protocol);
    if ((size_t)count * spi_size != read_left(&s->r))
        return scan_fail_at(s, s->at + 2, (size_t)count * spi_size > read_left(&s->r) ? ERR_SHORT : ERR_BAD,
                            "%u SPIs of %u bytes, but %zu bytes are there", count, spi_size, read_left(&s->r));
    p->u.del.protocol = protocol;
    p->u.del.spi_size = spi_size;
    p->u.del.count = count;
    p->u.del.spis = read_rest(&s->r);
    return 0;
}

void delete_write(struct buf *b, const struct payload *p)
{
    buf_u8(b, p->u.del.protocol);
    buf_u8(b, p->u.del.spi_size);
    buf_u16(b, p->u.del.count);
    buf_span(b, p->u.del.spis);
    if (p->u.del.spis.len != (size_t)p->u.del.count * p->u.del.spi_size)
        b->failed = true;
}

void delete_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    (void)registry;
    format_protocol(out, p->u.del.protocol);
    for (size_t at = 0; at < p->u.del.spis.len; at += p->u.del.spi_size) {
        char spi[2 * 16 + 1];

        hex_format(spi, sizeof(spi), span_part(p->u.del.spis, at, p->u.del.spi_size));
        text_add(out, " %s", spi);
    }
}
