/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules that once ended badly: played first, always. */
#include "collide.h"

#include <stddef.h>

const struct clash_known clash_known[] = {
    {"plain/0/C1X1/s1s0d1d1d1d1d2d2", "a new Child SA is no double of one whose IKE SA is on its way out"},
    {"nat/0/K1A0/s0d0d0s1", "a replaced IKE SA sends its Delete to where the peer is now (2.23)"},
    {"nat/0/D0K1A0/s0d0d0s1d0d0s2d0", "both ends close it unheard, each after its time"},
    {"slow/0/D0K1/s1d0s0k0d1k0d0", "no deletion begins while the answer to the peer's rekey of the IKE SA is made (2.25.1)"},
    {"plain/0/C0X0/s1d0d0w0d1d1d0d0", "an IKE_SA_INIT repeated after its IKE_AUTH is ignored (2.1)"},
    {"slow/0/R0D1/s0d0s1d0d0k0", "a successor that is to be deleted is not spoken on first"},
    {"plain/0/C0C0K1/s0s2d0d0d0d0", "an order does not cut the wait after TEMPORARY_FAILURE short (2.25)"},
    {"plain/0/C0C1X0/s2d0s1s0d0d0d0d0d1d0d0d0d0d0d0", "IKE_AUTH does not bring up what was ordered down"},
    {"plain/0/C0C1X0/s1s2s0d0d0d0d0d0d0d0d0d0d1", "INITIAL_CONTACT of who began at the same time as we do leaves no hole (2.4)"},
    {"plain/0/C1X0X1/s1d0d0s0d0d0s2", "what is closed while IKE_AUTH is asked is closed at the peer too (2.4)"},
    {"plain/2/R0R0R1/s0s2d0d0d0d1d1s1d1d1d1d0",
     "who lost a simultaneous rekey knows it though the winner's SA was rekeyed again (2.8.1)"},
    {"plain/2/D0K0K1/s1s0s2d0d0d0d0d0", "a Child SA is deleted by whichever IKE SA of a simultaneous rekey (2.25.2)"},
    {"group/0/K0K1/s1d0s0d0d0d0d0", "who tried the wrong group leaves the old IKE SA to the peer that has rekeyed it (2.8.2)"},
    {"plain/0/K0K1K1/s1s0d0d0s2d0d2d0d0d0d0d0",
     "the peer's heir of an IKE SA that we rekey too is not rekeyed before it is known who loses (2.8.2)"},
    {"plain/2/D0K0K1/s1s0s2d0d0d0d3d0d0d0d0d0", "nor are Child SAs deleted in it"},
    {"plain/0/C0K1X0/s1d0s0s2d2d0d0d0", "who has answered the rekey of the IKE SA leaves the old one to the peer (2.8)"},
    {"plain/0/C1K0X1/s1d0s0s2d2d0d0d0", "the same from the other end"},
    {"plain/2/K0K1X0/s0s1d0d0s2d0d2d0", "who lost, and heard that the winner is closed first, may close the old one"},
    {"keep/0/K0K1L1/s0s1d0s2d0d2d2d0d0d0d0d0",
     "asked whether it is there, an heir that the other end never heard of is given up (2.4)"},
    {"group/0/D1K0K1/s0d0d0s1s2d0d0d0d0d0d1d0d2", "the time for another try closes no IKE SA of a collision (2.8.2)"},
    {"slow/0/C1K1X1/s1s2s0d1d1k0d1k0d0d2d2k0d0k0k0", "the heir of an IKE SA that became redundant meanwhile goes too (2.8.2)"},
    {"group/3/K0K1X0/s0d0d0s1d0d0s2d0d1d0",
     "where the heir was closed at once, the other end's own rekey of the old IKE SA goes on (2.8.2)"},
    {NULL, NULL},
};
