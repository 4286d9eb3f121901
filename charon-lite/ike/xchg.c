/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges run their recipes here: the asynchronous protocol reads top to bottom, step after step. */
#include "ike/ike.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void theirs_over(struct xchg *, bool answer);

static void xchg_patience(struct core *c, struct timer *t)
{
    struct xchg *x = CONTAINER_OF(t, struct xchg, patience);
    struct answer late = {.kind = x->waiting_for, .result = ANSWER_TIMEOUT, .why = "no answer in time"};

    (void)c;
    if (x->unsent)
        theirs_over(x, true);
    else
        xchg_answered(x, &late);
}

struct xchg *xchg_new(struct ike_sa *sa, const struct exchange *row, bool ours)
{
    struct xchg *x = calloc(1, sizeof(*x));
    struct arena arena;

    arena_init(&arena, XCHG_ARENA_MAX);
    if (!x || !arena_ready(&arena)) { /* now, while nothing is begun: there is a way back */
        memory_short(sa->core);
        free(x);
        return NULL;
    }
    x->arena = arena;
    x->core = sa->core;
    x->sa = sa;
    x->row = row;
    x->ours = ours;
    x->path = sa->path;
    x->message_id = ours ? sa->next_ours : sa->next_theirs;
    x->patience.fire = xchg_patience;
    x->retransmit.fire = window_retransmit;
    payload_list_init(&x->out, &x->arena);
    sa->core->counts.exchanges++;
    return x;
}

void xchg_free(struct xchg *x)
{
    if (!x)
        return;
    if (x->heir)
        x->heir->maker = NULL;
    if (x->heir && x->core->out) /* else the core itself goes, and takes it along */
        sa_kill(x->heir, FACT_NOTE, NULL);
    wake_stop(x->core, &x->patience);
    wake_stop(x->core, &x->retransmit);
    packets_done(&x->sent);
    fragments_done(&x->in_response);
    ticket_drop(x->core, &x->ticket);
    secret_done(&x->ke_private);
    secret_done(&x->ke_public);
    secret_done(&x->shared);
    secret_done(&x->ni);
    secret_done(&x->nr);
    x->core->counts.exchanges--;
    arena_done(&x->arena);
    free(x);
}

enum step refuse(struct xchg *x, uint16_t notify, const char *fmt, ...)
{
    const char *name = notify_name(notify);
    char why[600];
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    x->refusal = notify;
    tell(x->core, FACT_REFUSED, x->sa->peer, x->sa, NULL, "%s request refused with %s: %s", x->row->name,
         name ? name : "a notify", why);
    return STEP_REFUSE;
}

enum step drop(struct xchg *x, const char *fmt, ...)
{
    char why[400];
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    tell(x->core, FACT_DROPPED, x->sa->peer, x->sa, NULL, "%s %s dropped: %s", x->row->name, x->ours ? "response" : "request",
         why);
    return STEP_DROP;
}

enum step kill_sa(struct xchg *x, const char *fmt, ...)
{
    char why[600];
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    if (!x->ours && x->out.first) { /* the peer hears why before the SA is gone */
        (void)!window_send_reply(x);
        x->out.first = NULL;
    }
    sa_kill(x->sa, x->sa->state == IKE_UP || x->sa->state == IKE_LEAVING ? FACT_IKE_DOWN : FACT_IKE_FAILED, "%s", why);
    return STEP_KILL;
}

void farewell(struct ike_sa *sa, uint16_t notify)
{
    static const struct exchange informational = {.name = "INFORMATIONAL", .type = INFORMATIONAL};
    struct xchg *last = xchg_new(sa, &informational, true);
    struct payload *p;

    if (!last)
        return;
    if (notify)
        notify_add(&last->out, PROTOCOL_NONE, SPAN_NONE, notify, SPAN_NONE);
    else if ((p = payload_add(&last->out, PAYLOAD_DELETE)))
        p->u.del.protocol = PROTOCOL_IKE;
    window_send_request(last);
    xchg_free(last);
}

void xchg_turn_away(struct ike_sa *sa, const struct ike_header *h, const struct path *path, uint16_t notify, struct span data)
{
    const struct exchange row = {.name = "unexpected", .type = h->exchange};
    struct xchg *x = xchg_new(sa, &row, false);

    if (!x)
        return;
    x->message_id = h->message_id;
    x->path = *path;
    notify_add(&x->out, PROTOCOL_NONE, SPAN_NONE, notify, data);
    if (window_send_reply(x) == 0) /* else the peer asks again */
        sa->next_theirs++;
    xchg_free(x);
}

const struct payload *error_unknown(const struct payload *in)
{
    for (const struct payload *n = payload_find(in, PAYLOAD_NOTIFY); n; n = payload_after(n, PAYLOAD_NOTIFY))
        if (n->u.notify.type <= NOTIFY_ERROR_MAX && !notify_name(n->u.notify.type))
            return n;
    return NULL;
}

