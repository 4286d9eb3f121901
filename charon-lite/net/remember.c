/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "net/remember.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"

struct entry {
    struct map_node node;
    struct entry *next; /* all of them */
    size_t n;
    struct addr v[REMEMBER_ADDRS_MAX];
    char name[];
};
struct remember {
    int fd;
    pthread_mutex_t lock;
    struct map map;
    struct entry *entries;
    size_t n, lines;
};

static uint64_t hash_of(const struct remember *r, const char *name)
{
    return map_hash(&r->map, span_str(name));
}

static struct entry *entry_find(const struct remember *r, const char *name)
{
    for (struct map_node *n = map_first(&r->map, hash_of(r, name)); n; n = map_more(n))
        if (!strcmp(CONTAINER_OF(n, struct entry, node)->name, name))
            return CONTAINER_OF(n, struct entry, node);
    return NULL;
}

static struct entry *entry_new(struct remember *r, const char *name)
{
    size_t len = strlen(name);
    struct entry *e = r->n < REMEMBER_NAMES_MAX && len <= 255 ? calloc(1, sizeof(*e) + len + 1) : NULL;

    if (!e)
        return NULL;
    memcpy(e->name, name, len + 1);
    if (map_add(&r->map, &e->node, hash_of(r, name))) {
        free(e);
        return NULL;
    }
    e->next = r->entries;
    r->entries = e;
    r->n++;
    return e;
}

/* True when this is new. */
static bool entry_set(struct remember *r, const char *name, const struct addr *v, size_t n)
{
    struct entry *e = entry_find(r, name);
    bool same;

    if (!e && !(e = entry_new(r, name)))
        return false;
    n = n < REMEMBER_ADDRS_MAX ? n : REMEMBER_ADDRS_MAX;
    same = n == e->n;
    for (size_t i = 0; i < n; i++) {
        same = same && addr_equal(&e->v[i], &v[i]);
        e->v[i] = v[i];
    }
    e->n = n;
    return !same;
}

static void line_read(struct remember *r, char *line)
{
    struct addr v[REMEMBER_ADDRS_MAX];
    char *at = line, *name = strsep(&at, " "), *word;
    size_t n = 0;

    while (n < REMEMBER_ADDRS_MAX && (word = strsep(&at, " ")))
        if (!addr_parse(word, &v[n]))
            n++;
    if (*name && n)
        entry_set(r, name, v, n);
    r->lines++;
}

static void file_read(struct remember *r)
{
    off_t size = lseek(r->fd, 0, SEEK_END);
    char *all = size > 0 && (size_t)size <= REMEMBER_BYTES_MAX ? malloc((size_t)size + 1) : NULL, *at = all, *line;
    ssize_t got = all ? pread(r->fd, all, (size_t)size, 0) : -1;

    if (got >= 0)
        all[got] = '\0';
    while (got > 0 && (line = strsep(&at, "\n")) && at) /* the last piece has no line end: cut short while written */
        line_read(r, line);
    free(all);
}

static void entry_format(const struct entry *e, struct text *t)
{
    char addr[ADDR_TEXT_MAX];

    text_add(t, "%s", e->name);
    for (size_t i = 0; i < e->n; i++)
        text_add(t, " %s", addr_format(&e->v[i], addr));
    text_add(t, "\n");
}

static void entry_append(struct remember *r, const struct entry *e)
{
    char line[256 + 2 + REMEMBER_ADDRS_MAX * ADDR_TEXT_MAX];
    struct text t = text_in(line, sizeof(line));

    entry_format(e, &t);
    if (write(r->fd, line, t.len) == (ssize_t)t.len)
        r->lines++;
}

/* Most of it is old: begin again. */
static void file_renew(struct remember *r)
{
    if (ftruncate(r->fd, 0) || lseek(r->fd, 0, SEEK_SET) < 0)
        return;
    r->lines = 0;
    for (const struct entry *e = r->entries; e; e = e->next)
        entry_append(r, e);
}

struct remember *remember_new(int fd)
{
    struct remember *r = calloc(1, sizeof(*r));
    struct rng rng = loop_rng();

    if (!r)
        return NULL;
    r->fd = fd;
    pthread_mutex_init(&r->lock, NULL);
    map_init(&r->map, &rng);
    file_read(r);
    if (r->lines > 2 * r->n + 64 || lseek(fd, 0, SEEK_END) > (off_t)REMEMBER_BYTES_MAX)
        file_renew(r);
    return r;
}

struct remember *remember_free(struct remember *r)
{
    if (!r)
        return NULL;
    while (r->entries) {
        struct entry *e = r->entries;

        r->entries = e->next;
        free(e);
    }
    map_done(&r->map);
    pthread_mutex_destroy(&r->lock);
    free(r);
    return NULL;
}

/* A name with blanks would be misread; such a one is not remembered. */
void remember_put(struct remember *r, const char *name, const struct addr *v, size_t n)
{
    if (!n || !*name || strpbrk(name, " \n"))
        return;
    pthread_mutex_lock(&r->lock);
    if (entry_set(r, name, v, n))
        entry_append(r, entry_find(r, name));
    pthread_mutex_unlock(&r->lock);
}

size_t remember_get(struct remember *r, const char *name, uint8_t family, struct addr *out, size_t max)
{
    const struct entry *e;
    size_t n = 0;

    pthread_mutex_lock(&r->lock);
    e = entry_find(r, name);
    for (size_t i = 0; e && i < e->n && n < max; i++)
        if (!family || e->v[i].family == family)
            out[n++] = e->v[i];
    pthread_mutex_unlock(&r->lock);
    return n;
}
