/* SPDX-License-Identifier: Apache-2.0 */
/* Every algorithm of the build against its known answers; one without any fails. */
#include "suite/alg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern const struct alg_registry alg_registry;

/* Bytes of a hex member, with room behind them for an ICV; freed by the test. */
struct bytes {
    uint8_t *p;
    size_t len;
};
static struct bytes bytes_of(const char *hex)
{
    size_t cap = hex ? strlen(hex) / 2 + 1 : 1;
    struct bytes b = {.p = calloc(1, cap + 64)};
    int n = hex ? hex_parse(hex, b.p, cap) : 0;

    assert_non_null(b.p);
    assert_true(n >= 0);
    b.len = (size_t)n;
    return b;
}
static struct span view(const struct bytes *b)
{
    return span_of(b->p, b->len);
}

struct known {
    struct bytes key, iv, aad, input, output;
};
static struct known known_of(const struct alg_vector *v)
{
    return (struct known){bytes_of(v->key), bytes_of(v->iv), bytes_of(v->aad), bytes_of(v->input), bytes_of(v->output)};
}
static void known_done(struct known *k)
{
    free(k->key.p);
    free(k->iv.p);
    free(k->aad.p);
    free(k->input.p);
    free(k->output.p);
}

/* A forged ICV, at either end of it and of the message, opens nothing. */
static void forge(const struct alg *a, struct known *k)
{
    size_t at[] = {0, k->output.len - a->icv_len, k->output.len - 1};
    uint8_t *out = malloc(k->output.len + 1);

    for (size_t i = 0; i < COUNT_OF(at); i++) {
        k->output.p[at[i]] ^= 0x10;
        assert_int_equal(a->cipher->open(a, view(&k->key), view(&k->iv), view(&k->aad), view(&k->output), out), ERR_CRYPTO);
        k->output.p[at[i]] ^= 0x10;
    }
    if (k->aad.len) {
        k->aad.p[0] ^= 1;
        assert_int_equal(a->cipher->open(a, view(&k->key), view(&k->iv), view(&k->aad), view(&k->output), out), ERR_CRYPTO);
        k->aad.p[0] ^= 1;
    }
    for (size_t len = 0; len < a->icv_len; len++)
        assert_int_equal(a->cipher->open(a, view(&k->key), view(&k->iv), view(&k->aad), span_of(k->output.p, len), out),
                         ERR_CRYPTO);
    free(out);
}

static void cipher_answers(const struct alg *a, struct known *k)
{
    size_t icv = a->flags & ALG_AEAD ? a->icv_len : 0;
    struct bytes work = bytes_of(NULL);

    assert_int_equal(k->key.len, a->key_len);
    assert_int_equal(k->iv.len, a->iv_len);
    assert_int_equal(k->output.len, k->input.len + icv);
    work.p = realloc(work.p, k->output.len + 1);
    assert_int_equal(a->cipher->seal(a, view(&k->key), view(&k->iv), view(&k->aad), view(&k->input), work.p), 0);
    assert_memory_equal(work.p, k->output.p, k->output.len);
    assert_int_equal(a->cipher->open(a, view(&k->key), view(&k->iv), view(&k->aad), span_of(work.p, k->output.len), work.p), 0);
    assert_memory_equal(work.p, k->input.p, k->input.len); /* and in place */
    assert_int_equal(a->cipher->seal(a, view(&k->key), view(&k->iv), view(&k->aad), span_of(work.p, k->input.len), work.p), 0);
    assert_memory_equal(work.p, k->output.p, k->output.len);
    assert_int_equal(a->cipher->seal(a, span_of(k->key.p, a->key_len - 1), view(&k->iv), view(&k->aad), view(&k->input), work.p),
                     a->key_len ? ERR_CRYPTO : 0);
    if (icv)
        forge(a, k);
    free(work.p);
}

/* The same answer however the input is cut. */
static void mac_answers(const struct alg *a, struct known *k)
{
    size_t len = a->icv_len ? a->icv_len : a->out_len;
    uint8_t out[64];

    assert_int_equal(k->output.len, len);
    for (size_t cut = 0; cut <= k->input.len; cut++) {
        struct span parts[] = {span_part(view(&k->input), 0, cut), SPAN_NONE, span_part(view(&k->input), cut, k->input.len)};

        memset(out, 0, sizeof(out));
        assert_int_equal(a->mac->mac(a, view(&k->key), parts, COUNT_OF(parts), out), 0);
        assert_memory_equal(out, k->output.p, len);
        if (len < sizeof(out))
            assert_int_equal(out[len], 0); /* not a byte more */
    }
}

/* A generator that hands out known bytes, then zeros. */
static void replay(void *ctx, uint8_t *out, size_t len)
{
    struct span *s = ctx;
    size_t n = len < s->len ? len : s->len;

    memset(out, 0, len);
    memcpy(out, s->p, n);
    *s = span_part(*s, n, s->len);
}

static void ke_answers(const struct alg *a, struct known *k)
{
    struct span bytes = view(&k->key);
    const struct rng rng = {replay, &bytes};
    struct secret shared = {0}, own = {0};
    uint8_t *public_value = calloc(1, a->public_len);

    assert_int_equal(k->key.len, a->private_len);
    assert_int_equal(a->ke->derive(a, view(&k->key), view(&k->input), &shared), 0);
    assert_int_equal(shared.len, a->secret_len);
    assert_int_equal(k->output.len, a->secret_len);
    assert_memory_equal(shared.p, k->output.p, shared.len);
    if (k->iv.len) {
        assert_int_equal(a->ke->generate(a, &rng, &own, public_value), 0);
        assert_int_equal(own.len, a->private_len);
        assert_memory_equal(own.p, k->key.p, own.len);
        assert_memory_equal(public_value, k->iv.p, a->public_len);
        bytes = view(&k->key);
        memset(public_value, 0, a->public_len);
        assert_int_equal(alg_ke_both(a, &rng, view(&k->input), public_value, &shared), 0);
        assert_memory_equal(shared.p, k->output.p, shared.len);
        assert_memory_equal(public_value, k->iv.p, a->public_len);
    }
    secret_done(&shared);
    secret_done(&own);
    free(public_value);
}

static void every_vector(void **state)
{
    const struct alg *a;
    size_t vectors = 0, n;

    (void)state;
    for (n = 0; (a = alg_at(&alg_registry, n)) != NULL; n++) {
        if (!a->vectors || !a->vectors[0].source)
            fail_msg("%s has no known answer", a->name);
        for (const struct alg_vector *v = a->vectors; v->source; v++, vectors++) {
            struct known k = known_of(v);

            print_message("%s: %s\n", a->name, v->source);
            if (a->type == TRANSFORM_ENCR)
                cipher_answers(a, &k);
            else if (a->type == TRANSFORM_KE)
                ke_answers(a, &k);
            else
                mac_answers(a, &k);
            known_done(&k);
        }
    }
    print_message("%zu algorithms, %zu vectors\n", n, vectors);
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_vector)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
