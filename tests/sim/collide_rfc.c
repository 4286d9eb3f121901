/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What RFC 7296 expects of who asks and who answers while other things go on: written from the text of
 * sections 1.3, 1.3.2, 1.4.1, 2.1 - 2.3, 2.8, 2.8.1, 2.8.2, 2.25, 2.25.1, 2.25.2 in terms of what both ends have said and heard,
 * never from the code under test. SHOULD is taken for MUST: this daemon wants to be predictable.
 */
#include "collide.h"

#include <string.h>

/* The situation of who answers, at the moment of a request. */
enum situation {
    SA_REKEYING = 1,     /* it has asked to rekey the IKE SA, and waits */
    SA_CLOSING = 2,      /* it closes the IKE SA, or has replaced it */
    CHILD_BUSY = 4,      /* it has asked to create, rekey or delete a Child SA, and waits */
    CHILD_REKEYING = 8,  /* ... to rekey this one */
    CHILD_CLOSING = 16,  /* ... to delete this one, or has replaced it itself */
    CHILD_REPLACED = 32, /* the asker has rekeyed this one already */
    CHILD_UNBORN = 64,   /* made by an exchange of which the answerer has not heard the answer */
    CHILD_UNKNOWN = 128, /* never made, or gone */
    CHILD_DOUBT = 512,   /* unknown, while an answer is due that may tell of one */
    IN_DOUBT = 256,      /* an order waits for the window, or the kernel has not answered: who answers may see it either way */
};

enum answer_of { USUAL = 1, TEMPORARY = 2, NOT_FOUND = 4 };
struct rfc_verdict {
    enum clash_kind asked;
    unsigned when, answer;
    const char *section;
};
/* Every row whose situation is given counts; without any the answer is as usual. */
/* clang-format off */
static const struct rfc_verdict table[] = {
    {SAYS_REKEY_CHILD, CHILD_UNKNOWN,  NOT_FOUND,             "2.25.1"}, /* "to rekey a Child SA that does not exist" */
    {SAYS_REKEY_CHILD, CHILD_UNBORN,   TEMPORARY,             "2.25"},   /* it does, in a moment */
    {SAYS_REKEY_CHILD, CHILD_DOUBT,    TEMPORARY | NOT_FOUND, "2.25"},   /* which of both it is cannot be known yet */
    {SAYS_REKEY_CHILD, CHILD_CLOSING,  TEMPORARY,             "2.25.1"}, /* "that it is currently trying to close" */
    {SAYS_REKEY_CHILD, CHILD_REPLACED, TEMPORARY,             "2.25"},   /* a confused peer: it is about to close it itself */
    {SAYS_REKEY_CHILD, SA_REKEYING,    TEMPORARY,             "2.25.2"}, /* "when it is currently rekeying the IKE SA" */
    {SAYS_REKEY_CHILD, SA_CLOSING,     TEMPORARY,             "2.25.2"},
    {SAYS_NEW_CHILD,   SA_REKEYING,    TEMPORARY,             "2.25.2"},
    {SAYS_NEW_CHILD,   SA_CLOSING,     TEMPORARY,             "2.25.2"},
    {SAYS_REKEY_IKE,   CHILD_BUSY,     TEMPORARY,             "2.25.1"}, /* "creating, rekeying, or closing a Child SA" */
    {SAYS_REKEY_IKE,   SA_CLOSING,     TEMPORARY,             "2.25.2"}, /* and 2.8.2: rekeyed already */
};
/* clang-format on */

#define RETRY_LEAST USEC_SEC           /* "MUST NOT immediately retry" (2.25) */
#define FORGOTTEN_AFTER (9 * USEC_SEC) /* who waits so long for the other end to close something may do it itself */
#define SAME_TIME (30 * USEC_SEC)

/* --- situations --------------------------------------------------------------------------------------------------------------
 */

static bool deletes(const struct book_ask *k, uint32_t spi)
{
    for (size_t i = 0; k && i < k->q.n_deletes; i++)
        if (k->q.deletes[i] == spi)
            return true;
    return false;
}

/* Has the end asked for its deletion, and waits? Under whatever IKE SA. */
static bool child_delete_open(struct book *b, unsigned end, const struct book_child *c)
{
    for (size_t i = 0; i < b->n_sas; i++)
        if (b->sa[i].alive[end] && deletes(book_open_ask(&b->sa[i], end), c->spi[end]))
            return true;
    return false;
}

