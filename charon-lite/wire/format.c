/* SPDX-License-Identifier: Apache-2.0 */
/* A message as readable lines. */
#include "wire/family.h"

void format_bytes(struct text *out, struct span s)
{
    char hex[2 * FORMAT_BYTES + 1];

    hex_format(hex, sizeof(hex), span_part(s, 0, FORMAT_BYTES));
    text_add(out, "%zu bytes%s%s%s", s.len, s.len ? " " : "", hex, s.len > FORMAT_BYTES ? ".." : "");
}

static void header_format(const struct ike_header *h, struct text *out)
{
    const char *exchange = exchange_name(h->exchange);

    if (exchange)
        text_add(out, "%s", exchange);
    else
        text_add(out, "exchange %u", h->exchange);
    text_add(out, " %s %u", h->flags & IKE_FLAG_RESPONSE ? "response" : "request", h->message_id);
    text_add(out, " from %s", h->flags & IKE_FLAG_INITIATOR ? "initiator" : "responder");
    text_add(out, ", SPIs %016llx:%016llx, %u bytes", (unsigned long long)h->spi_i, (unsigned long long)h->spi_r, h->length);
    if (h->major != 2 || h->minor != 0)
        text_add(out, ", version %u.%u", h->major, h->minor);
    text_add(out, "\n");
}

static void payload_format(const struct alg_registry *registry, const struct payload *p, struct text *out)
{
    const struct family *family = family_find(p->type);

    if (family) {
        text_add(out, "  %s", family->name);
        family->format(registry, p, out);
    } else {
        const char *name = payload_name(p->type);

        text_add(out, "  payload %u (%s), ", p->type, name ? name : "unknown");
        format_bytes(out, p->body);
    }
    text_add(out, "%s\n", p->critical ? " (critical)" : "");
}

void msg_format(const struct alg_registry *registry, const struct ike_header *h, const struct payload *list, struct text *out)
{
    if (h)
        header_format(h, out);
    for (; list; list = list->next)
        payload_format(registry, list, out);
}
