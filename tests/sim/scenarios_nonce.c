/* SPDX-License-Identifier: Apache-2.0 */
/* That both ends agree which SA of a simultaneous rekey stays is one thing; that it is the one of the book another: the exchange
 * with the lowest of the four nonces is undone by who began it, and who began the other one closes the old SA (RFC 7296 2.8.1,
 * 2.8.2). A reader on the wire sees the nonces, for glass hides nothing. */
#include "scenario.h"
#include "wire/wire.h"

#include <string.h>

#define NONCE_SEEN 64

/* One of two exchanges, by the end that began it. */
struct rekey_seen {
    uint8_t nonce[2][NONCE_SEEN];
    size_t nonce_len[2]; /* of the request and of the answer */
    uint64_t spi[2];     /* as offered and as answered */
};
struct witness {
    struct rekey_seen by[2];
    uint64_t deleted[2][4];     /* inbound SPIs of Child SAs that each end asked to delete */
    uint64_t ike_deletes[2][2]; /* IKE SAs that each end asked to delete, by their initiator's SPI */
    size_t n_deleted[2], n_ike[2];
    bool ike;
};

static void see_rekey(struct witness *s, unsigned from, const struct ike_header *h, const struct payload *in)
{
    bool answer = h->flags & IKE_FLAG_RESPONSE;
    struct rekey_seen *r = &s->by[answer ? !from : from];
    const struct payload *n = payload_find(in, PAYLOAD_NONCE), *sa = payload_find(in, PAYLOAD_SA);

    if (!n || !sa || n->u.nonce.len > NONCE_SEEN || !sa->u.sa.n)
        return;
    memcpy(r->nonce[answer], n->u.nonce.p, n->u.nonce.len);
    r->nonce_len[answer] = n->u.nonce.len;
    r->spi[answer] = s->ike ? get_u64(sa->u.sa.v[0].spi) : get_u32(sa->u.sa.v[0].spi);
}

static void see_delete(struct witness *s, unsigned from, const struct ike_header *h, const struct payload *in)
{
    const struct payload *d = payload_find(in, PAYLOAD_DELETE);
    struct reader r = reader_of(d ? d->u.del.spis : SPAN_NONE);

    if (!d || h->flags & IKE_FLAG_RESPONSE)
        return;
    if (d->u.del.protocol == PROTOCOL_IKE && s->n_ike[from] < 2)
        s->ike_deletes[from][s->n_ike[from]++] = h->spi_i;
    while (d->u.del.protocol == PROTOCOL_ESP && read_left(&r) >= 4 && s->n_deleted[from] < 4)
        s->deleted[from][s->n_deleted[from]++] = read_u32(&r);
}

static bool witness_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    struct span ike = span_of((*d)->data, (*d)->len), inner = SPAN_NONE;
    struct payload *in;
    struct wire_error why;
    struct ike_header h;
    struct arena a;

    (void)w;
    arena_init(&a, 1 << 18);
    if (msg_read_header(ike, &h, &why) == 0 && h.next == PAYLOAD_SK)
        inner = glass_inside(span_part(ike, IKE_HEADER_LEN + 4, ike.len));
    if (inner.len && msg_read_payloads(&a, ike.p[IKE_HEADER_LEN], inner, 0, &in, &why) == 0) {
        if (h.exchange == CREATE_CHILD_SA)
            see_rekey(ctx, from, &h, in);
        else if (h.exchange == INFORMATIONAL)
            see_delete(ctx, from, &h, in);
    }
    arena_done(&a);
    return true;
}

static struct span nonce_of(const struct witness *s, unsigned by, unsigned answer)
{
    return span_of(s->by[by].nonce[answer], s->by[by].nonce_len[answer]);
}

/* By whom the exchange with the lowest nonce was begun. */
static unsigned loser_of(const struct witness *s)
{
    struct span low = nonce_of(s, 0, 0);
    unsigned loser = 0;

    for (unsigned by = 0; by < 2; by++)
        for (unsigned answer = 0; answer < 2; answer++)
            if (span_compare(nonce_of(s, by, answer), low) < 0) {
                low = nonce_of(s, by, answer);
                loser = by;
            }
    return loser;
}

static bool complete(const struct witness *s)
{
    return s->by[0].nonce_len[0] && s->by[0].nonce_len[1] && s->by[1].nonce_len[0] && s->by[1].nonce_len[1];
}

static bool collide(struct world *w, struct witness *s, bool ike)
{
    *s = (struct witness){.ike = ike};
    if (!go_up(w))
        return false;
    w->net.tap = witness_tap;
    w->net.tap_ctx = s;
    for (unsigned i = 0; i < 2; i++)
        end_order(&w->end[i], ORDER_REKEY, i ? "to0" : "to1", ike ? NULL : "net");
    world_run(w, 20 * SEC);
    w->net.tap = NULL;
    return settle(w, 5 * MINUTE) && complete(s); /* not, when one was over before the other began */
}

static bool has(const uint64_t *v, size_t n, uint64_t spi)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] == spi)
            return true;
    return false;
}

static void child_nonces(struct world *w)
{
    struct witness s;
    unsigned loser, winner;

    if (!collide(w, &s, false))
        return;
    loser = loser_of(&s);
    winner = !loser;
    EXPECT(w, xfrm_find(&w->end[winner].xfrm, true, (uint32_t)s.by[winner].spi[0]));
    EXPECT(w, xfrm_find(&w->end[loser].xfrm, true, (uint32_t)s.by[winner].spi[1]));
    EXPECT(w, !xfrm_find(&w->end[loser].xfrm, true, (uint32_t)s.by[loser].spi[0]));
    EXPECT(w, has(s.deleted[loser], s.n_deleted[loser], s.by[loser].spi[0]) && s.n_deleted[loser] == 1);
    EXPECT(w, s.n_deleted[winner] == 1 && !has(s.deleted[winner], 1, s.by[winner].spi[0]));
}

static void ike_nonces(struct world *w)
{
    struct witness s;
    unsigned loser, winner;

    if (!collide(w, &s, true))
        return;
    loser = loser_of(&s);
    winner = !loser;
    for (unsigned i = 0; i < 2; i++) {
        end_list(&w->end[i]);
        EXPECT(w, end_rows(&w->end[i], false, NULL) == 1 && w->end[i].rows[0].spi_i == s.by[winner].spi[0] &&
                      w->end[i].rows[0].spi_r == s.by[winner].spi[1]);
    }
    /* who loses may forget about it when the old one is closed before it has its answer (2.25.2) */
    EXPECT(w, !has(s.ike_deletes[loser], s.n_ike[loser], s.by[winner].spi[0]));
    EXPECT(w, s.ike_deletes[loser][0] == s.by[loser].spi[0] || !w->end[loser].facts[FACT_IKE_REKEYED] ||
                  has(s.ike_deletes[winner], s.n_ike[winner], s.by[loser].spi[0]));
    EXPECT(w, s.n_ike[winner] >= 1 && s.ike_deletes[winner][0] != s.by[winner].spi[0] &&
                  s.ike_deletes[winner][0] != s.by[loser].spi[0]);
}

const struct scenario scenarios_nonce[] = {
    {"child-nonces", "which Child SA stays, and who closes what, is by the book", child_nonces, 40, 0},
    {"ike-nonces", "which IKE SA stays, and who closes what, is by the book", ike_nonces, 40, 0},
    {NULL, NULL, NULL, 0, 0},
};
