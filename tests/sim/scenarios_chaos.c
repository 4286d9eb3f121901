/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at once, by the dice; then the world heals and must come to rest. */
#include "scenario.h"

static struct way any_way(struct dice *d)
{
    return (struct way){
        .delay_low = dice_between(d, MS, 50 * MS),
        .delay_high = dice_between(d, 50 * MS, 500 * MS),
        .loss = (unsigned)dice_below(d, 300),
        .dup = (unsigned)dice_below(d, 200),
        .reorder = (unsigned)dice_below(d, 200),
        .reorder_by = dice_between(d, 0, 5 * SEC),
        .corrupt = (unsigned)dice_below(d, 100),
        .replay = (unsigned)dice_below(d, 100),
        .cut = dice_chance(d, 100),
    };
}

static void any_room(struct dice *d, struct desk_faults *f)
{
    bool bad = dice_chance(d, 300);

    *f = (struct desk_faults){.low = MS,
                              .high = dice_between(d, MS, 300 * MS),
                              .failed = bad ? (unsigned)dice_below(d, 150) : 0,
                              .late = bad ? (unsigned)dice_below(d, 50) : 0,
                              .never = bad ? (unsigned)dice_below(d, 50) : 0,
                              .twice = (unsigned)dice_below(d, 100)};
}

static void any_order(struct world *w, struct dice *d)
{
    struct end *e = &w->end[dice_below(d, w->n_ends)];
    const char *name = e->plan[dice_below(d, e->n_plans)].name;

    switch (dice_below(d, 10)) {
    case 0:
    case 1:
        end_order(e, ORDER_REKEY, name, "net");
        return;
    case 2:
    case 3:
        end_order(e, ORDER_REKEY, name, NULL);
        return;
    case 4:
        end_order(e, ORDER_DOWN, name, dice_chance(d, 500) ? "net" : NULL);
        return;
    case 5:
        end_order(e, ORDER_UP, name, dice_chance(d, 500) ? "net" : NULL);
        return;
    case 6:
        end_restart(e);
        return;
    case 7:
        end_reload(e);
        return;
    case 8:
        end_lose_sas(e);
        return;
    default:
        return;
    }
}

/* What the kernel may report, true or not. */
static void any_event(struct world *w, struct dice *d)
{
    struct end *e = &w->end[dice_below(d, w->n_ends)];
    struct event ev = {.kind = (enum event_kind)dice_below(d, EVENT_GONE + 1)};
    struct sa *s = list_empty(&e->xfrm.sas) ? NULL : LIST_ITEM(e->xfrm.sas.next, struct sa, link);
    uint32_t spi = s && dice_chance(d, 500) ? s->spi : (uint32_t)dice_u64(d);

    if (ev.kind == EVENT_ACQUIRE) {
        ev.u.acquire.connection = (uint16_t)dice_below(d, 3);
        ev.u.acquire.child = (uint16_t)dice_below(d, 3);
        ev.u.acquire.generation = e->generation - (uint32_t)dice_below(d, 2);
        ev.u.acquire.reqid = reqid_configured(ev.u.acquire.connection, ev.u.acquire.child);
        ev.u.acquire.seq = (uint32_t)dice_below(d, 100);
        ev.u.acquire.local = (struct ts){.port_high = 65535, .low = addr_v4(10, 0, 0, 5), .high = addr_v4(10, 0, 0, 5)};
        ev.u.acquire.remote = (struct ts){.port_high = 65535, .low = addr_v4(10, 1, 0, 5), .high = addr_v4(10, 1, 0, 5)};
    } else if (ev.kind == EVENT_EXPIRE) { /* a hard one only of what is not there: else the SA would be gone as well */
        ev.u.expire.spi = spi;
        ev.u.expire.hard = !s || spi != s->spi;
        ev.u.expire.destination = e->addr;
    } else if (ev.kind == EVENT_GONE) {
        ev.u.expire.spi = (uint32_t)dice_u64(d);
        ev.u.expire.destination = e->addr;
    } else if (ev.kind == EVENT_MAPPING) {
        ev.u.mapping.spi_in = (uint32_t)dice_u64(d);
        ev.u.mapping.new_remote = (struct endpoint){addr_v4(198, 18, 0, 1), 4500};
    }
    end_event(e, &ev, 0);
}

