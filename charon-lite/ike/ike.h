/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nouns of the protocol, for the files of this room only.
 *
 *     core -> peer      one a configured connection: what shall be up, and when to try again
 *          -> ike_sa -> child_sa
 *                    -> xchg -> arena -> payloads     at most one of ours and one of theirs at a time (window 1)
 *
 * Memory is a tree; references that cross a step are tickets. Whatever dies in the middle of a step is only marked, and freed
 * when the step ends (core.c), so a step never holds a pointer to freed memory.
 */
#ifndef CHARON_IKE_H
#define CHARON_IKE_H

#include "ike/core.h"
#include "ike/limits.h"
#include "wire/wire.h"

struct xchg;
struct ike_sa;
struct child_sa;
struct sa_start;
struct lingering;
struct peer;

/* --- timers: one heap, one deadline ------------------------------------------------------------------------------------------
 */
struct timer {
    struct heap_node node;
    void (*fire)(struct core *, struct timer *);
};
void wake_set(struct core *, struct timer *, usec_t at); /* USEC_NEVER stops it */
void wake_stop(struct core *, struct timer *);
/* `us` less a random part of up to `percent` of it: rekeying and retries are jittered (RFC 7296 2.8, 2.4). */
usec_t jitter(struct core *, usec_t us, unsigned percent);
/* How long until it is rekeyed. `first`: it replaces none; many such may come up at once, and must not be rekeyed at once. */
usec_t rekey_after(struct core *, usec_t us, bool first);

/* Something was left undone for want of memory: everybody looks again a little later. */
void memory_short(struct core *);

/* --- tickets -----------------------------------------------------------------------------------------------------------------
 */
enum ticket_for { TICKET_FREE, TICKET_XCHG, TICKET_IKE_SA, TICKET_CHILD_SA, TICKET_PEER, TICKET_NONCES, TICKET_TOKEN };
struct slot {
    enum ticket_for what;
    uint32_t round;
    union {
        uint32_t next_free; /* TICKET_FREE */
        void *who;
    };
};
struct ticket ticket_take(struct core *, enum ticket_for, void *who); /* slot 0 = no memory */
void ticket_drop(struct core *, struct ticket *);
void *ticket_find(const struct core *, struct ticket, enum ticket_for); /* NULL when it is stale */

/* --- our nonces of IKE_SA_INIT, from the hand (nonce_pool.c): it takes one verdict for each ------------------------------------
 */
#define NONCE_POOL_MAX (NONCES_BATCH_MAX + NONCES_BATCH_MAX / 4)
struct nonce_pool {
    uint8_t v[NONCE_POOL_MAX][NONCE_LEN]; /* a ring, the oldest first: the hand forgets the oldest first */
    size_t first, n;
    size_t batch;         /* of the last ask; grows under load */
    usec_t asked_at;      /* and when it was asked */
    struct ticket ticket; /* of the ask under way */
    bool asking;          /* an ask is under way, or has failed a moment ago */
    struct timer again;   /* while asking */
    bool awaited;         /* by a connection that is to be initiated */
    size_t next;          /* of the connections: who is looked at first when nonces come */
};
void nonce_pool_start(struct core *);
bool nonce_pool_ready(struct core *);                            /* is there one now; if not, it is being asked for */
int nonce_pool_take(struct core *, struct secret *out) MUST_USE; /* 0, ERR_NOT_FOUND, ERR_MEMORY */
void nonce_pool_answered(struct core *, const struct answer *);

/* --- quick crash detection (RFC 6290, rider_qcd.c) -----------------------------------------------------------------------------
 */
#define QCD_DIGEST_LEN 16
struct qcd {
    uint8_t key[32];   /* of the digests that are kept of the peers' tokens */
    struct qcd_asked { /* a token from the vault, for an answer to who speaks under an IKE SA that we do not have */
        struct ticket ticket;
        struct ike_header header;
        struct path path;
    } asked[QCD_ASKED_MAX];
    size_t next;
    usec_t started, since; /* the first step; this second's counts: */
    uint32_t answers, checks;
    uint8_t by_source[256];
    struct timer forget; /* what the vault never answered */
};
void qcd_init(struct core *);
bool qcd_answers(struct core *, const struct ike_header *, const struct path *); /* true: an answer follows, with our token */
void qcd_answered(struct core *, const struct answer *);
bool qcd_crashed(struct ike_sa *, const struct payload *in); /* an unprotected message shows the token: the SA is gone */
enum step qcd_ask(struct xchg *, const struct ike_sa *about);
void qcd_wanted(struct ike_sa *); /* the peer shall hear our token for this SA */

#include "ike/dormant.h"

/* --- the core ----------------------------------------------------------------------------------------------------------------
 */
