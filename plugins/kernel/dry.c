/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dry - no kernel at all: a table in memory that takes and refuses what a kernel would, and prints each operation as a line.
 * Keys are never printed.
 */
#include "kernel/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dry_sa {
    struct list in;
    struct sa_seen seen;
};
struct dry_policy {
    struct list in;
    struct kernel_policy p;
};
struct dry {
    struct backend_setup setup;
    struct list sas, policies;
};

static void *dry_open(const struct backend_setup *setup, struct text *why)
{
    struct dry *d = calloc(1, sizeof *d);

    if (!d) {
        text_add(why, "no memory");
        return NULL;
    }
    d->setup = *setup;
    list_init(&d->sas);
    list_init(&d->policies);
    return d;
}

static void dry_close(void *self)
{
    struct dry *d = self;

    LIST_EACH (i, &d->sas)
        free(LIST_ITEM(i, struct dry_sa, in));
    LIST_EACH (i, &d->policies)
        free(LIST_ITEM(i, struct dry_policy, in));
    free(d);
}

static struct dry_sa *sa_find(const struct dry *d, uint32_t spi, const struct addr *dst)
{
    LIST_EACH (i, &d->sas) {
        struct dry_sa *s = LIST_ITEM(i, struct dry_sa, in);

        if (s->seen.spi == spi && addr_equal(&s->seen.dst, dst))
            return s;
    }
    return NULL;
}

static int sa_add(struct dry *d, const struct kernel_sa *sa)
{
    struct dry_sa *s;

    if (sa_find(d, sa->spi, &sa->dst))
        return ERR_EXISTS;
    s = calloc(1, sizeof *s);
    if (!s)
        return ERR_MEMORY;
    s->seen = (struct sa_seen){.src = sa->src,
                               .dst = sa->dst,
                               .spi = sa->spi,
                               .reqid = sa->reqid,
                               .transport = sa->transport,
                               .outbound_known = true,
                               .outbound = sa->outbound,
                               .mark = sa->outbound ? sa->mark : 0,
                               .mark_mask = sa->outbound ? sa->mark_mask : 0,
                               .if_id = sa->if_id};
    list_append(&d->sas, &s->in);
    return 0;
}

static int sa_del(struct dry *d, const struct sa_name *n)
{
    struct dry_sa *s = sa_find(d, n->spi, &n->dst);

    if (!s)
        return ERR_NOT_FOUND;
    list_remove(&s->in);
    free(s);
    return 0;
}

static int sa_move(struct dry *d, const struct sa_move *m)
{
    struct dry_sa *s = sa_find(d, m->old.spi, &m->old.dst);

    if (!s)
        return ERR_NOT_FOUND;
    s->seen.src = m->src;
    s->seen.dst = m->dst;
    return 0;
}

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

static int policy_put(struct dry *d, const struct kernel_policy *p, bool replace)
{
    struct dry_policy *fresh;

    LIST_EACH (i, &d->policies) {
        struct dry_policy *old = LIST_ITEM(i, struct dry_policy, in);
        uint32_t index = old->p.index;

        if (!same_identity(&old->p, p))
            continue;
        if (!replace)
            return ERR_EXISTS;
        old->p = *p;
        old->p.index = index;
        return 0;
    }
    fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return ERR_MEMORY;
    fresh->p = *p;
    list_append(&d->policies, &fresh->in);
    return 0;
}

static int policy_del(struct dry *d, const struct kernel_policy *p)
{
    LIST_EACH (i, &d->policies) {
        struct dry_policy *old = LIST_ITEM(i, struct dry_policy, in);

        if (old->p.index != p->index || old->p.direction != p->direction)
            continue;
        list_remove(&old->in);
        free(old);
        return 0;
    }
    return ERR_NOT_FOUND;
}

static void prefix_text(const struct prefix *p, uint16_t port, uint16_t mask, struct text *t)
{
    char a[ADDR_TEXT_MAX];

    text_add(t, " %s/%u", addr_format(&p->addr, a), p->bits);
    if (mask)
        text_add(t, "[%u/%#x]", port, mask);
}

static void policy_text(const char *verb, const struct kernel_policy *p, struct text *t)
{
    static const char *const directions[] = {"in", "out", "fwd"}, *const actions[] = {"pass", "block", "protect"};
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

    text_add(t, "policy %s %s", verb, directions[p->direction % 3]);
    prefix_text(&p->sel.src, p->sel.sport, p->sel.sport_mask, t);
    prefix_text(&p->sel.dst, p->sel.dport, p->sel.dport_mask, t);
    text_add(t, " protocol %u %s priority %u", p->sel.protocol, actions[p->action % 3], p->priority);
    if (p->if_id)
        text_add(t, " if_id %u", p->if_id);
    if (p->mark || p->mark_mask)
        text_add(t, " mark %#x/%#x", p->mark, p->mark_mask);
    if (p->action != POLICY_PROTECT)
        return;
    if (p->tmpl.transport)
        text_add(t, " transport");
    else
        text_add(t, " tunnel %s -> %s", addr_format(&p->tmpl.src, a), addr_format(&p->tmpl.dst, b));
    text_add(t, " reqid %#x spi %08x", p->tmpl.reqid, p->tmpl.spi);
}

