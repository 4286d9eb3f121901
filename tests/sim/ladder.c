/* SPDX-License-Identifier: Apache-2.0 */
#include "ladder.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define LEFT 14  /* of the first lifeline */
#define NOTES 50 /* beside the last */
#define LINE_MAX_LEN 400

struct ladder {
    FILE *out;
    const struct world *w;
    const struct record *r;
    bool *keep, *drawn;
    int between; /* from one lifeline to the next */
    char line[LINE_MAX_LEN];
};

/* --- what to show --------------------------------------------------------------------------------------------------------------
 */
static bool of_sa(const struct row *row, uint64_t spi)
{
    return spi && (row->spi_i == spi || row->spi_r == spi);
}

/* Does the failure name it? SPIs are in it in hexadecimal. */
static bool named(const struct ladder *l, const struct row *row)
{
    char spi[20];

    snprintf(spi, sizeof(spi), "%08llx", (unsigned long long)(row->spi_i >> 32));
    return row->spi_i && strstr(l->w->failure, spi);
}

#define LAST_WORDS 12 /* messages before the failure that always matter */
static bool concerned(const struct ladder *l, const struct row *row, const uint64_t *last, size_t n_last)
{
    if (row->kind == ROW_NOTE || !row->spi_i || named(l, row))
        return true;
    for (size_t i = 0; i < n_last; i++)
        if (of_sa(row, last[i]))
            return true;
    return record_alive(l->r, row->spi_i) || record_alive(l->r, row->spi_r);
}

static size_t last_spoken(const struct ladder *l, uint64_t *last)
{
    size_t n = 0;

    for (size_t i = l->r->n; i-- > 0 && n < LAST_WORDS;)
        if (l->r->row[i].spi_i && !l->r->row[i].calm)
            last[n++] = l->r->row[i].spi_i;
    return n;
}

static bool dull(const struct row *row)
{
    return (row->kind == ROW_NOTE && !strncmp(row->text, "done -: ", 8) && strstr(row->text, " IKE SAs, ")) ||
           (row->kind != ROW_NOTE && !row->spi_i && row->kind != ROW_GONE && !row->changed) ||
           (row->calm && row->kind != ROW_GONE);
}

/* A run that does not come to rest went wrong about when the last fault struck, not when it was told so. */
#define SOON (60 * USEC_SEC)
static usec_t went_wrong(const struct world *w)
{
    usec_t last = 0;

    for (size_t i = 0; i < w->lots.n_strikes; i++)
        last = w->lots.strike[i].at;
    return last && w->now - last > 5 * SOON ? last + SOON : w->now;
}

static void choose(struct ladder *l, bool whole)
{
    uint64_t last[LAST_WORDS];
    size_t n_last = last_spoken(l, last), kept = 0;
    usec_t wrong = went_wrong(l->w);

    for (size_t i = l->r->n; i-- > 0;) {
        const struct row *row = &l->r->row[i];
        bool late = row->at > wrong && kept >= 8; /* the very end is shown too */

        l->keep[i] =
            whole || (kept < LADDER_ROWS && !late && !dull(row) && (row->at <= wrong || concerned(l, row, last, n_last)));
        kept += l->keep[i];
    }
}

/* --- drawing -------------------------------------------------------------------------------------------------------------------
 */
static int column(const struct ladder *l, int end)
{
    return LEFT + end * l->between;
}

static void line_begin(struct ladder *l, usec_t at, bool timed)
{
    memset(l->line, ' ', sizeof(l->line));
    if (timed) {
        char text[24];
        int n = snprintf(text, sizeof(text), "%11.4f", (double)(at - WORLD_BEGINS) / 1e6);

        memcpy(l->line, text, (size_t)n);
    }
    for (int i = 0; i < (int)l->w->n_ends; i++)
        l->line[column(l, i)] = '|';
}

static void line_put(struct ladder *l, int x, const char *text, int len)
{
    for (int i = 0; i < len && x + i < LINE_MAX_LEN - 1; i++)
        l->line[x + i] = text[i];
}

static void line_end(struct ladder *l)
{
    int n = LINE_MAX_LEN - 1;

    while (n > 0 && l->line[n - 1] == ' ')
        n--;
    fprintf(l->out, "%.*s\n", n, l->line);
}

/* How much of text goes on one line of so many columns: up to a blank if there is one. */
static int piece(const char *text, int room)
{
    int n = (int)strlen(text);

    if (n <= room)
        return n;
    for (n = room; n > room / 2; n--)
        if (text[n] == ' ')
            return n;
    return room;
}

static void wrap(struct ladder *l, usec_t at, int x, const char *text, int room)
{
    for (bool first = true; *text; first = false) {
        int n = piece(text, room);

        line_begin(l, at, first);
        line_put(l, x, text, n);
        line_end(l);
        text += n;
        while (*text == ' ')
            text++;
    }
}

static void draw_note(struct ladder *l, const struct row *row)
{
    bool last = row->end == (int)l->w->n_ends - 1;
    char text[LINE_MAX_LEN];

    snprintf(text, sizeof(text), "%s%s", row->end < 0 ? "*** " : "", row->text);
    wrap(l, row->at, (row->end < 0 ? LEFT : column(l, row->end)) + 2, text, last || row->end < 0 ? NOTES + 20 : l->between - 4);
}

