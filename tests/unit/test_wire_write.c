/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: whole messages built from structs, read back; lists; what the writer refuses; text never beyond its array. */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t some_bytes[300] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};

static const struct transform ike_transforms[] = {
    {.type = TRANSFORM_ENCR, .id = 20, .key_bits = 256},
    {.type = TRANSFORM_PRF, .id = 5},
    {.type = TRANSFORM_KE, .id = 31},
};
static const struct transform esp_transforms[] = {
    {.type = TRANSFORM_ENCR, .id = 20, .key_bits = 128},
    {.type = TRANSFORM_ESN, .id = ESN_NO},
};
static const struct proposal some_proposals[] = {
    {.number = 1, .protocol = PROTOCOL_IKE, .transforms = ike_transforms, .n_transforms = COUNT_OF(ike_transforms)},
    {.number = 2,
     .protocol = PROTOCOL_ESP,
     .spi_len = 4,
     .spi = {0xc0, 0xff, 0xee, 0x01},
     .transforms = esp_transforms,
     .n_transforms = COUNT_OF(esp_transforms)},
};

/* A message with one payload of every family that may stand in the clear. */
static void build_all(struct payload_list *l)
{
    static const struct cp_attribute attributes[] = {{.type = 1, .value = {some_bytes, 4}}, {.type = 13}};
    static const struct ts selectors[] = {
        {.protocol = 6, .port_low = 22, .port_high = 22, .low = {4, {10, 1}}, .high = {4, {10, 1, 255, 255}}},
        {.port_high = 65535, .low = {6, {0x20, 1, 0xd, 0xb8}}, .high = {6, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0xff}}},
        {.port_low = 65535, .low = {4, {192, 0, 2, 1}}, .high = {4, {192, 0, 2, 1}}},
    };
    struct payload *cp;

    payload_add(l, PAYLOAD_SA)->u.sa = (struct proposals){some_proposals, COUNT_OF(some_proposals)};
    payload_add(l, PAYLOAD_KE)->u.ke.data = span_of(some_bytes, 32);
    payload_add(l, PAYLOAD_NONCE)->u.nonce = span_of(some_bytes, 32);
    payload_add(l, PAYLOAD_IDI)->u.id = (struct id){ID_FQDN, span_of("gw1.example.com", 15)};
    payload_add(l, PAYLOAD_IDR)->u.id = (struct id){ID_IPV4_ADDR, span_of(some_bytes, 4)};
    payload_add(l, PAYLOAD_CERT)->u.cert.data = span_of(some_bytes, 300);
    payload_add(l, PAYLOAD_CERTREQ)->u.cert.data = span_of(some_bytes, 20);
    payload_add(l, PAYLOAD_AUTH)->u.auth.data = span_of(some_bytes, 32);
    payload_add(l, PAYLOAD_DELETE)->u.del.protocol = PROTOCOL_IKE;
    payload_add(l, PAYLOAD_VENDOR)->u.vendor = span_of("charon\xff", 7);
    payload_add(l, PAYLOAD_TSI)->u.ts = (struct ts_list){selectors, COUNT_OF(selectors)};
    payload_add(l, PAYLOAD_TSR)->u.ts = (struct ts_list){selectors, 1};
    payload_add(l, PAYLOAD_EAP)->u.eap = span_of("\x01\x07\x00\x06\x01x", 6);
    notify_add(l, PROTOCOL_ESP, span_of(some_bytes, 4), REKEY_SA, SPAN_NONE);
    notify_add(l, 0, SPAN_NONE, 40000, span_of(some_bytes, 50));
    cp = payload_add(l, PAYLOAD_CP);
    cp->u.cp.type = CFG_REQUEST;
    cp->u.cp.v = attributes;
    cp->u.cp.n = COUNT_OF(attributes);
}

struct world {
    struct arena arena;
    struct payload_list list;
    struct buf buf;
};

static void world_init(struct world *w)
{
    arena_init(&w->arena, 1 << 16);
    payload_list_init(&w->list, &w->arena);
    buf_init(&w->buf, IKE_DATAGRAM_MAX);
}

static void world_done(struct world *w)
{
    buf_done(&w->buf);
    arena_done(&w->arena);
}

static const struct ike_header some_header = {
    .spi_i = 0x1122334455667788, .spi_r = 9, .major = 2, .exchange = IKE_AUTH, .flags = IKE_FLAG_INITIATOR, .message_id = 1};

