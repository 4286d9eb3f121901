/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the configuration wants to be up, and who a packet may be from. There is one reconciler a connection: whatever is wanted
 * and missing is started, now or when its back-off is over; nothing else ever starts an SA.
 */
#include "ike/ike.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define RESOLVE_FRESH (30 * USEC_SEC)
#define RESOLVE_AGAIN (300 * USEC_SEC)

const char *peer_name(const struct peer *p)
{
    return p->conn->name;
}

bool peer_can_initiate(const struct peer *p)
{
    return p->conn->remote.host && !p->conn->remote.net.addr.family &&
           !(p->conn->remote.addr.family && addr_is_any(&p->conn->remote.addr));
}

/* --- slots: the Child SAs that the configuration describes
 * ------------------------------------------------------------------------ */

size_t peer_slot_of(const struct peer *p, uint16_t child, uint16_t pair)
{
    size_t slot = p->first_slot[child] + (size_t)pair;

    return slot < p->first_slot[child + 1] ? slot : p->first_slot[child];
}

void peer_slot_place(const struct peer *p, size_t slot, uint16_t *child, uint16_t *pair)
{
    *child = 0;
    while (*child + 1u < p->conn->n_children && p->first_slot[*child + 1] <= slot)
        (*child)++;
    *pair = (uint16_t)(slot - p->first_slot[*child]);
}

bool peer_slot_wanted(struct peer *p, size_t slot)
{
    const struct slot_wish *s = &p->slots[slot];
    uint16_t child, pair;

    peer_slot_place(p, slot, &child, &pair);
    if (s->down || p->core->stopping || !pair_counts(p, child, pair))
        return false;
    return s->ordered || s->acquired || p->conn->children[child].keep == KEEP_UP ||
           (p->conn->children[child].keep == KEEP_ON_DEMAND && pairs_apart(p, child) && child_any(p, child)); /* all or none */
}

static bool slot_missing(struct peer *p, size_t slot)
{
    uint16_t child, pair;

    peer_slot_place(p, slot, &child, &pair);
    return peer_slot_wanted(p, slot) && !child_of_slot(p, child, pair);
}

int peer_missing_slot(struct peer *p, usec_t now)
{
    for (size_t i = 0; i < p->n_slots; i++)
        if (slot_missing(p, i) && p->slots[i].retry_at <= now)
            return (int)i;
    return -1;
}

/* When the next missing slot is due; USEC_NEVER when nothing is missing. */
static usec_t slots_due(struct peer *p)
{
    usec_t due = USEC_NEVER;

    for (size_t i = 0; i < p->n_slots; i++)
        if (slot_missing(p, i) && p->slots[i].retry_at < due)
            due = p->slots[i].retry_at;
    return due;
}

static usec_t backoff(struct core *c, unsigned failures)
{
    usec_t wait = RETRY_FIRST;

    for (unsigned i = 1; i < failures && wait < RETRY_MAX; i++)
        wait *= 2;
    return jitter(c, wait < RETRY_MAX ? wait : RETRY_MAX, 30);
}

/* wait < 0: the ordinary back-off. */
void peer_slot_failed(struct peer *p, uint16_t index, uint16_t pair, usec_t wait, const char *why)
{
    struct slot_wish *s = &p->slots[peer_slot_of(p, index, pair)];
    struct core *c = p->core;

    if (wait < 0) {
        s->failures++;
        wait = backoff(c, s->failures + 2);
        tell(c, FACT_CHILD_FAILED, p, peer_current(p), NULL, "%s: %s; next try in %ld s", p->conn->children[index].name, why,
             (long)(wait / USEC_SEC));
        peer_orders_done(p, index, false, "child %s: %s", p->conn->children[index].name, why);
    }
    if (s->acquired) { /* the larval SA would suppress further ACQUIREs */
        struct ask ask = {.to = ASK_HAND, .kind = ASK_ACQUIRE_DONE, .ticket = p->id, .deadline = c->now + ANSWER_WAIT};

        ask.u.acquire.seq = s->acquire_seq;
        ask.u.acquire.reqid = reqid_configured(p->conn->index, index);
        out_ask(c, &ask);
        s->acquired = wait == 0;
    }
    s->retry_at = usec_add(c->now, wait);
    peer_reconcile(p);
}

