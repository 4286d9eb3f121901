/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration payload (RFC 7296 3.15). */
#include "wire/family.h"

#define ATTRIBUTE_TYPE 0x7fff /* the top bit is reserved, and ignored */
#define ATTRIBUTE_HEAD 4
#define ATTRIBUTES_MAX 256

static int attributes_count(struct scan s, size_t *n)
{
    for (*n = 0; read_left(&s.r) > 0; ++*n) {
        size_t start = s.at + s.r.pos;
        uint16_t length;

        if (*n == ATTRIBUTES_MAX)
            return scan_fail(&s, ERR_LIMIT, "more than %d configuration attributes", ATTRIBUTES_MAX);
        read_skip(&s.r, 2);
        length = read_u16(&s.r);
        if (s.r.failed || length > read_left(&s.r))
            return scan_fail_at(&s, start, ERR_SHORT, "configuration attribute of %u bytes does not fit its payload", length);
        read_skip(&s.r, length);
    }
    return 0;
}

int cp_read(struct scan *s, struct payload *p)
{
    struct cp_attribute *v;
    size_t n;
    int err;

    p->u.cp.type = read_u8(&s->r);
    (void)read_u24(&s->r);
    if (s->r.failed)
        return scan_end(s, "CP");
    err = attributes_count(*s, &n);
    if (!err)
        err = scan_alloc(s, n, sizeof(*v), &v);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++) {
        v[i].type = read_u16(&s->r) & ATTRIBUTE_TYPE;
        v[i].value = read_span(&s->r, read_u16(&s->r));
    }
    p->u.cp.v = v;
    p->u.cp.n = n;
    return scan_end(s, "CP");
}

void cp_write(struct buf *b, const struct payload *p)
{
    buf_u8(b, p->u.cp.type);
    buf_u24(b, 0);
    for (size_t i = 0; i < p->u.cp.n; i++) {
        struct span value = p->u.cp.v[i].value;

        if (value.len > UINT16_MAX)
            b->failed = true;
        buf_u16(b, p->u.cp.v[i].type & ATTRIBUTE_TYPE);
        buf_u16(b, (uint16_t)value.len);
        buf_span(b, value);
    }
}

void cp_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    const char *type = cp_type_name(p->u.cp.type);

    (void)registry;
    text_add(out, " %s", type ? type : "of unknown type");
    for (size_t i = 0; i < p->u.cp.n; i++) {
        const char *name = cp_attribute_name(p->u.cp.v[i].type);

        text_add(out, "\n    ");
        if (name)
            text_add(out, "%s ", name);
        else
            text_add(out, "attribute %u ", p->u.cp.v[i].type);
        format_bytes(out, p->u.cp.v[i].value);
    }
}
