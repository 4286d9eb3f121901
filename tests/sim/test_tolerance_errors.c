/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that refuse: what the gate makes of each error, how often it tries again, and when it gives up (RFC 7296 2.21, 2.25). */
#include "puppet_test.h"

static const struct said *rekey_heard(struct puppet *p, const char *child)
{
    const struct said *m;

    end_order(p->gate, ORDER_REKEY, "to1", child);
    m = hear(p);
    MUST(p, m && m->h.exchange == CREATE_CHILD_SA && !m->response);
    return m;
}

static void refuse_it(struct puppet *p, const struct said *m, uint16_t error)
{
    say(p);
    say_notify(p, error, NULL, 0);
    reply(p, m);
}

/* The gate comes; its Child SA is refused in IKE_AUTH with this error, the IKE SA stands. */
static struct puppet *child_refused(uint16_t error)
{
    struct puppet *p = puppet_new(KEEP_UP);
    const struct said *m;

    puppet_start(p);
    m = hear_for(p, 5 * SEC);
    MUST(p, m && m->h.exchange == IKE_SA_INIT);
    say_init_answer(p, m);
    reply(p, m);
    m = hear(p);
    MUST(p, m && m->h.exchange == IKE_AUTH);
    say(p);
    say_id(p, PAYLOAD_IDR, ID_FQDN, p->id);
    say_psk(p);
    say_notify(p, error, NULL, 0);
    reply(p, m);
    world_run(p->w, 50 * MS);
    return p;
}

/* 2.21.2: the IKE SA is up, the Child SA is asked for again, ever more rarely, and comes when the peer has changed its mind. */
static void child_error_in_auth(void **state)
{
    static const uint16_t errors[] = {TS_UNACCEPTABLE, NO_PROPOSAL_CHOSEN, INTERNAL_ADDRESS_FAILURE, FAILED_CP_REQUIRED,
                                      NO_ADDITIONAL_SAS};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        struct puppet *p = child_refused(errors[i]);
        usec_t at, waits[8];
        const struct said *m;

        MUST(p, ike_sas(p, "UP") == 1 && children(p, NULL) == 0 && p->gate->facts[FACT_CHILD_FAILED] == 1);
        for (size_t k = 0; k < COUNT_OF(waits); k++) {
            at = p->w->now;
            m = hear_for(p, 200 * SEC);
            MUST(p, m && m->h.exchange == CREATE_CHILD_SA && !has(m, REKEY_SA) && esp_spi(m));
            waits[k] = p->w->now - at;
            if (k + 1 < COUNT_OF(waits))
                refuse_it(p, m, TS_UNACCEPTABLE);
        }
        MUST(p, waits[0] >= SEC && waits[7] >= 60 * SEC && waits[7] <= 130 * SEC);
        say_child_answer(p, m, NULL);
        reply(p, m);
        world_run(p->w, 100 * MS);
        alive(p, 1);
        over(p);
    }
}

static void temporary_failure_in_auth(void **state)
{
    struct puppet *p = child_refused(TEMPORARY_FAILURE);
    usec_t at = p->w->now;
    const struct said *m = hear_for(p, 30 * SEC);

    (void)state;
    MUST(p, m && m->h.exchange == CREATE_CHILD_SA && p->w->now - at > SEC); /* MUST NOT immediately (2.25) */
    say_child_answer(p, m, NULL);
    reply(p, m);
    world_run(p->w, 100 * MS);
    alive(p, 1);
    over(p);
}

