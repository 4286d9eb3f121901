/* SPDX-License-Identifier: Apache-2.0 */
/* Model packets: out through policies and SAs, over the network, in through the SAs and policies of the other end. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define PACKET_BYTES 1000
#define LARVAL_LIVES (30 * USEC_SEC)

static bool fits_address(const struct addr *wanted, const struct addr *a)
{
    return addr_is_any(wanted) || addr_equal(wanted, a);
}

static bool fits(const struct policy_template *t, const struct sa *s, const struct addr *packet_dst)
{
    const struct addr *src = s->inbound ? &s->remote.addr : &s->local.addr, *dst = s->inbound ? &s->local.addr : &s->remote.addr;

    if (s->reqid != t->reqid || s->transport != t->transport || (t->spi && t->spi != s->spi))
        return false;
    if (t->transport)
        return !packet_dst || addr_equal(dst, packet_dst);
    return fits_address(&t->src, src) && fits_address(&t->dst, dst);
}

/* The kernel's choice among several: not about to expire, then the newest. */
static struct sa *sa_out(struct end *e, const struct policy_template *t, const struct addr *dst)
{
    struct sa *best = NULL;

    LIST_EACH (i, &e->xfrm.sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);

        if (!s->inbound && fits(t, s, dst) &&
            (!best || (best->soft_said && !s->soft_said) || (best->soft_said == s->soft_said && s->serial > best->serial)))
            best = s;
    }
    return best;
}

/* --- acquires --------------------------------------------------------------------------------------------------------- */

static bool larval_holds(struct end *e, const struct policy_template *t)
{
    LIST_EACH (i, &e->xfrm.larvals) {
        struct larval_sa *l = LIST_ITEM(i, struct larval_sa, link);

        if (l->until <= e->world->now) {
            list_remove(&l->link);
            free(l);
        } else if (l->reqid == t->reqid && fits_address(&t->dst, &l->name.dst)) {
            return true;
        }
    }
    return false;
}

static struct selector ping(const struct flow *f)
{
    uint8_t bits = (uint8_t)(addr_len(&f->src) * 8);

    return (struct selector){.src = {f->src, bits},
                             .dst = {f->dst, bits},
                             .protocol = f->src.family == 4 ? 1 : 58,
                             .sport = f->src.family == 4 ? 8 : 128,
                             .sport_mask = 0xffff,
                             .dport_mask = 0xffff};
}

/* Nobody hears an ACQUIRE where no hand listens; the kernel then keeps no larval SA either. */
static void acquire(struct end *e, struct flow *f, const struct kernel_policy *p)
{
    struct notice n = {.kind = NOTICE_ACQUIRE, .reqid = p->tmpl.reqid};
    struct larval_sa *l;

    if (!e->xfrm.listening || larval_holds(e, &p->tmpl))
        return;
    l = calloc(1, sizeof(*l));
    if (!l)
        abort();
    l->reqid = p->tmpl.reqid;
    l->seq = e->xfrm.next_seq++;
    l->until = e->world->now + LARVAL_LIVES;
    l->packet = ping(f);
    l->name = (struct larval){l->seq, l->reqid, p->tmpl.src, p->tmpl.dst, p->tmpl.transport, p->mark, p->mark_mask, p->if_id};
    if (p->tmpl.transport)
        l->name = (struct larval){l->seq, l->reqid, f->src, f->dst, true, p->mark, p->mark_mask, p->if_id};
    list_append(&e->xfrm.larvals, &l->link);
    e->xfrm.acquires++;
    n.u.acquire.seq = l->seq;
    n.u.acquire.policy_index = p->index;
    n.u.acquire.larval = l->name;
    n.u.acquire.packet = l->packet;
    world_trace(e->world, "%u ACQUIRE reqid %x seq %u", e->index, l->reqid, l->seq);
    xfrm_notice(e, &n);
}

/* --- lifetimes -------------------------------------------------------------------------------------------------------- */

