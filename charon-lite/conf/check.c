/* SPDX-License-Identifier: Apache-2.0 */
/* The rules between settings of one connection. Those between connections are in overlap.c. */
#include "conf/rows.h"

#include <string.h>

/* A connection without a fixed peer can only answer. */
static void keep_check(struct reading *r, const struct draft *d)
{
    static const char text[] = "the peer has no fixed address, so that only it can begin: write \"keep: answer\", or the peer's "
                               "address or name";

    if (d->c.remote.host)
        return;
    if (d->c.keep != KEEP_ANSWER) {
        error_at(r, draft_at(d, NULL, "keep"), text);
        return;
    }
    for (size_t i = 0; i < d->c.n_children; i++) {
        if (d->c.children[i].keep != KEEP_ANSWER)
            error_at(r, child_at(d, i, "keep"), text);
    }
}

static bool is_listed(const char *const *list, const struct addr *addr)
{
    struct addr one;

    for (; *list; list++) {
        if (addr_parse(*list, &one) == 0 && (addr_equal(&one, addr) || (addr_is_any(&one) && one.family == addr->family)))
            return true;
    }
    return false;
}

static void address_check(struct reading *r, const struct draft *d)
{
    const struct conf_end *local = &d->c.local, *remote = &d->c.remote;
    const struct conf *conf = r->conf;

    if (local->addr.family && remote->addr.family && local->addr.family != remote->addr.family)
        error_at(r, draft_at(d, "local", "address"), "our address is IPv%u and the peer's is IPv%u: both must be of one family",
                 local->addr.family, remote->addr.family);
    if (local->addr.family && addr_equal(&local->addr, &remote->addr))
        error_at(r, draft_at(d, "remote", "address"), "this is our own address (local): the peer's belongs here");
    if (local->addr.family && conf->listen && !is_listed(conf->listen, &local->addr))
        error_at(r, draft_at(d, "local", "address"), "%s is not among the addresses that the daemon listens at (daemon: listen)",
                 local->host);
    if (local->port != conf->port && local->port != conf->port_natt)
        error_at(r, draft_at(d, "local", "port"), "port %u is none of the daemon's: it has %u (port) and %u (port_natt)",
                 local->port, conf->port, conf->port_natt);
}

static bool is_pattern(const struct conf_end *end)
{
    return end->id_is_dn_pattern || (end->id_text && (end->id_text[0] == '*' || end->id_text[0] == '@'));
}

static void id_check(struct reading *r, const struct draft *d)
{
    const struct conf_end *local = &d->c.local, *remote = &d->c.remote;

    if (is_pattern(local))
        error_at(r, draft_at(d, "local", "id"), "id: \"%s\" is a pattern, which is for the peer's identity: write who we are",
                 local->id_text);
    if (local->id.type && remote->id.type && !remote->id_is_dn_pattern && id_equal(&local->id, &remote->id))
        error_at(r, draft_at(d, "remote", "id"), "both ends have the same identity: the peer's belongs here");
    if (remote->auth == AUTH_KIND_PUBKEY && remote->ca && !remote->id_text)
        warning_at(r, draft_at(d, "remote", "ca"),
                   "whoever has a certificate of this trust anchor is taken for \"%s\": name the peer with id, such as id: %s",
                   d->c.name, remote->host && !remote->addr.family ? remote->host : "gw2.example.com");
}

static void legacy_check(struct reading *r, const struct draft *d)
{
    const struct conf_end *ends[] = {&d->c.local, &d->c.remote};
    bool psk = ends[0]->auth == AUTH_KIND_PSK || ends[1]->auth == AUTH_KIND_PSK;
    bool cert = ends[0]->auth == AUTH_KIND_PUBKEY || ends[1]->auth == AUTH_KIND_PUBKEY;
    bool sha1 = ends[0]->sha1 || ends[1]->sha1, weak = ends[0]->weak_psk || ends[1]->weak_psk;
    const struct node *at;

    if (!sha1 && !weak)
        return;
    at = draft_at(d, NULL, "legacy");
    if (at == d->node->key)
        at = draft_at(d, "remote", "legacy");
    if (sha1)
        warning_at(r, at, "%s",
                   cert ? "SHA-1 signatures can be forged: only for a peer that can do no better"
                        : "legacy: sha1 is about certificates, and none is used here");
    if (weak)
        warning_at(r, at, "%s",
                   psk ? "whoever records a handshake can guess a short secret: 32 random characters cost nothing"
                       : "legacy: weak-psk is about pre-shared keys, and none is used here");
}

static const char ends_early[] =
    "would end before it is renewed: lifetime must be longer than rekey (write \"lifetime: auto\" for a "
    "tenth more)";

static void time_check(struct reading *r, const struct draft *d)
{
    const struct conf_connection *c = &d->c;

    if (c->lifetime_us && c->rekey_us >= c->lifetime_us) {
        const struct node *lifetime = node_find(node_find(d->node, "ike"), "lifetime");

        error_at(r, lifetime ? lifetime : draft_at(d, "ike", "rekey"), "the IKE SA %s", ends_early);
    }
    if (c->dead_after_us < 4 * r->conf->retransmit_us)
        warning_at(r, draft_at(d, "ike", "dead_after"),
                   "a peer is given up after two or three lost packets: RFC 7296 2.4 wants a dozen tries over minutes");
}

/* Selectors. */

/* `dynamic` is a single address; which one is known where the end has a literal address. */
static struct ts ts_resolved(const struct ts *ts, const struct conf_end *end)
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

