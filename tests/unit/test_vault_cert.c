/* SPDX-License-Identifier: Apache-2.0 */
/* The vault with private keys: what is loaded, what is refused, and what the probe finds before anything runs. */
#include "conf/conf.h"
#include "pki.h"
#include "vault/probe.h"
#include "vault/sign.h"

#include <stdio.h>

static EVP_PKEY *ca_key, *mid_key, *key, *other_key;
static X509 *ca, *mid, *own;
static char sentence[2000];

static const struct pki_spec own_spec = {.subject = "O=Example, CN=gw1", .san = "DNS:gw1.example.com"};

static int setup(void **state)
{
    struct pki_spec ca_spec = {.subject = "O=Example, CN=CA", PKI_CA}, mid_spec = {.subject = "O=Example, CN=Mid", PKI_CA};

    (void)state;
    ca_key = pki_key("P-256");
    mid_key = pki_key("P-256");
    key = pki_key("P-256");
    other_key = pki_key("P-256");
    ca = pki_cert(&ca_spec, ca_key, NULL, ca_key);
    mid = pki_cert(&mid_spec, mid_key, ca, ca_key);
    own = pki_cert(&own_spec, key, mid, mid_key);
    pki_put_key("gw.key", key);
    pki_put_key("other.key", other_key);
    pki_put_certs("ca.pem", &ca, 1);
    pki_put_certs("mid.pem", &mid, 1);
    pki_put_certs("own.pem", &own, 1);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    cert_free(ca);
    cert_free(mid);
    cert_free(own);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(mid_key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    pki_files_free();
    return 0;
}

static struct vault_key *load(const char *key_file, const char *cert, int err)
{
    struct text why = text_in(sentence, sizeof(sentence));
    struct vault_key *k;
    int got = vault_key_load(&pki_keystore, key_file, cert, &k, &why);

    if (got != err || (err == 0) != (k != NULL) || (err == 0) != (why.len == 0))
        fail_msg("%d: %s", got, sentence);
    return k;
}

static void says(const char *word)
{
    if (!strstr(sentence, word))
        fail_msg("\"%s\" does not say \"%s\"", sentence, word);
}

static void chain_is(const struct vault_key *k, X509 *const *want, size_t n)
{
    struct arena arena;

    arena_init(&arena, 100000);
    assert_int_equal(vault_key_count(k), n);
    for (size_t i = 0; i < n; i++)
        assert_true(span_equal(vault_key_cert(k, i), cert_der(want[i], &arena)));
    assert_true(span_equal(vault_key_subject(k), cert_subject(own, &arena)));
    assert_int_equal(vault_key_cert(k, n).len, 0);
    arena_done(&arena);
}

/* Whatever the order in the file: own, intermediates; neither the root nor what does not belong. */
static void chains_in_order(void **state)
{
    X509 *stranger = pki_cert(&(struct pki_spec){.subject = "CN=stranger", PKI_CA}, other_key, NULL, other_key);
    X509 *want[] = {own, mid},
         *orders[][4] = {{own, mid, NULL}, {own, mid, ca, NULL}, {ca, mid, own, NULL}, {stranger, mid, own, NULL}};
    struct vault_key *k;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        size_t n = 0;

        while (orders[i][n])
            n++;
        pki_put_certs("chain.pem", orders[i], n);
        k = load("gw.key", "chain.pem", 0);
        chain_is(k, want, 2);
        vault_key_free(k);
    }
    k = load("gw.key", "own.pem", 0);
    chain_is(k, want, 1);
    vault_key_free(k);
    cert_free(stranger);
}

static void keys_in_other_clothes(void **state)
{
    BIO *bio = BIO_new(BIO_s_mem());
    uint8_t *der = NULL;
    int n = i2d_PrivateKey(key, &der);

    (void)state;
    pki_put("der.key", der, (size_t)n);
    OPENSSL_free(der);
    vault_key_free(load("der.key", "own.pem", 0));
    PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL);
    pki_put_bio("old.key", bio);
    vault_key_free(load("old.key", "own.pem", 0));
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), "phrase", 6, NULL, NULL);
    pki_put_bio("locked.key", bio);
    load("locked.key", "own.pem", ERR_BAD);
    says("locked.key is encrypted");
    load("own.pem", "own.pem", ERR_BAD);
    says("own.pem is no private key");
    load("gw.key", "gw.key", ERR_BAD);
    says("no certificate in it");
    load("nowhere", "own.pem", ERR_NOT_FOUND);
    says("nowhere");
    load("gw.key", "nowhere", ERR_NOT_FOUND);
    load("other.key", "own.pem", ERR_REFUSED);
    says("other.key does not fit own.pem: that certificate (O=Example, CN=gw1) has another key");
}

