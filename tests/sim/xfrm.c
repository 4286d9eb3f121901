/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the model kernel, and the hand's operations on them. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void xfrm_init(struct xfrm *x)
{
    list_init(&x->sas);
    list_init(&x->policies);
    list_init(&x->larvals);
    x->next_seq = 1;
}

void xfrm_flush(struct xfrm *x)
{
    LIST_EACH (i, &x->sas) {
        list_remove(i);
        free(LIST_ITEM(i, struct sa, link));
    }
    LIST_EACH (i, &x->larvals) {
        list_remove(i);
        free(LIST_ITEM(i, struct larval_sa, link));
    }
}

void xfrm_done(struct xfrm *x)
{
    xfrm_flush(x);
    LIST_EACH (i, &x->policies) {
        list_remove(i);
        free(LIST_ITEM(i, struct spd_entry, link));
    }
    x->on = false;
    x->n_notices = x->others = 0;
}

/* --- looking up ------------------------------------------------------------------------------------------------------- */

struct sa *xfrm_find(struct xfrm *x, bool inbound, uint32_t spi)
{
    LIST_EACH (i, &x->sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);

        if (s->inbound == inbound && s->spi == spi && !s->foreign)
            return s;
    }
    return NULL;
}

/* As the kernel names SAs: inbound ones by our address, outbound ones by the peer's. */
static struct sa *sa_named(struct xfrm *x, uint32_t spi, const struct addr *dst)
{
    LIST_EACH (i, &x->sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);

        if (s->spi == spi && addr_equal(s->inbound ? &s->local.addr : &s->remote.addr, dst))
            return s;
    }
    return NULL;
}

size_t xfrm_count(const struct xfrm *x, bool inbound, uint16_t connection, uint16_t child)
{
    size_t n = 0;

    LIST_EACH (i, &x->sas) {
        const struct sa *s = LIST_ITEM(i, struct sa, link);

        n += s->inbound == inbound && s->connection == connection && s->child == child && !s->foreign;
    }
    return n;
}

size_t xfrm_size(const struct xfrm *x)
{
    size_t n = 0;

    LIST_EACH (i, &x->sas)
        n += !LIST_ITEM(i, struct sa, link)->foreign;
    return n;
}

static bool bits_equal(const struct prefix *p, const struct addr *a)
{
    size_t whole = p->bits / 8, rest = p->bits % 8;

    if (p->addr.family != a->family || memcmp(p->addr.b, a->b, whole))
        return false;
    return !rest || !((p->addr.b[whole] ^ a->b[whole]) >> (8 - rest));
}

/* Model packets are pings: echo requests. */
static bool ping_matches(const struct selector *s, const struct addr *src, const struct addr *dst)
{
    uint8_t icmp = src->family == 4 ? 1 : 58;
    uint16_t type = src->family == 4 ? 8 : 128;

    if (!bits_equal(&s->src, src) || !bits_equal(&s->dst, dst))
        return false;
    return !s->protocol || (s->protocol == icmp && !((s->sport ^ type) & s->sport_mask) && !(s->dport & s->dport_mask));
}

const struct kernel_policy *xfrm_policy(const struct xfrm *x, enum direction d, const struct addr *src, const struct addr *dst)
{
    const struct kernel_policy *best = NULL;

    LIST_EACH (i, &x->policies) {
        const struct kernel_policy *p = &LIST_ITEM(i, struct spd_entry, link)->p;

        if (p->direction == d && (!best || p->priority < best->priority) && ping_matches(&p->sel, src, dst))
            best = p;
    }
    return best;
}

/* --- SAs -------------------------------------------------------------------------------------------------------------- */

/* Everything that decides whether a packet sealed by one SA opens with another. */
uint64_t xfrm_keys(struct world *w, const struct kernel_sa *sa)
{
    struct map m = {.seed = {1, 2}};
    uint8_t all[160], *p = all;

    bool ok = sa->encr && sa->encr_key.len == sa->encr->key_len && ((sa->encr->flags & ALG_AEAD) || sa->integ) &&
              (!sa->integ || sa->integ_key.len == sa->integ->key_len) && sa->encr_key.len + sa->integ_key.len <= 150;

    LAW(w, LAW_KEYS, ok, "an SA with keys of %zu and %zu bytes", sa->encr_key.len, sa->integ_key.len);
    if (w->failed)
        return 0;
    put_u16(p, sa->encr->id);
    put_u16(p + 2, sa->encr->key_bits);
    put_u16(p + 4, sa->integ ? sa->integ->id : 0);
    p[6] = sa->esn;
    memcpy(p + 7, sa->encr_key.p, sa->encr_key.len);
    p += 7 + sa->encr_key.len;
    if (sa->integ_key.len)
        memcpy(p, sa->integ_key.p, sa->integ_key.len);
    return map_hash(&m, span_of(all, (size_t)(p - all) + sa->integ_key.len));
}

