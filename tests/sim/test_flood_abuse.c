/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer that is who it says, and asks without end (RFC 8019 5, HAZARDS H15): it is held to its limits, and nothing that it does
 * costs much at a time.
 */
#include "memory.h"
#include "puppet_test.h"

#include "flood_test.h"

#include "ike/limits.h"

static uint32_t child_spis[20000]; /* the puppet's, of each Child SA that was made */

/* Here each of them is a whole exchange of a world with laws: more than 100,000 show nothing new. */
static size_t few(void)
{
    return packets < 100000 ? packets : 100000;
}

/* --- a quick puppet: answers are there after half a millisecond --------------------------------------------------------------
 */

static void hurry(struct puppet *p)
{
    net_all(&p->w->net, (struct way){.delay_low = 100, .delay_high = 100});
    for (unsigned i = 0; i < COUNT_OF(p->gate->desk); i++)
        p->gate->desk[i] = (struct desk_faults){.low = 50, .high = 50};
}

static struct puppet *quick(void)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);

    p->w->laws.steps_max = UINT32_MAX;
    puppet_start(p);
    MUST(p, up(p));
    hurry(p);
    return p;
}

/* The answer to our last request, if it is there; repeats of earlier ones are passed over. */
static const struct said *answer_now(struct puppet *p)
{
    const struct said *m;

    do
        m = hear_for(p, 0);
    while (m && m->h.message_id + 1 != p->ike->next_ours);
    return m;
}

static const struct said *soon(struct puppet *p, uint8_t exchange)
{
    const struct said *m = NULL;

    p->n_inbox = p->n_heard = 0;
    request(p, exchange);
    for (unsigned i = 0; i < 20 && !m; i++) {
        world_run(p->w, 100);
        m = answer_now(p);
    }
    return m;
}

/* Not answered: the same again after a while. */
static const struct said *sooner_or_later(struct puppet *p, uint8_t exchange)
{
    const struct said *m = soon(p, exchange);

    for (unsigned i = 0; i < 100 && !m && !p->w->failed; i++) {
        world_run(p->w, 500 * MS);
        p->n_inbox = p->n_heard = 0;
        again(p);
        world_run(p->w, 10 * MS);
        m = answer_now(p);
    }
    return m;
}

/* What was said and heard is forgotten. */
static void fresh(struct puppet *p)
{
    p->n_inbox = p->n_heard = 0;
    arena_reset(&p->arena);
    say(p);
}

static size_t gate_children(struct puppet *p)
{
    return core_count(p->gate->core).child_sas;
}

static void say_delete_of(struct puppet *p, uint32_t spi)
{
    say(p);
    say_delete(p, PROTOCOL_ESP, &spi, 1);
}

/* --- rekeys ------------------------------------------------------------------------------------------------------------------
 */

static void child_rekeys(void **state)
{
    struct puppet *p = quick();
    size_t n = few() / 20, done = 0, refused = 0, most = 0, now;
    usec_t begin = p->w->now;
    uint32_t old = p->spi_in;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const struct said *m;

        fresh(p);
        say_child(p, old, NULL);
        m = sooner_or_later(p, CREATE_CHILD_SA);
        MUST(p, m != NULL);
        if (error_of(m) == TEMPORARY_FAILURE) {
            refused++;
            world_run(p->w, 1 * MS);
            continue;
        }
        MUST(p, !error_of(m));
        done++;
        say_delete_of(p, old);
        old = p->spi_in;
        MUST(p, sooner_or_later(p, INFORMATIONAL) != NULL);
        now = xfrm_size(&p->gate->xfrm);
        most = now > most ? now : most;
    }
    printf("# counted: floods: a peer rekeys its Child SA %zu times in %.1f s: %zu were done, %zu answered with "
           "TEMPORARY_FAILURE, %zu Child SAs are there, at most %zu SAs in the kernel\n",
           n, (double)(p->w->now - begin) / 1e6, done, refused, gate_children(p), most);
    /* The bound, and why: a pair that lingers is heard, and its outbound SA, by which nothing is sent, goes with it. */
    MUST(p, most <= 2 * LINGERING_MAX + 6 && (done <= LINGERING_MAX + 100 || most >= 2 * LINGERING_MAX));
    MUST(p, done <= CREATES_AT_ONCE + (size_t)((p->w->now - begin) / CREATES_EACH) + 1);
    MUST(p, gate_children(p) <= 3);
    over(p);
}

