/* SPDX-License-Identifier: Apache-2.0 */
/* The gate is brought into a stage of the state matrix. */
#include "matrix.h"

#include <string.h>

#define MS USEC_MSEC
#define SEC USEC_SEC
#define SLOW (300 * MS) /* of whoever shall be slow; a cell's message has been dealt with long before */
#define X25519 "aes256gcm16-prfsha256-x25519"
#define MODP "aes256gcm16-prfsha256-modp2048"
const char matrix_x25519[] = X25519, matrix_modp[] = MODP;

static const unsigned stage_roles[] = {
#define ROLES(name, roles) roles,
    STAGES(ROLES)
#undef ROLES
};

bool stage_has(enum stage stage, enum role role)
{
    return stage_roles[stage] & 1u << role;
}

static void slow(struct bench *b, enum ask_to room)
{
    b->p->gate->desk[room].low = b->p->gate->desk[room].high = SLOW;
}

/* Something that the puppet says next is the last request that the gate will know; what is heard to it is the answer. */
static const struct said *ask_last(struct bench *b, uint8_t exchange)
{
    const struct said *m = ask(b->p, exchange);

    b->last = b->p->sent;
    b->last_answer = m ? m->bytes : SPAN_NONE;
    return m;
}

/* A request whose answer is not there yet. */
static void ask_slow(struct bench *b, uint8_t exchange)
{
    request(b->p, exchange);
    b->last = b->p->sent;
    b->last_answer = SPAN_NONE;
    world_run(b->p->w, 20 * MS);
}

/* What the gate begins by an order, or by itself. */
static bool own(struct bench *b, uint8_t exchange)
{
    b->own = hear(b->p);
    return b->own && !b->own->response && b->own->h.exchange == exchange;
}

static bool ordered(struct bench *b, enum order_kind kind, const char *child, uint8_t exchange)
{
    end_order(b->p->gate, kind, "to1", child);
    return own(b, exchange);
}

/* --- up to KEYED, the gate responds ------------------------------------------------------------------------------------------
 */

bool stage_slow_group(const struct cell *c)
{
    return c->stage == STAGE_BORN_DH || c->stage == STAGE_BORN_MAKE || c->stage == STAGE_BORN_DERIVE;
}

static void bench_new(struct bench *b)
{
    struct plan *plan;

    b->p = puppet_new(KEEP_ANSWER);
    plan = &b->p->gate->plan[0];
    plan->ike = stage_slow_group(b->cell) ? MODP " " X25519 : X25519 " " MODP;
    b->p->words = stage_slow_group(b->cell) ? matrix_modp : matrix_x25519;
    plan->child[1] = plan->child[0];
    plan->child[1].name = "two";
    plan->child[1].local[0] = "10.10.0.0/16";
    plan->child[1].remote[0] = "10.11.0.0/16";
    if (b->cell->stage == STAGE_COOKIES)
        b->p->gate->globals.limits.cookie_threshold = 0;
    b->p->gate->globals.drowsy = ((unsigned)b->cell->stage + b->cell->kind + b->cell->seal) & 1; /* it makes no difference */
    puppet_start(b->p);
}

static bool init_asked(struct bench *b)
{
    say_init(b->p);
    return init_take(b->p, ask_last(b, IKE_SA_INIT));
}

static bool responding(struct bench *b)
{
    static const enum ask_to who[STAGE_COUNT] = {
        [STAGE_KEYED_CHECK] = ASK_VAULT, [STAGE_UP_MAKE] = ASK_VAULT, [STAGE_UP_INSTALL] = ASK_HAND};
    enum stage s = b->cell->stage;

    if (s == STAGE_NOTHING || s == STAGE_COOKIES)
        return true;
    if (s == STAGE_BORN_DH) {
        slow(b, ASK_WORKER);
        say_init(b->p);
        ask_slow(b, IKE_SA_INIT);
        b->p->ike->next_ours = 1;
        return true;
    }
    if (!init_asked(b))
        return false;
    if (s == STAGE_KEYED)
        return true;
    slow(b, who[s]);
    b->p->gate->apart = s == STAGE_UP_MAKE; /* else our AUTH comes with the verdict */
    say_auth(b->p);
    ask_slow(b, IKE_AUTH);
    if (s == STAGE_UP_MAKE) { /* until the check is over */
        world_run(b->p->w, SLOW);
        b->p->gate->desk[ASK_VAULT].low = 50;
    }
    return true;
}

/* --- up to KEYED, the gate initiates ------------------------------------------------------------------------------------------
 */

