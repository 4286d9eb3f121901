/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that dies all at once. An arena remembers its own failure: an allocation past its limit returns NULL, and
 * every later one too; whoever owns it then drops the exchange, an ordinary path. Wiped when freed. */
#ifndef CHARON_BASE_ARENA_H
#define CHARON_BASE_ARENA_H

#include "base.h"

struct arena_block;
struct arena {
    struct arena_block *blocks;
    size_t used, max;
    bool failed;
};
void arena_init(struct arena *, size_t max);
bool arena_ready(struct arena *);                        /* has it some memory to begin with */
void arena_done(struct arena *);                         /* wipes and frees all; the arena may be used again */
void arena_reset(struct arena *);                        /* like done, but keeps one block for the next use */
void arena_join(struct arena *into, struct arena *from); /* `into` owns what `from` owned; `from` is empty */
void *arena_alloc(struct arena *, size_t size);          /* zeroed, 16-byte aligned; NULL when failed */
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
struct span arena_copy(struct arena *, struct span); /* SPAN_NONE when failed or empty */
char *arena_string(struct arena *, const char *s);   /* a copy; NULL for NULL or when failed */
char *arena_printf(struct arena *, const char *fmt, ...) PRINTF(2, 3);

#endif
