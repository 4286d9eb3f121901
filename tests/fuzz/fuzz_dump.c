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

FUZZ_MAIN(5000, "wire-dump")
