/* SPDX-License-Identifier: Apache-2.0 */
/* Chains: which are believed, for how long, and the sentence for each that is not. */
#include "pki.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static EVP_PKEY *root_key, *mid_key, *key, *other_key;
static X509 *root, *mid;

static const struct pki_spec root_spec = {.subject = "O=Example, CN=Root", PKI_CA, .until = PKI_NOW + 3000 * PKI_DAY};
static const struct pki_spec mid_spec = {.subject = "O=Example, CN=Intermediate", PKI_CA, .until = PKI_NOW + 2000 * PKI_DAY};

static int setup(void **state)
{
    (void)state;
    root_key = pki_key("P-256");
    mid_key = pki_key("P-256");
    key = pki_key("P-256");
    other_key = pki_key("P-256");
    root = pki_cert(&root_spec, root_key, NULL, root_key);
    mid = pki_cert(&mid_spec, mid_key, root, root_key);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    cert_free(root);
    cert_free(mid);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(mid_key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    return 0;
}

static char sentence[600];

static struct cert_trust *trusting(X509 *x)
{
    struct text why = text_in(sentence, sizeof(sentence));
    struct cert_trust *t = cert_trust_new();

    assert_non_null(t);
    if (cert_trust_add(t, x, &why) != 0)
        fail_msg("%s", sentence);
    return t;
}

static int check(const struct cert_trust *t, X509 *own, X509 *const *sent, size_t n, time_t now, struct cert_window *w)
{
    struct text why = text_in(sentence, sizeof(sentence));
    int err = cert_trust_check(t, own, sent, n, now, w, &why);

    assert_int_equal(err == 0, why.len == 0);
    return err;
}

static void a_chain_holds_while_all_of_it_does(void **state)
{
    struct pki_spec s = {.subject = "CN=gw", .from = PKI_NOW - 10, .until = PKI_NOW + 100};
    X509 *own = pki_cert(&s, key, mid, mid_key);
    struct cert_trust *t = trusting(root);
    struct cert_window w;

    (void)state;
    assert_int_equal(check(t, own, &mid, 1, PKI_NOW, &w), 0);
    assert_int_equal(w.from, PKI_NOW - 10);
    assert_int_equal(w.until, PKI_NOW + 100);
    assert_int_equal(check(t, own, &mid, 1, PKI_NOW + 99, &w), 0);
    assert_int_equal(check(t, own, &mid, 1, PKI_NOW + 100, &w), ERR_REFUSED);
    assert_non_null(strstr(sentence, "CN=gw expired at 2027-01-15 08:01 UTC"));
    assert_int_equal(check(t, own, &mid, 1, PKI_NOW - 10, &w), 0);
    assert_int_equal(check(t, own, &mid, 1, PKI_NOW - 11, &w), ERR_REFUSED);
    assert_non_null(strstr(sentence, "CN=gw is not valid before 2027-01-15"));
    cert_trust_free(t);
    t = trusting(mid); /* an intermediate as the anchor */
    assert_int_equal(check(t, own, NULL, 0, PKI_NOW, &w), 0);
    cert_trust_free(t);
    cert_free(own);
}

static void what_is_missing(void **state)
{
    struct pki_spec s = {.subject = "CN=gw"};
    X509 *own = pki_cert(&s, key, mid, mid_key), *alone = pki_cert(&s, key, NULL, key);
    X509 *extra[3] = {alone, root, mid};
    struct cert_trust *t = trusting(root), *empty = cert_trust_new();
    struct cert_window w;

    (void)state;
    assert_int_equal(check(t, own, NULL, 0, PKI_NOW, &w), ERR_REFUSED); /* the intermediate was not sent */
    assert_non_null(strstr(sentence, "issued by O=Example, CN=Intermediate"));
    assert_int_equal(check(t, alone, NULL, 0, PKI_NOW, &w), ERR_REFUSED); /* self-signed */
    assert_int_equal(check(empty, own, &mid, 1, PKI_NOW, &w), ERR_REFUSED);
    assert_int_equal(check(empty, own, extra, 3, PKI_NOW, &w), ERR_REFUSED); /* a root that the peer brings is no anchor */
    assert_int_equal(check(t, own, extra, 3, PKI_NOW, &w), 0);               /* in any order, with things that are not needed */
    cert_trust_free(t);
    cert_trust_free(empty);
    cert_free(own);
    cert_free(alone);
}

/* a CA of the same name with another key */
static void the_wrong_ca(void **state)
{
    X509 *false_root = pki_cert(&root_spec, other_key, NULL, other_key);
    struct pki_spec s = {.subject = "CN=gw"};
    X509 *own = pki_cert(&s, key, false_root, other_key), *true_own = pki_cert(&s, key, root, root_key);
    struct cert_trust *t = trusting(root);
    struct cert_window w;

    (void)state;
    assert_int_equal(check(t, own, NULL, 0, PKI_NOW, &w), ERR_REFUSED);
    assert_int_equal(check(t, own, &false_root, 1, PKI_NOW, &w), ERR_REFUSED);
    assert_int_equal(check(t, true_own, &false_root, 1, PKI_NOW, &w), 0);
    cert_trust_free(t);
    cert_free(false_root);
    cert_free(own);
    cert_free(true_own);
}

/* one intermediate, spoiled in each way */
static void spoiled_intermediates(void **state)
{
    static const struct {
        struct pki_spec spec;
        const char *why; /* NULL: good */
    } rows[] = {
        {{.subject = "CN=M", PKI_CA}, NULL},
        {{.subject = "CN=M", .constraints = "CA:TRUE"}, NULL}, /* keyUsage may be left out */
        {{.subject = "CN=M", .usage = "keyCertSign"}, ""},
        {{.subject = "CN=M"}, ""},
        {{.subject = "CN=M", .constraints = "CA:FALSE"}, ""},
        {{.subject = "CN=M", .constraints = "critical,CA:TRUE", .usage = "digitalSignature"}, ""},
        {{.subject = "CN=M", .constraints = "critical,CA:TRUE,pathlen:0", .usage = "keyCertSign"}, NULL},
        {{.subject = "CN=M", PKI_CA, .until = PKI_NOW - 1}, "CN=M expired"},
        {{.subject = "CN=M", PKI_CA, .from = PKI_NOW + 1}, "CN=M is not valid before"},
        {{.subject = "CN=M", PKI_CA, .digest = "SHA1"}, ""},
        {{.subject = "CN=M", PKI_CA, .eku = "codeSigning"}, "extendedKeyUsage"},
        {{.subject = "CN=M", PKI_CA, .eku = "serverAuth"}, NULL},
        {{.subject = "CN=M", PKI_CA, .odd = "1.2.3.4"}, "critical extension"},
        {{.subject = "CN=M", PKI_CA, .name_constraints = "critical,permitted;DNS:example.com"}, NULL},
        {{.subject = "CN=M", PKI_CA, .name_constraints = "critical,permitted;DNS:example.org"}, "permitted subtree"},
        {{.subject = "CN=M", PKI_CA, .name_constraints = "critical,excluded;DNS:gw.example.com"}, "excluded subtree"},
        {{.subject = "CN=M", PKI_CA, .name_constraints = "critical,permitted;IP:198.51.100.0/255.255.255.0"}, NULL},
        {{.subject = "CN=M", PKI_CA, .name_constraints = "critical,permitted;IP:203.0.113.0/255.255.255.0"}, "permitted subtree"},
    };
    struct pki_spec s = {.subject = "CN=gw", .san = "DNS:gw.example.com,IP:198.51.100.1"};
    struct cert_trust *t = trusting(root);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        X509 *m = pki_cert(&rows[i].spec, mid_key, root, root_key), *own = pki_cert(&s, key, m, mid_key);
        struct cert_window w;
        int err = check(t, own, &m, 1, PKI_NOW, &w);

        if (rows[i].why ? err != ERR_REFUSED || !strstr(sentence, rows[i].why) : err != 0)
            fail_msg("row %zu: %d: %s", i, err, sentence);
        cert_free(own);
        cert_free(m);
    }
    cert_trust_free(t);
}

