/* SPDX-License-Identifier: Apache-2.0 */
/* How much of what strangers and peers may bring about: half-open IKE SAs by source, refusals, sentences, requests (RFC 8019 4,
 * 5). */
#include "ike/ike.h"

#include <stdlib.h>
#include <string.h>

/* One in `each` on average, `burst` at once: *until is when all that was taken is paid for. */
bool bucket_take(usec_t *until, usec_t now, usec_t each, usec_t burst)
{
    if (*until < now)
        *until = now;
    if (*until - now > each * (burst - 1))
        return false;
    *until += each;
    return true;
}

static bool bucket_empty(usec_t until, usec_t now, usec_t each, usec_t burst)
{
    return until - now > each * (burst - 1);
}

/* --- half-open SAs, by source ---------------------------------------------------------------------------------------------- */

struct source {
    struct map_node node;
    struct prefix net;
    uint32_t half_open;
};

static struct prefix source_net(const struct addr *a)
{
    struct prefix net = {*a, a->family == 6 ? 64 : 24};
    struct addr unused;

    prefix_bounds(&net, &net.addr, &unused);
    return net;
}

static struct source *source_find(const struct core *c, const struct addr *a, uint64_t *hash)
{
    struct prefix net = source_net(a);

    *hash = map_hash(&c->sources, addr_span(&net.addr));
    for (struct map_node *n = map_first(&c->sources, *hash); n; n = map_more(n)) {
        struct source *s = CONTAINER_OF(n, struct source, node);

        if (addr_equal(&s->net.addr, &net.addr))
            return s;
    }
    return NULL;
}

static uint32_t source_half_open(const struct core *c, const struct addr *a)
{
    uint64_t unused;
    const struct source *s = source_find(c, a, &unused);

    return s ? s->half_open : 0;
}

bool source_count(struct core *c, const struct addr *a, bool in)
{
    uint64_t hash;
    struct source *s = source_find(c, a, &hash);

    if (in && !s) {
        s = calloc(1, sizeof(*s));
        if (!s || map_add(&c->sources, &s->node, hash) < 0) {
            free(s);
            return false;
        }
        s->net = source_net(a);
    }
    if (!s)
        return false;
    s->half_open += in ? 1 : -1u;
    if (s->half_open == 0) {
        map_remove(&c->sources, &s->node);
        free(s);
    }
    return true;
}

/* --- proofs ---------------------------------------------------------------------------------------------------------------- */

/* Vault and judge work in turn, and do not know what has become useless: given more than they can do, each answer would come when
 * its peer has begun anew, and none would ever be up. Requests beyond that are not heard; they come again (RFC 7296 2.1). */
static void proofs_clock(struct core *c)
{
    struct proofs *p = &c->proofs;

    if (c->now - p->second < USEC_SEC)
        return;
    p->done_before = c->now - p->second < 2 * USEC_SEC ? p->done : 0;
    p->done = 0;
    p->second = c->now;
}

bool proofs_behind(struct core *c)
{
    struct proofs *p = &c->proofs;
    uint32_t done;

    proofs_clock(c);
    if (p->asked && c->now - p->heard > ANSWER_WAIT && c->now - p->since > ANSWER_WAIT)
        p->asked = 0; /* who was asked is gone */
    done = p->done > p->done_before ? p->done : p->done_before;
    return p->asked >= PROOFS_FEW && c->now - p->since > USEC_SEC && p->asked >= (size_t)PROOFS_AHEAD * done;
}

void proof_asked(struct core *c)
{
    if (!c->proofs.asked++)
        c->proofs.since = c->now;
}

void proof_answered(struct core *c)
{
    proofs_clock(c);
    c->proofs.asked -= c->proofs.asked > 0;
    c->proofs.done++;
    c->proofs.heard = c->now;
}

/* --- a new IKE_SA_INIT ----------------------------------------------------------------------------------------------------- */

bool half_open_allowed(const struct core *c, const struct addr *from)
{
    const struct conf_limits *l = &c->conf->limits;

    if (l->half_open_max && c->counts.half_open >= l->half_open_max)
        return false;
    if (l->half_open_per_source && source_half_open(c, from) >= l->half_open_per_source)
        return false;
    return !l->ike_max || c->counts.ike_sas < l->ike_max;
}

/* Half of what it may have: from here on a source shows that it hears us, and is given less time (RFC 8019 4.1, 4.2). Else a few
 * forged addresses would shut out all that is beside them. */
static bool suspect(const struct core *c, const struct addr *from)
{
    uint32_t max = c->conf->limits.half_open_per_source;

    return max && source_half_open(c, from) >= (max + 1) / 2;
}

