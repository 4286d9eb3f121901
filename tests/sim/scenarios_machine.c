/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: processes that die anywhere, kernels that refuse, forget, lose count and are worked by others, clocks and sleep. */
#include "chaos.h"

#include <string.h>

static void heals(struct world *w)
{
    if (!w->n_flows) {
        flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", 0);
        flow_start(w, 1, 0, "10.1.0.5", "10.0.0.5", 0);
    }
    chaos_heal(w);
}

/* Dies at the n-th beat of establishing, then of a rekey of each kind, then of a deletion: before any word of the core, any
 * operation on the kernel, between an operation and its answer. Each seed another beat, the ends in turn. */
static void crash_at_beat(struct world *w)
{
    struct end *e = &w->end[w->seed & 1];
    unsigned beat = 1 + (unsigned)(w->seed / 2) % 40;

    w->end[1].plan[0].keep = w->end[1].plan[0].child[0].keep = w->seed & 2 ? KEEP_UP : KEEP_ANSWER;
    go(w);
    end_crash_after(e, beat);
    world_run(w, 10 * SEC);
    for (unsigned k = 0; k < 3 && !w->failed; k++) {
        end_crash_after(e, 0);
        world_run(w, 10 * SEC);
        if (!e->core)
            continue;
        end_crash_after(e, beat);
        end_order(e, k == 2 ? ORDER_DOWN : ORDER_REKEY, w->seed & 1 ? "to0" : "to1", k == 1 ? NULL : "net");
        world_run(w, 5 * SEC);
    }
    heals(w);
    EXPECT(w, e->crashes > 0 || beat > 12);
}

/* What a crashed end left: its policies hold, its SAs go on carrying packets; when it is back its orphans are gone at once. */
static void crash_leaves_state(struct world *w)
{
    struct flow *f;

    if (!go_up(w))
        return;
    f = flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", 0);
    end_crash(&w->end[0]);
    EXPECT(w, xfrm_size(&w->end[0].xfrm) == 2);
    flow_send(w, f);
    world_run(w, SEC);
    EXPECT(w, f->delivered == 1 && f->clear == 0);
    end_start(&w->end[0]);
    EXPECT(w, xfrm_size(&w->end[0].xfrm) == 0);
    flow_send(w, f);
    EXPECT(w, f->blocked == 1 && f->clear == 0);
    if (settle(w, 20 * SEC)) /* INITIAL_CONTACT */
        traffic_flows(w);
    EXPECT(w, core_count(w->end[1].core).ike_sas == 1 && xfrm_size(&w->end[1].xfrm) == 2);
}

/* `ip xfrm state flush`: the hand hears of it, nothing leaves in clear, all is made anew. */
static void flushed(struct world *w)
{
    if (!go_up(w))
        return;
    flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", 10 * MS);
    world_run(w, SEC);
    xfrm_others_flush(&w->end[w->seed & 1]);
    world_run(w, 3 * SEC); /* what is lost is wanted again within RETRY_FIRST */
    EXPECT(w, w->flow[0].clear == 0 && w->flow[0].delivered > 100);
    traffic_end(w);
    world_run(w, SEC);
    w->n_flows = 0;
    if (settle(w, 10 * SEC))
        traffic_flows(w);
}

/* Every notice is lost, and count with it: SAs deleted by others are found by looking at everything. */
static void overrun(struct world *w)
{
    if (!go_up(w))
        return;
    w->end[0].xfrm.faults.lost = 1000;
    EXPECT(w, xfrm_others_delete(&w->end[0], &w->dice));
    world_run(w, SEC);
    w->end[0].xfrm.faults.lost = 0;
    if (settle(w, MINUTE))
        traffic_flows(w);
    EXPECT(w, hand_counts(w->end[0].hand).resyncs > 0);
}

/* The notice that an SA is to be rekeyed soon is lost, at both ends; the kernel says it once. The hand sees it when it looks at
 * everything, long before the hard limit. */
