/* SPDX-License-Identifier: Apache-2.0 */
/* The Child SA part that IKE_AUTH and CREATE_CHILD_SA share (RFC 7296 1.2, 1.3.1, 1.3.3, 2.9, 2.17, 2.23.1). */
#include "ike/ike.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OFFER_LIST 32
#define OFFER_STORE 1024

static const struct conf_child *wanted_child(const struct xchg *x)
{
    return &x->sa->peer->conn->children[x->child_index];
}

static bool in_auth(const struct xchg *x)
{
    return x->row->type == IKE_AUTH;
}

/* Something of the Child SA went wrong: later steps pass it by, and the answer says why. */
void child_fail(struct xchg *x, uint16_t notify, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(x->child_why, sizeof(x->child_why), fmt, args);
    va_end(args);
    x->child_error = notify;
    if (x->child) {
        collide_forget(x);
        child_end(x->child, x->rekeys_child, NULL);
        x->child = NULL;
    }
    if (!x->ours)
        tell(x->core, FACT_CHILD_FAILED, x->sa->peer, x->sa, NULL, "the peer's Child SA was refused with %s: %s",
             notify_name(notify) ? notify_name(notify) : "?", x->child_why);
}

/* --- traffic selectors
 * ------------------------------------------------------------------------------------------------------------- */

/* `dynamic` is the outer address of that end. */
static struct ts ts_fill(struct ts t, const struct addr *outer)
{
    if (t.low.family == 0)
        t.low = t.high = *outer;
    return t;
}

static struct ts_list ts_filled(struct xchg *x, struct ts_list l, const struct addr *outer, const struct ts *first)
{
    size_t extra = first ? 1 : 0;
    struct ts *v = arena_alloc(&x->arena, (l.n + extra) * sizeof(*v));

    if (!v)
        return (struct ts_list){0};
    if (first)
        v[0] = *first;
    for (size_t i = 0; i < l.n; i++)
        v[i + extra] = ts_fill(l.v[i], outer);
    return (struct ts_list){v, l.n + extra};
}

/* The address in a list exchanged for another: transport mode behind a NAT (2.23.1). */
static struct ts_list ts_substitute(struct xchg *x, struct ts_list l, const struct addr *to)
{
    struct ts *v = l.n ? arena_alloc(&x->arena, l.n * sizeof(*v)) : NULL;

    for (size_t i = 0; v && i < l.n; i++) {
        v[i] = l.v[i];
        v[i].low = v[i].high = *to;
    }
    return (struct ts_list){v, v ? l.n : 0};
}

/* In transport mode behind a NAT each selector list names exactly one address (2.23.1). */
static bool ts_single(struct ts_list l, struct addr *out)
{
    for (size_t i = 0; i < l.n; i++)
        if (!addr_equal(&l.v[i].low, &l.v[0].low) || !addr_equal(&l.v[i].high, &l.v[0].low))
            return false;
    if (l.n)
        *out = l.v[0].low;
    return l.n > 0;
}

static bool ts_keep(struct child_sa *child, struct ts_list local, struct ts_list remote)
{
    struct ts *v;

    if (!local.n || !remote.n || local.n > UINT16_MAX || remote.n > UINT16_MAX)
        return false;
    v = calloc(local.n + remote.n, sizeof(*v));
    if (!v)
        return false;
    memcpy(v, local.v, local.n * sizeof(*v));
    memcpy(v + local.n, remote.v, remote.n * sizeof(*v));
    free(child->selectors);
    child->selectors = v;
    child->n_ts_local = (uint16_t)local.n;
    child->n_ts_remote = (uint16_t)remote.n;
    return true;
}

/* --- initiator
 * ----------------------------------------------------------------------------------------------------------------------- */

static struct proposal_rules rules_of(const struct xchg *x, const struct conf_child *cc, bool with_ke)
{
    return (struct proposal_rules){
        .protocol = PROTOCOL_ESP,
        .ke = in_auth(x) || !with_ke ? KE_ABSENT : KE_OPTIONAL,
        .pfs_required = cc->pfs == PFS_REQUIRE && !in_auth(x),
    };
}

