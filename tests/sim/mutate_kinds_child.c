/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA: new, rekeyed, of the IKE SA; requests, answers, refusals. */
#include "mutate_kinds.h"

#include <string.h>

enum { NEW = 0, REKEY = 1, PFS = 2, TRANSPORT = 4, UNKNOWN = 8, WRONG_TS = 16, WRONG_ESP = 32, WRONG_GROUP = 64, MANY = 128 };

static struct puppet *gate(struct mutant *m, enum keep keep)
{
    struct puppet *p = mutant_puppet(m, keep);
    unsigned how = m->kind->number;

    if (how & (PFS | WRONG_GROUP)) {
        p->gate->plan[0].child[0].esp = how & WRONG_GROUP ? "aes256gcm16-ecp256" : "aes256gcm16-x25519";
        p->gate->plan[0].child[0].pfs = PFS_REQUIRE;
        p->gate->plan[0].ike = "aes256gcm16-prfsha256-x25519-ecp256";
    }
    if (how & TRANSPORT)
        mutant_transport(p);
    return p;
}

static bool say_request(struct mutant *m)
{
    struct puppet *p = gate(m, KEEP_ANSWER);
    unsigned how = m->kind->number;

    if (!mutant_up(m))
        return false;
    if (how & PFS)
        p->esp = "aes256gcm16-x25519";
    if (how & WRONG_GROUP)
        p->esp = "aes256gcm16-x25519-ecp256";
    if (how & WRONG_ESP)
        p->esp = "aes128gcm16";
    if (how & WRONG_TS)
        p->local = p->remote = "172.16.0.0/12";
    if (how & MANY)
        p->esp = "aes128gcm16 aes256-sha256 aes256gcm16";
    say_child(p, how & UNKNOWN ? 0xdeadbeef : how & REKEY ? p->spi_in : 0, how & (PFS | WRONG_GROUP) ? "x25519" : NULL);
    say_extras(p, m->kind->words);
    return true;
}

static bool request_child(struct mutant *m)
{
    return say_request(m) && mutant_request(m, CREATE_CHILD_SA);
}

static bool request_fragment(struct mutant *m)
{
    size_t i = m->kind->name[strlen(m->kind->name) - 1] - '1';

    if (!say_request(m))
        return false;
    m->path = (struct path){.local = m->p->there, .remote = m->p->here};
    return mutant_fragment(m, CREATE_CHILD_SA, m->p->ike->next_ours, false, i, 3);
}

static bool request_ike(struct mutant *m)
{
    mutant_puppet(m, KEEP_ANSWER);
    if (!mutant_up(m))
        return false;
    say_rekey_ike(m->p, m->kind->words);
    return mutant_request(m, CREATE_CHILD_SA);
}

/* What the gate asks when it is told to rekey. */
static const struct said *asked(struct mutant *m, bool ike)
{
    gate(m, KEEP_UP);
    if (!mutant_called_up(m))
        return NULL;
    end_order(m->p->gate, ORDER_REKEY, "to1", ike ? NULL : "net");
    return hear(m->p);
}

/* While the gate's own request is under way: it rekeys the same child, rekeys the IKE SA, or deletes. */
static bool request_meanwhile(struct mutant *m)
{
    const struct said *said;
    unsigned how = m->kind->number;

    gate(m, KEEP_UP);
    if (!mutant_called_up(m))
        return false;
    end_order(m->p->gate, how & UNKNOWN ? ORDER_DOWN : ORDER_REKEY, "to1", how & REKEY ? "net" : NULL);
    said = hear(m->p);
    if (!said)
        return false;
    if (how & MANY)
        say_rekey_ike(m->p, m->p->words);
    else
        say_child(m->p, how & NEW ? 0 : m->p->spi_in, NULL);
    return mutant_request(m, CREATE_CHILD_SA);
}

