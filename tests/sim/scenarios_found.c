/* SPDX-License-Identifier: Apache-2.0 */
/* What storms found, told again without them: each of these once failed. */
#include "scenario.h"
#include "wire/wire.h"

/* Both ends connect at once. The second Child SA comes up while the first is being rekeyed: the loser of the two has a
 * successor that nobody knew as a double. */
static void double_rekeyed(struct world *w)
{
    w->end[1].plan[0].keep = w->end[1].plan[0].child[0].keep = KEEP_UP;
    net_rule(&w->net,
             (struct rule){.from = 1, .exchange = IKE_SA_INIT, .response = 1, .times = 1, .what = RULE_DELAY, .delay = SEC / 2});
    net_rule(&w->net, (struct rule){.from = 0, .exchange = IKE_AUTH, .response = 0, .times = 1, .what = RULE_DROP});
    go(w);
    world_run(w, SEC * 7 / 10);
    end_order(&w->end[1], ORDER_REKEY, "to0", NULL);
    world_run(w, SEC / 2);
    net_rule(&w->net, (struct rule){.from = 1, .exchange = CREATE_CHILD_SA, .response = 0, .times = 2, .what = RULE_DROP});
    end_order(&w->end[1], ORDER_REKEY, "to0", "net");
    world_run(w, MINUTE);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

/* Both ends rekey the IKE SA, and the answer to one of them is lost: for that end the other's heir is the only one, and it
 * rekeys a Child SA there, while its peer knows both, has moved the Child SAs away and closes that heir. The Child SA is not
 * unknown to the peer (CHILD_SA_NOT_FOUND): this is not the moment (TEMPORARY_FAILURE, RFC 7296 2.25.2). */
static void rekey_on_the_losing_heir(struct world *w)
{
    unsigned lucky = (unsigned)w->seed & 1;

    if (!go_up(w))
        return;
    net_rule(&w->net,
             (struct rule){.from = (int)lucky, .exchange = CREATE_CHILD_SA, .response = 1, .times = 1, .what = RULE_DROP});
    end_order(&w->end[0], ORDER_REKEY, "to1", NULL);
    end_order(&w->end[1], ORDER_REKEY, "to0", NULL);
    for (unsigned k = 0; k < 30 && !w->failed; k++) {
        world_run(w, 2 * MS);
        if (k == 5 + w->seed % 20)
            end_order(&w->end[!lucky], ORDER_REKEY, lucky ? "to1" : "to0", "net");
    }
    world_run(w, MINUTE);
    if (settle(w, MINUTE))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_CHILD_DOWN) == 0);
}

static bool peer_moved(struct world *w)
{
    return w->end[1].facts[FACT_PEER_MOVED] > 0;
}

/* The peer's NAT gave it another port, and the kernel did not take it for one of the two SAs: its successor goes there. */
static void sa_does_not_follow(struct world *w)
{
    w->end[1].plan[0].remote = (struct addr){0};
    w->net.nat[0] = (struct nat){.on = true, .outside = addr_v4(203, 0, 113, 5), .timeout = 60 * SEC};
    if (!go_up(w))
        return;
    flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", SEC);
    world_run(w, 5 * SEC);
    net_nat_rebind(&w->net.nat[0]);
    w->end[1].desk[ASK_HAND].failed = 1000;
    world_until(w, peer_moved, MINUTE, "the peer is seen elsewhere");
    world_run(w, 5 * MS);
    w->end[1].desk[ASK_HAND].failed = 0;
    world_run(w, MINUTE);
    traffic_end(w);
    if (settle(w, MINUTE))
        traffic_flows(w);
    EXPECT(w, w->end[1].facts[FACT_KERNEL] > 0 && fact(w, FACT_IKE_DOWN) == 0);
}

