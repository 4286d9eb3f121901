/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: what is accepted, what is refused and where, and that no length is believed. */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One reading: a chain in memory of exactly its size, so that a read past it is seen by the sanitizer. */
struct reading {
    struct arena arena;
    uint8_t *bytes;
    struct payload *list;
    struct wire_error why;
    int err;
};

static struct reading read_bytes(uint8_t first, const uint8_t *bytes, size_t len)
{
    struct reading r = {0};

    arena_init(&r.arena, 1 << 20);
    r.bytes = malloc(len ? len : 1);
    assert_non_null(r.bytes);
    memcpy(r.bytes, bytes, len);
    r.err = msg_read_payloads(&r.arena, first, span_of(r.bytes, len), IKE_HEADER_LEN, &r.list, &r.why);
    if (r.err) {
        assert_true(r.why.offset <= IKE_HEADER_LEN + len);
        assert_int_not_equal(r.why.text[0], 0);
    }
    return r;
}

static struct reading read_hex(uint8_t first, const char *hex)
{
    uint8_t bytes[4096];
    int len = hex_parse(hex, bytes, sizeof(bytes));

    assert_true(len >= 0);
    return read_bytes(first, bytes, (size_t)len);
}

static void reading_done(struct reading *r)
{
    arena_done(&r->arena);
    free(r->bytes);
}

static void expect_err(uint8_t first, const char *hex, int err, size_t offset)
{
    struct reading r = read_hex(first, hex);

    if (r.err != err || r.why.offset != offset)
        print_message("%s: error %d at %zu: %s\n", hex, r.err, r.why.offset, r.why.text);
    assert_int_equal(r.err, err);
    assert_int_equal(r.why.offset, offset);
    reading_done(&r);
}

/* What is read, written again. */
static void rewrite(const struct payload *list, struct buf *b)
{
    buf_init(b, IKE_DATAGRAM_MAX);
    msg_write_payloads(b, list);
    assert_false(b->failed);
}

/* One sound payload of each family, alone in its chain. `rigid`: no other length of the body is sound. */
static const struct sample {
    uint8_t type;
    bool rigid;
    const char *hex;
} samples[] = {
    /* two proposals, 3 and 9; AES-CBC with a key length; SPI of 8 bytes in the second */
    {PAYLOAD_SA, true,
     "0000 0048 0200 0018 0301 0002 0300 0008 0100 0014 0000 0008 0400 001f"
     "0000 002c 0901 0803 1122334455667788 0300 000c 0100 000c 800e 0100 0300 0008 0300 000c 0000 0008 0400 000e"},
    {PAYLOAD_KE, false, "0000 0010 001f 0000 0102030405060708"},
    {PAYLOAD_IDI, true, "0000 000c 0100 0000 c0000201"},
    {PAYLOAD_IDR, false, "0000 000e 0200 0000 67772e61 6263"},
    {PAYLOAD_CERT, false, "0000 0008 04 010203"},
    {PAYLOAD_CERTREQ, false, "0000 0019 04 0102030405060708090a0b0c0d0e0f1011121314"},
    {PAYLOAD_AUTH, false, "0000 000c 0200 0000 01020304"},
    {PAYLOAD_NONCE, false, "0000 0018 000102030405060708090a0b0c0d0e0f10111213"},
    {PAYLOAD_NOTIFY, false, "0000 000e 0304 4009 11223344 9988"},
    {PAYLOAD_DELETE, true, "0000 0010 0304 0002 11223344 55667788"},
    {PAYLOAD_VENDOR, false, "0000 0008 61626364"},
    {PAYLOAD_TSI, true, "0000 0018 0100 0000 0706 0010 0016 0016 0a010000 0a01ffff"},
    {PAYLOAD_TSR, true,
     "0000 0040 0200 0000 0700 0010 0000 ffff 0a010000 0a01ffff"
     "0800 0028 0000 ffff 20010db8000000000000000000000000 20010db80000ffffffffffffffffffff"},
    {PAYLOAD_SK, false, "2100 0010 000102030405060708090a0b"},
    {PAYLOAD_SKF, false, "2100 0010 0001 0002 0405060708090a0b"},
    {PAYLOAD_CP, true, "0000 0014 0100 0000 0001 0004 0a000001 0003 0000"},
    {PAYLOAD_EAP, false, "0000 0009 0101 0005 01"},
    {PAYLOAD_CP + 2, false, "0000 0008 01020304"}, /* 49: not ours, not critical */
};

