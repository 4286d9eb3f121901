/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are lists of small languages: traffic selectors and proposals. */
#include "conf/rows.h"

#include <stdlib.h>
#include <string.h>

#define PROPOSALS_MAX 32
#define TRANSFORMS_MAX 256

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

/* ADDRESS[/BITS] | LOW-HIGH | dynamic, then [/PROTOCOL[/PORTS]] */
int selector_parse(const char *text, struct ts *out, struct text *why)
{
    char copy[160], *part[5] = {NULL}, *dash;
    size_t n = 0, next = 1;
    unsigned unused;
    int err = 0;

    *out = (struct ts){.port_high = 65535};
    if (strlen(text) >= sizeof(copy)) {
        text_add(why, "this is too long for a network");
        return ERR_BAD;
    }
    memcpy(copy, text, strlen(text) + 1);
    for (char *p = copy; p; n++) {
        if (n == COUNT_OF(part)) {
            text_add(why, "\"%s\" has too many parts: write NETWORK/BITS/PROTOCOL/PORTS", text);
            return ERR_BAD;
        }
        part[n] = p;
        p = strchr(p, '/');
        if (p)
            *p++ = '\0';
    }
    dash = strchr(part[0], '-');
    if ((dash || strcmp(part[0], "dynamic") == 0) && part[1] && decimal(part[1], 255, &unused) && !part[2]) {
        text_add(why, "\"%s\" has no prefix length; a protocol by its number is written %s/%s/any", part[0], part[0], part[1]);
        return ERR_BAD;
    }
    if (dash)
        err = range_parse(part[0], dash, out, why);
    else if (strcmp(part[0], "dynamic") != 0) {
        bool bits = part[1] && part[1][0] >= '0' && part[1][0] <= '9';

        err = network_parse(part[0], bits ? part[1] : NULL, out, why);
        next = bits ? 2 : 1;
    }
    if (err < 0 || !part[next])
        return err;
    if (next + 3 < n) {
        text_add(why, "\"%s\" has too many parts: write NETWORK/BITS/PROTOCOL/PORTS", text);
        return ERR_BAD;
    }
    err = protocol_parse(part[next], out, why);
    if (err < 0 || next + 1 >= n)
        return err;
    return ports_parse(part[next + 1], next + 2 < n ? part[next + 2] : NULL, out, why);
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

    if (!v)
        return -1;
    for (int i = 0; i < n; i++) {
        char words[300];
        struct text why = text_in(words, sizeof(words));

        if (selector_parse(items[i]->text, &v[i], &why) < 0) {
            error_at(r, items[i], "%s: %s", row->key, words);
            return -1;
        }
        for (int k = 0; k < i; k++) {
            if (ts_equal(&v[k], &v[i]))
                warning_at(r, items[i], "%s: \"%s\" stands here twice", row->key, items[i]->text);
        }
    }
    *out = (struct ts_list){v, (size_t)n};
    return 0;
}

/* Proposals: most files say the same few words many times. */
struct words {
    struct map_node node;
    uint8_t protocol;
    const char *text;
    const struct proposal *proposal;
};

static struct words *words_find(struct reading *r, uint8_t protocol, const char *text, uint64_t hash)
{
    for (struct map_node *m = map_first(&r->words, hash); m; m = map_more(m)) {
        struct words *w = CONTAINER_OF(m, struct words, node);

        if (w->protocol == protocol && strcmp(w->text, text) == 0)
            return w;
    }
    return NULL;
}

static const struct proposal *proposal_keep(struct reading *r, const struct proposal *p)
{
    struct proposal *copy = arena_new(r->keep, struct proposal);
    struct transform *t = arena_alloc(r->keep, p->n_transforms * sizeof(*t));

    if (!copy || !t)
        return NULL;
    memcpy(t, p->transforms, p->n_transforms * sizeof(*t));
    *copy = *p;
    copy->transforms = t;
    return copy;
}

