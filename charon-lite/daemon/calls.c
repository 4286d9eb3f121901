/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that each role is left with (seccomp). Whatever is in no list ends the process; what libraries try in passing
 * (a configuration file, the number of processors) fails like a missing permission.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "daemon/jail.h"

/* Memory, time, waiting, speaking on what is open. */
static const int every_role[] = {
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(shutdown),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(getrandom),
    SCMP_SYS(futex),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getcpu),
    SCMP_SYS(rseq),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(membarrier),
    SCMP_SYS(lseek),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(getsockname),
};
/* Tried in passing: refused, not fatal. */
static const int refused[] = {
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(socket),
    SCMP_SYS(prlimit64),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(ioctl),
    SCMP_SYS(statx),
    SCMP_SYS(stat),
};
static const int core_calls[] = {SCMP_SYS(recvmmsg), SCMP_SYS(sendmmsg), SCMP_SYS(fcntl)};
static const int prover_calls[] = {SCMP_SYS(pread64), SCMP_SYS(fcntl)};
static const int hand_calls[] = {SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(bind),       SCMP_SYS(fcntl),
                                 SCMP_SYS(connect),    SCMP_SYS(recvmmsg),   SCMP_SYS(getdents64), SCMP_SYS(epoll_create1)};
static const int fetch_calls[] = {SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(bind),       SCMP_SYS(connect),
                                  SCMP_SYS(sendmmsg),   SCMP_SYS(recvmmsg),   SCMP_SYS(socket),     SCMP_SYS(getpeername),
                                  SCMP_SYS(ioctl),      SCMP_SYS(uname),      SCMP_SYS(fcntl),      SCMP_SYS(pread64),
                                  SCMP_SYS(access),     SCMP_SYS(faccessat),  SCMP_SYS(faccessat2), SCMP_SYS(readlink),
                                  SCMP_SYS(getdents64), SCMP_SYS(stat),       SCMP_SYS(statx),      SCMP_SYS(statfs),
                                  SCMP_SYS(ftruncate),  SCMP_SYS(fstatfs),    SCMP_SYS(getppid),    SCMP_SYS(pipe2),
                                  SCMP_SYS(select),     SCMP_SYS(sysinfo)};
static const struct {
    const int *v;
    size_t n;
} own[ROLE_COUNT] = {
    [ROLE_CORE] = {core_calls, COUNT_OF(core_calls)},      [ROLE_VAULT] = {prover_calls, COUNT_OF(prover_calls)},
    [ROLE_JUDGE] = {prover_calls, COUNT_OF(prover_calls)}, [ROLE_HAND] = {hand_calls, COUNT_OF(hand_calls)},
    [ROLE_FETCH] = {fetch_calls, COUNT_OF(fetch_calls)},
};

static bool in_own(enum role role, int call)
{
    for (size_t i = 0; i < own[role].n; i++)
        if (own[role].v[i] == call)
            return true;
    return false;
}

/* A call that this architecture does not have cannot be made either. */
static int rule(scmp_filter_ctx ctx, uint32_t action, int call)
{
    int err = seccomp_rule_add(ctx, action, call, 0);

    return err == -EDOM ? 0 : err;
}

/* Memory is never both written and run; only fetch maps code (the modules of the name service). */
static int rules_memory(scmp_filter_ctx ctx, enum role role)
{
    const struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

    if (role == ROLE_FETCH)
        return rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap)) || rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect));
    return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_exec) ||
           seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_exec);
}

/* Files to read, for fetch (hosts, resolv.conf) and hand (resolv.conf); the hand's sockets are netlink. */
static int rules_files(scmp_filter_ctx ctx, enum role role)
{
    const struct scmp_arg_cmp reading = SCMP_A2(SCMP_CMP_MASKED_EQ, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 0);
    const struct scmp_arg_cmp netlink = SCMP_A0(SCMP_CMP_EQ, AF_NETLINK);
    int err = 0;

    if (role == ROLE_HAND || role == ROLE_FETCH)
        err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, reading);
    if (!err && role == ROLE_HAND)
        err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, netlink);
    return err;
}

static int rules_all(scmp_filter_ctx ctx, enum role role)
{
    int err = rules_memory(ctx, role);

    if (!err)
        err = rules_files(ctx, role);
    for (size_t i = 0; i < COUNT_OF(every_role) && !err; i++)
        err = rule(ctx, SCMP_ACT_ALLOW, every_role[i]);
    for (size_t i = 0; i < own[role].n && !err; i++)
        err = rule(ctx, SCMP_ACT_ALLOW, own[role].v[i]);
    for (size_t i = 0; i < COUNT_OF(refused) && !err; i++) {
        bool special = (refused[i] == SCMP_SYS(openat) && (role == ROLE_HAND || role == ROLE_FETCH)) ||
                       (refused[i] == SCMP_SYS(socket) && role == ROLE_HAND);

        if (!special && !in_own(role, refused[i]))
            err = rule(ctx, SCMP_ACT_ERRNO(EACCES), refused[i]);
    }
    return err;
}

int jail_calls(enum role role, struct text *why)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int err = ctx ? seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) : -ENOMEM; /* the worker threads too */

    if (!err)
        err = rules_all(ctx, role);
    if (!err)
        err = seccomp_load(ctx);
    if (ctx)
        seccomp_release(ctx);
    if (!err)
        return 0;
    text_add(why, "seccomp: %s", strerror(-err));
    return ERR_REFUSED;
}