static size_t sample_bytes(const struct sample *s, uint8_t out[512])
{
    int len = hex_parse(s->hex, out, 512);

    assert_true(len > 4);
    return (size_t)len;
}

static void samples_survive_a_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct reading r = read_hex(samples[i].type, samples[i].hex);
        uint8_t bytes[512];
        size_t len = sample_bytes(&samples[i], bytes);
        struct buf b;

        assert_int_equal(r.err, 0);
        assert_int_equal(r.list->type, samples[i].type);
        assert_int_equal(r.list->offset, IKE_HEADER_LEN);
        rewrite(r.list, &b);
        assert_int_equal(b.len, len);
        assert_memory_equal(b.p, bytes, len);
        buf_done(&b);
        reading_done(&r);
    }
}

static void every_truncation_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        uint8_t bytes[512];
        size_t len = sample_bytes(&samples[i], bytes);

        for (size_t cut = 0; cut < len; cut++) {
            struct reading r = read_bytes(samples[i].type, bytes, cut);

            assert_int_equal(r.err, ERR_SHORT);
            reading_done(&r);
        }
    }
}

/* The body is cut and the payload length follows it: the payload's own structure must notice. */
static void every_short_body_is_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        uint8_t bytes[512];
        size_t len = sample_bytes(&samples[i], bytes);

        for (size_t cut = 4; cut < len; cut++) {
            struct reading r;

            put_u16(bytes + 2, (uint16_t)cut);
            r = read_bytes(samples[i].type, bytes, cut);
            if (samples[i].rigid && !(samples[i].type == PAYLOAD_CP && (cut == 8 || cut == 16)))
                assert_int_not_equal(r.err, 0);
            if (!r.err) {
                struct buf b;

                rewrite(r.list, &b);
                assert_int_equal(b.len, cut);
                assert_memory_equal(b.p, bytes, cut);
                buf_done(&b);
            }
            reading_done(&r);
        }
    }
}

static void every_wrong_payload_length_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        uint8_t bytes[512];
        size_t len = sample_bytes(&samples[i], bytes);

        for (unsigned value = 0; value <= UINT16_MAX; value += value < 600 ? 1 : 997) {
            struct reading r;

            if (value == len)
                continue;
            put_u16(bytes + 2, (uint16_t)value);
            r = read_bytes(samples[i].type, bytes, len);
            assert_int_not_equal(r.err, 0);
            reading_done(&r);
        }
    }
}

/* Each byte to each value: whatever is still accepted is written and read again to the same bytes. */
static void every_byte_to_every_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        uint8_t bytes[512];
        size_t len = sample_bytes(&samples[i], bytes);

        for (size_t at = 0; at < len * 256; at++) {
            uint8_t saved = bytes[at / 256];
            struct reading r, again;
            struct buf b, c;

            bytes[at / 256] = (uint8_t)at;
            r = read_bytes(samples[i].type, bytes, len);
            bytes[at / 256] = saved;
            if (!r.err) {
                rewrite(r.list, &b);
                again = read_bytes(samples[i].type, b.p, b.len);
                /* an SA whose proposals were all left out, nothing left to write */
                if (samples[i].type != PAYLOAD_SA || r.list->u.sa.n > 0) {
                    assert_int_equal(again.err, 0);
                    rewrite(again.list, &c);
                    assert_true(span_equal(buf_view(&b), buf_view(&c)));
                    buf_done(&c);
                }
                reading_done(&again);
                buf_done(&b);
            }
            reading_done(&r);
        }
    }
}

