/* SPDX-License-Identifier: Apache-2.0 */
/* Faults, orders and events by lots. Each part of a round has a lot of its own: what is left out moves nothing else. */
#include "chaos.h"

#define ROUNDS 26

/* A few kinds of fault a seed: what many others would drown shows where it is nearly alone. */
struct mood {
    bool weather, cuts, forgers, rooms, kernel, others, crashes, machines, clocks, orders, nonsense;
};

static struct mood any_mood(struct dice *d)
{
    unsigned most = dice_chance(d, 200) ? 900 : 400;

    return (struct mood){
        .weather = dice_chance(d, 700),
        .cuts = dice_chance(d, most / 2),
        .forgers = dice_chance(d, most / 2),
        .rooms = dice_chance(d, most),
        .kernel = dice_chance(d, most),
        .others = dice_chance(d, most / 2),
        .crashes = dice_chance(d, most),
        .machines = dice_chance(d, most / 2),
        .clocks = dice_chance(d, most / 2),
        .orders = dice_chance(d, 800),
        .nonsense = dice_chance(d, most / 2),
    };
}

static struct way any_way(struct dice *d, const struct mood *m)
{
    static const unsigned mtus[] = {0, 0, 1400, 1280, 576};
    static const usec_t late[] = {SEC, 5 * SEC, 10 * SEC};
    struct way w = {.delay_low = dice_between(d, MS, 50 * MS), .delay_high = dice_between(d, 50 * MS, 500 * MS)};

    if (m->weather) {
        w.loss = (unsigned)dice_below(d, dice_chance(d, 200) ? 600 : 200);
        w.dup = (unsigned)dice_below(d, 200);
        w.reorder = (unsigned)dice_below(d, 200);
        w.reorder_by = dice_between(d, 0, late[dice_below(d, COUNT_OF(late))]);
        w.corrupt = (unsigned)dice_below(d, 100);
        w.replay = (unsigned)dice_below(d, 100);
        w.mtu = mtus[dice_below(d, COUNT_OF(mtus))];
    }
    if (m->forgers)
        w.forge = (unsigned)dice_below(d, 300);
    w.cut = m->cuts && dice_chance(d, 200);
    return w;
}

static void weather(struct world *w, struct dice *d, const struct mood *m)
{
    struct way way = any_way(d, m);

    net_all(&w->net, way);
    w->lots.struck[FAULT_MTU] += way.mtu != 0;
    w->lots.struck[FAULT_CUT] += way.cut;
    if (!dice_chance(d, 300))
        return;
    for (size_t a = 0; a < w->n_ends; a++) /* each way its own */
        for (size_t b = 0; b < w->n_ends; b++)
            w->net.way[a][b] = any_way(d, m);
}

static struct desk_faults any_room(struct dice *d)
{
    bool bad = dice_chance(d, 300);

    return (struct desk_faults){.low = MS,
                                .high = dice_between(d, MS, 300 * MS),
                                .failed = bad ? (unsigned)dice_below(d, 150) : 0,
                                .late = bad ? (unsigned)dice_below(d, 50) : 0,
                                .never = bad ? (unsigned)dice_below(d, 50) : 0,
                                .twice = (unsigned)dice_below(d, 100)};
}

static void rooms(struct world *w, struct dice *d)
{
    for (size_t i = 0; i < w->n_ends; i++)
        for (size_t r = 0; r < COUNT_OF(w->end[i].desk); r++) {
            w->end[i].desk[r] = any_room(d);
            if (r == ASK_HAND) /* the hand answers twice never: it is not asked again */
                w->end[i].desk[r].twice = 0;
        }
}

static void kernels(struct world *w, struct dice *d)
{
    for (size_t i = 0; i < w->n_ends; i++) {
        bool bad = dice_chance(d, 300);

        w->end[i].xfrm.faults = (struct kernel_faults){.memory = bad ? (unsigned)dice_below(d, 100) : 0,
                                                       .io = bad ? (unsigned)dice_below(d, 50) : 0,
                                                       .lost = bad ? (unsigned)dice_below(d, 300) : 0};
        w->end[i].install_exists = dice_chance(d, 200) ? 200 : 0;
        w->end[i].lost_verdicts = dice_chance(d, 100) ? 1 : 0;
    }
}