static void spoiled_ends(void **state)
{
    static const struct {
        struct pki_spec spec;
        const char *key;
        const char *why;
    } rows[] = {
        {{.subject = "CN=gw"}, "P-256", NULL},
        {{.subject = "CN=gw", .usage = "digitalSignature"}, "P-256", NULL},
        {{.subject = "CN=gw", .usage = "nonRepudiation"}, "P-256", NULL},
        {{.subject = "CN=gw", .usage = "critical,digitalSignature,keyEncipherment"}, "P-256", NULL},
        {{.subject = "CN=gw", .usage = "keyEncipherment"}, "P-256", "digitalSignature"},
        {{.subject = "CN=gw", .usage = "keyAgreement"}, "P-256", "digitalSignature"},
        {{.subject = "CN=gw", .eku = "serverAuth,clientAuth"}, "P-256", NULL},
        {{.subject = "CN=gw", .eku = "ipsecIKE"}, "P-256", NULL},
        {{.subject = "CN=gw", .eku = "1.3.6.1.5.5.8.2.2"}, "P-256", NULL}, /* iKEIntermediate */
        {{.subject = "CN=gw", .eku = "anyExtendedKeyUsage"}, "P-256", NULL},
        {{.subject = "CN=gw", .eku = "codeSigning"}, "P-256", "extendedKeyUsage"},
        {{.subject = "CN=gw", .eku = "critical,timeStamping"}, "P-256", "extendedKeyUsage"},
        {{.subject = "CN=gw", .odd = "1.2.3.4"}, "P-256", "critical extension"},
        {{.subject = "CN=gw", .digest = "SHA1"}, "P-256", ""},
        {{.subject = "CN=gw", .digest = "SHA2-512"}, "P-256", NULL},
        {{.subject = NULL, .san = "critical,DNS:gw.example.com"}, "P-256", NULL},
        {{.subject = "CN=gw"}, "rsa2048", NULL},
        {{.subject = "CN=gw"}, "pss2048", NULL},
        {{.subject = "CN=gw"}, "ED25519", NULL},
        {{.subject = "CN=gw"}, "ED448", NULL},
        {{.subject = "CN=gw"}, "rsa1024", ""},
        {{.subject = "CN=gw"}, "rsa2048e3", "exponent"},
        {{.subject = "CN=gw"}, "brainpoolP256r1", "curve"},
    };
    struct cert_trust *t = trusting(root);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        EVP_PKEY *k = pki_key(rows[i].key);
        X509 *own = pki_cert(&rows[i].spec, k, root, root_key);
        struct cert_window w;
        int err = check(t, own, NULL, 0, PKI_NOW, &w);

        if (rows[i].why ? err != ERR_REFUSED || !strstr(sentence, rows[i].why) : err != 0)
            fail_msg("row %zu: %d: %s", i, err, sentence);
        cert_free(own);
        EVP_PKEY_free(k);
    }
    cert_trust_free(t);
}

