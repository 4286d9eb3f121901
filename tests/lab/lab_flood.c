/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lab_flood - a flood of datagrams at a real daemon, over real sockets, while honest peers come; tests/lab/flood makes the
 * namespaces. It stands where every address is its own ("local default dev lo"), so it speaks from any of them and hears what is
 * sent to them.
 *
 *     lab_flood [-a] KIND PACKETS PER_SECOND GUESTS DAEMON_PID [SEED]
 *
 *     lab_flood flows PACKETS PER_SECOND 0 DAEMON_PID
 *
 * KIND: init, refused, junk, notify, spi, auth, icmp, abuse. `flows`: so many flows under one trap policy of the daemon, and
 * nobody answers its IKE_SA_INIT: there is one, repeated, whatever the flows (RFC 4301 4.4.1). The guests are one core with many
 * connections (tests/sim/flood.h). Prints a line "# counted: ..." and ends with 0 when memory grew by at most 8 MiB, 95 % of the
 * guests were up within 2 s, nobody's IKE SA was lost, and the answers were bounded. -a: the daemon is one with sanitizers, whose
 * memory says nothing and which takes its time; guests have 10 s, and nobody waits when all of them are up.
 */
#define _GNU_SOURCE
#include "tests/sim/flood.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "loop/loop.h"

#define BATCH 64
#define SIZE 2048
#define MS USEC_MSEC

static bool sanitized;

/* --- datagrams ------------------------------------------------------------------------------------------------------------- */

struct cell {
    struct sockaddr_in at;
    struct iovec iov;
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control;
    uint8_t bytes[SIZE];
};
struct wire {
    int udp, natt, raw;
    struct mmsghdr out[BATCH], in[BATCH];
    struct cell out_cell[BATCH], in_cell[BATCH];
    unsigned n_out;
    uint64_t sent, answers, answer_bytes, cookies;
};
static struct wire wire;

static int udp_socket(uint16_t port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1, size = 8 << 20;

    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof(yes)) || bind(fd, (struct sockaddr *)&any, sizeof(any))) {
        perror("lab_flood: UDP");
        exit(2);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    return fd;
}

static void wire_open(void)
{
    wire.udp = udp_socket(500);
    wire.natt = udp_socket(4500);
    wire.raw = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);
    if (wire.raw < 0) {
        perror("lab_flood: raw socket");
        exit(2);
    }
}

static void wire_flush(void)
{
    for (unsigned done = 0; done < wire.n_out;) {
        int n = sendmmsg(wire.udp, wire.out + done, wire.n_out - done, 0);

        if (n <= 0 && errno != EAGAIN && errno != ENOBUFS && errno != EINTR) {
            perror("lab_flood: sendmmsg");
            exit(2);
        }
        done += n > 0 ? (unsigned)n : 0;
    }
    wire.sent += wire.n_out;
    wire.n_out = 0;
}

static void wire_send(const struct addr *from, struct span d)
{
    struct cell *c = &wire.out_cell[wire.n_out];
    struct msghdr *m = &wire.out[wire.n_out++].msg_hdr;
    struct endpoint hub = flood_hub_at();
    struct in_pktinfo info = {0};

    c->at = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(hub.port)};
    memcpy(&c->at.sin_addr, hub.addr.b, 4);
    memcpy(c->bytes, d.p, d.len < SIZE ? d.len : SIZE);
    c->iov = (struct iovec){c->bytes, d.len < SIZE ? d.len : SIZE};
    c->control.align = (struct cmsghdr){CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO};
    memcpy(&info.ipi_spec_dst, from->b, 4);
    memcpy(CMSG_DATA(&c->control.align), &info, sizeof(info));
    *m = (struct msghdr){&c->at, sizeof(c->at), &c->iov, 1, c->control.bytes, sizeof(c->control.bytes), 0};
    if (wire.n_out == BATCH)
        wire_flush();
}

