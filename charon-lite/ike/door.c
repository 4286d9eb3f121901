/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first look at a packet: header, version, which IKE SA, window; for a new IKE_SA_INIT the limits and the cookie (RFC
 * 7296 2.6, RFC 8019 4). A stranger gets at most one small datagram back and no memory before it has shown that it hears us.
 */
#include "ike/ike.h"

#include <stdlib.h>
#include <string.h>

/* --- half-open SAs -------------------------------------------------------------------------------------------------------
 */

uint64_t door_init_hash(const struct map *map, uint64_t spi_i, const struct endpoint *from)
{
    uint8_t key[8 + 16 + 2] = {0};

    put_u64(key, spi_i);
    memcpy(key + 8, from->addr.b, 16);
    put_u16(key + 24, from->port);
    return map_hash(map, span_of(key, sizeof(key)));
}

/* Count an SA as half-open, and make it findable by its first packet; or end that. */
void door_half_open(struct ike_sa *sa, bool in)
{
    struct core *c = sa->core;

    if (sa->half_open == in)
        return;
    sa->half_open = in;
    if (in) {
        c->counts.half_open++;
        sa->by_init_in = map_add(&c->half_open, &sa->by_init, door_init_hash(&c->half_open, sa->spi_i, &sa->path.remote)) == 0;
    } else {
        c->counts.half_open--;
    }
    /* the address that it was counted under, whatever happened since */
    if (in || sa->source_counted)
        sa->source_counted = source_count(c, &sa->start->from, in) && in;
}

void door_forget(struct ike_sa *sa)
{
    door_half_open(sa, false);
    if (sa->by_init_in)
        map_remove(&sa->core->half_open, &sa->by_init);
    sa->by_init_in = false;
}

/* By its first packet, and, once that has led to something, only by the very bytes of it: behind one NAT two peers may have
 * chosen the same SPI (2.1). */
static struct ike_sa *init_find(struct core *c, const struct ike_header *h, const struct path *path, struct span data)
{
    uint64_t hash = door_init_hash(&c->half_open, h->spi_i, &path->remote);

    for (struct map_node *n = map_first(&c->half_open, hash); n; n = map_more(n)) {
        struct ike_sa *sa = CONTAINER_OF(n, struct ike_sa, by_init);

        if (sa->spi_i == h->spi_i && (sa->half_open || sa->init_seen == map_hash(&c->half_open, data)))
            return sa;
    }
    return NULL;
}

/* --- cookies (2.6): version | MAC(secret, Ni | IPi | SPIi)
 * ---------------------------------------------------------------------- */

#define COOKIE_LEN (1 + 20)

static void cookie_secret_new(struct core *c)
{
    c->cookie_secrets[1] = c->cookie_secrets[0];
    c->rng.fill(c->rng.ctx, c->cookie_secrets[0].bytes, sizeof(c->cookie_secrets[0].bytes));
    c->cookie_secrets[0].version = (uint8_t)(c->cookie_secrets[1].version + 1);
    c->cookie_secrets[0].made = c->now;
}

void door_cookie_init(struct core *c)
{
    cookie_secret_new(c);
    cookie_secret_new(c);
}

static void cookie_make(struct core *c, const struct cookie_secret *s, struct span ni, const struct path *path, uint64_t spi_i,
                        uint8_t *out)
{
    uint8_t spi[8], mac[64];
    struct span parts[] = {ni, addr_span(&path->remote.addr), span_of(spi, 8)};

    put_u64(spi, spi_i);
    memset(out, 0, COOKIE_LEN);
    out[0] = s->version;
    if (c->cookie_mac->mac->mac(c->cookie_mac, span_of(s->bytes, sizeof(s->bytes)), parts, 3, mac) == 0)
        memcpy(out + 1, mac, COOKIE_LEN - 1);
}

