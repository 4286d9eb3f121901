/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "ctl/ctl.h"
#include "ctl/request.h"

#include <grp.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int read_line(const char *line, struct ctl_line *l, char why[400], struct arena *arena)
{
    struct text t = text_in(why, 400);

    return ctl_line_read(span_str(line), arena, l, &t);
}

static void requests_are_read(void **state)
{
    struct arena arena;
    struct ctl_line l;
    char why[400];

    (void)state;
    arena_init(&arena, 10000);
    assert_int_equal(
        read_line("{\"do\":\"up\",\"connection\":\"paris\",\"child\":\"lan\",\"wait\":true,\"id\":7}", &l, why, &arena), 0);
    assert_int_equal(l.request.verb, CTL_UP);
    assert_string_equal(l.request.connection, "paris");
    assert_string_equal(l.request.child, "lan");
    assert_true(l.request.wait);
    assert_int_equal(l.id, 7);
    assert_int_equal(read_line("{\"do\":\"list\"}\r", &l, why, &arena), 0);
    assert_int_equal(l.request.verb, CTL_LIST);
    assert_null(l.request.connection);
    assert_int_equal(l.id, -1);
    arena_done(&arena);
}

static void bad_requests_say_why(void **state)
{
    static const struct {
        const char *line, *why;
    } bad[] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{\"do\":\"up\"", "not a JSON object"},
        {"{}", "\"do\" is missing"},
        {"{\"do\":7}", "must be a word"},
        {"{\"do\":\"relaod\"}", "did you mean \"reload\""},
        {"{\"do\":\"list\",\"do\":\"stop\"}", "duplicate"},
        {"{\"do\":\"list\",\"conection\":\"x\"}", "did you mean \"connection\""},
        {"{\"do\":\"list\",\"id\":-1}", "a number from 0"},
        {"{\"do\":\"list\",\"wait\":1}", "true or false"},
        {"{\"do\":\"up\"}", "needs a \"connection\""},
        {"{\"do\":\"disable\"}", "needs a \"connection\""},
        {"{\"do\":\"down\",\"child\":\"x\"}", "needs its \"connection\""},
        {"{\"do\":\"up\",\"connection\":\"a\\u0000b\"}", ""},
        {"{\"do\":\"\\ud800\"}", "not a JSON object"},
        {"[[[[[[[[[[[[[[[[[[", "not a JSON object"},
    };
    struct arena arena;
    struct ctl_line l;
    char why[400];

    (void)state;
    arena_init(&arena, 10000);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(read_line(bad[i].line, &l, why, &arena), ERR_BAD);
        if (!strstr(why, bad[i].why))
            fail_msg("%s: %s", bad[i].line, why);
    }
    arena_done(&arena);
}

static void facts_are_json(void **state)
{
    struct ts ts = {0, 0, 65535, {4, {10, 1, 0, 0}}, {4, {10, 1, 255, 255}}};
    struct tell t = {.fact = FACT_CHILD_SA, .level = LEVEL_INFO, .connection = "paris", .child = "lan", .text = "odd \xff byte"};
    char *line;
    json_t *o;

    (void)state;
    t.remote = (struct endpoint){addr_v4(192, 0, 2, 1), 4500};
    t.u.child = (struct tell_child){.state = "UP", .spi_in = 0xc0ffee, .ts_local = {&ts, 1}, .age_s = 5, .rekey_in_s = -1};
    t.u.child.bytes_in = UINT64_MAX;
    t.u.child.counted = true;
    line = fact_format(&t, 3);
    o = json_loads(line, 0, NULL);
    assert_non_null(o);
    assert_null(strchr(line, '\n'));
    assert_int_equal(json_integer_value(json_object_get(o, "id")), 3);
    assert_string_equal(json_string_value(json_object_get(o, "fact")), "child-sa");
    assert_string_equal(json_string_value(json_object_get(o, "spi_in")), "00c0ffee");
    assert_string_equal(json_string_value(json_object_get(o, "remote")), "192.0.2.1:4500");
    assert_non_null(strstr(json_string_value(json_object_get(o, "text")), "odd "));
    assert_int_equal(json_array_size(json_object_get(o, "ts_local")), 1);
    assert_null(json_object_get(o, "rekey_in_s"));
    assert_true(json_integer_value(json_object_get(o, "bytes_in")) == INT64_MAX);
    json_decref(o);
    free(line);
}

