/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lab_kernel - the hand on a leash: reads orders from standard input, a line each, and prints what it answers and reports.
 *
 *     lab_kernel [--dry] CONFIG.yaml
 *     install CONNECTION/CHILD in=SPI out=SPI local=ADDR remote=ADDR [key=N] [initiator=0|1] [suite=WORDS] [reqid=N] [half=1]
 *         [old=SPI] [seq=N] [transport=1] [udp=LPORT,RPORT] [esn=1] [tsl=PREFIX] [tsr=PREFIX] [soft_packets=N] [hard_packets=N]
 *         [soft_s=N] [hard_s=N]
 *     outbound, remove, update, query: with the same words        acquire-done reqid=N seq=N
 *     configure FILE    disable NAME    enable NAME    disarm    counts    quit
 *     natt PORT         open UDP sockets that take ESP in UDP (RFC 3948)
 *     buffer BYTES      make the buffer of the kernel's notices so small
 *
 * Keys are made of the number `key`, alike on both sides, so that two of these, each in its network namespace, can talk ESP.
 */
#include "kernel/hand.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct alg_registry alg_registry;

struct lab {
    struct hand *hand;
    struct conf *conf;
    uint32_t generation;
    char in[8192];
    size_t in_len;
    bool over;
};

static void print_line(const char *fmt, ...) PRINTF(1, 2);
static void print_line(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

static int load(void *ctx, const char *path, struct buf *out)
{
    FILE *f = fopen(path, "r");
    char part[4096];
    size_t n;

    (void)ctx;
    if (!f)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_bytes(out, part, n);
    fclose(f);
    return out->failed ? ERR_LIMIT : 0;
}

static struct conf *read_conf(struct lab *lab, const char *path)
{
    struct conf_setup setup = {.algs = &alg_registry, .generation = ++lab->generation, .load = load};
    struct conf_report report;
    struct conf *conf;
    char words[4096];
    struct text t = text_in(words, sizeof words);

    conf_report_init(&report);
    conf = conf_read_files(&setup, &path, 1, &report);
    conf_report_format(&report, &t);
    if (words[0])
        print_line("conf %s", words);
    conf_report_done(&report);
    return conf;
}

/* --- what the hand says ---------------------------------------------------------------------------------------------- */

static void on_answer(void *ctx, const struct answer *a)
{
    (void)ctx;
    if (a->kind == ASK_CHILD_QUERY && a->result == ANSWER_OK)
        print_line("answer ok bytes_in=%llu packets_in=%llu bytes_out=%llu packets_out=%llu idle_in=%lld idle_out=%lld",
                   (unsigned long long)a->u.query.bytes_in, (unsigned long long)a->u.query.packets_in,
                   (unsigned long long)a->u.query.bytes_out, (unsigned long long)a->u.query.packets_out,
                   (long long)a->u.query.idle_in_s, (long long)a->u.query.idle_out_s);
    else if (a->result == ANSWER_OK)
        print_line("answer ok");
    else
        print_line("answer failed error=%d %s", a->u.install.error, a->why ? a->why : "");
}

static void on_event(void *ctx, const struct event *e)
{
    char a[TS_TEXT_MAX], b[TS_TEXT_MAX], c[ENDPOINT_TEXT_MAX], d[ENDPOINT_TEXT_MAX];

    (void)ctx;
    switch (e->kind) {
    case EVENT_ACQUIRE:
        print_line("event acquire connection=%u child=%u reqid=%u seq=%u local=%s remote=%s", e->u.acquire.connection,
                   e->u.acquire.child, e->u.acquire.reqid, e->u.acquire.seq, ts_format(&e->u.acquire.local, a),
                   ts_format(&e->u.acquire.remote, b));
        break;
    case EVENT_EXPIRE:
        print_line("event expire spi=%08x dst=%s %s", e->u.expire.spi, addr_format(&e->u.expire.destination, a),
                   e->u.expire.hard ? "hard" : "soft");
        break;
    case EVENT_GONE:
        print_line("event gone spi=%08x dst=%s", e->u.expire.spi, addr_format(&e->u.expire.destination, a));
        break;
    case EVENT_MAPPING:
        print_line("event mapping spi=%08x %s -> %s", e->u.mapping.spi_in, endpoint_format(&e->u.mapping.old_remote, c),
                   endpoint_format(&e->u.mapping.new_remote, d));
        break;
    case EVENT_ADDRESS:
        print_line("event address");
        break;
    case EVENT_LOST:
        print_line("event lost");
        break;
    }
}

static void on_log(void *ctx, enum level level, const char *sentence)
{
    (void)ctx;
    print_line("log %d %s", (int)level, sentence);
}

static void on_print(void *ctx, const char *line)
{
    (void)ctx;
    print_line("dry %s", line);
}

/* --- what the hand is told ------------------------------------------------------------------------------------------- */

/* The value of NAME= among the words, or NULL. */
static const char *word(char **words, const char *name)
{
    size_t len = strlen(name);

    for (; *words; words++)
        if (!strncmp(*words, name, len) && (*words)[len] == '=')
            return *words + len + 1;
    return NULL;
}

static unsigned long long number(char **words, const char *name, unsigned long long preset)
{
    const char *w = word(words, name);

    return w ? strtoull(w, NULL, 0) : preset;
}

static void address(char **words, const char *name, struct addr *out)
{
    const char *w = word(words, name);

    memset(out, 0, sizeof *out);
    if (w && addr_parse(w, out))
        print_line("bad address %s", w);
}

static void fill_key(struct secret *s, size_t len, unsigned seed)
{
    if (!len)
        return;
    if (secret_new(s, len))
        abort();
    for (size_t i = 0; i < len; i++)
        s->p[i] = (uint8_t)(seed * 31 + i * 7 + 1);
}

static bool find_child(struct lab *lab, const char *name, struct ask_child *c)
{
    char first[128];
    const char *slash = strchr(name, '/');

    snprintf(first, sizeof first, "%.*s", slash ? (int)(slash - name) : (int)strlen(name), name);
    for (size_t i = 0; i < lab->conf->n_connections; i++) {
        const struct conf_connection *conn = &lab->conf->connections[i];

        if (strcmp(conn->name, first))
            continue;
        for (size_t j = 0; j < conn->n_children; j++)
            if (!slash || !strcmp(conn->children[j].name, slash + 1)) {
                c->peer = (struct peer_ref){lab->conf->generation, (uint16_t)i, 0};
                c->child = (uint16_t)j;
                return true;
            }
    }
    print_line("no such child %s", name);
    return false;
}

static void selectors(char **words, const char *name, const struct ts_list *configured, const struct addr *outer, struct ts *one,
                      struct ts_list *out)
{
    const char *w = word(words, name);
    struct prefix p;

    *out = *configured;
    if (w && !prefix_parse(w, &p)) {
        *one = ts_from_prefix(&p, 0, 0, 0xffff);
        *out = (struct ts_list){one, 1};
    } else if (configured->n == 1 && !configured->v[0].low.family) {
        *one = configured->v[0];
        one->low = one->high = *outer;
        *out = (struct ts_list){one, 1};
    }
}

static void suite(char **words, struct suite *out)
{
    const char *w = word(words, "suite");
    char copy[64], *save = NULL;

    snprintf(copy, sizeof copy, "%s", w ? w : "aes256gcm16");
    *out = (struct suite){.esn = number(words, "esn", 0) != 0};
    for (char *p = strtok_r(copy, "-", &save); p; p = strtok_r(NULL, "-", &save)) {
        const struct alg *a = alg_by_name(&alg_registry, p);

        if (a && a->type == TRANSFORM_ENCR)
            out->encr = a;
        else if (a && a->type == TRANSFORM_INTEG)
            out->integ = a;
        else
            print_line("unknown algorithm %s", p);
    }
}

static void make_keys(const struct suite *s, unsigned seed, struct child_keys *k)
{
    memset(k, 0, sizeof *k);
    fill_key(&k->encr_i2r, s->encr ? s->encr->key_len : 0, seed);
    fill_key(&k->encr_r2i, s->encr ? s->encr->key_len : 0, seed + 1);
    fill_key(&k->integ_i2r, s->integ ? s->integ->key_len : 0, seed + 2);
    fill_key(&k->integ_r2i, s->integ ? s->integ->key_len : 0, seed + 3);
}

static void child_numbers(char **words, struct ask_child *c)
{
    const char *udp = word(words, "udp");

    c->spi_in = (uint32_t)number(words, "in", 0);
    c->spi_out = (uint32_t)number(words, "out", 0);
    c->old_spi_in = (uint32_t)number(words, "old", 0);
    c->acquire_seq = (uint32_t)number(words, "seq", 0);
    c->reqid = (uint32_t)number(words, "reqid", reqid_configured(c->peer.connection, c->child));
    c->inbound_only = number(words, "half", 0) != 0;
    c->replaced = number(words, "replaced", 0) != 0;
    c->transport = number(words, "transport", 0) != 0;
    c->we_initiated = number(words, "initiator", 0) != 0;
    c->soft_packets = number(words, "soft_packets", 0);
    c->hard_packets = number(words, "hard_packets", 0);
    c->soft_seconds = (uint32_t)number(words, "soft_s", 0);
    c->hard_seconds = (uint32_t)number(words, "hard_s", 0);
    c->udp_encap = udp != NULL;
    if (udp) {
        c->local.port = (uint16_t)strtoul(udp, NULL, 0);
        c->remote.port = (uint16_t)strtoul(strchr(udp, ',') ? strchr(udp, ',') + 1 : udp, NULL, 0);
    }
}

static void child_order(struct lab *lab, enum ask_kind kind, char **words)
{
    struct ask ask = {.to = ASK_HAND, .kind = kind, .ticket = {1, 1}};
    struct ask_child *c = &ask.u.child;
    const struct conf_child *conf;
    struct child_keys keys;
    struct ts local, remote;

    if (!words[0] || !find_child(lab, words[0], c)) {
        print_line("answer failed");
        return;
    }
    conf = &lab->conf->connections[c->peer.connection].children[c->child];
    c->protocol = PROTOCOL_ESP;
    child_numbers(words, c);
    address(words, "local", &c->local.addr);
    address(words, "remote", &c->remote.addr);
    address(words, "local_inner", &c->local_inner);
    address(words, "remote_inner", &c->remote_inner);
    selectors(words, "tsl", &conf->local, &c->local.addr, &local, &c->ts_local);
    selectors(words, "tsr", &conf->remote, &c->remote.addr, &remote, &c->ts_remote);
    suite(words, &c->suite);
    make_keys(&c->suite, (unsigned)number(words, "key", 1), &keys);
    c->keys = &keys;
    hand_ask(lab->hand, &ask);
    secret_done(&keys.encr_i2r);
    secret_done(&keys.encr_r2i);
    secret_done(&keys.integ_i2r);
    secret_done(&keys.integ_r2i);
}

static void acquire_done(struct lab *lab, char **words)
{
    struct ask ask = {.to = ASK_HAND, .kind = ASK_ACQUIRE_DONE, .ticket = {1, 1}};

    ask.u.acquire.reqid = (uint32_t)number(words, "reqid", 0);
    ask.u.acquire.seq = (uint32_t)number(words, "seq", 0);
    hand_ask(lab->hand, &ask);
}

static void configure(struct lab *lab, const char *path)
{
    struct conf *conf = path ? read_conf(lab, path) : NULL;

    if (!conf) {
        print_line("answer failed");
        return;
    }
    print_line("answer %s", hand_configure(lab->hand, conf) ? "failed" : "ok");
    conf_unref(lab->conf);
    lab->conf = conf;
}

/* Sockets of both families stay open until the end. */
static void natt(uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int four = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0);
    int encap = UDP_ENCAP_ESPINUDP, one = 1;
    bool good = setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0 &&
                bind(four, (struct sockaddr *)&v4, sizeof v4) == 0 && bind(six, (struct sockaddr *)&v6, sizeof v6) == 0 &&
                setsockopt(four, IPPROTO_UDP, UDP_ENCAP, &encap, sizeof encap) == 0 &&
                setsockopt(six, IPPROTO_UDP, UDP_ENCAP, &encap, sizeof encap) == 0;

    print_line(good ? "answer ok" : "answer failed");
}

