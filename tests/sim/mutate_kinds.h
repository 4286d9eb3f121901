/* SPDX-License-Identifier: Apache-2.0 */
/* What the makers of mutants share. */
#ifndef SIM_MUTATE_KINDS_H
#define SIM_MUTATE_KINDS_H

#include "mutate.h"

struct puppet *mutant_puppet(struct mutant *, enum keep); /* a gate, not yet started */
void mutant_transport(struct puppet *);                   /* its tunnel is none: transport mode */
bool mutant_waiting(struct mutant *);                     /* started, and asked nothing */
bool mutant_keyed(struct mutant *);                       /* the puppet's IKE_SA_INIT is done */
bool mutant_up(struct mutant *);                          /* the puppet has a tunnel */
const struct said *mutant_called(struct mutant *);        /* the gate's IKE_SA_INIT */
const struct said *mutant_called_auth(struct mutant *);   /* its IKE_AUTH */
bool mutant_called_up(struct mutant *);                   /* the gate made a tunnel */
void say_extras(struct puppet *, const char *words);      /* further payloads, by name */

/* What the honest message brought. */
bool works_answer(struct mutant *); /* an answer without an error */
bool works_error(struct mutant *);  /* an answer with the error `number` */
bool works_any(struct mutant *);    /* the gate is still there */
bool works_child(struct mutant *);  /* an answer with an ESP SPI */
bool works_up(struct mutant *);     /* one child is UP */
bool works_gone(struct mutant *);   /* no IKE SA that is UP */

#endif
