/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator orders and what the kernel reports. */
#include "ike/ike.h"

#include <string.h>

static struct peer *peer_by_name(struct core *c, const char *name)
{
    for (size_t i = 0; i < c->n_peers; i++)
        if (strcmp(peer_name(&c->peers[i]), name) == 0)
            return &c->peers[i];
    return NULL;
}

/* --- list
 * -------------------------------------------------------------------------------------------------------------------------- */

static struct tell *row(struct core *c, enum fact fact, uint32_t order, const struct peer *p, const struct ike_sa *sa,
                        const struct child_sa *child)
{
    size_t before = c->out->n;
    struct tell *t;

    tell(c, fact, p, sa, child, "%s", "");
    if (c->out->n == before) /* no memory */
        return NULL;
    t = &c->out->v[c->out->n - 1].u.tell;
    t->order = order;
    return t;
}

static const char *suite_text(struct core *c, const struct suite *s)
{
    char line[160];
    struct text t = text_in(line, sizeof(line));

    if (s)
        suite_format(s, &t);
    return arena_string(&c->out->arena, line);
}

static const char *id_text(struct core *c, const struct kept_id *kept)
{
    struct id id = id_of(kept);
    char line[ID_TEXT_MAX];

    return id.type ? arena_string(&c->out->arena, id_format(&id, line)) : NULL;
}

static int64_t seconds_to(const struct core *c, usec_t at)
{
    return at ? (at - c->now) / USEC_SEC : -1;
}

static void list_ike(struct core *c, uint32_t order, const struct ike_sa *sa)
{
    struct tell *t = row(c, FACT_IKE_SA, order, sa->peer, sa, NULL);
    struct tell_ike *r;

    if (!t)
        return;
    r = &t->u.ike;
    r->spi_i = sa->spi_i;
    r->spi_r = sa->spi_r;
    r->we_initiated = sa->initiator;
    r->state = sa_state_name(sa->state);
    r->suite = suite_text(c, sa->suite);
    r->local = sa->path.local;
    r->remote = sa->path.remote;
    r->local_id = id_text(c, sa->our_id);
    r->remote_id = id_text(c, sa->peer_id);
    r->nat_local = sa->nat_local;
    r->nat_remote = sa->nat_remote;
    r->age_s = (c->now - (sa->up_since ? sa->up_since : sa->born)) / USEC_SEC;
    r->rekey_in_s = seconds_to(c, sa->rekey_at);
    r->unanswered = sa->ours ? sa->ours->tries : 0;
}

static struct ts_list ts_out(struct core *c, struct ts_list l)
{
    struct ts *v = l.n ? arena_alloc(&c->out->arena, l.n * sizeof(*v)) : NULL;

    if (v)
        memcpy(v, l.v, l.n * sizeof(*v));
    return (struct ts_list){v, v ? l.n : 0};
}

static void list_child(struct core *c, uint32_t order, const struct child_sa *child)
{
    struct tell *t = row(c, FACT_CHILD_SA, order, child->peer, child->sa, child);
    struct tell_child *r;

    if (!t)
        return;
    r = &t->u.child;
    r->state = child_state_name(child->state);
    r->suite = suite_text(c, child->suite);
    r->spi_in = child->spi_in;
    r->spi_out = child->spi_out;
    r->reqid = child->reqid;
    r->transport = child->transport;
    r->udp_encap = child->udp_encap;
    r->ts_local = ts_out(c, child_ts_local(child));
    r->ts_remote = ts_out(c, child_ts_remote(child));
    r->age_s = (c->now - child->born) / USEC_SEC;
    r->rekey_in_s = seconds_to(c, child->rekey_at);
}

static void list_dormant(struct core *c, uint32_t order)
{
    for (size_t i = 0; i < DORMANT_SLOTS; i++) {
        LIST_EACH (it, &c->dormancy.slots[i]) {
            struct ike_sa sa = {.core = c};

            dormant_state(LIST_ITEM(it, struct dormant, in_slot), &sa);
            list_ike(c, order, &sa);
        }
    }
}

