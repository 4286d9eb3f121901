/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stateful fuzz target: two cores talk in the simulated world, and what passes between them is changed on the way by someone
 * who holds the keys, so that changes reach inside SK{} and are sealed again as if the peer had said so. Input bytes choose what
 * is changed, and how. Whatever comes: no core crashes, spins, or asks the hand for what the configuration does not allow; and a
 * stop leaves nothing behind.
 *
 *     fuzz_ike [--seed N] [--runs N]    the inputs of tests/vectors/fuzz/ike, then random ones (also what the test run does)
 *     fuzz_ike FILE...                  these inputs, with a trace
 *     fuzz_ike FOLDER                   all that are in it, within their time
 * Built with -fsanitize=fuzzer (and -DFUZZER) it is a libFuzzer target.
 */
#include "tests/sim/scenario.h"
#include "wire/wire.h"

#include "driver.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 1024 /* bytes of an input that count: a conversation of some minutes, in some milliseconds */
#define CHAIN_MAX 4096
#define HISTORY 8

/* The chosen changes: one input, read byte by byte; nothing is changed once it is used up. */
struct choices {
    struct span input;
    size_t at;
};

static unsigned pick(struct choices *c, unsigned n)
{
    if (c->at >= c->input.len)
        return 0;
    return c->input.p[c->at++] % n;
}

struct sk {
    uint64_t spi_i;
    uint8_t ei[64], er[64];
    size_t len;
};
struct chain {
    uint8_t first;
    size_t len;
    uint8_t bytes[CHAIN_MAX];
};
struct meddler {
    struct choices choices;
    struct sk sk[64];
    size_t n_sk;
    struct chain history[HISTORY];
    size_t n_history, changed;
};

static void learn_keys(void *ctx, uint64_t spi_i, uint64_t spi_r, const struct suite *suite, const struct ike_keys *keys)
{
    struct meddler *f = ctx;
    struct sk *sk = &f->sk[f->n_sk++ % COUNT_OF(f->sk)];

    (void)spi_r;
    (void)suite;
    *sk = (struct sk){.spi_i = spi_i, .len = keys->ei.len};
    memcpy(sk->ei, keys->ei.p, keys->ei.len);
    memcpy(sk->er, keys->er.p, keys->er.len);
}

static const struct sk *sk_find(const struct meddler *f, uint64_t spi_i)
{
    for (size_t i = 0; i < COUNT_OF(f->sk); i++)
        if (f->sk[i].len && f->sk[i].spi_i == spi_i)
            return &f->sk[i];
    return NULL;
}

/* Where payloads begin in a chain; their number. */
static size_t payload_starts(const struct chain *c, size_t at[64])
{
    size_t n = 0;

    for (size_t p = 0; p + 4 <= c->len && n < 64; n++) {
        size_t len = get_u16(c->bytes + p + 2);

        at[n] = p;
        if (len < 4)
            return n + 1;
        p += len;
    }
    return n;
}

static size_t payload_size(const struct chain *c, size_t at)
{
    size_t len = get_u16(c->bytes + at + 2);

    return len < 4 || at + len > c->len ? c->len - at : len;
}

static void chain_insert(struct chain *c, size_t at, const uint8_t *bytes, size_t len)
{
    if (c->len + len > CHAIN_MAX)
        return;
    memmove(c->bytes + at + len, c->bytes + at, c->len - at);
    memcpy(c->bytes + at, bytes, len);
    c->len += len;
}

static void chain_remove(struct chain *c, size_t at, size_t len)
{
    memmove(c->bytes + at, c->bytes + at + len, c->len - at - len);
    c->len -= len;
}

/* Type of the payload that starts at index i of the chain, where it is written. */
static uint8_t *type_of(struct chain *c, const size_t *at, size_t i)
{
    return i ? &c->bytes[at[i - 1]] : &c->first;
}

