/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SK and SKF by whoever holds the keys: each record of the input becomes a payload sealed rightly around bytes of its choice, as
 * a fragment of any number of any total, of any message ID, or as a whole; what comes out must be what went in.
 *
 *     record: how (bit 0: SKF, 1: spoilt on the way, 2: response, 3: time passes, 4: a wrong pad length), message ID, number,
 *             total, inner type, length, plaintext
 */
#include "ike/ike.h"
#include "tests/sim/glass.h"

#include "driver.h"

struct record {
    uint8_t how, id, number, total, inner;
    struct span plain;
};
static const uint8_t key_bytes[64] = {7, 7, 7};

static void check(bool right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static size_t record_seal(const struct alg *a, const struct record *r, uint8_t *out)
{
    bool skf = r->how & 1;
    size_t frame = skf ? 8 : 4, at = IKE_HEADER_LEN + frame, sealed = 8 + r->plain.len + 1 + 16;

    memset(out, 0, at + 8);
    put_u64(out, 1);
    put_u64(out + 8, 2);
    out[16] = skf ? PAYLOAD_SKF : PAYLOAD_SK;
    out[17] = 0x20;
    out[18] = INFORMATIONAL;
    out[19] = r->how & 4 ? IKE_FLAG_RESPONSE : 0;
    put_u32(out + 20, r->id);
    put_u32(out + 24, (uint32_t)(at + sealed));
    out[IKE_HEADER_LEN] = r->inner;
    put_u16(out + IKE_HEADER_LEN + 2, (uint16_t)(frame + sealed));
    if (skf) {
        put_u16(out + IKE_HEADER_LEN + 4, r->number);
        put_u16(out + IKE_HEADER_LEN + 6, r->total);
    }
    if (r->plain.len)
        memcpy(out + at + 8, r->plain.p, r->plain.len);
    out[at + 8 + r->plain.len] = r->how & 16 ? r->number : 0;
    glass_icv(span_of(key_bytes, a->key_len), span_of(out + at, 8), span_of(out, at), span_of(out + at + 8, r->plain.len + 1),
              out + at + 8 + r->plain.len + 1);
    if (r->how & 2)
        out[at + r->number % sealed] ^= 1;
    return at + sealed;
}

/* A message that was opened: whole, it is the record's; of fragments, all of them fit the bounds. */
static void opened(const struct record *r, int err, struct span chain)
{
    if (err)
        return;
    check(!(r->how & 2), "opened although it was spoilt");
    check(chain.len <= MESSAGE_MAX, "larger than any message");
    if (!(r->how & (1 | 16)))
        check(span_equal(chain, r->plain), "what was sealed is not what was opened");
}

static void play(struct ike_sa *sa, const struct record *r)
{
    static uint8_t datagram[70000];
    struct span data = span_of(datagram, record_seal(sa->suite.encr, r, datagram)), chain = SPAN_NONE;
    struct ike_header h;
    struct payload *outer;
    struct wire_error why;
    struct arena arena;
    uint8_t first;

    arena_init(&arena, XCHG_ARENA_MAX);
    check(msg_read_header(data, &h, &why) == 0, "our own header");
    data = arena_copy(&arena, data);
    if (msg_read_payloads(&arena, h.next, span_part(data, IKE_HEADER_LEN, data.len), IKE_HEADER_LEN, &outer, &why) == 0)
        opened(r, seal_open(sa, &h, data, outer, &arena, &first, &chain), chain);
    arena_done(&arena);
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    static struct core core;
    struct ike_sa sa = {.core = &core, .initiator = true, .fragmentation = true, .state = IKE_UP};
    struct reader in = reader_of(span_of(data, len));

    core.now = 1000;
    sa.suite.encr = alg_by_name(&glass_registry, "aes256gcm16");
    check(sa.suite.encr && secret_set(&sa.keys.er, span_of(key_bytes, sa.suite.encr->key_len)) == 0, "keys");
    for (unsigned n = 0; n < 400 && read_left(&in) >= 7; n++) {
        struct record r = {.how = read_u8(&in), .id = read_u8(&in) % 4, .number = read_u8(&in), .total = read_u8(&in)};
        size_t size;

        r.inner = read_u8(&in);
        size = read_u16(&in);
        r.plain = read_span(&in, size < read_left(&in) ? size : read_left(&in));
        if (r.how & 8)
            core.now += FRAGMENTS_TIME / 2;
        play(&sa, &r);
        check(sa.in_request.bytes <= MESSAGE_MAX && sa.in_request.total <= FRAGMENTS_MAX, "fragments without bounds");
    }
    fragments_done(&sa.in_request);
    fragments_done(&sa.in_response);
    secret_done(&sa.keys.er);
    return 0;
}

FUZZ_MAIN(50000, "fuzz/seal")
