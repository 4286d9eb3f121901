/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"
#include "laws_inside.h"

#include <stdio.h>
#include <string.h>

void go(struct world *w)
{
    for (size_t i = 0; i < w->n_ends; i++)
        end_start(&w->end[i]);
}

bool settle(struct world *w, usec_t how_long)
{
    usec_t until = w->now + how_long;

    while (!w->failed && !world_at_rest(w) && w->now < until)
        world_run(w, 100 * MS);
    if (!w->failed)
        LAW(w, LAW_REST, world_at_rest(w), "no rest within %lld s: %s", (long long)(how_long / SEC), laws_at_rest(w));
    law_leaks(w);
    return !w->failed;
}

bool go_up(struct world *w)
{
    go(w);
    return settle(w, MINUTE);
}

bool traffic_flows(struct world *w)
{
    static const char *const host[] = {"10.0.0.5", "10.1.0.5"};
    struct flow *f[2];
    uint64_t before[2];

    if (w->failed)
        return false;
    for (unsigned i = 0; i < 2; i++)
        f[i] = flow_start(w, i, 1 - i, host[i], host[1 - i], 0);
    for (unsigned i = 0; i < 2; i++)
        before[i] = f[i]->delivered;
    for (int k = 0; k < 3; k++)
        for (unsigned i = 0; i < 2; i++)
            flow_send(w, f[i]);
    world_run(w, SEC);
    for (unsigned i = 0; i < 2 && !w->failed; i++)
        if (f[i]->delivered != before[i] + 3)
            law_broken(w, LAW_ARRIVES,
                       "%llu of 3 packets from end %u arrive (%llu blocked, %llu trapped, %llu without SA, %llu lost, %llu "
                       "refused)",
                       (unsigned long long)(f[i]->delivered - before[i]), i, (unsigned long long)f[i]->blocked,
                       (unsigned long long)f[i]->trapped, (unsigned long long)f[i]->no_sa, (unsigned long long)f[i]->lost,
                       (unsigned long long)f[i]->refused);
    if (!w->failed)
        w->n_flows -= 2;
    return !w->failed;
}

void traffic_must(struct world *w, usec_t every)
{
    if (w->failed)
        return;
    flow_must(w, flow_start(w, 0, 1, "10.0.0.5", "10.1.0.5", every), true);
    flow_must(w, flow_start(w, 1, 0, "10.1.0.5", "10.0.0.5", every), true);
}

void traffic_end(struct world *w)
{
    for (size_t i = 0; i < w->n_flows; i++)
        flow_stop(&w->flow[i]);
}

unsigned fact(struct world *w, enum fact f)
{
    unsigned n = 0;

    for (size_t i = 0; i < w->n_ends; i++)
        n += w->end[i].facts[f];
    return n;
}

/* Every scenario ends alike: the network is whole, both ends are told to stop, and nothing is left. */
static void close_down(struct world *w)
{
    if (w->failed)
        return;
    traffic_end(w);
    w->net.n_rules = 0;
    w->net.tap = NULL;
    net_all(&w->net, (struct way){.delay_low = 5 * MS, .delay_high = 15 * MS});
    for (size_t i = 0; i < w->n_ends; i++)
        for (size_t k = 0; k < COUNT_OF(w->end[i].desk); k++)
            w->end[i].desk[k].failed = w->end[i].desk[k].late = w->end[i].desk[k].never = 0;
    world_run(w, 2 * SEC);
    for (size_t i = 0; i < w->n_ends; i++) {
        unsigned before = w->end[i].facts[FACT_STOPPED];

        if (!w->end[i].core)
            continue;
        end_order(&w->end[i], ORDER_STOP, NULL, NULL);
        for (int k = 0; k < 600 && !w->failed && w->end[i].facts[FACT_STOPPED] == before; k++)
            world_run(w, SEC);
        LAW(w, LAW_STOPS, w->end[i].facts[FACT_STOPPED] == before + 1, "a stopped end says so");
    }
    world_run(w, 60 * SEC);
    if (!w->failed)
        LAW(w, LAW_EMPTY, !laws_empty(w), "after the stop: %s", laws_empty(w));
    if (!w->failed)
        law_leaks(w);
    for (size_t i = 0; i < w->n_ends && !w->failed; i++)
        if (w->end[i].core && w->end[i].hand)
            end_finish(&w->end[i]);
}

struct world *scenario_world(const struct scenario *s, uint64_t seed)
{
    struct world *w = world_new(seed, s->ends ? s->ends : 2);

    w->peeking = true;
    w->end[0].plan[w->end[0].n_plans++] = plan_tunnel(0, 1, KEEP_UP);
    w->end[1].plan[w->end[1].n_plans++] = plan_tunnel(1, 0, KEEP_ANSWER);
    return w;
}

void scenario_run(const struct scenario *s, struct world *w)
{
    s->run(w);
    close_down(w);
}

struct world *scenario_play(const struct scenario *s, uint64_t seed, bool verbose)
{
    struct world *w = scenario_world(s, seed);

    w->verbose = verbose;
    scenario_run(s, w);
    return w->failed ? w : world_free(w);
}

static const struct scenario *const groups[] = {scenarios_contact, scenarios_rekey,  scenarios_nonce, scenarios_life,
                                                scenarios_attack,  scenarios_chaos,  scenarios_qcd,   scenarios_found,
                                                scenarios_liar,    scenarios_machine};

const struct scenario *scenario_at(size_t n)
{
    for (size_t g = 0; g < COUNT_OF(groups); g++)
        for (const struct scenario *s = groups[g]; s->name; s++)
            if (!n--)
                return s;
    return NULL;
}

const struct scenario *scenario_find(const char *name)
{
    const struct scenario *s;

    for (size_t n = 0; (s = scenario_at(n)); n++)
        if (!strcmp(s->name, name))
            return s;
    return NULL;
}
