/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of an AUTH, made by the vault and checked by vault or judge, and of loading many connections:
 * bench_auth [ROUNDS [KIND...]]
 * "first" is a peer never seen before: its certificates are decoded and its chain is followed. */
#define PKI_PLAIN
#include "conf/conf.h"
#include "judge/judge.h"
#include "tests/unit/pki.h"
#include "vault/vault.h"

#include <time.h>

extern const struct alg_registry alg_registry;

enum { MESSAGE_LEN = 400, MANY = 10000 };

static const char *const cas[] = {"ca.pem", NULL};
static const uint8_t nonce[32] = {1}, sk_p[32] = {2};
static uint8_t message[MESSAGE_LEN];

static time_t the_time(void *ctx)
{
    (void)ctx;
    return PKI_NOW;
}
static const struct judge_setup judge_setup = {pki_load, the_time, NULL, &pki_rng};
static const struct vault_setup vault_setup = {&pki_keystore, &pki_rng, {0}};

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void files_make(const char *kind)
{
    EVP_PKEY *ca_key = pki_key(kind), *key = pki_key(kind);
    X509 *ca = pki_cert(&(struct pki_spec){.subject = "CN=CA", PKI_CA}, ca_key, NULL, ca_key);
    X509 *own = pki_cert(&(struct pki_spec){.subject = "CN=gw", .san = "DNS:gw1.example.com"}, key, ca, ca_key);

    pki_put_certs("ca.pem", &ca, 1);
    pki_put_certs("gw.pem", &own, 1);
    pki_put_key("gw.key", key);
    pki_put("psk", "as many random bytes as it needs", 32);
    cert_free(ca);
    cert_free(own);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
}

static struct vault *vault_of(const struct conf *conf)
{
    char sentence[300];
    struct text why = text_in(sentence, sizeof(sentence));
    struct vault *v = vault_new(&vault_setup);

    if (!v || vault_configure(v, conf, &why) != 0)
        fail_msg("%s\n", sentence);
    return v;
}
static struct judge *judge_of(const struct conf *conf)
{
    char sentence[300];
    struct text why = text_in(sentence, sizeof(sentence));
    struct judge *j = judge_new(&judge_setup);

    if (!j || judge_configure(j, conf, &why) != 0)
        fail_msg("%s\n", sentence);
    return j;
}

static struct conf_connection connection(bool psk, const char *id)
{
    struct conf_connection c = {.name = id, .send_cert = true};

    c.local.auth = c.remote.auth = psk ? AUTH_KIND_PSK : AUTH_KIND_PUBKEY;
    c.local.id = (struct id){ID_FQDN, span_str(id)};
    if (psk)
        c.local.psk = c.remote.psk = "psk";
    else
        c.local.cert = "gw.pem", c.local.key = "gw.key", c.remote.ca = cas;
    return c;
}

static double make_us(struct vault *v, const struct ask *ask, struct answer *out, struct arena *arena, int rounds)
{
    double start = cpu_us();

    for (int i = 0; i < rounds; i++) {
        arena_reset(arena);
        vault_answer(v, ask, out, arena);
        assert_int_equal(out->result, ANSWER_OK);
    }
    return (cpu_us() - start) / rounds;
}

static double check_us(struct vault *v, struct judge *j, const struct ask *ask, int rounds)
{
    struct arena arena;
    struct answer out;
    double start = cpu_us();

    for (int i = 0; i < rounds; i++) {
        arena_init(&arena, 4000);
        if (v)
            vault_answer(v, ask, &out, &arena);
        else
            judge_answer(j, ask, &out, &arena);
        assert_int_equal(out.u.check.verdict, VERDICT_ACCEPTED);
        arena_done(&arena);
    }
    return (cpu_us() - start) / rounds;
}

static void bench(const char *kind, int rounds)
{
    bool psk = strcmp(kind, "psk") == 0;
    struct conf_connection c1, c2;
    struct conf conf1 = {.generation = 1, .connections = &c1, .n_connections = 1}, conf2 = conf1;
    struct ask ask = {.kind = ASK_AUTH_MAKE};
    struct vault *v1, *v2;
    struct judge *judge, *fresh;
    struct arena arena;
    struct answer made;
    double make, first;

    files_make(psk ? "P-256" : kind);
    c1 = connection(psk, "gw1.example.com");
    c2 = connection(psk, "gw2.example.com");
    conf2.connections = &c2;
    v1 = vault_of(&conf1);
    v2 = vault_of(&conf2);
    judge = judge_of(&conf2);
    fresh = judge_of(&conf2);
    ask.u.auth = (struct ask_auth){
        {.generation = 1}, .we_initiated = true, .prf = alg_find(&alg_registry, TRANSFORM_PRF, 5, 0), .hashes = 0x3c};
    ask.u.auth.sk_p = span_of(sk_p, sizeof(sk_p));
    ask.u.auth.message = span_of(message, MESSAGE_LEN);
    ask.u.auth.nonce = span_of(nonce, sizeof(nonce));
    arena_init(&arena, 1 << 20);
    make = make_us(v1, &ask, &made, &arena, rounds);
    ask.kind = ASK_AUTH_CHECK;
    ask.u.auth.we_initiated = false;
    ask.u.auth.id = made.u.auth.id;
    ask.u.auth.method = made.u.auth.method;
    ask.u.auth.data = made.u.auth.data;
    ask.u.auth.certs = made.u.auth.certs;
    ask.u.auth.n_certs = made.u.auth.n_certs;
    (void)check_us(psk ? v2 : NULL, judge, &ask, 1); /* the library's own tables */
    first = check_us(psk ? v2 : NULL, fresh, &ask, 1);
    printf("%-8s make %7.1f us   check, first %7.1f us, then %6.1f us\n", kind, make, first,
           check_us(psk ? v2 : NULL, judge, &ask, rounds));
    arena_done(&arena);
    vault_free(v1);
    vault_free(v2);
    judge_free(judge);
    judge_free(fresh);
}

static void bench_load(void)
{
    static struct conf_connection v[MANY];
    struct conf conf = {.generation = 1, .connections = v, .n_connections = MANY};
    struct vault *vault;
    struct judge *judge;
    double start, loaded;

    for (size_t i = 0; i < MANY; i++) {
        v[i] = connection(i % 2, "gw1.example.com");
        v[i].remote.id = (struct id){ID_FQDN, span_str("gw2.example.com")};
    }
    start = cpu_us();
    vault = vault_of(&conf);
    loaded = cpu_us();
    judge = judge_of(&conf);
    printf("%d connections loaded: vault %.1f ms, judge %.1f ms\n", MANY, (loaded - start) / 1e3, (cpu_us() - loaded) / 1e3);
    vault_free(vault);
    judge_free(judge);
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"psk", "P-256", "P-384", "ED25519", "rsa2048", "rsa4096"};
    int rounds = argc > 1 ? atoi(argv[1]) : 200;

    memset(message, 0x55, sizeof(message));
    message[17] = 0x20;
    message[18] = 34;
    message[19] = 0x08;
    put_u32(message + 20, 0);
    put_u32(message + 24, MESSAGE_LEN);
    for (size_t i = 0; argc <= 2 && i < COUNT_OF(kinds); i++)
        bench(kinds[i], rounds > 0 ? rounds : 1);
    for (int i = 2; i < argc; i++)
        bench(argv[i], rounds > 0 ? rounds : 1);
    if (argc <= 2)
        bench_load();
    pki_files_free();
    return 0;
}
