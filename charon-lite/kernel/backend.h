/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend - what a kernel must be able to do for the hand: a list of operations done in order, look-ups, and notices.
 *
 * A backend decides nothing. It is handed complete SAs and policies and says for each whether the kernel took it. One file of
 * plugins/kernel/ each: `xfrm` (Linux), `dry` (a table in memory that prints what it would do).
 */
#ifndef CHARON_KERNEL_BACKEND_H
#define CHARON_KERNEL_BACKEND_H

#include "suite/alg.h"

/* As the kernel numbers them. Forwarded packets on their way in are checked with FWD, on their way out with OUT. */
enum direction { DIRECTION_IN = 0, DIRECTION_OUT = 1, DIRECTION_FWD = 2 };
#define DIRECTIONS 3

/* Packets: two networks, a protocol and ports under masks (host order). ICMP: source port = type, destination port = code. */
struct selector {
    struct prefix src, dst; /* the same family */
    uint8_t protocol;       /* 0 = any */
    uint16_t sport, sport_mask, dport, dport_mask;
};

struct kernel_lifetime {
    uint64_t soft_bytes, hard_bytes, soft_packets, hard_packets; /* 0 = none */
    uint32_t soft_seconds, hard_seconds;
};

/* One SA of one direction; identified by spi and dst. */
struct kernel_sa {
    struct addr src, dst;
    uint32_t spi, reqid;
    uint32_t seq; /* outbound: of the ACQUIRE whose larval SA it replaces, or 0 */
    bool outbound, transport, esn;
    bool clear_df;
    bool udp_encap;
    uint16_t encap_sport, encap_dport;
    uint32_t replay_window; /* packets, inbound only; 0 = off */
    uint32_t mark, mark_mask, if_id;
    struct kernel_lifetime life;
    const struct alg *encr, *integ; /* integ NULL with AEAD */
    struct span encr_key, integ_key;
};

enum policy_action {
    POLICY_PASS,
    POLICY_BLOCK,
    POLICY_PROTECT, /* by an SA that fits the template; where there is none, packets are dropped and (OUT) an ACQUIRE is raised */
};
struct policy_template {
    struct addr src, dst; /* outer addresses; family 0 = none (transport mode), or any of `family` */
    uint8_t family;       /* 4, 6: of the outer addresses */
    uint32_t reqid, spi;  /* spi 0 = any SA of the reqid */
    bool transport;
};
/* Identified by selector, direction, mark and if_id; `index` marks it as ours. */
struct kernel_policy {
    struct selector sel;
    uint8_t direction;
    uint32_t mark, mark_mask, if_id;
    uint32_t index, priority; /* a lower priority value wins */
    enum policy_action action;
    struct policy_template tmpl; /* PROTECT */
};

/* Policy indexes of ours: 0x43, a number of 21 bits, and the direction in the lowest 3 bits, as the kernel demands. */
#define POLICY_INDEX(number, direction) (0x43000000u | (uint32_t)(number) << 3 | (direction))
#define POLICY_INDEX_OURS(index) ((index) >> 24 == 0x43)
#define POLICY_INDEX_NUMBER(index) ((index) >> 3 & 0x1fffff)
#define POLICY_NUMBER_MAX 0x1fffff

struct sa_name {
    uint32_t spi;
    struct addr dst;
    uint32_t mark, mark_mask, if_id;
};

/* Addresses of an SA change: same SPI, keys, replay state. */
struct sa_move {
    struct sa_name old;
    struct addr src, dst;
    bool udp_encap;
    uint16_t encap_sport, encap_dport;
};
/* The SA without SPI that the kernel keeps while it waits for us after an ACQUIRE. */
struct larval {
    uint32_t seq, reqid;
    struct addr src, dst;
    bool transport;
    uint32_t mark, mark_mask, if_id;
};
enum kernel_op_kind {
    OP_SA_ADD,     /* sa; ERR_EXISTS when the SPI is taken */
    OP_SA_DEL,     /* name */
    OP_SA_MOVE,    /* move */
    OP_POLICY_NEW, /* policy; ERR_EXISTS when there is one with this identity, whoever's it is */
    OP_POLICY_SET, /* policy: replaces the one with this identity at once, or adds it */
    OP_POLICY_DEL, /* policy: the one with this index, direction, mark and if_id, and no other */
    OP_LARVAL_FREE,
};
#define KERNEL_WHY_MAX 160
struct kernel_op {
    enum kernel_op_kind kind;
    union {
        struct kernel_sa sa;
        struct sa_name name;
        struct sa_move move;
        struct kernel_policy policy;
        struct larval larval;
    } u;
    int result;               /* out: 0, ERR_EXISTS, ERR_NOT_FOUND, ERR_UNSUPPORTED, ERR_MEMORY, ERR_IO ... */
    char why[KERNEL_WHY_MAX]; /* out: a sentence when it failed, or "" */
};

