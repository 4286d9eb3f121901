/* SPDX-License-Identifier: Apache-2.0 */
/* The payloads of a message in a line (notifies that are always there by short names), also those inside a glass SK payload: for
 * traces. */
#include "glass.h"
#include "net.h"
#include "wire/wire.h"

#include <stdio.h>

static void add_payload(struct text *t, const struct payload *p)
{
    static const struct {
        uint16_t type;
        const char *name;
    } brief[] = {{NAT_DETECTION_SOURCE_IP, "NATD_S"},
                 {NAT_DETECTION_DESTINATION_IP, "NATD_D"},
                 {IKEV2_FRAGMENTATION_SUPPORTED, "FRAG"},
                 {SIGNATURE_HASH_ALGORITHMS, "HASHES"}};
    const char *name = payload_name(p->type);

    for (size_t i = 0; p->type == PAYLOAD_NOTIFY && i < COUNT_OF(brief); i++)
        if (brief[i].type == p->u.notify.type) {
            text_add(t, " N(%s)", brief[i].name);
            return;
        }

    if (p->type == PAYLOAD_NOTIFY && notify_name(p->u.notify.type))
        text_add(t, " N(%s)", notify_name(p->u.notify.type));
    else if (p->type == PAYLOAD_NOTIFY)
        text_add(t, " N(%u)", p->u.notify.type);
    else if (p->type == PAYLOAD_DELETE)
        text_add(t, " D(%u*%u)", p->u.del.protocol, p->u.del.count);
    else if (name)
        text_add(t, " %s", name);
    else
        text_add(t, " payload%u", p->type);
    if (p->type == PAYLOAD_SKF)
        text_add(t, "(%u/%u)", p->u.sk.number, p->u.sk.total);
}

static void add_chain(struct text *t, struct arena *a, uint8_t first, struct span chain, size_t at)
{
    struct payload *list = NULL;
    struct wire_error why;

    if (msg_read_payloads(a, first, chain, at, &list, &why) < 0) {
        text_add(t, " (unreadable)");
        return;
    }
    for (const struct payload *p = list; p; p = p->next) {
        add_payload(t, p);
        if (p->type == PAYLOAD_SK && at == IKE_HEADER_LEN) {
            struct span inner = glass_inside(p->u.sk.sealed);

            text_add(t, "{");
            if (p->u.sk.inner && inner.len)
                add_chain(t, a, p->u.sk.inner, inner, at + 1);
            text_add(t, " }");
        }
    }
}

void net_inside(struct span ike, char *out, size_t cap)
{
    struct text t = text_in(out, cap);
    struct ike_header h;
    struct wire_error why;
    struct arena a;

    arena_init(&a, 1 << 18);
    if (msg_read_header(ike, &h, &why) == 0)
        add_chain(&t, &a, h.next, span_part(ike, IKE_HEADER_LEN, h.length - IKE_HEADER_LEN), IKE_HEADER_LEN);
    arena_done(&a);
}
