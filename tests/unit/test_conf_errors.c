/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong in a configuration is said with its place, and with what would be right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"

extern const struct alg_registry alg_registry;

static int dn_encode(const char *text, uint8_t *out, size_t cap)
{
    if (strchr(text, '!') || strlen(text) > cap)
        return ERR_BAD;
    memcpy(out, text, strlen(text));
    return (int)strlen(text);
}

static int probe(void *ctx, const struct conf_connection *c, struct text *why)
{
    (void)ctx;
    if (c->local.psk && strstr(c->local.psk, "missing")) {
        text_add(why, "%s: there is no such file", c->local.psk);
        return ERR_NOT_FOUND;
    }
    if (c->local.key && strstr(c->local.key, "other")) {
        text_add(why, "%s does not fit the certificate\n%s is of another century", c->local.key, c->local.cert);
        return ERR_BAD;
    }
    if (c->local.key && strstr(c->local.key, "odd.key"))
        text_add(why, "%s is odd", c->local.cert);
    return 0;
}

static const struct conf_setup setup = {
    .algs = &alg_registry,
    .dn_encode = dn_encode,
    .probe = probe,
    .session = "198.51.100.77 50000 10.1.0.1 22",
};

static const struct {
    const char *yaml;  /* the file */
    const char *place; /* "LINE:COLUMN: error: " */
    const char *words; /* somewhere on the same line; NULL = nothing is wrong */
} cases[] = {
#define FILE_HEAD "connections:\n  a:\n"
#define ENDS FILE_HEAD "    remote: 192.0.2.1\n    psk: file:x\n"
#define NETS ENDS "    local_net: 10.1.0.0/16\n    remote_net: 10.2.0.0/16\n"
#define HUNDRED "/bcdefghijklmnopqrst/bcdefghijklmnopqrst/bcdefghijklmnopqrst/bcdefghijklmnopqrst/bcdefghijklmnopqrs"
#define PEER FILE_HEAD "    psk: file:x\n    local_net: 10.1.0.0/16\n    remote_net: 10.2.0.0/16\n"
    {NETS, "", NULL},
    {"", "", NULL},
    {"# nothing\n", "", NULL},
    {"connections:\n", "", NULL},

    /* YAML itself */
    {"connections: [\n", "2:1: error: ", "this is not YAML"},
    {"connections:\n\ta:\n", "2:1: error: ", "this is a tab"},
    {"connections:\n  a: &x\n    b: 1\n", "2:6: error: ", "defaults:"},
    {"connections:\n  a: *x\n", "2:6: error: ", "aliases"},
    {"connections:\n  a: *.example.com\n", "2:7: error: ", "stands in quotes"},
    {"connections:\n  a: b: c\n", "2:7: error: ", "a colon too many"},
    {"connections:\n  a: !!map {}\n", "2:6: error: ", "tags"},
    {"connections:\n  a: {}\n---\nb: 1\n", "3:1: error: ", "second YAML document"},
    {"a: \xff\n", "1:4: error: ", "not UTF-8"},
    {"a: \x01\n", "1:4: error: ", "control character"},
    {"a: \"x\\0y\"\n", "1:4: error: ", "NUL"},
    {"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", "1:14: error: ", "too deep"},
    {"[1]\n", "1:1: error: ", "a list"},
    {"connections: text\n", "1:14: error: ", "by its name"},
    {"? [a]\n: b\n", "1:3: error: ", "a key must be a word"},
    {"connections:\n  a: 1\n  a: 2\n", "3:3: error: ", "twice (first in line 2, column 3)"},
    {FILE_HEAD "    <<: {}\n", "3:5: error: ", "merge keys"},

    /* keys */
    {"connectoins:\n", "1:1: error: ", "did you mean \"connections\"?"},
    {NETS "    kep: up\n", "7:5: error: ", "did you mean \"keep\"?"},
    {NETS "    rekey: 1h\n", "7:5: error: ", "it stands under \"ike\" or \"children: NAME\""},
    {NETS "    dpd_delay: 1h\n", "7:5: error: ", "here it is called ike: liveness"},
    {NETS "    child: { esn: off }\n", "7:14: error: ", "noesn"},
    {NETS "    zzzzzzzzz: 1h\n", "7:5: error: ", "known are local, remote,"},
    {NETS "    ike: { proposal: default }\n", "7:12: error: ", "did you mean \"proposals\"?"},

    /* values */
    {NETS "    keep: upp\n", "7:11: error: ", "did you mean \"up\"?"},
    {NETS "    keep:\n", "7:10: error: ", "here stands nothing: write up, on-demand or answer"},
    {NETS "    keep: [up]\n", "7:11: error: ", "here stands a list"},
    {NETS "    ike: { rekey: 4 }\n", "7:19: error: ", "a duration such as 30s"},
    {NETS "    ike: { rekey: 4x }\n", "7:19: error: ", "\"4x\" cannot stand here"},
    {NETS "    ike: { rekey: 99999999999999999999h }\n", "7:19: error: ", "cannot stand here"},
    {NETS "    ike: { rekey: 500d }\n", "7:19: error: ", "from 1s to 366d"},
    {NETS "    ike: { fragment_size: 100 }\n", "7:27: error: ", "a number from 576 to 65535"},
    {NETS "    ike: { fragmentation: maybe }\n", "7:27: error: ", "yes or no"},
    {NETS "    ike: text\n", "7:10: error: ", "key: value"},
    {NETS "    child: { mark: 0x10/0x01 }\n", "7:20: error: ", "0x10/0xff"},
    {NETS "    child: { rekey_bytes: 10X }\n", "7:27: error: ", "a size such as"},
    {NETS "    child: { esp: aes256gcm61 }\n", "7:19: error: ", "esp: "},
    {NETS "    ike: { proposals: [aes256-sha256-x25519, foo, bar] }\n", "7:46: error: ", "foo"},
    {NETS "    ike: { proposals: [aes256-sha256-x25519, foo, bar] }\n", "7:51: error: ", "bar"},
    {ENDS "    remote_net: [x, 10.1.0.0/16, y]\n", "5:34: error: ", "\"y\" is no IP address"},
    {NETS "    child: { esp: [] }\n", "7:19: error: ", "no algorithm is left"},
    {NETS "    ike: { proposals: [aes256gcm16-prfsha256-x25519x] }\n", "7:24: error: ", "x25519"},
    {NETS "    legacy: [sha2]\n", "7:14: error: ", "did you mean \"sha1\"?"},
    {"daemon: { listen: [300.1.1.1] }\n", "1:20: error: ", "an IP address"},
    {"daemon: { port: 0 }\n", "1:17: error: ", "from 1 to 65535"},
    {"daemon: { retransmit: { factor: 0.5 } }\n", "1:33: error: ", "from 1.00 to 10.00"},
    {"daemon: { log: chatty }\n", "1:16: error: ", "error, warning, notice, info or debug"},
    {"daemon: { port: 500 }\ndaemon: { port: 501 }\n", "2:1: error: ", "twice"},

    /* secrets and ends */
    {FILE_HEAD "    remote: 192.0.2.1\n    psk: hunter2\n    remote_net: dynamic\n", "4:10: error: ", "never written"},
    {FILE_HEAD "    remote: 192.0.2.1\n    remote_net: dynamic\n", "2:3: error: ", "how we prove who we are is missing"},
    {FILE_HEAD "    remote: { address: 192.0.2.1, ca: x.pem }\n    remote_net: dynamic\n", "2:3: error: ", "we prove"},
    {FILE_HEAD "    local: { cert: a.pem }\n    remote: { address: 192.0.2.1, ca: x }\n    remote_net: dynamic\n",
     "3:20: error: ", "key is missing"},
    {FILE_HEAD "    local: { cert: a.pem, key: k, psk: file:z }\n    remote: { ca: x }\n    remote_net: dynamic\n",
     "3:40: error: ", "\"auth: psk\" or \"auth: pubkey\""},
    {FILE_HEAD "    local: { auth: psk, cert: a.pem, key: k }\n    remote: { ca: x }\n    remote_net: dynamic\n",
     "3:20: error: ", "none is named"},
    {FILE_HEAD "    remote: 192.0.2.1\n    psk: file:missing.psk\n    remote_net: dynamic\n",
     "4:10: error: ", "there is no such file"},
    {FILE_HEAD
     "    local: { cert: c, key: other.key }\n    remote: { address: 192.0.2.1, id: b, ca: x }\n    remote_net: dynamic\n",
     "3:28: error: ", "does not fit"},
    {FILE_HEAD
     "    local: { cert: c, key: other.key }\n    remote: { address: 192.0.2.1, id: b, ca: x }\n    remote_net: dynamic\n",
     "3:20: error: ", "another century"},
    {FILE_HEAD
     "    local: { cert: c, key: odd.key }\n    remote: { address: 192.0.2.1, id: b, ca: x }\n    remote_net: dynamic\n",
     "3:20: warning: ", "is odd"},
    {FILE_HEAD "    psk: file:x\n    remote_net: dynamic\n", "2:3: error: ", "has no remote"},
    {ENDS, "2:3: error: ", "nothing is to be protected"},
    {PEER "    remote: 192.0.2.1:4500\n", "6:13: error: ", "port: ..."},
    {PEER "    remote: bad..name\n", "6:13: error: ", "neither an IP address nor a host name"},
    {PEER "    remote: 300.1.1.1\n", "6:13: error: ", "neither"},
    {PEER "    remote: 0.0.0.0\n", "6:13: error: ", "\"any\""},
    {PEER "    remote: 192.0.2.0/44\n", "6:13: error: ", "no network"},
    {PEER "    remote: any\n    keep: up\n", "7:11: error: ", "only it can begin"},
    {PEER "    remote: 192.0.2.0/24\n    child: { keep: on-demand }\n", "7:20: error: ", "only it can begin"},
    {PEER "    remote: any\n", "", NULL},
    {PEER "    local: gw.example.com\n    remote: 192.0.2.1\n", "6:12: error: ", "no address of ours"},
    {PEER "    local: 2001:db8::1\n    remote: 192.0.2.1\n", "6:12: error: ", "of one family"},
    {PEER "    local: 192.0.2.1\n    remote: 192.0.2.1\n", "7:13: error: ", "our own address"},
    {PEER "    local: 192.0.2.2\n    remote: 192.0.2.1\ndaemon: { listen: 192.0.2.9 }\n", "6:12: error: ", "listens at"},
    {PEER "    local: { port: 77 }\n    remote: 192.0.2.1\n", "6:20: error: ", "none of the daemon's"},
    {PEER "    local: { id: \"*.b\" }\n    remote: 192.0.2.1\n", "6:18: error: ", "a pattern"},
    {PEER "    local: { id: a.b }\n    remote: { address: 192.0.2.1, id: A.B }\n", "7:39: error: ", "the same identity"},
    {PEER "    remote: { address: 192.0.2.1, id: \"CN=!\" }\n", "6:39: error: ", "distinguished name"},
    {PEER "    remote: { address: 192.0.2.1, id: \"\" }\n", "6:39: error: ", "keyid:"},
    {FILE_HEAD "    local: { cert: c, key: k }\n    remote: { address: p.example.com, ca: x }\n    remote_net: dynamic\n",
     "4:43: warning: ", "id: p.example.com"},
    {NETS "    legacy: [sha1]\n", "7:13: warning: ", "about certificates"},
    {NETS "    legacy: [weak-psk]\n", "7:13: warning: ", "can guess"},

    /* selectors */
    {ENDS "    remote_net: 10.1.0.5/16\n", "5:17: error: ", "10.1.0.0/16 for the network, or 10.1.0.5/32"},
    {ENDS "    remote_net: 10.1.0.0/33\n", "5:17: error: ", "from 0 to 32"},
    {ENDS "    remote_net: 10.1.0.9-10.1.0.1\n", "5:17: error: ", "the lower first"},
    {ENDS "    remote_net: 10.1.0.0/16/tpc\n", "5:17: error: ", "did you mean \"tcp\"?"},
    {ENDS "    remote_net: 10.1.0.0/16/gre/7\n", "5:17: error: ", "no ports"},
    {ENDS "    remote_net: 10.1.0.0/16/tcp/70000\n", "5:17: error: ", "from 0 to 65535"},
    {ENDS "    remote_net: 10.1.0.0/16/tcp/1/2\n", "5:17: error: ", "port"},
    {ENDS "    remote_net: 10.1.0.0/16/icmp/300\n", "5:17: error: ", "icmp/3/4"},
    {ENDS "    remote_net: dynamic/24\n", "5:17: error: ", "dynamic/24/any"},
    {ENDS "    remote_net: a/b/c/d/e/f/g\n", "5:17: error: ", "too many parts"},
    {ENDS "    remote_net: nowhere\n", "5:17: error: ", "no IP address"},
    {ENDS "    remote_net: [10.2.0.0/16, {}]\n", "5:31: error: ", "a map"},
    {ENDS "    remote_net: [2001:db8::, 2001:db8:1::/48]\n", "5:27: error: ", "in quotes"},
    {ENDS "    remote_net: [::/0]\n", "5:18: error: ", "in quotes"},
    {ENDS "    remote_net: [\"::/0\"]\n    local_net: [2001:db8::/32, \"fd00::1/128\"]\n", "", NULL},
    {ENDS "    remote_net: [10.2.0.0/16, 10.2.0.0/16]\n", "5:31: warning: ", "twice"},
    {ENDS "    local_net: 10.1.0.0/16\n    remote_net: 2001:db8::/32\n", "6:17: error: ", "of its family"},
    {ENDS "    local_net: 10.1.0.0/16/tcp\n    remote_net: 10.2.0.0/16/udp\n", "6:17: error: ", "and protocol"},
    {ENDS "    local_net: 0.0.0.0/0\n    remote_net: 0.0.0.0/0\n", "6:17: error: ", "if_id: 1"},
    {ENDS "    local_net: 0.0.0.0/0\n    remote_net: 0.0.0.0/0\n    child: { if_id: 7 }\n", "", NULL},
    {ENDS "    local_net: ::/0\n    remote_net: ::/0\n    child: { pass: fe80::/10 }\n", "", NULL},
    {NETS "    child: { pass: 192.168.0.0/16 }\n", "7:20: warning: ", "lies outside"},
    {NETS "    child: { pass: dynamic/tcp }\n", "7:20: error: ", "by its address"},
    {ENDS "    children: { x: { mode: transport, remote: 10.0.0.0/8 } }\n", "5:47: error: ", "transport mode"},
    {ENDS "    children: { x: { mode: transport, remote: 192.0.2.1 } }\n", "", NULL},
    {ENDS "    children: { x: { mode: transport, remote: 192.0.2.2 } }\n", "5:47: error: ", "dynamic"},
    {PEER "    remote: any\n    children: { x: { remote: dynamic } }\n", "7:30: warning: ", "keeps nothing closed"},
    {ENDS "    local_net: 10.1.0.0/16\n    remote_net: 198.51.100.0/24\n", "6:17: warning: ", "pass: [198.51.100.77/32/tcp]"},
    {ENDS "    local_net: 10.1.0.0/16\n    remote_net: 198.51.100.0/24\n    child: { pass: 198.51.100.77/32/tcp }\n", "", NULL},

    /* rules */
    {NETS "    ike: { rekey: 4h, lifetime: 3h }\n", "7:33: error: ", "end before it is renewed"},
    {NETS "    child: { rekey: 2h, lifetime: 2h }\n", "7:35: error: ", "lifetime: auto"},
    {NETS "    child: { rekey: never, lifetime: 2h }\n", "", NULL},
    {NETS "    child: { pfs: require, esp: [aes256gcm16] }\n", "7:33: error: ", "no proposal has a key exchange"},
    {NETS "    child: { pfs: require, esp: [aes256gcm16-x25519] }\n", "", NULL},
    {NETS "    ike: { dead_after: 2s }\n", "7:24: warning: ", "RFC 7296 2.4"},
    {NETS "    child: { esp: aes256-sha1 }\n", "7:19: warning: ", "sha1: weak"},
    {NETS "    ike: { proposals: [3des-sha1-modp1024, aes256-sha256-modp2048-modp1024] }\n",
     "7:24: warning: ", "3des, sha1, modp1024: weak"},
    {NETS "    ike: { proposals: [aes256gcm16-prfsha256-x25519, aes256-sha256-modp2048-modp1024] }\n",
     "7:54: warning: ", "modp1024: weak"},

    /* names */
    {"connections:\n  a b:\n    remote: x\n", "2:3: error: ", "cannot name a connection"},
    {ENDS "    children: { -x: {} }\n", "5:17: error: ", "cannot name a child"},
    {ENDS "    children: {}\n", "5:15: error: ", "by its name"},
    {NETS "    children: spilt\n", "7:15: error: ", "did you mean \"split\"?"},
    {NETS "    children: split\n", "", NULL},
    {"defaults: { children: { a: {} } }\n", "1:13: error: ", "under \"child\""},

    {NETS "    ike: { proposals: [aes256-sha256-modp1536] }\n", "7:24: warning: ", "modp1536: weak"},
    {NETS "    ike: { proposals: [aes256gcm16-prfsha1-x25519] }\n", "7:24: warning: ", "prfsha1: weak"},

    /* what is read well and means nothing */
    {NETS "    child: { if_id: 0 }\n", "7:21: error: ", "from 1 to 4294967295, or none"},
    {NETS "    child: { priority: 0 }\n", "7:24: error: ", "from 1 to 1000000, or auto"},
    {"daemon: { port: 500, port_natt: 500 }\n", "1:33: error: ", "both 500"},
    {"daemon: { port: 4500 }\n", "1:17: error: ", "both 4500"},
    {"daemon: { control_socket: relative }\n", "1:27: error: ", "no absolute path"},
    {"daemon: { control_socket: " HUNDRED "x/bcdefg }\n", "", NULL},
    {"daemon: { control_socket: " HUNDRED "x/bcdefgh }\n", "1:27: error: ", "108 bytes"},
    {ENDS "    local_net: 10.1.0.0/16\n    remote_net: 10.1.0.0/16\n", "6:17: error: ", "10.1.0.0/16 stands at both ends"},
    {ENDS "    local_net: 10.1.0.0/16\n    remote_net: [10.2.0.0/16, 10.1.0.0/16/tcp]\n", "6:17: error: ", "at both ends"},
    {ENDS "    local_net: 10.1.0.0/16\n    remote_net: 10.1.0.0/16\n    child: { if_id: 3 }\n", "", NULL},
    {ENDS "    local_net: 0.0.0.0/0/gre\n    remote_net: 0.0.0.0/0/gre\n", "", NULL},
    {ENDS "    local_net: 10.1.0.0/16\n    remote_net: 239.1.0.0/16\n", "6:17: warning: ", "239.1.0.0/16 is multicast"},
    {ENDS "    local_net: 2001:db8::/48\n    remote_net: ff00::/8\n", "6:17: warning: ", "multicast"},
    {ENDS "    local_net: 127.0.0.0/8\n    remote_net: 10.2.0.0/16\n", "5:16: error: ", "never leaves its host"},
    {ENDS "    local_net: ::1\n    remote_net: 2001:db8::/48\n", "5:16: error: ", "never leaves its host"},
    {PEER "    remote: 255.255.255.255\n", "6:13: error: ", "no address of one host"},
    {PEER "    remote: 239.0.0.1\n", "6:13: error: ", "no address of one host"},
    {PEER "    remote: ff02::/16\n", "6:13: error: ", "no hosts in it"},
    {PEER "    local: 255.255.255.255\n    remote: 192.0.2.1\n", "6:12: error: ", "no address of ours"},
    {PEER "    remote: { address: 192.0.2.1, id: \"*\" }\n", "6:39: error: ", "leave id out"},
    {PEER "    remote: { address: 192.0.2.1, id: \"gw*.b.c\" }\n", "6:39: error: ", "a pattern is \"*.example.com\""},
    {PEER "    remote: { address: 192.0.2.1, id: \"*.b.*\" }\n", "6:39: error: ", "a pattern is"},
    {PEER "    remote: { address: 192.0.2.1, id: \"*.b.c\" }\n", "", NULL},
    {PEER "    remote: { address: 192.0.2.1, id: \"*@b.c\" }\n", "", NULL},
    {PEER "    remote: { address: 192.0.2.1, id: \"keyid:*\" }\n", "", NULL},
    {PEER "    remote: { address: 192.0.2.1, id: 1.2.3.4.5 }\n", "6:39: error: ", "four numbers"},
    {PEER "    remote: { address: 192.0.2.1, id: \"fqdn:1.2.3.4.5\" }\n", "", NULL},
    {PEER "    remote: { address: 192.0.2.1, id: \"%any\" }\n", "6:39: error: ", "leave id out"},
    {PEER "    remote: { address: 192.0.2.1, id: \"@gw2.b.c\" }\n", "6:39: error: ", "write gw2.b.c, without @"},
    {PEER "    local: { id: \"@foo\" }\n    remote: 192.0.2.1\n", "6:18: error: ", "write foo, without @"},

    /* peers that cannot be told apart */
    {NETS "  b: { remote: 192.0.2.1, psk: file:x, remote_net: 10.3.0.0/16 }\n", "7:16: warning: ", "the peer of \"a\""},
    {NETS "  b: { remote: { address: 192.0.2.1, id: b.c }, psk: file:x, remote_net: 10.3.0.0/16 }\n", "", NULL},
    {NETS "  b: { remote: 192.0.2.2, psk: file:x, remote_net: 10.3.0.0/16 }\n", "", NULL},

    /* children that claim the same */
    {ENDS "    children: { x: { remote: 10.2.0.0/16 }, y: { remote: 10.2.0.0/16 } }\n",
     "5:58: error: ", "child \"x\" of \"a\" protects already"},
    {ENDS "    children: { x: { remote: 10.2.0.0/16 }, y: { remote: 10.2.0.0/16, if_id: 2 } }\n", "", NULL},
    {ENDS "    children: { x: { remote: 10.2.0.0/16 }, y: { remote: 10.2.3.0/24 } }\n", "", NULL},
    {ENDS "    children:\n      x: { local: 10.1.0.0/16, remote: 10.2.3.0/24 }\n      y: { local: 10.1.1.0/24, remote: "
          "10.2.0.0/16 }\n",
     "7:40: warning: ", "crosses 10.1.0.0/16 to 10.2.3.0/24"},
    {ENDS "    children:\n      x: { local: 10.1.1.0/24, remote: 10.2.0.0/16 }\n      y: { local: 10.1.0.0/16, remote: "
          "10.2.3.0/24 }\n",
     "7:40: warning: ", "crosses"},
    {ENDS "    children:\n      x: { local: 10.1.0.0/16, remote: 10.2.3.0/24, priority: 5 }\n"
          "      y: { local: 10.1.1.0/24, remote: 10.2.0.0/16 }\n",
     "", NULL},
    {ENDS "    children: { x: { remote: 10.2.0.0/16/tcp/5-9 }, y: { remote: 10.2.0.0/16/tcp/7-12 } }\n",
     "5:66: warning: ", "crosses"},
    {ENDS "    children: { x: { remote: 10.2.0.0/16/tcp }, y: { remote: 10.2.0.0/16/udp } }\n", "", NULL},
};

