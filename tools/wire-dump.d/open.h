/* SPDX-License-Identifier: Apache-2.0 */
/* Opening SK and SKF payloads (RFC 7296 3.14, RFC 5282 3 and 5.1, RFC 7383 2.5), and putting fragments together. */
#ifndef WIRE_DUMP_OPEN_H
#define WIRE_DUMP_OPEN_H

#include "keys.h"
#include "wire/wire.h"

/* Appends the payloads inside to `out`, without padding, once the ICV was right. `message` is all of it up to the length in its
 * header. *padding is how many bytes of it there were (the length byte not counted), *at where in the message the bytes stood. 0,
 * or ERR_SHORT, ERR_CRYPTO (wrong ICV), ERR_BAD (padding) with a reason. */
int sealed_open(const struct sa_keys *, const struct ike_header *, struct span message, const struct payload *sk, struct buf *out,
                size_t *padding, size_t *at, struct text *why) MUST_USE;

/* Fragments of messages that are not complete, the oldest given up when there are too many. */
#define FRAGMENTS_MAX 512
#define COLLECTIONS_MAX 64
struct collection;
struct collector {
    struct collection *v[COLLECTIONS_MAX];
    size_t n;
};
/* Keeps an opened fragment. When the message is complete, appends all of it to `whole`, sets *inner and returns true. */
bool collector_add(struct collector *, const struct ike_header *, const struct payload *skf, struct span opened,
                   struct buf *whole, uint8_t *inner);
void collector_done(struct collector *);

#endif