/* The same without a Delete: each has a successor that has one. */
static void child_rekeys_without_delete(void **state)
{
    struct puppet *p = quick();
    size_t most = 0, refused = 0;
    uint32_t old = p->spi_in;

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        const struct said *m;

        fresh(p);
        say_child(p, old, NULL);
        m = sooner_or_later(p, CREATE_CHILD_SA);
        MUST(p, m != NULL);
        if (!error_of(m))
            old = p->spi_in;
        refused += error_of(m) == TEMPORARY_FAILURE;
        most = gate_children(p) > most ? gate_children(p) : most;
    }
    printf(
        "# counted: floods: a peer rekeys 1000 times and deletes nothing: at most %zu Child SAs, %zu times TEMPORARY_FAILURE\n",
        most, refused);
    MUST(p, refused > 0 && most <= 2 * 64);
    over(p);
}

static void ike_rekeys(void **state)
{
    bool deletes = *state != NULL;
    struct puppet *p = quick();
    size_t n = deletes ? 3000 : 300, done = 0, refused = 0, most = 0;
    usec_t begin = p->w->now;

    for (size_t i = 0; i < n; i++) {
        struct pupil *old = p->ike;
        const struct said *m;

        for (size_t k = 0; k < COUNT_OF(p->sa); k++) /* it forgets the others */
            if (&p->sa[k] != p->ike)
                p->sa[k].spi_i = 0;
        fresh(p);
        say_rekey_ike(p, p->words);
        m = sooner_or_later(p, CREATE_CHILD_SA);
        MUST(p, m != NULL);
        most = core_count(p->gate->core).ike_sas > most ? core_count(p->gate->core).ike_sas : most;
        if (error_of(m) == TEMPORARY_FAILURE) {
            refused++;
            world_run(p->w, 1 * MS);
            continue;
        }
        MUST(p, !error_of(m) && heir_take(p, m));
        done++;
        if (deletes) {
            struct pupil *heir = p->ike;

            p->ike = old;
            say(p);
            say_delete(p, PROTOCOL_IKE, NULL, 0);
            MUST(p, sooner_or_later(p, INFORMATIONAL) != NULL);
            p->ike = heir;
        }
    }
    printf("# counted: floods: a peer rekeys its IKE SA %zu times in %.1f s and deletes %s: %zu were done, %zu answered with "
           "TEMPORARY_FAILURE, at most %zu IKE SAs\n",
           n, (double)(p->w->now - begin) / 1e6, deletes ? "the old one" : "nothing", done, refused, most);
    MUST(p, most <= (deletes ? 3 : LINEAGE_MAX + 1));
    MUST(p, done <= CREATES_AT_ONCE + (size_t)((p->w->now - begin) / CREATES_EACH) + 1);
    over(p);
}

/* --- more and more -----------------------------------------------------------------------------------------------------------
 */

static void ten_thousand_children(void **state)
{
    struct puppet *p = quick();
    size_t made = 0, none = 0, later = 0, most = 0;

    (void)state;
    for (size_t i = 0; i < 10000; i++) {
        const struct said *m;

        fresh(p);
        say_child(p, 0, NULL);
        m = sooner_or_later(p, CREATE_CHILD_SA);
        MUST(p, m != NULL);
        made += !error_of(m);
        none += error_of(m) == NO_ADDITIONAL_SAS;
        later += error_of(m) == TEMPORARY_FAILURE;
        most = gate_children(p) > most ? gate_children(p) : most;
    }
    printf("# counted: floods: a peer makes 10000 Child SAs: %zu made, %zu times NO_ADDITIONAL_SAS, %zu times TEMPORARY_FAILURE, "
           "at most "
           "%zu at a time\n",
           made, none, later, most);
    MUST(p, none > 0 && most <= 64);
    over(p);
}

