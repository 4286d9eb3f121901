/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA and Delete with peers that do it their own way (RFC 7296 1.3, 1.4.1, 2.8, 2.9.2, 2.25). */
#include "puppet_test.h"

static struct puppet *with_esp(enum keep keep, const char *gate_esp, enum pfs pfs)
{
    struct puppet *p = puppet_new(keep);

    p->gate->plan[0].child[0].esp = gate_esp;
    p->gate->plan[0].child[0].pfs = pfs;
    puppet_start(p);
    MUST(p, keep == KEEP_UP ? up_there(p) : up(p));
    return p;
}

static uint16_t group_of(const struct said *m)
{
    const struct payload *n = m ? notify_find(m->in, INVALID_KE_PAYLOAD) : NULL;

    return n && n->u.notify.data.len == 2 ? get_u16(n->u.notify.data.p) : 0;
}

static const struct said *rekey_heard(struct puppet *p, const char *child)
{
    const struct said *m;

    end_order(p->gate, ORDER_REKEY, "to1", child);
    m = hear(p);
    MUST(p, m && m->h.exchange == CREATE_CHILD_SA && !m->response);
    return m;
}

/* The gate deletes the SA that was replaced; its SPI is expected. */
static void delete_heard(struct puppet *p, uint32_t spi)
{
    const struct said *m = hear(p);
    const struct payload *d = part(m, PAYLOAD_DELETE);
    uint32_t ours = p->spi_in;

    MUST(p, d && m->h.exchange == INFORMATIONAL && d->u.del.protocol == PROTOCOL_ESP && d->u.del.count == 1);
    MUST(p, get_u32(d->u.del.spis.p) == spi);
    say(p);
    say_delete(p, PROTOCOL_ESP, &ours, 1);
    reply(p, m);
    world_run(p->w, 100 * MS);
}

static void tell_delete(struct puppet *p, uint32_t spi, uint32_t expected)
{
    const struct said *m;
    const struct payload *d;

    say(p);
    say_delete(p, PROTOCOL_ESP, &spi, 1);
    m = ask(p, INFORMATIONAL);
    d = part(m, PAYLOAD_DELETE);
    MUST(p, m && m->response && (d != NULL) == (expected != 0));
    MUST(p, !d || (d->u.del.count == 1 && get_u32(d->u.del.spis.p) == expected));
}

/* --- groups
 * ------------------------------------------------------------------------------------------------------------------------ */

static void disliked_group(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    const struct said *m;
    uint32_t old;

    (void)state;
    p->gate->plan[0].child[0].esp = "aes256gcm16-ecp256";
    p->gate->plan[0].child[0].pfs = PFS_REQUIRE;
    p->gate->plan[0].ike = "aes256gcm16-prfsha256-x25519";
    puppet_start(p);
    MUST(p, up(p));
    old = p->spi_in;
    p->esp = "aes256gcm16-x25519-ecp256";
    say_child(p, old, "x25519");
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, group_of(m) == 19 && !m->in->next && children(p, NULL) == 1);
    say_child(p, old, "ecp256");
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, esp_spi(m) && part(m, PAYLOAD_KE) && part(m, PAYLOAD_KE)->u.ke.group == 19);
    tell_delete(p, old, p->spi_out);
    say_rekey_ike(p, "aes256gcm16-prfsha256-ecp256-x25519");
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, group_of(m) == 31 && ike_sas(p, NULL) == 1);
    say_rekey_ike(p, "aes256gcm16-prfsha256-x25519-ecp256");
    MUST(p, heir_take(p, ask(p, CREATE_CHILD_SA)));
    alive(p, 1);
    over(p);
}

/* The peer wants another group of those that we offered: it gets it, soon. */
static void other_group_wanted(void **state)
{
    struct puppet *p = puppet_new(KEEP_UP);
    const struct said *m;
    uint32_t old;

    (void)state;
    p->gate->plan[0].child[0].esp = "aes256gcm16-x25519-ecp256";
    p->gate->plan[0].ike = "aes256gcm16-prfsha256-x25519-ecp256";
    puppet_start(p);
    MUST(p, up_there(p));
    old = p->spi_out;
    m = rekey_heard(p, "net");
    MUST(p, part(m, PAYLOAD_KE) && part(m, PAYLOAD_KE)->u.ke.group == 31);
    say(p);
    say_notify(p, INVALID_KE_PAYLOAD, "\0\23", 2);
    reply(p, m);
    m = hear_for(p, 3 * SEC);
    MUST(p, part(m, PAYLOAD_KE) && part(m, PAYLOAD_KE)->u.ke.group == 19 && has(m, REKEY_SA));
    say_child_answer(p, m, "ecp256");
    reply(p, m);
    delete_heard(p, old);
    MUST(p, children(p, "UP") == 1);
    m = rekey_heard(p, NULL);
    MUST(p, part(m, PAYLOAD_KE)->u.ke.group == 31);
    say(p);
    say_notify(p, INVALID_KE_PAYLOAD, "\0\23", 2);
    reply(p, m);
    m = hear_for(p, 3 * SEC);
    MUST(p, part(m, PAYLOAD_KE) && part(m, PAYLOAD_KE)->u.ke.group == 19);
    p->words = "aes256gcm16-prfsha256-ecp256";
    say_rekey_ike_answer(p, m);
    reply(p, m);
    m = hear(p);
    MUST(p, part(m, PAYLOAD_DELETE) && part(m, PAYLOAD_DELETE)->u.del.protocol == PROTOCOL_IKE);
    say(p);
    reply(p, m);
    p->ike = p->heir;
    token_heard(p);
    alive(p, 1);
    over(p);
}

