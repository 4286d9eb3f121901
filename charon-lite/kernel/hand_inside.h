/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the hand share. Nobody else includes it. */
#ifndef CHARON_KERNEL_HAND_INSIDE_H
#define CHARON_KERNEL_HAND_INSIDE_H

#include "kernel/hand.h"

#define SELECTORS_MAX 256              /* of one Child SA, or one configured child */
#define PENDING_MAX 4096               /* ACQUIREs in work at a time */
#define PENDING_REPEAT (60 * USEC_SEC) /* the same ACQUIRE is passed on again after so long without an answer */
#define RESOLVERS_MAX 8                /* name servers that pass a block */
#define DUMPED_ORPHANS_MAX 64          /* deleted in one batch */

/* --- policies (policy.c) --------------------------------------------------------------------------------------------- */

/* Who wants a policy, strongest last. */
enum claim_rank { CLAIM_CLOSED = 1, CLAIM_PROTECT, CLAIM_PASS };
struct claim {
    struct list in_policy;
    struct claim *next; /* of the same owner */
    struct policy *policy;
    union {
        struct hand_child *child; /* CLOSED (block), PASS: whose configuration */
        struct trap *trap;        /* CLOSED, traps: the child is the trap's */
        struct sa_record *record; /* PROTECT */
    } of;
    uint32_t priority;  /* of the policy when this claim wins */
    uint8_t rank;       /* enum claim_rank */
    uint8_t directions; /* a bit for each that it is about */
    bool traps : 1;
    bool while_down : 1; /* PASS: only while the child has no SA (name resolution) */
    bool inside : 1;     /* in its owner's memory */
};
#define DIRECTION_BIT(d) ((uint8_t)(1u << (d)))
#define DIRECTIONS_ALL 7
struct hand_child *claim_child(const struct claim *); /* the record's, too; NULL once that is gone from the configuration */
struct sa_record *claim_record(const struct claim *); /* NULL = no PROTECT */
struct trap *claim_trap(const struct claim *);        /* NULL = none */
/* What is known of one direction. */
struct policy_state {
    uint8_t action : 2; /* enum policy_action, as in the kernel */
    bool in_kernel : 1;
    bool taken : 1; /* a policy with this identity is there, and it is not ours */
    bool seen : 1;  /* resynchronisation */
    bool dirty : 1;
};
/* The kernel's policies with one selector, in each direction as packets of that direction look. */
struct policy {
    struct map_node node; /* hand.policies */
    struct list in_dirty;
    struct list claims;
    uint64_t effect[DIRECTIONS]; /* of what is in the kernel: policy_effect() */
    uint32_t index[DIRECTIONS];
    uint32_t number; /* its place in hand.by_number; those of adopted indexes are its, too, unless somebody else has them */
    uint32_t mark, mark_mask, if_id;
    struct selector sel; /* as packets on their way out see it */
    struct policy_state state[DIRECTIONS];
};

/* --- what the configuration says (closed.c) -------------------------------------------------------------------------- */

/* One wish for an SA on demand. A joint child has one; a split child one for each pair of selectors. */
struct trap {
    struct hand_child *child;
    uint32_t reqid;
    struct ts local, remote; /* split: the pair */
    size_t n_up;             /* SAs that carry (some of) it; while there is one, what is left of it is closed */
};
struct hand_child {
    struct hand_conn *conn;
    const struct conf_child *conf;
    uint16_t index;
    size_t n_up; /* installed SAs */
    struct claim *claims;
    struct trap *traps;
    size_t n_traps;
};
struct hand_conn {
    const struct conf_connection *conf;
    bool many;                 /* remote `any` or a network: no address to learn */
    bool disabled;             /* open, by explicit command */
    struct addr local, remote; /* outer: configured, or learned from the last SA; family 0 = unknown */
    struct hand_child *children;
};

/* --- SAs (child.c) --------------------------------------------------------------------------------------------------- */

