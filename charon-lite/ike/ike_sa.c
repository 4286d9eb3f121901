/* SPDX-License-Identifier: Apache-2.0 */
/* IKE SAs: states, birth and death, inheritance, where the peer is. */
#include "ike/ike.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *sa_state_name(enum ike_state s)
{
    static const char *const names[] = {"BORN", "KEYED", "UP", "LEAVING", "GONE"};

    return s < COUNT_OF(names) ? names[s] : "?";
}

uint64_t sa_our_spi(const struct ike_sa *sa)
{
    return sa->initiator ? sa->spi_i : sa->spi_r;
}

bool sa_usable(const struct ike_sa *sa)
{
    return sa->state == IKE_UP && !sa->want_delete && !sa->replaced && !sa->redundant;
}

const struct conf_connection *sa_conn(const struct ike_sa *sa)
{
    const struct peer *p = sa->peer ? sa->peer : sa->start ? sa->start->candidate : NULL;

    return p ? p->conn : NULL;
}

struct span sa_init_ours(const struct ike_sa *sa)
{
    const struct packets *p = sa->initiator ? &sa->start->init_ours : sa->reply ? &sa->reply->packets : NULL;
    struct reader r = reader_of(p ? buf_view(&p->bytes) : SPAN_NONE);

    return read_span(&r, read_u16(&r));
}

struct ike_keys sa_keys(const struct ike_sa *sa)
{
    return ike_keys_view(sa->suite, secret_view(&sa->keys));
}

void keys_log(const struct ike_sa *sa)
{
    const struct core *c = sa->core;
    struct ike_keys k = sa_keys(sa);

    if (c->keylog)
        c->keylog(c->keylog_ctx, sa->spi_i, sa->spi_r, sa->suite, &k);
}

/* --- table of SPIs
 * ----------------------------------------------------------------------------------------------------------------- */

static uint64_t spi_hash(const struct core *c, uint64_t spi)
{
    return map_hash(&c->by_spi, span_of(&spi, sizeof(spi)));
}

struct ike_sa *sa_by_spi(const struct core *c, uint64_t spi)
{
    for (struct map_node *n = map_first(&c->by_spi, spi_hash(c, spi)); n; n = map_more(n)) {
        struct ike_sa *sa = CONTAINER_OF(n, struct ike_sa, by_spi);

        if (sa_our_spi(sa) == spi)
            return sa;
    }
    return NULL;
}

bool spi_taken(const struct core *c, uint64_t spi)
{
    return sa_by_spi(c, spi) || dormant_by_spi(c, 0, spi);
}

uint64_t spi_new(struct core *c)
{
    uint64_t spi;

    do
        spi = rng_u64(&c->rng);
    while (spi == 0 || spi_taken(c, spi));
    return spi;
}

/* --- states
 * ------------------------------------------------------------------------------------------------------------------------- */

/* BORN -> KEYED -> UP -> LEAVING -> GONE; any may go to GONE, an heir goes from BORN to UP with its keys; nothing else. */
static bool legal(const struct ike_sa *sa, enum ike_state to)
{
    static const uint8_t next[] = {
        [IKE_BORN] = 1 << IKE_KEYED, [IKE_KEYED] = 1 << IKE_UP, [IKE_UP] = 1 << IKE_LEAVING, [IKE_LEAVING] = 0, [IKE_GONE] = 0};

    return to == IKE_GONE || (next[sa->state] & 1 << to) || (sa->is_heir && sa->state == IKE_BORN && to == IKE_UP);
}

void sa_set_state(struct ike_sa *sa, enum ike_state to)
{
    if (sa->state == to)
        return;
    if (!legal(sa, to)) {
        sa_kill(sa, FACT_IKE_DOWN, "an illegal move from %s to %s", sa_state_name(sa->state), sa_state_name(to));
        return;
    }
    sa->state = to;
    if (to >= IKE_UP)
        door_half_open(sa, false);
}

/* --- birth and death
 * ------------------------------------------------------------------------------------------------------------------ */

