/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every collision: two ends that are up are told to do something each, or one to do two things, and everything that is in flight
 * is delivered in every order, each datagram lost once and repeated once.
 *
 *     collide_search.c  which schedules there are: breadth first, each played from the seed
 *     collide_run.c     plays one: holds the datagrams, makes the choices of a schedule, sends packets all the while
 *     collide_stage.c   the world that a case is played in, what is ordered there, and who draws the lowest nonce
 *     collide_read.c    what a datagram says (glass hides nothing)
 *     collide_inside.c  a core as a number: is this the same as before
 *     collide_book.c    what can be known of both ends from what they said and heard
 *     collide_known.c   schedules that once ended badly
 *     collide_rfc.c     what RFC 7296 expects in each situation: written from the RFC, asked at each message
 *
 * A schedule is a word, and replays exactly: SETTING/NONCES/ACTS/CHOICES, for example plain/0/R0R1/s0s1d0d0d0.
 */
#ifndef SIM_COLLIDE_H
#define SIM_COLLIDE_H

#include "wire/wire.h"
#include "world.h"

/* What an end is told to do, by its letter: C create a second Child SA, R rekey the first, D delete it, K rekey the IKE SA, X
 * delete it, L liveness, A its address changes. */
enum clash_op { CLASH_CREATE, CLASH_REKEY, CLASH_DELETE, CLASH_IKE_REKEY, CLASH_IKE_DELETE, CLASH_LIVENESS, CLASH_ADDRESS };
#define CLASH_LETTERS "CRDKXLA"
#define CLASH_OPS 7
struct clash_act {
    enum clash_op op;
    unsigned end;
};

/* plain; group: PFS, and each end proposes a group first that the other does not take (INVALID_KE_PAYLOAD), for Child SAs and for
 * the first successor of the IKE SA; nat: end 0 is behind a translator; keep: both ends want the tunnel up again when it goes;
 * slow: the kernel's answers come when the schedule says; behind: end 1, which answered, is behind the translator. */
enum clash_setting { CLASH_PLAIN, CLASH_GROUP, CLASH_NAT, CLASH_KEEP, CLASH_SLOW, CLASH_BEHIND };
#define CLASH_SETTINGS 6
extern const char *const clash_setting_names[CLASH_SETTINGS];

#define CLASH_ACTS 3
struct clash_case {
    enum clash_setting setting;
    unsigned
        nonces; /* whose is the lowest of the four: 0, 1: of the request, of the answer of the exchange begun by end 0; 2, 3 */
    struct clash_act act[CLASH_ACTS];
    size_t n_acts;
    unsigned faults; /* how many datagrams may be lost, repeated or late */
};

/* --- what a datagram says (collide_read.c) ------------------------------------------------------------------------------------
 */
enum clash_kind {
    SAYS_CLEAR,
    SAYS_INIT,
    SAYS_AUTH,
    SAYS_NEW_CHILD,
    SAYS_REKEY_CHILD,
    SAYS_REKEY_IKE,
    SAYS_DELETE_CHILD,
    SAYS_DELETE_IKE,
    SAYS_EMPTY
};
#define CLASH_DELETES 8
struct clash_says {
    unsigned from;
    enum clash_kind kind; /* of a request */
    bool response, by_initiator;
    uint64_t spi_i, spi_r;
    uint32_t id;
    uint8_t exchange;
    uint16_t error; /* the first error notify */
    uint16_t group; /* of the key exchange value; in INVALID_KE_PAYLOAD: the one that is asked for */
    bool has_sa, extra;
    uint64_t spi;     /* of the SA payload */
    uint32_t rekeys;  /* SPI of REKEY_SA */
    uint32_t missing; /* SPI of CHILD_SA_NOT_FOUND */
    uint8_t nonce[64];
    size_t nonce_len;
    uint32_t deletes[CLASH_DELETES];
    size_t n_deletes;
    uint64_t digest;
};
bool clash_read(unsigned from, struct span ike, struct clash_says *);
void clash_says_format(const struct clash_says *, struct text *);

uint64_t clash_inside(const struct core *);

/* --- what can be known (collide_book.c) ---------------------------------------------------------------------------------------
 */
