/* SPDX-License-Identifier: Apache-2.0 */
/* The vault with pre-shared keys: what it proves, what it takes, what it refuses. */
#include "cert/cert.h"
#include "conf/conf.h"
#include "vault/probe.h"
#include "vault/psk.h"
#include "vault/vault.h"

#include <fcntl.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* a PRF of the test's own: HMAC-SHA2-256 */
static int hmac256(const struct alg *alg, struct span key, const struct span *parts, size_t n_parts, uint8_t *out)
{
    uint8_t all[70000];
    size_t len = 0;

    (void)alg;
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].len)
            memcpy(all + len, parts[i].p, parts[i].len);
        len += parts[i].len;
    }
    return HMAC(EVP_sha256(), key.p, (int)key.len, all, len, out, NULL) ? 0 : ERR_CRYPTO;
}
static const struct alg_mac hmac = {hmac256};
static const struct alg prf = {.type = TRANSFORM_PRF, .id = 5, .name = "prfsha256", .key_len = 32, .out_len = 32, .mac = &hmac};

static uint8_t all_bytes = 7;
static void no_randomness(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, all_bytes, len);
}
static const struct rng rng = {no_randomness, NULL};

/* a store of the test's own: the reference is the content */
static int say_it(void *ctx, enum keystore_kind kind, const char *ref, struct secret *out, struct text *why)
{
    (void)ctx;
    (void)kind;
    if (strncmp(ref, "missing", 7) == 0) {
        text_add(why, "%s: no such file", ref);
        return ERR_NOT_FOUND;
    }
    return secret_set(out, span_str(ref));
}
static const struct keystore store = {.load = say_it};

#define SECRET "a secret of more than sixteen bytes"

struct side {
    struct conf_connection connection;
    struct conf conf;
    struct vault *vault;
};

static struct id fqdn(const char *name)
{
    return (struct id){ID_FQDN, span_str(name)};
}

static int side_init(struct side *s, const char *local, const char *remote, const char *psk, struct text *why)
{
    struct vault_setup setup = {&store, &rng, {0}};

    *s = (struct side){0};
    s->connection.name = "paris";
    s->connection.local.auth = s->connection.remote.auth = AUTH_KIND_PSK;
    s->connection.local.psk = s->connection.remote.psk = psk;
    if (local)
        s->connection.local.id = fqdn(local);
    if (remote)
        s->connection.remote.id = fqdn(remote);
    s->conf = (struct conf){.generation = 1, .connections = &s->connection, .n_connections = 1};
    s->vault = vault_new(&setup);
    assert_non_null(s->vault);
    return vault_configure(s->vault, &s->conf, why);
}

static void side_new(struct side *s, const char *local, const char *remote, const char *psk)
{
    char sentence[512];
    struct text why = text_in(sentence, sizeof(sentence));

    if (side_init(s, local, remote, psk, &why) != 0)
        fail_msg("%s", sentence);
}

static uint8_t init_i[60], init_r[80];
static const uint8_t nonce_i[32] = {1}, nonce_r[32] = {2}, sk_pi[32] = {3}, sk_pr[32] = {4};

static void header(uint8_t *m, size_t len, uint8_t flags)
{
    memset(m, 0x55, len);
    m[17] = 0x20;
    m[18] = 34;
    m[19] = flags;
    put_u32(m + 20, 0);
    put_u32(m + 24, (uint32_t)len);
}

/* AUTH of the initiator (or responder): made by one vault, checked by the other */
static struct ask make_ask(bool initiator)
{
    struct ask ask = {.to = ASK_VAULT, .kind = ASK_AUTH_MAKE, .ticket = {5, 6}};

    header(init_i, sizeof(init_i), 0x08);
    header(init_r, sizeof(init_r), 0x20);
    ask.u.auth = (struct ask_auth){.peer = {.generation = 1},
                                   .we_initiated = initiator,
                                   .prf = &prf,
                                   .sk_p = initiator ? span_of(sk_pi, 32) : span_of(sk_pr, 32),
                                   .message = initiator ? span_of(init_i, sizeof(init_i)) : span_of(init_r, sizeof(init_r)),
                                   .nonce = initiator ? span_of(nonce_r, 32) : span_of(nonce_i, 32)};
    return ask;
}
static struct ask check_ask(const struct ask *made, const struct answer *answer)
{
    struct ask ask = *made;