static void limit_unheard(struct world *w)
{
    w->end[0].plan[0].child[0].rekey_packets = w->end[1].plan[0].child[0].rekey_packets = 1000;
    if (!go_up(w))
        return;
    traffic_must(w, 10 * MS);
    world_run(w, 9500 * MS);
    w->end[0].xfrm.faults.lost = w->end[1].xfrm.faults.lost = 1000;
    world_run(w, SEC);
    w->end[0].xfrm.faults.lost = w->end[1].xfrm.faults.lost = 0;
    world_run(w, 5 * SEC);
    traffic_end(w);
    if (settle(w, 10 * SEC))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_CHILD_REKEYED) > 0 && fact(w, FACT_CHILD_DOWN) == 0);
}

/* The kernel refuses the n-th operation of an INSTALL: what went in comes out, and it is tried again. */
static void kernel_refuses(struct world *w)
{
    static const int errors[] = {ERR_MEMORY, ERR_IO, ERR_EXISTS};
    struct end *e = &w->end[w->seed & 1];

    go(w);
    for (unsigned k = 0; k < 4 && !w->failed; k++) {
        e->xfrm.fail_next = 1 + (unsigned)(w->seed / 2 + k) % 6;
        e->xfrm.fail_with = errors[dice_below(&w->dice, COUNT_OF(errors))];
        world_run(w, 20 * SEC);
        end_order(e, ORDER_REKEY, w->seed & 1 ? "to0" : "to1", "net");
    }
    e->xfrm.fail_next = 0;
    heals(w);
}

/* SPIs that are taken, again and again: another is chosen. */
static void spi_taken(struct world *w)
{
    for (unsigned i = 0; i < 2; i++)
        w->end[i].install_exists = 500;
    go(w);
    world_run(w, MINUTE);
    for (unsigned i = 0; i < 2; i++)
        w->end[i].install_exists = 0;
    heals(w);
}

static bool believed(const struct end *e, const struct esp_packet *p)
{
    (void)p;
    return e->xfrm.refused_in == 0;
}

/* Of a tunnel's packets only those of its SA are heard: a policy wants that one, and clear ones are stopped. */
static void clear_is_refused(struct world *w)
{
    struct esp_packet p = {.clear = true, .destination = addr_v4(10, 1, 0, 5)};

    if (!go_up(w))
        return;
    flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", 0);
    p.inner = (struct ts){.port_high = 65535, .low = addr_v4(10, 0, 0, 5), .high = addr_v4(10, 0, 0, 5)};
    xfrm_arrived(&w->end[1], &p, &(struct endpoint){0}, &(struct endpoint){0}, false);
    EXPECT(w, !believed(&w->end[1], &p) && w->flow[0].delivered == 0);
}

/* The wall clock jumps by ten years: no SA is touched, a dead peer is found as soon as ever (only certificates and logs use it).
 */
static void wall_clock(struct world *w)
{
    if (!go_up(w))
        return;
    traffic_must(w, SEC);
    world_run(w, MINUTE);
    for (unsigned i = 0; i < 2; i++)
        w->end[i].wall_jump_s = (w->seed & 1 ? 10 : -10) * (int64_t)365 * 86400;
    world_run(w, 10 * MINUTE);
    EXPECT(w, fact(w, FACT_IKE_DOWN) + fact(w, FACT_CHILD_DOWN) + fact(w, FACT_PEER_DEAD) == 0);
    traffic_end(w);
    net_cut(&w->net, 0, 1, true);
    world_run(w, 4 * MINUTE);
    EXPECT(w, fact(w, FACT_PEER_DEAD) > 0);
    net_cut(&w->net, 0, 1, false);
    w->n_flows = 0;
    heals(w);
}

/* Hours asleep: SAs whose time has passed are used no more, and the tunnel is back. */
static void asleep(struct world *w)
{
    if (!go_up(w))
        return;
    flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", SEC);
    flow_start(w, 1, 0, "10.1.0.5", "10.0.0.5", SEC);
    end_suspend(&w->end[w->seed & 1], dice_between(&w->dice, MINUTE, 5 * HOUR));
    world_run(w, 6 * HOUR);
    heals(w);
}

/* A vault dies with questions open: they fail and are asked again; verdicts of before hold, and rekeys under them go on. */
static void vault_dies(struct world *w)
{
    struct end *e = &w->end[w->seed & 1];

    e->desk[ASK_VAULT].low = e->desk[ASK_VAULT].high = 200 * MS;
    go(w);
    for (unsigned k = 0; k < 10; k++) {
        world_run(w, dice_between(&w->dice, 0, 100 * MS));
        end_room_crash(e, ASK_VAULT);
    }
    if (!settle(w, 2 * MINUTE))
        return;
    end_room_crash(e, ASK_VAULT);
    end_order(e, ORDER_REKEY, w->seed & 1 ? "to0" : "to1", "net");
    world_run(w, MINUTE);
    heals(w);
}

