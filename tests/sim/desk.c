/* SPDX-License-Identifier: Apache-2.0 */
#include "desk.h"
#include "wire/wire.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

/* An answer on its way, with its own copies of what it points at. */
struct sheet {
    struct end *end;
    unsigned life, room_life;
    struct answer answer, made; /* made: with a verdict */
    uint8_t private_value[1100], public_value[1100], shared[1100], auth[64], id[ID_DATA_MAX], token[TOKEN_LEN];
    struct addr addr, local;
    enum ask_to to;
    bool again;
    struct lot lot;
};

static int prf(const struct alg *a, struct span key, const struct span *parts, size_t n, uint8_t *out)
{
    return a->mac->mac(a, key, parts, n, out);
}

int sim_psk_auth(const struct alg *alg, struct span psk, struct span message, struct span nonce, struct span sk_p,
                 const struct id *id, uint8_t *out)
{
    uint8_t head[4] = {id->type}, key[64], mac_id[64];
    struct span pad = span_str("Key Pad for IKEv2"), rest[2] = {{head, 4}, id->data};
    struct span octets[3] = {message, nonce, {mac_id, alg->out_len}};

    if (prf(alg, sk_p, rest, 2, mac_id) < 0 || prf(alg, psk, &pad, 1, key) < 0)
        return ERR_CRYPTO;
    return prf(alg, span_of(key, alg->out_len), octets, 3, out);
}

/* The spans of a copy point into the copy. */
static void span_move(struct span *s, const struct sheet *from, struct sheet *to)
{
    if (s->p)
        s->p = (const uint8_t *)to + (s->p - (const uint8_t *)from);
}

static void sheet_point(struct sheet *to, const struct sheet *from)
{
    switch (to->answer.kind) {
    case ASK_KE_GENERATE:
    case ASK_KE_DERIVE:
    case ASK_KE_BOTH:
        span_move(&to->answer.u.ke.private_value, from, to);
        span_move(&to->answer.u.ke.public_value, from, to);
        span_move(&to->answer.u.ke.shared, from, to);
        return;
    case ASK_AUTH_MAKE:
        span_move(&to->answer.u.auth.id.data, from, to);
        span_move(&to->answer.u.auth.data, from, to);
        span_move(&to->answer.u.auth.token, from, to);
        return;
    case ASK_TOKEN:
        span_move(&to->answer.u.token.data, from, to);
        return;
    case ASK_AUTH_CHECK:
        if (!from->answer.u.check.made)
            return;
        to->answer.u.check.made = &to->made;
        span_move(&to->made.u.auth.id.data, from, to);
        span_move(&to->made.u.auth.data, from, to);
        span_move(&to->made.u.auth.token, from, to);
        return;
    default:
        return;
    }
}

static void sheet_deliver(struct world *w, void *arg)
{
    struct sheet *s = arg;
    struct input in = {.kind = INPUT_ANSWER, .u.answer = s->answer};

    if (s->answer.kind == ASK_RESOLVE) {
        in.u.answer.u.resolve.v = &s->addr;
        in.u.answer.u.resolve.local = &s->local;
    }
    if (s->room_life != s->end->room_life[s->to]) /* who was asked died */
        in.u.answer =
            (struct answer){.ticket = s->answer.ticket, .kind = s->answer.kind, .result = answer_unsaid(s->answer.kind, true)};
    if (s->life == s->end->life)
        end_step(s->end, &in);
    if (!s->again && lot_strikes(w, &s->lot, FAULT_TWICE, s->end->desk[s->to].twice)) {
        struct sheet *copy = malloc(sizeof(*copy));

        if (!copy)
            abort();
        *copy = *s;
        copy->again = true;
        sheet_point(copy, s);
        world_at_end(s->end, w->now + dice_between(&s->lot.dice, 0, 10 * USEC_SEC), sheet_deliver, copy);
    }
}

static const struct conf_connection *connection_of(struct end *e, const struct peer_ref *peer)
{
    /* after a reload asks may still name the generation before; the worlds keep indexes stable */
    if (!peer->generation || peer->generation > e->generation || peer->connection >= e->conf->n_connections) {
        law_broken(e->world, LAW_ASKS, "end %u asks about connection %u of generation %u", e->index, peer->connection,
                   peer->generation);
        return NULL;
    }
    return &e->conf->connections[peer->connection];
}

static struct span keep(uint8_t *room, struct secret *value)
{
    size_t len = value->len;

