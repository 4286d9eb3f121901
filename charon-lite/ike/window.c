/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message IDs, retransmission, cached replies (RFC 7296 2.1 - 2.4). The window is 1: one request of ours and one of theirs at a
 * time. A request is repeated byte for byte by who made it; a responder only answers, and repeats its last answer for a repeated
 * request.
 */
#include "ike/ike.h"

#include <stdlib.h>

void packets_add(struct packets *p, struct span datagram)
{
    if (!p->bytes.max)
        buf_init(&p->bytes, 2 * MESSAGE_MAX);
    buf_expect(&p->bytes, 2 + datagram.len);
    buf_u16(&p->bytes, (uint16_t)datagram.len);
    buf_span(&p->bytes, datagram);
}

void packets_send(struct core *c, const struct packets *p, const struct path *path)
{
    struct reader r = reader_of(buf_view(&p->bytes));

    while (read_left(&r) > 2) {
        uint16_t len = read_u16(&r);

        out_send(c, path, read_span(&r, len));
    }
}

void packets_done(struct packets *p)
{
    buf_done(&p->bytes);
    p->bytes.max = 0;
}

static struct ike_header header_make(const struct xchg *x)
{
    const struct ike_sa *sa = x->sa;

    return (struct ike_header){
        .spi_i = sa->spi_i,
        .spi_r = sa->spi_r,
        .major = 2,
        .exchange = x->row->type,
        .flags = (uint8_t)((sa->initiator ? IKE_FLAG_INITIATOR : 0) | (x->ours ? 0 : IKE_FLAG_RESPONSE)),
        .message_id = x->message_id,
    };
}

/* ERR_LIMIT: it can never be written. */
static int clear_write(const struct ike_header *h, const struct payload *chain, struct packets *to)
{
    struct buf b;
    int err = 0;

    buf_init(&b, MESSAGE_MAX);
    msg_write(&b, h, chain);
    packets_add(to, buf_view(&b));
    if (b.failed || to->bytes.failed)
        err = b.too_long || to->bytes.too_long ? ERR_LIMIT : ERR_MEMORY;
    buf_done(&b);
    return err;
}

/* IKE_SA_INIT goes in clear. */
static int message_write(struct xchg *x, struct packets *to)
{
    struct ike_header h = header_make(x);
    int err;

    packets_done(to);
    if (x->out.failed || x->arena.failed)
        return ERR_LIMIT;
    err = x->row->type == IKE_SA_INIT ? clear_write(&h, x->out.first, to) : seal_message(x->sa, &h, x->out.first, to);
    if (err < 0)
        packets_done(to); /* all of it or nothing */
    if (err == ERR_MEMORY)
        memory_short(x->core);
    return err;
}

static usec_t retransmit_wait(struct core *c, unsigned tries)
{
    usec_t wait = c->conf->retransmit_us ? c->conf->retransmit_us : 2 * USEC_SEC;
    uint32_t factor = c->conf->retransmit_factor > 100 ? c->conf->retransmit_factor : 180;

    for (; tries > 1 && wait < RETRANSMIT_MAX; tries--)
        wait = wait / 100 * factor;
    return jitter(c, wait < RETRANSMIT_MAX ? wait : RETRANSMIT_MAX, 10);
}

void window_send_request(struct xchg *x)
{
    struct ike_sa *sa = x->sa;
    struct core *c = x->core;
    int err;

    err = message_write(x, &x->sent);
    if (err == ERR_MEMORY) { /* window_retransmit() comes back to it */
        wake_set(c, &x->retransmit, c->now + MEMORY_WAIT);
        return;
    }
    if (err < 0) {
        sa_kill(sa, FACT_LIMIT, "our %s request could not be written: %s", x->row->name, err_text(err));
        return;
    }
    x->tries = x->probe_tries = 1;
    x->first_try = sa->last_sent = c->now;
    packets_send(c, &x->sent, &sa->path);
    wake_set(c, &x->retransmit, c->now + retransmit_wait(c, 1));
}

void reply_forget(struct ike_sa *sa)
{
    struct reply *r = sa->reply;

    sa->reply = NULL;
    if (!r)
        return;
    list_remove(&r->in_core);
    packets_done(&r->packets);
    free(r);
}

static void reply_again(struct reply *r)
{
    struct core *c = r->sa->core;

    r->at = c->now;
    list_remove(&r->in_core);
    list_append(&c->replies, &r->in_core);
}

/* A peer that is as patient as we are asks again for as long as dead_after, and gets its answer when the network is back. */
void window_configured(struct core *c)
{
    c->reply_kept = REPLY_KEPT;
    for (size_t i = 0; i < c->conf->n_connections; i++) {
        usec_t most = usec_add(c->conf->connections[i].dead_after_us, RETRANSMIT_MAX);

        if (most > c->reply_kept)
            c->reply_kept = most < REPLY_KEPT_MAX ? most : REPLY_KEPT_MAX;
    }
}

/* "Responders are allowed to forget the response after a timeout of several minutes", and ignore what they have forgotten (2.1).
 * Some at a time: they were made in one order and are kept equally long. */
