/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "daemon/steward.h"
#include "config.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "daemon/keylog.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/token_file.h"

enum { REPORT_MAX = 1 << 16, COUNTED_ROWS_MAX = 2000 };
#define STOP_WAIT (5 * USEC_SEC) /* deletes that nobody answers must not hold a stop up */

enum { DISABLED_MAX = 256 };

struct steward {
    const struct options *options;
    struct loop *loop;
    struct log log;
    struct conf *conf;
    struct files files;
    const struct crew_kind *kind;
    struct crew *crew;
    struct net_sockets sockets;
    struct ctl *ctl;
    int ctl_fd, keylog_fd, names_fd, token_fd;
    gid_t ctl_gid;
    const char *ctl_path;
    struct watch *signals[4];
    struct timer *stop_timer, *watchdog;
    usec_t started;
    uint32_t stop_id, list_order;
    size_t list_rows;
    struct addr list_local;       /* of the IKE SA whose row came last */
    char *disabled[DISABLED_MAX]; /* connections that were opened by order */
    size_t n_disabled;
    bool stopping;
    int status;
};

/* A row of a list gets its traffic from the kernel; of a very long list only the first rows do. */
static void steward_count(struct steward *s, struct tell *row)
{
    struct tell_child *child = &row->u.child;
    struct answer a;

    if (row->order != s->list_order) {
        s->list_order = row->order;
        s->list_rows = 0;
    }
    if (s->list_rows++ >= COUNTED_ROWS_MAX || child->counted ||
        s->kind->traffic(s->crew, child->spi_in, child->spi_out, &s->list_local, &a))
        return;
    child->counted = true;
    child->bytes_in = a.u.query.bytes_in;
    child->packets_in = a.u.query.packets_in;
    child->bytes_out = a.u.query.bytes_out;
    child->packets_out = a.u.query.packets_out;
}

static void steward_tell(void *ctx, const struct tell *told)
{
    struct steward *s = ctx;
    struct tell row = *told;
    const struct tell *t = &row;

    if (row.fact == FACT_IKE_SA)
        s->list_local = row.u.ike.local.addr; /* its children follow */
    if (row.fact == FACT_CHILD_SA && row.order && s->crew)
        steward_count(s, &row);
    if (!t->order || (t->fact != FACT_IKE_SA && t->fact != FACT_CHILD_SA && t->fact != FACT_COUNTERS && t->fact != FACT_DONE))
        log_tell(&s->log, t);
    if (s->ctl)
        ctl_tell(s->ctl, t);
    if (t->fact == FACT_STOPPED && s->stopping)
        loop_stop(s->loop);
}

static void steward_say(void *ctx, enum level level, const char *sentence)
{
    const struct tell t = {.fact = FACT_NOTE, .level = level, .text = sentence};

    steward_tell(ctx, &t);
}

/* The core makes no sentence that nobody reads. */
static void steward_listen(void *ctx)
{
    struct steward *s = ctx;
    const struct order o = {.kind = ORDER_LISTEN, .level = (uint8_t)(s->ctl && ctl_watchers(s->ctl) ? LEVEL_DEBUG : s->log.max)};

    if (s->crew)
        s->kind->order(s->crew, &o);
}

static void steward_restarted(void *ctx)
{
    struct steward *s = ctx;

    if (s->ctl)
        ctl_fail_all(s->ctl, "the process that would have answered has ended and was begun anew: ask again");
    if (s->stopping)
        loop_stop(s->loop);
}

static void steward_failed(void *ctx)
{
    struct steward *s = ctx;

    s->status = 1;
    loop_stop(s->loop);
}

/* --- configuration -------------------------------------------------------------------------------------------------- */

static void log_report(struct log *l, enum level level, char *report)
{
    for (char *at = report, *line; at && (line = strsep(&at, "\n"));)
        if (*line)
            log_say(l, level, "%s", line);
}

static enum level log_level(const struct steward *s, const struct conf *c)
{
    return s->options->debug ? LEVEL_DEBUG : c ? (enum level)c->log_level : LEVEL_INFO;
}

/* A snapshot and the files it came from; the report (allocated) in either case. */
static struct conf *steward_read(struct steward *s, uint32_t generation, struct files *files, char **report)
{
    char why[1000];
    struct text t = text_in(why, sizeof(why));
    struct conf_report r;
    struct conf *c = NULL;

