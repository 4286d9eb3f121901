/* SPDX-License-Identifier: Apache-2.0 */
/* Identities (RFC 7296 3.5): compared and printed; no certificate is parsed here. */
#ifndef CHARON_SUITE_ID_H
#define CHARON_SUITE_ID_H

#include "base/base.h"

enum id_type {
    ID_NONE = 0,
    ID_IPV4_ADDR = 1,
    ID_FQDN = 2,
    ID_RFC822_ADDR = 3,
    ID_IPV6_ADDR = 5,
    ID_DER_ASN1_DN = 9,
    ID_DER_ASN1_GN = 10,
    ID_KEY_ID = 11,
};
struct id {
    uint8_t type;     /* enum id_type, or any number a peer sent */
    struct span data; /* borrowed: owned by a message, an SA or a configuration */
};
#define ID_DATA_MAX 1024
#define ID_TEXT_MAX 320

/* Equal in type and content; FQDN and RFC822 without regard to ASCII case. */
bool id_equal(const struct id *, const struct id *);
/* Does `id` fit a configured pattern? Equal; or an FQDN pattern "*.example.com" (one label or more), an RFC822 pattern
 * "*@example.com" or "@example.com"; a pattern of type ID_NONE fits everything. DNs with wildcards are the judge's work. */
bool id_matches(const struct id *pattern, const struct id *);
/* "gw1.example.com", "192.0.2.1", "keyid:6162"; a DN prints as "dn:" and hex here (the judge knows better). */
const char *id_format(const struct id *, char out[ID_TEXT_MAX]);
const char *id_type_name(uint8_t type);
/* Text to id: an IP address, something with @ (RFC822), "keyid:hex or text", "fqdn:...", "rfc822:...", else FQDN. A DN ("CN=...")
 * is ERR_UNSUPPORTED here: whoever has an X.509 library encodes it. Data goes to store (ID_DATA_MAX bytes). */
int id_parse(const char *text, uint8_t *store, struct id *out) MUST_USE;

#endif
