/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets in files. A secret that others could have read is no secret any more: such a file is refused, not repaired. */
#include "vault/keystore.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path_of(const char *ref)
{
    return strncmp(ref, "file:", 5) == 0 ? ref + 5 : ref;
}

static int check_secret(const struct stat *st, const char *path, struct text *why)
{
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        text_add(why, "%s belongs to user %u: a secret must belong to root or to the user of the service (chown root %s)", path,
                 (unsigned)st->st_uid, path);
        return ERR_REFUSED;
    }
    if (st->st_mode & 077) {
        text_add(why, "%s has mode %04o: others could read the secret (chmod 600 %s)", path, (unsigned)(st->st_mode & 07777),
                 path);
        return ERR_REFUSED;
    }
    return 0;
}

static int check_file(int fd, enum keystore_kind kind, const char *path, size_t *size, struct text *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        text_add(why, "%s: %m", path);
        return ERR_IO;
    }
    if (!S_ISREG(st.st_mode)) {
        text_add(why, "%s is not a regular file", path);
        return ERR_REFUSED;
    }
    if (st.st_size < 0 || (uintmax_t)st.st_size > KEYSTORE_FILE_MAX) {
        text_add(why, "%s is larger than %zu bytes: too large for a key or certificate", path, KEYSTORE_FILE_MAX);
        return ERR_LIMIT;
    }
    *size = (size_t)st.st_size;
    return kind == KEYSTORE_CERT ? 0 : check_secret(&st, path, why);
}

int keystore_read_fd(int fd, enum keystore_kind kind, const char *ref, struct secret *out, struct text *why)
{
    const char *path = path_of(ref);
    size_t size = 0, done = 0;
    int err = check_file(fd, kind, path, &size, why);

    if (err == 0)
        err = secret_new(out, size);
    while (err == 0 && done < size) {
        ssize_t n = pread(fd, out->p + done, size - done, (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            text_add(why, n < 0 ? "%s: %m" : "%s shrank while it was read", path);
            err = ERR_IO;
        } else {
            done += (size_t)n;
        }
    }
    if (err != 0)
        secret_done(out);
    return err;
}

static int open_error(const char *path, struct text *why)
{
    int err;

    if (errno == ELOOP) {
        text_add(why, "%s is a symbolic link: name the file itself", path);
        return ERR_REFUSED;
    }
    err = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
    text_add(why, "%s: %m", path);
    return err;
}

static int file_load(void *ctx, enum keystore_kind kind, const char *ref, struct secret *out, struct text *why)
{
    /* O_NONBLOCK: opening a FIFO must not wait for a writer. Links are common, and harmless, for public files. */
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (kind == KEYSTORE_CERT ? 0 : O_NOFOLLOW);
    int fd = open(path_of(ref), flags);
    int err;

    (void)ctx;
    if (fd < 0)
        return open_error(path_of(ref), why);
    err = keystore_read_fd(fd, kind, ref, out, why);
    close(fd);
    return err;
}

const struct keystore keystore_file = {.load = file_load};
