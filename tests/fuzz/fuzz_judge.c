/* SPDX-License-Identifier: Apache-2.0 */
/* The judge, asked about a peer by whoever sent the bytes: method, ID, AUTH data, certificates. Whatever comes, it answers; and
 * it accepts nothing but the proof that was made here: the same ID, the same AUTH, the same certificate. The proofs are made with
 * Ed25519 from fixed keys, so that they are the same bytes each time. */
#define PKI_PLAIN
#include "conf/conf.h"
#include "judge/judge.h"
#include "tests/unit/pki.h"
#include "vault/vault.h"

#include "driver.h"

#include <unistd.h>

enum { MESSAGE_LEN = 64, CERTS_MAX = 12 };

static const uint8_t nonce[32] = {2}, sk_p[32] = {3};
static struct {
    struct judge *judge;
    uint8_t message[MESSAGE_LEN];
    struct arena arena; /* what was proved, for good */
    struct answer proof;
} world;

static time_t the_time(void *ctx)
{
    (void)ctx;
    return PKI_NOW;
}

static EVP_PKEY *fixed_key(uint8_t number)
{
    uint8_t raw[32];

    memset(raw, number, sizeof(raw));
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
}

static struct ask question(enum ask_kind kind)
{
    struct ask ask = {.kind = kind};

    ask.u.auth = (struct ask_auth){.peer = {.generation = 1},
                                   .we_initiated = kind == ASK_AUTH_MAKE,
                                   .prf = &pki_prf,
                                   .sk_p = span_of(sk_p, sizeof(sk_p)),
                                   .message = span_of(world.message, MESSAGE_LEN),
                                   .nonce = span_of(nonce, sizeof(nonce)),
                                   .hashes = 1 << 5};
    return ask;
}

static void files_make(void)
{
    EVP_PKEY *ca_key = fixed_key(1), *mid_key = fixed_key(2), *gw_key = fixed_key(3);
    X509 *ca = pki_cert(&(struct pki_spec){.subject = "O=Example, CN=CA", PKI_CA, .serial = 1}, ca_key, NULL, ca_key);
    X509 *mid = pki_cert(&(struct pki_spec){.subject = "O=Example, CN=Mid", PKI_CA, .serial = 2}, mid_key, ca, ca_key);
    X509 *gw =
        pki_cert(&(struct pki_spec){.subject = "O=Example, CN=gw1", .san = "DNS:gw1.example.com,IP:192.0.2.1", .serial = 3},
                 gw_key, mid, mid_key);
    X509 *chain[] = {gw, mid};

    pki_put_certs("ca.pem", &ca, 1);
    pki_put_certs("gw.pem", chain, 2);
    pki_put_key("gw.key", gw_key);
    cert_free(ca);
    cert_free(mid);
    cert_free(gw);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(mid_key);
    EVP_PKEY_free(gw_key);
}

static void world_make(void)
{
    static const struct judge_setup judge_setup = {pki_load, the_time, NULL, &pki_rng};
    static const struct vault_setup vault_setup = {&pki_keystore, &pki_rng, {0}};
    static const char *const cas[] = {"ca.pem", NULL};
    struct conf_connection c = {.name = "gw", .send_cert = true};
    struct conf conf = {.generation = 1, .connections = &c, .n_connections = 1};
    struct vault *vault = vault_new(&vault_setup);
    struct ask make;
    char sentence[500];
    struct text why = text_in(sentence, sizeof(sentence));

    files_make();
    memset(world.message, 0x55, MESSAGE_LEN);
    world.message[17] = 0x20;
    world.message[18] = 34;
    world.message[19] = 0x08;
    put_u32(world.message + 20, 0);
    put_u32(world.message + 24, MESSAGE_LEN);
    c.local.auth = c.remote.auth = AUTH_KIND_PUBKEY;
    c.local.key = "gw.key";
    c.local.cert = "gw.pem";
    c.local.id = (struct id){ID_FQDN, span_str("gw1.example.com")};
    c.remote.ca = cas;
    world.judge = judge_new(&judge_setup);
    assert_true(vault && world.judge);
    if (vault_configure(vault, &conf, &why) != 0 || judge_configure(world.judge, &conf, &why) != 0)
        fail_msg("%s\n", sentence);
    arena_init(&world.arena, 1 << 20);
    make = question(ASK_AUTH_MAKE);
    vault_answer(vault, &make, &world.proof, &world.arena);
    assert_int_equal(world.proof.result, ANSWER_OK);
    vault_free(vault);
}

