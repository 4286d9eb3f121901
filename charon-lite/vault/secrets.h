/* SPDX-License-Identifier: Apache-2.0 */
/* What the vault holds of one configuration generation. Private to this room. */
#ifndef CHARON_VAULT_SECRETS_H
#define CHARON_VAULT_SECRETS_H

#include "vault/psk.h"
#include "vault/vault.h"

/* One file, however many connections name it. */
struct vault_item {
    struct map_node node;
    struct vault_item *next;
    enum keystore_kind kind;
    const char *ref, *cert; /* cert: the certificates beside a key */
    struct psk psk;
    struct vault_key *key;
};

/* What a connection may prove, and who may prove to it. */
struct vault_peer {
    const char *name;
    struct id our_id, peer_id;       /* ID_NONE as in the configuration */
    const char *dn_pattern;          /* instead of peer_id, or NULL */
    struct addr our_addr, peer_addr; /* configured, or family 0 */
    bool proves_psk, checks_psk;     /* methods of the two sides */
    bool sha1, send_cert;            /* of our side */
    struct psk *psk;                 /* to prove with; NULL = a key */
    struct psk *peer_psk;            /* to check with; NULL = none */
    const struct vault_key *key;
};

struct vault_generation {
    uint32_t number;
    struct arena arena;
    struct map map;
    struct vault_item *items;
    struct vault_peer *peers;
    size_t n_peers;
};

/* Everything loaded, or ERR_* and why. */
int vault_generation_new(const struct vault_setup *, const struct conf *, struct vault_generation **out,
                         struct text *why) MUST_USE;
struct vault_generation *vault_generation_free(struct vault_generation *);

#endif
