/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/psk.h"

#include <openssl/evp.h>
#include <string.h>

#include "cert/proof.h"

static struct span without_line_end(struct span s)
{
    if (s.len && s.p[s.len - 1] == '\n')
        s.len--;
    if (s.len && s.p[s.len - 1] == '\r')
        s.len--;
    return s;
}

static bool begins(struct span s, const char *two)
{
    return s.len > 2 && s.p[0] == (uint8_t)two[0] && s.p[1] == (uint8_t)two[1];
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int from_hex(struct span digits, struct secret *out)
{
    int err = digits.len % 2 ? ERR_BAD : secret_new(out, digits.len / 2);

    for (size_t i = 0; err == 0 && i < digits.len; i += 2) {
        int high = hex_digit(digits.p[i]), low = hex_digit(digits.p[i + 1]);

        if (high < 0 || low < 0)
            err = ERR_BAD;
        else
            out->p[i / 2] = (uint8_t)(high << 4 | low);
    }
    return err;
}

static int from_base64(struct span text, struct secret *out)
{
    struct secret whole = {0};
    size_t padding = 0;
    int n, err;

    if (text.len % 4)
        return ERR_BAD;
    while (padding < 2 && text.p[text.len - 1 - padding] == '=')
        padding++;
    if (memchr(text.p, '=', text.len - padding)) /* the decoder would read it as a digit */
        return ERR_BAD;
    err = secret_new(&whole, text.len / 4 * 3);
    if (err != 0)
        return err;
    n = EVP_DecodeBlock(whole.p, text.p, (int)text.len);
    err = n < 0 || (size_t)n != whole.len ? ERR_BAD : secret_set(out, span_of(whole.p, whole.len - padding));
    secret_done(&whole);
    return err;
}

static int from_line(struct span line, struct secret *out)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.p[i] < 0x20 || line.p[i] == 0x7f)
            return ERR_BAD;
    return secret_set(out, line);
}

int psk_parse(struct span file, struct secret *out, struct text *why)
{
    struct span line = without_line_end(file);
    int err;

    if (line.len == 0 || line.len > PSK_MAX) {
        text_add(why, line.len ? "a pre-shared key of more than %d bytes" : "an empty pre-shared key", PSK_MAX);
        return line.len ? ERR_LIMIT : ERR_BAD;
    }
    if (begins(line, "0x"))
        err = from_hex(span_part(line, 2, line.len), out);
    else if (begins(line, "0s"))
        err = from_base64(span_part(line, 2, line.len), out);
    else
        err = from_line(line, out);
    if (err == ERR_BAD)
        text_add(why, "not a pre-shared key: one line of text, or 0x and pairs of hex digits, or 0s and base64");
    if (err != 0)
        secret_done(out);
    return err;
}

int psk_strong(struct span psk, const char *ref, bool allow_weak, struct text *why)
{
    if (psk.len >= PSK_STRONG_BYTES || allow_weak)
        return 0;
    text_add(
        why,
        "the secret in %s has %zu bytes, less than the %d that resist guessing: make one with `openssl rand -base64 24`, or take "
        "it as it is with `legacy: [weak-psk]`",
        ref, psk.len, PSK_STRONG_BYTES);
    return ERR_REFUSED;
}

void psk_done(struct psk *psk)
{
    secret_done(&psk->key);
    secret_done(&psk->pad);
    psk->prf = NULL;
}

static int psk_pad(struct psk *psk, const struct alg *prf)
{
    const struct span words = span_str("Key Pad for IKEv2");
    int err;

    if (psk->prf == prf)
        return 0;
    psk->prf = NULL;
    err = secret_new(&psk->pad, prf->out_len);
    if (err == 0)
        err = prf->mac->mac(prf, secret_view(&psk->key), &words, 1, psk->pad.p);
    if (err == 0)
        psk->prf = prf;
    return err;
}

int psk_prove(struct psk *psk, const struct alg *prf, struct span octets, uint8_t *out)
{
    int err = psk_pad(psk, prf);

    return err == 0 ? prf->mac->mac(prf, secret_view(&psk->pad), &octets, 1, out) : err;
}
