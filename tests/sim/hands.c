/* SPDX-License-Identifier: Apache-2.0 */
/* The production hand of an end: what the daemon's process of that name is made of, over the model kernel. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the hand says to the core, on its way. */
struct letter {
    struct end *end;
    unsigned life;
    struct input in;
    char why[160];
    uint8_t bytes[]; /* nonces */
};

static void letter_arrives(struct world *w, void *arg)
{
    struct letter *l = arg;

    (void)w;
    if (l->life == l->end->life)
        end_step(l->end, &l->in);
}

static struct span letter_bytes(const struct input *in)
{
    bool nonces = in->kind == INPUT_ANSWER && in->u.answer.kind == ASK_NONCES && in->u.answer.result == ANSWER_OK;

    return nonces ? in->u.answer.u.nonces.bytes : SPAN_NONE;
}

void end_hand_says(struct end *e, const struct input *in)
{
    struct span bytes = letter_bytes(in);
    struct letter *l = calloc(1, sizeof(*l) + bytes.len);
    usec_t at = e->world->now + dice_between(&e->world->dice, 20, 300);

    if (!l)
        abort();
    l->end = e;
    l->life = e->life;
    l->in = *in;
    if (in->kind == INPUT_ANSWER && in->u.answer.why) {
        snprintf(l->why, sizeof(l->why), "%s", in->u.answer.why);
        l->in.u.answer.why = l->why;
    }
    if (bytes.len) {
        memcpy(l->bytes, bytes.p, bytes.len);
        l->in.u.answer.u.nonces.bytes.p = l->bytes;
    }
    e->posted_until = at > e->posted_until ? at : e->posted_until;
    world_at_end(e, e->posted_until, letter_arrives, l);
}

/* --- the hand's setup ------------------------------------------------------------------------------------------------- */

static void on_answer(void *ctx, const struct answer *a)
{
    struct end *e = ctx;

    if (!e->said)
        world_fail(e->world, "end %u: the hand answers what nobody asked", e->index);
    else
        *e->said = *a;
    e->said = NULL;
}

static void on_event(void *ctx, const struct event *ev)
{
    struct input in = {.kind = INPUT_EVENT, .u.event = *ev};

    end_hand_says(ctx, &in);
}

static void on_log(void *ctx, enum level level, const char *sentence)
{
    struct end *e = ctx;

    if (level <= LEVEL_WARNING)
        world_trace(e->world, "%u hand: %s", e->index, sentence);
}

static bool on_verdict(void *ctx, const struct peer_ref *peer)
{
    struct end *e = ctx;

    return verdicts_hold(e->verdicts, peer, e->world->now);
}

static usec_t on_now(void *ctx)
{
    return ((struct end *)ctx)->world->now;
}

static int64_t on_wall_s(void *ctx)
{
    return end_wall_s(ctx);
}

/* A configuration is in force when the kernel has taken all of it; until then, what is in the one before it and in this one. The
 * first one: until then the machine forwards nothing, for the daemon begins before the network does. */
static void closing(struct end *e, struct conf *conf)
{
    conf_unref(e->closing);
    e->closing = conf_ref(conf);
}

static void closed(struct end *e)
{
    if (!e->closing || hand_deadline(e->hand) != USEC_NEVER)
        return;
    conf_unref(e->closed);
    e->closed = e->closing;
    e->closing = NULL;
    e->xfrm.on = true;
    law_closed(e);
}

/* Orders to the kernel that failed: the hand comes back to them by itself. */
static void mends(struct world *w, void *arg)
{
    struct end *e = *(struct end **)arg;

    (void)w;
    e->mend_at = USEC_NEVER;
    if (!e->hand)
        return;
    hand_mend(e->hand);
    closed(e);
    end_hand_later(e);
    end_bury(e);
}

void end_hand_later(struct end *e)
{
    usec_t at = e->hand ? hand_deadline(e->hand) : USEC_NEVER;
    struct end **arg;

    if (at == USEC_NEVER || e->mend_at <= at)
        return;
    arg = malloc(sizeof(struct end *));
    if (!arg)
        abort();
    *arg = e;
    e->mend_at = at;
    world_at_end(e, at, mends, arg);
}

