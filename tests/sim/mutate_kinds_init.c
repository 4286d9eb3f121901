/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_SA_INIT: requests to a gate that waits, answers to one that began. */
#include "mutate_kinds.h"

#include <string.h>

static bool request_plain(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_ANSWER);

    if (m->kind->number == INVALID_KE_PAYLOAD)
        p->gate->plan[0].ike = "aes256gcm16-prfsha256-ecp256";
    if (!mutant_waiting(m))
        return false;
    if (m->kind->number == INVALID_KE_PAYLOAD)
        p->words = "aes256gcm16-prfsha256-x25519-ecp256";
    if (m->kind->number == NO_PROPOSAL_CHOSEN)
        p->words = "aes128gcm16-prfsha256-x25519";
    say_init(p);
    say_extras(p, m->kind->words);
    return mutant_request(m, IKE_SA_INIT);
}

static bool request_offers(struct mutant *m)
{
    mutant_puppet(m, KEEP_ANSWER);
    if (!mutant_waiting(m))
        return false;
    m->p->words = m->kind->words;
    say_init(m->p);
    return mutant_request(m, IKE_SA_INIT);
}

/* The gate already wants cookies: without one, or with the one that it gave. */
static bool request_cookie(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_ANSWER);
    const struct payload *n;
    const struct said *said;

    p->gate->globals.limits.cookie_threshold = 0;
    if (!mutant_waiting(m))
        return false;
    say_init(p);
    if (!m->kind->number)
        return mutant_request(m, IKE_SA_INIT);
    said = ask(p, IKE_SA_INIT);
    n = said ? notify_find(said->in, COOKIE) : NULL;
    if (!n)
        return false;
    p->ike->next_ours = 0;
    payload_add_first(&p->out, notify_add(&(struct payload_list){&p->arena, NULL, &(struct payload *){NULL}, false}, 0, SPAN_NONE,
                                          COOKIE, n->u.notify.data));
    return mutant_request(m, IKE_SA_INIT);
}

/* The second request, with the group that the gate wanted. */
static bool request_second(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_ANSWER);

    p->gate->plan[0].ike = "aes256gcm16-prfsha256-ecp256";
    if (!mutant_waiting(m))
        return false;
    p->words = "aes256gcm16-prfsha256-x25519-ecp256";
    say_init(p);
    if (error_of(ask(p, IKE_SA_INIT)) != INVALID_KE_PAYLOAD)
        return false;
    p->words = "aes256gcm16-prfsha256-ecp256-x25519";
    say_init(p);
    return mutant_request(m, IKE_SA_INIT);
}

/* The gate has answered it already. */
static bool request_again(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_ANSWER);

    if (!mutant_waiting(m))
        return false;
    say_init(p);
    if (!mutant_request(m, IKE_SA_INIT))
        return false;
    mutant_deliver(m, span_of(m->bytes, m->len));
    mutant_settle(m);
    return !p->w->failed;
}

static bool answer_plain(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_UP);
    const struct said *said = mutant_called(m);

    if (!said)
        return false;
    p->natd_wrong_source = m->kind->number == 1;
    say_init_answer(p, said);
    say_extras(p, m->kind->words);
    return mutant_reply(m, said);
}

/* Only a notify, `number`. */
static bool answer_notify(struct mutant *m)
{
    static const uint8_t group[] = {0, 19}, cookie[] = "a cookie of the other end";
    struct puppet *p = mutant_puppet(m, KEEP_UP);
    const struct said *said;

    p->gate->plan[0].ike = "aes256gcm16-prfsha256-x25519-ecp256";
    said = mutant_called(m);
    if (!said)
        return false;
    p->ike = &p->sa[0];
    p->ike->spi_i = said->h.spi_i;
    say(p);
    if (m->kind->number == COOKIE)
        say_notify(p, COOKIE, cookie, sizeof(cookie));
    else if (m->kind->number == INVALID_KE_PAYLOAD)
        say_notify(p, INVALID_KE_PAYLOAD, group, 2);
    else
        say_notify(p, (uint16_t)m->kind->number, NULL, 0);
    buf_init(&p->ike->init_ours, 65536);
    return mutant_reply(m, said);
}