/* Is the end closing the IKE SA that carries it? */
static bool line_closes(struct book *b, unsigned end, unsigned line)
{
    for (size_t i = 0; i < b->n_sas; i++) {
        const struct book_ask *k = b->sa[i].line == line && b->sa[i].alive[end] ? book_open_ask(&b->sa[i], end) : NULL;

        if (k && k->q.kind == SAYS_DELETE_IKE)
            return true;
    }
    return false;
}

static bool holds(const struct book *b, unsigned end, int heir)
{
    return heir >= 0 && b->child[heir].known[end];
}

static unsigned child_situation(struct book *b, unsigned end, const struct book_ask *own, const struct clash_says *q)
{
    struct book_child *c = book_child_at(b, !end, q->rekeys);
    unsigned s = 0;

    if (!c || (c->known[end] && !c->alive[end]))
        return own && (own->q.kind == SAYS_NEW_CHILD || own->q.kind == SAYS_REKEY_CHILD) ? CHILD_DOUBT : CHILD_UNKNOWN;
    if (!c->known[end])
        return CHILD_UNBORN;
    if (child_delete_open(b, end, c) || holds(b, end, c->heir[end]))
        s |= CHILD_CLOSING;
    if (c->heir[!end] >= 0)
        s |= CHILD_REPLACED;
    if (own && own->q.kind == SAYS_REKEY_CHILD && own->q.rekeys == c->spi[end])
        s |= CHILD_REKEYING;
    return s;
}

/* Something is to be closed as soon as the window is free. */
static bool closes_soon(const struct book *b, unsigned end, const struct book_ask *own)
{
    if (own && (b->ordered[end][CLASH_DELETE] || b->ordered[end][CLASH_IKE_DELETE]))
        return true;
    for (size_t i = 0; own && i < b->n_children; i++) {
        const struct book_child *c = &b->child[i];

        if (c->alive[end] && (holds(b, end, c->heir[0]) || holds(b, end, c->heir[1])))
            return true;
    }
    return false;
}

unsigned rfc_situation(struct book *b, struct book_sa *sa, const struct clash_says *q)
{
    unsigned end = !q->from, s = 0;
    const struct book_ask *own = book_open_ask(sa, end);
    bool rekeys = own && own->q.kind == SAYS_REKEY_IKE;

    if (rekeys)
        s |= SA_REKEYING;
    if (own && own->q.kind == SAYS_DELETE_IKE)
        s |= SA_CLOSING;
    if ((sa->heir[end] >= 0 && !rekeys) || sa->heir[!end] >= 0)
        s |= SA_CLOSING;
    if (own && (own->q.kind == SAYS_NEW_CHILD || own->q.kind == SAYS_REKEY_CHILD || own->q.kind == SAYS_DELETE_CHILD))
        s |= CHILD_BUSY;
    if (q->kind == SAYS_REKEY_CHILD)
        s |= child_situation(b, end, own, q);
    if (closes_soon(b, end, own) || (b->slow && b->w->n_queue))
        s |= IN_DOUBT;
    return s;
}

/* --- answers ------------------------------------------------------------------------------------------------------------------
 */

static unsigned allowed(enum clash_kind asked, unsigned situation, const char **section)
{
    unsigned answers = 0;

    *section = "1.3";
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (table[i].asked == asked && table[i].when & situation) {
            answers |= table[i].answer;
            *section = table[i].section;
        }
    if (situation & IN_DOUBT)
        answers |= USUAL | TEMPORARY;
    return answers ? answers : USUAL;
}

static unsigned answer_of(const struct book *b, const struct clash_says *a)
{
    if (a->error == TEMPORARY_FAILURE)
        return TEMPORARY;
    if (a->error == CHILD_SA_NOT_FOUND)
        return NOT_FOUND;
    return a->has_sa || (a->error == INVALID_KE_PAYLOAD && b->groups) ? USUAL : 0;
}

