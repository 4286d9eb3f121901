/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's datagrams: READY=1, RELOADING=1, STOPPING=1, WATCHDOG=1, STATUS=... */
#ifndef CHARON_DAEMON_NOTIFY_H
#define CHARON_DAEMON_NOTIFY_H

#include "base/base.h"

void notify_send(const char *state); /* nothing when no manager listens */
usec_t notify_watchdog(void);        /* how often it wants WATCHDOG=1 (half of its limit), USEC_NEVER = not at all */

#endif
