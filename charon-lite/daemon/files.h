/* SPDX-License-Identifier: Apache-2.0 */
/* From paths to a snapshot: which files, their content, what the reader of the configuration needs from the outside. */
#ifndef CHARON_DAEMON_FILES_H
#define CHARON_DAEMON_FILES_H

#include "conf/conf.h"

struct files {
    struct arena arena;
    const char **v; /* in the order of reading; absolute where they were found in a directory */
    size_t n, cap;
};
/* Files as they are, of directories all *.yaml, sorted by name. 0, or ERR_* and why. Always to be ended by files_done(). */
int files_find(const char *const *paths, size_t n, struct files *out, struct text *why) MUST_USE;
void files_done(struct files *);

/* Whole file, at most FILE_BYTES_MAX; the `load` of conf_setup. */
#define FILE_BYTES_MAX (16u << 20)
int files_load(void *ctx, const char *path, struct buf *out);

/* The snapshot, or NULL and the report. `probe`: also look at the secrets, keys and certificates that it names. */
struct conf *files_read(const struct files *, uint32_t generation, bool probe, struct conf_report *);
/* The report as text, allocated; free(). */
char *files_report(const struct conf_report *);

#endif
