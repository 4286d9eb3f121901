/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct alg cipher = {.type = TRANSFORM_ENCR, .id = 20, .key_bits = 256, .name = "aes256gcm16"};
static const struct alg prf = {.type = TRANSFORM_PRF, .id = 5, .name = "prfsha256"};
static const struct alg integ = {.type = TRANSFORM_INTEG, .id = 12, .name = "sha256"};
static const struct alg ke = {.type = TRANSFORM_KE, .id = 31, .name = "x25519"};
static const struct alg *const file[] = {&cipher, &prf, &integ, &ke, NULL};
static const struct alg *const *const files[] = {file, NULL};
static const struct alg_registry algs = {files};
static const struct alg_registry no_algs = {(const struct alg *const *const[]){NULL}};

#define S(text) span_of(text, sizeof(text) - 1)
static const struct span certs[] = {{(const uint8_t *)"first", 5}, {(const uint8_t *)"second", 6}};
static const struct ts selectors[] = {
    {6, 22, 22, {4, {10, 1}}, {4, {10, 2}}},
    {0, 0, 65535, {6, {0x20, 1}}, {6, {0x20, 1, 0xff}}},
};

/* What is read must be written as the same bytes again, and no part of it may be taken for the whole. */
struct trip {
    struct buf first, second;
    struct arena arena;
};
static void trip_init(struct trip *t)
{
    buf_init(&t->first, WORDS_MAX);
    buf_init(&t->second, WORDS_MAX);
    arena_init(&t->arena, 1 << 16);
}
static void trip_done(struct trip *t)
{
    buf_done(&t->first);
    buf_done(&t->second);
    arena_done(&t->arena);
}
static void trip_same(struct trip *t)
{
    assert_false(t->first.failed || t->second.failed);
    assert_true(span_equal(buf_view(&t->first), buf_view(&t->second)));
}

static void ask_trip(struct trip *t, const struct ask *in, struct ask *out)
{
    struct reader r;

    trip_init(t);
    words_put_ask(&t->first, in);
    for (size_t n = 0; n < t->first.len; n++) {
        r = reader_of(span_of(t->first.p, n));
        assert_int_not_equal(words_get_ask(&r, &algs, &t->arena, out), 0);
        arena_reset(&t->arena);
    }
    r = reader_of(buf_view(&t->first));
    assert_int_equal(words_get_ask(&r, &algs, &t->arena, out), 0);
    assert_int_equal(read_left(&r), 0);
    words_put_ask(&t->second, out);
    trip_same(t);
    assert_int_equal(out->to, in->to);
    assert_int_equal(out->kind, in->kind);
    assert_int_equal(out->ticket.slot, in->ticket.slot);
    assert_int_equal(out->ticket.round, in->ticket.round);
    assert_int_equal(out->deadline, in->deadline);
}

static void asks_of_key_exchanges(void **state)
{
    struct trip t;
    struct ask out;

    (void)state;
    for (enum ask_kind kind = ASK_KE_GENERATE; kind <= ASK_KE_BOTH; kind++) {
        struct ask in = {ASK_WORKER, kind, {7, 9}, 123456789012345, {.ke = {&ke, S("private"), S("public")}}};

        ask_trip(&t, &in, &out);
        assert_ptr_equal(out.u.ke.alg, &ke);
        assert_true(span_equal(out.u.ke.private_value, S("private")));
        assert_true(span_equal(out.u.ke.peer_public, S("public")));
        trip_done(&t);
    }
}