    ask.kind = ASK_AUTH_CHECK;
    ask.u.auth.we_initiated = !made->u.auth.we_initiated;
    ask.u.auth.id = answer->u.auth.id;
    ask.u.auth.method = answer->u.auth.method;
    ask.u.auth.data = answer->u.auth.data;
    return ask;
}

struct world {
    struct side gw1, gw2;
    struct arena arena;
    struct ask make, check;
    struct answer made, checked;
};

/* gw1, the initiator, proves itself to gw2 */
static void world_init(struct world *w)
{
    *w = (struct world){0};
    arena_init(&w->arena, 100000);
    side_new(&w->gw1, "gw1", "gw2", SECRET);
    side_new(&w->gw2, "gw2", "gw1", SECRET);
    w->make = make_ask(true);
    vault_answer(w->gw1.vault, &w->make, &w->made, &w->arena);
    assert_int_equal(w->made.result, ANSWER_OK);
    w->check = check_ask(&w->make, &w->made);
}
static void world_done(struct world *w)
{
    vault_free(w->gw1.vault);
    vault_free(w->gw2.vault);
    arena_done(&w->arena);
}
static enum verdict verdict_of(struct world *w, struct vault *v)
{
    vault_answer(v, &w->check, &w->checked, &w->arena);
    assert_int_equal(w->checked.result, ANSWER_OK);
    if (w->checked.u.check.verdict == VERDICT_ACCEPTED)
        assert_null(w->checked.why);
    else
        assert_non_null(w->checked.why);
    return w->checked.u.check.verdict;
}

/* Nobody knows the connection: no verdict, and no refusal. */
static void unjudged(struct world *w, struct vault *v)
{
    struct answer made;
    struct ask make = w->check;

    vault_answer(v, &w->check, &w->checked, &w->arena);
    assert_int_equal(w->checked.result, ANSWER_FAILED);
    assert_int_not_equal(w->checked.u.check.verdict, VERDICT_ACCEPTED);
    assert_non_null(w->checked.why);
    make.kind = ASK_AUTH_MAKE;
    vault_answer(v, &make, &made, &w->arena);
    assert_int_equal(made.result, ANSWER_TIMEOUT);
}

static void proves_and_believes(void **state)
{
    struct world w;

    (void)state;
    for (int initiator = 0; initiator < 2; initiator++) {
        world_init(&w);
        w.make = make_ask(initiator);
        vault_answer(w.gw1.vault, &w.make, &w.made, &w.arena);
        assert_int_equal(w.made.result, ANSWER_OK);
        assert_int_equal(w.made.ticket.slot, 5);
        assert_int_equal(w.made.u.auth.method, 2);
        assert_int_equal(w.made.u.auth.data.len, 32);
        assert_int_equal(w.made.u.auth.id.type, ID_FQDN);
        assert_int_equal(w.made.u.auth.n_certs, 0);
        w.check = check_ask(&w.make, &w.made);
        assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_ACCEPTED);
        assert_int_not_equal(w.checked.u.check.handle, 0);
        assert_int_equal(w.checked.u.check.valid_for, USEC_NEVER);
        assert_int_equal(w.checked.ticket.round, 6);
        world_done(&w);
    }
}

