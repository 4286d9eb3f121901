/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals: words, defaults, offers, choosing, accepting, explaining (RFC 7296 2.7, 3.3; RFC 5282 8). */
#include "suite/proposal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

extern const struct alg_registry alg_registry;

enum { ROOM = 256 };

/* A list under construction, with the memory that it needs. */
struct offer {
    struct proposal v[16];
    struct transform store[ROOM];
    size_t n, used;
};

static struct proposals list(const struct offer *o)
{
    return (struct proposals){o->v, o->n};
}

static struct proposal *add_words(struct offer *o, uint8_t protocol, const char *words)
{
    char why[200];
    struct text text = text_in(why, sizeof(why));
    struct proposal *p = &o->v[o->n];

    if (proposal_parse(&alg_registry, words, protocol, p, o->store + o->used, ROOM - o->used, &text) < 0)
        fail_msg("%s: %s", words, why);
    o->used += p->n_transforms;
    p->number = (uint8_t)++o->n;
    if (protocol == PROTOCOL_ESP) {
        p->spi_len = 4;
        memcpy(p->spi, "\xc0\x00\x00\x01", 4);
    }
    return p;
}

static struct offer words(uint8_t protocol, const char *a, const char *b)
{
    struct offer o = {.n = 0};

    add_words(&o, protocol, a);
    if (b)
        add_words(&o, protocol, b);
    for (size_t i = 0; i < o.n; i++) /* the struct is about to be copied */
        o.v[i].transforms = NULL;
    return o;
}
/* After a copy the lists point into the copy's own store again. */
static void settle(struct offer *o)
{
    size_t at = 0;

    for (size_t i = 0; i < o->n; at += o->v[i++].n_transforms)
        o->v[i].transforms = o->store + at;
}
#define WORDS(name, protocol, ...)                                                                                               \
    struct offer name = words(protocol, __VA_ARGS__);                                                                            \
    settle(&name)

static void append(struct offer *o, struct transform t)
{
    o->store[o->used++] = t;
    o->v[o->n - 1].n_transforms++;
}

static const struct proposal_rules ike_rules = {.protocol = PROTOCOL_IKE, .ke = KE_REQUIRED};
static const struct proposal_rules auth_rules = {.protocol = PROTOCOL_ESP, .ke = KE_ABSENT};
static const struct proposal_rules child_rules = {.protocol = PROTOCOL_ESP, .ke = KE_OPTIONAL};

struct chosen {
    int err;
    struct suite suite;
    struct proposal proposal;
    struct transform store[TRANSFORM_TYPE_MAX];
    char text[200], wire[200];
};

static void choose(struct chosen *c, const struct offer *ours, const struct offer *theirs, struct proposal_rules rules)
{
    struct text text = text_in(c->text, sizeof(c->text)), wire = text_in(c->wire, sizeof(c->wire));

    c->err = proposal_choose(&alg_registry, list(ours), list(theirs), &rules, &c->suite, &c->proposal, c->store);
    if (c->err == 0) {
        suite_format(&c->suite, &text);
        proposal_format(&alg_registry, &c->proposal, &wire);
    }
}

static void parse_ok(uint8_t protocol, const char *in, const char *expect)
{
    WORDS(o, protocol, in, NULL);
    char text[200];
    struct text t = text_in(text, sizeof(text));

    proposal_format(&alg_registry, &o.v[0], &t);
    assert_string_equal(text, expect);
}

static void parse_bad(uint8_t protocol, const char *in, const char *expect)
{
    struct transform store[ROOM];
    struct proposal p;
    char why[200];
    struct text text = text_in(why, sizeof(why));

    assert_int_equal(proposal_parse(&alg_registry, in, protocol, &p, store, ROOM, &text), ERR_BAD);
    if (!strstr(why, expect))
        fail_msg("%s: \"%s\" does not say \"%s\"", in, why, expect);
}