static void header_is_checked(void **state)
{
    uint8_t bytes[40] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0, 0, 0, 0, 0, 0,
                         0,    1,    33,   0x21, 34,   8,    0,    0,    0, 7, 0, 0, 0, 32};
    struct ike_header h;
    struct wire_error why;

    (void)state;
    for (size_t len = 0; len < IKE_HEADER_LEN; len++)
        assert_int_equal(msg_read_header(span_of(bytes, len), &h, &why), ERR_SHORT);
    for (size_t len = IKE_HEADER_LEN; len < 32; len++) {
        assert_int_equal(msg_read_header(span_of(bytes, len), &h, &why), ERR_SHORT);
        assert_int_equal(why.offset, 24);
        assert_int_equal(why.payload, 0);
    }
    assert_int_equal(msg_read_header(span_of(bytes, 40), &h, NULL), 0); /* bytes past Length are not the message's */
    assert_int_equal(msg_read_header(span_of(bytes, 32), &h, &why), 0);
    assert_true(h.spi_i == 0x1122334455667788 && h.spi_r == 1);
    assert_int_equal(h.next, PAYLOAD_SA);
    assert_int_equal(h.major, 2);
    assert_int_equal(h.minor, 1);
    assert_int_equal(h.exchange, IKE_SA_INIT);
    assert_int_equal(h.flags, IKE_FLAG_INITIATOR);
    assert_int_equal(h.message_id, 7);
    assert_int_equal(h.length, 32);
    bytes[27] = 27;
    assert_int_equal(msg_read_header(span_of(bytes, 32), &h, &why), ERR_BAD);
    memset(bytes + 24, 0xff, 4);
    assert_int_equal(msg_read_header(span_of(bytes, 32), &h, &why), ERR_SHORT);
}

static void empty_chain(void **state)
{
    struct reading r = read_hex(PAYLOAD_NONE, "");

    (void)state;
    assert_int_equal(r.err, 0);
    assert_null(r.list);
    reading_done(&r);
    expect_err(PAYLOAD_NONE, "00", ERR_BAD, 28);
    expect_err(PAYLOAD_VENDOR, "", ERR_SHORT, 28);
}

static void unknown_payloads(void **state)
{
    struct reading r = read_hex(200, "2b00 0006 aabb 0000 0005 61");

    (void)state;
    assert_int_equal(r.err, 0);
    assert_int_equal(r.list->type, 200);
    assert_int_equal(r.list->body.len, 2);
    assert_int_equal(r.list->next->type, PAYLOAD_VENDOR);
    assert_int_equal(r.list->next->offset, 34);
    assert_true(payload_types(r.list) == PAYLOAD_BIT(PAYLOAD_VENDOR));
    reading_done(&r);

    r = read_hex(PAYLOAD_VENDOR, "c800 0005 61 2b80 0006 aabb 0000 0005 61");
    assert_int_equal(r.err, ERR_UNSUPPORTED);
    assert_int_equal(r.why.payload, 200);
    assert_true(r.why.critical);
    assert_int_equal(r.why.offset, 33);
    assert_non_null(r.list); /* what came before it */
    assert_null(r.list->next);
    reading_done(&r);

    /* a payload type of IKEv1, and one that IANA knows and we do not */
    expect_err(1, "0080 0004", ERR_UNSUPPORTED, 28);
    expect_err(51, "0080 0004", ERR_UNSUPPORTED, 28);

    r = read_hex(PAYLOAD_VENDOR, "0080 0005 61"); /* critical, but known: the bit means nothing (2.5) */
    assert_int_equal(r.err, 0);
    assert_false(r.why.critical);
    assert_true(r.list->critical);
    reading_done(&r);
    r = read_hex(PAYLOAD_VENDOR, "007f 0005 61"); /* reserved bits are not looked at */
    assert_int_equal(r.err, 0);
    assert_false(r.list->critical);
    reading_done(&r);
}

