/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that vanish, come back and move; reloads; restarts. */
#include "memory.h"
#include "scenario.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

static void liveness(struct world *w)
{
    uint64_t sent;

    if (!go_up(w))
        return;
    sent = w->end[0].sent + w->end[1].sent;
    world_run(w, 10 * MINUTE); /* silence: probes, answered */
    EXPECT(w, w->end[0].sent + w->end[1].sent > sent + 10 && w->end[0].sent + w->end[1].sent < sent + 100);
    EXPECT(w, fact(w, FACT_PEER_DEAD) == 0);
}

/* Traffic in both directions is proof enough of life: nearly no probes (2.4). */
static void liveness_by_traffic(struct world *w)
{
    uint64_t sent;

    if (!go_up(w))
        return;
    traffic_must(w, SEC);
    world_run(w, 5 * SEC);
    sent = w->end[0].sent + w->end[1].sent;
    world_run(w, 10 * MINUTE);
    EXPECT(w, w->end[0].sent + w->end[1].sent <= sent + 4);
}

static void peer_vanishes(struct world *w)
{
    if (!go_up(w))
        return;
    net_cut(&w->net, 0, 1, true);
    world_run(w, 10 * MINUTE);
    EXPECT(w, w->end[0].facts[FACT_PEER_DEAD] >= 1);
    EXPECT(w, xfrm_size(&w->end[0].xfrm) == 0 && xfrm_size(&w->end[1].xfrm) == 0);
    EXPECT(w, w->end[0].sent < 200);
    net_cut(&w->net, 0, 1, false);
    if (settle(w, 10 * MINUTE))
        traffic_flows(w);
}

static void short_outage(struct world *w)
{
    if (!go_up(w))
        return;
    net_cut(&w->net, 0, 1, true);
    world_run(w, MINUTE);
    net_cut(&w->net, 0, 1, false);
    world_run(w, MINUTE);
    EXPECT(w, fact(w, FACT_PEER_DEAD) == 0 && fact(w, FACT_IKE_DOWN) == 0);
    traffic_flows(w);
}

static void one_way(struct world *w)
{
    unsigned from = w->seed & 1;

    if (!go_up(w))
        return;
    w->net.way[from][!from].cut = true;
    world_run(w, 20 * MINUTE);
    w->net.way[from][!from].cut = false;
    world_run(w, 10 * MINUTE);
    if (settle(w, 10 * MINUTE))
        traffic_flows(w);
}

/* The initiator comes back without memory: INITIAL_CONTACT clears the other end at once. */
static void starter_restarts(struct world *w)
{
    if (!go_up(w))
        return;
    world_run(w, MINUTE);
    end_restart(&w->end[0]);
    if (settle(w, 20 * SEC))
        traffic_flows(w);
    EXPECT(w, core_count(w->end[1].core).ike_sas == 1);
}

/* The responder comes back without memory: liveness finds out. */
static void answerer_restarts(struct world *w)
{
    if (!go_up(w))
        return;
    world_run(w, MINUTE);
    end_restart(&w->end[1]);
    if (settle(w, 10 * MINUTE))
        traffic_flows(w);
}

static bool restart_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    bool *done = ctx;

    if (from == 0 && (*d)->data[18] == IKE_AUTH && !*done) {
        *done = true;
        end_restart(&w->end[1]);
    }
    return true;
}

/* The responder restarts between IKE_SA_INIT and IKE_AUTH: it says that it does not know the SA. */
static void restart_between(struct world *w)
{
    bool done = false;

    w->net.tap = restart_tap;
    w->net.tap_ctx = &done;
    go(w);
    if (settle(w, 20 * SEC))
        traffic_flows(w);
    EXPECT(w, done);
    w->net.tap = NULL;
}

