/* SPDX-License-Identifier: Apache-2.0 */
/* One schedule, played: what is in flight is held until the schedule says that it arrives; packets go both ways before and after
 * each step. */
#include "collide.h"
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX 24
#define PATIENCE (10 * SEC) /* a retransmission, or another try, is waited for so long and then takes part in the schedule */
#define CODA (240 * SEC)
#define STATES_MAX 256

struct held {
    struct datagram *d;
    struct clash_says says;
};
struct run {
    const struct clash_case *c;
    struct world *w;
    struct book book;
    struct clash_steer steer[2];
    struct held held[HELD_MAX];
    size_t n_held;
    bool started[CLASH_ACTS];
    unsigned faults;
    struct flow *flow[2];
    const struct clash_seen *seen;
    uint64_t own[STATES_MAX]; /* the states that this one was the first to reach */
    size_t n_own;
    struct clash_played *out;
};

/* --- in flight ---------------------------------------------------------------------------------------------------------------
 */

static struct span ike_of(const struct datagram *d)
{
    bool marked = (d->src.port == 4500 || d->dst.port == 4500) && d->len >= 4 && !get_u32(d->data);

    return span_part(span_of(d->data, d->len), marked ? 4 : 0, d->len);
}

static bool hold(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    struct run *r = ctx;
    struct held h = {.d = *d};

    if (!clash_read(from, ike_of(*d), &h.says) || r->n_held == HELD_MAX) {
        world_fail(w, "end %u sends what cannot be read, or too much", from);
        return true;
    }
    book_said(&r->book, &h.says);
    r->held[r->n_held++] = h;
    *d = NULL;
    return false;
}

static struct held release(struct run *r, size_t i)
{
    struct held h = r->held[i];

    memmove(&r->held[i], &r->held[i + 1], (--r->n_held - i) * sizeof(h));
    return h;
}

static struct datagram *copy_of(const struct datagram *d)
{
    struct datagram *out = malloc(sizeof(*d) + d->len + 4);

    if (!out)
        abort();
    memcpy(out, d, sizeof(*d) + d->len);
    return out;
}

/* Is the translator's port still the one that it was sent to? */
static bool reaches(const struct world *w, const struct held *h)
{
    const struct nat *nat = &w->net.nat[!h->says.from];

    for (size_t i = 0; nat->on && i < nat->n; i++)
        if (endpoint_equal(&nat->map[i].outside, &h->d->dst) && endpoint_equal(&nat->map[i].remote, &h->d->src))
            return true;
    return !nat->on;
}

static void deliver(struct run *r, size_t i, bool keep)
{
    struct held h = keep ? r->held[i] : release(r, i);
    unsigned to = !h.says.from;

    if (keep)
        h.d = copy_of(h.d);
    if (reaches(r->w, &h))
        book_heard(&r->book, to, &h.says);
    r->steer[to].answering = !h.says.response && h.says.exchange == CREATE_CHILD_SA;
    net_leave(&r->w->end[h.says.from], h.d);
    world_run(r->w, 0);
    r->steer[to].answering = false;
}

/* --- time
 * ----------------------------------------------------------------------------------------------------------------------- */

static bool busy(const struct world *w)
{
    return w->n_queue && w->queue[0].at <= w->now + 20 * MS;
}

/* Rooms answer, packets arrive; no timer. */
static void settle_down(struct run *r)
{
    world_run(r->w, 0);
    for (int k = 0; k < 10 && r->c->setting != CLASH_SLOW && !r->w->failed && busy(r->w); k++)
        world_run(r->w, 5 * MS);
}

static usec_t next_at(const struct world *w)
{
    usec_t at = w->n_queue ? w->queue[0].at : USEC_NEVER;

    for (size_t i = 0; i < w->n_ends; i++) {
        usec_t due = w->end[i].core ? core_deadline(w->end[i].core) : USEC_NEVER;

        if (due != USEC_NEVER && due + 2 * MS < at)
            at = due + 2 * MS;
    }
    return at <= w->now ? w->now + MS : at;
}

/* Until something more is sent; false if nothing is. */
static bool wait_for(struct run *r, usec_t until)
{
    size_t before = r->n_held;

    while (!r->w->failed && r->n_held == before && r->w->now < until) {
        usec_t at = next_at(r->w);

        world_run(r->w, (at < until ? at : until) - r->w->now);
    }
    return r->n_held > before;
}

/* --- packets all the while ----------------------------------------------------------------------------------------------------
 */

static void packets(struct run *r, usec_t delay)
{
    net_all(&r->w->net, (struct way){.delay_low = delay, .delay_high = delay});
    for (unsigned i = 0; i < 2; i++)
        flow_send(r->w, r->flow[i]);
    net_all(&r->w->net, (struct way){0});
}

