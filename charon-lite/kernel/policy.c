/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of policies. What ought to be in the kernel is worked out from the claims each time they change; the difference
 * to what is there becomes one operation, a replacement wherever there was something before.
 */
#include "hand_inside.h"

#include <stdlib.h>
#include <string.h>

#define IDENTITY_BYTES 56

/* One record with one claim and one policy for each Child SA, as a rule: see ike/keep.c. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct sa_record) <= 168, "the record of a Child SA has grown");
_Static_assert(sizeof(void *) != 8 || sizeof(struct policy) <= 152, "a policy has grown");
_Static_assert(sizeof(void *) != 8 || sizeof(struct claim) <= 48, "a claim has grown");

int policies_init(struct hand *h)
{
    map_init(&h->policies, h->setup.rng);
    list_init(&h->dirty);
    h->by_number = calloc(256, sizeof(struct policy *));
    h->n_numbers = h->by_number ? 256 : 0;
    return h->by_number ? 0 : ERR_MEMORY;
}

static void number_leave(struct hand *h, const struct policy *p, uint32_t number)
{
    if (number < h->n_numbers && h->by_number[number] == p)
        h->by_number[number] = NULL;
}

static void policy_free(struct hand *h, struct policy *p)
{
    number_leave(h, p, p->number);
    for (int d = 0; d < DIRECTIONS; d++)
        number_leave(h, p, POLICY_INDEX_NUMBER(p->index[d]));
    map_remove(&h->policies, &p->node);
    list_remove(&p->in_dirty);
    free(p);
}

void policies_done(struct hand *h)
{
    for (size_t i = 0; i < h->n_numbers; i++)
        if (h->by_number[i])
            policy_free(h, h->by_number[i]);
    map_done(&h->policies);
    free(h->by_number);
}

static void put_prefix(uint8_t **at, const struct prefix *p)
{
    memcpy(*at, p->addr.b, 16);
    (*at)[16] = p->bits;
    *at += 17;
}

struct selector policy_selector(const struct policy *p, enum direction d)
{
    return d == DIRECTION_OUT ? p->sel : selector_turn(&p->sel);
}

/* Identity and index, for the kernel; the rest as it need not be. */
static struct kernel_policy policy_name(const struct policy *p, enum direction d)
{
    return (struct kernel_policy){.sel = policy_selector(p, d),
                                  .direction = (uint8_t)d,
                                  .mark = p->mark,
                                  .mark_mask = p->mark_mask,
                                  .if_id = p->if_id,
                                  .index = p->index[d]};
}

static void put_outer(uint8_t *at, const struct addr *a)
{
    if (!addr_is_any(a))
        memcpy(at, a->b, 16);
}

/* All that a policy does, as one number: two that do the same have the same. */
static uint64_t policy_effect(const struct hand *h, const struct kernel_policy *p)
{
    const struct policy_template *t = &p->tmpl;
    uint8_t key[48] = {(uint8_t)p->action};

    put_u32(key + 1, p->priority);
    if (p->action == POLICY_PROTECT) {
        key[5] = t->family;
        key[6] = t->transport;
        put_u32(key + 8, t->reqid);
        put_u32(key + 12, t->spi);
        put_outer(key + 16, &t->src);
        put_outer(key + 32, &t->dst);
    }
    return map_hash(&h->policies, span_of(key, sizeof key));
}

/* That is in the kernel now. */
static void policy_set(const struct hand *h, struct policy *p, const struct kernel_policy *k)
{
    struct policy_state *state = &p->state[k->direction];

    state->action = k->action & 3;
    state->in_kernel = true;
    state->taken = false;
    p->effect[k->direction] = policy_effect(h, k);
}

/* What the policies of the three directions have in common, as bytes without holes. */
static void identity_bytes(const struct kernel_policy *p, uint8_t out[IDENTITY_BYTES])
{
    struct selector sel = p->direction == DIRECTION_OUT ? p->sel : selector_turn(&p->sel), *s = &sel;
    uint8_t *at = out;

    memset(out, 0, IDENTITY_BYTES);
    put_prefix(&at, &s->src);
    put_prefix(&at, &s->dst);
    *at++ = s->src.addr.family;
    *at++ = s->protocol;
    put_u16(at, s->sport);
    put_u16(at + 2, s->sport_mask);
    put_u16(at + 4, s->dport);
    put_u16(at + 6, s->dport_mask);
    put_u32(at + 8, p->mark);
    put_u32(at + 12, p->mark_mask);
    put_u32(at + 16, p->if_id);
}

