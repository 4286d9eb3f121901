/* SPDX-License-Identifier: Apache-2.0 */
/* The hand's orders, and the SADs that they make. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

void xfrm_init(struct xfrm *x)
{
    list_init(&x->sas);
    list_init(&x->covers);
    list_init(&x->larvals);
    x->next_seq = 1;
}

void xfrm_flush(struct xfrm *x)
{
    LIST_EACH (i, &x->sas) {
        list_remove(i);
        free(LIST_ITEM(i, struct sa, link));
    }
    LIST_EACH (i, &x->covers) {
        list_remove(i);
        free(LIST_ITEM(i, struct cover, link));
    }
    LIST_EACH (i, &x->larvals) {
        list_remove(i);
        free(LIST_ITEM(i, struct larval_sa, link));
    }
}

struct sa *xfrm_find(struct xfrm *x, bool inbound, uint32_t spi)
{
    LIST_EACH (i, &x->sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);

        if (s->inbound == inbound && s->spi == spi)
            return s;
    }
    return NULL;
}

size_t xfrm_count(const struct xfrm *x, bool inbound, uint16_t connection, uint16_t child)
{
    size_t n = 0;

    LIST_EACH (i, &x->sas) {
        const struct sa *s = LIST_ITEM(i, struct sa, link);

        n += s->inbound == inbound && s->connection == connection && s->child == child;
    }
    return n;
}

size_t xfrm_size(const struct xfrm *x)
{
    return list_count(&x->sas);
}

/* Everything that decides whether a packet sealed by one SA opens with another. */
static uint64_t keys_digest(struct world *w, const struct ask_child *q, bool i2r)
{
    struct map m = {.seed = {1, 2}};
    const struct secret *encr = i2r ? &q->keys->encr_i2r : &q->keys->encr_r2i;
    const struct secret *integ = i2r ? &q->keys->integ_i2r : &q->keys->integ_r2i;
    uint8_t all[160], *p = all;

    LAW(w, LAW_KEYS,
        q->suite.encr && encr->len == q->suite.encr->key_len && integ->len == (q->suite.integ ? q->suite.integ->key_len : 0) &&
            ((q->suite.encr->flags & ALG_AEAD) || q->suite.integ) && encr->len + integ->len <= 150,
        "a Child SA with keys of %zu and %zu bytes", encr->len, integ->len);
    if (w->failed)
        return 0;
    put_u16(p, q->suite.encr->id);
    put_u16(p + 2, q->suite.encr->key_bits);
    put_u16(p + 4, q->suite.integ ? q->suite.integ->id : 0);
    p[6] = q->suite.esn;
    memcpy(p + 7, encr->p, encr->len);
    p += 7 + encr->len;
    if (integ->len)
        memcpy(p, integ->p, integ->len);
    return map_hash(&m, span_of(all, (size_t)(p - all) + integ->len));
}

/* The configuration's selectors with `dynamic` filled in. */
static bool within(const struct ts *ts, struct ts_list outer, const struct addr *dynamic)
{
    for (size_t i = 0; i < outer.n; i++) {
        struct ts o = outer.v[i];

        if (!o.low.family)
            o.low = o.high = *dynamic;
        if (ts_contains(&o, ts))
            return true;
    }
    return false;
}

static const char *refuse_install(struct end *e, const struct ask_child *q)
{
    const struct conf_connection *c;
    const struct conf_child *child;

    if (q->peer.connection >= e->conf->n_connections)
        return "no such connection";
    c = &e->conf->connections[q->peer.connection];
    if (q->child >= c->n_children)
        return "no such child";
    child = &c->children[q->child];
    if (!q->peer.handle || q->peer.handle > e->n_verdicts ||
        e->verdicts[(q->peer.handle - 1) % COUNT_OF(e->verdicts)] != q->peer.connection + 1u)
        return "no verdict";
    if (!REQID_OURS(q->reqid) || q->spi_in < 256 || q->protocol != PROTOCOL_ESP || !q->keys)
        return "reqid, SPI, protocol or keys";
    if (!q->ts_local.n || !q->ts_remote.n)
        return "no selectors";
    for (size_t i = 0; i < q->ts_local.n; i++)
        if (!within(&q->ts_local.v[i], child->local, &q->local.addr))
            return "a local selector outside the configuration";
    for (size_t i = 0; i < q->ts_remote.n; i++)
        if (!within(&q->ts_remote.v[i], child->remote, &q->remote.addr))
            return "a remote selector outside the configuration";
    return NULL;
}

