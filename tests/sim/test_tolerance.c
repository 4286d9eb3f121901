/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may say in its own way: numbers, attributes, payloads and notifies that we do not know (RFC 7296 2.5, 3.2, 3.3,
 * 3.10.1, 3.12). Nothing of it may cost the tunnel. */
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

/* --- proposals ----------------------------------------------------------------------------------------------------------------
 */

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
    MUST(p, part(m, PAYLOAD_SA) && part(m, PAYLOAD_SA)->u.sa.v[0].number == 3);
    MUST(p, heir_take(p, m));
    alive(p, 1);
    over(p);
}

static void transform_put(struct buf *b, bool last, uint8_t type, uint16_t id, const void *attributes, size_t len)
{
    buf_u8(b, last ? 0 : 3);
    buf_u8(b, 0x5a); /* RESERVED: any content is ignored (2.5) */
    buf_u16(b, (uint16_t)(8 + len));
    buf_u8(b, type);
    buf_u8(b, 0xa5);
    buf_u16(b, id);
    buf_bytes(b, attributes, len);
}

static void proposal_put(struct buf *b, bool last, uint8_t number, uint8_t protocol, uint8_t n, struct span spi,
                         struct span transforms)
{
    buf_u8(b, last ? 0 : 2);
    buf_u8(b, 0x77);
    buf_u16(b, (uint16_t)(8 + spi.len + transforms.len));
    buf_u8(b, number);
    buf_u8(b, protocol);
    buf_u8(b, (uint8_t)spi.len);
    buf_u8(b, n);
    buf_span(b, spi);
    buf_span(b, transforms);
}

static const uint8_t key_256[] = {0x80, 14, 1, 0}, key_128[] = {0x80, 14, 0, 128};

/* In front of the good transforms, ones with an attribute, a number or a key length that nobody knows (3.3.6). */
static void odd_transforms(void **state)
{
    static const uint8_t odd_tv[] = {0x80, 14, 1, 0, 0x80, 99, 0, 1}, odd_tlv[] = {0, 77, 0, 5, 1, 2, 3, 4, 5};
    static const uint8_t twice[] = {0x80, 14, 1, 0, 0x80, 14, 0, 128}, odd_len[] = {0x80, 14, 0x30, 0x39};
    struct puppet *p = waiting();
    const struct payload *sa;
    const struct said *m;
    struct buf t, all;

    (void)state;
    say_init(p);
    unsay(p, PAYLOAD_SA);
    buf_init(&t, 1000);
    buf_init(&all, 1000);
    transform_put(&t, false, TRANSFORM_ENCR, 20, odd_tv, sizeof(odd_tv));
    transform_put(&t, false, TRANSFORM_ENCR, 20, odd_tlv, sizeof(odd_tlv));
    transform_put(&t, false, TRANSFORM_ENCR, 20, twice, sizeof(twice));
    transform_put(&t, false, TRANSFORM_ENCR, 20, odd_len, sizeof(odd_len));
    transform_put(&t, false, TRANSFORM_ENCR, 1234, key_256, sizeof(key_256));
    transform_put(&t, false, TRANSFORM_KE, 1035, NULL, 0);
    transform_put(&t, false, TRANSFORM_KE, 31, NULL, 0);
    transform_put(&t, false, TRANSFORM_PRF, 65000, NULL, 0);
    transform_put(&t, false, TRANSFORM_PRF, 5, NULL, 0);
    transform_put(&t, true, TRANSFORM_ENCR, 20, key_256, sizeof(key_256));
    proposal_put(&all, true, 1, PROTOCOL_IKE, 10, SPAN_NONE, buf_view(&t));
    say_raw(p, PAYLOAD_SA, all.p, all.len);
    m = ask(p, IKE_SA_INIT);
    MUST(p, init_take(p, m));
    sa = part(m, PAYLOAD_SA);
    MUST(p, sa->u.sa.v[0].n_transforms == 3);
    for (size_t i = 0; i < 3; i++)
        MUST(p, !sa->u.sa.v[0].transforms[i].odd && sa->u.sa.v[0].transforms[i].id < 100);
    buf_done(&t);
    buf_done(&all);
    over(p);
}

