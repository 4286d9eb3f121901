/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_SA_INIT (RFC 7296 1.2, 2.6, 2.7, 2.14): algorithms, nonces, the first key exchange. Nothing here is authenticated yet: an
 * answer that does not fit is dropped and another one waited for, unless it is one of the three that ask for a new beginning.
 */
#include "ike/ike.h"

#include <stdlib.h>
#include <string.h>

static int keys_make(struct xchg *x)
{
    struct ike_sa *sa = x->sa;
    struct span ni = secret_view(&sa->start->nonce_i), nr = secret_view(&sa->start->nonce_r);
    struct secret seed = {0};
    int err = skeyseed_first(sa->suite->prf, ni, nr, secret_view(&x->shared), &seed);

    if (err == 0)
        err = ike_keys_block(sa->suite, secret_view(&seed), ni, nr, sa->spi_i, sa->spi_r, true, &sa->keys);
    if (!sa->initiator && err == 0 && seed.len <= sizeof(sa->start->seed)) {
        sa->start->seed_len = (uint8_t)seed.len;
        memcpy(sa->start->seed, seed.p, seed.len);
    }
    secret_done(&seed);
    secret_done(&x->shared);
    secret_done(&x->ke_private);
    sa->low_nonce = nonce_low(ni, nr);
    if (err == 0)
        keys_log(sa);
    return err;
}

/* --- initiator ---------------------------------------------------------------------------------------------------------------
 */

static enum step begin(struct xchg *x)
{
    const struct conf_connection *conn = sa_conn(x->sa);

    x->message_id = 0;
    x->offered = xchg_offer(x, conn->proposals);
    x->ke = ke_of_proposals(x->core, x->offered, x->sa->peer->ke_group);
    if (!x->ke)
        return kill_sa(x, "no usable key exchange group in the IKE proposals of %s", conn->name);
    if (!x->sa->start->nonce_i.p && nonce_pool_take(x->core, &x->sa->start->nonce_i) < 0)
        return kill_sa(x, "no nonce from the hand");
    if (x->ke_public.p && x->ke_public.len == x->ke->public_len && x->cookie.len)
        return STEP_NEXT; /* the same value again, with the cookie that was asked for (2.6) */
    return ke_generate(x);
}

static enum step begin_generated(struct xchg *x)
{
    return x->answer ? ke_generated(x) : STEP_NEXT;
}

static enum step write_request(struct xchg *x)
{
    struct payload *p;

    if (x->cookie.len)
        notify_add(&x->out, PROTOCOL_NONE, SPAN_NONE, COOKIE, x->cookie);
    p = payload_add(&x->out, PAYLOAD_SA);
    if (p)
        p->u.sa = x->offered;
    ke_value_write(x);
    p = payload_add(&x->out, PAYLOAD_NONCE);
    if (p)
        p->u.nonce = secret_view(&x->sa->start->nonce_i);
    riders_write(x);
    return STEP_DONE;
}

static enum step again(struct xchg *x)
{
    if (++x->rounds > INIT_ROUNDS_MAX)
        return kill_sa(x, "the peer keeps asking for a new beginning of IKE_SA_INIT");
    return STEP_AGAIN;
}

/* The group must be one that we offered, and another than we sent, else an attacker could lead us (2.7, 1.2). */
static enum step other_group(struct xchg *x, const struct payload *n)
{
    struct span d = n->u.notify.data;
    uint16_t group = d.len == 2 ? get_u16(d.p) : 0;
    const struct alg *ke = group ? ke_of_proposals(x->core, x->offered, group) : NULL;

    if (!ke || ke->id != group || group == x->ke->id)
        return drop(x, "INVALID_KE_PAYLOAD names group %u, which we did not offer", group);
    x->sa->peer->ke_group = group;
    secret_done(&x->ke_public);
    return again(x);
}

/* Unprotected errors: remembered, and believed when nothing better comes for some seconds (2.21.1). */
static enum step heard_error(struct xchg *x, const struct payload *n)
{
    const char *name = notify_name(n->u.notify.type);
    char line[700];
    struct text t = text_in(line, sizeof(line));

    if (x->first_error)
        return STEP_DROP;
    text_add(&t, "the peer answered IKE_SA_INIT with %s", name ? name : "an unknown error");
    if (n->u.notify.type == NO_PROPOSAL_CHOSEN) {
        text_add(&t, ": none of our IKE proposals suits it. We offered");
        for (size_t i = 0; i < x->offered.n && i < 4; i++) {
            text_add(&t, i ? ", " : " ");
            proposal_format(x->core->algs, &x->offered.v[i], &t);
        }
        text_add(&t, "; set `ike: {proposals: [...]}` to what the peer has");
    }
    x->first_error = arena_string(&x->arena, line);
    wake_set(x->core, &x->retransmit, x->core->now + 2 * USEC_SEC);
    return STEP_DROP;
}

static enum step read_notifies(struct xchg *x)
{
    const struct payload *cookie = notify_find(x->in, COOKIE), *ke = notify_find(x->in, INVALID_KE_PAYLOAD);

    if (payload_find(x->in, PAYLOAD_SA) && !error_unknown(x->in))
        return STEP_NEXT;
    if (cookie && cookie->u.notify.data.len >= 1 && cookie->u.notify.data.len <= COOKIE_MAX) {
        x->cookie = cookie->u.notify.data;
        return again(x);
    }
    if (ke)
        return other_group(x, ke);
    for (const struct payload *n = payload_find(x->in, PAYLOAD_NOTIFY); n; n = payload_after(n, PAYLOAD_NOTIFY))
        if (n->u.notify.type <= NOTIFY_ERROR_MAX)
            return heard_error(x, n);
    return drop(x, "it holds neither an SA payload nor an error");
}