/* On the IKE SA that a rekey made. */
static bool request_heir(struct mutant *m)
{
    mutant_puppet(m, KEEP_ANSWER);
    if (!mutant_up(m))
        return false;
    say_rekey_ike(m->p, m->p->words);
    if (!heir_take(m->p, ask(m->p, CREATE_CHILD_SA)))
        return false;
    say_child(m->p, m->kind->number & REKEY ? m->p->spi_in : 0, NULL);
    return mutant_request(m, CREATE_CHILD_SA);
}

static bool answer_child(struct mutant *m)
{
    const struct said *said = asked(m, false);

    if (!said || !said->in)
        return false;
    say_child_answer(m->p, said, m->kind->number & PFS ? "x25519" : NULL);
    say_extras(m->p, m->kind->words);
    return mutant_reply(m, said);
}

static bool answer_fragment(struct mutant *m)
{
    const struct said *said = asked(m, false);

    if (!said || !said->in)
        return false;
    say_child_answer(m->p, said, "x25519");
    m->path = (struct path){.local = said->src, .remote = said->dst};
    return mutant_fragment(m, CREATE_CHILD_SA, said->h.message_id, true, m->kind->name[strlen(m->kind->name) - 1] - '1', 3);
}

/* Refused, with the notify in `words`. */
static bool answer_refused(struct mutant *m)
{
    const struct said *said = asked(m, m->kind->number & REKEY);

    if (!said || !said->in)
        return false;
    say(m->p);
    if (!strcmp(m->kind->words, "group"))
        say_notify(m->p, INVALID_KE_PAYLOAD, "\0\23", 2);
    else
        say_extras(m->p, m->kind->words);
    return mutant_reply(m, said);
}

static bool answer_ike(struct mutant *m)
{
    const struct said *said = asked(m, true);

    if (!said || !said->in)
        return false;
    say_rekey_ike_answer(m->p, said);
    say_extras(m->p, m->kind->words);
    return mutant_reply(m, said);
}

static bool works_rekeyed(struct mutant *m)
{
    world_run(m->p->w, 100 * USEC_MSEC);
    return m->p->gate->facts[FACT_CHILD_REKEYED] == 1;
}

static bool works_ike_rekeyed(struct mutant *m)
{
    world_run(m->p->w, 100 * USEC_MSEC);
    return m->p->gate->facts[FACT_IKE_REKEYED] == 1;
}

static uint16_t wrong_of(const struct mutant *m)
{
    unsigned how = m->kind->number;

    return how & UNKNOWN     ? CHILD_SA_NOT_FOUND
           : how & WRONG_TS  ? TS_UNACCEPTABLE
           : how & WRONG_ESP ? NO_PROPOSAL_CHOSEN
                             : INVALID_KE_PAYLOAD;
}

static bool works_refused(struct mutant *m)
{
    const struct said *said = hear(m->p);

    return said && said->response && error_of(said) == wrong_of(m);
}

