/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message IDs, retransmission, cached replies (RFC 7296 2.1 - 2.4). The window is 1: one request of ours and one of theirs at a
 * time. A request is repeated byte for byte by who made it; a responder only answers, and repeats its last answer for a repeated
 * request.
 */
#include "ike/ike.h"

void packets_add(struct packets *p, struct span datagram)
{
    if (!p->bytes.max)
        buf_init(&p->bytes, 2 * MESSAGE_MAX);
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

/* IKE_SA_INIT goes in clear, and both messages are kept whole for AUTH (2.15). ERR_LIMIT: it can never be written. */
static int message_write(struct xchg *x, struct packets *to)
{
    struct ike_header h = header_make(x);
    struct ike_sa *sa = x->sa;
    int err = 0;

    packets_done(to);
    if (x->out.failed || x->arena.failed)
        return ERR_LIMIT;
    if (x->row->type != IKE_SA_INIT) {
        err = seal_message(sa, &h, x->out.first, to);
    } else {
        buf_reset(&sa->init_ours);
        msg_write(&sa->init_ours, &h, x->out.first);
        packets_add(to, buf_view(&sa->init_ours));
        if (sa->init_ours.failed || to->bytes.failed)
            err = sa->init_ours.too_long || to->bytes.too_long ? ERR_LIMIT : ERR_MEMORY;
    }
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

    err = message_write(x, &sa->request);
    if (err == ERR_MEMORY) { /* window_retransmit() comes back to it */
        wake_set(c, &sa->retransmit, c->now + MEMORY_WAIT);
        return;
    }
    if (err < 0) {
        sa_kill(sa, FACT_LIMIT, "our %s request could not be written: %s", x->row->name, err_text(err));
        return;
    }
    sa->tries = sa->probe_tries = 1;
    sa->first_try = sa->last_sent = c->now;
    packets_send(c, &sa->request, &sa->path);
    wake_set(c, &sa->retransmit, c->now + retransmit_wait(c, 1));
}

/* "Responders are allowed to forget the response after a timeout of several minutes", and ignore what they have forgotten (2.1).
 * Some at a time: they were made in one order and are kept equally long. */
void window_forget(struct core *c, struct timer *t)
{
    while (!list_empty(&c->replies)) {
        struct ike_sa *sa = LIST_ITEM(c->replies.next, struct ike_sa, in_replies);
        usec_t due = usec_add(sa->reply_at, REPLY_KEPT);

        if (due > c->now) {
            wake_set(c, t, due < c->now + USEC_SEC ? c->now + USEC_SEC : due);
            return;
        }
        list_remove(&sa->in_replies);
        packets_done(&sa->reply);
    }
}

static void reply_keep(struct ike_sa *sa)
{
    struct core *c = sa->core;

    list_remove(&sa->in_replies);
    list_append(&c->replies, &sa->in_replies);
    sa->reply_at = c->now;
    if (!c->forget.node.in)
        wake_set(c, &c->forget, usec_add(c->now, REPLY_KEPT));
}

int window_send_reply(struct xchg *x)
{
    struct ike_sa *sa = x->sa;
    int err = message_write(x, &sa->reply);

    if (err == ERR_MEMORY)
        return err;
    if (err < 0) {
        sa_kill(sa, FACT_LIMIT, "our %s response could not be written: %s", x->row->name, err_text(err));
        return 0;
    }
    sa->repeats = 0;
    sa->reply_exchange = x->row->type;
    packets_send(x->core, &sa->reply, &x->path);
    reply_keep(sa);
    return 0;
}

void window_request_done(struct ike_sa *sa)
{
    wake_stop(sa->core, &sa->retransmit);
    packets_done(&sa->request);
    fragments_done(&sa->in_response);
    sa->tries = 0;
}

void window_renew(struct ike_sa *sa)
{
    if (!sa->request.bytes.len || !sa->ours || sa->ours->concluding)
        return;
    sa->tries = sa->probe_tries = 1;
    sa->first_try = sa->core->now;
    wake_set(sa->core, &sa->retransmit, sa->core->now);
}

static bool given_up(const struct ike_sa *sa)
{
    const struct conf_connection *conn = sa_conn(sa);
    uint32_t max = sa->core->conf->retransmit_tries ? sa->core->conf->retransmit_tries : 12;
    usec_t dead_after = conn ? conn->dead_after_us : 0;
    bool heard = sa->last_heard > sa->last_sent; /* since the last try: so it lives (2.4), and gets another one */

    if (sa->state == IKE_LEAVING || sa->replaced || sa->redundant || (sa->want_delete && sa->state == IKE_KEYED))
        return sa->tries >= 4;
    if (sa->ours && sa->ours->first_error && sa->core->now - sa->first_try >= INIT_ERROR_WAIT)
        return true;
    return sa->tries >= max || (dead_after && !heard && sa->core->now - sa->first_try >= dead_after);
}

static void give_up(struct ike_sa *sa)
{
    long seconds = (long)((sa->core->now - sa->first_try) / USEC_SEC);

    if (sa->ours && sa->ours->first_error)
        sa_kill(sa, FACT_IKE_FAILED, "%s", sa->ours->first_error);
    else if (sa->state == IKE_LEAVING || sa->replaced || sa->redundant)
        sa_kill(sa, FACT_IKE_DOWN, "the peer did not confirm the deletion");
    else if (sa->state == IKE_UP)
        sa_kill(sa, FACT_PEER_DEAD, "no answer to %u tries in %ld s: the peer is dead or unreachable", sa->tries, seconds);
    else
        sa_kill(sa, FACT_IKE_FAILED,
                "no answer to %s (%u tries in %ld s): is the address right, are UDP 500 and 4500 open, does the peer run?",
                sa->ours ? sa->ours->row->name : "the request", sa->tries, seconds);
}

void window_retransmit(struct core *c, struct timer *t)
{
    struct ike_sa *sa = CONTAINER_OF(t, struct ike_sa, retransmit);
    usec_t next;

    if (sa->ours && !sa->request.bytes.len) {
        window_send_request(sa->ours); /* there was no memory for it */
        return;
    }
    if (given_up(sa)) {
        give_up(sa);
        return;
    }
    sa->tries++;
    c->counts.retransmits++;
    tell(c, FACT_RETRANSMIT, sa->peer, sa, NULL, "%s request %u sent again, try %u", sa->ours ? sa->ours->row->name : "?",
         sa->ours ? sa->ours->message_id : 0, sa->tries);
    if (sa->probe_tries >= CUT_TRIES && seal_again(sa, &sa->request))
        sa->probe_tries = 0; /* and the waits begin anew (RFC 7383 2.5.2) */
    sa->probe_tries++;
    packets_send(c, &sa->request, &sa->path);
    sa->last_sent = c->now;
    next = c->now + retransmit_wait(c, sa->probe_tries);
    if (sa->ours && sa->ours->first_error && next > sa->first_try + INIT_ERROR_WAIT)
        next = sa->first_try + INIT_ERROR_WAIT > c->now ? sa->first_try + INIT_ERROR_WAIT : c->now + 1;
    wake_set(c, t, next);
}
