/* SPDX-License-Identifier: Apache-2.0 */
/* Strangers on the wire, address translators, small paths. */
#include "scenario.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

static void flips(struct world *w)
{
    if (!go_up(w))
        return;
    net_all(&w->net, (struct way){.delay_low = 5 * MS, .delay_high = 15 * MS, .corrupt = 150});
    for (unsigned k = 0; k < 6; k++) {
        end_order(&w->end[k & 1], ORDER_REKEY, k & 1 ? "to0" : "to1", k & 2 ? NULL : "net");
        world_run(w, 5 * MINUTE);
    }
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_AUTH_FAILED) == 0);
    net_all(&w->net, (struct way){.delay_low = 5 * MS, .delay_high = 15 * MS});
    world_run(w, 5 * MINUTE);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

/* Every bit of the first protected request is flipped, one copy each; none of them is believed. */
static bool flip_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    unsigned *done = ctx;
    uint8_t copy[2048];

    if (from != 0 || (*d)->len < 60 || (*d)->len > sizeof(copy) || *done || (*d)->data[18] != IKE_AUTH)
        return true;
    *done = 1;
    for (size_t bit = 0; bit < (*d)->len * 8; bit++) {
        memcpy(copy, (*d)->data, (*d)->len);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        net_inject(w, (*d)->src, (*d)->dst, span_of(copy, (*d)->len), 1 + (usec_t)bit);
    }
    return false;
}

static void every_bit(struct world *w)
{
    unsigned done = 0;

    w->laws.steps_max = 20000;
    w->net.tap = flip_tap;
    w->net.tap_ctx = &done;
    go(w);
    world_run(w, SEC);
    EXPECT(w, done == 1 && fact(w, FACT_IKE_UP) == 0 && fact(w, FACT_AUTH_FAILED) == 0 && w->end[1].asks[ASK_AUTH_CHECK] == 0);
    if (settle(w, MINUTE))
        traffic_flows(w);
}

/* A message in the clear, in the name of one end to the other. */
static void forge(struct world *w, unsigned to, uint8_t exchange, uint8_t flags, uint32_t id, uint64_t spi_i, uint64_t spi_r,
                  uint16_t notify)
{
    struct ike_header h = {.spi_i = spi_i, .spi_r = spi_r, .major = 2, .exchange = exchange, .flags = flags, .message_id = id};
    struct endpoint src = {w->end[!to].addr, 500}, dst = {w->end[to].addr, 500};
    struct payload_list list;
    struct arena a;
    struct buf b;

    arena_init(&a, 1 << 16);
    buf_init(&b, 4096);
    payload_list_init(&list, &a);
    notify_add(&list, 0, SPAN_NONE, notify, SPAN_NONE);
    msg_write(&b, &h, list.first);
    net_inject(w, src, dst, buf_view(&b), MS);
    buf_done(&b);
    arena_done(&a);
}

/* Unprotected notifies are hints at most (2.21): nothing goes down, and not much is sent. */
static void forged_notifies(struct world *w)
{
    static const uint16_t types[] = {
        INVALID_IKE_SPI, INVALID_SYNTAX,     INVALID_MAJOR_VERSION, AUTHENTICATION_FAILED,        NO_PROPOSAL_CHOSEN,
        COOKIE,          INVALID_KE_PAYLOAD, INVALID_MESSAGE_ID,    UNSUPPORTED_CRITICAL_PAYLOAD, TEMPORARY_FAILURE};
    static const uint8_t exchanges[] = {IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL, 99};
    uint64_t spi_i, spi_r, sent;

    if (!go_up(w))
        return;
    w->laws.steps_max = 20000;
    end_list(&w->end[0]);
    spi_i = w->end[0].rows[0].spi_i;
    spi_r = w->end[0].rows[0].spi_r;
    EXPECT(w, spi_i && spi_r);
    sent = w->end[0].sent + w->end[1].sent;
    for (uint32_t id = 0; id < 4 && !w->failed; id++)
        for (size_t x = 0; x < COUNT_OF(exchanges); x++)
            for (size_t k = 0; k < COUNT_OF(types); k++)
                for (unsigned to = 0; to < 2; to++)
                    for (uint8_t f = 0; f < 4; f++)
                        forge(w, to, exchanges[x], (uint8_t)((f & 1 ? IKE_FLAG_RESPONSE : 0) | (f & 2 ? IKE_FLAG_INITIATOR : 0)),
                              id, spi_i, spi_r, types[k]);
    world_run(w, 10 * SEC);
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_CHILD_DOWN) == 0 && fact(w, FACT_PEER_DEAD) == 0);
    EXPECT(w, w->end[0].sent + w->end[1].sent <= sent + 20);
    if (settle(w, MINUTE))
        traffic_flows(w);
}