enum step xchg_ask(struct xchg *x, struct ask *ask)
{
    ticket_drop(x->core, &x->ticket);
    x->ticket = ask->ticket = ticket_take(x->core, TICKET_XCHG, x);
    x->waiting_for = ask->kind;
    ask->deadline = usec_add(x->core->now, ANSWER_WAIT);
    wake_set(x->core, &x->patience, x->ticket.slot && out_ask(x->core, ask) ? ask->deadline : x->core->now);
    return STEP_WAIT;
}

struct proposals xchg_offer(struct xchg *x, struct proposals from)
{
    struct proposal *v = from.n ? arena_alloc(&x->arena, from.n * sizeof(*v)) : NULL;

    for (size_t i = 0; v && i < from.n; i++) {
        struct span own = arena_copy(&x->arena, span_of(from.v[i].transforms, from.v[i].n_transforms * sizeof(struct transform)));

        if (!own.p)
            return (struct proposals){NULL, 0};
        v[i] = from.v[i];
        v[i].number = (uint8_t)(i + 1);
        v[i].transforms = (const struct transform *)(const void *)own.p;
    }
    return (struct proposals){v, v ? from.n : 0};
}

void riders_write(struct xchg *x)
{
    for (const struct rider *const *r = x->row->riders; r && *r; r++)
        if ((*r)->write && (!(*r)->boards || (*r)->boards(x)))
            (*r)->write(x);
}

void riders_read(struct xchg *x)
{
    for (const struct rider *const *r = x->row->riders; r && *r; r++)
        if ((*r)->read)
            (*r)->read(x);
}

/* --- how recipes end
 * -------------------------------------------------------------------------------------------------------------- */

static void ours_over(struct xchg *x)
{
    struct ike_sa *sa = x->sa;

    if (x->arena.failed || x->out.failed)
        memory_short(x->core);
    if (x->child) /* nothing came of it */
        child_end(x->child, x->rekeys_child, NULL);
    sa->ours = NULL;
    xchg_free(x);
    sa_wake(sa);
}

/* Parts of it are missing for want of memory: back to where it was not begun. */
static void request_undone(struct xchg *x)
{
    struct child_sa *old = x->rekeys_child ? ticket_find(x->core, x->old_child, TICKET_CHILD_SA) : NULL;

    if (old)
        old->rekeying = false;
    ours_over(x);
}

/* Ours: the request is built. */
static void request_ready(struct xchg *x)
{
    struct ike_sa *sa = x->sa;

    if ((x->out.failed || x->arena.failed) && x->row->type == CREATE_CHILD_SA) {
        request_undone(x);
        return;
    }
    x->at = NULL;
    sa->next_ours = x->message_id + 1;
    window_send_request(x);
}

static void theirs_over(struct xchg *x, bool answer)
{
    bool fatal = answer && x->row->type != IKE_SA_INIT && notify_find(x->out.first, INVALID_SYNTAX);
    struct ike_sa *sa = x->sa;

    if (answer && window_send_reply(x) < 0) { /* everything is done but this */
        x->unsent = true;
        x->at = NULL;
        wake_set(x->core, &x->patience, x->core->now + MEMORY_WAIT);
        return;
    }
    if (answer)
        sa->next_theirs = x->message_id + 1;
    sa->theirs = NULL;
    if (answer)
        child_told(x);
    xchg_free(x);
    if (sa->state == IKE_BORN && !sa->initiator)
        sa_kill(sa, FACT_DROPPED, "IKE_SA_INIT came to nothing"); /* nothing is kept of it */
    else if (fatal)                                               /* at both ends, without a Delete (2.21.3) */
        sa_kill(sa, FACT_IKE_DOWN, "the peer's request was malformed");
    else
        sa_wake(sa);
}

static void refuse_reply(struct xchg *x)
{
    payload_list_init(&x->out, &x->arena);
    notify_add(&x->out, x->refusal_protocol, SPAN_NONE, x->refusal, x->refusal_data);
}

static void xchg_end(struct xchg *x, enum step last)
{
    if (last == STEP_KILL) /* sa_kill took the exchange along: it is freed with the SA */
        return;
    if (x->ours && !x->concluding) {
        if (last == STEP_DONE)
            request_ready(x);
        else
            ours_over(x);
    } else if (x->ours && last == STEP_DROP && x->row->type == IKE_SA_INIT) {
        x->concluding = false; /* as if it had not come: wait for another (2.21.1) */
    } else if (x->ours && last == STEP_AGAIN) {
        wake_stop(x->core, &x->retransmit);
        packets_done(&x->sent); /* whatever still comes to that is late: nothing is outstanding until the new one is made */
        xchg_begin(x);
    } else if (x->ours) {
        ours_over(x);
    } else {
        if (last == STEP_REFUSE)
            refuse_reply(x);
        theirs_over(x, last != STEP_DROP);
    }
}