/* The whole answer, after a cookie was asked for. */
static bool answer_second(struct mutant *m)
{
    struct puppet *p;
    const struct said *said;

    if (!answer_notify(m))
        return false;
    p = m->p;
    mutant_deliver(m, span_of(m->bytes, m->len));
    said = hear(p);
    buf_done(&p->ike->init_ours);
    p->ike->spi_i = 0;
    if (!said)
        return false;
    if (m->kind->number == INVALID_KE_PAYLOAD)
        p->words = "aes256gcm16-prfsha256-ecp256";
    say_init_answer(p, said);
    return mutant_reply(m, said);
}

static bool works_begun_again(struct mutant *m)
{
    const struct said *said = hear(m->p);

    return said && !said->response && said->h.exchange == IKE_SA_INIT;
}

static bool works_auth_begun(struct mutant *m)
{
    const struct said *said = hear(m->p);

    return said && !said->response && said->h.exchange == IKE_AUTH;
}

static bool works_cookie(struct mutant *m)
{
    const struct said *said = hear(m->p);

    return said && has(said, COOKIE);
}

/* An error without protection is believed only when nothing better comes (2.21.1): the gate says the same again. */
static bool works_believed_late(struct mutant *m)
{
    world_run(m->p->w, 10 * USEC_SEC);
    return ike_sas(m->p, "UP") == 0 && m->p->gate->facts[FACT_IKE_FAILED] >= 1;
}

const struct kind mutate_init[] = {
    {"init-request", request_plain, works_answer, KIND_INIT, 0, NULL},
    {"init-request-hashes", request_plain, works_answer, KIND_INIT, 0, "hashes"},
    {"init-request-vendors", request_plain, works_answer, KIND_INIT, 0, "vendor unknown vendor"},
    {"init-request-notifies", request_plain, works_answer, KIND_INIT, 0, "n16406 n16418 n16396 n40960+ n8192+"},
    {"init-request-offers", request_offers, works_answer, KIND_INIT, 0,
     "aes128gcm16-prfsha256-x25519 aes256gcm16-aes128gcm16-prfsha256-x25519-ecp256-modp2048"},
    {"init-request-wrong-group", request_plain, works_error, KIND_INIT, INVALID_KE_PAYLOAD, NULL},
    {"init-request-unsuitable", request_plain, works_error, KIND_INIT, NO_PROPOSAL_CHOSEN, NULL},
    {"init-request-second", request_second, works_answer, KIND_INIT, 0, NULL},
    {"init-request-cookie-wanted", request_cookie, works_cookie, KIND_INIT, 0, NULL},
    {"init-request-cookie", request_cookie, works_answer, KIND_INIT, 1, NULL},
    {"init-request-again", request_again, works_answer, KIND_INIT, 0, NULL},
    {"init-answer", answer_plain, works_auth_begun, KIND_INIT, 0, NULL},
    {"init-answer-certreq", answer_plain, works_auth_begun, KIND_INIT, 0, "certreq hashes"},
    {"init-answer-vendors", answer_plain, works_auth_begun, KIND_INIT, 0, "vendor unknown n16418 n40960+"},
    {"init-answer-nat", answer_plain, works_auth_begun, KIND_INIT, 1, NULL},
    {"init-answer-cookie", answer_notify, works_begun_again, KIND_INIT, COOKIE, NULL},
    {"init-answer-other-group", answer_notify, works_begun_again, KIND_INIT, INVALID_KE_PAYLOAD, NULL},
    {"init-answer-refused", answer_notify, works_believed_late, KIND_INIT, NO_PROPOSAL_CHOSEN, NULL},
    {"init-answer-malformed", answer_notify, works_believed_late, KIND_INIT, INVALID_SYNTAX, NULL},
    {"init-answer-after-cookie", answer_second, works_auth_begun, KIND_INIT, COOKIE, NULL},
    {"init-answer-after-group", answer_second, works_auth_begun, KIND_INIT, INVALID_KE_PAYLOAD, NULL},
    {.name = NULL},
};
