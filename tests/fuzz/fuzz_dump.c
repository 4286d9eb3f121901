/* SPDX-License-Identifier: Apache-2.0 */
/* What wire-dump reads: captures, frames, hex, files of keys. The tool's own sources, without its main(). */
#include <stdio.h>

static FILE *nowhere; /* what it prints goes there */

/* clang-format off: their own names, where two files use one */
#include "tools/wire-dump.d/dump.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#undef stdout
#undef putchar
#define stdout nowhere
#define putchar(c) fputc((c), nowhere)
#define printf(...) fprintf(nowhere, __VA_ARGS__)
#include "tools/wire-dump.d/collect.c"
#include "tools/wire-dump.d/frame.c"
#include "tools/wire-dump.d/hex.c"
#include "tools/wire-dump.d/open.c"
#include "tools/wire-dump.d/pcap.c"
#define line_read keys_line_read
#include "tools/wire-dump.d/keys.c"
#undef line_read
#include "tools/wire-dump.d/show.c"
#undef printf
#undef putchar
#undef stdout
#define stdout stdout
/* clang-format on */

#include <stdarg.h>

#include "driver.h"

extern const struct alg_registry alg_registry;

void input_error(struct input *in, const char *fmt, ...)
{
    char words[400];
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    if (!words[0])
        abort(); /* an error without a reason */
    in->failed = true;
}

/* 32 bytes of 7 for whoever has SPIs 1 and 2. */
static void ring_fill(struct key_ring *ring)
{
    static const char line[] = "spi_i=0000000000000001 spi_r=0000000000000002 encr=aes256gcm16 "
                               "sk_ei=070707070707070707070707070707070707070707070707070707070707070707070707 "
                               "sk_er=070707070707070707070707070707070707070707070707070707070707070707070707\n";
    char words[200];
    struct text why = text_in(words, sizeof(words));

    if (key_ring_read(ring, span_str(line), &why))
        abort();
}

/* Two ciphers that take a MAC of their own, and one that does not. */
static void ring_more(struct key_ring *ring)
{
    static const char line[] = "spi_i=0000000000000003 spi_r=0000000000000004 encr=aes128 integ=sha256 "
                               "sk_ei=07070707070707070707070707070707 sk_er=07070707070707070707070707070707 "
                               "sk_ai=0707070707070707070707070707070707070707070707070707070707070707 "
                               "sk_ar=0707070707070707070707070707070707070707070707070707070707070707\n";
    char words[200];
    struct text why = text_in(words, sizeof(words));

    if (key_ring_read(ring, span_str(line), &why))
        abort();
}

/* Fragments that were opened: of which message, how many, which, how long. Totals change, numbers repeat, many begin and few end.
 */
static void collect(struct collector *all, struct span records)
{
    for (size_t i = 0; i + 4 <= records.len; i += 4) {
        const uint8_t *b = records.p + i;
        struct ike_header h = {.spi_i = 1, .message_id = b[0]};
        struct payload skf = {.type = PAYLOAD_SKF};
        struct buf whole;
        uint8_t inner;

        skf.u.sk.total = (uint16_t)(1 + b[1] * 3);
        skf.u.sk.number = (uint16_t)(1 + b[2] % skf.u.sk.total);
        buf_init(&whole, (size_t)FRAGMENTS_MAX * IKE_DATAGRAM_MAX);
        if (collector_add(all, &h, &skf, span_part(records, 0, b[3]), &whole, &inner) && !whole.len)
            abort();
        buf_done(&whole);
    }
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    struct dump d = {.registry = &alg_registry, .ring = {.registry = &alg_registry}};
    struct input in = {.name = "input", .datagram = show_datagram, .ctx = &d};
    struct span bytes = span_of(data, len);
    char words[300];
    struct text why = text_in(words, sizeof(words));
    struct found f = {.time_us = -1};

    if (!nowhere && !(nowhere = fopen("/dev/null", "w")))
        abort();
    ring_fill(&d.ring);
    ring_more(&d.ring);
    if (len && data[0] >= 0xf0)
        collect(&d.fragments, span_part(bytes, 1, len));
    d.quiet = len && data[len - 1] & 1;
    if (pcap_is(bytes))
        pcap_read(&in, bytes);
    else
        hex_read(&in, bytes);
    if (len)
        frame_read(&in, data[0], span_part(bytes, 1, len), data[0] & 1, &f);
    frame_guess(&in, bytes, &f);
    if (len < 5000 && key_ring_read(&d.ring, bytes, &why) && !why.len)
        abort();
    collector_done(&d.fragments);
    key_ring_done(&d.ring);
    return 0;
}

FUZZ_MAIN(5000, "wire-dump", "fuzz/dump")
