/* SPDX-License-Identifier: Apache-2.0 */
/* Any text to the reader of configurations. What it takes must print, and read back to the same print. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

#include "driver.h"

extern const struct alg_registry alg_registry;

static int dn_encode(const char *text, uint8_t *out, size_t cap)
{
    size_t n = strlen(text);

    if (n > cap || strchr(text, '!'))
        return ERR_BAD;
    memcpy(out, text, n);
    return (int)n;
}

static int probe(void *ctx, const struct conf_connection *c, struct text *why)
{
    (void)ctx;
    if (strlen(c->name) % 2)
        return 0;
    text_add(why, "%s is not good", c->local.psk ? c->local.psk : c->local.key);
    return ERR_BAD;
}

static struct conf *read_one(struct span text, bool probed)
{
    const struct conf_setup setup = {
        .algs = &alg_registry,
        .generation = 1,
        .dn_encode = dn_encode,
        .probe = probed ? probe : NULL,
        .session = probed ? "10.1.0.1 5000 10.2.0.1 22" : NULL,
    };
    struct conf_report report;
    struct conf *conf;
    static char words[300000];
    struct text t = text_in(words, sizeof(words));

    conf_report_init(&report);
    conf = conf_read_text(&setup, "/x/y.yaml", text, &report);
    conf_report_format(&report, &t);
    if ((conf == NULL) != (report.errors > 0))
        abort();
    conf_report_done(&report);
    return conf;
}

static void all_same(const struct conf *a, const struct conf *b)
{
    for (size_t i = 0; i < a->n_connections; i++) {
        const struct conf_connection *x = &a->connections[i], *y = conf_find(b, x->name);

        if (!y || !conf_connection_same(x, y) || x->n_children != y->n_children)
            abort();
        if (conf_connection_same(x, &b->connections[0]) != conf_connection_same(&b->connections[0], x))
            abort();
        for (size_t k = 0; k < x->n_children; k++) {
            const struct conf_child *child = conf_child_find(y, x->children[k].name);

            if (!child || !conf_child_same(&x->children[k], child))
                abort();
        }
    }
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    struct conf *first, *second;
    struct buf a, b;

    conf_unref(read_one(span_of(data, len), true));
    first = read_one(span_of(data, len), false);
    if (!first)
        return 0;
    buf_init(&a, 4 << 20);
    buf_init(&b, 4 << 20);
    conf_print(first, &a);
    second = read_one(buf_view(&a), false);
    if (!second || a.failed)
        abort();
    all_same(first, second);
    conf_print(second, &b);
    if (!span_equal(buf_view(&a), buf_view(&b)))
        abort();
    buf_done(&a);
    buf_done(&b);
    conf_unref(first);
    conf_unref(second);
    return 0;
}

FUZZ_MAIN(20000, "conf", "fuzz/conf")
