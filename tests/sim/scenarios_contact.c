/* SPDX-License-Identifier: Apache-2.0 */
/* First contact, on good and bad networks, with every first answer that a peer may give. */
#include "scenario.h"
#include "wire/wire.h"

#include <string.h>

extern const struct alg_registry alg_registry; /* of the build */

static void first_contact(struct world *w)
{
    if (!go_up(w) || !traffic_flows(w))
        return;
    EXPECT(w, fact(w, FACT_IKE_UP) == 2 && fact(w, FACT_CHILD_UP) == 2);
    EXPECT(w, fact(w, FACT_IKE_FAILED) == 0 && fact(w, FACT_CHILD_FAILED) == 0);
    EXPECT(w, w->end[0].sent == 2 && w->end[1].sent == 2);
    end_list(&w->end[0]);
    EXPECT(w, end_rows(&w->end[0], false, "UP") == 1 && end_rows(&w->end[0], true, "UP") == 1);
}

static void both_start(struct world *w)
{
    w->end[1].plan[0].keep = w->end[1].plan[0].child[0].keep = KEEP_UP;
    go(w);
    world_run(w, 30 * SEC);
    if (settle(w, 30 * SEC))
        traffic_flows(w);
    EXPECT(w, core_count(w->end[0].core).ike_sas == 1 && core_count(w->end[1].core).ike_sas == 1);
}

static void net_faults(struct world *w, struct way way)
{
    net_all(&w->net, way);
    go(w);
    settle(w, 10 * MINUTE);
    world_run(w, 5 * MINUTE);
    net_all(&w->net, (struct way){.delay_low = 5 * MS, .delay_high = 15 * MS});
    world_run(w, 5 * MINUTE);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

static void loss(struct world *w)
{
    net_faults(w, (struct way){.delay_low = 5 * MS, .delay_high = 50 * MS, .loss = 300});
}

static void duplication(struct world *w)
{
    net_faults(w, (struct way){.delay_low = 5 * MS, .delay_high = 50 * MS, .dup = 500});
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_IKE_FAILED) == 0);
}

static void reordering(struct world *w)
{
    net_faults(w, (struct way){.delay_low = 5 * MS, .delay_high = 50 * MS, .reorder = 300, .reorder_by = 5 * SEC, .dup = 100});
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0);
}

static void replays(struct world *w)
{
    net_faults(w, (struct way){.delay_low = 5 * MS, .delay_high = 50 * MS, .replay = 500});
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0);
}

static void long_way(struct world *w)
{
    net_faults(w, (struct way){.delay_low = 2500 * MS, .delay_high = 4000 * MS}); /* longer than the first retransmission */
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0);
}

static void lost_init_answer(struct world *w)
{
    net_rule(&w->net, (struct rule){.from = 1, .exchange = IKE_SA_INIT, .response = 1, .times = 1, .what = RULE_DROP});
    if (go_up(w))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_IKE_UP) == 2);
}

static void lost_auth_answer(struct world *w)
{
    net_rule(&w->net, (struct rule){.from = 1, .exchange = IKE_AUTH, .response = 1, .times = 2, .what = RULE_DROP});
    if (go_up(w))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_IKE_UP) == 2 && w->end[1].asks[ASK_AUTH_CHECK] == 1);
}

static void late_init_answer(struct world *w)
{
    net_rule(&w->net,
             (struct rule){.from = 1, .exchange = IKE_SA_INIT, .response = 1, .times = 1, .what = RULE_DELAY, .delay = 9 * SEC});
    if (go_up(w))
        traffic_flows(w);
}

static void slow_rooms(struct world *w)
{
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < COUNT_OF(w->end[i].desk); k++)
            w->end[i].desk[k] = (struct desk_faults){.low = 100 * MS, .high = 1500 * MS};
        w->end[i].plan[0].ike = "aes256-sha256-modp2048";
    }
    if (go_up(w))
        traffic_flows(w);
    EXPECT(w, w->end[0].asks[ASK_KE_GENERATE] + w->end[0].asks[ASK_KE_BOTH] > 0);
    EXPECT(w, fact(w, FACT_IKE_UP) == 2);
}