static void words_of(const struct conf_report *report, char *out, size_t cap)
{
    struct text t = text_in(out, cap);

    conf_report_format(report, &t);
}

/* The line of the report that begins so. */
static const char *line_of(const char *words, const char *start, char *out, size_t cap)
{
    const char *at = strstr(words, start);
    size_t n = at ? strcspn(at, "\n") : 0;

    if (n >= cap)
        n = cap - 1;
    memcpy(out, at ? at : "", n);
    out[n] = '\0';
    return out;
}

static void each_case(void **state)
{
    int failed = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct conf_report report;
        char words[9000], start[80], line[1200];
        struct conf *conf;
        bool ok;

        conf_report_init(&report);
        conf = conf_read_text(&setup, "/c/a.yaml", span_str(cases[i].yaml), &report);
        words_of(&report, words, sizeof(words));
        snprintf(start, sizeof(start), "/c/a.yaml:%s", cases[i].place);
        ok = cases[i].words ? strstr(line_of(words, start, line, sizeof(line)), cases[i].words) != NULL : report.n == 0;
        ok = ok && (conf == NULL) == (report.errors > 0);
        if (!ok) {
            print_error("case %zu:\n%s\nwanted \"%s\" \"%s\", got:\n%s\n", i, cases[i].yaml, start,
                        cases[i].words ? cases[i].words : "(nothing)", words);
            failed++;
        }
        conf_unref(conf);
        conf_report_done(&report);
    }
    assert_int_equal(failed, 0);
}

