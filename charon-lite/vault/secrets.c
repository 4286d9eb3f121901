/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/secrets.h"

#include <stdlib.h>
#include <string.h>

#include "cert/cert.h"
#include "conf/conf.h"
#include "vault/psk.h"
#include "vault/sign.h"

#define GENERATION_MAX ((size_t)1 << 30) /* of what an administrator wrote: a guard against nonsense, not a limit to meet */

struct loading {
    const struct vault_setup *setup;
    struct vault_generation *g;
    struct text *why;
};

static struct vault_item *item_find(struct loading *l, enum keystore_kind kind, const char *ref, const char *cert)
{
    for (struct map_node *n = map_first(&l->g->map, map_hash(&l->g->map, span_str(ref))); n; n = map_more(n)) {
        struct vault_item *i = CONTAINER_OF(n, struct vault_item, node);

        if (i->kind == kind && strcmp(i->ref, ref) == 0 && (!cert || strcmp(i->cert, cert) == 0))
            return i;
    }
    return NULL;
}

static struct vault_item *item_new(struct loading *l, enum keystore_kind kind, const char *ref, const char *cert)
{
    struct vault_item *i = arena_new(&l->g->arena, struct vault_item);

    if (!i || map_add(&l->g->map, &i->node, map_hash(&l->g->map, span_str(ref))) != 0)
        return NULL;
    i->kind = kind;
    i->ref = arena_string(&l->g->arena, ref);
    i->cert = arena_string(&l->g->arena, cert);
    i->next = l->g->items;
    l->g->items = i;
    return i->ref && (!cert || i->cert) ? i : NULL;
}

static int psk_load(struct loading *l, struct vault_item *i)
{
    struct secret content = {0};
    int err = l->setup->keystore->load(l->setup->keystore->ctx, KEYSTORE_PSK, i->ref, &content, l->why);

    if (err != 0)
        return err;
    err = psk_parse(secret_view(&content), &i->psk.key, l->why);
    if (err != 0)
        text_add(l->why, " (in %s)", i->ref);
    secret_done(&content);
    return err;
}

static int psk_of(struct loading *l, const struct conf_connection *c, const struct conf_end *end, struct psk **out)
{
    struct vault_item *i = item_find(l, KEYSTORE_PSK, end->psk, NULL);
    int err = 0;

    if (!i) {
        i = item_new(l, KEYSTORE_PSK, end->psk, NULL);
        err = i ? psk_load(l, i) : ERR_MEMORY;
    }
    if (err == 0)
        err = psk_strong(secret_view(&i->psk.key), end->psk, c->local.weak_psk || c->remote.weak_psk, l->why);
    *out = err == 0 ? &i->psk : NULL;
    return err;
}

static int key_of(struct loading *l, const struct conf_end *end, const struct vault_key **out)
{
    struct vault_item *i = item_find(l, KEYSTORE_KEY, end->key, end->cert);
    int err = 0;

    if (!i) {
        i = item_new(l, KEYSTORE_KEY, end->key, end->cert);
        err = i ? vault_key_load(l->setup->keystore, end->key, end->cert, &i->key, l->why) : ERR_MEMORY;
    }
    *out = err == 0 ? i->key : NULL;
    return err;
}

static struct id id_copy(struct arena *a, const struct id *id)
{
    return (struct id){.type = id->type, .data = arena_copy(a, id->data)};
}

static int ends_load(struct loading *l, const struct conf_connection *c, struct vault_peer *p)
{
    const struct conf_end *ours = c->local.psk ? &c->local : &c->remote;
    const struct conf_end *theirs = c->remote.psk ? &c->remote : &c->local;
    int err = 0;

    if (p->proves_psk && ours->psk)
        err = psk_of(l, c, ours, &p->psk);
    if (err == 0 && p->checks_psk && theirs->psk)
        err = psk_of(l, c, theirs, &p->peer_psk);
    if (err == 0 && !p->proves_psk && c->local.key && c->local.cert)
        err = key_of(l, &c->local, &p->key);
    return err;
}

/* A DN was written as text; the certificate has the order and the string types that its issuer chose, and peers compare with
 * that. */
static void id_settle(struct vault_peer *p)
{
    struct span subject = p->key ? vault_key_subject(p->key) : SPAN_NONE;

    if (p->our_id.type == ID_DER_ASN1_DN && cert_dn_equal(p->our_id.data, subject, true))
        p->our_id.data = subject;
}

static int peer_load(struct loading *l, const struct conf_connection *c, struct vault_peer *p)
{
    int err;

    *p = (struct vault_peer){.name = arena_string(&l->g->arena, c->name),
                             .our_id = id_copy(&l->g->arena, &c->local.id),
                             .peer_id = id_copy(&l->g->arena, &c->remote.id),
                             .dn_pattern = c->remote.id_is_dn_pattern ? arena_string(&l->g->arena, c->remote.id_text) : NULL,
                             .our_addr = c->local.addr,
                             .peer_addr = c->remote.addr,
                             .proves_psk = c->local.auth == AUTH_KIND_PSK,
                             .checks_psk = c->remote.auth == AUTH_KIND_PSK,
                             .sha1 = c->local.sha1,
                             .send_cert = c->send_cert};
    if (p->proves_psk && p->checks_psk && p->our_id.type != ID_NONE && id_equal(&p->our_id, &p->peer_id)) {
        text_add(l->why, "local and remote have the same ID: with a pre-shared key, each could send the other's proof back");
        return ERR_REFUSED;
    }
    if (l->g->arena.failed || (c->remote.id_is_dn_pattern && !p->dn_pattern))
        return ERR_MEMORY;
    err = ends_load(l, c, p);
    if (err == 0)
        id_settle(p);
    return err;
}

static int generation_load(struct loading *l, const struct conf *conf)
{
    struct vault_generation *g = l->g;

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
    return 0;
}

int vault_generation_new(const struct vault_setup *setup, const struct conf *conf, struct vault_generation **out,
                         struct text *why)
{
    struct loading l = {.setup = setup, .g = calloc(1, sizeof(*l.g)), .why = why};
    int err;

    *out = NULL;
    if (!l.g)
        return ERR_MEMORY;
    l.g->number = conf->generation;
    arena_init(&l.g->arena, GENERATION_MAX);
    map_init(&l.g->map, setup->rng);
    err = generation_load(&l, conf);
    *out = err == 0 ? l.g : vault_generation_free(l.g);
    return err;
}

struct vault_generation *vault_generation_free(struct vault_generation *g)
{
    if (!g)
        return NULL;
    for (struct vault_item *i = g->items; i; i = i->next) {
        psk_done(&i->psk);
        vault_key_free(i->key);
    }
    map_done(&g->map);
    arena_done(&g->arena);
    free(g);
    return NULL;
}
