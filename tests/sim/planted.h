/* SPDX-License-Identifier: Apache-2.0 */
/* Bugs that are planted on purpose, to see that the laws find them: tests/sim/planted/ has them as patches, each behind
 * `if (planted("NAME"))`, and tests/sim/planted.sh builds a charon-sim with all of them, switched on one at a time. The sources
 * of the daemon know nothing of it. */
#ifndef SIM_PLANTED_H
#define SIM_PLANTED_H

#include <stdbool.h>

extern const char *planted_bug; /* which is switched on; NULL = none */
extern const bool planted_built;
bool planted(const char *name);

#endif
