/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with a puppet: each test has one of its own, and prints the world's trace when it fails. */
#ifndef SIM_PUPPET_TEST_H
#define SIM_PUPPET_TEST_H

#include "puppet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SEC USEC_SEC
#define MS USEC_MSEC

static inline void must(struct puppet *p, bool ok, const char *what, const char *file, int line)
{
    if (ok && !p->w->failed)
        return;
    fprintf(stderr, "%s:%d: expected: %s\n", file, line, what);
    world_report(p->w);
    _fail(file, line);
}
#define MUST(p, expr) must((p), (expr), #expr, __FILE__, __LINE__)

/* A puppet whose gate waits for it; one whose gate comes by itself; and one that has a tunnel. */
static inline struct puppet *waiting(void)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);

    puppet_start(p);
    return p;
}

static inline struct puppet *connected(void)
{
    struct puppet *p = waiting();

    MUST(p, up(p));
    MUST(p, children(p, "UP") == 1);
    return p;
}

static inline struct puppet *called(void)
{
    struct puppet *p = puppet_new(KEEP_UP);

    puppet_start(p);
    MUST(p, up_there(p));
    return p;
}

/* The gate still answers a plain liveness check, and holds this many Child SAs. */
static inline void alive(struct puppet *p, size_t n_children)
{
    const struct said *m;

    say(p);
    m = ask(p, INFORMATIONAL);
    MUST(p, m && m->response && !m->in);
    MUST(p, children(p, "UP") == n_children);
}

/* The gate has rekeyed the IKE SA: its token comes under the heir, in an exchange of its own (RFC 6290 4.3). */
static inline void token_heard(struct puppet *p)
{
    const struct said *m = hear(p);

    MUST(p, m && !m->response && m->h.exchange == INFORMATIONAL && has(m, QUICK_CRASH_DETECTION));
    say(p);
    reply(p, m);
}

static inline void over(struct puppet *p)
{
    MUST(p, !p->w->failed);
    puppet_free(p);
}

#endif
