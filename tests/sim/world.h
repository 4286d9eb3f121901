/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated world: several ends, each a real `struct core`, in one process with a false clock and a seed.
 *
 *     core --send--> net.c (delay, loss, NAT ...) --> the other core      plan.c   configurations
 *          --ask---> desk.c (worker, vault, resolver)                     lot.c    faults
 *          --ask---> the production hand --operations--> xfrm.c, a model of the kernel, through which flow.c sends packets
 *          --tell--> counted here, read by scenarios
 *
 * An end is a machine: its kernel outlives its processes. Core and hand die and begin together, as in the daemon.
 *
 * Everything that happens is an entry of one queue, ordered by time and then by arrival, so a seed replays exactly. laws.c
 * looks on after every step. The first broken law stops the world: world_run() returns at once from then on, and the
 * scenario's caller prints world_report().
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "daemon/nonces.h"
#include "daemon/verdicts.h"
#include "dice.h"
#include "glass.h"
#include "ike/core.h"
#include "kernel/hand.h"
#include "law.h"
#include "laws.h"
#include "lot.h"
#include "net.h"
#include "plan.h"
#include "xfrm.h"

#define SIM_ENDS_MAX 5
#define WORLD_BEGINS (1000 * USEC_SEC)
#define SIM_PLANS_MAX 4

/* How an asked room behaves. Chances are per mille. */
struct desk_faults {
    usec_t low, high; /* delay of an answer */
    unsigned failed;  /* answers ANSWER_FAILED */
    unsigned late;    /* answers after the deadline */
    unsigned never;   /* does not answer */
    unsigned twice;   /* answers, and a little later again */
};

struct told_row {
    bool child;
    char connection[32], name[32], state[16];
    uint64_t spi_i, spi_r;
    uint32_t spi_in, spi_out;
    bool we_initiated, nat_local, nat_remote, udp_encap, transport;
    struct endpoint remote;
};

/* Where an end can die: end_crash_after() counts these. */
enum beat {
    BEAT_OUTPUT,    /* before the core's next word is carried out */
    BEAT_STEP,      /* after a step */
    BEAT_OPERATION, /* before the hand's next operation on the kernel */
    BEAT_PERFORMED, /* an ask is performed, and not yet answered */
};

/* One gateway. */
struct end {
    struct world *world;
    unsigned index;
    struct addr addr;
    struct core *core; /* NULL = not running */
    struct conf *conf;
    struct outbox outbox;
    struct dice dice; /* of this end's core */
    unsigned life;    /* counts starts: answers for an earlier life are lost */
    struct plan plan[SIM_PLANS_MAX];
    size_t n_plans;
    struct plan_globals globals;
    uint32_t generation;
    struct desk_faults desk[6]; /* by enum ask_to */
    unsigned lost_verdicts;     /* so many do not reach the hand */
    bool lost_a_verdict;        /* one did not */
    unsigned install_exists;    /* per mille: the SPI of an INSTALL is taken */
    usec_t answered_until[6];
    unsigned room_life[6]; /* vault and judge die alone */
    uint32_t handles;      /* the vault's */
    struct hand *hand;     /* NULL = not running */
    struct verdicts *verdicts;
    size_t n_verdicts;     /* given in this life */
    size_t verdicts_max;   /* 0 = as the daemon */
    struct answer *said;   /* where the hand's answer goes */
    usec_t mend_at;        /* the hand wants to come back then */
    usec_t posted_until;   /* what the hand says arrives in order */
    struct dice hand_dice; /* what the hand's nonces are made of */
    struct rng hand_rng;
    uint64_t token_secret; /* of RFC 6290: outlives restarts */
    struct nonces *nonces; /* issued; a verdict spends one */
    bool nonces_withheld;  /* asks for them are not answered */
    struct xfrm xfrm;
    struct conf *closed, *closing; /* what the kernel must protect; during a change also only what is in `closing` too */
    struct addr resolved;          /* what ASK_RESOLVE finds; family 0 = nothing */
    usec_t asleep_until;           /* suspended */
    int64_t wall_jump_s;           /* the wall clock is off by so much */
    unsigned beats_left;           /* 0 = no crash is due */
    bool dying, stopping;
    unsigned crashes;

    usec_t tick_at, deadline; /* deadline as last seen, and when its tick will come */
    unsigned idle_ticks;
    unsigned facts[FACT_COUNT];
    usec_t child_down;        /* when a Child SA, or an IKE SA with all of its own, was last told to be gone */
    unsigned turned_away;     /* the peer said AUTHENTICATION_FAILED */
    struct told_row rows[64]; /* of the last ORDER_LIST */
    size_t n_rows;
    uint32_t order_done; /* id of the last order that was answered */
    bool order_ok;
    uint64_t steps, asks[16], sent, keepalives;
    bool apart;                       /* the vault never gives our AUTH with its verdict */
    unsigned certificates;            /* so many come with our AUTH, 900 bytes of nothing each */
    size_t certs_seen, requests_seen; /* in the last ask for AUTH to be checked, and to be made */
};