void xchg_run(struct xchg *x)
{
    enum step s = STEP_NEXT;

    while (s == STEP_NEXT && x->at && *x->at) {
        step_fn *fn = *x->at++;

        s = fn(x);
        x->answer = NULL;
    }
    if (s == STEP_WAIT)
        return;
    xchg_end(x, s == STEP_NEXT ? STEP_DONE : s);
}

void xchg_answered(struct xchg *x, const struct answer *a)
{
    wake_stop(x->core, &x->patience);
    ticket_drop(x->core, &x->ticket);
    x->answer = a;
    xchg_run(x);
}

void xchg_begin(struct xchg *x)
{
    x->concluding = false;
    x->sa->ours = x;
    payload_list_init(&x->out, &x->arena);
    x->at = x->row->initiate;
    xchg_run(x);
}

/* --- what came
 * ------------------------------------------------------------------------------------------------------------------- */

static const struct exchange *row_of_request(const struct ike_header *h, const struct payload *in)
{
    const struct payload *sa = payload_find(in, PAYLOAD_SA);

    switch (h->exchange) {
    case IKE_SA_INIT:
        return &exchange_init;
    case IKE_AUTH:
        return &exchange_auth;
    case INFORMATIONAL:
        return &exchange_info;
    case CREATE_CHILD_SA:
        return sa && sa->u.sa.n && sa->u.sa.v[0].protocol == PROTOCOL_IKE ? &exchange_rekey_ike : &exchange_child;
    }
    return NULL;
}

/* The one table of state x exchange for requests; everything that is not here is dropped (RFC 7296 2.2, 2.5). */
static bool request_in_season(const struct ike_sa *sa, const struct exchange *row)
{
    switch (sa->state) {
    case IKE_BORN:
        return row == &exchange_init && !sa->initiator;
    case IKE_KEYED:
        return row == &exchange_auth && !sa->initiator;
    case IKE_UP:
    case IKE_LEAVING:
        return row == &exchange_child || row == &exchange_rekey_ike || row == &exchange_info;
    default:
        return false;
    }
}

static void xchg_take(struct xchg *x, const struct ike_header *h, const struct path *path, struct payload *in, struct arena *a)
{
    arena_done(&x->arena);
    x->arena = *a; /* what was read belongs to the exchange from here */
    arena_init(a, XCHG_ARENA_MAX);
    payload_list_init(&x->out, &x->arena);
    x->header = *h;
    x->path = *path;
    x->in = in;
}

void xchg_request(struct ike_sa *sa, const struct ike_header *h, const struct path *path, struct payload *in, struct arena *a)
{
    const struct exchange *row = row_of_request(h, in);
    struct xchg *x;

    if (!row || !request_in_season(sa, row) || sa->theirs) {
        tell(sa->core, FACT_DROPPED, sa->peer, sa, NULL, "%s request does not fit the state %s", row ? row->name : "unknown",
             sa_state_name(sa->state));
        if (sa->state == IKE_BORN)
            sa_kill(sa, FACT_DROPPED, "no use for it");
        else if (sa->state >= IKE_UP && !sa->theirs) /* who is authenticated gets an answer, also to that (2.21.3) */
            xchg_turn_away(sa, h, path, NO_PROPOSAL_CHOSEN, SPAN_NONE);
        return;
    }
    x = xchg_new(sa, row, false);
    if (!x) {
        if (sa->state == IKE_BORN)
            sa_kill(sa, FACT_DROPPED, "out of memory");
        return;
    }
    sa->theirs = x;
    xchg_take(x, h, path, in, a);
    x->at = row->respond;
    if ((payload_types(in) & row->must) != row->must) {
        if (sa->state == IKE_BORN)
            xchg_end(x, drop(x, "a payload that must be there is missing"));
        else
            xchg_end(x, refuse(x, INVALID_SYNTAX, "a payload that must be there is missing"));
        return;
    }
    xchg_run(x);
}

void xchg_response(struct ike_sa *sa, const struct ike_header *h, const struct path *path, struct payload *in, struct arena *a)
{
    struct xchg *x = sa->ours;
    struct arena before = x->arena; /* the request's memory goes after the answer has been read */

    x->arena = (struct arena){.max = XCHG_ARENA_MAX};
    xchg_take(x, h, path, in, a);
    if (x->row->type == IKE_SA_INIT || x->row->type == IKE_AUTH || x->row->type == CREATE_CHILD_SA)
        arena_join(&x->arena, &before); /* offers made are compared with what came back */
    else
        arena_done(&before);
    x->concluding = true;
    if (x->row->type != IKE_SA_INIT)
        wake_stop(x->core, &x->retransmit);
    if (x->row->type != IKE_SA_INIT && notify_find(x->in, INVALID_SYNTAX)) { /* the peer has no IKE SA any more (2.21.3) */
        kill_sa(x, "the peer found our %s request malformed (INVALID_SYNTAX)", x->row->name);
        return;
    }
    x->at = x->row->conclude;
    xchg_run(x);
}
