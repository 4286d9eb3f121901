/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic selectors, transport mode, and peers that take one pair of networks for each Child SA (RFC 7296 2.9, 2.23.1, 3.13). */
#include "puppet_test.h"

static struct puppet *gate_with(enum keep keep, const char *local, const char *remote)
{
    struct puppet *p = puppet_new(keep);
    struct plan_child *c = &p->gate->plan[0].child[0];

    c->local[0] = local;
    c->remote[0] = remote;
    return p;
}

static const struct said *offered(struct puppet *p, const char *tsi, const char *tsr)
{
    p->local = tsi;
    p->remote = tsr;
    say_child(p, 0, NULL);
    return ask(p, CREATE_CHILD_SA);
}

/* The answer to the gate's IKE_AUTH with these selectors. */
static void auth_answered(struct puppet *p, const char *tsi, const char *tsr)
{
    const struct said *m = hear_for(p, 5 * SEC);

    MUST(p, m && m->h.exchange == IKE_SA_INIT);
    say_init_answer(p, m);
    reply(p, m);
    m = hear(p);
    MUST(p, m && m->h.exchange == IKE_AUTH);
    say_auth_answer(p, m);
    if (tsi) {
        unsay(p, PAYLOAD_TSI);
        unsay(p, PAYLOAD_TSR);
        say_ts(p, PAYLOAD_TSI, tsi);
        say_ts(p, PAYLOAD_TSR, tsr);
    }
    reply(p, m);
    world_run(p->w, 10 * MS);
}

/* --- narrowing by the gate
 * ----------------------------------------------------------------------------------------------------------- */