/* A mistake is told once: nothing that follows from it. */
static void one_mistake_one_problem(void **state)
{
    static const char *const files[] = {
        ENDS "    local_net: 10.1.0.0/33\n",
        ENDS "    remote_net: [10.1.0.0/16, x]\n",
        "defaults: { remote_net: 10.1.0.0/33 }\n" ENDS,
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct conf_report report;

        conf_report_init(&report);
        assert_null(conf_read_text(&setup, "a", span_str(files[i]), &report));
        assert_int_equal(report.n, 1);
        assert_null(strstr(report.v[0].text, "nothing is to be protected"));
        conf_report_done(&report);
    }
}

static void caret_stands_under_the_place(void **state)
{
    struct conf_report report;
    char words[2000];

    (void)state;
    conf_report_init(&report);
    assert_null(conf_read_text(&setup, "/c/a.yaml", span_str(NETS "    keep: upp\n"), &report));
    words_of(&report, words, sizeof(words));
    assert_string_equal(words,
                        "/c/a.yaml:7:11: error: keep: \"upp\" cannot stand here; did you mean \"up\"? Write up, on-demand or "
                        "answer\n"
                        "    7 |     keep: upp\n"
                        "      |           ^\n");
    conf_report_done(&report);
}

/* A secret that was written in place of its name goes into no message. */
static void secrets_are_not_shown(void **state)
{
    struct conf_report report;
    char words[2000];

    (void)state;
    conf_report_init(&report);
    assert_null(conf_read_text(&setup, "a", span_str(FILE_HEAD "    remote: 192.0.2.1\n    psk: hunter2\n"), &report));
    words_of(&report, words, sizeof(words));
    assert_non_null(strstr(words, "never written"));
    assert_null(strstr(words, "hunter2"));
    conf_report_done(&report);
}

