/* SPDX-License-Identifier: Apache-2.0 */
#include "suite/ts.h"

/* OPAQUE is written as the empty range 65535-0 (RFC 7296 3.13.1); "any port" holds it, a range of real ports does not. */
static bool ports_any(const struct ts *t)
{
    return t->port_low == 0 && t->port_high == 65535;
}

static bool ports_opaque(const struct ts *t)
{
    return t->port_low == 65535 && t->port_high == 0;
}

struct ts ts_from_prefix(const struct prefix *net, uint8_t protocol, uint16_t port_low, uint16_t port_high)
{
    struct ts t = {.protocol = protocol, .port_low = port_low, .port_high = port_high};

    prefix_bounds(net, &t.low, &t.high);
    return t;
}

bool ts_valid(const struct ts *t)
{
    return t->low.family != 0 && t->low.family == t->high.family && addr_compare(&t->low, &t->high) <= 0 &&
           (t->port_low <= t->port_high || ports_opaque(t));
}

bool ts_equal(const struct ts *a, const struct ts *b)
{
    return a->protocol == b->protocol && a->port_low == b->port_low && a->port_high == b->port_high &&
           addr_equal(&a->low, &b->low) && addr_equal(&a->high, &b->high);
}

static bool ports_contain(const struct ts *outer, const struct ts *inner)
{
    if (ports_any(outer))
        return true;
    if (ports_opaque(outer) || ports_opaque(inner))
        return ports_opaque(outer) && ports_opaque(inner);
    return outer->port_low <= inner->port_low && inner->port_high <= outer->port_high;
}

bool ts_contains(const struct ts *outer, const struct ts *inner)
{
    return outer->low.family == inner->low.family && addr_compare(&outer->low, &inner->low) <= 0 &&
           addr_compare(&inner->high, &outer->high) <= 0 && (outer->protocol == 0 || outer->protocol == inner->protocol) &&
           ports_contain(outer, inner);
}

static bool ports_intersect(const struct ts *a, const struct ts *b, struct ts *out)
{
    if (ports_any(a) || ports_any(b)) {
        out->port_low = ports_any(a) ? b->port_low : a->port_low;
        out->port_high = ports_any(a) ? b->port_high : a->port_high;
        return true;
    }
    if (ports_opaque(a) != ports_opaque(b))
        return false;
    out->port_low = a->port_low > b->port_low ? a->port_low : b->port_low;
    out->port_high = a->port_high < b->port_high ? a->port_high : b->port_high;
    return ports_opaque(a) || out->port_low <= out->port_high;
}

bool ts_intersect(const struct ts *a, const struct ts *b, struct ts *out)
{
    struct ts both = {.protocol = a->protocol ? a->protocol : b->protocol};

    if (a->low.family != b->low.family || (a->protocol && b->protocol && a->protocol != b->protocol))
        return false;
    both.low = addr_compare(&a->low, &b->low) > 0 ? a->low : b->low;
    both.high = addr_compare(&a->high, &b->high) < 0 ? a->high : b->high;
    if (addr_compare(&both.low, &both.high) > 0 || !ports_intersect(a, b, &both))
        return false;
    *out = both;
    return true;
}

bool ts_overlap(const struct ts *a, const struct ts *b)
{
    struct ts unused;

    return ts_intersect(a, b, &unused);
}

/* Add a selector unless one already there contains it; those that it contains go. Returns the new count. */
static size_t list_put(struct ts *v, size_t n, size_t max, const struct ts *add)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (ts_contains(&v[i], add))
            return n;
    for (size_t i = 0; i < n; i++)
        if (!ts_contains(add, &v[i]))
            v[kept++] = v[i];
    if (kept < max)
        v[kept++] = *add;
    return kept;
}

size_t ts_list_narrow(struct ts_list theirs, struct ts_list ours, struct ts *out, size_t max)
{
    size_t n = 0;
    struct ts both;

    for (size_t i = 0; i < theirs.n; i++)
        for (size_t j = 0; j < ours.n; j++)
            if (ts_valid(&theirs.v[i]) && ts_valid(&ours.v[j]) && ts_intersect(&theirs.v[i], &ours.v[j], &both))
                n = list_put(out, n, max, &both);
    return n;
}

bool ts_list_contains(struct ts_list outer, const struct ts *inner)
{
    for (size_t i = 0; i < outer.n; i++)
        if (ts_contains(&outer.v[i], inner))
            return true;
    return false;
}

bool ts_list_within(struct ts_list inner, struct ts_list outer)
{
    for (size_t i = 0; i < inner.n; i++)
        if (!ts_list_contains(outer, &inner.v[i]))
            return false;
    return true;
}

static bool list_has(struct ts_list list, const struct ts *t)
{
    for (size_t i = 0; i < list.n; i++)
        if (ts_equal(&list.v[i], t))
            return true;
    return false;
}

bool ts_list_equal(struct ts_list a, struct ts_list b)
{
    for (size_t i = 0; i < a.n; i++)
        if (!list_has(b, &a.v[i]))
            return false;
    for (size_t i = 0; i < b.n; i++)
        if (!list_has(a, &b.v[i]))
            return false;
    return true;
}

static void protocol_format(uint8_t protocol, struct text *out)
{
    static const struct {
        uint8_t number;
        const char *name;
    } known[] = {{1, "icmp"}, {6, "tcp"}, {17, "udp"}, {47, "gre"}, {58, "icmpv6"}, {89, "ospf"}, {132, "sctp"}};

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (known[i].number == protocol) {
            text_add(out, "%s", known[i].name);
            return;
        }
    if (protocol == 0)
        text_add(out, "any");
    else
        text_add(out, "%u", protocol);
}

static void ports_format(const struct ts *t, struct text *out)
{
    if (ports_any(t))
        return;
    if (ports_opaque(t))
        text_add(out, "/opaque");
    else if (t->port_low == t->port_high)
        text_add(out, "/%u", t->port_low);
    else
        text_add(out, "/%u-%u", t->port_low, t->port_high);
}

const char *ts_format(const struct ts *t, char out[TS_TEXT_MAX])
{
    struct text text = text_in(out, TS_TEXT_MAX);
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];
    struct prefix net;

    if (prefix_from_bounds(&t->low, &t->high, &net) == 0)
        text_add(&text, "%s/%u", addr_format(&net.addr, a), net.bits);
    else if (t->low.family == 0)
        text_add(&text, "dynamic");
    else
        text_add(&text, "%s-%s", addr_format(&t->low, a), addr_format(&t->high, b));
    if (t->protocol || !ports_any(t)) {
        text_add(&text, "[");
        protocol_format(t->protocol, &text);
        ports_format(t, &text);
        text_add(&text, "]");
    }
    return out;
}

void ts_list_format(struct ts_list list, struct text *out)
{
    char one[TS_TEXT_MAX];

    for (size_t i = 0; i < list.n; i++)
        text_add(out, "%s%s", i ? " " : "", ts_format(&list.v[i], one));
}
