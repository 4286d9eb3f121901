/* SPDX-License-Identifier: Apache-2.0 */
/* INFORMATIONAL (RFC 7296 1.4): deletes, liveness, errors, tokens. */
#include "ike/ike.h"

/* --- initiator -----------------------------------------------------------------------------------------------------------------
 */

static void delete_add(struct xchg *x, uint8_t protocol, const uint32_t *spis, size_t n)
{
    struct payload *p = payload_add(&x->out, PAYLOAD_DELETE);
    uint8_t *b = n ? arena_alloc(&x->arena, n * 4) : NULL;

    if (!p || (n && !b))
        return;
    for (size_t i = 0; i < n; i++)
        put_u32(b + 4 * i, spis[i]);
    p->u.del.protocol = protocol;
    p->u.del.spi_size = n ? 4 : 0;
    p->u.del.count = (uint16_t)n;
    p->u.del.spis = span_of(b, n * 4);
}

static size_t deletes_collect(struct xchg *x, uint32_t *spis)
{
    struct ike_sa *sa = x->sa;
    size_t n = 0;

    LIST_EACH (it, &sa->children) {
        struct child_sa *child = LIST_ITEM(it, struct child_sa, in_sa);

        if (!child->want_delete || child->deleting || child->state == CHILD_BORN || n >= DELETES_AT_ONCE)
            continue;
        child->deleting = true;
        child->deleted_in = x->message_id;
        spis[n++] = child->spi_in;
    }
    for (; sa->n_lost && n < DELETES_AT_ONCE; sa->n_lost--)
        spis[n++] = sa->lost_spis[sa->n_lost - 1];
    return n;
}

static enum step ask_token(struct xchg *x)
{
    return x->tells_token ? qcd_ask(x, x->sa) : STEP_NEXT;
}

static enum step write_request(struct xchg *x)
{
    uint32_t spis[DELETES_AT_ONCE];
    size_t n;

    if (x->tells_token) {
        riders_write(x);
        return x->out.first ? STEP_DONE : STEP_DROP; /* none to be had: nothing is said */
    }
    if (x->deletes_ike) {
        delete_add(x, PROTOCOL_IKE, NULL, 0);
        return STEP_DONE;
    }
    n = deletes_collect(x, spis);
    x->deletes_children = n > 0;
    if (n)
        delete_add(x, PROTOCOL_ESP, spis, n);
    return STEP_DONE; /* empty: are you there? */
}

static enum step read_answer(struct xchg *x)
{
    struct ike_sa *sa = x->sa;

    if (x->deletes_ike)
        return kill_sa(x, sa->redundant || sa->replaced ? "replaced" : "closed by us");
    riders_read(x);
    LIST_EACH (it, &sa->children) {
        struct child_sa *child = LIST_ITEM(it, struct child_sa, in_sa);

        if (child->deleting && child->deleted_in == x->message_id)
            child_end(child, child->state == CHILD_OLD || child->redundant, child->state == CHILD_OLD ? NULL : "closed by us");
    }
    return STEP_DONE;
}

/* --- responder -----------------------------------------------------------------------------------------------------------------
 */

/* The peer may not know yet that this IKE SA is the loser of a simultaneous rekey, and takes the Child SAs to be with it; here
 * they are with the winner already (2.8.2). */
static size_t children_count(const struct ike_sa *sa)
{
    size_t n = list_count(&sa->children);

    for (const struct ike_sa *other = sa->redundant ? sa_next_of_id(sa, NULL) : NULL; other; other = sa_next_of_id(sa, other))
        n += list_count(&other->children);
    return n;
}

static struct child_sa *child_meant(struct ike_sa *sa, uint32_t spi)
{
    struct child_sa *child = child_by_spi_out(sa, spi);

    if (child || !sa->is_heir || !sa->redundant)
        return child;
    for (struct ike_sa *other = sa_next_of_id(sa, NULL); other && !child; other = sa_next_of_id(sa, other))
        if (other->is_heir)
            child = child_by_spi_out(other, spi);
    return child;
}

