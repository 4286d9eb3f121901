/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules that once ended badly: played first, always. */
#include "collide.h"

#include <stddef.h>

const struct clash_known clash_known[] = {
    {"plain/0/C1X1/s1s0d1d1d1d1d2d2", "a new Child SA is no double of one whose IKE SA is on its way out"},
    {"nat/0/K1A0/s0d0d0s1", "a replaced IKE SA sends its Delete to where the peer is now (2.23)"},
    {"slow/0/D0K1/s1d0s0k0d1k0d0", "no deletion begins while the answer to the peer's rekey of the IKE SA is made (2.25.1)"},
    {"plain/0/C0X0/s1d0d0w0d1d1d0d0", "an IKE_SA_INIT repeated after its IKE_AUTH is ignored (2.1)"},
    {NULL, NULL},
};
