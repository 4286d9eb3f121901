/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/keylog.h"
#include "config.h"

#ifdef KEYLOG
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

int keylog_open(const char *path, struct text *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0)
        return fd;
    text_add(why, "keylog: %s: %s", path, strerror(errno));
    return ERR_IO;
}

static void add_key(struct text *t, const char *name, const struct secret *key)
{
    char hex[2 * 64 + 1];

    if (!key->len)
        return;
    hex_format(hex, sizeof(hex), secret_view(key));
    text_add(t, " %s=%s", name, hex);
    secret_wipe(hex, sizeof(hex));
}

void keylog_write(void *ctx, uint64_t spi_i, uint64_t spi_r, const struct suite *s, const struct ike_keys *k)
{
    char line[1024];
    struct text t = text_in(line, sizeof(line));

    text_add(&t, "spi_i=%016" PRIx64 " spi_r=%016" PRIx64 " encr=%s", spi_i, spi_r, s->encr->name);
    if (s->integ)
        text_add(&t, " integ=%s", s->integ->name);
    add_key(&t, "sk_ai", &k->ai);
    add_key(&t, "sk_ar", &k->ar);
    add_key(&t, "sk_ei", &k->ei);
    add_key(&t, "sk_er", &k->er);
    text_add(&t, "\n");
    if (write(*(const int *)ctx, line, t.len) < 0)
        t.len = 0; /* a full disk must not stop the daemon */
    secret_wipe(line, sizeof(line));
}
#endif
