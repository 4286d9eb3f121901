/* SPDX-License-Identifier: Apache-2.0 */
/* What can be known of both ends from what they said and heard: which SAs each of them holds, and which exchanges are open. Facts
 * only; what is right is for collide_rfc.c to say. */
#include "collide.h"

#include <string.h>

struct book_sa *book_sa_of(struct book *b, const struct clash_says *s)
{
    for (size_t i = 0; i < b->n_sas; i++)
        if (b->sa[i].spi_i == s->spi_i && b->sa[i].spi_r == s->spi_r)
            return &b->sa[i];
    return NULL;
}

struct book_child *book_child_at(struct book *b, unsigned end, uint32_t spi)
{
    for (size_t i = 0; i < b->n_children; i++)
        if (spi && b->child[i].spi[end] == spi)
            return &b->child[i];
    return NULL;
}

struct book_ask *book_open_ask(struct book_sa *sa, unsigned end)
{
    struct book_ask *k = sa->n_asks[end] ? &sa->ask[end][sa->n_asks[end] - 1] : NULL;

    return k && !k->over ? k : NULL;
}

static struct book_ask *ask_by_id(struct book_sa *sa, unsigned end, uint32_t id)
{
    for (size_t i = sa->n_asks[end]; i-- > 0;)
        if (sa->ask[end][i].q.id == id)
            return &sa->ask[end][i];
    return NULL;
}

static struct book_sa *sa_add(struct book *b, uint64_t spi_i, uint64_t spi_r, unsigned first)
{
    struct book_sa *sa = &b->sa[b->n_sas];

    if (b->n_sas == COUNT_OF(b->sa)) {
        world_fail(b->w, "more IKE SAs than the book holds");
        return &b->sa[0];
    }
    b->n_sas++;
    *sa = (struct book_sa){.spi_i = spi_i, .spi_r = spi_r, .first = first, .heir = {-1, -1}, .old = -1, .since = b->w->now};
    sa->line = (unsigned)b->n_sas;
    return sa;
}

static struct book_child *child_add(struct book *b, uint32_t spi0, uint32_t spi1, unsigned maker)
{
    struct book_child *c = &b->child[b->n_children];

    if (b->n_children == COUNT_OF(b->child)) {
        world_fail(b->w, "more Child SAs than the book holds");
        return &b->child[0];
    }
    b->n_children++;
    *c = (struct book_child){.spi = {spi0, spi1}, .maker = maker, .heir = {-1, -1}, .old = -1, .since = b->w->now};
    return c;
}

void book_open(struct book *b, struct world *w)
{
    const struct told_row *r;

    b->w = w;
    end_list(&w->end[0]);
    for (size_t i = 0; i < w->end[0].n_rows; i++) {
        r = &w->end[0].rows[i];
        if (r->child) {
            struct book_child *c = child_add(b, r->spi_in, r->spi_out, 0);

            c->line = 1;
            c->alive[0] = c->alive[1] = c->known[0] = c->known[1] = true;
        } else {
            struct book_sa *sa = sa_add(b, r->spi_i, r->spi_r, r->we_initiated ? 0 : 1);

            sa->alive[0] = sa->alive[1] = sa->known[0] = sa->known[1] = true;
        }
    }
}

static void low_of(const struct book_ask *k, uint8_t *low, size_t *len)
{
    struct span q = span_of(k->q.nonce, k->q.nonce_len), a = span_of(k->a.nonce, k->a.nonce_len);
    struct span l = span_compare(q, a) <= 0 ? q : a;

    memcpy(low, l.p, l.len);
    *len = l.len;
}

/* --- what was made, as soon as it is answered: who answers holds it -----------------------------------------------------------
 */

static void child_made(struct book *b, const struct book_sa *sa, struct book_ask *k)
{
    unsigned asks = k->q.from, answers = !asks;
    uint32_t theirs = (uint32_t)k->q.spi, ours = (uint32_t)k->a.spi;
    struct book_child *c = child_add(b, asks ? ours : theirs, asks ? theirs : ours, asks);
    struct book_child *old = book_child_at(b, asks, k->q.rekeys);

    c->line = sa->line;
    c->extra = old ? old->extra : k->q.extra;
    c->alive[answers] = c->known[answers] = true;
    low_of(k, c->low, &c->low_len);
    if (!old)
        return;
    c->old = (int)(old - b->child);
    old->heir[asks] = (int)(c - b->child);
    old->replaced_at = b->w->now;
}

