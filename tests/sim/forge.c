/* SPDX-License-Identifier: Apache-2.0 */
/* An attacker on the path who reads and injects: answers to IKE_SA_INIT before the peer's (RFC 7296 2.21.1), notifies without
 * protection in living SAs (2.21, 2.4), and noise that looks like a message. */
#include "net.h"
#include "wire/wire.h"
#include "world.h"

#include <string.h>

static void inject(struct world *w, const struct datagram *d, bool back, const struct ike_header *h, struct payload *payloads,
                   usec_t delay)
{
    struct buf b;

    buf_init(&b, 4096);
    msg_write(&b, h, payloads);
    net_inject(w, back ? d->dst : d->src, back ? d->src : d->dst, buf_view(&b), delay);
    buf_done(&b);
}

/* To who asked, as from who was asked: an error, a wish for another group or a cookie. */
static void forge_init(struct world *w, const struct datagram *d, const struct ike_header *asked, struct dice *dice)
{
    static const uint16_t types[] = {NO_PROPOSAL_CHOSEN, INVALID_KE_PAYLOAD, COOKIE, INVALID_SYNTAX,
                                     UNSUPPORTED_CRITICAL_PAYLOAD};
    uint16_t type = types[dice_below(dice, COUNT_OF(types))];
    uint64_t random[2] = {dice_u64(dice), dice_u64(dice)};
    uint8_t group[2] = {0, (uint8_t)(dice_chance(dice, 500) ? 14 : dice_below(dice, 40))};
    struct ike_header h = {.spi_i = asked->spi_i, .major = 2, .exchange = IKE_SA_INIT, .flags = IKE_FLAG_RESPONSE};
    struct payload_list list;
    struct arena a;

    if (type != COOKIE && type != INVALID_KE_PAYLOAD && dice_chance(dice, 500))
        h.spi_r = random[0] | 1;
    arena_init(&a, 1 << 14);
    payload_list_init(&list, &a);
    notify_add(&list, 0, SPAN_NONE, type,
               type == COOKIE               ? span_of((uint8_t *)random, 16)
               : type == INVALID_KE_PAYLOAD ? span_of(group, 2)
                                            : SPAN_NONE);
    inject(w, d, true, &h, list.first, dice_between(dice, 0, 20 * USEC_MSEC));
    arena_done(&a);
}

/* In the name of either end, in the exchange that goes on or beside it. */
static void forge_notify(struct world *w, const struct datagram *d, const struct ike_header *seen, struct dice *dice)
{
    static const uint16_t types[] = {INVALID_IKE_SPI,       INVALID_SPI,        INVALID_SYNTAX,
                                     AUTHENTICATION_FAILED, INVALID_MESSAGE_ID, INVALID_MAJOR_VERSION};
    struct ike_header h = *seen;
    bool back = dice_chance(dice, 500);
    struct payload_list list;
    struct arena a;

    h.length = 0;
    h.next = 0;
    if (back)
        h.flags ^= IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE;
    if (dice_chance(dice, 500))
        h.exchange = INFORMATIONAL;
    if (dice_chance(dice, 200))
        h.message_id += (uint32_t)dice_below(dice, 3);
    arena_init(&a, 1 << 14);
    payload_list_init(&list, &a);
    notify_add(&list, 0, SPAN_NONE, types[dice_below(dice, COUNT_OF(types))], SPAN_NONE);
    inject(w, d, back, &h, list.first, dice_between(dice, 0, 20 * USEC_MSEC));
    arena_done(&a);
}

/* The message itself with everything behind the header made of dice. */
static void forge_noise(struct world *w, const struct datagram *d, struct dice *dice)
{
    struct span ike = net_ike_part(d);
    uint8_t bytes[400];
    size_t n = ike.len < sizeof(bytes) ? ike.len : sizeof(bytes);

    memcpy(bytes, ike.p, IKE_HEADER_LEN);
    put_u32(bytes + 24, (uint32_t)n);
    for (size_t i = IKE_HEADER_LEN; i < n; i++)
        bytes[i] = (uint8_t)dice_u64(dice);
    if (n >= IKE_HEADER_LEN + 4) {
        bytes[IKE_HEADER_LEN + 1] = 0;
        put_u16(bytes + IKE_HEADER_LEN + 2, (uint16_t)(n - IKE_HEADER_LEN));
    }
    net_inject(w, d->src, d->dst, span_of(bytes, n), dice_between(dice, 0, 20 * USEC_MSEC));
}

void net_forge(struct world *w, const struct datagram *d, struct dice *dice)
{
    struct wire_error why;
    struct ike_header h;

    if (msg_read_header(net_ike_part(d), &h, &why) < 0)
        return;
    if (h.exchange == IKE_SA_INIT && !(h.flags & IKE_FLAG_RESPONSE))
        forge_init(w, d, &h, dice);
    else if (dice_chance(dice, 700))
        forge_notify(w, d, &h, dice);
    else
        forge_noise(w, d, dice);
}