struct world {
    struct loop *loop;
    struct ctl *ctl;
    char dir[32], path[64];
    int listen_fd;
    unsigned requests, watched;
    enum ctl_verb verb;
    uint32_t ids[200];
    char connection[32];
};

static void requested(void *ctx, const struct ctl_request *r)
{
    struct world *w = ctx;

    w->ids[w->requests++] = r->id;
    w->verb = r->verb;
    snprintf(w->connection, sizeof(w->connection), "%s", r->connection ? r->connection : "");
}

static void watched(void *ctx)
{
    ((struct world *)ctx)->watched++;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    char why[200];
    struct text t = text_in(why, sizeof(why));
    struct ctl_setup s = {.request = requested, .watched = watched, .ctx = w};

    strcpy(w->dir, "/tmp/ctl-XXXXXX");
    if (!mkdtemp(w->dir))
        return -1;
    snprintf(w->path, sizeof(w->path), "%s/run/control", w->dir);
    s.loop = w->loop = loop_new();
    s.listen_fd = w->listen_fd = ctl_listen(w->path, NULL, &s.group, &t);
    w->ctl = w->listen_fd < 0 ? NULL : ctl_new(&s);
    *state = w;
    return w->ctl ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *w = *state;
    char run[64];

    ctl_free(w->ctl);
    close(w->listen_fd);
    loop_free(w->loop);
    unlink(w->path);
    snprintf(run, sizeof(run), "%s/run", w->dir);
    rmdir(run);
    rmdir(w->dir);
    free(w);
    return 0;
}

static void turns(struct world *w)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(loop_turn(w->loop, false), 0);
}

static int join(struct world *w)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(at.sun_path, w->path);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    turns(w);
    return fd;
}

static void say(struct world *w, int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
    turns(w);
}

