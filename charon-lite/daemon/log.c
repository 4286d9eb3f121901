/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ctl.h"

enum { LINE_MAX_BYTES = 2048 };

/* Is our standard error the journal's? It names the device and inode of its stream. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long dev, ino;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && !fstat(STDERR_FILENO, &st) && st.st_dev == dev &&
           st.st_ino == ino;
}

void log_init(struct log *l, enum level max)
{
    *l = (struct log){.max = max, .journal = is_journal(), .second = -1};
}

static void log_head(struct log *l, struct text *t, enum level level)
{
    struct timespec now;
    struct tm tm;

    if (l->journal) {
        text_add(t, "<%d>", level);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != l->second) {
        l->second = now.tv_sec;
        localtime_r(&now.tv_sec, &tm);
        strftime(l->when, sizeof(l->when), "%F %T", &tm);
    }
    text_add(t, "%s.%03ld %-7s ", l->when, now.tv_nsec / 1000000, level_word(level));
}

/* One write, so that lines of several processes do not mix. */
void log_flush(void *log)
{
    struct log *l = log;
    size_t n = l->n_held;

    l->n_held = 0;
    if (n && write(STDERR_FILENO, l->held, n) < 0)
        return; /* nobody listens */
}

static void log_line(struct log *l, enum level level, struct text *t)
{
    if (t->len + 1 < t->cap)
        text_add(t, "\n");
    else
        t->p[t->len - 1] = '\n';
    if (t->len > sizeof(l->held) - l->n_held)
        log_flush(l);
    memcpy(l->held + l->n_held, t->p, t->len);
    l->n_held += t->len;
    if (!l->holds || level <= LEVEL_WARNING)
        log_flush(l);
}

void log_tell(struct log *l, const struct tell *tell)
{
    char line[LINE_MAX_BYTES], at[ENDPOINT_TEXT_MAX];
    struct text t = text_in(line, sizeof(line));

    if (tell->level > l->max)
        return;
    log_head(l, &t, tell->level);
    if (tell->connection)
        text_add(&t, "%s%s%s: ", tell->connection, tell->child ? "/" : "", tell->child ? tell->child : "");
    text_add(&t, "%s", fact_word(tell->fact));
    if (tell->text && *tell->text)
        text_add(&t, ": %s", tell->text);
    if (tell->remote.addr.family)
        text_add(&t, " [%s]", endpoint_format(&tell->remote, at));
    log_line(l, tell->level, &t);
}

void log_say(struct log *l, enum level level, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES], body[LINE_MAX_BYTES];
    struct text t = text_in(line, sizeof(line));
    va_list args;

    if (level > l->max)
        return;
    va_start(args, fmt);
    vsnprintf(body, sizeof(body), fmt, args);
    va_end(args);
    log_head(l, &t, level);
    text_add(&t, "%s", body);
    log_line(l, level, &t);
}