static void made_and_deleted(void **state)
{
    struct puppet *p = quick();
    usec_t begin = p->w->now;
    size_t made = 0, n = few() / 20;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const struct said *m;

        fresh(p);
        say_child(p, 0, NULL);
        m = sooner_or_later(p, CREATE_CHILD_SA);
        MUST(p, m != NULL);
        if (error_of(m))
            continue;
        made++;
        say_delete_of(p, p->spi_in);
        MUST(p, sooner_or_later(p, INFORMATIONAL) != NULL);
    }
    printf("# counted: floods: a peer makes and deletes a Child SA %zu times in %.1f s: %zu were made\n", n,
           (double)(p->w->now - begin) / 1e6, made);
    MUST(p, made <= CREATES_AT_ONCE + (size_t)((p->w->now - begin) / CREATES_EACH) + 1);
    MUST(p, gate_children(p) <= 2);
    over(p);
}

/* 300 Child SAs, and one Delete of them all: all go, and the answer names ours. */
static void deleted_at_once(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    const struct said *m;
    size_t n = 1, ours = 0;

    (void)state;
    p->w->laws.steps_max = UINT32_MAX;
    p->gate->globals.limits.children_per_ike_max = 400;
    p->gate->plan[0].fragment_size = 3000;      /* the answer in one piece */
    p->gate->plan[0].remote = (struct addr){0}; /* any: doubles are the peer's affair */
    puppet_start(p);
    MUST(p, up(p));
    hurry(p);
    child_spis[0] = p->spi_in;
    while (n < 300) {
        fresh(p);
        say_child(p, 0, NULL);
        m = sooner_or_later(p, CREATE_CHILD_SA);
        MUST(p, m && !error_of(m));
        child_spis[n++] = p->spi_in;
    }
    MUST(p, gate_children(p) >= n);
    fresh(p);
    say_delete(p, PROTOCOL_ESP, child_spis, n);
    m = sooner_or_later(p, INFORMATIONAL);
    MUST(p, m && part(m, PAYLOAD_DELETE));
    for (const struct payload *d = part(m, PAYLOAD_DELETE); d; d = payload_after(d, PAYLOAD_DELETE))
        ours += d->u.del.count;
    MUST(p, ours == n && gate_children(p) == 0);
    over(p);
}

/* A Delete of 16,000 SPIs is a thousand requests' work where there are many Child SAs: it is paid for. */
static void deletes_of_nothing(void **state)
{
    struct puppet *p = quick();
    usec_t begin;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < 63; i++) {
        fresh(p);
        say_child(p, 0, NULL);
        MUST(p, sooner_or_later(p, CREATE_CHILD_SA) != NULL);
    }
    for (uint32_t i = 0; i < COUNT_OF(child_spis); i++)
        child_spis[i] = 0xdead0000u + i;
    world_run(p->w, 30 * SEC);
    for (begin = p->w->now; p->w->now < begin + 10 * SEC; n++) {
        fresh(p);
        say_delete(p, PROTOCOL_ESP, child_spis, 16000);
        MUST(p, sooner_or_later(p, INFORMATIONAL) != NULL);
    }
    printf("# counted: floods: a peer deletes 16,000 SPIs that nobody knows, as often as it can: %zu times in 10 s\n", n);
    MUST(p, n <= 80);
    over(p);
}

/* It does not hear the Deletes of what it has forgotten. */
static bool (*puppet_hears)(struct world *, unsigned, struct datagram **, void *);

static bool deaf_to_deletes(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    return (*d)->data[18] == INFORMATIONAL && !((*d)->data[19] & IKE_FLAG_RESPONSE) ? false : puppet_hears(w, from, d, ctx);
}

