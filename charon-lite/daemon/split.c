/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crew as processes, seen from the parent: it forks them, hands out the ends of socketpairs, opens the files that vault and
 * judge may read, and begins anew what dies.
 *
 *     a dead vault, judge or fetch: that one again; core and hand get a new end to speak to it
 *     a dead core or hand: both again, policies are adopted by the new hand (nothing opens in between)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/crew.h"
#include "daemon/proc.h"

#define STATUS_WAIT (3 * USEC_SEC)
#define RESTARTS_WITHIN (60 * USEC_SEC)
#define PULSE (5 * USEC_SEC)
enum { RESTARTS_MAX = 6, DISABLED_MAX = 256, MISSED_MAX = 6 };

struct member {
    struct crew *crew;
    enum role role;
    pid_t pid; /* 0 = does not live */
    struct channel *channel;
    bool ended, done;
    struct answer traffic;
    unsigned missed;                  /* pings without a word since */
    unsigned late_done, late_traffic; /* replies to come that nobody waits for any more */
    int err;
    char why[4000];
};
struct crew {
    struct crew_setup setup;
    struct jail jail;
    struct member members[ROLE_COUNT];
    struct conf *conf, *next; /* next: being prepared */
    const struct files *files;
    size_t last_opened; /* where in the configuration the last file that was asked for is named */
    struct timer *mend, *pulse;
    usec_t restarts[RESTARTS_MAX];
    char *disabled[DISABLED_MAX];
    size_t n_disabled;
    struct order listen; /* the last one, for a core that begins anew */
    bool closing;
};

static const struct proc_kind *const kinds[ROLE_COUNT] = {&proc_core, &proc_vault, &proc_judge, &proc_hand, &proc_fetch};
/* Who speaks to whom. */
static const enum role links[][2] = {{ROLE_CORE, ROLE_HAND},  {ROLE_CORE, ROLE_VAULT}, {ROLE_CORE, ROLE_JUDGE},
                                     {ROLE_CORE, ROLE_FETCH}, {ROLE_VAULT, ROLE_HAND}, {ROLE_JUDGE, ROLE_HAND}};
enum { LINKS = sizeof(links) / sizeof(links[0]) };

static void crew_say(struct crew *c, enum level level, const char *fmt, ...) PRINTF(3, 4);
static void crew_say(struct crew *c, enum level level, const char *fmt, ...)
{
    char line[1000];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    c->setup.say(c->setup.ctx, level, line);
}

/* --- files for vault and judge ------------------------------------------------------------------------------------------ */

static bool named(const char *a, const char *b)
{
    return a && !strcmp(a, b);
}

static bool named_in(const char *const *list, const char *ref)
{
    for (; list && *list; list++)
        if (named(*list, ref))
            return true;
    return false;
}

static bool end_names(const struct conf_end *e, enum role role, enum keystore_kind kind, const char *ref)
{
    if (role == ROLE_JUDGE)
        return kind == KEYSTORE_CERT && (named_in(e->ca, ref) || named_in(e->pinned, ref));
    return (kind == KEYSTORE_PSK && named(e->psk, ref)) || (kind == KEYSTORE_KEY && named(e->key, ref)) ||
           (kind == KEYSTORE_CERT && named(e->cert, ref));
}

/* They ask in the order of the configuration: begin where the last one was. */
static bool may_open(struct crew *c, enum role role, enum keystore_kind kind, const char *ref)
{
    const struct conf *conf = c->next ? c->next : c->conf;

    for (size_t i = 0; i < conf->n_connections; i++) {
        size_t at = (c->last_opened + i) % conf->n_connections;
        const struct conf_connection *k = &conf->connections[at];

        if (end_names(&k->local, role, kind, ref) || end_names(&k->remote, role, kind, ref)) {
            c->last_opened = at;
            return true;
        }
    }
    return false;
}

static int open_file(struct crew *c, enum role role, enum keystore_kind kind, const char *ref, struct text *why)
{
    const char *path = strncmp(ref, "file:", 5) ? ref : ref + 5;
    int fd;

    if (!may_open(c, role, kind, ref)) {
        text_add(why, "%s: the configuration does not name it", ref);
        return ERR_REFUSED;
    }
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0)
        return fd;
    text_add(why, "%s: %s", path, errno == ELOOP ? "a symbolic link, which is not followed" : strerror(errno));
    return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
}

