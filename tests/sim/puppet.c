/* SPDX-License-Identifier: Apache-2.0 */
/* The puppet's body: its place in the world, sealing and opening, sending and hearing. */
#include "puppet.h"

#include <stdlib.h>
#include <string.h>

static struct span keep(struct puppet *p, struct span s)
{
    return arena_copy(&p->arena, s);
}

/* Everything that the gate sends ends here. */
static bool puppet_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    struct puppet *p = ctx;
    bool marked = (*d)->dst.port == 4500;

    (void)from;
    if (p->n_inbox == PUPPET_INBOX) {
        world_fail(w, "the puppet hears too much");
        return false;
    }
    p->inbox_src[p->n_inbox] = (*d)->src;
    p->inbox_dst[p->n_inbox] = (*d)->dst;
    p->inbox[p->n_inbox++] = keep(p, span_part(span_of((*d)->data, (*d)->len), marked ? 4 : 0, (*d)->len));
    return false;
}

struct puppet *puppet_new(enum keep wish)
{
    struct puppet *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    arena_init(&p->arena, 64 << 20);
    p->w = world_new(1, 1);
    p->gate = &p->w->end[0];
    p->gate->plan[p->gate->n_plans++] = plan_tunnel(0, 1, wish);
    p->gate->plan[0].liveness_us = 0;
    p->gate->plan[0].rekey_us = 0;
    p->gate->plan[0].child[0].rekey_us = p->gate->plan[0].child[0].lifetime_us = 0;
    p->w->net.tap = puppet_tap;
    p->w->net.tap_ctx = p;
    dice_seed(&p->dice, 77);
    p->here = (struct endpoint){addr_v4(192, 0, 2, 2), 500};
    p->there = (struct endpoint){addr_v4(192, 0, 2, 1), 500};
    p->psk = "file:/shared.psk";
    p->id = "end1.example";
    p->gate_id = "end0.example";
    p->words = "aes256gcm16-prfsha256-x25519";
    p->esp = "aes256gcm16";
    p->local = "10.1.0.0/16";
    p->remote = "10.0.0.0/16";
    p->next_spi = 0xc0000001;
    p->ike = &p->sa[0];
    say(p);
    return p;
}

void puppet_start(struct puppet *p)
{
    end_start(p->gate);
    world_run(p->w, 5 * USEC_MSEC); /* it has its first nonces */
}

void pupil_done(struct pupil *s)
{
    ike_keys_done(&s->keys);
    secret_done(&s->ni);
    secret_done(&s->nr);
    secret_done(&s->ke_private);
    secret_done(&s->shared);
    buf_done(&s->init_ours);
    buf_done(&s->init_theirs);
}

void puppet_free(struct puppet *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < COUNT_OF(p->sa); i++)
        pupil_done(&p->sa[i]);
    secret_done(&p->child_ni);
    secret_done(&p->child_private);
    world_free(p->w);
    arena_done(&p->arena);
    free(p);
}

/* --- writing ------------------------------------------------------------------------------------------------------------------
 */

/* Like msg_write_payloads(), but a payload with a body of its own is written as it is, whatever its type. */
static void chain_write(struct buf *b, const struct payload *first)
{
    for (const struct payload *x = first; x; x = x->next) {
        struct payload one = *x;
        size_t start = b->len;

        one.next = NULL;
        if (x->body.p) {
            buf_u8(b, 0);
            buf_u8(b, x->critical ? 0x80 : 0);
            buf_u16(b, (uint16_t)(4 + x->body.len));
            buf_span(b, x->body);
        } else {
            msg_write_payloads(b, &one);
        }
        buf_put_u8(b, start, x->next ? x->next->type : 0);
    }
}

/* In an SK payload, or (skf) as fragment `number` of `total`, whatever these are. */
static struct span seal(struct puppet *p, const struct ike_header *head, uint8_t first, struct span plain, bool skf,
                        uint16_t number, uint16_t total)
{
    struct pupil *s = p->ike;
    const struct alg *a = s->suite.encr;
    size_t frame = skf ? 8 : 4, sealed = 8 + plain.len + 1 + 16;
    struct ike_header h = *head;
    struct span out, aad;
    uint8_t *room;
    struct buf b;

    if (!a || !(a->flags & ALG_AEAD)) {
        world_fail(p->w, "the puppet has no keys to seal with");
        return SPAN_NONE;
    }
    buf_init(&b, 70000);
    h.next = skf ? PAYLOAD_SKF : PAYLOAD_SK;
    h.length = (uint32_t)(IKE_HEADER_LEN + frame + sealed);
    msg_write_header(&b, &h);
    buf_u8(&b, number > 1 ? 0 : first);
    buf_u8(&b, 0);
    buf_u16(&b, (uint16_t)(frame + sealed));
    if (skf) {
        buf_u16(&b, number);
        buf_u16(&b, total);
    }
    room = buf_room(&b, sealed);
    put_u64(room, ++s->iv | (uint64_t)1 << 40);
    if (plain.len)
        memcpy(room + 8, plain.p, plain.len);
    room[8 + plain.len] = 0;
    aad = span_of(b.p, IKE_HEADER_LEN + frame);
    if (a->cipher->seal(a, secret_view(s->initiator ? &s->keys.ei : &s->keys.er), span_of(room, 8), aad,
                        span_of(room + 8, plain.len + 1), room + 8) < 0)
        world_fail(p->w, "the puppet cannot seal");
    out = keep(p, buf_view(&b));
    buf_done(&b);
    return out;
}

