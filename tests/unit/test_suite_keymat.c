/* SPDX-License-Identifier: Apache-2.0 */
/* The key schedule (RFC 7296 2.13, 2.14, 2.17, 2.18) against NIST's answers and against those of another implementation. */
#include "suite/keymat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

extern const struct alg_registry alg_registry;

static struct span bytes(const char *hex, uint8_t *out, size_t cap)
{
    int n = hex_parse(hex, out, cap);

    assert_true(n >= 0);
    return span_of(out, (size_t)n);
}
#define BYTES(name, hex)                                                                                                         \
    uint8_t name##_bytes[512];                                                                                                   \
    struct span name = bytes(hex, name##_bytes, sizeof(name##_bytes))

static const struct alg *word(const char *name)
{
    const struct alg *a = name ? alg_by_name(&alg_registry, name) : NULL;

    assert_true(!name || a);
    return a;
}

static void same(struct span got, struct span want)
{
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.p, want.p, want.len);
}

/* NIST CAVP, SP 800-135 IKEv2: HMAC-SHA1, nonces of 8 bytes, 132 bytes of keys. */
static void nist(void **state)
{
    const struct alg *prf = word("prfsha1"), aes128 = {.type = TRANSFORM_ENCR, .key_len = 16};
    const struct suite s = {.encr = &aes128, .prf = prf, .integ = word("sha1")};
    struct secret skeyseed = {0};
    struct ike_keys k = {0};
    BYTES(ni, "32b50d5f4a3763f3");
    BYTES(nr, "9206a04b26564cb1");
    BYTES(g_ir, "4b2c1f971981a8ad8d0abeafabf38cf75fc8349c148142465ed9c8b516b8be52");
    BYTES(g_new, "863f3c9d06efd39d2b907b97f8699e5dd5251ef64a2a176f36ee40c87d4f9330");
    BYTES(expect, "a9a7b222b59f8f48645f28a1db5b5f5d7479cba7");
    BYTES(expect_rekey, "63e81194946ebd05df7df5ebf5d8750056bf1f1d");
    BYTES(dkm, "a14293677cc80ff8f9cc0eee30d895da9d8f405666e30ef0dfcb63c634a46002a2a63080e514a062768b76606f9fa5e9"
               "92204fc5a670bde3f10d6b027113936a5c55b648a194ae587b0088d52204b702c979fa280870d2ed41efa9c549fd1119"
               "8af1670b143d384bd275c5f594cf266b05ebadca855e4249520a441a81157435a7a56cc4");

    (void)state;
    assert_int_equal(skeyseed_first(prf, ni, nr, g_ir, &skeyseed), 0);
    same(secret_view(&skeyseed), expect);
    assert_int_equal(ike_keys_derive(&s, secret_view(&skeyseed), ni, nr, 0x34c9e7c188868785, 0x3ff77d760d2b2199, &k), 0);
    same(secret_view(&k.d), span_part(dkm, 0, 20));
    same(secret_view(&k.ai), span_part(dkm, 20, 20));
    same(secret_view(&k.ar), span_part(dkm, 40, 20));
    same(secret_view(&k.ei), span_part(dkm, 60, 16));
    same(secret_view(&k.er), span_part(dkm, 76, 16));
    same(secret_view(&k.pi), span_part(dkm, 92, 20));
    same(secret_view(&k.pr), span_part(dkm, 112, 20));
    assert_int_equal(skeyseed_rekey(prf, secret_view(&k.d), g_new, ni, nr, &skeyseed), 0);
    same(secret_view(&skeyseed), expect_rekey);
    secret_done(&skeyseed);
    ike_keys_done(&k);
}

/* Computed with Python's hmac, and for XCBC with its definition over one-block AES: nonces 10..2f and d0..ef, SPIs
 * 0102030405060708 and a1a2a3a4a5a6a7a8, g^ir = SHA-256("g^ir"), that of the child and the rekey SHA-256("g^ir 2"). */
