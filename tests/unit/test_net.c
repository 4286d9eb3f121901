/* SPDX-License-Identifier: Apache-2.0 */
/* Over loopback, on free ports, without privilege. */
#include "net/net.h"
#include "net/resolve.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/sockaddr.h"

struct world {
    struct loop *loop;
    struct net_sockets sockets;
    struct net *net;
    unsigned packets;
    struct path path;
    uint8_t data[4096];
    size_t len;
};

static void heard(void *ctx, const struct path *path, struct span data)
{
    struct world *w = ctx;

    w->packets++;
    w->path = *path;
    w->len = data.len < sizeof(w->data) ? data.len : sizeof(w->data);
    memcpy(w->data, data.p, w->len);
}

static int setup(void **state)
{
    static struct world w;
    char why[200];
    struct text t = text_in(why, sizeof(why));
    struct net_options o = {NULL, 0, 0, false};
    struct net_setup s = {NULL, &w.sockets, heard, &w};

    memset(&w, 0, sizeof(w));
    w.loop = s.loop = loop_new();
    if (net_open(&o, &w.sockets, &t))
        return -1;
    w.net = net_new(&s);
    *state = &w;
    return w.net ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *w = *state;

    net_free(w->net);
    net_close(&w->sockets);
    loop_free(w->loop);
    return 0;
}

static struct net_socket *pick(struct world *w, uint8_t family, bool natt)
{
    for (size_t i = 0; i < w->sockets.n; i++)
        if (w->sockets.v[i].local.addr.family == family && w->sockets.v[i].natt == natt)
            return &w->sockets.v[i];
    return NULL;
}

/* A peer on a loopback address. */
static int peer_open(const char *address, struct endpoint *at)
{
    struct sockaddr_storage sa;
    socklen_t len;
    int fd;

    *at = (struct endpoint){0};
    assert_int_equal(addr_parse(address, &at->addr), 0);
    fd = socket(at->addr.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    len = sockaddr_from(at, &sa);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    len = sizeof(sa);
    getsockname(fd, (struct sockaddr *)&sa, &len);
    *at = sockaddr_to((struct sockaddr *)&sa);
    return fd;
}

static void peer_send(int fd, const char *to, uint16_t port, const void *data, size_t len)
{
    struct sockaddr_storage sa;
    struct endpoint e = {.port = port};
    socklen_t sa_len;

    assert_int_equal(addr_parse(to, &e.addr), 0);
    sa_len = sockaddr_from(&e, &sa);
    assert_int_equal(sendto(fd, data, len, 0, (struct sockaddr *)&sa, sa_len), len);
}

static ssize_t peer_read(int fd, uint8_t *out, size_t cap, struct endpoint *from)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof(sa);
    ssize_t n = -1;

    for (int i = 0; i < 100 && n < 0; i++) {
        n = recvfrom(fd, out, cap, 0, (struct sockaddr *)&sa, &len);
        if (n < 0)
            usleep(1000);
    }
    *from = sockaddr_to((struct sockaddr *)&sa);
    return n;
}

static void turns(struct world *w, unsigned want)
{
    for (int i = 0; i < 100 && w->packets < want; i++)
        assert_int_equal(loop_turn(w->loop, false), 0);
    assert_int_equal(loop_turn(w->loop, false), 0);
}

static void there_and_back(struct world *w, const char *local, const char *peer, bool natt)
{
    struct endpoint at, from;
    int fd = peer_open(peer, &at);
    struct net_socket *s = pick(w, at.addr.family, natt);
    uint8_t in[64];
    const char *wire = natt ? "\0\0\0\0hello" : "hello";
    size_t wire_len = natt ? 9 : 5;
    struct addr addr;

    assert_non_null(s);
    w->packets = 0;
    peer_send(fd, local, s->local.port, wire, wire_len);
    turns(w, 1);
    assert_int_equal(w->packets, 1);
    assert_int_equal(w->len, 5);
    assert_memory_equal(w->data, "hello", 5);
    assert_int_equal(addr_parse(local, &addr), 0);
    assert_true(addr_equal(&w->path.local.addr, &addr));
    assert_int_equal(w->path.local.port, s->local.port);
    assert_true(endpoint_equal(&w->path.remote, &at));
    assert_int_equal(w->path.natt, natt);
    /* the answer leaves from the address that was spoken to */
    assert_int_equal(net_send(w->net, &w->path, span_str("olleh"), false), 0);
    net_flush(w->net);
    assert_int_equal(peer_read(fd, in, sizeof(in), &from), wire_len);
    assert_memory_equal(in + (natt ? 4 : 0), "olleh", 5);
    if (natt)
        assert_memory_equal(in, "\0\0\0\0", 4);
    assert_true(addr_equal(&from.addr, &addr));
    close(fd);
}

