/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: both forms, every setting, printing and comparing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"

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

static const char paris_yaml[] = "connections:\n"
                                 "  paris:\n"
                                 "    remote: paris.example.com          # address or name\n"
                                 "    psk: file:paris.psk                # secrets are named here, never written here\n"
                                 "    local_net:  [10.1.0.0/16, 2001:db8:1::/48]\n"
                                 "    remote_net: [10.2.0.0/16, 2001:db8:2::/48]\n"
                                 "    keep: up                           # up | on-demand | answer\n";

static const char frankfurt_yaml[] =
    "connections:\n"
    "  frankfurt:\n"
    "    local:  { address: 198.51.100.1, id: gw1.example.com, cert: gw1-fullchain.pem, key: gw1.key }\n"
    "    remote: { address: 203.0.113.7,  id: \"CN=fra, O=Example\", ca: example-ca.pem }\n"
    "    ike:   { proposals: [aes256gcm16-prfsha384-ecp384, aes256-sha256-modp2048], rekey: 4h }\n"
    "    children:\n"
    "      lan: { local: [10.1.0.0/16], remote: [10.9.0.0/16], esp: [aes256gcm16-ecp384, aes256gcm16], rekey: 1h }\n"
    "      mgmt: { mode: transport, local: [dynamic/tcp/22], remote: [dynamic] }\n";

static void ts_is(const struct ts *ts, const char *text)
{
    char out[TS_TEXT_MAX];

    assert_string_equal(ts_format(ts, out), text);
}

static void paris(void **state)
{
    struct conf *conf = read_ok(paris_yaml);
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
    assert_int_equal(c->place.line, 2);
    assert_int_equal(c->place.column, 3);
    assert_int_equal(c->rekey_us, 4 * 3600 * USEC_SEC);
    assert_true(c->lifetime_us > c->rekey_us);
    assert_true(c->fragmentation && c->send_cert);
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
    assert_int_equal(child->place.line, 6);
    assert_true(child->proposals.n >= 1);
    assert_int_equal(child->proposals.v[0].protocol, PROTOCOL_ESP);
    conf_unref(conf);
}

static void frankfurt(void **state)
{
    struct conf *conf;
    const struct conf_connection *c;
    const struct conf_child *lan, *mgmt;

    (void)state;
    if (!alg_by_name(&alg_registry, "ecp384") || !alg_by_name(&alg_registry, "modp2048"))
        skip();
    conf = read_ok(frankfurt_yaml);
    c = conf_find(conf, "frankfurt");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paris),
        cmocka_unit_test(frankfurt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
