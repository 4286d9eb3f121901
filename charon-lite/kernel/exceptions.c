/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must pass though the selectors hold it: the exceptions that the configuration names, and those without which a closed
 * network breaks itself. The latter are for packets of this machine only (in and out, never forwarded), but for the traffic
 * within our own networks.
 */
#include "hand_inside.h"

#include <stdio.h>
#include <string.h>

#define AUTO_PRIORITY 1000 /* before everything that selectors ask for */
enum { UDP = 17, TCP = 6, ICMP = 1, ICMPV6 = 58 };

static struct claim pass(struct hand_child *child)
{
    return (struct claim){.rank = CLAIM_PASS, .of.child = child};
}

static struct claim pass_while_down(struct hand_child *child)
{
    return (struct claim){.rank = CLAIM_PASS, .while_down = true, .of.child = child};
}

/* Marked and in every direction, as the child's own policies. */
static int pass_all(struct hand *h, struct hand_child *child, const struct selector *s)
{
    struct kernel_policy p = child_policy(child->conf, s, CLAIM_PASS);

    return claim_new(h, &p, DIRECTIONS_ALL, pass(child), &child->claims, NULL) ? 0 : ERR_MEMORY;
}

static struct prefix everything(uint8_t family)
{
    return (struct prefix){.addr = {.family = family}, .bits = 0};
}

static struct prefix host(const struct addr *a)
{
    return (struct prefix){.addr = *a, .bits = (uint8_t)(addr_len(a) * 8)};
}

/* Packets of this machine: out as given, in as the answer; marks are not asked for. */
static int pass_own(struct hand *h, struct hand_child *child, const struct selector *out, uint8_t directions, struct claim how)
{
    struct kernel_policy p = {.sel = *out, .direction = DIRECTION_OUT, .priority = AUTO_PRIORITY};

    return claim_new(h, &p, directions, how, &child->claims, NULL) ? 0 : ERR_MEMORY;
}

static int pass_both(struct hand *h, struct hand_child *child, const struct selector *out, struct claim how)
{
    return pass_own(h, child, out, DIRECTION_BIT(DIRECTION_OUT) | DIRECTION_BIT(DIRECTION_IN), how);
}

static int pass_configured(struct hand *h, struct hand_child *child, struct text *why)
{
    struct ts local[TS_LIST_MAX], remote[TS_LIST_MAX], both;
    const struct ts_list *pass = &child->conf->pass;
    struct ts_list l = selectors_configured(child->conf, false, &child->conn->local, NULL, local);
    struct ts_list r = selectors_configured(child->conf, true, &child->conn->remote, NULL, remote);
    struct selector s[SELECTORS_MAX];
    int err = 0;

    for (size_t i = 0; i < pass->n; i++)
        for (size_t j = 0; j < r.n; j++) {
            int n;

            if (!ts_intersect(&pass->v[i], &r.v[j], &both))
                continue;
            n = selectors_of_lists(l, (struct ts_list){&both, 1}, s, SELECTORS_MAX, why);
            for (int k = 0; k < n && !err; k++)
                err = pass_all(h, child, &s[k]);
            if (n < 0 || err)
                return n < 0 ? n : err;
        }
    return 0;
}

/* A peer's network that holds ours (0.0.0.0/0) must not cut our hosts off from their own gateway. */
static int pass_local(struct hand *h, struct hand_child *child, const struct selector *s)
{
    struct selector own = *s;

    if (!prefix_within(&s->src, &s->dst) || s->src.bits == s->dst.bits)
        return 0;
    own.dst = s->src;
    return pass_all(h, child, &own);
}

/* ICMP errors to our outer address, without which the path MTU is never learned (RFC 4301 8.2). */
static int pass_errors(struct hand *h, struct hand_child *child, const struct selector *s)
{
    static const uint8_t v4[] = {3, 11, 12}, v6[] = {1, 2, 3, 4};
    const struct addr *outer = &child->conn->local;
    struct prefix own = host(outer);
    bool six = outer->family == 6;
    int err = 0;

    if (!outer->family || addr_is_any(outer) || !prefix_within(&own, &s->src) ||
        (s->protocol && s->protocol != (six ? ICMPV6 : ICMP)))
        return 0;
    for (size_t i = 0; i < (six ? COUNT_OF(v6) : COUNT_OF(v4)) && !err; i++) {
        struct selector turned = {.src = own, .dst = everything(outer->family), .protocol = six ? ICMPV6 : ICMP};

        turned.sport = six ? v6[i] : v4[i];
        turned.sport_mask = 0xffff;
        err = pass_own(h, child, &turned, DIRECTION_BIT(DIRECTION_IN), pass(child));
    }
    return err;
}

/* Do the selectors hold packets that never leave the link? */
static bool holds_link(const struct selector *s)
{
    static const struct {
        uint8_t family, bits;
        uint8_t b[2];
    } link[] = {{4, 4, {224, 0}}, {4, 16, {169, 254}}, {6, 10, {0xfe, 0x80}}, {6, 8, {0xff, 0}}};
    struct addr broadcast = addr_v4(255, 255, 255, 255);
    struct prefix all = host(&broadcast);

    if (prefix_overlap(&s->src, &s->dst) || prefix_within(&all, &s->dst))
        return true;
    for (size_t i = 0; i < COUNT_OF(link); i++) {
        struct prefix p = {.addr = {.family = link[i].family, .b = {link[i].b[0], link[i].b[1]}}, .bits = link[i].bits};

        if (prefix_overlap(&p, &s->dst))
            return true;
    }
    return false;
}

