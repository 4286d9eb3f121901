/* SPDX-License-Identifier: Apache-2.0 */
/* Key exchanges, by the algorithm's own functions. */
#include "loop/worker.h"

static int keep(struct arena *arena, struct secret *from, struct span *to)
{
    *to = arena_copy(arena, secret_view(from)); /* the arena wipes it */
    secret_done(from);
    return to->len ? 0 : ERR_MEMORY;
}

static int ke_generate(const struct ask_ke *k, struct secret *private_value, struct span *public_value, struct arena *arena)
{
    struct rng rng = loop_rng();
    uint8_t *p = arena_alloc(arena, k->alg->public_len);

    if (!p)
        return ERR_MEMORY;
    *public_value = span_of(p, k->alg->public_len);
    return k->alg->ke->generate(k->alg, &rng, private_value, p);
}

static int ke_run(const struct ask *ask, struct answer *a, struct arena *arena)
{
    struct secret mine = {0}, shared = {0};
    const struct ask_ke *k = &ask->u.ke;
    struct span used = k->private_value;
    int err = 0;

    if (ask->kind != ASK_KE_DERIVE) {
        err = ke_generate(k, &mine, &a->u.ke.public_value, arena);
        used = secret_view(&mine);
    }
    if (!err && ask->kind != ASK_KE_GENERATE)
        err = k->alg->ke->derive(k->alg, used, k->peer_public, &shared);
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