    if (files_find(s->options->paths, s->options->n_paths, files, &t)) {
        *report = strdup(why);
        return NULL;
    }
    conf_report_init(&r);
    c = files_read(files, generation, s->conf, false, &r);
    *report = files_report(&r);
    conf_report_done(&r);
    malloc_trim(0); /* what reading needed is gone: neither copied by the forks to come nor kept */
    return c;
}

static bool lists_differ(const char *const *a, const char *const *b)
{
    if (!a || !b)
        return a != b;
    for (; *a && *b && !strcmp(*a, *b); a++, b++)
        ;
    return *a || *b;
}

static bool texts_differ(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) != 0 : a != b;
}

/* What was opened with privilege at the start stays as it is. */
static void note_restart(const struct conf *old, const struct conf *new, struct text *why)
{
    if (old->port != new->port || old->port_natt != new->port_natt || lists_differ(old->listen, new->listen))
        text_add(why, "warning: listen and ports stay as they are until the daemon is started again\n");
    if (texts_differ(old->control_socket, new->control_socket) || texts_differ(old->control_group, new->control_group))
        text_add(why, "warning: the control socket stays as it is until the daemon is started again\n");
}

/* What is in the new configuration no more is open from now on: an empty file would open all, which nobody means by a reload. */
static int note_opened(const struct conf *old, const struct conf *new, struct text *why)
{
    if (old->n_connections && !new->n_connections) {
        text_add(why,
                 "the new configuration names no connection at all, and would open everything; nothing has changed (to open one: "
                 "charonctl disable NAME; to end: charonctl stop)\n");
        return ERR_REFUSED;
    }
    for (size_t i = 0; i < old->n_connections; i++)
        if (!conf_find(new, old->connections[i].name))
            text_add(why, "warning: connection %s is gone: what only it protected is open now\n", old->connections[i].name);
    return 0;
}

static int steward_reload(struct steward *s, struct text *why)
{
    struct files files;
    char *report = NULL;
    struct conf *c = steward_read(s, s->conf->generation + 1, &files, &report);
    int err = ERR_BAD;

    notify_send("RELOADING=1");
    if (c)
        err = note_opened(s->conf, c, why);
    if (c && !err)
        err = s->kind->configure(s->crew, c, &files, why);
    if (report)
        text_add(why, "%s", report);
    free(report);
    if (!err) {
        struct files old = s->files;

        note_restart(s->conf, c, why);
        conf_unref(s->conf);
        s->conf = c;
        s->files = files;
        s->log.max = log_level(s, c);
        steward_listen(s);
        files = old;
    } else {
        conf_unref(c);
    }
    files_done(&files);
    notify_send("READY=1");
    return err;
}

static void steward_reload_and_log(struct steward *s, uint32_t id)
{
    char *text = malloc(REPORT_MAX);
    struct text t;
    int err;

    if (!text)
        return;
    t = text_in(text, REPORT_MAX);
    err = steward_reload(s, &t);
    if (s->ctl && id)
        ctl_done(s->ctl, id, !err, text);
    log_say(&s->log, err ? LEVEL_ERROR : LEVEL_NOTICE,
            err ? "reload: the new configuration is not taken, nothing has changed" : "reload: generation %u runs",
            s->conf->generation);
    log_report(&s->log, err ? LEVEL_ERROR : LEVEL_WARNING, text);
    free(text);
}

/* --- orders --------------------------------------------------------------------------------------------------------- */

static void say_unknown(struct text *why, const char *what, const char *name, const char *const *names)
{
    const char *near = text_nearest(name, names);

    text_add(why, "there is no %s \"", what);
    text_add_bytes(why, span_part(span_str(name), 0, 100));
    text_add(why, near ? "\": did you mean \"%s\"?" : "\" (see: charonctl print)", near);
}

static bool connection_named(const struct conf *conf, const char *name, struct text *why)
{
    const char **names;

    if (conf_find(conf, name))
        return true;
    names = calloc(conf->n_connections + 1, sizeof(*names));
    for (size_t i = 0; names && i < conf->n_connections; i++)
        names[i] = conf->connections[i].name;
    if (names)
        say_unknown(why, "connection", name, names);
    free(names);
    return false;
}

static bool child_named(const struct conf_connection *c, const char *name, struct text *why)
{
    const char **names;

    if (conf_child_find(c, name))
        return true;
    names = calloc(c->n_children + 1, sizeof(*names));
    for (size_t i = 0; names && i < c->n_children; i++)
        names[i] = c->children[i].name;
    if (names)
        say_unknown(why, "child", name, names);
    free(names);
    return false;
}

