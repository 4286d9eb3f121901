/* SPDX-License-Identifier: Apache-2.0 */
/* A record as a ladder: a column for each end, time down the left, messages as arrows, notes beside the lifelines. */
#ifndef SIM_LADDER_H
#define SIM_LADDER_H

#include "record.h"

#include <stdio.h>

/* All rows, or (not `whole`) those of the SAs that matter at the end: no liveness checks that went well, no SAs that are
 * neither alive nor named by the failure nor spoken with last, and at most the last LADDER_ROWS. */
#define LADDER_ROWS 120
void ladder_draw(FILE *, const struct world *, const struct record *, bool whole);

#endif
