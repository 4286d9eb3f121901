/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC keeps states from one use to the next: in many threads at a time, and where the library gets no memory, it gives the right
 * value or none. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "suite/alg.h"

extern const struct alg_registry alg_registry;

static const struct {
    const char *name, *hash;
} prfs[] = {{"prfsha1", "SHA1"}, {"prfsha256", "SHA256"}, {"prfsha384", "SHA384"}, {"prfsha512", "SHA512"}};

static _Thread_local long left = -1; /* allocations that are given; < 0: all */

static bool given(void)
{
    return left < 0 || (left && left--);
}

static void *get(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return given() ? malloc(n) : NULL;
}

static void *get_more(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return given() ? realloc(p, n) : NULL;
}

static void give_back(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

/* A few keys, so that the one before comes again now and then; some longer than a block. */
static size_t key_of(unsigned i, uint8_t key[200])
{
    size_t len = (i / 3 % 7) * 31 + 1;

    memset(key, (int)(i / 3 % 11) + 1, len);
    return len;
}

static int mac(unsigned i, uint8_t out[64], size_t *len)
{
    const struct alg *prf = alg_by_name(&alg_registry, prfs[i % COUNT_OF(prfs)].name);
    const struct span parts[] = {span_str("one"), SPAN_NONE, span_of(&i, sizeof(i))};
    uint8_t key[200];
    size_t key_len = key_of(i, key);

    *len = prf->out_len;
    return prf->mac->mac(prf, span_of(key, key_len), parts, COUNT_OF(parts), out);
}

static bool right(unsigned i, const uint8_t out[64])
{
    const EVP_MD *md = EVP_get_digestbyname(prfs[i % COUNT_OF(prfs)].hash);
    uint8_t key[200], text[3 + sizeof(i)] = "one", want[64];
    size_t key_len = key_of(i, key);
    unsigned len = 0;

    memcpy(text + 3, &i, sizeof(i));
    return HMAC(md, key, (int)key_len, text, sizeof(text), want, &len) && !memcmp(want, out, len);
}

static void *many(void *ctx)
{
    const unsigned *from = ctx;
    uintptr_t wrong = 0;

    for (unsigned i = *from; i < *from + 2000; i++) {
        uint8_t out[64];
        size_t len;

        wrong += mac(i, out, &len) || !right(i, out);
    }
    return (void *)wrong;
}

static void threads_do_not_mix(void **state)
{
    pthread_t thread[4];
    unsigned from[4];

    (void)state;
    for (unsigned round = 0; round < 3; round++) { /* they end, and others begin */
        for (unsigned i = 0; i < 4; i++) {
            from[i] = i * 7919 + round;
            assert_int_equal(pthread_create(&thread[i], NULL, many, &from[i]), 0);
        }
        for (unsigned i = 0; i < 4; i++) {
            void *wrong;

            assert_int_equal(pthread_join(thread[i], &wrong), 0);
            assert_null(wrong);
        }
    }
}

/* In a thread of its own, which has nothing yet: the n-th allocation fails and all after it, then there is memory again. */
static void *short_of_memory(void *ctx)
{
    long *at = ctx;
    uintptr_t failed = 0;

    for (unsigned i = (unsigned)*at; i < (unsigned)*at + 12; i++) {
        uint8_t out[64];
        size_t len;
        int err;

        left = *at;
        err = mac(i, out, &len);
        left = -1;
        failed += err != 0;
        if ((!err && !right(i, out)) || mac(i, out, &len) || !right(i, out))
            return (void *)UINTPTR_MAX;
    }
    return (void *)failed;
}

static void right_or_nothing(void **state)
{
    uintptr_t failed = 0;

    (void)state;
    for (long at = 0; at < 40; at++) {
        pthread_t thread;
        void *n;

        assert_int_equal(pthread_create(&thread, NULL, short_of_memory, &at), 0);
        assert_int_equal(pthread_join(thread, &n), 0);
        assert_true((uintptr_t)n != UINTPTR_MAX);
        failed += (uintptr_t)n;
    }
    assert_true(failed > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_do_not_mix), cmocka_unit_test(right_or_nothing)};

    if (!CRYPTO_set_mem_functions(get, get_more, give_back))
        return 99;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
