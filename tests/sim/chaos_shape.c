/* SPDX-License-Identifier: Apache-2.0 */
/* What the world of a storm is: topology, children, proposals, limits, times. */
#include "chaos.h"

static const char *const own[] = {"10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16"};
static const char *const more[][2] = {{"10.20.0.0/16", "10.21.0.0/16"}, {"10.30.0.0/16", "10.31.0.0/16"}};
static const char *const more_names[] = {"more", "most"};

/* What both ends of a connection must have alike: drawn once. */
struct common {
    const char *ike, *esp;
    enum pfs pfs;
    bool no_fragments;
    uint16_t fragment_size;
    enum encap encap;
};

static struct common any_common(struct dice *d)
{
    static const char *const ike[] = {NULL, NULL, "aes256gcm16-prfsha256-modp2048-x25519 aes256-sha256-x25519",
                                      "aes256-sha256-modp2048"};
    static const char *const esp[] = {NULL, NULL, "aes256gcm16-x25519", "aes256-sha256 aes256gcm16",
                                      "aes256gcm16-modp2048-x25519"};

    return (struct common){
        .ike = ike[dice_below(d, COUNT_OF(ike))],
        .esp = esp[dice_below(d, COUNT_OF(esp))],
        .no_fragments = dice_chance(d, 100),
        .fragment_size = dice_chance(d, 300) ? 576 : 0,
        .encap = dice_chance(d, 100) ? ENCAP_FORCE : ENCAP_AUTO,
    };
}

static void any_times(struct dice *d, struct plan *p)
{
    p->rekey_us = dice_between(d, 2 * MINUTE, 2 * HOUR);
    p->liveness_us = dice_between(d, 10 * SEC, 2 * MINUTE);
    p->dead_after_us = dice_between(d, MINUTE, 5 * MINUTE);
    for (size_t k = 0; k < PLAN_CHILDREN_MAX && p->child[k].name; k++) {
        struct plan_child *c = &p->child[k];

        c->keep = p->keep;
        c->rekey_us = dice_between(d, MINUTE, HOUR);
        c->lifetime_us = c->rekey_us + dice_between(d, MINUTE, HOUR);
        if (dice_chance(d, 100))
            c->rekey_packets = 50 + dice_below(d, 400);
    }
}

static void any_globals(struct dice *d, struct plan_globals *g)
{
    g->limits.cookie_threshold = dice_chance(d, 300) ? 0 : 50;
    if (dice_chance(d, 300))
        g->limits.half_open_max = g->limits.half_open_per_source = 2 + (uint32_t)dice_below(d, 6);
    g->drowsy = dice_chance(d, 300);
    if (dice_chance(d, 300))
        g->limits.children_per_ike_max = 5 + (uint32_t)dice_below(d, 4);
    if (dice_chance(d, 300))
        g->limits.ike_per_peer_max = 1 + (uint32_t)dice_below(d, 3);
}

/* Connections of the two sides of a tunnel, with as many children; `a` wants it up. */
static void tunnel(struct world *w, struct plan *a, struct plan *b, enum keep other, unsigned children)
{
    struct dice *d = &w->dice;
    struct common common = any_common(d);
    struct plan *both[2] = {a, b};

    a->keep = KEEP_UP;
    b->keep = other;
    for (unsigned side = 0; side < 2; side++) {
        struct plan *p = both[side];

        for (unsigned k = 1; k < children; k++) {
            p->child[k] = p->child[0];
            p->child[k].name = more_names[k - 1];
            p->child[k].local[0] = more[k - 1][side];
            p->child[k].remote[0] = more[k - 1][!side];
        }
        p->ike = common.ike;
        p->no_fragments = common.no_fragments;
        p->fragment_size = common.fragment_size;
        p->encap = common.encap;
        for (unsigned k = 0; k < children; k++)
            p->child[k].esp = common.esp;
        any_times(d, p);
    }
}

static void flows(struct world *w, unsigned a, unsigned b, const char *src, const char *dst)
{
    flow_start(w, a, b, src, dst, dice_between(&w->dice, 2 * SEC, 20 * SEC));
    flow_start(w, b, a, dst, src, dice_between(&w->dice, 2 * SEC, 20 * SEC));
}

