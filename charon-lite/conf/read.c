/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text to a tree of nodes; the only file that knows libyaml. What YAML has beyond maps, lists and texts (aliases, tags,
 * several documents, merge keys) is refused: it has no use here, and aliases let a small file grow without bound.
 */
#include "conf/tree.h"

#include <string.h>
#include <yaml.h>

#define TREE_DEPTH 12
#define TEXT_LEN_MAX 4096
#define SMALL_MAP 24 /* up to so many pairs, duplicates are looked for one by one */

struct yaml {
    struct reading *r;
    struct source *source;
    yaml_parser_t parser;
    yaml_event_t event;
    bool have_event;
};

/* libyaml names the byte, not the place, when the text is not UTF-8. */
static void place_of_offset(const struct source *source, size_t offset, uint32_t *line, uint32_t *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < offset && i < source->text.len; i++) {
        if (source->text.p[i] == '\n') {
            ++*line;
            *column = 0;
        }
        if ((source->text.p[i] & 0xc0) != 0x80)
            ++*column;
    }
}

static int byte_at(const struct source *source, const yaml_mark_t *mark)
{
    return mark->index < source->text.len ? source->text.p[mark->index] : -1;
}

/* libyaml's words, and ours where they help more. */
static const char *syntax_hint(const struct yaml *y)
{
    const char *problem = y->parser.problem ? y->parser.problem : "", *context = y->parser.context ? y->parser.context : "";
    int c = byte_at(y->source, &y->parser.problem_mark);

    if (c == '\t')
        return "; this is a tab: YAML is indented by blanks only";
    if (strstr(problem, "mapping values are not allowed"))
        return "; is there a colon too many, or is the line indented further than its neighbours?";
    if (c == ':')
        return "; within [brackets], an IPv6 address that begins or ends with a colon stands in quotes: [\"::/0\"]";
    if (c == '@' || c == '`' || c == '%')
        return "; a text that begins with this sign stands in quotes";
    if (strstr(context, "an alias") || strstr(context, "an anchor"))
        return "; a text that begins with this sign stands in quotes; aliases are not taken";
    if (strstr(problem, "did not find expected key") || strstr(problem, "block end"))
        return "; is the line indented like its neighbours?";
    if (strstr(problem, "could not find expected ':'"))
        return "; write \"key: value\", with a blank after the colon";
    return "";
}

static void syntax_error(struct yaml *y)
{
    const yaml_parser_t *p = &y->parser;
    char words[400];
    struct text t = text_in(words, sizeof(words));
    uint32_t line = (uint32_t)p->problem_mark.line + 1, column = (uint32_t)p->problem_mark.column + 1;

    if (p->error == YAML_READER_ERROR) {
        place_of_offset(y->source, p->problem_offset, &line, &column);
        if (p->problem && strstr(p->problem, "control characters"))
            text_add(&t, "a control character (0x%02x) stands here: a file holds text only", (unsigned)p->problem_value);
        else
            text_add(&t, "this is not UTF-8 text: %s", p->problem ? p->problem : "invalid bytes");
    } else if (p->error == YAML_MEMORY_ERROR) {
        text_add(&t, "no memory to read the file");
        line = column = 0;
    } else {
        text_add(&t, "this is not YAML: %s", p->problem ? p->problem : "unknown problem");
        if (p->context)
            text_add(&t, " %s that began in line %zu", p->context, p->context_mark.line + 1);
        text_add(&t, "%s", syntax_hint(y));
    }
    conf_error_in(y->r, y->source, line, column, words);
}

static bool yaml_next(struct yaml *y)
{
    if (y->have_event)
        yaml_event_delete(&y->event);
    y->have_event = yaml_parser_parse(&y->parser, &y->event) == 1;
    if (!y->have_event)
        syntax_error(y);
    return y->have_event;
}

/* Reports at the place of the current event; false, for the caller to hand on. */
static bool event_error(struct yaml *y, const char *text)
{
    conf_error_in(y->r, y->source, (uint32_t)y->event.start_mark.line + 1, (uint32_t)y->event.start_mark.column + 1, text);
    return false;
}

