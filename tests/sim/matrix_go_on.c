/* SPDX-License-Identifier: Apache-2.0 */
/* Each stage of the state matrix ends well, as it does when nothing came between. */
#include "matrix.h"

#include <string.h>

#define MS USEC_MSEC
#define SEC USEC_SEC

const struct said *hear_answer(struct puppet *p, usec_t how_long)
{
    usec_t until = p->w->now + how_long;
    const struct said *m;

    while ((m = hear_for(p, until - p->w->now)) && (!m->response || (!m->sealed && has(m, INVALID_IKE_SPI))))
        ; /* a hint may come late, where the vault is slow (RFC 6290) */
    return m;
}

const struct said *hear_request(struct puppet *p, usec_t how_long)
{
    usec_t until = p->w->now + how_long;
    const struct said *m;

    while ((m = hear_for(p, until - p->w->now)) && m->response)
        ;
    return m;
}

bool bench_alive(struct bench *b)
{
    const struct said *m;
    struct ike_header h;

    b->p->ike = b->target;
    say(b->p);
    request(b->p, INFORMATIONAL);
    m = hear_answer(b->p, SEC);
    if (!m)
        return false;
    h = m->h;
    return m->sealed && !m->in && h.exchange == INFORMATIONAL && h.message_id == b->target->next_ours - 1 &&
           h.spi_i == b->target->spi_i && h.spi_r == b->target->spi_r;
}

bool bench_repeats(struct bench *b)
{
    struct puppet *p = b->p;
    const struct said *m;

    if (!b->last.len || !b->last_answer.len)
        return true;
    p->repeats = true;
    send_bytes(p, b->last);
    m = hear_answer(p, 50 * MS);
    p->repeats = false;
    return m && span_equal(m->bytes, b->last_answer);
}

/* The puppet begins and gets a tunnel. */
static bool new_tunnel(struct bench *b)
{
    struct puppet *p = b->p;
    const struct said *m;

    if (b->cell->stage == STAGE_COOKIES) {
        struct payload *rest;

        say_init(p);
        m = ask(p, IKE_SA_INIT);
        if (!has(m, COOKIE))
            return false;
        rest = p->out.first;
        say(p);
        say_notify(p, COOKIE, notify_find(m->in, COOKIE)->u.notify.data.p, notify_find(m->in, COOKIE)->u.notify.data.len);
        p->out.first->next = rest;
        p->ike->next_ours = 0;
        if (!init_take(p, ask(p, IKE_SA_INIT)))
            return false;
    } else if (!keyed(p)) {
        return false;
    }
    say_auth(p);
    m = ask(p, IKE_AUTH);
    return esp_spi(m) && ike_sas(p, "UP") == 1 && children(p, "UP") == 1;
}

/* The gate's IKE_SA_INIT, or (after that) IKE_AUTH, is answered, and a tunnel stands. */
static bool answer_rest(struct bench *b, const struct said *m)
{
    struct puppet *p = b->p;

    if (m && m->h.exchange == IKE_SA_INIT) {
        say_init_answer(p, m);
        reply(p, m);
        m = hear_request(p, SEC);
    }
    if (!m || m->h.exchange != IKE_AUTH)
        return false;
    say_auth_answer(p, m);
    reply(p, m);
    world_run(p->w, 400 * MS);
    return ike_sas(p, "UP") == 1 && children(p, "UP") == 1;
}

static bool auth_answered(struct bench *b)
{
    const struct said *m = hear_answer(b->p, SEC);

    return esp_spi(m) && part(m, PAYLOAD_AUTH) && ike_sas(b->p, "UP") == 1 && children(b->p, "UP") == 1;
}

static bool early(struct bench *b)
{
    struct puppet *p = b->p;

    switch (b->cell->stage) {
    case STAGE_NOTHING:
    case STAGE_COOKIES:
        return new_tunnel(b);
    case STAGE_BORN_DH:
        p->ike = &p->sa[0];
        if (!init_take(p, hear_answer(p, SEC)))
            return false;
        /* fall through */
    case STAGE_KEYED:
        say_auth(p);
        request(p, IKE_AUTH);
        return auth_answered(b);
    case STAGE_BORN_MAKE:
    case STAGE_BORN_DERIVE:
    case STAGE_KEYED_MAKE:
        p->gate->desk[ASK_WORKER].low = p->gate->desk[ASK_WORKER].high = MS;
        return answer_rest(b, hear_request(p, SEC));
    case STAGE_BORN_SENT:
    case STAGE_KEYED_SENT:
        return answer_rest(b, b->own);
    default:
        if (b->cell->role == ROLE_RESPONDER)
            return auth_answered(b);
        world_run(p->w, SEC);
        return ike_sas(p, "UP") == 1 && children(p, "UP") == 1;
    }
}

