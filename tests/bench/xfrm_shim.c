/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xfrm_shim - preloaded into a daemon (any: ours, strongSwan, libreswan, OpenIKED), it stands in for a kernel without ESP, so
 * that daemons can be measured beside each other: what they ask of NETLINK_XFRM or PF_KEY is acknowledged and forgotten.
 *
 *     XFRM_SHIM_COUNTS=FILE [XFRM_SHIM_PASSED=1] LD_PRELOAD=xfrm_shim.so DAEMON...
 *
 * Such a socket becomes a netlink socket of protocol NETLINK_USERSOCK, which may send to itself: a request is turned into its
 * answer here, and the answer is put where the daemon reads. One descriptor, no thread, and no system call that a daemon's own
 * filter would not expect of a netlink socket. FILE is a table of counters shared by all processes: "sends", then requests by
 * type.
 *
 * It has no laws of its own: every SA and policy is accepted, dumps are empty, nothing is found. Replay, expiry and traffic are
 * not.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/pfkeyv2.h>
#include <linux/xfrm.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX 4096
#define ANSWER_MAX 8192
#define SPI_FIRST 0xc0000000u
#define IP_POLICY_FIRST 16
#define IP_POLICY_LAST 17
#define IPV6_POLICY_FIRST 34
#define IPV6_POLICY_LAST 35
#define UDP_ENCAPSULATION 100

enum kind { KIND_OTHER, KIND_XFRM, KIND_KEY };
struct counts {
    _Atomic uint64_t sends, xfrm[256], key[64];
};

static _Atomic uint8_t kinds[FDS_MAX];
static uint32_t ports[FDS_MAX]; /* where a socket hears itself */
static struct counts nowhere, *counts = &nowhere;
static _Atomic uint32_t last_spi;
static bool passed;

