/* SPDX-License-Identifier: Apache-2.0 */
/* One wrong message, and what became of it. */
#include "ike/ike.h"
#include "mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct wrong last;

const struct wrong *mutant_last(void)
{
    return &last;
}

/* --- making -------------------------------------------------------------------------------------------------------------------
 */

static bool take(struct mutant *m, struct span bytes)
{
    struct pupil *s = m->p->ike;
    uint8_t next = bytes.len > IKE_HEADER_LEN ? bytes.p[16] : 0;
    size_t head = next == PAYLOAD_SKF ? 8 : 4;

    if (m->p->w->failed || bytes.len > sizeof(m->bytes))
        return false;
    memcpy(m->bytes, bytes.p, bytes.len);
    m->len = bytes.len;
    m->sealed = next == PAYLOAD_SK || next == PAYLOAD_SKF;
    m->fragment = next == PAYLOAD_SKF;
    if (!m->sealed)
        return true;
    m->plain_at = IKE_HEADER_LEN + head + 8;
    m->plain_len = bytes.len - m->plain_at - 1 - 16;
    m->key = s->initiator ? s->keys.ei : s->keys.er; /* the pupil's, who outlives the mutant */
    return true;
}

bool mutant_request(struct mutant *m, uint8_t exchange)
{
    struct puppet *p = m->p;

    m->path = (struct path){.local = p->there, .remote = p->here};
    return take(m, message_make(p, exchange, p->ike->next_ours++, false));
}

bool mutant_reply(struct mutant *m, const struct said *to)
{
    if (!to || m->p->w->failed)
        return false;
    m->path = (struct path){.local = to->src, .remote = to->dst, .natt = to->src.port == 4500};
    return take(m, message_make(m->p, to->h.exchange, to->h.message_id, true));
}

bool mutant_fragment(struct mutant *m, uint8_t exchange, uint32_t id, bool response, size_t i, size_t n)
{
    size_t plain = message_make(m->p, exchange, id, response).len - IKE_HEADER_LEN - 4 - 8 - 1 - 16;
    struct span v[16];

    if (m->p->w->failed || fragments_make(m->p, exchange, id, response, (plain + n - 1) / n, v, COUNT_OF(v)) != n)
        return false;
    for (size_t k = 0; k < n; k++)
        if (k != i)
            mutant_deliver(m, v[k]);
    return take(m, v[i]);
}

/* --- shooting ------------------------------------------------------------------------------------------------------------------
 */

void mutant_deliver(struct mutant *m, struct span bytes)
{
    struct input in = {.kind = INPUT_PACKET, .u.packet = {.path = m->path, .data = bytes}};

    end_step(m->p->gate, &in);
}

void mutant_settle(struct mutant *m)
{
    struct look l;

    for (unsigned k = 0; k < 200 && !m->p->w->failed; k++) {
        look_at_gate(m, &l);
        if (!m->p->w->n_queue && !l.busy)
            return;
        world_run(m->p->w, 5 * USEC_MSEC);
    }
}

static void ears_empty(struct puppet *p)
{
    p->n_inbox = p->n_heard = 0;
}

/* In memory of exactly its size, so that a sanitizer sees a read past the end. */
static void deliver_exactly(struct mutant *m, const struct wrong *w)
{
    uint8_t *exact = malloc(w->len ? w->len : 1);

    if (!exact)
        abort();
    memcpy(exact, w->bytes, w->len);
    mutant_deliver(m, span_of(exact, w->len));
    free(exact);
}

/* Answers to the message: the fragments of one are one. The gate's own requests are counted apart. */
static bool few_answers(struct puppet *p)
{
    unsigned answers = 0, requests = 0;

    for (size_t i = 0; i < p->n_inbox; i++) {
        struct span d = p->inbox[i];

        if (d.len < IKE_HEADER_LEN + 8)
            return false;
        if (d.p[16] == PAYLOAD_SKF && get_u16(d.p + IKE_HEADER_LEN + 4) != 1)
            continue;
        if (d.p[19] & IKE_FLAG_RESPONSE)
            answers++;
        else
            requests++;
    }
    if (answers > 1 || requests > 3)
        world_fail(p->w, "%u answers to one message, and %u requests", answers, requests);
    return !p->w->failed;
}

/* The body of the first payload of a type; false when there is none. Reads by itself: it judges those who read. */
static bool body_of(uint8_t first, struct span chain, uint8_t type, struct span *body)
{
    for (size_t at = 0; first && at + 4 <= chain.len;) {
        size_t len = get_u16(chain.p + at + 2);

        if (len < 4 || at + len > chain.len)
            return false;
        *body = span_part(chain, at + 4, len - 4);
        if (first == type)
            return true;
        first = chain.p[at];
        at += len;
    }
    return false;
}

/* The type and the data of an identity; AUTH whole. */
static bool proof_intact(const struct mutant *m, const struct wrong *w)
{
    struct span honest = span_of(m->bytes + m->plain_at, m->plain_len), wrong = span_of(w->plain, w->plain_len), a, b;
    uint8_t id = m->bytes[19] & IKE_FLAG_RESPONSE ? PAYLOAD_IDR : PAYLOAD_IDI;

    if (!body_of(m->bytes[IKE_HEADER_LEN], honest, PAYLOAD_AUTH, &a) || !body_of(w->first, wrong, PAYLOAD_AUTH, &b) ||
        !span_equal(span_part(a, 4, a.len), span_part(b, 4, b.len)) || a.p[0] != b.p[0])
        return false;
    return body_of(m->bytes[IKE_HEADER_LEN], honest, id, &a) && body_of(w->first, wrong, id, &b) && a.p[0] == b.p[0] &&
           span_equal(span_part(a, 4, a.len), span_part(b, 4, b.len));
}