/* Every member: with the pointers cleared, both structs must hold the same. */
static void asks_of_auth(void **state)
{
    struct trip t;
    struct ask in, out;
    struct ask_auth *a = &in.u.auth;

    (void)state;
    memset(&in, 0, sizeof(in));
    in.to = ASK_VAULT;
    in.kind = ASK_AUTH_CHECK;
    *a = (struct ask_auth){.peer = {3, 4, 5}, .we_initiated = true, .prf = &prf, .sk_p = S("key"), .message = S("message")};
    a->nonce = S("nonce");
    a->local = addr_v4(192, 0, 2, 1);
    a->hashes = 0x1c;
    a->id = (struct id){ID_FQDN, S("gw.example.com")};
    a->method = 14;
    a->data = S("signature");
    a->certs = certs;
    a->n_certs = 2;
    a->cert_requests = certs + 1;
    a->n_cert_requests = 1;
    ask_trip(&t, &in, &out);
    assert_ptr_equal(out.u.auth.prf, &prf);
    assert_true(span_equal(out.u.auth.sk_p, a->sk_p));
    assert_true(span_equal(out.u.auth.message, a->message));
    assert_true(span_equal(out.u.auth.nonce, a->nonce));
    assert_true(addr_equal(&out.u.auth.local, &a->local));
    assert_true(span_equal(out.u.auth.id.data, a->id.data));
    assert_true(span_equal(out.u.auth.data, a->data));
    assert_int_equal(out.u.auth.n_certs, 2);
    assert_true(span_equal(out.u.auth.certs[1], certs[1]));
    assert_int_equal(out.u.auth.n_cert_requests, 1);
    assert_true(span_equal(out.u.auth.cert_requests[0], certs[1]));
    assert_int_equal(out.u.auth.peer.generation, 3);
    assert_int_equal(out.u.auth.peer.connection, 4);
    assert_int_equal(out.u.auth.peer.handle, 5);
    assert_int_equal(out.u.auth.hashes, 0x1c);
    assert_int_equal(out.u.auth.id.type, ID_FQDN);
    assert_int_equal(out.u.auth.method, 14);
    assert_true(out.u.auth.we_initiated);
    trip_done(&t);
}

/* The peer's proof to be judged and ours to be made: what is common is not said twice. */
static void asks_of_both(void **state)
{
    struct ask_auth ours = {.sk_p = S("our key"), .message = S("our message"), .nonce = S("their nonce"), .spi_i = 1, .spi_r = 2};
    struct trip t;
    struct ask in = {.to = ASK_VAULT, .kind = ASK_AUTH_CHECK}, out;
    const struct ask_auth *o;

    (void)state;
    ours.cert_requests = certs;
    ours.n_cert_requests = 2;
    in.u.auth = (struct ask_auth){.peer = {3, 4, 5}, .prf = &prf, .sk_p = S("key"), .hashes = 6, .data = S("mac"), .ours = &ours};
    in.u.auth.local = addr_v4(192, 0, 2, 1);
    ask_trip(&t, &in, &out);
    o = out.u.auth.ours;
    assert_non_null(o);
    assert_true(span_equal(o->sk_p, ours.sk_p) && span_equal(o->message, ours.message) && span_equal(o->nonce, ours.nonce));
    assert_true(o->spi_i == 1 && o->spi_r == 2 && o->n_cert_requests == 2 && span_equal(o->cert_requests[1], certs[1]));
    assert_true(o->prf == &prf && o->hashes == 6 && o->peer.generation == 3 && o->peer.connection == 4 && !o->we_initiated);
    assert_true(addr_equal(&o->local, &in.u.auth.local));
    assert_true(o->data.len == 0 && o->id.type == ID_NONE && !o->ours);
    trip_done(&t);
}

static void fill_child(struct ask_child *c, const struct child_keys *keys)
{
    const struct endpoint e = {addr_v4(192, 0, 2, 1), 4500}, f = {{6, {0x20, 1, 0xd, 0xb8}}, 500};

    c->peer = (struct peer_ref){1, 2, 3};
    c->child = 4;
    c->reqid = 5;
    c->protocol = PROTOCOL_ESP;
    c->transport = c->inbound_only = c->replaced = c->udp_encap = c->we_initiated = true;
    c->spi_in = 0xc0000001;
    c->spi_out = 0xc0000002;
    c->old_spi_in = 0xc0000003;
    c->local = c->old_remote = e;
    c->remote = c->old_local = f;
    c->suite = (struct suite){.encr = &cipher, .integ = &integ, .ke = &ke, .esn = true};
    c->keys = keys;
    c->ts_local = (struct ts_list){selectors, 2};
    c->ts_remote = (struct ts_list){selectors, 1};
    c->local_inner = e.addr;
    c->remote_inner = f.addr;
    c->acquire_seq = 6;
    c->soft_bytes = 7;
    c->soft_packets = 8;
    c->hard_bytes = 9;
    c->hard_packets = 10;
    c->soft_seconds = 11;
    c->hard_seconds = 12;
}

