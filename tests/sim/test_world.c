/* SPDX-License-Identifier: Apache-2.0 */
/* Does the world itself hold? A parrot stands in for the core: it sends a numbered request every second and answers those of its
 * peer, by the book or with a chosen fault, so that each law is seen to be broken by who breaks it and by nobody else. */
#include "wire/wire.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum misdeed { SOUND, CHANGES_REQUEST, CHANGES_ANSWER, SKIPS_ID, HURRIES, ANSWERS_UNASKED, ANSWERS_TWICE, SPINS, TALKS_NONSENSE };
static enum misdeed fault; /* of every parrot of the test */

struct core {
    struct conf *conf;
    struct rng rng;
    usec_t next;
    uint32_t id;
    bool answered;
    unsigned answers, asked;
};

struct core *core_new(const struct core_setup *s)
{
    struct core *c = calloc(1, sizeof(*c));

    if (c)
        *c = (struct core){.conf = conf_ref(s->conf), .rng = s->rng, .next = s->now + USEC_SEC, .answered = true};
    return c;
}

struct core *core_free(struct core *c)
{
    if (c)
        conf_unref(c->conf);
    free(c);
    return NULL;
}

usec_t core_deadline(const struct core *c)
{
    return fault == SPINS ? 0 : c->next;
}

size_t core_crowd(const struct core *c)
{
    (void)c;
    return 0;
}

struct core_counts core_count(const struct core *c)
{
    return (struct core_counts){.ike_sas = c->asked};
}

void outbox_init(struct outbox *o)
{
    *o = (struct outbox){.v = NULL};
    arena_init(&o->arena, 1 << 20);
}

void outbox_reset(struct outbox *o)
{
    o->n = 0;
    arena_reset(&o->arena);
}

void outbox_done(struct outbox *o)
{
    free(o->v);
    arena_done(&o->arena);
    o->v = NULL;
}

static struct output *say(struct outbox *o)
{
    o->v = realloc(o->v, (o->n + 1) * sizeof(*o->v));
    assert_non_null(o->v);
    memset(&o->v[o->n], 0, sizeof(*o->v));
    return &o->v[o->n++];
}

static void parrot_send(struct core *c, struct outbox *o, bool answer, uint32_t id)
{
    const struct conf_connection *conn = &c->conf->connections[0];
    bool first = conn->local.addr.b[3] == 1;
    struct ike_header h = {.spi_i = first != answer ? 1 : 2,
                           .spi_r = 9,
                           .next = PAYLOAD_SK,
                           .major = 2,
                           .exchange = INFORMATIONAL,
                           .flags = (uint8_t)(answer ? IKE_FLAG_RESPONSE : IKE_FLAG_INITIATOR),
                           .message_id = id};
    struct output *out = say(o);
    uint8_t *bytes = arena_alloc(&o->arena, 40);
    bool change = fault == (answer ? CHANGES_ANSWER : CHANGES_REQUEST);
    struct buf b;

    buf_init(&b, 64);
    h.length = 40;
    msg_write_header(&b, &h);
    memcpy(bytes, b.p, 28);
    buf_done(&b);
    put_u32(bytes + 24, 40);
    put_u32(bytes + 28, 12);
    put_u64(bytes + 32, change ? rng_u64(&c->rng) : id);
    out->kind = OUTPUT_SEND;
    out->u.send.path = (struct path){{conn->local.addr, 500}, {conn->remote.addr, 500}, false};
    out->u.send.data = span_of(bytes, fault == TALKS_NONSENSE ? 20 : 40);
}

static void parrot_tick(struct core *c, const struct input *in, struct outbox *o)
{
    if (fault == SPINS)
        return;
    c->next = in->now + USEC_SEC;
    if (fault == ANSWERS_UNASKED)
        parrot_send(c, o, true, 7);
    if (c->answered || fault == HURRIES)
        c->id += c->asked++ ? fault == SKIPS_ID ? 2 : 1 : 0;
    c->answered = false;
    parrot_send(c, o, false, c->id);
}

void core_step(struct core *c, const struct input *in, struct outbox *o)
{
    struct ike_header h;
    struct wire_error why;

    if (in->kind == INPUT_TICK)
        parrot_tick(c, in, o);
    if (in->kind != INPUT_PACKET || msg_read_header(in->u.packet.data, &h, &why) < 0)
        return;
    if (h.flags & IKE_FLAG_RESPONSE) {
        c->answered = c->answered || h.message_id == c->id;
        c->answers++;
        return;
    }
    parrot_send(c, o, true, h.message_id);
    if (fault == ANSWERS_TWICE)
        parrot_send(c, o, true, h.message_id);
}

static struct world *parrots(uint64_t seed, enum misdeed f, struct way way, usec_t how_long)
{
    struct world *w = world_pair(seed, KEEP_UP, KEEP_UP);

