/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/request.h"

#include <jansson.h>
#include <string.h>

static const char *const verb_words[] = {
#define CTL_WORD(name, word) word,
    CTL_VERBS(CTL_WORD)
#undef CTL_WORD
        NULL};

const char *ctl_verb_word(enum ctl_verb verb)
{
    return verb < CTL_VERB_COUNT ? verb_words[verb] : "unknown";
}

static int unknown(struct text *why, const char *what, const char *word, const char *const *words)
{
    const char *near = text_nearest(word, words);

    text_add(why, "unknown %s \"", what);
    text_add_bytes(why, span_part(span_str(word), 0, 64));
    text_add(why, near ? "\": did you mean \"%s\"?" : "\"", near);
    return ERR_BAD;
}

static int read_verb(const json_t *v, struct ctl_request *out, struct text *why)
{
    const char *word = json_string_value(v);

    if (!word) {
        text_add(why, "\"do\" must be a word such as \"list\"");
        return ERR_BAD;
    }
    for (size_t i = 0; i < CTL_VERB_COUNT; i++)
        if (!strcmp(word, verb_words[i])) {
            out->verb = (enum ctl_verb)i;
            return 0;
        }
    return unknown(why, "order", word, verb_words);
}

static int read_name(const json_t *v, const char *key, struct arena *arena, const char **out, struct text *why)
{
    if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v)) {
        text_add(why, "\"%s\" must be a name", key);
        return ERR_BAD;
    }
    *out = arena_string(arena, json_string_value(v));
    return *out ? 0 : ERR_LIMIT;
}

static int read_member(const char *key, const json_t *v, struct arena *arena, struct ctl_line *out, struct text *why)
{
    static const char *const keys[] = {"do", "connection", "child", "wait", "id", NULL};

    if (!strcmp(key, "do"))
        return read_verb(v, &out->request, why);
    if (!strcmp(key, "connection"))
        return read_name(v, key, arena, &out->request.connection, why);
    if (!strcmp(key, "child"))
        return read_name(v, key, arena, &out->request.child, why);
    if (!strcmp(key, "wait") && json_is_boolean(v)) {
        out->request.wait = json_is_true(v);
        return 0;
    }
    if (!strcmp(key, "id") && json_is_integer(v) && json_integer_value(v) >= 0)
        return 0; /* read before */
    if (!strcmp(key, "wait") || !strcmp(key, "id")) {
        text_add(why, "\"%s\" must be %s", key, *key == 'w' ? "true or false" : "a number from 0");
        return ERR_BAD;
    }
    return unknown(why, "key", key, keys);
}

static int check_request(const struct ctl_request *r, struct text *why)
{
    bool named = r->verb == CTL_UP || r->verb == CTL_DISABLE || r->verb == CTL_ENABLE || r->verb == CTL_REKEY;

    if (r->verb == CTL_VERB_COUNT)
        text_add(why, "\"do\" is missing");
    else if (named && !r->connection)
        text_add(why, "\"%s\" needs a \"connection\"", ctl_verb_word(r->verb));
    else if (r->child && !r->connection)
        text_add(why, "a \"child\" needs its \"connection\"");
    else
        return 0;
    return ERR_BAD;
}

int ctl_line_read(struct span line, struct arena *arena, struct ctl_line *out, struct text *why)
{
    json_error_t error;
    json_t *o = json_loadb((const char *)line.p, line.len, JSON_REJECT_DUPLICATES, &error), *v;
    const char *key;
    int err = 0;

    *out = (struct ctl_line){.request.verb = CTL_VERB_COUNT, .id = -1};
    if (!json_is_object(o)) {
        text_add(why, "not a JSON object in a line%s%s", o ? "" : ": ", o ? "" : error.text);
        json_decref(o);
        return ERR_BAD;
    }
    v = json_object_get(o, "id");
    if (json_is_integer(v) && json_integer_value(v) >= 0)
        out->id = json_integer_value(v);
    json_object_foreach(o, key, v) if (!err) err = read_member(key, v, arena, out, why);
    json_decref(o);
    return err ? err : check_request(&out->request, why);
}
