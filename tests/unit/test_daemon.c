/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the daemon: files to snapshots, verdicts, the jail. */
#include "config.h"
#include "daemon/files.h"
#include "daemon/jail.h"
#include "daemon/verdicts.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char paris[] =
    "connections:\n  paris: { remote: 192.0.2.1, psk: file:p, local_net: [10.1.0.0/16], remote_net: [10.2.0.0/16] }\n";
static const char rome[] =
    "connections:\n  rome: { remote: 192.0.2.2, psk: file:p, local_net: [10.1.0.0/16], remote_net: [10.3.0.0/16] }\n";
static const char rome_changed[] =
    "connections:\n  rome: { remote: 192.0.2.3, psk: file:p, local_net: [10.1.0.0/16], remote_net: [10.3.0.0/16] }\n";

struct dir {
    char path[32];
};

static void put(const struct dir *d, const char *name, const char *text)
{
    char path[100];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", d->path, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup(void **state)
{
    struct dir *d = calloc(1, sizeof(*d));

    strcpy(d->path, "/tmp/files-XXXXXX");
    *state = d;
    return mkdtemp(d->path) ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"a.yaml", "b.yaml", ".hidden.yaml", "c.yml", "notes", NULL};
    struct dir *d = *state;
    char path[100];

    for (const char *const *n = names; *n; n++) {
        snprintf(path, sizeof(path), "%s/%s", d->path, *n);
        unlink(path);
    }
    rmdir(d->path);
    free(d);
    return 0;
}

static struct conf *read_dir(const struct dir *d, uint32_t generation, struct files *files)
{
    const char *paths[] = {d->path};
    char why[200];
    struct text t = text_in(why, sizeof(why));
    struct conf_report report;
    struct conf *conf;

    assert_int_equal(files_find(paths, 1, files, &t), 0);
    conf_report_init(&report);
    conf = files_read(files, generation, NULL, false, &report);
    conf_report_done(&report);
    return conf;
}

static void a_directory_is_its_yaml_files_sorted(void **state)
{
    struct dir *d = *state;
    struct files files;
    struct conf *c;

    put(d, "b.yaml", paris);
    put(d, "a.yaml", rome);
    put(d, ".hidden.yaml", "nonsense");
    put(d, "c.yml", "nonsense");
    put(d, "notes", "nonsense");
    c = read_dir(d, 1, &files);
    assert_int_equal(files.n, 2);
    assert_non_null(strstr(files.v[0], "/a.yaml"));
    assert_non_null(strstr(files.v[1], "/b.yaml"));
    assert_non_null(c);
    assert_int_equal(c->n_connections, 2);
    conf_unref(c);
    files_done(&files);
}

static void a_bundle_gives_the_same_snapshot(void **state)
{
    struct dir *d = *state;
    struct files files, copy;
    struct conf_report report;
    struct conf *c, *same;
    struct buf bytes, one, two;
    struct reader r;

    put(d, "a.yaml", paris);
    put(d, "b.yaml", rome);
    c = read_dir(d, 7, &files);
    buf_init(&bytes, FILES_BYTES_MAX);
    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    files_put(&files, &bytes);
    put(d, "a.yaml", "changed since\n"); /* the bundle holds what was read */
    for (size_t n = 0; n < bytes.len; n += 7) {
        r = reader_of(span_of(bytes.p, n));
        assert_int_not_equal(files_get(&r, &copy), 0);
        files_done(&copy);
    }
    r = reader_of(buf_view(&bytes));
    assert_int_equal(files_get(&r, &copy), 0);
    conf_report_init(&report);
    same = files_read(&copy, 7, NULL, false, &report);
    conf_report_done(&report);
    assert_non_null(same);
    conf_print(c, &one);
    conf_print(same, &two);
    assert_true(one.len && span_equal(buf_view(&one), buf_view(&two)));
    buf_done(&bytes);
    buf_done(&one);
    buf_done(&two);
    conf_unref(c);
    conf_unref(same);
    files_done(&files);
    files_done(&copy);
}

static void what_is_not_there_is_said(void **state)
{
    const char *paths[] = {"/nonexistent/x.yaml"};
    struct files files;
    char why[200];
    struct text t = text_in(why, sizeof(why));

    (void)state;
    assert_int_equal(files_find(paths, 1, &files, &t), ERR_NOT_FOUND);
    assert_non_null(strstr(why, "/nonexistent/x.yaml: No such file"));
    files_done(&files);
}

