/* SPDX-License-Identifier: Apache-2.0 */
/* At the door: versions, flags, exchanges out of season, message IDs, repeats, fragments, cookies (RFC 7296 2.1 to 2.6, 2.21,
 * RFC 7383 2.6). */
#include "puppet_test.h"

/* --- versions, flags, exchange types
 * -------------------------------------------------------------------------------------------- */

static void version_1(struct ike_header *h)
{
    h->major = 1;
}
static void version_3(struct ike_header *h)
{
    h->major = 3;
}
static void version_15(struct ike_header *h)
{
    h->major = 15;
}
static void version_0(struct ike_header *h)
{
    h->major = 0;
}

static void versions(void **state)
{
    static void (*const spoils[])(struct ike_header *) = {version_0, version_1, version_3, version_15};
    struct puppet *p = connected();
    struct pupil *first = p->ike;

    (void)state;
    p->repeats = true;
    for (size_t i = 0; i < COUNT_OF(spoils); i++)
        for (unsigned sealed = 0; sealed < 2; sealed++) {
            const struct said *m;

            p->spoil = spoils[i];
            if (sealed) {
                p->ike = first;
                say(p);
                say_delete(p, PROTOCOL_IKE, NULL, 0);
                request_id(p, INFORMATIONAL, p->ike->next_ours);
            } else {
                say_init(p);
                request(p, IKE_SA_INIT);
            }
            m = hear(p);
            if (i < 2) { /* IKEv1 and nothing: silence */
                MUST(p, !m);
            } else { /* 2.5: dropped, and told the highest version that we have */
                MUST(p, m && !m->sealed && m->h.major == 2 && error_of(m) == INVALID_MAJOR_VERSION && m->response);
                MUST(p, m->h.spi_i == p->ike->spi_i && m->h.spi_r == p->ike->spi_r);
            }
            if (p->ike != first)
                secret_done(&p->ike->ni), secret_done(&p->ike->ke_private), buf_done(&p->ike->init_ours), p->ike->spi_i = 0;
        }
    p->spoil = NULL;
    p->ike = first;
    alive(p, 1);
    over(p);
}

static void wrong_initiator(struct ike_header *h)
{
    h->flags ^= IKE_FLAG_INITIATOR;
}
static void wrong_response(struct ike_header *h)
{
    h->flags ^= IKE_FLAG_RESPONSE;
}
static void no_spi_i(struct ike_header *h)
{
    h->spi_i ^= 1;
}
static void no_spi_r(struct ike_header *h)
{
    h->spi_r ^= 1;
}

static void flags_and_spis(void **state)
{
    static void (*const spoils[])(struct ike_header *) = {wrong_initiator, wrong_response, no_spi_i, no_spi_r};
    struct puppet *p = connected();
    const struct said *m;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(spoils); i++) {
        p->spoil = spoils[i];
        say(p);
        say_delete(p, PROTOCOL_IKE, NULL, 0);
        request_id(p, INFORMATIONAL, p->ike->next_ours);
        m = hear(p);
        MUST(p, !m || (!m->sealed && error_of(m) == INVALID_IKE_SPI && m->response));
        MUST(p, spoils[i] != wrong_response || !m); /* never an answer to an answer (2.21.4) */
    }
    p->spoil = NULL;
    alive(p, 1);
    for (unsigned k = 0; k < 4; k++) { /* IKE_SA_INIT that is none: ID, responder's SPI, no SPI, not the initiator */
        struct ike_header h = {
            .spi_i = k == 2 ? 0 : 5, .spi_r = k == 1, .major = 2, .exchange = IKE_SA_INIT, .message_id = k == 0};
        struct buf b;

        h.flags = k == 3 ? 0 : IKE_FLAG_INITIATOR;
        say_init(p);
        buf_init(&b, 2000);
        msg_write(&b, &h, p->out.first);
        send_bytes(p, arena_copy(&p->arena, buf_view(&b)));
        buf_done(&b);
        MUST(p, silence(p));
        secret_done(&p->ike->ni), secret_done(&p->ike->ke_private), p->ike->spi_i = 0;
        p->ike = &p->sa[0];
    }
    MUST(p, ike_sas(p, NULL) == 1);
    over(p);
}