/* A group that was not offered, again and again: the rekey waits, and nothing runs hot. */
static void absurd_groups(void **state)
{
    struct puppet *p = with_esp(KEEP_UP, "aes256gcm16-x25519", PFS_REQUIRE);
    const struct said *m = rekey_heard(p, "net");
    usec_t until = p->w->now + 120 * SEC;
    unsigned tries = 0;

    (void)state;
    for (; m && p->w->now < until; m = hear_for(p, until - p->w->now)) {
        say(p);
        if (m->h.exchange == CREATE_CHILD_SA) {
            MUST(p, part(m, PAYLOAD_KE) && part(m, PAYLOAD_KE)->u.ke.group == 31);
            say_notify(p, INVALID_KE_PAYLOAD, tries % 2 ? "\0\23" : "\0\37", 2);
            tries++;
        }
        reply(p, m);
    }
    MUST(p, tries >= 2 && tries <= 20);
    alive(p, 1);
    over(p);
}

/* --- with and without KE
 * ----------------------------------------------------------------------------------------------------------- */

/* The gate answers. Its wish: auto takes both, require only with, off takes both too (what a peer insists on does no harm). */
/* What the gate gave its kernel is what we derive from the CREATE_CHILD_SA that we began: with PFS the new secret is in it (RFC
 * 7296 2.17). */
static void keys_are_ours(struct puppet *p, const struct said *m)
{
    const struct payload *ke = part(m, PAYLOAD_KE), *nonce = part(m, PAYLOAD_NONCE);
    struct suite suite = {.encr = alg_by_name(p->w->algs, "aes256gcm16")};
    struct kernel_sa in = {.encr = suite.encr, .esn = true}, out = in;
    struct sa *gate_in = xfrm_find(&p->gate->xfrm, true, esp_spi(m)), *gate_out = xfrm_find(&p->gate->xfrm, false, p->spi_in);
    struct secret shared = {0};
    struct child_keys keys = {0};

    MUST(p, gate_in && nonce && (ke != NULL) == (p->child_ke != NULL));
    if (ke)
        MUST(p, p->child_ke->ke->derive(p->child_ke, secret_view(&p->child_private), ke->u.ke.data, &shared) == 0);
    MUST(p, child_keys_derive(&suite, p->ike->suite.prf, secret_view(&p->ike->keys.d), secret_view(&shared),
                              secret_view(&p->child_ni), nonce->u.nonce, &keys) == 0);
    in.encr_key = secret_view(&keys.encr_i2r);
    out.encr_key = secret_view(&keys.encr_r2i);
    MUST(p, gate_in->keys == xfrm_keys(p->w, &in));
    MUST(p, !gate_out || gate_out->keys == xfrm_keys(p->w, &out)); /* a responder's waits for the old SA's deletion (2.8) */
    child_keys_done(&keys);
    secret_done(&shared);
}

static void pfs_answered(void **state)
{
    static const struct {
        enum pfs pfs;
        bool without, with;
    } rows[] = {{PFS_AUTO, true, true}, {PFS_REQUIRE, false, true}, {PFS_OFF, true, true}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct puppet *p = with_esp(KEEP_ANSWER, "aes256gcm16-x25519", rows[i].pfs);
        uint32_t old = p->spi_in;
        const struct said *m;

        say_child(p, old, NULL);
        m = ask(p, CREATE_CHILD_SA);
        MUST(p, rows[i].without ? esp_spi(m) && !part(m, PAYLOAD_KE) : error_of(m) == NO_PROPOSAL_CHOSEN);
        if (rows[i].without) {
            keys_are_ours(p, m);
            tell_delete(p, old, p->spi_out);
            old = p->spi_in;
            p->spi_out = esp_spi(m);
        }
        p->esp = "aes256gcm16-x25519";
        say_child(p, old, "x25519");
        m = ask(p, CREATE_CHILD_SA);
        MUST(p, rows[i].with && esp_spi(m) && part(m, PAYLOAD_KE) && part(m, PAYLOAD_KE)->u.ke.group == 31);
        keys_are_ours(p, m);
        tell_delete(p, old, p->spi_out);
        p->spi_out = esp_spi(m);
        old = p->spi_in;
        p->esp = "aes256gcm16-x25519 aes256gcm16"; /* both offered, with a value: with it is better */
        say_child(p, old, "x25519");
        m = ask(p, CREATE_CHILD_SA);
        MUST(p, esp_spi(m) && part(m, PAYLOAD_KE));
        tell_delete(p, old, p->spi_out);
        alive(p, 1);
        over(p);
    }
}