static struct {
    int (*socket)(int, int, int);
    int (*setsockopt)(int, int, int, const void *, socklen_t);
    int (*close)(int);
    ssize_t (*send)(int, const void *, size_t, int);
    ssize_t (*sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    ssize_t (*sendmsg)(int, const struct msghdr *, int);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*writev)(int, const struct iovec *, int);
    ssize_t (*recvfrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
    ssize_t (*recvmsg)(int, struct msghdr *, int);
} real;

/* Other libraries' constructors may be first, and call what stands here. */
static void names_find(void)
{
#define FIND(name) *(void **)&real.name = dlsym(RTLD_NEXT, #name)
    FIND(socket), FIND(setsockopt), FIND(close), FIND(send), FIND(sendto);
    FIND(sendmsg), FIND(write), FIND(writev), FIND(recvfrom), FIND(recvmsg);
#undef FIND
}
#define REAL(name) (real.name ? real.name : (names_find(), real.name))

__attribute__((constructor)) static void shim_begin(void)
{
    const char *file = getenv("XFRM_SHIM_COUNTS");
    int fd = file ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    void *p = fd >= 0 && !ftruncate(fd, sizeof(struct counts))
                  ? mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                  : MAP_FAILED;

    names_find();
    passed = getenv("XFRM_SHIM_PASSED");
    if (p != MAP_FAILED)
        counts = p;
    if (fd >= 0)
        real.close(fd);
}

static enum kind kind_of(int fd)
{
    return fd >= 0 && fd < FDS_MAX ? (enum kind)kinds[fd] : KIND_OTHER;
}

/* --- answers --------------------------------------------------------------------------------------------------------------- */

/* A socket that was not bound gets its port at its first request, as the kernel does it. */
static uint32_t port_of(int fd)
{
    struct sockaddr_nl self = {.nl_family = AF_NETLINK};
    socklen_t size = sizeof(self);

    if (getsockname(fd, (struct sockaddr *)&self, &size) || self.nl_pid)
        return self.nl_pid;
    self = (struct sockaddr_nl){.nl_family = AF_NETLINK};
    size = sizeof(self);
    return bind(fd, (struct sockaddr *)&self, size) || getsockname(fd, (struct sockaddr *)&self, &size) ? 0 : self.nl_pid;
}

static void answer(int fd, const void *bytes, size_t len)
{
    struct sockaddr_nl self = {.nl_family = AF_NETLINK};

    if (!ports[fd])
        ports[fd] = port_of(fd);
    self.nl_pid = ports[fd];
    REAL(sendto)(fd, bytes, len, MSG_DONTWAIT, (struct sockaddr *)&self, sizeof(self));
}

static void answer_spi(int fd, const struct nlmsghdr *h)
{
    const struct xfrm_userspi_info *q = NLMSG_DATA(h);
    struct {
        struct nlmsghdr h;
        struct xfrm_usersa_info sa;
    } a = {{.nlmsg_len = sizeof(a), .nlmsg_type = XFRM_MSG_NEWSA, .nlmsg_seq = h->nlmsg_seq, .nlmsg_pid = h->nlmsg_pid}, q->info};

    a.sa.id.spi = htonl((q->min ? q->min : SPI_FIRST) + ++last_spi);
    answer(fd, &a, sizeof(a));
}

static void answer_error(int fd, const struct nlmsghdr *h, int error)
{
    struct {
        struct nlmsghdr h;
        struct nlmsgerr e;
    } a = {{.nlmsg_len = sizeof(a),
            .nlmsg_type = NLMSG_ERROR,
            .nlmsg_flags = NLM_F_CAPPED,
            .nlmsg_seq = h->nlmsg_seq,
            .nlmsg_pid = h->nlmsg_pid},
           {error, *h}};

    answer(fd, &a, sizeof(a));
}

static void answer_empty(int fd, const struct nlmsghdr *h)
{
    struct {
        struct nlmsghdr h;
        int error;
    } a = {{.nlmsg_len = sizeof(a),
            .nlmsg_type = NLMSG_DONE,
            .nlmsg_flags = NLM_F_MULTI,
            .nlmsg_seq = h->nlmsg_seq,
            .nlmsg_pid = h->nlmsg_pid},
           0};

    answer(fd, &a, sizeof(a));
}

static bool is_question(unsigned type)
{
    return type == XFRM_MSG_GETSA || type == XFRM_MSG_GETPOLICY || type == XFRM_MSG_GETSADINFO || type == XFRM_MSG_GETSPDINFO;
}

static void xfrm_asked(int fd, const struct nlmsghdr *h)
{
    counts->xfrm[h->nlmsg_type & 255]++;
    if (h->nlmsg_type == XFRM_MSG_ALLOCSPI)
        answer_spi(fd, h);
    if ((h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)
        answer_empty(fd, h);
    else if (is_question(h->nlmsg_type))
        answer_error(fd, h, -ESRCH);
    else if (h->nlmsg_flags & NLM_F_ACK)
        answer_error(fd, h, 0);
}

static void key_asked(int fd, const uint8_t *bytes, size_t len)
{
    union {
        struct sadb_msg msg;
        uint8_t bytes[ANSWER_MAX];
    } a;
    struct sadb_sa sa = {.sadb_sa_len = sizeof(sa) / 8, .sadb_sa_exttype = SADB_EXT_SA};

    if (len < sizeof(a.msg) || len + sizeof(sa) > sizeof(a))
        return;
    memcpy(a.bytes, bytes, len);
    counts->key[a.msg.sadb_msg_type & 63]++;
    a.msg.sadb_msg_errno = 0;
    if (a.msg.sadb_msg_type == SADB_GETSPI) {
        sa.sadb_sa_spi = htonl(SPI_FIRST + ++last_spi);
        memcpy(a.bytes + len, &sa, sizeof(sa));
        len += sizeof(sa);
        a.msg.sadb_msg_len = (uint16_t)(len / 8);
    }
    answer(fd, a.bytes, len);
}

static ssize_t asked(int fd, const struct iovec *v, size_t n)
{
    _Alignas(struct nlmsghdr) uint8_t bytes[1 << 16];
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        if (v[i].iov_len > sizeof(bytes) - len) {
            errno = EMSGSIZE;
            return -1;
        }
        memcpy(bytes + len, v[i].iov_base, v[i].iov_len);
        len += v[i].iov_len;
    }
    counts->sends++;
    if (kind_of(fd) == KIND_KEY) {
        key_asked(fd, bytes, len);
        return (ssize_t)len;
    }
    int left = (int)len;
    for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)bytes; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
        xfrm_asked(fd, h);
    return (ssize_t)len;
}