static struct ike_header header(struct puppet *p, uint8_t exchange, uint32_t id, bool response)
{
    struct ike_header h = {.spi_i = p->ike->spi_i, .spi_r = p->ike->spi_r, .major = 2, .exchange = exchange, .message_id = id};

    h.flags = (uint8_t)((p->ike->initiator ? IKE_FLAG_INITIATOR : 0) | (response ? IKE_FLAG_RESPONSE : 0));
    if (p->spoil)
        p->spoil(&h);
    return h;
}

void send_bytes(struct puppet *p, struct span bytes)
{
    p->sent = bytes;
    net_inject(p->w, p->here, p->there, bytes, USEC_MSEC);
}

void again(struct puppet *p)
{
    send_bytes(p, p->sent);
}

struct span message_clear(struct puppet *p, uint8_t exchange, uint32_t id, bool response)
{
    struct ike_header h = header(p, exchange, id, response);
    struct span bytes;
    struct buf b;

    buf_init(&b, 65000);
    h.next = p->out.first ? p->out.first->type : 0;
    msg_write_header(&b, &h);
    chain_write(&b, p->out.first);
    buf_put_u32(&b, 24, (uint32_t)b.len);
    bytes = keep(p, buf_view(&b));
    if (b.failed || p->out.failed)
        world_fail(p->w, "the puppet cannot write its message");
    buf_done(&b);
    return bytes;
}

struct span message_sealed(struct puppet *p, uint8_t exchange, uint32_t id, bool response)
{
    struct ike_header h = header(p, exchange, id, response);
    struct span bytes;
    struct buf b;

    buf_init(&b, 65000);
    chain_write(&b, p->out.first);
    bytes = seal(p, &h, p->out.first ? p->out.first->type : 0, buf_view(&b), false, 0, 0);
    if (b.failed || p->out.failed)
        world_fail(p->w, "the puppet cannot write its message");
    buf_done(&b);
    return bytes;
}

struct span message_make(struct puppet *p, uint8_t exchange, uint32_t id, bool response)
{
    struct span bytes;

    if (exchange != IKE_SA_INIT)
        return message_sealed(p, exchange, id, response);
    bytes = message_clear(p, exchange, id, response);
    buf_reset(&p->ike->init_ours);
    buf_span(&p->ike->init_ours, bytes);
    return bytes;
}

void request_id(struct puppet *p, uint8_t exchange, uint32_t id)
{
    send_bytes(p, message_make(p, exchange, id, false));
}

void request(struct puppet *p, uint8_t exchange)
{
    request_id(p, exchange, p->ike->next_ours++);
}

void reply(struct puppet *p, const struct said *to)
{
    send_bytes(p, message_make(p, to->h.exchange, to->h.message_id, true));
}

struct span fragment_make(struct puppet *p, uint8_t exchange, uint32_t id, bool response, uint8_t first, struct span plain,
                          uint16_t number, uint16_t total)
{
    struct ike_header h = header(p, exchange, id, response);

    return seal(p, &h, first, plain, true, number, total);
}

