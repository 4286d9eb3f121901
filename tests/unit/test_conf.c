/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: both forms, every setting, printing and comparing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "conf/conf.h"
#include "conf/rows.h"

extern const struct alg_registry alg_registry;

/* Stands for an X.509 library: a DN is its text within a SEQUENCE. */
static int dn_encode(const char *text, uint8_t *out, size_t cap)
{
    size_t n = strlen(text);

    if (n + 2 > cap || n > 127)
        return ERR_LIMIT;
    out[0] = 0x30;
    out[1] = (uint8_t)n;
    memcpy(out + 2, text, n);
    return (int)n + 2;
}

static const struct conf_setup setup = {.algs = &alg_registry, .generation = 3, .dn_encode = dn_encode};

static void show(const struct conf_report *report)
{
    char words[20000];
    struct text t = text_in(words, sizeof(words));

    conf_report_format(report, &t);
    print_message("%s", words);
}

static struct conf *read_ok(const char *yaml)
{
    struct conf_report report;
    struct conf *conf;

    conf_report_init(&report);
    conf = conf_read_text(&setup, "/etc/charon-lite/conf.d/a.yaml", span_str(yaml), &report);
    if (!conf)
        show(&report);
    assert_non_null(conf);
    assert_int_equal(report.errors, 0);
    conf_report_done(&report);
    return conf;
}

/* A file of the project, wherever the program was built or started. */
static char *file_text(const char *name)
{
    const char *file = __FILE__, *cut = strstr(file, "tests/unit/"), *srcdir = getenv("srcdir");
    static char text[100000];
    char path[2][4096];
    size_t n;
    FILE *f = NULL;

    snprintf(path[0], sizeof(path[0]), "%.*s%s", (int)(cut ? cut - file : 0), file, name);
    snprintf(path[1], sizeof(path[1]), "%s/%s", srcdir ? srcdir : ".", name);
    for (size_t i = 0; i < COUNT_OF(path) && !f; i++)
        f = fopen(path[i], "rb");
    if (!f)
        fail_msg("%s is not found", name);
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    return text;
}

static void ts_is(const struct ts *ts, const char *text)
{
    char out[TS_TEXT_MAX];

    assert_string_equal(ts_format(ts, out), text);
}

static void paris(void **state)
{
    struct conf *conf = read_ok(file_text("tests/vectors/conf/paris.yaml"));
    const struct conf_connection *c = conf_find(conf, "paris");
    const struct conf_child *child;

    (void)state;
    assert_non_null(c);
    assert_int_equal(conf->generation, 3);
    assert_int_equal(conf->n_connections, 1);
    assert_string_equal(c->remote.host, "paris.example.com");
    assert_int_equal(c->remote.addr.family, 0);
    assert_int_equal(c->remote.port, 500);
    assert_int_equal(c->local.port, 500);
    assert_null(c->local.host);
    assert_int_equal(c->local.auth, AUTH_KIND_PSK);
    assert_int_equal(c->remote.auth, AUTH_KIND_PSK);
    assert_string_equal(c->local.psk, "file:/etc/charon-lite/conf.d/paris.psk");
    assert_string_equal(c->remote.psk, "file:/etc/charon-lite/conf.d/paris.psk");
    assert_int_equal(c->local.id.type, ID_NONE);
    assert_int_equal(c->keep, KEEP_UP);
    assert_int_equal(c->place.line, 3);
    assert_int_equal(c->place.column, 3);
    assert_int_equal(c->rekey_us, 4 * 3600 * USEC_SEC);
    assert_true(c->lifetime_us > c->rekey_us);
    assert_true(c->fragmentation && c->send_cert && c->initial_contact);
    assert_int_equal(c->keepalive_us, 20 * USEC_SEC);
    assert_true(c->proposals.n >= 1);
    assert_int_equal(c->n_children, 1);
    child = &c->children[0];
    assert_string_equal(child->name, "paris");
    assert_ptr_equal(conf_child_find(c, "paris"), child);
    assert_false(child->transport);
    assert_int_equal(child->local.n, 2);
    ts_is(&child->local.v[0], "10.1.0.0/16");
    ts_is(&child->local.v[1], "2001:db8:1::/48");
    ts_is(&child->remote.v[1], "2001:db8:2::/48");
    assert_int_equal(child->keep, KEEP_UP);
    assert_int_equal(child->replay_window, 128);
    assert_int_equal(child->rekey_us, 3600 * USEC_SEC);
    assert_int_equal(child->lifetime_us, 3960 * USEC_SEC);
    assert_int_equal(child->place.line, 7);
    assert_true(child->proposals.n >= 1);
    assert_int_equal(child->proposals.v[0].protocol, PROTOCOL_ESP);
    conf_unref(conf);
}