void child_offer_fill(struct xchg *x, struct proposals *out, bool with_ke)
{
    const struct conf_child *cc = wanted_child(x);
    struct proposal_rules rules = rules_of(x, cc, with_ke && cc->pfs != PFS_OFF);
    struct proposal *list = arena_alloc(&x->arena, OFFER_LIST * sizeof(*list));
    struct transform *store = arena_alloc(&x->arena, OFFER_STORE * sizeof(*store));
    int n = list && store ? proposal_offer(cc->proposals, &rules, list, OFFER_LIST, store, OFFER_STORE) : 0;

    *out = (struct proposals){list, n > 0 ? (size_t)n : 0};
}

static void offer_selectors(struct xchg *x, const struct child_sa *old)
{
    const struct slot_wish *slot = &x->sa->peer->slots[peer_slot_of(x->sa->peer, x->child_index, x->child_pair)];
    bool acquired = slot->acquired && !old && in_auth(x) == false;
    struct ts_list local, remote;

    if (old && !x->wide) { /* a rekey asks for what is in use (2.9.2) */
        local = child_ts_local(old);
        remote = child_ts_remote(old);
        acquired = false;
    } else {
        local = pair_selectors(x->sa->peer, x->child_index, x->child_pair, true);
        remote = pair_selectors(x->sa->peer, x->child_index, x->child_pair, false);
    }
    x->ts_i = ts_filled(x, local, &x->sa->path.local.addr, NULL);
    x->ts_r = ts_filled(x, remote, &x->sa->path.remote.addr, NULL);
    if (!acquired || !ts_list_contains(x->ts_i, &slot->acquire_local) || !ts_list_contains(x->ts_r, &slot->acquire_remote))
        return; /* a packet that the child is not about does not widen it */
    x->ts_i = ts_filled(x, local, &x->sa->path.local.addr, &slot->acquire_local);
    x->ts_r = ts_filled(x, remote, &x->sa->path.remote.addr, &slot->acquire_remote);
}

static struct child_sa *old_child(const struct xchg *x)
{
    return x->rekeys_child ? ticket_find(x->core, x->old_child, TICKET_CHILD_SA) : NULL;
}

bool child_offer(struct xchg *x, bool with_ke)
{
    const struct conf_child *cc = wanted_child(x);
    struct child_sa *old = old_child(x);
    struct payload *p;

    if (!x->offered.n || in_auth(x))
        child_offer_fill(x, &x->offered, with_ke);
    x->child = x->offered.n ? child_new(x->sa, x->child_index, x->child_pair) : NULL;
    if (!x->child)
        return false;
    if (old) {
        x->child->reqid = old->reqid;
        x->child->replaces = old->id;
    }
    x->child->we_initiated = true;
    for (size_t i = 0; i < x->offered.n; i++) {
        struct proposal *op = (struct proposal *)(uintptr_t)&x->offered.v[i]; /* made by child_offer_fill, ours */

        op->spi_len = 4;
        put_u32(op->spi, x->child->spi_in);
    }
    offer_selectors(x, old);
    if (cc->transport)
        notify_add(&x->out, PROTOCOL_NONE, SPAN_NONE, USE_TRANSPORT_MODE, SPAN_NONE);
    if (old)
        notify_add(&x->out, PROTOCOL_ESP, spi_span(x, old->spi_in), REKEY_SA, SPAN_NONE);
    if ((p = payload_add(&x->out, PAYLOAD_SA)))
        p->u.sa = x->offered;
    if (!in_auth(x)) {
        if ((p = payload_add(&x->out, PAYLOAD_NONCE)))
            p->u.nonce = secret_view(&x->ni);
        ke_value_write(x);
    }
    if ((p = payload_add(&x->out, PAYLOAD_TSI)))
        p->u.ts = x->ts_i;
    if ((p = payload_add(&x->out, PAYLOAD_TSR)))
        p->u.ts = x->ts_r;
    return !x->out.failed;
}

