/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_ready - from the start of a daemon to its first answer.
 *
 *     bench_ready mark FILE [NAME=VALUE...] COMMAND...
 *                                         writes the time into FILE and becomes COMMAND, with these variables
 *     bench_ready wait FILE ADDRESS [S]   asks ADDRESS every half millisecond, S seconds at most; milliseconds from the mark to
 * the first answer, or from now where FILE is "now"
 *
 * The question is an IKE_SA_INIT request whose only proposal nobody takes, so that every daemon answers it (NO_PROPOSAL_CHOSEN,
 * or with a cookie) and none keeps anything; a daemon that has no configuration yet is silent.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int mark(const char *file, char **command)
{
    FILE *f = fopen(file, "w");

    if (!f)
        return perror(file), 1;
    fprintf(f, "%.6f\n", now_ms());
    fclose(f);
    while (*command && strchr(*command, '='))
        putenv(*command++);
    if (*command)
        execvp(command[0], command);
    return perror("bench_ready"), 127;
}

static double marked(const char *file)
{
    double ms = 0;
    FILE *f = fopen(file, "r");

    if (!f || fscanf(f, "%lf", &ms) != 1)
        ms = 0;
    if (f)
        fclose(f);
    return ms;
}

/* RFC 7296 3.1, 3.3, 3.4, 3.9: SA with transform 65000 for encryption, KE of group 31, nonce. */
static size_t question(uint8_t *out)
{
    static const uint8_t sa[] = {34,   0,    0, 36, 0, 0, 0, 32, 1, 1, 0, 3, 3, 0, 0, 8, 1, 0,
                                 0xfd, 0xe8, 3, 0,  0, 8, 2, 0,  0, 5, 0, 0, 0, 8, 4, 0, 0, 31};
    static const uint8_t ke[] = {40, 0, 0, 40, 0, 31, 0, 0}, nonce[] = {0, 0, 0, 36};
    size_t len = 28;

    memset(out, 0, 28);
    if (getrandom(out, 8, 0) != 8)
        out[0] = 1;
    out[16] = 33, out[17] = 0x20, out[18] = 34, out[19] = 0x08;
    memcpy(out + len, sa, sizeof(sa)), len += sizeof(sa);
    memcpy(out + len, ke, sizeof(ke)), len += sizeof(ke);
    memset(out + len, 9, 32), len += 32;
    memcpy(out + len, nonce, sizeof(nonce)), len += sizeof(nonce);
    memcpy(out + len, out, 8), memset(out + len + 8, 7, 24), len += 32;
    out[27] = (uint8_t)len;
    return len;
}

/* An ICMP "port unreachable" of before the daemon's start is an error of the socket, and passed over. */
static int wait_for(const char *file, const char *address, double limit_s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(500)};
    double began = now_ms(), end = began + limit_s * 1e3;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const struct timespec pause = {0, 500000};
    uint8_t bytes[512];

    if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
        return perror(address), 1;
    while (now_ms() < end) {
        size_t len = question(bytes);

        (void)!send(fd, bytes, len, 0);
        nanosleep(&pause, NULL);
        if (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) >= 28) {
            printf("%.3f\n", now_ms() - (strcmp(file, "now") ? marked(file) : began));
            return 0;
        }
    }
    fprintf(stderr, "bench_ready: %s does not answer\n", address);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc > 3 && !strcmp(argv[1], "mark"))
        return mark(argv[2], argv + 3);
    if (argc > 3 && !strcmp(argv[1], "wait"))
        return wait_for(argv[2], argv[3], argc > 4 ? strtod(argv[4], NULL) : 30);
    fprintf(stderr, "usage: bench_ready mark FILE COMMAND... | wait FILE ADDRESS [SECONDS]\n");
    return 2;
}