static struct sa *sa_new(struct end *e, const struct ask_child *q, bool inbound)
{
    struct sa *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    *s = (struct sa){
        .inbound = inbound,
        .spi = inbound ? q->spi_in : q->spi_out,
        .other_spi = inbound ? q->spi_out : q->spi_in,
        .reqid = q->reqid,
        .connection = q->peer.connection,
        .child = q->child,
        .generation = q->peer.generation,
        .local = q->local,
        .remote = q->remote,
        .encap = q->udp_encap,
        .transport = q->transport,
        .keys = keys_digest(e->world, q, inbound != q->we_initiated),
        .n_local = q->ts_local.n,
        .n_remote = q->ts_remote.n,
        .soft_packets = q->soft_packets,
        .hard_packets = q->hard_packets,
        .added = e->world->now,
        .soft_at = q->soft_seconds ? e->world->now + q->soft_seconds * USEC_SEC : USEC_NEVER,
        .hard_at = q->hard_seconds ? e->world->now + q->hard_seconds * USEC_SEC : USEC_NEVER,
    };
    memcpy(s->ts_local, q->ts_local.v, s->n_local * sizeof(struct ts));
    memcpy(s->ts_remote, q->ts_remote.v, s->n_remote * sizeof(struct ts));
    list_append(&e->xfrm.sas, &s->link);
    xfrm_watch(e, s);
    return s;
}

static void cover_add(struct end *e, const struct sa *s)
{
    struct cover *c = calloc(1, sizeof(*c));

    if (!c)
        abort();
    *c = (struct cover){.reqid = s->reqid,
                        .spi_in = s->inbound ? s->spi : s->other_spi,
                        .connection = s->connection,
                        .child = s->child,
                        .n_local = s->n_local,
                        .n_remote = s->n_remote,
                        .local = s->local,
                        .remote = s->remote};
    memcpy(c->ts_local, s->ts_local, sizeof(c->ts_local));
    memcpy(c->ts_remote, s->ts_remote, sizeof(c->ts_remote));
    list_append(&e->xfrm.covers, &c->link);
}

static void larval_free(struct xfrm *x, uint32_t reqid, uint32_t seq)
{
    LIST_EACH (i, &x->larvals) {
        struct larval_sa *l = LIST_ITEM(i, struct larval_sa, link);

        if (l->reqid == reqid || (seq && l->seq == seq)) {
            list_remove(&l->link);
            free(l);
        }
    }
}

static int install(struct end *e, const struct ask_child *q)
{
    const char *why = refuse_install(e, q);

    if (!LAW(e->world, LAW_HAND, !why, "end %u: the hand refuses an INSTALL: %s", e->index, why))
        return ERR_REFUSED;
    struct lot lot = lot_draw(e->world, LOT_ASK, e->index | 1 << 8, ASK_CHILD_INSTALL);

    if (lot_strikes(e->world, &lot, FAULT_EXISTS, e->install_exists) || xfrm_find(&e->xfrm, true, q->spi_in))
        return ERR_EXISTS;
    e->xfrm.installs++;
    sa_new(e, q, true);
    world_trace(e->world, "%u SAD + %08x/%08x of %u.%u%s", e->index, q->spi_in, q->spi_out, q->peer.connection, q->child,
                q->inbound_only ? " inbound only" : "");
    if (!q->inbound_only) {
        larval_free(&e->xfrm, q->reqid, q->acquire_seq);
        cover_add(e, sa_new(e, q, false));
    }
    return 0;
}

