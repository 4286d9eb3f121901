/* SPDX-License-Identifier: Apache-2.0 */
/* The rules between settings of one child. */
#include "conf/rows.h"

#include <string.h>

/* `dynamic` is a single address; which one is known where the end has a literal address. */
struct ts ts_resolved(const struct ts *ts, const struct conf_end *end)
{
    struct ts known = *ts;

    if (!ts->low.family && end->addr.family)
        known.low = known.high = end->addr;
    return known;
}

/* May a packet go from the one to the other? */
static bool is_pair(const struct ts *l, const struct ts *r)
{
    if (l->protocol && r->protocol && l->protocol != r->protocol)
        return false;
    return !l->low.family || !r->low.family || l->low.family == r->low.family;
}

static bool has_partner(const struct ts *one, const struct conf_end *end, struct ts_list others, const struct conf_end *far)
{
    struct ts a = ts_resolved(one, end);

    for (size_t i = 0; i < others.n; i++) {
        struct ts b = ts_resolved(&others.v[i], far);

        if (is_pair(&a, &b))
            return true;
    }
    return false;
}

static void partners_check(struct reading *r, const struct draft *d, size_t child)
{
    const struct conf_child *ch = &d->c.children[child];
    const struct conf_end *ends[2] = {&d->c.local, &d->c.remote};
    const struct ts_list lists[2] = {ch->local, ch->remote};

    for (size_t side = 0; side < 2; side++) {
        for (size_t i = 0; i < lists[side].n; i++) {
            char words[TS_TEXT_MAX];
            struct text t = text_in(words, sizeof(words));

            if (has_partner(&lists[side].v[i], ends[side], lists[!side], ends[!side]))
                continue;
            selector_print(&lists[side].v[i], &t);
            error_at(r, child_at(d, child, side ? "remote" : "local"),
                     "%s has nothing to talk to: the other end has no network of its family%s", words,
                     lists[side].v[i].protocol ? " and protocol" : "");
        }
    }
}

static bool is_all(const struct ts *ts)
{
    struct prefix net;

    return ts->low.family && !ts->protocol && prefix_from_bounds(&ts->low, &ts->high, &net) == 0 && net.bits == 0;
}

static bool list_has_all(struct ts_list list, uint8_t family)
{
    for (size_t i = 0; i < list.n; i++) {
        if (list.v[i].low.family == family && is_all(&list.v[i]))
            return true;
    }
    return false;
}

/* Everything to everything also stops what LAN hosts say to the gateway and to one another through it. */
static void everything_check(struct reading *r, const struct draft *d, size_t child)
{
    const struct conf_child *ch = &d->c.children[child];

    if (ch->if_id || ch->mark_mask || ch->pass.n)
        return;
    for (uint8_t family = 4; family <= 6; family += 2) {
        if (list_has_all(ch->local, family) && list_has_all(ch->remote, family))
            error_at(
                r, child_at(d, child, "remote"),
                "%s at both ends is all traffic of this host: bind the child to an XFRM interface (if_id: 1) or name what stays "
                "outside (pass: [192.168.0.0/16])",
                family == 4 ? "0.0.0.0/0" : "::/0");
    }
}

static bool first_byte_in(const struct addr *a, uint8_t family, uint8_t low, uint8_t high)
{
    return a->family == family && a->b[0] >= low && a->b[0] <= high;
}

static bool is_multicast(const struct ts *ts)
{
    return first_byte_in(&ts->low, 4, 224, 239) || first_byte_in(&ts->low, 6, 0xff, 0xff);
}

static bool is_loopback(const struct ts *ts)
{
    static const struct addr one = {6, {[15] = 1}};

    return (first_byte_in(&ts->low, 4, 127, 127) && ts->high.b[0] == 127) ||
           (addr_equal(&ts->low, &one) && addr_equal(&ts->high, &one));
}

/* What no packet between two networks has for its address. */
static void networks_check(struct reading *r, const struct draft *d, size_t child, bool local)
{
    const struct conf_child *ch = &d->c.children[child];
    struct ts_list list = local ? ch->local : ch->remote;

    for (size_t i = 0; i < list.n; i++) {
        const struct node *at = child_at(d, child, local ? "local" : "remote");
        char words[TS_TEXT_MAX];
        struct text t = text_in(words, sizeof(words));

        selector_print(&list.v[i], &t);
        if (is_loopback(&list.v[i]))
            error_at(r, at, "%s never leaves its host: write the network that the other end reaches", words);
        else if (is_multicast(&list.v[i]))
            warning_at(r, at,
                       "%s is multicast: an SA joins two ends, and what is sent to a group reaches the one peer at most; write "
                       "the networks of hosts",
                       words);
    }
}