static void sa_text(const struct kernel_sa *s, struct text *t)
{
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

    text_add(t, "sa add %s %s -> %s spi %08x reqid %#x %s %s%s%s%s", s->outbound ? "out" : "in", addr_format(&s->src, a),
             addr_format(&s->dst, b), s->spi, s->reqid, s->transport ? "transport" : "tunnel", s->encr->name, s->integ ? "-" : "",
             s->integ ? s->integ->name : "", s->esn ? " esn" : "");
    if (s->udp_encap)
        text_add(t, " udp %u-%u", s->encap_sport, s->encap_dport);
    if (s->replay_window)
        text_add(t, " window %u", s->replay_window);
    if (s->seq)
        text_add(t, " seq %u", s->seq);
}

static int apply_one(struct dry *d, const struct kernel_op *op, struct text *t)
{
    char a[ADDR_TEXT_MAX];

    switch (op->kind) {
    case OP_SA_ADD:
        sa_text(&op->u.sa, t);
        return sa_add(d, &op->u.sa);
    case OP_SA_DEL:
        text_add(t, "sa del -> %s spi %08x", addr_format(&op->u.name.dst, a), op->u.name.spi);
        return sa_del(d, &op->u.name);
    case OP_SA_MOVE:
        text_add(t, "sa move spi %08x -> %s udp %u-%u", op->u.move.old.spi, addr_format(&op->u.move.dst, a),
                 op->u.move.encap_sport, op->u.move.encap_dport);
        return sa_move(d, &op->u.move);
    case OP_POLICY_NEW:
        policy_text("new", &op->u.policy, t);
        return policy_put(d, &op->u.policy, false);
    case OP_POLICY_SET:
        policy_text("set", &op->u.policy, t);
        return policy_put(d, &op->u.policy, true);
    case OP_POLICY_DEL:
        policy_text("del", &op->u.policy, t);
        return policy_del(d, &op->u.policy);
    case OP_LARVAL_FREE:
        text_add(t, "larval free -> %s seq %u reqid %#x", addr_format(&op->u.larval.dst, a), op->u.larval.seq,
                 op->u.larval.reqid);
        return 0;
    }
    return ERR_UNSUPPORTED;
}

static void dry_apply(void *self, struct kernel_op *ops, size_t n)
{
    struct dry *d = self;

    for (size_t i = 0; i < n; i++) {
        char line[320];
        struct text t = text_in(line, sizeof line);

        ops[i].result = apply_one(d, &ops[i], &t);
        snprintf(ops[i].why, sizeof ops[i].why, "%s", ops[i].result ? err_text(ops[i].result) : "");
        if (ops[i].result)
            text_add(&t, ": %s", ops[i].why);
        if (d->setup.print)
            d->setup.print(d->setup.ctx, line);
    }
}

static int dry_sa_get(void *self, const struct sa_name *n, struct sa_seen *out)
{
    struct dry_sa *s = sa_find(self, n->spi, &n->dst);

    if (!s)
        return ERR_NOT_FOUND;
    *out = s->seen;
    return 0;
}

static int dry_dump_sas(void *self, void (*each)(void *ctx, const struct sa_seen *), void *ctx)
{
    struct dry *d = self;

    LIST_EACH (i, &d->sas)
        each(ctx, &LIST_ITEM(i, struct dry_sa, in)->seen);
    return 0;
}

static int dry_dump_policies(void *self, void (*each)(void *ctx, const struct kernel_policy *), void *ctx)
{
    struct dry *d = self;

    LIST_EACH (i, &d->policies)
        each(ctx, &LIST_ITEM(i, struct dry_policy, in)->p);
    return 0;
}

static int dry_clamp(void *self, const struct kernel_clamp *rules, size_t n, bool automatic, char why[KERNEL_WHY_MAX])
{
    struct dry *d = self;
    char line[160];

    why[0] = 0;
    for (size_t i = 0; d->setup.print && i < n + 1; i++) {
        struct text t = text_in(line, sizeof line);

        text_add(&t, "clamp");
        if (i == n) {
            text_add(&t, " %s", automatic ? "auto" : "nothing else");
        } else {
            prefix_text(&rules[i].src, 0, 0, &t);
            prefix_text(&rules[i].dst, 0, 0, &t);
            text_add(&t, " %u", rules[i].mss);
        }
        d->setup.print(d->setup.ctx, line);
    }
    return 0;
}

static size_t dry_fds(void *self, int *out, size_t max)
{
    (void)self;
    (void)out;
    (void)max;
    return 0;
}

static bool dry_read(void *self, void (*each)(void *ctx, const struct notice *), void *ctx)
{
    (void)self;
    (void)each;
    (void)ctx;
    return false;
}

const struct hand_backend backend_dry = {
    .name = "dry",
    .open = dry_open,
    .close = dry_close,
    .apply = dry_apply,
    .sa_get = dry_sa_get,
    .dump_sas = dry_dump_sas,
    .dump_policies = dry_dump_policies,
    .clamp = dry_clamp,
    .fds = dry_fds,
    .read = dry_read,
};
