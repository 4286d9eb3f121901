/* SPDX-License-Identifier: Apache-2.0 */
/* The message of a cell of the state matrix. */
#include "matrix.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t exchanges[] = {
#define EXCHANGE(name, exchange, ways) exchange,
    KINDS(EXCHANGE)
#undef EXCHANGE
};
static const uint8_t ways[] = {
#define WAYS(name, exchange, may) may,
    KINDS(WAYS)
#undef WAYS
};

bool kind_has(enum kind kind, enum way_of way)
{
    return ways[kind] & 1u << way;
}

/* Refusals are of the exchange that the gate has begun. */
static uint8_t exchange_of(const struct bench *b)
{
    return exchanges[b->cell->kind] ? exchanges[b->cell->kind] : b->own ? b->own->h.exchange : INFORMATIONAL;
}

/* --- the header ----------------------------------------------------------------------------------------------------------------
 */

static uint32_t id_of(const struct bench *b, enum id_is id)
{
    uint32_t due = b->cell->spi == SPI_NEW ? 0 : b->due[b->cell->way];

    switch (id) {
    case ID_IS_NOW:
        return due;
    case ID_IS_M1:
        return due - 1;
    case ID_IS_M2:
        return due - 2;
    case ID_IS_P1:
        return due + 1;
    case ID_IS_P2:
        return due + 2;
    case ID_IS_ZERO:
        return 0;
    default:
        return UINT32_MAX;
    }
}

uint32_t cell_id(const struct bench *b)
{
    return id_of(b, b->cell->id);
}

static const struct bench *spoiling; /* the puppet's hook has no context */

static void spoil(struct ike_header *h)
{
    const struct cell *c = spoiling->cell;
    uint64_t other = h->spi_i * 3 + 0x1234567; /* of nobody */
    bool from_initiator = h->flags & IKE_FLAG_INITIATOR;

    h->major = c->version == VERSION_V1_0 ? 1 : c->version == VERSION_V3_0 ? 3 : 2;
    h->minor = c->version == VERSION_V2_7 ? 7 : 0;
    if (c->spi == SPI_NEW) {
        if (c->kind != KIND_INIT)
            h->spi_i = other;
        h->spi_r = 0;
        h->flags |= IKE_FLAG_INITIATOR;
    } else if (c->spi == SPI_HALF) {
        *(from_initiator ? &h->spi_i : &h->spi_r) = other;
    } else if (c->spi == SPI_STRANGE) {
        *(from_initiator ? &h->spi_r : &h->spi_i) = other;
    }
    if (c->flag == FLAG_WRONG)
        h->flags ^= IKE_FLAG_INITIATOR;
}

/* --- payloads ------------------------------------------------------------------------------------------------------------------
 */

/* Values that belong to no SA of the puppet. */
static void say_scratch_ke(struct puppet *p)
{
    static struct pupil unused;

    say_ke(p, &unused, group(p, "x25519"));
    secret_done(&unused.ke_private);
}

static void say_first(struct bench *b)
{
    struct puppet *p = b->p;

    if (b->cell->way == WAY_REQUEST && b->cell->spi == SPI_NEW) {
        say_init(p);
        b->fresh = p->ike;
    } else if (b->cell->way == WAY_RESPONSE && b->own && b->own->h.exchange == IKE_SA_INIT && b->cell->spi == SPI_OWN) {
        say_init_answer(p, b->own);
        b->fresh = p->ike;
    } else {
        say_sa(p, PROTOCOL_IKE, p->words, 0, 0);
        say_scratch_ke(p);
        say_nonce(p, 32);
    }
}

static void say_proof(struct bench *b)
{
    struct puppet *p = b->p;
    struct payload *x;

    if (p->ike->init_ours.len && p->ike->nr.p) {
        say_psk(p);
        x = find_out(p, PAYLOAD_AUTH);
    } else {
        x = say_raw(p, PAYLOAD_AUTH, "\2\0\0\0abcdefghijklmnopqrstuvwxyz012345", 36);
    }
    if (b->cell->kind == KIND_AUTH_BAD && !x->body.p)
        ((uint8_t *)(uintptr_t)x->u.auth.data.p)[7] ^= 1;
}