static bool offers(const struct said *m, bool with_ke)
{
    const struct payload *sa = part(m, PAYLOAD_SA);

    for (size_t i = 0; sa && i < sa->u.sa.n; i++) {
        bool ke = false;

        for (size_t k = 0; k < sa->u.sa.v[i].n_transforms; k++)
            ke |= sa->u.sa.v[i].transforms[k].type == TRANSFORM_KE;
        if (ke == with_ke)
            return true;
    }
    return false;
}

/* The gate asks: with and without are offered (auto), only with (require), only without (off); what the peer takes is fine. */
static void pfs_offered(void **state)
{
    static const enum pfs wishes[] = {PFS_AUTO, PFS_REQUIRE, PFS_OFF};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wishes); i++)
        for (unsigned with = 0; with < 2; with++) {
            struct puppet *p = with_esp(KEEP_UP, "aes256gcm16-x25519", wishes[i]);
            bool allowed = wishes[i] == PFS_AUTO || with == (wishes[i] == PFS_REQUIRE);
            const struct said *m = rekey_heard(p, "net");
            uint32_t old = p->spi_out, asked = esp_spi(m);

            MUST(p, offers(m, true) == (wishes[i] != PFS_OFF) && offers(m, false) == (wishes[i] != PFS_REQUIRE));
            MUST(p, (part(m, PAYLOAD_KE) != NULL) == (wishes[i] != PFS_OFF));
            say_child_answer(p, m, with ? "x25519" : NULL);
            reply(p, m);
            delete_heard(p, allowed ? old : asked);
            MUST(p, children(p, "UP") == 1 && p->gate->facts[FACT_CHILD_REKEYED] == allowed);
            over(p);
        }
}

/* A proposal with a group is chosen and the KE payload forgotten, or of another group. */
static void answer_lacks_its_value(void **state)
{
    for (unsigned k = 0; k < 3; k++) {
        struct puppet *p = with_esp(KEEP_UP, "aes256gcm16-x25519", PFS_AUTO);
        const struct said *m = rekey_heard(p, "net");

        (void)state;
        say_child_answer(p, m, "x25519");
        if (k == 0)
            unsay(p, PAYLOAD_KE);
        else if (k == 1)
            find_out(p, PAYLOAD_KE)->u.ke.group = 19;
        else
            find_out(p, PAYLOAD_KE)->u.ke.data = span_of("short", 5);
        reply(p, m);
        m = hear(p); /* RFC 6989 2.5: away with it */
        MUST(p, part(m, PAYLOAD_DELETE) && part(m, PAYLOAD_DELETE)->u.del.protocol == PROTOCOL_IKE);
        MUST(p, ike_sas(p, "UP") == 0 && xfrm_size(&p->gate->xfrm) == 0);
        over(p);
    }
}

