/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state matrix: the gate is brought into a stage, hears one message, and must do what a table says that was written from the
 * RFC and from nothing else (matrix_rules.c). A message is a point in a space of axes; with the stage it makes a cell.
 *
 *     matrix_stage*.c  brings the gate there, and shows afterwards that it goes on as if nothing had come
 *     matrix_say.c     the message of a cell, by the puppet
 *     matrix_look.c    what the gate did, held against each verdict
 *     matrix_rules.c   which verdicts a cell may have; each cell belongs to exactly one rule
 *     matrix_run.c     all cells, one after the other, each in a world of its own
 */
#ifndef SIM_MATRIX_H
#define SIM_MATRIX_H

#include "puppet.h"

/* Where the gate is. (NAME, word, roles that it can have here: 1 original initiator, 2 responder) */
#define STAGES(X)                                                                                                                \
    X(NOTHING, 2)         /* no IKE SA at all */                                                                                 \
    X(COOKIES, 2)         /* the same, and every IKE_SA_INIT needs a cookie */                                                   \
    X(BORN_DH, 2)         /* IKE_SA_INIT is here, the key exchange is computed by a worker */                                    \
    X(BORN_MAKE, 1)       /* our value is computed by a worker: nothing was sent yet */                                          \
    X(BORN_SENT, 1)       /* our IKE_SA_INIT is out */                                                                           \
    X(BORN_DERIVE, 1)     /* its answer is here, the key exchange is computed by a worker */                                     \
    X(KEYED, 2)           /* IKE_SA_INIT is answered */                                                                          \
    X(KEYED_MAKE, 1)      /* the vault makes our AUTH */                                                                         \
    X(KEYED_SENT, 1)      /* our IKE_AUTH is out */                                                                              \
    X(KEYED_CHECK, 3)     /* the peer's AUTH is being checked */                                                                 \
    X(UP_MAKE, 2)         /* the peer is who it says; the vault makes our AUTH */                                                \
    X(UP_INSTALL, 3)      /* the first Child SA is on its way into the kernel */                                                 \
    X(UP, 3)              /* quiet */                                                                                            \
    X(UP_QUIET, 3)        /* nothing came for a while */                                                                         \
    X(UP_LIVENESS, 3)     /* our own requests are out: empty INFORMATIONAL, */                                                   \
    X(UP_CREATE, 3)       /* a new Child SA, */                                                                                  \
    X(UP_REKEY_CHILD, 3)  /* its rekey, */                                                                                       \
    X(UP_REKEY_IKE, 3)    /* the IKE SA's rekey, */                                                                              \
    X(UP_DELETE_CHILD, 3) /* a Delete for the Child SA */                                                                        \
    X(UP_TAKING, 3)       /* the answer to our CREATE_CHILD_SA is here, the kernel works */                                      \
    X(UP_THEIRS_CHILD, 3) /* the peer's CREATE_CHILD_SA is here, the kernel works */                                             \
    X(UP_THEIRS_IKE, 3)   /* the peer's rekey of the IKE SA is here, a worker works */                                           \
    X(UP_BOTH, 3)         /* the peer's CREATE_CHILD_SA waits for the kernel, and our liveness check is out */                   \
    X(REPLACED, 3)        /* the peer rekeyed it and owes us the Delete */                                                       \
    X(HEIR, 3)            /* made by a rekey, the predecessor is gone */                                                         \
    X(LEAVING, 3)         /* our Delete of the IKE SA is out */                                                                  \
    X(LEAVING_OLD, 3)     /* the same, after we rekeyed it */                                                                    \
    X(GONE, 3)            /* it was deleted */                                                                                   \
    X(FORGOTTEN, 3)       /* the gate was restarted */
