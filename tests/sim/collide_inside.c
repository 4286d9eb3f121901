/* SPDX-License-Identifier: Apache-2.0 */
/* A core from inside as a number, so that two schedules that led to the same are gone on with once. What is random (SPIs, nonces,
 * keys) and times do not count, but which timers run. */
#include "collide.h"
#include "ike/ike.h"

static uint64_t mix(uint64_t v, uint64_t with)
{
    v = (v ^ with) * 0x9e3779b97f4a7c15u;
    return v ^ v >> 29;
}

static uint64_t bits(const bool *v, size_t n)
{
    uint64_t out = 1;

    for (size_t i = 0; i < n; i++)
        out = out << 1 | v[i];
    return out;
}

static bool lives(const struct core *c, struct ticket t, enum ticket_for what)
{
    return ticket_find(c, t, what) != NULL;
}

static uint64_t child_digest(const struct core *c, const struct child_sa *k)
{
    const bool flags[] = {k->doomed,   k->installed, k->want_delete, k->want_rekey, k->deleting,
                          k->rekeying, k->redundant, k->rekey_wide,  k->ke_retried, k->we_initiated};
    uint64_t v = mix(bits(flags, COUNT_OF(flags)), (uint64_t)k->state | (uint64_t)k->index << 8);

    v = mix(v, lives(c, k->replaces, TICKET_CHILD_SA) | lives(c, k->peer_rekey, TICKET_CHILD_SA) << 1 |
                   (k->life.node.at != 0) << 2 | (k->retry_at > c->now) << 3 | (k->temporary_since != 0) << 4 |
                   (uint64_t)k->maker << 5);
    return v;
}

static uint64_t xchg_digest(const struct core *c, const struct xchg *x)
{
    const bool flags[] = {x->concluding, x->rekeys_child,    x->half, x->peer_has_child, x->deletes_ike,
                          x->childless,  x->deletes_children};

    return mix(bits(flags, COUNT_OF(flags)), (uint64_t)x->row->type | (uint64_t)(x->child != NULL) << 8 |
                                                 (uint64_t)(x->heir != NULL) << 9 |
                                                 (uint64_t)lives(c, x->rival, TICKET_CHILD_SA) << 10 | (uint64_t)x->n_dead << 11 |
                                                 (uint64_t)(x->row == &exchange_rekey_ike) << 16 | (uint64_t)x->message_id << 32);
}

static uint64_t sa_digest(const struct core *c, const struct ike_sa *sa)
{
    const bool flags[] = {sa->initiator, sa->half_open, sa->want_delete, sa->want_rekey,    sa->want_liveness,    sa->is_heir,
                          sa->replaced,  sa->redundant, sa->probed,      sa->traffic_asked, sa->rekey_group_tried};
    uint64_t v =
        mix(bits(flags, COUNT_OF(flags)), (uint64_t)sa->state | (uint64_t)sa->next_ours << 8 | (uint64_t)sa->next_theirs << 36);

    v = mix(v, lives(c, sa->replaced_by, TICKET_IKE_SA) | lives(c, sa->peer_rekey, TICKET_IKE_SA) << 1 |
                   (sa->maker != NULL) << 2 | (sa->temporary_since != 0) << 3 | (sa->rekey_retry_at > c->now) << 4 |
                   sa->n_lost << 8 | (uint64_t)(sa->ours ? sa->ours->tries : 0) << 16);
    v = mix(v, sa->ours ? xchg_digest(c, sa->ours) : 1);
    v = mix(v, sa->theirs ? xchg_digest(c, sa->theirs) : 2);
    LIST_EACH (it, &sa->children) {
        v = mix(v, child_digest(c, LIST_ITEM(it, struct child_sa, in_sa)));
    }
    return v;
}

uint64_t clash_inside(const struct core *c)
{
    uint64_t v = c->timers.n;

    LIST_EACH (it, &c->sas) {
        v = mix(v, sa_digest(c, LIST_ITEM(it, struct ike_sa, in_core)));
    }
    for (size_t i = 0; i < c->n_peers; i++)
        for (size_t k = 0; k < c->peers[i].n_slots; k++) {
            const struct slot_wish *s = &c->peers[i].slots[k];
            const bool flags[] = {s->ordered, s->down, s->acquired, s->ke_tried};

            v = mix(v, bits(flags, COUNT_OF(flags)) | (uint64_t)s->failures << 8 | (uint64_t)s->ke_group << 16);
        }
    return mix(v, list_count(&c->lingering));
}
