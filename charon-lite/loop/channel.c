/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "loop/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD = 5, READ_MAX = 1 << 16 };

struct channel {
    struct loop *loop;
    struct watch *watch;
    int fd;
    channel_fn *fn;
    void *ctx;
    struct buf in, out;
    size_t taken, written; /* of in, of out */
    size_t frame;          /* where the open frame begins in out */
    int fds[CHANNEL_FDS_MAX];
    size_t n_fds;
    bool dead, told, reading, freed;
};

int channel_pair(int fds[2])
{
    int size = 1 << 20;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
        return ERR_IO;
    for (int i = 0; i < 2; i++)
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return 0;
}

static void channel_die(struct channel *c)
{
    c->dead = true;
    c->watch = watch_free(c->watch);
    if (c->told || c->freed)
        return;
    c->told = true;
    c->fn(c->ctx, c, CHANNEL_CLOSED, SPAN_NONE);
}

static void channel_destroy(struct channel *c)
{
    watch_free(c->watch);
    for (size_t i = 0; i < c->n_fds; i++)
        close(c->fds[i]);
    if (c->fd >= 0)
        close(c->fd);
    buf_done(&c->in);
    buf_done(&c->out);
    free(c);
}

struct channel *channel_free(struct channel *c)
{
    if (c && c->reading)
        c->freed = c->dead = true; /* by its own callback: the reader ends it */
    else if (c)
        channel_destroy(c);
    return NULL;
}

/* --- in ------------------------------------------------------------------------------------------------------------- */

static void take_fds(struct channel *c, struct msghdr *m)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        size_t n = h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS ? (h->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
            if (c->n_fds < CHANNEL_FDS_MAX)
                c->fds[c->n_fds++] = fd;
            else
                close(fd);
        }
    }
}

/* One piece of what has come: false when there is no more, or never will be. */
static bool channel_receive(struct channel *c)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
    } control;
    struct iovec iov = {.iov_len = READ_MAX};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control)};
    size_t before = c->in.len;
    ssize_t n;

    iov.iov_base = buf_room(&c->in, READ_MAX);
    if (!iov.iov_base) {
        c->dead = true;
        return false;
    }
    n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    buf_cut(&c->in, before + (n > 0 ? (size_t)n : 0));
    if (n > 0)
        take_fds(c, &m);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        c->dead = true;
    return n == READ_MAX;
}

/* All whole frames. */
static void channel_frames(struct channel *c)
{
    while (!c->freed && c->in.len - c->taken >= HEAD) {
        const uint8_t *p = c->in.p + c->taken;
        uint32_t len = get_u32(p);

        if (len > CHANNEL_FRAME_MAX || p[4] == CHANNEL_CLOSED) {
            c->dead = true;
            return;
        }
        if (c->in.len - c->taken - HEAD < len)
            break;
        c->taken += HEAD + len;
        c->fn(c->ctx, c, p[4], span_of(p + HEAD, len));
    }
    if (c->taken == c->in.len) {
        buf_cut(&c->in, 0);
        c->taken = 0;
    } else if (c->taken > READ_MAX) {
        memmove(c->in.p, c->in.p + c->taken, c->in.len - c->taken);
        buf_cut(&c->in, c->in.len - c->taken);
        c->taken = 0;
    }
}

static void channel_read(struct channel *c)
{
    if (c->reading || c->dead)
        return; /* a callback that waits elsewhere must not read here */
    c->reading = true;
    while (channel_receive(c))
        ;
    channel_frames(c);
    c->reading = false;
    if (c->freed)
        channel_destroy(c);
    else if (c->dead)
        channel_die(c);
}

/* --- out ------------------------------------------------------------------------------------------------------------ */

struct buf *channel_begin(struct channel *c, uint8_t type)
{
    if (c->dead)
        return NULL;
    c->frame = c->out.len;
    buf_u32(&c->out, 0);
    buf_u8(&c->out, type);
    return &c->out;
}