static void sa_made(struct book *b, struct book_sa *old, struct book_ask *k)
{
    struct book_sa *sa = sa_add(b, k->q.spi, k->a.spi, k->q.from);

    sa->old = (int)(old - b->sa);
    sa->line = old->line;
    sa->alive[!k->q.from] = sa->known[!k->q.from] = true;
    low_of(k, sa->low, &sa->low_len);
    old->heir[k->q.from] = (int)(sa - b->sa);
}

/* The last IKE SA of a line takes their children along. */
static void sa_gone(struct book *b, struct book_sa *sa, unsigned end)
{
    sa->alive[end] = false;
    for (size_t i = 0; i < b->n_sas; i++)
        if (b->sa[i].alive[end] && b->sa[i].line == sa->line)
            return;
    for (size_t i = 0; i < b->n_children; i++)
        if (b->child[i].line == sa->line)
            b->child[i].alive[end] = false;
}

static void answered(struct book *b, struct book_sa *sa, struct book_ask *k)
{
    unsigned end = k->a.from;

    if (k->q.kind == SAYS_DELETE_IKE)
        sa_gone(b, sa, end);
    if (k->q.kind == SAYS_AUTH && k->a.error != AUTHENTICATION_FAILED) {
        sa->half = false;
        sa->known[end] = true;
    }
    for (size_t i = 0; i < k->q.n_deletes; i++) {
        struct book_child *c = book_child_at(b, !end, k->q.deletes[i]);

        if (c) {
            c->alive[end] = false;
            c->known[end] = true;
        }
    }
    if (k->a.error || !k->a.has_sa)
        return;
    if (k->q.kind == SAYS_REKEY_IKE)
        sa_made(b, sa, k);
    else
        child_made(b, sa, k);
}

/* --- said --------------------------------------------------------------------------------------------------------------------
 */

static void said_request(struct book *b, struct book_sa *sa, const struct clash_says *s)
{
    struct book_ask *k = ask_by_id(sa, s->from, s->id);

    if (k) {
        rfc_repeat(b, sa, s);
        return;
    }
    rfc_request(b, sa, s);
    if (sa->n_asks[s->from] == COUNT_OF(sa->ask[0])) {
        world_fail(b->w, "more requests than the book holds");
        return;
    }
    sa->ask[s->from][sa->n_asks[s->from]++] = (struct book_ask){.q = *s, .at = b->w->now};
}

static void said_response(struct book *b, struct book_sa *sa, const struct clash_says *s)
{
    struct book_ask *k = ask_by_id(sa, !s->from, s->id);

    if (!k || !k->heard) {
        world_fail(b->w, "end %u answers what it has not heard", s->from);
        return;
    }
    if (k->answered)
        return; /* again: that it is the same is a law of the wire */
    rfc_response(b, sa, k, s);
    k->a = *s;
    k->a.kind = k->q.kind;
    k->answered = true;
    answered(b, sa, k);
}

/* An IKE SA begun anew, after one was closed. */
static void said_init(struct book *b, const struct clash_says *s)
{
    struct book_sa *sa;

    for (size_t i = 0; s->response && i < b->n_sas; i++)
        if (b->sa[i].spi_i == s->spi_i && !b->sa[i].half && b->sa[i].alive[s->from])
            world_fail(b->w, "RFC 7296 2.1: end %u answers an IKE_SA_INIT whose IKE_AUTH it has had", s->from);
    sa = s->response && s->spi_r && !book_sa_of(b, s) ? sa_add(b, s->spi_i, s->spi_r, !s->from) : NULL;
    if (sa)
        sa->alive[0] = sa->alive[1] = sa->half = true;
}

void book_said(struct book *b, const struct clash_says *s)
{
    struct book_sa *sa = book_sa_of(b, s);

    if (s->kind == SAYS_INIT)
        said_init(b, s);
    if (s->kind == SAYS_CLEAR || s->kind == SAYS_INIT)
        return;
    if (!sa) {
        if (s->exchange == CREATE_CHILD_SA || s->exchange == INFORMATIONAL)
            world_fail(b->w, "end %u speaks in an IKE SA that was never made", s->from);
    } else if (s->response) {
        said_response(b, sa, s);
    } else {
        said_request(b, sa, s);
    }
}

/* --- heard -------------------------------------------------------------------------------------------------------------------
 */

