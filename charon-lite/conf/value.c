/* SPDX-License-Identifier: Apache-2.0 */
/* Single values: text to member and back, one entry of `kinds` for each kind of setting. */
#include "conf/value.h"

#include <stdlib.h>
#include <string.h>

/* What is wrong and what would be right, in one sentence. */
int value_bad(struct reading *r, const struct row *row, const struct node *node)
{
    char words[300];
    struct text t = text_in(words, sizeof(words));
    const char *list[16], *near;
    size_t n = 0;

    conf_value_expected(row, &t);
    if (node->kind != NODE_TEXT || node_is_empty(node)) {
        error_at(r, node, "%s: here stands %s: write %s", row->key, node->kind == NODE_TEXT ? "nothing" : node_kind_name(node),
                 words);
        return -1;
    }
    for (const struct word *w = row->words; w && w->word && n + 1 < COUNT_OF(list); w++)
        list[n++] = w->word;
    list[n] = NULL;
    near = text_nearest(node->text, list);
    if (near)
        error_at(r, node, "%s: \"%s\" cannot stand here; did you mean \"%s\"? Write %s", row->key, node->text, near, words);
    else
        error_at(r, node, "%s: \"%s\" cannot stand here: write %s", row->key, node->text, words);
    return -1;
}

bool value_is_text(const struct node *node)
{
    return node->kind == NODE_TEXT && !node_is_empty(node);
}

/* Integers of a row's width. */

uint64_t value_integer(const struct row *row, const void *member)
{
    switch (row->width) {
    case 1:
        return *(const uint8_t *)member;
    case 2:
        return *(const uint16_t *)member;
    case 4:
        return *(const uint32_t *)member;
    default:
        return *(const uint64_t *)member;
    }
}

void value_integer_set(const struct row *row, void *member, uint64_t v)
{
    switch (row->width) {
    case 1:
        *(uint8_t *)member = (uint8_t)v;
        break;
    case 2:
        *(uint16_t *)member = (uint16_t)v;
        break;
    case 4:
        *(uint32_t *)member = (uint32_t)v;
        break;
    default:
        *(uint64_t *)member = v;
    }
}

const struct word *value_word(const struct row *row, const char *text)
{
    const struct word *w = row->words;

    while (w && w->word && strcmp(w->word, text) != 0)
        w++;
    return w && w->word ? w : NULL;
}

const struct word *value_word_of(const struct row *row, uint64_t value)
{
    const struct word *w = row->words;

    while (w && w->word && w->value != value)
        w++;
    return w && w->word ? w : NULL;
}

static int word_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    const struct word *w = value_is_text(node) ? value_word(row, node->text) : NULL;

    if (!w)
        return value_bad(r, row, node);
    value_integer_set(row, member, w->value);
    return 0;
}

static bool word_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    const struct word *w = value_word_of(row, value_integer(row, member));

    (void)algs;
    if (w)
        conf_text(out, w->word);
    return w != NULL;
}

/* YAML 1.1's words for yes and no, in whatever way they are written. */
static int bool_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    static const char *const yes[] = {"yes", "true", "on", "Yes", "True", "YES", "TRUE"};
    static const char *const no[] = {"no", "false", "off", "No", "False", "NO", "FALSE"};

    for (size_t i = 0; value_is_text(node) && i < COUNT_OF(yes); i++) {
        if (strcmp(node->text, yes[i]) == 0 || strcmp(node->text, no[i]) == 0) {
            *(bool *)member = strcmp(node->text, yes[i]) == 0;
            return 0;
        }
    }
    return value_bad(r, row, node);
}

static bool bool_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    (void)row;
    (void)algs;
    conf_text(out, *(const bool *)member ? "yes" : "no");
    return true;
}

/* Texts and paths. */

const char *conf_path_from(struct reading *r, const struct node *node, const char *path)
{
    const char *name = node->source->name, *slash = strrchr(name, '/');

    if (path[0] == '/' || !slash)
        return arena_string(r->keep, path);
    return arena_printf(r->keep, "%.*s/%s", (int)(slash - name), name, path);
}

