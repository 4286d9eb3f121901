/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl - the control socket: orders in, facts out, one JSON object a line (UTF-8, ended by a newline).
 *
 *     {"do":"up","connection":"paris","child":"lan","wait":true,"id":7}
 *     <- {"id":7,"fact":"retransmit","level":"info","connection":"paris","text":"..."}
 *     <- {"id":7,"fact":"done","ok":true,"text":"..."}
 *
 * `do`: up down rekey list counters watch reload disable enable print status stop. `id` is the client's own, given back with
 * every line of the reply. Each request ends with exactly one "done", but `watch`, which never ends. Hostile local users are
 * expected: lines, clients and queues are bounded, and who may speak is decided by SO_PEERCRED besides the socket's mode.
 */
#ifndef CHARON_CTL_H
#define CHARON_CTL_H

#include <sys/types.h>

#include "loop/loop.h"
#include "port/port.h"

enum {
    CTL_LINE_MAX = 8192,       /* bytes of a request */
    CTL_CLIENTS_MAX = 32,      /* connections at a time */
    CTL_WAITING_MAX = 64,      /* requests of one client that have no "done" yet */
    CTL_WATCH_QUEUE = 1 << 20, /* past this a watcher that does not read loses lines, and is told how many */
    CTL_QUEUE_MAX = 64 << 20,  /* past this a client is dropped */
};

#define CTL_VERBS(X)                                                                                                             \
    X(CTL_UP, "up")                                                                                                              \
    X(CTL_DOWN, "down")                                                                                                          \
    X(CTL_REKEY, "rekey")                                                                                                        \
    X(CTL_LIST, "list")                                                                                                          \
    X(CTL_COUNTERS, "counters")                                                                                                  \
    X(CTL_RELOAD, "reload")                                                                                                      \
    X(CTL_DISABLE, "disable")                                                                                                    \
    X(CTL_ENABLE, "enable")                                                                                                      \
    X(CTL_PRINT, "print")                                                                                                        \
    X(CTL_STATUS, "status")                                                                                                      \
    X(CTL_STOP, "stop")                                                                                                          \
    X(CTL_WATCH, "watch")
enum ctl_verb {
#define CTL_NAME(name, word) name,
    CTL_VERBS(CTL_NAME)
#undef CTL_NAME
        CTL_VERB_COUNT
};
const char *ctl_verb_word(enum ctl_verb);

struct ctl_request {
    enum ctl_verb verb;
    uint32_t id; /* ours, never 0: names the reply */
    bool wait;
    const char *connection, *child; /* NULL = not said; borrowed for the call */
    uid_t uid;
    pid_t pid;
};

struct ctl;
struct ctl_setup {
    struct loop *loop;
    int listen_fd; /* stays the caller's */
    gid_t group;   /* whose members may speak besides root and our own user; (gid_t)-1 = nobody else */
    void (*request)(void *ctx, const struct ctl_request *);
    void (*watched)(void *ctx); /* the first watcher has come, or the last one has gone */
    void *ctx;
};
struct ctl *ctl_new(const struct ctl_setup *);
struct ctl *ctl_free(struct ctl *);
/* To whoever waits for tell->order, and to the watchers; FACT_DONE ends the request. */
void ctl_tell(struct ctl *, const struct tell *);
/* Ends a request that the core does not answer. `text` may have many lines. */
void ctl_done(struct ctl *, uint32_t id, bool ok, const char *text);
void ctl_fail_all(struct ctl *, const char *text); /* whoever could answer is gone */
size_t ctl_clients(const struct ctl *);
size_t ctl_watchers(const struct ctl *);

/* The listening socket, mode 0660 and the group's where one is named. An old socket that nobody answers on is replaced; a live
 * one is ERR_EXISTS. Returns the descriptor or ERR_*. */
int ctl_listen(const char *path, const char *group, gid_t *gid, struct text *why) MUST_USE;

/* One fact as a line of JSON without its newline, `id` before all when it is >= 0; free() it. NULL without memory. */
char *fact_format(const struct tell *, long long id);
const char *fact_word(enum fact);
const char *level_word(enum level);

#endif
