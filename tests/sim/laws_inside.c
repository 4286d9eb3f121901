/* SPDX-License-Identifier: Apache-2.0 */
#include "laws_inside.h"
#include "glass.h"
#include "peek.h"

#include <string.h>

#define IV_AT (IKE_HEADER_LEN + 4)
#define AT_ONCE USEC_SEC

static uint64_t digest(struct span s)
{
    struct map m = {.seed = {5, 6}};

    return map_hash(&m, s);
}

static struct seen *of(struct end *e, enum name_of name, const struct ike_header *h, uint64_t more)
{
    return law_seen(e->world, e->index | (uint64_t)e->life << 8, name, h->spi_i, h->spi_r, more);
}

/* Counters or random bytes, 8 of them are enough to tell. Keys belong to a pair of SPIs and a direction. */
static void iv_fresh(struct end *e, const struct ike_header *h, struct span all)
{
    size_t at = IV_AT + (h->next == PAYLOAD_SKF ? 4 : 0);
    struct seen *s;

    if ((h->next != PAYLOAD_SK && h->next != PAYLOAD_SKF) || all.len < at + 8)
        return;
    s = law_seen(e->world, h->flags & IKE_FLAG_INITIATOR, OF_IV, h->spi_i, h->spi_r, get_u64(all.p + at));
    LAW(e->world, LAW_IV, !s->sent || s->digest == digest(all), "end %u sends two messages with the IV %016llx under one key",
        e->index, (unsigned long long)get_u64(all.p + at));
    s->sent = true;
    s->digest = digest(all);
}

static void init_once(struct end *e, const struct ike_header *h, const struct endpoint *to)
{
    size_t n;

    if (h->exchange != IKE_SA_INIT || !(h->flags & IKE_FLAG_RESPONSE) || !h->spi_r || !e->world->peeking)
        return;
    n = peek_half_open(e->core, h->spi_i, to);
    LAW(e->world, LAW_ONCE, n <= 1, "end %u has %zu half-open IKE SAs for the initiator's SPI %016llx", e->index, n,
        (unsigned long long)h->spi_i);
}

/* --- inside SK ---------------------------------------------------------------------------------------------------------- */

static const struct payload *chain_of(struct arena *a, const struct ike_header *h, struct span all)
{
    struct payload *outer, *inner = NULL;
    struct wire_error why;
    struct span plain;

    if (h->next != PAYLOAD_SK ||
        msg_read_payloads(a, h->next, span_part(all, IKE_HEADER_LEN, all.len), IKE_HEADER_LEN, &outer, &why) < 0)
        return NULL;
    plain = glass_inside(outer->u.sk.sealed);
    if (!plain.len || msg_read_payloads(a, outer->u.sk.inner, plain, IKE_HEADER_LEN, &inner, &why) < 0)
        return NULL;
    return inner;
}

/* What a CREATE_CHILD_SA request is about: the SA that it rekeys, or the selectors of a new one. */
static uint64_t matter_of(const struct payload *in)
{
    const struct payload *rekey = notify_find(in, REKEY_SA), *i = payload_find(in, PAYLOAD_TSI),
                         *r = payload_find(in, PAYLOAD_TSR);
    uint64_t out = 1ull << 40;

    if (rekey && rekey->u.notify.spi.len == 4)
        return get_u32(rekey->u.notify.spi.p);
    if (!i || !r)
        return 1; /* the IKE SA */
    for (size_t k = 0; k < i->u.ts.n; k++)
        out = out * 31 + digest(span_of(i->u.ts.v[k].low.b, sizeof(i->u.ts.v[k].low.b)));
    for (size_t k = 0; k < r->u.ts.n; k++)
        out = out * 37 + digest(span_of(r->u.ts.v[k].low.b, sizeof(r->u.ts.v[k].low.b)));
    return out | 1ull << 40;
}

