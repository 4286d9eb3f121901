/* SPDX-License-Identifier: Apache-2.0 */
/* Floods of IKE_SA_INIT at the core alone, in virtual time: cookies and limits (RFC 7296 2.6, RFC 8019 4.1 to 4.3). */
#include "flood_test.h"

/* 50,000 a second, and guests from the second on come meanwhile, evenly. */
struct siege {
    struct flood *f;
    struct endpoint (*from)(struct flood *, size_t i);
    struct span (*message)(struct flood *, size_t i);
    usec_t every, begin, lasts;
    size_t next, half_open, strangers; /* the most that were half-open; and were no guests */
    int64_t before;
};

static struct siege siege_of(struct flood *f, struct endpoint (*from)(struct flood *, size_t))
{
    return (struct siege){.f = f, .from = from, .every = 20, .begin = f->now, .next = 1, .before = f->hub.bytes};
}

static struct span plain_init(struct flood *f, size_t i)
{
    (void)i;
    return flood_init(f, dice_u64(&f->dice) | 1, dice_u64(&f->dice));
}

static void siege_lay(struct siege *s, size_t n)
{
    struct flood *f = s->f;

    s->lasts = (usec_t)n * s->every;
    for (size_t i = 0; i < n; i++) {
        struct endpoint from = s->from(f, i);
        size_t half_open, honest;

        flood_hear(f, &from, s->message ? s->message(f, i) : plain_init(f, i));
        half_open = core_count(f->hub.core).half_open;
        s->half_open = half_open > s->half_open ? half_open : s->half_open;
        honest = s->next - f->n_up; /* under way: of a short siege all guests come within a moment */
        if (half_open > honest && half_open - honest > s->strangers)
            s->strangers = half_open - honest;
        while (s->next < f->n_guests && f->now >= s->begin + s->lasts * (usec_t)s->next / (usec_t)f->n_guests)
            flood_ask(f, s->next++, NULL);
        flood_run(f, f->now + s->every);
    }
}

static double siege_served(const struct siege *s)
{
    return flood_served(s->f, s->begin, s->begin + s->lasts, 2 * SEC);
}

/* All over the world. */
static struct endpoint anywhere(struct flood *f, size_t i)
{
    (void)i;
    return (struct endpoint){addr_v4((uint8_t)(11 + dice_below(&f->dice, 180)), (uint8_t)dice_u64(&f->dice),
                                     (uint8_t)dice_u64(&f->dice), (uint8_t)(1 + dice_below(&f->dice, 254))),
                             (uint16_t)(1 + dice_below(&f->dice, 65535))};
}

/* In the /24 of a guest. */
static struct endpoint beside(struct flood *f, size_t i)
{
    struct endpoint e = {f->guests[dice_below(&f->dice, f->n_guests)].addr, 500};

    (void)i;
    e.addr.b[3] = (uint8_t)(101 + dice_below(&f->dice, 150));
    return e;
}

static struct endpoint anywhere_and_beside(struct flood *f, size_t i)
{
    return i % 5 ? anywhere(f, i) : beside(f, i);
}

static void spoofed(void **state)
{
    struct flood *f = flood_begun("", 1000, NULL);
    struct siege s = siege_of(f, anywhere_and_beside);
    double us;

    (void)state;
    siege_lay(&s, packets);
    us = f->hub.cpu_us / (double)packets;
    flood_run(f, f->now + 5 * SEC);
    printf(
        "# counted: floods: %zu spoofed IKE_SA_INIT in %ld s of virtual time, seed %llu: the core grew by %ld KiB at most, with "
        "%zu guests; at most %zu half-open, %llu cookies, %.1f%% of honest handshakes within 2 s, %.2f us of CPU each\n",
        packets, (long)(s.lasts / SEC), (unsigned long long)seed, (long)((f->hub.peak - s.before) >> 10), f->n_up, s.half_open,
        (unsigned long long)core_count(f->hub.core).cookies_sent, siege_served(&s), us);
    assert_true(f->hub.peak - s.before <= 8 * MIB);
    assert_true(siege_served(&s) >= 95);
    assert_true(s.strangers <= 64); /* where cookies begin */
    flood_run(f, f->now + 60 * SEC);
    assert_true(core_count(f->hub.core).half_open == 0 && core_count(f->hub.core).ike_sas == f->n_up);
    flood_free(f);
}

/* A threshold that is never reached: the neighbours of the guests alone fill what a /24 may have, and nobody there could come
 * (HAZARDS H7); so a source that is half full shows that it hears us first. */
static void spoofed_neighbours(void **state)
{
    struct flood *f = flood_begun("limits: { cookie_threshold: 1000000 }", 300, NULL);
    struct siege s = siege_of(f, beside);

    (void)state;
    siege_lay(&s, packets / 10);
    flood_run(f, f->now + 5 * SEC);
    printf("# counted: floods: %zu spoofed IKE_SA_INIT from the /24s of %zu guests, seed %llu: %.1f%% of honest handshakes "
           "within 2 s, "
           "at most %zu half-open\n",
           packets / 10, f->n_guests, (unsigned long long)seed, siege_served(&s), s.half_open);
    assert_true(siege_served(&s) >= 95);
    flood_free(f);
}

/* Requests that end in a refusal leave nothing behind, so nothing half-open is there to count: the work and the answers are
 * bounded all the same, and so is what the operator is told. */
static struct span refused_init(struct flood *f, size_t i)
{
    struct span d = plain_init(f, i);
    uint8_t *sa = (uint8_t *)(uintptr_t)d.p + IKE_HEADER_LEN;

