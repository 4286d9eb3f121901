/* SPDX-License-Identifier: Apache-2.0 */
/* The SAs of Child SAs: may this be, into the kernel with their policies in one batch, out again, elsewhere. What is kept of
 * them: record.c. */
#include "hand_inside.h"

#include <stdlib.h>
#include <string.h>

static void answer(struct hand *h, const struct ask *a, int error)
{
    struct answer out = {.ticket = a->ticket, .kind = a->kind, .result = error ? ANSWER_FAILED : ANSWER_OK};

    out.why = error && h->why[0] ? h->why : NULL;
    out.u.install.error = error;
    h->setup.answer(h->setup.ctx, &out);
}

static struct text why(struct hand *h)
{
    return text_in(h->why, sizeof h->why);
}

/* --- may this be? ---------------------------------------------------------------------------------------------------- */

static const struct conf *conf_of(const struct hand *h, uint32_t generation)
{
    if (h->conf && h->conf->generation == generation)
        return h->conf;
    return h->old_conf && h->old_conf->generation == generation ? h->old_conf : NULL;
}

/* A child of an earlier snapshot by its place in this one; NULL when it is gone. */
static struct hand_child *child_now(const struct hand *h, const struct conf_connection *conn, const struct conf_child *c)
{
    for (size_t i = 0; i < h->conf->n_connections; i++) {
        struct hand_conn *now = &h->conns[i];

        if (strcmp(now->conf->name, conn->name))
            continue;
        for (size_t j = 0; j < now->conf->n_children; j++)
            if (!strcmp(now->conf->children[j].name, c->name))
                return &now->children[j];
    }
    return NULL;
}

static int find_child(struct hand *h, const struct ask_child *a, struct text *t, const struct conf_child **conf,
                      struct hand_child **child)
{
    const struct conf *snapshot = conf_of(h, a->peer.generation);
    const struct conf_connection *conn;

    if (!snapshot || a->peer.connection >= snapshot->n_connections ||
        a->child >= snapshot->connections[a->peer.connection].n_children) {
        text_add(t, "no such connection in the configuration (generation %u, connection %u, child %u)", a->peer.generation,
                 a->peer.connection, a->child);
        return ERR_REFUSED;
    }
    conn = &snapshot->connections[a->peer.connection];
    *conf = &conn->children[a->child];
    *child = snapshot == h->conf ? &h->conns[a->peer.connection].children[a->child] : child_now(h, conn, *conf);
    if (!*child) {
        text_add(t, "%s/%s is not in the configuration any more", conn->name, (*conf)->name);
        return ERR_REFUSED;
    }
    if ((*child)->conn->disabled) {
        text_add(t, "%s is disabled: enable it first", conn->name);
        return ERR_REFUSED;
    }
    return 0;
}

static int may_address(const struct ask_child *a, const struct hand_child *child, struct text *t)
{
    const struct conf_end *remote = &child->conn->conf->remote;
    struct prefix one = {.addr = a->remote.addr, .bits = (uint8_t)(addr_len(&a->remote.addr) * 8)};
    char text[ADDR_TEXT_MAX];

    if (!a->remote.addr.family || a->remote.addr.family != a->local.addr.family || addr_is_any(&a->remote.addr) ||
        addr_is_any(&a->local.addr)) {
        text_add(t, "an outer address is missing");
        return ERR_BAD;
    }
    if (a->udp_encap) /* a NAT may give the peer any address; who it is has been proved */
        return 0;
    if ((remote->addr.family && !addr_equal(&remote->addr, &a->remote.addr)) ||
        (remote->net.addr.family && !prefix_within(&one, &remote->net))) {
        text_add(t, "%s is not the configured address of the peer", addr_format(&a->remote.addr, text));
        return ERR_REFUSED;
    }
    return 0;
}

