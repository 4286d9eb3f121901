/* SPDX-License-Identifier: Apache-2.0 */
#include "suite/keymat.h"

#include <string.h>

enum {
    PRF_OUT_MAX = 64,
    PRF_PLUS_BLOCKS = 255,
    PRF_PLUS_SEEDS = 6,
    PRF_AES128_XCBC = 4,
    PRF_AES128_CMAC = 8,
    NONCE_MAX = 256, /* RFC 7296 3.9; the lower bound is for whoever reads messages */
    HALF_KEY = 8,    /* bytes of each nonce that make the key of a PRF with a fixed key size (2.14) */
};

void ike_keys_done(struct ike_keys *k)
{
    struct secret *all[] = {&k->d, &k->ai, &k->ar, &k->ei, &k->er, &k->pi, &k->pr};

    for (size_t i = 0; i < COUNT_OF(all); i++)
        secret_done(all[i]);
}

void child_keys_done(struct child_keys *k)
{
    struct secret *all[] = {&k->encr_i2r, &k->integ_i2r, &k->encr_r2i, &k->integ_r2i};

    for (size_t i = 0; i < COUNT_OF(all); i++)
        secret_done(all[i]);
}

/* T1 = prf(K, S | 0x01), Tn = prf(K, Tn-1 | S | n): the parts are laid out once, the first is empty until there is a T. */
int prf_plus(const struct alg *prf, struct span key, const struct span *seed, size_t n_seed, uint8_t *out, size_t len)
{
    struct span parts[PRF_PLUS_SEEDS + 2] = {SPAN_NONE};
    size_t size = prf->out_len;
    uint8_t block[PRF_OUT_MAX], count = 0;
    int err = 0;

    if (size == 0 || size > sizeof(block) || n_seed > PRF_PLUS_SEEDS || len > size * PRF_PLUS_BLOCKS)
        return ERR_LIMIT;
    if (n_seed)
        memcpy(parts + 1, seed, n_seed * sizeof(*seed));
    parts[n_seed + 1] = span_of(&count, 1);
    while (len > 0 && err == 0) {
        size_t n = len < size ? len : size;

        count++;
        err = prf->mac->mac(prf, key, parts, n_seed + 2, block);
        parts[0] = span_of(block, size);
        if (err == 0)
            memcpy(out, block, n);
        out += n;
        len -= n;
    }
    secret_wipe(block, sizeof(block));
    return err;
}

static int prf_secret(const struct alg *prf, struct span key, const struct span *parts, size_t n, struct secret *out)
{
    int err = secret_new(out, prf->out_len);

    if (err == 0)
        err = prf->mac->mac(prf, key, parts, n, out->p);
    if (err < 0)
        secret_done(out);
    return err;
}

/* The nonces are public; the key made of them is wiped all the same, for it costs nothing. */
int skeyseed_first(const struct alg *prf, struct span ni, struct span nr, struct span g_ir, struct secret *out)
{
    bool halves = prf->id == PRF_AES128_XCBC || prf->id == PRF_AES128_CMAC;
    uint8_t key[2 * NONCE_MAX];
    int err;

    if (ni.len > NONCE_MAX || nr.len > NONCE_MAX)
        return ERR_LIMIT;
    if (ni.len < HALF_KEY || nr.len < HALF_KEY)
        return ERR_BAD;
    if (halves) {
        ni = span_part(ni, 0, HALF_KEY);
        nr = span_part(nr, 0, HALF_KEY);
    }
    memcpy(key, ni.p, ni.len);
    memcpy(key + ni.len, nr.p, nr.len);
    err = prf_secret(prf, span_of(key, ni.len + nr.len), &g_ir, 1, out);
    secret_wipe(key, sizeof(key));
    return err;
}

int skeyseed_rekey(const struct alg *old_prf, struct span old_sk_d, struct span g_ir, struct span ni, struct span nr,
                   struct secret *out)
{
    struct span parts[] = {g_ir, ni, nr};

    return prf_secret(old_prf, old_sk_d, parts, COUNT_OF(parts), out);
}

