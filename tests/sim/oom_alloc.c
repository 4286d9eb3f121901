/* SPDX-License-Identifier: Apache-2.0 */
/* Between everybody and the allocator. Linked with --wrap; without a sanitizer memory.c asks here too, for the libraries' sake.
 */
#include "config.h"
#include "memory.h"
#include "oom.h"

#include <stdlib.h>

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void __real_core_step(struct core *, const struct input *, struct outbox *);
void *__real_reallocarray(void *, size_t, size_t);
void *__wrap_reallocarray(void *, size_t, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void __wrap_core_step(struct core *, const struct input *, struct outbox *);

struct oom oom;

static bool refuses(void)
{
    if (!oom.inside)
        return false;
    oom.seen++;
    if (oom.seen < oom.from || oom.seen - oom.from >= oom.n)
        return false;
    oom.refused++;
    return true;
}

void oom_begin(const struct core *core, const struct hand *hand, uint64_t from, uint64_t n)
{
    oom = (struct oom){.on = true, .core = core, .hand = hand, .from = from, .n = n};
    memory_refuses = refuses;
}

void oom_end(void)
{
    oom.on = oom.inside = false;
}

void oom_enter(void)
{
    oom.inside = oom.on;
}

void oom_leave(void)
{
    oom.inside = false;
}

/* Where memory.c stands behind malloc(), it asks. */
#ifdef SANITIZED
#define REFUSED refuses()
#else
#define REFUSED false
#endif

void *__wrap_malloc(size_t n)
{
    return REFUSED ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return REFUSED ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return REFUSED ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return REFUSED ? NULL : __real_reallocarray(p, n, size);
}

void __wrap_core_step(struct core *c, const struct input *in, struct outbox *out)
{
    oom.inside = oom.on && c == oom.core;
    __real_core_step(c, in, out);
    oom.inside = false;
}
