/* SPDX-License-Identifier: Apache-2.0 */
/* What the gate did with the message of a cell, held against a verdict. */
#include "matrix.h"

#include <string.h>

void look_before(struct bench *b)
{
    struct end *g = b->p->gate;

    end_list(g);
    b->n_before = g->n_rows;
    memcpy(b->before, g->rows, sizeof(b->before));
    b->verdicts_before = g->n_verdicts;
    b->installs_before = g->asks[ASK_CHILD_INSTALL];
    (void)hear_for(b->p, 0);
    b->inbox_before = b->p->n_inbox;
}

/* --- rows ----------------------------------------------------------------------------------------------------------------------
 */

static bool row_same(const struct told_row *a, const struct told_row *b)
{
    return a->child == b->child && a->spi_i == b->spi_i && a->spi_r == b->spi_r && a->spi_in == b->spi_in &&
           a->spi_out == b->spi_out && !strcmp(a->state, b->state) && !strcmp(a->name, b->name) &&
           !strcmp(a->connection, b->connection) && endpoint_equal(&a->remote, &b->remote) && a->transport == b->transport;
}

static const char *rows_same(struct bench *b)
{
    const struct end *g = b->p->gate;

    if (g->n_rows != b->n_before)
        return "there are SAs more or less";
    for (size_t i = 0; i < g->n_rows; i++)
        if (!row_same(&g->rows[i], &b->before[i]))
            return "an SA has changed";
    return NULL;
}

static const struct told_row *row_of(const struct told_row *rows, size_t n, const struct pupil *s)
{
    for (size_t i = 0; i < n; i++)
        if (!rows[i].child && rows[i].spi_i == s->spi_i && rows[i].spi_r == s->spi_r)
            return &rows[i];
    return NULL;
}

static const char *state_now(const struct bench *b)
{
    const struct told_row *r = row_of(b->p->gate->rows, b->p->gate->n_rows, b->target);

    return r ? r->state : "";
}

static size_t rows_before_in(const struct bench *b, bool child, const char *state)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n_before; i++)
        n += b->before[i].child == child && (!state || !strcmp(b->before[i].state, state));
    return n;
}

static size_t rows_before(const struct bench *b, bool child)
{
    return rows_before_in(b, child, NULL);
}

static size_t rows_now(const struct bench *b, bool child, const char *state)
{
    return end_rows(b->p->gate, child, state);
}

/* --- what was said -------------------------------------------------------------------------------------------------------------
 */

static const struct said *said_first(struct bench *b, bool response)
{
    const struct said *m = NULL;

    b->p->n_heard = b->inbox_before;
    b->p->repeats = true;
    while (b->p->n_heard < b->p->n_inbox && (m = hear_for(b->p, 0)) && m->response != response)
        m = NULL;
    b->p->repeats = false;
    b->p->n_heard = b->p->n_inbox;
    return m && m->response == response ? m : NULL;
}

static size_t said_count(const struct bench *b, bool response)
{
    struct wire_error why;
    struct ike_header h;
    size_t n = 0;

    for (size_t i = b->inbox_before; i < b->p->n_inbox; i++)
        n += msg_read_header(b->p->inbox[i], &h, &why) == 0 && !!(h.flags & IKE_FLAG_RESPONSE) == response;
    return n;
}

/* The one answer, to the cell's message, sealed or not; NULL, and *why, if it is not that. */
static const struct said *answer_of(struct bench *b, bool sealed, const char **why)
{
    const struct said *m = said_first(b, true);

    *why = NULL;
    if (!m)
        *why = "there is no answer";
    else if (said_count(b, true) > (sealed ? 1 : b->datagrams)) /* who is unknown may be told so each time */
        *why = "there are several answers";
    else if (m->sealed != sealed)
        *why = sealed ? "the answer is not sealed" : "the answer is sealed";
    else if (m->h.message_id != cell_id(b))
        *why = "the answer has another message ID";
    else if (m->h.major != 2 || m->h.minor != 0)
        *why = "the answer has another version";
    return *why ? NULL : m;
}

