/* SPDX-License-Identifier: Apache-2.0 */
/* Key exchanges, by the algorithm's own functions. */
#include "loop/worker.h"

static int keep(struct arena *arena, struct secret *from, struct span *to)
{
    *to = arena_copy(arena, secret_view(from)); /* the arena wipes it */
    secret_done(from);
    return to->len ? 0 : ERR_MEMORY;
}

static int ke_run(const struct ask *ask, struct answer *a, struct arena *arena)
{
    struct secret mine = {0}, shared = {0};
    const struct ask_ke *k = &ask->u.ke;
    const struct alg *ke = k->alg;
    struct rng rng = loop_rng();
    uint8_t *p = ask->kind == ASK_KE_DERIVE ? NULL : arena_alloc(arena, ke->public_len);
    int err = p || ask->kind == ASK_KE_DERIVE ? 0 : ERR_MEMORY;

    a->u.ke.public_value = span_of(p, p ? ke->public_len : 0);
    if (!err && ask->kind == ASK_KE_GENERATE)
        err = ke->ke->generate(ke, &rng, &mine, p);
    else if (!err && ask->kind == ASK_KE_DERIVE)
        err = ke->ke->derive(ke, k->private_value, k->peer_public, &shared);
    else if (!err)
        err = alg_ke_both(ke, &rng, k->peer_public, p, &shared);
    if (!err && ask->kind != ASK_KE_GENERATE)
        err = keep(arena, &shared, &a->u.ke.shared);
    if (!err && ask->kind == ASK_KE_GENERATE)
        err = keep(arena, &mine, &a->u.ke.private_value);
    secret_done(&mine);
    secret_done(&shared);
    return err;
}

void worker_ke(void *ctx, const struct ask *ask, struct answer *a, struct arena *arena)
{
    int err = ERR_UNSUPPORTED;

    (void)ctx;
    if (ask->kind <= ASK_KE_BOTH && ask->u.ke.alg && ask->u.ke.alg->ke)
        err = ke_run(ask, a, arena);
    a->result = err ? ANSWER_FAILED : ANSWER_OK;
    a->why = err ? err_text(err) : NULL;
}
