/* SPDX-License-Identifier: Apache-2.0 */
/* Cookies and groups at the beginning, in every order (RFC 7296 2.6, 2.6.1, 2.7). */
#include "puppet_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookie_lengths),     cmocka_unit_test(endless_beginnings), cmocka_unit_test(cookie_and_group),
        cmocka_unit_test(group_named_twice),  cmocka_unit_test(groups_misled),      cmocka_unit_test(gate_asks_for_cookies),
        cmocka_unit_test(cookie_before_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