void peer_slot_lost(const struct child_sa *child)
{
    struct peer *p = child->peer;
    struct slot_wish *s = &p->slots[peer_slot_of(p, child->index, child->pair)];

    s->ordered = s->ordered && child_conf(child)->keep == KEEP_UP;
    s->failures = p->core->now - s->last_up < 60 * USEC_SEC ? s->failures + 1 : 0;
    s->retry_at = p->core->now + backoff(p->core, s->failures);
}

/* --- the reconciler
 * ------------------------------------------------------------------------------------------------------------------ */

struct ike_sa *peer_current(struct peer *p)
{
    LIST_EACH (it, &p->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_peer);

        if (sa_usable(sa))
            return sa;
    }
    return NULL;
}

static bool connecting(struct peer *p)
{
    LIST_EACH (it, &p->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_peer);

        if (sa->initiator && !sa->is_heir && (sa->state == IKE_BORN || sa->state == IKE_KEYED))
            return true;
    }
    return false;
}

static void resolve(struct peer *p)
{
    struct ask ask = {.to = ASK_FETCH, .kind = ASK_RESOLVE, .ticket = p->id};

    ask.deadline = p->core->now + ANSWER_WAIT;
    ask.u.resolve.name = p->conn->remote.host;
    ask.u.resolve.family = p->conn->local.addr.family;
    p->resolving = true;
    out_ask(p->core, &ask);
    wake_set(p->core, &p->retry, ask.deadline);
}

static bool addresses_known(struct peer *p)
{
    const struct conf_connection *conn = p->conn;

    if (conn->remote.addr.family && conn->local.addr.family) {
        p->remote = conn->remote.addr;
        p->local = conn->local.addr;
        return true;
    }
    return p->remote.family && p->local.family && p->resolved_at && p->core->now - p->resolved_at < RESOLVE_FRESH;
}

static void initiate(struct peer *p)
{
    struct core *c = p->core;
    bool natt = p->conn->remote.port == 4500 || (c->conf->port_natt && p->conn->remote.port == c->conf->port_natt);
    struct path path = {
        .local = {p->local, natt ? (c->conf->port_natt ? c->conf->port_natt : 4500) : (c->conf->port ? c->conf->port : 500)},
        .remote = {p->remote, p->conn->remote.port ? p->conn->remote.port : 500},
        .natt = natt};
    struct ike_sa *sa;
    struct xchg *x;

    if (!nonce_pool_ready(c)) { /* it goes on when they come */
        p->wants_nonce = c->nonces.awaited = true;
        return;
    }
    sa = sa_new(c, true, false, &path);
    x = sa ? xchg_new(sa, &exchange_init, true) : NULL;
    if (!x) {
        if (sa)
            sa_kill(sa, FACT_LIMIT, "out of memory");
        return;
    }
    sa_set_peer(sa, p);
    xchg_begin(x);
}

void peer_reconcile(struct peer *p)
{
    struct core *c = p->core;
    struct ike_sa *current = peer_current(p);
    usec_t due = peer_can_initiate(p) ? slots_due(p) : USEC_NEVER;

    if (!c->started || p->resolving)
        return;
    if (due == USEC_NEVER) {
        bool name = p->conn->remote.host && !p->conn->remote.addr.family && peer_can_initiate(p) && !c->stopping;

        if (name && (!p->resolved_at || c->now - p->resolved_at >= RESOLVE_AGAIN)) /* a responder must know it too */
            resolve(p);
        else
            wake_set(c, &p->retry, name ? p->resolved_at + RESOLVE_AGAIN : USEC_NEVER);
    } else if (current) {
        if (due <= c->now && !current->ours)
            sa_wake(current);
        else if (due > c->now)
            wake_set(c, &p->retry, due);
    } else if (connecting(p)) {
        wake_stop(c, &p->retry);
    } else {
        if (due < p->retry_at)
            due = p->retry_at;
        if (due > c->now)
            wake_set(c, &p->retry, due);
        else if (!addresses_known(p))
            resolve(p);
        else
            initiate(p);
    }
}

