/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of wire-dump and what they share. */
#ifndef WIRE_DUMP_DUMP_H
#define WIRE_DUMP_DUMP_H

#include "input.h"
#include "open.h"

enum { EXIT_OK = 0, EXIT_MALFORMED = 1, EXIT_USAGE = 2 };

struct dump {
    const struct alg_registry *registry;
    struct key_ring ring;
    struct collector fragments;
    size_t messages, bad, closed; /* closed: sealed payloads without keys */
    bool quiet;
};
/* Reads all options; the rest of argv are inputs. Ends the program on --help and on wrong usage. */
void options_read(struct dump *, int argc, char **argv);
/* Prints one message; `dump` is a struct dump (for struct input). */
void show_datagram(void *dump, const struct found *);
/* All of a file, or of standard input for "-". 0 or ERR_IO, ERR_LIMIT. */
int file_read(const char *name, struct buf *out) MUST_USE;

#endif