static void member_opens(struct member *m, struct span body)
{
    char ref[4096], why[4200];
    struct text r = text_in(ref, sizeof(ref)), t = text_in(why, sizeof(why));
    struct reader in = reader_of(body);
    enum keystore_kind kind = read_u8(&in);
    struct span name = read_rest(&in);
    uint8_t head[4];
    struct buf *b;
    int fd;

    text_add(&r, "%.*s", (int)name.len, (const char *)name.p);
    fd = open_file(m->crew, m->role, kind, ref, &t);
    put_u32(head, fd < 0 ? (uint32_t)fd : 0);
    if (fd >= 0) {
        channel_send_fd(m->channel, FRAME_OPENED, span_of(head, sizeof(head)), fd);
        close(fd);
    } else if ((b = channel_begin(m->channel, FRAME_OPENED))) {
        buf_bytes(b, head, sizeof(head));
        buf_span(b, span_str(why));
        channel_end(m->channel);
        channel_flush(m->channel);
    }
}

/* --- what they say -------------------------------------------------------------------------------------------------------- */

static void member_tells(struct member *m, struct span body)
{
    struct reader r = reader_of(body);
    struct arena arena;
    struct tell t;

    arena_init(&arena, WORDS_MAX);
    if (!words_get_tell(&r, &arena, &t))
        m->crew->setup.tell(m->crew->setup.ctx, &t);
    arena_done(&arena);
}

static void member_says(struct member *m, struct span body)
{
    char line[1000];
    struct text t = text_in(line, sizeof(line));
    struct reader r = reader_of(body);
    uint8_t level = read_u8(&r);

    text_add_bytes(&t, read_rest(&r));
    if (!r.failed)
        m->crew->setup.say(m->crew->setup.ctx, level <= LEVEL_DEBUG ? (enum level)level : LEVEL_DEBUG, line);
}

static void member_counts(struct member *m, struct span body)
{
    struct reader r = reader_of(body);
    struct arena arena;

    arena_init(&arena, WORDS_MAX);
    m->err = words_get_answer(&r, &arena, &m->traffic);
    m->traffic.why = NULL; /* lives no longer */
    m->done = true;
    arena_done(&arena);
}

static void member_frame(void *ctx, struct channel *channel, uint8_t type, struct span body)
{
    struct member *m = ctx;
    struct text t;

    (void)channel;
    m->missed = 0;
    if (type == CHANNEL_CLOSED) {
        m->ended = true;
        if (!m->crew->closing && m->crew->mend)
            timer_set(m->crew->mend, 0);
    } else if (type == FRAME_TELL && m->role == ROLE_CORE) {
        member_tells(m, body);
    } else if (type == FRAME_SAY) {
        member_says(m, body);
    } else if (type == FRAME_OPEN && (m->role == ROLE_VAULT || m->role == ROLE_JUDGE)) {
        member_opens(m, body);
    } else if (type == FRAME_ANSWER && m->role == ROLE_HAND && m->late_traffic) {
        m->late_traffic--;
    } else if (type == FRAME_ANSWER && m->role == ROLE_HAND) {
        member_counts(m, body);
    } else if (type == FRAME_DONE && m->late_done) {
        m->late_done--;
    } else if (type == FRAME_DONE) {
        t = text_in(m->why, sizeof(m->why));
        m->err = frame_done_read(body, &t);
        m->done = true;
    }
}

/* --- questions that the parent waits for ---------------------------------------------------------------------------------- */

static struct buf *member_begin(struct member *m, enum frame type)
{
    m->done = false;
    return m->channel && !m->ended ? channel_begin(m->channel, type) : NULL;
}

/* The error of its reply, or of its silence; the text is in m->why. Replies come in the order of the questions: one that comes
 * too late must not be taken for the next question's. */