static bool cookie_good(struct core *c, struct span cookie, struct span ni, const struct path *path, uint64_t spi_i)
{
    uint8_t expect[COOKIE_LEN];

    for (int i = 0; i < 2; i++) {
        const struct cookie_secret *s = &c->cookie_secrets[i];

        if (cookie.len != COOKIE_LEN || cookie.p[0] != s->version || c->now - s->made > 2 * COOKIE_LIFE)
            continue;
        cookie_make(c, s, ni, path, spi_i, expect);
        if (secret_equal(cookie, span_of(expect, COOKIE_LEN)))
            return true;
    }
    return false;
}

/* --- answers without an SA
 * ------------------------------------------------------------------------------------------------------- */

/* Header copied from the request, response flag set (1.5, 2.21.4, 2.6). */
void door_answer(struct core *c, const struct ike_header *to, const struct path *path, const struct payload *chain)
{
    struct ike_header h = *to;
    struct buf b;

    h.major = 2;
    h.minor = 0;
    h.flags = (uint8_t)(IKE_FLAG_RESPONSE | ((to->flags & IKE_FLAG_INITIATOR) ^ IKE_FLAG_INITIATOR));
    buf_init(&b, 1000);
    msg_write(&b, &h, chain);
    if (!b.failed)
        out_send(c, path, buf_view(&b));
    buf_done(&b);
}

static void answer_clear(struct core *c, const struct ike_header *to, const struct path *path, uint16_t type, struct span data)
{
    struct payload notify = {.type = PAYLOAD_NOTIFY, .u.notify = {.type = type, .data = data}};

    door_answer(c, to, path, &notify);
}

static void dropped(struct core *c, const struct path *path, const char *why)
{
    char from[ENDPOINT_TEXT_MAX];

    c->counts.packets_dropped++;
    if (fact_heard(c, FACT_DROPPED) && stranger_told(c))
        tell(c, FACT_DROPPED, NULL, NULL, NULL, "packet from %s dropped: %s", endpoint_format(&path->remote, from), why);
}

/* --- a new IKE_SA_INIT request
 * ---------------------------------------------------------------------------------------------------- */

static bool cookie_passes(struct core *c, const struct ike_header *h, const struct path *path, const struct payload *in)
{
    const struct payload *nonce = payload_find(in, PAYLOAD_NONCE), *cookie = notify_find(in, COOKIE);
    uint8_t fresh[COOKIE_LEN];

    if (!cookie_wanted(c, &path->remote.addr))
        return true;
    if (c->now - c->cookie_secrets[0].made > COOKIE_LIFE)
        cookie_secret_new(c);
    if (!nonce)
        return false;
    if (cookie && cookie_good(c, cookie->u.notify.data, nonce->u.nonce, path, h->spi_i))
        return true;
    cookie_make(c, &c->cookie_secrets[0], nonce->u.nonce, path, h->spi_i, fresh);
    answer_clear(c, h, path, COOKIE, span_of(fresh, COOKIE_LEN));
    c->counts.cookies_sent++;
    return false;
}

