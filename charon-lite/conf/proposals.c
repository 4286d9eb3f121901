/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of proposals: their words are the suite's; here they are parsed once for all connections that say the same. */
#include "conf/rows.h"

#include <string.h>

#define PROPOSALS_MAX 32

/* Proposals: most files say the same few words many times. */
struct words {
    struct map_node node;
    uint8_t protocol;
    const char *text;
    const struct proposal *proposal;
};

static struct words *words_find(struct reading *r, uint8_t protocol, const char *text, uint64_t hash)
{
    for (struct map_node *m = map_first(&r->words, hash); m; m = map_more(m)) {
        struct words *w = CONTAINER_OF(m, struct words, node);

        if (w->protocol == protocol && strcmp(w->text, text) == 0)
            return w;
    }
    return NULL;
}

static const struct proposal *proposal_keep(struct reading *r, const struct proposal *p)
{
    struct proposal *copy = arena_new(r->keep, struct proposal);
    struct transform *t = arena_alloc(r->keep, p->n_transforms * sizeof(*t));

    if (!copy || !t)
        return NULL;
    memcpy(t, p->transforms, p->n_transforms * sizeof(*t));
    *copy = *p;
    copy->transforms = t;
    return copy;
}

/* RFC 8221, RFC 8247: what is there for old peers only. A PRF that follows from the integrity algorithm is not said twice. */
static bool is_weak(const struct reading *r, const char *text, const struct transform *t, const char **name)
{
    const struct alg *alg = alg_find(r->setup->algs, t->type, t->id, t->key_bits);
    bool said = alg && (alg->type != TRANSFORM_PRF || strstr(text, alg->name));

    *name = alg ? alg->name : "";
    return said && (alg->flags & ALG_LEGACY);
}

static void weak_warn(struct reading *r, const struct node *node, const struct proposal *p)
{
    char words[200];
    struct text t = text_in(words, sizeof(words));
    size_t n = 0;

    for (size_t i = 0; i < p->n_transforms; i++) {
        const char *name;

        if (is_weak(r, node->text, &p->transforms[i], &name))
            text_add(&t, "%s%s", n++ ? ", " : "", name);
    }
    if (n)
        warning_at(r, node, "%s: weak (RFC 8247, RFC 8221), and only for a peer that can do no better", words);
}

static const struct proposal *proposal_words(struct reading *r, const struct row *row, const struct node *node)
{
    uint64_t hash = map_hash(&r->words, span_str(node->text));
    struct words *known = words_find(r, (uint8_t)row->min, node->text, hash);
    struct transform store[64];
    struct proposal p = {0};
    char words[400];
    struct text why = text_in(words, sizeof(words));

    if (known)
        return known->proposal;
    if (proposal_parse(r->setup->algs, node->text, (uint8_t)row->min, &p, store, COUNT_OF(store), &why) < 0) {
        error_at(r, node, "%s: %s", row->key, words);
        return NULL;
    }
    weak_warn(r, node, &p);
    known = arena_new(&r->tree, struct words);
    if (!known)
        return NULL;
    known->protocol = (uint8_t)row->min;
    known->text = node->text;
    known->proposal = proposal_keep(r, &p);
    (void)!map_add(&r->words, &known->node, hash); /* without memory it is read again, no more */
    return known->proposal;
}

static const struct proposals *default_proposals(struct reading *r, uint8_t protocol)
{
    struct proposals *d = &r->defaults[protocol];
    struct proposal *list;
    struct transform *store;
    int n;

    if (d->n)
        return d;
    list = arena_alloc(r->keep, PROPOSAL_DEFAULTS_LIST * sizeof(*list));
    store = arena_alloc(r->keep, PROPOSAL_DEFAULTS_STORE * sizeof(*store));
    n = list && store ? proposal_defaults(r->setup->algs, protocol, list, PROPOSAL_DEFAULTS_LIST, store, PROPOSAL_DEFAULTS_STORE)
                      : ERR_MEMORY;
    if (n > 0)
        *d = (struct proposals){list, (size_t)n};
    return d;
}

/* Appends what one item says to v, which has room for it; how many it was, or -1. */
static int proposals_item(struct reading *r, const struct row *row, const struct node *item, struct proposal *v)
{
    const struct proposals *defaults = default_proposals(r, (uint8_t)row->min);
    const struct proposal *p;

    if (strcmp(item->text, "default") == 0) {
        for (size_t i = 0; i < defaults->n; i++)
            v[i] = defaults->v[i];
        return (int)defaults->n;
    }
    p = proposal_words(r, row, item);
    if (!p)
        return -1;
    v[0] = *p;
    return 1;
}

int conf_proposals_read(struct reading *r, const struct row *row, const struct node *node, struct proposals *out)
{
    const struct node *items[PROPOSALS_MAX];
    int n = node_items(r, node, "proposals", items, COUNT_OF(items));
    struct proposal v[PROPOSALS_MAX * PROPOSAL_DEFAULTS_LIST];
    struct proposal *keep;
    bool bad = false;
    size_t at = 0;

    if (n == 1 && strcmp(items[0]->text, "default") == 0) {
        *out = *default_proposals(r, (uint8_t)row->min);
        return 0;
    }
    if (n == 0)
        error_at(r, node, "%s: no algorithm is left: write [aes256gcm16-x25519] or \"default\"", row->key);
    for (int i = 0; i < n; i++) {
        int more = proposals_item(r, row, items[i], v + at);

        bad |= more < 0;
        at += more < 0 ? 0 : (size_t)more;
    }
    keep = n > 0 && !bad ? arena_alloc(r->keep, at * sizeof(*keep)) : NULL;
    if (!keep)
        return -1;
    for (size_t i = 0; i < at; i++) {
        keep[i] = v[i];
        keep[i].number = (uint8_t)(i + 1);
    }
    *out = (struct proposals){keep, at};
    return 0;
}

static bool proposal_equal(const struct proposal *a, const struct proposal *b)
{
    if (a->protocol != b->protocol || a->n_transforms != b->n_transforms)
        return false;
    for (size_t i = 0; i < a->n_transforms; i++) {
        const struct transform *x = &a->transforms[i], *y = &b->transforms[i];

        if (x->type != y->type || x->id != y->id || x->key_bits != y->key_bits)
            return false;
    }
    return true;
}

bool conf_proposals_equal(const struct proposals *a, const struct proposals *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (!proposal_equal(&a->v[i], &b->v[i]))
            return false;
    }
    return true;
}