static bool initiating(struct bench *b)
{
    enum stage s = b->cell->stage;
    struct puppet *p = b->p;

    if (s == STAGE_BORN_MAKE)
        slow(b, ASK_WORKER);
    end_order(p->gate, ORDER_UP, "to1", "net");
    if (s == STAGE_BORN_MAKE) {
        world_run(p->w, 20 * MS);
        return true;
    }
    if (!own(b, IKE_SA_INIT))
        return false;
    if (s == STAGE_BORN_SENT)
        return true;
    if (s == STAGE_BORN_DERIVE)
        slow(b, ASK_WORKER);
    if (s == STAGE_KEYED_MAKE)
        slow(b, ASK_VAULT);
    say_init_answer(p, b->own);
    reply(p, b->own);
    if (s == STAGE_BORN_DERIVE || s == STAGE_KEYED_MAKE) {
        b->own = NULL;
        world_run(p->w, 20 * MS);
        return true;
    }
    if (!own(b, IKE_AUTH))
        return false;
    if (s == STAGE_KEYED_SENT)
        return true;
    slow(b, s == STAGE_KEYED_CHECK ? ASK_VAULT : ASK_HAND);
    say_auth_answer(p, b->own);
    b->child_in = p->spi_in;
    b->child_out = p->spi_out;
    reply(p, b->own);
    b->own = NULL;
    world_run(p->w, 20 * MS);
    return true;
}

/* --- up -----------------------------------------------------------------------------------------------------------------------
 */

static bool tunnel(struct bench *b)
{
    bool ok;

    if (b->cell->role == ROLE_INITIATOR)
        end_order(b->p->gate, ORDER_UP, "to1", "net");
    ok = b->cell->role == ROLE_INITIATOR ? up_there(b->p) : up(b->p);
    if (ok && b->cell->role == ROLE_RESPONDER) {
        b->last = b->p->sent;
        b->last_answer = b->p->inbox[b->p->n_inbox - 1];
    }
    b->child_in = b->p->spi_in;
    b->child_out = b->p->spi_out;
    world_run(b->p->w, 20 * MS);
    return ok;
}

/* Nothing came for a while; then a hint that something is wrong (2.21.4). */
static bool probed(struct bench *b)
{
    world_run(b->p->w, 15 * SEC);
    say(b->p);
    say_notify(b->p, INVALID_IKE_SPI, NULL, 0);
    send_bytes(b->p, message_clear(b->p, INFORMATIONAL, 0, true));
    return own(b, INFORMATIONAL);
}

static bool their_child(struct bench *b)
{
    slow(b, ASK_HAND);
    say_child(b->p, 0, NULL);
    ask_slow(b, CREATE_CHILD_SA);
    return true;
}

static bool taking(struct bench *b)
{
    if (!ordered(b, ORDER_UP, "two", CREATE_CHILD_SA))
        return false;
    slow(b, ASK_HAND);
    say_child_answer(b->p, b->own, NULL);
    reply(b->p, b->own);
    b->own = NULL;
    world_run(b->p->w, 20 * MS);
    return true;
}

static bool their_ike(struct bench *b)
{
    slow(b, ASK_WORKER);
    say_rekey_ike(b->p, MODP);
    ask_slow(b, CREATE_CHILD_SA);
    return true;
}

/* The peer rekeys the IKE SA; p->ike stays the old one, p->heir is complete. */
static bool replaced(struct bench *b)
{
    struct pupil *old = b->p->ike;

    say_rekey_ike(b->p, X25519);
    if (!heir_take(b->p, ask_last(b, CREATE_CHILD_SA)))
        return false;
    b->p->heir = b->p->ike;
    b->p->ike = old;
    return true;
}

static bool heir_of_theirs(struct bench *b)
{
    if (!replaced(b))
        return false;
    say(b->p);
    say_delete(b->p, PROTOCOL_IKE, NULL, 0);
    if (!ask(b->p, INFORMATIONAL))
        return false;
    b->p->ike = b->p->heir;
    b->last = b->last_answer = SPAN_NONE;
    return true;
}

static bool heir_of_ours(struct bench *b)
{
    if (!ordered(b, ORDER_REKEY, NULL, CREATE_CHILD_SA))
        return false;
    say_rekey_ike_answer(b->p, b->own);
    reply(b->p, b->own);
    if (!own(b, INFORMATIONAL))
        return false;
    say(b->p);
    reply(b->p, b->own);
    b->own = NULL;
    world_run(b->p->w, 20 * MS);
    b->p->ike = b->p->heir;
    b->last = b->last_answer = SPAN_NONE;
    return true;
}

/* We rekey, and the Delete of the predecessor is out. */
static bool leaving_old(struct bench *b)
{
    if (!ordered(b, ORDER_REKEY, NULL, CREATE_CHILD_SA))
        return false;
    say_rekey_ike_answer(b->p, b->own);
    reply(b->p, b->own);
    return own(b, INFORMATIONAL);
}

static bool gone(struct bench *b)
{
    say(b->p);
    say_delete(b->p, PROTOCOL_IKE, NULL, 0);
    b->last = b->last_answer = SPAN_NONE;
    return ask(b->p, INFORMATIONAL) != NULL;
}