struct span spi_span(struct xchg *x, uint32_t spi)
{
    uint8_t b[4];

    put_u32(b, spi);
    return arena_copy(&x->arena, span_of(b, 4));
}

static const struct payload *first_error(const struct xchg *x)
{
    for (const struct payload *n = payload_find(x->in, PAYLOAD_NOTIFY); n; n = payload_after(n, PAYLOAD_NOTIFY))
        if (n->u.notify.type <= NOTIFY_ERROR_MAX)
            return n;
    return NULL;
}

/* What to change, in a sentence, for the errors that people meet. */
static const char *advice(uint16_t type)
{
    switch (type) {
    case NO_PROPOSAL_CHOSEN:
        return ": none of our ESP proposals suits it (cipher, integrity, or the PFS group); compare `esp: {proposals: [...]}`";
    case TS_UNACCEPTABLE:
        return ": it has no policy for these traffic selectors; compare `local` and `remote` networks of both ends";
    case SINGLE_PAIR_REQUIRED:
        return ": it takes one pair of addresses for each Child SA";
    case NO_ADDITIONAL_SAS:
        return ": it takes no more Child SAs on this IKE SA";
    default:
        return "";
    }
}

static void answered_error(struct xchg *x, const struct payload *n)
{
    uint16_t type = n->u.notify.type;
    const char *name = notify_name(type);
    struct slot_wish *slot = &x->sa->peer->slots[peer_slot_of(x->sa->peer, x->child_index, x->child_pair)];

    if (type == INVALID_KE_PAYLOAD && n->u.notify.data.len == 2)
        slot->ke_group = get_u16(n->u.notify.data.p);
    if (type == SINGLE_PAIR_REQUIRED && !x->rekeys_child)
        x->again = pairs_learn(x->sa->peer, x->child_index, "the peer answered SINGLE_PAIR_REQUIRED");
    child_fail(x, type, "the peer answered %s%s", name ? name : "an unknown error", advice(type));
}

static bool behind_nat(const struct xchg *x)
{
    return x->sa->nat_local || x->sa->nat_remote;
}

/* Transport mode behind a NAT: each list names exactly one address, and where that end is behind the NAT it is one that the other
 * end knows nothing of. It is kept, and the one of the IKE SA takes its place, before anything else is made of the selectors
 * (2.23.1). */
static bool ts_translate(struct xchg *x, struct ts_list *local, struct ts_list *remote)
{
    if (!behind_nat(x))
        return true;
    if (!ts_single(*local, &x->inner_local) || !ts_single(*remote, &x->inner_remote))
        return false;
    if (x->sa->nat_local)
        *local = ts_substitute(x, *local, &x->sa->path.local.addr);
    if (x->sa->nat_remote)
        *remote = ts_substitute(x, *remote, &x->sa->path.remote.addr);
    return true;
}

/* Selectors of the answer: within the offer, both ends. */
static bool accept_selectors(struct xchg *x, bool transport)
{
    const struct payload *i = payload_find(x->in, PAYLOAD_TSI), *r = payload_find(x->in, PAYLOAD_TSR);
    struct ts_list local = i->u.ts, remote = r->u.ts;

    if (transport && !ts_translate(x, &local, &remote))
        return false;
    if (!local.n || !remote.n || !ts_list_within(local, x->ts_i) || !ts_list_within(remote, x->ts_r))
        return false;
    return ts_keep(x->child, local, remote);
}

enum step child_accept(struct xchg *x)
{
    const struct payload *sa = payload_find(x->in, PAYLOAD_SA), *error = first_error(x);
    const struct conf_child *cc = wanted_child(x);
    struct proposal_rules rules = rules_of(x, cc, x->ke != NULL || !in_auth(x));
    bool transport = notify_find(x->in, USE_TRANSPORT_MODE);