/* Rooms that fail, answer after the deadline or not at all: nothing hangs, and it works once they work. */
static void broken_rooms(struct world *w)
{
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < COUNT_OF(w->end[i].desk); k++)
            w->end[i].desk[k] = (struct desk_faults){.low = MS, .high = 100 * MS, .failed = 200, .late = 100, .never = 100};
        w->end[i].desk[ASK_HAND].late = w->end[i].desk[ASK_HAND].never = 0;
        w->end[i].install_exists = 200;
        w->end[i].plan[0].ike = "aes256gcm16-prfsha256-modp2048";
    }
    go(w);
    world_run(w, 30 * MINUTE);
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < COUNT_OF(w->end[i].desk); k++)
            w->end[i].desk[k].failed = w->end[i].desk[k].late = w->end[i].desk[k].never = 0;
        w->end[i].install_exists = 0;
    }
    world_run(w, 10 * MINUTE);
    if (settle(w, 10 * MINUTE))
        traffic_flows(w);
}

static void silent_hand(struct world *w)
{
    w->end[w->seed & 1].desk[ASK_HAND].never = 400;
    go(w);
    world_run(w, 20 * MINUTE);
    w->end[w->seed & 1].desk[ASK_HAND].never = 0;
    world_run(w, 10 * MINUTE);
    if (settle(w, 10 * MINUTE))
        traffic_flows(w);
}

/* The hand has no nonces for us yet: nothing is begun, and nothing fails. */
static void late_nonces(struct world *w)
{
    w->end[0].nonces_withheld = true;
    go(w);
    world_run(w, 30 * SEC);
    EXPECT(w, w->end[0].sent == 0 && core_count(w->end[0].core).ike_sas == 0 && w->end[0].asks[ASK_NONCES] > 5);
    w->end[0].nonces_withheld = false;
    if (settle(w, 10 * SEC))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_IKE_UP) == 2 && fact(w, FACT_IKE_FAILED) == 0);
}

/* A responder without nonces keeps nothing of a request and says nothing; its repeat is answered. */
static void responder_without_nonces(struct world *w)
{
    w->end[1].nonces_withheld = true;
    go(w);
    world_run(w, 4 * SEC);
    EXPECT(w, w->end[0].sent > 0 && w->end[1].sent == 0 && w->end[1].facts[FACT_DROPPED] > 0);
    EXPECT(w, core_count(w->end[1].core).ike_sas == 0 && core_count(w->end[1].core).half_open == 0);
    w->end[1].nonces_withheld = false;
    if (settle(w, 30 * SEC))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_IKE_UP) == 2 && fact(w, FACT_IKE_FAILED) == 0);
}

static void wrong_group(struct world *w)
{
    w->end[0].plan[0].ike = "aes256gcm16-prfsha256-x25519-ecp256";
    w->end[1].plan[0].ike = "aes256gcm16-prfsha256-ecp256";
    if (go_up(w))
        traffic_flows(w);
    EXPECT(w, w->end[0].sent == 3 && fact(w, FACT_IKE_FAILED) == 0);
}

static void cookies(struct world *w)
{
    w->end[1].globals.limits.cookie_threshold = 0;
    if (go_up(w))
        traffic_flows(w);
    EXPECT(w, core_count(w->end[1].core).cookies_sent == 1 && w->end[0].sent == 3);
}

static void cookies_wrong_group(struct world *w)
{
    w->end[1].globals.limits.cookie_threshold = 0;
    w->end[0].plan[0].ike = "aes256gcm16-prfsha256-x25519-ecp256";
    w->end[1].plan[0].ike = "aes256gcm16-prfsha256-ecp256";
    if (go_up(w))
        traffic_flows(w);
    EXPECT(w, core_count(w->end[1].core).cookies_sent == 1 && fact(w, FACT_IKE_FAILED) == 0);
    EXPECT(w, w->end[0].sent == 4); /* bare, with the cookie, with cookie and group (2.6.1), IKE_AUTH */
}