/* RFC 8221, RFC 8247: what is there for old peers only. */
static void weak_warn(struct reading *r, const struct node *node, const struct proposal *p)
{
    for (size_t i = 0; i < p->n_transforms; i++) {
        const struct transform *t = &p->transforms[i];
        const struct alg *alg = alg_find(r->setup->algs, t->type, t->id, t->key_bits);
        bool weak = alg && (alg->flags & ALG_LEGACY);
        bool sha1 = (t->type == TRANSFORM_PRF || t->type == TRANSFORM_INTEG) && t->id == 2;

        if (weak || sha1)
            warning_at(r, node, "%s is weak (RFC 8247, RFC 8221): only for a peer that can do no better%s",
                       alg ? alg->name : "this algorithm", sha1 ? "; SHA2-256 is sha256" : "");
    }
}

static const struct proposal *proposal_words(struct reading *r, const struct row *row, const struct node *node)
{
    uint64_t hash = map_hash(&r->words, span_str(node->text));
    struct words *known = words_find(r, (uint8_t)row->min, node->text, hash);
    struct transform store[64];
    struct proposal p = {0};
    char words[400];
    struct text why = text_in(words, sizeof(words));

    if (known)
        return known->proposal;
    if (proposal_parse(r->setup->algs, node->text, (uint8_t)row->min, &p, store, COUNT_OF(store), &why) < 0) {
        error_at(r, node, "%s: %s", row->key, words);
        return NULL;
    }
    weak_warn(r, node, &p);
    known = arena_new(&r->tree, struct words);
    if (!known)
        return NULL;
    known->protocol = (uint8_t)row->min;
    known->text = node->text;
    known->proposal = proposal_keep(r, &p);
    if (map_add(&r->words, &known->node, hash) < 0)
        return NULL;
    return known->proposal;
}

static const struct proposals *default_proposals(struct reading *r, uint8_t protocol)
{
    struct proposals *d = &r->defaults[protocol];
    struct proposal *list;
    struct transform *store;
    int n;

    if (d->n)
        return d;
    list = arena_alloc(r->keep, PROPOSALS_MAX * sizeof(*list));
    store = arena_alloc(r->keep, TRANSFORMS_MAX * sizeof(*store));
    n = list && store ? proposal_defaults(r->setup->algs, protocol, list, PROPOSALS_MAX, store, TRANSFORMS_MAX) : ERR_MEMORY;
    if (n > 0)
        *d = (struct proposals){list, (size_t)n};
    return d;
}

int conf_proposals_read(struct reading *r, const struct row *row, const struct node *node, struct proposals *out)
{
    const struct proposals *defaults = default_proposals(r, (uint8_t)row->min);
    const struct node *items[PROPOSALS_MAX];
    int n = node_items(r, node, "proposals", items, COUNT_OF(items));
    struct proposal *v;
    size_t at = 0;

    if (n == 1 && strcmp(items[0]->text, "default") == 0) {
        *out = *defaults;
        return 0;
    }
    v = n > 0 ? arena_alloc(r->keep, ((size_t)n + PROPOSALS_MAX) * sizeof(*v)) : NULL;
    if (n == 0)
        error_at(r, node, "%s: no algorithm is left: write [aes256gcm16-x25519] or \"default\"", row->key);
    for (int i = 0; v && i < n; i++) {
        const struct proposal *p = NULL;

        if (strcmp(items[i]->text, "default") == 0 && at + defaults->n <= (size_t)n + PROPOSALS_MAX - 1) {
            memcpy(v + at, defaults->v, defaults->n * sizeof(*v));
            at += defaults->n;
            continue;
        }
        p = proposal_words(r, row, items[i]);
        if (!p)
            return -1;
        v[at++] = *p;
    }
    if (!at)
        return -1;
    for (size_t i = 0; i < at; i++)
        v[i].number = (uint8_t)(i + 1);
    *out = (struct proposals){v, at};
    return 0;
}

static bool proposal_equal(const struct proposal *a, const struct proposal *b)
{
    if (a->protocol != b->protocol || a->n_transforms != b->n_transforms)
        return false;
    for (size_t i = 0; i < a->n_transforms; i++) {
        const struct transform *x = &a->transforms[i], *y = &b->transforms[i];

        if (x->type != y->type || x->id != y->id || x->key_bits != y->key_bits)
            return false;
    }
    return true;
}

bool conf_proposals_equal(const struct proposals *a, const struct proposals *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (!proposal_equal(&a->v[i], &b->v[i]))
            return false;
    }
    return true;
}
