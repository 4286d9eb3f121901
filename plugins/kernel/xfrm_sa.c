/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm_inside.h"

#include <errno.h>
#include <linux/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define KEY_MAX 256
#define WINDOW_MAX 4096    /* XFRMA_REPLAY_ESN_MAX bits */
#define MAPPING_EVERY_S 1u /* a peer's new port is reported at most so often, not with each packet */

static void put_cipher(struct nl_msg *m, const struct kernel_sa *sa)
{
    union {
        struct xfrm_algo_aead aead;
        struct xfrm_algo plain;
        uint8_t room[sizeof(struct xfrm_algo_aead) + KEY_MAX];
    } u;
    size_t len = sa->encr_key.len;

    memset(&u, 0, sizeof u);
    if (sa->encr->flags & ALG_AEAD) {
        snprintf(u.aead.alg_name, sizeof u.aead.alg_name, "%s", sa->encr->xfrm_name);
        u.aead.alg_key_len = (unsigned)len * 8;
        u.aead.alg_icv_len = sa->encr->icv_len * 8u;
        memcpy(u.room + sizeof u.aead, sa->encr_key.p, len);
        nla_put(m, XFRMA_ALG_AEAD, (int)(sizeof u.aead + len), &u);
    } else {
        snprintf(u.plain.alg_name, sizeof u.plain.alg_name, "%s", sa->encr->xfrm_name);
        u.plain.alg_key_len = (unsigned)len * 8;
        if (len)
            memcpy(u.room + sizeof u.plain, sa->encr_key.p, len);
        nla_put(m, XFRMA_ALG_CRYPT, (int)(sizeof u.plain + len), &u);
    }
    secret_wipe(&u, sizeof u);
}

static void put_integrity(struct nl_msg *m, const struct kernel_sa *sa)
{
    union {
        struct xfrm_algo_auth auth;
        uint8_t room[sizeof(struct xfrm_algo_auth) + KEY_MAX];
    } u;
    size_t len = sa->integ_key.len;

    memset(&u, 0, sizeof u);
    snprintf(u.auth.alg_name, sizeof u.auth.alg_name, "%s", sa->integ->xfrm_name);
    u.auth.alg_key_len = (unsigned)len * 8;
    u.auth.alg_trunc_len = sa->integ->icv_len * 8u;
    memcpy(u.room + sizeof u.auth, sa->integ_key.p, len);
    nla_put(m, XFRMA_ALG_AUTH_TRUNC, (int)(sizeof u.auth + len), &u);
    secret_wipe(&u, sizeof u);
}

static void put_encap(struct nl_msg *m, uint16_t sport, uint16_t dport)
{
    struct xfrm_encap_tmpl e = {
        .encap_type = UDP_ENCAP_ESPINUDP,
        .encap_sport = htons(sport),
        .encap_dport = htons(dport),
    };

    nla_put(m, XFRMA_ENCAP, sizeof e, &e);
}

/* The window is the receiver's. A kernel that knows directions takes none outbound; one that does not wants one with ESN. */
static void put_replay(const struct xfrm *x, struct nl_msg *m, const struct kernel_sa *sa)
{
    union {
        struct xfrm_replay_state_esn esn;
        uint8_t room[sizeof(struct xfrm_replay_state_esn) + WINDOW_MAX / 8];
    } u;
    uint32_t window = sa->outbound ? 0 : sa->replay_window;

    if (sa->esn && !window && !(sa->outbound && x->has_direction))
        window = 32;
    if (!window && !sa->esn)
        return;
    if (window > WINDOW_MAX)
        window = WINDOW_MAX;
    memset(&u, 0, sizeof u);
    u.esn.replay_window = window;
    u.esn.bmp_len = (window + 31) / 32;
    nla_put(m, XFRMA_REPLAY_ESN_VAL, (int)(sizeof u.esn + u.esn.bmp_len * 4), &u);
}

static uint64_t limit(uint64_t n)
{
    return n ? n : XFRM_INF;
}

static struct xfrm_lifetime_cfg lifetime(const struct kernel_lifetime *l)
{
    struct xfrm_lifetime_cfg out = {
        .soft_byte_limit = limit(l->soft_bytes),
        .hard_byte_limit = limit(l->hard_bytes),
        .soft_packet_limit = limit(l->soft_packets),
        .hard_packet_limit = limit(l->hard_packets),
        .soft_add_expires_seconds = l->soft_seconds,
        .hard_add_expires_seconds = l->hard_seconds,
    };

    return out;
}

