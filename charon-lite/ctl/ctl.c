/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/request.h"

struct waiting {
    uint32_t id;      /* ours; 0 = free */
    long long client; /* theirs, -1 = none */
};
struct client {
    struct list link;
    struct ctl *ctl;
    struct watch *watch;
    int fd;
    struct ucred who;
    bool watching, closing; /* closing: once all is written */
    bool finished;          /* will say no more, but waits for replies */
    long long watch_id;
    uint64_t lost;
    uint8_t in[CTL_LINE_MAX];
    size_t n_in;
    struct buf out;
    size_t written;
    struct waiting waiting[CTL_WAITING_MAX];
};
struct ctl {
    struct ctl_setup setup;
    struct watch *watch;
    struct list clients;
    size_t n_clients, n_watching;
    uint32_t last_id;
};

static void client_watch(struct client *c, bool on)
{
    struct ctl *ctl = c->ctl;

    if (c->watching == on)
        return;
    c->watching = on;
    ctl->n_watching += on ? 1 : (size_t)-1;
    if (ctl->n_watching == on)
        ctl->setup.watched(ctl->setup.ctx);
}

static void client_free(struct client *c)
{
    client_watch(c, false);
    list_remove(&c->link);
    c->ctl->n_clients--;
    watch_free(c->watch);
    close(c->fd);
    buf_done(&c->out);
    free(c);
}

static bool client_waits(const struct client *c)
{
    for (size_t i = 0; i < CTL_WAITING_MAX; i++)
        if (c->waiting[i].id)
            return true;
    return false;
}

static void client_flush(struct client *c)
{
    c->closing |= c->finished && !client_waits(c);
    while (c->written < c->out.len) {
        ssize_t n = send(c->fd, c->out.p + c->written, c->out.len - c->written, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno != EAGAIN && errno != EINTR)
            c->closing = true, c->written = c->out.len; /* nobody is there */
        if (n <= 0)
            break;
        c->written += (size_t)n;
    }
    if (c->written == c->out.len) {
        buf_reset(&c->out);
        c->written = 0;
    }
    /* whoever is closing is freed by the loop, never under a caller's feet */
    watch_want(c->watch, (c->closing || c->finished ? 0u : WATCH_READ) | (c->out.len || c->closing ? WATCH_WRITE : 0u));
}

static void client_line(struct client *c, const char *line)
{
    if (!line || c->closing)
        return;
    buf_bytes(&c->out, line, strlen(line));
    buf_u8(&c->out, '\n');
    if (c->out.failed) {
        c->closing = true;
        c->written = c->out.len; /* too much, read by nobody */
    }
    client_flush(c);
}

static void client_tell(struct client *c, const struct tell *t, long long id)
{
    char *line = fact_format(t, id);

    client_line(c, line);
    free(line);
}

static void client_say(struct client *c, long long id, bool ok, const char *text)
{
    const struct tell t = {.fact = FACT_DONE, .level = ok ? LEVEL_INFO : LEVEL_ERROR, .ok = ok, .text = text};

    client_tell(c, &t, id);
}

static void client_watch_line(struct client *c, const struct tell *t)
{
    char text[64];
    struct tell lost = {.fact = FACT_NOTE, .level = LEVEL_WARNING, .text = text};
    struct text s = text_in(text, sizeof(text));

    if (c->out.len - c->written > CTL_WATCH_QUEUE) {
        c->lost++;
        return;
    }
    if (c->lost) {
        text_add(&s, "%llu lines were lost here", (unsigned long long)c->lost);
        c->lost = 0;
        client_tell(c, &lost, c->watch_id);
    }
    client_tell(c, t, c->watch_id);
}

static struct waiting *client_wait(struct client *c, uint32_t id)
{
    for (size_t i = 0; i < CTL_WAITING_MAX; i++)
        if (c->waiting[i].id == id)
            return &c->waiting[i];
    return NULL;
}

static void client_order(struct client *c, struct ctl_line *l)
{
    struct waiting *w = client_wait(c, 0);
    struct ctl *ctl = c->ctl;

    if (l->request.verb == CTL_WATCH) {
        c->watch_id = l->id;
        client_watch(c, true);
        return;
    }
    if (!w) {
        client_say(c, l->id, false, "too many requests at a time");
        return;
    }
    ctl->last_id = ctl->last_id + 1 ? ctl->last_id + 1 : 1;
    *w = (struct waiting){ctl->last_id, l->id};
    l->request.id = ctl->last_id;
    l->request.uid = c->who.uid;
    l->request.pid = c->who.pid;
    ctl->setup.request(ctl->setup.ctx, &l->request);
}

static void client_request(struct client *c, struct span line)
{
    char why[400];
    struct text t = text_in(why, sizeof(why));
    struct arena arena;
    struct ctl_line l;

    arena_init(&arena, 4 * CTL_LINE_MAX);
    if (ctl_line_read(line, &arena, &l, &t))
        client_say(c, l.id, false, why);
    else
        client_order(c, &l);
    arena_done(&arena);
}

