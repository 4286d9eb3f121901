/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside wire: what one payload family gives to the table in payload.c, and the scan, a reader that knows where in the
 * message it is and can say why it stopped. No other room includes this header.
 */
#ifndef CHARON_WIRE_FAMILY_H
#define CHARON_WIRE_FAMILY_H

#include "wire/wire.h"

/* One stretch of the message being read: a payload body, a proposal, a selector. */
struct scan {
    struct reader r;
    size_t at; /* where the stretch starts in the message */
    struct arena *arena;
    struct wire_error *why; /* may be NULL */
    uint8_t payload;        /* type of the payload around it, 0 = the header */
};
/* Records offset (of the byte the reader is at) and reason; returns err. */
int scan_fail(struct scan *, int err, const char *fmt, ...) PRINTF(3, 4);
int scan_fail_at(struct scan *, size_t offset, int err, const char *fmt, ...) PRINTF(4, 5);
/* The next len bytes as a scan of their own; the caller has checked that they are there. */
struct scan scan_part(struct scan *, size_t len);
/* Has everything been read, and nothing past the end? 0, ERR_SHORT or ERR_BAD; `what` names the stretch. */
int scan_end(struct scan *, const char *what) MUST_USE;
/* n zeroed elements from the arena; *out is NULL for n == 0. 0 or ERR_LIMIT. */
int scan_alloc(struct scan *, size_t n, size_t size, void *out) MUST_USE;

/* A row of the table: `read` gets the body, `write` appends it, `format` adds lines (the first one is under way). */
struct family {
    uint8_t type;
    const char *name;
    int (*read)(struct scan *, struct payload *);
    void (*write)(struct buf *, const struct payload *);
    void (*format)(const struct alg_registry *, const struct payload *, struct text *);
};
const struct family *family_find(uint8_t type); /* NULL for an unknown type */

#define FAMILY_FUNCTIONS(noun)                                                                                                   \
    int noun##_read(struct scan *, struct payload *);                                                                            \
    void noun##_write(struct buf *, const struct payload *);                                                                     \
    void noun##_format(const struct alg_registry *, const struct payload *, struct text *)
FAMILY_FUNCTIONS(sa);
FAMILY_FUNCTIONS(ke);
FAMILY_FUNCTIONS(ident);
FAMILY_FUNCTIONS(cert_payload);
FAMILY_FUNCTIONS(auth);
FAMILY_FUNCTIONS(nonce);
FAMILY_FUNCTIONS(notify);
FAMILY_FUNCTIONS(delete);
FAMILY_FUNCTIONS(vendor);
FAMILY_FUNCTIONS(selectors);
FAMILY_FUNCTIONS(sk);
FAMILY_FUNCTIONS(skf);
FAMILY_FUNCTIONS(cp);
FAMILY_FUNCTIONS(eap);
#undef FAMILY_FUNCTIONS

/* Names that only msg_format() prints; NULL where unknown. */
const char *cert_encoding_name(uint8_t encoding);
const char *cp_type_name(uint8_t type);
const char *cp_attribute_name(uint16_t type);
/* "16 bytes 0011..", cut after FORMAT_BYTES bytes. */
#define FORMAT_BYTES 32
void format_bytes(struct text *, struct span);

#endif
