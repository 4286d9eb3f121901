/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic selectors (RFC 7296 2.9, 3.13.1): ranges of addresses, an IP protocol, a range of ports. */
#ifndef CHARON_SUITE_TS_H
#define CHARON_SUITE_TS_H

#include "base/base.h"

struct ts {
    uint8_t protocol;             /* IP protocol, 0 = any */
    uint16_t port_low, port_high; /* 0..65535 = any; low 65535, high 0 = OPAQUE; ICMP: type << 8 | code (RFC 7296 3.13.1) */
    struct addr low, high;        /* the same family */
};
struct ts_list {
    const struct ts *v;
    size_t n;
};
#define TS_TEXT_MAX 128
#define TS_LIST_MAX 64 /* selectors that we handle in one payload */

struct ts ts_from_prefix(const struct prefix *, uint8_t protocol, uint16_t port_low, uint16_t port_high);
bool ts_valid(const struct ts *); /* families equal, low <= high, ports ordered or OPAQUE */
bool ts_equal(const struct ts *, const struct ts *);
bool ts_contains(const struct ts *outer, const struct ts *inner);
/* The packets of both; false when there are none. */
bool ts_intersect(const struct ts *, const struct ts *, struct ts *out);
bool ts_overlap(const struct ts *, const struct ts *);
/* Narrowing (2.9): everything in both lists, without selectors that another contains, in the order of `theirs`. Returns the
 * number written, at most max; 0 = nothing in common. */
size_t ts_list_narrow(struct ts_list theirs, struct ts_list ours, struct ts *out, size_t max);
bool ts_list_contains(struct ts_list outer, const struct ts *inner); /* within a single selector of outer */
bool ts_list_within(struct ts_list inner, struct ts_list outer);     /* each of inner within one of outer */
bool ts_list_equal(struct ts_list, struct ts_list);                  /* as sets */
/* "10.1.0.0/16", "10.1.0.5-10.1.0.9[tcp/22]", "2001:db8::/32[udp]". */
const char *ts_format(const struct ts *, char out[TS_TEXT_MAX]);
void ts_list_format(struct ts_list, struct text *out);

#endif
