/* SPDX-License-Identifier: Apache-2.0 */
#include "open.h"

#include <string.h>

/* IV | ciphertext | ICV of AEAD and MAC ciphers alike. */
struct parts {
    struct span iv, body, icv, signed_part;
};

static int parts_cut(const struct sa_keys *keys, struct span message, const struct payload *sk, struct parts *out,
                     struct text *why)
{
    bool aead = keys->encr->flags & ALG_AEAD;
    size_t icv_len = aead ? keys->encr->icv_len : keys->integ->icv_len;
    struct span sealed = sk->u.sk.sealed;
    size_t body_len;

    if (sealed.len < keys->encr->iv_len + icv_len + 1) {
        text_add(why, "%zu bytes cannot hold IV, ICV and the pad length", sealed.len);
        return ERR_SHORT;
    }
    body_len = sealed.len - keys->encr->iv_len - icv_len;
    if (!aead && keys->encr->block_len > 1 && body_len % keys->encr->block_len) {
        text_add(why, "%zu bytes are not whole blocks of %u", body_len, keys->encr->block_len);
        return ERR_SHORT;
    }
    out->iv = span_part(sealed, 0, keys->encr->iv_len);
    out->body = span_part(sealed, keys->encr->iv_len, aead ? body_len + icv_len : body_len);
    out->icv = span_part(sealed, keys->encr->iv_len + body_len, icv_len);
    out->signed_part = span_part(message, 0, sk->u.sk.aad_len + keys->encr->iv_len + body_len);
    return 0;
}

/* Encrypt-then-MAC: the ICV is over the message up to it (RFC 7296 3.14). */
static int icv_check(const struct sa_keys *keys, struct span key, const struct parts *p)
{
    uint8_t icv[64];

    if (keys->integ->icv_len > sizeof(icv) || keys->integ->mac->mac(keys->integ, key, &p->signed_part, 1, icv))
        return ERR_CRYPTO;
    return secret_equal(span_of(icv, keys->integ->icv_len), p->icv) ? 0 : ERR_CRYPTO;
}

static int padding_cut(struct buf *out, size_t start, size_t *padding, struct text *why)
{
    size_t len = out->len - start;

    *padding = out->p[out->len - 1];
    if (*padding + 1 > len) {
        text_add(why, "%zu bytes of padding in %zu bytes", *padding, len);
        return ERR_BAD;
    }
    buf_cut(out, out->len - *padding - 1);
    return 0;
}

int sealed_open(const struct sa_keys *keys, const struct ike_header *h, struct span message, const struct payload *sk,
                struct buf *out, size_t *padding, size_t *at, struct text *why)
{
    bool from_initiator = h->flags & IKE_FLAG_INITIATOR, aead = keys->encr->flags & ALG_AEAD;
    struct span encr_key = secret_view(from_initiator ? &keys->ei : &keys->er);
    struct span integ_key = secret_view(from_initiator ? &keys->ai : &keys->ar);
    size_t start = out->len;
    struct parts p;
    int err = parts_cut(keys, message, sk, &p, why);
    uint8_t *room;

    if (err)
        return err;
    *at = sk->u.sk.aad_len + p.iv.len;
    if ((!aead && icv_check(keys, integ_key, &p)) || !(room = buf_room(out, p.body.len)) ||
        keys->encr->cipher->open(keys->encr, encr_key, p.iv, span_part(message, 0, sk->u.sk.aad_len), p.body, room)) {
        text_add(why, "the ICV is wrong");
        buf_cut(out, start);
        return ERR_CRYPTO;
    }
    if (aead)
        buf_cut(out, out->len - p.icv.len);
    return padding_cut(out, start, padding, why);
}