static int may_selectors(const struct ask_child *a, const struct conf_child *c, struct text *t)
{
    struct ts local[TS_LIST_MAX], remote[TS_LIST_MAX];
    struct ts_list l = selectors_configured(c, false, &a->local.addr, &a->local_inner, local);
    struct ts_list r = selectors_configured(c, true, &a->remote.addr, &a->remote_inner, remote);
    bool local_bad = !a->ts_local.n || !ts_list_within(a->ts_local, l);

    if (!local_bad && a->ts_remote.n && ts_list_within(a->ts_remote, r))
        return 0;
    text_add(t, "the configuration of %s does not allow the %s selectors ", c->name, local_bad ? "local" : "remote");
    ts_list_format(local_bad ? a->ts_local : a->ts_remote, t);
    return ERR_REFUSED;
}

static int may_suite(const struct ask_child *a, struct text *t)
{
    const struct alg *e = a->suite.encr, *i = a->suite.integ;

    if (a->protocol != PROTOCOL_ESP) {
        text_add(t, "only ESP is supported");
        return ERR_UNSUPPORTED;
    }
    if (!e || !e->xfrm_name || (i && !i->xfrm_name) || (!i && !(e->flags & ALG_AEAD))) {
        text_add(t, "no suite that the kernel can have");
        return ERR_UNSUPPORTED;
    }
    if (!a->keys || a->keys->encr_i2r.len != e->key_len || a->keys->encr_r2i.len != e->key_len ||
        (i && (a->keys->integ_i2r.len != i->key_len || a->keys->integ_r2i.len != i->key_len))) {
        text_add(t, "keys of a wrong length");
        return ERR_BAD;
    }
    return 0;
}

static int may(struct hand *h, const struct ask_child *a, struct text *t, const struct conf_child **conf,
               struct hand_child **child)
{
    int err = find_child(h, a, t, conf, child);

    if (!err && h->setup.verdict && !h->setup.verdict(h->setup.ctx, &a->peer)) {
        text_add(t, "nobody has proved this peer to be %s", (*child)->conn->conf->name);
        err = ERR_UNPROVED;
    }
    if (!err && h->disarmed) {
        text_add(t, "the daemon is being stopped");
        err = ERR_REFUSED;
    }
    if (!err && !REQID_OURS(a->reqid)) {
        text_add(t, "reqid %u is not of our range", a->reqid);
        err = ERR_REFUSED;
    }
    if (!err && (a->spi_in < 256 || (!a->inbound_only && a->spi_out < 256))) {
        text_add(t, "SPIs below 256 are reserved (RFC 4303 2.1)");
        err = ERR_REFUSED;
    }
    if (!err)
        err = may_suite(a, t);
    if (!err)
        err = may_address(a, *child, t);
    return err ? err : may_selectors(a, *conf, t);
}

/* --- SAs into the kernel --------------------------------------------------------------------------------------------- */

static void fill_sa(struct kernel_sa *sa, const struct ask_child *a, const struct sa_record *r, const struct conf_child *conf,
                    bool out)
{
    const struct policy *p = r->claims->policy;
    bool i2r = out == a->we_initiated;

    sa->src = out ? a->local.addr : a->remote.addr;
    sa->dst = out ? a->remote.addr : a->local.addr;
    sa->encap_sport = out ? a->local.port : a->remote.port;
    sa->encap_dport = out ? a->remote.port : a->local.port;
    sa->spi = out ? a->spi_out : a->spi_in;
    sa->reqid = r->reqid;
    sa->outbound = out;
    sa->transport = a->transport;
    sa->esn = a->suite.esn;
    sa->clear_df = conf->df == DF_CLEAR;
    sa->udp_encap = a->udp_encap;
    sa->replay_window = out ? 0 : conf->replay_window;
    sa->mark = p->mark; /* as its policies have it, whatever a reload has changed since */
    sa->mark_mask = p->mark_mask;
    sa->if_id = p->if_id;
    sa->life = (struct kernel_lifetime){a->soft_bytes,   a->hard_bytes,   a->soft_packets,
                                        a->hard_packets, a->soft_seconds, a->hard_seconds};
    sa->encr = a->suite.encr;
    sa->integ = a->suite.integ;
    sa->encr_key = secret_view(i2r ? &a->keys->encr_i2r : &a->keys->encr_r2i);
    sa->integ_key = sa->integ ? secret_view(i2r ? &a->keys->integ_i2r : &a->keys->integ_r2i) : SPAN_NONE;
}

