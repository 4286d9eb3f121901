/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of quick crash detection (RFC 6290): the vault's arithmetic, and the file that its secret lives in. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/token_file.h"
#include "vault/vault.h"

static void fill(void *ctx, uint8_t *out, size_t len)
{
    memset(out, ++*(uint8_t *)ctx, len);
}

static uint8_t fills;
static const struct rng rng = {fill, &fills};
static const struct keystore none;

static void secret_counting(uint8_t out[TOKEN_SECRET_LEN])
{
    for (size_t i = 0; i < TOKEN_SECRET_LEN; i++)
        out[i] = (uint8_t)i;
}

/* printf '\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18' | openssl mac -digest SHA256 -macopt
 * hexkey:000102...1f HMAC */
static void known_answer(void **state)
{
    static const uint8_t want[TOKEN_LEN] = {0x07, 0x21, 0x5B, 0x99, 0x8B, 0x9A, 0x99, 0x0C,
                                            0x5C, 0xC6, 0xA1, 0x60, 0xE9, 0x18, 0x0B, 0x48};
    uint8_t secret[TOKEN_SECRET_LEN], out[TOKEN_LEN], other[TOKEN_LEN];

    (void)state;
    secret_counting(secret);
    assert_int_equal(token_make(span_of(secret, 32), 0x0102030405060708, 0x1112131415161718, out), 0);
    assert_memory_equal(out, want, TOKEN_LEN);
    assert_int_equal(token_make(span_of(secret, 32), 0x1112131415161718, 0x0102030405060708, other), 0);
    assert_memory_not_equal(out, other, TOKEN_LEN);
    secret[31] ^= 1;
    assert_int_equal(token_make(span_of(secret, 32), 0x0102030405060708, 0x1112131415161718, other), 0);
    assert_memory_not_equal(out, other, TOKEN_LEN);
}

static struct vault *vault_of(struct span secret)
{
    const struct vault_setup setup = {&none, &rng, secret};

    return vault_new(&setup);
}

static struct span ask_for(struct vault *v, uint64_t spi_i, uint64_t spi_r, struct arena *arena)
{
    struct ask ask = {.to = ASK_VAULT, .kind = ASK_TOKEN, .ticket = {3, 4}, .u.token = {spi_i, spi_r}};
    struct answer a;

    vault_answer(v, &ask, &a, arena);
    assert_int_equal(a.ticket.slot, 3);
    assert_int_equal(a.kind, ASK_TOKEN);
    assert_int_equal(a.result, spi_i && spi_r ? ANSWER_OK : ANSWER_FAILED);
    return a.result == ANSWER_OK ? a.u.token.data : SPAN_NONE;
}

/* Two vaults with one secret are the vault before and after a restart. */
static void same_after_a_restart(void **state)
{
    struct vault *before, *after, *other, *other_again;
    uint8_t secret[TOKEN_SECRET_LEN];
    struct arena arena;

    (void)state;
    secret_counting(secret);
    arena_init(&arena, 10000);
    before = vault_of(span_of(secret, sizeof(secret)));
    after = vault_of(span_of(secret, sizeof(secret)));
    other = vault_of(SPAN_NONE);
    other_again = vault_of(SPAN_NONE);
    assert_true(span_equal(ask_for(before, 7, 8, &arena), ask_for(after, 7, 8, &arena)));
    assert_false(span_equal(ask_for(before, 7, 8, &arena), ask_for(after, 8, 7, &arena)));
    assert_true(span_equal(ask_for(other, 7, 8, &arena), ask_for(other, 7, 8, &arena)));
    assert_false(span_equal(ask_for(other, 7, 8, &arena), ask_for(other_again, 7, 8, &arena)));
    assert_int_equal(ask_for(before, 0, 8, &arena).len, 0); /* a pair that is none */
    assert_int_equal(ask_for(before, 7, 0, &arena).len, 0);
    assert_null(vault_of(span_of(secret, 31)));
    vault_free(before);
    vault_free(after);
    vault_free(other);
    vault_free(other_again);
    arena_done(&arena);
}