static struct policy *find(const struct hand *h, const uint8_t key[IDENTITY_BYTES], uint64_t hash)
{
    uint8_t other[IDENTITY_BYTES];

    for (struct map_node *n = map_first(&h->policies, hash); n; n = map_more(n)) {
        struct policy *p = CONTAINER_OF(n, struct policy, node);
        struct kernel_policy k = policy_name(p, DIRECTION_OUT);

        identity_bytes(&k, other);
        if (span_equal(span_of(key, IDENTITY_BYTES), span_of(other, IDENTITY_BYTES)))
            return p;
    }
    return NULL;
}

static bool number_room(struct hand *h, uint32_t number)
{
    size_t n = h->n_numbers;
    struct policy **v;

    while (n <= number)
        n *= 2;
    if (n == h->n_numbers)
        return true;
    v = reallocarray(h->by_number, n, sizeof(*v));
    if (!v)
        return false;
    memset(v + h->n_numbers, 0, (n - h->n_numbers) * sizeof(*v));
    h->by_number = v;
    h->n_numbers = n;
    return true;
}

/* The next number that nobody has; 0 = none (0 itself is not used). */
static uint32_t number_next(struct hand *h)
{
    for (uint32_t tries = 0; tries < POLICY_NUMBER_MAX; tries++) {
        uint32_t n = h->next_number = h->next_number % POLICY_NUMBER_MAX + 1;

        if (n >= h->n_numbers ? number_room(h, n) : !h->by_number[n])
            return n;
    }
    return 0;
}

static struct policy *policy_new(struct hand *h, const struct kernel_policy *identity, uint64_t hash, uint32_t number)
{
    struct policy *p = calloc(1, sizeof *p);

    if (!p || !number || !number_room(h, number) || map_add(&h->policies, &p->node, hash)) {
        free(p);
        return NULL;
    }
    p->sel = identity->direction == DIRECTION_OUT ? identity->sel : selector_turn(&identity->sel);
    p->mark = identity->mark;
    p->mark_mask = identity->mark_mask;
    p->if_id = identity->if_id;
    for (uint32_t d = 0; d < DIRECTIONS; d++)
        p->index[d] = POLICY_INDEX(number, d);
    h->by_number[number] = p;
    list_init(&p->claims);
    p->number = number;
    return p;
}

struct policy *policy_at(struct hand *h, const struct kernel_policy *identity)
{
    uint8_t key[IDENTITY_BYTES];
    uint64_t hash;
    struct policy *p;

    identity_bytes(identity, key);
    hash = map_hash(&h->policies, span_of(key, sizeof key));
    p = find(h, key, hash);
    return p ? p : policy_new(h, identity, hash, number_next(h));
}

struct policy *policy_next(const struct hand *h, const struct policy *after)
{
    for (size_t i = after ? after->number + 1u : 0; i < h->n_numbers; i++)
        if (h->by_number[i] && h->by_number[i]->number == i)
            return h->by_number[i];
    return NULL;
}

struct policy *policy_by_index(const struct hand *h, uint32_t index)
{
    uint32_t number = POLICY_INDEX_NUMBER(index), d = index & 7;
    struct policy *p = POLICY_INDEX_OURS(index) && number < h->n_numbers ? h->by_number[number] : NULL;

    return p && d < DIRECTIONS && p->index[d] == index ? p : NULL;
}

/* The kernel has it under this index, whatever we would have called it. */
static void index_take(struct hand *h, struct policy *p, uint8_t direction, uint32_t index)
{
    uint32_t number = POLICY_INDEX_NUMBER(index), old = POLICY_INDEX_NUMBER(p->index[direction]);
    bool used = old == p->number;

    if (p->index[direction] == index)
        return;
    p->index[direction] = index;
    for (int d = 0; d < DIRECTIONS; d++)
        used = used || POLICY_INDEX_NUMBER(p->index[d]) == old;
    if (!used)
        number_leave(h, p, old);
    if (number_room(h, number) && !h->by_number[number])
        h->by_number[number] = p;
}