/* An exchange that we do not know, or that has no place any more: authenticated, so it is answered, and nothing changes
 * (2.21.3). */
static void exchanges_out_of_season(void **state)
{
    static const uint8_t types[] = {IKE_AUTH, IKE_SESSION_RESUME, IKE_INTERMEDIATE, 44, 33, 255, 0};
    struct puppet *p = connected();
    const struct said *m;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        say(p);
        if (types[i] == IKE_AUTH)
            say_auth(p);
        m = ask(p, types[i]);
        MUST(p, m && m->response && m->h.exchange == types[i] && error_of(m) && error_of(m) != INVALID_SYNTAX);
        MUST(p, !part(m, PAYLOAD_AUTH));
    }
    MUST(p, p->gate->asks[ASK_AUTH_CHECK] == 1);
    alive(p, 1);
    over(p);
}

/* Nothing is established by who did not authenticate. */
static void before_auth(void **state)
{
    static const uint8_t types[] = {CREATE_CHILD_SA, INFORMATIONAL, IKE_INTERMEDIATE, 99};
    struct puppet *p = waiting();
    const struct said *m;

    (void)state;
    MUST(p, keyed(p));
    for (uint32_t id = 0; id < 4; id++)
        for (size_t i = 0; i < COUNT_OF(types); i++) {
            if (types[i] == CREATE_CHILD_SA)
                say_child(p, 0, NULL);
            else
                say(p);
            if (types[i] == INFORMATIONAL)
                say_delete(p, PROTOCOL_IKE, NULL, 0);
            request_id(p, types[i], id);
            m = hear(p);
            MUST(p, !m && children(p, NULL) == 0 && p->gate->asks[ASK_CHILD_INSTALL] == 0);
        }
    say_rekey_ike(p, p->words);
    request_id(p, CREATE_CHILD_SA, 1);
    MUST(p, !hear(p) && ike_sas(p, "UP") == 0);
    p->ike->next_ours = 1;
    say_auth(p);
    m = ask(p, IKE_AUTH); /* the door was not shut by all that */
    MUST(p, esp_spi(m));
    alive(p, 1);
    over(p);
}

/* Requests of IKE SAs that we never had: told once that there is none, with SPIs and ID copied (2.21.4), not too often. */
static void without_an_ike_sa(void **state)
{
    static const uint8_t types[] = {IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL, 99};
    struct puppet *p = waiting();
    const struct said *m;
    unsigned told = 0;

    (void)state;
    MUST(p, keyed(p));
    p->ike->spi_r ^= 0x1111;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        say(p);
        request_id(p, types[i], 7);
        m = hear(p);
        MUST(p, m && !m->sealed && m->response && error_of(m) == INVALID_IKE_SPI && m->h.message_id == 7);
        MUST(p, m->h.spi_i == p->ike->spi_i && m->h.spi_r == p->ike->spi_r && m->h.exchange == types[i]);
        MUST(p, m->in->next && m->in->next->u.notify.type == QUICK_CRASH_DETECTION && !m->in->next->next);
        MUST(p, !(m->h.flags & IKE_FLAG_INITIATOR));
    }
    for (uint32_t i = 0; i < 100; i++) {
        say(p);
        request_id(p, INFORMATIONAL, 100 + i);
    }
    while (hear(p))
        told++;
    MUST(p, told <= 20);
    say(p);
    request_id(p, IKE_AUTH, 8);
    MUST(p, hear(p));
    p->spoil = wrong_response;
    request_id(p, IKE_AUTH, 9);
    MUST(p, silence(p));
    over(p);
}

