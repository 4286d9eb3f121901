/* SPDX-License-Identifier: Apache-2.0 */
/* What the core says: everything an output points at is copied into the outbox, for its owner may die in the same step. */
#include "ike/ike.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void outbox_init(struct outbox *o)
{
    *o = (struct outbox){0};
    arena_init(&o->arena, OUTBOX_ARENA_MAX);
}

void outbox_reset(struct outbox *o)
{
    o->n = 0;
    arena_reset(&o->arena);
}

void outbox_done(struct outbox *o)
{
    free(o->v);
    arena_done(&o->arena);
    *o = (struct outbox){0};
}

static struct output *out_add(struct core *c, enum output_kind kind)
{
    struct outbox *o = c->out;
    struct output *last;

    if (o->n == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 16;
        struct output *v = realloc(o->v, cap * sizeof(*v));

        if (!v) {
            memory_short(c);
            return NULL;
        }
        o->v = v;
        o->cap = cap;
    }
    last = &o->v[o->n++];
    *last = (struct output){.kind = kind};
    return last;
}

/* What could not be copied whole is not said at all; what follows tries anew. */
static bool out_whole(struct core *c)
{
    struct arena *a = &c->out->arena;

    if (!a->failed)
        return true;
    a->failed = false;
    c->out->n--;
    memory_short(c);
    return false;
}

void out_send(struct core *c, const struct path *path, struct span datagram)
{
    struct output *o = out_add(c, OUTPUT_SEND);

    if (!o)
        return;
    o->u.send.path = *path;
    o->u.send.data = arena_copy(&c->out->arena, datagram);
    (void)out_whole(c); /* lost, as any datagram may be */
}

void out_keepalive(struct core *c, const struct path *path)
{
    struct output *o = out_add(c, OUTPUT_SEND);

    if (!o)
        return;
    o->u.send.path = *path;
    o->u.send.data = arena_copy(&c->out->arena, span_str("\xff"));
    o->u.send.keepalive = true;
    (void)out_whole(c);
}

static const struct span *spans_copy(struct arena *a, const struct span *v, size_t n)
{
    struct span *copy = n ? arena_alloc(a, n * sizeof(*copy)) : NULL;

    for (size_t i = 0; copy && i < n; i++)
        copy[i] = arena_copy(a, v[i]);
    return copy;
}

static void secret_copy(struct arena *a, struct secret *s)
{
    struct span copy = arena_copy(a, secret_view(s));

    s->p = (uint8_t *)(uintptr_t)copy.p;
    s->len = copy.len;
}

static void ts_copy(struct arena *a, struct ts_list *l)
{
    struct ts *v = l->n ? arena_alloc(a, l->n * sizeof(*v)) : NULL;

    if (v)
        memcpy(v, l->v, l->n * sizeof(*v));
    *l = (struct ts_list){v, v ? l->n : 0};
}

static void auth_copy(struct arena *a, struct ask_auth *auth)
{
    auth->sk_p = arena_copy(a, auth->sk_p);
    auth->message = arena_copy(a, auth->message);
    auth->nonce = arena_copy(a, auth->nonce);
    auth->id.data = arena_copy(a, auth->id.data);
    auth->data = arena_copy(a, auth->data);
    auth->certs = spans_copy(a, auth->certs, auth->n_certs);
    auth->cert_requests = spans_copy(a, auth->cert_requests, auth->n_cert_requests);
    if (auth->ours) {
        struct ask_auth *ours = arena_new(a, struct ask_auth);

        if (ours) {
            *ours = *auth->ours;
            ours->sk_p = arena_copy(a, ours->sk_p);
            ours->message = arena_copy(a, ours->message);
            ours->nonce = arena_copy(a, ours->nonce);
            ours->cert_requests = spans_copy(a, ours->cert_requests, ours->n_cert_requests);
        }
        auth->ours = ours;
    }
}