static void verdicts_go_with_what_stays_the_same(void **state)
{
    struct dir *d = *state;
    struct files files[3];
    struct conf *c1, *c2, *c3;
    struct verdicts *v;
    struct peer_ref p = {1, 0, 11}, q = {1, 1, 12}, wrong = {1, 1, 11}, none = {1, 0, 0};

    put(d, "a.yaml", paris);
    put(d, "b.yaml", rome);
    c1 = read_dir(d, 1, &files[0]);
    put(d, "b.yaml", rome_changed);
    c2 = read_dir(d, 2, &files[1]);
    c3 = read_dir(d, 3, &files[2]);
    v = verdicts_new(c1, 100);
    assert_false(verdicts_hold(v, &p, 5));
    verdicts_add(v, &p, USEC_NEVER);
    verdicts_add(v, &q, USEC_NEVER);
    verdicts_add(v, &none, USEC_NEVER);
    assert_int_equal(verdicts_count(v), 2);
    assert_true(verdicts_hold(v, &p, 5) && verdicts_hold(v, &q, 5));
    assert_false(verdicts_hold(v, &wrong, 5)); /* proved to be another */
    assert_false(verdicts_hold(v, &none, 5));
    verdicts_add(v, &(struct peer_ref){1, 0, 20}, 100); /* a certificate that ends */
    assert_true(verdicts_hold(v, &(struct peer_ref){1, 0, 20}, 99));
    assert_false(verdicts_hold(v, &(struct peer_ref){1, 0, 20}, 100));
    verdicts_configure(v, c2);
    assert_true(verdicts_hold(v, &p, 5) && verdicts_hold(v, &q, 5)); /* the core may still speak of the old snapshot */
    p.generation = q.generation = 2;
    assert_true(verdicts_hold(v, &p, 5));
    assert_false(verdicts_hold(v, &q, 5)); /* another peer is meant now */
    verdicts_configure(v, c3);
    p.generation = q.generation = 3;
    assert_true(verdicts_hold(v, &p, 5));
    assert_false(verdicts_hold(v, &q, 5));
    p.generation = 1;
    assert_false(verdicts_hold(v, &p, 5));
    verdicts_add(v, &(struct peer_ref){3, 2, 13}, USEC_NEVER); /* no such connection */
    verdicts_add(v, &(struct peer_ref){9, 0, 14}, USEC_NEVER); /* no such generation */
    assert_false(verdicts_hold(v, &(struct peer_ref){9, 0, 14}, 5));
    assert_false(verdicts_hold(v, &(struct peer_ref){3, 2, 13}, 5));
    verdicts_free(v);
    conf_unref(c1);
    conf_unref(c2);
    conf_unref(c3);
    for (int i = 0; i < 3; i++)
        files_done(&files[i]);
}

static void the_least_recently_used_verdict_goes(void **state)
{
    struct dir *d = *state;
    struct files files;
    struct conf *c;
    struct verdicts *v;

    put(d, "a.yaml", paris);
    c = read_dir(d, 1, &files);
    v = verdicts_new(c, 3);
    for (uint32_t h = 1; h <= 3; h++)
        verdicts_add(v, &(struct peer_ref){1, 0, h}, USEC_NEVER);
    assert_true(verdicts_hold(v, &(struct peer_ref){1, 0, 1}, 5));
    verdicts_add(v, &(struct peer_ref){1, 0, 4}, USEC_NEVER);
    assert_int_equal(verdicts_count(v), 3);
    assert_true(verdicts_hold(v, &(struct peer_ref){1, 0, 1}, 5));
    assert_false(verdicts_hold(v, &(struct peer_ref){1, 0, 2}, 5));
    verdicts_free(v);
    conf_unref(c);
    files_done(&files);
}

/* --- the jail ----------------------------------------------------------------------------------------------------------- */

enum attempt { WORK, OPEN_FILE, WRITE_FILE, OPEN_SOCKET, EXECUTE, FORK, TRACE_ME };

static int attempt_now(enum attempt a)
{
    void *p;

    switch (a) {
    case WORK:
        p = malloc(3 << 20);
        if (!p)
            return 1;
        memset(p, 1, 3 << 20);
        free(p);
        return getpid() > 0 ? 0 : 1;
    case OPEN_FILE:
        return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : errno;
    case WRITE_FILE:
        return open("/tmp/jail-was-here", O_WRONLY | O_CREAT, 0600) >= 0 ? 0 : errno;
    case OPEN_SOCKET:
        return socket(AF_INET, SOCK_DGRAM, 0) >= 0 ? 0 : errno;
    case EXECUTE:
        return execl("/bin/true", "true", NULL);
    case FORK:
        return fork() == 0 ? 0 : 0;
    case TRACE_ME:
        return kill(getppid(), 0);
    }
    return 99;
}

