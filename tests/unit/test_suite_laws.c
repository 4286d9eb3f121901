/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold for any two lists of proposals, tried on many that dice made, and for any text read as one. */
#include "suite/id.h"
#include "suite/proposal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern const struct alg_registry alg_registry;

enum { ROUNDS = 8000, PROPOSALS = 4, TRANSFORMS = 14 };

static uint64_t dice_state;
static uint32_t dice(uint32_t below)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice_state >> 33) % below;
}

struct offer {
    struct proposal v[PROPOSALS];
    struct transform store[PROPOSALS][TRANSFORMS];
    size_t n;
};
static struct proposals list(const struct offer *o)
{
    return (struct proposals){o->v, o->n};
}

/* Few values, so that lists often have something in common; now and then anything. */
static struct transform random_transform(uint8_t protocol)
{
    static const struct transform usual[] = {
        {1, 20, 256, false}, {1, 20, 128, false}, {1, 12, 256, false}, {1, 12, 128, false}, {1, 28, 0, false}, {1, 11, 0, false},
        {2, 5, 0, false},    {2, 6, 0, false},    {2, 4, 0, false},    {3, 12, 0, false},   {3, 2, 0, false},  {3, 0, 0, false},
        {4, 31, 0, false},   {4, 19, 0, false},   {4, 14, 0, false},   {4, 0, 0, false},    {5, 0, 0, false},  {5, 1, 0, false},
    };
    struct transform t;

    do
        t = usual[dice(COUNT_OF(usual))];
    while ((protocol == PROTOCOL_IKE && t.type == 5) || (protocol == PROTOCOL_ESP && t.type == 2));
    if (dice(40) == 0)
        t.type = (uint8_t)dice(8);
    if (dice(30) == 0)
        t.id = (uint16_t)dice(dice(2) ? 40 : 65536);
    if (dice(30) == 0)
        t.key_bits = (uint16_t)dice(dice(2) ? 300 : 65536);
    t.odd = dice(30) == 0;
    return t;
}

static void random_offer(struct offer *o, uint8_t protocol)
{
    o->n = dice(PROPOSALS + 1);
    for (size_t i = 0; i < o->n; i++) {
        struct proposal *p = &o->v[i];

        *p = (struct proposal){.number = (uint8_t)(i + 1), .protocol = dice(30) ? protocol : (uint8_t)dice(5)};
        p->spi_len = dice(20) ? protocol == PROTOCOL_ESP ? 4 : 0 : (uint8_t)dice(9);
        p->spi[0] = 1;
        p->n_transforms = dice(TRANSFORMS + 1);
        for (size_t j = 0; j < p->n_transforms; j++)
            o->store[i][j] = random_transform(protocol);
        p->transforms = o->store[i];
    }
}

static bool was_offered(const struct proposal *p, const struct transform *t)
{
    for (size_t i = 0; i < p->n_transforms; i++)
        if (p->transforms[i].type == t->type && p->transforms[i].id == t->id && p->transforms[i].key_bits == t->key_bits &&
            !p->transforms[i].odd)
            return true;
    return false;
}

/* What is chosen is out of one proposal of theirs, one of a type, and fit for its protocol. */
static void chosen_is_sound(const struct offer *theirs, const struct proposal *chosen, const struct suite *s,
                            const struct proposal_rules *rules)
{
    const struct proposal *from = NULL;
    unsigned types = 0;
    bool ike = rules->protocol == PROTOCOL_IKE;

    for (size_t i = 0; i < theirs->n; i++)
        if (theirs->v[i].number == chosen->number)
            from = &theirs->v[i];
    assert_non_null(from);
    for (size_t i = 0; i < chosen->n_transforms; i++) {
        assert_true(was_offered(from, &chosen->transforms[i]));
        assert_false(types & 1u << chosen->transforms[i].type);
        types |= 1u << chosen->transforms[i].type;
    }
    assert_non_null(s->encr);
    assert_true(s->encr->flags & (ike ? ALG_IKE : ALG_ESP));
    assert_int_equal(!s->integ, !!(s->encr->flags & ALG_AEAD));
    assert_int_equal(!s->prf, !ike);
    assert_false(ike && s->esn);
    if (rules->ke == KE_REQUIRED || rules->pfs_required)
        assert_non_null(s->ke);
    if (rules->ke == KE_ABSENT)
        assert_null(s->ke);
}

/* Whoever offered takes the answer, and for the same suite. */
static void offerer_agrees(const struct offer *theirs, const struct proposal *chosen, const struct suite *s,
                           const struct proposal_rules *rules)
{
    struct suite theirs_suite;
    const struct proposals answer = {chosen, 1};

    assert_int_equal(proposal_accept(&alg_registry, list(theirs), answer, rules, &theirs_suite), 0);
    assert_ptr_equal(theirs_suite.encr, s->encr);
    assert_ptr_equal(theirs_suite.prf, s->prf);
    assert_ptr_equal(theirs_suite.integ, s->integ);
    assert_ptr_equal(theirs_suite.ke, s->ke);
    assert_int_equal(theirs_suite.esn, s->esn);
}