static void packets_check(struct run *r)
{
    if (!rfc_packets_must_flow(&r->book) || r->w->failed)
        return;
    packets(r, 0);
    world_run(r->w, 0);
    for (unsigned i = 0; i < 2 && !r->w->failed; i++)
        if (r->flow[i]->delivered != r->flow[i]->sent)
            world_fail(r->w, "RFC 7296 2.8: %llu packets of end %u were lost",
                       (unsigned long long)(r->flow[i]->sent - r->flow[i]->delivered), i);
}

/* --- steps
 * ------------------------------------------------------------------------------------------------------------------------ */

static void mix(struct run *r, uint64_t with)
{
    uint64_t v = (r->out->digest ^ with) * 0x9e3779b97f4a7c15u;

    r->out->digest = v ^ v >> 31;
}

/* What is the same in every world: not SPIs, nonces and times. */
static uint64_t label(struct run *r, const struct clash_says *s)
{
    struct book_sa *sa = book_sa_of(&r->book, s);

    return (uint64_t)s->from | (uint64_t)s->kind << 1 | (uint64_t)s->response << 5 | (uint64_t)s->error << 6 |
           (uint64_t)s->id << 24 | (uint64_t)(sa ? sa - r->book.sa + 1 : 0) << 48;
}

static void say(struct run *r, const char *what, const struct clash_says *s)
{
    char line[200];
    struct text t = text_in(line, sizeof(line));

    if (!r->w->verbose)
        return;
    if (s)
        clash_says_format(s, &t);
    world_trace(r->w, "==== %s %s", what, line);
}

static void start(struct run *r, size_t i)
{
    const struct clash_act *a = &r->c->act[i];

    r->started[i] = true;
    r->book.ordered[a->end][a->op] = true;
    clash_act(r->w, a);
    if (a->op != CLASH_ADDRESS || !r->w->net.nat[a->end].on)
        return;
    settle_down(r); /* the other end hears of it by the first packet from there */
    flow_send(r->w, r->flow[a->end]);
    settle_down(r);
    settle_down(r);
}

static void choose(struct run *r, struct clash_choice c)
{
    bool early = c.what != 's' && c.what != 'k' && c.what != 't' && r->c->setting != CLASH_SLOW;

    if (early && rfc_packets_must_flow(&r->book)) /* sent before, there after */
        packets(r, 2 * MS);
    mix(r, (uint64_t)c.what);
    if (c.what == 'd' || c.what == 'w' || c.what == 'x')
        mix(r, label(r, &r->held[c.which].says));
    else
        mix(r, c.which);
    switch (c.what) {
    case 's':
        say(r, "an act", NULL);
        start(r, c.which);
        break;
    case 'd':
    case 'w':
        say(r, c.what == 'd' ? "delivered:" : "delivered, and a copy stays:", &r->held[c.which].says);
        deliver(r, c.which, c.what == 'w');
        break;
    case 'x':
        say(r, "lost:", &r->held[c.which].says);
        free(release(r, c.which).d);
        break;
    case 't':
        say(r, "time passes", NULL);
        wait_for(r, r->w->now + PATIENCE);
        break;
    default:
        say(r, "the kernel answers", NULL);
        world_run(r->w, 2 * MS);
    }
    r->faults -= c.what == 'x' || c.what == 'w' || c.what == 't';
    settle_down(r);
    packets_check(r);
    mix(r, book_digest(&r->book));
    for (unsigned i = 0; i < 2; i++) {
        struct core_counts n = core_count(r->w->end[i].core);

        mix(r, n.ike_sas | n.child_sas << 8 | n.exchanges << 16);
    }
}

/* --- what may be chosen
 * ---------------------------------------------------------------------------------------------------------- */

static bool same_held(const struct run *r, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (r->held[k].says.digest == r->held[i].says.digest && r->held[k].says.from == r->held[i].says.from)
            return true;
    return false;
}

static bool same_act(const struct run *r, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (!r->started[k] && r->c->act[k].op == r->c->act[i].op && r->c->act[k].end == r->c->act[i].end)
            return true;
    return false;
}

static size_t choices(const struct run *r, struct clash_choice *v)
{
    size_t n = 0;

    if (r->c->setting == CLASH_SLOW && busy(r->w))
        v[n++] = (struct clash_choice){'k', 0};
    for (size_t i = 0; i < r->n_held && n < CLASH_WIDTH; i++)
        if (!same_held(r, i))
            v[n++] = (struct clash_choice){'d', (uint8_t)i};
    for (size_t i = 0; i < r->c->n_acts && n < CLASH_WIDTH; i++)
        if (!r->started[i] && !same_act(r, i))
            v[n++] = (struct clash_choice){'s', (uint8_t)i};
    if (!r->faults || !r->n_held)
        return n;
    for (size_t i = 0; i < r->n_held && n + 2 < CLASH_WIDTH; i++) {
        if (same_held(r, i))
            continue;
        v[n++] = (struct clash_choice){'x', (uint8_t)i};
        v[n++] = (struct clash_choice){'w', (uint8_t)i};
    }
    v[n++] = (struct clash_choice){'t', 0};
    return n;
}