/* method, hashes, ID type, u16 length and ID, u16 length and AUTH, then u16 length and certificate until the end */
static void question_read(struct span data, struct ask_auth *a, struct span certs[CERTS_MAX])
{
    struct reader r = reader_of(data);

    a->method = read_u8(&r);
    a->hashes = read_u8(&r);
    a->id.type = read_u8(&r);
    a->id.data = read_span(&r, read_u16(&r));
    a->data = read_span(&r, read_u16(&r));
    a->certs = certs;
    while (read_left(&r) && a->n_certs < CERTS_MAX) {
        size_t len = read_u16(&r), left = read_left(&r);

        certs[a->n_certs++] = read_span(&r, len < left ? len : left);
    }
}

static bool is_the_proof(const struct ask_auth *a)
{
    const struct answer *p = &world.proof;

    return a->method == p->u.auth.method && span_equal(a->data, p->u.auth.data) && a->n_certs &&
           span_equal(a->certs[0], p->u.auth.certs[0]) && id_equal(&a->id, &p->u.auth.id);
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    struct span certs[CERTS_MAX];
    struct ask ask;
    struct answer out;
    struct arena arena;

    if (!world.judge)
        world_make();
    arena_init(&arena, 100000);
    ask = question(ASK_AUTH_CHECK);
    question_read(span_of(data, len), &ask.u.auth, certs);
    judge_answer(world.judge, &ask, &out, &arena);
    assert_int_equal(out.result, ANSWER_OK);
    if (out.u.check.verdict == VERDICT_ACCEPTED)
        assert_true(is_the_proof(&ask.u.auth));
    else
        assert_true(out.why && out.why[0] && !out.u.check.handle);
    arena_done(&arena);
    return 0;
}

#ifndef FUZZER
static void seed_write(const char *path, uint8_t method, uint8_t id_type, struct span id, struct span auth, size_t n_certs)
{
    FILE *file = fopen(path, "wb");
    struct buf b;

    buf_init(&b, 65535);
    buf_u8(&b, method);
    buf_u8(&b, 0x3c);
    buf_u8(&b, id_type);
    buf_u16(&b, (uint16_t)id.len);
    buf_span(&b, id);
    buf_u16(&b, (uint16_t)auth.len);
    buf_span(&b, auth);
    for (size_t i = 0; i < n_certs; i++) {
        buf_u16(&b, (uint16_t)world.proof.u.auth.certs[i].len);
        buf_span(&b, world.proof.u.auth.certs[i]);
    }
    assert_true(file && fwrite(b.p, 1, b.len, file) == b.len);
    fclose(file);
    buf_done(&b);
}

/* The first inputs to start from are made here, for they hold certificates. */
int main(int argc, char **argv)
{
    static const char *const names[] = {"proof", "alone", "dn", "raw"};
    static const char *const folders[] = {"fuzz/judge", NULL};
    static const uint8_t raw[64] = {1, 2, 3};
    char dir[] = "/tmp/fuzz-judge-XXXXXX", path[4][64];
    uint8_t dn[CERT_DN_MAX];
    int status;
    const struct answer *p;

    world_make();
    p = &world.proof;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        snprintf(path[i], sizeof(path[i]), "%s/%s", dir, names[i]);
    seed_write(path[0], 14, ID_FQDN, p->u.auth.id.data, p->u.auth.data, 2);
    seed_write(path[1], 14, ID_FQDN, p->u.auth.id.data, p->u.auth.data, 0);
    seed_write(path[2], 14, ID_DER_ASN1_DN, span_of(dn, (size_t)cert_dn_encode("O=Example, CN=gw1", dn, sizeof(dn))),
               p->u.auth.data, 2);
    seed_write(path[3], 9, ID_FQDN, p->u.auth.id.data, span_of(raw, sizeof(raw)), 2);
    fuzz_made = dir;
    status = fuzz_main(argc, argv, folders, 10000);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        unlink(path[i]);
    rmdir(dir);
    if (fuzz_own && judge_counters(world.judge).accepted == 0) {
        fprintf(stderr, "nothing was accepted: the proof itself should have been\n");
        status = 1;
    }
    judge_free(world.judge);
    arena_done(&world.arena);
    pki_files_free();
    return status;
}
#endif