/* No member was forgotten. */
static void child_same(const struct ask_child *a, const struct ask_child *b)
{
#define SAME(m) assert_true(a->m == b->m)
    SAME(peer.generation), SAME(peer.connection), SAME(peer.handle), SAME(child), SAME(reqid), SAME(protocol), SAME(transport);
    SAME(inbound_only), SAME(replaced), SAME(udp_encap), SAME(we_initiated), SAME(spi_in), SAME(spi_out), SAME(old_spi_in);
    SAME(suite.encr), SAME(suite.prf), SAME(suite.integ), SAME(suite.ke), SAME(suite.esn), SAME(acquire_seq);
    SAME(soft_bytes), SAME(soft_packets), SAME(hard_bytes), SAME(hard_packets), SAME(soft_seconds), SAME(hard_seconds);
#undef SAME
    assert_true(endpoint_equal(&a->local, &b->local) && endpoint_equal(&a->remote, &b->remote));
    assert_true(endpoint_equal(&a->old_local, &b->old_local) && endpoint_equal(&a->old_remote, &b->old_remote));
    assert_true(addr_equal(&a->local_inner, &b->local_inner) && addr_equal(&a->remote_inner, &b->remote_inner));
    assert_true(ts_list_equal(a->ts_local, b->ts_local) && ts_list_equal(a->ts_remote, b->ts_remote));
}

static void asks_of_children(void **state)
{
    struct child_keys keys = {{(uint8_t *)(uintptr_t) "abcd", 4}, {0}, {(uint8_t *)(uintptr_t) "efgh", 4}, {0}};
    struct trip t;
    struct ask in, out;

    (void)state;
    for (enum ask_kind kind = ASK_CHILD_INSTALL; kind <= ASK_CHILD_QUERY; kind++) {
        memset(&in, 0, sizeof(in));
        in.to = ASK_HAND;
        in.kind = kind;
        in.ticket = (struct ticket){1, 2};
        fill_child(&in.u.child, kind == ASK_CHILD_INSTALL ? &keys : NULL);
        ask_trip(&t, &in, &out);
        assert_int_equal(out.u.child.keys != NULL, kind == ASK_CHILD_INSTALL);
        if (out.u.child.keys) {
            assert_true(span_equal(secret_view(&out.u.child.keys->encr_i2r), S("abcd")));
            assert_true(span_equal(secret_view(&out.u.child.keys->encr_r2i), S("efgh")));
            assert_int_equal(out.u.child.keys->integ_i2r.len, 0);
        }
        child_same(&out.u.child, &in.u.child);
        trip_done(&t);
    }
}

static void asks_of_others(void **state)
{
    struct trip t;
    struct ask in = {ASK_HAND, ASK_ACQUIRE_DONE, {1, 2}, 3, {.acquire = {4, 5}}}, out;

    (void)state;
    ask_trip(&t, &in, &out);
    assert_int_equal(out.u.acquire.seq, 4);
    assert_int_equal(out.u.acquire.reqid, 5);
    trip_done(&t);
    in = (struct ask){ASK_FETCH, ASK_RESOLVE, {1, 2}, 3, {.resolve = {"gw.example.com", 6}}};
    ask_trip(&t, &in, &out);
    assert_string_equal(out.u.resolve.name, "gw.example.com");
    assert_int_equal(out.u.resolve.family, 6);
    trip_done(&t);
    in = (struct ask){ASK_HAND, ASK_NONCES, {1, 2}, 3, {.nonces = {1024}}};
    ask_trip(&t, &in, &out);
    assert_int_equal(out.u.nonces.count, 1024);
    trip_done(&t);
    in = (struct ask){ASK_VAULT, ASK_TOKEN, {1, 2}, 3, {.token = {0x8877665544332211, 7}}};
    ask_trip(&t, &in, &out);
    assert_true(out.u.token.spi_i == 0x8877665544332211 && out.u.token.spi_r == 7);
    trip_done(&t);
}

