/* SPDX-License-Identifier: Apache-2.0 */
/* NAT detection (RFC 7296 2.23): each side sends hashes of what it believes the addresses to be; who sees others is behind a NAT
 * or faces one. Forced encapsulation sends a source hash that fits nothing. */
#include "ike/ike.h"

#include <string.h>

#define NATD_LEN 20

/* SHA-1(SPIi | SPIr | address | port), by the algorithm list's plain SHA-1 if it has one; see natd_hash(). */
static bool natd_hash(struct core *c, uint64_t spi_i, uint64_t spi_r, const struct endpoint *e, uint8_t out[NATD_LEN])
{
    uint8_t head[16] = {0}, port[2] = {0};
    struct span parts[] = {span_of(head, 16), addr_span(&e->addr), span_of(port, 2)};

    put_u64(head, spi_i);
    put_u64(head + 8, spi_r);
    put_u16(port, e->port);
    return c->natd_hash && c->natd_hash->mac->mac(c->natd_hash, SPAN_NONE, parts, 3, out) == 0;
}

static void natd_add(struct xchg *x, uint16_t type, const struct endpoint *e, bool spoil)
{
    uint8_t hash[NATD_LEN];

    /* the responder's SPI is 0 in the request as it is in the header */
    if (!natd_hash(x->core, x->sa->spi_i, x->ours ? 0 : x->sa->spi_r, e, hash)) {
        x->out.failed |= x->core->natd_hash != NULL; /* half of it would be worse than none */
        return;
    }
    if (spoil)
        hash[0] ^= 0xff;
    notify_add(&x->out, PROTOCOL_NONE, SPAN_NONE, type, arena_copy(&x->arena, span_of(hash, sizeof(hash))));
}

static bool forced(const struct xchg *x)
{
    const struct conf_connection *conn = sa_conn(x->sa);

    return conn && conn->encap == ENCAP_FORCE;
}

static bool natd_boards(const struct xchg *x)
{
    return x->ours || notify_find(x->in, NAT_DETECTION_SOURCE_IP);
}

static void natd_write(struct xchg *x)
{
    natd_add(x, NAT_DETECTION_SOURCE_IP, &x->path.local, forced(x));
    natd_add(x, NAT_DETECTION_DESTINATION_IP, &x->path.remote, false);
}

static bool natd_fits(struct xchg *x, uint16_t type, const struct endpoint *e, bool *seen)
{
    uint8_t hash[NATD_LEN];

    if (!natd_hash(x->core, x->header.spi_i, x->header.spi_r, e, hash)) {
        x->out.failed |= x->core->natd_hash != NULL; /* the ends would not agree about the NAT */
        return true;
    }
    for (const struct payload *n = payload_find(x->in, PAYLOAD_NOTIFY); n; n = payload_after(n, PAYLOAD_NOTIFY)) {
        if (n->u.notify.type != type)
            continue;
        *seen = true;
        if (span_equal(n->u.notify.data, span_of(hash, sizeof(hash))))
            return true;
    }
    return !*seen;
}

/* Who finds a NAT goes on over port 4500 on both ends (2.23); an initiator floats here, a responder follows its packets. */
static void natd_read(struct xchg *x)
{
    struct ike_sa *sa = x->sa;
    bool source = false, destination = false;

    sa->nat_remote = !natd_fits(x, NAT_DETECTION_SOURCE_IP, &x->path.remote, &source);
    sa->nat_local = !natd_fits(x, NAT_DETECTION_DESTINATION_IP, &x->path.local, &destination);
    sa->natd_seen = source && destination;
    sa->encap_forced = forced(x) && sa->natd_seen;
    if (x->ours && sa->natd_seen && (sa->nat_local || sa->nat_remote || sa->encap_forced) && !sa->path.natt) {
        sa->path.natt = true;
        sa->path.local.port = x->core->conf->port_natt ? x->core->conf->port_natt : 4500;
        sa->path.remote.port = 4500;
    }
}

extern const struct rider rider_natd;
const struct rider rider_natd = {"NAT detection", natd_boards, natd_write, natd_read};
