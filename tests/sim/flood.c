/* SPDX-License-Identifier: Apache-2.0 */
#include "flood.h"
#include "flood_site.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESK_DELAY 200 /* us, until an ask is answered */

/* A packet or an answer under way. */
struct parcel {
    struct heap_node node;
    struct site *to;
    struct input in;
    struct arena arena; /* of an answer */
    uint8_t bytes[];    /* of a packet */
};

struct endpoint flood_hub_at(void)
{
    return (struct endpoint){addr_v4(192, 0, 2, 1), 500};
}

static struct addr place_apart(size_t i)
{
    size_t net = i / 100;

    return addr_v4(10, (uint8_t)(net >> 8), (uint8_t)net, (uint8_t)(1 + i % 100));
}

/* --- configurations -------------------------------------------------------------------------------------------------------- */

static void hub_yaml(const struct flood *f, const char *daemon, char *out, size_t cap)
{
    snprintf(out, cap,
             "daemon: { %s }\nconnections:\n  hub:\n    local: { address: 192.0.2.1 }\n    remote: { psk: \"file:%s\" }\n"
             "    psk: \"file:%s\"\n    keep: answer\n"
             "    children: { net: { local: [198.51.100.0/24], remote: [172.16.0.0/12] } }\n",
             daemon, f->psk, f->psk);
}

static char *crowd_yaml(const struct flood *f)
{
    size_t cap = 400 * f->n_guests + 1000, len = 0;
    char *y = malloc(cap), at[ADDR_TEXT_MAX];

    len += (size_t)snprintf(y, cap, "connections:\n");
    for (size_t i = 0; i < f->n_guests; i++)
        len += (size_t)snprintf(y + len, cap - len,
                                "  c%zu:\n    local: { address: %s }\n    remote: { address: 192.0.2.1 }\n    psk: file:%s\n"
                                "    ike: { proposals: [aes256gcm16-prfsha256-x25519] }\n    keep: answer\n"
                                "    children: { net: { local: [172.%zu.%zu.%zu/32], remote: [198.51.100.0/24] } }\n",
                                i, addr_format(&f->guests[i].addr, at), f->psk, 16 + (i >> 16), i >> 8 & 255, i & 255);
    return y;
}

static bool psk_new(struct flood *f)
{
    int fd;

    strcpy(f->psk, "/tmp/flood-psk-XXXXXX");
    fd = mkstemp(f->psk);
    if (fd < 0)
        return false;
    if (write(fd, "0123456789abcdef0123456789abcdef\n", 33) != 33)
        return false;
    close(fd);
    return true;
}

static bool guests_place(struct flood *f, struct addr (*place)(size_t))
{
    map_init(&f->by_addr, &f->rng);
    for (size_t i = 0; i < f->n_guests; i++) {
        struct guest *g = &f->guests[i];

        g->addr = place(i);
        if (map_add(&f->by_addr, &g->node, map_hash(&f->by_addr, addr_span(&g->addr))) < 0)
            return false;
    }
    return true;
}

struct flood *flood_new(uint64_t seed, const char *daemon, size_t n_guests, struct addr (*place)(size_t))
{
    struct flood *f = calloc(1, sizeof(*f));
    char yaml[2000], *many;
    bool ok;

    dice_seed(&f->dice, seed);
    f->rng = dice_rng(&f->dice);
    f->now = 1000 * USEC_SEC;
    f->delay = 10 * USEC_MSEC;
    f->n_guests = n_guests;
    f->guests = calloc(n_guests + 1, sizeof(*f->guests));
    buf_init(&f->init, 65536);
    buf_init(&f->auth, 65536);
    ok = psk_new(f) && guests_place(f, place ? place : place_apart);
    hub_yaml(f, daemon, yaml, sizeof(yaml));
    many = crowd_yaml(f);
    ok = ok && site_open(&f->hub, f, yaml) && site_open(&f->crowd, f, many);
    free(many);
    if (!ok)
        return flood_free(f);
    flood_run(f, f->now + 10 * USEC_MSEC); /* both begin */
    return f;
}

static void parcel_free(struct flood *f, struct parcel *p)
{
    heap_remove(&f->queue, &p->node);
    if (p->in.kind == INPUT_ANSWER)
        arena_done(&p->arena);
    free(p);
}

