/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts to the snapshot: what one setting says about another that was not written. */
#include "conf/rows.h"

#include <string.h>

static void auth_missing(struct reading *r, const struct draft *d, bool local)
{
    if (local)
        error_at(r, draft_at(d, "local", NULL),
                 "how we prove who we are is missing: write \"psk: file:NAME\" for a pre-shared key, or local: { cert: ..., key: "
                 "... }");
    else
        error_at(
            r, draft_at(d, "remote", NULL),
            "how the peer proves who it is is missing: write \"psk: file:NAME\" for a pre-shared key, or remote: { ca: ... }");
}

static void end_psk(struct reading *r, const struct draft *d, struct conf_end *end, const char *section)
{
    if (!end->psk)
        error_at(r, draft_at(d, section, "auth"), "%s: a pre-shared key is wanted and none is named: write \"psk: file:NAME\"",
                 section);
    end->cert = end->key = NULL;
    end->ca = end->pinned = NULL;
}

static void end_pubkey(struct reading *r, const struct draft *d, struct conf_end *end, bool local)
{
    const char *section = local ? "local" : "remote";

    end->psk = NULL;
    if (local && (!end->cert || !end->key))
        error_at(r,
                 draft_at(d, section,
                          end->cert  ? "cert"
                          : end->key ? "key"
                                     : "auth"),
                 "local: a certificate and its private key belong together: %s is missing", end->cert ? "key" : "cert");
    if (!local && !end->ca && !end->pinned)
        error_at(r, draft_at(d, section, "auth"),
                 "remote: a certificate is wanted and nothing says which: write ca (a trust anchor) or cert (the peer's own)");
}

static void end_finish(struct reading *r, const struct draft *d, struct conf_end *end, bool local)
{
    const char *section = local ? "local" : "remote";
    bool cert = local ? end->cert || end->key : end->ca || end->pinned;

    if (end->psk && cert && !end->auth)
        error_at(r, draft_at(d, section, "psk"),
                 "%s: both a pre-shared key and a certificate are named: write \"auth: psk\" or \"auth: pubkey\" to choose",
                 section);
    if (!end->auth && cert && !end->psk)
        end->auth = AUTH_KIND_PUBKEY;
    if (!end->psk)
        end->psk = d->both.psk;
    if (!end->auth && end->psk)
        end->auth = AUTH_KIND_PSK;
    if (d->both.sha1)
        end->sha1 = true;
    if (d->both.weak_psk)
        end->weak_psk = true;
    if (end->auth == AUTH_KIND_PSK)
        end_psk(r, d, end, section);
    else if (end->auth == AUTH_KIND_PUBKEY)
        end_pubkey(r, d, end, local);
    else
        auth_missing(r, d, local);
}

/* Hashes of one trust anchor's file; most connections share one. */
struct anchor {
    struct map_node node;
    const char *path;
    struct span hashes;
    bool failed;
};

#define ANCHOR_FILE_MAX ((size_t)1 << 22)

static void anchor_read(struct reading *r, const struct draft *d, struct anchor *a)
{
    struct buf file;
    uint8_t hashes[20 * 256];
    int n = ERR_IO, err;

    buf_init(&file, ANCHOR_FILE_MAX);
    err = r->setup->load(r->setup->ctx, a->path, &file);
    if (err == ERR_NOT_FOUND)
        error_at(r, draft_at(d, "remote", "ca"),
                 "ca: %s cannot be read: there is no such file; put the certificate of the peer's CA there, in PEM", a->path);
    else if (err < 0)
        error_at(r, draft_at(d, "remote", "ca"), "ca: %s cannot be read: may this user read it?", a->path);
    else if ((n = r->setup->ca_hashes(buf_view(&file), hashes, sizeof(hashes))) <= 0)
        error_at(r, draft_at(d, "remote", "ca"), "ca: %s holds no certificate: a PEM file with trust anchors belongs here",
                 a->path);
    buf_done(&file);
    a->failed = n <= 0;
    if (!a->failed)
        a->hashes = arena_copy(r->keep, span_of(hashes, (size_t)n));
}

