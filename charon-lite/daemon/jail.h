/* SPDX-License-Identifier: Apache-2.0 */
/* What a process of the crew gives up before it hears its first word. */
#ifndef CHARON_DAEMON_JAIL_H
#define CHARON_DAEMON_JAIL_H

#include "base/base.h"

enum role { ROLE_CORE, ROLE_VAULT, ROLE_JUDGE, ROLE_HAND, ROLE_FETCH, ROLE_COUNT };
const char *role_name(enum role);

/* What the parent finds out once for all of them: a look-up of users loads libraries, a network namespace takes the kernel a
 * while. */
struct jail {
    bool one_uid; /* the user stays */
    int uid[ROLE_COUNT], gid[ROLE_COUNT];
    unsigned prepared; /* bits of roles */
    int no_net;        /* a network namespace with nothing in it, for vault and judge; -1 = none could be had */
};
void jail_init(struct jail *, bool one_uid);
/* In the parent, before the role is forked: looks up its user and, once, makes the network namespace. 0, or ERR_* and why. */
int jail_prepare(struct jail *, enum role, struct text *why) MUST_USE;
void jail_done(struct jail *);

/* Descriptors: all but 0, 1, 2 and `keep` are closed. */
void jail_close_but(const int *keep, size_t n);
/* Signals as a child wants them, end with the parent, no core dump, no ptrace by others of the same user. */
void jail_basics(enum role, int parent_pid);
/* Network, user, capabilities, no_new_privs: only the hand keeps CAP_NET_ADMIN. 0, or ERR_* and why. */
int jail_enter(enum role, const struct jail *, struct text *why) MUST_USE;
/* The system calls that are left. After everything is open and every thread runs. */
int jail_calls(enum role, struct text *why) MUST_USE;

#endif
