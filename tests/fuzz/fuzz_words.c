/* SPDX-License-Identifier: Apache-2.0 */
/* Words between processes: the first byte says which, the rest is its body. What is read must be written, and read again, to the
 * same bytes. Then the same bytes as a bundle of files, and as a line of the control socket. */
#include "ctl/request.h"
#include "daemon/files.h"
#include "loop/words.h"

#include "driver.h"

#include <stdio.h>
#include <stdlib.h>

extern const struct alg_registry alg_registry;

enum { ASK, ANSWER, EVENT, ORDER, TELL, KINDS };

struct word {
    struct ask ask;
    struct answer answer;
    struct event event;
    struct order order;
    struct tell tell;
};

static int get(unsigned kind, struct span bytes, struct arena *arena, struct word *w)
{
    struct reader r = reader_of(bytes);

    switch (kind) {
    case ASK:
        return words_get_ask(&r, &alg_registry, arena, &w->ask);
    case ANSWER:
        return words_get_answer(&r, arena, &w->answer);
    case EVENT:
        return words_get_event(&r, arena, &w->event);
    case ORDER:
        return words_get_order(&r, arena, &w->order);
    default:
        return words_get_tell(&r, arena, &w->tell);
    }
}

static void put(unsigned kind, struct buf *b, const struct word *w)
{
    if (kind == ASK)
        words_put_ask(b, &w->ask);
    else if (kind == ANSWER)
        words_put_answer(b, &w->answer);
    else if (kind == EVENT)
        words_put_event(b, &w->event);
    else if (kind == ORDER)
        words_put_order(b, &w->order);
    else
        words_put_tell(b, &w->tell);
}

static void one_word(unsigned kind, struct span bytes)
{
    struct buf one, two;
    struct arena arena;
    struct word w;

    arena_init(&arena, 1 << 20);
    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    if (!get(kind, bytes, &arena, &w)) {
        put(kind, &one, &w);
        if (one.failed || get(kind, buf_view(&one), &arena, &w))
            abort();
        put(kind, &two, &w);
        if (!span_equal(buf_view(&one), buf_view(&two)))
            abort();
        if (kind == TELL)
            free(fact_format(&w.tell, 1));
    }
    buf_done(&one);
    buf_done(&two);
    arena_done(&arena);
}

static void one_line(struct span bytes)
{
    char why[400];
    struct text t = text_in(why, sizeof(why));
    struct arena arena;
    struct ctl_line l;

    arena_init(&arena, 1 << 16);
    if (bytes.len <= CTL_LINE_MAX && ctl_line_read(bytes, &arena, &l, &t) && !why[0] && !arena.failed)
        abort(); /* an error without a reason */
    arena_done(&arena);
}

static void one_bundle(struct span bytes)
{
    struct reader r = reader_of(bytes);
    struct files files;

    if (!files_get(&r, &files))
        for (size_t i = 0; i < files.n; i++)
            if (!files.v[i])
                abort();
    files_done(&files);
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    if (!len)
        return 0;
    one_word(data[0] % KINDS, span_of(data + 1, len - 1));
    one_line(span_of(data, len));
    one_bundle(span_of(data + 1, len - 1));
    return 0;
}

FUZZ_MAIN(100000, "words", "fuzz/words")
