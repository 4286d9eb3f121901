/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "daemon/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MACHINE_ID_MAX = 32, CONTENT_MAX = TOKEN_SECRET_LEN + MACHINE_ID_MAX };

/* The machine's, without its line end; 0 = it has none. */
static size_t machine_id(uint8_t out[MACHINE_ID_MAX])
{
    int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n = fd < 0 ? 0 : read(fd, out, MACHINE_ID_MAX);

    if (fd >= 0)
        close(fd);
    return n == MACHINE_ID_MAX ? MACHINE_ID_MAX : 0;
}

struct span token_file_read(int fd, uint8_t room[TOKEN_SECRET_LEN])
{
    return fd >= 0 && pread(fd, room, TOKEN_SECRET_LEN, 0) == TOKEN_SECRET_LEN ? span_of(room, TOKEN_SECRET_LEN) : SPAN_NONE;
}

/* 0, ERR_NOT_FOUND (not whole, or of another machine: to be made anew), ERR_REFUSED and why (others may know it). */
static int look(int fd, struct text *why)
{
    uint8_t was[CONTENT_MAX], is[MACHINE_ID_MAX];
    ssize_t len = pread(fd, was, sizeof(was), 0);
    size_t n = machine_id(is);
    bool cloned = len == CONTENT_MAX && n && memcmp(was + TOKEN_SECRET_LEN, is, n) != 0;
    struct stat st;

    secret_wipe(was, sizeof(was));
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077) {
        text_add(why, "it must be a file of ours alone (mode 600)");
        return ERR_REFUSED;
    }
    return cloned || len < TOKEN_SECRET_LEN ? ERR_NOT_FOUND : 0;
}

static int open_there(int dir, struct text *why)
{
    int fd = openat(dir, "qcd-secret", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    int err = fd >= 0 ? look(fd, why) : errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;

    if (err == ERR_IO)
        text_add(why, "%s", strerror(errno));
    if (err && fd >= 0)
        close(fd);
    return err ? err : fd;
}

static bool content_write(int fd)
{
    uint8_t all[CONTENT_MAX];
    size_t len = TOKEN_SECRET_LEN + machine_id(all + TOKEN_SECRET_LEN);
    bool ok = getrandom(all, TOKEN_SECRET_LEN, 0) == TOKEN_SECRET_LEN && write(fd, all, len) == (ssize_t)len && !fsync(fd);

    secret_wipe(all, sizeof(all));
    return ok;
}

/* Whole or not at all, whatever happens in between. */
static int make(int dir, struct text *why)
{
    int fd;
    bool ok;

    unlinkat(dir, "qcd-secret.new", 0);
    fd = openat(dir, "qcd-secret.new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    ok = fd >= 0 && content_write(fd) && !renameat(dir, "qcd-secret.new", dir, "qcd-secret") && !fsync(dir);
    if (!ok)
        text_add(why, "%s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok ? 0 : ERR_IO;
}

int token_file_open(const char *path, struct text *why)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

    text_add(why, "%s/qcd-secret: ", path);
    if (dir < 0) {
        text_add(why, "%s", strerror(errno));
        return ERR_IO;
    }
    fd = open_there(dir, why);
    if (fd == ERR_NOT_FOUND) {
        fd = make(dir, why);
        fd = fd ? fd : open_there(dir, why);
    }
    close(dir);
    return fd;
}
