/* SPDX-License-Identifier: Apache-2.0 */
/* tests/vectors/keymat: the key schedule against what strongSwan derived in real exchanges (RFC 7296 2.14, 2.17, 2.18). */
#include "suite/keymat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern const struct alg_registry alg_registry;

#define WORDS_MAX 32
#define VALUE_MAX 600

/* One derivation: the words of its block. */
struct block {
    size_t n;
    struct word {
        char name[16], text[2 * VALUE_MAX + 1];
        uint8_t bytes[VALUE_MAX];
        size_t len;
    } v[WORDS_MAX];
};

static const struct word *word_find(const struct block *b, const char *name)
{
    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->v[i].name, name) == 0)
            return &b->v[i];
    return NULL;
}

static struct span bytes_of(const struct block *b, const char *name)
{
    const struct word *w = word_find(b, name);

    return w ? span_of(w->bytes, w->len) : SPAN_NONE;
}

static uint64_t spi_of(const struct block *b, const char *name)
{
    struct span s = bytes_of(b, name);

    assert_int_equal(s.len, 8);
    return get_u64(s.p);
}

static const struct alg *alg_of(const struct block *b, const char *name, uint8_t type)
{
    const struct word *w = word_find(b, name);
    const struct alg *alg;

    for (size_t i = 0; w && (alg = alg_at(&alg_registry, i)); i++)
        if (alg->type == type && strcmp(alg->name, w->text) == 0)
            return alg;
    assert_null(w); /* an algorithm that this build does not have */
    return NULL;
}

static void expect(const struct block *b, const char *name, const struct secret *have)
{
    struct span want = bytes_of(b, name);

    assert_int_equal(have->len, want.len);
    if (want.len)
        assert_memory_equal(have->p, want.p, want.len);
}

static struct suite suite_of(const struct block *b)
{
    return (struct suite){.encr = alg_of(b, "encr", TRANSFORM_ENCR),
                          .prf = alg_of(b, "prf", TRANSFORM_PRF),
                          .integ = alg_of(b, "integ", TRANSFORM_INTEG)};
}

static void check_ike(const struct block *b, bool rekey)
{
    struct suite suite = suite_of(b);
    struct span ni = bytes_of(b, "ni"), nr = bytes_of(b, "nr"), g_ir = bytes_of(b, "g_ir");
    struct secret skeyseed = {0};
    struct ike_keys keys = {0};

    if (rekey)
        assert_int_equal(skeyseed_rekey(suite.prf, bytes_of(b, "old_sk_d"), g_ir, ni, nr, &skeyseed), 0);
    else
        assert_int_equal(skeyseed_first(suite.prf, ni, nr, g_ir, &skeyseed), 0);
    expect(b, "skeyseed", &skeyseed);
    assert_int_equal(ike_keys_derive(&suite, secret_view(&skeyseed), ni, nr, spi_of(b, "spi_i"), spi_of(b, "spi_r"), &keys), 0);
    expect(b, "sk_d", &keys.d);
    expect(b, "sk_ai", &keys.ai);
    expect(b, "sk_ar", &keys.ar);
    expect(b, "sk_ei", &keys.ei);
    expect(b, "sk_er", &keys.er);
    expect(b, "sk_pi", &keys.pi);
    expect(b, "sk_pr", &keys.pr);
    ike_keys_done(&keys);
    secret_done(&skeyseed);
}

static void check_child(const struct block *b)
{
    struct suite suite = suite_of(b);
    const struct alg *prf = suite.prf;
    struct child_keys keys = {0};

    suite.prf = NULL; /* a Child SA has none of its own */
    assert_int_equal(
        child_keys_derive(&suite, prf, bytes_of(b, "sk_d"), bytes_of(b, "g_ir"), bytes_of(b, "ni"), bytes_of(b, "nr"), &keys), 0);
    expect(b, "encr_i2r", &keys.encr_i2r);
    expect(b, "integ_i2r", &keys.integ_i2r);
    expect(b, "encr_r2i", &keys.encr_r2i);
    expect(b, "integ_r2i", &keys.integ_r2i);
    child_keys_done(&keys);
}

/* Checks the block, if there is one, and empties it. */
static size_t block_end(struct block *b)
{
    const struct word *kind = word_find(b, "kind");

    if (b->n == 0)
        return 0;
    assert_non_null(kind);
    if (strcmp(kind->text, "child") == 0)
        check_child(b);
    else
        check_ike(b, strcmp(kind->text, "rekey") == 0);
    b->n = 0;
    return 1;
}

static void word_add(struct block *b, const char *line)
{
    struct word *w = &b->v[b->n++];
    const char *value = strchr(line, '=');
    int n;

    assert_true(b->n <= WORDS_MAX);
    assert_non_null(value);
    assert_true((size_t)(value - line) < sizeof(w->name) && strlen(value + 1) < sizeof(w->text));
    snprintf(w->name, sizeof(w->name), "%.*s", (int)(value - line), line);
    snprintf(w->text, sizeof(w->text), "%s", value + 1);
    n = hex_parse(w->text, w->bytes, sizeof(w->bytes)); /* names of algorithms are no hex, and are not asked for as bytes */
    w->len = n > 0 ? (size_t)n : 0;
}

static FILE *vectors_open(void)
{
    const char *cut = strstr(__FILE__, "unit/test_keymat_vectors.c"), *srcdir = getenv("srcdir");
    char path[512];
    FILE *f;

    snprintf(path, sizeof(path), "%.*svectors/keymat/real.kv", (int)(cut ? cut - __FILE__ : 0), __FILE__);
    f = fopen(path, "r");
    if (f)
        return f;
    snprintf(path, sizeof(path), "%s/tests/vectors/keymat/real.kv", srcdir ? srcdir : ".");
    return fopen(path, "r");
}

static void all_derivations(void **state)
{
    static struct block block;
    FILE *f = vectors_open();
    char line[2048];
    size_t n = 0;

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0')
            n += block_end(&block);
        else if (line[0] != '#')
            word_add(&block, line);
    }
    n += block_end(&block);
    fclose(f);
    print_message("%zu derivations\n", n);
    assert_true(n >= 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_derivations)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