static void drop_payload(struct chain *c, const size_t *at, size_t i)
{
    *type_of(c, at, i) = c->bytes[at[i]];
    chain_remove(c, at[i], payload_size(c, at[i]));
}

static void repeat_payload(struct chain *c, const size_t *at, size_t i)
{
    uint8_t copy[CHAIN_MAX];
    size_t len = payload_size(c, at[i]);

    memcpy(copy, c->bytes + at[i], len);
    copy[0] = *type_of(c, at, i);
    if (c->len + len <= CHAIN_MAX)
        chain_insert(c, at[i], copy, len);
    if (len >= 4)
        c->bytes[at[i]] = copy[0];
}

static void add_notify(struct chain *c, struct choices *ch)
{
    static const uint16_t types[] = {INVALID_SYNTAX,
                                     NO_PROPOSAL_CHOSEN,
                                     INVALID_KE_PAYLOAD,
                                     AUTHENTICATION_FAILED,
                                     NO_ADDITIONAL_SAS,
                                     TS_UNACCEPTABLE,
                                     TEMPORARY_FAILURE,
                                     CHILD_SA_NOT_FOUND,
                                     INITIAL_CONTACT,
                                     COOKIE,
                                     USE_TRANSPORT_MODE,
                                     REKEY_SA,
                                     INVALID_SELECTORS,
                                     UNSUPPORTED_CRITICAL_PAYLOAD,
                                     INVALID_SPI,
                                     SINGLE_PAIR_REQUIRED,
                                     ADDITIONAL_TS_POSSIBLE,
                                     SET_WINDOW_SIZE,
                                     40960,
                                     8192};
    uint8_t n[16] = {c->first, 0, 0, 8};
    size_t extra = pick(ch, 9);

    n[3] = (uint8_t)(8 + extra);
    n[4] = (uint8_t)pick(ch, 4);
    n[5] = (uint8_t)(pick(ch, 2) ? extra : 0);
    put_u16(n + 6, types[pick(ch, COUNT_OF(types))]);
    for (size_t i = 8; i < 8 + extra; i++)
        n[i] = (uint8_t)pick(ch, 256);
    chain_insert(c, 0, n, 8 + extra);
    c->first = PAYLOAD_NOTIFY;
}

static void add_delete(struct chain *c, struct choices *ch)
{
    uint8_t d[16] = {c->first, 0, 0, 8, PROTOCOL_IKE, 0, 0, 0};

    if (pick(ch, 2)) {
        d[3] = 12;
        d[4] = PROTOCOL_ESP;
        d[5] = 4;
        d[7] = (uint8_t)(pick(ch, 4) ? 1 : pick(ch, 256));
        for (size_t i = 8; i < 12; i++)
            d[i] = (uint8_t)pick(ch, 256);
    }
    chain_insert(c, 0, d, d[3]);
    c->first = PAYLOAD_DELETE;
}

static void splice(struct meddler *f, struct chain *c)
{
    size_t n = f->n_history < HISTORY ? f->n_history : HISTORY;
    const struct chain *old = n ? &f->history[pick(&f->choices, (unsigned)n)] : NULL;

    if (old)
        *c = *old;
}