static void init_request(struct core *c, const struct ike_header *h, const struct path *path, struct span data)
{
    struct ike_sa *sa = init_find(c, h, path, data);
    struct wire_error why;
    struct payload *in;
    struct arena arena;
    struct candidates at = {.path = path};
    struct dormant *asleep;
    int err;

    if (!sa && (asleep = dormant_by_init(c, h->spi_i, &path->remote)) && !(sa = dormant_wake(c, asleep)))
        return;
    if (sa) { /* a repeat gets the same answer, and none after IKE_AUTH; an answer in the making is not begun again (2.1) */
        if (sa->half_open && span_equal(buf_view(&sa->start->init_theirs), data) && sa->reply)
            packets_send(c, &sa->reply->packets, path);
        return;
    }
    if (data.len > INIT_MAX) {
        dropped(c, path, "an IKE_SA_INIT request of such a length is not taken");
        return;
    }
    if (c->stopping || !peer_candidate(c, &at)) {
        dropped(c, path, c->stopping ? "stopping" : "no connection is configured for this peer");
        return;
    }
    arena_init(&arena, XCHG_ARENA_MAX);
    data = arena_copy(&arena, data); /* the exchange may outlive the step */
    err = msg_read_payloads(&arena, h->next, span_part(data, IKE_HEADER_LEN, data.len), IKE_HEADER_LEN, &in, &why);
    if (err == ERR_UNSUPPORTED && hint_allowed(c))
        answer_clear(c, h, path, UNSUPPORTED_CRITICAL_PAYLOAD, span_of(&why.payload, 1));
    if (err < 0)
        dropped(c, path, why.text);
    else if (!cookie_passes(c, h, path, in))
        ;
    else if (!half_open_allowed(c, &path->remote.addr))
        dropped(c, path, "too many half-open IKE SAs");
    else if (!nonce_pool_ready(c))
        dropped(c, path, "no nonce from the hand yet"); /* the peer repeats it */
    else if ((sa = sa_new(c, false, false, path))) {
        sa->spi_i = h->spi_i;
        sa->start->from = path->remote.addr;
        sa->init_seen = map_hash(&c->half_open, data);
        buf_expect(&sa->start->init_theirs, data.len);
        buf_span(&sa->start->init_theirs, data);
        door_half_open(sa, true);
        if (sa->start->init_theirs.failed || !sa->by_init_in ||
            !sa->source_counted) /* the proof covers it; nobody is taken uncounted */
            sa_kill(sa, FACT_DROPPED, "out of memory");
        else
            xchg_request(sa, h, path, in, &arena);
        if (sa->state == IKE_GONE)
            fruitless(c);
    }
    arena_done(&arena);
}

/* --- packets of an IKE SA
 * ----------------------------------------------------------------------------------------------------------- */

/* The hash that tells a repeated request from a forged one: requests are repeated byte for byte (2.1); of several fragments only
 * the first brings the answer again (RFC 7383 2.6.1). */
static bool repeats_last(struct ike_sa *sa, const struct ike_header *h, struct span data)
{
    return sa->reply && h->message_id + 1 == sa->next_theirs && map_hash(&sa->core->by_spi, data) == sa->reply->to;
}

static bool repeatable(const struct payload *outer)
{
    for (; outer; outer = outer->next)
        if (outer->type == PAYLOAD_SKF)
            return outer->u.sk.number == 1;
    return true;
}

static uint16_t fragments_total(const struct payload *outer)
{
    while (outer && outer->type != PAYLOAD_SKF)
        outer = outer->next;
    return outer ? outer->u.sk.total : 0;
}

/* The last request again, in more and smaller fragments than it came in, because its answer did not arrive: of those the first
 * brings the answer again, too (RFC 7383 2.5.2, 2.6.1). */
static bool cut_anew(struct ike_sa *sa, const struct ike_header *h, struct span data, const struct payload *outer)
{
    const struct reply *r = sa->reply;

    return r && !sa->theirs && fragments_total(outer) > r->total && repeatable(outer) && h->message_id + 1 == sa->next_theirs &&
           h->exchange == r->exchange && h->exchange != IKE_SA_INIT && r->packets.bytes.len && sa->state >= IKE_UP &&
           seal_genuine(sa, data, outer);
}

static bool fresh_id(const struct ike_sa *sa, const struct ike_header *h)
{
    if (h->flags & IKE_FLAG_RESPONSE)
        return sa->ours && sa->ours->sent.bytes.len && !sa->ours->concluding && h->message_id == sa->ours->message_id &&
               h->exchange == sa->ours->row->type;
    return h->message_id == sa->next_theirs && !sa->theirs;
}

/* An authentic request that cannot even be read: INVALID_SYNTAX is fatal to the SA, an unknown critical payload is not
 * (2.5, 2.21.3). */
static void unreadable_request(struct ike_sa *sa, const struct ike_header *h, const struct path *path, int err,
                               const struct wire_error *why)
{
    bool critical = err == ERR_UNSUPPORTED;

    xchg_turn_away(sa, h, path, critical ? UNSUPPORTED_CRITICAL_PAYLOAD : INVALID_SYNTAX,
                   critical ? span_of(&why->payload, 1) : SPAN_NONE);
    if (!critical || sa->state < IKE_UP)
        sa_kill(sa, FACT_IKE_DOWN, "the peer's %s request is malformed: %s",
                exchange_name(h->exchange) ? exchange_name(h->exchange) : "?", why->text);
}