struct core {
    struct conf *conf, *next_conf; /* the next: there was no memory for it yet (reload.c) */
    const struct alg_registry *algs;
    struct rng rng;
    usec_t now;
    struct outbox *out; /* of the step under way */
    bool started;
    struct map by_spi;       /* our SPI -> ike_sa.by_spi */
    struct map by_child_spi; /* inbound ESP SPI -> child_sa.by_spi */
    struct map half_open;    /* initiator's SPI and address -> ike_sa.by_init; of what became of them too */
    struct dormancy dormancy;
    struct map sources; /* /24 or /64 -> source.node */
    struct heap timers;
    struct slot *slots;
    size_t n_slots;
    uint32_t free_slot;
    struct peer *peers; /* one a configured connection, by index */
    size_t n_peers;
    struct map by_remote; /* address -> peer.by_remote */
    struct map by_id;     /* connection and identity of the peer -> ike_sa.by_id */
    uint16_t *wide;       /* indexes of the connections for many peers */
    size_t n_wide;
    struct list sas;             /* all, ike_sa.in_core */
    struct list graveyard;       /* freed at the end of the step */
    struct list collecting;      /* fragments.collected */
    size_t fragment_bytes;       /* of those */
    struct list replies;         /* reply.in_core: answers that may be asked for again, the oldest first */
    struct timer forget;         /* the oldest of them */
    usec_t reply_kept;           /* how long each */
    const struct suite **suites; /* suite_keep() */
    size_t n_suites;
    struct list lingering; /* replaced SAs that the kernel still has, the oldest first (linger.c) */
    size_t n_lingering;
    struct list work; /* ike_sa.in_work: something may be started */
    struct cookie_secret {
        uint8_t bytes[32];
        uint8_t version;
        usec_t made;
    } cookie_secrets[2];
    const struct alg *cookie_mac, *natd_hash;
    struct nonce_pool nonces;
    struct proofs {
        size_t asked;               /* of vault and judge, and not answered yet */
        usec_t since, second;       /* something was asked all the time since then; when the second below began */
        usec_t heard;               /* the last answer */
        uint32_t done, done_before; /* answers in this second, and in the one before */
    } proofs;
    struct qcd qcd;
    uint32_t reqids; /* counter of dynamic reqids */
    uint32_t stop_order;
    bool stopping, stopped;
    usec_t stop_by;
    struct timer stop_timer;
    bool starved;        /* in this step there was no memory for something: nothing more is begun in it */
    struct timer hungry; /* when it is tried again */
    usec_t hints, fruitless, stranger_tells, untold_tells; /* rates (limits.c) */
    uint64_t untold;                                       /* sentences about strangers that were left out */
    enum level heard;                                      /* the least urgent facts that anybody reads */
    struct core_counts counts;
    void (*keylog)(void *, uint64_t, uint64_t, const struct suite *, const struct ike_keys *);
    void *keylog_ctx;
};

/* --- saying (out.c) ----------------------------------------------------------------------------------------------------------
 */
void out_send(struct core *, const struct path *, struct span datagram);
void out_keepalive(struct core *, const struct path *);
/* Copies everything the ask points at. False: there was no memory, it was not asked. */
bool out_ask(struct core *, const struct ask *);
/* Does anybody read such facts? What is costly to put into words need not be. */
bool fact_heard(const struct core *, enum fact);
/* A fact about a connection; fmt makes the sentence. */
void tell(struct core *, enum fact, const struct peer *, const struct ike_sa *, const struct child_sa *, const char *fmt, ...)
    PRINTF(6, 7);
void tell_order(struct core *, uint32_t order, bool ok, const char *fmt, ...) PRINTF(4, 5);

/* --- messages of one window slot, as sent: repeated byte for byte (2.1) --------------------------------------------------------
 */
struct packets {
    struct buf bytes; /* datagrams one behind the other, each after its length in 2 bytes; of one there is nothing too much */
};
void packets_add(struct packets *, struct span datagram);
void packets_send(struct core *, const struct packets *, const struct path *);
void packets_done(struct packets *);
void reply_forget(struct ike_sa *);

/* --- fragments under collection (RFC 7383 2.6) ---------------------------------------------------------------------------------
 */
struct fragments {
    size_t largest; /* of the datagrams that they came in, from the IKE header on */
    uint32_t message_id;
    uint16_t total, have;
    uint8_t first_inner; /* from fragment 1 */
    size_t bytes;
    usec_t since;
    struct secret *parts;  /* `total` of them, plaintext */
    struct list collected; /* of half-open SAs, the oldest first: what they keep together is bounded */
    size_t *together;      /* core's count of it; NULL = not counted */
};
void fragments_done(struct fragments *);
void fragments_free(struct fragments **);

/* Our last answer to the peer, so that the same request gets the same again (2.1). */
struct reply {
    struct list in_core; /* core.replies, the oldest first */
    struct ike_sa *sa;
    usec_t at;
    uint64_t to;      /* hash of the request (its first fragment) that it answers */
    uint16_t total;   /* in so many fragments that request came; 0 = whole */
    uint8_t exchange; /* and its exchange */
    uint8_t repeats;  /* of that request */
    struct packets packets;
};

/* The beginning of a nonce: as much as every nonce has (2.10). Of two that were made at random the lower one is known by it. */
struct low_nonce {
    uint8_t b[NONCE_MIN];
    bool there;
};

/* What is the same in many SAs is there once. Suites stay until the core goes: there are no more than the configuration allows.
 */
const struct suite *suite_keep(struct core *, const struct suite *); /* NULL without memory */
struct kept_id {
    uint32_t users;
    uint16_t len;
    uint8_t type;
    uint8_t bytes[];
};
struct kept_id *id_keep(struct kept_id *last, const struct id *); /* `last`, if it is that one; NULL without memory */
void id_leave(struct kept_id **);
struct id id_of(const struct kept_id *); /* ID_NONE of NULL */
bool id_same(const struct kept_id *, const struct kept_id *);
void suites_free(struct core *);

