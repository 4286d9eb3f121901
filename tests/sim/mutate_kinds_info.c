/* SPDX-License-Identifier: Apache-2.0 */
/* INFORMATIONAL: deletes, liveness, notifies, and whatever else may be said; and what is said without protection. */
#include "mutate_kinds.h"

#include <string.h>

static bool request_extras(struct mutant *m)
{
    mutant_puppet(m, KEEP_ANSWER);
    if (!mutant_up(m))
        return false;
    say(m->p);
    say_extras(m->p, m->kind->words);
    return mutant_request(m, INFORMATIONAL);
}

static bool request_delete_ike(struct mutant *m)
{
    mutant_puppet(m, KEEP_ANSWER);
    if (!mutant_up(m))
        return false;
    say(m->p);
    say_delete(m->p, PROTOCOL_IKE, NULL, 0);
    say_extras(m->p, m->kind->words);
    return mutant_request(m, INFORMATIONAL);
}

/* The child, and `number` SPIs that nobody has. */
static bool request_delete(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_ANSWER);
    uint32_t spis[16];

    if (!mutant_up(m))
        return false;
    for (uint32_t i = 0; i < COUNT_OF(spis); i++)
        spis[i] = i == m->kind->number / 2 ? p->spi_in : 0x1000 + i;
    say(p);
    if (m->kind->words)
        say_delete(p, PROTOCOL_AH, spis, 2);
    say_delete(p, PROTOCOL_ESP, spis, m->kind->number + 1);
    if (m->kind->words)
        say_delete(p, PROTOCOL_ESP, spis, m->kind->number + 1);
    return mutant_request(m, INFORMATIONAL);
}

static bool request_notify_spi(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_ANSWER);

    if (!mutant_up(m))
        return false;
    say(p);
    say_notify_spi(p, (uint16_t)m->kind->number, PROTOCOL_ESP, p->spi_in);
    return mutant_request(m, INFORMATIONAL);
}

/* Fragments of a long one. */
static bool request_fragment(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_ANSWER);

    if (!mutant_up(m))
        return false;
    say(p);
    say_extras(p, "vendor vendor vendor n40961+ unknown");
    m->path = (struct path){.local = p->there, .remote = p->here};
    return mutant_fragment(m, INFORMATIONAL, p->ike->next_ours, false, m->kind->number, 3);
}

/* Another exchange than the gate knows. */
static bool request_exchange(struct mutant *m)
{
    mutant_puppet(m, KEEP_ANSWER);
    if (!mutant_up(m))
        return false;
    say(m->p);
    say_extras(m->p, "n40961+ vendor");
    return mutant_request(m, (uint8_t)m->kind->number);
}

/* What the gate asks on an order. */
static const struct said *asked(struct mutant *m, const char *child)
{
    mutant_puppet(m, KEEP_UP);
    if (!mutant_called_up(m))
        return NULL;
    end_order(m->p->gate, ORDER_DOWN, "to1", child);
    return hear(m->p);
}

/* A Delete of what the gate is deleting or rekeying itself. */
static bool request_meanwhile(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_UP);

    if (!mutant_called_up(m))
        return false;
    end_order(p->gate, m->kind->number == 1 ? ORDER_REKEY : ORDER_DOWN, "to1", m->kind->number == 2 ? NULL : "net");
    if (!hear(p))
        return false;
    say(p);
    if (m->kind->words)
        say_delete(p, PROTOCOL_IKE, NULL, 0);
    else
        say_delete(p, PROTOCOL_ESP, &p->spi_in, 1);
    return mutant_request(m, INFORMATIONAL);
}

/* Before the proof: nothing of it is answered. */
static bool request_too_early(struct mutant *m)
{
    mutant_puppet(m, KEEP_ANSWER);
    if (!mutant_keyed(m))
        return false;
    if (m->kind->number == CREATE_CHILD_SA)
        say_child(m->p, 0, NULL);
    else
        say(m->p);
    if (m->kind->number == INFORMATIONAL)
        say_delete(m->p, PROTOCOL_IKE, NULL, 0);
    return mutant_request(m, (uint8_t)m->kind->number);
}

static bool answer_delete(struct mutant *m)
{
    const struct said *said = asked(m, "net");

    if (!said || !said->in)
        return false;
    say(m->p);
    if (m->kind->number)
        say_delete(m->p, PROTOCOL_ESP, &m->p->spi_in, 1);
    say_extras(m->p, m->kind->words);
    return mutant_reply(m, said);
}

static bool answer_delete_ike(struct mutant *m)
{
    const struct said *said = asked(m, NULL);

    if (!said || !said->in)
        return false;
    say(m->p);
    say_extras(m->p, m->kind->words);
    return mutant_reply(m, said);
}

static bool answer_liveness(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_UP);
    const struct said *said;

    p->gate->plan[0].liveness_us = 10 * USEC_SEC;
    if (!mutant_called_up(m))
        return false;
    said = hear_for(p, 60 * USEC_SEC);
    if (!said || said->in || said->h.exchange != INFORMATIONAL)
        return false;
    say(p);
    say_extras(p, m->kind->words);
    return mutant_reply(m, said);
}

/* Without protection: an answer to what the gate asks, or (words) something of its own accord. */
static bool clear_notify(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_UP);
    struct ike_header h = {.major = 2, .exchange = INFORMATIONAL, .flags = IKE_FLAG_RESPONSE};
    const struct said *said;
    struct buf b;

    if (!mutant_called_up(m))
        return false;
    end_order(p->gate, ORDER_REKEY, "to1", "net");
    said = hear(p);
    if (!said)
        return false;
    h.spi_i = said->h.spi_i;
    h.spi_r = said->h.spi_r;
    h.exchange = m->kind->words ? INFORMATIONAL : said->h.exchange;
    h.message_id = said->h.message_id;
    h.flags = m->kind->words ? 0 : IKE_FLAG_RESPONSE;
    say(p);
    say_notify(p, (uint16_t)m->kind->number, NULL, 0);
    buf_init(&b, 1000);
    msg_write(&b, &h, p->out.first);
    memcpy(m->bytes, b.p, b.len);
    m->len = b.len;
    buf_done(&b);
    m->path = (struct path){.local = said->src, .remote = said->dst};
    return !p->w->failed;
}