static void narrowing(void **state)
{
    static const struct {
        const char *tsi, *tsr, *got_i, *got_r; /* got NULL = TS_UNACCEPTABLE */
    } rows[] = {
        {"10.1.0.0/16", "10.0.0.0/16", "10.1.0.0/16", "10.0.0.0/16"},
        {"0.0.0.0/0", "0.0.0.0/0", "10.1.0.0/16", "10.0.0.0/16"},
        {"10.1.3.0/24", "0.0.0.0/0", "10.1.3.0/24", "10.0.0.0/16"},
        {"10.1.3.4/32 10.1.0.0/16", "10.0.9.9/32 10.0.0.0/16", "10.1.0.0/16", "10.0.0.0/16"}, /* a packet's first */
        {"10.1.3.4/32[6/443] 10.1.0.0/16[6/443]", "10.0.0.0/16", "10.1.0.0/16[6/443]", "10.0.0.0/16"},
        {"10.1.0.0/16[1/2048]", "10.0.0.0/16[1/2048]", "10.1.0.0/16[1/2048]", "10.0.0.0/16[1/2048]"}, /* ICMP echo */
        {"10.1.0.0/16[17/500-600]", "10.0.0.0/16[17]", "10.1.0.0/16[17/500-600]", "10.0.0.0/16[17/0-65535]"},
        {"10.1.0.0/16 192.168.0.0/16", "172.16.0.0/12 10.0.0.0/16", "10.1.0.0/16", "10.0.0.0/16"},
        {"2001:db8::/32 10.1.0.0/16", "2001:db8::/32 10.0.0.0/16", "10.1.0.0/16", "10.0.0.0/16"},
        {"192.168.0.0/16", "10.0.0.0/16", NULL, NULL},
        {"10.1.0.0/16", "192.168.0.0/16", NULL, NULL},
        {"2001:db8::/32", "2001:db8::/32", NULL, NULL},
        {"10.0.0.0/16", "10.1.0.0/16", NULL, NULL}, /* the wrong way round */
        {"", "10.0.0.0/16", NULL, NULL},            /* no selector at all */
        {"10.1.0.0/16", "", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct puppet *p = waiting();
        const struct said *m;

        MUST(p, keyed(p));
        p->local = rows[i].tsi;
        p->remote = rows[i].tsr;
        say_auth(p);
        m = ask(p, IKE_AUTH);
        MUST(p, part(m, PAYLOAD_AUTH) && ike_sas(p, "UP") == 1);
        MUST(p, rows[i].got_i ? ts_are(p, m, PAYLOAD_TSI, rows[i].got_i) && ts_are(p, m, PAYLOAD_TSR, rows[i].got_r)
                              : error_of(m) == TS_UNACCEPTABLE && children(p, NULL) == 0);
        m = offered(p, rows[i].tsi, rows[i].tsr);
        MUST(p, rows[i].got_i ? ts_are(p, m, PAYLOAD_TSI, rows[i].got_i) && ts_are(p, m, PAYLOAD_TSR, rows[i].got_r)
                              : error_of(m) == TS_UNACCEPTABLE && !m->in->next);
        over(p);
    }
}

/* Protocols and ports as configured: what is narrower is taken, what is wider narrowed, what is beside it refused. */
static void ports_configured(void **state)
{
    static const struct {
        const char *tsi, *tsr, *got_i, *got_r;
    } rows[] = {
        {"10.1.0.0/16[6]", "10.0.0.0/16[6/22]", "10.1.0.0/16[6]", "10.0.0.0/16[6/22]"},
        {"10.1.0.0/16", "10.0.0.0/16", "10.1.0.0/16", "10.0.0.0/16[6/22]"},
        {"10.1.0.0/16[6/1024-65535]", "10.0.0.0/16[6/1-100]", "10.1.0.0/16[6/1024-65535]", "10.0.0.0/16[6/22]"},
        {"10.1.0.0/16", "10.0.0.0/16[17/22]", NULL, NULL},
        {"10.1.0.0/16", "10.0.0.0/16[6/23]", NULL, NULL},
        {"10.1.0.0/16", "10.0.0.0/16[1]", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct puppet *p = gate_with(KEEP_ANSWER, "10.0.0.0/16/tcp/22", "10.1.0.0/16");
        const struct said *m;

        puppet_start(p);
        MUST(p, keyed(p));
        p->local = rows[i].tsi;
        p->remote = rows[i].tsr;
        say_auth(p);
        m = ask(p, IKE_AUTH);
        MUST(p, rows[i].got_i ? ts_are(p, m, PAYLOAD_TSI, rows[i].got_i) && ts_are(p, m, PAYLOAD_TSR, rows[i].got_r)
                              : error_of(m) == TS_UNACCEPTABLE);
        over(p);
    }
}

/* A selector of a type that we do not know is left out (2.9). */
static void unknown_selector_types(void **state)
{
    static const uint8_t odd[] = {2, 0, 0, 0, 99, 0, 0, 8, 1, 2, 3, 4, 7, 0, 0, 16, 0, 0, 255, 255, 10, 1, 0, 0, 10, 1, 255, 255};
    static const uint8_t only[] = {1, 0, 0, 0, 99, 0, 0, 8, 1, 2, 3, 4};
    struct puppet *p = waiting();
    const struct said *m;

    (void)state;
    MUST(p, keyed(p));
    say_auth(p);
    unsay(p, PAYLOAD_TSI);
    say_raw(p, PAYLOAD_TSI, odd, sizeof(odd));
    m = ask(p, IKE_AUTH);
    MUST(p, ts_are(p, m, PAYLOAD_TSI, "10.1.0.0/16"));
    say_child(p, 0, NULL);
    unsay(p, PAYLOAD_TSI);
    say_raw(p, PAYLOAD_TSI, only, sizeof(only));
    MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == TS_UNACCEPTABLE);
    alive(p, 1);
    over(p);
}

/* Many selectors in one payload: answered with those that we handle, and nothing breaks. */
static void many_selectors(void **state)
{
    char words[64 * 16];
    struct text t = text_in(words, sizeof(words));
    struct puppet *p = waiting();
    const struct said *m;

    (void)state;
    MUST(p, up(p));
    for (unsigned i = 0; i < 8; i++)
        text_add(&t, "10.1.%u.0/24 ", 2 * i);
    m = offered(p, words, "10.0.0.0/16");
    MUST(p, esp_spi(m) && ts_are(p, m, PAYLOAD_TSI, words));
    over(p);
}

/* --- answers to the gate
 * -------------------------------------------------------------------------------------------------------------- */

/* Narrower is fine; wider, or elsewhere, is not what was asked for: the Child SA goes, also at the peer; the IKE SA stays. */
static void answers_wide_and_narrow(void **state)
{
    static const struct {
        const char *tsi, *tsr;
        bool fits;
    } rows[] = {{"10.0.0.0/16", "10.1.0.0/16", true},
                {"10.0.4.0/24", "10.1.5.6/32", true},
                {"10.0.0.0/16[6/80]", "10.1.0.0/16[6]", true},
                {"10.0.0.0/15", "10.1.0.0/16", false},
                {"10.0.0.0/16", "0.0.0.0/0", false},
                {"10.1.0.0/16", "10.0.0.0/16", false},
                {"", "10.1.0.0/16", false},
                {"10.0.0.0/16", "", false},
                {"10.0.1.0/24 10.2.0.0/24", "10.1.0.0/16", false},
                {"2001:db8::/32", "10.1.0.0/16", false}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct puppet *p = puppet_new(KEEP_UP);
        const struct said *m;

        puppet_start(p);
        auth_answered(p, rows[i].tsi, rows[i].tsr);
        MUST(p, ike_sas(p, "UP") == 1 && children(p, "UP") == rows[i].fits);
        if (!rows[i].fits) {
            m = hear(p);
            MUST(p, part(m, PAYLOAD_DELETE) && get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) == p->spi_out);
            MUST(p, xfrm_size(&p->gate->xfrm) == 0);
            say(p);
            reply(p, m);
            m = hear_for(p, 60 * SEC); /* and it is asked for again */
            MUST(p, m && m->h.exchange == CREATE_CHILD_SA);
            say_child_answer(p, m, NULL);
            reply(p, m);
            world_run(p->w, 100 * MS);
        }
        alive(p, 1);
        over(p);
    }
}

