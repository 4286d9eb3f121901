/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of the crew say to one another: types of frames (loop/channel.h) and their bodies. */
#ifndef CHARON_DAEMON_FRAMES_H
#define CHARON_DAEMON_FRAMES_H

#include "loop/channel.h"
#include "loop/words.h"

enum frame {
    FRAME_ASK = 1,   /* words.h; also parent -> hand: ask_traffic() */
    FRAME_ANSWER,    /* words.h */
    FRAME_EVENT,     /* words.h: hand -> core */
    FRAME_VERDICT,   /* vault, judge -> hand: u32 generation, u16 connection, u32 handle, u64 until when */
    FRAME_ORDER,     /* words.h: parent -> core */
    FRAME_TELL,      /* words.h: core -> parent */
    FRAME_SAY,       /* any -> parent: u8 level, text */
    FRAME_CONFIGURE, /* parent -> any: u32 generation, u32 that of the one that runs, files (files.h); DONE */
    FRAME_ENABLE,    /* parent -> hand: u8 on, name of a connection; DONE */
    FRAME_DISARM,    /* parent -> hand; DONE */
    FRAME_STATUS,    /* parent -> core, hand; DONE with the text */
    FRAME_DONE,      /* any -> parent: i32 error, text. The first one says that the process is ready */
    FRAME_OPEN,      /* vault, judge -> parent: u8 kind, reference of a file */
    FRAME_OPENED,    /* parent -> vault, judge: i32 error, text; with the descriptor when there is no error */
    FRAME_PING,      /* parent -> any, now and then */
    FRAME_PONG,      /* any -> parent: alive */
    FRAME_NEIGHBOUR, /* parent -> any: u8 role, with a descriptor: speak to it there from now on */
};

/* The parent's own question about a Child SA; no ticket of the core's is like it. */
#define TRAFFIC_SLOT UINT32_MAX
struct ask ask_traffic(uint32_t spi_in, uint32_t spi_out, const struct addr *local);

void frame_say(struct channel *, enum level, const char *sentence);
void frame_done(struct channel *, int err, struct span text);
int frame_done_read(struct span body, struct text *out); /* the error it carries, or ERR_BAD */
void frame_ask(struct channel *, const struct ask *);
void frame_answer(struct channel *, const struct answer *);

#endif