static void frankfurt(void **state)
{
    struct conf *conf = read_ok(file_text("tests/vectors/conf/frankfurt.yaml"));
    const struct conf_connection *c = conf_find(conf, "frankfurt");
    const struct conf_child *lan, *mgmt;

    (void)state;
    assert_non_null(c);
    assert_null(conf_find(conf, "paris"));
    assert_int_equal(c->local.addr.family, 4);
    assert_string_equal(c->local.host, "198.51.100.1");
    assert_int_equal(c->local.id.type, ID_FQDN);
    assert_int_equal(c->local.auth, AUTH_KIND_PUBKEY);
    assert_int_equal(c->remote.auth, AUTH_KIND_PUBKEY);
    assert_string_equal(c->local.cert, "/etc/charon-lite/conf.d/gw1-fullchain.pem");
    assert_string_equal(c->local.key, "/etc/charon-lite/conf.d/gw1.key");
    assert_string_equal(c->remote.ca[0], "/etc/charon-lite/conf.d/example-ca.pem");
    assert_null(c->remote.ca[1]);
    assert_null(c->local.psk);
    assert_int_equal(c->remote.id.type, ID_DER_ASN1_DN);
    assert_string_equal(c->remote.id_text, "CN=fra, O=Example");
    assert_false(c->remote.id_is_dn_pattern);
    assert_int_equal(c->proposals.n, 2);
    assert_int_equal(c->n_children, 2);
    lan = conf_child_find(c, "lan");
    mgmt = conf_child_find(c, "mgmt");
    assert_non_null(lan);
    assert_non_null(mgmt);
    assert_int_equal(lan->proposals.n, 2);
    assert_true(mgmt->transport);
    assert_int_equal(mgmt->local.v[0].low.family, 0);
    assert_int_equal(mgmt->local.v[0].protocol, 6);
    assert_int_equal(mgmt->local.v[0].port_low, 22);
    assert_int_equal(mgmt->local.v[0].port_high, 22);
    assert_int_equal(mgmt->remote.v[0].low.family, 0);
    assert_null(conf_child_find(c, "paris"));
    conf_unref(conf);
}

