/* SPDX-License-Identifier: Apache-2.0 */
/* Model packets: out through policies and SAs, over the network, in through the SAs of the other end. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define PACKET_BYTES 1000
#define LARVAL_LIVES (30 * USEC_SEC)

static bool matches(const struct ts *v, size_t n, const struct addr *a)
{
    struct ts one = {.port_high = 65535, .low = *a, .high = *a};

    for (size_t i = 0; i < n; i++)
        if (ts_contains(&v[i], &one))
            return true;
    return false;
}

static bool configured(const struct end *e, struct ts_list list, const struct addr *a, const struct addr *dynamic)
{
    (void)e;
    for (size_t i = 0; i < list.n; i++) {
        struct ts ts = list.v[i];

        if (!ts.low.family)
            ts.low = ts.high = *dynamic;
        if (matches(&ts, 1, a))
            return true;
    }
    return false;
}

/* The newest policy of an SA for these addresses. */
static struct cover *cover_find(struct end *e, const struct flow *f)
{
    struct cover *best = NULL;

    LIST_EACH (i, &e->xfrm.covers) {
        struct cover *c = LIST_ITEM(i, struct cover, link);

        if (matches(c->ts_local, c->n_local, &f->src) && matches(c->ts_remote, c->n_remote, &f->dst))
            best = c;
    }
    return best;
}

/* The kernel takes the newest SA that fits the template. */
static struct sa *sa_out(struct end *e, const struct cover *c)
{
    struct sa *best = NULL;

    LIST_EACH (i, &e->xfrm.sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);

        if (!s->inbound && s->reqid == c->reqid && addr_equal(&s->remote.addr, &c->remote.addr))
            best = s;
    }
    return best;
}

static void acquire(struct end *e, struct flow *f, uint16_t connection, uint16_t child, uint32_t reqid)
{
    struct larval_sa *l;
    struct event ev = {.kind = EVENT_ACQUIRE};

    LIST_EACH (i, &e->xfrm.larvals) {
        l = LIST_ITEM(i, struct larval_sa, link);
        if (l->reqid == reqid && l->until > e->world->now)
            return;
        if (l->until <= e->world->now) {
            list_remove(&l->link);
            free(l);
        }
    }
    l = calloc(1, sizeof(*l));
    if (!l)
        abort();
    *l = (struct larval_sa){.reqid = reqid, .seq = e->xfrm.next_seq++, .until = e->world->now + LARVAL_LIVES};
    list_append(&e->xfrm.larvals, &l->link);
    e->xfrm.acquires++;
    ev.u.acquire.connection = connection;
    ev.u.acquire.child = child;
    ev.u.acquire.generation = e->conf->generation;
    ev.u.acquire.reqid = reqid;
    ev.u.acquire.seq = l->seq;
    ev.u.acquire.local = (struct ts){.port_high = 65535, .low = f->src, .high = f->src};
    ev.u.acquire.remote = (struct ts){.port_high = 65535, .low = f->dst, .high = f->dst};
    world_trace(e->world, "%u ACQUIRE %u.%u seq %u", e->index, connection, child, l->seq);
    end_event(e, &ev, dice_between(&e->world->dice, 10, 500));
}

/* No SA's policy fits: what the configuration says. */
static void by_configuration(struct end *e, struct flow *f)
{
    for (size_t i = 0; i < e->conf->n_connections; i++) {
        const struct conf_connection *c = &e->conf->connections[i];

        for (size_t k = 0; k < c->n_children; k++) {
            const struct conf_child *child = &c->children[k];

            if (!configured(e, child->local, &f->src, &e->addr) || !configured(e, child->remote, &f->dst, &c->remote.addr))
                continue;
            if (child->keep == KEEP_ON_DEMAND) {
                f->trapped++;
                acquire(e, f, (uint16_t)i, (uint16_t)k, reqid_configured((uint16_t)i, (uint16_t)k));
            } else {
                f->blocked++;
            }
            if (f->must_arrive)
                law_broken(e->world, LAW_ARRIVES, "a packet that must arrive is stopped by a policy at end %u", e->index);
            return;
        }
    }
    f->clear++;
    law_broken(e->world, LAW_CLEAR, "a packet leaves end %u in clear", e->index);
}

