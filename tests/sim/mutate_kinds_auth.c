/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH: requests to a gate that has keys, answers to one that asked. */
#include "mutate_kinds.h"

#include <string.h>

static bool request_auth(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_ANSWER);

    if (m->kind->number == USE_TRANSPORT_MODE)
        mutant_transport(p);
    if (!mutant_keyed(m))
        return false;
    if (m->kind->number == AUTHENTICATION_FAILED)
        p->psk = "file:/another.psk";
    if (m->kind->number == TS_UNACCEPTABLE)
        p->local = p->remote = "172.16.0.0/12";
    if (m->kind->number == NO_PROPOSAL_CHOSEN)
        p->esp = "aes128gcm16";
    say_auth(p);
    say_extras(p, m->kind->words);
    return mutant_request(m, IKE_AUTH);
}

static bool request_selectors(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_ANSWER);

    if (!mutant_keyed(m))
        return false;
    p->local = "10.1.0.0/24[6/80-90] 10.1.0.0/16 192.168.0.0/16 fd00::/64";
    p->remote = "10.0.7.0/24[17] 10.0.0.0/16 fd01::/64";
    say_auth(p);
    return mutant_request(m, IKE_AUTH);
}

/* No Child SA (RFC 6023). */
static bool request_childless(struct mutant *m)
{
    mutant_puppet(m, KEEP_ANSWER);
    if (!mutant_keyed(m))
        return false;
    say_auth(m->p);
    unsay(m->p, PAYLOAD_SA);
    unsay(m->p, PAYLOAD_TSI);
    unsay(m->p, PAYLOAD_TSR);
    return mutant_request(m, IKE_AUTH);
}

/* With a certificate and a signature, which this gate does not take; or without AUTH, for EAP. */
static bool request_other(struct mutant *m)
{
    static const uint8_t signature[] = {14,   0,  0, 0, 15, 0x30, 13, 0x06, 9,    0x2a, 0x86, 0x48, 0x86,
                                        0xf7, 13, 1, 1, 11, 0x05, 0,  0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    struct puppet *p = mutant_puppet(m, KEEP_ANSWER);

    if (!mutant_keyed(m))
        return false;
    say_auth(p);
    unsay(p, PAYLOAD_AUTH);
    if (!m->kind->number)
        say_raw(p, PAYLOAD_AUTH, signature, sizeof(signature));
    say_extras(p, m->kind->words);
    return mutant_request(m, IKE_AUTH);
}

static bool request_fragment(struct mutant *m)
{
    mutant_puppet(m, KEEP_ANSWER);
    if (!mutant_keyed(m))
        return false;
    say_auth(m->p);
    m->path = (struct path){.local = m->p->there, .remote = m->p->here};
    return mutant_fragment(m, IKE_AUTH, 1, false, m->kind->number, 3);
}

/* It has been answered. */
static bool request_again(struct mutant *m)
{
    if (!request_auth(m))
        return false;
    mutant_deliver(m, span_of(m->bytes, m->len));
    mutant_settle(m);
    return children(m->p, "UP") == 1;
}

static bool answer_auth(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_UP);
    const struct said *said;

    if (m->kind->number == USE_TRANSPORT_MODE)
        mutant_transport(p);
    said = mutant_called_auth(m);
    if (!said || !said->in)
        return false;
    if (m->kind->number == AUTHENTICATION_FAILED)
        p->psk = "file:/another.psk";
    say_auth_answer(p, said);
    say_extras(p, m->kind->words);
    return mutant_reply(m, said);
}

/* The IKE SA stands, its child was refused with `number`. */
static bool answer_childless(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_UP);
    const struct said *said = mutant_called_auth(m);

    if (!said || !said->in)
        return false;
    say(p);
    say_id(p, PAYLOAD_IDR, ID_FQDN, p->id);
    say_psk(p);
    say_notify(p, (uint16_t)m->kind->number, NULL, 0);
    return mutant_reply(m, said);
}

static bool answer_refused(struct mutant *m)
{
    mutant_puppet(m, KEEP_UP);

    const struct said *said = mutant_called_auth(m);

    if (!said || !said->in)
        return false;
    say(m->p);
    say_notify(m->p, (uint16_t)m->kind->number, NULL, 0);
    return mutant_reply(m, said);
}

static bool answer_fragment(struct mutant *m)
{
    struct puppet *p = mutant_puppet(m, KEEP_UP);
    const struct said *said = mutant_called_auth(m);

    if (!said || !said->in)
        return false;
    say_auth_answer(p, said);
    m->path = (struct path){.local = said->src, .remote = said->dst};
    return mutant_fragment(m, IKE_AUTH, 1, true, m->kind->number, 3);
}

