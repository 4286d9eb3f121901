/* SPDX-License-Identifier: Apache-2.0 */
/* Floods at a half-open IKE SA, whose peer has proved nothing yet: garbage IKE_AUTH (RFC 8019 4.6), fragments (RFC 7383 2.6, 5).
 */
#include "memory.h"
#include "puppet_test.h"

#include "flood_test.h"

#include "ike/limits.h"

/* --- without the keys ------------------------------------------------------------------------------------------------------ */

/* A guest whose IKE_AUTH does not get through: it will be sent again after a second. */
static struct flood *half_open(void)
{
    struct flood *f = flood_begun("", 2, NULL);

    f->deaf = true;
    flood_ask(f, 1, NULL);
    flood_run(f, f->now + 100 * MS);
    assert_true(f->spi_r && f->auth.len && core_count(f->hub.core).half_open == 1 && f->hub.dh == 1);
    f->hub.peak = f->hub.bytes;
    f->hub.sent = 0;
    f->hub.cpu_us = 0;
    return f;
}

static void header(struct flood *f, uint8_t *d, size_t len, uint8_t payload)
{
    put_u64(d, f->spi_i);
    put_u64(d + 8, f->spi_r);
    d[16] = payload;
    d[17] = 0x20;
    d[18] = IKE_AUTH;
    d[19] = IKE_FLAG_INITIATOR;
    put_u32(d + 20, 1);
    put_u32(d + 24, (uint32_t)len);
    d[28] = PAYLOAD_IDI;
    d[29] = 0;
    put_u16(d + 30, (uint16_t)(len - IKE_HEADER_LEN));
}

/* Of any length, or the true one with a byte changed. */
static size_t garbage_auth(struct flood *f, uint8_t *d)
{
    size_t len = IKE_HEADER_LEN + 4 + dice_below(&f->dice, 1200);

    if (dice_below(&f->dice, 2)) {
        memcpy(d, f->auth.p, f->auth.len);
        d[IKE_HEADER_LEN + 4 + dice_below(&f->dice, f->auth.len - IKE_HEADER_LEN - 4)] ^=
            (uint8_t)(1 + dice_below(&f->dice, 255));
        return f->auth.len;
    }
    f->rng.fill(f->rng.ctx, d, len < 200 ? len : 200);
    header(f, d, len, PAYLOAD_SK);
    return len;
}

/* Totals and numbers of all kinds: fitting, huge, contradicting one another, none. */
static size_t garbage_fragment(struct flood *f, uint8_t *d)
{
    static const uint16_t totals[] = {0, 1, 2, 3, 4, 127, 128, 129, 1000, 65535};
    size_t len = IKE_HEADER_LEN + 8 + dice_below(&f->dice, 1200);
    uint16_t total = totals[dice_below(&f->dice, COUNT_OF(totals))];

    f->rng.fill(f->rng.ctx, d, len < 200 ? len : 200);
    header(f, d, len, PAYLOAD_SKF);
    put_u16(d + 32, (uint16_t)(1 + dice_below(&f->dice, total ? total : 2)));
    put_u16(d + 34, total);
    return len;
}

static void pelt(struct flood *f, size_t n, size_t (*make)(struct flood *, uint8_t *), const char *what)
{
    struct endpoint from = {f->guests[1].addr, 500};
    int64_t before = f->hub.bytes, grew;
    uint8_t d[2000] = {0};
    usec_t end = f->now + 2 * SEC;

    for (size_t i = 0; i < n; i++) {
        flood_hear(f, &from, span_of(d, make(f, d)));
        if (i % 1000 == 999 && f->now < end)
            flood_run(f, f->now + 1 * MS);
    }
    grew = f->hub.peak - before;
    assert_true(f->hub.sent == 0 && f->hub.dh == 1 && f->hub.asks[ASK_AUTH_CHECK] == 1); /* of the guest before */
    f->deaf = false;
    flood_run(f, f->now + 3 * SEC);
    printf(
        "# counted: floods: %zu %s at a half-open IKE SA, seed %llu: %llu key exchange, 0 answers, the core grew by %ld bytes, "
        "%.2f us of CPU each, the honest IKE_AUTH was %staken\n",
        n, what, (unsigned long long)seed, (unsigned long long)f->hub.dh, (long)grew, f->hub.cpu_us / (double)n,
        f->n_up == 2 ? "" : "NOT ");
    assert_true(f->n_up == 2 && f->hub.dh == 1 && grew <= 65536);
    flood_free(f);
}