/* The first proposal is not number 1, and proposals need not be in sequence. */
static void proposals_are_read(void **state)
{
    struct reading r = read_hex(samples[0].type, samples[0].hex);
    const struct proposal *p = r.list->u.sa.v;

    (void)state;
    assert_int_equal(r.list->u.sa.n, 2);
    assert_int_equal(p[0].number, 3);
    assert_int_equal(p[0].protocol, PROTOCOL_IKE);
    assert_int_equal(p[0].spi_len, 0);
    assert_int_equal(p[0].n_transforms, 2);
    assert_int_equal(p[0].transforms[0].type, TRANSFORM_ENCR);
    assert_int_equal(p[0].transforms[0].id, 20);
    assert_int_equal(p[0].transforms[0].key_bits, 0);
    assert_int_equal(p[0].transforms[1].id, 31);
    assert_int_equal(p[1].number, 9);
    assert_int_equal(p[1].spi_len, 8);
    assert_memory_equal(p[1].spi, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
    assert_int_equal(p[1].n_transforms, 3);
    assert_int_equal(p[1].transforms[0].key_bits, 256);
    assert_false(p[1].transforms[0].odd);
    reading_done(&r);
}

static void expect_transform(const char *attributes, uint16_t key_bits, bool odd)
{
    uint8_t bytes[256] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 1, 0, 0, 0, 0, TRANSFORM_ENCR, 0, 0, 12};
    int n = hex_parse(attributes, bytes + 20, sizeof(bytes) - 20);
    struct reading r;

    assert_true(n >= 0);
    put_u16(bytes + 2, (uint16_t)(20 + n));
    put_u16(bytes + 6, (uint16_t)(16 + n));
    put_u16(bytes + 14, (uint16_t)(8 + n));
    r = read_bytes(PAYLOAD_SA, bytes, (size_t)(20 + n));
    assert_int_equal(r.err, 0);
    assert_int_equal(r.list->u.sa.v[0].transforms[0].key_bits, key_bits);
    assert_int_equal(r.list->u.sa.v[0].transforms[0].odd, odd);
    reading_done(&r);
}

static void attributes_are_read(void **state)
{
    (void)state;
    expect_transform("", 0, false);
    expect_transform("800e 0080", 128, false);
    expect_transform("800e 0000", 0, true);             /* a key of no bits */
    expect_transform("800e 0080 800e 0100", 128, true); /* two lengths */
    expect_transform("800f 0080", 0, true);             /* unknown, short form */
    expect_transform("000f 0003 010203", 0, true);      /* unknown, long form */
    expect_transform("000f 0000", 0, true);
    expect_transform("000e 0002 0100", 0, true); /* key length in the long form */
    expect_transform("800e 0080 0012 0001 ff", 128, true);
}

static void bad_proposals(void **state)
{
    (void)state;
    expect_err(PAYLOAD_SA, "0000 0004", ERR_SHORT, 32);                                          /* no proposal */
    expect_err(PAYLOAD_SA, "0000 000c 0000 0008 0101 0000", ERR_BAD, 40);                        /* no transform */
    expect_err(PAYLOAD_SA, "0000 000c 0000 0007 0101 0000", ERR_BAD, 32);                        /* shorter than its head */
    expect_err(PAYLOAD_SA, "0000 000c 0000 0009 0101 0000", ERR_BAD, 32);                        /* longer than the payload */
    expect_err(PAYLOAD_SA, "0000 000c 0000 0000 0101 0000", ERR_BAD, 32);                        /* must not loop */
    expect_err(PAYLOAD_SA, "0000 0014 0000 0010 0101 0001 0000 0008 0100 000c 00", ERR_BAD, 48); /* after the payload */
    expect_err(PAYLOAD_SA, "0000 0014 0200 0010 0101 0001 0000 0008 0100 000c", ERR_SHORT, 48);  /* another was promised */
    expect_err(PAYLOAD_SA, "0000 0014 0100 0010 0101 0001 0000 0008 0100 000c", ERR_BAD, 32);
    expect_err(PAYLOAD_SA, "0000 0014 0000 0010 0101 0001 0300 0008 0100 000c", ERR_BAD, 40); /* 3 of the last transform */
    expect_err(PAYLOAD_SA, "0000 0014 0000 0010 0101 0002 0300 0008 0100 000c", ERR_SHORT, 48);
    expect_err(PAYLOAD_SA, "0000 0014 0000 0010 0101 0001 0000 0007 0100 000c", ERR_BAD, 40);
    expect_err(PAYLOAD_SA, "0000 0014 0000 0010 0101 0001 0000 0009 0100 000c", ERR_BAD, 40);
    expect_err(PAYLOAD_SA, "0000 0014 0000 0010 0101 0901 0000 0008 0100 000c", ERR_SHORT, 40); /* SPI of 9 in 8 bytes */
    expect_err(PAYLOAD_SA, "0000 0016 0000 0012 0101 0001 0000 000a 0100 000c 800e", ERR_SHORT, 50);
    expect_err(PAYLOAD_SA, "0000 0018 0000 0014 0101 0001 0000 000c 0100 000c 000f 0001", ERR_SHORT, 52);
}