/* --- transport mode
 * ----------------------------------------------------------------------------------------------------------------------- */

static struct puppet *transport_gate(enum keep keep, bool gate_transport)
{
    struct puppet *p = gate_with(keep, "dynamic", "dynamic");

    p->gate->plan[0].child[0].transport = gate_transport;
    p->local = "192.0.2.2/32";
    p->remote = "192.0.2.1/32";
    return p;
}

/* Asked of the gate: answered with transport where it is configured, else declined (1.3.1); tunnel where transport is configured
 * is refused. */
static void transport_asked(void **state)
{
    for (unsigned k = 0; k < 4; k++) {
        struct puppet *p = transport_gate(KEEP_ANSWER, k & 1);
        const struct said *m;

        (void)state;
        p->transport = k & 2;
        puppet_start(p);
        MUST(p, keyed(p));
        say_auth(p);
        m = ask(p, IKE_AUTH);
        MUST(p, part(m, PAYLOAD_AUTH));
        if ((k & 1) && !(k & 2)) {
            MUST(p, error_of(m) == NO_PROPOSAL_CHOSEN && children(p, NULL) == 0);
        } else {
            MUST(p, esp_spi(m) && has(m, USE_TRANSPORT_MODE) == (k == 3));
            end_list(p->gate);
            MUST(p, p->gate->rows[1].child && p->gate->rows[1].transport == (k == 3));
            say_child(p, p->spi_in, NULL); /* a rekey as the original (1.3.3) */
            m = ask(p, CREATE_CHILD_SA);
            MUST(p, esp_spi(m) && has(m, USE_TRANSPORT_MODE) == (k == 3));
        }
        over(p);
    }
}