/* Answers TEMPORARY_FAILURE to everything: tried again, never at once, for some minutes; then the IKE SA is closed (2.25). */
static void always_temporary(struct puppet *p, const struct said *m)
{
    usec_t begun = p->w->now, last = 0;
    unsigned tries = 0;

    for (; m && p->w->now - begun < 15 * 60 * SEC; m = hear_for(p, 60 * SEC)) {
        const struct payload *d = part(m, PAYLOAD_DELETE);

        if (m->h.exchange == INFORMATIONAL) {
            say(p);
            reply(p, m);
            if (d && d->u.del.protocol == PROTOCOL_IKE)
                break;
            continue;
        }
        MUST(p, m->h.exchange == CREATE_CHILD_SA);
        MUST(p, !tries || p->w->now - last >= SEC);
        last = p->w->now;
        tries++;
        refuse_it(p, m, TEMPORARY_FAILURE);
    }
    world_run(p->w, 10 * MS);
    MUST(p, m && tries >= 5 && tries <= 200);
    MUST(p, p->w->now - begun >= 120 * SEC && p->w->now - begun <= 10 * 60 * SEC);
    MUST(p, ike_sas(p, "UP") == 0);
    MUST(p, hear_for(p, 300 * SEC)->h.exchange == IKE_SA_INIT); /* and from the beginning */
}

static void temporary_failures(void **state)
{
    struct puppet *p = called();

    (void)state;
    always_temporary(p, rekey_heard(p, "net"));
    over(p);
    p = called();
    always_temporary(p, rekey_heard(p, NULL));
    over(p);
    p = child_refused(TEMPORARY_FAILURE);
    always_temporary(p, hear_for(p, 30 * SEC));
    over(p);
}

/* CHILD_SA_NOT_FOUND: the old one goes without a word, a new one is made from scratch (2.25). */
static void not_found(void **state)
{
    struct puppet *p = called();
    const struct said *m = rekey_heard(p, "net");
    uint32_t old = p->spi_out;

    (void)state;
    say(p);
    say_notify_spi(p, CHILD_SA_NOT_FOUND, PROTOCOL_ESP, get_u32(notify_find(m->in, REKEY_SA)->u.notify.spi.p));
    reply(p, m);
    m = hear_for(p, 10 * SEC);
    MUST(p, m && m->h.exchange == CREATE_CHILD_SA && !has(m, REKEY_SA));
    MUST(p, !xfrm_find(&p->gate->xfrm, true, old));
    say_child_answer(p, m, NULL);
    reply(p, m);
    world_run(p->w, 100 * MS);
    alive(p, 1);
    over(p);
}

/* A peer that takes one Child SA in IKE_AUTH and nothing else (1.3): rekeys are refused; when the lifetime ends all begins anew,
 * and the gate does not hang on an IKE SA that can never carry anything. */
static void no_additional_sas(void **state)
{
    struct puppet *p = puppet_new(KEEP_UP);
    const struct said *m;
    unsigned asked = 0;
    bool anew = false;

    (void)state;
    p->gate->plan[0].child[0].rekey_us = 60 * SEC;
    p->gate->plan[0].child[0].lifetime_us = 120 * SEC;
    puppet_start(p);
    MUST(p, up_there(p));
    while (!anew && (m = hear_for(p, 200 * SEC))) {
        if (m->h.exchange == CREATE_CHILD_SA) {
            asked++;
            refuse_it(p, m, NO_ADDITIONAL_SAS);
        } else if (m->h.exchange == INFORMATIONAL) {
            say(p);
            reply(p, m);
        } else {
            anew = m->h.exchange == IKE_SA_INIT;
        }
        MUST(p, asked < 10);
    }
    MUST(p, anew && p->w->now < 1300 * SEC);
    say_init_answer(p, m);
    reply(p, m);
    m = hear(p);
    MUST(p, m && m->h.exchange == IKE_AUTH);
    say_auth_answer(p, m);
    reply(p, m);
    world_run(p->w, 100 * MS);
    MUST(p, children(p, "UP") == 1 && ike_sas(p, NULL) == 1);
    over(p);
}

/* The same for the rekey of the IKE SA. */
static void no_rekey_of_the_ike_sa(void **state)
{
    struct puppet *p = puppet_new(KEEP_UP);
    const struct said *m;
    unsigned asked = 0;

    (void)state;
    p->gate->plan[0].rekey_us = 60 * SEC;
    p->gate->plan[0].lifetime_us = 120 * SEC;
    puppet_start(p);
    MUST(p, up_there(p));
    while ((m = hear_for(p, 200 * SEC)) && m->h.exchange != IKE_SA_INIT) {
        if (m->h.exchange == CREATE_CHILD_SA) {
            asked++;
            refuse_it(p, m, NO_ADDITIONAL_SAS);
        } else {
            say(p);
            reply(p, m);
        }
    }
    MUST(p, m && asked >= 1 && asked <= 5);
    over(p);
}

