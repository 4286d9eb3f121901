/* SPDX-License-Identifier: Apache-2.0 */
/* The effective configuration as YAML that reads back to an equal snapshot. */
#include "conf/rows.h"

#include <string.h>

void conf_text(struct buf *out, const char *s)
{
    buf_bytes(out, s, strlen(s));
}

/* Sure to be a text for any YAML reader. */
static bool is_plain(const char *s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char *const special[] = {"null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE",
                                          "yes",  "Yes",  "YES",  "no",   "No",   "NO",   "on",    "On",    "ON",
                                          "off",  "Off",  "OFF",  "y",    "Y",    "n",    "N",     ".inf",  ".nan"};

    for (size_t i = 0; i < COUNT_OF(special); i++) {
        if (strcmp(s, special[i]) == 0)
            return false;
    }
    if (!*s || (!strchr(letters, *s) && *s != '/'))
        return false;
    for (; *s; s++) {
        if (!strchr(letters, *s) && !strchr("0123456789._/-+@", *s) && !(*s == ':' && s[1] && s[1] != ' '))
            return false;
    }
    return true;
}

void conf_json(struct buf *out, const char *s)
{
    conf_text(out, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_u8(out, '\\');
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            conf_format(out, "\\u%04x", (unsigned)(unsigned char)*s);
        else
            buf_u8(out, (uint8_t)*s);
    }
    conf_text(out, "\"");
}

void conf_scalar(struct buf *out, const char *s)
{
    if (is_plain(s))
        conf_text(out, s);
    else
        conf_json(out, s); /* what JSON escapes, YAML understands */
}

static void indent(struct buf *out, int depth)
{
    for (; depth > 0; depth--)
        conf_text(out, "  ");
}

static void section_print(const struct table *table, const struct alg_registry *algs, const void *base, struct buf *out,
                          int depth)
{
    for (const struct row *row = table->rows; row->key; row++) {
        size_t before = out->len;

        if ((row->flags & ROW_SHORT) || row->kind == KIND_NAMED)
            continue;
        indent(out, depth);
        conf_text(out, row->key);
        conf_text(out, ":");
        if (row->kind == KIND_SECTION) {
            conf_text(out, "\n");
            section_print(row->table, algs, (const uint8_t *)base + row->offset, out, depth + 1);
            continue;
        }
        conf_text(out, " ");
        if (conf_value_print(row, algs, base, out))
            conf_text(out, "\n");
        else
            buf_cut(out, before);
    }
}

static void name_print(struct buf *out, const char *name, int depth)
{
    indent(out, depth);
    conf_scalar(out, name);
    conf_text(out, ":\n");
}

static void connection_print(const struct conf *conf, const struct conf_connection *c, struct buf *out)
{
    name_print(out, c->name, 1);
    section_print(&table_connection, conf->algs, c, out, 2);
    if (c->n_children)
        conf_text(out, "    children:\n");
    for (size_t i = 0; i < c->n_children; i++) {
        name_print(out, c->children[i].name, 3);
        section_print(&table_child, conf->algs, &c->children[i], out, 4);
    }
}

void conf_print(const struct conf *conf, struct buf *out)
{
    conf_text(out, "daemon:\n");
    section_print(&table_daemon, conf->algs, conf, out, 1);
    conf_text(out, "connections:\n");
    for (size_t i = 0; i < conf->n_connections; i++)
        connection_print(conf, &conf->connections[i], out);
}