/* Asked by the gate and not granted, or granted and not asked for: it must delete that SA (1.3.1). */
static void transport_answered(void **state)
{
    for (unsigned k = 0; k < 4; k++) {
        struct puppet *p = transport_gate(KEEP_UP, k & 1);
        bool same = (k == 0 || k == 3);
        const struct said *m;

        (void)state;
        p->transport = k & 2;
        puppet_start(p);
        auth_answered(p, NULL, NULL);
        MUST(p, ike_sas(p, "UP") == 1 && children(p, "UP") == same);
        if (!same) {
            m = hear(p);
            MUST(p, part(m, PAYLOAD_DELETE) && get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) == p->spi_out);
            MUST(p, xfrm_size(&p->gate->xfrm) == 0);
        }
        over(p);
    }
}

/* Behind NATs (2.23.1). The puppet is a client at 10.99.0.5 that believes to talk to 198.51.100.9; what the gate sees is
 * 192.0.2.2 and itself, 192.0.2.1. It answers with the addresses that it sees. */
static void transport_behind_nat(void **state)
{
    for (unsigned k = 1; k < 4; k++) { /* 1: the puppet is behind one, 2: the gate is, 3: both */
        const char *tsi = k & 1 ? "10.99.0.5/32" : "192.0.2.2/32", *tsr = k & 2 ? "198.51.100.9/32" : "192.0.2.1/32";
        struct puppet *p = transport_gate(KEEP_ANSWER, true);
        const struct said *m;

        (void)state;
        p->gate->plan[0].remote = (struct addr){0}; /* any */
        p->natd_wrong_source = k & 1;
        p->natd_wrong_destination = k & 2;
        p->transport = true;
        puppet_start(p);
        MUST(p, keyed(p));
        p->here.port = p->there.port = 4500;
        p->local = tsi;
        p->remote = tsr;
        say_auth(p);
        m = ask(p, IKE_AUTH);
        MUST(p, esp_spi(m) && has(m, USE_TRANSPORT_MODE));
        MUST(p, ts_are(p, m, PAYLOAD_TSI, "192.0.2.2/32") && ts_are(p, m, PAYLOAD_TSR, "192.0.2.1/32"));
        end_list(p->gate);
        MUST(p, p->gate->rows[1].udp_encap && p->gate->rows[1].transport);
        say_child(p, p->spi_in, NULL); /* rekeyed in the same words */
        m = ask(p, CREATE_CHILD_SA);
        MUST(p, ts_are(p, m, PAYLOAD_TSI, "192.0.2.2/32") && ts_are(p, m, PAYLOAD_TSR, "192.0.2.1/32"));
        m = offered(p, arena_printf(&p->arena, "%s[17/1701] ", tsi),
                    arena_printf(&p->arena, "%s[17/1701]", tsr)); /* narrowed ports */
        MUST(p, ts_are(p, m, PAYLOAD_TSI, "192.0.2.2/32[17/1701]") && ts_are(p, m, PAYLOAD_TSR, "192.0.2.1/32[17/1701]"));
        m = offered(p, "10.99.0.5/32 10.99.0.6/32", tsr); /* exactly one address */
        MUST(p, error_of(m) == TS_UNACCEPTABLE);
        over(p);
    }
}

/* The same with a tunnel configured: the addresses of the peer are taken as they are, and transport mode is declined. */
static void transport_behind_nat_declined(void **state)
{
    struct puppet *p = gate_with(KEEP_ANSWER, "192.0.2.1/32", "10.99.0.0/24");
    const struct said *m;

    (void)state;
    p->natd_wrong_source = p->transport = true;
    puppet_start(p);
    MUST(p, keyed(p));
    p->here.port = p->there.port = 4500;
    p->local = "10.99.0.5/32";
    p->remote = "192.0.2.1/32";
    say_auth(p);
    m = ask(p, IKE_AUTH);
    MUST(p, esp_spi(m) && !has(m, USE_TRANSPORT_MODE));
    MUST(p, ts_are(p, m, PAYLOAD_TSI, "10.99.0.5/32") && ts_are(p, m, PAYLOAD_TSR, "192.0.2.1/32"));
    over(p);
}

/* The gate is the client: it asks with its own address and that of the peer, and understands an answer in the peer's addresses.
 */
