/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of payloads and the table of families, RFC 7296 3.2. */
#include "wire/family.h"

#define GENERIC_LEN 4
#define CRITICAL 0x80

static const struct family families[] = {
    {PAYLOAD_SA, "SA", sa_read, sa_write, sa_format},
    {PAYLOAD_KE, "KE", ke_read, ke_write, ke_format},
    {PAYLOAD_IDI, "IDi", ident_read, ident_write, ident_format},
    {PAYLOAD_IDR, "IDr", ident_read, ident_write, ident_format},
    {PAYLOAD_CERT, "CERT", cert_payload_read, cert_payload_write, cert_payload_format},
    {PAYLOAD_CERTREQ, "CERTREQ", cert_payload_read, cert_payload_write, cert_payload_format},
    {PAYLOAD_AUTH, "AUTH", auth_read, auth_write, auth_format},
    {PAYLOAD_NONCE, "Nonce", nonce_read, nonce_write, nonce_format},
    {PAYLOAD_NOTIFY, "Notify", notify_read, notify_write, notify_format},
    {PAYLOAD_DELETE, "Delete", delete_read, delete_write, delete_format},
    {PAYLOAD_VENDOR, "Vendor ID", vendor_read, vendor_write, vendor_format},
    {PAYLOAD_TSI, "TSi", selectors_read, selectors_write, selectors_format},
    {PAYLOAD_TSR, "TSr", selectors_read, selectors_write, selectors_format},
    {PAYLOAD_SK, "SK", sk_read, sk_write, sk_format},
    {PAYLOAD_CP, "CP", cp_read, cp_write, cp_format},
    {PAYLOAD_EAP, "EAP", eap_read, eap_write, eap_format},
    {PAYLOAD_SKF, "SKF", skf_read, skf_write, skf_format},
};

const struct family *family_find(uint8_t type)
{
    for (size_t i = 0; i < COUNT_OF(families); i++)
        if (families[i].type == type)
            return &families[i];
    return NULL;
}

static bool is_last(uint8_t type)
{
    return type == PAYLOAD_SK || type == PAYLOAD_SKF;
}

/* The body, once its generic header is known to be sound. */
static int payload_read_body(struct scan *chain, struct payload *p)
{
    const struct family *family = family_find(p->type);
    struct scan body = scan_part(chain, p->body.len);

    p->body = span_of(body.r.p, body.r.len);
    if (!family && p->critical) {
        if (chain->why)
            chain->why->critical = true;
        return scan_fail_at(&body, p->offset, ERR_UNSUPPORTED, "critical payload of unknown type %u", p->type);
    }
    return family ? family->read(&body, p) : 0;
}

/* One payload, its generic header first; *next becomes the type of the one after it. */
static int payload_read(struct scan *chain, struct payload *p, uint8_t *next)
{
    uint8_t flags;
    uint16_t length;

    chain->payload = p->type;
    p->offset = chain->at + chain->r.pos;
    if (read_left(&chain->r) < GENERIC_LEN)
        return scan_fail(chain, ERR_SHORT, "%zu bytes left for a payload of type %u", read_left(&chain->r), p->type);
    *next = read_u8(&chain->r);
    flags = read_u8(&chain->r);
    length = read_u16(&chain->r);
    p->critical = flags & CRITICAL;
    if (length < GENERIC_LEN)
        return scan_fail_at(chain, p->offset + 2, ERR_BAD, "payload length %u is less than that of its header", length);
    if ((size_t)length - GENERIC_LEN > read_left(&chain->r))
        return scan_fail_at(chain, p->offset + 2, ERR_SHORT, "payload length %u, but %zu bytes are left", length,
                            read_left(&chain->r) + GENERIC_LEN);
    p->body.len = (size_t)length - GENERIC_LEN;
    if (is_last(p->type)) { /* its next-payload byte names what is inside (3.14) */
        p->u.sk.inner = *next;
        *next = PAYLOAD_NONE;
    }
    return payload_read_body(chain, p);
}

int msg_read_payloads(struct arena *arena, uint8_t first, struct span bytes, size_t at, struct payload **out,
                      struct wire_error *why)
{
    struct scan chain = {.r = reader_of(bytes), .at = at, .arena = arena, .why = why};
    uint8_t type = first;
    int err;

    *out = NULL;
    if (why)
        *why = (struct wire_error){0};
    for (size_t n = 0; type != PAYLOAD_NONE; n++) {
        struct payload *p;

        if (n == IKE_PAYLOADS_MAX)
            return scan_fail(&chain, ERR_LIMIT, "more than %d payloads", IKE_PAYLOADS_MAX);
        err = scan_alloc(&chain, 1, sizeof(*p), &p);
        if (err)
            return err;
        p->type = type;
        err = payload_read(&chain, p, &type);
        if (err)
            return err;
        *out = p;
        out = &p->next;
    }
    return scan_end(&chain, "the message, after its last payload");
}

static void payload_write(struct buf *b, const struct payload *p)
{
    const struct family *family = family_find(p->type);
    size_t start = b->len;

    buf_u8(b, is_last(p->type) ? p->u.sk.inner : p->next ? p->next->type : PAYLOAD_NONE);
    buf_u8(b, p->critical ? CRITICAL : 0);
    buf_u16(b, 0);
    if (family)
        family->write(b, p);
    else
        buf_span(b, p->body);
    if (b->len - start > UINT16_MAX)
        b->failed = true;
    buf_put_u16(b, start + 2, (uint16_t)(b->len - start));
}

void msg_write_payloads(struct buf *b, const struct payload *first)
{
    for (const struct payload *p = first; p && !b->failed; p = p->next)
        payload_write(b, p);
}
