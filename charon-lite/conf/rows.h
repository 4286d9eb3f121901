/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside conf: the table of settings. One row a setting; reading, printing, comparing, the manual and the JSON schema walk the
 * same rows. A new setting is a new row (and, if it is of a new kind, a member of `kinds` in value.c).
 */
#ifndef CHARON_CONF_ROWS_H
#define CHARON_CONF_ROWS_H

#include "conf/tree.h"

enum kind {
    KIND_BOOL,      /* bool */
    KIND_WORD,      /* one of row->words, into an integer of row->width bytes */
    KIND_NUMBER,    /* an integer of row->width bytes; row->words name special values */
    KIND_DURATION,  /* usec_t */
    KIND_SIZE,      /* uint64_t, bytes: K, M, G, T are powers of 1024 */
    KIND_COUNT,     /* uint64_t, things: k, M, G are powers of 1000 */
    KIND_FACTOR,    /* uint32_t, hundredths: "1.4" is 140 */
    KIND_MARK,      /* uint32_t mark, followed by uint32_t mask */
    KIND_TEXT,      /* const char *: a word without blanks */
    KIND_PATH,      /* const char *, made absolute */
    KIND_PATHS,     /* const char *const *, the same */
    KIND_SECRET,    /* const char *, "file:PATH", the path made absolute */
    KIND_ADDRESSES, /* const char *const *, IP addresses */
    KIND_LOCAL,     /* struct conf_end: our own address */
    KIND_REMOTE,    /* struct conf_end: address, name, network or "any" */
    KIND_ID,        /* struct conf_end: id, id_text, id_is_dn_pattern */
    KIND_LEGACY,    /* struct conf_end: the bools at the offsets that row->words name */
    KIND_SELECTORS, /* struct ts_list */
    KIND_PROPOSALS, /* struct proposals of protocol row->min */
    KIND_SECTION,   /* the settings of row->table, within the same struct from row->offset on */
    KIND_NAMED,     /* a map of names to row->table; read by build.c */
};

struct word {
    const char *word;
    uint64_t value;
};

enum row_flag {
    ROW_SHORT = 1, /* a shorter way to write other settings: not printed, not compared */
    ROW_WISH = 2,  /* no SA depends on it: not compared */
};

struct table;
struct row {
    const char *key;
    uint8_t kind; /* enum kind */
    uint8_t flags;
    uint8_t width;   /* bytes of the member */
    uint16_t offset; /* of the member in the table's struct */
    uint64_t min, max;
    const char *preset;       /* default, as it would be written; NULL = none */
    const struct word *words; /* ends with word NULL */
    const struct table *table;
    const char *help; /* a sentence or two; the manual has them */
};
struct table {
    const char *id;     /* in the JSON schema */
    const char *title;  /* "a connection", for messages and the manual */
    const char *scalar; /* a plain text in place of the section means this key; NULL = none */
    const char *help;
    const struct row *rows; /* ends with key NULL */
};

/* A connection while it is read: what it becomes, and what it hands to its ends and children. */
struct draft {
    struct conf_connection c; /* first: the same offsets */
    struct conf_child child;  /* what its children begin with */
    struct conf_end both;     /* psk and legacy, written once for both ends */
    const struct node *node;
    const struct node *const *child_nodes; /* one for each child; NULL for the one of the short form */
    struct draft *next;
    bool broken; /* an error was found in it: the rules would only find its consequences */
};

/* Values that stand for "not written"; replaced when the snapshot is finished. */
#define KEEP_UNSET ((enum keep)9)
#define LIFETIME_UNSET USEC_NEVER

extern const struct table table_file, table_daemon, table_connection, table_ike, table_local, table_remote, table_child;
/* All conf_tables but those that are sections of the daemon's, NULL-ended: for "this key belongs there". */
extern const struct table *const conf_tables[];

