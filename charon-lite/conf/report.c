/* SPDX-License-Identifier: Apache-2.0 */
/* Problems: collected while reading, put in order of place, shown as compilers do. */
#include "conf/tree.h"

#include <stdlib.h>
#include <string.h>

#define REPORT_MAX 200   /* problems kept; the rest is counted */
#define REPORT_LINE 240  /* bytes of a source line kept */
#define REPORT_TEXT 1000 /* bytes of a sentence */

void conf_report_init(struct conf_report *report)
{
    *report = (struct conf_report){0};
    arena_init(&report->arena, 2 * REPORT_MAX * (REPORT_LINE + REPORT_TEXT));
}

void conf_report_done(struct conf_report *report)
{
    arena_done(&report->arena);
    report->v = NULL;
    report->n = report->errors = 0;
}

/* What a file says may hold any byte; what we print may not move the cursor of whoever reads it. */
static void text_tame(char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 && *s != '\t')
            *s = '?';
        if ((unsigned char)*s == 0x7f)
            *s = '?';
    }
}

static const char *source_line(struct conf_report *report, const struct source *source, uint32_t line, uint32_t column)
{
    const uint8_t *p = source->text.p, *end = p + source->text.len, *stop;
    char *copy;
    size_t n;

    for (; p && line > 1; line--) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (p)
            p++;
    }
    if (!p || p == end || column > REPORT_LINE)
        return NULL;
    stop = memchr(p, '\n', (size_t)(end - p));
    n = (size_t)((stop ? stop : end) - p);
    if (n && p[n - 1] == '\r')
        n--;
    if (n > REPORT_LINE)
        n = REPORT_LINE;
    copy = arena_alloc(&report->arena, n + 1);
    if (!copy)
        return NULL;
    memcpy(copy, p, n);
    text_tame(copy);
    return copy;
}

static void problem_add(struct reading *r, struct source *source, struct conf_place place, enum problem_kind kind,
                        const char *text)
{
    struct conf_report *report = r->report;
    struct conf_problem *problem;
    char tame[REPORT_TEXT];
    struct text t = text_in(tame, sizeof(tame));

    text_add(&t, "%s", text ? text : "(there is no memory for the text)");
    text_tame(tame);
    report->errors += kind != PROBLEM_WARNING;
    if (!report->v)
        report->v = arena_alloc(&report->arena, (REPORT_MAX + 1) * sizeof(*report->v));
    if (!report->v || report->n == REPORT_MAX) {
        r->unshown++;
        return;
    }
    if (source && !source->shown)
        source->shown = arena_string(&report->arena, source->name);
    problem = &report->v[report->n++];
    problem->place = (struct conf_place){source ? source->shown : NULL, place.line, place.column};
    problem->warning = kind == PROBLEM_WARNING;
    problem->text = arena_string(&report->arena, tame);
    problem->line = source && place.line && kind != PROBLEM_HIDDEN ? source_line(report, source, place.line, place.column) : NULL;
}

void conf_problem_at(struct reading *r, const struct node *at, enum problem_kind kind, const char *text)
{
    problem_add(r, at ? at->source : NULL, node_place(at), kind, text);
}

void conf_error_in(struct reading *r, struct source *source, uint32_t line, uint32_t column, const char *text)
{
    problem_add(r, source, (struct conf_place){NULL, line, column}, PROBLEM_ERROR, text);
}

static int by_place(const void *x, const void *y)
{
    const struct conf_problem *a = x, *b = y;

    if (a->place.file != b->place.file) {
        if (!a->place.file || !b->place.file)
            return a->place.file ? -1 : 1;
        return strcmp(a->place.file, b->place.file);
    }
    if (a->place.line != b->place.line)
        return a->place.line < b->place.line ? -1 : 1;
    if (a->place.column != b->place.column)
        return a->place.column < b->place.column ? -1 : 1;
    return a->warning - b->warning;
}

void conf_report_finish(struct reading *r)
{
    struct conf_report *report = r->report;

    if (report->n)
        qsort(report->v, report->n, sizeof(*report->v), by_place);
    if (r->unshown && report->v && report->n == REPORT_MAX) {
        struct conf_problem *last = &report->v[report->n++];

        last->warning = report->errors == 0;
        last->text = arena_printf(&report->arena, "%zu more problems are not shown", r->unshown);
    }
}

/* Blanks under the line up to the column; tabs stay tabs, so that the caret stands where it should; characters of several
 * bytes count once. */
static void caret_add(struct text *out, const char *line, unsigned column)
{
    unsigned at = 1;

    for (; *line && at < column; line++) {
        if (((unsigned char)*line & 0xc0) == 0x80)
            continue;
        text_add(out, "%c", *line == '\t' ? '\t' : ' ');
        at++;
    }
    for (; at < column; at++)
        text_add(out, " ");
    text_add(out, "^\n");
}

void conf_report_format(const struct conf_report *report, struct text *out)
{
    for (size_t i = 0; i < report->n; i++) {
        const struct conf_problem *p = &report->v[i];

        if (p->place.file && p->place.line)
            text_add(out, "%s:%u:%u: ", p->place.file, p->place.line, p->place.column);
        else if (p->place.file)
            text_add(out, "%s: ", p->place.file);
        text_add(out, "%s: %s\n", p->warning ? "warning" : "error", p->text ? p->text : "(no memory for the text)");
        if (!p->line)
            continue;
        text_add(out, "%5u | %s\n      | ", p->place.line, p->line);
        caret_add(out, p->line, p->place.column);
    }
}