static void answer_trip(struct trip *t, const struct answer *in, struct answer *out)
{
    struct reader r;

    trip_init(t);
    words_put_answer(&t->first, in);
    for (size_t n = 0; n < t->first.len; n++) {
        r = reader_of(span_of(t->first.p, n));
        assert_int_not_equal(words_get_answer(&r, &t->arena, out), 0);
        arena_reset(&t->arena);
    }
    r = reader_of(buf_view(&t->first));
    assert_int_equal(words_get_answer(&r, &t->arena, out), 0);
    assert_int_equal(read_left(&r), 0);
    words_put_answer(&t->second, out);
    trip_same(t);
    assert_int_equal(out->ticket.round, in->ticket.round);
    assert_int_equal(out->result, in->result);
}

static void answers_of_proofs(void **state)
{
    struct trip t;
    struct answer made = {.kind = ASK_AUTH_MAKE, .result = ANSWER_FAILED, .why = "no key"};
    struct answer in = {{1, 2}, ASK_KE_BOTH, ANSWER_OK, NULL, {.ke = {S("a"), S("b"), S("c")}}}, out;

    (void)state;
    answer_trip(&t, &in, &out);
    assert_true(span_equal(out.u.ke.shared, S("c")));
    assert_null(out.why);
    trip_done(&t);
    in = (struct answer){.ticket = {1, 2}, .kind = ASK_AUTH_MAKE, .result = ANSWER_FAILED, .why = "no key"};
    in.u.auth.id = (struct id){ID_KEY_ID, S("me")};
    in.u.auth.method = 2;
    in.u.auth.data = S("mac");
    in.u.auth.certs = certs;
    in.u.auth.n_certs = 2;
    in.u.auth.token = S("0123456789abcdef");
    answer_trip(&t, &in, &out);
    assert_true(span_equal(out.u.auth.token, in.u.auth.token));
    assert_string_equal(out.why, "no key");
    assert_true(id_equal(&out.u.auth.id, &in.u.auth.id));
    assert_true(span_equal(out.u.auth.certs[0], certs[0]));
    trip_done(&t);
    in = (struct answer){{1, 2}, ASK_AUTH_CHECK, ANSWER_OK, NULL, {.check = {VERDICT_ACCEPTED, 77, USEC_NEVER, NULL}}};
    answer_trip(&t, &in, &out);
    assert_int_equal(out.u.check.verdict, VERDICT_ACCEPTED);
    assert_int_equal(out.u.check.handle, 77);
    assert_true(out.u.check.valid_for == USEC_NEVER);
    assert_null(out.u.check.made);
    trip_done(&t);
    made.u.auth.id = (struct id){ID_KEY_ID, S("me")};
    made.u.auth.data = S("mac");
    in.u.check.made = &made;
    answer_trip(&t, &in, &out);
    assert_int_equal(out.u.check.handle, 77);
    assert_int_equal(out.u.check.made->result, ANSWER_FAILED);
    assert_int_equal(out.u.check.made->kind, ASK_AUTH_MAKE);
    assert_string_equal(out.u.check.made->why, "no key");
    assert_true(id_equal(&out.u.check.made->u.auth.id, &made.u.auth.id));
    assert_true(span_equal(out.u.check.made->u.auth.data, S("mac")));
    trip_done(&t);
}