/* Our answer to what the gate has asked; then the rows must be so many. */
static bool own_answered(struct bench *b, size_t n_ike, size_t n_children)
{
    reply(b->p, b->own);
    world_run(b->p->w, 50 * MS);
    return ike_sas(b->p, NULL) == n_ike && children(b->p, NULL) == n_children;
}

static bool own_goes_on(struct bench *b)
{
    struct puppet *p = b->p;

    switch (b->cell->stage) {
    case STAGE_UP_LIVENESS:
        say(p);
        return own_answered(b, 1, 1) && bench_alive(b);
    case STAGE_UP_CREATE:
        say_child_answer(p, b->own, NULL);
        return own_answered(b, 1, 2) && children(p, "UP") == 2 && bench_alive(b);
    case STAGE_UP_REKEY_CHILD:
        say_child_answer(p, b->own, NULL);
        return own_answered(b, 1, 2) && children(p, "UP") == 1 && children(p, "OLD") == 1 && bench_alive(b);
    case STAGE_UP_REKEY_IKE:
        say_rekey_ike_answer(p, b->own);
        return own_answered(b, 2, 1) && ike_sas(p, "UP") == 1 && ike_sas(p, "LEAVING") == 1;
    case STAGE_UP_DELETE_CHILD:
        say(p);
        say_delete(p, PROTOCOL_ESP, &b->child_in, 1);
        return own_answered(b, 1, 0) && bench_alive(b);
    case STAGE_LEAVING:
        say(p);
        return own_answered(b, 0, 0);
    default: /* LEAVING_OLD */
        say(p);
        return own_answered(b, 1, 1);
    }
}

static bool theirs_goes_on(struct bench *b)
{
    struct puppet *p = b->p;
    const struct said *m = hear_answer(p, SEC);

    if (!m || m->h.exchange != CREATE_CHILD_SA || !part(m, PAYLOAD_SA))
        return false;
    if (b->cell->stage == STAGE_UP_THEIRS_IKE)
        return ike_sas(p, "UP") == 2 && bench_alive(b);
    if (children(p, NULL) != 2 || !bench_alive(b))
        return false;
    if (b->cell->stage != STAGE_UP_BOTH)
        return true;
    say(p);
    return own_answered(b, 1, 2) && !hear_request(p, 3 * SEC); /* it is not asked again */
}

bool stage_go_on(struct bench *b)
{
    struct puppet *p = b->p;

    if (p->w->failed)
        return false;
    p->ike = b->target;
    if (stage_slow_group(b->cell))
        p->words = matrix_modp;
    if (b->cell->stage < STAGE_UP)
        return early(b);
    switch (b->cell->stage) {
    case STAGE_UP:
    case STAGE_UP_QUIET:
    case STAGE_HEIR:
        return bench_repeats(b) && bench_alive(b) && children(p, "UP") == 1;
    case STAGE_UP_TAKING:
        world_run(p->w, SEC);
        return children(p, "UP") == 2 && bench_alive(b);
    case STAGE_UP_THEIRS_CHILD:
    case STAGE_UP_THEIRS_IKE:
    case STAGE_UP_BOTH:
        return theirs_goes_on(b);
    case STAGE_REPLACED:
        if (!bench_repeats(b))
            return false;
        say(p);
        say_delete(p, PROTOCOL_IKE, NULL, 0);
        request(p, INFORMATIONAL);
        return hear_answer(p, SEC) && ike_sas(p, NULL) == 1 && children(p, NULL) == 1;
    case STAGE_GONE:
    case STAGE_FORGOTTEN:
        return new_tunnel(b);
    default:
        return bench_repeats(b) && own_goes_on(b);
    }
}
