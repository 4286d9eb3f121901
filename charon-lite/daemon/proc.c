/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/proc.h"

#include <stdlib.h>
#include <unistd.h>

#include "daemon/files.h"

/* At the start it serves one process after the other: those before it may take all the time that they are given. That it has
 * ended is seen at once. */
#define OPEN_WAIT (ROLE_COUNT * PROC_REPLY_WAIT)

struct channel *proc_link(const struct proc *p, enum role role)
{
    struct channel *c = p->links[role].channel;

    return c && !channel_dead(c) ? c : NULL;
}

void proc_say(struct proc *p, enum level level, const char *sentence)
{
    frame_say(p->parent.channel, level, sentence);
}

/* --- configuration -------------------------------------------------------------------------------------------------- */

static void history_add(struct proc *p, struct conf *conf)
{
    size_t at = 0; /* the one of the same number, else the oldest */

    for (size_t i = 0; i < PROC_HISTORY; i++) {
        if (p->history[i] && p->history[i]->generation == conf->generation) {
            at = i;
            break;
        }
        if (!p->history[i] || (p->history[at] && p->history[i]->generation < p->history[at]->generation))
            at = i;
    }
    conf_ref(conf);
    conf_unref(p->history[at]);
    p->conf = p->history[at] = conf;
}

static const struct conf *history_find(const struct proc *p, uint32_t generation)
{
    for (size_t i = 0; i < PROC_HISTORY; i++)
        if (p->history[i] && p->history[i]->generation == generation)
            return p->history[i];
    return NULL;
}

static void proc_configure(struct proc *p, struct conf *conf)
{
    char why[1000];
    struct text t = text_in(why, sizeof(why));
    int err = p->kind->configure(p, conf, &t);

    if (!err)
        history_add(p, conf);
    frame_done(p->parent.channel, err, span_str(why));
}

static struct conf *configuration_read(const struct proc *p, struct span body, struct conf_report *report)
{
    struct reader r = reader_of(body);
    uint32_t generation = read_u32(&r);
    const struct conf *previous = history_find(p, read_u32(&r));
    struct conf *conf = NULL;
    struct files files;

    if (!files_get(&r, &files) && previous)
        conf = files_read(&files, generation, previous, false, report);
    files_done(&files);
    return conf;
}

static void proc_configured(struct proc *p, struct span body)
{
    struct conf_report report;
    struct conf *conf;

    conf_report_init(&report);
    conf = configuration_read(p, body, &report);
    conf_report_done(&report);
    if (!conf)
        frame_done(p->parent.channel, ERR_BAD, span_str("it does not read as the parent read it"));
    else if (p->kind->configure_opens)
        p->pending = conf_ref(conf);
    else
        proc_configure(p, conf);
    conf_unref(conf);
}

/* --- frames --------------------------------------------------------------------------------------------------------- */

static void proc_frame(void *ctx, struct channel *c, uint8_t type, struct span body);

static void proc_neighbour(struct proc *p, struct span body)
{
    struct reader r = reader_of(body);
    uint8_t role = read_u8(&r);
    int fd = channel_take_fd(p->parent.channel);

    if (r.failed || role >= ROLE_COUNT || fd < 0)
        return;
    if (p->links[role].channel && p->kind->gone)
        p->kind->gone(p, role);
    channel_free(p->links[role].channel);
    p->links[role].channel = channel_new(p->loop, fd, proc_frame, &p->links[role]);
}

static void proc_opened(struct proc *p, struct span body)
{
    struct text t = text_in(p->done_why, sizeof(p->done_why));

    p->done_err = frame_done_read(body, &t);
    p->done = true;
}

static void proc_frame(void *ctx, struct channel *c, uint8_t type, struct span body)
{
    struct proc_link *link = ctx;
    struct proc *p = link->proc;
    bool parent = link == &p->parent;

    if (type == CHANNEL_CLOSED && parent)
        _exit(0); /* alone in the world */
    if (type == CHANNEL_CLOSED && p->kind->gone)
        p->kind->gone(p, link->role);
    else if (parent && type == FRAME_CONFIGURE)
        proc_configured(p, body);
    else if (parent && type == FRAME_PING)
        channel_begin(c, FRAME_PONG), channel_end(c);
    else if (parent && type == FRAME_NEIGHBOUR)
        proc_neighbour(p, body);
    else if (parent && type == FRAME_OPENED)
        proc_opened(p, body);
    else if (type != CHANNEL_CLOSED)
        p->kind->frame(p, link->role, type, body);
}