/* --- message IDs
 * ------------------------------------------------------------------------------------------------------------------ */

static void message_ids(void **state)
{
    static const uint32_t off[] = {(uint32_t)-2, (uint32_t)-1, 1, 2, 100, 0x7fffffff, 0x80000000};
    struct puppet *p = connected();
    uint32_t next;

    (void)state;
    alive(p, 1);
    alive(p, 1);
    next = p->ike->next_ours;
    for (size_t i = 0; i < COUNT_OF(off) + 2; i++) {
        uint32_t id = i < COUNT_OF(off) ? next + off[i] : i == COUNT_OF(off) ? 0 : 0xffffffff;

        say(p);
        say_delete(p, PROTOCOL_IKE, NULL, 0);
        request_id(p, INFORMATIONAL, id);
        MUST(p, silence(p));
        p->spoil = wrong_response; /* and as an answer that nobody asked for */
        request_id(p, INFORMATIONAL, id);
        MUST(p, silence(p));
        p->spoil = NULL;
    }
    alive(p, 1);
    over(p);
}

/* An answer is kept and repeated byte for byte; a request of that number with other bytes is not answered at all (2.1). */
static void repeats(void **state)
{
    static const uint8_t types[] = {IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL};
    struct puppet *p = waiting();
    const struct said *first, *m;
    size_t ikes, kids;

    (void)state;
    p->repeats = true;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (types[i] == IKE_SA_INIT)
            say_init(p);
        else if (types[i] == IKE_AUTH)
            say_auth(p);
        else if (types[i] == CREATE_CHILD_SA)
            say_child(p, p->spi_in, NULL);
        else
            say(p);
        first = ask(p, types[i]);
        MUST(p, first && !hear(p));
        if (types[i] == IKE_SA_INIT)
            MUST(p, init_take(p, first));
        ikes = ike_sas(p, NULL);
        kids = children(p, NULL);
        for (unsigned k = 0; k < 5; k++) {
            again(p);
            m = hear(p);
            MUST(p, m && span_equal(m->bytes, first->bytes) && !hear(p));
        }
        /* forged: the same ID and SPIs, sealed rightly, but not the same bytes */
        if (types[i] == IKE_SA_INIT) {
            struct ike_header h = {.spi_i = p->ike->spi_i, .major = 2, .exchange = IKE_SA_INIT, .flags = IKE_FLAG_INITIATOR};
            struct buf b;

            say_notify(p, 40000, "x", 1);
            buf_init(&b, 3000);
            msg_write(&b, &h, p->out.first);
            send_bytes(p, arena_copy(&p->arena, buf_view(&b)));
            buf_done(&b);
        } else {
            request_id(p, types[i], p->ike->next_ours - 1);
        }
        MUST(p, silence(p));
        MUST(p, ike_sas(p, NULL) == ikes && children(p, NULL) == kids);
    }
    MUST(p, p->gate->asks[ASK_AUTH_CHECK] == 1 && p->gate->asks[ASK_CHILD_INSTALL] == 2);
    over(p);
}

/* Who is patient for ten minutes, as the gate is, gets its answer after nine; after an hour it is forgotten (2.1). */
static void repeats_late(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    const struct said *first, *m;
    struct span asked;

    (void)state;
    p->gate->plan[0].dead_after_us = 600 * SEC;
    p->gate->plan[0].liveness_us = 0;
    puppet_start(p);
    MUST(p, up(p));
    tend(p, 60 * SEC);
    p->repeats = true;
    say_child(p, p->spi_in, NULL);
    first = ask(p, CREATE_CHILD_SA);
    asked = arena_copy(&p->arena, p->sent);
    MUST(p, esp_spi(first) && !hear(p));
    world_run(p->w, 540 * SEC);
    send_bytes(p, asked);
    m = hear(p);
    MUST(p, m && span_equal(m->bytes, first->bytes));
    world_run(p->w, 3600 * SEC);
    send_bytes(p, asked);
    MUST(p, silence(p));
    over(p);
}