static void peer_timer(struct core *c, struct timer *t)
{
    struct peer *p = CONTAINER_OF(t, struct peer, retry);

    (void)c;
    if (p->resolving) { /* no answer at all */
        struct answer late = {.kind = ASK_RESOLVE, .result = ANSWER_TIMEOUT, .why = "no answer"};

        peer_resolved(p, &late);
        return;
    }
    peer_reconcile(p);
}

void peer_ike_failed(struct peer *p, struct ike_sa *sa, const char *why)
{
    struct core *c = p->core;
    usec_t wait;

    (void)sa;
    if (c->stopping)
        return;
    p->failures++;
    wait = backoff(c, p->failures);
    p->retry_at = usec_add(c->now, wait);
    if (slots_due(p) != USEC_NEVER)
        tell(c, FACT_RETRY, p, NULL, NULL, "next try in %ld s", (long)(wait / USEC_SEC));
    for (size_t i = 0; i < p->n_slots; i++) {
        uint16_t child, pair;

        peer_slot_place(p, i, &child, &pair);
        if (p->slots[i].acquired)
            peer_slot_failed(p, child, pair, wait, why);
    }
    peer_orders_done(p, -1, false, "%s", why);
}

void peer_resolved(struct peer *p, const struct answer *a)
{
    struct core *c = p->core;
    char text[ADDR_TEXT_MAX];
    size_t i = 0;

    p->resolving = false;
    if (a->result == ANSWER_OK) /* the first that we have a way to */
        while (i < a->u.resolve.n && a->u.resolve.local && !a->u.resolve.local[i].family)
            i++;
    if (a->result != ANSWER_OK || i >= a->u.resolve.n) {
        const char *why = a->why ? a->why : a->result == ANSWER_OK ? "no route to it" : "the name could not be resolved";
        char line[400];
        struct text t = text_in(line, sizeof(line));

        text_add(&t, "%s: %s", p->conn->remote.host, why);
        tell(c, FACT_IKE_FAILED, p, NULL, NULL, "%s", line);
        if (!p->resolved_at)
            p->resolved_at = c->now - RESOLVE_AGAIN + RETRY_MAX; /* a responder asks again soon */
        peer_ike_failed(p, NULL, line);
        peer_reconcile(p);
        return;
    }
    if (!addr_equal(&p->remote, &a->u.resolve.v[i]) && !p->conn->remote.addr.family)
        tell(c, FACT_RESOLVED, p, NULL, NULL, "%s is %s", p->conn->remote.host, addr_format(&a->u.resolve.v[i], text));
    p->remote = a->u.resolve.v[i];
    peer_map(p);
    p->local = p->conn->local.addr.family ? p->conn->local.addr : a->u.resolve.local ? a->u.resolve.local[i] : (struct addr){0};
    p->resolved_at = c->now;
    if (p->local.family)
        peer_reconcile(p);
}

/* --- who may this be
 * ------------------------------------------------------------------------------------------------------------------ */

/* 3: its very address; 2: a network of peers; 1: any; 0: not this one. */
static int peer_rank(const struct peer *p, const struct path *path)
{
    const struct conf_end *l = &p->conn->local, *r = &p->conn->remote;
    struct addr low, high;

    if (l->addr.family && !addr_is_any(&l->addr) && path->local.addr.family && !addr_equal(&l->addr, &path->local.addr))
        return 0;
    if (r->net.addr.family) {
        prefix_bounds(&r->net, &low, &high);
        return path->remote.addr.family == low.family && addr_compare(&path->remote.addr, &low) >= 0 &&
                       addr_compare(&path->remote.addr, &high) <= 0
                   ? 2
                   : 0;
    }
    if (!r->host || (r->addr.family && addr_is_any(&r->addr)))
        return 1;
    return addr_equal(r->addr.family ? &r->addr : &p->remote, &path->remote.addr) ? 3 : 0;
}

