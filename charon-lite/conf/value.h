/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside value.c and number.c: how one kind of setting is read, printed and compared. `member` is what row->offset points at.
 */
#ifndef CHARON_CONF_VALUE_H
#define CHARON_CONF_VALUE_H

#include "conf/rows.h"

typedef int value_read_fn(struct reading *, const struct row *, const struct node *, void *member);
typedef bool value_print_fn(const struct row *, const struct alg_registry *, const void *member, struct buf *out);
typedef bool value_equal_fn(const struct row *, const void *a, const void *b);

/* Reports what is wrong and what would be right, in one sentence; -1. */
int value_bad(struct reading *, const struct row *, const struct node *);
bool value_is_text(const struct node *);
/* Integers of a row's width. */
uint64_t value_integer(const struct row *, const void *member);
void value_integer_set(const struct row *, void *member, uint64_t);
/* One of the row's words, by its text or its value; NULL if there is none. */
const struct word *value_word(const struct row *, const char *text);
const struct word *value_word_of(const struct row *, uint64_t value);

/* number.c */
value_read_fn number_read, measure_read, factor_read, mark_read;
value_print_fn number_print, measure_print, factor_print, mark_print;
value_equal_fn number_equal, mark_equal;
/* A duration, size or count with the unit that fits. */
void measure_add(const struct row *, uint64_t, struct text *out);

#endif
