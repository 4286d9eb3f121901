/* SPDX-License-Identifier: Apache-2.0 */
/* Coordinates of the state matrix as text, and back. */
#include "matrix.h"

#include <stdio.h>
#include <string.h>

#define WORD(name, ...) #name,
static const char *const stages[] = {STAGES(WORD)}, *const kinds[] = {KINDS(WORD)}, *const seals[] = {SEALS(WORD)};
static const char *const id_words[] = {IDS(WORD)}, *const flags[] = {FLAGS(WORD)}, *const spis[] = {SPIS(WORD)};
static const char *const versions[] = {VERSIONS(WORD)}, *const faults[] = {FAULTS(WORD)}, *const verdicts[] = {VERDICTS(WORD)};
static const char *const roles[] = {"initiator", "responder"}, *const ways[] = {"request", "response"};

const char *verdict_word(unsigned verdict)
{
    return verdict < COUNT_OF(verdicts) ? verdicts[verdict] : "?";
}

const char *stage_word(unsigned stage)
{
    return stage < COUNT_OF(stages) ? stages[stage] : "?";
}

void cell_format(const struct cell *c, char out[CELL_TEXT_MAX])
{
    snprintf(out, CELL_TEXT_MAX, "%s/%s/%s/%s/%s/%s/%s/%s/%s/%s", stages[c->stage], roles[c->role], kinds[c->kind], ways[c->way],
             seals[c->seal], id_words[c->id], flags[c->flag], spis[c->spi], versions[c->version], faults[c->fault]);
}

/* The number of the next word up to '/', -1 if it is none of these. */
static int word_take(const char **text, const char *const *words, size_t n)
{
    size_t len = strcspn(*text, "/");

    for (size_t i = 0; i < n; i++)
        if (strlen(words[i]) == len && !memcmp(words[i], *text, len)) {
            *text += len + ((*text)[len] == '/');
            return (int)i;
        }
    return -1;
}

int cell_parse(const char *text, struct cell *out)
{
    static const struct {
        const char *const *words;
        size_t n;
    } axes[] = {
        {stages, COUNT_OF(stages)},     {roles, COUNT_OF(roles)},       {kinds, COUNT_OF(kinds)}, {ways, COUNT_OF(ways)},
        {seals, COUNT_OF(seals)},       {id_words, COUNT_OF(id_words)}, {flags, COUNT_OF(flags)}, {spis, COUNT_OF(spis)},
        {versions, COUNT_OF(versions)}, {faults, COUNT_OF(faults)},
    };
    int v[COUNT_OF(axes)];

    for (size_t i = 0; i < COUNT_OF(axes); i++) {
        v[i] = word_take(&text, axes[i].words, axes[i].n);
        if (v[i] < 0)
            return ERR_BAD;
    }
    *out = (struct cell){(enum stage)v[0], (enum role)v[1], (enum kind)v[2], (enum way_of)v[3],  (enum seal)v[4],
                         (enum id_is)v[5], (enum flag)v[6], (enum spi)v[7],  (enum version)v[8], (enum flaw)v[9]};
    return *text ? ERR_BAD : 0;
}
