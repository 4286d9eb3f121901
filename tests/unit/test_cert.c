/* SPDX-License-Identifier: Apache-2.0 */
/* Distinguished names, certificate files, names of certificates, public keys. */
#include "pki.h"

static int print_encoded(const char *text, char *out, size_t cap)
{
    uint8_t der[CERT_DN_MAX];
    struct text t = text_in(out, cap);
    int n = cert_dn_encode(text, der, sizeof(der));

    if (n > 0)
        cert_dn_print(span_of(der, (size_t)n), &t);
    return n;
}

static void dn_texts(void **state)
{
    static const struct {
        const char *text, *printed; /* NULL: refused */
    } rows[] = {
        {"CN=fra", "CN=fra"},
        {"C=CH, O=Example, CN=fra", "C=CH, O=Example, CN=fra"},
        {"CN=fra, O=Example, C=CH", "C=CH, O=Example, CN=fra"},
        {"CN=fra,O=Example,C=CH", "C=CH, O=Example, CN=fra"},
        {"  cn = fra ,  o = Example ", "O=Example, CN=fra"},
        {"/CN=fra/O=Example", "/CN=fra/O=Example"}, /* as encoded */
        {"/O=Example/CN=fra", "O=Example, CN=fra"},
        {"/CN=a\\/b/O=Example", "/CN=a\\/b/O=Example"},
        {"CN=x, OU=y, DC=example, DC=com", "DC=com, DC=example, OU=y, CN=x"},
        {"DC=com, DC=example, OU=y, CN=x", "DC=com, DC=example, OU=y, CN=x"},
        {"E=a@example.com, CN=a", "emailAddress=a@example.com, CN=a"},
        {"O=Example, ST=Bern, S=Bern", "ST=Bern, ST=Bern, O=Example"},
        {"2.5.4.3=fra", "CN=fra"},
        {"O=Example\\, Inc., CN=a", "O=Example\\, Inc., CN=a"},
        {"O=\"Example, Inc.\", CN=a", "O=Example\\, Inc., CN=a"},
        {"O=Example\\2C Inc., CN=a", "O=Example\\, Inc., CN=a"},
        {"O=Caf\xc3\xa9, CN=a", "O=Caf\\C3\\A9, CN=a"},
        {"O=Caf\\C3\\A9, CN=a", "O=Caf\\C3\\A9, CN=a"},
        {"O=Example, CN=a+UID=b", "O=Example, CN=a+UID=b"},
        {"CN=a+UID=b, O=Example", "O=Example, CN=a+UID=b"}, /* stays together when turned */
        {"", NULL},
        {"gw1.example.com", NULL},
        {"CN", NULL},
        {"CN=", NULL},
        {"=a", NULL},
        {"CN=a,", NULL},
        {"CN=a, NOSUCH=b", NULL},
        {"CN=\"a", NULL},
        {"CN=\"a\"b", NULL},
        {"CN=a\\", NULL},
        {"CN=a\\00b", NULL},
        {"C=Switzerland", NULL},                                                        /* two letters */
        {"CN=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL}, /* 65: ub-common-name is 64 */
        {"O=\xff\xfe, CN=a", NULL},                                                     /* no UTF-8 */
        {"CN=a, CN=b, CN=c, CN=d, CN=e, CN=f, CN=g, CN=h, CN=i, CN=j, CN=k, CN=l, CN=m, CN=n, CN=o, CN=p, CN=q, CN=r, CN=s, "
         "CN=t, CN=u, CN=v, CN=w, CN=x, CN=y, CN=z, CN=1, CN=2, CN=3, CN=4, CN=5, CN=6, CN=7",
         NULL}, /* 33 */
    };
    char printed[600];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int n = print_encoded(rows[i].text, printed, sizeof(printed));

        if (rows[i].printed ? n <= 0 || strcmp(printed, rows[i].printed) != 0 : n != ERR_BAD)
            fail_msg("row %zu: %s gave %d: %s", i, rows[i].text, n, printed);
    }
}

static void dn_prints_what_it_reads(void **state)
{
    static const char *const texts[] = {"CN=fra, O=Example, C=CH", "/CN=fra/O=Example", "O=a\\+b\\,c\\\"d\\\\e, CN=x",
                                        "O=Example, CN=\\#a"};
    char first[300], again[300];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        uint8_t a[CERT_DN_MAX], b[CERT_DN_MAX];
        int na = cert_dn_encode(texts[i], a, sizeof(a)), nb;

        assert_true(print_encoded(texts[i], first, sizeof(first)) > 0);
        nb = cert_dn_encode(first, b, sizeof(b));
        assert_true(print_encoded(first, again, sizeof(again)) > 0);
        assert_string_equal(first, again);
        assert_true(nb > 0 && span_equal(span_of(a, (size_t)na), span_of(b, (size_t)nb)));
    }
    assert_int_equal(cert_dn_encode("CN=fra", (uint8_t[8]){0}, 8), ERR_LIMIT);
}