static void plan_sa(struct batch *b, const struct ask_child *a, const struct sa_record *r, const struct conf_child *conf,
                    bool out, uint32_t seq)
{
    struct kernel_op *op = batch_add(b, OP_SA_ADD, NULL);

    if (!op)
        return;
    fill_sa(&op->u.sa, a, r, conf, out);
    if (out)
        op->u.sa.seq = seq;
}

static void sa_delete(struct hand *h, const struct sa_name *name)
{
    struct kernel_op op = {.kind = OP_SA_DEL, .u.name = *name};

    hand_apply(h, &op, 1);
}

static void sa_delete_ref(struct hand *h, const struct sa_ref *ref)
{
    struct sa_name name = ref_name(ref);

    sa_delete(h, &name);
}

/* The first SA that failed decides; those that went in come out again. */
static int took_sas(struct hand *h, const struct batch *b, struct text *t)
{
    int err = b->failed ? ERR_MEMORY : 0;

    for (size_t i = 0; i < b->n; i++) {
        const struct kernel_op *op = &b->ops[i];

        if (b->policies[i] || op->kind != OP_SA_ADD || op->result == 0 || err)
            continue;
        err = op->result;
        if (err == ERR_EXISTS && op->u.sa.outbound)
            err = ERR_REFUSED;
        text_add(t, "%s SA %08x: %s", op->u.sa.outbound ? "outbound" : "inbound", op->u.sa.spi, op->why);
    }
    if (!err)
        return 0;
    for (size_t i = 0; i < b->n; i++)
        if (b->ops[i].kind == OP_SA_ADD && b->ops[i].result == 0) {
            const struct kernel_sa *sa = &b->ops[i].u.sa;
            struct sa_name name = {sa->spi, sa->dst, sa->outbound ? sa->mark : 0, sa->outbound ? sa->mark_mask : 0, sa->if_id};

            sa_delete(h, &name);
        }
    return err;
}

/* What failed for others, whose policies go with ours in one batch, is in the log, and is tried again: it is no fault of this SA.
 */
static int own_fault(const struct sa_record *r, int err)
{
    return claims_unsettled(r->claims) || (r->child && claims_unsettled(r->child->claims)) ? err : 0;
}

/* Do a child's policies hang on its outer addresses: `dynamic` selectors, or exceptions for our own address? */
static bool wants_addresses(const struct conf_child *c, const struct addr *local)
{
    for (size_t i = 0; i < c->remote.n; i++)
        if (!c->remote.v[i].low.family)
            return true;
    for (size_t i = 0; i < c->local.n; i++) {
        const struct ts *t = &c->local.v[i];

        if (!t->low.family ||
            (t->low.family == local->family && addr_compare(&t->low, local) <= 0 && addr_compare(local, &t->high) <= 0))
            return true;
    }
    return false;
}

/* An address that the configuration leaves open, known now: what depends on it is closed from here on. Where there are many
 * peers, the first address of ours is taken for all. */
static void learn(struct hand *h, struct hand_child *child, const struct sa_record *r)
{
    struct hand_conn *conn = child->conn;

    if (conn->many ? conn->local.family != 0 : addr_equal(&conn->local, &r->local) && addr_equal(&conn->remote, &r->remote))
        return;
    conn->local = r->local;
    if (!conn->many)
        conn->remote = r->remote;
    for (size_t i = 0; i < conn->conf->n_children; i++) {
        struct hand_child *c = &conn->children[i];
        char line[256];
        struct text t = text_in(line, sizeof line);

        claims_dirty(h, c->claims); /* traps name the addresses */
        if (wants_addresses(c->conf, &conn->local) && closed_remake(h, c, &t))
            hand_log(h, LEVEL_ERROR, "%s/%s: %s", conn->conf->name, c->conf->name, line);
    }
}

