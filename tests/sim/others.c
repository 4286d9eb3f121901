/* SPDX-License-Identifier: Apache-2.0 */
/* Notices on their way to the hand, and what other programs do to the kernel's tables. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define FOREIGN_SPI 0x0badcafeu
#define FOREIGN_INDEX 0x11000001u

static void notices_read(struct world *w, void *arg)
{
    struct end *e = *(struct end **)arg;

    (void)w;
    e->xfrm.reading = false;
    if (e->xfrm.listening && (e->xfrm.n_notices || e->xfrm.overrun))
        end_hand_reads(e);
}

static void reading_soon(struct end *e)
{
    struct end **arg;

    if (e->xfrm.reading)
        return;
    arg = malloc(sizeof(struct end *));
    if (!arg)
        abort();
    *arg = e;
    e->xfrm.reading = true;
    world_at_end(e, e->world->now + dice_between(&e->world->dice, 10, 300), notices_read, arg);
}

void xfrm_notice(struct end *e, const struct notice *n)
{
    struct xfrm *x = &e->xfrm;
    struct lot lot;

    if (!x->listening)
        return;
    reading_soon(e);
    lot = lot_draw(e->world, LOT_NOTICE, e->index, (uint64_t)n->kind);
    if (x->n_notices == XFRM_NOTICES_MAX || lot_strikes(e->world, &lot, FAULT_NOTICE_LOST, x->faults.lost)) {
        x->overrun = true;
        world_trace(e->world, "%u a notice is lost", e->index);
        return;
    }
    x->notices[x->n_notices++] = *n;
}

static void sa_notice(struct end *e, const struct sa *s)
{
    struct notice n = {.kind = NOTICE_SA_DELETED, .reqid = s->reqid};

    n.u.expire.spi = s->spi;
    n.u.expire.dst = s->inbound ? s->local.addr : s->remote.addr;
    n.u.expire.hard = true;
    xfrm_notice(e, &n);
}

void xfrm_others_flush(struct end *e)
{
    world_trace(e->world, "%u somebody flushes the SAs", e->index);
    LIST_EACH (i, &e->xfrm.sas) {
        e->xfrm.others -= LIST_ITEM(i, struct sa, link)->foreign;
        law_sa_lost(e, LIST_ITEM(i, struct sa, link));
    }
    xfrm_flush(&e->xfrm);
    xfrm_notice(e, &(struct notice){.kind = NOTICE_FLUSHED});
}

bool xfrm_others_delete(struct end *e, struct dice *d)
{
    size_t n = dice_below(d, xfrm_size(&e->xfrm));

    LIST_EACH (i, &e->xfrm.sas) {
        struct sa *s = LIST_ITEM(i, struct sa, link);

        if (s->foreign || n--)
            continue;
        world_trace(e->world, "%u somebody deletes SA %08x", e->index, s->spi);
        sa_notice(e, s);
        law_sa_lost(e, s);
        list_remove(&s->link);
        free(s);
        return true;
    }
    return false;
}

void xfrm_others_add(struct end *e)
{
    struct sa *s = calloc(1, sizeof(*s));
    struct spd_entry *p = calloc(1, sizeof(*p));

    if (!s || !p)
        abort();
    s->foreign = true;
    s->spi = FOREIGN_SPI;
    s->reqid = 7;
    s->inbound = true;
    s->local.addr = e->addr;
    s->remote.addr = addr_v4(198, 51, 100, 77);
    s->soft_at = s->hard_at = USEC_NEVER;
    list_append(&e->xfrm.sas, &s->link);
    p->p = (struct kernel_policy){.direction = DIRECTION_OUT, .index = FOREIGN_INDEX, .priority = 5, .action = POLICY_PASS};
    p->p.sel.src = p->p.sel.dst = (struct prefix){addr_v4(198, 51, 100, 0), 24};
    list_append(&e->xfrm.policies, &p->link);
    e->xfrm.others += 2;
}

bool xfrm_others_intact(const struct end *e)
{
    unsigned found = 0;

    LIST_EACH (i, &e->xfrm.sas)
        found += LIST_ITEM(i, struct sa, link)->foreign;
    LIST_EACH (i, &e->xfrm.policies)
        found += LIST_ITEM(i, struct spd_entry, link)->p.index == FOREIGN_INDEX;
    return found == e->xfrm.others;
}
