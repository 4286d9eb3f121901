/* SPDX-License-Identifier: Apache-2.0 */
/* Floods of what nobody has protected, in every state: errors, hints, unknown SPIs (RFC 7296 2.4, 2.21). Nothing is lost by them.
 */
#include "flood_test.h"

static const uint16_t types[] = {INVALID_IKE_SPI,
                                 INVALID_MAJOR_VERSION,
                                 INVALID_SYNTAX,
                                 INVALID_MESSAGE_ID,
                                 INVALID_SPI,
                                 NO_PROPOSAL_CHOSEN,
                                 AUTHENTICATION_FAILED,
                                 NO_ADDITIONAL_SAS,
                                 TEMPORARY_FAILURE,
                                 CHILD_SA_NOT_FOUND,
                                 TS_UNACCEPTABLE,
                                 INITIAL_CONTACT,
                                 REKEY_SA,
                                 UNSUPPORTED_CRITICAL_PAYLOAD,
                                 COOKIE,
                                 INVALID_KE_PAYLOAD};
#define WITHOUT_COOKIES                                                                                                          \
    (COUNT_OF(types) - 2) /* COOKIE and INVALID_KE_PAYLOAD begin IKE_SA_INIT anew: they have a test of their own */

struct target {
    struct flood *f;
    struct guest *g;
    uint64_t spi_i, spi_r;
    size_t n_types;
    bool at_hub, answers_only;
    uint8_t exchange; /* 0 = any */
};

/* One at the hub in the guest's name, or at the guest in the hub's. */
static void forge(const struct target *t)
{
    struct flood *f = t->f;
    uint8_t data[4], exchange = t->exchange ? t->exchange : (uint8_t)(34 + dice_below(&f->dice, 5)),
                     flags = (uint8_t)(dice_u64(&f->dice) & (IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE));
    struct path guest = {.local = {t->g->addr, 500}, .remote = flood_hub_at()};
    struct endpoint from = {t->g->addr, 500};
    struct arena a;
    struct span d;

    put_u32(data, (uint32_t)dice_u64(&f->dice));
    if (t->answers_only)
        flags |= IKE_FLAG_RESPONSE;
    arena_init(&a, 4096);
    d = flood_notify(&a, t->spi_i, t->spi_r, exchange, flags, (uint32_t)dice_below(&f->dice, 4),
                     types[dice_below(&f->dice, t->n_types)], span_of(data, dice_below(&f->dice, 5)));
    if (t->at_hub)
        flood_hear(f, &from, d);
    else
        flood_guest_hears(f, &guest, d);
    arena_done(&a);
}

static void pelt(const struct target *t, size_t n, usec_t lasts)
{
    usec_t begin = t->f->now;

    for (size_t i = 0; i < n; i++) {
        forge(t);
        if (i % 100 == 99)
            flood_run(t->f, begin + lasts * (usec_t)i / (usec_t)n);
    }
}

static uint64_t sent(const struct flood *f)
{
    return f->hub.sent + f->crowd.sent;
}

/* Both ends of an IKE SA that is up: for a minute. */
static void at_up(void **state)
{
    struct flood *f = flood_begun("", 2, NULL);
    struct target t = {f, &f->guests[0], 0, 0, COUNT_OF(types), true, false, 0};
    int64_t before = f->hub.bytes;
    uint64_t said = sent(f);

    (void)state;
    flood_list(f);
    t.spi_i = f->guests[0].spi_i;
    t.spi_r = f->guests[0].spi_r;
    assert_true(t.spi_r != 0);
    for (unsigned round = 0; round < 20; round++) {
        pelt(&t, packets / 40, 2 * SEC);
        t.at_hub = !t.at_hub;
        pelt(&t, packets / 40, 2 * SEC);
        t.at_hub = !t.at_hub;
    }
    said = sent(f) - said;
    printf("# counted: floods: %zu forged notifies at both ends of an IKE SA that is up, seed %llu: %zu SAs lost, %llu packets "
           "said in "
           "%d s, the core grew by %ld bytes\n",
           packets, (unsigned long long)seed, f->n_down, (unsigned long long)said, 80, (long)(f->hub.peak - before));
    /* ten hints a second at most from each end, and now and then a liveness check */
    assert_true(f->n_down == 0 && said <= 80 * 2 * 10 + 60 && f->hub.peak - before <= 65536);
    flood_ask(f, 0, "ike");
    flood_run(f, f->now + SEC);
    flood_ask(f, 0, "net");
    flood_run(f, f->now + SEC);
    assert_true(f->crowd.facts[FACT_IKE_REKEYED] == 1 && f->crowd.facts[FACT_CHILD_REKEYED] >= 1 && f->n_down == 0);
    flood_free(f);
}

/* A guest that waits for the answer to IKE_SA_INIT, or to IKE_AUTH: errors in clear, then the true answer. */
static void at_initiator(void **state)
{
    bool keyed = *state != NULL;
    struct flood *f = flood_begun("", 2, NULL);
    struct target t = {f, &f->guests[1], 0, 0, WITHOUT_COOKIES, false, true, 0};

    if (!keyed)
        f->mute = true;
    f->init.len = 0; /* the next one is kept */
    flood_ask(f, 1, NULL);
    flood_run(f, f->now + (keyed ? 35 : 5) * MS); /* keyed: its IKE_AUTH is on the way */
    f->mute = true;
    t.spi_i = get_u64(f->init.p);
    t.spi_r = keyed ? f->spi_r : 0;
    pelt(&t, packets / 2, 900 * MS);
    t.spi_r = f->spi_r; /* the hub's, lost on the way */
    pelt(&t, packets / 2, 900 * MS);
    f->mute = false;
    flood_run(f, f->now + 4 * SEC);
    printf("# counted: floods: %zu forged errors at an initiator that waits for %s, seed %llu: %s\n", packets,
           keyed ? "IKE_AUTH" : "IKE_SA_INIT", (unsigned long long)seed, f->n_up == 2 ? "up" : "NOT up");
    assert_true(f->n_up == 2 && f->crowd.facts[FACT_IKE_FAILED] == 0);
    flood_free(f);
}

