/* SPDX-License-Identifier: Apache-2.0 */
/* What an initiator puts on the wire: the configured proposals with and without their key exchange. */
#include "suite/proposal.h"

struct offer {
    struct proposal *list;
    size_t n, max_list;
    struct transform *store;
    size_t used, max_store;
};

static bool transform_equal(const struct transform *a, const struct transform *b)
{
    return a->type == b->type && a->id == b->id && a->key_bits == b->key_bits;
}

static bool proposal_equal(const struct proposal *a, const struct proposal *b)
{
    if (a->protocol != b->protocol || a->n_transforms != b->n_transforms)
        return false;
    for (size_t i = 0; i < a->n_transforms; i++)
        if (!transform_equal(&a->transforms[i], &b->transforms[i]))
            return false;
    return true;
}

/* The proposal just built, at the end of the list, stays unless an equal one is there. */
static void offer_keep(struct offer *o)
{
    for (size_t i = 0; i < o->n; i++)
        if (proposal_equal(&o->list[i], &o->list[o->n])) {
            o->used -= o->list[o->n].n_transforms;
            return;
        }
    o->list[o->n].number = (uint8_t)(o->n + 1);
    o->n++;
}

static int offer_add(struct offer *o, const struct proposal *p, bool with_ke)
{
    struct proposal *to = &o->list[o->n];

    if (o->n >= o->max_list || o->n >= UINT8_MAX || o->max_store - o->used < p->n_transforms)
        return ERR_LIMIT;
    *to = (struct proposal){.protocol = p->protocol, .transforms = o->store + o->used};
    for (size_t i = 0; i < p->n_transforms; i++) {
        const struct transform *t = &p->transforms[i];

        if (t->type != TRANSFORM_KE || (with_ke && t->id != KE_NONE))
            o->store[o->used + to->n_transforms++] = *t;
    }
    o->used += to->n_transforms;
    offer_keep(o);
    return 0;
}

static bool has_group(const struct proposal *p)
{
    for (size_t i = 0; i < p->n_transforms; i++)
        if (p->transforms[i].type == TRANSFORM_KE && p->transforms[i].id != KE_NONE)
            return true;
    return false;
}

int proposal_offer(struct proposals ours, const struct proposal_rules *rules, struct proposal *list, size_t max_list,
                   struct transform *store, size_t max_store)
{
    struct offer o = {.list = list, .max_list = max_list, .store = store, .max_store = max_store};
    bool without = rules->ke == KE_ABSENT || (rules->ke == KE_OPTIONAL && !rules->pfs_required);
    int err = 0;

    for (size_t i = 0; i < ours.n && rules->ke != KE_ABSENT && err == 0; i++)
        if (has_group(&ours.v[i]))
            err = offer_add(&o, &ours.v[i], true);
    for (size_t i = 0; i < ours.n && without && err == 0; i++)
        err = offer_add(&o, &ours.v[i], false);
    return err < 0 ? err : (int)o.n;
}
