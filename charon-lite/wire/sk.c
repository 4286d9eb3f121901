/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypted payload (RFC 7296 3.14) and encrypted fragment (RFC 7383 2.5): the frame only; keys belong to others. */
#include "wire/family.h"

static int sealed_read(struct scan *s, struct payload *p, const char *what)
{
    if (s->r.failed)
        return scan_end(s, what);
    p->u.sk.aad_len = s->at + s->r.pos;
    p->u.sk.sealed = read_rest(&s->r);
    return 0;
}

int sk_read(struct scan *s, struct payload *p)
{
    return sealed_read(s, p, "SK");
}

void sk_write(struct buf *b, const struct payload *p)
{
    buf_span(b, p->u.sk.sealed);
}

void sk_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    (void)registry;
    text_add(out, " %zu sealed bytes", p->u.sk.sealed.len);
}

/* RFC 7383 2.5: fragments count from 1; the rules across fragments are the collector's. */
int skf_read(struct scan *s, struct payload *p)
{
    p->u.sk.number = read_u16(&s->r);
    p->u.sk.total = read_u16(&s->r);
    if (!s->r.failed && (p->u.sk.number == 0 || p->u.sk.number > p->u.sk.total))
        return scan_fail_at(s, s->at, ERR_BAD, "fragment %u of %u", p->u.sk.number, p->u.sk.total);
    return sealed_read(s, p, "SKF");
}

void skf_write(struct buf *b, const struct payload *p)
{
    buf_u16(b, p->u.sk.number);
    buf_u16(b, p->u.sk.total);
    buf_span(b, p->u.sk.sealed);
}

void skf_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    (void)registry;
    text_add(out, " fragment %u of %u, %zu sealed bytes", p->u.sk.number, p->u.sk.total, p->u.sk.sealed.len);
}