static void wrong_secret(struct world *w)
{
    w->end[0].plan[0].psk = "file:/other.psk";
    go(w);
    world_run(w, HOUR);
    EXPECT(w, fact(w, FACT_AUTH_FAILED) >= 1 && fact(w, FACT_IKE_UP) == 0);
    EXPECT(w, w->end[0].sent < 200 && w->end[0].facts[FACT_IKE_FAILED] >= 3); /* tries again, and backs off */
    EXPECT(w, core_count(w->end[1].core).ike_sas == 0 && !xfrm_size(&w->end[0].xfrm) && !xfrm_size(&w->end[1].xfrm));
    w->end[0].plan[0].psk = w->end[1].plan[0].psk;
    end_reload(&w->end[0]);
    if (settle(w, 10 * MINUTE))
        traffic_flows(w);
}

static void wrong_identity(struct world *w)
{
    w->end[1].plan[0].local_id = "someone.else.example";
    go(w);
    world_run(w, HOUR);
    EXPECT(w, !xfrm_size(&w->end[0].xfrm) && fact(w, FACT_CHILD_UP) <= w->end[1].facts[FACT_CHILD_UP]);
    EXPECT(w, w->end[0].facts[FACT_IKE_UP] == 0 && w->end[0].sent < 300);
    world_run(w, 10 * MINUTE);
}

static void no_proposal(struct world *w)
{
    w->end[1].plan[0].ike = "aes256-sha256-modp2048";
    go(w);
    world_run(w, HOUR);
    EXPECT(w, fact(w, FACT_IKE_UP) == 0 && w->end[0].sent < 200 && w->end[0].facts[FACT_IKE_FAILED] >= 1);
    w->end[1].plan[0].ike = NULL;
    end_reload(&w->end[1]);
    if (settle(w, 20 * MINUTE))
        traffic_flows(w);
}

static void child_refused_then_mended(struct world *w)
{
    go(w);
    world_run(w, 30 * MINUTE);
    EXPECT(w, fact(w, FACT_IKE_UP) == 2 && fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_CHILD_UP) == 0);
    EXPECT(w, core_count(w->end[0].core).ike_sas == 1 && w->end[0].facts[FACT_CHILD_FAILED] >= 2);
    EXPECT(w, w->end[0].sent < 400);
}

static void child_no_proposal(struct world *w)
{
    w->end[1].plan[0].child[0].esp = "aes256-sha256";
    child_refused_then_mended(w);
    w->end[1].plan[0].child[0].esp = NULL;
    end_reload(&w->end[1]);
    if (settle(w, 20 * MINUTE))
        traffic_flows(w);
}

static void ts_unacceptable(struct world *w)
{
    w->end[1].plan[0].child[0].local[0] = "10.77.0.0/16";
    child_refused_then_mended(w);
    w->end[1].plan[0].child[0].local[0] = "10.1.0.0/16";
    end_reload(&w->end[1]);
    if (settle(w, 20 * MINUTE))
        traffic_flows(w);
}

static void narrowing(struct world *w)
{
    w->end[0].plan[0].child[0].remote[0] = "10.0.0.0/8";
    w->end[1].plan[0].child[0].remote[0] = "10.0.0.0/17";
    if (!go_up(w) || !traffic_flows(w))
        return;
    LIST_EACH (i, &w->end[0].xfrm.sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);
        char text[TS_TEXT_MAX];

        EXPECT(w, s->n_local == 1 && s->n_remote == 1);
        EXPECT(w, !strcmp(ts_format(&s->ts_local[0], text), "10.0.0.0/17"));
        EXPECT(w, !strcmp(ts_format(&s->ts_remote[0], text), "10.1.0.0/16"));
    }
}

