/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quick crash detection (RFC 6290). Each side gives the other a token for the pair of IKE SPIs, under protection; the vault makes
 * it, the same one after every restart. Who speaks to us under an IKE SA that we have lost gets the token back in clear, and
 * drops that SA; we do the same with a token that we were given.
 *
 *     IKE_AUTH, both ways                     N(QUICK_CRASH_DETECTION)    after AUTH (4.2)
 *     rekey of the IKE SA, response           N(QUICK_CRASH_DETECTION)    the responder's (4.3)
 *     INFORMATIONAL under the heir            N(QUICK_CRASH_DETECTION)    the initiator's (4.3)
 *     any protected request, SA unknown  <--  N(INVALID_IKE_SPI), N(QUICK_CRASH_DETECTION) in clear (4.5)
 *
 * A token is never shown while either SPI of the pair is one of ours that lives, whatever flags the question carried (9.2).
 */
#include "ike/ike.h"

#include <string.h>

#define TOKEN_MIN 16 /* RFC 6290 5 */
#define TOKEN_MAX 128

static bool qcd_on(const struct core *c)
{
    return c->conf->quick_crash_detection;
}

/* What is kept of a token: enough to know it again, nothing to show it by. */
static bool digest(struct core *c, struct span token, uint8_t out[QCD_DIGEST_LEN])
{
    uint8_t mac[64];

    if (c->cookie_mac->mac->mac(c->cookie_mac, span_of(c->qcd.key, sizeof(c->qcd.key)), &token, 1, mac) < 0)
        return false;
    memcpy(out, mac, QCD_DIGEST_LEN);
    return true;
}

static bool is_token(const struct payload *n)
{
    return n->u.notify.type == QUICK_CRASH_DETECTION && n->u.notify.data.len >= TOKEN_MIN && n->u.notify.data.len <= TOKEN_MAX;
}

/* --- inside protected exchanges -------------------------------------------------------------------------------------------- */

enum step qcd_ask(struct xchg *x, const struct ike_sa *about)
{
    struct ask ask = {.to = ASK_VAULT, .kind = ASK_TOKEN};

    if (!qcd_on(x->core))
        return STEP_NEXT;
    ask.u.token.spi_i = about->spi_i;
    ask.u.token.spi_r = about->spi_r;
    return xchg_ask(x, &ask);
}

void qcd_wanted(struct ike_sa *sa)
{
    sa->want_token = qcd_on(sa->core);
}

static struct span token_of(const struct answer *a)
{
    if (!a || a->result != ANSWER_OK)
        return SPAN_NONE;
    return a->kind == ASK_AUTH_MAKE ? a->u.auth.token : a->kind == ASK_TOKEN ? a->u.token.data : SPAN_NONE;
}

static bool qcd_boards(const struct xchg *x)
{
    return token_of(x->answer).len > 0;
}

static void qcd_write(struct xchg *x)
{
    notify_add(&x->out, PROTOCOL_IKE, SPAN_NONE, QUICK_CRASH_DETECTION, arena_copy(&x->arena, token_of(x->answer)));
}

static void qcd_read(struct xchg *x)
{
    const struct payload *n = notify_find(x->in, QUICK_CRASH_DETECTION);
    struct ike_sa *about = x->heir ? x->heir : x->sa;

    if (n && is_token(n) && qcd_on(x->core) && digest(x->core, n->u.notify.data, about->token_digest))
        about->has_token = true;
}

const struct rider rider_qcd = {"quick crash detection", qcd_boards, qcd_write, qcd_read};

/* --- in clear: limits ---------------------------------------------------------------------------------------------------------
 */

static void second_begin(struct core *c)
{
    struct qcd *q = &c->qcd;

    if (c->now - q->since < USEC_SEC && q->since)
        return;
    q->since = c->now;
    q->answers = q->checks = 0;
    memset(q->by_source, 0, sizeof(q->by_source));
}

/* One that asks much must not take the others' share (8.1); soon after a start many may ask (9.3). */
static bool answer_allowed(struct core *c, const struct path *path)
{
    uint32_t max = c->now - c->qcd.started < QCD_SOON ? QCD_ANSWERS_SOON : QCD_ANSWERS;
    struct prefix net = {path->remote.addr, path->remote.addr.family == 6 ? 64 : 24};
    struct addr low, high;
    uint8_t *source;

    second_begin(c);
    prefix_bounds(&net, &low, &high);
    source = &c->qcd.by_source[map_hash(&c->sources, addr_span(&low)) % COUNT_OF(c->qcd.by_source)];
    if (c->qcd.answers >= max || *source >= QCD_ANSWERS_PER_SOURCE)
        return false;
    c->qcd.answers++;
    ++*source;
    return true;
}

