/* SPDX-License-Identifier: Apache-2.0 */
/* Names to addresses (ASK_RESOLVE): blocking, so it runs in a worker thread, and in the split daemon in a process of its own. */
#ifndef CHARON_NET_RESOLVE_H
#define CHARON_NET_RESOLVE_H

#include "loop/worker.h"
#include "net/net.h"

#define RESOLVE_MAX 16 /* addresses that one name may bring */

/* The `run` of a pool (loop/worker.h); ctx is a const struct net_sockets *, for our own addresses. */
void resolve_run(void *ctx, const struct ask *, struct answer *, struct arena *);

#endif
