/* SPDX-License-Identifier: Apache-2.0 */
/* What is trusted, by connection, of one configuration generation. Private to this room. */
#ifndef CHARON_JUDGE_ANCHORS_H
#define CHARON_JUDGE_ANCHORS_H

#include "cert/cert.h"
#include "judge/cache.h"
#include "judge/judge.h"

#define PINNED_MAX 16

/* CAs and pinned certificates; connections that name the same files share one. */
struct judge_anchors {
    struct map_node node;
    struct judge_anchors *next;
    const char *files; /* all their names */
    uint64_t number;   /* unique in the process: what was believed under other anchors is not believed under these */
    struct cert_trust *trust;
    struct x509_st *pinned[PINNED_MAX];
    uint8_t digests[PINNED_MAX][CACHE_DIGEST];
    size_t n_pinned;
};

struct judge_peer {
    const char *name;
    bool signs; /* its side has certificates, not a PSK */
    bool sha1;
    struct id id;                        /* wanted; ID_NONE: whoever the anchors vouch for */
    const char *dn_pattern;              /* wanted instead, or NULL */
    const struct judge_anchors *anchors; /* NULL: nothing to check with */
};

struct judge_generation {
    uint32_t number;
    struct arena arena;
    struct map map;
    struct judge_anchors *anchors;
    struct judge_peer *peers;
    size_t n_peers;
};

/* `counter` gives anchors their numbers. 0, or ERR_* and why. */
int judge_generation_new(const struct judge_setup *, const struct conf *, uint64_t *counter, struct judge_generation **out,
                         struct text *why) MUST_USE;
struct judge_generation *judge_generation_free(struct judge_generation *);

#endif