/* Only odd ones: nothing to choose. */
static void only_odd_transforms(void **state)
{
    static const uint8_t odd[] = {0x80, 14, 1, 0, 0x80, 99, 0, 1};
    struct puppet *p = waiting();
    struct buf t, all;

    (void)state;
    say_init(p);
    unsay(p, PAYLOAD_SA);
    buf_init(&t, 1000);
    buf_init(&all, 1000);
    transform_put(&t, false, TRANSFORM_ENCR, 20, odd, sizeof(odd));
    transform_put(&t, false, TRANSFORM_KE, 31, NULL, 0);
    transform_put(&t, true, TRANSFORM_PRF, 5, NULL, 0);
    proposal_put(&all, true, 1, PROTOCOL_IKE, 3, SPAN_NONE, buf_view(&t));
    say_raw(p, PAYLOAD_SA, all.p, all.len);
    MUST(p, error_of(ask(p, IKE_SA_INIT)) == NO_PROPOSAL_CHOSEN);
    MUST(p, ike_sas(p, NULL) == 0);
    buf_done(&t);
    buf_done(&all);
    over(p);
}

/* A proposal with a transform type that we do not know is not for us; the next one is looked at (3.3.6). So with one of a
 * protocol that we do not know, one without a type that must be there, and one with an SPI of a strange size. */
static void odd_proposals(void **state)
{
    struct puppet *p = waiting();
    const struct said *m;
    struct buf t, u, v, all;
    uint8_t spi[12] = {1, 2, 3, 4, 5};

    (void)state;
    buf_init(&t, 1000);
    buf_init(&u, 1000);
    buf_init(&v, 1000);
    buf_init(&all, 2000);
    transform_put(&t, false, TRANSFORM_ENCR, 20, key_256, sizeof(key_256));
    transform_put(&t, false, TRANSFORM_KE, 31, NULL, 0);
    buf_span(&u, buf_view(&t));
    transform_put(&v, false, TRANSFORM_ENCR, 20, key_256, sizeof(key_256));
    transform_put(&v, true, TRANSFORM_PRF, 5, NULL, 0);
    transform_put(&t, false, 6, 35, NULL, 0); /* an additional key exchange (RFC 9370) */
    transform_put(&t, true, TRANSFORM_PRF, 5, NULL, 0);
    transform_put(&u, true, TRANSFORM_PRF, 5, NULL, 0);
    proposal_put(&all, false, 1, PROTOCOL_IKE, 4, SPAN_NONE, buf_view(&t));
    proposal_put(&all, false, 2, 77, 3, SPAN_NONE, buf_view(&u));
    proposal_put(&all, false, 3, PROTOCOL_IKE, 2, SPAN_NONE, buf_view(&v));
    proposal_put(&all, false, 4, PROTOCOL_IKE, 3, span_of(spi, 12), buf_view(&u));
    proposal_put(&all, true, 5, PROTOCOL_IKE, 3, SPAN_NONE, buf_view(&u));
    say_init(p);
    unsay(p, PAYLOAD_SA);
    say_raw(p, PAYLOAD_SA, all.p, all.len);
    m = ask(p, IKE_SA_INIT);
    MUST(p, init_take(p, m));
    MUST(p, part(m, PAYLOAD_SA)->u.sa.v[0].number == 5);
    buf_done(&t);
    buf_done(&u);
    buf_done(&v);
    buf_done(&all);
    over(p);
}

/* AES without a Key Length is taken for AES-128 where that is configured (some peers leave it out), and for nothing else. */
static void missing_key_length(void **state)
{
    for (unsigned with = 0; with < 2; with++) {
        struct puppet *p = puppet_new(KEEP_ANSWER);
        const struct said *m;
        struct buf t, all;

        (void)state;
        p->gate->plan[0].ike = with ? "aes128gcm16-prfsha256-x25519" : "aes256gcm16-prfsha256-x25519";
        puppet_start(p);
        buf_init(&t, 1000);
        buf_init(&all, 1000);
        transform_put(&t, false, TRANSFORM_ENCR, 20, NULL, 0);
        transform_put(&t, false, TRANSFORM_KE, 31, NULL, 0);
        transform_put(&t, true, TRANSFORM_PRF, 5, NULL, 0);
        proposal_put(&all, true, 1, PROTOCOL_IKE, 3, SPAN_NONE, buf_view(&t));
        say_init(p);
        unsay(p, PAYLOAD_SA);
        say_raw(p, PAYLOAD_SA, all.p, all.len);
        m = ask(p, IKE_SA_INIT);
        if (with) { /* returned unmodified */
            MUST(p, part(m, PAYLOAD_SA) && part(m, PAYLOAD_SA)->u.sa.v[0].transforms[0].key_bits == 0);
        } else {
            MUST(p, error_of(m) == NO_PROPOSAL_CHOSEN);
        }
        buf_done(&t);
        buf_done(&all);
        over(p);
    }
    (void)key_128;
}

