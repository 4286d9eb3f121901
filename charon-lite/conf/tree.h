/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside conf: the tree of a YAML file, where each node knows its place, and the reading that turns it into a snapshot.
 * The tree lives as long as one call of conf_read_*; the snapshot keeps nothing of it.
 */
#ifndef CHARON_CONF_TREE_H
#define CHARON_CONF_TREE_H

#include "conf/conf.h"

/* One file of a reading. */
struct source {
    const char *name;  /* as the caller names it; in the snapshot's arena */
    const char *shown; /* the same in the report's arena, made when first needed */
    struct span text;
    struct buf owned; /* of `text`, when it was loaded */
};

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };
struct node {
    enum node_kind kind;
    bool plain; /* text without quotes: may stand for "nothing" */
    uint32_t line, column;
    uint32_t n;       /* items of a list, pairs of a map */
    const char *text; /* NUL-ended, without NUL inside */
    struct source *source;
    struct node *key;          /* of a value within a map */
    struct node *first, *next; /* items; values of a map */
};

/* One call of conf_read_*. */
struct draft;
struct reading {
    const struct conf_setup *setup;
    struct conf_report *report;
    struct conf *conf;
    struct arena tree;                           /* nodes and all that dies with them */
    struct arena *keep;                          /* the snapshot's arena */
    struct map words;                            /* proposals parsed before, by their words */
    struct map anchors;                          /* hashes of trust anchors, by path */
    struct proposals defaults[PROTOCOL_ESP + 1]; /* of IKE and ESP */
    struct draft *first, **last;                 /* connections in order of reading */
    size_t n_drafts;
    const struct node *daemon; /* the settings of the daemon, from whichever file */
    size_t unshown;            /* problems past the limit of the report */
};

/* The tree of a file; NULL (and a problem) when it is no YAML that we take. An empty file is an empty map. */
struct node *conf_tree_read(struct reading *, struct source *);
/* The value of a key in a map; NULL when there is none, or no map. */
const struct node *node_find(const struct node *map, const char *key);
/* Nothing was written: an empty value, ~ or null. */
bool node_is_empty(const struct node *);
/* The items of a list, or the one text; at most max. `what` names them when there are too many or of the wrong kind; -1 then. */
int node_items(struct reading *, const struct node *, const char *what, const struct node **out, size_t max);
/* What a node is, in words: "a list". */
const char *node_kind_name(const struct node *);
struct conf_place node_place(const struct node *);

/* Add a problem at a node (NULL: of the whole reading). HIDDEN: without the source line, which may show a secret. */
enum problem_kind { PROBLEM_ERROR, PROBLEM_HIDDEN, PROBLEM_WARNING };
void conf_problem_at(struct reading *, const struct node *, enum problem_kind, const char *text);
#define error_at(r, node, ...) conf_problem_at((r), (node), PROBLEM_ERROR, arena_printf(&(r)->tree, __VA_ARGS__))
#define error_hidden(r, node, ...) conf_problem_at((r), (node), PROBLEM_HIDDEN, arena_printf(&(r)->tree, __VA_ARGS__))
#define warning_at(r, node, ...) conf_problem_at((r), (node), PROBLEM_WARNING, arena_printf(&(r)->tree, __VA_ARGS__))
/* An error of a file as a whole, or at a place of it. */
void conf_error_in(struct reading *, struct source *, uint32_t line, uint32_t column, const char *text);
/* Problems in order of place; and a last one if there were more than can be shown. */
void conf_report_finish(struct reading *);

#endif
