/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/charon-bench.d/squad.h"

#include <stdio.h>
#include <string.h>

#include "daemon/files.h"
#include "loop/loop.h"
#include "loop/worker.h"
#include "tests/bench/charon-bench.d/issuer.h"
#include "tests/bench/charon-bench.d/roster.h"
#include "tests/bench/charon-bench.d/thrift.h"

enum { POOL = 4096, WHY_MAX = 1000, SPI_LEN = 8, FLAGS_AT = 19 };

/* --- random bytes: many small draws, one call of the kernel for hundreds. One thread draws. */

static void pool_fill(uint8_t *out, size_t len)
{
    static uint8_t pool[POOL];
    static size_t left;
    struct rng kernel = loop_rng();

    if (len > left) {
        kernel.fill(kernel.ctx, pool, sizeof(pool));
        left = sizeof(pool);
    }
    memcpy(out, pool + sizeof(pool) - left, len);
    left -= len;
}

/* SPIs are draws of eight bytes, and nothing else of that length is looked at by anybody (hash seeds, jitter): so each squad's
 * SPIs end with its number, without a table of a hundred thousand of them. */
static void squad_fill(void *ctx, uint8_t *out, size_t len)
{
    const struct squad *s = ctx;
    uint64_t spi;

    for (size_t at = 0; at < len; at += POOL)
        pool_fill(out + at, len - at < POOL ? len - at : POOL);
    if (len != sizeof(spi))
        return;
    memcpy(&spi, out, sizeof(spi));
    spi = (spi & ~(uint64_t)0xffff) | s->number;
    memcpy(out, &spi, sizeof(spi));
}

uint16_t squad_of(struct span m)
{
    const uint8_t *spi;

    if (m.len <= FLAGS_AT)
        return 0;
    spi = m.p[FLAGS_AT] & 0x08 ? m.p + SPI_LEN : m.p; /* the sender is the original initiator: ours is the responder's */
    return (uint16_t)(spi[SPI_LEN - 2] << 8 | spi[SPI_LEN - 1]);
}

/* --- secrets: the pre-shared key is in the options, the rest in files. */

static int squad_load(void *ctx, enum keystore_kind kind, const char *ref, struct secret *out, struct text *why)
{
    const struct squad *s = ctx;

    if (strcmp(ref, ROSTER_PSK) == 0)
        return secret_set(out, span_str(s->options->psk));
    if (strncmp(ref, ROSTER_CERT, strlen(ROSTER_CERT)) == 0)
        return issuer_certificate(s->issuer, ref + strlen(ROSTER_CERT), out);
    return keystore_file.load(keystore_file.ctx, kind, ref, out, why);
}

static int squad_key(void *ctx, const char *ref, struct evp_pkey_st **out, struct text *why)
{
    const struct squad *s = ctx;

    (void)why;
    if (strcmp(ref, ROSTER_KEY) != 0)
        return ERR_UNSUPPORTED;
    *out = issuer_key(s->issuer);
    return *out ? 0 : ERR_MEMORY;
}

static time_t wall_clock(void *ctx)
{
    (void)ctx;
    return time(NULL);
}

int squad_init(struct squad *s, const struct options *o, const struct issuer *issuer, uint16_t number, uint32_t first, uint32_t n)
{
    char said[WHY_MAX];
    struct text why = text_in(said, sizeof(said));

    *s = (struct squad){.number = number, .first = first, .options = o, .issuer = issuer};
    s->rng = (struct rng){squad_fill, s};
    s->keystore = (struct keystore){squad_load, squad_key, s};
    s->conf = roster_new(o, first, n);
    if (!s->conf)
        return ERR_BAD;
    s->vault = vault_new(&(struct vault_setup){&s->keystore, &s->rng, SPAN_NONE});
    s->judge = judge_new(&(struct judge_setup){files_load, wall_clock, NULL, &s->rng});
    if (!s->vault || !s->judge || vault_configure(s->vault, s->conf, &why) || judge_configure(s->judge, s->conf, &why)) {
        fprintf(stderr, "charon-bench: %s\n", said);
        return ERR_BAD;
    }
    s->core = core_new(&(struct core_setup){.conf = s->conf, .algs = thrift_algs(), .rng = s->rng, .now = loop_now()});
    return s->core ? 0 : ERR_MEMORY;
}

void squad_done(struct squad *s)
{
    core_free(s->core);
    vault_free(s->vault);
    judge_free(s->judge);
    conf_unref(s->conf);
}

/* --- answers */

static void nonces_answer(struct squad *s, const struct ask *ask, struct answer *a, struct arena *arena)
{
    size_t len = ask->u.nonces.count * (size_t)NONCE_LEN;
    uint8_t *bytes = arena_alloc(arena, len);

    if (bytes)
        s->rng.fill(s->rng.ctx, bytes, len);
    a->u.nonces.bytes = span_of(bytes, bytes ? len : 0);
}

/* No kernel: all is done at once, and no packet ever passes. */
static void hand_answer(struct squad *s, const struct ask *ask, struct answer *a, struct arena *arena)
{
    if (ask->kind == ASK_NONCES)
        nonces_answer(s, ask, a, arena);
    else if (ask->kind == ASK_CHILD_QUERY)
        a->u.query.idle_in_s = a->u.query.idle_out_s = -1;
}

static void judge_answers(struct squad *s, const struct ask *ask, struct answer *a, struct arena *arena)
{
    if (s->judged++ % THRIFT_VERIFIES == 0) {
        judge_answer(s->judge, ask, a, arena);
        return;
    }
    a->u.check.verdict = VERDICT_ACCEPTED;
    a->u.check.handle = s->judged;
    a->u.check.valid_for = USEC_NEVER;
}

void squad_answer(struct squad *s, const struct ask *ask, struct answer *a, struct arena *arena)
{
    *a = (struct answer){.ticket = ask->ticket, .kind = ask->kind, .result = ANSWER_OK};
    switch (ask->to) {
    case ASK_VAULT:
        vault_answer(s->vault, ask, a, arena);
        break;
    case ASK_JUDGE:
        judge_answers(s, ask, a, arena);
        break;
    case ASK_WORKER:
        worker_ke(NULL, ask, a, arena);
        break;
    case ASK_HAND:
        hand_answer(s, ask, a, arena);
        break;
    default:
        a->result = ANSWER_FAILED;
    }
    a->ticket = ask->ticket;
    a->kind = ask->kind;
}