static void keys_too_weak(void **state)
{
    static const char *const kinds[] = {"rsa1024", "rsa2048e3", "secp256k1"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        EVP_PKEY *weak = pki_key(kinds[i]);
        X509 *x = pki_cert(&own_spec, weak, ca, ca_key);

        pki_put_key("weak.key", weak);
        pki_put_certs("weak.pem", &x, 1);
        load("weak.key", "weak.pem", ERR_REFUSED);
        says("weak.key holds");
        cert_free(x);
        EVP_PKEY_free(weak);
    }
}

static void chains_too_long(void **state)
{
    X509 *v[CERT_CHAIN_MAX + 2];
    EVP_PKEY *issuer_key = ca_key;
    X509 *issuer = ca;

    (void)state;
    for (size_t i = COUNT_OF(v); i-- > 0; issuer = v[i], issuer_key = key) {
        char name[40];
        struct pki_spec s = {.subject = name, PKI_CA};

        snprintf(name, sizeof(name), "CN=level %zu", i);
        v[i] = pki_cert(&s, key, issuer, issuer_key);
    }
    pki_put_certs("long.pem", v, COUNT_OF(v));
    load("gw.key", "long.pem", ERR_LIMIT);
    says("more than 10");
    cert_free_all(v, COUNT_OF(v));
}

/* ---- the probe */

static int probe(const struct conf_connection *c, time_t now)
{
    struct vault_probe_setup setup_now = {&pki_keystore, now, NULL};
    struct text why = text_in(sentence, sizeof(sentence));

    return vault_probe(&setup_now, c, &why);
}

static void what_the_probe_finds(void **state)
{
    static const char *const cas[] = {"ca.pem", NULL}, *const not_ca[] = {"own.pem", "nowhere.pem", NULL},
                             *const pins[] = {"own.pem", NULL};
    X509 *chain[] = {own, mid};
    struct conf_connection c = {.name = "paris"};

    (void)state;
    pki_put_certs("chain.pem", chain, 2);
    c.local.auth = c.remote.auth = AUTH_KIND_PUBKEY;
    c.local.key = "gw.key";
    c.local.cert = "chain.pem";
    c.local.id = (struct id){ID_FQDN, span_str("gw1.example.com")};
    c.local.id_text = "gw1.example.com";
    c.remote.ca = cas;
    assert_int_equal(probe(&c, PKI_NOW), 0);
    assert_string_equal(sentence, "");

    assert_int_equal(probe(&c, PKI_NOW + 400 * PKI_DAY), ERR_REFUSED); /* all three: a line each */
    says("chain.pem: certificate O=Example, CN=gw1 expired");
    says("\nchain.pem: certificate O=Example, CN=Mid expired");
    says("\nca.pem: certificate O=Example, CN=CA expired");
    assert_int_equal(probe(&c, PKI_NOW - 2 * PKI_DAY), ERR_REFUSED);
    says("is not valid before");
    assert_int_equal(probe(&c, 0), 0); /* no time given */

    c.local.cert = "own.pem"; /* the intermediate is forgotten: a warning */
    assert_int_equal(probe(&c, PKI_NOW), 0);
    says("own.pem ends with O=Example, CN=gw1, whose issuer is neither in it");
    c.local.cert = "nowhere.pem";
    assert_int_equal(probe(&c, PKI_NOW), ERR_NOT_FOUND);
    says("nowhere.pem");
    c.local.cert = "chain.pem";
    c.local.key = "other.key";
    assert_int_equal(probe(&c, PKI_NOW), ERR_REFUSED);
    says("other.key does not fit chain.pem");
    c.local.key = "gw.key";
    c.local.id = (struct id){ID_FQDN, span_str("gw9.example.com")};
    c.local.id_text = "gw9.example.com";
    assert_int_equal(probe(&c, PKI_NOW), ERR_REFUSED);
    says("local.id gw9.example.com is not named by chain.pem");
    says("names gw1.example.com, O=Example, CN=gw1");
    c.local.id = (struct id){0};
    assert_int_equal(probe(&c, PKI_NOW), 0);

    c.remote.ca = not_ca;
    assert_int_equal(probe(&c, PKI_NOW), ERR_REFUSED);
    says("own.pem: O=Example, CN=gw1 is not a CA certificate");
    says("nowhere.pem");
    c.remote.ca = NULL;
    c.remote.pinned = pins;
    assert_int_equal(probe(&c, PKI_NOW), 0);
    assert_int_equal(probe(&c, PKI_NOW + 400 * PKI_DAY), ERR_REFUSED);
    says("own.pem: certificate O=Example, CN=gw1 expired");
    c.remote.pinned = not_ca + 1;
    assert_int_equal(probe(&c, PKI_NOW), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_in_order), cmocka_unit_test(keys_in_other_clothes), cmocka_unit_test(keys_too_weak),
        cmocka_unit_test(chains_too_long), cmocka_unit_test(what_the_probe_finds),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
