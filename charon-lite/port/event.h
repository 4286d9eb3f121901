/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel reports and what the operator orders. */
#ifndef CHARON_PORT_EVENT_H
#define CHARON_PORT_EVENT_H

#include "base/base.h"
#include "suite/ts.h"

enum event_kind {
    EVENT_ACQUIRE, /* traffic wants an SA */
    EVENT_EXPIRE,  /* an SA reached a limit */
    EVENT_MAPPING, /* the peer's NAT mapping changed (authenticated ESP from elsewhere) */
    EVENT_ADDRESS, /* local addresses or routes changed */
    EVENT_LOST,    /* hand lost count (overrun) and resynchronised, or was restarted: believe only what is asked again */
    EVENT_GONE,    /* an SA of ours that the core believes in is not in the kernel (found by resynchronisation) */
};
struct event {
    enum event_kind kind;
    union {
        struct {
            uint16_t connection, child;
            uint32_t generation, reqid, seq;
            struct ts local, remote; /* the packet that asked, as selectors */
        } acquire;
        struct {
            uint32_t spi; /* of the SA that expired, inbound or outbound */
            struct addr destination;
            bool hard;
        } expire; /* GONE too */
        struct {
            uint32_t spi_in;
            struct endpoint old_remote, new_remote;
        } mapping;
    } u;
};

struct conf;
enum order_kind {
    ORDER_UP,       /* bring a connection or child up now; the answer comes when it is up or failed */
    ORDER_DOWN,     /* close it, with deletes; protected selectors stay closed */
    ORDER_REKEY,    /* rekey a child, or the IKE SA where child is NULL */
    ORDER_LIST,     /* tell every SA */
    ORDER_RELOAD,   /* a new configuration snapshot: same left alone, changed renewed, gone closed */
    ORDER_STOP,     /* delete everything politely, then say FACT_STOPPED */
    ORDER_COUNTERS, /* tell statistics */
    ORDER_LISTEN,   /* nobody reads facts less urgent than `level` from now on; replies and FACT_STOPPED are told anyhow */
};
struct order {
    enum order_kind kind;
    uint32_t id;            /* names the replies; 0 = nobody waits */
    const char *connection; /* NULL = all */
    const char *child;      /* NULL = all of the connection (REKEY: the IKE SA) */
    bool wait;              /* UP: reply when it is done rather than when it has begun */
    struct conf *conf;      /* RELOAD: the core takes a reference of its own */
    uint8_t level;          /* LISTEN: enum level */
};

#endif
