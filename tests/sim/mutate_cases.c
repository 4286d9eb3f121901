/* SPDX-License-Identifier: Apache-2.0 */
/* The wrong forms of a message, numbered: cuts, bits, bytes, 16-bit fields, payloads dropped, doubled and out of order. */
#include "mutate.h"

#include <stdio.h>
#include <string.h>

#define FIELDS_MAX 200
#define PARTS_MAX 64
#define VALUES 12 /* 0..8, one less, one more, 65535 */
#define PADS 13

/* Where things are in a chain of payloads, or in a datagram. */
struct map_of {
    size_t field[FIELDS_MAX], n_fields;                   /* 16-bit lengths, counts and numbers */
    size_t part[PARTS_MAX], part_len[PARTS_MAX], n_parts; /* payloads */
    uint8_t type[PARTS_MAX];
};

static void field_add(struct map_of *m, size_t at, size_t end)
{
    if (at + 2 <= end && m->n_fields < FIELDS_MAX)
        m->field[m->n_fields++] = at;
}

/* Lengths that chain: at `at`, each `head` bytes before the next; inside is handed on. */
static void fields_of_transforms(struct map_of *m, const uint8_t *b, size_t at, size_t end)
{
    for (size_t len; at + 8 <= end; at += len) {
        len = get_u16(b + at + 2);
        field_add(m, at + 2, end);
        if (len > 8)
            field_add(m, at + 10, end);
        if (len < 8)
            return;
    }
}

static void fields_of_proposals(struct map_of *m, const uint8_t *b, size_t at, size_t end)
{
    for (size_t len; at + 8 <= end; at += len) {
        len = get_u16(b + at + 2);
        field_add(m, at + 2, end);
        if (len < 8 || at + len > end)
            return;
        fields_of_transforms(m, b, at + 8 + b[at + 6], at + len);
    }
}

static void fields_of_rows(struct map_of *m, const uint8_t *b, size_t at, size_t end, size_t head)
{
    for (size_t len; at + 4 <= end; at += len) {
        len = get_u16(b + at + 2) + head;
        field_add(m, at + 2, end);
        if (len < 4)
            return;
    }
}

static void fields_of_payload(struct map_of *m, const uint8_t *b, uint8_t type, size_t at, size_t end)
{
    field_add(m, at + 2, end);
    if (type == PAYLOAD_SA)
        fields_of_proposals(m, b, at + 4, end);
    else if (type == PAYLOAD_TSI || type == PAYLOAD_TSR)
        fields_of_rows(m, b, at + 8, end, 0);
    else if (type == PAYLOAD_CP)
        fields_of_rows(m, b, at + 8, end, 4);
    else if (type == PAYLOAD_DELETE || type == PAYLOAD_NOTIFY || type == PAYLOAD_EAP)
        field_add(m, at + 6, end);
    else if (type == PAYLOAD_KE)
        field_add(m, at + 4, end);
    else if (type == PAYLOAD_SKF) {
        field_add(m, at + 4, end);
        field_add(m, at + 6, end);
    }
}

static void map_chain(struct map_of *m, const uint8_t *b, size_t len, size_t from, uint8_t first)
{
    for (size_t at = from; at + 4 <= len && first && m->n_parts < PARTS_MAX; m->n_parts++) {
        size_t size = get_u16(b + at + 2);

        if (size < 4 || at + size > len)
            return;
        m->part[m->n_parts] = at;
        m->part_len[m->n_parts] = size;
        m->type[m->n_parts] = first;
        fields_of_payload(m, b, first, at, at + size);
        if (first == PAYLOAD_SK || first == PAYLOAD_SKF)
            first = 0;
        else
            first = b[at];
        at += size;
    }
}

/* Bytes under change; `first` is the type of the first payload and `head` how many bytes are before the chain. */
struct work {
    uint8_t *b;
    size_t len, head;
    uint8_t first;
    char *what;
    size_t cap;
};

/* The chain of w anew from parts of the old one, in this order. */
static void put_parts(struct work *w, const struct map_of *m, const size_t *order, size_t n)
{
    static uint8_t old[MUTANT_MAX];
    size_t at = w->head;

    memcpy(old, w->b, w->len);
    w->first = n ? m->type[order[0]] : 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = order[i];

        memcpy(w->b + at, old + m->part[k], m->part_len[k]);
        if (m->type[k] != PAYLOAD_SK && m->type[k] != PAYLOAD_SKF) /* there it says what is inside */
            w->b[at] = i + 1 < n ? m->type[order[i + 1]] : 0;
        at += m->part_len[k];
    }
    w->len = at;
}