/* A proposal with an SPI that no protocol of ours has is left out; the others stay. */
static void long_spi_is_left_out(void **state)
{
    struct reading r = read_hex(PAYLOAD_SA, "0000 002d 0200 0019 0107 0901 010203040506070809 0000 0008 0100 000c"
                                            "0000 0010 0201 0001 0000 0008 0100 000c");

    (void)state;
    assert_int_equal(r.err, 0);
    assert_int_equal(r.list->u.sa.n, 1);
    assert_int_equal(r.list->u.sa.v[0].number, 2);
    assert_int_equal(r.list->u.sa.v[0].spi_len, 0);
    reading_done(&r);
}

static void identities_are_bounded(void **state)
{
    uint8_t bytes[8 + ID_DATA_MAX + 1] = {0, 0, 0, 0, ID_KEY_ID};
    struct reading r;

    (void)state;
    put_u16(bytes + 2, 8 + ID_DATA_MAX);
    r = read_bytes(PAYLOAD_IDI, bytes, 8 + ID_DATA_MAX);
    assert_int_equal(r.err, 0);
    assert_int_equal(r.list->u.id.data.len, ID_DATA_MAX);
    reading_done(&r);
    put_u16(bytes + 2, 8 + ID_DATA_MAX + 1);
    r = read_bytes(PAYLOAD_IDI, bytes, 8 + ID_DATA_MAX + 1);
    assert_int_equal(r.err, ERR_LIMIT);
    reading_done(&r);
    expect_err(PAYLOAD_IDI, "0000 000b 0100 0000 c00002", ERR_BAD, 36);
    expect_err(PAYLOAD_IDR, "0000 000c 0500 0000 c0000201", ERR_BAD, 36);
}

static void nonces_are_bounded(void **state)
{
    static const struct {
        size_t len;
        int err;
    } cases[] = {{15, ERR_BAD}, {16, 0}, {256, 0}, {257, ERR_BAD}, {0, ERR_BAD}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t bytes[4 + 300] = {0};
        struct reading r;

        put_u16(bytes + 2, (uint16_t)(4 + cases[i].len));
        r = read_bytes(PAYLOAD_NONCE, bytes, 4 + cases[i].len);
        assert_int_equal(r.err, cases[i].err);
        if (!r.err)
            assert_int_equal(r.list->u.nonce.len, cases[i].len);
        reading_done(&r);
    }
}

static void notifies_are_read(void **state)
{
    struct reading r = read_hex(PAYLOAD_NOTIFY, "2900 000e 0304 4009 11223344 9988 0000 0008 0000 4004");
    const struct payload *p = notify_find(r.list, REKEY_SA);

    (void)state;
    assert_int_equal(r.err, 0);
    assert_ptr_equal(p, r.list);
    assert_int_equal(p->u.notify.protocol, PROTOCOL_ESP);
    assert_true(span_equal(p->u.notify.spi, span_of("\x11\x22\x33\x44", 4)));
    assert_true(span_equal(p->u.notify.data, span_of("\x99\x88", 2)));
    assert_ptr_equal(notify_find(r.list, NAT_DETECTION_SOURCE_IP), r.list->next);
    assert_null(notify_find(r.list, NAT_DETECTION_DESTINATION_IP));
    reading_done(&r);
    expect_err(PAYLOAD_NOTIFY, "0000 000b 0304 4009 112233", ERR_SHORT, 36);
    expect_err(PAYLOAD_NOTIFY, "0000 0007 0300 40", ERR_SHORT, 34);
}