static usec_t seconds_on(usec_t now, uint32_t seconds)
{
    return seconds ? now + seconds * USEC_SEC : USEC_NEVER;
}

/* Whose SA it is: of the ask that the hand is about. */
static void sa_attribute(struct xfrm *x, struct sa *s)
{
    const struct ask_child *q = x->doing;

    if (!q)
        return;
    s->connection = q->peer.connection;
    s->child = q->child;
    s->generation = q->peer.generation;
    s->other_spi = s->inbound ? q->spi_out : q->spi_in;
    s->n_local = q->ts_local.n < XFRM_TS_MAX ? q->ts_local.n : XFRM_TS_MAX;
    s->n_remote = q->ts_remote.n < XFRM_TS_MAX ? q->ts_remote.n : XFRM_TS_MAX;
    if (s->n_local)
        memcpy(s->ts_local, q->ts_local.v, s->n_local * sizeof(struct ts));
    if (s->n_remote)
        memcpy(s->ts_remote, q->ts_remote.v, s->n_remote * sizeof(struct ts));
}

/* The larval SA that a new one replaces: the one of its ACQUIRE, or one of the same template. */
static void larval_replaced(struct xfrm *x, const struct kernel_sa *sa)
{
    LIST_EACH (i, &x->larvals) {
        struct larval_sa *l = LIST_ITEM(i, struct larval_sa, link);
        bool same = l->reqid == sa->reqid && l->name.transport == sa->transport && addr_equal(&l->name.src, &sa->src);

        if (!addr_equal(&l->name.dst, &sa->dst) || !(sa->seq && l->seq == sa->seq ? true : same))
            continue;
        list_remove(&l->link);
        free(l);
        return;
    }
}

static int sa_add(struct end *e, const struct kernel_sa *sa)
{
    struct xfrm *x = &e->xfrm;
    struct endpoint src = {sa->src, sa->encap_sport}, dst = {sa->dst, sa->encap_dport};
    usec_t now = e->world->now;
    struct sa *s;

    if (sa_named(x, sa->spi, &sa->dst))
        return ERR_EXISTS;
    s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    *s = (struct sa){
        .inbound = !sa->outbound,
        .spi = sa->spi,
        .reqid = sa->reqid,
        .local = sa->outbound ? src : dst,
        .remote = sa->outbound ? dst : src,
        .encap = sa->udp_encap,
        .transport = sa->transport,
        .keys = xfrm_keys(e->world, sa),
        .soft_packets = sa->life.soft_packets,
        .hard_packets = sa->life.hard_packets,
        .soft_bytes = sa->life.soft_bytes,
        .hard_bytes = sa->life.hard_bytes,
        .serial = ++x->serials,
        .added = now,
        .soft_at = seconds_on(now, sa->life.soft_seconds),
        .hard_at = seconds_on(now, sa->life.hard_seconds),
    };
    sa_attribute(x, s);
    list_append(&x->sas, &s->link);
    larval_replaced(x, sa);
    xfrm_watch(e, s);
    x->installs += s->inbound;
    world_trace(e->world, "%u SAD + %s %08x of %u.%u", e->index, s->inbound ? "in" : "out", s->spi, s->connection, s->child);
    law_sa_added(e, s);
    return 0;
}

static int sa_del(struct end *e, const struct sa_name *n)
{
    struct sa *s = sa_named(&e->xfrm, n->spi, &n->dst);

    if (!s)
        return ERR_NOT_FOUND;
    world_trace(e->world, "%u SAD - %s %08x of %u.%u", e->index, s->inbound ? "in" : "out", s->spi, s->connection, s->child);
    if (s->foreign)
        law_broken(e->world, LAW_OTHERS_STAY, "end %u deletes an SA of another program", e->index);
    law_sa_deleted(e, s);
    e->xfrm.removes += s->inbound;
    list_remove(&s->link);
    free(s);
    return 0;
}

