/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an IKE SA with one Child SA costs the responder: two real cores in one process, the real vault, no kernel, no network. CPU
 * of this thread around the responder's steps and asks alone, and memory by malloc's own count.
 *
 *     bench_core [PROPOSAL [NUMBER]]        aes256gcm16-prfsha256-x25519 2000
 *
 * Beside each figure stands a calibration: the time of one X25519 derive on this machine at this moment, so that ratios can be
 * compared between runs and machines.
 */
#include "ike/core.h"
#include "vault/vault.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern const struct alg_registry alg_registry;

#define FORGOTTEN (600 * USEC_SEC) /* cached responses are no more */

struct gateway {
    struct core *core;
    struct vault *vault;
    struct conf *conf;
    struct outbox out;
    struct arena arena;
    double cpu_us;
    size_t children;
};
struct packet {
    struct packet *next;
    struct path path;
    size_t len;
    uint8_t bytes[];
};
static struct packet *queue, **queue_end = &queue;
static usec_t now = 1000000;

static double thread_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    static uint64_t state = 88172645463325252u;

    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out[i] = (uint8_t)(state >> 32);
    }
}
static const struct rng rng = {fill, NULL};

static void post(const struct output *o)
{
    struct packet *p = malloc(sizeof(*p) + o->u.send.data.len);

    p->next = NULL;
    p->path = (struct path){o->u.send.path.remote, o->u.send.path.local, o->u.send.path.natt};
    p->len = o->u.send.data.len;
    memcpy(p->bytes, o->u.send.data.p, p->len);
    *queue_end = p;
    queue_end = &p->next;
}

static void answer_ke(const struct ask *ask, struct answer *a, struct arena *arena)
{
    const struct alg *ke = ask->u.ke.alg;
    struct secret own = {0}, shared = {0};
    uint8_t *public_value = arena_alloc(arena, ke->public_len);
    int err = 0;

    if (ask->kind != ASK_KE_DERIVE)
        err = ke->ke->generate(ke, &rng, &own, public_value);
    if (ask->kind != ASK_KE_GENERATE && !err)
        err = ke->ke->derive(ke, ask->kind == ASK_KE_BOTH ? secret_view(&own) : ask->u.ke.private_value, ask->u.ke.peer_public,
                             &shared);
    a->result = err ? ANSWER_FAILED : ANSWER_OK;
    a->u.ke.private_value = arena_copy(arena, secret_view(&own));
    a->u.ke.public_value = span_of(public_value, ke->public_len);
    a->u.ke.shared = arena_copy(arena, secret_view(&shared));
    secret_done(&own);
    secret_done(&shared);
}

static void answer_nonces(const struct ask *ask, struct answer *a, struct arena *arena)
{
    size_t len = ask->u.nonces.count * (size_t)NONCE_LEN;
    uint8_t *bytes = arena_alloc(arena, len);

    fill(NULL, bytes, len);
    a->u.nonces.bytes = span_of(bytes, len);
}

static void step(struct gateway *g, const struct input *in);

static void answer(struct gateway *g, const struct ask *ask)
{
    struct input in = {.kind = INPUT_ANSWER, .now = now};
    struct arena arena;

    arena_init(&arena, 1 << 20);
    in.u.answer = (struct answer){.ticket = ask->ticket, .kind = ask->kind, .result = ANSWER_OK};
    if (ask->to == ASK_VAULT)
        vault_answer(g->vault, ask, &in.u.answer, &arena);
    else if (ask->to == ASK_WORKER)
        answer_ke(ask, &in.u.answer, &arena);
    else if (ask->kind == ASK_NONCES)
        answer_nonces(ask, &in.u.answer, &arena);
    g->children += ask->kind == ASK_CHILD_INSTALL;
    in.u.answer.ticket = ask->ticket;
    in.u.answer.kind = ask->kind;
    step(g, &in);
    arena_done(&arena);
}

static void step(struct gateway *g, const struct input *in)
{
    struct outbox out;

    outbox_init(&out);
    core_step(g->core, in, &out);
    for (size_t i = 0; i < out.n; i++) {
        if (out.v[i].kind == OUTPUT_SEND)
            post(&out.v[i]);
        else if (out.v[i].kind == OUTPUT_ASK)
            answer(g, &out.v[i].u.ask);
        else if (out.v[i].u.tell.level <= LEVEL_WARNING)
            fprintf(stderr, "%s\n", out.v[i].u.tell.text);
    }
    outbox_done(&out);
}

/* Everything that the responder does, and nothing else: what tests/bench/instructions counts. */
static __attribute__((noinline)) void responder_step(struct gateway *g, const struct input *in)
{
    step(g, in);
}

static struct conf *conf_of(const char *yaml)
{
    struct conf_setup setup = {.algs = &alg_registry, .generation = 1};
    struct conf_report report;
    struct conf *conf;
    static char text[4000];
    struct text t = text_in(text, sizeof(text));

    conf_report_init(&report);
    conf = conf_read_text(&setup, "bench.yaml", span_str(yaml), &report);
    conf_report_format(&report, &t);
    if (!conf)
        fprintf(stderr, "%s", text);
    conf_report_done(&report);
    return conf;
}

static struct gateway *gateway_new(const char *yaml)
{
    struct gateway *g = calloc(1, sizeof(*g));
    struct vault_setup vs = {&keystore_file, &rng, {0}};
    char why[500];
    struct text t = text_in(why, sizeof(why));