/* A piece of the key stream: where it goes and how long it is. */
struct piece {
    struct secret *to;
    size_t len;
};

static int pieces_derive(const struct alg *prf, struct span key, const struct span *seed, size_t n_seed,
                         const struct piece *pieces, size_t n)
{
    struct secret stream = {0};
    size_t total = 0, at = 0;
    int err;

    for (size_t i = 0; i < n; i++)
        total += pieces[i].len;
    err = secret_new(&stream, total);
    if (err == 0)
        err = prf_plus(prf, key, seed, n_seed, stream.p, total);
    for (size_t i = 0; i < n && err == 0; at += pieces[i++].len)
        err = secret_set(pieces[i].to, span_part(secret_view(&stream), at, pieces[i].len));
    secret_done(&stream);
    return err;
}

size_t ike_keys_len(const struct suite *s, bool with_auth)
{
    return s->prf->key_len * (with_auth ? 3 : 1) + 2u * s->encr->key_len + (s->integ ? 2u * s->integ->key_len : 0);
}

struct ike_keys ike_keys_view(const struct suite *s, struct span block)
{
    size_t encr = s->encr->key_len, integ = s->integ ? s->integ->key_len : 0, prf = s->prf ? s->prf->key_len : 0, at = 0;
    struct ike_keys k = {0};
    const struct piece pieces[] = {{&k.d, prf},   {&k.ai, integ}, {&k.ar, integ}, {&k.ei, encr},
                                   {&k.er, encr}, {&k.pi, prf},   {&k.pr, prf}};

    for (size_t i = 0; i < COUNT_OF(pieces) && at + pieces[i].len <= block.len; at += pieces[i++].len)
        *pieces[i].to = (struct secret){(uint8_t *)(uintptr_t)block.p + at, pieces[i].len};
    return k;
}

int ike_keys_block(const struct suite *s, struct span skeyseed, struct span ni, struct span nr, uint64_t spi_i, uint64_t spi_r,
                   bool with_auth, struct secret *out)
{
    uint8_t spis[16];
    const struct span seed[] = {ni, nr, span_of(spis, sizeof(spis))};
    int err = secret_new(out, ike_keys_len(s, with_auth));

    put_u64(spis, spi_i);
    put_u64(spis + 8, spi_r);
    if (err == 0)
        err = prf_plus(s->prf, skeyseed, seed, COUNT_OF(seed), out->p, out->len);
    if (err < 0)
        secret_done(out);
    return err;
}

int ike_keys_derive(const struct suite *s, struct span skeyseed, struct span ni, struct span nr, uint64_t spi_i, uint64_t spi_r,
                    struct ike_keys *out)
{
    struct secret block = {0}, *to[] = {&out->d, &out->ai, &out->ar, &out->ei, &out->er, &out->pi, &out->pr};
    int err = ike_keys_block(s, skeyseed, ni, nr, spi_i, spi_r, true, &block);
    struct ike_keys k = ike_keys_view(s, secret_view(&block));
    const struct secret *from[] = {&k.d, &k.ai, &k.ar, &k.ei, &k.er, &k.pi, &k.pr};

    for (size_t i = 0; i < COUNT_OF(to) && err == 0; i++)
        err = secret_set(to[i], secret_view(from[i]));
    secret_done(&block);
    if (err < 0)
        ike_keys_done(out);
    return err;
}

int child_keys_derive(const struct suite *child, const struct alg *prf, struct span sk_d, struct span g_ir, struct span ni,
                      struct span nr, struct child_keys *out)
{
    size_t encr = child->encr->key_len, integ = child->integ ? child->integ->key_len : 0;
    const struct piece pieces[] = {
        {&out->encr_i2r, encr}, {&out->integ_i2r, integ}, {&out->encr_r2i, encr}, {&out->integ_r2i, integ}};
    const struct span seed[] = {g_ir, ni, nr};
    int err = pieces_derive(prf, sk_d, seed, COUNT_OF(seed), pieces, COUNT_OF(pieces));

    if (err < 0)
        child_keys_done(out);
    return err;
}