/* Selectors as the gate names them in its own request, or ours. */
static void say_selectors(struct bench *b)
{
    struct puppet *p = b->p;
    bool answer = b->cell->way == WAY_RESPONSE;
    bool two = b->cell->stage == STAGE_UP_CREATE || b->cell->stage == STAGE_UP_TAKING;

    if (answer) {
        say_ts(p, PAYLOAD_TSI, two ? "10.10.0.0/16" : p->remote);
        say_ts(p, PAYLOAD_TSR, two ? "10.11.0.0/16" : p->local);
    } else {
        say_ts(p, PAYLOAD_TSI, p->local);
        say_ts(p, PAYLOAD_TSR, p->remote);
    }
}

static void say_esp(struct bench *b)
{
    struct puppet *p = b->p;

    p->spi_in = p->next_spi++;
    say_sa(p, PROTOCOL_ESP, b->cell->way == WAY_REQUEST ? "aes256gcm16" : "aes256gcm16-noesn", p->spi_in, 4);
}

static void say_who(struct bench *b)
{
    say_id(b->p, b->p->ike->initiator ? PAYLOAD_IDI : PAYLOAD_IDR, ID_FQDN, b->p->id);
    say_proof(b);
    say_esp(b);
    say_selectors(b);
}

static void say_new_child(struct bench *b)
{
    if (b->cell->kind == KIND_REKEY_CHILD)
        say_notify_spi(b->p, REKEY_SA, PROTOCOL_ESP, b->child_in);
    say_esp(b);
    say_nonce(b->p, 32);
    say_selectors(b);
}

static void say_new_ike(struct bench *b)
{
    struct puppet *p = b->p;
    bool matches = b->own && b->own->h.exchange == CREATE_CHILD_SA && b->cell->stage == STAGE_UP_REKEY_IKE;

    if (b->cell->way == WAY_RESPONSE && matches)
        say_rekey_ike_answer(p, b->own);
    else if (b->cell->way == WAY_REQUEST)
        say_rekey_ike(p, p->words);
    else {
        say_sa(p, PROTOCOL_IKE, p->words, dice_u64(&p->dice), 8);
        say_nonce(p, 32);
        say_scratch_ke(p);
    }
}

static void say_group(struct puppet *p)
{
    uint8_t modp2048[2] = {0, 14};

    say_notify(p, INVALID_KE_PAYLOAD, modp2048, 2);
}

static void say_kind(struct bench *b)
{
    struct puppet *p = b->p;
    bool auth = exchange_of(b) == IKE_AUTH;

    switch (b->cell->kind) {
    case KIND_INIT:
    case KIND_RESUME:
    case KIND_V1_MAIN:
        say_first(b);
        return;
    case KIND_AUTH:
    case KIND_AUTH_BAD:
    case KIND_V1_AGGRESSIVE:
        say_who(b);
        return;
    case KIND_CHILD:
    case KIND_REKEY_CHILD:
    case KIND_V1_QUICK:
    case KIND_UNKNOWN:
        say_new_child(b);
        return;
    case KIND_REKEY_IKE:
        say_new_ike(b);
        return;
    case KIND_DELETE_CHILD:
        say_delete(p, PROTOCOL_ESP, &b->child_in, 1);
        return;
    case KIND_DELETE_IKE:
    case KIND_V1_INFO:
        say_delete(p, PROTOCOL_IKE, NULL, 0);
        return;
    case KIND_STATUS:
    case KIND_INTERMEDIATE:
        say_notify(p, 40000, "what", 4);
        return;
    case KIND_HINT:
        say_notify(p, INVALID_IKE_SPI, NULL, 0);
        return;
    case KIND_ERROR:
        say_notify(p, AUTHENTICATION_FAILED, NULL, 0);
        return;
    case KIND_COOKIE:
        say_notify(p, COOKIE, "0123456789", 10);
        return;
    case KIND_OTHER_GROUP:
        say_group(p);
        return;
    case KIND_REFUSE:
        say_notify(p, auth ? AUTHENTICATION_FAILED : NO_PROPOSAL_CHOSEN, NULL, 0);
        return;
    case KIND_TEMPORARY:
        say_notify(p, TEMPORARY_FAILURE, NULL, 0);
        return;
    case KIND_SYNTAX:
        say_notify(p, INVALID_SYNTAX, NULL, 0);
        return;
    default:
        return;
    }
}