static const char *any_child(struct dice *d, const struct plan *p)
{
    size_t n = 0;

    while (n < PLAN_CHILDREN_MAX && p->child[n].name)
        n++;
    return p->child[dice_below(d, n)].name;
}

static void any_order(struct world *w, struct dice *d)
{
    struct end *e = &w->end[dice_below(d, w->n_ends)];
    struct plan *p = &e->plan[dice_below(d, e->n_plans)];
    const char *child = any_child(d, p);

    if (!e->core || end_asleep(e))
        return;
    switch (dice_below(d, 12)) {
    case 0:
    case 1:
    case 2:
        end_order(e, ORDER_REKEY, p->name, child);
        return;
    case 3:
    case 4:
    case 5:
        end_order(e, ORDER_REKEY, p->name, NULL);
        return;
    case 6:
        end_order(e, ORDER_DOWN, p->name, dice_chance(d, 500) ? child : NULL);
        return;
    case 7:
        end_order(e, ORDER_UP, p->name, dice_chance(d, 500) ? child : NULL);
        return;
    case 8:
        end_restart(e);
        return;
    case 9:
        end_reload(e);
        return;
    case 10: /* the connection is another one from now on */
        p->rekey_us += MINUTE;
        p->child[0].rekey_us += SEC;
        p->child[0].lifetime_us += SEC;
        end_reload(e);
        return;
    default:
        return;
    }
}

/* Several at once, at both ends: collisions. */
static void orders(struct world *w, struct dice *d)
{
    unsigned n = dice_chance(d, 300) ? 1 + (unsigned)dice_below(d, 5) : 1;

    for (unsigned i = 0; i < n && !w->failed; i++) {
        any_order(w, d);
        world_run(w, dice_below(d, 2) ? dice_between(d, 0, 40 * MS) : 0);
    }
}