/* --- the file -------------------------------------------------------------------------------------------------------------- */

struct place {
    char dir[40], file[60];
};

static int place_make(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    strcpy(p->dir, "/tmp/token-XXXXXX");
    *state = p;
    if (!mkdtemp(p->dir))
        return -1;
    snprintf(p->file, sizeof(p->file), "%s/qcd-secret", p->dir);
    return 0;
}

static int place_end(void **state)
{
    struct place *p = *state;

    unlink(p->file);
    rmdir(p->dir);
    free(p);
    return 0;
}

/* 0 and the secret, or the error. */
static int start(const struct place *p, uint8_t secret[TOKEN_SECRET_LEN])
{
    char line[300];
    struct text why = text_in(line, sizeof(line));
    int fd = token_file_open(p->dir, &why);

    if (fd < 0) {
        assert_non_null(strstr(line, "qcd-secret: "));
        return fd;
    }
    assert_int_equal(token_file_read(fd, secret).len, TOKEN_SECRET_LEN);
    assert_int_equal(token_file_read(fd, secret).len, TOKEN_SECRET_LEN); /* a vault that is begun anew reads it again */
    close(fd);
    return 0;
}

static void made_once(void **state)
{
    uint8_t first[TOKEN_SECRET_LEN], second[TOKEN_SECRET_LEN], nothing[TOKEN_SECRET_LEN] = {0};
    struct stat st;

    assert_int_equal(start(*state, first), 0);
    assert_int_equal(stat(((struct place *)*state)->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(start(*state, second), 0);
    assert_memory_equal(first, second, TOKEN_SECRET_LEN);
    assert_memory_not_equal(first, nothing, TOKEN_SECRET_LEN);
    assert_int_equal(token_file_read(-1, first).len, 0);
}

static void rewrite(const struct place *p, const void *bytes, size_t len, mode_t mode)
{
    int fd = open(p->file, O_WRONLY | O_CREAT | O_TRUNC, mode);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static bool has_machine_id(void)
{
    struct stat st;

    return stat("/etc/machine-id", &st) == 0 && st.st_size >= 32;
}

/* A copy that came with a cloned disk is made anew; the bare secret, without a machine ID, is taken as it is. */
static void of_another_machine(void **state)
{
    uint8_t copy[TOKEN_SECRET_LEN + 32], secret[TOKEN_SECRET_LEN];

    memset(copy, 'x', sizeof(copy));
    rewrite(*state, copy, TOKEN_SECRET_LEN, 0600);
    assert_int_equal(start(*state, secret), 0);
    assert_memory_equal(secret, copy, TOKEN_SECRET_LEN);
    rewrite(*state, copy, sizeof(copy), 0600);
    assert_int_equal(start(*state, secret), 0);
    if (has_machine_id())
        assert_memory_not_equal(secret, copy, TOKEN_SECRET_LEN);
}

/* Half a file, as a crash of an earlier version of it might leave, is no secret; nor is one that others may read. */
static void not_as_it_should_be(void **state)
{
    uint8_t secret[TOKEN_SECRET_LEN];
    struct place *p = *state;

    rewrite(p, "short", 5, 0600);
    assert_int_equal(start(p, secret), 0);
    rewrite(p, secret, sizeof(secret), 0640);
    assert_int_equal(start(p, secret), ERR_REFUSED);
    unlink(p->file);
    assert_int_equal(symlink("/etc/machine-id", p->file), 0);
    assert_int_equal(start(p, secret), ERR_IO);
    unlink(p->file);
    assert_int_equal(mkdir(p->file, 0700), 0);
    assert_int_not_equal(start(p, secret), 0);
    rmdir(p->file);
    strcat(p->dir, "-gone");
    assert_int_equal(start(p, secret), ERR_IO);
    p->dir[strlen(p->dir) - 5] = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answer),
        cmocka_unit_test(same_after_a_restart),
        cmocka_unit_test_setup_teardown(made_once, place_make, place_end),
        cmocka_unit_test_setup_teardown(of_another_machine, place_make, place_end),
        cmocka_unit_test_setup_teardown(not_as_it_should_be, place_make, place_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