static size_t disabled_find(const struct steward *s, const char *name)
{
    size_t i = 0;

    while (i < s->n_disabled && strcmp(s->disabled[i], name) != 0)
        i++;
    return i;
}

static void disabled_set(struct steward *s, const char *name, bool disabled)
{
    size_t at = disabled_find(s, name);

    if (disabled && at == s->n_disabled && at < DISABLED_MAX && (s->disabled[at] = strdup(name))) {
        s->n_disabled++;
    } else if (!disabled && at < s->n_disabled) {
        free(s->disabled[at]);
        s->disabled[at] = s->disabled[--s->n_disabled];
    }
}

static void steward_order(struct steward *s, const struct ctl_request *r)
{
    static const enum order_kind kinds[] = {[CTL_UP] = ORDER_UP,
                                            [CTL_DOWN] = ORDER_DOWN,
                                            [CTL_REKEY] = ORDER_REKEY,
                                            [CTL_LIST] = ORDER_LIST,
                                            [CTL_COUNTERS] = ORDER_COUNTERS};
    const struct order o = {kinds[r->verb], r->id, r->connection, r->child, r->wait, NULL, 0};
    char why[300];
    struct text t = text_in(why, sizeof(why));

    if (r->verb == CTL_UP && r->connection && disabled_find(s, r->connection) < s->n_disabled) {
        text_add(&t, "%s is disabled, its selectors are open: charonctl enable %s comes first", r->connection, r->connection);
        ctl_done(s->ctl, r->id, false, why);
        return;
    }
    s->kind->order(s->crew, &o);
}

/* Is there a child that somebody here brings up: by itself or by traffic? */
static bool wants_up(const struct conf_connection *c)
{
    for (size_t i = 0; i < c->n_children; i++)
        if (c->children[i].keep != KEEP_ANSWER)
            return true;
    return false;
}

static void steward_enable(struct steward *s, const struct ctl_request *r, bool on)
{
    const struct order o = {.kind = on ? ORDER_UP : ORDER_DOWN, .connection = r->connection};
    const struct conf_connection *c = conf_find(s->conf, r->connection);
    int err = s->kind->enable(s->crew, r->connection, on);

    if (!err)
        disabled_set(s, r->connection, !on);
    if (!err && (!on || wants_up(c))) /* ends the "down" that came with `disable` */
        s->kind->order(s->crew, &o);
    ctl_done(s->ctl, r->id, !err,
             err  ? err_text(err)
             : on ? "closed again: protected or blocked"
                  : "open: packets pass unprotected");
}

static void steward_print(struct steward *s, uint32_t id)
{
    struct buf b;

    buf_init(&b, CTL_QUEUE_MAX / 2);
    conf_print(s->conf, &b);
    buf_u8(&b, 0);
    ctl_done(s->ctl, id, !b.failed, b.failed ? "too much to print" : (const char *)b.p);
    buf_done(&b);
}

static void steward_status(struct steward *s, uint32_t id)
{
    char text[2000];
    struct text t = text_in(text, sizeof(text));

    text_add(&t, "running for %lld s, configuration generation %u, %zu connections\n",
             (long long)((loop_now() - s->started) / USEC_SEC), s->conf->generation, s->conf->n_connections);
    s->kind->status(s->crew, &t);
    ctl_done(s->ctl, id, true, text);
}

static void steward_stop(struct steward *s, uint32_t id)
{
    const struct order o = {.kind = ORDER_STOP};

    if (id)
        s->stop_id = id;
    if (s->stopping)
        return;
    s->stopping = true;
    notify_send("STOPPING=1");
    log_say(&s->log, LEVEL_NOTICE, "stopping: what is protected stays closed");
    timer_set(s->stop_timer, loop_now() + STOP_WAIT);
    s->kind->order(s->crew, &o);
}

static bool request_names(struct steward *s, const struct ctl_request *r)
{
    char why[400];
    struct text t = text_in(why, sizeof(why));

    if (!r->connection || (connection_named(s->conf, r->connection, &t) &&
                           (!r->child || child_named(conf_find(s->conf, r->connection), r->child, &t))))
        return true;
    ctl_done(s->ctl, r->id, false, why);
    return false;
}