static enum keep any_keep(struct dice *d)
{
    static const enum keep keeps[] = {KEEP_UP, KEEP_ON_DEMAND, KEEP_ANSWER};

    return keeps[dice_below(d, COUNT_OF(keeps))];
}

static void shape_pair(struct world *w, unsigned children)
{
    tunnel(w, &w->end[0].plan[0], &w->end[1].plan[0], any_keep(&w->dice), children);
    flows(w, 0, 1, "10.0.0.5", "10.1.0.5");
    if (children > 1)
        flows(w, 0, 1, "10.20.0.5", "10.21.0.5");
}

/* The starter is behind a translator that forgets; a third of them without UDP encapsulation being forced on both. */
static void shape_nat(struct world *w)
{
    tunnel(w, &w->end[0].plan[0], &w->end[1].plan[0], KEEP_ANSWER, 1);
    w->end[1].plan[0].remote = (struct addr){0};
    w->net.nat[0] = (struct nat){.on = true, .outside = addr_v4(203, 0, 113, 5), .timeout = 60 * SEC};
    flows(w, 0, 1, "10.0.0.5", "10.1.0.5");
}

/* A hub for anybody and two spokes; it chooses a suite before it knows who it is. */
static void shape_hub(struct world *w)
{
    struct end *hub = &w->end[0];

    w->n_ends = 3;
    w->end[1].plan[0] = plan_tunnel(1, 0, KEEP_UP);
    w->end[2].plan[w->end[2].n_plans++] = plan_tunnel(2, 0, KEEP_UP);
    hub->plan[0] = plan_tunnel(0, 1, KEEP_ANSWER);
    hub->plan[hub->n_plans++] = plan_tunnel(0, 2, KEEP_ANSWER);
    for (unsigned k = 0; k < 2; k++) {
        tunnel(w, &w->end[k + 1].plan[0], &hub->plan[k], KEEP_ANSWER, 1);
        hub->plan[k].remote = (struct addr){0};
        hub->plan[k].ike = w->end[k + 1].plan[0].ike = NULL;
    }
    flows(w, 0, 1, "10.0.0.5", "10.1.0.5");
    flows(w, 0, 2, "10.0.0.5", "10.2.0.5");
}

/* Host to host in transport mode. */
static void shape_hosts(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        struct plan_child *c = &w->end[i].plan[0].child[0];

        c->transport = true;
        c->local[0] = c->remote[0] = "dynamic";
    }
    tunnel(w, &w->end[0].plan[0], &w->end[1].plan[0], any_keep(&w->dice), 1);
    flows(w, 0, 1, "192.0.2.1", "192.0.2.2");
}

/* Several selectors in one child: joint, or a Child SA for each pair. */
static void shape_split(struct world *w)
{
    bool apart = dice_chance(&w->dice, 500);

    for (unsigned i = 0; i < 2; i++) {
        struct plan_child *c = &w->end[i].plan[0].child[0];

        c->local[0] = own[i];
        c->remote[0] = own[!i];
        c->local[1] = more[0][i];
        c->remote[1] = more[0][!i];
        c->split = apart ? "split" : "joint";
    }
    tunnel(w, &w->end[0].plan[0], &w->end[1].plan[0], any_keep(&w->dice), 1);
    flows(w, 0, 1, "10.0.0.5", "10.1.0.5");
    flows(w, 0, 1, "10.20.0.5", "10.21.0.5");
}

void chaos_shape(struct world *w, enum shape shape)
{
    struct plan_globals g = plan_globals();

    any_globals(&w->dice, &g);
    for (size_t i = 0; i < SIM_ENDS_MAX; i++)
        w->end[i].globals = g;
    switch (shape) {
    case SHAPE_NAT:
        shape_nat(w);
        break;
    case SHAPE_HUB:
        shape_hub(w);
        break;
    case SHAPE_HOSTS:
        shape_hosts(w);
        break;
    case SHAPE_MANY:
        shape_pair(w, 2 + (unsigned)dice_below(&w->dice, 2));
        break;
    case SHAPE_SPLIT:
        shape_split(w);
        break;
    default:
        shape_pair(w, 1);
    }
    if (dice_chance(&w->dice, 300))
        for (size_t i = 0; i < w->n_ends; i++)
            xfrm_others_add(&w->end[i]);
}