    fault = f;
    net_all(&w->net, way);
    end_start(&w->end[0]);
    end_start(&w->end[1]);
    world_run(w, how_long);
    return w;
}

static const struct way clean = {.delay_low = 5000, .delay_high = 15000};
static const struct way foul = {.delay_low = 5000, .delay_high = 500000, .loss = 200, .dup = 200, .reorder = 100};

static void sound_parrots_break_no_law(void **state)
{
    struct world *w = parrots(1, SOUND, foul, 1000 * USEC_SEC);

    (void)state;
    if (w->failed)
        world_report(w);
    assert_false(w->failed);
    assert_true(w->end[0].sent > 1000);
    assert_true(w->end[0].core->answers > 300);
    world_free(w);
}

static void each_law_is_kept_by_force(void **state)
{
    static const struct {
        enum misdeed fault;
        const char *words;
    } laws[] = {{CHANGES_REQUEST, "other bytes"},
                {CHANGES_ANSWER, "other bytes"},
                {SKIPS_ID, "or a repeat is due"},
                {HURRIES, "is answered"},
                {ANSWERS_UNASKED, "answer 1 to 0"},
                {ANSWERS_TWICE, "answer 2 to 1"},
                {SPINS, "spins"},
                {TALKS_NONSENSE, "no IKE message"}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(laws); i++) {
        struct world *w = parrots(1, laws[i].fault, foul, 100 * USEC_SEC);

        assert_true(w->failed);
        if (!strstr(w->failure, laws[i].words))
            fail_msg("%s, not %s", w->failure, laws[i].words);
        world_free(w);
    }
}

static void equal_seeds_replay(void **state)
{
    uint64_t digest[3], sent[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct world *w = parrots(i < 2 ? 5 : 6, SOUND, foul, 200 * USEC_SEC);

        digest[i] = w->digest;
        sent[i] = w->turns;
        world_free(w);
    }
    assert_true(digest[0] == digest[1] && sent[0] == sent[1]);
    assert_true(digest[0] != digest[2]);
}

static void the_network_does_what_it_says(void **state)
{
    struct way cut = clean, lossy = clean, small = clean;
    struct world *w;

    (void)state;
    cut.cut = true;
    lossy.loss = 500;
    small.mtu = 60;
    w = parrots(1, SOUND, clean, 100 * USEC_SEC);
    assert_int_equal(w->end[0].core->answers, 99);
    world_free(w);
    w = parrots(1, SOUND, cut, 100 * USEC_SEC);
    assert_int_equal(w->end[0].core->answers, 0);
    world_free(w);
    w = parrots(1, SOUND, lossy, 100 * USEC_SEC);
    assert_in_range(w->end[0].core->answers, 5, 60);
    world_free(w);
    w = parrots(1, SOUND, small, 100 * USEC_SEC);
    assert_int_equal(w->end[0].core->answers, 0);
    world_free(w);
}

/* Chosen datagrams: the second and third answer of end 1 are dropped. */
static void rules_choose(void **state)
{
    struct world *w = world_pair(1, KEEP_UP, KEEP_UP);
    struct rule *r;

    (void)state;
    fault = SOUND;
    r = net_rule(&w->net,
                 (struct rule){.from = 1, .exchange = INFORMATIONAL, .response = 1, .skip = 1, .times = 2, .what = RULE_DROP});
    end_start(&w->end[0]);
    end_start(&w->end[1]);
    world_run(w, 20 * USEC_SEC + 500 * USEC_MSEC);
    assert_int_equal(r->done, 2);
    assert_int_equal(w->end[0].core->answers, w->end[1].core->answers - 2);
    world_free(w);
}

static void translators_translate(void **state)
{
    struct world *w = world_pair(1, KEEP_UP, KEEP_UP);

    (void)state;
    fault = SOUND;
    w->net.nat[0] = (struct nat){.on = true, .outside = addr_v4(203, 0, 113, 5), .timeout = 30 * USEC_SEC};
    end_start(&w->end[0]); /* 1 knows only the inner address of 0: its own requests get nowhere, but a parrot answers there too */
    world_run(w, 5 * USEC_SEC);
    assert_int_equal(w->net.nat[0].n, 1);
    assert_int_equal(w->net.nat[0].map[0].outside.port, 20000);
    net_nat_rebind(&w->net.nat[0]);
    world_run(w, 5 * USEC_SEC);
    assert_int_equal(w->net.nat[0].map[0].outside.port, 20001);
    assert_false(w->failed);
    world_free(w);
}