static void both_ways_v4(void **state)
{
    there_and_back(*state, "127.0.0.3", "127.0.0.1", false);
    there_and_back(*state, "127.0.0.4", "127.0.0.1", true);
}

static void both_ways_v6(void **state)
{
    if (!pick(*state, 6, false)) {
        skip();
        return;
    }
    there_and_back(*state, "::1", "::1", false);
    there_and_back(*state, "::1", "::1", true);
}

static void port_4500_drops_what_is_not_ike(void **state)
{
    struct world *w = *state;
    struct endpoint at;
    int fd = peer_open("127.0.0.1", &at);
    uint16_t port = pick(w, 4, true)->local.port;

    peer_send(fd, "127.0.0.1", port, "\xff", 1);
    peer_send(fd, "127.0.0.1", port, "\0\0\0\0", 4); /* a marker and nothing */
    peer_send(fd, "127.0.0.1", port, "\0\0\0", 3);
    peer_send(fd, "127.0.0.1", port, "", 0);
    peer_send(fd, "127.0.0.1", port, "\1\2\3\4\0\0\0\1xxxxxxxxxxxxxxxx", 24); /* ESP with an unknown SPI */
    peer_send(fd, "127.0.0.1", port, "\0\0\0\0I", 5);
    turns(w, 1);
    usleep(2000);
    turns(w, 1);
    assert_int_equal(w->packets, 1);
    assert_memory_equal(w->data, "I", 1);
    close(fd);
}

static void keepalive_has_no_marker(void **state)
{
    struct world *w = *state;
    struct endpoint at, from;
    int fd = peer_open("127.0.0.1", &at);
    struct path path = {.remote = at, .natt = true};
    uint8_t in[64];

    assert_int_equal(net_send(w->net, &path, span_of("\xff", 1), true), 0); /* no local address: the route chooses */
    net_flush(w->net);
    assert_int_equal(peer_read(fd, in, sizeof(in), &from), 1);
    assert_int_equal(in[0], 0xff);
    assert_int_equal(from.port, pick(w, 4, true)->local.port);
    close(fd);
}

static void batches_grow_and_shrink(void **state)
{
    struct world *w = *state;
    struct endpoint at;
    int fd = peer_open("127.0.0.1", &at);
    uint16_t port = pick(w, 4, false)->local.port;
    uint64_t calls = net_count(w->net)->receive_calls;

    for (int i = 0; i < 64; i++)
        peer_send(fd, "127.0.0.1", port, "packet", 6);
    turns(w, 64);
    assert_int_equal(w->packets, 64);
    assert_in_range(net_count(w->net)->receive_calls - calls, 4, 10); /* 1 2 4 8 16 16 16 1 */
    close(fd);
}

static void many_leave_in_order(void **state)
{
    struct world *w = *state;
    struct endpoint at, from;
    int fd = peer_open("127.0.0.1", &at);
    struct path path = {.remote = at};
    static uint8_t number[150];
    uint8_t in[64];

    for (size_t i = 0; i < sizeof(number); i++) {
        number[i] = (uint8_t)i;
        path.natt = i % 10 == 9; /* another socket between */
        assert_int_equal(net_send(w->net, &path, span_of(&number[i], 1), path.natt), 0);
    }
    net_flush(w->net);
    for (size_t i = 0; i < sizeof(number); i++) {
        assert_int_equal(peer_read(fd, in, sizeof(in), &from), 1);
        assert_int_equal(in[0], i);
    }
    assert_int_equal(net_count(w->net)->send_errors, 0);
    close(fd);
}

static void a_send_error_loses_one(void **state)
{
    struct world *w = *state;
    struct endpoint at, from;
    int fd = peer_open("127.0.0.1", &at);
    struct path good = {.remote = at}, bad = {.local = {addr_v4(192, 0, 2, 77), 500}, .remote = at};
    struct path nowhere = {.remote = {{0}, 1}};
    uint8_t in[64];

    assert_int_equal(net_send(w->net, &good, span_str("1"), false), 0);
    assert_int_equal(net_send(w->net, &bad, span_str("2"), false), 0); /* not an address of ours */
    assert_int_equal(net_send(w->net, &good, span_str("3"), false), 0);
    net_flush(w->net);
    assert_int_equal(net_send(w->net, &nowhere, span_str("4"), false), ERR_NOT_FOUND);
    assert_int_equal(peer_read(fd, in, sizeof(in), &from), 1);
    assert_int_equal(in[0], '1');
    assert_int_equal(peer_read(fd, in, sizeof(in), &from), 1);
    assert_int_equal(in[0], '3');
    assert_int_equal(net_count(w->net)->send_errors, 1);
    close(fd);
}

