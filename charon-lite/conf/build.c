/* SPDX-License-Identifier: Apache-2.0 */
/* Trees to drafts of connections, by the rows. */
#include "conf/rows.h"

#include <string.h>

#define CONNECTIONS_MAX 65535 /* an index has 16 bits */
#define CHILDREN_MAX 256      /* what a reqid has room for */

static void key_unknown(struct reading *r, const struct table *table, const struct node *value)
{
    char words[500];
    struct text t = text_in(words, sizeof(words));
    const char *key = value->key->text;

    if (strcmp(key, "<<") == 0) {
        error_at(r, value->key, "merge keys (<<) are not taken: settings that many connections share stand under \"defaults:\"");
        return;
    }
    row_hint(table, key, &t);
    error_at(r, value->key, "\"%s\" is no setting of %s%s", key, table->title, words);
}

static void row_read(struct reading *r, const struct row *row, const struct node *value, void *base)
{
    if (row->kind == KIND_SECTION)
        conf_section_read(r, row->table, value, (uint8_t *)base + row->offset);
    else if (row->kind != KIND_NAMED)
        (void)conf_value_read(r, row, value, base);
}

void conf_section_read(struct reading *r, const struct table *table, const struct node *node, void *base)
{
    if (node->kind == NODE_TEXT && table->scalar && !node_is_empty(node)) {
        (void)conf_value_read(r, row_find(table, table->scalar), node, base);
        return;
    }
    if (node->kind != NODE_MAP) {
        error_at(r, node, "%s: here stands %s: write settings, each as \"key: value\"", table->title,
                 node_is_empty(node) ? "nothing" : node_kind_name(node));
        return;
    }
    for (const struct node *value = node->first; value; value = value->next) {
        const struct row *row = row_find(table, value->key->text);

        if (row)
            row_read(r, row, value, base);
        else
            key_unknown(r, table, value);
    }
}

void conf_section_presets(struct reading *r, const struct table *table, void *base)
{
    static const char no_name[] = "";
    struct source source = {.name = no_name};

    for (const struct row *row = table->rows; row->key; row++) {
        struct node node = {.kind = NODE_TEXT, .text = row->preset, .source = &source};

        if (row->kind == KIND_SECTION)
            conf_section_presets(r, row->table, (uint8_t *)base + row->offset);
        else if (row->preset)
            (void)conf_value_read(r, row, &node, base);
    }
}

bool conf_section_equal(const struct table *table, const void *a, const void *b)
{
    for (const struct row *row = table->rows; row->key; row++) {
        if (row->flags)
            continue;
        if (row->kind == KIND_SECTION) {
            if (!conf_section_equal(row->table, (const uint8_t *)a + row->offset, (const uint8_t *)b + row->offset))
                return false;
        } else if (!conf_value_equal(row, a, b)) {
            return false;
        }
    }
    return true;
}

/* A name goes into commands, logs and files. */
static bool name_ok(struct reading *r, const struct node *key, const char *what)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@";
    size_t n = strspn(key->text, allowed);

    if (n && !key->text[n] && n < 64 && key->text[0] != '-')
        return true;
    error_at(r, key, "\"%.80s\" cannot name a %s: take up to 63 letters, digits and . _ - + @, not beginning with -", key->text,
             what);
    return false;
}

static void child_read(struct reading *r, struct draft *d, const struct node *node)
{
    struct conf_child *child = (struct conf_child *)&d->c.children[d->c.n_children];

    if (!name_ok(r, node->key, "child"))
        return;
    *child = d->child;
    child->name = arena_string(r->keep, node->key->text);
    child->place = node_place(node->key);
    d->c.n_children++;
    if (!node_is_empty(node))
        conf_section_read(r, &table_child, node, child);
}

static void children_read(struct reading *r, struct draft *d, const struct node *node)
{
    size_t n = node->n;
    const struct node **nodes;

    if (node->kind != NODE_MAP || !n || n > CHILDREN_MAX) {
        error_at(r, node,
                 n > CHILDREN_MAX ? "these are too many children: a connection may have 256"
                                  : "children: write each child by its name, and its settings below it; or one of the words "
                                    "split, joint, auto for the child of local_net and remote_net");
        return;
    }
    d->c.children = arena_alloc(r->keep, n * sizeof(*d->c.children));
    nodes = arena_alloc(&r->tree, n * sizeof(*nodes));
    d->child_nodes = nodes;
    for (const struct node *value = node->first; value && d->c.children && nodes; value = value->next) {
        nodes[d->c.n_children] = value;
        child_read(r, d, value);
    }
}

/* The short form: one child, named as the connection. */
static void child_alone(struct reading *r, struct draft *d, bool wrong, const struct node *split)
{
    struct conf_child *child = arena_new(r->keep, struct conf_child);
    const struct node *at = node_find(d->node, "remote_net");

    if (!at)
        at = node_find(d->node, "local_net");
    if (d->child.local.n == 0 && d->child.remote.n == 0) {
        if (wrong || (at && d->broken)) /* it was written, and wrong */
            return;
        error_at(
            r, d->node->key,
            "nothing is to be protected: write local_net and remote_net, or children; \"remote_net: dynamic\" protects what the "
            "two hosts themselves say");
        return;
    }
    if (split) {
        static const struct row row = {.key = "children", .kind = KIND_WORD, .width = sizeof(enum split)};
        struct row words = row;

        words.words = row_find(&table_connection, "children")->words;
        words.offset = offsetof(struct conf_child, split);
        (void)conf_value_read(r, &words, split, &d->child);
    }
    if (!child)
        return;
    *child = d->child;
    child->name = d->c.name;
    child->place = node_place(at ? at->key : d->node->key);
    d->c.children = child;
    d->c.n_children = 1;
}