static void carry(struct flood *f, const struct path *path, struct span d)
{
    (void)f;
    wire_send(&path->local.addr, d);
    wire_flush();
    wire.sent--; /* only strangers' are counted */
}

static void heard(struct flood *f, struct cell *c, struct msghdr *m, size_t len)
{
    struct path path = {.remote = flood_hub_at(), .local.port = 500};

    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h))
        if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO)
            path.local.addr = addr_from_span(span_of(&((struct in_pktinfo *)CMSG_DATA(h))->ipi_addr, 4));
    if (flood_is_guest(f, &path.local.addr)) {
        flood_guest_hears(f, &path, span_of(c->bytes, len));
        return;
    }
    wire.answers++;
    wire.answer_bytes += len;
    wire.cookies += flood_cookie(span_of(c->bytes, len)).len > 0;
}

static void wire_hear(struct flood *f)
{
    int n;

    do {
        for (unsigned i = 0; i < BATCH; i++) {
            struct cell *c = &wire.in_cell[i];

            c->iov = (struct iovec){c->bytes, SIZE};
            wire.in[i].msg_hdr =
                (struct msghdr){&c->at, sizeof(c->at), &c->iov, 1, c->control.bytes, sizeof(c->control.bytes), 0};
        }
        n = recvmmsg(wire.udp, wire.in, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
            heard(f, &wire.in_cell[i], &wire.in[i].msg_hdr, wire.in[i].msg_len);
    } while (n == BATCH);
}

/* --- the daemon, from outside ---------------------------------------------------------------------------------------------- */

#define PIDS_MAX 16
struct watched {
    long pids[PIDS_MAX];
    size_t n;
    long anon_kib, first_kib, peak_kib;
    double cpu_s, first_cpu_s;
};

static long parent_of(long pid)
{
    char name[64], line[512];
    long ppid = -1;
    FILE *f;

    snprintf(name, sizeof(name), "/proc/%ld/stat", pid);
    f = fopen(name, "r");
    if (f && fgets(line, sizeof(line), f) && strrchr(line, ')'))
        sscanf(strrchr(line, ')') + 1, " %*c %ld", &ppid);
    if (f)
        fclose(f);
    return ppid;
}

static void watched_find(struct watched *w, long daemon_pid)
{
    DIR *d = opendir("/proc");
    struct dirent *e;

    w->pids[w->n++] = daemon_pid;
    while (d && (e = readdir(d)))
        if (strtol(e->d_name, NULL, 10) > 0 && parent_of(strtol(e->d_name, NULL, 10)) == daemon_pid && w->n < PIDS_MAX)
            w->pids[w->n++] = strtol(e->d_name, NULL, 10);
    if (d)
        closedir(d);
}

static void watched_read(struct watched *w)
{
    w->anon_kib = 0;
    w->cpu_s = 0;
    for (size_t i = 0; i < w->n; i++) {
        char name[64], line[512];
        unsigned long user = 0, sys = 0;
        long kib = 0;
        FILE *f;

        snprintf(name, sizeof(name), "/proc/%ld/status", w->pids[i]);
        f = fopen(name, "r");
        while (f && fgets(line, sizeof(line), f) && sscanf(line, "RssAnon: %ld", &kib) != 1)
            ;
        if (f)
            fclose(f);
        snprintf(name, sizeof(name), "/proc/%ld/stat", w->pids[i]);
        f = fopen(name, "r");
        if (f && fgets(line, sizeof(line), f) && strrchr(line, ')'))
            sscanf(strrchr(line, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
        if (f)
            fclose(f);
        w->anon_kib += kib;
        w->cpu_s += (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
    }
    if (w->anon_kib > w->peak_kib)
        w->peak_kib = w->anon_kib;
}

/* Of the daemon's namespace: datagrams that its sockets had no room for, and all that came. */
static void udp_counts(long pid, unsigned long *came, unsigned long *lost)
{
    char name[64], line[512];
    FILE *f;

    *came = *lost = 0;
    snprintf(name, sizeof(name), "/proc/%ld/net/snmp", pid);
    f = fopen(name, "r");
    while (f && fgets(line, sizeof(line), f))
        sscanf(line, "Udp: %lu %*u %*u %*u %lu", came, lost);
    if (f)
        fclose(f);
}

/* --- the flood ------------------------------------------------------------------------------------------------------------- */

struct attack;
struct kind {
    const char *word;
    void (*send)(struct attack *);
    double answers_per_s; /* at most so many answers a second; 0 = one each */
};
struct attack {
    struct flood *f;
    const struct kind *kind;
    struct watched w;
    size_t packets, guests;
    double rate;
    usec_t t0, began;         /* of this machine, and of the flood */
    unsigned long came, lost; /* before it */
};

static struct addr anywhere(struct flood *f)
{
    return addr_v4((uint8_t)(11 + dice_below(&f->dice, 110)), (uint8_t)dice_u64(&f->dice), (uint8_t)dice_u64(&f->dice),
                   (uint8_t)(1 + dice_below(&f->dice, 254)));
}

static struct addr anywhere_or_beside(struct flood *f)
{
    struct addr a = f->guests[dice_below(&f->dice, f->n_guests)].addr;

    if (dice_below(&f->dice, 5))
        return anywhere(f);
    a.b[3] = (uint8_t)(101 + dice_below(&f->dice, 150));
    return a;
}

static void send_init(struct attack *k)
{
    struct addr from = anywhere_or_beside(k->f);

    wire_send(&from, flood_init(k->f, dice_u64(&k->f->dice) | 1, dice_u64(&k->f->dice)));
}

static void send_refused(struct attack *k)
{
    struct addr from = anywhere_or_beside(k->f);
    struct span d = flood_init(k->f, dice_u64(&k->f->dice) | 1, dice_u64(&k->f->dice));
    uint8_t copy[SIZE];

    memcpy(copy, d.p, d.len);
    copy[IKE_HEADER_LEN + 18] = 0x7f; /* its first transform is one that nobody has */
    wire_send(&from, span_of(copy, d.len));
}

static void send_junk(struct attack *k)
{
    struct addr from = anywhere_or_beside(k->f);
    uint8_t junk[300];
    size_t len = 1 + dice_below(&k->f->dice, sizeof(junk));

    k->f->rng.fill(k->f->rng.ctx, junk, len);
    if (len > IKE_HEADER_LEN && dice_below(&k->f->dice, 4)) { /* most of it looks like IKE */
        junk[17] = 0x20;
        junk[18] = (uint8_t)(34 + junk[18] % 4);
        junk[19] &= 0x28;
        put_u32(junk + 24, (uint32_t)len);
        if (junk[18] == IKE_SA_INIT)
            memset(junk + 8, 0, 8);
        if (junk[18] == IKE_SA_INIT)
            memset(junk + 20, 0, 4);
    }
    wire_send(&from, span_of(junk, len));
}

static struct guest *guest_up(struct flood *f)
{
    struct guest *g;

    do
        g = &f->guests[dice_below(&f->dice, f->n_guests)];
    while (!g->spi_r);
    return g;
}

static void send_notify(struct attack *k)
{
    static const uint16_t types[] = {INVALID_IKE_SPI,       INVALID_SYNTAX,
                                     INVALID_MAJOR_VERSION, AUTHENTICATION_FAILED,
                                     NO_PROPOSAL_CHOSEN,    COOKIE,
                                     INVALID_KE_PAYLOAD,    INVALID_MESSAGE_ID,
                                     INVALID_SPI,           UNSUPPORTED_CRITICAL_PAYLOAD,
                                     TEMPORARY_FAILURE,     INITIAL_CONTACT,
                                     NO_ADDITIONAL_SAS};
    struct guest *g = guest_up(k->f);
    uint8_t flags = (uint8_t)(dice_u64(&k->f->dice) & (IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE)), data[4] = {0, 0, 0, 1};
    struct arena a;

    arena_init(&a, 4096);
    wire_send(&g->addr, flood_notify(&a, g->spi_i, g->spi_r, (uint8_t)(34 + dice_below(&k->f->dice, 4)), flags,
                                     (uint32_t)dice_below(&k->f->dice, 6), types[dice_below(&k->f->dice, COUNT_OF(types))],
                                     span_of(data, dice_below(&k->f->dice, 5))));
    arena_done(&a);
}

static void send_spi(struct attack *k)
{
    struct addr from = anywhere_or_beside(k->f);
    struct arena a;

    arena_init(&a, 4096);
    wire_send(&from, flood_notify(&a, dice_u64(&k->f->dice), dice_u64(&k->f->dice), (uint8_t)(35 + dice_below(&k->f->dice, 3)),
                                  dice_below(&k->f->dice, 2) ? IKE_FLAG_INITIATOR : 0, 1, INVALID_SPI, SPAN_NONE));
    arena_done(&a);
}

/* Sealed with anything but the key: IKE_AUTH, or a fragment of it, of guests that are up or half-open. */
static void send_auth(struct attack *k)
{
    struct guest *g = guest_up(k->f);
    uint8_t d[300];
    size_t len = 80 + dice_below(&k->f->dice, sizeof(d) - 80);
    bool fragment = dice_below(&k->f->dice, 2);

    k->f->rng.fill(k->f->rng.ctx, d, len);
    put_u64(d, g->spi_i);
    put_u64(d + 8, g->spi_r);
    d[16] = fragment ? PAYLOAD_SKF : PAYLOAD_SK;
    d[17] = 0x20;
    d[18] = (uint8_t)(35 + d[18] % 3);
    d[19] = IKE_FLAG_INITIATOR;
    put_u32(d + 20, (uint32_t)(d[20] % 4));
    put_u32(d + 24, (uint32_t)len);
    d[29] = 0;
    put_u16(d + 30, (uint16_t)(len - IKE_HEADER_LEN));
    if (fragment && d[33] % 4)
        put_u32(d + 32, 0x00010004u);
    wire_send(&g->addr, span_of(d, len));
}

static uint16_t checksum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < len; i += 2)
        sum += get_u16(p + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Unreachable, too big, time exceeded: about a datagram of the hub to a guest. */
static void send_icmp(struct attack *k)
{
    static const uint8_t kinds[][2] = {{3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 4}, {3, 10}, {3, 13}, {11, 0}, {12, 0}};
    const uint8_t *kind = kinds[dice_below(&k->f->dice, COUNT_OF(kinds))];
    struct guest *g = guest_up(k->f);
    struct addr from = anywhere(k->f);
    struct endpoint hub = flood_hub_at();
    struct sockaddr_in to = {.sin_family = AF_INET};
    uint8_t p[20 + 8 + 28 + 8] = {0x45, 0}, *icmp = p + 20, *inner = icmp + 8;

    put_u16(p + 2, sizeof(p));
    p[8] = 64;
    p[9] = IPPROTO_ICMP;
    memcpy(p + 12, from.b, 4);
    memcpy(p + 16, hub.addr.b, 4);
    icmp[0] = kind[0];
    icmp[1] = kind[1];
    put_u16(icmp + 6, kind[1] == 4 ? (uint16_t)(68 + dice_below(&k->f->dice, 1400)) : 0);
    inner[0] = 0x45;
    put_u16(inner + 2, 400);
    inner[8] = 60;
    inner[9] = IPPROTO_UDP;
    memcpy(inner + 12, hub.addr.b, 4);
    memcpy(inner + 16, g->addr.b, 4);
    put_u16(inner + 10, checksum(inner, 20));
    put_u16(inner + 20, 500);
    put_u16(inner + 22, 500);
    put_u16(inner + 24, 380);
    put_u16(icmp + 2, checksum(icmp, sizeof(p) - 20));
    memcpy(&to.sin_addr, hub.addr.b, 4);
    while (sendto(wire.raw, p, sizeof(p), 0, (struct sockaddr *)&to, sizeof(to)) < 0 && (errno == EAGAIN || errno == ENOBUFS))
        ;
    wire.sent++;
}

/* Ten of the guests rekey, one IKE SA or Child SA after the other, as often as they are told to. */
static void send_abuse(struct attack *k)
{
    static size_t turn;

    flood_ask(k->f, turn % 10, turn / 10 % 2 ? "net" : "ike");
    turn++;
    wire.sent++;
}

static const struct kind kinds[] = {
    {"abuse", send_abuse, 30},   {"init", send_init, 0}, {"refused", send_refused, 0}, {"junk", send_junk, 400},
    {"notify", send_notify, 30}, {"spi", send_spi, 30},  {"auth", send_auth, 30},      {"icmp", send_icmp, 30},
};

static void pass(struct attack *k)
{
    static usec_t looked;
    usec_t now = loop_now() - k->t0 + 1000 * USEC_SEC;

    wire_hear(k->f);
    flood_run(k->f, now);
    if (now - looked > 50 * MS)
        watched_read(&k->w);
    looked = now - looked > 50 * MS ? now : looked;
}

static void wait_for(struct attack *k, usec_t how_long)
{
    for (usec_t end = loop_now() + how_long; loop_now() < end; usleep(200))
        pass(k);
}

static bool all_up(const struct attack *k)
{
    for (size_t i = 0; i < k->f->n_guests; i++)
        if (!k->f->guests[i].up)
            return false;
    return true;
}

static usec_t patience(void)
{
    return (sanitized ? 10 : 2) * USEC_SEC;
}

/* Until the last guest has had its time. */
static void wait_for_guests(struct attack *k)
{
    usec_t end = loop_now() + patience() + USEC_SEC;

    while (loop_now() < end && !(sanitized && all_up(k)))
        wait_for(k, 20 * MS);
}

static void wait_for_rekeys(struct attack *k, uint64_t wanted)
{
    for (usec_t end = loop_now() + patience() + USEC_SEC; loop_now() < end && k->f->crowd.facts[FACT_IKE_REKEYED] < wanted;)
        wait_for(k, 20 * MS);
}

static void attack_run(struct attack *k)
{
    usec_t lasts = (usec_t)((double)k->packets / k->rate * 1e6), begin = loop_now();
    size_t next = k->guests, sent = 0;

    k->began = k->f->now;
    while (sent < k->packets) {
        usec_t gone = loop_now() - begin;
        size_t due = (size_t)((double)gone * k->rate / 1e6);

        for (unsigned n = 0; n < BATCH && sent < due && sent < k->packets; n++, sent++)
            k->kind->send(k);
        wire_flush();
        while (next < k->f->n_guests && gone >= lasts * (usec_t)(next - k->guests) / (usec_t)(k->f->n_guests - k->guests))
            flood_ask(k->f, next++, NULL);
        pass(k);
        if (sent >= due)
            usleep(50);
    }
    wait_for_guests(k);
}

/* Some guests are there before: their SAs are what an attacker would like to lose. */
static void guests_first(struct attack *k)
{
    for (size_t i = 0; i < k->guests; i++) {
        flood_ask(k->f, i, NULL);
        wait_for(k, i ? 2 * MS : 200 * MS);
    }
    wait_for(k, USEC_SEC);
    flood_list(k->f);
}

/* The slowest honest handshake that was done, in milliseconds; of those that came during the flood. */
static long slowest(const struct attack *k)
{
    usec_t most = 0;

    for (size_t i = k->guests; i < k->f->n_guests; i++) {
        const struct guest *g = &k->f->guests[i];

        most = g->up && g->up - g->asked > most ? g->up - g->asked : most;
    }
    return (long)(most / MS);
}

static bool law(bool holds, const char *what)
{
    printf("%s - %s\n", holds ? "ok" : "not ok", what);
    return holds;
}

static int attack_judge(struct attack *k, uint64_t seed)
{
    struct flood *f = k->f;
    unsigned long came, lost;
    uint64_t rekeyed = f->crowd.facts[FACT_IKE_REKEYED];
    double took = (double)(f->now - k->began) / 1e6, cpu, served;
    bool good = true;

    watched_read(&k->w);
    cpu = (k->w.cpu_s - k->w.first_cpu_s) * 1e6 / (double)k->packets;
    served = flood_served(f, k->began, f->now - (sanitized && all_up(k) ? 0 : patience()), patience());
    udp_counts(k->w.pids[0], &came, &lost);
    for (size_t i = 0; i < 20 && i < k->guests; i++)
        flood_ask(f, i, "ike");
    wait_for_rekeys(k, rekeyed + 20);
    rekeyed = f->crowd.facts[FACT_IKE_REKEYED] - rekeyed;
    printf("# counted: floods: %s, real sockets: %zu %s in %.1f s (%lu reached it, %lu found its buffer full), seed %llu; "
           "all processes grew by %ld KiB; %.1f%% of "
           "%zu honest "
           "handshakes within %d s%s, the slowest %ld ms; %llu answers (%llu cookies, %llu bytes); %.2f us of CPU each in all "
           "processes"
           "; %zu SAs lost; %llu of 20 rekeys afterwards\n",
           k->kind->word, k->packets, k->kind->send == send_abuse ? "orders to rekey, to ten peers," : "datagrams", took,
           came - k->came, lost - k->lost, (unsigned long long)seed, k->w.peak_kib - k->w.first_kib, served,
           f->n_guests - k->guests, (int)(patience() / USEC_SEC), sanitized ? " (daemon with sanitizers)" : "", slowest(k),
           (unsigned long long)wire.answers, (unsigned long long)wire.cookies, (unsigned long long)wire.answer_bytes, cpu,
           f->n_down, (unsigned long long)rekeyed);
    good &= law(sanitized || k->w.peak_kib - k->w.first_kib <= 8192, "memory grew by at most 8 MiB (not asked with sanitizers)");
    good &= law(served >= 95 && f->n_guests > k->guests, "95 % of honest handshakes in time, and there were some");
    good &= law(f->n_down == 0, "no SA was lost");
    good &= law(rekeyed >= 20 || k->guests < 20, "the SAs are alive");
    good &=
        law((double)wire.answers <= (k->kind->answers_per_s ? k->kind->answers_per_s * took + 100 : (double)k->packets * 1.01),
            "answers are bounded");
    return good ? 0 : 1;
}

/* --- flows under a trap policy ---------------------------------------------------------------------------------------------- */

/* A socket in the daemon's network namespace. */
static int socket_over_there(const char *pid)
{
    char name[64];
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there, fd;
    struct sockaddr_in from = {.sin_family = AF_INET};

    snprintf(name, sizeof(name), "/proc/%s/ns/net", pid);
    there = open(name, O_RDONLY | O_CLOEXEC);
    if (here < 0 || there < 0 || setns(there, CLONE_NEWNET)) {
        perror("lab_flood: namespace");
        exit(2);
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    from.sin_addr.s_addr = htonl(0xc6336401); /* 198.51.100.1 */
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) || setns(here, CLONE_NEWNET)) {
        perror("lab_flood: socket of the flows");
        exit(2);
    }
    close(here);
    close(there);
    return fd;
}

struct inits {
    uint64_t spis[64];
    size_t n, packets;
};

static void inits_hear(struct inits *h)
{
    uint8_t d[SIZE];
    ssize_t len;

    while ((len = recv(wire.udp, d, sizeof(d), MSG_DONTWAIT)) > 0) {
        size_t i = 0;

        if (len < IKE_HEADER_LEN || d[18] != IKE_SA_INIT)
            continue;
        h->packets++;
        while (i < h->n && h->spis[i] != get_u64(d))
            i++;
        if (i == h->n && h->n < COUNT_OF(h->spis))
            h->spis[h->n++] = get_u64(d);
    }
}

static int flows(size_t n, double rate, const char *pid)
{
    int fd = socket_over_there(pid);
    usec_t begin = loop_now();
    struct watched w = {0};
    struct inits heard = {0};
    bool good = true;

    watched_find(&w, strtol(pid, NULL, 10));
    watched_read(&w);
    w.first_kib = w.peak_kib = w.anon_kib;
    w.first_cpu_s = w.cpu_s;
    for (size_t i = 0; i < n;) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(1024 + i % 50000))};

        if ((double)(loop_now() - begin) * rate / 1e6 < (double)i) {
            usleep(100);
            inits_hear(&heard);
            continue;
        }
        to.sin_addr.s_addr = htonl(0xac100000u + (uint32_t)(1 + i)); /* 172.16/12 */
        if (sendto(fd, "flow", 4, 0, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == ENETUNREACH)
            return 2;
        i++;
    }
    for (usec_t end = loop_now() + 2 * USEC_SEC; loop_now() < end; usleep(1000))
        inits_hear(&heard);
    watched_read(&w);
    printf("# counted: floods: %zu flows under one trap policy of a real kernel in %.1f s: %zu negotiation begun, %zu packets of "
           "it; all "
           "processes grew by %ld KiB and took %.1f ms of CPU\n",
           n, (double)(loop_now() - begin) / 1e6, heard.n, heard.packets, w.peak_kib - w.first_kib,
           (w.cpu_s - w.first_cpu_s) * 1e3);
    good &= law(heard.n == 1, "one negotiation");
    good &= law(sanitized || w.peak_kib - w.first_kib <= 8192, "memory grew by at most 8 MiB (not asked with sanitizers)");
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct attack k = {.f = NULL};
    uint64_t seed;
    int status;

    if (argc > 1 && !strcmp(argv[1], "-a")) {
        sanitized = true;
        argv++, argc--;
    }
    k.packets = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    k.rate = argc > 3 ? atof(argv[3]) : 0;
    seed = argc > 6 ? strtoull(argv[6], NULL, 10) : (uint64_t)time(NULL);
    if (argc < 6 || !k.packets || k.rate <= 0) {
        fprintf(stderr, "usage: lab_flood [-a] KIND PACKETS PER_SECOND GUESTS DAEMON_PID [SEED]\n");
        return 2;
    }
    if (!strcmp(argv[1], "flows")) {
        wire_open();
        return flows(k.packets, k.rate, argv[5]);
    }
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (!strcmp(kinds[i].word, argv[1]))
            k.kind = &kinds[i];
    k.guests = 50;
    k.f = k.kind ? flood_new(seed, "", k.guests + strtoul(argv[4], NULL, 10), NULL) : NULL;
    if (!k.f)
        return 2;
    wire_open();
    k.f->carry = carry;
    k.t0 = loop_now();
    guests_first(&k);
    if (!law(k.f->n_up == k.guests, "the first guests are up"))
        return 1;
    watched_find(&k.w, strtol(argv[5], NULL, 10));
    udp_counts(k.w.pids[0], &k.came, &k.lost);
    watched_read(&k.w);
    k.w.first_kib = k.w.peak_kib = k.w.anon_kib;
    k.w.first_cpu_s = k.w.cpu_s;
    attack_run(&k);
    status = attack_judge(&k, seed);
    flood_free(k.f);
    return status;
}
