/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SK and SKF payloads: RFC 7296 3.14, RFC 5282 (AEAD), RFC 7383 (fragments). Opening gives plaintext or nothing: integrity first,
 * also for a cipher with a separate MAC.
 *
 *     header | clear part | SK header | IV | ciphertext (chain | padding | pad length) | ICV
 *     '------------------ associated data / MAC ---------------------------------'
 */
#include "ike/ike.h"

#include <stdlib.h>
#include <string.h>

#define SK_HEADER 4
#define SKF_HEADER 8

static size_t icv_len(const struct suite *s)
{
    return s->encr->flags & ALG_AEAD ? s->encr->icv_len : s->integ->icv_len;
}

static size_t block_of(const struct suite *s)
{
    return s->encr->block_len > 1 ? s->encr->block_len : 1;
}

static size_t padded_len(const struct suite *s, size_t plain)
{
    size_t block = block_of(s);

    return (plain + 1 + block - 1) / block * block;
}

/* Counter modes must never repeat an IV under one key, CBC's must not be foreseeable (RFC 7296 3.14, RFC 5282 3.1). */
static void iv_make(struct ike_sa *sa, uint8_t *iv, size_t len)
{
    if (sa->suite->encr->block_len > 1 || len != 8)
        sa->core->rng.fill(sa->core->rng.ctx, iv, len);
    else
        put_u64(iv, ++sa->iv_counter);
}

/* Seal one datagram. `outer` is SK_HEADER or SKF_HEADER bytes long. */
static int seal_one(struct ike_sa *sa, struct ike_header h, uint8_t inner, struct span plain, uint16_t number, uint16_t total,
                    struct packets *out)
{
    const struct suite *s = sa->suite;
    size_t head = total ? SKF_HEADER : SK_HEADER, iv_len = s->encr->iv_len, body = padded_len(s, plain.len), icv = icv_len(s);
    struct ike_keys k = sa_keys(sa);
    struct span key = secret_view(sa->initiator ? &k.ei : &k.er);
    struct span mac_key = secret_view(sa->initiator ? &k.ai : &k.ar);
    struct span iv, aad, text;
    struct buf b;
    uint8_t *p;
    int err;

    buf_init(&b, MESSAGE_MAX);
    h.next = total ? PAYLOAD_SKF : PAYLOAD_SK;
    h.length = (uint32_t)(IKE_HEADER_LEN + head + iv_len + body + icv);
    msg_write_header(&b, &h);
    buf_u8(&b, number > 1 ? PAYLOAD_NONE : inner);
    buf_u8(&b, 0);
    buf_u16(&b, (uint16_t)(head + iv_len + body + icv));
    if (total) {
        buf_u16(&b, number);
        buf_u16(&b, total);
    }
    p = buf_room(&b, iv_len + body + icv);
    if (!p) {
        err = b.too_long ? ERR_LIMIT : ERR_MEMORY;
        buf_done(&b);
        return err;
    }
    iv_make(sa, p, iv_len);
    memset(p + iv_len, 0, body + icv);
    if (plain.len)
        memcpy(p + iv_len, plain.p, plain.len);
    p[iv_len + body - 1] = (uint8_t)(body - plain.len - 1);
    iv = span_of(p, iv_len);
    aad = span_of(b.p, IKE_HEADER_LEN + head);
    text = span_of(p + iv_len, body);
    err = s->encr->cipher->seal(s->encr, key, iv, aad, text, p + iv_len);
    if (err == 0 && s->integ) {
        struct span all = span_of(b.p, b.len - icv);

        err = s->integ->mac->mac(s->integ, mac_key, &all, 1, p + iv_len + body);
    }
    if (err == 0)
        packets_add(out, buf_view(&b));
    buf_done(&b);
    return err;
}

/* An IP datagram with so many bytes of IKE. */
static size_t datagram_of(const struct ike_sa *sa, size_t ike)
{
    return ike + (sa->path.remote.addr.family == 6 ? 40 : 20) + 8 + (sa->path.natt ? 4 : 0);
}