static void buffer(struct lab *lab, int bytes)
{
    int fds[HAND_FDS_MAX];

    hand_fds(lab->hand, fds);
    print_line(setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) ? "answer failed" : "answer ok");
}

static void counts(struct lab *lab)
{
    struct hand_counts c = hand_counts(lab->hand);

    print_line("answer ok sas=%zu policies=%zu blocks=%zu traps=%zu protects=%zu passes=%zu resyncs=%llu acquires=%llu "
               "dropped=%llu",
               c.sas, c.policies, c.blocks, c.traps, c.protects, c.passes, (unsigned long long)c.resyncs,
               (unsigned long long)c.acquires, (unsigned long long)c.acquires_dropped);
}

static const struct {
    const char *name;
    enum ask_kind kind;
} child_orders[] = {
    {"install", ASK_CHILD_INSTALL}, {"outbound", ASK_CHILD_OUTBOUND}, {"remove", ASK_CHILD_REMOVE},
    {"update", ASK_CHILD_UPDATE},   {"query", ASK_CHILD_QUERY},
};

static void order(struct lab *lab, char *line)
{
    char *words[40] = {NULL}, *save = NULL;
    size_t n = 0;

    for (char *p = strtok_r(line, " ", &save); p && n < COUNT_OF(words) - 1; p = strtok_r(NULL, " ", &save))
        words[n++] = p;
    if (!n)
        return;
    for (size_t i = 0; i < COUNT_OF(child_orders); i++)
        if (!strcmp(words[0], child_orders[i].name)) {
            child_order(lab, child_orders[i].kind, words + 1);
            return;
        }
    if (!strcmp(words[0], "acquire-done"))
        acquire_done(lab, words + 1);
    else if (!strcmp(words[0], "configure"))
        configure(lab, words[1]);
    else if (!strcmp(words[0], "disable") || !strcmp(words[0], "enable"))
        print_line("answer %s",
                   (words[0][0] == 'd' ? hand_disable : hand_enable)(lab->hand, words[1] ? words[1] : "") ? "failed" : "ok");
    else if (!strcmp(words[0], "natt"))
        natt((uint16_t)atoi(words[1] ? words[1] : "4500"));
    else if (!strcmp(words[0], "buffer"))
        buffer(lab, atoi(words[1] ? words[1] : "1024"));
    else if (!strcmp(words[0], "counts"))
        counts(lab);
    else if (!strcmp(words[0], "disarm")) {
        hand_disarm(lab->hand);
        print_line("answer ok");
    } else if (!strcmp(words[0], "quit"))
        lab->over = true;
    else
        print_line("answer failed unknown order %s", words[0]);
}