void policy_adopt(struct hand *h, const struct kernel_policy *found)
{
    uint8_t key[IDENTITY_BYTES];
    uint64_t hash;
    struct policy *p;
    uint32_t number = POLICY_INDEX_NUMBER(found->index);

    identity_bytes(found, key);
    hash = map_hash(&h->policies, span_of(key, sizeof key));
    p = find(h, key, hash);
    if (found->direction >= DIRECTIONS || (!p && number < h->n_numbers && h->by_number[number]))
        return; /* two selectors cannot share a number by our making: leave what we do not understand */
    if (!p)
        p = policy_new(h, found, hash, number ? number : number_next(h));
    if (!p)
        return;
    index_take(h, p, found->direction, found->index);
    policy_set(h, p, found);
    p->state[found->direction].seen = true;
    policy_dirty(h, p, DIRECTION_BIT(found->direction));
}

void policy_dirty(struct hand *h, struct policy *p, uint8_t directions)
{
    for (int d = 0; d < DIRECTIONS; d++)
        if (directions & DIRECTION_BIT(d))
            p->state[d].dirty = true;
    if (!p->in_dirty.next || list_empty(&p->in_dirty))
        list_append(&h->dirty, &p->in_dirty);
}

static uint8_t dirty_directions(const struct policy *p)
{
    uint8_t bits = 0;

    for (int d = 0; d < DIRECTIONS; d++)
        if (p->state[d].dirty)
            bits |= DIRECTION_BIT(d);
    return bits;
}

/* Is there anything to keep it for? */
static bool policy_needed(const struct policy *p)
{
    for (int d = 0; d < DIRECTIONS; d++)
        if (p->state[d].in_kernel)
            return true;
    return !list_empty(&p->claims);
}

/* After something was settled: when all is, it leaves the list, and where nothing is left of it, it is gone. */
static void policy_rest(struct hand *h, struct policy *p)
{
    if (dirty_directions(p))
        return;
    list_remove(&p->in_dirty);
    if (!policy_needed(p))
        policy_free(h, p);
}

struct sa_record *claim_record(const struct claim *c)
{
    return c->rank == CLAIM_PROTECT ? c->of.record : NULL;
}

struct trap *claim_trap(const struct claim *c)
{
    return c->traps ? c->of.trap : NULL;
}

struct hand_child *claim_child(const struct claim *c)
{
    return c->rank == CLAIM_PROTECT ? c->of.record->child : c->traps ? c->of.trap->child : c->of.child;
}

static bool claim_active(const struct hand *h, const struct claim *c, enum direction direction)
{
    const struct sa_record *r = claim_record(c);
    const struct hand_child *child = claim_child(c);

    if (!(c->directions & DIRECTION_BIT(direction)) || (child && child->conn->disabled))
        return false;
    if (c->while_down && child->n_up)
        return false;
    if (!r)
        return true;
    if (h->disarmed)
        return false;
    return direction == DIRECTION_OUT ? r->out.there && !r->mute : r->in.there;
}

static bool claim_stronger(const struct claim *a, const struct claim *b)
{
    if (a->rank != b->rank)
        return a->rank > b->rank;
    return claim_record(a) && claim_record(b) && claim_record(a)->order > claim_record(b)->order;
}

/* The strongest first, so that replaced SAs that are still heard are not looked at one by one. Nor is who goes last, as one of
 * many connections with the same exception does. */
void claim_place(struct claim *c)
{
    struct list *claims = &c->policy->claims, *at = claims;

    list_remove(&c->in_policy);
    if (!list_empty(claims) && claim_stronger(c, LIST_ITEM(claims->prev, struct claim, in_policy)))
        for (at = claims->next; !claim_stronger(c, LIST_ITEM(at, struct claim, in_policy));)
            at = at->next;
    list_append(at, &c->in_policy); /* before it */
}

const struct claim *policy_claim(const struct hand *h, const struct policy *p, enum direction d)
{
    LIST_EACH (i, &p->claims) {
        const struct claim *c = LIST_ITEM(i, struct claim, in_policy);

        if (claim_active(h, c, d))
            return c;
    }
    return NULL;
}

bool policy_claim_besides(const struct hand *h, const struct policy *p, enum direction d, const struct sa_record *r)
{
    LIST_EACH (i, &p->claims) {
        const struct claim *c = LIST_ITEM(i, struct claim, in_policy);

        if (c->rank == CLAIM_PROTECT && c->of.record != r && claim_active(h, c, d))
            return true;
    }
    return false;
}

