/* SPDX-License-Identifier: Apache-2.0 */
/* A vault proves, a judge decides: every key, every verdict, every input. */
#include "conf/conf.h"
#include "judge/judge.h"
#include "pki.h"
#include "vault/vault.h"

#include <stdio.h>

/* ---- a world: gw1 (vault, initiator) proves itself to gw2 (judge) */

static EVP_PKEY *ca_key, *mid_key, *gw_key, *rsa_key;
static X509 *ca, *mid;
static time_t now;

static time_t the_time(void *ctx)
{
    (void)ctx;
    return now;
}
static const struct judge_setup judge_setup = {pki_load, the_time, NULL, &pki_rng};
static const struct vault_setup vault_setup = {&pki_keystore, &pki_rng, {0}};

static const struct pki_spec ca_spec = {.subject = "O=Example, CN=CA", PKI_CA};
static const struct pki_spec mid_spec = {.subject = "O=Example, CN=Intermediate", PKI_CA};
static const struct pki_spec gw_spec = {.subject = "O=Example, CN=gw1",
                                        .san = "DNS:gw1.example.com,DNS:*.wild.example.com,IP:192.0.2.1"};

static int setup(void **state)
{
    X509 *gw, *chain[3];

    (void)state;
    now = PKI_NOW;
    ca_key = pki_key("P-256");
    mid_key = pki_key("P-256");
    gw_key = pki_key("P-256");
    rsa_key = pki_key("rsa2048");
    ca = pki_cert(&ca_spec, ca_key, NULL, ca_key);
    mid = pki_cert(&mid_spec, mid_key, ca, ca_key);
    gw = pki_cert(&gw_spec, gw_key, mid, mid_key);
    chain[0] = gw;
    chain[1] = mid;
    chain[2] = ca;
    pki_put_certs("ca.pem", &ca, 1);
    pki_put_certs("gw.pem", chain, 3); /* the root too, which is not sent */
    pki_put_key("gw.key", gw_key);
    cert_free(gw);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    cert_free(ca);
    cert_free(mid);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(mid_key);
    EVP_PKEY_free(gw_key);
    EVP_PKEY_free(rsa_key);
    pki_files_free();
    return 0;
}

static const char *const ca_list[] = {"ca.pem", NULL};
static const uint8_t nonce_r[32] = {2}, sk_pi[32] = {3};

struct world {
    struct conf_connection gw1, gw2;
    struct conf conf1, conf2;
    struct vault *vault;
    struct judge *judge;
    struct arena arena;
    uint8_t message[64];
    struct ask make, check;
    struct answer made, checked;
};

static struct id fqdn(const char *name)
{
    return (struct id){ID_FQDN, span_str(name)};
}

static void world_open(struct world *w, const char *cert, const char *key)
{
    *w = (struct world){0};
    arena_init(&w->arena, 4000000);
    now = PKI_NOW;
    w->gw1.name = "to-gw2";
    w->gw1.local.auth = w->gw1.remote.auth = AUTH_KIND_PUBKEY;
    w->gw1.local.cert = cert;
    w->gw1.local.key = key;
    w->gw1.local.id = fqdn("gw1.example.com");
    w->gw1.send_cert = true;
    w->conf1 = (struct conf){.generation = 1, .connections = &w->gw1, .n_connections = 1};
    w->gw2.name = "to-gw1";
    w->gw2.local.auth = w->gw2.remote.auth = AUTH_KIND_PUBKEY;
    w->gw2.remote.ca = ca_list;
    w->gw2.remote.id = fqdn("gw1.example.com");
    w->conf2 = (struct conf){.generation = 1, .connections = &w->gw2, .n_connections = 1};
    w->vault = vault_new(&vault_setup);
    w->judge = judge_new(&judge_setup);
    memset(w->message, 0x55, sizeof(w->message));
    w->message[17] = 0x20;
    w->message[18] = 34;
    w->message[19] = 0x08;
    put_u32(w->message + 20, 0);
    put_u32(w->message + 24, sizeof(w->message));
    w->make = (struct ask){.to = ASK_VAULT, .kind = ASK_AUTH_MAKE, .ticket = {3, 4}};
    w->make.u.auth = (struct ask_auth){.peer = {.generation = 1},
                                       .we_initiated = true,
                                       .prf = &pki_prf,
                                       .sk_p = span_of(sk_pi, 32),
                                       .message = span_of(w->message, sizeof(w->message)),
                                       .nonce = span_of(nonce_r, 32),
                                       .hashes = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5};
}

