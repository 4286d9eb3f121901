/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of certificates, names and secrets: files, DER, text of a DN. What is printed must be readable again. */
#define PKI_PLAIN
#include "tests/unit/pki.h"
#include "vault/psk.h"

#include "driver.h"

#include <unistd.h>

static void try_name(struct span der)
{
    char printed[2000];
    uint8_t again[CERT_DN_MAX];
    struct text t = text_in(printed, sizeof(printed));

    cert_dn_print(der, &t);
    assert_true(t.len > 0);
    (void)cert_dn_matches("CN=*, O=Example", der);
    if (t.len <= CERT_DN_TEXT && cert_dn_equal(der, der, false) && cert_dn_encode(printed, again, sizeof(again)) == 0)
        fail_msg("no bytes for %s\n", printed);
}

static void try_string(const char *text)
{
    char printed[2500];
    uint8_t der[CERT_DN_MAX], again[CERT_DN_MAX];
    struct text t = text_in(printed, sizeof(printed));
    int n = cert_dn_encode(text, der, sizeof(der)), m;

    if (n <= 0)
        return;
    cert_dn_print(span_of(der, (size_t)n), &t);
    if (t.len > CERT_DN_TEXT) /* cut off */
        return;
    m = cert_dn_encode(printed, again, sizeof(again));
    if (m <= 0)
        fail_msg("%s printed as %s\n", text, printed);
    assert_true(cert_dn_equal(span_of(der, (size_t)n), span_of(again, (size_t)m), false));
}

/* In memory of exactly its size, so that a sanitizer sees a read past its end. */
static void try_text(struct span bytes)
{
    char *text = strndup(bytes.len ? (const char *)bytes.p : "", bytes.len < 600 ? bytes.len : 600);

    assert_non_null(text);
    try_string(text);
    free(text);
}

static void try_cert(struct x509_st *x)
{
    static const struct id ids[] = {
        {ID_FQDN, {(const uint8_t *)"gw1.example.com", 15}},
        {ID_RFC822_ADDR, {(const uint8_t *)"a@example.com", 13}},
        {ID_IPV4_ADDR, {(const uint8_t *)"\xc0\0\2\1", 4}},
        {ID_DER_ASN1_DN, {(const uint8_t *)"\x30\0", 2}},
        {ID_KEY_ID, {(const uint8_t *)"abc", 3}},
    };
    struct cert_trust *trust = cert_trust_new();
    char printed[3000], sentence[600];
    struct text t = text_in(printed, sizeof(printed)), why = text_in(sentence, sizeof(sentence));
    struct cert_window w;
    uint8_t hash[CERT_HASH_LEN];

    cert_names_print(x, &t);
    assert_true(t.len > 0);
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        (void)cert_names(x, &ids[i]);
    cert_hash(x, hash);
    if (cert_check_alone(x, PKI_NOW, &w, &why) != 0)
        assert_true(why.len > 0);
    if (cert_trust_add(trust, x, &why) == 0 && cert_trust_check(trust, x, &x, 1, PKI_NOW, &w, &why) == 0)
        assert_true(w.from <= PKI_NOW && PKI_NOW < w.until);
    (void)cert_self_signed(x);
    (void)cert_issued(x, x);
    cert_trust_free(trust);
}

static void try_file(struct span bytes)
{
    struct x509_st *v[CERT_FILE_CERTS];
    char sentence[300];
    struct text why = text_in(sentence, sizeof(sentence));
    struct secret psk = {0};
    uint8_t hashes[CERT_FILE_CERTS * CERT_HASH_LEN];
    size_t n;
    int err = cert_file_read(bytes, v, COUNT_OF(v), &n, &why);

    assert_true(err == 0 ? n > 0 : n == 0 && why.len > 0);
    for (size_t i = 0; i < n; i++)
        try_cert(v[i]);
    assert_true(cert_ca_hashes(bytes, hashes, sizeof(hashes)) == (err == 0 ? (int)(n * CERT_HASH_LEN) : err));
    cert_free_all(v, n);
    why = text_in(sentence, sizeof(sentence));
    err = psk_parse(bytes, &psk, &why);
    assert_true(err == 0 ? psk.len > 0 : psk.len == 0 && why.len > 0);
    secret_done(&psk);
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    struct span bytes = span_of(data, len);

    try_file(bytes);
    try_name(bytes);
    try_text(bytes);
    return 0;
}

#ifndef FUZZER
static const char *const texts[][2] = {
    {"dn1", "CN=fra, O=\"Example, Inc.\", C=CH"},     {"dn2", "/O=Example/OU=a+UID=b/CN=x\\2Cy"},
    {"dn3", "DC=com, DC=example, 2.5.4.3=\\C3\\A9"},  {"psk1", "a line of text\n"},
    {"psk2", "0x00112233445566778899aabbccddeeff\n"}, {"psk3", "0sYWJjZGVmZ2g=\n"},
};

static void seeds_make(EVP_PKEY *key)
{
    const struct pki_spec spec = {.subject = "O=Example, CN=gw1",
                                  .san = "DNS:gw1.example.com,email:a@example.com,IP:192.0.2.1,IP:2001:db8::1",
                                  .eku = "serverAuth",
                                  .name_constraints = "permitted;DNS:example.com",
                                  PKI_CA,
                                  .serial = 1};
    X509 *x = pki_cert(&spec, key, NULL, key), *two[] = {x, x};
    struct arena arena;
    struct span der;

    arena_init(&arena, 100000);
    pki_put_certs("two", two, 2);
    der = cert_der(x, &arena);
    pki_put("der", der.p, der.len);
    der = cert_subject(x, &arena);
    pki_put("name", der.p, der.len);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        pki_put(texts[i][0], texts[i][1], strlen(texts[i][1]));
    cert_free(x);
    arena_done(&arena);
}

/* Some inputs to start from are made here, from a fixed key: Ed25519 signs the same way each time. */
int main(int argc, char **argv)
{
    static const uint8_t raw[32] = {1};
    static const char *const folders[] = {"fuzz/cert", NULL};
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
    char dir[] = "/tmp/fuzz-cert-XXXXXX", path[128];
    int status;

    seeds_make(key);
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < pki_n_files; i++) {
        FILE *file;

        snprintf(path, sizeof(path), "%s/%.63s", dir, pki_files[i].name);
        file = fopen(path, "wb");
        assert_true(file && fwrite(pki_files[i].data, 1, pki_files[i].len, file) == pki_files[i].len);
        fclose(file);
    }
    fuzz_made = dir;
    status = fuzz_main(argc, argv, folders, 20000);
    for (size_t i = 0; i < pki_n_files; i++) {
        snprintf(path, sizeof(path), "%s/%.63s", dir, pki_files[i].name);
        unlink(path);
    }
    rmdir(dir);
    EVP_PKEY_free(key);
    pki_files_free();
    return status;
}
#endif
