/* SPDX-License-Identifier: Apache-2.0 */
/* Small extensions of a notify or two that ride in IKE_SA_INIT: RFC 7383 2.3 (fragmentation), RFC 7427 4 (hash algorithms), RFC
 * 7296 3.7 (a responder's CERTREQ). */
#include "ike/ike.h"

/* --- IKEV2_FRAGMENTATION_SUPPORTED --------------------------------------------------------------------------------------------
 */

static const struct conf_connection *conn_of(const struct xchg *x)
{
    return sa_conn(x->sa);
}

/* A responder announces it only to who has announced it (RFC 7383 2.3). */
static bool fragmentation_boards(const struct xchg *x)
{
    const struct conf_connection *conn = conn_of(x);

    return (!conn || conn->fragmentation) && (x->ours || notify_find(x->in, IKEV2_FRAGMENTATION_SUPPORTED));
}

static void fragmentation_write(struct xchg *x)
{
    notify_add(&x->out, PROTOCOL_NONE, SPAN_NONE, IKEV2_FRAGMENTATION_SUPPORTED, SPAN_NONE);
}

static void fragmentation_read(struct xchg *x)
{
    const struct conf_connection *conn = conn_of(x);

    x->sa->fragmentation = (!conn || conn->fragmentation) && notify_find(x->in, IKEV2_FRAGMENTATION_SUPPORTED);
}

extern const struct rider rider_fragmentation;
const struct rider rider_fragmentation = {"fragmentation", fragmentation_boards, fragmentation_write, fragmentation_read};

/* --- SIGNATURE_HASH_ALGORITHMS
 * -------------------------------------------------------------------------------------------------- */

#define HASHES_OURS 4
static const uint8_t hashes_ours[2 * HASHES_OURS] = {0, 2, 0, 3, 0, 4, 0, 5}; /* SHA2-256, -384, -512, identity (RFC 8420) */

static void hashes_write(struct xchg *x)
{
    notify_add(&x->out, PROTOCOL_NONE, SPAN_NONE, SIGNATURE_HASH_ALGORITHMS, span_of(hashes_ours, sizeof(hashes_ours)));
}

static bool hashes_board(const struct xchg *x)
{
    return x->ours || notify_find(x->in, SIGNATURE_HASH_ALGORITHMS);
}

uint16_t auth_hashes_read(const struct payload *in)
{
    const struct payload *n = notify_find(in, SIGNATURE_HASH_ALGORITHMS);
    struct reader r = reader_of(n ? n->u.notify.data : SPAN_NONE);
    uint16_t bits = 0;

    while (read_left(&r) >= 2) {
        uint16_t hash = read_u16(&r);

        if (hash < 16)
            bits |= (uint16_t)(1u << hash);
    }
    return bits;
}

static void hashes_read(struct xchg *x)
{
    x->sa->start->hashes = auth_hashes_read(x->in);
}

extern const struct rider rider_hashes;
const struct rider rider_hashes = {"signature hash algorithms", hashes_board, hashes_write, hashes_read};

/* --- CERTREQ of a responder: the authorities that it takes certificates of
 * ------------------------------------------------------------- */

static bool certreq_boards(const struct xchg *x)
{
    const struct conf_connection *conn = conn_of(x);

    return !x->ours && conn && conn->remote.ca_hashes.len;
}

static void certreq_write(struct xchg *x)
{
    struct payload *p = payload_add(&x->out, PAYLOAD_CERTREQ);

    if (!p)
        return;
    p->u.cert.encoding = CERT_X509_SIGNATURE;
    p->u.cert.data = conn_of(x)->remote.ca_hashes;
}

/* Without memory for them we answer as if nothing had been asked. */
static void certreq_read(struct xchg *x)
{
    if (x->ours && cert_requests_read(x->in, &x->sa->start->cert_requests) < 0)
        secret_done(&x->sa->start->cert_requests);
}

extern const struct rider rider_certreq;
const struct rider rider_certreq = {"certificate request", certreq_boards, certreq_write, certreq_read};
