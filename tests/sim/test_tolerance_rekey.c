/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA with peers that do it their own way: groups, with and without KE, selectors, odd notifies (RFC
 * 7296 1.3, 2.9.2). */
#include "puppet_rekey.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disliked_group),         cmocka_unit_test(other_group_wanted), cmocka_unit_test(absurd_groups),
        cmocka_unit_test(pfs_answered),           cmocka_unit_test(pfs_offered),        cmocka_unit_test(answer_lacks_its_value),
        cmocka_unit_test(request_with_bad_value), cmocka_unit_test(wide_rekey),         cmocka_unit_test(narrowed_then_wide),
        cmocka_unit_test(unknown_spis),           cmocka_unit_test(odd_rekey_notifies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
