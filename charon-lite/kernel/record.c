/* SPDX-License-Identifier: Apache-2.0 */
/* What the hand keeps of each pair of SAs, and where it finds it: by SPI and destination. */
#include "hand_inside.h"

#include <stdlib.h>
#include <string.h>

static uint64_t sa_hash(const struct hand *h, uint32_t spi, const struct addr *dst)
{
    uint8_t key[21];

    put_u32(key, spi);
    key[4] = dst->family;
    memcpy(key + 5, dst->b, 16);
    return map_hash(&h->sas, span_of(key, sizeof key));
}

struct sa_record *ref_record(const struct sa_ref *ref)
{
    return ref->out ? CONTAINER_OF(ref, struct sa_record, out) : CONTAINER_OF(ref, struct sa_record, in);
}

static const struct addr *ref_dst(const struct sa_ref *ref)
{
    return ref->out ? &ref_record(ref)->remote : &ref_record(ref)->local;
}

struct sa_name ref_name(const struct sa_ref *ref)
{
    const struct sa_record *r = ref_record(ref);

    const struct policy *p = r->claims->policy;

    return (struct sa_name){ref->spi, *ref_dst(ref), ref->out ? p->mark : 0, ref->out ? p->mark_mask : 0, p->if_id};
}

struct sa_ref *sa_find(const struct hand *h, uint32_t spi, const struct addr *dst)
{
    for (struct map_node *n = map_first(&h->sas, sa_hash(h, spi, dst)); n; n = map_more(n)) {
        struct sa_ref *r = CONTAINER_OF(n, struct sa_ref, node);

        if (r->spi == spi && addr_equal(ref_dst(r), dst))
            return r;
    }
    return NULL;
}

bool ref_add(struct hand *h, struct sa_ref *r)
{
    r->there = map_add(&h->sas, &r->node, sa_hash(h, r->spi, ref_dst(r))) == 0;
    return r->there;
}

void ref_remove(struct hand *h, struct sa_ref *r)
{
    if (r->there)
        map_remove(&h->sas, &r->node);
    r->there = false;
}

static bool carries(const struct sa_record *r, const struct trap *t)
{
    if (t->child->conf->split != SPLIT_SPLIT)
        return true;
    for (const struct claim *c = r->claims; c; c = c->next)
        if (selector_meets(&c->policy->sel, &t->local, &t->remote))
            return true;
    return false;
}

static void count_up(struct hand *h, const struct sa_record *r, struct hand_child *child, bool up)
{
    bool turned;

    child->n_up = up ? child->n_up + 1 : child->n_up - 1;
    turned = child->n_up <= 1;
    for (size_t i = 0; i < child->n_traps; i++)
        if (carries(r, &child->traps[i])) {
            child->traps[i].n_up = up ? child->traps[i].n_up + 1 : child->traps[i].n_up - 1;
            turned = turned || child->traps[i].n_up <= 1;
        }
    if (turned)
        claims_dirty(h, child->claims);
}

void record_link(struct hand *h, struct sa_record *r, struct hand_child *child)
{
    if (r->child)
        count_up(h, r, r->child, false);
    r->child = child;
    if (child)
        count_up(h, r, child, true);
}

void sa_record_free(struct hand *h, struct sa_record *r)
{
    record_link(h, r, NULL);
    claims_drop(h, &r->claims);
    ref_remove(h, &r->in);
    ref_remove(h, &r->out);
    list_remove(&r->in_hand);
    free(r);
}

void record_lost(struct hand *h, struct sa_ref *ref)
{
    ref_remove(h, ref);
    claims_dirty(h, ref_record(ref)->claims);
}

/* Transport mode behind a NAT: what was agreed of the addresses before translation is, in packets as they come to the
 * kernel, of the outer ones (RFC 7296 2.23.1). */
static void translate(struct ts *t, const struct addr *inner, const struct addr *outer)
{
    if (inner->family && addr_equal(&t->low, inner) && addr_equal(&t->high, inner))
        t->low = t->high = *outer;
}