static void change_chain(struct meddler *f, struct chain *c)
{
    static const uint8_t odd[] = {0, 1, 4, 8, 127, 128, 255, 33, 34, 40, 41, 42, 46, 53};
    struct choices *ch = &f->choices;
    size_t at[64], n = payload_starts(c, at), i = n ? pick(ch, (unsigned)n) : 0, byte;

    switch (pick(ch, 14)) {
    case 0: /* a bit */
        byte = c->len ? (pick(ch, 256) << 8 | pick(ch, 256)) % c->len : 0;
        c->bytes[byte] ^= (uint8_t)(1 << pick(ch, 8));
        return;
    case 1: /* a byte near the head of a payload */
        if (n && at[i] + 16 <= CHAIN_MAX)
            c->bytes[at[i] + pick(ch, 16)] = odd[pick(ch, COUNT_OF(odd))];
        return;
    case 2:
        if (n)
            drop_payload(c, at, i);
        return;
    case 3:
        if (n)
            repeat_payload(c, at, i);
        return;
    case 4:
        add_notify(c, ch);
        return;
    case 5:
        add_delete(c, ch);
        return;
    case 6: /* an earlier message in this one's place */
        splice(f, c);
        return;
    case 7: /* shorter */
        c->len -= c->len ? pick(ch, 256) % c->len : 0;
        return;
    case 8: /* another type */
        if (n)
            *type_of(c, at, i) = (uint8_t)(33 + pick(ch, 24));
        return;
    case 9: /* another length */
        if (n)
            put_u16(c->bytes + at[i] + 2, (uint16_t)(pick(ch, 3) ? pick(ch, 64) : 65535 - pick(ch, 64)));
        return;
    case 10:
        c->len = 0;
        c->first = 0;
        return;
    case 11: /* critical */
        if (n)
            c->bytes[at[i] + 1] ^= 0x80;
        return;
    default: /* bytes inside a payload */
        for (unsigned k = 1 + pick(ch, 4); n && k; k--) {
            byte = at[i] + pick(ch, 256) % payload_size(c, at[i]);
            c->bytes[byte] = (uint8_t)pick(ch, 256);
        }
    }
}

static struct datagram *rebuild(const struct datagram *d, struct span message)
{
    size_t marker = d->dst.port == 4500 ? 4 : 0;
    struct datagram *out = calloc(1, sizeof(*out) + message.len + 8);

    if (!out)
        abort();
    *out = *d;
    memcpy(out->data + marker, message.p, message.len);
    out->len = marker + message.len;
    return out;
}

/* Where the IV begins: behind the header of SK or SKF. */
static size_t sealed_at(struct span ike)
{
    return IKE_HEADER_LEN + (ike.p[16] == PAYLOAD_SKF ? 8 : 4);
}

/* Opens what is sealed with glass; false when it is something else. */
static bool open_sealed(struct span ike, struct chain *c)
{
    struct span inner;

    if (ike.len < IKE_HEADER_LEN + 8 + 25 || (ike.p[16] != PAYLOAD_SK && ike.p[16] != PAYLOAD_SKF))
        return false;
    inner = glass_inside(span_part(ike, sealed_at(ike), ike.len));
    if (inner.len > CHAIN_MAX)
        return false;
    c->first = ike.p[IKE_HEADER_LEN];
    c->len = inner.len;
    if (inner.len)
        memcpy(c->bytes, inner.p, inner.len);
    return true;
}

static size_t seal_again(const struct sk *sk, struct span old, const struct chain *c, struct choices *ch, uint8_t *out)
{
    bool initiator = old.p[19] & IKE_FLAG_INITIATOR;
    size_t at = sealed_at(old), sealed = 8 + c->len + 1 + 16;

    memcpy(out, old.p, at + 8);
    out[IKE_HEADER_LEN] = c->first;
    put_u32(out + 24, (uint32_t)(at + sealed));
    put_u16(out + IKE_HEADER_LEN + 2, (uint16_t)(at - IKE_HEADER_LEN + sealed));
    if (old.p[16] == PAYLOAD_SKF && !pick(ch, 3)) /* the number of the fragment, or how many there are */
        put_u16(out + IKE_HEADER_LEN + 4 + 2 * pick(ch, 2), (uint16_t)(pick(ch, 4) ? pick(ch, 5) : pick(ch, 256) << 8));
    memcpy(out + at + 8, c->bytes, c->len);
    out[at + 8 + c->len] = 0; /* no padding */
    glass_icv(span_of(initiator ? sk->ei : sk->er, sk->len), span_of(out + at, 8), span_of(out, at),
              span_of(out + at + 8, c->len + 1), out + at + 8 + c->len + 1);
    return at + sealed;
}

