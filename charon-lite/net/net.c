/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "net/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "net/sockaddr.h"

enum { BATCH_MAX = 32, QUEUE_MAX = 64, DATAGRAM_MAX = 65536, CONTROL_MAX = 64 };

struct slot_in {
    struct sockaddr_storage from;
    struct iovec iov;
    union {
        struct cmsghdr align;
        uint8_t bytes[CONTROL_MAX];
    } control;
};
struct slot_out {
    int fd;
    struct sockaddr_storage to;
    struct iovec iov[2];
    union {
        struct cmsghdr align;
        uint8_t bytes[CONTROL_MAX];
    } control;
};
struct port {
    struct net *net;
    struct net_socket socket;
    struct watch *watch;
    unsigned batch; /* how many datagrams the next call takes */
};
struct net {
    struct net_setup setup;
    struct port ports[NET_SOCKETS_MAX];
    size_t n_ports, n_queued;
    struct net_counts counts;
    struct mmsghdr in_msgs[BATCH_MAX], out_msgs[QUEUE_MAX];
    struct slot_in in[BATCH_MAX];
    struct slot_out out[QUEUE_MAX];
    uint8_t *memory; /* BATCH_MAX datagrams; pages are touched only as they are used */
};

static const uint8_t non_esp_marker[4]; /* four zero bytes where ESP has its SPI (RFC 3948 2.2) */