/* One value means yes, and a bent one is no verdict at all. */
static void a_verdict_is_of_the_list(void **state)
{
    struct answer in = {{1, 2}, ASK_AUTH_CHECK, ANSWER_OK, NULL, {.check = {VERDICT_ACCEPTED, 1, 2, NULL}}}, out;
    struct trip t;
    int good = 0;

    (void)state;
    answer_trip(&t, &in, &out);
    for (size_t i = 0; i < t.first.len; i++)
        if (t.first.p[i] == VERDICT_ACCEPTED)
            for (unsigned v = 0; v < 256; v++) {
                struct reader r = reader_of(buf_view(&t.first));

                t.first.p[i] = (uint8_t)v;
                good += !words_get_answer(&r, &t.arena, &out);
            }
    assert_int_equal(good, 8);
    trip_done(&t);
}

static void answers_of_the_outside(void **state)
{
    const struct addr found[] = {{4, {192, 0, 2, 1}}, {6, {0x20, 1}}}, ours[] = {{4, {10, 0, 0, 1}}, {0, {0}}};
    struct trip t;
    struct answer in = {{1, 2}, ASK_CHILD_INSTALL, ANSWER_FAILED, "taken", {.install = {ERR_EXISTS}}}, out;

    (void)state;
    answer_trip(&t, &in, &out);
    assert_int_equal(out.u.install.error, ERR_EXISTS);
    trip_done(&t);
    in = (struct answer){{1, 2}, ASK_CHILD_QUERY, ANSWER_OK, NULL, {.query = {1, 2, 3, 4, -1, 6}}};
    answer_trip(&t, &in, &out);
    assert_true(out.u.query.bytes_in == 1 && out.u.query.packets_in == 2 && out.u.query.bytes_out == 3);
    assert_true(out.u.query.packets_out == 4 && out.u.query.idle_in_s == -1 && out.u.query.idle_out_s == 6);
    trip_done(&t);
    in = (struct answer){{1, 2}, ASK_RESOLVE, ANSWER_OK, NULL, {.resolve = {found, 2, ours}}};
    answer_trip(&t, &in, &out);
    assert_int_equal(out.u.resolve.n, 2);
    assert_memory_equal(out.u.resolve.v, found, sizeof(found));
    assert_memory_equal(out.u.resolve.local, ours, sizeof(ours));
    trip_done(&t);
}

/* A token has its length, or is none. */
static void answers_with_tokens(void **state)
{
    struct answer in = {.ticket = {1, 2}, .kind = ASK_TOKEN}, out;
    struct reader r;
    struct trip t;

    (void)state;
    in.u.token.data = S("0123456789abcdef");
    answer_trip(&t, &in, &out);
    assert_true(span_equal(out.u.token.data, in.u.token.data));
    trip_done(&t);
    trip_init(&t);
    in.u.token.data = S("0123456789abcdef0");
    words_put_answer(&t.first, &in);
    r = reader_of(buf_view(&t.first));
    assert_int_not_equal(words_get_answer(&r, &t.arena, &out), 0);
    trip_done(&t);
}

static void answers_with_nonces(void **state)
{
    static uint8_t many[(NONCES_BATCH_MAX + 1) * NONCE_LEN];
    struct answer in = {.ticket = {1, 2}, .kind = ASK_NONCES}, out;
    struct reader r;
    struct trip t;

    (void)state;
    for (size_t i = 0; i < sizeof(many); i++)
        many[i] = (uint8_t)(i * 7);
    in.u.nonces.bytes = span_of(many, 2 * NONCE_LEN);
    answer_trip(&t, &in, &out);
    assert_true(span_equal(out.u.nonces.bytes, in.u.nonces.bytes));
    trip_done(&t);
    trip_init(&t);
    in.u.nonces.bytes.len = NONCES_BATCH_MAX * NONCE_LEN;
    words_put_answer(&t.first, &in);
    r = reader_of(buf_view(&t.first));
    assert_int_equal(words_get_answer(&r, &t.arena, &out), 0);
    assert_true(span_equal(out.u.nonces.bytes, in.u.nonces.bytes));
    in.u.nonces.bytes.len += NONCE_LEN; /* one too many */
    buf_reset(&t.first);
    words_put_answer(&t.first, &in);
    assert_true(t.first.failed);
    trip_done(&t);
    trip_init(&t);
    in.u.nonces.bytes.len = NONCE_LEN + 1; /* not whole ones */
    words_put_answer(&t.first, &in);
    assert_true(t.first.failed);
    trip_done(&t);
}