static bool fuzz_tap(struct world *w, unsigned from, struct datagram **d, void *ctx)
{
    struct meddler *f = ctx;
    size_t marker = (*d)->dst.port == 4500 ? 4 : 0;
    struct span ike = span_part(span_of((*d)->data, (*d)->len), marker, (*d)->len);
    static struct chain c;
    static uint8_t out[CHAIN_MAX + 256];
    const struct sk *sk = sk_find(f, get_u64(ike.p));
    struct datagram *next;
    bool sealed = open_sealed(ike, &c);
    size_t len;

    (void)from;
    if (f->choices.at >= f->choices.input.len || pick(&f->choices, 4))
        return true;
    if (sealed && !sk)
        return true;
    if (!sealed && ike.len > CHAIN_MAX)
        return true;
    if (!sealed) {
        c.first = ike.p[16];
        c.len = ike.len - IKE_HEADER_LEN;
        memcpy(c.bytes, ike.p + IKE_HEADER_LEN, c.len);
    }
    f->history[f->n_history++ % HISTORY] = c;
    for (unsigned k = 1 + pick(&f->choices, 3); k; k--)
        change_chain(f, &c);
    f->changed++;
    if (sealed) {
        len = seal_again(sk, ike, &c, &f->choices, out);
    } else {
        memcpy(out, ike.p, IKE_HEADER_LEN);
        out[16] = c.first;
        memcpy(out + IKE_HEADER_LEN, c.bytes, c.len);
        len = IKE_HEADER_LEN + c.len;
        put_u32(out + 24, (uint32_t)len);
    }
    if (!pick(&f->choices, 8)) /* or something of the header */
        out[pick(&f->choices, 28)] ^= (uint8_t)(1 << pick(&f->choices, 8));
    next = rebuild(*d, span_of(out, len));
    world_trace(w, "changed:");
    free(*d);
    *d = next;
    return true;
}

static void act(struct world *w, struct choices *c)
{
    unsigned end = pick(c, 2);
    const char *name = end ? "to0" : "to1";

    switch (pick(c, 6)) {
    case 0:
    case 1:
        end_order(&w->end[end], ORDER_REKEY, name, "net");
        break;
    case 2:
        end_order(&w->end[end], ORDER_REKEY, name, NULL);
        break;
    case 3:
        end_order(&w->end[end], ORDER_DOWN, name, pick(c, 2) ? "net" : NULL);
        break;
    case 4:
        end_order(&w->end[end], ORDER_UP, name, NULL);
        break;
    default:
        break;
    }
    world_run(w, (usec_t)(1 + pick(c, 200)) * 200 * MS);
}

/* So long that they go in fragments. */
static void long_messages(struct world *w)
{
    static char name[240];

    memset(name, 'a', sizeof(name) - 1);
    memcpy(name + sizeof(name) - 9, ".example", 8);
    for (size_t i = 60; i + 20 < sizeof(name); i += 60)
        name[i] = '.';
    w->end[0].plan[0].local_id = w->end[1].plan[0].remote_id = name;
    for (unsigned i = 0; i < 2; i++) {
        w->end[i].plan[0].fragment_size = 576;
        w->end[i].plan[0].child[0].esp = "aes256gcm16-modp2048 aes128gcm16-modp2048 aes256-sha256-modp2048 aes256gcm16";
    }
}