static void on_demand(struct world *w)
{
    w->end[0].plan[0].keep = w->end[0].plan[0].child[0].keep = KEEP_ON_DEMAND;
    go(w);
    world_run(w, MINUTE);
    EXPECT(w, w->end[0].sent == 0);
    flow_start(w, 0, 1, "10.0.0.9", "10.1.0.9", SEC);
    world_run(w, 5 * SEC);
    EXPECT(w, xfrm_count(&w->end[0].xfrm, true, 0, 0) == 1 && w->flow[0].delivered >= 3);
    if (settle(w, 5 * SEC))
        traffic_flows(w);
    EXPECT(w, w->end[0].xfrm.acquires == 1);
}

/* The peer does not answer: one negotiation for many acquires, and the trap works when the peer is back. */
static void on_demand_nobody(struct world *w)
{
    w->end[0].plan[0].keep = w->end[0].plan[0].child[0].keep = KEEP_ON_DEMAND;
    end_start(&w->end[0]);
    flow_start(w, 0, 1, "10.0.0.9", "10.1.0.9", 100 * MS);
    world_run(w, 10 * MINUTE);
    EXPECT(w, w->end[0].sent < 100 && core_count(w->end[0].core).ike_sas <= 1);
    end_start(&w->end[1]);
    world_run(w, 10 * MINUTE);
    EXPECT(w, xfrm_count(&w->end[0].xfrm, true, 0, 0) == 1);
    traffic_flows(w);
}

static void on_demand_both(struct world *w)
{
    for (size_t i = 0; i < 2; i++)
        w->end[i].plan[0].keep = w->end[i].plan[0].child[0].keep = KEEP_ON_DEMAND;
    go(w);
    flow_start(w, 0, 1, "10.0.0.9", "10.1.0.9", 20 * MS);
    flow_start(w, 1, 0, "10.1.0.9", "10.0.0.9", 20 * MS);
    world_run(w, 2 * MINUTE);
    if (settle(w, MINUTE))
        traffic_flows(w);
    EXPECT(w, xfrm_count(&w->end[0].xfrm, true, 0, 0) == 1);
}

static void many_children(struct world *w)
{
    static const char *const name[] = {"net", "b", "c", "d"},
                             *const left[] = {"10.0.0.0/16", "10.20.0.0/16", "10.30.0.0/16", "10.40.0.0/16"},
                             *const right[] = {"10.1.0.0/16", "10.21.0.0/16", "10.31.0.0/16", "10.41.0.0/16"};

    for (size_t i = 0; i < 2; i++)
        for (size_t k = 1; k < 4; k++) {
            struct plan_child *c = &w->end[i].plan[0].child[k];

            *c = w->end[i].plan[0].child[0];
            c->name = name[k];
            c->local[0] = i ? right[k] : left[k];
            c->remote[0] = i ? left[k] : right[k];
        }
    w->end[1].plan[0].child[2].keep = KEEP_UP; /* wanted by both */
    if (go_up(w))
        traffic_flows(w);
    EXPECT(w, xfrm_size(&w->end[0].xfrm) == 8 && core_count(w->end[0].core).ike_sas == 1);
}

static void several_selectors(struct world *w)
{
    w->end[0].plan[0].child[0].local[1] = w->end[1].plan[0].child[0].remote[1] = "10.60.0.0/16";
    w->end[0].plan[0].child[0].remote[1] = w->end[1].plan[0].child[0].local[1] = "2001:db8:1::/48";
    w->end[0].plan[0].child[0].local[2] = w->end[1].plan[0].child[0].remote[2] = "2001:db8::/48";
    if (go_up(w))
        traffic_flows(w);
    EXPECT(w, xfrm_size(&w->end[0].xfrm) == 2);
}

static void transport_mode(struct world *w)
{
    struct flow *f;

    for (size_t i = 0; i < 2; i++) {
        w->end[i].plan[0].child[0].transport = true;
        w->end[i].plan[0].child[0].local[0] = w->end[i].plan[0].child[0].remote[0] = "dynamic";
    }
    if (!go_up(w))
        return;
    f = flow_start(w, 0, 1, "192.0.2.1", "192.0.2.2", 0);
    flow_send(w, f);
    world_run(w, SEC);
    EXPECT(w, f->delivered == 1);
    EXPECT(w, LIST_ITEM(w->end[0].xfrm.sas.next, struct sa, link)->transport);
}

