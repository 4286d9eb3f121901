/* SPDX-License-Identifier: Apache-2.0 */
/* The crew in one process: asks are function calls, the answers wait in the engine until the core has finished its step. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/crew.h"
#include "daemon/engine.h"
#include "daemon/frames.h"
#include "daemon/nonces.h"
#include "daemon/token_file.h"
#include "daemon/verdicts.h"
#include "judge/judge.h"
#include "kernel/hand.h"
#include "net/resolve.h"
#include "vault/vault.h"

extern const struct alg_registry alg_registry;

enum { FETCH_THREADS = 4, FETCH_QUEUE_MAX = 4096, REPLY_MAX = 1 << 18 };

struct crew {
    struct crew_setup setup;
    struct engine *engine;
    struct hand *hand;
    struct verdicts *verdicts;
    struct nonces *nonces;
    struct vault *vault;
    struct judge *judge;
    struct workers *fetch;
    struct watch *hand_watches[HAND_FDS_MAX];
    struct timer *mend;
    struct rng rng;
    struct answer traffic;
    struct vault_setup vault_setup;
    struct judge_setup judge_setup;
};

static void crew_answer(void *ctx, const struct answer *a)
{
    struct input in = {.kind = INPUT_ANSWER, .u.answer = *a};
    struct crew *c = ctx;

    if (a->ticket.slot == TRAFFIC_SLOT)
        c->traffic = *a;
    else if (c->engine && a->ticket.slot) /* else an order that nobody waits for */
        engine_hear(c->engine, &in);
}

static void crew_event(void *ctx, const struct event *e)
{
    struct input in = {.kind = INPUT_EVENT, .u.event = *e};
    struct crew *c = ctx;

    if (c->engine)
        engine_hear(c->engine, &in);
}

static void crew_log(void *ctx, enum level level, const char *sentence)
{
    struct crew *c = ctx;

    c->setup.say(c->setup.ctx, level, sentence);
}

static void crew_tell(void *ctx, const struct tell *t)
{
    struct crew *c = ctx;

    c->setup.tell(c->setup.ctx, t);
}

static void crew_prove(struct crew *c, const struct ask *ask)
{
    struct answer a = {.ticket = ask->ticket, .kind = ask->kind, .result = ANSWER_FAILED};
    struct arena arena;

    arena_init(&arena, REPLY_MAX);
    if (ask->to == ASK_VAULT)
        vault_answer(c->vault, ask, &a, &arena);
    else
        judge_answer(c->judge, ask, &a, &arena);
    if (ask->kind == ASK_AUTH_CHECK && a.result == ANSWER_OK && a.u.check.verdict == VERDICT_ACCEPTED &&
        nonces_spend(c->nonces, ask->u.auth.nonce)) {
        struct peer_ref proved = ask->u.auth.peer;

        proved.handle = a.u.check.handle;
        verdicts_add(c->verdicts, &proved, usec_add(loop_now(), a.u.check.valid_for));
    }
    crew_answer(c, &a);
    arena_done(&arena);
}

static void crew_issue(struct crew *c, const struct ask *ask)
{
    struct arena arena;
    struct answer a;

    arena_init(&arena, REPLY_MAX);
    nonces_answer(c->nonces, ask, &a, &arena);
    crew_answer(c, &a);
    arena_done(&arena);
}

static void crew_mend_later(struct crew *c)
{
    timer_set(c->mend, hand_deadline(c->hand));
}

static void crew_mend(void *ctx, unsigned what)
{
    struct crew *c = ctx;

    (void)what;
    hand_mend(c->hand);
    crew_mend_later(c);
}

