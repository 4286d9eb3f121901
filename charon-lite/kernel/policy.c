/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of policies. What ought to be in the kernel is worked out from the claims each time they change; the difference
 * to what is there becomes one operation, a replacement wherever there was something before.
 */
#include "hand_inside.h"

#include <stdlib.h>
#include <string.h>

#define IDENTITY_BYTES 56

/* One record, three policies and three claims for each Child SA, as a rule: see ike/keep.c. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct sa_record) <= 224, "the record of a Child SA has grown");
_Static_assert(sizeof(void *) != 8 || sizeof(struct policy) <= 136, "a policy has grown");
_Static_assert(sizeof(void *) != 8 || sizeof(struct claim) <= 56, "a claim has grown");

int policies_init(struct hand *h)
{
    map_init(&h->policies, h->setup.rng);
    list_init(&h->dirty);
    h->by_number = calloc(256, sizeof(struct policy *));
    h->n_numbers = h->by_number ? 256 : 0;
    return h->by_number ? 0 : ERR_MEMORY;
}

static void policy_free(struct hand *h, struct policy *p)
{
    h->by_number[p->number] = NULL;
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

/* Identity and index, for the kernel; the rest as it need not be. */
static struct kernel_policy policy_name(const struct policy *p)
{
    return (struct kernel_policy){.sel = p->sel,
                                  .direction = p->direction,
                                  .mark = p->mark,
                                  .mark_mask = p->mark_mask,
                                  .if_id = p->if_id,
                                  .index = p->index};
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
    p->action = (uint8_t)k->action;
    p->effect = policy_effect(h, k);
    p->in_kernel = true;
    p->taken = false;
}

/* A policy's identity as bytes without holes. */
static void identity_bytes(const struct kernel_policy *p, uint8_t out[IDENTITY_BYTES])
{
    const struct selector *s = &p->sel;
    uint8_t *at = out;

    memset(out, 0, IDENTITY_BYTES);
    put_prefix(&at, &s->src);
    put_prefix(&at, &s->dst);
    *at++ = s->src.addr.family | (uint8_t)(p->direction << 4);
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
        struct kernel_policy k = policy_name(p);

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
    p->sel = identity->sel;
    p->direction = identity->direction;
    p->mark = identity->mark;
    p->mark_mask = identity->mark_mask;
    p->if_id = identity->if_id;
    p->index = POLICY_INDEX(number, identity->direction);
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
        if (h->by_number[i])
            return h->by_number[i];
    return NULL;
}

struct policy *policy_by_index(const struct hand *h, uint32_t index)
{
    uint32_t number = POLICY_INDEX_NUMBER(index);
    struct policy *p = POLICY_INDEX_OURS(index) && number < h->n_numbers ? h->by_number[number] : NULL;

    return p && p->index == index ? p : NULL;
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
    if (!p && number < h->n_numbers && h->by_number[number])
        return; /* two directions cannot share a number by our making: leave what we do not understand */
    if (!p)
        p = policy_new(h, found, hash, number ? number : number_next(h));
    if (!p)
        return;
    if (p->index != found->index) {
        if (number_room(h, number) && !h->by_number[number]) {
            h->by_number[p->number] = NULL;
            h->by_number[number] = p;
            p->number = number;
        }
    }
    p->index = found->index;
    policy_set(h, p, found);
    p->seen = true;
    policy_dirty(h, p);
}

