/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of rekeys and Deletes say and expect alike. */
#ifndef SIM_PUPPET_REKEY_H
#define SIM_PUPPET_REKEY_H

#include "puppet_test.h"

static inline const struct said *rekey_heard(struct puppet *p, const char *child)
{
    const struct said *m;

    end_order(p->gate, ORDER_REKEY, "to1", child);
    m = hear(p);
    MUST(p, m && m->h.exchange == CREATE_CHILD_SA && !m->response);
    return m;
}

/* The gate deletes the SA that was replaced; its SPI is expected. */
static inline void delete_heard(struct puppet *p, uint32_t spi)
{
    const struct said *m = hear(p);
    const struct payload *d = part(m, PAYLOAD_DELETE);
    uint32_t ours = p->spi_in;

    MUST(p, d && m->h.exchange == INFORMATIONAL && d->u.del.protocol == PROTOCOL_ESP && d->u.del.count == 1);
    MUST(p, get_u32(d->u.del.spis.p) == spi);
    say(p);
    say_delete(p, PROTOCOL_ESP, &ours, 1);
    reply(p, m);
    world_run(p->w, 100 * MS);
}

static inline void tell_delete(struct puppet *p, uint32_t spi, uint32_t expected)
{
    const struct said *m;
    const struct payload *d;

    say(p);
    say_delete(p, PROTOCOL_ESP, &spi, 1);
    m = ask(p, INFORMATIONAL);
    d = part(m, PAYLOAD_DELETE);
    MUST(p, m && m->response && (d != NULL) == (expected != 0));
    MUST(p, !d || (d->u.del.count == 1 && get_u32(d->u.del.spis.p) == expected));
}

/* The peer sends by the SA of ours that hears on this SPI. */
static inline void packets_came(struct puppet *p, uint32_t spi)
{
    struct sa *sa = xfrm_find(&p->gate->xfrm, true, spi);

    MUST(p, sa);
    sa->packets += 7;
    sa->bytes += 7 * 100;
    sa->used_wall_s = end_wall_s(p->gate);
}

/* What the gate deletes within so long; liveness is answered. */
static inline uint32_t deleted_within(struct puppet *p, usec_t time)
{
    const struct said *m;

    while ((m = hear_for(p, time)) && !part(m, PAYLOAD_DELETE)) {
        say(p);
        reply(p, m);
    }
    if (!m)
        return 0;
    say(p);
    reply(p, m);
    tend(p, 2 * SEC);
    return get_u32(part(m, PAYLOAD_DELETE)->u.del.spis.p);
}

#endif