static int member_wait_reply(struct member *m, usec_t patience, unsigned *late)
{
    int err = m->channel ? channel_wait(m->channel, &m->done, loop_now() + patience) : ERR_IO;
    struct text t;

    if (!err)
        return m->err;
    *late += err == ERR_AGAIN;
    t = text_in(m->why, sizeof(m->why));
    text_add(&t, err == ERR_AGAIN ? "the process %s does not answer" : "the process %s has ended", role_name(m->role));
    return err;
}

static int member_wait_for(struct member *m, usec_t patience)
{
    return member_wait_reply(m, patience, &m->late_done);
}

static int member_wait(struct member *m)
{
    return member_wait_for(m, PROC_REPLY_WAIT);
}

static int member_ask(struct member *m, enum frame type, usec_t patience)
{
    struct buf *b = member_begin(m, type);

    if (b)
        channel_end(m->channel);
    return member_wait_for(m, patience);
}

static int member_configure(struct member *m, const struct conf *conf, const struct files *files, struct text *why)
{
    struct buf *b = member_begin(m, FRAME_CONFIGURE);
    int err;

    if (b) {
        buf_u32(b, conf->generation);
        buf_u32(b, m->crew->conf->generation);
        files_put(files, b);
        channel_end(m->channel);
    }
    err = member_wait(m);
    if (m->why[0])
        text_add(why, "%s\n", m->why);
    else if (err)
        text_add(why, "%s: %s\n", role_name(m->role), err_text(err));
    return err;
}

/* --- birth ------------------------------------------------------------------------------------------------------------------ */

struct ends {
    int parent[ROLE_COUNT], child[ROLE_COUNT]; /* of the channel between parent and role */
    int link[ROLE_COUNT][ROLE_COUNT];          /* [x][y]: x's end of the channel to y */
};

static void ends_none(struct ends *e)
{
    memset(e, 0xff, sizeof(*e));
}

static int ends_pair(int *a, int *b)
{
    int fds[2];

    if (channel_pair(fds))
        return ERR_IO;
    *a = fds[0];
    *b = fds[1];
    return 0;
}

