/* SPDX-License-Identifier: Apache-2.0 */
/* Child SAs: their life from the first SPI to the last delete. */
#include "ike/ike.h"

#include <stdlib.h>

const char *child_state_name(enum child_state s)
{
    static const char *const names[] = {"BORN", "HALF", "UP", "OLD", "GONE"};

    return s < COUNT_OF(names) ? names[s] : "?";
}

/* BORN -> HALF -> UP -> OLD -> GONE; a step may be skipped, none is taken back. */
void child_set_state(struct child_sa *child, enum child_state to)
{
    if (to > child->state)
        child->state = to;
}

const struct conf_child *child_conf(const struct child_sa *child)
{
    return &child->peer->conn->children[child->index];
}

uint32_t child_spi_new(struct core *c)
{
    uint32_t spi;

    do
        spi = rng_u32(&c->rng);
    while (spi < 0x100 || child_by_spi_in(c, spi)); /* 1..255 are reserved (RFC 4303 2.1) */
    return spi;
}

static uint64_t spi_hash(struct core *c, uint32_t spi)
{
    return map_hash(&c->by_child_spi, span_of(&spi, sizeof(spi)));
}

struct child_sa *child_by_spi_in(struct core *c, uint32_t spi)
{
    for (struct map_node *n = map_first(&c->by_child_spi, spi_hash(c, spi)); n; n = map_more(n)) {
        struct child_sa *child = CONTAINER_OF(n, struct child_sa, by_spi);

        if (child->spi_in == spi)
            return child;
    }
    return NULL;
}

struct child_sa *child_by_spi_out(struct ike_sa *sa, uint32_t spi)
{
    LIST_EACH (it, &sa->children) {
        struct child_sa *child = LIST_ITEM(it, struct child_sa, in_sa);

        if (child->spi_out == spi && child->state < CHILD_GONE)
            return child;
    }
    return NULL;
}

static bool spi_taken_in(struct ike_sa *sa, const struct child_sa *child, uint32_t spi)
{
    LIST_EACH (i, &sa->children) {
        const struct child_sa *other = LIST_ITEM(i, struct child_sa, in_sa);

        if (other != child && other->spi_out == spi && other->state < CHILD_GONE)
            return true;
    }
    return false;
}

/* By the same peer: another one of the connection may have chosen it too, and lives at another address. */
bool child_spi_taken(const struct child_sa *child, uint32_t spi)
{
    struct ike_sa *sa = child->sa;

    if (spi_taken_in(sa, child, spi))
        return true;
    for (struct ike_sa *other = sa->peer ? sa_next_of_id(sa, NULL) : NULL; other; other = sa_next_of_id(sa, other))
        if (spi_taken_in(other, child, spi))
            return true;
    return false;
}

/* pair < 0: any. A Child SA made for several pairs serves each of them. */
static struct child_sa *living(struct peer *p, uint16_t index, int pair)
{
    LIST_EACH (it, &p->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_peer);

        if (sa->state != IKE_UP && sa->state != IKE_KEYED)
            continue;
        LIST_EACH (jt, &sa->children) {
            struct child_sa *child = LIST_ITEM(jt, struct child_sa, in_sa);

            if (child->index == index && child->state < CHILD_OLD && !child->deleting && !child->want_delete &&
                (pair < 0 || child->pair == pair || pair_served(child, (uint16_t)pair)))
                return child;
        }
    }
    return NULL;
}

struct child_sa *child_of_slot(struct peer *p, uint16_t index, uint16_t pair)
{
    return living(p, index, pair);
}

bool child_any(struct peer *p, uint16_t index)
{
    return living(p, index, -1) != NULL;
}

/* --- timers
 * ------------------------------------------------------------------------------------------------------------------------ */

/* The peer rekeyed this one, and before it asked anything else we replaced the IKE SA: a peer that allows that while it waits for
 * an answer (2.25.2 has it refuse) may never have had ours, and then does not know the successor. */
bool child_unheard(const struct child_sa *child)
{
    const struct child_sa *successor = ticket_find(child->sa->core, child->peer_rekey, TICKET_CHILD_SA);

    return successor && successor->moved && !successor->known && successor->state == CHILD_HALF && child->state == CHILD_UP;
}