/* An operator asks again at once for what the peer has put off by TEMPORARY_FAILURE: the order waits too (2.25). */
static void order_put_off(struct world *w)
{
    if (!go_up(w))
        return;
    net_rule(
        &w->net,
        (struct rule){.from = 0, .exchange = CREATE_CHILD_SA, .response = 1, .times = 1, .what = RULE_DELAY, .delay = SEC / 2});
    end_order(&w->end[1], ORDER_REKEY, "to0", "net");
    world_run(w, 50 * MS);
    for (unsigned k = 0; k < 4; k++) {
        end_order(&w->end[0], ORDER_REKEY, "to1", NULL);
        world_run(w, 100 * MS);
    }
    EXPECT(w, fact(w, FACT_REFUSED) == 1);
    world_run(w, MINUTE);
    EXPECT(w, fact(w, FACT_IKE_REKEYED) >= 2);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

/* The starter begins anew: what the answerer held with its earlier life goes with INITIAL_CONTACT, before anything is said on it
 * that a quick crash detection could answer (2.4). */
static void began_anew(struct world *w)
{
    if (!go_up(w))
        return;
    end_restart(&w->end[0]);
    world_run(w, 3 * SEC);
    EXPECT(w, w->end[0].facts[FACT_IKE_UP] == 2 && core_count(w->end[1].core).ike_sas == 1);
    EXPECT(w, core_count(w->end[1].core).child_sas == 1);
    if (settle(w, MINUTE))
        traffic_flows(w);
}

static bool peer_has_half(struct world *w)
{
    return w->end[1].facts[FACT_CHILD_REKEYED] > 0;
}

/* The responder of a rekey does not get its outbound SA into the kernel, or has it there, and its hand says neither: it would
 * listen for ever and speak to nobody. A rekey takes its place, and what can flow, flows on. */
static void outbound_unheard(struct world *w)
{
    bool there = w->seed & 1;

    if (!go_up(w))
        return;
    net_rule(&w->net, (struct rule){
                          .from = 0, .exchange = INFORMATIONAL, .response = 0, .times = 1, .what = RULE_DELAY, .delay = SEC / 2});
    if (there)
        traffic_must(w, 10 * MS);
    end_order(&w->end[0], ORDER_REKEY, "to1", "net");
    world_until(w, peer_has_half, MINUTE, "the peer has the inbound SA of the new pair");
    w->end[1].desk[ASK_HAND].failed = there ? 0 : 1000;
    w->end[1].desk[ASK_HAND].never = 1000;
    world_run(w, SEC);
    w->end[1].desk[ASK_HAND].failed = w->end[1].desk[ASK_HAND].never = 0;
    world_run(w, MINUTE);
    traffic_end(w);
    if (settle(w, MINUTE))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_CHILD_DOWN) == 0);
}

static uint32_t spi_of(struct end *e)
{
    LIST_EACH (i, &e->xfrm.sas) {
        const struct sa *s = LIST_ITEM(i, struct sa, link);

        if (s->inbound)
            return s->spi;
    }
    return 0;
}

/* The responder of a rekey closes the old SA itself, which has reached its hard limit, before the initiator has the answer:
 * nothing is left to speak on but the new one (2.8). */
static void old_closed_by_responder(struct world *w)
{
    struct event e = {.kind = EVENT_EXPIRE};

    if (!go_up(w))
        return;
    e.u.expire.hard = true;
    e.u.expire.spi = spi_of(&w->end[1]);
    net_rule(
        &w->net,
        (struct rule){.from = 1, .exchange = CREATE_CHILD_SA, .response = 1, .times = 1, .what = RULE_DELAY, .delay = SEC / 2});
    end_order(&w->end[0], ORDER_REKEY, "to1", "net");
    world_until(w, peer_has_half, MINUTE, "the peer has the inbound SA of the new pair");
    end_event(&w->end[1], &e, MS);
    world_run(w, 2 * SEC);
    if (traffic_flows(w))
        settle(w, MINUTE);
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_CHILD_UP) == 2);
}

/* Both ends rekey the Child SA, and one takes long to make its key exchange value for the other's request: meanwhile the answer
 * to its own comes and all of that is concluded. The two collided all the same (2.8.1): who loses is not spoken on. */