static int selectors_asked(const struct ask_child *a, struct selector *out, struct text *t)
{
    struct ts local[TS_LIST_MAX], remote[TS_LIST_MAX];
    struct ts_list l = {local, a->ts_local.n}, m = {remote, a->ts_remote.n};
    int n;

    if (l.n > TS_LIST_MAX || m.n > TS_LIST_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < l.n; i++)
        local[i] = a->ts_local.v[i];
    for (size_t i = 0; i < m.n; i++)
        remote[i] = a->ts_remote.v[i];
    for (size_t i = 0; i < l.n && a->transport; i++)
        translate(&local[i], &a->local_inner, &a->local.addr);
    for (size_t i = 0; i < m.n && a->transport; i++)
        translate(&remote[i], &a->remote_inner, &a->remote.addr);
    n = selectors_of_lists(l, m, out, SELECTORS_MAX, t);
    if (n == 0) {
        text_add(t, "the selectors of both sides have no packets in common");
        return ERR_REFUSED;
    }
    return n;
}

/* SAs that replace one another must fit the same template: the predecessor's reqid, or that of the trap in question, goes
 * before the one asked for. */
static uint32_t choose_reqid(const struct hand *h, const struct ask_child *a, const struct sa_record *r,
                             const struct hand_child *child)
{
    struct sa_ref *old = a->old_spi_in ? sa_find(h, a->old_spi_in, &a->local.addr) : NULL;

    if (old && ref_record(old)->child == child)
        return ref_record(old)->reqid;
    if (child->conf->split == SPLIT_SPLIT)
        for (size_t i = 0; i < child->n_traps; i++)
            if (carries(r, &child->traps[i]))
                return child->traps[i].reqid;
    return a->reqid;
}

static int claim_selectors(struct hand *h, struct sa_record *r, const struct conf_child *conf, const struct selector *s, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        struct kernel_policy p = child_policy(conf, &s[i], CLAIM_PROTECT);
        struct claim of = {.rank = CLAIM_PROTECT, .of.record = r};

        if (!claim_new(h, &p, DIRECTIONS_ALL, of, &r->claims, &r->room[i]))
            return ERR_MEMORY;
    }
    return 0;
}

uint32_t ref_time(usec_t at)
{
    return at / REF_UNIT ? (uint32_t)(at / REF_UNIT) : 1;
}

struct sa_ref ref_of(const struct hand *h, uint32_t spi, bool out)
{
    return (struct sa_ref){.spi = spi, .out = out, .looked = ref_time(hand_now(h))};
}

/* Without claims, places in tables and reqid. */
static struct sa_record *record_alloc(struct hand *h, const struct ask_child *a, size_t n)
{
    struct sa_record *r = calloc(1, sizeof *r + n * sizeof *r->room);

    if (!r)
        return NULL;
    list_append(&h->records, &r->in_hand);
    r->transport = a->transport;
    r->local = a->local.addr;
    r->remote = a->remote.addr;
    r->soft_bytes = a->soft_bytes;
    r->soft_packets = a->soft_packets;
    r->order = ++h->order;
    r->in = ref_of(h, a->spi_in, false);
    r->out = ref_of(h, a->spi_out, true);
    return r;
}

struct sa_record *sa_record_new(struct hand *h, const struct ask_child *a, const struct conf_child *conf,
                                struct hand_child *child, struct text *t, int *err)
{
    struct selector *s = reallocarray(NULL, SELECTORS_MAX, sizeof *s);
    int n = s ? selectors_asked(a, s, t) : ERR_MEMORY;
    struct sa_record *r = n > 0 ? record_alloc(h, a, (size_t)n) : NULL;

    *err = n < 0 ? n : r ? claim_selectors(h, r, conf, s, (size_t)n) : ERR_MEMORY;
    free(s);
    if (!r)
        return NULL;
    r->reqid = choose_reqid(h, a, r, child);
    if (!*err && (!ref_add(h, &r->in) || (!a->inbound_only && !ref_add(h, &r->out))))
        *err = ERR_MEMORY;
    if (!*err)
        record_link(h, r, child);
    else
        sa_record_free(h, r);
    return *err ? NULL : r;
}