/* Values of no known size, zero, or that lead to nothing: no IKE SA (RFC 6989 2, RFC 7748 6.1). */
extern const struct alg_registry alg_registry;
static void bad_ke_values(void **state)
{
    static const char *const words[] = {"x25519", "ecp256", "modp2048"};
    struct puppet *p = puppet_new(KEEP_ANSWER);

    (void)state;
    p->w->algs = &alg_registry;
    p->gate->plan[0].ike = "aes256gcm16-prfsha256-x25519-ecp256-modp2048";
    puppet_start(p);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        const struct alg *a = group(p, words[i]);
        static const uint8_t zero[300], ones[300] = {[0 ... 299] = 0xff};

        for (int k = 0; k < 6; k++) {
            struct span v[6] = {span_of(zero, a->public_len),
                                span_of(ones, a->public_len),
                                span_of(zero, a->public_len - 1u),
                                span_of(zero, a->public_len + 1u),
                                span_of(zero, 0),
                                span_of(zero, 1)};

            if (k == 1 && i == 0)
                continue; /* any other 32 bytes are an x25519 value */
            p->sa[0].spi_i = 0;
            p->words = arena_printf(&p->arena, "aes256gcm16-prfsha256-%s", words[i]);
            say_init(p);
            secret_done(&p->ike->ke_private);
            secret_done(&p->ike->ni);
            buf_done(&p->ike->init_ours);
            find_out(p, PAYLOAD_KE)->u.ke.data = v[k];
            request(p, IKE_SA_INIT);
            MUST(p, !part(hear(p), PAYLOAD_SA));
            MUST(p, ike_sas(p, NULL) == 0);
            secret_done(&p->ike->ni);
            buf_done(&p->ike->init_ours);
        }
    }
    p->sa[0].spi_i = 0;
    p->words = "aes256gcm16-prfsha256-x25519";
    MUST(p, up(p));
    over(p);
}

/* --- payloads and notifies
 * ------------------------------------------------------------------------------------------------------ */

/* Things that mean nothing to us, before and behind what does: payloads of unknown types, vendor IDs, notifies of no known type,
 * errors in a request among them (3.10.1: ignored). */
static void noise(struct puppet *p, bool config)
{
    static const uint8_t junk[300] = {1, 2, 3};
    struct payload_list rest = p->out;

    say(p);
    say_raw(p, 200, junk, 17);
    say_raw(p, 13, junk, 16); /* an IKEv1 number */
    say_raw(p, PAYLOAD_VENDOR, junk, 0);
    say_raw(p, PAYLOAD_VENDOR, junk, 300);
    say_notify(p, 40963, junk, 5);
    say_notify(p, 0xf100, NULL, 0);
    say_notify(p, 9999, junk, 100);
    say_notify(p, 16383, NULL, 0);
    say_notify(p, INVALID_SELECTORS, junk, 60);
    say_notify(p, ESP_TFC_PADDING_NOT_SUPPORTED, NULL, 0);
    say_notify(p, NON_FIRST_FRAGMENTS_ALSO, NULL, 0);
    say_notify(p, HTTP_CERT_LOOKUP_SUPPORTED, NULL, 0);
    say_notify(p, SET_WINDOW_SIZE, "\0\0\0\5", 4);
    say_notify(p, MOBIKE_SUPPORTED, NULL, 0);
    say_notify(p, IPCOMP_SUPPORTED, "\1\2\3", 3);
    if (config) { /* a request for an address: unanswered it does no harm (2.19) */
        static const uint8_t cp[] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0x5b, 0xa0, 0, 0};

        say_raw(p, PAYLOAD_CP, cp, sizeof(cp));
    }
    *p->out.end = rest.first;
    p->out.end = rest.end;
    say_raw(p, 255, junk, 0);
    say_notify(p, 50000, junk, 1);
}