    if (len)
        memcpy(room, value->p, len);
    secret_done(value);
    return span_of(room, len);
}

static int answer_ke(struct end *e, const struct ask_ke *q, enum ask_kind kind, struct sheet *s)
{
    struct rng rng = dice_rng(&e->dice);
    const struct alg *a = q->alg;
    struct secret own = {0}, shared = {0};
    int err = 0;

    if (kind != ASK_KE_DERIVE)
        err = a->ke->generate(a, &rng, &own, s->public_value);
    if (!err && kind != ASK_KE_GENERATE)
        err = a->ke->derive(a, kind == ASK_KE_DERIVE ? q->private_value : secret_view(&own), q->peer_public, &shared);
    if (!err && kind != ASK_KE_DERIVE)
        s->answer.u.ke.public_value = span_of(s->public_value, a->public_len);
    if (!err && kind == ASK_KE_GENERATE)
        s->answer.u.ke.private_value = keep(s->private_value, &own);
    s->answer.u.ke.shared = keep(s->shared, &shared);
    secret_done(&own);
    return err;
}

/* The same for the same pair in every life of an end; a pair that the core still has is asked for by none but its own
 * exchanges, which is the scenarios' to see. */
static struct span token(struct end *e, uint64_t spi_i, uint64_t spi_r, struct sheet *s)
{
    struct map m = {.seed = {e->token_secret, e->index}};
    uint8_t pair[16];

    put_u64(pair, spi_i);
    put_u64(pair + 8, spi_r);
    put_u64(s->token, map_hash(&m, span_of(pair, 16)));
    m.seed[1] ^= 1;
    put_u64(s->token + 8, map_hash(&m, span_of(pair, 16)));
    return span_of(s->token, TOKEN_LEN);
}

static const uint8_t certificate[900];
static const struct span certificates[] = {{certificate, 900}, {certificate, 900}, {certificate, 900}, {certificate, 900}};

static int answer_make(struct end *e, const struct ask_auth *q, struct sheet *s, struct answer *a)
{
    const struct conf_connection *c = connection_of(e, &q->peer);
    struct id id;

    if (!c)
        return ERR_BAD;
    id = c->local.id;
    if (id.type == ID_NONE)
        id = (struct id){q->local.family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR, addr_span(&q->local)};
    memcpy(s->id, id.data.p, id.data.len);
    a->u.auth.id = (struct id){id.type, span_of(s->id, id.data.len)};
    a->u.auth.method = AUTH_PSK;
    a->u.auth.certs = certificates;
    a->u.auth.n_certs = e->certificates;
    a->u.auth.data = span_of(s->auth, q->prf->out_len);
    if (q->spi_i && q->spi_r)
        a->u.auth.token = token(e, q->spi_i, q->spi_r, s);
    return sim_psk_auth(q->prf, span_str(c->local.psk), q->message, q->nonce, q->sk_p, &id, s->auth);
}

static enum verdict judge(struct end *e, const struct conf_connection *c, const struct ask_auth *q)
{
    uint8_t want[64];

    (void)e;
    if (q->method != AUTH_PSK)
        return VERDICT_BAD_METHOD;
    if (id_equal(&c->local.id, &q->id) || !id_matches(&c->remote.id, &q->id))
        return VERDICT_BAD_ID;
    if (sim_psk_auth(q->prf, span_str(c->remote.psk), q->message, q->nonce, q->sk_p, &q->id, want) < 0 ||
        !secret_equal(span_of(want, q->prf->out_len), q->data))
        return VERDICT_BAD_AUTH;
    return VERDICT_ACCEPTED;
}

/* Our AUTH in the same answer, as the vault does it; or at times not, as where the judge gives the verdict. */
static int made_too(struct end *e, const struct ask_auth *q, struct sheet *s)
{
    struct ask_auth ours;

    if (!q->ours || e->apart || dice_between(&s->lot.dice, 0, 3) == 0)
        return 0;
    LAW(e->world, LAW_ASKS, q->ours->we_initiated == q->we_initiated && q->ours->peer.connection == q->peer.connection,
        "end %u wants two different IKE SAs proved at once", e->index);
    ours = *q->ours;
    s->made = (struct answer){.kind = ASK_AUTH_MAKE, .result = ANSWER_OK};
    s->answer.u.check.made = &s->made;
    e->asks[ASK_AUTH_MAKE]++;
    e->requests_seen = ours.n_cert_requests;
    return answer_make(e, &ours, s, &s->made);
}