static size_t in_order(const struct map_of *m, size_t *order)
{
    for (size_t i = 0; i < m->n_parts; i++)
        order[i] = i;
    return m->n_parts;
}

static void drop_part(struct work *w, const struct map_of *m, size_t k)
{
    size_t order[2 * PARTS_MAX], n = in_order(m, order);

    memmove(order + k, order + k + 1, (n - k - 1) * sizeof(*order));
    put_parts(w, m, order, n - 1);
    snprintf(w->what, w->cap, "payload %zu (type %u) dropped", k, m->type[k]);
}

static void double_part(struct work *w, const struct map_of *m, size_t k, bool at_end)
{
    size_t order[2 * PARTS_MAX], n = in_order(m, order), to = at_end ? n : k;

    memmove(order + to + 1, order + to, (n - to) * sizeof(*order));
    order[to] = k;
    put_parts(w, m, order, n + 1);
    snprintf(w->what, w->cap, "payload %zu (type %u) said twice%s", k, m->type[k], at_end ? ", again at the end" : "");
}

static void swap_parts(struct work *w, const struct map_of *m, size_t a, size_t b)
{
    size_t order[2 * PARTS_MAX], n = in_order(m, order);

    order[a] = b;
    order[b] = a;
    put_parts(w, m, order, n);
    snprintf(w->what, w->cap, "payloads %zu and %zu change places", a, b);
}

static void set_field(struct work *w, size_t at, size_t k)
{
    uint16_t old = get_u16(w->b + at), v;

    v = (uint16_t)(k < 9 ? k : k == 9 ? old - 1u : k == 10 ? old + 1u : 65535u);
    put_u16(w->b + at, v);
    snprintf(w->what, w->cap, "16 bits at %zu: %u becomes %u", at, old, v);
}

static size_t count_of(const struct map_of *m, size_t len)
{
    size_t n = m->n_parts;

    return len + 10 * len + VALUES * m->n_fields + 3 * n + n * (n - (n > 0)) / 2;
}

/* Case n of a stretch whose map is m. */
static void change(struct work *w, const struct map_of *m, size_t n)
{
    size_t len = w->len, parts = m->n_parts;

    if (n < len) {
        w->len = n;
        snprintf(w->what, w->cap, "cut after %zu bytes", n);
        return;
    }
    n -= len;
    if (n < 8 * len) {
        w->b[n / 8] ^= (uint8_t)(1 << n % 8);
        snprintf(w->what, w->cap, "bit %zu of byte %zu", n % 8, n / 8);
        return;
    }
    n -= 8 * len;
    if (n < 2 * len) {
        w->b[n / 2] = n & 1 ? 255 : 0;
        snprintf(w->what, w->cap, "byte %zu becomes %u", n / 2, w->b[n / 2]);
        return;
    }
    n -= 2 * len;
    if (n < VALUES * m->n_fields) {
        set_field(w, m->field[n / VALUES], n % VALUES);
        return;
    }
    n -= VALUES * m->n_fields;
    if (n < parts) {
        drop_part(w, m, n);
        return;
    }
    n -= parts;
    if (n < 2 * parts) {
        double_part(w, m, n / 2, n & 1);
        return;
    }
    n -= 2 * parts;
    for (size_t a = 0; a < parts; a++) {
        if (n < parts - 1 - a) {
            swap_parts(w, m, a, a + 1 + n);
            return;
        }
        n -= parts - 1 - a;
    }
}

static void maps_of(const struct mutant *m, struct map_of *inner, struct map_of *outer)
{
    *inner = *outer = (struct map_of){.n_parts = 0};
    if (m->sealed && !m->fragment)
        map_chain(inner, m->bytes + m->plain_at, m->plain_len, 0, m->bytes[IKE_HEADER_LEN]);
    field_add(outer, 26, m->len); /* the lower half of Length */
    map_chain(outer, m->bytes, m->len, IKE_HEADER_LEN, m->bytes[16]);
}

/* Sealed: before sealing (its bytes, the type of the first payload, the padding); then each as sent, and cuts once more with a
 * Length that agrees. */