static void words_parse(void **state)
{
    (void)state;
    parse_ok(PROTOCOL_IKE, "aes256gcm16-prfsha384-ecp384", "aes256gcm16-prfsha384-ecp384");
    parse_ok(PROTOCOL_IKE, "AES256GCM128-Curve25519", "aes256gcm16-prfsha256-x25519");
    parse_ok(PROTOCOL_IKE, "aes256-sha256-modp2048", "aes256-prfsha256-sha256-modp2048");
    parse_ok(PROTOCOL_IKE, "aes128-aes256-sha1-sha512-modp2048-dh15",
             "aes128-aes256-prfsha1-prfsha512-sha1-sha512-modp2048-modp3072");
    parse_ok(PROTOCOL_IKE, "aes128-aesxcbc-modp2048", "aes128-prfaesxcbc-aesxcbc-modp2048");
    parse_ok(PROTOCOL_IKE, "aes128-aescmac-prfsha256-modp2048", "aes128-prfsha256-aescmac-modp2048");
    parse_ok(PROTOCOL_IKE, "aes256gcm16-sha384-ecp384", "aes256gcm16-prfsha384-ecp384"); /* as other daemons read it */
    parse_ok(PROTOCOL_IKE, "3des-sha1-modp1024", "3des-prfsha1-sha1-modp1024");
    parse_ok(PROTOCOL_ESP, "aes256gcm16", "aes256gcm16-esn-noesn");
    parse_ok(PROTOCOL_ESP, "aes256gcm16-noesn-ecp384", "aes256gcm16-ecp384-noesn");
    parse_ok(PROTOCOL_ESP, "aes128ccm16-chacha20poly1305-esn-brainpoolP256r1-x448",
             "aes128ccm16-chacha20poly1305-brainpoolP256r1-x448-esn");
    parse_ok(PROTOCOL_ESP, "null-sha256", "null-sha256-esn-noesn");
    parse_ok(PROTOCOL_ESP, "aes128ctr-sha256-ecp256bp", "aes128ctr-sha256-brainpoolP256r1-esn-noesn");
}

static void words_refused(void **state)
{
    (void)state;
    parse_bad(PROTOCOL_IKE, "aes256gmc16-x25519", "did you mean aes256gcm16");
    parse_bad(PROTOCOL_IKE, "aes256-sha255-modp2048", "did you mean sha25");
    parse_bad(PROTOCOL_IKE, "bananas-in-pyjamas", "unknown algorithm \"bananas\"");
    parse_bad(PROTOCOL_IKE, "aes256gcm16", "no key exchange");
    parse_bad(PROTOCOL_IKE, "aes256-modp2048", "no integrity");
    parse_bad(PROTOCOL_IKE, "sha256-modp2048", "no encryption");
    parse_bad(PROTOCOL_IKE, "aes256gcm16-aes256-sha256-x25519", "proposals of their own");
    parse_bad(PROTOCOL_IKE, "aes256gcm16-sha256-prfsha256-x25519", "needs no integrity");
    parse_bad(PROTOCOL_IKE, "aes256gcm16-x25519-esn", "belongs to ESP");
    parse_bad(PROTOCOL_IKE, "null-sha256-x25519", "null cannot protect IKE");
    parse_bad(PROTOCOL_IKE, "aes256gcm16-x25519-x25519", "twice");
    parse_bad(PROTOCOL_IKE, "des-sha1-modp1024", "unknown algorithm \"des\"");
    parse_bad(PROTOCOL_IKE, "", "empty word");
    parse_bad(PROTOCOL_IKE, "aes256gcm16--x25519", "empty word");
    parse_bad(PROTOCOL_IKE, "aes256gcm16-x25519-", "empty word");
    parse_bad(PROTOCOL_ESP, "aes256gcm16-sha256", "needs no integrity");
    parse_bad(PROTOCOL_ESP, "aes256gcm16-prfsha256", "leave it out");
    parse_bad(PROTOCOL_ESP, "null", "no integrity");
    parse_bad(PROTOCOL_ESP, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "unknown");
}

static void store_is_bounded(void **state)
{
    struct transform store[4];
    struct proposal p;
    char why[200];

    (void)state;
    for (size_t max = 0; max < 5; max++) {
        struct text text = text_in(why, sizeof(why));
        int err = proposal_parse(&alg_registry, "aes256gcm16-prfsha256-x25519-ecp256", PROTOCOL_IKE, &p, store, max, &text);

        assert_int_equal(err, max < 4 ? ERR_BAD : 0);
    }
}