static bool alone(const struct said *m, uint16_t notify)
{
    return m->in && !m->in->next && m->in->type == PAYLOAD_NOTIFY && m->in->u.notify.type == notify;
}

/* The gate has dealt with the request of the cell: that is the last one now. */
static void answered(struct bench *b, const struct said *m)
{
    b->target->next_ours++;
    b->last = b->cell->seal == SEAL_GOOD ? b->p->sent : SPAN_NONE;
    b->last_answer = m->bytes;
}

/* Where the kernel is slow, until it is not. */
static void wait_for_slow(struct bench *b)
{
    if (b->cell->stage != STAGE_UP_TAKING && b->cell->stage != STAGE_UP_INSTALL)
        return;
    world_run(b->p->w, USEC_SEC);
    end_list(b->p->gate);
}

/* --- verdicts on requests ------------------------------------------------------------------------------------------------------
 */

static const char *look_ignored(struct bench *b)
{
    if (b->p->n_inbox != b->inbox_before)
        return "the gate speaks";
    if (rows_same(b))
        return rows_same(b);
    return stage_go_on(b) ? NULL : "the stage does not go on as it should";
}

/* INVALID_IKE_SPI and, to a protected request, the token of RFC 6290 4.5. */
static bool is_hint(const struct said *m)
{
    const struct payload *next = m->in ? m->in->next : NULL;

    if (!m->in || m->in->type != PAYLOAD_NOTIFY || m->in->u.notify.type != INVALID_IKE_SPI)
        return false;
    return !next || (!next->next && next->type == PAYLOAD_NOTIFY && next->u.notify.type == QUICK_CRASH_DETECTION);
}

/* An unprotected answer to somebody that the gate does not know, or not in this way. */
static const char *look_clear(struct bench *b, uint16_t notify)
{
    const char *why;
    const struct said *m = answer_of(b, false, &why);
    struct wire_error unused;
    struct ike_header sent;

    if (!m)
        return why;
    if (notify == INVALID_IKE_SPI ? !is_hint(m) : !alone(m, notify))
        return "the answer is another one";
    if (msg_read_header(b->p->sent, &sent, &unused) < 0 || m->h.spi_i != sent.spi_i || m->h.exchange != sent.exchange ||
        (m->h.spi_r != sent.spi_r && notify != COOKIE))
        return "SPIs and exchange type are not copied";
    if (said_count(b, false))
        return "the gate says more";
    if (rows_same(b))
        return rows_same(b);
    return stage_go_on(b) ? NULL : "the stage does not go on as it should";
}

static const char *look_probed(struct bench *b)
{
    const struct said *m = said_first(b, false);

    if (said_count(b, true))
        return "the gate answers";
    if (said_count(b, false) != 1 || !m->sealed || m->in || m->h.exchange != INFORMATIONAL)
        return "there is no liveness check, or more than one";
    if (rows_same(b))
        return rows_same(b);
    b->p->ike = b->target;
    say(b->p);
    reply(b->p, m);
    return bench_alive(b) ? NULL : "the SA does not go on";
}

static const char *look_same_answer(struct bench *b)
{
    const struct said *m = said_first(b, true);

    if (!m || !span_equal(m->bytes, b->last_answer))
        return "the answer is another one, or none";
    if (b->p->n_inbox != b->inbox_before + 1)
        return "the gate says more";
    if (rows_same(b))
        return rows_same(b);
    return stage_go_on(b) ? NULL : "the stage does not go on as it should";
}