/* The responder's vault says who the peer is, and proves itself in the same answer; to nobody whom it does not accept. */
static void judges_and_proves_at_once(void **state)
{
    struct ask both, alone;
    struct answer out, want;
    struct world w;

    (void)state;
    world_init(&w);
    alone = make_ask(false);
    vault_answer(w.gw2.vault, &alone, &want, &w.arena);
    assert_int_equal(want.result, ANSWER_OK);
    both = w.check;
    both.u.auth.ours = &alone.u.auth;
    vault_answer(w.gw2.vault, &both, &out, &w.arena);
    assert_int_equal(out.u.check.verdict, VERDICT_ACCEPTED);
    assert_non_null(out.u.check.made);
    assert_int_equal(out.u.check.made->result, ANSWER_OK);
    assert_int_equal(out.u.check.made->kind, ASK_AUTH_MAKE);
    assert_true(span_equal(out.u.check.made->u.auth.data, want.u.auth.data));
    assert_true(id_equal(&out.u.check.made->u.auth.id, &want.u.auth.id));
    alone.u.auth.message = SPAN_NONE; /* the peer is accepted all the same, and the operator reads why we are not proved */
    vault_answer(w.gw2.vault, &both, &out, &w.arena);
    assert_int_equal(out.u.check.verdict, VERDICT_ACCEPTED);
    assert_int_equal(out.u.check.made->result, ANSWER_FAILED);
    assert_non_null(out.u.check.made->why);
    alone = make_ask(false);
    both.u.auth.nonce = span_of(nonce_i, 32);
    vault_answer(w.gw2.vault, &both, &out, &w.arena);
    assert_int_equal(out.u.check.verdict, VERDICT_BAD_AUTH);
    assert_null(out.u.check.made);
    world_done(&w);
}

/* RFC 7296 2.15, computed here step by step */
static void by_the_book(void **state)
{
    struct world w;
    uint8_t octets[sizeof(init_i) + 32 + 32], id_body[] = {ID_FQDN, 0, 0, 0, 'g', 'w', '1'}, key[32], want[32];

    (void)state;
    world_init(&w);
    memcpy(octets, init_i, sizeof(init_i));
    memcpy(octets + sizeof(init_i), nonce_r, 32);
    HMAC(EVP_sha256(), sk_pi, 32, id_body, sizeof(id_body), octets + sizeof(init_i) + 32, NULL);
    HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (const uint8_t *)"Key Pad for IKEv2", 17, key, NULL);
    HMAC(EVP_sha256(), key, 32, octets, sizeof(octets), want, NULL);
    assert_memory_equal(w.made.u.auth.data.p, want, 32);
    world_done(&w);
}

static void every_bit_counts(void **state)
{
    struct world w;
    uint8_t data[32];

    (void)state;
    world_init(&w);
    memcpy(data, w.check.u.auth.data.p, 32);
    for (int bit = 0; bit < 256; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        w.check.u.auth.data = span_of(data, 32);
        assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_BAD_AUTH);
        assert_int_equal(w.checked.u.check.handle, 0);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    w.check.u.auth.data = span_of(data, 32);
    assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_ACCEPTED);
    for (size_t len = 0; len < 32; len++) {
        w.check.u.auth.data = span_of(data, len);
        assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_BAD_AUTH);
    }
    world_done(&w);
}

static void every_input_counts(void **state)
{
    static const uint8_t other[32] = {9};
    struct world w;
    struct ask good;

    (void)state;
    world_init(&w);
    good = w.check;
    w.check.u.auth.nonce = span_of(other, 32);
    assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_BAD_AUTH);
    w.check = good;
    w.check.u.auth.sk_p = span_of(other, 32);
    assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_BAD_AUTH);
    w.check = good;
    w.check.u.auth.message = span_of(init_r, sizeof(init_r)); /* of the wrong role */
    assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_BAD_AUTH);
    w.check = good;
    w.check.u.auth.message.len--;
    assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_BAD_AUTH);
    w.check = good;
    w.check.u.auth.id.type = ID_KEY_ID;
    assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_BAD_AUTH);
    w.check = good;
    w.check.u.auth.method = 14;
    assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_BAD_METHOD);
    w.check = good;
    w.check.u.auth.peer.connection = 1;
    unjudged(&w, w.gw2.vault);
    w.check = good;
    w.check.u.auth.peer.generation = 2;
    unjudged(&w, w.gw2.vault);
    w.check = good;
    assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_ACCEPTED);
    world_done(&w);
}

