/* SPDX-License-Identifier: Apache-2.0 */
/* The laws by name: how often each was judged, and which one a world broke. A new law is a row here, and a LAW() where the
 * thing happens. world_fail() without a law is a scenario's own expectation. */
#ifndef SIM_LAW_H
#define SIM_LAW_H

#include "base/base.h"

struct world;

/* name, word, what must hold */
#define LAWS_OF_THE_WORLD(X)                                                                                                     \
    X(SCENARIO, "scenario", "what the scenario expects")                                                                         \
    X(REPEAT, "repeat", "a message is repeated byte for byte (RFC 7296 2.1)")                                                    \
    X(INIT, "init", "IKE_SA_INIT changes only after an answer that asks for it (2.6, 2.7)")                                      \
    X(IDS, "ids", "message IDs of requests go up by one (2.2)")                                                                  \
    X(WINDOW, "window", "the next request only after the answer to the last (2.3)")                                              \
    X(ANSWERS, "answers", "no more answers than requests (2.1)")                                                                 \
    X(SPEECH, "speech", "what is sent is an IKE message, from an address and port of ours")                                      \
    X(STATES, "states", "the state of an SA only moves forward")                                                                 \
    X(STEPS, "steps", "steps in a second are bounded")                                                                           \
    X(SPIN, "spin", "a tick that does nothing moves the deadline")                                                               \
    X(ASKS, "asks", "asks are well-formed and in time")                                                                          \
    X(NONCE, "nonce", "a proof spends a nonce that the hand issued")                                                             \
    X(HAND, "hand", "SAs within the configuration, under a verdict")                                                             \
    X(KEYS, "keys", "keys have the length that their algorithm has")                                                             \
    X(CLEAR, "clear", "no packet of a configured selector leaves in clear")                                                      \
    X(ARRIVES, "arrives", "packets that must arrive do")                                                                         \
    X(LIMITS, "limits", "half-open IKE SAs, IKE SAs and Child SAs stay within the configured limits")                            \
    X(SOURCES, "sources", "half-open IKE SAs are counted under the network they came from, until they are none")                 \
    X(CROWD, "crowd", "a peer begins no more IKE SAs than ike_sas_per_peer")                                                     \
    X(SAME_KEYS, "same-keys", "both ends hold the same keys and mode under an SPI")                                              \
    X(MAKE_FIRST, "make-first", "an outbound SA has had its inbound at the peer before it (2.8)")                                \
    X(BREAK_LAST, "break-last", "a rekeyed inbound SA goes when the peer sends by it no more (2.8)")                             \
    X(CLOSED, "closed", "a protected selector is never without a policy, in any direction (RFC 4301 4.4.1)")                     \
    X(OTHERS_STAY, "others-stay", "SAs and policies of other programs are left alone")                                           \
    X(HEALS, "heals", "when faults stop, rest comes within two retransmission give-ups")                                         \
    X(REST, "rest", "at rest both ends and both kernels agree, and nothing is left over")                                        \
    X(STOPS, "stops", "an end that is told to stop says goodbye and stops")                                                      \
    X(EMPTY, "empty", "after the stop nothing is left")                                                                          \
    X(IV, "iv", "no two messages under one key have the same IV (RFC 5282 3.1)")                                                 \
    X(ONCE, "once", "a repeated IKE_SA_INIT makes no second IKE SA (2.1)")                                                       \
    X(PATIENCE, "patience", "what TEMPORARY_FAILURE put off is not asked again at once (2.25)")                                  \
    X(NO_ECHO, "no-echo", "both delete one SA: no answer names it (1.4.1)")                                                      \
    X(TIMERS, "timers", "at rest every timer, ticket and SPI belongs to somebody")                                               \
    X(MEMORY, "memory", "every byte is freed")

enum law {
#define LAW_NAME(name, word, what) LAW_##name,
    LAWS_OF_THE_WORLD(LAW_NAME)
#undef LAW_NAME
        LAW_COUNT
};
const char *law_word(enum law);
const char *law_what(enum law);

void law_judged(struct world *, enum law);
void law_broken(struct world *, enum law, const char *fmt, ...) PRINTF(3, 4);
/* Judges `ok`: counted, and the world is broken when it is false. */
#define LAW(w, law, ok, ...) (law_judged((w), (law)), (ok) || (law_broken((w), (law), __VA_ARGS__), false))

#endif