static void acquire_fulfilled(struct hand *h, const struct sa_record *r, uint32_t asked_reqid)
{
    struct pending *p = pending_find(h, r->reqid);

    if (!p)
        p = pending_find(h, asked_reqid);
    if (p) /* the kernel put the SA in the larval one's place where the addresses are the same */
        pending_end(h, p, !addr_equal(&p->larval.dst, &r->remote));
}

static uint32_t acquire_seq(const struct hand *h, const struct ask_child *a, const struct sa_record *r)
{
    const struct pending *p = pending_find(h, r->reqid);

    return p ? p->larval.seq : a->acquire_seq; /* the trap may have asked again since */
}

static int install(struct hand *h, const struct ask_child *a, struct text *t)
{
    const struct conf_child *conf;
    struct hand_child *child;
    struct sa_record *r;
    struct batch b;
    int err = may(h, a, t, &conf, &child), policy_err;

    if (err)
        return err;
    if (sa_find(h, a->spi_in, &a->local.addr)) {
        text_add(t, "the inbound SPI %08x is in use", a->spi_in);
        return ERR_EXISTS;
    }
    r = sa_record_new(h, a, conf, child, t, &err);
    if (!r)
        return err;
    batch_init(&b);
    plan_sa(&b, a, r, conf, false, 0);
    if (!a->inbound_only)
        plan_sa(&b, a, r, conf, true, acquire_seq(h, a, r));
    learn(h, child, r);
    policies_plan(h, &b, true);
    batch_apply(h, &b);
    policy_err = own_fault(r, policies_took(h, &b, t));
    if (!policy_err)
        *t = why(h);
    err = took_sas(h, &b, t);
    if (!err && policy_err) {
        sa_delete_ref(h, &r->in);
        if (r->out.there)
            sa_delete_ref(h, &r->out);
        err = policy_err == ERR_EXISTS ? ERR_REFUSED : policy_err;
    }
    batch_done(&b);
    if (err) {
        sa_record_free(h, r);
        (void)policies_settle(h, true, NULL);
    } else if (!a->inbound_only) {
        acquire_fulfilled(h, r, a->reqid);
    }
    return err;
}

void hand_child_install(struct hand *h, const struct ask *a)
{
    struct text t = why(h);

    answer(h, a, install(h, &a->u.child, &t));
}

/* Is there another SA for every policy by which this one sends? */
static bool others_send(const struct hand *h, const struct sa_record *r)
{
    for (const struct claim *c = r->claims; c; c = c->next)
        if (!policy_claim_besides(h, c->policy, DIRECTION_OUT, r))
            return false;
    return true;
}

/* Where others send, no policy names its outbound SA any more: it is as good as gone, and goes with the inbound one. */
static int mute_record(struct hand *h, struct sa_record *r, struct text *t)
{
    if (r->mute || !r->out.there || !r->in.there || !others_send(h, r))
        return 0;
    r->mute = true;
    claims_dirty(h, r->claims);
    return own_fault(r, policies_settle(h, true, t));
}

/* From now on the policies are its. */
static void record_newest(struct hand *h, struct sa_record *r)
{
    r->order = ++h->order;
    for (struct claim *c = r->claims; c; c = c->next)
        claim_place(c);
    claims_dirty(h, r->claims);
}

