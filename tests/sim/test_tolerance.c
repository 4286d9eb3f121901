/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may say in its own way: numbers, attributes, payloads and notifies that we do not know (RFC 7296 2.5, 3.3, 3.10).
 */
#include "puppet_test.h"

static void plain_tunnel(void **state)
{
    struct puppet *p = connected();

    (void)state;
    alive(p, 1);
    MUST(p, ike_sas(p, "UP") == 1);
    over(p);
    p = called();
    alive(p, 1);
    over(p);
}

static void first_number_is_not_1(void **state)
{
    struct puppet *p = waiting();
    const struct said *m;

    (void)state;
    say_init(p);
    proposal_of(find_out(p, PAYLOAD_SA), 0)->number = 3;
    m = ask(p, IKE_SA_INIT);
    MUST(p, init_take(p, m));
    MUST(p, part(m, PAYLOAD_SA)->u.sa.v[0].number == 3);
    say_auth(p);
    proposal_of(find_out(p, PAYLOAD_SA), 0)->number = 7;
    m = ask(p, IKE_AUTH);
    MUST(p, esp_spi(m) && part(m, PAYLOAD_SA)->u.sa.v[0].number == 7);
    say_child(p, p->spi_in, NULL);
    proposal_of(find_out(p, PAYLOAD_SA), 0)->number = 200;
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, esp_spi(m) && part(m, PAYLOAD_SA)->u.sa.v[0].number == 200);
    say_rekey_ike(p, p->words);
    proposal_of(find_out(p, PAYLOAD_SA), 0)->number = 3; /* as macOS 14 does */
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, heir_take(p, m));
    MUST(p, part(m, PAYLOAD_SA)->u.sa.v[0].number == 3);
    over(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_tunnel),
        cmocka_unit_test(first_number_is_not_1),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
