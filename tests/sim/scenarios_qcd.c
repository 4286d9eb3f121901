/* SPDX-License-Identifier: Apache-2.0 */
/* Quick crash detection (RFC 6290): who has restarted is known at once, and nobody else can make it seem so. */
#include "scenario.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

/* What the wire showed. */
struct watch {
    unsigned tokens;           /* in clear, from end... */
    unsigned from;             /* this one */
    uint64_t spi_i, spi_r;     /* of the last of them */
    size_t answer_len;         /* of the longest of them */
    usec_t asked_at, token_at; /* the first protected request that got one; that */
    usec_t init_at;            /* the first IKE_SA_INIT request after it */
    uint8_t token[TOKEN_LEN];  /* the last */
    unsigned told;             /* tokens inside glass SK */
};

static bool is_request(const struct datagram *d)
{
    return !(d->data[19] & IKE_FLAG_RESPONSE);
}

/* Unprotected: N(INVALID_IKE_SPI) first, then the token (4.5). */
static void watch_clear(struct world *w, struct watch *v, unsigned from, const struct datagram *d)
{
    struct wire_error why;
    struct payload *in;
    struct arena a;

    arena_init(&a, 1 << 16);
    if (d->data[16] == PAYLOAD_NOTIFY &&
        msg_read_payloads(&a, d->data[16], span_of(d->data + 28, d->len - 28), 28, &in, &why) == 0 &&
        notify_find(in, QUICK_CRASH_DETECTION)) {
        const struct payload *n = notify_find(in, QUICK_CRASH_DETECTION);

        v->from = from;
        v->spi_i = get_u64(d->data);
        v->spi_r = get_u64(d->data + 8);
        v->answer_len = d->len > v->answer_len ? d->len : v->answer_len;
        v->token_at = v->tokens++ ? v->token_at : w->now;
        world_expect(w,
                     in->u.notify.type == INVALID_IKE_SPI && !is_request(d) && n->u.notify.protocol == PROTOCOL_IKE &&
                         !n->u.notify.spi.len && n->u.notify.data.len == TOKEN_LEN,
                     "a token in clear is N(INVALID_IKE_SPI), N(QUICK_CRASH_DETECTION) of protocol 1 without SPI");
        memcpy(v->token, n->u.notify.data.p, TOKEN_LEN);
    }
    arena_done(&a);
}

static void watch_sealed(struct watch *v, const struct datagram *d)
{
    char inside[1000];

    net_inside(span_of(d->data, d->len), inside, sizeof(inside));
    v->told += strstr(inside, "QUICK_CRASH_DETECTION") != NULL;
}

static bool watch_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    struct watch *v = ctx;

    if ((*d)->keepalive || (*d)->esp || (*d)->len < 28)
        return true;
    if ((*d)->data[16] == PAYLOAD_SK) {
        watch_sealed(v, *d);
        if (is_request(*d) && !v->tokens)
            v->asked_at = w->now;
    } else {
        watch_clear(w, v, from, *d);
    }
    if ((*d)->data[18] == IKE_SA_INIT && is_request(*d) && v->tokens && !v->init_at)
        v->init_at = w->now;
    return true;
}

static void watch(struct world *w, struct watch *v)
{
    *v = (struct watch){0};
    w->net.tap = watch_tap;
    w->net.tap_ctx = v;
}

static void watch_end(struct world *w)
{
    w->net.tap = NULL;
}

/* A request from 0 meets a 1 that has forgotten: one round trip later 0 begins anew, and it is up two round trips after that. */
static void crash_found(struct world *w, struct watch *v)
{
    usec_t up = w->now;

    EXPECT(w, v->tokens == 1 && v->from == 1);
    EXPECT(w, v->init_at && v->init_at - v->asked_at <= 2 * 15 * MS + 5 * MS); /* its way, the vault, the way back */
    EXPECT(w, v->answer_len <= 28 + 8 + 8 + TOKEN_LEN);
    EXPECT(w, up - v->asked_at < SEC);
    EXPECT(w, core_count(w->end[0].core).ike_sas == 1 && core_count(w->end[1].core).ike_sas == 1);
}

static bool both_up(struct world *w)
{
    return w->end[0].core && core_count(w->end[0].core).child_sas == 1 && core_count(w->end[1].core).child_sas == 1 &&
           world_at_rest(w);
}

