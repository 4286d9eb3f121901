/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing a gate to where it waits, and what honest messages bring about. */
#include "mutate_kinds.h"

#include <stdlib.h>
#include <string.h>

const struct kind *mutate_kind(size_t n)
{
    static const struct kind *const lists[] = {mutate_init, mutate_auth, mutate_child, mutate_info};

    for (size_t i = 0; i < COUNT_OF(lists); i++)
        for (const struct kind *k = lists[i]; k->name; k++)
            if (!n--)
                return k;
    return NULL;
}

struct puppet *mutant_puppet(struct mutant *m, enum keep keep)
{
    m->p = puppet_new(keep);
    m->p->w->laws.off_wire = true; /* what the gate is made to say follows no law of the wire */
    m->p->w->laws.steps_max = UINT32_MAX;
    return m->p;
}

void mutant_transport(struct puppet *p)
{
    struct plan_child *c = &p->gate->plan[0].child[0];

    c->transport = p->transport = true;
    c->local[0] = c->remote[0] = "dynamic";
    p->local = "192.0.2.2/32";
    p->remote = "192.0.2.1/32";
}

bool mutant_waiting(struct mutant *m)
{
    puppet_start(m->p);
    return !m->p->w->failed;
}

bool mutant_keyed(struct mutant *m)
{
    return mutant_waiting(m) && keyed(m->p);
}

bool mutant_up(struct mutant *m)
{
    return mutant_waiting(m) && up(m->p) && children(m->p, "UP") == 1;
}

const struct said *mutant_called(struct mutant *m)
{
    if (!mutant_waiting(m))
        return NULL;
    return hear_for(m->p, 5 * USEC_SEC);
}

const struct said *mutant_called_auth(struct mutant *m)
{
    const struct said *said = mutant_called(m);

    if (!said)
        return NULL;
    say_init_answer(m->p, said);
    reply(m->p, said);
    return hear(m->p);
}

bool mutant_called_up(struct mutant *m)
{
    return mutant_waiting(m) && up_there(m->p);
}

static const char *word_rest(const char *word, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(word, prefix, n) ? NULL : word + n;
}

static void say_cp(struct puppet *p, uint8_t type)
{
    static const uint8_t request[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 25, 0, 3, 'a', 'b', 'c'};
    static const uint8_t answer[] = {0, 0, 0,  0,    0, 1, 0, 4, 10, 9, 8, 7, 0, 3, 0, 4, 10, 1, 1, 1, 0,
                                     8, 0, 17, 0xfd, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0,  0, 1, 64};
    uint8_t body[sizeof(answer)];
    size_t len = type == CFG_REPLY ? sizeof(answer) : sizeof(request);

    memcpy(body, type == CFG_REPLY ? answer : request, len);
    body[0] = type;
    say_raw(p, PAYLOAD_CP, body, len);
}

static void say_extra(struct puppet *p, const char *word)
{
    static const uint8_t hashes[] = {0, 1, 0, 2, 0, 3, 0, 4, 0, 5}, eap[] = {1, 7, 0, 9, 1, 'a', 'b', 'c', 'd'},
                         cert[] = {4, 0x30, 0x82, 1, 2, 3, 4, 5, 6, 7}, crl[] = {7, 0x30, 1, 2, 3},
                         url[] = {12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 'h', 't', 't', 'p'},
                         certreq[41] = {4, 9, 8, 7};
    const char *number = word_rest(word, "n");

    if (!strcmp(word, "cp"))
        say_cp(p, CFG_REQUEST);
    else if (!strcmp(word, "cp-reply"))
        say_cp(p, CFG_REPLY);
    else if (!strcmp(word, "vendor"))
        say_raw(p, PAYLOAD_VENDOR, "a vendor of things", 18);
    else if (!strcmp(word, "eap"))
        say_raw(p, PAYLOAD_EAP, eap, sizeof(eap));
    else if (!strcmp(word, "cert"))
        say_raw(p, PAYLOAD_CERT, cert, sizeof(cert));
    else if (!strcmp(word, "crl"))
        say_raw(p, PAYLOAD_CERT, crl, sizeof(crl));
    else if (!strcmp(word, "url"))
        say_raw(p, PAYLOAD_CERT, url, sizeof(url));
    else if (!strcmp(word, "certreq"))
        say_raw(p, PAYLOAD_CERTREQ, certreq, sizeof(certreq));
    else if (!strcmp(word, "hashes"))
        say_notify(p, SIGNATURE_HASH_ALGORITHMS, hashes, sizeof(hashes));
    else if (!strcmp(word, "unknown"))
        say_raw(p, 200, "unknown", 7);
    else if (!strcmp(word, "critical"))
        say_raw(p, 201, "critical", 8)->critical = true;
    else if (!strcmp(word, "idr"))
        say_id(p, PAYLOAD_IDR, ID_FQDN, p->gate_id);
    else if (number)
        say_notify(p, (uint16_t)strtoul(number, NULL, 10), strchr(number, '+') ? "0123456789abcdef" : NULL,
                   strchr(number, '+') ? 16 : 0);
    else
        world_fail(p->w, "no payload is called %s", word);
}

void say_extras(struct puppet *p, const char *words)
{
    char one[32];

    while (words && *words) {
        size_t len = strcspn(words, " ");

        memcpy(one, words, len < sizeof(one) ? len : sizeof(one) - 1);
        one[len < sizeof(one) ? len : sizeof(one) - 1] = '\0';
        say_extra(p, one);
        words += len + strspn(words + len, " ");
    }
}

/* --- what honest messages bring
 * --------------------------------------------------------------------------------------------------
 */

bool works_answer(struct mutant *m)
{
    const struct said *said = hear(m->p);

    return said && said->response && !error_of(said);
}

bool works_error(struct mutant *m)
{
    const struct said *said = hear(m->p);

    return said && said->response && error_of(said) == m->kind->number;
}

bool works_any(struct mutant *m)
{
    struct look l;

    look_at_gate(m, &l);
    return l.there;
}

bool works_child(struct mutant *m)
{
    const struct said *said = hear(m->p);

    return said && said->response && !error_of(said) && esp_spi(said);
}

bool works_up(struct mutant *m)
{
    world_run(m->p->w, 100 * USEC_MSEC);
    return children(m->p, "UP") >= 1 && ike_sas(m->p, "UP") == 1;
}

bool works_gone(struct mutant *m)
{
    struct look l;

    look_at_gate(m, &l);
    return l.up == 0;
}