static void noise_everywhere(void **state)
{
    struct puppet *p = waiting();
    const struct said *m;

    (void)state;
    say_init(p);
    noise(p, false);
    m = ask(p, IKE_SA_INIT);
    MUST(p, init_take(p, m));
    say_auth(p);
    noise(p, true);
    m = ask(p, IKE_AUTH);
    MUST(p, esp_spi(m) && !part(m, PAYLOAD_CP) && !has(m, IPCOMP_SUPPORTED) && !has(m, NON_FIRST_FRAGMENTS_ALSO));
    say(p);
    noise(p, true);
    m = ask(p, INFORMATIONAL);
    MUST(p, m && !m->in);
    say_child(p, p->spi_in, NULL); /* MikroTik puts CP into its rekeys */
    noise(p, true);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, esp_spi(m) && children(p, NULL) == 2);
    say_rekey_ike(p, p->words);
    noise(p, true);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, heir_take(p, m));
    say(p);
    noise(p, false);
    MUST(p, ask(p, INFORMATIONAL));
    MUST(p, ike_sas(p, "UP") == 2);
    over(p);
}

/* The same from a peer that answers. */
static void noise_in_answers(void **state)
{
    static const uint8_t junk[40] = {9};
    struct puppet *p = puppet_new(KEEP_UP);
    const struct said *m;

    (void)state;
    puppet_start(p);
    m = hear_for(p, 5 * SEC);
    say_init_answer(p, m);
    say_raw(p, 201, junk, 40);
    say_raw(p, PAYLOAD_VENDOR, junk, 40);
    say_notify(p, 40000, junk, 4);
    reply(p, m);
    m = hear(p);
    MUST(p, m && m->h.exchange == IKE_AUTH);
    say_auth_answer(p, m);
    say_raw(p, 201, junk, 40);
    say_notify(p, 40000, junk, 4);
    say_notify(p, ESP_TFC_PADDING_NOT_SUPPORTED, NULL, 0);
    say_raw(p, PAYLOAD_CP, "\2\0\0\0\0\1\0\4\12\1\1\1", 12);
    reply(p, m);
    world_run(p->w, 100 * MS);
    MUST(p, children(p, "UP") == 1);
    end_order(p->gate, ORDER_REKEY, "to1", "net");
    m = hear(p);
    MUST(p, m && m->h.exchange == CREATE_CHILD_SA && has(m, REKEY_SA));
    say_child_answer(p, m, NULL);
    say_raw(p, 201, junk, 40);
    say_notify(p, 40000, junk, 4);
    reply(p, m);
    m = hear(p);
    MUST(p, m && m->h.exchange == INFORMATIONAL && part(m, PAYLOAD_DELETE));
    say(p);
    say_raw(p, 201, junk, 40);
    say_notify(p, 40000, junk, 4);
    reply(p, m);
    world_run(p->w, 100 * MS);
    MUST(p, children(p, "UP") == 1 && children(p, NULL) == 1);
    end_order(p->gate, ORDER_REKEY, "to1", NULL);
    m = hear(p);
    MUST(p, m && m->h.exchange == CREATE_CHILD_SA);
    say_rekey_ike_answer(p, m);
    say_raw(p, 201, junk, 40);
    say_notify(p, 40000, junk, 4);
    reply(p, m);
    m = hear(p);
    MUST(p, m && part(m, PAYLOAD_DELETE));
    say(p);
    reply(p, m);
    world_run(p->w, 100 * MS);
    MUST(p, ike_sas(p, NULL) == 1);
    p->ike = p->heir;
    token_heard(p);
    alive(p, 1);
    over(p);
}

/* An error of no known type in an answer: the request has failed entirely (3.10.1). */
static void unknown_error_in_answers(void **state)
{
    struct puppet *p = called();
    const struct said *m;

    (void)state;
    end_order(p->gate, ORDER_REKEY, "to1", "net");
    m = hear(p);
    say_child_answer(p, m, NULL);
    say_notify(p, 9999, NULL, 0);
    reply(p, m);
    world_run(p->w, 100 * MS);
    MUST(p, children(p, "UP") == 1 && p->gate->facts[FACT_CHILD_REKEYED] == 0);
    over(p);
    p = puppet_new(KEEP_UP);
    puppet_start(p);
    m = hear_for(p, 5 * SEC);
    say_init_answer(p, m);
    reply(p, m);
    m = hear(p);
    say_auth_answer(p, m);
    say_notify(p, 9999, NULL, 0);
    reply(p, m);
    world_run(p->w, 100 * MS);
    MUST(p, p->gate->facts[FACT_IKE_UP] == 0 && children(p, NULL) == 0);
    over(p);
}

