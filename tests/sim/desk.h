/* SPDX-License-Identifier: Apache-2.0 */
/* Where the asks of a core land: worker, vault, resolver and hand of the simulated world. Each answers after a while, wrongly,
 * too late or never, as the end's desk_faults say. The hand works in order; an ask that it lost was performed or not. */
#ifndef SIM_DESK_H
#define SIM_DESK_H

#include "port/port.h"

struct end;
void desk_asked(struct end *, const struct ask *);

/* AUTH with a pre-shared key (RFC 7296 2.15) into out (the PRF's length); 0 or ERR_*. */
int sim_psk_auth(const struct alg *prf, struct span psk, struct span message, struct span nonce, struct span sk_p,
                 const struct id *, uint8_t *out);

#endif