/* Control characters take three in print: a name that is allowed may be too long to be written whole, and says so. */
static void dn_too_long_in_print(void **state)
{
    char name[500], printed[2000];
    int n = snprintf(name, sizeof(name), "O=%.60s, OU=", "Example");

    (void)state;
    for (int i = 0; i < 7; i++) {
        memset(name + n, 1, 60);
        n += 60;
        n += snprintf(name + n, sizeof(name) - (size_t)n, "%s", i < 6 ? ",L=" : "");
    }
    assert_true(print_encoded(name, printed, sizeof(printed)) > 0);
    assert_int_equal(strlen(printed), CERT_DN_TEXT + 3);
    assert_string_equal(printed + CERT_DN_TEXT, "...");
}

/* A name of the configuration that ends too early is not read past its end (in memory of exactly its size). */
static void dn_cut_short(void **state)
{
    static const char *const texts[] = {"",         " ",          "/",        "CN",    "CN=",  "CN=\"",
                                        "CN=\"abc", "CN=\"abc\\", "CN=abc\\", "CN=a+", "CN=a,"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        uint8_t der[CERT_DN_MAX];
        char *text = strdup(texts[i]);

        if (cert_dn_encode(text, der, sizeof(der)) != ERR_BAD || cert_dn_matches(text, span_str("0")))
            fail_msg("%s is no name", text);
        free(text);
    }
}

static struct span encoded(const char *text, uint8_t der[CERT_DN_MAX])
{
    int n = cert_dn_encode(text, der, CERT_DN_MAX);

    assert_true(n > 0);
    return span_of(der, (size_t)n);
}

static void dn_compares(void **state)
{
    uint8_t a[CERT_DN_MAX], b[CERT_DN_MAX], tail[CERT_DN_MAX];
    struct span sa = encoded("O=Example, CN=fra", a), sb = encoded("O=EXAMPLE, CN= Fra", b);

    (void)state;
    assert_true(cert_dn_equal(sa, sb, false)); /* RFC 5280 7.1 */
    sb = encoded("/CN=fra/O=Example", b);
    assert_false(cert_dn_equal(sa, sb, false));
    assert_true(cert_dn_equal(sa, sb, true));
    sb = encoded("O=Example, CN=fran", b);
    assert_false(cert_dn_equal(sa, sb, true));
    sb = encoded("O=Example", b);
    assert_false(cert_dn_equal(sa, sb, true));
    memcpy(tail, sa.p, sa.len);
    tail[sa.len] = 0;
    assert_false(cert_dn_equal(sa, span_of(tail, sa.len + 1), true)); /* a byte after it */
    for (size_t n = 0; n < sa.len; n++)
        assert_false(cert_dn_equal(sa, span_of(sa.p, n), true));
}

static void dn_patterns(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool yes;
    } rows[] = {
        {"CN=*, O=Example", "O=Example, CN=fra", true},
        {"O=Example, CN=*", "O=Example, CN=fra", true},
        {"CN=*, O=Example", "/CN=fra/O=Example", true},
        {"CN=*, O=*", "O=Example, CN=fra", true},
        {"CN=*", "CN=fra", true},
        {"CN=fra, O=Example", "O=example, CN=FRA", true},
        {"CN=*, O=Example", "O=Examples, CN=fra", false},
        {"CN=*, O=Example", "O=Example, OU=a, CN=fra", false}, /* not more */
        {"CN=*, OU=*, O=Example", "O=Example, CN=fra", false}, /* not less */
        {"CN=*, O=Example", "O=Example, UID=fra", false},
        {"CN=\\*, O=Example", "O=Example, CN=fra", false},
        {"CN=\"*\", O=Example", "O=Example, CN=fra", false},
        {"CN=f*, O=Example", "O=Example, CN=fra", false}, /* whole values only */
        {"CN=*, O=Example, O=Example", "O=Example, O=Example, CN=a", true},
        {"nonsense", "CN=fra", false},
        {"O=Example, CN=a+UID=*", "O=Example, CN=a+UID=b", true},
        {"O=Example, CN=a, UID=*", "O=Example, CN=a+UID=b", false},
    };
    uint8_t der[CERT_DN_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (cert_dn_matches(rows[i].pattern, encoded(rows[i].name, der)) != rows[i].yes)
            fail_msg("row %zu: %s against %s", i, rows[i].pattern, rows[i].name);
    assert_false(cert_dn_matches("CN=*", SPAN_NONE));
    assert_false(cert_dn_matches("CN=*", span_str("no DER")));
}

