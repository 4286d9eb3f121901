/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/charon-bench.d/deluge.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"
#include "tests/bench/charon-bench.d/score.h"
#include "tests/bench/charon-bench.d/thrift.h"
#include "wire/wire.h"

#define QUIET (1 * USEC_SEC) /* the flood is over when nothing came for so long after the last was sent */

enum { RING = 256, MESSAGE_MAX = 2048, TURN = 64, NONCE_BYTES = 32, COOKIE_BYTES = 64, NOTIFY_HEAD = 8, TRANSFORMS_MAX = 16 };

static const char usage[] =
    "usage: charon-bench flood --remote ADDRESS --local ADDRESS --count NUMBER --rate NUMBER [OPTION...]\n"
    "\n"
    "  --spoof ADDRESS/LENGTH  from addresses out of this network (ip route add local ADDRESS/LENGTH dev lo)\n"
    "  --cookies               repeat a request with the cookie that it is answered with: the responder has to take it\n"
    "  --ke GROUP              x25519 (default), ecp256, modp2048\n"
    "  --json FILE             write the result there (- = standard output)\n"
    "  --quiet                 no progress on standard error\n";

struct deluge {
    struct addr remote;
    struct prefix spoof;
    uint64_t count;
    double rate;
    bool cookies, quiet;
    const char *ke, *json;
    struct loop *loop;
    struct timer *wake;
    struct net_sockets sockets;
    struct net *net;
    struct buf message; /* nothing of it changes but SPI and nonce */
    uint8_t ring[RING][MESSAGE_MAX];
    size_t at;
    uint64_t seed, sent, cookie_replies, echoed, full, refused, other, shown_sent;
    usec_t last, shown_at;
    struct stretch time;
};

/* --- the request */

static bool message_make(struct deluge *d)
{
    const struct ike_header h = {.major = 2, .exchange = IKE_SA_INIT, .flags = IKE_FLAG_INITIATOR};
    const struct alg *ke = alg_by_name(thrift_algs(), d->ke);
    struct transform store[TRANSFORMS_MAX];
    uint8_t public_value[1024], nonce[NONCE_BYTES] = {0};
    char words[100], said[200];
    struct text w = text_in(words, sizeof(words)), why = text_in(said, sizeof(said));
    struct rng rng = loop_rng();
    struct secret private_value = {0};
    struct payload pn = {.type = PAYLOAD_NONCE, .u.nonce = span_of(nonce, sizeof(nonce))};
    struct payload pk = {.next = &pn, .type = PAYLOAD_KE}, ps = {.next = &pk, .type = PAYLOAD_SA};
    struct proposal p;

    text_add(&w, "aes256gcm16-prfsha256-%s", d->ke);
    if (!ke || !ke->ke || ke->public_len > sizeof(public_value) ||
        proposal_parse(thrift_algs(), words, PROTOCOL_IKE, &p, store, TRANSFORMS_MAX, &why) < 0 ||
        ke->ke->generate(ke, &rng, &private_value, public_value) < 0)
        return false;
    secret_done(&private_value);
    p.number = 1;
    ps.u.sa = (struct proposals){&p, 1};
    pk.u.ke.group = ke->id;
    pk.u.ke.data = span_of(public_value, ke->public_len);
    buf_init(&d->message, MESSAGE_MAX - COOKIE_BYTES - NOTIFY_HEAD);
    msg_write(&d->message, &h, &ps);
    return !d->message.failed;
}

static uint64_t next_random(struct deluge *d)
{
    d->seed ^= d->seed << 13;
    d->seed ^= d->seed >> 7;
    return d->seed ^= d->seed << 17;
}

/* The nonce follows from the SPI, so that a request can be repeated without having been kept. */
static uint8_t *request_write(struct deluge *d, const uint8_t spi[8], struct span cookie, size_t *len)
{
    uint8_t *m = d->ring[d->at++ % RING];
    struct span plain = buf_view(&d->message);
    size_t extra = cookie.len ? NOTIFY_HEAD + cookie.len : 0;

    memcpy(m, plain.p, IKE_HEADER_LEN);
    memcpy(m + IKE_HEADER_LEN + extra, plain.p + IKE_HEADER_LEN, plain.len - IKE_HEADER_LEN);
    *len = plain.len + extra;
    memcpy(m, spi, 8);
    memcpy(m + *len - NONCE_BYTES, spi, 8);
    put_u32(m + 24, (uint32_t)*len);
    if (!extra)
        return m;
    m[16] = PAYLOAD_NOTIFY;
    m[IKE_HEADER_LEN] = PAYLOAD_SA;
    m[IKE_HEADER_LEN + 1] = 0;
    put_u16(m + IKE_HEADER_LEN + 2, (uint16_t)extra);
    put_u16(m + IKE_HEADER_LEN + 4, 0); /* no protocol, no SPI */
    put_u16(m + IKE_HEADER_LEN + 6, COOKIE);
    memcpy(m + IKE_HEADER_LEN + NOTIFY_HEAD, cookie.p, cookie.len);
    return m;
}