static void crew_ask(void *ctx, const struct ask *ask)
{
    struct crew *c = ctx;

    switch (ask->to) {
    case ASK_HAND:
        if (ask->kind == ASK_NONCES)
            crew_issue(c, ask);
        else
            hand_ask(c->hand, ask);
        crew_mend_later(c);
        break;
    case ASK_VAULT:
    case ASK_JUDGE:
        crew_prove(c, ask);
        break;
    case ASK_FETCH:
        if (workers_ask(c->fetch, ask))
            engine_fail(c->engine, ask, false, "too many names to resolve at a time");
        break;
    default:
        engine_fail(c->engine, ask, false, "nobody here can do that");
    }
}

static void crew_hand_ready(void *ctx, unsigned what)
{
    struct crew *c = ctx;

    (void)what;
    hand_read(c->hand);
    crew_mend_later(c);
}

static void crew_print(void *ctx, const char *line)
{
    crew_log(ctx, LEVEL_INFO, line);
}

static bool crew_believes(void *ctx, const struct peer_ref *peer)
{
    return verdicts_hold(((struct crew *)ctx)->verdicts, peer, loop_now());
}

static int open_hand(struct crew *c, struct text *why)
{
    struct hand_setup h = {.backend = c->setup.options->dry_run ? &backend_dry : &backend_xfrm, .conf = c->setup.conf};
    int fds[HAND_FDS_MAX];
    size_t n;

    h.backend_setup = (struct backend_setup){crew_print, c};
    h.answer = crew_answer;
    h.event = crew_event;
    h.verdict = crew_believes;
    h.log = crew_log;
    h.ctx = c;
    c->verdicts = verdicts_new(c->setup.conf, 2 * (size_t)c->setup.conf->limits.ike_max + 1024);
    c->rng = loop_rng();
    c->nonces = nonces_new(&c->rng, NONCES_KEPT_MIN);
    c->mend = loop_timer(c->setup.loop, crew_mend, c);
    c->hand = c->verdicts && c->nonces && c->mend ? hand_new(&h, why) : NULL;
    if (!c->hand)
        return ERR_IO;
    crew_mend_later(c);
    n = hand_fds(c->hand, fds);
    for (size_t i = 0; i < n; i++)
        c->hand_watches[i] = loop_watch(c->setup.loop, fds[i], crew_hand_ready, c);
    return 0;
}

static time_t wall_clock(void *ctx)
{
    (void)ctx;
    return time(NULL);
}

static int open_provers(struct crew *c, struct conf *conf, struct text *why)
{
    uint8_t secret[TOKEN_SECRET_LEN];

    c->judge_setup = (struct judge_setup){files_load, wall_clock, NULL, &c->rng};
    c->vault_setup = (struct vault_setup){&keystore_file, &c->rng, token_file_read(c->setup.token_fd, secret)};
    c->vault = vault_new(&c->vault_setup);
    c->vault_setup.token_secret = SPAN_NONE;
    secret_wipe(secret, sizeof(secret));
    c->judge = judge_new(&c->judge_setup);
    if (!c->vault || !c->judge)
        return ERR_MEMORY;
    if (vault_configure(c->vault, conf, why))
        return ERR_BAD;
    return judge_configure(c->judge, conf, why);
}

/* In a thread of the pool. */
static void crew_resolve(void *ctx, const struct ask *ask, struct answer *a, struct arena *arena)
{
    struct resolver r = {&((struct crew *)ctx)->setup.sockets, NULL};

    resolve_run(&r, ask, a, arena);
}

static int open_engine(struct crew *c)
{
    struct engine_setup e = {.loop = c->setup.loop, .conf = c->setup.conf, .algs = &alg_registry, .threads = workers_useful(2)};
    struct workers_setup w = {c->setup.loop, &alg_registry, FETCH_THREADS, FETCH_QUEUE_MAX, crew_resolve, crew_answer, c};

    e.sockets = &c->setup.sockets;
    e.keylog_fd = c->setup.keylog_fd;
    e.ask = crew_ask;
    e.tell = crew_tell;
    e.ctx = c;
    c->fetch = workers_new(&w);
    c->engine = engine_new(&e);
    return c->fetch && c->engine ? 0 : ERR_MEMORY;
}

