/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/charon-bench.d/race.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/port.h"
#include "tests/bench/charon-bench.d/course.h"

#define STALL (60 * USEC_SEC) /* beside --give-up */

enum { TURN_STARTS = 32 }; /* begun before the sockets are looked at again */

static struct lap *lap_now(struct course *c)
{
    return c->phase <= PHASE_REKEY ? &c->laps[c->phase] : NULL;
}

/* --- what happens to peers */

static void lap_end_one(struct course *c, struct runner *r, enum state to, const char *why)
{
    struct lap *l = lap_now(c);

    r->state = (uint8_t)to;
    if (!l)
        return;
    l->time.work_ended = loop_now();
    if (why) {
        l->failed++;
        reasons_add(&l->reasons, why);
        return;
    }
    l->done++;
    l->by_second[lap_second(l)]++;
    samples_add(&l->whole, l->time.work_ended - r->since);
}

static void runner_keyed(struct course *c, struct runner *r)
{
    if (r->state != STATE_BEGUN)
        return;
    samples_add(&c->laps[PHASE_ESTABLISH].init, loop_now() - r->since);
    r->state = STATE_KEYED;
    if (!c->o->half_open)
        return;
    c->up++;
    lap_end_one(c, r, STATE_UP, NULL);
}

static bool fact_fails(const struct tell *t)
{
    return t->fact == FACT_IKE_FAILED || t->fact == FACT_IKE_DOWN || t->fact == FACT_CHILD_FAILED || t->fact == FACT_PEER_DEAD ||
           t->fact == FACT_LIMIT;
}

static void runner_told(struct course *c, struct runner *r, const struct tell *t)
{
    bool fails = fact_fails(t);

    if (r->state == STATE_KEYED && t->fact == FACT_CHILD_UP) {
        c->up++;
        lap_end_one(c, r, STATE_UP, NULL);
    } else if ((r->state == STATE_BEGUN || r->state == STATE_KEYED) && fails && c->o->retry) {
        r->state = STATE_AGAIN; /* later: the core is in the middle of something */
        c->laps[PHASE_ESTABLISH].attempts_failed++;
        reasons_add(&c->laps[PHASE_ESTABLISH].reasons, t->text);
        c->again[c->n_again++] = (uint32_t)(r - c->runners);
    } else if ((r->state == STATE_BEGUN || r->state == STATE_KEYED) && fails) {
        lap_end_one(c, r, STATE_FAILED, t->text);
    } else if (r->state == STATE_REKEYING && t->fact == FACT_IKE_REKEYED && c->o->what == REKEY_IKE) {
        lap_end_one(c, r, STATE_UP, NULL);
    } else if ((r->state == STATE_UP || r->state == STATE_REKEYING) && fails && !c->o->half_open) {
        c->up--;
        c->lost++;
        if (r->state == STATE_REKEYING)
            lap_end_one(c, r, STATE_FAILED, t->text);
        else
            reasons_add(&c->laps[PHASE_ESTABLISH].reasons, t->text);
        r->state = STATE_FAILED;
    }
}

static void course_heard(void *ctx, uint32_t peer, enum news news, const struct tell *t)
{
    struct course *c = ctx;
    struct runner *r = &c->runners[peer];

    if (news == NEWS_KEYED)
        runner_keyed(c, r);
    else if (news == NEWS_FACT)
        runner_told(c, r, t);
    else if (r->state == STATE_REKEYING && c->o->what != REKEY_IKE)
        lap_end_one(c, r, STATE_UP, NULL); /* the new SA of the pair would carry traffic now */
}

/* --- what is begun */

static void peer_begin(struct course *c, uint64_t turn)
{
    uint32_t peer = (uint32_t)(turn % c->o->peers);
    struct runner *r = &c->runners[peer];
    struct lap *l = lap_now(c);

    l->begun++;
    if (r->state == STATE_FAILED) {
        l->failed++;
        return;
    }
    r->since = loop_now();
    r->state = c->phase == PHASE_ESTABLISH ? STATE_BEGUN : STATE_REKEYING;
    if (c->phase == PHASE_ESTABLISH)
        fleet_start(c->fleet, peer);
    else
        fleet_rekey(c->fleet, peer, c->o->what != REKEY_IKE);
}

