/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sockaddr.h"

#include <netinet/in.h>
#include <string.h>

socklen_t sockaddr_from(const struct endpoint *e, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof(*v6));
    if (e->addr.family == 4) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(e->port);
        memcpy(&v4->sin_addr, e->addr.b, 4);
        return sizeof(*v4);
    }
    if (e->addr.family == 6) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(e->port);
        memcpy(&v6->sin6_addr, e->addr.b, 16);
        return sizeof(*v6);
    }
    return 0;
}

struct endpoint sockaddr_to(const struct sockaddr *from)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

    if (from->sa_family == AF_INET)
        return (struct endpoint){addr_from_span(span_of(&v4->sin_addr, 4)), ntohs(v4->sin_port)};
    if (from->sa_family == AF_INET6)
        return (struct endpoint){addr_from_span(span_of(&v6->sin6_addr, 16)), ntohs(v6->sin6_port)};
    return (struct endpoint){0};
}