/* The same from who asks (RFC 6989 2.5): INVALID_SYNTAX, and the IKE SA is gone. */
static void request_with_bad_value(void **state)
{
    for (unsigned k = 0; k < 4; k++) {
        struct puppet *p = with_esp(KEEP_ANSWER, "aes256gcm16-x25519", PFS_REQUIRE);
        static const uint8_t zero[32];
        const struct said *m;

        (void)state;
        p->esp = "aes256gcm16-x25519";
        if (k < 2)
            say_child(p, p->spi_in, "x25519");
        else
            say_rekey_ike(p, p->words);
        find_out(p, PAYLOAD_KE)->u.ke.data = k % 2 ? span_of(zero, 32) : span_of("short", 5);
        m = ask(p, CREATE_CHILD_SA);
        MUST(p, error_of(m) == INVALID_SYNTAX && ike_sas(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0);
        over(p);
    }
}

/* --- selectors at rekey
 * -------------------------------------------------------------------------------------------------------------- */

static void wide_rekey(void **state)
{
    static const char *const first[][2] = {
        {"10.1.0.0/16", "10.0.0.0/16"}, {"10.1.2.0/24", "10.0.7.1/32"}, {"0.0.0.0/0", "0.0.0.0/0"}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(first); i++) {
        struct puppet *p = waiting();
        const char *local = i == 2 ? first[0][0] : first[i][0], *remote = i == 2 ? first[0][1] : first[i][1];
        const struct said *m;

        p->local = first[i][0];
        p->remote = first[i][1];
        MUST(p, up(p));
        p->local = p->remote = "0.0.0.0/0"; /* Windows asks for what it asked at first, not for what it got */
        for (unsigned k = 0; k < 3; k++) {
            uint32_t old = p->spi_in, out = p->spi_out;

            say_child(p, old, NULL);
            m = ask(p, CREATE_CHILD_SA);
            MUST(p, esp_spi(m) && ts_are(p, m, PAYLOAD_TSI, local) && ts_are(p, m, PAYLOAD_TSR, remote));
            p->spi_out = esp_spi(m);
            tell_delete(p, old, out);
        }
        alive(p, 1);
        over(p);
    }
}

/* Our rekey asks for what is in use; who does not like that gets the request of the beginning. */
static void narrowed_then_wide(void **state)
{
    struct puppet *p = puppet_new(KEEP_UP);
    const struct said *m;
    struct payload *ts;
    uint32_t old;
    usec_t at;

    (void)state;
    puppet_start(p);
    m = hear_for(p, 5 * SEC);
    say_init_answer(p, m);
    reply(p, m);
    m = hear(p);
    say_auth_answer(p, m);
    unsay(p, PAYLOAD_TSI);
    unsay(p, PAYLOAD_TSR);
    say_ts(p, PAYLOAD_TSI, "10.0.5.0/24");
    say_ts(p, PAYLOAD_TSR, "10.1.9.0/24");
    reply(p, m);
    world_run(p->w, 100 * MS);
    MUST(p, children(p, "UP") == 1);
    old = p->spi_out;
    m = rekey_heard(p, "net");
    MUST(p, ts_are(p, m, PAYLOAD_TSI, "10.0.5.0/24") && ts_are(p, m, PAYLOAD_TSR, "10.1.9.0/24"));
    say(p);
    say_notify(p, TS_UNACCEPTABLE, NULL, 0);
    reply(p, m);
    m = hear_for(p, 3 * SEC);
    MUST(p, m && has(m, REKEY_SA) && ts_are(p, m, PAYLOAD_TSI, "10.0.0.0/16") && ts_are(p, m, PAYLOAD_TSR, "10.1.0.0/16"));
    say(p);
    say_notify(p, TS_UNACCEPTABLE, NULL, 0);
    reply(p, m);
    at = p->w->now;
    m = hear_for(p, 60 * SEC); /* nothing suits it: not so soon again */
    MUST(p, m && has(m, REKEY_SA) && p->w->now - at > 10 * SEC);
    say_child_answer(p, m, NULL);
    ts = find_out(p, PAYLOAD_TSI);
    MUST(p, ts);
    reply(p, m);
    delete_heard(p, old);
    MUST(p, children(p, "UP") == 1);
    over(p);
}

/* --- order of events
 * ------------------------------------------------------------------------------------------------------------------ */

/* The peer deletes the old SA before it answers our rekey of it. */
static void deleted_before_the_answer(void **state)
{
    struct puppet *p = called();
    uint32_t old_in = p->spi_in, old_out = p->spi_out;
    const struct said *m = rekey_heard(p, "net"), *d;

    (void)state;
    say(p);
    say_delete(p, PROTOCOL_ESP, &old_in, 1);
    d = ask(p, INFORMATIONAL);
    MUST(p, part(d, PAYLOAD_DELETE) && get_u32(part(d, PAYLOAD_DELETE)->u.del.spis.p) == old_out); /* 2.25.1 */
    say_child_answer(p, m, NULL);
    reply(p, m);
    world_run(p->w, SEC);
    MUST(p, children(p, "UP") == 1 && children(p, NULL) == 1);
    tend(p, 60 * SEC);
    MUST(p, children(p, "UP") == 1 && children(p, NULL) == 1);
    alive(p, 1);
    over(p);
}

/* A confused peer rekeys an SA twice: the second is not done again, and the first stands. */
static void rekeyed_twice(void **state)
{
    struct puppet *p = connected();
    uint32_t old = p->spi_in, out = p->spi_out;
    const struct said *m;

    (void)state;
    say_child(p, old, NULL);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, esp_spi(m));
    p->spi_out = esp_spi(m);
    for (unsigned k = 0; k < 3; k++) {
        say_child(p, old, NULL);
        MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == TEMPORARY_FAILURE);
    }
    tell_delete(p, old, out);
    say_child(p, old, NULL);
    MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == CHILD_SA_NOT_FOUND);
    alive(p, 1);
    over(p);
}