/* --- in clear: we have lost it --------------------------------------------------------------------------------------------- */

static void qcd_forget(struct core *c, struct timer *t)
{
    (void)t;
    for (size_t i = 0; i < QCD_ASKED_MAX; i++)
        ticket_drop(c, &c->qcd.asked[i].ticket);
}

void qcd_init(struct core *c)
{
    c->rng.fill(c->rng.ctx, c->qcd.key, sizeof(c->qcd.key));
    c->qcd.started = c->now;
    c->qcd.forget.fire = qcd_forget;
}

static bool pair_is_lost(struct core *c, const struct ike_header *h)
{
    return h->spi_i && h->spi_r && !spi_taken(c, h->spi_i) && !spi_taken(c, h->spi_r);
}

bool qcd_answers(struct core *c, const struct ike_header *h, const struct path *path)
{
    bool protected_request = (h->next == PAYLOAD_SK || h->next == PAYLOAD_SKF) && !(h->flags & IKE_FLAG_RESPONSE);
    struct qcd_asked *q = &c->qcd.asked[c->qcd.next % QCD_ASKED_MAX];
    struct ask ask = {.to = ASK_VAULT, .kind = ASK_TOKEN, .deadline = usec_add(c->now, ANSWER_WAIT)};

    if (!qcd_on(c) || !protected_request || !pair_is_lost(c, h) || q->ticket.slot || !answer_allowed(c, path))
        return false;
    q->ticket = ask.ticket = ticket_take(c, TICKET_TOKEN, q);
    if (!ask.ticket.slot)
        return false;
    c->qcd.next++;
    q->header = *h;
    q->path = *path;
    ask.u.token.spi_i = h->spi_i;
    ask.u.token.spi_r = h->spi_r;
    out_ask(c, &ask);
    wake_set(c, &c->qcd.forget, ask.deadline);
    return true;
}

/* Without a token it is what everybody says (RFC 7296 2.21.4). */
void qcd_answered(struct core *c, const struct answer *a)
{
    struct qcd_asked *q = ticket_find(c, a->ticket, TICKET_TOKEN);
    struct payload token = {.type = PAYLOAD_NOTIFY,
                            .u.notify = {.protocol = PROTOCOL_IKE, .type = QUICK_CRASH_DETECTION, .data = token_of(a)}};
    struct payload invalid = {.type = PAYLOAD_NOTIFY, .u.notify = {.type = INVALID_IKE_SPI}};

    ticket_drop(c, &q->ticket);
    if (!pair_is_lost(c, &q->header))
        return;
    if (token.u.notify.data.len)
        invalid.next = &token;
    door_answer(c, &q->header, &q->path, &invalid);
}

/* --- in clear: the peer has lost it ------------------------------------------------------------------------------------------
 */

static bool token_known(struct ike_sa *sa, const struct payload *in)
{
    uint8_t shown[QCD_DIGEST_LEN];
    size_t n = 0;

    second_begin(sa->core);
    for (const struct payload *p = payload_find(in, PAYLOAD_NOTIFY); p && n < QCD_TOKENS_MAX;
         p = payload_after(p, PAYLOAD_NOTIFY)) {
        if (!is_token(p))
            continue;
        n++;
        if (sa->core->qcd.checks++ >= QCD_CHECKS || !digest(sa->core, p->u.notify.data, shown))
            return false;
        if (secret_equal(span_of(shown, QCD_DIGEST_LEN), span_of(sa->token_digest, QCD_DIGEST_LEN)))
            return true;
    }
    return false;
}

/* From any address and port (3); the message ID does not count, for the message may answer an ESP packet (4.5). */
bool qcd_crashed(struct ike_sa *sa, const struct payload *in)
{
    struct peer *p = sa->peer;

    if (!sa->has_token || !qcd_on(sa->core) || sa->state < IKE_UP)
        return false;
    if (!token_known(sa, in)) {
        if (notify_find(in, QUICK_CRASH_DETECTION) && stranger_told(sa->core))
            tell(sa->core, FACT_DROPPED, p, sa, NULL,
                 "somebody wants it to seem that the peer has restarted: the token is not the peer's");
        return false;
    }
    if (p)
        p->retry_at = 0; /* it is there, and hears us */
    sa_kill(sa, FACT_IKE_DOWN, "the peer has lost it (quick crash detection): it has restarted");
    return true;
}