/* What the descriptors say about defaults is what the default proposals hold, and nothing weak is in them. */
static void defaults_are_default(void **state)
{
    struct proposal v[PROPOSAL_DEFAULTS_LIST];
    struct transform store[PROPOSAL_DEFAULTS_STORE];
    const struct alg *a;

    (void)state;
    for (uint8_t protocol = PROTOCOL_IKE; protocol <= PROTOCOL_ESP; protocol += 2) {
        assert_int_equal(proposal_defaults(&alg_registry, protocol, v, COUNT_OF(v), store, COUNT_OF(store)), 2);
        for (size_t n = 0; (a = alg_at(&alg_registry, n)) != NULL; n++) {
            bool found = false;

            for (size_t i = 0; i < 2; i++)
                for (size_t j = 0; j < v[i].n_transforms; j++)
                    found |= transform_alg(&alg_registry, &v[i].transforms[j]) == a;
            if (a->type != TRANSFORM_PRF || protocol == PROTOCOL_IKE)
                assert_int_equal(found, !!(a->flags & ALG_DEFAULT));
            assert_false(found && a->flags & ALG_LEGACY);
        }
    }
    assert_int_equal(proposal_defaults(&alg_registry, PROTOCOL_IKE, v, 1, store, COUNT_OF(store)), ERR_LIMIT);
    assert_int_equal(proposal_defaults(&alg_registry, PROTOCOL_IKE, v, COUNT_OF(v), store, 20), ERR_LIMIT);
}

static void defaults_agree(void **state)
{
    struct offer ours = {0};
    struct chosen c;
    int n = proposal_defaults(&alg_registry, PROTOCOL_IKE, ours.v, COUNT_OF(ours.v), ours.store, ROOM);

    (void)state;
    assert_true(n > 0);
    ours.n = (size_t)n;
    choose(&c, &ours, &ours, ike_rules);
    assert_int_equal(c.err, 0);
    assert_string_equal(c.text, "aes256gcm16-prfsha256-x25519");
}

static void ours_decide(void **state)
{
    struct chosen c;
    WORDS(ours, PROTOCOL_IKE, "aes256gcm16-aes128gcm16-prfsha384-prfsha256-x25519-ecp256", "aes256-sha256-modp2048");
    WORDS(theirs, PROTOCOL_IKE, "aes128-aes256-sha256-modp2048", "aes128gcm16-aes256gcm16-prfsha256-prfsha384-ecp256-x25519");

    (void)state;
    theirs.v[0].number = 3; /* some peers count from there */
    theirs.v[1].number = 4;
    choose(&c, &ours, &theirs, ike_rules);
    assert_int_equal(c.err, 0);
    assert_string_equal(c.text, "aes256gcm16-prfsha384-x25519");
    assert_string_equal(c.wire, c.text);
    assert_int_equal(c.proposal.number, 4);
    assert_int_equal(c.proposal.n_transforms, 3);
}

static void group_sent_is_preferred(void **state)
{
    struct chosen c;
    struct proposal_rules rules = ike_rules;
    WORDS(ours, PROTOCOL_IKE, "aes256gcm16-x25519-ecp256", "aes256-sha256-modp2048");
    WORDS(theirs, PROTOCOL_IKE, "aes256-sha256-modp2048", "aes256gcm16-x25519-ecp256");

    (void)state;
    rules.ke_sent = 19;
    choose(&c, &ours, &theirs, rules);
    assert_string_equal(c.text, "aes256gcm16-prfsha256-ecp256");
    rules.ke_sent = 14; /* in a later proposal of ours: not an equal */
    choose(&c, &ours, &theirs, rules);
    assert_string_equal(c.text, "aes256gcm16-prfsha256-x25519");
    rules.ke_sent = 999;
    choose(&c, &ours, &theirs, rules);
    assert_string_equal(c.text, "aes256gcm16-prfsha256-x25519");
}

/* Among theirs, the proposal with the group that they sent comes before an earlier one without it. */
static void group_sent_over_their_order(void **state)
{
    struct chosen c;
    struct proposal_rules rules = ike_rules;
    WORDS(ours, PROTOCOL_IKE, "aes256gcm16-x25519-ecp256", NULL);
    WORDS(theirs, PROTOCOL_IKE, "aes256gcm16-x25519", "aes256gcm16-ecp256");

    (void)state;
    rules.ke_sent = 19;
    choose(&c, &ours, &theirs, rules);
    assert_int_equal(c.proposal.number, 2);
    assert_int_equal(c.suite.ke->id, 19);
}

