/* SPDX-License-Identifier: Apache-2.0 */
/* Signature schemes: the encodings and vectors of the RFCs, what is chosen, what verifies and what does not. */
#include "cert/scheme.h"
#include "judge/verify.h"
#include "pki.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

static struct span from_hex(const char *hex, uint8_t *out, size_t cap)
{
    int n = hex_parse(hex, out, cap);

    assert_true(n >= 0);
    return span_of(out, (size_t)n);
}

/* RFC 7427 A, RFC 8420 A; and the encoding of RSASSA-PSS without its default trailer, which DER asks for */
static void encodings(void **state)
{
    static const struct {
        const char *hex, *name; /* NULL: not accepted */
    } rows[] = {
        {"300d06092a864886f70d01010b0500", "RSA with SHA2-256"}, /* RFC 7427 A.1.2 */
        {"300d06092a864886f70d01010c0500", "RSA with SHA2-384"}, /* A.1.3 */
        {"300d06092a864886f70d01010d0500", "RSA with SHA2-512"}, /* A.1.4 */
        {"300d06092a864886f70d0101050500", NULL},                /* A.1.1: SHA-1 */
        {"300906072a8648ce380403", NULL},                        /* A.2.1: DSA */
        {"300b0609608648016503040302", NULL},                    /* A.2.2 */
        {"300906072a8648ce3d0401", NULL},                        /* A.3.1: SHA-1 */
        {"300a06082a8648ce3d040302", "ECDSA with SHA2-256"},     /* A.3.2 */
        {"300a06082a8648ce3d040303", "ECDSA with SHA2-384"},     /* A.3.3 */
        {"300a06082a8648ce3d040304", "ECDSA with SHA2-512"},     /* A.3.4 */
        {"300d06092a864886f70d01010a3000", NULL},                /* A.4.1: PSS with SHA-1 */
        {"303e06092a864886f70d01010a3031a00b300906052b0e03021a0500a118301606092a864886f70d010108300906052b0e03021a0500a203020114"
         "a303020101",
         NULL}, /* A.4.2 */
        {"304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d060960864801650304"
         "02010500a203020120a303020101",
         "RSASSA-PSS with SHA2-256"}, /* A.4.3 */
        {"304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d060960864801650304"
         "02010500a203020120",
         "RSASSA-PSS with SHA2-256"},
        {"304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d060960864801650304"
         "02020500a203020130",
         "RSASSA-PSS with SHA2-384"},
        {"304106092a864886f70d01010a3034a00f300d06096086480165030402030500a11c301a06092a864886f70d010108300d060960864801650304"
         "02030500a203020140",
         "RSASSA-PSS with SHA2-512"},
        {"304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d060960864801650304"
         "02010500a203020114",
         NULL}, /* a salt of 20 bytes with SHA2-256 */
        {"304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d060960864801650304"
         "02020500a203020120",
         NULL},                               /* MGF1 with another hash */
        {"300506032b6570", "Ed25519"},        /* RFC 8420 A.1 */
        {"300506032b6571", "Ed448"},          /* A.2 */
        {"300706032b65700500", NULL},         /* with NULL parameters */
        {"300506032b656e", NULL},             /* X25519 */
        {"300b06092a864886f70d01010b", NULL}, /* parameters must be NULL, not absent */
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t data[1 + 255 + 3];
        struct span id = from_hex(rows[i].hex, data + 1, 255), signature;
        const struct scheme *s;

        data[0] = (uint8_t)id.len;
        memcpy(data + 1 + id.len, "sig", 3);
        s = scheme_find(14, span_of(data, 1 + id.len + 3), &signature);
        if (rows[i].name ? !s || strcmp(s->name, rows[i].name) != 0 : s != NULL)
            fail_msg("row %zu: %s", i, s ? s->name : "none");
        if (s)
            assert_true(span_equal(signature, span_str("sig")));
        for (size_t cut = 0; cut <= id.len; cut++) /* the length byte counts more than there is */
            assert_null(scheme_find(14, span_of(data, cut), &signature));
        data[0]++;
        assert_null(scheme_find(14, span_of(data, 1 + id.len + 3), &signature));
    }
}

