/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state matrix (matrix.h).
 *
 *     test_matrix                  a part of it, which changes with the clock; CHARON_MATRIX=/N: an N-th part; it or
 * CHARON_SIZE=full: all test_matrix --part N/M       every M-th cell, from N test_matrix --cell COORDS    one cell, with a trace
 *     test_matrix --rules          how many cells each rule has claimed, besides
 */
#include "matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SMALL 97 /* of developers: a cell out of so many */

/* What the matrix has found: these run always. */
static const char *const found[] = {
    "LEAVING/responder/AUTH/request/GOOD/NOW/RIGHT/OWN/V2_0/NONE", /* no answer while the IKE SA was being closed (2.21.3) */
    "LEAVING/initiator/UNKNOWN/request/GOOD/NOW/RIGHT/OWN/V2_0/NONE",
    "LEAVING/initiator/EMPTY/request/GOOD/NOW/RIGHT/OWN/V2_0/CRITICAL", /* the SA was dropped for it (2.5) */
    "KEYED/responder/EMPTY/request/GOOD/NOW/RIGHT/OWN/V2_0/CRITICAL",   /* answered before IKE_AUTH, and the SA was gone */
    "KEYED_SENT/initiator/DELETE_IKE/request/GOOD/NOW/RIGHT/OWN/V2_0/CRITICAL",
    "KEYED/responder/AUTH/request/GOOD/NOW/RIGHT/OWN/V2_0/DROP_TSI", /* we were up, and revealed, before INVALID_SYNTAX */
    "KEYED/responder/AUTH_BAD/request/GOOD/NOW/RIGHT/OWN/V2_0/DROP_TSR",
    "LEAVING_OLD/initiator/HINT/response/CLEAR/NOW/RIGHT/OWN/V2_0/NONE", /* an unprotected notify ended an SA (2.21.4) */
    "REPLACED/responder/HINT/request/CLEAR/NOW/RIGHT/OWN/V2_0/NONE",
    "UP_INSTALL/initiator/DELETE_CHILD/request/GOOD/NOW/RIGHT/OWN/V2_0/DOUBLE_DELETE", /* the answer named the SPI twice */
};

static unsigned unused_rules(const struct matrix_sum *sum)
{
    unsigned n = 0;

    for (size_t i = 0; i < matrix_n_rules; i++) {
        if (!sum->by_rule[i])
            fprintf(stderr, "rule %zu (%s: %s) claims no cell\n", i, matrix_rules[i].section, matrix_rules[i].says);
        n += !sum->by_rule[i];
    }
    return n;
}

static void print_rules(const struct matrix_sum *sum)
{
    for (size_t i = 0; i < matrix_n_rules; i++)
        printf("# %6lu  %-24s %s\n", sum->by_rule[i], matrix_rules[i].section, matrix_rules[i].says);
    for (unsigned v = 0; v < VERDICT_IS_COUNT; v++)
        printf("# %6lu  %s\n", sum->by_verdict[v], verdict_word(v));
}

static int one(const char *text)
{
    struct matrix_sum sum = {0};
    struct cell c;
    bool ok;

    if (cell_parse(text, &c) < 0) {
        fprintf(stderr, "no such cell: %s\n", text);
        return 2;
    }
    ok = matrix_cell(&c, true, &sum);
    printf("%s%s\n", ok ? "ok" : "not ok", sum.cells ? "" : " # there is no such message here");
    return !ok;
}

static int report(bool ok, unsigned n, const char *what)
{
    printf("%s %u - %s\n", ok ? "ok" : "not ok", n, what);
    return !ok;
}

static int many(unsigned part, unsigned of, bool rules)
{
    static struct matrix_sum sum;
    clock_t began = clock();
    int failed = 0;

    for (size_t i = 0; of > 1 && i < COUNT_OF(found); i++) {
        struct cell c;

        if (cell_parse(found[i], &c) < 0 || !matrix_cell(&c, false, &sum))
            failed = 1;
    }
    matrix_all(part, of, &sum);
    if (rules)
        print_rules(&sum);
    printf("# replay: test_matrix --part %u/%u\n", part, of);
    printf("# counted: state matrix: %lu cells (part %u of %u), %zu rules, %lu failed, %.1f s\n", sum.cells, part, of,
           matrix_n_rules, sum.failed, (double)(clock() - began) / CLOCKS_PER_SEC);
    printf("1..4\n");
    failed |= report(!sum.failed && !failed, 1, "every cell as its rule says");
    failed |= report(!sum.unclaimed && !sum.claimed_twice, 2, "every cell belongs to one rule");
    failed |= report(!sum.law_broken, 3, "nothing but a verified AUTH reaches UP");
    failed |= report(of > 1 || !unused_rules(&sum), 4, "every rule has a cell");
    return failed;
}

int main(int argc, char **argv)
{
    const char *all = getenv("CHARON_SIZE"), *size = getenv("CHARON_MATRIX");
    unsigned part, of = SMALL;
    bool rules = false;

    if (size && strcmp(size, "full") != 0 && (sscanf(size, "/%u", &of) != 1 || !of))
        return fprintf(stderr, "CHARON_MATRIX is full or /N, not %s\n", size), 2;
    if (!strcmp(size ? size : all ? all : "", "full"))
        of = 1;
    part = (unsigned)((unsigned long)time(NULL) % of);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--rules"))
            rules = true;
        else if (!strcmp(argv[i], "--cell") && i + 1 < argc)
            return one(argv[i + 1]);
        else if (strcmp(argv[i], "--part") != 0 || i + 1 >= argc || sscanf(argv[++i], "%u/%u", &part, &of) != 2 || part >= of)
            return fprintf(stderr, "usage: test_matrix [--part N/M] [--cell COORDS] [--rules]\n"), 2;
    }
    return many(part, of, rules);
}
