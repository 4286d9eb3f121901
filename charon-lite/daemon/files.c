/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "daemon/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cert/cert.h"
#include "vault/probe.h"

extern const struct alg_registry alg_registry;

enum { FILES_MAX = 4096 };

static int files_add(struct files *f, const char *path)
{
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 16;
        const char **v = cap > FILES_MAX ? NULL : realloc(f->v, cap * sizeof(*v));

        if (!v)
            return ERR_LIMIT;
        f->v = v;
        f->cap = cap;
    }
    f->v[f->n] = arena_string(&f->arena, path);
    return f->v[f->n++] ? 0 : ERR_MEMORY;
}

static int is_yaml(const struct dirent *d)
{
    size_t len = strlen(d->d_name);

    return d->d_name[0] != '.' && len > 5 && !strcmp(d->d_name + len - 5, ".yaml");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int files_of(struct files *f, const char *dir)
{
    struct dirent **list;
    int n = scandir(dir, &list, is_yaml, by_bytes), err = n < 0 ? ERR_IO : 0;

    for (int i = 0; i < n; i++) {
        const char *path = arena_printf(&f->arena, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", list[i]->d_name);

        if (!err)
            err = path ? files_add(f, path) : ERR_MEMORY;
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return err;
}

int files_find(const char *const *paths, size_t n, struct files *out, struct text *why)
{
    struct stat st;
    int err = 0;

    *out = (struct files){0};
    arena_init(&out->arena, FILES_BYTES_MAX);
    for (size_t i = 0; i < n && !err; i++) {
        if (stat(paths[i], &st)) {
            text_add(why, "%s: %s", paths[i], strerror(errno));
            return ERR_NOT_FOUND;
        }
        err = S_ISDIR(st.st_mode) ? files_of(out, paths[i]) : files_add(out, paths[i]);
        if (err)
            text_add(why, "%s: %s", paths[i], err == ERR_IO ? strerror(errno) : "too many files");
    }
    return err;
}

void files_done(struct files *f)
{
    free(f->v);
    free(f->contents);
    arena_done(&f->arena);
    *f = (struct files){0};
}

int files_load(void *ctx, const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    ssize_t n = -1;

    (void)ctx;
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    if (!fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode))) {
        uint8_t part[4096];

        while ((n = read(fd, part, sizeof(part))) > 0 && out->len <= FILE_BYTES_MAX)
            buf_bytes(out, part, (size_t)n);
    }
    close(fd);
    if (n < 0)
        return ERR_IO;
    return out->failed || out->len > FILE_BYTES_MAX ? ERR_LIMIT : 0;
}

/* --- content: read once, remembered ------------------------------------------------------------------------------------ */

static const struct files_content *content_find(const struct files *f, const char *path)
{
    for (size_t i = 0; i < f->n_contents; i++)
        if (!strcmp(f->contents[i].path, path))
            return &f->contents[i];
    return NULL;
}

static int content_add(struct files *f, const char *path, struct span data)
{
    struct files_content c = {arena_string(&f->arena, path), arena_copy(&f->arena, data)};

    if (!c.path || c.data.len != data.len)
        return ERR_LIMIT;
    if (f->n_contents == f->cap_contents) {
        size_t cap = f->cap_contents ? f->cap_contents * 2 : 16;
        struct files_content *v = cap > 2 * FILES_MAX ? NULL : realloc(f->contents, cap * sizeof(*v));

        if (!v)
            return ERR_LIMIT;
        f->contents = v;
        f->cap_contents = cap;
    }
    f->contents[f->n_contents++] = c;
    return 0;
}

struct reading {
    struct files *files;
    struct vault_probe_setup look;
};

static int reading_load(void *ctx, const char *path, struct buf *out)
{
    struct files *f = ((struct reading *)ctx)->files;
    const struct files_content *c = content_find(f, path);
    int err;

    if (c) {
        buf_span(out, c->data);
        return out->failed ? ERR_LIMIT : 0;
    }
    if (f->sealed)
        return ERR_NOT_FOUND;
    err = files_load(NULL, path, out);
    return err ? err : content_add(f, path, buf_view(out));
}

static int reading_probe(void *ctx, const struct conf_connection *c, struct text *why)
{
    return vault_probe(&((struct reading *)ctx)->look, c, why);
}

struct conf *files_read(struct files *f, uint32_t generation, const struct conf *previous, bool probe, struct conf_report *report)
{
    struct reading r = {f, {&keystore_file, time(NULL), NULL}};
    const struct conf_setup setup = {.algs = &alg_registry,
                                     .generation = generation,
                                     .dn_encode = cert_dn_encode,
                                     .load = reading_load,
                                     .ca_hashes = cert_ca_hashes,
                                     .probe = probe ? reading_probe : NULL,
                                     .previous = previous,
                                     .session = probe ? getenv("SSH_CONNECTION") : NULL,
                                     .ctx = &r};

    return conf_read_files(&setup, f->v, f->n, report);
}

static void put_string(struct buf *out, const char *s)
{
    buf_u16(out, (uint16_t)strlen(s));
    buf_bytes(out, s, strlen(s));
}

static const char *get_string(struct reader *r, struct arena *arena)
{
    struct span s = read_span(r, read_u16(r));

    if (r->failed || (s.len && memchr(s.p, 0, s.len)))
        return NULL;
    return arena_printf(arena, "%.*s", (int)s.len, (const char *)s.p);
}

void files_put(const struct files *f, struct buf *out)
{
    buf_u16(out, (uint16_t)f->n);
    for (size_t i = 0; i < f->n; i++)
        put_string(out, f->v[i]);
    buf_u16(out, (uint16_t)f->n_contents);
    for (size_t i = 0; i < f->n_contents; i++) {
        put_string(out, f->contents[i].path);
        buf_u32(out, (uint32_t)f->contents[i].data.len);
        buf_span(out, f->contents[i].data);
    }
}

int files_get(struct reader *r, struct files *out)
{
    const char *path;
    int err = 0;

    *out = (struct files){.sealed = true};
    arena_init(&out->arena, FILES_BYTES_MAX + (8u << 20));
    for (size_t n = read_u16(r); n && !err; n--) {
        path = get_string(r, &out->arena);
        err = path ? files_add(out, path) : ERR_BAD;
    }
    for (size_t n = read_u16(r); n && !err; n--) {
        path = get_string(r, &out->arena);
        err = path ? content_add(out, path, read_span(r, read_u32(r))) : ERR_BAD;
    }
    return err || r->failed ? ERR_BAD : 0;
}

char *files_report(const struct conf_report *r)
{
    size_t cap = 1 << 16;
    char *all = malloc(cap);
    struct text t;

    if (!all)
        return NULL;
    t = text_in(all, cap);
    conf_report_format(r, &t);
    return all;
}