static int fuzz_one(const uint8_t *data, size_t size, bool verbose)
{
    static struct meddler f;
    struct world *w = world_pair(size ? data[0] : 0, KEEP_UP, size > 1 && data[1] & 1 ? KEEP_UP : KEEP_ANSWER);
    int failed;

    memset(&f, 0, sizeof(f));
    f.choices.input = span_part(span_of(data, size), 0, INPUT_MAX);
    f.choices.at = 2;
    w->verbose = verbose;
    w->laws.off_wire = true; /* what the ends are made to say to each other follows no law */
    w->laws.off = 1u << LAW_SAME_KEYS | 1u << LAW_MAKE_FIRST | 1u << LAW_BREAK_LAST; /* nor do they know what the other knows */
    w->laws.steps_max = 5000;
    w->keylog = learn_keys;
    w->keylog_ctx = &f;
    w->net.tap = fuzz_tap;
    w->net.tap_ctx = &f;
    w->end[0].plan[0].child[0].esp = w->end[1].plan[0].child[0].esp = "aes256gcm16-x25519-ecp256 aes128gcm16";
    if (size > 1 && data[1] & 2)
        long_messages(w);
    go(w);
    world_run(w, SEC);
    while (f.choices.at < f.choices.input.len && !w->failed)
        act(w, &f.choices);
    w->net.tap = NULL;
    for (unsigned i = 0; i < 2; i++)
        end_order(&w->end[i], ORDER_STOP, NULL, NULL);
    world_run(w, 20 * MINUTE);
    if (!w->failed && laws_empty(w))
        world_fail(w, "after the stop: %s", laws_empty(w));
    failed = w->failed;
    if (failed)
        world_report(w);
    world_free(w);
    return failed;
}

static char replay[100]; /* how to see the input again, where that is no file */

static int fuzz_input(const uint8_t *data, size_t size)
{
    if (fuzz_one(data, size, false)) {
        if (replay[0])
            fprintf(stderr, "replay: %s\n", replay);
        abort();
    }
    return 0;
}

#ifndef FUZZER
static int file_input(const char *path)
{
    static uint8_t bytes[65536];
    FILE *file = fopen(path, "rb");
    size_t n;

    if (!file) {
        perror(path);
        return 1;
    }
    n = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    return fuzz_one(bytes, n, true);
}

static int random_inputs(uint64_t seed, unsigned long runs, bool verbose)
{
    uint8_t bytes[INPUT_MAX];

    for (unsigned long i = 0; i < runs; i++) {
        struct dice d;
        struct rng rng = dice_rng(&d);
        size_t n;

        dice_seed(&d, seed + i);
        n = 16 + dice_below(&d, sizeof(bytes) - 16);
        rng.fill(rng.ctx, bytes, n);
        snprintf(replay, sizeof(replay), "fuzz_ike --seed %llu --runs 1 --verbose", (unsigned long long)(seed + i));
        if (!verbose)
            fuzz_timed(bytes, n);
        else if (fuzz_one(bytes, n, true))
            return 1;
    }
    return 0;
}

/* What fuzz_main() does with an option and its value, or with a folder, or with nothing: the corpus of the tree. */
static int corpus(const char *option, char *value)
{
    static const char *const folders[] = {"fuzz/ike", NULL};
    char word[20] = "fuzz_ike", *arguments[4] = {word};
    int n = 1;

    snprintf(word, sizeof(word), "%s", option ? option : "fuzz_ike");
    if (option)
        arguments[n++] = word;
    if (value)
        arguments[n++] = value;
    return fuzz_main(n, arguments, folders, 0);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"runs", required_argument, NULL, 'r'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"export", required_argument, NULL, 'e'},
                                            {NULL, 0, NULL, 0}};
    unsigned long runs = 2000;
    uint64_t seed = 1;
    bool verbose = false;
    int failed = 0;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (c == 'r')
            runs = strtoul(optarg, NULL, 10);
        else if (c == 'v')
            verbose = true;
        else if (c == 'e')
            return corpus("--export", optarg);
        else
            return 2;
    }
    if (optind == argc)
        return (verbose ? 0 : corpus(NULL, NULL)) || random_inputs(seed, runs, verbose);
    for (int i = optind; i < argc; i++)
        failed |= is_folder(argv[i]) ? corpus(NULL, argv[i]) : file_input(argv[i]);
    return failed;
}
#endif
