/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/charon-bench.d/fleet.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/charon-bench.d/issuer.h"
#include "tests/bench/charon-bench.d/roster.h"
#include "tests/bench/charon-bench.d/squad.h"
#include "wire/wire.h"

enum {
    ANSWER_MAX = 1 << 20,
    SAID_MAX = 48,
    NEXT_AT = 16,
    TYPE_AT = 18,
    FRAGMENT_AT = 32,
    READ_FULL = 16,
    /* what net reads of a socket in a turn */ WHY_MAX = 400
};

struct fleet {
    struct fleet_setup setup;
    struct net_sockets sockets;
    struct net *net;
    struct squad *squads;
    struct issuer *issuer;
    size_t n_squads;
    struct heap due;
    struct outbox outbox;
    struct arena arena; /* of an answer */
    struct fleet_counts counts;
    unsigned heard; /* datagrams since the last turn */
};

static size_t type_index(struct span message)
{
    uint8_t type = message.len > TYPE_AT ? message.p[TYPE_AT] : 0;

    return type >= IKE_SA_INIT && type <= INFORMATIONAL ? type - (size_t)IKE_SA_INIT : 4;
}

static void fleet_send(struct fleet *f, const struct output *o)
{
    f->counts.sent[type_index(o->u.send.data)]++;
    if (net_send(f->net, &o->u.send.path, o->u.send.data, o->u.send.keepalive))
        f->counts.send_errors++;
}

static void fleet_told(struct fleet *f, const struct tell *t)
{
    f->counts.retransmits += t->fact == FACT_RETRANSMIT;
    if (t->connection)
        f->setup.heard(f->setup.ctx, roster_peer(t->connection), NEWS_FACT, t);
}

static void fleet_step(struct fleet *f, struct squad *s, struct input *in);

static void fleet_asked(struct fleet *f, struct squad *s, const struct ask *ask)
{
    struct input in = {.kind = INPUT_ANSWER, .now = loop_now()};

    if (ask->kind == ASK_AUTH_MAKE) {
        f->setup.heard(f->setup.ctx, s->first + ask->u.auth.peer.connection, NEWS_KEYED, NULL);
        if (f->setup.options->half_open)
            return; /* never answered */
    }
    squad_answer(s, ask, &in.u.answer, &f->arena);
    core_step(s->core, &in, &f->outbox);
    arena_reset(&f->arena);
    if (ask->kind == ASK_CHILD_INSTALL)
        f->setup.heard(f->setup.ctx, s->first + ask->u.child.peer.connection, NEWS_INSTALLED, NULL);
}

/* An answer makes the core say more, which comes behind the rest; asks are copied, for the row of outputs may move. */
static void fleet_perform(struct fleet *f, struct squad *s, size_t from)
{
    for (size_t i = from; i < f->outbox.n; i++) {
        struct output o = f->outbox.v[i];

        if (o.kind == OUTPUT_SEND)
            fleet_send(f, &o);
        else if (o.kind == OUTPUT_ASK)
            fleet_asked(f, s, &o.u.ask);
        else
            fleet_told(f, &o.u.tell);
    }
}

static void fleet_flush(struct fleet *f)
{
    net_flush(f->net);
    outbox_reset(&f->outbox);
}

static void fleet_step(struct fleet *f, struct squad *s, struct input *in)
{
    size_t from = f->outbox.n;

    in->now = loop_now();
    core_step(s->core, in, &f->outbox);
    fleet_perform(f, s, from);
    heap_set(&f->due, &s->due, core_deadline(s->core));
    if (f->outbox.n > SAID_MAX)
        fleet_flush(f);
}

/* A response, or the first fragment of one (RFC 7383 2.5). */
static bool answers_anew(struct span m)
{
    if (m.len < FRAGMENT_AT + 2 || !(m.p[TYPE_AT + 1] & IKE_FLAG_RESPONSE))
        return false;
    return m.p[NEXT_AT] != PAYLOAD_SKF || get_u16(m.p + FRAGMENT_AT) == 1;
}

static void fleet_packet(void *ctx, const struct path *path, struct span data)
{
    struct input in = {.kind = INPUT_PACKET, .u.packet = {*path, data}};
    struct fleet *f = ctx;
    uint16_t squad = squad_of(data);

    f->heard++;
    f->counts.received[type_index(data)]++;
    f->counts.answers[type_index(data)] += answers_anew(data);
    if (squad && squad <= f->n_squads)
        fleet_step(f, &f->squads[squad - 1], &in);
    else
        f->counts.strays++;
}