/* An attacker answers IKE_SA_INIT first, with errors (2.21.1): the true answer still counts. */
static bool answer_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    static const uint16_t types[] = {NO_PROPOSAL_CHOSEN, INVALID_SYNTAX, INVALID_KE_PAYLOAD, AUTHENTICATION_FAILED,
                                     INVALID_IKE_SPI};

    (void)ctx;
    if (from == 0 && (*d)->data[18] == IKE_SA_INIT && !get_u64((*d)->data + 8))
        for (size_t k = 0; k < COUNT_OF(types); k++) {
            forge(w, 0, IKE_SA_INIT, IKE_FLAG_RESPONSE, 0, get_u64((*d)->data), 0, types[k]);
            forge(w, 0, IKE_SA_INIT, IKE_FLAG_RESPONSE, 0, get_u64((*d)->data), 77, types[k]);
        }
    return true;
}

static void forged_answers(struct world *w)
{
    w->net.tap = answer_tap;
    if (go_up(w))
        traffic_flows(w);
    EXPECT(w, fact(w, FACT_IKE_FAILED) == 0);
}

/* IKE_SA_INITs from many addresses: bounded state, cookies, and the true peer still gets in. */
struct flood {
    uint8_t init[2048];
    size_t len;
};
static bool learn_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    struct flood *f = ctx;

    (void)w;
    if (from == 0 && !f->len && (*d)->data[18] == IKE_SA_INIT && (*d)->len <= sizeof(f->init)) {
        memcpy(f->init, (*d)->data, (*d)->len);
        f->len = (*d)->len;
    }
    return true;
}

static void flood(struct world *w)
{
    struct flood f = {.len = 0};
    struct core_counts n;

    w->laws.steps_max = 100000;
    w->end[1].globals.limits = (struct conf_limits){
        .half_open_max = 200, .half_open_per_source = 20, .cookie_threshold = 50, .ike_max = 1000, .children_per_ike_max = 16};
    w->end[1].plan[0].remote = (struct addr){0}; /* any */
    w->net.tap = learn_tap;
    w->net.tap_ctx = &f;
    if (!go_up(w) || !EXPECT(w, f.len > 0))
        return;
    for (uint32_t k = 0; k < 5000 && !w->failed; k++) {
        struct endpoint src = {addr_v4(198, 18, (uint8_t)(k >> 8), (uint8_t)k), 500}, dst = {w->end[1].addr, 500};

        put_u64(f.init, 0x1000000 + k);
        net_inject(w, src, dst, span_of(f.init, f.len), (usec_t)(k * 100));
    }
    world_run(w, 600 * MS);
    n = core_count(w->end[1].core);
    world_trace(w, "%zu half open, %llu cookies, %zu IKE SAs", n.half_open, (unsigned long long)n.cookies_sent, n.ike_sas);
    EXPECT(w, n.half_open <= 200 && n.cookies_sent > 4000 && n.ike_sas <= 201);
    end_restart(&w->end[0]); /* the true peer, under fire */
    if (settle(w, MINUTE))
        traffic_flows(w);
    world_run(w, 5 * MINUTE);
    EXPECT(w, core_count(w->end[1].core).half_open == 0 && core_count(w->end[1].core).ike_sas == 1);
}

/* Nonsense of all lengths. */
static void noise(struct world *w)
{
    uint8_t junk[300];

    if (!go_up(w))
        return;
    w->laws.steps_max = 20000;
    for (unsigned k = 0; k < 2000; k++) {
        size_t len = dice_below(&w->dice, sizeof(junk));
        struct endpoint src = {w->end[0].addr, 500}, dst = {w->end[1].addr, k & 1 ? 500 : 4500};
        struct rng rng = dice_rng(&w->dice);

        rng.fill(rng.ctx, junk, len);
        if (len > 28 && k & 2) { /* half of them look like IKE */
            junk[17] = 0x20;
            junk[18] = (uint8_t)(34 + k % 4);
            put_u32(junk + 24, (uint32_t)len);
        }
        net_inject(w, src, dst, span_of(junk, len), (usec_t)k * 500);
    }
    world_run(w, 2 * SEC);
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0);
    if (settle(w, 2 * MINUTE))
        traffic_flows(w);
}

