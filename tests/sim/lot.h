/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lots: chance that can be taken back. A lot belongs to one thing that happens (this datagram, that ask, the fifth round of a
 * storm), and its dice depend on the world's seed and on that thing alone, not on what was thrown before. So a fault can be
 * left out of a run while the others stay where they were: that is how charon-sim shortens a failing run.
 *
 *     struct lot lot = lot_draw(w, LOT_DATAGRAM, who, what);      the how-manieth with this name: counted here
 *     if (lot_strikes(w, &lot, FAULT_LOSS, way->loss))            counted, noted, and not if it was spared
 */
#ifndef SIM_LOT_H
#define SIM_LOT_H

#include "base/map.h"
#include "dice.h"

struct world;

/* name, word: one kind of fault each. A new kind of fault is one row here. */
#define FAULTS_OF_THE_WORLD(X)                                                                                                   \
    X(LOSS, "loss")                                                                                                              \
    X(DUP, "duplicate")                                                                                                          \
    X(REORDER, "reorder")                                                                                                        \
    X(CORRUPT, "corrupt")                                                                                                        \
    X(REPLAY, "replay")                                                                                                          \
    X(CUT, "partition")                                                                                                          \
    X(FAILED, "ask failed")                                                                                                      \
    X(LATE, "answer late")                                                                                                       \
    X(NEVER, "answer never")                                                                                                     \
    X(TWICE, "answer twice")                                                                                                     \
    X(EXISTS, "SPI in use")                                                                                                      \
    X(ORDER, "order")                                                                                                            \
    X(EVENT, "event")                                                                                                            \
    X(NAT, "NAT rebinding")                                                                                                      \
    X(WEATHER, "weather")                                                                                                        \
    X(ROOMS, "slow rooms")                                                                                                       \
    X(KERNEL_MEMORY, "kernel without memory")                                                                                    \
    X(KERNEL_IO, "kernel does not answer")                                                                                       \
    X(NOTICE_LOST, "notice lost")                                                                                                \
    X(KERNEL, "bad kernel")                                                                                                      \
    X(OTHERS, "others change the kernel")                                                                                        \
    X(CRASH, "crash")                                                                                                            \
    X(CRASH_VAULT, "crash of vault or judge")                                                                                    \
    X(MACHINE, "reboot or suspend")                                                                                              \
    X(WALL, "wall clock jumps")                                                                                                  \
    X(FORGED, "forged message")                                                                                                  \
    X(MTU, "small path")                                                                                                         \
    X(ROUND, "round")

enum fault {
#define FAULT_NAME(name, word) FAULT_##name,
    FAULTS_OF_THE_WORLD(FAULT_NAME)
#undef FAULT_NAME
        FAULT_KINDS
};
const char *fault_word(enum fault);

enum lot_of { LOT_DATAGRAM, LOT_ASK, LOT_ROUND, LOT_OPERATION, LOT_NOTICE };
struct lot {
    struct dice dice;
    uint64_t name; /* the same thing has the same name in every run of the seed */
};

/* One fault that struck. */
struct strike {
    enum fault fault;
    uint64_t name; /* of the fault: of its lot and kind */
    usec_t at;
};

struct lots {
    struct map drawn;       /* how often each name was drawn */
    const uint64_t *spared; /* sorted names of faults that do not strike; borrowed */
    size_t n_spared;
    bool keep; /* keep a list of the strikes */
    struct strike *strike;
    size_t n_strikes, cap_strikes;
    uint64_t struck[FAULT_KINDS];
};

void lots_init(struct lots *, const struct rng *);
void lots_done(struct lots *);
struct lot lot_draw(struct world *, enum lot_of, uint64_t who, uint64_t what);
bool lot_strikes(struct world *, struct lot *, enum fault, unsigned per_mille);

#endif