static void judge_proof(struct mutant *m, const struct look *before, const struct look *now)
{
    if (now->up <= before->up || m->fragment)
        return;
    if (m->kind->flags & KIND_INIT || (m->kind->flags & KIND_PROVES && !proof_intact(m, &last)))
        world_fail(m->p->w, "an IKE SA is UP without a proof");
}

enum shot mutant_shoot(struct mutant *m, size_t n, struct look *now)
{
    struct look before = *now;

    wrong_make(m, n, &last);
    ears_empty(m->p);
    arena_reset(&m->p->arena);
    deliver_exactly(m, &last);
    look_at_gate(m, now);
    if (now->all != before.all) {
        mutant_settle(m);
        look_at_gate(m, now);
    }
    if (!few_answers(m->p))
        return SHOT_WRONG;
    judge_proof(m, &before, now);
    if (m->p->w->failed)
        return SHOT_WRONG;
    if (now->all == before.all)
        return SHOT_KEPT;
    if (now->steady == before.steady && now->next_id == before.next_id + 1 && !m->fragment) {
        m->ids++;
        return SHOT_ANSWERED;
    }
    return now->there ? SHOT_TAKEN : SHOT_GONE;
}

/* --- afterwards
 * ----------------------------------------------------------------------------------------------------------------- */

/* After an IKE_SA_INIT that was changed on the way, the peers go on as they can; the proof must not fit. */
static void go_on(struct mutant *m)
{
    struct puppet *p = m->p;
    struct look l;
    const struct said *said;

    if (m->bytes[19] & IKE_FLAG_RESPONSE) {
        said = hear_for(p, 100 * USEC_MSEC);
        if (said && said->sealed && said->in && !p->w->failed) {
            say_auth_answer(p, said);
            reply(p, said);
        }
    } else {
        said = hear_for(p, 100 * USEC_MSEC);
        if (said && part(said, PAYLOAD_KE) && part(said, PAYLOAD_SA) && part(said, PAYLOAD_NONCE) && init_take(p, said)) {
            p->ike->next_ours = 1;
            say_auth(p);
            request(p, IKE_AUTH);
        }
    }
    p->w->failed = false; /* the puppet may not know how to go on; the gate must */
    world_run(p->w, 100 * USEC_MSEC);
    look_at_gate(m, &l);
    if (l.up || l.kernel)
        world_fail(p->w, "an IKE SA is UP although IKE_SA_INIT was changed on the way");
}

/* Who is up still answers. */
static void still_answers(struct mutant *m, const struct look *l)
{
    struct puppet *p = m->p;
    const struct said *said;

    ears_empty(p);
    m->p->ike->next_ours = l->next_id;
    say(p);
    request(p, INFORMATIONAL);
    for (said = hear(p); said && !said->response;)
        said = hear(p);
    if (!said && !p->w->failed)
        world_fail(p->w, "the IKE SA is UP, and does not answer");
}

static void stop_gate(struct puppet *p)
{
    const char *left;

    end_order(p->gate, ORDER_STOP, NULL, NULL);
    for (unsigned k = 0; k < 60 && !p->w->failed && !p->gate->facts[FACT_STOPPED]; k++) {
        world_run(p->w, 2 * USEC_SEC);
        ears_empty(p);
    }
    world_run(p->w, 10 * USEC_SEC);
    if (p->w->failed)
        return;
    if (!p->gate->facts[FACT_STOPPED])
        world_fail(p->w, "the gate does not stop");
    left = laws_empty(p->w);
    if (left)
        world_fail(p->w, "after the stop: %s", left);
}

bool mutant_aftermath(struct mutant *m, const struct wrong *w)
{
    struct look l;

    if (m->kind->flags & KIND_INIT && w && !span_equal(span_of(w->bytes, w->len), span_of(m->bytes, m->len)))
        go_on(m);
    world_run(m->p->w, 200 * USEC_MSEC);
    mutant_settle(m);
    look_at_gate(m, &l);
    if (!l.alike && !m->p->w->failed)
        world_fail(m->p->w, "the kernel holds other SAs than the core (%zu)", l.kernel);
    if (l.there && l.usable && !(m->kind->flags & KIND_INIT))
        still_answers(m, &l);
    stop_gate(m->p);
    return !m->p->w->failed;
}

bool mutant_honest(struct mutant *m)
{
    if (m->kind->flags & KIND_INIT && !(m->bytes[19] & IKE_FLAG_RESPONSE))
        world_run(m->p->w, 5 * USEC_SEC); /* strangers are held to a rate */
    ears_empty(m->p);
    wrong_honest(m, &last);
    deliver_exactly(m, &last);
    mutant_settle(m);
    if (!m->p->w->failed && !m->kind->works(m))
        world_fail(m->p->w, "the honest message does not work any more");
    return !m->p->w->failed;
}