static bool delete_child(struct xchg *x, uint32_t spi, uint32_t *ours)
{
    struct child_sa *child = child_meant(x->sa, spi), *other;
    bool replaced;

    if (!child && x->sa->ours && x->sa->ours->row == &exchange_child && x->sa->ours->n_dead < COUNT_OF(x->sa->ours->dead_spis))
        x->sa->ours->dead_spis[x->sa->ours->n_dead++] = spi;
    if (!child || child->deleting || child->doomed)
        return false; /* unknown, named twice, or both delete at once: no Delete in the answer (1.4.1) */
    *ours = child->spi_in;
    if (child->state == CHILD_BORN) { /* still being installed by our own exchange */
        child->doomed = true;
        return true;
    }
    child->want_delete = true; /* so that it is not found as its own successor */
    other = child_of_slot(child->peer, child->index, child->pair);
    replaced = ticket_find(x->core, child->peer_rekey, TICKET_CHILD_SA) || (other && other->state >= CHILD_HALF);
    if (!replaced)
        peer_slot_lost(child);
    child_end(child, replaced, replaced ? "the peer rekeyed it" : "the peer closed it");
    return true;
}

/* Of what one message deletes none follows another: not for the moment until it goes itself is anything sent on it. */
static void none_follows(struct xchg *x, struct reader spis)
{
    while (read_left(&spis) >= 4) {
        struct child_sa *child = child_meant(x->sa, read_u32(&spis));

        if (child && child->state >= CHILD_HALF)
            child->want_delete = true;
    }
}

/* SPIs are read before anything is deleted: nothing here points into what may die. A list that is long for nothing was work. */
static void delete_children(struct xchg *x)
{
    size_t have = children_count(x->sa), n = 0, read = 0;
    uint32_t *ours = have ? arena_alloc(&x->arena, have * sizeof(*ours)) : NULL, spi;

    for (const struct payload *p = payload_find(x->in, PAYLOAD_DELETE); p; p = payload_after(p, PAYLOAD_DELETE)) {
        struct reader r = reader_of(p->u.del.spis);

        if (p->u.del.protocol != PROTOCOL_ESP || p->u.del.spi_size != 4)
            continue;
        none_follows(x, r);
        for (; read_left(&r) >= 4; read++)
            if (delete_child(x, read_u32(&r), &spi) && ours && n < have)
                ours[n++] = spi;
    }
    if (n)
        delete_add(x, PROTOCOL_ESP, ours, n);
    request_costs(x->sa, read * (have - n));
}

static bool deletes_ike(const struct payload *in)
{
    for (const struct payload *p = payload_find(in, PAYLOAD_DELETE); p; p = payload_after(p, PAYLOAD_DELETE))
        if (p->u.del.protocol == PROTOCOL_IKE)
            return true;
    return false;
}

static enum step respond_step(struct xchg *x)
{
    struct ike_sa *sa = x->sa;

    if (deletes_ike(x->in)) {
        (void)!window_send_reply(x); /* empty */
        sa_deleted_by_peer(sa);
        return STEP_KILL;
    }
    for (const struct payload *n = payload_find(x->in, PAYLOAD_NOTIFY); n; n = payload_after(n, PAYLOAD_NOTIFY)) {
        const char *name = notify_name(n->u.notify.type);

        if (n->u.notify.type == AUTHENTICATION_FAILED || n->u.notify.type == INVALID_SYNTAX) {
            (void)!window_send_reply(x);
            peer_ike_failed(sa->peer, sa, "the peer did not accept our identity or proof (AUTHENTICATION_FAILED)");
            return kill_sa(x, "the peer sent %s", name);
        }
        if (n->u.notify.type <= NOTIFY_ERROR_MAX)
            tell(x->core, FACT_NOTE, sa->peer, sa, NULL, "the peer reports %s", name ? name : "an unknown error");
    }
    riders_read(x);
    delete_children(x);
    return STEP_DONE;
}

static step_fn *const initiate[] = {ask_token, write_request, NULL};
static step_fn *const conclude[] = {read_answer, NULL};
static step_fn *const respond[] = {respond_step, NULL};
static const struct rider *const riders[] = {&rider_qcd, NULL};

const struct exchange exchange_info = {
    .name = "INFORMATIONAL",
    .type = INFORMATIONAL,
    .initiate = initiate,
    .conclude = conclude,
    .respond = respond,
    .riders = riders,
};