static bool many_half_open(const struct core *c)
{
    return c->counts.half_open >= c->conf->limits.cookie_threshold;
}

bool cookie_wanted(const struct core *c, const struct addr *from)
{
    return many_half_open(c) || bucket_empty(c->fruitless, c->now, USEC_SEC / FRUITLESS_PER_SECOND, FRUITLESS_PER_SECOND) ||
           suspect(c, from);
}

/* A request that was answered with a refusal, or not at all, leaves nothing half-open to count, and was work all the same. */
void fruitless(struct core *c)
{
    (void)!bucket_take(&c->fruitless, c->now, USEC_SEC / FRUITLESS_PER_SECOND, 2 * FRUITLESS_PER_SECOND);
}

usec_t half_open_life(const struct core *c, const struct addr *from)
{
    return suspect(c, from) ? HALF_OPEN_LIFE_SUSPECT : many_half_open(c) ? HALF_OPEN_LIFE_CROWDED : HALF_OPEN_LIFE;
}

/* --- what a peer asks (RFC 8019 5) -------------------------------------------------------------------------------------------
 */

bool request_allowed(struct ike_sa *sa)
{
    return bucket_take(&sa->requests, sa->core->now, REQUESTS_EACH, REQUESTS_AT_ONCE);
}

/* A request that was much work counts for several. */
void request_costs(struct ike_sa *sa, size_t steps)
{
    sa->requests = usec_add(sa->requests, REQUESTS_EACH * (usec_t)(steps / REQUEST_STEPS));
}

bool create_allowed(struct ike_sa *sa)
{
    return bucket_take(&sa->creates, sa->core->now, CREATES_EACH, CREATES_AT_ONCE);
}

bool lineage_allowed(const struct ike_sa *sa)
{
    return list_count(&sa->lineage) < LINEAGE_MAX;
}

bool rekey_allowed(const struct ike_sa *sa)
{
    uint32_t max = sa->core->conf->limits.children_per_ike_max;

    return !max || list_count(&sa->children) < (size_t)max * 2;
}

static bool in_auth(const struct xchg *x)
{
    return x && x->row == &exchange_auth;
}

/* IKE_AUTH is answered, and it is neither what a rekey has replaced nor the loser of two rekeys: those come from one that counts.
 */
static bool counts(const struct ike_sa *sa)
{
    return (sa->state == IKE_UP || sa->state == IKE_LEAVING) && sa->by_id_in && !sa->replaced &&
           !(sa->is_heir && sa->redundant) && !in_auth(sa->theirs) && !in_auth(sa->ours);
}

size_t crowd_of(const struct ike_sa *one)
{
    size_t n = counts(one);

    if (n)
        for (const struct ike_sa *sa = sa_next_of_id(one, NULL); sa; sa = sa_next_of_id(one, sa))
            n += counts(sa);
    return n;
}

/* No answer is waited for: a peer that begins IKE SAs without end does not answer Deletes. */
void crowd_leave(struct ike_sa *newest)
{
    uint32_t max = newest->core->conf->limits.ike_per_peer_max;

    for (;;) {
        struct ike_sa *oldest = NULL;
        uint32_t n = 1;

        for (struct ike_sa *sa = sa_next_of_id(newest, NULL); sa; sa = sa_next_of_id(newest, sa)) {
            if (sa->state < IKE_UP)
                continue;
            n++;
            if (!oldest || sa->born < oldest->born)
                oldest = sa;
        }
        if (!max || n <= max || !oldest)
            return;
        if (!oldest->ours)
            farewell(oldest, 0);
        sa_kill(oldest, FACT_LIMIT, "the peer has more than %u IKE SAs (daemon: limits: ike_sas_per_peer): the oldest goes", max);
    }
}

/* --- what is said ---------------------------------------------------------------------------------------------------------- */

/* Answers to packets that belong to nothing are rate-limited (RFC 7296 2.21.4). */
bool hint_allowed(struct core *c)
{
    return bucket_take(&c->hints, c->now, USEC_SEC / HINTS_PER_SECOND, HINTS_PER_SECOND);
}

static void untold_tell(struct core *c)
{
    unsigned long long n = c->untold;

    if (!n || !bucket_take(&c->untold_tells, c->now, USEC_SEC, 1))
        return;
    c->untold = 0;
    tell(c, FACT_NOTE, NULL, NULL, NULL, "%llu more sentences about strangers were left out", n);
}

bool stranger_told(struct core *c)
{
    if (!bucket_take(&c->stranger_tells, c->now, USEC_SEC / STRANGER_TELLS_PER_SECOND, STRANGER_TELLS_PER_SECOND)) {
        c->untold++;
        return false;
    }
    untold_tell(c);
    return true;
}