/* Every byte of a certificate that was signed. */
static void a_changed_byte(void **state)
{
    struct pki_spec s = {.subject = "CN=gw", .san = "DNS:gw.example.com"};
    X509 *own = pki_cert(&s, key, root, root_key);
    struct cert_trust *t = trusting(root);
    struct arena arena;
    struct span der;
    uint8_t bytes[2000];
    size_t believed = 0;

    (void)state;
    arena_init(&arena, 10000);
    der = cert_der(own, &arena);
    memcpy(bytes, der.p, der.len);
    for (size_t i = 0; i < der.len; i++) {
        struct text why = text_in(sentence, sizeof(sentence));
        struct cert_window w;
        X509 *x;

        bytes[i] ^= 1;
        if (cert_decode(span_of(bytes, der.len), &x) == 0) {
            believed += cert_trust_check(t, x, NULL, 0, PKI_NOW, &w, &why) == 0;
            cert_free(x);
        }
        bytes[i] ^= 1;
    }
    assert_int_equal(believed, 0);
    cert_trust_free(t);
    cert_free(own);
    arena_done(&arena);
}

/* chain of `length` certificates below the root */
static int long_chain(size_t length)
{
    X509 *v[16] = {0}, *issuer = root;
    EVP_PKEY *issuer_key = root_key;
    struct cert_trust *t = trusting(root);
    struct cert_window w;
    int err;

    for (size_t i = length; i-- > 0; issuer = v[i], issuer_key = key) {
        char name[40];
        struct pki_spec ca = {.subject = name, PKI_CA}, end = {.subject = name};

        snprintf(name, sizeof(name), "CN=level %zu", i);
        v[i] = pki_cert(i ? &ca : &end, key, issuer, issuer_key);
    }
    err = check(t, v[0], v + 1, length - 1, PKI_NOW, &w);
    cert_free_all(v, length);
    cert_trust_free(t);
    return err;
}

static void long_chains(void **state)
{
    (void)state;
    assert_int_equal(long_chain(2), 0);
    assert_int_equal(long_chain(CERT_CHAIN_MAX), 0);
    assert_int_equal(long_chain(CERT_CHAIN_MAX + 2), ERR_REFUSED);
}

