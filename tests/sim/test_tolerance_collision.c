/* SPDX-License-Identifier: Apache-2.0 */
/* A Child SA that both ends rekeyed: which one stays, and peers that keep, use, close or forget the other (RFC 7296 2.8.1). */
#include "puppet_rekey.h"

/* Of two rekeys at once the one of the peer, whose nonce is the lowest, is redundant: it should close that one (2.8.1). */
static uint32_t collision_lost(struct puppet *p, uint32_t *ours_out)
{
    static const uint8_t low[32] = {0};
    uint32_t old = p->spi_in, old_out = p->spi_out, theirs_out;
    const struct said *m = rekey_heard(p, "net"), *d;

    say_child(p, old, NULL);
    find_out(p, PAYLOAD_NONCE)->u.nonce = span_of(low, sizeof(low));
    theirs_out = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, theirs_out);
    say_child_answer(p, m, NULL);
    *ours_out = esp_spi(m);
    reply(p, m);
    d = hear(p);
    MUST(p, part(d, PAYLOAD_DELETE) && get_u32(part(d, PAYLOAD_DELETE)->u.del.spis.p) == old_out);
    say(p);
    say_delete(p, PROTOCOL_ESP, &old, 1);
    reply(p, d);
    world_run(p->w, 100 * MS);
    return theirs_out;
}

/* A peer that knows no such rule keeps its own and speaks on it: ours goes, whether the peer asks anything else or not. */
static void loser_kept(void **state)
{
    (void)state;
    for (unsigned asks = 0; asks < 2; asks++) {
        struct puppet *p = called();
        uint32_t ours_out, theirs_out = collision_lost(p, &ours_out);
        usec_t since = p->w->now;

        if (asks) {
            say(p);
            MUST(p, ask(p, INFORMATIONAL));
        }
        /* dead_after is two minutes here; then it is asked whether it is there, and has some time */
        MUST(p, deleted_within(p, 200 * SEC) == ours_out);
        MUST(p, p->w->now - since <= (asks ? 33 : 183) * SEC && p->w->now - since >= (asks ? 29 : 179) * SEC);
        MUST(p, xfrm_find(&p->gate->xfrm, true, theirs_out) && xfrm_find(&p->gate->xfrm, false, p->spi_in - 1));
        MUST(p, deleted_within(p, 90 * SEC) == 0);
        alive(p, 1);
        over(p);
    }
}

/* It keeps its own too, but sends by ours, which was complete later for it: to close that would silence it, so its own goes. */
static void loser_kept_unused(void **state)
{
    struct puppet *p = called();
    uint32_t ours_out, theirs_out = collision_lost(p, &ours_out);

    (void)state;
    say(p);
    MUST(p, ask(p, INFORMATIONAL));
    world_run(p->w, 20 * SEC);
    packets_came(p, ours_out);
    MUST(p, deleted_within(p, 60 * SEC) == theirs_out);
    MUST(p, deleted_within(p, 90 * SEC) == 0);
    MUST(p, xfrm_find(&p->gate->xfrm, true, ours_out) && !xfrm_find(&p->gate->xfrm, true, theirs_out));
    alive(p, 1);
    over(p);
}

/* Both rekey at once, ours is redundant, and our request was lost until the peer's own was complete. */
static uint32_t collision_won(struct puppet *p, uint32_t *ours_out)
{
    static const uint8_t low[32] = {0};
    const struct said *m = rekey_heard(p, "net");
    uint32_t old = p->spi_in, old_out = p->spi_out, theirs_out;

    say_child(p, old, NULL);
    theirs_out = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, theirs_out);
    tell_delete(p, old, old_out);
    world_run(p->w, 2500 * MS); /* it is sent again, and then is answered */
    say_child_answer(p, m, NULL);
    find_out(p, PAYLOAD_NONCE)->u.nonce = span_of(low, sizeof(low));
    *ours_out = esp_spi(m);
    reply(p, m);
    world_run(p->w, 100 * MS);
    return theirs_out;
}

/* For a peer that speaks on what was complete last for it, that is ours, though it is redundant: to close it would silence the
 * peer. */
static void redundant_in_use(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        struct puppet *p = called();
        uint32_t ours_out, theirs_out = collision_won(p, &ours_out);
        usec_t since = p->w->now;
        bool used = how == 1; /* 0: neither; 2: by ours at first, then by its own */

        if (how)
            packets_came(p, ours_out);
        tend(p, 2500 * MS);
        if (how == 2)
            packets_came(p, theirs_out);
        MUST(p, deleted_within(p, 20 * SEC) == (used ? theirs_out : ours_out) && p->w->now - since < 9 * SEC);
        MUST(p, deleted_within(p, 90 * SEC) == 0);
        MUST(p, xfrm_find(&p->gate->xfrm, true, used ? ours_out : theirs_out));
        MUST(p, !xfrm_find(&p->gate->xfrm, true, used ? theirs_out : ours_out));
        alive(p, 1);
        over(p);
    }
}

