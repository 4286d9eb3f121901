/* SPDX-License-Identifier: Apache-2.0 */
/* The gate from inside, as two numbers: everything that lasts, and the same without what any authentic request moves on. Counters
 * (packets, drops, hints) are in neither. */
#include "ike/ike.h"
#include "mutate.h"

#include <stdlib.h>
#include <string.h>

/* Without memory of its own from the heap: that is counted. */
struct stream {
    uint8_t v[1 << 17];
    size_t n;
};
struct sum {
    struct stream all, steady;
};

static void put(struct stream *s, const void *p, size_t n)
{
    if (s->n + n > sizeof(s->v))
        abort();
    if (n)
        memcpy(s->v + s->n, p, n);
    s->n += n;
}

static void both(struct sum *s, uint64_t v)
{
    put(&s->all, &v, sizeof(v));
    put(&s->steady, &v, sizeof(v));
}

static void moving(struct sum *s, uint64_t v)
{
    put(&s->all, &v, sizeof(v));
}

static void steady(struct sum *s, uint64_t v)
{
    put(&s->steady, &v, sizeof(v));
}

static void bytes(struct sum *s, struct span b)
{
    both(s, b.len);
    put(&s->all, b.p, b.len);
    put(&s->steady, b.p, b.len);
}

/* A timer that follows the last packet counts by whether it runs. */
static void timer(struct sum *s, const struct timer *t, bool follows)
{
    moving(s, heap_in(&t->node) ? (uint64_t)t->node.at : 0);
    steady(s, heap_in(&t->node) ? follows ? 1 : (uint64_t)t->node.at : 0);
}

static void endpoint(struct sum *s, const struct endpoint *e)
{
    bytes(s, addr_span(&e->addr));
    both(s, e->port);
}

static void fragments(struct sum *s, const struct fragments *f)
{
    static const struct fragments none;

    f = f ? f : &none;
    both(s, f->message_id);
    both(s, f->total);
    both(s, f->have);
    both(s, f->bytes);
    both(s, (uint64_t)f->since);
}

static void xchg(struct sum *s, const struct xchg *x)
{
    both(s, x != NULL);
    if (!x)
        return;
    both(s, (uintptr_t)x->row);
    both(s, (uintptr_t)x->at);
    both(s, x->message_id);
    both(s, x->concluding);
    both(s, x->ticket.slot);
    both(s, x->rounds);
    both(s, x->n_dead);
    both(s, x->first_error != NULL);
    both(s, x->child ? x->child->spi_in : 0);
    bytes(s, buf_view(&x->sent.bytes));
    timer(s, &x->retransmit, false);
    fragments(s, &x->in_response);
    timer(s, &x->patience, false);
}

static void child(struct sum *s, const struct child_sa *c)
{
    both(s, c->state);
    both(s, c->spi_in);
    both(s, c->spi_out);
    both(s, c->reqid);
    both(s, (uint64_t)c->index << 16 | c->pair);
    both(s, c->suite ? (uintptr_t)c->suite->encr : 0);
    both(s, (uint64_t)c->transport << 10 | (uint64_t)c->udp_encap << 9 | (uint64_t)c->we_initiated << 8 |
                (uint64_t)c->doomed << 7 | (uint64_t)c->installed << 6 | (uint64_t)c->want_delete << 5 |
                (uint64_t)c->want_rekey << 4 | (uint64_t)c->deleting << 3 | (uint64_t)c->rekeying << 2 |
                (uint64_t)c->redundant << 1 | c->rekey_wide);
    both(s, (uint64_t)c->retry_at);
    both(s, (uint64_t)c->temporary_since);
    both(s, c->replaces.slot);
    both(s, c->peer_rekey.slot);
    both(s, c->n_ts_local);
    both(s, c->n_ts_remote);
    timer(s, &c->life, false);
}

static void riding(struct sum *s, const struct ike_sa *sa)
{
    both(s, (uint64_t)sa->natd_seen << 4 | (uint64_t)sa->nat_local << 3 | (uint64_t)sa->nat_remote << 2 |
                (uint64_t)sa->encap_forced << 1 | sa->fragmentation);
    both(s, sa->start ? sa->start->hashes : 0);
    both(s, (uint64_t)sa->want_delete << 6 | (uint64_t)sa->want_rekey << 5 | (uint64_t)sa->want_liveness << 4 |
                (uint64_t)sa->is_heir << 3 | (uint64_t)sa->replaced << 2 | (uint64_t)sa->redundant << 1 | sa->half_open);
    both(s, (uint64_t)sa->rekey_retry_at);
    both(s, sa->rekey_group);
    both(s, sa->n_lost);
    both(s, sa->replaced_by.slot);
    both(s, sa->peer_rekey.slot);
    both(s, sa->handle);
    bytes(s, id_of(sa->peer_id).data);
    bytes(s, sa->start ? secret_view(&sa->start->cert_requests) : SPAN_NONE);
}

static void window(struct sum *s, const struct ike_sa *sa)
{
    both(s, sa->next_ours);
    moving(s, sa->next_theirs);
    xchg(s, sa->ours);
    xchg(s, sa->theirs);
    moving(s, sa->reply ? sa->reply->to : 0);
    moving(s, sa->reply ? sa->reply->packets.bytes.len : 0);
    moving(s, (uint64_t)sa->last_heard);
    moving(s, (uint64_t)sa->last_sent);
    fragments(s, sa->in_request);
    bytes(s, sa->start ? sa_init_ours(sa) : SPAN_NONE);
    both(s, (uint64_t)sa->due[SA_LIFE]);
    for (enum sa_due k = SA_LIVENESS; k < SA_DUES; k++) {
        moving(s, (uint64_t)sa->due[k]);
        steady(s, sa->due[k] != 0);
    }
}

