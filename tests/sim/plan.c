/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const networks[] = {"10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"};
static const char *const ids[] = {"end0.example", "end1.example", "end2.example", "end3.example", "end4.example"};
static const char *const names[] = {"to0", "to1", "to2", "to3", "to4"};

struct plan plan_tunnel(unsigned us, unsigned peer, enum keep keep)
{
    struct plan p = {
        .name = names[peer],
        .local = addr_v4(192, 0, 2, (uint8_t)(1 + us)),
        .remote = addr_v4(192, 0, 2, (uint8_t)(1 + peer)),
        .local_id = ids[us],
        .remote_id = ids[peer],
        .psk = "file:/shared.psk",
        .keep = keep,
        .rekey_us = 4 * 3600 * USEC_SEC,
        .liveness_us = 30 * USEC_SEC,
        .dead_after_us = 120 * USEC_SEC,
        .keepalive_us = 20 * USEC_SEC,
    };

    p.child[0] = (struct plan_child){
        .name = "net",
        .local = {networks[us]},
        .remote = {networks[peer]},
        .keep = keep,
        .rekey_us = 3600 * USEC_SEC,
        .lifetime_us = 3960 * USEC_SEC,
    };
    return p;
}

struct plan_globals plan_globals(void)
{
    return (struct plan_globals){
        .limits = {.half_open_max = 1000,
                   .half_open_per_source = 100,
                   .cookie_threshold = 50,
                   .ike_max = 10000,
                   .ike_per_peer_max = 32,
                   .children_per_ike_max = 64},
        .retransmit_us = 2 * USEC_SEC,
        .retransmit_factor = 150,
        .retransmit_tries = 12,
    };
}

static void yaml_list(struct text *t, const char *key, const char *const words[4])
{
    text_add(t, "%s: [", key);
    for (size_t i = 0; i < 4 && words[i]; i++)
        text_add(t, "%s\"%s\"", i ? ", " : "", words[i]);
    text_add(t, "], ");
}

/* Words separated by blanks. */
static void yaml_words(struct text *t, const char *key, const char *words)
{
    text_add(t, "%s: [", key);
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, " ");

        text_add(t, "%s%.*s", p == words ? "" : ", ", (int)n, p);
        p += n + strspn(p + n, " ");
    }
    text_add(t, "], ");
}

static void yaml_end(struct text *t, const char *key, const struct addr *a, const char *name, const char *id, uint16_t port)
{
    char text[ADDR_TEXT_MAX];

    text_add(t, "    %s: { address: \"%s\", ", key, name ? name : a->family ? addr_format(a, text) : "any");
    if (id)
        text_add(t, "id: \"%s\", ", id);
    if (port)
        text_add(t, "port: %u, ", port);
    text_add(t, "}\n");
}

static void yaml_child(struct text *t, const struct plan_child *c)
{
    static const char *const keeps[] = {"up", "on-demand", "answer"}, *const pfs[] = {"auto", "require", "off"};

    text_add(t, "      %s: { ", c->name);
    yaml_list(t, "local", c->local);
    yaml_list(t, "remote", c->remote);
    yaml_words(t, "esp", c->esp ? c->esp : "aes256gcm16");
    text_add(t, "mode: %s, keep: %s, pfs: %s, split: %s }\n", c->transport ? "transport" : "tunnel", keeps[c->keep], pfs[c->pfs],
             c->split ? c->split : "auto");
}

static void yaml_connection(struct text *t, const struct plan *p)
{
    text_add(t, "  %s:\n", p->name);
    yaml_end(t, "local", &p->local, NULL, p->local_id, 0);
    yaml_end(t, "remote", &p->remote, p->remote_name, p->remote_id, p->remote_port);
    text_add(t, "    psk: %s\n    ike: { ", p->psk);
    yaml_words(t, "proposals", p->ike ? p->ike : "aes256gcm16-prfsha256-x25519");
    text_add(t, "encap: %s, fragmentation: %s, ", p->encap == ENCAP_FORCE ? "force" : "auto", p->no_fragments ? "no" : "yes");
    if (p->fragment_size)
        text_add(t, "fragment_size: %u, ", p->fragment_size);
    text_add(t, "}\n    children:\n");
    for (size_t k = 0; k < PLAN_CHILDREN_MAX && p->child[k].name; k++)
        yaml_child(t, &p->child[k]);
}

