/* SPDX-License-Identifier: Apache-2.0 */
/* Words to proposals ("aes256gcm16-prfsha384-ecp384"), and the proposals that stand when nothing is configured. */
#include "suite/proposal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { WORD_MAX = 48, NAMES_MAX = 512 };

/* A proposal under construction. */
struct draft {
    const struct alg_registry *algs;
    uint8_t protocol;
    struct transform *store;
    size_t n, max;
    bool has_aead, has_plain;
    struct text *why;
};

static bool draft_has(const struct draft *d, uint8_t type)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->store[i].type == type)
            return true;
    return false;
}

/* Transforms stay sorted by type; within one, in the order of the words. */
static int draft_put(struct draft *d, struct transform t)
{
    size_t at = d->n;

    if (d->n >= d->max) {
        text_add(d->why, "too many algorithms in one proposal");
        return ERR_BAD;
    }
    for (; at > 0 && d->store[at - 1].type > t.type; at--)
        d->store[at] = d->store[at - 1];
    d->store[at] = t;
    d->n++;
    return 0;
}

static int draft_put_alg(struct draft *d, const struct alg *a)
{
    return draft_put(d, (struct transform){.type = a->type, .id = a->id, .key_bits = a->key_bits});
}

static void draft_drop(struct draft *d, uint8_t type)
{
    size_t kept = 0;

    for (size_t i = 0; i < d->n; i++)
        if (d->store[i].type != type)
            d->store[kept++] = d->store[i];
    d->n = kept;
}

static const char *protocol_name(uint8_t protocol)
{
    return protocol == PROTOCOL_IKE ? "IKE" : "ESP";
}

static int unknown_word(struct draft *d, const char *word)
{
    const char *names[NAMES_MAX] = {"esn", "noesn"}, *near;
    const struct alg *a;
    size_t n = 2;

    for (size_t i = 0; (a = alg_at(d->algs, i)) != NULL && n < NAMES_MAX - 2; i++) {
        if (a->type == TRANSFORM_NONE)
            continue;
        names[n++] = a->name;
        if (a->alias)
            names[n++] = a->alias;
    }
    names[n] = NULL;
    near = text_nearest(word, names);
    text_add(d->why, "unknown algorithm \"%s\"", word);
    if (near)
        text_add(d->why, "; did you mean %s?", near);
    return ERR_BAD;
}

static int alg_refuse(struct draft *d, const struct alg *a)
{
    if (a->type == TRANSFORM_PRF)
        text_add(d->why, "%s: a PRF has no place in an ESP proposal; leave it out", a->name);
    else
        text_add(d->why, "%s cannot protect %s", a->name, protocol_name(d->protocol));
    return ERR_BAD;
}

static int word_put_alg(struct draft *d, const struct alg *a)
{
    uint16_t needs = d->protocol == PROTOCOL_IKE ? ALG_IKE : ALG_ESP;

    if (a->type == TRANSFORM_PRF && d->protocol != PROTOCOL_IKE)
        return alg_refuse(d, a);
    if ((a->type == TRANSFORM_ENCR || a->type == TRANSFORM_INTEG) && !(a->flags & needs))
        return alg_refuse(d, a);
    for (size_t i = 0; i < d->n; i++)
        if (d->store[i].type == a->type && d->store[i].id == a->id && d->store[i].key_bits == a->key_bits) {
            text_add(d->why, "%s is there twice", a->name);
            return ERR_BAD;
        }
    if (a->type == TRANSFORM_ENCR && a->flags & ALG_AEAD)
        d->has_aead = true;
    else if (a->type == TRANSFORM_ENCR)
        d->has_plain = true;
    return draft_put_alg(d, a);
}

static int word_put(struct draft *d, const char *word)
{
    bool no = strcasecmp(word, "noesn") == 0;
    const struct alg *a = alg_by_name(d->algs, word);

    if (a)
        return word_put_alg(d, a);
    if (!no && strcasecmp(word, "esn") != 0)
        return unknown_word(d, word);
    if (d->protocol != PROTOCOL_ESP) {
        text_add(d->why, "%s belongs to ESP, not to IKE; leave it out", word);
        return ERR_BAD;
    }
    return draft_put(d, (struct transform){.type = TRANSFORM_ESN, .id = no ? ESN_NO : ESN_YES});
}

static int words_put(struct draft *d, const char *words)
{
    char word[WORD_MAX];
    size_t n;
    int err = 0;

    for (; err == 0; words += n + 1) {
        n = strcspn(words, "-");
        snprintf(word, sizeof(word), "%.*s", (int)(n < WORD_MAX ? n : WORD_MAX - 1), words);
        if (n == 0) {
            text_add(d->why, "an empty word in the proposal");
            return ERR_BAD;
        }
        err = word_put(d, word);
        if (words[n] == '\0')
            break;
    }
    return err;
}

/* The PRF that goes with an integrity algorithm has its name with "prf" in front. */
static const struct alg *prf_of(const struct draft *d, const struct transform *integ)
{
    const struct alg *a = transform_alg(d->algs, integ);
    char name[WORD_MAX];

    snprintf(name, sizeof(name), "prf%s", a->name);
    return alg_by_name(d->algs, name);
}