static void ike_sa(struct sum *s, const struct ike_sa *sa)
{
    both(s, sa->state);
    both(s, sa->initiator);
    both(s, sa->spi_i);
    both(s, sa->spi_r);
    both(s, sa->peer ? sa->peer->id.slot : 0);
    endpoint(s, &sa->path.local);
    endpoint(s, &sa->path.remote);
    both(s, sa->path.natt);
    riding(s, sa);
    window(s, sa);
    both(s, list_count(&sa->children));
    LIST_EACH (i, &sa->children)
        child(s, LIST_ITEM(i, struct child_sa, in_sa));
}

static void peer(struct sum *s, const struct peer *p)
{
    both(s, list_count(&p->sas));
    both(s, p->failures);
    both(s, p->resolving);
    both(s, p->wants_nonce);
    both(s, p->ke_group);
    both(s, p->n_orders);
    timer(s, &p->retry, false);
    for (size_t i = 0; i < p->n_slots; i++) {
        const struct slot_wish *w = &p->slots[i];

        both(s, (uint64_t)w->ordered << 3 | (uint64_t)w->down << 2 | (uint64_t)w->acquired << 1 | w->ke_tried);
        both(s, (uint64_t)w->retry_at);
        both(s, w->failures);
        both(s, w->ke_group);
    }
}

static void core(struct sum *s, const struct core *c)
{
    size_t tickets = 0;

    for (size_t i = 0; i < c->n_slots; i++)
        tickets += c->slots[i].what != TICKET_FREE;
    both(s, tickets);
    both(s, c->by_spi.count);
    both(s, c->by_child_spi.count);
    both(s, c->half_open.count);
    both(s, c->sources.count);
    both(s, c->counts.half_open);
    both(s, c->counts.exchanges);
    both(s, c->nonces.n);
    both(s, c->nonces.asking);
    both(s, c->timers.n);
    both(s, list_count(&c->graveyard));
    both(s, list_count(&c->lingering));
    both(s, list_count(&c->work));
    both(s, c->cookie_secrets[0].version);
    for (size_t i = 0; i < c->n_peers; i++)
        peer(s, &c->peers[i]);
    both(s, list_count(&c->sas));
    LIST_EACH (i, &c->sas)
        ike_sa(s, LIST_ITEM(i, struct ike_sa, in_core));
}

static void kernel(struct sum *s, const struct xfrm *x)
{
    both(s, list_count(&x->larvals));
    LIST_EACH (i, &x->policies) {
        const struct kernel_policy *policy = &LIST_ITEM(i, struct spd_entry, link)->p;

        both(s, policy->index);
        both(s, (uint64_t)policy->action << 32 | policy->tmpl.spi);
    }
    LIST_EACH (i, &x->sas) {
        const struct sa *sa = LIST_ITEM(i, struct sa, link);

        both(s, sa->spi);
        both(s, sa->inbound);
        both(s, sa->keys);
    }
}

/* Inbound and outbound SAs that the core believes to be in the kernel, all there, and no other. */
static bool alike(const struct puppet *p, const struct core *c)
{
    size_t n = 0, lingers = list_count(&c->lingering);

    LIST_EACH (i, &c->sas) {
        const struct ike_sa *sa = LIST_ITEM(i, struct ike_sa, in_core);

        LIST_EACH (k, &sa->children) {
            const struct child_sa *child = LIST_ITEM(k, struct child_sa, in_sa);

            if (!child->installed)
                continue;
            if (!xfrm_find(&p->gate->xfrm, true, child->spi_in))
                return false;
            n += child->state == CHILD_HALF ? 1 : 2;
            if (child->state != CHILD_HALF && !xfrm_find(&p->gate->xfrm, false, child->spi_out))
                return false;
        }
    }
    return lingers || xfrm_size(&p->gate->xfrm) == n;
}

static void counts(const struct mutant *m, struct look *l)
{
    const struct core *c = m->p->gate->core;
    uint64_t spi_i = get_u64(m->bytes), spi_r = get_u64(m->bytes + 8);

    LIST_EACH (i, &c->sas) {
        const struct ike_sa *sa = LIST_ITEM(i, struct ike_sa, in_core);

        l->ike_sas++;
        l->up += sa->state == IKE_UP;
        l->children += list_count(&sa->children);
        l->busy = l->busy || sa->theirs || (sa->ours && sa->ours->ticket.slot);
        if (sa->spi_i == spi_i && (!spi_r || !sa->spi_r || sa->spi_r == spi_r)) {
            l->there = true;
            l->next_id = sa->next_theirs;
            l->usable = sa->state == IKE_UP;
        }
    }
}

void look_at_gate(const struct mutant *m, struct look *l)
{
    static struct sum s;
    struct map hash = {.seed = {5, 6}};

    *l = (struct look){0};
    s.all.n = s.steady.n = 0;
    core(&s, m->p->gate->core);
    kernel(&s, &m->p->gate->xfrm);
    both(&s, m->p->w->n_queue);
    l->all = map_hash(&hash, span_of(s.all.v, s.all.n));
    l->steady = map_hash(&hash, span_of(s.steady.v, s.steady.n));
    l->kernel = xfrm_size(&m->p->gate->xfrm);
    l->alike = alike(m->p, m->p->gate->core);
    counts(m, l);
}