static ssize_t asked_one(int fd, const void *bytes, size_t len)
{
    const struct iovec v = {(void *)(uintptr_t)bytes, len};

    return asked(fd, &v, 1);
}

/* --- the calls ------------------------------------------------------------------------------------------------------------- */

int socket(int domain, int type, int protocol)
{
    enum kind kind = domain == AF_NETLINK && protocol == NETLINK_XFRM ? KIND_XFRM : domain == AF_KEY ? KIND_KEY : KIND_OTHER;
    int fd = kind ? REAL(socket)(AF_NETLINK, type, NETLINK_USERSOCK) : REAL(socket)(domain, type, protocol);

    if (fd < 0 || fd >= FDS_MAX)
        return fd;
    kinds[fd] = (uint8_t)kind;
    ports[fd] = 0;
    return fd;
}

/* Policies that let IKE itself pass, and UDP encapsulation: the kernel has no words for them where it has no ESP. */
int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if ((level == IPPROTO_IP && name >= IP_POLICY_FIRST && name <= IP_POLICY_LAST) ||
        (level == IPPROTO_IPV6 && name >= IPV6_POLICY_FIRST && name <= IPV6_POLICY_LAST) ||
        (level == IPPROTO_UDP && name == UDP_ENCAPSULATION))
        return 0;
    return REAL(setsockopt)(fd, level, name, value, len);
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS_MAX)
        kinds[fd] = KIND_OTHER;
    return REAL(close)(fd);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    return kind_of(fd) ? asked_one(fd, bytes, len) : REAL(send)(fd, bytes, len, flags);
}

ssize_t sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
    return kind_of(fd) ? asked_one(fd, bytes, len) : REAL(sendto)(fd, bytes, len, flags, to, to_len);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    return kind_of(fd) ? asked(fd, m->msg_iov, m->msg_iovlen) : REAL(sendmsg)(fd, m, flags);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return kind_of(fd) ? asked_one(fd, bytes, len) : REAL(write)(fd, bytes, len);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    return kind_of(fd) ? asked(fd, v, (size_t)n) : REAL(writev)(fd, v, n);
}

/* What we sent ourselves comes from the kernel. */
static void from_kernel(void *name, socklen_t len)
{
    if (name && len >= sizeof(struct sockaddr_nl))
        ((struct sockaddr_nl *)name)->nl_pid = 0;
}

ssize_t recvfrom(int fd, void *bytes, size_t len, int flags, struct sockaddr *from, socklen_t *from_len)
{
    ssize_t n = REAL(recvfrom)(fd, bytes, len, flags, from, from_len);

    if (n >= 0 && kind_of(fd) && from_len)
        from_kernel(from, *from_len);
    return n;
}

/* What recvfrom() is called in a program that was compiled with _FORTIFY_SOURCE. */
ssize_t __recvfrom_chk(int fd, void *bytes, size_t len, size_t room, int flags, struct sockaddr *from, socklen_t *from_len);
ssize_t __recvfrom_chk(int fd, void *bytes, size_t len, size_t room, int flags, struct sockaddr *from, socklen_t *from_len)
{
    if (len > room)
        abort();
    return recvfrom(fd, bytes, len, flags, from, from_len);
}

/* A PF_KEY socket may be handed from one process of a daemon to another. */
static void take_fds(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        size_t n = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

        for (size_t i = 0; i < n; i++) {
            int fd, protocol = -1, domain = -1;
            socklen_t len = sizeof(int);

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
            getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len);
            if (fd < FDS_MAX)
                kinds[fd] = domain == AF_NETLINK && protocol == NETLINK_USERSOCK ? KIND_KEY : KIND_OTHER;
        }
    }
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    ssize_t n = REAL(recvmsg)(fd, m, flags);

    if (n < 0)
        return n;
    if (kind_of(fd))
        from_kernel(m->msg_name, m->msg_namelen);
    else if (passed && m->msg_controllen)
        take_fds(m);
    return n;
}
