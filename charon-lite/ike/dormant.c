/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Half-open IKE SAs that wait for IKE_AUTH, put by: a responder with many of them keeps of the older ones only what it needs to
 * make them again, in about 450 bytes. The newest stay as they are, so that a peer that goes on at once costs nothing more.
 *
 * Of the keys it is SKEYSEED (RFC 7296 2.14); the messages of IKE_SA_INIT, which the proof covers whole (2.15), are kept as what
 * differs from those of others that asked in the same words.
 */
#include "ike/ike.h"

#include <stdlib.h>
#include <string.h>

/* The two messages of some IKE_SA_INIT, their SPIs zeroed: the request, then the response. */
struct likeness {
    uint32_t users;
    uint16_t request_len, response_len;
    uint8_t bytes[];
};

_Static_assert(sizeof(void *) != 8 || sizeof(struct dormant) <= 160, "a dormant IKE SA has grown");

static uint64_t spi_hash(const struct core *c, uint64_t spi_r)
{
    return map_hash(&c->dormancy.by_spi, span_of(&spi_r, sizeof(spi_r)));
}

static uint64_t init_hash(const struct core *c, uint64_t spi_i, const struct endpoint *from)
{
    return door_init_hash(&c->dormancy.by_init, spi_i, from);
}

struct dormant *dormant_by_spi(const struct core *c, uint64_t spi_i, uint64_t spi_r)
{
    for (struct map_node *n = map_first(&c->dormancy.by_spi, spi_hash(c, spi_r)); n; n = map_more(n)) {
        struct dormant *d = CONTAINER_OF(n, struct dormant, by_spi);

        if (d->spi_r == spi_r && (!spi_i || d->spi_i == spi_i))
            return d;
    }
    return NULL;
}

struct dormant *dormant_by_init(const struct core *c, uint64_t spi_i, const struct endpoint *from)
{
    for (struct map_node *n = map_first(&c->dormancy.by_init, init_hash(c, spi_i, from)); n; n = map_more(n)) {
        struct dormant *d = CONTAINER_OF(n, struct dormant, by_init);

        if (d->spi_i == spi_i && endpoint_equal(&d->path.remote, from))
            return d;
    }
    return NULL;
}

/* --- what they have in common ---------------------------------------------------------------------------------------------- */

static void like_leave(struct likeness **at)
{
    struct likeness *l = *at;

    *at = NULL;
    if (l && --l->users == 0)
        free(l);
}

static bool like_write(const struct likeness *l, struct span request, struct span response, struct buf *out, uint16_t *cut)
{
    size_t before = out->len;

    if (!l || l->request_len != request.len || l->response_len != response.len)
        return false;
    delta_write(span_of(l->bytes, l->request_len), request, out);
    *cut = (uint16_t)(out->len - before);
    delta_write(span_of(l->bytes + l->request_len, l->response_len), response, out);
    return !out->failed;
}

static struct likeness *like_new(struct core *c, struct span request, struct span response)
{
    struct likeness **place = &c->dormancy.likes[c->dormancy.next_like++ % COUNT_OF(c->dormancy.likes)];
    struct likeness *l = malloc(sizeof(*l) + request.len + response.len);

    if (!l)
        return NULL;
    *l = (struct likeness){1, (uint16_t)request.len, (uint16_t)response.len};
    memcpy(l->bytes, request.p, request.len);
    memcpy(l->bytes + request.len, response.p, response.len);
    like_leave(place);
    return *place = l;
}

/* The first of those kept that these are alike enough to; else from now on others may be like these. */
static struct likeness *like_find(struct core *c, struct span request, struct span response, struct buf *out, uint16_t *cut)
{
    for (size_t i = 0; i < COUNT_OF(c->dormancy.likes); i++) {
        if (like_write(c->dormancy.likes[i], request, response, out, cut))
            return c->dormancy.likes[i];
        buf_reset(out);
    }
    *cut = 0;
    return like_new(c, request, response);
}

/* --- to sleep -------------------------------------------------------------------------------------------------------------- */

