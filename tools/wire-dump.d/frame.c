/* SPDX-License-Identifier: Apache-2.0 */
/* From a captured packet to the IKE message in it: link, IPv4 or IPv6, UDP 500 and 4500, RFC 3948 2. */
#include "input.h"

#include "wire/wire.h"

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, ETHERTYPE_VLAN = 0x8100, ETHERTYPE_QINQ = 0x88a8 };
enum { NEXT_HOP_BY_HOP = 0, NEXT_UDP = 17, NEXT_ROUTING = 43, NEXT_FRAGMENT = 44, NEXT_ESP = 50, NEXT_OPTIONS = 60 };
enum { PORT_IKE = 500, PORT_NATT = 4500 };

static void too_short(struct input *in, const struct found *f, const char *what)
{
    input_error(in, "packet %zu: %s ends early", f->number, what);
}

/* Port 4500 carries ESP, keepalives, and IKE behind four zero bytes. */
static void natt_read(struct input *in, struct span data, struct found *f)
{
    if (data.len == 1 && data.p[0] == 0xff) {
        in->keepalives++;
    } else if (data.len < 4 || !span_is_zero(span_part(data, 0, 4))) {
        in->esp++;
    } else {
        f->data = span_part(data, 4, data.len);
        in->datagram(in->ctx, f);
    }
}

static void udp_read(struct input *in, struct reader *r, bool cut, struct found *f)
{
    size_t length;

    f->from.port = read_u16(r);
    f->to.port = read_u16(r);
    length = read_u16(r);
    (void)read_u16(r);
    if (!r->failed && f->from.port != PORT_IKE && f->to.port != PORT_IKE && f->from.port != PORT_NATT &&
        f->to.port != PORT_NATT) {
        in->other++;
    } else if (r->failed || length < 8 || length - 8 > read_left(r)) {
        too_short(in, f, cut ? "the UDP datagram, which the capture has cut," : "the UDP datagram");
    } else if (f->from.port == PORT_NATT || f->to.port == PORT_NATT) {
        natt_read(in, read_span(r, length - 8), f);
    } else {
        f->data = read_span(r, length - 8);
        in->datagram(in->ctx, f);
    }
}

static void upper_read(struct input *in, uint8_t protocol, struct reader *r, bool cut, struct found *f)
{
    if (protocol == NEXT_UDP)
        udp_read(in, r, cut, f);
    else if (protocol == NEXT_ESP)
        in->esp++;
    else
        in->other++;
}

static void ipv4_read(struct input *in, struct span packet, bool cut, struct found *f)
{
    struct reader r = reader_of(packet);
    uint8_t head = (uint8_t)((read_u8(&r) & 15) * 4), protocol;
    uint16_t total, fragment;

    read_skip(&r, 1);
    total = read_u16(&r);
    read_skip(&r, 2);
    fragment = read_u16(&r);
    read_skip(&r, 1);
    protocol = read_u8(&r);
    read_skip(&r, 2);
    f->from.addr = addr_from_span(read_span(&r, 4));
    f->to.addr = addr_from_span(read_span(&r, 4));
    if (r.failed || head < 20 || total < head || (!cut && total > packet.len)) {
        too_short(in, f, "the IPv4 header");
        return;
    }
    if (protocol == NEXT_UDP && (fragment & 0x3fff)) {
        input_error(in, "packet %zu: IP fragments are not put together", f->number);
        return;
    }
    packet = span_part(packet, 0, total);
    r = reader_of(span_part(packet, head, packet.len));
    upper_read(in, protocol, &r, cut, f);
}

/* At most a few extension headers, each of which consumes 8 bytes or more. */
static void ipv6_read(struct input *in, struct span packet, bool cut, struct found *f)
{
    struct reader r = reader_of(packet);
    uint8_t next;
    size_t length;

    read_skip(&r, 4);
    length = read_u16(&r);
    next = read_u8(&r);
    read_skip(&r, 1);
    f->from.addr = addr_from_span(read_span(&r, 16));
    f->to.addr = addr_from_span(read_span(&r, 16));
    if (r.failed || (!cut && length > read_left(&r))) {
        too_short(in, f, "the IPv6 header");
        return;
    }
    r = reader_of(span_part(packet, 40, length));
    while (!r.failed && (next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_OPTIONS)) {
        next = read_u8(&r);
        read_skip(&r, (size_t)read_u8(&r) * 8 + 6);
    }
    if (next == NEXT_FRAGMENT && read_left(&r) > 0 && r.p[r.pos] == NEXT_UDP)
        input_error(in, "packet %zu: IP fragments are not put together", f->number);
    else
        upper_read(in, next, &r, cut, f);
}

static void ip_read(struct input *in, struct span packet, bool cut, struct found *f)
{
    uint8_t version = packet.len ? packet.p[0] >> 4 : 0;

    if (version == 4)
        ipv4_read(in, packet, cut, f);
    else if (version == 6)
        ipv6_read(in, packet, cut, f);
    else
        in->other++;
}

static void ethertype_read(struct input *in, uint16_t type, struct reader *r, bool cut, struct found *f)
{
    for (int tags = 0; tags < 3 && (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ); tags++) {
        read_skip(r, 2);
        type = read_u16(r);
    }
    if (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6)
        ip_read(in, read_rest(r), cut, f);
    else
        in->other++;
}

void frame_read(struct input *in, uint32_t link, struct span frame, bool cut, struct found *f)
{
    struct reader r = reader_of(frame);
    uint16_t type;

    switch (link) {
    case LINK_ETHERNET:
        read_skip(&r, 12);
        ethertype_read(in, read_u16(&r), &r, cut, f);
        break;
    case LINK_SLL:
        read_skip(&r, 14);
        ethertype_read(in, read_u16(&r), &r, cut, f);
        break;
    case LINK_SLL2:
        type = read_u16(&r);
        read_skip(&r, 18);
        ethertype_read(in, type, &r, cut, f);
        break;
    case LINK_NULL:
    case LINK_LOOP:
        read_skip(&r, 4); /* an address family that each system numbers its own way; the IP version says the same */
        ip_read(in, read_rest(&r), cut, f);
        break;
    default:
        ip_read(in, frame, cut, f);
        break;
    }
}

/* Does this look like a whole IP packet with UDP in it? */
static bool is_ip(struct span s)
{
    if (s.len >= 28 && s.p[0] >> 4 == 4 && (s.p[0] & 15) >= 5)
        return get_u16(s.p + 2) <= s.len && get_u16(s.p + 2) >= 28 && s.p[9] == NEXT_UDP;
    return s.len >= 48 && s.p[0] >> 4 == 6 && (size_t)get_u16(s.p + 4) + 40 <= s.len && s.p[6] == NEXT_UDP;
}

static bool is_ike(struct span s)
{
    return s.len >= IKE_HEADER_LEN && get_u32(s.p + 24) == s.len;
}

void frame_guess(struct input *in, struct span bytes, struct found *f)
{
    struct span behind = span_part(bytes, 4, bytes.len);

    f->data = bytes;
    if (is_ike(bytes)) {
        in->datagram(in->ctx, f);
    } else if (bytes.len > 4 && span_is_zero(span_part(bytes, 0, 4)) && is_ike(behind)) {
        f->data = behind;
        in->datagram(in->ctx, f);
    } else if (is_ip(bytes)) {
        frame_read(in, LINK_RAW, bytes, false, f);
    } else if (is_ip(span_part(bytes, 14, bytes.len))) {
        frame_read(in, LINK_ETHERNET, bytes, false, f);
    } else {
        in->datagram(in->ctx, f); /* broken, and the reader will say where */
    }
}
