/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of rest: what cores, hands and kernels agree on when nothing is under way. */
#include "kernel/hand.h"
#include "laws.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

static char wrong[256];
#define WRONG(...) (snprintf(wrong, sizeof(wrong), __VA_ARGS__), wrong)

static bool same_list(const struct ts *a, size_t n_a, const struct ts *b, size_t n_b)
{
    return ts_list_equal((struct ts_list){a, n_a}, (struct ts_list){b, n_b});
}

static const char *pair_agrees(struct end *e, struct end *peer, struct sa *out)
{
    struct sa *in = xfrm_find(&peer->xfrm, true, out->spi);

    if (!in)
        return WRONG("SPI %08x of end %u is not at end %u", out->spi, e->index, peer->index);
    if (in->keys != out->keys)
        return WRONG("SPI %08x has other keys at end %u than at end %u", out->spi, e->index, peer->index);
    if (in->transport != out->transport || in->encap != out->encap)
        return WRONG("SPI %08x: mode or encapsulation differ", out->spi);
    if (!same_list(in->ts_local, in->n_local, out->ts_remote, out->n_remote) ||
        !same_list(in->ts_remote, in->n_remote, out->ts_local, out->n_local))
        return WRONG("SPI %08x: selectors differ", out->spi);
    return NULL;
}

/* Plans of tunnels are called by the end that they lead to. */
static struct end *peer_of(struct world *w, const struct conf_connection *c)
{
    unsigned n = !strncmp(c->name, "to", 2) && c->name[2] && !c->name[3] ? (unsigned)(c->name[2] - '0') : SIM_ENDS_MAX;

    if (n < w->n_ends)
        return w->end[n].core ? &w->end[n] : NULL;
    for (size_t i = 0; i < w->n_ends; i++)
        if (w->end[i].core && addr_equal(&c->remote.addr, w->net.nat[i].on ? &w->net.nat[i].outside : &w->end[i].addr))
            return &w->end[i];
    return NULL;
}

/* Does any end want this child up? The peer's child is the one of the same name. */
static bool wanted(struct end *peer, struct end *e, const struct conf_child *child)
{
    if (child->keep == KEEP_UP)
        return true;
    for (size_t i = 0; i < peer->conf->n_connections; i++) {
        const struct conf_connection *c = &peer->conf->connections[i];
        const struct conf_child *theirs = conf_child_find(c, child->name);

        if (theirs && theirs->keep == KEEP_UP && peer_of(e->world, c) == e)
            return true;
    }
    return false;
}

/* The policy by which the child's packets leave: of its SA, or closed. */
static const char *policy_at_rest(struct end *e, const struct conf_child *child, struct sa *out)
{
    const struct ts *l = out ? &out->ts_local[0] : &child->local.v[0], *r = out ? &out->ts_remote[0] : &child->remote.v[0];
    const struct kernel_policy *p;

    if (!l->low.family || !r->low.family || l->protocol || r->protocol || (out && out->transport))
        return NULL;
    p = xfrm_policy(&e->xfrm, DIRECTION_OUT, &l->low, &r->low);
    if (out && (!p || p->action != POLICY_PROTECT || p->tmpl.spi != out->spi))
        return WRONG("end %u: packets for %s do not leave by its SA %08x", e->index, child->name, out->spi);
    if (!out && law_protects(e, &l->low, &r->low) && (!p || p->action == POLICY_PASS || p->tmpl.spi))
        return WRONG("end %u: the selectors of %s are not closed", e->index, child->name);
    return NULL;
}

static const char *child_at_rest(struct end *e, struct end *peer, const struct conf_connection *c, uint16_t index, size_t *total)
{
    size_t in = xfrm_count(&e->xfrm, true, c->index, index), out = xfrm_count(&e->xfrm, false, c->index, index);
    const struct conf_child *child = &c->children[index];
    bool must = wanted(peer, e, child), split = child->split == SPLIT_SPLIT;
    size_t pairs = split ? child->local.n * child->remote.n : 1;

    *total += in + out;
    if (in != out || in > pairs || (must && in < pairs))
        return WRONG("end %u has %zu inbound and %zu outbound SAs of %s/%s", e->index, in, out, c->name, child->name);
    LIST_EACH (i, &e->xfrm.sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);
        const char *why = NULL;

        if (s->foreign || s->inbound || s->connection != c->index || s->child != index)
            continue;
        why = pair_agrees(e, peer, s);
        if (!why)
            why = policy_at_rest(e, child, s);
        if (why)
            return why;
    }
    return in ? NULL : policy_at_rest(e, child, NULL);
}