static struct addr spoofed(struct deluge *d)
{
    struct addr low, high, a;
    uint64_t r = next_random(d);

    prefix_bounds(&d->spoof, &low, &high);
    a = low;
    for (size_t i = addr_len(&a), k = 0; i-- > 0 && k < 8; k++)
        a.b[i] = (uint8_t)(low.b[i] | ((low.b[i] ^ high.b[i]) & (uint8_t)(r >> (8 * k))));
    return a;
}

static void request_send(struct deluge *d, const struct addr *from, const uint8_t spi[8], struct span cookie)
{
    struct path path = {.local = {*from, 500}, .remote = {d->remote, 500}};
    size_t len;
    uint8_t *m = request_write(d, spi, cookie, &len);

    if (net_send(d->net, &path, span_of(m, len), false) == 0)
        d->last = loop_now();
    if (d->at % TURN == 0)
        net_flush(d->net);
}

/* --- the answers */

static uint16_t notify_of(struct span m)
{
    return m.len >= IKE_HEADER_LEN + NOTIFY_HEAD && m.p[16] == PAYLOAD_NOTIFY ? get_u16(m.p + IKE_HEADER_LEN + 6) : 0;
}

static void answer_heard(void *ctx, const struct path *path, struct span m)
{
    struct deluge *d = ctx;
    uint16_t notify = notify_of(m);
    size_t head = IKE_HEADER_LEN + NOTIFY_HEAD, cookie;

    d->last = d->time.work_ended = loop_now();
    if (m.len < IKE_HEADER_LEN || !(m.p[19] & IKE_FLAG_RESPONSE)) {
        d->other++;
    } else if (notify == COOKIE) {
        cookie = get_u16(m.p + IKE_HEADER_LEN + 2);
        d->cookie_replies++;
        if (!d->cookies || cookie <= NOTIFY_HEAD || cookie > NOTIFY_HEAD + COOKIE_BYTES || m.len < head + cookie - NOTIFY_HEAD)
            return;
        d->echoed++;
        request_send(d, &path->local.addr, m.p, span_of(m.p + head, cookie - NOTIFY_HEAD));
    } else if (m.p[16] == PAYLOAD_SA) {
        d->full++;
    } else if (notify && notify <= NOTIFY_ERROR_MAX) {
        d->refused++;
    } else {
        d->other++;
    }
}

/* --- the rate */

static void deluge_show(struct deluge *d, usec_t now)
{
    if (!d->quiet)
        fprintf(stderr, "%7.1f s  sent %llu  %.0f per second  cookies %llu  answered %llu  full %llu  refused %llu\n",
                (double)(now - d->time.began) / 1e6, (unsigned long long)d->sent,
                (double)(d->sent - d->shown_sent) * 1e6 / (double)(now - d->shown_at), (unsigned long long)d->cookie_replies,
                (unsigned long long)d->echoed, (unsigned long long)d->full, (unsigned long long)d->refused);
    d->shown_at = now;
    d->shown_sent = d->sent;
}

static void deluge_send_due(struct deluge *d, usec_t now)
{
    uint64_t due = d->rate > 0 ? 1 + (uint64_t)((double)(now - d->time.began) / 1e6 * d->rate) : d->count;

    for (int left = TURN; left > 0 && d->sent < due && d->sent < d->count; left--) {
        struct addr from = spoofed(d);
        uint64_t spi = next_random(d);

        request_send(d, &from, (uint8_t *)&spi, SPAN_NONE);
        d->sent++;
    }
}

static void deluge_turn(void *ctx)
{
    struct deluge *d = ctx;
    usec_t now = loop_now(), again = now + QUIET / 4;

    deluge_send_due(d, now);
    net_flush(d->net);
    if (d->sent < d->count)
        again = d->rate > 0 ? d->time.began + (usec_t)((double)(d->sent + TURN / 4) / d->rate * 1e6) : now;
    else if (now - d->last > QUIET)
        loop_stop(d->loop);
    if (now - d->shown_at >= USEC_SEC)
        deluge_show(d, now);
    timer_set(d->wake, again);
}