static const char *look_keyed(struct bench *b)
{
    const char *why;
    const struct said *m = answer_of(b, false, &why);

    if (!m)
        return why;
    if (!part(m, PAYLOAD_SA) || !part(m, PAYLOAD_KE) || !part(m, PAYLOAD_NONCE) || error_of(m))
        return "the answer lacks SA, KE or Nonce";
    if (rows_now(b, false, NULL) != rows_before(b, false) + 1 || rows_now(b, true, NULL) != rows_before(b, true))
        return "there is not one half-open SA more";
    return NULL;
}

static const char *look_up(struct bench *b, bool with_child)
{
    const char *why;
    const struct said *m = answer_of(b, true, &why);

    if (!m)
        return why;
    if (!part(m, PAYLOAD_IDR) || !part(m, PAYLOAD_AUTH) || error_of(m) || (esp_spi(m) != 0) != with_child)
        return "the answer is not a full IKE_AUTH";
    answered(b, m);
    if (strcmp(state_now(b), "UP") != 0 || rows_now(b, true, "UP") != with_child)
        return "the SA is not up, or its Child SA";
    return bench_alive(b) ? NULL : "the SA does not live";
}

/* One sealed notify and nothing else. After it the SA is gone, or nothing has changed. */
static const char *look_notify(struct bench *b, uint16_t notify, bool is_gone)
{
    const char *why;
    const struct said *m = answer_of(b, true, &why);

    if (!m)
        return why;
    if (!alone(m, notify))
        return "the answer is another one";
    if (notify == UNSUPPORTED_CRITICAL_PAYLOAD && (m->in->u.notify.data.len != 1 || m->in->u.notify.data.p[0] != 201))
        return "the answer does not name the payload";
    if (is_gone)
        return *state_now(b) ? "the SA is still there" : NULL;
    if (rows_same(b))
        return rows_same(b);
    answered(b, m);
    return stage_go_on(b) ? NULL : "the stage does not go on as it should";
}

static const char *look_refused(struct bench *b)
{
    const char *why;
    const struct said *m = answer_of(b, true, &why);

    if (!m)
        return why;
    if (!error_of(m) || !alone(m, error_of(m)))
        return "the answer is no error";
    if (error_of(m) == INVALID_SYNTAX || error_of(m) == AUTHENTICATION_FAILED)
        return "the answer is an error that ends the SA";
    return look_notify(b, error_of(m), false);
}

static const char *look_empty(struct bench *b)
{
    const char *why;
    const struct said *m = answer_of(b, true, &why);

    if (!m)
        return why;
    if (m->in)
        return "the answer is not empty";
    if (rows_same(b))
        return rows_same(b);
    answered(b, m);
    return stage_go_on(b) ? NULL : "the stage does not go on as it should";
}

static const char *look_closed(struct bench *b)
{
    const char *why;
    const struct said *m = answer_of(b, true, &why);

    if (!m)
        return why;
    if (m->in)
        return "the answer is not empty";
    return *state_now(b) ? "the SA is still there" : NULL;
}

static const char *look_child_closed(struct bench *b)
{
    const char *why;
    const struct said *m = answer_of(b, true, &why);
    const struct payload *d = part(m, PAYLOAD_DELETE);

    if (!m)
        return why;
    if (!d || m->in->next || d->u.del.protocol != PROTOCOL_ESP || d->u.del.count != 1 || get_u32(d->u.del.spis.p) != b->child_out)
        return "the answer does not delete the other half";
    if (strcmp(state_now(b), "UP") != 0 && strcmp(state_now(b), "LEAVING") != 0)
        return "the IKE SA does not stay";
    wait_for_slow(b);
    for (size_t i = 0; i < b->p->gate->n_rows; i++)
        if (b->p->gate->rows[i].child && b->p->gate->rows[i].spi_out == b->child_in)
            return "the Child SA is still there";
    answered(b, m);
    return bench_alive(b) ? NULL : "the SA does not live";
}

