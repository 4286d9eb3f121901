/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strerrordesc_np */
#include "xfrm_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DUMP_TRIES 10

/* libnl takes a page for each message, and clears it; a policy with its template, mark and interface needs less than 300 bytes.
 */
static size_t message_room(int type)
{
    return type == XFRM_MSG_NEWPOLICY || type == XFRM_MSG_UPDPOLICY || type == XFRM_MSG_DELPOLICY ? 512 : 4096;
}

struct nl_msg *xfrm_message(int type, int flags, const void *head, size_t len)
{
    struct nl_msg *m = nlmsg_alloc_size(message_room(type));

    if (m && !nlmsg_put(m, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, NLM_F_REQUEST | flags)) {
        nlmsg_free(m);
        return NULL;
    }

    if (m && nlmsg_append(m, (void *)(uintptr_t)head, len, NLMSG_ALIGNTO) < 0) {
        nlmsg_free(m);
        return NULL;
    }
    return m;
}

void xfrm_message_free(struct nl_msg *m)
{
    if (!m)
        return;
    secret_wipe(nlmsg_hdr(m), nlmsg_hdr(m)->nlmsg_len);
    nlmsg_free(m);
}

static int send_all(struct xfrm *x, struct nl_msg *const *msgs, size_t n, uint32_t *first)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct iovec iov[XFRM_BATCH];
    struct msghdr mh = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = iov, .msg_iovlen = n};
    ssize_t sent;

    for (size_t i = 0; i < n; i++) {
        struct nlmsghdr *h = nlmsg_hdr(msgs[i]);

        h->nlmsg_seq = nl_socket_use_seq(x->request);
        h->nlmsg_pid = nl_socket_get_local_port(x->request);
        if (i == 0)
            *first = h->nlmsg_seq;
        iov[i] = (struct iovec){h, h->nlmsg_len};
    }
    do
        sent = sendmsg(nl_socket_get_fd(x->request), &mh, 0);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* One datagram into x->in; its length or a negative errno. The socket has a time limit: a lost answer cannot hang us. */
static ssize_t receive(struct xfrm *x)
{
    struct sockaddr_nl from;
    socklen_t from_len = sizeof from;
    ssize_t n;

    do {
        from_len = sizeof from;
        n = recvfrom(nl_socket_get_fd(x->request), x->in, XFRM_RECV_MAX, 0, (struct sockaddr *)&from, &from_len);
    } while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0));
    return n < 0 ? -errno : n;
}

/* The kernel's own sentence, where it sends one with an error. */
static void error_words(struct nlmsghdr *h, char *why)
{
    struct nlmsgerr *e = nlmsg_data(h);
    size_t head = sizeof *e;
    struct nlattr *a;
    int left;

    why[0] = 0;
    if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
        return;
    if (!(h->nlmsg_flags & NLM_F_CAPPED)) { /* our message is in it, as far as it says itself */
        if (e->msg.nlmsg_len < sizeof e->msg || e->msg.nlmsg_len > h->nlmsg_len)
            return;
        head += e->msg.nlmsg_len - sizeof e->msg;
    }
    if (!nlmsg_valid_hdr(h, (int)head))
        return;
    nlmsg_for_each_attr(a, h, (int)head, left) if (nla_type(a) == NLMSGERR_ATTR_MSG) nla_strlcpy(why, a, KERNEL_WHY_MAX);
}

/* Results of one received datagram; true when the last message has one, and so all have theirs. */
static bool take_results(struct xfrm *x, int len, uint32_t first, size_t n, int *results, char (*why)[KERNEL_WHY_MAX])
{
    bool all = false;

    for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)x->in; nlmsg_ok(h, len); h = nlmsg_next(h, &len)) {
        uint32_t i = h->nlmsg_seq - first;

        if (h->nlmsg_type != NLMSG_ERROR || i >= n || !nlmsg_valid_hdr(h, sizeof(struct nlmsgerr)))
            continue;
        results[i] = ((struct nlmsgerr *)nlmsg_data(h))->error;
        if (results[i])
            error_words(h, why[i]);
        all |= i == n - 1;
    }
    return all;
}

/* The kernel does one message after the other while it takes them, and answers each that fails; of those that do not, only the
 * last asks for an acknowledgement. Whichever has no answer when that is here went well. An answer that was lost (ENOBUFS) is
 * told before anything that is in the buffer, and then none is believed. */
void xfrm_send(struct xfrm *x, struct nl_msg *const *msgs, size_t n, int *results, char (*why)[KERNEL_WHY_MAX])
{
    uint32_t first = 0;
    bool all = n == 0;
    int err;

    for (size_t i = 0; i < n; i++) {
        struct nlmsghdr *h = nlmsg_hdr(msgs[i]);

        h->nlmsg_flags = (uint16_t)(i == n - 1 ? h->nlmsg_flags | NLM_F_ACK : h->nlmsg_flags & ~NLM_F_ACK);
        results[i] = 1;
        why[i][0] = 0;
    }
    err = send_all(x, msgs, n, &first);
    while (!err && !all) {
        ssize_t len = receive(x);

        if (len < 0)
            err = (int)len;
        else
            all = take_results(x, (int)len, first, n, results, why);
    }
    for (size_t i = 0; i < n; i++)
        if (results[i] > 0)
            results[i] = err;
}