static void methods(void **state)
{
    struct span signature;

    (void)state;
    for (unsigned m = 0; m < 256; m++) {
        const struct scheme *s = scheme_find((uint8_t)m, span_str("anything"), &signature);

        assert_int_equal(s != NULL, m == 1 || (m >= 9 && m <= 11));
        if (s)
            assert_int_equal(signature.len, 8);
    }
    assert_int_equal(scheme_find(9, SPAN_NONE, &signature)->keys, KEY_P256);
    assert_int_equal(scheme_find(10, SPAN_NONE, &signature)->keys, KEY_P384);
    assert_int_equal(scheme_find(11, SPAN_NONE, &signature)->keys, KEY_P521);
    assert_string_equal(scheme_digest(scheme_find(11, SPAN_NONE, &signature)), "SHA2-512");
}

enum { H1 = 1 << 1, H256 = 1 << 2, H384 = 1 << 3, H512 = 1 << 4, IDENTITY = 1 << 5, ALL = H256 | H384 | H512 | IDENTITY };

static void choices(void **state)
{
    static const struct {
        enum key_kind key;
        size_t bits;
        uint16_t hashes;
        bool sha1;
        const char *name; /* NULL: none */
    } rows[] = {
        {KEY_RSA, 2048, ALL, false, "RSASSA-PSS with SHA2-256"},
        {KEY_RSA, 3072, ALL | H1, true, "RSASSA-PSS with SHA2-256"},
        {KEY_RSA, 4096, ALL, false, "RSASSA-PSS with SHA2-384"},
        {KEY_RSA, 8192, ALL, false, "RSASSA-PSS with SHA2-512"},
        {KEY_RSA, 4096, H256, false, "RSASSA-PSS with SHA2-256"},
        {KEY_RSA, 2048, H512, false, "RSASSA-PSS with SHA2-512"},
        {KEY_RSA, 2048, H1, false, NULL}, /* SHA-1 is all that it announces */
        {KEY_RSA, 2048, H1, true, NULL},
        {KEY_RSA, 2048, 0, false, NULL},
        {KEY_RSA, 2048, 0, true, "RSA with SHA-1 (method 1)"},
        {KEY_RSA_PSS, 2048, ALL, false, "RSASSA-PSS with SHA2-256"},
        {KEY_RSA_PSS, 2048, 0, true, NULL},
        {KEY_P256, 256, ALL, false, "ECDSA with SHA2-256"},
        {KEY_P256, 256, H384 | H512, false, "ECDSA with SHA2-384"},
        {KEY_P384, 384, ALL, false, "ECDSA with SHA2-384"},
        {KEY_P384, 384, H256, false, "ECDSA with SHA2-256"},
        {KEY_P521, 521, ALL, false, "ECDSA with SHA2-512"},
        {KEY_P256, 256, 0, false, "ECDSA-256 (RFC 4754)"},
        {KEY_P384, 384, 0, false, "ECDSA-384 (RFC 4754)"},
        {KEY_P521, 521, 0, true, "ECDSA-521 (RFC 4754)"},
        {KEY_P256, 256, H1, false, NULL},
        {KEY_P256, 256, 1, false, NULL}, /* hash 0 is reserved */
        {KEY_ED25519, 256, ALL, false, "Ed25519"},
        {KEY_ED448, 456, IDENTITY, false, "Ed448"},
        {KEY_ED25519, 256, H256 | H384 | H512, false, NULL},
        {KEY_ED25519, 256, 0, true, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char sentence[300];
        struct text why = text_in(sentence, sizeof(sentence));
        const struct scheme *s = scheme_choose(rows[i].key, rows[i].bits, rows[i].hashes, rows[i].sha1, &why);

        if (rows[i].name ? !s || strcmp(s->name, rows[i].name) != 0 : s || !why.len)
            fail_msg("row %zu: %s %s", i, s ? s->name : "none", sentence);
        if (s)
            assert_int_equal(why.len, 0);
    }
}

/* ---- RFC 4754 8 */

static EVP_PKEY *ec_public(const char *group, const char *x, const char *y)
{
    uint8_t point[1 + 2 * 66] = {4};
    struct span sx = from_hex(x, point + 1, 66), sy = from_hex(y, point + 1 + sx.len, 66);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params;

    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + sx.len + sy.len);
    params = OSSL_PARAM_BLD_to_param(bld);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static const struct {
    uint8_t method;
    const char *group, *x, *y, *signature;
} ecdsa_vectors[] = {
    {9, "P-256", "2442A5CC 0ECD015F A3CA31DC 8E2BBC70 BF42D60C BCA20085 E0822CB0 4235E970",
     "6FC98BD7 E50211A4 A27102FA 3549DF79 EBCB4BF2 46B80945 CDDFE7D5 09BBFD7D",
     "CB28E099 9B9C7715 FD0A80D8 E47A7707 9716CBBF 917DD72E 97566EA1 C066957C 86FA3BB4 E26CAD5B F90B7F81 899256CE 7594BB1E "
     "A0C89212 748BFF3B 3D5B0315"}, /* 8.1 */
    {10, "P-384", "96281BF8 DD5E0525 CA049C04 8D345D30 82968D10 FEDF5C5A CA0C64E6 465A97EA 5CE10C9D FEC21797 41571072 1F437922",
     "447688BA 94708EB6 E2E4D59F 6AB6D7ED FF9301D2 49FE49C3 3096655F 5D502FAD 3D383B91 C5E7EDAA 2B714CC9 9D5743CA",
     "FB017B91 4E291494 32D8BAC2 9A514640 B46F53DD AB2C6994 8084E293 0F1C8F7E 08E07C9C 63F2D21A 07DCB56A 6AF56EB3 B263A130 "
     "5E057F98 4D38726A 1B468741 09F417BC A112674C 528262A4 0A629AF1 CBB9F516 CE0FA7D2 FF630863 A00E8B9F"}, /* 8.2 */
    {11, "P-521",
     "0151518F 1AF0F563 517EDD54 85190DF9 5A4BF57B 5CBA4CF2 A9A3F647 4725A35F 7AFE0A6D DEB8BEDB CD6A197E 592D4018 8901CECD "
     "650699C9 B5E456AE A5ADD190 52A8",
     "006F3B14 2EA1BFFF 7E2837AD 44C9E4FF 6D2D34C7 3184BBAD 90026DD5 E6E85317 D9DF45CA D7803C6C 20035B2F 3FF63AFF 4E1BA64D "
     "1C077577 DA3F4286 C58F0AEA E643",
     "0154FD38 36AF92D0 DCA57DD5 341D3053 988534FD E8318FC6 AAAAB68E 2E6F4339 B19F2F28 1A7E0B22 C269D93C F8794A92 78880ED7 "
     "DBB8D936 2CAEACEE 54432055 2251 017705A7 030290D1 CEB605A9 A1BB03FF 9CDD521E 87A696EC 926C8C10 C8362DF4 97536710 "
     "1F67D1CF 9BCCBF2F 3D239534 FA509E70 AAC851AE 01AAC68D 62F86647 2660"}, /* 8.3 */
};

static void rfc4754_vectors(void **state)
{
    const struct span abc = span_str("abc");

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ecdsa_vectors); i++) {
        EVP_PKEY *key = ec_public(ecdsa_vectors[i].group, ecdsa_vectors[i].x, ecdsa_vectors[i].y);
        uint8_t raw[140];
        struct span sig = from_hex(ecdsa_vectors[i].signature, raw, sizeof(raw)), found;
        const struct scheme *s = scheme_find(ecdsa_vectors[i].method, sig, &found);

        assert_int_equal(sig.len, s->coordinate * 2);
        assert_true(verify_signature(s, key, abc, found));
        assert_false(verify_signature(s, key, span_str("abd"), found));
        for (size_t len = 0; len < sig.len; len++)
            assert_false(verify_signature(s, key, abc, span_of(raw, len)));
        raw[sig.len] = 0;
        assert_false(verify_signature(s, key, abc, span_of(raw, sig.len + 1)));
        assert_false(verify_signature(s, key, abc, span_of(raw, sig.len + 2)));
        for (size_t at = 0; at < sig.len; at++) {
            raw[at] ^= 0x10;
            assert_false(verify_signature(s, key, abc, sig));
            raw[at] ^= 0x10;
        }
        for (size_t k = 0; k < COUNT_OF(ecdsa_vectors); k++) /* another curve's method */
            if (k != i)
                assert_false(verify_signature(scheme_find(ecdsa_vectors[k].method, sig, &found), key, abc, sig));
        memset(raw, 0, sizeof(raw)); /* r = s = 0 */
        assert_false(verify_signature(s, key, abc, sig));
        EVP_PKEY_free(key);
    }
}