/* The default for the manual: the same wherever it was built. */
const char *row_preset(const struct row *);
const struct row *row_find(const struct table *, const char *key);
/* hint.c: what other daemons call it, where else it stands, what it looks like: the end of a sentence about an unknown key. */
void row_hint(const struct table *, const char *key, struct text *out);

/* value.c: one value. Reading reports and leaves the old value in place when it is bad; -1 then. */
int conf_value_read(struct reading *, const struct row *, const struct node *, void *base);
/* What may stand there: "a duration such as 30s, 90m, 4h or 1d". */
void conf_value_expected(const struct row *, struct text *out);
/* Print as it could be written; false when it is unset and there is nothing to print. */
bool conf_value_print(const struct row *, const struct alg_registry *, const void *base, struct buf *out);
bool conf_value_equal(const struct row *, const void *a, const void *b);
/* All settings of a section: reads (unknown keys are reported), sets defaults, compares. */
void conf_section_read(struct reading *, const struct table *, const struct node *, void *base);
void conf_section_presets(struct reading *, const struct table *, void *base);
bool conf_section_equal(const struct table *, const void *a, const void *b);

/* selectors.c, proposals.c: values that are lists of small languages. */
int ts_list_read(struct reading *, const struct row *, const struct node *, struct ts_list *);
int conf_proposals_read(struct reading *, const struct row *, const struct node *, struct proposals *);
/* One selector; the text of the error goes to `why`. */
int selector_parse(const char *text, struct ts *out, struct text *why);
void selector_print(const struct ts *, struct text *out);
bool conf_proposals_equal(const struct proposals *, const struct proposals *);

/* end.c: values of an end. */
int conf_local_read(struct reading *, const struct node *, struct conf_end *);
int conf_remote_read(struct reading *, const struct node *, struct conf_end *);
int conf_id_read(struct reading *, const struct node *, struct conf_end *);

/* build.c: files to drafts. finish.c: drafts to the snapshot. */
void conf_file_read(struct reading *, struct source *);
void drafts_finish(struct reading *);

/* The rules between settings: of the daemon (check_daemon.c), of a connection (check.c), of a child (check_child.c), of what
 * secrets and certificates are named (probe.c), between connections (peers.c, overlap.c), and of the operator's own connection
 * (session.c). */
void rules_check(struct reading *);
#define ENDS_EARLY "would end before it is renewed: lifetime must be longer than rekey (\"lifetime: auto\" is a tenth more)"
void rule_daemon(struct reading *);
void rule_child(struct reading *, const struct draft *, size_t child);
void rule_probe(struct reading *, const struct draft *);
void rule_peers(struct reading *);
void rule_overlaps(struct reading *);
struct session {
    struct ts ours, theirs; /* TCP, one address and port each */
};
bool rule_session_parse(const char *text, struct session *out);
void rule_session(struct reading *, const struct draft *, const struct session *);
/* `dynamic` is a single address; which one is known where the end has a literal address. */
struct ts ts_resolved(const struct ts *, const struct conf_end *);
/* The node of a setting of a connection, "ike" "rekey"; its section, or the connection, when it is not written. */
const struct node *draft_at(const struct draft *, const char *section, const char *key);
const struct node *child_at(const struct draft *, size_t child, const char *key);

/* Text helpers. */
const char *conf_path_from(struct reading *, const struct node *, const char *path);
void conf_text(struct buf *, const char *);
#define conf_format(out, ...)                                                                                                    \
    do {                                                                                                                         \
        char words_[256];                                                                                                        \
        struct text text_ = text_in(words_, sizeof(words_));                                                                     \
        text_add(&text_, __VA_ARGS__);                                                                                           \
        conf_text((out), words_);                                                                                                \
    } while (0)
/* A text as a YAML scalar: quoted where it must be. */
void conf_scalar(struct buf *, const char *);
/* The same as a JSON string. */
void conf_json(struct buf *, const char *);

#endif