    if (!x->child) /* it went while we waited */
        return STEP_NEXT;
    x->lost_spi = x->child->spi_in;
    if (!sa || error_unknown(x->in) || !payload_find(x->in, PAYLOAD_TSI) || !payload_find(x->in, PAYLOAD_TSR)) {
        x->peer_has_child = sa && sa->u.sa.n; /* it may think so */
        if (error)
            answered_error(x, error);
        else
            child_fail(x, INVALID_SYNTAX, "the peer's answer has no SA, TSi or TSr payload");
        return STEP_NEXT;
    }
    if (proposal_accept(x->core->algs, x->offered, sa->u.sa, &rules, &x->suite) < 0 || sa->u.sa.v[0].spi_len != 4)
        child_fail(x, NO_PROPOSAL_CHOSEN, "the peer chose a proposal that we did not offer");
    else if (x->suite.ke && x->suite.ke != x->ke)
        child_fail(x, INVALID_KE_PAYLOAD, "the peer chose another key exchange group than the one sent");
    else if (cc->transport && !transport)
        child_fail(x, NO_PROPOSAL_CHOSEN, "transport mode is configured and the peer wants tunnel mode");
    else if (transport && !cc->transport)
        child_fail(x, NO_PROPOSAL_CHOSEN, "the peer answered with transport mode, which was not asked for");
    else if (get_u32(sa->u.sa.v[0].spi) < 256)
        child_fail(x, INVALID_SYNTAX, "the peer's SPI is reserved");
    else if (child_spi_taken(x->child, get_u32(sa->u.sa.v[0].spi)))
        child_fail(x, INVALID_SYNTAX, "the peer's SPI is that of another of its Child SAs");
    else if (!in_auth(x) && !nonce_take(x->in, &x->nr))
        child_fail(x, INVALID_SYNTAX, "the nonce has a wrong length");
    else if (!accept_selectors(x, transport))
        child_fail(x, TS_UNACCEPTABLE, "the peer answered with traffic selectors that we did not offer");
    if (x->child_error) {
        x->peer_has_child = sa->u.sa.n && sa->u.sa.v[0].spi_len == 4;
        return STEP_NEXT;
    }
    x->child->spi_out = get_u32(sa->u.sa.v[0].spi);
    for (unsigned i = 0; i < x->n_dead; i++)
        x->child->doomed |= x->dead_spis[i] == x->child->spi_out;
    x->peer_has_child = true; /* whatever fails here from now on */
    x->child->transport = transport;
    if (!x->suite.ke)
        x->ke = NULL; /* chosen without PFS: our value was for nothing */
    return STEP_NEXT;
}

/* --- responder
 * ------------------------------------------------------------------------------------------------------------------------- */

/* How well a configured child fits: 0 not at all; more for equal selectors, mode, and a first selector that fits whole. */
static unsigned child_fit(struct xchg *x, const struct conf_child *cc, struct ts_list ours_ts, struct ts_list theirs_ts,
                          bool transport)
{
    struct ts out[TS_LIST_MAX];
    struct ts_list local = ts_filled(x, cc->local, &x->sa->path.local.addr, NULL);
    struct ts_list remote = ts_filled(x, cc->remote, &x->sa->path.remote.addr, NULL);

    if (!ts_list_narrow(ours_ts, local, out, TS_LIST_MAX) || !ts_list_narrow(theirs_ts, remote, out, TS_LIST_MAX))
        return 0;
    return 1u + (cc->transport == transport ? 8 : 0) +
           (ts_list_equal(local, ours_ts) && ts_list_equal(remote, theirs_ts) ? 4 : 0) +
           (ours_ts.n && theirs_ts.n && ts_list_contains(local, &ours_ts.v[0]) && ts_list_contains(remote, &theirs_ts.v[0]) ? 2
                                                                                                                            : 0);
}

