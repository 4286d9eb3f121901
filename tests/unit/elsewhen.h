/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of clocks: a process in which the machine has slept for ELSEWHEN_S seconds (time_namespaces(7)): CLOCK_BOOTTIME has
 * gone on, CLOCK_MONOTONIC has not.
 */
#ifndef CHARON_TEST_ELSEWHEN_H
#define CHARON_TEST_ELSEWHEN_H

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define ELSEWHEN_S 100000

enum elsewhen { ELSEWHEN_TRUE, ELSEWHEN_FALSE, ELSEWHEN_NOT_HERE }; /* NOT_HERE: this kernel or this user cannot */

/* For the children of this process. */
static inline bool elsewhen_made(void)
{
    char offset[40];
    int n = snprintf(offset, sizeof offset, "boottime %d 0\n", ELSEWHEN_S), fd = -1;
    bool ok = !unshare(CLONE_NEWTIME) && (fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC)) >= 0 &&
              write(fd, offset, (size_t)n) == n;

    if (fd >= 0)
        close(fd);
    return ok;
}

static inline int elsewhen_wait(pid_t pid)
{
    int status;

    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : ELSEWHEN_FALSE;
}

/* What is true in there? `law` runs in a process of its own, and must not call cmocka's assertions. */
static inline enum elsewhen elsewhen(bool (*law)(void))
{
    pid_t pid = fork();

    if (pid != 0)
        return (enum elsewhen)elsewhen_wait(pid);
    if (!elsewhen_made())
        _exit(ELSEWHEN_NOT_HERE);
    pid = fork(); /* who makes the namespace is not in it */
    if (pid != 0)
        _exit(elsewhen_wait(pid));
    alarm(10);
    _exit(law() ? ELSEWHEN_TRUE : ELSEWHEN_FALSE);
}

#endif