static void garbage_auths(void **state)
{
    (void)state;
    pelt(half_open(), packets, garbage_auth, "garbage IKE_AUTH requests");
}

static void garbage_fragments(void **state)
{
    (void)state;
    pelt(half_open(), packets, garbage_fragment, "fragments with a wrong ICV");
}

/* --- with the keys: anybody may begin an IKE SA ------------------------------------------------------------------------------
 */

struct thrown {
    struct core *core;
    struct outbox out;
    usec_t now;
    size_t sends, asks;
};

static void throw_at(struct thrown *t, const struct puppet *p, struct span d)
{
    struct input in = {.kind = INPUT_PACKET, .now = t->now += 2};

    in.u.packet.path = (struct path){p->there, p->here, false};
    in.u.packet.data = d;
    core_step(t->core, &in, &t->out);
    for (size_t i = 0; i < t->out.n; i++) {
        t->sends += t->out.v[i].kind == OUTPUT_SEND;
        t->asks += t->out.v[i].kind == OUTPUT_ASK;
    }
    outbox_reset(&t->out);
}

/* Fragments that open, of every total up to the largest and beyond, never complete. */
static size_t fragments_of_all_totals(struct puppet *p, struct span *out, size_t max)
{
    static const uint8_t body[1200];
    size_t n = 0;

    for (uint16_t total = 2; n + 4 < max; total = (uint16_t)(total * 5 / 4 + 1)) {
        uint16_t last = total > 200 ? 200 : total;

        for (uint16_t k = 1; k < last && n + 4 < max; k = (uint16_t)(k + 1 + last / 40))
            out[n++] = fragment_make(p, IKE_AUTH, 1, false, PAYLOAD_IDI, span_of(body, k % 3 ? sizeof(body) : 0), k, total);
        if (total > 60000)
            break;
        out[n++] = fragment_make(p, IKE_AUTH, 1, false, PAYLOAD_IDI, span_of(body, 9), (uint16_t)(total + 1), total);
        out[n++] = fragment_make(p, IKE_AUTH, 1, false, PAYLOAD_IDI, span_of(body, 9), 0, total);
    }
    return n;
}

static void fragments_with_keys(void **state)
{
    static struct span made[4000];
    struct puppet *p = puppet_new(KEEP_ANSWER);
    struct thrown t = {0};
    size_t n, before, most = 0, now;

    (void)state;
    puppet_start(p);
    MUST(p, keyed(p));
    n = fragments_of_all_totals(p, made, COUNT_OF(made));
    outbox_init(&t.out);
    t.core = p->gate->core;
    t.now = p->w->now;
    throw_at(&t, p, span_of("", 0));
    before = memory_in_use();
    for (size_t i = 0; i < packets; i++) {
        throw_at(&t, p, made[i < n ? i : dice_below(&p->dice, n)]);
        now = memory_in_use();
        most = now - before > most && now > before ? now - before : most;
    }
    outbox_done(&t.out);
    printf(
        "# counted: floods: %zu fragments with a good ICV (%zu different), in disorder, at a half-open IKE SA: %zu answers, %zu "
        "asks, the core grew by %zu bytes\n",
        packets, n, t.sends, t.asks, most);
    MUST(p, t.sends == 0 && t.asks == 0 && most <= 65536 + 128 * 64);
    p->w->now = t.now;
    say_auth(p);
    MUST(p, ask(p, IKE_AUTH) && children(p, "UP") == 1);
    MUST(p, p->gate->asks[ASK_KE_BOTH] == 0 && p->gate->asks[ASK_AUTH_CHECK] == 1);
    over(p);
}

/* Everybody who has an address of its own may begin IKE SAs and send fragments that open: what is kept of all of them together is
 * bounded, and who is honest still gets in, with an IKE_AUTH in pieces too (that of the puppet above, 7383 2.6). */
