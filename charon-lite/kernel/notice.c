/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel reports, as events for the core: only what is ours, and one ACQUIRE for each wish. */
#include "hand_inside.h"

#include <stdlib.h>
#include <string.h>

static uint64_t pending_hash(const struct hand *h, uint32_t reqid)
{
    uint8_t key[4];

    put_u32(key, reqid);
    return map_hash(&h->pendings, span_of(key, sizeof key));
}

struct pending *pending_find(const struct hand *h, uint32_t reqid)
{
    for (struct map_node *n = map_first(&h->pendings, pending_hash(h, reqid)); n; n = map_more(n)) {
        struct pending *p = CONTAINER_OF(n, struct pending, node);

        if (p->larval.reqid == reqid)
            return p;
    }
    return NULL;
}

/* The core names a child's reqid; a split child's traps have one each. */
static struct pending *pending_by_seq(const struct hand *h, uint32_t seq)
{
    for (size_t i = 0; i < h->pendings.n_slots; i++)
        for (struct map_node *n = h->pendings.slots[i]; n; n = n->next)
            if (CONTAINER_OF(n, struct pending, node)->larval.seq == seq)
                return CONTAINER_OF(n, struct pending, node);
    return NULL;
}

void pending_end(struct hand *h, struct pending *p, bool free_larval)
{
    struct kernel_op op = {.kind = OP_LARVAL_FREE, .u.larval = p->larval};

    map_remove(&h->pendings, &p->node);
    free(p);
    if (free_larval)
        hand_apply(h, &op, 1); /* it would time out by itself; a failure harms nothing */
}

void acquire_done(struct hand *h, const struct ask *a)
{
    struct answer out = {.ticket = a->ticket, .kind = a->kind, .result = ANSWER_OK};
    struct pending *p = pending_by_seq(h, a->u.acquire.seq);

    if (!p)
        p = pending_find(h, a->u.acquire.reqid); /* the trap has asked again since */
    if (p)
        pending_end(h, p, true);
    h->setup.answer(h->setup.ctx, &out);
}

/* True when this ACQUIRE is news: nobody works on one with its reqid, or has been at it for long without a word. */
static bool pending_note(struct hand *h, const struct larval *l)
{
    struct pending *p = pending_find(h, l->reqid);
    usec_t now = hand_now(h);

    if (p) {
        p->larval = *l; /* the kernel's current question: its SA must name this one */
        if (now - p->since < PENDING_REPEAT)
            return false;
        p->since = now;
        return true;
    }
    if (h->pendings.count >= PENDING_MAX)
        return false;
    p = calloc(1, sizeof *p);
    if (!p)
        return false;
    p->larval = *l;
    p->since = now;
    if (map_add(&h->pendings, &p->node, pending_hash(h, l->reqid))) {
        free(p);
        return false;
    }
    return true;
}

static void emit(struct hand *h, const struct event *e)
{
    h->setup.event(h->setup.ctx, e);
}

static struct ts packet_side(const struct selector *s, bool remote)
{
    const struct prefix *p = remote ? &s->dst : &s->src;
    uint16_t port = remote ? s->dport : s->sport, mask = remote ? s->dport_mask : s->sport_mask;
    struct ts t = {.protocol = s->protocol, .port_low = port, .port_high = port};

    if (s->protocol == 1 || s->protocol == 58) {
        t.port_low = t.port_high = (uint16_t)(s->sport << 8 | (s->dport & 0xff));
        mask = s->sport_mask;
    }
    if (!mask || !s->protocol) {
        t.port_low = 0;
        t.port_high = 0xffff;
    }
    prefix_bounds(p, &t.low, &t.high);
    return t;
}

