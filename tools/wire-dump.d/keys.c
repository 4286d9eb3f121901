/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include <stdlib.h>
#include <string.h>

#define KEY_BYTES_MAX 128

/* The descriptor of a type by its word: a word such as sha256 may name one of each type. */
static const struct alg *alg_of_type(const struct alg_registry *registry, uint8_t type, const char *word)
{
    const struct alg *alg;

    for (size_t i = 0; (alg = alg_at(registry, i)); i++)
        if (alg->type == type && (strcmp(alg->name, word) == 0 || (alg->alias && strcmp(alg->alias, word) == 0)))
            return alg;
    return NULL;
}

static int set_alg(const struct alg_registry *registry, uint8_t type, const char *word, const struct alg **out, struct text *why)
{
    *out = alg_of_type(registry, type, word);
    if (*out)
        return 0;
    text_add(why, "unknown %s algorithm %s", type == TRANSFORM_ENCR ? "encryption" : "integrity", word);
    return ERR_BAD;
}

static int set_key(const char *name, const char *hex, struct secret *out, struct text *why)
{
    uint8_t bytes[KEY_BYTES_MAX];
    int n = hex_parse(hex, bytes, sizeof(bytes)), err = ERR_BAD;

    if (n < 0)
        text_add(why, "%s is not a key in hex of at most %d bytes", name, KEY_BYTES_MAX);
    else
        err = secret_set(out, span_of(bytes, (size_t)n));
    secret_wipe(bytes, sizeof(bytes));
    return err;
}

static int set_spi(const char *name, const char *hex, uint64_t *out, struct text *why)
{
    uint8_t bytes[8];

    if (hex_parse(hex, bytes, sizeof(bytes)) != sizeof(bytes)) {
        text_add(why, "%s is not an SPI of 16 hex digits: %s", name, hex);
        return ERR_BAD;
    }
    *out = get_u64(bytes);
    return 0;
}

/* Words that a log of keys may have besides; they open nothing. */
static bool is_ignored(const char *name)
{
    static const char *const words[] = {"prf", "ke", "sk_d", "sk_pi", "sk_pr"};

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(name, words[i]) == 0)
            return true;
    return false;
}

int keys_set(const struct alg_registry *registry, struct sa_keys *keys, const char *name, const char *value, struct text *why)
{
    struct {
        const char *name;
        struct secret *out;
    } secrets[] = {{"sk_ei", &keys->ei}, {"sk_er", &keys->er}, {"sk_ai", &keys->ai}, {"sk_ar", &keys->ar}};

    for (size_t i = 0; i < COUNT_OF(secrets); i++)
        if (strcmp(name, secrets[i].name) == 0)
            return set_key(name, value, secrets[i].out, why);
    if (strcmp(name, "spi_i") == 0) {
        keys->spi_set = true;
        return set_spi(name, value, &keys->spi_i, why);
    }
    if (strcmp(name, "spi_r") == 0)
        return set_spi(name, value, &keys->spi_r, why);
    if (strcmp(name, "encr") == 0)
        return set_alg(registry, TRANSFORM_ENCR, value, &keys->encr, why);
    if (strcmp(name, "integ") == 0)
        return strcmp(value, "none") == 0 ? 0 : set_alg(registry, TRANSFORM_INTEG, value, &keys->integ, why);
    if (is_ignored(name))
        return 0;
    text_add(why, "unknown word %s", name);
    return ERR_BAD;
}

static int check_key(const char *name, const struct secret *key, size_t want, struct text *why)
{
    if (key->len == want)
        return 0;
    text_add(why, "%s has %zu bytes, not %zu", name, key->len, want);
    return ERR_BAD;
}

int keys_check(const struct sa_keys *keys, struct text *why)
{
    bool aead = keys->encr && (keys->encr->flags & ALG_AEAD);
    size_t integ_len = keys->integ && !aead ? keys->integ->key_len : 0;

    if (!keys->spi_set)
        text_add(why, "the SPIs are missing");
    else if (!keys->encr || !keys->encr->cipher)
        text_add(why, "the encryption algorithm is missing");
    else if (!aead && (!keys->integ || !keys->integ->mac))
        text_add(why, "%s needs an integrity algorithm", keys->encr->name);
    else if (check_key("sk_ei", &keys->ei, keys->encr->key_len, why) || check_key("sk_er", &keys->er, keys->encr->key_len, why) ||
             check_key("sk_ai", &keys->ai, integ_len, why) || check_key("sk_ar", &keys->ar, integ_len, why))
        return ERR_BAD;
    else
        return 0;
    return ERR_BAD;
}

void keys_done(struct sa_keys *keys)
{
    secret_done(&keys->ei);
    secret_done(&keys->er);
    secret_done(&keys->ai);
    secret_done(&keys->ar);
    *keys = (struct sa_keys){0};
}

int key_ring_add(struct key_ring *ring, struct sa_keys *keys)
{
    struct sa_keys *v;

    if (ring->n == KEY_RING_MAX)
        return ERR_LIMIT;
    v = realloc(ring->v, (ring->n + 1) * sizeof(*v));
    if (!v)
        return ERR_MEMORY;
    ring->v = v;
    ring->v[ring->n++] = *keys;
    *keys = (struct sa_keys){0};
    return 0;
}

/* One line, which is cut into its words. A blank line or a comment adds nothing. */
static int line_read(struct key_ring *ring, char *line, struct text *why)
{
    struct sa_keys keys = {0};
    char *rest = line, *word;
    int err = 0;

    line[strcspn(line, "#")] = '\0';
    if (line[strspn(line, " \t\r")] == '\0')
        return 0;
    while (!err && (word = strsep(&rest, " \t\r"))) {
        char *value = strchr(word, '=');

        if (*word == '\0')
            continue;
        if (value) {
            *value = '\0';
            err = keys_set(ring->registry, &keys, word, value + 1, why);
        } else {
            text_add(why, "%s has no value", word);
            err = ERR_BAD;
        }
    }
    if (!err)
        err = keys_check(&keys, why);
    if (!err)
        err = key_ring_add(ring, &keys);
    keys_done(&keys);
    return err;
}

int key_ring_read(struct key_ring *ring, struct span text, struct text *why)
{
    char *copy = malloc(text.len + 1), *rest = copy, *line;
    int err = 0;

    if (!copy)
        return ERR_MEMORY;
    if (text.len)
        memcpy(copy, text.p, text.len);
    copy[text.len] = '\0';
    for (size_t n = 1; !err && (line = strsep(&rest, "\n")); n++) {
        char reason[200];
        struct text t = text_in(reason, sizeof(reason));

        err = line_read(ring, line, &t);
        if (err)
            text_add(why, "line %zu: %s", n, t.len ? reason : err_text(err));
    }
    secret_wipe(copy, text.len);
    free(copy);
    return err;
}

const struct sa_keys *key_ring_find(const struct key_ring *ring, uint64_t spi_i, uint64_t spi_r)
{
    for (size_t i = 0; i < ring->n; i++)
        if (ring->v[i].spi_i == spi_i && ring->v[i].spi_r == spi_r)
            return &ring->v[i];
    return NULL;
}

void key_ring_done(struct key_ring *ring)
{
    for (size_t i = 0; i < ring->n; i++)
        keys_done(&ring->v[i]);
    free(ring->v);
    ring->v = NULL;
    ring->n = 0;
}