/* ---- RSA: what is signed here in odd ways */

static struct span rsa_sign(EVP_PKEY *key, const char *md, int padding, int salt, const char *mgf, struct span octets,
                            uint8_t out[512])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p;
    size_t len = 512;

    assert_int_equal(EVP_DigestSignInit_ex(ctx, &p, md, NULL, NULL, key, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(p, padding), 1);
    if (padding == RSA_PKCS1_PSS_PADDING) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(p, salt), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(p, mgf, NULL), 1);
    }
    assert_int_equal(EVP_DigestSign(ctx, out, &len, octets.p, octets.len), 1);
    EVP_MD_CTX_free(ctx);
    return span_of(out, len);
}

static const struct scheme *scheme_named(const char *name)
{
    static const enum key_kind kinds[] = {KEY_RSA, KEY_P256, KEY_ED25519, KEY_ED448};
    static const uint16_t sets[] = {H256, H384, H512, IDENTITY};
    char sentence[300];
    struct text why = text_in(sentence, sizeof(sentence));

    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        for (size_t k = 0; k < COUNT_OF(sets); k++) {
            const struct scheme *s = scheme_choose(kinds[i], 2048, sets[k], false, &why);

            if (s && strcmp(s->name, name) == 0)
                return s;
        }
    fail_msg("%s", name);
    return NULL;
}