static void child_check(struct reading *r, const struct draft *d, size_t child)
{
    const struct conf_child *ch = &d->c.children[child];

    if (ch->lifetime_us && ch->rekey_us >= ch->lifetime_us)
        error_at(r, child_at(d, child, "lifetime"), "the Child SA %s", ends_early);
    partners_check(r, d, child);
    everything_check(r, d, child);
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

/* The SSH connection that the operator types over. */
struct session {
    struct ts ours, theirs; /* TCP, one address and port each */
};

static bool word_next(const char **p, char *out, size_t cap)
{
    size_t n = strcspn(*p, " ");

    if (n == 0 || n >= cap)
        return false;
    memcpy(out, *p, n);
    out[n] = '\0';
    *p += n;
    *p += strspn(*p, " ");
    return true;
}

static bool session_end(const char **p, struct ts *out)
{
    char address[ADDR_TEXT_MAX], port[8];
    struct addr a;
    uint32_t n = 0;

    if (!word_next(p, address, sizeof(address)) || !word_next(p, port, sizeof(port)) || addr_parse(address, &a) < 0)
        return false;
    for (const char *c = port; *c >= '0' && *c <= '9'; c++)
        n = n * 10 + (uint32_t)(*c - '0');
    *out = (struct ts){.protocol = 6, .port_low = (uint16_t)n, .port_high = (uint16_t)n, .low = a, .high = a};
    return n > 0 && n < 65536;
}

/* "CLIENT PORT SERVER PORT" */
static bool session_parse(const char *text, struct session *out)
{
    return text && session_end(&text, &out->theirs) && session_end(&text, &out->ours);
}

/* `dynamic` of an end whose address is not known yet may turn out to be this one. */
static bool list_takes(struct ts_list list, const struct conf_end *end, const struct ts *packet, bool unknown_takes)
{
    for (size_t i = 0; i < list.n; i++) {
        struct ts ts = ts_resolved(&list.v[i], end);

        if (!ts.low.family && unknown_takes) {
            ts.low = packet->low;
            ts.high = packet->high;
        }
        if (ts.low.family && ts_contains(&ts, packet))
            return true;
    }
    return false;
}

static void session_check(struct reading *r, const struct draft *d, const struct session *s)
{
    for (size_t i = 0; i < d->c.n_children; i++) {
        const struct conf_child *ch = &d->c.children[i];
        char client[ADDR_TEXT_MAX];

        if (ch->mark_mask || ch->if_id)
            continue;
        if (!list_takes(ch->local, &d->c.local, &s->ours, true) || !list_takes(ch->remote, &d->c.remote, &s->theirs, false) ||
            list_takes(ch->pass, &d->c.remote, &s->theirs, false))
            continue;
        addr_format(&s->theirs.low, client);
        warning_at(
            r, child_at(d, i, "remote"),
            "the SSH connection that you are typing over, from %s, is cut while this child is down; to keep it open, write "
            "under this child: pass: [%s/%u/tcp]",
            client, client, s->theirs.low.family == 4 ? 32 : 128);
    }
}

/* Secrets, certificates and keys: looked at by whoever may open them. The place is that of the file that the answer names. */
static const struct node *probe_place(const struct draft *d, const char *why)
{
    const struct conf_end *local = &d->c.local, *remote = &d->c.remote;

    if (local->key && strstr(why, local->key))
        return draft_at(d, "local", "key");
    if (local->cert && strstr(why, local->cert))
        return draft_at(d, "local", "cert");
    for (size_t i = 0; remote->ca && remote->ca[i]; i++) {
        if (strstr(why, remote->ca[i]))
            return draft_at(d, "remote", "ca");
    }
    for (size_t i = 0; remote->pinned && remote->pinned[i]; i++) {
        if (strstr(why, remote->pinned[i]))
            return draft_at(d, "remote", "cert");
    }
    if (node_find(d->node, "psk"))
        return draft_at(d, NULL, "psk");
    if (remote->psk && strstr(why, remote->psk + strlen("file:")) && node_find(node_find(d->node, "remote"), "psk"))
        return draft_at(d, "remote", "psk");
    return local->psk ? draft_at(d, "local", "psk") : draft_at(d, "local", "cert");
}

/* Each line of the answer is a problem of its own. */
static void probe_check(struct reading *r, const struct draft *d)
{
    char words[2000], *line = words;
    struct text why = text_in(words, sizeof(words));

    if (!r->setup->probe || r->setup->probe(r->setup->ctx, &d->c, &why) == 0)
        return;
    if (!*line)
        error_at(r, probe_place(d, line), "a secret or certificate named here cannot be used");
    while (*line) {
        size_t n = strcspn(line, "\n");
        char *next = line[n] ? line + n + 1 : line + n;

        line[n] = '\0';
        if (n)
            error_at(r, probe_place(d, line), "%s", line);
        line = next;
    }
}

static void connection_check(struct reading *r, const struct draft *d)
{
    keep_check(r, d);
    address_check(r, d);
    id_check(r, d);
    legacy_check(r, d);
    time_check(r, d);
    if (d->c.proposals.n == 0)
        error_at(r, draft_at(d, "ike", "proposals"), "this build has no algorithm for IKE");
    for (size_t i = 0; i < d->c.n_children; i++)
        child_check(r, d, i);
    probe_check(r, d);
}

/* Peers that cannot be told apart when they call. */
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

static void peers_check(struct reading *r)
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

void drafts_check(struct reading *r)
{
    struct session s;
    bool session = session_parse(r->setup->session, &s);

    for (struct draft *d = r->first; d; d = d->next) {
        size_t errors = r->report->errors;

        if (d->broken)
            continue;
        connection_check(r, d);
        if (session)
            session_check(r, d, &s);
        d->broken = r->report->errors != errors;
    }
    peers_check(r);
    overlaps_check(r);
}