/* What the hand may say of the kernel though it is not so: nothing may break of it. */
static void nonsense(struct world *w, struct dice *d)
{
    struct end *e = &w->end[dice_below(d, w->n_ends)];
    struct event ev = {.kind = (enum event_kind)dice_below(d, EVENT_GONE + 1)};

    if (!e->core || end_asleep(e))
        return;
    if (ev.kind == EVENT_ACQUIRE) {
        ev.u.acquire.connection = (uint16_t)dice_below(d, 3);
        ev.u.acquire.child = (uint16_t)dice_below(d, 3);
        ev.u.acquire.generation = e->generation - (uint32_t)dice_below(d, 2);
        ev.u.acquire.reqid = reqid_configured(ev.u.acquire.connection, ev.u.acquire.child);
        ev.u.acquire.seq = (uint32_t)dice_below(d, 100);
        ev.u.acquire.local = (struct ts){.port_high = 65535, .low = addr_v4(10, 0, 0, 5), .high = addr_v4(10, 0, 0, 5)};
        ev.u.acquire.remote = (struct ts){.port_high = 65535, .low = addr_v4(10, 1, 0, 5), .high = addr_v4(10, 1, 0, 5)};
    } else if (ev.kind == EVENT_EXPIRE) {
        ev.u.expire.spi = (uint32_t)dice_u64(d);
        ev.u.expire.hard = dice_chance(d, 500);
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

static void crash(struct world *w, struct dice *d)
{
    struct end *e = &w->end[dice_below(d, w->n_ends)];

    end_crash_after(e, 1 + (unsigned)dice_below(d, dice_chance(d, 500) ? 20 : 200));
}

static void machine(struct world *w, struct dice *d)
{
    struct end *e = &w->end[dice_below(d, w->n_ends)];

    if (dice_chance(d, 500))
        end_reboot(e, dice_between(d, SEC, MINUTE));
    else
        end_suspend(e, dice_between(d, SEC, dice_chance(d, 200) ? 3 * HOUR : 5 * MINUTE));
}

static void jump(struct world *w, struct dice *d)
{
    static const int64_t years[] = {-10, 10, -1, 1};

    w->end[dice_below(d, w->n_ends)].wall_jump_s += years[dice_below(d, COUNT_OF(years))] * 365 * 86400;
}

static void others(struct world *w, struct dice *d)
{
    struct end *e = &w->end[dice_below(d, w->n_ends)];

    if (dice_chance(d, 500))
        xfrm_others_flush(e);
    else
        xfrm_others_delete(e, d);
}

enum part {
    PART_ROUND,
    PART_WEATHER,
    PART_ROOMS,
    PART_ORDER,
    PART_EVENT,
    PART_NAT,
    PART_KERNEL,
    PART_CRASH,
    PART_VAULT,
    PART_MACHINE,
    PART_CLOCK,
    PART_OTHERS
};
static bool part(struct world *w, struct lot *lot, enum part p, enum fault fault, unsigned per_mille)
{
    *lot = lot_draw(w, LOT_ROUND, (uint64_t)p, 0);
    return lot_strikes(w, lot, fault, per_mille);
}

static void machines(struct world *w, const struct mood *m, bool skipped)
{
    struct lot lot;

    if (part(w, &lot, PART_CRASH, FAULT_CRASH, skipped || !m->crashes ? 0 : 400))
        crash(w, &lot.dice);
    if (part(w, &lot, PART_VAULT, FAULT_CRASH_VAULT, skipped || !m->crashes ? 0 : 200))
        end_room_crash(&w->end[dice_below(&lot.dice, w->n_ends)], dice_chance(&lot.dice, 500) ? ASK_VAULT : ASK_JUDGE);
    if (part(w, &lot, PART_MACHINE, FAULT_MACHINE, skipped || !m->machines ? 0 : 200))
        machine(w, &lot.dice);
    if (part(w, &lot, PART_CLOCK, FAULT_WALL, skipped || !m->clocks ? 0 : 200))
        jump(w, &lot.dice);
    if (part(w, &lot, PART_OTHERS, FAULT_OTHERS, skipped || !m->others ? 0 : 300))
        others(w, &lot.dice);
}

static void one_round(struct world *w, const struct mood *m)
{
    struct lot round, lot;
    bool skipped = !part(w, &round, PART_ROUND, FAULT_ROUND, 1000);

    if (part(w, &lot, PART_WEATHER, FAULT_WEATHER, skipped ? 0 : 1000))
        weather(w, &lot.dice, m);
    if (part(w, &lot, PART_ROOMS, FAULT_ROOMS, skipped || !m->rooms ? 0 : 1000))
        rooms(w, &lot.dice);
    if (part(w, &lot, PART_KERNEL, FAULT_KERNEL, skipped || !m->kernel ? 0 : 1000))
        kernels(w, &lot.dice);
    machines(w, m, skipped);
    if (part(w, &lot, PART_ORDER, FAULT_ORDER, skipped || !m->orders ? 0 : 1000))
        orders(w, &lot.dice);
    if (part(w, &lot, PART_EVENT, FAULT_EVENT, skipped || !m->nonsense ? 0 : 500))
        nonsense(w, &lot.dice);
    if (part(w, &lot, PART_NAT, FAULT_NAT, skipped || !w->net.nat[0].on ? 0 : 300))
        net_nat_rebind(&w->net.nat[0]);
    if (!skipped)
        world_run(w, dice_between(&round.dice, 0, dice_chance(&round.dice, 500) ? SEC : 3 * MINUTE));
    for (size_t i = 0; i < w->n_ends; i++)
        if (w->end[i].core)
            end_list(&w->end[i]);
}

void chaos_storm(struct world *w)
{
    struct mood m = any_mood(&w->dice);

    w->laws.steps_max = 5000;
    go(w);
    for (unsigned k = 0; k < ROUNDS && !w->failed; k++)
        one_round(w, &m);
}