    g->conf = conf_of(yaml);
    g->vault = vault_new(&vs);
    if (!g->conf || vault_configure(g->vault, g->conf, &t) < 0) {
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
    g->core = core_new(&(struct core_setup){.conf = g->conf, .algs = &alg_registry, .rng = rng, .now = now});
    return g;
}

static char *yaml_many(const char *psk, const char *proposal, size_t n)
{
    size_t cap = 400 * n + 1000, len = 0;
    char *y = malloc(cap);

    len += (size_t)snprintf(y + len, cap - len, "connections:\n");
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(
            y + len, cap - len,
            "  c%zu:\n    local: { address: 10.%zu.%zu.%zu }\n    remote: { address: 192.0.2.1 }\n    psk: file:%s\n"
            "    ike: { proposals: [%s] }\n    keep: up\n"
            "    children: { net: { local: [172.%zu.%zu.%zu/32], remote: [198.51.100.0/24] } }\n",
            i, i >> 16 & 255, i >> 8 & 255, i & 255, psk, proposal, 16 + (i >> 16), i >> 8 & 255, i & 255);
    return y;
}

static double calibrate(void)
{
    const struct alg *x = alg_find(&alg_registry, TRANSFORM_KE, 31, 0);
    struct secret own = {0}, shared = {0};
    uint8_t pub[32];
    double start;

    if (x->ke->generate(x, &rng, &own, pub) < 0)
        return 0;
    start = thread_us();
    for (int i = 0; i < 300; i++)
        if (x->ke->derive(x, secret_view(&own), span_of(pub, 32), &shared) < 0)
            return 0;
    secret_done(&own);
    secret_done(&shared);
    return (thread_us() - start) / 300;
}

/* Every packet to whom it is for; the responder's CPU is counted. */
static void deliver_all(struct gateway *a, struct gateway *b, const struct addr *b_addr)
{
    while (queue) {
        struct packet *p = queue;
        struct gateway *to = addr_equal(&p->path.local.addr, b_addr) ? b : a;
        struct input in = {.kind = INPUT_PACKET, .now = now += 10};
        double start;

        queue = p->next;
        if (!queue)
            queue_end = &queue;
        in.u.packet.path = p->path;
        in.u.packet.data = span_of(p->bytes, p->len);
        start = thread_us();
        if (to == b)
            responder_step(to, &in);
        else
            step(to, &in);
        to->cpu_us += thread_us() - start;
        free(p);
    }
}

int main(int argc, char **argv)
{
    const char *proposal = argc > 1 ? argv[1] : "aes256gcm16-prfsha256-x25519";
    size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;
    char psk[] = "/tmp/bench-psk-XXXXXX", yaml[1000];
    int fd = mkstemp(psk);
    struct addr b_addr = addr_v4(192, 0, 2, 1);
    struct gateway *a, *b;
    double before, after;
    size_t base, used;
    char *many;

    if (fd < 0 || write(fd, "0123456789abcdef0123456789abcdef\n", 33) != 33)
        return 1;
    close(fd);
    snprintf(yaml, sizeof(yaml),
             "daemon: { limits: { cookie_threshold: 1000000, half_open: 1000000, half_open_per_source: 1000000 } }\n"
             "connections:\n  hub:\n    local: { address: 192.0.2.1 }\n    remote: { psk: \"file:%s\" }\n    psk: \"file:%s\"\n"
             "    ike: { proposals: [%s], liveness: never }\n    keep: answer\n"
             "    children: { net: { local: [198.51.100.0/24], remote: [172.16.0.0/12] } }\n",
             psk, psk, proposal);
    many = yaml_many(psk, proposal, n);
    b = gateway_new(yaml);
    a = gateway_new(many);
    before = calibrate();
    base = mallinfo2().uordblks;
    step(b, &(struct input){.kind = INPUT_TICK, .now = now});
    step(a, &(struct input){.kind = INPUT_TICK, .now = now}); /* all of them start */
    used = mallinfo2().uordblks;                              /* the initiator's share is taken off below */
    size_t initiator_init = used - base;
    deliver_all(a, b, &b_addr);
    after = calibrate();
    size_t both = mallinfo2().uordblks - base;
    struct core_counts ca = core_count(a->core), cb = core_count(b->core);
    printf("%s: %zu of %zu IKE SAs up, %zu Child SAs installed\n", proposal, cb.ike_sas, n, b->children);
    printf("responder CPU: %.1f us an establishment (x25519 derive %.1f us before, %.1f after)\n", b->cpu_us / (double)n, before,
           after);
    printf("initiator CPU: %.1f us an establishment, first message not counted\n", a->cpu_us / (double)n);
    printf("memory: %zu bytes an IKE SA with its Child SA, both ends together %zu (initiator's half-open %zu)\n", both / 2 / n,
           both / n, initiator_init / n);
    core_free(a->core);
    size_t left = mallinfo2().uordblks;
    step(b, &(struct input){.kind = INPUT_TICK, .now = now += FORGOTTEN});
    size_t forgotten = mallinfo2().uordblks;
    core_free(b->core);
    printf("memory: %zu bytes an IKE SA with its Child SA at the responder, %zu when its answer is forgotten\n",
           (left - mallinfo2().uordblks) / n, (forgotten - mallinfo2().uordblks) / n);
    unlink(psk);
    return cb.ike_sas == n && ca.ike_sas == n ? 0 : 1;
}