static struct list *slot_of(struct core *c, usec_t at)
{
    return &c->dormancy.slots[at / DORMANT_SLOT % DORMANT_SLOTS];
}

static usec_t next_slot(usec_t now)
{
    return (now / DORMANT_SLOT + 1) * DORMANT_SLOT;
}

static bool nothing_under_way(const struct ike_sa *sa)
{
    const struct core *c = sa->core;

    return sa->state == IKE_KEYED && sa->half_open && sa->source_counted && sa->by_init_in && !sa->ours && !sa->theirs &&
           !sa->in_request && sa->next_theirs == 1 && sa->next_ours == 0 && sa->iv_counter == 0 && sa->due[SA_LIFE] &&
           sa->due[SA_LIFE] < c->now + (DORMANT_SLOTS - 2) * DORMANT_SLOT && sa->start->seed_len && !sa->peer &&
           addr_equal(&sa->start->from, &sa->path.remote.addr) &&
           sa->by_init.hash == door_init_hash(&c->half_open, sa->spi_i, &sa->path.remote);
}

static struct dormant *dormant_new(struct ike_sa *sa, struct span deltas)
{
    const struct sa_start *s = sa->start;
    struct dormant *d = calloc(1, sizeof(*d) + s->seed_len + deltas.len);

    if (!d)
        return NULL;
    d->spi_i = sa->spi_i;
    d->spi_r = sa->spi_r;
    d->born = sa->born;
    d->ends = sa->due[SA_LIFE];
    d->suite = sa->suite;
    d->candidate = s->candidate;
    d->path = sa->path;
    d->hashes = s->hashes;
    d->seed_len = s->seed_len;
    d->natd_seen = sa->natd_seen;
    d->nat_local = sa->nat_local;
    d->nat_remote = sa->nat_remote;
    d->encap_forced = sa->encap_forced;
    d->fragmentation = sa->fragmentation;
    memcpy(d->bytes, s->seed, s->seed_len);
    if (deltas.len)
        memcpy(d->bytes + s->seed_len, deltas.p, deltas.len);
    return d;
}

static struct dormant *dormant_of(struct ike_sa *sa)
{
    uint8_t request[DORMANT_MESSAGE_MAX], response[DORMANT_MESSAGE_MAX];
    struct span theirs = buf_view(&sa->start->init_theirs), ours = sa_init_ours(sa);
    struct dormant *d = NULL;
    struct likeness *like;
    struct buf deltas;
    uint16_t cut = 0;

    if (theirs.len > sizeof(request) || ours.len > sizeof(response) || theirs.len < IKE_HEADER_LEN || ours.len < IKE_HEADER_LEN)
        return NULL;
    memcpy(request, theirs.p, theirs.len);
    memcpy(response, ours.p, ours.len);
    memset(request, 0, 16);
    memset(response, 0, 16);
    buf_init(&deltas, (theirs.len + ours.len) / 4 * 3);
    like = like_find(sa->core, span_of(request, theirs.len), span_of(response, ours.len), &deltas, &cut);
    if (like)
        d = dormant_new(sa, buf_view(&deltas));
    if (d) {
        d->request_len = cut;
        d->response_len = (uint16_t)(deltas.len - cut);
        d->like = like;
        like->users++;
    }
    buf_done(&deltas);
    return d;
}

static void dormant_free(struct dormant *d)
{
    like_leave(&d->like);
    secret_wipe(d->bytes, d->seed_len);
    free(d);
}

static bool dormant_enter(struct core *c, struct dormant *d)
{
    if (map_add(&c->dormancy.by_spi, &d->by_spi, spi_hash(c, d->spi_r)) < 0)
        return false;
    if (map_add(&c->dormancy.by_init, &d->by_init, init_hash(c, d->spi_i, &d->path.remote)) < 0) {
        map_remove(&c->dormancy.by_spi, &d->by_spi);
        return false;
    }
    list_append(slot_of(c, d->ends), &d->in_slot);
    if (!heap_in(&c->dormancy.sweep.node))
        wake_set(c, &c->dormancy.sweep, next_slot(c->now));
    return true;
}