/* The peer could not use the new one: it closes both, in one message. Nothing more is made of the new one meanwhile. */
static void deleted_with_its_successor(void **state)
{
    struct puppet *p = connected();
    uint32_t both[2] = {p->spi_in};
    uint64_t asked;

    (void)state;
    say_child(p, both[0], NULL);
    MUST(p, esp_spi(ask(p, CREATE_CHILD_SA)));
    both[1] = p->spi_in;
    asked = p->gate->asks[ASK_CHILD_OUTBOUND];
    say(p);
    say_delete(p, PROTOCOL_ESP, both, 2);
    MUST(p, part(ask(p, INFORMATIONAL), PAYLOAD_DELETE)->u.del.count == 2);
    world_run(p->w, SEC);
    MUST(p, p->gate->asks[ASK_CHILD_OUTBOUND] == asked && children(p, NULL) == 0 && ike_sas(p, "UP") == 1);
    over(p);
}

/* The replaced SA is never deleted by who should: in the end we do it, and the tunnel stays. */
static void rekeyed_and_left(void **state)
{
    struct puppet *p = connected();
    uint32_t old_out = p->spi_out, ours;
    const struct said *m;

    (void)state;
    say_child(p, p->spi_in, NULL);
    MUST(p, esp_spi(ask(p, CREATE_CHILD_SA)));
    say(p);
    MUST(p, ask(p, INFORMATIONAL)); /* so that the gate knows that its answer arrived */
    while ((m = hear_for(p, 90 * SEC)) && !part(m, PAYLOAD_DELETE)) {
        say(p);
        reply(p, m);
    }
    MUST(p, m && get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) == old_out);
    say(p);
    ours = p->spi_in - 1;
    say_delete(p, PROTOCOL_ESP, &ours, 1);
    reply(p, m);
    tend(p, 2 * SEC);
    alive(p, 1);
    over(p);
}

/* The peer sends by the SA of ours that hears on this SPI. */
static void packets_came(struct puppet *p, uint32_t spi)
{
    struct sa *sa = xfrm_find(&p->gate->xfrm, true, spi);

    MUST(p, sa);
    sa->packets += 7;
    sa->bytes += 7 * 100;
    sa->used_wall_s = end_wall_s(p->gate);
}

/* What the gate deletes within so long; liveness is answered. */
static uint32_t deleted_within(struct puppet *p, usec_t time)
{
    const struct said *m;

    while ((m = hear_for(p, time)) && !part(m, PAYLOAD_DELETE)) {
        say(p);
        reply(p, m);
    }
    if (!m)
        return 0;
    say(p);
    reply(p, m);
    tend(p, 2 * SEC);
    return get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p);
}

/* The same, but the peer sends by the new one, and perhaps hears on no other: it is answered there before long. */
static void rekeyed_and_left_in_use(void **state)
{
    struct puppet *p = connected();
    uint32_t new_out;

    (void)state;
    say_child(p, p->spi_in, NULL);
    new_out = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, new_out && !xfrm_find(&p->gate->xfrm, false, p->spi_in));
    tend(p, 7 * SEC);
    MUST(p, !xfrm_find(&p->gate->xfrm, false, p->spi_in));
    packets_came(p, new_out);
    tend(p, 7 * SEC);
    MUST(p, xfrm_find(&p->gate->xfrm, false, p->spi_in) && children(p, "UP") == 2);
    MUST(p, deleted_within(p, 60 * SEC));
    MUST(p, children(p, "UP") == 1 && xfrm_find(&p->gate->xfrm, true, new_out));
    alive(p, 1);
    over(p);
}

/* The hand is asked about a successor that the peer closes, and has rekeyed again before the answer counts. */
static void left_and_rekeyed_again(void **state)
{
    struct puppet *p = connected();
    uint32_t old = p->spi_in, gone, new_out;

    (void)state;
    say_child(p, old, NULL);
    gone = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, gone);
    packets_came(p, gone);
    world_run(p->w, 5 * SEC + 50 * MS); /* asked, but not thought about */
    tell_delete(p, p->spi_in, gone);
    say_child(p, old, NULL);
    new_out = esp_spi(ask(p, CREATE_CHILD_SA));
    MUST(p, new_out && new_out != gone);
    world_run(p->w, 7 * SEC);
    MUST(p, !xfrm_find(&p->gate->xfrm, false, p->spi_in)); /* the answer may be lost: nobody speaks there */
    over(p);
}

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

