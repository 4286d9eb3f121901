/* SPDX-License-Identifier: Apache-2.0 */
#include "hand_inside.h"

#include <string.h>

#define PREFIXES_MAX 64
#define BLOCKS_MAX 32

enum { PROTO_ICMP = 1, PROTO_ICMPV6 = 58, PROTO_MH = 135, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_DCCP = 33, PROTO_SCTP = 132 };
struct block {
    uint16_t value, mask;
};

static bool has_types(uint8_t protocol)
{
    return protocol == PROTO_ICMP || protocol == PROTO_ICMPV6 || protocol == PROTO_MH;
}

static bool has_ports(uint8_t protocol)
{
    return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_DCCP || protocol == PROTO_SCTP;
}

struct selector selector_turn(const struct selector *s)
{
    struct selector out = *s;

    out.src = s->dst;
    out.dst = s->src;
    if (has_types(s->protocol))
        return out;
    out.sport = s->dport;
    out.sport_mask = s->dport_mask;
    out.dport = s->sport;
    out.dport_mask = s->sport_mask;
    return out;
}

/* The numbers of both, as ranges. */
static bool numbers_meet(uint16_t value, uint16_t mask, uint16_t low, uint16_t high)
{
    uint16_t first = value & mask;

    return first <= high && (uint16_t)(first | (uint16_t)~mask) >= low;
}

static bool side_meets(const struct selector *s, bool far, const struct ts *t)
{
    struct addr low, high;

    prefix_bounds(far ? &s->dst : &s->src, &low, &high);
    if (low.family != t->low.family || addr_compare(&low, &t->high) > 0 || addr_compare(&high, &t->low) < 0)
        return false;
    if (!s->protocol || !t->protocol)
        return true;
    if (s->protocol != t->protocol)
        return false;
    if (has_types(s->protocol)) /* type << 8 | code: of one type some codes, or types with all their codes */
        return numbers_meet(s->sport, s->sport_mask, t->port_low >> 8, t->port_high >> 8) &&
               (t->port_low >> 8 != t->port_high >> 8 ||
                numbers_meet(s->dport, s->dport_mask, t->port_low & 0xff, t->port_high & 0xff));
    return far ? numbers_meet(s->dport, s->dport_mask, t->port_low, t->port_high)
               : numbers_meet(s->sport, s->sport_mask, t->port_low, t->port_high);
}

bool selector_meets(const struct selector *s, const struct ts *local, const struct ts *remote)
{
    return side_meets(s, false, local) && side_meets(s, true, remote);
}

bool prefix_within(const struct prefix *inner, const struct prefix *outer)
{
    struct addr low, high, low2, high2;

    if (inner->addr.family != outer->addr.family || inner->bits < outer->bits)
        return false;
    prefix_bounds(inner, &low, &high);
    prefix_bounds(outer, &low2, &high2);
    return addr_compare(&low, &low2) >= 0 && addr_compare(&high, &high2) <= 0;
}

bool prefix_overlap(const struct prefix *a, const struct prefix *b)
{
    return prefix_within(a, b) || prefix_within(b, a);
}

static struct addr addr_next(struct addr a)
{
    for (size_t i = addr_len(&a); i-- > 0;)
        if (++a.b[i])
            break;
    return a;
}

/* How many bits a network that begins here has at least. */
static uint8_t bits_least(const struct addr *low)
{
    size_t i = addr_len(low);

    while (i > 0 && !low->b[i - 1])
        i--;
    return i ? (uint8_t)(i * 8 - (unsigned)__builtin_ctz(low->b[i - 1])) : 0;
}

/* The widest network that begins at `low` and ends at or before `high`. */
static struct prefix first_prefix(const struct addr *low, const struct addr *high, struct addr *end)
{
    struct prefix p = {.addr = *low};
    struct addr from;
    uint8_t max = (uint8_t)(addr_len(low) * 8);