/* What only the beginning of an IKE SA needs (2.15 needs both messages of IKE_SA_INIT whole); gone when it is up. */
struct sa_start {
    struct packets init_ours; /* an initiator's; a responder's is its last answer */
    struct buf init_theirs;
    struct secret nonce_i, nonce_r;
    struct secret cert_requests; /* what the peer asked for (CERTREQ), owned bytes */
    struct peer *candidate;      /* whose proposals a responder took in IKE_SA_INIT */
    struct addr from;            /* where a responder counted it as half-open */
    struct list awake;           /* a responder's: dormancy.awake, */
    struct ike_sa *sa;           /* while it may be put by */
    uint8_t seed_len;
    uint8_t seed[64]; /* a responder's SKEYSEED */
    uint16_t hashes;  /* RFC 7427: bits 1 << number */
};

/* --- IKE SAs -------------------------------------------------------------------------------------------------------------------
 */
enum ike_state { IKE_BORN, IKE_KEYED, IKE_UP, IKE_LEAVING, IKE_GONE };
enum sa_due { SA_LIFE, SA_LIVENESS, SA_KEEPALIVE, SA_DUES }; /* what its timer is for */
enum child_state { CHILD_BORN, CHILD_HALF, CHILD_UP, CHILD_OLD, CHILD_GONE };

struct ike_sa {
    struct core *core;
    struct map_node by_spi, by_init;
    struct list in_core, in_work, in_peer;
    struct map_node by_id;
    struct list lineage;      /* a ring of the IKE SAs that are rekeys of one another */
    usec_t requests, creates; /* rates of what the peer asks (limits.c); an heir goes on with them */
    struct ticket id;
    uint64_t spi_i, spi_r;
    struct peer *peer;      /* NULL until a responder knows */
    struct sa_start *start; /* NULL once it is up */
    struct path path;
    uint32_t handle;           /* of the verdict */
    const struct suite *suite; /* kept by the core; NULL before there is one */
    struct secret keys;        /* ike_keys_block(); without pi and pr once it is up */
    uint64_t iv_counter;
    usec_t proof_ends; /* expiry of what the peer proved with, 0 = none */
    struct kept_id *peer_id;
    struct kept_id *our_id; /* as the vault signed it */
    usec_t born, up_since, last_heard;
    usec_t last_sent; /* our request, the last time */

    /* window (2.2, 2.3) */
    uint32_t next_ours, next_theirs;
    struct xchg *ours, *theirs;   /* under way */
    struct reply *reply;          /* to next_theirs - 1; NULL when it was forgotten */
    struct fragments *in_request; /* NULL = none came yet */
    uint64_t request_hash;        /* of the peer's request that is collected or heard: its first fragment */
    uint64_t init_seen;           /* hash of the IKE_SA_INIT that a responder took */
    uint16_t request_total;       /* in so many fragments it came; 0 = whole */
    uint16_t datagram_max;        /* for IKE on this path, as found (RFC 7383 2.5.2); 0 = as configured */
    uint16_t rekey_group;         /* the peer asked for it (INVALID_KE_PAYLOAD) */
    uint8_t n_lost;
    enum ike_state state : 8;

    bool initiator : 1; /* are we the original initiator */
    bool half_open : 1; /* counted as such */
    bool by_init_in : 1, by_id_in : 1, source_counted : 1;
    /* what the riders learned */
    bool natd_seen : 1, nat_local : 1, nat_remote : 1, encap_forced : 1, fragmentation : 1;
    bool initial_contact_sent : 1;
    bool has_token : 1; /* the peer gave us one (RFC 6290): token_digest */
    /* wishes, served one by one when the window is free (sa_pump) */
    bool want_delete : 1, want_rekey : 1, want_liveness : 1, want_token : 1;
    bool rekey_group_tried : 1;
    bool is_heir : 1;       /* made by a rekey */
    bool replaced : 1;      /* its children went to an heir */
    bool redundant : 1;     /* loser of a simultaneous rekey or of a double initiation */
    bool probed : 1;        /* liveness was asked at least once */
    bool traffic_asked : 1; /* the hand, whether packets came */
    bool asked_soon : 1;    /* a responder's new SA that stays silent is, after SILENT_PROBE */

    uint8_t token_digest[QCD_DIGEST_LEN]; /* that is all that is kept of the peer's token */
    struct low_nonce peer_rekey_nonce;    /* the lower nonce of the exchange that made peer_rekey */
    struct low_nonce low_nonce;           /* the lower nonce of the exchange that made this SA */
    struct ticket replaced_by;            /* the IKE SA that inherited from this one */
    struct ticket peer_rekey;             /* the IKE SA from the peer's rekey of this one, while ours is under way (2.8.2) */
    struct ticket forerunner;             /* of that IKE SA: the one that both ends rekey */
    uint32_t lost_spis[2]; /* Child SAs that only the peer believes in: to be deleted there. One exchange makes one at most */
    struct xchg *maker;    /* the rekey that makes it, until it is complete */
    usec_t rekey_retry_at, temporary_since;

