/* SPDX-License-Identifier: Apache-2.0 */
/* Inside words: one member of a struct, written or read. */
#ifndef CHARON_LOOP_WALK_H
#define CHARON_LOOP_WALK_H

#include "port/port.h"

/* Writing when `out` is set, else reading. */
struct walk {
    struct buf *out;
    struct reader *in;
    struct arena *arena;
    const struct alg_registry *algs;
    bool failed;
};
#define WALK_LIST_MAX 128

void walk_u8(struct walk *, uint8_t *);
void walk_u16(struct walk *, uint16_t *);
void walk_u32(struct walk *, uint32_t *);
void walk_u64(struct walk *, uint64_t *);
void walk_i64(struct walk *, int64_t *);
void walk_bool(struct walk *, bool *);
uint8_t walk_enum(struct walk *, unsigned value, unsigned max); /* reading: the value read, at most max */
void walk_span(struct walk *, struct span *);
void walk_spans(struct walk *, const struct span **v, size_t *n);
void walk_secret(struct walk *, struct secret *); /* reading: borrowed, not to be freed */
void walk_string(struct walk *, const char **);
void walk_alg(struct walk *, const struct alg **);
void walk_suite(struct walk *, struct suite *);
void walk_addr(struct walk *, struct addr *);
void walk_addrs(struct walk *, const struct addr **v, size_t *n);
void walk_endpoint(struct walk *, struct endpoint *);
void walk_ts(struct walk *, struct ts *);
void walk_ts_list(struct walk *, struct ts_list *);
void walk_ticket(struct walk *, struct ticket *);
int walk_end(const struct walk *); /* 0 or ERR_BAD */

#endif