static void collision_with_slow_values(struct world *w)
{
    unsigned slow = (unsigned)w->seed & 1;
    struct desk_faults worker;

    w->end[0].plan[0].child[0].esp = w->end[1].plan[0].child[0].esp = "aes256gcm16-modp2048"; /* costly: made by a worker */
    if (!go_up(w))
        return;
    worker = w->end[slow].desk[ASK_WORKER];
    net_rule(&w->net,
             (struct rule){
                 .from = !slow, .exchange = CREATE_CHILD_SA, .response = 1, .times = 1, .what = RULE_DELAY, .delay = 50 * MS});
    traffic_must(w, 5 * MS);
    end_order(&w->end[slow], ORDER_REKEY, slow ? "to0" : "to1", "net");
    end_order(&w->end[!slow], ORDER_REKEY, slow ? "to1" : "to0", "net");
    world_run(w, MS);
    w->end[slow].desk[ASK_WORKER].low = w->end[slow].desk[ASK_WORKER].high = 60 * MS + (usec_t)(w->seed % 25) * 10 * MS;
    world_run(w, 40 * MS);
    w->end[slow].desk[ASK_WORKER] = worker;
    world_run(w, MINUTE);
    traffic_end(w);
    if (settle(w, MINUTE))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_CHILD_DOWN) == 0 && fact(w, FACT_IKE_DOWN) == 0);
}

/* The starter begins anew before its IKE_AUTH is answered, which takes time, or comes after that of its next life: one IKE SA
 * comes up while IKE_AUTH of the other is still looked at. Which of two goes is judged when both are up, and never the younger
 * one of two that the same end has begun. */
static void judged_when_up(struct world *w)
{
    net_rule(&w->net, (struct rule){.from = 0,
                                    .exchange = IKE_AUTH,
                                    .response = 0,
                                    .times = 1,
                                    .what = RULE_DELAY,
                                    .delay = w->seed & 1 ? 20 * MS : 100 * MS});
    end_start(&w->end[1]);
    world_run(w, SEC);
    w->end[1].desk[ASK_VAULT] = (struct desk_faults){.low = 20 * MS, .high = 60 * MS};
    end_start(&w->end[0]);
    world_run(w, 40 * MS);
    end_restart(&w->end[0]);
    world_run(w, 20 * SEC);
    if (settle(w, 10 * SEC))
        traffic_flows(w);
    EXPECT(w, w->end[0].facts[FACT_IKE_UP] == 1 && w->end[0].facts[FACT_IKE_DOWN] == 0);
    end_order(&w->end[1], ORDER_REKEY, "to0", NULL); /* who is on the way out is not rekeyed */
    world_run(w, SEC);
    EXPECT(w, w->end[1].facts[FACT_IKE_REKEYED] == 1);
}

static bool peer_installs(struct world *w)
{
    return w->end[1].asks[ASK_CHILD_INSTALL] > 0;
}

/* The answerer has begun an IKE SA too, and waits in vain for its Child SA to be installed; meanwhile its peer begins anew with
 * INITIAL_CONTACT, and that one is given up. When it comes up at last it has lost already: it judges nobody. */
static void judged_once(struct world *w)
{
    w->end[1].plan[0].keep = w->end[1].plan[0].child[0].keep = KEEP_UP;
    w->end[0].plan[0].keep = w->end[0].plan[0].child[0].keep = KEEP_ANSWER;
    net_rule(&w->net, (struct rule){.from = 1, .exchange = IKE_SA_INIT, .response = 0, .times = 1, .what = RULE_DROP});
    go(w);
    world_run(w, SEC);
    w->end[1].desk[ASK_HAND].never = 1000;
    world_until(w, peer_installs, MINUTE, "the first Child SA is being installed");
    w->end[1].desk[ASK_HAND].never = 0;
    w->end[0].plan[0].keep = w->end[0].plan[0].child[0].keep = KEEP_UP;
    end_restart(&w->end[0]);
    world_run(w, 10 * SEC);
    EXPECT(w, w->end[1].facts[FACT_IKE_UP] == 1); /* not the first */
    world_run(w, MINUTE);
    EXPECT(w, w->end[1].facts[FACT_IKE_UP] == 2);
    if (settle(w, MINUTE))
        traffic_flows(w);
    end_order(&w->end[1], ORDER_REKEY, "to0", NULL); /* who is on the way out is not rekeyed */
    world_run(w, SEC);
    EXPECT(w, w->end[1].facts[FACT_IKE_REKEYED] == 1 && w->end[0].facts[FACT_CHILD_DOWN] == 0);
}

static bool proof_to_judge(struct world *w)
{
    return w->end[w->seed & 1].asks[ASK_AUTH_CHECK] > 0;
}