struct flood *flood_free(struct flood *f)
{
    if (!f)
        return NULL;
    while (heap_first(&f->queue))
        parcel_free(f, CONTAINER_OF(heap_first(&f->queue), struct parcel, node));
    site_close(&f->hub);
    site_close(&f->crowd);
    buf_done(&f->init);
    buf_done(&f->auth);
    secret_done(&f->ei);
    unlink(f->psk);
    map_done(&f->by_addr);
    free(f->guests);
    free(f);
    return NULL;
}

/* --- what a core said ------------------------------------------------------------------------------------------------------ */

static struct parcel *parcel_new(struct flood *f, struct site *to, usec_t at, size_t len)
{
    struct parcel *p = calloc(1, sizeof(*p) + len);

    p->to = to;
    heap_set(&f->queue, &p->node, at);
    return p;
}

bool flood_is_guest(const struct flood *f, const struct addr *a)
{
    for (struct map_node *n = map_first(&f->by_addr, map_hash(&f->by_addr, addr_span(a))); n; n = map_more(n))
        if (addr_equal(&CONTAINER_OF(n, struct guest, node)->addr, a))
            return true;
    return false;
}

static void keep_first(struct buf *b, struct span data)
{
    if (!b->len)
        buf_span(b, data);
}

static void guest_sends(struct flood *f, struct span d, bool *lost)
{
    if (d.p[18] == IKE_SA_INIT && get_u64(d.p + 8) == 0)
        keep_first(&f->init, d);
    if (d.p[18] == IKE_AUTH) {
        buf_reset(&f->auth);
        buf_span(&f->auth, d);
        *lost = f->deaf;
    }
}

static void post(struct site *from, const struct output *o)
{
    struct flood *f = from->flood;
    struct site *to = from == &f->hub ? &f->crowd : &f->hub;
    struct span d = o->u.send.data;
    struct parcel *p;
    bool lost = false;

    from->sent++;
    if (o->u.send.keepalive)
        return;
    if (from == &f->crowd)
        guest_sends(f, d, &lost);
    else if (!flood_is_guest(f, &o->u.send.path.remote.addr)) {
        f->to_strangers++;
        if (f->stranger)
            f->stranger(f, &o->u.send.path, d);
        return;
    }
    if (from == &f->hub && d.p[18] == IKE_SA_INIT && get_u64(d.p + 8)) {
        f->spi_i = get_u64(d.p);
        f->spi_r = get_u64(d.p + 8);
    }
    if (from == &f->crowd && f->carry)
        f->carry(f, &o->u.send.path, d);
    lost |= from == &f->hub && f->mute;
    if (lost || (from == &f->crowd && f->carry))
        return;
    p = parcel_new(f, to, f->now + f->delay, d.len);
    p->in.kind = INPUT_PACKET;
    p->in.u.packet.path = (struct path){o->u.send.path.remote, o->u.send.path.local, o->u.send.path.natt};
    memcpy(p->bytes, d.p, d.len);
    p->in.u.packet.data = span_of(p->bytes, d.len);
}

static void asked(struct site *s, const struct ask *ask)
{
    struct flood *f = s->flood;
    struct parcel *p = parcel_new(f, s, f->now + DESK_DELAY, 0);

    s->asks[ask->kind]++;
    p->in.kind = INPUT_ANSWER;
    arena_init(&p->arena, 1 << 20);
    site_answer(s, ask, &p->in.u.answer, &p->arena);
}

static void told(struct site *s, const struct tell *t)
{
    struct flood *f = s->flood;
    struct guest *g = NULL;

    s->tells++;
    s->facts[t->fact]++;
    if (getenv("FLOOD_VERBOSE"))
        fprintf(stderr, "%ld %s: %s\n", (long)f->now, s == &f->hub ? "hub" : "crowd", t->text ? t->text : "");
    f->n_down += t->fact == FACT_IKE_DOWN || t->fact == FACT_PEER_DEAD || t->fact == FACT_CHILD_DOWN;
    f->orders_failed += t->fact == FACT_DONE && !t->ok;
    if (s == &f->crowd && t->connection && t->connection[0] == 'c')
        g = &f->guests[strtoul(t->connection + 1, NULL, 10)];
    if (g && t->fact == FACT_IKE_UP && !g->up) {
        g->up = f->now;
        f->n_up++;
    }
    if (g && t->fact == FACT_IKE_SA) {
        g->spi_i = t->u.ike.spi_i;
        g->spi_r = t->u.ike.spi_r;
    }
}

