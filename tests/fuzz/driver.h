/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without a fuzzer: over the files and folders named as arguments (or the folders that the target names
 * itself), and then over so many mutations of them. Everything follows from the seed, so that a failure can be had again:
 *
 *     fuzz_x [--seed N] [--runs N] [FILE | FOLDER]...
 *
 * With -fsanitize=fuzzer (and FUZZER defined) there is no main here. A target includes this file and defines
 *     static int fuzz_input(const uint8_t *data, size_t len);
 *     FUZZ_MAIN(100000, "wire")     how many mutations unless told otherwise, and the corpora: files or folders of tests/vectors
 * or, if it makes inputs of its own, has a main() that says their folder by fuzz_made and calls fuzz_main().
 * A file with a part [hex...] (tests/vectors/README) counts as the bytes that it says, any other as it is; --export FOLDER writes
 * them all there as bytes, for a fuzzer to begin with.
 *
 * No input may cost more than FUZZ_LIMIT_MS of processor time in a plain build; what sanitizers and coverage cost on top is
 * allowed for, generously. Who exceeds it gets a second chance, as a machine with much to do counts faults of its own as ours.
 */
#ifndef CHARON_FUZZ_DRIVER_H
#define CHARON_FUZZ_DRIVER_H

#include "base/base.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static int fuzz_input(const uint8_t *data, size_t len);

#ifndef FUZZ_LIMIT_MS
#define FUZZ_LIMIT_MS 50
#endif
#if defined(FUZZ_SLOWER)
#elif defined(FUZZER)
#define FUZZ_SLOWER 40
#elif defined(__SANITIZE_ADDRESS__)
#define FUZZ_SLOWER 12
#else
#define FUZZ_SLOWER 1
#endif

static double fuzz_cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double fuzz_slowest; /* ms */

/* The input, within its time. */
static inline void fuzz_timed(const uint8_t *data, size_t len)
{
    double took = 0;

    for (int chance = 0; chance < 2; chance++) {
        double start = fuzz_cpu_ms();

        (void)fuzz_input(data, len);
        took = fuzz_cpu_ms() - start;
        if (took <= (double)FUZZ_LIMIT_MS * FUZZ_SLOWER) {
            fuzz_slowest = took > fuzz_slowest ? took : fuzz_slowest;
            return;
        }
    }
    fprintf(stderr, "%zu bytes took %.1f ms of processor time twice (limit %d ms, times %d for this build)\n", len, took,
            FUZZ_LIMIT_MS, FUZZ_SLOWER);
    abort();
}

#ifndef FUZZER
#define FUZZ_INPUT_MAX 70000
#define FUZZ_CORPUS_MAX 65536

static const char *fuzz_made; /* a folder of inputs that the target made itself; NULL: none */
static bool fuzz_own;         /* its own inputs were run, not those of arguments */

struct fuzz {
    uint64_t state; /* of the generator */
    struct span corpus[FUZZ_CORPUS_MAX];
    size_t n;
    uint8_t bytes[FUZZ_INPUT_MAX];
};

