/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals for people: in words, and side by side when nothing fits. */
#include "suite/match.h"

static void transform_format(const struct alg_registry *algs, const struct transform *t, struct text *out)
{
    const struct alg *a = transform_alg(algs, t);
    const char *iana = transform_name(t->type, t->id);

    if (t->type == TRANSFORM_ESN && t->id <= ESN_YES)
        text_add(out, "%s", t->id == ESN_YES ? "esn" : "noesn");
    else if (a)
        text_add(out, "%s", a->name);
    else if (iana)
        text_add(out, "%s", iana);
    else if (t->type <= TRANSFORM_TYPE_MAX)
        text_add(out, "%s:%u", transform_type_name(t->type), t->id);
    else
        text_add(out, "type%u:%u", t->type, t->id);
    if (!a && t->key_bits)
        text_add(out, "/%u", t->key_bits);
    if (t->odd)
        text_add(out, "(unknown attribute)");
}

/* NONE says nothing and is left out. */
static bool transform_silent(const struct transform *t)
{
    return t->id == 0 && (t->type == TRANSFORM_KE || t->type == TRANSFORM_INTEG);
}

void proposal_format(const struct alg_registry *algs, const struct proposal *p, struct text *out)
{
    const char *gap = "";

    for (size_t i = 0; i < p->n_transforms; i++)
        if (!transform_silent(&p->transforms[i])) {
            text_add(out, "%s", gap);
            transform_format(algs, &p->transforms[i], out);
            gap = "-";
        }
    if (!*gap)
        text_add(out, "(empty)");
}

void suite_format(const struct suite *s, struct text *out)
{
    const struct alg *all[] = {s->encr, s->prf, s->integ, s->ke};
    const char *gap = "";

    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i]) {
            text_add(out, "%s%s", gap, all[i]->name);
            gap = "-";
        }
    if (s->esn)
        text_add(out, "%sesn", gap);
}

/* "aes256, aes128", or "none" */
static void type_format(const struct alg_registry *algs, const struct proposal *p, uint8_t type, struct text *out)
{
    const char *gap = "";

    for (size_t i = 0; i < p->n_transforms; i++)
        if (p->transforms[i].type == type) {
            text_add(out, "%s", gap);
            transform_format(algs, &p->transforms[i], out);
            gap = ", ";
        }
    if (!*gap)
        text_add(out, "none");
}

static void side_format(const struct alg_registry *algs, const char *head, struct proposals list, struct text *out)
{
    text_add(out, "%s\n", head);
    for (size_t i = 0; i < list.n; i++) {
        text_add(out, "  %u: ", list.v[i].number);
        proposal_format(algs, &list.v[i], out);
        text_add(out, "\n");
    }
    if (list.n == 0)
        text_add(out, "  nothing\n");
}

/* Their first transform of a type that we could accept, strong ones first; NULL when there is none. */
static const struct alg *could_accept(const struct match *m, uint8_t type)
{
    const struct alg *weak = NULL;

    for (size_t i = 0; i < m->theirs->n_transforms; i++) {
        const struct transform *t = &m->theirs->transforms[i];
        const struct alg *a = t->type == type && !t->odd ? transform_alg(m->algs, t) : NULL;

        if (!a || !alg_usable(a, m->rules->protocol))
            continue;
        if (!(a->flags & ALG_LEGACY))
            return a;
        weak = weak ? weak : a;
    }
    return weak;
}

static void mend_ke_child(const struct match *m, struct text *out)
{
    const struct alg *theirs = could_accept(m, TRANSFORM_KE);

    if (!type_first(m->theirs, TRANSFORM_KE)) /* only pfs_required can refuse that */
        text_add(out, "  mend: the peer has no PFS; set pfs to auto here, or give the peer a PFS group\n");
    else if (theirs)
        text_add(out, "  mend: add %s to our proposal%s, or switch PFS off at the peer\n", theirs->name,
                 theirs->flags & ALG_LEGACY ? " (weak)" : "");
    else
        text_add(out, "  mend: give the peer another PFS group, or none\n");
}

static void mend_esn(const struct match *m, struct text *out)
{
    const struct transform *t = type_first(m->theirs, TRANSFORM_ESN);

    if (t && t->id <= ESN_YES)
        text_add(out, "  mend: add %s to our proposal\n", t->id == ESN_YES ? "esn" : "noesn");
    else
        text_add(out, "  mend: the peer must offer esn or noesn (RFC 7296 3.3.3)\n");
}