/* What has come; "" for nothing, "EOF" when it was closed. */
static const char *hear(int fd)
{
    static char text[65536];
    ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

    if (n == 0)
        return "EOF";
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void orders_and_replies(void **state)
{
    struct world *w = *state;
    int fd = join(w), other = join(w);
    struct tell t = {.fact = FACT_RETRANSMIT, .level = LEVEL_INFO, .connection = "paris", .text = "again"};

    say(w, fd, "{\"do\":\"up\",\"conn");
    assert_int_equal(w->requests, 0);
    say(w, fd, "ection\":\"paris\",\"id\":5}\n{\"do\":\"list\"}\n");
    assert_int_equal(w->requests, 2);
    assert_int_not_equal(w->ids[0], w->ids[1]);
    t.order = w->ids[0];
    ctl_tell(w->ctl, &t);
    assert_string_equal(hear(fd),
                        "{\"id\":5,\"fact\":\"retransmit\",\"level\":\"info\",\"connection\":\"paris\",\"text\":\"again\"}\n");
    assert_string_equal(hear(other), "");
    t.fact = FACT_DONE;
    t.ok = true;
    ctl_tell(w->ctl, &t);
    assert_non_null(strstr(hear(fd), "\"ok\":true"));
    ctl_tell(w->ctl, &t); /* it is over */
    assert_string_equal(hear(fd), "");
    ctl_done(w->ctl, w->ids[1], false, "two\nlines");
    assert_string_equal(hear(fd), "{\"fact\":\"done\",\"level\":\"error\",\"ok\":false,\"text\":\"two\\nlines\"}\n");
    close(fd);
    close(other);
    turns(w);
    assert_int_equal(ctl_clients(w->ctl), 0);
}

static void errors_are_told_and_survived(void **state)
{
    struct world *w = *state;
    int fd = join(w);

    say(w, fd, "nonsense\n{\"do\":\"stopp\",\"id\":9}\n{\"do\":\"list\"}\n");
    assert_int_equal(w->requests, 1);
    const char *heard = hear(fd);

    assert_non_null(strstr(heard, "\"ok\":false"));
    assert_non_null(strstr(heard, "\"id\":9"));
    assert_non_null(strstr(heard, "did you mean \\\"stop\\\""));
    close(fd);
}

static void a_line_is_bounded(void **state)
{
    struct world *w = *state;
    int fd = join(w);
    char many[CTL_LINE_MAX + 2];

    memset(many, ' ', sizeof(many) - 1);
    many[sizeof(many) - 1] = '\0';
    say(w, fd, many);
    turns(w);
    assert_non_null(strstr(hear(fd), "longer"));
    turns(w);
    assert_int_equal(ctl_clients(w->ctl), 0);
    close(fd);
}

static void requests_and_clients_are_bounded(void **state)
{
    struct world *w = *state;
    int fds[CTL_CLIENTS_MAX + 1];
    const char *heard;

    for (size_t i = 0; i <= CTL_CLIENTS_MAX; i++)
        fds[i] = join(w);
    assert_int_equal(ctl_clients(w->ctl), CTL_CLIENTS_MAX);
    assert_string_equal(hear(fds[CTL_CLIENTS_MAX]), "EOF");
    for (size_t i = 0; i < CTL_WAITING_MAX; i++)
        say(w, fds[0], "{\"do\":\"list\"}\n");
    assert_int_equal(w->requests, CTL_WAITING_MAX);
    assert_string_equal(hear(fds[0]), "");
    say(w, fds[0], "{\"do\":\"list\"}\n");
    assert_int_equal(w->requests, CTL_WAITING_MAX);
    heard = hear(fds[0]);
    assert_non_null(strstr(heard, "too many"));
    for (size_t i = 0; i <= CTL_CLIENTS_MAX; i++)
        close(fds[i]);
}

static void a_half_closed_client_gets_its_reply(void **state)
{
    struct world *w = *state;
    int fd = join(w);

    say(w, fd, "{\"do\":\"list\"}\n");
    shutdown(fd, SHUT_WR);
    turns(w);
    assert_int_equal(ctl_clients(w->ctl), 1);
    ctl_done(w->ctl, w->ids[0], true, "all");
    turns(w);
    assert_non_null(strstr(hear(fd), "all"));
    assert_string_equal(hear(fd), "EOF");
    assert_int_equal(ctl_clients(w->ctl), 0);
    close(fd);
}

static void watchers_hear_facts_and_lose_some(void **state)
{
    struct world *w = *state;
    int fd = join(w);
    char text[1000];
    struct tell t = {.fact = FACT_IKE_UP, .level = LEVEL_NOTICE, .text = text};
    bool lost = false;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    say(w, fd, "{\"do\":\"watch\",\"id\":1}\n");
    ctl_tell(w->ctl, &t);
    assert_non_null(strstr(hear(fd), "ike-up"));
    t.fact = FACT_CHILD_SA; /* another's row */
    ctl_tell(w->ctl, &t);
    assert_string_equal(hear(fd), "");
    t.fact = FACT_IKE_UP;
    for (int i = 0; i < 3000; i++)
        ctl_tell(w->ctl, &t);
    assert_int_equal(ctl_clients(w->ctl), 1);
    for (int i = 0; i < 2000 && !lost; i++) {
        const char *heard = hear(fd);

        if (!*heard)
            ctl_tell(w->ctl, &t);
        lost = strstr(heard, "lines were lost");
        turns(w);
    }
    assert_true(lost);
    close(fd);
}

/* Whoever makes the facts is told when nobody reads them any more. */
static void the_first_watcher_and_the_last_count(void **state)
{
    struct world *w = *state;
    int a = join(w), b = join(w);

    assert_int_equal(ctl_watchers(w->ctl), 0);
    say(w, a, "{\"do\":\"watch\",\"id\":1}\n{\"do\":\"watch\",\"id\":2}\n");
    assert_int_equal(w->watched, 1);
    say(w, b, "{\"do\":\"watch\",\"id\":1}\n");
    assert_int_equal(w->watched, 1);
    assert_int_equal(ctl_watchers(w->ctl), 2);
    close(a);
    turns(w);
    assert_int_equal(w->watched, 1);
    close(b);
    turns(w);
    assert_int_equal(w->watched, 2);
    assert_int_equal(ctl_watchers(w->ctl), 0);
}

static void the_socket_is_guarded(void **state)
{
    struct world *w = *state;
    struct stat st;
    gid_t gid;
    char why[300];
    struct text t = text_in(why, sizeof(why));

    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_int_equal(ctl_listen(w->path, NULL, &gid, &t), ERR_EXISTS); /* not taken from a live daemon */
    assert_non_null(strstr(why, "already"));
    t = text_in(why, sizeof(why));
    assert_int_equal(ctl_listen(w->path, "no-such-group", &gid, &t), ERR_NOT_FOUND);
    assert_non_null(strstr(why, "no-such-group"));
}

enum { SERVED, REFUSED, NOT_TRIED };

struct caller {
    uid_t uid;
    gid_t gid, also; /* also: a supplementary group; 0 = none */
    gid_t control;   /* the control group; -1 = none is configured */
    int ends;
};

/* In a process of its own, as this caller: an order, and what comes of it. */
static int call(const struct world *w, const struct caller *c)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char heard[1000] = "";
    int fd;

    alarm(10);
    if (setgroups(c->also != 0, &c->also) || setresgid(c->gid, c->gid, c->gid) || setresuid(c->uid, c->uid, c->uid))
        return NOT_TRIED;
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(at.sun_path, w->path);
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)))
        return NOT_TRIED;
    if (send(fd, "{\"do\":\"list\"}\n", 14, MSG_NOSIGNAL) < 0 || recv(fd, heard, sizeof(heard) - 1, 0) <= 0)
        return REFUSED;
    return strstr(heard, "all of it") ? SERVED : NOT_TRIED;
}