static uint64_t remote_hash(struct core *c, const struct addr *a)
{
    return map_hash(&c->by_remote, addr_span(a));
}

/* A connection with one peer is found by its address, configured or resolved. */
void peer_map(struct peer *p)
{
    const struct addr *a = !peer_can_initiate(p)         ? &(struct addr){0}
                           : p->conn->remote.addr.family ? &p->conn->remote.addr
                                                         : &p->remote;

    if (p->mapped)
        map_remove(&p->core->by_remote, &p->by_remote);
    p->mapped = a->family && map_add(&p->core->by_remote, &p->by_remote, remote_hash(p->core, a)) == 0;
}

struct peer *peer_candidate(struct core *c, struct candidates *at)
{
    if (!at->begun) {
        at->begun = true;
        at->next = map_first(&c->by_remote, remote_hash(c, &at->path->remote.addr));
    }
    while (at->next) {
        struct peer *p = CONTAINER_OF(at->next, struct peer, by_remote);

        at->next = map_more(at->next);
        if (peer_rank(p, at->path) == 3)
            return p;
    }
    for (; at->wide < 2 * c->n_wide; at->wide++) {
        struct peer *p = &c->peers[c->wide[at->wide % c->n_wide]];

        if (peer_rank(p, at->path) == 2 - (int)(at->wide / c->n_wide)) {
            at->wide++;
            return p;
        }
    }
    return NULL;
}

static bool alg_listed(struct proposals ps, uint8_t type, const struct alg *a)
{
    for (size_t i = 0; a && i < ps.n; i++)
        for (size_t k = 0; k < ps.v[i].n_transforms; k++) {
            const struct transform *t = &ps.v[i].transforms[k];

            if (t->type == type && t->id == a->id && (!a->key_bits || t->key_bits == a->key_bits))
                return true;
        }
    return !a;
}

static bool suite_allowed(const struct peer *p, const struct suite *s)
{
    struct proposals ps = p->conn->proposals;

    return alg_listed(ps, TRANSFORM_ENCR, s->encr) && alg_listed(ps, TRANSFORM_PRF, s->prf) &&
           alg_listed(ps, TRANSFORM_INTEG, s->integ) && alg_listed(ps, TRANSFORM_KE, s->ke);
}

/* How well a connection fits identities: 0 not at all. A configured id beats a pattern, a pattern beats none; then the address
 * counts. */
static bool both_dns(const struct id *a, const struct id *b)
{
    return a->type == ID_DER_ASN1_DN && b->type == ID_DER_ASN1_DN;
}

static int auth_rank(const struct peer *p, const struct ike_sa *sa, const struct id *claimed, const struct id *wanted_of_us)
{
    const struct conf_end *l = &p->conn->local, *r = &p->conn->remote;
    int rank = peer_rank(p, &sa->path);
    int id = 2;

    if (!rank || !suite_allowed(p, sa->suite))
        return 0;
    if (wanted_of_us && wanted_of_us->data.len && l->id.type != ID_NONE && !id_equal(&l->id, wanted_of_us) &&
        !both_dns(&l->id, wanted_of_us))
        return 0;
    if (r->id.type == ID_NONE && !r->id_is_dn_pattern)
        id = 1;
    else if (r->id_is_dn_pattern)
        id = claimed->type == ID_DER_ASN1_DN ? 2 : 0;
    else if (id_equal(&r->id, claimed))
        id = 3;
    else if (both_dns(&r->id, claimed))
        id = 1; /* one name may be encoded in several ways: the judge, who reads DNs, decides */
    else if (!id_matches(&r->id, claimed))
        id = 0;
    return id ? id * 8 + rank * 2 + (sa->start && p == sa->start->candidate) : 0;
}

