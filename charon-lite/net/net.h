/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net - datagrams: UDP ports 500 and 4500, one socket for each family and port, IPv6 ones V6ONLY. Strips and adds the non-ESP
 * marker (RFC 3948 2.2), drops keepalives, tells and chooses local addresses. It looks at no byte of IKE.
 *
 *     net_open   (with CAP_NET_ADMIN: sockets exempt from IPsec policy, both directions)  -> descriptors, may be handed on
 *     net_new    (without any capability)  descriptor readable -> packet(path, bytes);  net_send -> queue -> net_flush
 *
 * Batches grow with the load: one datagram is received with one recvmsg-sized call, a flood sixteen at a time.
 * Link-local IPv6 peers are not served: a path has no interface.
 */
#ifndef CHARON_NET_H
#define CHARON_NET_H

#include "loop/loop.h"
#include "port/port.h"

#define NET_SOCKETS_MAX 34

struct net_socket {
    int fd;
    bool natt;
    struct endpoint local; /* the address may be "any" */
};
/* The last two (see `routes`) carry no datagrams: they find source addresses. */
struct net_sockets {
    struct net_socket v[NET_SOCKETS_MAX];
    size_t n;
    int route4, route6; /* -1 = none */
};
struct net_options {
    const char *const *listen; /* NULL-ended addresses; NULL = all */
    uint16_t port, port_natt;  /* 0: any free one, for tests */
    bool bypass;               /* exempt from IPsec policy: needs CAP_NET_ADMIN; without it an own 0/0 policy would catch IKE */
};
/* 0, or ERR_* with `why` for the operator. A family that the system lacks is left out unless `listen` names it. */
int net_open(const struct net_options *, struct net_sockets *out, struct text *why) MUST_USE;
void net_close(struct net_sockets *);

struct net;
struct net_setup {
    struct loop *loop;
    const struct net_sockets *sockets; /* stay the caller's, and open */
    void (*packet)(void *ctx, const struct path *, struct span data);
    void *ctx;
};
struct net_counts {
    uint64_t received, sent, keepalives, not_ike, truncated, send_errors, receive_calls;
    int last_send_errno;
};
struct net *net_new(const struct net_setup *);
struct net *net_free(struct net *);
/* Queued by reference: path is copied, data must live until net_flush(). A path without local address: the route chooses.
 * ERR_NOT_FOUND when no socket fits (family, port). */
int net_send(struct net *, const struct path *, struct span data, bool keepalive) MUST_USE;
void net_flush(struct net *);
const struct net_counts *net_count(const struct net *);

/* The source address of a route, through a socket of net_open(); family 0 when there is none. */
struct addr net_source(const struct net_sockets *, const struct addr *to);

#endif