struct claim *claim_new(struct hand *h, const struct kernel_policy *identity, uint8_t directions, struct claim of,
                        struct claim **owner, struct claim *room)
{
    struct claim *c = room ? room : malloc(sizeof *c);
    struct policy *p = c ? policy_at(h, identity) : NULL;

    if (!p) {
        if (!room)
            free(c);
        return NULL;
    }
    *c = of;
    c->policy = p;
    c->directions = directions;
    c->priority = identity->priority;
    c->inside = room != NULL;
    list_init(&c->in_policy);
    claim_place(c);
    c->next = *owner;
    *owner = c;
    policy_dirty(h, p, directions);
    return c;
}

void claims_drop(struct hand *h, struct claim **owner)
{
    while (*owner) {
        struct claim *c = *owner;

        *owner = c->next;
        policy_dirty(h, c->policy, c->directions);
        list_remove(&c->in_policy);
        if (!c->inside)
            free(c);
    }
}

void claims_dirty(struct hand *h, const struct claim *first)
{
    for (const struct claim *c = first; c; c = c->next)
        policy_dirty(h, c->policy, c->directions);
}

bool claims_unsettled(const struct claim *first)
{
    for (const struct claim *c = first; c; c = c->next)
        if (dirty_directions(c->policy) & c->directions)
            return true;
    return false;
}

static void protect_template(const struct sa_record *r, enum direction direction, struct policy_template *t)
{
    bool out = direction == DIRECTION_OUT;

    t->family = r->local.family;
    t->reqid = r->reqid;
    t->transport = r->transport;
    t->spi = out ? r->out.spi : 0;
    if (r->transport)
        return;
    t->src = out ? r->local : r->remote;
    t->dst = out ? r->remote : r->local;
}

static void trap_template(const struct trap *trap, struct policy_template *t)
{
    const struct hand_conn *conn = trap->child->conn;

    t->family = conn->remote.family ? conn->remote.family : conn->local.family ? conn->local.family : 4;
    t->reqid = trap->reqid;
    t->transport = trap->child->conf->transport;
    if (t->transport)
        return;
    t->src = conn->local.family == t->family ? conn->local : (struct addr){.family = t->family};
    t->dst = conn->remote.family == t->family ? conn->remote : (struct addr){.family = t->family};
}

/* Traffic may wake a trap only while no SA carries it, and while somebody listens. */
static bool trap_set(const struct hand *h, const struct trap *trap, enum direction direction)
{
    return trap && direction == DIRECTION_OUT && !trap->n_up && !h->disarmed;
}

static void want(const struct hand *h, const struct policy *p, enum direction d, const struct claim *c, struct kernel_policy *out)
{
    *out = policy_name(p, d);
    out->priority = c->priority;
    out->action = c->rank == CLAIM_PASS ? POLICY_PASS : POLICY_BLOCK;
    if (c->rank == CLAIM_PROTECT) {
        out->action = POLICY_PROTECT;
        protect_template(c->of.record, d, &out->tmpl);
    } else if (trap_set(h, claim_trap(c), d)) {
        out->action = POLICY_PROTECT;
        trap_template(c->of.trap, &out->tmpl);
    }
}

static void plan_delete(struct policy *p, enum direction d, struct batch *b)
{
    struct kernel_op *op;

    if (!p->state[d].in_kernel) {
        p->state[d].dirty = false;
        return;
    }
    op = batch_add(b, OP_POLICY_DEL, p);
    if (op)
        op->u.policy = policy_name(p, d);
}

static void plan_set(struct hand *h, struct policy *p, enum direction d, const struct claim *c, struct batch *b)
{
    struct kernel_policy wanted;
    struct kernel_op *op;

    want(h, p, d, c, &wanted);
    if (p->state[d].in_kernel && p->effect[d] == policy_effect(h, &wanted)) {
        p->state[d].dirty = false;
        return;
    }
    op = batch_add(b, p->state[d].in_kernel ? OP_POLICY_SET : OP_POLICY_NEW, p);
    if (op)
        op->u.policy = wanted;
}

enum turn { TURN_PASS, TURN_CLOSE, TURN_DELETE, TURNS };

