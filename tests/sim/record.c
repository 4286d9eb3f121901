/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"
#include "peek.h"
#include "wire/wire.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An SA as it was seen last. */
struct seen_sa {
    unsigned end, life;
    bool child;
    uint64_t ours, theirs;
    const char *state;
    bool here; /* in this look */
};

struct record *record_new(void)
{
    struct record *r = calloc(1, sizeof(*r));

    if (!r)
        abort();
    return r;
}

struct record *record_free(struct record *r)
{
    for (size_t i = 0; r && i < r->n; i++)
        free(r->row[i].text);
    if (r) {
        free(r->row);
        free(r->sa);
    }
    free(r);
    return NULL;
}

static struct row *row_add(struct world *w, enum row_kind kind, int end, const char *text)
{
    struct record *r = w->record;

    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 256;
        r->row = realloc(r->row, r->cap * sizeof(*r->row));
        if (!r->row)
            abort();
    }
    r->row[r->n] = (struct row){.at = w->now, .kind = kind, .end = end, .to = -1, .text = strdup(text)};
    return &r->row[r->n++];
}

static void describe(struct row *row, struct span ike, const struct datagram *d)
{
    char inside[200] = "", text[300];
    struct ike_header h;
    struct wire_error why;

    if (d->keepalive || msg_read_header(ike, &h, &why) < 0) {
        snprintf(text, sizeof(text), "%s of %zu bytes", d->keepalive ? "keepalive" : "no IKE message", ike.len);
    } else {
        net_inside(ike, inside, sizeof(inside));
        snprintf(text, sizeof(text), "%s %s %u%s", exchange_name(h.exchange) ? exchange_name(h.exchange) : "exchange?",
                 h.flags & IKE_FLAG_RESPONSE ? "answer" : "request", h.message_id, inside);
        row->spi_i = h.spi_i;
        row->spi_r = h.spi_r;
        row->message_id = h.message_id;
        row->response = h.flags & IKE_FLAG_RESPONSE;
        row->calm = h.exchange == INFORMATIONAL && !strcmp(inside, " SK{ }");
    }
    free(row->text);
    row->text = strdup(text);
}

void record_datagram(struct world *w, const char *what, int end, int to, const struct datagram *d)
{
    bool sent = !strcmp(what, "->"), arrived = !strcmp(what, "<-");
    struct row *row;

    if (d->esp)
        return;
    row = row_add(w, sent ? ROW_SENT : arrived ? ROW_ARRIVED : ROW_GONE, sent || !arrived ? d->from : end, "");
    if (!strcmp(what, "injected"))
        row->kind = ROW_SENT;
    if (arrived)
        row->end = end;
    row->to = arrived ? d->from : to;
    row->number = d->number;
    row->again = d->again;
    row->changed = d->changed;
    row->why = row->kind == ROW_GONE ? what : NULL;
    describe(row, net_ike_part(d), d);
}

void record_line(struct world *w, const char *line)
{
    bool of_end = line[0] >= '0' && line[0] < (char)('0' + SIM_ENDS_MAX) && line[1] == ' ';

    if (!w->record->in_datagram)
        row_add(w, ROW_NOTE, of_end ? line[0] - '0' : -1, of_end ? line + 2 : line);
}

/* --- states --------------------------------------------------------------------------------------------------------------------
 */
static struct seen_sa *seen_sa(struct record *r, const struct end *e, const struct peek_sa *p)
{
    struct seen_sa *s;

    for (size_t i = 0; i < r->n_sas; i++) {
        s = &r->sa[i];
        if (s->end == e->index && s->life == e->life && s->child == p->child && s->ours == p->ours)
            return s;
    }
    if (r->n_sas == r->cap_sas) {
        r->cap_sas = r->cap_sas ? r->cap_sas * 2 : 32;
        r->sa = realloc(r->sa, r->cap_sas * sizeof(*r->sa));
        if (!r->sa)
            abort();
    }
    s = &r->sa[r->n_sas++];
    *s = (struct seen_sa){.end = e->index, .life = e->life, .child = p->child, .ours = p->ours, .state = ""};
    return s;
}

static void state_note(struct end *e, const struct seen_sa *s)
{
    char text[120];
    struct row *row;

    if (s->child)
        snprintf(text, sizeof(text), "Child SA in %08llx out %08llx: %s", (unsigned long long)s->ours,
                 (unsigned long long)s->theirs, s->state);
    else
        snprintf(text, sizeof(text), "IKE SA %08llx (peer's %08llx): %s", (unsigned long long)(s->ours >> 32),
                 (unsigned long long)(s->theirs >> 32), s->state);
    row = row_add(e->world, ROW_NOTE, (int)e->index, text);
    row->spi_i = s->child ? 0 : s->ours;
}

struct look {
    struct end *end;
    struct record *record;
};

static void look_at_sa(void *ctx, const struct peek_sa *p)
{
    struct look *look = ctx;
    struct seen_sa *s = seen_sa(look->record, look->end, p);
    bool news = strcmp(s->state, p->state) != 0;

    s->here = true;
    s->theirs = p->theirs;
    s->state = p->state;
    if (news)
        state_note(look->end, s);
}

void record_states(struct end *e)
{
    struct record *r = e->world->record;
    struct look look = {e, r};

    for (size_t i = 0; i < r->n_sas; i++)
        r->sa[i].here = false;
    peek_sas(e->core, look_at_sa, &look);
    for (size_t i = 0; i < r->n_sas; i++) {
        struct seen_sa *s = &r->sa[i];

        if (s->end != e->index || s->here || !strcmp(s->state, "gone"))
            continue;
        s->state = "gone";
        if (s->life == e->life)
            state_note(e, s);
    }
}

bool record_alive(const struct record *r, uint64_t spi)
{
    for (size_t i = 0; i < r->n_sas; i++)
        if (!r->sa[i].child && r->sa[i].ours == spi && strcmp(r->sa[i].state, "gone") != 0)
            return true;
    return false;
}
