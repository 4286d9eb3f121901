/* SPDX-License-Identifier: Apache-2.0 */
#include "peek.h"
#include "ike/ike.h"

/* Not those of ike/: a test that links a core of its own links this file too. */
static const char *const ike_states[] = {"BORN", "KEYED", "UP", "LEAVING", "GONE"};
static const char *const child_states[] = {"BORN", "HALF", "UP", "OLD", "GONE"};

void peek_sas(const struct core *c, void (*fn)(void *ctx, const struct peek_sa *), void *ctx)
{
    LIST_EACH (i, &c->sas) {
        const struct ike_sa *sa = LIST_ITEM(i, struct ike_sa, in_core);
        struct peek_sa p = {.ours = sa->initiator ? sa->spi_i : sa->spi_r,
                            .theirs = sa->initiator ? sa->spi_r : sa->spi_i,
                            .state = ike_states[sa->state]};

        fn(ctx, &p);
        LIST_EACH (k, &sa->children) {
            const struct child_sa *child = LIST_ITEM(k, struct child_sa, in_sa);

            p = (struct peek_sa){true, child->spi_in, child->spi_out, child_states[child->state]};
            fn(ctx, &p);
        }
    }
}

size_t peek_half_open(const struct core *c, uint64_t spi_i, const struct endpoint *from)
{
    size_t n = 0;

    LIST_EACH (i, &c->sas) {
        const struct ike_sa *sa = LIST_ITEM(i, struct ike_sa, in_core);

        n += !sa->initiator && !sa->is_heir && sa->state < IKE_UP && sa->spi_i == spi_i && endpoint_equal(&sa->path.remote, from);
    }
    for (size_t i = 0; i < DORMANT_SLOTS; i++) {
        LIST_EACH (it, &c->dormancy.slots[i]) {
            const struct dormant *d = LIST_ITEM(it, struct dormant, in_slot);

            n += d->spi_i == spi_i && endpoint_equal(&d->path.remote, from);
        }
    }
    return n;
}

void poke_awake(struct core *c, size_t max)
{
    c->dormancy.awake_max = max;
}

uint32_t peek_generation(const struct core *c)
{
    return c->conf->generation;
}

/* --- what is kept ----------------------------------------------------------------------------------------------------------
 */
struct kept {
    size_t timers, tickets, ike_spis, child_spis;
    bool stale; /* a request is repeated that nobody waits for */
    bool old_reply;
};

static size_t armed(const struct timer *t)
{
    return heap_in(&t->node);
}

static size_t out(const struct core *c, struct ticket t)
{
    return t.slot && t.slot < c->n_slots && c->slots[t.slot].round == t.round && c->slots[t.slot].what != TICKET_FREE;
}

static void kept_exchange(struct kept *k, const struct xchg *x)
{
    if (!x)
        return;
    k->timers += armed(&x->patience) + armed(&x->retransmit);
    k->stale |= !x->ours && armed(&x->retransmit);
    k->tickets += out(x->core, x->ticket);
}

/* An answer that could be repeated is kept no longer than the bound, and every one has its turn (2.1). */
static bool kept_too_long(const struct ike_sa *sa)
{
    const struct core *c = sa->core;
    const struct reply *r = sa->reply;
    usec_t due = r ? usec_add(r->at, c->reply_kept + 2 * USEC_SEC) : 0;

    return r && r->packets.bytes.len &&
           (!r->in_core.next || list_empty(&r->in_core) || !heap_in(&c->forget.node) ||
            (c->forget.node.at > due && c->forget.node.at > c->now));
}

static void kept_sa(struct kept *k, const struct ike_sa *sa)
{
    k->timers += armed(&sa->timer);
    k->tickets += out(sa->core, sa->id);
    k->ike_spis++;
    k->old_reply |= kept_too_long(sa);
    kept_exchange(k, sa->ours);
    kept_exchange(k, sa->theirs);
    LIST_EACH (i, &sa->children) {
        const struct child_sa *child = LIST_ITEM(i, struct child_sa, in_sa);

        k->timers += armed(&child->life) + (child->patience != NULL);
        k->tickets += out(sa->core, child->id);
        k->child_spis++;
    }
}

static struct kept kept(const struct core *c)
{
    struct kept k = {.timers = armed(&c->nonces.again) + armed(&c->qcd.forget) + armed(&c->stop_timer) + armed(&c->forget) +
                               armed(&c->dormancy.sweep),
                     .tickets = out(c, c->nonces.ticket)};

    for (size_t i = 0; i < COUNT_OF(c->qcd.asked); i++)
        k.tickets += out(c, c->qcd.asked[i].ticket);
    LIST_EACH (i, &c->sas)
        kept_sa(&k, LIST_ITEM(i, struct ike_sa, in_core));
    for (size_t i = 0; i < c->n_peers; i++) {
        k.timers += armed(&c->peers[i].retry);
        k.tickets += out(c, c->peers[i].id);
    }
    k.timers += list_count(&c->lingering); /* one each */
    return k;
}

static size_t tickets_out(const struct core *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_slots; i++)
        n += c->slots[i].what != TICKET_FREE;
    return n;
}

const char *peek_leak(const struct core *c)
{
    static char wrong[160];
    struct text t = text_in(wrong, sizeof(wrong));
    struct kept k = kept(c);

    if (c->timers.n != k.timers)
        text_add(&t, "%zu timers are set, %zu belong to somebody", c->timers.n, k.timers);
    else if (k.stale)
        text_add(&t, "a request is to be repeated that is not outstanding");
    else if (k.old_reply)
        text_add(&t, "an answer to be repeated is never forgotten");
    else if (tickets_out(c) != k.tickets)
        text_add(&t, "%zu tickets are out, %zu belong to somebody", tickets_out(c), k.tickets);
    else if (c->by_spi.count != k.ike_spis || c->by_child_spi.count != k.child_spis)
        text_add(&t, "%zu and %zu SPIs are taken, for %zu IKE SAs and %zu Child SAs", c->by_spi.count, c->by_child_spi.count,
                 k.ike_spis, k.child_spis);
    else
        return NULL;
    return wrong;
}