static void start_free(struct ike_sa *sa)
{
    struct sa_start *s = sa->start;

    sa->start = NULL;
    if (!s)
        return;
    packets_done(&s->init_ours);
    buf_done(&s->init_theirs);
    secret_done(&s->nonce_i);
    secret_done(&s->nonce_r);
    secret_done(&s->cert_requests);
    secret_wipe(s->seed, sizeof(s->seed));
    dormant_never(s);
    free(s);
}

static struct sa_start *start_new(void)
{
    struct sa_start *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    buf_init(&s->init_theirs, MESSAGE_MAX);
    return s;
}

static struct ike_sa *sa_make(struct core *c, bool initiator, bool heir, const struct path *path, uint64_t spi)
{
    struct ike_sa *sa = calloc(1, sizeof(*sa));

    if (!sa) {
        memory_short(c);
        return NULL;
    }
    sa->core = c;
    sa->initiator = initiator;
    sa->path = *path;
    sa->born = sa->last_heard = c->now;
    *(initiator ? &sa->spi_i : &sa->spi_r) = spi;
    list_init(&sa->in_work);
    list_init(&sa->in_peer);
    list_init(&sa->lineage);
    list_init(&sa->children);
    sa->timer.fire = sa_timer;
    sa->is_heir = heir;
    sa->start = heir ? NULL : start_new();
    sa->id = ticket_take(c, TICKET_IKE_SA, sa);
    if ((!heir && !sa->start) || !sa->id.slot || map_add(&c->by_spi, &sa->by_spi, spi_hash(c, sa_our_spi(sa))) < 0) {
        memory_short(c);
        ticket_drop(c, &sa->id);
        start_free(sa);
        free(sa);
        return NULL;
    }
    list_append(&c->sas, &sa->in_core);
    c->counts.ike_sas++;
    return sa;
}

struct ike_sa *sa_new(struct core *c, bool initiator, bool heir, const struct path *path)
{
    return sa_make(c, initiator, heir, path, spi_new(c));
}

struct ike_sa *sa_again(struct core *c, const struct path *path, uint64_t spi_r)
{
    return sa_make(c, false, false, path, spi_r);
}

void sa_set_peer(struct ike_sa *sa, struct peer *p)
{
    list_remove(&sa->in_peer);
    sa->peer = p;
    if (p)
        list_append(&p->sas, &sa->in_peer);
}

/* --- by identity ----------------------------------------------------------------------------------------------------------- */

/* By the connection's name: a reload may give it another number. */
static uint64_t id_hash(const struct ike_sa *sa)
{
    const struct map *ids = &sa->core->by_id;
    struct map keyed = {.seed = {ids->seed[0] ^ map_hash(ids, span_str(sa->peer->conn->name)), ids->seed[1] ^ sa->peer_id->type}};

    return map_hash(&keyed, id_of(sa->peer_id).data);
}

static void id_forget(struct ike_sa *sa)
{
    if (sa->by_id_in)
        map_remove(&sa->core->by_id, &sa->by_id);
    sa->by_id_in = false;
}

int sa_set_peer_id(struct ike_sa *sa, struct kept_id *id)
{
    id_forget(sa);
    id_leave(&sa->peer_id);
    if (!id)
        return ERR_MEMORY;
    sa->peer_id = id;
    sa->by_id_in = map_add(&sa->core->by_id, &sa->by_id, id_hash(sa)) == 0;
    return sa->by_id_in ? 0 : ERR_MEMORY;
}

struct ike_sa *sa_next_of_id(const struct ike_sa *like, const struct ike_sa *after)
{
    struct map_node *n = after ? map_more(&after->by_id) : like->peer_id ? map_first(&like->core->by_id, id_hash(like)) : NULL;

    for (; n; n = map_more(n)) {
        struct ike_sa *sa = CONTAINER_OF(n, struct ike_sa, by_id);

        if (sa != like && sa->peer == like->peer && id_same(sa->peer_id, like->peer_id))
            return sa;
    }
    return NULL;
}