static void configure(struct world *w)
{
    char sentence[1000];
    struct text why = text_in(sentence, sizeof(sentence));

    if (vault_configure(w->vault, &w->conf1, &why) != 0 || judge_configure(w->judge, &w->conf2, &why) != 0)
        fail_msg("%s", sentence);
}

static void make(struct world *w)
{
    vault_answer(w->vault, &w->make, &w->made, &w->arena);
    if (w->made.result != ANSWER_OK)
        fail_msg("%s", w->made.why);
    w->check = w->make;
    w->check.to = ASK_JUDGE;
    w->check.kind = ASK_AUTH_CHECK;
    w->check.u.auth.we_initiated = false;
    w->check.u.auth.id = w->made.u.auth.id;
    w->check.u.auth.method = w->made.u.auth.method;
    w->check.u.auth.data = w->made.u.auth.data;
    w->check.u.auth.certs = w->made.u.auth.certs;
    w->check.u.auth.n_certs = w->made.u.auth.n_certs;
}

static void world_new(struct world *w)
{
    world_open(w, "gw.pem", "gw.key");
    configure(w);
    make(w);
}

static void world_done(struct world *w)
{
    vault_free(w->vault);
    judge_free(w->judge);
    arena_done(&w->arena);
}

static enum verdict judged(struct world *w)
{
    judge_answer(w->judge, &w->check, &w->checked, &w->arena);
    assert_int_equal(w->checked.result, ANSWER_OK);
    assert_int_equal(w->checked.ticket.slot, 3);
    if (w->checked.u.check.verdict == VERDICT_ACCEPTED) {
        assert_null(w->checked.why);
        assert_int_equal(w->checked.u.check.handle & 1, 1);
    } else {
        assert_int_equal(w->checked.u.check.handle, 0);
        assert_non_null(w->checked.why);
    }
    return w->checked.u.check.verdict;
}

static void expect(struct world *w, enum verdict v, const char *why)
{
    if (judged(w) != v || (v != VERDICT_ACCEPTED && !strstr(w->checked.why, why)))
        fail_msg("verdict %d, expected %d: %s", w->checked.u.check.verdict, v, w->checked.why ? w->checked.why : "");
}

/* Nobody knows the connection: no verdict, and no refusal. */
static void unjudged(struct world *w)
{
    struct answer out;

    judge_answer(w->judge, &w->check, &out, &w->arena);
    assert_int_equal(out.result, ANSWER_FAILED);
    assert_int_not_equal(out.u.check.verdict, VERDICT_ACCEPTED);
    assert_non_null(out.why);
}

/* ---- what is believed */

static void proves_and_believes(void **state)
{
    struct world w;
    uint32_t first;
    struct id *id;

    (void)state;
    world_new(&w);
    id = &w.made.u.auth.id;
    assert_true(id->type == ID_FQDN && span_equal(id->data, span_str("gw1.example.com")));
    assert_int_equal(w.made.u.auth.method, 14);
    assert_int_equal(w.made.u.auth.n_certs, 2); /* own and intermediate: the root is not sent */
    expect(&w, VERDICT_ACCEPTED, "");
    first = w.checked.u.check.handle;
    assert_int_equal(first & 1, 1);
    assert_int_equal(w.checked.u.check.valid_for, (usec_t)365 * PKI_DAY * USEC_SEC);
    expect(&w, VERDICT_ACCEPTED, "");
    assert_int_equal(w.checked.u.check.handle, (uint32_t)(first + 2));
    world_done(&w);
}

/* A judge that begins anew gives other handles than its predecessor: those are verdicts that hold. */
static void handles_begin_anywhere(void **state)
{
    uint32_t seen[3];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(seen); i++) {
        struct world w;

        pki_random = (uint8_t)(20 + i);
        world_new(&w);
        expect(&w, VERDICT_ACCEPTED, "");
        seen[i] = w.checked.u.check.handle;
        world_done(&w);
    }
    pki_random = 7;
    assert_true(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
}