/* A snapshot is frozen for everybody else; its times are set here, finer than the file could say. */
static void set_times(const struct plan *p, struct conf_connection *c)
{
    struct conf_child *children = (struct conf_child *)(uintptr_t)c->children;

    c->remote.ca_hashes = p->ca_hashes;
    c->rekey_us = p->rekey_us;
    c->lifetime_us = p->lifetime_us ? p->lifetime_us : p->rekey_us + p->rekey_us / 10;
    c->liveness_us = p->liveness_us;
    c->dead_after_us = p->dead_after_us;
    c->keepalive_us = p->keepalive_us;
    for (size_t k = 0; k < c->n_children; k++) {
        children[k].rekey_us = p->child[k].rekey_us;
        children[k].lifetime_us = p->child[k].lifetime_us;
        children[k].rekey_packets = p->child[k].rekey_packets;
    }
}

static void complain(const struct conf_report *report, const char *yaml)
{
    char room[2000];
    struct text t = text_in(room, sizeof(room));

    conf_report_format(report, &t);
    fprintf(stderr, "plan: %s\n%s\n", room, yaml);
}

/* --- what was read before, for who plays the same world many times
 * ---------------------------------------------------------------- */

static struct kept {
    char *key;
    size_t len;
    struct conf *conf;
} kept[8];
static bool keeps;

void plan_keep(bool on)
{
    keeps = on;
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        free(kept[i].key);
        kept[i] = (struct kept){.conf = conf_unref(kept[i].conf)};
    }
}

/* The key is everything that it is made of but the settings of the whole end. */
static struct conf *kept_find(const char *key, size_t len)
{
    for (size_t i = 0; keeps && i < COUNT_OF(kept); i++)
        if (kept[i].conf && kept[i].len == len && !memcmp(kept[i].key, key, len))
            return conf_ref(kept[i].conf);
    return NULL;
}

static void kept_add(const char *key, size_t len, struct conf *c)
{
    size_t i = 0;

    while (i < COUNT_OF(kept) && kept[i].conf)
        i++;
    if (!keeps || i == COUNT_OF(kept) || !(kept[i].key = malloc(len)))
        return;
    memcpy(kept[i].key, key, len);
    kept[i].len = len;
    kept[i].conf = conf_ref(c);
}

static void yaml_times(struct text *t, const struct plan *p)
{
    text_add(t, "# %lld %lld %lld %lld %lld", (long long)p->rekey_us, (long long)p->lifetime_us, (long long)p->liveness_us,
             (long long)p->dead_after_us, (long long)p->keepalive_us);
    for (size_t k = 0; k < PLAN_CHILDREN_MAX; k++)
        text_add(t, " %lld %lld %llu", (long long)p->child[k].rekey_us, (long long)p->child[k].lifetime_us,
                 (unsigned long long)p->child[k].rekey_packets);
    text_add(t, "\n");
}

struct conf *plan_conf(const struct alg_registry *algs, const struct plan_globals *g, const struct plan *plans, size_t n,
                       uint32_t generation)
{
    struct conf_setup setup = {.algs = algs, .generation = generation};
    struct conf_report report;
    char yaml[8000];
    struct text t = text_in(yaml, sizeof(yaml));
    struct conf *c;

    text_add(&t, "connections:%s\n", n ? "" : " {}");
    for (size_t i = 0; i < n; i++)
        yaml_connection(&t, &plans[i]);
    for (size_t i = 0; i < n && keeps; i++)
        yaml_times(&t, &plans[i]);
    text_add(&t, keeps ? "# %u\n" : "", generation);
    c = kept_find(yaml, strlen(yaml));
    if (c)
        return c;
    conf_report_init(&report);
    c = conf_read_text(&setup, "plan", span_str(yaml), &report);
    if (!c || c->n_connections != n) {
        complain(&report, yaml);
        c = conf_unref(c);
    }
    conf_report_done(&report);
    if (!c)
        return NULL;
    for (size_t i = 0; i < n; i++)
        set_times(&plans[i], &c->connections[i]);
    c->limits = g->limits;
    c->retransmit_us = g->retransmit_us;
    c->retransmit_factor = g->retransmit_factor;
    c->retransmit_tries = g->retransmit_tries;
    c->quick_crash_detection = !g->no_qcd;
    kept_add(yaml, strlen(yaml), c);
    return c;
}