/* A repeat while the answer is in the making is not begun again, and a second request not before (2.3). */
static void repeats_meanwhile(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    const struct said *m;

    (void)state;
    p->gate->desk[ASK_VAULT] = (struct desk_faults){.low = 500 * MS, .high = 600 * MS};
    puppet_start(p);
    MUST(p, keyed(p));
    say_auth(p);
    request(p, IKE_AUTH);
    for (unsigned k = 0; k < 10; k++) {
        world_run(p->w, 10 * MS);
        again(p);
    }
    say_child(p, 0, NULL);
    request_id(p, CREATE_CHILD_SA, 2);
    m = hear_for(p, 3 * SEC);
    MUST(p, esp_spi(m) && m->h.message_id == 1);
    MUST(p, silence(p) && p->gate->asks[ASK_AUTH_CHECK] == 1 && children(p, NULL) == 1);
    again(p); /* the request is repeated, and now its time has come */
    m = hear(p);
    MUST(p, esp_spi(m) && m->h.message_id == 2);
    over(p);
}

/* An answer of another exchange, of another number, or with a bad ICV, is none; the true one still counts. */
static void wrong_answers(void **state)
{
    struct puppet *p = called();
    const struct said *m;
    struct said other;

    (void)state;
    end_order(p->gate, ORDER_REKEY, "to1", "net");
    m = hear(p);
    MUST(p, m && m->h.exchange == CREATE_CHILD_SA);
    say_child_answer(p, m, NULL);
    other = *m;
    other.h.exchange = INFORMATIONAL;
    reply(p, &other);
    other = *m;
    other.h.message_id++;
    reply(p, &other);
    other.h.message_id -= 2;
    reply(p, &other);
    for (size_t i = 0; i < 3; i++) {
        uint8_t bytes[2000];

        struct span good = message_make(p, m->h.exchange, m->h.message_id, true);

        MUST(p, good.len < sizeof(bytes));
        memcpy(bytes, good.p, good.len);
        bytes[good.len - 1 - 20 * i] ^= 1;
        send_bytes(p, arena_copy(&p->arena, span_of(bytes, good.len)));
    }
    world_run(p->w, SEC);
    MUST(p, children(p, "UP") == 1 && p->gate->facts[FACT_CHILD_REKEYED] == 0);
    reply(p, m);
    world_run(p->w, 100 * MS);
    MUST(p, p->gate->facts[FACT_CHILD_REKEYED] == 1);
    over(p);
}

/* --- fragments
 * --------------------------------------------------------------------------------------------------------------------- */

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

/* --- cookies
 * ------------------------------------------------------------------------------------------------------------------------ */

/* The puppet asks for a cookie: it comes back first, and nothing else changes (2.6). */
static void cookie_lengths(void **state)
{
    static const size_t lengths[] = {1, 20, 64, 65, 200, 0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct puppet *p = puppet_new(KEEP_UP);
        const struct said *first, *m;
        uint8_t cookie[200];

        memset(cookie, 0xc0, sizeof(cookie));
        puppet_start(p);
        first = hear_for(p, 5 * SEC);
        MUST(p, first && first->h.exchange == IKE_SA_INIT);
        p->ike = &p->sa[7];
        p->ike->spi_i = first->h.spi_i;
        buf_init(&p->ike->init_ours, 1000);
        say(p);
        say_notify(p, COOKIE, cookie, lengths[i]);
        reply(p, first);
        m = hear(p);
        if (lengths[i] < 1 || lengths[i] > 64) {
            MUST(p, !m);
        } else {
            struct span rest = {0};

            MUST(p, m && m->in->type == PAYLOAD_NOTIFY && m->in->u.notify.type == COOKIE);
            MUST(p, span_equal(m->in->u.notify.data, span_of(cookie, lengths[i])));
            rest = span_part(m->bytes, 28 + 8 + lengths[i], m->bytes.len);
            MUST(p, span_equal(rest, span_part(first->bytes, 28, first->bytes.len)));
            MUST(p, m->h.spi_i == first->h.spi_i && m->h.message_id == 0 && m->h.spi_r == 0);
        }
        p->ike->spi_i = 0;
        p->ike = &p->sa[0];
        m = m ? m : first; /* the true answer still counts */
        say_init_answer(p, m);
        reply(p, m);
        m = hear(p);
        MUST(p, m && m->h.exchange == IKE_AUTH);
        say_auth_answer(p, m);
        reply(p, m);
        world_run(p->w, 100 * MS);
        MUST(p, children(p, "UP") == 1);
        buf_done(&p->sa[7].init_ours);
        over(p);
    }
}