static void client_lines(struct client *c)
{
    uint8_t *end;
    size_t at = 0;

    while (!c->closing && (end = memchr(c->in + at, '\n', c->n_in - at))) {
        client_request(c, span_of(c->in + at, (size_t)(end - c->in) - at));
        at = (size_t)(end - c->in) + 1;
    }
    memmove(c->in, c->in + at, c->n_in - at);
    c->n_in -= at;
    if (c->n_in < sizeof(c->in) || c->closing)
        return;
    client_say(c, -1, false, "the request is longer than a request can be");
    c->closing = true;
    client_flush(c);
}

static void client_ready(void *ctx, unsigned what)
{
    struct client *c = ctx;
    ssize_t n;

    if (what & WATCH_WRITE)
        client_flush(c);
    if (c->closing && !c->out.len) {
        client_free(c);
        return;
    }
    if (!(what & WATCH_READ) || c->closing)
        return;
    n = recv(c->fd, c->in + c->n_in, sizeof(c->in) - c->n_in, MSG_DONTWAIT);
    if ((n == 0 && !client_waits(c)) || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        client_free(c);
        return;
    }
    if (n == 0) {
        c->finished = true;
        client_watch(c, false);
        client_flush(c);
    }
    if (n > 0) {
        c->n_in += (size_t)n;
        client_lines(c);
    }
}

static bool in_groups(int fd, gid_t group)
{
    gid_t groups[256];
    socklen_t len = sizeof(groups);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
        return false;
    for (size_t i = 0; i < len / sizeof(groups[0]); i++)
        if (groups[i] == group)
            return true;
    return false;
}

static bool may_speak(const struct ctl *ctl, int fd, struct ucred *who)
{
    socklen_t len = sizeof(*who);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &len))
        return false;
    if (who->uid == 0 || who->uid == geteuid())
        return true;
    return ctl->setup.group != (gid_t)-1 && (who->gid == ctl->setup.group || in_groups(fd, ctl->setup.group));
}

static void client_new(struct ctl *ctl, int fd, const struct ucred *who)
{
    struct client *c = calloc(1, sizeof(*c));

    if (c) {
        *c = (struct client){.ctl = ctl, .fd = fd, .who = *who, .watch_id = -1};
        c->watch = loop_watch(ctl->setup.loop, fd, client_ready, c);
    }
    if (!c || !c->watch) {
        free(c);
        close(fd);
        return;
    }
    buf_init(&c->out, CTL_QUEUE_MAX);
    list_append(&ctl->clients, &c->link);
    ctl->n_clients++;
}

static void ctl_accept(void *ctx, unsigned what)
{
    struct ctl *ctl = ctx;
    struct ucred who;
    int fd = accept4(ctl->setup.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)what;
    if (fd < 0)
        return;
    if (ctl->n_clients < CTL_CLIENTS_MAX && may_speak(ctl, fd, &who))
        client_new(ctl, fd, &who);
    else
        close(fd);
}

struct ctl *ctl_new(const struct ctl_setup *setup)
{
    struct ctl *ctl = calloc(1, sizeof(*ctl));

    if (!ctl)
        return NULL;
    ctl->setup = *setup;
    list_init(&ctl->clients);
    ctl->watch = loop_watch(setup->loop, setup->listen_fd, ctl_accept, ctl);
    return ctl->watch ? ctl : ctl_free(ctl);
}

struct ctl *ctl_free(struct ctl *ctl)
{
    if (!ctl)
        return NULL;
    LIST_EACH (it, &ctl->clients) {
        struct client *c = LIST_ITEM(it, struct client, link);

        client_flush(c);
        client_free(c);
    }
    watch_free(ctl->watch);
    free(ctl);
    return NULL;
}

/* Rows of a list and ends of orders are for the one who asked. */
static bool for_watchers(const struct tell *t)
{
    return t->fact != FACT_IKE_SA && t->fact != FACT_CHILD_SA && t->fact != FACT_COUNTERS && t->fact != FACT_DONE;
}

void ctl_tell(struct ctl *ctl, const struct tell *t)
{
    LIST_EACH (it, &ctl->clients) {
        struct client *c = LIST_ITEM(it, struct client, link);
        struct waiting *w = t->order ? client_wait(c, t->order) : NULL;

        if (w) {
            w->id = t->fact == FACT_DONE ? 0 : w->id;
            client_tell(c, t, w->client);
        } else if (c->watching && for_watchers(t)) {
            client_watch_line(c, t);
        }
    }
}

void ctl_done(struct ctl *ctl, uint32_t id, bool ok, const char *text)
{
    const struct tell t = {
        .fact = FACT_DONE, .level = ok ? LEVEL_INFO : LEVEL_ERROR, .order = id, .ok = ok, .text = text ? text : ""};

    ctl_tell(ctl, &t);
}

void ctl_fail_all(struct ctl *ctl, const char *text)
{
    LIST_EACH (it, &ctl->clients) {
        struct client *c = LIST_ITEM(it, struct client, link);

        for (size_t i = 0; i < CTL_WAITING_MAX; i++) {
            struct waiting w = c->waiting[i];

            c->waiting[i].id = 0;
            if (w.id)
                client_say(c, w.client, false, text);
        }
    }
}

size_t ctl_watchers(const struct ctl *ctl)
{
    return ctl->n_watching;
}

size_t ctl_clients(const struct ctl *ctl)
{
    return ctl->n_clients;
}