static void expire_said(struct end *e, struct sa *s, bool hard)
{
    struct notice n = {.kind = NOTICE_EXPIRE, .reqid = s->reqid};

    n.u.expire.spi = s->spi;
    n.u.expire.dst = s->inbound ? s->local.addr : s->remote.addr;
    n.u.expire.hard = hard;
    world_trace(e->world, "%u EXPIRE %s %08x", e->index, hard ? "hard" : "soft", s->spi);
    xfrm_notice(e, &n);
}

static void sa_expired(struct end *e, struct sa *s)
{
    expire_said(e, s, true);
    law_sa_lost(e, s);
    list_remove(&s->link);
    free(s);
}

static bool over(uint64_t limit, uint64_t n)
{
    return limit && n > limit;
}

/* Counts a packet; false when the SA just died of it. */
static bool sa_count(struct end *e, struct sa *s)
{
    s->packets++;
    s->bytes += PACKET_BYTES;
    s->used = e->world->now;
    s->used_wall_s = end_wall_s(e);
    if (over(s->hard_packets, s->packets) || over(s->hard_bytes, s->bytes)) {
        sa_expired(e, s);
        return false;
    }
    if ((over(s->soft_packets, s->packets) || over(s->soft_bytes, s->bytes)) && !s->soft_said) {
        s->soft_said = true;
        expire_said(e, s, false);
    }
    return true;
}

struct watch {
    struct end *end;
    uint64_t serial;
    bool hard;
};

static void watch_due(struct world *w, void *arg)
{
    struct watch *t = arg;

    (void)w;
    LIST_EACH (i, &t->end->xfrm.sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);

        if (s->serial != t->serial)
            continue;
        if (t->hard) {
            sa_expired(t->end, s);
        } else if (!s->soft_said) {
            s->soft_said = true;
            expire_said(t->end, s, false);
        }
        return;
    }
}

static void watch(struct end *e, struct sa *s, bool hard, usec_t at)
{
    struct watch *t = at == USEC_NEVER ? NULL : malloc(sizeof(*t));

    if (!t)
        return;
    *t = (struct watch){e, s->serial, hard};
    world_at_end(e, at, watch_due, t);
}

void xfrm_watch(struct end *e, struct sa *s)
{
    watch(e, s, false, s->soft_at);
    watch(e, s, true, s->hard_at);
}

/* --- out -------------------------------------------------------------------------------------------------------------- */

static void stopped(struct world *w, struct flow *f, const char *why)
{
    if (f->must_arrive)
        law_broken(w, LAW_ARRIVES, "a packet that must arrive is stopped at end %u: %s", f->from, why);
}

static void protect(struct end *e, struct flow *f, const struct kernel_policy *policy)
{
    struct sa *s = sa_out(e, &policy->tmpl, &f->dst);
    struct esp_packet p = {.flow = (unsigned)(f - e->world->flow), .destination = f->dst};

    if (!s || !sa_count(e, s)) {
        f->trapped += !policy->tmpl.spi;
        f->no_sa += policy->tmpl.spi != 0;
        stopped(e->world, f, "no SA");
        acquire(e, f, policy);
        return;
    }
    p.spi = s->spi;
    p.seq = ++s->seq;
    p.keys = s->keys;
    p.transport = s->transport;
    p.inner = (struct ts){.port_high = 65535, .low = f->src, .high = f->src};
    p.sent = e->world->now;
    net_send_esp(e, &s->local, &s->remote, s->encap, &p);
}

void flow_send(struct world *w, struct flow *f)
{
    struct end *e = &w->end[f->from];
    struct esp_packet p = {.flow = (unsigned)(f - w->flow), .destination = f->dst, .clear = true, .sent = w->now};
    const struct kernel_policy *policy;

    if (!e->xfrm.on || end_asleep(e))
        return; /* a machine that is off forwards nothing */
    f->sent++;
    policy = xfrm_policy(&e->xfrm, DIRECTION_OUT, &f->src, &f->dst);
    law_judged(w, LAW_CLEAR);
    if (policy && policy->action == POLICY_BLOCK) {
        f->blocked++;
        stopped(w, f, "blocked");
    } else if (policy && policy->action == POLICY_PROTECT) {
        protect(e, f, policy);
    } else {
        f->clear++;
        p.inner = (struct ts){.port_high = 65535, .low = f->src, .high = f->src};
        net_send_clear(e, f->to, &p);
    }
}

