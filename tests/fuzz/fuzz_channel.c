/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between processes, from one that was taken over: the input is written to a channel in pieces (the first byte says how
 * large, and whether descriptors come with them), and whatever frames come out are read as their type says. */
#include "daemon/frames.h"
#include "loop/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include "driver.h"

extern const struct alg_registry alg_registry;

struct hearing {
    size_t frames, bytes;
    bool closed;
};

static void frame(void *ctx, struct channel *c, uint8_t type, struct span body)
{
    struct hearing *h = ctx;
    struct reader r = reader_of(body);
    struct arena arena;
    struct answer answer;
    struct ask ask;
    char words[300];
    struct text t = text_in(words, sizeof(words));

    (void)c;
    if (type == CHANNEL_CLOSED) {
        h->closed = true;
        return;
    }
    h->frames++;
    h->bytes += body.len;
    arena_init(&arena, 1 << 20);
    if (type == FRAME_ASK)
        (void)!words_get_ask(&r, &alg_registry, &arena, &ask);
    else if (type == FRAME_ANSWER)
        (void)!words_get_answer(&r, &arena, &answer);
    else
        (void)!frame_done_read(body, &t);
    arena_done(&arena);
}

/* A piece, with descriptors beside it: more than anybody will take. */
static bool put(int fd, const uint8_t *p, size_t n, bool with_fds)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(5 * sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)p, n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    int fds[5] = {2, 2, 2, 2, 2};

    if (with_fds) {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof(control);
        control.align = (struct cmsghdr){CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
    }
    return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n;
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    struct hearing h = {0};
    struct channel *c;
    size_t piece = len ? 1 + (data[0] & 127) * (data[0] & 64 ? 640u : 16u) : 1;
    int fds[2];

    if (len < 2 || channel_pair(fds))
        return 0;
    c = channel_new(NULL, fds[0], frame, &h);
    for (size_t at = 1; c && at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;

        if (!put(fds[1], data + at, n, data[0] & 128))
            break;
        channel_pull(c);
    }
    close(fds[1]);
    if (c && channel_fd(c) != fds[0])
        abort();
    if (c && !channel_dead(c))
        channel_pull(c);
    if (h.bytes + 5 * h.frames > len || (c && !channel_dead(c)))
        abort();
    channel_free(c);
    return 0;
}

FUZZ_MAIN(20000, "fuzz/channel")