static const struct anchor *anchor_find(struct reading *r, const struct draft *d, const char *path)
{
    uint64_t hash = map_hash(&r->anchors, span_str(path));
    struct anchor *a;

    for (struct map_node *m = map_first(&r->anchors, hash); m; m = map_more(m)) {
        a = CONTAINER_OF(m, struct anchor, node);
        if (strcmp(a->path, path) == 0)
            return a;
    }
    a = arena_new(&r->tree, struct anchor);
    if (!a)
        return NULL;
    a->path = path;
    anchor_read(r, d, a);
    return map_add(&r->anchors, &a->node, hash) < 0 ? NULL : a;
}

static void anchors_finish(struct reading *r, const struct draft *d, struct conf_end *end)
{
    uint8_t all[20 * 256];
    size_t n = 0;

    if (!end->ca || !r->setup->ca_hashes || !r->setup->load)
        return;
    for (size_t i = 0; end->ca[i]; i++) {
        const struct anchor *a = anchor_find(r, d, end->ca[i]);

        if (!a || a->failed || a->hashes.len > sizeof(all) - n)
            continue;
        if (!end->ca[1]) {
            end->ca_hashes = a->hashes;
            return;
        }
        memcpy(all + n, a->hashes.p, a->hashes.len);
        n += a->hashes.len;
    }
    end->ca_hashes = arena_copy(r->keep, span_of(all, n));
}

static usec_t lifetime_finish(usec_t lifetime, usec_t rekey)
{
    if (lifetime != LIFETIME_UNSET)
        return lifetime;
    return rekey + rekey / 10;
}

static const struct ts dynamic = {.port_high = 65535};

static void child_finish(struct conf_child *child, const struct conf_connection *c)
{
    if (child->keep == KEEP_UNSET)
        child->keep = c->keep;
    if (child->local.n == 0)
        child->local = (struct ts_list){&dynamic, 1};
    if (child->remote.n == 0)
        child->remote = (struct ts_list){&dynamic, 1};
    child->lifetime_us = lifetime_finish(child->lifetime_us, child->rekey_us);
}

static void ends_finish(struct reading *r, struct draft *d, struct conf_connection *c)
{
    size_t errors = r->report->errors;

    end_finish(r, d, &c->local, true);
    end_finish(r, d, &c->remote, false);
    anchors_finish(r, d, &c->remote);
    d->broken |= r->report->errors != errors;
}

static void connection_finish(struct reading *r, struct draft *d, struct conf_connection *c)
{
    bool fixed = c->remote.host != NULL;

    if (!d->broken)
        ends_finish(r, d, c);
    if (c->keep == KEEP_UNSET)
        c->keep = fixed ? KEEP_UP : KEEP_ANSWER;
    if (!c->local.port)
        c->local.port = c->remote.port == 4500 ? r->conf->port_natt : r->conf->port;
    c->lifetime_us = lifetime_finish(c->lifetime_us, c->rekey_us);
    for (size_t i = 0; i < c->n_children; i++)
        child_finish((struct conf_child *)&c->children[i], c);
}

/* Who gets which index: those that the snapshot that runs knows keep theirs, the others take what is free, in order. */
static struct draft **drafts_order(struct reading *r)
{
    size_t n = r->n_drafts, free_from = 0;
    struct draft **order = arena_alloc(&r->tree, (n + 1) * sizeof(*order));
    bool *placed = arena_alloc(&r->tree, n + 1);
    size_t i = 0;

    if (!order || !placed)
        return NULL;
    for (struct draft *d = r->first; d && r->setup->previous; d = d->next, i++) {
        const struct conf_connection *before = conf_find(r->setup->previous, d->c.name);

        if (before && before->index < n && !order[before->index]) {
            order[before->index] = d;
            placed[i] = true;
        }
    }
    i = 0;
    for (struct draft *d = r->first; d; d = d->next, i++) {
        while (!placed[i] && order[free_from])
            free_from++;
        if (!placed[i])
            order[free_from++] = d;
    }
    return order;
}

void drafts_finish(struct reading *r)
{
    struct conf *conf = r->conf;
    struct draft **order = drafts_order(r);

    conf->connections = arena_alloc(r->keep, (r->n_drafts + 1) * sizeof(*conf->connections));
    for (size_t i = 0; order && conf->connections && i < r->n_drafts; i++) {
        struct draft *d = order[i];

        d->c.index = (uint16_t)i;
        connection_finish(r, d, &d->c);
        conf->connections[i] = d->c;
        conf->n_connections++;
    }
}