/* A new cookie each time, or another group each time: it ends. */
static void endless_beginnings(void **state)
{
    for (unsigned kind = 0; kind < 3; kind++) {
        struct puppet *p = puppet_new(KEEP_UP);
        unsigned heard = 0;
        const struct said *m;

        (void)state;
        p->gate->plan[0].ike = "aes256gcm16-prfsha256-x25519-ecp256";
        puppet_start(p);
        p->ike = &p->sa[7];
        buf_init(&p->ike->init_ours, 1000);
        while (p->gate->facts[FACT_IKE_FAILED] == 0 && (m = hear_for(p, 5 * SEC)) && heard < 100) {
            uint8_t cookie[4] = {0, 0, 0, (uint8_t)++heard}, other[2] = {0, 31};

            other[1] = part(m, PAYLOAD_KE)->u.ke.group == 31 ? 19 : 31;
            p->ike->spi_i = m->h.spi_i;
            say(p);
            if (kind == 0 || (kind == 2 && heard % 2))
                say_notify(p, COOKIE, cookie, 4);
            else
                say_notify(p, INVALID_KE_PAYLOAD, other, 2);
            reply(p, m);
            world_run(p->w, 10 * MS);
        }
        MUST(p, heard >= 3 && heard <= 10 && p->gate->facts[FACT_IKE_FAILED] == 1);
        buf_done(&p->sa[7].init_ours);
        over(p);
    }
}

static const struct said *clear_answer(struct puppet *p, const struct said *to, uint16_t notify, const void *data, size_t len)
{
    const struct said *m;

    p->ike = &p->sa[7];
    p->ike->spi_i = to->h.spi_i;
    buf_init(&p->ike->init_ours, 1000);
    say(p);
    say_notify(p, notify, data, len);
    reply(p, to);
    m = hear(p);
    buf_done(&p->ike->init_ours);
    p->ike->spi_i = 0;
    p->ike = &p->sa[0];
    return m;
}

