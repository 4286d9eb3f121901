/* SPDX-License-Identifier: Apache-2.0 */
/* Replacing and closing SAs, and everything that can happen to it at the same time (RFC 7296 2.8, 2.25). Packets flow all the
 * while: none may be lost where the network loses none. */
#include "scenario.h"
#include "wire/wire.h"

static const char *const peer_name[] = {"to1", "to0"};

static void rekey_child(struct world *w, unsigned end)
{
    end_order(&w->end[end], ORDER_REKEY, peer_name[end], "net");
}

static void rekey_ike(struct world *w, unsigned end)
{
    end_order(&w->end[end], ORDER_REKEY, peer_name[end], NULL);
}

/* The world came to rest and the SAs are others than before. */
static void renewed(struct world *w, uint32_t old_spi)
{
    world_run(w, 30 * SEC);
    if (!settle(w, 5 * MINUTE))
        return;
    EXPECT(w, xfrm_find(&w->end[0].xfrm, true, old_spi) == NULL);
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_PEER_DEAD) == 0);
    traffic_flows(w);
}

static uint32_t spi_now(struct world *w)
{
    return list_empty(&w->end[0].xfrm.sas) ? 0 : LIST_ITEM(w->end[0].xfrm.sas.next, struct sa, link)->spi;
}

static void child_rekey(struct world *w)
{
    uint32_t spi;

    if (!go_up(w))
        return;
    traffic_must(w, 10 * MS);
    spi = spi_now(w);
    rekey_child(w, w->seed & 1);
    renewed(w, spi);
    spi = spi_now(w);
    rekey_child(w, !(w->seed & 1));
    renewed(w, spi);
    EXPECT(w, fact(w, FACT_CHILD_REKEYED) >= 2 && fact(w, FACT_CHILD_DOWN) == 0);
}

static void ike_rekey(struct world *w)
{
    uint32_t spi;
    uint64_t spi_i = 0;

    if (!go_up(w))
        return;
    traffic_must(w, 10 * MS);
    spi = spi_now(w);
    for (unsigned k = 0; k < 3; k++) {
        rekey_ike(w, (unsigned)(w->seed + k) & 1);
        world_run(w, 30 * SEC);
        settle(w, MINUTE);
        end_list(&w->end[0]);
        EXPECT(w, end_rows(&w->end[0], false, NULL) == 1 && w->end[0].rows[0].spi_i != spi_i);
        spi_i = w->end[0].rows[0].spi_i;
    }
    EXPECT(w, fact(w, FACT_IKE_REKEYED) >= 3 && spi_now(w) == spi); /* children stay what they are */
    rekey_child(w, w->seed & 1);                                    /* and can be rekeyed under the new IKE SA */
    renewed(w, spi);
}

/* From the seed: which datagrams of the colliding exchanges are lost or late. */
static void disturb(struct world *w, int exchange)
{
    for (int from = 0; from < 2; from++)
        for (int response = 0; response < 2; response++) {
            struct rule r = {.from = from, .exchange = exchange, .response = response, .times = 1};
            uint64_t die = dice_below(&w->dice, 4);

            r.what = die == 0 ? RULE_DROP : RULE_DELAY;
            r.delay = die == 1 ? 300 * MS : die == 2 ? 3 * SEC : 0;
            if (die < 3)
                net_rule(&w->net, r);
        }
}

/* Both orders come within a round trip. */
static void at_once(struct world *w, void (*a)(struct world *, unsigned), void (*b)(struct world *, unsigned))
{
    unsigned first = (unsigned)dice_below(&w->dice, 2);

    a(w, first);
    world_run(w, dice_between(&w->dice, 0, 12 * MS));
    b(w, !first);
}

static void collision(struct world *w, void (*a)(struct world *, unsigned), void (*b)(struct world *, unsigned), bool disturbed,
                      bool lossless)
{
    if (!go_up(w))
        return;
    if (lossless)
        traffic_must(w, 5 * MS);
    if (disturbed)
        disturb(w, CREATE_CHILD_SA);
    at_once(w, a, b);
    world_run(w, 12 * SEC);
    if (lossless) {
        traffic_end(w);
        traffic_must(w, 200 * MS);
    }
    world_run(w, 48 * SEC);
}

static void child_both(struct world *w)
{
    uint32_t spi;

    collision(w, rekey_child, rekey_child, false, true);
    spi = spi_now(w);
    if (settle(w, MINUTE))
        traffic_flows(w);
    EXPECT(w, spi == spi_now(w) && fact(w, FACT_CHILD_DOWN) == 0 && fact(w, FACT_IKE_DOWN) == 0);
}

static void child_both_disturbed(struct world *w)
{
    collision(w, rekey_child, rekey_child, true, true);
    if (settle(w, MINUTE))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_CHILD_DOWN) == 0 && fact(w, FACT_IKE_DOWN) == 0);
}