static void expire_said(struct end *e, struct sa *s, bool hard)
{
    struct event ev = {.kind = EVENT_EXPIRE};

    ev.u.expire.spi = s->spi;
    ev.u.expire.destination = s->inbound ? s->local.addr : s->remote.addr;
    ev.u.expire.hard = hard;
    world_trace(e->world, "%u EXPIRE %s %08x", e->index, hard ? "hard" : "soft", s->spi);
    end_event(e, &ev, dice_between(&e->world->dice, 10, 500));
}

static void sa_gone(struct sa *s)
{
    list_remove(&s->link);
    free(s);
}

/* Counts a packet; false when the SA just died of it. */
static bool sa_count(struct end *e, struct sa *s)
{
    s->packets++;
    s->bytes += PACKET_BYTES;
    s->used = e->world->now;
    if (s->hard_packets && s->packets > s->hard_packets) {
        expire_said(e, s, true);
        sa_gone(s);
        return false;
    }
    if (s->soft_packets && s->packets > s->soft_packets && !s->soft_said) {
        s->soft_said = true;
        expire_said(e, s, false);
    }
    return true;
}

struct watch {
    struct end *end;
    unsigned life;
    uint32_t spi;
    bool inbound, hard;
    usec_t added;
};

static void watch_due(struct world *w, void *arg)
{
    struct watch *t = arg;
    struct sa *s = t->life == t->end->life ? xfrm_find(&t->end->xfrm, t->inbound, t->spi) : NULL;

    (void)w;
    if (!s || s->added != t->added)
        return;
    if (!t->hard && !s->soft_said) {
        s->soft_said = true;
        expire_said(t->end, s, false);
    } else if (t->hard) {
        expire_said(t->end, s, true);
        sa_gone(s);
    }
}

static void watch(struct end *e, struct sa *s, bool hard, usec_t at)
{
    struct watch *t = at == USEC_NEVER ? NULL : malloc(sizeof(*t));

    if (!t)
        return;
    *t = (struct watch){e, e->life, s->spi, s->inbound, hard, s->added};
    world_at(e->world, at, watch_due, t);
}

void xfrm_watch(struct end *e, struct sa *s)
{
    watch(e, s, false, s->soft_at);
    watch(e, s, true, s->hard_at);
}

void flow_send(struct world *w, struct flow *f)
{
    struct end *e = &w->end[f->from];
    struct esp_packet p = {.flow = (unsigned)(f - w->flow), .destination = f->dst};
    struct cover *c;
    struct sa *s;

    if (!e->core)
        return; /* a dead gateway: its policies stay closed */
    f->sent++;
    law_judged(w, LAW_CLEAR);
    c = cover_find(e, f);
    if (!c) {
        by_configuration(e, f);
        return;
    }
    s = sa_out(e, c);
    if (!s || !sa_count(e, s)) {
        f->no_sa++;
        if (f->must_arrive)
            law_broken(w, LAW_ARRIVES, "a packet that must arrive finds no SA at end %u", f->from);
        acquire(e, f, c->connection, c->child, c->reqid);
        return;
    }
    p.spi = s->spi;
    p.seq = ++s->seq;
    p.keys = s->keys;
    p.transport = s->transport;
    p.inner = (struct ts){.port_high = 65535, .low = f->src, .high = f->src};
    p.sent = w->now;
    net_send_esp(e, &s->local, &s->remote, s->encap, &p);
}

static bool replayed(struct sa *s, uint64_t seq)
{
    uint64_t behind;

    if (seq > s->top) {
        for (uint64_t i = s->top; i < seq && i < s->top + 128; i++) {
            s->window[1] = s->window[1] << 1 | s->window[0] >> 63;
            s->window[0] <<= 1;
        }
        s->window[0] |= 1;
        s->top = seq;
        return false;
    }
    behind = s->top - seq;
    if (behind >= 128 || s->window[behind / 64] >> (behind % 64) & 1)
        return true;
    s->window[behind / 64] |= (uint64_t)1 << (behind % 64);
    return false;
}

