/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold whatever happens. Checked as datagrams pass and after every step:
 *   - a request is repeated byte for byte, an answer too (RFC 7296 2.1); message IDs of requests go up by one (2.2)
 *   - an answer only to a request that arrived, and not more of them than requests (2.1)
 *   - the core never spins: ticks that do nothing move its deadline into the future; steps per second are bounded
 *   - states of SAs only move forward, as far as lists show them
 *   - SAs are asked for within the configuration, under a verdict, with keys of the right length, and never in clear
 * and at rest: laws_at_rest().
 */
#ifndef SIM_LAWS_H
#define SIM_LAWS_H

#include "ike/core.h"

struct world;
struct end;
struct datagram;

struct laws {
    struct map seen; /* of struct seen, one for each message or counter */
    usec_t second;   /* in which steps are counted */
    unsigned steps, steps_max;
    bool off_wire; /* a scenario forges messages in the name of its ends: the laws of the wire rest */
};

void laws_init(struct laws *, const struct rng *);
void laws_done(struct laws *);
void law_sent(struct end *, const struct datagram *);
void law_arrived(struct end *, const struct datagram *);
/* A row of ORDER_LIST: the state of one SA only ever moves forward. */
struct told_row;
void law_listed(struct end *, const struct told_row *);
void law_stepped(struct end *, const struct input *, size_t outputs);

/* Every configured child has exactly one pair of SAs at each running end of its tunnel, both ends agree on keys, SPIs and
 * selectors, there is no IKE SA too many, and nothing else is in the SADs. NULL, or what is wrong (in a static buffer). */
const char *laws_at_rest(struct world *);
bool world_at_rest(struct world *);
/* No SA of any kind at any end. */
const char *laws_empty(struct world *);

#endif
