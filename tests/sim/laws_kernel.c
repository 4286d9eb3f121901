/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of the kernels' tables and of what crosses the wire: looked at with every operation. */
#include "laws.h"
#include "world.h"

#include <string.h>

#define QUIET (600 * USEC_SEC) /* since the last fault: longer than any retransmission goes on */

/* --- SAs of both ends ------------------------------------------------------------------------------------------------- */

static struct sa *other_half(struct end *e, const struct sa *s, struct end **where)
{
    struct world *w = e->world;

    for (size_t i = 0; i < w->n_ends; i++) {
        struct sa *other = &w->end[i] == e ? NULL : xfrm_find(&w->end[i].xfrm, !s->inbound, s->spi);

        *where = &w->end[i];
        if (other)
            return other;
    }
    return NULL;
}

/* What it replaces has had its lifetime and MUST NOT be used (2.8), also where the kernel ended it while all slept; or this end
 * has asked for its deletion: a responder then speaks on the successor, as it MAY from its answer on, although the peer may not
 * have heard that. */
static bool old_over(struct end *e, const struct ask_child *q)
{
    const struct conf_connection *c =
        e->conf && q->peer.connection < e->conf->n_connections ? &e->conf->connections[q->peer.connection] : NULL;
    usec_t lifetime = c && q->child < c->n_children ? c->children[q->child].lifetime_us : 0;
    bool there = false;

    LIST_EACH (i, &e->xfrm.sas) {
        const struct sa *s = LIST_ITEM(i, struct sa, link);

        there = there || (s->reqid == q->reqid && s->inbound && s->spi != q->spi_in);
        if (s->reqid == q->reqid && lifetime && e->world->now - s->added >= lifetime)
            return true;
        if (s->reqid == q->reqid && s->inbound && law_closed_by(e, s->spi, false))
            return true;
    }
    return !there;
}

/* A responder to a request for a new Child SA may speak at once; who replaces one waits (RFC 7296 2.8), unless that one was lost
 * to both meanwhile. */
static bool must_have_inbound(struct end *e)
{
    const struct ask_child *q = e->xfrm.doing;

    if (!q || q->we_initiated)
        return q != NULL;
    if (e->world->now - e->world->laws.lost < QUIET || old_over(e, q))
        return false;
    return e->xfrm.doing_outbound || (q->old_spi_in && xfrm_find(&e->xfrm, true, q->old_spi_in));
}

void law_sa_added(struct end *e, const struct sa *s)
{
    struct sa *old = s->inbound && e->xfrm.doing ? xfrm_find(&e->xfrm, true, e->xfrm.doing->old_spi_in) : NULL;
    struct end *peer;
    struct sa *other = other_half(e, s, &peer);

    if (other)
        LAW(e->world, LAW_SAME_KEYS, other->keys == s->keys && other->transport == s->transport,
            "SPI %08x has other keys or another mode at end %u than at end %u", s->spi, e->index, peer->index);
    if (old)
        old->rekeyed = true;
    if (s->inbound)
        law_inbound_known(e->world, s->spi, true);
    else if (e->world->n_ends > 1 && must_have_inbound(e))
        LAW(e->world, LAW_MAKE_FIRST, law_inbound_known(e->world, s->spi, false),
            "end %u has outbound SA %08x, and its peer has had no inbound one", e->index, s->spi);
}

static bool sends_by(const struct end *e, uint32_t spi)
{
    LIST_EACH (i, &e->xfrm.policies) {
        const struct kernel_policy *p = &LIST_ITEM(i, struct spd_entry, link)->p;

        if (p->direction == DIRECTION_OUT && p->action == POLICY_PROTECT && p->tmpl.spi == spi)
            return true;
    }
    return false;
}

/* Who still sends by it, awake; NULL = nobody. Who sleeps is given up. */
static const struct end *sender_by(const struct end *e, uint32_t spi)
{
    const struct world *w = e->world;

    for (size_t i = 0; i < w->n_ends; i++)
        if (&w->end[i] != e && !end_asleep(&w->end[i]) && sends_by(&w->end[i], spi))
            return &w->end[i];
    return NULL;
}

void law_sa_deleted(struct end *e, const struct sa *s)
{
    const struct end *sender;

    if (!s->inbound || !s->rekeyed || e->world->now - e->world->laws.disturbed < QUIET)
        return;
    sender = sender_by(e, s->spi);
    LAW(e->world, LAW_BREAK_LAST, !sender, "end %u deletes inbound SA %08x, by which end %u sends", e->index, s->spi,
        sender ? sender->index : 0);
}

