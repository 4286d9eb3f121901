/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster - the configuration of many peers, in memory. One connection is written as YAML and read by conf/, so that the defaults
 * are the daemon's; the others are copies of it with a name, an address, an identity and a selector of their own.
 */
#ifndef CHARON_BENCH_ROSTER_H
#define CHARON_BENCH_ROSTER_H

#include "conf/conf.h"
#include "tests/bench/charon-bench.d/options.h"

/* Peers first, first + 1 ... as connections 0, 1 ...; NULL when it could not be made, and why is on standard error. The
 * caller's reference. */
struct conf *roster_new(const struct options *, uint32_t first, uint32_t n);
/* Of the connection's name: which peer. */
uint32_t roster_peer(const char *connection);
/* Secrets by reference, for the vault's keystore: the pre-shared key; with --ca-key the key of all peers, and the certificate for
 * the identity that follows. */
#define ROSTER_PSK "bench:psk"
#define ROSTER_KEY "bench:key"
#define ROSTER_CERT "bench:cert:"

#endif
