/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic Selector payloads (RFC 7296 3.13). */
#include "wire/family.h"

#include <string.h>

enum { TS_IPV4_ADDR_RANGE = 7, TS_IPV6_ADDR_RANGE = 8 };
#define SELECTOR_HEAD 4 /* type, protocol, length */

static bool selector_valid(const struct ts *ts)
{
    bool opaque = ts->port_low == 65535 && ts->port_high == 0;

    return addr_compare(&ts->low, &ts->high) <= 0 && (ts->port_low <= ts->port_high || opaque);
}

/* The part after the length field. *keep is false for a type that we do not know, which the responder leaves out (2.9). */
static int selector_read(struct scan *s, uint8_t type, struct ts *ts, bool *keep)
{
    size_t addr = type == TS_IPV4_ADDR_RANGE ? 4 : type == TS_IPV6_ADDR_RANGE ? 16 : 0;

    *keep = addr != 0;
    if (!*keep)
        return 0;
    ts->port_low = read_u16(&s->r);
    ts->port_high = read_u16(&s->r);
    ts->low = addr_from_span(read_span(&s->r, addr));
    ts->high = addr_from_span(read_span(&s->r, addr));
    if (!s->r.failed && !selector_valid(ts))
        return scan_fail_at(s, s->at, ERR_BAD, "selector whose range ends before it starts");
    return scan_end(s, "a traffic selector");
}

int selectors_read(struct scan *s, struct payload *p)
{
    uint8_t n = read_u8(&s->r);
    struct ts *v;
    size_t kept = 0;
    int err;

    (void)read_u24(&s->r);
    if (s->r.failed)
        return scan_end(s, "the traffic selector payload");
    if (n > TS_LIST_MAX)
        return scan_fail_at(s, s->at, ERR_LIMIT, "%u traffic selectors, more than %d", n, TS_LIST_MAX);
    err = scan_alloc(s, n, sizeof(*v), &v);
    for (uint8_t i = 0; !err && i < n; i++) {
        size_t start = s->at + s->r.pos;
        uint8_t type = read_u8(&s->r), protocol = read_u8(&s->r);
        uint16_t length = read_u16(&s->r);
        struct scan part;
        bool keep;

        if (s->r.failed || length < SELECTOR_HEAD || (size_t)length - SELECTOR_HEAD > read_left(&s->r))
            return scan_fail_at(s, start, s->r.failed ? ERR_SHORT : ERR_BAD, "selector of length %u does not fit its payload",
                                length);
        part = scan_part(s, (size_t)length - SELECTOR_HEAD);
        err = selector_read(&part, type, &v[kept], &keep);
        v[kept].protocol = protocol;
        kept += keep;
    }
    if (err)
        return err;
    p->u.ts = (struct ts_list){v, kept};
    return scan_end(s, "the traffic selector payload, after its last selector");
}

static void selector_write(struct buf *b, const struct ts *ts)
{
    struct span low = addr_span(&ts->low), high = addr_span(&ts->high);

    if (low.len == 0 || low.len != high.len) {
        b->failed = true;
        return;
    }
    buf_u8(b, low.len == 4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
    buf_u8(b, ts->protocol);
    buf_u16(b, (uint16_t)(SELECTOR_HEAD + 4 + 2 * low.len));
    buf_u16(b, ts->port_low);
    buf_u16(b, ts->port_high);
    buf_span(b, low);
    buf_span(b, high);
}

void selectors_write(struct buf *b, const struct payload *p)
{
    if (p->u.ts.n > UINT8_MAX) {
        b->failed = true;
        return;
    }
    buf_u8(b, (uint8_t)p->u.ts.n);
    buf_u24(b, 0);
    for (size_t i = 0; i < p->u.ts.n; i++)
        selector_write(b, &p->u.ts.v[i]);
}

void selectors_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    (void)registry;
    if (p->u.ts.n == 0)
        text_add(out, " without a selector that we know");
    for (size_t i = 0; i < p->u.ts.n; i++) {
        char text[TS_TEXT_MAX];

        text_add(out, " %s", ts_format(&p->u.ts.v[i], text));
    }
}
