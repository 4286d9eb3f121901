/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic selectors: ADDRESS[/BITS] | LOW-HIGH | dynamic, then [/PROTOCOL[/PORTS]]. */
#include "conf/rows.h"

#include <stdlib.h>
#include <string.h>

/* Names of IP protocols (IANA) that people filter by. */
static const struct {
    const char *name;
    uint8_t number;
    bool ports;
} protocols[] = {
    {"any", 0, false},    {"icmp", 1, false},    {"igmp", 2, false},  {"ipip", 4, false},     {"tcp", 6, true},
    {"udp", 17, true},    {"dccp", 33, true},    {"ipv6", 41, false}, {"gre", 47, false},     {"esp", 50, false},
    {"ah", 51, false},    {"icmpv6", 58, false}, {"ospf", 89, false}, {"pim", 103, false},    {"vrrp", 112, false},
    {"l2tp", 115, false}, {"sctp", 132, true},   {"mh", 135, false},  {"udplite", 136, true},
};
enum { PROTO_ICMP = 1, PROTO_ICMPV6 = 58, PROTO_MH = 135 };

static bool protocol_has_ports(uint8_t number)
{
    for (size_t i = 0; i < COUNT_OF(protocols); i++) {
        if (protocols[i].number == number)
            return protocols[i].ports;
    }
    return false;
}

/* A decimal number of at most `max`, all of the text. */
static bool decimal(const char *text, unsigned max, unsigned *out)
{
    unsigned v = 0;

    if (!*text || strlen(text) > 5)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        v = v * 10 + (unsigned)(*text - '0');
    }
    *out = v;
    return v <= max;
}

/* "22" or "500-600". */
static bool decimal_range(char *text, unsigned max, unsigned *low, unsigned *high)
{
    char *dash = strchr(text, '-');
    bool ok;

    if (!dash)
        return decimal(text, max, low) && (*high = *low, true);
    *dash = '\0';
    ok = decimal(text, max, low) && decimal(dash + 1, max, high) && *low <= *high;
    *dash = '-';
    return ok;
}

static int protocol_parse(const char *word, struct ts *out, struct text *why)
{
    const char *names[COUNT_OF(protocols) + 1], *near;
    unsigned number;

    if (decimal(word, 255, &number)) {
        out->protocol = (uint8_t)number;
        return 0;
    }
    for (size_t i = 0; i < COUNT_OF(protocols); i++) {
        names[i] = protocols[i].name;
        if (strcmp(word, protocols[i].name) == 0) {
            out->protocol = protocols[i].number;
            return 0;
        }
    }
    names[COUNT_OF(protocols)] = NULL;
    near = text_nearest(word, names);
    text_add(why, "\"%s\" is no protocol", word);
    if (near)
        text_add(why, "; did you mean \"%s\"?", near);
    else
        text_add(why, ": write tcp, udp, icmp, icmpv6, sctp, gre ... or its number from 0 to 255");
    return ERR_BAD;
}

/* RFC 7296 3.13.1: for ICMP and mobility headers the port holds the type (and the code in its low byte). */
static int types_parse(char *type, char *code, struct ts *out, struct text *why)
{
    unsigned low, high, c = 0;
    bool mh = out->protocol == PROTO_MH;

    if (!decimal_range(type, 255, &low, &high) || (code && (mh || low != high || !decimal(code, 255, &c)))) {
        text_add(why, "write a type from 0 to 255%s", mh ? "" : ", and a code after it if you want: icmp/8, icmp/3/4");
        return ERR_BAD;
    }
    out->port_low = (uint16_t)(low << 8 | (code ? c : 0));
    out->port_high = (uint16_t)(high << 8 | (code ? c : 255));
    return 0;
}

static int ports_parse(char *ports, char *code, struct ts *out, struct text *why)
{
    unsigned low, high;

    if (!ports || (strcmp(ports, "any") == 0 && !code))
        return 0;
    if (out->protocol == PROTO_ICMP || out->protocol == PROTO_ICMPV6 || out->protocol == PROTO_MH)
        return types_parse(ports, code, out, why);
    if (!protocol_has_ports(out->protocol)) {
        text_add(why, "this protocol has no ports; those of tcp, udp, sctp, dccp and udplite can stand here");
        return ERR_BAD;
    }
    if (strcmp(ports, "opaque") == 0 && !code) {
        out->port_low = 65535;
        out->port_high = 0;
        return 0;
    }
    if (code || !decimal_range(ports, 65535, &low, &high)) {
        text_add(why, "\"%s\" is no port: write one from 0 to 65535, or a range such as 500-600", ports);
        return ERR_BAD;
    }
    out->port_low = (uint16_t)low;
    out->port_high = (uint16_t)high;
    return 0;
}

static int network_parse(const char *address, const char *bits, struct ts *out, struct text *why)
{
    struct prefix net = {0};
    unsigned n;

    if (addr_parse(address, &net.addr) < 0) {
        text_add(why, "\"%s\" is no IP address: write 10.1.0.0/16, 10.1.0.1-10.1.0.9, 2001:db8::/32 or \"dynamic\"", address);
        return ERR_BAD;
    }
    net.bits = (uint8_t)(addr_len(&net.addr) * 8);
    if (bits && (!decimal(bits, net.bits, &n))) {
        text_add(why, "/%s is no prefix length: write one from 0 to %u", bits, net.bits);
        return ERR_BAD;
    }
    if (bits)
        net.bits = (uint8_t)n;
    prefix_bounds(&net, &out->low, &out->high);
    if (!addr_equal(&out->low, &net.addr)) {
        char low[ADDR_TEXT_MAX];

        text_add(why, "%s is not the first address of its network: write %s/%u for the network, or %s/%zu for the host", address,
                 addr_format(&out->low, low), net.bits, address, addr_len(&net.addr) * 8);
        return ERR_BAD;
    }
    return 0;
}

