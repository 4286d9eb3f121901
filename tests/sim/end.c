/* SPDX-License-Identifier: Apache-2.0 */
/* One gateway: its core, and what becomes of what the core says. */
#include "desk.h"
#include "peek.h"
#include "record.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void mix(struct world *w, struct span bytes)
{
    struct map m = {.seed = {w->digest, 1}};

    w->digest = map_hash(&m, bytes);
}

static void begins_again(struct world *w, void *arg)
{
    struct end *e = *(struct end **)arg;

    (void)w;
    if (!e->core && !e->world->failed)
        end_start(e);
}

static void begin_again(struct end *e, usec_t at)
{
    struct end **arg = malloc(sizeof(struct end *));

    if (!arg)
        abort();
    *arg = e;
    world_at_end(e, at, begins_again, arg);
}

void end_start(struct end *e)
{
    struct world *w = e->world;
    struct core_setup setup = {
        .algs = w->algs, .rng = dice_rng(&e->dice), .now = w->now, .keylog = w->keylog, .keylog_ctx = w->keylog_ctx};

    end_crash(e);
    e->conf = plan_conf(w->algs, &e->globals, e->plan, e->n_plans, ++e->generation);
    if (!e->conf) {
        world_fail(w, "end %u: its plans make no configuration", e->index);
        return;
    }
    setup.conf = e->conf;
    world_trace(w, "%u starts", e->index);
    e->dying = e->stopping = false;
    end_hand_begins(e);
    e->core = core_new(&setup);
    if (e->core && e->world->peeking && e->globals.drowsy)
        poke_awake(e->core, 0);
    outbox_init(&e->outbox);
    e->deadline = e->tick_at = USEC_NEVER;
    e->idle_ticks = 0;
    if (!e->core)
        world_fail(w, "end %u: no core", e->index);
    end_bury(e);
}

void end_crash(struct end *e)
{
    e->life++;
    if (!e->conf)
        return;
    world_trace(e->world, "%u ends", e->index);
    e->world->laws.disturbed = e->world->now;
    e->core = core_free(e->core);
    end_hand_ends(e);
    e->conf = conf_unref(e->conf);
    outbox_done(&e->outbox);
    memset(e->answered_until, 0, sizeof(e->answered_until));
    e->deadline = e->tick_at = USEC_NEVER;
    e->dying = false;
    e->n_verdicts = 0;
}

void end_stop(struct end *e)
{
    end_crash(e);
    xfrm_flush(&e->xfrm);
}

void end_off(struct end *e)
{
    end_crash(e);
    xfrm_done(&e->xfrm);
    e->closed = conf_unref(e->closed);
    e->closing = conf_unref(e->closing);
}

void end_restart(struct end *e)
{
    end_crash(e);
    end_start(e);
}

void end_crash_after(struct end *e, unsigned beats)
{
    e->beats_left = beats;
}

bool end_beat(struct end *e, enum beat beat)
{
    static const char *const where[] = {"before a word of the core", "after a step", "before an operation on the kernel",
                                        "with an ask performed and not answered"};

    if (!e->beats_left || --e->beats_left)
        return e->dying;
    world_trace(e->world, "%u dies %s", e->index, where[beat]);
    e->crashes++;
    e->dying = true;
    return true;
}

void end_bury(struct end *e)
{
    if (!e->dying)
        return;
    end_crash(e);
    begin_again(e, e->world->now + dice_between(&e->world->dice, 5 * USEC_MSEC, 300 * USEC_MSEC));
}

void end_reboot(struct end *e, usec_t down_for)
{
    world_trace(e->world, "%u reboots", e->index);
    end_off(e);
    begin_again(e, e->world->now + down_for);
}

void end_room_crash(struct end *e, enum ask_to room)
{
    world_trace(e->world, "%u room %d dies", e->index, (int)room);
    e->room_life[room]++;
    e->handles = (uint32_t)dice_u64(&e->hand_dice) & ~1u;
}

void end_suspend(struct end *e, usec_t how_long)
{
    if (end_asleep(e))
        return;
    world_trace(e->world, "%u sleeps for %lld s", e->index, (long long)(how_long / USEC_SEC));
    e->asleep_until = e->world->now + how_long;
}

bool end_asleep(const struct end *e)
{
    return e->world->now < e->asleep_until;
}

int64_t end_wall_s(const struct end *e)
{
    return 1800000000 + e->world->now / USEC_SEC + e->wall_jump_s;
}

static void told_text(char *out, size_t cap, const char *in)
{
    snprintf(out, cap, "%s", in ? in : "");
}

static void told_listed(struct end *e, const struct tell *t)
{
    struct told_row *r = &e->rows[e->n_rows];

    if (e->n_rows >= COUNT_OF(e->rows))
        return;
    e->n_rows++;
    *r = (struct told_row){.child = t->fact == FACT_CHILD_SA, .remote = t->remote};
    told_text(r->connection, sizeof(r->connection), t->connection);
    told_text(r->name, sizeof(r->name), t->child);
    if (r->child) {
        told_text(r->state, sizeof(r->state), t->u.child.state);
        r->spi_in = t->u.child.spi_in;
        r->spi_out = t->u.child.spi_out;
        r->udp_encap = t->u.child.udp_encap;
        r->transport = t->u.child.transport;
    } else {
        told_text(r->state, sizeof(r->state), t->u.ike.state);
        r->spi_i = t->u.ike.spi_i;
        r->spi_r = t->u.ike.spi_r;
        r->we_initiated = t->u.ike.we_initiated;
        r->nat_local = t->u.ike.nat_local;
        r->nat_remote = t->u.ike.nat_remote;
        r->remote = t->u.ike.remote;
    }
    if (e->world->verbose)
        world_trace(e->world, "%u   %s%s%s %s %08llx %08llx", e->index, r->connection, r->name[0] ? "/" : "", r->name, r->state,
                    (unsigned long long)(r->child ? r->spi_in : r->spi_i),
                    (unsigned long long)(r->child ? r->spi_out : r->spi_r));
    law_listed(e, r);
}