static const struct conf_child *child_find(struct xchg *x, struct ts_list ours_ts, struct ts_list theirs_ts, bool transport)
{
    const struct conf_connection *conn = x->sa->peer->conn;
    const struct conf_child *best = NULL;
    unsigned best_fit = 0;

    for (size_t i = 0; i < conn->n_children; i++) {
        unsigned fit = child_fit(x, &conn->children[i], ours_ts, theirs_ts, transport);

        if (fit > best_fit) {
            best_fit = fit;
            best = &conn->children[i];
            x->child_index = (uint16_t)i;
        }
    }
    return best;
}

static size_t narrow_into(struct xchg *x, struct ts_list theirs, struct ts_list ours, struct ts_list *out)
{
    size_t max = theirs.n * ours.n < TS_LIST_MAX ? theirs.n * ours.n : TS_LIST_MAX;
    struct ts *v = arena_alloc(&x->arena, max * sizeof(*v));
    size_t n = v ? ts_list_narrow(theirs, ours, v, max) : 0;

    *out = (struct ts_list){v, n};
    return n;
}

/* A rekey is answered with what is in use, however wide it asks (2.9.2, PEERS: Windows); narrower than that only if it must be.
 */
static bool select_selectors(struct xchg *x, const struct conf_child *cc, struct ts_list ours_ts, struct ts_list theirs_ts)
{
    const struct child_sa *old = old_child(x);
    struct ts_list local, remote;

    if (old && ts_list_within(child_ts_local(old), ours_ts) && ts_list_within(child_ts_remote(old), theirs_ts))
        return ts_keep(x->child, child_ts_local(old), child_ts_remote(old));
    if (!narrow_into(x, ours_ts, ts_filled(x, cc->local, &x->sa->path.local.addr, NULL), &local) ||
        !narrow_into(x, theirs_ts, ts_filled(x, cc->remote, &x->sa->path.remote.addr, NULL), &remote))
        return false;
    return ts_keep(x->child, local, remote);
}

static enum step select_unacceptable(struct xchg *x, struct ts_list ours_ts, struct ts_list theirs_ts)
{
    char line[350];
    struct text t = text_in(line, sizeof(line));

    text_add(&t, "no configured child has anything of what the peer asks: here ");
    ts_list_format(ours_ts, &t);
    text_add(&t, ", there ");
    ts_list_format(theirs_ts, &t);
    child_fail(x, TS_UNACCEPTABLE, "%s", line);
    return STEP_NEXT;
}

static bool select_proposal(struct xchg *x, const struct conf_child *cc, const struct payload *sa)
{
    const struct payload *ke = payload_find(x->in, PAYLOAD_KE);
    struct proposal_rules rules = rules_of(x, cc, true);
    char why[380];
    struct text t = text_in(why, sizeof(why));
    uint8_t group[2];

    rules.ke_sent = ke && !in_auth(x) ? ke->u.ke.group : 0;
    if (cc->pfs == PFS_OFF && !in_auth(x))
        rules.ke = KE_OPTIONAL; /* what the peer insists on is not refused */
    if (proposal_choose(x->core->algs, cc->proposals, sa->u.sa, &rules, &x->suite, &x->chosen, x->chosen_store) < 0) {
        proposal_explain(x->core->algs, cc->proposals, sa->u.sa, &rules, &t);
        child_fail(x, NO_PROPOSAL_CHOSEN, "%s", why);
        return false;
    }
    x->ke = x->suite.ke;
    if (x->ke && (!ke || ke->u.ke.group != x->ke->id)) {
        put_u16(group, x->ke->id);
        memcpy(x->child_error_data, group, 2);
        x->child_error_data_len = 2;
        child_fail(x, INVALID_KE_PAYLOAD, "the key exchange value is not of %s", x->ke->name);
        return false;
    }
    return true;
}

/* Which configured child, and what the peer's selectors mean here. Transport mode behind a NAT looks with translated addresses;
 * if that finds nothing for transport mode, tunnel mode is looked for with those that the peer sent (2.23.1). */