static void acquire_emit(struct hand *h, const struct trap *trap, const struct larval *l, const struct selector *packet)
{
    const struct hand_child *child = trap->child;
    struct event e = {.kind = EVENT_ACQUIRE};

    if (!pending_note(h, l)) {
        h->counts.acquires_dropped++;
        return;
    }
    h->counts.acquires++;
    e.u.acquire.connection = child->conn->conf->index;
    e.u.acquire.child = child->index;
    e.u.acquire.generation = h->conf->generation;
    e.u.acquire.reqid = l->reqid;
    e.u.acquire.seq = l->seq;
    e.u.acquire.local = packet_side(packet, false);
    e.u.acquire.remote = packet_side(packet, true);
    emit(h, &e);
}

void acquire_seen(struct hand *h, const struct sa_seen *s)
{
    struct larval l = {.seq = s->seq,
                       .reqid = s->reqid,
                       .src = s->src,
                       .dst = s->dst,
                       .transport = s->transport,
                       .mark = s->mark,
                       .mark_mask = s->mark_mask,
                       .if_id = s->if_id};
    const struct trap *t = trap_find(h, s->reqid);

    if (t && !t->n_up)
        acquire_emit(h, t, &l, &s->sel);
}

static void take_acquire(struct hand *h, const struct notice *n)
{
    const struct policy *p = policy_by_index(h, n->u.acquire.policy_index);
    const struct claim *c = p ? policy_claim(h, p, n->u.acquire.policy_index & 7) : NULL;

    if (!c || h->disarmed)
        return;
    if (claim_trap(c))
        acquire_emit(h, claim_trap(c), &n->u.acquire.larval, &n->u.acquire.packet);
    else if (c->rank !=
             CLAIM_PASS) /* a policy of an SA asks for one, or did: the SA is not there, but a larval one with its SPI */
        h->resync_wanted = true;
}

static void take_expire(struct hand *h, const struct notice *n)
{
    struct event e = {.kind = EVENT_EXPIRE};
    struct sa_ref *ref = sa_find(h, n->u.expire.spi, &n->u.expire.dst);

    if (!ref)
        return; /* larval, or not ours any more */
    e.u.expire.spi = n->u.expire.spi;
    e.u.expire.destination = n->u.expire.dst;
    e.u.expire.hard = n->u.expire.hard;
    if (n->u.expire.hard) {
        record_lost(h, ref);
        (void)policies_settle(h, true, NULL);
    }
    emit(h, &e);
}

static void take_mapping(struct hand *h, const struct notice *n)
{
    struct event e = {.kind = EVENT_MAPPING};

    if (!sa_find(h, n->u.mapping.spi, &n->u.mapping.dst))
        return;
    e.u.mapping.spi_in = n->u.mapping.spi;
    e.u.mapping.old_remote = n->u.mapping.old_remote;
    e.u.mapping.new_remote = n->u.mapping.new_remote;
    emit(h, &e);
}

static void take_deleted(struct hand *h, const struct notice *n)
{
    struct sa_ref *ref = sa_find(h, n->u.expire.spi, &n->u.expire.dst);

    if (!ref)
        return;
    gone_emit(h, ref);
    (void)policies_settle(h, true, NULL);
}

static void take_changed(struct hand *h, const struct notice *n)
{
    if (policy_by_index(h, n->u.policy_index))
        h->resync_wanted = true;
}

void notice_take(void *ctx, const struct notice *n)
{
    struct hand *h = ctx;

    switch (n->kind) {
    case NOTICE_ACQUIRE:
        if (REQID_OURS(n->reqid))
            take_acquire(h, n);
        break;
    case NOTICE_EXPIRE:
        if (REQID_OURS(n->reqid))
            take_expire(h, n);
        break;
    case NOTICE_MAPPING:
        if (REQID_OURS(n->reqid))
            take_mapping(h, n);
        break;
    case NOTICE_ADDRESS:
        emit(h, &(struct event){.kind = EVENT_ADDRESS});
        break;
    case NOTICE_SA_DELETED:
        if (REQID_OURS(n->reqid))
            take_deleted(h, n);
        break;
    case NOTICE_POLICY_CHANGED:
        take_changed(h, n);
        break;
    case NOTICE_FLUSHED:
    case NOTICE_OVERRUN:
        h->resync_wanted = true;
        break;
    }
}