static void the_wrong_peer(void **state)
{
    struct world w;
    struct side other;

    (void)state;
    world_init(&w);
    side_new(&other, "gw2", "somebody-else", SECRET);
    assert_int_equal(verdict_of(&w, other.vault), VERDICT_BAD_ID); /* proved, but not the one wanted */
    assert_non_null(strstr(w.checked.why, "somebody-else"));
    vault_free(other.vault);
    side_new(&other, "gw2", "gw1", SECRET " with a tail");
    assert_int_equal(verdict_of(&w, other.vault), VERDICT_BAD_AUTH);
    vault_free(other.vault);
    side_new(&other, "gw2", NULL, SECRET); /* anybody who knows the secret */
    assert_int_equal(verdict_of(&w, other.vault), VERDICT_ACCEPTED);
    vault_free(other.vault);
    world_done(&w);
}

/* DNs with a secret: as X.509 compares them, and by patterns */
static void names_of_x509(void **state)
{
    static const struct {
        const char *wants, *pattern;
        enum verdict verdict;
    } rows[] = {
        {"O=EXAMPLE, CN=gw1", NULL, VERDICT_ACCEPTED}, {"/CN=gw1/O=Example", NULL, VERDICT_ACCEPTED},
        {"O=Example, CN=gw2", NULL, VERDICT_BAD_ID},   {NULL, "CN=*, O=Example", VERDICT_ACCEPTED},
        {NULL, "CN=*, O=Other", VERDICT_BAD_ID},
    };
    uint8_t ours[CERT_DN_MAX], theirs[CERT_DN_MAX];
    int n = cert_dn_encode("O=Example, CN=gw1", ours, sizeof(ours));
    char sentence[300];
    struct text why = text_in(sentence, sizeof(sentence));
    struct world w;

    (void)state;
    world_init(&w);
    w.gw1.connection.local.id = (struct id){ID_DER_ASN1_DN, span_of(ours, (size_t)n)};
    assert_int_equal(vault_configure(w.gw1.vault, &w.gw1.conf, &why), 0);
    vault_answer(w.gw1.vault, &w.make, &w.made, &w.arena);
    w.check = check_ask(&w.make, &w.made);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct conf_end *end = &w.gw2.connection.remote;

        end->id = (struct id){ID_DER_ASN1_DN, SPAN_NONE};
        if (rows[i].wants)
            end->id.data = span_of(theirs, (size_t)cert_dn_encode(rows[i].wants, theirs, sizeof(theirs)));
        end->id_is_dn_pattern = rows[i].pattern != NULL;
        end->id_text = rows[i].pattern;
        assert_int_equal(vault_configure(w.gw2.vault, &w.gw2.conf, &why), 0);
        assert_int_equal(verdict_of(&w, w.gw2.vault), rows[i].verdict);
    }
    world_done(&w);
}

static void reflection_is_refused(void **state)
{
    struct world w;
    struct side open;
    char sentence[512];
    struct text why = text_in(sentence, sizeof(sentence));

    (void)state;
    world_init(&w);
    side_new(&open, "gw1", NULL, SECRET);
    w.check.u.auth.we_initiated = false; /* our own initiator's proof, back to us as responder of another SA */
    assert_int_equal(verdict_of(&w, open.vault), VERDICT_BAD_ID);
    assert_non_null(strstr(w.checked.why, "our own"));
    vault_free(open.vault);
    assert_int_equal(side_init(&open, "gw1", "GW1", SECRET, &why), ERR_REFUSED);
    vault_free(open.vault);
    world_done(&w);
}

