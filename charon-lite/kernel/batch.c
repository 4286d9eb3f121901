/* SPDX-License-Identifier: Apache-2.0 */
#include "hand_inside.h"

#include <stdlib.h>
#include <string.h>

void batch_init(struct batch *b)
{
    memset(b, 0, sizeof *b);
}

void batch_done(struct batch *b)
{
    if (b->ops)
        secret_wipe(b->ops, b->cap * sizeof *b->ops);
    free(b->ops);
    free(b->policies);
    batch_init(b);
}

static bool grow(struct batch *b)
{
    size_t cap = b->cap ? b->cap * 2 : 16;
    struct kernel_op *ops = reallocarray(b->ops, cap, sizeof *ops);
    struct policy **policies;

    if (!ops)
        return false;
    b->ops = ops;
    policies = reallocarray(b->policies, cap, sizeof(*policies));
    if (!policies)
        return false;
    b->policies = policies;
    b->cap = cap;
    return true;
}

struct kernel_op *batch_add(struct batch *b, enum kernel_op_kind kind, struct policy *policy)
{
    struct kernel_op *op;

    if (b->n == b->cap && !grow(b)) {
        b->failed = true;
        return NULL;
    }
    op = &b->ops[b->n];
    memset(op, 0, sizeof *op);
    op->kind = kind;
    b->policies[b->n++] = policy;
    return op;
}

void batch_apply(struct hand *h, struct batch *b)
{
    if (b->n)
        hand_apply(h, b->ops, b->n);
}