static struct crew *single_close(struct crew *c)
{
    if (!c)
        return NULL;
    workers_free(c->fetch);
    c->engine = engine_free(c->engine);
    for (size_t i = 0; i < HAND_FDS_MAX; i++)
        watch_free(c->hand_watches[i]);
    timer_free(c->mend);
    hand_free(c->hand);
    verdicts_free(c->verdicts);
    nonces_free(c->nonces);
    vault_free(c->vault);
    judge_free(c->judge);
    free(c);
    return NULL;
}

/* The hand first: what is protected is closed before a secret is looked at or a packet sent. */
static struct crew *single_open(const struct crew_setup *s, struct text *why)
{
    struct crew *c = calloc(1, sizeof(*c));
    int err;

    if (!c)
        return NULL;
    c->setup = *s;
    err = open_hand(c, why);
    if (!err)
        err = open_provers(c, s->conf, why);
    if (!err)
        err = open_engine(c);
    if (!err)
        return c;
    if (!why->len)
        text_add(why, "%s", err_text(err));
    return single_close(c);
}

static void single_order(struct crew *c, const struct order *o)
{
    struct input in = {.kind = INPUT_ORDER, .u.order = *o};

    engine_hear(c->engine, &in);
}

static int single_configure(struct crew *c, struct conf *conf, const struct files *files, struct text *why)
{
    const struct order reload = {.kind = ORDER_RELOAD, .conf = conf};

    (void)files;
    if (vault_configure(c->vault, conf, why) || judge_configure(c->judge, conf, why))
        return ERR_BAD; /* both keep the generation that runs */
    if (hand_configure(c->hand, conf)) {
        text_add(why, "the kernel did not take every policy of the new configuration (see the log)");
        if (hand_configure(c->hand, c->setup.conf))
            text_add(why, "; nor the old ones again");
        crew_mend_later(c);
        return ERR_IO;
    }
    c->setup.conf = conf;
    verdicts_configure(c->verdicts, conf);
    single_order(c, &reload);
    return 0;
}

static int single_enable(struct crew *c, const char *connection, bool on)
{
    int err = on ? hand_enable(c->hand, connection) : hand_disable(c->hand, connection);

    crew_mend_later(c);
    return err;
}

static void single_disarm(struct crew *c)
{
    hand_disarm(c->hand);
}

static void single_status(struct crew *c, struct text *out)
{
    struct hand_counts h = hand_counts(c->hand);
    struct core_counts n = engine_counts(c->engine);
    const struct net_counts *d = engine_net_counts(c->engine);

    text_add(out, "IKE SAs %zu (half-open %zu), Child SAs %zu, exchanges %zu\n", n.ike_sas, n.half_open, n.child_sas,
             n.exchanges);
    text_add(out, "kernel SAs %zu, policies %zu: %zu protect, %zu trap, %zu block, %zu pass; resyncs %" PRIu64 "\n", h.sas,
             h.policies, h.protects, h.traps, h.blocks, h.passes, h.resyncs);
    text_add(out, "datagrams in %" PRIu64 " out %" PRIu64 ", send errors %" PRIu64 "\n", d->received, d->sent, d->send_errors);
}

static int single_traffic(struct crew *c, uint32_t spi_in, uint32_t spi_out, const struct addr *local, struct answer *out)
{
    const struct ask ask = ask_traffic(spi_in, spi_out, local);

    c->traffic = (struct answer){.result = ANSWER_FAILED};
    hand_ask(c->hand, &ask);
    *out = c->traffic;
    out->why = NULL;
    return out->result == ANSWER_OK ? 0 : ERR_NOT_FOUND;
}

const struct crew_kind crew_single = {single_open,   single_close,  single_order,  single_configure,
                                      single_enable, single_disarm, single_status, single_traffic};