static int text_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    if (!value_is_text(node) || node->text[strcspn(node->text, " \t\r\n/:")])
        return value_bad(r, row, node);
    *(const char **)member = arena_string(r->keep, node->text);
    return 0;
}

static int path_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    if (!value_is_text(node) || !*node->text)
        return value_bad(r, row, node);
    *(const char **)member = conf_path_from(r, node, node->text + (strncmp(node->text, "file:", 5) == 0 ? 5 : 0));
    return 0;
}

static int paths_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    const struct node *items[32];
    int n = node_items(r, node, "paths of files", items, COUNT_OF(items));
    const char **list = n < 0 ? NULL : arena_alloc(r->keep, (size_t)(n + 1) * sizeof(*list));

    if (!list)
        return -1;
    for (int i = 0; i < n; i++) {
        if (path_read(r, row, items[i], &list[i]) < 0)
            return -1;
    }
    *(const char *const **)member = n ? list : NULL;
    return 0;
}

/* The value of a wrong one is not repeated: it may be the secret itself. */
static int secret_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    if (!value_is_text(node))
        return value_bad(r, row, node);
    if (strncmp(node->text, "file:", 5) != 0 || !node->text[5]) {
        error_hidden(r, node,
                     "%s: a secret is named here, never written: put it into a file of mode 600 and write \"file:NAME\"; NAME is "
                     "relative to this file",
                     row->key);
        return -1;
    }
    *(const char **)member = arena_printf(r->keep, "file:%s", conf_path_from(r, node, node->text + 5));
    return 0;
}

static bool text_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    const char *s = *(const char *const *)member;

    (void)row;
    (void)algs;
    if (s)
        conf_scalar(out, s);
    return s != NULL;
}

static bool texts_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool text_equal(const struct row *row, const void *a, const void *b)
{
    (void)row;
    return texts_equal(*(const char *const *)a, *(const char *const *)b);
}

static int addresses_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    const struct node *items[64];
    int n = node_items(r, node, "addresses", items, COUNT_OF(items));
    const char **list = n < 0 ? NULL : arena_alloc(r->keep, (size_t)(n + 1) * sizeof(*list));

    if (!list)
        return -1;
    for (int i = 0; i < n; i++) {
        struct addr addr;

        if (addr_parse(items[i]->text, &addr) < 0)
            return value_bad(r, row, items[i]);
        list[i] = arena_string(r->keep, items[i]->text);
    }
    *(const char *const **)member = n ? list : NULL;
    return 0;
}

static bool texts_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    const char *const *list = *(const char *const *const *)member;

    (void)row;
    (void)algs;
    if (!list)
        return false;
    for (size_t i = 0; list[i]; i++) {
        conf_text(out, i ? ", " : "[");
        conf_scalar(out, list[i]);
    }
    conf_text(out, "]");
    return true;
}

static bool text_lists_equal(const struct row *row, const void *a, const void *b)
{
    const char *const *x = *(const char *const *const *)a, *const *y = *(const char *const *const *)b;

    (void)row;
    if (!x || !y)
        return x == y;
    for (; *x && *y; x++, y++) {
        if (strcmp(*x, *y) != 0)
            return false;
    }
    return *x == *y;
}

/* Ends. */

static int local_value(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    return value_is_text(node) ? conf_local_read(r, node, member) : value_bad(r, row, node);
}

static int remote_value(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    return value_is_text(node) ? conf_remote_read(r, node, member) : value_bad(r, row, node);
}

static bool host_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    const struct conf_end *end = member;
    char text[ADDR_TEXT_MAX];

    (void)algs;
    if (end->net.addr.family)
        conf_format(out, "\"%s/%u\"", addr_format(&end->net.addr, text), end->net.bits);
    else if (end->host)
        conf_scalar(out, end->host);
    else if (row->kind == KIND_REMOTE)
        conf_text(out, "any");
    return end->net.addr.family || end->host || row->kind == KIND_REMOTE;
}