/* The largest for IKE on this path (RFC 7383 2.5.1). */
static size_t datagram_max(const struct ike_sa *sa)
{
    const struct conf_connection *conn = sa_conn(sa);
    size_t size = conn && conn->fragment_size ? conn->fragment_size : 1280;

    return sa->datagram_max && sa->datagram_max < size ? sa->datagram_max : size;
}

static int seal_plain(struct ike_sa *sa, const struct ike_header *h, uint8_t first, struct span plain, struct packets *out)
{
    const struct suite *s = sa->suite;
    size_t room = datagram_max(sa) - datagram_of(sa, 0), fixed = IKE_HEADER_LEN + SKF_HEADER + s->encr->iv_len + icv_len(s);
    size_t each = room > fixed + 64 ? (room - fixed) / block_of(s) * block_of(s) - 1 : 64, total = (plain.len + each - 1) / each;
    int err = 0;

    if (!sa->fragmentation || fixed - 4 + padded_len(s, plain.len) <= room || total < 2)
        err = seal_one(sa, *h, first, plain, 0, 0, out);
    else if (total > FRAGMENTS_MAX)
        err = ERR_LIMIT;
    else
        for (size_t i = 0; err == 0 && i < total; i++)
            err = seal_one(sa, *h, first, span_part(plain, i * each, each), (uint16_t)(i + 1), (uint16_t)total, out);
    if (err == 0 && out->bytes.failed)
        err = out->bytes.too_long ? ERR_LIMIT : ERR_MEMORY;
    return err;
}

int seal_message(struct ike_sa *sa, const struct ike_header *h, const struct payload *chain, struct packets *out)
{
    struct buf plain;
    int err;

    buf_init(&plain, MESSAGE_MAX - 1000);
    msg_write_payloads(&plain, chain);
    if (plain.failed)
        err = plain.too_long ? ERR_LIMIT : ERR_MEMORY;
    else
        err = seal_plain(sa, h, chain ? chain->type : PAYLOAD_NONE, buf_view(&plain), out);
    buf_done(&plain);
    return err;
}

/* Verify, decrypt, and take the padding off one SK or SKF payload, the peer's or one of ours; the plaintext lies in the arena. */
static int open_one(struct ike_sa *sa, bool ours, struct span datagram, const struct payload *sk, struct arena *a,
                    struct span *plain)
{
    const struct suite *s = sa->suite;
    size_t icv = icv_len(s), iv_len = s->encr->iv_len, body;
    struct ike_keys k = sa_keys(sa);
    struct span key = secret_view(sa->initiator == ours ? &k.ei : &k.er);
    struct span mac_key = secret_view(sa->initiator == ours ? &k.ai : &k.ar);
    struct span sealed = sk->u.sk.sealed;
    uint8_t mac[64], *out;

    if (sealed.len < iv_len + icv + 1)
        return ERR_SHORT;
    body = sealed.len - iv_len - icv;
    if (body % block_of(s))
        return ERR_BAD;
    if (s->integ) {
        struct span all = span_of(datagram.p, datagram.len - icv);

        if (s->integ->mac->mac(s->integ, mac_key, &all, 1, mac) < 0 ||
            !secret_equal(span_of(mac, icv), span_part(sealed, sealed.len - icv, icv)))
            return ERR_CRYPTO;
    }
    out = arena_alloc(a, sealed.len);
    if (!out)
        return ERR_LIMIT;
    if (s->encr->cipher->open(s->encr, key, span_part(sealed, 0, iv_len), span_part(datagram, 0, sk->u.sk.aad_len),
                              span_part(sealed, iv_len, s->integ ? body : body + icv), out) < 0)
        return ERR_CRYPTO;
    if ((size_t)out[body - 1] + 1 > body)
        return ERR_BAD;
    *plain = span_of(out, body - 1 - out[body - 1]);
    return 0;
}

void fragments_done(struct fragments *f)
{
    for (uint16_t i = 0; f->parts && i < f->total; i++)
        secret_done(&f->parts[i]);
    free(f->parts);
    list_remove(&f->collected);
    if (f->together)
        *f->together -= f->bytes;
    *f = (struct fragments){0};
}

void fragments_free(struct fragments **at)
{
    struct fragments *f = *at;

    *at = NULL;
    if (f)
        fragments_done(f);
    free(f);
}