static bool among(struct clash_choice c, const struct clash_choice *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].what == c.what && v[i].which == c.which)
            return true;
    return false;
}

/* Everything that what follows may depend on, but times. */
static uint64_t state_of(struct run *r)
{
    uint64_t v = book_digest(&r->book) + r->faults * 0x1234567u, flying = 0;

    for (size_t i = 0; i < r->n_held; i++)
        flying += (label(r, &r->held[i].says) + 1) * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < r->c->n_acts; i++)
        v = v * 3 + r->started[i];
    for (unsigned i = 0; i < 2; i++)
        v = (v ^ clash_inside(r->w->end[i].core)) * 0x9e3779b97f4a7c15u;
    return v ^ flying;
}

/* Has another schedule been here? Where this one comes again to a state of its own it goes on: something must end that. */
static bool been_here(struct run *r, uint64_t state)
{
    if (!r->seen || r->n_own == STATES_MAX)
        return false;
    for (size_t i = 0; i < r->n_own; i++)
        if (r->own[i] == state)
            return false;
    r->own[r->n_own++] = state;
    return !r->seen->add(r->seen->ctx, state);
}

/* Where there is a choice, the next given one, or the first. */
static struct clash_choice pick(struct run *r, const struct clash_choice *given, size_t n_given, const struct clash_choice *v,
                                size_t n)
{
    struct clash_played *out = r->out;
    struct clash_choice c = v[0];
    uint64_t state = state_of(r);

    if (out->n >= n_given)
        out->merged = been_here(r, state);
    if (n == 1 || out->merged)
        return c;
    if (out->n < n_given) {
        c = given[out->n];
        if (!among(c, v, n)) { /* the schedule is of another state of the daemon */
            c = v[0];
            out->strange++;
        }
    }
    memcpy(out->open[out->n], v, n * sizeof(*v));
    out->n_open[out->n] = n;
    out->taken[out->n++] = c;
    return c;
}

/* --- from beginning to end
 * --------------------------------------------------------------------------------------------------------- */

/* Nothing is chosen any more: what is sent arrives. */
static void coda(struct run *r)
{
    usec_t until = r->w->now + CODA;

    while (!r->w->failed && r->w->now < until) {
        while (!r->w->failed && r->c->setting == CLASH_SLOW && busy(r->w))
            choose(r, (struct clash_choice){'k', 0});
        while (!r->w->failed && r->n_held)
            choose(r, (struct clash_choice){'d', 0});
        wait_for(r, until);
    }
    if (!r->w->failed)
        rfc_end(&r->book);
    if (!r->w->failed && rfc_packets_must_flow(&r->book) && laws_at_rest(r->w))
        world_fail(r->w, "at rest: %s", laws_at_rest(r->w));
}

static void play(struct run *r, const struct clash_choice *given, size_t n_given)
{
    struct clash_choice v[CLASH_WIDTH];
    size_t n;

    while (!r->w->failed && r->out->n < CLASH_CHOICES) {
        n = choices(r, v);
        if (n) {
            struct clash_choice c = pick(r, given, n_given, v, n);

            if (r->out->merged)
                return;
            choose(r, c);
        } else if (wait_for(r, r->w->now + PATIENCE)) {
            settle_down(r);
        } else {
            break;
        }
    }
    coda(r);
}

void clash_play(const struct clash_case *c, const struct clash_choice *given, size_t n_given, bool verbose,
                const struct clash_seen *seen, struct clash_played *out)
{
    struct run *r = calloc(1, sizeof(*r));

    if (!r)
        abort();
    out->n = out->strange = 0;
    out->digest = 1;
    out->merged = false;
    r->c = c;
    r->seen = seen;
    r->faults = c->faults;
    r->out = out;
    r->w = clash_stage(c, r->steer, verbose);
    if (!r->w->failed) {
        book_open(&r->book, r->w);
        r->book.slow = c->setting == CLASH_SLOW;
        r->book.keeps = c->setting == CLASH_KEEP;
        r->book.groups = c->setting == CLASH_GROUP;
        r->flow[0] = flow_start(r->w, 0, 1, "10.0.0.5", "10.1.0.5", 0);
        r->flow[1] = flow_start(r->w, 1, 0, "10.1.0.5", "10.0.0.5", 0);
        r->w->net.tap = hold;
        r->w->net.tap_ctx = r;
        play(r, given, n_given);
    }
    out->failed = r->w->failed;
    snprintf(out->why, sizeof(out->why), "%s", r->w->failed ? r->w->failure : "");
    if (verbose && r->w->failed)
        fprintf(stderr, "BROKEN: %s\n", out->why);
    r->w->net.tap = NULL;
    for (size_t i = 0; i < r->n_held; i++)
        free(r->held[i].d);
    world_free(r->w);
    free(r);
}
