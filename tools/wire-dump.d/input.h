/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where wire-dump finds IKE messages: hex text, capture files, the packets in either. Everything is bounded; what cannot be
 * read is told on standard error with its place, and marks the input as failed.
 *
 *     hex text ------> hex.c ---+
 *                               +--> frame.c (Ethernet, IP, UDP, marker) --> datagram()
 *     pcap, pcapng --> pcap.c --+
 */
#ifndef WIRE_DUMP_INPUT_H
#define WIRE_DUMP_INPUT_H

#include "base/base.h"

/* An IKE message, without its non-ESP marker. */
struct found {
    struct span data;
    struct endpoint from, to; /* family 0 where the input has no addresses */
    int64_t time_us;          /* since 1970, or -1 */
    size_t number;            /* of the packet in the capture or of the message in the text, from 1 */
};
struct input {
    const char *name;
    void (*datagram)(void *ctx, const struct found *);
    void *ctx;
    size_t esp, keepalives, other; /* packets that hold no IKE */
    bool failed;
};
void input_error(struct input *, const char *fmt, ...) PRINTF(2, 3);

/* Link types as capture files number them. */
enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276
};

bool pcap_is(struct span file);
void pcap_read(struct input *, struct span file);
void hex_read(struct input *, struct span text);
/* One packet; `cut` when the capture has only its beginning. */
void frame_read(struct input *, uint32_t link, struct span frame, bool cut, struct found *);
/* Bytes of unknown kind: an Ethernet frame, an IP packet, or an IKE message with or without the marker. */
void frame_guess(struct input *, struct span bytes, struct found *);

#endif
