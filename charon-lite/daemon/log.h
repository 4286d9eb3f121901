/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that turns facts into lines on standard error: with a level prefix for the journal, with the time for others.
 * Each line is written at once, or, where somebody flushes at the end of each turn, with the other lines of the turn; a warning
 * and what is graver never waits. */
#ifndef CHARON_DAEMON_LOG_H
#define CHARON_DAEMON_LOG_H

#include "port/tell.h"

#define LOG_HELD_MAX 16384
struct log {
    enum level max; /* what is less important is not written */
    bool journal;
    bool holds;     /* somebody calls log_flush() */
    int64_t second; /* of `when` */
    char when[40];
    size_t n_held;
    char held[LOG_HELD_MAX];
};
void log_init(struct log *, enum level max);
void log_tell(struct log *, const struct tell *);
void log_say(struct log *, enum level, const char *fmt, ...) PRINTF(3, 4);
void log_flush(void *log);

#endif