static void transport_of_ours_behind_nat(void **state)
{
    for (unsigned k = 1; k < 4; k++) { /* 1: the gate is behind a NAT, 2: the puppet is, 3: both */
        struct puppet *p = transport_gate(KEEP_UP, true);
        const struct said *m;

        (void)state;
        p->natd_wrong_destination = k & 1;
        p->natd_wrong_source = k & 2;
        p->transport = true;
        puppet_start(p);
        m = hear_for(p, 5 * SEC);
        say_init_answer(p, m);
        reply(p, m);
        p->here.port = p->there.port = 4500;
        m = hear(p);
        MUST(p, m && m->h.exchange == IKE_AUTH && m->src.port == 4500 && has(m, USE_TRANSPORT_MODE));
        MUST(p, ts_are(p, m, PAYLOAD_TSI, "192.0.2.1/32") && ts_are(p, m, PAYLOAD_TSR, "192.0.2.2/32"));
        say_auth_answer(p, m);
        unsay(p, PAYLOAD_TSI);
        unsay(p, PAYLOAD_TSR);
        say_ts(p, PAYLOAD_TSI, k & 1 ? "203.0.113.77/32" : "192.0.2.1/32"); /* the NAT's outside, as the server sees it */
        say_ts(p, PAYLOAD_TSR, k & 2 ? "10.77.0.1/32" : "192.0.2.2/32");    /* the server's own, behind its NAT */
        reply(p, m);
        world_run(p->w, 100 * MS);
        end_list(p->gate);
        MUST(p, end_rows(p->gate, true, "UP") == 1 && p->gate->rows[1].transport && p->gate->rows[1].udp_encap);
        over(p);
        if (k == 3)
            continue;
        p = transport_gate(KEEP_UP, true); /* only the end behind a NAT may have another address */
        p->natd_wrong_destination = k & 1;
        p->natd_wrong_source = k & 2;
        p->transport = true;
        puppet_start(p);
        m = hear_for(p, 5 * SEC);
        say_init_answer(p, m);
        reply(p, m);
        p->here.port = p->there.port = 4500;
        m = hear(p);
        say_auth_answer(p, m);
        unsay(p, PAYLOAD_TSI);
        unsay(p, PAYLOAD_TSR);
        say_ts(p, PAYLOAD_TSI, k & 1 ? "192.0.2.1/32" : "203.0.113.77/32");
        say_ts(p, PAYLOAD_TSR, k & 2 ? "192.0.2.2/32" : "10.77.0.1/32");
        reply(p, m);
        world_run(p->w, 10 * MS);
        MUST(p, children(p, "UP") == 0);
        over(p);
    }
}

/* --- one pair for each Child SA
 * -------------------------------------------------------------------------------------------------------------- */

static struct puppet *gate_of_pairs(enum keep keep, const char *split)
{
    struct puppet *p = puppet_new(keep);

    p->gate->plan[0].child[0] = (struct plan_child){.name = "net",
                                                    .local = {"10.0.0.0/16", "10.20.0.0/16"},
                                                    .remote = {"10.1.0.0/16", "10.30.0.0/16"},
                                                    .keep = keep,
                                                    .split = split};
    return p;
}

static const char *const pair_local[] = {"10.0.0.0/16", "10.0.0.0/16", "10.20.0.0/16", "10.20.0.0/16"};
static const char *const pair_remote[] = {"10.1.0.0/16", "10.30.0.0/16", "10.1.0.0/16", "10.30.0.0/16"};

static unsigned pair_asked(struct puppet *p, const struct said *m)
{
    unsigned k = 0;

    while (k < 4 && (!ts_are(p, m, PAYLOAD_TSI, pair_local[k]) || !ts_are(p, m, PAYLOAD_TSR, pair_remote[k])))
        k++;
    return k;
}