/* The vault has accepted a proof, and the hand does not hear of it: the IKE SA can carry nothing, and makes place for another. */
static void verdict_lost(struct world *w)
{
    w->end[w->seed & 1].lost_verdicts = 1 + (w->seed >> 1 & 1);
    go(w);
    if (settle(w, MINUTE))
        traffic_flows(w);
}

/* The machine begins anew, again and again; before all is closed it forwards nothing. */
static void reboots(struct world *w)
{
    if (!go_up(w))
        return;
    flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", 50 * MS);
    flow_start(w, 1, 0, "10.1.0.5", "10.0.0.5", 50 * MS);
    for (unsigned k = 0; k < 4 && !w->failed; k++) {
        end_reboot(&w->end[k & 1], dice_between(&w->dice, 0, 20 * SEC));
        world_run(w, dice_between(&w->dice, SEC, 40 * SEC));
    }
    heals(w);
}

/* SAs and policies of other programs are there before us, and after. */
static void others_stay(struct world *w)
{
    for (unsigned i = 0; i < 2; i++)
        xfrm_others_add(&w->end[i]);
    if (!go_up(w))
        return;
    end_reload(&w->end[0]);
    end_restart(&w->end[0]);
    end_crash(&w->end[1]);
    end_start(&w->end[1]);
    end_order(&w->end[0], ORDER_DOWN, "to1", NULL);
    world_run(w, MINUTE);
    heals(w);
    for (unsigned i = 0; i < 2; i++)
        EXPECT(w, xfrm_others_intact(&w->end[i]));
}

/* Two nodes with one identity, one after the other and both at once: each takes the tunnel from the other, and the third is not
 * flooded (at most one IKE SA of theirs a retry). */
static void cloned_gateway(struct world *w)
{
    struct end *hub = &w->end[0];

    w->end[1].plan[0] = plan_tunnel(1, 0, KEEP_UP);
    hub->plan[0] = plan_tunnel(0, 1, KEEP_ANSWER);
    hub->plan[0].remote = (struct addr){0};
    w->end[2].plan[w->end[2].n_plans++] = w->end[1].plan[0];
    w->end[2].plan[0].local = w->end[2].addr;
    go(w);
    world_run(w, 10 * MINUTE);
    EXPECT(w, hub->facts[FACT_IKE_UP] < 400 && core_count(hub->core).ike_sas <= 4);
    end_order(&w->end[2], ORDER_STOP, NULL, NULL);
    world_run(w, MINUTE);
    end_off(&w->end[2]);
    w->n_ends = 2;
    heals(w);
}

const struct scenario scenarios_machine[] = {
    {"crash-at-beat", "core and hand die at the n-th beat of each exchange", crash_at_beat, 160, 0},
    {"crash-leaves-state", "policies are adopted, orphans go, the peer is told", crash_leaves_state, 0, 0},
    {"flushed", "somebody flushes the SAs", flushed, 4, 0},
    {"overrun", "notices are lost", overrun, 4, 0},
    {"limit-unheard", "the notice of a soft limit is lost", limit_unheard, 4, 0},
    {"kernel-refuses", "the n-th operation fails", kernel_refuses, 36, 0},
    {"spi-taken", "half of all SPIs are in use", spi_taken, 10, 0},
    {"clear-is-refused", "a clear packet from the peer's side is stopped", clear_is_refused, 1, 0},
    {"wall-clock", "the wall clock jumps by ten years", wall_clock, 2, 0},
    {"asleep", "one end sleeps for hours", asleep, 10, 0},
    {"vault-dies", "vault or judge begin anew", vault_dies, 10, 0},
    {"verdict-lost", "the hand does not hear of a proof", verdict_lost, 4, 0},
    {"reboots", "machines begin anew", reboots, 6, 0},
    {"others-stay", "state of other programs is left alone", others_stay, 0, 0},
    {"cloned-gateway", "two nodes with one identity", cloned_gateway, 0, 3},
    {NULL, NULL, NULL, 0, 0},
};