void policy_dirty(struct hand *h, struct policy *p)
{
    if (!p->in_dirty.next || list_empty(&p->in_dirty))
        list_append(&h->dirty, &p->in_dirty);
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

static bool claim_active(const struct hand *h, const struct claim *c, uint8_t direction)
{
    const struct sa_record *r = claim_record(c);
    const struct hand_child *child = claim_child(c);

    if (child && child->conn->disabled)
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

const struct claim *policy_claim(const struct hand *h, const struct policy *p)
{
    LIST_EACH (i, &p->claims) {
        const struct claim *c = LIST_ITEM(i, struct claim, in_policy);

        if (claim_active(h, c, p->direction))
            return c;
    }
    return NULL;
}

bool policy_claim_besides(const struct hand *h, const struct policy *p, const struct sa_record *r)
{
    LIST_EACH (i, &p->claims) {
        const struct claim *c = LIST_ITEM(i, struct claim, in_policy);

        if (c->rank == CLAIM_PROTECT && c->of.record != r && claim_active(h, c, p->direction))
            return true;
    }
    return false;
}

struct claim *claim_new(struct hand *h, const struct kernel_policy *identity, enum claim_rank rank, struct list *owner)
{
    struct claim *c = calloc(1, sizeof *c);
    struct policy *p = c ? policy_at(h, identity) : NULL;

    if (!p) {
        free(c);
        return NULL;
    }
    c->policy = p;
    c->rank = (uint8_t)rank;
    c->priority = identity->priority;
    list_append(&p->claims, &c->in_policy);
    if (rank != CLAIM_PROTECT) /* that has no record yet */
        claim_place(c);
    list_append(owner, &c->in_owner);
    policy_dirty(h, p);
    return c;
}

void claims_drop(struct hand *h, struct list *owner)
{
    if (!owner->next)
        return;
    LIST_EACH (i, owner) {
        struct claim *c = LIST_ITEM(i, struct claim, in_owner);

        policy_dirty(h, c->policy);
        list_remove(&c->in_policy);
        list_remove(&c->in_owner);
        free(c);
    }
}

void claims_dirty(struct hand *h, struct list *owner)
{
    if (!owner->next)
        return;
    LIST_EACH (i, owner)
        policy_dirty(h, LIST_ITEM(i, struct claim, in_owner)->policy);
}

bool claims_unsettled(const struct list *owner)
{
    if (!owner->next)
        return false;
    LIST_EACH (i, owner)
        if (!list_empty(&LIST_ITEM(i, struct claim, in_owner)->policy->in_dirty))
            return true;
    return false;
}

static void protect_template(const struct sa_record *r, uint8_t direction, struct policy_template *t)
{
    bool out = direction == DIRECTION_OUT;

    t->family = r->local.addr.family;
    t->reqid = r->reqid;
    t->transport = r->transport;
    t->spi = out ? r->out.spi : 0;
    if (r->transport)
        return;
    t->src = out ? r->local.addr : r->remote.addr;
    t->dst = out ? r->remote.addr : r->local.addr;
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
static bool trap_set(const struct hand *h, const struct trap *trap, uint8_t direction)
{
    return trap && direction == DIRECTION_OUT && !trap->n_up && !h->disarmed;
}

static void want(const struct hand *h, const struct policy *p, const struct claim *c, struct kernel_policy *out)
{
    *out = policy_name(p);
    out->priority = c->priority;
    out->action = c->rank == CLAIM_PASS ? POLICY_PASS : POLICY_BLOCK;
    if (c->rank == CLAIM_PROTECT) {
        out->action = POLICY_PROTECT;
        protect_template(c->of.record, p->direction, &out->tmpl);
    } else if (trap_set(h, claim_trap(c), p->direction)) {
        out->action = POLICY_PROTECT;
        trap_template(c->of.trap, &out->tmpl);
    }
}

static void plan_delete(struct hand *h, struct policy *p, struct batch *b)
{
    struct kernel_op *op;

    if (p->in_kernel) {
        op = batch_add(b, OP_POLICY_DEL, p);
        if (op)
            op->u.policy = policy_name(p);
        return;
    }
    list_remove(&p->in_dirty);
    if (list_empty(&p->claims))
        policy_free(h, p);
}

static void plan_set(struct hand *h, struct policy *p, const struct claim *c, struct batch *b)
{
    struct kernel_policy wanted;
    struct kernel_op *op;

    want(h, p, c, &wanted);
    if (p->in_kernel && p->effect == policy_effect(h, &wanted)) {
        list_remove(&p->in_dirty);
        return;
    }
    op = batch_add(b, p->in_kernel ? OP_POLICY_SET : OP_POLICY_NEW, p);
    if (op)
        op->u.policy = wanted;
}

enum turn { TURN_PASS, TURN_CLOSE, TURN_DELETE };

void policies_plan(struct hand *h, struct batch *b, bool deletes)
{
    for (enum turn turn = TURN_PASS; turn <= (deletes ? TURN_DELETE : TURN_CLOSE); turn++)
        LIST_EACH (i, &h->dirty) {
            struct policy *p = LIST_ITEM(i, struct policy, in_dirty);
            const struct claim *c = policy_claim(h, p);

            if (!c && turn == TURN_DELETE)
                plan_delete(h, p, b);
            else if (c && turn == (c->rank == CLAIM_PASS ? TURN_PASS : TURN_CLOSE))
                plan_set(h, p, c, b);
        }
}

static void say(struct hand *h, const struct policy *p, const struct kernel_op *op, struct text *why)
{
    static const char *const names[] = {"in", "out", "fwd"};
    char line[320];
    struct text t = text_in(line, sizeof line);

    text_add(&t, "policy %s ", names[p->direction % DIRECTIONS]);
    selector_format(&p->sel, &t);
    if (op->result == ERR_EXISTS)
        text_add(&t, ": the kernel has a policy with the same selector that is not ours; remove it, or choose other selectors");
    else
        text_add(&t, ": %s", op->why);
    hand_log(h, LEVEL_ERROR, "%s", line);
    if (why && !why->len)
        text_add(why, "%s", line);
}

static void deleted(struct hand *h, struct policy *p)
{
    p->in_kernel = false;
    list_remove(&p->in_dirty);
    if (list_empty(&p->claims))
        policy_free(h, p);
}

static int took_one(struct hand *h, struct policy *p, const struct kernel_op *op, struct text *why)
{
    bool known = p->taken;

    if (op->kind == OP_POLICY_DEL && (op->result == 0 || op->result == ERR_NOT_FOUND)) {
        deleted(h, p);
        return 0;
    }
    if (op->result == 0) {
        policy_set(h, p, &op->u.policy);
        list_remove(&p->in_dirty);
        return 0;
    }
    /* it stays dirty, and is tried again with the next change */
    p->taken = op->kind == OP_POLICY_NEW && op->result == ERR_EXISTS;
    if (!(known && p->taken))
        say(h, p, op, why);
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

int policies_settle(struct hand *h, bool deletes, struct text *why)
{
    struct batch b;
    int err;

    batch_init(&b);
    policies_plan(h, &b, deletes);
    batch_apply(h, &b);
    err = policies_took(h, &b, why);
    batch_done(&b);
    return err;
}
