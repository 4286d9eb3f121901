/* SPDX-License-Identifier: Apache-2.0 */
/* The SSH connection that the operator types over: would a selector cut it? */
#include "conf/rows.h"

#include <string.h>

static bool word_next(const char **p, char *out, size_t cap)
{
    size_t n = strcspn(*p, " ");

    if (n == 0 || n >= cap)
        return false;
    memcpy(out, *p, n);
    out[n] = '\0';
    *p += n;
    *p += strspn(*p, " ");
    return true;
}

static bool session_end(const char **p, struct ts *out)
{
    char address[ADDR_TEXT_MAX], port[8];
    struct addr a;
    uint32_t n = 0;

    if (!word_next(p, address, sizeof(address)) || !word_next(p, port, sizeof(port)) || addr_parse(address, &a) < 0)
        return false;
    for (const char *c = port; *c >= '0' && *c <= '9'; c++)
        n = n * 10 + (uint32_t)(*c - '0');
    *out = (struct ts){.protocol = 6, .port_low = (uint16_t)n, .port_high = (uint16_t)n, .low = a, .high = a};
    return n > 0 && n < 65536;
}

/* "CLIENT PORT SERVER PORT" */
bool rule_session_parse(const char *text, struct session *out)
{
    return text && session_end(&text, &out->theirs) && session_end(&text, &out->ours);
}

/* `dynamic` of an end whose address is not known yet may turn out to be this one. */
static bool list_takes(struct ts_list list, const struct conf_end *end, const struct ts *packet, bool unknown_takes)
{
    for (size_t i = 0; i < list.n; i++) {
        struct ts ts = ts_resolved(&list.v[i], end);

        if (!ts.low.family && unknown_takes) {
            ts.low = packet->low;
            ts.high = packet->high;
        }
        if (ts.low.family && ts_contains(&ts, packet))
            return true;
    }
    return false;
}

void rule_session(struct reading *r, const struct draft *d, const struct session *s)
{
    for (size_t i = 0; i < d->c.n_children; i++) {
        const struct conf_child *ch = &d->c.children[i];
        char client[ADDR_TEXT_MAX];

        if (ch->mark_mask || ch->if_id)
            continue;
        if (!list_takes(ch->local, &d->c.local, &s->ours, true) || !list_takes(ch->remote, &d->c.remote, &s->theirs, false) ||
            list_takes(ch->pass, &d->c.remote, &s->theirs, false))
            continue;
        addr_format(&s->theirs.low, client);
        warning_at(
            r, child_at(d, i, "remote"),
            "the SSH connection that you are typing over, from %s, is cut while this child is down; to keep it open, write "
            "under this child: pass: [%s/%u/tcp]",
            client, client, s->theirs.low.family == 4 ? 32 : 128);
    }
}