/* The gate's further requests: one for each pair that is not in `have`, each of them alone. Returns the pairs asked for. */
static unsigned pairs_asked(struct puppet *p, unsigned have, uint16_t error, usec_t how_long)
{
    usec_t until = p->w->now + how_long;
    unsigned asked = 0;

    while (p->w->now < until) {
        const struct said *m = hear_for(p, until - p->w->now);
        unsigned k;

        if (!m)
            break;
        if (m->h.exchange == INFORMATIONAL) {
            say(p);
            reply(p, m);
            continue;
        }
        MUST(p, m->h.exchange == CREATE_CHILD_SA && !has(m, REKEY_SA));
        k = pair_asked(p, m);
        MUST(p, k < 4 && !(have & 1u << k));
        asked |= 1u << k;
        if (error) {
            say(p);
            say_notify(p, error, NULL, 0);
        } else {
            MUST(p, !(asked >> 4));
            have |= 1u << k;
            say_child_answer(p, m, NULL);
        }
        reply(p, m);
    }
    return asked;
}

static void reqids_differ(struct puppet *p)
{
    uint32_t seen[8];
    size_t n = 0;

    LIST_EACH (it, &p->gate->xfrm.sas) {
        const struct sa *s = LIST_ITEM(it, struct sa, link);

        if (!s->inbound)
            continue;
        for (size_t i = 0; i < n; i++)
            MUST(p, seen[i] != s->reqid);
        seen[n++] = s->reqid;
    }
}

/* A peer that narrows to one pair (ASA), with a hint or without: the others are made one by one, and stay. */
static void narrowed_to_one_pair(void **state)
{
    for (unsigned hint = 0; hint < 2; hint++)
        for (unsigned first = 0; first < 4; first++) {
            struct puppet *p = gate_of_pairs(KEEP_UP, NULL);
            const struct said *m;

            (void)state;
            puppet_start(p);
            m = hear_for(p, 5 * SEC);
            say_init_answer(p, m);
            reply(p, m);
            m = hear(p);
            MUST(p,
                 ts_are(p, m, PAYLOAD_TSI, "10.0.0.0/16 10.20.0.0/16") && ts_are(p, m, PAYLOAD_TSR, "10.1.0.0/16 10.30.0.0/16"));
            say_auth_answer(p, m);
            unsay(p, PAYLOAD_TSI);
            unsay(p, PAYLOAD_TSR);
            say_ts(p, PAYLOAD_TSI, pair_local[first]);
            say_ts(p, PAYLOAD_TSR, pair_remote[first]);
            if (hint)
                say_notify(p, ADDITIONAL_TS_POSSIBLE, NULL, 0);
            reply(p, m);
            MUST(p, pairs_asked(p, 1u << first, 0, 5 * SEC) == (0xfu & ~(1u << first)));
            MUST(p, children(p, "UP") == 4 && children(p, NULL) == 4 && ike_sas(p, NULL) == 1);
            reqids_differ(p);
            MUST(p, pairs_asked(p, 0xf, 0, 300 * SEC) == 0); /* at rest */
            MUST(p, children(p, "UP") == 4);
            over(p);
        }
}

/* What was learned is remembered: rekeys keep their pair, a lost pair is made again alone, a new IKE SA begins with a pair. */
static void pairs_remembered(void **state)
{
    struct puppet *p = gate_of_pairs(KEEP_UP, NULL);
    const struct said *m;
    uint32_t spi;
    unsigned k;

    (void)state;
    puppet_start(p);
    auth_answered(p, pair_local[0], pair_remote[0]);
    spi = p->spi_in;
    MUST(p, pairs_asked(p, 1, 0, 5 * SEC) == 0xe && children(p, "UP") == 4);
    say(p);
    say_delete(p, PROTOCOL_ESP, &spi, 1);
    m = ask(p, INFORMATIONAL);
    MUST(p, part(m, PAYLOAD_DELETE));
    MUST(p, pairs_asked(p, 0xe, 0, 30 * SEC) == 1 && children(p, "UP") == 4);
    p->local = p->remote = "0.0.0.0/0"; /* the peer rekeys it, widely */
    say_child(p, p->spi_in, NULL);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, ts_are(p, m, PAYLOAD_TSI, pair_remote[0]) && ts_are(p, m, PAYLOAD_TSR, pair_local[0]));
    say(p);
    say_delete(p, PROTOCOL_IKE, NULL, 0);
    MUST(p, ask(p, INFORMATIONAL));
    m = hear_for(p, 60 * SEC);
    say_init_answer(p, m);
    reply(p, m);
    m = hear(p);
    k = pair_asked(p, m);
    MUST(p, k < 4);
    say_auth_answer(p, m);
    reply(p, m);
    MUST(p, pairs_asked(p, 1u << k, 0, 20 * SEC) == (0xfu & ~(1u << k)) && children(p, "UP") == 4);
    over(p);
}