/* What look-ups and dumps tell of an SA. */
struct sa_seen {
    struct addr src, dst;
    uint32_t spi, reqid, seq;
    bool larval, transport, outbound_known, outbound; /* direction only where the kernel tells it */
    uint32_t mark, mark_mask, if_id;
    uint64_t bytes, packets;
    int64_t used_at;     /* wall clock, seconds; 0 = never used */
    struct selector sel; /* larval: the packet that asked */
};

enum notice_kind {
    NOTICE_ACQUIRE,
    NOTICE_EXPIRE,
    NOTICE_MAPPING,
    NOTICE_SA_DELETED,     /* by somebody else, as what follows */
    NOTICE_POLICY_CHANGED, /* taken away, or replaced */
    NOTICE_FLUSHED,        /* SAs or policies, all of them */
    NOTICE_ADDRESS,
    NOTICE_OVERRUN /* some were lost */
};
struct notice {
    enum notice_kind kind;
    uint32_t reqid; /* ACQUIRE, EXPIRE, MAPPING, SA_DELETED */
    union {
        struct {
            uint32_t seq, policy_index;
            struct larval larval;
            struct selector packet;
        } acquire;
        struct {
            uint32_t spi;
            struct addr dst;
            bool hard;
        } expire;              /* SA_DELETED too */
        uint32_t policy_index; /* POLICY_CHANGED */
        struct {
            uint32_t spi;
            struct addr dst;
            struct endpoint old_remote, new_remote;
        } mapping;
    } u;
};

/* TCP connections that are forwarded through our SAs are told of smaller segments. `auto` is for all that no rule is about: what
 * the path takes. */
enum { CLAMP_OFF = 1 }; /* leave these alone */
struct kernel_clamp {
    struct prefix src, dst; /* both ways */
    uint16_t mss;
};

struct backend_setup {
    void (*print)(void *ctx, const char *line); /* what `dry` would do, one operation a line; may be NULL */
    void *ctx;
};
struct hand_backend {
    const char *name;
    /* NULL when it cannot be used here; `why` then says why and what would help. */
    void *(*open)(const struct backend_setup *, struct text *why);
    void (*close)(void *self); /* the kernel's state stays */
    /* All operations, in order, each whether or not an earlier one failed; each gets its result. */
    void (*apply)(void *self, struct kernel_op *ops, size_t n);
    int (*sa_get)(void *self, const struct sa_name *, struct sa_seen *out); /* 0, ERR_NOT_FOUND, ERR_IO */
    /* Everything there is, ours or not, once each; a dump that the kernel calls inconsistent is taken again before the first
     * call of `each`. 0 or ERR_*. */
    int (*dump_sas)(void *self, void (*each)(void *ctx, const struct sa_seen *), void *ctx);
    int (*dump_policies)(void *self, void (*each)(void *ctx, const struct kernel_policy *), void *ctx);
    /* These rules in place of those before; none and not automatic = nothing of it is left. 0, or ERR_* and why. */
    int (*clamp)(void *self, const struct kernel_clamp *, size_t n, bool automatic, char why[KERNEL_WHY_MAX]);
    size_t (*fds)(void *self, int *out, size_t max); /* to wait for, readable */
    /* What has come in, without waiting, a bounded number of notices at a time. True when there is more. */
    bool (*read)(void *self, void (*each)(void *ctx, const struct notice *), void *ctx);
};
extern const struct hand_backend backend_xfrm, backend_dry;

#endif