static void list_all(struct core *c, const struct order *o)
{
    LIST_EACH (it, &c->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_core);

        if (o->connection && (!sa->peer || strcmp(peer_name(sa->peer), o->connection) != 0))
            continue;
        list_ike(c, o->id, sa);
        LIST_EACH (jt, &sa->children) {
            list_child(c, o->id, LIST_ITEM(jt, struct child_sa, in_sa));
        }
    }
    if (!o->connection)
        list_dormant(c, o->id);
    tell_order(c, o->id, true, "%zu IKE SAs, %zu Child SAs", c->counts.ike_sas, c->counts.child_sas);
}

/* --- rekey, stop
 * ------------------------------------------------------------------------------------------------------------------- */

static void order_rekey(struct core *c, struct peer *p, const struct order *o, int child)
{
    size_t n = 0;

    LIST_EACH (it, &p->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_peer);

        if (!sa_usable(sa))
            continue;
        if (!o->child) {
            sa->want_rekey = true;
            sa->rekey_retry_at = sa->temporary_since ? sa->rekey_retry_at : 0; /* the peer must be given time (2.25) */
            n++;
        }
        LIST_EACH (jt, &sa->children) {
            struct child_sa *k = LIST_ITEM(jt, struct child_sa, in_sa);

            if (o->child && k->index == child && k->state == CHILD_UP && !k->redundant) {
                k->want_rekey = true;
                k->retry_at = k->temporary_since ? k->retry_at : 0;
                n++;
            }
        }
        sa_wake(sa);
    }
    tell_order(c, o->id, n > 0, n ? "%s: %zu rekeys begun" : "%s: nothing is up to be rekeyed (%zu)", peer_name(p), n);
}

#define STOP_WAIT (3 * USEC_SEC)

static void order_stop(struct core *c, const struct order *o)
{
    c->stopping = true;
    c->stop_order = o->id;
    c->stop_by = c->now + STOP_WAIT;
    wake_set(c, &c->stop_timer, c->stop_by);
    LIST_EACH (it, &c->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_core);

        if (sa->state == IKE_UP)
            sa_close(sa);
    }
}

static bool any_up(const struct core *c)
{
    LIST_EACH (it, &c->sas) {
        const struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_core);

        if (sa->state >= IKE_UP)
            return true;
    }
    return false;
}

void order_check_stopped(struct core *c)
{
    if (!c->stopping || c->stopped || (any_up(c) && c->now < c->stop_by))
        return;
    c->stopped = true;
    linger_no_more(c);
    dormancy_end(c);
    LIST_EACH (it, &c->sas) {
        sa_kill(LIST_ITEM(it, struct ike_sa, in_core), FACT_IKE_DOWN, "the daemon stops");
    }
    tell_order(c, c->stop_order, true, "stopped");
    tell(c, FACT_STOPPED, NULL, NULL, NULL, "all SAs are closed; protected selectors stay closed");
}

/* --- orders
 * -------------------------------------------------------------------------------------------------------------------------- */

static int child_index(const struct peer *p, const char *name)
{
    for (size_t i = 0; i < p->conn->n_children; i++)
        if (strcmp(p->conn->children[i].name, name) == 0)
            return (int)i;
    return -1;
}

static void no_such(struct core *c, const struct order *o)
{
    const char *names[65] = {NULL}, *near;

    for (size_t i = 0; i < c->n_peers && i < 64; i++)
        names[i] = peer_name(&c->peers[i]);
    near = text_nearest(o->connection, names);
    tell_order(c, o->id, false, near ? "no connection %s; did you mean %s?" : "no connection %s%s", o->connection,
               near ? near : "");
}

static void order_one(struct core *c, struct peer *p, const struct order *o)
{
    int child = o->child ? child_index(p, o->child) : -1;

    if (o->child && child < 0)
        tell_order(c, o->id, false, "connection %s has no child %s", peer_name(p), o->child);
    else if (o->kind == ORDER_REKEY)
        order_rekey(c, p, o, child);
    else
        peer_order(p, o, child);
}

