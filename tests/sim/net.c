/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"
#include "record.h"
#include "wire/wire.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define PORT_NATT 4500

void net_init(struct net *n)
{
    net_all(n, (struct way){.delay_low = 5 * USEC_MSEC, .delay_high = 15 * USEC_MSEC});
}

void net_done(struct net *n)
{
    for (size_t i = 0; i < n->n_kept && i < COUNT_OF(n->kept); i++)
        free(n->kept[i]);
    n->n_kept = 0;
}

void net_all(struct net *n, struct way way)
{
    for (size_t a = 0; a < NET_ENDS_MAX; a++)
        for (size_t b = 0; b < NET_ENDS_MAX; b++)
            n->way[a][b] = way;
}

void net_cut(struct net *n, unsigned a, unsigned b, bool cut)
{
    n->way[a][b].cut = n->way[b][a].cut = cut;
}

struct rule *net_rule(struct net *n, struct rule rule)
{
    struct rule *r = &n->rule[n->n_rules];

    if (n->n_rules >= COUNT_OF(n->rule))
        abort();
    n->n_rules++;
    *r = rule;
    return r;
}

void net_nat_rebind(struct nat *nat)
{
    nat->n = 0;
}

static struct datagram *datagram_new(struct world *w, int from, const struct endpoint *src, const struct endpoint *dst,
                                     struct span data, bool marker)
{
    struct datagram *d = calloc(1, sizeof(*d) + data.len + 4);

    if (!d)
        abort();
    d->from = from;
    d->number = ++w->net.n_datagrams;
    d->src = *src;
    d->dst = *dst;
    d->len = data.len + (marker ? 4 : 0);
    if (data.len)
        memcpy(d->data + (marker ? 4 : 0), data.p, data.len);
    return d;
}

static struct datagram *datagram_copy(const struct datagram *d)
{
    struct datagram *out = malloc(sizeof(*d) + d->len + 4);

    if (!out)
        abort();
    memcpy(out, d, sizeof(*d) + d->len);
    out->again = true;
    return out;
}

struct span net_ike_part(const struct datagram *d)
{
    bool marked = (d->src.port == PORT_NATT || d->dst.port == PORT_NATT) && d->len >= 4 && !get_u32(d->data);

    return span_part(span_of(d->data, d->len), marked ? 4 : 0, d->len);
}

static void trace_text(struct world *w, const char *what, int end, const struct datagram *d)
{
    char src[ENDPOINT_TEXT_MAX], dst[ENDPOINT_TEXT_MAX], inside[160] = "";
    struct ike_header h;
    struct wire_error why;
    struct span ike = net_ike_part(d);

    endpoint_format(&d->src, src);
    endpoint_format(&d->dst, dst);
    if (d->esp) {
        if (w->verbose && strcmp(what, "->") && strcmp(what, "<-"))
            world_trace(w, "%d %s %s>%s ESP %08x seq %llu", end, what, src, dst, d->packet.spi,
                        (unsigned long long)d->packet.seq);
        return;
    }
    if (d->keepalive || msg_read_header(ike, &h, &why) < 0) {
        world_trace(w, "%d %s %s>%s %zu bytes", end, what, src, dst, d->len);
        return;
    }
    net_inside(ike, inside, sizeof(inside));
    world_trace(w, "%d %s %s>%s %s %s %u %s%s [%zu]%s", end, what, src, dst,
                exchange_name(h.exchange) ? exchange_name(h.exchange) : "exchange?",
                h.flags & IKE_FLAG_RESPONSE ? "answer" : "request", h.message_id, h.flags & IKE_FLAG_INITIATOR ? "I" : "R", "",
                ike.len, inside);
}

static struct end *end_at(struct world *w, const struct addr *a)
{
    for (size_t i = 0; i < w->n_ends; i++)
        if (addr_equal(a, w->net.nat[i].on ? &w->net.nat[i].outside : &w->end[i].addr))
            return &w->end[i];
    return NULL;
}

static void trace(struct world *w, const char *what, int end, const struct datagram *d)
{
    struct end *to;

    if (w->quiet)
        return;
    if (w->record) {
        to = end_at(w, &d->dst.addr);
        record_datagram(w, what, end, to ? (int)to->index : -1, d);
        w->record->in_datagram = true;
    }
    trace_text(w, what, end, d);
    if (w->record)
        w->record->in_datagram = false;
}

/* Address translation on the way out and in. False = dropped. */
static struct nat_map *nat_find(struct world *w, struct nat *nat, const struct endpoint *inside, const struct endpoint *remote)
{
    struct nat_map *m;

    for (size_t i = 0; i < nat->n; i++) {
        m = &nat->map[i];
        if (endpoint_equal(&m->inside, inside) && endpoint_equal(&m->remote, remote) &&
            (!nat->timeout || w->now - m->used < nat->timeout))
            return m;
    }
    m = &nat->map[nat->n < COUNT_OF(nat->map) ? nat->n++ : dice_below(&w->dice, nat->n)];
    if (!nat->next_port)
        nat->next_port = 20000;
    *m = (struct nat_map){*inside, {nat->outside, nat->forward ? inside->port : nat->next_port++}, *remote, w->now};
    return m;
}

