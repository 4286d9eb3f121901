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

static void time_check(struct reading *r, const struct draft *d)
{
    const struct conf_connection *c = &d->c;

    if (c->lifetime_us && c->rekey_us >= c->lifetime_us) {
        const struct node *lifetime = node_find(node_find(d->node, "ike"), "lifetime");

        error_at(r, lifetime ? lifetime : draft_at(d, "ike", "rekey"), "the IKE SA " ENDS_EARLY);
    }
    if (c->dead_after_us < 4 * r->conf->retransmit_us)
        warning_at(r, draft_at(d, "ike", "dead_after"),
                   "a peer is given up after two or three lost packets: RFC 7296 2.4 wants a dozen tries over minutes");
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
        rule_child(r, d, i);
    rule_probe(r, d);
}

void rules_check(struct reading *r)
{
    struct session s;
    bool session = rule_session_parse(r->setup->session, &s);

    rule_daemon(r);
    for (struct draft *d = r->first; d; d = d->next) {
        size_t errors = r->report->errors;

        if (d->broken)
            continue;
        connection_check(r, d);
        if (session)
            rule_session(r, d, &s);
        d->broken = r->report->errors != errors;
    }
    rule_peers(r);
    rule_overlaps(r);
}