/* IKE SAs of one identity, all authenticated: the oldest go. Another peer is served, though all together have few places. */
static void ike_sas_without_end(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    size_t most = 0, crowd = 0;

    (void)state;
    p->w->laws.steps_max = UINT32_MAX;
    p->gate->globals.limits.ike_max = 60;
    puppet_hears = p->w->net.tap;
    p->w->net.tap = deaf_to_deletes;
    p->gate->plan[p->gate->n_plans++] = plan_tunnel(0, 2, KEEP_ANSWER);
    puppet_start(p);
    for (size_t i = 0; i < 300; i++) {
        for (size_t k = 0; k < COUNT_OF(p->sa); k++)
            p->sa[k].spi_i = 0;
        fresh(p);
        MUST(p, up(p));
        most = core_count(p->gate->core).ike_sas > most ? core_count(p->gate->core).ike_sas : most;
        crowd = core_crowd(p->gate->core) > crowd ? core_crowd(p->gate->core) : crowd;
    }
    p->here.addr = addr_v4(192, 0, 2, 3);
    p->id = "end2.example";
    p->local = "10.2.0.0/16";
    p->n_inbox = p->n_heard = 0;
    MUST(p, up(p));
    printf("# counted: floods: a peer begins 300 IKE SAs: at most %zu are there, and another peer is served\n", most);
    MUST(p, most <= 32 + 1 && crowd == 32);
    world_run(p->w, 5 * 60 * SEC);
    over(p);
}

/* Two peers of one connection happen to choose the same SPI: the kernel tells them apart by their addresses (RFC 4303 2.1). */
static void one_spi_of_two(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);

    (void)state;
    p->gate->plan[0].remote = (struct addr){0};
    p->gate->plan[0].remote_id = NULL;
    p->gate->plan[0].child[0].remote[0] = "10.0.0.0/8";
    puppet_start(p);
    p->id = "a.example";
    MUST(p, up(p));
    p->sa[0].spi_i = 0;
    fresh(p);
    p->id = "b.example";
    p->local = "10.2.0.0/16";
    p->here.addr = addr_v4(192, 0, 2, 3);
    p->next_spi--;
    MUST(p, up(p));
    MUST(p, children(p, "UP") == 2);
    puppet_free(p);
}

static void liveness(void **state)
{
    struct puppet *p = quick();
    usec_t begin = p->w->now;
    size_t n = few() / 5, answered = 0;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const struct said *m;

        fresh(p);
        m = soon(p, INFORMATIONAL);
        answered += m != NULL;
        for (unsigned k = 0; !m; k++) { /* impatient */
            MUST(p, k < 1000);
            world_run(p->w, 100);
            p->n_inbox = p->n_heard = 0;
            again(p);
            world_run(p->w, 500);
            m = answer_now(p);
        }
    }
    printf(
        "# counted: floods: a peer asks %zu times whether we are there, as fast as it can: answered in %.1f s, %.0f a second\n",
        n, (double)(p->w->now - begin) / 1e6, (double)n * 1e6 / (double)(p->w->now - begin));
    MUST(p, n <= REQUESTS_AT_ONCE + (size_t)((p->w->now - begin) / REQUESTS_EACH) + 1);
    over(p);
}

/* --- huge messages ------------------------------------------------------------------------------------------------------------
 */

static double thread_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double slowest;

/* The message under construction, straight to the core: the milliseconds that it takes. */
static void heavy(struct puppet *p, uint8_t exchange, const char *what)
{
    struct input in = {.kind = INPUT_PACKET, .now = p->w->now};
    struct outbox out;
    double start;

    outbox_init(&out);
    in.u.packet.path = (struct path){p->there, p->here, false};
    in.u.packet.data = message_make(p, exchange, p->ike->next_ours++, false);
    start = thread_ms();
    core_step(p->gate->core, &in, &out);
    start = thread_ms() - start;
    printf("# %s: %zu bytes, %.2f ms\n", what, in.u.packet.data.len, start);
    slowest = start > slowest ? start : slowest;
    outbox_done(&out);
}

