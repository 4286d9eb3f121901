/* SPDX-License-Identifier: Apache-2.0 */
#include "suite/proposal.h"

#include <string.h>

/* RFC 7296 3.3.3: the transform types that a protocol knows; any other makes a proposal unacceptable (3.3.6). */
static bool type_allowed(uint8_t protocol, uint8_t type)
{
    if (protocol == PROTOCOL_IKE)
        return type == TRANSFORM_ENCR || type == TRANSFORM_PRF || type == TRANSFORM_INTEG || type == TRANSFORM_KE;
    if (protocol == PROTOCOL_ESP)
        return type == TRANSFORM_ENCR || type == TRANSFORM_INTEG || type == TRANSFORM_KE || type == TRANSFORM_ESN;
    return false;
}

const struct alg *transform_alg(const struct alg_registry *r, const struct transform *t)
{
    const struct alg *a = alg_find(r, t->type, t->id, t->key_bits);

    if (a || t->type != TRANSFORM_ENCR)
        return a;
    if (t->key_bits == 0)
        return alg_find(r, t->type, t->id, 128);
    /* a Key Length where the cipher has only one (3.3.5 forbids it, some send it) does no harm if it is that one */
    a = alg_find(r, t->type, t->id, 0);
    return a && a->key_bits == 0 && (a->key_len - a->salt_len) * 8 == t->key_bits ? a : NULL;
}

/* May this algorithm protect this protocol? PRFs and key exchanges have no such limit. */
static bool alg_usable(const struct alg *a, uint8_t protocol)
{
    if (a->type != TRANSFORM_ENCR && a->type != TRANSFORM_INTEG)
        return true;
    return a->flags & (protocol == PROTOCOL_IKE ? ALG_IKE : ALG_ESP);
}

static bool spi_usable(const struct proposal *p)
{
    if (p->protocol == PROTOCOL_IKE)
        return p->spi_len == 0 || p->spi_len == 8;
    return p->spi_len == 4 && get_u32(p->spi) > 255; /* 1 to 255 are reserved, 0 is local (RFC 4303 2.1) */
}

static bool proposal_usable(const struct proposal *p, uint8_t protocol)
{
    if (p->protocol != protocol || !spi_usable(p))
        return false;
    for (size_t i = 0; i < p->n_transforms; i++)
        if (!type_allowed(protocol, p->transforms[i].type))
            return false;
    return true;
}

static const struct transform *type_first(const struct proposal *p, uint8_t type)
{
    for (size_t i = 0; i < p->n_transforms; i++)
        if (p->transforms[i].type == type)
            return &p->transforms[i];
    return NULL;
}

/* NONE of a type (INTEG, KE) and the two values of ESN have no descriptor: they are found by number. */
static const struct transform *number_find(const struct proposal *p, uint8_t type, uint16_t id)
{
    for (size_t i = 0; i < p->n_transforms; i++) {
        const struct transform *t = &p->transforms[i];

        if (t->type == type && t->id == id && t->key_bits == 0 && !t->odd)
            return t;
    }
    return NULL;
}

static const struct transform *alg_offered(const struct alg_registry *r, const struct proposal *p, const struct alg *a)
{
    for (size_t i = 0; i < p->n_transforms; i++) {
        const struct transform *t = &p->transforms[i];

        if (t->type == a->type && t->id == a->id && !t->odd && transform_alg(r, t) == a)
            return t;
    }
    return NULL;
}

/* What was picked of their proposal, by type; NULL for none. */
struct pick {
    const struct transform *of[TRANSFORM_TYPE_MAX + 1];
    struct suite suite;
};

/* One of ours against one of theirs. */
struct match {
    const struct alg_registry *algs;
    const struct proposal *ours, *theirs;
    const struct proposal_rules *rules;
    bool exact_ke; /* only with the group of their KE payload (or, where they sent none, without KE) */
    struct pick pick;
};

/* The first of our transforms of a type, in our order, that they offer too. */
static const struct alg *match_first(struct match *m, uint8_t type)
{
    for (size_t i = 0; i < m->ours->n_transforms; i++) {
        const struct transform *t = &m->ours->transforms[i];
        const struct alg *a = t->type == type ? transform_alg(m->algs, t) : NULL;

        if (a && alg_usable(a, m->rules->protocol) && (m->pick.of[type] = alg_offered(m->algs, m->theirs, a)) != NULL)
            return a;
    }
    return NULL;
}

/* AEAD goes without INTEG, or with NONE where they wrote it (RFC 5282 8); everything else needs a real one. */
static bool match_integ(struct match *m, const struct alg *encr)
{
    struct pick *p = &m->pick;

    p->of[TRANSFORM_INTEG] = NULL;
    p->suite.integ = NULL;
    if (encr->flags & ALG_AEAD) {
        p->of[TRANSFORM_INTEG] = number_find(m->theirs, TRANSFORM_INTEG, INTEG_NONE);
        return p->of[TRANSFORM_INTEG] || !type_first(m->theirs, TRANSFORM_INTEG);
    }
    p->suite.integ = match_first(m, TRANSFORM_INTEG);
    return p->suite.integ != NULL;
}