static void deletes_are_counted(void **state)
{
    struct reading r = read_hex(PAYLOAD_DELETE, "0000 0008 0100 0000");

    (void)state;
    assert_int_equal(r.err, 0);
    assert_int_equal(r.list->u.del.protocol, PROTOCOL_IKE);
    assert_int_equal(r.list->u.del.spis.len, 0);
    reading_done(&r);
    expect_err(PAYLOAD_DELETE, "0000 000c 0304 0002 11223344", ERR_SHORT, 34);
    expect_err(PAYLOAD_DELETE, "0000 000c 0304 0000 11223344", ERR_BAD, 34);
    expect_err(PAYLOAD_DELETE, "0000 0010 0308 0001 1122334455667788", ERR_BAD, 33); /* ESP has SPIs of 4 */
    expect_err(PAYLOAD_DELETE, "0000 0008 0300 ffff", ERR_BAD, 33);                  /* 65535 SPIs of nothing */
    expect_err(PAYLOAD_DELETE, "0000 0010 0108 0001 1122334455667788", ERR_BAD, 33); /* IKE's are in the header */
    expect_err(PAYLOAD_DELETE, "0000 0008 0900 ffff", ERR_BAD, 33);
}

static void selectors_are_read(void **state)
{
    struct reading r = read_hex(PAYLOAD_TSI, "0000 0038 0300 0000 0706 0010 0016 0017 0a010000 0a01ffff"
                                             "0900 0010 1111 2222 33333333 44444444" /* TS_FC_ADDR_RANGE */
                                             "0711 0010 ffff 0000 0a020000 0a020000");
    const struct ts *ts = r.list->u.ts.v;

    (void)state;
    assert_int_equal(r.err, 0);
    assert_int_equal(r.list->u.ts.n, 2); /* the unknown type is left out */
    assert_int_equal(ts[0].protocol, 6);
    assert_int_equal(ts[0].port_low, 22);
    assert_int_equal(ts[0].port_high, 23);
    assert_int_equal(ts[0].low.family, 4);
    assert_memory_equal(ts[0].high.b, "\x0a\x01\xff\xff", 4);
    assert_int_equal(ts[1].protocol, 17);
    assert_int_equal(ts[1].port_low, 65535); /* OPAQUE */
    assert_int_equal(ts[1].port_high, 0);
    reading_done(&r);
    r = read_hex(PAYLOAD_TSI, "0000 000c 0100 0000 0900 0004");
    assert_int_equal(r.err, 0);
    assert_int_equal(r.list->u.ts.n, 0);
    reading_done(&r);
}

static void bad_selectors(void **state)
{
    (void)state;
    expect_err(PAYLOAD_TSI, "0000 0018 0100 0000 0700 0010 0000 ffff 0a010001 0a010000", ERR_BAD, 40); /* from high to low */
    expect_err(PAYLOAD_TSI, "0000 0018 0100 0000 0706 0010 0017 0016 0a010000 0a01ffff", ERR_BAD, 40);
    expect_err(PAYLOAD_TSI, "0000 0018 0200 0000 0700 0010 0000 ffff 0a010000 0a01ffff", ERR_SHORT, 52);
    expect_err(PAYLOAD_TSI, "0000 0018 0000 0000 0700 0010 0000 ffff 0a010000 0a01ffff", ERR_BAD, 36);
    expect_err(PAYLOAD_TSI, "0000 0018 0100 0000 0700 000f 0000 ffff 0a010000 0a01ffff", ERR_SHORT, 48);
    expect_err(PAYLOAD_TSI, "0000 0018 0100 0000 0700 0011 0000 ffff 0a010000 0a01ffff", ERR_BAD, 36);
    expect_err(PAYLOAD_TSI, "0000 0019 0100 0000 0700 0011 0000 ffff 0a010000 0a01ffff 00", ERR_BAD, 52);
    expect_err(PAYLOAD_TSI, "0000 0018 0100 0000 0800 0010 0000 ffff 0a010000 0a01ffff", ERR_SHORT, 44);
    expect_err(PAYLOAD_TSI, "0000 000c 0100 0000 0900 0000", ERR_BAD, 36); /* must not loop */
}