static void nothing_in_common(void **state)
{
    static const char *const pairs[][2] = {
        {"aes256gcm16-x25519", "aes128gcm16-x25519"},
        {"aes256gcm16-x25519", "aes256gcm12-x25519"},
        {"aes256gcm16-x25519", "aes256gcm16-ecp256"},
        {"aes256gcm16-prfsha384-x25519", "aes256gcm16-prfsha256-x25519"},
        {"aes256-sha256-x25519", "aes256-sha384-prfsha256-x25519"},
        {"aes256-sha256-x25519", "aes256gcm16-prfsha256-x25519"},
        {"aes256-sha256-x25519", "aes256ctr-sha256-x25519"},
    };
    struct chosen c;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        WORDS(ours, PROTOCOL_IKE, pairs[i][0], NULL);
        WORDS(theirs, PROTOCOL_IKE, pairs[i][1], NULL);

        choose(&c, &ours, &theirs, ike_rules);
        assert_int_equal(c.err, ERR_NOT_FOUND);
        choose(&c, &theirs, &ours, ike_rules);
        assert_int_equal(c.err, ERR_NOT_FOUND);
    }
}

static void key_length_missing(void **state)
{
    struct chosen c;
    WORDS(ours, PROTOCOL_IKE, "aes256-aes128-sha256-modp2048", NULL);
    WORDS(theirs, PROTOCOL_IKE, "aes128-sha256-modp2048", NULL);

    (void)state;
    theirs.store[0].key_bits = 0;
    choose(&c, &ours, &theirs, ike_rules); /* RFC 3602 2.2: then it is 128 */
    assert_int_equal(c.err, 0);
    assert_int_equal(c.suite.encr->key_bits, 128);
    assert_int_equal(c.store[0].key_bits, 0); /* echoed as it came */
    theirs.store[0].key_bits = 129;
    choose(&c, &ours, &theirs, ike_rules);
    assert_int_equal(c.err, ERR_NOT_FOUND);
}

static void key_length_too_much(void **state)
{
    struct chosen c;
    WORDS(ours, PROTOCOL_IKE, "chacha20poly1305-x25519", NULL);
    WORDS(theirs, PROTOCOL_IKE, "chacha20poly1305-x25519", NULL);

    (void)state;
    theirs.store[0].key_bits = 256;
    choose(&c, &ours, &theirs, ike_rules);
    assert_int_equal(c.err, 0);
    assert_int_equal(c.store[0].key_bits, 256);
    theirs.store[0].key_bits = 128;
    choose(&c, &ours, &theirs, ike_rules);
    assert_int_equal(c.err, ERR_NOT_FOUND);
    theirs.store[0].key_bits = 0;
    theirs.store[1].key_bits = 256; /* on a PRF: not what we know */
    choose(&c, &ours, &theirs, ike_rules);
    assert_int_equal(c.err, ERR_NOT_FOUND);
}

static void odd_is_never_chosen(void **state)
{
    struct chosen c;
    WORDS(ours, PROTOCOL_IKE, "aes256gcm16-aes128gcm16-x25519", NULL);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        WORDS(theirs, PROTOCOL_IKE, "aes256gcm16-aes128gcm16-x25519", NULL);

        theirs.store[i].odd = true;
        choose(&c, &ours, &theirs, ike_rules);
        assert_int_equal(c.err, i < 2 ? 0 : ERR_NOT_FOUND); /* one cipher is left, but no other PRF or group */
        if (i == 0)
            assert_int_equal(c.suite.encr->key_bits, 128);
    }
}

static void unknown_things(void **state)
{
    struct chosen c;
    WORDS(ours, PROTOCOL_IKE, "aes256gcm16-x25519", NULL);
    WORDS(theirs, PROTOCOL_IKE, "aes256gcm16-x25519", NULL);

    (void)state;
    append(&theirs, (struct transform){.type = TRANSFORM_ENCR, .id = 65000, .key_bits = 77});
    append(&theirs, (struct transform){.type = TRANSFORM_KE, .id = 1040});
    choose(&c, &ours, &theirs, ike_rules); /* unknown transforms of known types do not hurt (3.3.6) */
    assert_int_equal(c.err, 0);
    append(&theirs, (struct transform){.type = 6, .id = 35});
    choose(&c, &ours, &theirs, ike_rules); /* a type that we do not know makes the proposal unacceptable */
    assert_int_equal(c.err, ERR_NOT_FOUND);
}