/* Cookie and group, in both orders (2.6.1): the cookie stays in all retries, the nonce and SPI too. */
static void cookie_and_group(void **state)
{
    for (unsigned cookie_first = 0; cookie_first < 2; cookie_first++) {
        struct puppet *p = puppet_new(KEEP_UP);
        const struct said *m, *first;

        (void)state;
        p->gate->plan[0].ike = "aes256gcm16-prfsha256-x25519-ecp256";
        p->words = "aes256gcm16-prfsha256-ecp256";
        puppet_start(p);
        first = hear_for(p, 5 * SEC);
        MUST(p, part(first, PAYLOAD_KE) && part(first, PAYLOAD_KE)->u.ke.group == 31);
        m = cookie_first ? clear_answer(p, first, COOKIE, "cookie", 6) : clear_answer(p, first, INVALID_KE_PAYLOAD, "\0\23", 2);
        MUST(p, part(m, PAYLOAD_KE) && part(m, PAYLOAD_KE)->u.ke.group == (cookie_first ? 31 : 19));
        m = cookie_first ? clear_answer(p, m, INVALID_KE_PAYLOAD, "\0\23", 2) : clear_answer(p, m, COOKIE, "cookie", 6);
        MUST(p, part(m, PAYLOAD_KE) && part(m, PAYLOAD_KE)->u.ke.group == 19);
        MUST(p, m->in->type == PAYLOAD_NOTIFY && m->in->u.notify.type == COOKIE);
        MUST(p, span_equal(m->in->u.notify.data, span_str("cookie")));
        MUST(p, span_equal(part(m, PAYLOAD_NONCE)->u.nonce, part(first, PAYLOAD_NONCE)->u.nonce));
        MUST(p, part(m, PAYLOAD_SA)->u.sa.v[0].n_transforms == part(first, PAYLOAD_SA)->u.sa.v[0].n_transforms);
        MUST(p, m->h.spi_i == first->h.spi_i);
        m = clear_answer(p, m, COOKIE, "cookie two", 10); /* who counts KE in will ask again (2.6.1) */
        MUST(p, m && span_equal(m->in->u.notify.data, span_str("cookie two")));
        say_init_answer(p, m);
        reply(p, m);
        m = hear(p);
        MUST(p, m && m->h.exchange == IKE_AUTH);
        say_auth_answer(p, m); /* its AUTH covers the last of the IKE_SA_INIT requests (2.15) */
        reply(p, m);
        world_run(p->w, 100 * MS);
        MUST(p, children(p, "UP") == 1);
        over(p);
    }
}

/* Only the first of several answers that name another group counts; the others come while the new value is made (2.7). */
static void group_named_twice(void **state)
{
    struct puppet *p = puppet_new(KEEP_UP);
    const struct said *m, *first;

    (void)state;
    p->gate->plan[0].ike = "aes256gcm16-prfsha256-x25519-modp2048";
    p->gate->desk[ASK_WORKER].low = p->gate->desk[ASK_WORKER].high = 300 * MS;
    p->words = "aes256gcm16-prfsha256-modp2048";
    puppet_start(p);
    first = hear_for(p, 5 * SEC);
    MUST(p, part(first, PAYLOAD_KE) && part(first, PAYLOAD_KE)->u.ke.group == 31);
    p->ike = &p->sa[7];
    p->ike->spi_i = first->h.spi_i;
    buf_init(&p->ike->init_ours, 1000);
    say(p);
    say_notify(p, INVALID_KE_PAYLOAD, "\0\16", 2);
    reply(p, first);
    world_run(p->w, 50 * MS);
    again(p);
    buf_done(&p->ike->init_ours);
    p->ike->spi_i = 0;
    p->ike = &p->sa[0];
    m = hear(p);
    MUST(p, part(m, PAYLOAD_KE) && part(m, PAYLOAD_KE)->u.ke.group == 14);
    say_init_answer(p, m);
    reply(p, m);
    m = hear(p);
    MUST(p, m && m->h.exchange == IKE_AUTH);
    over(p);
}

/* A group that we did not offer, or the one that we sent already, moves nothing (1.2, 2.7). */
static void groups_misled(void **state)
{
    static const uint8_t groups[][2] = {{0, 1}, {0, 2}, {0, 31}, {0, 0}, {0, 14}, {255, 255}};
    struct puppet *p = puppet_new(KEEP_UP);
    const struct said *m, *first;

    (void)state;
    p->gate->plan[0].ike = "aes256gcm16-prfsha256-x25519-ecp256";
    puppet_start(p);
    first = hear_for(p, 5 * SEC);
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        m = clear_answer(p, first, INVALID_KE_PAYLOAD, groups[i], 2);
        MUST(p, !m);
    }
    MUST(p, !clear_answer(p, first, INVALID_KE_PAYLOAD, "\0\0\23", 3));
    say_init_answer(p, first);
    reply(p, first);
    m = hear(p);
    MUST(p, m && m->h.exchange == IKE_AUTH);
    over(p);
}

