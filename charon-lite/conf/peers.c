/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that cannot be told apart when they call. */
#include "conf/rows.h"

#include <string.h>

struct known_peer {
    struct map_node node;
    const struct draft *d;
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_peer(const struct conf_connection *a, const struct conf_connection *b)
{
    return same_text(a->remote.host, b->remote.host) && same_text(a->remote.id_text, b->remote.id_text) &&
           same_text(a->local.host, b->local.host) && same_text(a->local.id_text, b->local.id_text) &&
           a->remote.auth == b->remote.auth && addr_equal(&a->remote.net.addr, &b->remote.net.addr) &&
           a->remote.net.bits == b->remote.net.bits;
}

/* Two certificates of different trust anchors do tell them apart. */
static bool same_anchors(const struct conf_end *a, const struct conf_end *b)
{
    if (a->pinned || b->pinned || !a->ca || !b->ca)
        return !a->pinned && !b->pinned && !a->ca && !b->ca;
    return strcmp(a->ca[0], b->ca[0]) == 0;
}

static uint64_t peer_hash(const struct map *m, const struct conf_connection *c)
{
    uint64_t h = map_hash(m, span_str(c->remote.host));

    h = h * 31 + map_hash(m, span_str(c->remote.id_text));
    h = h * 31 + map_hash(m, span_str(c->local.host));
    return h * 31 + map_hash(m, span_of(c->remote.net.addr.b, 16));
}

void rule_peers(struct reading *r)
{
    struct known_peer *all = arena_alloc(&r->tree, (r->n_drafts + 1) * sizeof(*all));
    struct map known = {0};

    for (const struct draft *d = r->first; all && d; d = d->next, all++) {
        uint64_t hash = peer_hash(&known, &d->c);
        struct map_node *m = map_first(&known, hash);
        const struct draft *before = NULL;

        for (; !before && m && !d->broken; m = map_more(m)) {
            const struct draft *other = CONTAINER_OF(m, struct known_peer, node)->d;

            if (same_peer(&other->c, &d->c) && same_anchors(&other->c.remote, &d->c.remote))
                before = other;
        }
        all->d = d;
        if (before)
            warning_at(
                r, draft_at(d, "remote", "address"),
                "this is the peer of \"%s\" (%s:%u): when it calls, that one is taken; networks of one peer are children of one "
                "connection",
                before->c.name, before->c.place.file, before->c.place.line);
        else if (!d->broken && map_add(&known, &all->node, hash) < 0)
            break;
    }
    map_done(&known);
}