/* The peer has found our request malformed: it has no IKE SA any more (2.21.3). */
static void invalid_syntax_answered(void **state)
{
    for (unsigned k = 0; k < 3; k++) {
        struct puppet *p = called();
        const struct said *m;

        (void)state;
        if (k < 2) {
            m = rekey_heard(p, k ? NULL : "net");
        } else {
            end_order(p->gate, ORDER_DOWN, "to1", "net");
            m = hear(p);
        }
        refuse_it(p, m, INVALID_SYNTAX);
        world_run(p->w, 10 * MS);
        MUST(p, ike_sas(p, "UP") == 0 && xfrm_size(&p->gate->xfrm) == 0);
        m = hear_for(p, 100 * SEC);
        MUST(p, k == 2 ? !m : m && m->h.exchange == IKE_SA_INIT); /* nothing is said to nobody */
        over(p);
    }
}

/* The peer has not accepted what we proved, and says so in a request of its own (2.21.2). */
static void authentication_failed_later(void **state)
{
    struct puppet *p = called();
    const struct said *m;
    usec_t at = p->w->now;

    (void)state;
    say(p);
    say_notify(p, AUTHENTICATION_FAILED, NULL, 0);
    m = ask(p, INFORMATIONAL);
    MUST(p, m && m->response && !m->in && ike_sas(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0);
    m = hear_for(p, 100 * SEC);
    MUST(p, m && m->h.exchange == IKE_SA_INIT && p->w->now - at > SEC);
    over(p);
}

/* IKE_AUTH refused whole: told to the operator, tried again ever more rarely, and no Delete for what never was. */
static void authentication_failed(void **state)
{
    static const uint16_t errors[] = {AUTHENTICATION_FAILED, INVALID_SYNTAX, NO_PROPOSAL_CHOSEN, UNSUPPORTED_CRITICAL_PAYLOAD,
                                      9999};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        struct puppet *p = puppet_new(KEEP_UP);
        usec_t at, wait = 0;

        puppet_start(p);
        for (unsigned k = 0; k < 7; k++) {
            const struct said *m;

            at = p->w->now;
            m = hear_for(p, 300 * SEC);
            wait = p->w->now - at;
            MUST(p, m && m->h.exchange == IKE_SA_INIT);
            say_init_answer(p, m);
            reply(p, m);
            m = hear(p);
            MUST(p, m && m->h.exchange == IKE_AUTH);
            say(p);
            say_notify(p, errors[i], NULL, 0);
            reply(p, m);
            world_run(p->w, 10 * MS);
            MUST(p, p->gate->facts[FACT_IKE_FAILED] == k + 1 && ike_sas(p, NULL) == 0);
        }
        MUST(p, wait > 30 * SEC && wait <= 121 * SEC);
        MUST(p, p->gate->facts[FACT_IKE_UP] == 0 && xfrm_size(&p->gate->xfrm) == 0);
        over(p);
    }
}

