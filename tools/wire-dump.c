/* SPDX-License-Identifier: Apache-2.0 */
/* wire-dump - IKE messages from hex or captures as readable lines; with keys, what is inside their SK payloads too. */
#include "wire-dump.d/input.h"
#include "wire-dump.d/open.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern const struct alg_registry alg_registry;

#define FILE_MAX ((size_t)1 << 30)
#define ARENA_MAX ((size_t)8 << 20)
enum { EXIT_OK = 0, EXIT_MALFORMED = 1, EXIT_USAGE = 2 };

struct dump {
    struct key_ring ring;
    struct collector fragments;
    size_t messages, bad, closed;
    bool quiet;
};

static void help(FILE *to)
{
    fputs("Usage: wire-dump [OPTION]... [FILE | HEX | -]...\n"
          "\n"
          "Prints the IKEv2 messages of capture files (pcap, pcapng), of hex text in files, given as an\n"
          "argument, or on standard input: plain digits with blanks or colons, or the output of xxd,\n"
          "hexdump -C, tcpdump -x, -xx or -X. Hex may hold an IKE message (with or without the non-ESP\n"
          "marker of port 4500), an IP packet or an Ethernet frame. A blank line separates messages.\n"
          "\n"
          "With the keys of an IKE SA its SK and SKF payloads are opened, their ICV is checked, and\n"
          "fragments (RFC 7383) are put together:\n"
          "\n"
          "  --spi I:R            SPIs of initiator and responder, 16 hex digits each; starts an SA\n"
          "  --encr ALG           its cipher: aes256gcm16, aes128, chacha20poly1305 ...\n"
          "  --integ ALG          its integrity algorithm (sha256 ...); none with GCM, CCM, ChaCha20\n"
          "  --sk-ei HEX, --sk-er HEX   SK_ei, SK_er: encryption keys, with salt where there is one\n"
          "  --sk-ai HEX, --sk-ar HEX   SK_ai, SK_ar: integrity keys\n"
          "  --keys FILE          the keys of any number of SAs (other users can see arguments: this is better)\n"
          "\n"
          "  -q, --quiet          print only what is wrong\n"
          "  -h, --help           this text\n"
          "\n"
          "A keys file has an SA a line, words in any order, # starts a comment:\n"
          "\n"
          "  spi_i=HEX16 spi_r=HEX16 encr=ALG [integ=ALG] sk_ei=HEX sk_er=HEX [sk_ai=HEX sk_ar=HEX]\n"
          "\n"
          "The words prf, ke, sk_d, sk_pi and sk_pr may be there and are ignored.\n"
          "\n"
          "Exit status: 0 if every message was well-formed and, where there were keys, opened; 1 if not;\n"
          "2 for wrong usage. Offsets in errors count from the first byte of the IKE header.\n",
          to);
}

void input_error(struct input *in, const char *fmt, ...)
{
    va_list args;

    fflush(stdout);
    fprintf(stderr, "wire-dump: %s: ", in->name);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    in->failed = true;
}

static void print_time(int64_t us)
{
    time_t sec = (time_t)(us / USEC_SEC);
    struct tm tm;

    if (us >= 0 && gmtime_r(&sec, &tm))
        printf(" %02d:%02d:%02d.%06d", tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(us % USEC_SEC));
}

static void print_found(const struct found *f)
{
    char from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX];

    printf("#%zu", f->number);
    print_time(f->time_us);
    if (f->from.addr.family)
        printf(" %s > %s", endpoint_format(&f->from, from), endpoint_format(&f->to, to));
    putchar('\n');
}

static void print_payloads(const struct ike_header *h, const struct payload *list)
{
    static char array[1 << 18];
    struct text text = text_in(array, sizeof(array));

    msg_format(&alg_registry, h, list, &text);
    fputs(array, stdout);
    secret_wipe(array, text.len);
}

/* In quiet mode a message is named when the first thing wrong with it is. */
struct showing {
    struct dump *dump;
    const struct found *found;
    bool named, bad;
};

static void complain(struct showing *s, const char *where, const struct wire_error *why)
{
    const char *name = payload_name(why->payload);

    if (s->dump->quiet && !s->named)
        print_found(s->found);
    s->named = s->bad = true;
    printf("  error at byte %zu%s", why->offset, where);
    if (why->payload)
        printf(", payload %u (%s)", why->payload, name ? name : "unknown");
    printf(": %s\n", why->text);
}

static void complain_at(struct showing *s, const struct payload *p, const char *reason)
{
    struct wire_error why = {.offset = p->offset, .payload = p->type};

    snprintf(why.text, sizeof(why.text), "%s", reason);
    complain(s, "", &why);
}

static void show_inside(struct showing *s, uint8_t inner, struct span bytes, size_t at, const char *where)
{
    struct arena arena;
    struct payload *list;
    struct wire_error why;
    int err;

    arena_init(&arena, ARENA_MAX);
    err = msg_read_payloads(&arena, inner, bytes, at, &list, &why);
    if (!s->dump->quiet)
        print_payloads(NULL, list);
    if (err)
        complain(s, where, &why);
    arena_done(&arena);
}

