/* SPDX-License-Identifier: Apache-2.0 */
/* The rekey of the IKE SA, with peers that do it their own way (RFC 7296 2.8, 2.8.2, 2.25.2). */
#include "puppet_rekey.h"

static void ike_rekeyed_by_peer(void **state)
{
    struct puppet *p = connected();
    struct pupil *old;
    const struct said *m;

    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        old = p->ike;
        say_rekey_ike(p, p->words);
        m = ask(p, CREATE_CHILD_SA);
        MUST(p, heir_take(p, m));
        MUST(p, !part(m, PAYLOAD_TSI) && m->in->type == PAYLOAD_SA);
        say(p); /* the old one is still heard ... */
        p->heir = p->ike;
        p->ike = old;
        say_delete(p, PROTOCOL_IKE, NULL, 0);
        m = ask(p, INFORMATIONAL);
        MUST(p, m && m->response && m->h.spi_i == old->spi_i);
        p->ike = p->heir; /* ... and the new one begins with 0 */
        MUST(p, p->ike->next_ours == 0);
        alive(p, 1);
        MUST(p, ike_sas(p, NULL) == 1);
    }
    say_rekey_ike(p, p->words);
    proposal_of(find_out(p, PAYLOAD_SA), 0)->spi_len = 0; /* without an SPI: for nobody */
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, error_of(m) == INVALID_SYNTAX || error_of(m) == NO_PROPOSAL_CHOSEN);
    over(p);
}

/* While the peer has rekeyed the IKE SA, nothing more is begun on the old one (2.25.2); the new one has the child. */
static void old_ike_sa_still_used(void **state)
{
    struct puppet *p = connected();
    uint32_t in = p->spi_in, out = p->spi_out;
    struct pupil *old = p->ike, *new;

    (void)state;
    say_rekey_ike(p, p->words);
    MUST(p, heir_take(p, ask(p, CREATE_CHILD_SA)));
    new = p->ike;
    p->ike = old;
    say_child(p, 0, NULL);
    MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == TEMPORARY_FAILURE);
    say_rekey_ike(p, p->words);
    MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == TEMPORARY_FAILURE);
    tell_delete(p, in, 0);
    p->ike = new;
    MUST(p, children(p, "UP") == 1);
    tell_delete(p, in, out);
    MUST(p, children(p, NULL) == 0);
    over(p);
}

/* The peer closes the IKE SA that we are rekeying: it gets its answer, and our rekey is forgotten (2.25.2). */
static void closed_while_rekeyed(void **state)
{
    struct puppet *p = called();
    const struct said *m = rekey_heard(p, NULL), *d;

    (void)state;
    say(p);
    say_delete(p, PROTOCOL_IKE, NULL, 0);
    d = ask(p, INFORMATIONAL);
    MUST(p, d && d->response && !d->in && ike_sas(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0);
    say_rekey_ike_answer(p, m); /* too late */
    reply(p, m);
    m = hear_for(p, 60 * SEC);
    MUST(p, m && m->h.exchange == IKE_SA_INIT && ike_sas(p, "UP") == 0);
    over(p);
}

/* Both ends rekey the IKE SA at once: the peer's is answered as usual, a second one of it is not (2.25.2). */
static void ike_rekeyed_by_both_and_again(void **state)
{
    struct puppet *p = called();
    const struct said *m = rekey_heard(p, NULL);
    struct pupil *old = p->ike;

    (void)state;
    say_rekey_ike(p, p->words);
    MUST(p, heir_take(p, ask(p, CREATE_CHILD_SA)));
    p->ike = old;
    say_rekey_ike(p, p->words);
    MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == TEMPORARY_FAILURE);
    say(p);
    say_notify(p, TEMPORARY_FAILURE, NULL, 0);
    reply(p, m); /* and ours comes to nothing: the peer's stands, with the child */
    world_run(p->w, 100 * MS);
    p->ike = &p->sa[1];
    alive(p, 1);
    over(p);
}

/* Both ends rekey the IKE SA, the peer gives its own up and refuses ours: the old one goes on, and is looked after as before. */
static void ike_rekeyed_by_none(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    struct pupil *old, *heir;
    const struct said *m, *n;
    usec_t until;

    (void)state;
    p->gate->plan[0].liveness_us = 5 * SEC;
    p->natd_wrong_destination = true; /* the gate is behind a NAT */
    puppet_start(p);
    MUST(p, up(p));
    old = p->ike;
    m = rekey_heard(p, NULL);
    say_rekey_ike(p, p->words);
    MUST(p, heir_take(p, ask(p, CREATE_CHILD_SA)));
    heir = p->ike;
    world_run(p->w, 7 * SEC);
    say(p);
    say_delete(p, PROTOCOL_IKE, NULL, 0);
    request(p, INFORMATIONAL);
    world_run(p->w, 100 * MS);
    MUST(p, ike_sas(p, "UP") == 1 && children(p, "UP") == 1 && heir->spi_i != old->spi_i);
    p->ike = old;
    say(p);
    say_notify(p, NO_PROPOSAL_CHOSEN, NULL, 0);
    reply(p, m);
    until = p->w->now + 12 * SEC;
    while ((n = hear_for(p, until - p->w->now)) && (n->h.spi_i != old->spi_i || n->h.exchange != INFORMATIONAL || n->response))
        MUST(p, p->w->now < until);
    MUST(p, n && !n->in);
    over(p);
}

/* The answer to our rekey of the IKE SA with something wrong in it: the old one carries on, and it is tried again. */
static void bad_answers_to_ike_rekey(void **state)
{
    for (unsigned k = 0; k < 5; k++) {
        struct puppet *p = called();
        const struct said *m = rekey_heard(p, NULL);

        (void)state;
        say_rekey_ike_answer(p, m);
        if (k == 0)
            unsay(p, PAYLOAD_KE);
        else if (k == 1)
            unsay(p, PAYLOAD_NONCE);
        else if (k == 2)
            put_u64(proposal_of(find_out(p, PAYLOAD_SA), 0)->spi, 0);
        else if (k == 3)
            proposal_of(find_out(p, PAYLOAD_SA), 0)->spi_len = 4;
        else
            find_out(p, PAYLOAD_KE)->u.ke.group = 19;
        reply(p, m);
        world_run(p->w, 10 * MS);
        MUST(p, ike_sas(p, NULL) == 1 && children(p, "UP") == 1);
        p->sa[1].spi_i = 0;
        secret_done(&p->sa[1].ke_private), secret_done(&p->sa[1].shared), secret_done(&p->sa[1].ni), secret_done(&p->sa[1].nr);
        ike_keys_done(&p->sa[1].keys);
        while ((m = hear_for(p, 60 * SEC)) && m->h.exchange == INFORMATIONAL) {
            say(p);
            reply(p, m);
        }
        MUST(p, m && m->h.exchange == CREATE_CHILD_SA && part(m, PAYLOAD_SA)->u.sa.v[0].protocol == PROTOCOL_IKE);
        over(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ike_rekeyed_by_peer),  cmocka_unit_test(old_ike_sa_still_used),
        cmocka_unit_test(closed_while_rekeyed), cmocka_unit_test(ike_rekeyed_by_both_and_again),
        cmocka_unit_test(ike_rekeyed_by_none),  cmocka_unit_test(bad_answers_to_ike_rekey),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
