/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files - from paths to a snapshot: which files, and their content as it was when they were read first. So that other processes,
 * which may open nothing, make the very same snapshot, the whole bundle can be written to bytes and read back.
 */
#ifndef CHARON_DAEMON_FILES_H
#define CHARON_DAEMON_FILES_H

#include "conf/conf.h"

struct files_content {
    const char *path;
    struct span data; /* in the arena */
};
struct files {
    struct arena arena;
    const char **v; /* configuration files, in the order of reading */
    size_t n, cap;
    struct files_content *contents; /* of all that was read: those, and trust anchors */
    size_t n_contents, cap_contents;
    bool sealed; /* came as bytes: nothing is opened */
};
#define FILE_BYTES_MAX (16u << 20)  /* one file */
#define FILES_BYTES_MAX (56u << 20) /* all of them: what one frame of a channel holds */

/* Files as they are, of directories all *.yaml, sorted by name. 0, or ERR_* and why. Always to be ended by files_done(). */
int files_find(const char *const *paths, size_t n, struct files *out, struct text *why) MUST_USE;
void files_done(struct files *);
void files_put(const struct files *, struct buf *out);
int files_get(struct reader *, struct files *out) MUST_USE; /* 0 or ERR_BAD; to be ended by files_done() either way */

/* The snapshot, or NULL and the report. `previous`, which may be NULL: the one that runs; connections keep their index of it.
 * `probe`: also look at the secrets, keys and certificates that it names. */
struct conf *files_read(struct files *, uint32_t generation, const struct conf *previous, bool probe, struct conf_report *);
/* The report as text, allocated; free(). */
char *files_report(const struct conf_report *);
/* Whole content of a file; 0 or ERR_*. ctx is not used: fits the `load` of conf and judge. */
int files_load(void *ctx, const char *path, struct buf *out);

#endif