static struct addr local_of(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
            return addr_from_span(span_of(&((struct in_pktinfo *)CMSG_DATA(c))->ipi_spec_dst, 4));
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
            return addr_from_span(span_of(&((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_addr, 16));
    }
    return (struct addr){0};
}

/* The IKE message of a datagram; an empty span when it holds none. */
static struct span unwrap(struct net *n, bool natt, struct span d)
{
    if (!natt)
        return d;
    if (d.len == 1 && d.p[0] == 0xff) {
        n->counts.keepalives++;
        return SPAN_NONE;
    }
    if (d.len <= 4 || memcmp(d.p, non_esp_marker, 4) != 0) {
        n->counts.not_ike++;
        return SPAN_NONE;
    }
    return span_part(d, 4, d.len - 4);
}

static void port_packet(struct port *p, struct mmsghdr *m, const struct slot_in *in)
{
    struct net *n = p->net;
    struct path path = {.local = {local_of(&m->msg_hdr), p->socket.local.port}, .natt = p->socket.natt};
    struct span data;

    n->counts.received++;
    if (m->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        n->counts.truncated++;
        return;
    }
    path.remote = sockaddr_to((const struct sockaddr *)&in->from);
    if (!path.local.addr.family)
        path.local.addr = p->socket.local.addr;
    data = unwrap(n, path.natt, span_of(in->iov.iov_base, m->msg_len));
    if (data.len && path.remote.port)
        n->setup.packet(n->setup.ctx, &path, data);
}

static void slot_ready(struct net *n, unsigned i)
{
    struct slot_in *in = &n->in[i];

    in->iov = (struct iovec){n->memory + (size_t)i * DATAGRAM_MAX, DATAGRAM_MAX};
    n->in_msgs[i].msg_hdr = (struct msghdr){.msg_name = &in->from,
                                            .msg_namelen = sizeof(in->from),
                                            .msg_iov = &in->iov,
                                            .msg_iovlen = 1,
                                            .msg_control = in->control.bytes,
                                            .msg_controllen = sizeof(in->control)};
}

/* How many the next call takes: it costs a little for each that is not there, and much in wake-ups of whoever is asked if the
 * many that are there come in small turns. */
static unsigned batch_next(unsigned batch, unsigned got)
{
    unsigned next = got == batch ? 4 * batch : got > batch / 2 ? got : batch / 2;

    return next > BATCH_MAX ? BATCH_MAX : next ? next : 1;
}

/* One call a turn: the loop is told again when there is more. */
static void port_read(void *ctx, unsigned what)
{
    struct port *p = ctx;
    struct net *n = p->net;
    int got;

    (void)what;
    for (unsigned i = 0; i < p->batch; i++)
        slot_ready(n, i);
    got = recvmmsg(p->socket.fd, n->in_msgs, p->batch, MSG_DONTWAIT, NULL);
    n->counts.receive_calls++;
    for (int i = 0; i < got; i++)
        port_packet(p, &n->in_msgs[i], &n->in[i]);
    p->batch = batch_next(p->batch, got > 0 ? (unsigned)got : 0);
}

struct net *net_new(const struct net_setup *setup)
{
    struct net *n = calloc(1, sizeof(*n));

    if (!n)
        return NULL;
    n->setup = *setup;
    n->memory = malloc((size_t)BATCH_MAX * DATAGRAM_MAX);
    if (!n->memory)
        return net_free(n);
    for (size_t i = 0; i < setup->sockets->n; i++) {
        struct port *p = &n->ports[n->n_ports++];

        *p = (struct port){.net = n, .socket = setup->sockets->v[i], .batch = 1};
        p->watch = loop_watch(setup->loop, p->socket.fd, port_read, p);
        if (!p->watch)
            return net_free(n);
    }
    return n;
}

struct net *net_free(struct net *n)
{
    if (!n)
        return NULL;
    for (size_t i = 0; i < n->n_ports; i++)
        watch_free(n->ports[i].watch);
    free(n->memory);
    free(n);
    return NULL;
}

static const struct net_socket *socket_for(const struct net *n, const struct path *path)
{
    const struct net_socket *wide = NULL;

    for (size_t i = 0; i < n->n_ports; i++) {
        const struct net_socket *s = &n->ports[i].socket;

        if (s->natt != path->natt || s->local.addr.family != path->remote.addr.family)
            continue;
        if (addr_equal(&s->local.addr, &path->local.addr))
            return s;
        if (addr_is_any(&s->local.addr) || addr_is_any(&path->local.addr))
            wide = wide ? wide : s;
    }
    return wide;
}

/* Send from `local`. */
static void choose_source(struct msghdr *m, struct slot_out *o, const struct addr *local)
{
    struct cmsghdr *c = (struct cmsghdr *)o->control.bytes;
    struct in_pktinfo v4 = {0};
    struct in6_pktinfo v6 = {0};

    memset(&o->control, 0, sizeof(o->control));
    m->msg_control = o->control.bytes;
    if (local->family == 4) {
        *c = (struct cmsghdr){CMSG_LEN(sizeof(v4)), IPPROTO_IP, IP_PKTINFO};
        memcpy(&v4.ipi_spec_dst, local->b, 4);
        memcpy(CMSG_DATA(c), &v4, sizeof(v4));
        m->msg_controllen = CMSG_SPACE(sizeof(v4));
    } else {
        *c = (struct cmsghdr){CMSG_LEN(sizeof(v6)), IPPROTO_IPV6, IPV6_PKTINFO};
        memcpy(&v6.ipi6_addr, local->b, 16);
        memcpy(CMSG_DATA(c), &v6, sizeof(v6));
        m->msg_controllen = CMSG_SPACE(sizeof(v6));
    }
}

int net_send(struct net *n, const struct path *path, struct span data, bool keepalive)
{
    const struct net_socket *s = socket_for(n, path);
    struct slot_out *o;
    struct msghdr *m;
    bool marker = path->natt && !keepalive;

    if (!s)
        return ERR_NOT_FOUND;
    if (n->n_queued == QUEUE_MAX)
        net_flush(n);
    o = &n->out[n->n_queued];
    m = &n->out_msgs[n->n_queued++].msg_hdr;
    o->fd = s->fd;
    o->iov[0] = (struct iovec){(void *)(uintptr_t)non_esp_marker, marker ? sizeof(non_esp_marker) : 0};
    o->iov[1] = (struct iovec){(void *)(uintptr_t)data.p, data.len};
    *m = (struct msghdr){.msg_name = &o->to, .msg_iov = &o->iov[!marker], .msg_iovlen = 1u + marker};
    m->msg_namelen = sockaddr_from(&path->remote, &o->to);
    if (!addr_is_any(&path->local.addr) && path->local.addr.family == path->remote.addr.family)
        choose_source(m, o, &path->local.addr);
    return 0;
}

/* A datagram that cannot be sent is lost, as on the way: retransmission is the core's work. */
static size_t send_run(struct net *n, size_t from, size_t count)
{
    int sent;

    if (count == 1)
        sent = sendmsg(n->out[from].fd, &n->out_msgs[from].msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1;
    else
        sent = sendmmsg(n->out[from].fd, &n->out_msgs[from], (unsigned)count, MSG_DONTWAIT);
    if (sent > 0) {
        n->counts.sent += (unsigned)sent;
        return (size_t)sent;
    }
    n->counts.send_errors++;
    n->counts.last_send_errno = errno;
    return 1;
}

void net_flush(struct net *n)
{
    for (size_t i = 0, run; i < n->n_queued; i += send_run(n, i, run))
        for (run = 1; i + run < n->n_queued && n->out[i + run].fd == n->out[i].fd; run++)
            ;
    n->n_queued = 0;
}

const struct net_counts *net_count(const struct net *n)
{
    return &n->counts;
}
