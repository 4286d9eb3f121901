/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments: how many, mixed, again, bad, of IKE_AUTH, and ours (RFC 7383 2.6). */
#include "puppet_test.h"

static void say_large(struct puppet *p, size_t size)
{
    static uint8_t junk[70000];

    say(p);
    for (size_t left = size; left;) {
        size_t n = left > 60000 ? 60000 : left;

        say_raw(p, PAYLOAD_VENDOR, junk, n > 4 ? n - 4 : 0);
        left -= n;
    }
}

static void send_all(struct puppet *p, const struct span *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        send_bytes(p, v[i]);
}

static void fragment_counts(void **state)
{
    static const size_t counts[] = {1, 2, 64, 127, 128, 129, 200};
    struct puppet *p = connected();
    struct span v[200];
    const struct said *m;

    (void)state;
    p->w->laws.steps_max = 20000;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        size_t n;

        say_large(p, counts[i] * 40);
        n = fragments_make(p, INFORMATIONAL, p->ike->next_ours, false, 40, v, COUNT_OF(v));
        MUST(p, n == counts[i]);
        send_all(p, v, n);
        m = hear(p);
        MUST(p, (m && m->response && m->h.message_id == p->ike->next_ours) == (counts[i] <= 128));
        p->ike->next_ours += m != NULL;
    }
    alive(p, 1);
    over(p);
}

/* Out of order, doubled, and mixed with those of other messages and of other numbers. */
static void fragments_mixed(void **state)
{
    struct puppet *p = connected();
    struct span a[64], b[64], c[64], junk;
    size_t n;

    (void)state;
    p->w->laws.steps_max = 20000;
    say_large(p, 2000);
    n = fragments_make(p, INFORMATIONAL, p->ike->next_ours, false, 40, a, 64);
    fragments_make(p, INFORMATIONAL, p->ike->next_ours + 1, false, 40, b, 64);
    fragments_make(p, INFORMATIONAL, p->ike->next_ours - 1, false, 40, c, 64);
    for (size_t i = n; i-- > 0;) {
        send_bytes(p, a[i]);
        send_bytes(p, b[i]);
        send_bytes(p, c[i]);
        if (i) {
            send_bytes(p, a[i]); /* twice */
            send_bytes(p, a[n - 1]);
        }
        junk = fragment_make(p, INFORMATIONAL, p->ike->next_ours, false, PAYLOAD_DELETE, span_of("rubbish", 7), (uint16_t)(i + 1),
                             (uint16_t)n); /* another fragment of a number that is there already */
        if (i)
            send_bytes(p, junk);
        junk = fragment_make(p, INFORMATIONAL, p->ike->next_ours, false, PAYLOAD_DELETE, span_of("rubbish", 7), 1,
                             (uint16_t)(n - 1)); /* a smaller total is old news (RFC 7383 2.6) */
        if (i)
            send_bytes(p, junk);
    }
    MUST(p, hear(p)->h.message_id == p->ike->next_ours++);
    MUST(p, silence(p));
    send_all(p, b, n); /* now it is this one's turn */
    MUST(p, hear(p)->h.message_id == p->ike->next_ours++);
    alive(p, 1);
    over(p);
}

/* A larger total begins anew: the peer has cut its message again, smaller (RFC 7383 2.6). Then a whole message will do too. */
static void fragments_again(void **state)
{
    struct puppet *p = connected();
    struct span a[64], b[64];
    size_t n, k;

    (void)state;
    say_large(p, 1600);
    n = fragments_make(p, INFORMATIONAL, p->ike->next_ours, false, 400, a, 64);
    k = fragments_make(p, INFORMATIONAL, p->ike->next_ours, false, 100, b, 64);
    send_all(p, a, n - 1);
    send_all(p, b, k - 1);
    send_bytes(p, a[n - 1]); /* late: it belongs to the coarser cut */
    MUST(p, silence(p));
    send_bytes(p, b[k - 1]);
    MUST(p, hear(p)->h.message_id == p->ike->next_ours++);
    k = fragments_make(p, INFORMATIONAL, p->ike->next_ours, false, 100, b, 64);
    send_all(p, b, k - 1);
    MUST(p, silence(p));
    alive(p, 1); /* sent whole */
    over(p);
}

/* Only fragment 1 brings the answer again (RFC 7383 2.6.1); the answer is the same. */
static void fragments_repeated(void **state)
{
    struct puppet *p = connected();
    const struct said *first, *m;
    struct span v[16];
    size_t n, answers = 0;

    (void)state;
    say_large(p, 1000);
    n = fragments_make(p, INFORMATIONAL, p->ike->next_ours++, false, 100, v, 16);
    send_all(p, v, n);
    p->repeats = true;
    first = hear(p);
    MUST(p, first && silence(p));
    send_all(p, v, n);
    while ((m = hear(p))) {
        MUST(p, span_equal(m->bytes, first->bytes));
        answers++;
    }
    MUST(p, answers == 1);
    p->repeats = false;
    alive(p, 1);
    over(p);
}