static void check_created(struct book *b, struct book_sa *sa, struct book_ask *k, const struct clash_says *a)
{
    const char *section, *later;
    unsigned may = allowed(k->q.kind, k->situation, &section) | allowed(k->q.kind, rfc_situation(b, sa, &k->q), &later);

    if (!(answer_of(b, a) & may))
        world_fail(b->w, "RFC 7296 %s: end %u answers %s with %s (situation %#x)", section, a->from,
                   k->q.kind == SAYS_REKEY_CHILD ? "the rekey of a Child SA"
                   : k->q.kind == SAYS_REKEY_IKE ? "the rekey of the IKE SA"
                                                 : "a new Child SA",
                   a->error ? notify_name(a->error) : "an SA", k->situation);
    if (a->error == CHILD_SA_NOT_FOUND && a->missing != k->q.rekeys)
        world_fail(b->w, "RFC 7296 2.25: CHILD_SA_NOT_FOUND names another SPI than REKEY_SA did");
    if (a->error == INVALID_KE_PAYLOAD && (!a->group || a->group == k->q.group))
        world_fail(b->w, "RFC 7296 1.3: INVALID_KE_PAYLOAD names no other group than the one that was sent");
}

/* With a Delete payload for the pair of each SA that it holds, without for what it is closing itself or does not have (1.4.1,
 * 2.25.1); also while it rekeys the IKE SA (2.25.2). */
static void check_deleted(struct book *b, const struct book_ask *k, const struct clash_says *a)
{
    unsigned end = a->from;
    size_t due = 0;

    for (size_t i = 0; i < k->q.n_deletes; i++) {
        struct book_child *c = book_child_at(b, !end, k->q.deletes[i]);
        bool with = false, must = c && c->known[end] && c->alive[end] && !child_delete_open(b, end, c);

        for (size_t j = 0; j < a->n_deletes; j++)
            with |= c && a->deletes[j] == c->spi[end];
        due += must;
        if (with != must)
            world_fail(b->w, "RFC 7296 %s: end %u answers the deletion of %08x %s a Delete payload", must ? "2.25.1" : "1.4.1",
                       end, k->q.deletes[i], with ? "with" : "without");
    }
    if (a->n_deletes != due || a->error)
        world_fail(b->w, "RFC 7296 1.4.1: end %u answers a deletion with something else", end);
}

void rfc_response(struct book *b, struct book_sa *sa, struct book_ask *k, const struct clash_says *a)
{
    switch (k->q.kind) {
    case SAYS_NEW_CHILD:
    case SAYS_REKEY_CHILD:
    case SAYS_REKEY_IKE:
        check_created(b, sa, k, a);
        return;
    case SAYS_DELETE_CHILD:
        check_deleted(b, k, a);
        return;
    case SAYS_DELETE_IKE:
    case SAYS_EMPTY:
        if (a->kind != SAYS_EMPTY || a->error)
            world_fail(b->w, "RFC 7296 1.4: end %u answers an empty request or the deletion of an IKE SA with more than nothing",
                       a->from);
        return;
    default:
        return;
    }
}

/* --- who loses -----------------------------------------------------------------------------------------------------------------
 */

static int lower(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return span_compare(span_of(a, a_len), span_of(b, b_len)) < 0 ? 0 : 1;
}

/* The SA made with the lowest of the four nonces is closed by the end that made it (2.8.1). */
int rfc_child_loser(const struct book *b, const struct book_child *old)
{
    const struct book_child *h[2];

    if (old->heir[0] < 0 || old->heir[1] < 0)
        return -1;
    h[0] = &b->child[old->heir[0]];
    h[1] = &b->child[old->heir[1]];
    return lower(h[0]->low, h[0]->low_len, h[1]->low, h[1]->low_len);
}

int rfc_ike_loser(const struct book *b, const struct book_sa *old) /* 2.8.2 */
{
    const struct book_sa *h[2];

    if (old->heir[0] < 0 || old->heir[1] < 0)
        return -1;
    h[0] = &b->sa[old->heir[0]];
    h[1] = &b->sa[old->heir[1]];
    return lower(h[0]->low, h[0]->low_len, h[1]->low, h[1]->low_len);
}

/* --- requests ------------------------------------------------------------------------------------------------------------------
 */

/* Both ends made one for the same selectors, neither a rekey: the one with the lowest nonce is closed by who made it. With two
 * IKE SAs one of these goes, and what it carries. */
static bool twin_loses(const struct book *b, const struct book_child *c, unsigned end)
{
    for (size_t i = 0; i < b->n_children; i++) {
        const struct book_child *o = &b->child[i];

        bool twins = o != c && o->extra == c->extra && o->old < 0 && c->old < 0 && o->known[end] &&
                     c->since - o->since < SAME_TIME && o->since - c->since < SAME_TIME;

        if (twins && (o->line != c->line || (c->maker == end && lower(c->low, c->low_len, o->low, o->low_len) == 0)))
            return true;
    }
    return false;
}