/* Model packets. */
static uint8_t key_bytes[2][36];
static struct ask tunnel(struct world *w, unsigned end, struct child_keys *keys)
{
    static struct ts nets[2];
    struct prefix p;
    struct ask q = {.to = ASK_HAND, .kind = ASK_CHILD_INSTALL};
    struct ask_child *c = &q.u.child;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(prefix_parse(i ? "10.1.0.0/16" : "10.0.0.0/16", &p), 0);
        nets[i] = ts_from_prefix(&p, 0, 0, 65535);
    }
    memset(key_bytes[0], 1, 36);
    memset(key_bytes[1], 2, 36);
    *keys = (struct child_keys){.encr_i2r = {key_bytes[0], 36}, .encr_r2i = {key_bytes[1], 36}};
    c->peer = (struct peer_ref){1, 0, 1};
    verdicts_add(w->end[end].verdicts, &c->peer, USEC_NEVER);
    w->laws.off = 1ull << LAW_MAKE_FIRST;
    c->reqid = reqid_configured(0, 0);
    c->protocol = PROTOCOL_ESP;
    c->spi_in = 0x1000 + end;
    c->spi_out = 0x1001 - end;
    c->we_initiated = !end;
    c->local = (struct endpoint){w->end[end].addr, 500};
    c->remote = (struct endpoint){w->end[!end].addr, 500};
    c->suite.encr = alg_find(&glass_registry, TRANSFORM_ENCR, 20, 256);
    c->keys = keys;
    c->ts_local = (struct ts_list){&nets[end], 1};
    c->ts_remote = (struct ts_list){&nets[!end], 1};
    return q;
}

static void packets_need_both_ends(void **state)
{
    struct world *w = parrots(1, SOUND, clean, 1);
    struct flow *f = flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", 0), *back = flow_start(w, 1, 0, "10.1.0.5", "10.0.0.5", 0);
    struct child_keys keys[2];
    struct ask a = tunnel(w, 0, &keys[0]), b = tunnel(w, 1, &keys[1]);
    struct answer answer;

    (void)state;
    flow_send(w, f);
    assert_int_equal(f->blocked, 1);
    assert_int_equal(xfrm_perform(&w->end[0], &a, &answer), 0);
    assert_non_null(laws_at_rest(w));
    flow_send(w, f);
    world_run(w, 100 * USEC_MSEC);
    assert_int_equal(f->refused, 1);
    assert_int_equal(xfrm_perform(&w->end[1], &b, &answer), 0);
    flow_send(w, f);
    flow_send(w, back);
    world_run(w, 100 * USEC_MSEC);
    assert_int_equal(f->delivered, 1);
    assert_int_equal(back->delivered, 1);
    a.kind = ASK_CHILD_REMOVE;
    assert_int_equal(xfrm_perform(&w->end[0], &a, &answer), 0);
    assert_int_equal(xfrm_perform(&w->end[0], &a, &answer), 0);
    flow_send(w, f);
    assert_int_equal(f->blocked, 2);
    assert_int_equal(f->clear, 0);
    assert_false(w->failed);
    world_free(w);
}

static void other_keys_open_nothing(void **state)
{
    struct world *w = parrots(1, SOUND, clean, 1);
    struct flow *f = flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", 0);
    struct child_keys keys[2];
    struct ask a = tunnel(w, 0, &keys[0]), b = tunnel(w, 1, &keys[1]);
    struct answer answer;

    (void)state;
    keys[1].encr_i2r.p = key_bytes[1];
    w->laws.off |= 1ull << LAW_SAME_KEYS;
    assert_int_equal(xfrm_perform(&w->end[0], &a, &answer), 0);
    assert_int_equal(xfrm_perform(&w->end[1], &b, &answer), 0);
    flow_must(w, f, true);
    flow_send(w, f);
    world_run(w, 100 * USEC_MSEC);
    assert_int_equal(f->delivered, 0);
    assert_true(w->failed && strstr(w->failure, "keys differ"));
    world_free(w);
}

static void the_hand_refuses(void **state)
{
    struct child_keys keys;
    struct answer answer;

    (void)state;
    for (int k = 0; k < 4; k++) {
        struct world *w = parrots(1, SOUND, clean, 1);
        struct ask a = tunnel(w, 0, &keys);

        if (k == 0)
            a.u.child.peer.handle = 0;
        if (k == 1)
            a.u.child.ts_local = a.u.child.ts_remote;
        if (k == 2)
            a.u.child.reqid = 5;
        if (k == 3)
            keys.encr_i2r.len = 32;
        (void)!xfrm_perform(&w->end[0], &a, &answer);
        assert_true(w->failed);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_parrots_break_no_law),
        cmocka_unit_test(each_law_is_kept_by_force),
        cmocka_unit_test(equal_seeds_replay),
        cmocka_unit_test(the_network_does_what_it_says),
        cmocka_unit_test(rules_choose),
        cmocka_unit_test(translators_translate),
        cmocka_unit_test(packets_need_both_ends),
        cmocka_unit_test(other_keys_open_nothing),
        cmocka_unit_test(the_hand_refuses),
    };

    return cmocka_run_group_tests_name("sim world", tests, NULL, NULL);
}