/* Bad fragments: none of them is kept or answered. */
static void fragments_bad(void **state)
{
    struct puppet *p = connected();
    uint32_t id = p->ike->next_ours;
    struct span v[128];
    uint8_t bytes[500];
    size_t n;

    (void)state;
    p->w->laws.steps_max = 20000;
    for (uint16_t number = 0; number < 3; number++)
        for (uint16_t total = 0; total < 3; total++)
            if (!total || number == 0 || number > total)
                send_bytes(p, fragment_make(p, INFORMATIONAL, id, false, PAYLOAD_VENDOR, span_of("\0\0\0\4", 4), number, total));
    MUST(p, silence(p));
    say_large(p, 400);
    n = fragments_make(p, INFORMATIONAL, id, false, 100, v, 128);
    for (size_t i = 0; i < n; i++) { /* broken on the way: the ICV comes before anything is kept */
        memcpy(bytes, v[i].p, v[i].len);
        bytes[v[i].len - 1] ^= 1;
        send_bytes(p, arena_copy(&p->arena, span_of(bytes, v[i].len)));
    }
    MUST(p, silence(p));
    send_all(p, v, n);
    MUST(p, hear(p)->h.message_id == id);
    p->ike->next_ours = id + 1;
    say_large(p, 60000); /* more than an IKE message can be: 128 fragments of 700 bytes */
    for (uint16_t i = 1; i <= 128; i++) {
        static uint8_t part[700];

        send_bytes(p, fragment_make(p, INFORMATIONAL, id + 1, false, PAYLOAD_VENDOR, span_of(part, sizeof(part)), i, 128));
    }
    MUST(p, silence(p));
    tend(p, 31 * SEC); /* what is incomplete is forgotten */
    say_large(p, 300);
    n = fragments_make(p, INFORMATIONAL, id + 1, false, 100, v, 128);
    send_all(p, v, n);
    MUST(p, hear(p)->h.message_id == id + 1);
    p->ike->next_ours = id + 2;
    alive(p, 1);
    over(p);
}

/* IKE_AUTH in pieces, before anybody is authenticated; and fragments where they were not agreed on. */
static void fragments_of_auth(void **state)
{
    struct puppet *p = waiting();
    const struct said *m;
    struct span v[64];
    size_t n;

    (void)state;
    MUST(p, keyed(p));
    say_auth(p);
    n = fragments_make(p, IKE_AUTH, p->ike->next_ours++, false, 20, v, 64);
    for (size_t i = n; i-- > 0;)
        send_bytes(p, v[i]);
    MUST(p, esp_spi(hear(p)));
    alive(p, 1);
    over(p);
    p = waiting();
    say_init(p);
    unsay(p, PAYLOAD_NOTIFY);
    unsay(p, PAYLOAD_NOTIFY);
    unsay(p, PAYLOAD_NOTIFY);
    m = ask(p, IKE_SA_INIT);
    MUST(p, init_take(p, m) && !has(m, IKEV2_FRAGMENTATION_SUPPORTED) && !has(m, NAT_DETECTION_SOURCE_IP));
    say_auth(p);
    n = fragments_make(p, IKE_AUTH, p->ike->next_ours, false, 20, v, 64);
    send_all(p, v, n);
    MUST(p, silence(p) && ike_sas(p, "UP") == 0);
    MUST(p, esp_spi(ask(p, IKE_AUTH)));
    over(p);
}

/* Ours: each at most as long as configured, numbered, all of one total; and the peer's answer may be in pieces too. */
static void fragments_of_ours(void **state)
{
    struct puppet *p = puppet_new(KEEP_UP);
    const struct said *m, *last = NULL;
    struct payload *in;
    struct wire_error why;
    struct span v[64];
    size_t n, seen = 0;
    struct buf b;

    (void)state;
    p->gate->plan[0].fragment_size = 576;
#define TEN(x) x x x x x x x x x x
    p->gate->plan[0].local_id = TEN("abcdefghi.") TEN("jklmnopqr.") "gate.example";
    p->gate->plan[0].remote_id = p->id = TEN("abcdefghi.") TEN("jklmnopqr.") "peer.example";
    puppet_start(p);
    m = hear_for(p, 5 * SEC);
    say_init_answer(p, m);
    reply(p, m);
    buf_init(&b, 10000);
    while ((m = hear(p))) {
        struct payload *outer;
        uint8_t room[1000];
        struct span sealed;

        MUST(p, m->total > 1 && m->number == ++seen && m->bytes.len <= 576 - 28 && (!last || last->total == m->total));
        MUST(p, msg_read_payloads(&p->arena, m->h.next, span_part(m->bytes, 28, 999), 28, &outer, &why) == 0);
        sealed = outer->u.sk.sealed;
        MUST(p, (outer->u.sk.inner == 0) == (m->number > 1)); /* RFC 7383 2.5 */
        MUST(p,
             p->ike->suite.encr->cipher->open(p->ike->suite.encr, secret_view(&p->ike->keys.ei), span_part(sealed, 0, 8),
                                              span_part(m->bytes, 0, outer->u.sk.aad_len), span_part(sealed, 8, 999), room) == 0);
        buf_bytes(&b, room, sealed.len - 8 - 16 - 1 - room[sealed.len - 8 - 17]);
        last = m;
    }
    MUST(p, last && seen == last->total);
    MUST(p, msg_read_payloads(&p->arena, PAYLOAD_IDI, buf_view(&b), 0, &in, &why) == 0 && payload_find(in, PAYLOAD_AUTH));
    {
        struct said whole = *last;

        whole.in = in;
        say_auth_answer(p, &whole);
        n = fragments_make(p, IKE_AUTH, whole.h.message_id, true, 30, v, 64);
        send_all(p, v, n);
    }
    world_run(p->w, 100 * MS);
    MUST(p, children(p, "UP") == 1);
    buf_done(&b);
    over(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragment_counts),    cmocka_unit_test(fragments_mixed), cmocka_unit_test(fragments_again),
        cmocka_unit_test(fragments_repeated), cmocka_unit_test(fragments_bad),   cmocka_unit_test(fragments_of_auth),
        cmocka_unit_test(fragments_of_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
