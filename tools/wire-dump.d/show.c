/* SPDX-License-Identifier: Apache-2.0 */
/* One message as text, its sealed payloads opened where there are keys. */
#include "dump.h"

#include <stdio.h>
#include <time.h>

#define ARENA_MAX ((size_t)8 << 20)

static void print_time(int64_t us)
{
    time_t sec = (time_t)(us / USEC_SEC);
    struct tm tm;

    if (us >= 0 && gmtime_r(&sec, &tm))
        printf(" %02d:%02d:%02d.%06d", tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(us % USEC_SEC));
}

static void print_found(const struct found *f)
{
    char from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX];

    printf("#%zu", f->number);
    print_time(f->time_us);
    if (f->from.addr.family)
        printf(" %s > %s", endpoint_format(&f->from, from), endpoint_format(&f->to, to));
    putchar('\n');
}

static void print_payloads(const struct alg_registry *registry, const struct ike_header *h, const struct payload *list)
{
    static char array[1 << 18];
    struct text text = text_in(array, sizeof(array));

    msg_format(registry, h, list, &text);
    fputs(array, stdout);
    secret_wipe(array, text.len);
}

/* In quiet mode a message is named when the first thing wrong with it is. */
struct showing {
    struct dump *dump;
    const struct found *found;
    bool named, bad;
};

static void complain(struct showing *s, const char *where, const struct wire_error *why)
{
    const char *name = payload_name(why->payload);

    if (s->dump->quiet && !s->named)
        print_found(s->found);
    s->named = s->bad = true;
    printf("  error at byte %zu%s", why->offset, where);
    if (why->payload)
        printf(", payload %u (%s)", why->payload, name ? name : "unknown");
    printf(": %s\n", why->text);
}

static void complain_at(struct showing *s, const struct payload *p, const char *reason)
{
    struct wire_error why = {.offset = p->offset, .payload = p->type};

    snprintf(why.text, sizeof(why.text), "%s", reason);
    complain(s, "", &why);
}

static void show_inside(struct showing *s, uint8_t inner, struct span bytes, size_t at, const char *where)
{
    struct arena arena;
    struct payload *list;
    struct wire_error why;
    int err;

    arena_init(&arena, ARENA_MAX);
    err = msg_read_payloads(&arena, inner, bytes, at, &list, &why);
    if (!s->dump->quiet)
        print_payloads(s->dump->registry, NULL, list);
    if (err)
        complain(s, where, &why);
    arena_done(&arena);
}

static void show_fragment(struct showing *s, const struct ike_header *h, const struct payload *skf, struct span opened)
{
    struct buf whole;
    uint8_t inner;

    buf_init(&whole, (size_t)FRAGMENTS_MAX * IKE_DATAGRAM_MAX);
    if (collector_add(&s->dump->fragments, h, skf, opened, &whole, &inner)) {
        if (!s->dump->quiet)
            printf("  all %u fragments are here, %zu bytes:\n", skf->u.sk.total, (size_t)whole.len);
        show_inside(s, inner, buf_view(&whole), 0, " of the fragments put together");
    }
    buf_done(&whole);
}

static void show_sealed(struct showing *s, const struct ike_header *h, struct span message, const struct payload *sk)
{
    const struct sa_keys *keys = key_ring_find(&s->dump->ring, h->spi_i, h->spi_r);
    char reason[160];
    struct text why = text_in(reason, sizeof(reason));
    struct buf opened;
    size_t padding, at;

    if (!keys) {
        s->dump->closed++;
        return;
    }
    buf_init(&opened, IKE_DATAGRAM_MAX);
    if (sealed_open(keys, h, message, sk, &opened, &padding, &at, &why)) {
        complain_at(s, sk, reason);
    } else {
        if (!s->dump->quiet)
            printf("  opened with %s%s%s, ICV right, %zu bytes and %zu of padding\n", keys->encr->name,
                   keys->integ ? " and " : "", keys->integ ? keys->integ->name : "", (size_t)opened.len, padding);
        if (sk->type == PAYLOAD_SKF)
            show_fragment(s, h, sk, buf_view(&opened));
        else
            show_inside(s, sk->u.sk.inner, buf_view(&opened), at, "");
    }
    buf_done(&opened);
}

static void show_message(struct showing *s)
{
    struct ike_header h;
    struct payload *list = NULL;
    struct wire_error why;
    struct arena arena;
    struct span message;
    int err = msg_read_header(s->found->data, &h, &why);

    arena_init(&arena, ARENA_MAX);
    message = span_part(s->found->data, 0, h.length);
    if (!err)
        err = msg_read_payloads(&arena, h.next, span_part(message, IKE_HEADER_LEN, h.length), IKE_HEADER_LEN, &list, &why);
    if (!s->dump->quiet && (list || !err))
        print_payloads(s->dump->registry, &h, list);
    if (err && s->found->data.len < IKE_HEADER_LEN)
        snprintf(why.text, sizeof(why.text), "too short for an IKE header: %zu of %d bytes", s->found->data.len, IKE_HEADER_LEN);
    if (err)
        complain(s, "", &why);
    for (const struct payload *p = list; p; p = p->next)
        if (p->type == PAYLOAD_SK || p->type == PAYLOAD_SKF)
            show_sealed(s, &h, message, p);
    if (!err && h.length < s->found->data.len && !s->dump->quiet)
        printf("  %zu bytes follow the message\n", s->found->data.len - h.length);
    arena_done(&arena);
}

void show_datagram(void *ctx, const struct found *f)
{
    struct showing s = {.dump = ctx, .found = f};

    if (!s.dump->quiet)
        print_found(f);
    show_message(&s);
    s.dump->messages++;
    s.dump->bad += s.bad;
}
