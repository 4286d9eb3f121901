/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a configuration without memory: it is refused, or it is what it would have been. */
#include "memory.h"
#include "oom.h"

#include <stdio.h>

static const char yaml[] =
    "daemon: { limits: { half_open: 100, cookie_threshold: 20 } }\n"
    "connections:\n"
    "  paris:\n"
    "    local: { address: 192.0.2.1, id: gate.example }\n"
    "    remote: { address: 192.0.2.2, id: paris.example }\n"
    "    psk: file:paris.psk\n"
    "    ike: { proposals: [aes256gcm16-prfsha256-x25519, aes128gcm16-prfsha256-ecp256] }\n"
    "    children:\n"
    "      net: { local: [10.1.0.0/16, 10.3.0.0/16], remote: [10.2.0.0/16], esp: [aes256gcm16], keep: up }\n"
    "      web: { local: [10.1.0.1/32], remote: [10.2.0.1/32], mode: tunnel, pfs: require }\n"
    "  rome:\n"
    "    local: { address: 192.0.2.1 }\n"
    "    remote: { address: any, id: rome.example }\n"
    "    psk: file:rome.psk\n"
    "    children: { net: { local: [10.1.0.0/16], remote: [10.9.0.0/16] } }\n";

static void complain(const struct conf_report *report)
{
    char room[1000];
    struct text t = text_in(room, sizeof(room));

    conf_report_format(report, &t);
    fprintf(stderr, "%s\n", room);
}

static struct conf *read_it(uint64_t k, uint64_t n, uint64_t *seen, struct oom_sum *sum)
{
    struct conf_setup setup = {.algs = &glass_registry, .generation = 1};
    struct conf_report report;
    struct conf *c;

    oom_begin(NULL, NULL, k, n);
    oom_enter();
    conf_report_init(&report);
    c = conf_read_text(&setup, "oom", span_of(yaml, sizeof(yaml) - 1), &report);
    oom_leave();
    oom_end();
    if (!c && !n)
        complain(&report);
    conf_report_done(&report);
    *seen = oom.seen;
    sum->runs++;
    sum->refused += oom.refused;
    return c;
}

static bool whole(const struct conf *want, const struct conf *c)
{
    bool ok = c->n_connections == want->n_connections;

    for (size_t i = 0; ok && i < c->n_connections; i++)
        ok = conf_connection_same(&want->connections[i], &c->connections[i]);
    return ok && c->limits.half_open_max == want->limits.half_open_max;
}

void oom_conf(unsigned part, unsigned step, struct oom_sum *sum)
{
    static const uint64_t lengths[] = {1, 10, UINT64_MAX / 2};
    uint64_t n, unused;
    struct conf *want = read_it(0, 0, &n, sum);

    conf_unref(read_it(1, 1, &unused, sum)); /* what libraries keep for ever is there then */
    for (uint64_t k = 1 + part % step; want && k <= n; k += step)
        for (size_t i = 0; i < COUNT_OF(lengths); i++) {
            size_t before = memory_in_use();
            struct conf *c = read_it(k, lengths[i], &unused, sum);
            bool ok = !c || whole(want, c);

            conf_unref(c);
            if (ok && memory_in_use() == before)
                continue;
            sum->failed++;
            fprintf(stderr, "configuration, %llu allocations from %llu: %s\n", (unsigned long long)lengths[i],
                    (unsigned long long)k, ok ? "something is leaked" : "it is not whole");
        }
    sum->failed += !want;
    conf_unref(want);
}