void channel_end(struct channel *c)
{
    if (c->dead)
        return;
    if (c->out.failed) { /* half a frame would be misread */
        c->dead = true;
        return;
    }
    buf_put_u32(&c->out, c->frame, (uint32_t)(c->out.len - c->frame - HEAD));
}

void channel_flush(struct channel *c)
{
    while (!c->dead && c->written < c->out.len) {
        ssize_t n = send(c->fd, c->out.p + c->written, c->out.len - c->written, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            c->dead = true;
            shutdown(c->fd, SHUT_RDWR); /* the reader will see it, and say so */
        }
        if (n <= 0)
            break;
        c->written += (size_t)n;
    }
    if (c->written == c->out.len) {
        buf_cut(&c->out, 0);
        c->written = 0;
    }
    if (c->watch)
        watch_want(c->watch, WATCH_READ | (c->out.len ? WATCH_WRITE : 0u));
}

/* Everything out, however long the other end takes to read it. */
static void channel_drain(struct channel *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLOUT};

    channel_flush(c);
    while (!c->dead && c->out.len) {
        poll(&p, 1, 1000);
        channel_flush(c);
    }
}

void channel_send_fd(struct channel *c, uint8_t type, struct span body, int fd)
{
    uint8_t head[HEAD];
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {head, HEAD};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control)};
    struct pollfd p = {.fd = c->fd, .events = POLLOUT};

    put_u32(head, (uint32_t)body.len);
    head[4] = type;
    control.align = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
    channel_drain(c);
    while (!c->dead && sendmsg(c->fd, &m, MSG_NOSIGNAL) != HEAD) {
        c->dead = errno != EAGAIN && errno != EINTR;
        poll(&p, 1, 1000);
    }
    if (!c->dead)
        buf_span(&c->out, body);
    channel_drain(c);
}

int channel_take_fd(struct channel *c)
{
    int fd = c->n_fds ? c->fds[0] : -1;

    if (fd >= 0)
        memmove(c->fds, c->fds + 1, --c->n_fds * sizeof(int));
    return fd;
}

/* --- life ----------------------------------------------------------------------------------------------------------- */

static void channel_ready(void *ctx, unsigned what)
{
    struct channel *c = ctx;

    if (what & WATCH_WRITE)
        channel_flush(c);
    if ((what & WATCH_READ) && !c->dead)
        channel_read(c);
    else if (c->dead)
        channel_die(c);
}

struct channel *channel_new(struct loop *loop, int fd, channel_fn *fn, void *ctx)
{
    struct channel *c = calloc(1, sizeof(*c));

    if (!c) {
        close(fd);
        return NULL;
    }
    *c = (struct channel){.loop = loop, .fd = fd, .fn = fn, .ctx = ctx};
    buf_init(&c->in, CHANNEL_FRAME_MAX + 2 * READ_MAX);
    buf_init(&c->out, CHANNEL_QUEUE_MAX);
    if (loop && !(c->watch = loop_watch(loop, fd, channel_ready, c)))
        return channel_free(c);
    return c;
}

int channel_fd(const struct channel *c)
{
    return c->fd;
}

bool channel_dead(const struct channel *c)
{
    return c->dead;
}

void channel_pull(struct channel *c)
{
    channel_read(c);
}

int channel_wait(struct channel *c, const bool *done, usec_t until)
{
    while (!*done && !c->dead) {
        usec_t left = until - loop_now();
        struct pollfd p = {.fd = c->fd, .events = POLLIN};

        if (left <= 0)
            return ERR_AGAIN;
        channel_flush(c);
        p.events |= c->out.len ? POLLOUT : 0;
        if (poll(&p, 1, (int)(left / USEC_MSEC < 60000 ? left / USEC_MSEC + 1 : 60000)) > 0 && (p.revents & ~POLLOUT)) {
            if (c->reading)
                return ERR_IO; /* waiting for oneself */
            channel_read(c);
        }
    }
    return *done ? 0 : ERR_IO;
}
