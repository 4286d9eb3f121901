/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of wire/: a datagram, and a bare chain of payloads (what is inside SK). Whatever is accepted must be written, and
 * read again, to the same bytes; and must be printable. */
#include "wire/wire.h"

#include "driver.h"

#include <stdio.h>
#include <stdlib.h>

static void check(bool right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* Can all of it be written? An SA or a selector payload of which everything was left out cannot be read again. */
static bool is_whole(const struct payload *list)
{
    for (; list; list = list->next)
        if (list->type == PAYLOAD_SA && list->u.sa.n == 0)
            return false;
    return true;
}

static void format(const struct ike_header *h, const struct payload *list)
{
    char array[3000];
    struct text text = text_in(array, sizeof(array));

    msg_format(NULL, h, list, &text);
    check(text.len < sizeof(array) && array[text.len] == '\0', "the text is not within its array");
}

static void rewrite(uint8_t first, const struct payload *list)
{
    struct arena arena;
    struct payload *again;
    struct buf one, two;

    arena_init(&arena, 4 << 20);
    buf_init(&one, IKE_DATAGRAM_MAX);
    buf_init(&two, IKE_DATAGRAM_MAX);
    msg_write_payloads(&one, list);
    check(!one.failed, "what was read cannot be written");
    check(msg_read_payloads(&arena, first, buf_view(&one), 0, &again, NULL) == 0, "what was written cannot be read");
    msg_write_payloads(&two, again);
    check(!two.failed && span_equal(buf_view(&one), buf_view(&two)), "written twice, the message differs");
    buf_done(&one);
    buf_done(&two);
    arena_done(&arena);
}

static void read_chain(const struct ike_header *h, uint8_t first, struct span chain, size_t at)
{
    struct arena arena;
    struct payload *list;
    struct wire_error why;
    int err;

    arena_init(&arena, 4 << 20);
    err = msg_read_payloads(&arena, first, chain, at, &list, &why);
    if (err)
        check(why.offset <= at + chain.len && why.text[0], "an error without its place and reason");
    format(h, list);
    (void)payload_types(list);
    if (!err && is_whole(list))
        rewrite(first, list);
    arena_done(&arena);
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    struct span bytes = span_of(data, len);
    struct ike_header h;
    struct wire_error why;

    if (msg_read_header(bytes, &h, &why) == 0)
        read_chain(&h, h.next, span_part(bytes, IKE_HEADER_LEN, h.length - IKE_HEADER_LEN), IKE_HEADER_LEN);
    else
        check(why.offset <= len, "an error of the header without its place");
    if (len > IKE_HEADER_LEN) /* whatever its length says, as most mutations are of another length */
        read_chain(&h, data[16], span_part(bytes, IKE_HEADER_LEN, len), IKE_HEADER_LEN);
    if (len > 1)
        read_chain(NULL, data[0], span_part(bytes, 1, len), 1);
    return 0;
}

FUZZ_MAIN(300000, "wire", "fuzz/wire")