/* While we wait, the peer closes its own: then ours is the one that it wants. */
static void redundant_wanted(void **state)
{
    struct puppet *p = called();
    uint32_t ours_out, theirs_out = collision_won(p, &ours_out);

    (void)state;
    tell_delete(p, p->spi_in - 1, theirs_out);
    MUST(p, deleted_within(p, 90 * SEC) == 0);
    MUST(p, xfrm_find(&p->gate->xfrm, true, ours_out) && children(p, "UP") == 1);
    alive(p, 1);
    over(p);
}

/* Ours is being closed, which takes long: it is too late to keep it, and the peer's stays whatever comes by ours. */
static void redundant_being_closed(void **state)
{
    static const uint8_t low[32] = {0};
    struct puppet *p = puppet_new(KEEP_UP);
    const struct said *m;
    uint32_t ours_out, theirs_out, old, old_out;

    (void)state;
    p->gate->plan[0].child[0].rekey_us = 20 * SEC;
    p->gate->plan[0].child[0].lifetime_us = 300 * SEC;
    puppet_start(p);
    MUST(p, up_there(p));
    old = p->spi_in;
    old_out = p->spi_out;
    m = rekey_heard(p, "net");
    say_child(p, old, NULL);
    theirs_out = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, theirs_out);
    tell_delete(p, old, old_out);
    say_child_answer(p, m, NULL);
    find_out(p, PAYLOAD_NONCE)->u.nonce = span_of(low, sizeof(low));
    ours_out = esp_spi(m);
    reply(p, m);
    m = hear(p);
    MUST(p, part(m, PAYLOAD_DELETE) && get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) == ours_out);
    for (unsigned k = 0; k < 22; k++) {
        packets_came(p, ours_out);
        world_run(p->w, SEC);
    }
    say(p);
    reply(p, m);
    m = hear(p);
    MUST(p, m && has(m, REKEY_SA) && get_u32(notify_find(m->in, REKEY_SA)->u.notify.spi.p) == theirs_out);
    MUST(p, xfrm_find(&p->gate->xfrm, true, theirs_out));
    over(p);
}

/* A peer that knows the rule closes its own; an order to rekey in between is of the one that stays. */
static void loser_closed(void **state)
{
    struct puppet *p = called();
    uint32_t ours_out, theirs_out = collision_lost(p, &ours_out);

    (void)state;
    MUST(p, xfrm_find(&p->gate->xfrm, true, theirs_out));
    tell_delete(p, p->spi_in - 1, theirs_out);
    MUST(p, deleted_within(p, 90 * SEC) == 0);
    alive(p, 1);
    over(p);
}

/* The same, but its Delete is long under way, and so is all else: it would give up after dead_after, and not sooner. */
static void loser_closed_late(void **state)
{
    struct puppet *p = called();
    uint32_t ours_out, theirs_out = collision_lost(p, &ours_out);

    (void)state;
    world_run(p->w, 100 * SEC);
    MUST(p, xfrm_find(&p->gate->xfrm, true, theirs_out) && xfrm_find(&p->gate->xfrm, true, ours_out));
    tell_delete(p, p->spi_in - 1, theirs_out);
    MUST(p, deleted_within(p, 90 * SEC) == 0);
    MUST(p, xfrm_find(&p->gate->xfrm, true, ours_out));
    alive(p, 1);
    over(p);
}

/* The peer rekeys its child and does not hear our answer, but lets the IKE SA be rekeyed meanwhile. */
static uint32_t answer_unheard(struct puppet *p)
{
    const struct said *m;
    uint32_t out;

    say_child(p, p->spi_in, NULL);
    out = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, out);
    m = rekey_heard(p, NULL);
    say_rekey_ike_answer(p, m);
    reply(p, m);
    m = hear(p);
    MUST(p, part(m, PAYLOAD_DELETE) && part(m, PAYLOAD_DELETE)->u.del.protocol == PROTOCOL_IKE);
    say(p);
    reply(p, m);
    p->ike = p->heir;
    token_heard(p);
    return out;
}

/* It asks for the same again: the first successor, of which it does not know, is no reason to refuse. */
static void rekeyed_again_after_loss(void **state)
{
    struct puppet *p = called();
    uint32_t old = p->spi_in, old_out = p->spi_out, lost_out = answer_unheard(p), new_out;

    (void)state;
    tend(p, 3 * SEC);
    say_child(p, old, NULL);
    request(p, CREATE_CHILD_SA);
    delete_heard(p, lost_out);
    new_out = esp_spi(hear(p));
    MUST(p, new_out && new_out != lost_out);
    tell_delete(p, old, old_out);
    tend(p, 10 * SEC);
    MUST(p, children(p, "UP") == 1 && xfrm_find(&p->gate->xfrm, true, new_out) && xfrm_size(&p->gate->xfrm) == 2);
    alive(p, 1);
    over(p);
}