/* no ID configured: our address, told by the caller, which then cannot be any peer's */
static void addresses_as_ids(void **state)
{
    struct world w;
    struct side open;
    struct ask make = make_ask(true), check;
    struct answer made, checked;

    (void)state;
    world_init(&w);
    side_new(&open, NULL, NULL, SECRET);
    vault_answer(open.vault, &make, &made, &w.arena);
    assert_int_equal(made.result, ANSWER_FAILED); /* no address */
    make.u.auth.local = addr_v4(192, 0, 2, 1);
    vault_answer(open.vault, &make, &made, &w.arena);
    assert_int_equal(made.result, ANSWER_OK);
    assert_int_equal(made.u.auth.id.type, ID_IPV4_ADDR);
    assert_true(span_equal(made.u.auth.id.data, span_of("\xc0\x00\x02\x01", 4)));
    check = check_ask(&make, &made);
    check.u.auth.local = addr_v4(192, 0, 2, 9);
    vault_answer(open.vault, &check, &checked, &w.arena);
    assert_int_equal(checked.u.check.verdict, VERDICT_BAD_ID);
    vault_free(open.vault);

    side_new(&open, "gw2", NULL, SECRET);
    vault_answer(open.vault, &check, &checked, &w.arena);
    assert_int_equal(checked.u.check.verdict, VERDICT_ACCEPTED);
    open.connection.remote.addr = addr_v4(192, 0, 2, 77); /* a fixed address is the ID wanted */
    open.conf.generation = 2;
    {
        char sentence[100];
        struct text why = text_in(sentence, sizeof(sentence));

        assert_int_equal(vault_configure(open.vault, &open.conf, &why), 0);
    }
    check.u.auth.peer.generation = 2;
    vault_answer(open.vault, &check, &checked, &w.arena);
    assert_int_equal(checked.u.check.verdict, VERDICT_BAD_ID);
    assert_non_null(strstr(checked.why, "192.0.2.77"));
    check.u.auth.peer.generation = 1; /* the old generation answers as before */
    vault_answer(open.vault, &check, &checked, &w.arena);
    assert_int_equal(checked.u.check.verdict, VERDICT_ACCEPTED);
    vault_free(open.vault);
    world_done(&w);
}

static void only_auth_octets(void **state)
{
    struct world w;
    uint8_t *m = init_i;

    (void)state;
    world_init(&w);
    m[18] = 35; /* not IKE_SA_INIT */
    vault_answer(w.gw1.vault, &w.make, &w.made, &w.arena);
    assert_int_equal(w.made.result, ANSWER_FAILED);
    assert_non_null(w.made.why);
    w.make = make_ask(true);
    w.make.u.auth.nonce.len = 15;
    vault_answer(w.gw1.vault, &w.make, &w.made, &w.arena);
    assert_int_equal(w.made.result, ANSWER_FAILED);
    w.make = make_ask(true);
    w.make.u.auth.sk_p.len = 0;
    vault_answer(w.gw1.vault, &w.make, &w.made, &w.arena);
    assert_int_equal(w.made.result, ANSWER_FAILED);
    w.make = make_ask(true);
    w.make.kind = ASK_RESOLVE;
    vault_answer(w.gw1.vault, &w.make, &w.made, &w.arena);
    assert_int_equal(w.made.result, ANSWER_FAILED);
    world_done(&w);
}

static void what_cannot_be_loaded(void **state)
{
    char sentence[512];
    struct text why = text_in(sentence, sizeof(sentence));
    struct side s;

    (void)state;
    assert_int_equal(side_init(&s, "a", "b", "missing.psk", &why), ERR_NOT_FOUND);
    assert_non_null(strstr(sentence, "paris: missing.psk"));
    vault_free(s.vault);
    why = text_in(sentence, sizeof(sentence));
    assert_int_equal(side_init(&s, "a", "b", "fifteen bytes..", &why), ERR_REFUSED);
    assert_non_null(strstr(sentence, "weak-psk"));
    s.connection.local.weak_psk = true;
    assert_int_equal(vault_configure(s.vault, &s.conf, &why), 0);
    vault_free(s.vault);
}

static void generations_come_and_go(void **state)
{
    char sentence[512];
    struct text why = text_in(sentence, sizeof(sentence));
    struct world w;

    (void)state;
    world_init(&w);
    w.gw2.connection.remote.psk = w.gw2.connection.local.psk = "another secret, as long as it needs";
    for (uint32_t n = 2; n <= VAULT_GENERATIONS; n++) {
        w.gw2.conf.generation = n;
        assert_int_equal(vault_configure(w.gw2.vault, &w.gw2.conf, &why), 0);
    }
    assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_ACCEPTED);
    w.gw2.connection.remote.psk = "missing"; /* a failed one changes nothing */
    w.gw2.conf.generation = VAULT_GENERATIONS + 1;
    assert_int_equal(vault_configure(w.gw2.vault, &w.gw2.conf, &why), ERR_NOT_FOUND);
    assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_ACCEPTED);
    w.gw2.connection.remote.psk = SECRET;
    assert_int_equal(vault_configure(w.gw2.vault, &w.gw2.conf, &why), 0);
    unjudged(&w, w.gw2.vault); /* the first is the oldest: gone */
    w.check.u.auth.peer.generation = VAULT_GENERATIONS + 1;
    assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_ACCEPTED);
    world_done(&w);
}