static void behind_nat(struct world *w, unsigned inside)
{
    w->net.nat[inside].on = true;
    w->net.nat[inside].outside = addr_v4(203, 0, 113, 5);
    w->net.nat[inside].timeout = 60 * SEC;
    w->end[!inside].plan[0].remote = (struct addr){0}; /* any */
    if (inside == 1) {
        w->end[1].plan[0].remote = w->end[0].addr;
        w->end[0].plan[0].remote = w->net.nat[1].outside;
        w->net.nat[1].forward = true;
    }
}

static void nat(struct world *w)
{
    behind_nat(w, 0);
    if (!go_up(w) || !traffic_flows(w))
        return;
    world_run(w, 10 * MINUTE); /* longer than the mapping lives without keepalives */
    EXPECT(w, w->end[0].keepalives > 10 && w->end[1].keepalives == 0);
    end_list(&w->end[0]);
    EXPECT(w, w->end[0].rows[0].nat_local && !w->end[0].rows[0].nat_remote);
    EXPECT(w, LIST_ITEM(w->end[0].xfrm.sas.next, struct sa, link)->encap && fact(w, FACT_IKE_DOWN) == 0);
    traffic_flows(w);
}

static void nat_answerer(struct world *w)
{
    behind_nat(w, 1);
    if (!go_up(w) || !traffic_flows(w))
        return;
    world_run(w, 10 * MINUTE);
    EXPECT(w, w->end[1].keepalives > 10 && fact(w, FACT_IKE_DOWN) == 0);
    traffic_flows(w);
}

/* New ports after the translator forgot: the end outside follows what is authenticated (2.23). */
static void nat_rebinding(struct world *w)
{
    behind_nat(w, 0);
    if (!go_up(w))
        return;
    flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", 500 * MS);
    flow_start(w, 1, 0, "10.1.0.5", "10.0.0.5", 500 * MS);
    for (int k = 0; k < 3 && !w->failed; k++) {
        world_run(w, 20 * SEC);
        net_nat_rebind(&w->net.nat[0]);
        world_run(w, 90 * SEC);
        traffic_flows(w);
    }
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_PEER_DEAD) == 0 && w->end[1].facts[FACT_PEER_MOVED] >= 1);
}

/* A replayed or spoofed packet from elsewhere moves nobody. */
static bool spoof_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    struct endpoint src = {addr_v4(198, 18, 0, 1), 4500}, dst = {w->end[1].addr, 4500};

    (void)ctx;
    if (from == 0 && (*d)->len > 4 && (*d)->src.port == 4500)
        net_inject(w, src, dst, span_of((*d)->data + 4, (*d)->len - 4), 5 * SEC);
    return true;
}

static void nat_spoof(struct world *w)
{
    behind_nat(w, 0);
    if (!go_up(w))
        return;
    w->net.tap = spoof_tap;
    world_run(w, 10 * MINUTE);
    EXPECT(w, w->end[1].facts[FACT_PEER_MOVED] == 0 && fact(w, FACT_IKE_DOWN) == 0);
    traffic_flows(w);
}

static void forced_encapsulation(struct world *w)
{
    w->end[w->seed & 1].plan[0].encap = ENCAP_FORCE;
    if (!go_up(w) || !traffic_flows(w))
        return;
    EXPECT(w, LIST_ITEM(w->end[0].xfrm.sas.next, struct sa, link)->encap);
}

static void start_on_4500(struct world *w)
{
    w->end[0].plan[0].remote_port = 4500;
    if (!go_up(w) || !traffic_flows(w))
        return;
    EXPECT(w, fact(w, FACT_IKE_FAILED) == 0);
}