    sa[4 + 8 + 4 + 3] ^= 1; /* the first transform becomes one that nobody has */
    sa[4 + 8 + 4 + 2] = 0x7f;
    return d;
}

static struct span refused_and_back(struct flood *f, size_t i)
{
    static uint8_t copy[2000];
    struct span d = refused_init(f, i);

    memcpy(copy, d.p, d.len);
    ((uint8_t *)(uintptr_t)d.p)[IKE_HEADER_LEN + 18] = 0; /* the guests' own is as it was */
    ((uint8_t *)(uintptr_t)d.p)[IKE_HEADER_LEN + 19] ^= 1;
    return span_of(copy, d.len);
}

static void refused(void **state)
{
    struct flood *f = flood_begun("", 300, NULL);
    struct siege s = siege_of(f, anywhere_and_beside);
    uint64_t cookies;

    (void)state;
    s.message = refused_and_back;
    siege_lay(&s, packets / 5);
    flood_run(f, f->now + 5 * SEC);
    cookies = core_count(f->hub.core).cookies_sent;
    printf("# counted: floods: %zu IKE_SA_INIT that are refused, seed %llu: %llu were answered with a COOKIE, %llu sentences, "
           "%.1f%% "
           "of honest handshakes within 2 s, %.2f us of CPU each\n",
           packets / 5, (unsigned long long)seed, (unsigned long long)cookies, (unsigned long long)f->hub.tells, siege_served(&s),
           f->hub.cpu_us / (double)(packets / 5));
    assert_true(cookies >= packets / 5 * 9 / 10);
    assert_true(f->hub.tells <= (uint64_t)(s.lasts / SEC + 10) * 100 + 10 * f->n_guests);
    assert_true(siege_served(&s) >= 95);
    flood_free(f);
}

/* Hosts of their own addresses, who send the cookie back: 400 of them in four /24s. They fill what their networks may have and no
 * more, and who comes from elsewhere does not notice. */
static struct endpoint botnet(struct flood *f, size_t i)
{
    (void)i;
    return (struct endpoint){addr_v4(203, 0, (uint8_t)(110 + dice_below(&f->dice, 4)), (uint8_t)(1 + dice_below(&f->dice, 100))),
                             (uint16_t)(1024 + dice_below(&f->dice, 60000))};
}

static struct {
    struct endpoint from;
    struct span init;
} last;
static uint64_t returned;

static struct span botnet_init(struct flood *f, size_t i)
{
    return last.init = plain_init(f, i);
}

static void return_cookie(struct flood *f, const struct path *path, struct span answer)
{
    struct span cookie = flood_cookie(answer), again;
    struct arena a;

    if (!cookie.len || path->remote.addr.b[0] != 203)
        return;
    returned++;
    arena_init(&a, 4096);
    again = flood_with_cookie(&a, last.init, cookie);
    f->stranger = NULL;
    flood_post(f, &path->remote, again, f->delay);
    f->stranger = return_cookie;
    arena_done(&a);
}

static void returned_cookies(void **state)
{
    struct flood *f = flood_begun("", 300, NULL);
    struct siege s = siege_of(f, botnet);

    (void)state;
    s.message = botnet_init;
    f->stranger = return_cookie;
    returned = 0;
    siege_lay(&s, packets / 10);
    flood_run(f, f->now + 5 * SEC);
    printf("# counted: floods: %zu IKE_SA_INIT of 400 hosts in four networks, %llu cookies sent back, seed %llu: at most %zu "
           "half-open, %llu key exchanges, %.1f%% of honest handshakes within 2 s\n",
           packets / 10, (unsigned long long)returned, (unsigned long long)seed, s.half_open, (unsigned long long)f->hub.dh,
           siege_served(&s));
    assert_true(returned > packets / 20);
    assert_true(s.half_open <= 4 * 64 + 64);
    assert_true(f->hub.peak - s.before <= 8 * MIB);
    assert_true(siege_served(&s) >= 95);
    flood_free(f);
}

/* --- a reconnect storm ----------------------------------------------------------------------------------------------------- */

static struct addr place_one_net(size_t i) /* 200 a /24 */
{
    return addr_v4(10, (uint8_t)(i / 200 >> 8), (uint8_t)(i / 200), (uint8_t)(1 + i % 200));
}

static void storm(void **state)
{
    size_t n = packets >= 1000000 ? 10000 : packets / 100;
    struct flood *f = flood_begun("", n, *state ? place_one_net : NULL);
    usec_t begin = f->now, last_up = 0;

    for (size_t i = 1; i < n; i++)
        flood_ask(f, i, NULL);
    flood_run(f, begin + 60 * SEC);
    for (size_t i = 1; i < n; i++)
        last_up = f->guests[i].up > last_up ? f->guests[i].up : last_up;
    printf("# counted: floods: %zu peers come at the same instant, %s a /24, seed %llu: %zu up, the last after %ld ms; %.1f%% "
           "within 2 "
           "s\n",
           n, *state ? "200" : "100", (unsigned long long)seed, f->n_up, (long)((last_up - begin) / MS),
           flood_served(f, begin, f->now, 2 * SEC));
    assert_true(f->n_up == n);
    assert_true(last_up - begin <= 10 * SEC);
    flood_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spoofed),
        cmocka_unit_test(spoofed_neighbours),
        cmocka_unit_test(refused),
        cmocka_unit_test(returned_cookies),
        cmocka_unit_test_prestate(storm, NULL),
        cmocka_unit_test_prestate(storm, (void *)"dense"),
    };

    return flood_tests("floods of IKE_SA_INIT", tests, COUNT_OF(tests));
}
