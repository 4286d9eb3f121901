/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "loop/worker.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/words.h"

#define WORK_TURN (2 * USEC_MSEC)

struct job {
    struct list link;
    struct buf words; /* what `ask` borrows from */
    struct arena arena;
    struct ask ask;
    struct answer answer;
};
struct workers {
    struct workers_setup setup;
    struct watch *watch;
    int fd;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct list todo, done; /* under the lock */
    size_t n_todo, busy;
    bool stopping;
    bool here; /* no threads */
    unsigned n_threads;
    pthread_t threads[];
};

static struct job *job_free(struct job *j)
{
    buf_done(&j->words);
    arena_done(&j->arena);
    free(j);
    return NULL;
}

static struct job *job_new(const struct alg_registry *algs, const struct ask *ask)
{
    struct job *j = calloc(1, sizeof(*j));

    if (!j)
        return NULL;
    buf_init(&j->words, WORDS_MAX);
    arena_init(&j->arena, WORDS_MAX);
    words_put_ask(&j->words, ask);

    struct reader r = reader_of(buf_view(&j->words));

    if (j->words.failed || words_get_ask(&r, algs, &j->arena, &j->ask))
        return job_free(j);
    j->answer = (struct answer){.ticket = ask->ticket, .kind = ask->kind, .result = ANSWER_FAILED};
    return j;
}

static struct job *job_take(struct list *from)
{
    struct job *j = NULL;

    if (!list_empty(from)) {
        j = LIST_ITEM(from->next, struct job, link);
        list_remove(&j->link);
    }
    return j;
}

static struct job *worker_wait(struct workers *w)
{
    struct job *j;

    pthread_mutex_lock(&w->lock);
    while (list_empty(&w->todo) && !w->stopping)
        pthread_cond_wait(&w->more, &w->lock);
    j = w->stopping ? NULL : job_take(&w->todo);
    if (j)
        w->n_todo--;
    pthread_mutex_unlock(&w->lock);
    return j;
}

static void *worker_main(void *arg)
{
    struct workers *w = arg;
    struct job *j;

    while ((j = worker_wait(w))) {
        w->setup.run(w->setup.ctx, &j->ask, &j->answer, &j->arena);
        pthread_mutex_lock(&w->lock);
        bool first = list_empty(&w->done);

        list_append(&w->done, &j->link);
        pthread_mutex_unlock(&w->lock);
        if (first && write(w->fd, &(uint64_t){1}, sizeof(uint64_t)) < 0)
            continue; /* the counter is full: the loop will wake anyway */
    }
    return NULL;
}

static void job_deliver(struct workers *w, struct job *j)
{
    w->busy--;
    w->setup.done(w->setup.ctx, &j->answer);
    job_free(j);
}

static bool job_do(struct workers *w)
{
    struct job *j = job_take(&w->todo);

    if (!j)
        return false;
    w->n_todo--;
    w->setup.run(w->setup.ctx, &j->ask, &j->answer, &j->arena);
    job_deliver(w, j);
    return true;
}

/* Without threads: as many jobs as fit into WORK_TURN, so that between them the loop looks at whatever else has come, and what
 * they lead to goes out together. The counter stays above zero, and wakes it, while there are more. */
static void workers_work(struct workers *w)
{
    usec_t until = loop_now() + WORK_TURN;
    uint64_t count;

    while (job_do(w) && loop_now() < until)
        ;
    if (list_empty(&w->todo) && read(w->fd, &count, sizeof(count)) < 0)
        return; /* the next job writes again */
}

static void workers_deliver(void *ctx, unsigned what)
{
    struct workers *w = ctx;
    struct list ready;
    struct job *j;
    uint64_t count;

    (void)what;
    if (w->here) {
        workers_work(w);
        return;
    }
    if (read(w->fd, &count, sizeof(count)) < 0)
        return;
    list_init(&ready);
    pthread_mutex_lock(&w->lock);
    while ((j = job_take(&w->done)))
        list_append(&ready, &j->link);
    pthread_mutex_unlock(&w->lock);
    while ((j = job_take(&ready)))
        job_deliver(w, j);
}

/* Signals belong to the loop's thread. */
static int thread_start(pthread_t *thread, struct workers *w)
{
    sigset_t all, old;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(thread, NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

unsigned workers_useful(unsigned most)
{
    cpu_set_t mine;

    return sched_getaffinity(0, sizeof(mine), &mine) == 0 && CPU_COUNT(&mine) == 1 ? 0 : most;
}

struct workers *workers_new(const struct workers_setup *setup)
{
    struct workers *w = calloc(1, sizeof(*w) + setup->threads * sizeof(w->threads[0]));

    if (!w)
        return NULL;
    w->setup = *setup;
    w->here = setup->threads == 0;
    list_init(&w->todo);
    list_init(&w->done);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->watch = w->fd < 0 ? NULL : loop_watch(setup->loop, w->fd, workers_deliver, w);
    if (!w->watch)
        return workers_free(w);
    while (w->n_threads < setup->threads && !thread_start(&w->threads[w->n_threads], w))
        w->n_threads++;
    return w->n_threads || w->here ? w : workers_free(w);
}

struct workers *workers_free(struct workers *w)
{
    struct job *j;

    if (!w)
        return NULL;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->n_threads; i++)
        pthread_join(w->threads[i], NULL);
    while ((j = job_take(&w->todo)) || (j = job_take(&w->done)))
        job_free(j);
    watch_free(w->watch);
    if (w->fd >= 0)
        close(w->fd);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w);
    return NULL;
}

static void job_give(struct workers *w, struct job *j)
{
    bool first = list_empty(&w->todo);

    list_append(&w->todo, &j->link);
    w->n_todo++;
    if (!w->here)
        pthread_cond_signal(&w->more);
    else if (first && write(w->fd, &(uint64_t){1}, sizeof(uint64_t)) < 0)
        return; /* the counter is full: the loop will wake anyway */
}

int workers_ask(struct workers *w, const struct ask *ask)
{
    struct job *j;
    int err = 0;

    j = job_new(w->setup.algs, ask);
    if (!j)
        return ERR_MEMORY;
    pthread_mutex_lock(&w->lock);
    if (w->n_todo >= w->setup.queue_max)
        err = ERR_LIMIT;
    else
        job_give(w, j);
    pthread_mutex_unlock(&w->lock);
    if (err)
        job_free(j);
    else
        w->busy++;
    return err;
}

size_t workers_busy(const struct workers *w)
{
    return w->busy;
}