/* A node with room for a text behind it. */
static struct node *node_new(struct yaml *y, enum node_kind kind, size_t room)
{
    struct node *node = arena_alloc(&y->r->tree, sizeof(*node) + room);

    if (!node) {
        event_error(y, "the configuration is too large");
        return NULL;
    }
    node->kind = kind;
    node->source = y->source;
    node->line = (uint32_t)y->event.start_mark.line + 1;
    node->column = (uint32_t)y->event.start_mark.column + 1;
    return node;
}

static bool plain_event(struct yaml *y, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor)
        return event_error(y, "anchors (&name) are not taken: settings that many connections share stand under \"defaults:\"");
    if (tag)
        return event_error(y, "tags (!name) are not taken: the setting itself says what its value is");
    return true;
}

static struct node *text_node(struct yaml *y)
{
    size_t len = y->event.data.scalar.length;
    struct node *node;
    char *text;

    if (memchr(y->event.data.scalar.value, 0, len) || len > TEXT_LEN_MAX) {
        event_error(y, len > TEXT_LEN_MAX ? "this text is too long" : "a text cannot hold a NUL character");
        return NULL;
    }
    node = node_new(y, NODE_TEXT, len + 1);
    if (!node)
        return NULL;
    text = (char *)(node + 1);
    memcpy(text, y->event.data.scalar.value, len);
    node->text = text;
    node->plain = y->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return node;
}

static struct node *node_read(struct yaml *y, int depth);

static struct node *list_node(struct yaml *y, int depth)
{
    struct node *list = node_new(y, NODE_LIST, 0), **last = list ? &list->first : NULL;

    while (list && yaml_next(y)) {
        if (y->event.type == YAML_SEQUENCE_END_EVENT)
            return list;
        *last = node_read(y, depth + 1);
        if (!*last)
            return NULL;
        last = &(*last)->next;
        list->n++;
    }
    return NULL;
}

static struct node *pair_read(struct yaml *y, int depth)
{
    struct node *key, *value;

    if (y->event.type == YAML_SEQUENCE_START_EVENT || y->event.type == YAML_MAPPING_START_EVENT) {
        event_error(y, "a key must be a word");
        return NULL;
    }
    key = node_read(y, depth);
    if (!key || !yaml_next(y))
        return NULL;
    value = node_read(y, depth + 1);
    if (!value)
        return NULL;
    value->key = key;
    return value;
}

static void key_twice(struct reading *r, const struct node *value, const struct node *before)
{
    error_at(r, value->key, "\"%s\" stands here twice (first in line %u, column %u): each key stands once", value->key->text,
             before->key->line, before->key->column);
}

static void twice_in_small(struct reading *r, const struct node *map)
{
    for (const struct node *v = map->first; v; v = v->next) {
        const struct node *before = map->first;

        while (before != v && (before->key->text[0] != v->key->text[0] || strcmp(before->key->text, v->key->text) != 0))
            before = before->next;
        if (before != v)
            key_twice(r, v, before);
    }
}

struct seen {
    struct map_node node;
    const struct node *value;
};

static void twice_in_large(struct reading *r, const struct node *map)
{
    struct map seen = {0}; /* who writes the file is trusted not to aim at one chain */
    struct seen *all = arena_alloc(&r->tree, map->n * sizeof(*all));

    for (const struct node *v = map->first; all && v; v = v->next, all++) {
        uint64_t hash = map_hash(&seen, span_str(v->key->text));
        struct map_node *m = map_first(&seen, hash);

        while (m && strcmp(CONTAINER_OF(m, struct seen, node)->value->key->text, v->key->text) != 0)
            m = map_more(m);
        if (m)
            key_twice(r, v, CONTAINER_OF(m, struct seen, node)->value);
        all->value = v;
        if (!m && map_add(&seen, &all->node, hash) < 0)
            break;
    }
    map_done(&seen);
}

static void find_twice(struct reading *r, const struct node *map)
{
    if (map->n <= SMALL_MAP)
        twice_in_small(r, map);
    else
        twice_in_large(r, map);
}

static struct node *map_node(struct yaml *y, int depth)
{
    struct node *map = node_new(y, NODE_MAP, 0), **last = map ? &map->first : NULL;

