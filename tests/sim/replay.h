/* SPDX-License-Identifier: Apache-2.0 */
/* One seed again: twice, to show that it is the same run; and when it breaks a law, what happened, shortened. */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include "play.h"

struct replay {
    struct play play;
    unsigned seconds; /* for shortening */
    bool whole;       /* the ladder of all that happened, broken or not, nothing shortened */
};

/* 0 when all is well, 1 when the seed breaks a law or is not the same twice. */
int replay_run(const struct replay *);
/* A failing seed, shortened, as a ladder on standard output. */
void replay_show(const struct replay *);

#endif