/* What is said. (NAME, exchange type; 0 = that of the gate's outstanding request, requests and responses: 1, 2) */
#define KINDS(X)                                                                                                                 \
    X(INIT, IKE_SA_INIT, 3)                                                                                                      \
    X(AUTH, IKE_AUTH, 3)                                                                                                         \
    X(AUTH_BAD, IKE_AUTH, 3) /* the proof does not hold */                                                                       \
    X(CHILD, CREATE_CHILD_SA, 3)                                                                                                 \
    X(REKEY_CHILD, CREATE_CHILD_SA, 3)                                                                                           \
    X(REKEY_IKE, CREATE_CHILD_SA, 3)                                                                                             \
    X(EMPTY, INFORMATIONAL, 3)                                                                                                   \
    X(DELETE_CHILD, INFORMATIONAL, 3)                                                                                            \
    X(DELETE_IKE, INFORMATIONAL, 3)                                                                                              \
    X(STATUS, INFORMATIONAL, 3) /* a notify of unknown status type */                                                            \
    X(ERROR, INFORMATIONAL, 3)  /* AUTHENTICATION_FAILED */                                                                      \
    X(HINT, INFORMATIONAL, 3)   /* INVALID_IKE_SPI */                                                                            \
    X(INTERMEDIATE, IKE_INTERMEDIATE, 3)                                                                                         \
    X(RESUME, IKE_SESSION_RESUME, 3)                                                                                             \
    X(UNKNOWN, 99, 3) /* an exchange type that nobody knows */                                                                   \
    X(V1_MAIN, 2, 3)                                                                                                             \
    X(V1_AGGRESSIVE, 4, 3)                                                                                                       \
    X(V1_INFO, 5, 3)                                                                                                             \
    X(V1_QUICK, 32, 3)                                                                                                           \
    X(COOKIE, IKE_SA_INIT, 2)                                                                                                    \
    X(OTHER_GROUP, IKE_SA_INIT, 2) /* INVALID_KE_PAYLOAD */                                                                      \
    X(REFUSE, 0, 2)                /* NO_PROPOSAL_CHOSEN, of IKE_AUTH AUTHENTICATION_FAILED */                                   \
    X(TEMPORARY, 0, 2)                                                                                                           \
    X(SYNTAX, 0, 2) /* INVALID_SYNTAX */                                                                                         \
    X(AGAIN, 0, 1)  /* the peer's last request, byte for byte */
#define SEALS(X)                                                                                                                 \
    X(CLEAR)                                                                                                                     \
    X(GOOD)                                                  /* in SK */                                                         \
    X(FRAGS)                                                 /* in two SKF */                                                    \
    X(BADICV)                                                /* SK with a wrong checksum */                                      \
    X(WRONGKEY)                                              /* SK with keys of another SA */                                    \
    X(FRAGBAD)                                               /* two SKF with wrong checksums */                                  \
    X(FRAGPART)                                              /* the first of two SKF alone */
#define IDS(X) X(NOW) X(M1) X(M2) X(P1) X(P2) X(ZERO) X(MAX) /* message ID: the one that is due, one less, two less ... */
#define FLAGS(X) X(RIGHT) X(WRONG)                           /* the Initiator flag */
#define SPIS(X)                                                                                                                  \
    X(OWN)                                                                                                                       \
    X(NEW)     /* of an initiator who knows no responder SPI yet */                                                              \
    X(HALF)    /* the gate's is right, the other not */                                                                          \
    X(STRANGE) /* the gate's is not */
#define VERSIONS(X) X(V2_0) X(V2_7) X(V1_0) X(V3_0)
#define FAULTS(X)                                                                                                                \
    X(NONE)                                                                                                                      \
    X(DROP_SA)                                                                                                                   \
    X(DROP_KE)                                                                                                                   \
    X(DROP_ID)                                                                                                                   \
    X(DROP_AUTH)                                                                                                                 \
    X(DROP_NONCE)                                                                                                                \
    X(DROP_NOTIFY)                                                                                                               \
    X(DROP_DELETE)                                                                                                               \
    X(DROP_TSI)                                                                                                                  \
    X(DROP_TSR)                                                                                                                  \
    X(DOUBLE_SA)                                                                                                                 \
    X(DOUBLE_KE)                                                                                                                 \
    X(DOUBLE_ID)                                                                                                                 \
    X(DOUBLE_AUTH)                                                                                                               \
    X(DOUBLE_NONCE)                                                                                                              \
    X(DOUBLE_NOTIFY)                                                                                                             \
    X(DOUBLE_DELETE)                                                                                                             \
    X(DOUBLE_TSI)                                                                                                                \
    X(DOUBLE_TSR)                                                                                                                \
    X(UNKNOWN)        /* an unknown payload more */                                                                              \
    X(CRITICAL)       /* which is critical */                                                                                    \
    X(CRITICAL_KNOWN) /* all known payloads are marked critical */                                                               \
    X(REVERSED)       /* payloads in another order */

