/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "net/resolve.h"

#include <netdb.h>
#include <pthread.h>

#include "net/sockaddr.h"

/* The route sockets serve one question at a time. */
static struct addr source_locked(const struct net_sockets *s, const struct addr *to)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct addr local;

    pthread_mutex_lock(&lock);
    local = net_source(s, to);
    pthread_mutex_unlock(&lock);
    return local;
}

static bool resolve_seen(const struct addr *v, size_t n, const struct addr *a)
{
    for (size_t i = 0; i < n; i++)
        if (addr_equal(&v[i], a))
            return true;
    return false;
}

static size_t resolve_take(const struct addrinfo *list, struct addr *out)
{
    size_t n = 0;

    for (; list && n < RESOLVE_MAX; list = list->ai_next) {
        struct addr a = sockaddr_to(list->ai_addr).addr;

        if (a.family && !resolve_seen(out, n, &a))
            out[n++] = a;
    }
    return n;
}

/* The error of getaddrinfo(), 0 or EAI_*. */
static int resolve_name(const char *name, uint8_t family, struct addr *out, size_t *n)
{
    const int families[] = {[4] = AF_INET, [6] = AF_INET6};
    struct addrinfo hints = {.ai_family = family == 4 || family == 6 ? families[family] : AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL;
    int err = getaddrinfo(name, NULL, &hints, &list);

    if (err)
        return err;
    *n = resolve_take(list, out);
    freeaddrinfo(list);
    return *n ? 0 : EAI_NONAME;
}

static size_t resolve_find(const struct resolver *r, const char *name, uint8_t family, struct addr *out, const char **why)
{
    size_t n = 0;
    int err;

    if (!addr_parse(name, out))
        return 1;
    err = resolve_name(name, family, out, &n);
    if (!err && r->remember && !family)
        remember_put(r->remember, name, out, n);
    if (!err)
        return n;
    *why = gai_strerror(err);
    return err != EAI_NONAME && r->remember ? remember_get(r->remember, name, family, out, RESOLVE_MAX) : 0;
}

void resolve_run(void *ctx, const struct ask *ask, struct answer *a, struct arena *arena)
{
    const struct resolver *r = ctx;
    struct addr *v = arena_alloc(arena, 2 * RESOLVE_MAX * sizeof(*v)), *local = v ? v + RESOLVE_MAX : NULL;
    size_t n;

    a->result = ANSWER_FAILED;
    if (!v || ask->kind != ASK_RESOLVE)
        return;
    n = resolve_find(r, ask->u.resolve.name, ask->u.resolve.family, v, &a->why);
    if (!n)
        return;
    for (size_t i = 0; i < n; i++)
        local[i] = source_locked(r->sockets, &v[i]);
    a->result = ANSWER_OK;
    a->why = NULL;
    a->u.resolve.v = v;
    a->u.resolve.n = n;
    a->u.resolve.local = local;
}