/* Neighbour discovery: router and neighbour solicitation and advertisement (RFC 4861 4). */
static int pass_neighbours(struct hand *h, struct hand_child *child)
{
    int err = 0;

    for (uint16_t type = 133; type <= 136 && !err; type++) {
        struct selector s = {.src = everything(6), .dst = everything(6), .protocol = ICMPV6, .sport = type, .sport_mask = 0xffff};

        err = pass_both(h, child, &s, pass(child));
    }
    return err;
}

/* DHCP as client and as server or relay. */
static int pass_dhcp(struct hand *h, struct hand_child *child, uint8_t family)
{
    uint16_t client = family == 4 ? 68 : 546, server = family == 4 ? 67 : 547;
    struct selector s = {
        .src = everything(family), .dst = everything(family), .protocol = UDP, .sport_mask = 0xffff, .dport_mask = 0xffff};
    int err;

    s.sport = client;
    s.dport = server;
    err = pass_both(h, child, &s, pass(child));
    s.sport = server;
    s.dport = client;
    return err ? err : pass_both(h, child, &s, pass(child));
}

static int pass_link(struct hand *h, struct hand_child *child, const struct selector *s, bool *done)
{
    uint8_t family = s->src.addr.family;
    int err = 0;

    if (!holds_link(s))
        return 0;
    if (family == 6 && (!s->protocol || s->protocol == ICMPV6))
        err = pass_neighbours(h, child);
    if (!err && (!s->protocol || s->protocol == UDP))
        err = pass_dhcp(h, child, family);
    *done = s->protocol == 0;
    return err;
}

static bool names_used(const struct conf *conf)
{
    for (size_t i = 0; i < conf->n_connections; i++) {
        const struct conf_end *e = &conf->connections[i].remote;

        if (e->host && !e->addr.family && !e->net.addr.family)
            return true;
    }
    return false;
}

/* A closed network must not stop the look-up of the name that would end it. */
static int pass_resolvers(struct hand *h, struct hand_child *child, const struct selector *s)
{
    int err = 0;

    for (size_t i = 0; i < h->n_resolvers && !err; i++) {
        struct prefix server = host(&h->resolvers[i]);
        struct selector out = {.src = everything(server.addr.family), .dst = server, .dport = 53, .dport_mask = 0xffff};

        if (!prefix_within(&server, &s->dst))
            continue;
        out.protocol = UDP;
        err = pass_both(h, child, &out, pass_while_down(child));
        out.protocol = TCP;
        if (!err)
            err = pass_both(h, child, &out, pass_while_down(child));
    }
    return err;
}

int exceptions_make(struct hand *h, struct hand_child *child, const struct selector *s, size_t n, struct text *why)
{
    int err = pass_configured(h, child, why);
    bool linked[2] = {false, false};

    /* with an interface of its own, only what is routed into it meets the policies */
    if (child->conf->if_id)
        return err;
    for (size_t i = 0; i < n && !err; i++) {
        err = pass_local(h, child, &s[i]);
        if (!err)
            err = pass_errors(h, child, &s[i]);
        if (!err && !linked[s[i].src.addr.family == 6])
            err = pass_link(h, child, &s[i], &linked[s[i].src.addr.family == 6]);
        if (!err && h->n_resolvers)
            err = pass_resolvers(h, child, &s[i]);
    }
    return err;
}

struct servers {
    struct addr v[RESOLVERS_MAX];
    size_t n;
};

static void server_add(struct servers *s, const char *word)
{
    struct addr a;

    if (s->n == RESOLVERS_MAX || addr_parse(word, &a))
        return;
    for (size_t i = 0; i < s->n; i++)
        if (addr_equal(&s->v[i], &a))
            return;
    s->v[s->n++] = a;
}

static bool servers_of_file(struct servers *s, const char *path)
{
    FILE *f = fopen(path, "re");
    char line[256];

    if (!f)
        return false;
    while (fgets(line, sizeof line, f)) {
        char *word = line + strspn(line, " \t");

        if (strncmp(word, "nameserver", 10) || !strchr(" \t", word[10]))
            continue;
        word += 10;
        word += strspn(word, " \t");
        word[strcspn(word, " \t\r\n%")] = 0;
        server_add(s, word);
    }
    fclose(f);
    return true;
}

/* The machine's own; behind a stub on the loopback stand the real ones. Where the files cannot be read any more (a confined
 * process), those of before stay. */
void resolvers_look(struct hand *h)
{
    static const char *const usual[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", NULL};
    const char *const *files = h->setup.resolv_conf ? h->setup.resolv_conf : usual;
    struct servers found = {.n = 0};
    bool any = false;

    for (; *files; files++)
        any = servers_of_file(&found, *files) || any;
    if (!any)
        return;
    memcpy(h->machine_resolvers, found.v, sizeof found.v);
    h->n_machine_resolvers = found.n;
}

/* Those that pass a block: as the configuration names them, else the machine's; none where no name is looked up. */
void resolvers_choose(struct hand *h, const struct conf *conf)
{
    struct servers chosen = {.n = 0};

    resolvers_look(h);
    for (size_t i = 0; conf->resolvers && conf->resolvers[i]; i++)
        server_add(&chosen, conf->resolvers[i]);
    if (!conf->resolvers || !conf->resolvers[0]) {
        memcpy(chosen.v, h->machine_resolvers, sizeof chosen.v);
        chosen.n = h->n_machine_resolvers;
    }
    memcpy(h->resolvers, chosen.v, sizeof chosen.v);
    h->n_resolvers = names_used(conf) ? chosen.n : 0;
}