size_t wrong_count(const struct mutant *m)
{
    struct map_of inner, outer;

    maps_of(m, &inner, &outer);
    return (m->sealed ? count_of(&inner, m->plain_len) + 8 + PADS : 0) + count_of(&outer, m->len) + (m->len - IKE_HEADER_LEN);
}

static void seal_up(const struct mutant *m, struct wrong *w, uint8_t pad)
{
    size_t head = m->plain_at, sealed;

    memcpy(w->bytes, m->bytes, head);
    sealed = 8 + w->plain_len + 1 + 16;
    w->bytes[IKE_HEADER_LEN] = w->first;
    put_u32(w->bytes + 20, get_u32(m->bytes + 20) + m->ids);
    put_u32(w->bytes + 24, (uint32_t)(head - 8 + sealed));
    put_u16(w->bytes + IKE_HEADER_LEN + 2, (uint16_t)(head - 8 - IKE_HEADER_LEN + sealed));
    memcpy(w->bytes + head, w->plain, w->plain_len);
    w->bytes[head + w->plain_len] = pad;
    glass_icv(secret_view(&m->key), span_of(w->bytes + head - 8, 8), span_of(w->bytes, head - 8),
              span_of(w->bytes + head, w->plain_len + 1), w->bytes + head + w->plain_len + 1);
    w->len = head + w->plain_len + 1 + 16;
}

void wrong_honest(const struct mutant *m, struct wrong *w)
{
    snprintf(w->what, sizeof(w->what), "nothing");
    w->plain_len = m->plain_len;
    w->len = m->len;
    if (!m->sealed) {
        memcpy(w->bytes, m->bytes, m->len);
        return;
    }
    memcpy(w->plain, m->bytes + m->plain_at, m->plain_len);
    w->first = m->bytes[IKE_HEADER_LEN];
    seal_up(m, w, 0);
}

static void before_sealing(const struct mutant *m, const struct map_of *inner, size_t n, struct wrong *w)
{
    struct work work = {.b = w->plain, .len = w->plain_len, .first = w->first, .what = w->what, .cap = sizeof(w->what)};
    size_t count = count_of(inner, w->plain_len);
    uint8_t pad = 0;

    if (n < count) {
        change(&work, inner, n);
    } else if (n < count + 8) {
        work.first ^= (uint8_t)(1 << (n - count));
        snprintf(w->what, sizeof(w->what), "the first payload becomes %u", work.first);
    } else {
        size_t k = n - count - 8;

        pad = (uint8_t)(k < 9 ? k : k < 12 ? w->plain_len + k - 10 : 255);
        snprintf(w->what, sizeof(w->what), "pad length %u", pad);
    }
    w->plain_len = work.len;
    w->first = work.first;
    seal_up(m, w, pad);
}

static void as_sent(const struct map_of *outer, size_t n, struct wrong *w)
{
    struct work work = {
        .b = w->bytes, .len = w->len, .head = IKE_HEADER_LEN, .first = w->bytes[16], .what = w->what, .cap = sizeof(w->what)};
    size_t count = count_of(outer, w->len), whole = w->len;

    if (n < count) {
        change(&work, outer, n);
    } else {
        work.len = IKE_HEADER_LEN + n - count;
        snprintf(w->what, sizeof(w->what), "cut to a Length of %zu", work.len);
    }
    if (n >= count || n >= count_of(&(struct map_of){.n_fields = outer->n_fields}, whole)) { /* cut, or other payloads */
        if (n < count)
            w->bytes[16] = work.first;
        put_u32(w->bytes + 24, (uint32_t)work.len);
    }
    w->len = work.len;
}

void wrong_make(const struct mutant *m, size_t n, struct wrong *w)
{
    struct map_of inner, outer;
    size_t sealed;
    char what[sizeof(w->what)];

    maps_of(m, &inner, &outer);
    sealed = m->sealed ? count_of(&inner, m->plain_len) + 8 + PADS : 0;
    wrong_honest(m, w);
    if (n < sealed)
        before_sealing(m, &inner, n, w);
    else
        as_sent(&outer, n - sealed, w);
    memcpy(what, w->what, sizeof(what));
    snprintf(w->what, sizeof(w->what), "%s: %.60s", n < sealed ? "sealed" : "sent", what);
}