/* The SA of an answer comes to life at who asked, unless the other end has closed it meanwhile. */
static void heard_made(struct book *b, struct book_ask *k, unsigned to)
{
    struct book_child *c;

    if (k->q.kind == SAYS_REKEY_IKE) {
        for (size_t i = 0; i < b->n_sas; i++)
            if (b->sa[i].spi_i == k->q.spi) {
                b->sa[i].alive[to] = b->sa[i].alive[!to];
                b->sa[i].known[to] = true;
            }
        return;
    }
    c = book_child_at(b, to, (uint32_t)k->q.spi);
    if (c) { /* known before: its deletion overtook the answer */
        c->alive[to] = !c->known[to] && c->alive[!to];
        c->known[to] = true;
    }
}

static void heard_response(struct book *b, struct book_sa *sa, struct book_ask *k, unsigned to)
{
    struct book_child *c;

    k->over = true;
    k->over_at = b->w->now;
    sa->known[to] |= k->q.kind == SAYS_AUTH;
    if (k->q.kind == SAYS_DELETE_IKE)
        sa_gone(b, sa, to);
    for (size_t i = 0; i < k->q.n_deletes; i++)
        if ((c = book_child_at(b, to, k->q.deletes[i])))
            c->alive[to] = false;
    if (k->a.error == CHILD_SA_NOT_FOUND && (c = book_child_at(b, to, k->q.rekeys)) && c->heir[!to] < 0)
        c->alive[to] = false; /* silently (2.25) */
    if (!k->a.error && k->a.has_sa)
        heard_made(b, k, to);
}

void book_heard(struct book *b, unsigned to, const struct clash_says *s)
{
    struct book_sa *sa = book_sa_of(b, s);
    struct book_ask *k = sa ? ask_by_id(sa, s->response ? to : !to, s->id) : NULL;

    if (!k || !sa->alive[to] || s->kind == SAYS_CLEAR)
        return;
    if (s->response) {
        if (!k->over && k->answered)
            heard_response(b, sa, k, to);
    } else if (!k->heard) {
        k->heard = true;
        k->situation = rfc_situation(b, sa, &k->q);
    }
}

static bool closing(struct book_sa *sa, unsigned end)
{
    const struct book_ask *k = book_open_ask(sa, end);

    return k && k->q.kind == SAYS_DELETE_IKE;
}

/* Who asks for something in an IKE SA that the other end does not hold, or for its deletion when that has asked for it too, gets
 * no answer and gives it up. */
void book_close(struct book *b)
{
    for (size_t i = 0; i < b->n_sas; i++)
        for (unsigned end = 0; end < 2; end++) {
            if (b->sa[i].half)
                b->sa[i].alive[end] = false;
            if (book_open_ask(&b->sa[i], end) && (!b->sa[i].alive[!end] || (closing(&b->sa[i], end) && closing(&b->sa[i], !end))))
                sa_gone(b, &b->sa[i], end);
        }
}

/* --- as a number, for schedules to be told apart ------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t v, uint64_t with)
{
    v = (v ^ with) * 0x9e3779b97f4a7c15u;
    return v ^ v >> 29;
}

uint64_t book_digest(const struct book *b)
{
    uint64_t v = mix(b->n_sas, b->n_children);

    for (size_t i = 0; i < b->n_sas; i++) {
        const struct book_sa *sa = &b->sa[i];

        v = mix(v, (uint64_t)(sa->alive[0] | sa->alive[1] << 1 | sa->first << 2) | (uint64_t)(sa->heir[0] + 1) << 8 |
                       (uint64_t)(sa->heir[1] + 1) << 16 | sa->n_asks[0] << 24 | sa->n_asks[1] << 32);
        for (unsigned end = 0; end < 2; end++)
            for (size_t k = 0; k < sa->n_asks[end]; k++)
                v = mix(v, sa->ask[end][k].q.kind | (uint64_t)sa->ask[end][k].a.error << 8 |
                               (uint64_t)(sa->ask[end][k].heard | sa->ask[end][k].answered << 1 | sa->ask[end][k].over << 2)
                                   << 32);
    }
    for (size_t i = 0; i < b->n_children; i++)
        v = mix(v,
                (uint64_t)(b->child[i].alive[0] | b->child[i].alive[1] << 1 | b->child[i].extra << 2 | b->child[i].maker << 3) |
                    (uint64_t)(b->child[i].old + 1) << 8);
    return v;
}
