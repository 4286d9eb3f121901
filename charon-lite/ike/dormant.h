/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Half-open IKE SAs put by: with many of them a responder keeps the newest as they are, and of the others what it needs to make
 * them again. A dormant one counts as half-open, as an IKE SA, and for its source; it is in no list, and has no ticket. For the
 * files of this room only, by way of ike.h.
 */
#ifndef CHARON_IKE_DORMANT_H
#define CHARON_IKE_DORMANT_H

struct likeness;
struct dormant {
    struct map_node by_spi, by_init;
    struct list in_slot; /* dormancy.slots */
    uint64_t spi_i, spi_r;
    usec_t born, ends;
    const struct suite *suite;
    struct peer *candidate;
    struct likeness *like;
    struct path path;
    uint16_t hashes, request_len, response_len; /* of the deltas */
    uint8_t seed_len;
    bool natd_seen : 1, nat_local : 1, nat_remote : 1, encap_forced : 1, fragmentation : 1;
    uint8_t bytes[]; /* SKEYSEED, then the deltas of request and response */
};
struct dormancy {
    struct list awake; /* sa_start.awake: half-open and answered, the oldest first */
    size_t n_awake, awake_max;
    struct map by_spi, by_init;       /* our SPI; the initiator's, and where it is */
    struct list slots[DORMANT_SLOTS]; /* by when they end */
    struct timer sweep;
    struct likeness *likes[8]; /* the latest kinds of IKE_SA_INIT */
    size_t next_like;
};
void dormancy_start(struct core *);
void dormancy_end(struct core *);      /* none is left; nobody is told */
void dormant_may(struct ike_sa *);     /* IKE_SA_INIT is answered: it is one of those that may be put by */
void dormant_never(struct sa_start *); /* ... and no longer */
void dormant_settle(struct core *);    /* at the end of a step: of too many the oldest are put by */
struct dormant *dormant_by_spi(const struct core *, uint64_t spi_i, uint64_t spi_r); /* NULL: none; spi_i 0 = whatever it is */
struct dormant *dormant_by_init(const struct core *, uint64_t spi_i,
                                const struct endpoint *from);   /* the same by its first packet */
void dormant_state(const struct dormant *, struct ike_sa *);    /* what of an IKE SA is known of it without another allocation */
struct ike_sa *dormant_wake(struct core *, struct dormant *);   /* as it was before; NULL without memory: it sleeps on */
bool dormant_belongs(const struct core *, const struct peer *); /* is there one that took its proposals */

#endif