static void put_marks(struct nl_msg *m, const struct kernel_sa *sa)
{
    if (sa->outbound || !(sa->mark || sa->mark_mask)) {
        xfrm_put_mark(m, sa->mark, sa->mark_mask, sa->if_id);
        return;
    }
    /* packets arrive without the mark; what comes out of the SA gets it, so that the marked policy takes it */
    xfrm_put_mark(m, 0, 0, sa->if_id);
    nla_put_u32(m, XFRMA_SET_MARK, sa->mark);
    nla_put_u32(m, XFRMA_SET_MARK_MASK, sa->mark_mask);
}

struct nl_msg *xfrm_sa_add(const struct xfrm *x, const struct kernel_sa *sa)
{
    struct xfrm_usersa_info info = {
        .id = {.spi = htonl(sa->spi), .proto = IPPROTO_ESP},
        .lft = lifetime(&sa->life),
        .seq = sa->seq,
        .reqid = sa->reqid,
        .family = xfrm_family(sa->dst.family),
        .mode = sa->transport ? XFRM_MODE_TRANSPORT : XFRM_MODE_TUNNEL,
    };
    struct nl_msg *m;

    xfrm_address(&sa->src, &info.saddr);
    xfrm_address(&sa->dst, &info.id.daddr);
    if (!sa->transport)
        info.flags |= XFRM_STATE_AF_UNSPEC; /* either family inside */
    if (sa->esn)
        info.flags |= XFRM_STATE_ESN;
    if (sa->clear_df && sa->outbound) /* a kernel that knows directions refuses it for the inbound one */
        info.flags |= XFRM_STATE_NOPMTUDISC;
    if (sa->encr_key.len > KEY_MAX || sa->integ_key.len > KEY_MAX)
        return NULL;
    m = xfrm_message(XFRM_MSG_NEWSA, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    if (!m)
        return NULL;
    put_cipher(m, sa);
    if (sa->integ)
        put_integrity(m, sa);
    if (sa->udp_encap)
        put_encap(m, sa->encap_sport, sa->encap_dport);
    if (sa->udp_encap && !sa->outbound)
        nla_put_u32(m, XFRMA_MTIMER_THRESH, MAPPING_EVERY_S);
    put_replay(x, m, sa);
    put_marks(m, sa);
    if (x->has_direction)
        nla_put_u8(m, XFRM_ATTR_SA_DIR, sa->outbound ? XFRM_DIR_OUT : XFRM_DIR_IN);
    return m;
}

static struct nl_msg *name_message(int type, int flags, const struct sa_name *n)
{
    struct xfrm_usersa_id id = {
        .spi = htonl(n->spi),
        .family = xfrm_family(n->dst.family),
        .proto = IPPROTO_ESP,
    };
    struct nl_msg *m;