void child_successor_forget(struct child_sa *child)
{
    struct child_sa *successor = ticket_find(child->sa->core, child->peer_rekey, TICKET_CHILD_SA);

    tell(child->sa->core, FACT_NOTE, child->peer, child->sa, child,
         "the peer does not know of the SA that it rekeyed this one with");
    successor->redundant = successor->want_delete = true;
    child->peer_rekey = (struct ticket){0, 0};
    child->maker = MAKER_HEARD;
    sa_wake(child->sa);
}

/* The peer has not deleted the old one yet, but may send by the new one already, and hear on no other: then so do we (2.8). */
static void look_early(struct child_sa *child, struct child_sa *successor)
{
    struct core *c = child->sa->core;
    usec_t due = successor->born + OLD_SA_LIFE;

    if (!collide_is_judged(child, successor))
        return;
    child->maker = MAKER_HEARD; /* it is looked at again */
    if (successor->idle_s < child->idle_s) {
        successor->known = true;
        (void)child_speak(successor, NULL);
    } else if (c->now + SPEAK_WAIT < due) {
        due = c->now + SPEAK_WAIT;
    }
    wake_set(c, &child->life, due);
}

/* The peer rekeyed this one but does not close it. That it has our answer is sure when it has sent another request since, or
 * sends by the new one. */
static void overdue(struct child_sa *child, struct child_sa *successor)
{
    struct core *c = child->sa->core;
    bool over = child->dies_at && c->now >= child->dies_at;

    if (!over && successor->state == CHILD_HALF && c->now < successor->born + OLD_SA_LIFE) {
        look_early(child, successor);
        return;
    }
    if (!over && child_unheard(child)) {
        if (!collide_is_judged(child, successor))
            return;
        successor->known = successor->idle_s < child->idle_s;
    }
    if (!over && child_unheard(child)) { /* still: the peer sends by the old one, or by none */
        child_successor_forget(child);
        child->want_rekey = true;
        child->retry_at = 0;
        wake_set(c, &child->life, child->dies_at ? child->dies_at : USEC_NEVER); /* it lives no longer for that */
    } else if (over || collide_peer_knows(successor)) {
        (void)child_speak(successor, NULL);
        child_set_state(child, CHILD_OLD);
        child->want_delete = true;
    } else {
        wake_set(c, &child->life, c->now + OLD_SA_LIFE);
    }
}

static bool has_twin(const struct child_sa *child)
{
    LIST_EACH (it, &child->peer->sas) {
        LIST_EACH (jt, &LIST_ITEM(it, struct ike_sa, in_peer)->children) {
            const struct child_sa *other = LIST_ITEM(jt, struct child_sa, in_sa);

            if (other != child && other->index == child->index && other->pair == child->pair && other->state < CHILD_OLD &&
                !other->redundant && !other->want_delete && !other->deleting)
                return true;
        }
    }
    return false;
}

/* The peer has closed the other one: then it is this one that it wants. */
static bool left_alone(struct child_sa *child)
{
    if (child->want_delete || child->sa->state != IKE_UP || has_twin(child))
        return false;
    tell(child->sa->core, FACT_NOTE, child->peer, child->sa, child, "the peer keeps this one of two SAs");
    child->redundant = false;
    (void)child_speak(child, NULL);
    child_live(child);
    return true;
}

static usec_t life_next(const struct child_sa *child)
{
    return child->rekey_at ? child->rekey_at : child->dies_at ? child->dies_at : USEC_NEVER;
}