const struct kind mutate_child[] = {
    {"child-create", request_child, works_child, 0, NEW, NULL},
    {"child-create-offers", request_child, works_child, 0, NEW | MANY, NULL},
    {"child-create-pfs", request_child, works_child, 0, PFS, NULL},
    {"child-create-transport", request_child, works_child, 0, TRANSPORT, NULL},
    {"child-create-extras", request_child, works_child, 0, NEW, "n16394 n16395 vendor unknown cp n40961+"},
    {"child-create-wrong-selectors", request_child, works_refused, 0, WRONG_TS, NULL},
    {"child-create-wrong-esp", request_child, works_refused, 0, WRONG_ESP, NULL},
    {"child-create-wrong-group", request_child, works_refused, 0, WRONG_GROUP, NULL},
    {"child-create-fragment-1", request_fragment, works_child, 0, PFS, NULL},
    {"child-create-fragment-2", request_fragment, works_child, 0, PFS, NULL},
    {"child-create-fragment-3", request_fragment, works_child, 0, PFS, NULL},
    {"child-rekey", request_child, works_child, 0, REKEY, NULL},
    {"child-rekey-pfs", request_child, works_child, 0, REKEY | PFS, NULL},
    {"child-rekey-unknown", request_child, works_refused, 0, UNKNOWN, NULL},
    {"child-rekey-wrong-esp", request_child, works_refused, 0, REKEY | WRONG_ESP, NULL},
    {"child-rekey-wrong-group", request_child, works_refused, 0, REKEY | WRONG_GROUP, NULL},
    {"ike-rekey", request_ike, works_answer, 0, 0, "aes256gcm16-prfsha256-x25519"},
    {"ike-rekey-offers", request_ike, works_answer, 0, 0, "aes128gcm16-prfsha256-x25519 aes256gcm16-prfsha256-x25519-ecp256"},
    {"ike-rekey-unsuitable", request_ike, works_error, 0, NO_PROPOSAL_CHOSEN, "aes128gcm16-prfsha256-x25519"},
    {"ike-rekey-wrong-group", request_ike, works_error, 0, INVALID_KE_PAYLOAD, "aes256gcm16-prfsha256-ecp256-x25519"},
    {"child-rekey-both", request_meanwhile, works_answer, 0, REKEY, NULL},
    {"child-rekey-while-deleting", request_meanwhile, works_any, 0, REKEY | UNKNOWN, NULL},
    {"child-rekey-while-leaving", request_meanwhile, works_any, 0, UNKNOWN, NULL},
    {"child-rekey-while-ike-rekey", request_meanwhile, works_any, 0, 0, NULL},
    {"ike-rekey-both", request_meanwhile, works_answer, 0, MANY, NULL},
    {"ike-rekey-while-child-rekey", request_meanwhile, works_any, 0, MANY | REKEY, NULL},
    {"ike-rekey-while-leaving", request_meanwhile, works_any, 0, MANY | UNKNOWN, NULL},
    {"heir-child-create", request_heir, works_child, 0, NEW, NULL},
    {"heir-child-rekey", request_heir, works_child, 0, REKEY, NULL},
    {"child-answer", answer_child, works_rekeyed, 0, NEW, NULL},
    {"child-answer-pfs", answer_child, works_rekeyed, 0, PFS, NULL},
    {"child-answer-transport", answer_child, works_rekeyed, 0, TRANSPORT, NULL},
    {"child-answer-extras", answer_child, works_rekeyed, 0, NEW, "n16386 n16394 vendor unknown n40961+"},
    {"child-answer-fragment-1", answer_fragment, works_rekeyed, 0, PFS, NULL},
    {"child-answer-fragment-2", answer_fragment, works_rekeyed, 0, PFS, NULL},
    {"child-answer-fragment-3", answer_fragment, works_rekeyed, 0, PFS, NULL},
    {"child-answer-unsuitable", answer_refused, works_any, 0, NEW, "n14"},
    {"child-answer-other-group", answer_refused, works_any, 0, PFS, "group"},
    {"child-answer-wrong-selectors", answer_refused, works_any, 0, NEW, "n38"},
    {"child-answer-temporary", answer_refused, works_any, 0, NEW, "n43"},
    {"child-answer-no-more", answer_refused, works_any, 0, NEW, "n35"},
    {"child-answer-not-found", answer_refused, works_any, 0, NEW, "n44"},
    {"child-answer-single-pair", answer_refused, works_any, 0, NEW, "n34"},
    {"child-answer-malformed", answer_refused, works_gone, 0, NEW, "n7"},
    {"child-answer-unknown-error", answer_refused, works_any, 0, NEW, "n8191+"},
    {"ike-answer", answer_ike, works_ike_rekeyed, 0, 0, NULL},
    {"ike-answer-extras", answer_ike, works_ike_rekeyed, 0, 0, "vendor unknown n40961+"},
    {"ike-answer-unsuitable", answer_refused, works_any, 0, REKEY, "n14"},
    {"ike-answer-temporary", answer_refused, works_any, 0, REKEY, "n43"},
    {"ike-answer-other-group", answer_refused, works_any, 0, REKEY | PFS, "group"},
    {.name = NULL},
};