    xfrm_address(&n->dst, &id.daddr);
    m = xfrm_message(type, flags, &id, sizeof id);
    if (m)
        xfrm_put_mark(m, n->mark, n->mark_mask, n->if_id);
    return m;
}

struct nl_msg *xfrm_sa_del(const struct sa_name *n)
{
    return name_message(XFRM_MSG_DELSA, NLM_F_ACK, n);
}

static void read_uses(struct nlattr *const attrs[XFRM_ATTR_MAX], const struct xfrm_usersa_info *info, struct sa_seen *out)
{
    uint64_t used = info->curlft.use_time;

    out->bytes = info->curlft.bytes;
    out->packets = info->curlft.packets;
    if (attrs[XFRMA_LASTUSED] && nla_len(attrs[XFRMA_LASTUSED]) >= 8)
        used = nla_get_u64(attrs[XFRMA_LASTUSED]);
    out->used_at = (int64_t)used;
}

bool xfrm_sa_read(struct nlmsghdr *h, struct sa_seen *out)
{
    struct nlattr *attrs[XFRM_ATTR_MAX];
    struct xfrm_usersa_info info;

    memset(out, 0, sizeof *out);
    if (h->nlmsg_type != XFRM_MSG_NEWSA || !xfrm_attributes(h, sizeof info, attrs))
        return false;
    memcpy(&info, nlmsg_data(h), sizeof info);
    out->src = xfrm_addr_of(&info.saddr, info.family);
    out->dst = xfrm_addr_of(&info.id.daddr, info.family);
    out->spi = ntohl(info.id.spi);
    out->reqid = info.reqid;
    out->seq = info.seq;
    out->larval = out->spi == 0;
    out->transport = info.mode == XFRM_MODE_TRANSPORT;
    out->sel = xfrm_selector_of(&info.sel);
    out->outbound_known = attrs[XFRM_ATTR_SA_DIR] != NULL;
    out->outbound = out->outbound_known && nla_get_u8(attrs[XFRM_ATTR_SA_DIR]) == XFRM_DIR_OUT;
    xfrm_get_mark(attrs, &out->mark, &out->mark_mask, &out->if_id);
    read_uses(attrs, &info, out);
    return true;
}

int xfrm_sa_get(void *self, const struct sa_name *n, struct sa_seen *out)
{
    struct xfrm *x = self;
    struct nl_msg *m = name_message(XFRM_MSG_GETSA, 0, n);
    char why[KERNEL_WHY_MAX] = "";
    struct nlmsghdr *h;
    int err = -ENOMEM;
    bool good = false;

    h = m ? xfrm_call(x, m, &err) : NULL;
    if (h)
        good = xfrm_sa_read(h, out);
    xfrm_message_free(m);
    xfrm_forget(x);
    return h ? (good ? 0 : ERR_IO) : xfrm_error(err, why);
}

struct seen_list {
    struct sa_seen *v;
    size_t n, cap;
};

static int collect(void *ctx, struct nlmsghdr *h)
{
    struct seen_list *all = ctx;

    if (!h) {
        all->n = 0;
        return 0;
    }
    if (all->n == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 64;
        struct sa_seen *v = reallocarray(all->v, cap, sizeof *v);

        if (!v)
            return -ENOMEM;
        all->v = v;
        all->cap = cap;
    }
    if (xfrm_sa_read(h, &all->v[all->n]))
        all->n++;
    return 0;
}

int xfrm_dump_sas(void *self, void (*each)(void *ctx, const struct sa_seen *), void *ctx)
{
    struct seen_list all = {0};
    char why[KERNEL_WHY_MAX] = "";
    int err = xfrm_dump(self, XFRM_MSG_GETSA, collect, &all);

    for (size_t i = 0; !err && i < all.n; i++)
        each(ctx, &all.v[i]);
    free(all.v);
    return xfrm_error(err, why);
}

/* Attributes of a read SA that its successor takes over. The rest is said anew, or is not for us to say. */
static bool inherited(int type)
{
    switch (type) {
    case XFRMA_ENCAP:
    case XFRMA_LASTUSED:
    case XFRMA_PAD:
    case XFRMA_SRCADDR:
    case XFRMA_LTIME_VAL:
    case XFRMA_OFFLOAD_DEV:
    case XFRMA_ALG_AUTH: /* XFRMA_ALG_AUTH_TRUNC stands beside it */
        return false;
    default:
        return true;
    }
}

/* The same SA (keys, replay state, age, counters) at other addresses, out of what the kernel told of the old one. */
static struct nl_msg *moved_message(struct nlmsghdr *h, const struct sa_move *mv, bool in_place)
{
    struct xfrm_usersa_info info;
    struct nlattr *attrs[XFRM_ATTR_MAX];
    struct nl_msg *m;

