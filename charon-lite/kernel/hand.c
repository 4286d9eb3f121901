/* SPDX-License-Identifier: Apache-2.0 */
#include "hand_inside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static void random_fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    while (len) {
        ssize_t n = getrandom(out, len, 0);

        if (n < 0 && errno != EINTR)
            return; /* it seeds hash tables alone */
        if (n > 0) {
            out += n;
            len -= (size_t)n;
        }
    }
}

static const struct rng machine_rng = {random_fill, NULL};

usec_t hand_now(const struct hand *h)
{
    struct timespec t;

    if (h->setup.now)
        return h->setup.now(h->setup.ctx);
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (usec_t)t.tv_sec * USEC_SEC + t.tv_nsec / 1000;
}

int64_t hand_wall_s(const struct hand *h)
{
    return h->setup.wall_s ? h->setup.wall_s(h->setup.ctx) : (int64_t)time(NULL);
}

void hand_log(const struct hand *h, enum level level, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    if (!h->setup.log)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    h->setup.log(h->setup.ctx, level, line);
}

/* --- what is not sure ------------------------------------------------------------------------------------------------ */

#define MEND_FIRST (100 * USEC_SEC / 1000)
#define MEND_MAX (60 * USEC_SEC)

void hand_unsure(struct hand *h)
{
    if (h->mend_at)
        return;
    h->mend_wait = h->mend_wait ? h->mend_wait * 2 : MEND_FIRST;
    if (h->mend_wait > MEND_MAX)
        h->mend_wait = MEND_MAX;
    h->mend_at = hand_now(h) + h->mend_wait;
}

/* A full buffer, a lost answer, no memory: the order may have been done or not, and nobody asks for it again. */
void hand_apply(struct hand *h, struct kernel_op *ops, size_t n)
{
    h->setup.backend->apply(h->backend, ops, n);
    for (size_t i = 0; i < n; i++)
        if (ops[i].result == ERR_IO || ops[i].result == ERR_MEMORY)
            hand_unsure(h);
}

usec_t hand_deadline(const struct hand *h)
{
    return h->mend_at ? h->mend_at : USEC_NEVER;
}

void hand_mend(struct hand *h)
{
    if (!h->mend_at || hand_now(h) < h->mend_at)
        return;
    h->mend_at = 0;
    resync(h);
    if (!h->mend_at)
        h->mend_wait = 0;
}

static void conns_free(struct hand *h, struct hand_conn *conns, size_t n)
{
    for (size_t i = 0; conns && i < n; i++) {
        for (size_t j = 0; conns[i].children && j < conns[i].conf->n_children; j++)
            closed_drop(h, &conns[i].children[j]);
        free(conns[i].children);
    }
    free(conns);
}

static void records_free(struct hand *h)
{
    LIST_EACH (i, &h->records)
        sa_record_free(h, LIST_ITEM(i, struct sa_record, in_hand));
    for (size_t i = 0; i < h->pendings.n_slots; i++)
        while (h->pendings.slots[i])
            pending_end(h, CONTAINER_OF(h->pendings.slots[i], struct pending, node), false);
}

struct hand *hand_free(struct hand *h)
{
    if (!h)
        return NULL;
    records_free(h);
    if (h->conf)
        conns_free(h, h->conns, h->conf->n_connections);
    policies_done(h);
    map_done(&h->sas);
    map_done(&h->pendings);
    if (h->backend)
        h->setup.backend->close(h->backend);
    if (h->conf)
        conf_unref(h->conf);
    if (h->old_conf)
        conf_unref(h->old_conf);
    free(h);
    return NULL;
}

static int adopt(struct hand *h, struct text *why)
{
    int err = policies_look(h);

    if (err)
        text_add(why, "the kernel's policies cannot be read: %s", err_text(err));
    return err;
}

struct hand *hand_new(const struct hand_setup *setup, struct text *why)
{
    struct hand *h = calloc(1, sizeof *h);

    if (h) {
        h->setup = *setup;
        h->setup.rng = setup->rng ? setup->rng : &machine_rng;
    }
    if (!h || policies_init(h)) {
        text_add(why, "no memory");
        free(h);
        return NULL;
    }
    list_init(&h->records);
    map_init(&h->sas, h->setup.rng);
    map_init(&h->pendings, h->setup.rng);
    h->backend = setup->backend->open(&setup->backend_setup, why);
    if (!h->backend || adopt(h, why))
        return hand_free(h);
    resolvers_look(h);
    if (setup->conf && hand_configure(h, setup->conf))
        hand_log(h, LEVEL_ERROR, "not every selector of the configuration could be closed");
    return h;
}

/* --- configuration --------------------------------------------------------------------------------------------------- */