/* --- faults --------------------------------------------------------------------------------------------------------------------
 */

static const uint8_t faulty[FAULT_COUNT] = {
    [FAULT_DROP_SA] = PAYLOAD_SA,           [FAULT_DROP_KE] = PAYLOAD_KE,         [FAULT_DROP_ID] = PAYLOAD_IDI,
    [FAULT_DROP_AUTH] = PAYLOAD_AUTH,       [FAULT_DROP_NONCE] = PAYLOAD_NONCE,   [FAULT_DROP_NOTIFY] = PAYLOAD_NOTIFY,
    [FAULT_DROP_DELETE] = PAYLOAD_DELETE,   [FAULT_DROP_TSI] = PAYLOAD_TSI,       [FAULT_DROP_TSR] = PAYLOAD_TSR,
    [FAULT_DOUBLE_SA] = PAYLOAD_SA,         [FAULT_DOUBLE_KE] = PAYLOAD_KE,       [FAULT_DOUBLE_ID] = PAYLOAD_IDI,
    [FAULT_DOUBLE_AUTH] = PAYLOAD_AUTH,     [FAULT_DOUBLE_NONCE] = PAYLOAD_NONCE, [FAULT_DOUBLE_NOTIFY] = PAYLOAD_NOTIFY,
    [FAULT_DOUBLE_DELETE] = PAYLOAD_DELETE, [FAULT_DOUBLE_TSI] = PAYLOAD_TSI,     [FAULT_DOUBLE_TSR] = PAYLOAD_TSR,
};

static struct payload *said_of(struct puppet *p, uint8_t type)
{
    struct payload *x = find_out(p, type);

    return !x && type == PAYLOAD_IDI ? find_out(p, PAYLOAD_IDR) : x;
}

static void reverse(struct puppet *p)
{
    struct payload *list = NULL, *next;

    for (struct payload *x = p->out.first; x; x = next) {
        next = x->next;
        x->next = list;
        list = x;
    }
    p->out.first = list;
    for (p->out.end = &p->out.first; *p->out.end;)
        p->out.end = &(*p->out.end)->next;
}

static void make_faulty(struct bench *b)
{
    struct puppet *p = b->p;
    enum flaw f = b->cell->fault;
    struct payload *x = said_of(p, faulty[f]), *twin;

    if (f >= FAULT_DROP_SA && f <= FAULT_DROP_TSR) {
        unsay(p, x->type);
    } else if (f >= FAULT_DOUBLE_SA && f <= FAULT_DOUBLE_TSR) {
        twin = arena_new(&p->arena, struct payload);
        *twin = *x; /* right behind the first */
        x->next = twin;
    } else if (f == FAULT_UNKNOWN || f == FAULT_CRITICAL) {
        say_raw(p, 201, "who knows", 9)->critical = f == FAULT_CRITICAL;
    } else if (f == FAULT_CRITICAL_KNOWN) {
        for (x = p->out.first; x; x = x->next)
            x->critical = true;
    } else if (f == FAULT_REVERSED) {
        reverse(p);
    }
}

/* --- which there are -----------------------------------------------------------------------------------------------------------
 */

/* Message IDs that are another's on the axis are no cells of their own. */
static bool id_exists(const struct bench *b)
{
    for (enum id_is i = ID_IS_NOW; i < b->cell->id; i++)
        if (id_of(b, i) == cell_id(b))
            return false;
    return true;
}

static bool fault_exists(struct bench *b)
{
    enum flaw f = b->cell->fault;
    bool exists;

    if (f == FAULT_NONE || f == FAULT_UNKNOWN || f == FAULT_CRITICAL)
        return true;
    say(b->p);
    b->p->ike = b->target;
    say_kind(b);
    if (faulty[f])
        exists = said_of(b->p, faulty[f]);
    else if (f == FAULT_REVERSED)
        exists = b->p->out.first && b->p->out.first->next;
    else
        exists = b->p->out.first;
    return exists;
}