    struct list children; /* child_sa.in_sa */
    struct timer timer;
    usec_t due[SA_DUES]; /* 0 = never */
    usec_t rekey_at, dies_at;
};

struct ike_sa *sa_new(struct core *, bool initiator, bool heir, const struct path *);
struct ike_sa *sa_again(struct core *, const struct path *, uint64_t spi_r); /* a responder's, with an SPI that it had already */
void sa_set_state(struct ike_sa *, enum ike_state);                          /* the one place; an illegal move kills the SA */
const char *sa_state_name(enum ike_state);
void sa_set_peer(struct ike_sa *, struct peer *);
int sa_set_peer_id(struct ike_sa *, struct kept_id *) MUST_USE; /* its user now; findable by it. 0 or ERR_MEMORY (NULL too) */
struct ike_sa *sa_next_of_id(const struct ike_sa *like, const struct ike_sa *after); /* others of that peer and identity; NULL */
void sa_kill(struct ike_sa *, enum fact, const char *fmt, ...)
    PRINTF(3, 4);                  /* now, without a word to the peer; children go too */
void sa_close(struct ike_sa *);    /* politely: delete it when the window allows */
void sa_unproved(struct ike_sa *); /* the hand has no proof of who its peer is, or no longer: it carries nothing, and goes */
void sa_free(struct ike_sa *);
void sa_deleted_by_peer(struct ike_sa *);
void sa_wake_at(struct ike_sa *, enum sa_due, usec_t at); /* USEC_NEVER stops it */
void sa_timer(struct core *, struct timer *);             /* fires what is due */
void sa_wake(struct ike_sa *);                            /* look for work at the end of this step */
void sa_pump(struct ike_sa *);
void sa_heard(struct ike_sa *, const struct path *);      /* an authenticated, new message came from there */
void sa_heard_traffic(struct ike_sa *, int64_t idle_s);   /* ESP came that long ago; -1 = never */
void sa_move(struct ike_sa *, const struct path *);       /* new addresses, children follow (2.23) */
void sa_inherit(struct ike_sa *heir, struct ike_sa *old); /* children change their IKE SA (2.8, 1.3.2) */
void sa_established(struct ike_sa *);
void sa_reinstate(struct ike_sa *); /* a redundant one */
void sa_heir_up(struct ike_sa *);   /* the new SA of a rekey is complete */
struct ike_sa *sa_by_spi(const struct core *, uint64_t our_spi);
bool spi_taken(const struct core *, uint64_t spi); /* by one of ours, a dormant one too */
uint64_t sa_our_spi(const struct ike_sa *);
uint64_t spi_new(struct core *);
bool sa_usable(const struct ike_sa *);                        /* UP, and not on its way out */
const struct conf_connection *sa_conn(const struct ike_sa *); /* of its peer, or the candidate; NULL */
struct span sa_init_ours(const struct ike_sa *);              /* our message of IKE_SA_INIT, until it is up */
struct ike_keys sa_keys(const struct ike_sa *);               /* borrowed */
void keys_log(const struct ike_sa *);                         /* to who was told to hear them */

/* --- Child SAs
 * ------------------------------------------------------------------------------------------------------------------ */
#define IDLE_LONG 31
struct child_sa {
    struct ike_sa *sa;
    struct list in_sa;
    struct map_node by_spi;
    struct ticket id;
    struct peer *peer;
    uint16_t index; /* of the configured child */
    uint16_t pair;  /* with `children: split`: which pair of selectors */
    uint32_t reqid, spi_in, spi_out;
    const struct suite *suite; /* kept by the core; NULL before it is agreed upon */
    struct ts *selectors;      /* ours, then the peer's: child_ts_local(), child_ts_remote() */
    uint16_t n_ts_local, n_ts_remote;
    enum child_state state : 8;
    bool transport : 1, udp_encap : 1, we_initiated : 1;
    bool doomed : 1;    /* was deleted while it was being installed */
    bool installed : 1; /* the kernel has something of it */
    bool want_delete : 1, want_rekey : 1, deleting : 1, rekeying : 1;
    bool redundant : 1;  /* the loser of a simultaneous rekey */
    bool mute : 1;       /* its outbound SA is not in the kernel, or nobody knows */
    bool rekey_wide : 1; /* ask for the configured selectors, not the narrowed ones */
    bool ke_retried : 1;
    bool used_pfs : 1;
    bool moved : 1; /* to another IKE SA since it was made: of our answer the peer may not have heard, */
    bool known : 1; /* but it has, as far as it was known then */
    enum maker {
        MAKER_HEARD,
        MAKER_SILENT,
        MAKER_BACK,
        MAKER_JUDGED
    } maker : 3;         /* of a redundant one: the peer, when last looked at */
    unsigned idle_s : 5; /* since packets came, as the hand said when it was asked last; IDLE_LONG = long ago, or never */
    usec_t born, rekey_at, dies_at, retry_at, temporary_since;
    struct timer life;
    struct child_patience *patience; /* while the hand is to tell of something */
    struct child_keys *keys;         /* until both of its SAs are in the kernel */
    struct low_nonce low_nonce;      /* the lower nonce of the exchange that made it */
    struct ticket replaces;          /* rekey: the one it came from */
    struct ticket peer_rekey;        /* the SA that the peer rekeyed this one with */
    uint32_t made_in, deleted_in;    /* message IDs of the exchange that made it, and of our Delete */
};
struct child_sa *child_new(struct ike_sa *, uint16_t index, uint16_t pair);
struct ts_list child_ts_local(const struct child_sa *);
struct ts_list child_ts_remote(const struct child_sa *);
void child_set_state(struct child_sa *, enum child_state);
const char *child_state_name(enum child_state);
void child_free(struct child_sa *); /* memory only */
void child_keys_forget(struct child_sa *);
/* Its kernel state goes, with or without its policies, and so does it. */
void child_end(struct child_sa *, bool replaced, const char *why);
void child_live(struct child_sa *);             /* timers of a child that is up */
void child_up(struct child_sa *, bool rekeyed); /* it carries traffic (or hears it): tell, and look for doubles */
/* HALF -> UP: its outbound SA too; and on the one that it replaces, if that is named, nothing is said any more. */
bool child_speak(struct child_sa *, const struct child_sa *replaced);
/* The answer to the peer's rekey is sent. Where the old SA went meanwhile, closed by us, nothing is left to speak on but the new
 * one (2.8). */
