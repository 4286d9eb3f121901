/* SPDX-License-Identifier: Apache-2.0 */
/* What charon-bench was asked to do. */
#ifndef CHARON_BENCH_OPTIONS_H
#define CHARON_BENCH_OPTIONS_H

#include "base/base.h"

enum verb { VERB_ESTABLISH, VERB_REKEY, VERB_HOLD };
enum rekey_what { REKEY_IKE, REKEY_CHILD, REKEY_CHILD_PFS };

struct options {
    enum verb verb;
    struct prefix local; /* the address of the first peer, and the network that the others' are in */
    struct addr remote;
    uint32_t peers;
    bool each_address, each_identity, half_open, inner_whole, quiet, retry;
    bool certificates; /* else a pre-shared key */
    const char *auth, *psk, *cert, *key, *ca, *ca_key;
    const char *local_id, *remote_id, *ke;
    const char *esp;
    const char *inner, *remote_net; /* selectors: a network from which each peer has an address, or `dynamic` */
    double rate;                    /* establishments begun in a second; 0 = by the window */
    uint32_t window;                /* under way at a time */
    usec_t hold, give_up, patience;
    enum rekey_what what;
    uint32_t times;
    const char *json;
};

/* 0: go on. Otherwise what main() returns; all has been said. */
int options_read(int argc, char **argv, struct options *out) MUST_USE;

#endif
