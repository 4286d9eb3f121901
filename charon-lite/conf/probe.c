/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets, certificates and keys: looked at by whoever may open them. The place is that of the file that the answer names. */
#include "conf/rows.h"

#include <string.h>

static const struct node *probe_place(const struct draft *d, const char *why)
{
    const struct conf_end *local = &d->c.local, *remote = &d->c.remote;

    if (local->key && strstr(why, local->key))
        return draft_at(d, "local", "key");
    if (local->cert && strstr(why, local->cert))
        return draft_at(d, "local", "cert");
    for (size_t i = 0; remote->ca && remote->ca[i]; i++) {
        if (strstr(why, remote->ca[i]))
            return draft_at(d, "remote", "ca");
    }
    for (size_t i = 0; remote->pinned && remote->pinned[i]; i++) {
        if (strstr(why, remote->pinned[i]))
            return draft_at(d, "remote", "cert");
    }
    if (node_find(d->node, "psk"))
        return draft_at(d, NULL, "psk");
    if (remote->psk && strstr(why, remote->psk + strlen("file:")) && node_find(node_find(d->node, "remote"), "psk"))
        return draft_at(d, "remote", "psk");
    return local->psk ? draft_at(d, "local", "psk") : draft_at(d, "local", "cert");
}

/* Each line of the answer is a problem of its own; only warnings when the probe says 0. */
void rule_probe(struct reading *r, const struct draft *d)
{
    char words[6000], *line = words;
    struct text why = text_in(words, sizeof(words));
    int err = r->setup->probe ? r->setup->probe(r->setup->ctx, &d->c, &why) : 0;

    if (err && !*line)
        error_at(r, probe_place(d, line), "a secret or certificate named here cannot be used");
    while (*line) {
        size_t n = strcspn(line, "\n");
        char *next = line[n] ? line + n + 1 : line + n;

        line[n] = '\0';
        if (n && err)
            error_at(r, probe_place(d, line), "%s", line);
        else if (n)
            warning_at(r, probe_place(d, line), "%s", line);
        line = next;
    }
}