static const struct payload *read_back(struct world *w)
{
    struct ike_header h;
    struct payload *list;
    struct wire_error why;

    assert_false(w->buf.failed);
    assert_int_equal(msg_read_header(buf_view(&w->buf), &h, &why), 0);
    assert_int_equal(h.length, w->buf.len);
    assert_int_equal(h.major, 2);
    assert_int_equal(h.message_id, 1);
    assert_true(h.spi_i == some_header.spi_i && h.spi_r == some_header.spi_r);
    assert_int_equal(msg_read_payloads(&w->arena, h.next, span_part(buf_view(&w->buf), IKE_HEADER_LEN, IKE_DATAGRAM_MAX),
                                       IKE_HEADER_LEN, &list, &why),
                     0);
    return list;
}

static void all_families_come_back(void **state)
{
    struct world w;
    const struct payload *in, *out;

    (void)state;
    world_init(&w);
    build_all(&w.list);
    msg_write(&w.buf, &some_header, w.list.first);
    out = read_back(&w);
    for (in = w.list.first; in; in = in->next, out = out->next) {
        assert_non_null(out);
        assert_int_equal(in->type, out->type);
    }
    assert_null(out);
    out = read_back(&w);
    assert_int_equal(out->u.sa.n, 2);
    assert_int_equal(out->u.sa.v[1].n_transforms, 2);
    assert_memory_equal(out->u.sa.v[1].spi, some_proposals[1].spi, 4);
    assert_int_equal(out->u.sa.v[1].transforms[0].key_bits, 128);
    assert_int_equal(payload_find(out, PAYLOAD_TSI)->u.ts.n, 3);
    assert_int_equal(payload_find(out, PAYLOAD_TSI)->u.ts.v[2].port_high, 0);
    assert_true(id_equal(&payload_find(out, PAYLOAD_IDI)->u.id, &payload_find(w.list.first, PAYLOAD_IDI)->u.id));
    assert_int_equal(payload_find(out, PAYLOAD_CERT)->u.cert.data.len, 300);
    assert_int_equal(payload_find(out, PAYLOAD_CP)->u.cp.n, 2);
    assert_int_equal(notify_find(out, 40000)->u.notify.data.len, 50);
    world_done(&w);
}

static void empty_message(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    msg_write(&w.buf, &some_header, NULL);
    assert_int_equal(w.buf.len, IKE_HEADER_LEN);
    assert_null(read_back(&w));
    world_done(&w);
}

/* An SK payload carries the type of what is inside, whatever stands in the list after it. */
static void encrypted_frame(void **state)
{
    struct world w;
    struct payload *p;

    (void)state;
    world_init(&w);
    p = payload_add(&w.list, PAYLOAD_SKF);
    p->u.sk.inner = PAYLOAD_IDI;
    p->u.sk.number = 2;
    p->u.sk.total = 5;
    p->u.sk.sealed = span_of(some_bytes, 20);
    msg_write(&w.buf, &some_header, w.list.first);
    assert_memory_equal(w.buf.p + IKE_HEADER_LEN, "\x23\x00\x00\x1c\x00\x02\x00\x05\x01\x02\x03", 11);
    assert_int_equal(read_back(&w)->u.sk.inner, PAYLOAD_IDI);
    world_done(&w);
}

/* Structs that no message can say make the buffer fail; nothing is cut silently. */
static void expect_refused(void (*fill)(struct payload *), uint8_t type)
{
    struct world w;

    world_init(&w);
    fill(payload_add(&w.list, type));
    msg_write(&w.buf, &some_header, w.list.first);
    assert_true(w.buf.failed);
    world_done(&w);
}

static uint8_t huge[70000];
static struct transform many_transforms[256];
static const struct proposal too_many_transforms = {.transforms = many_transforms, .n_transforms = 256};
static const struct ts mixed_selector = {.low = {4, {1}}, .high = {6, {1}}};
static const struct ts no_family;
static const struct cp_attribute huge_attribute = {1, {huge, sizeof(huge)}};

static void fill_huge(struct payload *p)
{
    p->u.vendor = span_of(huge, 65532);
}
static void fill_spi(struct payload *p)
{
    p->u.notify.spi = span_of(huge, 256);
}
static void fill_delete(struct payload *p)
{
    p->u.del.protocol = PROTOCOL_ESP;
    p->u.del.spi_size = 4;
    p->u.del.count = 2;
    p->u.del.spis = span_of(huge, 4);
}
static void fill_transforms(struct payload *p)
{
    p->u.sa = (struct proposals){&too_many_transforms, 1};
}
static void fill_mixed(struct payload *p)
{
    p->u.ts = (struct ts_list){&mixed_selector, 1};
}
static void fill_no_family(struct payload *p)
{
    p->u.ts = (struct ts_list){&no_family, 1};
}
static void fill_attribute(struct payload *p)
{
    p->u.cp.v = &huge_attribute;
    p->u.cp.n = 1;
}

