/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_watch - what the processes of a daemon use: a line for PID and each of its descendants,
 *
 *     PID NAME CPU_US CHILDREN_US THREADS PSS_KIB
 *
 *     bench_watch [-m] PID
 *
 * CPU_US is the time on a processor of all threads that live (schedstat, in nanoseconds), CHILDREN_US that of children that have
 * ended (in clock ticks); PSS_KIB is 0 without -m, for it is read slowly.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES_MAX 1024

struct process {
    long pid, parent;
    unsigned long children_ticks;
    char name[64];
};
static struct process all[PROCESSES_MAX];
static size_t n_all;

static FILE *open_of(long pid, const char *what)
{
    char name[100];

    snprintf(name, sizeof(name), "/proc/%ld/%s", pid, what);
    return fopen(name, "r");
}

static int process_read(long pid, struct process *p)
{
    unsigned long user = 0, sys = 0;
    char line[1024], *open, *close;
    FILE *f = open_of(pid, "stat");
    int good = f && fgets(line, sizeof(line), f);

    if (f)
        fclose(f);
    open = good ? strchr(line, '(') : NULL;
    close = good ? strrchr(line, ')') : NULL;
    if (!open || !close)
        return -1;
    *close = 0;
    snprintf(p->name, sizeof(p->name), "%s", open + 1);
    for (char *c = p->name; *c; c++)
        if (*c == ' ')
            *c = '-';
    p->pid = pid;
    if (sscanf(close + 1, " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lu %lu", &p->parent, &user, &sys) != 3)
        return -1;
    p->children_ticks = user + sys;
    return 0;
}

static void processes_read(void)
{
    DIR *d = opendir("/proc");
    struct dirent *e;

    while (d && n_all < PROCESSES_MAX && (e = readdir(d)))
        if (strtol(e->d_name, NULL, 10) > 0 && !process_read(strtol(e->d_name, NULL, 10), &all[n_all]))
            n_all++;
    if (d)
        closedir(d);
}

static double cpu_us(long pid, unsigned *threads)
{
    char dir[64];
    double ns = 0;
    struct dirent *e;
    DIR *d;

    snprintf(dir, sizeof(dir), "/proc/%ld/task", pid);
    d = opendir(dir);
    while (d && (e = readdir(d))) {
        char name[64];
        double on = 0;
        FILE *f;

        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "task/%.20s/schedstat", e->d_name);
        f = open_of(pid, name);
        if (f && fscanf(f, "%lf", &on) == 1)
            ns += on;
        if (f)
            fclose(f);
        ++*threads;
    }
    if (d)
        closedir(d);
    return ns / 1e3;
}

static long pss_kib(long pid)
{
    char line[256];
    long kib = 0;
    FILE *f = open_of(pid, "smaps_rollup");

    while (f && fgets(line, sizeof(line), f) && sscanf(line, "Pss: %ld", &kib) != 1)
        ;
    if (f)
        fclose(f);
    return kib;
}

static int is_below(const struct process *p, long root)
{
    for (int depth = 0; depth < 32; depth++) {
        size_t i = 0;

        if (p->pid == root)
            return 1;
        while (i < n_all && all[i].pid != p->parent)
            i++;
        if (i == n_all)
            return 0;
        p = &all[i];
    }
    return 0;
}

int main(int argc, char **argv)
{
    int memory = argc > 2 && !strcmp(argv[1], "-m"), found = 0;
    long root = argc > 1 ? strtol(argv[argc - 1], NULL, 10) : 0;

    if (root <= 0) {
        fprintf(stderr, "usage: bench_watch [-m] PID\n");
        return 2;
    }
    processes_read();
    for (size_t i = 0; i < n_all; i++) {
        unsigned threads = 0;
        double us;

        if (!is_below(&all[i], root))
            continue;
        us = cpu_us(all[i].pid, &threads);
        printf("%ld %s %.1f %.0f %u %ld\n", all[i].pid, all[i].name, us,
               (double)all[i].children_ticks * 1e6 / (double)sysconf(_SC_CLK_TCK), threads, memory ? pss_kib(all[i].pid) : 0);
        found = 1;
    }
    return !found;
}