static int answer_check(struct end *e, const struct ask_auth *q, struct sheet *s)
{
    const struct conf_connection *c = connection_of(e, &q->peer);
    struct peer_ref proved = q->peer;

    if (!c)
        return ERR_BAD;
    s->answer.u.check.verdict = judge(e, c, q);
    s->answer.u.check.valid_for = USEC_NEVER;
    if (s->answer.u.check.verdict != VERDICT_ACCEPTED)
        return 0;
    if (!LAW(e->world, LAW_NONCE, nonces_spend(e->nonces, q->nonce), "end %u proves with a nonce that was not issued, or twice",
             e->index))
        return ERR_BAD;
    proved.handle = s->answer.u.check.handle = e->handles += 2;
    if (e->lost_verdicts) {
        e->lost_verdicts--;
        e->lost_a_verdict = true;
    } else {
        verdicts_add(e->verdicts, &proved, USEC_NEVER);
    }
    e->n_verdicts++;
    return made_too(e, q, s);
}

static int answer_resolve(struct end *e, const struct ask *q, struct sheet *s)
{
    s->addr = e->resolved;
    s->local = e->addr;
    if (!s->addr.family && addr_parse(q->u.resolve.name, &s->addr) < 0)
        return ERR_NOT_FOUND;
    s->answer.u.resolve.n = 1;
    return 0;
}

static int perform(struct end *e, const struct ask *q, struct sheet *s)
{
    switch (q->kind) {
    case ASK_KE_GENERATE:
    case ASK_KE_DERIVE:
    case ASK_KE_BOTH:
        return answer_ke(e, &q->u.ke, q->kind, s);
    case ASK_AUTH_MAKE:
        return answer_make(e, &q->u.auth, s, &s->answer);
    case ASK_AUTH_CHECK:
        return answer_check(e, &q->u.auth, s);
    case ASK_RESOLVE:
        return answer_resolve(e, q, s);
    case ASK_TOKEN:
        s->answer.u.token.data = token(e, q->u.token.spi_i, q->u.token.spi_r, s);
        return 0;
    default:
        return ERR_UNSUPPORTED;
    }
}

/* When the answer comes (or would come, `unheard`). Rooms behind a socketpair work in order; workers do not. */
static usec_t when(struct end *e, const struct ask *q, struct lot *lot, bool *unheard)
{
    struct desk_faults *f = &e->desk[q->to];
    usec_t at = e->world->now + dice_between(&lot->dice, f->low, f->high);

    *unheard = lot_strikes(e->world, lot, FAULT_NEVER, f->never);
    if (lot_strikes(e->world, lot, FAULT_LATE, f->late))
        at = usec_add(q->deadline, dice_between(&lot->dice, 1, 5 * USEC_SEC));
    if (q->to != ASK_WORKER && q->to != ASK_FETCH) {
        if (at < e->answered_until[q->to])
            at = e->answered_until[q->to];
        e->answered_until[q->to] = at;
    }
    return at;
}

/* The hand: performed when its turn comes, so the ask is copied whole. */
struct slip {
    struct end *end;
    unsigned life;
    struct ask ask;
    struct child_keys keys; /* its bytes are below */
    uint8_t bytes[4][64];
    struct ts ts_local[XFRM_TS_MAX], ts_remote[XFRM_TS_MAX];
    bool unheard; /* performed, but nobody hears of it */
    struct lot lot;
};

static void hand_nonces(struct slip *s, struct answer *a, struct arena *arena)
{
    if (s->end->nonces_withheld)
        s->unheard = true;
    else
        nonces_answer(s->end->nonces, &s->ask, a, arena);
}

/* One of the operations that this ask takes fails. */
static void may_fail(struct slip *s)
{
    struct xfrm *x = &s->end->xfrm;

    if (!lot_strikes(s->end->world, &s->lot, FAULT_FAILED, s->end->desk[ASK_HAND].failed))
        return;
    x->fail_next = 1 + (unsigned)dice_below(&s->lot.dice, s->ask.kind == ASK_CHILD_INSTALL ? 5 : 2);
    x->fail_with = dice_chance(&s->lot.dice, 500) ? ERR_MEMORY : ERR_IO;
}