/* What it is counted as is handed over: half-open, an IKE SA, one of its source. */
static void fall_asleep(struct ike_sa *sa)
{
    struct core *c = sa->core;
    struct dormant *d = dormant_of(sa);

    if (!d)
        return;
    if (!dormant_enter(c, d)) {
        dormant_free(d);
        return;
    }
    sa->half_open = sa->source_counted = false;
    list_remove(&sa->in_core);
    sa_free(sa);
    c->counts.ike_sas++;
}

void dormant_settle(struct core *c)
{
    while (c->dormancy.n_awake > c->dormancy.awake_max) {
        struct sa_start *s = LIST_ITEM(c->dormancy.awake.next, struct sa_start, awake);
        struct ike_sa *sa = s->sa;

        dormant_never(s);
        if (nothing_under_way(sa))
            fall_asleep(sa);
    }
}

void dormant_may(struct ike_sa *sa)
{
    dormant_never(sa->start);
    sa->start->sa = sa;
    list_append(&sa->core->dormancy.awake, &sa->start->awake);
    sa->core->dormancy.n_awake++;
}

void dormant_never(struct sa_start *s)
{
    if (!s->sa)
        return;
    list_remove(&s->awake);
    s->sa->core->dormancy.n_awake--;
    s->sa = NULL;
}

/* --- and awake again ------------------------------------------------------------------------------------------------------- */

static void dormant_leave(struct core *c, struct dormant *d)
{
    map_remove(&c->dormancy.by_spi, &d->by_spi);
    map_remove(&c->dormancy.by_init, &d->by_init);
    list_remove(&d->in_slot);
    (void)source_count(c, &d->path.remote.addr, false);
    c->counts.half_open--;
    c->counts.ike_sas--;
    dormant_free(d);
}

static struct span nonce_in(struct arena *a, struct span message)
{
    struct payload *in = NULL;
    const struct payload *n;
    struct ike_header h;
    struct wire_error why;

    if (msg_read_header(message, &h, &why) < 0 ||
        msg_read_payloads(a, h.next, span_part(message, IKE_HEADER_LEN, message.len), IKE_HEADER_LEN, &in, &why) < 0)
        return SPAN_NONE;
    n = payload_find(in, PAYLOAD_NONCE);
    return n ? n->u.nonce : SPAN_NONE;
}

/* One of the two messages, as it was; NULL without memory. */
static uint8_t *message_again(struct arena *a, const struct dormant *d, const uint8_t *like, size_t len, struct span delta,
                              uint64_t spi_r)
{
    uint8_t *m = arena_alloc(a, len);

    if (!m)
        return NULL;
    memcpy(m, like, len);
    if (delta_apply(m, len, delta) < 0)
        return NULL;
    put_u64(m, d->spi_i);
    put_u64(m + 8, spi_r);
    return m;
}

static bool start_again(struct ike_sa *sa, const struct dormant *d, struct arena *a)
{
    const struct likeness *l = d->like;
    struct sa_start *s = sa->start;
    struct span seed = span_of(d->bytes, d->seed_len), ni, nr, ours;
    uint8_t *request = message_again(a, d, l->bytes, l->request_len, span_of(d->bytes + d->seed_len, d->request_len), 0);
    uint8_t *response = message_again(a, d, l->bytes + l->request_len, l->response_len,
                                      span_of(d->bytes + d->seed_len + d->request_len, d->response_len), d->spi_r);

    if (!request || !response)
        return false;
    ours = span_of(response, l->response_len);
    buf_expect(&s->init_theirs, l->request_len);
    buf_bytes(&s->init_theirs, request, l->request_len);
    ni = nonce_in(a, buf_view(&s->init_theirs));
    nr = nonce_in(a, ours);
    memcpy(s->seed, d->bytes, d->seed_len);
    s->seed_len = d->seed_len;
    s->candidate = d->candidate;
    s->hashes = d->hashes;
    s->from = d->path.remote.addr;
    sa->low_nonce = nonce_low(ni, nr);
    return !s->init_theirs.failed && secret_set(&s->nonce_i, ni) == 0 && secret_set(&s->nonce_r, nr) == 0 &&
           ike_keys_block(d->suite, seed, ni, nr, d->spi_i, d->spi_r, true, &sa->keys) == 0 && window_replied(sa, ours) == 0;
}