size_t fragments_make(struct puppet *p, uint8_t exchange, uint32_t id, bool response, size_t each, struct span *out, size_t max)
{
    struct buf b;
    size_t n;

    buf_init(&b, 65000);
    chain_write(&b, p->out.first);
    n = (b.len + each - 1) / each;
    if (b.failed || n > max) {
        world_fail(p->w, "%zu fragments", n);
        n = 0;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = fragment_make(p, exchange, id, response, p->out.first->type, span_part(buf_view(&b), i * each, each),
                               (uint16_t)(i + 1), (uint16_t)n);
    buf_done(&b);
    return n;
}

/* --- hearing ------------------------------------------------------------------------------------------------------------------
 */

static struct pupil *pupil_find(struct puppet *p, const struct ike_header *h)
{
    for (size_t i = 0; i < COUNT_OF(p->sa); i++)
        if (p->sa[i].spi_i == h->spi_i && p->sa[i].spi_r == h->spi_r && p->sa[i].suite.encr)
            return &p->sa[i];
    return NULL;
}

/* What lies in an SK or SKF payload; false when it does not open. */
static bool open_sealed(struct puppet *p, struct said *m, const struct payload *sk, struct span *plain)
{
    struct pupil *s = pupil_find(p, &m->h);
    struct span sealed = sk->u.sk.sealed;
    uint8_t *room;

    if (!s || sealed.len < 8 + 1 + 16)
        return false;
    room = arena_alloc(&p->arena, sealed.len);
    if (s->suite.encr->cipher->open(s->suite.encr, secret_view(s->initiator ? &s->keys.er : &s->keys.ei), span_part(sealed, 0, 8),
                                    span_part(m->bytes, 0, sk->u.sk.aad_len), span_part(sealed, 8, sealed.len), room) < 0)
        return false;
    *plain = span_of(room, sealed.len - 8 - 16 - 1 - room[sealed.len - 8 - 17]);
    return true;
}

static struct said *said_new(struct puppet *p, size_t i)
{
    struct said *m = arena_new(&p->arena, struct said);
    struct wire_error why;
    struct payload *outer;
    struct span chain;

    m->bytes = p->inbox[i];
    m->src = p->inbox_src[i];
    m->dst = p->inbox_dst[i];
    if (msg_read_header(m->bytes, &m->h, &why) < 0 ||
        msg_read_payloads(&p->arena, m->h.next, span_part(m->bytes, IKE_HEADER_LEN, m->bytes.len), IKE_HEADER_LEN, &outer, &why) <
            0) {
        world_fail(p->w, "the gate sends a malformed message: %s", why.text);
        return NULL;
    }
    m->response = m->h.flags & IKE_FLAG_RESPONSE;
    m->in = outer;
    if (!outer || (outer->type != PAYLOAD_SK && outer->type != PAYLOAD_SKF))
        return m;
    m->sealed = true;
    m->in = NULL;
    m->number = outer->u.sk.number;
    m->total = outer->u.sk.total;
    if (!open_sealed(p, m, outer, &chain))
        world_fail(p->w, "the gate sends what the puppet cannot open");
    else if (!m->total && msg_read_payloads(&p->arena, outer->u.sk.inner, chain, 0, &m->in, &why) < 0)
        world_fail(p->w, "the gate seals a malformed message: %s", why.text);
    return m;
}

static bool heard_before(const struct puppet *p, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (span_equal(p->inbox[k], p->inbox[i]))
            return true;
    return false;
}

const struct said *hear_for(struct puppet *p, usec_t how_long)
{
    usec_t until = p->w->now + how_long;

    while (!p->w->failed) {
        for (; p->n_heard < p->n_inbox; p->n_heard++)
            if (p->repeats || !heard_before(p, p->n_heard))
                return said_new(p, p->n_heard++);
        if (p->w->now >= until)
            break;
        world_run(p->w, 5 * USEC_MSEC);
    }
    return NULL;
}

const struct said *hear(struct puppet *p)
{
    return hear_for(p, USEC_SEC);
}

void tend(struct puppet *p, usec_t how_long)
{
    usec_t until = p->w->now + how_long;
    const struct said *m;

    while (p->w->now < until && !p->w->failed) {
        m = hear_for(p, until - p->w->now);
        if (!m || m->response || m->h.exchange != INFORMATIONAL || m->in)
            continue;
        say(p);
        reply(p, m);
    }
}

bool silence(struct puppet *p)
{
    return hear(p) == NULL && !p->w->failed;
}

const struct said *ask(struct puppet *p, uint8_t exchange)
{
    request(p, exchange);
    return hear(p);
}

const struct payload *part(const struct said *m, uint8_t type)
{
    return m ? payload_find(m->in, type) : NULL;
}

bool has(const struct said *m, uint16_t notify)
{
    return m && notify_find(m->in, notify);
}

uint16_t error_of(const struct said *m)
{
    for (const struct payload *n = part(m, PAYLOAD_NOTIFY); n; n = payload_after(n, PAYLOAD_NOTIFY))
        if (n->u.notify.type <= NOTIFY_ERROR_MAX)
            return n->u.notify.type;
    return 0;
}

uint32_t esp_spi(const struct said *m)
{
    const struct payload *sa = part(m, PAYLOAD_SA);

    return sa && sa->u.sa.n && sa->u.sa.v[0].spi_len == 4 ? get_u32(sa->u.sa.v[0].spi) : 0;
}

/* --- the gate from inside ------------------------------------------------------------------------------------------------------
 */

size_t ike_sas(struct puppet *p, const char *state)
{
    end_list(p->gate);
    return end_rows(p->gate, false, state);
}

size_t children(struct puppet *p, const char *state)
{
    end_list(p->gate);
    return end_rows(p->gate, true, state);
}