static int sa_move(struct end *e, const struct sa_move *m)
{
    struct sa *s = sa_named(&e->xfrm, m->old.spi, &m->old.dst), *other = sa_named(&e->xfrm, m->old.spi, &m->dst);
    struct endpoint src = {m->src, m->encap_sport}, dst = {m->dst, m->encap_dport};

    if (!s)
        return ERR_NOT_FOUND;
    if (other && other != s)
        return ERR_EXISTS;
    s->local = s->inbound ? dst : src;
    s->remote = s->inbound ? src : dst;
    s->encap = m->udp_encap;
    world_trace(e->world, "%u SAD > %s %08x moves", e->index, s->inbound ? "in" : "out", s->spi);
    return 0;
}

/* --- policies --------------------------------------------------------------------------------------------------------- */

static bool same_prefix(const struct prefix *a, const struct prefix *b)
{
    return a->bits == b->bits && addr_equal(&a->addr, &b->addr);
}

static bool same_identity(const struct kernel_policy *a, const struct kernel_policy *b)
{
    const struct selector *s = &a->sel, *t = &b->sel;

    return a->direction == b->direction && a->mark == b->mark && a->mark_mask == b->mark_mask && a->if_id == b->if_id &&
           same_prefix(&s->src, &t->src) && same_prefix(&s->dst, &t->dst) && s->protocol == t->protocol && s->sport == t->sport &&
           s->sport_mask == t->sport_mask && s->dport == t->dport && s->dport_mask == t->dport_mask;
}

static int policy_put(struct end *e, const struct kernel_policy *p, bool replace)
{
    struct spd_entry *fresh;

    LIST_EACH (i, &e->xfrm.policies) {
        struct spd_entry *old = LIST_ITEM(i, struct spd_entry, link);
        uint32_t index = old->p.index;

        if (!same_identity(&old->p, p))
            continue;
        if (!replace)
            return ERR_EXISTS;
        if (!POLICY_INDEX_OURS(index))
            law_broken(e->world, LAW_OTHERS_STAY, "end %u replaces a policy of another program", e->index);
        old->p = *p;
        old->p.index = index;
        law_policy_set(e, p);
        return 0;
    }
    fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        abort();
    fresh->p = *p;
    list_append(&e->xfrm.policies, &fresh->link);
    law_policy_set(e, p);
    return 0;
}

static int policy_del(struct end *e, const struct kernel_policy *p)
{
    LIST_EACH (i, &e->xfrm.policies) {
        struct spd_entry *old = LIST_ITEM(i, struct spd_entry, link);

        if (old->p.index != p->index || old->p.direction != p->direction)
            continue;
        if (!POLICY_INDEX_OURS(old->p.index))
            law_broken(e->world, LAW_OTHERS_STAY, "end %u deletes a policy of another program", e->index);
        list_remove(&old->link);
        free(old);
        law_closed(e);
        return 0;
    }
    return ERR_NOT_FOUND;
}

static int larval_free(struct xfrm *x, const struct larval *name)
{
    LIST_EACH (i, &x->larvals) {
        struct larval_sa *l = LIST_ITEM(i, struct larval_sa, link);

        if (l->seq != name->seq || l->reqid != name->reqid)
            continue;
        list_remove(&l->link);
        free(l);
        return 0;
    }
    return ERR_NOT_FOUND;
}

/* --- the backend ------------------------------------------------------------------------------------------------------ */

static int perform(struct end *e, const struct kernel_op *op)
{
    switch (op->kind) {
    case OP_SA_ADD:
        return sa_add(e, &op->u.sa);
    case OP_SA_DEL:
        return sa_del(e, &op->u.name);
    case OP_SA_MOVE:
        return sa_move(e, &op->u.move);
    case OP_POLICY_NEW:
    case OP_POLICY_SET:
        return policy_put(e, &op->u.policy, op->kind == OP_POLICY_SET);
    case OP_POLICY_DEL:
        return policy_del(e, &op->u.policy);
    case OP_LARVAL_FREE:
        return larval_free(&e->xfrm, &op->u.larval);
    }
    return ERR_UNSUPPORTED;
}

/* What the kernel says instead of doing it; 0 = it does it. */
static int fault(struct end *e, const struct kernel_op *op)
{
    struct xfrm *x = &e->xfrm;
    const struct kernel_faults *f = &x->faults;
    struct lot lot;

    if (x->fail_next && !--x->fail_next)
        return x->fail_with;
    if (!(f->memory | f->io | f->exists))
        return 0;
    lot = lot_draw(e->world, LOT_OPERATION, e->index, (uint64_t)op->kind);
    if (lot_strikes(e->world, &lot, FAULT_KERNEL_MEMORY, f->memory))
        return ERR_MEMORY;
    if (lot_strikes(e->world, &lot, FAULT_KERNEL_IO, f->io))
        return ERR_IO;
    if (op->kind == OP_SA_ADD && !op->u.sa.outbound && lot_strikes(e->world, &lot, FAULT_EXISTS, f->exists))
        return ERR_EXISTS;
    return 0;
}