/* What becomes of an attempt inside: its own result, or -signal. */
static int inside(enum role role, enum attempt a)
{
    char why[200];
    struct text t = text_in(why, sizeof(why));
    int status;
    pid_t child = fork();

    if (!child) {
        struct jail jail;

        jail_basics(role, getppid());
        jail_init(&jail, true);
        if (jail_prepare(&jail, role, &t) || jail_enter(role, &jail, &t) || jail_calls(role, &t))
            _exit(98);
        _exit(attempt_now(a));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void each_role_can_do_its_work_and_no_more(void **state)
{
    (void)state;
#ifdef SANITIZED
    skip();
#endif
    if (getenv("CHARON_EMULATED")) /* valgrind knows no seccomp(2) */
        skip();
    for (enum role r = 0; r < ROLE_COUNT; r++) {
        bool reads = r == ROLE_HAND || r == ROLE_FETCH;

        assert_int_equal(inside(r, WORK), 0);
        assert_int_equal(inside(r, OPEN_FILE), reads ? 0 : EACCES);
        assert_int_not_equal(inside(r, WRITE_FILE), 0);
        assert_int_equal(inside(r, OPEN_SOCKET), r == ROLE_FETCH ? 0 : r == ROLE_HAND ? -SIGSYS : EACCES);
        assert_int_equal(inside(r, EXECUTE), -SIGSYS);
        assert_int_equal(inside(r, FORK), -SIGSYS);
        assert_int_equal(inside(r, TRACE_ME), -SIGSYS);
    }
    assert_int_not_equal(access("/tmp/jail-was-here", F_OK), 0);
}

/* Of a network namespace: which it is. */
static ino_t net_here(void)
{
    struct stat s;

    return stat("/proc/self/ns/net", &s) ? 0 : s.st_ino;
}

/* Of the network that a role is in: 1 = ours, 2 = another one where nothing is but a loopback that is down, 3 = another one. */
static int network_of(enum role role, const struct jail *jail)
{
    ino_t ours = net_here();
    char why[200], line[300];
    struct text t = text_in(why, sizeof(why));
    int status;
    pid_t child = fork();

    if (!child) {
        FILE *f = NULL;
        int lines = 0;

        if (jail_enter(role, jail, &t))
            _exit(98);
        if (net_here() == ours)
            _exit(1);
        f = fopen("/proc/thread-self/net/dev", "r");
        while (f && fgets(line, sizeof(line), f))
            lines++;
        _exit(f && lines == 3 && strstr(line, "lo:") &&
                      connect(socket(AF_INET, SOCK_DGRAM, 0),
                              (struct sockaddr *)&(struct sockaddr_in){AF_INET, 9, {0x0100007f}, {0}}, sizeof(struct sockaddr_in))
                  ? 2
                  : 3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void vault_and_judge_have_no_network(void **state)
{
    char why[200];
    struct text t = text_in(why, sizeof(why));
    ino_t before = net_here();
    struct jail jail;

    (void)state;
    jail_init(&jail, true);
    assert_int_equal(jail_prepare(&jail, ROLE_CORE, &t), 0);
    assert_int_equal(jail.no_net, -1); /* not for the core */
    assert_int_equal(jail_prepare(&jail, ROLE_VAULT, &t), 0);
    assert_true(before && net_here() == before); /* the parent stays where it is */
    if (jail.no_net < 0)
        skip(); /* no CAP_SYS_ADMIN */
    assert_true(fcntl(jail.no_net, F_GETFD) & FD_CLOEXEC);
    for (int shared = 1; shared >= 0; shared--) {
        for (enum role r = 0; r < ROLE_COUNT; r++)
            assert_int_equal(network_of(r, &jail), r == ROLE_VAULT || r == ROLE_JUDGE ? 2 : 1);
        jail_done(&jail); /* and where none could be had beforehand */
    }
    assert_int_equal(jail.no_net, -1);
}

static void descriptors_are_closed_but_those_to_keep(void **state)
{
    int keep[3], other, status;
    pid_t child;

    (void)state;
    for (int i = 0; i < 3; i++)
        keep[i] = fcntl(0, F_DUPFD, 20 - 5 * i);
    other = fcntl(0, F_DUPFD, 12);
    child = fork();
    if (!child) {
        jail_close_but(keep, 3);
        for (int i = 0; i < 3; i++)
            if (fcntl(keep[i], F_GETFD) < 0)
                _exit(1);
        for (int fd = 3; fd < 200; fd++)
            if (fd != keep[0] && fd != keep[1] && fd != keep[2] && fcntl(fd, F_GETFD) >= 0)
                _exit(2);
        _exit(fcntl(other, F_GETFD) >= 0 || fcntl(2, F_GETFD) < 0 ? 3 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (int i = 0; i < 3; i++)
        close(keep[i]);
    close(other);
}

#define HERE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HERE(a_directory_is_its_yaml_files_sorted),
        HERE(a_bundle_gives_the_same_snapshot),
        HERE(what_is_not_there_is_said),
        HERE(verdicts_go_with_what_stays_the_same),
        HERE(the_least_recently_used_verdict_goes),
        cmocka_unit_test(each_role_can_do_its_work_and_no_more),
        cmocka_unit_test(vault_and_judge_have_no_network),
        cmocka_unit_test(descriptors_are_closed_but_those_to_keep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