static void asked_again(struct end *e, const struct ike_header *h, const struct payload *in)
{
    struct seen *matter = of(e, OF_MATTER, h, h->message_id), *put_off;

    if (matter->sent)
        return; /* a repeat */
    matter->sent = true;
    matter->digest = matter_of(in);
    put_off = of(e, OF_PUT_OFF, h, matter->digest);
    /* A Child SA that was up and is gone meanwhile, alone or with its IKE SA: what was temporary is over, and an order asks anew.
     */
    LAW(e->world, LAW_PATIENCE,
        !put_off->sent || e->world->now - (usec_t)put_off->digest >= AT_ONCE || e->child_down > (usec_t)put_off->digest,
        "end %u asks again %lld ms after TEMPORARY_FAILURE", e->index,
        (long long)(e->world->now - (usec_t)put_off->digest) / USEC_MSEC);
}

bool law_closed_by(struct end *e, uint32_t spi, bool now)
{
    struct seen *s = law_seen(e->world, e->index | (uint64_t)e->life << 8, OF_CLOSED, spi, 0, 0);

    s->sent = s->sent || now;
    return s->sent;
}

static void deletes_note(struct end *e, const struct ike_header *h, const struct payload *in)
{
    bool answer = h->flags & IKE_FLAG_RESPONSE;
    struct seen *before = of(e, OF_DELETED, h, h->message_id | (uint64_t)h->flags << 32 | 1ull << 40);

    if (before->sent)
        return; /* a repeat: what has happened since does not matter */
    before->sent = true;
    for (const struct payload *p = payload_find(in, PAYLOAD_DELETE); p; p = payload_after(p, PAYLOAD_DELETE))
        for (size_t i = 0; p->u.del.protocol == PROTOCOL_ESP && i + 4 <= p->u.del.spis.len; i += 4) {
            struct seen *s = of(e, OF_DELETED, h, get_u32(p->u.del.spis.p + i));

            if (!answer && !s->sent)
                s->count = h->message_id + 1u;
            s->sent |= !answer;
            if (!answer)
                (void)law_closed_by(e, get_u32(p->u.del.spis.p + i), true);
            if (answer)
                LAW(e->world, LAW_NO_ECHO, !s->count, "end %u answers that %08x is deleted, and has asked for that itself",
                    e->index, get_u32(p->u.del.spis.p + i));
        }
}

void law_inside_sent(struct end *e, const struct ike_header *h, const struct endpoint *to, struct span all)
{
    const struct payload *in;
    struct arena a;

    iv_fresh(e, h, all);
    init_once(e, h, to);
    if ((h->exchange != CREATE_CHILD_SA && h->exchange != INFORMATIONAL) || e->world->algs != &glass_registry)
        return;
    arena_init(&a, 1 << 18);
    in = chain_of(&a, h, all);
    if (in && h->exchange == INFORMATIONAL)
        deletes_note(e, h, in);
    else if (in && !(h->flags & IKE_FLAG_RESPONSE))
        asked_again(e, h, in);
    arena_done(&a);
}

void law_inside_answered(struct end *e, const struct ike_header *h, struct span all)
{
    const struct payload *in;
    struct seen *matter, *put_off;
    struct arena a;

    if (h->exchange != CREATE_CHILD_SA || e->world->algs != &glass_registry)
        return;
    arena_init(&a, 1 << 18);
    in = chain_of(&a, h, all);
    if (in && notify_find(in, TEMPORARY_FAILURE)) {
        matter = of(e, OF_MATTER, h, h->message_id);
        put_off = of(e, OF_PUT_OFF, h, matter->digest);
        put_off->sent = true;
        put_off->digest = (uint64_t)e->world->now;
    }
    arena_done(&a);
}

void law_leaks(struct world *w)
{
    for (size_t i = 0; w->peeking && i < w->n_ends; i++) {
        const char *why = w->end[i].core ? peek_leak(w->end[i].core) : NULL;

        LAW(w, LAW_TIMERS, !why, "end %zu: %s", i, why);
    }
}
