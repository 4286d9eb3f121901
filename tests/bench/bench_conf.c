/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time to load a configuration of many connections:  bench_conf [CONNECTIONS [MILLISECONDS]]
 * Both forms are measured, at half and at full size; it fails when the short form takes longer than so many milliseconds, or
 * when twice the size takes much more than twice the time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/conf.h"

extern const struct alg_registry alg_registry;

static int dn_encode(const char *text, uint8_t *out, size_t cap)
{
    size_t n = strlen(text);

    if (n > cap)
        return ERR_LIMIT;
    memcpy(out, text, n);
    return (int)n;
}

static void format(struct buf *out, bool whole, int n)
{
    char text[1200];
    int a = n >> 16, b = n >> 8 & 255, c = n & 255, len;

    if (!whole)
        len = snprintf(text, sizeof(text),
                       "  gw%d:\n    remote: 198.%d.%d.%d\n    psk: file:gw%d.psk\n    local_net: [10.1.0.0/16]\n"
                       "    remote_net: [10.%d.%d.%d/32]\n    keep: answer\n",
                       n, 18 + a, b, c, n, 100 + a, b, c);
    else
        len =
            snprintf(text, sizeof(text),
                     "  gw%d:\n    local: { address: 198.51.100.1, id: hub.example.com, cert: gw1-fullchain.pem, key: gw1.key }\n"
                     "    remote: { address: 198.%d.%d.%d, id: gw%d.example.com, ca: example-ca.pem }\n"
                     "    ike: { proposals: [aes256gcm16-prfsha256-x25519, aes256-sha256-x25519], rekey: 4h }\n"
                     "    children:\n      lan: { local: [10.1.0.0/16], remote: [10.%d.%d.%d/32], esp: [aes256gcm16-x25519, "
                     "aes256gcm16], rekey: 1h }\n",
                     n, 18 + a, b, c, n, 100 + a, b, c);
    buf_bytes(out, text, (size_t)len);
}

/* The best of five, in milliseconds. */
static double load(bool whole, int n)
{
    const struct conf_setup setup = {.algs = &alg_registry, .generation = 1, .dn_encode = dn_encode};
    struct buf text;
    double best = 1e9;

    buf_init(&text, (size_t)64 << 20);
    buf_bytes(&text, "connections:\n", 13);
    for (int i = 0; i < n; i++)
        format(&text, whole, i);
    for (int i = 0; i < 5; i++) {
        struct conf_report report;
        clock_t start = clock();
        struct conf *conf;
        double ms;

        conf_report_init(&report);
        conf = conf_read_text(&setup, "/etc/many.yaml", buf_view(&text), &report);
        ms = (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC;
        if (!conf || conf->n_connections != (size_t)n || report.n != 0) {
            fprintf(stderr, "not loaded: %s\n", report.n ? report.v[0].text : "?");
            exit(1);
        }
        if (ms < best)
            best = ms;
        conf_unref(conf);
        conf_report_done(&report);
    }
    printf("%6d connections, %s form, %5.1f MB: %6.1f ms\n", n, whole ? "long" : "short", (double)text.len / 1e6, best);
    buf_done(&text);
    return best;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 10000;
    double limit = argc > 2 ? atof(argv[2]) : 150, half, all, whole_half, whole;

    half = load(false, n / 2);
    all = load(false, n);
    whole_half = load(true, n / 2);
    whole = load(true, n);
    if (all > limit || all > 3 * half + 5 || whole > 3 * whole_half + 5) {
        printf("too slow: %d connections may take %.0f ms, and twice as many twice the time\n", n, limit);
        return 1;
    }
    return 0;
}