static bool host_equal(const struct row *row, const void *a, const void *b)
{
    const struct conf_end *x = a, *y = b;

    (void)row;
    if (x->addr.family || y->addr.family)
        return addr_equal(&x->addr, &y->addr);
    return texts_equal(x->host, y->host) && addr_equal(&x->net.addr, &y->net.addr) && x->net.bits == y->net.bits;
}

static int id_value(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    return value_is_text(node) ? conf_id_read(r, node, member) : value_bad(r, row, node);
}

static bool id_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    const struct conf_end *end = member;

    (void)row;
    (void)algs;
    if (end->id_text)
        conf_scalar(out, end->id_text);
    return end->id_text != NULL;
}

static bool id_value_equal(const struct row *row, const void *a, const void *b)
{
    const struct conf_end *x = a, *y = b;

    (void)row;
    if (x->id_is_dn_pattern || y->id_is_dn_pattern)
        return x->id_is_dn_pattern == y->id_is_dn_pattern && texts_equal(x->id_text, y->id_text);
    return x->id.type == y->id.type && span_equal(x->id.data, y->id.data);
}

static bool *legacy_at(void *end, const struct word *w)
{
    return (bool *)((uint8_t *)end + w->value);
}

static int legacy_read(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    const struct node *items[8];
    int n = node_items(r, node, "words", items, COUNT_OF(items));

    if (n < 0)
        return -1;
    for (const struct word *w = row->words; w->word; w++)
        *legacy_at(member, w) = false;
    for (int i = 0; i < n; i++) {
        const struct word *w = value_word(row, items[i]->text);

        if (!w)
            return value_bad(r, row, items[i]);
        *legacy_at(member, w) = true;
    }
    return 0;
}

static bool legacy_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    bool any = false;

    (void)algs;
    for (const struct word *w = row->words; w->word; w++) {
        if (!*((const bool *)member + w->value))
            continue;
        conf_format(out, "%s%s", any ? ", " : "[", w->word);
        any = true;
    }
    if (any)
        conf_text(out, "]");
    return any;
}

static bool legacy_equal(const struct row *row, const void *a, const void *b)
{
    for (const struct word *w = row->words; w->word; w++) {
        if (*((const bool *)a + w->value) != *((const bool *)b + w->value))
            return false;
    }
    return true;
}

/* Selectors and proposals. */

static int selectors_value(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    return ts_list_read(r, row, node, member);
}

static bool selectors_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    const struct ts_list *list = member;

    (void)row;
    (void)algs;
    for (size_t i = 0; i < list->n; i++) {
        char words[TS_TEXT_MAX];
        struct text t = text_in(words, sizeof(words));

        selector_print(&list->v[i], &t);
        conf_format(out, "%s\"%s\"", i ? ", " : "[", words);
    }
    if (list->n)
        conf_text(out, "]");
    return list->n > 0;
}

/* In order: a narrowing follows the order. */
static bool selectors_equal(const struct row *row, const void *a, const void *b)
{
    const struct ts_list *x = a, *y = b;

    (void)row;
    if (x->n != y->n)
        return false;
    for (size_t i = 0; i < x->n; i++) {
        if (!ts_equal(&x->v[i], &y->v[i]))
            return false;
    }
    return true;
}

static int proposals_value(struct reading *r, const struct row *row, const struct node *node, void *member)
{
    return conf_proposals_read(r, row, node, member);
}

static bool proposals_print(const struct row *row, const struct alg_registry *algs, const void *member, struct buf *out)
{
    const struct proposals *list = member;

    (void)row;
    for (size_t i = 0; i < list->n; i++) {
        char words[600];
        struct text t = text_in(words, sizeof(words));

        proposal_format(algs, &list->v[i], &t);
        conf_text(out, i ? ", " : "[");
        conf_text(out, words);
    }
    if (list->n)
        conf_text(out, "]");
    return list->n > 0;
}

static bool proposals_value_equal(const struct row *row, const void *a, const void *b)
{
    (void)row;
    return conf_proposals_equal(a, b);
}