void child_told(const struct xchg *theirs);
bool child_unheard(const struct child_sa *);    /* the peer rekeyed it, and may not know the successor */
void child_successor_forget(struct child_sa *); /* which goes */
void child_delete_unborn(struct xchg *);        /* the peer made a child that we could not: tell it so */
/* The order to remove an SA from the kernel, given after `wait` (linger.c). Takes the memory of the Child SA, which is nothing
 * else any more: so its removal needs none. */
void linger(struct core *, struct child_sa *was, const struct ask *remove, bool mute, usec_t wait);
void linger_no_more(struct core *); /* all of them now */
void linger_no_more_of(struct core *, uint32_t reqid);
void lingering_free(struct core *);
struct child_sa *child_by_spi_in(struct core *, uint32_t spi_in);
struct child_sa *child_by_spi_out(struct ike_sa *, uint32_t spi_out);
/* Has this peer given us that SPI for another Child SA? The kernel knows an SA by SPI and destination (RFC 4303 2.1). */
bool child_spi_taken(const struct child_sa *, uint32_t spi_out);
uint32_t child_spi_new(struct core *);
void child_set_pair(struct child_sa *, uint16_t pair); /* before it is installed: its reqid too */
const struct conf_child *child_conf(const struct child_sa *);
void child_ask(struct child_sa *, struct ask *, enum ask_kind); /* fills what every ask about it has */
/* Asks the hand; without an answer in time it is as if it had failed. false = not even asked. */
bool child_order(struct child_sa *, const struct ask *);
void child_patience_renew(struct child_sa *);
void child_answered(struct child_sa *, const struct answer *);
struct child_sa *child_of_slot(struct peer *, uint16_t index, uint16_t pair); /* a living one, any IKE SA; NULL */
bool child_any(struct peer *, uint16_t index);                                /* is one of any pair alive */

/* --- peers
 * ----------------------------------------------------------------------------------------------------------------------- */
struct slot_wish { /* one Child SA that the configuration describes */
    bool ordered, down, acquired;
    usec_t retry_at, last_up, temporary_since;
    unsigned failures;
    uint32_t acquire_seq;
    struct ts acquire_local, acquire_remote;
    uint16_t ke_group; /* the peer asked for it (INVALID_KE_PAYLOAD), 0 = ours */
    bool ke_tried;
};
struct waiting_order {
    uint32_t id;
    int child; /* -1 = all */
    bool down;
};
struct peer {
    struct core *core;
    const struct conf_connection *conn;
    struct ticket id;
    struct list sas;
    struct slot_wish *slots;
    size_t n_slots;
    uint16_t *first_slot; /* of each configured child; n_children + 1 of them */
    bool *apart;          /* of each child with `split: auto`: the peer takes one pair for each Child SA (pairs.c) */
    struct timer retry;
    usec_t retry_at;
    unsigned failures;
    bool resolving;
    bool wants_nonce;          /* to initiate with */
    uint16_t ke_group;         /* for the next IKE_SA_INIT, 0 = our first */
    struct addr remote, local; /* as resolved; family 0 = not yet */
    struct map_node by_remote;
    struct kept_id *our_id; /* as it was signed last */
    bool mapped;
    usec_t resolved_at;
    struct waiting_order orders[ORDERS_WAITING_MAX];
    size_t n_orders;
};
int peers_load(struct core *, struct conf *);
void peers_free(struct core *);
void peer_done(struct core *, struct peer *);
void peer_map(struct peer *); /* findable by its address */
void reload(struct core *, const struct order *);
void reload_again(struct core *);   /* one that there was no memory for */
void peer_reconcile(struct peer *); /* start whatever is wanted and missing, or set the timer for it */
void peer_order(struct peer *, const struct order *, int child);
void peer_orders_done(struct peer *, int child, bool ok, const char *fmt, ...) PRINTF(4, 5);
void peer_ike_failed(struct peer *, struct ike_sa *, const char *why);
bool peer_can_initiate(const struct peer *);
/* The connections that a packet may belong to, best first: its very address, a network of peers, any. */
struct candidates {
    const struct path *path;
    struct map_node *next; /* of those with the very address */
    size_t wide;           /* of those for many peers, twice over: networks, then any */
    bool begun;
};
struct peer *peer_candidate(struct core *, struct candidates *);
struct peer *peer_for_auth(struct ike_sa *, const struct id *claimed, const struct id *wanted_of_us, struct text *why);
void peer_slot_failed(struct peer *, uint16_t index, uint16_t pair, usec_t wait, const char *why);
void peer_slot_lost(const struct child_sa *); /* the peer closed it: wait a little before it is made again */
void peer_orders_check(struct peer *);
int peer_missing_slot(struct peer *, usec_t now); /* index into slots of one that is wanted, missing and due; -1 */
bool peer_slot_wanted(struct peer *, size_t slot);
void peer_slot_place(const struct peer *, size_t slot, uint16_t *child, uint16_t *pair);
size_t peer_slot_of(const struct peer *, uint16_t child, uint16_t pair);
struct ike_sa *peer_current(struct peer *);             /* a usable IKE SA, or NULL */
void peer_dedupe(struct peer *, struct ike_sa *newest); /* both initiated: converge to one */
void peer_left_alone(struct peer *);                    /* an IKE SA is gone: is one that was redundant beside it the only one */
void peer_acquire(struct peer *, const struct event *);
void peer_resolved(struct peer *, const struct answer *);
const char *peer_name(const struct peer *);
void peer_configured_id(const struct peer *, const struct conf_end *, struct id *out);

