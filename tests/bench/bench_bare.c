/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_bare - the least that a cookie costs: a loop that receives on UDP 500, computes one HMAC-SHA2-256 over nonce, address and
 * SPI (RFC 7296 2.6) under a key that is prepared, and answers with a datagram of the same length. Nothing is checked, nothing is
 * kept. What it needs is the kernel's share of a cookie answer on this machine, measured in the same network as the daemons.
 *
 *     bench_bare ADDRESS      until it is ended
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 16, REQUEST_MAX = 2048, HEADER = 28, NONCE = 32, COOKIE = 20, NOTIFY = 8, ANSWER = HEADER + NOTIFY + 1 + COOKIE };

static unsigned char requests[BATCH][REQUEST_MAX], answers[BATCH][ANSWER];
static struct sockaddr_in from[BATCH];
static struct iovec in_parts[BATCH], out_parts[BATCH];
static struct mmsghdr in[BATCH], out[BATCH];

static EVP_MAC_CTX *mac_open(void)
{
    static unsigned char key[32] = "only for measuring";
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(EVP_MAC_fetch(NULL, "HMAC", NULL));

    return ctx && EVP_MAC_init(ctx, key, sizeof(key), params) == 1 ? ctx : NULL;
}

static int socket_open(const char *address)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(500)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    return fd >= 0 && inet_pton(AF_INET, address, &at.sin_addr) == 1 && !bind(fd, (struct sockaddr *)&at, sizeof(at)) ? fd : -1;
}

static void answer(EVP_MAC_CTX *ctx, int i, size_t len)
{
    unsigned char *to = answers[i], mac[32];
    size_t mac_len = 0;

    memcpy(to, requests[i], HEADER);
    to[16] = 41, to[19] = 0x20, to[27] = ANSWER; /* a notify follows; a response (RFC 7296 3.1) */
    to[HEADER + 3] = NOTIFY + 1 + COOKIE, to[HEADER + 6] = 16390 >> 8, to[HEADER + 7] = 16390 & 255; /* COOKIE (3.10) */
    EVP_MAC_init(ctx, NULL, 0, NULL);
    EVP_MAC_update(ctx, requests[i] + len - NONCE, NONCE);
    EVP_MAC_update(ctx, (const unsigned char *)&from[i].sin_addr, sizeof(from[i].sin_addr));
    EVP_MAC_update(ctx, requests[i], 8);
    EVP_MAC_final(ctx, mac, &mac_len, sizeof(mac));
    memcpy(to + HEADER + NOTIFY + 1, mac, COOKIE);
}

static void batch_ready(void)
{
    for (int i = 0; i < BATCH; i++) {
        in_parts[i] = (struct iovec){requests[i], REQUEST_MAX};
        out_parts[i] = (struct iovec){answers[i], ANSWER};
        in[i].msg_hdr = (struct msghdr){&from[i], sizeof(from[i]), &in_parts[i], 1, NULL, 0, 0};
        out[i].msg_hdr = (struct msghdr){&from[i], sizeof(from[i]), &out_parts[i], 1, NULL, 0, 0};
    }
}

int main(int argc, char **argv)
{
    struct pollfd ready = {argc > 1 ? socket_open(argv[1]) : -1, POLLIN, 0};
    EVP_MAC_CTX *ctx = mac_open();

    if (ready.fd < 0 || !ctx)
        return perror("bench_bare"), 1;
    batch_ready();
    while (poll(&ready, 1, -1) > 0) {
        int got = recvmmsg(ready.fd, in, BATCH, MSG_DONTWAIT, NULL);

        for (int i = 0; i < got; i++)
            if (in[i].msg_len >= HEADER + NONCE)
                answer(ctx, i, in[i].msg_len);
        if (got > 0 && sendmmsg(ready.fd, out, (unsigned)got, 0) < 0)
            perror("bench_bare");
    }
    return 1;
}