static void full(void **state)
{
    struct conf *conf = read_ok(file_text("tests/vectors/conf/full.yaml"));
    const struct conf_connection *c = conf_find(conf, "everything"), *pinned = conf_find(conf, "pinned");
    const struct conf_child *wide = conf_child_find(c, "wide"), *hosts = conf_child_find(c, "hosts");

    (void)state;
    assert_string_equal(conf->listen[1], "2001:db8::1");
    assert_null(conf->listen[2]);
    assert_int_equal(conf->port, 5500);
    assert_int_equal(conf->port_natt, 5501);
    assert_string_equal(conf->resolvers[0], "192.0.2.53");
    assert_string_equal(conf->control_socket, "/var/run/control");
    assert_string_equal(conf->control_group, "ipsec");
    assert_int_equal(conf->log_level, 7);
    assert_int_equal(conf->retransmit_us, 1500 * USEC_MSEC);
    assert_int_equal(conf->retransmit_factor, 175);
    assert_int_equal(conf->retransmit_tries, 9);
    assert_int_equal(conf->limits.half_open_max, 5);
    assert_int_equal(conf->limits.half_open_per_source, 3);
    assert_int_equal(conf->limits.cookie_threshold, 0);
    assert_int_equal(conf->limits.ike_max, 70000);
    assert_int_equal(conf->limits.ike_per_peer_max, 9);
    assert_int_equal(conf->limits.children_per_ike_max, 12);

    assert_int_equal(c->local.port, 5501);
    assert_int_equal(c->local.id.type, ID_RFC822_ADDR);
    assert_int_equal(c->local.auth, AUTH_KIND_PSK);
    assert_string_equal(c->local.psk, "file:/etc/charon-lite/conf.d/ours");
    assert_true(c->local.weak_psk && !c->local.sha1);
    assert_int_equal(c->remote.port, 4500);
    assert_true(c->remote.id_is_dn_pattern);
    assert_int_equal(c->remote.auth, AUTH_KIND_PUBKEY);
    assert_null(c->remote.psk);
    assert_string_equal(c->remote.ca[1], "/b.pem");
    assert_string_equal(c->remote.pinned[0], "/etc/charon-lite/conf.d/c.pem");
    assert_true(c->remote.sha1 && c->remote.weak_psk);
    assert_int_equal(c->keep, KEEP_ON_DEMAND);
    assert_int_equal(c->proposals.n, 2);
    assert_int_equal(c->rekey_us, 5400 * USEC_SEC);
    assert_int_equal(c->lifetime_us, 7200 * USEC_SEC);
    assert_int_equal(c->liveness_us, 0);
    assert_int_equal(c->dead_after_us, 33 * USEC_SEC);
    assert_false(c->fragmentation || c->send_cert || c->initial_contact);
    assert_int_equal(c->fragment_size, 1400);
    assert_int_equal(c->encap, ENCAP_FORCE);
    assert_int_equal(c->keepalive_us, 0);

    ts_is(&wide->local.v[0], "10.0.0.0/8[udp/500-600]");
    ts_is(&wide->local.v[1], "10.1.0.1-10.1.0.9");
    assert_int_equal(wide->local.v[2].protocol, 58);
    assert_int_equal(wide->local.v[2].port_low, 128 << 8);
    assert_int_equal(wide->local.v[2].port_high, 128 << 8 | 255);
    assert_int_equal(wide->pfs, PFS_REQUIRE);
    assert_int_equal(wide->keep, KEEP_UP);
    assert_int_equal(wide->split, SPLIT_SPLIT);
    assert_int_equal(wide->rekey_us, 90 * USEC_SEC);
    assert_int_equal(wide->lifetime_us, 120 * USEC_SEC);
    assert_int_equal(wide->rekey_bytes, 10ll << 30);
    assert_int_equal(wide->rekey_packets, 1500000);
    assert_int_equal(wide->replay_window, 64);
    assert_int_equal(wide->mark, 0x10);
    assert_int_equal(wide->mark_mask, 0xff);
    assert_int_equal(wide->if_id, 7);
    assert_int_equal(wide->priority, 1000);
    assert_int_equal(wide->mss, 1200);
    assert_int_equal(wide->df, DF_SET);
    assert_int_equal(wide->pass.n, 2);
    assert_true(hosts->transport);
    assert_int_equal(hosts->local.v[0].protocol, 47);
    assert_int_equal(hosts->pfs, PFS_OFF);
    assert_int_equal(hosts->keep, KEEP_ON_DEMAND);
    assert_int_equal(hosts->rekey_us, 0);
    assert_int_equal(hosts->lifetime_us, 0);
    assert_int_equal(hosts->replay_window, 0);
    assert_int_equal(hosts->mark_mask, UINT32_MAX);
    assert_int_equal(hosts->mss, 1);
    assert_int_equal(hosts->df, DF_CLEAR);

    assert_null(pinned->remote.host);
    assert_int_equal(pinned->remote.net.bits, 24);
    assert_int_equal(pinned->keep, KEEP_ANSWER);
    assert_int_equal(pinned->local.port, 5500);
    assert_true(pinned->local.sha1 && pinned->remote.sha1);
    assert_string_equal(pinned->local.cert, "/etc/charon-lite/conf.d/gw chain.pem");
    assert_int_equal(pinned->children[0].split, SPLIT_JOINT);
    assert_int_equal(pinned->children[0].local.v[0].port_low, 8 << 8);
    assert_int_equal(pinned->children[0].local.v[0].port_high, 8 << 8);
    assert_int_equal(conf_find(conf, "shared")->children[0].local.v[0].port_high, 0);
    conf_unref(conf);
}

