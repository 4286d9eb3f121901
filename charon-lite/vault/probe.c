/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/probe.h"

#include <string.h>

#include "conf/conf.h"
#include "vault/psk.h"

struct probing {
    const struct vault_probe_setup *setup;
    struct text *why;
    int err;
};

static void found(struct probing *p, int err)
{
    if (err != 0 && p->err == 0)
        p->err = err;
}

static void next_line(struct probing *p)
{
    if (p->why->len && p->why->p[p->why->len - 1] != '\n')
        text_add(p->why, "\n");
}

static void probe_psk(struct probing *p, const struct conf_connection *c, const struct conf_end *end)
{
    struct secret content = {0}, psk = {0};
    int err;

    next_line(p);
    err = p->setup->keystore->load(p->setup->keystore->ctx, KEYSTORE_PSK, end->psk, &content, p->why);
    if (err == 0) {
        err = psk_parse(secret_view(&content), &psk, p->why);
        if (err != 0)
            text_add(p->why, " (in %s)", end->psk);
    }
    if (err == 0)
        err = psk_strong(secret_view(&psk), end->psk, c->local.weak_psk || c->remote.weak_psk, p->why);
    found(p, err);
    secret_done(&content);
    secret_done(&psk);
}

int vault_probe(void *ctx, const struct conf_connection *c, struct text *why)
{
    struct probing p = {.setup = ctx, .why = why};
    const char *ours = c->local.psk, *theirs = c->remote.psk;

    if (ours)
        probe_psk(&p, c, &c->local);
    if (theirs && (!ours || strcmp(ours, theirs) != 0))
        probe_psk(&p, c, &c->remote);
    return p.err;
}