/* The end is about to answer the other one's rekey of the same, and knows all four nonces. That it was right is seen later. */
static bool about_to_lose(struct book *b, unsigned end, const struct book_child *old)
{
    for (size_t i = 0; b->slow && i < b->n_sas; i++) {
        const struct book_ask *k = book_open_ask(&b->sa[i], !end);

        if (k && k->heard && !k->answered && k->q.rekeys == old->spi[!end])
            return true;
    }
    return false;
}

static bool may_delete_child(struct book *b, unsigned end, const struct book_child *c)
{
    usec_t now = b->w->now;
    const struct book_child *old = c->old >= 0 ? &b->child[c->old] : NULL;

    if (b->ordered[end][CLASH_IKE_DELETE] || (b->ordered[end][CLASH_DELETE] && !c->extra))
        return true;
    if (c->heir[end] >= 0 && rfc_child_loser(b, c) != (int)end)
        return true; /* who initiated the surviving one deletes the replaced one */
    if (old && c->maker == end && (rfc_child_loser(b, old) == (int)end || about_to_lose(b, end, old)))
        return true; /* who made the redundant one deletes it */
    if (twin_loses(b, c, end))
        return true;
    return c->replaced_at && now - c->replaced_at > FORGOTTEN_AFTER;
}

static void check_delete_child(struct book *b, const struct clash_says *q)
{
    for (size_t i = 0; i < q->n_deletes; i++) {
        struct book_child *c = book_child_at(b, q->from, q->deletes[i]);

        if (!c)
            world_fail(b->w, "RFC 7296 1.4.1: end %u deletes %08x, which is no inbound SPI of it", q->from, q->deletes[i]);
        else if (!may_delete_child(b, q->from, c))
            world_fail(b->w, "RFC 7296 2.8.1: end %u deletes %08x, which is not for it to delete", q->from, q->deletes[i]);
    }
}

static bool may_delete_ike(const struct book *b, unsigned end, const struct book_sa *sa)
{
    const struct book_sa *old = sa->old >= 0 ? &b->sa[sa->old] : NULL;

    if (b->ordered[end][CLASH_IKE_DELETE])
        return true;
    if (sa->heir[end] >= 0 && rfc_ike_loser(b, sa) != (int)end)
        return true;
    if (sa->heir[end] >= 0 && b->sa[sa->heir[!end]].known[end] && !b->sa[sa->heir[!end]].alive[end])
        return true; /* the winner's was closed by the winner: nobody else will */
    if (old && sa->first == end && rfc_ike_loser(b, old) == (int)end)
        return true;
    for (size_t i = 0; i < b->n_sas; i++)
        if (b->sa[i].line != sa->line && b->sa[i].alive[end])
            return true; /* a second one was begun from scratch */
    return b->w->now - sa->since > FORGOTTEN_AFTER && (sa->heir[0] >= 0 || sa->heir[1] >= 0 || old);
}

static void check_rekey_child(struct book *b, const struct clash_says *q)
{
    const struct book_child *c = book_child_at(b, q->from, q->rekeys);

    if (!c || !c->alive[q->from])
        world_fail(b->w, "RFC 7296 1.3.3: end %u rekeys %08x, which it does not hold", q->from, q->rekeys);
    else if (c->heir[0] >= 0 || c->heir[1] >= 0)
        world_fail(b->w, "RFC 7296 2.8: end %u rekeys %08x, which was rekeyed", q->from, q->rekeys);
}

/* One Child SA for one configured child: not a second one beside what is there. */
static void check_new_child(struct book *b, const struct clash_says *q)
{
    for (size_t i = 0; i < b->n_children; i++) {
        struct book_child *c = &b->child[i];

        if (c->extra == q->extra && c->alive[q->from] && c->heir[0] < 0 && c->heir[1] < 0 && !child_delete_open(b, q->from, c) &&
            !line_closes(b, q->from, c->line))
            world_fail(b->w, "end %u makes a Child SA beside %08x, which serves the same", q->from, c->spi[q->from]);
    }
}