static void order_named(struct core *c, const struct order *o)
{
    struct peer *p = o->connection ? peer_by_name(c, o->connection) : NULL;

    if (o->connection && !p) {
        no_such(c, o);
        return;
    }
    for (size_t i = 0; !p && i < c->n_peers; i++)
        order_one(c, &c->peers[i], o);
    if (p)
        order_one(c, p, o);
}

void order_take(struct core *c, const struct order *o)
{
    switch (o->kind) {
    case ORDER_UP:
    case ORDER_DOWN:
    case ORDER_REKEY:
        order_named(c, o);
        break;
    case ORDER_LIST:
        list_all(c, o);
        break;
    case ORDER_RELOAD:
        reload(c, o);
        break;
    case ORDER_STOP:
        order_stop(c, o);
        break;
    case ORDER_COUNTERS:
        tell_order(
            c, o->id, true,
            "ike_sas %zu half_open %zu child_sas %zu packets_in %llu dropped %llu cookies %llu auth_failures %llu retransmits "
            "%llu",
            c->counts.ike_sas, c->counts.half_open, c->counts.child_sas, (unsigned long long)c->counts.packets_in,
            (unsigned long long)c->counts.packets_dropped, (unsigned long long)c->counts.cookies_sent,
            (unsigned long long)c->counts.auth_failures, (unsigned long long)c->counts.retransmits);
        break;
    case ORDER_LISTEN:
        c->heard = o->level;
        break;
    }
}

/* --- the kernel
 * ------------------------------------------------------------------------------------------------------------------------ */

/* The SPI that we send with is the peer's choice, and may be another's, or one of those that we hear: the destination says whose
 * it is. An SA that has just moved may have none of the addresses of ours; then the SPI must do. */
static struct child_sa *child_of_event(struct core *c, uint32_t spi, const struct addr *to)
{
    struct child_sa *child = child_by_spi_in(c, spi), *guess = child;

    if (child && addr_equal(&child->sa->path.local.addr, to))
        return child;
    LIST_EACH (it, &c->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_core);

        child = child_by_spi_out(sa, spi);
        if (child && addr_equal(&sa->path.remote.addr, to))
            return child;
        guess = guess ? guess : child;
    }
    return guess;
}

static void event_expire(struct core *c, const struct event *e)
{
    struct child_sa *child = child_of_event(c, e->u.expire.spi, &e->u.expire.destination);

    if (!child || child->state == CHILD_OLD)
        return;
    if (e->kind == EVENT_GONE || e->u.expire.hard) {
        tell(c, FACT_CHILD_DOWN, child->peer, child->sa, child, "%s",
             e->kind == EVENT_GONE ? "its SA is no longer in the kernel" : "its hard limit was reached before it was rekeyed");
        child->want_delete = true;
    } else {
        child->want_rekey = true;
    }
    sa_wake(child->sa);
}

/* Authenticated ESP came from elsewhere: only a peer behind a NAT is followed (2.23). */
static void event_mapping(struct core *c, const struct event *e)
{
    struct child_sa *child = child_by_spi_in(c, e->u.mapping.spi_in);
    struct path to;

    if (!child || child->sa->nat_local || !child->sa->nat_remote)
        return;
    to = child->sa->path;
    to.remote = e->u.mapping.new_remote;
    sa_move(child->sa, &to);
}

void event_take(struct core *c, const struct event *e)
{
    switch (e->kind) {
    case EVENT_ACQUIRE:
        if (e->u.acquire.generation == c->conf->generation && e->u.acquire.connection < c->n_peers)
            peer_acquire(&c->peers[e->u.acquire.connection], e);
        break;
    case EVENT_EXPIRE:
    case EVENT_GONE:
        event_expire(c, e);
        break;
    case EVENT_MAPPING:
        event_mapping(c, e);
        break;
    case EVENT_ADDRESS:
    case EVENT_LOST:
        for (size_t i = 0; i < c->n_peers; i++)
            peer_reconcile(&c->peers[i]);
        break;
    }
}