static void steward_request(void *ctx, const struct ctl_request *r)
{
    struct steward *s = ctx;

    log_say(&s->log, r->verb == CTL_LIST || r->verb == CTL_COUNTERS || r->verb == CTL_STATUS ? LEVEL_DEBUG : LEVEL_INFO,
            "order: %s%s%s%s%s (uid %u, pid %d)", ctl_verb_word(r->verb), r->connection ? " " : "",
            r->connection ? r->connection : "", r->child ? "/" : "", r->child ? r->child : "", r->uid, r->pid);
    if (!request_names(s, r))
        return;
    switch (r->verb) {
    case CTL_RELOAD:
        steward_reload_and_log(s, r->id);
        break;
    case CTL_DISABLE:
    case CTL_ENABLE:
        steward_enable(s, r, r->verb == CTL_ENABLE);
        break;
    case CTL_PRINT:
        steward_print(s, r->id);
        break;
    case CTL_STATUS:
        steward_status(s, r->id);
        break;
    case CTL_STOP:
        steward_stop(s, r->id);
        break;
    default:
        steward_order(s, r);
    }
}

/* --- life ----------------------------------------------------------------------------------------------------------- */

static void on_stop(void *ctx, unsigned what)
{
    struct steward *s = ctx;

    (void)what;
    if (s->stopping)
        loop_stop(s->loop); /* asked twice: no more patience */
    else
        steward_stop(s, 0);
}

static void on_hangup(void *ctx, unsigned what)
{
    (void)what;
    steward_reload_and_log(ctx, 0);
}

static void on_stop_wait(void *ctx, unsigned what)
{
    struct steward *s = ctx;

    (void)what;
    log_say(&s->log, LEVEL_WARNING, "stopping: peers have not answered our deletes; going without");
    loop_stop(s->loop);
}

static void on_watchdog(void *ctx, unsigned what)
{
    struct steward *s = ctx;

    (void)what;
    notify_send("WATCHDOG=1");
    timer_set(s->watchdog, loop_now() + notify_watchdog());
}

static int open_loop(struct steward *s)
{
    s->loop = loop_new();
    if (!s->loop)
        return ERR_MEMORY;
    signal(SIGPIPE, SIG_IGN);
    s->signals[0] = loop_signal(s->loop, SIGTERM, on_stop, s);
    s->signals[1] = loop_signal(s->loop, SIGINT, on_stop, s);
    s->signals[2] = loop_signal(s->loop, SIGHUP, on_hangup, s);
    s->stop_timer = loop_timer(s->loop, on_stop_wait, s);
    s->watchdog = loop_timer(s->loop, on_watchdog, s);
    if (s->watchdog && notify_watchdog() != USEC_NEVER)
        timer_set(s->watchdog, 0);
    return s->stop_timer && s->watchdog ? 0 : ERR_MEMORY;
}

static int open_control(struct steward *s, struct text *why)
{
    struct ctl_setup c = {.loop = s->loop, .request = steward_request, .watched = steward_listen, .ctx = s};

    s->ctl_path = s->options->control ? s->options->control : s->conf->control_socket;
    s->ctl_fd = ctl_listen(s->ctl_path, s->conf->control_group, &s->ctl_gid, why);
    if (s->ctl_fd < 0)
        return s->ctl_fd;
    c.listen_fd = s->ctl_fd;
    c.group = s->ctl_gid;
    s->ctl = ctl_new(&c);
    return s->ctl ? 0 : ERR_MEMORY;
}

/* With the directories above it, as a first start under a prefix of its own may find none of them. */
static void state_make(const char *dir)
{
    char path[4096];
    size_t len = strlen(dir);

    if (len >= sizeof(path))
        return;
    for (size_t i = 1; i < len; i++)
        if (dir[i] == '/') {
            memcpy(path, dir, i);
            path[i] = 0;
            mkdir(path, 0755);
        }
    mkdir(dir, 0700);
}