static bool match_cipher(struct match *m)
{
    for (size_t i = 0; i < m->ours->n_transforms; i++) {
        const struct transform *t = &m->ours->transforms[i];
        const struct alg *a = t->type == TRANSFORM_ENCR ? transform_alg(m->algs, t) : NULL;

        if (!a || !alg_usable(a, m->rules->protocol))
            continue;
        m->pick.of[TRANSFORM_ENCR] = alg_offered(m->algs, m->theirs, a);
        m->pick.suite.encr = a;
        if (m->pick.of[TRANSFORM_ENCR] && match_integ(m, a))
            return true;
    }
    return false;
}

static bool match_prf(struct match *m)
{
    if (m->rules->protocol != PROTOCOL_IKE)
        return true;
    m->pick.suite.prf = match_first(m, TRANSFORM_PRF);
    return m->pick.suite.prf != NULL;
}

static bool match_without_ke(struct match *m)
{
    m->pick.suite.ke = NULL;
    m->pick.of[TRANSFORM_KE] = number_find(m->theirs, TRANSFORM_KE, KE_NONE);
    return m->pick.of[TRANSFORM_KE] || !type_first(m->theirs, TRANSFORM_KE);
}

/* The group of their KE payload, if both list it. */
static bool match_sent_ke(struct match *m)
{
    const struct alg *a = alg_find(m->algs, TRANSFORM_KE, m->rules->ke_sent, 0);

    if (!a || !alg_offered(m->algs, m->ours, a))
        return false;
    m->pick.suite.ke = a;
    m->pick.of[TRANSFORM_KE] = alg_offered(m->algs, m->theirs, a);
    return m->pick.of[TRANSFORM_KE] != NULL;
}

static bool match_ke(struct match *m)
{
    bool without_allowed = m->rules->ke == KE_OPTIONAL && !m->rules->pfs_required;

    if (m->rules->ke == KE_ABSENT) {
        (void)match_without_ke(m); /* KE transforms are out of place there: not heeded, not answered */
        return true;
    }
    if (m->exact_ke)
        return m->rules->ke_sent ? match_sent_ke(m) : without_allowed && match_without_ke(m);
    m->pick.suite.ke = match_first(m, TRANSFORM_KE);
    return m->pick.suite.ke || (without_allowed && match_without_ke(m));
}

static bool match_esn(struct match *m)
{
    if (m->rules->protocol != PROTOCOL_ESP)
        return true;
    for (size_t i = 0; i < m->ours->n_transforms; i++) {
        const struct transform *t = &m->ours->transforms[i];
        const struct transform *same = t->type == TRANSFORM_ESN ? number_find(m->theirs, TRANSFORM_ESN, t->id) : NULL;

        if (same && t->id <= ESN_YES) {
            m->pick.of[TRANSFORM_ESN] = same;
            m->pick.suite.esn = t->id == ESN_YES;
            return true;
        }
    }
    return false;
}

static bool match_try(struct match *m)
{
    m->pick = (struct pick){0};
    return m->ours->protocol == m->rules->protocol && proposal_usable(m->theirs, m->rules->protocol) && match_cipher(m) &&
           match_prf(m) && match_ke(m) && match_esn(m);
}

/* The first of theirs that satisfies one of ours. */
static bool match_any(struct match *m, struct proposals theirs)
{
    for (size_t i = 0; i < theirs.n; i++) {
        m->theirs = &theirs.v[i];
        if (match_try(m))
            return true;
    }
    return false;
}

int proposal_choose(const struct alg_registry *algs, struct proposals ours, struct proposals theirs,
                    const struct proposal_rules *rules, struct suite *out, struct proposal *chosen,
                    struct transform store[TRANSFORM_TYPE_MAX])
{
    struct match m = {.algs = algs, .rules = rules};
    bool found = false;

    for (size_t i = 0; i < ours.n && !found; i++) {
        m.ours = &ours.v[i];
        m.exact_ke = true; /* among equals, the one that saves a round trip */
        found = match_any(&m, theirs);
        m.exact_ke = false;
        found = found || match_any(&m, theirs);
    }
    if (!found)
        return ERR_NOT_FOUND;
    *out = m.pick.suite;
    *chosen = *m.theirs;
    chosen->transforms = store;
    chosen->n_transforms = 0;
    for (size_t type = 1; type <= TRANSFORM_TYPE_MAX; type++)
        if (m.pick.of[type])
            store[chosen->n_transforms++] = *m.pick.of[type];
    return 0;
}

static bool one_of_each_type(const struct proposal *p)
{
    for (size_t i = 0; i < p->n_transforms; i++)
        if (type_first(p, p->transforms[i].type) != &p->transforms[i])
            return false;
    return true;
}

/* Proposal numbers are not compared: an answer stands for what it says, and some peers count their own way. */
int proposal_accept(const struct alg_registry *algs, struct proposals ours, struct proposals answer,
                    const struct proposal_rules *rules, struct suite *out)
{
    struct match m = {.algs = algs, .rules = rules};
    const struct transform *ke;

    if (answer.n != 1 || !one_of_each_type(&answer.v[0]))
        return ERR_BAD;
    m.theirs = &answer.v[0];
    ke = type_first(m.theirs, TRANSFORM_KE);
    if (rules->ke == KE_ABSENT && ke && ke->id != KE_NONE)
        return ERR_BAD; /* not ours to ignore: we offered none */
    for (size_t i = 0; i < ours.n; i++) {
        m.ours = &ours.v[i];
        if (match_try(&m)) {
            *out = m.pick.suite;
            return 0;
        }
    }
    return ERR_BAD;
}
