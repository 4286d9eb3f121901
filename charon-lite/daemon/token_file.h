/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secret behind our tokens (RFC 6290 5.1), which must outlive the daemon: a file of the state directory that root alone can
 * read, made at the first start and never changed. The parent makes and opens it; only the vault reads it.
 *
 *     qcd-secret:  TOKEN_SECRET_LEN random bytes | the machine ID at that time, or nothing
 *
 * On a machine of another ID it is a copy that came with a cloned disk, and is made anew: two gateways with one secret could be
 * brought to end one another's IKE SAs (9.2).
 */
#ifndef CHARON_DAEMON_TOKEN_FILE_H
#define CHARON_DAEMON_TOKEN_FILE_H

#include "vault/token.h"

/* A descriptor to read from, or ERR_* and why. The directory is there. */
int token_file_open(const char *dir, struct text *why) MUST_USE;
/* What is in it, or nothing: `fd` may be -1. */
struct span token_file_read(int fd, uint8_t room[TOKEN_SECRET_LEN]);

#endif