struct sa_ref {
    struct map_node node; /* hand.sas */
    uint32_t spi;
    uint32_t looked, used; /* looked at (or installed) then; used last, by our own clock, in REF_UNITs: 0 = never */
    uint32_t packets : 28; /* as last looked at, their lowest bits */
    bool out : 1;          /* which of the two of its record */
    bool there : 1, seen : 1;
    bool due : 1; /* resynchronisation: past a soft limit, of which the kernel tells once */
};
#define REF_UNIT (USEC_SEC / 16)
#define REF_PACKETS(n) ((uint32_t)(n)&0xfffffff)
struct sa_record {
    struct list in_hand;
    struct hand_child *child;          /* NULL once its connection is gone from the configuration */
    struct sa_ref in, out;             /* out.there is false for HALF */
    uint64_t order;                    /* the newest takes the policies */
    struct claim *claims;              /* one at least: their policies have its selectors, mark and if_id */
    uint64_t soft_bytes, soft_packets; /* 0 = none */
    uint32_t reqid;
    bool transport;
    bool mute; /* heard for a while, but replaced: no policy is its any more outbound */
    struct addr local, remote;
    struct claim room[]; /* of its claims */
};
struct sa_record *ref_record(const struct sa_ref *);
struct sa_name ref_name(const struct sa_ref *); /* the mark of an inbound SA is what it sets, not what it asks for */

/* An ACQUIRE passed on and not yet answered by SAs or ASK_ACQUIRE_DONE; by reqid. */
struct pending {
    struct map_node node;
    struct larval larval;
    usec_t since;
};

struct hand {
    struct hand_setup setup;
    void *backend;
    struct conf *conf, *old_conf;
    struct hand_conn *conns; /* as conf->connections */
    struct map policies, sas, pendings;
    struct list dirty, records;
    struct policy **by_number;
    size_t n_numbers;
    uint32_t next_number;
    uint32_t next_split_reqid;
    uint64_t order;
    struct addr resolvers[RESOLVERS_MAX], machine_resolvers[RESOLVERS_MAX];
    size_t n_resolvers, n_machine_resolvers;
    bool disarmed;
    bool resync_wanted;        /* what has come in tells that the tables differ */
    usec_t mend_at, mend_wait; /* 0 = nothing is to be mended */
    struct hand_counts counts;
    char why[256]; /* of the answer being given */
};

#define BATCH_FEW 6
/* A batch under construction: operations, and which policy each is of (NULL = an SA). */
struct batch {
    struct kernel_op *ops;
    struct policy **policies;
    size_t n, cap;
    bool failed;
    struct kernel_op few[BATCH_FEW]; /* what one Child SA needs goes without memory */
    struct policy *few_policies[BATCH_FEW];
};
void batch_init(struct batch *);
void batch_done(struct batch *);                                                   /* wipes */
struct kernel_op *batch_add(struct batch *, enum kernel_op_kind, struct policy *); /* NULL without memory */
void batch_apply(struct hand *, struct batch *);

/* selector.c: traffic selectors as the kernel can have them; src is ours, dst the peer's. The number written or an ERR_*. */
int selectors_make(const struct ts *local, const struct ts *remote, struct selector *out, size_t max, struct text *why);
int selectors_of_lists(struct ts_list local, struct ts_list remote, struct selector *out, size_t max, struct text *why);
struct selector selector_turn(const struct selector *); /* as packets of the other direction see it */
/* Are there packets that it holds and that go from `local` to `remote`? */
bool selector_meets(const struct selector *, const struct ts *local, const struct ts *remote);
bool prefix_overlap(const struct prefix *, const struct prefix *);
bool prefix_within(const struct prefix *inner, const struct prefix *outer);
uint32_t selector_priority(const struct selector *, enum claim_rank);
void selector_format(const struct selector *, struct text *);

/* policy.c */
int policies_init(struct hand *);
void policies_done(struct hand *);
/* The policy with this identity, made if need be. NULL without memory or numbers. */
struct policy *policy_at(struct hand *, const struct kernel_policy *identity);
struct selector policy_selector(const struct policy *, enum direction);
struct policy *policy_next(const struct hand *, const struct policy *after); /* all of them, from NULL to NULL */
struct policy *policy_by_index(const struct hand *, uint32_t index);
void policy_adopt(struct hand *, const struct kernel_policy *); /* found in the kernel, ours by its index */
void policy_dirty(struct hand *, struct policy *, uint8_t directions);
/* The strongest claim now; NULL = no policy is wanted. */
const struct claim *policy_claim(const struct hand *, const struct policy *, enum direction);
/* Does another SA than this claim it? */
bool policy_claim_besides(const struct hand *, const struct policy *, enum direction, const struct sa_record *);
/* A claim of `of` on what this names, in these directions; it goes into `room`, or (NULL) into memory of its own. */
struct claim *claim_new(struct hand *, const struct kernel_policy *identity, uint8_t directions, struct claim of,
                        struct claim **owner, struct claim *room);
