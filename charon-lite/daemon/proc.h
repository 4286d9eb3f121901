/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc - one process of the crew, seen from inside: a loop, a channel to the parent, one to each neighbour, and the role's own
 * work behind a table. The role is begun by proc_run() in the forked child and never returns.
 *
 *      parent --- ORDER, CONFIGURE ---> [ role ] <--- ASK, ANSWER, EVENT, VERDICT ---> neighbours
 */
#ifndef CHARON_DAEMON_PROC_H
#define CHARON_DAEMON_PROC_H

#include "conf/conf.h"
#include "daemon/frames.h"
#include "daemon/jail.h"
#include "net/net.h"
#include "vault/keystore.h"

struct proc;
struct proc_kind {
    /* Inside the jail; READY is said when it returns 0. */
    int (*open)(struct proc *, struct text *why);
    /* A frame that is not every role's. `from` is ROLE_COUNT for the parent. */
    void (*frame)(struct proc *, enum role from, uint8_t type, struct span body);
    int (*configure)(struct proc *, struct conf *, struct text *why);
    bool configure_opens; /* it asks the parent for files, so it waits until the parent's channel is free */
    void (*gone)(struct proc *, enum role from); /* may be NULL: a neighbour has ended; another may be named */
};
extern const struct proc_kind proc_core, proc_vault, proc_judge, proc_hand, proc_fetch;

#define PROC_REPLY_WAIT (60 * USEC_SEC) /* the parent's patience with each */
#define PROC_HISTORY 3
struct proc_link {
    struct proc *proc;
    enum role role;
    struct channel *channel; /* NULL = none */
};
struct proc {
    enum role role;
    const struct proc_kind *kind;
    struct conf *conf; /* what runs */
    const struct net_sockets *sockets;
    const struct jail *jail;
    bool dry_run, sandbox_off;
    int parent_pid;
    int keylog_fd; /* core only; -1 = none */
    int names_fd;  /* fetch only: what names were last; -1 = none */
    int token_fd;  /* vault only: the secret of our tokens (token_file.h); -1 = none */
    /* from here on proc_run()'s */
    struct loop *loop;
    struct proc_link parent, links[ROLE_COUNT];
    struct conf *pending;
    struct conf *history[PROC_HISTORY]; /* snapshots by generation: a reload that failed elsewhere leaves one that does not run */
    int done_err;                       /* of FRAME_OPENED */
    bool done;
    char done_why[300];
    void *self; /* the role's */
};
/* links[r] < 0: no such neighbour. Takes the descriptors. */
_Noreturn void proc_run(struct proc *, int parent_fd, const int link_fds[ROLE_COUNT]);

/* NULL when there is none, or it has ended. */
struct channel *proc_link(const struct proc *, enum role);
void proc_say(struct proc *, enum level, const char *sentence);
void proc_flush(void *proc); /* all channels, and what waited for the end of a turn: the role's after-hook */
/* A file that the configuration names, opened by the parent: a descriptor, or ERR_* and why. */
int proc_open_file(struct proc *, enum keystore_kind, const char *ref, struct text *why) MUST_USE;

#endif
