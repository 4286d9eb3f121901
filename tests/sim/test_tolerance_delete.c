/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes, and peers that delete and rekey in another order than we would (RFC 7296 1.4.1, 2.8, 2.25). */
#include "puppet_rekey.h"

/* --- order of events
 * ------------------------------------------------------------------------------------------------------------------ */

/* The peer deletes the old SA before it answers our rekey of it. */
static void deleted_before_the_answer(void **state)
{
    struct puppet *p = called();
    uint32_t old_in = p->spi_in, old_out = p->spi_out;
    const struct said *m = rekey_heard(p, "net"), *d;

    (void)state;
    say(p);
    say_delete(p, PROTOCOL_ESP, &old_in, 1);
    d = ask(p, INFORMATIONAL);
    MUST(p, part(d, PAYLOAD_DELETE) && get_u32(part(d, PAYLOAD_DELETE)->u.del.spis.p) == old_out); /* 2.25.1 */
    say_child_answer(p, m, NULL);
    reply(p, m);
    world_run(p->w, SEC);
    MUST(p, children(p, "UP") == 1 && children(p, NULL) == 1);
    tend(p, 60 * SEC);
    MUST(p, children(p, "UP") == 1 && children(p, NULL) == 1);
    alive(p, 1);
    over(p);
}

/* A confused peer rekeys an SA twice: the second is not done again, and the first stands. */
static void rekeyed_twice(void **state)
{
    struct puppet *p = connected();
    uint32_t old = p->spi_in, out = p->spi_out;
    const struct said *m;

    (void)state;
    say_child(p, old, NULL);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, esp_spi(m));
    p->spi_out = esp_spi(m);
    for (unsigned k = 0; k < 3; k++) {
        say_child(p, old, NULL);
        MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == TEMPORARY_FAILURE);
    }
    tell_delete(p, old, out);
    say_child(p, old, NULL);
    MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == CHILD_SA_NOT_FOUND);
    alive(p, 1);
    over(p);
}

/* The peer could not use the new one: it closes both, in one message. Nothing more is made of the new one meanwhile. */
static void deleted_with_its_successor(void **state)
{
    struct puppet *p = connected();
    uint32_t both[2] = {p->spi_in};
    uint64_t asked;

    (void)state;
    say_child(p, both[0], NULL);
    MUST(p, esp_spi(ask(p, CREATE_CHILD_SA)));
    both[1] = p->spi_in;
    asked = p->gate->asks[ASK_CHILD_OUTBOUND];
    say(p);
    say_delete(p, PROTOCOL_ESP, both, 2);
    MUST(p, part(ask(p, INFORMATIONAL), PAYLOAD_DELETE)->u.del.count == 2);
    world_run(p->w, SEC);
    MUST(p, p->gate->asks[ASK_CHILD_OUTBOUND] == asked && children(p, NULL) == 0 && ike_sas(p, "UP") == 1);
    over(p);
}

/* The replaced SA is never deleted by who should: in the end we do it, and the tunnel stays. */
static void rekeyed_and_left(void **state)
{
    struct puppet *p = connected();
    uint32_t old_out = p->spi_out, ours;
    const struct said *m;

    (void)state;
    say_child(p, p->spi_in, NULL);
    MUST(p, esp_spi(ask(p, CREATE_CHILD_SA)));
    say(p);
    MUST(p, ask(p, INFORMATIONAL)); /* so that the gate knows that its answer arrived */
    while ((m = hear_for(p, 90 * SEC)) && !part(m, PAYLOAD_DELETE)) {
        say(p);
        reply(p, m);
    }
    MUST(p, m && get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) == old_out);
    say(p);
    ours = p->spi_in - 1;
    say_delete(p, PROTOCOL_ESP, &ours, 1);
    reply(p, m);
    tend(p, 2 * SEC);
    alive(p, 1);
    over(p);
}

/* The same, but the peer sends by the new one, and perhaps hears on no other: it is answered there before long. */
static void rekeyed_and_left_in_use(void **state)
{
    struct puppet *p = connected();
    uint32_t new_out;

    (void)state;
    say_child(p, p->spi_in, NULL);
    new_out = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, new_out && !xfrm_find(&p->gate->xfrm, false, p->spi_in));
    tend(p, 7 * SEC);
    MUST(p, !xfrm_find(&p->gate->xfrm, false, p->spi_in));
    packets_came(p, new_out);
    tend(p, 7 * SEC);
    MUST(p, xfrm_find(&p->gate->xfrm, false, p->spi_in) && children(p, "UP") == 2);
    MUST(p, deleted_within(p, 60 * SEC));
    MUST(p, children(p, "UP") == 1 && xfrm_find(&p->gate->xfrm, true, new_out));
    alive(p, 1);
    over(p);
}