/* RFC 7383 2.6: a larger total begins anew, a smaller one is old news, duplicates are dropped. */
static int fragments_fit(struct fragments *f, const struct ike_header *h, const struct payload *skf, usec_t now)
{
    uint16_t number = skf->u.sk.number, total = skf->u.sk.total;

    if (number < 1 || number > total || total > FRAGMENTS_MAX)
        return ERR_BAD;
    if (f->parts && (f->message_id != h->message_id || total > f->total || now - f->since > FRAGMENTS_TIME))
        fragments_done(f);
    if (f->parts && total < f->total)
        return ERR_BAD;
    if (!f->parts) {
        f->parts = calloc(total, sizeof(*f->parts));
        if (!f->parts)
            return ERR_MEMORY;
        f->message_id = h->message_id;
        f->total = total;
        f->since = now;
    }
    return f->parts[number - 1].p ? ERR_EXISTS : 0;
}

static int fragments_join(struct fragments *f, struct arena *a, uint8_t *first, struct span *chain)
{
    uint8_t *all = arena_alloc(a, f->bytes ? f->bytes : 1);
    size_t at = 0;

    if (!all)
        return ERR_LIMIT;
    for (uint16_t i = 0; i < f->total; i++) {
        memcpy(all + at, f->parts[i].p, f->parts[i].len);
        at += f->parts[i].len;
    }
    *first = f->first_inner;
    *chain = span_of(all, at);
    fragments_done(f);
    return 0;
}

/* What the peer has cut smaller than we would, it has its reasons for (RFC 7383 2.5.1). */
static void size_follow(struct ike_sa *sa, const struct fragments *f)
{
    size_t size = datagram_of(sa, f->largest);

    if (f->total > 1 && size < datagram_max(sa))
        sa->datagram_max = (uint16_t)(size > DATAGRAM_MIN ? size : DATAGRAM_MIN);
}

/* Who is half-open has proved nothing. An honest peer's fragments come at once, so that it is never among the oldest. */
static void fragments_count(struct ike_sa *sa, struct fragments *f, size_t more)
{
    struct core *c = sa->core;

    f->have++;
    f->bytes += more;
    if (sa->state != IKE_KEYED || sa->initiator)
        return;
    if (!f->together) {
        f->together = &c->fragment_bytes;
        list_append(&c->collecting, &f->collected);
    }
    c->fragment_bytes += more;
    while (c->fragment_bytes > FRAGMENTS_HALF_OPEN && c->collecting.next != &f->collected)
        fragments_done(LIST_ITEM(c->collecting.next, struct fragments, collected));
}

/* Of a response they are collected only while it is waited for. NULL without memory. */
static struct fragments *fragments_of(struct ike_sa *sa, const struct ike_header *h)
{
    if (h->flags & IKE_FLAG_RESPONSE)
        return sa->ours ? &sa->ours->in_response : NULL;
    if (!sa->in_request)
        sa->in_request = calloc(1, sizeof(*sa->in_request));
    return sa->in_request;
}

static int open_fragment(struct ike_sa *sa, const struct ike_header *h, struct span datagram, const struct payload *skf,
                         struct arena *a, uint8_t *first, struct span *chain)
{
    struct fragments *f = NULL;
    struct span plain;
    int err;

    if (!sa->fragmentation)
        return ERR_BAD;
    err = open_one(sa, false, datagram, skf, a, &plain); /* the ICV before anything is kept (2.6) */
    if (err == 0 && !(f = fragments_of(sa, h)))
        err = ERR_MEMORY;
    if (err == 0)
        err = fragments_fit(f, h, skf, sa->core->now);
    if (err == 0 && (plain.len == 0 || f->bytes + plain.len > MESSAGE_MAX))
        err = ERR_LIMIT;
    if (err == 0)
        err = secret_set(&f->parts[skf->u.sk.number - 1], plain);
    if (err < 0)
        return err;
    fragments_count(sa, f, plain.len);
    if (skf->u.sk.number == 1)
        f->first_inner = skf->u.sk.inner;
    f->largest = datagram.len > f->largest ? datagram.len : f->largest;
    if (f->have < f->total)
        return ERR_AGAIN;
    size_follow(sa, f);
    return fragments_join(f, a, first, chain);
}

