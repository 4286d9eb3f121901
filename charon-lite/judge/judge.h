/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge - who a peer is: its certificate chain, its name, its signature. It holds trust anchors and no secret, and has no
 * network.
 *
 *     ASK_AUTH_CHECK   connection, IKE_SA_INIT, nonce, SK_p, ID, certificates, AUTH  ->  verdict, handle, how long it holds
 *
 * In this order, so that each verdict says the first thing that is wrong: method (BAD_METHOD), chain, times and uses (BAD_CERT),
 * signature over octets built here (BAD_AUTH), the ID: a name of the certificate, and the one configured (BAD_ID). No URL of a
 * certificate is fetched. Certificates that were believed are kept decoded, with the time for which their chain holds.
 *
 * Files: judge.c (who is asked about), anchors.c (what is trusted, by connection), verify.c (the one place that verifies a
 * signature), cache.c (believed certificates).
 */
#ifndef CHARON_JUDGE_H
#define CHARON_JUDGE_H

#include <time.h>

#include "port/ask.h"

struct conf;

struct judge_setup {
    int (*load)(void *ctx, const char *path, struct buf *out); /* content of a certificate file: 0 or ERR_* */
    time_t (*now)(void *ctx); /* CLOCK_REALTIME seconds: validity is the one thing that needs it */
    void *ctx;
    const struct rng *rng; /* seeds tables */
};
struct judge *judge_new(const struct judge_setup *); /* NULL without memory; what setup points at stays valid */
struct judge *judge_free(struct judge *);

/* Load what a snapshot names, as one more generation (one of the same number is replaced); the last JUDGE_GENERATIONS stay. 0, or
 * the error of the first file that cannot be used: nothing has changed then and `why` names it. The snapshot is not kept. */
#define JUDGE_GENERATIONS 3
int judge_configure(struct judge *, const struct conf *, struct text *why) MUST_USE;

/* Answer ASK_AUTH_CHECK at once; anything else is ANSWER_FAILED. What the answer points at lives in the arena. */
void judge_answer(struct judge *, const struct ask *, struct answer *, struct arena *);

struct judge_counters {
    uint64_t accepted, refused;
    uint64_t decoded, remembered; /* certificates decoded, and found decoded */
};
struct judge_counters judge_counters(const struct judge *);

#endif