/* What is tried again is the same operation: a Child SA may be rekeyed in another IKE SA, each IKE SA in itself alone. */
static void check_patience(struct book *b, const struct book_sa *sa, const struct clash_says *q)
{
    for (size_t i = 0; i < b->n_sas; i++)
        for (size_t k = 0; k < b->sa[i].n_asks[q->from]; k++) {
            const struct book_ask *was = &b->sa[i].ask[q->from][k];
            bool same = was->q.kind == q->kind && (q->kind != SAYS_REKEY_IKE || sa == &b->sa[i]);

            if (was->over && was->a.error == TEMPORARY_FAILURE && same && was->q.rekeys == q->rekeys &&
                was->q.extra == q->extra && b->w->now - was->over_at < RETRY_LEAST)
                world_fail(b->w, "RFC 7296 2.25: end %u tries again at once after TEMPORARY_FAILURE", q->from);
        }
}

/* After INVALID_KE_PAYLOAD the same is asked once more with a value of the group that was named (1.3). */
static void check_group(struct book *b, const struct book_sa *sa, const struct clash_says *q)
{
    const struct book_ask *was = sa->n_asks[q->from] ? &sa->ask[q->from][sa->n_asks[q->from] - 1] : NULL;

    if (was && was->a.error == INVALID_KE_PAYLOAD && was->q.kind == q->kind && was->q.rekeys == q->rekeys &&
        was->q.extra == q->extra && was->a.group != q->group)
        world_fail(b->w, "RFC 7296 1.3: end %u sends a value of group %u after %u was asked for", q->from, q->group,
                   was->a.group);
}

/* It has an heir, and this end has not seen it closed: who makes one and closes it before the other end's rekey of the same is
 * concluded leaves the old IKE SA to that. */
static bool succeeded(const struct book *b, const struct book_sa *sa, unsigned end)
{
    for (unsigned i = 0; i < 2; i++)
        if (sa->heir[i] >= 0 && (!b->sa[sa->heir[i]].known[end] || b->sa[sa->heir[i]].alive[end]))
            return true;
    return false;
}

static void check_create(struct book *b, const struct book_sa *sa, const struct clash_says *q)
{
    if (succeeded(b, sa, q->from))
        world_fail(b->w, "RFC 7296 1.3.2: end %u begins CREATE_CHILD_SA in an IKE SA that was rekeyed", q->from);
    check_patience(b, sa, q);
    check_group(b, sa, q);
    if (q->kind == SAYS_REKEY_CHILD)
        check_rekey_child(b, q);
    else if (q->kind == SAYS_NEW_CHILD)
        check_new_child(b, q);
}

void rfc_request(struct book *b, struct book_sa *sa, const struct clash_says *q)
{
    const struct book_ask *last = sa->n_asks[q->from] ? &sa->ask[q->from][sa->n_asks[q->from] - 1] : NULL;

    if (!sa->alive[q->from])
        world_fail(b->w, "RFC 7296 2.25.2: end %u asks in an IKE SA that it has closed", q->from);
    else if (last && !last->over)
        world_fail(b->w, "RFC 7296 2.3: end %u asks before its last request is answered", q->from);
    else if (last && last->q.kind == SAYS_DELETE_IKE)
        world_fail(b->w, "RFC 7296 2.8: end %u asks something after the deletion of the IKE SA", q->from);
    else if (q->exchange == CREATE_CHILD_SA)
        check_create(b, sa, q);
    else if (q->kind == SAYS_DELETE_CHILD)
        check_delete_child(b, q);
    else if (q->kind == SAYS_DELETE_IKE && !may_delete_ike(b, q->from, sa))
        world_fail(b->w, "RFC 7296 2.8.2: end %u deletes an IKE SA that is not for it to delete", q->from);
}

/* What was asked in an IKE SA that the peer closed is forgotten (2.8.2, 2.25.2). */
void rfc_repeat(struct book *b, struct book_sa *sa, const struct clash_says *q)
{
    if (!sa->alive[q->from])
        world_fail(b->w, "RFC 7296 2.25.2: end %u repeats a request in an IKE SA that is closed", q->from);
    else if (!book_open_ask(sa, q->from))
        world_fail(b->w, "RFC 7296 2.1: end %u repeats a request that was answered", q->from);
}

/* --- packets, and the end
 * --------------------------------------------------------------------------------------------------------- */

static bool ordered(const struct book *b, enum clash_op op)
{
    return b->ordered[0][op] || b->ordered[1][op];
}