static void null_never_protects_ike(void **state)
{
    struct chosen c;
    struct transform store[] = {{.type = 1, .id = 11}, {.type = 2, .id = 5}, {.type = 3, .id = 12}, {.type = 4, .id = 31}};
    const struct offer both = {.v = {{.number = 1, .protocol = PROTOCOL_IKE, .transforms = store, .n_transforms = 4}}, .n = 1};

    (void)state;
    choose(&c, &both, &both, ike_rules);
    assert_int_equal(c.err, ERR_NOT_FOUND);
    store[0] = (struct transform){.type = 1, .id = 12, .key_bits = 256};
    choose(&c, &both, &both, ike_rules);
    assert_int_equal(c.err, 0);
    store[2].id = INTEG_NONE; /* encryption alone */
    choose(&c, &both, &both, ike_rules);
    assert_int_equal(c.err, ERR_NOT_FOUND);
    store[2].id = 12;
    store[3].id = KE_NONE;
    choose(&c, &both, &both, ike_rules);
    assert_int_equal(c.err, ERR_NOT_FOUND);
}

static void none_beside_aead(void **state)
{
    struct chosen c;
    WORDS(ours, PROTOCOL_IKE, "aes256gcm16-x25519", NULL);
    WORDS(theirs, PROTOCOL_IKE, "aes256gcm16-x25519", NULL);

    (void)state;
    append(&theirs, (struct transform){.type = TRANSFORM_INTEG, .id = INTEG_NONE});
    choose(&c, &ours, &theirs, ike_rules);
    assert_int_equal(c.err, 0);
    assert_null(c.suite.integ);
    assert_int_equal(c.proposal.n_transforms, 4); /* answered as written */
    theirs.store[theirs.used - 1].id = 12;
    choose(&c, &ours, &theirs, ike_rules); /* a real one beside AEAD (RFC 5282 8) */
    assert_int_equal(c.err, ERR_NOT_FOUND);
}

static void spis_count(void **state)
{
    struct chosen c;
    WORDS(ours, PROTOCOL_ESP, "aes256gcm16", NULL);
    WORDS(theirs, PROTOCOL_ESP, "aes256gcm16", NULL);
    WORDS(ike, PROTOCOL_IKE, "aes256gcm16-x25519", NULL);

    (void)state;
    choose(&c, &ours, &theirs, auth_rules);
    assert_int_equal(c.err, 0);
    assert_int_equal(c.proposal.spi_len, 4);
    assert_memory_equal(c.proposal.spi, "\xc0\x00\x00\x01", 4);
    memcpy(theirs.v[0].spi, "\x00\x00\x00\xff", 4);
    choose(&c, &ours, &theirs, auth_rules); /* reserved (RFC 4303 2.1) */
    assert_int_equal(c.err, ERR_NOT_FOUND);
    memcpy(theirs.v[0].spi, "\x00\x00\x01\x00", 4);
    choose(&c, &ours, &theirs, auth_rules);
    assert_int_equal(c.err, 0);
    for (uint8_t len = 0; len <= 8; len++) {
        theirs.v[0].spi_len = ike.v[0].spi_len = len;
        choose(&c, &ours, &theirs, auth_rules);
        assert_int_equal(c.err, len == 4 ? 0 : ERR_NOT_FOUND);
        choose(&c, &ike, &ike, ike_rules);
        assert_int_equal(c.err, len == 0 || len == 8 ? 0 : ERR_NOT_FOUND);
    }
    theirs.v[0].spi_len = 4;
    theirs.v[0].protocol = PROTOCOL_AH;
    choose(&c, &ours, &theirs, auth_rules);
    assert_int_equal(c.err, ERR_NOT_FOUND);
}