static void real_suites(struct world *w)
{
    static const char *const ike[] = {"aes256-sha256-ecp256", "aes128gcm16-prfsha256-modp2048", "aes256gcm16-prfsha256-x25519"};
    static const char *const esp[] = {"aes256-sha256", "aes128gcm16-ecp256", "aes256gcm16-x25519"};

    for (size_t i = 0; i < 2; i++) {
        w->end[i].plan[0].ike = ike[w->seed % 3];
        w->end[i].plan[0].child[0].esp = esp[w->seed % 3];
    }
    if (go_up(w))
        traffic_flows(w);
    end_order(&w->end[w->seed & 1], ORDER_REKEY, w->seed & 1 ? "to0" : "to1", "net");
    world_run(w, 30 * SEC);
    if (settle(w, MINUTE))
        traffic_flows(w);
}

/* The true algorithms instead of glass. */
static void true_crypto(struct world *w)
{
    static const char *const ike[] = {"aes256gcm16-prfsha256-x25519", "aes256-sha256-ecp256", "aes128gcm16-prfsha384-modp2048"};
    static const char *const esp[] = {"aes256gcm16-x25519", "aes256-sha256", "chacha20poly1305-ecp256"};

    w->algs = &alg_registry;
    for (size_t i = 0; i < 2; i++) {
        w->end[i].plan[0].ike = ike[w->seed % 3];
        w->end[i].plan[0].child[0].esp = esp[w->seed % 3];
    }
    if (!go_up(w) || !traffic_flows(w))
        return;
    traffic_must(w, 100 * MS);
    for (unsigned k = 0; k < 4; k++) {
        end_order(&w->end[k & 1], ORDER_REKEY, k & 1 ? "to0" : "to1", k & 2 ? NULL : "net");
        world_run(w, 30 * SEC);
    }
    if (settle(w, MINUTE))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_CHILD_REKEYED) >= 2 && fact(w, FACT_IKE_REKEYED) >= 2 && fact(w, FACT_IKE_DOWN) == 0);
}

static void by_name(struct world *w)
{
    w->end[0].plan[0].remote_name = "peer.example";
    go(w);
    world_run(w, 5 * MINUTE);
    EXPECT(w, w->end[0].sent == 0 && w->end[0].asks[ASK_RESOLVE] > 0 && w->end[0].asks[ASK_RESOLVE] < 50);
    w->end[0].resolved = w->end[1].addr;
    world_run(w, 10 * MINUTE);
    traffic_flows(w);
}

static void ipv6_outside(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        struct addr a = {.family = 6, .b = {0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(1 + i)}};

        w->end[i].addr = w->end[i].plan[0].local = w->end[!i].plan[0].remote = a;
    }
    if (go_up(w))
        traffic_flows(w);
}

/* A hub for anybody: the identity of each spoke says which connection it is (2.15, 3.5). */
static void two_spokes(struct world *w)
{
    struct end *hub = &w->end[0];

    w->end[1].plan[0].keep = w->end[1].plan[0].child[0].keep = KEEP_UP;
    w->end[2].plan[w->end[2].n_plans++] = plan_tunnel(2, 0, KEEP_UP);
    hub->plan[hub->n_plans++] = plan_tunnel(0, 2, KEEP_ANSWER);
    for (unsigned k = 0; k < 2; k++) {
        hub->plan[k].remote = (struct addr){0};
        hub->plan[k].keep = hub->plan[k].child[0].keep = KEEP_ANSWER;
    }
    hub->plan[1].psk = w->end[2].plan[0].psk = "file:/second.psk";
    go(w);
    world_run(w, 5 * SEC);
    if (!settle(w, MINUTE) || !traffic_flows(w))
        return;
    EXPECT(w, xfrm_count(&hub->xfrm, true, 0, 0) == 1 && xfrm_count(&hub->xfrm, true, 1, 0) == 1);
    EXPECT(w, core_count(hub->core).ike_sas == 2 && fact(w, FACT_AUTH_FAILED) == 0);
    end_restart(&w->end[2]); /* its INITIAL_CONTACT is about itself alone */
    world_run(w, 5 * SEC);
    settle(w, MINUTE);
    EXPECT(w, core_count(hub->core).ike_sas == 2 && xfrm_size(&hub->xfrm) == 4);
    traffic_flows(w);
}