static void backend_apply(void *self, struct kernel_op *ops, size_t n)
{
    struct end *e = self;

    for (size_t i = 0; i < n; i++) {
        e->xfrm.operations++;
        if (end_beat(e, BEAT_OPERATION)) { /* the hand died before it could say this */
            ops[i].result = ERR_IO;
            continue;
        }
        ops[i].result = fault(e, &ops[i]);
        if (ops[i].result)
            e->xfrm.failed++;
        else
            ops[i].result = perform(e, &ops[i]);
        snprintf(ops[i].why, sizeof(ops[i].why), "%s", ops[i].result ? err_text(ops[i].result) : "");
    }
}

static void seen_of(const struct sa *s, struct sa_seen *out)
{
    const struct endpoint *src = s->inbound ? &s->remote : &s->local, *dst = s->inbound ? &s->local : &s->remote;

    *out = (struct sa_seen){.src = src->addr,
                            .dst = dst->addr,
                            .spi = s->spi,
                            .reqid = s->reqid,
                            .transport = s->transport,
                            .bytes = s->bytes,
                            .packets = s->packets,
                            .used_at = s->used_wall_s};
}

static int backend_sa_get(void *self, const struct sa_name *n, struct sa_seen *out)
{
    struct end *e = self;
    struct sa *s = sa_named(&e->xfrm, n->spi, &n->dst);

    if (!s)
        return ERR_NOT_FOUND;
    seen_of(s, out);
    return 0;
}

static int backend_dump_sas(void *self, void (*each)(void *ctx, const struct sa_seen *), void *ctx)
{
    struct end *e = self;
    struct sa_seen seen;

    LIST_EACH (i, &e->xfrm.sas) {
        seen_of(LIST_ITEM(i, struct sa, link), &seen);
        each(ctx, &seen);
    }
    LIST_EACH (i, &e->xfrm.larvals) {
        const struct larval_sa *l = LIST_ITEM(i, struct larval_sa, link);

        seen = (struct sa_seen){.src = l->name.src,
                                .dst = l->name.dst,
                                .reqid = l->reqid,
                                .seq = l->seq,
                                .larval = true,
                                .transport = l->name.transport,
                                .sel = l->packet};
        each(ctx, &seen);
    }
    return 0;
}

static int backend_dump_policies(void *self, void (*each)(void *ctx, const struct kernel_policy *), void *ctx)
{
    struct end *e = self;

    LIST_EACH (i, &e->xfrm.policies)
        each(ctx, &LIST_ITEM(i, struct spd_entry, link)->p);
    return 0;
}

static void *backend_open(const struct backend_setup *setup, struct text *why)
{
    struct end *e = setup->ctx;

    (void)why;
    e->xfrm.listening = true;
    e->xfrm.n_notices = 0;
    e->xfrm.overrun = false;
    return e;
}

static void backend_close(void *self)
{
    struct end *e = self;

    e->xfrm.listening = false;
    e->xfrm.n_notices = 0;
}

static int backend_clamp(void *self, const struct kernel_clamp *rules, size_t n, bool automatic, char why[KERNEL_WHY_MAX])
{
    (void)self;
    (void)rules;
    (void)n;
    (void)automatic;
    why[0] = 0;
    return 0;
}

static size_t backend_fds(void *self, int *out, size_t max)
{
    (void)self;
    (void)out;
    (void)max;
    return 0;
}

static bool backend_read(void *self, void (*each)(void *ctx, const struct notice *), void *ctx)
{
    struct xfrm *x = &((struct end *)self)->xfrm;
    struct notice taken[XFRM_NOTICES_MAX];
    size_t n = x->n_notices;
    bool overrun = x->overrun;

    memcpy(taken, x->notices, n * sizeof(*taken));
    x->n_notices = 0;
    x->overrun = false;
    if (overrun)
        each(ctx, &(struct notice){.kind = NOTICE_OVERRUN});
    for (size_t i = 0; i < n; i++)
        each(ctx, &taken[i]);
    return false;
}

const struct hand_backend backend_world = {
    .name = "world",
    .open = backend_open,
    .close = backend_close,
    .apply = backend_apply,
    .sa_get = backend_sa_get,
    .dump_sas = backend_dump_sas,
    .dump_policies = backend_dump_policies,
    .clamp = backend_clamp,
    .fds = backend_fds,
    .read = backend_read,
};