/* splitmix64: small, seeded, the same everywhere */
static uint64_t fuzz_next(struct fuzz *f)
{
    uint64_t z = f->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t fuzz_below(struct fuzz *f, size_t below)
{
    return below ? (size_t)(fuzz_next(f) % below) : 0;
}

/* Each input in memory of exactly its size, so that a sanitizer sees a read past it. */
static void fuzz_run(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    if (!copy)
        abort();
    if (len)
        memcpy(copy, data, len);
    fuzz_timed(copy, len);
    free(copy);
}

static void fuzz_keep(struct fuzz *f, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    if (!copy || f->n == FUZZ_CORPUS_MAX) {
        fprintf(stderr, "more than %d inputs\n", FUZZ_CORPUS_MAX);
        exit(2);
    }
    if (len)
        memcpy(copy, data, len);
    f->corpus[f->n++] = span_of(copy, len);
}

static void fuzz_load(struct fuzz *f, const char *path);

static void fuzz_load_folder(struct fuzz *f, const char *path)
{
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort); /* sorted, so that a seed means the same everywhere */

    for (int i = 0; i < n; i++) {
        char child[4096];

        snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            fuzz_load(f, child);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

/* The bytes after "[hex" of a vector file, up to the next "["; false when the file has no such part. */
static bool fuzz_load_hex(struct fuzz *f, char *text)
{
    char *at = strstr(text, "\n[hex");
    uint8_t bytes[8192];
    int n;

    if (!at || !(at = strchr(at + 1, '\n')))
        return false;
    at[1 + strcspn(at + 1, "[")] = '\0';
    n = hex_parse(at, bytes, sizeof(bytes));
    if (n > 0)
        fuzz_keep(f, bytes, (size_t)n);
    return n > 0;
}

static void fuzz_load(struct fuzz *f, const char *path)
{
    struct stat st;
    FILE *file;
    size_t n;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        fuzz_load_folder(f, path);
        return;
    }
    file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    n = fread(f->bytes, 1, sizeof(f->bytes) - 1, file);
    fclose(file);
    f->bytes[n] = '\0';
    if (!fuzz_load_hex(f, (char *)f->bytes))
        fuzz_keep(f, f->bytes, n);
}

/* One small change to f->bytes; returns the new length. */
static size_t fuzz_change(struct fuzz *f, size_t len)
{
    static const uint8_t telling[] = {0, 1, 2, 3, 4, 7, 8, 0x7f, 0x80, 0xfe, 0xff};
    size_t at = fuzz_below(f, len), n = fuzz_below(f, 16) + 1;
    struct span other;

    if (len == 0 || len > FUZZ_INPUT_MAX - 600)
        return len;
    switch (fuzz_below(f, 7)) {
    case 0:
        f->bytes[at] ^= (uint8_t)(1 << fuzz_below(f, 8));
        return len;
    case 1:
        f->bytes[at] = telling[fuzz_below(f, COUNT_OF(telling))];
        return len;
    case 2:
        f->bytes[at] = (uint8_t)fuzz_next(f);
        return len;
    case 3: /* cut the end */
        return at;
    case 4: /* take some out */
        n = n < len - at ? n : len - at;
        memmove(f->bytes + at, f->bytes + at + n, len - at - n);
        return len - n;
    case 5: /* say some twice */
        n = n < len - at ? n : len - at;
        memmove(f->bytes + at + n, f->bytes + at, len - at);
        return len + n;
    default: /* a piece of another input on top of it */
        other = f->corpus[fuzz_below(f, f->n)];
        n = fuzz_below(f, 64);
        other = span_part(other, fuzz_below(f, other.len), n < len - at ? n : len - at);
        if (other.len)
            memcpy(f->bytes + at, other.p, other.len);
        return len;
    }
}

static void fuzz_mutate(struct fuzz *f, size_t runs)
{
    for (size_t i = 0; i < runs && f->n > 0; i++) {
        struct span from = f->corpus[fuzz_below(f, f->n)];
        size_t len = from.len;

        if (len)
            memcpy(f->bytes, from.p, len);
        for (size_t k = fuzz_below(f, 6) + 1; k > 0; k--)
            len = fuzz_change(f, len);
        fuzz_run(f->bytes, len);
    }
}

/* tests/vectors/NAME beside this file, wherever the program was built or started. */
static void fuzz_load_own(struct fuzz *f, const char *name)
{
    const char *file = __FILE__, *cut = strstr(file, "fuzz/driver.h"), *srcdir = getenv("srcdir");
    char path[2][4096];
    struct stat st;

    snprintf(path[0], sizeof(path[0]), "%.*svectors/%s", (int)(cut ? cut - file : 0), file, name);
    snprintf(path[1], sizeof(path[1]), "%s/tests/vectors/%s", srcdir ? srcdir : ".", name);
    for (size_t i = 0; i < COUNT_OF(path); i++)
        if (stat(path[i], &st) == 0) {
            fuzz_load(f, path[i]);
            return;
        }
    fprintf(stderr, "tests/vectors/%s is not found\n", name);
    exit(2);
}

/* All inputs as files of bytes. */
static int fuzz_export(const struct fuzz *f, const char *folder)
{
    for (size_t i = 0; i < f->n; i++) {
        char path[4096];
        FILE *file;

        snprintf(path, sizeof(path), "%s/seed-%04zu", folder, i);
        file = fopen(path, "wb");
        if (!file || fwrite(f->corpus[i].p, 1, f->corpus[i].len, file) != f->corpus[i].len || fclose(file) != 0) {
            fprintf(stderr, "%s: cannot be written\n", path);
            return 2;
        }
    }
    return 0;
}

static int fuzz_main(int argc, char **argv, const char *const *folders, size_t runs)
{
    static struct fuzz f;
    uint64_t seed = 1;
    clock_t start = clock();
    const char *export = NULL;
    int i;

    for (i = 1; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--runs") == 0)
            runs = strtoul(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--export") == 0)
            export = argv[i + 1];
        else
            break;
    }
    fuzz_own = i == argc;
    for (; i < argc; i++)
        fuzz_load(&f, argv[i]);
    for (; fuzz_own && *folders; folders++)
        fuzz_load_own(&f, *folders);
    if (fuzz_own && fuzz_made)
        fuzz_load_folder(&f, fuzz_made);
    if (export)
        return fuzz_export(&f, export);
    fuzz_run(NULL, 0);
    for (size_t k = 0; k < f.n; k++)
        fuzz_run(f.corpus[k].p, f.corpus[k].len);
    f.state = seed;
    fuzz_mutate(&f, runs);
    printf("%zu inputs, %zu mutations with seed %llu, %.1f s, the slowest %.1f ms\n", f.n, f.n ? runs : 0,
           (unsigned long long)seed, (double)(clock() - start) / CLOCKS_PER_SEC, fuzz_slowest);
    for (size_t k = 0; k < f.n; k++)
        free((void *)(uintptr_t)f.corpus[k].p);
    return f.n ? 0 : 2;
}

#define FUZZ_MAIN(runs, ...)                                                                                                     \
    int main(int argc, char **argv)                                                                                              \
    {                                                                                                                            \
        static const char *const folders[] = {__VA_ARGS__, NULL};                                                                \
        return fuzz_main(argc, argv, folders, runs);                                                                             \
    }
#else
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    fuzz_timed(data, len);
    return 0;
}
#define FUZZ_MAIN(runs, ...)
#endif

#endif