static bool nat_out(struct world *w, struct nat *nat, struct datagram *d)
{
    struct nat_map *m;

    if (d->esp && !d->encap)
        return false; /* no ports: nothing comes back through a translator like this */
    m = nat_find(w, nat, &d->src, &d->dst);
    m->used = w->now;
    d->src = m->outside;
    return true;
}

static bool nat_in(struct world *w, struct end *e, struct nat *nat, struct datagram *d)
{
    for (size_t i = nat->n; i-- > 0;) {
        struct nat_map *m = &nat->map[i];

        if (endpoint_equal(&m->outside, &d->dst) && endpoint_equal(&m->remote, &d->src) &&
            (!nat->timeout || w->now - m->used < nat->timeout)) {
            m->used = w->now;
            d->dst = m->inside;
            return true;
        }
    }
    if (nat->forward && (d->dst.port == 500 || d->dst.port == PORT_NATT)) {
        d->dst.addr = e->addr;
        return true;
    }
    return false;
}

static void lost(struct world *w, struct datagram *d, int end, const char *why)
{
    trace(w, why, end, d);
    if (d->esp)
        flow_lost(w, d->packet.flow, why);
}

static void receive_ike(struct end *e, struct datagram *d)
{
    struct input in = {.kind = INPUT_PACKET};
    bool natt = d->dst.port == PORT_NATT;

    if (d->dst.port != 500 && d->dst.port != PORT_NATT)
        return;
    if (natt && (d->len < 4 || get_u32(d->data))) {
        trace(e->world, "no marker", (int)e->index, d);
        return; /* ESP to nowhere, or a keepalive */
    }
    in.u.packet.path = (struct path){.local = d->dst, .remote = d->src, .natt = natt};
    in.u.packet.data = span_part(span_of(d->data, d->len), natt ? 4 : 0, d->len);
    trace(e->world, "<-", (int)e->index, d);
    law_arrived(e, d);
    end_step(e, &in);
}

static void arrive(struct world *w, void *arg)
{
    struct datagram *d = arg;
    struct end *e = d->packet.clear ? &w->end[d->to] : end_at(w, &d->dst.addr);

    if (e && (end_asleep(e) || (d->esp && !e->xfrm.on))) {
        lost(w, d, (int)e->index, "asleep");
        return;
    }
    if (d->packet.clear) {
        xfrm_arrived(e, &d->packet, &d->dst, &d->src, false);
        return;
    }
    if (!e || (w->net.nat[e->index].on && !nat_in(w, e, &w->net.nat[e->index], d))) {
        lost(w, d, -1, "nobody there");
        return;
    }
    if (!d->esp && !e->core) {
        lost(w, d, (int)e->index, "not running");
        return;
    }
    if (d->esp)
        xfrm_arrived(e, &d->packet, &d->dst, &d->src, d->encap);
    else if (!d->keepalive)
        receive_ike(e, d);
}

/* Which of the chosen things happens to this IKE datagram; drops by returning false. */
static bool rules(struct world *w, unsigned from, struct datagram *d, usec_t *delay)
{
    struct ike_header h;
    struct wire_error why;

    if (d->keepalive || msg_read_header(net_ike_part(d), &h, &why) < 0)
        return true;
    for (size_t i = 0; i < w->net.n_rules; i++) {
        struct rule *r = &w->net.rule[i];

        if ((r->from >= 0 && (unsigned)r->from != from) || (r->exchange >= 0 && r->exchange != h.exchange) ||
            (r->response >= 0 && r->response != !!(h.flags & IKE_FLAG_RESPONSE)) || r->seen++ < r->skip || r->done >= r->times)
            continue;
        r->done++;
        w->laws.disturbed = w->now;
        if (r->what == RULE_DROP)
            return false;
        if (r->what == RULE_FLIP) {
            d->data[d->len - 1 - dice_below(&w->dice, d->len)] ^= (uint8_t)(1 << dice_below(&w->dice, 8));
            d->changed = true;
        } else if (r->what == RULE_TWICE)
            world_at(w, w->now + r->delay, arrive, datagram_copy(d));
        else
            *delay += r->delay;
    }
    return true;
}

static void keep_for_replay(struct net *n, const struct datagram *d)
{
    struct datagram **slot = &n->kept[n->n_kept++ % COUNT_OF(n->kept)];

    free(*slot);
    *slot = datagram_copy(d);
}

static size_t ip_size(const struct datagram *d)
{
    size_t ip = d->dst.addr.family == 6 ? 40 : 20;

    return ip + (d->esp ? 100 : 8 + d->len);
}

/* Its name among the lots: what it is, not what is in it. */
static struct lot datagram_lot(struct world *w, unsigned from, const struct datagram *d)
{
    struct ike_header h = {0};
    struct wire_error why;
    uint64_t kind = d->esp ? 1 : d->keepalive ? 2 : 3;