static void plan_policy(struct hand *h, struct policy *p, enum turn turn, struct batch *b)
{
    for (int i = 0; i < DIRECTIONS; i++) {
        enum direction d = (enum direction)i;
        const struct claim *c = p->state[d].dirty ? policy_claim(h, p, d) : NULL;

        if (!p->state[d].dirty)
            continue;
        if (!c && turn == TURN_DELETE)
            plan_delete(p, d, b);
        else if (c && turn == (c->rank == CLAIM_PASS ? TURN_PASS : TURN_CLOSE))
            plan_set(h, p, d, c, b);
    }
    policy_rest(h, p);
}

void policies_plan(struct hand *h, struct batch *b, bool deletes)
{
    for (enum turn turn = TURN_PASS; turn < (deletes ? TURNS : TURN_DELETE); turn++)
        LIST_EACH (i, &h->dirty)
            plan_policy(h, LIST_ITEM(i, struct policy, in_dirty), turn, b);
}

static void say(struct hand *h, const struct kernel_op *op, struct text *why)
{
    static const char *const names[] = {"in", "out", "fwd"};
    char line[320];
    struct text t = text_in(line, sizeof line);

    text_add(&t, "policy %s ", names[op->u.policy.direction % DIRECTIONS]);
    selector_format(&op->u.policy.sel, &t);
    if (op->result == ERR_EXISTS)
        text_add(&t, ": the kernel has a policy with the same selector that is not ours; remove it, or choose other selectors");
    else
        text_add(&t, ": %s", op->why);
    hand_log(h, LEVEL_ERROR, "%s", line);
    if (why && !why->len)
        text_add(why, "%s", line);
}

static int took_one(struct hand *h, struct policy *p, const struct kernel_op *op, struct text *why)
{
    struct policy_state *state = &p->state[op->u.policy.direction];
    bool known = state->taken, gone = op->kind == OP_POLICY_DEL && (op->result == 0 || op->result == ERR_NOT_FOUND);

    if (gone || op->result == 0) {
        if (gone)
            state->in_kernel = false;
        else
            policy_set(h, p, &op->u.policy);
        state->dirty = false;
        policy_rest(h, p);
        return 0;
    }
    /* it stays dirty, and is tried again with the next change */
    state->taken = op->kind == OP_POLICY_NEW && op->result == ERR_EXISTS;
    if (!(known && state->taken))
        say(h, op, why);
    else if (why && !why->len)
        text_add(why, "a policy that is not ours has the same selector");
    return op->result == ERR_EXISTS ? ERR_REFUSED : op->result;
}

int policies_took(struct hand *h, struct batch *b, struct text *why)
{
    int first = 0;

    for (size_t i = 0; i < b->n; i++) {
        int err = b->policies[i] ? took_one(h, b->policies[i], &b->ops[i], why) : 0;

        if (err && !first)
            first = err;
    }
    if (b->failed && !first)
        first = ERR_MEMORY;
    return first;
}

#define SETTLE_BATCH 96 /* three sends of the backend, and what a batch grows to in two steps */

static int settle_batch(struct hand *h, struct batch *b, struct text *why)
{
    int err;

    batch_apply(h, b);
    err = policies_took(h, b, why);
    batch_done(b);
    return err;
}

/* Of one turn, in batches: a whole configuration at once would be megabytes. What is settled leaves the list, and must be behind
 * us: so no batch holds operations of two turns. What is refused stays dirty and is not met again. */
static int settle_turn(struct hand *h, enum turn turn, struct text *why)
{
    struct batch b;
    int first = 0, err;

    batch_init(&b);
    LIST_EACH (i, &h->dirty) {
        plan_policy(h, LIST_ITEM(i, struct policy, in_dirty), turn, &b);
        err = b.n > SETTLE_BATCH - DIRECTIONS || b.failed ? settle_batch(h, &b, why) : 0;
        first = first ? first : err;
    }
    err = settle_batch(h, &b, why);
    return first ? first : err;
}

int policies_settle(struct hand *h, bool deletes, struct text *why)
{
    int first = 0;

    for (enum turn turn = TURN_PASS; turn < (deletes ? TURNS : TURN_DELETE); turn++) {
        int err = settle_turn(h, turn, why);

        first = first ? first : err;
    }
    return first;
}
