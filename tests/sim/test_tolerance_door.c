/* SPDX-License-Identifier: Apache-2.0 */
/* At the door: versions, flags, exchanges out of season, message IDs, repeats, hints (RFC 7296 2.1 to 2.5, 2.21). */
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

/* --- cookies
 * ------------------------------------------------------------------------------------------------------------------------ */

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
        cmocka_unit_test(wrong_answers),       cmocka_unit_test(unprotected_hints),
        cmocka_unit_test(silent_newcomers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