static const char *look_child_made(struct bench *b)
{
    size_t late = b->cell->stage == STAGE_UP_TAKING || b->cell->stage == STAGE_UP_INSTALL ? 1 : 0;
    const struct said *m;
    const char *why;

    if (late && b->p->n_inbox == b->inbox_before)
        wait_for_slow(b);
    m = answer_of(b, true, &why);
    if (!m)
        return why;
    if (!esp_spi(m) || !part(m, PAYLOAD_NONCE) || !part(m, PAYLOAD_TSI) || !part(m, PAYLOAD_TSR) || error_of(m))
        return "the answer lacks something";
    if (rows_now(b, true, NULL) != rows_before(b, true) + 1 || rows_now(b, false, NULL) != rows_before(b, false))
        return "there is not one Child SA more";
    answered(b, m);
    return bench_alive(b) ? NULL : "the SA does not live";
}

static const char *look_ike_rekeyed(struct bench *b)
{
    const char *why;
    const struct said *m = answer_of(b, true, &why);

    if (!m)
        return why;
    if (!part(m, PAYLOAD_SA) || !part(m, PAYLOAD_NONCE) || !part(m, PAYLOAD_KE) || error_of(m))
        return "the answer lacks something";
    if (rows_now(b, false, "UP") != rows_before_in(b, false, "UP") + 1 || rows_now(b, true, NULL) != rows_before(b, true))
        return "there is not one IKE SA more";
    answered(b, m);
    return bench_alive(b) ? NULL : "the SA does not live";
}

/* --- verdicts on responses -----------------------------------------------------------------------------------------------------
 */

static const char *look_begun_again(struct bench *b)
{
    const struct said *m = said_first(b, false);

    if (!m || said_count(b, true) || m->h.exchange != IKE_SA_INIT || m->h.message_id != 0 || m->h.spi_i != b->own->h.spi_i ||
        m->h.spi_r != 0)
        return "there is no new IKE_SA_INIT of this SA";
    if (has(m, COOKIE) != (b->cell->kind == KIND_COOKIE) || (has(m, COOKIE) && m->in->u.notify.type != COOKIE))
        return "the cookie is not in it, or not first";
    return rows_same(b);
}

static const char *look_auth_sent(struct bench *b)
{
    const struct said *m = said_first(b, false);

    if (!m || said_count(b, false) != 1 || !m->sealed || m->h.exchange != IKE_AUTH || m->h.message_id != 1)
        return "there is no IKE_AUTH";
    b->p->ike = b->fresh;
    say_auth_answer(b->p, m);
    reply(b->p, m);
    world_run(b->p->w, 100 * USEC_MSEC);
    return ike_sas(b->p, "UP") == 1 && children(b->p, "UP") == 1 ? NULL : "no tunnel comes of it";
}

/* The answer has come: it is not asked again. */
static bool own_over(struct bench *b)
{
    size_t from = b->p->n_inbox;

    world_run(b->p->w, 3 * USEC_SEC);
    for (size_t i = from; i < b->p->n_inbox; i++)
        if (b->own && span_equal(b->p->inbox[i], b->own->bytes))
            return false;
    return !b->p->w->failed;
}

static const char *look_taken(struct bench *b)
{
    if (b->p->n_inbox != b->inbox_before)
        return "the gate speaks";
    if (rows_same(b))
        return rows_same(b);
    if (!own_over(b))
        return "the request is not over";
    b->p->n_heard = b->p->n_inbox;
    return bench_alive(b) ? NULL : "the SA does not live";
}