struct happening {
    usec_t at;
    uint64_t turn;
    void (*fn)(struct world *, void *arg);
    void *arg;
    struct end *end; /* it waits while this one is asleep; may be NULL */
};
typedef void happen_fn(struct world *, void *arg);

struct world {
    uint64_t seed;
    usec_t now;
    struct dice dice;
    const struct alg_registry *algs; /* glass_registry unless a scenario wants real ones */
    struct end end[SIM_ENDS_MAX];
    size_t n_ends;
    struct net net;
    struct laws laws;
    struct lots lots; /* chance that a shortened run can do without: lot.h */
    struct happening *queue;
    size_t n_queue, cap_queue;
    uint64_t turns;
    uint32_t orders;
    usec_t healed_in;   /* after a storm */
    uint64_t exchanges; /* whose answer came back to who asked */
    struct flow flow[16];
    size_t n_flows;
    void (*keylog)(void *ctx, uint64_t spi_i, uint64_t spi_r, const struct suite *, const struct ike_keys *); /* may be NULL */
    void *keylog_ctx;
    bool failed, verbose;
    bool halted;           /* stopped after so many steps: failed, but nothing is broken */
    uint64_t steps_left;   /* of world_step */
    struct record *record; /* NULL, or where all that happens is written down (record.h) */
    bool peeking;          /* cores are the real ones: laws may look inside (peek.h) */
    bool quiet;            /* no trace: faster, and nothing else differs */
    char failure[512];
    enum law broken; /* when failed */
    uint64_t judged[LAW_COUNT];
    char *trace[128]; /* the last lines, a ring */
    size_t n_trace;
    uint64_t digest; /* of everything that was sent and told: equal seeds, equal digests */
};

/* n ends at 192.0.2.1 ..., not started; every end's plans are empty. */
struct world *world_new(uint64_t seed, size_t n_ends);
struct world *world_free(struct world *);
/* Two ends with one tunnel each, mirrored; the usual beginning. */
struct world *world_pair(uint64_t seed, enum keep keep0, enum keep keep1);

/* `arg` was malloc()ed; it is freed after fn. */
void world_at(struct world *, usec_t at, happen_fn *, void *arg);
void world_at_end(struct end *, usec_t at, happen_fn *, void *arg); /* not while that end is asleep */
void world_run(struct world *, usec_t how_long);
/* Run until `done` says so, at most how_long; false (and a broken law named `what`) if it never does. */
bool world_until(struct world *, bool (*done)(struct world *), usec_t how_long, const char *what);
void world_fail(struct world *, const char *fmt, ...) PRINTF(2, 3);
/* Fails the world, naming the expression, when `ok` is false. Returns ok. */
bool world_expect(struct world *, bool ok, const char *what);
#define EXPECT(w, expr) world_expect((w), (expr), #expr)
void world_trace(struct world *, const char *fmt, ...) PRINTF(2, 3);
void world_report(const struct world *); /* to standard error: seed, failure, the last of the trace */

/* Ends. */
void end_start(struct end *);                       /* the kernel's state is as it was left */
void end_stop(struct end *);                        /* the processes die without a goodbye, the SAs with them; policies stay */
void end_off(struct end *);                         /* the whole machine, for good */
void end_restart(struct end *);                     /* without memory; what is in the kernel is adopted or removed */
void end_crash(struct end *);                       /* core and hand die, the kernel stays as it is; nobody begins them again */
void end_crash_after(struct end *, unsigned beats); /* they die then, wherever that is, and are begun again soon after */
bool end_beat(struct end *, enum beat);             /* true = it is dead from here on */
void end_bury(struct end *);                        /* if it died: frees it, and it begins again soon */
void end_reboot(struct end *, usec_t down_for);     /* nothing is left in the kernel; nothing is forwarded before all is closed */
void end_room_crash(struct end *, enum ask_to);     /* vault or judge: open questions fail, handles are forgotten */
void end_suspend(struct end *, usec_t how_long);    /* nothing runs, nothing arrives; CLOCK_BOOTTIME goes on */
bool end_asleep(const struct end *);
int64_t end_wall_s(const struct end *); /* its wall clock, seconds */
void end_step(struct end *, struct input *);
void end_order(struct end *, enum order_kind, const char *connection, const char *child);
void end_list(struct end *);   /* fills rows */
void end_reload(struct end *); /* with the plans as they are now */
void end_finish(struct end *); /* after FACT_STOPPED, as the daemon: all stays closed, no SA is left, the processes end */
void end_event(struct end *, const struct event *, usec_t delay);
void end_lose_sas(struct end *);                                 /* the kernel forgets them; the hand finds out and says so */
size_t end_rows(struct end *, bool children, const char *state); /* after end_list; NULL = any state */

/* hands.c: the production hand between this end's core and kernel. */
void end_hand_begins(struct end *);
void end_hand_ends(struct end *);
void end_hand_reads(struct end *);
void end_hand_later(struct end *); /* after each call: when it wants to mend */
bool end_hand_configures(struct end *, struct conf *);
void end_hand_says(struct end *, const struct input *); /* to the core, in order */

#endif