static void unknown_spis(void **state)
{
    static const uint32_t spis[] = {0x12345678, 1, 0, 0xffffffff};
    struct puppet *p = connected();
    const struct payload *n;
    const struct said *m;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(spis) + 1; i++) {
        uint32_t spi = i < COUNT_OF(spis) ? spis[i] : p->spi_out; /* our own inbound one is not theirs to name */

        say_child(p, 5, NULL);
        put_u32((uint8_t *)(uintptr_t)find_out(p, PAYLOAD_NOTIFY)->u.notify.spi.p, spi);
        m = ask(p, CREATE_CHILD_SA);
        n = m ? notify_find(m->in, CHILD_SA_NOT_FOUND) : NULL;
        MUST(p, n && !m->in->next && n->u.notify.protocol == PROTOCOL_ESP && n->u.notify.spi.len == 4);
        MUST(p, get_u32(n->u.notify.spi.p) == spi && n->u.notify.data.len == 0);
        tell_delete(p, spi, 0);
    }
    alive(p, 1);
    over(p);
}

/* A REKEY_SA without an SPI, or with a long one, names nothing that we have. */
static void odd_rekey_notifies(void **state)
{
    struct puppet *p = connected();
    const struct said *m;

    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        say_child(p, 5, NULL);
        find_out(p, PAYLOAD_NOTIFY)->u.notify.spi = k == 0 ? SPAN_NONE : span_of("12345678", k == 1 ? 8 : 3);
        m = ask(p, CREATE_CHILD_SA);
        MUST(p, error_of(m) == CHILD_SA_NOT_FOUND);
    }
    alive(p, 1);
    over(p);
}

/* --- Delete
 * --------------------------------------------------------------------------------------------------------------------------- */