void claim_place(struct claim *); /* what its strength hangs on has changed */
void claims_drop(struct hand *, struct claim **owner);
void claims_dirty(struct hand *, const struct claim *first);
bool claims_unsettled(const struct claim *first); /* is what one of them wants not in the kernel yet? */
/* Operations for all that is dirty are added to the batch: first what passes, then what closes, last what deletes. */
void policies_plan(struct hand *, struct batch *, bool deletes);
/* Take the results of an applied batch. The first error, said in `why` too. */
int policies_took(struct hand *, struct batch *, struct text *why);
int policies_settle(struct hand *, bool deletes, struct text *why); /* plan, apply, took */

/* closed.c */
int closed_make(struct hand *, struct hand_child *, struct text *why);   /* its claims and traps; drops nothing */
int closed_remake(struct hand *, struct hand_child *, struct text *why); /* an outer address became known */
void closed_drop(struct hand *, struct hand_child *);
/* The configured selectors of one side, `dynamic` filled in with the outer and (transport behind a NAT) the inner address;
 * without an address they are left out. */
struct ts_list selectors_configured(const struct conf_child *, bool remote, const struct addr *outer, const struct addr *inner,
                                    struct ts store[TS_LIST_MAX]);
/* What the child's policies with this selector are called, and the priority of such a claim on them. */
struct kernel_policy child_policy(const struct conf_child *, const struct selector *, enum claim_rank);
struct trap *trap_find(const struct hand *, uint32_t reqid);

/* exceptions.c: what must pass though it is within the selectors */
int exceptions_make(struct hand *, struct hand_child *, const struct selector *, size_t n, struct text *why);
void resolvers_look(struct hand *);
void resolvers_choose(struct hand *, const struct conf *);

/* clamp.c: the sizes of TCP segments through tunnels, as configured; NULL = leave nothing */
void clamps_set(struct hand *, const struct conf *);

/* child.c */
void hand_child_install(struct hand *, const struct ask *);
void hand_child_outbound(struct hand *, const struct ask *);
void hand_child_remove(struct hand *, const struct ask *);
void hand_child_update(struct hand *, const struct ask *);
void hand_child_query(struct hand *, const struct ask *);

/* record.c */
/* With its claims, and found by its SPIs; NULL with the reason in `err` and `why`. */
struct sa_record *sa_record_new(struct hand *, const struct ask_child *, const struct conf_child *, struct hand_child *,
                                struct text *why, int *err);
struct sa_ref ref_of(const struct hand *, uint32_t spi, bool out);
uint32_t ref_time(usec_t);                    /* in REF_UNITs, never 0 */
bool ref_add(struct hand *, struct sa_ref *); /* false without memory */
void ref_remove(struct hand *, struct sa_ref *);
struct sa_ref *sa_find(const struct hand *, uint32_t spi, const struct addr *dst);
void record_lost(struct hand *, struct sa_ref *); /* it is not in the kernel any more */
void sa_record_free(struct hand *, struct sa_record *);
void record_link(struct hand *, struct sa_record *, struct hand_child *); /* counts it as up there; NULL takes it away */

/* notice.c */
void notice_take(void *hand, const struct notice *);
void acquire_done(struct hand *, const struct ask *);
void acquire_seen(struct hand *, const struct sa_seen *); /* a larval SA whose ACQUIRE was lost */
struct pending *pending_find(const struct hand *, uint32_t reqid);
void pending_end(struct hand *, struct pending *, bool free_larval);

/* resync.c */
int policies_look(struct hand *); /* adopts what is ours in the kernel */
void orphans_delete(struct hand *);
void gone_emit(struct hand *, struct sa_ref *); /* EVENT_GONE; policies are left dirty */
void resync(struct hand *);

/* hand.c */
void hand_apply(struct hand *, struct kernel_op *, size_t n); /* what may have gone wrong is mended later */
void hand_unsure(struct hand *);                              /* it is not known what is in the kernel */
void hand_log(const struct hand *, enum level, const char *fmt, ...) PRINTF(3, 4);
usec_t hand_now(const struct hand *); /* CLOCK_BOOTTIME */
int64_t hand_wall_s(const struct hand *);

#endif
