/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of the kernel's IPsec: SAs, policies, larval SAs, limits, replay windows; and of the hand that works it. Packets of
 * the model go through it from one end to the other, so that a scenario can say "traffic flows", "nothing leaves in clear" and
 * "no packet was lost".
 */
#ifndef SIM_XFRM_H
#define SIM_XFRM_H

#include "conf/conf.h"
#include "port/port.h"

struct end;
struct world;

struct esp_packet {
    uint32_t spi;
    uint64_t seq;
    uint64_t keys; /* a digest of algorithms and keys */
    unsigned flow;
    struct ts inner; /* the packet as a selector: local = source in `inner`, destination below */
    struct addr destination;
    bool transport;
    usec_t sent;
};

#define XFRM_TS_MAX 8
struct sa {
    struct list link;
    bool inbound;
    uint32_t spi, reqid, other_spi; /* other_spi: of the opposite direction */
    uint16_t connection, child;
    uint32_t generation;
    struct endpoint local, remote;
    bool encap, transport;
    uint64_t keys;
    struct ts ts_local[XFRM_TS_MAX], ts_remote[XFRM_TS_MAX];
    size_t n_local, n_remote;
    uint64_t seq, top;
    uint64_t window[2]; /* the last 128 sequence numbers below top */
    uint64_t packets, bytes, soft_packets, hard_packets;
    usec_t added, used, soft_at, hard_at; /* used 0 = never */
    bool soft_said;
    struct endpoint mapping_said;
    usec_t mapping_said_at;
};

/* Which SAs protect the selectors of a child now: an entry of the policy database. */
struct cover {
    struct list link;
    uint32_t reqid, spi_in;
    uint16_t connection, child;
    struct ts ts_local[XFRM_TS_MAX], ts_remote[XFRM_TS_MAX];
    size_t n_local, n_remote;
    struct endpoint local, remote;
};

struct larval_sa {
    struct list link;
    uint32_t reqid, seq;
    usec_t until;
};

struct xfrm {
    struct list sas, covers, larvals;
    uint32_t next_seq;
    unsigned acquires, installs, removes, refused_in;
    char refused_why[96];
};

/* A stream of model packets from one end to another. */
struct flow {
    unsigned from, to;
    struct addr src, dst;
    usec_t every;     /* 0 = not running */
    bool must_arrive; /* a law: from now on every packet arrives */
    usec_t must_since;
    uint64_t sent, delivered, blocked, trapped, no_sa, lost, refused, clear;
    usec_t last_delivered;
};

void xfrm_init(struct xfrm *);
void xfrm_flush(struct xfrm *); /* forgets everything */
/* The hand performs an ask; 0 or ERR_* as the answer will say. */
int xfrm_perform(struct end *, const struct ask *, struct answer *);
void xfrm_arrived(struct end *, const struct esp_packet *, const struct endpoint *local, const struct endpoint *remote,
                  bool encap);
struct sa *xfrm_find(struct xfrm *, bool inbound, uint32_t spi);
size_t xfrm_count(const struct xfrm *, bool inbound, uint16_t connection, uint16_t child);
void xfrm_watch(struct end *, struct sa *); /* its limits of time */
size_t xfrm_size(const struct xfrm *);      /* SAs of both directions */

/* Packets from a host behind one end to a host behind another, one every `every`. */
struct flow *flow_start(struct world *, unsigned from, unsigned to, const char *src, const char *dst, usec_t every);
void flow_send(struct world *, struct flow *); /* one packet now */
void flow_stop(struct flow *);
void flow_must(struct world *, struct flow *, bool must);       /* from now on every packet arrives, or a law is broken */
void flow_lost(struct world *, unsigned flow, const char *why); /* by the network, or refused at the far end */

#endif
