/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that hold the keys and lie, and strangers that guess: what only a peer could say is said by a tap that seals again. */
#include "scenario.h"
#include "wire/wire.h"

#include <string.h>

struct liar {
    uint8_t ei[80], er[80];
    size_t len;
    unsigned lies;
};

static void overhear(void *ctx, uint64_t spi_i, uint64_t spi_r, const struct suite *suite, const struct ike_keys *keys)
{
    struct liar *l = ctx;

    (void)spi_i, (void)spi_r, (void)suite;
    if (keys->ei.len > sizeof(l->ei))
        return;
    l->len = keys->ei.len;
    memcpy(l->ei, keys->ei.p, l->len);
    memcpy(l->er, keys->er.p, l->len);
}

/* header | SK or SKF header | IV of 8 | text | ICV of 16, as glass GCM has it */
static void seal_again(const struct liar *l, bool by_initiator, uint8_t *p, size_t len)
{
    size_t head = IKE_HEADER_LEN + (p[16] == PAYLOAD_SKF ? 8 : 4);

    glass_icv(span_of(by_initiator ? l->ei : l->er, l->len), span_of(p + head, 8), span_of(p, head),
              span_of(p + head + 8, len - head - 24), p + len - 16);
}

/* A fragment of another, larger total between the true ones (RFC 7383 2.6.1). */
static bool total_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    struct span ike = net_ike_part(*d);
    struct liar *l = ctx;
    uint8_t copy[2048];

    if (from != 0 || ike.len > sizeof(copy) || ike.p[16] != PAYLOAD_SKF || get_u16(ike.p + 32) != 1 || l->lies >= 2)
        return true;
    l->lies++;
    memcpy(copy, ike.p, ike.len);
    copy[28] = PAYLOAD_NONE;
    put_u16(copy + 32, (uint16_t)(get_u16(ike.p + 34) + 1));
    put_u16(copy + 34, (uint16_t)(get_u16(ike.p + 34) + 1));
    seal_again(l, true, copy, ike.len);
    net_inject(w, (*d)->src, (*d)->dst, span_of(copy, ike.len), MS);
    return true;
}

static void liar_fragments(struct world *w)
{
    struct liar l = {.lies = 0};
    static char name[4 * 60];

    memset(name, 'n', sizeof(name) - 1);
    for (size_t i = 60; i < sizeof(name) - 1; i += 60)
        name[i] = '.';
    w->end[0].plan[0].local_id = w->end[1].plan[0].remote_id = name;
    for (unsigned i = 0; i < 2; i++) {
        w->end[i].plan[0].fragment_size = 576;
        w->end[i].plan[0].child[0].esp = "aes256gcm16-x25519-ecp256 aes128gcm16-x25519-ecp256 aes256-sha256-x25519-ecp256";
    }
    w->keylog = overhear;
    w->keylog_ctx = &l;
    w->net.tap = total_tap;
    w->net.tap_ctx = &l;
    go(w);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
    EXPECT(w, l.lies > 0);
}

/* An answer with selectors that nobody offered (2.9): no Child SA comes of it. */
static bool selectors_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    static const uint8_t offered[] = {10, 0, 0, 0, 10, 0, 255, 255};
    struct span ike = net_ike_part(*d);
    uint8_t *p = (*d)->data + (ike.p - (*d)->data);
    struct liar *l = ctx;

    (void)w;
    if (from != 1 || p[18] != IKE_AUTH || l->lies >= 1)
        return true;
    for (size_t i = IKE_HEADER_LEN; i + sizeof(offered) <= ike.len; i++)
        if (!memcmp(p + i, offered, sizeof(offered))) {
            p[i + 5] = 7;
            l->lies++;
        }
    seal_again(l, false, p, ike.len);
    return true;
}

static void liar_selectors(struct world *w)
{
    struct liar l = {.lies = 0};

    w->laws.off_wire = true;
    w->keylog = overhear;
    w->keylog_ctx = &l;
    w->net.tap = selectors_tap;
    w->net.tap_ctx = &l;
    go(w);
    world_run(w, SEC);
    EXPECT(w, l.lies == 1 && w->end[0].facts[FACT_IKE_UP] == 1);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

/* IKE_SA_INIT with a cookie that was never given, from an address that nobody hears at (2.6). */
static bool cookie_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    struct endpoint spoofed = {addr_v4(198, 51, 100, 7), 500};
    struct liar *l = ctx;
    uint8_t m[2048] = {0};

    if (from != 0 || (*d)->data[18] != IKE_SA_INIT || (*d)->len + 29 > sizeof(m) || l->lies)
        return true;
    l->lies++;
    memcpy(m, (*d)->data, IKE_HEADER_LEN);
    m[28] = m[16];
    m[16] = PAYLOAD_NOTIFY;
    put_u32(m + 24, (uint32_t)(*d)->len + 29);
    put_u16(m + 30, 29);
    put_u16(m + 34, COOKIE);
    memset(m + 36, 7, 21);
    memcpy(m + 57, (*d)->data + IKE_HEADER_LEN, (*d)->len - IKE_HEADER_LEN);
    net_inject(w, spoofed, (*d)->dst, span_of(m, (*d)->len + 29), SEC / 2); /* the hand has issued nonces by then */
    return false;
}

static void guessed_cookie(struct world *w)
{
    struct liar l = {.lies = 0};

    w->end[1].globals.limits.cookie_threshold = 0;
    w->end[1].plan[0].remote = (struct addr){0};
    w->net.tap = cookie_tap;
    w->net.tap_ctx = &l;
    go(w);
    world_run(w, SEC);
    EXPECT(w, l.lies == 1 && core_count(w->end[1].core).packets_in > 0 && core_count(w->end[1].core).half_open == 0);
    if (settle(w, 5 * MINUTE))
        traffic_flows(w);
}

const struct scenario scenarios_liar[] = {
    {"liar-fragments", "a peer's fragments do not agree how many they are", liar_fragments, 0, 0},
    {"liar-selectors", "a peer answers with selectors that were not offered", liar_selectors, 0, 0},
    {"guessed-cookie", "a stranger guesses a cookie", guessed_cookie, 0, 0},
    {NULL, NULL, NULL, 0, 0},
};
