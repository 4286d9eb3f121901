/* SPDX-License-Identifier: Apache-2.0 */
/* What the ends of a simulated world are configured to do: a plan is one connection seen from one end; plans become YAML, which
 * is read as any other. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "conf/conf.h"

#define PLAN_CHILDREN_MAX 4

struct plan_child {
    const char *name;                 /* NULL = no child */
    const char *local[4], *remote[4]; /* prefixes, or "dynamic"; NULL ends them */
    const char *esp;                  /* words, or several separated by blanks; NULL = aes256gcm16 */
    bool transport;
    enum pfs pfs;
    const char *split; /* joint, split or auto; NULL = as by default */
    enum keep keep;
    usec_t rekey_us, lifetime_us;
    uint64_t rekey_packets;
};

struct plan {
    const char *name;
    struct addr local, remote; /* remote family 0 = any */
    const char *remote_name;   /* instead of `remote` */
    uint16_t remote_port;      /* 0 = 500 */
    const char *local_id, *remote_id;
    const char *psk; /* a reference; the model of the vault takes the reference itself for the secret */
    const char *ike; /* words; NULL = aes256gcm16-prfsha256-x25519 */
    enum keep keep;
    usec_t rekey_us, lifetime_us, liveness_us, dead_after_us, keepalive_us;
    enum encap encap;
    bool no_fragments;
    uint16_t fragment_size;
    struct span ca_hashes; /* of the authorities that it takes certificates of */
    struct plan_child child[PLAN_CHILDREN_MAX];
};

/* One tunnel between two networks, kept up by `keep`; numbers 0..9 name ends and their networks (10.N.0.0/16, ID "endN"). */
struct plan plan_tunnel(unsigned us, unsigned peer, enum keep keep);

/* Settings of a whole end. */
struct plan_globals {
    struct conf_limits limits;
    usec_t retransmit_us;
    uint32_t retransmit_factor, retransmit_tries;
    bool no_qcd;
    bool drowsy; /* every half-open IKE SA is put by at once */
};
struct plan_globals plan_globals(void);

/* NULL when they are refused (said on standard error: a fault of the scenario). The caller owns the reference. */
struct conf *plan_conf(const struct alg_registry *, const struct plan_globals *, const struct plan *, size_t n,
                       uint32_t generation);

/* From now on what was read is kept and given again; the settings of all ends are the same. false: and forgotten. */
void plan_keep(bool);

#endif