/* --- several selectors: one Child SA, or one for each pair (pairs.c) -------------------------------------------------------
 */
size_t pairs_of(const struct conf_child *); /* slots that it may need */
bool pairs_apart(const struct peer *, uint16_t index);
bool pair_counts(const struct peer *, uint16_t index, uint16_t pair);
struct ts_list pair_selectors(const struct peer *, uint16_t index, uint16_t pair, bool local); /* as configured */
bool pair_served(const struct child_sa *, uint16_t pair);
uint16_t pair_first(const struct child_sa *);
bool pairs_learn(struct peer *, uint16_t index, const char *why); /* true = this is news */
void pairs_look(struct child_sa *);                               /* it is new: is something missing */

/* --- exchanges
 * -------------------------------------------------------------------------------------------------------------------- */
enum step {
    STEP_NEXT,   /* go on */
    STEP_WAIT,   /* something was asked; the next step runs when the answer is here */
    STEP_DONE,   /* the recipe ends well */
    STEP_DROP,   /* as if the message had never come */
    STEP_REFUSE, /* answer with refuse()'s notify; the SA stays as it is */
    STEP_KILL,   /* send what is in `out` (responder), then the IKE SA is gone */
    STEP_AGAIN,  /* initiator: make the request anew */
};
typedef enum step step_fn(struct xchg *);

struct exchange {
    const char *name;
    uint8_t type;
    payload_set must, may; /* of a request */
    payload_set answer_must;
    step_fn *const *initiate, *const *conclude, *const *respond;
    const struct rider *const *riders;
};
extern const struct exchange exchange_init, exchange_auth, exchange_child, exchange_rekey_ike, exchange_info;

/* An extension that rides inside an exchange: one RFC, one file. */
struct rider {
    const char *name;
    bool (*boards)(const struct xchg *); /* shall it write; NULL = always */
    void (*write)(struct xchg *);
    void (*read)(struct xchg *); /* what the peer sent */
};
extern const struct rider rider_qcd;

struct xchg {
    struct core *core;
    struct ike_sa *sa;
    const struct exchange *row;
    struct arena arena;
    bool ours;
    bool concluding; /* the answer is here */
    bool unsent;     /* theirs: all is done, but there was no memory for the answer */
    uint32_t message_id;
    step_fn *const *at;
    struct ticket ticket;        /* of the ask it waits for */
    const struct answer *answer; /* valid in the step after STEP_WAIT */
    enum ask_kind waiting_for;
    usec_t wait_until;
    struct timer patience;

    /* ours: as sent, outstanding; repeated byte for byte */
    struct packets sent;
    struct timer retransmit;
    unsigned tries;
    uint8_t probe_tries; /* since it was cut as it is */
    usec_t first_try;
    struct fragments in_response;

    struct ike_header header; /* of what came */
    struct path path;
    const struct payload *in;
    struct payload_list out;

    /* key exchange and nonces of this exchange; ni, nr by role in it */
    const struct alg *ke;
    struct secret ke_private, shared;
    struct secret ke_public;
    struct secret ni, nr;
    struct span cookie; /* IKE_SA_INIT: to be repeated (2.6) */
    unsigned rounds;    /* IKE_SA_INIT: how often it was begun anew */
    struct proposals offered;
    struct proposal chosen;
    struct transform chosen_store[TRANSFORM_TYPE_MAX];
    struct suite suite;
    char *first_error; /* unprotected error heard before the SA is up (2.21.1) */