static void fragments_of_many(void **state)
{
    size_t n = 600;
    struct flood *f = flood_begun("", n + 1, NULL);
    int64_t before = f->hub.bytes;
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    f->deaf = true;
    f->delay = MS;
    for (size_t i = 1; i < n; i++) {
        struct endpoint from = {f->guests[i].addr, 500};

        flood_ask(f, i, NULL);
        flood_run(f, f->now + 5 * MS);
        for (uint16_t k = 1; k <= 60; k++) {
            static const uint8_t body[1000];

            flood_hear(f, &from, flood_fragment(f, &a, span_of(body, sizeof(body)), k, 100));
            arena_reset(&a);
        }
    }
    printf(
        "# counted: floods: %zu half-open peers send 60,000 bytes of IKE_AUTH each in fragments, never all: the core grew by %ld "
        "KiB\n",
        core_count(f->hub.core).half_open, (long)((f->hub.peak - before) >> 10));
    assert_true(core_count(f->hub.core).half_open > 150 && f->hub.dh >= n / 2);
    assert_true(f->hub.peak - before <= 8 * MIB);
    f->deaf = false;
    flood_ask(f, n, NULL);
    flood_run(f, f->now + 3 * SEC);
    assert_true(f->guests[n].up != 0);
    arena_done(&a);
    flood_free(f);
}

/* --- counted under where it came from ----------------------------------------------------------------------------------------
 */

/* A gate for peers from anywhere, where a network has few places. */
static struct puppet *from_anywhere(void)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);

    p->gate->plan[0].remote = (struct addr){0};
    p->gate->globals.limits.half_open_per_source = 8;
    puppet_start(p);
    return p;
}

static void begin_from(struct puppet *p, struct addr from)
{
    for (size_t k = 0; k < COUNT_OF(p->sa); k++) /* the puppet forgets the others */
        p->sa[k].spi_i = 0;
    p->n_inbox = p->n_heard = 0;
    arena_reset(&p->arena);
    p->here.addr = from;
    MUST(p, keyed(p)); /* no cookie is asked for, so that none of the others still counts */
    MUST(p, core_count(p->gate->core).half_open == core_count(p->gate->core).sources);
}

/* Its address changes between IKE_SA_INIT and IKE_AUTH (a NAT forgets, 2.23): the IKE SA stops counting under the address that it
 * was counted under, or its network would be shut out after as many as it has places. */
static void rebinds_before_auth(void **state)
{
    struct puppet *p = from_anywhere();
    unsigned n = 65;

    (void)state;
    for (unsigned i = 0; i < n; i++) {
        begin_from(p, addr_v4(192, 0, 2, 2));
        p->here.addr = addr_v4(198, 51, 100, (uint8_t)(1 + i));
        say_auth(p);
        MUST(p, ask(p, IKE_AUTH) != NULL && ike_sas(p, "UP") == 1);
        MUST(p, core_count(p->gate->core).half_open == 0 && core_count(p->gate->core).sources == 0);
        say(p);
        say_delete(p, PROTOCOL_IKE, NULL, 0);
        MUST(p, ask(p, INFORMATIONAL) != NULL && core_count(p->gate->core).ike_sas == 0);
    }
    printf(
        "# counted: floods: a peer rebinds its address between IKE_SA_INIT and IKE_AUTH %u times, where a network has 8 places: "
        "each is served, no network is left counted\n",
        n);
    over(p);
}

/* The same when nothing comes of it: a wrong AUTH from another address, or none at all until the time is over. */
static void rebinds_and_fails(void **state)
{
    struct puppet *p = from_anywhere();
    const char *psk = p->psk;

    (void)state;
    for (unsigned i = 0; i < 65; i++) {
        begin_from(p, addr_v4(192, 0, 2, 2));
        p->here.addr = addr_v4(198, 51, 100, (uint8_t)(1 + i));
        p->psk = "another secret, which nobody here knows";
        say_auth(p);
        p->psk = psk;
        if (i % 3) {
            MUST(p, error_of(ask(p, IKE_AUTH)) == AUTHENTICATION_FAILED);
        } else {
            p->spoil = NULL;
            send_bytes(p, span_part(message_sealed(p, IKE_AUTH, 1, false), 0, 40)); /* cut short */
            world_run(p->w, HALF_OPEN_LIFE + 2 * SEC);
        }
        MUST(p, core_count(p->gate->core).half_open == 0 && core_count(p->gate->core).sources == 0);
    }
    over(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_auths),     cmocka_unit_test(garbage_fragments),   cmocka_unit_test(fragments_with_keys),
        cmocka_unit_test(fragments_of_many), cmocka_unit_test(rebinds_before_auth), cmocka_unit_test(rebinds_and_fails),
    };

    return flood_tests("floods at half-open IKE SAs", tests, COUNT_OF(tests));
}