static void answerer_forgets(struct world *w)
{
    struct watch v;

    watch(w, &v);
    if (!go_up(w))
        return;
    EXPECT(w, v.told == 2); /* IKE_AUTH, both ways */
    world_run(w, MINUTE);
    end_restart(&w->end[1]);
    end_order(&w->end[0], ORDER_REKEY, "to1", "net"); /* the first that 1 hears of it */
    world_run(w, 200 * MS);
    if (world_until(w, both_up, SEC, "back within a second of the first packet"))
        crash_found(w, &v);
    watch_end(w);
    traffic_flows(w);
}

/* The initiator restarts and may not begin itself (it waits for its own reasons): the responder, which can initiate, does. */
static void starter_forgets(struct world *w)
{
    struct watch v;

    w->end[1].plan[0].keep = w->end[1].plan[0].child[0].keep = KEEP_UP;
    go(w);
    world_run(w, 30 * SEC);
    if (!settle(w, MINUTE))
        return;
    world_run(w, MINUTE);
    w->end[0].plan[0].keep = w->end[0].plan[0].child[0].keep = KEEP_ANSWER;
    end_restart(&w->end[0]);
    watch(w, &v);
    end_order(&w->end[1], ORDER_REKEY, "to0", "net");
    world_run(w, 200 * MS);
    if (world_until(w, both_up, SEC, "back within a second of the first packet"))
        EXPECT(w, v.tokens == 1 && v.from == 0 && v.init_at - v.asked_at <= 35 * MS);
    watch_end(w);
    traffic_flows(w);
}

/* Heirs have tokens of their own, from whichever end rekeyed: response of the rekey one way, INFORMATIONAL the other (4.3). */
static void rekeyed(struct world *w)
{
    unsigned by = w->seed & 1, forgets = w->seed >> 1 & 1;
    struct watch v;

    if (!go_up(w))
        return;
    watch(w, &v);
    end_order(&w->end[by], ORDER_REKEY, by ? "to0" : "to1", NULL);
    world_run(w, 5 * SEC);
    EXPECT(w, v.told == 2 && fact(w, FACT_IKE_REKEYED) == 2);
    if (!settle(w, MINUTE))
        return;
    w->end[forgets].plan[0].keep = w->end[forgets].plan[0].child[0].keep = KEEP_ANSWER;
    w->end[!forgets].plan[0].keep = w->end[!forgets].plan[0].child[0].keep = KEEP_UP;
    end_reload(&w->end[!forgets]);
    world_run(w, SEC);
    watch(w, &v);
    end_restart(&w->end[forgets]);
    end_order(&w->end[!forgets], ORDER_REKEY, forgets ? "to1" : "to0", "net");
    world_run(w, 200 * MS);
    if (world_until(w, both_up, SEC, "back within a second of the first packet"))
        EXPECT(w, v.tokens == 1 && v.from == forgets && v.init_at - v.asked_at <= 35 * MS);
    watch_end(w);
    traffic_flows(w);
}

/* --- a peer without it ------------------------------------------------------------------------------------------------------ */

/* It gives no token and understands none; everything else is as ever, rekeying included. */
static void one_sided(struct world *w)
{
    unsigned without = w->seed & 1;
    struct watch v;

    w->end[without].globals.no_qcd = true;
    watch(w, &v);
    if (!go_up(w))
        return;
    EXPECT(w, v.told == 1);
    end_order(&w->end[0], ORDER_REKEY, "to1", NULL);
    world_run(w, 5 * SEC);
    EXPECT(w, v.told == 2);
    if (settle(w, MINUTE))
        traffic_flows(w);
    end_restart(&w->end[1]);
    end_order(&w->end[0], ORDER_REKEY, "to1", "net");
    if (settle(w, 10 * MINUTE))
        traffic_flows(w);
    EXPECT(w, v.tokens == 0 || !without); /* 1 with a token answers with it, to no effect; without, it has none to show */
    watch_end(w);
}

/* --- attacks ------------------------------------------------------------------------------------------------------------------
 */

