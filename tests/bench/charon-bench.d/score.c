/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/charon-bench.d/score.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loop/loop.h"

enum { REASON_LEN = 240 };

/* --- samples */

void samples_add(struct samples *s, usec_t us)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 1024;
        uint32_t *v = realloc(s->v, cap * sizeof(*v));

        if (!v)
            return;
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static uint32_t percentile(const struct samples *s, unsigned percent)
{
    return s->v[(s->n - 1) * percent / 100];
}

json_t *samples_json(struct samples *s)
{
    if (!s->n)
        return json_null();
    qsort(s->v, s->n, sizeof(*s->v), ascending);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "n", (json_int_t)s->n, "min", (json_int_t)s->v[0], "p50",
                     (json_int_t)percentile(s, 50), "p90", (json_int_t)percentile(s, 90), "p99", (json_int_t)percentile(s, 99),
                     "max", (json_int_t)s->v[s->n - 1]);
}

void samples_done(struct samples *s)
{
    free(s->v);
    *s = (struct samples){0};
}

/* --- reasons */

/* Counts and times in a sentence would make as many reasons of one; digits within a word are its own. */
static void reason_plain(const char *text, char out[REASON_LEN])
{
    size_t n = 0;

    for (char before = ' '; *text && n + 1 < REASON_LEN; before = *text++) {
        bool digit = isdigit((unsigned char)*text);

        if (!digit || isalpha((unsigned char)before))
            out[n++] = *text;
        else if (!isalnum((unsigned char)before))
            out[n++] = '#';
    }
    out[n] = 0;
}

void reasons_add(struct reasons *r, const char *why)
{
    size_t i = 0, last = REASONS_MAX - 1;
    char text[REASON_LEN];

    reason_plain(why, text);

    while (i < r->used && strcmp(r->text[i], text) != 0)
        i++;
    if (i == r->used && i < last)
        r->text[r->used++] = strdup(text);
    else if (i == r->used && i == last)
        r->text[r->used++] = strdup("other");
    r->n[i < REASONS_MAX ? i : last]++;
}

json_t *reasons_json(const struct reasons *r)
{
    json_t *all = json_object();

    for (size_t i = 0; i < r->used; i++)
        json_object_set_new(all, r->text[i] ? r->text[i] : "?", json_integer((json_int_t)r->n[i]));
    return all;
}

void reasons_done(struct reasons *r)
{
    for (size_t i = 0; i < r->used; i++)
        free(r->text[i]);
    *r = (struct reasons){0};
}

/* --- time */

static double clock_us(clockid_t which)
{
    struct timespec t;

    clock_gettime(which, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void stretch_begin(struct stretch *s)
{
    s->began = s->ended = s->work_ended = loop_now();
    s->wall_began = s->wall_ended = clock_us(CLOCK_REALTIME) / 1e6;
    s->cpu_us = -clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

void stretch_end(struct stretch *s)
{
    s->ended = loop_now();
    s->wall_ended = clock_us(CLOCK_REALTIME) / 1e6;
    s->cpu_us += clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

double stretch_seconds(const struct stretch *s)
{
    return (double)(s->work_ended - s->began) / 1e6;
}
