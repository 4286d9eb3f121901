/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/ctl.h"

static bool alive(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool yes = fd >= 0 && (!connect(fd, (const struct sockaddr *)at, sizeof(*at)) || errno == EAGAIN);

    if (fd >= 0)
        close(fd);
    return yes;
}

static int find_group(const char *group, gid_t *gid, struct text *why)
{
    struct group *g;

    *gid = (gid_t)-1;
    if (!group)
        return 0;
    g = getgrnam(group);
    if (!g) {
        text_add(why, "control_group: there is no group \"%s\" (make it with: groupadd --system %s)", group, group);
        return ERR_NOT_FOUND;
    }
    *gid = g->gr_gid;
    return 0;
}

/* Never open to others, not even between bind and chmod. */
static int bind_closed(int fd, const struct sockaddr_un *at, gid_t gid)
{
    mode_t old = umask(0177);
    int err = bind(fd, (const struct sockaddr *)at, sizeof(*at));

    umask(old);
    if (!err && gid != (gid_t)-1 && chown(at->sun_path, (uid_t)-1, gid))
        err = -1;
    if (!err && chmod(at->sun_path, 0660))
        err = -1;
    return err ? err : listen(fd, 16);
}

static void make_directory(const char *path)
{
    char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];

    strncpy(copy, path, sizeof(copy) - 1);
    copy[sizeof(copy) - 1] = '\0';
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(copy, 0755); /* where it fails, bind says so */
        *slash = '/';
    }
}

/* A socket that an earlier run left goes; anything else that stands there is somebody's, and stays. */
static int clear_place(const char *path, struct text *why)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return 0;
    if (S_ISSOCK(st.st_mode)) {
        unlink(path);
        return 0;
    }
    text_add(why,
             "control socket: %s is there and is not a socket; nothing was touched (name another path with -s or control_socket)",
             path);
    return ERR_EXISTS;
}

int ctl_listen(const char *path, const char *group, gid_t *gid, struct text *why)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    int fd, err = find_group(group, gid, why);

    if (err)
        return err;
    if (len >= sizeof(at.sun_path)) {
        text_add(why, "control socket: %s is longer than %zu characters", path, sizeof(at.sun_path) - 1);
        return ERR_LIMIT;
    }
    memcpy(at.sun_path, path, len);
    if (alive(&at)) {
        text_add(why, "control socket: a daemon answers on %s already", path);
        return ERR_EXISTS;
    }
    make_directory(path);
    err = clear_place(path, why);
    if (err)
        return err;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && !bind_closed(fd, &at, *gid))
        return fd;
    text_add(why, "control socket: cannot listen on %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return ERR_IO;
}
