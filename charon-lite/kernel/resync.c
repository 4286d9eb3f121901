/* SPDX-License-Identifier: Apache-2.0 */
/* When count was lost (netlink overrun, or somebody flushed the tables): look at everything, mend, and say what is gone. */
#include "hand_inside.h"

#include <stdlib.h>
#include <string.h>

struct look {
    struct hand *h;
    bool events; /* tell of larval SAs, as the ACQUIREs that were lost */
    struct kernel_op *orphans;
    size_t n, cap;
    bool more;
};

static void orphan_add(struct look *l, const struct sa_seen *s)
{
    struct kernel_op *op;

    if (l->n == l->cap) {
        l->more = true;
        return;
    }
    op = &l->orphans[l->n++];
    memset(op, 0, sizeof *op);
    op->kind = s->larval ? OP_LARVAL_FREE : OP_SA_DEL;
    if (s->larval)
        op->u.larval = (struct larval){.seq = s->seq,
                                       .reqid = s->reqid,
                                       .src = s->src,
                                       .dst = s->dst,
                                       .transport = s->transport,
                                       .mark = s->mark,
                                       .mark_mask = s->mark_mask,
                                       .if_id = s->if_id};
    else
        op->u.name = (struct sa_name){s->spi, s->dst, s->mark, s->mark_mask, s->if_id};
}

static bool past(uint64_t limit, uint64_t n)
{
    return limit && n > limit;
}

static void look_at_sa(void *ctx, const struct sa_seen *s)
{
    struct look *l = ctx;
    struct sa_ref *ref;

    if (!REQID_OURS(s->reqid))
        return;
    if (s->larval && l->events) {
        acquire_seen(l->h, s);
        return;
    }
    ref = s->larval ? NULL : sa_find(l->h, s->spi, &s->dst);
    if (!ref) {
        orphan_add(l, s);
        return;
    }
    ref->seen = true;
    ref->due = past(ref_record(ref)->soft_bytes, s->bytes) || past(ref_record(ref)->soft_packets, s->packets);
}

static void mark_unseen(struct hand *h)
{
    LIST_EACH (i, &h->records) {
        struct sa_record *r = LIST_ITEM(i, struct sa_record, in_hand);

        r->in.seen = r->out.seen = r->in.due = r->out.due = false;
    }
    for (struct policy *p = policy_next(h, NULL); p; p = policy_next(h, p))
        for (int d = 0; d < DIRECTIONS; d++)
            p->state[d].seen = false;
}

/* Our SAs that nobody knows: those of an earlier run, or of an ask whose end we did not see. In batches, until none is left. */
static int look_at_sas(struct hand *h, bool events)
{
    struct look l = {.h = h, .events = events, .cap = DUMPED_ORPHANS_MAX};
    int err;

    l.orphans = calloc(l.cap, sizeof *l.orphans);
    if (!l.orphans) {
        hand_unsure(h);
        return ERR_MEMORY;
    }
    for (int i = 0; i < 1024; i++) {
        l.n = 0;
        l.more = false;
        err = h->setup.backend->dump_sas(h->backend, look_at_sa, &l);
        if (!err && l.n)
            hand_apply(h, l.orphans, l.n);
        if (err || !l.more)
            break;
    }
    free(l.orphans);
    if (err)
        hand_unsure(h);
    return err;
}

void orphans_delete(struct hand *h)
{
    int err = look_at_sas(h, false);

    if (err)
        hand_log(h, LEVEL_WARNING, "SAs of an earlier run may be left in the kernel: %s", err_text(err));
}

static void look_at_policy(void *ctx, const struct kernel_policy *p)
{
    if (POLICY_INDEX_OURS(p->index))
        policy_adopt(ctx, p);
}

int policies_look(struct hand *h)
{
    return h->setup.backend->dump_policies(h->backend, look_at_policy, h);
}

void gone_emit(struct hand *h, struct sa_ref *ref)
{
    struct event e = {.kind = EVENT_GONE};

    e.u.expire.spi = ref->spi;
    e.u.expire.destination = ref_name(ref).dst;
    e.u.expire.hard = true;
    record_lost(h, ref);
    h->setup.event(h->setup.ctx, &e);
}

static void tell_due(struct hand *h, const struct sa_ref *ref)
{
    struct event e = {.kind = EVENT_EXPIRE};

    e.u.expire.spi = ref->spi;
    e.u.expire.destination = ref_name(ref).dst;
    h->setup.event(h->setup.ctx, &e);
}

static void tell_seen(struct hand *h)
{
    LIST_EACH (i, &h->records) {
        struct sa_record *r = LIST_ITEM(i, struct sa_record, in_hand);

        if (r->in.due || r->out.due)
            tell_due(h, r->in.due ? &r->in : &r->out);
        if (r->in.there && !r->in.seen)
            gone_emit(h, &r->in);
        if (r->out.there && !r->out.seen)
            gone_emit(h, &r->out);
    }
}

static void mend_policies(struct hand *h)
{
    size_t missing = 0;
    int err = policies_look(h);

    if (err) {
        hand_log(h, LEVEL_ERROR, "the kernel's policies cannot be read: %s", err_text(err));
        hand_unsure(h);
        return;
    }
    for (struct policy *p = policy_next(h, NULL); p; p = policy_next(h, p))
        for (int d = 0; d < DIRECTIONS; d++) {
            if (!p->state[d].in_kernel || p->state[d].seen)
                continue;
            p->state[d].in_kernel = false;
            missing++;
            policy_dirty(h, p, DIRECTION_BIT(d));
        }
    if (missing)
        hand_log(h, LEVEL_WARNING, "%zu policies of ours were gone from the kernel; they are put back", missing);
    (void)policies_settle(h, true, NULL);
}

/* Policies before anything else: what is open by mistake is closed first. */
void resync(struct hand *h)
{
    int err;

    h->resync_wanted = false;
    h->counts.resyncs++;
    hand_log(
        h, LEVEL_WARNING,
        "events of the kernel were lost, its tables were changed by others, or an order failed: looking at everything again");
    mark_unseen(h);
    mend_policies(h);
    h->setup.event(h->setup.ctx, &(struct event){.kind = EVENT_LOST});
    err = look_at_sas(h, true);
    if (err)
        hand_log(h, LEVEL_ERROR, "the kernel's SAs cannot be read: %s", err_text(err));
    else
        tell_seen(h);
    (void)policies_settle(h, true, NULL);
}