static int come_of(struct world *w, const struct caller *c)
{
    struct ctl_setup s = {w->loop, w->listen_fd, .group = c->control, .request = requested, .watched = watched, .ctx = w};
    unsigned before = w->requests;
    int status = 0;
    pid_t pid;

    ctl_free(w->ctl);
    w->ctl = ctl_new(&s);
    assert_non_null(w->ctl);
    pid = fork();
    if (pid == 0)
        _exit(call(w, c));
    for (unsigned answered = before; waitpid(pid, &status, WNOHANG) == 0; usleep(1000)) {
        turns(w);
        for (; answered < w->requests; answered++)
            ctl_done(w->ctl, w->ids[answered], true, "all of it");
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(w->requests - before, c->ends == SERVED);
    return WEXITSTATUS(status);
}

/* Whatever the file system lets through: root, the daemon's own user, and the control group are served, nobody else. */
static void callers_are_known(void **state)
{
    static const struct caller callers[] = {
        {0, 0, 0, (gid_t)-1, SERVED},       {65534, 65534, 0, (gid_t)-1, REFUSED}, {65534, 0, 0, (gid_t)-1, REFUSED},
        {0, 65534, 0, 4242, SERVED},        {65534, 65534, 0, 4242, REFUSED},      {65534, 4242, 0, 4242, SERVED},
        {65534, 65534, 4242, 4242, SERVED}, {65534, 65534, 4243, 4242, REFUSED},   {4242, 65534, 0, 4242, REFUSED},
    };
    struct world *w = *state;
    char run[64];

    if (geteuid() != 0)
        skip();
    snprintf(run, sizeof(run), "%s/run", w->dir);
    assert_int_equal(chmod(w->dir, 0755) | chmod(run, 0755) | chmod(w->path, 0666), 0);
    for (size_t i = 0; i < COUNT_OF(callers); i++)
        if (come_of(w, &callers[i]) != callers[i].ends)
            fail_msg("caller %zu", i);
}

#define HERE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* What stands where the socket shall be is somebody's: only a socket is cleared away. */
static void listening_destroys_nothing(void **state)
{
    char path[] = "/tmp/charon-ctl-XXXXXX", why[300];
    struct text t = text_in(why, sizeof(why));
    struct stat st;
    gid_t gid;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "precious", 8), 8);
    close(fd);
    assert_int_equal(ctl_listen(path, NULL, &gid, &t), ERR_EXISTS);
    assert_non_null(strstr(why, "not a socket"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 8);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listening_destroys_nothing),
        cmocka_unit_test(requests_are_read),
        cmocka_unit_test(bad_requests_say_why),
        cmocka_unit_test(facts_are_json),
        HERE(orders_and_replies),
        HERE(errors_are_told_and_survived),
        HERE(a_line_is_bounded),
        HERE(requests_and_clients_are_bounded),
        HERE(a_half_closed_client_gets_its_reply),
        HERE(watchers_hear_facts_and_lose_some),
        HERE(the_first_watcher_and_the_last_count),
        HERE(the_socket_is_guarded),
        HERE(callers_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