static void heal(struct world *w)
{
    net_all(&w->net, (struct way){.delay_low = 5 * MS, .delay_high = 15 * MS});
    for (size_t i = 0; i < w->n_ends; i++)
        for (size_t k = 0; k < COUNT_OF(w->end[i].desk); k++)
            w->end[i].desk[k] = (struct desk_faults){.low = 50, .high = 3 * MS};
}

static void any_plan(struct world *w, struct plan *p, bool more)
{
    struct dice *d = &w->dice;
    static const enum keep keeps[] = {KEEP_UP, KEEP_UP, KEEP_ON_DEMAND, KEEP_ANSWER};

    p->keep = p->child[0].keep = keeps[dice_below(d, 4)];
    p->rekey_us = dice_between(d, 2 * MINUTE, 2 * HOUR);
    p->child[0].rekey_us = dice_between(d, MINUTE, HOUR);
    p->child[0].lifetime_us = p->child[0].rekey_us + dice_between(d, MINUTE, HOUR);
    p->liveness_us = dice_between(d, 10 * SEC, 2 * MINUTE);
    p->dead_after_us = dice_between(d, MINUTE, 5 * MINUTE);
    if (more) {
        p->child[1] = p->child[0];
        p->child[1].name = "more";
        p->child[1].local[0] = p->local.b[3] == 1 ? "10.20.0.0/16" : "10.21.0.0/16";
        p->child[1].remote[0] = p->local.b[3] == 1 ? "10.21.0.0/16" : "10.20.0.0/16";
    }
    if (dice_chance(d, 300))
        p->child[0].esp = "aes256gcm16-x25519";
    if (dice_chance(d, 200))
        p->ike = "aes256gcm16-prfsha256-modp2048-x25519 aes256-sha256-x25519";
}

/* Dice of their own for each part of a round: what is left out moves nothing else. */
enum part { PART_ROUND, PART_WEATHER, PART_ROOMS, PART_ORDER, PART_EVENT, PART_NAT };
static bool part(struct world *w, struct lot *lot, enum part p, enum fault fault, unsigned per_mille)
{
    *lot = lot_draw(w, LOT_ROUND, (uint64_t)p, 0);
    return lot_strikes(w, lot, fault, per_mille);
}

static void one_round(struct world *w)
{
    struct lot round, lot;
    bool skipped = !part(w, &round, PART_ROUND, FAULT_ROUND, 1000);

    if (part(w, &lot, PART_WEATHER, FAULT_WEATHER, skipped ? 0 : 1000))
        net_all(&w->net, any_way(&lot.dice));
    if (part(w, &lot, PART_ROOMS, FAULT_ROOMS, skipped ? 0 : 1000))
        for (size_t i = 0; i < w->n_ends; i++)
            for (size_t r = 0; r < COUNT_OF(w->end[i].desk); r++)
                any_room(&lot.dice, &w->end[i].desk[r]);
    if (part(w, &lot, PART_ORDER, FAULT_ORDER, skipped ? 0 : 1000))
        any_order(w, &lot.dice);
    if (part(w, &lot, PART_EVENT, FAULT_EVENT, skipped ? 0 : 300))
        any_event(w, &lot.dice);
    if (part(w, &lot, PART_NAT, FAULT_NAT, skipped ? 0 : 200))
        net_nat_rebind(&w->net.nat[0]);
    if (!skipped)
        world_run(w, dice_between(&round.dice, 0, dice_chance(&round.dice, 500) ? SEC : 3 * MINUTE));
    for (size_t i = 0; i < w->n_ends; i++)
        end_list(&w->end[i]);
}

/* Faults, orders and events, twenty times anew; then all is well again. */
static void storm(struct world *w)
{
    w->laws.steps_max = 5000;
    go(w);
    for (unsigned k = 0; k < 20 && !w->failed; k++)
        one_round(w);
    heal(w);
    world_run(w, 5 * MINUTE);
}

