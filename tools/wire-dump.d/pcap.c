/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files: pcap (both byte orders, micro- and nanoseconds) and the packet blocks of pcapng. */
#include "input.h"

#define PCAP_MICROSECONDS 0xa1b2c3d4u
#define PCAP_NANOSECONDS 0xa1b23c4du
#define PCAPNG_MAGIC 0x1a2b3c4du
enum { BLOCK_INTERFACE = 1, BLOCK_SIMPLE = 3, BLOCK_PACKET = 6 };
#define BLOCK_SECTION 0x0a0d0d0au
#define INTERFACES_MAX 64
#define OPTION_RESOLUTION 9

/* A file in its own byte order. */
struct capture {
    struct input *in;
    struct reader r;
    bool swapped, nanoseconds;
    size_t packets;
    struct interface {
        uint32_t link;
        uint64_t ticks; /* of its clock in a second */
    } interfaces[INTERFACES_MAX];
    size_t n_interfaces;
};

static uint32_t get32(struct reader *r, bool swapped)
{
    uint32_t v = read_u32(r);

    return swapped ? __builtin_bswap32(v) : v;
}

static uint16_t get16(struct reader *r, bool swapped)
{
    uint16_t v = read_u16(r);

    return swapped ? __builtin_bswap16(v) : v;
}

/* Files are written in the order of the machine; the magic, read big-endian, says which. */
static bool pcap_magic(uint32_t magic, bool *swapped, bool *nanoseconds)
{
    uint32_t other = __builtin_bswap32(magic);

    *swapped = other == PCAP_MICROSECONDS || other == PCAP_NANOSECONDS;
    *nanoseconds = magic == PCAP_NANOSECONDS || other == PCAP_NANOSECONDS;
    return *swapped || magic == PCAP_MICROSECONDS || magic == PCAP_NANOSECONDS;
}

bool pcap_is(struct span file)
{
    bool swapped, nanoseconds;

    return file.len >= 4 && (get_u32(file.p) == BLOCK_SECTION || pcap_magic(get_u32(file.p), &swapped, &nanoseconds));
}

static void classic_read(struct capture *c)
{
    uint32_t link;

    read_skip(&c->r, 16);
    link = get32(&c->r, c->swapped) & 0x0fffffff; /* the top bits tell of a frame check sequence */
    while (read_left(&c->r) > 0) {
        size_t at = c->r.pos;
        uint32_t sec = get32(&c->r, c->swapped), part = get32(&c->r, c->swapped);
        uint32_t kept = get32(&c->r, c->swapped), len = get32(&c->r, c->swapped);
        struct span frame = read_span(&c->r, kept);
        struct found f = {.number = ++c->packets};

        if (c->r.failed) {
            input_error(c->in, "packet %zu at byte %zu: the file ends early", f.number, at);
            return;
        }
        f.time_us = (int64_t)sec * USEC_SEC + (c->nanoseconds ? part / 1000 : part);
        frame_read(c->in, link, frame, kept < len, &f);
    }
    if (c->r.failed)
        input_error(c->in, "the file header ends early");
}

/* if_tsresol: a power of ten or, with the top bit, of two. */
static uint64_t ticks_of(uint8_t resolution)
{
    uint64_t ticks = 1;

    if (resolution & 0x80)
        return (resolution & 0x7f) < 63 ? (uint64_t)1 << (resolution & 0x7f) : 0;
    for (int i = 0; i < resolution && i < 19; i++)
        ticks *= 10;
    return resolution < 19 ? ticks : 0;
}

static void interface_read(struct capture *c, struct reader *b)
{
    struct interface interface = {.link = get16(b, c->swapped), .ticks = 1000000};

    read_skip(b, 6);
    while (read_left(b) >= 4) {
        uint16_t code = get16(b, c->swapped), len = get16(b, c->swapped);
        struct span value = read_span(b, len);

        if (code == 0)
            break;
        if (code == OPTION_RESOLUTION && value.len == 1)
            interface.ticks = ticks_of(value.p[0]);
        read_skip(b, (4 - (len & 3u)) & 3u);
    }
    if (c->n_interfaces < INTERFACES_MAX)
        c->interfaces[c->n_interfaces++] = interface;
    else
        input_error(c->in, "more than %d interfaces", INTERFACES_MAX);
}

/* -1: the clock is not understood, or further from 1970 than microseconds can count. */
static int64_t time_of(const struct interface *i, uint64_t stamp)
{
    if (i->ticks == 0 || stamp / i->ticks >= (uint64_t)(INT64_MAX / USEC_SEC))
        return -1;
    return (int64_t)(stamp / i->ticks) * USEC_SEC + (int64_t)((double)(stamp % i->ticks) * 1e6 / (double)i->ticks);
}

static void packet_read(struct capture *c, struct reader *b, bool simple)
{
    uint32_t n = simple ? 0 : get32(b, c->swapped);
    uint64_t high = simple ? 0 : get32(b, c->swapped), low = simple ? 0 : get32(b, c->swapped);
    uint32_t kept = simple ? 0 : get32(b, c->swapped), len = get32(b, c->swapped);
    struct found f = {.number = ++c->packets, .time_us = -1};
    struct span frame;

    if (simple) /* it has no captured length, but padding */
        kept = len < read_left(b) ? len : (uint32_t)read_left(b);
    frame = read_span(b, kept);
    if (b->failed || n >= c->n_interfaces) {
        input_error(c->in, "packet %zu: its block is malformed", f.number);
        return;
    }
    if (!simple)
        f.time_us = time_of(&c->interfaces[n], high << 32 | low);
    frame_read(c->in, c->interfaces[n].link, frame, kept < len, &f);
}

/* A section header starts anew: byte order, interfaces. */
static bool section_read(struct capture *c, size_t at)
{
    struct reader peek = c->r;
    uint32_t magic;

    read_skip(&peek, 4);
    magic = read_u32(&peek);
    c->swapped = magic == __builtin_bswap32(PCAPNG_MAGIC);
    c->n_interfaces = 0;
    if (c->swapped || magic == PCAPNG_MAGIC)
        return true;
    input_error(c->in, "section at byte %zu: unknown byte order", at);
    return false;
}

static bool block_read(struct capture *c)
{
    size_t at = c->r.pos;
    uint32_t type = get32(&c->r, c->swapped), length;
    struct reader body;

    if (type == BLOCK_SECTION && !section_read(c, at))
        return false;
    length = get32(&c->r, c->swapped);
    if (c->r.failed || length < 12 || length % 4 || length - 8 > read_left(&c->r)) {
        input_error(c->in, "block at byte %zu: length %u does not fit the file", at, length);
        return false;
    }
    body = reader_of(read_span(&c->r, length - 12));
    read_skip(&c->r, 4);
    if (type == BLOCK_INTERFACE)
        interface_read(c, &body);
    else if (type == BLOCK_PACKET || type == BLOCK_SIMPLE)
        packet_read(c, &body, type == BLOCK_SIMPLE);
    return true;
}

void pcap_read(struct input *in, struct span file)
{
    struct capture c = {.in = in, .r = reader_of(file)};

    if (pcap_magic(get_u32(file.p), &c.swapped, &c.nanoseconds)) {
        read_skip(&c.r, 4);
        classic_read(&c);
        return;
    }
    while (read_left(&c.r) > 0 && block_read(&c))
        ;
}