static size_t add_proposals(uint8_t *out, size_t max)
{
    static const uint8_t transforms[][8] = {{3, 0, 0, 8, 1, 0, 0, 3}, {3, 0, 0, 8, 3, 0, 0, 2}, {3, 0, 0, 8, 4, 0, 0, 14}};
    size_t len = 0, n = 255, each = 12 + n * 8;

    for (uint8_t k = 1; len + each <= max; k++) {
        uint8_t *p = out + len;

        memset(p, 0, 12);
        p[0] = len + 2 * each <= max ? 2 : 0;
        put_u16(p + 2, (uint16_t)each);
        p[4] = k;
        p[5] = PROTOCOL_ESP;
        p[6] = 4;
        p[7] = (uint8_t)n;
        put_u32(p + 8, 0xabcdef00u + k);
        for (size_t i = 0; i < n; i++)
            memcpy(p + 12 + 8 * i, transforms[i % 3], 8);
        p[12 + 8 * (n - 1)] = 0;
        len += each;
    }
    return len;
}

static size_t add_selectors(uint8_t *out)
{
    memset(out, 0, 4);
    out[0] = 255;
    for (size_t i = 0; i < 255; i++) {
        uint8_t *p = out + 4 + 16 * i;

        memcpy(p, (const uint8_t[]){7, 6, 0, 16, 0, 1, 255, 0, 10, 1, (uint8_t)i, 1, 10, 1, (uint8_t)i, 9}, 16);
    }
    return 4 + 16 * 255;
}

static void replace(struct puppet *p, uint8_t type, const uint8_t *body, size_t len)
{
    struct payload *x = find_out(p, type);

    x->body = arena_copy(&p->arena, span_of(body, len));
}

static void huge(void **state)
{
    struct puppet *p = quick();
    static uint8_t body[64000];
    size_t len;

    (void)state;
    slowest = 0;
    for (size_t i = 0; i < 63; i++) { /* as many as it may have */
        fresh(p);
        say_child(p, 0, NULL);
        MUST(p, sooner_or_later(p, CREATE_CHILD_SA) != NULL);
    }
    fresh(p);
    for (uint32_t i = 0; i < COUNT_OF(child_spis); i++)
        child_spis[i] = 0xdead0000u + i;
    say_delete(p, PROTOCOL_ESP, child_spis, 16000);
    heavy(p, INFORMATIONAL, "Delete of 16,000 SPIs that nobody knows");
    say_child(p, 0, NULL);
    len = add_proposals(body, 60000);
    replace(p, PAYLOAD_SA, body, len);
    heavy(p, CREATE_CHILD_SA, "29 proposals of 255 transforms");
    say_child(p, p->spi_in, NULL);
    replace(p, PAYLOAD_SA, body, len);
    heavy(p, CREATE_CHILD_SA, "the same as a rekey");
    say(p);
    for (unsigned i = 0; i < 199; i++)
        say_notify(p, (uint16_t)(40000 + i), body, 300);
    heavy(p, INFORMATIONAL, "199 notifies");
    say_child(p, 0, NULL);
    len = add_selectors(body);
    replace(p, PAYLOAD_TSI, body, len);
    replace(p, PAYLOAD_TSR, body, len);
    heavy(p, CREATE_CHILD_SA, "twice 255 traffic selectors");
    printf("# counted: floods: the largest lists that a peer can send: %.2f ms of CPU for the slowest message\n", slowest);
    assert_true(slowest <= 50 || getenv("CHARON_EMULATED")); /* a processor that is played has no 50 ms */
    puppet_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_rekeys),
        cmocka_unit_test(child_rekeys_without_delete),
        cmocka_unit_test_prestate(ike_rekeys, NULL),
        cmocka_unit_test_prestate(ike_rekeys, (void *)"deletes"),
        cmocka_unit_test(ten_thousand_children),
        cmocka_unit_test(made_and_deleted),
        cmocka_unit_test(deleted_at_once),
        cmocka_unit_test(deletes_of_nothing),
        cmocka_unit_test(ike_sas_without_end),
        cmocka_unit_test(one_spi_of_two),
        cmocka_unit_test(liveness),
        cmocka_unit_test(huge),
    };

    return flood_tests("peers that ask without end", tests, COUNT_OF(tests));
}