bool cell_exists(struct bench *b)
{
    const struct cell *c = b->cell;

    if (!kind_has(c->kind, c->way) || (c->spi == SPI_HALF && c->stage < STAGE_KEYED))
        return false; /* before there are keys, the other SPI may be any */
    if (c->kind == KIND_AGAIN)
        return b->last.len > 0;
    if ((c->kind == KIND_REFUSE || c->kind == KIND_TEMPORARY || c->kind == KIND_SYNTAX) && !b->own)
        return false;
    if (c->seal != SEAL_CLEAR && c->seal != SEAL_WRONGKEY && (!b->keys || c->spi == SPI_NEW))
        return false;
    return id_exists(b) && fault_exists(b);
}

/* --- sending -------------------------------------------------------------------------------------------------------------------
 */

/* The same SA with other keys. */
static struct pupil *other_keys(const struct bench *b, struct pupil *room)
{
    *room = *b->p->ike;
    room->suite.encr = alg_by_name(b->p->w->algs, "aes256gcm16");
    room->keys = (struct ike_keys){0};
    if (secret_new(&room->keys.ei, room->suite.encr->key_len) < 0 || secret_new(&room->keys.er, room->suite.encr->key_len) < 0)
        abort();
    memset(room->keys.ei.p, 0x5a, room->keys.ei.len);
    memset(room->keys.er.p, 0xa5, room->keys.er.len);
    return room;
}

static void send_fragments(struct bench *b, uint8_t exchange, uint32_t id, bool response)
{
    struct puppet *p = b->p;
    struct span parts[64];
    size_t n;

    say_raw(p, PAYLOAD_VENDOR, "so that there is something to cut", 33);
    n = fragments_make(p, exchange, id, response, 32, parts, COUNT_OF(parts));
    for (size_t i = 0; i + (b->cell->seal == SEAL_FRAGPART) < n; i++) {
        if (b->cell->seal == SEAL_FRAGBAD)
            ((uint8_t *)(uintptr_t)parts[i].p)[parts[i].len - 1] ^= 1;
        send_bytes(p, parts[i]);
        b->datagrams = i + 1;
    }
}

static void send_sealed(struct bench *b, uint8_t exchange, uint32_t id, bool response)
{
    struct puppet *p = b->p;
    struct span bytes = message_sealed(p, exchange, id, response);

    if (b->cell->seal == SEAL_BADICV)
        ((uint8_t *)(uintptr_t)bytes.p)[bytes.len - 1] ^= 1;
    send_bytes(p, bytes);
}

static void send_it(struct bench *b)
{
    bool response = b->cell->way == WAY_RESPONSE;
    uint8_t exchange = exchange_of(b);
    struct puppet *p = b->p;
    uint32_t id = cell_id(b);
    struct pupil other, *ike = p->ike;

    switch (b->cell->seal) {
    case SEAL_CLEAR:
        if (b->fresh && exchange == IKE_SA_INIT)
            send_bytes(p, message_make(p, exchange, id, response)); /* its bytes go into the proof */
        else
            send_bytes(p, message_clear(p, exchange, id, response));
        return;
    case SEAL_WRONGKEY:
        p->ike = other_keys(b, &other);
        send_sealed(b, exchange, id, response);
        p->ike = ike;
        ike_keys_done(&other.keys);
        return;
    case SEAL_FRAGS:
    case SEAL_FRAGBAD:
    case SEAL_FRAGPART:
        send_fragments(b, exchange, id, response);
        return;
    default:
        send_sealed(b, exchange, id, response);
    }
}

void cell_say(struct bench *b)
{
    struct puppet *p = b->p;

    b->datagrams = 1;
    if (b->cell->kind == KIND_AGAIN) {
        send_bytes(p, b->last);
        return;
    }
    p->ike = b->target;
    b->fresh = NULL;
    say(p);
    say_kind(b);
    make_faulty(b);
    spoiling = b;
    p->spoil = spoil;
    send_it(b);
    p->spoil = NULL;
    if (b->fresh)
        b->fresh->next_ours = 1;
}