static struct squad *squad_for(struct fleet *f, uint32_t peer)
{
    return &f->squads[peer / SQUAD_MAX];
}

void fleet_start(struct fleet *f, uint32_t peer)
{
    struct squad *s = squad_for(f, peer);
    struct input in = {.kind = INPUT_EVENT, .u.event.kind = EVENT_ACQUIRE};

    in.u.event.u.acquire.connection = (uint16_t)(peer - s->first);
    in.u.event.u.acquire.generation = s->conf->generation;
    fleet_step(f, s, &in);
}

void fleet_rekey(struct fleet *f, uint32_t peer, bool child)
{
    struct squad *s = squad_for(f, peer);
    struct input in = {.kind = INPUT_ORDER, .u.order.kind = ORDER_REKEY};

    in.u.order.connection = s->conf->connections[peer - s->first].name;
    in.u.order.child = child ? "net" : NULL;
    fleet_step(f, s, &in);
}

bool fleet_busy(const struct fleet *f)
{
    return f->heard >= READ_FULL;
}

usec_t fleet_turn(struct fleet *f)
{
    struct heap_node *n;
    usec_t now = loop_now();

    for (size_t left = fleet_busy(f) ? 1 : f->n_squads; left > 0 && (n = heap_first(&f->due)) && n->at <= now; left--) {
        struct input tick = {.kind = INPUT_TICK};

        fleet_step(f, CONTAINER_OF(n, struct squad, due), &tick);
    }
    fleet_flush(f);
    f->heard = 0;
    n = heap_first(&f->due);
    return n ? n->at : USEC_NEVER;
}

static int fleet_open(struct fleet *f)
{
    const struct net_options o = {.port = 500, .port_natt = 4500};
    struct net_setup setup = {f->setup.loop, &f->sockets, fleet_packet, f};
    char said[WHY_MAX];
    struct text why = text_in(said, sizeof(said));

    if (net_open(&o, &f->sockets, &why)) {
        fprintf(stderr, "charon-bench: %s\n", said);
        return ERR_IO;
    }
    f->net = net_new(&setup);
    return f->net ? 0 : ERR_MEMORY;
}

static int fleet_man(struct fleet *f)
{
    const struct options *o = f->setup.options;
    uint32_t peers = o->peers;

    f->issuer = o->ca_key ? issuer_new(o->key, o->ca, o->ca_key) : NULL;
    if (o->ca_key && !f->issuer)
        return ERR_BAD;
    f->n_squads = (peers + SQUAD_MAX - 1) / SQUAD_MAX;
    f->squads = f->n_squads <= SQUADS_MAX ? calloc(f->n_squads, sizeof(*f->squads)) : NULL;
    if (!f->squads)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < f->n_squads; i++) {
        uint32_t first = i * SQUAD_MAX, n = peers - first < SQUAD_MAX ? peers - first : SQUAD_MAX;
        struct input tick = {.kind = INPUT_TICK};
        int err = squad_init(&f->squads[i], o, f->issuer, (uint16_t)(i + 1), first, n);

        if (err)
            return err;
        fleet_step(f, &f->squads[i], &tick); /* nonces are fetched before the first is needed */
    }
    return 0;
}

struct fleet *fleet_new(const struct fleet_setup *setup)
{
    struct fleet *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->setup = *setup;
    outbox_init(&f->outbox);
    arena_init(&f->arena, ANSWER_MAX);
    return fleet_open(f) || fleet_man(f) ? fleet_free(f) : f;
}

struct fleet *fleet_free(struct fleet *f)
{
    if (!f)
        return NULL;
    for (size_t i = 0; f->squads && i < f->n_squads; i++)
        squad_done(&f->squads[i]);
    free(f->squads);
    issuer_free(f->issuer);
    net_free(f->net);
    net_close(&f->sockets);
    outbox_done(&f->outbox);
    arena_done(&f->arena);
    free(f);
    return NULL;
}

struct fleet_counts fleet_counts(const struct fleet *f)
{
    const struct net_counts *n = net_count(f->net);
    struct fleet_counts c = f->counts;

    c.send_errors += n->send_errors;
    c.send_errno = n->last_send_errno;
    return c;
}