static int outbound(struct hand *h, const struct ask_child *a, struct text *t)
{
    struct sa_ref *ref = sa_find(h, a->spi_in, &a->local.addr);
    const struct conf_child *conf;
    struct hand_child *child;
    struct sa_record *r;
    struct batch b;
    int err = may(h, a, t, &conf, &child);

    if (err)
        return err;
    if (!ref || ref->out || ref_record(ref)->out.there || ref_record(ref)->child != child) {
        text_add(t, "there is no inbound SA %08x that waits for its outbound one", a->spi_in);
        return ERR_NOT_FOUND;
    }
    r = ref_record(ref);
    r->remote = a->remote.addr;
    r->out = ref_of(h, a->spi_out, true);
    if (!ref_add(h, &r->out))
        return ERR_MEMORY;
    record_newest(h, r);
    batch_init(&b);
    plan_sa(&b, a, r, conf, true, 0);
    policies_plan(h, &b, true);
    batch_apply(h, &b);
    (void)policies_took(h, &b, t);
    err = took_sas(h, &b, t);
    if (!err && b.failed)
        err = ERR_MEMORY;
    batch_done(&b);
    if (err) {
        record_lost(h, &r->out);
        (void)policies_settle(h, true, NULL);
    } else if ((ref = a->old_spi_in ? sa_find(h, a->old_spi_in, &a->local.addr) : NULL) && !ref->out &&
               ref_record(ref)->child == child) {
        err = mute_record(h, ref_record(ref), t);
    }
    return err;
}

void hand_child_outbound(struct hand *h, const struct ask *a)
{
    struct text t = why(h);

    answer(h, a, outbound(h, &a->u.child, &t));
}

/* --- and out of it --------------------------------------------------------------------------------------------------- */

static struct sa_record *record_by_spi(struct hand *h, const struct ask_child *a)
{
    struct sa_ref *ref = a->local.addr.family ? sa_find(h, a->spi_in, &a->local.addr) : NULL;

    if (ref && !ref->out)
        return ref_record(ref);
    LIST_EACH (i, &h->records) /* its address has changed, or was not said */
    {
        struct sa_record *r = LIST_ITEM(i, struct sa_record, in_hand);

        if (r->in.spi == a->spi_in && (!a->spi_out || !r->out.there || r->out.spi == a->spi_out))
            return r;
    }
    return NULL;
}

/* What is to be deleted when the record is no more. */
struct going {
    bool there;
    struct sa_name name;
};

static struct going going(const struct sa_ref *ref)
{
    return (struct going){ref->there, ref_name(ref)};
}

static void plan_sa_delete(struct batch *b, const struct going *g)
{
    struct kernel_op *op = g->there ? batch_add(b, OP_SA_DEL, NULL) : NULL;

    if (op)
        op->u.name = g->name;
}

/* Policies first: what would go out by the SA waits or is dropped, and never raises an ACQUIRE for an SA that is going. */
static int remove_record(struct hand *h, struct sa_record *r, struct text *t)
{
    struct going in = going(&r->in), out = going(&r->out);
    const struct hand_child *child = r->child;
    struct batch b;
    int err;

    sa_record_free(h, r);
    batch_init(&b);
    policies_plan(h, &b, true);
    plan_sa_delete(&b, &out);
    plan_sa_delete(&b, &in);
    batch_apply(h, &b);
    err = policies_took(h, &b, t);
    if (child && !claims_unsettled(child->claims))
        err = b.failed ? ERR_MEMORY : 0;
    for (size_t i = 0; i < b.n; i++)
        if (!b.policies[i] && b.ops[i].result && b.ops[i].result != ERR_NOT_FOUND && !err) {
            err = b.ops[i].result;
            text_add(t, "SA %08x: %s", b.ops[i].u.name.spi, b.ops[i].why);
        }
    batch_done(&b);
    return err;
}

void hand_child_remove(struct hand *h, const struct ask *a)
{
    struct text t = why(h);
    struct sa_record *r = record_by_spi(h, &a->u.child);

    if (r && a->u.child.inbound_only)
        answer(h, a, mute_record(h, r, &t));
    else
        answer(h, a, r ? remove_record(h, r, &t) : 0); /* gone already is what was wanted */
}

