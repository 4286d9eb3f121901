/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ike - the protocol (RFC 7296): IKE SAs, Child SAs, exchanges, riders, windows, timers.
 *
 * The core is still: it hears packets, answers, events, orders and the time, and says what to send, ask and tell. It touches no
 * socket, clock, file, kernel or thread, and draws randomness only from the generator handed in: the same inputs give the same
 * outputs, in the daemon, the simulator and the fuzzer alike.
 *
 *     door.c    first look at a packet: which SA, cookies, limits          seal.c    encrypt, decrypt, fragments
 *     window.c  message IDs, retransmission, cached replies               xchg*.c   the exchanges, one file each, as recipes
 *     riders.c  extensions that ride inside an exchange                   peer.c    what the configuration wants to be up
 */
#ifndef CHARON_IKE_CORE_H
#define CHARON_IKE_CORE_H

#include "conf/conf.h"
#include "port/port.h"

struct core;
struct core_setup {
    struct conf *conf; /* the core takes a reference of its own */
    const struct alg_registry *algs;
    struct rng rng;
    usec_t now;
    /* May be NULL. Called with the keys of each new IKE SA, for tools that open captures; debugging builds only. */
    void (*keylog)(void *ctx, uint64_t spi_i, uint64_t spi_r, const struct suite *, const struct ike_keys *);
    void *keylog_ctx;
};

struct core *core_new(const struct core_setup *); /* NULL without memory */
struct core *core_free(struct core *);            /* NULL in, NULL out */
/* One input; what the core says is appended to the outbox. Work per step is bounded. */
void core_step(struct core *, const struct input *, struct outbox *);
/* When to come back with a tick, USEC_NEVER = not before something happens. The first tick starts `keep: up` connections. */
usec_t core_deadline(const struct core *);

void outbox_init(struct outbox *);
void outbox_reset(struct outbox *); /* after the outputs were performed; wipes */
void outbox_done(struct outbox *);

/* For tests of memory and limits. */
struct core_counts {
    size_t ike_sas, half_open, child_sas, exchanges, tickets, timers, peers;
    size_t sources; /* networks that half-open IKE SAs are counted under */
    uint64_t packets_in, packets_dropped, cookies_sent, auth_failures, retransmits;
};
struct core_counts core_count(const struct core *);
/* The most IKE SAs that one identity of a peer has, without those that a rekey has replaced or made too many. */
size_t core_crowd(const struct core *);

#endif