    /* Child SA under construction */
    struct child_sa *child;
    uint16_t child_index, child_pair;
    bool rekeys_child;
    struct ticket old_child;
    struct ticket rival;          /* the SA from the peer's rekey of the same, while ours is under way (2.8.1) */
    struct low_nonce rival_nonce; /* the lower nonce of that exchange */
    struct ticket made;           /* theirs: what this rekey made */
    uint16_t child_error;         /* notify to answer with; 0 = going well */
    uint8_t child_error_data[4];
    uint8_t child_error_data_len;
    char child_why[400];
    bool again;                            /* something was learned from the error: ask at once in another way */
    struct ts_list ts_i, ts_r;             /* what was offered (ours) */
    bool wide;                             /* rekey: original wide selectors, not the narrowed ones */
    struct addr inner_local, inner_remote; /* transport mode behind a NAT (2.23.1) */
    bool childless;                        /* IKE_AUTH without a Child SA (RFC 6023) */
    bool half;                             /* installed inbound only */
    bool peer_has_child;                   /* we failed, but the peer believes in it: delete it there */
    uint32_t lost_spi;
    uint32_t dead_spis[4]; /* deleted by the peer before we heard of them: its request overtook its answer */
    unsigned n_dead;

    /* IKE SA under construction (rekey) */
    struct ike_sa *heir;

    /* INFORMATIONAL */
    bool deletes_ike, deletes_children, tells_token;

    uint16_t refusal;
    struct span refusal_data;
    uint8_t refusal_protocol;
};
struct xchg *xchg_new(struct ike_sa *, const struct exchange *, bool ours);
void xchg_free(struct xchg *);
void xchg_run(struct xchg *);   /* from x->at until it waits or ends */
void xchg_begin(struct xchg *); /* ours: initiate */
void xchg_answered(struct xchg *, const struct answer *);
void xchg_request(struct ike_sa *, const struct ike_header *, const struct path *, struct payload *, struct arena *);
void xchg_response(struct ike_sa *, const struct ike_header *, const struct path *, struct payload *, struct arena *);
enum step refuse(struct xchg *, uint16_t notify, const char *fmt, ...) PRINTF(3, 4);
enum step drop(struct xchg *, const char *fmt, ...) PRINTF(2, 3);
enum step kill_sa(struct xchg *, const char *fmt, ...) PRINTF(2, 3);
/* The last word to a peer that has answered our last request: a notify, or (0) the Delete of the IKE SA; sent once, and no answer
 * is waited for. The SA is the caller's to kill. */
void farewell(struct ike_sa *, uint16_t notify);
/* Answers an authentic request for which there is no recipe; the SA stays. */
void xchg_turn_away(struct ike_sa *, const struct ike_header *, const struct path *, uint16_t notify, struct span data);
/* The first error that we do not know: the request has failed entirely (3.10.1). NULL if there is none. */
const struct payload *error_unknown(const struct payload *in);
/* Ask, and go on with the next step when the answer is here. */
enum step xchg_ask(struct xchg *, struct ask *);
/* The proposals of a configuration, as the exchange's own: a reload may free the configuration while it waits. Empty without
 * memory. */
struct proposals xchg_offer(struct xchg *, struct proposals);
void riders_write(struct xchg *);
void riders_read(struct xchg *);

/* key exchange and nonce (ke.c) */
enum step ke_generate(struct xchg *);  /* x->ke -> ke_private, ke_public; waits for slow groups */
enum step ke_generated(struct xchg *); /* takes the worker's answer, if there was one */
enum step ke_derive(struct xchg *);    /* with the peer's value in x->in -> shared */
enum step ke_derived(struct xchg *);
enum step ke_both(struct xchg *); /* responder: both at once */
enum step ke_both_done(struct xchg *);
int nonce_new(struct core *, const struct suite *, struct secret *out);
bool nonce_take(const struct payload *in, struct secret *out); /* 16..256 bytes (2.10) */
const struct alg *ke_of_proposals(struct core *, struct proposals, uint16_t prefer);
void ke_value_write(struct xchg *);

/* the Child SA part, shared by IKE_AUTH and CREATE_CHILD_SA (child_steps.c) */
void child_fail(struct xchg *, uint16_t notify, const char *fmt, ...) PRINTF(3, 4);
bool child_offer(struct xchg *, bool with_ke); /* initiator: makes the child, writes SA, TS (and USE_TRANSPORT_MODE) */
enum step child_select(struct xchg *);         /* responder: which configured child, proposal, selectors */
enum step child_accept(struct xchg *);         /* initiator: is the answer within the offer */
enum step child_keys_make(struct xchg *);
enum step child_into_kernel(struct xchg *);
enum step child_installed(struct xchg *);
enum step child_reply(struct xchg *); /* responder: SA, TS or the error */
struct span spi_span(struct xchg *, uint32_t spi);
void child_offer_fill(struct xchg *, struct proposals *, bool with_ke);

/* authentication (auth.c) */
enum step auth_make(struct xchg *);
enum step auth_check(struct xchg *);
bool auth_verdict(struct xchg *); /* reads x->answer; true only for VERDICT_ACCEPTED */
uint16_t auth_hashes_read(const struct payload *in);
int cert_requests_read(const struct payload *in, struct secret *out) MUST_USE; /* all hashes, one behind the other */