/* What a core keeps for what it has, at most: nothing is left of what is over. */
static const char *core_at_rest(struct end *e, const struct core_counts *n)
{
    if (n->half_open || n->exchanges)
        return WRONG("end %u has %zu half-open IKE SAs and %zu exchanges under way", e->index, n->half_open, n->exchanges);
    if (n->tickets > n->ike_sas + n->child_sas + n->peers + 1)
        return WRONG("end %u keeps %zu tickets for %zu IKE SAs, %zu Child SAs, %zu peers", e->index, n->tickets, n->ike_sas,
                     n->child_sas, n->peers);
    if (n->timers > 4 * n->ike_sas + 3 * n->child_sas + 2 * n->peers + 4)
        return WRONG("end %u keeps %zu timers for %zu IKE SAs, %zu Child SAs, %zu peers", e->index, n->timers, n->ike_sas,
                     n->child_sas, n->peers);
    return NULL;
}

static const char *hand_at_rest(struct end *e)
{
    struct hand_counts h = hand_counts(e->hand);

    if (h.sas != xfrm_size(&e->xfrm))
        return WRONG("end %u: the hand knows %zu SAs, the kernel has %zu", e->index, h.sas, xfrm_size(&e->xfrm));
    return hand_deadline(e->hand) == USEC_NEVER ? NULL : WRONG("end %u: the hand is not sure of the kernel", e->index);
}

static const char *end_at_rest(struct end *e)
{
    struct core_counts n = core_count(e->core);
    const char *why = NULL;
    size_t total = 0;
    bool stranger = false;

    for (size_t i = 0; i < e->conf->n_connections; i++) {
        const struct conf_connection *c = &e->conf->connections[i];
        struct end *peer = peer_of(e->world, c);

        stranger = stranger || !peer;
        for (uint16_t k = 0; peer && !why && k < c->n_children; k++)
            why = child_at_rest(e, peer, c, k, &total);
        if (why)
            return why;
    }
    why = core_at_rest(e, &n);
    if (!why)
        why = hand_at_rest(e);
    if (why || stranger)
        return why;
    if (xfrm_size(&e->xfrm) != total)
        return WRONG("end %u has %zu SAs, %zu of them configured", e->index, xfrm_size(&e->xfrm), total);
    if (n.child_sas * 2 != total)
        return WRONG("end %u: %zu Child SAs in the core, %zu SAs in the SAD", e->index, n.child_sas, total);
    /* both ends may have begun one, and each carry a child: not pretty, but right */
    if (n.ike_sas > e->conf->n_connections && n.ike_sas > n.child_sas)
        return WRONG("end %u has %zu IKE SAs", e->index, n.ike_sas);
    return NULL;
}

/* Every IKE SA has two ends. */
static const char *pairs_at_rest(struct world *w)
{
    size_t first = core_count(w->end[0].core).ike_sas, others = 0;

    for (size_t i = 1; i < w->n_ends; i++) {
        if (!w->end[i].core || w->end[i].n_plans != 1)
            return NULL;
        others += core_count(w->end[i].core).ike_sas;
    }
    return w->n_ends < 2 || first == others ? NULL : WRONG("end 0 has %zu IKE SAs, the others %zu", first, others);
}

const char *laws_at_rest(struct world *w)
{
    for (size_t i = 0; i < w->n_ends; i++) {
        const char *why = w->end[i].core ? end_at_rest(&w->end[i]) : NULL;

        if (why)
            return why;
    }
    return w->end[0].core ? pairs_at_rest(w) : NULL;
}

bool world_at_rest(struct world *w)
{
    return !laws_at_rest(w);
}

const char *laws_empty(struct world *w)
{
    for (size_t i = 0; i < w->n_ends; i++) {
        struct end *e = &w->end[i];
        struct core_counts n = {0};

        if (e->core)
            n = core_count(e->core);
        if (xfrm_size(&e->xfrm) || n.ike_sas || n.child_sas || n.exchanges)
            return WRONG("end %u still has %zu SAs in the SAD, %zu IKE SAs, %zu Child SAs, %zu exchanges", e->index,
                         xfrm_size(&e->xfrm), n.ike_sas, n.child_sas, n.exchanges);
    }
    return NULL;
}
