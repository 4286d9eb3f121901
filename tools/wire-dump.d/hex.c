/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hex text, as people have it: digits with blanks and colons, lines with offsets and a column of text (xxd, hexdump -C,
 * tcpdump -x, -xx and -X). A blank line ends a message; with offsets, so does any line that has none.
 */
#include "input.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 70000

struct hex {
    struct input *in;
    bool offsets; /* the text has lines with offsets */
    size_t line, number;
    size_t n;
    uint8_t bytes[MESSAGE_MAX];
};

static void message_end(struct hex *h)
{
    struct found f = {.number = h->number + 1, .time_us = -1};

    if (h->n == 0)
        return;
    h->number++;
    frame_guess(h->in, span_of(h->bytes, h->n), &f);
    h->n = 0;
}

static size_t digits_at(const char *s)
{
    size_t n = 0;

    while (isxdigit((unsigned char)s[n]))
        n++;
    return n;
}

/* Where the bytes of a line start when it begins with an offset, else NULL; *end is where they end. */
static const char *offset_skip(const char *s, const char **end)
{
    const char *bar = strchr(s, '|');
    size_t n;

    while (*s == ' ' || *s == '\t')
        s++;
    if (s[0] == '0' && s[1] == 'x')
        s += 2;
    n = digits_at(s);
    *end = NULL;
    if (n >= 4 && n <= 16 && s[n] == ':' && (s[n + 1] == ' ' || s[n + 1] == '\t')) {
        s += n + 1;
        while (*s == ' ' || *s == '\t')
            s++;
        *end = strstr(s, "  "); /* the column of text */
    } else if (n == 8 && s[n] == ' ' && bar) {
        s += n;
        *end = bar;
    } else {
        return NULL;
    }
    if (!*end)
        *end = s + strlen(s);
    return s;
}

static bool offset_is_zero(const char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    if (s[0] == '0' && s[1] == 'x')
        s += 2;
    return strspn(s, "0") == digits_at(s);
}

/* Digits to bytes; column counts are for people, from 1. */
static void bytes_add(struct hex *h, const char *line, const char *s, const char *end)
{
    while (s < end) {
        unsigned v = 0;
        char pair[3] = {s[0], s + 1 < end ? s[1] : '\0', '\0'};

        if (isspace((unsigned char)*s) || *s == ':' || *s == ',') {
            s++;
        } else if (digits_at(pair) == 1 && (pair[1] == 'x' || pair[1] == 'X')) {
            s += 2; /* 0x */
        } else if (digits_at(pair) != 2) {
            input_error(h->in, "line %zu, column %zu: not a byte in hex", h->line, (size_t)(s - line) + 1);
            return;
        } else if (h->n == MESSAGE_MAX) {
            input_error(h->in, "line %zu: a message of more than %d bytes", h->line, MESSAGE_MAX);
            return;
        } else {
            for (int i = 0; i < 2; i++)
                v = v << 4 | (unsigned)(isdigit((unsigned char)pair[i]) ? pair[i] - '0' : (pair[i] | 32) - 'a' + 10);
            h->bytes[h->n++] = (uint8_t)v;
            s += 2;
        }
    }
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t\r")] == '\0';
}

static void line_read(struct hex *h, const char *line)
{
    const char *end, *s;

    h->line++;
    s = offset_skip(line, &end);
    if (s && offset_is_zero(line))
        message_end(h);
    if (s)
        bytes_add(h, line, s, end);
    else if (h->offsets || is_blank(line))
        message_end(h);
    else if (line[strspn(line, " \t")] != '#')
        bytes_add(h, line, line, line + strlen(line));
}

/* Calls for each of n lines that follow one another, each NUL-ended. */
static void lines_each(struct hex *h, const char *text, size_t n, void (*each)(struct hex *, const char *line))
{
    for (; n > 0; n--, text += strlen(text) + 1)
        each(h, text);
}

static void offsets_look(struct hex *h, const char *line)
{
    const char *end;

    h->offsets |= offset_skip(line, &end) != NULL;
}

/* A NUL-ended copy cut into lines; returns how many. */
static size_t lines_cut(char *copy, struct span text)
{
    size_t n = 1;

    memcpy(copy, text.p, text.len);
    copy[text.len] = '\0';
    for (char *p = copy; (p = strchr(p, '\n')); n++)
        *p++ = '\0';
    return n;
}

void hex_read(struct input *in, struct span text)
{
    struct hex *h = calloc(1, sizeof(*h));
    char *copy = malloc(text.len + 1);

    if (!h || !copy) {
        input_error(in, "%s", err_text(ERR_MEMORY));
    } else if (text.len == 0 || memchr(text.p, '\0', text.len)) {
        input_error(in, text.len ? "neither a capture file nor text" : "it is empty");
    } else {
        size_t n = lines_cut(copy, text);

        h->in = in;
        lines_each(h, copy, n, offsets_look);
        lines_each(h, copy, n, line_read);
        message_end(h);
        if (h->number == 0 && !in->failed)
            input_error(in, "no message in it");
    }
    free(copy);
    free(h);
}