static bool works_deleted(struct mutant *m)
{
    const struct said *said = hear(m->p);

    return said && said->response && part(said, PAYLOAD_DELETE) && children(m->p, NULL) == 0;
}

static bool works_child_down(struct mutant *m)
{
    world_run(m->p->w, 100 * USEC_MSEC);
    return children(m->p, NULL) == 0 && ike_sas(m->p, "UP") == 1;
}

const struct kind mutate_info[] = {
    {"info-empty", request_extras, works_answer, 0, 0, NULL},
    {"info-delete-ike", request_delete_ike, works_gone, 0, 0, NULL},
    {"info-delete-ike-extras", request_delete_ike, works_gone, 0, 0, "n40961+ vendor unknown"},
    {"info-delete-one", request_delete, works_deleted, 0, 0, NULL},
    {"info-delete-many", request_delete, works_deleted, 0, 9, NULL},
    {"info-delete-mixed", request_delete, works_deleted, 0, 3, "ah"},
    {"info-invalid-spi", request_extras, works_answer, 0, 0, "n11+"},
    {"info-invalid-selectors", request_notify_spi, works_answer, 0, INVALID_SELECTORS, NULL},
    {"info-child-not-found", request_notify_spi, works_answer, 0, CHILD_SA_NOT_FOUND, NULL},
    {"info-rekey-sa", request_notify_spi, works_answer, 0, REKEY_SA, NULL},
    {"info-authentication-failed", request_extras, works_gone, 0, 0, "n24"},
    {"info-invalid-syntax", request_extras, works_gone, 0, 0, "n7"},
    {"info-invalid-message-id", request_extras, works_answer, 0, 0, "n9+"},
    {"info-temporary-failure", request_extras, works_answer, 0, 0, "n43 n35"},
    {"info-window-size", request_extras, works_answer, 0, 0, "n16385+"},
    {"info-initial-contact", request_extras, works_answer, 0, 0, "n16384 n16390+"},
    {"info-addresses", request_extras, works_answer, 0, 0, "n16397+ n16398+ n16399 n16400 n16401+"},
    {"info-unknown-notifies", request_extras, works_answer, 0, 0, "n40960+ n8191+ n65535 n0+"},
    {"info-configuration", request_extras, works_answer, 0, 0, "cp"},
    {"info-configuration-set", request_extras, works_answer, 0, 0, "cp-reply cp"},
    {"info-vendors", request_extras, works_answer, 0, 0, "vendor vendor"},
    {"info-certificates", request_extras, works_answer, 0, 0, "certreq cert crl url"},
    {"info-eap", request_extras, works_answer, 0, 0, "eap"},
    {"info-unknown", request_extras, works_answer, 0, 0, "unknown vendor unknown"},
    {"info-critical", request_extras, works_error, 0, UNSUPPORTED_CRITICAL_PAYLOAD, "critical"},
    {"info-fragment-1", request_fragment, works_answer, 0, 0, NULL},
    {"info-fragment-2", request_fragment, works_answer, 0, 1, NULL},
    {"info-fragment-3", request_fragment, works_answer, 0, 2, NULL},
    {"info-resume-exchange", request_exchange, works_any, 0, IKE_SESSION_RESUME, NULL},
    {"info-intermediate-exchange", request_exchange, works_any, 0, IKE_INTERMEDIATE, NULL},
    {"info-unknown-exchange", request_exchange, works_any, 0, 99, NULL},
    {"info-delete-while-rekeying", request_meanwhile, works_answer, 0, 1, NULL},
    {"info-delete-both", request_meanwhile, works_answer, 0, 0, NULL},
    {"info-delete-while-leaving", request_meanwhile, works_any, 0, 2, NULL},
    {"info-delete-ike-while-rekeying", request_meanwhile, works_gone, 0, 1, "ike"},
    {"info-delete-ike-both", request_meanwhile, works_gone, 0, 2, "ike"},
    {"info-too-early", request_too_early, works_any, KIND_INIT, INFORMATIONAL, NULL},
    {"child-too-early", request_too_early, works_any, KIND_INIT, CREATE_CHILD_SA, NULL},
    {"info-answer-delete", answer_delete, works_child_down, 0, 1, NULL},
    {"info-answer-delete-none", answer_delete, works_child_down, 0, 0, NULL},
    {"info-answer-delete-extras", answer_delete, works_child_down, 0, 1, "vendor n40961+"},
    {"info-answer-delete-ike", answer_delete_ike, works_gone, 0, 0, NULL},
    {"info-answer-delete-ike-extras", answer_delete_ike, works_gone, 0, 0, "vendor n40961+ unknown"},
    {"info-answer-liveness", answer_liveness, works_any, 0, 0, NULL},
    {"info-answer-liveness-extras", answer_liveness, works_any, 0, 0, "n40961+ vendor cp-reply"},
    {"clear-answer-invalid-ike-spi", clear_notify, works_any, 0, INVALID_IKE_SPI, NULL},
    {"clear-answer-invalid-syntax", clear_notify, works_any, 0, INVALID_SYNTAX, NULL},
    {"clear-request-invalid-spi", clear_notify, works_any, 0, INVALID_SPI, "request"},
    {.name = NULL},
};