void proc_flush(void *ctx)
{
    struct proc *p = ctx;
    struct conf *pending = p->pending;

    p->pending = NULL;
    if (pending)
        proc_configure(p, pending);
    conf_unref(pending);
    for (size_t i = ROLE_COUNT; i-- > 0;) /* the hand before the core, which must not be ahead of a verdict */
        if (p->links[i].channel)
            channel_flush(p->links[i].channel);
    channel_flush(p->parent.channel);
}

int proc_open_file(struct proc *p, enum keystore_kind kind, const char *ref, struct text *why)
{
    struct buf *b = channel_begin(p->parent.channel, FRAME_OPEN);
    int fd = -1;

    if (!b)
        return ERR_IO;
    buf_u8(b, (uint8_t)kind);
    buf_span(b, span_str(ref));
    channel_end(p->parent.channel);
    p->done = false;
    if (channel_wait(p->parent.channel, &p->done, loop_now() + OPEN_WAIT)) {
        text_add(why, "%s: the parent does not answer", ref);
        return ERR_IO;
    }
    fd = channel_take_fd(p->parent.channel);
    if (p->done_err || fd < 0) {
        text_add(why, "%s", p->done_why);
        if (fd >= 0)
            close(fd);
        return p->done_err ? p->done_err : ERR_IO;
    }
    return fd;
}

/* --- life ----------------------------------------------------------------------------------------------------------- */

static void proc_fds(const struct proc *p, int parent_fd, const int link_fds[ROLE_COUNT])
{
    int keep[ROLE_COUNT + NET_SOCKETS_MAX + 6];
    size_t n = 0;

    keep[n++] = parent_fd;
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (link_fds[i] >= 0)
            keep[n++] = link_fds[i];
    for (size_t i = 0; p->role == ROLE_CORE && i < p->sockets->n; i++)
        keep[n++] = p->sockets->v[i].fd;
    if (p->role == ROLE_FETCH && p->sockets->route4 >= 0)
        keep[n++] = p->sockets->route4;
    if (p->role == ROLE_FETCH && p->sockets->route6 >= 0)
        keep[n++] = p->sockets->route6;
    if (p->role == ROLE_CORE && p->keylog_fd >= 0)
        keep[n++] = p->keylog_fd;
    if (p->role == ROLE_FETCH && p->names_fd >= 0)
        keep[n++] = p->names_fd;
    if (p->role == ROLE_VAULT && p->token_fd >= 0)
        keep[n++] = p->token_fd;
    if ((p->role == ROLE_VAULT || p->role == ROLE_JUDGE) && p->jail->no_net >= 0)
        keep[n++] = p->jail->no_net;
    jail_close_but(keep, n);
}

static int proc_open(struct proc *p, int parent_fd, const int link_fds[ROLE_COUNT], struct text *why)
{
    int err;

    p->loop = loop_new();
    p->parent = (struct proc_link){p, ROLE_COUNT, p->loop ? channel_new(p->loop, parent_fd, proc_frame, &p->parent) : NULL};
    if (!p->parent.channel)
        return ERR_MEMORY;
    loop_after(p->loop, proc_flush, p);
    for (enum role r = 0; r < ROLE_COUNT; r++) {
        p->links[r] = (struct proc_link){p, r, NULL};
        if (link_fds[r] >= 0)
            p->links[r].channel = channel_new(p->loop, link_fds[r], proc_frame, &p->links[r]);
    }
    err = jail_enter(p->role, p->jail, why);
    if (!err)
        err = p->kind->open(p, why);
    return err || p->sandbox_off ? err : jail_calls(p->role, why);
}

_Noreturn void proc_run(struct proc *p, int parent_fd, const int link_fds[ROLE_COUNT])
{
    char why[1000];
    struct text t = text_in(why, sizeof(why));
    int err;

    jail_basics(p->role, p->parent_pid);
    history_add(p, p->conf);
    proc_fds(p, parent_fd, link_fds);
    err = proc_open(p, parent_fd, link_fds, &t);
    if (p->parent.channel)
        frame_done(p->parent.channel, err, span_str(err && !why[0] ? err_text(err) : why));
    if (!err)
        err = loop_run(p->loop);
    _exit(err ? 1 : 0);
}