static void several_deletes(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    uint32_t in[4], out[4], many[300];
    const struct payload *d;
    const struct said *m;

    (void)state;
    p->gate->plan[0].child[1] =
        (struct plan_child){.name = "b", .local = {"10.2.0.0/16"}, .remote = {"10.1.0.0/16"}, .keep = KEEP_ANSWER};
    p->gate->plan[0].child[2] =
        (struct plan_child){.name = "c", .local = {"10.3.0.0/16"}, .remote = {"10.1.0.0/16"}, .keep = KEEP_ANSWER};
    puppet_start(p);
    MUST(p, up(p));
    in[0] = p->spi_in;
    out[0] = p->spi_out;
    for (unsigned k = 1; k < 3; k++) {
        p->remote = k == 1 ? "10.2.0.0/16" : "10.3.0.0/16";
        say_child(p, 0, NULL);
        in[k] = p->spi_in;
        out[k] = esp_spi(ask(p, CREATE_CHILD_SA));
        MUST(p, out[k]);
    }
    MUST(p, children(p, "UP") == 3);
    many[0] = 0x11111111;
    many[1] = in[0];
    many[2] = 0x22222222;
    many[3] = in[0]; /* twice */
    many[4] = in[1];
    say(p);
    say_delete(p, PROTOCOL_AH, many, 5); /* of another protocol: not ours */
    say_delete(p, PROTOCOL_ESP, many, 5);
    say_delete(p, PROTOCOL_ESP, &in[2], 1);
    m = ask(p, INFORMATIONAL);
    d = part(m, PAYLOAD_DELETE);
    MUST(p, d && d->u.del.count == 3 && !payload_after(d, PAYLOAD_DELETE));
    for (unsigned k = 0; k < 3; k++)
        MUST(p, get_u32(d->u.del.spis.p + 4 * k) == out[k]);
    world_run(p->w, SEC); /* at peace: `keep: answer` leaves it to the peer */
    MUST(p, children(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0 && ike_sas(p, "UP") == 1);
    for (uint32_t i = 0; i < COUNT_OF(many); i++)
        many[i] = 0x40000000 + i;
    say(p);
    say_delete(p, PROTOCOL_ESP, many, COUNT_OF(many));
    m = ask(p, INFORMATIONAL);
    MUST(p, m && !m->in);
    alive(p, 0);
    over(p);
}

/* Both ends close the same SA at once: the answers carry no Delete (1.4.1, 2.25.1). */
static void crossing_deletes(void **state)
{
    struct puppet *p = called();
    uint32_t in = p->spi_in, out = p->spi_out;
    const struct said *m;

    (void)state;
    end_order(p->gate, ORDER_DOWN, "to1", "net");
    m = hear(p);
    MUST(p, part(m, PAYLOAD_DELETE) && get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) == out);
    tell_delete(p, in, 0);
    say(p);
    reply(p, m);
    world_run(p->w, 100 * MS);
    MUST(p, children(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0);
    alive(p, 0);
    over(p);
}

/* Sizes that do not fit are malformed, and that is fatal (3.11, 2.21.3). */
static void malformed_deletes(void **state)
{
    static const uint8_t bodies[][12] = {{PROTOCOL_ESP, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8},
                                         {PROTOCOL_ESP, 4, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8},
                                         {PROTOCOL_IKE, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8},
                                         {PROTOCOL_ESP, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct puppet *p = connected();

        say(p);
        say_raw(p, PAYLOAD_DELETE, bodies[i], 12);
        MUST(p, error_of(ask(p, INFORMATIONAL)) == INVALID_SYNTAX && ike_sas(p, NULL) == 0);
        over(p);
    }
}

static void delete_of_the_ike_sa(void **state)
{
    struct puppet *p = connected();
    const struct said *m;

    (void)state;
    say(p);
    say_delete(p, PROTOCOL_IKE, NULL, 0);
    m = ask(p, INFORMATIONAL);
    MUST(p, m && m->response && m->sealed && !m->in);
    MUST(p, ike_sas(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0);
    over(p);
}

/* --- rekey of the IKE SA
 * --------------------------------------------------------------------------------------------------------------- */

static void ike_rekeyed_by_peer(void **state)
{
    struct puppet *p = connected();
    struct pupil *old;
    const struct said *m;

    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        old = p->ike;
        say_rekey_ike(p, p->words);
        m = ask(p, CREATE_CHILD_SA);
        MUST(p, heir_take(p, m));
        MUST(p, !part(m, PAYLOAD_TSI) && m->in->type == PAYLOAD_SA);
        say(p); /* the old one is still heard ... */
        p->heir = p->ike;
        p->ike = old;
        say_delete(p, PROTOCOL_IKE, NULL, 0);
        m = ask(p, INFORMATIONAL);
        MUST(p, m && m->response && m->h.spi_i == old->spi_i);
        p->ike = p->heir; /* ... and the new one begins with 0 */
        MUST(p, p->ike->next_ours == 0);
        alive(p, 1);
        MUST(p, ike_sas(p, NULL) == 1);
    }
    say_rekey_ike(p, p->words);
    proposal_of(find_out(p, PAYLOAD_SA), 0)->spi_len = 0; /* without an SPI: for nobody */
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, error_of(m) == INVALID_SYNTAX || error_of(m) == NO_PROPOSAL_CHOSEN);
    over(p);
}

/* While the peer has rekeyed the IKE SA, nothing more is begun on the old one (2.25.2); the new one has the child. */
static void old_ike_sa_still_used(void **state)
{
    struct puppet *p = connected();
    uint32_t in = p->spi_in, out = p->spi_out;
    struct pupil *old = p->ike, *new;

    (void)state;
    say_rekey_ike(p, p->words);
    MUST(p, heir_take(p, ask(p, CREATE_CHILD_SA)));
    new = p->ike;
    p->ike = old;
    say_child(p, 0, NULL);
    MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == TEMPORARY_FAILURE);
    say_rekey_ike(p, p->words);
    MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == TEMPORARY_FAILURE);
    tell_delete(p, in, 0);
    p->ike = new;
    MUST(p, children(p, "UP") == 1);
    tell_delete(p, in, out);
    MUST(p, children(p, NULL) == 0);
    over(p);
}

/* The peer closes the IKE SA that we are rekeying: it gets its answer, and our rekey is forgotten (2.25.2). */
static void closed_while_rekeyed(void **state)
{
    struct puppet *p = called();
    const struct said *m = rekey_heard(p, NULL), *d;

    (void)state;
    say(p);
    say_delete(p, PROTOCOL_IKE, NULL, 0);
    d = ask(p, INFORMATIONAL);
    MUST(p, d && d->response && !d->in && ike_sas(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0);
    say_rekey_ike_answer(p, m); /* too late */
    reply(p, m);
    m = hear_for(p, 60 * SEC);
    MUST(p, m && m->h.exchange == IKE_SA_INIT && ike_sas(p, "UP") == 0);
    over(p);
}

/* Both ends rekey the IKE SA at once: the peer's is answered as usual, a second one of it is not (2.25.2). */
static void ike_rekeyed_by_both_and_again(void **state)
{
    struct puppet *p = called();
    const struct said *m = rekey_heard(p, NULL);
    struct pupil *old = p->ike;

    (void)state;
    say_rekey_ike(p, p->words);
    MUST(p, heir_take(p, ask(p, CREATE_CHILD_SA)));
    p->ike = old;
    say_rekey_ike(p, p->words);
    MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == TEMPORARY_FAILURE);
    say(p);
    say_notify(p, TEMPORARY_FAILURE, NULL, 0);
    reply(p, m); /* and ours comes to nothing: the peer's stands, with the child */
    world_run(p->w, 100 * MS);
    p->ike = &p->sa[1];
    alive(p, 1);
    over(p);
}