struct peer *peer_for_auth(struct ike_sa *sa, const struct id *claimed, const struct id *wanted_of_us, struct text *why)
{
    struct core *c = sa->core;
    struct peer *best = NULL, *near = sa->start->candidate;
    char said[ID_TEXT_MAX], expected[ID_TEXT_MAX];
    struct candidates at = {.path = &sa->path};
    struct peer *p;
    int best_rank = 0;

    while ((p = peer_candidate(c, &at))) {
        int rank = auth_rank(p, sa, claimed, wanted_of_us);

        if (rank > best_rank) {
            best_rank = rank;
            best = p;
        }
    }
    if (best)
        return best;
    text_add(why, "no connection fits: the peer says it is %s (%s)", id_format(claimed, said), id_type_name(claimed->type));
    if (wanted_of_us && wanted_of_us->data.len)
        text_add(why, " and wants to talk to %s", id_format(wanted_of_us, said));
    if (near)
        text_add(why, "; connection %s, the nearest by address, has `remote: id: %s` and `local: id: %s`", peer_name(near),
                 near->conn->remote.id.type ? id_format(&near->conn->remote.id, expected) : "(any)",
                 near->conn->local.id_text ? near->conn->local.id_text : "(address)");
    return NULL;
}

/* Made at about the same time by both ends, the one with the lowest nonce goes. Of two begun by one end, which has then begun
 * anew, the older: one of ours begins when the other is given up, so both ends see the same order; where a peer sees another one,
 * peer_left_alone() follows it. */
static bool outlived(const struct ike_sa *newest, const struct ike_sa *other)
{
    if (newest->initiator == other->initiator)
        return newest->born < other->born;
    return newest->born - other->born < SAME_TIME && nonce_before(&newest->low_nonce, &other->low_nonce);
}

/* Two IKE SAs with one peer converge to one: the loser is closed by who created it. A much older one is of an earlier life of the
 * peer, and goes too. One that is not quite up judges when it is. */
void peer_dedupe(struct peer *p, struct ike_sa *newest)
{
    struct core *c = p->core;

    if (!peer_can_initiate(p) || newest->redundant) /* lost already, while its IKE_AUTH was under way */
        return;
    LIST_EACH (it, &p->sas) {
        struct ike_sa *other = LIST_ITEM(it, struct ike_sa, in_peer), *loser = other;

        if (other == newest || !sa_usable(other) || !other->up_since || other->is_heir ||
            !id_same(other->peer_id, newest->peer_id))
            continue;
        if (outlived(newest, other))
            loser = newest;
        loser->redundant = true;
        tell(c, FACT_NOTE, p, loser, NULL, "two IKE SAs with this peer: the one begun by %s is closed",
             loser->initiator ? "us" : "the peer");
        if (loser->initiator)
            sa_close(loser);
        else
            sa_wake_at(loser, SA_LIFE, c->now + REDUNDANT_WAIT);
    }
}

/* Of two that the peer began it closed the one that we took for the better: then it is the other one that it wants. One that lost
 * a rekey has no children any more, and goes (2.8.2). */
void peer_left_alone(struct peer *p)
{
    struct ike_sa *left = NULL;

    if (!peer_can_initiate(p) || p->core->stopping)
        return;
    LIST_EACH (it, &p->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_peer);

        if (sa_usable(sa) || (sa->state == IKE_KEYED && !sa->initiator))
            return;
        if (sa->redundant && sa->state == IKE_UP && !sa->initiator && !sa->is_heir && !sa->want_delete && !sa->replaced)
            left = sa;
    }
    if (!left)
        return;
    tell(p->core, FACT_NOTE, p, left, NULL, "the peer keeps this one of two IKE SAs");
    sa_reinstate(left);
}

