/* SPDX-License-Identifier: Apache-2.0 */
/* What many SAs have in common is kept once: suites, identities. */
#include "ike/ike.h"

#include <stdlib.h>
#include <string.h>

/* Of these there are as many as peers: who makes one larger pays for it 100,000 times (docs/design.md, "What an SA costs"). */
_Static_assert(sizeof(void *) != 8 || sizeof(struct ike_sa) <= 584, "an IKE SA has grown");
_Static_assert(sizeof(void *) != 8 || sizeof(struct child_sa) <= 240, "a Child SA has grown");
_Static_assert(sizeof(void *) != 8 || sizeof(struct slot) <= 16, "a ticket's slot has grown");

static bool suite_equal(const struct suite *a, const struct suite *b)
{
    return a->encr == b->encr && a->prf == b->prf && a->integ == b->integ && a->ke == b->ke && a->esn == b->esn;
}

const struct suite *suite_keep(struct core *c, const struct suite *s)
{
    const struct suite **v;
    struct suite *own;

    for (size_t i = 0; i < c->n_suites; i++)
        if (suite_equal(c->suites[i], s))
            return c->suites[i];
    own = malloc(sizeof(*own));
    v = own ? realloc(c->suites, (c->n_suites + 1) * sizeof(*v)) : NULL;
    if (!v) {
        free(own);
        memory_short(c);
        return NULL;
    }
    *own = *s;
    c->suites = v;
    c->suites[c->n_suites++] = own;
    return own;
}

void suites_free(struct core *c)
{
    for (size_t i = 0; i < c->n_suites; i++)
        free((void *)(uintptr_t)c->suites[i]);
    free(c->suites);
    c->suites = NULL;
    c->n_suites = 0;
}

struct id id_of(const struct kept_id *k)
{
    return k ? (struct id){k->type, span_of(k->bytes, k->len)} : (struct id){.type = ID_NONE};
}

bool id_same(const struct kept_id *a, const struct kept_id *b)
{
    struct id x = id_of(a), y = id_of(b);

    return a == b || id_equal(&x, &y);
}

struct kept_id *id_keep(struct kept_id *last, const struct id *id)
{
    struct kept_id *k = last;

    if (!last || last->type != id->type || !span_equal(span_of(last->bytes, last->len), id->data)) {
        k = id->data.len <= UINT16_MAX ? calloc(1, sizeof(*k) + id->data.len) : NULL;
        if (!k)
            return NULL;
        k->type = id->type;
        k->len = (uint16_t)id->data.len;
        if (id->data.len)
            memcpy(k->bytes, id->data.p, id->data.len);
    }
    k->users++;
    return k;
}

void id_leave(struct kept_id **at)
{
    struct kept_id *k = *at;

    *at = NULL;
    if (k && --k->users == 0)
        free(k);
}
