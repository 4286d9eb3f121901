/* SPDX-License-Identifier: Apache-2.0 */
/* Laws on what is said inside SK, which glass algorithms show, and what cores keep while nothing happens. */
#ifndef SIM_LAWS_INSIDE_H
#define SIM_LAWS_INSIDE_H

#include "wire/wire.h"
#include "world.h"

/* What is known of a message, or of a row of messages, by its name. */
struct seen {
    struct map_node node;
    uint64_t digest; /* of the bytes first sent */
    uint64_t count, credit;
    bool sent;
};
enum name_of {
    OF_STATE,
    OF_DATAGRAM,
    OF_REPLIES,
    OF_REQUESTS,
    OF_INITS,
    OF_ANSWERED,
    OF_INBOUND,
    OF_IV,
    OF_MATTER,
    OF_PUT_OFF,
    OF_DELETED,
    OF_CLOSED
};
struct seen *law_seen(struct world *, uint64_t who, enum name_of, uint64_t a, uint64_t b, uint64_t c);

void law_inside_sent(struct end *, const struct ike_header *, const struct endpoint *to, struct span all);
void law_inside_answered(struct end *, const struct ike_header *, struct span all); /* the first answer to its last request */

/* Every running core: timers, tickets and SPIs belong to somebody. */
void law_leaks(struct world *);

#endif