/* One exchange. The situation of who answers is kept as it was when the request came and when the answer went. */
struct book_ask {
    struct clash_says q, a;
    bool heard, answered, over; /* by the answerer; by it; and the answer was heard by who asked */
    unsigned situation;
    usec_t at, over_at;
};
struct book_sa {
    uint64_t spi_i, spi_r;
    unsigned first;          /* its original initiator */
    unsigned line;           /* the same for all that were made from one by rekeying: Child SAs belong to that */
    bool alive[2], known[2]; /* at each end; has it ever been */
    bool half;               /* nobody has proved anything */
    struct book_ask ask[2][20];
    size_t n_asks[2];
    int heir[2]; /* made by a rekey of that end, -1 = none */
    int old;     /* which one it replaces, -1 = none */
    uint8_t low[64];
    size_t low_len;
    usec_t since;
};
struct book_child {
    uint32_t spi[2]; /* inbound at each end */
    bool alive[2], known[2];
    bool extra;
    unsigned maker, line;
    int heir[2]; /* from the rekey begun by that end */
    int old;
    uint8_t low[64];
    size_t low_len;
    usec_t since, replaced_at;
};
struct book {
    struct world *w;
    bool keeps, groups; /* end 0 wants the tunnel back; INVALID_KE_PAYLOAD may be an answer */
    bool slow;          /* answers of the kernel may be late: what was heard may not be done yet */
    bool ordered[2][CLASH_OPS];
    struct book_sa sa[16];
    struct book_child child[24];
    size_t n_sas, n_children;
};
void book_open(struct book *, struct world *); /* a zeroed one: two ends that are up, with one Child SA */
void book_close(struct book *);                /* at rest */
void book_said(struct book *, const struct clash_says *);
void book_heard(struct book *, unsigned to, const struct clash_says *);
struct book_sa *book_sa_of(struct book *, const struct clash_says *);
struct book_child *book_child_at(struct book *, unsigned end, uint32_t spi); /* by its inbound SPI there */
struct book_ask *book_open_ask(struct book_sa *, unsigned end);              /* sent and not over; NULL */
uint64_t book_digest(const struct book *);

/* --- what the RFC expects (collide_rfc.c); each fails the world when it is not so
 * -------------------------------------------------- */
unsigned rfc_situation(struct book *, struct book_sa *, const struct clash_says *request);
void rfc_request(struct book *, struct book_sa *, const struct clash_says *); /* may it be sent */
void rfc_repeat(struct book *, struct book_sa *, const struct clash_says *);
void rfc_response(struct book *, struct book_sa *, struct book_ask *, const struct clash_says *);
bool rfc_packets_must_flow(const struct book *);
void rfc_end(struct book *); /* at rest */
/* Who began the exchange with the lowest of the four nonces, when both ends have rekeyed; -1 = they have not. */
int rfc_child_loser(const struct book *, const struct book_child *old);
int rfc_ike_loser(const struct book *, const struct book_sa *old);

/* --- the stage (collide_stage.c)
 * -------------------------------------------------------------------------------------------------- */
struct clash_steer { /* the generator of one end: its nonces begin with what decides */
    struct rng real;
    uint8_t request, answer;
    bool answering;
};
struct world *clash_stage(const struct clash_case *, struct clash_steer steer[2], bool verbose); /* up, one Child SA */
void clash_act(struct world *, const struct clash_act *);

/* --- playing (collide_run.c)
 * -------------------------------------------------------------------------------------------------------- */
#define CLASH_CHOICES 64 /* in one schedule */
#define CLASH_WIDTH 40   /* choices at one point */
struct clash_choice {
    char what; /* s start an act, d deliver, x lose, w deliver and keep a copy, t time passes, k the kernel answers */
    uint8_t which;
};
struct clash_played {
    struct clash_choice taken[CLASH_CHOICES];
    size_t n;
    size_t n_open[CLASH_CHOICES]; /* alternatives at each point */
    struct clash_choice open[CLASH_CHOICES][CLASH_WIDTH];
    uint64_t digest; /* of what was delivered, in which order, and of the states between */
    bool merged;     /* it came to where another has been, and was not played on */
    size_t strange;  /* given choices that were not there to be chosen: the first there is was taken instead */
    bool failed;
    char why[512];
};
/* States that have been gone on with. */
struct clash_seen {
    bool (*add)(void *ctx, uint64_t state); /* false: it was there */
    void *ctx;
};
/* The first n choices are given, the others are the first there are. With `seen` it ends where, past the given ones, it comes to
 * a state that is there: how that goes on is known. */
void clash_play(const struct clash_case *, const struct clash_choice *, size_t n, bool verbose, const struct clash_seen *,
                struct clash_played *);

/* --- searching (collide_search.c)
 * ----------------------------------------------------------------------------------------------------- */
struct clash_counts {
    uint64_t played, distinct, merged, failed, cases;
    bool complete;
    double seconds; /* of CPU */
};
struct clash_wish {
    unsigned settings; /* bits */
    unsigned acts;     /* 2, or 3 at once */
    unsigned faults;
    bool every;        /* go on from every state, also from those that other schedules have led to */
    unsigned most;     /* schedules of a case; 0 = all */
    double seconds;    /* 0 = all of it */
    uint64_t seed;     /* where to begin */
    unsigned failures; /* give up after so many */
};
struct clash_known { /* NULL ends them */
    const char *word, *what;
};
extern const struct clash_known clash_known[];
void clash_search(const struct clash_wish *, struct clash_counts *);
bool clash_word(const char *word, struct clash_case *, struct clash_choice *, size_t *n);
void clash_word_format(const struct clash_case *, const struct clash_choice *, size_t n, struct text *);

#endif
