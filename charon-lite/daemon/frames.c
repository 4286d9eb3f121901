/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/frames.h"

#include <string.h>

struct ask ask_traffic(uint32_t spi_in, uint32_t spi_out, const struct addr *local)
{
    struct ask a = {.to = ASK_HAND, .kind = ASK_CHILD_QUERY, .ticket = {TRAFFIC_SLOT, 0}};

    a.u.child.spi_in = spi_in;
    a.u.child.spi_out = spi_out;
    a.u.child.local.addr = *local;
    return a;
}

void frame_say(struct channel *c, enum level level, const char *sentence)
{
    struct buf *b = c ? channel_begin(c, FRAME_SAY) : NULL;

    if (!b)
        return;
    buf_u8(b, (uint8_t)level);
    buf_span(b, span_str(sentence));
    channel_end(c);
}

void frame_done(struct channel *c, int err, struct span text)
{
    struct buf *b = channel_begin(c, FRAME_DONE);

    if (!b)
        return;
    buf_u32(b, (uint32_t)err);
    buf_span(b, text);
    channel_end(c);
    channel_flush(c);
}

int frame_done_read(struct span body, struct text *out)
{
    struct reader r = reader_of(body);
    int err = (int)read_u32(&r);
    struct span text = read_rest(&r);

    if (r.failed)
        return ERR_BAD;
    for (size_t i = 0; i < text.len; i++) /* from a process that may have been taken over: no control characters */
        text_add(out, text.p[i] == '\n' || (text.p[i] >= 0x20 && text.p[i] != 0x7f) ? "%c" : "?", text.p[i]);
    return err > 0 ? ERR_BAD : err;
}

void frame_ask(struct channel *c, const struct ask *ask)
{
    struct buf *b = channel_begin(c, FRAME_ASK);

    if (b)
        words_put_ask(b, ask);
    channel_end(c);
}

void frame_answer(struct channel *c, const struct answer *a)
{
    struct buf *b = channel_begin(c, FRAME_ANSWER);

    if (b)
        words_put_answer(b, a);
    channel_end(c);
}