static void rsa_paddings(void **state)
{
    const struct scheme *pss = scheme_named("RSASSA-PSS with SHA2-256"), *pkcs1;
    static const uint8_t sha256_rsa[] = {15, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b, 5, 0};
    const struct span octets = span_str("some octets");
    EVP_PKEY *key = pki_key("rsa2048");
    uint8_t out[512];
    struct span sig, rest;

    (void)state;
    pkcs1 = scheme_find(14, span_of(sha256_rsa, sizeof(sha256_rsa)), &rest);
    sig = rsa_sign(key, "SHA2-256", RSA_PKCS1_PSS_PADDING, 32, "SHA2-256", octets, out);
    assert_true(verify_signature(pss, key, octets, sig));
    assert_false(verify_signature(pkcs1, key, octets, sig));
    assert_false(verify_signature(scheme_named("RSASSA-PSS with SHA2-384"), key, octets, sig));
    for (size_t i = 0; i < sig.len; i++) {
        out[i] ^= 1;
        assert_false(verify_signature(pss, key, octets, sig));
        out[i] ^= 1;
    }
    assert_false(verify_signature(pss, key, octets, span_of(sig.p, sig.len - 1)));
    assert_false(verify_signature(pss, key, octets, span_of(sig.p, sig.len + 1)));
    assert_false(verify_signature(pss, key, octets, SPAN_NONE));
    for (int salt = 0; salt < 64; salt++) { /* an odd salt */
        sig = rsa_sign(key, "SHA2-256", RSA_PKCS1_PSS_PADDING, salt, "SHA2-256", octets, out);
        assert_int_equal(verify_signature(pss, key, octets, sig), salt == 32);
    }
    sig = rsa_sign(key, "SHA2-256", RSA_PKCS1_PSS_PADDING, 32, "SHA2-384", octets, out);
    assert_false(verify_signature(pss, key, octets, sig));
    sig = rsa_sign(key, "SHA2-256", RSA_PKCS1_PADDING, 0, NULL, octets, out);
    assert_true(verify_signature(pkcs1, key, octets, sig));
    assert_false(verify_signature(pss, key, octets, sig));
    sig = rsa_sign(key, "SHA2-384", RSA_PKCS1_PADDING, 0, NULL, octets, out);
    assert_false(verify_signature(pkcs1, key, octets, sig));
    EVP_PKEY_free(key);
}