#define PLAIN_TRIP(noun)                                                                                                         \
    static void noun##_trip(struct trip *t, const struct noun *in, struct noun *out)                                             \
    {                                                                                                                            \
        struct reader r;                                                                                                         \
                                                                                                                                 \
        trip_init(t);                                                                                                            \
        words_put_##noun(&t->first, in);                                                                                         \
        for (size_t n = 0; n < t->first.len; n++) {                                                                              \
            r = reader_of(span_of(t->first.p, n));                                                                               \
            assert_int_not_equal(words_get_##noun(&r, &t->arena, out), 0);                                                       \
            arena_reset(&t->arena);                                                                                              \
        }                                                                                                                        \
        r = reader_of(buf_view(&t->first));                                                                                      \
        assert_int_equal(words_get_##noun(&r, &t->arena, out), 0);                                                               \
        assert_int_equal(read_left(&r), 0);                                                                                      \
        words_put_##noun(&t->second, out);                                                                                       \
        trip_same(t);                                                                                                            \
    }
PLAIN_TRIP(event)
PLAIN_TRIP(order)
PLAIN_TRIP(tell)

static void event_same(const struct event *a, const struct event *b)
{
#define SAME(m) assert_true(a->u.m == b->u.m)
    assert_int_equal(a->kind, b->kind);
    if (a->kind == EVENT_ACQUIRE) {
        SAME(acquire.connection), SAME(acquire.child), SAME(acquire.generation), SAME(acquire.reqid), SAME(acquire.seq);
        assert_true(ts_equal(&a->u.acquire.local, &b->u.acquire.local) && ts_equal(&a->u.acquire.remote, &b->u.acquire.remote));
    } else if (a->kind == EVENT_EXPIRE || a->kind == EVENT_GONE) {
        SAME(expire.spi), SAME(expire.hard);
        assert_true(addr_equal(&a->u.expire.destination, &b->u.expire.destination));
    } else if (a->kind == EVENT_MAPPING) {
        SAME(mapping.spi_in);
        assert_true(endpoint_equal(&a->u.mapping.old_remote, &b->u.mapping.old_remote));
        assert_true(endpoint_equal(&a->u.mapping.new_remote, &b->u.mapping.new_remote));
    }
#undef SAME
}

static void events(void **state)
{
    struct trip t;
    struct event in, out;

    (void)state;
    for (enum event_kind kind = EVENT_ACQUIRE; kind <= EVENT_GONE; kind++) {
        memset(&in, 0, sizeof(in));
        in.kind = kind;
        if (kind == EVENT_ACQUIRE) {
            in.u.acquire.connection = 1, in.u.acquire.child = 2, in.u.acquire.generation = 3;
            in.u.acquire.reqid = 4, in.u.acquire.seq = 5;
            in.u.acquire.local = selectors[0], in.u.acquire.remote = selectors[1];
        } else if (kind == EVENT_EXPIRE || kind == EVENT_GONE) {
            in.u.expire.spi = 7, in.u.expire.destination = addr_v4(192, 0, 2, 9), in.u.expire.hard = true;
        } else if (kind == EVENT_MAPPING) {
            in.u.mapping.spi_in = 8;
            in.u.mapping.old_remote = (struct endpoint){addr_v4(192, 0, 2, 9), 4500};
            in.u.mapping.new_remote = (struct endpoint){addr_v4(192, 0, 2, 9), 4501};
        }
        event_trip(&t, &in, &out);
        event_same(&out, &in);
        trip_done(&t);
    }
}

static void orders(void **state)
{
    struct trip t;
    struct order out;

    (void)state;
    for (enum order_kind kind = ORDER_UP; kind <= ORDER_LISTEN; kind++) {
        struct order in = {kind, 5, "paris", kind == ORDER_UP ? "lan" : NULL, true, NULL, LEVEL_NOTICE};

        order_trip(&t, &in, &out);
        assert_int_equal(out.kind, kind);
        assert_int_equal(out.id, 5);
        assert_string_equal(out.connection, "paris");
        if (kind == ORDER_UP)
            assert_string_equal(out.child, "lan");
        else
            assert_null(out.child);
        assert_true(out.wait);
        assert_int_equal(out.level, LEVEL_NOTICE);
        trip_done(&t);
    }
}

static void facts(void **state)
{
    struct trip t;
    struct tell in, out;

    (void)state;
    for (enum fact fact = 0; fact < FACT_COUNT; fact++) {
        memset(&in, 0, sizeof(in));
        in.fact = fact;
        in.level = LEVEL_DEBUG;
        in.order = 3;
        in.ok = true;
        in.connection = "paris";
        in.text = "what happened";
        in.remote = (struct endpoint){addr_v4(192, 0, 2, 9), 4500};
        if (fact == FACT_IKE_SA)
            in.u.ike = (struct tell_ike){1, 2, true, "UP", "suite", in.remote, in.remote, "us", "them", true, true, 3, -1, 5, 6};
        if (fact == FACT_CHILD_SA)
            in.u.child =
                (struct tell_child){"UP", "suite", 1, 2, 3, true, true, {selectors, 2}, {selectors, 1}, 4, 5, 6, 7, 8, 9, true};
        tell_trip(&t, &in, &out);
        assert_int_equal(out.fact, fact);
        assert_string_equal(out.connection, "paris");
        assert_null(out.child);
        assert_string_equal(out.text, "what happened");
        if (fact == FACT_IKE_SA)
            assert_string_equal(out.u.ike.remote_id, "them");
        if (fact == FACT_CHILD_SA)
            assert_true(out.u.child.packets_out == 9 && out.u.child.counted &&
                        ts_list_equal(out.u.child.ts_local, in.u.child.ts_local));
        trip_done(&t);
    }
}

static void what_is_odd_is_refused(void **state)
{
    struct ask in = {ASK_WORKER, ASK_KE_GENERATE, {7, 9}, 1, {.ke = {&ke, SPAN_NONE, SPAN_NONE}}}, out;
    static struct span many[200];
    struct answer a = {.ticket = {1, 2}, .kind = ASK_AUTH_MAKE};
    struct trip t;
    struct reader r;

    (void)state;
    trip_init(&t);
    words_put_ask(&t.first, &in);
    r = reader_of(buf_view(&t.first));
    assert_int_equal(words_get_ask(&r, &no_algs, &t.arena, &out), ERR_BAD); /* an algorithm that this build has not */
    t.first.p[1] = 200;                                                     /* kind */
    r = reader_of(buf_view(&t.first));
    assert_int_equal(words_get_ask(&r, &algs, &t.arena, &out), ERR_BAD);
    in = (struct ask){ASK_FETCH, ASK_RESOLVE, {1, 2}, 3, {.resolve = {"name", 6}}};
    buf_reset(&t.first);
    words_put_ask(&t.first, &in);
    t.first.p[t.first.len - 2] = 'x'; /* the NUL */
    r = reader_of(buf_view(&t.first));
    assert_int_equal(words_get_ask(&r, &algs, &t.arena, &out), ERR_BAD);
    a.u.auth.certs = many;
    a.u.auth.n_certs = COUNT_OF(many);
    buf_reset(&t.first);
    words_put_answer(&t.first, &a);
    assert_true(t.first.failed); /* more than a list holds */
    trip_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_of_key_exchanges),
        cmocka_unit_test(asks_of_auth),
        cmocka_unit_test(asks_of_both),
        cmocka_unit_test(asks_of_children),
        cmocka_unit_test(asks_of_others),
        cmocka_unit_test(answers_of_proofs),
        cmocka_unit_test(a_verdict_is_of_the_list),
        cmocka_unit_test(answers_of_the_outside),
        cmocka_unit_test(answers_with_nonces),
        cmocka_unit_test(answers_with_tokens),
        cmocka_unit_test(events),
        cmocka_unit_test(orders),
        cmocka_unit_test(facts),
        cmocka_unit_test(what_is_odd_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
