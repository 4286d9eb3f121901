/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/words.h"

#include "loop/walk.h"

static void walk_peer(struct walk *w, struct peer_ref *p)
{
    walk_u32(w, &p->generation);
    walk_u16(w, &p->connection);
    walk_u32(w, &p->handle);
}

static void walk_ke(struct walk *w, struct ask_ke *k)
{
    walk_alg(w, &k->alg);
    walk_span(w, &k->private_value);
    walk_span(w, &k->peer_public);
    if (!w->out && !k->alg)
        w->failed = true;
}

/* Ours beside the peer's: what both have in common is written once. */
static void walk_ours(struct walk *w, struct ask_auth *a)
{
    bool there = w->out && a->ours;
    struct ask_auth o = {0}, *copy;

    walk_bool(w, &there);
    if (!there) {
        a->ours = NULL;
        return;
    }
    if (w->out)
        o = *a->ours;
    walk_span(w, &o.sk_p);
    walk_span(w, &o.message);
    walk_span(w, &o.nonce);
    walk_spans(w, &o.cert_requests, &o.n_cert_requests);
    walk_u64(w, &o.spi_i);
    walk_u64(w, &o.spi_r);
    copy = w->out ? NULL : arena_new(w->arena, struct ask_auth);
    if (!copy)
        return;
    o.peer = a->peer;
    o.we_initiated = a->we_initiated;
    o.prf = a->prf;
    o.local = a->local;
    o.hashes = a->hashes;
    *copy = o;
    a->ours = copy;
}

static void walk_auth(struct walk *w, struct ask_auth *a)
{
    walk_peer(w, &a->peer);
    walk_bool(w, &a->we_initiated);
    walk_alg(w, &a->prf);
    walk_span(w, &a->sk_p);
    walk_span(w, &a->message);
    walk_span(w, &a->nonce);
    walk_addr(w, &a->local);
    walk_u16(w, &a->hashes);
    walk_u8(w, &a->id.type);
    walk_span(w, &a->id.data);
    walk_u8(w, &a->method);
    walk_span(w, &a->data);
    walk_spans(w, &a->certs, &a->n_certs);
    walk_spans(w, &a->cert_requests, &a->n_cert_requests);
    walk_u64(w, &a->spi_i);
    walk_u64(w, &a->spi_r);
    walk_ours(w, a);
    if (!w->out && !a->prf)
        w->failed = true;
}

static void walk_keys(struct walk *w, const struct child_keys **keys)
{
    struct child_keys k = {0};
    bool there = w->out && *keys;

    walk_bool(w, &there);
    if (w->out && there)
        k = **keys;
    if (there) {
        walk_secret(w, &k.encr_i2r);
        walk_secret(w, &k.integ_i2r);
        walk_secret(w, &k.encr_r2i);
        walk_secret(w, &k.integ_r2i);
    }
    if (w->out)
        return;
    struct child_keys *mine = there ? arena_new(w->arena, struct child_keys) : NULL;

    if (mine)
        *mine = k;
    *keys = mine;
}

static void walk_outer(struct walk *w, struct ask_child *c)
{
    walk_endpoint(w, &c->local);
    walk_endpoint(w, &c->remote);
    walk_endpoint(w, &c->old_local);
    walk_endpoint(w, &c->old_remote);
    walk_addr(w, &c->local_inner);
    walk_addr(w, &c->remote_inner);
}

static void walk_life(struct walk *w, struct ask_child *c)
{
    walk_u64(w, &c->soft_bytes);
    walk_u64(w, &c->soft_packets);
    walk_u64(w, &c->hard_bytes);
    walk_u64(w, &c->hard_packets);
    walk_u32(w, &c->soft_seconds);
    walk_u32(w, &c->hard_seconds);
}

