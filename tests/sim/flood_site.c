/* SPDX-License-Identifier: Apache-2.0 */
/* One core of the flood with its vault: steps are measured, asks are answered a moment later. */
#include "flood_site.h"
#include "memory.h"
#include "vault/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const struct alg_registry alg_registry;

/* --- key exchanges, counted ------------------------------------------------------------------------------------------------ */

static uint64_t *derived; /* of the site whose step runs */

#define GROUPS_MAX 40
static struct alg counted[GROUPS_MAX];
static const struct alg *originals[GROUPS_MAX], *lists[GROUPS_MAX + 1];
static const struct alg *const *const *counted_files;

static const struct alg *original(const struct alg *a)
{
    return originals[a - counted];
}

static int count_generate(const struct alg *a, const struct rng *rng, struct secret *private_value, uint8_t *public_value)
{
    return original(a)->ke->generate(original(a), rng, private_value, public_value);
}

static int count_derive(const struct alg *a, struct span private_value, struct span peer, struct secret *shared)
{
    if (derived)
        (*derived)++;
    return original(a)->ke->derive(original(a), private_value, peer, shared);
}

static struct alg_registry registry_counted(void)
{
    static const struct alg_ke ke = {.generate = count_generate, .derive = count_derive};
    static const struct alg *all[200];
    static const struct alg *const *files[2] = {all, NULL};
    const struct alg *a;
    size_t groups = 0;

    for (size_t i = 0; !counted_files && i + 1 < COUNT_OF(all) && (a = alg_at(&alg_registry, i)); i++) {
        all[i] = a;
        if (a->type != TRANSFORM_KE || groups == GROUPS_MAX)
            continue;
        originals[groups] = a;
        counted[groups] = *a;
        counted[groups].ke = &ke;
        all[i] = lists[groups] = &counted[groups];
        groups++;
    }
    counted_files = files;
    return (struct alg_registry){counted_files};
}

/* --- answers --------------------------------------------------------------------------------------------------------------- */

static void answer_ke(struct site *s, const struct ask *ask, struct answer *a, struct arena *arena)
{
    const struct alg *ke = ask->u.ke.alg;
    struct secret own = {0}, shared = {0};
    uint8_t *public_value = arena_alloc(arena, ke->public_len);
    int err = public_value ? 0 : ERR_MEMORY;

    if (!err && ask->kind != ASK_KE_DERIVE)
        err = ke->ke->generate(ke, &s->flood->rng, &own, public_value);
    if (!err && ask->kind != ASK_KE_GENERATE)
        err = ke->ke->derive(ke, ask->kind == ASK_KE_BOTH ? secret_view(&own) : ask->u.ke.private_value, ask->u.ke.peer_public,
                             &shared);
    a->result = err ? ANSWER_FAILED : ANSWER_OK;
    a->u.ke.private_value = arena_copy(arena, secret_view(&own));
    a->u.ke.public_value = span_of(public_value, ke->public_len);
    a->u.ke.shared = arena_copy(arena, secret_view(&shared));
    secret_done(&own);
    secret_done(&shared);
}

static void answer_nonces(struct site *s, const struct ask *ask, struct answer *a, struct arena *arena)
{
    size_t len = (size_t)ask->u.nonces.count * NONCE_LEN;
    uint8_t *bytes = arena_alloc(arena, len);

    s->flood->rng.fill(s->flood->rng.ctx, bytes, len);
    a->u.nonces.bytes = span_of(bytes, len);
}

void site_answer(struct site *s, const struct ask *ask, struct answer *a, struct arena *arena)
{
    *a = (struct answer){.ticket = ask->ticket, .kind = ask->kind, .result = ANSWER_OK};
    if (ask->to == ASK_VAULT)
        vault_answer(s->vault, ask, a, arena);
    else if (ask->to == ASK_WORKER)
        answer_ke(s, ask, a, arena);
    else if (ask->kind == ASK_NONCES)
        answer_nonces(s, ask, a, arena);
    else if (ask->to == ASK_JUDGE || ask->to == ASK_FETCH)
        a->result = ANSWER_FAILED;
    a->ticket = ask->ticket;
    a->kind = ask->kind;
}

/* --- steps ----------------------------------------------------------------------------------------------------------------- */

static double thread_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void site_step(struct site *s, struct input *in, bool timed)
{
    size_t before;
    double start = timed ? thread_us() : 0;

    in->now = s->flood->now;
    before = memory_in_use();
    derived = &s->dh;
    core_step(s->core, in, &s->out);
    derived = NULL;
    s->steps++;
    s->bytes += (int64_t)memory_in_use() - (int64_t)before;
    if (s->bytes > s->peak)
        s->peak = s->bytes;
    if (timed)
        s->cpu_us += thread_us() - start;
}

void site_said(struct site *s)
{
    size_t before = memory_in_use();

    outbox_reset(&s->out);
    s->bytes += (int64_t)memory_in_use() - (int64_t)before;
}

static struct conf *conf_of(struct site *s, const char *yaml)
{
    struct conf_setup setup = {.algs = &s->algs, .generation = 1};
    struct conf_report report;
    struct conf *conf;
    static char text[4000];
    struct text t = text_in(text, sizeof(text));

    conf_report_init(&report);
    conf = conf_read_text(&setup, "flood.yaml", span_str(yaml), &report);
    conf_report_format(&report, &t);
    if (!conf)
        fprintf(stderr, "%s", text);
    conf_report_done(&report);
    return conf;
}

static void keep_keys(void *ctx, uint64_t spi_i, uint64_t spi_r, const struct suite *suite, const struct ike_keys *keys)
{
    struct flood *f = ctx;

    (void)spi_i;
    (void)spi_r;
    f->encr = suite->encr;
    if (secret_set(&f->ei, secret_view(&keys->ei)) < 0)
        abort();
}

bool site_open(struct site *s, struct flood *f, const char *yaml)
{
    struct vault_setup vs = {.keystore = &keystore_file, .rng = &f->rng};
    char why[500] = "";
    struct text t = text_in(why, sizeof(why));

    s->flood = f;
    s->algs = registry_counted();
    outbox_init(&s->out);
    s->conf = conf_of(s, yaml);
    s->vault = vault_new(&vs);
    if (!s->conf || !s->vault || vault_configure(s->vault, s->conf, &t) < 0) {
        fprintf(stderr, "%s\n", why);
        return false;
    }
    s->core = core_new(&(struct core_setup){.conf = s->conf,
                                            .algs = &s->algs,
                                            .rng = f->rng,
                                            .now = f->now,
                                            .keylog = s == &f->crowd ? keep_keys : NULL,
                                            .keylog_ctx = f});
    return s->core != NULL;
}

void site_close(struct site *s)
{
    core_free(s->core);
    vault_free(s->vault);
    conf_unref(s->conf);
    outbox_done(&s->out);
}
