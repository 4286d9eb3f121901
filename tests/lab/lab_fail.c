/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lab_fail - makes system calls of a living process fail.
 *
 *     lab_fail PID CALL ERRNO undone|done SKIP COUNT FD...
 *
 * CALL and ERRNO are numbers. Of the calls whose first argument is one of FD..., SKIP go through and the next COUNT fail (0:
 * all): `undone` without having been made, `done` after they were. (strace's injection replaces the call by one that does not
 * exist, and a system call filter ends the process for that.) Says "ready"; on SIGTERM, or after COUNT, "failed N", and lets go.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

enum { FDS_MAX = 16, AT_ENTRY = 1 }; /* PTRACE_EVENTMSG_SYSCALL_ENTRY, which glibc does not know */
struct fault {
    pid_t pid;
    long call, error, skip, count, failed;
    long fds[FDS_MAX];
    int n_fds;
    bool done, inside, failing;
    unsigned long fd;
};
static volatile sig_atomic_t over;

static void on_signal(int s)
{
    (void)s;
    over = 1;
}

static long peek(const struct fault *f, size_t at)
{
    return ptrace(PTRACE_PEEKUSER, f->pid, at, 0);
}

static void poke(const struct fault *f, size_t at, long value)
{
    ptrace(PTRACE_POKEUSER, f->pid, at, value);
}

#define REG(name) offsetof(struct user_regs_struct, name)

static bool wanted(struct fault *f)
{
    bool ours = false;

    if (peek(f, REG(orig_rax)) != f->call)
        return false;
    f->fd = (unsigned long)peek(f, REG(rdi));
    for (int i = 0; i < f->n_fds; i++)
        ours |= (int)f->fd == (int)f->fds[i];
    if (!ours || f->skip-- > 0)
        return false;
    return !f->count || f->failed < f->count;
}

/* On the way in the call loses its descriptor, so that it does nothing; on the way out it gets its result. */
static void call_stop(struct fault *f)
{
    unsigned long where = 0;

    ptrace(PTRACE_GETEVENTMSG, f->pid, 0, &where);
    f->inside = where == AT_ENTRY;
    if (f->inside) {
        f->failing = wanted(f);
        if (f->failing && !f->done)
            poke(f, REG(rdi), -1);
    } else if (f->failing) {
        poke(f, REG(rdi), (long)f->fd);
        poke(f, REG(rax), -f->error);
        f->failed++;
    }
}

/* It is let go when this process ends, but never within a call that is made to fail. */
static int run(struct fault *f)
{
    int status;

    for (;;) {
        pid_t got = waitpid(f->pid, &status, __WALL);
        int signal = 0;

        if (got < 0 && errno != EINTR)
            return 1;
        if (got > 0 && !WIFSTOPPED(status))
            return 1;
        if (got > 0 && WSTOPSIG(status) == (SIGTRAP | 0x80))
            call_stop(f);
        else if (got > 0 && !(status >> 16))
            signal = WSTOPSIG(status);
        if (!(f->inside && f->failing) && (over || (f->count && f->failed >= f->count)))
            return 0;
        if (got > 0)
            ptrace(PTRACE_SYSCALL, f->pid, 0, signal);
    }
}

int main(int argc, char **argv)
{
    const struct sigaction act = {.sa_handler = on_signal};
    struct fault f = {0};
    int result;

    if (argc < 8 || argc - 7 > FDS_MAX) {
        fprintf(stderr, "lab_fail PID CALL ERRNO undone|done SKIP COUNT FD...\n");
        return 2;
    }
    f.pid = (pid_t)strtol(argv[1], NULL, 10);
    f.call = strtol(argv[2], NULL, 10);
    f.error = strtol(argv[3], NULL, 10);
    f.done = !strcmp(argv[4], "done");
    f.skip = strtol(argv[5], NULL, 10);
    f.count = strtol(argv[6], NULL, 10);
    for (int i = 7; i < argc; i++)
        f.fds[f.n_fds++] = strtol(argv[i], NULL, 10);
    sigaction(SIGTERM, &act, NULL);
    if (ptrace(PTRACE_SEIZE, f.pid, 0, PTRACE_O_TRACESYSGOOD) || ptrace(PTRACE_INTERRUPT, f.pid, 0, 0)) {
        fprintf(stderr, "lab_fail: %s\n", strerror(errno));
        return 2;
    }
    printf("ready\n");
    fflush(stdout);
    result = run(&f);
    printf("failed %ld\n", f.failed);
    return result;
}