/* A path that passes only small datagrams: messages go in fragments (RFC 7383). */
static void small_path(struct world *w)
{
    struct way narrow = {.delay_low = 5 * MS, .delay_high = 15 * MS, .mtu = 576, .loss = w->seed & 1 ? 100 : 0};

    net_all(&w->net, narrow);
    for (unsigned i = 0; i < 2; i++) {
        w->end[i].plan[0].fragment_size = 576;
        w->end[i].plan[0].child[0].esp = "aes256gcm16-x25519-ecp256 aes128gcm16-x25519-ecp256 aes256-sha256-x25519-ecp256";
        w->end[i].plan[0].child[0].pfs = PFS_REQUIRE;
    }
    w->end[0].plan[0].local_id =
        "a.very.long.name.that.makes.the.message.longer.than.a.small.path.can.carry.a.very.long.name.that.makes."
        "the.message.longer.than.a.small.path.can.carry.a.very.long.name.that.makes.the.message.longer.than."
        "a.small.path.can.carry.it.in.one.piece.a.very.long.name.that.makes.the.message.longer.than.it.example";
    w->end[1].plan[0].remote_id = w->end[0].plan[0].local_id;
    go(w);
    settle(w, 5 * MINUTE);
    for (unsigned k = 0; k < 4 && !w->failed; k++) {
        end_order(&w->end[k & 1], ORDER_REKEY, k & 1 ? "to0" : "to1", "net");
        world_run(w, 2 * MINUTE);
    }
    net_all(&w->net, (struct way){.delay_low = 5 * MS, .delay_high = 15 * MS, .mtu = 576});
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

/* A path of which nobody says how narrow it is, and on which IP fragments are lost: requests are cut smaller after some tries,
 * and so are answers, be it that the request came smaller, or that it comes again and again (RFC 7383 2.5.1, 2.5.2). */
static void narrow_path(struct world *w)
{
    static const char *const networks[2][4] = {{"10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18", "10.0.192.0/18"},
                                               {"10.1.0.0/18", "10.1.64.0/18", "10.1.128.0/18", "10.1.192.0/18"}};
    static char name[310];
    unsigned longer = w->seed & 1;

    memset(name, 'x', sizeof(name) - 1);
    memcpy(name, "keyid:", 6);
    for (size_t i = 0; i < 2; i++) {
        memcpy(w->end[i].plan[0].child[0].local, networks[i], sizeof(networks[i]));
        memcpy(w->end[i].plan[0].child[0].remote, networks[!i], sizeof(networks[i]));
    }
    w->end[longer].plan[0].local_id = name;
    w->end[!longer].plan[0].remote_id = w->seed & 2 ? NULL : name; /* not said to the peer: its message alone is long */
    net_all(&w->net, (struct way){.delay_low = 5 * MS, .delay_high = 15 * MS, .mtu = 580});
    go(w);
    if (!settle(w, 10 * SEC))
        return;
    EXPECT(w, fact(w, FACT_IKE_FAILED) == 0);
    traffic_flows(w);
}

const struct scenario scenarios_attack[] = {
    {"flips", "every seventh datagram has a wrong byte", flips, 4, 0},
    {"every-bit", "IKE_AUTH with each of its bits flipped", every_bit, 1, 0},
    {"forged-notifies", "unprotected notifies of every kind", forged_notifies, 1, 0},
    {"forged-answers", "wrong answers to IKE_SA_INIT come first", forged_answers, 0, 0},
    {"flood", "5000 IKE_SA_INITs from 5000 addresses", flood, 1, 0},
    {"noise", "nonsense of all lengths", noise, 4, 0},
    {"nat", "the initiator is behind a NAT", nat, 0, 0},
    {"nat-answerer", "the responder is behind a NAT", nat_answerer, 0, 0},
    {"nat-rebinding", "the NAT forgets its mappings", nat_rebinding, 0, 0},
    {"nat-spoof", "copies of packets from elsewhere move nobody", nat_spoof, 0, 0},
    {"forced-encapsulation", "UDP encapsulation without a NAT", forced_encapsulation, 0, 0},
    {"start-on-4500", "beginning on port 4500", start_on_4500, 0, 0},
    {"small-path", "fragments on a path of 576 bytes, with loss", small_path, 6, 0},
    {"narrow-path", "a narrower path than anybody knows of, and no IP fragments", narrow_path, 4, 0},
    {NULL, NULL, NULL, 0, 0},
};
