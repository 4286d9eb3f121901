/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated world: several ends, each a real `struct core`, in one process with a false clock and a seed.
 *
 *     core --send--> net.c (delay, loss, NAT ...) --> the other core      plan.c   configurations
 *          --ask---> desk.c (worker, vault, resolver), hand.c (orders to xfrm.c, a model of SAD and SPD)
 *          --tell--> counted here, read by scenarios
 *
 * Everything that happens is an entry of one queue, ordered by time and then by arrival, so a seed replays exactly. laws.c
 * looks on after every step. The first broken law stops the world: world_run() returns at once from then on, and the
 * scenario's caller prints world_report().
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "daemon/nonces.h"
#include "dice.h"
#include "glass.h"
#include "ike/core.h"
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
    unsigned install_exists;    /* per mille: INSTALL answers ERR_EXISTS */
    usec_t answered_until[6];
    uint32_t verdicts[256]; /* handle - 1 -> connection + 1 */
    size_t n_verdicts;
    struct dice hand_dice; /* what the hand's nonces are made of */
    struct rng hand_rng;
    uint64_t token_secret; /* of RFC 6290: outlives restarts */
    struct nonces *nonces; /* issued; a verdict spends one */
    bool nonces_withheld;  /* asks for them are not answered */
    struct xfrm xfrm;
    struct addr resolved; /* what ASK_RESOLVE finds; family 0 = nothing */

    usec_t tick_at, deadline; /* deadline as last seen, and when its tick will come */
    unsigned idle_ticks;
    unsigned facts[FACT_COUNT];
    struct told_row rows[64]; /* of the last ORDER_LIST */
    size_t n_rows;
    uint32_t order_done; /* id of the last order that was answered */
    bool order_ok;
    uint64_t steps, asks[16], sent, keepalives;
    size_t certs_seen, requests_seen; /* in the last ask for AUTH to be checked, and to be made */
};

struct happening {
    usec_t at;
    uint64_t turn;
    void (*fn)(struct world *, void *arg);
    void *arg;
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
    uint64_t exchanges; /* whose answer came back to who asked */
    struct flow flow[16];
    size_t n_flows;
    void (*keylog)(void *ctx, uint64_t spi_i, uint64_t spi_r, const struct suite *, const struct ike_keys *); /* may be NULL */
    void *keylog_ctx;
    bool failed, verbose;
    bool halted;           /* stopped after so many steps: failed, but nothing is broken */
    uint64_t steps_left;   /* of world_step */
    struct record *record; /* NULL, or where all that happens is written down (record.h) */
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
void end_start(struct end *);
void end_stop(struct end *);    /* the process dies without a goodbye, its SAs with it */
void end_restart(struct end *); /* without memory */
void end_step(struct end *, struct input *);
void end_order(struct end *, enum order_kind, const char *connection, const char *child);
void end_list(struct end *);   /* fills rows */
void end_reload(struct end *); /* with the plans as they are now */
void end_event(struct end *, const struct event *, usec_t delay);
void end_lose_sas(struct end *);                                 /* the kernel forgets them; the hand finds out and says so */
size_t end_rows(struct end *, bool children, const char *state); /* after end_list; NULL = any state */

#endif
