/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the configuration says of a child's selectors: closed by a block, or by a trap where traffic may bring the SA up. In
 * and fwd are always blocks: a clear packet from the peer's side is never welcome.
 */
#include "hand_inside.h"

#include <stdlib.h>
#include <string.h>

static void push(struct ts store[TS_LIST_MAX], size_t *n, const struct ts *t, const struct addr *a)
{
    if (*n == TS_LIST_MAX)
        return;
    store[*n] = *t;
    if (a)
        store[*n].low = store[*n].high = *a;
    (*n)++;
}

struct ts_list selectors_configured(const struct conf_child *c, bool remote, const struct addr *outer, const struct addr *inner,
                                    struct ts store[TS_LIST_MAX])
{
    const struct ts_list *list = remote ? &c->remote : &c->local;
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        const struct ts *t = &list->v[i];

        if (t->low.family) {
            push(store, &n, t, NULL);
            continue;
        }
        if (outer && outer->family)
            push(store, &n, t, outer);
        if (inner && inner->family)
            push(store, &n, t, inner);
    }
    return (struct ts_list){store, n};
}

struct kernel_policy child_policy(const struct conf_child *c, const struct selector *s, enum claim_rank rank)
{
    return (struct kernel_policy){.sel = *s,
                                  .direction = DIRECTION_OUT,
                                  .mark = c->mark,
                                  .mark_mask = c->mark_mask,
                                  .if_id = c->if_id,
                                  .priority = c->priority ? c->priority + 2 - rank : selector_priority(s, rank)};
}

static struct claim claim_closed(struct trap *t)
{
    if (t->child->conf->keep == KEEP_ON_DEMAND && !t->child->conn->many)
        return (struct claim){.rank = CLAIM_CLOSED, .traps = true, .of.trap = t};
    return (struct claim){.rank = CLAIM_CLOSED, .of.child = t->child};
}

static int close_pair(struct hand *h, struct trap *t, struct selector *s, size_t max, struct text *why)
{
    int n = selectors_make(&t->local, &t->remote, s, max, why);
    int err = 0;

    for (int i = 0; i < n && !err; i++) {
        struct kernel_policy p = child_policy(t->child->conf, &s[i], CLAIM_CLOSED);

        err = claim_new(h, &p, DIRECTIONS_ALL, claim_closed(t), &t->child->claims, NULL) ? 0 : ERR_MEMORY;
    }
    if (err)
        text_add(why, "no memory, or no policy number left");
    return err ? err : n;
}

static void trap_init(struct hand *h, struct hand_child *child, size_t n)
{
    struct trap *t = &child->traps[n];
    uint16_t connection = child->conn->conf->index;

    t->child = child;
    if (n == 0) {
        t->reqid = reqid_configured(connection, child->index);
        return;
    }
    h->next_split_reqid = (h->next_split_reqid + 1) & 0x7fffff;
    t->reqid = reqid_dynamic(0x800000 | h->next_split_reqid);
}

/* Every pair of selectors; a joint child's pairs share one trap, for they share their SA. */
static int close_pairs(struct hand *h, struct hand_child *child, struct ts_list local, struct ts_list remote, struct selector *s,
                       struct text *why)
{
    bool joint = child->conf->split != SPLIT_SPLIT;
    size_t n = 0;

    child->n_traps = joint || !local.n || !remote.n ? 1 : local.n * remote.n;
    child->traps = calloc(child->n_traps, sizeof *child->traps);
    if (!child->traps)
        return ERR_MEMORY;
    for (size_t i = 0; i < child->n_traps; i++)
        trap_init(h, child, i);
    for (size_t i = 0; i < local.n * remote.n; i++) {
        struct trap *t = &child->traps[joint ? 0 : i];
        int made;

        t->local = local.v[i / remote.n];
        t->remote = remote.v[i % remote.n];
        made = close_pair(h, t, s + n, SELECTORS_MAX - n, why);
        if (made < 0)
            return made;
        n += (size_t)made;
    }
    return (int)n;
}

int closed_make(struct hand *h, struct hand_child *child, struct text *why)
{
    struct ts local[TS_LIST_MAX], remote[TS_LIST_MAX];
    struct ts_list l = selectors_configured(child->conf, false, &child->conn->local, NULL, local);
    struct ts_list r = selectors_configured(child->conf, true, &child->conn->remote, NULL, remote);
    struct selector *s = reallocarray(NULL, SELECTORS_MAX, sizeof *s);
    int n = s ? close_pairs(h, child, l, r, s, why) : ERR_MEMORY;

    if (n > 0)
        n = exceptions_make(h, child, s, (size_t)n, why);
    free(s);
    return n < 0 ? n : 0;
}

void closed_drop(struct hand *h, struct hand_child *child)
{
    claims_drop(h, &child->claims);
    free(child->traps);
    child->traps = NULL;
    child->n_traps = 0;
}

/* New claims first, so that nothing is without one in between; then the old ones go (or, if the new ones cannot be made, stay),
 * and the SAs are counted anew. */
int closed_remake(struct hand *h, struct hand_child *child, struct text *why)
{
    struct hand_child old = *child;
    int err;

    child->claims = NULL;
    child->traps = NULL;
    err = closed_make(h, child, why);
    if (err) {
        closed_drop(h, child);
        child->claims = old.claims;
        child->traps = old.traps;
        child->n_traps = old.n_traps;
        return err;
    }
    closed_drop(h, &old);
    child->n_up = 0;
    LIST_EACH (i, &h->records) {
        struct sa_record *r = LIST_ITEM(i, struct sa_record, in_hand);

        if (r->child != child)
            continue;
        r->child = NULL;
        record_link(h, r, child);
    }
    return 0;
}

struct trap *trap_find(const struct hand *h, uint32_t reqid)
{
    for (size_t i = 0; h->conf && i < h->conf->n_connections; i++)
        for (size_t j = 0; j < h->conns[i].conf->n_children; j++)
            for (size_t k = 0; k < h->conns[i].children[j].n_traps; k++)
                if (h->conns[i].children[j].traps[k].reqid == reqid)
                    return &h->conns[i].children[j].traps[k];
    return NULL;
}