/* New Delete requests that follow are part of it. A Child SA under construction is not there yet. */
static const char *look_done(struct bench *b)
{
    size_t children_now = rows_now(b, true, NULL) - rows_now(b, true, "BORN");
    size_t children_before = rows_before(b, true) - rows_before_in(b, true, "BORN");
    const struct said *next = said_first(b, false);

    if (said_count(b, true))
        return "the gate answers an answer";
    switch (b->cell->stage) {
    case STAGE_KEYED_SENT:
        return rows_now(b, false, "UP") == 1 && rows_now(b, true, "UP") == 1 ? NULL : "no tunnel came of it";
    case STAGE_UP_CREATE:
        return children_now == children_before + 1 && rows_now(b, true, "UP") == children_now ? NULL : "no Child SA came of it";
    case STAGE_UP_REKEY_CHILD:
        if (children_now != children_before + 1 || rows_now(b, true, "OLD") != 1)
            return "the Child SA was not rekeyed";
        return next && part(next, PAYLOAD_DELETE) ? NULL : "the old one is not deleted";
    case STAGE_UP_REKEY_IKE:
        if (rows_now(b, false, "UP") != 1 || strcmp(state_now(b), "LEAVING") != 0)
            return "the IKE SA was not rekeyed";
        return next && part(next, PAYLOAD_DELETE) ? NULL : "the old one is not deleted";
    case STAGE_UP_DELETE_CHILD:
        return children_now == children_before - 1 && !next ? NULL : "the Child SA is still there, or more was said";
    case STAGE_LEAVING:
    case STAGE_LEAVING_OLD:
        return *state_now(b) || next ? "the IKE SA is still there, or more was said" : NULL;
    default:
        return "this stage has no request out that does something";
    }
}

static const char *look_failed(struct bench *b)
{
    struct puppet *p = b->p;
    const struct said *m;

    if (said_count(b, true))
        return "the gate answers an answer";
    p->n_heard = b->inbox_before;
    if (strcmp(state_now(b), "UP") != 0)
        return "the IKE SA does not stay";
    if (rows_now(b, false, "UP") != 1 || rows_now(b, true, NULL) > rows_before(b, true))
        return "something was made";
    while ((m = hear_request(p, 3 * USEC_SEC))) { /* what it deletes or tries again */
        if (b->own && span_equal(m->bytes, b->own->bytes))
            return "the request is not over";
        p->ike = b->target;
        say(p);
        if (m->h.exchange != INFORMATIONAL)
            break;
        reply(p, m);
    }
    return bench_alive(b) ? NULL : "the SA does not live";
}

static const char *look_died(struct bench *b)
{
    const struct said *m = said_first(b, false);

    if (said_count(b, true))
        return "the gate answers an answer";
    if (*state_now(b))
        return "the SA is still there";
    if (m && m->h.spi_i == b->target->spi_i && (m->h.exchange != INFORMATIONAL || !m->in))
        return "the last word is not a Delete or an error";
    return NULL;
}

/* IKE_AUTH came back without a Child SA that can be used: the IKE SA stands. */
static const char *look_up_alone(struct bench *b)
{
    if (b->cell->way == WAY_REQUEST)
        return look_up(b, false);
    if (strcmp(state_now(b), "UP") != 0 || rows_now(b, true, NULL))
        return "the IKE SA is not up, or a Child SA came of it";
    return NULL;
}

