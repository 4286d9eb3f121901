/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of IKE SAs that wire-dump was given, by options or by a keys file (one SA a line, key=value; see --help). */
#ifndef WIRE_DUMP_KEYS_H
#define WIRE_DUMP_KEYS_H

#include "suite/alg.h"

struct sa_keys {
    uint64_t spi_i, spi_r;
    bool spi_set;
    const struct alg *encr, *integ; /* integ NULL with an AEAD */
    struct secret ei, er, ai, ar;
};
struct key_ring {
    const struct alg_registry *registry;
    struct sa_keys *v;
    size_t n;
};
#define KEY_RING_MAX 4096

/* "spi_i", "encr", "sk_ei" ... and its value. 0 or ERR_BAD with the reason in `why`. */
int keys_set(const struct alg_registry *, struct sa_keys *, const char *name, const char *value, struct text *why) MUST_USE;
/* Is everything there, and of the right lengths? */
int keys_check(const struct sa_keys *, struct text *why) MUST_USE;
/* Takes over `keys`, which is left empty. */
int key_ring_add(struct key_ring *, struct sa_keys *keys) MUST_USE;
/* All lines of a keys file. On ERR_BAD `why` starts with the line number. */
int key_ring_read(struct key_ring *, struct span text, struct text *why) MUST_USE;
/* The SA of these SPIs; NULL when there are no keys for it. */
const struct sa_keys *key_ring_find(const struct key_ring *, uint64_t spi_i, uint64_t spi_r);
void keys_done(struct sa_keys *);
void key_ring_done(struct key_ring *);

#endif