void xfrm_forget(struct xfrm *x)
{
    secret_wipe(x->in, XFRM_RECV_MAX);
}

struct nlmsghdr *xfrm_call(struct xfrm *x, struct nl_msg *m, int *err)
{
    uint32_t seq;

    *err = send_all(x, &m, 1, &seq);
    while (!*err) {
        ssize_t got = receive(x);
        int len = (int)got;

        if (got < 0)
            *err = len;
        for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)x->in; got > 0 && nlmsg_ok(h, len); h = nlmsg_next(h, &len)) {
            if (h->nlmsg_seq != seq)
                continue;
            if (h->nlmsg_type != NLMSG_ERROR)
                return h;
            *err = nlmsg_valid_hdr(h, sizeof(struct nlmsgerr)) ? ((struct nlmsgerr *)nlmsg_data(h))->error : -EBADMSG;
            if (!*err)
                *err = -ENOMSG;
        }
    }
    return NULL;
}

/* 1 = finished, 0 = more to come, or a negative errno. */
static int dump_part(struct xfrm *x, int len, uint32_t seq, bool *torn, int (*each)(void *ctx, struct nlmsghdr *), void *ctx)
{
    for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)x->in; nlmsg_ok(h, len); h = nlmsg_next(h, &len)) {
        int err;

        if (h->nlmsg_seq != seq)
            continue;
        if (h->nlmsg_flags & NLM_F_DUMP_INTR)
            *torn = true;
        if (h->nlmsg_type == NLMSG_DONE)
            return 1;
        if (h->nlmsg_type == NLMSG_ERROR)
            return nlmsg_valid_hdr(h, sizeof(struct nlmsgerr)) ? ((struct nlmsgerr *)nlmsg_data(h))->error : -EBADMSG;
        err = each(ctx, h);
        if (err)
            return err;
    }
    return 0;
}

static int dump_once(struct xfrm *x, int type, bool *torn, int (*each)(void *ctx, struct nlmsghdr *), void *ctx)
{
    struct nl_msg *m = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);
    uint32_t seq;
    int err;

    if (!m)
        return -ENOMEM;
    err = send_all(x, &m, 1, &seq);
    while (!err) {
        ssize_t len = receive(x);

        err = len < 0 ? (int)len : dump_part(x, (int)len, seq, torn, each, ctx);
    }
    nlmsg_free(m);
    xfrm_forget(x);
    return err < 0 ? err : 0;
}

/* `each` gets a NULL message when the dump starts anew, because the tables changed under it (NLM_F_DUMP_INTR). */
int xfrm_dump(struct xfrm *x, int type, int (*each)(void *ctx, struct nlmsghdr *), void *ctx)
{
    int err = 0;

    for (int i = 0; i < DUMP_TRIES; i++) {
        bool torn = false;

        each(ctx, NULL);
        err = dump_once(x, type, &torn, each, ctx);
        if (err != -EINTR && err != -EBUSY && !torn)
            return err;
    }
    return err ? err : -EINTR;
}

static const struct {
    int err, code;
    const char *text;
} errors[] = {
    {EEXIST, ERR_EXISTS, "it is in the kernel already"},
    {ESRCH, ERR_NOT_FOUND, "it is not in the kernel"},
    {ENOENT, ERR_NOT_FOUND, "it is not in the kernel"},
    {EPROTONOSUPPORT, ERR_UNSUPPORTED,
     "this kernel has no ESP (modules esp4 and esp6; CONFIG_INET_ESP, CONFIG_INET6_ESP): load or build them"},
    {ENOSYS, ERR_UNSUPPORTED,
     "this kernel does not have the algorithm, or no IPsec at all: load its modules, or choose another in the proposal"},
    {EAFNOSUPPORT, ERR_UNSUPPORTED, "this kernel does not have the address family"},
    {EPERM, ERR_IO, "not permitted: CAP_NET_ADMIN is missing"},
    {ENOMEM, ERR_MEMORY, "the kernel has no memory"},
    {ENOBUFS, ERR_MEMORY, "the netlink buffer is full"},
    {ETIMEDOUT, ERR_IO, "the kernel did not answer"},
    {EAGAIN, ERR_IO, "the kernel did not answer"},
};

int xfrm_error(int err, char why[KERNEL_WHY_MAX])
{
    int number = err > 0 || err < -4095 ? 0 : -err; /* the kernel has no others (MAX_ERRNO) */
    const char *text = number ? strerrordesc_np(number) : NULL;
    char words[KERNEL_WHY_MAX];
    int code = ERR_IO;

    if (!err) {
        why[0] = 0;
        return 0;
    }
    if (!text)
        text = "an unknown error";
    for (size_t i = 0; i < COUNT_OF(errors); i++)
        if (errors[i].err == number) {
            text = errors[i].text;
            code = errors[i].code;
        }
    memcpy(words, why, sizeof words);
    if (words[0])
        snprintf(why, KERNEL_WHY_MAX, "%s (%.*s)", text, 70, words);
    else
        snprintf(why, KERNEL_WHY_MAX, "%s", text);
    return code;
}
