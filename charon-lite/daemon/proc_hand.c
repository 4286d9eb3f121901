/* SPDX-License-Identifier: Apache-2.0 */
/* The hand's process: CAP_NET_ADMIN and the kernel's sockets; believes vault and judge about who a peer is, never the core. */
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/nonces.h"
#include "daemon/proc.h"
#include "daemon/verdicts.h"
#include "kernel/hand.h"

extern const struct alg_registry alg_registry;

struct hand_proc {
    struct proc *proc;
    struct hand *hand;
    struct verdicts *verdicts;
    struct rng rng;
    struct nonces *nonces;
    struct watch *watches[HAND_FDS_MAX];
    struct timer *mend;
    struct arena arena; /* of the question that is read */
};

static void hand_answered(void *ctx, const struct answer *a)
{
    struct hand_proc *h = ctx;
    struct channel *core = a->ticket.slot ? proc_link(h->proc, ROLE_CORE) : NULL; /* an order that nobody waits for */

    if (a->ticket.slot == TRAFFIC_SLOT)
        frame_answer(h->proc->parent.channel, a);
    else if (core)
        frame_answer(core, a);
}

static void hand_happened(void *ctx, const struct event *e)
{
    struct hand_proc *h = ctx;
    struct channel *core = proc_link(h->proc, ROLE_CORE);
    struct buf *b = core ? channel_begin(core, FRAME_EVENT) : NULL;

    if (!b)
        return;
    words_put_event(b, e);
    channel_end(core);
}

static void hand_says(void *ctx, enum level level, const char *sentence)
{
    proc_say(((struct hand_proc *)ctx)->proc, level, sentence);
}

static void hand_prints(void *ctx, const char *line)
{
    proc_say(((struct hand_proc *)ctx)->proc, LEVEL_INFO, line);
}

/* The verdict was sent before the core could know of it, but another channel may be read first. */
static bool hand_believes(void *ctx, const struct peer_ref *peer)
{
    struct hand_proc *h = ctx;

    if (verdicts_hold(h->verdicts, peer, loop_now()))
        return true;
    if (proc_link(h->proc, ROLE_VAULT))
        channel_pull(h->proc->links[ROLE_VAULT].channel);
    if (proc_link(h->proc, ROLE_JUDGE))
        channel_pull(h->proc->links[ROLE_JUDGE].channel);
    return verdicts_hold(h->verdicts, peer, loop_now());
}

static void hand_ready(void *ctx, unsigned what)
{
    struct hand_proc *h = ctx;

    (void)what;
    hand_read(h->hand);
    timer_set(h->mend, hand_deadline(h->hand));
}

static void hand_due(void *ctx, unsigned what)
{
    struct hand_proc *h = ctx;

    (void)what;
    hand_mend(h->hand);
    timer_set(h->mend, hand_deadline(h->hand));
}

static size_t verdicts_max(const struct conf *c)
{
    return 2 * (size_t)c->limits.ike_max + 1024;
}

static int hand_open(struct proc *p, struct text *why)
{
    struct hand_proc *h = calloc(1, sizeof(*h));
    struct hand_setup s = {.backend = p->dry_run ? &backend_dry : &backend_xfrm, .conf = p->conf};
    int fds[HAND_FDS_MAX];
    size_t n;

    if (!h)
        return ERR_MEMORY;
    p->self = h;
    h->proc = p;
    arena_init(&h->arena, WORDS_MAX);
    h->verdicts = verdicts_new(p->conf, verdicts_max(p->conf));
    h->rng = loop_rng();
    h->nonces = nonces_new(&h->rng, NONCES_KEPT_MIN);
    s.backend_setup = (struct backend_setup){hand_prints, h};
    s.answer = hand_answered;
    s.event = hand_happened;
    s.log = hand_says;
    s.verdict = hand_believes;
    s.ctx = h;
    h->mend = loop_timer(p->loop, hand_due, h);
    h->hand = h->verdicts && h->nonces && h->mend ? hand_new(&s, why) : NULL;
    if (!h->hand)
        return ERR_IO;
    timer_set(h->mend, hand_deadline(h->hand));
    n = hand_fds(h->hand, fds);
    for (size_t i = 0; i < n; i++)
        h->watches[i] = loop_watch(p->loop, fds[i], hand_ready, h);
    return 0;
}