static void told(struct end *e, const struct tell *t)
{
    static const char *const words[] = {
#define FACT_WORD(name, word, level) word,
        FACTS(FACT_WORD)
#undef FACT_WORD
    };

    if ((unsigned)t->fact >= FACT_COUNT) {
        world_fail(e->world, "end %u tells fact %d", e->index, (int)t->fact);
        return;
    }
    e->facts[t->fact]++;
    if (t->fact == FACT_CHILD_DOWN || t->fact == FACT_IKE_DOWN ||
        (t->fact == FACT_NOTE && t->text && strstr(t->text, "replaced")))
        e->child_down = e->world->now;
    e->turned_away += t->text && strstr(t->text, "AUTHENTICATION_FAILED") != NULL;
    if (t->fact == FACT_IKE_SA || t->fact == FACT_CHILD_SA)
        told_listed(e, t);
    if (t->fact == FACT_DONE) {
        e->order_done = t->order;
        e->order_ok = t->ok;
    }
    mix(e->world, span_str(t->text));
    if (t->fact != FACT_IKE_SA && t->fact != FACT_CHILD_SA)
        world_trace(e->world, "%u %s %s%s%s: %s", e->index, words[t->fact], t->connection ? t->connection : "-",
                    t->child ? "/" : "", t->child ? t->child : "", t->text ? t->text : "");
}

static void output(struct end *e, const struct output *o)
{
    switch (o->kind) {
    case OUTPUT_SEND:
        mix(e->world, o->u.send.data);
        sim_net_send(e, &o->u.send.path, o->u.send.data, o->u.send.keepalive);
        return;
    case OUTPUT_ASK:
        desk_asked(e, &o->u.ask);
        return;
    case OUTPUT_TELL:
        told(e, &o->u.tell);
        return;
    }
    law_broken(e->world, LAW_ASKS, "end %u says %d", e->index, (int)o->kind);
}

void end_step(struct end *e, struct input *in)
{
    if (!e->core || e->world->failed)
        return;
    in->now = e->world->now;
    e->steps++;
    core_step(e->core, in, &e->outbox);
    for (size_t i = 0; i < e->outbox.n && !e->world->failed && !end_beat(e, BEAT_OUTPUT); i++)
        output(e, &e->outbox.v[i]);
    law_stepped(e, in, e->outbox.n);
    if (e->world->record)
        record_states(e);
    outbox_reset(&e->outbox);
    end_beat(e, BEAT_STEP);
    end_bury(e);
}

void end_order(struct end *e, enum order_kind kind, const char *connection, const char *child)
{
    struct input in = {.kind = INPUT_ORDER,
                       .u.order = {.kind = kind, .connection = connection, .child = child, .wait = kind == ORDER_UP}};

    in.u.order.id = ++e->world->orders;
    if (kind == ORDER_DOWN || kind == ORDER_STOP)
        e->world->laws.disturbed = e->world->laws.lost = e->world->now;
    e->stopping = e->stopping || kind == ORDER_STOP;
    if (kind != ORDER_LIST)
        world_trace(e->world, "%u order %d %s/%s", e->index, (int)kind, connection ? connection : "*", child ? child : "*");
    end_step(e, &in);
}

void end_list(struct end *e)
{
    e->n_rows = 0;
    end_order(e, ORDER_LIST, NULL, NULL);
}

size_t end_rows(struct end *e, bool children, const char *state)
{
    size_t n = 0;

    for (size_t i = 0; i < e->n_rows; i++)
        n += e->rows[i].child == children && (!state || !strcmp(e->rows[i].state, state));
    return n;
}

void end_reload(struct end *e)
{
    struct input in = {.kind = INPUT_ORDER, .u.order = {.kind = ORDER_RELOAD, .id = ++e->world->orders}};
    struct conf *next = plan_conf(e->world->algs, &e->globals, e->plan, e->n_plans, ++e->generation);

    if (!next) {
        world_fail(e->world, "end %u: its new plans make no configuration", e->index);
        return;
    }
    world_trace(e->world, "%u reloads", e->index);
    e->world->laws.disturbed = e->world->now;
    if (!end_hand_configures(e, next) || e->dying) { /* the operator hears of it, the core does not */
        conf_unref(next);
        end_bury(e);
        return;
    }
    conf_unref(e->conf);
    e->conf = next;
    in.u.order.conf = next;
    end_step(e, &in);
}

void end_event(struct end *e, const struct event *event, usec_t delay)
{
    struct input in = {.kind = INPUT_EVENT, .u.event = *event};

    (void)delay;
    end_hand_says(e, &in);
}

void end_finish(struct end *e)
{
    const char *open = NULL;

    hand_disarm(e->hand);
    LIST_EACH (i, &e->xfrm.policies) {
        const struct kernel_policy *p = &LIST_ITEM(i, struct spd_entry, link)->p;

        if (p->action == POLICY_PROTECT && POLICY_INDEX_OURS(p->index))
            open = "a policy waits for an SA that nobody will make";
    }
    if (xfrm_size(&e->xfrm) || !list_empty(&e->xfrm.larvals))
        open = "SAs are left";
    LAW(e->world, LAW_STOPS, !open, "end %u has stopped, and %s", e->index, open ? open : "");
    law_closed(e);
    end_crash(e);
}

void end_lose_sas(struct end *e)
{
    xfrm_others_flush(e);
}
