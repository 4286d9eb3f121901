/* SPDX-License-Identifier: Apache-2.0 */
/* Inside suite/ only: one of our proposals against one of theirs, type by type. */
#ifndef CHARON_SUITE_MATCH_H
#define CHARON_SUITE_MATCH_H

#include "suite/proposal.h"

/* What was picked of their proposal, by type (NULL for none), and the descriptors that it means. */
struct pick {
    const struct transform *of[TRANSFORM_TYPE_MAX + 1];
    struct suite suite;
};
struct match {
    const struct alg_registry *algs;
    const struct proposal *ours, *theirs;
    const struct proposal_rules *rules;
    bool exact_ke; /* only with the group of their KE payload or, where they sent none, without KE */
    struct pick pick;
};

/* RFC 7296 3.3.3: the transform types that a protocol knows; any other makes a proposal unacceptable (3.3.6). */
bool type_allowed(uint8_t protocol, uint8_t type);
const struct transform *type_first(const struct proposal *, uint8_t type);
bool spi_usable(const struct proposal *);
/* May this algorithm protect this protocol? PRFs and key exchanges have no such limit. */
bool alg_usable(const struct alg *, uint8_t protocol);
/* Fills the pick. Returns the types in which they do not agree, a bit (1 << type) each, bit 0 for a proposal that as a whole is
 * not for us; 0 = they agree. */
unsigned match_try(struct match *);

#endif