/* An authenticated packet from another address or port (RFC 3948 3, RFC 7296 2.23): said again each second until the SA is
 * changed. */
static void mapping(struct end *e, struct sa *s, const struct endpoint *remote)
{
    struct event ev = {.kind = EVENT_MAPPING};

    if (!s->encap || endpoint_equal(&s->remote, remote) ||
        (endpoint_equal(&s->mapping_said, remote) && e->world->now - s->mapping_said_at < USEC_SEC))
        return;
    s->mapping_said = *remote;
    s->mapping_said_at = e->world->now;
    ev.u.mapping.spi_in = s->spi;
    ev.u.mapping.old_remote = s->remote;
    ev.u.mapping.new_remote = *remote;
    world_trace(e->world, "%u MAPPING %08x", e->index, s->spi);
    end_event(e, &ev, dice_between(&e->world->dice, 10, 500));
}

static const char *why_refused(struct end *e, const struct esp_packet *p, const struct endpoint *local, bool encap, struct sa *s)
{
    (void)e;
    if (!s)
        return "no inbound SA";
    if (s->keys != p->keys)
        return "keys differ";
    if (!addr_equal(&s->local.addr, &local->addr) || s->encap != encap)
        return "another address or encapsulation";
    if (s->transport != p->transport)
        return "another mode";
    if (replayed(s, p->seq))
        return "replayed";
    if (!matches(s->ts_remote, s->n_remote, &p->inner.low) || !matches(s->ts_local, s->n_local, &p->destination))
        return "outside the selectors";
    return NULL;
}

void xfrm_arrived(struct end *e, const struct esp_packet *p, const struct endpoint *local, const struct endpoint *remote,
                  bool encap)
{
    struct world *w = e->world;
    struct flow *f = &w->flow[p->flow];
    struct sa *s = xfrm_find(&e->xfrm, true, p->spi);
    const char *why = why_refused(e, p, local, encap, s);

    if (why) {
        e->xfrm.refused_in++;
        f->refused++;
        if (f->must_arrive && p->sent >= f->must_since)
            law_broken(w, LAW_ARRIVES, "end %u refuses packet %llu of SPI %08x that must arrive: %s", e->index,
                       (unsigned long long)p->seq, p->spi, why);
        return;
    }
    if (f->must_arrive)
        law_judged(w, LAW_ARRIVES);
    f->delivered++;
    f->last_delivered = w->now;
    mapping(e, s, remote);
    sa_count(e, s);
}

struct beat {
    struct flow *flow;
    usec_t every;
};

static void flow_beat(struct world *w, void *arg)
{
    struct beat *b = arg, *next;

    if (b->flow->every != b->every)
        return;
    flow_send(w, b->flow);
    next = malloc(sizeof(*next));
    if (!next)
        abort();
    *next = *b;
    world_at(w, w->now + b->every, flow_beat, next);
}

struct flow *flow_start(struct world *w, unsigned from, unsigned to, const char *src, const char *dst, usec_t every)
{
    struct flow *f = &w->flow[w->n_flows++];
    struct beat *b = malloc(sizeof(*b));

    if (!b || w->n_flows > COUNT_OF(w->flow))
        abort();
    *f = (struct flow){.from = from, .to = to, .every = every};
    if (addr_parse(src, &f->src) < 0 || addr_parse(dst, &f->dst) < 0)
        world_fail(w, "a flow from %s to %s", src, dst);
    *b = (struct beat){f, every};
    if (every)
        world_at(w, w->now + dice_between(&w->dice, 0, every), flow_beat, b);
    else
        free(b);
    return f;
}

void flow_stop(struct flow *f)
{
    f->every = 0;
    f->must_arrive = false;
}

void flow_must(struct world *w, struct flow *f, bool must)
{
    f->must_arrive = must;
    f->must_since = w->now;
}

void flow_lost(struct world *w, unsigned flow, const char *why)
{
    struct flow *f = &w->flow[flow];

    f->lost++;
    if (f->must_arrive)
        law_broken(w, LAW_ARRIVES, "a packet that must arrive is lost: %s", why);
}