/* The critical flag says something only of types that we do not know (2.5). */
static void critical_known(void **state)
{
    struct puppet *p = waiting();
    const struct said *m;

    (void)state;
    say_init(p);
    for (struct payload *x = p->out.first; x; x = x->next)
        x->critical = true;
    MUST(p, init_take(p, ask(p, IKE_SA_INIT)));
    say_auth(p);
    say_notify(p, 40001, NULL, 0);
    for (struct payload *x = p->out.first; x; x = x->next)
        x->critical = true;
    m = ask(p, IKE_AUTH);
    MUST(p, esp_spi(m));
    for (const struct payload *x = m->in; x; x = x->next)
        MUST(p, !x->critical);
    over(p);
}

static void is_critical_refusal(struct puppet *p, const struct said *m, uint8_t type)
{
    const struct payload *n = m ? notify_find(m->in, UNSUPPORTED_CRITICAL_PAYLOAD) : NULL;

    MUST(p, n && n->u.notify.data.len == 1 && n->u.notify.data.p[0] == type);
    MUST(p, m->in == n && !n->next);
}

static void critical_unknown(void **state)
{
    struct puppet *p = waiting();
    const struct said *m;

    (void)state;
    say_init(p);
    say_raw(p, 222, "x", 1)->critical = true;
    m = ask(p, IKE_SA_INIT);
    is_critical_refusal(p, m, 222);
    MUST(p, !m->sealed && m->response && m->h.spi_i == p->ike->spi_i && ike_sas(p, NULL) == 0);
    MUST(p, keyed(p));
    say_auth(p);
    say_raw(p, 223, "x", 1)->critical = true;
    m = ask(p, IKE_AUTH);
    is_critical_refusal(p, m, 223);
    MUST(p, m->sealed && p->gate->asks[ASK_AUTH_CHECK] == 0 && ike_sas(p, "UP") == 0 && children(p, NULL) == 0);
    MUST(p, up(p));
    say(p);
    say_raw(p, 224, "x", 1)->critical = true;
    say_delete(p, PROTOCOL_IKE, NULL, 0); /* rejected whole: this is not heard */
    is_critical_refusal(p, ask(p, INFORMATIONAL), 224);
    say_child(p, p->spi_in, NULL);
    say_raw(p, 225, "", 0)->critical = true;
    is_critical_refusal(p, ask(p, CREATE_CHILD_SA), 225);
    alive(p, 1);
    over(p);
}

/* Any order of payloads will do (2.5). */
static void other_orders(void **state)
{
    struct puppet *p = waiting();
    struct payload *list = NULL, *next;

    (void)state;
    say_init(p);
    for (struct payload *x = p->out.first; x; x = next) {
        next = x->next;
        x->next = list;
        list = x;
    }
    p->out.first = list;
    MUST(p, init_take(p, ask(p, IKE_SA_INIT)));
    say_auth(p);
    list = NULL;
    for (struct payload *x = p->out.first; x; x = next) {
        next = x->next;
        x->next = list;
        list = x;
    }
    p->out.first = list;
    MUST(p, esp_spi(ask(p, IKE_AUTH)));
    alive(p, 1);
    over(p);
}

static void minor_and_reserved(struct ike_header *h)
{
    h->minor = 7;
    h->flags |= 0xc7 | IKE_FLAG_VERSION; /* reserved bits, and "I could do more" */
}

static void minor_version_and_reserved_flags(void **state)
{
    struct puppet *p = waiting();
    const struct said *m;

    (void)state;
    p->spoil = minor_and_reserved;
    MUST(p, up(p));
    say(p);
    m = ask(p, INFORMATIONAL);
    MUST(p, m && m->h.major == 2 && m->h.minor == 0 && m->h.flags == IKE_FLAG_RESPONSE);
    over(p);
}

/* --- what must be there --------------------------------------------------------------------------------------------------------
 */