void window_forget(struct core *c, struct timer *t)
{
    while (!list_empty(&c->replies)) {
        struct reply *r = LIST_ITEM(c->replies.next, struct reply, in_core);
        usec_t due = usec_add(r->at, c->reply_kept);

        if (due > c->now) {
            wake_set(c, t, due < c->now + USEC_SEC ? c->now + USEC_SEC : due);
            return;
        }
        if (r->sa->state == IKE_KEYED)
            reply_again(r); /* its proof is about it (2.15) */
        else
            reply_forget(r->sa);
    }
}

static void reply_keep(struct reply *r, uint8_t exchange)
{
    struct ike_sa *sa = r->sa;
    struct core *c = sa->core;

    reply_again(r);
    r->to = sa->request_hash;
    r->total = sa->request_total;
    r->exchange = exchange;
    r->repeats = 0;
    if (!heap_in(&c->forget.node))
        wake_set(c, &c->forget, usec_add(c->now, c->reply_kept));
}

static struct reply *reply_of(struct ike_sa *sa)
{
    if (!sa->reply)
        sa->reply = calloc(1, sizeof(*sa->reply));
    if (sa->reply)
        sa->reply->sa = sa;
    else
        memory_short(sa->core);
    return sa->reply;
}

int window_replied(struct ike_sa *sa, struct span answer)
{
    struct reply *r = reply_of(sa);

    if (!r)
        return ERR_MEMORY;
    packets_add(&r->packets, answer);
    reply_keep(r, IKE_SA_INIT);
    return r->packets.bytes.failed ? ERR_MEMORY : 0;
}

int window_send_reply(struct xchg *x)
{
    struct ike_sa *sa = x->sa;
    struct reply *r = reply_of(sa);
    int err = r ? message_write(x, &r->packets) : ERR_MEMORY;

    if (err == ERR_MEMORY)
        return err;
    if (err < 0) {
        sa_kill(sa, FACT_LIMIT, "our %s response could not be written: %s", x->row->name, err_text(err));
        return 0;
    }
    packets_send(x->core, &r->packets, &x->path);
    reply_keep(r, x->row->type);
    return 0;
}

void window_renew(struct ike_sa *sa)
{
    struct xchg *x = sa->ours;

    if (!x || !x->sent.bytes.len || x->concluding)
        return;
    x->tries = x->probe_tries = 1;
    x->first_try = sa->core->now;
    wake_set(sa->core, &x->retransmit, sa->core->now);
}

static bool given_up(const struct xchg *x)
{
    const struct ike_sa *sa = x->sa;
    const struct conf_connection *conn = sa_conn(sa);
    uint32_t max = sa->core->conf->retransmit_tries ? sa->core->conf->retransmit_tries : 12;
    usec_t dead_after = conn ? conn->dead_after_us : 0, since = sa->core->now - x->first_try;
    bool heard = sa->last_heard > sa->last_sent; /* since the last try: so it lives (2.4), and gets another one */

    if (sa->state == IKE_LEAVING || sa->replaced || sa->redundant || (sa->want_delete && sa->state == IKE_KEYED))
        return x->tries >= 4;
    if (x->first_error && since >= INIT_ERROR_WAIT)
        return true;
    return x->tries >= max || (dead_after && !heard && since >= dead_after);
}

static void give_up(struct xchg *x)
{
    struct ike_sa *sa = x->sa;
    long seconds = (long)((sa->core->now - x->first_try) / USEC_SEC);

    if (x->first_error)
        sa_kill(sa, FACT_IKE_FAILED, "%s", x->first_error);
    else if (sa->state == IKE_LEAVING || sa->replaced || sa->redundant)
        sa_kill(sa, FACT_IKE_DOWN, "the peer did not confirm the deletion");
    else if (sa->state == IKE_UP)
        sa_kill(sa, FACT_PEER_DEAD, "no answer to %u tries in %ld s: the peer is dead or unreachable", x->tries, seconds);
    else
        sa_kill(sa, FACT_IKE_FAILED,
                "no answer to %s (%u tries in %ld s): is the address right, are UDP 500 and 4500 open, does the peer run?",
                x->row->name, x->tries, seconds);
}

void window_retransmit(struct core *c, struct timer *t)
{
    struct xchg *x = CONTAINER_OF(t, struct xchg, retransmit);
    struct ike_sa *sa = x->sa;
    usec_t next;

    if (!x->sent.bytes.len) {
        window_send_request(x); /* there was no memory for it */
        return;
    }
    if (given_up(x)) {
        give_up(x);
        return;
    }
    x->tries++;
    c->counts.retransmits++;
    tell(c, FACT_RETRANSMIT, sa->peer, sa, NULL, "%s request %u sent again, try %u", x->row->name, x->message_id, x->tries);
    if (x->probe_tries >= CUT_TRIES && seal_again(sa, &x->sent))
        x->probe_tries = 0; /* and the waits begin anew (RFC 7383 2.5.2) */
    x->probe_tries++;
    packets_send(c, &x->sent, &sa->path);
    sa->last_sent = c->now;
    next = c->now + retransmit_wait(c, x->probe_tries);
    if (x->first_error && next > x->first_try + INIT_ERROR_WAIT)
        next = x->first_try + INIT_ERROR_WAIT > c->now ? x->first_try + INIT_ERROR_WAIT : c->now + 1;
    wake_set(c, t, next);
}