    for (p.bits = bits_least(low); p.bits < max; p.bits++) {
        prefix_bounds(&p, &from, end);
        if (addr_compare(end, high) <= 0)
            return p;
    }
    *end = *low;
    return p;
}

static int split_range(const struct ts *t, struct prefix out[PREFIXES_MAX])
{
    struct addr from = t->low, end;
    int n = 0;

    for (;;) {
        if (n == PREFIXES_MAX)
            return ERR_LIMIT;
        out[n++] = first_prefix(&from, &t->high, &end);
        if (addr_compare(&end, &t->high) >= 0)
            return n;
        from = addr_next(end);
    }
}

/* A range of 16-bit numbers as value-and-mask blocks. */
static int split_ports(uint16_t low, uint16_t high, struct block out[BLOCKS_MAX])
{
    uint32_t at = low;
    int n = 0;

    while (at <= high) {
        uint32_t size = 1;

        while (!(at & size) && at + size * 2 - 1 <= high && size < 0x10000)
            size *= 2;
        out[n++] = (struct block){(uint16_t)at, (uint16_t) ~(size - 1)};
        at += size;
    }
    return n;
}

static bool any_ports(const struct ts *t)
{
    return t->port_low == 0 && t->port_high == 0xffff;
}

/* ICMP: both selectors speak of the same type and code (RFC 7296 3.13.1); type goes to sport, code to dport. */
static int type_blocks(const struct ts *l, const struct ts *r, struct block s[BLOCKS_MAX], struct block d[BLOCKS_MAX], int *nd)
{
    uint16_t low = l->port_low > r->port_low ? l->port_low : r->port_low;
    uint16_t high = l->port_high < r->port_high ? l->port_high : r->port_high;

    if (any_ports(r) || any_ports(l)) {
        low = any_ports(l) ? r->port_low : l->port_low;
        high = any_ports(l) ? r->port_high : l->port_high;
    }
    if (low > high)
        return 0;
    *nd = 1;
    d[0] = s[0] = (struct block){0, 0};
    if (low == 0 && high == 0xffff)
        return 1;
    if (low >> 8 == high >> 8 && ((low & 0xff) || (high & 0xff) != 0xff))
        *nd = split_ports(low & 0xff, high & 0xff, d);
    else if ((low & 0xff) || (high & 0xff) != 0xff)
        return ERR_UNSUPPORTED; /* a range of types that begins or ends within the codes of one */
    return split_ports(low >> 8, high >> 8, s);
}

struct product {
    const struct ts *local, *remote;
    struct prefix lp[PREFIXES_MAX], rp[PREFIXES_MAX];
    struct block sp[BLOCKS_MAX], dp[BLOCKS_MAX];
    int n_lp, n_rp, n_sp, n_dp;
    uint8_t protocol;
};

static int split_numbers(struct product *p)
{
    if (has_types(p->protocol)) {
        p->n_sp = type_blocks(p->local, p->remote, p->sp, p->dp, &p->n_dp);
        return p->n_sp;
    }
    p->n_sp = split_ports(p->local->port_low, p->local->port_high, p->sp);
    p->n_dp = split_ports(p->remote->port_low, p->remote->port_high, p->dp);
    return p->n_sp;
}

static int multiply(const struct product *p, struct selector *out, size_t max)
{
    size_t n = 0, total = (size_t)p->n_lp * (size_t)p->n_rp * (size_t)p->n_sp * (size_t)p->n_dp;

    if (total > max)
        return ERR_LIMIT;
    for (; n < total; n++) {
        size_t i = n;
        const struct block *s = &p->sp[i % (size_t)p->n_sp];
        const struct block *d = &p->dp[(i /= (size_t)p->n_sp) % (size_t)p->n_dp];

        i /= (size_t)p->n_dp;
        memset(&out[n], 0, sizeof out[n]);
        out[n].src = p->lp[i % (size_t)p->n_lp];
        out[n].dst = p->rp[i / (size_t)p->n_lp];
        out[n].protocol = p->protocol;
        out[n].sport = s->value;
        out[n].sport_mask = s->mask;
        out[n].dport = d->value;
        out[n].dport_mask = d->mask;
    }
    return (int)n;
}

