/* SPDX-License-Identifier: Apache-2.0 */
#include "hand_inside.h"

#include <stdlib.h>
#include <string.h>

void batch_init(struct batch *b)
{
    b->ops = b->few;
    b->policies = b->few_policies;
    b->n = 0;
    b->cap = BATCH_FEW;
    b->failed = false;
}

void batch_done(struct batch *b)
{
    secret_wipe(b->ops, b->n * sizeof *b->ops);
    if (b->ops != b->few) {
        free(b->ops);
        free(b->policies);
    }
    batch_init(b);
}

/* Into a fresh block, so that no unwiped keys stay behind. */
static bool grow(struct batch *b)
{
    size_t cap = b->cap * 4, n = b->n;
    struct kernel_op *ops = reallocarray(NULL, cap, sizeof *ops);
    struct policy **policies = reallocarray(NULL, cap, sizeof(*policies));
    bool failed = b->failed;

    if (!ops || !policies) {
        free(ops);
        free(policies);
        return false;
    }
    memcpy(ops, b->ops, n * sizeof *ops);
    memcpy(policies, b->policies, n * sizeof(*policies));
    batch_done(b);
    b->ops = ops;
    b->policies = policies;
    b->n = n;
    b->cap = cap;
    b->failed = failed;
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
    if (b->failed) /* nobody asks again for what is not in it */
        hand_unsure(h);
}