/* Both ends rekey the IKE SA, the peer gives its own up and refuses ours: the old one goes on, and is looked after as before. */
static void ike_rekeyed_by_none(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);
    struct pupil *old, *heir;
    const struct said *m, *n;
    usec_t until;

    (void)state;
    p->gate->plan[0].liveness_us = 5 * SEC;
    p->natd_wrong_destination = true; /* the gate is behind a NAT */
    puppet_start(p);
    MUST(p, up(p));
    old = p->ike;
    m = rekey_heard(p, NULL);
    say_rekey_ike(p, p->words);
    MUST(p, heir_take(p, ask(p, CREATE_CHILD_SA)));
    heir = p->ike;
    world_run(p->w, 7 * SEC);
    say(p);
    say_delete(p, PROTOCOL_IKE, NULL, 0);
    request(p, INFORMATIONAL);
    world_run(p->w, 100 * MS);
    MUST(p, ike_sas(p, "UP") == 1 && children(p, "UP") == 1 && heir->spi_i != old->spi_i);
    p->ike = old;
    say(p);
    say_notify(p, NO_PROPOSAL_CHOSEN, NULL, 0);
    reply(p, m);
    until = p->w->now + 12 * SEC;
    while ((n = hear_for(p, until - p->w->now)) && (n->h.spi_i != old->spi_i || n->h.exchange != INFORMATIONAL || n->response))
        MUST(p, p->w->now < until);
    MUST(p, n && !n->in);
    over(p);
}

/* The answer to our rekey of the IKE SA with something wrong in it: the old one carries on, and it is tried again. */
static void bad_answers_to_ike_rekey(void **state)
{
    for (unsigned k = 0; k < 5; k++) {
        struct puppet *p = called();
        const struct said *m = rekey_heard(p, NULL);

        (void)state;
        say_rekey_ike_answer(p, m);
        if (k == 0)
            unsay(p, PAYLOAD_KE);
        else if (k == 1)
            unsay(p, PAYLOAD_NONCE);
        else if (k == 2)
            put_u64(proposal_of(find_out(p, PAYLOAD_SA), 0)->spi, 0);
        else if (k == 3)
            proposal_of(find_out(p, PAYLOAD_SA), 0)->spi_len = 4;
        else
            find_out(p, PAYLOAD_KE)->u.ke.group = 19;
        reply(p, m);
        world_run(p->w, 10 * MS);
        MUST(p, ike_sas(p, NULL) == 1 && children(p, "UP") == 1);
        p->sa[1].spi_i = 0;
        secret_done(&p->sa[1].ke_private), secret_done(&p->sa[1].shared), secret_done(&p->sa[1].ni), secret_done(&p->sa[1].nr);
        ike_keys_done(&p->sa[1].keys);
        while ((m = hear_for(p, 60 * SEC)) && m->h.exchange == INFORMATIONAL) {
            say(p);
            reply(p, m);
        }
        MUST(p, m && m->h.exchange == CREATE_CHILD_SA && part(m, PAYLOAD_SA)->u.sa.v[0].protocol == PROTOCOL_IKE);
        over(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disliked_group),
        cmocka_unit_test(other_group_wanted),
        cmocka_unit_test(absurd_groups),
        cmocka_unit_test(pfs_answered),
        cmocka_unit_test(pfs_offered),
        cmocka_unit_test(answer_lacks_its_value),
        cmocka_unit_test(request_with_bad_value),
        cmocka_unit_test(wide_rekey),
        cmocka_unit_test(narrowed_then_wide),
        cmocka_unit_test(deleted_before_the_answer),
        cmocka_unit_test(rekeyed_twice),
        cmocka_unit_test(deleted_with_its_successor),
        cmocka_unit_test(rekeyed_and_left),
        cmocka_unit_test(rekeyed_and_left_in_use),
        cmocka_unit_test(left_and_rekeyed_again),
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
        cmocka_unit_test(unknown_spis),
        cmocka_unit_test(odd_rekey_notifies),
        cmocka_unit_test(several_deletes),
        cmocka_unit_test(malformed_deletes),
        cmocka_unit_test(delete_of_the_ike_sa),
        cmocka_unit_test(ike_rekeyed_by_peer),
        cmocka_unit_test(old_ike_sa_still_used),
        cmocka_unit_test(crossing_deletes),
        cmocka_unit_test(closed_while_rekeyed),
        cmocka_unit_test(ike_rekeyed_by_both_and_again),
        cmocka_unit_test(ike_rekeyed_by_none),
        cmocka_unit_test(bad_answers_to_ike_rekey),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
