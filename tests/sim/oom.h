/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory. While one gateway of a world does something, its k-th allocation fails, for every k; once, ten times in a row,
 * or all that follow for some seconds. Nothing may crash, leak or break a law, and when there is memory again both ends must find
 * back to a tunnel by themselves.
 *
 * Only the core under test goes without: allocations fail while core_step() of that core is under way. The linker puts
 * oom_alloc.c between everybody and the allocator (Makefile.am: --wrap); without a sanitizer, libraries' allocations fail too.
 */
#ifndef SIM_OOM_H
#define SIM_OOM_H

#include "scenario.h"

/* Allocations are counted while `of` (or, where that is NULL, anybody between oom_enter() and oom_leave()) is at work. */
struct oom {
    bool on, inside;
    const struct core *of;
    uint64_t seen, refused;
    uint64_t from, n; /* those with number from .. from + n - 1 fail, beginning with 1; n = 0: none */
};
extern struct oom oom;
void oom_begin(const struct core *, uint64_t from, uint64_t n);
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
bool oom_run(const struct oom_case *, unsigned end, enum oom_mode, uint64_t k, bool verbose, uint64_t *seen, struct oom_sum *);
/* Every `step`-th k of every case, beginning with the first + `part`. */
void oom_all(unsigned part, unsigned step, struct oom_sum *);

/* Configuration files, and the kernel's side. */
void oom_conf(unsigned part, unsigned step, struct oom_sum *);
void oom_hand(unsigned part, unsigned step, struct oom_sum *);

#endif