static void orders_read(struct lab *lab)
{
    ssize_t n = read(0, lab->in + lab->in_len, sizeof lab->in - 1 - lab->in_len);
    char *end;

    if (n <= 0) {
        lab->over = true;
        return;
    }
    lab->in_len += (size_t)n;
    lab->in[lab->in_len] = 0;
    while ((end = strchr(lab->in, '\n'))) {
        size_t used = (size_t)(end - lab->in) + 1;

        *end = 0;
        order(lab, lab->in);
        memmove(lab->in, lab->in + used, lab->in_len - used + 1);
        lab->in_len -= used;
    }
    lab->over = lab->over || lab->in_len == sizeof lab->in - 1;
}

static void run(struct lab *lab)
{
    struct pollfd fds[1 + HAND_FDS_MAX] = {{.fd = 0, .events = POLLIN}};
    int hand_fd[HAND_FDS_MAX];
    size_t n = hand_fds(lab->hand, hand_fd);

    for (size_t i = 0; i < n; i++)
        fds[1 + i] = (struct pollfd){.fd = hand_fd[i], .events = POLLIN};
    while (!lab->over) {
        if (poll(fds, (nfds_t)(1 + n), -1) < 0 && errno != EINTR)
            break;
        for (size_t i = 1; i <= n; i++)
            if (fds[i].revents) {
                hand_read(lab->hand);
                break;
            }
        if (fds[0].revents)
            orders_read(lab);
    }
}

int main(int argc, char **argv)
{
    struct lab lab = {0};
    bool dry = argc > 1 && !strcmp(argv[1], "--dry");
    struct hand_setup setup = {.backend = dry ? &backend_dry : &backend_xfrm,
                               .backend_setup = {.print = on_print},
                               .answer = on_answer,
                               .event = on_event,
                               .log = on_log};
    char words[256];
    struct text why = text_in(words, sizeof words);

    if (argc < (dry ? 3 : 2))
        return 99;
    lab.conf = read_conf(&lab, argv[dry ? 2 : 1]);
    if (!lab.conf)
        return 1;
    setup.conf = lab.conf;
    lab.hand = hand_new(&setup, &why);
    if (!lab.hand) {
        print_line("failed %s", words);
        return 1;
    }
    print_line("ready");
    run(&lab);
    hand_free(lab.hand);
    conf_unref(lab.conf);
    return 0;
}