static int prf_fill(struct draft *d)
{
    struct transform integ[16];
    size_t n = 0;
    const struct alg *prf;
    int err = 0;

    for (size_t i = 0; i < d->n && n < COUNT_OF(integ); i++)
        if (d->store[i].type == TRANSFORM_INTEG)
            integ[n++] = d->store[i];
    for (size_t i = 0; i < n && err == 0; i++)
        if ((prf = prf_of(d, &integ[i])) != NULL)
            err = draft_put_alg(d, prf);
    if (err < 0 || draft_has(d, TRANSFORM_PRF))
        return err;
    prf = alg_by_name(d->algs, "prfsha256");
    if (prf)
        return draft_put_alg(d, prf);
    text_add(d->why, "the proposal has no PRF; add one");
    return ERR_BAD;
}

/* An integrity word beside AEAD ciphers of IKE says which PRF is meant, as other daemons read it; for ESP it means nothing. */
static int integ_settle(struct draft *d)
{
    if (d->has_aead && d->has_plain) {
        text_add(d->why, "AEAD ciphers (as AES-GCM) and others need proposals of their own (RFC 5282 8)");
        return ERR_BAD;
    }
    if (d->has_plain && !draft_has(d, TRANSFORM_INTEG)) {
        text_add(d->why, "no integrity algorithm; add one, as sha256");
        return ERR_BAD;
    }
    if (d->has_aead && draft_has(d, TRANSFORM_INTEG) && (d->protocol == PROTOCOL_ESP || draft_has(d, TRANSFORM_PRF))) {
        text_add(d->why, "an AEAD cipher needs no integrity algorithm; leave it out");
        return ERR_BAD;
    }
    return 0;
}

static int draft_settle(struct draft *d)
{
    int err = integ_settle(d);

    if (err == 0 && !draft_has(d, TRANSFORM_ENCR)) {
        text_add(d->why, "no encryption algorithm; add one, as aes256gcm16");
        err = ERR_BAD;
    }
    if (err == 0 && d->protocol == PROTOCOL_IKE && !draft_has(d, TRANSFORM_KE)) {
        text_add(d->why, "no key exchange; add one, as x25519");
        err = ERR_BAD;
    }
    if (err == 0 && d->protocol == PROTOCOL_IKE && !draft_has(d, TRANSFORM_PRF))
        err = prf_fill(d);
    if (d->has_aead)
        draft_drop(d, TRANSFORM_INTEG);
    if (err == 0 && d->protocol == PROTOCOL_ESP && !draft_has(d, TRANSFORM_ESN)) {
        err = draft_put(d, (struct transform){.type = TRANSFORM_ESN, .id = ESN_YES});
        if (err == 0)
            err = draft_put(d, (struct transform){.type = TRANSFORM_ESN, .id = ESN_NO});
    }
    return err;
}

int proposal_parse(const struct alg_registry *algs, const char *words, uint8_t protocol, struct proposal *out,
                   struct transform *store, size_t max, struct text *why)
{
    struct draft d = {.algs = algs, .protocol = protocol, .store = store, .max = max, .why = why};
    int err = words_put(&d, words);

    if (err == 0)
        err = draft_settle(&d);
    if (err == 0)
        *out = (struct proposal){.number = 1, .protocol = protocol, .transforms = store, .n_transforms = d.n};
    return err;
}

/* In order of preference: cheap and strong first; the breadth is for peers with other tastes. RFC 8247 and 8221 name them. */
#define DEFAULT_KE "x25519-ecp256-ecp384-ecp521-modp3072-modp2048-modp4096"
#define DEFAULT_AEAD "aes256gcm16-aes128gcm16-chacha20poly1305"
#define DEFAULT_PLAIN "aes256-aes128-sha256-sha384-sha512"
static const char *const default_ike[PROPOSAL_DEFAULTS_LIST] = {
    DEFAULT_AEAD "-prfsha256-prfsha384-prfsha512-" DEFAULT_KE,
    DEFAULT_PLAIN "-" DEFAULT_KE,
};
static const char *const default_esp[PROPOSAL_DEFAULTS_LIST] = {
    DEFAULT_AEAD "-" DEFAULT_KE,
    DEFAULT_PLAIN "-" DEFAULT_KE,
};

/* The words that this build knows. */
static void words_known(const struct alg_registry *algs, const char *words, struct text *out)
{
    char word[WORD_MAX];

    for (size_t n = 0;; words += n + 1) {
        n = strcspn(words, "-");
        snprintf(word, sizeof(word), "%.*s", (int)n, words);
        if (alg_by_name(algs, word))
            text_add(out, "%s%s", out->len ? "-" : "", word);
        if (words[n] == '\0')
            break;
    }
}

int proposal_defaults(const struct alg_registry *algs, uint8_t protocol, struct proposal *list, size_t max_list,
                      struct transform *store, size_t max_store)
{
    const char *const *words = protocol == PROTOCOL_IKE ? default_ike : default_esp;
    char known[512], unheard[128];
    size_t n = 0, used = 0;

    if (max_list < PROPOSAL_DEFAULTS_LIST || max_store < PROPOSAL_DEFAULTS_STORE)
        return ERR_LIMIT;
    for (size_t i = 0; i < PROPOSAL_DEFAULTS_LIST; i++) {
        struct text t = text_in(known, sizeof(known)), why = text_in(unheard, sizeof(unheard));

        words_known(algs, words[i], &t);
        if (proposal_parse(algs, known, protocol, &list[n], store + used, max_store - used, &why) < 0)
            continue; /* a build without any of its kind */
        used += list[n].n_transforms;
        list[n].number = (uint8_t)(n + 1);
        n++;
    }
    return (int)n;
}