/* The hand is asked about a successor that the peer closes, and has rekeyed again before the answer counts. */
static void left_and_rekeyed_again(void **state)
{
    struct puppet *p = connected();
    uint32_t old = p->spi_in, gone, new_out;

    (void)state;
    say_child(p, old, NULL);
    gone = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, gone);
    packets_came(p, gone);
    world_run(p->w, 5 * SEC + 50 * MS); /* asked, but not thought about */
    tell_delete(p, p->spi_in, gone);
    say_child(p, old, NULL);
    new_out = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, new_out && new_out != gone);
    world_run(p->w, 7 * SEC);
    MUST(p, !xfrm_find(&p->gate->xfrm, false, p->spi_in)); /* the answer may be lost: nobody speaks there */
    over(p);
}

/* --- Delete
 * --------------------------------------------------------------------------------------------------------------------------- */

static void several_deletes(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    uint32_t in[4], out[4], many[300];
    const struct payload *d;
    const struct said *m;

    (void)state;
    p->gate->plan[0].child[1] =
        (struct plan_child){.name = "b", .local = {"10.2.0.0/16"}, .remote = {"10.1.0.0/16"}, .keep = KEEP_ANSWER};
    p->gate->plan[0].child[2] =
        (struct plan_child){.name = "c", .local = {"10.3.0.0/16"}, .remote = {"10.1.0.0/16"}, .keep = KEEP_ANSWER};
    puppet_start(p);
    MUST(p, up(p));
    in[0] = p->spi_in;
    out[0] = p->spi_out;
    for (unsigned k = 1; k < 3; k++) {
        p->remote = k == 1 ? "10.2.0.0/16" : "10.3.0.0/16";
        say_child(p, 0, NULL);
        in[k] = p->spi_in;
        out[k] = esp_spi(ask(p, CREATE_CHILD_SA));
        MUST(p, out[k]);
    }
    MUST(p, children(p, "UP") == 3);
    many[0] = 0x11111111;
    many[1] = in[0];
    many[2] = 0x22222222;
    many[3] = in[0]; /* twice */
    many[4] = in[1];
    say(p);
    say_delete(p, PROTOCOL_AH, many, 5); /* of another protocol: not ours */
    say_delete(p, PROTOCOL_ESP, many, 5);
    say_delete(p, PROTOCOL_ESP, &in[2], 1);
    m = ask(p, INFORMATIONAL);
    d = part(m, PAYLOAD_DELETE);
    MUST(p, d && d->u.del.count == 3 && !payload_after(d, PAYLOAD_DELETE));
    for (unsigned k = 0; k < 3; k++)
        MUST(p, get_u32(d->u.del.spis.p + 4 * k) == out[k]);
    world_run(p->w, SEC); /* at peace: `keep: answer` leaves it to the peer */
    MUST(p, children(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0 && ike_sas(p, "UP") == 1);
    for (uint32_t i = 0; i < COUNT_OF(many); i++)
        many[i] = 0x40000000 + i;
    say(p);
    say_delete(p, PROTOCOL_ESP, many, COUNT_OF(many));
    m = ask(p, INFORMATIONAL);
    MUST(p, m && !m->in);
    alive(p, 0);
    over(p);
}

/* Both ends close the same SA at once: the answers carry no Delete (1.4.1, 2.25.1). */
static void crossing_deletes(void **state)
{
    struct puppet *p = called();
    uint32_t in = p->spi_in, out = p->spi_out;
    const struct said *m;

    (void)state;
    end_order(p->gate, ORDER_DOWN, "to1", "net");
    m = hear(p);
    MUST(p, part(m, PAYLOAD_DELETE) && get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) == out);
    tell_delete(p, in, 0);
    say(p);
    reply(p, m);
    world_run(p->w, 100 * MS);
    MUST(p, children(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0);
    alive(p, 0);
    over(p);
}

/* Sizes that do not fit are malformed, and that is fatal (3.11, 2.21.3). */
static void malformed_deletes(void **state)
{
    static const uint8_t bodies[][12] = {{PROTOCOL_ESP, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8},
                                         {PROTOCOL_ESP, 4, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8},
                                         {PROTOCOL_IKE, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8},
                                         {PROTOCOL_ESP, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct puppet *p = connected();

        say(p);
        say_raw(p, PAYLOAD_DELETE, bodies[i], 12);
        MUST(p, error_of(ask(p, INFORMATIONAL)) == INVALID_SYNTAX && ike_sas(p, NULL) == 0);
        over(p);
    }
}

static void delete_of_the_ike_sa(void **state)
{
    struct puppet *p = connected();
    const struct said *m;

    (void)state;
    say(p);
    say_delete(p, PROTOCOL_IKE, NULL, 0);
    m = ask(p, INFORMATIONAL);
    MUST(p, m && m->response && m->sealed && !m->in);
    MUST(p, ike_sas(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0);
    over(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deleted_before_the_answer),
        cmocka_unit_test(rekeyed_twice),
        cmocka_unit_test(deleted_with_its_successor),
        cmocka_unit_test(rekeyed_and_left),
        cmocka_unit_test(rekeyed_and_left_in_use),
        cmocka_unit_test(left_and_rekeyed_again),
        cmocka_unit_test(several_deletes),
        cmocka_unit_test(malformed_deletes),
        cmocka_unit_test(delete_of_the_ike_sa),
        cmocka_unit_test(crossing_deletes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
