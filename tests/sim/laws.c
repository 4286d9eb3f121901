/* SPDX-License-Identifier: Apache-2.0 */
#include "laws.h"
#include "laws_inside.h"
#include "wire/wire.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void laws_init(struct laws *l, const struct rng *rng)
{
    map_init(&l->seen, rng);
    l->steps_max = 2000;
    l->disturbed = l->lost = -USEC_SEC * 3600;
}

void laws_done(struct laws *l)
{
    for (size_t i = 0; i < l->seen.n_slots; i++)
        while (l->seen.slots[i]) {
            struct map_node *n = l->seen.slots[i];

            l->seen.slots[i] = n->next;
            free(CONTAINER_OF(n, struct seen, node));
        }
    map_done(&l->seen);
}

struct seen *law_seen(struct world *w, uint64_t who, enum name_of of, uint64_t a, uint64_t b, uint64_t c)
{
    struct map *m = &w->laws.seen;
    uint8_t key[40];
    uint64_t hash;
    struct map_node *n;
    struct seen *s;

    put_u64(key, who);
    put_u64(key + 8, (uint64_t)of);
    put_u64(key + 16, a);
    put_u64(key + 24, b);
    put_u64(key + 32, c);
    hash = map_hash(m, span_of(key, sizeof(key)));
    n = map_first(m, hash);
    if (n)
        return CONTAINER_OF(n, struct seen, node);
    s = calloc(1, sizeof(*s));
    if (!s || map_add(m, &s->node, hash) < 0)
        abort();
    return s;
}

static struct seen *seen_at(struct end *e, enum name_of of, uint64_t a, uint64_t b, uint64_t c)
{
    return law_seen(e->world, e->index | (uint64_t)e->life << 8, of, a, b, c);
}

bool law_inbound_known(struct world *w, uint32_t spi, bool now)
{
    struct seen *s = law_seen(w, UINT64_MAX, OF_INBOUND, spi, 0, 0);

    s->sent = s->sent || now;
    return s->sent;
}

/* A datagram as the laws see it. */
struct look {
    struct ike_header h;
    struct span all;
    bool response, fragment, sealed;
    uint16_t number, total;
};

static bool look_at(const struct datagram *d, struct look *l)
{
    struct wire_error why;
    bool marked = (d->src.port == 4500 || d->dst.port == 4500) && d->len >= 4 && !get_u32(d->data);

    *l = (struct look){.all = span_part(span_of(d->data, d->len), marked ? 4 : 0, d->len)};
    if (d->keepalive || d->esp || msg_read_header(l->all, &l->h, &why) < 0)
        return false;
    l->response = l->h.flags & IKE_FLAG_RESPONSE;
    l->fragment = l->h.next == PAYLOAD_SKF && l->all.len >= IKE_HEADER_LEN + 8;
    l->sealed = l->h.next == PAYLOAD_SK || l->fragment;
    if (l->fragment) {
        l->number = get_u16(l->all.p + IKE_HEADER_LEN + 4);
        l->total = get_u16(l->all.p + IKE_HEADER_LEN + 6);
    }
    return true;
}

static uint64_t digest(struct span s)
{
    struct map m = {.seed = {3, 4}};

    return map_hash(&m, s);
}

/* The same name, the same bytes (RFC 7296 2.1). */
static void same_bytes(struct end *e, const struct look *l)
{
    uint64_t what = (uint64_t)l->h.message_id << 32 | (uint64_t)l->number << 16 | l->total;
    struct seen *s = seen_at(e, OF_DATAGRAM, l->h.spi_i, l->h.spi_r, what ^ (uint64_t)l->h.flags << 56);

    LAW(e->world, LAW_REPEAT, !s->sent || s->digest == digest(l->all), "end %u repeats a message of id %u with other bytes",
        e->index, l->h.message_id);
    s->sent = true;
    s->digest = digest(l->all);
}

/* A changed IKE_SA_INIT needs a reason: an answer (COOKIE, INVALID_KE_PAYLOAD) since the last change. */
static void init_sent(struct end *e, const struct look *l)
{
    struct seen *s = seen_at(e, OF_INITS, l->h.spi_i, 0, 0);

    if (s->sent && s->digest != digest(l->all)) {
        LAW(e->world, LAW_INIT, s->credit, "end %u changes its IKE_SA_INIT without a reason", e->index);
        s->credit = 0;
    }
    s->sent = true;
    s->digest = digest(l->all);
}

/* Requests are numbered 0, 1, 2 ...; the next only after the answer to the last (2.2, 2.3: our window is 1). */
static void request_sent(struct end *e, const struct look *l)
{
    struct seen *row = seen_at(e, OF_REQUESTS, l->h.spi_i, l->h.flags & IKE_FLAG_INITIATOR, 0);
    uint32_t next = (uint32_t)row->count; /* the last id + 1; 0 = none sent */

    if (l->h.exchange == IKE_SA_INIT)
        init_sent(e, l);
    else
        same_bytes(e, l);
    if (l->h.message_id + 1 == next)
        return;
    if (LAW(e->world, LAW_IDS, l->h.message_id == next, "end %u sends request %u where %u or a repeat is due", e->index,
            l->h.message_id, next) &&
        next)
        LAW(e->world, LAW_WINDOW, seen_at(e, OF_ANSWERED, l->h.spi_i, l->h.flags & IKE_FLAG_INITIATOR, next - 1)->count,
            "end %u sends request %u before %u is answered", e->index, next, next - 1);
    row->count = l->h.message_id + 1u;
}

