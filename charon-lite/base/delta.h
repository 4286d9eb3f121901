/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that are much like others of the same length, kept as where and how they differ from those. */
#ifndef CHARON_BASE_DELTA_H
#define CHARON_BASE_DELTA_H

#include "base.h"

/* How `of` differs from `like`: any number of (bytes that are the same, up to 255 | bytes that differ, up to 255 | those); what
 * follows the last is the same. Appended to `out`, which fails when it is full. The lengths must be equal: else `out` fails. */
void delta_write(struct span like, struct span of, struct buf *out);
/* Turn a copy of `like` in `bytes` into what the delta was made of. 0, or ERR_BAD: it is a delta of something else. */
int delta_apply(uint8_t *bytes, size_t len, struct span delta) MUST_USE;

#endif