static void selectors_are_limited(void **state)
{
    uint8_t bytes[8 + 16 * (TS_LIST_MAX + 1)] = {0};
    struct reading r;

    (void)state;
    for (int n = TS_LIST_MAX; n <= TS_LIST_MAX + 1; n++) {
        put_u16(bytes + 2, (uint16_t)(8 + 16 * n));
        bytes[4] = (uint8_t)n;
        memcpy(bytes + 8 + 16 * (n - 1), "\x07\x00\x00\x10\x00\x00\xff\xff\x0a\x00\x00\x00\x0a\x00\x00\xff", 16);
        for (int i = 0; i < n; i++)
            memcpy(bytes + 8 + 16 * i, bytes + 8 + 16 * (n - 1), 16);
        r = read_bytes(PAYLOAD_TSR, bytes, (size_t)(8 + 16 * n));
        assert_int_equal(r.err, n == TS_LIST_MAX ? 0 : ERR_LIMIT);
        if (!r.err)
            assert_int_equal(r.list->u.ts.n, TS_LIST_MAX);
        reading_done(&r);
    }
}

static void configuration_is_read(void **state)
{
    struct reading r = read_hex(PAYLOAD_CP, "0000 0014 0100 0000 8001 0004 0a000001 0003 0000");

    (void)state;
    assert_int_equal(r.err, 0);
    assert_int_equal(r.list->u.cp.type, CFG_REQUEST);
    assert_int_equal(r.list->u.cp.n, 2);
    assert_int_equal(r.list->u.cp.v[0].type, 1); /* without its reserved bit */
    assert_int_equal(r.list->u.cp.v[0].value.len, 4);
    assert_int_equal(r.list->u.cp.v[1].value.len, 0);
    reading_done(&r);
    expect_err(PAYLOAD_CP, "0000 000c 0100 0000 0001 0001", ERR_SHORT, 36);
    expect_err(PAYLOAD_CP, "0000 000b 0100 0000 0001 00", ERR_SHORT, 36);
}

static void configuration_is_limited(void **state)
{
    uint8_t bytes[8 + 4 * 257] = {0};
    struct reading r;

    (void)state;
    put_u16(bytes + 2, 8 + 4 * 256);
    r = read_bytes(PAYLOAD_CP, bytes, 8 + 4 * 256);
    assert_int_equal(r.err, 0);
    assert_int_equal(r.list->u.cp.n, 256);
    reading_done(&r);
    put_u16(bytes + 2, 8 + 4 * 257);
    r = read_bytes(PAYLOAD_CP, bytes, 8 + 4 * 257);
    assert_int_equal(r.err, ERR_LIMIT);
    reading_done(&r);
}

static void encrypted_frames(void **state)
{
    struct reading r = read_hex(PAYLOAD_VENDOR, "2e00 0005 61 2300 000c 0001020304050607");
    const struct payload *sk = payload_find(r.list, PAYLOAD_SK);

    (void)state;
    assert_int_equal(r.err, 0); /* what SK's next-payload byte names is inside, not after it */
    assert_int_equal(sk->u.sk.inner, PAYLOAD_IDI);
    assert_int_equal(sk->u.sk.total, 0);
    assert_int_equal(sk->u.sk.aad_len, IKE_HEADER_LEN + 5 + 4);
    assert_int_equal(sk->u.sk.sealed.len, 8);
    assert_ptr_equal(sk->u.sk.sealed.p, r.bytes + 9);
    reading_done(&r);

    r = read_hex(PAYLOAD_SKF, "2300 0010 0002 0003 0001020304050607");
    assert_int_equal(r.err, 0);
    assert_int_equal(r.list->u.sk.number, 2);
    assert_int_equal(r.list->u.sk.total, 3);
    assert_int_equal(r.list->u.sk.aad_len, IKE_HEADER_LEN + 8);
    assert_int_equal(r.list->u.sk.sealed.len, 8);
    reading_done(&r);

    expect_err(PAYLOAD_SK, "2300 000c 0001020304050607 0000 0004", ERR_BAD, 40); /* SK is the last (3.14) */
    expect_err(PAYLOAD_SKF, "2300 0010 0000 0003 0001020304050607", ERR_BAD, 32);
    expect_err(PAYLOAD_SKF, "2300 0010 0004 0003 0001020304050607", ERR_BAD, 32);
    expect_err(PAYLOAD_SKF, "2300 0010 0000 0000 0001020304050607", ERR_BAD, 32);
    expect_err(PAYLOAD_SKF, "2300 0007 0001 00", ERR_SHORT, 34);
}