static int check(const struct ts *local, const struct ts *remote, struct text *why)
{
    char t[TS_TEXT_MAX];

    for (const struct ts *ts = local;; ts = remote) {
        uint8_t protocol = ts->protocol ? ts->protocol : ts == local ? remote->protocol : local->protocol;

        if (!ts_valid(ts) || ts->port_low > ts->port_high) {
            text_add(why, "the kernel cannot select %s: OPAQUE ports are not supported", ts_format(ts, t));
            return ERR_UNSUPPORTED;
        }
        if (!any_ports(ts) && !has_ports(protocol) && !has_types(protocol)) {
            text_add(why, "the kernel cannot select %s: only TCP, UDP, SCTP, DCCP and ICMP have ports or types",
                     ts_format(ts, t));
            return ERR_UNSUPPORTED;
        }
        if (ts == remote)
            return 0;
    }
}

int selectors_make(const struct ts *local, const struct ts *remote, struct selector *out, size_t max, struct text *why)
{
    struct product p = {.local = local, .remote = remote};
    char t[TS_TEXT_MAX], t2[TS_TEXT_MAX];
    int err;

    if (local->low.family != remote->low.family)
        return 0;
    if (local->protocol && remote->protocol && local->protocol != remote->protocol)
        return 0;
    err = check(local, remote, why);
    if (err)
        return err;
    p.protocol = local->protocol ? local->protocol : remote->protocol;
    p.n_lp = split_range(local, p.lp);
    p.n_rp = split_range(remote, p.rp);
    err = split_numbers(&p);
    if (err == 0)
        return 0;
    if (err > 0 && p.n_lp > 0 && p.n_rp > 0)
        err = multiply(&p, out, max);
    else if (err > 0)
        err = ERR_LIMIT;
    if (err < 0)
        text_add(why, "the kernel cannot select %s to %s: %s", ts_format(local, t), ts_format(remote, t2),
                 err == ERR_LIMIT ? "too many policies would be needed; choose ranges that are networks"
                                  : "the range of ICMP types begins or ends within the codes of a type");
    return err;
}

int selectors_of_lists(struct ts_list local, struct ts_list remote, struct selector *out, size_t max, struct text *why)
{
    size_t n = 0;

    for (size_t i = 0; i < local.n; i++)
        for (size_t j = 0; j < remote.n; j++) {
            int made = selectors_make(&local.v[i], &remote.v[j], out + n, max - n, why);

            if (made < 0)
                return made;
            n += (size_t)made;
        }
    return (int)n;
}

static unsigned ones(uint16_t mask)
{
    return (unsigned)__builtin_popcount(mask);
}

/* More specific wins; among equals what passes before what protects before what is closed. Always before what leaves its
 * priority to other programs' defaults (they use higher values). */
uint32_t selector_priority(const struct selector *s, enum claim_rank rank)
{
    unsigned weight = (s->src.bits + s->dst.bits) * 128u + (s->protocol ? 64 : 0) + ones(s->sport_mask) + ones(s->dport_mask);

    return 0x10000 + (33000 - weight) * 4 + (CLAIM_PASS - rank);
}

static void side_format(const struct prefix *p, uint16_t port, uint16_t mask, struct text *out)
{
    char a[ADDR_TEXT_MAX];

    text_add(out, "%s/%u", addr_format(&p->addr, a), p->bits);
    if (mask == 0xffff)
        text_add(out, "[%u]", port);
    else if (mask)
        text_add(out, "[%u/%#x]", port, mask);
}

void selector_format(const struct selector *s, struct text *out)
{
    side_format(&s->src, s->sport, s->sport_mask, out);
    text_add(out, " -> ");
    side_format(&s->dst, s->dport, s->dport_mask, out);
    if (s->protocol)
        text_add(out, " protocol %u", s->protocol);
}