/* The soft limit asks for a rekey, the hard one for an end: an SA past its lifetime MUST NOT be used (2.8). */
static void child_timer(struct core *c, struct timer *t)
{
    struct child_sa *child = CONTAINER_OF(t, struct child_sa, life);
    struct child_sa *successor = ticket_find(c, child->peer_rekey, TICKET_CHILD_SA);

    if (successor && !successor->redundant && (child->state == CHILD_UP || child->state == CHILD_OLD) && !child->rekeying) {
        overdue(child, successor);
    } else if (child->redundant && child->state < CHILD_OLD && (collide_peer_keeps(child) || left_alone(child))) {
        /* nothing of it ends now */
    } else if (child->state == CHILD_OLD || child->redundant || (child->dies_at && c->now >= child->dies_at)) {
        if (child->state != CHILD_OLD && !child->redundant)
            tell(c, FACT_CHILD_DOWN, child->peer, child->sa, child, "its lifetime ended before it was rekeyed");
        child->want_delete = true;
    } else if (child->rekey_at && c->now >= child->rekey_at) {
        child->want_rekey = true;
        wake_set(c, &child->life, child->dies_at ? child->dies_at : USEC_NEVER);
    } else { /* it was to look at a successor that has gone, or to try again */
        wake_set(c, &child->life, life_next(child));
    }
    sa_wake(child->sa);
}

void child_live(struct child_sa *child)
{
    const struct conf_child *cc = child_conf(child);
    struct core *c = child->sa->core;
    usec_t hard = cc->lifetime_us ? cc->lifetime_us : cc->rekey_us ? cc->rekey_us + cc->rekey_us / 10 : 0;

    child->rekey_at = cc->rekey_us ? c->now + rekey_after(c, cc->rekey_us, !child->replaces.slot) : 0;
    child->dies_at = hard ? c->now + hard : 0;
    if (child->redundant) /* known before it was installed: its creator closes it, or we do */
        wake_set(c, &child->life, c->now + OLD_SA_LIFE);
    else
        wake_set(c, &child->life, life_next(child));
}

/* --- what the hand says
 * ---------------------------------------------------------------------------------------------------------------- */

/* Its outbound SA is not in the kernel, or nobody knows. A rekey takes its place: whatever can flow flows on. */
static void child_mute(struct child_sa *child)
{
    child->mute = child->want_rekey = true;
    sa_wake(child->sa);
}

/* For the answer to an ask that named a Child SA. */
struct child_patience {
    struct timer timer;
    struct child_sa *child;
    enum ask_kind asked;
};

static void patience_end(struct child_sa *child)
{
    if (child->patience)
        wake_stop(child->sa->core, &child->patience->timer);
    free(child->patience);
    child->patience = NULL;
}

/* Nobody waits for it, but a failure must be heard. */
void child_answered(struct child_sa *child, const struct answer *a)
{
    struct core *c = child->sa->core;

    if (child->patience && a->kind == child->patience->asked)
        patience_end(child);
    if (a->kind == ASK_CHILD_OUTBOUND)
        child->mute = false; /* late, perhaps */
    if (a->kind == ASK_CHILD_OUTBOUND && a->result != ANSWER_OK) {
        tell(c, FACT_KERNEL, child->peer, child->sa, child, "the outbound SA was not installed, and is replaced: %s",
             a->why ? a->why : "no reason given");
        child_mute(child);
    } else if (a->kind == ASK_CHILD_QUERY) {
        if (a->result == ANSWER_OK) {
            sa_heard_traffic(child->sa, a->u.query.idle_in_s);
            if (a->u.query.idle_in_s >= 0)
                child->idle_s = (unsigned)(a->u.query.idle_in_s < IDLE_LONG ? a->u.query.idle_in_s : IDLE_LONG);
        }
    } else if (a->kind == ASK_CHILD_UPDATE && a->result != ANSWER_OK && child->state <= CHILD_UP) {
        tell(c, FACT_KERNEL, child->peer, child->sa, child, "the SA did not follow the peer, and is replaced: %s",
             a->why ? a->why : "no reason given");
        child->want_rekey = true;
        sa_wake(child->sa);
    } else if (a->result == ANSWER_FAILED && a->why) {
        tell(c, FACT_KERNEL, child->peer, child->sa, child, "%s", a->why);
    }
}

static void child_unanswered(struct core *c, struct timer *t)
{
    const struct child_patience *p = CONTAINER_OF(t, struct child_patience, timer);

    (void)c;
    child_answered(p->child, &(struct answer){.kind = p->asked, .result = ANSWER_TIMEOUT, .why = "no answer in time"});
}