static void both_restart(struct world *w)
{
    w->end[1].plan[0].keep = w->end[1].plan[0].child[0].keep = KEEP_UP;
    for (int k = 0; k < 5 && !w->failed; k++) {
        go(w);
        world_run(w, dice_between(&w->dice, 0, 100 * MS));
        end_restart(&w->end[dice_below(&w->dice, 2)]);
        world_run(w, dice_between(&w->dice, 0, 10 * SEC));
        end_restart(&w->end[dice_below(&w->dice, 2)]);
        world_run(w, 5 * MINUTE);
        if (settle(w, 5 * MINUTE))
            traffic_flows(w);
        EXPECT(w, core_count(w->end[0].core).ike_sas == 1 && core_count(w->end[1].core).ike_sas == 1);
    }
}

static void lost_sas(struct world *w)
{
    if (!go_up(w))
        return;
    end_lose_sas(&w->end[w->seed & 1]);
    world_run(w, 30 * SEC);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

/* The hard limit strikes because the peer does not answer the rekey. */
static void hard_expiry(struct world *w)
{
    w->end[0].plan[0].child[0].rekey_us = 5 * MINUTE;
    w->end[0].plan[0].child[0].lifetime_us = 6 * MINUTE;
    if (!go_up(w))
        return;
    world_run(w, 4 * MINUTE);
    net_rule(&w->net, (struct rule){.from = 0, .exchange = CREATE_CHILD_SA, .response = 0, .times = 12, .what = RULE_DROP});
    world_run(w, 6 * MINUTE);
    w->net.n_rules = 0;
    world_run(w, 10 * MINUTE);
    if (settle(w, 10 * MINUTE))
        traffic_flows(w);
}

static void reload_same(struct world *w)
{
    uint32_t spi;

    if (!go_up(w))
        return;
    traffic_must(w, 100 * MS);
    spi = LIST_ITEM(w->end[0].xfrm.sas.next, struct sa, link)->spi;
    for (unsigned i = 0; i < 4; i++) {
        end_reload(&w->end[i & 1]);
        world_run(w, 10 * SEC);
    }
    EXPECT(w, xfrm_find(&w->end[0].xfrm, true, spi) != NULL && fact(w, FACT_IKE_DOWN) == 0);
    settle(w, MINUTE);
}

static void reload_changes(struct world *w)
{
    if (!go_up(w))
        return;
    w->end[1].plan[0].ike = w->end[0].plan[0].ike = "aes256-sha256-ecp256";
    end_reload(&w->end[1]);
    end_reload(&w->end[0]);
    world_run(w, MINUTE);
    if (settle(w, 10 * MINUTE))
        traffic_flows(w);
    for (unsigned i = 0; i < 2; i++) { /* another child */
        w->end[i].plan[0].child[1] = w->end[i].plan[0].child[0];
        w->end[i].plan[0].child[1].name = "more";
        w->end[i].plan[0].child[1].local[0] = i ? "10.21.0.0/16" : "10.20.0.0/16";
        w->end[i].plan[0].child[1].remote[0] = i ? "10.20.0.0/16" : "10.21.0.0/16";
        end_reload(&w->end[i]);
    }
    world_run(w, MINUTE);
    if (settle(w, 10 * MINUTE))
        EXPECT(w, xfrm_size(&w->end[0].xfrm) == 4);
    for (unsigned i = 0; i < 2; i++) { /* and gone */
        w->end[i].plan[0].child[1].name = NULL;
        end_reload(&w->end[i]);
    }
    world_run(w, MINUTE);
    if (settle(w, 10 * MINUTE))
        EXPECT(w, xfrm_size(&w->end[0].xfrm) == 2);
    traffic_flows(w);
}

static void reload_removes(struct world *w)
{
    if (!go_up(w))
        return;
    w->end[0].n_plans = 0;
    end_reload(&w->end[0]);
    world_run(w, MINUTE);
    EXPECT(w, !laws_empty(w));
    w->end[0].n_plans = 1;
    end_reload(&w->end[0]);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

static void orders(struct world *w)
{
    if (!go_up(w))
        return;
    end_order(&w->end[0], ORDER_DOWN, "to1", NULL);
    world_run(w, 5 * MINUTE);
    EXPECT(w, !laws_empty(w)); /* stays down */
    end_order(&w->end[0], ORDER_UP, "to1", NULL);
    world_run(w, 10 * SEC);
    EXPECT(w, w->end[0].order_ok);
    if (settle(w, 10 * SEC))
        traffic_flows(w);
    end_order(&w->end[0], ORDER_DOWN, "to1", "net");
    world_run(w, 5 * MINUTE);
    EXPECT(w, xfrm_size(&w->end[0].xfrm) == 0 && xfrm_size(&w->end[1].xfrm) == 0);
    end_order(&w->end[0], ORDER_UP, "to1", "net");
    world_run(w, 10 * SEC);
    EXPECT(w, w->end[0].order_ok);
    if (settle(w, 10 * SEC))
        traffic_flows(w);
    end_order(&w->end[0], ORDER_UP, "no-such", NULL);
    EXPECT(w, !w->end[0].order_ok);
    end_order(&w->end[0], ORDER_COUNTERS, NULL, NULL);
}

static void listen_to(struct end *e, enum level level)
{
    struct input in = {.kind = INPUT_ORDER, .u.order = {.kind = ORDER_LISTEN, .level = (uint8_t)level}};

    end_step(e, &in);
}

/* Where nobody reads facts none are told; orders are answered all the same, and the end of the core is said. */
static void unheard(struct world *w)
{
    struct end *e = &w->end[0];

    e->plan[0].keep = e->plan[0].child[0].keep = KEEP_ANSWER;
    go(w);
    listen_to(e, LEVEL_ERROR);
    end_order(e, ORDER_UP, "to1", "net");
    world_run(w, 10 * SEC);
    EXPECT(w, e->order_ok && e->facts[FACT_IKE_UP] == 0 && e->facts[FACT_CHILD_UP] == 0);
    end_list(e);
    EXPECT(w, end_rows(e, true, "UP") == 1);
    listen_to(e, LEVEL_NOTICE);
    end_order(e, ORDER_REKEY, "to1", NULL);
    world_run(w, 10 * SEC);
    EXPECT(w, e->facts[FACT_IKE_REKEYED] == 0 && fact(w, FACT_IKE_REKEYED) == 1);
    end_order(e, ORDER_DOWN, "to1", NULL);
    world_run(w, MINUTE);
    EXPECT(w, e->facts[FACT_IKE_DOWN] >= 1);
    listen_to(e, LEVEL_ERROR); /* each end is stopped after the scenario, and must say so */
}

static void up_fails(struct world *w)
{
    w->end[0].plan[0].keep = w->end[0].plan[0].child[0].keep = KEEP_ANSWER;
    end_start(&w->end[0]);
    end_order(&w->end[0], ORDER_UP, "to1", NULL);
    world_run(w, 10 * MINUTE);
    EXPECT(w, w->end[0].facts[FACT_DONE] == 1 && !w->end[0].order_ok);
    world_run(w, 10 * MINUTE);
}

static size_t memory_now(struct world *w)
{
    laws_done(&w->laws);
    for (size_t i = 0; i < COUNT_OF(w->trace); i++) {
        free(w->trace[i]);
        w->trace[i] = NULL;
    }
    w->n_trace = 0;
    return memory_in_use();
}

/* The memory of a core that held a thousand tunnels, one after the other, is that of one that held a few. */
static void memory(struct world *w)
{
    size_t few = 0, many;

    w->end[0].verdicts_max = w->end[1].verdicts_max = 8;
    if (!go_up(w))
        return;
    for (int k = 0; k < 220 && !w->failed; k++) {
        end_order(&w->end[0], ORDER_DOWN, "to1", NULL);
        world_run(w, 2 * MINUTE);
        if (k == 19) {
            EXPECT(w, !laws_empty(w));
            few = memory_now(w);
        }
        if (k == 219)
            break;
        end_order(&w->end[0], ORDER_UP, "to1", NULL);
        world_run(w, 10 * SEC);
    }
    many = memory_now(w);
    if (many > few + 1024)
        world_fail(w, "200 tunnels leave %zu bytes behind", many - few);
}

/* A suspend: the clock jumps by hours without a tick. */
static void suspend(struct world *w)
{
    if (!go_up(w))
        return;
    w->now += 3 * HOUR;
    world_run(w, 10 * MINUTE);
    if (settle(w, 10 * MINUTE))
        traffic_flows(w);
}

/* One end sleeps, at times with a question of its own open: what it slept through counts as nobody's silence (2.4). It asks when
 * it wakes, loses no SA, and traffic passes at once. */
static void suspend_one(struct world *w)
{
    static const usec_t naps[] = {5 * SEC, 40 * SEC, 150 * SEC, 10 * MINUTE, 40 * MINUTE};
    unsigned sleeper = w->seed & 1;
    struct end *e = &w->end[sleeper];

    w->end[!sleeper].plan[0].liveness_us = 0; /* the other has patience */
    for (unsigned i = 0; i < 2; i++)
        w->end[i].plan[0].rekey_us = w->end[i].plan[0].child[0].rekey_us = 24 * HOUR;
    w->end[0].plan[0].child[0].lifetime_us = w->end[1].plan[0].child[0].lifetime_us = 25 * HOUR;
    if (!go_up(w))
        return;
    for (size_t i = 0; i < COUNT_OF(naps) && !w->failed; i++) {
        net_cut(&w->net, 0, 1, true);
        world_run(w, (i % 2 ? 31 : 33) * SEC); /* it has begun to ask, or soon will */
        end_suspend(e, naps[i]);
        world_run(w, naps[i]);
        world_run(w, i % 3 * 30 * SEC); /* the network may need its time, too */
        net_cut(&w->net, 0, 1, false);
        world_run(w, 2 * SEC);
        traffic_flows(w);
        EXPECT(w, fact(w, FACT_PEER_DEAD) == 0 && fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_CHILD_DOWN) == 0);
        world_run(w, MINUTE);
    }
    EXPECT(w, core_count(e->core).ike_sas == 1 && fact(w, FACT_IKE_UP) == 2);
}

const struct scenario scenarios_life[] = {
    {"liveness", "a silent peer is asked, and answers", liveness, 0, 0},
    {"liveness-by-traffic", "traffic is proof of life", liveness_by_traffic, 0, 0},
    {"peer-vanishes", "dead after a while; reconnected when it is back", peer_vanishes, 0, 0},
    {"short-outage", "a minute without network changes nothing", short_outage, 0, 0},
    {"one-way", "only one direction is cut", one_way, 6, 0},
    {"starter-restarts", "INITIAL_CONTACT clears what was left", starter_restarts, 0, 0},
    {"answerer-restarts", "liveness finds out", answerer_restarts, 0, 0},
    {"restart-between", "the responder restarts between IKE_SA_INIT and IKE_AUTH", restart_between, 0, 0},
    {"both-restart", "ends restart while they connect", both_restart, 10, 0},
    {"lost-sas", "the kernel lost our SAs", lost_sas, 4, 0},
    {"hard-expiry", "the rekey is not answered until the hard limit", hard_expiry, 0, 0},
    {"reload-same", "a reload without changes leaves all alone", reload_same, 0, 0},
    {"reload-changes", "a reload changes proposals, adds and removes a child", reload_changes, 0, 0},
    {"reload-removes", "a connection goes and comes back", reload_removes, 0, 0},
    {"orders", "down, up, and what is wrong", orders, 0, 0},
    {"unheard", "what nobody reads is not told", unheard, 0, 0},
    {"up-fails", "an order to come up is answered when it failed", up_fails, 0, 0},
    {"memory", "200 tunnels leave nothing behind", memory, 1, 0},
    {"suspend", "hours pass without a tick", suspend, 4, 0},
    {"suspend-one", "one end sleeps while it asks", suspend_one, 6, 0},
    {NULL, NULL, NULL, 0, 0},
};