static void connection_read(struct reading *r, const struct draft *begin, const struct node *node)
{
    struct draft *d = arena_new(&r->tree, struct draft);
    const struct node *children = node_find(node, "children");
    size_t errors = r->report->errors;

    if (!d || !name_ok(r, node->key, "connection"))
        return;
    *d = *begin;
    d->node = node;
    d->c.name = arena_string(r->keep, node->key->text);
    d->c.place = node_place(node->key);
    conf_section_read(r, &table_connection, node, d);
    if (node->kind != NODE_MAP)
        return;
    d->broken = begin->broken || r->report->errors != errors;
    if (!node_find(node, "remote") && !begin->node)
        error_at(r, node->key, "\"%s\" has no remote: write the peer's address or name, or \"remote: any\"", node->key->text);
    if (children && children->kind != NODE_TEXT)
        children_read(r, d, children);
    else
        child_alone(r, d, begin->broken, children);
    d->broken |= r->report->errors != errors;
    *r->last = d;
    r->last = &d->next;
    r->n_drafts++;
}

static void defaults_read(struct reading *r, struct draft *d, const struct node *node)
{
    const struct node *children = node_find(node, "children");
    size_t errors = r->report->errors;

    if (children)
        error_at(r, children->key, "children belong to a connection: settings for all children stand here under \"child\"");
    conf_section_read(r, &table_connection, node, d);
    if (node_find(node, "remote"))
        d->node = node; /* a connection without a `remote` of its own has this one */
    d->broken = r->report->errors != errors;
}

static void draft_begin(struct reading *r, struct draft *d)
{
    *d = (struct draft){.c.keep = KEEP_UNSET, .child.keep = KEEP_UNSET};
    conf_section_presets(r, &table_connection, d);
}

static void daemon_read(struct reading *r, const struct node *node)
{
    if (r->daemon) {
        error_at(r, node->key, "the daemon has one section, and it stands in %s, line %u, already", r->daemon->source->name,
                 r->daemon->key->line);
        return;
    }
    r->daemon = node;
    conf_section_read(r, &table_daemon, node, r->conf);
}

static void connections_read(struct reading *r, const struct draft *begin, const struct node *node)
{
    if (node_is_empty(node))
        return;
    if (node->kind != NODE_MAP) {
        error_at(r, node, "connections: here stands %s: write each connection by its name, and its settings below it",
                 node_kind_name(node));
        return;
    }
    for (const struct node *value = node->first; value; value = value->next) {
        if (r->n_drafts == CONNECTIONS_MAX) {
            error_at(r, value->key, "these are too many connections: there may be 65535");
            return;
        }
        connection_read(r, begin, value);
    }
}

/* `defaults` first: the connections begin with them, wherever they stand. */
static void file_sections(struct reading *r, const struct node *root)
{
    const struct node *defaults = node_find(root, "defaults"), *daemon = node_find(root, "daemon");
    const struct node *connections = node_find(root, "connections");
    struct draft begin;

    draft_begin(r, &begin);
    if (defaults && !node_is_empty(defaults))
        defaults_read(r, &begin, defaults);
    if (daemon && !node_is_empty(daemon))
        daemon_read(r, daemon);
    if (connections)
        connections_read(r, &begin, connections);
}

void conf_file_read(struct reading *r, struct source *source)
{
    struct node *root = conf_tree_read(r, source);

    if (!root || node_is_empty(root))
        return;
    if (root->kind != NODE_MAP) {
        error_at(r, root, "here stands %s: a file begins with \"connections:\", \"defaults:\" or \"daemon:\"",
                 node_kind_name(root));
        return;
    }
    for (const struct node *value = root->first; value; value = value->next) {
        if (!row_find(&table_file, value->key->text))
            key_unknown(r, &table_file, value);
    }
    file_sections(r, root);
}

const struct node *draft_at(const struct draft *d, const char *section, const char *key)
{
    const struct node *in = section ? node_find(d->node, section) : d->node;
    const struct node *at = key ? node_find(in, key) : in;

    if (at)
        return at;
    return in && in->key && in != d->node ? in : d->node->key;
}

const struct node *child_at(const struct draft *d, size_t child, const char *key)
{
    static const char *const shorts[][2] = {{"local", "local_net"}, {"remote", "remote_net"}};
    const struct node *at = d->child_nodes ? node_find(d->child_nodes[child], key) : NULL;

    if (!at)
        at = node_find(node_find(d->node, "child"), key);
    for (size_t i = 0; !at && i < COUNT_OF(shorts); i++) {
        if (strcmp(key, shorts[i][0]) == 0)
            at = node_find(d->node, shorts[i][1]);
    }
    if (at)
        return at;
    return d->child_nodes ? d->child_nodes[child]->key : d->node->key;
}
