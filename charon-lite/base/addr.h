/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses, prefixes, ports. */
#ifndef CHARON_BASE_ADDR_H
#define CHARON_BASE_ADDR_H

#include "base.h"

/* An IP address in network byte order; family 4 or 6, or 0 for "none". IPv4 uses the first 4 bytes, the rest is 0. */
struct addr {
    uint8_t family;
    uint8_t b[16];
};
/* An address and a UDP port (host byte order). */
struct endpoint {
    struct addr addr;
    uint16_t port;
};
/* A network: an address and the length of its prefix in bits. */
struct prefix {
    struct addr addr;
    uint8_t bits;
};
#define ADDR_TEXT_MAX 48     /* text of an address, with its NUL */
#define ENDPOINT_TEXT_MAX 56 /* [address]:port */

struct addr addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
size_t addr_len(const struct addr *);       /* 4, 16 or 0 bytes */
struct span addr_span(const struct addr *); /* its bytes */
struct addr addr_from_span(struct span);    /* 4 or 16 bytes; else family 0 */
bool addr_equal(const struct addr *, const struct addr *);
int addr_compare(const struct addr *, const struct addr *); /* family first, then bytes */
bool addr_is_any(const struct addr *);                      /* family 0, 0.0.0.0 or :: */
bool endpoint_equal(const struct endpoint *, const struct endpoint *);
int addr_parse(const char *text, struct addr *out) MUST_USE;     /* 0 or ERR_BAD */
int prefix_parse(const char *text, struct prefix *out) MUST_USE; /* "10.0.0.0/8" or a bare address; ERR_BAD */
/* The lowest and the highest address of a network. */
void prefix_bounds(const struct prefix *, struct addr *low, struct addr *high);
/* The network that holds exactly [low, high]; ERR_NOT_FOUND if no single prefix does. */
int prefix_from_bounds(const struct addr *low, const struct addr *high, struct prefix *out) MUST_USE;
/* The smallest network that holds [low, high]. */
struct prefix prefix_around(const struct addr *low, const struct addr *high);
/* Text into out (which is returned), e.g. "192.0.2.1", "[2001:db8::1]:4500". */
const char *addr_format(const struct addr *, char out[ADDR_TEXT_MAX]);
const char *endpoint_format(const struct endpoint *, char out[ENDPOINT_TEXT_MAX]);

#endif