static void step(struct site *s, struct input *in, bool timed)
{
    site_step(s, in, timed);
    for (size_t i = 0; i < s->out.n; i++) {
        const struct output *o = &s->out.v[i];

        if (o->kind == OUTPUT_SEND)
            post(s, o);
        else if (o->kind == OUTPUT_ASK)
            asked(s, &o->u.ask);
        else
            told(s, &o->u.tell);
    }
    site_said(s);
}

/* --- time ------------------------------------------------------------------------------------------------------------------ */

static void tick(struct flood *f, struct site *s)
{
    step(s, &(struct input){.kind = INPUT_TICK}, false);
    (void)f;
}

void flood_run(struct flood *f, usec_t until)
{
    for (;;) {
        struct heap_node *n = heap_first(&f->queue);
        usec_t hub = core_deadline(f->hub.core), crowd = core_deadline(f->crowd.core), at = n ? n->at : USEC_NEVER;
        struct parcel *p;

        if (at > until && hub > until && crowd > until)
            break;
        if (hub <= at || crowd <= at) {
            struct site *s = hub <= crowd ? &f->hub : &f->crowd;

            if (core_deadline(s->core) > f->now)
                f->now = core_deadline(s->core);
            tick(f, s);
            continue;
        }
        f->now = at > f->now ? at : f->now;
        p = CONTAINER_OF(n, struct parcel, node);
        heap_remove(&f->queue, n);
        step(p->to, &p->in, false);
        parcel_free(f, p);
    }
    if (until > f->now)
        f->now = until;
}

/* --- orders and packets ---------------------------------------------------------------------------------------------------- */

static void order(struct flood *f, enum order_kind kind, size_t guest, const char *child)
{
    char name[24];
    struct input in = {.kind = INPUT_ORDER};

    snprintf(name, sizeof(name), "c%zu", guest);
    in.u.order = (struct order){.kind = kind, .id = 1, .connection = name, .child = child};
    step(&f->crowd, &in, false);
}

void flood_ask(struct flood *f, size_t guest, const char *what)
{
    if (!what) {
        f->guests[guest].asked = f->now;
        f->guests[guest].up = 0;
    }
    order(f, what ? ORDER_REKEY : ORDER_UP, guest, what && strcmp(what, "ike") != 0 ? what : NULL);
}

void flood_wait_up(struct flood *f, size_t guest, uint32_t id)
{
    char name[24];
    struct input in = {.kind = INPUT_ORDER};

    snprintf(name, sizeof(name), "c%zu", guest);
    in.u.order = (struct order){.kind = ORDER_UP, .id = id, .connection = name, .wait = true};
    step(&f->crowd, &in, false);
}

void flood_down(struct flood *f, size_t guest)
{
    order(f, ORDER_DOWN, guest, NULL);
}

void flood_hear(struct flood *f, const struct endpoint *from, struct span data)
{
    struct input in = {.kind = INPUT_PACKET};

    in.u.packet.path = (struct path){flood_hub_at(), *from, from->port == 4500};
    in.u.packet.data = data;
    step(&f->hub, &in, true);
}

void flood_guest_hears(struct flood *f, const struct path *path, struct span data)
{
    struct input in = {.kind = INPUT_PACKET, .u.packet = {*path, data}};

    step(&f->crowd, &in, false);
}

void flood_list(struct flood *f)
{
    step(&f->crowd, &(struct input){.kind = INPUT_ORDER, .u.order = {.kind = ORDER_LIST, .id = 1}}, false);
}

void flood_post(struct flood *f, const struct endpoint *from, struct span data, usec_t after)
{
    struct parcel *p = parcel_new(f, &f->hub, f->now + after, data.len);

    p->in.kind = INPUT_PACKET;
    p->in.u.packet.path = (struct path){flood_hub_at(), *from, from->port == 4500};
    memcpy(p->bytes, data.p, data.len);
    p->in.u.packet.data = span_of(p->bytes, data.len);
}

void flood_event(struct flood *f, struct site *s, const struct event *e)
{
    step(s, &(struct input){.kind = INPUT_EVENT, .u.event = *e}, false);
    (void)f;
}

