/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    _Alignas(16) uint8_t bytes[];
};
#define ARENA_BLOCK 4000
#define ARENA_BLOCK_MAX 65000 /* what grows much takes it in larger pieces: few headers to touch when they are freed */

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

static void block_free(struct arena_block *b)
{
    explicit_bzero(b->bytes, b->used);
    free(b);
}

void arena_done(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *b = a->blocks;

        a->blocks = b->next;
        block_free(b);
    }
    a->used = 0;
    a->failed = false;
}

void arena_reset(struct arena *a)
{
    struct arena_block *keep = a->blocks;

    if (keep && keep->size <= ARENA_BLOCK) {
        a->blocks = keep->next;
        arena_done(a);
        explicit_bzero(keep->bytes, keep->used);
        keep->used = 0;
        keep->next = NULL;
        a->blocks = keep;
    } else {
        arena_done(a);
    }
}

/* An eighth more than there is, within bounds. */
static size_t block_room(const struct arena *a, size_t size)
{
    size_t room = a->used / 8;

    if (room < ARENA_BLOCK)
        room = ARENA_BLOCK;
    if (room > ARENA_BLOCK_MAX)
        room = ARENA_BLOCK_MAX;
    return size > room ? size : room;
}

static struct arena_block *block_new(struct arena *a, size_t size)
{
    size_t room = block_room(a, size);
    struct arena_block *b = malloc(sizeof(*b) + room);

    if (!b)
        return NULL;
    b->size = room;
    b->used = 0;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

bool arena_ready(struct arena *a)
{
    return a->blocks || block_new(a, 0);
}

void arena_join(struct arena *into, struct arena *from)
{
    struct arena_block **end = &into->blocks;

    while (*end)
        end = &(*end)->next;
    *end = from->blocks;
    into->used += from->used;
    into->failed |= from->failed;
    arena_init(from, from->max);
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *b = a->blocks;
    size_t round;
    void *p;

    if (a->failed || size > a->max || a->used > a->max - size) {
        a->failed = true;
        return NULL;
    }
    round = (size + 15) & ~(size_t)15;
    if (!b || b->size - b->used < round)
        b = block_new(a, round);
    if (!b) {
        a->failed = true;
        return NULL;
    }
    p = b->bytes + b->used;
    b->used += round;
    a->used += round;
    memset(p, 0, round);
    return p;
}

struct span arena_copy(struct arena *a, struct span s)
{
    uint8_t *p = s.len ? arena_alloc(a, s.len) : NULL;

    if (!p)
        return SPAN_NONE;
    memcpy(p, s.p, s.len);
    return span_of(p, s.len);
}

char *arena_string(struct arena *a, const char *s)
{
    size_t n = s ? strlen(s) + 1 : 0;
    char *p = n ? arena_alloc(a, n) : NULL;

    if (p)
        memcpy(p, s, n);
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    char few[256]; /* most fit, and are formatted once */
    va_list args;
    char *p;
    int n;

    va_start(args, fmt);
    n = vsnprintf(few, sizeof(few), fmt, args);
    va_end(args);
    p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p && (size_t)n < sizeof(few)) {
        memcpy(p, few, (size_t)n + 1);
    } else if (p) {
        va_start(args, fmt);
        vsnprintf(p, (size_t)n + 1, fmt, args);
        va_end(args);
    }
    explicit_bzero(few, n < 0 || (size_t)n >= sizeof(few) ? sizeof(few) : (size_t)n + 1);
    return p;
}