static void walk_child(struct walk *w, struct ask_child *c)
{
    walk_peer(w, &c->peer);
    walk_u16(w, &c->child);
    walk_u32(w, &c->reqid);
    walk_u8(w, &c->protocol);
    walk_bool(w, &c->transport);
    walk_bool(w, &c->inbound_only);
    walk_bool(w, &c->replaced);
    walk_bool(w, &c->udp_encap);
    walk_bool(w, &c->we_initiated);
    walk_u32(w, &c->spi_in);
    walk_u32(w, &c->spi_out);
    walk_u32(w, &c->old_spi_in);
    walk_outer(w, c);
    walk_suite(w, &c->suite);
    walk_keys(w, &c->keys);
    walk_ts_list(w, &c->ts_local);
    walk_ts_list(w, &c->ts_remote);
    walk_u32(w, &c->acquire_seq);
    walk_life(w, c);
}

static void walk_resolve_ask(struct walk *w, struct ask *a)
{
    walk_string(w, &a->u.resolve.name);
    walk_u8(w, &a->u.resolve.family);
    if (!w->out && !a->u.resolve.name)
        w->failed = true;
}

static void walk_ask(struct walk *w, struct ask *a)
{
    a->to = walk_enum(w, a->to, ASK_FETCH);
    a->kind = walk_enum(w, a->kind, ASK_TOKEN);
    walk_ticket(w, &a->ticket);
    walk_i64(w, &a->deadline);
    switch (a->kind) {
    case ASK_KE_GENERATE:
    case ASK_KE_DERIVE:
    case ASK_KE_BOTH:
        walk_ke(w, &a->u.ke);
        break;
    case ASK_AUTH_MAKE:
    case ASK_AUTH_CHECK:
        walk_auth(w, &a->u.auth);
        break;
    case ASK_CHILD_INSTALL:
    case ASK_CHILD_OUTBOUND:
    case ASK_CHILD_REMOVE:
    case ASK_CHILD_UPDATE:
    case ASK_CHILD_QUERY:
        walk_child(w, &a->u.child);
        break;
    case ASK_ACQUIRE_DONE:
        walk_u32(w, &a->u.acquire.seq);
        walk_u32(w, &a->u.acquire.reqid);
        break;
    case ASK_RESOLVE:
        walk_resolve_ask(w, a);
        break;
    case ASK_NONCES:
        walk_u32(w, &a->u.nonces.count);
        break;
    case ASK_TOKEN:
        walk_u64(w, &a->u.token.spi_i);
        walk_u64(w, &a->u.token.spi_r);
        break;
    }
}

static void walk_token(struct walk *w, struct span *token)
{
    walk_span(w, token);
    if (token->len && token->len != TOKEN_LEN)
        w->failed = true;
}

static void walk_made(struct walk *w, struct answer *a)
{
    walk_u8(w, &a->u.auth.id.type);
    walk_span(w, &a->u.auth.id.data);
    walk_u8(w, &a->u.auth.method);
    walk_span(w, &a->u.auth.data);
    walk_spans(w, &a->u.auth.certs, &a->u.auth.n_certs);
    walk_token(w, &a->u.auth.token);
}

static void walk_made_too(struct walk *w, const struct answer **made)
{
    bool there = w->out && *made;
    struct answer a = {.kind = ASK_AUTH_MAKE}, *copy;

    walk_bool(w, &there);
    if (!there) {
        *made = NULL;
        return;
    }
    if (w->out)
        a = **made;
    a.result = walk_enum(w, a.result, ANSWER_TIMEOUT);
    walk_string(w, &a.why);
    walk_made(w, &a);
    copy = w->out ? NULL : arena_new(w->arena, struct answer);
    if (!copy)
        return;
    *copy = a;
    *made = copy;
}

static void walk_verdict(struct walk *w, struct answer *a)
{
    static const uint8_t known[] = {VERDICT_NONE,     VERDICT_ACCEPTED,   VERDICT_BAD_AUTH,  VERDICT_BAD_ID,
                                    VERDICT_BAD_CERT, VERDICT_BAD_METHOD, VERDICT_NO_SECRET, VERDICT_BUSY};
    uint8_t v = walk_enum(w, a->u.check.verdict, 255);
    bool found = false;

    for (size_t i = 0; i < COUNT_OF(known); i++)
        found |= v == known[i];
    a->u.check.verdict = found ? v : VERDICT_NONE;
    if (!found)
        w->failed = true;
    walk_u32(w, &a->u.check.handle);
    walk_i64(w, &a->u.check.valid_for);
    walk_made_too(w, &a->u.check.made);
}

