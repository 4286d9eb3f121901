/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lab_expire - the kernel says that an ESP SA's soft lifetime is over, now: how a daemon that has no order to rekey is made to.
 *
 *     lab_expire DST SPI
 *
 * DST: the SA's IPv4 address; SPI as `ip xfrm state` prints it. In the network namespace that it is run in, as root.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct order {
    struct nlmsghdr head;
    struct xfrm_user_expire expire;
};

struct reply {
    struct nlmsghdr head;
    struct nlmsgerr error;
    struct order echo;
};

/* 0, or what the kernel says is wrong */
static int tell_kernel(const struct order *o)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct reply r;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_XFRM), err = 0;

    memset(&r, 0, sizeof(r));
    if (fd < 0 || sendto(fd, o, sizeof(*o), 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0 || recv(fd, &r, sizeof(r), 0) < 0)
        err = errno;
    else if (r.head.nlmsg_type == NLMSG_ERROR)
        err = -r.error.error;
    if (fd >= 0)
        close(fd);
    return err;
}

int main(int argc, char **argv)
{
    struct order o;
    int err;

    memset(&o, 0, sizeof(o));
    o.head.nlmsg_len = sizeof(o);
    o.head.nlmsg_type = XFRM_MSG_EXPIRE;
    o.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    o.expire.state.family = AF_INET;
    o.expire.state.id.proto = IPPROTO_ESP;
    if (argc != 3 || inet_pton(AF_INET, argv[1], &o.expire.state.id.daddr.a4) != 1) {
        fprintf(stderr, "usage: lab_expire DST SPI\n");
        return 2;
    }
    o.expire.state.id.spi = htonl((uint32_t)strtoul(argv[2], NULL, 16));
    err = tell_kernel(&o);
    if (err)
        fprintf(stderr, "lab_expire: %s %s: %s\n", argv[1], argv[2], strerror(err));
    return err ? 1 : 0;
}
