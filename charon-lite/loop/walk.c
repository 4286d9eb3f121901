/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/walk.h"

#include <string.h>

void walk_u8(struct walk *w, uint8_t *v)
{
    if (w->out)
        buf_u8(w->out, *v);
    else
        *v = read_u8(w->in);
}

void walk_u16(struct walk *w, uint16_t *v)
{
    if (w->out)
        buf_u16(w->out, *v);
    else
        *v = read_u16(w->in);
}

void walk_u32(struct walk *w, uint32_t *v)
{
    if (w->out)
        buf_u32(w->out, *v);
    else
        *v = read_u32(w->in);
}

void walk_u64(struct walk *w, uint64_t *v)
{
    if (w->out)
        buf_u64(w->out, *v);
    else
        *v = read_u64(w->in);
}

void walk_i64(struct walk *w, int64_t *v)
{
    uint64_t u = (uint64_t)*v;

    walk_u64(w, &u);
    *v = (int64_t)u;
}

uint8_t walk_enum(struct walk *w, unsigned value, unsigned max)
{
    uint8_t v = (uint8_t)value;

    walk_u8(w, &v);
    if (v <= max)
        return v;
    w->failed = true;
    return 0;
}

void walk_bool(struct walk *w, bool *v)
{
    *v = walk_enum(w, *v, 1);
}

void walk_span(struct walk *w, struct span *s)
{
    uint32_t n = (uint32_t)s->len;

    walk_u32(w, &n);
    if (w->out)
        buf_span(w->out, *s);
    else
        *s = n ? read_span(w->in, n) : SPAN_NONE;
}

/* The length of a list; reading, also its memory. */
static void *walk_list(struct walk *w, size_t *n, size_t size)
{
    uint16_t count = (uint16_t)*n;

    walk_u16(w, &count);
    if (w->out) {
        w->out->failed |= *n > WALK_LIST_MAX;
        return NULL;
    }
    if (count > WALK_LIST_MAX || w->in->failed) {
        w->failed = true;
        count = 0;
    }
    void *v = count ? arena_alloc(w->arena, count * size) : NULL;

    if (count && !v)
        w->failed = true;
    *n = v ? count : 0;
    return v;
}

void walk_spans(struct walk *w, const struct span **v, size_t *n)
{
    struct span *mine = walk_list(w, n, sizeof(**v));

    for (size_t i = 0; i < *n; i++) {
        struct span s = w->out ? (*v)[i] : SPAN_NONE;

        walk_span(w, &s);
        if (!w->out)
            mine[i] = s;
    }
    *v = w->out ? *v : mine;
}

void walk_secret(struct walk *w, struct secret *s)
{
    struct span view = w->out ? secret_view(s) : SPAN_NONE;

    walk_span(w, &view);
    if (!w->out)
        *s = (struct secret){(uint8_t *)(uintptr_t)view.p, view.len};
}

/* 0 = NULL; else the length with its NUL, so that the reader can borrow. */
void walk_string(struct walk *w, const char **s)
{
    struct span view = w->out && *s ? span_of(*s, strlen(*s) + 1) : SPAN_NONE;

    walk_span(w, &view);
    if (w->out)
        return;
    if (view.len && memchr(view.p, 0, view.len) != view.p + view.len - 1) {
        w->failed = true;
        view = SPAN_NONE;
    }
    *s = (const char *)view.p;
}

void walk_alg(struct walk *w, const struct alg **alg)
{
    const struct alg *a = w->out ? *alg : NULL;
    uint8_t type = a ? a->type : 0;
    uint16_t id = a ? a->id : 0, bits = a ? a->key_bits : 0;

    walk_u8(w, &type);
    walk_u16(w, &id);
    walk_u16(w, &bits);
    if (w->out)
        return;
    *alg = type ? alg_find(w->algs, type, id, bits) : NULL;
    if (type && !*alg)
        w->failed = true;
}

void walk_suite(struct walk *w, struct suite *s)
{
    walk_alg(w, &s->encr);
    walk_alg(w, &s->prf);
    walk_alg(w, &s->integ);
    walk_alg(w, &s->ke);
    walk_bool(w, &s->esn);
}

void walk_addr(struct walk *w, struct addr *a)
{
    walk_u8(w, &a->family);
    if (w->out) {
        buf_span(w->out, addr_span(a));
        return;
    }
    struct span b = read_span(w->in, addr_len(a));

    if (a->family != 0 && a->family != 4 && a->family != 6)
        w->failed = true;
    memset(a->b, 0, sizeof(a->b));
    if (b.len)
        memcpy(a->b, b.p, b.len);
}

void walk_addrs(struct walk *w, const struct addr **v, size_t *n)
{
    struct addr *mine = walk_list(w, n, sizeof(**v));

    for (size_t i = 0; i < *n; i++) {
        struct addr a = w->out ? (*v)[i] : (struct addr){0};

        walk_addr(w, &a);
        if (!w->out)
            mine[i] = a;
    }
    *v = w->out ? *v : mine;
}

void walk_endpoint(struct walk *w, struct endpoint *e)
{
    walk_addr(w, &e->addr);
    walk_u16(w, &e->port);
}

void walk_ts(struct walk *w, struct ts *t)
{
    walk_u8(w, &t->protocol);
    walk_u16(w, &t->port_low);
    walk_u16(w, &t->port_high);
    walk_addr(w, &t->low);
    walk_addr(w, &t->high);
}

void walk_ts_list(struct walk *w, struct ts_list *l)
{
    struct ts *mine = walk_list(w, &l->n, sizeof(*l->v));

    for (size_t i = 0; i < l->n; i++) {
        struct ts t = w->out ? l->v[i] : (struct ts){0};

        walk_ts(w, &t);
        if (!w->out)
            mine[i] = t;
    }
    l->v = w->out ? l->v : mine;
}

void walk_ticket(struct walk *w, struct ticket *t)
{
    walk_u32(w, &t->slot);
    walk_u32(w, &t->round);
}

int walk_end(const struct walk *w)
{
    if (w->failed || (w->in && w->in->failed) || (w->arena && w->arena->failed))
        return ERR_BAD;
    return 0;
}