static void esn_must_be_there(void **state)
{
    struct chosen c;
    WORDS(both, PROTOCOL_ESP, "aes256gcm16", NULL);
    WORDS(no, PROTOCOL_ESP, "aes256gcm16-noesn", NULL);
    WORDS(yes, PROTOCOL_ESP, "aes256gcm16-esn", NULL);

    (void)state;
    choose(&c, &both, &both, auth_rules);
    assert_true(c.suite.esn);
    choose(&c, &both, &no, auth_rules);
    assert_int_equal(c.err, 0);
    assert_false(c.suite.esn);
    choose(&c, &yes, &no, auth_rules);
    assert_int_equal(c.err, ERR_NOT_FOUND);
    no.v[0].n_transforms--;
    choose(&c, &both, &no, auth_rules); /* RFC 7296 3.3.3: mandatory for ESP */
    assert_int_equal(c.err, ERR_NOT_FOUND);
}

static void auth_takes_no_group(void **state)
{
    struct chosen c;
    WORDS(ours, PROTOCOL_ESP, "aes256gcm16-ecp384", NULL);
    WORDS(theirs, PROTOCOL_ESP, "aes256gcm16-x25519", NULL);

    (void)state;
    choose(&c, &ours, &theirs, auth_rules);
    assert_int_equal(c.err, 0);
    assert_null(c.suite.ke);
    assert_string_equal(c.wire, "aes256gcm16-esn");
}

/* One row: what both have, whether PFS is a must, which group came; the group chosen, or -1 for no proposal. */
static void pfs_in_a_child(void **state)
{
    static const struct {
        const char *ours, *theirs;
        bool must, none;
        uint16_t sent;
        int expect;
    } rows[] = {
        {"aes256gcm16-ecp384-x25519", "aes256gcm16-x25519-ecp384", false, false, 0, 20}, /* to be mended by INVALID_KE_PAYLOAD */
        {"aes256gcm16-ecp384-x25519", "aes256gcm16-x25519-ecp384", false, false, 31, 31},
        {"aes256gcm16-ecp384", "aes256gcm16", false, false, 0, 0},
        {"aes256gcm16-ecp384", "aes256gcm16", true, false, 0, -1},
        {"aes256gcm16", "aes256gcm16-ecp384", false, false, 20, -1},
        {"aes256gcm16", "aes256gcm16-ecp384", false, true, 20, 0},
        {"aes256gcm16-ecp384", "aes256gcm16-ecp384", false, true, 0, 0},
        {"aes256gcm16-ecp384", "aes256gcm16-ecp384", false, true, 20, 20},
        {"aes256gcm16-ecp384", "aes256gcm16-ecp384", true, true, 0, 20},
        {"aes256gcm16-ecp384", "aes256gcm16-x25519", false, true, 31, 0},
        {"aes256gcm16-ecp384", "aes256gcm16-x25519", true, true, 31, -1},
    };
    struct chosen c;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct proposal_rules rules = {
            .protocol = PROTOCOL_ESP, .ke = KE_OPTIONAL, .ke_sent = rows[i].sent, .pfs_required = rows[i].must};
        WORDS(ours, PROTOCOL_ESP, rows[i].ours, NULL);
        WORDS(theirs, PROTOCOL_ESP, rows[i].theirs, NULL);

        if (rows[i].none)
            append(&theirs, (struct transform){.type = TRANSFORM_KE, .id = KE_NONE});
        choose(&c, &ours, &theirs, rules);
        if ((c.err == 0 ? c.suite.ke ? c.suite.ke->id : 0 : -1) != rows[i].expect)
            fail_msg("row %zu: err %d, %s", i, c.err, c.text);
    }
}

/* They list one proposal with a group and one without: no KE payload means the second. */
static void without_ke_by_choice(void **state)
{
    struct chosen c;
    WORDS(ours, PROTOCOL_ESP, "aes256gcm16-ecp384", NULL);
    WORDS(theirs, PROTOCOL_ESP, "aes256gcm16-ecp384", "aes256gcm16");

    (void)state;
    choose(&c, &ours, &theirs, child_rules);
    assert_int_equal(c.proposal.number, 2);
    assert_null(c.suite.ke);
}

