/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of vault and judge: questions of the core in, answers back, verdicts to the hand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/proc.h"
#include "daemon/token_file.h"
#include "judge/judge.h"
#include "vault/vault.h"

extern const struct alg_registry alg_registry;

struct prove_proc {
    struct proc *proc;
    struct rng rng;
    struct keystore keystore;
    struct vault_setup vault_setup;
    struct judge_setup judge_setup;
    struct vault *vault; /* one of the two */
    struct judge *judge;
    struct arena arena; /* of the question that is answered */
};

/* --- files, through the parent ---------------------------------------------------------------------------------------- */

static int prove_load(void *ctx, enum keystore_kind kind, const char *ref, struct secret *out, struct text *why)
{
    struct prove_proc *v = ctx;
    int fd = proc_open_file(v->proc, kind, ref, why), err;

    if (fd < 0)
        return fd;
    err = keystore_read_fd(fd, kind, ref, out, why);
    close(fd);
    return err;
}

static int prove_load_cert(void *ctx, const char *path, struct buf *out)
{
    char why[300];
    struct text t = text_in(why, sizeof(why));
    struct secret s = {0};
    int err = prove_load(ctx, KEYSTORE_CERT, path, &s, &t);

    if (!err)
        buf_span(out, secret_view(&s));
    secret_done(&s);
    return err ? err : out->failed ? ERR_LIMIT : 0;
}

static time_t prove_now(void *ctx)
{
    (void)ctx;
    return time(NULL);
}

/* --- work ----------------------------------------------------------------------------------------------------------- */

static int prove_configure(struct proc *p, struct conf *conf, struct text *why)
{
    struct prove_proc *v = p->self;

    return v->vault ? vault_configure(v->vault, conf, why) : judge_configure(v->judge, conf, why);
}

static struct vault *prove_vault(struct prove_proc *v)
{
    uint8_t secret[TOKEN_SECRET_LEN];
    struct vault *vault;

    v->vault_setup.token_secret = token_file_read(v->proc->token_fd, secret);
    vault = vault_new(&v->vault_setup);
    v->vault_setup.token_secret = SPAN_NONE;
    secret_wipe(secret, sizeof(secret));
    return vault;
}

static int prove_open(struct proc *p, struct text *why)
{
    struct prove_proc *v = calloc(1, sizeof(*v));

    if (!v)
        return ERR_MEMORY;
    p->self = v;
    v->proc = p;
    v->rng = loop_rng();
    arena_init(&v->arena, 2 * WORDS_MAX);
    v->keystore = (struct keystore){prove_load, NULL, v};
    v->vault_setup = (struct vault_setup){&v->keystore, &v->rng, SPAN_NONE};
    v->judge_setup = (struct judge_setup){prove_load_cert, prove_now, v, &v->rng};
    if (p->role == ROLE_VAULT)
        v->vault = prove_vault(v);
    else
        v->judge = judge_new(&v->judge_setup);
    if (!v->vault && !v->judge)
        return ERR_MEMORY;
    return prove_configure(p, p->conf, why);
}

/* It goes out before the answer does, at the end of the turn (proc_flush): the hand must know before the core can ask for a Child
 * SA. */
static void prove_verdict(struct prove_proc *v, const struct ask *ask, const struct answer *a)
{
    struct channel *hand = proc_link(v->proc, ROLE_HAND);
    struct buf *b = hand ? channel_begin(hand, FRAME_VERDICT) : NULL;

    if (!b)
        return;
    buf_u32(b, ask->u.auth.peer.generation);
    buf_u16(b, ask->u.auth.peer.connection);
    buf_u32(b, a->u.check.handle);
    buf_u64(b, (uint64_t)usec_add(loop_now(), a->u.check.valid_for));
    buf_span(b, ask->u.auth.nonce); /* ours, which the proof covers: the hand issued it, and takes one verdict for it */
    channel_end(hand);
}

static void prove_answer(struct prove_proc *v, const struct ask *ask)
{
    struct answer a = {.ticket = ask->ticket, .kind = ask->kind, .result = ANSWER_FAILED};
    struct channel *core = proc_link(v->proc, ROLE_CORE);

    if (v->vault)
        vault_answer(v->vault, ask, &a, &v->arena);
    else
        judge_answer(v->judge, ask, &a, &v->arena);
    if (ask->kind == ASK_AUTH_CHECK && a.result == ANSWER_OK && a.u.check.verdict == VERDICT_ACCEPTED)
        prove_verdict(v, ask, &a);
    if (core)
        frame_answer(core, &a);
}

static void prove_frame(struct proc *p, enum role from, uint8_t type, struct span body)
{
    struct prove_proc *v = p->self;
    struct reader r = reader_of(body);
    struct ask ask;

    if (from != ROLE_CORE || type != FRAME_ASK)
        return;
    if (!words_get_ask(&r, &alg_registry, &v->arena, &ask) &&
        (ask.kind == ASK_AUTH_MAKE || ask.kind == ASK_AUTH_CHECK || ask.kind == ASK_TOKEN))
        prove_answer(v, &ask);
    arena_reset(&v->arena);
}

const struct proc_kind proc_vault = {prove_open, prove_frame, prove_configure, true, NULL};
const struct proc_kind proc_judge = {prove_open, prove_frame, prove_configure, true, NULL};
