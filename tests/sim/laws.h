/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold whatever happens (law.h has the table). Checked as datagrams pass, after every step of an end, with every
 * operation on a kernel, and at rest.
 */
#ifndef SIM_LAWS_H
#define SIM_LAWS_H

#include "ike/core.h"
#include "law.h"

struct world;
struct end;
struct datagram;
struct esp_packet;
struct sa;
struct kernel_policy;

struct laws {
    struct map seen; /* of struct seen, one for each message or counter */
    usec_t second;   /* in which steps are counted */
    unsigned steps, steps_max;
    bool off_wire;    /* a scenario forges messages in the name of its ends: the laws of the wire rest */
    uint64_t off;     /* 1 << enum law: these rest */
    usec_t lost;      /* when a kernel last lost an SA that nobody deleted */
    usec_t disturbed; /* when a fault last struck: some laws need quiet */
};

void laws_init(struct laws *, const struct rng *);
void laws_done(struct laws *);
void law_sent(struct end *, const struct datagram *);
void law_arrived(struct end *, const struct datagram *);
/* A row of ORDER_LIST: the state of one SA only ever moves forward. */
struct told_row;
void law_listed(struct end *, const struct told_row *);
void law_stepped(struct end *, const struct input *, size_t outputs);

/* On the tables of an end's kernel (laws_kernel.c). */
void law_sa_added(struct end *, const struct sa *);
void law_sa_deleted(struct end *, const struct sa *);           /* by our hand */
void law_sa_lost(struct end *, const struct sa *);              /* by time, or by others */
bool law_inbound_known(struct world *, uint32_t spi, bool now); /* has there ever been one? `now`: there is */
bool law_closed_by(struct end *, uint32_t spi, bool now); /* has it asked for the deletion of its inbound SA? `now`: it does */
void law_policy_set(struct end *, const struct kernel_policy *);
void law_closed(struct end *); /* everything that is configured */
void law_clear(struct end *, const struct esp_packet *);
/* Do the configurations in force at this end protect these packets? */
bool law_protects(const struct end *, const struct addr *src, const struct addr *dst);

/* Every configured child has exactly one pair of SAs at each running end of its tunnel, both ends agree on keys, SPIs and
 * selectors, policies point to them, there is no IKE SA too many, and nothing else is in the kernels. NULL, or what is wrong (in
 * a static buffer). */
const char *laws_at_rest(struct world *);
bool world_at_rest(struct world *);
/* No SA of any kind at any end. */
const char *laws_empty(struct world *);

#endif
