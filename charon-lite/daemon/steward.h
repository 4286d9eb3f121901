/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steward - the parent's work: the configuration and its reloads, the control socket, the log, signals, the service manager. It
 * opens what needs privilege, starts the crew, and reads nothing from the network.
 */
#ifndef CHARON_DAEMON_STEWARD_H
#define CHARON_DAEMON_STEWARD_H

#include "daemon/crew.h"

/* Until the daemon is stopped: the exit status. */
int steward_run(const struct options *);
/* --check: the report on standard error; 0 = good. */
int steward_check(const struct options *);

#endif
