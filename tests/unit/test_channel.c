/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/channel.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORD = 1, GIFT = 2, ECHO = 3 };

struct end {
    struct channel *channel;
    unsigned words, closed;
    size_t bytes;
    uint32_t last, sum;
    bool done, free_it;
};
struct world {
    struct loop *loop;
    struct end a, b;
    int raw[2];
};

static void heard(void *ctx, struct channel *c, uint8_t type, struct span body)
{
    struct end *e = ctx;
    struct reader r = reader_of(body);

    if (type == CHANNEL_CLOSED) {
        e->closed++;
        return;
    }
    e->words++;
    e->bytes += body.len;
    e->last = read_u32(&r);
    if (body.len > 4)
        e->sum += body.p[body.len - 1];
    if (type == ECHO) {
        buf_span(channel_begin(c, WORD), body);
        channel_end(c);
        channel_flush(c);
    }
    e->done = true;
    if (e->free_it)
        e->channel = channel_free(c);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    int fds[2];

    w->loop = loop_new();
    if (channel_pair(fds))
        return -1;
    w->raw[0] = fds[0];
    w->raw[1] = fds[1];
    w->a.channel = channel_new(w->loop, fds[0], heard, &w->a);
    w->b.channel = channel_new(w->loop, fds[1], heard, &w->b);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    channel_free(w->a.channel);
    channel_free(w->b.channel);
    loop_free(w->loop);
    free(w);
    return 0;
}

static void say(struct end *e, uint8_t type, uint32_t number, size_t more)
{
    struct buf *b = channel_begin(e->channel, type);

    assert_non_null(b);
    buf_u32(b, number);
    for (size_t i = 0; i < more; i++)
        buf_u8(b, (uint8_t)i);
    channel_end(e->channel);
}

static void turns(struct world *w, int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(loop_turn(w->loop, false), 0);
}

static void frames_come_in_order(void **state)
{
    struct world *w = *state;

    for (uint32_t i = 0; i < 100; i++)
        say(&w->a, WORD, i, i);
    turns(w, 3);
    assert_int_equal(w->b.words, 0); /* nothing before a flush */
    channel_flush(w->a.channel);
    turns(w, 3);
    assert_int_equal(w->b.words, 100);
    assert_int_equal(w->b.last, 99);
    assert_int_equal(w->b.bytes, 400 + 99 * 100 / 2);
    say(&w->b, WORD, 7, 0);
    channel_flush(w->b.channel);
    turns(w, 3);
    assert_int_equal(w->a.last, 7);
}

static void a_large_frame_passes(void **state)
{
    struct world *w = *state;

    say(&w->a, WORD, 5, 9 << 20);
    say(&w->a, WORD, 6, 1);
    channel_flush(w->a.channel);
    for (int i = 0; i < 1000 && w->b.words < 2; i++)
        turns(w, 1);
    assert_int_equal(w->b.words, 2);
    assert_int_equal(w->b.last, 6);
    assert_int_equal(w->b.bytes, (9 << 20) + 9);
    assert_int_equal(w->b.sum, 255);
}

static void descriptors_travel(void **state)
{
    struct world *w = *state;
    int pipes[2], fd;
    char in[2] = "";

    assert_int_equal(pipe(pipes), 0);
    say(&w->a, WORD, 1, 0);
    channel_send_fd(w->a.channel, GIFT, span_of("\0\0\0\2", 4), pipes[1]);
    close(pipes[1]);
    turns(w, 5);
    assert_int_equal(w->b.words, 2);
    assert_int_equal(w->b.last, 2);
    fd = channel_take_fd(w->b.channel);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(channel_take_fd(w->b.channel), -1);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(read(pipes[0], in, 1), 1);
    assert_string_equal(in, "x");
    close(fd);
    close(pipes[0]);
}

static void an_end_is_told_once(void **state)
{
    struct world *w = *state;

    say(&w->a, WORD, 1, 0);
    channel_flush(w->a.channel);
    w->a.channel = channel_free(w->a.channel);
    turns(w, 5);
    assert_int_equal(w->b.words, 1); /* what was said before is heard */
    assert_int_equal(w->b.closed, 1);
    assert_true(channel_dead(w->b.channel));
    assert_null(channel_begin(w->b.channel, WORD));
    channel_end(w->b.channel);
    channel_flush(w->b.channel);
    turns(w, 5);
    assert_int_equal(w->b.closed, 1);
}

static void nonsense_closes(void **state)
{
    static const struct span bad[] = {{(const uint8_t *)"\xff\xff\xff\xff\1", 5}, {(const uint8_t *)"\0\0\0\0\0", 5}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct world *w;

        assert_int_equal(setup((void **)&w), 0);
        assert_int_equal(send(w->raw[0], bad[i].p, bad[i].len, 0), bad[i].len);
        turns(w, 3);
        assert_int_equal(w->b.words, 0);
        assert_int_equal(w->b.closed, 1);
        teardown((void **)&w);
    }
}

static void too_much_unread_closes(void **state)
{
    struct world *w = *state;
    static uint8_t mega[1 << 20];

    for (int i = 0; i < 200 && !channel_dead(w->a.channel); i++) {
        struct buf *b = channel_begin(w->a.channel, WORD);

        buf_bytes(b, mega, sizeof(mega));
        channel_end(w->a.channel);
    }
    assert_true(channel_dead(w->a.channel));
}

static void may_be_freed_in_its_own_callback(void **state)
{
    struct world *w = *state;

    w->b.free_it = true;
    say(&w->a, WORD, 1, 0);
    say(&w->a, WORD, 2, 0);
    channel_flush(w->a.channel);
    turns(w, 3);
    assert_int_equal(w->b.words, 1);
    assert_null(w->b.channel);
}

static void waits_for_a_reply(void **state)
{
    struct world *w = *state;
    bool never = false;
    int status;
    pid_t child;

    assert_int_equal(channel_wait(w->a.channel, &never, loop_now() + 20 * USEC_MSEC), ERR_AGAIN);
    child = fork();
    if (!child) {
        bool no = false;

        if (channel_wait(w->b.channel, &w->b.done, loop_now() + 5 * USEC_SEC))
            _exit(1);
        _exit(channel_wait(w->b.channel, &no, loop_now() + 20 * USEC_MSEC) == ERR_AGAIN ? 0 : 2);
    }
    say(&w->a, ECHO, 42, 0);
    assert_int_equal(channel_wait(w->a.channel, &w->a.done, loop_now() + 5 * USEC_SEC), 0);
    assert_int_equal(w->a.last, 42);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    w->b.channel = channel_free(w->b.channel);
    assert_int_equal(channel_wait(w->a.channel, &never, loop_now() + 5 * USEC_SEC), ERR_IO);
}

#define HERE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HERE(frames_come_in_order), HERE(a_large_frame_passes),
        HERE(descriptors_travel),   HERE(an_end_is_told_once),
        HERE(nonsense_closes),      HERE(too_much_unread_closes),
        HERE(waits_for_a_reply),    HERE(may_be_freed_in_its_own_callback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
