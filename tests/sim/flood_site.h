/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two files of the flood. */
#ifndef SIM_FLOOD_SITE_H
#define SIM_FLOOD_SITE_H

#include "flood.h"

bool site_open(struct site *, struct flood *, const char *yaml); /* says on standard error why not */
void site_close(struct site *);
/* One step at the flood's time; what was said is in s->out until site_said(). `timed`: its CPU is counted. */
void site_step(struct site *, struct input *, bool timed);
void site_said(struct site *);
void site_answer(struct site *, const struct ask *, struct answer *, struct arena *);

#endif