/* It is up: what was needed to get there goes, and of the keys those of AUTH. */
static void start_over(struct ike_sa *sa)
{
    struct secret all = sa->keys;

    start_free(sa);
    sa->keys = (struct secret){0};
    if (secret_set(&sa->keys, span_part(secret_view(&all), 0, ike_keys_len(sa->suite, false))) == 0)
        secret_done(&all);
    else
        sa->keys = all; /* no memory: as it is, then */
}

/* What is left when it lies in the graveyard, or when the core goes. */
void sa_free(struct ike_sa *sa)
{
    struct core *c = sa->core;

    if (sa->maker)
        sa->maker->heir = NULL;
    xchg_free(sa->ours);
    xchg_free(sa->theirs);
    while (!list_empty(&sa->children))
        child_free(LIST_ITEM(sa->children.next, struct child_sa, in_sa));
    wake_stop(c, &sa->timer);
    door_forget(sa);
    ticket_drop(c, &sa->id);
    map_remove(&c->by_spi, &sa->by_spi);
    id_forget(sa);
    list_remove(&sa->lineage);
    list_remove(&sa->in_work);
    list_remove(&sa->in_peer);
    reply_forget(sa);
    fragments_free(&sa->in_request);
    start_free(sa);
    secret_done(&sa->keys);
    id_leave(&sa->peer_id);
    id_leave(&sa->our_id);
    c->counts.ike_sas--;
    free(sa);
}

static void exchange_stop(struct xchg *x)
{
    if (!x)
        return;
    wake_stop(x->core, &x->patience);
    wake_stop(x->core, &x->retransmit);
    ticket_drop(x->core, &x->ticket);
    x->at = NULL;
}

void sa_kill(struct ike_sa *sa, enum fact fact, const char *fmt, ...)
{
    struct core *c = sa->core;
    struct peer *p = sa->peer;
    enum ike_state was = sa->state;
    struct ike_sa *heir = ticket_find(c, sa->peer_rekey, TICKET_IKE_SA);
    char why[700] = "";
    va_list args;

    if (was == IKE_GONE)
        return;
    if (fmt) {
        va_start(args, fmt);
        vsnprintf(why, sizeof(why), fmt, args);
        va_end(args);
        if (fact == FACT_IKE_DOWN && (sa->replaced || sa->redundant))
            fact = FACT_NOTE; /* the connection is not down: another IKE SA carries it */
        tell(c, fact, p, sa, NULL, "%s", why);
    }
    if (sa->maker)
        sa->maker->heir = NULL;
    sa->maker = NULL;
    sa->state = IKE_GONE;
    door_forget(sa);
    exchange_stop(sa->ours);
    exchange_stop(sa->theirs);
    while (!list_empty(&sa->children))
        child_end(LIST_ITEM(sa->children.next, struct child_sa, in_sa), sa->replaced || sa->redundant, NULL);
    wake_stop(c, &sa->timer);
    map_remove(&c->by_spi, &sa->by_spi);
    id_forget(sa);
    list_remove(&sa->lineage);
    ticket_drop(c, &sa->id);
    list_remove(&sa->in_work);
    list_remove(&sa->in_peer);
    list_remove(&sa->in_core);
    list_append(&c->graveyard, &sa->in_core);
    if (heir) /* no longer undecided */
        sa_wake(heir);
    if (p && fact != FACT_NOTE && sa->initiator && !sa->is_heir && (was == IKE_BORN || was == IKE_KEYED))
        peer_ike_failed(p, sa, why);
    if (p) {
        peer_left_alone(p);
        peer_orders_check(p); /* whoever waits for "down" */
        peer_reconcile(p);
    }
}

void sa_close(struct ike_sa *sa)
{
    bool asked = sa->state == IKE_KEYED && sa->initiator && sa->ours &&
                 sa->ours->sent.bytes.len; /* to be up at the peer in a moment: wait */

    if (!sa->maker && !asked && (sa->state == IKE_BORN || sa->state == IKE_KEYED)) {
        sa_kill(sa, FACT_IKE_DOWN, "given up");
        return;
    }
    sa->want_delete = true;
    sa_wake(sa);
}

