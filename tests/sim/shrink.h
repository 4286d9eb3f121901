/* SPDX-License-Identifier: Apache-2.0 */
/* A failing run made shorter: faults, orders and whole rounds are left out as long as the same law breaks. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "play.h"

struct shrunk {
    uint64_t *spared; /* sorted names of what is left out: for struct play */
    size_t n_spared;
    size_t strikes_before, strikes_after;
    unsigned runs;
    struct strike *left; /* what still strikes, in order */
};

/* Within so many seconds. False when the run does not break a law at all. The caller calls shrunk_done. */
bool shrink(const struct play *, unsigned seconds, struct shrunk *);
void shrunk_done(struct shrunk *);

#endif
