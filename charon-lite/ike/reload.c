/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration: what is the same is left alone, what changed is closed and begun anew, what is gone is closed. */
#include "ike/ike.h"

#include <stdlib.h>
#include <string.h>

static struct peer *old_of(struct peer *old, size_t n, const struct conf_connection *conn)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(old[i].conn->name, conn->name) == 0)
            return &old[i];
    return NULL;
}

/* The same connection keeps its SAs, waiting times and orders. */
static void peer_take_over(struct peer *to, struct peer *from)
{
    while (!list_empty(&from->sas)) {
        struct ike_sa *sa = LIST_ITEM(from->sas.next, struct ike_sa, in_peer);

        sa_set_peer(sa, to);
        LIST_EACH (it, &sa->children) {
            LIST_ITEM(it, struct child_sa, in_sa)->peer = to;
        }
    }
    if (to->n_slots == from->n_slots)
        memcpy(to->slots, from->slots, to->n_slots * sizeof(*to->slots));
    if (to->conn->n_children == from->conn->n_children)
        memcpy(to->apart, from->apart, to->conn->n_children * sizeof(*to->apart));
    memcpy(to->orders, from->orders, sizeof(to->orders));
    to->n_orders = from->n_orders;
    to->our_id = from->our_id;
    from->our_id = NULL;
    to->remote = from->remote;
    to->local = from->local;
    peer_map(to);
    to->resolved_at = from->resolved_at;
    to->retry_at = from->retry_at;
    to->failures = from->failures;
}

/* Its SAs have to go while the old configuration is still what they point at: a last word to the peer, and no waiting for an
 * answer. */
static void peer_close_now(struct peer *p)
{
    LIST_EACH (it, &p->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_peer);

        if (sa->state == IKE_UP && !sa->ours) {
            sa->want_delete = true;
            sa_pump(sa);
        }
        sa_kill(sa, FACT_IKE_DOWN, "its configuration changed or is gone");
    }
    peer_orders_done(p, -1, false, "its configuration changed or is gone");
}

static bool same(const struct peer *a, const struct peer *b)
{
    return conf_connection_same(a->conn, b->conn);
}

static void candidates_forget(struct core *c)
{
    dormancy_end(c);
    LIST_EACH (it, &c->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_core);

        if (sa->start)
            sa->start->candidate = NULL;
        if (!sa->peer)
            sa_kill(sa, FACT_DROPPED, "the configuration was replaced meanwhile");
    }
}

/* Vault, judge and hand have it already, and forget what was before it. */
static void reload_later(struct core *c, const struct order *o)
{
    c->next_conf = conf_ref(o->conf);
    memory_short(c);
    tell(c, FACT_LIMIT, NULL, NULL, NULL, "out of memory: configuration %u is taken later", o->conf->generation);
    tell_order(c, o->id, false, "out of memory; it is taken later");
}

void reload_again(struct core *c)
{
    struct order o = {.kind = ORDER_RELOAD, .conf = conf_ref(c->next_conf)};

    if (o.conf)
        reload(c, &o);
    conf_unref(o.conf);
}

void reload(struct core *c, const struct order *o)
{
    struct peer *old = c->peers;
    size_t n_old = c->n_peers, kept = 0;
    struct conf *old_conf = c->conf;
    uint16_t *old_wide = c->wide;
    size_t n_old_wide = c->n_wide;

    conf_unref(c->next_conf);
    c->next_conf = NULL;
    if (peers_load(c, o->conf) < 0) {
        peers_free(c);
        c->peers = old;
        c->n_peers = n_old;
        c->wide = old_wide;
        c->n_wide = n_old_wide;
        reload_later(c, o);
        return;
    }
    candidates_forget(c);
    c->started = false; /* no reconciler runs while the tables change */
    for (size_t i = 0; i < c->n_peers; i++) {
        struct peer *from = old_of(old, n_old, c->peers[i].conn);

        if (from && same(from, &c->peers[i])) {
            peer_take_over(&c->peers[i], from);
            kept++;
        }
    }
    for (size_t i = 0; i < n_old; i++)
        peer_close_now(&old[i]);
    c->conf = conf_ref(o->conf);
    window_configured(c);
    for (size_t i = 0; i < n_old; i++)
        peer_done(c, &old[i]);
    free(old);
    free(old_wide);
    conf_unref(old_conf);
    c->started = true;
    for (size_t i = 0; i < c->n_peers; i++)
        peer_reconcile(&c->peers[i]);
    tell(c, FACT_CONFIG, NULL, NULL, NULL, "configuration %u: %zu connections, %zu as before", c->conf->generation, c->n_peers,
         kept);
    tell_order(c, o->id, true, "%zu connections, %zu as before", c->n_peers, kept);
}
