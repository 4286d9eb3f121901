/* SPDX-License-Identifier: Apache-2.0 */
/* Files to a snapshot; its life; finding things in it. */
#include "conf/conf.h"

#include "conf/rows.h"

#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX ((size_t)64 << 20)
#define TREE_SIZE_MAX ((size_t)2 << 30)
#define CONF_SIZE_MAX ((size_t)2 << 30)

/* What only this room knows of a snapshot. */
struct snapshot {
    struct conf conf;
    const struct conf_connection **by_name; /* sorted */
};

static int name_compare(const void *x, const void *y)
{
    const struct conf_connection *a = *(const struct conf_connection *const *)x, *b = *(const struct conf_connection *const *)y;
    int order = strcmp(a->name, b->name);

    return order ? order : a->index - b->index;
}

static void names_sort(struct reading *r, struct snapshot *s)
{
    size_t n = s->conf.n_connections;

    s->by_name = arena_alloc(r->keep, (n + 1) * sizeof(*s->by_name));
    if (!s->by_name)
        return;
    for (size_t i = 0; i < n; i++)
        s->by_name[i] = &s->conf.connections[i];
    if (n)
        qsort(s->by_name, n, sizeof(*s->by_name), name_compare);
}

/* Names that stand in two files; those that stand twice in one were seen in its tree. */
static void names_check(struct reading *r, const struct snapshot *s)
{
    const struct draft **drafts = arena_alloc(&r->tree, (s->conf.n_connections + 1) * sizeof(*drafts));

    for (const struct draft *d = r->first; drafts && d; d = d->next)
        drafts[d->c.index] = d;
    for (size_t i = 1; drafts && i < s->conf.n_connections; i++) {
        const struct conf_connection *before = s->by_name[i - 1], *c = s->by_name[i];

        if (before->place.file != c->place.file && strcmp(before->name, c->name) == 0)
            error_at(r, drafts[c->index]->node->key, "a connection \"%s\" stands in %s:%u already: each name stands once",
                     c->name, before->place.file, before->place.line);
    }
}

static struct conf *reading_init(struct reading *r, const struct conf_setup *setup, struct conf_report *report)
{
    struct snapshot *s = calloc(1, sizeof(*s));

    *r = (struct reading){.setup = setup, .report = report, .last = &r->first};
    arena_init(&r->tree, TREE_SIZE_MAX);
    if (!s) {
        error_at(r, NULL, "no memory");
        arena_done(&r->tree);
        return NULL;
    }
    s->conf.refs = 1;
    s->conf.generation = setup->generation;
    s->conf.algs = setup->algs;
    arena_init(&s->conf.arena, CONF_SIZE_MAX);
    r->conf = &s->conf;
    r->keep = &s->conf.arena;
    conf_section_presets(r, &table_daemon, r->conf);
    return r->conf;
}

/* The snapshot, if nothing is wrong; the reading is over in any case. */
static struct conf *reading_done(struct reading *r)
{
    struct conf *conf = r->conf;
    struct snapshot *s = CONTAINER_OF(conf, struct snapshot, conf);

    drafts_finish(r);
    names_sort(r, s);
    if (s->by_name && conf->connections) {
        names_check(r, s);
        rules_check(r);
    }
    if (r->keep->failed || r->tree.failed)
        error_at(r, NULL, "the configuration is too large");
    map_done(&r->words);
    map_done(&r->anchors);
    conf_report_finish(r);
    arena_done(&r->tree);
    return r->report->errors ? conf_unref(conf) : conf;
}

struct conf *conf_read_text(const struct conf_setup *setup, const char *name, struct span yaml, struct conf_report *report)
{
    struct reading r;
    struct source source = {.text = yaml};

    if (!reading_init(&r, setup, report))
        return NULL;
    source.name = arena_string(r.keep, name);
    if (source.name) /* else there is no memory, and reading_done() says so */
        conf_file_read(&r, &source);
    return reading_done(&r);
}

static void file_load(struct reading *r, struct source *source, const char *path)
{
    int err;

    buf_init(&source->owned, FILE_SIZE_MAX);
    source->name = arena_string(r->keep, path);
    if (!source->name)
        return;
    err = r->setup->load ? r->setup->load(r->setup->ctx, path, &source->owned) : ERR_UNSUPPORTED;
    source->text = buf_view(&source->owned);
    if (err < 0 || source->owned.failed)
        conf_error_in(r, source, 0, 0, err == ERR_NOT_FOUND ? "there is no such file" : "the file cannot be read");
    else
        conf_file_read(r, source);
}

struct conf *conf_read_files(const struct conf_setup *setup, const char *const *paths, size_t n, struct conf_report *report)
{
    struct reading r;
    struct source *sources;
    struct conf *conf;

    if (!reading_init(&r, setup, report))
        return NULL;
    sources = calloc(n + 1, sizeof(*sources));
    if (!sources)
        error_at(&r, NULL, "no memory");
    for (size_t i = 0; sources && i < n; i++)
        file_load(&r, &sources[i], paths[i]);
    conf = reading_done(&r);
    for (size_t i = 0; sources && i < n; i++)
        buf_done(&sources[i].owned);
    free(sources);
    return conf;
}

struct conf *conf_ref(struct conf *conf)
{
    if (conf)
        __atomic_add_fetch(&conf->refs, 1, __ATOMIC_RELAXED);
    return conf;
}

struct conf *conf_unref(struct conf *conf)
{
    if (conf && __atomic_sub_fetch(&conf->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        arena_done(&conf->arena);
        free(CONTAINER_OF(conf, struct snapshot, conf));
    }
    return NULL;
}

const struct conf_connection *conf_find(const struct conf *conf, const char *name)
{
    const struct snapshot *s = CONTAINER_OF(conf, const struct snapshot, conf);
    size_t low = 0, high = conf->n_connections;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(name, s->by_name[mid]->name);

        if (order == 0)
            return s->by_name[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

const struct conf_child *conf_child_find(const struct conf_connection *c, const char *name)
{
    for (size_t i = 0; i < c->n_children; i++) {
        if (strcmp(c->children[i].name, name) == 0)
            return &c->children[i];
    }
    return NULL;
}

bool conf_connection_same(const struct conf_connection *a, const struct conf_connection *b)
{
    if (!conf_section_equal(&table_connection, a, b) || a->n_children != b->n_children)
        return false;
    for (size_t i = 0; i < a->n_children; i++) {
        if (strcmp(a->children[i].name, b->children[i].name) != 0 || !conf_child_same(&a->children[i], &b->children[i]))
            return false;
    }
    return true;
}

bool conf_child_same(const struct conf_child *a, const struct conf_child *b)
{
    return conf_section_equal(&table_child, a, b);
}