/* What was ordered down is ordered up; then there must be rest. */
static void rest(struct world *w, struct end *who, const char *name)
{
    end_order(who, ORDER_UP, name, NULL);
    world_run(w, 5 * MINUTE);
    traffic_end(w);
    world_run(w, 5 * MINUTE);
    if (settle(w, 20 * MINUTE))
        traffic_flows(w);
}

static void two_flows(struct world *w)
{
    flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", 500 * MS);
    flow_start(w, 1, 0, "10.1.0.5", "10.0.0.5", 700 * MS);
}

static void chaos(struct world *w)
{
    bool more = dice_chance(&w->dice, 300); /* a second child, at both ends */

    for (unsigned i = 0; i < 2; i++)
        any_plan(w, &w->end[i].plan[0], more);
    w->end[0].plan[0].keep = w->end[0].plan[0].child[0].keep = KEEP_UP; /* somebody wants it */
    w->end[1].globals.limits.cookie_threshold = dice_chance(&w->dice, 300) ? 0 : 50;
    two_flows(w);
    storm(w);
    rest(w, &w->end[0], "to1");
}

/* The starter is behind a translator that forgets. */
static void chaos_nat(struct world *w)
{
    for (unsigned i = 0; i < 2; i++)
        any_plan(w, &w->end[i].plan[0], false);
    w->end[0].plan[0].keep = w->end[0].plan[0].child[0].keep = KEEP_UP;
    w->end[1].plan[0].keep = w->end[1].plan[0].child[0].keep = KEEP_ANSWER;
    w->end[1].plan[0].remote = (struct addr){0};
    w->net.nat[0] = (struct nat){.on = true, .outside = addr_v4(203, 0, 113, 5), .timeout = 60 * SEC};
    two_flows(w);
    storm(w);
    rest(w, &w->end[0], "to1");
}

static bool hub_rests(struct world *w)
{
    struct core_counts n = core_count(w->end[0].core);

    return n.ike_sas == 2 && n.child_sas == 2 && xfrm_size(&w->end[0].xfrm) == 4;
}

/* A hub for anybody and two spokes. */
static void chaos_hub(struct world *w)
{
    struct end *hub = &w->end[0];

    w->end[2].plan[w->end[2].n_plans++] = plan_tunnel(2, 0, KEEP_UP);
    hub->plan[hub->n_plans++] = plan_tunnel(0, 2, KEEP_ANSWER);
    for (unsigned k = 0; k < 2; k++) {
        any_plan(w, &w->end[k + 1].plan[0], false);
        any_plan(w, &hub->plan[k], false);
        w->end[k + 1].plan[0].keep = w->end[k + 1].plan[0].child[0].keep = KEEP_UP;
        hub->plan[k].keep = hub->plan[k].child[0].keep = KEEP_ANSWER;
        hub->plan[k].remote = (struct addr){0};
        hub->plan[k].ike = w->end[k + 1].plan[0].ike = NULL; /* the hub chooses a suite before it knows who it is */
    }
    two_flows(w);
    storm(w);
    end_order(&w->end[2], ORDER_UP, "to0", NULL);
    rest(w, &w->end[1], "to0");
    end_list(hub);
    world_until(w, hub_rests, 5 * MINUTE, "two IKE SAs with a Child SA each at the hub");
}

/* The same seed, the same world, byte for byte. */
static void replay(struct world *w)
{
    struct world *other = world_pair(w->seed, KEEP_UP, KEEP_ANSWER);

    chaos(w);
    chaos(other);
    EXPECT(w, w->digest == other->digest && w->now == other->now && w->turns == other->turns);
    world_free(other);
}

const struct scenario scenarios_chaos[] = {
    {"chaos", "faults, orders, restarts by the dice; then it heals", chaos, 100, 0},
    {"chaos-nat", "the same, one end behind a NAT that forgets", chaos_nat, 50, 0},
    {"chaos-hub", "the same, with a hub and two spokes", chaos_hub, 50, 3},
    {"replay", "the same seed plays the same world", replay, 2, 0},
    {NULL, NULL, NULL, 0, 0},
};
