/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that turns facts into lines on standard error: with a level prefix for the journal, with the time for others. */
#ifndef CHARON_DAEMON_LOG_H
#define CHARON_DAEMON_LOG_H

#include "port/tell.h"

struct log {
    enum level max; /* what is less important is not written */
    bool journal;
};
void log_init(struct log *, enum level max);
void log_tell(const struct log *, const struct tell *);
void log_say(const struct log *, enum level, const char *fmt, ...) PRINTF(3, 4);

#endif
