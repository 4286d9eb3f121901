/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must come of a message: written from RFC 7296 (sections without another number), RFC 7383 and RFC 6023, and from nothing
 * that the gate does. The rules part the space of cells: none is claimed twice, none by nobody. From the outside inwards:
 *
 *     version -> repeats -> IKE_SA_INIT requests -> is there such an SA -> protection -> message ID -> response, request
 *
 * Where a section leaves a choice ("MAY", "SHOULD") a rule has several verdicts.
 */
#include "matrix.h"

#define S(name) (1ull << STAGE_##name)
#define K(name) (1ull << KIND_##name)
#define E(name) (1ull << SEAL_##name)
#define F(name) (1ull << FAULT_##name)
#define D(name) (1ull << VERDICT_IS_##name)
#define ALL(count) ((1ull << (count)) - 1)

/* Stages. */
#define NO_SA (S(NOTHING) | S(COOKIES) | S(GONE) | S(FORGOTTEN))
#define BORN (S(BORN_DH) | S(BORN_MAKE) | S(BORN_SENT) | S(BORN_DERIVE))
#define HAS_SA (ALL(STAGE_COUNT) & ~NO_SA)
#define HAS_KEYS (HAS_SA & ~BORN)
#define INFO_OUT (S(UP_LIVENESS) | S(UP_BOTH) | S(UP_DELETE_CHILD) | LEAVING)
#define LEAVING (S(LEAVING) | S(LEAVING_OLD))
#define CHILD_OUT (S(UP_CREATE) | S(UP_REKEY_CHILD))
#define OWN_OUT (S(KEYED_SENT) | INFO_OUT | CHILD_OUT | S(UP_REKEY_IKE))
#define THEIRS (S(UP_MAKE) | S(UP_THEIRS_CHILD) | S(UP_THEIRS_IKE) | S(UP_BOTH)) /* a request of the peer is being worked on */
#define EITHER (S(KEYED_CHECK) | S(UP_INSTALL))                                  /* where the gate is responder, also here */
#define BEFORE_UP (S(KEYED_MAKE) | S(KEYED_SENT))
#define CALM (S(UP) | S(UP_QUIET) | S(UP_LIVENESS) | S(HEIR))
#define FREE (CALM | CHILD_OUT | S(UP_REKEY_IKE) | S(UP_DELETE_CHILD) | S(UP_TAKING) | S(REPLACED) | LEAVING)

/* Kinds. */
#define NOT_INIT (ALL(KIND_COUNT) & ~K(INIT) & ~K(AGAIN))
#define NOT_AGAIN (ALL(KIND_COUNT) & ~K(AGAIN))
#define ERRORS (K(REFUSE) | K(TEMPORARY) | K(SYNTAX))
#define OF_INIT (K(INIT) | K(COOKIE) | K(OTHER_GROUP) | ERRORS)
#define OF_AUTH (K(AUTH) | K(AUTH_BAD) | ERRORS)
#define OF_CHILD (K(CHILD) | K(REKEY_CHILD) | K(REKEY_IKE) | ERRORS)
#define HARMLESS (K(EMPTY) | K(STATUS) | K(HINT))
#define OF_INFO (HARMLESS | K(DELETE_CHILD) | K(DELETE_IKE) | K(ERROR) | ERRORS)
#define NO_USE_UP                                                                                                                \
    (K(AUTH) | K(AUTH_BAD) | K(INTERMEDIATE) | K(RESUME) | K(UNKNOWN) | K(V1_MAIN) | K(V1_AGGRESSIVE) | K(V1_INFO) | K(V1_QUICK))

/* Seals, IDs and the rest. */
#define OPENS (E(GOOD) | E(FRAGS))
#define SHUT (E(BADICV) | E(WRONGKEY) | E(FRAGBAD) | E(FRAGPART))
#define CLEAR E(CLEAR)
#define NOW (1ull << ID_IS_NOW)
#define BEFORE_NOW (1ull << ID_IS_M1 | 1ull << ID_IS_ZERO) /* the last one: the heir of a rekey begins with 0 */
#define NOT_NOW (ALL(ID_IS_COUNT) & ~NOW)
#define RIGHT (1ull << FLAG_RIGHT)
#define WRONG (1ull << FLAG_WRONG)
#define OWN (1ull << SPI_OWN)
#define NEW (1ull << SPI_NEW)
#define NOT_OWN (ALL(SPI_COUNT) & ~OWN)
#define NOT_NEW (ALL(SPI_COUNT) & ~NEW)
#define V2 (1ull << VERSION_V2_0 | 1ull << VERSION_V2_7)
#define REQUEST (1ull << WAY_REQUEST)
#define RESPONSE (1ull << WAY_RESPONSE)
#define INITIATOR (1ull << ROLE_INITIATOR)
#define RESPONDER (1ull << ROLE_RESPONDER)

/* Faults. Nothing is lost by these: (2.5) unknown payloads are skipped, the critical flag of known ones and the order mean
 * nothing */
#define FINE (F(NONE) | F(UNKNOWN) | F(CRITICAL_KNOWN) | F(REVERSED))
#define NOTIFIES (F(DROP_NOTIFY) | F(DOUBLE_NOTIFY))
#define TWICE                                                                                                                    \
    (F(DOUBLE_SA) | F(DOUBLE_KE) | F(DOUBLE_ID) | F(DOUBLE_AUTH) | F(DOUBLE_NONCE) | F(DOUBLE_NOTIFY) | F(DOUBLE_DELETE) |       \
     F(DOUBLE_TSI) | F(DOUBLE_TSR))
