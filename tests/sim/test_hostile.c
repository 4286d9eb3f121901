/* SPDX-License-Identifier: Apache-2.0 */
/* What has broken other daemons, one by one, at ours: each test says the failure in its name. */
#include "puppet_test.h"

/* --- an SPI that the peer has given us already: the kernel cannot hold two (RFC 4303 2.1)
 * ----------------------------------------
 */

static void duplicate_spi_in_request(void **state)
{
    struct puppet *p = connected();
    const struct said *m;
    uint32_t first = p->spi_in;

    (void)state;
    say_child(p, 0, NULL);
    put_u32(proposal_of(find_out(p, PAYLOAD_SA), 0)->spi, first);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, m && m->response && error_of(m) == NO_PROPOSAL_CHOSEN);
    say_child(p, first, NULL); /* and as the successor of itself */
    put_u32(proposal_of(find_out(p, PAYLOAD_SA), 0)->spi, first);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, m && m->response && error_of(m) == NO_PROPOSAL_CHOSEN);
    alive(p, 1);
    over(p);
}

static void duplicate_spi_in_answer(void **state)
{
    struct puppet *p = called();
    uint32_t first = p->spi_in;
    const struct said *m;

    (void)state;
    end_order(p->gate, ORDER_REKEY, "to1", "net");
    m = hear(p);
    MUST(p, m && m->h.exchange == CREATE_CHILD_SA);
    say_child_answer(p, m, NULL);
    put_u32(proposal_of(find_out(p, PAYLOAD_SA), 0)->spi, first);
    reply(p, m);
    m = hear(p); /* the gate takes back what the peer believes in */
    MUST(p, m && m->h.exchange == INFORMATIONAL && part(m, PAYLOAD_DELETE));
    MUST(p, children(p, "UP") == 1 && p->gate->facts[FACT_CHILD_REKEYED] == 0 && p->gate->xfrm.refused_in == 0);
    over(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duplicate_spi_in_request),
        cmocka_unit_test(duplicate_spi_in_answer),
    };

    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