void sa_unproved(struct ike_sa *sa)
{
    if (sa->want_delete || sa->state == IKE_GONE)
        return;
    tell(sa->core, FACT_IKE_DOWN, sa->peer, sa, NULL, "its proof is lost: the peer has to prove again who it is");
    sa->want_delete = true; /* after the exchange that is under way */
    sa_wake(sa);
}

/* As long as it was on its way out, nobody looked after it. */
static void watch_again(struct ike_sa *sa)
{
    usec_t now = sa->core->now;

    if (sa_conn(sa)->liveness_us)
        sa_wake_at(sa, SA_LIVENESS, now);
    if (sa->nat_local)
        sa_wake_at(sa, SA_KEEPALIVE, now);
}

/* The peer gives up its rekey, the loser of a simultaneous one, before the answer to ours is here: the children that went to its
 * new SA come back, until ours is complete (2.8.2). */
static void give_back(struct ike_sa *heir)
{
    LIST_EACH (it, &heir->peer->sas) {
        struct ike_sa *old = LIST_ITEM(it, struct ike_sa, in_peer);

        if (old == heir || heir->replaced || old->state != IKE_UP ||
            ticket_find(heir->core, old->peer_rekey, TICKET_IKE_SA) != heir)
            continue;
        sa_inherit(old, heir);
        old->replaced = false;
        watch_again(old);
        old->peer_rekey = (struct ticket){0, 0};
        old->peer_rekey_nonce.there = false;
        return;
    }
}

void sa_deleted_by_peer(struct ike_sa *sa)
{
    if (sa->is_heir && sa->peer)
        give_back(sa);
    LIST_EACH (it, &sa->children) {
        const struct child_sa *child = LIST_ITEM(it, struct child_sa, in_sa);

        if (child->state != CHILD_BORN) /* what never was is not lost: the order for it stands */
            peer_slot_lost(child);
    }
    sa_kill(sa, FACT_IKE_DOWN, sa->replaced || sa->redundant ? "replaced" : "the peer closed it");
}

/* --- up
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

static void live(struct ike_sa *sa)
{
    const struct conf_connection *conn = sa_conn(sa);
    struct core *c = sa->core;
    usec_t hard = conn->lifetime_us ? conn->lifetime_us : conn->rekey_us ? conn->rekey_us + conn->rekey_us / 10 : 0;

    sa->up_since = sa->last_heard = c->now;
    sa->rekey_at = conn->rekey_us ? c->now + rekey_after(c, conn->rekey_us, !sa->is_heir) : 0;
    sa->dies_at = hard ? c->now + hard : 0;
    if (sa->proof_ends && (!sa->dies_at || sa->proof_ends < sa->dies_at))
        sa->dies_at = sa->proof_ends; /* no longer than the certificate that stands behind it */
    if (sa->dies_at && sa->dies_at < sa->rekey_at)
        sa->rekey_at = 0;
    sa_wake_at(sa, SA_LIFE, sa->rekey_at ? sa->rekey_at : sa->dies_at ? sa->dies_at : USEC_NEVER);
    sa->asked_soon = !sa->initiator && !sa->is_heir;
    if (conn->liveness_us || sa->asked_soon)
        sa_wake_at(sa, SA_LIVENESS,
                   c->now + (sa->asked_soon && (!conn->liveness_us || SILENT_PROBE < conn->liveness_us) ? SILENT_PROBE
                                                                                                        : conn->liveness_us));
    if (sa->nat_local)
        sa_wake_at(sa, SA_KEEPALIVE, c->now + (conn->keepalive_us ? conn->keepalive_us : 20 * USEC_SEC));
}

void sa_established(struct ike_sa *sa)
{
    struct core *c = sa->core;
    char id[ID_TEXT_MAX], suite[160];
    struct text t = text_in(suite, sizeof(suite));
    struct id peer = id_of(sa->peer_id);

    start_over(sa);
    live(sa);
    sa->peer->failures = 0;
    suite_format(sa->suite, &t);
    tell(c, FACT_IKE_UP, sa->peer, sa, NULL, "the peer is %s; %s%s", id_format(&peer, id), suite,
         sa->nat_local && sa->nat_remote ? "; both ends are behind NATs"
         : sa->nat_local                 ? "; we are behind a NAT"
         : sa->nat_remote                ? "; the peer is behind a NAT"
                                         : "");
    peer_dedupe(sa->peer, sa);
    sa_wake(sa);
}

