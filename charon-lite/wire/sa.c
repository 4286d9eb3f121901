/* SPDX-License-Identifier: Apache-2.0 */
/* Security Association payload: proposals, transforms, attributes (RFC 7296 3.3). */
#include "wire/family.h"

#include <string.h>

#define PROPOSAL_HEAD 8
#define TRANSFORM_HEAD 8
#define PROPOSALS_MAX 128
enum { ATTRIBUTE_TV = 0x8000, ATTRIBUTE_KEY_LENGTH = 14 };
enum { MORE_PROPOSALS = 2, MORE_TRANSFORMS = 3 };

/* Anything but one Key Length attribute makes the transform odd: it is kept for printing and never chosen (3.3.6). */
static int attribute_read(struct scan *s, struct transform *t)
{
    uint16_t type = read_u16(&s->r), value = read_u16(&s->r);

    if (s->r.failed)
        return scan_fail(s, ERR_SHORT, "transform attribute ends early");
    if (!(type & ATTRIBUTE_TV)) {
        if (value > read_left(&s->r))
            return scan_fail(s, ERR_SHORT, "transform attribute of %u bytes, but %zu are left", value, read_left(&s->r));
        read_skip(&s->r, value);
    }
    if (type != (ATTRIBUTE_TV | ATTRIBUTE_KEY_LENGTH) || value == 0 || t->key_bits != 0)
        t->odd = true;
    else
        t->key_bits = value;
    return 0;
}

static int transform_read(struct scan *s, bool last, struct transform *t)
{
    size_t start = s->at + s->r.pos;
    uint8_t more = read_u8(&s->r);
    uint16_t length;
    struct scan part;
    int err = 0;

    read_skip(&s->r, 1);
    length = read_u16(&s->r);
    if (s->r.failed || length < TRANSFORM_HEAD || (size_t)length - 4 > read_left(&s->r))
        return scan_fail_at(s, start, s->r.failed ? ERR_SHORT : ERR_BAD, "transform of length %u does not fit its proposal",
                            length);
    if (more != (last ? 0 : MORE_TRANSFORMS))
        return scan_fail_at(s, start, ERR_BAD, "transform says %u for %s", more, last ? "last" : "more follow");
    part = scan_part(s, (size_t)length - 4);
    t->type = read_u8(&part.r);
    read_skip(&part.r, 1);
    t->id = read_u16(&part.r);
    while (!err && read_left(&part.r) > 0)
        err = attribute_read(&part, t);
    return err;
}

static int transforms_read(struct scan *s, uint8_t n, struct proposal *p)
{
    struct transform *v;
    int err;

    if (n == 0)
        return scan_fail(s, ERR_BAD, "proposal %u has no transforms", p->number);
    err = scan_alloc(s, n, sizeof(*v), &v);
    for (uint8_t i = 0; !err && i < n; i++)
        err = transform_read(s, i == n - 1, &v[i]);
    p->transforms = v;
    p->n_transforms = n;
    return err ? err : scan_end(s, "a proposal, after its last transform");
}

/* The part of a proposal after its length. One with an SPI longer than any protocol of ours has (8 bytes) is checked, but
 * *keep is false: it is left out, as it could never be chosen. */
static int proposal_read(struct scan *s, struct proposal *p, bool *keep)
{
    uint8_t spi_len, n;
    struct span spi;

    p->number = read_u8(&s->r);
    p->protocol = read_u8(&s->r);
    spi_len = read_u8(&s->r);
    n = read_u8(&s->r);
    if (spi_len > read_left(&s->r))
        return scan_fail(s, ERR_SHORT, "SPI of %u bytes, but the proposal has %zu left", spi_len, read_left(&s->r));
    spi = read_span(&s->r, spi_len);
    *keep = spi_len <= sizeof(p->spi);
    if (*keep && spi_len) {
        p->spi_len = spi_len;
        memcpy(p->spi, spi.p, spi_len);
    }
    return transforms_read(s, n, p);
}

/* How many proposals there are, by a walk over their heads; each must say rightly whether another follows. */
static int proposals_count(struct scan s, size_t *n)
{
    uint8_t more = MORE_PROPOSALS;

    for (*n = 0; more == MORE_PROPOSALS; ++*n) {
        size_t start = s.at + s.r.pos;
        uint16_t length;

        if (*n == PROPOSALS_MAX)
            return scan_fail(&s, ERR_LIMIT, "more than %d proposals", PROPOSALS_MAX);
        more = read_u8(&s.r);
        read_skip(&s.r, 1);
        length = read_u16(&s.r);
        if (s.r.failed || length < PROPOSAL_HEAD || (size_t)length - 4 > read_left(&s.r))
            return scan_fail_at(&s, start, s.r.failed ? ERR_SHORT : ERR_BAD, "proposal of length %u does not fit its payload",
                                length);
        read_skip(&s.r, (size_t)length - 4);
        if (more != 0 && more != MORE_PROPOSALS)
            return scan_fail_at(&s, start, ERR_BAD, "proposal says %u for last or more follow", more);
    }
    return scan_end(&s, "SA, after its last proposal");
}