static void forge(struct world *w, unsigned to, struct endpoint src, uint8_t flags, uint32_t id, uint64_t spi_i, uint64_t spi_r,
                  const uint8_t tokens[], size_t n)
{
    struct ike_header h = {
        .spi_i = spi_i, .spi_r = spi_r, .major = 2, .exchange = INFORMATIONAL, .flags = flags, .message_id = id};
    struct endpoint dst = {w->end[to].addr, 500};
    struct payload_list list;
    struct arena a;
    struct buf b;

    arena_init(&a, 1 << 16);
    buf_init(&b, 4096);
    payload_list_init(&list, &a);
    notify_add(&list, 0, SPAN_NONE, INVALID_IKE_SPI, SPAN_NONE);
    for (size_t i = 0; i < n; i++)
        notify_add(&list, PROTOCOL_IKE, SPAN_NONE, QUICK_CRASH_DETECTION, span_of(tokens + i * TOKEN_LEN, TOKEN_LEN));
    msg_write(&b, &h, list.first);
    net_inject(w, src, dst, buf_view(&b), MS);
    buf_done(&b);
    arena_done(&a);
}

/* Forged tokens, for the true pair of SPIs, kill nothing; SIM_FORGED (10,000; with CHARON_SIZE=full a million) of them, in
 * messages of four. */
static void forged_tokens(struct world *w)
{
    const char *many = getenv("SIM_FORGED"), *size = getenv("CHARON_SIZE");
    size_t n = many ? strtoul(many, NULL, 10) : size && !strcmp(size, "full") ? 1000000 : 10000;
    struct rng rng = dice_rng(&w->dice);
    uint64_t spi_i, spi_r, sent;

    if (!go_up(w))
        return;
    w->laws.steps_max = n + 1000;
    end_list(&w->end[0]);
    spi_i = w->end[0].rows[0].spi_i;
    spi_r = w->end[0].rows[0].spi_r;
    sent = w->end[0].sent + w->end[1].sent;
    for (size_t i = 0; i < n / 4 && !w->failed; i++) {
        struct endpoint src = {addr_v4(198, 51, 100, (uint8_t)i), (uint16_t)(1024 + i % 60000)};
        uint8_t tokens[4 * TOKEN_LEN];
        unsigned to = i & 1;

        rng.fill(rng.ctx, tokens, sizeof(tokens));
        if (i % 7 == 0)
            memset(tokens, 0, sizeof(tokens)); /* what an SA without a token would have */
        forge(w, to, src, (uint8_t)(IKE_FLAG_RESPONSE | (to ? IKE_FLAG_INITIATOR : 0)), (uint32_t)(i % 5), spi_i, spi_r, tokens,
              4);
        if (i % 1000 == 999)
            world_run(w, 100 * MS);
    }
    world_run(w, 10 * SEC);
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_CHILD_DOWN) == 0 && fact(w, FACT_PEER_DEAD) == 0);
    EXPECT(w, w->end[0].sent + w->end[1].sent <= sent + 2 * (n / 40000 + 1) + 4); /* a liveness question now and then */
    if (settle(w, MINUTE))
        traffic_flows(w);
}

/* A protected request as anybody may make one who has seen the SPIs. */
static void provoke(struct world *w, unsigned to, struct endpoint src, uint8_t flags, uint64_t spi_i, uint64_t spi_r, usec_t when)
{
    static const uint8_t sk[36] = {0, 0, 0, 36};
    struct ike_header h = {.spi_i = spi_i,
                           .spi_r = spi_r,
                           .next = PAYLOAD_SK,
                           .major = 2,
                           .exchange = INFORMATIONAL,
                           .flags = flags,
                           .message_id = 9,
                           .length = 28 + sizeof(sk)};
    struct endpoint dst = {w->end[to].addr, 500};
    uint8_t m[28 + sizeof(sk)] = {0};

    put_u64(m, h.spi_i);
    put_u64(m + 8, h.spi_r);
    m[16] = h.next;
    m[17] = 0x20;
    m[18] = h.exchange;
    m[19] = h.flags;
    put_u32(m + 20, h.message_id);
    put_u32(m + 24, h.length);
    memcpy(m + 28, sk, sizeof(sk));
    net_inject(w, src, dst, span_of(m, sizeof(m)), when);
}

/* Whatever is sent, and with whatever flags: no token is shown for a pair that lives, nor for half of one (9.2). Of pairs that
 * nobody has, some are shown: as many as the limits say, and no more than that. */
