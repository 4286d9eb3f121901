/* SPDX-License-Identifier: Apache-2.0 */
/* The model kernel of a world of many: which halves of which Child SAs are there, and when packets last came. */
#include "scale.h"

#include <stdlib.h>

/* Guest i is 10.x.y.z. */
struct scale_guest *scale_guest_at(struct scale *s, const struct addr *a)
{
    size_t i = (size_t)a->b[1] << 16 | (size_t)a->b[2] << 8 | a->b[3];

    return a->family == 4 && a->b[0] == 10 && i < s->n_guests ? &s->guests[i] : NULL;
}

static struct scale_sa *find(struct scale_site *site, uint32_t spi_in, const struct scale_guest *g)
{
    uint64_t hash = map_hash(&site->sas, span_of(&spi_in, sizeof(spi_in)));

    for (struct map_node *n = map_first(&site->sas, hash); n; n = map_more(n)) {
        struct scale_sa *sa = CONTAINER_OF(n, struct scale_sa, node);

        if (sa->spi_in == spi_in && sa->guest == g)
            return sa;
    }
    return NULL;
}

static struct scale_site *receiver(struct scale *s, struct scale_guest *g, unsigned direction)
{
    return direction == TO_HUB ? &s->hub : g->site;
}

/* What the end that sends in a direction sends by: of its SAs with an outbound half the newest. */
static struct scale_sa *sends_by(struct scale_guest *g, unsigned direction)
{
    struct scale_sa *newest = NULL;

    LIST_EACH (it, &g->sas[!direction]) {
        struct scale_sa *sa = LIST_ITEM(it, struct scale_sa, of_guest);

        if (sa->out)
            newest = sa;
    }
    return newest;
}

static struct scale_sa *heard_by(struct scale *s, struct scale_guest *g, unsigned direction)
{
    struct scale_sa *from = sends_by(g, direction), *to;

    to = from ? find(receiver(s, g, direction), from->spi_out, g) : NULL;
    return to && to->in ? to : NULL;
}

bool scale_arrives(struct scale *s, struct scale_guest *g, unsigned direction)
{
    return heard_by(s, g, direction) != NULL;
}

void scale_flows_settle(struct scale *s, struct scale_guest *g)
{
    for (unsigned d = TO_HUB; d <= TO_GUEST; d++) {
        struct scale_sa *sa = g->up && g->flows[d] ? heard_by(s, g, d) : NULL;

        if (sa)
            sa->heard = s->now;
        else if (g->up && g->flows[d])
            s->lost++;
    }
}

size_t scale_kernel_size(const struct scale_site *site)
{
    return site->sas.count;
}

size_t scale_orphans(struct scale *s, struct scale_guest *g)
{
    size_t n = 0;

    for (unsigned d = TO_HUB; d <= TO_GUEST; d++) {
        const struct scale_sa *last = NULL;

        LIST_EACH (it, &g->sas[d])
            last = LIST_ITEM(it, struct scale_sa, of_guest);
        LIST_EACH (it, &g->sas[d])
            n += LIST_ITEM(it, struct scale_sa, of_guest) != last && last->made + SCALE_SETTLES < s->now;
    }
    return n;
}

/* --- what the core asks for ------------------------------------------------------------------------------------------------ */

static int install(struct scale_site *site, struct scale_guest *g, const struct ask_child *c)
{
    struct scale *s = site->scale;
    unsigned d = site == &s->hub ? TO_HUB : TO_GUEST;
    struct scale_sa *sa;

    if (find(site, c->spi_in, g))
        return ERR_EXISTS;
    if (site == &s->hub && !list_empty(&g->sas[d]))
        s->minutes[scale_minute_of(s, s->now)].child++;
    sa = calloc(1, sizeof(*sa));
    if (!sa)
        abort();
    *sa = (struct scale_sa){.guest = g, .spi_in = c->spi_in, .spi_out = c->spi_out, .in = true, .out = !c->inbound_only};
    sa->made = s->now;
    list_append(&g->sas[d], &sa->of_guest);
    if (map_add(&site->sas, &sa->node, map_hash(&site->sas, span_of(&sa->spi_in, sizeof(sa->spi_in)))) < 0)
        abort();
    if (g->up || !scale_arrives(s, g, TO_HUB) || !scale_arrives(s, g, TO_GUEST))
        return 0;
    g->up = true;
    g->up_at = s->now;
    s->n_up++;
    return 0;
}

static void sa_free(struct scale_site *site, struct scale_sa *sa)
{
    map_remove(&site->sas, &sa->node);
    list_remove(&sa->of_guest);
    free(sa);
}

static int query(struct scale *s, const struct scale_sa *sa, struct answer *a)
{
    a->u.query.idle_in_s = sa->heard ? (s->now - sa->heard) / USEC_SEC : -1;
    a->u.query.idle_out_s = -1;
    a->u.query.packets_in = sa->heard ? 1 : 0;
    return 0;
}

int scale_kernel_does(struct scale_site *site, const struct ask *q, struct answer *a)
{
    const struct ask_child *c = &q->u.child;
    struct scale *s = site->scale;
    struct scale_guest *g = scale_guest_at(s, site == &s->hub ? &c->remote.addr : &c->local.addr);
    struct scale_sa *sa = g ? find(site, c->spi_in, g) : NULL;

    if (!g)
        return ERR_BAD;
    scale_flows_settle(s, g);
    if (q->kind == ASK_CHILD_INSTALL)
        return install(site, g, c);
    if (!sa)
        return ERR_NOT_FOUND;
    if (q->kind == ASK_CHILD_OUTBOUND) {
        sa->out = true;
        return 0;
    }
    if (q->kind == ASK_CHILD_QUERY)
        return query(s, sa, a);
    if (q->kind != ASK_CHILD_REMOVE)
        return ERR_UNSUPPORTED;
    sa->out = false;
    if (!c->inbound_only)
        sa_free(site, sa);
    return 0;
}

void scale_kernel_forget(struct scale *s)
{
    for (size_t i = 0; i < s->n_guests; i++)
        for (unsigned d = TO_HUB; d <= TO_GUEST; d++)
            while (!list_empty(&s->guests[i].sas[d]))
                sa_free(receiver(s, &s->guests[i], d), LIST_ITEM(s->guests[i].sas[d].next, struct scale_sa, of_guest));
}
