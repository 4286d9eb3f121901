/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet - thousands of initiators in one process, on the daemon's own core.
 *
 *     squad    a core with up to SQUAD_MAX connections, its vault and judge
 *     fleet    all squads on the two sockets; whose datagram it is says the SPI, in which each squad leaves its number
 *
 * Asks are answered at once and in place: key exchanges and proofs are computed, the kernel is said to have taken everything.
 * Nothing is installed anywhere. What happens to a peer is told by `heard`.
 */
#ifndef CHARON_BENCH_FLEET_H
#define CHARON_BENCH_FLEET_H

#include "loop/loop.h"
#include "net/net.h"
#include "tests/bench/charon-bench.d/options.h"

#define SQUAD_MAX 1000 /* connections: what the core looks for by name stays cheap */

/* What happens to peers. */
enum news {
    NEWS_KEYED,     /* IKE_SA_INIT is done: its AUTH is asked for. Answering is up to `keyed` */
    NEWS_INSTALLED, /* a Child SA would be in the kernel now */
    NEWS_FACT,      /* the core told something: fact and text */
};
struct fleet_setup {
    const struct options *options;
    struct loop *loop;
    void (*heard)(void *ctx, uint32_t peer, enum news, const struct tell *); /* tell: NEWS_FACT only */
    void *ctx;
};
struct fleet_counts {
    uint64_t sent[5], received[5]; /* datagrams: IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL, other */
    uint64_t answers[5];           /* whole ones received, of several fragments or one */
    uint64_t retransmits, strays, send_errors;
    int send_errno;
};

struct fleet;
struct fleet *fleet_new(const struct fleet_setup *); /* NULL, and why is on standard error */
struct fleet *fleet_free(struct fleet *);
void fleet_start(struct fleet *, uint32_t peer); /* as if traffic asked for its Child SA */
void fleet_rekey(struct fleet *, uint32_t peer, bool child);
/* Due timers, and what was said goes out; returns when to come back. */
usec_t fleet_turn(struct fleet *);
bool fleet_busy(const struct fleet *); /* datagrams wait to be read: who speaks on instead does not hear what was answered */
struct fleet_counts fleet_counts(const struct fleet *);

#endif