static void nonce_lengths(void **state)
{
    static const size_t lengths[] = {0, 1, 15, 16, 17, 255, 256, 257, 1000};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        bool fits = lengths[i] >= 16 && lengths[i] <= 256;
        struct puppet *p = waiting();
        const struct payload *nonce;
        const struct said *m;

        say_init(p);
        unsay(p, PAYLOAD_NONCE);
        nonce = say_nonce(p, lengths[i]);
        if (secret_set(&p->ike->ni, nonce->u.nonce) < 0)
            fail();
        m = ask(p, IKE_SA_INIT);
        MUST(p, fits == (part(m, PAYLOAD_SA) != NULL));
        MUST(p, ike_sas(p, NULL) == fits);
        over(p);
        p = connected();
        say_child(p, p->spi_in, NULL);
        unsay(p, PAYLOAD_NONCE);
        say_nonce(p, lengths[i]);
        m = ask(p, CREATE_CHILD_SA);
        MUST(p, fits ? esp_spi(m) != 0 : error_of(m) == INVALID_SYNTAX);
        MUST(p, ike_sas(p, "UP") == fits); /* INVALID_SYNTAX is fatal (2.21.3) */
        over(p);
    }
}

/* Each payload of IKE_SA_INIT and IKE_AUTH left out in turn. */
static void missing_payloads(void **state)
{
    static const uint8_t init[] = {PAYLOAD_SA, PAYLOAD_KE, PAYLOAD_NONCE};
    static const uint8_t auth[] = {PAYLOAD_IDI, PAYLOAD_AUTH, PAYLOAD_TSI, PAYLOAD_TSR};
    struct puppet *p;
    const struct said *m;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(init); i++) {
        p = waiting();
        say_init(p);
        unsay(p, init[i]);
        m = ask(p, IKE_SA_INIT);
        MUST(p, !part(m, PAYLOAD_SA) && ike_sas(p, NULL) == 0);
        over(p);
    }
    for (size_t i = 0; i < COUNT_OF(auth); i++) {
        p = waiting();
        MUST(p, keyed(p));
        say_auth(p);
        unsay(p, auth[i]);
        m = ask(p, IKE_AUTH);
        MUST(p, m && m->response && children(p, NULL) == 0);
        if (auth[i] == PAYLOAD_AUTH) /* it wants EAP */
            MUST(p, !part(m, PAYLOAD_AUTH) && !part(m, PAYLOAD_IDR));
        MUST(p, error_of(m) == (auth[i] == PAYLOAD_AUTH ? AUTHENTICATION_FAILED : INVALID_SYNTAX));
        MUST(p, ike_sas(p, NULL) == 0); /* both are fatal (2.21.2) */
        over(p);
    }
    p = waiting(); /* no Child SA wanted (RFC 6023): the IKE SA stands alone */
    MUST(p, keyed(p));
    say_auth(p);
    unsay(p, PAYLOAD_SA);
    unsay(p, PAYLOAD_TSI);
    unsay(p, PAYLOAD_TSR);
    m = ask(p, IKE_AUTH);
    MUST(p, part(m, PAYLOAD_AUTH) && !part(m, PAYLOAD_SA) && error_of(m) == 0);
    MUST(p, ike_sas(p, "UP") == 1 && children(p, NULL) == 0);
    say_child(p, 0, NULL);
    MUST(p, esp_spi(ask(p, CREATE_CHILD_SA)));
    alive(p, 1);
    over(p);
}

/* The peer's proof is good, and the vault gives none of ours in time, or dies over it: that is no refusal of the peer, which
 * would give up for good. It hears nothing, and begins anew. */
