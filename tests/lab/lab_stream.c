/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lab_stream - one end of a stream of numbered UDP packets both ways, and what came of it.
 *
 *     lab_stream LOCAL REMOTE PER_SECOND FILE
 *
 * Sends from the first SIGUSR1 until SIGINT or SIGTERM, listens a second longer, and ends. FILE has at any time one line of fixed
 * length, written anew every 50 ms: "sent N received N twice N late N silent N last N": packets sent; different ones received;
 * received again; received after a younger one; the longest time without one in milliseconds since SIGUSR1 (which also begins it
 * anew); how long ago the last one came. Each silence of more than 300 ms becomes a line on standard output.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 7000, SIZE = 100, WINDOW = 1 << 16, BURST = 64, SILENCE_MS = 300 };

struct stream {
    int fd, file;
    struct sockaddr_storage to;
    socklen_t to_len;
    uint64_t sent, received, twice, late, newest;
    int64_t last_us, silent_us, anew_us;
    uint64_t seen[WINDOW / 64];
};
static volatile sig_atomic_t begun, over, anew;

static void on_signal(int s)
{
    if (s == SIGUSR1)
        begun = anew = 1;
    else
        over = 1;
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int address(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(PORT);
        *len = sizeof *v4;
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(PORT);
        *len = sizeof *v6;
    } else {
        return -1;
    }
    return 0;
}

static int stream_open(struct stream *s, const char *local, const char *remote, const char *file)
{
    struct sockaddr_storage from;
    socklen_t len;
    int size = 8 << 20;

    if (address(local, &from, &len) || address(remote, &s->to, &s->to_len))
        return -1;
    s->fd = socket(from.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    s->file = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    s->last_us = now_us();
    return s->fd < 0 || s->file < 0 || bind(s->fd, (struct sockaddr *)&from, len) ? -1 : 0;
}

/* Numbers older than the window are not told apart; a stream would have to be half a minute late. */
static void number_seen(struct stream *s, uint64_t n)
{
    uint64_t *word = &s->seen[n % WINDOW / 64], bit = 1ull << n % 64;

    for (; s->newest < n; s->newest++)
        s->seen[(s->newest + 1) % WINDOW / 64] &= ~(1ull << (s->newest + 1) % 64);
    if (*word & bit) {
        s->twice++;
        return;
    }
    *word |= bit;
    s->received++;
    s->late += n < s->newest;
}

static void silence(struct stream *s, int64_t now)
{
    int64_t gap = now - s->last_us, counted = now - (s->last_us > s->anew_us ? s->last_us : s->anew_us);

    if (counted > s->silent_us)
        s->silent_us = counted;
    if (gap > SILENCE_MS * 1000) {
        printf("silent for %" PRId64 " ms\n", gap / 1000);
        fflush(stdout);
    }
    s->last_us = now;
}

static void stream_hear(struct stream *s)
{
    uint8_t packet[SIZE + 1];
    uint64_t n;

    while (recv(s->fd, packet, sizeof packet, 0) == SIZE) {
        memcpy(&n, packet, sizeof n);
        silence(s, now_us());
        number_seen(s, n);
    }
}

/* A send that fails (blocked, no buffer) counts as sent: it is lost. */
static void stream_say(struct stream *s)
{
    uint8_t packet[SIZE] = {0};
    uint64_t n = ++s->sent;

    memcpy(packet, &n, sizeof n);
    (void)!sendto(s->fd, packet, sizeof packet, 0, (struct sockaddr *)&s->to, s->to_len);
}

static void stream_report(struct stream *s)
{
    char line[200];
    int64_t now = now_us(), last = now - s->last_us, silent = now - (s->last_us > s->anew_us ? s->last_us : s->anew_us);
    int n;

    if (anew) {
        anew = 0;
        s->silent_us = 0;
        s->anew_us = now;
    }
    n = snprintf(line, sizeof line,
                 "sent %012" PRIu64 " received %012" PRIu64 " twice %012" PRIu64 " late %012" PRIu64 " silent %012" PRId64
                 " last %012" PRId64 "\n",
                 s->sent, s->received, s->twice, s->late, (silent > s->silent_us ? silent : s->silent_us) / 1000, last / 1000);
    (void)!pwrite(s->file, line, (size_t)n, 0);
}

/* What is due is sent; where the machine was away for long, the plan slips instead of a flood. */
static void stream_run(struct stream *s, int64_t interval_us)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    int64_t due = now_us(), report = due, end = INT64_MAX;

    for (int64_t now = due; now < end; now = now_us()) {
        if (over && end == INT64_MAX)
            end = now + 1000000;
        for (int i = 0; begun && !over && due <= now && i < BURST; i++, due += interval_us)
            stream_say(s);
        if (due < now)
            due = now;
        stream_hear(s);
        if (now >= report) {
            stream_report(s);
            report = now + 50000;
        }
        ppoll(&p, 1, &(struct timespec){0, over ? 10000000 : due > now ? (due - now) * 1000 : 0}, NULL);
    }
    stream_report(s);
}

int main(int argc, char **argv)
{
    static struct stream s;
    const struct sigaction act = {.sa_handler = on_signal};
    long rate = argc == 5 ? strtol(argv[3], NULL, 10) : 0;

    if (rate < 1 || stream_open(&s, argv[1], argv[2], argv[4])) {
        fprintf(stderr, "lab_stream LOCAL REMOTE PER_SECOND FILE: %s\n", strerror(errno));
        return 1;
    }
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGUSR1, &act, NULL);
    stream_run(&s, 1000000 / rate);
    return 0;
}