/* Many problems: all are counted, as many as can be read are shown, in order. */
static void problems_are_bounded(void **state)
{
    struct conf_report report;
    char *yaml = malloc(200000);
    size_t n = 0;

    (void)state;
    assert_non_null(yaml);
    for (int i = 0; i < 5000; i++)
        n += (size_t)snprintf(yaml + n, 200000 - n, "bad%04d: 1\n", i);
    conf_report_init(&report);
    assert_null(conf_read_text(&setup, "a", span_of(yaml, n), &report));
    assert_int_equal(report.errors, 5000);
    assert_in_range(report.n, 10, 300);
    assert_int_equal(report.v[0].place.line, 1);
    assert_int_equal(report.v[1].place.line, 2);
    assert_non_null(strstr(report.v[report.n - 1].text, "more problems"));
    conf_report_done(&report);
    free(yaml);
}

/* One connection more than an index of 16 bits can name. */
static void connections_are_bounded(void **state)
{
    const size_t cap = 8 << 20;
    char *yaml = malloc(cap);
    size_t n = (size_t)snprintf(yaml, cap, "defaults: { psk: file:x }\nconnections:\n");

    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        struct conf_report report;
        struct conf *conf;

        n += (size_t)snprintf(yaml + n, cap - n, "  c%u: { remote: 10.9.%u.%u, remote_net: 10.8.%u.%u }\n", i, i >> 8, i & 255,
                              i >> 8, i & 255);
        if (i < 65534)
            continue;
        conf_report_init(&report);
        conf = conf_read_text(&setup, "a", span_of(yaml, n), &report);
        assert_int_equal(conf != NULL, i == 65534);
        assert_int_equal(report.errors, i == 65534 ? 0 : 1);
        if (report.n)
            assert_non_null(strstr(report.v[0].text, "too many connections"));
        conf_unref(conf);
        conf_report_done(&report);
    }
    free(yaml);
}

