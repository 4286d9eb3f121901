/* SPDX-License-Identifier: Apache-2.0 */
#include "law.h"
#include "world.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const words[] = {
#define LAW_WORD(name, word, what) word,
    LAWS_OF_THE_WORLD(LAW_WORD)
#undef LAW_WORD
};
static const char *const whats[] = {
#define LAW_WHAT(name, word, what) what,
    LAWS_OF_THE_WORLD(LAW_WHAT)
#undef LAW_WHAT
};

const char *law_word(enum law law)
{
    return (unsigned)law < LAW_COUNT ? words[law] : "?";
}

const char *law_what(enum law law)
{
    return (unsigned)law < LAW_COUNT ? whats[law] : "?";
}

void law_judged(struct world *w, enum law law)
{
    w->judged[law]++;
}

void law_broken(struct world *w, enum law law, const char *fmt, ...)
{
    char text[sizeof(w->failure)];
    va_list args;

    if (w->failed || w->laws.off >> law & 1)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    w->broken = law;
    world_fail(w, "%s", text);
}
