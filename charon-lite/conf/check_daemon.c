/* SPDX-License-Identifier: Apache-2.0 */
/* The rules between settings of the daemon. */
#include "conf/rows.h"

#include <string.h>

#define SOCKET_PATH_MAX 107 /* sun_path of unix(7), without its NUL */

static void ports_check(struct reading *r)
{
    const struct node *at = node_find(r->daemon, "port_natt");

    if (r->conf->port == r->conf->port_natt)
        error_at(r, at ? at : node_find(r->daemon, "port"),
                 "port and port_natt are both %u: IKE with and without NAT traversal (RFC 3948 2.1) needs two ports, 500 and "
                 "4500 unless you know better",
                 r->conf->port);
}

static void socket_check(struct reading *r)
{
    const struct node *at = node_find(r->daemon, "control_socket");
    const char *path = r->conf->control_socket;
    bool absolute = at && at->kind == NODE_TEXT && (at->text[0] == '/' || strncmp(at->text, "file:/", 6) == 0);

    if (!at || !path)
        return;
    if (!absolute)
        error_at(r, at, "control_socket: \"%s\" is no absolute path: write one that begins with /, such as %s", at->text,
                 row_find(&table_daemon, "control_socket")->preset);
    else if (strlen(path) > SOCKET_PATH_MAX)
        error_at(r, at, "control_socket: this path has %zu bytes and that of a socket may have %d: write a shorter one",
                 strlen(path), SOCKET_PATH_MAX);
}

void rule_daemon(struct reading *r)
{
    if (!r->daemon)
        return;
    ports_check(r);
    socket_check(r);
}