static bool works_up_alone(struct mutant *m)
{
    world_run(m->p->w, 100 * USEC_MSEC);
    return ike_sas(m->p, "UP") == 1;
}

const struct kind mutate_auth[] = {
    {"auth-request", request_auth, works_up, KIND_PROVES, 0, NULL},
    {"auth-request-initial-contact", request_auth, works_up, KIND_PROVES, 0, "n16384"},
    {"auth-request-idr", request_auth, works_up, KIND_PROVES, 0, "idr"},
    {"auth-request-certreq", request_auth, works_up, KIND_PROVES, 0, "certreq certreq"},
    {"auth-request-certificates", request_auth, works_up, KIND_PROVES, 0, "cert cert crl url"},
    {"auth-request-configuration", request_auth, works_up, KIND_PROVES, 0, "cp"},
    {"auth-request-notifies", request_auth, works_up, KIND_PROVES, 0, "n16394 n16395 n16396 n16392 n16417 n40961+"},
    {"auth-request-vendors", request_auth, works_up, KIND_PROVES, 0, "vendor unknown"},
    {"auth-request-transport", request_auth, works_up, KIND_PROVES, USE_TRANSPORT_MODE, NULL},
    {"auth-request-selectors", request_selectors, works_up, KIND_PROVES, 0, NULL},
    {"auth-request-childless", request_childless, works_up_alone, KIND_PROVES, 0, NULL},
    {"auth-request-wrong-secret", request_auth, works_error, KIND_PROVES, AUTHENTICATION_FAILED, NULL},
    {"auth-request-wrong-selectors", request_auth, works_error, KIND_PROVES, TS_UNACCEPTABLE, NULL},
    {"auth-request-wrong-esp", request_auth, works_error, KIND_PROVES, NO_PROPOSAL_CHOSEN, NULL},
    {"auth-request-critical", request_auth, works_gone, KIND_PROVES, 0, "critical"},
    {"auth-request-signature", request_other, works_gone, KIND_PROVES, 0, "cert cert certreq"},
    {"auth-request-eap", request_other, works_gone, KIND_PROVES, 1, "n16417"},
    {"auth-request-fragment-1", request_fragment, works_up, KIND_PROVES, 0, NULL},
    {"auth-request-fragment-2", request_fragment, works_up, KIND_PROVES, 1, NULL},
    {"auth-request-fragment-3", request_fragment, works_up, KIND_PROVES, 2, NULL},
    {"auth-request-again", request_again, works_up, KIND_PROVES, 0, NULL},
    {"auth-answer", answer_auth, works_up, KIND_PROVES, 0, NULL},
    {"auth-answer-transport", answer_auth, works_up, KIND_PROVES, USE_TRANSPORT_MODE, NULL},
    {"auth-answer-configuration", answer_auth, works_up, KIND_PROVES, 0, "cp-reply"},
    {"auth-answer-notifies", answer_auth, works_up, KIND_PROVES, 0, "n16386 n16394 n16395 n16396 n16397+ n40961+"},
    {"auth-answer-certificates", answer_auth, works_up, KIND_PROVES, 0, "cert cert crl"},
    {"auth-answer-wrong-secret", answer_auth, works_gone, KIND_PROVES, AUTHENTICATION_FAILED, NULL},
    {"auth-answer-wrong-selectors", answer_childless, works_up_alone, KIND_PROVES, TS_UNACCEPTABLE, NULL},
    {"auth-answer-wrong-esp", answer_childless, works_up_alone, KIND_PROVES, NO_PROPOSAL_CHOSEN, NULL},
    {"auth-answer-single-pair", answer_childless, works_up_alone, KIND_PROVES, SINGLE_PAIR_REQUIRED, NULL},
    {"auth-answer-refused", answer_refused, works_gone, 0, AUTHENTICATION_FAILED, NULL},
    {"auth-answer-malformed", answer_refused, works_gone, 0, INVALID_SYNTAX, NULL},
    {"auth-answer-fragment-1", answer_fragment, works_up, KIND_PROVES, 0, NULL},
    {"auth-answer-fragment-2", answer_fragment, works_up, KIND_PROVES, 1, NULL},
    {"auth-answer-fragment-3", answer_fragment, works_up, KIND_PROVES, 2, NULL},
    {.name = NULL},
};
