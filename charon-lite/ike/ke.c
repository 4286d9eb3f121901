/* SPDX-License-Identifier: Apache-2.0 */
/* Key exchange values and nonces. Cheap groups are computed where the packet is; slow ones (ALG_SLOW) are asked of a worker. */
#include "ike/ike.h"

int nonce_new(struct core *c, const struct suite *suite, struct secret *out)
{
    int err = secret_new(out, NONCE_LEN);

    (void)suite;
    if (err == 0)
        c->rng.fill(c->rng.ctx, out->p, out->len);
    return err;
}

bool nonce_take(const struct payload *in, struct secret *out)
{
    const struct payload *n = payload_find(in, PAYLOAD_NONCE);

    return n && n->u.nonce.len >= NONCE_MIN && n->u.nonce.len <= NONCE_MAX && secret_set(out, n->u.nonce) == 0;
}

/* The group to send a value for: the preferred one if it is offered, else the first offered. */
const struct alg *ke_of_proposals(struct core *c, struct proposals ps, uint16_t prefer)
{
    const struct alg *first = NULL;

    for (size_t i = 0; i < ps.n; i++) {
        for (size_t k = 0; k < ps.v[i].n_transforms; k++) {
            const struct transform *t = &ps.v[i].transforms[k];

            if (t->type != TRANSFORM_KE || t->id == KE_NONE)
                continue;
            if (t->id == prefer)
                return alg_find(c->algs, TRANSFORM_KE, t->id, 0);
            if (!first)
                first = alg_find(c->algs, TRANSFORM_KE, t->id, 0);
        }
    }
    return first;
}

static enum step ask_worker(struct xchg *x, enum ask_kind kind, struct span peer)
{
    struct ask ask = {.to = ASK_WORKER, .kind = kind};

    ask.u.ke.alg = x->ke;
    ask.u.ke.private_value = secret_view(&x->ke_private);
    ask.u.ke.peer_public = peer;
    return xchg_ask(x, &ask);
}

/* Empty when there is none of the group that was chosen. */
static struct span peer_public(const struct xchg *x)
{
    const struct payload *ke = payload_find(x->in, PAYLOAD_KE);

    return ke && ke->u.ke.group == x->ke->id ? ke->u.ke.data : SPAN_NONE;
}

static enum step no_ke(struct xchg *x)
{
    return kill_sa(x, "the key exchange %s failed", x->ke->name);
}

/* The peer's value was refused (RFC 6989 2.5, RFC 7748 6.1), or the library failed. In IKE_SA_INIT another message is waited for;
 * later the IKE SA goes. */
static enum step bad_ke(struct xchg *x)
{
    if (x->row->type == IKE_SA_INIT)
        return drop(x, "the peer's %s value is not valid", x->ke->name);
    if (!x->ours)
        return refuse(x, INVALID_SYNTAX, "the peer's %s value is not valid", x->ke->name);
    farewell(x->sa, 0);
    return kill_sa(x, "the peer's %s value is not valid", x->ke->name);
}

/* No word of the worker: our fault, not the peer's. */
static enum step late_ke(struct xchg *x)
{
    if (x->row->type == IKE_SA_INIT || x->ours)
        return bad_ke(x);
    if (!x->child)
        return refuse(x, TEMPORARY_FAILURE, "the key exchange %s was not computed in time", x->ke->name);
    child_fail(x, TEMPORARY_FAILURE, "the key exchange %s was not computed in time", x->ke->name);
    return STEP_NEXT;
}

enum step ke_generate(struct xchg *x)
{
    if (!x->ke)
        return STEP_NEXT;
    if (x->ke->flags & ALG_SLOW)
        return ask_worker(x, ASK_KE_GENERATE, SPAN_NONE);
    if (secret_new(&x->ke_public, x->ke->public_len) < 0 ||
        x->ke->ke->generate(x->ke, &x->core->rng, &x->ke_private, x->ke_public.p) < 0)
        return no_ke(x);
    return STEP_NEXT;
}

enum step ke_generated(struct xchg *x)
{
    const struct answer *a = x->answer;

    if (!x->ke || !(x->ke->flags & ALG_SLOW))
        return STEP_NEXT;
    if (!a || a->result != ANSWER_OK || secret_set(&x->ke_private, a->u.ke.private_value) < 0 ||
        secret_set(&x->ke_public, a->u.ke.public_value) < 0)
        return no_ke(x);
    return STEP_NEXT;
}

enum step ke_derive(struct xchg *x)
{
    if (!x->ke)
        return STEP_NEXT;
    if (peer_public(x).len != x->ke->public_len)
        return bad_ke(x);
    if (x->ke->flags & ALG_SLOW)
        return ask_worker(x, ASK_KE_DERIVE, peer_public(x));
    return x->ke->ke->derive(x->ke, secret_view(&x->ke_private), peer_public(x), &x->shared) < 0 ? bad_ke(x) : STEP_NEXT;
}

enum step ke_derived(struct xchg *x)
{
    const struct answer *a = x->answer;

    if (!x->ke || !(x->ke->flags & ALG_SLOW))
        return STEP_NEXT;
    if (!a || a->result != ANSWER_OK || secret_set(&x->shared, a->u.ke.shared) < 0)
        return bad_ke(x);
    return STEP_NEXT;
}

enum step ke_both(struct xchg *x)
{
    if (!x->ke)
        return STEP_NEXT;
    if (peer_public(x).len != x->ke->public_len)
        return bad_ke(x);
    if (x->ke->flags & ALG_SLOW)
        return ask_worker(x, ASK_KE_BOTH, peer_public(x));
    if (secret_new(&x->ke_public, x->ke->public_len) < 0)
        return no_ke(x);
    return alg_ke_both(x->ke, &x->core->rng, peer_public(x), x->ke_public.p, &x->shared) < 0 ? bad_ke(x) : STEP_NEXT;
}

enum step ke_both_done(struct xchg *x)
{
    const struct answer *a = x->answer;

    if (!x->ke || !(x->ke->flags & ALG_SLOW))
        return STEP_NEXT;
    if (!a || a->result == ANSWER_TIMEOUT)
        return late_ke(x);
    if (a->result != ANSWER_OK || secret_set(&x->shared, a->u.ke.shared) < 0 ||
        secret_set(&x->ke_public, a->u.ke.public_value) < 0)
        return bad_ke(x);
    return STEP_NEXT;
}

void ke_value_write(struct xchg *x)
{
    struct payload *ke = x->ke ? payload_add(&x->out, PAYLOAD_KE) : NULL;

    if (!ke)
        return;
    ke->u.ke.group = x->ke->id;
    ke->u.ke.data = secret_view(&x->ke_public);
}
