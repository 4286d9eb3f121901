/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the secrets, keys and certificates that a connection names: for `charonctl check`, before anything runs. */
#ifndef CHARON_VAULT_PROBE_H
#define CHARON_VAULT_PROBE_H

#include <time.h>

#include "vault/keystore.h"

struct conf_connection;

/* `now` 0 leaves validity times unchecked. */
struct vault_probe_setup {
    const struct keystore *keystore;
    time_t now;
    const char *good_psk; /* begin with NULL; the last file that was found good: thousands of connections may name one */
};
/* For conf_setup.probe; ctx is a struct vault_probe_setup. 0 when all is well; else the first ERR_*, and `why` has a sentence for
 * each thing found, one a line: the file, what is wrong with it, what would be right. With 0, what `why` has is a warning. */
int vault_probe(void *ctx, const struct conf_connection *, struct text *why);

#endif