static enum step read_answer(struct xchg *x)
{
    static const struct proposal_rules rules = {.protocol = PROTOCOL_IKE, .ke = KE_REQUIRED};
    const struct payload *sa = payload_find(x->in, PAYLOAD_SA), *ke = payload_find(x->in, PAYLOAD_KE);
    struct ike_sa *ike = x->sa;

    if (!ke || !payload_find(x->in, PAYLOAD_NONCE) || x->header.spi_r == 0)
        return drop(x, "SA, KE and Nonce payloads and a responder SPI must be there");
    if (proposal_accept(x->core->algs, x->offered, sa->u.sa, &rules, &x->suite) < 0)
        return drop(x, "the chosen proposal is none of ours");
    if (x->suite.ke != x->ke || ke->u.ke.group != x->ke->id)
        return drop(x, "the answer's key exchange group is not the one that we sent");
    if (!nonce_take(x->in, &ike->start->nonce_r))
        return drop(x, "the nonce has a wrong length");
    return ke_derive(x);
}

static enum step finish(struct xchg *x)
{
    struct ike_sa *sa = x->sa;

    sa->suite = suite_keep(x->core, &x->suite);
    sa->spi_r = x->header.spi_r;
    if (!sa->suite || keys_make(x) < 0)
        return kill_sa(x, "key derivation failed");
    sa->path.local = x->path.local;
    riders_read(x);
    if (x->out.failed)
        return kill_sa(x, "out of memory");
    sa_set_state(sa, IKE_KEYED);
    sa->start->init_ours = x->sent; /* it was answered: from here on it is what the proof is about (2.15) */
    x->sent = (struct packets){.bytes = {.max = 0}};
    return STEP_DONE;
}

/* --- responder ----------------------------------------------------------------------------------------------------------------
 */

/* The connections that this packet may belong to are tried, best first; IKE_AUTH decides which it is (peer_for_auth). */
static enum step choose(struct xchg *x)
{
    const struct payload *sa = payload_find(x->in, PAYLOAD_SA), *ke = payload_find(x->in, PAYLOAD_KE);
    struct proposal_rules rules = {.protocol = PROTOCOL_IKE, .ke = KE_REQUIRED, .ke_sent = ke->u.ke.group};
    struct peer *p, *first = NULL;
    char why[900];
    struct text t = text_in(why, sizeof(why));
    struct candidates at = {.path = &x->path};

    while ((p = peer_candidate(x->core, &at))) {
        if (!first)
            first = p;
        if (proposal_choose(x->core->algs, p->conn->proposals, sa->u.sa, &rules, &x->suite, &x->chosen, x->chosen_store) == 0) {
            x->sa->start->candidate = p;
            return STEP_NEXT;
        }
    }
    proposal_explain(x->core->algs, first->conn->proposals, sa->u.sa, &rules, &t);
    return refuse(x, NO_PROPOSAL_CHOSEN, "for connection %s: %s", first->conn->name, why);
}

static enum step check_group(struct xchg *x)
{
    const struct payload *ke = payload_find(x->in, PAYLOAD_KE);
    uint8_t group[2];

    x->ke = x->suite.ke;
    if (!nonce_take(x->in, &x->sa->start->nonce_i))
        return drop(x, "the nonce has a wrong length");
    if (ke->u.ke.group == x->ke->id) /* the door has seen that there is a nonce */
        return nonce_pool_take(x->core, &x->sa->start->nonce_r) < 0 ? drop(x, "no nonce from the hand") : ke_both(x);
    put_u16(group, x->ke->id);
    x->refusal_data = arena_copy(&x->arena, span_of(group, 2));
    return refuse(x, INVALID_KE_PAYLOAD, "group %u was sent, we chose %s", ke->u.ke.group, x->ke->name);
}

static enum step respond_keys(struct xchg *x)
{
    struct ike_sa *sa = x->sa;

    sa->suite = suite_keep(x->core, &x->suite);
    if (!sa->suite || keys_make(x) < 0)
        return drop(x, "key derivation failed");
    riders_read(x);
    return x->out.failed ? drop(x, "out of memory") : STEP_NEXT;
}

static enum step respond_write(struct xchg *x)
{
    struct payload *p = payload_add(&x->out, PAYLOAD_SA);

    x->chosen.spi_len = 0;
    if (p)
        p->u.sa = (struct proposals){&x->chosen, 1};
    ke_value_write(x);
    p = payload_add(&x->out, PAYLOAD_NONCE);
    if (p)
        p->u.nonce = secret_view(&x->sa->start->nonce_r);
    riders_write(x);
    sa_set_state(x->sa, IKE_KEYED);
    sa_wake_at(x->sa, SA_LIFE, x->core->now + half_open_life(x->core, &x->sa->start->from));
    dormant_may(x->sa);
    return STEP_DONE;
}

extern const struct rider rider_natd, rider_fragmentation, rider_hashes, rider_certreq;
static const struct rider *const riders[] = {&rider_natd, &rider_fragmentation, &rider_hashes, &rider_certreq, NULL};
static step_fn *const initiate[] = {begin, begin_generated, write_request, NULL};
static step_fn *const conclude[] = {read_notifies, read_answer, ke_derived, finish, NULL};
static step_fn *const respond[] = {choose, check_group, ke_both_done, respond_keys, respond_write, NULL};

const struct exchange exchange_init = {
    .name = "IKE_SA_INIT",
    .type = IKE_SA_INIT,
    .must = PAYLOAD_BIT(PAYLOAD_SA) | PAYLOAD_BIT(PAYLOAD_KE) | PAYLOAD_BIT(PAYLOAD_NONCE),
    .initiate = initiate,
    .conclude = conclude,
    .respond = respond,
    .riders = riders,
};
