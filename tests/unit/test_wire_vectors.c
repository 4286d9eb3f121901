/* SPDX-License-Identifier: Apache-2.0 */
/* tests/vectors/wire: each message is read, compared with its text, written, and compared with its bytes. */
#include "wire/wire.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct vector {
    char *hex, *text, *error; /* parts, NULL where there is none */
    bool lossy, is_chain;
    uint8_t first;
    char file[65536];
};

/* A part of the file: what follows the line of `head`, up to the next part. Cuts the file there. */
static char *part_find(char *file, const char *head)
{
    char *at = strstr(file, head);

    assert_true(!at || at == file || at[-1] == '\n');
    return at ? strchr(at, '\n') + 1 : NULL;
}

static void vector_load(struct vector *v, const char *path)
{
    FILE *f = fopen(path, "r");
    size_t n;

    assert_non_null(f);
    n = fread(v->file, 1, sizeof(v->file) - 1, f);
    fclose(f);
    assert_true(n < sizeof(v->file) - 1);
    v->file[n] = '\0';
    v->hex = part_find(v->file, "[hex");
    v->text = part_find(v->file, "[text]\n");
    v->error = part_find(v->file, "[error]\n");
    v->lossy = part_find(v->file, "[lossy]\n") != NULL;
    assert_non_null(v->hex);
    assert_true(v->text || v->error);
    v->first = (uint8_t)atoi(strstr(v->file, "[hex") + 4);
    v->is_chain = v->first != 0;
    for (char *p = v->file; (p = strstr(p, "\n[")); p += 2)
        p[1] = '\0';
}

static void compare_text(const struct vector *v, const struct ike_header *h, const struct payload *list)
{
    static char array[65536];
    struct text text = text_in(array, sizeof(array));

    if (!v->text)
        return;
    msg_format(NULL, h, list, &text);
    assert_string_equal(array, v->text);
}

static void compare_error(const struct vector *v, const struct wire_error *why)
{
    char line[256];

    snprintf(line, sizeof(line), "%zu %s\n", why->offset, why->text);
    assert_string_equal(line, v->error);
}

static void compare_bytes(const struct ike_header *h, const struct payload *list, struct span bytes)
{
    struct buf b;

    buf_init(&b, IKE_DATAGRAM_MAX);
    if (h)
        msg_write(&b, h, list);
    else
        msg_write_payloads(&b, list);
    assert_false(b.failed);
    assert_int_equal(b.len, bytes.len);
    assert_memory_equal(b.p, bytes.p, b.len);
    buf_done(&b);
}

static void vector_check(const char *path)
{
    static struct vector v;
    static uint8_t bytes[16384];
    struct ike_header h = {0};
    struct payload *list = NULL;
    struct wire_error why;
    struct arena arena;
    int n, err = 0;
    size_t head;

    print_message("%s\n", path);
    vector_load(&v, path);
    n = hex_parse(v.hex, bytes, sizeof(bytes));
    assert_true(n > 0);
    head = v.is_chain ? 0 : IKE_HEADER_LEN;
    h.next = v.first;
    arena_init(&arena, 1 << 20);
    if (!v.is_chain)
        err = msg_read_header(span_of(bytes, (size_t)n), &h, &why);
    if (!err)
        err = msg_read_payloads(&arena, h.next, span_part(span_of(bytes, (size_t)n), head, sizeof(bytes)), head, &list, &why);
    compare_text(&v, v.is_chain ? NULL : &h, list);
    assert_int_equal(err != 0, v.error != NULL);
    if (v.error)
        compare_error(&v, &why);
    else if (!v.lossy)
        compare_bytes(v.is_chain ? NULL : &h, list, span_of(bytes, (size_t)n));
    arena_done(&arena);
}

/* The folder beside this file, wherever the program was built or started. */
static DIR *vectors_open(char path[512])
{
    const char *cut = strstr(__FILE__, "unit/test_wire_vectors.c"), *srcdir = getenv("srcdir");
    DIR *dir;

    snprintf(path, 512, "%.*svectors/wire", (int)(cut ? cut - __FILE__ : 0), __FILE__);
    dir = opendir(path);
    if (dir)
        return dir;
    snprintf(path, 512, "%s/tests/vectors/wire", srcdir ? srcdir : ".");
    return opendir(path);
}

static void all_vectors(void **state)
{
    char folder[512], path[1024];
    DIR *dir = vectors_open(folder);
    struct dirent *entry;
    int n = 0;

    (void)state;
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);

        if (len < 5 || strcmp(entry->d_name + len - 4, ".vec") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        vector_check(path);
        n++;
    }
    closedir(dir);
    print_message("%d vectors\n", n);
    assert_true(n >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_vectors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