static const struct row {
    const char *prf, *encr, *integ, *child_encr, *child_integ, *skeyseed, *sk, *child, *pfs, *rekey;
} rows[] = {
    {.prf = "prfsha256",
     .encr = "aes256gcm16",
     .integ = NULL,
     .child_encr = "aes256gcm16",
     .child_integ = NULL,
     .skeyseed = "4ce315d4e64030c08d93297eac3817811351b4572247dc82b3d9ab5d53c6419e",
     .sk = "758ff2d169830210a548b2a79527f0e25195b661ddd7f5cb6301473a917df0849c56eb1e783309fa39045db1ddf1c3107c5a587c5015"
           "eba95404eb56d58f1855cea4bc232d9900e505fb67bbe1caa8f008b9ae61a84d6e41b358624faec5fe36cfc478a2c0e81c6edf6d8161"
           "62bd56267d3b55da380c0c8215ce2bd1c8318c872a43ad01cc9ef1280fdd67c8bca1cb79bc26a464a1a978d0158d1e9d131bf9b4d5f9"
           "64e8b2689ce1",
     .child = "7db2cb5a445bcc25eff59b88a0edda9afa50de40af8288eaa8cf17aa7a1d298d36bf1bc240acc59aa8a02f93d6fc2c9346e569a8"
              "7deac0e9006263ccc69732d9dfd17418ea1aeb80",
     .pfs = "8898e74b110671d52cf5f358498d3678a2ea22fb1dfef9e1d495428e13ed7965a73ea6fc2609d0f482bda88de84e71c4648471fcd9"
            "46b5aebc796f8ea70410cd3b750c0b8f9d2c6a",
     .rekey = "0a608ff5785bd0ae3a856615547db0c6b5e7d8f81d8db0024058fa56594fa3b0"},
    {.prf = "prfsha384",
     .encr = "aes256",
     .integ = "sha384",
     .child_encr = "aes128",
     .child_integ = "sha1",
     .skeyseed = "ff8f7030ab2e236d81c11470f8d98a80968837900191cdf4649b2654b168900ed025013f73e98510b5d3bd20ffd5b1fc",
     .sk = "e4ef04ec8415f4b7d97d496c56fd81197ede2e1ffec45661929f99aa647b482fa1f7f1c57b5dd1079d8075513d8163a24f5bedb4fe25"
           "3cb3b0c35c2b498970f672a4d698867f409e226661e41260ae4a601e714e9dcc487def16c734ea45ece899d7a5fd2da2e4d41456c10c"
           "40007b2d895fb201a633a76208b1f0157cb31602468728658e940d3371a3f8421e1e53580805d95f025c981fded8067ee53514756cfb"
           "ed8d90bbe0a6d0367195f5a059a83a73044174547d63ad5d7333a6e0007cc89fc99aaf561a830600385482ccbdd7ffd1e32015c7fd7e"
           "7db108140696de7690d8147e823f956afd48014ff514864d754d8930578c5f6fd8027b5a5125f0b435a4d16bcb6781392b0c898e0fe8"
           "2e2512b579bf6dbcde1ae422cff02856da8b69b09ecf0537310fd428b4d26eb258f2",
     .child = "d41d64d393faf976a0f95aebe50b237b2ee2c88e5a59db77e02f42a6fab4ccaf5774bb886022c03df7695cda446c653846fa95de"
              "a0b179a9c4d5de16a979632dd677104225169736",
     .pfs = "a790936f05fbef492be470110df00ac663a3e0b743f390125370fe277899bef0d0d98c1eacabdb744ec5ce77127d3a75c9c55ce1d2"
            "6534e34bc5b7c7b0caeff7bb7e9e75e5169bf5",
     .rekey = "12f6d6717bc9be3481e549db9e78b519b80268412a41cf54bab0a6684698db7a268338874c00c6267b7c696028fb3ea4"},
    {.prf = "prfaesxcbc",
     .encr = "aes128",
     .integ = "aesxcbc",
     .child_encr = "aes128",
     .child_integ = "aesxcbc",
     .skeyseed = "4fdc35287e1677a87e7e4a941364ced3",
     .sk = "dbd21076960ed3b04a9c61f27b3086a255df68e239c4529524c1c98025844c2649345aebd128ef86a9ab2d484ac87447fd21dfdbecd4"
           "6b057be5cdf1e9c44e13e35dc2ef948ba89cbe8f3e8fc6e544cc9158510069f60103dd26393863d94e0f2a36b1cf1e7949b0ad39908f"
           "d1916b0e",
     .child = "b99d8ca3136bb06414b355a125d22faeb0cf19a4e94b9e9716f2bce32dee4639e780d0b83488d2a11cd91882505409512e0f0e32"
              "baa075fbe34bf03a61bdca3f",
     .pfs = "ca933ed18e6de42a20511fb4e09d7aadea3936034f58e391d9e617a31a251c536bd2135a2c5cb6511ed20d74ae89abd512f35d6434"
            "50d287ae049ede7a48a05f",
     .rekey = "2e14095c43b3d8818bed5a299b428996"},
};

/* The parts, one after the other, are the stream. */
static void stream(const struct secret *const *parts, size_t n, const char *hex)
{
    size_t at = 0;
    BYTES(all, hex);

    for (size_t i = 0; i < n; i++) {
        same(secret_view(parts[i]), span_part(all, at, parts[i]->len));
        at += parts[i]->len;
    }
    assert_int_equal(at, all.len);
}

