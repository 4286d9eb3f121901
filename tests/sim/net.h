/* SPDX-License-Identifier: Apache-2.0 */
/* The network between the ends: late, lossy, repeating, and with address translators in it. */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "ike/core.h"
#include "xfrm.h"

#define NET_ENDS_MAX 5
struct world;
struct end;

/* Faults of one way, from one end to another. Chances are per mille. */
struct way {
    usec_t delay_low, delay_high;
    unsigned loss, dup, reorder, corrupt, replay;
    unsigned forge;    /* an attacker answers, or speaks in between (forge.c) */
    usec_t reorder_by; /* how much later a reordered datagram arrives, at most */
    bool cut;
    unsigned mtu; /* larger IP datagrams are dropped; 0 = none */
};

struct datagram {
    struct endpoint src, dst; /* as on the wire at this point */
    int from;                 /* which end sent it; -1 = a stranger */
    unsigned number;          /* of what was sent; its copies have the same */
    bool again, changed;      /* a copy; not as it was sent */
    bool keepalive;
    bool esp, encap; /* ESP, in UDP or naked; or (packet.clear) no ESP at all */
    unsigned to;     /* clear: the end behind which its destination is */
    struct esp_packet packet;
    size_t len;
    uint8_t data[]; /* UDP payload, marker included */
};

struct nat_map {
    struct endpoint inside, outside, remote;
    usec_t used;
};
/* A translator in front of one end: symmetric (a mapping for each remote endpoint, only that may answer). */
struct nat {
    bool on;
    struct addr outside;
    usec_t timeout;
    uint16_t next_port;
    struct nat_map map[64];
    size_t n;
    bool forward; /* ports 500 and 4500 from outside go in: a responder behind a NAT */
};

/* What a scenario does to chosen IKE datagrams. */
enum rule_do { RULE_DROP, RULE_DELAY, RULE_TWICE, RULE_FLIP };
struct rule {
    int from;       /* end, -1 = any */
    int exchange;   /* -1 = any */
    int response;   /* 0, 1; -1 = any */
    unsigned skip;  /* leave the first n alone */
    unsigned times; /* then do it so often */
    enum rule_do what;
    usec_t delay;
    unsigned seen, done;
};

struct net {
    struct way way[NET_ENDS_MAX][NET_ENDS_MAX];
    struct nat nat[NET_ENDS_MAX];
    struct rule rule[16];
    size_t n_rules;
    struct datagram *kept[32]; /* to be replayed */
    size_t n_kept;
    unsigned n_datagrams;
    /* Sees (and may change or swallow, by returning false) each IKE datagram as it leaves. May be NULL. */
    bool (*tap)(struct world *, unsigned from, struct datagram **, void *ctx);
    void *tap_ctx;
};

void net_init(struct net *);
void net_done(struct net *);
void net_all(struct net *, struct way); /* every way */
void net_cut(struct net *, unsigned a, unsigned b, bool cut);
struct rule *net_rule(struct net *, struct rule);
void net_nat_rebind(struct nat *); /* forgets its mappings; the next ones get new ports */

/* A core says send. */
void sim_net_send(struct end *, const struct path *, struct span data, bool keepalive);
void net_send_esp(struct end *, const struct endpoint *src, const struct endpoint *dst, bool encap, const struct esp_packet *);
/* A datagram that the tap kept goes its way after all; it is the network's from here. */
void net_leave(struct end *, struct datagram *);
void net_send_clear(struct end *, unsigned to, const struct esp_packet *); /* as it is */
/* A stranger's datagram, without faults: arrives at dst after `delay`. Data has no marker; one is added for port 4500. */
void net_inject(struct world *, struct endpoint src, struct endpoint dst, struct span data, usec_t delay);
/* Without the marker of port 4500. */
struct span net_ike_part(const struct datagram *);
void net_forge(struct world *, const struct datagram *, struct dice *); /* what an attacker says who sees this one */
/* The payloads of an IKE message in a line, those inside a glass SK too. */
void net_inside(struct span ike, char *out, size_t cap);

#endif