static void forms_of_a_psk(void **state)
{
    static const struct {
        const char *file, *psk; /* psk NULL: refused */
    } rows[] = {
        {"plain", "plain"},
        {"plain\n", "plain"},
        {"plain\r\n", "plain"},
        {"two\nlines\n", NULL},
        {"plain\n\n", NULL},
        {"tab\there", NULL},
        {"", NULL},
        {"\n", NULL},
        {"0x616263", "abc"},
        {"0x61626\n", NULL},
        {"0x6162zz", NULL},
        {"0sYWJj\n", "abc"},
        {"0sYWI=", "ab"},
        {"0sYQ==", "a"},
        {"0sYQ=", NULL},
        {"0sY=Q=", NULL},
        {"0s====", NULL},
        {"0sYW Jj", NULL},
        {"0s    ", NULL},
        {"0x", "0x"}, /* two letters */
        {"caf\xc3\xa9", "caf\xc3\xa9"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char sentence[200];
        struct text why = text_in(sentence, sizeof(sentence));
        struct secret s = {0};
        int err = psk_parse(span_str(rows[i].file), &s, &why);

        if (rows[i].psk ? err != 0 || !span_equal(secret_view(&s), span_str(rows[i].psk)) : err == 0 || !why.len)
            fail_msg("row %zu: %s", i, rows[i].file);
        secret_done(&s);
    }
}

static int other_fn(const struct alg *a, struct span key, const struct span *parts, size_t n, uint8_t *out)
{
    int err = prf.mac->mac(a, key, parts, n, out);

    for (size_t i = 0; i < a->out_len; i++)
        out[i] ^= 0x5a;
    return err;
}

/* What is kept of one PRF is not used with another. */
static void a_pad_is_of_its_prf(void **state)
{
    static const struct alg_mac other_mac = {.mac = other_fn};
    const struct span octets = span_str("octets");
    struct alg other = prf;
    struct psk kept = {0}, fresh = {0};
    uint8_t with[2][32], with_other[2][32];

    (void)state;
    other.mac = &other_mac;
    assert_int_equal(secret_set(&kept.key, span_str("secret")), 0);
    assert_int_equal(secret_set(&fresh.key, span_str("secret")), 0);
    assert_int_equal(psk_prove(&kept, &prf, octets, with[0]), 0);
    assert_int_equal(psk_prove(&kept, &other, octets, with_other[0]), 0);
    assert_int_equal(psk_prove(&kept, &prf, octets, with[1]), 0);
    assert_int_equal(psk_prove(&fresh, &other, octets, with_other[1]), 0);
    assert_memory_equal(with[0], with[1], 32);
    assert_memory_equal(with_other[0], with_other[1], 32);
    assert_memory_not_equal(with[0], with_other[0], 32);
    psk_done(&kept);
    psk_done(&fresh);
}

static void put_file(const char *path, const char *content, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static int load(enum keystore_kind kind, const char *ref, struct secret *out)
{
    char sentence[300];
    struct text why = text_in(sentence, sizeof(sentence));
    int err = keystore_file.load(NULL, kind, ref, out, &why);

    assert_int_equal(err == 0, why.len == 0);
    if (err != 0)
        assert_non_null(strstr(sentence, strncmp(ref, "file:", 5) == 0 ? ref + 5 : ref));
    return err;
}

static void files(void **state)
{
    static const mode_t bad[] = {0640, 0604, 0620, 0602, 0610, 0601, 0660, 0777};
    char dir[] = "/tmp/vault-test-XXXXXX", path[64], ref[80], link[64];
    struct secret s = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/psk", dir);
    snprintf(ref, sizeof(ref), "file:%s", path);
    snprintf(link, sizeof(link), "%s/link", dir);
    assert_int_equal(load(KEYSTORE_PSK, ref, &s), ERR_NOT_FOUND);
    put_file(path, "hello", 0600);
    assert_int_equal(load(KEYSTORE_PSK, ref, &s), 0);
    assert_true(span_equal(secret_view(&s), span_str("hello")));
    put_file(path, "hello", 0400);
    assert_int_equal(load(KEYSTORE_KEY, path, &s), 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        put_file(path, "hello", bad[i]);
        assert_int_equal(load(KEYSTORE_PSK, path, &s), ERR_REFUSED);
        assert_int_equal(s.len, 0);
        assert_int_equal(load(KEYSTORE_CERT, path, &s), 0);
    }
    put_file(path, "hello", 0600);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(load(KEYSTORE_PSK, link, &s), ERR_REFUSED);
    assert_int_equal(load(KEYSTORE_CERT, link, &s), 0);
    unlink(link);
    assert_int_equal(mkfifo(link, 0600), 0);
    assert_int_equal(load(KEYSTORE_PSK, link, &s), ERR_REFUSED);
    assert_int_equal(load(KEYSTORE_PSK, dir, &s), ERR_REFUSED);
    assert_int_equal(truncate(path, (off_t)KEYSTORE_FILE_MAX + 1), 0);
    assert_int_equal(load(KEYSTORE_PSK, path, &s), ERR_LIMIT);
    if (geteuid() == 0) {
        put_file(path, "hello", 0600);
        assert_int_equal(chown(path, 12345, 0), 0);
        assert_int_equal(load(KEYSTORE_PSK, path, &s), ERR_REFUSED);
    }
    unlink(link);
    unlink(path);
    rmdir(dir);
    secret_done(&s);
}

static void probing(void **state)
{
    struct vault_probe_setup setup = {&store, 0, NULL};
    struct conf_connection c = {.name = "paris"};
    char sentence[400];
    struct text why = text_in(sentence, sizeof(sentence));

    (void)state;
    c.local.auth = c.remote.auth = AUTH_KIND_PSK;
    c.local.psk = c.remote.psk = SECRET;
    assert_int_equal(vault_probe(&setup, &c, &why), 0);
    assert_int_equal(why.len, 0);
    c.remote.psk = "missing one";
    assert_int_equal(vault_probe(&setup, &c, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(sentence, "missing one"));
    c.local.psk = "short";
    why = text_in(sentence, sizeof(sentence));
    assert_int_equal(vault_probe(&setup, &c, &why), ERR_REFUSED);
    assert_non_null(strstr(sentence, "short has 5 bytes, less"));
    assert_non_null(strstr(sentence, "\nmissing one")); /* both are told */
    c.remote.psk = NULL;
    c.local.weak_psk = true;
    why = text_in(sentence, sizeof(sentence));
    assert_int_equal(vault_probe(&setup, &c, &why), 0);
    c.local.weak_psk = false; /* good because it was allowed to be weak, there alone */
    assert_int_equal(vault_probe(&setup, &c, &why), ERR_REFUSED);
}

/* A vault that begins anew gives other handles than its predecessor: those are verdicts that hold. */
static void handles_begin_anywhere(void **state)
{
    uint32_t seen[3];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(seen); i++) {
        struct world w;

        all_bytes = (uint8_t)(20 + i);
        world_init(&w);
        assert_int_equal(verdict_of(&w, w.gw2.vault), VERDICT_ACCEPTED);
        seen[i] = w.checked.u.check.handle;
        assert_int_equal(seen[i] & 1, 0);
        world_done(&w);
    }
    all_bytes = 7;
    assert_true(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proves_and_believes),
        cmocka_unit_test(judges_and_proves_at_once),
        cmocka_unit_test(by_the_book),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(every_input_counts),
        cmocka_unit_test(the_wrong_peer),
        cmocka_unit_test(names_of_x509),
        cmocka_unit_test(reflection_is_refused),
        cmocka_unit_test(addresses_as_ids),
        cmocka_unit_test(only_auth_octets),
        cmocka_unit_test(what_cannot_be_loaded),
        cmocka_unit_test(generations_come_and_go),
        cmocka_unit_test(forms_of_a_psk),
        cmocka_unit_test(a_pad_is_of_its_prf),
        cmocka_unit_test(files),
        cmocka_unit_test(probing),
        cmocka_unit_test(handles_begin_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
