/* SPDX-License-Identifier: Apache-2.0 */
/* wire-dump - IKE messages from hex or captures as readable lines; with keys, what is inside their SK payloads too. */
#include "wire-dump.d/dump.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern const struct alg_registry alg_registry;

#define FILE_MAX ((size_t)1 << 30)

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

int file_read(const char *name, struct buf *out)
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

/* Where an argument that is no file stops being hex; its length when it is hex to the end. */
static size_t hex_until(const char *arg)
{
    return strspn(arg, "0123456789abcdefABCDEFx:, \t\r\n");
}

/* An argument that is neither a file nor hex, in the words of what it looks like. */
static void argument_error(struct input *in, const char *arg)
{
    if (!*arg)
        input_error(in, "an empty argument: name a file, - for standard input, or give a message in hex");
    else if (strpbrk(arg, "/."))
        input_error(in, "no such file");
    else
        input_error(in, "no such file, and not hex at offset %zu", hex_until(arg));
}

static int input_load(struct input *in, const char *arg, struct buf *file)
{
    bool missing = strcmp(arg, "-") != 0 && access(arg, F_OK) != 0 && (errno == ENOENT || errno == ENAMETOOLONG);
    int err;

    if (missing && *arg && !arg[hex_until(arg)]) {
        in->name = "argument";
        buf_span(file, span_str(arg));
        return 0;
    }
    if (missing) {
        argument_error(in, arg);
        return ERR_NOT_FOUND;
    }
    if (strcmp(arg, "-") == 0)
        in->name = "standard input";
    errno = 0;
    err = file_read(arg, file);
    if (err)
        input_error(in, "cannot be read: %s", err == ERR_IO && errno ? strerror(errno) : err_text(err));
    return err;
}

static bool dump_input(struct dump *d, const char *arg)
{
    struct input in = {.name = arg, .datagram = show_datagram, .ctx = d};
    struct buf file;
    int err;

    buf_init(&file, FILE_MAX);
    err = input_load(&in, arg, &file);
    if (!err && pcap_is(buf_view(&file)))
        pcap_read(&in, buf_view(&file));
    else if (!err)
        hex_read(&in, buf_view(&file));
    if (!d->quiet && in.esp + in.keepalives + in.other > 0)
        printf("%s: packets without IKE: %zu ESP, %zu keepalives, %zu others\n", in.name, in.esp, in.keepalives, in.other);
    buf_done(&file);
    return !in.failed;
}

static bool summary(struct dump *d)
{
    if (!d->quiet && d->closed > 0)
        printf("sealed payloads without keys: %zu\n", d->closed);
    if (d->fragments.n > 0)
        printf("messages that lack fragments: %zu\n", d->fragments.n);
    if (d->bad > 0)
        printf("malformed or not to be opened: %zu of %zu messages\n", d->bad, d->messages);
    return d->bad == 0 && d->fragments.n == 0;
}

int main(int argc, char **argv)
{
    struct dump d = {.registry = &alg_registry, .ring = {.registry = &alg_registry}};
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
