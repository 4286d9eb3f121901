/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/anchors.h"

#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

#define GENERATION_MAX ((size_t)1 << 30)
#define FILE_MAX ((size_t)512 * 1024)

struct loading {
    const struct judge_setup *setup;
    struct judge_generation *g;
    uint64_t *counter;
    struct text *why;
};

static int file_certs(struct loading *l, const char *path, struct x509_st **v, size_t max, size_t *n)
{
    char sentence[160];
    struct text inner = text_in(sentence, sizeof(sentence));
    struct buf file;
    int err;

    buf_init(&file, FILE_MAX);
    err = l->setup->load(l->setup->ctx, path, &file);
    if (err != 0)
        text_add(l->why, "%s cannot be read: %s", path, err_text(err));
    if (err == 0) {
        err = cert_file_read(buf_view(&file), v, max, n, &inner);
        if (err != 0)
            text_add(l->why, "%s: %s", path, sentence);
    }
    buf_done(&file);
    return err;
}

static int ca_load(struct loading *l, struct judge_anchors *a, const char *path)
{
    char sentence[400];
    struct text inner = text_in(sentence, sizeof(sentence));
    struct x509_st *v[CERT_FILE_CERTS];
    size_t n = 0;
    int err = file_certs(l, path, v, COUNT_OF(v), &n);

    for (size_t i = 0; err == 0 && i < n; i++)
        err = cert_trust_add(a->trust, v[i], &inner);
    if (inner.len)
        text_add(l->why, "%s: %s", path, sentence);
    cert_free_all(v, n);
    return err;
}

/* One certificate a file: the first; a chain behind it is of no use to a pin. */
static int pinned_load(struct loading *l, struct judge_anchors *a, const char *path)
{
    struct x509_st *v[CERT_FILE_CERTS];
    size_t n = 0, mark = a->n_pinned;
    struct arena scratch;
    int err;

    if (mark == PINNED_MAX) {
        text_add(l->why, "more than %d pinned certificates for one peer", PINNED_MAX);
        return ERR_LIMIT;
    }
    err = file_certs(l, path, v, COUNT_OF(v), &n);
    if (err != 0)
        return err;
    arena_init(&scratch, CERT_DER_MAX + 16);
    if (!cache_digest(cert_der(v[0], &scratch), a->digests[mark]))
        err = ERR_CRYPTO;
    arena_done(&scratch);
    a->pinned[mark] = v[0];
    a->n_pinned++;
    cert_free_all(v + 1, n - 1);
    return err;
}

static int anchors_load(struct loading *l, struct judge_anchors *a, const struct conf_end *end)
{
    int err = 0;

    a->number = ++*l->counter;
    a->trust = cert_trust_new();
    if (!a->trust)
        return ERR_MEMORY;
    for (size_t i = 0; err == 0 && end->ca && end->ca[i]; i++)
        err = ca_load(l, a, end->ca[i]);
    for (size_t i = 0; err == 0 && end->pinned && end->pinned[i]; i++)
        err = pinned_load(l, a, end->pinned[i]);
    return err;
}

static void list_add(struct buf *out, const char *word, const char *const *paths)
{
    for (size_t i = 0; paths && paths[i]; i++) {
        buf_span(out, span_str(word));
        buf_span(out, span_str(paths[i]));
        buf_u8(out, '\n');
    }
}

static struct judge_anchors *anchors_find(struct loading *l, const char *files, uint64_t hash)
{
    for (struct map_node *n = map_first(&l->g->map, hash); n; n = map_more(n)) {
        struct judge_anchors *a = CONTAINER_OF(n, struct judge_anchors, node);

        if (strcmp(a->files, files) == 0)
            return a;
    }
    return NULL;
}

static int anchors_of(struct loading *l, const struct conf_end *end, const struct judge_anchors **out)
{
    struct judge_anchors *a;
    struct buf files;
    uint64_t hash;
    int err = 0;

    buf_init(&files, FILE_MAX);
    list_add(&files, "ca ", end->ca);
    list_add(&files, "pinned ", end->pinned);
    buf_u8(&files, '\0');
    hash = map_hash(&l->g->map, buf_view(&files));
    a = files.failed ? NULL : anchors_find(l, (const char *)files.p, hash);
    if (!a && !files.failed && (a = arena_new(&l->g->arena, struct judge_anchors))) {
        a->files = arena_string(&l->g->arena, (const char *)files.p);
        a->next = l->g->anchors;
        l->g->anchors = a;
        err = a->files ? map_add(&l->g->map, &a->node, hash) : ERR_MEMORY;
        if (err == 0)
            err = anchors_load(l, a, end);
    }
    buf_done(&files);
    *out = a;
    return a ? err : ERR_MEMORY;
}

static int peer_load(struct loading *l, const struct conf_connection *c, struct judge_peer *p)
{
    const struct conf_end *end = &c->remote;

    *p = (struct judge_peer){.name = arena_string(&l->g->arena, c->name),
                             .signs = end->auth == AUTH_KIND_PUBKEY,
                             .sha1 = end->sha1,
                             .id = {end->id.type, arena_copy(&l->g->arena, end->id.data)},
                             .dn_pattern = end->id_is_dn_pattern ? arena_string(&l->g->arena, end->id_text) : NULL};
    if (end->id_is_dn_pattern && !p->dn_pattern)
        return ERR_BAD;
    if (p->signs && (end->ca || end->pinned))
        return anchors_of(l, end, &p->anchors);
    return 0;
}

static int generation_load(struct loading *l, const struct conf *conf)
{
    struct judge_generation *g = l->g;

    if (conf->n_connections > SIZE_MAX / sizeof(*g->peers))
        return ERR_LIMIT;
    g->peers = conf->n_connections ? arena_alloc(&g->arena, conf->n_connections * sizeof(*g->peers)) : NULL;
    if (conf->n_connections && !g->peers)
        return ERR_MEMORY;
    for (; g->n_peers < conf->n_connections; g->n_peers++) {
        const struct conf_connection *c = &conf->connections[g->n_peers];
        char sentence[512];
        struct text inner = text_in(sentence, sizeof(sentence)), *outer = l->why;
        int err;

        l->why = &inner;
        err = peer_load(l, c, &g->peers[g->n_peers]);
        l->why = outer;
        if (inner.len)
            text_add(outer, "%s%s: %s", outer->len ? "\n" : "", c->name, sentence);
        if (err != 0)
            return err;
    }
    return g->arena.failed ? ERR_MEMORY : 0;
}

int judge_generation_new(const struct judge_setup *setup, const struct conf *conf, uint64_t *counter,
                         struct judge_generation **out, struct text *why)
{
    struct loading l = {.setup = setup, .g = calloc(1, sizeof(*l.g)), .counter = counter, .why = why};
    int err;

    *out = NULL;
    if (!l.g)
        return ERR_MEMORY;
    l.g->number = conf->generation;
    arena_init(&l.g->arena, GENERATION_MAX);
    map_init(&l.g->map, setup->rng);
    err = generation_load(&l, conf);
    *out = err == 0 ? l.g : judge_generation_free(l.g);
    return err;
}

struct judge_generation *judge_generation_free(struct judge_generation *g)
{
    if (!g)
        return NULL;
    for (struct judge_anchors *a = g->anchors; a; a = a->next) {
        cert_trust_free(a->trust);
        cert_free_all(a->pinned, a->n_pinned);
    }
    map_done(&g->map);
    arena_done(&g->arena);
    free(g);
    return NULL;
}