static int outbound(struct end *e, const struct ask_child *q)
{
    struct sa *in = xfrm_find(&e->xfrm, true, q->spi_in);

    if (!in)
        return ERR_NOT_FOUND;
    if (!q->keys || refuse_install(e, q)) {
        law_broken(e->world, LAW_HAND, "end %u: the hand refuses an OUTBOUND: %s", e->index,
                   q->keys ? refuse_install(e, q) : "no keys");
        return ERR_REFUSED;
    }
    LIST_EACH (i, &e->xfrm.sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);

        if (!s->inbound && s->other_spi == q->spi_in)
            return ERR_EXISTS;
    }
    larval_free(&e->xfrm, q->reqid, q->acquire_seq);
    cover_add(e, sa_new(e, q, false));
    world_trace(e->world, "%u SAD > %08x/%08x", e->index, q->spi_in, q->spi_out);
    return 0;
}

/* Both directions of a pair, as named by the inbound SPI. */
static int remove_pair(struct end *e, const struct ask_child *q)
{
    int found = 0;

    e->xfrm.removes++;
    LIST_EACH (i, &e->xfrm.sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);

        if ((s->inbound ? s->spi : s->other_spi) == q->spi_in) {
            list_remove(&s->link);
            free(s);
            found = 1;
        }
    }
    LIST_EACH (i, &e->xfrm.covers) {
        struct cover *c = LIST_ITEM(i, struct cover, link);

        if (c->spi_in == q->spi_in) {
            list_remove(&c->link);
            free(c);
        }
    }
    world_trace(e->world, "%u SAD - %08x/%08x%s", e->index, q->spi_in, q->spi_out, found ? "" : " (not there)");
    return found ? 0 : ERR_NOT_FOUND;
}

static int update(struct end *e, const struct ask_child *q)
{
    int found = 0;

    LIST_EACH (i, &e->xfrm.sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);

        if ((s->inbound ? s->spi : s->other_spi) != q->spi_in)
            continue;
        s->local = q->local;
        s->remote = q->remote;
        s->encap = q->udp_encap;
        found = 1;
    }
    LIST_EACH (i, &e->xfrm.covers) {
        struct cover *c = LIST_ITEM(i, struct cover, link);

        if (c->spi_in == q->spi_in) {
            c->local = q->local;
            c->remote = q->remote;
        }
    }
    return found ? 0 : ERR_NOT_FOUND;
}

static int query(struct end *e, const struct ask_child *q, struct answer *out)
{
    struct sa *in = xfrm_find(&e->xfrm, true, q->spi_in), *o = xfrm_find(&e->xfrm, false, q->spi_out);
    usec_t now = e->world->now;

    if (!in)
        return ERR_NOT_FOUND;
    out->u.query.bytes_in = in->bytes;
    out->u.query.packets_in = in->packets;
    out->u.query.idle_in_s = in->used ? (now - in->used) / USEC_SEC : -1;
    out->u.query.bytes_out = o ? o->bytes : 0;
    out->u.query.packets_out = o ? o->packets : 0;
    out->u.query.idle_out_s = o && o->used ? (now - o->used) / USEC_SEC : -1;
    return 0;
}

int xfrm_perform(struct end *e, const struct ask *q, struct answer *out)
{
    switch (q->kind) {
    case ASK_CHILD_INSTALL:
        return install(e, &q->u.child);
    case ASK_CHILD_OUTBOUND:
        return outbound(e, &q->u.child);
    case ASK_CHILD_REMOVE:
        return remove_pair(e, &q->u.child);
    case ASK_CHILD_UPDATE:
        return update(e, &q->u.child);
    case ASK_CHILD_QUERY:
        return query(e, &q->u.child, out);
    case ASK_ACQUIRE_DONE:
        larval_free(&e->xfrm, 0, q->u.acquire.seq);
        return 0;
    default:
        law_broken(e->world, LAW_ASKS, "end %u asks the hand for %d", e->index, (int)q->kind);
        return ERR_UNSUPPORTED;
    }
}