const struct scenario scenarios_contact[] = {
    {"first-contact", "one end starts, one answers: four messages", first_contact, 0, 0},
    {"both-start", "keep: up on both ends: one IKE SA and one Child SA remain", both_start, 20, 0},
    {"loss", "30 % loss both ways", loss, 10, 0},
    {"duplication", "half of all datagrams arrive twice", duplication, 0, 0},
    {"reordering", "datagrams overtake one another", reordering, 0, 0},
    {"replays", "old datagrams come back", replays, 0, 0},
    {"long-way", "a round trip longer than the first retransmission", long_way, 0, 0},
    {"lost-init-answer", "the answer to IKE_SA_INIT is lost", lost_init_answer, 0, 0},
    {"late-init-answer", "the answer to IKE_SA_INIT comes after repeats of it", late_init_answer, 0, 0},
    {"lost-auth-answer", "the answer to IKE_AUTH is lost twice", lost_auth_answer, 0, 0},
    {"slow-rooms", "worker, vault and hand take up to 1.5 s", slow_rooms, 0, 0},
    {"broken-rooms", "asks fail, are answered late or never", broken_rooms, 10, 0},
    {"silent-hand", "the hand works but often does not say so", silent_hand, 6, 0},
    {"late-nonces", "an initiation waits for nonces of the hand", late_nonces, 0, 0},
    {"responder-without-nonces", "IKE_SA_INIT is dropped until the hand has issued nonces", responder_without_nonces, 0, 0},
    {"wrong-group", "INVALID_KE_PAYLOAD: again with the group wanted", wrong_group, 0, 0},
    {"cookies", "COOKIE: again with the cookie", cookies, 0, 0},
    {"cookies-wrong-group", "COOKIE and INVALID_KE_PAYLOAD together (2.6.1)", cookies_wrong_group, 0, 0},
    {"wrong-secret", "a wrong PSK: fails, backs off; works when mended", wrong_secret, 0, 0},
    {"wrong-identity", "the peer is someone else", wrong_identity, 0, 0},
    {"no-proposal", "no common IKE proposal: backs off; works when mended", no_proposal, 0, 0},
    {"child-no-proposal", "no common ESP proposal: the IKE SA stays, the child is retried", child_no_proposal, 0, 0},
    {"ts-unacceptable", "no common selectors: the IKE SA stays, the child is retried", ts_unacceptable, 0, 0},
    {"narrowing", "both sides narrow (2.9)", narrowing, 0, 0},
    {"on-demand", "a packet brings the tunnel up", on_demand, 0, 0},
    {"on-demand-nobody", "many packets, no peer: one negotiation", on_demand_nobody, 0, 0},
    {"on-demand-both", "packets at both ends at once", on_demand_both, 10, 0},
    {"many-children", "four children of one IKE SA", many_children, 0, 0},
    {"several-selectors", "several selectors of both families", several_selectors, 0, 0},
    {"transport-mode", "host to host", transport_mode, 0, 0},
    {"suites", "other algorithms, with and without PFS", real_suites, 6, 0},
    {"ipv6-outside", "the gateways speak IPv6", ipv6_outside, 0, 0},
    {"two-spokes", "a hub for anybody and two spokes", two_spokes, 0, 3},
    {"true-crypto", "the true algorithms instead of glass", true_crypto, 3, 0},
    {"by-name", "the peer's name resolves later", by_name, 0, 0},
    {NULL, NULL, NULL, 0, 0},
};