const char *look_after(struct bench *b, enum verdict_is v)
{
    end_list(b->p->gate);
    switch (v) {
    case VERDICT_IS_IGNORED:
        return look_ignored(b);
    case VERDICT_IS_HINTED:
        return look_clear(b, INVALID_IKE_SPI);
    case VERDICT_IS_WRONG_VERSION:
        return look_clear(b, INVALID_MAJOR_VERSION);
    case VERDICT_IS_ASKED_COOKIE:
        return look_clear(b, COOKIE);
    case VERDICT_IS_CLEAR_CRITICAL:
        return look_clear(b, UNSUPPORTED_CRITICAL_PAYLOAD);
    case VERDICT_IS_PROBED:
        return look_probed(b);
    case VERDICT_IS_SAME_ANSWER:
        return look_same_answer(b);
    case VERDICT_IS_KEYED:
        return look_keyed(b);
    case VERDICT_IS_UP:
        return look_up(b, true);
    case VERDICT_IS_UP_ALONE:
        return look_up_alone(b);
    case VERDICT_IS_DENIED:
        return look_notify(b, AUTHENTICATION_FAILED, true);
    case VERDICT_IS_MALFORMED:
        return look_notify(b, INVALID_SYNTAX, true);
    case VERDICT_IS_UNSUPPORTED:
        return look_notify(b, UNSUPPORTED_CRITICAL_PAYLOAD, false);
    case VERDICT_IS_UNSUPPORTED_GONE:
        return look_notify(b, UNSUPPORTED_CRITICAL_PAYLOAD, true);
    case VERDICT_IS_EMPTY:
        return look_empty(b);
    case VERDICT_IS_CLOSED:
        return look_closed(b);
    case VERDICT_IS_CHILD_CLOSED:
        return look_child_closed(b);
    case VERDICT_IS_CHILD_MADE:
        return look_child_made(b);
    case VERDICT_IS_IKE_REKEYED:
        return look_ike_rekeyed(b);
    case VERDICT_IS_TEMPORARY:
        return look_notify(b, TEMPORARY_FAILURE, false);
    case VERDICT_IS_NOT_FOUND:
        return look_notify(b, CHILD_SA_NOT_FOUND, false);
    case VERDICT_IS_REFUSED:
        return look_refused(b);
    case VERDICT_IS_BEGUN_AGAIN:
        return look_begun_again(b);
    case VERDICT_IS_AUTH_SENT:
        return look_auth_sent(b);
    case VERDICT_IS_TAKEN:
        return look_taken(b);
    case VERDICT_IS_DONE:
        return look_done(b);
    case VERDICT_IS_FAILED:
        return look_failed(b);
    case VERDICT_IS_DIED:
        return look_died(b);
    default:
        return "no such verdict";
    }
}

/* --- the law over all ----------------------------------------------------------------------------------------------------------
 */

/* A token in clear for an SPI that lives would be a weapon (RFC 6290 9.2). */
static bool token_of_the_living(struct bench *b)
{
    const struct end *g = b->p->gate;
    struct wire_error why;
    struct payload *in;
    struct ike_header h;

    for (size_t i = b->inbox_before; i < b->p->n_inbox; i++) {
        struct span m = b->p->inbox[i];

        if (msg_read_header(m, &h, &why) < 0 || h.next != PAYLOAD_NOTIFY ||
            msg_read_payloads(&b->p->arena, h.next, span_part(m, IKE_HEADER_LEN, m.len), IKE_HEADER_LEN, &in, &why) < 0 ||
            !notify_find(in, QUICK_CRASH_DETECTION))
            continue;
        for (size_t k = 0; k < g->n_rows; k++) {
            const struct told_row *r = &g->rows[k];
            uint64_t ours = r->we_initiated ? r->spi_i : r->spi_r;

            if (!r->child && (h.spi_i == ours || h.spi_r == ours))
                return true;
        }
    }
    return false;
}

const char *look_law(struct bench *b)
{
    struct end *g = b->p->gate;
    bool proves = b->cell->kind == KIND_AUTH && (b->cell->seal == SEAL_GOOD || b->cell->seal == SEAL_FRAGS);
    bool pending = b->cell->stage == STAGE_KEYED_CHECK;

    end_list(g);
    if (token_of_the_living(b))
        return "a token of a living SA is shown";
    if (g->n_verdicts > b->verdicts_before && !proves && !pending)
        return "the vault accepted what this message cannot prove";
    if (g->n_verdicts == 0 && (end_rows(g, false, "UP") || end_rows(g, false, "LEAVING") || g->facts[FACT_IKE_UP]))
        return "an IKE SA is up without a verified AUTH";
    if (g->n_verdicts == 0 && (g->asks[ASK_CHILD_INSTALL] || end_rows(g, true, NULL) != end_rows(g, true, "BORN")))
        return "a Child SA is installed without a verified AUTH";
    return g->facts[FACT_IKE_UP] > g->n_verdicts ? "more IKE SAs went up than were verified" : NULL;
}
