/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf - YAML to one frozen, checked, comparable snapshot, by a table of rows.
 *
 *     text --read.c--> tree with file:line:column --rows.c--> values --check.c--> struct conf (frozen)
 *
 * rows.c holds one row a setting (key, kind, default, bounds, help); reading, checking, printing, the manual and the JSON schema
 * come from the same rows. check.c has the rules between settings. Secrets are named here, never held: only the vault opens them.
 * A snapshot is never changed after it is made; all it points at lives in its arena.
 */
#ifndef CHARON_CONF_H
#define CHARON_CONF_H

#include "suite/id.h"
#include "suite/proposal.h"
#include "suite/ts.h"

/* One wish instead of start, close and dead-peer actions. */
enum keep {
    KEEP_UP,        /* bring it up now, and again, for ever, with back-off */
    KEEP_ON_DEMAND, /* a trap policy: traffic brings it up; when it dies the trap is back */
    KEEP_ANSWER,    /* the peer starts it; until then its fixed selectors are closed */
};
enum pfs { PFS_AUTO, PFS_REQUIRE, PFS_OFF }; /* AUTO: offer with and without, accept both */
enum split { SPLIT_JOINT, SPLIT_SPLIT, SPLIT_AUTO };
enum auth_kind { AUTH_KIND_PSK = 1, AUTH_KIND_PUBKEY = 2 };
enum encap { ENCAP_AUTO, ENCAP_FORCE };
enum df { DF_COPY, DF_SET, DF_CLEAR };

/* Where a value stood, for messages; file is NULL for a default. */
struct conf_place {
    const char *file;
    unsigned line, column;
};

/* One end of a connection as configured. */
struct conf_end {
    const char *host;       /* name or address as written; NULL = any (remote) or chosen by route (local) */
    struct addr addr;       /* if host is an address; family 0 otherwise */
    struct prefix net;      /* remote: a network of peers ("203.0.113.0/24"); net.addr.family 0 if none */
    uint16_t port;          /* 500 by default; 4500 = begin there (RFC 7296 2.23) */
    struct id id;           /* what we claim, or the pattern that the peer must prove; ID_NONE: local = our address, certificates:
                               the certificate's subject; remote = its address for PSK with a fixed address, else anything authorised */
    bool id_is_dn_pattern;  /* a DN with wildcards: `id_text` has it, the judge matches */
    const char *id_text;    /* as written, NULL if not */
    enum auth_kind auth;    /* method of that end: each side its own */
    const char *psk;        /* reference of the secret, "file:paris.psk" with its path made absolute; NULL with certificates */
    const char *cert, *key; /* local: absolute paths; NULL with PSK */
    const char *const *ca;  /* remote: NULL-ended absolute paths of trust anchors; NULL = none */
    struct span ca_hashes;  /* remote: 20 bytes for each certificate in `ca`, for CERTREQ (RFC 7296 3.7); may be empty */
    const char *const *pinned; /* remote: NULL-ended paths of certificates taken as they are */
    bool weak_psk;             /* legacy: [weak-psk]: a secret of less than 128 bits is taken (RFC 7296 2.15) */
    bool sha1;                 /* legacy: [sha1]: method 1 with SHA-1 for a peer that announces nothing */
};

struct conf_child {
    const char *name;
    struct conf_place place;
    bool transport;
    struct ts_list local, remote; /* `dynamic` selectors have family 0 addresses: the outer (or leased) address goes there */
    struct proposals proposals;   /* ESP */
    enum pfs pfs;
    enum keep keep;
    enum split split;
    usec_t rekey_us, lifetime_us;        /* soft and hard; 0 = none */
    uint64_t rekey_bytes, rekey_packets; /* soft; 0 = none. The hard limit is a tenth more */
    uint32_t replay_window;              /* packets, inbound; 0 = off */
    uint32_t mark, mark_mask;            /* 0, 0 = none */
    uint32_t if_id;                      /* 0 = none */
    uint32_t priority;                   /* 0 = by selector size */
    uint16_t mss;                        /* clamp; 0 = computed by who installs it, 1 = off */
    enum df df;
    struct ts_list pass; /* exceptions that stay open inside the selectors */
};

struct conf_connection {
    const char *name;
    uint16_t index; /* its place in the snapshot */
    struct conf_place place;
    struct conf_end local, remote;
    struct proposals proposals;   /* IKE */
    usec_t rekey_us, lifetime_us; /* of the IKE SA; lifetime 0 = rekey + a tenth */
    usec_t liveness_us;           /* probe a silent peer after so long (RFC 7296 2.4); 0 = never */
    usec_t dead_after_us;         /* give a peer up after so long without an answer */
    uint16_t fragment_size;       /* largest IP datagram for IKE, 0 = 1280 (IPv6) or 1280 (IPv4) by default; RFC 7383 */
    bool fragmentation;           /* default true */
    enum encap encap;
    usec_t keepalive_us;  /* NAT keepalive, default 20 s */
    bool send_cert;       /* even without CERTREQ, default true */
    bool initial_contact; /* our identity is ours alone, default true */
    enum keep keep;       /* default of its children */
    const struct conf_child *children;
    size_t n_children;
};

