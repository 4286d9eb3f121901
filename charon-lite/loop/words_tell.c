/* SPDX-License-Identifier: Apache-2.0 */
/* Events, orders and facts as bytes. */
#include "loop/walk.h"
#include "loop/words.h"

static void walk_acquire(struct walk *w, struct event *e)
{
    walk_u16(w, &e->u.acquire.connection);
    walk_u16(w, &e->u.acquire.child);
    walk_u32(w, &e->u.acquire.generation);
    walk_u32(w, &e->u.acquire.reqid);
    walk_u32(w, &e->u.acquire.seq);
    walk_ts(w, &e->u.acquire.local);
    walk_ts(w, &e->u.acquire.remote);
}

static void walk_event(struct walk *w, struct event *e)
{
    e->kind = walk_enum(w, e->kind, EVENT_GONE);
    switch (e->kind) {
    case EVENT_ACQUIRE:
        walk_acquire(w, e);
        break;
    case EVENT_EXPIRE:
    case EVENT_GONE:
        walk_u32(w, &e->u.expire.spi);
        walk_addr(w, &e->u.expire.destination);
        walk_bool(w, &e->u.expire.hard);
        break;
    case EVENT_MAPPING:
        walk_u32(w, &e->u.mapping.spi_in);
        walk_endpoint(w, &e->u.mapping.old_remote);
        walk_endpoint(w, &e->u.mapping.new_remote);
        break;
    case EVENT_ADDRESS:
    case EVENT_LOST:
        break;
    }
}

static void walk_order(struct walk *w, struct order *o)
{
    o->kind = walk_enum(w, o->kind, ORDER_LISTEN);
    walk_u32(w, &o->id);
    walk_string(w, &o->connection);
    walk_string(w, &o->child);
    walk_bool(w, &o->wait);
    o->level = walk_enum(w, o->level, LEVEL_DEBUG);
}

static void walk_tell_ike(struct walk *w, struct tell_ike *t)
{
    walk_u64(w, &t->spi_i);
    walk_u64(w, &t->spi_r);
    walk_bool(w, &t->we_initiated);
    walk_string(w, &t->state);
    walk_string(w, &t->suite);
    walk_endpoint(w, &t->local);
    walk_endpoint(w, &t->remote);
    walk_string(w, &t->local_id);
    walk_string(w, &t->remote_id);
    walk_bool(w, &t->nat_local);
    walk_bool(w, &t->nat_remote);
    walk_i64(w, &t->age_s);
    walk_i64(w, &t->rekey_in_s);
    walk_u32(w, &t->retransmits);
    walk_u32(w, &t->unanswered);
}

static void walk_tell_child(struct walk *w, struct tell_child *t)
{
    walk_string(w, &t->state);
    walk_string(w, &t->suite);
    walk_u32(w, &t->spi_in);
    walk_u32(w, &t->spi_out);
    walk_u32(w, &t->reqid);
    walk_bool(w, &t->transport);
    walk_bool(w, &t->udp_encap);
    walk_ts_list(w, &t->ts_local);
    walk_ts_list(w, &t->ts_remote);
    walk_i64(w, &t->age_s);
    walk_i64(w, &t->rekey_in_s);
    walk_u64(w, &t->bytes_in);
    walk_u64(w, &t->bytes_out);
    walk_u64(w, &t->packets_in);
    walk_u64(w, &t->packets_out);
    walk_bool(w, &t->counted);
}

static void walk_tell(struct walk *w, struct tell *t)
{
    t->fact = walk_enum(w, t->fact, FACT_COUNT - 1);
    t->level = walk_enum(w, t->level, LEVEL_DEBUG);
    walk_u32(w, &t->order);
    walk_bool(w, &t->ok);
    walk_string(w, &t->connection);
    walk_string(w, &t->child);
    walk_endpoint(w, &t->remote);
    walk_string(w, &t->text);
    if (t->fact == FACT_IKE_SA)
        walk_tell_ike(w, &t->u.ike);
    if (t->fact == FACT_CHILD_SA)
        walk_tell_child(w, &t->u.child);
}

#define WORDS_PLAIN(noun, walk_noun)                                                                                             \
    void words_put_##noun(struct buf *out, const struct noun *v)                                                                 \
    {                                                                                                                            \
        struct walk w = {.out = out};                                                                                            \
        struct noun copy = *v;                                                                                                   \
                                                                                                                                 \
        walk_noun(&w, &copy);                                                                                                    \
        out->failed |= w.failed;                                                                                                 \
    }                                                                                                                            \
    int words_get_##noun(struct reader *in, struct arena *arena, struct noun *v)                                                 \
    {                                                                                                                            \
        struct walk w = {.in = in, .arena = arena};                                                                              \
                                                                                                                                 \
        *v = (struct noun){0};                                                                                                   \
        walk_noun(&w, v);                                                                                                        \
        return walk_end(&w);                                                                                                     \
    }

WORDS_PLAIN(event, walk_event)
WORDS_PLAIN(order, walk_order)
WORDS_PLAIN(tell, walk_tell)
