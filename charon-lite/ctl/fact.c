/* SPDX-License-Identifier: Apache-2.0 */
/* Facts as JSON. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

const char *fact_word(enum fact fact)
{
    static const char *const words[] = {
#define FACT_WORD(name, word, level) word,
        FACTS(FACT_WORD)
#undef FACT_WORD
    };

    return fact < FACT_COUNT ? words[fact] : "unknown";
}

const char *level_word(enum level level)
{
    static const char *const words[] = {"error", "error", "error", "error", "warning", "notice", "info", "debug"};

    return level <= LEVEL_DEBUG ? words[level] : "debug";
}

/* Text that is not UTF-8 loses its odd bytes rather than the whole line. */
static json_t *safe_string(const char *s)
{
    json_t *v = json_string(s);
    char plain[1024];
    struct text t = text_in(plain, sizeof(plain));

    if (v)
        return v;
    text_add_bytes(&t, span_str(s));
    return json_string(plain);
}

static void put_string(json_t *o, const char *key, const char *s)
{
    if (s)
        json_object_set_new(o, key, safe_string(s));
}

static void put_int(json_t *o, const char *key, int64_t v)
{
    json_object_set_new(o, key, json_integer(v));
}

static void put_count(json_t *o, const char *key, uint64_t v)
{
    put_int(o, key, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

static void put_bool(json_t *o, const char *key, bool v)
{
    json_object_set_new(o, key, json_boolean(v));
}

static void put_endpoint(json_t *o, const char *key, const struct endpoint *e)
{
    char text[ENDPOINT_TEXT_MAX];

    if (e->addr.family)
        put_string(o, key, endpoint_format(e, text));
}

static void put_hex(json_t *o, const char *key, int digits, uint64_t v)
{
    char text[24];

    snprintf(text, sizeof(text), "%0*" PRIx64, digits, v);
    put_string(o, key, text);
}

static void put_seconds(json_t *o, const char *key, int64_t s)
{
    if (s >= 0)
        put_int(o, key, s);
}

static void put_ts(json_t *o, const char *key, struct ts_list l)
{
    json_t *list = json_array();
    char text[TS_TEXT_MAX];

    for (size_t i = 0; i < l.n; i++)
        json_array_append_new(list, json_string(ts_format(&l.v[i], text)));
    json_object_set_new(o, key, list);
}

static void put_ike(json_t *o, const struct tell_ike *t)
{
    put_hex(o, "spi_i", 16, t->spi_i);
    put_hex(o, "spi_r", 16, t->spi_r);
    put_string(o, "role", t->we_initiated ? "initiator" : "responder");
    put_string(o, "state", t->state);
    put_string(o, "suite", t->suite);
    put_endpoint(o, "local", &t->local);
    put_endpoint(o, "remote", &t->remote);
    put_string(o, "local_id", t->local_id);
    put_string(o, "remote_id", t->remote_id);
    put_bool(o, "nat_local", t->nat_local);
    put_bool(o, "nat_remote", t->nat_remote);
    put_seconds(o, "age_s", t->age_s);
    put_seconds(o, "rekey_in_s", t->rekey_in_s);
    put_int(o, "retransmits", t->retransmits);
    put_int(o, "unanswered", t->unanswered);
}

static void put_child(json_t *o, const struct tell_child *t)
{
    put_string(o, "state", t->state);
    put_string(o, "suite", t->suite);
    put_hex(o, "spi_in", 8, t->spi_in);
    put_hex(o, "spi_out", 8, t->spi_out);
    put_int(o, "reqid", t->reqid);
    put_string(o, "mode", t->transport ? "transport" : "tunnel");
    put_bool(o, "udp_encap", t->udp_encap);
    put_ts(o, "ts_local", t->ts_local);
    put_ts(o, "ts_remote", t->ts_remote);
    put_seconds(o, "age_s", t->age_s);
    put_seconds(o, "rekey_in_s", t->rekey_in_s);
    if (!t->counted)
        return;
    put_count(o, "bytes_in", t->bytes_in);
    put_count(o, "bytes_out", t->bytes_out);
    put_count(o, "packets_in", t->packets_in);
    put_count(o, "packets_out", t->packets_out);
}

char *fact_format(const struct tell *t, long long id)
{
    json_t *o = json_object();
    char *line;

    if (id >= 0)
        put_int(o, "id", id);
    put_string(o, "fact", fact_word(t->fact));
    put_string(o, "level", level_word(t->level));
    if (t->fact == FACT_DONE)
        put_bool(o, "ok", t->ok);
    put_string(o, "connection", t->connection);
    put_string(o, "child", t->child);
    put_endpoint(o, "remote", &t->remote);
    put_string(o, "text", t->text);
    if (t->fact == FACT_IKE_SA)
        put_ike(o, &t->u.ike);
    if (t->fact == FACT_CHILD_SA)
        put_child(o, &t->u.child);
    line = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return line;
}