struct conf_limits {
    uint32_t half_open_max;        /* half-open IKE SAs as responder, all peers together */
    uint32_t half_open_per_source; /* per /24 or /64 */
    uint32_t cookie_threshold;     /* half-open count from which cookies are asked for; 0 = always */
    uint32_t ike_max, ike_per_peer_max, children_per_ike_max;
};

struct conf {
    uint32_t refs;       /* conf_ref, conf_unref; the one reference-counted type */
    uint32_t generation; /* counts reloads, from 1 */
    struct arena arena;
    const struct alg_registry *algs;
    struct conf_connection *connections;
    size_t n_connections;
    struct conf_limits limits;
    const char *const *listen;    /* NULL-ended addresses; NULL = all */
    uint16_t port, port_natt;     /* 500, 4500 */
    const char *const *resolvers; /* NULL-ended addresses of DNS servers that pass a block; NULL = those of resolv.conf */
    const char *control_socket;   /* default RUNSTATEDIR/charon-lite/control */
    const char *control_group;    /* group that may use it, NULL = root only */
    uint8_t log_level;            /* enum level of port/ */
    bool quick_crash_detection;   /* RFC 6290, default true */
    /* retransmission (RFC 7296 2.4): first wait, factor in percent, tries */
    usec_t retransmit_us;
    uint32_t retransmit_factor, retransmit_tries;
};

/* What the reader of files needs from the outside; conf itself opens nothing but what load() hands it. */
struct conf_setup {
    const struct alg_registry *algs;
    uint32_t generation;
    /* Text of a DN to DER and back, from the X.509 library of the caller; ERR_BAD when it is no DN. */
    int (*dn_encode)(const char *text, uint8_t *out, size_t cap); /* number of bytes or ERR_* */
    /* Whole content of a file into buf; 0 or ERR_*. NULL = only `conf_read_text` is used. */
    int (*load)(void *ctx, const char *path, struct buf *out);
    /* May be NULL: content of a trust anchor file to 20-byte hashes of its public keys; number of bytes or ERR_*. */
    int (*ca_hashes)(struct span file, uint8_t *out, size_t cap);
    /* May be NULL: say what is wrong with a named secret, certificate or key file (missing, mode, does not fit), for `check`;
     * with 0 what it says is a warning. */
    int (*probe)(void *ctx, const struct conf_connection *, struct text *why);
    /* May be NULL: the snapshot that runs. Its connections keep their index in the new one, so that a connection that comes or
     * goes does not renumber the others; new ones take what is free. */
    const struct conf *previous;
    /* May be NULL: the value of SSH_CONNECTION, for a warning where a selector would cut it. */
    const char *session;
    void *ctx;
};

/* A problem found: warnings do not stop a snapshot from being made. */
struct conf_problem {
    struct conf_place place;
    bool warning;
    const char *text; /* what is wrong, what would be right, "did you mean" */
    const char *line; /* the source line, for a caret; NULL if none */
};
struct conf_report {
    struct arena arena;
    struct conf_problem *v; /* in order of place */
    size_t n, errors;
};
void conf_report_init(struct conf_report *);
void conf_report_done(struct conf_report *);
/* "FILE:LINE:COL: error: ..." with the line and a caret, as compilers do. */
void conf_report_format(const struct conf_report *, struct text *out);

/* All named files together make one snapshot (connections of all, each name once). NULL when there was an error; see the report.
 */
struct conf *conf_read_files(const struct conf_setup *, const char *const *paths, size_t n, struct conf_report *);
struct conf *conf_read_text(const struct conf_setup *, const char *name, struct span yaml, struct conf_report *);
struct conf *conf_ref(struct conf *);
struct conf *conf_unref(struct conf *); /* returns NULL */

const struct conf_connection *conf_find(const struct conf *, const char *name);
const struct conf_child *conf_child_find(const struct conf_connection *, const char *name);
/* Is everything equal that its SAs depend on? Children count, with their names and their order; its own name, places and `keep`
 * do not. */
bool conf_connection_same(const struct conf_connection *, const struct conf_connection *);
/* The same of a child alone; its name, place and `keep` do not count. */
bool conf_child_same(const struct conf_child *, const struct conf_child *);

/* The effective configuration, defaults included, as YAML; and the rows as JSON schema and as manual text. */
void conf_print(const struct conf *, struct buf *out);
void conf_schema(struct buf *out);
void conf_manual(struct buf *out);

#endif
