/* SPDX-License-Identifier: Apache-2.0 */
/* What a datagram says, as a reader on the wire sees it: glass hides nothing. */
#include "collide.h"

#include <string.h>

static void read_sa(struct clash_says *s, const struct payload *sa)
{
    s->has_sa = sa->u.sa.n > 0;
    if (!s->has_sa)
        return;
    s->spi = sa->u.sa.v[0].spi_len == 8 ? get_u64(sa->u.sa.v[0].spi) : get_u32(sa->u.sa.v[0].spi);
    if (sa->u.sa.v[0].protocol == PROTOCOL_IKE)
        s->kind = SAYS_REKEY_IKE;
}

static void read_notify(struct clash_says *s, const struct payload *n)
{
    uint32_t spi = n->u.notify.spi.len == 4 ? get_u32(n->u.notify.spi.p) : 0;

    if (n->u.notify.type <= NOTIFY_ERROR_MAX && !s->error)
        s->error = n->u.notify.type;
    if (n->u.notify.type == INVALID_KE_PAYLOAD && n->u.notify.data.len == 2)
        s->group = get_u16(n->u.notify.data.p);
    if (n->u.notify.type == REKEY_SA) {
        s->kind = SAYS_REKEY_CHILD;
        s->rekeys = spi;
    } else if (n->u.notify.type == CHILD_SA_NOT_FOUND) {
        s->missing = spi;
    }
}

static void read_delete(struct clash_says *s, const struct payload *d)
{
    struct reader r = reader_of(d->u.del.spis);

    s->kind = d->u.del.protocol == PROTOCOL_IKE ? SAYS_DELETE_IKE : SAYS_DELETE_CHILD;
    while (d->u.del.protocol == PROTOCOL_ESP && read_left(&r) >= 4 && s->n_deletes < CLASH_DELETES)
        s->deletes[s->n_deletes++] = read_u32(&r);
}

static void read_inside(struct clash_says *s, const struct payload *in)
{
    s->kind = s->exchange == IKE_AUTH ? SAYS_AUTH : s->exchange == CREATE_CHILD_SA ? SAYS_NEW_CHILD : SAYS_EMPTY;
    for (const struct payload *p = in; p; p = p->next)
        if (p->type == PAYLOAD_SA) {
            read_sa(s, p);
        } else if (p->type == PAYLOAD_NOTIFY) {
            read_notify(s, p);
        } else if (p->type == PAYLOAD_DELETE) {
            read_delete(s, p);
        } else if (p->type == PAYLOAD_NONCE && p->u.nonce.len <= sizeof(s->nonce)) {
            s->nonce_len = p->u.nonce.len;
            memcpy(s->nonce, p->u.nonce.p, s->nonce_len);
        } else if (p->type == PAYLOAD_KE) {
            s->group = p->u.ke.group;
        } else if (p->type == PAYLOAD_TSI && p->u.ts.n) {
            s->extra = addr_span(&p->u.ts.v[0].low).p[1] >= 10; /* 10.10.0.0/16 and up: the second child of the stage */
        }
}

bool clash_read(unsigned from, struct span ike, struct clash_says *s)
{
    struct map m = {.seed = {11, 12}};
    struct span inner = SPAN_NONE;
    struct payload *in = NULL;
    struct wire_error why;
    struct ike_header h;
    struct arena a;

    *s = (struct clash_says){.from = from, .kind = SAYS_CLEAR};
    if (msg_read_header(ike, &h, &why) < 0)
        return false;
    s->exchange = h.exchange;
    s->response = h.flags & IKE_FLAG_RESPONSE;
    s->by_initiator = h.flags & IKE_FLAG_INITIATOR;
    s->spi_i = h.spi_i;
    s->spi_r = h.spi_r;
    s->id = h.message_id;
    s->digest = map_hash(&m, ike);
    if (h.exchange == IKE_SA_INIT)
        s->kind = SAYS_INIT;
    if (h.next != PAYLOAD_SK)
        return true;
    arena_init(&a, 1 << 18);
    inner = glass_inside(span_part(ike, IKE_HEADER_LEN + 4, ike.len));
    if (!inner.len || msg_read_payloads(&a, ike.p[IKE_HEADER_LEN], inner, 0, &in, &why) == 0)
        read_inside(s, in);
    arena_done(&a);
    return true;
}

void clash_says_format(const struct clash_says *s, struct text *t)
{
    static const char *const kinds[] = {"unprotected", "init",         "auth",       "new child", "rekey child",
                                        "rekey IKE",   "delete child", "delete IKE", "empty"};

    text_add(t, "%u>%u IKE %04x id %u %s ", s->from, !s->from, (unsigned)(s->spi_i >> 48), s->id,
             s->response ? "answer" : "request");
    if (s->error)
        text_add(t, "%s", notify_name(s->error) ? notify_name(s->error) : "error");
    else
        text_add(t, "%s", s->response && s->kind == SAYS_NEW_CHILD ? "child" : kinds[s->kind]);
    if (s->rekeys)
        text_add(t, " of %08x", s->rekeys);
    if (s->has_sa)
        text_add(t, " SPI %0*llx nonce %02x%02x", s->kind == SAYS_REKEY_IKE ? 16 : 8, (unsigned long long)s->spi, s->nonce[0],
                 s->nonce[1]);
    for (size_t i = 0; i < s->n_deletes; i++)
        text_add(t, " %08x", s->deletes[i]);
}
