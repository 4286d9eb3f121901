/* SPDX-License-Identifier: Apache-2.0 */
/* The world that a case is played in, what is ordered there, and who draws the lowest nonce. */
#include "collide.h"
#include "ike/ike.h"
#include "scenario.h"

#include <string.h>

const char *const clash_setting_names[CLASH_SETTINGS] = {"plain", "group", "nat", "keep", "slow", "behind"};
static const char *const to[] = {"to1", "to0"};

/* Nothing happens by itself, but what a case orders. */
static void plan_quiet(struct plan *p, unsigned end, enum keep keep)
{
    p->keep = keep;
    p->rekey_us = p->keepalive_us = 0;
    p->lifetime_us = p->liveness_us = 24 * HOUR;
    p->child[0].rekey_us = 0;
    p->child[0].lifetime_us = 24 * HOUR;
    p->child[1] = p->child[0];
    p->child[1].name = "extra";
    p->child[1].local[0] = end ? "10.11.0.0/16" : "10.10.0.0/16";
    p->child[1].remote[0] = end ? "10.10.0.0/16" : "10.11.0.0/16";
    p->child[0].keep = keep;
    p->child[1].keep = KEEP_ANSWER;
}

/* Who is behind the translator looks after it, nobody else can. Who answers is reached through it, as long as nothing is rebound.
 */
static void plan_translate(struct world *w, unsigned inside)
{
    w->net.nat[inside] = (struct nat){.on = true, .outside = addr_v4(203, 0, 113, 5), .timeout = HOUR, .forward = inside == 1};
    w->end[inside].plan[0].liveness_us = 20 * SEC;
    w->end[!inside].plan[0].remote = w->net.nat[inside].outside;
}

static void plan_set(struct world *w, const struct clash_case *c)
{
    enum keep keep = c->setting == CLASH_KEEP ? KEEP_UP : KEEP_ANSWER;

    for (unsigned i = 0; i < 2; i++) {
        struct plan *p = &w->end[i].plan[0];

        plan_quiet(p, i, i ? KEEP_ANSWER : keep);
        if (c->setting == CLASH_GROUP) /* each begins with what the other has not */
            p->child[0].esp = p->child[1].esp = i ? "aes256gcm16-modp2048-ecp256" : "aes256gcm16-x25519-ecp256";
        if (c->setting == CLASH_GROUP)
            p->ike = i ? "aes256gcm16-prfsha256-modp2048-ecp256" : "aes256gcm16-prfsha256-x25519-ecp256";
        if (c->setting == CLASH_GROUP)
            p->child[0].pfs = p->child[1].pfs = PFS_REQUIRE;
        for (size_t k = 0; k < COUNT_OF(w->end[i].desk); k++)
            w->end[i].desk[k] = (struct desk_faults){.low = USEC_MSEC, .high = USEC_MSEC};
    }
    if (c->setting == CLASH_NAT || c->setting == CLASH_BEHIND)
        plan_translate(w, c->setting == CLASH_NAT ? 0 : 1);
}

/* The peer of each end once named a group that it takes no more: so says what the end has kept of it. */
static void groups_forget(struct world *w)
{
    for (unsigned i = 0; i < 2; i++)
        LIST_EACH (it, &w->end[i].core->sas) {
            LIST_ITEM(it, struct ike_sa, in_core)->rekey_group = i ? 14 : 31; /* MODP-2048, X25519 */
        }
}

/* --- nonces --------------------------------------------------------------------------------------------------------------------
 */

static void steered(void *ctx, uint8_t *out, size_t len)
{
    struct clash_steer *s = ctx;

    s->real.fill(s->real.ctx, out, len);
    if (len == NONCE_LEN)
        out[0] = s->answering ? s->answer : s->request;
}

/* From now on: the lowest of the four is the one that the case says. */
static void steer(struct world *w, const struct clash_case *c, struct clash_steer s[2])
{
    uint8_t first[4] = {0x40, 0x41, 0x42, 0x43}; /* by exchange: request, answer */

    first[c->nonces] = 0x10;
    s[0] = (struct clash_steer){.request = first[0], .answer = first[3]};
    s[1] = (struct clash_steer){.request = first[2], .answer = first[1]};
    for (unsigned i = 0; i < 2 && !w->failed; i++) {
        s[i].real = w->end[i].core->rng;
        w->end[i].core->rng = (struct rng){steered, &s[i]};
    }
}

struct world *clash_stage(const struct clash_case *c, struct clash_steer s[2], bool verbose)
{
    struct world *w = world_pair(1, KEEP_ANSWER, KEEP_ANSWER);

    w->verbose = verbose;
    plan_set(w, c);
    net_all(&w->net, (struct way){0});
    end_start(&w->end[1]);
    world_run(w, 10 * MS);
    end_start(&w->end[0]);
    world_run(w, 10 * MS);
    if (c->setting != CLASH_KEEP)
        end_order(&w->end[0], ORDER_UP, to[0], "net");
    world_run(w, SEC);
    if (!w->failed && (core_count(w->end[0].core).child_sas != 1 || core_count(w->end[1].core).child_sas != 1))
        world_fail(w, "the stage does not come up");
    w->net.nat[1].forward = false;
    if (c->setting == CLASH_GROUP && !w->failed)
        groups_forget(w);
    steer(w, c, s);
    return w;
}

/* --- acts
 * ------------------------------------------------------------------------------------------------------------------------ */

/* A liveness check is due (2.4): its timer would say so after a long silence. */
static void liveness(struct end *e)
{
    struct input in = {.kind = INPUT_TICK};

    LIST_EACH (it, &e->core->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_core);

        if (!sa_usable(sa))
            continue;
        sa->want_liveness = true;
        sa_wake(sa);
    }
    end_step(e, &in);
}

/* The end behind the translator gets another port, the other one hears of it by what comes next (2.23); without a translator
 * an end is told that addresses have changed. */
static void address(struct world *w, unsigned end)
{
    struct event ev = {.kind = EVENT_ADDRESS};

    if (w->net.nat[end].on)
        net_nat_rebind(&w->net.nat[end]);
    else
        end_event(&w->end[end], &ev, 0);
}

void clash_act(struct world *w, const struct clash_act *a)
{
    struct end *e = &w->end[a->end];

    switch (a->op) {
    case CLASH_CREATE:
        end_order(e, ORDER_UP, to[a->end], "extra");
        return;
    case CLASH_REKEY:
        end_order(e, ORDER_REKEY, to[a->end], "net");
        return;
    case CLASH_DELETE:
        end_order(e, ORDER_DOWN, to[a->end], "net");
        return;
    case CLASH_IKE_REKEY:
        end_order(e, ORDER_REKEY, to[a->end], NULL);
        return;
    case CLASH_IKE_DELETE:
        end_order(e, ORDER_DOWN, to[a->end], NULL);
        return;
    case CLASH_LIVENESS:
        liveness(e);
        return;
    case CLASH_ADDRESS:
        address(w, a->end);
        return;
    }
}