static void ike_both(struct world *w)
{
    collision(w, rekey_ike, rekey_ike, false, true);
    if (settle(w, MINUTE))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_CHILD_DOWN) == 0 && fact(w, FACT_IKE_DOWN) == 0);
    EXPECT(w, core_count(w->end[0].core).ike_sas == 1 && core_count(w->end[1].core).ike_sas == 1);
}

/* The same while key exchanges take their time: the answer to ours may be here before theirs is answered. */
static void ike_both_slowly(struct world *w)
{
    for (size_t i = 0; i < 2; i++) {
        w->end[i].desk[ASK_WORKER] = (struct desk_faults){.low = MS, .high = 40 * MS};
        w->end[i].plan[0].ike = "aes256gcm16-prfsha256-modp2048";
        w->end[i].globals.no_qcd = w->seed & 1;
    }
    ike_both(w);
}

static void ike_both_disturbed(struct world *w)
{
    collision(w, rekey_ike, rekey_ike, true, true);
    world_run(w, 2 * MINUTE);
    if (settle(w, 2 * MINUTE))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_CHILD_DOWN) == 0 && fact(w, FACT_IKE_DOWN) == 0);
    EXPECT(w, core_count(w->end[0].core).ike_sas == 1 && core_count(w->end[1].core).ike_sas == 1);
}

static void child_against_ike(struct world *w)
{
    uint32_t spi;

    collision(w, rekey_child, rekey_ike, w->seed & 1, true);
    spi = spi_now(w);
    world_run(w, 5 * MINUTE); /* what got TEMPORARY_FAILURE is tried again */
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_IKE_REKEYED) >= 1 && fact(w, FACT_CHILD_REKEYED) >= 1);
    (void)spi;
}

static void child_down(struct world *w, unsigned end)
{
    end_order(&w->end[end], ORDER_DOWN, peer_name[end], "net");
}

static void ike_down(struct world *w, unsigned end)
{
    end_order(&w->end[end], ORDER_DOWN, peer_name[end], NULL);
}

static void up_again(struct world *w)
{
    end_order(&w->end[0], ORDER_UP, "to1", NULL);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

static void rekey_against_delete(struct world *w)
{
    collision(w, rekey_child, child_down, w->seed & 1, false);
    world_run(w, MINUTE);
    up_again(w);
}

static void delete_both(struct world *w)
{
    collision(w, child_down, child_down, false, false);
    if (w->seed & 1)
        net_rule(&w->net, (struct rule){.from = -1, .exchange = INFORMATIONAL, .response = 1, .times = 1, .what = RULE_DROP});
    world_run(w, MINUTE);
    EXPECT(w, xfrm_size(&w->end[0].xfrm) == 0 && xfrm_size(&w->end[1].xfrm) == 0);
    up_again(w);
}

static void ike_delete_both(struct world *w)
{
    collision(w, ike_down, ike_down, false, false);
    EXPECT(w, !laws_empty(w));
    up_again(w);
}

static void ike_rekey_against_delete(struct world *w)
{
    collision(w, rekey_ike, ike_down, w->seed & 1, false);
    world_run(w, 3 * MINUTE);
    up_again(w);
    EXPECT(w, core_count(w->end[0].core).ike_sas == 1 && core_count(w->end[1].core).ike_sas == 1);
}

static void child_rekey_against_ike_delete(struct world *w)
{
    collision(w, rekey_child, ike_down, w->seed & 1, false);
    world_run(w, 3 * MINUTE);
    up_again(w);
}

/* Any two of the operations at any distance in time, with loss: always one tunnel in the end. */
static void any_collision(struct world *w)
{
    static void (*const what[])(struct world *, unsigned) = {rekey_child, rekey_ike, child_down, ike_down};
    struct way bad = {.delay_low = 5 * MS, .delay_high = 200 * MS, .loss = 150, .dup = 50};

    if (!go_up(w))
        return;
    net_all(&w->net, bad);
    for (int k = 0; k < 6; k++) {
        what[dice_below(&w->dice, 4)](w, (unsigned)dice_below(&w->dice, 2));
        world_run(w, dice_between(&w->dice, 0, dice_chance(&w->dice, 500) ? 300 * MS : 20 * SEC));
    }
    net_all(&w->net, (struct way){.delay_low = 5 * MS, .delay_high = 15 * MS});
    world_run(w, 5 * MINUTE);
    up_again(w);
    EXPECT(w, core_count(w->end[0].core).ike_sas == 1 && core_count(w->end[1].core).ike_sas == 1);
}

static void by_packets(struct world *w)
{
    w->end[w->seed & 1].plan[0].child[0].rekey_packets = 1000;
    if (!go_up(w))
        return;
    traffic_must(w, 10 * MS);
    world_run(w, 2 * MINUTE);
    EXPECT(w, fact(w, FACT_CHILD_REKEYED) >= 10);
    traffic_end(w);
    world_run(w, 30 * SEC);
    if (settle(w, MINUTE))
        traffic_flows(w);
}

static void with_pfs(struct world *w)
{
    w->end[0].plan[0].child[0].esp = w->end[1].plan[0].child[0].esp = "aes256gcm16-x25519";
    w->end[0].plan[0].child[0].pfs = PFS_REQUIRE;
    child_rekey(w);
}

static void wrong_group_at_rekey(struct world *w)
{
    w->end[0].plan[0].child[0].esp = "aes256gcm16-x25519-ecp256";
    w->end[1].plan[0].child[0].esp = "aes256gcm16-ecp256";
    child_rekey(w);
}

/* A peer that rekeys the same SA again before it is done with the first time, or one that is not there, is answered by the book
 * (2.25.1); here our own core is that peer, by two orders in a row. */
static void twice(struct world *w)
{
    if (!go_up(w))
        return;
    traffic_must(w, 10 * MS);
    rekey_child(w, 0);
    rekey_child(w, 0);
    rekey_ike(w, 0);
    rekey_child(w, 0);
    world_run(w, MINUTE);
    if (settle(w, MINUTE))
        traffic_flows(w);
}

/* The responder uses the new SA when the initiator says so, by a packet or by the delete of the old one; both may be lost. */
static void lost_delete(struct world *w)
{
    if (!go_up(w))
        return;
    traffic_must(w, 10 * MS);
    net_rule(&w->net,
             (struct rule){.from = (int)(w->seed & 1), .exchange = INFORMATIONAL, .response = 0, .times = 3, .what = RULE_DROP});
    rekey_child(w, w->seed & 1);
    world_run(w, 2 * MINUTE);
    if (settle(w, MINUTE))
        traffic_flows(w);
}

static void week(struct world *w)
{
    if (!go_up(w))
        return;
    traffic_must(w, 7 * SEC);
    world_run(w, 7 * 24 * HOUR);
    traffic_end(w);
    world_run(w, MINUTE);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_CHILD_REKEYED) >= 300 && fact(w, FACT_IKE_REKEYED) >= 70);
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_CHILD_DOWN) == 0);
}

