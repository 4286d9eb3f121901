/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clamp of TCP segment sizes: a table of our own in nftables, replaced as a whole in one transaction.
 *
 *     table inet charon-lite { chain mss { type filter hook forward priority mangle;
 *         not TCP, or not SYN: accept
 *         the rules of single children, each way: set the size (or not), accept
 *         ipsec out reqid <ours>: tcp option maxseg size set rt mtu
 *         ipsec in reqid <ours>: tcp option maxseg size set 1350 (IPv4), 1330 (IPv6) } }
 *
 * On the way out the route knows what the tunnel costs. On the way in it is the way back that counts, which the packet does not
 * know: a size then that fits 1500 with any algorithm, outer IPv6 and UDP encapsulation.
 */
#include "xfrm_inside.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE "charon-lite"
#define CHAIN "mss"
#define PRIORITY (-150) /* mangle */
#define BATCH_MAX ((size_t)4 << 20)
#define REG 1 /* NFT_REG_1 */
enum { TCP = 6, TCP_FLAGS_AT = 13, TCP_SYN = 2, OPTION_MSS = 2, IN4 = 1350, IN6 = 1330 };

struct batch {
    struct buf out;
    uint32_t seq;
    bool failed;
};

static void put_be32(struct nl_msg *m, int type, uint32_t v)
{
    nla_put_u32(m, type, htonl(v));
}

/* --- expressions ----------------------------------------------------------------------------------------------------- */

struct expr {
    struct nlattr *elem, *data;
};

static struct expr expr_begin(struct nl_msg *m, const char *name)
{
    struct expr e;

    e.elem = nla_nest_start(m, NFTA_LIST_ELEM | NLA_F_NESTED);
    nla_put_string(m, NFTA_EXPR_NAME, name);
    e.data = nla_nest_start(m, NFTA_EXPR_DATA | NLA_F_NESTED);
    return e;
}

static void expr_end(struct nl_msg *m, struct expr e)
{
    nla_nest_end(m, e.data);
    nla_nest_end(m, e.elem);
}

static void put_value(struct nl_msg *m, int type, const void *v, size_t len)
{
    struct nlattr *nest = nla_nest_start(m, type | NLA_F_NESTED);

    nla_put(m, NFTA_DATA_VALUE, (int)len, v);
    nla_nest_end(m, nest);
}

static void load_meta(struct nl_msg *m, uint32_t key)
{
    struct expr e = expr_begin(m, "meta");

    put_be32(m, NFTA_META_KEY, key);
    put_be32(m, NFTA_META_DREG, REG);
    expr_end(m, e);
}

static void load_bytes(struct nl_msg *m, uint32_t base, uint32_t offset, uint32_t len)
{
    struct expr e = expr_begin(m, "payload");

    put_be32(m, NFTA_PAYLOAD_DREG, REG);
    put_be32(m, NFTA_PAYLOAD_BASE, base);
    put_be32(m, NFTA_PAYLOAD_OFFSET, offset);
    put_be32(m, NFTA_PAYLOAD_LEN, len);
    expr_end(m, e);
}

static void mask(struct nl_msg *m, const uint8_t *bits, uint32_t len)
{
    static const uint8_t zero[16];
    struct expr e = expr_begin(m, "bitwise");

    put_be32(m, NFTA_BITWISE_SREG, REG);
    put_be32(m, NFTA_BITWISE_DREG, REG);
    put_be32(m, NFTA_BITWISE_LEN, len);
    put_value(m, NFTA_BITWISE_MASK, bits, len);
    put_value(m, NFTA_BITWISE_XOR, zero, len);
    expr_end(m, e);
}

static void compare(struct nl_msg *m, uint32_t op, const void *v, size_t len)
{
    struct expr e = expr_begin(m, "cmp");

    put_be32(m, NFTA_CMP_SREG, REG);
    put_be32(m, NFTA_CMP_OP, op);
    put_value(m, NFTA_CMP_DATA, v, len);
    expr_end(m, e);
}