static bool up_and(struct bench *b)
{
    struct puppet *p = b->p;

    switch (b->cell->stage) {
    case STAGE_UP:
        return true;
    case STAGE_UP_QUIET:
        world_run(p->w, 15 * SEC);
        return true;
    case STAGE_UP_LIVENESS:
        return probed(b);
    case STAGE_UP_CREATE:
        return ordered(b, ORDER_UP, "two", CREATE_CHILD_SA);
    case STAGE_UP_REKEY_CHILD:
        return ordered(b, ORDER_REKEY, "net", CREATE_CHILD_SA);
    case STAGE_UP_REKEY_IKE:
        return ordered(b, ORDER_REKEY, NULL, CREATE_CHILD_SA);
    case STAGE_UP_DELETE_CHILD:
        return ordered(b, ORDER_DOWN, "net", INFORMATIONAL);
    case STAGE_UP_TAKING:
        return taking(b);
    case STAGE_UP_THEIRS_CHILD:
        return their_child(b);
    case STAGE_UP_THEIRS_IKE:
        return their_ike(b);
    case STAGE_UP_BOTH:
        return probed(b) && their_child(b);
    case STAGE_REPLACED:
        return replaced(b);
    case STAGE_HEIR:
        return b->cell->role == ROLE_INITIATOR ? heir_of_ours(b) : heir_of_theirs(b);
    case STAGE_LEAVING:
        return ordered(b, ORDER_DOWN, NULL, INFORMATIONAL);
    case STAGE_LEAVING_OLD:
        return leaving_old(b);
    case STAGE_GONE:
        return gone(b);
    case STAGE_FORGOTTEN:
        end_restart(p->gate);
        memset(p->gate->facts, 0, sizeof(p->gate->facts)); /* counted anew */
        memset(p->gate->asks, 0, sizeof(p->gate->asks));
        world_run(p->w, 5 * MS);
        b->last = b->last_answer = SPAN_NONE;
        return true;
    default:
        return false;
    }
}

/* --- what is due --------------------------------------------------------------------------------------------------------------
 */

/* Where the puppet has no IKE SA yet: what it can know of the gate's SPI, and keys that nobody else has. */
static void make_up(struct bench *b)
{
    struct pupil *s = &b->made_up;
    struct puppet *p = b->p;
    struct rng rng = dice_rng(&p->dice);

    *s = (struct pupil){.initiator = b->cell->role == ROLE_RESPONDER};
    s->suite.encr = alg_by_name(p->w->algs, "aes256gcm16");
    if (secret_new(&s->keys.ei, s->suite.encr->key_len) < 0 || secret_new(&s->keys.er, s->suite.encr->key_len) < 0) {
        world_fail(p->w, "no memory");
        return;
    }
    rng.fill(rng.ctx, s->keys.ei.p, s->keys.ei.len);
    rng.fill(rng.ctx, s->keys.er.p, s->keys.er.len);
    s->spi_i = b->own ? b->own->h.spi_i : b->cell->stage == STAGE_BORN_DH ? p->ike->spi_i : dice_u64(&p->dice);
    s->spi_r = dice_u64(&p->dice);
    s->next_ours = b->cell->stage == STAGE_BORN_DH ? 1 : 0;
    end_list(p->gate);
    for (size_t i = 0; i < p->gate->n_rows; i++) { /* a peer cannot know the gate's SPI here: the worst case is that it does */
        s->spi_i = p->gate->rows[i].spi_i;
        s->spi_r = p->gate->rows[i].spi_r ? p->gate->rows[i].spi_r : s->spi_r;
    }
    b->target = s;
}

/* One more than the highest message ID that the gate has used as a requester in this SA. */
static uint32_t next_of_gate(const struct bench *b)
{
    uint32_t next = b->target->initiator ? 0 : b->cell->stage == STAGE_HEIR ? 0 : b->target != &b->made_up;
    struct wire_error why;
    struct ike_header h;

    for (size_t i = 0; i < b->p->n_inbox; i++)
        if (msg_read_header(b->p->inbox[i], &h, &why) == 0 && !(h.flags & IKE_FLAG_RESPONSE) && h.spi_i == b->target->spi_i &&
            h.spi_r == b->target->spi_r && h.message_id >= next)
            next = h.message_id + 1;
    return next;
}

bool stage_reach(struct bench *b)
{
    bool ok;

    bench_new(b);
    if (b->cell->stage >= STAGE_UP)
        ok = tunnel(b) && up_and(b);
    else
        ok = b->cell->role == ROLE_RESPONDER ? responding(b) : initiating(b);
    if (!ok)
        world_fail(b->p->w, "the stage was not reached");
    if (b->p->w->failed)
        return false;
    b->keys = b->cell->stage >= STAGE_KEYED || b->cell->stage == STAGE_BORN_DERIVE;
    b->target = b->p->ike;
    if (!b->keys)
        make_up(b);
    b->due[WAY_REQUEST] = b->target->next_ours;
    b->due[WAY_RESPONSE] = b->own ? b->own->h.message_id : next_of_gate(b);
    b->p->words = matrix_x25519; /* what cells propose is computed at once */
    return !b->p->w->failed;
}