static void peers_again(struct course *c)
{
    while (c->n_again > 0) {
        uint32_t peer = c->again[--c->n_again];

        c->runners[peer].state = STATE_BEGUN; /* since its first attempt */
        fleet_start(c->fleet, peer);
    }
}

/* Still busy with the turn before: only with few peers and a large window. */
static bool peer_busy(const struct course *c, uint64_t turn)
{
    return c->runners[turn % c->o->peers].state == STATE_REKEYING;
}

/* How many may be begun by now. */
static uint64_t lap_due(const struct course *c, const struct lap *l)
{
    uint64_t by_window = l->done + l->failed + c->o->window, by_rate = l->wanted;

    if (c->o->rate > 0)
        by_rate = 1 + (uint64_t)((double)(loop_now() - l->time.began) / 1e6 * c->o->rate);
    if (by_rate > l->wanted)
        by_rate = l->wanted;
    return by_window < by_rate ? by_window : by_rate;
}

/* When to come back for more. */
static usec_t lap_begin_some(struct course *c, struct lap *l)
{
    uint64_t due = lap_due(c, l);
    int left = fleet_busy(c->fleet) ? 1 : TURN_STARTS;

    if (c->o->rate > 0 && due > l->begun + l->behind)
        l->behind = due - l->begun;
    while (l->begun < due && left-- > 0 && !peer_busy(c, l->begun))
        peer_begin(c, l->begun);
    if (l->begun < due && left < 0)
        return 0;
    if (l->begun == l->wanted || c->o->rate <= 0)
        return USEC_NEVER;
    return l->time.began + (usec_t)((double)l->begun / c->o->rate * 1e6);
}

/* --- phases */

static void lap_open(struct course *c, struct lap *l, uint64_t wanted)
{
    l->wanted = wanted;
    l->before = fleet_counts(c->fleet);
    stretch_begin(&l->time);
    c->shown_done = 0;
}

static void lap_close(struct course *c, struct lap *l)
{
    uint64_t unfinished = l->begun - l->done - l->failed;

    stretch_end(&l->time);
    l->after = fleet_counts(c->fleet);
    for (; unfinished > 0; unfinished--, l->failed++)
        reasons_add(&l->reasons, "neither done nor failed when the run ended");
}

static void phase_next(struct course *c)
{
    struct lap *l = lap_now(c);

    if (l)
        lap_close(c, l);
    if (c->phase == PHASE_ESTABLISH) {
        printf("established %llu\n", (unsigned long long)l->done);
        fflush(stdout);
    }
    c->phase++;
    if (c->phase == PHASE_REKEY && c->o->verb != VERB_REKEY)
        c->phase++;
    if (c->phase == PHASE_HOLD && !c->o->hold)
        c->phase++;
    c->phase_since = loop_now();
    if (c->phase == PHASE_REKEY)
        lap_open(c, &c->laps[PHASE_REKEY], (uint64_t)c->o->peers * c->o->times);
    if (c->phase == PHASE_OVER)
        loop_stop(c->loop);
}

static bool phase_done(const struct course *c, const struct lap *l)
{
    usec_t now = loop_now();

    if (c->interrupted)
        return true;
    if (!l)
        return now - c->phase_since >= c->o->hold;
    if (c->phase == PHASE_ESTABLISH && now - l->time.began > c->o->patience)
        return true;
    return (l->begun == l->wanted && l->done + l->failed == l->wanted) || now - l->time.work_ended > STALL + c->o->give_up;
}