/* One arrow; `tip` is what it ends in: '>' arrived, 'x' gone, '~' under way. */
struct arrow {
    int from, to;
    char tip, root; /* root: '~' = left earlier */
    char label[LINE_MAX_LEN];
};

static void draw_arrow(struct ladder *l, usec_t at, const struct arrow *a)
{
    int x = a->from < 0 ? column(l, a->to) + (a->to ? -1 : 1) * l->between * 2 / 3 : column(l, a->from);
    int y = a->to < 0 || a->to == a->from ? x + l->between * 2 / 3 : column(l, a->to);
    int low, high, n = (int)strlen(a->label);

    if (a->tip != '>')
        y = x + (y - x) * 4 / 5;
    low = (x < y ? x : y) + 1;
    high = (x < y ? y : x) - 1;
    if (n > high - low - 5) {
        wrap(l, at, low + 1, a->label, high - low - 2);
        n = 0;
    }
    line_begin(l, at, n > 0);
    memset(l->line + low, '-', (size_t)(high - low + 1));
    if (n) {
        l->line[low + 2] = ' ';
        line_put(l, low + 3, a->label, n);
        l->line[low + 3 + n] = ' ';
    }
    l->line[y > x ? high : low] = a->tip == '>' ? (y > x ? '>' : '<') : a->tip;
    if (a->root == '~')
        l->line[y > x ? low : high] = '~';
    line_end(l);
}

/* The row after i in which the datagram arrives or is lost; only when nothing that is shown comes between. */
static const struct row *fate(struct ladder *l, size_t i)
{
    const struct row *row = &l->r->row[i];

    for (size_t k = i + 1; k < l->r->n; k++) {
        if (!l->keep[k])
            continue;
        if (l->r->row[k].number != row->number || l->r->row[k].kind == ROW_NOTE)
            return NULL;
        l->drawn[k] = true;
        return &l->r->row[k];
    }
    return NULL;
}

static usec_t sent_at(const struct ladder *l, const struct row *row)
{
    for (size_t i = 0; i < l->r->n; i++)
        if (l->r->row[i].kind == ROW_SENT && l->r->row[i].number == row->number)
            return l->r->row[i].at;
    return row->at;
}

static void draw_sent(struct ladder *l, size_t i)
{
    const struct row *row = &l->r->row[i], *end = fate(l, i);
    struct arrow a = {.from = row->end, .to = row->to, .root = '-', .tip = '~'};

    if (end)
        a.tip = end->kind == ROW_ARRIVED ? '>' : 'x';
    if (end && end->kind == ROW_GONE)
        snprintf(a.label, sizeof(a.label), "%s (%s)", row->text, end->why);
    else
        snprintf(a.label, sizeof(a.label), "%s%s%s", row->end < 0 ? "forged: " : "", row->text,
                 end && end->changed ? " (changed on its way)" : "");
    draw_arrow(l, row->at, &a);
}

/* "IKE_AUTH request 1": what is in it was said when it left. */
static int briefly(const char *text)
{
    const char *p = text;

    for (int blanks = 0; *p && (*p != ' ' || ++blanks < 3); p++)
        ;
    return (int)(p - text);
}

static void draw_late(struct ladder *l, const struct row *row)
{
    struct arrow a = {.from = row->to, .to = row->end, .root = '~', .tip = '>'};
    const char *how = row->changed ? "changed, " : row->again ? "again, " : "";

    if (row->kind == ROW_GONE) {
        a.from = row->end;
        a.to = row->to;
        a.tip = 'x';
    }
    snprintf(a.label, sizeof(a.label), "%.*s (%s%s%sof %.4f)", briefly(row->text), row->text, how, row->why ? row->why : "",
             row->why ? ", " : "", (double)(sent_at(l, row) - WORLD_BEGINS) / 1e6);
    draw_arrow(l, row->at, &a);
}

static void draw_heads(struct ladder *l)
{
    memset(l->line, ' ', sizeof(l->line));
    memcpy(l->line, "       time", 11);
    for (int i = 0; i < (int)l->w->n_ends; i++) {
        char name[16];
        int n = snprintf(name, sizeof(name), "end %d", i);

        line_put(l, column(l, i) - 1, name, n);
    }
    line_end(l);
}

static void draw_gap(struct ladder *l, size_t n)
{
    char text[60];

    if (!n)
        return;
    line_begin(l, 0, false);
    line_put(l, LEFT + 2, text, snprintf(text, sizeof(text), "   ... %zu rows that do not matter ...", n));
    line_end(l);
}

void ladder_draw(FILE *out, const struct world *w, const struct record *r, bool whole)
{
    struct ladder l = {.out = out, .w = w, .r = r, .between = w->n_ends > 2 ? 52 : 74};
    size_t gap = 0;

    l.keep = calloc(r->n + 1, sizeof(bool));
    l.drawn = calloc(r->n + 1, sizeof(bool));
    if (!l.keep || !l.drawn)
        abort();
    choose(&l, whole);
    draw_heads(&l);
    for (size_t i = 0; i < r->n; i++) {
        gap += !l.keep[i] && !dull(&r->row[i]);
        if (!l.keep[i] || l.drawn[i])
            continue;
        draw_gap(&l, gap);
        gap = 0;
        if (r->row[i].kind == ROW_NOTE)
            draw_note(&l, &r->row[i]);
        else if (r->row[i].kind == ROW_SENT)
            draw_sent(&l, i);
        else
            draw_late(&l, &r->row[i]);
    }
    free(l.keep);
    free(l.drawn);
}