static void listens_where_told(void **state)
{
    const char *const one[] = {"127.0.0.9", NULL}, *const bad[] = {"127.0.0.x", NULL}, *const foreign[] = {"192.0.2.1", NULL};
    struct net_options o = {one, 0, 0, false};
    struct net_sockets s;
    char why[200];
    struct text t = text_in(why, sizeof(why));

    (void)state;
    assert_int_equal(net_open(&o, &s, &t), 0);
    assert_int_equal(s.n, 2);
    assert_true(s.v[1].natt && s.v[1].local.port && s.v[1].local.addr.b[3] == 9);
    net_close(&s);
    o.listen = bad;
    assert_int_equal(net_open(&o, &s, &t), ERR_BAD);
    assert_non_null(strstr(why, "127.0.0.x"));
    o.listen = foreign;
    t = text_in(why, sizeof(why));
    assert_int_equal(net_open(&o, &s, &t), ERR_IO);
    assert_non_null(strstr(why, "192.0.2.1"));
    assert_int_equal(s.n, 0);
}

static void resolves(void **state)
{
    struct world *w = *state;
    struct resolver r = {&w->sockets, NULL};
    struct ask ask = {.to = ASK_FETCH, .kind = ASK_RESOLVE, .u.resolve = {"127.0.0.5", 0}};
    struct answer a = {.kind = ASK_RESOLVE};
    struct arena arena;

    arena_init(&arena, 1 << 16);
    resolve_run(&r, &ask, &a, &arena);
    assert_int_equal(a.result, ANSWER_OK);
    assert_int_equal(a.u.resolve.n, 1);
    assert_int_equal(a.u.resolve.v[0].b[3], 5);
    assert_int_equal(a.u.resolve.local[0].family, 4);
    assert_int_equal(a.u.resolve.local[0].b[0], 127);
    ask.u.resolve.name = "localhost";
    ask.u.resolve.family = 4;
    resolve_run(&r, &ask, &a, &arena);
    assert_int_equal(a.result, ANSWER_OK);
    assert_true(a.u.resolve.v[0].family == 4 && a.u.resolve.v[0].b[0] == 127);
    ask.u.resolve.name = "no such name";
    resolve_run(&r, &ask, &a, &arena);
    assert_int_equal(a.result, ANSWER_FAILED);
    assert_non_null(a.why);
    arena_done(&arena);
}

static void names_are_remembered(void **state)
{
    const struct addr one[] = {{4, {192, 0, 2, 1}}, {6, {0x20, 1, 0x0d, 0xb8}}}, two[] = {{4, {192, 0, 2, 2}}};
    char path[] = "/tmp/names-XXXXXX";
    int fd = mkstemp(path);
    struct remember *r = remember_new(fd);
    struct addr out[16];
    off_t size;

    (void)state;
    unlink(path);
    assert_int_equal(remember_get(r, "a.example", 0, out, 16), 0);
    remember_put(r, "a.example", one, 2);
    remember_put(r, "b.example", two, 1);
    remember_put(r, "odd name", two, 1);
    remember_put(r, "", two, 1);
    size = lseek(fd, 0, SEEK_END);
    remember_put(r, "a.example", one, 2); /* nothing new: nothing written */
    assert_int_equal(lseek(fd, 0, SEEK_END), size);
    for (int i = 0; i < 400; i++)
        remember_put(r, "b.example", i % 2 ? two : one, 1);
    assert_int_equal(write(fd, "nonsense\n x\nb.example 1.2.3\nb.example 203.0.113.99", 49), 49); /* the last line is cut short */
    size = lseek(fd, 0, SEEK_END);
    remember_free(r);
    r = remember_new(fd); /* as after a restart */
    assert_int_equal(remember_get(r, "a.example", 0, out, 16), 2);
    assert_int_equal(remember_get(r, "a.example", 6, out, 16), 1);
    assert_true(addr_equal(&out[0], &one[1]));
    assert_int_equal(remember_get(r, "b.example", 0, out, 16), 1);
    assert_true(addr_equal(&out[0], &two[0]));
    assert_int_equal(remember_get(r, "odd name", 0, out, 16), 0);
    assert_true(lseek(fd, 0, SEEK_END) < size / 10); /* what was old is gone */
    remember_free(r);
    r = remember_new(fd);
    assert_int_equal(remember_get(r, "a.example", 4, out, 16), 1);
    remember_free(r);
    close(fd);
}

#define HERE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HERE(both_ways_v4),
        HERE(both_ways_v6),
        HERE(port_4500_drops_what_is_not_ike),
        HERE(keepalive_has_no_marker),
        HERE(batches_grow_and_shrink),
        HERE(many_leave_in_order),
        HERE(a_send_error_loses_one),
        cmocka_unit_test(listens_where_told),
        HERE(resolves),
        cmocka_unit_test(names_are_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