/* --- traffic and orders
 * ------------------------------------------------------------------------------------------------------------------- */

void peer_acquire(struct peer *p, const struct event *e)
{
    uint16_t child = e->u.acquire.child;
    struct slot_wish *s;

    if (child >= p->conn->n_children)
        return;
    s = &p->slots[p->first_slot[child]];
    for (size_t i = p->first_slot[child]; i < p->first_slot[child + 1]; i++) {
        uint16_t pair = (uint16_t)(i - p->first_slot[child]);

        if (pairs_apart(p, child) && ts_list_contains(pair_selectors(p, child, pair, true), &e->u.acquire.local) &&
            ts_list_contains(pair_selectors(p, child, pair, false), &e->u.acquire.remote))
            s = &p->slots[i];
    }
    if (s->down)
        return;
    s->acquired = true;
    s->acquire_seq = e->u.acquire.seq;
    s->acquire_local = e->u.acquire.local;
    s->acquire_remote = e->u.acquire.remote;
    peer_reconcile(p);
}

void peer_orders_done(struct peer *p, int child, bool ok, const char *fmt, ...)
{
    char line[700];
    va_list args;
    size_t kept = 0;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    for (size_t i = 0; i < p->n_orders; i++) {
        struct waiting_order o = p->orders[i];

        if (!o.down && (child < 0 || o.child < 0 || o.child == child))
            tell_order(p->core, o.id, ok, "%s: %s", peer_name(p), line);
        else
            p->orders[kept++] = o;
    }
    p->n_orders = kept;
}

static bool order_fulfilled(struct peer *p, const struct waiting_order *o)
{
    for (size_t i = 0; i < p->n_slots; i++) {
        uint16_t child, pair;
        struct child_sa *sa;

        peer_slot_place(p, i, &child, &pair);
        if (o->child >= 0 && o->child != child)
            continue;
        sa = child_of_slot(p, child, pair);
        if (o->down ? sa != NULL : p->slots[i].ordered && pair_counts(p, child, pair) && (!sa || sa->state == CHILD_BORN))
            return false;
    }
    return !o->down || o->child >= 0 || list_empty(&p->sas);
}

void peer_orders_check(struct peer *p)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->n_orders; i++) {
        struct waiting_order o = p->orders[i];

        const char *child = o.child >= 0 ? p->conn->children[o.child].name : NULL;

        if (order_fulfilled(p, &o))
            tell_order(p->core, o.id, true, "%s%s%s is %s", peer_name(p), child ? "/" : "", child ? child : "",
                       o.down ? "down; its selectors stay closed" : "up");
        else
            p->orders[kept++] = o;
    }
    p->n_orders = kept;
}

static void order_wait(struct peer *p, uint32_t id, int child, bool down)
{
    if (p->n_orders == ORDERS_WAITING_MAX)
        tell_order(p->core, id, false, "%s: too many orders wait already", peer_name(p));
    else
        p->orders[p->n_orders++] = (struct waiting_order){id, child, down};
}

static void slots_order(struct peer *p, int child, bool up)
{
    for (size_t i = 0; i < p->n_slots; i++) {
        uint16_t index, pair;

        peer_slot_place(p, i, &index, &pair);
        if (child >= 0 && child != index)
            continue;
        p->slots[i].ordered = up;
        p->slots[i].down = !up;
        p->slots[i].acquired = false;
        p->slots[i].retry_at = p->slots[i].temporary_since ? p->slots[i].retry_at : 0; /* not at once (2.25) */
        p->slots[i].failures = 0;
    }
}

/* All that there is of it, successors of a rekey included. */
static void children_close(struct peer *p, int child)
{
    LIST_EACH (it, &p->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_peer);

        LIST_EACH (jt, &sa->children) {
            struct child_sa *c = LIST_ITEM(jt, struct child_sa, in_sa);

            if (child < 0 || child == c->index)
                c->want_delete = true;
        }
        sa_wake(sa);
    }
}