/* The gate asks for cookies itself. */
static void gate_asks_for_cookies(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    const struct said *m;
    struct payload *cookie;
    uint8_t spoiled[64];
    struct span sent;

    (void)state;
    p->gate->globals.limits.cookie_threshold = 0;
    p->gate->plan[0].ike = "aes256gcm16-prfsha256-x25519";
    puppet_start(p);
    p->words = "aes256gcm16-prfsha256-ecp256 aes256gcm16-prfsha256-x25519";
    say_init(p); /* with a value of ecp256 */
    m = ask(p, IKE_SA_INIT);
    MUST(p, has(m, COOKIE) && !m->in->next && m->h.spi_r == 0 && ike_sas(p, NULL) == 0);
    sent = notify_find(m->in, COOKIE)->u.notify.data;
    MUST(p, sent.len >= 1 && sent.len <= 64);
    memcpy(spoiled, sent.p, sent.len);
    spoiled[sent.len - 1] ^= 1;
    cookie = say_notify(p, COOKIE, spoiled, sent.len);
    p->out.first = p->out.first; /* a wrong one, and not in the first place */
    p->ike->next_ours = 0;
    m = ask(p, IKE_SA_INIT);
    MUST(p, has(m, COOKIE) || !m); /* the same again, or nothing new to say */
    MUST(p, ike_sas(p, NULL) == 0);
    cookie->u.notify.data = sent;
    p->ike->next_ours = 0;
    m = ask(p, IKE_SA_INIT);
    MUST(p, error_of(m) == INVALID_KE_PAYLOAD && get_u16(notify_find(m->in, INVALID_KE_PAYLOAD)->u.notify.data.p) == 31);
    unsay(p, PAYLOAD_KE); /* the shorter exchange of 2.6.1: the cookie is still good with another KE */
    say_ke(p, p->ike, group(p, "x25519"));
    p->ike->next_ours = 0;
    m = ask(p, IKE_SA_INIT);
    MUST(p, init_take(p, m));
    p->ike->next_ours = 1;
    say_auth(p);
    MUST(p, esp_spi(ask(p, IKE_AUTH)));
    over(p);
}

/* No slow work, and no memory, for who has not shown that it hears us (2.6). */
static void cookie_before_work(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);

    (void)state;
    p->gate->globals.limits.cookie_threshold = 0;
    p->gate->plan[0].ike = p->words = "aes256gcm16-prfsha256-modp2048";
    puppet_start(p);
    say_init(p);
    for (unsigned k = 0; k < 20; k++) {
        p->here.addr = addr_v4(192, 0, 2, (uint8_t)(2 + k));
        request_id(p, IKE_SA_INIT, 0);
        world_run(p->w, 5 * MS);
    }
    MUST(p, p->gate->asks[ASK_KE_BOTH] == 0 && ike_sas(p, NULL) == 0 && core_count(p->gate->core).half_open == 0);
    MUST(p, core_count(p->gate->core).cookies_sent >= 1);
    over(p);
}

/* Unprotected notifies are hints: nothing changes but that the peer is asked whether it lives (2.21.4). */
static void unprotected_hints(void **state)
{
    static const uint16_t types[] = {INVALID_IKE_SPI, INVALID_SPI, AUTHENTICATION_FAILED, INVALID_SYNTAX, NO_PROPOSAL_CHOSEN};
    struct puppet *p = connected();
    const struct said *m;
    unsigned probes = 0;

    (void)state;
    world_run(p->w, 20 * SEC);
    for (unsigned round = 0; round < 20; round++)
        for (size_t i = 0; i < COUNT_OF(types); i++) {
            struct ike_header h = {.spi_i = p->ike->spi_i, .spi_r = p->ike->spi_r, .major = 2, .exchange = INFORMATIONAL};
            struct buf b;

            h.flags = (uint8_t)(IKE_FLAG_INITIATOR | (round & 1 ? IKE_FLAG_RESPONSE : 0));
            say(p);
            say_notify(p, types[i], "\1\2\3\4", types[i] == INVALID_SPI ? 4 : 0);
            buf_init(&b, 1000);
            msg_write(&b, &h, p->out.first);
            send_bytes(p, arena_copy(&p->arena, buf_view(&b)));
            buf_done(&b);
            while ((m = hear_for(p, 50 * MS))) {
                MUST(p, m->sealed && !m->response && m->h.exchange == INFORMATIONAL && !m->in);
                say(p);
                reply(p, m);
                probes++;
            }
        }
    MUST(p, probes <= 2);
    alive(p, 1);
    over(p);
}