#define CRITICAL F(CRITICAL)
#define NOT_CRITICAL (ALL(FAULT_COUNT) & ~CRITICAL)
#define NO_TS (F(DROP_TSI) | F(DROP_TSR))
#define NO_CHILD_PARTS (F(DROP_SA) | F(DROP_NONCE) | NO_TS)
#define NO_IKE_PARTS (F(DROP_SA) | F(DROP_NONCE) | F(DROP_KE))

#define INIT_NEW .kinds = K(INIT), .ways = REQUEST, .spis = NEW, .versions = V2
#define INIT_PROPER INIT_NEW, .flags = RIGHT, .ids = NOW, .seals = CLEAR
#define KNOWN .flags = RIGHT, .spis = OWN, .versions = V2
#define ANSWERS_OWN .ways = RESPONSE, .ids = NOW, .seals = OPENS, KNOWN
#define ASKS .ways = REQUEST, .ids = NOW, .seals = OPENS, KNOWN

const struct matrix_rule matrix_rules[] = {
    /* --- version */
    {"2.5", "there is no IKEv1 here", .versions = 1ull << VERSION_V1_0, .verdicts = D(IGNORED)},
    {"2.5, 1.5", "a higher major version is told what we have", .versions = 1ull << VERSION_V3_0, .ways = REQUEST,
     .verdicts = D(WRONG_VERSION)},
    {"1.5", "an answer is never answered", .versions = 1ull << VERSION_V3_0, .ways = RESPONSE, .verdicts = D(IGNORED)},

    /* --- repeats */
    {"2.1", "a repeated request gets the same answer", .kinds = K(AGAIN),
     .stages = ALL(STAGE_COUNT) & ~(NO_SA | BORN | THEIRS | EITHER), .versions = V2, .verdicts = D(SAME_ANSWER)},
    {"2.1", "no answer before there is one", .kinds = K(AGAIN), .stages = NO_SA | BORN | THEIRS | EITHER, .versions = V2,
     .verdicts = D(IGNORED)},

    /* --- IKE_SA_INIT requests */
    {"1.2", "IKE_SA_INIT is answered", INIT_PROPER, .stages = ~S(COOKIES), .faults = FINE | NOTIFIES, .verdicts = D(KEYED)},
    {"1.2", "SA, KE and Nonce are there once", INIT_PROPER, .stages = ~S(COOKIES), .faults = TWICE & ~NOTIFIES,
     .verdicts = D(KEYED) | D(IGNORED)},
    {"1.2, 2.21.1", "SA, KE and Nonce must be there; INVALID_SYNTAX is not said to strangers (3.10.1)", INIT_PROPER,
     .stages = ~S(COOKIES), .faults = NO_IKE_PARTS, .verdicts = D(IGNORED)},
    {"2.5", "a critical payload that nobody knows", INIT_PROPER, .stages = ~S(COOKIES), .faults = CRITICAL,
     .verdicts = D(CLEAR_CRITICAL)},
    {"2.6", "no state for who has not shown that it hears us", INIT_PROPER, .stages = S(COOKIES),
     .faults = FINE | NOTIFIES | TWICE, .verdicts = D(ASKED_COOKIE)},
    {"2.6", "a cookie covers the nonce", INIT_PROPER, .stages = S(COOKIES), .faults = F(DROP_NONCE), .verdicts = D(IGNORED)},
    {"2.6", "what else is missing", INIT_PROPER, .stages = S(COOKIES), .faults = F(DROP_SA) | F(DROP_KE),
     .verdicts = D(ASKED_COOKIE) | D(IGNORED)},
    {"2.5, 2.6", "a critical payload that nobody knows, and no cookie", INIT_PROPER, .stages = S(COOKIES), .faults = CRITICAL,
     .verdicts = D(ASKED_COOKIE) | D(CLEAR_CRITICAL)},
    {"3.1", "IKE_SA_INIT comes from an initiator", INIT_NEW, .flags = WRONG, .verdicts = D(IGNORED) | D(HINTED)},
    {"2.2", "IKE_SA_INIT has message ID 0", INIT_NEW, .flags = RIGHT, .ids = NOT_NOW, .verdicts = D(IGNORED) | D(HINTED)},
    {"1.2", "IKE_SA_INIT goes in clear", INIT_NEW, .flags = RIGHT, .ids = NOW, .seals = ~CLEAR,
     .verdicts = D(IGNORED) | D(HINTED)},
    {"3.1, 2.6", "the responder's SPI of a first request is zero", .kinds = K(INIT), .ways = REQUEST, .spis = NOT_NEW,
     .versions = V2, .verdicts = D(IGNORED) | D(HINTED)},

    /* --- is there such an SA */
    {"2.21.4", "a request of an unknown SA", .kinds = NOT_INIT, .ways = REQUEST, .stages = NO_SA, .versions = V2,
     .verdicts = D(HINTED) | D(IGNORED)},
    {"2.21.4", "an answer of an unknown SA", .kinds = NOT_AGAIN, .ways = RESPONSE, .stages = NO_SA, .versions = V2,
     .verdicts = D(IGNORED)},
    {"3.1", "the Initiator flag says whose SPI is whose: a request", .kinds = NOT_INIT, .ways = REQUEST, .stages = HAS_SA,
     .flags = WRONG, .versions = V2, .verdicts = D(HINTED) | D(IGNORED)},
    {"3.1", "the Initiator flag says whose SPI is whose: an answer", .kinds = NOT_AGAIN, .ways = RESPONSE, .stages = HAS_SA,
     .flags = WRONG, .versions = V2, .verdicts = D(IGNORED)},
    {"2.21.4, 3.1", "a request with other SPIs", .kinds = NOT_INIT, .ways = REQUEST, .stages = HAS_SA, .flags = RIGHT,
     .spis = NOT_OWN, .versions = V2, .verdicts = D(HINTED) | D(IGNORED)},
    {"2.21.4, 3.1", "an answer with other SPIs", .kinds = NOT_AGAIN, .ways = RESPONSE, .stages = HAS_SA, .flags = RIGHT,
     .spis = NOT_OWN, .versions = V2, .verdicts = D(IGNORED)},

    /* --- before there are keys */
    {"1.2", "no request before there are keys", .kinds = NOT_INIT, .ways = REQUEST, .stages = BORN, KNOWN,
     .verdicts = D(IGNORED)},
    {"2.1", "no answer to what was not asked", .kinds = NOT_AGAIN, .ways = RESPONSE, .stages = BORN & ~S(BORN_SENT), KNOWN,
     .verdicts = D(IGNORED)},
    {"2.1", "an answer of another exchange", .kinds = NOT_AGAIN & ~OF_INIT, .ways = RESPONSE, .stages = S(BORN_SENT), KNOWN,
     .verdicts = D(IGNORED)},
    {"2.2", "an answer with another message ID", .kinds = OF_INIT, .ways = RESPONSE, .stages = S(BORN_SENT), .ids = NOT_NOW,
     KNOWN, .verdicts = D(IGNORED)},
    {"1.2", "IKE_SA_INIT goes in clear", .kinds = OF_INIT, .ways = RESPONSE, .stages = S(BORN_SENT), .ids = NOW, .seals = ~CLEAR,
     KNOWN, .verdicts = D(IGNORED)},
#define INIT_ANSWER .ways = RESPONSE, .stages = S(BORN_SENT), .ids = NOW, .seals = CLEAR, KNOWN
    {"1.2", "the answer, and IKE_AUTH follows", INIT_ANSWER, .kinds = K(INIT), .faults = FINE | NOTIFIES,
     .verdicts = D(AUTH_SENT)},
    {"1.2", "SA, KE and Nonce are there once", INIT_ANSWER, .kinds = K(INIT), .faults = TWICE & ~NOTIFIES,
     .verdicts = D(AUTH_SENT) | D(IGNORED)},
    {"1.2, 2.21.1", "SA, KE and Nonce must be there; another answer is waited for", INIT_ANSWER, .kinds = K(INIT),
     .faults = NO_IKE_PARTS, .verdicts = D(IGNORED)},
    {"2.6", "begin anew with the cookie in front", INIT_ANSWER, .kinds = K(COOKIE), .faults = FINE | F(DOUBLE_NOTIFY),
     .verdicts = D(BEGUN_AGAIN)},
    {"1.2, 2.7", "begin anew with the group that the peer named, which was offered", INIT_ANSWER, .kinds = K(OTHER_GROUP),
     .faults = FINE | F(DOUBLE_NOTIFY), .verdicts = D(BEGUN_AGAIN)},
    {"2.21.1", "an unprotected error may be forged: another answer is waited for", INIT_ANSWER, .kinds = ERRORS,
     .faults = NOT_CRITICAL, .verdicts = D(IGNORED)},
    {"2.21.1", "an answer that says nothing", INIT_ANSWER, .kinds = K(COOKIE) | K(OTHER_GROUP), .faults = F(DROP_NOTIFY),
     .verdicts = D(IGNORED)},
    {"2.5, 2.21.1", "rejected, and another answer is waited for", INIT_ANSWER, .kinds = OF_INIT, .faults = CRITICAL,
     .verdicts = D(IGNORED)},

/* --- unprotected, or not to be opened, where there are keys */
#define NOT_INIT_ASKED .stages = HAS_KEYS, KNOWN
    {"2.21.4, 1.2", "an unprotected request means nothing", .ways = REQUEST, .kinds = NOT_INIT & ~K(HINT), .seals = CLEAR,
     NOT_INIT_ASKED, .verdicts = D(IGNORED)},
    {"2.21.4, 1.2", "an unprotected answer means nothing", .ways = RESPONSE, .kinds = NOT_AGAIN & ~K(HINT), .seals = CLEAR,
     NOT_INIT_ASKED, .verdicts = D(IGNORED)},
    {"2.21.4", "INVALID_IKE_SPI changes no state", .kinds = K(HINT), .seals = CLEAR, .stages = HAS_KEYS & ~S(UP_QUIET), KNOWN,
     .verdicts = D(IGNORED)},
    {"2.21.4", "but where nothing was heard for a while it is a reason to look", .kinds = K(HINT), .ways = RESPONSE,
     .seals = CLEAR, .stages = S(UP_QUIET), .faults = NOT_CRITICAL & ~F(DROP_NOTIFY), KNOWN, .verdicts = D(PROBED)},
    {"2.21.4, 1.5", "it comes in answers", .kinds = K(HINT), .ways = REQUEST, .seals = CLEAR, .stages = S(UP_QUIET),
     .faults = NOT_CRITICAL & ~F(DROP_NOTIFY), KNOWN, .verdicts = D(PROBED) | D(IGNORED)},
    {"2.5, 2.21.4", "nor does what cannot be read", .kinds = K(HINT), .seals = CLEAR, .stages = S(UP_QUIET),
     .faults = CRITICAL | F(DROP_NOTIFY), KNOWN, .verdicts = D(IGNORED)},
    {"3.14, RFC 7383 2.6", "what does not open, or is not complete, never came: requests", .ways = REQUEST, .kinds = NOT_INIT,
     .seals = SHUT & ~E(FRAGPART), NOT_INIT_ASKED, .verdicts = D(IGNORED)},
    {"3.14, RFC 7383 2.6", "what is not complete never came: requests", .ways = REQUEST, .kinds = NOT_INIT, .seals = E(FRAGPART),
     .ids = ~BEFORE_NOW, NOT_INIT_ASKED, .verdicts = D(IGNORED)},
    {"RFC 7383 2.5.2, 2.6.1", "the first fragment of what was answered already may mean that it was cut anew", .ways = REQUEST,
     .kinds = NOT_INIT, .seals = E(FRAGPART), .ids = BEFORE_NOW, NOT_INIT_ASKED, .verdicts = D(IGNORED) | D(SAME_ANSWER)},
    {"3.14, RFC 7383 2.6", "what does not open, or is not complete, never came: answers", .ways = RESPONSE, .kinds = NOT_AGAIN,
     .seals = SHUT, NOT_INIT_ASKED, .verdicts = D(IGNORED)},

    /* --- the window */
    {"2.3, 2.2", "a request out of the window", .ways = REQUEST, .kinds = NOT_INIT, .seals = E(GOOD), .ids = NOT_NOW,
     NOT_INIT_ASKED, .verdicts = D(IGNORED)},
    {"2.3, 2.2", "a request in fragments out of the window", .ways = REQUEST, .kinds = NOT_INIT, .seals = E(FRAGS),
     .ids = NOT_NOW & ~BEFORE_NOW, NOT_INIT_ASKED, .verdicts = D(IGNORED)},
    {"RFC 7383 2.5.2, 2.6.1", "the last request again may have been cut anew", .ways = REQUEST, .kinds = NOT_INIT,
     .seals = E(FRAGS), .ids = BEFORE_NOW, NOT_INIT_ASKED, .verdicts = D(IGNORED) | D(SAME_ANSWER)},
    {"2.1", "an answer to nothing", .ways = RESPONSE, .kinds = NOT_AGAIN, .seals = OPENS, .stages = HAS_KEYS & ~OWN_OUT, KNOWN,
     .verdicts = D(IGNORED)},
    {"2.2", "an answer with another message ID", .ways = RESPONSE, .kinds = NOT_AGAIN, .seals = OPENS, .ids = NOT_NOW,
     .stages = OWN_OUT, KNOWN, .verdicts = D(IGNORED)},
    {"2.1, 3.1", "an answer of another exchange than IKE_AUTH", ANSWERS_OWN, .stages = S(KEYED_SENT),
     .kinds = NOT_AGAIN & ~OF_AUTH, .verdicts = D(IGNORED)},
    {"2.1, 3.1", "an answer of another exchange than CREATE_CHILD_SA", ANSWERS_OWN, .stages = CHILD_OUT | S(UP_REKEY_IKE),
     .kinds = NOT_AGAIN & ~OF_CHILD, .verdicts = D(IGNORED)},
    {"2.1, 3.1", "an answer of another exchange than INFORMATIONAL", ANSWERS_OWN, .stages = INFO_OUT,
     .kinds = NOT_AGAIN & ~OF_INFO, .verdicts = D(IGNORED)},

/* --- answers to IKE_AUTH */
#define AUTH_ANSWER ANSWERS_OWN, .stages = S(KEYED_SENT)
    {"1.2", "the peer has proved who it is", AUTH_ANSWER, .kinds = K(AUTH), .faults = FINE, .verdicts = D(DONE)},
    {"1.2", "payloads are there once", AUTH_ANSWER, .kinds = K(AUTH), .faults = TWICE,
     .verdicts = D(DONE) | D(UP_ALONE) | D(DIED)},
    {"1.2, 2.15", "without IDr or AUTH nothing is proved", AUTH_ANSWER, .kinds = K(AUTH), .faults = F(DROP_ID) | F(DROP_AUTH),
     .verdicts = D(DIED)},
    {"2.21.2", "the Child SA may fail, the IKE SA stands", AUTH_ANSWER, .kinds = K(AUTH), .faults = F(DROP_SA) | NO_TS,
     .verdicts = D(UP_ALONE)},
    {"2.5, 2.21", "rejected; the SA goes", AUTH_ANSWER, .kinds = K(AUTH), .faults = CRITICAL, .verdicts = D(DIED)},
    {"2.15, 2.21.2", "a wrong proof proves nothing, whatever else is wrong", AUTH_ANSWER, .kinds = K(AUTH_BAD),
     .verdicts = D(DIED)},
    {"2.21.2", "the peer does not want us", AUTH_ANSWER, .kinds = ERRORS, .verdicts = D(DIED)},

/* --- answers to CREATE_CHILD_SA */
#define CHILD_ANSWER ANSWERS_OWN, .stages = CHILD_OUT
    {"1.3.1, 1.3.3", "the Child SA is made", CHILD_ANSWER, .kinds = K(CHILD) | K(REKEY_CHILD), .faults = FINE | NOTIFIES,
     .verdicts = D(DONE)},
    {"1.3.1", "payloads are there once", CHILD_ANSWER, .kinds = K(CHILD) | K(REKEY_CHILD), .faults = TWICE & ~NOTIFIES,
     .verdicts = D(DONE) | D(FAILED) | D(DIED)},
    {"1.3.1, 2.21", "without SA, Nonce, TSi or TSr there is no Child SA", CHILD_ANSWER, .kinds = K(CHILD) | K(REKEY_CHILD),
     .faults = NO_CHILD_PARTS, .verdicts = D(FAILED) | D(DIED)},
    {"1.3.1, 2.21", "an IKE SA is no answer to a Child SA", CHILD_ANSWER, .kinds = K(REKEY_IKE), .faults = NOT_CRITICAL,
     .verdicts = D(FAILED) | D(DIED)},
#define IKE_ANSWER ANSWERS_OWN, .stages = S(UP_REKEY_IKE)
    {"1.3.2", "the IKE SA is rekeyed", IKE_ANSWER, .kinds = K(REKEY_IKE), .faults = FINE, .verdicts = D(DONE)},
    {"1.3.2", "payloads are there once", IKE_ANSWER, .kinds = K(REKEY_IKE), .faults = TWICE,
     .verdicts = D(DONE) | D(FAILED) | D(DIED)},
    {"1.3.2, 2.21", "without SA, KE or Nonce it is not", IKE_ANSWER, .kinds = K(REKEY_IKE), .faults = NO_IKE_PARTS,
     .verdicts = D(FAILED) | D(DIED)},
    {"1.3.2, 2.21", "a Child SA is no answer to an IKE SA", IKE_ANSWER, .kinds = K(CHILD) | K(REKEY_CHILD),
     .faults = NOT_CRITICAL, .verdicts = D(FAILED) | D(DIED)},
    {"1.3, 2.25", "refused, for good or for now: the IKE SA stays", ANSWERS_OWN, .stages = CHILD_OUT | S(UP_REKEY_IKE),
     .kinds = K(REFUSE) | K(TEMPORARY), .faults = NOT_CRITICAL & ~F(DROP_NOTIFY), .verdicts = D(FAILED)},
    {"1.3, 2.21", "an answer that says nothing", ANSWERS_OWN, .stages = CHILD_OUT | S(UP_REKEY_IKE), .kinds = ERRORS,
     .faults = F(DROP_NOTIFY), .verdicts = D(FAILED) | D(DIED)},
    {"2.21.3", "INVALID_SYNTAX is fatal at both ends", ANSWERS_OWN, .stages = CHILD_OUT | S(UP_REKEY_IKE), .kinds = K(SYNTAX),
     .faults = NOT_CRITICAL & ~F(DROP_NOTIFY), .verdicts = D(DIED)},
    {"2.5, 2.21", "rejected", ANSWERS_OWN, .stages = CHILD_OUT | S(UP_REKEY_IKE), .kinds = OF_CHILD, .faults = CRITICAL,
     .verdicts = D(FAILED) | D(DIED)},

/* --- answers to INFORMATIONAL */
#define ALIVE_ANSWER ANSWERS_OWN, .stages = S(UP_LIVENESS) | S(UP_BOTH)
#define TOLD (HARMLESS | K(DELETE_CHILD) | K(REFUSE) | K(TEMPORARY))
    {"1.4, 2.4", "the peer lives, whatever it says", ALIVE_ANSWER, .kinds = TOLD, .faults = NOT_CRITICAL, .verdicts = D(TAKEN)},
    {"1.4.1, 2.21.2", "no answer closes an SA that nobody asked to close, but who knows", ALIVE_ANSWER,
     .kinds = K(DELETE_IKE) | K(ERROR), .faults = NOT_CRITICAL, .verdicts = D(TAKEN) | D(DIED)},
#define CLOSING_ANSWER ANSWERS_OWN, .stages = S(UP_DELETE_CHILD)
    {"1.4.1", "the Child SA is closed, whatever the answer holds", CLOSING_ANSWER, .kinds = TOLD, .faults = NOT_CRITICAL,
     .verdicts = D(DONE)},
    {"1.4.1, 2.21.2", "or more is", CLOSING_ANSWER, .kinds = K(DELETE_IKE) | K(ERROR), .faults = NOT_CRITICAL,
     .verdicts = D(DONE) | D(DIED)},
    {"2.21.3", "INVALID_SYNTAX is fatal at both ends", ANSWERS_OWN, .stages = INFO_OUT & ~LEAVING, .kinds = K(SYNTAX),
     .faults = NOT_CRITICAL & ~F(DROP_NOTIFY), .verdicts = D(DIED)},
    {"1.4", "an empty answer, after all: the peer lives", ALIVE_ANSWER, .kinds = K(SYNTAX), .faults = F(DROP_NOTIFY),
     .verdicts = D(TAKEN)},
    {"1.4.1", "an empty answer, after all: the Child SA is closed", CLOSING_ANSWER, .kinds = K(SYNTAX), .faults = F(DROP_NOTIFY),
     .verdicts = D(DONE)},
    {"2.5, 2.21", "rejected; the peer lives, or the SA goes", ALIVE_ANSWER, .kinds = OF_INFO, .faults = CRITICAL,
     .verdicts = D(TAKEN) | D(DIED)},
    {"2.5, 2.21", "rejected; the Child SA is closed, or the IKE SA goes", CLOSING_ANSWER, .kinds = OF_INFO, .faults = CRITICAL,
     .verdicts = D(DONE) | D(DIED)},
    {"1.4.1", "the IKE SA is closed, whatever the answer holds", ANSWERS_OWN, .stages = LEAVING, .kinds = OF_INFO,
     .faults = NOT_CRITICAL, .verdicts = D(DONE)},
    {"1.4.1, 2.21", "and even if it cannot be read", ANSWERS_OWN, .stages = LEAVING, .kinds = OF_INFO, .faults = CRITICAL,
     .verdicts = D(DONE) | D(DIED)},

    /* --- requests, before the SA is up */
    {"2.3", "the window is 1: a request of the peer is being worked on", ASKS, .kinds = NOT_INIT, .stages = THEIRS,
     .verdicts = D(IGNORED)},
    {"2.3", "the window is 1: IKE_AUTH is being worked on", ASKS, .kinds = NOT_INIT, .stages = EITHER, .roles = RESPONDER,
     .verdicts = D(IGNORED)},
    {"1.3, 1.4, 2.15", "who has not proved who it is cannot ask", ASKS, .kinds = NOT_INIT, .stages = BEFORE_UP,
     .verdicts = D(IGNORED)},
    {"1.3, 1.4, 2.15", "nor while the proof is being checked", ASKS, .kinds = NOT_INIT, .stages = S(KEYED_CHECK),
     .roles = INITIATOR, .verdicts = D(IGNORED)},
    {"1.3, 1.4, 2.15", "nothing but IKE_AUTH follows IKE_SA_INIT", ASKS, .kinds = NOT_INIT & ~K(AUTH) & ~K(AUTH_BAD),
     .stages = S(KEYED), .verdicts = D(IGNORED)},
#define AUTH_ASKED ASKS, .stages = S(KEYED)
    {"1.2", "the peer has proved who it is", AUTH_ASKED, .kinds = K(AUTH), .faults = FINE, .verdicts = D(UP)},
    {"1.2", "payloads are there once", AUTH_ASKED, .kinds = K(AUTH), .faults = TWICE, .verdicts = D(UP) | D(MALFORMED)},
    {"1.2, 2.21.2", "who says not who it is", AUTH_ASKED, .kinds = K(AUTH) | K(AUTH_BAD), .faults = F(DROP_ID),
     .verdicts = D(MALFORMED)},
    {"2.16, 2.21.2", "no AUTH means EAP, which is not there", AUTH_ASKED, .kinds = K(AUTH) | K(AUTH_BAD), .faults = F(DROP_AUTH),
     .verdicts = D(DENIED)},
    {"1.2, RFC 6023 3", "without SA no Child SA is wanted, or something is forgotten", AUTH_ASKED, .kinds = K(AUTH),
     .faults = F(DROP_SA), .verdicts = D(UP_ALONE) | D(MALFORMED)},
    {"1.2, 2.21.2", "half a Child SA: rejected as a whole, the proof is not looked at", AUTH_ASKED,
     .kinds = K(AUTH) | K(AUTH_BAD), .faults = NO_TS, .verdicts = D(MALFORMED)},
    {"2.5, 2.21.2", "rejected as a whole, the proof is not looked at", AUTH_ASKED, .kinds = K(AUTH) | K(AUTH_BAD),
     .faults = CRITICAL, .verdicts = D(UNSUPPORTED_GONE)},
    {"2.15, 2.21.2", "a wrong proof", AUTH_ASKED, .kinds = K(AUTH_BAD), .faults = FINE, .verdicts = D(DENIED)},
    {"2.15, 2.21.2", "a wrong proof, and something else is wrong", AUTH_ASKED, .kinds = K(AUTH_BAD), .faults = TWICE | F(DROP_SA),
     .verdicts = D(DENIED) | D(MALFORMED)},

/* --- requests, when it is up */
#define UP_ASKED ASKS, .stages = FREE
#define FIRST_ASKED ASKS, .stages = S(UP_INSTALL), .roles = INITIATOR /* the first Child SA is being installed */
    {"2.5", "a critical payload that nobody knows: rejected, the SA stays", UP_ASKED, .kinds = NOT_INIT, .faults = CRITICAL,
     .verdicts = D(UNSUPPORTED)},
    {"2.5", "a critical payload that nobody knows: rejected, the SA stays", FIRST_ASKED, .kinds = NOT_INIT, .faults = CRITICAL,
     .verdicts = D(UNSUPPORTED)},
    {"2.21.3, 3.1", "exchanges that have no place here are answered with an error", UP_ASKED, .kinds = NO_USE_UP,
     .faults = NOT_CRITICAL, .verdicts = D(REFUSED)},
    {"2.21.3, 3.1", "exchanges that have no place here are answered with an error", FIRST_ASKED, .kinds = NO_USE_UP,
     .faults = NOT_CRITICAL, .verdicts = D(REFUSED)},
    {"1.4, 2.4, 3.10.1", "are you there? unknown notifies mean nothing more", UP_ASKED, .kinds = HARMLESS, .faults = NOT_CRITICAL,
     .verdicts = D(EMPTY)},
    {"1.4, 2.4, 3.10.1", "are you there? unknown notifies mean nothing more", FIRST_ASKED, .kinds = HARMLESS,
     .faults = NOT_CRITICAL, .verdicts = D(EMPTY)},
    {"2.21.2", "AUTHENTICATION_FAILED after IKE_AUTH ends the SA; later it may", UP_ASKED, .kinds = K(ERROR),
     .faults = NOT_CRITICAL & ~F(DROP_NOTIFY), .verdicts = D(CLOSED) | D(EMPTY)},
    {"2.21.2", "AUTHENTICATION_FAILED right after IKE_AUTH ends the SA", FIRST_ASKED, .kinds = K(ERROR),
     .faults = NOT_CRITICAL & ~F(DROP_NOTIFY), .verdicts = D(CLOSED)},
    {"1.4", "nothing is left in it: are you there?", UP_ASKED, .kinds = K(ERROR), .faults = F(DROP_NOTIFY), .verdicts = D(EMPTY)},
    {"1.4", "nothing is left in it: are you there?", UP_ASKED, .kinds = K(DELETE_IKE) | K(DELETE_CHILD), .faults = F(DROP_DELETE),
     .verdicts = D(EMPTY)},
    {"1.4", "nothing is left in it: are you there?", FIRST_ASKED, .kinds = K(ERROR), .faults = F(DROP_NOTIFY),
     .verdicts = D(EMPTY)},
    {"1.4", "nothing is left in it: are you there?", FIRST_ASKED, .kinds = K(DELETE_IKE) | K(DELETE_CHILD),
     .faults = F(DROP_DELETE), .verdicts = D(EMPTY)},
    {"1.4.1, 2.25.2", "the peer closes the IKE SA, whatever we are doing", UP_ASKED, .kinds = K(DELETE_IKE),
     .faults = NOT_CRITICAL & ~F(DROP_DELETE), .verdicts = D(CLOSED)},
    {"1.4.1, 2.25.2", "the peer closes the IKE SA, whatever we are doing", FIRST_ASKED, .kinds = K(DELETE_IKE),
     .faults = NOT_CRITICAL & ~F(DROP_DELETE), .verdicts = D(CLOSED)},

/* --- Delete for the Child SA */
#define DELETES .kinds = K(DELETE_CHILD), .faults = NOT_CRITICAL & ~F(DROP_DELETE)
    {"1.4.1, 2.25.1, 2.25.2", "the other half is closed and named", ASKS, DELETES,
     .stages = CALM | CHILD_OUT | S(UP_TAKING) | S(UP_REKEY_IKE), .verdicts = D(CHILD_CLOSED)},
    {"1.4.1", "the other half is closed and named, also while it is installed", FIRST_ASKED, DELETES,
     .verdicts = D(CHILD_CLOSED)},
    {"1.4.1, 2.25.1", "both ends close it: no Delete in the answer", ASKS, DELETES, .stages = S(UP_DELETE_CHILD),
     .verdicts = D(EMPTY)},
    {"1.4.1, 2.25.1", "the IKE SA is being closed, and it with it", ASKS, DELETES, .stages = S(LEAVING),
     .verdicts = D(CHILD_CLOSED) | D(EMPTY)},
    {"2.25.1, 2.8", "it is with the heir: there is none here", ASKS, DELETES, .stages = S(REPLACED) | S(LEAVING_OLD),
     .verdicts = D(EMPTY)},

/* --- a new Child SA. REKEY_CHILD without its notify is that too */
#define MAKES .kinds = K(CHILD), .faults = FINE
#define MAKES_TOO .kinds = K(REKEY_CHILD), .faults = F(DROP_NOTIFY)
#define CAN_MAKE (CALM | CHILD_OUT | S(UP_DELETE_CHILD) | S(UP_TAKING))
#define CANNOT_MAKE (S(UP_REKEY_IKE) | S(REPLACED) | LEAVING)
    {"1.3.1", "a Child SA more", ASKS, MAKES, .stages = CAN_MAKE, .verdicts = D(CHILD_MADE)},
    {"1.3.1", "a Child SA more", ASKS, MAKES_TOO, .stages = CAN_MAKE, .verdicts = D(CHILD_MADE)},
    {"1.3.1", "a Child SA more, or later", FIRST_ASKED, MAKES, .verdicts = D(CHILD_MADE) | D(TEMPORARY)},
    {"1.3.1", "a Child SA more, or later", FIRST_ASKED, MAKES_TOO, .verdicts = D(CHILD_MADE) | D(TEMPORARY)},
    {"2.25.2", "not while the IKE SA is rekeyed or closed", ASKS, MAKES, .stages = CANNOT_MAKE, .verdicts = D(TEMPORARY)},
    {"2.25.2", "not while the IKE SA is rekeyed or closed", ASKS, MAKES_TOO, .stages = CANNOT_MAKE, .verdicts = D(TEMPORARY)},
    {"1.3.1", "payloads are there once", ASKS, .kinds = K(CHILD), .faults = TWICE, .stages = FREE,
     .verdicts = D(CHILD_MADE) | D(TEMPORARY) | D(MALFORMED)},
    {"1.3.1", "payloads are there once", FIRST_ASKED, .kinds = K(CHILD), .faults = TWICE,
     .verdicts = D(CHILD_MADE) | D(TEMPORARY) | D(MALFORMED)},
    {"1.3.1, 2.21.3", "SA, Nonce, TSi and TSr must be there", ASKS, .kinds = K(CHILD) | K(REKEY_CHILD), .faults = NO_CHILD_PARTS,
     .stages = CAN_MAKE & ~S(UP_DELETE_CHILD), .verdicts = D(MALFORMED)},
    {"1.3.1, 2.21.3", "SA, Nonce, TSi and TSr must be there, or it is not the time", ASKS, .kinds = K(CHILD) | K(REKEY_CHILD),
     .faults = NO_CHILD_PARTS, .stages = CANNOT_MAKE | S(UP_DELETE_CHILD),
     .verdicts = D(MALFORMED) | D(TEMPORARY) | D(NOT_FOUND)},
    {"1.3.1, 2.21.3", "SA, Nonce, TSi and TSr must be there, or it is not the time", FIRST_ASKED,
     .kinds = K(CHILD) | K(REKEY_CHILD), .faults = NO_CHILD_PARTS, .verdicts = D(MALFORMED) | D(TEMPORARY) | D(NOT_FOUND)},

/* --- rekey of the Child SA */
#define REKEYS .kinds = K(REKEY_CHILD), .faults = FINE | F(DOUBLE_NOTIFY)
    {"1.3.3, 2.25.1", "a Child SA more, also if we rekey it too", ASKS, REKEYS, .stages = CALM | CHILD_OUT | S(UP_TAKING),
     .verdicts = D(CHILD_MADE)},
    {"2.25.1", "it is being closed", ASKS, REKEYS, .stages = S(UP_DELETE_CHILD) | S(LEAVING), .verdicts = D(TEMPORARY)},
    {"2.25.2", "the IKE SA is being rekeyed", ASKS, REKEYS, .stages = S(UP_REKEY_IKE), .verdicts = D(TEMPORARY)},
    {"2.25.1, 2.25.2", "it is with the heir: there is none here", ASKS, REKEYS, .stages = S(REPLACED) | S(LEAVING_OLD),
     .verdicts = D(TEMPORARY) | D(NOT_FOUND)},
    {"2.25", "it is being installed", FIRST_ASKED, REKEYS, .verdicts = D(TEMPORARY) | D(NOT_FOUND)},
    {"1.3.3", "payloads are there once", ASKS, .kinds = K(REKEY_CHILD), .faults = TWICE & ~F(DOUBLE_NOTIFY), .stages = FREE,
     .verdicts = D(CHILD_MADE) | D(TEMPORARY) | D(NOT_FOUND) | D(MALFORMED)},
    {"1.3.3", "payloads are there once", FIRST_ASKED, .kinds = K(REKEY_CHILD), .faults = TWICE & ~F(DOUBLE_NOTIFY),
     .verdicts = D(TEMPORARY) | D(NOT_FOUND) | D(MALFORMED)},

/* --- rekey of the IKE SA */
#define IKE_BUSY (CHILD_OUT | S(UP_TAKING) | S(UP_DELETE_CHILD))
    {"1.3.2, 2.25.2", "an IKE SA more, also if we rekey it too", ASKS, .kinds = K(REKEY_IKE), .faults = FINE,
     .stages = CALM | S(UP_REKEY_IKE), .verdicts = D(IKE_REKEYED)},
    {"2.25.1", "not while a Child SA is made, rekeyed or closed", ASKS, .kinds = K(REKEY_IKE), .faults = FINE, .stages = IKE_BUSY,
     .verdicts = D(TEMPORARY)},
    {"2.25.1", "not while a Child SA is made", FIRST_ASKED, .kinds = K(REKEY_IKE), .faults = FINE, .verdicts = D(TEMPORARY)},
    {"2.25.2", "not while it is being closed, or was rekeyed", ASKS, .kinds = K(REKEY_IKE), .faults = FINE,
     .stages = S(REPLACED) | LEAVING, .verdicts = D(TEMPORARY)},
    {"1.3.2", "payloads are there once", ASKS, .kinds = K(REKEY_IKE), .faults = TWICE, .stages = FREE,
     .verdicts = D(IKE_REKEYED) | D(TEMPORARY) | D(MALFORMED)},
    {"1.3.2", "payloads are there once", FIRST_ASKED, .kinds = K(REKEY_IKE), .faults = TWICE,
     .verdicts = D(TEMPORARY) | D(MALFORMED)},
    {"1.3.2, 2.21.3", "SA, KE and Nonce must be there", ASKS, .kinds = K(REKEY_IKE), .faults = NO_IKE_PARTS,
     .stages = CALM | S(UP_REKEY_IKE), .verdicts = D(MALFORMED)},
    {"1.3.2, 2.21.3", "SA, KE and Nonce must be there, or it is not the time", ASKS, .kinds = K(REKEY_IKE),
     .faults = NO_IKE_PARTS, .stages = IKE_BUSY | S(REPLACED) | LEAVING, .verdicts = D(MALFORMED) | D(TEMPORARY)},
    {"1.3.2, 2.21.3", "SA, KE and Nonce must be there, or it is not the time", FIRST_ASKED, .kinds = K(REKEY_IKE),
     .faults = NO_IKE_PARTS, .verdicts = D(MALFORMED) | D(TEMPORARY)},
};
const size_t matrix_n_rules = COUNT_OF(matrix_rules);

static bool in(uint64_t set, unsigned value)
{
    return !set || set & 1ull << value;
}

static bool claims(const struct matrix_rule *r, const struct cell *c)
{
    return in(r->stages, c->stage) && in(r->roles, c->role) && in(r->kinds, c->kind) && in(r->ways, c->way) &&
           in(r->seals, c->seal) && in(r->ids, c->id) && in(r->flags, c->flag) && in(r->spis, c->spi) &&
           in(r->versions, c->version) && in(r->faults, c->fault);
}

unsigned rules_claim(const struct cell *c, const struct matrix_rule **rule)
{
    unsigned n = 0;

    *rule = NULL;
    for (size_t i = 0; i < matrix_n_rules; i++) {
        if (!claims(&matrix_rules[i], c))
            continue;
        if (!n++)
            *rule = &matrix_rules[i];
    }
    return n;
}