/* The explanation misses something exactly when nothing was chosen, and never runs out of its array. */
static void explanation_agrees(const struct offer *ours, const struct offer *theirs, const struct proposal_rules *rules, int err)
{
    char out[8192], tight[100];
    struct text text = text_in(out, sizeof(out)), cut = text_in(tight, 1 + dice(sizeof(tight) - 1));

    proposal_explain(&alg_registry, list(ours), list(theirs), rules, &text);
    assert_true(text.len < sizeof(out) - 1);
    if (ours->n && theirs->n)
        assert_int_equal(strstr(out, "MISSING") || strstr(out, "\n  their "), err < 0);
    proposal_explain(&alg_registry, list(ours), list(theirs), rules, &cut);
    assert_memory_equal(out, tight, cut.len);
}

static void any_two_lists(void **state)
{
    size_t agreed = 0;

    (void)state;
    dice_state = 1;
    for (int i = 0; i < ROUNDS; i++) {
        struct proposal_rules rules = {.protocol = dice(2) ? PROTOCOL_IKE : PROTOCOL_ESP, .ke = KE_REQUIRED};
        struct transform store[TRANSFORM_TYPE_MAX];
        struct proposal chosen;
        struct offer ours, theirs;
        struct suite s;
        int err;

        if (rules.protocol == PROTOCOL_ESP) {
            rules.ke = dice(2) ? KE_ABSENT : KE_OPTIONAL;
            rules.pfs_required = rules.ke == KE_OPTIONAL && dice(3) == 0;
        }
        rules.ke_sent = dice(2) ? 31 : (uint16_t)dice(40);
        random_offer(&ours, rules.protocol);
        random_offer(&theirs, rules.protocol);
        err = proposal_choose(&alg_registry, list(&ours), list(&theirs), &rules, &s, &chosen, store);
        if (err == 0) {
            agreed++;
            chosen_is_sound(&theirs, &chosen, &s, &rules);
            offerer_agrees(&theirs, &chosen, &s, &rules);
        } else {
            assert_int_equal(err, ERR_NOT_FOUND);
        }
        explanation_agrees(&ours, &theirs, &rules, err);
    }
    print_message("%zu of %d agreed\n", agreed, ROUNDS);
    assert_in_range(agreed, ROUNDS / 50, ROUNDS / 2);
}

static bool same_transforms(const struct proposal *a, const struct proposal *b)
{
    if (a->n_transforms != b->n_transforms)
        return false;
    for (size_t i = 0; i < a->n_transforms; i++)
        if (a->transforms[i].type != b->transforms[i].type || a->transforms[i].id != b->transforms[i].id ||
            a->transforms[i].key_bits != b->transforms[i].key_bits)
            return false;
    return true;
}

/* A proposal that was read reads the same from its own words. */
static void any_words(void **state)
{
    static const char *const pool[] = {"aes256gcm16", "aes128",   "aes256",  "sha256",   "sha1",    "prfsha384",
                                       "x25519",      "modp2048", "ecp256",  "chacha20", "esn",     "noesn",
                                       "null",        "3des",     "bananas", "",         "aesxcbc", "AES128CTR"};
    struct transform a_store[TRANSFORMS], b_store[TRANSFORMS];
    size_t good = 0;

    (void)state;
    dice_state = 2;
    for (int i = 0; i < ROUNDS; i++) {
        char words[256], again[256], why[256];
        struct text text = text_in(words, sizeof(words)), back = text_in(again, sizeof(again)),
                    reason = text_in(why, sizeof(why));
        uint8_t protocol = dice(2) ? PROTOCOL_IKE : PROTOCOL_ESP;
        struct proposal a, b;

        for (uint32_t n = 1 + dice(6); n; n--)
            text_add(&text, "%s%s", pool[dice(COUNT_OF(pool))], n > 1 ? "-" : "");
        if (proposal_parse(&alg_registry, words, protocol, &a, a_store, TRANSFORMS, &reason) < 0) {
            assert_true(reason.len > 0);
            continue;
        }
        good++;
        assert_int_equal(reason.len, 0);
        proposal_format(&alg_registry, &a, &back);
        assert_int_equal(proposal_parse(&alg_registry, again, protocol, &b, b_store, TRANSFORMS, &reason), 0);
        if (!same_transforms(&a, &b))
            fail_msg("%s, then %s", words, again);
    }
    assert_in_range(good, ROUNDS / 100, ROUNDS / 2);
}

/* Bytes of any kind as words, as an identity in text and as one on the wire: no harm, and an answer. */
static void any_bytes(void **state)
{
    (void)state;
    dice_state = 3;
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = dice(80);
        char *bytes = malloc(len + 1), out[ID_TEXT_MAX], why[200];
        uint8_t store[ID_DATA_MAX];
        struct text reason = text_in(why, sizeof(why));
        struct transform transforms[TRANSFORMS];
        struct proposal p;
        struct id id, wire = {.type = (uint8_t)dice(14), .data = span_of(bytes, len)};

        for (size_t j = 0; j < len; j++)
            bytes[j] = (char)(dice(3) ? "abcdefxyz0129@.:*-=, "[dice(21)] : (char)dice(256));
        assert_true(id_matches(&wire, &wire) && id_equal(&wire, &wire));
        assert_true(strlen(id_format(&wire, out)) < sizeof(out));
        bytes[len] = '\0';
        if (id_parse(bytes, store, &id) == 0)
            assert_true(id.data.len > 0 && id.type != ID_NONE);
        if (proposal_parse(&alg_registry, bytes, PROTOCOL_IKE, &p, transforms, TRANSFORMS, &reason) < 0)
            assert_true(reason.len > 0);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_two_lists), cmocka_unit_test(any_words), cmocka_unit_test(any_bytes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