/* An authentic answer that cannot be read: what it made at the peer must go (2.21). */
static void unreadable_response(struct ike_sa *sa, const struct wire_error *why)
{
    if (sa->state == IKE_UP)
        farewell(sa, 0);
    sa_kill(sa, FACT_IKE_DOWN, "the peer's response is malformed: %s", why->text);
}

/* Who has not proved who it is says nothing but IKE_AUTH, and only to a responder (1.2, 1.3, 1.4). */
static bool too_early(const struct ike_sa *sa, const struct ike_header *h)
{
    return sa->state < IKE_UP && !(h->flags & IKE_FLAG_RESPONSE) && (sa->initiator || h->exchange != IKE_AUTH);
}

static void sealed_packet(struct ike_sa *sa, const struct ike_header *h, const struct path *path, struct span data,
                          struct payload *outer, struct arena *a)
{
    bool response = h->flags & IKE_FLAG_RESPONSE;
    struct wire_error why = {0};
    struct payload *in = NULL;
    struct span chain;
    uint8_t first;
    int err;

    if (!response && repeats_last(sa, h, data)) {
        if (sa->reply->packets.bytes.len && ++sa->reply->repeats == CUT_TRIES)
            (void)seal_again(sa, &sa->reply->packets); /* the answer, or what is too large of it, does not arrive */
        packets_send(sa->core, &sa->reply->packets, path);
        return;
    }
    if (!response && cut_anew(sa, h, data, outer)) {
        seal_as(sa, &sa->reply->packets, data.len);
        packets_send(sa->core, &sa->reply->packets, path);
        return;
    }
    if (!fresh_id(sa, h) || too_early(sa, h))
        return; /* out of the window, or its answer is in the making: silently (2.3) */
    err = seal_open(sa, h, data, outer, a, &first, &chain);
    if (err < 0 && err != ERR_AGAIN) {
        if (err != ERR_EXISTS)
            dropped(sa->core, path, err == ERR_CRYPTO ? "integrity check failed" : "SK payload is malformed");
        return;
    }
    if (!response && repeatable(outer))
        sa->request_hash = map_hash(&sa->core->by_spi, data);
    if (err == ERR_AGAIN)
        return;
    if (!response && !request_allowed(sa))
        return; /* as if it had been lost */
    if (!response) {
        sa->request_total = fragments_total(outer);
        fragments_free(&sa->in_request); /* pieces of the same that came whole */
    }
    sa_heard(sa, path);
    err = msg_read_payloads(a, first, chain, IKE_HEADER_LEN, &in, &why);
    if (err < 0 && response)
        unreadable_response(sa, &why);
    else if (err < 0)
        unreadable_request(sa, h, path, err, &why);
    else if (response)
        xchg_response(sa, h, path, in, a);
    else
        xchg_request(sa, h, path, in, a);
}

/* Unprotected answers mean nothing but "look after this SA" (2.21.4); in IKE_SA_INIT they are all there is. */
static void clear_packet(struct ike_sa *sa, const struct ike_header *h, const struct path *path, struct payload *in,
                         struct span data, struct arena *a)
{
    if (h->exchange == IKE_SA_INIT && (h->flags & IKE_FLAG_RESPONSE) && sa->state == IKE_BORN && sa->initiator) {
        if (!fresh_id(sa, h) || h->spi_i != sa->spi_i || !addr_equal(&path->remote.addr, &sa->path.remote.addr))
            return;
        buf_reset(&sa->start->init_theirs);
        buf_expect(&sa->start->init_theirs, data.len);
        buf_span(&sa->start->init_theirs, data);
        if (!sa->start->init_theirs.failed) /* the proof covers it: better another time than in part */
            xchg_response(sa, h, path, in, a);
        return;
    }
    if (qcd_crashed(sa, in))
        return;
    if (sa->state == IKE_KEYED && sa->initiator && fresh_id(sa, h) && notify_find(in, INVALID_IKE_SPI) &&
        !sa->ours->first_error) {
        /* it may be forged: believed when nothing better comes for some seconds (2.21.1) */
        sa->ours->first_error = arena_string(&sa->ours->arena, "the peer does not know this IKE SA any more: has it restarted?");
        return;
    }
    if (sa_usable(sa) && notify_find(in, INVALID_IKE_SPI) && sa->core->now - sa->last_heard > 10 * USEC_SEC) {
        sa->want_liveness = true;
        sa_wake(sa);
    }
}