static void elicited(struct world *w)
{
    uint64_t spi_i, spi_r;
    struct watch v;

    if (!go_up(w))
        return;
    w->laws.steps_max = 100000;
    end_list(&w->end[0]);
    spi_i = w->end[0].rows[0].spi_i;
    spi_r = w->end[0].rows[0].spi_r;
    watch(w, &v);
    for (unsigned k = 0; k < 64 && !w->failed; k++) {
        uint64_t pairs[][2] = {{spi_i, spi_r}, {spi_r, spi_i}, {spi_i, 7}, {7, spi_r}, {spi_i, spi_i}, {0, spi_r}, {0, 0}};
        struct endpoint src =
            k & 1 ? (struct endpoint){w->end[k >> 1 & 1].addr, 500} : (struct endpoint){addr_v4(198, 51, (uint8_t)k, 1), 500};

        for (size_t i = 0; i < COUNT_OF(pairs); i++)
            for (unsigned to = 0; to < 2; to++) /* half a pair is not lost either, where that half is its own */
                if (i < 2 || i > 4 || to == (i == 3))
                    provoke(w, to, src, k & 4 ? IKE_FLAG_INITIATOR : 0, pairs[i][0], pairs[i][1], MS);
        world_run(w, 100 * MS);
    }
    EXPECT(w, v.tokens == 0);
    for (unsigned k = 0; k < 5000 && !w->failed; k++)
        provoke(w, 1, (struct endpoint){addr_v4(198, (uint8_t)(51 + k / 256), (uint8_t)k, 1), 500}, IKE_FLAG_INITIATOR, 1000 + k,
                5, (usec_t)k * 100);
    world_run(w, 900 * MS);
    EXPECT(w, v.tokens > 100 && v.tokens <= 500); /* soon after the start */
    world_run(w, 6 * MINUTE);
    watch(w, &v);
    for (unsigned k = 0; k < 5000 && !w->failed; k++)
        provoke(w, 1, (struct endpoint){addr_v4(198, (uint8_t)(51 + k / 256), (uint8_t)k, 1), 500}, IKE_FLAG_INITIATOR, 1000 + k,
                5, (usec_t)k * 100);
    world_run(w, 900 * MS);
    EXPECT(w, v.tokens > 0 && v.tokens <= 10); /* and later */
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0);
    watch_end(w);
    if (settle(w, MINUTE))
        traffic_flows(w);
}

/* Soon after a restart one that asks without end does not take the others' share. */
static void greedy(struct world *w)
{
    struct watch v;

    if (!go_up(w))
        return;
    w->laws.steps_max = 100000;
    end_restart(&w->end[1]);
    watch(w, &v);
    for (unsigned k = 0; k < 2000; k++)
        provoke(w, 1, (struct endpoint){addr_v4(198, 51, 100, (uint8_t)k), 500}, IKE_FLAG_INITIATOR, 1000 + k, 5,
                (usec_t)k * 100);
    world_run(w, 500 * MS);
    EXPECT(w, v.tokens == 4);
    end_order(&w->end[0], ORDER_REKEY, "to1", "net");
    world_run(w, 200 * MS);
    EXPECT(w, v.tokens == 5);
    world_until(w, both_up, SEC, "back within a second of the first packet");
    watch_end(w);
}

/* A token counts from wherever it comes, for it may be another gateway's of the same cluster (3); and once only, for then its SA
 * is gone. That of the SA before a rekey is worth nothing for the heir. */
static void old_token(struct world *w)
{
    uint64_t spi_i, spi_r;
    struct watch v;

    if (!go_up(w))
        return;
    end_list(&w->end[0]);
    spi_i = w->end[0].rows[0].spi_i;
    spi_r = w->end[0].rows[0].spi_r;
    end_order(&w->end[0], ORDER_REKEY, "to1", NULL);
    world_run(w, 5 * SEC);
    watch(w, &v);
    provoke(w, 1, (struct endpoint){addr_v4(198, 51, 100, 1), 500}, IKE_FLAG_INITIATOR, spi_i, spi_r, MS); /* it is lost indeed */
    world_run(w, SEC);
    EXPECT(w, v.tokens == 1);
    end_list(&w->end[0]);
    EXPECT(w, w->end[0].rows[0].spi_i != spi_i);
    for (unsigned k = 0; k < 4; k++) { /* played back, under the old SPIs and the new ones */
        bool heir = k & 1;

        forge(w, 0, (struct endpoint){w->end[1].addr, 500}, IKE_FLAG_RESPONSE | (k & 2 ? IKE_FLAG_INITIATOR : 0), 3,
              heir ? w->end[0].rows[0].spi_i : spi_i, heir ? w->end[0].rows[0].spi_r : spi_r, v.token, 1);
    }
    world_run(w, SEC);
    EXPECT(w, fact(w, FACT_IKE_DOWN) == 0 && fact(w, FACT_CHILD_DOWN) == 0);
    watch_end(w);
    traffic_flows(w);
}