static const struct payload *sealed_part(const struct payload *p)
{
    while (p && p->type != PAYLOAD_SK && p->type != PAYLOAD_SKF)
        p = p->next;
    return p;
}

int seal_open(struct ike_sa *sa, const struct ike_header *h, struct span datagram, const struct payload *outer, struct arena *a,
              uint8_t *first, struct span *chain)
{
    const struct payload *sk = sealed_part(outer);

    if (!sk || !sk->u.sk.sealed.len || sk->u.sk.sealed.p + sk->u.sk.sealed.len != datagram.p + datagram.len)
        return ERR_BAD;
    if (sk->type == PAYLOAD_SKF)
        return open_fragment(sa, h, datagram, sk, a, first, chain);
    *first = sk->u.sk.inner;
    return open_one(sa, false, datagram, sk, a, chain);
}

/* --- cut anew (RFC 7383 2.5.2) -------------------------------------------------------------------------------------------------
 */

bool seal_genuine(struct ike_sa *sa, struct span datagram, const struct payload *outer)
{
    const struct payload *sk = sealed_part(outer);
    struct span plain;
    struct arena a;
    bool good;

    arena_init(&a, MESSAGE_MAX);
    good = sk && sk->u.sk.sealed.p + sk->u.sk.sealed.len == datagram.p + datagram.len &&
           open_one(sa, false, datagram, sk, &a, &plain) == 0;
    arena_done(&a);
    return good;
}

/* The plaintext of our own message, fragments put together. */
static bool reopen(struct ike_sa *sa, const struct packets *p, struct ike_header *h, uint8_t *first, struct buf *plain)
{
    struct reader r = reader_of(buf_view(&p->bytes));
    struct wire_error why;
    struct payload *in;
    struct arena a;
    bool ok = true;

    arena_init(&a, 4 * MESSAGE_MAX);
    for (bool begun = false; ok && read_left(&r) > 2; begun = true) {
        struct span part, datagram = read_span(&r, read_u16(&r));
        const struct payload *sk = NULL;

        if (msg_read_header(datagram, h, &why) == 0 &&
            msg_read_payloads(&a, h->next, span_part(datagram, IKE_HEADER_LEN, datagram.len), IKE_HEADER_LEN, &in, &why) == 0)
            sk = sealed_part(in);
        ok = sk && open_one(sa, true, datagram, sk, &a, &part) == 0;
        if (ok && !begun)
            *first = sk->u.sk.inner;
        if (ok)
            buf_span(plain, part);
    }
    arena_done(&a);
    return ok && !plain->failed;
}

static size_t packets_largest(const struct packets *p)
{
    struct reader r = reader_of(buf_view(&p->bytes));
    size_t largest = 0;

    while (read_left(&r) > 2) {
        size_t len = read_span(&r, read_u16(&r)).len;

        largest = len > largest ? len : largest;
    }
    return largest;
}

static bool seal_smaller(struct ike_sa *sa, struct packets *p, size_t size)
{
    struct packets cut = {0};
    struct ike_header h;
    struct buf plain;
    uint8_t first = 0;
    bool done;

    if (!sa->fragmentation || sa->state < IKE_KEYED || datagram_of(sa, packets_largest(p)) <= size)
        return false;
    sa->datagram_max = (uint16_t)size;
    buf_init(&plain, MESSAGE_MAX);
    done = reopen(sa, p, &h, &first, &plain) && seal_plain(sa, &h, first, buf_view(&plain), &cut) == 0;
    buf_done(&plain);
    if (!done) {
        packets_done(&cut);
        return false;
    }
    packets_done(p);
    *p = cut;
    return true;
}

bool seal_again(struct ike_sa *sa, struct packets *p)
{
    return seal_smaller(sa, p, 1280) || (sa->path.remote.addr.family != 6 && seal_smaller(sa, p, DATAGRAM_MIN));
}

void seal_as(struct ike_sa *sa, struct packets *p, size_t theirs)
{
    size_t size = datagram_of(sa, theirs);

    (void)seal_smaller(sa, p, size > DATAGRAM_MIN ? size : DATAGRAM_MIN);
}
