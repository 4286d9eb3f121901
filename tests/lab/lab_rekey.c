/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lab_rekey - orders rekeys over the control socket, the next as soon as the last is complete.
 *
 *     lab_rekey SOCKET CONNECTION CHILD COUNT IKE_EVERY
 *
 * COUNT rekeys of the Child SA; with IKE_EVERY > 0 the IKE SA too, after every so many. Prints "child N ike N slowest MS"; status
 * 1 where one is not complete within 20 seconds.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, AGAIN_MS = 5 };

struct driver {
    int fd;
    const char *connection, *child;
    char in[65536];
    size_t n;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int say(struct driver *d, const char *line)
{
    return write(d->fd, line, strlen(line)) == (ssize_t)strlen(line) ? 0 : -1;
}

static int driver_open(struct driver *d, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof a.sun_path)
        return -1;
    strcpy(a.sun_path, path);
    d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return d->fd < 0 || connect(d->fd, (struct sockaddr *)&a, sizeof a) || say(d, "{\"do\":\"watch\"}\n") ? -1 : 0;
}

/* The next line, or NULL at `until` or when nobody speaks any more. It is good until the next call. */
static const char *line_next(struct driver *d, int64_t until)
{
    static char line[65536];

    for (;;) {
        char *end = memchr(d->in, '\n', d->n);
        struct pollfd p = {.fd = d->fd, .events = POLLIN};
        int64_t left = until - now_ms();
        ssize_t n;

        if (end) {
            size_t len = (size_t)(end - d->in);

            memcpy(line, d->in, len);
            line[len] = 0;
            memmove(d->in, end + 1, d->n -= len + 1);
            return line;
        }
        if (d->n == sizeof d->in || left <= 0 || poll(&p, 1, (int)left) <= 0)
            return NULL;
        n = read(d->fd, d->in + d->n, sizeof d->in - d->n);
        if (n <= 0)
            return NULL;
        d->n += (size_t)n;
    }
}

static int order(struct driver *d, bool ike)
{
    char line[512];

    if (ike)
        snprintf(line, sizeof line, "{\"do\":\"rekey\",\"connection\":\"%s\",\"id\":1}\n", d->connection);
    else
        snprintf(line, sizeof line, "{\"do\":\"rekey\",\"connection\":\"%s\",\"child\":\"%s\",\"id\":1}\n", d->connection,
                 d->child);
    return say(d, line);
}

static bool complete(const char *line, bool ike)
{
    if (ike)
        return strstr(line, "\"fact\":\"ike-rekeyed\"") != NULL;
    return strstr(line, "\"fact\":\"child-rekeyed\"") && strstr(line, "SPIs "); /* the old one's end is one too */
}

/* What is not up at this moment (its predecessor is being deleted) is asked for again. */
static int rekey(struct driver *d, bool ike)
{
    int64_t end = now_ms() + PATIENCE_MS;
    const char *line;

    if (order(d, ike))
        return -1;
    while ((line = line_next(d, end))) {
        if (complete(line, ike))
            return 0;
        if (strstr(line, "\"id\":1,") && strstr(line, "\"ok\":false")) {
            poll(NULL, 0, AGAIN_MS);
            if (order(d, ike))
                return -1;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    static struct driver d;
    long count = argc == 6 ? strtol(argv[4], NULL, 10) : 0, every = argc == 6 ? strtol(argv[5], NULL, 10) : 0, ike = 0;
    int64_t slowest = 0;

    if (count < 1 || driver_open(&d, argv[1])) {
        fprintf(stderr, "lab_rekey SOCKET CONNECTION CHILD COUNT IKE_EVERY: %s\n", strerror(errno));
        return 1;
    }
    d.connection = argv[2];
    d.child = argv[3];
    for (long i = 1; i <= count; i++) {
        bool both = every > 0 && i % every == 0;
        int64_t begun = now_ms();

        if (rekey(&d, false) || (both && rekey(&d, true))) {
            printf("rekey %ld did not complete\n", i);
            return 1;
        }
        ike += both;
        slowest = now_ms() - begun > slowest ? now_ms() - begun : slowest;
    }
    printf("child %ld ike %ld slowest %" PRId64 "\n", count, ike, slowest);
    return 0;
}
