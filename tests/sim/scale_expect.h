/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SCALE_EXPECT_H
#define SIM_SCALE_EXPECT_H

#include "base/base.h"

/* Adds to each of the minutes how many rekeys are to be expected in it, when `births` SAs with a soft lifetime come up evenly
 * within `births_for`. */
void scale_expect(usec_t soft, usec_t births_for, double births, double *minutes, size_t n_minutes);

#endif