static void proof_not_made(void **state)
{
    (void)state;
    for (unsigned dies = 0; dies < 2; dies++) {
        struct puppet *p = waiting();

        p->gate->apart = true;
        MUST(p, keyed(p));
        say_auth(p);
        request(p, IKE_AUTH);
        for (unsigned k = 0; k < 1000 && p->gate->asks[ASK_AUTH_CHECK] == 0; k++)
            world_run(p->w, 100);
        p->gate->desk[ASK_VAULT].never = dies ? 0 : 1000;
        for (unsigned k = 0; k < 1000 && p->gate->asks[ASK_AUTH_MAKE] == 0; k++)
            world_run(p->w, 100);
        MUST(p, p->gate->asks[ASK_AUTH_MAKE] == 1 && ike_sas(p, "UP") == 1);
        p->gate->room_life[ASK_VAULT] += dies;
        MUST(p, hear_for(p, 30 * SEC) == NULL);
        MUST(p, ike_sas(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0);
        p->gate->desk[ASK_VAULT].never = 0;
        MUST(p, up(p));
        alive(p, 1);
        over(p);
    }
}

/* The answer to our IKE_AUTH without IDr, or without AUTH: nothing is up, and the peer hears of it. */
static void answers_without_proof(void **state)
{
    for (unsigned k = 0; k < 2; k++) {
        struct puppet *p = puppet_new(KEEP_UP);
        const struct said *m;

        (void)state;
        puppet_start(p);
        m = hear_for(p, 5 * SEC);
        say_init_answer(p, m);
        reply(p, m);
        m = hear(p);
        say_auth_answer(p, m);
        unsay(p, k ? PAYLOAD_IDR : PAYLOAD_AUTH);
        reply(p, m);
        m = hear(p);
        MUST(p, m && m->h.exchange == INFORMATIONAL && error_of(m) == AUTHENTICATION_FAILED);
        MUST(p, p->gate->facts[FACT_IKE_UP] == 0 && ike_sas(p, "UP") == 0 && xfrm_size(&p->gate->xfrm) == 0);
        over(p);
    }
}

/* Two SA payloads: the first counts. An SA payload without proposals, and one whose proposal has no transforms, is malformed. */
static void odd_sa_payloads(void **state)
{
    static const uint8_t bare[] = {0, 0, 0, 8, 1, PROTOCOL_IKE, 0, 0};
    struct puppet *p = waiting();
    const struct said *m;

    (void)state;
    say_init(p);
    say_sa(p, PROTOCOL_IKE, "aes128gcm16-prfsha256-x25519", 0, 0);
    m = ask(p, IKE_SA_INIT);
    MUST(p, init_take(p, m));
    for (unsigned k = 0; k < 2; k++) {
        say_init(p);
        unsay(p, PAYLOAD_SA);
        say_raw(p, PAYLOAD_SA, bare, k ? sizeof(bare) : 0);
        MUST(p, !part(ask(p, IKE_SA_INIT), PAYLOAD_SA));
    }
    over(p);
    for (unsigned k = 0; k < 2; k++) {
        p = connected();
        say_child(p, 0, NULL);
        unsay(p, PAYLOAD_SA);
        say_raw(p, PAYLOAD_SA, bare, k ? sizeof(bare) : 0);
        MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == INVALID_SYNTAX);
        MUST(p, ike_sas(p, NULL) == 0);
        over(p);
    }
}

/* SPIs 0 to 255 name no ESP SA (RFC 4303 2.1). */
static void reserved_spis(void **state)
{
    static const uint32_t spis[] = {0, 1, 255};
    struct puppet *p = connected();
    const struct said *m;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(spis); i++) {
        say_child(p, 0, NULL);
        put_u32(proposal_of(find_out(p, PAYLOAD_SA), 0)->spi, spis[i]);
        MUST(p, error_of(ask(p, CREATE_CHILD_SA)) == NO_PROPOSAL_CHOSEN);
    }
    alive(p, 1);
    over(p);
    for (size_t i = 0; i < COUNT_OF(spis); i++) {
        uint32_t theirs;

        p = called();
        end_order(p->gate, ORDER_REKEY, "to1", "net");
        m = hear(p);
        theirs = esp_spi(m);
        say_child_answer(p, m, NULL);
        put_u32(proposal_of(find_out(p, PAYLOAD_SA), 0)->spi, spis[i]);
        reply(p, m);
        m = hear(p); /* what the peer believes to have is deleted there, by our SPI */
        MUST(p, m && m->h.exchange == INFORMATIONAL && part(m, PAYLOAD_DELETE));
        MUST(p, get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p) == theirs);
        say(p);
        reply(p, m);
        world_run(p->w, 100 * MS);
        alive(p, 1);
        over(p);
    }
}

