/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that each thread has for itself from its first use on and that is freed with the thread: workers come and go. */
#ifndef CHARON_ALG_PER_THREAD_H
#define CHARON_ALG_PER_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct per_thread {
    size_t size;          /* bytes, all zero at first */
    void (*free)(void *); /* frees what is in it, and it */
    pthread_mutex_t lock;
    atomic_bool made;
    pthread_key_t key;
};
#define PER_THREAD(size, free)                                                                                                   \
    {                                                                                                                            \
        (size), (free), PTHREAD_MUTEX_INITIALIZER, false, 0                                                                      \
    }

/* This thread's; NULL without memory. */
static inline void *per_thread(struct per_thread *p)
{
    void *own;

    if (!p->made) {
        pthread_mutex_lock(&p->lock);
        if (!p->made)
            p->made = pthread_key_create(&p->key, p->free) == 0;
        pthread_mutex_unlock(&p->lock);
        if (!p->made)
            return NULL;
    }
    own = pthread_getspecific(p->key);
    if (own)
        return own;
    own = calloc(1, p->size);
    if (own && pthread_setspecific(p->key, own) != 0) {
        free(own);
        own = NULL;
    }
    return own;
}

#endif
