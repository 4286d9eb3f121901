/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last addresses that each name had, in a file: a gateway that starts while its name servers are out of reach (behind the
 * very tunnel that is to be built, perhaps) still finds its peers. One line a name, "NAME ADDRESS...", appended when something
 * changed; the last line of a name counts; the file is written anew when most of it is old. May be used by several threads.
 */
#ifndef CHARON_NET_REMEMBER_H
#define CHARON_NET_REMEMBER_H

#include "base/base.h"

#define REMEMBER_NAMES_MAX 65536
#define REMEMBER_BYTES_MAX ((size_t)8 << 20)
#define REMEMBER_ADDRS_MAX 16

struct remember;
/* What the descriptor holds (it stays the caller's); lines that are not as they should be are skipped. NULL without memory. */
struct remember *remember_new(int fd);
struct remember *remember_free(struct remember *);
void remember_put(struct remember *, const char *name, const struct addr *v, size_t n);
/* At most max addresses of a family (0 = either); 0 = nothing is remembered. */
size_t remember_get(struct remember *, const char *name, uint8_t family, struct addr *out, size_t max);

#endif
