/* SPDX-License-Identifier: Apache-2.0 */
/* The core itself: one step, timers, tickets, and the end of what died in a step. */
#include "ike/ike.h"

#include <stdlib.h>

#define WORK_MAX 100000 /* rounds of sa_pump in one step: a bound against our own mistakes */

static void memory_again(struct core *, struct timer *);

/* Only brings the step about: order_check_stopped() looks at the time itself. */
static void stop_due(struct core *c, struct timer *t)
{
    (void)c;
    (void)t;
}

struct core *core_new(const struct core_setup *setup)
{
    struct core *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->conf = conf_ref(setup->conf);
    c->algs = setup->algs;
    c->rng = setup->rng;
    c->now = setup->now;
    c->heard = LEVEL_DEBUG;
    c->keylog = setup->keylog;
    c->keylog_ctx = setup->keylog_ctx;
    c->stop_timer.fire = stop_due;
    c->hungry.fire = memory_again;
    c->forget.fire = window_forget;
    window_configured(c);
    list_init(&c->replies);
    list_init(&c->sas);
    list_init(&c->graveyard);
    list_init(&c->work);
    list_init(&c->collecting);
    list_init(&c->lingering);
    map_init(&c->by_spi, &c->rng);
    map_init(&c->by_child_spi, &c->rng);
    map_init(&c->half_open, &c->rng);
    map_init(&c->sources, &c->rng);
    dormancy_start(c);
    map_init(&c->by_remote, &c->rng);
    map_init(&c->by_id, &c->rng);
    c->natd_hash = alg_find(c->algs, TRANSFORM_NONE, 1, 0);
    c->cookie_mac = alg_find(c->algs, TRANSFORM_PRF, 5, 0); /* PRF_HMAC_SHA2_256 */
    door_cookie_init(c);
    qcd_init(c);
    if (!c->cookie_mac || peers_load(c, c->conf) < 0)
        return core_free(c);
    return c;
}

static void graveyard_empty(struct core *c)
{
    while (!list_empty(&c->graveyard)) {
        struct ike_sa *sa = LIST_ITEM(c->graveyard.next, struct ike_sa, in_core);

        list_remove(&sa->in_core);
        sa_free(sa);
    }
}

struct core *core_free(struct core *c)
{
    if (!c)
        return NULL;
    c->started = false;            /* nothing is begun any more */
    while (!list_empty(&c->sas)) { /* a heir in the making goes with its maker */
        struct ike_sa *sa = LIST_ITEM(c->sas.next, struct ike_sa, in_core);

        list_remove(&sa->in_core);
        sa_free(sa);
    }
    graveyard_empty(c);
    dormancy_end(c);
    lingering_free(c);
    peers_free(c);
    map_done(&c->by_spi);
    map_done(&c->by_child_spi);
    map_done(&c->half_open);
    map_done(&c->dormancy.by_spi);
    map_done(&c->dormancy.by_init);
    map_done(&c->sources);
    map_done(&c->by_remote);
    map_done(&c->by_id);
    suites_free(c);
    free(c->slots);
    conf_unref(c->conf);
    conf_unref(c->next_conf);
    secret_wipe(c, sizeof(*c));
    free(c);
    return NULL;
}

/* --- timers -------------------------------------------------------------------------------------------------------------- */

void wake_set(struct core *c, struct timer *t, usec_t at)
{
    if (at == USEC_NEVER)
        heap_remove(&c->timers, &t->node);
    else
        heap_set(&c->timers, &t->node, at);
}

void wake_stop(struct core *c, struct timer *t)
{
    heap_remove(&c->timers, &t->node);
}

usec_t jitter(struct core *c, usec_t us, unsigned percent)
{
    usec_t span = us / 100 * percent;

    return span > 0 ? us - (usec_t)rng_below(&c->rng, (uint64_t)span + 1) : us;
}

usec_t rekey_after(struct core *c, usec_t us, bool first)
{
    return jitter(c, us, first && c->counts.ike_sas > REKEY_MANY ? REKEY_FIRST_SPREAD : 10);
}

/* Only what was due when the step began: a timer that sets itself to now runs in the next tick. */
static void timers_run(struct core *c)
{
    for (size_t left = c->timers.n; left > 0; left--) {
        struct heap_node *n = heap_first(&c->timers);
        struct timer *t;

        if (!n || n->at > c->now)
            return;
        heap_remove(&c->timers, n);
        t = CONTAINER_OF(n, struct timer, node);
        t->fire(c, t);
    }
}

usec_t core_deadline(const struct core *c)
{
    struct heap_node *n = heap_first(&c->timers);

    if (!c->started)
        return c->now;
    return n ? n->at : USEC_NEVER;
}

/* --- no memory ------------------------------------------------------------------------------------------------------------- */

void memory_short(struct core *c)
{
    c->starved = true;
    if (!heap_in(&c->hungry.node))
        wake_set(c, &c->hungry, c->now + MEMORY_WAIT);
}

/* Whatever was left undone is found again by who wants it. */
static void memory_again(struct core *c, struct timer *t)
{
    (void)t;
    reload_again(c);
    LIST_EACH (it, &c->sas) {
        sa_wake(LIST_ITEM(it, struct ike_sa, in_core));
    }
    for (size_t i = 0; i < c->n_peers; i++) {
        if (!c->peers[i].mapped)
            peer_map(&c->peers[i]);
        peer_reconcile(&c->peers[i]);
    }
}

/* --- tickets ------------------------------------------------------------------------------------------------------------- */

