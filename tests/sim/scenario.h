/* SPDX-License-Identifier: Apache-2.0 */
/* Named scenarios: each is handed a world of two ends that know each other (0 keeps the tunnel up, 1 answers; `net` 10.0.0.0/16
 * to 10.1.0.0/16), not yet started, and breaks a law when something is not as it must be. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "world.h"

struct scenario {
    const char *name, *what;
    void (*run)(struct world *);
    unsigned seeds; /* how many seeds the tests try; 0 = 3 */
    unsigned ends;  /* more than the two that know each other; 0 = 2 */
};
extern const struct scenario scenarios_contact[], scenarios_rekey[], scenarios_nonce[], scenarios_life[], scenarios_attack[],
    scenarios_qcd[], scenarios_chaos[], scenarios_found[], scenarios_liar[], scenarios_machine[];

/* The world that a scenario begins with, and the scenario played in it, to its end. */
struct world *scenario_world(const struct scenario *, uint64_t seed);
void scenario_run(const struct scenario *, struct world *);
/* NULL when nothing broke; else the world, to be reported and freed by the caller. */
struct world *scenario_play(const struct scenario *, uint64_t seed, bool verbose);
const struct scenario *scenario_find(const char *name);
/* All scenarios, by number; NULL past the end. */
const struct scenario *scenario_at(size_t n);

/* Steps that scenarios share. Times are upper bounds. */
void go(struct world *);                         /* start all ends */
bool go_up(struct world *);                      /* start, and everything wanted is up within a minute */
bool settle(struct world *, usec_t how_long);    /* until at rest */
bool traffic_flows(struct world *);              /* packets of both directions arrive, now */
void traffic_must(struct world *, usec_t every); /* from now on two flows whose packets must all arrive */
void traffic_end(struct world *);                /* their laws rest */
unsigned fact(struct world *, enum fact);        /* told by all ends together */

#define SEC USEC_SEC
#define MS USEC_MSEC
#define MINUTE (60 * USEC_SEC)
#define HOUR (3600 * USEC_SEC)

#endif
