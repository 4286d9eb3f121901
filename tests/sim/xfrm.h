/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of the kernel's IPsec, one for each end; it outlives the end's processes. The production hand works it as a
 * `struct hand_backend` (kernel/backend.h), and packets of the model go through it from one end to the other, so that a scenario
 * can say "traffic flows", "nothing leaves in clear" and "no packet was lost".
 *
 *     host -> policy (out) -> SA -> wire -> SA -> policy (in, fwd) -> host          notices -> hand
 *
 * As on Linux: the lowest priority decides; a template without SA raises one ACQUIRE and leaves a larval SA that holds the
 * others back for 30 s; of several SAs that fit, one that has not expired softly goes before one that has, then the newest; a
 * packet that came out of a tunnel passes only a policy whose template names that SA.
 */
#ifndef SIM_XFRM_H
#define SIM_XFRM_H

#include "conf/conf.h"
#include "dice.h"
#include "kernel/backend.h"
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
    bool clear; /* no ESP at all: the inner packet as it is */
    usec_t sent;
};

#define XFRM_TS_MAX 8
struct sa {
    struct list link;
    bool inbound;
    uint32_t spi, reqid, other_spi; /* other_spi: of the opposite direction */
    uint16_t connection, child;     /* whose it is, where our hand made it */
    uint32_t generation;
    bool foreign; /* of another program */
    bool rekeyed; /* inbound: its successor is there */
    struct endpoint local, remote;
    bool encap, transport;
    uint64_t keys;
    struct ts ts_local[XFRM_TS_MAX], ts_remote[XFRM_TS_MAX]; /* as the core agreed them; the kernel does not know */
    size_t n_local, n_remote;
    uint64_t seq, top;
    uint64_t window[2]; /* the last 128 sequence numbers below top */
    uint64_t packets, bytes, soft_packets, hard_packets, soft_bytes, hard_bytes;
    uint64_t serial;                      /* the higher the newer */
    usec_t added, used, soft_at, hard_at; /* used 0 = never */
    int64_t used_wall_s;
    bool soft_said;
    struct endpoint mapping_said;
    usec_t mapping_said_at;
};

struct spd_entry {
    struct list link;
    struct kernel_policy p;
};

struct larval_sa {
    struct list link;
    struct larval name;
    uint32_t reqid, seq;
    usec_t until;
    struct selector packet;
};

#define XFRM_NOTICES_MAX 64 /* as many as the hand's socket holds; then count is lost */
/* Per mille, of each operation or notice. */
struct kernel_faults {
    unsigned memory, io, exists; /* operations fail: no memory, no answer, SPI taken */
    unsigned lost;               /* notices */
};

struct xfrm {
    struct list sas, policies, larvals;
    bool on; /* the machine forwards packets */
    uint32_t next_seq;
    uint64_t serials;
    struct kernel_faults faults;
    unsigned fail_next; /* the n-th operation from now on fails, 0 = none */
    int fail_with;
    const struct ask_child *doing; /* what the hand is about: SAs that it makes meanwhile are of this child */
    bool doing_outbound;
    unsigned failed; /* operations that were made to fail, ever */
    struct notice notices[XFRM_NOTICES_MAX];
    size_t n_notices;
    bool listening, overrun, reading;
    unsigned others; /* SAs and policies of other programs */
    unsigned acquires, installs, removes, refused_in;
    uint64_t operations;
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
void xfrm_flush(struct xfrm *); /* SAs, larval ones too: forgotten without a word */
void xfrm_done(struct xfrm *);  /* and policies: the machine is off */
/* The hand performs an ask; 0 or ERR_* as the answer says, which is the last that it gave. */
int xfrm_perform(struct end *, const struct ask *, struct answer *);
void xfrm_arrived(struct end *, const struct esp_packet *, const struct endpoint *local, const struct endpoint *remote,
                  bool encap);
/* A digest of the algorithms and keys of an SA: what decides whether packets of one open with another. */
uint64_t xfrm_keys(struct world *, const struct kernel_sa *);
struct sa *xfrm_find(struct xfrm *, bool inbound, uint32_t spi);
size_t xfrm_count(const struct xfrm *, bool inbound, uint16_t connection, uint16_t child);
void xfrm_watch(struct end *, struct sa *); /* its limits of time */
size_t xfrm_size(const struct xfrm *);      /* our SAs of both directions */
/* The policy that decides about a packet; NULL = none. */
const struct kernel_policy *xfrm_policy(const struct xfrm *, enum direction, const struct addr *src, const struct addr *dst);
void xfrm_notice(struct end *, const struct notice *); /* to the hand, if it listens */
extern const struct hand_backend backend_world;        /* its setup's ctx is the end */

/* What others do to the tables: `ip xfrm state flush`, deletion of one SA, an SA and a policy of their own. */
void xfrm_others_flush(struct end *);
bool xfrm_others_delete(struct end *, struct dice *);
void xfrm_others_add(struct end *);
bool xfrm_others_intact(const struct end *); /* what they added is still there */

/* Packets from a host behind one end to a host behind another, one every `every`. */
struct flow *flow_start(struct world *, unsigned from, unsigned to, const char *src, const char *dst, usec_t every);
void flow_send(struct world *, struct flow *); /* one packet now */
void flow_stop(struct flow *);
void flow_must(struct world *, struct flow *, bool must);       /* from now on every packet arrives, or a law is broken */
void flow_lost(struct world *, unsigned flow, const char *why); /* by the network, or refused at the far end */

#endif