static void show_fragment(struct showing *s, const struct ike_header *h, const struct payload *skf, struct span opened)
{
    struct buf whole;
    uint8_t inner;

    buf_init(&whole, (size_t)FRAGMENTS_MAX * IKE_DATAGRAM_MAX);
    if (collector_add(&s->dump->fragments, h, skf, opened, &whole, &inner)) {
        if (!s->dump->quiet)
            printf("  all %u fragments are here, %zu bytes:\n", skf->u.sk.total, whole.len);
        show_inside(s, inner, buf_view(&whole), 0, " of the fragments put together");
    }
    buf_done(&whole);
}

static void show_sealed(struct showing *s, const struct ike_header *h, struct span message, const struct payload *sk)
{
    const struct sa_keys *keys = key_ring_find(&s->dump->ring, h->spi_i, h->spi_r);
    char reason[160];
    struct text why = text_in(reason, sizeof(reason));
    struct buf opened;
    size_t padding, at;

    if (!keys) {
        s->dump->closed++;
        return;
    }
    buf_init(&opened, IKE_DATAGRAM_MAX);
    if (sealed_open(keys, h, message, sk, &opened, &padding, &at, &why)) {
        complain_at(s, sk, reason);
    } else {
        if (!s->dump->quiet)
            printf("  opened with %s%s%s, ICV right, %zu bytes and %zu of padding\n", keys->encr->name,
                   keys->integ ? " and " : "", keys->integ ? keys->integ->name : "", opened.len, padding);
        if (sk->type == PAYLOAD_SKF)
            show_fragment(s, h, sk, buf_view(&opened));
        else
            show_inside(s, sk->u.sk.inner, buf_view(&opened), at, "");
    }
    buf_done(&opened);
}

static void show_message(struct showing *s)
{
    struct ike_header h;
    struct payload *list = NULL;
    struct wire_error why;
    struct arena arena;
    struct span message;
    int err = msg_read_header(s->found->data, &h, &why);

    arena_init(&arena, ARENA_MAX);
    message = span_part(s->found->data, 0, h.length);
    if (!err)
        err = msg_read_payloads(&arena, h.next, span_part(message, IKE_HEADER_LEN, h.length), IKE_HEADER_LEN, &list, &why);
    if (!s->dump->quiet && (list || !err))
        print_payloads(&h, list);
    if (err)
        complain(s, "", &why);
    for (const struct payload *p = list; p; p = p->next)
        if (p->type == PAYLOAD_SK || p->type == PAYLOAD_SKF)
            show_sealed(s, &h, message, p);
    if (!err && h.length < s->found->data.len && !s->dump->quiet)
        printf("  %zu bytes follow the message\n", s->found->data.len - h.length);
    arena_done(&arena);
}

static void dump_datagram(void *ctx, const struct found *f)
{
    struct showing s = {.dump = ctx, .found = f};

    if (!s.dump->quiet)
        print_found(f);
    show_message(&s);
    s.dump->messages++;
    s.dump->bad += s.bad;
}

/* All of a file, or of standard input for "-". 0 or ERR_IO, ERR_LIMIT. */
static int file_read(const char *name, struct buf *out)
{
    FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
    int err = f ? 0 : ERR_IO;
    size_t n = 1;

    buf_init(out, FILE_MAX);
    while (!err && n > 0) {
        uint8_t chunk[65536];

        n = fread(chunk, 1, sizeof(chunk), f);
        buf_bytes(out, chunk, n);
        secret_wipe(chunk, n);
        if (out->failed)
            err = ERR_LIMIT;
    }
    if (f && ferror(f))
        err = ERR_IO;
    if (f && f != stdin)
        fclose(f);
    return err;
}

static bool is_hex(const char *arg)
{
    size_t digits = 0;

    for (; *arg; arg++) {
        if (!strchr("0123456789abcdefABCDEFx: \t\n", *arg))
            return false;
        digits++;
    }
    return digits >= 8;
}

static bool dump_input(struct dump *d, const char *arg)
{
    struct input in = {.name = arg, .datagram = dump_datagram, .ctx = d};
    struct buf file;
    int err = 0;

    buf_init(&file, FILE_MAX);
    if (strcmp(arg, "-") != 0 && access(arg, F_OK) != 0 && is_hex(arg)) {
        in.name = "argument";
        buf_span(&file, span_str(arg));
    } else {
        if (strcmp(arg, "-") == 0)
            in.name = "standard input";
        err = file_read(arg, &file);
    }
    if (err)
        input_error(&in, "cannot be read (%s)", err_text(err));
    else if (pcap_is(buf_view(&file)))
        pcap_read(&in, buf_view(&file));
    else
        hex_read(&in, buf_view(&file));
    if (!d->quiet && in.esp + in.keepalives + in.other > 0)
        printf("%s: besides, %zu ESP packets, %zu keepalives, %zu other packets\n", in.name, in.esp, in.keepalives, in.other);
    buf_done(&file);
    return !in.failed;
}