static int ends_make(struct ends *e, unsigned who)
{
    int err = 0;

    ends_none(e);
    for (enum role r = 0; r < ROLE_COUNT && !err; r++)
        if (who & 1u << r)
            err = ends_pair(&e->parent[r], &e->child[r]);
    for (size_t i = 0; i < LINKS && !err; i++)
        if (who & (1u << links[i][0] | 1u << links[i][1]))
            err = ends_pair(&e->link[links[i][0]][links[i][1]], &e->link[links[i][1]][links[i][0]]);
    return err;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void ends_close(struct ends *e)
{
    for (enum role r = 0; r < ROLE_COUNT; r++) {
        close_one(&e->parent[r]);
        close_one(&e->child[r]);
        for (enum role o = 0; o < ROLE_COUNT; o++)
            close_one(&e->link[r][o]);
    }
}

static int member_fork(struct member *m, struct ends *e)
{
    struct crew *c = m->crew;
    struct proc p = {.role = m->role, .kind = kinds[m->role], .conf = c->conf, .sockets = &c->setup.sockets};
    pid_t parent = getpid();

    p.jail = &c->jail;
    p.dry_run = c->setup.options->dry_run;
    p.sandbox_off = c->setup.options->sandbox_off;
    p.parent_pid = parent;
    p.keylog_fd = c->setup.keylog_fd;
    p.names_fd = c->setup.names_fd;
    p.token_fd = c->setup.token_fd;
    m->pid = fork();
    if (m->pid == 0)
        proc_run(&p, e->child[m->role], e->link[m->role]);
    if (m->pid < 0)
        return ERR_IO;
    m->ended = m->done = false;
    m->missed = m->late_done = m->late_traffic = 0;
    return 0;
}

/* After all have been forked: what is written between two forks is copied once more. */
static int member_adopt(struct member *m, struct ends *e)
{
    close_one(&e->child[m->role]);
    for (enum role r = 0; r < ROLE_COUNT; r++)
        close_one(&e->link[m->role][r]);
    m->channel = channel_new(m->crew->setup.loop, e->parent[m->role], member_frame, m);
    e->parent[m->role] = -1;
    return m->channel ? 0 : ERR_MEMORY;
}

/* Those who live on get their new ends: the hand before the core, and theirs to the hand before those to the core. What a core
 * asks at once may lead to a verdict, which must find its way to the hand before the core goes there with it. */
static void ends_hand_out(struct crew *c, struct ends *e)
{
    for (enum role r = ROLE_COUNT; r-- > 0;)
        for (enum role o = ROLE_COUNT; o-- > 0;)
            if (e->link[r][o] >= 0 && c->members[r].channel && !c->members[r].ended) {
                uint8_t role = (uint8_t)o;

                channel_send_fd(c->members[r].channel, FRAME_NEIGHBOUR, span_of(&role, 1), e->link[r][o]);
                close_one(&e->link[r][o]);
            }
}

static int member_begun(struct member *m, struct text *why)
{
    int err = member_wait(m);

    if (err && !why->len)
        text_add(why, "%s", m->why);
    else if (m->why[0])
        crew_say(m->crew, LEVEL_WARNING, "%s: %s", role_name(m->role), m->why);
    return err;
}

/* All of them begin side by side, and are waited for one after the other. */
static int crew_begin(struct crew *c, unsigned who, const enum role *order, size_t n, struct ends *e, struct text *why)
{
    int err = 0;

    for (size_t i = 0; i < n && !err; i++) {
        if (!(who & 1u << order[i]))
            continue;
        err = jail_prepare(&c->jail, order[i], why);
        if (!err && (err = member_fork(&c->members[order[i]], e)))
            text_add(why, "cannot start the process %s: %s", role_name(order[i]), strerror(errno));
    }
    for (size_t i = 0; i < n; i++)
        if (who & 1u << order[i] && c->members[order[i]].pid > 0 && member_adopt(&c->members[order[i]], e) && !err)
            err = ERR_MEMORY;
    for (size_t i = 0; i < n && !err; i++)
        if (who & 1u << order[i])
            err = member_begun(&c->members[order[i]], why);
    return err;
}

/*
 * Hand and core first: as soon as they are there, peers are answered; what they say to the others waits in the channels. What is
 * protected is closed before a secret is looked at, for the vault is begun when the hand is ready; and before a packet is sent,
 * for the core begins nothing and answers nobody without nonces, which the hand issues.
 */
static int crew_start(struct crew *c, unsigned who, struct text *why)
{
    static const enum role first[] = {ROLE_HAND, ROLE_CORE}, then[] = {ROLE_VAULT, ROLE_JUDGE, ROLE_FETCH};
    struct ends e;
    int err = ends_make(&e, who);

    if (err)
        text_add(why, "socketpair: %s", strerror(errno));
    else
        err = crew_begin(c, who, first, COUNT_OF(first), &e, why);
    if (!err)
        err = crew_begin(c, who, then, COUNT_OF(then), &e, why);
    if (!err)
        ends_hand_out(c, &e);
    ends_close(&e);
    return err;
}

/* --- death ------------------------------------------------------------------------------------------------------------------ */

static void member_bury(struct member *m, bool kill_it)
{
    int status = 0;

    m->channel = channel_free(m->channel); /* it ends when it sees that */
    if (m->pid <= 0)
        return;
    if (kill_it)
        kill(m->pid, SIGKILL);
    for (int i = 0; i < 200 && waitpid(m->pid, &status, WNOHANG) == 0; i++) {
        usleep(5000);
        if (i == 100)
            kill(m->pid, SIGKILL);
    }
    if (WIFSIGNALED(status) && !kill_it)
        crew_say(m->crew, LEVEL_ERROR, "the process %s was ended by signal %d (%s)", role_name(m->role), WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    m->pid = 0;
}

static bool too_often(struct crew *c)
{
    usec_t now = loop_now();
    bool often = c->restarts[RESTARTS_MAX - 1] && now - c->restarts[RESTARTS_MAX - 1] < RESTARTS_WITHIN;

    memmove(c->restarts + 1, c->restarts, sizeof(c->restarts) - sizeof(c->restarts[0]));
    c->restarts[0] = now;
    return often;
}

static void disabled_again(struct crew *c)
{
    for (size_t i = 0; i < c->n_disabled; i++) {
        struct buf *b = member_begin(&c->members[ROLE_HAND], FRAME_ENABLE);

        if (b) {
            buf_u8(b, 0);
            buf_span(b, span_str(c->disabled[i]));
            channel_end(c->members[ROLE_HAND].channel);
        }
        if (member_wait(&c->members[ROLE_HAND]))
            crew_say(c, LEVEL_WARNING, "%s was disabled and is closed again", c->disabled[i]);
    }
}

static unsigned crew_dead(struct crew *c)
{
    unsigned who = 0, both = 1u << ROLE_CORE | 1u << ROLE_HAND;

    for (enum role r = 0; r < ROLE_COUNT; r++)
        if (c->members[r].ended)
            who |= 1u << r;
    return who & both ? who | both : who;
}

static bool core_order(struct crew *c, const struct order *o)
{
    struct channel *core = c->members[ROLE_CORE].channel;
    struct buf *b = core ? channel_begin(core, FRAME_ORDER) : NULL;

    if (!b)
        return false;
    words_put_order(b, o);
    channel_end(core);
    channel_flush(core);
    return true;
}

static void crew_mend(void *ctx, unsigned what)
{
    struct crew *c = ctx;
    char why[1000];
    struct text t = text_in(why, sizeof(why));
    unsigned who = crew_dead(c);

    (void)what;
    if (!who || c->closing)
        return;
    for (enum role r = 0; r < ROLE_COUNT; r++)
        if (who & 1u << r) {
            crew_say(c, LEVEL_ERROR, c->members[r].ended ? "the process %s has ended and is begun anew" : "%s is begun anew too",
                     role_name(r));
            member_bury(&c->members[r], !c->members[r].ended);
        }
    if (who & 1u << ROLE_CORE)
        c->setup.restarted(c->setup.ctx);
    if (too_often(c) || crew_start(c, who, &t)) {
        crew_say(c, LEVEL_ERROR, "giving up: %s; what is protected stays closed", why[0] ? why : "processes end too often");
        c->closing = true;
        c->setup.fail(c->setup.ctx);
    } else if (who & 1u << ROLE_HAND) { /* and core */
        disabled_again(c);
        (void)core_order(c, &c->listen);
    }
}

/* Who says nothing to so many pings hangs, and is ended; crew_mend() does the rest. */
static void crew_pulse(void *ctx, unsigned what)
{
    struct crew *c = ctx;

    (void)what;
    for (enum role r = 0; r < ROLE_COUNT; r++) {
        struct member *m = &c->members[r];

        if (m->ended || !m->channel || m->pid <= 0)
            continue;
        if (m->missed++ == MISSED_MAX) {
            crew_say(c, LEVEL_ERROR, "the process %s has not answered for %d s and is ended", role_name(r),
                     (int)(MISSED_MAX * PULSE / USEC_SEC));
            kill(m->pid, SIGKILL);
        } else if (channel_begin(m->channel, FRAME_PING)) {
            channel_end(m->channel);
            channel_flush(m->channel);
        }
    }
    timer_set(c->pulse, loop_now() + PULSE);
}

/* --- the table ----------------------------------------------------------------------------------------------------------------
 */

static struct crew *split_close(struct crew *c)
{
    if (!c)
        return NULL;
    c->closing = true;
    for (enum role r = 0; r < ROLE_COUNT; r++)
        member_bury(&c->members[r], false);
    timer_free(c->mend);
    timer_free(c->pulse);
    for (size_t i = 0; i < c->n_disabled; i++)
        free(c->disabled[i]);
    jail_done(&c->jail);
    conf_unref(c->conf);
    free(c);
    return NULL;
}

static struct crew *split_open(const struct crew_setup *s, struct text *why)
{
    struct crew *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->setup = *s;
    c->conf = conf_ref(s->conf);
    c->files = s->files;
    c->listen = (struct order){.kind = ORDER_LISTEN, .level = LEVEL_DEBUG};
    for (enum role r = 0; r < ROLE_COUNT; r++)
        c->members[r] = (struct member){.crew = c, .role = r};
    c->closing = true; /* who dies while we begin is not begun anew */
    jail_init(&c->jail, s->options->one_uid);
    if (crew_start(c, (1u << ROLE_COUNT) - 1, why))
        return split_close(c);
    c->closing = false;
    c->mend = loop_timer(s->loop, crew_mend, c);
    c->pulse = loop_timer(s->loop, crew_pulse, c);
    if (!c->mend || !c->pulse)
        return split_close(c);
    timer_set(c->pulse, loop_now() + PULSE);
    return c;
}

static void split_order(struct crew *c, const struct order *o)
{
    if (o->kind == ORDER_LISTEN)
        c->listen = *o;
    if (!core_order(c, o) && o->kind != ORDER_LISTEN)
        c->setup.restarted(c->setup.ctx);
}

/* Vault and judge keep the generation that runs beside the new one; the hand goes back by itself when it fails. */
static int split_configure(struct crew *c, struct conf *conf, const struct files *files, struct text *why)
{
    static const enum role order[] = {ROLE_VAULT, ROLE_JUDGE, ROLE_HAND, ROLE_CORE};
    int err = 0;

    c->next = conf;
    for (size_t i = 0; i < COUNT_OF(order) && !err; i++)
        err = member_configure(&c->members[order[i]], conf, files, why);
    c->next = NULL;
    if (err)
        return err;
    conf_unref(c->conf);
    c->conf = conf_ref(conf);
    c->files = files;
    return 0;
}

static void disabled_note(struct crew *c, const char *name, bool on)
{
    for (size_t i = 0; i < c->n_disabled; i++)
        if (!strcmp(c->disabled[i], name)) {
            free(c->disabled[i]);
            c->disabled[i] = c->disabled[--c->n_disabled];
            break;
        }
    if (!on && c->n_disabled < DISABLED_MAX && (c->disabled[c->n_disabled] = strdup(name)))
        c->n_disabled++;
}

static int split_enable(struct crew *c, const char *connection, bool on)
{
    struct member *m = &c->members[ROLE_HAND];
    struct buf *b = member_begin(m, FRAME_ENABLE);
    int err;

    if (b) {
        buf_u8(b, on);
        buf_span(b, span_str(connection));
        channel_end(m->channel);
    }
    err = member_wait(m);
    if (!err)
        disabled_note(c, connection, on);
    return err;
}

static void split_disarm(struct crew *c)
{
    c->closing = true;
    if (!c->members[ROLE_HAND].ended && member_ask(&c->members[ROLE_HAND], FRAME_DISARM, PROC_REPLY_WAIT))
        crew_say(c, LEVEL_WARNING, "%s", c->members[ROLE_HAND].why);
}

static void split_status(struct crew *c, struct text *out)
{
    static const enum role who[] = {ROLE_CORE, ROLE_HAND};

    for (size_t i = 0; i < COUNT_OF(who); i++) {
        member_ask(&c->members[who[i]], FRAME_STATUS, STATUS_WAIT);
        text_add(out, "%s%s", c->members[who[i]].why, c->members[who[i]].err ? "\n" : "");
    }
    text_add(out, "processes:");
    for (enum role r = 0; r < ROLE_COUNT; r++)
        text_add(out, " %s %d", role_name(r), (int)c->members[r].pid);
    text_add(out, "\n");
}

static int split_traffic(struct crew *c, uint32_t spi_in, uint32_t spi_out, const struct addr *local, struct answer *out)
{
    const struct ask ask = ask_traffic(spi_in, spi_out, local);
    struct member *m = &c->members[ROLE_HAND];
    int err;

    m->done = false;
    if (!m->channel || m->ended)
        return ERR_IO;
    frame_ask(m->channel, &ask);
    err = member_wait_reply(m, STATUS_WAIT, &m->late_traffic);
    if (err || m->traffic.kind != ASK_CHILD_QUERY || m->traffic.result != ANSWER_OK)
        return err ? err : ERR_NOT_FOUND;
    *out = m->traffic;
    return 0;
}

const struct crew_kind crew_split = {split_open,   split_close,  split_order,  split_configure,
                                     split_enable, split_disarm, split_status, split_traffic};
