/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct addr addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct addr){.family = 4, .b = {a, b, c, d}};
}

size_t addr_len(const struct addr *a)
{
    return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

struct span addr_span(const struct addr *a)
{
    return span_of(a->b, addr_len(a));
}

struct addr addr_from_span(struct span s)
{
    struct addr a = {.family = s.len == 4 ? 4 : s.len == 16 ? 6 : 0};

    if (a.family)
        memcpy(a.b, s.p, s.len);
    return a;
}

int addr_compare(const struct addr *x, const struct addr *y)
{
    if (x->family != y->family)
        return x->family < y->family ? -1 : 1;
    return memcmp(x->b, y->b, addr_len(x));
}

bool addr_equal(const struct addr *x, const struct addr *y)
{
    return addr_compare(x, y) == 0;
}

bool addr_is_any(const struct addr *a)
{
    return span_is_zero(addr_span(a));
}

bool endpoint_equal(const struct endpoint *x, const struct endpoint *y)
{
    return x->port == y->port && addr_equal(&x->addr, &y->addr);
}

int addr_parse(const char *text, struct addr *out)
{
    *out = (struct addr){0};
    if (inet_pton(AF_INET, text, out->b) == 1)
        out->family = 4;
    else if (inet_pton(AF_INET6, text, out->b) == 1)
        out->family = 6;
    return out->family ? 0 : ERR_BAD;
}

int prefix_parse(const char *text, struct prefix *out)
{
    char copy[ADDR_TEXT_MAX + 4];
    size_t n = strlen(text);
    char *slash, *end;
    unsigned long bits;

    if (n >= sizeof(copy))
        return ERR_BAD;
    memcpy(copy, text, n + 1);
    slash = strchr(copy, '/');
    if (slash)
        *slash++ = '\0';
    if (addr_parse(copy, &out->addr) < 0)
        return ERR_BAD;
    out->bits = (uint8_t)(addr_len(&out->addr) * 8);
    if (!slash)
        return 0;
    if (*slash < '0' || *slash > '9')
        return ERR_BAD;
    bits = strtoul(slash, &end, 10);
    if (*end || bits > out->bits)
        return ERR_BAD;
    out->bits = (uint8_t)bits;
    return 0;
}

void prefix_bounds(const struct prefix *net, struct addr *low, struct addr *high)
{
    struct addr a = net->addr;

    *low = *high = a;
    for (size_t i = 0; i < addr_len(&a); i++) {
        size_t from = i * 8;
        uint8_t mask = net->bits >= from + 8 ? 0xff : net->bits <= from ? 0 : (uint8_t)(0xff << (8 - (net->bits - from)));

        low->b[i] = a.b[i] & mask;
        high->b[i] = (uint8_t)(a.b[i] | (uint8_t)~mask);
    }
}

struct prefix prefix_around(const struct addr *low, const struct addr *high)
{
    struct prefix net = {.addr = *low};
    struct addr unused;
    size_t len = addr_len(low);
    size_t i = 0;

    while (i < len && low->b[i] == high->b[i])
        i++;
    net.bits = (uint8_t)(i * 8);
    if (i < len)
        net.bits = (uint8_t)(net.bits + __builtin_clz((unsigned)(low->b[i] ^ high->b[i])) - 24);
    prefix_bounds(&net, &net.addr, &unused);
    return net;
}

int prefix_from_bounds(const struct addr *low, const struct addr *high, struct prefix *out)
{
    struct prefix net;
    struct addr l, h;

    if (low->family != high->family || !low->family)
        return ERR_NOT_FOUND;
    net = prefix_around(low, high);
    prefix_bounds(&net, &l, &h);
    if (!addr_equal(&l, low) || !addr_equal(&h, high))
        return ERR_NOT_FOUND;
    *out = net;
    return 0;
}

/* Every fact names some: without printf, which inet_ntop() uses. */
static const char *v4_format(const uint8_t b[4], char *out)
{
    char *p = out;

    for (int i = 0; i < 4; i++) {
        if (b[i] >= 100)
            *p++ = (char)('0' + b[i] / 100);
        if (b[i] >= 10)
            *p++ = (char)('0' + b[i] / 10 % 10);
        *p++ = (char)('0' + b[i] % 10);
        *p++ = i < 3 ? '.' : '\0';
    }
    return out;
}

const char *addr_format(const struct addr *a, char out[ADDR_TEXT_MAX])
{
    if (a->family == 4)
        return v4_format(a->b, out);
    if (!a->family || !inet_ntop(AF_INET6, a->b, out, ADDR_TEXT_MAX))
        memcpy(out, "any", 4);
    return out;
}

const char *endpoint_format(const struct endpoint *e, char out[ENDPOINT_TEXT_MAX])
{
    char a[ADDR_TEXT_MAX];

    addr_format(&e->addr, a);
    snprintf(out, ENDPOINT_TEXT_MAX, e->addr.family == 6 ? "[%s]:%u" : "%s:%u", a, e->port);
    return out;
}
