/* SPDX-License-Identifier: Apache-2.0 */
#include "play.h"

extern const struct alg_registry alg_registry;

const struct scenario *play_scenario(const struct play *p)
{
    if (p->mixed && scenario_at(p->seed))
        return scenario_at(p->seed);
    return p->scenario ? p->scenario : scenario_find("chaos");
}

struct world *play(const struct play *p)
{
    const struct scenario *s = play_scenario(p);
    struct world *w = scenario_world(s, p->seed);

    if (p->real)
        w->algs = &alg_registry;
    w->verbose = p->verbose;
    w->quiet = p->quiet;
    w->steps_left = p->steps ? p->steps : UINT64_MAX;
    w->lots.spared = p->spared;
    w->lots.n_spared = p->n_spared;
    w->lots.keep = p->keep_strikes;
    w->record = p->record;
    scenario_run(s, w);
    return w;
}

bool play_broke(const struct world *w)
{
    return w->failed && !w->halted;
}