/* Some addresses that belong together; neither everything (all GRE, all of a port) nor an odd range. */
static bool is_network(const struct ts *ts)
{
    struct prefix net;

    return ts->low.family && prefix_from_bounds(&ts->low, &ts->high, &net) == 0 && net.bits > 0;
}

/* The same network at both ends: its own hosts could no longer talk to one another past this gateway. */
static void sameness_check(struct reading *r, const struct draft *d, size_t child)
{
    const struct conf_child *ch = &d->c.children[child];

    if (ch->if_id || ch->mark_mask || ch->pass.n)
        return;
    for (size_t i = 0; i < ch->local.n * ch->remote.n; i++) {
        const struct ts *l = &ch->local.v[i / ch->remote.n], *m = &ch->remote.v[i % ch->remote.n];
        char words[TS_TEXT_MAX];
        struct text t = text_in(words, sizeof(words));

        if (!is_network(l) || !addr_equal(&l->low, &m->low) || !addr_equal(&l->high, &m->high))
            continue;
        selector_print(l, &t);
        error_at(r, child_at(d, child, "remote"),
                 "%s stands at both ends: the peer's network belongs here; if both have the same one, bind the child to an XFRM "
                 "interface (if_id: 1) or name what stays outside (pass)",
                 words);
        return;
    }
}

static void transport_side(struct reading *r, const struct draft *d, size_t child, bool local)
{
    const struct conf_child *ch = &d->c.children[child];
    const struct conf_end *end = local ? &d->c.local : &d->c.remote;
    struct ts_list list = local ? ch->local : ch->remote;

    for (size_t i = 0; i < list.n; i++) {
        const struct ts *ts = &list.v[i];

        if (!ts->low.family || (addr_equal(&ts->low, &ts->high) && (!end->addr.family || addr_equal(&ts->low, &end->addr))))
            continue;
        error_at(r, child_at(d, child, local ? "local" : "remote"),
                 "transport mode protects what the two hosts themselves say: write \"dynamic\" (with a protocol and ports if you "
                 "want), "
                 "or \"mode: tunnel\" for networks");
        return;
    }
}

static bool proposal_has(const struct proposal *p, uint8_t type)
{
    for (size_t i = 0; i < p->n_transforms; i++) {
        if (p->transforms[i].type == type && p->transforms[i].id != 0)
            return true;
    }
    return false;
}

static void pfs_check(struct reading *r, const struct draft *d, size_t child)
{
    const struct conf_child *ch = &d->c.children[child];
    bool any = false;

    for (size_t i = 0; i < ch->proposals.n; i++)
        any |= proposal_has(&ch->proposals.v[i], TRANSFORM_KE);
    if (ch->pfs == PFS_REQUIRE && !any)
        error_at(r, child_at(d, child, "esp"),
                 "pfs is required and no proposal has a key exchange for it: add one, such as aes256gcm16-x25519");
}

static void pass_check(struct reading *r, const struct draft *d, size_t child)
{
    const struct conf_child *ch = &d->c.children[child];

    for (size_t i = 0; i < ch->pass.n; i++) {
        const struct ts *one = &ch->pass.v[i];
        bool inside = false;

        if (!one->low.family) {
            error_at(r, child_at(d, child, "pass"), "an exception is named by its address: \"dynamic\" cannot stand here");
            continue;
        }
        for (size_t k = 0; k < ch->remote.n; k++) {
            struct ts remote = ts_resolved(&ch->remote.v[k], &d->c.remote);

            inside |= !remote.low.family || ts_overlap(one, &remote);
        }
        if (!inside)
            warning_at(r, child_at(d, child, "pass"),
                       "an exception lies outside of what is protected (remote): it changes nothing");
    }
}

static bool list_has_dynamic(struct ts_list list)
{
    for (size_t i = 0; i < list.n; i++) {
        if (!list.v[i].low.family)
            return true;
    }
    return false;
}

void rule_child(struct reading *r, const struct draft *d, size_t child)
{
    const struct conf_child *ch = &d->c.children[child];

    if (ch->lifetime_us && ch->rekey_us >= ch->lifetime_us)
        error_at(r, child_at(d, child, "lifetime"), "the Child SA " ENDS_EARLY);
    partners_check(r, d, child);
    everything_check(r, d, child);
    sameness_check(r, d, child);
    networks_check(r, d, child, true);
    networks_check(r, d, child, false);
    pfs_check(r, d, child);
    pass_check(r, d, child);
    if (ch->transport) {
        transport_side(r, d, child, true);
        transport_side(r, d, child, false);
    }
    if (!d->c.remote.host && list_has_dynamic(ch->remote))
        warning_at(r, child_at(d, child, "remote"),
                   "the address of this peer is known only once it has come: until then \"dynamic\" keeps nothing closed");
    if (ch->proposals.n == 0)
        error_at(r, child_at(d, child, "esp"), "this build has no algorithm for ESP");
}
