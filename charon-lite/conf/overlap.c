/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors of different children that claim the same packets. In the kernel a policy is its selector, mark and interface: equal
 * ones cannot both be there. Nested ones are in order, for the narrower goes first. Crossing ones (each wider than the other at
 * one end) leave to chance who gets the packets of both.
 *
 * Every pair of a local and a remote selector is a rectangle. They are sorted by local, then remote network; a rectangle is
 * compared with those that are wider (or equal) at our end and narrower (or equal) at the peer's, which lie side by side: one
 * binary search for each length of prefix that is in use. So the work grows as n log n, and not with the number of pairs.
 */
#include "conf/rows.h"

#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX ((size_t)4 << 20)

struct pair {
    uint32_t if_id, mark, mask, order;
    struct prefix local, remote; /* around the selectors */
    struct ts l, r;
    const struct draft *d;
    uint32_t child;
};

struct overlaps {
    struct reading *r;
    struct pair *v;
    const struct pair **sorted;
    size_t n;
    bool bits[2][129]; /* lengths of local prefixes in use, by family */
    size_t work;       /* comparisons left */
};

static int compare_u32(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_prefix(const struct prefix *a, const struct prefix *b)
{
    int order = addr_compare(&a->addr, &b->addr);

    return order ? order : compare_u32(a->bits, b->bits);
}

static int compare_kind(const struct pair *a, const struct pair *b)
{
    int order = compare_u32(a->if_id, b->if_id);

    if (!order)
        order = compare_u32(a->mark, b->mark);
    if (!order)
        order = compare_u32(a->mask, b->mask);
    return order ? order : compare_prefix(&a->local, &b->local);
}

static int compare_pair(const void *x, const void *y)
{
    const struct pair *a = *(const struct pair *const *)x, *b = *(const struct pair *const *)y;
    int order = compare_kind(a, b);

    if (!order)
        order = compare_prefix(&a->remote, &b->remote);
    return order ? order : compare_u32(a->order, b->order);
}

static struct prefix around(const struct ts *ts)
{
    return ts->low.family ? prefix_around(&ts->low, &ts->high) : (struct prefix){0};
}

static void pair_add(struct overlaps *o, const struct draft *d, size_t child, const struct ts *l, const struct ts *r)
{
    const struct conf_child *ch = &d->c.children[child];
    struct pair *p = &o->v[o->n];

    *p = (struct pair){ch->if_id, ch->mark, ch->mark_mask, (uint32_t)o->n, {{0}, 0}, {{0}, 0}, *l, *r, d, (uint32_t)child};
    if (!l->low.family && d->c.local.addr.family)
        p->l.low = p->l.high = d->c.local.addr;
    if (!r->low.family && d->c.remote.addr.family)
        p->r.low = p->r.high = d->c.remote.addr;
    /* a peer from anywhere, or one whose address a name will tell */
    if (!p->r.low.family || (p->l.low.family && p->l.low.family != p->r.low.family))
        return;
    p->local = around(&p->l);
    p->remote = around(&p->r);
    o->bits[p->r.low.family == 6][p->local.bits] = true;
    o->n++;
}

static size_t pairs_count(const struct reading *r)
{
    size_t n = 0;

    for (const struct draft *d = r->first; d; d = d->next) {
        for (size_t i = 0; !d->broken && i < d->c.n_children; i++)
            n += d->c.children[i].local.n * d->c.children[i].remote.n;
    }
    return n;
}

static void pairs_collect(struct overlaps *o)
{
    for (const struct draft *d = o->r->first; d; d = d->next) {
        for (size_t i = 0; !d->broken && i < d->c.n_children; i++) {
            const struct conf_child *ch = &d->c.children[i];

            for (size_t k = 0; k < ch->local.n * ch->remote.n; k++)
                pair_add(o, d, i, &ch->local.v[k / ch->remote.n], &ch->remote.v[k % ch->remote.n]);
        }
    }
    for (size_t i = 0; i < o->n; i++)
        o->sorted[i] = &o->v[i];
    if (o->n)
        qsort(o->sorted, o->n, sizeof(*o->sorted), compare_pair);
}

static const char *pair_text(const struct pair *p, char *out, size_t cap)
{
    struct text t = text_in(out, cap);

    selector_print(&p->l, &t);
    text_add(&t, " to ");
    selector_print(&p->r, &t);
    return out;
}

static void pairs_equal(struct reading *r, const struct pair *before, const struct pair *p)
{
    const struct conf_child *ch = &before->d->c.children[before->child];
    char words[2 * TS_TEXT_MAX + 8];

    error_at(r, child_at(p->d, p->child, "remote"),
             "%s is what child \"%s\" of \"%s\" protects already (%s:%u): give one of them other networks, a mark or an if_id",
             pair_text(p, words, sizeof(words)), ch->name, before->d->c.name, ch->place.file, ch->place.line);
}

static void pairs_cross(struct reading *r, const struct pair *before, const struct pair *p)
{
    const struct conf_child *ch = &before->d->c.children[before->child];
    char words[2 * TS_TEXT_MAX + 8], theirs[2 * TS_TEXT_MAX + 8];

    warning_at(r, child_at(p->d, p->child, "remote"),
               "%s crosses %s of child \"%s\" of \"%s\" (%s:%u): packets of both go to either; a narrower network or a priority "
               "decides it",
               pair_text(p, words, sizeof(words)), pair_text(before, theirs, sizeof(theirs)), ch->name, before->d->c.name,
               ch->place.file, ch->place.line);
}

static bool addresses_within(const struct ts *inner, const struct ts *outer)
{
    return addr_compare(&outer->low, &inner->low) <= 0 && addr_compare(&inner->high, &outer->high) <= 0;
}

/* Each is wider than the other somewhere, by its addresses; or, where these are equal, by its ports. */
static bool is_crossing(const struct pair *a, const struct pair *b)
{
    bool a_in_b = addresses_within(&a->l, &b->l) && addresses_within(&a->r, &b->r);
    bool b_in_a = addresses_within(&b->l, &a->l) && addresses_within(&b->r, &a->r);

    if (a_in_b != b_in_a)
        return false;
    if (!a_in_b)
        return true;
    return !(ts_contains(&a->l, &b->l) && ts_contains(&a->r, &b->r)) && !(ts_contains(&b->l, &a->l) && ts_contains(&b->r, &a->r));
}

static void pairs_compare(struct overlaps *o, const struct pair *p, const struct pair *q)
{
    const struct pair *before = q->order < p->order ? q : p, *after = before == q ? p : q;
    const struct conf_child *a = &before->d->c.children[before->child], *b = &after->d->c.children[after->child];
    bool same_nets = compare_prefix(&p->local, &q->local) == 0 && compare_prefix(&p->remote, &q->remote) == 0;

    /* equal networks meet twice: once is enough */
    if (a == b || (same_nets && q->order > p->order))
        return;
    if (!ts_overlap(&p->l, &q->l) || !ts_overlap(&p->r, &q->r))
        return;
    if (ts_equal(&p->l, &q->l) && ts_equal(&p->r, &q->r))
        pairs_equal(o->r, before, after);
    else if (a->priority == b->priority && is_crossing(p, q))
        pairs_cross(o->r, before, after);
}

/* The first of the sorted pairs that is not before the key. */
static size_t pairs_from(const struct overlaps *o, const struct pair *key)
{
    size_t low = 0, high = o->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (compare_pair(&o->sorted[mid], &key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Compares with those whose local network is `local` and whose remote network lies within ours. */
static void pairs_below(struct overlaps *o, const struct pair *p, const struct prefix *local)
{
    struct pair key = *p;
    const struct pair *k = &key;
    struct addr low, high;

    prefix_bounds(&p->remote, &low, &high);
    key.local = *local;
    key.order = 0;
    for (size_t i = pairs_from(o, k); i < o->n && o->work; i++, o->work--) {
        const struct pair *q = o->sorted[i];

        if (compare_kind(q, k) != 0 || addr_compare(&q->remote.addr, &high) > 0)
            break;
        if (q != p)
            pairs_compare(o, p, q);
    }
}

static void pair_check(struct overlaps *o, const struct pair *p)
{
    const bool *used = o->bits[p->r.low.family == 6];

    if (!p->local.addr.family) {
        pairs_below(o, p, &p->local);
        return;
    }
    for (unsigned bits = 0; bits <= p->local.bits; bits++) {
        struct prefix wider = {p->local.addr, (uint8_t)bits};
        struct addr high;

        if (!used[bits])
            continue;
        prefix_bounds(&wider, &wider.addr, &high);
        pairs_below(o, p, &wider);
    }
}

void rule_overlaps(struct reading *r)
{
    struct overlaps o = {.r = r};
    size_t n = pairs_count(r);

    if (n > PAIRS_MAX) {
        warning_at(r, NULL, "%zu pairs of networks are too many to look for overlaps among them", n);
        return;
    }
    o.v = arena_alloc(&r->tree, (n + 1) * sizeof(*o.v));
    o.sorted = arena_alloc(&r->tree, (n + 1) * sizeof(*o.sorted));
    if (!o.v || !o.sorted)
        return;
    pairs_collect(&o);
    o.work = 64 * o.n + ((size_t)1 << 20);
    for (size_t i = 0; i < o.n && o.work; i++)
        pair_check(&o, o.sorted[i]);
    if (!o.work)
        warning_at(r, NULL, "so many networks overlap that not all of them were compared");
}