static void course_show(struct course *c, usec_t now)
{
    const struct lap *l = lap_now(c);
    double seconds = (double)(now - c->phase_since) / 1e6, since = (double)(now - c->shown_at) / 1e6;

    c->shown_at = now;
    if (c->o->quiet)
        return;
    if (!l) {
        fprintf(stderr, "%7.1f s  held %llu  lost %llu\n", seconds, (unsigned long long)c->up, (unsigned long long)c->lost);
        return;
    }
    fprintf(stderr, "%7.1f s  started %llu  %s %llu  failed %llu  %.0f per second  retransmissions %llu\n", seconds,
            (unsigned long long)l->begun, c->phase == PHASE_REKEY ? "rekeyed" : "established", (unsigned long long)l->done,
            (unsigned long long)l->failed, (double)(l->done - c->shown_done) / since,
            (unsigned long long)(fleet_counts(c->fleet).retransmits - l->before.retransmits));
    c->shown_done = l->done;
}

static void course_turn(void *ctx)
{
    struct course *c = ctx;
    struct lap *l = lap_now(c);
    usec_t again = USEC_NEVER, timers, now = loop_now();

    peers_again(c);
    if (l)
        again = lap_begin_some(c, l);
    timers = fleet_turn(c->fleet);
    if (now - c->shown_at >= USEC_SEC)
        course_show(c, now);
    if (c->phase != PHASE_OVER && phase_done(c, l)) {
        phase_next(c);
        again = 0;
    }
    again = timers < again ? timers : again;
    timer_set(c->wake, again < c->shown_at + USEC_SEC ? again : c->shown_at + USEC_SEC);
}

/* What is to be done is found in course_turn(). */
static void course_woken(void *ctx, unsigned what)
{
    (void)ctx;
    (void)what;
}

static void course_interrupt(void *ctx, unsigned what)
{
    struct course *c = ctx;

    (void)what;
    c->interrupted = true;
}

/* --- all of it */

static bool course_open(struct course *c)
{
    struct fleet_setup setup = {c->o, NULL, course_heard, c};

    c->runners = calloc(c->o->peers, sizeof(*c->runners));
    c->again = calloc(c->o->peers, sizeof(*c->again));
    c->loop = setup.loop = loop_new();
    if (!c->runners || !c->again || !c->loop)
        return false;
    c->wake = loop_timer(c->loop, course_woken, c);
    c->fleet = fleet_new(&setup);
    c->signals[0] = loop_signal(c->loop, SIGINT, course_interrupt, c);
    c->signals[1] = loop_signal(c->loop, SIGTERM, course_interrupt, c);
    return c->wake && c->fleet && c->signals[0] && c->signals[1];
}

static void course_close(struct course *c)
{
    for (size_t i = 0; i < COUNT_OF(c->laps); i++) {
        samples_done(&c->laps[i].init);
        samples_done(&c->laps[i].whole);
        reasons_done(&c->laps[i].reasons);
    }
    fleet_free(c->fleet);
    for (size_t i = 0; i < COUNT_OF(c->signals); i++)
        watch_free(c->signals[i]);
    timer_free(c->wake);
    loop_free(c->loop);
    free(c->runners);
    free(c->again);
}

static int course_do(struct course *c)
{
    const struct lap *e = &c->laps[PHASE_ESTABLISH], *k = &c->laps[PHASE_REKEY];

    if (!course_open(c))
        return 1;
    c->shown_at = c->phase_since = loop_now();
    lap_open(c, &c->laps[PHASE_ESTABLISH], c->o->peers);
    loop_after(c->loop, course_turn, c);
    timer_set(c->wake, 0);
    if (loop_run(c->loop))
        return 1;
    result_sum_up(c);
    if (result_write(c))
        return 1;
    return c->interrupted || e->done < c->o->peers || k->done < k->wanted || (c->lost && !c->o->half_open) ? 1 : 0;
}

int course_run(const struct options *o)
{
    struct course c = {.o = o};
    int status = course_do(&c);

    course_close(&c);
    return status;
}
