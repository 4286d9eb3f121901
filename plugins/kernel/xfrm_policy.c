/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void no_limits(struct xfrm_lifetime_cfg *l)
{
    l->soft_byte_limit = l->hard_byte_limit = l->soft_packet_limit = l->hard_packet_limit = XFRM_INF;
}

static void put_template(struct nl_msg *m, const struct policy_template *t)
{
    struct xfrm_user_tmpl out = {
        .id = {.spi = htonl(t->spi), .proto = IPPROTO_ESP},
        .family = xfrm_family(t->family),
        .reqid = t->reqid,
        .mode = t->transport ? XFRM_MODE_TRANSPORT : XFRM_MODE_TUNNEL,
        .aalgos = ~0U,
        .ealgos = ~0U,
        .calgos = ~0U,
    };

    xfrm_address(&t->src, &out.saddr);
    xfrm_address(&t->dst, &out.id.daddr);
    nla_put(m, XFRMA_TMPL, sizeof out, &out);
}

struct nl_msg *xfrm_policy_put(const struct kernel_policy *p, bool replace)
{
    struct xfrm_userpolicy_info info = {
        .priority = p->priority,
        .index = p->index,
        .dir = p->direction,
        .action = p->action == POLICY_BLOCK ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW,
        .share = XFRM_SHARE_ANY,
    };
    struct nl_msg *m;

    xfrm_selector(&p->sel, &info.sel);
    no_limits(&info.lft);
    m = xfrm_message(replace ? XFRM_MSG_UPDPOLICY : XFRM_MSG_NEWPOLICY, NLM_F_ACK, &info, sizeof info);
    if (!m)
        return NULL;
    if (p->action == POLICY_PROTECT)
        put_template(m, &p->tmpl);
    xfrm_put_mark(m, p->mark, p->mark_mask, p->if_id);
    return m;
}

/* By index, never by selector: what is not ours cannot be hit. */
struct nl_msg *xfrm_policy_del(const struct kernel_policy *p)
{
    struct xfrm_userpolicy_id id = {.index = p->index, .dir = p->direction};
    struct nl_msg *m = xfrm_message(XFRM_MSG_DELPOLICY, NLM_F_ACK, &id, sizeof id);

    if (m)
        xfrm_put_mark(m, p->mark, p->mark_mask, p->if_id);
    return m;
}

static void read_template(struct nlattr *a, struct policy_template *out)
{
    struct xfrm_user_tmpl t;

    if (nla_len(a) < (int)sizeof t)
        return;
    memcpy(&t, nla_data(a), sizeof t);
    out->family = t.family == AF_INET ? 4 : 6;
    out->src = xfrm_addr_of(&t.saddr, t.family);
    out->dst = xfrm_addr_of(&t.id.daddr, t.family);
    out->spi = ntohl(t.id.spi);
    out->reqid = t.reqid;
    out->transport = t.mode == XFRM_MODE_TRANSPORT;
}

static bool read_policy(struct nlmsghdr *h, struct kernel_policy *out)
{
    struct nlattr *attrs[XFRM_ATTR_MAX];
    struct xfrm_userpolicy_info info;

    memset(out, 0, sizeof *out);
    if (h->nlmsg_type != XFRM_MSG_NEWPOLICY || !xfrm_attributes(h, sizeof info, attrs))
        return false;
    memcpy(&info, nlmsg_data(h), sizeof info);
    out->sel = xfrm_selector_of(&info.sel);
    out->direction = info.dir;
    out->index = info.index;
    out->priority = info.priority;
    out->action = info.action == XFRM_POLICY_BLOCK ? POLICY_BLOCK : attrs[XFRMA_TMPL] ? POLICY_PROTECT : POLICY_PASS;
    if (attrs[XFRMA_TMPL])
        read_template(attrs[XFRMA_TMPL], &out->tmpl);
    xfrm_get_mark(attrs, &out->mark, &out->mark_mask, &out->if_id);
    return true;
}

struct policies {
    struct kernel_policy *v;
    size_t n, cap;
};

static int collect(void *ctx, struct nlmsghdr *h)
{
    struct policies *all = ctx;

    if (!h) {
        all->n = 0;
        return 0;
    }
    if (all->n == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 64;
        struct kernel_policy *v = reallocarray(all->v, cap, sizeof *v);

        if (!v)
            return -ENOMEM;
        all->v = v;
        all->cap = cap;
    }
    if (read_policy(h, &all->v[all->n]))
        all->n++;
    return 0;
}

int xfrm_dump_policies(void *self, void (*each)(void *ctx, const struct kernel_policy *), void *ctx)
{
    struct policies all = {0};
    char why[KERNEL_WHY_MAX] = "";
    int err = xfrm_dump(self, XFRM_MSG_GETPOLICY, collect, &all);

    for (size_t i = 0; !err && i < all.n; i++)
        each(ctx, &all.v[i]);
    free(all.v);
    return xfrm_error(err, why);
}