static void payloads_are_limited(void **state)
{
    uint8_t bytes[5 * (IKE_PAYLOADS_MAX + 1)];
    struct reading r;

    (void)state;
    for (size_t n = IKE_PAYLOADS_MAX; n <= IKE_PAYLOADS_MAX + 1; n++) {
        for (size_t i = 0; i < n; i++)
            memcpy(bytes + 5 * i, "\x2b\x00\x00\x05\x61", 5);
        bytes[5 * (n - 1)] = 0;
        r = read_bytes(PAYLOAD_VENDOR, bytes, 5 * n);
        assert_int_equal(r.err, n == IKE_PAYLOADS_MAX ? 0 : ERR_LIMIT);
        reading_done(&r);
    }
}

static void proposals_are_limited(void **state)
{
    static uint8_t bytes[4 + 16 * 129];
    struct reading r;

    (void)state;
    for (size_t n = 128; n <= 129; n++) {
        memset(bytes, 0, 4);
        put_u16(bytes + 2, (uint16_t)(4 + 16 * n));
        for (size_t i = 0; i < n; i++) {
            memcpy(bytes + 4 + 16 * i, "\x02\x00\x00\x10\x01\x01\x00\x01\x00\x00\x00\x08\x01\x00\x00\x0c", 16);
            bytes[4 + 16 * i] = i == n - 1 ? 0 : 2;
        }
        r = read_bytes(PAYLOAD_SA, bytes, 4 + 16 * n);
        assert_int_equal(r.err, n == 128 ? 0 : ERR_LIMIT);
        reading_done(&r);
    }
}

/* An arena that is too small ends reading like any other limit. */
static void memory_is_limited(void **state)
{
    uint8_t bytes[512];
    struct payload *list;
    struct wire_error why;
    struct arena arena;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        size_t len = sample_bytes(&samples[i], bytes);

        arena_init(&arena, 16);
        assert_int_equal(msg_read_payloads(&arena, samples[i].type, span_of(bytes, len), 0, &list, &why), ERR_LIMIT);
        assert_int_equal(msg_read_payloads(&arena, samples[i].type, span_of(bytes, len), 0, &list, NULL), ERR_LIMIT);
        arena_done(&arena);
    }
    arena_init(&arena, sizeof(struct payload) + 32); /* the payload fits, its lists do not */
    assert_int_equal(msg_read_payloads(&arena, PAYLOAD_SA, span_of(bytes, sample_bytes(&samples[0], bytes)), 0, &list, &why),
                     ERR_LIMIT);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_survive_a_round_trip),
        cmocka_unit_test(every_truncation_fails),
        cmocka_unit_test(every_short_body_is_bounded),
        cmocka_unit_test(every_wrong_payload_length_fails),
        cmocka_unit_test(every_byte_to_every_value),
        cmocka_unit_test(header_is_checked),
        cmocka_unit_test(empty_chain),
        cmocka_unit_test(unknown_payloads),
        cmocka_unit_test(proposals_are_read),
        cmocka_unit_test(attributes_are_read),
        cmocka_unit_test(bad_proposals),
        cmocka_unit_test(long_spi_is_left_out),
        cmocka_unit_test(identities_are_bounded),
        cmocka_unit_test(nonces_are_bounded),
        cmocka_unit_test(notifies_are_read),
        cmocka_unit_test(deletes_are_counted),
        cmocka_unit_test(selectors_are_read),
        cmocka_unit_test(bad_selectors),
        cmocka_unit_test(selectors_are_limited),
        cmocka_unit_test(configuration_is_read),
        cmocka_unit_test(configuration_is_limited),
        cmocka_unit_test(encrypted_frames),
        cmocka_unit_test(payloads_are_limited),
        cmocka_unit_test(proposals_are_limited),
        cmocka_unit_test(memory_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
