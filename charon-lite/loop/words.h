/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the port as bytes, for whatever has to cross a thread or a process: deep copies, questions on a socketpair.
 * Reader and writer are one walk over the members, so that they cannot differ.
 *
 *     struct ask --words_put_ask--> bytes --words_get_ask--> struct ask, in another process
 *
 * What is read borrows from the bytes it was read from (spans, strings, keys) and from the arena (lists): both must live as long.
 * Readers are bounded: a malformed word is ERR_BAD and may not be used. Algorithms travel as type, id and key length and are
 * looked up in the reader's own registry. Not for the network: both ends are of the same build.
 */
#ifndef CHARON_LOOP_WORDS_H
#define CHARON_LOOP_WORDS_H

#include "port/port.h"

#define WORDS_MAX (1u << 18) /* bytes of one word: AUTH with a long certificate chain */

void words_put_ask(struct buf *, const struct ask *);
void words_put_answer(struct buf *, const struct answer *);
void words_put_event(struct buf *, const struct event *);
void words_put_order(struct buf *, const struct order *); /* without `conf`: a snapshot does not travel, its text does */
void words_put_tell(struct buf *, const struct tell *);

int words_get_ask(struct reader *, const struct alg_registry *, struct arena *, struct ask *) MUST_USE;
int words_get_answer(struct reader *, struct arena *, struct answer *) MUST_USE;
int words_get_event(struct reader *, struct arena *, struct event *) MUST_USE;
int words_get_order(struct reader *, struct arena *, struct order *) MUST_USE;
int words_get_tell(struct reader *, struct arena *, struct tell *) MUST_USE;

#endif