/* --- in --------------------------------------------------------------------------------------------------------------- */

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
    struct notice n = {.kind = NOTICE_MAPPING, .reqid = s->reqid};

    if (!s->encap || endpoint_equal(&s->remote, remote) ||
        (endpoint_equal(&s->mapping_said, remote) && e->world->now - s->mapping_said_at < USEC_SEC))
        return;
    s->mapping_said = *remote;
    s->mapping_said_at = e->world->now;
    n.u.mapping.spi = s->spi;
    n.u.mapping.dst = s->local.addr;
    n.u.mapping.old_remote = s->remote;
    n.u.mapping.new_remote = *remote;
    world_trace(e->world, "%u MAPPING %08x", e->index, s->spi);
    xfrm_notice(e, &n);
}

static const char *by_policy(struct end *e, const struct esp_packet *p, const struct sa *s)
{
    bool here = addr_equal(&p->destination, &e->addr);
    const struct kernel_policy *policy =
        xfrm_policy(&e->xfrm, here ? DIRECTION_IN : DIRECTION_FWD, &p->inner.low, &p->destination);

    if (!s)
        return !policy || policy->action == POLICY_PASS ? NULL : "a clear packet where protection is wanted";
    if (!policy || policy->action == POLICY_PASS)
        return s->transport ? NULL : "out of a tunnel that no policy asks for";
    if (policy->action == POLICY_BLOCK)
        return "blocked by policy";
    return fits(&policy->tmpl, s, NULL) ? NULL : "the policy wants another SA";
}

static const char *why_refused(struct end *e, const struct esp_packet *p, const struct endpoint *local, bool encap, struct sa *s)
{
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
    return by_policy(e, p, s);
}

void xfrm_arrived(struct end *e, const struct esp_packet *p, const struct endpoint *local, const struct endpoint *remote,
                  bool encap)
{
    struct world *w = e->world;
    struct flow *f = &w->flow[p->flow];
    struct sa *s = p->clear ? NULL : xfrm_find(&e->xfrm, true, p->spi);
    const char *why = p->clear ? by_policy(e, p, NULL) : why_refused(e, p, local, encap, s);

    if (why) {
        e->xfrm.refused_in++;
        f->refused++;
        if (f->must_arrive && p->sent >= f->must_since)
            law_broken(w, LAW_ARRIVES, "end %u refuses packet %llu of SPI %08x that must arrive: %s", e->index,
                       (unsigned long long)p->seq, p->spi, why);
        return;
    }
    f->delivered++;
    f->last_delivered = w->now;
    if (!s)
        return;
    mapping(e, s, remote);
    sa_count(e, s);
}

/* --- flows ------------------------------------------------------------------------------------------------------------ */

struct pulse {
    struct flow *flow;
    usec_t every;
};

static void flow_beat(struct world *w, void *arg)
{
    struct pulse *b = arg, *next;

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
    struct pulse *b = malloc(sizeof(*b));

    if (!b || w->n_flows > COUNT_OF(w->flow))
        abort();
    *f = (struct flow){.from = from, .to = to, .every = every};
    if (addr_parse(src, &f->src) < 0 || addr_parse(dst, &f->dst) < 0)
        world_fail(w, "a flow from %s to %s", src, dst);
    *b = (struct pulse){f, every};
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
    law_judged(w, LAW_ARRIVES);
}

void flow_lost(struct world *w, unsigned flow, const char *why)
{
    struct flow *f = &w->flow[flow];

    f->lost++;
    if (f->must_arrive)
        law_broken(w, LAW_ARRIVES, "a packet that must arrive is lost: %s", why);
}
