/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the vault finds keys: one file of plugins/key/ a store. A store answers with content, or, where a private key never
 * leaves its home (a token, a TPM), with a key object that signs there.
 */
#ifndef CHARON_VAULT_KEYSTORE_H
#define CHARON_VAULT_KEYSTORE_H

#include "base/base.h"

struct evp_pkey_st;

enum keystore_kind {
    KEYSTORE_PSK = 1,  /* secret: checked owner and mode */
    KEYSTORE_KEY = 2,  /* secret: PEM or DER of a private key */
    KEYSTORE_CERT = 3, /* public: PEM or DER of certificates */
};
#define KEYSTORE_FILE_MAX ((size_t)512 * 1024)

struct keystore {
    /* Content that a reference names ("file:/etc/charon-lite/paris.psk", or a bare absolute path). 0, ERR_NOT_FOUND,
     * ERR_REFUSED (owner, mode, not a regular file), ERR_LIMIT or ERR_IO; `why` then has a sentence with the path in it. */
    int (*load)(void *ctx, enum keystore_kind, const char *ref, struct secret *out, struct text *why);
    /* May be NULL: a private key that cannot be read; the caller owns it. ERR_UNSUPPORTED: use load(). */
    int (*key)(void *ctx, const char *ref, struct evp_pkey_st **out, struct text *why);
    void *ctx;
};

/* plugins/key/file.c: files of this machine, opened without following a link. ctx is not used. */
extern const struct keystore keystore_file;
/* The same rules for a descriptor that somebody else opened (it stays open): regular, small enough and, for a secret, owned by
 * root or the user we run as, without any right for group and others. */
int keystore_read_fd(int fd, enum keystore_kind, const char *ref, struct secret *out, struct text *why) MUST_USE;

#endif
