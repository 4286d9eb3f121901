/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals for people: in words, and side by side when nothing fits. */
#include "suite/proposal.h"

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
    else
        text_add(out, "%s:%u", transform_type_name(t->type), t->id);
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

static void side_format(const struct alg_registry *algs, const char *who, struct proposals list, struct text *out)
{
    for (size_t i = 0; i < list.n; i++) {
        text_add(out, "%s %u: ", who, list.v[i].number);
        proposal_format(algs, &list.v[i], out);
        text_add(out, "\n");
    }
}

void proposal_explain(const struct alg_registry *algs, struct proposals ours, struct proposals theirs,
                      const struct proposal_rules *rules, struct text *out)
{
    (void)rules;
    side_format(algs, "they offer", theirs, out);
    side_format(algs, "we accept", ours, out);
}