static int range_parse(char *text, char *dash, struct ts *out, struct text *why)
{
    int bad;

    *dash = '\0';
    bad = addr_parse(text, &out->low) < 0 || addr_parse(dash + 1, &out->high) < 0;
    *dash = '-';
    if (!bad && out->low.family == out->high.family && addr_compare(&out->low, &out->high) <= 0)
        return 0;
    text_add(why, "\"%s\" is no range of addresses: write two of one family, the lower first, such as 10.1.0.1-10.1.0.9", text);
    return ERR_BAD;
}

/* The text cut at its slashes; 0 when there are too many. */
static size_t parts_cut(char *text, char *part[], size_t max)
{
    size_t n = 0;

    for (char *p = text; p; n++) {
        if (n == max)
            return 0;
        part[n] = p;
        p = strchr(p, '/');
        if (p)
            *p++ = '\0';
    }
    return n;
}

static bool is_number(const char *text)
{
    return text && *text >= '0' && *text <= '9';
}

/* The addresses; *next is the part that follows. */
static int addresses_parse(char *const part[], size_t n, struct ts *out, size_t *next, struct text *why)
{
    char *dash = strchr(part[0], '-');
    bool bits = n > 1 && is_number(part[1]);

    *next = 1;
    if (!dash && strcmp(part[0], "dynamic") != 0) {
        *next = bits ? 2 : 1;
        return network_parse(part[0], bits ? part[1] : NULL, out, why);
    }
    /* a number here may be meant as the length of a prefix or as a protocol: let it be said */
    if (bits && n == 2) {
        text_add(why, "\"%s\" has no prefix length; a protocol by its number is written %s/%s/any", part[0], part[0], part[1]);
        return ERR_BAD;
    }
    return dash ? range_parse(part[0], dash, out, why) : 0;
}

int selector_parse(const char *text, struct ts *out, struct text *why)
{
    char copy[160], *part[5];
    size_t n = 0, next;
    int err;

    *out = (struct ts){.port_high = 65535};
    if (strlen(text) < sizeof(copy)) {
        memcpy(copy, text, strlen(text) + 1);
        n = parts_cut(copy, part, COUNT_OF(part));
    }
    err = n ? addresses_parse(part, n, out, &next, why) : ERR_LIMIT;
    if (err == ERR_LIMIT || (!err && n > next + 3)) {
        text_add(why, "\"%.80s\" has too many parts: write NETWORK/BITS/PROTOCOL/PORTS", text);
        return ERR_BAD;
    }
    if (!err && n > next)
        err = protocol_parse(part[next], out, why);
    if (!err && n > next + 1)
        err = ports_parse(part[next + 1], n > next + 2 ? part[next + 2] : NULL, out, why);
    return err;
}

static void ports_print(const struct ts *ts, struct text *out)
{
    bool types = ts->protocol == PROTO_ICMP || ts->protocol == PROTO_ICMPV6 || ts->protocol == PROTO_MH;

    if (ts->port_low > ts->port_high) {
        text_add(out, "/opaque");
    } else if (types && ts->port_low == ts->port_high) {
        text_add(out, "/%u/%u", ts->port_low >> 8, ts->port_low & 255);
    } else if (types) {
        text_add(out, "/%u", ts->port_low >> 8);
        if (ts->port_low >> 8 != ts->port_high >> 8)
            text_add(out, "-%u", ts->port_high >> 8);
    } else {
        text_add(out, "/%u", ts->port_low);
        if (ts->port_low != ts->port_high)
            text_add(out, "-%u", ts->port_high);
    }
}

void selector_print(const struct ts *ts, struct text *out)
{
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];
    bool all_ports = ts->port_low == 0 && ts->port_high == 65535;
    const char *name = NULL;
    struct prefix net;

    if (ts->low.family == 0)
        text_add(out, "dynamic");
    else if (prefix_from_bounds(&ts->low, &ts->high, &net) == 0)
        text_add(out, "%s/%u", addr_format(&net.addr, a), net.bits);
    else
        text_add(out, "%s-%s", addr_format(&ts->low, a), addr_format(&ts->high, b));
    for (size_t i = 0; i < COUNT_OF(protocols); i++) {
        if (ts->protocol == protocols[i].number)
            name = protocols[i].name;
    }
    if (ts->protocol == 0)
        return;
    if (name)
        text_add(out, "/%s", name);
    else
        text_add(out, "/%u", ts->protocol);
    if (!all_ports)
        ports_print(ts, out);
    else if (!name)
        text_add(out, "/any");
}

int ts_list_read(struct reading *r, const struct row *row, const struct node *node, struct ts_list *out)
{
    const struct node *items[TS_LIST_MAX];
    int n = node_items(r, node, "networks", items, COUNT_OF(items));
    struct ts *v = n < 0 ? NULL : arena_alloc(r->keep, (size_t)n * sizeof(*v));
    bool bad = false;

    if (!v)
        return -1;
    for (int i = 0; i < n; i++) {
        char words[300];
        struct text why = text_in(words, sizeof(words));

        if (selector_parse(items[i]->text, &v[i], &why) < 0) {
            error_at(r, items[i], "%s: %s", row->key, words);
            bad = true;
        }
        for (int k = 0; k < i && !bad; k++) {
            if (ts_equal(&v[k], &v[i]))
                warning_at(r, items[i], "%s: \"%s\" stands here twice", row->key, items[i]->text);
        }
    }
    if (bad)
        return -1;
    *out = (struct ts_list){v, (size_t)n};
    return 0;
}
