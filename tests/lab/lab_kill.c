/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lab_kill - ends a process by SIGKILL as it enters its N-th system call from now on.
 *
 *     lab_kill PID N                      a process that lives
 *     lab_kill -K N COMMAND...            the K-th process that COMMAND forks (0: itself), from its first one on
 *
 * Says "ready PID" (its own) once it watches, then "killed at N in NR, SECONDS.MICROSECONDS" (the number of the system call; the
 * wall clock), or on SIGTERM "not reached: COUNT". N = 0 only counts. After either, nothing is traced any more. With a command
 * it stays until that ends, and ends like it: by its status, or 128 and the signal.
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
#include <time.h>
#include <unistd.h>

enum { AT_ENTRY = 1 }; /* PTRACE_EVENTMSG_SYSCALL_ENTRY, which glibc does not know */
enum { MANY = 64 };
#define FORKS (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK)

struct hunt {
    pid_t main, target; /* main: of the command, or 0 */
    long wanted, forks; /* forks: how many until the target is born; -1 = it is */
    long count;
    bool ended; /* what was to be said is said */
    int born;
    pid_t family[MANY]; /* all that the command forked: a traced process cannot be traced by the next hunter */
};
static volatile sig_atomic_t over;

static void on_signal(int s)
{
    (void)s;
    over = 1;
}

static void say(const char *format, long a, long b)
{
    printf(format, a, b);
    fflush(stdout);
}

static long call_number(pid_t pid)
{
    return ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, orig_rax), 0);
}

static int hunt_begin(struct hunt *h, char **command)
{
    if (!command) {
        if (ptrace(PTRACE_SEIZE, h->target, 0, PTRACE_O_TRACESYSGOOD) || ptrace(PTRACE_INTERRUPT, h->target, 0, 0))
            return -1;
        return 0;
    }
    h->main = fork();
    if (h->main == 0) {
        raise(SIGSTOP);
        execv(command[0], command);
        _exit(127);
    }
    if (h->main < 0 || waitpid(h->main, NULL, WUNTRACED) < 0 || ptrace(PTRACE_SEIZE, h->main, 0, PTRACE_O_TRACESYSGOOD | FORKS))
        return -1;
    h->family[h->born++] = h->main;
    if (h->forks == 0) {
        h->target = h->main;
        h->forks = -1;
    }
    return kill(h->main, SIGCONT);
}

/* Lets all go: each stops once more, for which hunt_go() detaches it. */
static void hunt_end(struct hunt *h)
{
    h->ended = true;
    for (int i = 0; i < h->born; i++)
        ptrace(PTRACE_INTERRUPT, h->family[i], 0, 0);
}

static void hunt_call(struct hunt *h, pid_t pid)
{
    unsigned long where = 0;
    long call = call_number(pid);
    struct timespec t;

    ptrace(PTRACE_GETEVENTMSG, pid, 0, &where);
    if (where != AT_ENTRY || ++h->count != h->wanted)
        return;
    clock_gettime(CLOCK_REALTIME, &t);
    kill(pid, SIGKILL);
    printf("killed at %ld in %ld, %lld.%06ld\n", h->count, call, (long long)t.tv_sec, t.tv_nsec / 1000);
    fflush(stdout);
    hunt_end(h);
}

/* A stop of `pid`: what signal it is to go on with. */
static int hunt_stop(struct hunt *h, pid_t pid, int status)
{
    int signal = WSTOPSIG(status), event = status >> 16;
    unsigned long child = 0;

    if (signal == (SIGTRAP | 0x80)) {
        if (pid == h->target)
            hunt_call(h, pid);
        return 0;
    }
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
        ptrace(PTRACE_GETEVENTMSG, pid, 0, &child);
        if (h->born < MANY)
            h->family[h->born++] = (pid_t)child;
        if (h->forks > 0 && --h->forks == 0) {
            h->target = (pid_t)child;
            h->forks = -1;
        }
    }
    return event || signal == SIGTRAP ? 0 : signal;
}

static void hunt_go(const struct hunt *h, pid_t pid, int signal)
{
    if (h->ended)
        ptrace(PTRACE_DETACH, pid, 0, signal);
    else
        ptrace(pid == h->target ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, signal);
}

/* Until the target has ended, and the command with it; its exit status. */
static int hunt_run(struct hunt *h)
{
    int status, result = 0;
    pid_t pid;

    while ((pid = waitpid(-1, &status, __WALL)) > 0 || (pid < 0 && errno == EINTR)) {
        if (over && !h->ended) {
            say("not reached: %ld\n", h->count, 0);
            hunt_end(h);
            if (!h->main)
                return 1;
        }
        if (pid < 0)
            continue;
        if (WIFSTOPPED(status)) {
            hunt_go(h, pid, hunt_stop(h, pid, status));
            continue;
        }
        if (pid == h->main)
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (pid == (h->main ? h->main : h->target))
            break;
    }
    return result;
}

int main(int argc, char **argv)
{
    const struct sigaction act = {.sa_handler = on_signal};
    struct hunt h = {.forks = -1};
    char **command = NULL;
    int result;

    if (argc > 3 && argv[1][0] == '-') {
        h.forks = strtol(argv[1] + 1, NULL, 10);
        command = argv + 3;
    } else if (argc == 3) {
        h.target = (pid_t)strtol(argv[1], NULL, 10);
    }
    h.wanted = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    if ((!command && h.target < 1) || hunt_begin(&h, command)) {
        fprintf(stderr, "lab_kill PID N | -K N COMMAND...: %s\n", strerror(errno));
        return 2;
    }
    say("ready %ld\n", getpid(), 0);
    result = hunt_run(&h);
    if (!h.ended)
        say("not reached: %ld\n", h.count, 0);
    return result;
}
