/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the bytes that are allocated, exactly: the C library's own statistics count its caches as used. */
#include "memory.h"
#include "config.h"

#include <malloc.h>

bool (*memory_refuses)(void);

#ifdef SANITIZED /* the sanitizers have allocators, and a leak check, of their own */
size_t memory_in_use(void)
{
    return 0;
}
#else
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void __libc_free(void *);

static size_t in_use;

size_t memory_in_use(void)
{
    return in_use;
}

void *malloc(size_t n)
{
    void *p = memory_refuses && memory_refuses() ? NULL : __libc_malloc(n);

    in_use += p ? malloc_usable_size(p) : 0;
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = memory_refuses && memory_refuses() ? NULL : __libc_calloc(n, size);

    in_use += p ? malloc_usable_size(p) : 0;
    return p;
}

void *realloc(void *old, size_t n)
{
    size_t before = old ? malloc_usable_size(old) : 0;
    void *p = n && memory_refuses && memory_refuses() ? NULL : __libc_realloc(old, n);

    if (p || !n)
        in_use += (p ? malloc_usable_size(p) : 0) - before;
    return p;
}

void free(void *p)
{
    in_use -= p ? malloc_usable_size(p) : 0;
    __libc_free(p);
}
#endif