double flood_served(const struct flood *f, usec_t from, usec_t to, usec_t patience)
{
    size_t n = 0, good = 0;

    for (size_t i = 0; i < f->n_guests; i++) {
        const struct guest *g = &f->guests[i];

        if (!g->asked || g->asked < from || g->asked > to)
            continue;
        n++;
        good += g->up && g->up - g->asked <= patience;
    }
    return n ? 100.0 * (double)good / (double)n : 0;
}

/* --- messages of strangers ------------------------------------------------------------------------------------------------- */

struct span flood_init(struct flood *f, uint64_t spi_i, uint64_t nonce)
{
    uint8_t *p = f->init.p;
    size_t at = IKE_HEADER_LEN;
    uint8_t type = f->init.len ? p[16] : 0;

    if (!type)
        return SPAN_NONE;
    put_u64(p, spi_i);
    while (type && type != PAYLOAD_NONCE && at + 4 <= f->init.len) {
        type = p[at];
        at += get_u16(p + at + 2);
    }
    if (type == PAYLOAD_NONCE)
        put_u64(p + at + 4, nonce);
    return buf_view(&f->init);
}

struct span flood_cookie(struct span answer)
{
    if (answer.len < IKE_HEADER_LEN + 8 || answer.p[16] != PAYLOAD_NOTIFY || get_u16(answer.p + IKE_HEADER_LEN + 6) != COOKIE)
        return SPAN_NONE;
    return span_part(answer, IKE_HEADER_LEN + 8, answer.len);
}

struct span flood_with_cookie(struct arena *a, struct span init, struct span cookie)
{
    size_t extra = 8 + cookie.len;
    uint8_t *p = arena_alloc(a, init.len + extra), *n = p + IKE_HEADER_LEN;

    memcpy(p, init.p, IKE_HEADER_LEN);
    n[0] = p[16];
    p[16] = PAYLOAD_NOTIFY;
    put_u16(n + 2, (uint16_t)extra);
    put_u16(n + 6, COOKIE);
    memcpy(n + 8, cookie.p, cookie.len);
    memcpy(n + extra, init.p + IKE_HEADER_LEN, init.len - IKE_HEADER_LEN);
    put_u32(p + 24, (uint32_t)(init.len + extra));
    return span_of(p, init.len + extra);
}

struct span flood_fragment(struct flood *f, struct arena *a, struct span plain, uint16_t number, uint16_t total)
{
    size_t len = IKE_HEADER_LEN + 8 + 8 + plain.len + 1 + 16;
    uint8_t *p = arena_alloc(a, len), *text = p + IKE_HEADER_LEN + 16;

    put_u64(p, f->spi_i);
    put_u64(p + 8, f->spi_r);
    p[16] = PAYLOAD_SKF;
    p[17] = 0x20;
    p[18] = IKE_AUTH;
    p[19] = IKE_FLAG_INITIATOR;
    put_u32(p + 20, 1);
    put_u32(p + 24, (uint32_t)len);
    p[28] = number == 1 ? PAYLOAD_IDI : 0;
    put_u16(p + 30, (uint16_t)(len - IKE_HEADER_LEN));
    put_u16(p + 32, number);
    put_u16(p + 34, total);
    put_u64(p + 36, dice_u64(&f->dice));
    memcpy(text, plain.p, plain.len);
    if (f->encr->cipher->seal(f->encr, secret_view(&f->ei), span_of(p + 36, 8), span_of(p, 36), span_of(text, plain.len + 1),
                              text) < 0)
        abort();
    return span_of(p, len);
}

struct span flood_notify(struct arena *a, uint64_t spi_i, uint64_t spi_r, uint8_t exchange, uint8_t flags, uint32_t id,
                         uint16_t type, struct span data)
{
    size_t len = IKE_HEADER_LEN + 8 + data.len;
    uint8_t *p = arena_alloc(a, len);

    put_u64(p, spi_i);
    put_u64(p + 8, spi_r);
    p[16] = PAYLOAD_NOTIFY;
    p[17] = 0x20;
    p[18] = exchange;
    p[19] = flags;
    put_u32(p + 20, id);
    put_u32(p + 24, (uint32_t)len);
    put_u16(p + IKE_HEADER_LEN + 2, (uint16_t)(8 + data.len));
    put_u16(p + IKE_HEADER_LEN + 6, type);
    if (data.len)
        memcpy(p + IKE_HEADER_LEN + 8, data.p, data.len);
    return span_of(p, len);
}
