/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <string.h>

#define RUN_MAX 255
#define SAME_WORTH 3 /* bytes alike: two are needed to say so */

static size_t same_run(struct span a, struct span b, size_t at)
{
    size_t n = 0;

    while (at + n < a.len && n < RUN_MAX && a.p[at + n] == b.p[at + n])
        n++;
    return n;
}

/* To the next place with enough in common, or to the end. */
static size_t other_run(struct span a, struct span b, size_t at)
{
    size_t n = 0;

    while (at + n < a.len && n < RUN_MAX) {
        size_t same = same_run(a, b, at + n);

        if (same >= SAME_WORTH || at + n + same == a.len)
            break;
        n += same ? same : 1;
    }
    return n < RUN_MAX ? n : RUN_MAX;
}

void delta_write(struct span like, struct span of, struct buf *out)
{
    out->failed |= like.len != of.len;
    for (size_t at = 0; at < of.len && !out->failed;) {
        size_t same = same_run(like, of, at), other = other_run(like, of, at + same);

        if (at + same == of.len)
            return;
        buf_u8(out, (uint8_t)same);
        buf_u8(out, (uint8_t)other);
        buf_bytes(out, of.p + at + same, other);
        at += same + other;
    }
}

int delta_apply(uint8_t *bytes, size_t len, struct span delta)
{
    struct reader r = reader_of(delta);
    size_t at = 0;

    while (read_left(&r)) {
        struct span other;

        at += read_u8(&r);
        other = read_span(&r, read_u8(&r));
        if (r.failed || at > len || other.len > len - at)
            return ERR_BAD;
        if (other.len)
            memcpy(bytes + at, other.p, other.len);
        at += other.len;
    }
    return r.failed ? ERR_BAD : 0;
}