/* Identities of any type; users of some clients come as KEY_ID (PEERS of Android), some IDs are of no type that we know. */
static void identities(void **state)
{
    static const uint8_t types[] = {ID_FQDN, ID_RFC822_ADDR, ID_KEY_ID, ID_DER_ASN1_DN, ID_DER_ASN1_GN, 12, 201, 255};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(types); i++)
        for (unsigned k = 0; k < 3; k++) {
            struct puppet *p = puppet_new(KEEP_ANSWER);
            const struct said *m;

            p->gate->plan[0].remote = (struct addr){0}; /* any, whoever it is */
            p->gate->plan[0].remote_id = k == 2 ? "end1.example" : NULL;
            puppet_start(p);
            MUST(p, keyed(p));
            say_auth(p);
            unsay(p, PAYLOAD_AUTH);
            find_out(p, PAYLOAD_IDI)->u.id = (struct id){types[i], k ? span_str("end1.example") : span_of("\0\1\377", 3)};
            if (k == 1) /* and it wants to talk to somebody else than we are */
                say_id(p, PAYLOAD_IDR, ID_FQDN, "other.example");
            say_psk(p);
            m = ask(p, IKE_AUTH);
            if (k == 0 || (k == 2 && types[i] == ID_FQDN))
                MUST(p, esp_spi(m) && part(m, PAYLOAD_IDR) && ike_sas(p, "UP") == 1);
            else
                MUST(p, error_of(m) == AUTHENTICATION_FAILED && !part(m, PAYLOAD_IDR) && ike_sas(p, NULL) == 0);
            over(p);
        }
}

/* Certificates are taken and asked for in any number, encoding and place; what is of another encoding is left alone (3.6, 3.7).
 */
static void say_cert(struct puppet *p, uint8_t type, uint8_t encoding, size_t len)
{
    static const uint8_t junk[100];
    struct payload *x = payload_add(&p->out, type);

    x->u.cert.encoding = encoding;
    x->u.cert.data = span_of(junk, len);
}

static void certificates(void **state)
{
    struct puppet *p = waiting();
    const struct said *m;

    (void)state;
    MUST(p, keyed(p));
    say_auth(p);
    say_cert(p, PAYLOAD_CERTREQ, CERT_HASH_AND_URL, 20);
    say_cert(p, PAYLOAD_CERTREQ, CERT_X509_SIGNATURE, 40);
    say_cert(p, PAYLOAD_CERTREQ, CERT_X509_SIGNATURE, 25); /* 20 and some */
    say_cert(p, PAYLOAD_CERTREQ, CERT_X509_SIGNATURE, 0);
    say_cert(p, PAYLOAD_CERT, CERT_X509_SIGNATURE, 90); /* nobody asked for it */
    say_cert(p, PAYLOAD_CERT, CERT_CRL, 50);
    say_cert(p, PAYLOAD_CERT, 200, 50);
    say_cert(p, PAYLOAD_CERT, CERT_X509_SIGNATURE, 80);
    m = ask(p, IKE_AUTH);
    MUST(p, esp_spi(m) && !part(m, PAYLOAD_CERTREQ) && p->gate->certs_seen == 2 && p->gate->requests_seen == 3);
    over(p);
    p = puppet_new(KEEP_UP);
    puppet_start(p);
    m = hear_for(p, 5 * SEC);
    say_init_answer(p, m);
    say_cert(p, PAYLOAD_CERTREQ, 12, 30);
    say_cert(p, PAYLOAD_CERTREQ, CERT_X509_SIGNATURE, 20);
    say_cert(p, PAYLOAD_CERTREQ, CERT_X509_SIGNATURE, 20);
    reply(p, m);
    m = hear(p);
    MUST(p, m && m->h.exchange == IKE_AUTH && p->gate->requests_seen == 2);
    over(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_tunnel),          cmocka_unit_test(first_number_is_not_1),
        cmocka_unit_test(odd_transforms),        cmocka_unit_test(only_odd_transforms),
        cmocka_unit_test(odd_proposals),         cmocka_unit_test(missing_key_length),
        cmocka_unit_test(bad_ke_values),         cmocka_unit_test(noise_everywhere),
        cmocka_unit_test(noise_in_answers),      cmocka_unit_test(unknown_error_in_answers),
        cmocka_unit_test(critical_known),        cmocka_unit_test(critical_unknown),
        cmocka_unit_test(other_orders),          cmocka_unit_test(minor_version_and_reserved_flags),
        cmocka_unit_test(nonce_lengths),         cmocka_unit_test(missing_payloads),
        cmocka_unit_test(answers_without_proof), cmocka_unit_test(odd_sa_payloads),
        cmocka_unit_test(reserved_spis),         cmocka_unit_test(identities),
        cmocka_unit_test(certificates),          cmocka_unit_test(proof_not_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
