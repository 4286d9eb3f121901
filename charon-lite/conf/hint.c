/* SPDX-License-Identifier: Apache-2.0 */
/* What an unknown key may have meant. */
#include "conf/rows.h"

#include <string.h>

/* Words of other IKE daemons for those who come from them. */
static const struct {
    const char *theirs, *ours;
} cousins[] = {
    {"dpd_delay", "ike: liveness"},
    {"dpddelay", "ike: liveness"},
    {"dpd_timeout", "ike: dead_after"},
    {"dpdtimeout", "ike: dead_after"},
    {"dpd_action", "keep"},
    {"dpdaction", "keep"},
    {"start_action", "keep"},
    {"close_action", "keep"},
    {"closeaction", "keep"},
    {"auto", "keep"},
    {"esp_proposals", "esp of a child"},
    {"phase2alg", "esp of a child"},
    {"ikelifetime", "ike: rekey"},
    {"reauth_time", "ike: rekey"},
    {"salifetime", "rekey of a child"},
    {"lifebytes", "rekey_bytes of a child"},
    {"rekey_time", "rekey"},
    {"life_time", "lifetime"},
    {"over_time", "lifetime"},
    {"local_addrs", "local: address"},
    {"remote_addrs", "remote: address"},
    {"left", "local: address"},
    {"right", "remote: address"},
    {"leftid", "local: id"},
    {"rightid", "remote: id"},
    {"leftcert", "local: cert"},
    {"rightca", "remote: ca"},
    {"cacerts", "remote: ca"},
    {"certs", "cert of local or remote"},
    {"leftsubnet", "local_net"},
    {"leftsubnets", "local_net"},
    {"rightsubnet", "remote_net"},
    {"rightsubnets", "remote_net"},
    {"local_ts", "local of a child"},
    {"remote_ts", "remote of a child"},
    {"authby", "psk, or cert and ca"},
    {"secret", "psk"},
    {"secrets", "psk"},
    {"mark_in", "mark"},
    {"mark_out", "mark"},
    {"if_id_in", "if_id"},
    {"if_id_out", "if_id"},
    {"esn", "noesn or esn, a word of esp: [aes256gcm16-x25519-noesn]"},
    {"type", "mode"},
    {"forceencaps", "ike: encap"},
    {"encapsulation", "ike: encap"},
    {"keyingtries", "keep: up, which never ends"},
};

static bool belongs_elsewhere(const struct table *here, const char *key, struct text *out)
{
    const char *joint = "; it stands under ";

    for (const struct table *const *t = conf_tables; *t; t++) {
        if (*t == here || *t == &table_file || !row_find(*t, key))
            continue;
        text_add(out, "%s\"%s\"", joint, (*t)->title);
        joint = " or ";
    }
    return *joint != ';';
}

void row_hint(const struct table *table, const char *key, struct text *out)
{
    const char *keys[32];
    size_t n = 0;
    const char *near;

    for (const struct row *row = table->rows; row->key && n + 1 < COUNT_OF(keys); row++)
        keys[n++] = row->key;
    keys[n] = NULL;
    for (size_t i = 0; i < COUNT_OF(cousins); i++) {
        if (strcmp(cousins[i].theirs, key) == 0) {
            text_add(out, "; here it is called %s", cousins[i].ours);
            return;
        }
    }
    if (belongs_elsewhere(table, key, out))
        return;
    near = text_nearest(key, keys);
    if (near) {
        text_add(out, "; did you mean \"%s\"?", near);
        return;
    }
    text_add(out, "; known are");
    for (size_t i = 0; keys[i]; i++)
        text_add(out, "%s %s", i ? "," : "", keys[i]);
}
