/* SPDX-License-Identifier: Apache-2.0 */
/* The payloads with a short fixed head and one run of bytes: KE, ID, CERT, CERTREQ, AUTH, Nonce, Vendor ID, EAP
 * (RFC 7296 3.4 to 3.9, 3.12, 3.16). */
#include "wire/family.h"

enum { NONCE_MIN = 16, NONCE_MAX = 256 }; /* 3.9 */

/* A reserved field is sent as zero and not looked at (3.2). */
static uint8_t read_u8_and_reserved(struct scan *s)
{
    uint8_t v = read_u8(&s->r);

    (void)read_u24(&s->r);
    return v;
}

static void write_u8_and_reserved(struct buf *b, uint8_t v)
{
    buf_u8(b, v);
    buf_u24(b, 0);
}

int ke_read(struct scan *s, struct payload *p)
{
    p->u.ke.group = read_u16(&s->r);
    (void)read_u16(&s->r);
    p->u.ke.data = read_rest(&s->r);
    return scan_end(s, "KE");
}

void ke_write(struct buf *b, const struct payload *p)
{
    buf_u16(b, p->u.ke.group);
    buf_u16(b, 0);
    buf_span(b, p->u.ke.data);
}

void ke_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    const char *name = transform_name(TRANSFORM_KE, p->u.ke.group);

    (void)registry;
    text_add(out, " group %u (%s), ", p->u.ke.group, name ? name : "unknown");
    format_bytes(out, p->u.ke.data);
}

int ident_read(struct scan *s, struct payload *p)
{
    struct id *id = &p->u.id;

    id->type = read_u8_and_reserved(s);
    if (read_left(&s->r) > ID_DATA_MAX)
        return scan_fail(s, ERR_LIMIT, "identity of %zu bytes, more than %d", read_left(&s->r), ID_DATA_MAX);
    id->data = read_rest(&s->r);
    if (s->r.failed)
        return scan_end(s, "the identity");
    if ((id->type == ID_IPV4_ADDR && id->data.len != 4) || (id->type == ID_IPV6_ADDR && id->data.len != 16))
        return scan_fail_at(s, s->at + 4, ERR_BAD, "address of %zu bytes as an identity of type %u", id->data.len, id->type);
    return 0;
}

void ident_write(struct buf *b, const struct payload *p)
{
    write_u8_and_reserved(b, p->u.id.type);
    buf_span(b, p->u.id.data);
}

void ident_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    const char *type = id_type_name(p->u.id.type);
    char text[ID_TEXT_MAX];

    (void)registry;
    text_add(out, " %s %s", type ? type : "of unknown type", id_format(&p->u.id, text));
}

int cert_payload_read(struct scan *s, struct payload *p)
{
    p->u.cert.encoding = read_u8(&s->r);
    p->u.cert.data = read_rest(&s->r);
    return scan_end(s, "the certificate payload");
}

void cert_payload_write(struct buf *b, const struct payload *p)
{
    buf_u8(b, p->u.cert.encoding);
    buf_span(b, p->u.cert.data);
}

void cert_payload_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    const char *name = cert_encoding_name(p->u.cert.encoding);

    (void)registry;
    text_add(out, " encoding %u (%s), ", p->u.cert.encoding, name ? name : "unknown");
    format_bytes(out, p->u.cert.data);
}

int auth_read(struct scan *s, struct payload *p)
{
    p->u.auth.method = read_u8_and_reserved(s);
    p->u.auth.data = read_rest(&s->r);
    return scan_end(s, "AUTH");
}

void auth_write(struct buf *b, const struct payload *p)
{
    write_u8_and_reserved(b, p->u.auth.method);
    buf_span(b, p->u.auth.data);
}

void auth_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    const char *name = auth_method_name(p->u.auth.method);

    (void)registry;
    text_add(out, " method %u (%s), ", p->u.auth.method, name ? name : "unknown");
    format_bytes(out, p->u.auth.data);
}

int nonce_read(struct scan *s, struct payload *p)
{
    size_t len = read_left(&s->r);

    if (len < NONCE_MIN || len > NONCE_MAX)
        return scan_fail(s, ERR_BAD, "nonce of %zu bytes, not %d to %d", len, NONCE_MIN, NONCE_MAX);
    p->u.nonce = read_rest(&s->r);
    return 0;
}

void nonce_write(struct buf *b, const struct payload *p)
{
    buf_span(b, p->u.nonce);
}

void nonce_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    (void)registry;
    text_add(out, " ");
    format_bytes(out, p->u.nonce);
}

int vendor_read(struct scan *s, struct payload *p)
{
    p->u.vendor = read_rest(&s->r);
    return 0;
}

void vendor_write(struct buf *b, const struct payload *p)
{
    buf_span(b, p->u.vendor);
}

/* Vendor IDs are a hash or a text; both are shown. */
void vendor_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    (void)registry;
    text_add(out, " ");
    format_bytes(out, p->u.vendor);
    text_add(out, " \"");
    text_add_bytes(out, span_part(p->u.vendor, 0, FORMAT_BYTES));
    text_add(out, "\"");
}

int eap_read(struct scan *s, struct payload *p)
{
    p->u.eap = read_rest(&s->r);
    return 0;
}

void eap_write(struct buf *b, const struct payload *p)
{
    buf_span(b, p->u.eap);
}

/* Only the head (RFC 3748 4): what follows may be a password. */
void eap_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    static const char *const codes[] = {"code 0", "request", "response", "success", "failure"};
    struct span eap = p->u.eap;

    (void)registry;
    if (eap.len < 4) {
        text_add(out, " of %zu bytes", eap.len);
        return;
    }
    text_add(out, " %s, identifier %u", eap.p[0] < COUNT_OF(codes) ? codes[eap.p[0]] : "unknown code", eap.p[1]);
    if (eap.len > 4)
        text_add(out, ", type %u", eap.p[4]);
    text_add(out, ", %zu bytes", eap.len);
}