/* What must come of it. More than one where the RFC leaves a choice. */
#define VERDICTS(X)                                                                                                              \
    X(IGNORED)          /* not a byte, no change, and the stage goes on as if nothing had come */                                \
    X(HINTED)           /* an unprotected INVALID_IKE_SPI; otherwise like IGNORED */                                             \
    X(WRONG_VERSION)    /* an unprotected INVALID_MAJOR_VERSION; otherwise like IGNORED */                                       \
    X(ASKED_COOKIE)     /* an unprotected COOKIE; otherwise like IGNORED */                                                      \
    X(CLEAR_CRITICAL)   /* an unprotected UNSUPPORTED_CRITICAL_PAYLOAD; otherwise like IGNORED */                                \
    X(PROBED)           /* no answer, no change; a liveness check of the gate's own */                                           \
    X(SAME_ANSWER)      /* the last answer once more, byte for byte, and no change */                                            \
    X(KEYED)            /* IKE_SA_INIT answered: one new half-open IKE SA */                                                     \
    X(UP)               /* IKE_AUTH answered with our proof: the IKE SA and one Child SA are up */                               \
    X(UP_ALONE)         /* the same without the Child SA */                                                                      \
    X(DENIED)           /* AUTHENTICATION_FAILED alone, and the SA is gone */                                                    \
    X(MALFORMED)        /* INVALID_SYNTAX alone, and the SA is gone */                                                           \
    X(UNSUPPORTED)      /* UNSUPPORTED_CRITICAL_PAYLOAD alone; the SA stays */                                                   \
    X(UNSUPPORTED_GONE) /* the same, and the SA is gone */                                                                       \
    X(EMPTY)            /* an empty answer, no change */                                                                         \
    X(CLOSED)           /* an empty answer, and the SA is gone */                                                                \
    X(CHILD_CLOSED)     /* a Delete for the other half, and the Child SA is gone */                                              \
    X(CHILD_MADE)       /* SA, Nonce, TS, TS; one Child SA more */                                                               \
    X(IKE_REKEYED)      /* SA, Nonce, KE; one IKE SA more, which is up */                                                        \
    X(TEMPORARY)        /* TEMPORARY_FAILURE alone, no change */                                                                 \
    X(NOT_FOUND)        /* CHILD_SA_NOT_FOUND alone, no change */                                                                \
    X(REFUSED)          /* some other error alone, no change */                                                                  \
    X(BEGUN_AGAIN)      /* the gate sends another IKE_SA_INIT */                                                                 \
    X(AUTH_SENT)        /* the gate has keys and sends IKE_AUTH */                                                               \
    X(TAKEN)            /* the gate's request is over, nothing changed by it */                                                  \
    X(DONE)             /* the gate's request is over and did what it was for */                                                 \
    X(FAILED)           /* the gate's request is over and failed: the IKE SA stays, nothing is made */                           \
    X(DIED)             /* the IKE SA is gone; the gate says so to the peer, or not */

#define MATRIX_FIRST(name, ...) name,
#define S_(name, roles) STAGE_##name,
enum stage { STAGES(S_) STAGE_COUNT };
#define K_(name, exchange, ways) KIND_##name,
enum kind { KINDS(K_) KIND_COUNT };
#define E_(name) SEAL_##name,
enum seal { SEALS(E_) SEAL_COUNT };
#define I_(name) ID_IS_##name,
enum id_is { IDS(I_) ID_IS_COUNT };
#define L_(name) FLAG_##name,
enum flag { FLAGS(L_) FLAG_COUNT };
#define P_(name) SPI_##name,
enum spi { SPIS(P_) SPI_COUNT };
#define N_(name) VERSION_##name,
enum version { VERSIONS(N_) VERSION_COUNT };
#define F_(name) FAULT_##name,
enum flaw { FAULTS(F_) FAULT_COUNT };
#define D_(name) VERDICT_IS_##name,
enum verdict_is { VERDICTS(D_) VERDICT_IS_COUNT };
enum role { ROLE_INITIATOR, ROLE_RESPONDER, ROLE_COUNT }; /* of the gate, in the IKE SA that is addressed */
enum way_of { WAY_REQUEST, WAY_RESPONSE, WAY_COUNT };