static const struct conf_child *request_child(struct xchg *x, const struct child_sa *old, bool *transport,
                                              struct ts_list *ours_ts, struct ts_list *theirs_ts)
{
    const struct payload *i = payload_find(x->in, PAYLOAD_TSI), *r = payload_find(x->in, PAYLOAD_TSR);
    const struct conf_child *cc;

    *theirs_ts = i->u.ts;
    *ours_ts = r->u.ts;
    if (*transport && ts_translate(x, ours_ts, theirs_ts)) {
        cc = old ? child_conf(old) : child_find(x, *ours_ts, *theirs_ts, true);
        if (!behind_nat(x) || (cc && cc->transport))
            return cc;
    }
    *transport = *transport && !behind_nat(x);
    x->inner_local = x->inner_remote = (struct addr){0};
    *theirs_ts = i->u.ts;
    *ours_ts = r->u.ts;
    return old ? child_conf(old) : child_find(x, *ours_ts, *theirs_ts, *transport);
}

enum step child_select(struct xchg *x)
{
    const struct payload *sa = payload_find(x->in, PAYLOAD_SA);
    bool transport = notify_find(x->in, USE_TRANSPORT_MODE);
    uint32_t max = x->core->conf->limits.children_per_ike_max;
    struct ts_list ours_ts, theirs_ts;
    const struct conf_child *cc;
    struct child_sa *old;

    if (!sa || !payload_find(x->in, PAYLOAD_TSI) || !payload_find(x->in, PAYLOAD_TSR)) {
        if (in_auth(x) && !sa)
            x->childless = true; /* RFC 6023 */
        else
            child_fail(x, INVALID_SYNTAX, "SA, TSi or TSr payload missing");
        return STEP_NEXT;
    }
    old = old_child(x);
    if (!old && max && list_count(&x->sa->children) >= max) {
        child_fail(x, NO_ADDITIONAL_SAS, "the limit of %u Child SAs in one IKE SA is reached", max);
        return STEP_NEXT;
    }
    cc = request_child(x, old, &transport, &ours_ts, &theirs_ts);
    if (!cc)
        return select_unacceptable(x, ours_ts, theirs_ts);
    if (old) {
        x->child_index = old->index;
        x->child_pair = old->pair;
    }
    if (cc->transport && !transport) {
        child_fail(x, NO_PROPOSAL_CHOSEN, "child %s is configured for transport mode and the peer asks for tunnel mode",
                   cc->name);
        return STEP_NEXT;
    }
    x->child = child_new(x->sa, x->child_index, x->child_pair);
    if (!x->child) {
        child_fail(x, TEMPORARY_FAILURE, "out of memory");
        return STEP_NEXT;
    }
    x->child->transport = cc->transport;
    x->child->spi_out = sa->u.sa.n ? get_u32(sa->u.sa.v[0].spi) : 0;
    if (!select_selectors(x, cc, ours_ts, theirs_ts))
        return select_unacceptable(x, ours_ts, theirs_ts);
    if (!select_proposal(x, cc, sa))
        return STEP_NEXT;
    child_set_pair(x->child, old ? old->pair : pair_first(x->child));
    x->child_pair = x->child->pair;
    x->child->spi_out = get_u32(x->chosen.spi);
    if (x->chosen.spi_len != 4 || x->child->spi_out < 256) {
        child_fail(x, NO_PROPOSAL_CHOSEN, "the proposal's SPI is not valid");
        return STEP_NEXT;
    }
    if (child_spi_taken(x->child, x->child->spi_out)) {
        child_fail(x, NO_PROPOSAL_CHOSEN, "the proposal's SPI is that of another Child SA of the peer");
        return STEP_NEXT;
    }
    if (old) {
        x->child->reqid = old->reqid;
        x->child->replaces = old->id;
    }
    return STEP_NEXT;
}

enum step child_reply(struct xchg *x)
{
    struct payload *p;