/* Options -> keys. The SA under way is added when the next starts, or at the end. */
struct options {
    struct sa_keys keys;
    bool started;
};

static _Noreturn void usage_error(const char *what, const char *why)
{
    fprintf(stderr, "wire-dump: %s: %s\nTry wire-dump --help\n", what, why);
    exit(EXIT_USAGE);
}

static void option_keys_end(struct dump *d, struct options *o)
{
    char reason[200];
    struct text why = text_in(reason, sizeof(reason));

    if (!o->started)
        return;
    if (keys_check(&o->keys, &why))
        usage_error("keys", reason);
    if (key_ring_add(&d->ring, &o->keys))
        usage_error("keys", "too many");
    o->started = false;
}

static void option_set(struct dump *d, struct options *o, const char *name, const char *value)
{
    char reason[200];
    struct text why = text_in(reason, sizeof(reason));

    o->started = true;
    if (keys_set(d->ring.registry, &o->keys, name, value, &why))
        usage_error(name, reason);
}

static void option_spi(struct dump *d, struct options *o, const char *value)
{
    char initiator[40];
    const char *colon = strchr(value, ':');

    if (o->keys.spi_set)
        option_keys_end(d, o);
    if (!colon || (size_t)(colon - value) >= sizeof(initiator))
        usage_error("--spi", "two SPIs are needed, as I:R");
    memcpy(initiator, value, (size_t)(colon - value));
    initiator[colon - value] = '\0';
    option_set(d, o, "spi_i", initiator);
    option_set(d, o, "spi_r", colon + 1);
}

static void option_file(struct dump *d, const char *name)
{
    char reason[300];
    struct text why = text_in(reason, sizeof(reason));
    struct buf file;
    int err = file_read(name, &file);

    if (err)
        text_add(&why, "cannot be read (%s)", err_text(err));
    else
        err = key_ring_read(&d->ring, buf_view(&file), &why);
    buf_done(&file);
    if (err)
        usage_error(name, reason);
}

/* Long options that set a word of an SA's keys, at this value and on. */
enum { OPT_SPI = 256, OPT_KEYS, OPT_WORD };
static const char *const option_words[] = {"encr", "integ", "sk_ei", "sk_er", "sk_ai", "sk_ar"};
static const struct option options[] = {
    {"help", no_argument, NULL, 'h'},
    {"quiet", no_argument, NULL, 'q'},
    {"spi", required_argument, NULL, OPT_SPI},
    {"keys", required_argument, NULL, OPT_KEYS},
    {"encr", required_argument, NULL, OPT_WORD},
    {"integ", required_argument, NULL, OPT_WORD + 1},
    {"sk-ei", required_argument, NULL, OPT_WORD + 2},
    {"sk-er", required_argument, NULL, OPT_WORD + 3},
    {"sk-ai", required_argument, NULL, OPT_WORD + 4},
    {"sk-ar", required_argument, NULL, OPT_WORD + 5},
    {0},
};

static void options_read(struct dump *d, int argc, char **argv)
{
    struct options o = {0};
    int c;

    while ((c = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
        if (c == 'h') {
            help(stdout);
            exit(EXIT_OK);
        } else if (c == 'q') {
            d->quiet = true;
        } else if (c == OPT_SPI) {
            option_spi(d, &o, optarg);
        } else if (c == OPT_KEYS) {
            option_file(d, optarg);
        } else if (c >= OPT_WORD) {
            option_set(d, &o, option_words[c - OPT_WORD], optarg);
        } else {
            help(stderr);
            exit(EXIT_USAGE);
        }
    }
    option_keys_end(d, &o);
}

static bool summary(struct dump *d)
{
    if (!d->quiet && d->closed > 0)
        printf("%zu sealed payloads without keys\n", d->closed);
    if (d->fragments.n > 0)
        printf("%zu messages lack fragments\n", d->fragments.n);
    if (d->bad > 0)
        printf("%zu of %zu messages are malformed or did not open\n", d->bad, d->messages);
    return d->bad == 0 && d->fragments.n == 0;
}

int main(int argc, char **argv)
{
    struct dump d = {.ring = {.registry = &alg_registry}};
    bool good = true;

    options_read(&d, argc, argv);
    if (optind == argc)
        good = dump_input(&d, "-");
    for (int i = optind; i < argc; i++)
        good = dump_input(&d, argv[i]) && good;
    good = summary(&d) && good;
    collector_done(&d.fragments);
    key_ring_done(&d.ring);
    if (fflush(stdout) != 0 || ferror(stdout))
        good = false;
    return good ? EXIT_OK : EXIT_MALFORMED;
}
