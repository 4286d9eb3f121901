/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew - core, vault, judge, hand and fetch, as the steward sees them: one thing that takes orders and configurations and tells
 * facts. Either all in this process (single.c) or one process each (split.c).
 */
#ifndef CHARON_DAEMON_CREW_H
#define CHARON_DAEMON_CREW_H

#include "conf/conf.h"
#include "daemon/files.h"
#include "daemon/options.h"
#include "loop/loop.h"
#include "net/net.h"
#include "port/port.h"

struct crew;
struct crew_setup {
    struct loop *loop;
    const struct options *options;
    struct conf *conf;                 /* the first snapshot */
    const struct files *files;         /* what it was read from; stay the caller's until configure() */
    int keylog_fd, names_fd, token_fd; /* -1 = none */
    struct net_sockets sockets;        /* stay the caller's */
    void (*tell)(void *ctx, const struct tell *);
    void (*say)(void *ctx, enum level, const char *sentence);
    void (*restarted)(void *ctx); /* the core began anew: what it was asked will not be answered */
    void (*fail)(void *ctx);      /* it cannot be kept alive */
    void *ctx;
};
struct crew_kind {
    /* Everything protected is closed before it returns. NULL with a sentence in `why`. */
    struct crew *(*open)(const struct crew_setup *, struct text *why);
    struct crew *(*close)(struct crew *); /* what is in the kernel stays */
    void (*order)(struct crew *, const struct order *);
    /* The new snapshot everywhere, or nowhere: 0, or ERR_* and why. */
    int (*configure)(struct crew *, struct conf *, const struct files *, struct text *why);
    int (*enable)(struct crew *, const char *connection, bool on); /* off: its selectors are open */
    void (*disarm)(struct crew *);                                 /* at the end: traps become blocks, SAs go */
    void (*status)(struct crew *, struct text *out);
    /* The traffic of a Child SA, from the kernel; out->u.query. 0 or ERR_*. */
    int (*traffic)(struct crew *, uint32_t spi_in, uint32_t spi_out, const struct addr *local, struct answer *out);
};
extern const struct crew_kind crew_single, crew_split;

#endif