static void row_run(const struct row *r)
{
    const struct suite ike = {.prf = word(r->prf), .encr = word(r->encr), .integ = word(r->integ)};
    const struct suite child = {.encr = word(r->child_encr), .integ = word(r->child_integ)};
    struct secret seed = {0};
    struct ike_keys k = {0};
    struct child_keys c = {0};
    const struct secret *const ike_parts[] = {&k.d, &k.ai, &k.ar, &k.ei, &k.er, &k.pi, &k.pr};
    const struct secret *const child_parts[] = {&c.encr_i2r, &c.integ_i2r, &c.encr_r2i, &c.integ_r2i};
    BYTES(ni, "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f");
    BYTES(nr, "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef");
    BYTES(g_ir, "344e2045b94963924a5f9967c81074d86cd151c1ddb0dd104230c0aecbe94567");
    BYTES(g_new, "bbd6d669918a387092eebf02044a3b8d74691112bcfcf574bad01831ef24d1b1");
    BYTES(skeyseed, r->skeyseed);
    BYTES(rekey, r->rekey);

    assert_int_equal(skeyseed_first(ike.prf, ni, nr, g_ir, &seed), 0);
    same(secret_view(&seed), skeyseed);
    assert_int_equal(ike_keys_derive(&ike, secret_view(&seed), ni, nr, 0x0102030405060708, 0xa1a2a3a4a5a6a7a8, &k), 0);
    stream(ike_parts, COUNT_OF(ike_parts), r->sk);
    assert_int_equal(child_keys_derive(&child, ike.prf, secret_view(&k.d), SPAN_NONE, ni, nr, &c), 0);
    stream(child_parts, COUNT_OF(child_parts), r->child);
    assert_int_equal(child_keys_derive(&child, ike.prf, secret_view(&k.d), g_new, ni, nr, &c), 0);
    stream(child_parts, COUNT_OF(child_parts), r->pfs);
    assert_int_equal(skeyseed_rekey(ike.prf, secret_view(&k.d), g_new, ni, nr, &seed), 0);
    same(secret_view(&seed), rekey);
    secret_done(&seed);
    ike_keys_done(&k);
    child_keys_done(&c);
}

static void other_implementation(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row_run(&rows[i]);
}

/* 255 blocks and not a byte more (2.13); a shorter stream begins as a longer one does. */
static void prf_plus_bounds(void **state)
{
    const struct alg *prf = word("prfsha256");
    static uint8_t big[255 * 32 + 2], small[100];
    struct span key = span_of("key", 3), seed[7] = {key, key, key, key, key, key, key};

    (void)state;
    big[255 * 32] = 0xee;
    assert_int_equal(prf_plus(prf, key, seed, 2, big, 255 * 32), 0);
    assert_int_equal(big[255 * 32], 0xee);
    assert_int_equal(prf_plus(prf, key, seed, 2, big, 255 * 32 + 1), ERR_LIMIT);
    for (size_t len = 0; len < sizeof(small) - 1; len++) {
        memset(small, 0xee, sizeof(small));
        assert_int_equal(prf_plus(prf, key, seed, 2, small, len), 0);
        assert_memory_equal(small, big, len);
        assert_int_equal(small[len], 0xee);
    }
    assert_int_equal(prf_plus(prf, key, seed, 6, small, 40), 0);
    assert_int_equal(prf_plus(prf, key, seed, 7, small, 40), ERR_LIMIT);
}

static void nonce_bounds(void **state)
{
    static const uint8_t n[300] = {1};
    struct secret s = {0};

    (void)state;
    assert_int_equal(skeyseed_first(word("prfsha256"), span_of(n, 256), span_of(n, 256), span_of(n, 32), &s), 0);
    assert_int_equal(skeyseed_first(word("prfsha256"), span_of(n, 257), span_of(n, 16), span_of(n, 32), &s), ERR_LIMIT);
    assert_int_equal(skeyseed_first(word("prfsha256"), span_of(n, 16), span_of(n, 257), span_of(n, 32), &s), ERR_LIMIT);
    assert_int_equal(skeyseed_first(word("prfaesxcbc"), span_of(n, 7), span_of(n, 16), span_of(n, 32), &s), ERR_BAD);
    secret_done(&s);
}

/* Of the nonces, only their first 8 bytes make the key of a PRF with a fixed key size (2.14); SK_* take them whole. */
static void half_nonces(void **state)
{
    static const char *const fixed[] = {"prfaesxcbc", "prfaescmac"};
    uint8_t n[32] = {0};
    struct secret a = {0}, b = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(fixed); i++) {
        n[8] = 0;
        assert_int_equal(skeyseed_first(word(fixed[i]), span_of(n, 32), span_of(n, 32), span_of(n, 32), &a), 0);
        assert_int_equal(a.len, 16);
        n[8] = 1;
        assert_int_equal(skeyseed_first(word(fixed[i]), span_of(n, 32), span_of(n, 20), span_of(n, 8), &b), 0);
        assert_false(secret_equal(secret_view(&a), secret_view(&b))); /* another g^ir */
        n[7] = 1;
        n[8] = 0;
        assert_int_equal(skeyseed_first(word(fixed[i]), span_of(n, 32), span_of(n, 32), span_of(n, 32), &b), 0);
        assert_false(secret_equal(secret_view(&a), secret_view(&b)));
        n[7] = 0;
        assert_int_equal(skeyseed_first(word(fixed[i]), span_of(n, 9), span_of(n, 20), span_of(n, 32), &b), 0);
        assert_true(secret_equal(secret_view(&a), secret_view(&b)));
    }
    secret_done(&a);
    secret_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist),         cmocka_unit_test(other_implementation), cmocka_unit_test(prf_plus_bounds),
        cmocka_unit_test(nonce_bounds), cmocka_unit_test(half_nonces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