/* Would our proposal take an integrity algorithm at all? Not if its ciphers bring their own. */
static bool mend_integ_special(const struct match *m, struct text *out)
{
    if (m->pick.suite.encr && m->pick.suite.encr->flags & ALG_AEAD) {
        text_add(out, "  mend: the peer asks for an integrity algorithm beside %s; it must be left out there\n",
                 m->pick.suite.encr->name);
        return true;
    }
    return false;
}

static void mend_format(const struct match *m, uint8_t type, struct text *out)
{
    const struct alg *theirs = could_accept(m, type);
    const struct transform *ours = type_first(m->ours, type);

    if (type == TRANSFORM_ESN) {
        mend_esn(m, out);
        return;
    }
    if (type == TRANSFORM_KE && m->rules->protocol == PROTOCOL_ESP) {
        mend_ke_child(m, out);
        return;
    }
    if (type == TRANSFORM_INTEG && mend_integ_special(m, out))
        return;
    text_add(out, "  mend: ");
    if (theirs)
        text_add(out, "add %s to our proposal%s", theirs->name, theirs->flags & ALG_LEGACY ? " (weak)" : "");
    if (ours) {
        text_add(out, theirs ? ", or let the peer offer " : "let the peer offer ");
        transform_format(m->algs, ours, out);
    }
    if (!theirs && !ours)
        text_add(out, "name one at both ends");
    text_add(out, "\n");
}

static void type_explain(const struct match *m, uint8_t type, bool agreed, struct text *out)
{
    if (agreed && !type_first(m->ours, type) && !type_first(m->theirs, type))
        return;
    text_add(out, "  %-5s  they: ", transform_type_name(type));
    type_format(m->algs, m->theirs, type, out);
    text_add(out, "  we: ");
    type_format(m->algs, m->ours, type, out);
    text_add(out, agreed ? "  match\n" : "  MISSING\n");
}

/* Bit 0: not a matter of single transforms. */
static void whole_explain(const struct match *m, struct text *out)
{
    for (size_t i = 0; i < m->theirs->n_transforms; i++)
        if (!type_allowed(m->rules->protocol, m->theirs->transforms[i].type)) {
            text_add(out, "  their proposal has transform type %u, which this protocol does not know here\n",
                     m->theirs->transforms[i].type);
            return;
        }
    if (m->theirs->protocol != m->rules->protocol || m->ours->protocol != m->rules->protocol)
        text_add(out, "  their proposal is for protocol %u, ours for %u\n", m->theirs->protocol, m->ours->protocol);
    else
        text_add(out, "  their SPI (%u bytes) is not one for this protocol\n", m->theirs->spi_len);
}

/* In how many types they differ; what is wrong as a whole is worse than all of them. */
static int differences(unsigned wrong)
{
    int n = 0;

    if (wrong & 1)
        return TRANSFORM_TYPE_MAX + 1;
    for (; wrong; wrong &= wrong - 1)
        n++;
    return n;
}

/* The pair that agrees in most; false when there is none. */
static bool nearest_find(struct match *m, struct proposals ours, struct proposals theirs, unsigned *wrong)
{
    struct match best = *m;

    for (size_t i = 0; i < ours.n; i++)
        for (size_t j = 0; j < theirs.n; j++) {
            unsigned w;

            m->ours = &ours.v[i];
            m->theirs = &theirs.v[j];
            w = match_try(m);
            if (!best.ours || differences(w) < differences(*wrong)) {
                best = *m;
                *wrong = w;
            }
        }
    *m = best;
    return best.ours != NULL;
}

void proposal_explain(const struct alg_registry *algs, struct proposals ours, struct proposals theirs,
                      const struct proposal_rules *rules, struct text *out)
{
    struct match m = {.algs = algs, .rules = rules};
    unsigned wrong = 0;

    side_format(algs, "they offer", theirs, out);
    side_format(algs, "we accept", ours, out);
    if (!nearest_find(&m, ours, theirs, &wrong))
        return;
    text_add(out, "nearest: their %u, our %u\n", m.theirs->number, m.ours->number);
    if (wrong & 1) {
        whole_explain(&m, out);
        return;
    }
    for (uint8_t type = 1; type <= TRANSFORM_TYPE_MAX; type++)
        if (type_allowed(rules->protocol, type) && !(type == TRANSFORM_KE && rules->ke == KE_ABSENT))
            type_explain(&m, type, !(wrong & 1u << type), out);
    for (uint8_t type = 1; type <= TRANSFORM_TYPE_MAX; type++)
        if (wrong & 1u << type)
            mend_format(&m, type, out);
}
