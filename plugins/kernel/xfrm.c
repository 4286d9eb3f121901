/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xfrm - the Linux kernel by NETLINK_XFRM. Requests are answered by the kernel before sendmsg() returns, so a batch is one
 * send and its acknowledgements are read at once; a second socket hears acquires, expiries and mappings, a third changes of
 * addresses and routes.
 */
#define _GNU_SOURCE /* strerrordesc_np */
#include "xfrm_inside.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define EVENTS_BUFFER (4 * 1024 * 1024)
#define REQUEST_BUFFER (1024 * 1024)

static struct nl_sock *socket_open(int protocol, int buffer)
{
    struct nl_sock *s = nl_socket_alloc();
    struct timeval patience = {.tv_sec = 5};
    int fd, one = 1;

    if (!s)
        return NULL;
    if (nl_connect(s, protocol) < 0) {
        nl_socket_free(s);
        return NULL;
    }
    fd = nl_socket_get_fd(s);
    /* FORCE passes the limit of unprivileged users; without the right to it the default stays */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
    return s;
}

static void xfrm_close(void *self)
{
    struct xfrm *x = self;

    if (!x)
        return;
    nl_socket_free(x->request);
    nl_socket_free(x->events);
    nl_socket_free(x->route);
    nl_socket_free(x->nft);
    free(x->in);
    free(x);
}

#define LOAD(size, what) BPF_STMT(BPF_LD | (size) | BPF_ABS, offsetof(struct nlmsghdr, what))
#define DROP_IF(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1), BPF_STMT(BPF_RET | BPF_K, 0)

/* Who else changes SAs and policies is worth knowing; our own changes, and what others add, are left in the kernel. The
 * filter loads in network order what stands there in the machine's. */
static bool filter(struct xfrm *x)
{
    struct sock_filter code[] = {
        LOAD(BPF_W, nlmsg_pid),
        DROP_IF(htonl(nl_socket_get_local_port(x->request))),
        LOAD(BPF_H, nlmsg_type),
        DROP_IF(htons(XFRM_MSG_NEWSA)),
        DROP_IF(htons(XFRM_MSG_UPDSA)),
        DROP_IF(htons(XFRM_MSG_NEWPOLICY)),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = COUNT_OF(code), .filter = code};

    return setsockopt(nl_socket_get_fd(x->events), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

static bool join(struct xfrm *x)
{
    return filter(x) &&
           nl_socket_add_memberships(x->events, XFRMNLGRP_ACQUIRE, XFRMNLGRP_EXPIRE, XFRMNLGRP_MAPPING, XFRMNLGRP_SA,
                                     XFRMNLGRP_POLICY, 0) == 0 &&
           nl_socket_add_memberships(x->route, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                                     0) == 0;
}

static int count_none(void *ctx, struct nlmsghdr *h)
{
    (void)ctx;
    (void)h;
    return 0;
}

static void *xfrm_open(const struct backend_setup *setup, struct text *why)
{
    struct xfrm *x = calloc(1, sizeof *x);
    char words[KERNEL_WHY_MAX] = "";
    int err;

    (void)setup;
    if (!x || !(x->in = malloc(XFRM_RECV_MAX)) || !(x->request = socket_open(NETLINK_XFRM, REQUEST_BUFFER)) ||
        !(x->events = socket_open(NETLINK_XFRM, EVENTS_BUFFER)) || !(x->route = socket_open(NETLINK_ROUTE, EVENTS_BUFFER))) {
        text_add(why, "the kernel's IPsec interface (NETLINK_XFRM) cannot be opened: %s; is the module xfrm_user there?",
                 strerrordesc_np(errno));
        xfrm_close(x);
        return NULL;
    }
    err = join(x) ? xfrm_dump(x, XFRM_MSG_GETPOLICY, count_none, NULL) : -EPERM;
    if (err) {
        (void)xfrm_error(err, words);
        text_add(why, "the kernel's IPsec tables cannot be read: %s", words);
        xfrm_close(x);
        return NULL;
    }
    x->nft = socket_open(NETLINK_NETFILTER, REQUEST_BUFFER);
    x->has_direction = xfrm_probe_direction(x);
    return x;
}

static struct nl_msg *op_message(struct xfrm *x, const struct kernel_op *op)
{
    switch (op->kind) {
    case OP_SA_ADD:
        return xfrm_sa_add(x, &op->u.sa);
    case OP_SA_DEL:
        return xfrm_sa_del(&op->u.name);
    case OP_POLICY_NEW:
        return xfrm_policy_put(&op->u.policy, false);
    case OP_POLICY_SET:
        return xfrm_policy_put(&op->u.policy, true);
    case OP_POLICY_DEL:
        return xfrm_policy_del(&op->u.policy);
    default:
        return NULL;
    }
}

/* Those that need an answer before they can go on. */
static bool is_talk(enum kernel_op_kind kind)
{
    return kind == OP_SA_MOVE || kind == OP_LARVAL_FREE;
}

static void apply_batch(struct xfrm *x, struct kernel_op *ops, size_t n)
{
    struct nl_msg *msgs[XFRM_BATCH];
    struct kernel_op *sent[XFRM_BATCH];
    int results[XFRM_BATCH];
    char why[XFRM_BATCH][KERNEL_WHY_MAX];
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        msgs[k] = op_message(x, &ops[i]);
        ops[i].why[0] = 0;
        ops[i].result = ERR_MEMORY;
        if (msgs[k])
            sent[k++] = &ops[i];
    }
    if (k)
        xfrm_send(x, msgs, k, results, why);
    for (size_t i = 0; i < k; i++) {
        sent[i]->result = xfrm_error(results[i], why[i]);
        memcpy(sent[i]->why, why[i], KERNEL_WHY_MAX);
        xfrm_message_free(msgs[i]);
    }
}

static void apply_talk(struct xfrm *x, struct kernel_op *op)
{
    int err = op->kind == OP_SA_MOVE ? xfrm_sa_move(x, &op->u.move, op->why) : xfrm_larval_free(x, &op->u.larval, op->why);

    op->result = xfrm_error(err, op->why);
}

static void xfrm_apply(void *self, struct kernel_op *ops, size_t n)
{
    size_t from = 0;

    while (from < n) {
        size_t to = from;

        while (to < n && to - from < XFRM_BATCH && !is_talk(ops[to].kind))
            to++;
        if (to > from)
            apply_batch(self, ops + from, to - from);
        else
            apply_talk(self, &ops[to++]);
        from = to;
    }
}

static size_t xfrm_fds(void *self, int *out, size_t max)
{
    struct xfrm *x = self;

    if (max < 2)
        return 0;
    out[0] = nl_socket_get_fd(x->events);
    out[1] = nl_socket_get_fd(x->route);
    return 2;
}

const struct hand_backend backend_xfrm = {
    .name = "xfrm",
    .open = xfrm_open,
    .close = xfrm_close,
    .apply = xfrm_apply,
    .sa_get = xfrm_sa_get,
    .dump_sas = xfrm_dump_sas,
    .dump_policies = xfrm_dump_policies,
    .clamp = xfrm_clamp,
    .fds = xfrm_fds,
    .read = xfrm_read,
};
