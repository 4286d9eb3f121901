/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socketpair between two of our processes: frames of a type and bytes, in order, written together and read together, now and
 * then with a descriptor. Frames are bounded and the reader trusts no length: the other end may have been taken over.
 *
 *     channel_begin(type) -> write the body with base/'s writers -> channel_end ... -> channel_flush (one system call for all)
 *
 * A channel whose other end is gone, sends nonsense or does not read is closed: `frame` is then called once with CHANNEL_CLOSED.
 */
#ifndef CHARON_LOOP_CHANNEL_H
#define CHARON_LOOP_CHANNEL_H

#include "loop/loop.h"

#define CHANNEL_FRAME_MAX (64u << 20) /* bytes of a frame: a configuration with all its files */
#define CHANNEL_QUEUE_MAX (128u << 20)
#define CHANNEL_FDS_MAX 8    /* descriptors that came and have not been taken */
enum { CHANNEL_CLOSED = 0 }; /* frame types of users begin with 1 */

struct channel;
/* The body is borrowed for the call. The channel may be freed inside. */
typedef void channel_fn(void *ctx, struct channel *, uint8_t type, struct span body);

int channel_pair(int fds[2]) MUST_USE; /* non-blocking, closed on exec; 0 or ERR_IO */
/* Takes the descriptor. The loop may be NULL: then only channel_wait() reads. */
struct channel *channel_new(struct loop *, int fd, channel_fn *, void *ctx);
struct channel *channel_free(struct channel *);
int channel_fd(const struct channel *);
bool channel_dead(const struct channel *);

/* The buffer to write one frame's body to; NULL when the channel is dead. */
struct buf *channel_begin(struct channel *, uint8_t type);
void channel_end(struct channel *); /* a body whose writing failed is dropped, and the channel with it */
/* A frame with a descriptor, sent at once with all before it. The descriptor stays the caller's. */
void channel_send_fd(struct channel *, uint8_t type, struct span body, int fd);
int channel_take_fd(struct channel *); /* the oldest one that came, now the caller's; -1 = none */
void channel_flush(struct channel *);
void channel_pull(struct channel *); /* reads what has come already, and calls `frame` for it; not inside its own callback */
/* Reads and calls `frame` until *done, or `until` (loop_now()). 0, ERR_AGAIN when it is too late, ERR_IO when it was closed. */
int channel_wait(struct channel *, const bool *done, usec_t until) MUST_USE;

#endif