static bool elsewhere_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    struct watch *v = ctx;

    watch_tap(w, from, d, ctx);
    if (from != 1 || v->tokens != 1 || v->init_at || (*d)->data[16] != PAYLOAD_NOTIFY)
        return true;
    /* the answer is lost; somebody else of its cluster says the same, four tokens at once, the right one last */
    uint8_t four[4 * TOKEN_LEN] = {1};

    memcpy(four + 3 * TOKEN_LEN, v->token, TOKEN_LEN);
    forge(w, 0, (struct endpoint){addr_v4(203, 0, 113, 77), 4711}, (*d)->data[19], 1234, v->spi_i, v->spi_r, four, 4);
    return false;
}

static void from_elsewhere(struct world *w)
{
    struct watch v;

    if (!go_up(w))
        return;
    watch(w, &v);
    w->net.tap = elsewhere_tap;
    end_restart(&w->end[1]);
    end_order(&w->end[0], ORDER_REKEY, "to1", "net");
    world_run(w, 200 * MS);
    EXPECT(w, v.tokens == 1 && v.init_at);
    world_until(w, both_up, SEC, "back within a second of the first packet");
    watch_end(w);
    traffic_flows(w);
}

/* The vault is slow, or dead: the answer comes late, or without a token; a handshake does not wait for what it need not have. */
static void silent_vault(struct world *w)
{
    if (!go_up(w))
        return;
    world_run(w, MINUTE);
    w->end[0].desk[ASK_VAULT].failed = w->end[1].desk[ASK_VAULT].failed = w->seed & 1 ? 1000 : 0;
    w->end[0].desk[ASK_VAULT].never = w->end[1].desk[ASK_VAULT].never = w->seed & 1 ? 0 : 1000;
    end_order(&w->end[0], ORDER_REKEY, "to1", NULL); /* needs no vault but for the tokens */
    world_run(w, MINUTE);
    EXPECT(w, fact(w, FACT_IKE_REKEYED) == 2 && fact(w, FACT_IKE_DOWN) == 0);
    if (!settle(w, MINUTE))
        return;
    end_restart(&w->end[1]);
    end_order(&w->end[0], ORDER_REKEY, "to1", "net");
    world_run(w, 20 * SEC);
    for (unsigned i = 0; i < 2; i++)
        w->end[i].desk[ASK_VAULT].failed = w->end[i].desk[ASK_VAULT].never = 0;
    if (settle(w, 10 * MINUTE))
        traffic_flows(w);
}

const struct scenario scenarios_qcd[] = {
    {"qcd-answerer", "the responder restarts: one round trip", answerer_forgets, 5, 0},
    {"qcd-starter", "the initiator restarts and does not begin itself", starter_forgets, 5, 0},
    {"qcd-rekeyed", "tokens after a rekey of the IKE SA, by either end", rekeyed, 4, 0},
    {"qcd-one-sided", "a peer without it", one_sided, 4, 0},
    {"qcd-forged", "forged tokens for the true SPIs", forged_tokens, 1, 0},
    {"qcd-elicited", "no token of a living SA can be brought about", elicited, 2, 0},
    {"qcd-greedy", "one asker does not take the others' share", greedy, 2, 0},
    {"qcd-old-token", "the token of a replaced SA, played back", old_token, 2, 0},
    {"qcd-elsewhere", "a true token from another address", from_elsewhere, 2, 0},
    {"qcd-vault", "a vault that fails or is silent", silent_vault, 4, 0},
    {NULL, NULL, NULL, 0, 0},
};