void child_patience_renew(struct child_sa *child)
{
    if (child->patience)
        wake_set(child->sa->core, &child->patience->timer, child->sa->core->now + ANSWER_WAIT);
}

/* An outbound SA that is not there weighs more than one that has not moved: it is waited for first. */
bool child_order(struct child_sa *child, const struct ask *ask)
{
    struct core *c = child->sa->core;
    struct child_patience *p = child->patience ? child->patience : calloc(1, sizeof(*p));

    if (!p || !out_ask(c, ask)) {
        if (!p)
            memory_short(c);
        if (!child->patience)
            free(p);
        return false;
    }
    if (child->patience && p->asked == ASK_CHILD_OUTBOUND)
        return true;
    child->patience = p;
    p->child = child;
    p->asked = ask->kind;
    p->timer.fire = child_unanswered;
    wake_set(c, &p->timer, c->now + ANSWER_WAIT);
    return true;
}

/* --- birth and death
 * ----------------------------------------------------------------------------------------------------------------- */

/* The configured one belongs to the first pair, unless a Child SA that was made for more has it. */
static uint32_t reqid_choose(struct child_sa *child)
{
    struct peer *p = child->peer;
    uint32_t configured = reqid_configured(p->conn->index, child->index);
    bool free = peer_can_initiate(p) && child->pair == 0;

    if (!free) /* and of a connection for many peers not all need be looked at */
        return reqid_dynamic(++child->sa->core->reqids);
    LIST_EACH (it, &p->sas) {
        LIST_EACH (jt, &LIST_ITEM(it, struct ike_sa, in_peer)->children) {
            const struct child_sa *other = LIST_ITEM(jt, struct child_sa, in_sa);

            free = free && (other == child || other->reqid != configured || other->pair == child->pair);
        }
    }
    return free ? configured : reqid_dynamic(++child->sa->core->reqids);
}

void child_set_pair(struct child_sa *child, uint16_t pair)
{
    if (child->pair == pair)
        return;
    child->pair = pair;
    child->reqid = reqid_choose(child);
}

struct child_sa *child_new(struct ike_sa *sa, uint16_t index, uint16_t pair)
{
    struct child_sa *child = calloc(1, sizeof(*child));
    struct core *c = sa->core;

    if (!child) {
        memory_short(c);
        return NULL;
    }
    child->sa = sa;
    child->peer = sa->peer;
    child->index = index;
    child->pair = pair;
    child->born = c->now;
    child->life.fire = child_timer;
    child->spi_in = child_spi_new(c);
    child->reqid = reqid_choose(child);
    child->udp_encap = sa->nat_local || sa->nat_remote || sa->encap_forced;
    child->id = ticket_take(c, TICKET_CHILD_SA, child);
    if (!child->id.slot || map_add(&c->by_child_spi, &child->by_spi, spi_hash(c, child->spi_in)) < 0) {
        memory_short(c);
        ticket_drop(c, &child->id);
        free(child);
        return NULL;
    }
    list_append(&sa->children, &child->in_sa);
    c->counts.child_sas++;
    return child;
}

struct ts_list child_ts_local(const struct child_sa *child)
{
    return (struct ts_list){child->selectors, child->n_ts_local};
}

struct ts_list child_ts_remote(const struct child_sa *child)
{
    return (struct ts_list){child->selectors ? child->selectors + child->n_ts_local : NULL, child->n_ts_remote};
}

void child_keys_forget(struct child_sa *child)
{
    if (child->keys)
        child_keys_done(child->keys);
    free(child->keys);
    child->keys = NULL;
}

/* All that it has; its memory stays. */
static void child_done(struct child_sa *child)
{
    struct core *c = child->sa->core;

    wake_stop(c, &child->life);
    patience_end(child);
    map_remove(&c->by_child_spi, &child->by_spi);
    ticket_drop(c, &child->id);
    list_remove(&child->in_sa);
    child_keys_forget(child);
    free(child->selectors);
    c->counts.child_sas--;
}

void child_free(struct child_sa *child)
{
    child_done(child);
    free(child);
}