static bool slots_grow(struct core *c)
{
    size_t n = c->n_slots ? c->n_slots * 2 : 256;
    struct slot *slots = realloc(c->slots, n * sizeof(*slots));

    if (!slots || n > UINT32_MAX) {
        memory_short(c);
        return false;
    }
    c->slots = slots;
    for (size_t i = c->n_slots ? c->n_slots : 1; i < n; i++)
        slots[i] = (struct slot){.round = 1, .next_free = i + 1 < n ? (uint32_t)i + 1 : 0};
    if (!c->n_slots)
        slots[0] = (struct slot){0}; /* never given out: slot 0 is "no ticket" */
    c->free_slot = (uint32_t)(c->n_slots ? c->n_slots : 1);
    c->n_slots = n;
    return true;
}

struct ticket ticket_take(struct core *c, enum ticket_for what, void *who)
{
    struct slot *s;
    uint32_t i;

    if (!c->free_slot && !slots_grow(c))
        return (struct ticket){0, 0};
    i = c->free_slot;
    s = &c->slots[i];
    c->free_slot = s->next_free;
    s->what = what;
    s->who = who;
    c->counts.tickets++;
    return (struct ticket){i, s->round};
}

void ticket_drop(struct core *c, struct ticket *t)
{
    if (t->slot && t->slot < c->n_slots && c->slots[t->slot].round == t->round) {
        struct slot *s = &c->slots[t->slot];

        s->what = TICKET_FREE;
        s->round++;
        s->next_free = c->free_slot;
        c->free_slot = t->slot;
        c->counts.tickets--;
    }
    *t = (struct ticket){0, 0};
}

void *ticket_find(const struct core *c, struct ticket t, enum ticket_for what)
{
    const struct slot *s;

    if (!t.slot || t.slot >= c->n_slots)
        return NULL;
    s = &c->slots[t.slot];
    return s->round == t.round && s->what == what ? s->who : NULL;
}

/* --- answers --------------------------------------------------------------------------------------------------------------- */

static void answer_take(struct core *c, const struct answer *a)
{
    struct xchg *x = ticket_find(c, a->ticket, TICKET_XCHG);
    struct child_sa *child = ticket_find(c, a->ticket, TICKET_CHILD_SA);
    struct peer *p = ticket_find(c, a->ticket, TICKET_PEER);

    if (a->kind == ASK_AUTH_CHECK || a->kind == ASK_AUTH_MAKE) /* useful or not, it was work */
        proof_answered(c);
    if (x && x->waiting_for == a->kind)
        xchg_answered(x, a);
    else if (child)
        child_answered(child, a);
    else if (p && a->kind == ASK_RESOLVE)
        peer_resolved(p, a);
    else if (a->kind == ASK_NONCES && ticket_find(c, a->ticket, TICKET_NONCES))
        nonce_pool_answered(c, a);
    else if (a->kind == ASK_TOKEN && ticket_find(c, a->ticket, TICKET_TOKEN))
        qcd_answered(c, a);
}

/* --- the step ----------------------------------------------------------------------------------------------------------------
 */

static void core_start(struct core *c)
{
    c->started = true;
    nonce_pool_start(c);
    for (size_t i = 0; i < c->n_peers; i++)
        peer_reconcile(&c->peers[i]);
}

static void work_do(struct core *c)
{
    for (int left = WORK_MAX; left > 0 && !list_empty(&c->work) && !c->starved; left--) {
        struct ike_sa *sa = LIST_ITEM(c->work.next, struct ike_sa, in_work);

        list_remove(&sa->in_work);
        sa_pump(sa);
    }
}

static void patience_renew(struct core *c, struct xchg *x)
{
    if (x && x->ticket.slot)
        wake_set(c, &x->patience, c->now + ANSWER_WAIT);
}

/* We come back much later than asked for: the machine was suspended, or we were. What nobody could have answered meanwhile is not
 * held against the peer, nor against vault and hand: patience begins anew (RFC 7296 2.4), for the network may need some seconds
 * too. */
static void overslept(struct core *c)
{
    LIST_EACH (it, &c->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_core);

        window_renew(sa);
        patience_renew(c, sa->ours);
        patience_renew(c, sa->theirs);
        LIST_EACH (jt, &sa->children) {
            child_patience_renew(LIST_ITEM(jt, struct child_sa, in_sa));
        }
    }
}

void core_step(struct core *c, const struct input *in, struct outbox *out)
{
    usec_t due = core_deadline(c), awake = due > c->now ? due : c->now; /* at least until then */

    if (in->now > c->now)
        c->now = in->now; /* time never runs backwards here */
    if (c->started && c->now > awake && c->now - awake > OVERSLEPT)
        overslept(c);
    c->out = out;
    c->starved = false;
    if (!c->started)
        core_start(c);
    switch (in->kind) {
    case INPUT_PACKET:
        door_packet(c, in);
        break;
    case INPUT_ANSWER:
        answer_take(c, &in->u.answer);
        break;
    case INPUT_EVENT:
        event_take(c, &in->u.event);
        break;
    case INPUT_ORDER:
        order_take(c, &in->u.order);
        break;
    case INPUT_TICK:
        timers_run(c);
        break;
    }
    work_do(c);
    order_check_stopped(c);
    graveyard_empty(c);
    dormant_settle(c);
    c->out = NULL;
}

struct core_counts core_count(const struct core *c)
{
    struct core_counts n = c->counts;

    n.timers = c->timers.n;
    n.peers = c->n_peers;
    n.sources = c->sources.count;
    return n;
}

size_t core_crowd(const struct core *c)
{
    size_t most = 0;

    LIST_EACH (it, &c->sas) {
        size_t n = crowd_of(LIST_ITEM(it, struct ike_sa, in_core));

        most = n > most ? n : most;
    }
    return most;
}
