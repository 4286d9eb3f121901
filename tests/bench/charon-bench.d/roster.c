/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/charon-bench.d/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cert/cert.h"
#include "daemon/files.h"
#include "tests/bench/charon-bench.d/thrift.h"

enum { TEMPLATE_MAX = 8192, REPORT_MAX = 4000 };

/* The ends and what they prove themselves with. */
static void ends_write(const struct options *o, struct text *t)
{
    char addr[ADDR_TEXT_MAX];

    text_add(t, "    local: { address: \"%s\"", addr_format(&o->local.addr, addr));
    if (o->certificates)
        text_add(t, ", cert: \"%s\", key: \"%s\"", o->ca_key ? o->ca : o->cert, o->key);
    text_add(t, " }\n    remote: { address: \"%s\"", addr_format(&o->remote, addr));
    if (o->remote_id)
        text_add(t, ", id: \"%s\"", o->remote_id);
    if (o->certificates)
        text_add(t, ", ca: [\"%s\"]", o->ca);
    text_add(t, " }\n");
    if (!o->certificates)
        text_add(t, "    psk: \"file:/psk\"\n    legacy: [weak-psk]\n");
}

static void template_write(const struct options *o, struct text *t)
{
    bool pfs = o->what == REKEY_CHILD_PFS;

    text_add(t, "daemon: { quick_crash_detection: no }\nconnections:\n  template:\n");
    ends_write(o, t);
    text_add(t, "    ike: { proposals: [aes256gcm16-prfsha256-%s], rekey: never, liveness: never, dead_after: %us }\n", o->ke,
             (unsigned)(o->give_up / USEC_SEC));
    text_add(t, "    keep: on-demand\n    children:\n      net: { local: [dynamic], remote: [\"%s\"], rekey: never,\n",
             o->remote_net);
    text_add(t, "             esp: [%s%s%s], pfs: %s }\n", o->esp, pfs ? "-" : "", pfs ? o->ke : "", pfs ? "require" : "off");
}

static struct conf *template_read(const struct options *o)
{
    struct conf_setup setup = {.algs = thrift_algs(), .generation = 1};
    struct conf_report report;
    char said[REPORT_MAX];
    struct text t = text_in(said, sizeof(said)), written;
    char yaml[TEMPLATE_MAX];
    struct conf *conf;

    setup.dn_encode = cert_dn_encode;
    setup.load = files_load;
    setup.ca_hashes = cert_ca_hashes;
    conf_report_init(&report);
    written = text_in(yaml, sizeof(yaml));
    template_write(o, &written);
    conf = conf_read_text(&setup, "/charon-bench", span_str(yaml), &report);
    conf_report_format(&report, &t);
    if (!conf)
        fprintf(stderr, "charon-bench: the options make no configuration:\n%s", said);
    conf_report_done(&report);
    return conf;
}

/* `n` further on in a network; family 0 when it is not in it any more. */
static struct addr addr_further(const struct prefix *net, struct addr a, uint32_t n)
{
    struct addr low, high;
    uint64_t carry = n;

    prefix_bounds(net, &low, &high);
    for (size_t i = addr_len(&a); i-- > 0;) {
        carry += a.b[i];
        a.b[i] = (uint8_t)carry;
        carry >>= 8;
    }
    return carry || addr_compare(&a, &high) > 0 ? (struct addr){0} : a;
}

static bool address_of(const struct options *o, struct conf_connection *c, struct arena *a, uint32_t peer)
{
    char text[ADDR_TEXT_MAX];

    if (!o->each_address)
        return true;
    c->local.addr = addr_further(&o->local, o->local.addr, peer);
    if (!c->local.addr.family) {
        fprintf(stderr, "charon-bench: --local has no room for %u addresses\n", o->peers);
        return false;
    }
    c->local.host = arena_string(a, addr_format(&c->local.addr, text));
    return c->local.host;
}

static bool identity_of(const struct options *o, struct conf_connection *c, struct arena *a, uint32_t peer)
{
    const char *text = o->each_identity ? arena_printf(a, "peer%05u@bench", peer + 1) : o->local_id;
    uint8_t store[ID_DATA_MAX];
    int n;

    if (!text)
        return true;
    if (strchr(text, '=')) {
        n = cert_dn_encode(text, store, sizeof(store));
        c->local.id = (struct id){ID_DER_ASN1_DN, span_of(store, n > 0 ? (size_t)n : 0)};
    } else {
        n = id_parse(text, store, &c->local.id);
    }
    if (n < 0)
        fprintf(stderr, "charon-bench: %s is no identity\n", text);
    if (o->ca_key) {
        c->local.key = ROSTER_KEY;
        c->local.cert = arena_printf(a, ROSTER_CERT "%s", text);
    }
    c->local.id.data = arena_copy(a, c->local.id.data);
    c->local.id_text = text;
    return n >= 0 && c->local.id.data.p;
}

/* One inner address for each. */
static bool selector_of(const struct options *o, struct conf_connection *c, struct arena *a, uint32_t peer)
{
    struct conf_child *child;
    struct prefix net, own;
    struct ts *ts;

    if (strcmp(o->inner, "dynamic") == 0)
        return true;
    child = arena_new(a, struct conf_child);
    ts = arena_new(a, struct ts);
    if (!child || !ts || prefix_parse(o->inner, &net) < 0) {
        fprintf(stderr, "charon-bench: %s is no network\n", o->inner);
        return false;
    }
    own = net;
    if (!o->inner_whole) {
        own.addr = addr_further(&net, net.addr, peer);
        own.bits = net.addr.family == 4 ? 32 : 128;
    }
    if (!own.addr.family) {
        fprintf(stderr, "charon-bench: --inner has no room for %u addresses\n", o->peers);
        return false;
    }
    *child = c->children[0];
    *ts = ts_from_prefix(&own, 0, 0, 65535);
    child->local = (struct ts_list){ts, 1};
    c->children = child;
    return true;
}

struct conf *roster_new(const struct options *o, uint32_t first, uint32_t n)
{
    struct conf *conf = template_read(o);
    struct conf_connection *all = conf ? arena_alloc(&conf->arena, n * sizeof(*all)) : NULL;

    if (!all)
        return conf_unref(conf);
    for (uint32_t i = 0; i < n; i++) {
        struct conf_connection *c = &all[i];

        *c = conf->connections[0];
        c->index = (uint16_t)i;
        c->initial_contact = o->each_identity || (o->each_address && !o->local_id && !o->certificates); /* else it is shared */
        c->name = arena_printf(&conf->arena, "p%07u", first + i);
        if (c->local.psk)
            c->local.psk = c->remote.psk = ROSTER_PSK;
        if (!address_of(o, c, &conf->arena, first + i) || !identity_of(o, c, &conf->arena, first + i) ||
            !selector_of(o, c, &conf->arena, first + i))
            return conf_unref(conf);
    }
    conf->connections = all;
    conf->n_connections = n;
    return conf->arena.failed ? conf_unref(conf) : conf;
}

uint32_t roster_peer(const char *connection)
{
    return (uint32_t)strtoul(connection + 1, NULL, 10);
}
