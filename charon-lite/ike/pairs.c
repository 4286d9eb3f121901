/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child with several selectors: one Child SA for all of them, or one for each pair of a local and a remote one (RFC 7296 2.9,
 * 2.11). `split` and `joint` say which; `auto` begins joint and learns from the peer: SINGLE_PAIR_REQUIRED, or an answer that
 * was narrowed so that whole pairs are missing, means one Child SA for each pair from then on. What else the peer narrows away is
 * its policy, and is not asked for again.
 */
#include "ike/ike.h"

#define PAIRS_MAX 256 /* more pairs than that are not split by `auto` */

size_t pairs_of(const struct conf_child *cc)
{
    size_t n = cc->local.n * cc->remote.n;

    if (cc->split == SPLIT_JOINT || n < 2 || (cc->split == SPLIT_AUTO && n > PAIRS_MAX))
        return 1;
    return n;
}

static const struct ts *side(const struct conf_child *cc, uint16_t pair, bool local)
{
    return local ? &cc->local.v[pair / cc->remote.n] : &cc->remote.v[pair % cc->remote.n];
}

bool pairs_apart(const struct peer *p, uint16_t index)
{
    const struct conf_child *cc = &p->conn->children[index];

    return pairs_of(cc) > 1 && (cc->split == SPLIT_SPLIT || p->apart[index]);
}

/* A pair of an IPv4 and an IPv6 selector has no packets; a `dynamic` end is of the outer addresses' family. */
static bool sensible(const struct peer *p, const struct conf_child *cc, uint16_t pair)
{
    uint8_t l = side(cc, pair, true)->low.family, r = side(cc, pair, false)->low.family;

    l = l ? l : p->local.family;
    r = r ? r : p->remote.family;
    return !l || !r || l == r;
}

/* Is there such a slot now: the first stands for all while the pairs are not apart. */
bool pair_counts(const struct peer *p, uint16_t index, uint16_t pair)
{
    const struct conf_child *cc = &p->conn->children[index];

    if (!pairs_apart(p, index))
        return pair == 0;
    return sensible(p, cc, pair);
}

struct ts_list pair_selectors(const struct peer *p, uint16_t index, uint16_t pair, bool local)
{
    const struct conf_child *cc = &p->conn->children[index];

    if (!pairs_apart(p, index))
        return local ? cc->local : cc->remote;
    return (struct ts_list){side(cc, pair, local), 1};
}

static bool overlaps(struct ts_list l, const struct ts *t, const struct addr *outer)
{
    struct ts filled = *t;

    if (!filled.low.family)
        filled.low = filled.high = *outer;
    for (size_t i = 0; i < l.n; i++)
        if (ts_overlap(&l.v[i], &filled))
            return true;
    return false;
}

/* Has it packets of that pair? */
bool pair_served(const struct child_sa *child, uint16_t pair)
{
    const struct conf_child *cc = child_conf(child);

    return pair < pairs_of(cc) && overlaps(child_ts_local(child), side(cc, pair, true), &child->sa->path.local.addr) &&
           overlaps(child_ts_remote(child), side(cc, pair, false), &child->sa->path.remote.addr);
}

/* The first that it serves. */
uint16_t pair_first(const struct child_sa *child)
{
    size_t n = pairs_of(child_conf(child));

    for (size_t i = 0; i < n && n > 1; i++)
        if (pair_served(child, (uint16_t)i))
            return (uint16_t)i;
    return 0;
}

/* A packet that asked for the child waits in the first slot; it belongs to its pair from now on. */
static void acquire_move(struct peer *p, uint16_t index)
{
    const struct conf_child *cc = &p->conn->children[index];
    struct slot_wish *first = &p->slots[p->first_slot[index]];

    for (uint16_t i = 1; first->acquired && i < pairs_of(cc); i++) {
        struct slot_wish *s = first + i;

        if (!overlaps((struct ts_list){&first->acquire_local, 1}, side(cc, i, true), &p->local) ||
            !overlaps((struct ts_list){&first->acquire_remote, 1}, side(cc, i, false), &p->remote))
            continue;
        s->acquired = true;
        s->acquire_seq = first->acquire_seq;
        s->acquire_local = first->acquire_local;
        s->acquire_remote = first->acquire_remote;
        first->acquired = false;
        first->acquire_seq = 0;
    }
}

bool pairs_learn(struct peer *p, uint16_t index, const char *why)
{
    const struct conf_child *cc = &p->conn->children[index];

    if (cc->split != SPLIT_AUTO || pairs_of(cc) < 2 || p->apart[index])
        return false;
    p->apart[index] = true;
    acquire_move(p, index);
    tell(p->core, FACT_NOTE, p, peer_current(p), NULL, "%s: %s: one Child SA for each pair of its networks from now on", cc->name,
         why);
    return true;
}

/* A new Child SA: are whole pairs missing in it, and in its siblings? A peer that made it may be about to make those too. */
void pairs_look(struct child_sa *child)
{
    const struct conf_child *cc = child_conf(child);
    struct peer *p = child->peer;
    size_t n = pairs_of(cc), missing = 0;
    usec_t wait = child->we_initiated ? 0 : PAIRS_WAIT + jitter(p->core, PAIRS_WAIT, 50);

    for (uint16_t i = 0; i < n && n > 1 && cc->split == SPLIT_AUTO && !p->apart[child->index]; i++)
        missing += sensible(p, cc, i) && !pair_served(child, i);
    if (!missing || !peer_can_initiate(p))
        return;
    for (uint16_t i = 0; i < n; i++)
        p->slots[p->first_slot[child->index] + i].retry_at = usec_add(p->core->now, wait);
    (void)pairs_learn(p, child->index,
                      child->we_initiated ? "the peer took only a part of the selectors"
                                          : "the peer asked for a part of the selectors");
    child->pair = pair_first(child);
}