static void each_kind_of_key(void **state)
{
    static const struct {
        const char *key;
        uint16_t hashes;
        bool sha1;
        uint8_t method;
    } rows[] = {
        {"rsa2048", 0x3c, false, 14}, {"rsa4096", 0x3c, false, 14}, {"rsa2048", 0x10, false, 14}, {"pss2048", 0x3c, false, 14},
        {"P-256", 0x3c, false, 14},   {"P-384", 0x3c, false, 14},   {"P-521", 0x3c, false, 14},   {"P-384", 0x04, false, 14},
        {"ED25519", 0x3c, false, 14}, {"ED448", 0x20, false, 14},   {"P-256", 0, false, 9},       {"P-384", 0, false, 10},
        {"P-521", 0, false, 11},      {"rsa2048", 0, true, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        EVP_PKEY *key = pki_key(rows[i].key);
        X509 *x = pki_cert(&gw_spec, key, ca, ca_key);

        pki_put_certs("kind.pem", &x, 1);
        pki_put_key("kind.key", key);
        world_open(&w, "kind.pem", "kind.key");
        w.gw1.local.sha1 = w.gw2.remote.sha1 = rows[i].sha1;
        configure(&w);
        w.make.u.auth.hashes = rows[i].hashes;
        make(&w);
        assert_int_equal(w.made.u.auth.method, rows[i].method);
        expect(&w, VERDICT_ACCEPTED, "");
        world_done(&w);
        cert_free(x);
        EVP_PKEY_free(key);
    }
}

static void what_cannot_be_signed(void **state)
{
    static const struct {
        const char *key;
        uint16_t hashes;
        const char *why;
    } rows[] = {
        {"rsa2048", 0, "legacy: [sha1]"},
        {"rsa2048", 1 << 1, "announces no hash"},
        {"ED25519", 0x1c, "EdDSA"},
        {"ED448", 0, "RFC 7427"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w;
        EVP_PKEY *key = pki_key(rows[i].key);
        X509 *x = pki_cert(&gw_spec, key, ca, ca_key);

        pki_put_certs("kind.pem", &x, 1);
        pki_put_key("kind.key", key);
        world_open(&w, "kind.pem", "kind.key");
        configure(&w);
        w.make.u.auth.hashes = rows[i].hashes;
        vault_answer(w.vault, &w.make, &w.made, &w.arena);
        assert_int_equal(w.made.result, ANSWER_FAILED);
        assert_int_equal(w.made.u.auth.data.len, 0);
        if (!strstr(w.made.why, rows[i].why))
            fail_msg("%s", w.made.why);
        world_done(&w);
        cert_free(x);
        EVP_PKEY_free(key);
    }
}

/* ---- what is not */

static void every_bit_of_auth(void **state)
{
    struct world w;
    uint8_t data[600];
    size_t len;

    (void)state;
    world_new(&w);
    len = w.made.u.auth.data.len;
    memcpy(data, w.made.u.auth.data.p, len);
    w.check.u.auth.data = span_of(data, len);
    for (size_t bit = 0; bit < len * 8; bit++) {
        enum verdict v;

        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        v = judged(&w);
        if (v != VERDICT_BAD_AUTH && v != VERDICT_BAD_METHOD)
            fail_msg("bit %zu: %d", bit, v);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < len; n++) {
        w.check.u.auth.data = span_of(data, n);
        assert_int_not_equal(judged(&w), VERDICT_ACCEPTED);
    }
    data[len] = 0;
    w.check.u.auth.data = span_of(data, len + 1);
    assert_int_equal(judged(&w), VERDICT_BAD_AUTH);
    w.check.u.auth.data = span_of(data, len);
    expect(&w, VERDICT_ACCEPTED, "");
    world_done(&w);
}

static void every_input(void **state)
{
    static const uint8_t other[32] = {9};
    uint8_t message[64];
    struct world w;
    struct ask good;

    (void)state;
    world_new(&w);
    good = w.check;
    w.check.u.auth.nonce = span_of(other, 32);
    expect(&w, VERDICT_BAD_AUTH, "not made with the key");
    w.check = good;
    w.check.u.auth.sk_p = span_of(other, 32);
    expect(&w, VERDICT_BAD_AUTH, "");
    w.check = good;
    memcpy(message, w.message, sizeof(message));
    message[40] ^= 1;
    w.check.u.auth.message = span_of(message, sizeof(message));
    expect(&w, VERDICT_BAD_AUTH, "");
    w.check = good;
    w.check.u.auth.we_initiated = true; /* the message is an initiator's */
    expect(&w, VERDICT_BAD_AUTH, "IKE_SA_INIT");
    w.check = good;
    w.check.u.auth.prf = NULL;
    expect(&w, VERDICT_BAD_AUTH, "");
    w.check = good;
    w.check.u.auth.id = fqdn("x.wild.example.com"); /* named by the certificate, but not what was signed */
    expect(&w, VERDICT_BAD_AUTH, "");
    w.check = good;
    w.check.u.auth.method = 2;
    expect(&w, VERDICT_BAD_METHOD, "pre-shared key");
    w.check = good;
    w.check.u.auth.method = 9; /* DER where r and s are wanted */
    expect(&w, VERDICT_BAD_AUTH, "");
    w.check.u.auth.method = 10;
    expect(&w, VERDICT_BAD_METHOD, "cannot have made");
    w.check.u.auth.method = 1;
    expect(&w, VERDICT_BAD_METHOD, "SHA-1");
    w.check.u.auth.method = 13;
    expect(&w, VERDICT_BAD_METHOD, "not accepted");
    w.check = good;
    w.check.u.auth.peer.connection = 1;
    unjudged(&w);
    w.check = good;
    w.check.u.auth.peer.generation = 7;
    unjudged(&w);
    w.check = good;
    expect(&w, VERDICT_ACCEPTED, "");
    w.check.kind = ASK_AUTH_MAKE;
    judge_answer(w.judge, &w.check, &w.checked, &w.arena);
    assert_int_equal(w.checked.result, ANSWER_FAILED);
    world_done(&w);
}

static void certificates_sent(void **state)
{
    struct world w;
    struct span good[2], v[CERT_CHAIN_MAX + 1], broken = span_str("no certificate at all");
    uint8_t big[CERT_DER_MAX + 1] = {0x30, 0x82, 0x3f, 0xfd};

    (void)state;
    world_new(&w);
    good[0] = w.made.u.auth.certs[0];
    good[1] = w.made.u.auth.certs[1];
    w.check.u.auth.certs = v;
    w.check.u.auth.n_certs = 0;
    expect(&w, VERDICT_BAD_CERT, "sent no certificate");
    v[0] = good[0];
    w.check.u.auth.n_certs = 1;
    expect(&w, VERDICT_BAD_CERT, "was issued by O=Example, CN=Intermediate");
    v[1] = good[1];
    v[0] = good[1];
    w.check.u.auth.n_certs = 2;
    v[1] = good[0]; /* turned round: the first is the peer's own */
    expect(&w, VERDICT_BAD_CERT, "digitalSignature");
    v[0] = broken;
    expect(&w, VERDICT_BAD_CERT, "broken");
    v[0] = SPAN_NONE;
    expect(&w, VERDICT_BAD_CERT, "broken");
    v[0] = span_of(big, sizeof(big));
    expect(&w, VERDICT_BAD_CERT, "larger");
    v[0] = good[0];
    v[1] = broken;
    v[2] = span_of(big, sizeof(big));
    v[3] = good[0];
    v[4] = good[1];
    w.check.u.auth.n_certs = 5; /* in any order behind the first, with rubbish among them */
    expect(&w, VERDICT_ACCEPTED, "");
    for (size_t i = 1; i <= CERT_CHAIN_MAX; i++)
        v[i] = good[1];
    w.check.u.auth.n_certs = CERT_CHAIN_MAX;
    expect(&w, VERDICT_ACCEPTED, "");
    w.check.u.auth.n_certs = CERT_CHAIN_MAX + 1;
    expect(&w, VERDICT_BAD_CERT, "11 certificates");
    world_done(&w);
}

static void times(void **state)
{
    struct world w;

    (void)state;
    world_new(&w);
    now = PKI_NOW + 365 * PKI_DAY;
    expect(&w, VERDICT_BAD_CERT, "expired at 2028-01-15");
    now = PKI_NOW - PKI_DAY - 1;
    expect(&w, VERDICT_BAD_CERT, "not valid before");
    now = PKI_NOW + 364 * PKI_DAY;
    expect(&w, VERDICT_ACCEPTED, "");
    assert_int_equal(w.checked.u.check.valid_for, PKI_DAY * USEC_SEC);
    now = PKI_NOW + 365 * PKI_DAY - 1;
    expect(&w, VERDICT_ACCEPTED, "");
    now++; /* remembered, but not for longer than it holds */
    expect(&w, VERDICT_BAD_CERT, "expired");
    world_done(&w);
}

/* What was believed is decoded once; and not believed any more once the CA is gone. */
static void remembering(void **state)
{
    struct world w;
    X509 *other = pki_cert(&(struct pki_spec){.subject = "CN=Other CA", PKI_CA}, rsa_key, NULL, rsa_key);
    static const char *const others[] = {"other-ca.pem", NULL};
    char sentence[300];
    struct text why = text_in(sentence, sizeof(sentence));

    (void)state;
    pki_put_certs("other-ca.pem", &other, 1);
    world_new(&w);
    expect(&w, VERDICT_ACCEPTED, "");
    assert_int_equal(judge_counters(w.judge).decoded, 2);
    expect(&w, VERDICT_ACCEPTED, "");
    assert_int_equal(judge_counters(w.judge).decoded, 2);
    assert_int_equal(judge_counters(w.judge).remembered, 1);
    w.check.u.auth.n_certs = 1; /* known: the intermediate is not needed again */
    expect(&w, VERDICT_ACCEPTED, "");
    w.conf2.generation = 2;
    w.gw2.remote.ca = others;
    assert_int_equal(judge_configure(w.judge, &w.conf2, &why), 0);
    expect(&w, VERDICT_ACCEPTED, ""); /* of the old generation */
    w.check.u.auth.peer.generation = 2;
    expect(&w, VERDICT_BAD_CERT, "none of the CAs");
    w.check.u.auth.n_certs = 2;
    expect(&w, VERDICT_BAD_CERT, "none of the CAs");
    w.conf2.generation = 3; /* the same CA again: looked at again */
    w.gw2.remote.ca = ca_list;
    assert_int_equal(judge_configure(w.judge, &w.conf2, &why), 0);
    w.check.u.auth.peer.generation = 3;
    w.check.u.auth.n_certs = 1;
    expect(&w, VERDICT_BAD_CERT, "issued by");
    w.check.u.auth.n_certs = 2;
    expect(&w, VERDICT_ACCEPTED, "");
    assert_int_equal(judge_counters(w.judge).accepted, 5);
    assert_int_equal(judge_counters(w.judge).refused, 3);
    world_done(&w);
    cert_free(other);
}

/* An unproved certificate is not remembered. */
static void strangers_leave_nothing(void **state)
{
    struct world w;
    uint8_t data[600];

    (void)state;
    world_new(&w);
    memcpy(data, w.made.u.auth.data.p, w.made.u.auth.data.len);
    data[w.made.u.auth.data.len - 1] ^= 1;
    w.check.u.auth.data.p = data;
    assert_int_equal(judged(&w), VERDICT_BAD_AUTH);
    assert_int_equal(judged(&w), VERDICT_BAD_AUTH);
    assert_int_equal(judge_counters(w.judge).remembered, 0);
    world_done(&w);
}

/* ---- identities */

static void wanted_ids(void **state)
{
    static const char subject[] = "O=Example, CN=gw1", turned[] = "/CN=gw1/O=Example", stranger[] = "O=Example, CN=gw2";
    static const struct {
        uint8_t local, remote; /* types; ID_DER_ASN1_DN: the text is encoded */
        const char *claims, *wants, *pattern;
        enum verdict verdict;
        const char *why;
    } rows[] = {
        {ID_FQDN, ID_FQDN, "gw1.example.com", "gw1.example.com", NULL, VERDICT_ACCEPTED, ""},
        {ID_FQDN, ID_FQDN, "gw1.example.com", "GW1.example.com", NULL, VERDICT_ACCEPTED, ""},
        {ID_FQDN, ID_FQDN, "gw1.example.com", "*.example.com", NULL, VERDICT_ACCEPTED, ""},
        {ID_FQDN, ID_NONE, "gw1.example.com", NULL, NULL, VERDICT_ACCEPTED, ""},
        {ID_FQDN, ID_FQDN, "a.wild.example.com", "a.wild.example.com", NULL, VERDICT_ACCEPTED, ""},
        {ID_FQDN, ID_FQDN, "gw1.example.com", "gw2.example.com", NULL, VERDICT_BAD_ID, "wants gw2.example.com"},
        {ID_FQDN, ID_FQDN, "gw1.example.com", "*.example.org", NULL, VERDICT_BAD_ID, ""},
        {ID_FQDN, ID_FQDN, "gw2.example.com", "gw2.example.com", NULL, VERDICT_BAD_ID, "does not name; it names gw1.example.com"},
        {ID_FQDN, ID_NONE, "gw2.example.com", NULL, NULL, VERDICT_BAD_ID, "does not name"},
        {ID_FQDN, ID_NONE, ".example.com", NULL, NULL, VERDICT_BAD_ID, "does not name"},
        {ID_FQDN, ID_NONE, "*.wild.example.com", NULL, NULL, VERDICT_BAD_ID, "does not name"},
        {ID_KEY_ID, ID_NONE, "gw1.example.com", NULL, NULL, VERDICT_BAD_ID, "does not name"},
        {ID_IPV4_ADDR, ID_IPV4_ADDR, "\xc0\x00\x02\x01", "\xc0\x00\x02\x01", NULL, VERDICT_ACCEPTED, ""},
        {ID_IPV4_ADDR, ID_NONE, "\xc0\x01\x02\x02", NULL, NULL, VERDICT_BAD_ID, "192.1.2.2"},
        {ID_DER_ASN1_DN, ID_DER_ASN1_DN, subject, subject, NULL, VERDICT_ACCEPTED, ""},
        {ID_DER_ASN1_DN, ID_DER_ASN1_DN, subject, turned, NULL, VERDICT_ACCEPTED, ""}, /* configured in the other order */
        {ID_DER_ASN1_DN, ID_DER_ASN1_DN, subject, stranger, NULL, VERDICT_BAD_ID, "wants O=Example, CN=gw2"},
        {ID_DER_ASN1_DN, ID_DER_ASN1_DN, stranger, stranger, NULL, VERDICT_BAD_ID, "does not name"},
        {ID_DER_ASN1_DN, ID_DER_ASN1_DN, turned, turned, NULL, VERDICT_ACCEPTED,
         ""}, /* local.id: the order of the certificate goes out */
        {ID_DER_ASN1_DN, ID_NONE, subject, NULL, "CN=*, O=Example", VERDICT_ACCEPTED, ""},
        {ID_DER_ASN1_DN, ID_NONE, subject, NULL, "CN=*, O=Other", VERDICT_BAD_ID, "wants CN=*, O=Other"},
        {ID_FQDN, ID_NONE, "gw1.example.com", NULL, "CN=*, O=Example", VERDICT_BAD_ID, "wants CN=*"},
        {ID_NONE, ID_DER_ASN1_DN, NULL, subject, NULL, VERDICT_ACCEPTED, ""}, /* no local.id: the subject */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t local[CERT_DN_MAX], remote[CERT_DN_MAX];
        struct id ours = {rows[i].local, span_str(rows[i].claims)}, theirs = {rows[i].remote, span_str(rows[i].wants)};
        struct world w;

        if (ours.type == ID_IPV4_ADDR)
            ours.data = span_of(rows[i].claims, 4);
        if (theirs.type == ID_IPV4_ADDR)
            theirs.data = span_of(rows[i].wants, 4);
        if (ours.type == ID_DER_ASN1_DN)
            ours.data = span_of(local, (size_t)cert_dn_encode(rows[i].claims, local, sizeof(local)));
        if (theirs.type == ID_DER_ASN1_DN)
            theirs.data = span_of(remote, (size_t)cert_dn_encode(rows[i].wants, remote, sizeof(remote)));
        world_open(&w, "gw.pem", "gw.key");
        w.gw1.local.id = ours;
        w.gw2.remote.id = theirs;
        w.gw2.remote.id_is_dn_pattern = rows[i].pattern != NULL;
        w.gw2.remote.id_text = rows[i].pattern;
        configure(&w);
        make(&w);
        if (judged(&w) != rows[i].verdict || (w.checked.why && !strstr(w.checked.why, rows[i].why)))
            fail_msg("row %zu: %d, %s", i, w.checked.u.check.verdict, w.checked.why ? w.checked.why : "");
        world_done(&w);
    }
}

/* A name in the other order is another name, when a peer claims it. */
static void names_have_an_order(void **state)
{
    struct world w;
    uint8_t der[CERT_DN_MAX];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t octets[64 + 32 + 32], sig[1 + 12 + 80] = {12}, body[4 + CERT_DN_MAX] = {ID_DER_ASN1_DN};
    static const uint8_t ecdsa[12] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    size_t len = 80;
    int n = cert_dn_encode("/CN=gw1/O=Example", der, sizeof(der));

    (void)state;
    world_open(&w, "gw.pem", "gw.key");
    w.gw2.remote.id = (struct id){ID_DER_ASN1_DN, span_of(der, (size_t)n)};
    configure(&w);
    make(&w);
    memcpy(body + 4, der, (size_t)n);
    memcpy(octets, w.message, 64);
    memcpy(octets + 64, nonce_r, 32);
    HMAC(EVP_sha256(), sk_pi, 32, body, 4 + (size_t)n, octets + 96, NULL);
    memcpy(sig + 1, ecdsa, 12);
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA2-256", NULL, NULL, gw_key, NULL), 1);
    assert_int_equal(EVP_DigestSign(ctx, sig + 13, &len, octets, sizeof(octets)), 1);
    EVP_MD_CTX_free(ctx);
    w.check.u.auth.id = w.gw2.remote.id;
    w.check.u.auth.data = span_of(sig, 13 + len);
    expect(&w, VERDICT_BAD_ID, "does not name");
    w.check.u.auth.data = span_of(sig, 12 + len);
    expect(&w, VERDICT_BAD_AUTH, "");
    world_done(&w);
}

static void pinned(void **state)
{
    static const char *const pins[] = {"other.pem", "self.pem", NULL}, *const others[] = {"other.pem", NULL};
    struct pki_spec s = {.subject = "CN=anything", .eku = "codeSigning"};
    X509 *self = pki_cert(&s, gw_key, NULL, gw_key), *other = pki_cert(&s, rsa_key, NULL, rsa_key);
    struct world w;

    (void)state;
    pki_put_certs("self.pem", &self, 1);
    pki_put_certs("other.pem", &other, 1);
    for (int sent = 0; sent < 2; sent++) {
        world_open(&w, "self.pem", "gw.key");
        w.gw1.send_cert = sent;
        w.gw2.remote.ca = NULL;
        w.gw2.remote.pinned = pins;
        configure(&w);
        make(&w);
        assert_int_equal(w.made.u.auth.n_certs, sent);
        expect(&w, VERDICT_ACCEPTED, ""); /* the ID is not in it: whoever pinned it here has bound the two */
        now = PKI_NOW + 365 * PKI_DAY;
        expect(&w, VERDICT_BAD_CERT, "expired");
        now = PKI_NOW;
        w.gw2.remote.id = (struct id){0}; /* no ID wanted: then it must be one of the certificate's */
        w.conf2.generation = 2;
        w.conf1.generation = 2;
        configure(&w);
        w.check.u.auth.peer.generation = 2;
        expect(&w, VERDICT_BAD_ID, "does not name");
        w.gw2.remote.id = fqdn("gw1.example.com");
        w.gw2.remote.pinned = others;
        w.conf2.generation = 3;
        w.conf1.generation = 3;
        configure(&w);
        w.check.u.auth.peer.generation = 3;
        assert_int_equal(judged(&w), sent ? VERDICT_BAD_CERT : VERDICT_BAD_METHOD);
        world_done(&w);
    }
    cert_free(self);
    cert_free(other);
}

static void cert_requests(void **state)
{
    static const uint8_t hash[20];
    const struct span request = {hash, 20};
    struct world w;

    (void)state;
    world_open(&w, "gw.pem", "gw.key");
    w.gw1.send_cert = false;
    configure(&w);
    make(&w);
    assert_int_equal(w.made.u.auth.n_certs, 0);
    w.make.u.auth.cert_requests = &request;
    w.make.u.auth.n_cert_requests = 1;
    make(&w);
    assert_int_equal(w.made.u.auth.n_certs, 2);
    world_done(&w);
}

/* ---- methods that the configuration does not want */

static void legacy(void **state)
{
    X509 *x = pki_cert(&gw_spec, rsa_key, ca, ca_key);
    struct world w;

    (void)state;
    pki_put_certs("rsa.pem", &x, 1);
    pki_put_key("rsa.key", rsa_key);
    world_open(&w, "rsa.pem", "rsa.key");
    w.gw1.local.sha1 = true;
    configure(&w);
    w.make.u.auth.hashes = 0;
    make(&w);
    assert_int_equal(w.made.u.auth.method, 1);
    expect(&w, VERDICT_BAD_METHOD, "legacy: [sha1]");
    w.gw2.remote.sha1 = true;
    configure(&w);
    expect(&w, VERDICT_ACCEPTED, "");
    w.check.u.auth.hashes = 1 << 2; /* it could have done better: a downgrade */
    expect(&w, VERDICT_BAD_METHOD, "announces better");
    world_done(&w);
    cert_free(x);
}

static void not_ours_to_say(void **state)
{
    struct world w;

    (void)state;
    world_new(&w);
    w.gw2.remote.auth = AUTH_KIND_PSK;
    configure(&w);
    expect(&w, VERDICT_BAD_METHOD, "wants a pre-shared key");
    w.gw2.remote.auth = AUTH_KIND_PUBKEY;
    w.gw2.remote.ca = NULL;
    configure(&w);
    expect(&w, VERDICT_NO_SECRET, "remote.ca");
    world_done(&w);
}

static void what_cannot_be_loaded(void **state)
{
    static const char *const missing[] = {"nowhere.pem", NULL}, *const no_ca[] = {"gw.pem", NULL},
                             *const keys[] = {"gw.key", NULL};
    static const struct {
        const char *const *ca, *const *pinned;
        int err;
        const char *why;
    } rows[] = {
        {missing, NULL, ERR_NOT_FOUND, "nowhere.pem"},
        {no_ca, NULL, ERR_REFUSED, "gw.pem: O=Example, CN=gw1 is not a CA"},
        {keys, NULL, ERR_BAD, "no certificate in it"},
        {NULL, missing, ERR_NOT_FOUND, "nowhere.pem"},
        {NULL, keys, ERR_BAD, "gw.key"},
    };
    struct world w;

    (void)state;
    world_new(&w);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char sentence[600];
        struct text why = text_in(sentence, sizeof(sentence));

        w.gw2.remote.ca = rows[i].ca;
        w.gw2.remote.pinned = rows[i].pinned;
        w.conf2.generation = 2 + (uint32_t)i;
        if (judge_configure(w.judge, &w.conf2, &why) != rows[i].err || !strstr(sentence, rows[i].why))
            fail_msg("row %zu: %s", i, sentence);
        assert_non_null(strstr(sentence, "to-gw1: "));
    }
    expect(&w, VERDICT_ACCEPTED, ""); /* nothing has changed */
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proves_and_believes),
        cmocka_unit_test(handles_begin_anywhere),
        cmocka_unit_test(each_kind_of_key),
        cmocka_unit_test(what_cannot_be_signed),
        cmocka_unit_test(every_bit_of_auth),
        cmocka_unit_test(every_input),
        cmocka_unit_test(certificates_sent),
        cmocka_unit_test(times),
        cmocka_unit_test(remembering),
        cmocka_unit_test(strangers_leave_nothing),
        cmocka_unit_test(wanted_ids),
        cmocka_unit_test(names_have_an_order),
        cmocka_unit_test(pinned),
        cmocka_unit_test(cert_requests),
        cmocka_unit_test(legacy),
        cmocka_unit_test(not_ours_to_say),
        cmocka_unit_test(what_cannot_be_loaded),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