static void offers(void **state)
{
    struct proposal out[8];
    struct transform store[ROOM];
    struct proposal_rules rules = child_rules;
    WORDS(ours, PROTOCOL_ESP, "aes256gcm16-ecp384", "aes256gcm16-x25519");

    (void)state;
    assert_int_equal(proposal_offer(list(&ours), &auth_rules, out, 8, store, ROOM), 1); /* both become the same */
    assert_int_equal(out[0].n_transforms, 3);
    assert_int_equal(proposal_offer(list(&ours), &rules, out, 8, store, ROOM), 3);
    for (uint8_t i = 0; i < 3; i++)
        assert_int_equal(out[i].number, i + 1);
    assert_int_equal(out[1].transforms[1].id, 31);
    assert_int_equal(out[2].n_transforms, 3);
    rules.pfs_required = true;
    assert_int_equal(proposal_offer(list(&ours), &rules, out, 8, store, ROOM), 2);
    assert_int_equal(proposal_offer(list(&ours), &rules, out, 1, store, ROOM), ERR_LIMIT);
    assert_int_equal(proposal_offer(list(&ours), &rules, out, 8, store, 7), ERR_LIMIT);
    assert_int_equal(proposal_offer(list(&ours), &rules, out, 8, store, 8), 2);
}

static int accept_answer(const struct offer *ours, const struct offer *answer, struct proposal_rules rules, struct suite *s)
{
    return proposal_accept(&alg_registry, list(ours), list(answer), &rules, s);
}

static void answers(void **state)
{
    struct suite s;
    WORDS(ours, PROTOCOL_IKE, "aes256gcm16-aes128gcm16-x25519-ecp256", "aes256-sha256-modp2048");
    WORDS(good, PROTOCOL_IKE, "aes256-sha256-modp2048", NULL);
    WORDS(two, PROTOCOL_IKE, "aes256gcm16-aes128gcm16-x25519", NULL);
    WORDS(mixed, PROTOCOL_IKE, "aes256gcm16-modp2048", NULL);
    WORDS(many, PROTOCOL_IKE, "aes256gcm16-x25519", "aes256gcm16-x25519");
    struct offer none = {0};

    (void)state;
    assert_int_equal(accept_answer(&ours, &good, ike_rules, &s), 0);
    assert_string_equal(s.encr->name, "aes256");
    assert_int_equal(s.ke->id, 14);
    assert_int_equal(accept_answer(&ours, &two, ike_rules, &s), ERR_BAD);
    assert_int_equal(accept_answer(&ours, &mixed, ike_rules, &s), ERR_BAD); /* parts of two proposals */
    assert_int_equal(accept_answer(&ours, &many, ike_rules, &s), ERR_BAD);
    assert_int_equal(accept_answer(&ours, &none, ike_rules, &s), ERR_BAD);
    good.store[0].key_bits = 128;
    assert_int_equal(accept_answer(&ours, &good, ike_rules, &s), ERR_BAD);
    good.store[0].key_bits = 256;
    good.store[1].odd = true;
    assert_int_equal(accept_answer(&ours, &good, ike_rules, &s), ERR_BAD);
}

static void child_answers(void **state)
{
    struct suite s;
    struct proposal_rules must = child_rules;
    WORDS(ours, PROTOCOL_ESP, "aes256gcm16-ecp384", NULL);
    WORDS(with, PROTOCOL_ESP, "aes256gcm16-ecp384-noesn", NULL);
    WORDS(without, PROTOCOL_ESP, "aes256gcm16-noesn", NULL);

    (void)state;
    must.pfs_required = true;
    assert_int_equal(accept_answer(&ours, &with, child_rules, &s), 0);
    assert_int_equal(s.ke->id, 20);
    assert_int_equal(accept_answer(&ours, &without, child_rules, &s), 0);
    assert_null(s.ke);
    assert_int_equal(accept_answer(&ours, &without, must, &s), ERR_BAD);
    assert_int_equal(accept_answer(&ours, &without, auth_rules, &s), 0);
    assert_int_equal(accept_answer(&ours, &with, auth_rules, &s), ERR_BAD); /* a group that we never offered */
}

static void explained(const struct offer *ours, const struct offer *theirs, struct proposal_rules rules, const char *expect)
{
    static char out[2000];
    struct text text = text_in(out, sizeof(out));

    proposal_explain(&alg_registry, list(ours), list(theirs), &rules, &text);
    if (!strstr(out, expect))
        fail_msg("does not say \"%s\":\n%s", expect, out);
}

