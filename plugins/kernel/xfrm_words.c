/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm_inside.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

void xfrm_address(const struct addr *a, xfrm_address_t *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out, a->b, addr_len(a));
}

struct addr xfrm_addr_of(const xfrm_address_t *a, uint16_t family)
{
    return addr_from_span(span_of(a, family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0));
}

uint16_t xfrm_family(uint8_t family)
{
    return family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
}

void xfrm_selector(const struct selector *s, struct xfrm_selector *out)
{
    memset(out, 0, sizeof *out);
    xfrm_address(&s->src.addr, &out->saddr);
    xfrm_address(&s->dst.addr, &out->daddr);
    out->family = xfrm_family(s->src.addr.family);
    out->prefixlen_s = s->src.bits;
    out->prefixlen_d = s->dst.bits;
    out->proto = s->protocol;
    out->sport = htons(s->sport);
    out->sport_mask = htons(s->sport_mask);
    out->dport = htons(s->dport);
    out->dport_mask = htons(s->dport_mask);
}

struct selector xfrm_selector_of(const struct xfrm_selector *s)
{
    struct selector out = {
        .src = {xfrm_addr_of(&s->saddr, s->family), s->prefixlen_s},
        .dst = {xfrm_addr_of(&s->daddr, s->family), s->prefixlen_d},
        .protocol = s->proto,
        .sport = ntohs(s->sport),
        .sport_mask = ntohs(s->sport_mask),
        .dport = ntohs(s->dport),
        .dport_mask = ntohs(s->dport_mask),
    };

    return out;
}

bool xfrm_attributes(struct nlmsghdr *h, size_t head_len, struct nlattr *out[XFRM_ATTR_MAX])
{
    struct nlattr *a;
    int left;

    memset(out, 0, XFRM_ATTR_MAX * sizeof *out);
    if (!nlmsg_valid_hdr(h, (int)head_len))
        return false;
    nlmsg_for_each_attr(a, h, (int)head_len, left) if (nla_type(a) < XFRM_ATTR_MAX) out[nla_type(a)] = a;
    return true;
}

void xfrm_put_mark(struct nl_msg *m, uint32_t mark, uint32_t mask, uint32_t if_id)
{
    struct xfrm_mark x = {mark, mask};

    if (mark || mask)
        nla_put(m, XFRMA_MARK, sizeof x, &x);
    if (if_id)
        nla_put_u32(m, XFRMA_IF_ID, if_id);
}

void xfrm_get_mark(struct nlattr *const attrs[XFRM_ATTR_MAX], uint32_t *mark, uint32_t *mask, uint32_t *if_id)
{
    struct xfrm_mark x = {0, 0};

    if (attrs[XFRMA_MARK] && nla_len(attrs[XFRMA_MARK]) >= (int)sizeof x)
        memcpy(&x, nla_data(attrs[XFRMA_MARK]), sizeof x);
    *mark = x.v;
    *mask = x.m;
    *if_id = attrs[XFRMA_IF_ID] && nla_len(attrs[XFRMA_IF_ID]) >= 4 ? nla_get_u32(attrs[XFRMA_IF_ID]) : 0;
}
