/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_send(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    int fd;

    if (len < 2 || len >= sizeof(at.sun_path) || (*path != '/' && *path != '@'))
        return;
    memcpy(at.sun_path, path, len);
    if (*path == '@')
        at.sun_path[0] = '\0'; /* an abstract name */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&at,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

usec_t notify_watchdog(void)
{
    const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    long long usec = text ? atoll(text) : 0;

    if (usec <= 0 || (pid && atoll(pid) != getpid()))
        return USEC_NEVER;
    return usec / 2;
}
