/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/sign.h"

int vault_key_load(const struct keystore *store, const char *key, const char *cert, struct vault_key **out, struct text *why)
{
    (void)store;
    *out = NULL;
    text_add(why, "%s, %s: this build has no certificates yet", key, cert);
    return ERR_UNSUPPORTED;
}

struct vault_key *vault_key_free(struct vault_key *k)
{
    (void)k;
    return NULL;
}

struct span vault_key_subject(const struct vault_key *k)
{
    (void)k;
    return SPAN_NONE;
}

void vault_key_certs(const struct vault_key *k, struct answer *out, struct arena *arena)
{
    (void)k;
    (void)out;
    (void)arena;
}

int vault_key_sign(const struct vault_key *k, const struct ask_auth *a, bool sha1, struct span octets, struct answer *out,
                   struct arena *arena, struct text *why)
{
    (void)k;
    (void)a;
    (void)sha1;
    (void)octets;
    (void)out;
    (void)arena;
    (void)why;
    return ERR_UNSUPPORTED;
}
