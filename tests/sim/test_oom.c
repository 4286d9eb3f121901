/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory (oom.h).
 *
 *     test_oom                                a part of it, which changes with the clock; CHARON_OOM or CHARON_SIZE=full: all
 *     test_oom --part N/M                     every M-th allocation, from N
 *     test_oom --run core|hand CASE END once|ten|long K
 *                                             one run, with a trace
 */
#include "oom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SMALL 41 /* of developers: an allocation out of so many */

static int one(char **argv)
{
    static const char *const modes[] = {"once", "ten", "long"};
    struct oom_sum sum = {0};
    uint64_t seen;

    for (size_t i = 0; i < oom_n_cases; i++)
        for (enum oom_mode mode = 0; mode < OOM_MODES; mode++) {
            bool ok;

            if (strcmp(argv[1], oom_cases[i].name) != 0 || strcmp(argv[3], modes[mode]) != 0)
                continue;
            ok = oom_run(&oom_cases[i], (unsigned)atoi(argv[2]) & 1, !strcmp(argv[0], "hand"), mode, strtoull(argv[4], NULL, 10),
                         true, &seen, &sum);
            printf("%s # %llu allocations\n", ok ? "ok" : "not ok", (unsigned long long)seen);
            return !ok;
        }
    fprintf(stderr, "no such case\n");
    return 2;
}

static int part_of(const char *name, unsigned n, void (*fn)(unsigned, unsigned, struct oom_sum *), unsigned part, unsigned step)
{
    struct oom_sum sum = {0};
    clock_t began = clock();

    fn(part, step, &sum);
    printf("# counted: out of memory: %s: %lu runs, %lu allocations refused (part %u of %u), %lu failed, %.1f s\n", name,
           sum.runs, sum.refused, part, step, sum.failed, (double)(clock() - began) / CLOCKS_PER_SEC);
    printf("%s %u - %s\n", sum.failed ? "not ok" : "ok", n, name);
    return sum.failed != 0;
}

int main(int argc, char **argv)
{
    const char *size = getenv("CHARON_OOM") ? getenv("CHARON_OOM") : getenv("CHARON_SIZE");
    unsigned part = (unsigned)time(NULL) % SMALL, step = SMALL;

    if (size && !strcmp(size, "full"))
        part = 0, step = 1;
    if (argc == 7 && !strcmp(argv[1], "--run"))
        return one(argv + 2);
    if (argc > 1 && (argc != 3 || strcmp(argv[1], "--part") != 0 || sscanf(argv[2], "%u/%u", &part, &step) != 2 || part >= step))
        return fprintf(stderr, "usage: test_oom [--part N/M] [--run core|hand CASE END once|ten|long K]\n"), 2;
    printf("1..3\n");
    return part_of("the core", 1, oom_cores, part, step) | part_of("the hand", 2, oom_hands, part, step) |
           part_of("reading a configuration", 3, oom_conf, part, step);
}
