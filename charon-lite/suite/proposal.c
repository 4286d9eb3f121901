/* SPDX-License-Identifier: Apache-2.0 */
#include "suite/match.h"

/* The first of theirs that satisfies one of ours. */
static bool match_any(struct match *m, struct proposals theirs)
{
    for (size_t i = 0; i < theirs.n; i++) {
        m->theirs = &theirs.v[i];
        if (match_try(m) == 0)
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
        if (match_try(&m) == 0) {
            *out = m.pick.suite;
            return 0;
        }
    }
    return ERR_BAD;
}