static void each_key_is_tried(const struct table *table, const char *text)
{
    for (const struct row *row = table->rows; row->key; row++) {
        char key[64];

        snprintf(key, sizeof(key), "%s:", row->key);
        if (!strstr(text, key))
            fail_msg("full.yaml lacks %s", key);
    }
}

static void full_has_every_setting(void **state)
{
    const char *text = file_text("tests/vectors/conf/full.yaml");

    (void)state;
    for (const struct table *const *t = conf_tables; *t; t++)
        each_key_is_tried(*t, text);
}

static void all_equal(const struct conf *a, const struct conf *b)
{
    assert_true(conf_section_equal(&table_daemon, a, b));
    assert_int_equal(a->n_connections, b->n_connections);
    for (size_t i = 0; i < a->n_connections; i++) {
        const struct conf_connection *x = &a->connections[i], *y = conf_find(b, x->name);

        assert_non_null(y);
        assert_true(conf_connection_same(x, y));
        assert_int_equal(x->keep, y->keep);
        assert_int_equal(x->n_children, y->n_children);
        for (size_t k = 0; k < x->n_children; k++)
            assert_int_equal(x->children[k].keep, y->children[k].keep);
    }
}

/* The effective configuration reads back to an equal snapshot, and prints as the same text again. */
static void print_reads_back(void **state)
{
    static const char *const files[] = {"tests/vectors/conf/full.yaml",      "tests/vectors/conf/paris.yaml",
                                        "tests/vectors/conf/frankfurt.yaml", "conf.d/README.yaml",
                                        "conf.d/site-to-site.yaml.sample",   "conf.d/certificates.yaml.sample"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct conf *first = read_ok(file_text(files[i])), *second;
        struct buf a, b;

        buf_init(&a, 100000);
        buf_init(&b, 100000);
        conf_print(first, &a);
        buf_u8(&a, 0);
        assert_false(a.failed);
        second = read_ok((const char *)a.p);
        conf_print(second, &b);
        buf_u8(&b, 0);
        assert_string_equal((const char *)a.p, (const char *)b.p);
        all_equal(first, second);
        buf_done(&a);
        buf_done(&b);
        conf_unref(first);
        conf_unref(second);
    }
}

/* Each change of a line is a difference; names and comments are none. */
static void differences_are_seen(void **state)
{
    static const char base[] = "connections:\n  a:\n    remote: { address: 192.0.2.1, id: b.c }\n    psk: file:x\n    local_net: "
                               "10.1.0.0/16\n    remote_net: 10.2.0.0/16\n";
    static const struct {
        const char *more;
        bool connection, child; /* the same? */
    } changes[] = {
        {"", true, true},
        {"    # nothing\n", true, true},
        {"    keep: answer\n", true, true},
        {"    child: { keep: answer }\n", true, true},
        {"    ike: { rekey: 3h }\n", false, true},
        {"    ike: { rekey: 4h }\n", true, true},
        {"    ike: { proposals: aes256gcm16-prfsha256-x25519 }\n", false, true},
        {"    ike: { proposals: [aes256gcm16-prfsha256-x25519, aes128gcm16-prfsha256-x25519] }\n", false, true},
        {"    local: 192.0.2.9\n", false, true},
        {"    local: { psk: file:y }\n", false, true},
        {"    legacy: weak-psk\n", false, true},
        {"    child: { rekey: 2h }\n", false, false},
        {"    child: { esp: aes256gcm16 }\n", false, false},
        {"    child: { pass: 10.2.1.0/24 }\n", false, false},
        {"    child: { mark: 7 }\n", false, false},
        {"    children: { other: {} }\n", false, true},
        {"    children: { a: {} }\n", true, true},
        {"    children: { a: {}, b: { mark: 3 } }\n", false, true},
        {"    children: { other: { remote: 10.2.0.0/17 } }\n", false, false},
        {"    children: split\n", false, false},
    };
    struct conf *a = read_ok(base);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        char text[1000];
        struct conf *b;

        snprintf(text, sizeof(text), "%s%s", base, changes[i].more);
        b = read_ok(text);
        if (conf_connection_same(&a->connections[0], &b->connections[0]) != changes[i].connection ||
            conf_child_same(&a->connections[0].children[0], &b->connections[0].children[0]) != changes[i].child)
            fail_msg("not seen as it should be: %s", changes[i].more);
        conf_unref(b);
    }
    conf_unref(a);
}