void child_ask(struct child_sa *child, struct ask *ask, enum ask_kind kind)
{
    const struct conf_child *cc = child_conf(child);
    struct ike_sa *sa = child->sa;
    struct ask_child *a = &ask->u.child;

    *ask = (struct ask){.to = ASK_HAND, .kind = kind, .ticket = child->id, .deadline = usec_add(sa->core->now, ANSWER_WAIT)};
    a->peer = (struct peer_ref){sa->core->conf->generation, child->peer->conn->index, sa->handle};
    a->child = child->index;
    a->reqid = child->reqid;
    a->protocol = PROTOCOL_ESP;
    a->transport = child->transport;
    a->udp_encap = child->udp_encap;
    a->we_initiated = child->we_initiated;
    a->spi_in = child->spi_in;
    a->spi_out = child->spi_out;
    a->local = sa->path.local;
    a->remote = sa->path.remote;
    a->suite = child->suite ? *child->suite : (struct suite){0};
    a->ts_local = child_ts_local(child);
    a->ts_remote = child_ts_remote(child);
    a->soft_bytes = cc->rekey_bytes;
    a->hard_bytes = cc->rekey_bytes + cc->rekey_bytes / 10;
    a->soft_packets = cc->rekey_packets;
    a->hard_packets = cc->rekey_packets + cc->rekey_packets / 10;
}

/* The old SA of a rekey goes: from now on we speak on its successor (2.8). */
static bool successor_speak(struct child_sa *old)
{
    struct child_sa *next = ticket_find(old->sa->core, old->peer_rekey, TICKET_CHILD_SA);

    if (old->sa->theirs && old->sa->theirs->unsent) /* the peer cannot know of it yet: child_told() will do it */
        return false;
    return next && next->state == CHILD_HALF && !next->want_delete && !next->redundant && child_speak(next, old);
}

void child_told(const struct xchg *x)
{
    struct child_sa *new = ticket_find(x->core, x->made, TICKET_CHILD_SA);

    if (new && !ticket_find(x->core, new->replaces, TICKET_CHILD_SA) && !new->want_delete && !new->redundant)
        (void)child_speak(new, NULL);
}

static void child_bury(struct child_sa *child, const struct ask *remove, bool mute, bool replaced)
{
    usec_t wait = replaced && child->state >= CHILD_HALF ? LINGER : 0;
    struct core *c = child->sa->core;

    child_done(child);
    linger(c, child, remove, mute, wait);
}

void child_end(struct child_sa *child, bool replaced, const char *why)
{
    struct ike_sa *sa = child->sa;
    struct peer *p = child->peer;
    bool mute = sa->state != IKE_GONE && successor_speak(child);
    struct ask ask;

    if (child->installed) {
        child_ask(child, &ask, ASK_CHILD_REMOVE);
        child->want_delete = true; /* so that it is not found as its own successor */
        ask.u.child.replaced = replaced || child_of_slot(p, child->index, child->pair) != NULL;
        if (!ask.u.child.replaced)
            linger_no_more_of(sa->core, child->reqid);
    }
    if (why && child->state >= CHILD_HALF)
        tell(sa->core, replaced ? FACT_CHILD_REKEYED : FACT_CHILD_DOWN, p, sa, child, "%s", why);
    if (sa->ours && sa->ours->child == child)
        sa->ours->child = NULL;
    if (sa->theirs && sa->theirs->child == child)
        sa->theirs->child = NULL;
    if (child->installed)
        child_bury(child, &ask, mute, replaced);
    else
        child_free(child);
    sa_wake(sa);
}

/* --- the kernel has it
 * ---------------------------------------------------------------------------------------------------------------- */

static bool same_ticket(struct ticket a, struct ticket b)
{
    return a.slot && a.slot == b.slot && a.round == b.round;
}

/* The one replaces the other, or both the same: who stays is collide.c's to say. */
static bool kin(const struct child_sa *a, const struct child_sa *b)
{
    return same_ticket(a->replaces, b->id) || same_ticket(b->replaces, a->id) || same_ticket(a->replaces, b->replaces);
}

