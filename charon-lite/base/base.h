/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base - words that know nothing of IKE: bytes, text, addresses, lists, maps, heaps, arenas, secrets,
 * errors and time. Nothing here touches the world: no file, socket, clock or random number.
 *
 *     span    borrowed bytes                   reader  bytes in, remembers its own failure
 *     buf     owned, bounded, growing bytes    arena   memory that dies all at once, bounded
 *     secret  wiped on done, never printed     text    a bounded sentence under construction
 */
#ifndef CHARON_BASE_H
#define CHARON_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Errors for callers: 0 is success, a negative value says what failed. */
enum {
    ERR_LIMIT = -1,     /* a bound of ours was reached */
    ERR_SHORT = -2,     /* the input ended early */
    ERR_BAD = -3,       /* the input is malformed */
    ERR_MEMORY = -4,    /* the system has no memory */
    ERR_NOT_FOUND = -5, /* no such thing */
    ERR_EXISTS = -6,    /* there already */
    ERR_CRYPTO = -7,    /* a cryptographic operation failed, or a value was refused */
    ERR_REFUSED = -8,   /* not allowed by the configuration */
    ERR_IO = -9,        /* the outside failed */
    ERR_AGAIN = -10,    /* try later */
    ERR_UNSUPPORTED = -11,
    ERR_UNPROVED = -12, /* the peer has not proved who it is */
};
const char *err_text(int err);

/* Microseconds of CLOCK_BOOTTIME, always handed in, never asked for. */
typedef int64_t usec_t;
#define USEC_SEC ((usec_t)1000000)
#define USEC_MSEC ((usec_t)1000)
#define USEC_NEVER INT64_MAX
/* a + b, which never passes USEC_NEVER */
usec_t usec_add(usec_t a, usec_t b);

/* Random bytes come from a generator handed in: the kernel's in the daemon, a seeded one in the simulator. */
struct rng {
    void (*fill)(void *ctx, uint8_t *out, size_t len); /* cannot fail */
    void *ctx;
};
uint32_t rng_u32(const struct rng *);
uint64_t rng_u64(const struct rng *);
/* A value in [0, below), below > 0, without modulo bias worth naming. */
uint64_t rng_below(const struct rng *, uint64_t below);

#include "addr.h"
#include "arena.h"
#include "bytes.h"
#include "delta.h"
#include "heap.h"
#include "list.h"
#include "map.h"
#include "secret.h"
#include "text.h"

#endif