/* The peer has rekeyed it, and closes it when it has our answer. Our Delete might come before that: the peer would forget its
 * rekey (2.25.2), and never hear of the heir. */
static bool peers_to_close(const struct ike_sa *sa)
{
    const struct ike_sa *heir = ticket_find(sa->core, sa->replaced_by, TICKET_IKE_SA);

    return sa->replaced && heir && heir->is_heir && !heir->initiator && heir->state == IKE_UP;
}

void peer_order(struct peer *p, const struct order *o, int child)
{
    bool up = o->kind == ORDER_UP;

    if (up && !peer_can_initiate(p)) {
        tell_order(p->core, o->id, false, "%s has no fixed remote address: only the peer can bring it up", peer_name(p));
        return;
    }
    slots_order(p, child, up);
    if (!up)
        children_close(p, child);
    p->retry_at = 0;
    p->failures = 0;
    if (!up && child < 0) {
        LIST_EACH (it, &p->sas) {
            struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_peer);

            if (!peers_to_close(sa))
                sa_close(sa);
        }
    }
    if (up && !o->wait)
        tell_order(p->core, o->id, true, "%s is being brought up", peer_name(p));
    else
        order_wait(p, o->id, child, !up);
    peer_orders_check(p);
    peer_reconcile(p);
}

/* --- the table
 * -------------------------------------------------------------------------------------------------------------------------------
 */

static int peer_init(struct core *c, struct peer *p, const struct conf_connection *conn)
{
    size_t n = 0;

    p->core = c;
    p->conn = conn;
    p->retry.fire = peer_timer;
    list_init(&p->sas);
    p->id = ticket_take(c, TICKET_PEER, p);
    p->first_slot = calloc(conn->n_children + 1, sizeof(*p->first_slot));
    p->apart = calloc(conn->n_children + 1, sizeof(*p->apart));
    if (!p->first_slot || !p->apart || !p->id.slot)
        return ERR_MEMORY;
    for (size_t i = 0; i < conn->n_children; i++) {
        p->first_slot[i] = (uint16_t)n;
        n += pairs_of(&conn->children[i]);
    }
    p->first_slot[conn->n_children] = (uint16_t)n;
    p->n_slots = n;
    peer_map(p);
    if (peer_can_initiate(p) && conn->remote.addr.family && !p->mapped)
        return ERR_MEMORY; /* nobody would find it */
    if (!peer_can_initiate(p))
        c->wide[c->n_wide++] = conn->index;
    p->slots = calloc(n ? n : 1, sizeof(*p->slots));
    return p->slots ? 0 : ERR_MEMORY;
}

int peers_load(struct core *c, struct conf *conf)
{
    c->peers = calloc(conf->n_connections ? conf->n_connections : 1, sizeof(*c->peers));
    c->wide = calloc(conf->n_connections ? conf->n_connections : 1, sizeof(*c->wide));
    c->n_wide = c->n_peers = 0;
    if (!c->peers || !c->wide)
        return ERR_MEMORY;
    c->n_peers = conf->n_connections;
    for (size_t i = 0; i < c->n_peers; i++)
        list_init(&c->peers[i].sas);
    for (size_t i = 0; i < c->n_peers; i++)
        if (peer_init(c, &c->peers[i], &conf->connections[i]) < 0)
            return ERR_MEMORY;
    return 0;
}

void peer_done(struct core *c, struct peer *p)
{
    if (p->mapped)
        map_remove(&c->by_remote, &p->by_remote);
    wake_stop(c, &p->retry);
    ticket_drop(c, &p->id);
    id_leave(&p->our_id);
    free(p->slots);
    free(p->first_slot);
    free(p->apart);
}

void peers_free(struct core *c)
{
    for (size_t i = 0; i < c->n_peers; i++)
        peer_done(c, &c->peers[i]);
    free(c->peers);
    free(c->wide);
    c->peers = NULL;
    c->wide = NULL;
    c->n_peers = 0;
}