    if (h->nlmsg_type != XFRM_MSG_NEWSA || !xfrm_attributes(h, sizeof info, attrs))
        return NULL;
    memcpy(&info, nlmsg_data(h), sizeof info);
    info.family = xfrm_family(mv->dst.family);
    xfrm_address(&mv->src, &info.saddr);
    xfrm_address(&mv->dst, &info.id.daddr);
    info.seq = 0;
    info.replay_window = attrs[XFRMA_REPLAY_ESN_VAL] ? 0 : info.replay_window;
    m = xfrm_message(in_place ? XFRM_MSG_UPDSA : XFRM_MSG_NEWSA, NLM_F_ACK, &info, sizeof info);
    if (!m)
        return NULL;
    for (int i = 0; i < XFRM_ATTR_MAX; i++)
        if (attrs[i] && inherited(i))
            nla_put(m, i, nla_len(attrs[i]), nla_data(attrs[i]));
    nla_put(m, XFRMA_LTIME_VAL, sizeof info.curlft, &info.curlft);
    if (mv->udp_encap)
        put_encap(m, mv->encap_sport, mv->encap_dport);
    return m;
}

/* Only ports: replaced in place. Addresses are the SA's name: out with the old, in with the new, in one send. */
static int move_to(struct xfrm *x, struct nlmsghdr *h, const struct sa_name *old, const struct sa_move *mv,
                   char why[KERNEL_WHY_MAX])
{
    struct xfrm_usersa_info info;
    struct addr src, dst;
    bool in_place;
    struct nl_msg *msgs[2];
    char words[2][KERNEL_WHY_MAX];
    int results[2] = {-ENOMEM, -ENOMEM};
    size_t n = 0;

    memcpy(&info, nlmsg_data(h), sizeof info);
    src = xfrm_addr_of(&info.saddr, info.family);
    dst = xfrm_addr_of(&info.id.daddr, info.family);
    in_place = mv->udp_encap && addr_equal(&src, &mv->src) && addr_equal(&dst, &mv->dst);
    if (!in_place)
        msgs[n++] = xfrm_sa_del(old);
    msgs[n++] = moved_message(h, mv, in_place);
    if (msgs[0] && msgs[n - 1])
        xfrm_send(x, msgs, n, results, words);
    else
        words[n - 1][0] = 0;
    memcpy(why, words[n - 1], KERNEL_WHY_MAX);
    for (size_t i = 0; i < n; i++)
        xfrm_message_free(msgs[i]);
    return results[n - 1];
}

int xfrm_sa_move(struct xfrm *x, const struct sa_move *mv, char why[KERNEL_WHY_MAX])
{
    struct nl_msg *get = name_message(XFRM_MSG_GETSA, 0, &mv->old);
    struct nlmsghdr *h = NULL, *copy = NULL;
    int err = -ENOMEM;

    why[0] = 0;
    if (get)
        h = xfrm_call(x, get, &err);
    if (h && h->nlmsg_type == XFRM_MSG_NEWSA && nlmsg_valid_hdr(h, sizeof(struct xfrm_usersa_info)))
        copy = malloc(h->nlmsg_len);
    if (copy) {
        memcpy(copy, h, h->nlmsg_len);
        err = move_to(x, copy, &mv->old, mv, why);
        secret_wipe(copy, copy->nlmsg_len);
        free(copy);
    } else if (h) {
        err = -ENOMEM;
    }
    xfrm_message_free(get);
    xfrm_forget(x);
    return err;
}

/* DELSA cannot name an SA without SPI; ALLOCSPI gives it one first. */
int xfrm_larval_free(struct xfrm *x, const struct larval *l, char why[KERNEL_WHY_MAX])
{
    struct xfrm_userspi_info want = {
        .info = {.id = {.proto = IPPROTO_ESP},
                 .family = xfrm_family(l->dst.family),
                 .mode = l->transport ? XFRM_MODE_TRANSPORT : XFRM_MODE_TUNNEL,
                 .reqid = l->reqid,
                 .seq = l->seq},
        .min = 0xc0000000,
        .max = 0xcfffffff,
    };
    struct sa_name name = {.dst = l->dst, .mark = l->mark, .mark_mask = l->mark_mask, .if_id = l->if_id};
    struct nl_msg *m;
    struct nlmsghdr *h;
    struct sa_seen seen = {0};
    int err = -ENOMEM;

    why[0] = 0;
    xfrm_address(&l->src, &want.info.saddr);
    xfrm_address(&l->dst, &want.info.id.daddr);
    m = xfrm_message(XFRM_MSG_ALLOCSPI, 0, &want, sizeof want);
    if (m)
        xfrm_put_mark(m, l->mark, l->mark_mask, l->if_id);
    h = m ? xfrm_call(x, m, &err) : NULL;
    if (h && xfrm_sa_read(h, &seen))
        name.spi = seen.spi;
    nlmsg_free(m);
    if (!name.spi)
        return err ? err : -ESRCH;
    m = xfrm_sa_del(&name);
    if (!m)
        return -ENOMEM;
    xfrm_send(x, &m, 1, &err, (char(*)[KERNEL_WHY_MAX])why);
    nlmsg_free(m);
    return err;
}

/* An SA without algorithms, which every kernel refuses, with a direction that does not exist: a kernel that knows directions
 * refuses that first (ERANGE, from the policy of attributes), another does not look (EINVAL). Nothing is ever installed. */
bool xfrm_probe_direction(struct xfrm *x)
{
    struct xfrm_usersa_info info = {
        .id = {.spi = htonl(0x100), .proto = IPPROTO_ESP}, .family = AF_INET, .mode = XFRM_MODE_TUNNEL};
    struct nl_msg *m = xfrm_message(XFRM_MSG_NEWSA, NLM_F_ACK, &info, sizeof info);
    char why[1][KERNEL_WHY_MAX];
    int err = -ENOMEM;

    if (!m)
        return false;
    nla_put_u8(m, XFRM_ATTR_SA_DIR, 0x7f);
    xfrm_send(x, &m, 1, &err, why);
    nlmsg_free(m);
    return err == -ERANGE;
}
