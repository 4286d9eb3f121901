/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHARON_DAEMON_OPTIONS_H
#define CHARON_DAEMON_OPTIONS_H

#include "base/base.h"

#define OPTIONS_PATHS_MAX 64

struct options {
    const char *paths[OPTIONS_PATHS_MAX]; /* files and directories with the configuration */
    size_t n_paths;
    const char *control; /* NULL = as configured */
    const char *state;   /* directory that outlives restarts */
    const char *keylog;  /* NULL = none; only in builds that have it */
    bool debug, dry_run, check, one_uid, one_process, sandbox_off;
};
/* Returns -1 to go on, or the exit status at once (help, version, a mistake; all said). */
int options_read(int argc, char **argv, struct options *out);

#endif
