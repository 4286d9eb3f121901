/* SPDX-License-Identifier: Apache-2.0 */
/* A core with its neighbours; for the files of the fleet only. */
#ifndef CHARON_BENCH_SQUAD_H
#define CHARON_BENCH_SQUAD_H

#include "ike/core.h"
#include "judge/judge.h"
#include "tests/bench/charon-bench.d/options.h"
#include "vault/vault.h"

struct issuer;

#define SQUADS_MAX 0xffff

struct squad {
    struct heap_node due;
    uint16_t number; /* in the last two bytes of each of its SPIs, from 1 */
    uint32_t first;  /* peer */
    const struct options *options;
    struct conf *conf;
    struct core *core;
    struct vault *vault;
    struct judge *judge;
    uint32_t judged;
    struct keystore keystore;
    const struct issuer *issuer; /* NULL without --ca-key */
    struct rng rng;
};
/* 0, or ERR_* and why is on standard error. */
int squad_init(struct squad *, const struct options *, const struct issuer *, uint16_t number, uint32_t first,
               uint32_t n) MUST_USE;
void squad_done(struct squad *);
void squad_answer(struct squad *, const struct ask *, struct answer *, struct arena *);
/* Of a datagram of ours or to us: the number of the squad; 0 = nobody's. */
uint16_t squad_of(struct span message);

#endif
