/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "daemon/jail.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where the users of packaging/charon-lite.sysusers do not exist: numbers that nobody has. */
enum { UID_BASE = 1128464384 };

const char *role_name(enum role r)
{
    static const char *const names[] = {"core", "vault", "judge", "hand", "fetch"};

    return r < ROLE_COUNT ? names[r] : "?";
}

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void close_from_to(unsigned from, unsigned to)
{
    if (from <= to && syscall(SYS_close_range, from, to, 0))
        for (unsigned fd = from; fd <= to && fd < 65536; fd++)
            close((int)fd);
}

void jail_close_but(const int *keep, size_t n)
{
    int sorted[64];
    unsigned from = 3;

    if (n > COUNT_OF(sorted))
        n = COUNT_OF(sorted);
    memcpy(sorted, keep, n * sizeof(*keep));
    qsort(sorted, n, sizeof(*sorted), by_value);
    for (size_t i = 0; i < n; i++) {
        if (sorted[i] < (int)from)
            continue;
        if (sorted[i] > (int)from)
            close_from_to(from, (unsigned)sorted[i] - 1);
        from = (unsigned)sorted[i] + 1;
    }
    close_from_to(from, ~0u);
}

static void set_limit(int what, rlim_t value)
{
    const struct rlimit l = {value, value};

    setrlimit(what, &l);
}

void jail_basics(enum role role, int parent_pid)
{
    char name[16];
    struct text title = text_in(name, sizeof(name));
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null >= 0)
        dup2(null, STDIN_FILENO), close(null);
    for (int s = 1; s < 32; s++)
        signal(s, s == SIGTERM || s == SIGINT || s == SIGHUP || s == SIGPIPE ? SIG_IGN : SIG_DFL); /* the parent hears them */
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    text_add(&title, "charon-%s", role_name(role));
    prctl(PR_SET_NAME, name, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent_pid)
        _exit(1);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_NOFILE, role == ROLE_FETCH ? 256 : 96);
}

static void keep_capabilities(enum role role)
{
    capng_clear(CAPNG_SELECT_BOTH);
    if (role == ROLE_HAND)
        capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED), CAP_NET_ADMIN);
}

/* Where no user of the role's name exists: a number that nobody has. */
static void find_user(struct jail *j, enum role role)
{
    char name[64];
    struct text t = text_in(name, sizeof(name));
    struct passwd *pw;

    text_add(&t, "charon-lite-%s", role_name(role));
    pw = getpwnam(name);
    j->uid[role] = pw ? (int)pw->pw_uid : UID_BASE + (int)role;
    j->gid[role] = pw ? (int)pw->pw_gid : UID_BASE + (int)role;
}

/* Needs CAP_SYS_ADMIN: a help where it can be had. The caller must come back to where it was. */
static int find_no_net(struct jail *j, struct text *why)
{
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), err = 0;

    j->no_net = -1;
    if (here < 0)
        return 0;
    if (!unshare(CLONE_NEWNET)) {
        j->no_net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (setns(here, CLONE_NEWNET)) {
            text_add(why, "cannot return to the network namespace of the start: %s", strerror(errno));
            err = ERR_IO;
        }
    }
    close(here);
    return err;
}

void jail_init(struct jail *j, bool one_uid)
{
    *j = (struct jail){.one_uid = one_uid, .no_net = -1};
}

int jail_prepare(struct jail *j, enum role role, struct text *why)
{
    const unsigned netless = 1u << ROLE_VAULT | 1u << ROLE_JUDGE, before = j->prepared, self = 1u << role;

    j->prepared |= self;
    if (!j->one_uid && !(before & self))
        find_user(j, role);
    return self & netless && !(before & netless) ? find_no_net(j, why) : 0;
}

void jail_done(struct jail *j)
{
    if (j->no_net >= 0)
        close(j->no_net);
    j->no_net = -1;
}

static int change_user(enum role role, const struct jail *j, struct text *why)
{
    int err = capng_change_id(j->uid[role], j->gid[role], (capng_flags_t)(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING));

    if (!err)
        return 0;
    text_add(why, "%s cannot become user %d (%s, step %d): it needs root, outside a user namespace; --one-uid goes without",
             role_name(role), j->uid[role], strerror(errno), err);
    return ERR_REFUSED;
}

/* Without one to share (no /proc, too many descriptors) it makes its own, if it may. */
static int leave_net(const struct jail *j, struct text *why)
{
    int err = j->no_net < 0 ? 0 : setns(j->no_net, CLONE_NEWNET);

    if (err)
        text_add(why, "cannot leave the network: %s", strerror(errno));
    if (j->no_net >= 0)
        close(j->no_net);
    else if (unshare(CLONE_NEWNET))
        errno = 0; /* it may not */
    return err ? ERR_REFUSED : 0;
}

int jail_enter(enum role role, const struct jail *j, struct text *why)
{
    if ((role == ROLE_VAULT || role == ROLE_JUDGE) && leave_net(j, why))
        return ERR_REFUSED;
    if (capng_get_caps_process()) {
        text_add(why, "%s cannot read its own capabilities", role_name(role));
        return ERR_REFUSED;
    }
    keep_capabilities(role);
    if (j->one_uid) {
        capng_clear(CAPNG_SELECT_BOUNDS);
        if (capng_apply(CAPNG_SELECT_CAPS) && role != ROLE_HAND)
            errno = 0; /* had none */
    } else if (change_user(role, j, why)) {
        return ERR_REFUSED;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        text_add(why, "no_new_privs: %s", strerror(errno));
        return ERR_REFUSED;
    }
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a change of user sets it again */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return 0;
}