static void anchors_are_cas(void **state)
{
    static const struct {
        struct pki_spec spec;
        const char *key;
        int err;
    } rows[] = {
        {{.subject = "CN=R", PKI_CA}, "P-256", 0},
        {{.subject = "CN=R", .constraints = "CA:TRUE"}, "rsa2048", 0},
        {{.subject = "CN=R"}, "P-256", ERR_REFUSED},
        {{.subject = "CN=R", .usage = "keyCertSign"}, "P-256", ERR_REFUSED},
        {{.subject = "CN=R", .constraints = "CA:TRUE", .usage = "digitalSignature"}, "P-256", ERR_REFUSED},
        {{.subject = "CN=R", PKI_CA}, "rsa1024", ERR_REFUSED},
        {{.subject = "CN=R", PKI_CA}, "rsa2048e3", ERR_REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        EVP_PKEY *k = pki_key(rows[i].key);
        X509 *x = pki_cert(&rows[i].spec, k, NULL, k);
        struct cert_trust *t = cert_trust_new();
        struct text why = text_in(sentence, sizeof(sentence));

        if (cert_trust_add(t, x, &why) != rows[i].err || cert_trust_count(t) != (rows[i].err == 0))
            fail_msg("row %zu: %s", i, sentence);
        cert_trust_free(t);
        cert_free(x);
        EVP_PKEY_free(k);
    }
}

/* "PREFIX:http://..., ..." with so many places to fetch from; the caller frees it */
static char *uris(const char *prefix, size_t n)
{
    size_t cap = n * 64 + 1, len = 0;
    char *all = malloc(cap);

    assert_non_null(all);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(all + len, cap - len, "%s%sURI:http://192.0.2.1:%zu/", i ? "," : "", prefix, i % 60000 + 1);
    return all;
}

/* A certificate that says where to fetch its issuer and revocation lists makes nobody fetch them: nothing can be opened here, not
 * even a socket, and the verdict on the chain is the same. */
static void uris_are_not_followed(void **state)
{
    char *issuers = uris("caIssuers;", 10000), *crls = uris("", 10000);
    struct pki_spec s = {.subject = "CN=gw", .issuers = issuers, .crls = crls};
    X509 *own = pki_cert(&s, key, root, root_key), *strange = pki_cert(&s, key, mid, mid_key);
    struct cert_trust *t = trusting(root);
    struct rlimit before, none = {0, 0};
    struct cert_window w;
    int known, unknown;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(open("/dev/null", O_RDONLY), -1);
    known = check(t, own, NULL, 0, PKI_NOW, &w);
    unknown = check(t, strange, NULL, 0, PKI_NOW, &w);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(known, 0);
    assert_int_equal(unknown, ERR_REFUSED);
    assert_non_null(strstr(sentence, "was issued by O=Example, CN=Intermediate"));
    cert_trust_free(t);
    cert_free(own);
    cert_free(strange);
    free(issuers);
    free(crls);
}

static void alone(void **state)
{
    struct pki_spec s = {.subject = "CN=gw", .from = PKI_NOW, .until = PKI_NOW + 10};
    X509 *x = pki_cert(&s, key, NULL, key);
    struct text why = text_in(sentence, sizeof(sentence));
    struct cert_window w;

    (void)state;
    assert_int_equal(cert_check_alone(x, PKI_NOW, &w, &why), 0);
    assert_int_equal(cert_check_alone(x, PKI_NOW + 9, &w, &why), 0);
    assert_int_equal(cert_check_alone(x, PKI_NOW + 10, &w, &why), ERR_REFUSED);
    assert_int_equal(cert_check_alone(x, PKI_NOW - 1, &w, &why), ERR_REFUSED);
    assert_int_equal(w.until, PKI_NOW + 10);
    cert_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_holds_while_all_of_it_does),
        cmocka_unit_test(what_is_missing),
        cmocka_unit_test(the_wrong_ca),
        cmocka_unit_test(spoiled_intermediates),
        cmocka_unit_test(spoiled_ends),
        cmocka_unit_test(uris_are_not_followed),
        cmocka_unit_test(a_changed_byte),
        cmocka_unit_test(long_chains),
        cmocka_unit_test(anchors_are_cas),
        cmocka_unit_test(alone),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