    if (x->childless)
        return STEP_NEXT;
    if (!x->child && !x->child_error)
        x->child_error = TEMPORARY_FAILURE; /* it went while it was installed */
    if (x->child_error) {
        if (!in_auth(x))
            payload_list_init(&x->out, &x->arena);
        notify_add(&x->out, PROTOCOL_NONE, SPAN_NONE, x->child_error, span_of(x->child_error_data, x->child_error_data_len));
        return STEP_NEXT;
    }
    if (x->child->transport)
        notify_add(&x->out, PROTOCOL_NONE, SPAN_NONE, USE_TRANSPORT_MODE, SPAN_NONE);
    x->chosen.spi_len = 4;
    put_u32(x->chosen.spi, x->child->spi_in);
    if ((p = payload_add(&x->out, PAYLOAD_SA)))
        p->u.sa = (struct proposals){&x->chosen, 1};
    if (!in_auth(x)) {
        if ((p = payload_add(&x->out, PAYLOAD_NONCE)))
            p->u.nonce = secret_view(&x->nr);
        ke_value_write(x);
    }
    if ((p = payload_add(&x->out, PAYLOAD_TSI)))
        p->u.ts = child_ts_remote(x->child);
    if ((p = payload_add(&x->out, PAYLOAD_TSR)))
        p->u.ts = child_ts_local(x->child);
    return STEP_NEXT;
}

/* --- both
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

enum step child_keys_make(struct xchg *x)
{
    struct ike_sa *sa = x->sa;
    struct span ni = secret_view(in_auth(x) ? &sa->start->nonce_i : &x->ni),
                nr = secret_view(in_auth(x) ? &sa->start->nonce_r : &x->nr);
    struct ike_keys k = sa_keys(sa);

    if (!x->child)
        return STEP_NEXT;
    x->child->low_nonce = nonce_low(ni, nr);
    x->child->suite = suite_keep(x->core, &x->suite);
    x->child->keys = x->child->suite ? calloc(1, sizeof(*x->child->keys)) : NULL;
    if (!x->child->keys || child_keys_derive(x->child->suite, sa->suite->prf, secret_view(&k.d), secret_view(&x->shared), ni, nr,
                                             x->child->keys) < 0)
        child_fail(x, TEMPORARY_FAILURE, "key derivation failed");
    secret_done(&x->shared);
    return STEP_NEXT;
}

enum step child_into_kernel(struct xchg *x)
{
    struct ask ask;
    struct child_sa *old;

    if (!x->child)
        return STEP_NEXT;
    old = old_child(x);
    child_ask(x->child, &ask, ASK_CHILD_INSTALL);
    ask.u.child.keys = x->child->keys;
    ask.u.child.inbound_only = x->rekeys_child && (!x->ours || collide_lost(x));
    ask.u.child.old_spi_in = old ? old->spi_in : 0;
    ask.u.child.local_inner = x->inner_local;
    ask.u.child.remote_inner = x->inner_remote;
    ask.u.child.acquire_seq = x->sa->peer->slots[peer_slot_of(x->sa->peer, x->child_index, x->child_pair)].acquire_seq;
    x->child->installed = true;
    x->half = ask.u.child.inbound_only;
    return xchg_ask(x, &ask);
}

enum step child_installed(struct xchg *x)
{
    const struct answer *a = x->answer;
    struct child_sa *child = x->child;

    if (!child)
        return STEP_NEXT;
    if (!x->half)
        child_keys_forget(child);
    if (!a || a->result != ANSWER_OK) {
        child->installed = a && a->result == ANSWER_TIMEOUT;
        x->peer_has_child = x->ours;
        child_fail(x, TEMPORARY_FAILURE, "the kernel did not take the SA: %s", a && a->why ? a->why : "no reason given");
        if (a && a->u.install.error == ERR_UNPROVED)
            sa_unproved(x->sa);
        if (x->ours)
            return STEP_NEXT;
        tell(x->core, FACT_KERNEL, x->sa->peer, x->sa, NULL, "%s", x->child_why);
        return STEP_NEXT;
    }
    child_set_state(child, x->half ? CHILD_HALF : CHILD_UP);
    child_live(child);
    return STEP_NEXT;
}