void dormant_state(const struct dormant *d, struct ike_sa *sa)
{
    sa->spi_i = d->spi_i;
    sa->spi_r = d->spi_r;
    sa->path = d->path;
    sa->born = sa->last_heard = d->born;
    sa->suite = d->suite;
    sa->natd_seen = d->natd_seen;
    sa->nat_local = d->nat_local;
    sa->nat_remote = d->nat_remote;
    sa->encap_forced = d->encap_forced;
    sa->fragmentation = d->fragmentation;
    sa->next_theirs = 1;
    sa->state = IKE_KEYED;
}

struct ike_sa *dormant_wake(struct core *c, struct dormant *d)
{
    struct ike_sa *sa = sa_again(c, &d->path, d->spi_r);
    struct arena arena;
    bool whole;

    if (!sa)
        return NULL;
    arena_init(&arena, XCHG_ARENA_MAX);
    dormant_state(d, sa);
    whole = start_again(sa, d, &arena);
    arena_done(&arena);
    if (whole) {
        sa->init_seen = map_hash(&c->half_open, buf_view(&sa->start->init_theirs));
        door_half_open(sa, true);
    }
    if (!whole || !sa->by_init_in || !sa->source_counted) { /* no memory: it sleeps on, and the peer says it again */
        list_remove(&sa->in_core);
        sa_free(sa);
        return NULL;
    }
    sa_wake_at(sa, SA_LIFE, d->ends);
    dormant_leave(c, d);
    dormant_may(sa);
    return sa;
}

/* --- the end --------------------------------------------------------------------------------------------------------------- */

static void too_late(struct core *c, struct dormant *d)
{
    char from[ENDPOINT_TEXT_MAX];

    if (fact_heard(c, FACT_DROPPED) && stranger_told(c))
        tell(c, FACT_DROPPED, NULL, NULL, NULL, "no IKE_AUTH came from %s", endpoint_format(&d->path.remote, from));
    dormant_leave(c, d);
}

/* At the end of each slot, while there are any: those of it, and what nobody looked at while time stood still. */
static void sweep(struct core *c, struct timer *t)
{
    struct dormancy *all = &c->dormancy;

    for (size_t i = 0; i < DORMANT_SLOTS; i++) {
        LIST_EACH (it, &all->slots[i]) {
            struct dormant *d = LIST_ITEM(it, struct dormant, in_slot);

            if (d->ends > c->now)
                break;
            too_late(c, d);
        }
    }
    if (all->by_spi.count)
        wake_set(c, t, next_slot(c->now));
}

void dormancy_start(struct core *c)
{
    struct dormancy *all = &c->dormancy;

    list_init(&all->awake);
    map_init(&all->by_spi, &c->rng);
    map_init(&all->by_init, &c->rng);
    for (size_t i = 0; i < DORMANT_SLOTS; i++)
        list_init(&all->slots[i]);
    all->awake_max = HALF_OPEN_AWAKE;
    all->sweep.fire = sweep;
}

void dormancy_end(struct core *c)
{
    struct dormancy *all = &c->dormancy;

    for (size_t i = 0; i < DORMANT_SLOTS; i++)
        while (!list_empty(&all->slots[i]))
            dormant_leave(c, LIST_ITEM(all->slots[i].next, struct dormant, in_slot));
    for (size_t i = 0; i < COUNT_OF(all->likes); i++)
        like_leave(&all->likes[i]);
    wake_stop(c, &all->sweep);
}

bool dormant_belongs(const struct core *c, const struct peer *p)
{
    for (size_t i = 0; i < DORMANT_SLOTS; i++)
        for (const struct list *it = c->dormancy.slots[i].next; it != &c->dormancy.slots[i]; it = it->next)
            if (CONTAINER_OF(it, const struct dormant, in_slot)->candidate == p)
                return true;
    return false;
}