/* The vault cannot say for a while who the peer is: that is no refusal. The responder waits for the request to come again, the
 * initiator begins anew; nobody is told that it is not accepted. */
static void unjudged(struct world *w)
{
    struct end *e = &w->end[w->seed & 1];

    w->end[1].apart = true;
    if (e->index == 1)
        e->desk[ASK_VAULT].failed = 1000;
    w->end[1].plan[0].keep = w->end[1].plan[0].child[0].keep = KEEP_ANSWER;
    go(w);
    for (int k = 0; k < 1000 && e->index == 0 && w->end[1].asks[ASK_AUTH_MAKE] == 0; k++)
        world_run(w, MS);
    e->desk[ASK_VAULT].failed = 1000;
    world_until(w, proof_to_judge, MINUTE, "a proof is to be judged");
    world_run(w, 3 * SEC);
    EXPECT(w, fact(w, FACT_AUTH_FAILED) == 0 && w->end[e->index].facts[FACT_IKE_UP] == 0);
    e->desk[ASK_VAULT].failed = 0;
    if (settle(w, MINUTE))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_AUTH_FAILED) == 0);
}

/* Both rekey at once, and one falls asleep before it hears the answer to its own request; it wakes when that would be long given
 * up. While it sleeps the other one cannot know whether it closes the redundant SA, and must not take its silence for that of a
 * peer that keeps it: who slept would be left without any (2.8, 2.8.1). */
static void asleep_with_the_redundant(struct world *w)
{
    unsigned sleeper = (unsigned)w->seed & 1;
    struct rule unheard = {.from = (int)!sleeper, .exchange = CREATE_CHILD_SA, .response = 1, .times = 2, .what = RULE_DROP};
    static const usec_t naps[] = {100 * SEC, 119 * SEC, 125 * SEC, 140 * SEC, 149 * SEC, 152 * SEC, 179 * SEC, 190 * SEC};

    for (unsigned i = 0; i < 2; i++) {
        w->end[i].plan[0].liveness_us = 0;
        w->end[i].plan[0].dead_after_us = 2 * MINUTE;
        w->end[i].globals.retransmit_tries = 100;
    }
    if (!go_up(w))
        return;
    net_rule(&w->net, unheard);
    end_order(&w->end[0], ORDER_REKEY, "to1", "net");
    end_order(&w->end[1], ORDER_REKEY, "to0", "net");
    world_run(w, 500 * MS);
    end_suspend(&w->end[sleeper], naps[w->seed / 2 % COUNT_OF(naps)]);
    world_run(w, naps[w->seed / 2 % COUNT_OF(naps)] + 5 * SEC);
    world_run(w, MINUTE);
    EXPECT(w, fact(w, FACT_CHILD_DOWN) == 0);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

const struct scenario scenarios_found[] = {
    {"asleep-with-the-redundant", "who ought to close the redundant SA sleeps", asleep_with_the_redundant, 64, 0},
    {"unjudged", "vault or judge cannot say who the peer is", unjudged, 6, 0},
    {"judged-once", "an IKE SA that was given up comes up", judged_once, 20, 0},
    {"judged-when-up", "two IKE SAs at once, and one is not quite up when the other is", judged_when_up, 60, 0},
    {"collision-with-slow-values", "both rekey, and one end's key exchange takes long", collision_with_slow_values, 60, 0},
    {"outbound-unheard", "whether an outbound SA is installed, nobody says", outbound_unheard, 20, 0},
    {"old-closed-by-responder", "the old SA goes before the initiator has the answer", old_closed_by_responder, 20, 0},
    {"began-anew", "INITIAL_CONTACT alone clears what was left", began_anew, 0, 0},
    {"sa-does-not-follow", "an SA stays where the peer was", sa_does_not_follow, 6, 0},
    {"rekey-on-the-losing-heir", "a Child SA is rekeyed on an heir that the peer closes", rekey_on_the_losing_heir, 60, 0},
    {"order-put-off", "an order to rekey waits for what TEMPORARY_FAILURE put off", order_put_off, 0, 0},
    {"double-rekeyed", "of two Child SAs made at once, one is rekeyed before it is known as a double", double_rekeyed, 20, 0},
    {NULL, NULL, NULL, 0, 0},
};