static void children_are_bounded(void **state)
{
    char yaml[30000];

    (void)state;
    for (unsigned children = 256; children <= 257; children++) {
        struct conf_report report;
        struct conf *conf;
        size_t n = (size_t)snprintf(yaml, sizeof(yaml), ENDS "    children:\n");

        for (unsigned i = 0; i < children; i++)
            n += (size_t)snprintf(yaml + n, sizeof(yaml) - n, "      c%u: { remote: 10.8.%u.%u }\n", i, i >> 8, i & 255);
        conf_report_init(&report);
        conf = conf_read_text(&setup, "a", span_of(yaml, n), &report);
        assert_int_equal(conf != NULL, children == 256);
        conf_unref(conf);
        conf_report_done(&report);
    }
}

struct files {
    const char *name, *text;
};

static int load(void *ctx, const char *path, struct buf *out)
{
    for (const struct files *f = ctx; f->name; f++) {
        if (strcmp(f->name, path) == 0) {
            buf_span(out, span_str(f->text));
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

static int ca_hashes(struct span file, uint8_t *out, size_t cap)
{
    if (file.len < 3 || cap < 20)
        return ERR_BAD;
    memset(out, file.p[0], 20);
    return 20;
}

static void several_files(void **state)
{
    static const struct files files[] = {
        {"/c/a.yaml",
         "defaults: { psk: file:all.psk, ike: { rekey: 2h } }\nconnections: { a: { remote: 192.0.2.1, remote_net: dynamic } }\n"},
        {"/d/b.yaml", "daemon: { port: 5000 }\nconnections: { b: { remote: { address: any, ca: [x.pem, /y.pem] }, psk: file:b, "
                      "remote_net: 10.0.0.0/8 } }\n"},
        {"/d/twice.yaml",
         "\nconnections: { a: { remote: 192.0.2.9, psk: file:b, remote_net: 10.9.0.0/16 } }\ndaemon: { port: 1 }\n"},
        {"/d/x.yaml", "connections: { x: { remote: { ca: z.pem, id: a }, psk: file:b, remote_net: 10.9.0.0/16 } }"},
        {"/d/x.pem", "xxxx"},
        {"/y.pem", "yyyy"},
        {NULL, NULL},
    };
    const struct conf_setup with_files = {
        .algs = &alg_registry, .generation = 1, .load = load, .ca_hashes = ca_hashes, .ctx = (void *)(uintptr_t)files};
    const char *good[] = {"/c/a.yaml", "/d/b.yaml"},
               *bad[] = {"/c/a.yaml", "/d/b.yaml", "/d/twice.yaml", "/none.yaml", "/d/x.yaml"};
    struct conf_report report;
    struct conf *conf;
    char words[4000];

    (void)state;
    conf_report_init(&report);
    conf = conf_read_files(&with_files, good, 2, &report);
    words_of(&report, words, sizeof(words));
    assert_non_null(conf);
    assert_int_equal(conf->port, 5000);
    assert_int_equal(conf->n_connections, 2);
    assert_string_equal(conf_find(conf, "a")->local.psk, "file:/c/all.psk");
    assert_int_equal(conf_find(conf, "a")->rekey_us, 7200 * USEC_SEC);
    assert_int_equal(conf_find(conf, "b")->rekey_us, 4 * 3600 * USEC_SEC);
    assert_int_equal(conf_find(conf, "b")->keep, KEEP_ANSWER);
    assert_int_equal(conf_find(conf, "b")->local.port, 5000);
    assert_int_equal(conf_find(conf, "b")->local.auth, AUTH_KIND_PSK);
    assert_int_equal(conf_find(conf, "b")->remote.auth, AUTH_KIND_PUBKEY);
    assert_string_equal(conf_find(conf, "b")->remote.ca[0], "/d/x.pem");
    assert_string_equal(conf_find(conf, "b")->remote.ca[1], "/y.pem");
    assert_int_equal(conf_find(conf, "b")->remote.ca_hashes.len, 40);
    assert_int_equal(conf_find(conf, "b")->remote.ca_hashes.p[39], 'y');
    conf_unref(conf);
    conf_report_done(&report);

    conf_report_init(&report);
    assert_null(conf_read_files(&with_files, bad, 5, &report));
    words_of(&report, words, sizeof(words));
    assert_non_null(strstr(words, "/none.yaml: error: there is no such file"));
    assert_non_null(strstr(words, "/d/twice.yaml:2:16: error: a connection \"a\" stands in /c/a.yaml:2 already"));
    assert_non_null(strstr(words, "/d/twice.yaml:3:1: error: the daemon has one section"));
    assert_non_null(strstr(words, "/d/x.yaml:1:35: error: ca: /d/z.pem cannot be read"));
    conf_report_done(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case),
        cmocka_unit_test(one_mistake_one_problem),
        cmocka_unit_test(caret_stands_under_the_place),
        cmocka_unit_test(secrets_are_not_shown),
        cmocka_unit_test(problems_are_bounded),
        cmocka_unit_test(connections_are_bounded),
        cmocka_unit_test(children_are_bounded),
        cmocka_unit_test(several_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