/* A wrong proof of the peer: it hears AUTHENTICATION_FAILED, nothing else. */
static void wrong_proofs(void **state)
{
    for (unsigned k = 0; k < 4; k++) {
        struct puppet *p = waiting();
        const struct said *m;

        (void)state;
        MUST(p, keyed(p));
        say_auth(p);
        if (k == 0)
            ((uint8_t *)(uintptr_t)find_out(p, PAYLOAD_AUTH)->u.auth.data.p)[3] ^= 1;
        else if (k == 1)
            find_out(p, PAYLOAD_AUTH)->u.auth.data.len = 0;
        else if (k == 2)
            find_out(p, PAYLOAD_AUTH)->u.auth.method = 13; /* NULL authentication */
        else
            find_out(p, PAYLOAD_IDI)->u.id = (struct id){ID_FQDN, span_str("end0.example")}; /* ours */
        m = ask(p, IKE_AUTH);
        MUST(p, m && m->in && error_of(m) == AUTHENTICATION_FAILED && !m->in->next);
        MUST(p, ike_sas(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0 && p->gate->asks[ASK_AUTH_MAKE] == 0);
        over(p);
    }
}

/* Protected errors in requests that no exchange is about: noted, and nothing changes (2.21.4). */
static void reported_errors(void **state)
{
    static const uint16_t errors[] = {INVALID_SPI,        INVALID_SELECTORS,
                                      INVALID_MESSAGE_ID, TEMPORARY_FAILURE,
                                      NO_PROPOSAL_CHOSEN, UNSUPPORTED_CRITICAL_PAYLOAD,
                                      CHILD_SA_NOT_FOUND, TS_UNACCEPTABLE,
                                      INVALID_IKE_SPI,    9999};
    struct puppet *p = connected();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        const struct said *m;

        say(p);
        say_notify(p, errors[i], "\300\0\0\1", 4);
        m = ask(p, INFORMATIONAL);
        MUST(p, m && m->response && !m->in);
    }
    alive(p, 1);
    over(p);
}

/* An answer that cannot be read: the IKE SA is out of step, and closed with a word (2.21). */
static void unreadable_answers(void **state)
{
    for (unsigned k = 0; k < 3; k++) {
        struct puppet *p = called();
        const struct said *m = rekey_heard(p, k == 1 ? NULL : "net");

        (void)state;
        say(p);
        if (k == 2)
            say_raw(p, 230, "", 0)->critical = true; /* MUST NOT be (2.5) */
        else
            say_raw(p, PAYLOAD_SA, "\0\0\0", 3);
        reply(p, m);
        m = hear(p);
        MUST(p, part(m, PAYLOAD_DELETE) && part(m, PAYLOAD_DELETE)->u.del.protocol == PROTOCOL_IKE);
        MUST(p, ike_sas(p, "UP") == 0 && xfrm_size(&p->gate->xfrm) == 0);
        MUST(p, hear_for(p, 100 * SEC)->h.exchange == IKE_SA_INIT);
        over(p);
    }
}

/* INITIAL_CONTACT sweeps what is older and of the same identity, and nothing else (2.4). */
static void initial_contact(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    const struct said *m;
    struct pupil *a, *b, *a2;

    (void)state;
    p->gate->plan[0].remote = (struct addr){0}; /* any */
    p->gate->plan[0].remote_id = "*.example";
    puppet_start(p);
    p->id = "alice.example";
    p->local = "10.1.1.0/24";
    MUST(p, up(p));
    a = p->ike;
    p->id = "bob.example";
    p->local = "10.1.2.0/24";
    MUST(p, up(p));
    b = p->ike;
    p->id = "alice.example";
    p->local = "10.1.3.0/24";
    MUST(p, up(p)); /* without INITIAL_CONTACT: both live */
    a2 = p->ike;
    MUST(p, ike_sas(p, "UP") == 3 && children(p, "UP") == 3);
    p->local = "10.1.4.0/24";
    MUST(p, keyed(p));
    say_auth(p);
    say_notify(p, INITIAL_CONTACT, NULL, 0);
    m = ask(p, IKE_AUTH);
    MUST(p, esp_spi(m) && ike_sas(p, "UP") == 2 && children(p, "UP") == 2);
    alive(p, 2);
    p->ike = b;
    alive(p, 2);
    say(p);
    p->ike = a;
    m = ask(p, INFORMATIONAL);
    MUST(p, m && !m->sealed && error_of(m) == INVALID_IKE_SPI);
    p->ike = a2;
    m = ask(p, INFORMATIONAL);
    MUST(p, m && !m->sealed && error_of(m) == INVALID_IKE_SPI);
    /* said by nobody that is known it sweeps nothing */
    MUST(p, keyed(p));
    say_auth(p);
    say_notify(p, INITIAL_CONTACT, NULL, 0);
    ((uint8_t *)(uintptr_t)find_out(p, PAYLOAD_AUTH)->u.auth.data.p)[0] ^= 1;
    m = ask(p, IKE_AUTH);
    MUST(p, error_of(m) == AUTHENTICATION_FAILED && ike_sas(p, "UP") == 2);
    over(p);
}

