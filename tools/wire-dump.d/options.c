/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#include "dump.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void options_read(struct dump *d, int argc, char **argv)
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
