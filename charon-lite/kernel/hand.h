/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel - the hand: the one who touches the kernel's IPsec state, and refuses what the configuration does not allow.
 *
 *      ask ----> may this be? ----> records, claims ----> difference ----> backend (one batch)
 *   answer <---- result of each operation
 *    event <---- acquire, expire, mapping (deduplicated) <---- backend's notices; overrun: dump, compare, mend
 *
 * The hand keeps two tables of what ought to be in the kernel: SAs, as asked for, and policies. A policy exists because
 * something claims it: the configuration (block or trap, for every selector that it protects), an installed SA (protect), or
 * an exception (pass). What is in the kernel is the strongest claim; when claims change, the policy is replaced in one
 * message and never deleted first. So a selector of the configuration is never without a policy: not before the first packet,
 * not while SAs change, not after the daemon is stopped or killed. Only hand_disable() and a new configuration open anything.
 *
 *     pass (exceptions)  >  protect (an SA, the newest)  >  what the configuration says: trap, block
 *
 * Ours are recognised by ranges: SAs by reqid (port/ask.h), policies by index (backend.h). Nothing else is ever touched.
 */
#ifndef CHARON_KERNEL_HAND_H
#define CHARON_KERNEL_HAND_H

#include "conf/conf.h"
#include "kernel/backend.h"
#include "port/port.h"

struct hand;
struct hand_setup {
    const struct hand_backend *backend;
    struct backend_setup backend_setup;
    struct conf *conf; /* the first snapshot (a reference is taken), or NULL: hand_configure() follows */
    /* resolv.conf files whose servers pass a block, ended by NULL; NULL = the machine's own */
    const char *const *resolv_conf;
    /* Called from hand_ask(), before it returns or later: both must be fine for the core. */
    void (*answer)(void *ctx, const struct answer *);
    void (*event)(void *ctx, const struct event *); /* called from hand_read(); GONE also from hand_ask() */
    void (*log)(void *ctx, enum level, const char *sentence);
    /* NULL, or: has the judge (or vault) proved this peer? A Child SA is installed only where it says so. */
    bool (*verdict)(void *ctx, const struct peer_ref *);
    void *ctx;
    /* The time since boot, suspension included, and the wall clock's seconds (the kernel says in them when an SA was last used);
     * what seeds hash tables. NULL = the machine's own. */
    usec_t (*now)(void *ctx);
    int64_t (*wall_s)(void *ctx);
    const struct rng *rng;
};

/* Opens the backend, adopts the policies that an earlier run left and removes its SAs. NULL with a sentence in `why`. */
struct hand *hand_new(const struct hand_setup *, struct text *why);
/* Closes sockets; what is in the kernel stays. Returns NULL. */
struct hand *hand_free(struct hand *);

/* Close every selector of the snapshot, then open those that are in it no more (with the first call: what was adopted and is
 * not in it). The previous snapshot's asks stay valid until the next call. Returns 0, or the first ERR_*, each said to the
 * log: when a child's selectors cannot be put into policies, nothing is changed (with the first call: the others are closed,
 * and nothing is opened); when the kernel refuses a policy, all the others are there. */
int hand_configure(struct hand *, struct conf *);
/* By explicit command alone: a connection's selectors are open until hand_enable(). ERR_NOT_FOUND for an unknown name. */
int hand_disable(struct hand *, const char *connection);
int hand_enable(struct hand *, const char *connection);
/* At a stop: traps become blocks, SAs go; everything protected stays closed. */
void hand_disarm(struct hand *);

#define HAND_FDS_MAX 2
size_t hand_fds(const struct hand *, int out[HAND_FDS_MAX]); /* readable = call hand_read() */
void hand_read(struct hand *);                               /* does not wait */
/* After orders to the kernel that failed, or whose answer was lost: when it wants to look at everything again (CLOCK_BOOTTIME),
 * or USEC_NEVER. Ask after every call; hand_mend() does nothing before that time. */
usec_t hand_deadline(const struct hand *);
void hand_mend(struct hand *);
void hand_ask(struct hand *, const struct ask *);

/* For `charonctl` and tests. */
struct hand_counts {
    size_t sas, policies, blocks, traps, protects, passes;
    uint64_t resyncs, acquires, acquires_dropped;
};
struct hand_counts hand_counts(const struct hand *);

#endif