static void the_writer_refuses(void **state)
{
    (void)state;
    expect_refused(fill_huge, PAYLOAD_VENDOR);
    expect_refused(fill_spi, PAYLOAD_NOTIFY);
    expect_refused(fill_delete, PAYLOAD_DELETE);
    expect_refused(fill_transforms, PAYLOAD_SA);
    expect_refused(fill_mixed, PAYLOAD_TSI);
    expect_refused(fill_no_family, PAYLOAD_TSR);
    expect_refused(fill_attribute, PAYLOAD_CP);
}

static void lists(void **state)
{
    struct world w;
    struct payload *cookie, *nonce;

    (void)state;
    world_init(&w);
    assert_null(payload_find(NULL, PAYLOAD_NONCE));
    assert_null(payload_after(NULL, PAYLOAD_NONCE));
    assert_true(payload_types(NULL) == 0);
    nonce = payload_add(&w.list, PAYLOAD_NONCE);
    cookie = arena_new(&w.arena, struct payload);
    cookie->type = PAYLOAD_NOTIFY;
    cookie->u.notify.type = COOKIE;
    payload_add_first(&w.list, cookie);
    notify_add(&w.list, 0, SPAN_NONE, MOBIKE_SUPPORTED, SPAN_NONE);
    assert_ptr_equal(w.list.first, cookie);
    assert_ptr_equal(cookie->next, nonce);
    assert_int_equal(nonce->next->u.notify.type, MOBIKE_SUPPORTED);
    assert_ptr_equal(payload_after(cookie, PAYLOAD_NOTIFY), nonce->next);
    assert_true(payload_types(w.list.first) == (PAYLOAD_BIT(PAYLOAD_NONCE) | PAYLOAD_BIT(PAYLOAD_NOTIFY)));
    payload_list_init(&w.list, &w.arena);
    payload_add_first(&w.list, nonce); /* into an empty list: what is added next comes after it */
    payload_add(&w.list, PAYLOAD_KE);
    assert_int_equal(w.list.first->next->type, PAYLOAD_KE);
    world_done(&w);
}

static void a_failed_arena_is_remembered(void **state)
{
    struct arena arena;
    struct payload_list l;

    (void)state;
    arena_init(&arena, 8);
    payload_list_init(&l, &arena);
    assert_null(payload_add(&l, PAYLOAD_NONCE));
    assert_null(notify_add(&l, 0, SPAN_NONE, COOKIE, SPAN_NONE));
    payload_add_first(&l, NULL);
    assert_true(l.failed);
    assert_null(l.first);
    arena_done(&arena);
}

/* Whatever the size of the array, the text ends in it and is a beginning of the whole. */
static void text_stays_within(void **state)
{
    struct world w;
    char whole[16384];
    struct text t = text_in(whole, sizeof(whole));

    (void)state;
    world_init(&w);
    build_all(&w.list);
    msg_format(NULL, &some_header, w.list.first, &t);
    assert_true(t.len > 1000 && t.len < sizeof(whole) - 1);
    assert_non_null(strstr(whole, "gw1.example.com"));
    assert_non_null(strstr(whole, "REKEY_SA"));
    assert_non_null(strstr(whole, "status 40000"));
    assert_null(strchr(whole, '\xff'));
    for (size_t cap = 1; cap < t.len + 2; cap += cap < 200 ? 1 : 37) {
        char *cut = malloc(cap);
        struct text small = text_in(cut, cap);

        msg_format(NULL, &some_header, w.list.first, &small);
        assert_int_equal(strlen(cut), small.len);
        assert_true(small.len < cap);
        assert_memory_equal(cut, whole, small.len < 200 ? small.len : 200);
        free(cut);
    }
    world_done(&w);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(exchange_name(IKE_SA_INIT), "IKE_SA_INIT");
    assert_string_equal(exchange_name(IKE_INTERMEDIATE), "IKE_INTERMEDIATE");
    assert_null(exchange_name(33));
    assert_string_equal(payload_name(PAYLOAD_SKF), "SKF");
    assert_null(payload_name(99));
    assert_string_equal(notify_name(NO_PROPOSAL_CHOSEN), "NO_PROPOSAL_CHOSEN");
    assert_string_equal(notify_name(SIGNATURE_HASH_ALGORITHMS), "SIGNATURE_HASH_ALGORITHMS");
    assert_null(notify_name(2));
    assert_string_equal(auth_method_name(AUTH_PSK), "PSK");
    assert_null(auth_method_name(4));
    assert_string_equal(protocol_name(PROTOCOL_ESP), "ESP");
    assert_null(protocol_name(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_families_come_back), cmocka_unit_test(empty_message), cmocka_unit_test(encrypted_frame),
        cmocka_unit_test(the_writer_refuses),     cmocka_unit_test(lists),         cmocka_unit_test(a_failed_arena_is_remembered),
        cmocka_unit_test(text_stays_within),      cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
