/* SPDX-License-Identifier: Apache-2.0 */
/* The rows as a manual (Markdown) and as a JSON schema, which editors use to complete and check. */
#include "conf/rows.h"

#include <string.h>

/* Manual. */

static const char intro[] =
    "# Configuration\n"
    "\n"
    "The daemon reads the YAML files of its folder `conf.d/` (each `*.yaml`), or those named on its command line. All files "
    "together\n"
    "are one configuration. `charonctl check FILE...` reads them without a daemon and without root, and says what is wrong, "
    "with\n"
    "file, line and column. A reload with a broken file changes nothing that runs.\n"
    "\n"
    "Five lines make the common tunnel, two networks joined with a pre-shared key:\n"
    "\n"
    "```yaml\n"
    "connections:\n"
    "  paris:\n"
    "    remote: paris.example.com          # address or name\n"
    "    psk: file:paris.psk                # secrets are named here, never written here\n"
    "    local_net:  [10.1.0.0/16, 2001:db8:1::/48]\n"
    "    remote_net: [10.2.0.0/16, 2001:db8:2::/48]\n"
    "```\n"
    "\n"
    "Everything else has a default, and every detail can be said:\n"
    "\n"
    "```yaml\n"
    "connections:\n"
    "  frankfurt:\n"
    "    local:  { address: 198.51.100.1, id: gw1.example.com, cert: gw1-fullchain.pem, key: gw1.key }\n"
    "    remote: { address: 203.0.113.7,  id: \"CN=fra, O=Example\", ca: example-ca.pem }\n"
    "    ike:   { proposals: [aes256gcm16-prfsha384-ecp384, aes256-sha256-modp2048], rekey: 4h }\n"
    "    children:\n"
    "      lan: { local: [10.1.0.0/16], remote: [10.9.0.0/16], esp: [aes256gcm16-ecp384, aes256gcm16], rekey: 1h }\n"
    "      mgmt: { mode: transport, local: [dynamic/tcp/22], remote: [dynamic] }\n"
    "```\n"
    "\n"
    "## How values are written\n"
    "\n"
    "- *Lists*: where several values may stand, one may stand alone: `local_net: 10.1.0.0/16`.\n"
    "- *Quotes*: within brackets, an IPv6 address that begins or ends with a colon stands in quotes: `[\"::/0\"]`.\n"
    "- *Durations*: a number and a unit, `ms`, `s`, `m`, `h`, `d` or `w`; several add up (`1h30m`).\n"
    "- *Networks* (traffic selectors): `10.1.0.0/16`, `2001:db8::/32`, a range `10.1.0.1-10.1.0.9`, or `dynamic`, the outer "
    "address of\n"
    "  that end. A protocol, by name or number, and its ports may follow: `dynamic/tcp/22`, `10.0.0.0/8/udp/500-600`. For ICMP "
    "the\n"
    "  type and code stand in place of ports: `10.0.0.0/8/icmp/8`, `10.0.0.0/8/icmp/3/4`.\n"
    "- *Proposals*: algorithms joined by `-`, the preferred proposal first; `default` is the built-in list and may be one of "
    "several.\n"
    "- *Files*: relative to the file that names them.\n"
    "- *Secrets*: `file:NAME`, a file that nobody else may read (mode 600). What is a secret is never written into the "
    "configuration.\n"
    "- Anchors, aliases and tags of YAML are not taken: what several connections share stands under `defaults`.\n"
    "\n"
    "What is protected is closed when it is not protected: from before the first packet until after the daemon has ended, "
    "packets\n"
    "between the named networks go through the tunnel or nowhere. `pass` names exceptions.\n";

static void manual_row(const struct row *row, struct buf *out)
{
    char words[400];
    struct text t = text_in(words, sizeof(words));

    conf_text(out, "- `");
    conf_text(out, row->key);
    conf_text(out, "`");
    if (row->kind != KIND_SECTION && row->kind != KIND_NAMED) {
        conf_value_expected(row, &t);
        conf_text(out, ": ");
        conf_text(out, words);
    }
    if (row->preset) {
        conf_text(out, "; default `");
        conf_text(out, row_preset(row));
        conf_text(out, "`");
    }
    conf_text(out, ".\n  ");
    conf_text(out, row->help);
    conf_text(out, "\n");
}

void conf_manual(struct buf *out)
{
    conf_text(out, intro);
    for (const struct table *const *t = conf_tables; *t; t++) {
        conf_text(out, "\n## ");
        if (*t == &table_file)
            conf_text(out, "The top of a file");
        else
            conf_format(out, "`%s`", (*t)->title);
        conf_text(out, "\n\n");
        conf_text(out, (*t)->help);
        conf_text(out, "\n\n");
        for (const struct row *row = (*t)->rows; row->key; row++)
            manual_row(row, out);
    }
}

/* Schema. */

static const char name_pattern[] = "^[A-Za-z0-9._+@][A-Za-z0-9._+@-]{0,62}$";

