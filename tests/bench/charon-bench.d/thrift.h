/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thrift - what makes the generator cheaper than the responder without that the responder could tell: key exchange values are
 * used for some hundred peers (RFC 7296 2.12 allows it), and of the responder's signatures, which are all made with one key, some
 * are verified and the rest believed.
 */
#ifndef CHARON_BENCH_THRIFT_H
#define CHARON_BENCH_THRIFT_H

#include "suite/alg.h"

#define THRIFT_USES 500    /* of a key pair */
#define THRIFT_VERIFIES 32 /* one signature of so many is verified, the first always */

/* All algorithms of the build; those of key exchange keep their pairs. For one thread. */
const struct alg_registry *thrift_algs(void);

#endif
