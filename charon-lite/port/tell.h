/* SPDX-License-Identifier: Apache-2.0 */
/* Facts for the operator: one list of names; each becomes a log line and, for whoever waits, a line of the control socket. */
#ifndef CHARON_PORT_TELL_H
#define CHARON_PORT_TELL_H

#include "base/base.h"
#include "suite/proposal.h"
#include "suite/ts.h"

/* X(NAME, "word in logs and JSON", level) */
#define FACTS(X)                                                                                                                 \
    X(FACT_IKE_UP, "ike-up", LEVEL_NOTICE)                                                                                       \
    X(FACT_IKE_REKEYED, "ike-rekeyed", LEVEL_INFO)                                                                               \
    X(FACT_IKE_DOWN, "ike-down", LEVEL_NOTICE)                                                                                   \
    X(FACT_IKE_FAILED, "ike-failed", LEVEL_WARNING)                                                                              \
    X(FACT_CHILD_UP, "child-up", LEVEL_NOTICE)                                                                                   \
    X(FACT_CHILD_REKEYED, "child-rekeyed", LEVEL_INFO)                                                                           \
    X(FACT_CHILD_DOWN, "child-down", LEVEL_NOTICE)                                                                               \
    X(FACT_CHILD_FAILED, "child-failed", LEVEL_WARNING)                                                                          \
    X(FACT_AUTH_FAILED, "auth-failed", LEVEL_WARNING)                                                                            \
    X(FACT_PEER_DEAD, "peer-dead", LEVEL_WARNING)                                                                                \
    X(FACT_PEER_MOVED, "peer-moved", LEVEL_INFO)                                                                                 \
    X(FACT_RETRANSMIT, "retransmit", LEVEL_INFO)                                                                                 \
    X(FACT_DROPPED, "dropped", LEVEL_DEBUG)                                                                                      \
    X(FACT_REFUSED, "refused", LEVEL_INFO)                                                                                       \
    X(FACT_RETRY, "retry", LEVEL_INFO)                                                                                           \
    X(FACT_LIMIT, "limit", LEVEL_WARNING)                                                                                        \
    X(FACT_KERNEL, "kernel", LEVEL_WARNING)                                                                                      \
    X(FACT_RESOLVED, "resolved", LEVEL_INFO)                                                                                     \
    X(FACT_CONFIG, "config", LEVEL_NOTICE)                                                                                       \
    X(FACT_IKE_SA, "ike-sa", LEVEL_INFO)     /* a row of ORDER_LIST: u.ike */                                                    \
    X(FACT_CHILD_SA, "child-sa", LEVEL_INFO) /* a row of ORDER_LIST: u.child */                                                  \
    X(FACT_COUNTERS, "counters", LEVEL_INFO)                                                                                     \
    X(FACT_DONE, "done", LEVEL_INFO) /* an order is finished: ok */                                                              \
    X(FACT_NOTE, "note", LEVEL_INFO)                                                                                             \
    X(FACT_STOPPED, "stopped", LEVEL_NOTICE)

enum level { LEVEL_ERROR = 3, LEVEL_WARNING = 4, LEVEL_NOTICE = 5, LEVEL_INFO = 6, LEVEL_DEBUG = 7 }; /* as syslog */
enum fact {
#define FACT_NAME(name, word, level) name,
    FACTS(FACT_NAME)
#undef FACT_NAME
        FACT_COUNT
};

struct tell_ike {
    uint64_t spi_i, spi_r;
    bool we_initiated;
    const char *state; /* "BORN" ... */
    const char *suite; /* "aes256gcm16-prfsha256-x25519" */
    struct endpoint local, remote;
    const char *local_id, *remote_id;
    bool nat_local, nat_remote;
    int64_t age_s, rekey_in_s; /* -1 = unknown */
    uint32_t retransmits, unanswered;
};
struct tell_child {
    const char *state, *suite;
    uint32_t spi_in, spi_out, reqid;
    bool transport, udp_encap;
    struct ts_list ts_local, ts_remote;
    int64_t age_s, rekey_in_s;
    uint64_t bytes_in, bytes_out, packets_in, packets_out;
    bool counted; /* the four counters are fresh from the kernel */
};

struct tell {
    enum fact fact;
    enum level level;
    uint32_t order;                 /* to whom it is a reply, 0 = log only */
    bool ok;                        /* DONE */
    const char *connection, *child; /* names, or NULL */
    struct endpoint remote;         /* family 0 = none */
    const char *text;               /* one sentence: what happened, why, what to change; peer bytes already made printable */
    union {
        struct tell_ike ike;
        struct tell_child child;
    } u;
};

#endif