static int hand_reconfigure(struct proc *p, struct conf *conf, struct text *why)
{
    struct hand_proc *h = p->self;

    int err = hand_configure(h->hand, conf);

    if (!err) {
        verdicts_configure(h->verdicts, conf);
    } else {
        text_add(why, "the kernel did not take every policy of the new configuration (see the log)");
        if (hand_configure(h->hand, p->conf))
            text_add(why, "; nor the old ones again");
        err = ERR_IO;
    }
    timer_set(h->mend, hand_deadline(h->hand));
    return err;
}

static void hand_issues(struct hand_proc *h, const struct ask *ask, struct arena *arena)
{
    struct channel *core = proc_link(h->proc, ROLE_CORE);
    struct answer a;

    nonces_answer(h->nonces, ask, &a, arena);
    if (core)
        frame_answer(core, &a);
}

static void hand_asked(struct hand_proc *h, bool parent, struct span body)
{
    struct reader r = reader_of(body);
    struct ask ask;

    if (words_get_ask(&r, &alg_registry, &h->arena, &ask) || ask.to != ASK_HAND)
        ;
    else if (ask.kind == ASK_NONCES && !parent)
        hand_issues(h, &ask, &h->arena);
    else if (parent == (ask.ticket.slot == TRAFFIC_SLOT && ask.kind == ASK_CHILD_QUERY))
        hand_ask(h->hand, &ask);
    arena_reset(&h->arena);
}

static void hand_told(struct hand_proc *h, struct span body)
{
    struct reader r = reader_of(body);
    struct peer_ref peer = {.generation = read_u32(&r)};
    struct span nonce;
    usec_t until;

    peer.connection = read_u16(&r);
    peer.handle = read_u32(&r);
    until = (usec_t)read_u64(&r);
    nonce = read_rest(&r);
    if (r.failed)
        return;
    if (nonces_spend(h->nonces, nonce))
        verdicts_add(h->verdicts, &peer, until);
    else
        hand_says(h, LEVEL_WARNING, "a verdict on a nonce that was not issued, or was spent or forgotten, is not believed");
}

static void hand_enabled(struct hand_proc *h, struct span body)
{
    struct reader r = reader_of(body);
    bool on = read_u8(&r);
    char name[300];
    struct text t = text_in(name, sizeof(name));
    struct span s = read_rest(&r);

    text_add(&t, "%.*s", (int)s.len, (const char *)s.p);
    frame_done(h->proc->parent.channel, on ? hand_enable(h->hand, name) : hand_disable(h->hand, name), SPAN_NONE);
}

static void hand_status(struct hand_proc *h)
{
    char text[500];
    struct text t = text_in(text, sizeof(text));
    struct hand_counts n = hand_counts(h->hand);

    text_add(&t, "kernel SAs %zu, policies %zu: %zu protect, %zu trap, %zu block, %zu pass; resyncs %" PRIu64 "; verdicts %zu\n",
             n.sas, n.policies, n.protects, n.traps, n.blocks, n.passes, n.resyncs, verdicts_count(h->verdicts));
    frame_done(h->proc->parent.channel, 0, span_str(text));
}

static void hand_frame(struct proc *p, enum role from, uint8_t type, struct span body)
{
    struct hand_proc *h = p->self;

    if (type == FRAME_ASK && (from == ROLE_CORE || from == ROLE_COUNT))
        hand_asked(h, from == ROLE_COUNT, body);
    else if (type == FRAME_VERDICT && (from == ROLE_VAULT || from == ROLE_JUDGE))
        hand_told(h, body);
    else if (type == FRAME_ENABLE && from == ROLE_COUNT)
        hand_enabled(h, body);
    else if (type == FRAME_STATUS && from == ROLE_COUNT)
        hand_status(h);
    else if (type == FRAME_DISARM && from == ROLE_COUNT) {
        hand_disarm(h->hand);
        frame_done(p->parent.channel, 0, SPAN_NONE);
    }
    timer_set(h->mend, hand_deadline(h->hand));
}

const struct proc_kind proc_hand = {hand_open, hand_frame, hand_reconfigure, false, NULL};