/* Forged demands for cookies and groups lead an initiator about; that ends, and it begins anew. */
static void cookies_at_initiator(void **state)
{
    struct flood *f = flood_begun("", 2, NULL);
    struct target t = {f, &f->guests[1], 0, 0, COUNT_OF(types), false, true, IKE_SA_INIT};
    uint64_t said;

    (void)state;
    f->mute = true;
    f->init.len = 0;
    flood_ask(f, 1, NULL);
    flood_run(f, f->now + 5 * MS);
    t.spi_i = get_u64(f->init.p);
    said = f->crowd.sent;
    pelt(&t, packets, 2 * SEC);
    said = f->crowd.sent - said;
    f->mute = false;
    flood_run(f, f->now + 10 * SEC);
    printf("# counted: floods: %zu forged errors and COOKIEs at an initiator, seed %llu: it said %llu packets, and was up in the "
           "end\n",
           packets, (unsigned long long)seed, (unsigned long long)said);
    assert_true(f->n_up == 2 && said <= 20);
    flood_free(f);
}

/* At the responder's half-open IKE SA. */
static void at_responder(void **state)
{
    struct flood *f = flood_begun("", 2, NULL);
    struct target t = {f, &f->guests[1], 0, 0, COUNT_OF(types), true, false, 0};

    (void)state;
    f->deaf = true;
    flood_ask(f, 1, NULL);
    flood_run(f, f->now + 100 * MS);
    t.spi_i = f->spi_i;
    t.spi_r = f->spi_r;
    pelt(&t, packets, 800 * MS);
    f->deaf = false;
    flood_run(f, f->now + 2 * SEC);
    assert_true(f->n_up == 2);
    flood_free(f);
}

/* SPIs that nobody has: INVALID_IKE_SPI ten times a second at most (2.21.4), and nothing is kept. */
static void unknown_spis(void **state)
{
    struct flood *f = flood_begun("", 2, NULL);
    struct target t = {f, &f->guests[1], 0, 0, COUNT_OF(types), true, false, 0};
    int64_t before = f->hub.bytes;
    uint64_t said = f->hub.sent;
    usec_t begin = f->now;

    (void)state;
    for (size_t i = 0; i < packets; i++) {
        t.spi_i = dice_u64(&f->dice);
        t.spi_r = dice_u64(&f->dice) | 1;
        forge(&t);
        if (i % 100 == 99)
            flood_run(f, begin + 20 * SEC * (usec_t)i / (usec_t)packets);
    }
    said = f->hub.sent - said;
    printf("# counted: floods: %zu messages of unknown IKE SAs in 20 s, seed %llu: %llu answers, %llu sentences, the core grew "
           "by %ld "
           "bytes\n",
           packets, (unsigned long long)seed, (unsigned long long)said, (unsigned long long)f->hub.tells,
           (long)(f->hub.peak - before));
    assert_true(said <= 215 && f->hub.tells <= 500 && f->hub.peak - before <= 65536 && f->n_down == 0);
    flood_free(f);
}

/* 10,000 flows, and more, under one trap policy: one negotiation (RFC 4301 4.4.1, HAZARDS H16). */
static void one_trap(void **state)
{
    struct flood *f = flood_begun("", 2, NULL);
    uint64_t inits = f->crowd.sent;
    struct event e = {.kind = EVENT_ACQUIRE};

    (void)state;
    f->deaf = true; /* the negotiation takes its time */
    e.u.acquire.connection = 1;
    e.u.acquire.generation = 1;
    for (uint32_t i = 0; i < 10000; i++) {
        e.u.acquire.seq = i + 1;
        e.u.acquire.reqid = reqid_configured(1, 0);
        e.u.acquire.local = (struct ts){.protocol = 17, .port_low = (uint16_t)i, .port_high = (uint16_t)i};
        e.u.acquire.local.low = e.u.acquire.local.high = addr_v4(172, 16, 0, 1);
        e.u.acquire.remote = e.u.acquire.local;
        e.u.acquire.remote.low = e.u.acquire.remote.high = addr_v4(198, 51, 100, (uint8_t)i);
        flood_event(f, &f->crowd, &e);
        flood_run(f, f->now + 50);
    }
    f->deaf = false;
    flood_run(f, f->now + 3 * SEC);
    inits = f->crowd.sent - inits;
    printf("# counted: floods: 10000 ACQUIREs of one trap policy: %zu IKE SA, %llu Child SA installed, %llu packets sent\n",
           f->n_up - 1, (unsigned long long)f->crowd.asks[ASK_CHILD_INSTALL] - 1, (unsigned long long)inits);
    assert_true(f->n_up == 2 && f->crowd.asks[ASK_CHILD_INSTALL] == 2 && core_count(f->crowd.core).ike_sas == 2 && inits <= 4);
    flood_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_up),
        cmocka_unit_test_prestate(at_initiator, NULL),
        cmocka_unit_test_prestate(at_initiator, (void *)"keyed"),
        cmocka_unit_test(cookies_at_initiator),
        cmocka_unit_test(at_responder),
        cmocka_unit_test(unknown_spis),
        cmocka_unit_test(one_trap),
    };

    return flood_tests("floods of what nobody has protected", tests, COUNT_OF(tests));
}
