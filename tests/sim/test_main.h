/* SPDX-License-Identifier: Apache-2.0 */
/* One cmocka test for each scenario of a group. */
#ifndef SIM_TEST_MAIN_H
#define SIM_TEST_MAIN_H

#include "scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void one_scenario(void **state)
{
    const struct scenario *s = *state;

    for (unsigned seed = 1; seed <= (s->seeds ? s->seeds : 3); seed++) {
        struct world *w = scenario_play(s, seed, false);

        if (!w)
            continue;
        fprintf(stderr, "replay: charon-sim --scenario %s --seed %u --verbose\n", s->name, seed);
        world_report(w);
        world_free(w);
        fail();
    }
}

static int test_scenarios(const char *group, const struct scenario *s)
{
    struct CMUnitTest tests[64];
    size_t n = 0;

    for (; s->name && n < COUNT_OF(tests); s++)
        tests[n++] = (struct CMUnitTest){s->name, one_scenario, NULL, NULL, (void *)(uintptr_t)s};
    return _cmocka_run_group_tests(group, tests, n, NULL, NULL);
}

#endif
