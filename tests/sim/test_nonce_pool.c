/* SPDX-License-Identifier: Apache-2.0 */
/* Our nonces of IKE_SA_INIT come from the hand, in batches that grow with the load. */
#include "puppet_test.h"

static struct puppet *gate_for_many(void)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);

    p->gate->globals.limits.cookie_threshold = p->gate->globals.limits.half_open_max =
        p->gate->globals.limits.half_open_per_source = 100000;
    puppet_start(p);
    say_init(p);
    return p;
}

/* n strangers at the same instant, who say the same but for their SPIs; how many are let in. */
static size_t burst(struct puppet *p, size_t n)
{
    static uint64_t stranger = 0x5500000000000000u;
    size_t before = core_count(p->gate->core).half_open;
    struct span first = message_make(p, IKE_SA_INIT, 0, false);

    for (size_t i = 0; i < n; i++) {
        struct span bytes = arena_copy(&p->arena, first);

        put_u64((uint8_t *)(uintptr_t)bytes.p, ++stranger);
        send_bytes(p, bytes);
    }
    p->n_inbox = p->n_heard = 0;
    world_run(p->w, 20 * MS);
    p->n_inbox = p->n_heard = 0;
    return core_count(p->gate->core).half_open - before;
}

/* What comes faster than nonces is dropped without a trace, and let in later. */
static void more_than_there_are(void **state)
{
    struct puppet *p = gate_for_many();
    struct core_counts n;

    (void)state;
    p->gate->nonces_withheld = true; /* the first batch is there */
    MUST(p, burst(p, 100) == 64);
    MUST(p, burst(p, 5) == 0);
    n = core_count(p->gate->core);
    MUST(p, n.ike_sas == 64 && n.half_open == 64 && n.exchanges == 0);
    p->gate->nonces_withheld = false;
    world_run(p->w, 5 * SEC);
    MUST(p, burst(p, 5) == 5);
    MUST(p, !p->w->failed);
    puppet_free(p);
}

static void a_busy_responder_does_not_run_dry(void **state)
{
    struct puppet *p = gate_for_many();
    uint64_t asks;

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        MUST(p, burst(p, 40) == 40 || i < 2);
    MUST(p, burst(p, 250) == 250); /* a quarter of the largest batch is always there */
    asks = p->gate->asks[ASK_NONCES];
    MUST(p, asks < 12);
    world_run(p->w, 60 * SEC);
    MUST(p, p->gate->asks[ASK_NONCES] == asks); /* no load, no asks */
    MUST(p, !p->w->failed);
    puppet_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_there_are),
        cmocka_unit_test(a_busy_responder_does_not_run_dry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
