/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readers of netlink: notices, acknowledgements, answers and dumps, as bytes from a kernel that may say anything. The first
 * byte says what is under way; then datagrams, each after its length in two bytes. Sequence numbers are made to fit (their lowest
 * bits count from that of the request), as a fuzzer cannot know them.
 */
#include "plugins/kernel/xfrm_inside.h"

#include <errno.h>
#include <sys/socket.h>

#include "driver.h"

extern const struct alg_registry alg_registry;

static struct {
    struct reader in;
    uint32_t first; /* sequence number of the last request */
} kernel;

static void seqs_fit(uint8_t *p, size_t len)
{
    for (size_t at = 0; at + sizeof(struct nlmsghdr) <= len;) {
        struct nlmsghdr h;

        memcpy(&h, p + at, sizeof(h));
        if (h.nlmsg_seq < 64)
            h.nlmsg_seq += kernel.first;
        memcpy(p + at, &h, sizeof(h));
        if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len - at)
            return;
        at += NLMSG_ALIGN(h.nlmsg_len);
    }
}

/* The next datagram of the input, in place of the system's. */
static ssize_t take(void *buf, size_t cap)
{
    size_t len = read_u16(&kernel.in), left = read_left(&kernel.in);
    struct span s;

    if (kernel.in.failed) {
        errno = EAGAIN;
        return -1;
    }
    if (len >= 0xff00) { /* an error instead */
        static const int errors[] = {ENOBUFS, EINTR, EIO, EAGAIN};

        errno = errors[len % 4];
        return -1;
    }
    s = read_span(&kernel.in, len < left ? len : left);
    len = s.len < cap ? s.len : cap;
    if (len)
        memcpy(buf, s.p, len);
    seqs_fit(buf, len);
    return (ssize_t)len;
}

ssize_t recvfrom(int fd, void *buf, size_t cap, int flags, struct sockaddr *from, socklen_t *from_len)
{
    (void)fd;
    (void)flags;
    memset(from, 0, *from_len);
    return take(buf, cap);
}

ssize_t recv(int fd, void *buf, size_t cap, int flags)
{
    (void)fd;
    (void)flags;
    return take(buf, cap);
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
    (void)fd;
    (void)buf;
    (void)flags;
    return (ssize_t)len;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    struct nlmsghdr h;

    (void)fd;
    (void)flags;
    memcpy(&h, m->msg_iov[0].iov_base, sizeof(h));
    kernel.first = h.nlmsg_seq;
    return 1;
}

/* --- what is under way
 * ----------------------------------------------------------------------------------------------------------- */

static const struct addr src = {.family = 4, .b = {192, 0, 2, 1}}, dst = {.family = 4, .b = {192, 0, 2, 2}};

static void heard(void *ctx, const struct notice *n)
{
    (void)ctx;
    if ((unsigned)n->kind > NOTICE_OVERRUN)
        abort();
}

static void sa_heard(void *ctx, const struct sa_seen *s)
{
    *(size_t *)ctx += s->spi != 0;
}

static void policy_heard(void *ctx, const struct kernel_policy *p)
{
    *(size_t *)ctx += p->index != 0;
}

static void batch(struct xfrm *x)
{
    static const uint8_t key[36] = {1};
    const struct kernel_policy policy = {
        .sel = {.src = {src, 24}, .dst = {dst, 24}, .protocol = 6, .dport = 22, .dport_mask = 0xffff},
        .direction = DIRECTION_OUT,
        .mark = 5,
        .mark_mask = 0xff,
        .if_id = 3,
        .action = POLICY_PROTECT,
        .tmpl = {.src = src, .dst = dst, .family = 4, .reqid = 7}};
    const struct kernel_sa sa = {.src = src,
                                 .dst = dst,
                                 .spi = 0x1003,
                                 .encr = alg_by_name(&alg_registry, "aes256gcm16"),
                                 .encr_key = span_of(key, sizeof(key))};
    struct kernel_op ops[] = {{.kind = OP_POLICY_SET, .u.policy = policy},
                              {.kind = OP_SA_ADD, .u.sa = sa},
                              {.kind = OP_SA_DEL, .u.name = {.spi = 0x1000, .dst = dst}},
                              {.kind = OP_SA_MOVE, .u.move = {.old = {.spi = 0x1001, .dst = dst}, .src = src, .dst = dst}},
                              {.kind = OP_LARVAL_FREE, .u.larval = {.seq = 5, .reqid = 6, .src = src, .dst = dst}},
                              {.kind = OP_SA_MOVE,
                               .u.move = {.old = {.spi = 0x1002, .dst = dst},
                                          .src = src,
                                          .dst = dst,
                                          .udp_encap = true,
                                          .encap_sport = 4500,
                                          .encap_dport = 4500}}};

    backend_xfrm.apply(x, ops, COUNT_OF(ops));
    for (size_t i = 0; i < COUNT_OF(ops); i++)
        if (memchr(ops[i].why, 0, sizeof(ops[i].why)) == NULL)
            abort();
}

static void clamp(struct xfrm *x)
{
    const struct kernel_clamp rule = {.src = {src, 24}, .dst = {dst, 24}, .mss = 1300};
    char why[KERNEL_WHY_MAX] = "";

    (void)!xfrm_clamp(x, &rule, 1, true, why);
    if (memchr(why, 0, sizeof(why)) == NULL)
        abort();
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    static struct xfrm x;
    const struct sa_name name = {.spi = 0x1000, .dst = dst};
    struct sa_seen seen;
    size_t n = 0;

    if (!x.in) {
        x.in = malloc(XFRM_RECV_MAX);
        x.request = nl_socket_alloc();
        x.events = nl_socket_alloc();
        x.route = nl_socket_alloc();
        x.nft = nl_socket_alloc();
    }
    if (!len || !x.in || !x.request || !x.events || !x.route || !x.nft)
        return 0;
    kernel.in = reader_of(span_of(data + 1, len - 1));
    switch (data[0] % 8) {
    case 0:
    case 1:
        while (backend_xfrm.read(&x, heard, NULL))
            ;
        break;
    case 2:
        (void)!backend_xfrm.sa_get(&x, &name, &seen);
        break;
    case 3:
        (void)!backend_xfrm.dump_sas(&x, sa_heard, &n);
        break;
    case 4:
        (void)!backend_xfrm.dump_policies(&x, policy_heard, &n);
        break;
    case 5:
        (void)xfrm_probe_direction(&x);
        break;
    case 6:
        clamp(&x);
        break;
    default:
        batch(&x);
    }
    return 0;
}

FUZZ_MAIN(100000, "fuzz/xfrm")