struct cell {
    enum stage stage;
    enum role role;
    enum kind kind;
    enum way_of way;
    enum seal seal;
    enum id_is id;
    enum flag flag;
    enum spi spi;
    enum version version;
    enum flaw fault;
};
#define CELL_TEXT_MAX 160
void cell_format(const struct cell *, char out[CELL_TEXT_MAX]); /* "UP/initiator/CHILD/request/GOOD/NOW/RIGHT/OWN/V2_0/NONE" */
int cell_parse(const char *, struct cell *);
const char *verdict_word(unsigned verdict);
const char *stage_word(unsigned stage);

/* A gate in a stage, and what is needed to speak to it. */
struct bench {
    const struct cell *cell;
    struct puppet *p;
    struct pupil *target; /* the IKE SA that is addressed; where the puppet has none, made up */
    struct pupil made_up;
    bool keys;                     /* do both ends have keys */
    const struct said *own;        /* the gate's request that is out */
    uint32_t child_in, child_out;  /* SPIs of the Child SA as the puppet sees them */
    struct span last, last_answer; /* the puppet's last request, and what the gate said to it (empty: nothing yet) */
    uint32_t due[WAY_COUNT];       /* the message IDs that are due */
    struct told_row before[64];
    size_t n_before, inbox_before;
    size_t verdicts_before; /* of the vault */
    uint64_t installs_before;
    size_t datagrams;    /* of the cell's message */
    struct pupil *fresh; /* the one of an IKE_SA_INIT of the cell */
};

extern const char matrix_x25519[], matrix_modp[];
bool stage_slow_group(const struct cell *); /* the stage is reached with the group that a worker computes */
bool stage_has(enum stage, enum role);
bool stage_reach(struct bench *);                         /* false: the world has failed */
bool stage_go_on(struct bench *);                         /* the stage ends well, as if nothing had come */
bool bench_alive(struct bench *);                         /* the IKE SA answers a liveness check with the next message ID */
bool bench_repeats(struct bench *);                       /* the last answer comes again when the last request does */
const struct said *hear_answer(struct puppet *, usec_t);  /* requests of the gate are passed over */
const struct said *hear_request(struct puppet *, usec_t); /* answers are */

bool kind_has(enum kind, enum way_of);
/* Is there such a message here? */
bool cell_exists(struct bench *);
uint32_t cell_id(const struct bench *);
void cell_say(struct bench *);

void look_before(struct bench *);
/* NULL when the gate did that; or what is different. */
const char *look_after(struct bench *, enum verdict_is);
/* The law over all cells: only a verified AUTH makes an IKE SA go up, and nothing is installed without. */
const char *look_law(struct bench *);

struct matrix_rule {
    const char *section, *says;
    uint64_t stages, roles, kinds, ways, seals, ids, flags, spis, versions, faults; /* bits; 0 = all */
    uint64_t verdicts;
};
extern const struct matrix_rule matrix_rules[];
extern const size_t matrix_n_rules;
/* How many rules claim the cell; the first of them in *rule. */
unsigned rules_claim(const struct cell *, const struct matrix_rule **rule);

struct matrix_sum {
    unsigned long cells, failed, law_broken, unclaimed, claimed_twice;
    unsigned long by_verdict[VERDICT_IS_COUNT], by_stage[STAGE_COUNT];
    unsigned long by_rule[256];
};
/* One cell in a world of its own; false, and a report on standard error, when it is not as it must be. */
bool matrix_cell(const struct cell *, bool verbose, struct matrix_sum *);
/* Every `of`-th cell, beginning with number `part`. */
void matrix_all(unsigned part, unsigned of, struct matrix_sum *);

#endif