    if (!d->esp && !d->keepalive && msg_read_header(net_ike_part(d), &h, &why) < 0)
        kind = 4;
    return lot_draw(w, LOT_DATAGRAM, from | kind << 8 | (uint64_t)(d->esp ? d->packet.flow : 0) << 16,
                    h.message_id | (uint64_t)h.exchange << 32 | (uint64_t)h.flags << 40);
}

/* The way's faults decide when, how often and how whole it arrives. */
static void travel(struct world *w, unsigned from, const struct way *way, struct datagram *d)
{
    struct lot lot = datagram_lot(w, from, d);
    struct dice *dice = &lot.dice;
    usec_t delay = dice_between(dice, way->delay_low, way->delay_high);

    if (way->cut)
        w->laws.disturbed = w->now;
    if (way->cut || lot_strikes(w, &lot, FAULT_LOSS, way->loss) || (way->mtu && ip_size(d) > way->mtu)) {
        lost(w, d, (int)from, way->cut ? "cut" : "lost");
        free(d);
        return;
    }
    if (!d->esp && !rules(w, from, d, &delay)) {
        lost(w, d, (int)from, "dropped");
        free(d);
        return;
    }
    if (!d->esp && !d->keepalive && lot_strikes(w, &lot, FAULT_FORGED, way->forge))
        net_forge(w, d, dice);
    if (lot_strikes(w, &lot, FAULT_REORDER, way->reorder))
        delay += dice_between(dice, 0, way->reorder_by ? way->reorder_by : USEC_SEC);
    if (lot_strikes(w, &lot, FAULT_DUP, way->dup))
        world_at(w, w->now + delay + dice_between(dice, 0, USEC_SEC), arrive, datagram_copy(d));
    if (!d->esp && way->replay) {
        keep_for_replay(&w->net, d);
        if (lot_strikes(w, &lot, FAULT_REPLAY, way->replay))
            world_at(w, w->now + delay + dice_between(dice, 0, 60 * USEC_SEC), arrive,
                     datagram_copy(w->net.kept[dice_below(dice, w->net.n_kept < COUNT_OF(w->net.kept) ? w->net.n_kept
                                                                                                      : COUNT_OF(w->net.kept))]));
    }
    if (!d->esp && d->len && lot_strikes(w, &lot, FAULT_CORRUPT, way->corrupt)) {
        d->data[dice_below(dice, d->len)] ^= (uint8_t)(1 + dice_below(dice, 255));
        d->changed = true;
    }
    world_at(w, w->now + delay, arrive, d);
}

void net_leave(struct end *e, struct datagram *d)
{
    struct world *w = e->world;
    struct end *to = end_at(w, &d->dst.addr);

    if (d->packet.clear) {
        law_clear(e, &d->packet);
        travel(w, e->index, &w->net.way[e->index][d->to], d);
        return;
    }
    if (w->net.nat[e->index].on && !nat_out(w, &w->net.nat[e->index], d)) {
        lost(w, d, (int)e->index, "not translated");
        free(d);
        return;
    }
    travel(w, e->index, &w->net.way[e->index][to ? to->index : e->index], d);
}

void sim_net_send(struct end *e, const struct path *path, struct span data, bool keepalive)
{
    struct world *w = e->world;
    struct datagram *d = datagram_new(w, (int)e->index, &path->local, &path->remote, data, path->natt && !keepalive);

    d->keepalive = keepalive;
    if (keepalive)
        e->keepalives++;
    else
        e->sent++;
    LAW(w, LAW_SPEECH, addr_equal(&path->local.addr, &e->addr), "end %u sends from an address that is not its own", e->index);
    LAW(w, LAW_SPEECH,
        path->natt == (path->local.port == PORT_NATT) && (path->local.port == 500 || path->local.port == PORT_NATT),
        "end %u sends from port %u, natt %d", e->index, path->local.port, path->natt);
    if (!keepalive) {
        trace(w, "->", (int)e->index, d);
        law_sent(e, d);
    }
    if (w->net.tap && !keepalive && !w->net.tap(w, e->index, &d, w->net.tap_ctx)) {
        free(d);
        return;
    }
    net_leave(e, d);
}

void net_send_esp(struct end *e, const struct endpoint *src, const struct endpoint *dst, bool encap, const struct esp_packet *p)
{
    struct datagram *d = datagram_new(e->world, (int)e->index, src, dst, SPAN_NONE, false);

    d->esp = true;
    d->encap = encap;
    d->packet = *p;
    net_leave(e, d);
}

void net_send_clear(struct end *e, unsigned to, const struct esp_packet *p)
{
    struct endpoint from = {.addr = p->inner.low}, dst = {.addr = p->destination};
    struct datagram *d = datagram_new(e->world, (int)e->index, &from, &dst, SPAN_NONE, false);

    d->esp = true;
    d->to = to;
    d->packet = *p;
    net_leave(e, d);
}

void net_inject(struct world *w, struct endpoint src, struct endpoint dst, struct span data, usec_t delay)
{
    struct datagram *d = datagram_new(w, -1, &src, &dst, data, dst.port == PORT_NATT);

    trace(w, "injected", -1, d);
    world_at(w, w->now + delay, arrive, d);
}
