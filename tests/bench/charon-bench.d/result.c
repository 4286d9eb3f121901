/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/charon-bench.d/race.h"

#include <stdio.h>
#include <string.h>

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

static json_t *seconds_json(const struct lap *l)
{
    json_t *all = json_array();

    for (size_t i = 0; l->done && i <= lap_second(l); i++)
        json_array_append_new(all, json_integer(l->by_second[i]));
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

static json_t *result_json(struct course *c)
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
    json_object_set_new(j, "behind_max", json_integer((json_int_t)e->behind));
    json_object_set_new(j, "attempts_failed", json_integer((json_int_t)e->attempts_failed));
    json_object_set_new(j, "established_by_second", seconds_json(e));
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

int result_write(struct course *c)
{
    json_t *j = c->o->json ? result_json(c) : NULL;
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

void result_sum_up(const struct course *c)
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
