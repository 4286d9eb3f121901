/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals (RFC 7296 2.7, 3.3): the offered lists, the chosen suite, and why there is none. */
#ifndef CHARON_SUITE_PROPOSAL_H
#define CHARON_SUITE_PROPOSAL_H

#include "suite/alg.h"

enum protocol { PROTOCOL_NONE = 0, PROTOCOL_IKE = 1, PROTOCOL_AH = 2, PROTOCOL_ESP = 3 };

struct transform {
    uint8_t type;
    uint16_t id;
    uint16_t key_bits; /* 0 = no Key Length attribute */
    bool odd;          /* read with an attribute that we do not know: never to be chosen (3.3.6) */
};
struct proposal {
    uint8_t number;   /* as on the wire; the first need not be 1 */
    uint8_t protocol; /* enum protocol */
    uint8_t spi_len;  /* 0, 4 or 8 (others are kept as read, up to 8, and never chosen) */
    uint8_t spi[8];
    const struct transform *transforms; /* owned by an arena or a configuration */
    size_t n_transforms;
};
struct proposals {
    const struct proposal *v; /* in order of preference */
    size_t n;
};

/* What was agreed: one descriptor per type, NULL where the protocol has none (integ with AEAD, prf in ESP, ke without PFS). */
struct suite {
    const struct alg *encr, *prf, *integ, *ke;
    bool esn;
};

enum ke_rule {
    KE_REQUIRED, /* IKE SAs: a proposal without KE is not for us */
    KE_ABSENT,   /* Child SA in IKE_AUTH: KE transforms are ignored, none is chosen (RFC 7296 1.2) */
    KE_OPTIONAL, /* Child SA by CREATE_CHILD_SA: with or without, as both sides can */
};
struct proposal_rules {
    uint8_t protocol;
    enum ke_rule ke;
    uint16_t ke_sent;  /* group of the peer's KE payload: preferred among equals, to save a round trip; 0 = no KE payload */
    bool pfs_required; /* KE_OPTIONAL only: NONE and missing KE are refused */
};

/* Responder: the first of our proposals, in our order, that one of theirs satisfies; in it our order of transforms. Chosen is
 * written as the one-transform-a-type proposal to answer with (number, protocol and their SPI copied; transforms in `store`,
 * an array of TRANSFORM_TYPE_MAX). 0 or ERR_NOT_FOUND (NO_PROPOSAL_CHOSEN). */
int proposal_choose(const struct alg_registry *, struct proposals ours, struct proposals theirs, const struct proposal_rules *,
                    struct suite *out, struct proposal *chosen, struct transform store[TRANSFORM_TYPE_MAX]) MUST_USE;
/* Initiator: what to put on the wire out of the configured list, numbered from 1. KE_ABSENT: without KE transforms, equals only
 * once; KE_OPTIONAL: each with its KE transforms, then (unless pfs_required) each without; KE_REQUIRED: as they are. Returns the
 * number of proposals or ERR_LIMIT. SPIs are the caller's to fill. */
int proposal_offer(struct proposals ours, const struct proposal_rules *, struct proposal *list, size_t max_list,
                   struct transform *store, size_t max_store) MUST_USE;
/* The descriptor that a transform names; NULL when the build has none. AES without a Key Length means 128 bits (RFC 3602 2.2). */
const struct alg *transform_alg(const struct alg_registry *, const struct transform *);
/* Initiator: is the answer exactly one proposal, one transform a type, out of what we offered? Fills the suite. 0 or ERR_BAD. */
int proposal_accept(const struct alg_registry *, struct proposals ours, struct proposals answer, const struct proposal_rules *,
                    struct suite *out) MUST_USE;
/* Both lists side by side, a line per transform type: what they offered, what we accept, and the nearest one-word mend. */
void proposal_explain(const struct alg_registry *, struct proposals ours, struct proposals theirs, const struct proposal_rules *,
                      struct text *out);
/* One proposal in configuration words: "aes256gcm16-prfsha256-x25519". Unknown transforms print by number. */
void proposal_format(const struct alg_registry *, const struct proposal *, struct text *out);
void suite_format(const struct suite *, struct text *out);

/* Words to a proposal: "aes256gcm16-prfsha384-ecp384". Transforms are appended to `store` (room for `max`). A missing PRF is the
 * one that fits the integrity algorithm or, with AEAD, prfsha256; for ESP, "esn" and "noesn" set type 5, both are offered by
 * default. On error (ERR_BAD) `why` says which word is wrong and what would be right ("did you mean"). */
int proposal_parse(const struct alg_registry *, const char *words, uint8_t protocol, struct proposal *out,
                   struct transform *store, size_t max, struct text *why) MUST_USE;
/* The default proposals of a protocol, into store/list (room for PROPOSAL_DEFAULTS_LIST and _STORE at least); the same rules.
 * They carry key exchange groups for ESP too: proposal_offer() makes of them what an exchange needs. Returns the number of
 * proposals, or ERR_LIMIT. */
#define PROPOSAL_DEFAULTS_LIST 2
#define PROPOSAL_DEFAULTS_STORE 48
int proposal_defaults(const struct alg_registry *, uint8_t protocol, struct proposal *list, size_t max_list,
                      struct transform *store, size_t max_store) MUST_USE;

#endif
