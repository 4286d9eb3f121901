/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory. While one gateway of a world does something, its k-th allocation fails, for every k; once, ten times in a row,
 * or all that follow for some seconds. Nothing may crash, leak or break a law, and when there is memory again both ends must find
 * back to a tunnel by themselves.
 *
 * Only one core, or one hand, goes without: allocations fail while a call of it is under way. The linker puts oom_alloc.c between
 * everybody and the allocator (Makefile.am: --wrap); without a sanitizer, libraries' allocations fail too.
 */
#ifndef SIM_OOM_H
#define SIM_OOM_H

#include "scenario.h"

/* Allocations are counted while this core or this hand is at work, or between oom_enter() and oom_leave(). */
struct oom {
    bool on, inside;
    const struct core *core;
    const struct hand *hand;
    uint64_t seen, refused;
    uint64_t from, n; /* those with number from .. from + n - 1 fail, beginning with 1; n = 0: none */
};
extern struct oom oom;
void oom_begin(const struct core *, const struct hand *, uint64_t from, uint64_t n);
void oom_end(void);
void oom_enter(void);
void oom_leave(void);

struct oom_case {
    const char *name;
    void (*plan)(struct world *);              /* what is special about the world; NULL = nothing */
    bool up_first;                             /* there is a tunnel before it begins */
    void (*act)(struct world *, unsigned end); /* at the end that has no memory; NULL = the handshake */
    usec_t lasts;                              /* so long it is counted */
    bool goes_down;                            /* the tunnel is ordered up again afterwards */
};
extern const struct oom_case oom_cases[];
extern const size_t oom_n_cases;

enum oom_mode { OOM_ONCE, OOM_TEN, OOM_LONG, OOM_MODES };
struct oom_sum {
    unsigned long runs, failed, refused;
};
/* One run; false, and a report, when something is not as it must be. k = 0 only counts, into *seen. */
bool oom_run(const struct oom_case *, unsigned end, bool hand, enum oom_mode, uint64_t k, bool verbose, uint64_t *seen,
             struct oom_sum *);
/* Every `step`-th k of every case, beginning with the first + `part`: of the core, of the hand, of reading a configuration. */
void oom_cores(unsigned part, unsigned step, struct oom_sum *);
void oom_hands(unsigned part, unsigned step, struct oom_sum *);
void oom_conf(unsigned part, unsigned step, struct oom_sum *);

#endif