static void sa_packet(struct ike_sa *sa, const struct ike_header *h, const struct path *path, struct span data)
{
    struct wire_error why;
    struct payload *outer;
    struct arena arena;
    bool sealed = false;

    arena_init(&arena, XCHG_ARENA_MAX);
    data = arena_copy(&arena, data); /* the exchange may outlive the step */
    if (msg_read_payloads(&arena, h->next, span_part(data, IKE_HEADER_LEN, data.len), IKE_HEADER_LEN, &outer, &why) < 0) {
        dropped(sa->core, path, why.text);
        arena_done(&arena);
        return;
    }
    for (struct payload *p = outer; p; p = p->next)
        sealed |= p->type == PAYLOAD_SK || p->type == PAYLOAD_SKF;
    if (sealed && sa->state >= IKE_KEYED && sa->state != IKE_GONE)
        sealed_packet(sa, h, path, data, outer, &arena);
    else if (!sealed)
        clear_packet(sa, h, path, outer, data, &arena);
    arena_done(&arena);
}

void door_packet(struct core *c, const struct input *in)
{
    const struct path *path = &in->u.packet.path;
    struct span data = in->u.packet.data;
    struct wire_error why;
    struct ike_header h;
    struct dormant *asleep;
    struct ike_sa *sa;

    c->counts.packets_in++;
    if (msg_read_header(data, &h, &why) < 0) {
        dropped(c, path, why.text);
        return;
    }
    data.len = h.length;
    if (h.major != 2) { /* a higher version gets INVALID_MAJOR_VERSION, IKEv1 gets silence (2.5) */
        if (h.major > 2 && !(h.flags & IKE_FLAG_RESPONSE) && hint_allowed(c))
            answer_clear(c, &h, path, INVALID_MAJOR_VERSION, SPAN_NONE);
        dropped(c, path, "not IKE version 2");
        return;
    }
    if (h.exchange == IKE_SA_INIT && !(h.flags & IKE_FLAG_RESPONSE)) {
        if (h.spi_r == 0 && h.spi_i != 0 && h.message_id == 0 && (h.flags & IKE_FLAG_INITIATOR))
            init_request(c, &h, path, data);
        return;
    }
    sa = sa_by_spi(c, h.flags & IKE_FLAG_INITIATOR ? h.spi_r : h.spi_i);
    /* the flag says who is the original initiator: it must not be who we are */
    if (sa && sa->initiator == !!(h.flags & IKE_FLAG_INITIATOR))
        sa = NULL;
    if (sa && sa->state >= IKE_KEYED && (sa->spi_i != h.spi_i || sa->spi_r != h.spi_r))
        sa = NULL;
    asleep = sa || !(h.flags & IKE_FLAG_INITIATOR) ? NULL : dormant_by_spi(c, h.spi_i, h.spi_r);
    if (asleep && h.exchange == IKE_AUTH && !(h.flags & IKE_FLAG_RESPONSE))
        sa = dormant_wake(c, asleep);
    if (sa)
        sa_packet(sa, &h, path, data);
    else if (asleep)
        ; /* no memory, or too early for anything but IKE_AUTH */
    else if (qcd_answers(c, &h, path))
        ;
    else if (!(h.flags & IKE_FLAG_RESPONSE) && hint_allowed(c))
        answer_clear(c, &h, path, INVALID_IKE_SPI, SPAN_NONE);
    else
        dropped(c, path, "of an unknown IKE SA");
}
