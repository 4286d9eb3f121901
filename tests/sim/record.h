/* SPDX-License-Identifier: Apache-2.0 */
/* What happens in a world, written down in order: the rows of a ladder diagram. Writing changes nothing: a world with a record
 * plays as one without. */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include "base/base.h"

struct world;
struct end;
struct datagram;

enum row_kind {
    ROW_NOTE,    /* something at one end: `text` */
    ROW_SENT,    /* a message leaves `end` for `to` */
    ROW_ARRIVED, /* and arrives at `end` */
    ROW_GONE,    /* and does not: `why` */
};

struct row {
    usec_t at;
    enum row_kind kind;
    int end, to; /* -1 = a stranger, nobody */
    char *text;
    const char *why;       /* ROW_GONE; a literal */
    unsigned number;       /* of the datagram: of all of its rows and copies */
    bool again, changed;   /* a copy; not the bytes that were sent */
    bool calm;             /* a liveness check or its answer */
    uint64_t spi_i, spi_r; /* of a message */
    uint32_t message_id;
    bool response;
};

struct seen_sa;
struct record {
    struct row *row;
    size_t n, cap;
    bool in_datagram; /* its trace is no note */
    struct seen_sa *sa;
    size_t n_sas, cap_sas;
};

struct record *record_new(void);
struct record *record_free(struct record *);
/* A datagram as net.c traces it: "->", "<-", "injected", or why it is gone. `text` says what it is. */
void record_datagram(struct world *, const char *what, int end, int to, const struct datagram *);
/* A line of the trace: "2 starts" is a note of end 2. */
void record_line(struct world *, const char *line);
/* The states of the SAs of an end after a step: what changed becomes notes. */
void record_states(struct end *);

/* Was an IKE SA of this SPI alive when the record ended? */
bool record_alive(const struct record *, uint64_t spi);

#endif
