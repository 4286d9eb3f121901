/* SPDX-License-Identifier: Apache-2.0 */
/* All cells of the state matrix, one after the other. */
#include "matrix.h"

#include <stdio.h>
#include <string.h>

#define DEALT_WITH (60 * USEC_MSEC) /* in this time the gate has dealt with a message, where nobody is slow */

#define COMPLAINTS_MAX 40 /* more are counted */

static void bench_done(struct bench *b)
{
    ike_keys_done(&b->made_up.keys);
    puppet_free(b->p);
}

static const char *rule_check(const struct cell *c, const struct matrix_rule **rule, struct matrix_sum *sum)
{
    unsigned n = rules_claim(c, rule);

    if (n == 1) {
        sum->by_rule[*rule - matrix_rules]++;
        return NULL;
    }
    *(n ? &sum->claimed_twice : &sum->unclaimed) += 1;
    return n ? "two rules claim this cell" : "no rule claims this cell";
}

/* The first verdict of the rule that holds; or what is wrong. */
static const char *judge(struct bench *b, const struct matrix_rule *rule, struct matrix_sum *sum)
{
    const char *law = look_law(b), *why = NULL;

    if (law) {
        sum->law_broken++;
        return law;
    }
    for (unsigned v = 0; v < VERDICT_IS_COUNT; v++) {
        const char *different;

        if (!(rule->verdicts & 1ull << v))
            continue;
        different = b->p->w->failed ? "the world has failed" : look_after(b, (enum verdict_is)v);
        if (!different && b->p->w->failed)
            different = "the world has failed";
        if (!different) {
            sum->by_verdict[v]++;
            return NULL;
        }
        why = different;
    }
    law = look_law(b);
    return law ? law : why;
}

static void complain(struct bench *b, const struct matrix_rule *rule, const char *why, const struct matrix_sum *sum)
{
    char text[CELL_TEXT_MAX];

    if (sum->failed > COMPLAINTS_MAX)
        return;
    cell_format(b->cell, text);
    fprintf(stderr, "cell %s: %s\n", text, why);
    if (rule)
        fprintf(stderr, "  section %s: %s;", rule->section, rule->says);
    for (unsigned v = 0; rule && v < VERDICT_IS_COUNT; v++)
        if (rule->verdicts & 1ull << v)
            fprintf(stderr, " %s", verdict_word(v));
    fprintf(stderr, "\n  alone, with a trace: test_matrix --cell %s\n", text);
    if (b->p->w->failed)
        fprintf(stderr, "  %s\n", b->p->w->failure);
}

bool matrix_cell(const struct cell *c, bool verbose, struct matrix_sum *sum)
{
    struct bench b = {.cell = c};
    const struct matrix_rule *rule = NULL;
    const char *why = "the stage was not reached";
    bool reached = stage_reach(&b);

    if (reached && !cell_exists(&b)) {
        bench_done(&b);
        return true;
    }
    sum->cells++;
    sum->by_stage[c->stage]++;
    if (reached)
        why = rule_check(c, &rule, sum);
    if (reached && rule) {
        look_before(&b);
        b.p->w->verbose = verbose;
        cell_say(&b);
        world_run(b.p->w, DEALT_WITH);
        why = judge(&b, rule, sum);
    }
    if (why) {
        sum->failed++;
        complain(&b, rule, why, sum);
    }
    bench_done(&b);
    return !why;
}

/* --- which cells there are -----------------------------------------------------------------------------------------------------
 */

struct counter {
    unsigned long n;
    unsigned part, of;
    struct matrix_sum *sum;
};

static void maybe(struct counter *k, const struct cell *c)
{
    if (k->n++ % k->of == k->part)
        matrix_cell(c, false, k->sum);
}

/* Protection, message ID and flag in all combinations; what does not open has the usual message IDs. */
static void envelopes(struct counter *k, struct cell c)
{
    for (c.seal = 0; c.seal < SEAL_COUNT; c.seal++)
        for (c.id = 0; c.id < ID_IS_COUNT; c.id++)
            for (c.flag = 0; c.flag < FLAG_COUNT; c.flag++) {
                if (c.seal > SEAL_FRAGS && c.id != ID_IS_NOW && c.id != ID_IS_M1 && c.id != ID_IS_ZERO)
                    continue;
                maybe(k, &c);
            }
}

static void faults(struct counter *k, struct cell c)
{
    if (c.kind == KIND_INIT && c.way == WAY_REQUEST)
        c.spi = SPI_NEW;
    for (c.fault = 1; c.fault < FAULT_COUNT; c.fault++)
        for (c.seal = 0; c.seal <= SEAL_FRAGS; c.seal++)
            maybe(k, &c);
}

static void versions(struct counter *k, struct cell c)
{
    if (c.kind == KIND_INIT && c.way == WAY_REQUEST)
        c.spi = SPI_NEW;
    for (c.version = 1; c.version < VERSION_COUNT; c.version++)
        for (c.seal = 0; c.seal <= SEAL_GOOD; c.seal++)
            for (c.flag = 0; c.flag < FLAG_COUNT; c.flag++)
                maybe(k, &c);
}

static void spis(struct counter *k, struct cell c)
{
    for (c.spi = 1; c.spi < SPI_COUNT; c.spi++)
        for (c.seal = 0; c.seal < SEAL_COUNT; c.seal++) {
            if (c.seal != SEAL_CLEAR && c.seal != SEAL_GOOD && c.seal != SEAL_WRONGKEY)
                continue;
            for (c.flag = 0; c.flag < FLAG_COUNT; c.flag++)
                for (c.id = 0; c.id < ID_IS_P2; c.id++)
                    maybe(k, &c);
        }
}

void matrix_all(unsigned part, unsigned of, struct matrix_sum *sum)
{
    struct counter k = {.part = part, .of = of, .sum = sum};
    struct cell c = {0};

    for (c.stage = 0; c.stage < STAGE_COUNT; c.stage++)
        for (c.role = 0; c.role < ROLE_COUNT; c.role++)
            for (c.kind = 0; c.kind < KIND_COUNT; c.kind++)
                for (c.way = 0; c.way < WAY_COUNT; c.way++) {
                    if (!stage_has(c.stage, c.role) || !kind_has(c.kind, c.way))
                        continue;
                    if (c.kind == KIND_AGAIN) {
                        maybe(&k, &c);
                        continue;
                    }
                    envelopes(&k, c);
                    faults(&k, c);
                    versions(&k, c);
                    spis(&k, c);
                }
}