static void single_pair_required(void **state)
{
    struct puppet *p = gate_of_pairs(KEEP_UP, NULL);
    const struct said *m;
    usec_t at;

    (void)state;
    puppet_start(p);
    m = hear_for(p, 5 * SEC);
    say_init_answer(p, m);
    reply(p, m);
    m = hear(p);
    say(p);
    say_id(p, PAYLOAD_IDR, ID_FQDN, p->id);
    say_psk(p);
    say_notify(p, SINGLE_PAIR_REQUIRED, NULL, 0);
    reply(p, m);
    at = p->w->now;
    MUST(p, pairs_asked(p, 0, 0, 5 * SEC) == 0xf && p->w->now - at < 10 * SEC);
    MUST(p, children(p, "UP") == 4 && p->gate->facts[FACT_CHILD_FAILED] == 0);
    over(p);
}

/* Pairs that the peer will not have: asked for with back-off, and the others live on. */
static void pairs_refused(void **state)
{
    struct puppet *p = gate_of_pairs(KEEP_UP, NULL);
    unsigned tries = 0;

    (void)state;
    puppet_start(p);
    auth_answered(p, pair_local[0], pair_remote[0]);
    for (usec_t begun = p->w->now; p->w->now - begun < 600 * SEC; tries++)
        if (!pairs_asked(p, 1, TS_UNACCEPTABLE, 10 * SEC))
            world_run(p->w, 1);
    MUST(p, p->n_heard < 60 && children(p, "UP") == 1 && ike_sas(p, "UP") == 1);
    MUST(p, pairs_asked(p, 1, 0, 200 * SEC) == 0xe && children(p, "UP") == 4); /* it has changed its mind */
    over(p);
}

/* `joint` takes what it gets; `split` asks for pairs from the start; a pair of two families is none. */
static void joint_and_split(void **state)
{
    struct puppet *p = gate_of_pairs(KEEP_UP, "joint");
    const struct said *m;

    (void)state;
    puppet_start(p);
    auth_answered(p, pair_local[1], pair_remote[1]);
    MUST(p, pairs_asked(p, 0, 0, 100 * SEC) == 0 && children(p, "UP") == 1);
    over(p);
    p = gate_of_pairs(KEEP_UP, "split");
    puppet_start(p);
    auth_answered(p, NULL, NULL);
    MUST(p, pairs_asked(p, 1, 0, 20 * SEC) == 0xe && children(p, "UP") == 4);
    reqids_differ(p);
    over(p);
    for (unsigned k = 0; k < 2; k++) {
        p = gate_of_pairs(KEEP_UP, k ? "split" : NULL);
        p->gate->plan[0].child[0].local[1] = "2001:db8::/32";
        p->gate->plan[0].child[0].remote[1] = "2001:db9::/32";
        puppet_start(p);
        auth_answered(p, "10.0.0.0/16", "10.1.0.0/16");
        m = hear(p);
        MUST(p, ts_are(p, m, PAYLOAD_TSI, "2001:db8::/32") && ts_are(p, m, PAYLOAD_TSR, "2001:db9::/32"));
        say_child_answer(p, m, NULL);
        reply(p, m);
        MUST(p, pairs_asked(p, 0xf, 0, 100 * SEC) == 0 && children(p, "UP") == 2);
        over(p);
    }
}