void sa_heir_up(struct ike_sa *sa)
{
    sa_set_state(sa, IKE_UP);
    live(sa);
    sa_wake(sa);
}

/* It was to go, and stays after all. That the peer still has it is asked at once. */
void sa_reinstate(struct ike_sa *sa)
{
    usec_t every = sa_conn(sa)->liveness_us;

    sa->redundant = false;
    sa_wake_at(sa, SA_LIFE, sa->rekey_at ? sa->rekey_at : sa->dies_at ? sa->dies_at : USEC_NEVER);
    if (every)
        sa_wake_at(sa, SA_LIVENESS, sa->core->now + every);
    sa->want_liveness = true;
    sa_wake(sa);
}

/* A child that is being made stays with the exchange that makes it. */
void sa_inherit(struct ike_sa *heir, struct ike_sa *old)
{
    LIST_EACH (it, &old->children) {
        struct child_sa *child = LIST_ITEM(it, struct child_sa, in_sa);

        if (child->state == CHILD_BORN)
            continue;
        child->known |= !child->moved && collide_peer_knows(child);
        list_remove(&child->in_sa);
        child->sa = heir;
        child->made_in = 0; /* numbers begin anew with the heir */
        child->moved = true;
        child->rekeying = false; /* what was under way may never be answered */
        child->want_delete |= child->deleting;
        child->deleting = false;
        list_append(&heir->children, &child->in_sa);
    }
    old->replaced = true;
    sa_wake(heir);
    sa_wake(old);
}

/* --- where the peer is (2.23)
 * ------------------------------------------------------------------------------------------------------------ */

static void move_one(struct ike_sa *sa, const struct path *to)
{
    struct path from = sa->path;
    struct ask ask;

    sa->path = *to;
    LIST_EACH (it, &sa->children) {
        struct child_sa *child = LIST_ITEM(it, struct child_sa, in_sa);

        if (!child->installed)
            continue;
        child_ask(child, &ask, ASK_CHILD_UPDATE);
        ask.u.child.old_local = from.local;
        ask.u.child.old_remote = from.remote;
        if (!child_order(child, &ask)) /* the kernel does not follow: its successor will be at the right place */
            child->want_rekey = true;
    }
}

/* All packets go to where the last authentic one came from (2.23), those of its other IKE SAs too: what a rekey replaced still
 * has its Delete to send. */
void sa_move(struct ike_sa *sa, const struct path *to)
{
    struct endpoint from = sa->path.remote;
    char text[ENDPOINT_TEXT_MAX];

    move_one(sa, to);
    LIST_EACH (it, &sa->peer->sas) {
        struct ike_sa *other = LIST_ITEM(it, struct ike_sa, in_peer);

        if (other != sa && other->state >= IKE_UP && endpoint_equal(&other->path.remote, &from))
            move_one(other, to);
    }
    if (sa->state == IKE_UP)
        tell(sa->core, FACT_PEER_MOVED, sa->peer, sa, NULL, "the peer is now at %s", endpoint_format(&to->remote, text));
}

/* A host behind a NAT does not follow (2.23); in IKE_AUTH the initiator floats to 4500, and a responder answers where it came
 * from. */
void sa_heard(struct ike_sa *sa, const struct path *path)
{
    bool same = endpoint_equal(&sa->path.remote, &path->remote) && sa->path.natt == path->natt &&
                addr_equal(&sa->path.local.addr, &path->local.addr);

    sa->last_heard = sa->core->now;
    if (same)
        return;
    if (sa->state == IKE_KEYED && !sa->initiator)
        sa->path = *path;
    else if (!sa->nat_local && sa->state == IKE_UP)
        sa_move(sa, path);
}