static void response_sent(struct end *e, const struct look *l)
{
    struct seen *s = seen_at(e, OF_REPLIES, l->h.spi_i, l->h.message_id, !(l->h.flags & IKE_FLAG_INITIATOR));

    if (l->fragment && l->number != 1)
        return;
    s->count++;
    LAW(e->world, LAW_ANSWERS, s->count <= s->credit, "end %u sends answer %u to %llu requests of id %u", e->index,
        (unsigned)s->count, (unsigned long long)s->credit, l->h.message_id);
}

void law_sent(struct end *e, const struct datagram *d)
{
    struct look l;

    if (e->world->laws.off_wire)
        return;
    if (!LAW(e->world, LAW_SPEECH, look_at(d, &l), "end %u sends something that is no IKE message", e->index))
        return;
    if (!l.response)
        request_sent(e, &l);
    else
        response_sent(e, &l);
    if (l.response && l.sealed)
        same_bytes(e, &l);
    law_inside_sent(e, &l.h, &d->dst, l.all);
}

void law_arrived(struct end *e, const struct datagram *d)
{
    struct seen *answered, *row;
    struct look l;

    if (!look_at(d, &l))
        return;
    if (!l.response) {
        seen_at(e, OF_REPLIES, l.h.spi_i, l.h.message_id, !!(l.h.flags & IKE_FLAG_INITIATOR))->credit++;
        return;
    }
    if (l.h.exchange == IKE_SA_INIT)
        seen_at(e, OF_INITS, l.h.spi_i, 0, 0)->credit++;
    answered = seen_at(e, OF_ANSWERED, l.h.spi_i, l.h.flags & IKE_FLAG_INITIATOR ? 0 : IKE_FLAG_INITIATOR, l.h.message_id);
    row = seen_at(e, OF_REQUESTS, l.h.spi_i, l.h.flags & IKE_FLAG_INITIATOR ? 0 : IKE_FLAG_INITIATOR, 0);
    if (!answered->count++ && row->count == l.h.message_id + 1u && d->from >= 0 && !d->changed) {
        e->world->exchanges++;
        law_inside_answered(e, &l.h, l.all);
    }
}

static uint64_t state_rank(const struct told_row *r)
{
    static const char *const ike[] = {"BORN", "KEYED", "UP", "LEAVING", "GONE"};
    static const char *const child[] = {"BORN", "HALF", "UP", "OLD", "GONE"};

    for (uint64_t i = 0; i < 5; i++)
        if (!strcmp(r->state, r->child ? child[i] : ike[i]))
            return i + 1;
    return 0;
}

void law_listed(struct end *e, const struct told_row *r)
{
    uint64_t ours = r->child ? r->spi_in : r->we_initiated ? r->spi_i : r->spi_r, rank = state_rank(r);
    struct seen *s = seen_at(e, OF_STATE, ours, r->child, 0);

    LAW(e->world, LAW_STATES, rank && rank >= s->count, "end %u: an SA moved to %s from a later state", e->index, r->state);
    s->count = rank;
}

static void limits_hold(struct end *e)
{
    const struct conf_limits *l = &e->globals.limits;
    struct core_counts n = core_count(e->core);

    LAW(e->world, LAW_LIMITS,
        n.half_open <= l->half_open_max && n.ike_sas <= (size_t)l->ike_max + l->half_open_max &&
            n.child_sas <= 2 * n.ike_sas * (size_t)l->children_per_ike_max, /* while they are rekeyed */
        "end %u has %zu half-open of %zu IKE SAs, and %zu Child SAs", e->index, n.half_open, n.ike_sas, n.child_sas);
    LAW(e->world, LAW_SOURCES, n.sources <= n.half_open && !n.sources == !n.half_open,
        "end %u counts %zu networks for %zu half-open IKE SAs", e->index, n.sources, n.half_open);
    if (l->ike_per_peer_max && n.ike_sas > l->ike_per_peer_max)
        LAW(e->world, LAW_CROWD, core_crowd(e->core) <= l->ike_per_peer_max + 1, /* one more that we have begun */
            "end %u has %zu IKE SAs of one peer, not %u", e->index, core_crowd(e->core), l->ike_per_peer_max);
}

void law_stepped(struct end *e, const struct input *in, size_t outputs)
{
    struct world *w = e->world;
    struct laws *l = &w->laws;

    if (w->now / USEC_SEC != l->second) {
        l->second = w->now / USEC_SEC;
        l->steps = 0;
    }
    l->steps++;
    LAW(w, LAW_STEPS, l->steps <= l->steps_max, "more than %u steps in a second", l->steps_max);
    limits_hold(e);
    if (in->kind != INPUT_TICK)
        return;
    e->idle_ticks = outputs || core_deadline(e->core) > w->now ? 0 : e->idle_ticks + 1;
    LAW(w, LAW_SPIN, e->idle_ticks <= 20, "end %u spins: its ticks do nothing and its deadline has passed", e->index);
}