/* Where fetch keeps what names were last; without it the daemon runs all the same. */
static int open_names(const char *dir)
{
    char path[4096];
    struct text t = text_in(path, sizeof(path));

    text_add(&t, "%s/names", dir);
    return open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* For tokens that hold over a restart; without it they hold until the vault restarts. */
static int open_token(struct steward *s)
{
    char line[400];
    struct text why = text_in(line, sizeof(line));
    int fd = token_file_open(s->options->state, &why);

    if (fd < 0)
        log_say(&s->log, LEVEL_NOTICE, "peers will not know quickly that this daemon has restarted: %s", line);
    return fd;
}

static int open_crew(struct steward *s, struct text *why)
{
    const struct net_options net = {s->conf->listen, s->conf->port, s->conf->port_natt, !s->options->dry_run};
    struct crew_setup c = {.loop = s->loop, .options = s->options, .conf = s->conf, .files = &s->files};
    int err = net_open(&net, &s->sockets, why);

#ifdef KEYLOG
    s->keylog_fd = err || !s->options->keylog ? -1 : keylog_open(s->options->keylog, why);
    if (!err && s->options->keylog && s->keylog_fd < 0)
        return ERR_IO;
#endif

    if (err)
        return err;
    c.sockets = s->sockets;
    if (!s->options->dry_run) {
        state_make(s->options->state);
        s->names_fd = open_names(s->options->state);
        s->token_fd = open_token(s);
    }
    c.keylog_fd = s->keylog_fd;
    c.names_fd = s->names_fd;
    c.token_fd = s->token_fd;
    c.tell = steward_tell;
    c.say = steward_say;
    c.restarted = steward_restarted;
    c.fail = steward_failed;
    c.ctx = s;
    s->crew = s->kind->open(&c, why);
    steward_listen(s);
    return s->crew ? 0 : ERR_IO;
}

static int steward_open(struct steward *s)
{
    char why[1000], *report = NULL;
    struct text t = text_in(why, sizeof(why));
    int err = open_loop(s);

    if (!err) {
        s->conf = steward_read(s, 1, &s->files, &report);
        s->log.max = log_level(s, s->conf);
        log_report(&s->log, s->conf ? LEVEL_WARNING : LEVEL_ERROR, report);
        free(report);
        if (!s->conf)
            return ERR_BAD;
        err = open_control(s, &t); /* first: two daemons must not share a kernel */
    }
    if (!err)
        err = open_crew(s, &t);
    if (err)
        log_say(&s->log, LEVEL_ERROR, "cannot start: %s", why[0] ? why : err_text(err));
    return err;
}

static void steward_close(struct steward *s)
{
    if (s->ctl && s->stop_id)
        ctl_done(s->ctl, s->stop_id, true, "stopped");
    if (s->crew)
        s->kind->disarm(s->crew);
    s->crew = s->crew ? s->kind->close(s->crew) : NULL;
    ctl_free(s->ctl);
    if (s->ctl_fd >= 0) {
        unlink(s->ctl_path);
        close(s->ctl_fd);
    }
    net_close(&s->sockets);
    if (s->keylog_fd >= 0)
        close(s->keylog_fd);
    if (s->names_fd >= 0)
        close(s->names_fd);
    if (s->token_fd >= 0)
        close(s->token_fd);
    for (size_t i = 0; i < COUNT_OF(s->signals); i++)
        watch_free(s->signals[i]);
    timer_free(s->stop_timer);
    timer_free(s->watchdog);
    if (s->loop)
        loop_free(s->loop);
    while (s->n_disabled)
        free(s->disabled[--s->n_disabled]);
    conf_unref(s->conf);
    files_done(&s->files);
}

int steward_run(const struct options *o)
{
    struct steward s = {.options = o,
                        .kind = o->one_process ? &crew_single : &crew_split,
                        .ctl_fd = -1,
                        .keylog_fd = -1,
                        .names_fd = -1,
                        .token_fd = -1,
                        .sockets = {.route4 = -1, .route6 = -1}};
    int err;

    s.started = loop_now();
    log_init(&s.log, o->debug ? LEVEL_DEBUG : LEVEL_INFO);
    err = steward_open(&s);
    if (!err) {
        s.log.holds = !o->one_process; /* where the engine has the end of a turn */
        if (s.log.holds)
            loop_after(s.loop, log_flush, &s.log);
        notify_send("READY=1");
        log_say(&s.log, LEVEL_NOTICE, "ready: %zu connections, control socket %s", s.conf->n_connections, s.ctl_path);
        err = loop_run(s.loop);
    }
    s.log.holds = false;
    log_flush(&s.log);
    steward_close(&s);
    if (!err)
        log_say(&s.log, LEVEL_NOTICE, "stopped");
    return err || s.status ? 1 : 0;
}

int steward_check(const struct options *o)
{
    char why[1000], *report;
    struct text t = text_in(why, sizeof(why));
    struct conf_report r;
    struct files files;
    struct conf *c = NULL;

    conf_report_init(&r);
    if (files_find(o->paths, o->n_paths, &files, &t))
        fprintf(stderr, "charon-lite: %s\n", why);
    else
        c = files_read(&files, 1, NULL, true, &r);
    report = files_report(&r);
    if (report)
        fputs(report, stderr);
    free(report);
    if (c)
        fprintf(stderr, "%zu connections, good\n", c->n_connections);
    conf_report_done(&r);
    files_done(&files);
    return c ? (conf_unref(c), 0) : 1;
}
