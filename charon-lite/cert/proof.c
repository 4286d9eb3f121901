/* SPDX-License-Identifier: Apache-2.0 */
#include "cert/proof.h"

enum { HEADER_LEN = 28, EXCHANGE_SA_INIT = 34, FLAG_INITIATOR = 0x08, FLAG_RESPONSE = 0x20 };
enum { NONCE_MIN = 16, NONCE_MAX = 256 }; /* RFC 7296 2.10 */

/* RFC 7296 3.1: version 2.x, IKE_SA_INIT, the flags of its sender's role, message ID 0, the length it says it has. */
static bool is_sa_init(struct span m, bool by_initiator)
{
    uint8_t want = by_initiator ? FLAG_INITIATOR : FLAG_RESPONSE;

    return m.len >= HEADER_LEN && m.len <= PROOF_MESSAGE_MAX && m.p[17] >> 4 == 2 && m.p[18] == EXCHANGE_SA_INIT &&
           (m.p[19] & (FLAG_INITIATOR | FLAG_RESPONSE)) == want && get_u32(m.p + 20) == 0 && get_u32(m.p + 24) == m.len;
}

static int maced_id(const struct ask_auth *a, const struct id *id, uint8_t out[PROOF_PRF_MAX])
{
    uint8_t head[4] = {id->type, 0, 0, 0};
    const struct span parts[] = {span_of(head, sizeof(head)), id->data};

    if (!a->prf || !a->prf->mac || a->prf->out_len == 0 || a->prf->out_len > PROOF_PRF_MAX || a->sk_p.len == 0)
        return ERR_REFUSED;
    return a->prf->mac->mac(a->prf, a->sk_p, parts, COUNT_OF(parts), out);
}

int proof_octets(const struct ask_auth *a, bool by_initiator, const struct id *id, struct buf *out)
{
    uint8_t maced[PROOF_PRF_MAX];
    int err;

    buf_init(out, PROOF_MESSAGE_MAX + NONCE_MAX + PROOF_PRF_MAX);
    if (!is_sa_init(a->message, by_initiator) || a->nonce.len < NONCE_MIN || a->nonce.len > NONCE_MAX)
        return ERR_REFUSED;
    if (id->data.len > ID_DATA_MAX)
        return ERR_LIMIT;
    err = maced_id(a, id, maced);
    if (err != 0)
        return err;
    buf_span(out, a->message);
    buf_span(out, a->nonce);
    buf_bytes(out, maced, a->prf->out_len);
    secret_wipe(maced, sizeof(maced));
    return out->failed ? ERR_MEMORY : 0;
}
