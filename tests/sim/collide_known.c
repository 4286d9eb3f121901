/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules that once ended badly: played first, always. */
#include "collide.h"

#include <stddef.h>

const struct clash_known clash_known[] = {
    {"plain/0/C1X1/s1s0d1d1d1d1d2d2", "a new Child SA is no double of one whose IKE SA is on its way out"},
    {"nat/0/K1A0/s0d0d0s1", "a replaced IKE SA sends its Delete to where the peer is now (2.23)"},
    {NULL, NULL},
};