/* A rekey interrupts nothing (2.8): who is not told to close what carries the packets has to carry them. */
bool rfc_packets_must_flow(const struct book *b)
{
    return !ordered(b, CLASH_DELETE) && !ordered(b, CLASH_IKE_DELETE);
}

/* How many pairs of a configured child there must be; -1 = none or one. */
static int due(const struct book *b, bool extra)
{
    bool closed0 = b->ordered[0][CLASH_DELETE] || b->ordered[0][CLASH_IKE_DELETE];

    if (extra)
        return !ordered(b, CLASH_CREATE) ? 0 : ordered(b, CLASH_IKE_DELETE) ? -1 : 1;
    if (!closed0 && b->ordered[1][CLASH_IKE_DELETE] && ordered(b, CLASH_CREATE))
        return -1; /* begun anew for the other child, while end 0 may still want this one */
    if (b->keeps)
        return closed0 ? (b->ordered[1][CLASH_IKE_DELETE] ? -1 : 0) : 1;
    return rfc_packets_must_flow(b);
}

static void end_children(struct book *b, bool extra)
{
    int at[2] = {0, 0}, must = due(b, extra);

    for (size_t i = 0; i < b->n_children; i++)
        for (unsigned end = 0; end < 2; end++)
            at[end] += b->child[i].extra == extra && b->child[i].alive[end];
    if (at[0] != at[1] || at[0] > 1 || (must >= 0 && at[0] != must))
        world_fail(b->w, "in the end there are %d and %d Child SAs of %s, not %d", at[0], at[1], extra ? "extra" : "net", must);
}

static void end_ike(struct book *b)
{
    int at[2] = {0, 0};

    for (size_t i = 0; i < b->n_sas; i++)
        for (unsigned end = 0; end < 2; end++)
            at[end] += b->sa[i].alive[end];
    if (at[0] != at[1] || at[0] > 1 || (!ordered(b, CLASH_IKE_DELETE) && at[0] != 1))
        world_fail(b->w, "in the end there are %d and %d IKE SAs", at[0], at[1]);
    if (ordered(b, CLASH_IKE_REKEY) && !ordered(b, CLASH_IKE_DELETE) && b->sa[0].alive[0])
        world_fail(b->w, "the IKE SA was never rekeyed");
    if (ordered(b, CLASH_REKEY) && rfc_packets_must_flow(b) && b->child[0].alive[0])
        world_fail(b->w, "the Child SA was never rekeyed");
}

static bool listed_right(struct book *b, unsigned end, const struct told_row *r)
{
    struct book_child *c;

    for (size_t i = 0; !r->child && i < b->n_sas; i++)
        if (b->sa[i].spi_i == r->spi_i && b->sa[i].spi_r == r->spi_r)
            return b->sa[i].alive[end];
    c = r->child ? book_child_at(b, end, r->spi_in) : NULL;
    return c && c->alive[end] && c->spi[!end] == r->spi_out;
}

/* An attempt to begin anew, which may fail for ever: the end outside cannot reach the one behind the translator. */
static bool begins(const struct told_row *r)
{
    return !r->child && (!strcmp(r->state, "BORN") || !strcmp(r->state, "KEYED"));
}

/* What the daemon says of itself is what follows from what was said on the wire. */
static void end_lists(struct book *b)
{
    for (unsigned end = 0; end < 2; end++) {
        struct end *e = &b->w->end[end];
        size_t n = 0, listed = 0;

        end_list(e);
        for (size_t i = 0; i < e->n_rows; i++)
            listed += !begins(&e->rows[i]);
        for (size_t i = 0; i < e->n_rows; i++)
            if (!begins(&e->rows[i]) && !listed_right(b, end, &e->rows[i]))
                world_fail(b->w, "end %u holds %s SA that it should not", end, e->rows[i].child ? "a Child" : "an IKE");
        for (size_t i = 0; i < b->n_sas; i++)
            n += b->sa[i].alive[end];
        for (size_t i = 0; i < b->n_children; i++)
            n += b->child[i].alive[end];
        if (n != listed)
            world_fail(b->w, "end %u holds %zu SAs where %zu are due", end, listed, n);
    }
}

void rfc_end(struct book *b)
{
    book_close(b);
    end_children(b, false);
    end_children(b, true);
    end_ike(b);
    end_lists(b);
}