/* By name; `guess` is where it most likely stands: at the place it has in the other snapshot. */
static struct hand_conn *conn_find(const struct hand *h, const char *name, size_t guess)
{
    if (h->conf && guess < h->conf->n_connections && !strcmp(h->conns[guess].conf->name, name))
        return &h->conns[guess];
    for (size_t i = 0; h->conf && i < h->conf->n_connections; i++)
        if (!strcmp(h->conns[i].conf->name, name))
            return &h->conns[i];
    return NULL;
}

static bool same_host(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

/* What is known of the connection of this name stays known. */
static void conn_inherit(struct hand_conn *c, const struct hand_conn *old)
{
    c->disabled = old->disabled;
    if (!c->local.family)
        c->local = old->local;
    if (!c->remote.family && !c->many && same_host(c->conf->remote.host, old->conf->remote.host))
        c->remote = old->remote;
}

static int conn_make(struct hand *h, struct hand_conn *c, const struct conf_connection *conf)
{
    const struct hand_conn *old = conn_find(h, conf->name, conf->index);
    int first = 0;

    c->conf = conf;
    c->many = !conf->remote.host || conf->remote.net.addr.family;
    c->local = conf->local.addr;
    c->remote = conf->remote.addr;
    if (old)
        conn_inherit(c, old);
    c->children = calloc(conf->n_children ? conf->n_children : 1, sizeof *c->children);
    if (!c->children)
        return ERR_MEMORY;
    for (size_t i = 0; i < conf->n_children; i++) {
        struct text t = text_in(h->why, sizeof h->why);
        struct hand_child *child = &c->children[i];
        int err;

        *child = (struct hand_child){.conn = c, .conf = &conf->children[i], .index = (uint16_t)i};
        err = closed_make(h, child, &t);
        if (err) {
            hand_log(h, LEVEL_ERROR, "%s/%s cannot be closed: %s", conf->name, child->conf->name, h->why);
            first = first ? first : err;
        }
    }
    return first;
}

static struct hand_conn *conns_make(struct hand *h, const struct conf *conf, int *err)
{
    struct hand_conn *conns = calloc(conf->n_connections ? conf->n_connections : 1, sizeof *conns);

    *err = conns ? 0 : ERR_MEMORY;
    for (size_t i = 0; conns && i < conf->n_connections; i++) {
        int one = conn_make(h, &conns[i], &conf->connections[i]);

        if (!*err)
            *err = one;
    }
    return conns;
}

static struct hand_child *child_of(struct hand_conn *c, const char *name)
{
    for (size_t j = 0; j < c->conf->n_children; j++)
        if (!strcmp(c->conf->children[j].name, name))
            return &c->children[j];
    return NULL;
}

static struct hand_child *successor(struct hand_conn *conns, const struct conf *conf, const struct hand_child *old)
{
    const char *name = old->conn->conf->name;
    size_t guess = old->conn->conf->index;

    if (guess < conf->n_connections && !strcmp(conf->connections[guess].name, name))
        return child_of(&conns[guess], old->conf->name);
    for (size_t i = 0; i < conf->n_connections; i++)
        if (!strcmp(conf->connections[i].name, name))
            return child_of(&conns[i], old->conf->name);
    return NULL;
}

static void records_relink(struct hand *h, struct hand_conn *conns, const struct conf *conf)
{
    LIST_EACH (i, &h->records) {
        struct sa_record *r = LIST_ITEM(i, struct sa_record, in_hand);

        if (r->child)
            record_link(h, r, successor(conns, conf, r->child));
    }
}

static void say_limits(const struct hand *h, const struct conf *conf)
{
    for (size_t i = 0; i < conf->n_connections; i++)
        for (size_t j = 0; j < conf->connections[i].n_children; j++) {
            const struct conf_child *c = &conf->connections[i].children[j];

            if (c->df == DF_SET)
                hand_log(h, LEVEL_NOTICE, "%s/%s: the kernel can copy or clear the don't-fragment bit, not set it; it is copied",
                         conf->connections[i].name, c->name);
        }
}

int hand_configure(struct hand *h, struct conf *conf)
{
    bool first = h->conf == NULL;
    struct hand_conn *old = h->conns, *conns;
    struct text t;
    int err, err2;

    resolvers_choose(h, conf);
    conns = conns_make(h, conf, &err);
    if (!conns || (err && !first)) {
        conns_free(h, conns, conf->n_connections);
        (void)policies_settle(h, true, NULL);
        return err;
    }
    records_relink(h, conns, conf);
    if (h->conf)
        conns_free(h, old, h->conf->n_connections);
    if (h->old_conf)
        conf_unref(h->old_conf);
    h->old_conf = h->conf;
    h->conf = conf_ref(conf);
    h->conns = conns;
    h->disarmed = false;
    for (struct policy *p = policy_next(h, NULL); p; p = policy_next(h, p))
        policy_dirty(h, p, DIRECTIONS_ALL);
    t = text_in(h->why, sizeof h->why);
    err2 = policies_settle(h, false, &t);
    err = err ? err : err2;
    if (!err)
        err = policies_settle(h, true, &t);
    if (first)
        orphans_delete(h);
    clamps_set(h, conf);
    say_limits(h, conf);
    return err;
}

static bool conn_unsettled(const struct hand *h, const struct hand_conn *c)
{
    for (size_t i = 0; i < c->conf->n_children; i++)
        if (claims_unsettled(c->children[i].claims))
            return true;
    LIST_EACH (i, &h->records) {
        const struct sa_record *r = LIST_ITEM(i, struct sa_record, in_hand);

        if (r->child && r->child->conn == c && claims_unsettled(r->claims))
            return true;
    }
    return false;
}

static int set_disabled(struct hand *h, const char *connection, bool disabled)
{
    struct hand_conn *c = conn_find(h, connection, 0);
    struct text t = text_in(h->why, sizeof h->why);
    int err;

    if (!c)
        return ERR_NOT_FOUND;
    c->disabled = disabled;
    for (size_t i = 0; i < c->conf->n_children; i++)
        claims_dirty(h, c->children[i].claims);
    LIST_EACH (i, &h->records) {
        struct sa_record *r = LIST_ITEM(i, struct sa_record, in_hand);

        if (r->child && r->child->conn == c)
            claims_dirty(h, r->claims);
    }
    err = policies_settle(h, true, &t);
    return conn_unsettled(h, c) ? err : 0; /* what failed for others is in the log */
}

int hand_disable(struct hand *h, const char *connection)
{
    return set_disabled(h, connection, true);
}

int hand_enable(struct hand *h, const char *connection)
{
    return set_disabled(h, connection, false);
}

/* Policies first, as always: nothing is looked for that is going. */
void hand_disarm(struct hand *h)
{
    h->disarmed = true;
    for (struct policy *p = policy_next(h, NULL); p; p = policy_next(h, p))
        policy_dirty(h, p, DIRECTIONS_ALL);
    (void)policies_settle(h, true, NULL);
    LIST_EACH (i, &h->records)
        sa_record_free(h, LIST_ITEM(i, struct sa_record, in_hand));
    (void)policies_settle(h, true, NULL);
    orphans_delete(h);
    clamps_set(h, NULL);
}

/* --- the door -------------------------------------------------------------------------------------------------------- */

size_t hand_fds(const struct hand *h, int out[HAND_FDS_MAX])
{
    return h->setup.backend->fds(h->backend, out, HAND_FDS_MAX);
}

void hand_read(struct hand *h)
{
    for (int i = 0; i < 64 && h->setup.backend->read(h->backend, notice_take, h); i++)
        ;
    if (h->resync_wanted)
        resync(h);
}

void hand_ask(struct hand *h, const struct ask *a)
{
    struct answer unknown = {.ticket = a->ticket, .kind = a->kind, .result = ANSWER_FAILED, .why = "not for the hand"};

    switch (a->kind) {
    case ASK_CHILD_INSTALL:
        hand_child_install(h, a);
        break;
    case ASK_CHILD_OUTBOUND:
        hand_child_outbound(h, a);
        break;
    case ASK_CHILD_REMOVE:
        hand_child_remove(h, a);
        break;
    case ASK_CHILD_UPDATE:
        hand_child_update(h, a);
        break;
    case ASK_CHILD_QUERY:
        hand_child_query(h, a);
        break;
    case ASK_ACQUIRE_DONE:
        acquire_done(h, a);
        break;
    default:
        h->setup.answer(h->setup.ctx, &unknown);
    }
}

static void count_policy(const struct hand *h, const struct policy *p, enum direction d, struct hand_counts *c)
{
    const struct claim *claim = policy_claim(h, p, d);
    unsigned action = p->state[d].action;

    if (!p->state[d].in_kernel)
        return;
    c->policies++;
    c->blocks += action == POLICY_BLOCK;
    c->passes += action == POLICY_PASS;
    c->protects += action == POLICY_PROTECT && claim && claim->rank == CLAIM_PROTECT;
    c->traps += action == POLICY_PROTECT && claim && claim->rank == CLAIM_CLOSED;
}

struct hand_counts hand_counts(const struct hand *h)
{
    struct hand_counts c = h->counts;

    c.sas = h->sas.count;
    for (const struct policy *p = policy_next(h, NULL); p; p = policy_next(h, p))
        for (int d = 0; d < DIRECTIONS; d++)
            count_policy(h, p, (enum direction)d, &c);
    return c;
}