void law_sa_lost(struct end *e, const struct sa *s)
{
    (void)s;
    e->world->laws.disturbed = e->world->laws.lost = e->world->now;
}

/* --- policies --------------------------------------------------------------------------------------------------------- */

static bool matches(struct ts_list list, const struct addr *a, const struct addr *dynamic)
{
    struct ts one = {.protocol = 1, .port_low = 8 << 8, .port_high = 8 << 8, .low = *a, .high = *a};

    one.protocol = a->family == 4 ? 1 : 58;
    for (size_t i = 0; i < list.n; i++) {
        struct ts ts = list.v[i];

        if (!ts.low.family)
            ts.low = ts.high = *dynamic;
        if (ts_contains(&ts, &one))
            return true;
    }
    return false;
}

/* A peer's network that holds ours does not cut our hosts off from one another. */
static bool own_network(const struct conf_child *c, const struct addr *dst)
{
    for (size_t i = 0; i < c->local.n; i++)
        for (size_t k = 0; k < c->remote.n; k++)
            if (ts_contains(&c->remote.v[k], &c->local.v[i]) &&
                matches((struct ts_list){&c->local.v[i], 1}, dst, &(struct addr){0}))
                return true;
    return false;
}

static bool conf_protects(const struct end *e, const struct conf *conf, const struct addr *src, const struct addr *dst)
{
    for (size_t i = 0; i < conf->n_connections; i++) {
        const struct conf_connection *c = &conf->connections[i];

        for (size_t k = 0; k < c->n_children; k++) {
            const struct conf_child *child = &c->children[k];

            if (matches(child->local, src, &e->addr) && matches(child->remote, dst, &c->remote.addr) && !own_network(child, dst))
                return true;
        }
    }
    return false;
}

bool law_protects(const struct end *e, const struct addr *src, const struct addr *dst)
{
    if (!e->closed || !conf_protects(e, e->closed, src, dst))
        return false;
    return !e->closing || conf_protects(e, e->closing, src, dst);
}

static bool is_closed(const struct xfrm *x, enum direction d, const struct addr *src, const struct addr *dst)
{
    const struct kernel_policy *p = xfrm_policy(x, d, src, dst);

    return p && p->action != POLICY_PASS;
}

static void pair_closed(struct end *e, const struct addr *local, const struct addr *remote)
{
    bool ok;
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

    if (!law_protects(e, local, remote))
        return;
    ok = is_closed(&e->xfrm, DIRECTION_OUT, local, remote) && is_closed(&e->xfrm, DIRECTION_IN, remote, local) &&
         is_closed(&e->xfrm, DIRECTION_FWD, remote, local);
    LAW(e->world, LAW_CLOSED, ok, "end %u: nothing closes %s - %s", e->index, addr_format(local, a), addr_format(remote, b));
}

static void child_closed(struct end *e, const struct conf_child *c)
{
    for (size_t i = 0; i < c->local.n; i++)
        for (size_t k = 0; k < c->remote.n; k++) {
            const struct ts *l = &c->local.v[i], *r = &c->remote.v[k];

            if (l->low.family && r->low.family && l->low.family == r->low.family) {
                pair_closed(e, &l->low, &r->low);
                pair_closed(e, &l->high, &r->high);
            }
        }
}

void law_closed(struct end *e)
{
    const struct conf *conf = e->closed;

    for (size_t i = 0; conf && i < conf->n_connections; i++)
        for (size_t k = 0; k < conf->connections[i].n_children; k++)
            child_closed(e, &conf->connections[i].children[k]);
}

void law_policy_set(struct end *e, const struct kernel_policy *p)
{
    const struct addr *src = &p->sel.src.addr, *dst = &p->sel.dst.addr;
    const struct kernel_policy *now;
    bool out = p->direction == DIRECTION_OUT;

    if (!law_protects(e, out ? src : dst, out ? dst : src))
        return;
    now = xfrm_policy(&e->xfrm, (enum direction)p->direction, src, dst);
    LAW(e->world, LAW_CLOSED, now && now->action != POLICY_PASS, "end %u opens a protected selector", e->index);
}

/* --- the wire --------------------------------------------------------------------------------------------------------- */

void law_clear(struct end *e, const struct esp_packet *p)
{
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];
    bool open = !law_protects(e, &p->inner.low, &p->destination);

    LAW(e->world, LAW_CLEAR, open, "a packet %s > %s leaves end %u in clear", addr_format(&p->inner.low, a),
        addr_format(&p->destination, b), e->index);
}