int sa_read(struct scan *s, struct payload *p)
{
    struct proposal *v;
    size_t n, kept = 0;
    int err = proposals_count(*s, &n);

    if (!err)
        err = scan_alloc(s, n, sizeof(*v), &v);
    for (size_t i = 0; !err && i < n; i++) {
        struct scan part;
        bool keep = false;

        read_skip(&s->r, 2);
        part = scan_part(s, (size_t)read_u16(&s->r) - 4);
        err = proposal_read(&part, &v[kept], &keep);
        if (!err && keep)
            kept++;
        else if (!err)
            v[kept] = (struct proposal){0};
    }
    if (!err)
        p->u.sa = (struct proposals){v, kept};
    return err;
}

static void transform_write(struct buf *b, const struct transform *t, bool last)
{
    buf_u8(b, last ? 0 : MORE_TRANSFORMS);
    buf_u8(b, 0);
    buf_u16(b, t->key_bits ? TRANSFORM_HEAD + 4 : TRANSFORM_HEAD);
    buf_u8(b, t->type);
    buf_u8(b, 0);
    buf_u16(b, t->id);
    if (t->key_bits) {
        buf_u16(b, ATTRIBUTE_TV | ATTRIBUTE_KEY_LENGTH);
        buf_u16(b, t->key_bits);
    }
}

static void proposal_write(struct buf *b, const struct proposal *p, bool last)
{
    size_t start = b->len;

    if (p->n_transforms > UINT8_MAX || p->spi_len > sizeof(p->spi)) {
        b->failed = true;
        return;
    }
    buf_u8(b, last ? 0 : MORE_PROPOSALS);
    buf_u8(b, 0);
    buf_u16(b, 0);
    buf_u8(b, p->number);
    buf_u8(b, p->protocol);
    buf_u8(b, p->spi_len);
    buf_u8(b, (uint8_t)p->n_transforms);
    buf_bytes(b, p->spi, p->spi_len);
    for (size_t i = 0; i < p->n_transforms; i++)
        transform_write(b, &p->transforms[i], i == p->n_transforms - 1);
    buf_put_u16(b, start + 2, (uint16_t)(b->len - start));
}

void sa_write(struct buf *b, const struct payload *p)
{
    for (size_t i = 0; i < p->u.sa.n; i++)
        proposal_write(b, &p->u.sa.v[i], i == p->u.sa.n - 1);
}

static void transform_format(const struct alg_registry *registry, const struct transform *t, struct text *out)
{
    const struct alg *alg = registry ? alg_find(registry, t->type, t->id, t->key_bits) : NULL;
    const char *name = alg && alg->iana ? alg->iana : transform_name(t->type, t->id);

    if (name)
        text_add(out, " %s", name);
    else
        text_add(out, " #%u", t->id);
    if (t->key_bits)
        text_add(out, "/%u", t->key_bits);
    if (t->odd)
        text_add(out, " (with an unknown attribute)");
}

/* Transforms of one type on one line, whatever their order in the message. */
static void transforms_format(const struct alg_registry *registry, const struct proposal *p, struct text *out)
{
    for (size_t i = 0; i < p->n_transforms; i++) {
        uint8_t type = p->transforms[i].type;
        bool seen = false;

        for (size_t j = 0; j < i; j++)
            seen |= p->transforms[j].type == type;
        if (seen)
            continue;
        text_add(out, "\n      %s:", transform_type_name(type));
        for (size_t j = i; j < p->n_transforms; j++)
            if (p->transforms[j].type == type)
                transform_format(registry, &p->transforms[j], out);
    }
}

void sa_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    for (size_t i = 0; i < p->u.sa.n; i++) {
        const struct proposal *one = &p->u.sa.v[i];
        const char *protocol = protocol_name(one->protocol);
        char spi[2 * sizeof(one->spi) + 1];

        text_add(out, "\n    proposal %u, %s", one->number, protocol ? protocol : "unknown protocol");
        hex_format(spi, sizeof(spi), span_of(one->spi, one->spi_len <= sizeof(one->spi) ? one->spi_len : 0));
        if (spi[0])
            text_add(out, ", SPI %s", spi);
        transforms_format(registry, one, out);
    }
}