static void week_with_loss(struct world *w)
{
    net_all(&w->net,
            (struct way){.delay_low = 5 * MS, .delay_high = 80 * MS, .loss = 50, .dup = 20, .reorder = 20, .reorder_by = SEC});
    go(w);
    flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", 7 * SEC);
    world_run(w, 7 * 24 * HOUR);
    traffic_end(w);
    net_all(&w->net, (struct way){.delay_low = 5 * MS, .delay_high = 15 * MS});
    world_run(w, 5 * MINUTE);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0);
}

const struct scenario scenarios_rekey[] = {
    {"child-rekey", "a Child SA is replaced, by each side", child_rekey, 4, 0},
    {"ike-rekey", "an IKE SA is replaced, by each side; its children stay", ike_rekey, 4, 0},
    {"child-both", "both replace the Child SA at once (2.8.1)", child_both, 20, 0},
    {"child-both-disturbed", "the same, with messages lost or late in every order", child_both_disturbed, 80, 0},
    {"ike-both", "both replace the IKE SA at once (2.8.2)", ike_both, 20, 0},
    {"ike-both-slowly", "the same while key exchanges take their time", ike_both_slowly, 40, 0},
    {"ike-both-disturbed", "the same, with messages lost or late in every order", ike_both_disturbed, 80, 0},
    {"child-against-ike", "one replaces the Child SA, the other the IKE SA", child_against_ike, 30, 0},
    {"rekey-against-delete", "one replaces the Child SA, the other closes it", rekey_against_delete, 20, 0},
    {"delete-both", "both close the Child SA", delete_both, 10, 0},
    {"ike-delete-both", "both close the IKE SA", ike_delete_both, 10, 0},
    {"ike-rekey-against-delete", "one replaces the IKE SA, the other closes it", ike_rekey_against_delete, 20, 0},
    {"child-rekey-against-ike-delete", "one replaces the Child SA, the other closes the IKE SA", child_rekey_against_ike_delete,
     20, 0},
    {"any-collision", "six operations of any kind, at any distance, with loss", any_collision, 60, 0},
    {"by-packets", "soft limits by packets", by_packets, 4, 0},
    {"with-pfs", "rekeys with a key exchange of their own", with_pfs, 0, 0},
    {"wrong-group-at-rekey", "INVALID_KE_PAYLOAD in CREATE_CHILD_SA", wrong_group_at_rekey, 0, 0},
    {"twice", "the same order again and again", twice, 6, 0},
    {"lost-delete", "the delete of the old SA is late", lost_delete, 6, 0},
    {"week", "a week of rekeying under traffic: no packet lost", week, 1, 0},
    {"week-with-loss", "a week on a bad network", week_with_loss, 1, 0},
    {NULL, NULL, NULL, 0, 0},
};