/* On its way to a successor, which is looked at when it is there. */
static bool passing(const struct child_sa *child)
{
    return child->state != CHILD_UP || child->want_delete || child->redundant || child->rekeying ||
           ticket_find(child->sa->core, child->peer_rekey, TICKET_CHILD_SA);
}

/* Made at about the same time, the one with the lowest nonce goes (as 2.8.1 has it); else the older one. */
static bool goes_before(const struct child_sa *a, const struct child_sa *b)
{
    usec_t gap = a->born - b->born;

    if (gap < SAME_TIME && gap > -SAME_TIME)
        return nonce_before(&a->low_nonce, &b->low_nonce);
    return gap < 0;
}

/* Two SAs for one configured child, neither a rekey of the other: both ends made one, or a double was rekeyed before it was known
 * as one. Who created the one that goes closes it. */
static void children_dedupe(struct child_sa *new)
{
    struct core *c = new->sa->core;

    if (!peer_can_initiate(new->peer) || !sa_usable(new->sa)) /* it goes with its IKE SA, and judges nobody */
        return;
    LIST_EACH (it, &new->peer->sas) {
        struct ike_sa *sa = LIST_ITEM(it, struct ike_sa, in_peer);

        if (!sa_usable(sa))
            continue; /* what it carries goes with it */
        LIST_EACH (jt, &sa->children) {
            struct child_sa *other = LIST_ITEM(jt, struct child_sa, in_sa), *loser = other;

            if (other == new || other->index != new->index || other->pair != new->pair || passing(other) || kin(other, new) ||
                !ts_list_equal(child_ts_local(other), child_ts_local(new)) ||
                !ts_list_equal(child_ts_remote(other), child_ts_remote(new)))
                continue;
            if (goes_before(new, other))
                loser = new;
            loser->redundant = true;
            if (loser->we_initiated)
                loser->want_delete = true;
            else
                loser->dies_at = c->now + REDUNDANT_WAIT;
            if (!loser->we_initiated)
                wake_set(c, &loser->life, loser->dies_at);
            sa_wake(loser->sa);
        }
    }
}

static void up_tell(struct child_sa *child, enum fact fact)
{
    char line[600];
    struct text t = text_in(line, sizeof(line));

    if (!fact_heard(child->sa->core, fact))
        return;
    ts_list_format(child_ts_local(child), &t);
    text_add(&t, " === ");
    ts_list_format(child_ts_remote(child), &t);
    text_add(&t, "; ");
    suite_format(child->suite, &t);
    tell(child->sa->core, fact, child->peer, child->sa, child, "%s; SPIs %08x in, %08x out", line, child->spi_in, child->spi_out);
}

void child_up(struct child_sa *child, bool rekeyed)
{
    struct peer *p = child->peer;
    struct slot_wish *slot = &p->slots[peer_slot_of(p, child->index, child->pair)];

    pairs_look(child);
    slot->acquired = false;
    slot->acquire_seq = 0;
    slot->temporary_since = 0;
    slot->last_up = child->sa->core->now;
    up_tell(child, rekeyed ? FACT_CHILD_REKEYED : FACT_CHILD_UP);
    children_dedupe(child);
    peer_orders_check(p);
}

bool child_speak(struct child_sa *child, const struct child_sa *replaced)
{
    struct ask ask;
    bool said;

    if (child->state != CHILD_HALF)
        return false;
    child_set_state(child, CHILD_UP);
    child_ask(child, &ask, ASK_CHILD_OUTBOUND);
    ask.u.child.keys = child->keys;
    ask.u.child.old_spi_in = replaced ? replaced->spi_in : 0;
    said = child_order(child, &ask);
    if (!said)
        child_mute(child);
    child_keys_forget(child);
    children_dedupe(child); /* as long as it was on its way, nobody looked */
    return said;
}

void child_delete_unborn(struct xchg *x)
{
    struct ike_sa *sa = x->sa;

    if (x->lost_spi && sa->n_lost < COUNT_OF(sa->lost_spis))
        sa->lost_spis[sa->n_lost++] = x->lost_spi;
    sa_wake(sa);
}