/* ---- certificates */

static EVP_PKEY *key;

static int setup(void **state)
{
    (void)state;
    key = pki_key("P-256");
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    pki_files_free();
    return 0;
}

static void reads_files(void **state)
{
    struct pki_spec s = {.subject = "CN=a"};
    X509 *v[3] = {pki_cert(&s, key, NULL, key), pki_cert(&s, key, NULL, key), pki_cert(&s, key, NULL, key)}, *out[4];
    struct pki_file *pem, *mixed;
    struct arena arena;
    struct span der;
    char sentence[200];
    struct text why = text_in(sentence, sizeof(sentence));
    size_t n;
    uint8_t longer[CERT_DER_MAX + 1];

    (void)state;
    arena_init(&arena, 100000);
    pki_put_certs("chain", v, 3);
    pki_put_key("key", key);
    pem = pki_find("chain");
    assert_int_equal(cert_file_read(span_of(pem->data, pem->len), out, 4, &n, &why), 0);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(X509_cmp(out[i], v[i]), 0);
    cert_free_all(out, n);
    assert_int_equal(cert_file_read(span_of(pem->data, pem->len), out, 2, &n, &why), ERR_LIMIT);
    assert_int_equal(n, 0);
    assert_true(why.len);
    mixed = pki_find("key");
    why = text_in(sentence, sizeof(sentence));
    assert_int_equal(cert_file_read(span_of(mixed->data, mixed->len), out, 4, &n, &why), ERR_BAD); /* PEM, but no certificate */
    assert_true(why.len);
    der = cert_der(v[0], &arena);
    why = text_in(sentence, sizeof(sentence));
    assert_int_equal(cert_file_read(der, out, 4, &n, &why), 0);
    assert_int_equal(n, 1);
    cert_free_all(out, n);
    for (size_t cut = 0; cut < der.len; cut++) {
        X509 *x;

        assert_int_not_equal(cert_decode(span_of(der.p, cut), &x), 0);
        assert_null(x);
    }
    memcpy(longer, der.p, der.len);
    longer[der.len] = 0;
    assert_int_equal(cert_decode(span_of(longer, der.len + 1), &out[0]), ERR_BAD);
    assert_int_equal(cert_decode(span_of(longer, sizeof(longer)), &out[0]), ERR_LIMIT);
    assert_int_equal(cert_file_read(SPAN_NONE, out, 4, &n, &why), ERR_BAD);
    cert_free_all(v, 3);
    arena_done(&arena);
}

/* RFC 7296 3.7: SHA-1 over the whole SubjectPublicKeyInfo */
static void hashes_keys(void **state)
{
    struct pki_spec s = {.subject = "CN=a"};
    X509 *v[2] = {pki_cert(&s, key, NULL, key), pki_cert(&s, key, NULL, key)};
    struct pki_file *f;
    uint8_t *spki = NULL, want[20], got[60];
    int n = i2d_PUBKEY(key, &spki);

    (void)state;
    EVP_Digest(spki, (size_t)n, want, NULL, EVP_sha1(), NULL);
    pki_put_certs("two", v, 2);
    f = pki_find("two");
    assert_int_equal(cert_ca_hashes(span_of(f->data, f->len), got, sizeof(got)), 40);
    assert_memory_equal(got, want, 20);
    assert_memory_equal(got + 20, want, 20);
    assert_int_equal(cert_ca_hashes(span_of(f->data, f->len), got, 39), ERR_LIMIT);
    assert_int_equal(cert_ca_hashes(span_str("nothing"), got, sizeof(got)), ERR_BAD);
    OPENSSL_free(spki);
    cert_free_all(v, 2);
}