/* The peer makes the pairs itself; where it leaves one out and ours are to be up, that one is made by us. */
static void pairs_made_by_the_peer(void **state)
{
    for (unsigned k = 0; k < 2; k++) {
        struct puppet *p = gate_of_pairs(k ? KEEP_UP : KEEP_ANSWER, NULL);

        (void)state;
        p->local = pair_remote[0];
        p->remote = pair_local[0];
        puppet_start(p);
        world_run(p->w, 10 * MS);
        p->n_heard = p->n_inbox; /* its own IKE_SA_INIT goes unheard */
        MUST(p, up(p));
        for (unsigned i = 1; i < 3; i++) {
            p->local = pair_remote[i];
            p->remote = pair_local[i];
            say_child(p, 0, NULL);
            MUST(p, esp_spi(ask(p, CREATE_CHILD_SA)));
        }
        MUST(p, children(p, "UP") == 3);
        reqids_differ(p);
        if (k) {
            const struct said *m;

            while ((m = hear_for(p, 20 * SEC)) && m->h.exchange != CREATE_CHILD_SA)
                ;
            MUST(p, ts_are(p, m, PAYLOAD_TSI, pair_local[3]) && ts_are(p, m, PAYLOAD_TSR, pair_remote[3]));
        } else {
            tend(p, 60 * SEC);
        }
        over(p);
    }
}

/* On demand: the packet's pair comes first, the others with it; all go together. */
static void pairs_on_demand(void **state)
{
    struct puppet *p = gate_of_pairs(KEEP_ON_DEMAND, NULL);
    struct event e = {.kind = EVENT_ACQUIRE};
    const struct said *m;

    (void)state;
    puppet_start(p);
    MUST(p, silence(p));
    e.u.acquire.generation = p->gate->generation;
    e.u.acquire.seq = 5;
    e.u.acquire.reqid = reqid_configured(0, 0);
    e.u.acquire.local = (struct ts){6, 4000, 4000, addr_v4(10, 20, 0, 9), addr_v4(10, 20, 0, 9)};
    e.u.acquire.remote = (struct ts){6, 80, 80, addr_v4(10, 1, 0, 7), addr_v4(10, 1, 0, 7)};
    end_event(p->gate, &e, 0);
    m = hear(p);
    MUST(p, m && m->h.exchange == IKE_SA_INIT);
    say_init_answer(p, m);
    reply(p, m);
    m = hear(p);
    say(p);
    say_id(p, PAYLOAD_IDR, ID_FQDN, p->id);
    say_psk(p);
    say_notify(p, SINGLE_PAIR_REQUIRED, NULL, 0);
    reply(p, m);
    m = hear(p); /* with the packet itself first (2.9) */
    MUST(p, ts_are(p, m, PAYLOAD_TSI, "10.20.0.9/32[6/4000] 10.20.0.0/16") &&
                ts_are(p, m, PAYLOAD_TSR, "10.1.0.7/32[6/80] 10.1.0.0/16"));
    say_child_answer(p, m, NULL);
    unsay(p, PAYLOAD_TSI);
    unsay(p, PAYLOAD_TSR);
    say_ts(p, PAYLOAD_TSI, pair_local[2]);
    say_ts(p, PAYLOAD_TSR, pair_remote[2]);
    reply(p, m);
    MUST(p, pairs_asked(p, 4, 0, 10 * SEC) == 0xb && children(p, "UP") == 4);
    over(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(narrowing),
        cmocka_unit_test(ports_configured),
        cmocka_unit_test(unknown_selector_types),
        cmocka_unit_test(many_selectors),
        cmocka_unit_test(answers_wide_and_narrow),
        cmocka_unit_test(transport_asked),
        cmocka_unit_test(transport_answered),
        cmocka_unit_test(transport_behind_nat),
        cmocka_unit_test(transport_behind_nat_declined),
        cmocka_unit_test(transport_of_ours_behind_nat),
        cmocka_unit_test(narrowed_to_one_pair),
        cmocka_unit_test(pairs_remembered),
        cmocka_unit_test(single_pair_required),
        cmocka_unit_test(pairs_refused),
        cmocka_unit_test(joint_and_split),
        cmocka_unit_test(pairs_made_by_the_peer),
        cmocka_unit_test(pairs_on_demand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