static void plan_move(struct batch *b, const struct sa_ref *ref, const struct ask_child *a, bool out)
{
    struct kernel_op *op = ref->there ? batch_add(b, OP_SA_MOVE, NULL) : NULL;

    if (!op)
        return;
    op->u.move.old = ref_name(ref);
    op->u.move.src = out ? a->local.addr : a->remote.addr;
    op->u.move.dst = out ? a->remote.addr : a->local.addr;
    op->u.move.udp_encap = a->udp_encap;
    op->u.move.encap_sport = out ? a->local.port : a->remote.port;
    op->u.move.encap_dport = out ? a->remote.port : a->local.port;
}

/* Its destination is another one now. */
static void ref_moved(struct hand *h, struct sa_ref *ref)
{
    if (!ref->there)
        return;
    ref_remove(h, ref);
    (void)ref_add(h, ref);
}

static int update(struct hand *h, const struct ask_child *a, struct text *t)
{
    struct sa_record *r = record_by_spi(h, a);
    struct batch b;
    int err = 0;

    if (!r) {
        text_add(t, "there is no SA %08x", a->spi_in);
        return ERR_NOT_FOUND;
    }
    if (r->child && may_address(a, r->child, t))
        return ERR_REFUSED;
    batch_init(&b);
    plan_move(&b, &r->in, a, false);
    plan_move(&b, &r->out, a, true);
    batch_apply(h, &b);
    for (size_t i = 0; i < b.n && !err; i++)
        if (b.ops[i].result) {
            err = b.ops[i].result;
            text_add(t, "SA %08x: %s", b.ops[i].u.move.old.spi, b.ops[i].why);
        }
    if (!err && b.failed)
        err = ERR_MEMORY;
    batch_done(&b);
    if (err)
        return err;
    r->local = a->local.addr;
    r->remote = a->remote.addr;
    ref_moved(h, &r->in);
    ref_moved(h, &r->out);
    claims_dirty(h, r->claims);
    if (r->child)
        learn(h, r->child, r);
    return own_fault(r, policies_settle(h, true, t));
}

void hand_child_update(struct hand *h, const struct ask *a)
{
    struct text t = why(h);

    answer(h, a, update(h, &a->u.child, &t));
}

/* Seconds since an SA was used; -1 = never. The kernel tells it by the wall clock, which may jump: believed only as far as the
 * packets counted since the last look agree with it. */
static int64_t idle(const struct hand *h, struct sa_ref *ref, const struct sa_seen *s)
{
    usec_t now = hand_now(h), said = (hand_wall_s(h) - s->used_at) * USEC_SEC;

    if (REF_PACKETS(s->packets) != ref->packets && s->used_at)
        ref->used = ref_time(said >= 0 && said <= now - ref->looked * REF_UNIT + USEC_SEC ? now - said : now);
    ref->packets = REF_PACKETS(s->packets);
    ref->looked = ref_time(now);
    return ref->used ? (now - ref->used * REF_UNIT) / USEC_SEC : -1;
}

void hand_child_query(struct hand *h, const struct ask *a)
{
    struct answer out = {.ticket = a->ticket, .kind = a->kind, .result = ANSWER_OK};
    struct sa_record *r = record_by_spi(h, &a->u.child);
    struct sa_name in_name = r ? ref_name(&r->in) : (struct sa_name){0}, out_name = r ? ref_name(&r->out) : in_name;
    struct sa_seen in = {0}, gone = {0};
    const struct hand_backend *backend = h->setup.backend;

    if (!r || !r->in.there || backend->sa_get(h->backend, &in_name, &in)) {
        out.result = ANSWER_FAILED;
        out.why = "there is no such SA in the kernel";
    } else if (r->out.there) {
        (void)backend->sa_get(h->backend, &out_name, &gone);
    }
    out.u.query.bytes_in = in.bytes;
    out.u.query.packets_in = in.packets;
    out.u.query.bytes_out = gone.bytes;
    out.u.query.packets_out = gone.packets;
    out.u.query.idle_in_s = r ? idle(h, &r->in, &in) : -1;
    out.u.query.idle_out_s = r ? idle(h, &r->out, &gone) : -1;
    h->setup.answer(h->setup.ctx, &out);
}
