/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/charon-bench.d/course.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/port.h"
#include "tests/bench/charon-bench.d/fleet.h"
#include "tests/bench/charon-bench.d/score.h"

#define STALL (60 * USEC_SEC) /* beside --give-up */

enum { TURN_STARTS = 32 }; /* begun before the sockets are looked at again */

enum phase { PHASE_ESTABLISH, PHASE_REKEY, PHASE_HOLD, PHASE_OVER };
enum state { STATE_IDLE, STATE_BEGUN, STATE_KEYED, STATE_UP, STATE_REKEYING, STATE_FAILED };

struct runner {
    uint8_t state;
    usec_t since;
};
/* Of a phase that does something to each peer. */
struct lap {
    struct stretch time;
    uint64_t wanted, begun, done, failed;
    struct fleet_counts before, after;
    struct samples init, whole;
    struct reasons reasons;
};
struct course {
    const struct options *o;
    struct loop *loop;
    struct timer *wake;
    struct watch *signals[2];
    struct fleet *fleet;
    struct runner *runners;
    enum phase phase;
    struct lap laps[2]; /* PHASE_ESTABLISH, PHASE_REKEY */
    usec_t phase_since, shown_at;
    uint64_t shown_done, up, lost;
    bool interrupted;
};

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
    int left = TURN_STARTS;

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

/* --- the result */

static json_t *datagrams_json(const struct lap *l)
{
    static const char *const names[] = {"IKE_SA_INIT", "IKE_AUTH", "CREATE_CHILD_SA", "INFORMATIONAL", "other"};
    json_t *all = json_object();

    for (size_t i = 0; i < COUNT_OF(names); i++)
        json_object_set_new(all, names[i],
                            json_pack("{s:I, s:I}", "sent", (json_int_t)(l->after.sent[i] - l->before.sent[i]), "received",
                                      (json_int_t)(l->after.received[i] - l->before.received[i])));
    return all;
}

static json_t *lap_json(struct lap *l)
{
    uint64_t answers = l->after.answers[0] + l->after.answers[1] - l->before.answers[0] - l->before.answers[1];
    double seconds = stretch_seconds(&l->time), done = l->done ? (double)l->done : 1;

    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:o, s:o}", "wall_start", l->time.wall_began, "wall_end",
                     l->time.wall_ended, "seconds", seconds, "per_second", seconds > 0 ? (double)l->done / seconds : 0.0,
                     "generator_cpu_us_each", l->time.cpu_us / done, "round_trips", (double)answers / done, "retransmissions",
                     (json_int_t)(l->after.retransmits - l->before.retransmits), "failed_total", (json_int_t)l->failed,
                     "send_errors", (json_int_t)(l->after.send_errors - l->before.send_errors), "failed",
                     reasons_json(&l->reasons), "datagrams", datagrams_json(l));
}

static json_t *course_json(struct course *c)
{
    static const char *const whats[] = {"ike", "child", "child-pfs"};
    struct lap *e = &c->laps[PHASE_ESTABLISH], *k = &c->laps[PHASE_REKEY];
    json_t *j = lap_json(e), *rekey;

    json_object_set_new(j, "peers", json_integer(c->o->peers));
    json_object_set_new(j, "established", json_integer((json_int_t)e->done));
    json_object_set_new(j, "auth", json_string(c->o->auth));
    json_object_set_new(j, "ke", json_string(c->o->ke));
    json_object_set_new(j, "half_open", json_boolean(c->o->half_open));
    json_object_set_new(j, "up_at_end", json_integer((json_int_t)c->up));
    json_object_set_new(j, "lost", json_integer((json_int_t)c->lost));
    json_object_set_new(j, "latency_us",
                        json_pack("{s:o, s:o}", "init", samples_json(&e->init), "establish", samples_json(&e->whole)));
    if (!k->wanted)
        return j;
    rekey = lap_json(k);
    json_object_del(rekey, "round_trips");
    json_object_set_new(rekey, "what", json_string(whats[c->o->what]));
    json_object_set_new(rekey, "asked", json_integer((json_int_t)k->wanted));
    json_object_set_new(rekey, "rekeyed", json_integer((json_int_t)k->done));
    json_object_set_new(rekey, "latency_us", samples_json(&k->whole));
    json_object_set_new(j, "rekey", rekey);
    return j;
}

static int course_write(struct course *c)
{
    json_t *j = c->o->json ? course_json(c) : NULL;
    int err = 0;

    if (j && strcmp(c->o->json, "-") == 0)
        err = json_dumpf(j, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) || putchar('\n') == EOF;
    else if (j)
        err = json_dump_file(j, c->o->json, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
    json_decref(j);
    if (err)
        fprintf(stderr, "charon-bench: %s cannot be written\n", c->o->json);
    return err;
}

static void course_sum_up(struct course *c)
{
    const struct lap *l = &c->laps[PHASE_ESTABLISH];
    struct fleet_counts n = fleet_counts(c->fleet);
    const struct reasons *r = &l->reasons;

    if (n.send_errors)
        fprintf(stderr, "charon-bench: %llu datagrams could not be sent: %s (with --each-address: ip route add local ...)\n",
                (unsigned long long)n.send_errors, strerror(n.send_errno));
    for (size_t i = 0; i < r->used; i++)
        fprintf(stderr, "charon-bench: %llu: %s\n", (unsigned long long)r->n[i], r->text[i]);
    if (!c->o->quiet)
        fprintf(stderr, "established %llu of %u in %.3f s: %.0f per second, %.1f us of CPU here each\n",
                (unsigned long long)l->done, c->o->peers, stretch_seconds(&l->time), (double)l->done / stretch_seconds(&l->time),
                l->time.cpu_us / (l->done ? (double)l->done : 1));
}

static bool course_open(struct course *c)
{
    struct fleet_setup setup = {c->o, NULL, course_heard, c};

    c->runners = calloc(c->o->peers, sizeof(*c->runners));
    c->loop = setup.loop = loop_new();
    if (!c->runners || !c->loop)
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
    course_sum_up(c);
    if (course_write(c))
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
