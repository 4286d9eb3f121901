/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SK and SKF by whoever holds the keys: each record of the input becomes a payload sealed rightly around bytes of its choice, as
 * a fragment of any number of any total, of any message ID, or as a whole; what comes out must be what went in.
 *
 *     record: how (bit 0: SKF, 1: spoilt on the way, 2: response, 3: time passes, 4: a wrong pad length, 5: CBC with a MAC,
 *             6: sealed by the daemon itself, which may cut it in fragments, 7: too short), message ID, number, total, inner
 * type, length, plaintext
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

static size_t icv_put(const struct suite *s, uint8_t *datagram, size_t aad, size_t iv, size_t plain)
{
    struct span all = span_of(datagram, aad + iv + plain);

    if (s->integ)
        check(s->integ->mac->mac(s->integ, span_of(key_bytes, s->integ->key_len), &all, 1, datagram + all.len) == 0, "a MAC");
    else
        glass_icv(span_of(key_bytes, s->encr->key_len), span_of(datagram + aad, iv), span_of(datagram, aad),
                  span_of(datagram + aad + iv, plain), datagram + all.len);
    return all.len + 16;
}

static size_t record_seal(const struct suite *s, const struct record *r, uint8_t *out)
{
    size_t at = IKE_HEADER_LEN + (r->how & 1 ? 8 : 4), iv = s->encr->iv_len, len;
    size_t block = r->how & 16 ? 1 : s->encr->block_len, plain = (r->plain.len + 1 + block - 1) / block * block;

    memset(out, 0, at + iv + plain);
    put_u64(out, 1);
    put_u64(out + 8, 2);
    out[16] = r->how & 1 ? PAYLOAD_SKF : PAYLOAD_SK;
    out[17] = 0x20;
    out[18] = INFORMATIONAL;
    out[19] = r->how & 4 ? IKE_FLAG_RESPONSE : 0;
    put_u32(out + 20, r->id);
    out[IKE_HEADER_LEN] = r->inner;
    if (r->how & 1) {
        put_u16(out + IKE_HEADER_LEN + 4, r->number);
        put_u16(out + IKE_HEADER_LEN + 6, r->total);
    }
    if (r->plain.len)
        memcpy(out + at + iv, r->plain.p, r->plain.len);
    len = r->how & 128 ? at + r->number : at + iv + plain + 16;
    put_u32(out + 24, (uint32_t)len);
    put_u16(out + IKE_HEADER_LEN + 2, (uint16_t)(len - IKE_HEADER_LEN));
    out[at + iv + plain - 1] = r->how & 16 ? r->number : (uint8_t)(plain - r->plain.len - 1);
    icv_put(s, out, at, iv, plain);
    if (r->how & 2)
        out[at + r->number % (len - at ? len - at : 1)] ^= 1;
    return len;
}

/* A message that was opened: whole, it is the record's; of fragments, all of them fit the bounds. */
static void opened(const struct record *r, int err, struct span chain)
{
    if (err)
        return;
    check(!(r->how & 2), "opened although it was spoilt");
    check(chain.len <= MESSAGE_MAX, "larger than any message");
    if (!(r->how & (1 | 16 | 128)))
        check(span_equal(chain, r->plain), "what was sealed is not what was opened");
}

static void play(struct ike_sa *sa, const struct record *r)
{
    static uint8_t datagram[70000];
    struct span data = span_of(datagram, record_seal(sa->suite, r, datagram)), chain = SPAN_NONE;
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

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 0x5a, len);
}

static void suite_set(struct ike_sa *sa, bool mac)
{
    static struct suite suite;
    size_t encr, integ;

    suite.encr = alg_by_name(&glass_registry, mac ? "aes256" : "aes256gcm16");
    suite.integ = mac ? alg_by_name(&glass_registry, "sha256") : NULL;
    sa->suite = &suite;
    encr = suite.encr->key_len;
    integ = mac ? suite.integ->key_len : 0;
    check(secret_new(&sa->keys, 2 * (encr + integ)) == 0, "keys");
    for (size_t at = 0, len = integ; at < sa->keys.len; at += len) { /* ai, ar, ei, er: of both directions the same */
        len = at < 2 * integ ? integ : encr;
        memcpy(sa->keys.p + at, key_bytes, len);
    }
}

/* What the daemon seals, it opens, whole or in fragments. The message ID is one that no record has: of the same message,
 * fragments that came before are rightly part of it, or make it old news (RFC 7383 2.6). */
static void round_trip(struct ike_sa *sa, const struct record *r)
{
    struct ike_header h = {
        .spi_i = 1, .spi_r = 2, .major = 2, .exchange = INFORMATIONAL, .flags = IKE_FLAG_INITIATOR, .message_id = 4};
    struct payload vendor = {.type = PAYLOAD_VENDOR, .u.vendor = r->plain};
    struct packets out = {.bytes = {.max = 0}};
    struct reader in;
    struct arena arena;
    int err = ERR_AGAIN;

    static struct conf_connection conn = {.fragment_size = 576};
    static struct peer peer = {.conn = &conn};

    sa->peer = r->inner & 1 ? &peer : NULL;
    sa->fragmentation = r->total != 0;
    sa->path.remote.addr = addr_v4(192, 0, 2, 2);
    if (seal_message(sa, &h, &vendor, &out) == 0) {
        in = reader_of(buf_view(&out.bytes));
        arena_init(&arena, XCHG_ARENA_MAX);
        sa->initiator = false;
        while (read_left(&in) > 2) {
            struct span data = read_span(&in, read_u16(&in)), chain = SPAN_NONE;
            struct payload *outer;
            uint8_t first;

            check(msg_read_header(data, &h, NULL) == 0 &&
                      msg_read_payloads(&arena, h.next, span_part(data, IKE_HEADER_LEN, data.len), IKE_HEADER_LEN, &outer,
                                        NULL) == 0,
                  "what was sealed cannot be read");
            err = seal_open(sa, &h, data, outer, &arena, &first, &chain);
            check(err || (first == PAYLOAD_VENDOR && span_equal(span_part(chain, 4, chain.len), r->plain)), "another came out");
        }
        check(err == 0, "what was sealed does not open");
        sa->initiator = true;
        arena_done(&arena);
    }
    packets_done(&out);
    sa->peer = NULL;
    sa->fragmentation = true;
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    static struct core core;
    struct xchg ours = {.ours = true};
    struct ike_sa sa = {.core = &core, .initiator = true, .fragmentation = true, .state = IKE_UP, .ours = &ours};
    struct reader in = reader_of(span_of(data, len));

    core.now = 1000;
    core.rng = (struct rng){fill, NULL};
    for (unsigned n = 0; n < 400 && read_left(&in) >= 7; n++) {
        struct record r = {.how = read_u8(&in), .id = read_u8(&in) % 4, .number = read_u8(&in), .total = read_u8(&in)};
        size_t size;

        r.inner = read_u8(&in);
        size = read_u16(&in);
        r.plain = read_span(&in, size < read_left(&in) ? size : read_left(&in));
        if (r.how & 8)
            core.now += FRAGMENTS_TIME / 2;
        suite_set(&sa, r.how & 32);
        if (r.how & 64)
            round_trip(&sa, &r);
        else
            play(&sa, &r);
        check(!sa.in_request || (sa.in_request->bytes <= MESSAGE_MAX && sa.in_request->total <= FRAGMENTS_MAX),
              "fragments without bounds");
    }
    fragments_free(&sa.in_request);
    fragments_done(&ours.in_response);
    secret_done(&sa.keys);
    return 0;
}

FUZZ_MAIN(50000, "fuzz/seal")
