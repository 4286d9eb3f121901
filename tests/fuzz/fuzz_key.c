/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the vault: the input as a private key beside a certificate that fits none but its own, as the certificates beside a
 * key, and as a pre-shared key. A key that is taken signs. */
#define PKI_PLAIN
#include "conf/conf.h"
#include "tests/unit/pki.h"
#include "vault/probe.h"
#include "vault/psk.h"
#include "vault/sign.h"

#include "driver.h"

static struct {
    struct span input, key, cert; /* key and cert fit each other */
    bool input_is_key;
} files;

static int load(void *ctx, enum keystore_kind kind, const char *ref, struct secret *out, struct text *why)
{
    bool key = kind == KEYSTORE_KEY;

    (void)ctx;
    (void)ref;
    (void)why;
    if (kind == KEYSTORE_PSK)
        return secret_set(out, files.input);
    return secret_set(out, key == files.input_is_key ? files.input : key ? files.key : files.cert);
}

static const struct keystore store = {.load = load};

static struct span kept(BIO *bio)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    uint8_t *copy = malloc((size_t)n);

    assert_true(copy && n > 0);
    memcpy(copy, p, (size_t)n);
    BIO_free(bio);
    return span_of(copy, (size_t)n);
}

static void files_make(void)
{
    uint8_t raw[32] = {9};
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
    X509 *x = pki_cert(&(struct pki_spec){.subject = "CN=gw", .serial = 1}, key, NULL, key);
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    files.key = kept(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    files.cert = kept(bio);
    cert_free(x);
    EVP_PKEY_free(key);
}

static void one(bool as_key)
{
    struct ask_auth ask = {.hashes = 0xff};
    struct vault_key *key = NULL;
    struct answer answer = {0};
    char words[800];
    struct text why = text_in(words, sizeof(words));
    struct arena arena;

    files.input_is_key = as_key;
    arena_init(&arena, 1 << 20);
    if (vault_key_load(&store, "the key", "the certificates", &key, &why) == 0) {
        assert_true(vault_key_count(key) > 0);
        (void)!vault_key_sign(key, &ask, true, span_str("octets"), &answer, &arena, &why);
    } else {
        assert_true(!key && why.len > 0);
    }
    vault_key_free(key);
    arena_done(&arena);
}

static void probe(void)
{
    struct vault_probe_setup setup = {&store, PKI_NOW, NULL};
    struct conf_connection c = {.name = "gw"};
    char words[2000];
    struct text why = text_in(words, sizeof(words));

    c.local.auth = c.remote.auth = AUTH_KIND_PSK;
    c.local.psk = c.remote.psk = "the secret";
    (void)!vault_probe(&setup, &c, &why);
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    if (!files.key.p)
        files_make();
    files.input = span_of(data, len);
    one(true);
    one(false);
    probe();
    return 0;
}

FUZZ_MAIN(2000, "fuzz/key")
