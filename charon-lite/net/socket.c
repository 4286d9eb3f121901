/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: what needs privilege. */
#include <errno.h>
#include <linux/udp.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "net/net.h"
#include "net/sockaddr.h"

#ifndef IP_XFRM_POLICY
#define IP_XFRM_POLICY 17
#endif
#ifndef IPV6_XFRM_POLICY
#define IPV6_XFRM_POLICY 35
#endif

enum { ROOM_BYTES = 4 << 20 };

static int option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

/* IKE must pass beside every policy, ours above all (RFC 4301 4.4.1, bypass; RFC 7296 2.23 for port 4500). */
static int bypass(int fd, uint8_t family)
{
    struct xfrm_userpolicy_info policy = {.action = XFRM_POLICY_ALLOW, .sel.family = family == 4 ? AF_INET : AF_INET6};
    int level = family == 4 ? IPPROTO_IP : IPPROTO_IPV6, name = family == 4 ? IP_XFRM_POLICY : IPV6_XFRM_POLICY;

    policy.dir = XFRM_POLICY_OUT;
    if (setsockopt(fd, level, name, &policy, sizeof(policy)))
        return -1;
    policy.dir = XFRM_POLICY_IN;
    return setsockopt(fd, level, name, &policy, sizeof(policy));
}

/* Fragments may be made on the way (no DF): IKE's own fragmentation (RFC 7383) keeps datagrams small, and what is larger must
 * arrive all the same. A forged "fragmentation needed" changes nothing then. */
static int options_v4(int fd)
{
    return option(fd, IPPROTO_IP, IP_PKTINFO, 1) || option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

static int options_v6(int fd)
{
    return option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) || option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) ||
           option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
}

/* Packets wait here while this process has no processor: at 50,000 a second the usual buffer is full after 5 ms, and who is
 * honest is lost with the rest. More than the system's usual limit needs CAP_NET_ADMIN; whatever is granted is enough to run. */
static void room(int fd)
{
    if (option(fd, SOL_SOCKET, SO_RCVBUFFORCE, ROOM_BYTES))
        (void)!option(fd, SOL_SOCKET, SO_RCVBUF, ROOM_BYTES);
}

static int prepare(int fd, const struct net_options *o, const struct endpoint *at, bool natt, const char **what)
{
    struct sockaddr_storage sa;
    socklen_t len = sockaddr_from(at, &sa);

    *what = "set options of";
    if (at->addr.family == 4 ? options_v4(fd) : options_v6(fd))
        return -1;
    *what = "exempt from IPsec policy (needs CAP_NET_ADMIN)";
    if (o->bypass && bypass(fd, at->addr.family))
        return -1;
    room(fd);
    *what = "bind";
    if (bind(fd, (struct sockaddr *)&sa, len))
        return -1;
    *what = "take UDP-encapsulated ESP on"; /* RFC 3948; needs no privilege */
    return natt ? option(fd, IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP) : 0;
}

static struct endpoint bound_to(int fd)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof(sa);

    if (getsockname(fd, (struct sockaddr *)&sa, &len))
        return (struct endpoint){0};
    return sockaddr_to((struct sockaddr *)&sa);
}

static int open_one(const struct net_options *o, struct net_sockets *out, struct addr addr, bool natt, struct text *why)
{
    struct endpoint at = {addr, natt ? o->port_natt : o->port};
    const char *what = "open";
    char text[ENDPOINT_TEXT_MAX];
    int fd;

    if (out->n == NET_SOCKETS_MAX) {
        text_add(why, "too many addresses to listen on (at most %d)", NET_SOCKETS_MAX / 2);
        return ERR_LIMIT;
    }
    fd = socket(addr.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT && addr_is_any(&addr) && !o->listen)
        return 0;
    if (fd < 0 || prepare(fd, o, &at, natt, &what)) {
        int err = errno;

        text_add(why, "cannot %s UDP %s: %s%s", what, endpoint_format(&at, text), strerror(err),
                 err == EADDRINUSE ? " (is another IKE daemon running?)" : "");
        if (fd >= 0)
            close(fd);
        return err == EPERM || err == EACCES ? ERR_REFUSED : ERR_IO;
    }
    out->v[out->n++] = (struct net_socket){fd, natt, bound_to(fd)};
    return 0;
}

static int open_pair(const struct net_options *o, struct net_sockets *out, struct addr addr, struct text *why)
{
    int err = open_one(o, out, addr, false, why);

    return err ? err : open_one(o, out, addr, true, why);
}

static int open_listed(const struct net_options *o, struct net_sockets *out, struct text *why)
{
    struct addr addr;
    int err = 0;

    for (const char *const *a = o->listen; *a && !err; a++) {
        err = addr_parse(*a, &addr);
        if (err)
            text_add(why, "listen: \"%s\" is not an IP address", *a);
        else
            err = open_pair(o, out, addr, why);
    }
    return err;
}

/* Sockets that ask the routing table: exempt too, since a route lookup under a closed policy is refused. */
static int open_route(const struct net_options *o, uint8_t family)
{
    int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && o->bypass)
        bypass(fd, family);
    return fd;
}

int net_open(const struct net_options *o, struct net_sockets *out, struct text *why)
{
    const struct addr any4 = {.family = 4}, any6 = {.family = 6};
    int err;

    *out = (struct net_sockets){.route4 = -1, .route6 = -1};
    if (o->listen) {
        err = open_listed(o, out, why);
    } else {
        err = open_pair(o, out, any4, why);
        if (!err)
            err = open_pair(o, out, any6, why);
    }
    if (!err && !out->n) {
        text_add(why, "the system has neither IPv4 nor IPv6");
        err = ERR_UNSUPPORTED;
    }
    if (err) {
        net_close(out);
        return err;
    }
    out->route4 = open_route(o, 4);
    out->route6 = open_route(o, 6);
    return 0;
}

void net_close(struct net_sockets *s)
{
    for (size_t i = 0; i < s->n; i++)
        close(s->v[i].fd);
    s->n = 0;
    if (s->route4 >= 0)
        close(s->route4);
    if (s->route6 >= 0)
        close(s->route6);
    s->route4 = s->route6 = -1;
}

struct addr net_source(const struct net_sockets *s, const struct addr *to)
{
    struct sockaddr_storage sa;
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    struct endpoint e = {*to, 500};
    socklen_t len = sockaddr_from(&e, &sa);
    int fd = to->family == 4 ? s->route4 : s->route6;

    if (!len || fd < 0 || connect(fd, (struct sockaddr *)&sa, len))
        return (struct addr){0};
    e = bound_to(fd);
    connect(fd, &none, sizeof(none));
    return e.addr;
}