/* An end that is not about one member: its offset is 0, the whole end. */
static const struct {
    value_read_fn *read;
    value_print_fn *print;
    value_equal_fn *equal;
    const char *expected; /* NULL: the words of the row */
} kinds[] = {
    [KIND_BOOL] = {bool_read, bool_print, number_equal, "yes or no"},
    [KIND_WORD] = {word_read, word_print, number_equal, NULL},
    [KIND_NUMBER] = {number_read, number_print, number_equal, "a number"},
    [KIND_DURATION] = {measure_read, measure_print, number_equal, "a duration such as 30s, 90m, 4h or 1d"},
    [KIND_SIZE] = {measure_read, measure_print, number_equal, "a size such as 500M or 10G"},
    [KIND_COUNT] = {measure_read, measure_print, number_equal, "a number such as 5000 or 10M"},
    [KIND_FACTOR] = {factor_read, factor_print, number_equal, "a factor such as 1.4"},
    [KIND_MARK] = {mark_read, mark_print, mark_equal, "a mark such as 0x10, or with its mask 0x10/0xff"},
    [KIND_TEXT] = {text_read, text_print, text_equal, "one word"},
    [KIND_PATH] = {path_read, text_print, text_equal, "the path of a file"},
    [KIND_PATHS] = {paths_read, texts_print, text_lists_equal, "the path of a file, or several in brackets"},
    [KIND_SECRET] = {secret_read, text_print, text_equal, "the file that holds the secret: \"file:NAME\""},
    [KIND_ADDRESSES] = {addresses_read, texts_print, text_lists_equal, "an IP address, or several in brackets"},
    [KIND_LOCAL] = {local_value, host_print, host_equal, "an IP address or \"any\""},
    [KIND_REMOTE] = {remote_value, host_print, host_equal, "an IP address, a host name, a network or \"any\""},
    [KIND_ID] = {id_value, id_print, id_value_equal,
                 "an identity: an address, a name, user@name, keyid:TEXT or \"CN=name, O=Example\""},
    [KIND_LEGACY] = {legacy_read, legacy_print, legacy_equal, NULL},
    [KIND_SELECTORS] = {selectors_value, selectors_print, selectors_equal,
                        "networks such as [10.1.0.0/16, 2001:db8::/48], or \"dynamic\""},
    [KIND_PROPOSALS] = {proposals_value, proposals_print, proposals_value_equal,
                        "algorithms such as [aes256gcm16-x25519], or \"default\""},
};

static void expected_words(const struct row *row, struct text *out, const char *first)
{
    for (const struct word *w = row->words; w && w->word; w++)
        text_add(out, "%s%s", w == row->words ? first : w[1].word ? ", " : " or ", w->word);
}

void conf_value_expected(const struct row *row, struct text *out)
{
    if (row->kind == KIND_SECTION || row->kind == KIND_NAMED) {
        text_add(out, "a map (key: value)");
        return;
    }
    if (!kinds[row->kind].expected) {
        expected_words(row, out, "");
        return;
    }
    text_add(out, "%s", kinds[row->kind].expected);
    if (row->kind == KIND_NUMBER)
        text_add(out, " from %llu to %llu", (unsigned long long)row->min, (unsigned long long)row->max);
    if (row->kind == KIND_DURATION || row->kind == KIND_SIZE || row->kind == KIND_COUNT) {
        text_add(out, " (from ");
        measure_add(row, row->min, out);
        text_add(out, " to ");
        measure_add(row, row->max, out);
        text_add(out, ")");
    }
    if (row->kind == KIND_FACTOR)
        text_add(out, " (from %.2f to %.2f)", (double)row->min / 100, (double)row->max / 100);
    expected_words(row, out, ", or ");
}

int conf_value_read(struct reading *r, const struct row *row, const struct node *node, void *base)
{
    return kinds[row->kind].read(r, row, node, (uint8_t *)base + row->offset);
}

bool conf_value_print(const struct row *row, const struct alg_registry *algs, const void *base, struct buf *out)
{
    return kinds[row->kind].print(row, algs, (const uint8_t *)base + row->offset, out);
}

bool conf_value_equal(const struct row *row, const void *a, const void *b)
{
    return kinds[row->kind].equal(row, (const uint8_t *)a + row->offset, (const uint8_t *)b + row->offset);
}