static void deluge_woken(void *ctx, unsigned what)
{
    (void)ctx;
    (void)what;
}

/* --- all of it */

static int deluge_write(const struct deluge *d)
{
    json_t *j;
    int err;

    if (!d->json)
        return 0;
    j = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "sent", (json_int_t)d->sent, "cookie_replies",
                  (json_int_t)d->cookie_replies, "echoed", (json_int_t)d->echoed, "full_responses", (json_int_t)d->full,
                  "refused", (json_int_t)d->refused, "other", (json_int_t)d->other, "send_errors",
                  (json_int_t)net_count(d->net)->send_errors, "seconds", (double)(d->last - d->time.began) / 1e6, "wall_start",
                  d->time.wall_began, "wall_end", d->time.wall_ended, "generator_cpu_us_each", d->time.cpu_us / (double)d->sent);
    err = strcmp(d->json, "-") == 0 ? json_dumpf(j, stdout, JSON_INDENT(1)) || putchar('\n') == EOF
                                    : json_dump_file(j, d->json, JSON_INDENT(1));
    json_decref(j);
    return err ? 1 : 0;
}

static int deluge_run(struct deluge *d)
{
    const struct net_options o = {.port = 500, .port_natt = 4500};
    char said[400] = "no such --ke";
    struct text why = text_in(said, sizeof(said));
    struct rng rng = loop_rng();

    d->loop = loop_new();
    d->wake = d->loop ? loop_timer(d->loop, deluge_woken, d) : NULL;
    if (!d->wake || net_open(&o, &d->sockets, &why) || !message_make(d)) {
        fprintf(stderr, "charon-bench: %s\n", why.len ? said : "the request could not be made");
        return 1;
    }
    d->net = net_new(&(struct net_setup){d->loop, &d->sockets, answer_heard, d});
    if (!d->net)
        return 1;
    d->seed = rng_u64(&rng) | 1;
    stretch_begin(&d->time);
    d->last = d->shown_at = d->time.began;
    loop_after(d->loop, deluge_turn, d);
    timer_set(d->wake, 0);
    if (loop_run(d->loop))
        return 1;
    stretch_end(&d->time);
    deluge_show(d, loop_now());
    return deluge_write(d) || d->sent < d->count;
}

static void deluge_close(struct deluge *d)
{
    net_free(d->net);
    net_close(&d->sockets);
    timer_free(d->wake);
    loop_free(d->loop);
    buf_done(&d->message);
    free(d);
}

static bool deluge_option(struct deluge *d, int c, const char *text)
{
    char *end;

    switch (c) {
    case 'r':
        return addr_parse(text, &d->remote) == 0;
    case 's':
        return prefix_parse(text, &d->spoof) == 0;
    case 'n':
        d->count = strtoull(text, &end, 10);
        return end != text && !*end;
    case 'R':
        d->rate = strtod(text, &end);
        return end != text && !*end && d->rate >= 0;
    case 'k':
        d->ke = text;
        return true;
    case 'j':
        d->json = text;
        return true;
    case 'c':
        return d->cookies = true;
    default:
        return c == 'q' && (d->quiet = true);
    }
}

int deluge_main(int argc, char **argv)
{
    static const struct option words[] = {{"remote", 1, NULL, 'r'},
                                          {"spoof", 1, NULL, 's'},
                                          {"local", 1, NULL, 's'},
                                          {"count", 1, NULL, 'n'},
                                          {"rate", 1, NULL, 'R'},
                                          {"ke", 1, NULL, 'k'},
                                          {"json", 1, NULL, 'j'},
                                          {"cookies", 0, NULL, 'c'},
                                          {"quiet", 0, NULL, 'q'},
                                          {"help", 0, NULL, 'h'},
                                          {0}};
    struct deluge *d = calloc(1, sizeof(*d));
    int c, status = 2;

    if (!d)
        return 1;
    d->sockets.route4 = d->sockets.route6 = -1;
    d->ke = "x25519";
    while ((c = getopt_long(argc, argv, "", words, NULL)) != -1) {
        if (c == 'h')
            status = 0;
        if (c == 'h' || !deluge_option(d, c, optarg))
            break;
    }
    if (c == -1 && d->remote.family && d->spoof.addr.family == d->remote.family && d->count)
        status = deluge_run(d);
    else
        fputs(usage, status ? stderr : stdout);
    deluge_close(d);
    return status;
}
