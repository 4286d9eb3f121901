/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of IKE SAs to a file, in the words of tools/wire-dump. There only in builds configured with --enable-keylog. */
#ifndef CHARON_DAEMON_KEYLOG_H
#define CHARON_DAEMON_KEYLOG_H

#include "suite/keymat.h"

int keylog_open(const char *path, struct text *why) MUST_USE; /* the descriptor (mode 0600, appended to), or ERR_IO */
/* The `keylog` of core_setup; ctx is the address of the descriptor. */
void keylog_write(void *ctx, uint64_t spi_i, uint64_t spi_r, const struct suite *, const struct ike_keys *);

#endif
