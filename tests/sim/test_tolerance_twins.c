/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer holds twice with us: IKE SAs that it began both, Child SAs of one configured child. */
#include "puppet_test.h"

static void close_ike(struct puppet *p)
{
    const struct said *m;

    say(p);
    say_delete(p, PROTOCOL_IKE, NULL, 0);
    m = ask(p, INFORMATIONAL);
    MUST(p, m && m->response && !m->in);
}

/* What is heard within so long that is neither a liveness check nor its answer; NULL = nothing. */
static const struct said *heard_within(struct puppet *p, usec_t time)
{
    usec_t until = p->w->now + time;
    const struct said *m;

    while (p->w->now < until && (m = hear_for(p, until - p->w->now))) {
        if (m->in)
            return m;
        say(p);
        reply(p, m);
    }
    return NULL;
}

/* Which one goes is for the peer to say, which began both: it need not see it as we do, by age. The one that it leaves stays,
 * though we took it for the redundant one. */
static void two_ike_sas(void **state)
{
    (void)state;
    for (unsigned newer = 0; newer < 2; newer++) {
        struct puppet *p = connected();
        struct pupil *older = p->ike, *other;

        world_run(p->w, SEC);
        MUST(p, up(p));
        MUST(p, ike_sas(p, "UP") == 2);
        other = newer ? older : p->ike;
        p->ike = newer ? p->ike : older;
        world_run(p->w, 2 * SEC);
        close_ike(p);
        p->ike = other;
        MUST(p, heard_within(p, 90 * SEC) == NULL);
        MUST(p, ike_sas(p, "UP") == 1);
        alive(p, 1);
        end_order(p->gate, ORDER_REKEY, "to1", "net"); /* and is as good as any */
        MUST(p, heard_within(p, 5 * SEC));
        over(p);
    }
}

/* A peer that closes neither: we close the older one. */
static void two_ike_sas_kept(void **state)
{
    struct puppet *p = connected();
    struct pupil *older = p->ike, *newer;
    const struct said *m;

    (void)state;
    world_run(p->w, SEC);
    MUST(p, up(p));
    newer = p->ike;
    p->ike = older;
    m = heard_within(p, 15 * SEC);
    MUST(p, m && part(m, PAYLOAD_DELETE) && part(m, PAYLOAD_DELETE)->u.del.protocol == PROTOCOL_IKE);
    MUST(p, m->h.spi_i == older->spi_i);
    say(p);
    reply(p, m);
    p->ike = newer;
    MUST(p, heard_within(p, 30 * SEC) == NULL);
    alive(p, 1);
    over(p);
}

/* Of two Child SAs of one child one goes, by the peer or after a while by us; until then it is not rekeyed, whatever befalls it:
 * its successor would be a double again. */
static void redundant_is_not_rekeyed(void **state)
{
    struct event soft = {.kind = EVENT_EXPIRE};
    struct puppet *p = connected();
    uint32_t spi[2] = {p->spi_out}, rekeyed = 0;
    const struct said *m;

    (void)state;
    world_run(p->w, 2 * SEC);
    say_child(p, 0, NULL);
    spi[1] = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, spi[0] && spi[1] && spi[0] != spi[1]);
    for (unsigned i = 0; i < 2; i++) {
        soft.u.expire.spi = spi[i];
        end_event(p->gate, &soft, 0);
    }
    while ((m = heard_within(p, 30 * SEC)) && !part(m, PAYLOAD_DELETE)) {
        const struct payload *n = notify_find(m->in, REKEY_SA);

        MUST(p, n && n->u.notify.spi.len == 4);
        MUST(p, !rekeyed || get_u32(n->u.notify.spi.p) == rekeyed);
        rekeyed = get_u32(n->u.notify.spi.p);
        say(p);
        say_notify(p, TEMPORARY_FAILURE, NULL, 0);
        reply(p, m);
    }
    MUST(p, m && rekeyed && get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) == (rekeyed == spi[0] ? spi[1] : spi[0]));
    over(p);
}

/* The peer closes the one that we took for the better: the other one stays. */
static void two_children(void **state)
{
    (void)state;
    for (unsigned second = 0; second < 2; second++) {
        struct puppet *p = connected();
        uint32_t in[2] = {p->spi_in}, spi[2] = {p->spi_out}, other;
        const struct said *m;

        world_run(p->w, 2 * SEC);
        say_child(p, 0, NULL);
        spi[1] = esp_spi(ask(p, CREATE_CHILD_SA));
        in[1] = p->spi_in;
        world_run(p->w, SEC);
        other = spi[!second];
        say(p);
        say_delete(p, PROTOCOL_ESP, &in[second], 1);
        m = ask(p, INFORMATIONAL);
        MUST(p, m && m->response && part(m, PAYLOAD_DELETE));
        MUST(p, heard_within(p, 90 * SEC) == NULL);
        MUST(p, xfrm_find(&p->gate->xfrm, true, other) && children(p, "UP") == 1);
        alive(p, 1);
        over(p);
    }
}

/* A peer chooses the SPI that we send with. One that is also the SPI of an SA that we hear is not taken for that: what the kernel
 * says of an SPI it says of a destination, too. */
static void our_spi_as_theirs(void **state)
{
    for (unsigned theirs = 0; theirs < 2; theirs++) {
        struct event hard = {.kind = EVENT_EXPIRE};
        struct puppet *p = connected();
        uint32_t spi[2] = {p->spi_out};
        const struct said *m;

        (void)state;
        p->next_spi = spi[0];
        say_child(p, 0, NULL);
        spi[1] = esp_spi(ask(p, CREATE_CHILD_SA));
        MUST(p, spi[0] && spi[1] && spi[0] != spi[1] && p->spi_in == spi[0]);
        hard.u.expire.spi = spi[0];
        hard.u.expire.hard = true;
        hard.u.expire.destination = theirs ? p->here.addr : p->there.addr;
        end_event(p->gate, &hard, 0);
        m = heard_within(p, SEC);
        MUST(p, m && part(m, PAYLOAD_DELETE) && get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) == spi[theirs]);
        over(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_ike_sas),  cmocka_unit_test(two_ike_sas_kept),  cmocka_unit_test(redundant_is_not_rekeyed),
        cmocka_unit_test(two_children), cmocka_unit_test(our_spi_as_theirs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
