/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm_inside.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define READ_MAX 64 /* datagrams in one go */

static bool read_acquire(struct nlmsghdr *h, struct notice *out)
{
    struct nlattr *attrs[XFRM_ATTR_MAX];
    struct xfrm_user_acquire a;
    struct xfrm_user_tmpl t = {0};
    struct larval *l = &out->u.acquire.larval;

    if (!xfrm_attributes(h, sizeof a, attrs) || !attrs[XFRMA_TMPL] || nla_len(attrs[XFRMA_TMPL]) < (int)sizeof t)
        return false;
    memcpy(&a, nlmsg_data(h), sizeof a);
    memcpy(&t, nla_data(attrs[XFRMA_TMPL]), sizeof t);
    out->kind = NOTICE_ACQUIRE;
    out->reqid = t.reqid;
    out->u.acquire.seq = l->seq = a.seq;
    out->u.acquire.policy_index = a.policy.index;
    out->u.acquire.packet = xfrm_selector_of(&a.sel);
    l->reqid = t.reqid;
    l->transport = t.mode == XFRM_MODE_TRANSPORT;
    l->src = xfrm_addr_of(&a.saddr, t.family);
    l->dst = xfrm_addr_of(&a.id.daddr, t.family);
    xfrm_get_mark(attrs, &l->mark, &l->mark_mask, &l->if_id);
    return true;
}

static bool read_expire(struct nlmsghdr *h, struct notice *out)
{
    struct xfrm_user_expire e;

    if (!nlmsg_valid_hdr(h, sizeof e))
        return false;
    memcpy(&e, nlmsg_data(h), sizeof e);
    out->kind = NOTICE_EXPIRE;
    out->reqid = e.state.reqid;
    out->u.expire.spi = ntohl(e.state.id.spi);
    out->u.expire.dst = xfrm_addr_of(&e.state.id.daddr, e.state.family);
    out->u.expire.hard = e.hard != 0;
    return e.state.id.proto == IPPROTO_ESP;
}

static bool read_mapping(struct nlmsghdr *h, struct notice *out)
{
    struct xfrm_user_mapping m;
    uint16_t family;

    if (!nlmsg_valid_hdr(h, sizeof m))
        return false;
    memcpy(&m, nlmsg_data(h), sizeof m);
    family = m.id.family;
    out->kind = NOTICE_MAPPING;
    out->reqid = m.reqid;
    out->u.mapping.spi = ntohl(m.id.spi);
    out->u.mapping.dst = xfrm_addr_of(&m.id.daddr, family);
    out->u.mapping.old_remote = (struct endpoint){xfrm_addr_of(&m.old_saddr, family), ntohs(m.old_sport)};
    out->u.mapping.new_remote = (struct endpoint){xfrm_addr_of(&m.new_saddr, family), ntohs(m.new_sport)};
    return true;
}

static bool read_sa_deleted(struct nlmsghdr *h, struct notice *out)
{
    struct nlattr *attrs[XFRM_ATTR_MAX];
    struct xfrm_usersa_id id;
    struct xfrm_usersa_info info;

    if (!xfrm_attributes(h, sizeof id, attrs) || !attrs[XFRMA_SA] || nla_len(attrs[XFRMA_SA]) < (int)sizeof info)
        return false;
    memcpy(&info, nla_data(attrs[XFRMA_SA]), sizeof info);
    out->kind = NOTICE_SA_DELETED;
    out->reqid = info.reqid;
    out->u.expire.spi = ntohl(info.id.spi);
    out->u.expire.dst = xfrm_addr_of(&info.id.daddr, info.family);
    out->u.expire.hard = true;
    return info.id.proto == IPPROTO_ESP;
}

static bool read_policy_changed(struct nlmsghdr *h, struct notice *out)
{
    struct nlattr *attrs[XFRM_ATTR_MAX];
    struct xfrm_userpolicy_info info;

    if (h->nlmsg_type == XFRM_MSG_DELPOLICY) {
        if (!xfrm_attributes(h, sizeof(struct xfrm_userpolicy_id), attrs) || !attrs[XFRMA_POLICY] ||
            nla_len(attrs[XFRMA_POLICY]) < (int)sizeof info)
            return false;
        memcpy(&info, nla_data(attrs[XFRMA_POLICY]), sizeof info);
    } else {
        if (!nlmsg_valid_hdr(h, sizeof info))
            return false;
        memcpy(&info, nlmsg_data(h), sizeof info);
    }
    out->kind = NOTICE_POLICY_CHANGED;
    out->u.policy_index = info.index;
    return true;
}

static bool read_notice(struct nlmsghdr *h, struct notice *out)
{
    memset(out, 0, sizeof *out);
    switch (h->nlmsg_type) {
    case XFRM_MSG_ACQUIRE:
        return read_acquire(h, out);
    case XFRM_MSG_EXPIRE:
        return read_expire(h, out);
    case XFRM_MSG_MAPPING:
        return read_mapping(h, out);
    case XFRM_MSG_DELSA:
        return read_sa_deleted(h, out);
    case XFRM_MSG_DELPOLICY:
    case XFRM_MSG_UPDPOLICY:
        return read_policy_changed(h, out);
    case XFRM_MSG_FLUSHSA:
    case XFRM_MSG_FLUSHPOLICY:
        out->kind = NOTICE_FLUSHED;
        return true;
    default:
        return false;
    }
}

/* One datagram without waiting: its length, 0 = nothing there, or a negative errno. */
static ssize_t receive(struct nl_sock *s, uint8_t *buf, size_t cap)
{
    struct sockaddr_nl from;
    socklen_t from_len = sizeof from;
    ssize_t n;

    do {
        from_len = sizeof from;
        n = recvfrom(nl_socket_get_fd(s), buf, cap, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
    } while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0));
    if (n >= 0)
        return n;
    return errno == EAGAIN ? 0 : -errno;
}

static bool read_events(struct xfrm *x, void (*each)(void *ctx, const struct notice *), void *ctx)
{
    struct notice notice;

    for (int i = 0; i < READ_MAX; i++) {
        ssize_t got = receive(x->events, x->in, XFRM_RECV_MAX);
        int len = (int)got;

        if (got == 0)
            return false;
        if (got < 0) {
            /* ENOBUFS: the kernel had to throw some away. Whatever else it is, we may have missed something. */
            each(ctx, &(struct notice){.kind = NOTICE_OVERRUN});
            return got == -ENOBUFS;
        }
        for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)x->in; nlmsg_ok(h, len); h = nlmsg_next(h, &len))
            if (read_notice(h, &notice))
                each(ctx, &notice);
    }
    return true;
}

static bool address_changed(struct xfrm *x)
{
    bool changed = false;

    for (int i = 0; i < READ_MAX; i++) {
        ssize_t got = receive(x->route, x->in, XFRM_RECV_MAX);

        if (got == 0)
            break;
        changed = true;
        if (got < 0 && got != -ENOBUFS)
            break;
    }
    return changed;
}

bool xfrm_read(void *self, void (*each)(void *ctx, const struct notice *), void *ctx)
{
    struct xfrm *x = self;
    bool more = read_events(x, each, ctx);

    if (address_changed(x))
        each(ctx, &(struct notice){.kind = NOTICE_ADDRESS});
    return more;
}