void end_hand_begins(struct end *e)
{
    static const char *const no_files[] = {NULL};
    struct hand_setup setup = {.backend = &backend_world,
                               .backend_setup = {.ctx = e},
                               .conf = e->conf,
                               .resolv_conf = no_files,
                               .answer = on_answer,
                               .event = on_event,
                               .log = on_log,
                               .verdict = on_verdict,
                               .ctx = e,
                               .now = on_now,
                               .wall_s = on_wall_s,
                               .rng = &e->hand_rng};
    char words[200];
    struct text why = text_in(words, sizeof(words));

    e->verdicts = verdicts_new(e->conf, e->verdicts_max ? e->verdicts_max : 2 * (size_t)e->conf->limits.ike_max + 1024);
    e->nonces = nonces_new(&e->hand_rng, NONCES_KEPT_MIN);
    e->posted_until = 0;
    closing(e, e->conf);
    e->hand = hand_new(&setup, &why);
    if (!e->hand || !e->verdicts || !e->nonces)
        world_fail(e->world, "end %u: no hand: %s", e->index, words);
    e->mend_at = USEC_NEVER;
    if (!e->hand)
        return;
    closed(e);
    end_hand_later(e);
}

void end_hand_ends(struct end *e)
{
    e->hand = hand_free(e->hand);
    e->verdicts = verdicts_free(e->verdicts);
    e->nonces = nonces_free(e->nonces);
    e->said = NULL;
}

bool end_hand_configures(struct end *e, struct conf *conf)
{
    bool ok;

    closing(e, conf);
    ok = hand_configure(e->hand, conf) == 0;
    if (ok) {
        verdicts_configure(e->verdicts, conf);
    } else {
        world_trace(e->world, "%u the kernel does not take the new configuration", e->index);
        closing(e, e->conf);
        (void)hand_configure(e->hand, e->conf);
    }
    closed(e);
    end_hand_later(e);
    return ok;
}

void end_hand_reads(struct end *e)
{
    hand_read(e->hand);
    end_hand_later(e);
    end_bury(e);
}

/* --- asks ------------------------------------------------------------------------------------------------------------- */

/* A core that keeps to its configuration gives the hand no cause to refuse; only what the kernel said, or a configuration that
 * has gone on meanwhile, or that a verdict was lost on its way. What the kernel cannot select (ERR_UNSUPPORTED, ERR_LIMIT) a peer
 * may ask for. */
static void law_allowed(struct end *e, const struct ask *q, const struct answer *a, unsigned failed_before)
{
    int err = a->u.install.error;
    bool refused = err == ERR_REFUSED || err == ERR_BAD || (err == ERR_UNPROVED && !e->lost_a_verdict);

    if ((q->kind != ASK_CHILD_INSTALL && q->kind != ASK_CHILD_OUTBOUND) || e->dying)
        return;
    LAW(e->world, LAW_HAND,
        !refused || e->xfrm.failed != failed_before || q->u.child.peer.generation != e->generation || e->stopping,
        "end %u: the hand refuses an ask: %s", e->index, a->why ? a->why : err_text(err));
}

int xfrm_perform(struct end *e, const struct ask *q, struct answer *out)
{
    bool child = q->kind != ASK_ACQUIRE_DONE && q->kind != ASK_NONCES;
    unsigned failed = e->xfrm.failed;

    *out = (struct answer){.ticket = q->ticket, .kind = q->kind, .result = ANSWER_FAILED};
    e->said = out;
    e->xfrm.doing = child ? &q->u.child : NULL;
    e->xfrm.doing_outbound = q->kind == ASK_CHILD_OUTBOUND;
    e->xfrm.faults.exists = e->install_exists;
    hand_ask(e->hand, q);
    end_hand_later(e);
    e->xfrm.doing = NULL;
    if (e->said)
        world_fail(e->world, "end %u: the hand leaves an ask without an answer", e->index);
    e->said = NULL;
    law_allowed(e, q, out, failed);
    if (q->kind == ASK_CHILD_QUERY)
        return out->result == ANSWER_OK ? 0 : ERR_NOT_FOUND;
    return out->u.install.error;
}