/* The same after a reload that gave the connection another number. */
static void initial_contact_renumbered(void **state)
{
    struct puppet *p = connected();
    struct pupil *old = p->ike;
    const struct said *m;

    (void)state;
    p->gate->plan[1] = p->gate->plan[0];
    p->gate->plan[0] = plan_tunnel(0, 2, KEEP_ANSWER);
    p->gate->n_plans = 2;
    end_reload(p->gate);
    world_run(p->w, SEC);
    alive(p, 1);
    MUST(p, keyed(p));
    say_auth(p);
    say_notify(p, INITIAL_CONTACT, NULL, 0);
    m = ask(p, IKE_AUTH);
    MUST(p, esp_spi(m) && ike_sas(p, "UP") == 1 && children(p, "UP") == 1);
    alive(p, 1);
    say(p);
    p->ike = old;
    m = ask(p, INFORMATIONAL);
    MUST(p, m && !m->sealed && error_of(m) == INVALID_IKE_SPI);
    over(p);
}

/* The time that a half-open IKE SA has ends while its first Child SA is installed: that is no reason to rekey it. */
static void half_open_no_more(void **state)
{
    struct puppet *p = waiting();
    const struct said *m;

    (void)state;
    MUST(p, keyed(p));
    p->gate->desk[ASK_HAND].low = p->gate->desk[ASK_HAND].high = 2 * SEC;
    world_run(p->w, 29 * SEC);
    say_auth(p);
    request(p, IKE_AUTH);
    m = hear_for(p, 5 * SEC);
    MUST(p, m && m->h.exchange == IKE_AUTH && esp_spi(m));
    MUST(p, silence(p));
    alive(p, 1);
    over(p);
}

/* What is asked of us is refused with the same words. */
static void gate_refuses(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    const struct said *m;

    (void)state;
    p->gate->globals.limits.children_per_ike_max = 2;
    puppet_start(p);
    MUST(p, keyed(p));
    say_auth(p);
    unsay(p, PAYLOAD_TSI);
    say_ts(p, PAYLOAD_TSI, "192.168.0.0/16");
    m = ask(p, IKE_AUTH);
    MUST(p, part(m, PAYLOAD_AUTH) && error_of(m) == TS_UNACCEPTABLE && !part(m, PAYLOAD_SA) && !part(m, PAYLOAD_TSI));
    MUST(p, ike_sas(p, "UP") == 1 && children(p, NULL) == 0);
    p->esp = "aes128gcm16";
    say_child(p, 0, NULL);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, error_of(m) == NO_PROPOSAL_CHOSEN && !m->in->next);
    p->esp = "aes256gcm16";
    for (unsigned k = 0; k < 2; k++) {
        p->local = k ? "10.1.1.0/24" : "10.1.2.0/24";
        say_child(p, 0, NULL);
        MUST(p, esp_spi(ask(p, CREATE_CHILD_SA)));
    }
    p->local = "10.1.3.0/24";
    say_child(p, 0, NULL);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, error_of(m) == NO_ADDITIONAL_SAS && !m->in->next);
    say_child(p, p->spi_in - 1, NULL); /* a rekey is none more */
    MUST(p, esp_spi(ask(p, CREATE_CHILD_SA)));
    over(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_error_in_auth),     cmocka_unit_test(temporary_failure_in_auth),
        cmocka_unit_test(temporary_failures),      cmocka_unit_test(not_found),
        cmocka_unit_test(no_additional_sas),       cmocka_unit_test(no_rekey_of_the_ike_sa),
        cmocka_unit_test(invalid_syntax_answered), cmocka_unit_test(authentication_failed_later),
        cmocka_unit_test(authentication_failed),   cmocka_unit_test(wrong_proofs),
        cmocka_unit_test(reported_errors),         cmocka_unit_test(unreadable_answers),
        cmocka_unit_test(initial_contact),         cmocka_unit_test(initial_contact_renumbered),
        cmocka_unit_test(half_open_no_more),       cmocka_unit_test(gate_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