static void names_of_a_certificate(void **state)
{
    static const struct {
        uint8_t type;
        const char *data;
        size_t len;
        bool yes;
    } rows[] = {
        {ID_FQDN, "gw1.example.com", 15, true},
        {ID_FQDN, "GW1.Example.COM", 15, true},
        {ID_FQDN, "gw2.example.com", 15, false},
        {ID_FQDN, "x.wild.example.com", 18, true},
        {ID_FQDN, "x.y.wild.example.com", 20, false}, /* one label */
        {ID_FQDN, "wild.example.com", 16, false},
        {ID_FQDN, "*.wild.example.com", 18, false}, /* nobody is called that */
        {ID_FQDN, ".example.com", 12, false},       /* which OpenSSL takes as "any below" */
        {ID_FQDN, ".wild.example.com", 17, false},
        {ID_FQDN, "gw1.example.com\0.evil", 21, false},
        {ID_FQDN, "gw1.example.com\0", 16, false},
        {ID_FQDN, "", 0, false},
        {ID_FQDN, "common", 6, false}, /* the CN is no FQDN */
        {ID_FQDN, "198.51.100.1", 12, false},
        {ID_RFC822_ADDR, "a@example.com", 13, true},
        {ID_RFC822_ADDR, "b@example.com", 13, false},
        {ID_RFC822_ADDR, "@example.com", 12, false},
        {ID_RFC822_ADDR, "*@example.com", 13, false},
        {ID_RFC822_ADDR, "in@subject.example", 18, false},
        {ID_IPV4_ADDR, "\xc6\x33\x64\x01", 4, true},
        {ID_IPV4_ADDR, "\xc6\x33\x64\x02", 4, false},
        {ID_IPV4_ADDR, "\xc6\x33\x64\x01\0", 5, false},
        {ID_IPV4_ADDR, "\xc6\x33\x64", 3, false},
        {ID_IPV6_ADDR, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16, true},
        {ID_IPV6_ADDR, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16, false},
        {ID_IPV6_ADDR, "\xc6\x33\x64\x01", 4, false},
        {ID_KEY_ID, "gw1.example.com", 15, false},
        {ID_DER_ASN1_GN, "gw1.example.com", 15, false},
        {ID_NONE, "", 0, false},
    };
    struct pki_spec s = {.subject = "O=Example, CN=common, E=in@subject.example",
                         .san = "DNS:gw1.example.com,DNS:*.wild.example.com,email:a@example.com,IP:198.51.100.1,IP:2001:db8::1"};
    X509 *x = pki_cert(&s, key, NULL, key);
    uint8_t der[CERT_DN_MAX];
    struct id id = {ID_DER_ASN1_DN, encoded(s.subject, der)};
    char printed[300];
    struct text t = text_in(printed, sizeof(printed));
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(x);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct id row = {rows[i].type, span_of(rows[i].data, rows[i].len)};

        if (cert_names(x, &row) != rows[i].yes)
            fail_msg("row %zu", i);
    }
    assert_true(cert_names(x, &id));
    id.data = encoded("O=Example, CN=common", der);
    assert_false(cert_names(x, &id));
    id = (struct id){ID_KEY_ID, span_of(ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski))};
    assert_true(cert_names(x, &id));
    cert_names_print(x, &t);
    assert_string_equal(printed, "gw1.example.com, *.wild.example.com, a@example.com, 198.51.100.1, 2001:db8::1, "
                                 "O=Example, CN=common, emailAddress=in@subject.example");
    cert_free(x);
}

static void keys_that_are_accepted(void **state)
{
    static const struct {
        const char *name;
        enum key_kind kind;
    } rows[] = {
        {"rsa2048", KEY_RSA},       {"pss2048", KEY_RSA_PSS},         {"P-256", KEY_P256},          {"P-384", KEY_P384},
        {"P-521", KEY_P521},        {"ED25519", KEY_ED25519},         {"ED448", KEY_ED448},         {"rsa1024", KEY_REFUSED},
        {"rsa2040", KEY_REFUSED},   {"rsa2048e3", KEY_REFUSED},       {"rsa2048e257", KEY_REFUSED}, {"P-224", KEY_REFUSED},
        {"secp256k1", KEY_REFUSED}, {"brainpoolP256r1", KEY_REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        EVP_PKEY *k = pki_key(rows[i].name);
        char sentence[200];
        struct text why = text_in(sentence, sizeof(sentence));

        if (cert_key_kind(k, &why) != rows[i].kind || (why.len == 0) != (rows[i].kind != KEY_REFUSED))
            fail_msg("%s: %s", rows[i].name, sentence);
        EVP_PKEY_free(k);
    }
    {
        EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
        char sentence[200];
        struct text why = text_in(sentence, sizeof(sentence));

        assert_int_equal(cert_key_kind(k, &why), KEY_REFUSED);
        assert_int_equal(cert_key_kind(NULL, &why), KEY_REFUSED);
        EVP_PKEY_free(k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dn_texts),
        cmocka_unit_test(dn_prints_what_it_reads),
        cmocka_unit_test(dn_too_long_in_print),
        cmocka_unit_test(dn_cut_short),
        cmocka_unit_test(dn_compares),
        cmocka_unit_test(dn_patterns),
        cmocka_unit_test(reads_files),
        cmocka_unit_test(hashes_keys),
        cmocka_unit_test(names_of_a_certificate),
        cmocka_unit_test(keys_that_are_accepted),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
