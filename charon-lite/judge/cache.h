/* SPDX-License-Identifier: Apache-2.0 */
/* Peers' certificates that were believed, kept decoded: decoding a key costs more than verifying with it. Bounded; the one not
 * used for longest goes. Strangers cannot fill it: a certificate comes in only with an accepted AUTH. Private to this room. */
#ifndef CHARON_JUDGE_CACHE_H
#define CHARON_JUDGE_CACHE_H

#include "cert/cert.h"

#define CACHE_MAX 1024
#define CACHE_DIGEST 32 /* SHA2-256 of the DER */

struct cache_item {
    struct map_node node;
    struct list use;
    uint8_t digest[CACHE_DIGEST];
    struct x509_st *cert;
    uint64_t trust; /* the set of anchors to which its chain led, 0 = none noted */
    struct cert_window window;
};
struct cache {
    struct map map;
    struct list use; /* last used first */
};
void cache_init(struct cache *, const struct rng *);
void cache_done(struct cache *);
bool cache_digest(struct span der, uint8_t out[CACHE_DIGEST]);
struct cache_item *cache_find(struct cache *, const uint8_t digest[CACHE_DIGEST]); /* NULL, or the item, now used last */
/* Notes that the certificate is believed under a set of anchors; without memory nothing is noted. */
void cache_note(struct cache *, const uint8_t digest[CACHE_DIGEST], struct x509_st *, uint64_t trust, struct cert_window);

#endif
