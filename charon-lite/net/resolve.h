/* SPDX-License-Identifier: Apache-2.0 */
/* Names to addresses (ASK_RESOLVE): blocking, so it runs in a worker thread, and in the split daemon in a process of its own. */
#ifndef CHARON_NET_RESOLVE_H
#define CHARON_NET_RESOLVE_H

#include "loop/worker.h"
#include "net/net.h"
#include "net/remember.h"

#define RESOLVE_MAX 16 /* addresses that one name may bring */

struct resolver {
    const struct net_sockets *sockets; /* for our own addresses */
    struct remember *remember;         /* NULL = remember nothing */
};
/* The `run` of a pool (loop/worker.h); ctx is a struct resolver. When no name server answers, what it said last time counts; a
 * name that does not exist any more is not remembered. */
void resolve_run(void *ctx, const struct ask *, struct answer *, struct arena *);

#endif