/* A responder cannot know that its last message of IKE_AUTH has reached who began (the deviation of Ninet and others): its new
 * IKE SA that stays silent is asked once, soon, even where no liveness is configured (2.4), and goes if no answer comes. */
static void silent_newcomers(void **state)
{
    for (unsigned answers = 0; answers < 2; answers++) {
        struct puppet *p = connected();
        usec_t from = p->w->now;
        const struct said *m = hear_for(p, 60 * SEC);

        (void)state;
        MUST(p, p->gate->plan[0].liveness_us == 0);
        MUST(p, m && m->sealed && !m->response && m->h.exchange == INFORMATIONAL && !m->in);
        MUST(p, p->w->now - from >= 29 * SEC && p->w->now - from <= 35 * SEC);
        if (answers) {
            say(p);
            reply(p, m);
            MUST(p, !hear_for(p, 600 * SEC)); /* once */
            alive(p, 1);
        } else {
            world_run(p->w, 600 * SEC);
            MUST(p, ike_sas(p, NULL) == 0 && children(p, NULL) == 0);
        }
        over(p);
    }
}

/* RFC 7296 3.7: a responder says which authorities it takes certificates of, as hashes of their keys. */
static void certreq_of_the_gate(void **state)
{
    static const uint8_t hashes[40] = {1, 2, 3, [20] = 4, 5, 6};
    struct puppet *p = puppet_new(KEEP_ANSWER);
    const struct payload *asked;
    const struct said *m;

    (void)state;
    p->gate->plan[0].ca_hashes = span_of(hashes, sizeof(hashes));
    puppet_start(p);
    say_init(p);
    m = ask(p, IKE_SA_INIT);
    MUST(p, m != NULL);
    asked = part(m, PAYLOAD_CERTREQ);
    MUST(p, asked && asked->u.cert.encoding == CERT_X509_SIGNATURE);
    MUST(p, span_equal(asked->u.cert.data, span_of(hashes, sizeof(hashes))));
    over(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certreq_of_the_gate), cmocka_unit_test(versions),
        cmocka_unit_test(flags_and_spis),      cmocka_unit_test(exchanges_out_of_season),
        cmocka_unit_test(before_auth),         cmocka_unit_test(without_an_ike_sa),
        cmocka_unit_test(message_ids),         cmocka_unit_test(repeats),
        cmocka_unit_test(repeats_late),        cmocka_unit_test(repeats_meanwhile),
        cmocka_unit_test(wrong_answers),       cmocka_unit_test(fragment_counts),
        cmocka_unit_test(fragments_mixed),     cmocka_unit_test(fragments_again),
        cmocka_unit_test(fragments_repeated),  cmocka_unit_test(fragments_bad),
        cmocka_unit_test(fragments_of_auth),   cmocka_unit_test(fragments_of_ours),
        cmocka_unit_test(cookie_lengths),      cmocka_unit_test(endless_beginnings),
        cmocka_unit_test(cookie_and_group),    cmocka_unit_test(group_named_twice),
        cmocka_unit_test(groups_misled),       cmocka_unit_test(gate_asks_for_cookies),
        cmocka_unit_test(cookie_before_work),  cmocka_unit_test(unprotected_hints),
        cmocka_unit_test(silent_newcomers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