static struct conf *read_after(const struct conf *previous, const char *names)
{
    struct conf_setup after = setup;
    struct conf_report report;
    struct conf *conf;
    char yaml[1000];
    int n = snprintf(yaml, sizeof(yaml), "defaults: { psk: file:x }\nconnections:\n");

    for (; *names; names++)
        n += snprintf(yaml + n, sizeof(yaml) - (size_t)n, "  %c: { remote: 192.0.2.%d, remote_net: 10.%d.0.0/16 }\n", *names,
                      *names, *names);
    after.previous = previous;
    conf_report_init(&report);
    conf = conf_read_text(&after, "a", span_str(yaml), &report);
    if (!conf)
        show(&report);
    assert_non_null(conf);
    conf_report_done(&report);
    return conf;
}

static void order_is(const struct conf *conf, const char *names)
{
    assert_int_equal(conf->n_connections, strlen(names));
    for (size_t i = 0; names[i]; i++) {
        assert_int_equal(conf->connections[i].name[0], names[i]);
        assert_int_equal(conf->connections[i].index, i);
        assert_ptr_equal(conf_find(conf, conf->connections[i].name), &conf->connections[i]);
    }
}

/* A connection that comes or goes renumbers no other where that can be. */
static void indexes_stay(void **state)
{
    static const struct {
        const char *names, *order;
    } steps[] = {{"abcd", "abcd"}, {"zabcd", "abcdz"}, {"zcyd", "zycd"}, {"dcz", "zdc"}, {"", ""}, {"ab", "ab"}, {"ba", "ab"}};
    struct conf *conf = NULL;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct conf *next = read_after(conf, steps[i].names);

        order_is(next, steps[i].order);
        conf_unref(conf);
        conf = next;
    }
    conf_unref(conf);
}

static void references_are_counted(void **state)
{
    struct conf *conf = read_ok("");

    (void)state;
    assert_ptr_equal(conf_ref(conf), conf);
    assert_int_equal(conf->refs, 2);
    assert_null(conf_unref(conf));
    assert_int_equal(conf->refs, 1);
    assert_null(conf_unref(conf));
    assert_null(conf_unref(NULL));
}

static void documents_are_true(void **state)
{
    struct buf out;
    json_t *json;

    (void)state;
    buf_init(&out, 1 << 20);
    conf_manual(&out);
    buf_u8(&out, 0);
    assert_string_equal((const char *)out.p, file_text("docs/configuration.md"));
    buf_reset(&out);
    conf_schema(&out);
    buf_u8(&out, 0);
    assert_string_equal((const char *)out.p, file_text("docs/configuration.schema.json"));
    json = json_loads((const char *)out.p, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json_object_get(json_object_get(json, "$defs"), "connection"));
    json_decref(json);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paris),
        cmocka_unit_test(frankfurt),
        cmocka_unit_test(full),
        cmocka_unit_test(full_has_every_setting),
        cmocka_unit_test(print_reads_back),
        cmocka_unit_test(differences_are_seen),
        cmocka_unit_test(indexes_stay),
        cmocka_unit_test(references_are_counted),
        cmocka_unit_test(documents_are_true), /* tools/conf-doc writes them */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