static void schema_words(const struct row *row, struct buf *out)
{
    conf_text(out, "{\"enum\": [");
    for (const struct word *w = row->words; w->word; w++) {
        conf_text(out, w == row->words ? "" : ", ");
        conf_json(out, w->word);
        if (strcmp(w->word, "off") == 0)
            conf_text(out, ", false"); /* what YAML 1.1 makes of it */
    }
    conf_text(out, "]}");
}

static const char *schema_pattern(const struct row *row)
{
    switch (row->kind) {
    case KIND_DURATION:
        return "^(0|([0-9]+(ms|s|m|min|h|d|w))+)$";
    case KIND_SIZE:
        return "^[0-9]+([kKMGT]B?|[KMGT]iB)?$";
    case KIND_COUNT:
        return "^[0-9]+[kKMG]?$";
    case KIND_FACTOR:
        return "^[0-9]+(\\.[0-9][0-9]?|%)?$";
    case KIND_MARK:
        return "^(0x[0-9a-fA-F]+|[0-9]+)(/(0x[0-9a-fA-F]+|[0-9]+))?$";
    case KIND_SECRET:
        return "^file:.+$";
    case KIND_TEXT:
        return "^[^ \\t/:]+$";
    default:
        return NULL;
    }
}

static void schema_text(const struct row *row, struct buf *out)
{
    const char *pattern = schema_pattern(row);

    conf_text(out, "{\"type\": \"string\", ");
    if (pattern) {
        conf_text(out, "\"pattern\": ");
        conf_json(out, pattern);
    } else {
        conf_text(out, "\"minLength\": 1");
    }
    conf_text(out, "}");
}

/* One, or a list of such. */
static void schema_list(const struct row *row, struct buf *out)
{
    void (*item)(const struct row *, struct buf *) = row->kind == KIND_LEGACY ? schema_words : schema_text;

    item(row, out);
    conf_text(out, ", {\"type\": \"array\", \"items\": ");
    item(row, out);
    conf_text(out, "}");
}

static void schema_any_of(const struct row *row, struct buf *out)
{
    switch (row->kind) {
    case KIND_BOOL:
        conf_text(out, "{\"type\": \"boolean\"}, {\"enum\": [\"yes\", \"no\", \"on\", \"off\"]}");
        break;
    case KIND_WORD:
        schema_words(row, out);
        return;
    case KIND_NUMBER:
        conf_format(out, "{\"type\": \"integer\", \"minimum\": %llu, \"maximum\": %llu}",
                    (unsigned long long)(row->words && row->words->value == 0 ? 0 : row->min), (unsigned long long)row->max);
        break;
    case KIND_FACTOR:
    case KIND_SIZE:
    case KIND_COUNT:
    case KIND_MARK:
        schema_text(row, out);
        conf_text(out, ", {\"type\": \"number\", \"minimum\": 0}");
        break;
    case KIND_PATHS:
    case KIND_ADDRESSES:
    case KIND_SELECTORS:
    case KIND_PROPOSALS:
    case KIND_LEGACY:
        schema_list(row, out);
        return;
    case KIND_SECTION:
        conf_format(out, "{\"$ref\": \"#/$defs/%s\"}", row->table->id);
        return;
    case KIND_NAMED:
        conf_text(out, "{\"type\": [\"object\", \"null\"], \"propertyNames\": {\"pattern\": ");
        conf_json(out, name_pattern);
        conf_format(out, "}, \"additionalProperties\": {\"$ref\": \"#/$defs/%s\"}}", row->table->id);
        break;
    default:
        schema_text(row, out);
    }
    if (row->words) {
        conf_text(out, ", ");
        schema_words(row, out);
    }
}

static void schema_row(const struct row *row, struct buf *out)
{
    conf_text(out, "        ");
    conf_json(out, row->key);
    conf_text(out, ": {\"description\": ");
    conf_json(out, row->help);
    if (row->preset) {
        conf_text(out, ", \"default\": ");
        conf_json(out, row_preset(row));
    }
    conf_text(out, ", \"anyOf\": [");
    schema_any_of(row, out);
    conf_text(out, "]}");
    conf_text(out, row[1].key ? ",\n" : "\n");
}

static void schema_table(const struct table *table, struct buf *out)
{
    conf_text(out, "    ");
    conf_json(out, table->id);
    conf_text(out, ": {\n      \"description\": ");
    conf_json(out, table->help);
    conf_format(out, ",\n      \"type\": [\"object\"%s%s],\n", table->scalar ? ", \"string\"" : "",
                table == &table_child || table == &table_daemon ? ", \"null\"" : "");
    conf_text(out, "      \"additionalProperties\": false,\n      \"properties\": {\n");
    for (const struct row *row = table->rows; row->key; row++)
        schema_row(row, out);
    conf_text(out, "      }\n    }");
}

void conf_schema(struct buf *out)
{
    conf_text(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                   "  \"title\": \"charon-lite configuration\",\n  \"$ref\": \"#/$defs/file\",\n  \"$defs\": {\n");
    for (const struct table *const *t = conf_tables; *t; t++) {
        schema_table(*t, out);
        conf_text(out, t[1] ? ",\n" : "\n");
    }
    conf_text(out, "  }\n}\n");
}
