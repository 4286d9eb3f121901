/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/family.h"

#include <stdarg.h>
#include <stdio.h>

static void scan_record(struct scan *s, size_t offset, const char *fmt, va_list args)
{
    if (!s->why)
        return;
    s->why->offset = offset;
    s->why->payload = s->payload;
    vsnprintf(s->why->text, sizeof(s->why->text), fmt, args);
}

int scan_fail(struct scan *s, int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    scan_record(s, s->at + s->r.pos, fmt, args);
    va_end(args);
    return err;
}

int scan_fail_at(struct scan *s, size_t offset, int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    scan_record(s, offset, fmt, args);
    va_end(args);
    return err;
}

struct scan scan_part(struct scan *s, size_t len)
{
    struct scan part = *s;

    part.at = s->at + s->r.pos;
    part.r = reader_of(read_span(&s->r, len));
    return part;
}

int scan_end(struct scan *s, const char *what)
{
    if (s->r.failed)
        return scan_fail(s, ERR_SHORT, "%s ends early, after %zu bytes", what, s->r.len);
    if (read_left(&s->r) != 0)
        return scan_fail(s, ERR_BAD, "%zu bytes too many in %s", read_left(&s->r), what);
    return 0;
}

int scan_alloc(struct scan *s, size_t n, size_t size, void *out)
{
    void *p = n ? arena_alloc(s->arena, n * size) : NULL;

    *(void **)out = p;
    return n && !p ? scan_fail(s, ERR_LIMIT, "the message needs more memory than one message may have") : 0;
}