static void explains_groups(void **state)
{
    WORDS(ours, PROTOCOL_IKE, "aes256gcm16-x25519", "aes256-sha256-x25519-modp2048");
    WORDS(theirs, PROTOCOL_IKE, "aes256-aes128-3des-sha256-modp1024", NULL);

    (void)state;
    explained(&ours, &theirs, ike_rules, "they offer\n  1: aes256-aes128-3des-prfsha256-sha256-modp1024\n");
    explained(&ours, &theirs, ike_rules, "we accept\n  1: aes256gcm16-prfsha256-x25519\n  2: aes256-");
    explained(&ours, &theirs, ike_rules, "nearest: their 1, our 2\n");
    explained(&ours, &theirs, ike_rules, "ENCR   they: aes256, aes128, 3des  we: aes256  match\n");
    explained(&ours, &theirs, ike_rules, "KE     they: modp1024  we: x25519, modp2048  MISSING\n");
    explained(&ours, &theirs, ike_rules, "mend: add modp1024 to our proposal (weak), or let the peer offer x25519\n");
}

static void explains_the_rest(void **state)
{
    struct proposal_rules must = child_rules;
    WORDS(ours, PROTOCOL_ESP, "aes256gcm16-ecp384-esn", NULL);
    WORDS(plain, PROTOCOL_ESP, "aes256gcm16-esn", NULL);
    WORDS(noesn, PROTOCOL_ESP, "aes256gcm16-ecp384-noesn", NULL);
    WORDS(ike, PROTOCOL_IKE, "aes256gcm16-x25519", NULL);
    WORDS(other, PROTOCOL_IKE, "aes128-sha1-x25519", NULL);
    struct offer none = {0};

    (void)state;
    must.pfs_required = true;
    explained(&ours, &plain, must, "mend: the peer has no PFS; set pfs to auto here");
    explained(&plain, &ours, child_rules, "mend: add ecp384 to our proposal, or switch PFS off at the peer");
    explained(&ours, &noesn, child_rules, "mend: add noesn to our proposal");
    explained(&ike, &other, ike_rules, "mend: add aes128 to our proposal, or let the peer offer aes256gcm16");
    explained(&ours, &none, child_rules, "they offer\n  nothing\n");
    other.store[0] = (struct transform){.type = TRANSFORM_ENCR, .id = 2};
    explained(&ike, &other, ike_rules, "they: ENCR_DES  we: aes256gcm16  MISSING");
    explained(&ike, &other, ike_rules, "mend: let the peer offer aes256gcm16\n");
    append(&ike, (struct transform){.type = 7, .id = 36});
    explained(&other, &ike, ike_rules, "transform type 7");
    plain.v[0].spi_len = 3;
    explained(&ours, &plain, child_rules, "SPI (3 bytes)");
}

static void explanation_is_cut(void **state)
{
    char out[40];
    struct text text = text_in(out, sizeof(out));
    WORDS(ours, PROTOCOL_IKE, "aes256gcm16-x25519", NULL);

    (void)state;
    proposal_explain(&alg_registry, list(&ours), list(&ours), &ike_rules, &text);
    assert_int_equal(strlen(out), sizeof(out) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_parse),
        cmocka_unit_test(words_refused),
        cmocka_unit_test(store_is_bounded),
        cmocka_unit_test(defaults_are_default),
        cmocka_unit_test(defaults_agree),
        cmocka_unit_test(ours_decide),
        cmocka_unit_test(group_sent_is_preferred),
        cmocka_unit_test(group_sent_over_their_order),
        cmocka_unit_test(nothing_in_common),
        cmocka_unit_test(key_length_missing),
        cmocka_unit_test(key_length_too_much),
        cmocka_unit_test(odd_is_never_chosen),
        cmocka_unit_test(unknown_things),
        cmocka_unit_test(null_never_protects_ike),
        cmocka_unit_test(none_beside_aead),
        cmocka_unit_test(spis_count),
        cmocka_unit_test(esn_must_be_there),
        cmocka_unit_test(auth_takes_no_group),
        cmocka_unit_test(pfs_in_a_child),
        cmocka_unit_test(without_ke_by_choice),
        cmocka_unit_test(offers),
        cmocka_unit_test(answers),
        cmocka_unit_test(child_answers),
        cmocka_unit_test(explains_groups),
        cmocka_unit_test(explains_the_rest),
        cmocka_unit_test(explanation_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