    while (map && yaml_next(y)) {
        if (y->event.type == YAML_MAPPING_END_EVENT) {
            find_twice(y->r, map);
            return map;
        }
        *last = pair_read(y, depth);
        if (!*last)
            return NULL;
        last = &(*last)->next;
        map->n++;
    }
    return NULL;
}

/* The node that the current event begins; its last event is current afterwards. */
static struct node *node_read(struct yaml *y, int depth)
{
    const yaml_event_t *e = &y->event;

    if (depth > TREE_DEPTH) {
        event_error(y, "too deep: no setting lies in so many layers");
        return NULL;
    }
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return plain_event(y, e->data.scalar.anchor, e->data.scalar.tag) ? text_node(y) : NULL;
    case YAML_SEQUENCE_START_EVENT:
        return plain_event(y, e->data.sequence_start.anchor, e->data.sequence_start.tag) ? list_node(y, depth) : NULL;
    case YAML_MAPPING_START_EVENT:
        return plain_event(y, e->data.mapping_start.anchor, e->data.mapping_start.tag) ? map_node(y, depth) : NULL;
    default: /* an alias: nothing else can stand where a node begins */
        event_error(y, "aliases (*name) are not taken: settings that many connections share stand under \"defaults:\"; a text "
                       "that begins with * stands in quotes");
        return NULL;
    }
}

/* Stream start, document start, one node, document end, stream end. */
static struct node *stream_read(struct yaml *y)
{
    struct node *root;

    if (!yaml_next(y) || !yaml_next(y))
        return NULL;
    if (y->event.type == YAML_STREAM_END_EVENT)
        return node_new(y, NODE_MAP, 0);
    if (!yaml_next(y))
        return NULL;
    root = node_read(y, 0);
    if (!root || !yaml_next(y) || !yaml_next(y))
        return NULL;
    if (y->event.type != YAML_STREAM_END_EVENT) {
        event_error(y, "a second YAML document begins here: a file holds one");
        return NULL;
    }
    return root;
}

struct node *conf_tree_read(struct reading *r, struct source *source)
{
    struct yaml y = {.r = r, .source = source};
    struct node *root = NULL;

    if (!yaml_parser_initialize(&y.parser)) {
        conf_error_in(r, source, 0, 0, "no memory to read the file");
        return NULL;
    }
    yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&y.parser, source->text.p ? source->text.p : (const uint8_t *)"", source->text.len);
    root = stream_read(&y);
    if (y.have_event)
        yaml_event_delete(&y.event);
    yaml_parser_delete(&y.parser);
    return root;
}

const struct node *node_find(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    for (const struct node *v = map->first; v; v = v->next) {
        if (strcmp(v->key->text, key) == 0)
            return v;
    }
    return NULL;
}

bool node_is_empty(const struct node *node)
{
    return node->kind == NODE_TEXT && node->plain &&
           (!*node->text || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

const char *node_kind_name(const struct node *node)
{
    return node->kind == NODE_MAP ? "a map (key: value)" : node->kind == NODE_LIST ? "a list" : "a text";
}

struct conf_place node_place(const struct node *node)
{
    return node ? (struct conf_place){node->source->name, node->line, node->column} : (struct conf_place){0};
}

int node_items(struct reading *r, const struct node *node, const char *what, const struct node **out, size_t max)
{
    int n = 0;

    if (node->kind == NODE_TEXT) {
        out[0] = node;
        return 1;
    }
    if (node->kind == NODE_MAP || node->n > max) {
        if (node->kind == NODE_MAP)
            error_at(r, node, "here stands %s, not %s: write one, or [several, in, brackets]", node_kind_name(node), what);
        else
            error_at(r, node, "%u are too many: there may be %zu of %s here", node->n, max, what);
        return -1;
    }
    for (const struct node *item = node->first; item; item = item->next) {
        if (item->kind != NODE_TEXT || node_is_empty(item)) {
            error_at(r, item, "here stands %s, not %s", item->kind == NODE_TEXT ? "nothing" : node_kind_name(item), what);
            return -1;
        }
        out[n++] = item;
    }
    return n;
}
