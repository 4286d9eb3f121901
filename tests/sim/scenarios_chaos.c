/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at once, by the dice; then the world heals and must come to rest. */
#include "chaos.h"

usec_t chaos_give_up(const struct plan_globals *g)
{
    usec_t wait = g->retransmit_us, sum = 0;

    for (uint32_t i = 0; i < g->retransmit_tries; i++) {
        sum += (wait < MINUTE ? wait : MINUTE) / 10 * 11; /* no wait is longer than a minute; a tenth more by chance */
        wait = wait / 100 * g->retransmit_factor;
    }
    return sum;
}

/* Whoever is down or asleep comes back; nothing fails any more. */
static void calm(struct world *w)
{
    net_all(&w->net, (struct way){.delay_low = 5 * MS, .delay_high = 15 * MS});
    for (size_t i = 0; i < w->n_ends; i++) {
        struct end *e = &w->end[i];

        for (size_t k = 0; k < COUNT_OF(e->desk); k++)
            e->desk[k] = (struct desk_faults){.low = 50, .high = 3 * MS};
        e->install_exists = e->lost_verdicts = 0;
        e->xfrm.faults = (struct kernel_faults){0};
        e->beats_left = 0;
    }
    for (size_t i = 0; i < w->n_ends && !w->failed; i++)
        for (int k = 0; k < 100000 && (!w->end[i].core || end_asleep(&w->end[i])) && !w->failed; k++)
            world_run(w, SEC);
}

static void up_again(struct world *w)
{
    for (size_t i = 0; i < w->n_ends; i++)
        for (size_t k = 0; k < w->end[i].n_plans; k++)
            if (w->end[i].plan[k].keep == KEEP_UP)
                end_order(&w->end[i], ORDER_UP, w->end[i].plan[k].name, NULL);
}

/* What the storm still has under way: packets, and hands that it made slow, which work in order. */
static void stragglers(struct world *w)
{
    world_run(w, 12 * SEC);
    for (size_t i = 0; i < w->n_ends && !w->failed; i++)
        if (w->end[i].answered_until[ASK_HAND] > w->now)
            world_run(w, w->end[i].answered_until[ASK_HAND] - w->now);
}

/* A ping each way for every flow of the storm. */
static void all_flow(struct world *w)
{
    uint64_t before[COUNT_OF(w->flow)];

    stragglers(w);
    for (size_t i = 0; i < w->n_flows; i++)
        flow_send(w, &w->flow[i]); /* translators forgot, peers moved: this one tells */
    world_run(w, 2 * SEC);
    for (size_t i = 0; i < w->n_flows; i++)
        before[i] = w->flow[i].delivered;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < w->n_flows; i++)
            flow_send(w, &w->flow[i]);
    world_run(w, SEC);
    for (size_t i = 0; i < w->n_flows && !w->failed; i++)
        LAW(w, LAW_ARRIVES, w->flow[i].delivered == before[i] + 3, "%llu of 3 pings of flow %zu arrive",
            (unsigned long long)(w->flow[i].delivered - before[i]), i);
}

/* Nothing disturbs any more: rekeys of both kinds under traffic, and not a packet is lost (2.8). */
static void quiet_hour(struct world *w)
{
    size_t n = w->n_flows;

    if (w->failed || n * 2 > COUNT_OF(w->flow))
        return;
    world_run(w, 11 * MINUTE);
    for (size_t i = 0; i < n; i++) {
        struct flow *f = &w->flow[i];
        char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];

        flow_must(w, flow_start(w, f->from, f->to, addr_format(&f->src, src), addr_format(&f->dst, dst), 5 * SEC), true);
    }
    world_run(w, 45 * MINUTE);
    traffic_end(w);
    settle(w, 2 * MINUTE);
}

void chaos_heal(struct world *w)
{
    usec_t bound = 2 * chaos_give_up(&w->end[0].globals), began;

    if (w->failed)
        return;
    calm(w);
    up_again(w);
    traffic_end(w);
    began = w->now;
    while (!w->failed && !world_at_rest(w) && w->now - began < bound)
        world_run(w, 100 * MS);
    LAW(w, LAW_HEALS, world_at_rest(w), "no rest within %lld s: %s", (long long)(bound / SEC), laws_at_rest(w));
    w->healed_in = w->now - began;
    if (w->failed)
        return;
    all_flow(w);
    settle(w, 2 * MINUTE);
    for (size_t i = 0; i < w->n_ends; i++)
        LAW(w, LAW_OTHERS_STAY, xfrm_others_intact(&w->end[i]), "end %zu: SAs or policies of other programs are gone", i);
}

static void storm(struct world *w, enum shape shape)
{
    chaos_shape(w, shape);
    chaos_storm(w);
    chaos_heal(w);
    if (dice_chance(&w->dice, 300))
        quiet_hour(w);
}

static void chaos(struct world *w)
{
    storm(w, (enum shape)dice_below(&w->dice, SHAPE_KINDS));
}

static void chaos_pair(struct world *w)
{
    storm(w, SHAPE_PAIR);
}

static void chaos_nat(struct world *w)
{
    storm(w, SHAPE_NAT);
}

static void chaos_hub(struct world *w)
{
    storm(w, SHAPE_HUB);
}

static void chaos_hosts(struct world *w)
{
    storm(w, SHAPE_HOSTS);
}

static void chaos_many(struct world *w)
{
    storm(w, SHAPE_MANY);
}

static void chaos_split(struct world *w)
{
    storm(w, SHAPE_SPLIT);
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
    {"chaos", "a world, faults, orders, restarts by the dice; then it heals", chaos, 100, 0},
    {"chaos-pair", "the same, two gateways", chaos_pair, 30, 0},
    {"chaos-nat", "the same, one end behind a NAT that forgets", chaos_nat, 30, 0},
    {"chaos-hub", "the same, a hub for anybody and two spokes", chaos_hub, 30, 0},
    {"chaos-hosts", "the same, transport mode", chaos_hosts, 30, 0},
    {"chaos-many", "the same, several children", chaos_many, 30, 0},
    {"chaos-split", "the same, several selectors a child", chaos_split, 30, 0},
    {"replay", "the same seed plays the same world", replay, 2, 0},
    {NULL, NULL, NULL, 0, 0},
};