static void hand_performs(struct slip *s, struct answer *a, struct arena *arena)
{
    if (s->ask.kind == ASK_NONCES) {
        hand_nonces(s, a, arena);
        return;
    }
    may_fail(s);
    if (s->ask.u.child.keys)
        s->ask.u.child.keys = &s->keys;
    s->ask.u.child.ts_local.v = s->ts_local;
    s->ask.u.child.ts_remote.v = s->ts_remote;
    (void)xfrm_perform(s->end, &s->ask, a);
    s->end->xfrm.fail_next = 0;
}

static void slip_perform(struct world *w, void *arg)
{
    struct slip *s = arg;
    struct input in = {.kind = INPUT_ANSWER, .u.answer = {.ticket = s->ask.ticket, .kind = s->ask.kind}};
    struct arena arena;

    (void)w;
    if (s->life != s->end->life)
        return;
    arena_init(&arena, 1 << 16);
    hand_performs(s, &in.u.answer, &arena);
    if (!end_beat(s->end, BEAT_PERFORMED) && !s->unheard)
        end_hand_says(s->end, &in);
    end_bury(s->end);
    arena_done(&arena);
}

static void copy_ts(struct end *e, struct ts *to, struct ts_list *from)
{
    if (from->n > XFRM_TS_MAX)
        world_fail(e->world, "more selectors than the model holds");
    else if (from->n)
        memcpy(to, from->v, from->n * sizeof(*to));
}

static void copy_keys(struct slip *s, const struct child_keys *from)
{
    const struct secret *in[4] = {&from->encr_i2r, &from->integ_i2r, &from->encr_r2i, &from->integ_r2i};
    struct secret *out[4] = {&s->keys.encr_i2r, &s->keys.integ_i2r, &s->keys.encr_r2i, &s->keys.integ_r2i};

    for (int i = 0; i < 4; i++) {
        *out[i] = (struct secret){s->bytes[i], in[i]->len};
        if (in[i]->len > sizeof(s->bytes[i]))
            law_broken(s->end->world, LAW_KEYS, "a key of %zu bytes", in[i]->len);
        else if (in[i]->len)
            memcpy(s->bytes[i], in[i]->p, in[i]->len);
    }
}

static void hand_asked(struct end *e, const struct ask *q, usec_t at, const struct lot *lot, bool unheard)
{
    struct slip *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    *s = (struct slip){.end = e, .life = e->life, .ask = *q, .unheard = unheard, .lot = *lot};
    if (q->kind != ASK_ACQUIRE_DONE && q->kind != ASK_NONCES) {
        copy_ts(e, s->ts_local, &s->ask.u.child.ts_local);
        copy_ts(e, s->ts_remote, &s->ask.u.child.ts_remote);
        if (q->u.child.keys)
            copy_keys(s, q->u.child.keys);
    }
    world_at_end(e, at, slip_perform, s);
}

void desk_asked(struct end *e, const struct ask *q)
{
    struct world *w = e->world;
    struct sheet *s;
    bool unheard;
    struct lot lot;
    usec_t at;

    if ((unsigned)q->to >= COUNT_OF(e->desk) || (unsigned)q->kind >= COUNT_OF(e->asks)) {
        law_broken(w, LAW_ASKS, "end %u asks %d of %d", e->index, (int)q->kind, (int)q->to);
        return;
    }
    LAW(w, LAW_ASKS, q->deadline > w->now || q->to == ASK_HAND, "end %u asks %d with a deadline that has passed", e->index,
        (int)q->kind);
    e->asks[q->kind]++;
    if (q->kind == ASK_AUTH_CHECK)
        e->certs_seen = q->u.auth.n_certs;
    if (q->kind == ASK_AUTH_MAKE)
        e->requests_seen = q->u.auth.n_cert_requests;
    lot = lot_draw(w, LOT_ASK, e->index | (uint64_t)e->life << 8, (uint64_t)q->kind);
    at = when(e, q, &lot, &unheard);
    if (q->to == ASK_HAND) {
        hand_asked(e, q, at, &lot, unheard);
        return;
    }
    if (unheard)
        return;
    s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    *s = (struct sheet){.end = e,
                        .life = e->life,
                        .room_life = e->room_life[q->to],
                        .to = q->to,
                        .answer = {.ticket = q->ticket, .kind = q->kind, .result = ANSWER_FAILED}};
    s->lot = lot;
    if (!lot_strikes(w, &s->lot, FAULT_FAILED, e->desk[q->to].failed) && perform(e, q, s) == 0)
        s->answer.result = ANSWER_OK;
    world_at_end(e, at, sheet_deliver, s);
}