static void walk_install(struct walk *w, struct answer *a)
{
    uint32_t error = (uint32_t)a->u.install.error;

    walk_u32(w, &error);
    a->u.install.error = (int)error;
}

static void walk_query(struct walk *w, struct answer *a)
{
    walk_u64(w, &a->u.query.bytes_in);
    walk_u64(w, &a->u.query.packets_in);
    walk_u64(w, &a->u.query.bytes_out);
    walk_u64(w, &a->u.query.packets_out);
    walk_i64(w, &a->u.query.idle_in_s);
    walk_i64(w, &a->u.query.idle_out_s);
}

static void walk_resolved(struct walk *w, struct answer *a)
{
    size_t n = a->u.resolve.local ? a->u.resolve.n : 0;

    walk_addrs(w, &a->u.resolve.v, &a->u.resolve.n);
    walk_addrs(w, &a->u.resolve.local, &n);
    if (n && n != a->u.resolve.n)
        w->failed = true;
}

static void walk_nonces(struct walk *w, struct span *bytes)
{
    walk_span(w, bytes);
    if (bytes->len % NONCE_LEN || bytes->len > NONCES_BATCH_MAX * NONCE_LEN)
        w->failed = true;
}

static void walk_answer(struct walk *w, struct answer *a)
{
    walk_ticket(w, &a->ticket);
    a->kind = walk_enum(w, a->kind, ASK_TOKEN);
    a->result = walk_enum(w, a->result, ANSWER_TIMEOUT);
    walk_string(w, &a->why);
    switch (a->kind) {
    case ASK_KE_GENERATE:
    case ASK_KE_DERIVE:
    case ASK_KE_BOTH:
        walk_span(w, &a->u.ke.private_value);
        walk_span(w, &a->u.ke.public_value);
        walk_span(w, &a->u.ke.shared);
        break;
    case ASK_AUTH_MAKE:
        walk_made(w, a);
        break;
    case ASK_AUTH_CHECK:
        walk_verdict(w, a);
        break;
    case ASK_CHILD_INSTALL:
    case ASK_CHILD_OUTBOUND:
    case ASK_CHILD_REMOVE:
    case ASK_CHILD_UPDATE:
    case ASK_ACQUIRE_DONE:
        walk_install(w, a);
        break;
    case ASK_CHILD_QUERY:
        walk_query(w, a);
        break;
    case ASK_RESOLVE:
        walk_resolved(w, a);
        break;
    case ASK_NONCES:
        walk_nonces(w, &a->u.nonces.bytes);
        break;
    case ASK_TOKEN:
        walk_token(w, &a->u.token.data);
        break;
    }
}

void words_put_ask(struct buf *out, const struct ask *ask)
{
    struct walk w = {.out = out};
    struct ask copy = *ask;

    walk_ask(&w, &copy);
    out->failed |= w.failed;
}

int words_get_ask(struct reader *in, const struct alg_registry *algs, struct arena *arena, struct ask *ask)
{
    struct walk w = {.in = in, .arena = arena, .algs = algs};

    *ask = (struct ask){0};
    walk_ask(&w, ask);
    return walk_end(&w);
}

void words_put_answer(struct buf *out, const struct answer *answer)
{
    struct walk w = {.out = out};
    struct answer copy = *answer;

    walk_answer(&w, &copy);
    out->failed |= w.failed;
}

int words_get_answer(struct reader *in, struct arena *arena, struct answer *answer)
{
    struct walk w = {.in = in, .arena = arena};

    *answer = (struct answer){0};
    walk_answer(&w, answer);
    return walk_end(&w);
}
