/* SPDX-License-Identifier: Apache-2.0 */
#include "suite/match.h"

bool type_allowed(uint8_t protocol, uint8_t type)
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

bool alg_usable(const struct alg *a, uint8_t protocol)
{
    if (a->type != TRANSFORM_ENCR && a->type != TRANSFORM_INTEG)
        return true;
    return a->flags & (protocol == PROTOCOL_IKE ? ALG_IKE : ALG_ESP);
}

bool spi_usable(const struct proposal *p)
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

const struct transform *type_first(const struct proposal *p, uint8_t type)
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

        if (t->type != a->type || t->id != a->id || t->odd)
            continue;
        if (t->key_bits == a->key_bits || ((t->key_bits == 0 || a->key_bits == 0) && transform_alg(r, t) == a))
            return t;
    }
    return NULL;
}

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

/* The first cipher that both know and that finds its integrity algorithm. Without a common cipher, what they say about integrity
 * is still worth a word: it is compared by itself. */
static unsigned match_cipher(struct match *m)
{
    const struct proposal *ours = m->ours;
    unsigned wrong = 1u << TRANSFORM_ENCR;

    for (size_t i = 0; i < ours->n_transforms; i++) {
        const struct transform *t = &ours->transforms[i];
        const struct alg *a = t->type == TRANSFORM_ENCR ? transform_alg(m->algs, t) : NULL;

        if (!a || !alg_usable(a, m->rules->protocol) || !(m->pick.of[TRANSFORM_ENCR] = alg_offered(m->algs, m->theirs, a)))
            continue;
        m->pick.suite.encr = a;
        if (match_integ(m, a))
            return 0;
        wrong = 1u << TRANSFORM_INTEG;
    }
    if (wrong & 1u << TRANSFORM_ENCR && type_first(ours, TRANSFORM_INTEG) && type_first(m->theirs, TRANSFORM_INTEG) &&
        !match_first(m, TRANSFORM_INTEG))
        wrong |= 1u << TRANSFORM_INTEG;
    return wrong;
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

unsigned match_try(struct match *m)
{
    unsigned wrong = 0;

    m->pick = (struct pick){0};
    if (m->ours->protocol != m->rules->protocol || !proposal_usable(m->theirs, m->rules->protocol))
        return 1;
    wrong |= match_cipher(m);
    wrong |= match_prf(m) ? 0 : 1u << TRANSFORM_PRF;
    wrong |= match_ke(m) ? 0 : 1u << TRANSFORM_KE;
    wrong |= match_esn(m) ? 0 : 1u << TRANSFORM_ESN;
    return wrong;
}
