/* SPDX-License-Identifier: Apache-2.0 */
#include "peek.h"
#include "ike/ike.h"

/* Not those of ike/: a test that links a core of its own links this file too. */
static const char *const ike_states[] = {"BORN", "KEYED", "UP", "LEAVING", "GONE"};
static const char *const child_states[] = {"BORN", "HALF", "UP", "OLD", "GONE"};

void peek_sas(const struct core *c, void (*fn)(void *ctx, const struct peek_sa *), void *ctx)
{
    LIST_EACH (i, &c->sas) {
        const struct ike_sa *sa = LIST_ITEM(i, struct ike_sa, in_core);
        struct peek_sa p = {.ours = sa->initiator ? sa->spi_i : sa->spi_r,
                            .theirs = sa->initiator ? sa->spi_r : sa->spi_i,
                            .state = ike_states[sa->state]};

        fn(ctx, &p);
        LIST_EACH (k, &sa->children) {
            const struct child_sa *child = LIST_ITEM(k, struct child_sa, in_sa);

            p = (struct peek_sa){true, child->spi_in, child->spi_out, child_states[child->state]};
            fn(ctx, &p);
        }
    }
}