/* It goes on with the old one: that must not be closed, but is rekeyed by us when the peer has had its time to delete it. */
static void never_deleted_after_loss(void **state)
{
    struct puppet *p = called();
    uint32_t old_out = p->spi_out, lost_out = answer_unheard(p), gone = 0, new_out = 0;
    const struct said *m;

    (void)state;
    while ((!gone || !new_out) && (m = hear_for(p, 40 * SEC))) {
        if (m->h.exchange == CREATE_CHILD_SA) {
            MUST(p, has(m, REKEY_SA) && get_u32(notify_find(m->in, REKEY_SA)->u.notify.spi.p) == old_out);
            say_child_answer(p, m, NULL);
            new_out = esp_spi(m);
        } else {
            say(p);
            gone = part(m, PAYLOAD_DELETE) ? get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) : 0;
        }
        reply(p, m);
    }
    MUST(p, gone == lost_out && new_out);
    MUST(p, deleted_within(p, 5 * SEC) == old_out);
    tend(p, 10 * SEC);
    MUST(p, children(p, "UP") == 1 && xfrm_find(&p->gate->xfrm, true, new_out) && xfrm_size(&p->gate->xfrm) == 2);
    alive(p, 1);
    over(p);
}

/* A peer that has rekeyed the IKE SA itself has heard every answer before: its new Child SA is not taken for one that it does not
 * know, however late it deletes the old one. */
static void successor_known(void **state)
{
    struct puppet *p = connected();
    uint32_t old_out = p->spi_out, new_out;
    struct pupil *old = p->ike;

    (void)state;
    say_child(p, p->spi_in, NULL);
    new_out = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, new_out);
    say_rekey_ike(p, p->words);
    MUST(p, heir_take(p, ask(p, CREATE_CHILD_SA)));
    p->heir = p->ike;
    p->ike = old;
    say(p);
    say_delete(p, PROTOCOL_IKE, NULL, 0);
    MUST(p, ask(p, INFORMATIONAL));
    p->ike = p->heir;
    MUST(p, deleted_within(p, 90 * SEC) == old_out);
    MUST(p, deleted_within(p, 90 * SEC) == 0);
    MUST(p, children(p, "UP") == 1 && xfrm_find(&p->gate->xfrm, true, new_out) && xfrm_size(&p->gate->xfrm) == 2);
    alive(p, 1);
    over(p);
}

/* What hears packets on the successor knows it: a peer whose Delete of the old one is late for another reason. */
static void successor_in_use(void **state)
{
    struct puppet *p = called();
    uint32_t old_out = p->spi_out, new_out = answer_unheard(p);

    (void)state;
    tend(p, 20 * SEC);
    packets_came(p, new_out);
    MUST(p, deleted_within(p, 90 * SEC) == old_out);
    MUST(p, deleted_within(p, 90 * SEC) == 0);
    MUST(p, children(p, "UP") == 1 && xfrm_find(&p->gate->xfrm, true, new_out) && xfrm_size(&p->gate->xfrm) == 2);
    alive(p, 1);
    over(p);
}

/* The old one does not live longer for it: past its lifetime it is not used (2.8). */
static void lifetime_after_loss(void **state)
{
    struct puppet *p = puppet_new(KEEP_UP);
    usec_t born;
    bool gone = false;
    uint32_t old_out;
    const struct said *m;

    (void)state;
    p->gate->plan[0].child[0].lifetime_us = 100 * SEC;
    puppet_start(p);
    MUST(p, up_there(p));
    born = p->w->now;
    old_out = p->spi_out;
    tend(p, 50 * SEC);
    (void)answer_unheard(p);
    while (!gone && p->w->now < born + 200 * SEC && (m = hear_for(p, 60 * SEC))) {
        say(p);
        if (m->h.exchange == CREATE_CHILD_SA)
            say_notify(p, NO_PROPOSAL_CHOSEN, NULL, 0);
        else
            gone = part(m, PAYLOAD_DELETE) && get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) == old_out;
        reply(p, m);
    }
    MUST(p, gone && p->w->now - born < 105 * SEC);
    over(p);
}

/* The peer thinks better of its rekey and closes the new one: the old one is rekeyed when its time has come. */
static void successor_closed(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    uint32_t old_out, new_out;
    const struct said *m;

    (void)state;
    p->gate->plan[0].child[0].rekey_us = 300 * SEC;
    puppet_start(p);
    MUST(p, up(p));
    old_out = p->spi_out;
    say_child(p, p->spi_in, NULL);
    new_out = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, new_out);
    tell_delete(p, p->spi_in, new_out);
    while ((m = hear_for(p, 400 * SEC)) && m->h.exchange != CREATE_CHILD_SA) {
        say(p);
        reply(p, m);
    }
    MUST(p, m && has(m, REKEY_SA) && get_u32(notify_find(m->in, REKEY_SA)->u.notify.spi.p) == old_out);
    over(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loser_kept),
        cmocka_unit_test(loser_kept_unused),
        cmocka_unit_test(redundant_in_use),
        cmocka_unit_test(redundant_wanted),
        cmocka_unit_test(redundant_being_closed),
        cmocka_unit_test(rekeyed_again_after_loss),
        cmocka_unit_test(successor_known),
        cmocka_unit_test(successor_in_use),
        cmocka_unit_test(lifetime_after_loss),
        cmocka_unit_test(successor_closed),
        cmocka_unit_test(never_deleted_after_loss),
        cmocka_unit_test(loser_closed),
        cmocka_unit_test(loser_closed_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