/* simultaneous rekeys (collide.c) */
struct low_nonce nonce_low(struct span a, struct span b); /* of the lower one */
bool nonce_before(const struct low_nonce *a, const struct low_nonce *b);
bool collide_lost(struct xchg *);                  /* will our new Child SA be the redundant one */
bool collide_peer_rekeys(const struct child_sa *); /* the peer has rekeyed it, or is about to: no need for us to begin */
bool collide_peer_keeps(struct child_sa *loser);   /* it should have gone by now: is it to stay (or be given time) */
/* The peer has our answer by which it was made: it has asked something else since, so the window of 1 has moved on (2.3). */
bool collide_peer_knows(const struct child_sa *made);
/* Which of the two the peer sends by, the hand is asked, and `loser` woken; it has answered when this is true (`idle_s`). */
bool collide_is_judged(struct child_sa *loser, struct child_sa *winner);
void collide_note(struct xchg *theirs); /* the peer rekeys what we are rekeying, and the nonces are known */
void collide_forget(struct xchg *theirs);
void collide_child(struct xchg *, struct child_sa *ours_new, struct child_sa *old);
void collide_ike(struct xchg *, struct ike_sa *ours_new);
bool collide_ike_late(struct xchg *theirs,
                      struct ike_sa *new); /* ours was complete while theirs was under way; false: it was not */

/* --- the window (window.c), the seal (seal.c), the door (door.c)
 * -------------------------------------------------------------------- */
void window_send_request(struct xchg *); /* where there is no memory, a little later */
/* 0, or ERR_MEMORY: nothing was sent, and may be tried again. What can never be written ends the SA. */
int window_send_reply(struct xchg *) MUST_USE;
int window_replied(struct ike_sa *, struct span answer) MUST_USE; /* to IKE_SA_INIT, some time ago. 0 or ERR_MEMORY */
void window_configured(struct core *);                            /* its configuration is another one */
void window_forget(struct core *, struct timer *);                /* answers that nobody will ask for again */
void window_retransmit(struct core *, struct timer *);
void window_renew(struct ike_sa *); /* the outstanding request, if any, is repeated at once, and the tries are counted anew */
void door_packet(struct core *, const struct input *);
void door_cookie_init(struct core *);
void door_half_open(struct ike_sa *, bool in);
uint64_t door_init_hash(const struct map *, uint64_t spi_i,
                        const struct endpoint *from); /* of who is known by its first packet */
void door_forget(struct ike_sa *);                    /* it is found by its first packet no more */
/* One unprotected answer: the header is the request's, with the response flag. */
void door_answer(struct core *, const struct ike_header *to, const struct path *, const struct payload *chain);

/* --- rates and counts (limits.c)
 * ---------------------------------------------------------------------------------------------------- */
bool bucket_take(usec_t *until, usec_t now, usec_t each, usec_t burst) MUST_USE;
bool source_count(struct core *, const struct addr *, bool in); /* false: no memory to count it */
bool half_open_allowed(const struct core *, const struct addr *from);
/* Vault and judge are behind by more than a peer has patience for: of what is asked now nothing would come. */
bool proofs_behind(struct core *);
void proof_asked(struct core *);
void proof_answered(struct core *);
bool cookie_wanted(const struct core *, const struct addr *from);
usec_t half_open_life(const struct core *, const struct addr *from);
void fruitless(struct core *);
bool hint_allowed(struct core *);
bool request_allowed(struct ike_sa *); /* an authentic request: is it heard, or must it be sent again */
void request_costs(struct ike_sa *, size_t steps);
bool create_allowed(struct ike_sa *); /* one that makes or rekeys an SA */
bool lineage_allowed(const struct ike_sa *);
bool rekey_allowed(const struct ike_sa *); /* of a Child SA: at most as many replaced ones as there may be */
size_t crowd_of(const struct ike_sa *);    /* IKE SAs of its identity (core_crowd) */
void crowd_leave(struct ike_sa *newest);   /* more IKE SAs of one identity than there may be: the oldest go */
bool stranger_told(struct core *);         /* may a sentence about somebody who is not authenticated be said */

/* Seal a chain into one datagram or its fragments. 0 or ERR_*. */
int seal_message(struct ike_sa *, const struct ike_header *, const struct payload *chain, struct packets *out) MUST_USE;
/* Cut our message, as sealed before, into smaller fragments (RFC 7383 2.5.2): by one step, or to what the peer's datagrams with
 * so many bytes of IKE are. True if it is smaller now; else it is as it was. */
bool seal_again(struct ike_sa *, struct packets *);
void seal_as(struct ike_sa *, struct packets *, size_t theirs);
/* Is this first fragment, cut in another way than the one that came first, the peer's own. */
bool seal_genuine(struct ike_sa *, struct span datagram, const struct payload *outer);
/* Open SK (or the one inside SKF): plaintext chain into the arena. `outer` is the list that was read, ending in SK or SKF.
 * 0 = chain is there; ERR_AGAIN = a fragment was stored; ERR_CRYPTO, ERR_BAD, ERR_LIMIT = drop it. */
int seal_open(struct ike_sa *, const struct ike_header *, struct span datagram, const struct payload *outer, struct arena *,
              uint8_t *first, struct span *chain) MUST_USE;

/* orders (orders.c) */
void order_take(struct core *, const struct order *);
void order_check_stopped(struct core *);
void event_take(struct core *, const struct event *);

#endif
