/* SPDX-License-Identifier: Apache-2.0 */
#include "hand_inside.h"

#include <stdlib.h>

#define CLAMPS_MAX 1024

struct clamps {
    struct kernel_clamp *v;
    size_t n;
    bool automatic, cut;
};

/* Ports and protocols do not matter here: what the child does not protect is not in its SAs. */
static void clamp_pair(struct clamps *c, const struct ts *local, const struct ts *remote, uint16_t mss)
{
    if (local->low.family != remote->low.family || !local->low.family)
        return;
    if (c->n == CLAMPS_MAX) {
        c->cut = true;
        return;
    }
    c->v[c->n].src = prefix_around(&local->low, &local->high);
    c->v[c->n].dst = prefix_around(&remote->low, &remote->high);
    c->v[c->n++].mss = mss;
}

static void clamp_child(struct clamps *c, const struct conf_child *child)
{
    if (child->transport)
        return;
    if (!child->mss) {
        c->automatic = true;
        return;
    }
    for (size_t i = 0; i < child->local.n; i++)
        for (size_t j = 0; j < child->remote.n; j++)
            clamp_pair(c, &child->local.v[i], &child->remote.v[j], child->mss);
}

void clamps_set(struct hand *h, const struct conf *conf)
{
    struct clamps c = {.v = calloc(CLAMPS_MAX, sizeof *c.v)};
    char why[KERNEL_WHY_MAX];

    for (size_t i = 0; c.v && conf && i < conf->n_connections; i++)
        for (size_t j = 0; j < conf->connections[i].n_children; j++)
            clamp_child(&c, &conf->connections[i].children[j]);
    if (c.cut)
        hand_log(h, LEVEL_WARNING, "more than %d selectors with an `mss` of their own: the last ones go without", CLAMPS_MAX);
    if (c.v && h->setup.backend->clamp && h->setup.backend->clamp(h->backend, c.v, c.n, c.automatic, why))
        hand_log(h, LEVEL_NOTICE, "TCP segment sizes are not clamped: %s", why);
    free(c.v);
}