static void child_copy(struct arena *a, struct ask_child *child)
{
    ts_copy(a, &child->ts_local);
    ts_copy(a, &child->ts_remote);
    if (child->keys) {
        struct child_keys *keys = arena_new(a, struct child_keys);

        if (keys) {
            *keys = *child->keys;
            secret_copy(a, &keys->encr_i2r);
            secret_copy(a, &keys->integ_i2r);
            secret_copy(a, &keys->encr_r2i);
            secret_copy(a, &keys->integ_r2i);
        }
        child->keys = keys;
    }
}

bool out_ask(struct core *c, const struct ask *ask)
{
    struct output *o = out_add(c, OUTPUT_ASK);
    struct arena *a = &c->out->arena;

    if (!o)
        return false;
    o->u.ask = *ask;
    switch (ask->kind) {
    case ASK_KE_GENERATE:
    case ASK_KE_DERIVE:
    case ASK_KE_BOTH:
        o->u.ask.u.ke.private_value = arena_copy(a, ask->u.ke.private_value);
        o->u.ask.u.ke.peer_public = arena_copy(a, ask->u.ke.peer_public);
        break;
    case ASK_AUTH_MAKE:
    case ASK_AUTH_CHECK:
        auth_copy(a, &o->u.ask.u.auth);
        proof_asked(c);
        break;
    case ASK_RESOLVE:
        o->u.ask.u.resolve.name = arena_string(a, ask->u.resolve.name);
        break;
    case ASK_ACQUIRE_DONE:
    case ASK_NONCES:
    case ASK_TOKEN:
        break;
    default:
        child_copy(a, &o->u.ask.u.child);
    }
    return out_whole(c);
}

static enum level fact_level(enum fact f)
{
    static const enum level levels[] = {
#define FACT_LEVEL(name, word, level) level,
        FACTS(FACT_LEVEL)
#undef FACT_LEVEL
    };

    return levels[f];
}

/* Rows of a list are part of a reply. */
bool fact_heard(const struct core *c, enum fact fact)
{
    return fact_level(fact) <= c->heard || fact == FACT_STOPPED || fact == FACT_IKE_SA || fact == FACT_CHILD_SA;
}

static struct tell *tell_add(struct core *c, enum fact fact, const char *fmt, va_list args)
{
    struct output *o = out_add(c, OUTPUT_TELL);
    char line[1024];
    struct text t = text_in(line, sizeof(line));

    if (!o)
        return NULL;
    text_add_args(&t, fmt, args);
    o->u.tell.fact = fact;
    o->u.tell.level = fact_level(fact);
    o->u.tell.text = arena_string(&c->out->arena, line);
    return &o->u.tell;
}

/* A responder's half-open IKE SA: whoever is there has proved nothing. */
static bool about_stranger(const struct ike_sa *sa)
{
    return sa && !sa->initiator && !sa->is_heir && sa->state < IKE_UP;
}

void tell(struct core *c, enum fact fact, const struct peer *p, const struct ike_sa *sa, const struct child_sa *child,
          const char *fmt, ...)
{
    const struct conf_child *cc = child ? child_conf(child) : NULL;
    struct tell *t;
    va_list args;

    if (!fact_heard(c, fact) || (about_stranger(sa) && !stranger_told(c)))
        return;
    va_start(args, fmt);
    t = tell_add(c, fact, fmt, args);
    va_end(args);
    if (!t)
        return;
    t->connection = p ? arena_string(&c->out->arena, peer_name(p)) : NULL;
    t->child = cc ? arena_string(&c->out->arena, cc->name) : NULL;
    if (sa)
        t->remote = sa->path.remote;
    (void)out_whole(c);
}

void tell_order(struct core *c, uint32_t order, bool ok, const char *fmt, ...)
{
    struct tell *t;
    va_list args;

    va_start(args, fmt);
    t = order ? tell_add(c, FACT_DONE, fmt, args) : NULL;
    va_end(args);
    if (!t)
        return;
    t->order = order;
    t->ok = ok;
    (void)out_whole(c);
}