/* PKCS#1 v1.5 blocks that a lax parser takes, made with the private key itself */
static void lax_blocks(void **state)
{
    static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20};
    static const uint8_t sha256_rsa[] = {15, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b, 5, 0};
    const struct span octets = span_str("some octets");
    EVP_PKEY *key = pki_key("rsa2048");
    struct span rest;
    const struct scheme *s = scheme_find(14, span_of(sha256_rsa, sizeof(sha256_rsa)), &rest);

    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        uint8_t block[256] = {0, 1}, sig[256];
        size_t used = sizeof(digest_info) + 32, len = sizeof(sig), pad = 256 - 3 - used, at;
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

        if (kind == 1)
            pad -= 40; /* rubbish behind the digest */
        memset(block + 2, 0xff, pad);
        if (kind == 2)
            block[10] = 0; /* padding ends early: rubbish before the digest */
        if (kind == 3)
            block[20] = 0xfe;
        if (kind == 4)
            block[1] = 2; /* an encryption block */
        at = 2 + pad + 1;
        memcpy(block + at, digest_info, sizeof(digest_info));
        if (kind == 5)
            block[at + 16] = 1; /* parameters other than NULL */
        EVP_Digest(octets.p, octets.len, block + at + sizeof(digest_info), NULL, EVP_sha256(), NULL);
        assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
        assert_int_equal(EVP_PKEY_sign(ctx, sig, &len, block, sizeof(block)), 1);
        assert_int_equal(verify_signature(s, key, octets, span_of(sig, len)), kind == 0);
        EVP_PKEY_CTX_free(ctx);
    }
    EVP_PKEY_free(key);
}

/* ---- every scheme: each bit of the signature, and keys of other kinds */
static void each_bit_of_each_scheme(void **state)
{
    static const struct {
        const char *scheme, *key, *digest;
    } rows[] = {
        {"ECDSA with SHA2-256", "P-256", "SHA2-256"},
        {"ECDSA with SHA2-384", "P-384", "SHA2-384"},
        {"ECDSA with SHA2-512", "P-521", "SHA2-512"},
        {"Ed25519", "ED25519", NULL},
        {"Ed448", "ED448", NULL},
    };
    const struct span octets = span_str("some octets");
    EVP_PKEY *rsa = pki_key("rsa2048");

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct scheme *s = scheme_named(rows[i].scheme);
        EVP_PKEY *key = pki_key(rows[i].key), *same_kind = pki_key(rows[i].key);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        uint8_t sig[200];
        size_t len = sizeof(sig);

        assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, rows[i].digest, NULL, NULL, key, NULL), 1);
        assert_int_equal(EVP_DigestSign(ctx, sig, &len, octets.p, octets.len), 1);
        EVP_MD_CTX_free(ctx);
        assert_true(verify_signature(s, key, octets, span_of(sig, len)));
        assert_false(verify_signature(s, same_kind, octets, span_of(sig, len)));
        assert_false(verify_signature(s, rsa, octets, span_of(sig, len)));
        for (size_t bit = 0; bit < len * 8; bit++) {
            sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (verify_signature(s, key, octets, span_of(sig, len)))
                fail_msg("%s, bit %zu", rows[i].scheme, bit);
            sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t n = 0; n < len; n++)
            assert_false(verify_signature(s, key, octets, span_of(sig, n)));
        sig[len] = 0;
        assert_false(verify_signature(s, key, octets, span_of(sig, len + 1)));
        EVP_PKEY_free(key);
        EVP_PKEY_free(same_kind);
    }
    EVP_PKEY_free(rsa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings),
        cmocka_unit_test(methods),
        cmocka_unit_test(choices),
        cmocka_unit_test(rfc4754_vectors),
        cmocka_unit_test(rsa_paddings),
        cmocka_unit_test(lax_blocks),
        cmocka_unit_test(each_bit_of_each_scheme),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