static void to_network(struct nl_msg *m, uint32_t size)
{
    struct expr e = expr_begin(m, "byteorder");

    put_be32(m, NFTA_BYTEORDER_SREG, REG);
    put_be32(m, NFTA_BYTEORDER_DREG, REG);
    put_be32(m, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
    put_be32(m, NFTA_BYTEORDER_LEN, size);
    put_be32(m, NFTA_BYTEORDER_SIZE, size);
    expr_end(m, e);
}

/* Of our SAs alone: what others protect is theirs to size. */
static void match_reqid(struct nl_msg *m, uint8_t direction, uint32_t first, uint32_t last)
{
    struct expr e = expr_begin(m, "xfrm");
    uint32_t from = htonl(first), to = htonl(last);

    put_be32(m, NFTA_XFRM_DREG, REG);
    put_be32(m, NFTA_XFRM_KEY, NFT_XFRM_KEY_REQID);
    nla_put_u8(m, NFTA_XFRM_DIR, direction);
    put_be32(m, NFTA_XFRM_SPNUM, 0);
    expr_end(m, e);
    to_network(m, 4);
    e = expr_begin(m, "range");
    put_be32(m, NFTA_RANGE_SREG, REG);
    put_be32(m, NFTA_RANGE_OP, NFT_RANGE_EQ);
    put_value(m, NFTA_RANGE_FROM_DATA, &from, 4);
    put_value(m, NFTA_RANGE_TO_DATA, &to, 4);
    expr_end(m, e);
}

static void match_family(struct nl_msg *m, uint8_t family)
{
    uint8_t nfproto = family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

    load_meta(m, NFT_META_NFPROTO);
    compare(m, NFT_CMP_EQ, &nfproto, 1);
}

static void match_prefix(struct nl_msg *m, const struct prefix *p, bool dst)
{
    struct addr low, high;
    uint32_t len = (uint32_t)addr_len(&p->addr);
    uint8_t bits[16];

    if (!p->bits)
        return;
    prefix_bounds(p, &low, &high);
    for (uint32_t i = 0; i < len; i++)
        bits[i] = (uint8_t) ~(low.b[i] ^ high.b[i]);
    load_bytes(m, NFT_PAYLOAD_NETWORK_HEADER, len == 4 ? (dst ? 16 : 12) : (dst ? 24 : 8), len);
    mask(m, bits, len);
    compare(m, NFT_CMP_EQ, low.b, len);
}

static void load_number(struct nl_msg *m, uint16_t v)
{
    struct expr e = expr_begin(m, "immediate");
    uint16_t be = htons(v);

    put_be32(m, NFTA_IMMEDIATE_DREG, REG);
    put_value(m, NFTA_IMMEDIATE_DATA, &be, sizeof be);
    expr_end(m, e);
}

static void load_path_mss(struct nl_msg *m)
{
    struct expr e = expr_begin(m, "rt");

    put_be32(m, NFTA_RT_KEY, NFT_RT_TCPMSS);
    put_be32(m, NFTA_RT_DREG, REG);
    expr_end(m, e);
    to_network(m, 2);
}

/* The kernel makes it smaller only, never larger. */
static void store_mss(struct nl_msg *m)
{
    struct expr e = expr_begin(m, "exthdr");

    put_be32(m, NFTA_EXTHDR_SREG, REG);
    nla_put_u8(m, NFTA_EXTHDR_TYPE, OPTION_MSS);
    put_be32(m, NFTA_EXTHDR_OFFSET, 2);
    put_be32(m, NFTA_EXTHDR_LEN, 2);
    put_be32(m, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
    expr_end(m, e);
}

static void accept_it(struct nl_msg *m)
{
    struct expr e = expr_begin(m, "immediate");
    struct nlattr *data, *verdict;

    put_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    data = nla_nest_start(m, NFTA_IMMEDIATE_DATA | NLA_F_NESTED);
    verdict = nla_nest_start(m, NFTA_DATA_VERDICT | NLA_F_NESTED);
    put_be32(m, NFTA_VERDICT_CODE, NF_ACCEPT);
    nla_nest_end(m, verdict);
    nla_nest_end(m, data);
    expr_end(m, e);
}

/* --- messages -------------------------------------------------------------------------------------------------------- */

static struct nl_msg *begin(int type, int flags, uint8_t family, uint16_t res_id)
{
    struct nfgenmsg g = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(res_id)};

    return xfrm_message(type, flags, &g, sizeof g);
}

static void add(struct batch *b, struct nl_msg *m)
{
    struct nlmsghdr *h = m ? nlmsg_hdr(m) : NULL;

    if (!h) {
        b->failed = true;
        return;
    }
    h->nlmsg_seq = ++b->seq;
    buf_bytes(&b->out, h, NLMSG_ALIGN(h->nlmsg_len));
    nlmsg_free(m);
}

static void add_edge(struct batch *b, int type)
{
    add(b, begin(type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

static struct nl_msg *begin_nft(int type, int flags)
{
    return begin(NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_INET, 0);
}

static void add_table(struct batch *b, int type, int flags)
{
    struct nl_msg *m = begin_nft(type, flags);

    if (m)
        nla_put_string(m, NFTA_TABLE_NAME, TABLE);
    add(b, m);
}

static void add_chain(struct batch *b)
{
    struct nl_msg *m = begin_nft(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    struct nlattr *hook;

    if (m) {
        nla_put_string(m, NFTA_CHAIN_TABLE, TABLE);
        nla_put_string(m, NFTA_CHAIN_NAME, CHAIN);
        hook = nla_nest_start(m, NFTA_CHAIN_HOOK | NLA_F_NESTED);
        put_be32(m, NFTA_HOOK_HOOKNUM, NF_INET_FORWARD);
        put_be32(m, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
        nla_nest_end(m, hook);
        nla_put_string(m, NFTA_CHAIN_TYPE, "filter");
        put_be32(m, NFTA_CHAIN_POLICY, NF_ACCEPT);
    }
    add(b, m);
}

static struct nl_msg *rule_begin(struct nlattr **exprs)
{
    struct nl_msg *m = begin_nft(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

    if (!m)
        return NULL;
    nla_put_string(m, NFTA_RULE_TABLE, TABLE);
    nla_put_string(m, NFTA_RULE_CHAIN, CHAIN);
    *exprs = nla_nest_start(m, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED);
    return m;
}

static void rule_end(struct batch *b, struct nl_msg *m, struct nlattr *exprs)
{
    if (m)
        nla_nest_end(m, exprs);
    add(b, m);
}

static void rule_others(struct batch *b)
{
    static const uint8_t syn = TCP_SYN, zero = 0, tcp = TCP;
    struct nlattr *x = NULL;
    struct nl_msg *m = rule_begin(&x);

    if (m) {
        load_meta(m, NFT_META_L4PROTO);
        compare(m, NFT_CMP_NEQ, &tcp, 1);
        accept_it(m);
    }
    rule_end(b, m, x);
    m = rule_begin(&x);
    if (m) {
        load_bytes(m, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_AT, 1);
        mask(m, &syn, 1);
        compare(m, NFT_CMP_EQ, &zero, 1);
        accept_it(m);
    }
    rule_end(b, m, x);
}

static void rule_child(struct batch *b, const struct kernel_clamp *c, bool out)
{
    struct nlattr *x = NULL;
    struct nl_msg *m = rule_begin(&x);

    if (m) {
        match_family(m, c->src.addr.family);
        match_prefix(m, out ? &c->src : &c->dst, false);
        match_prefix(m, out ? &c->dst : &c->src, true);
        match_reqid(m, out ? XFRM_POLICY_OUT : XFRM_POLICY_IN, 0x43000000, 0x44ffffff);
        if (c->mss != CLAMP_OFF) {
            load_number(m, c->mss);
            store_mss(m);
        }
        accept_it(m);
    }
    rule_end(b, m, x);
}

static void rule_auto(struct batch *b, uint8_t family, uint16_t in)
{
    struct nlattr *x = NULL;
    struct nl_msg *m = rule_begin(&x);

    if (m) {
        match_family(m, family);
        match_reqid(m, in ? XFRM_POLICY_IN : XFRM_POLICY_OUT, 0x43000000, 0x44ffffff);
        if (in)
            load_number(m, in);
        else
            load_path_mss(m);
        store_mss(m);
    }
    rule_end(b, m, x);
}

/* Sent as one; what is wrong comes back at once, silence is success. */
static int commit(struct xfrm *x, struct batch *b)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int fd = nl_socket_get_fd(x->nft), big = (int)BATCH_MAX;
    ssize_t n;

    if (b->failed || b->out.failed)
        return -ENOMEM;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big);
    if (sendto(fd, b->out.p, b->out.len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        return -errno;
    while ((n = recv(fd, x->in, XFRM_RECV_MAX, MSG_DONTWAIT)) > 0) {
        int left = (int)n, err;

        for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)x->in; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
            if (h->nlmsg_type != NLMSG_ERROR || !nlmsg_valid_hdr(h, sizeof(struct nlmsgerr)))
                continue;
            err = ((struct nlmsgerr *)nlmsg_data(h))->error;
            if (err)
                return err;
        }
    }
    return 0;
}

/* Made and removed first, so that it does not matter whether it was there. */
static void transaction(struct batch *b, const struct kernel_clamp *rules, size_t n, bool automatic)
{
    add_edge(b, NFNL_MSG_BATCH_BEGIN);
    add_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    add_table(b, NFT_MSG_DELTABLE, 0);
    if (n || automatic) {
        add_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
        add_chain(b);
        rule_others(b);
    }
    for (size_t i = 0; i < n; i++) {
        rule_child(b, &rules[i], true);
        rule_child(b, &rules[i], false);
    }
    if (automatic) {
        rule_auto(b, 4, 0);
        rule_auto(b, 6, 0);
        rule_auto(b, 4, IN4);
        rule_auto(b, 6, IN6);
    }
    add_edge(b, NFNL_MSG_BATCH_END);
}

int xfrm_clamp(void *self, const struct kernel_clamp *rules, size_t n, bool automatic, char why[KERNEL_WHY_MAX])
{
    struct xfrm *x = self;
    struct batch b = {0};
    int err = -EPROTONOSUPPORT;

    why[0] = 0;
    if (x->nft) {
        buf_init(&b.out, BATCH_MAX);
        transaction(&b, rules, n, automatic);
        err = commit(x, &b);
        buf_done(&b.out);
    }
    if (!err)
        return 0;
    if (!n && !automatic)
        return 0; /* what is not there needs no removal */
    text_add(&(struct text){why, KERNEL_WHY_MAX, 0}, "nftables (nft_xfrm, nft_rt, nft_exthdr) cannot do it here, error %d", -err);
    return ERR_UNSUPPORTED;
}
