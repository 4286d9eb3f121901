/* SPDX-License-Identifier: Apache-2.0 */
/* What the puppet says: payloads from words, and whole messages. */
#include "desk.h"
#include "puppet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void say(struct puppet *p)
{
    payload_list_init(&p->out, &p->arena);
}

static struct payload *add(struct puppet *p, uint8_t type)
{
    struct payload *x = payload_add(&p->out, type);

    if (!x)
        abort();
    return x;
}

struct payload *say_raw(struct puppet *p, uint8_t type, const void *body, size_t len)
{
    struct payload *x = add(p, type);
    uint8_t *room = arena_alloc(&p->arena, len ? len : 1);

    if (len)
        memcpy(room, body, len);
    x->body = span_of(room, len);
    return x;
}

struct payload *say_notify(struct puppet *p, uint16_t type, const void *data, size_t len)
{
    return notify_add(&p->out, 0, SPAN_NONE, type, arena_copy(&p->arena, span_of(data, len)));
}

struct payload *say_notify_spi(struct puppet *p, uint16_t type, uint8_t protocol, uint32_t spi)
{
    uint8_t b[4];

    put_u32(b, spi);
    return notify_add(&p->out, protocol, arena_copy(&p->arena, span_of(b, 4)), type, SPAN_NONE);
}

static void proposal_fill(struct puppet *p, struct proposal *to, uint8_t protocol, const char *words, size_t len)
{
    struct transform *store = arena_alloc(&p->arena, 64 * sizeof(*store));
    char one[200], room[200];
    struct text why = text_in(room, sizeof(room));

    snprintf(one, sizeof(one), "%.*s", (int)len, words);
    if (proposal_parse(p->w->algs, one, protocol, to, store, 64, &why) < 0)
        world_fail(p->w, "the puppet proposes nonsense: %s", room);
}

struct payload *say_sa(struct puppet *p, uint8_t protocol, const char *words, uint64_t spi, uint8_t spi_len)
{
    struct payload *x = add(p, PAYLOAD_SA);
    struct proposal *v = arena_alloc(&p->arena, 16 * sizeof(*v));
    size_t n = 0;

    for (; *words; n++) {
        size_t len = strcspn(words, " ");

        proposal_fill(p, &v[n], protocol, words, len);
        v[n].number = (uint8_t)(n + 1);
        v[n].spi_len = spi_len;
        if (spi_len == 8)
            put_u64(v[n].spi, spi);
        else if (spi_len == 4)
            put_u32(v[n].spi, (uint32_t)spi);
        words += len + strspn(words + len, " ");
    }
    x->u.sa = (struct proposals){v, n};
    return x;
}

struct proposal *proposal_of(struct payload *sa, size_t i)
{
    return (struct proposal *)(uintptr_t)&sa->u.sa.v[i]; /* made by say_sa(), ours to change */
}

static void random_bytes(struct puppet *p, uint8_t *out, size_t len)
{
    struct rng rng = dice_rng(&p->dice);

    rng.fill(rng.ctx, out, len);
}

struct payload *say_nonce(struct puppet *p, size_t len)
{
    struct payload *x = add(p, PAYLOAD_NONCE);
    uint8_t *room = arena_alloc(&p->arena, len ? len : 1);

    random_bytes(p, room, len);
    x->u.nonce = span_of(room, len);
    return x;
}

const struct alg *group(struct puppet *p, const char *word)
{
    return alg_by_name(p->w->algs, word);
}

struct payload *say_ke(struct puppet *p, struct pupil *s, const struct alg *a)
{
    struct payload *x = add(p, PAYLOAD_KE);
    struct rng rng = dice_rng(&p->dice);

    s->ke = a;
    if (a->ke->generate(a, &rng, &s->ke_private, s->ke_public) < 0)
        world_fail(p->w, "the puppet has no %s", a->name);
    x->u.ke.group = a->id;
    x->u.ke.data = arena_copy(&p->arena, span_of(s->ke_public, a->public_len));
    return x;
}

struct payload *say_id(struct puppet *p, uint8_t type, uint8_t id_type, const char *text)
{
    struct payload *x = add(p, type);

    x->u.id = (struct id){id_type, arena_copy(&p->arena, span_str(text))};
    return x;
}

struct payload *say_psk(struct puppet *p)
{
    struct pupil *s = p->ike;
    struct payload *x, *id = find_out(p, s->initiator ? PAYLOAD_IDI : PAYLOAD_IDR);
    uint8_t mac[64];

    if (!id || sim_psk_auth(s->suite.prf, span_str(p->psk), buf_view(&s->init_ours), secret_view(s->initiator ? &s->nr : &s->ni),
                            secret_view(s->initiator ? &s->keys.pi : &s->keys.pr), &id->u.id, mac) < 0)
        world_fail(p->w, "the puppet cannot authenticate");
    x = add(p, PAYLOAD_AUTH);
    x->u.auth.method = AUTH_PSK;
    x->u.auth.data = arena_copy(&p->arena, span_of(mac, s->suite.prf->out_len));
    return x;
}

/* "10.1.0.0/16[6/22-80]" */
static struct ts ts_word(struct puppet *p, const char *word, size_t len)
{
    char net[64], text[64];
    unsigned protocol = 0, low = 0, high = 65535;
    struct prefix prefix;
    int n;

    snprintf(text, sizeof(text), "%.*s", (int)len, word);
    n = sscanf(text, "%63[^[][%u/%u-%u]", net, &protocol, &low, &high);
    if (n == 3)
        high = low;
    if (n < 1 || prefix_parse(net, &prefix) < 0)
        world_fail(p->w, "the puppet cannot read %s", text);
    return ts_from_prefix(&prefix, (uint8_t)protocol, (uint16_t)low, (uint16_t)high);
}

static struct ts_list ts_words(struct puppet *p, const char *words)
{
    struct ts *v = arena_alloc(&p->arena, 64 * sizeof(*v));
    size_t n = 0;

    for (; *words && n < 64; n++) {
        size_t len = strcspn(words, " ");

        v[n] = ts_word(p, words, len);
        words += len + strspn(words + len, " ");
    }
    return (struct ts_list){v, n};
}

struct payload *say_ts(struct puppet *p, uint8_t type, const char *words)
{
    struct payload *x = add(p, type);

    x->u.ts = ts_words(p, words);
    return x;
}

bool ts_are(struct puppet *p, const struct said *m, uint8_t type, const char *words)
{
    const struct payload *x = part(m, type);

    return x && ts_list_equal(x->u.ts, ts_words(p, words));
}

struct payload *say_delete(struct puppet *p, uint8_t protocol, const uint32_t *spis, size_t n)
{
    struct payload *x = add(p, PAYLOAD_DELETE);
    uint8_t *room = arena_alloc(&p->arena, 4 * n + 1);

    for (size_t i = 0; i < n; i++)
        put_u32(room + 4 * i, spis[i]);
    x->u.del.protocol = protocol;
    x->u.del.spi_size = n ? 4 : 0;
    x->u.del.count = (uint16_t)n;
    x->u.del.spis = span_of(room, 4 * n);
    return x;
}

struct payload *find_out(struct puppet *p, uint8_t type)
{
    struct payload *x = p->out.first;

    while (x && x->type != type)
        x = x->next;
    return x;
}

void unsay(struct puppet *p, uint8_t type)
{
    struct payload **at = &p->out.first;

    while (*at && (*at)->type != type)
        at = &(*at)->next;
    if (!*at)
        world_fail(p->w, "the puppet did not say payload %u", type);
    else
        *at = (*at)->next;
    for (p->out.end = &p->out.first; *p->out.end;)
        p->out.end = &(*p->out.end)->next;
}

/* --- whole messages ------------------------------------------------------------------------------------------------------------
 */

static void say_natd_of(struct puppet *p, uint16_t type, uint64_t spi_i, uint64_t spi_r, const struct endpoint *e, bool wrong)
{
    const struct alg *a = alg_find(p->w->algs, TRANSFORM_NONE, 1, 0);
    uint8_t head[16], port[2], hash[64];
    struct span parts[] = {span_of(head, 16), addr_span(&e->addr), span_of(port, 2)};

    put_u64(head, spi_i);
    put_u64(head + 8, spi_r);
    put_u16(port, e->port);
    if (!a || a->mac->mac(a, SPAN_NONE, parts, 3, hash) < 0)
        world_fail(p->w, "no hash for NAT detection");
    hash[0] ^= wrong;
    say_notify(p, type, hash, 20);
}

static void say_natd(struct puppet *p, uint64_t spi_r)
{
    say_natd_of(p, NAT_DETECTION_SOURCE_IP, p->ike->spi_i, spi_r, &p->here, p->natd_wrong_source);
    say_natd_of(p, NAT_DETECTION_DESTINATION_IP, p->ike->spi_i, spi_r, &p->there, p->natd_wrong_destination);
}

/* A free one; the oldest is given up when there is none. */
static struct pupil *pupil_new(struct puppet *p, bool initiator)
{
    struct pupil *s = NULL;

    for (size_t i = 0; i < COUNT_OF(p->sa) && !s; i++)
        if (!p->sa[i].spi_i)
            s = &p->sa[i];
    if (!s) {
        world_fail(p->w, "the puppet has too many IKE SAs");
        s = &p->sa[0];
    }
    pupil_done(s); /* a test forgets an IKE SA by taking its SPI away */
    *s = (struct pupil){.initiator = initiator};
    buf_init(&s->init_ours, 65536);
    buf_init(&s->init_theirs, 65536);
    return s;
}

static const struct alg *first_group(struct puppet *p, const struct payload *sa)
{
    for (size_t i = 0; sa && sa->u.sa.n && i < sa->u.sa.v[0].n_transforms; i++)
        if (sa->u.sa.v[0].transforms[i].type == TRANSFORM_KE)
            return alg_find(p->w->algs, TRANSFORM_KE, sa->u.sa.v[0].transforms[i].id, 0);
    return NULL;
}

void say_init(struct puppet *p)
{
    const struct payload *sa, *nonce;

    p->ike = pupil_new(p, true);
    p->ike->spi_i = dice_u64(&p->dice);
    say(p);
    sa = say_sa(p, PROTOCOL_IKE, p->words, 0, 0);
    say_ke(p, p->ike, first_group(p, sa));
    nonce = say_nonce(p, 32);
    if (secret_set(&p->ike->ni, nonce->u.nonce) < 0)
        abort();
    say_natd(p, 0);
    say_notify(p, IKEV2_FRAGMENTATION_SUPPORTED, NULL, 0);
}

void say_auth(struct puppet *p)
{
    say(p);
    say_id(p, PAYLOAD_IDI, ID_FQDN, p->id);
    say_psk(p);
    if (p->transport)
        say_notify(p, USE_TRANSPORT_MODE, NULL, 0);
    p->spi_in = p->next_spi++;
    say_sa(p, PROTOCOL_ESP, p->esp, p->spi_in, 4);
    say_ts(p, PAYLOAD_TSI, p->local);
    say_ts(p, PAYLOAD_TSR, p->remote);
}

void say_child(struct puppet *p, uint32_t rekeys, const char *ke_word)
{
    struct pupil own = {0};
    const struct payload *nonce;

    say(p);
    if (rekeys)
        say_notify_spi(p, REKEY_SA, PROTOCOL_ESP, rekeys);
    if (p->transport)
        say_notify(p, USE_TRANSPORT_MODE, NULL, 0);
    p->spi_in = p->next_spi++;
    say_sa(p, PROTOCOL_ESP, p->esp, p->spi_in, 4);
    nonce = say_nonce(p, 32);
    if (secret_set(&p->child_ni, nonce->u.nonce) < 0)
        abort();
    if (ke_word)
        say_ke(p, &own, group(p, ke_word));
    secret_done(&p->child_private);
    p->child_private = own.ke_private;
    p->child_ke = own.ke;
    say_ts(p, PAYLOAD_TSI, p->local);
    say_ts(p, PAYLOAD_TSR, p->remote);
}

void say_rekey_ike(struct puppet *p, const char *words)
{
    const struct payload *sa, *nonce;
    struct pupil *s = pupil_new(p, true);

    p->heir = s;
    s->spi_i = dice_u64(&p->dice);
    say(p);
    sa = say_sa(p, PROTOCOL_IKE, words, s->spi_i, 8);
    nonce = say_nonce(p, 32);
    if (secret_set(&s->ni, nonce->u.nonce) < 0)
        abort();
    say_ke(p, s, first_group(p, sa));
}

/* --- keys ----------------------------------------------------------------------------------------------------------------------
 */

static bool suite_of(struct puppet *p, const struct payload *sa, struct suite *out)
{
    const struct proposal *one = sa && sa->u.sa.n == 1 ? &sa->u.sa.v[0] : NULL;

    *out = (struct suite){0};
    for (size_t i = 0; one && i < one->n_transforms; i++) {
        const struct transform *t = &one->transforms[i];
        const struct alg *a = alg_find(p->w->algs, t->type, t->id, t->key_bits);

        if (t->type == TRANSFORM_ENCR)
            out->encr = a;
        else if (t->type == TRANSFORM_PRF)
            out->prf = a;
        else if (t->type == TRANSFORM_INTEG)
            out->integ = a;
        else if (t->type == TRANSFORM_KE)
            out->ke = a;
    }
    return out->encr && out->prf && out->ke;
}

/* SKEYSEED and what follows; `old` is the IKE SA that is rekeyed, or NULL. */
static bool keys_make(struct puppet *p, struct pupil *s, const struct pupil *old, struct span ke)
{
    struct secret seed = {0};
    struct span ni = secret_view(&s->ni), nr = secret_view(&s->nr);
    bool ok = s->ke && s->ke->ke->derive(s->ke, secret_view(&s->ke_private), ke, &s->shared) == 0;

    if (ok && old)
        ok = skeyseed_rekey(old->suite.prf, secret_view(&old->keys.d), secret_view(&s->shared), ni, nr, &seed) == 0;
    else if (ok)
        ok = skeyseed_first(s->suite.prf, ni, nr, secret_view(&s->shared), &seed) == 0;
    ok = ok && ike_keys_derive(&s->suite, secret_view(&seed), ni, nr, s->spi_i, s->spi_r, &s->keys) == 0;
    secret_done(&seed);
    if (!ok)
        world_fail(p->w, "the puppet gets no keys");
    return ok;
}

bool init_take(struct puppet *p, const struct said *m)
{
    const struct payload *sa = part(m, PAYLOAD_SA), *ke = part(m, PAYLOAD_KE), *nonce = part(m, PAYLOAD_NONCE);
    struct pupil *s = p->ike;

    if (!m || !m->response || m->h.exchange != IKE_SA_INIT || !sa || !ke || !nonce || !m->h.spi_r ||
        !suite_of(p, sa, &s->suite) || secret_set(&s->nr, nonce->u.nonce) < 0) {
        world_fail(p->w, "the gate's IKE_SA_INIT answer is not what it should be");
        return false;
    }
    s->spi_r = m->h.spi_r;
    buf_reset(&s->init_theirs);
    buf_span(&s->init_theirs, m->bytes);
    return keys_make(p, s, NULL, ke->u.ke.data);
}

bool heir_take(struct puppet *p, const struct said *m)
{
    const struct payload *sa = part(m, PAYLOAD_SA), *ke = part(m, PAYLOAD_KE), *nonce = part(m, PAYLOAD_NONCE);
    struct pupil *s = p->heir, *old = p->ike;

    if (!s || !sa || !ke || !nonce || !suite_of(p, sa, &s->suite) || sa->u.sa.v[0].spi_len != 8 ||
        secret_set(&s->nr, nonce->u.nonce) < 0) {
        world_fail(p->w, "the gate's answer to the rekey is not what it should be");
        return false;
    }
    s->spi_r = get_u64(sa->u.sa.v[0].spi);
    p->heir = NULL;
    p->ike = s;
    return keys_make(p, s, old, ke->u.ke.data);
}

/* --- answers -------------------------------------------------------------------------------------------------------------------
 */

/* One proposal in words as the answer, with the number of the one heard that it came from. */
static struct payload *say_chosen(struct puppet *p, const struct said *m, uint8_t protocol, const char *words, uint64_t spi,
                                  uint8_t spi_len)
{
    struct payload *x = say_sa(p, protocol, words, spi, spi_len);
    const struct payload *sa = part(m, PAYLOAD_SA);

    if (sa && sa->u.sa.n)
        proposal_of(x, 0)->number = sa->u.sa.v[0].number;
    return x;
}

void say_init_answer(struct puppet *p, const struct said *m)
{
    const struct payload *ke = part(m, PAYLOAD_KE), *nonce = part(m, PAYLOAD_NONCE), *sa, *ours;
    struct pupil *s = p->ike = pupil_new(p, false);

    s->spi_i = m->h.spi_i;
    s->spi_r = dice_u64(&p->dice);
    say(p);
    sa = say_chosen(p, m, PROTOCOL_IKE, p->words, 0, 0);
    say_ke(p, s, first_group(p, sa));
    ours = say_nonce(p, 32);
    if (!ke || !nonce || !suite_of(p, sa, &s->suite) || secret_set(&s->ni, nonce->u.nonce) < 0 ||
        secret_set(&s->nr, ours->u.nonce) < 0) {
        world_fail(p->w, "the gate's IKE_SA_INIT request is not what it should be");
        return;
    }
    buf_span(&s->init_theirs, m->bytes);
    keys_make(p, s, NULL, ke->u.ke.data);
    say_natd(p, s->spi_r);
    say_notify(p, IKEV2_FRAGMENTATION_SUPPORTED, NULL, 0);
}

static void say_selectors_back(struct puppet *p, const struct said *m)
{
    for (uint8_t type = PAYLOAD_TSI; type <= PAYLOAD_TSR; type++) {
        const struct payload *ts = part(m, type);

        if (ts)
            add(p, type)->u.ts = ts->u.ts;
    }
}

static void say_esp_answer(struct puppet *p, const struct said *m, const char *words)
{
    p->spi_in = p->next_spi++;
    p->spi_out = esp_spi(m);
    say_chosen(p, m, PROTOCOL_ESP, words, p->spi_in, 4);
}

/* Without ESN, whatever the words say of it: an answer has one transform a type. */
static const char *answer_words(struct puppet *p, const char *ke_word)
{
    return arena_printf(&p->arena, ke_word ? "%s-noesn-%s" : "%s-noesn", p->esp, ke_word);
}

void say_auth_answer(struct puppet *p, const struct said *m)
{
    say(p);
    say_id(p, PAYLOAD_IDR, ID_FQDN, p->id);
    say_psk(p);
    if (p->transport)
        say_notify(p, USE_TRANSPORT_MODE, NULL, 0);
    say_esp_answer(p, m, answer_words(p, NULL));
    say_selectors_back(p, m);
}

void say_child_answer(struct puppet *p, const struct said *m, const char *ke_word)
{
    static struct pupil unused;

    say(p);
    if (p->transport)
        say_notify(p, USE_TRANSPORT_MODE, NULL, 0);
    say_esp_answer(p, m, answer_words(p, ke_word));
    say_nonce(p, 32);
    if (ke_word)
        say_ke(p, &unused, group(p, ke_word));
    secret_done(&unused.ke_private);
    say_selectors_back(p, m);
}

void say_rekey_ike_answer(struct puppet *p, const struct said *m)
{
    const struct payload *theirs = part(m, PAYLOAD_SA), *ke = part(m, PAYLOAD_KE), *nonce = part(m, PAYLOAD_NONCE), *sa, *ours;
    struct pupil *s = p->heir = pupil_new(p, false);

    if (!theirs || !ke || !nonce || theirs->u.sa.v[0].spi_len != 8 || secret_set(&s->ni, nonce->u.nonce) < 0) {
        world_fail(p->w, "the gate's rekey is not what it should be");
        return;
    }
    s->spi_i = get_u64(theirs->u.sa.v[0].spi);
    s->spi_r = dice_u64(&p->dice);
    say(p);
    sa = say_chosen(p, m, PROTOCOL_IKE, p->words, s->spi_r, 8);
    ours = say_nonce(p, 32);
    say_ke(p, s, first_group(p, sa));
    if (!suite_of(p, sa, &s->suite) || secret_set(&s->nr, ours->u.nonce) < 0)
        world_fail(p->w, "the puppet cannot answer the rekey");
    else
        keys_make(p, s, p->ike, ke->u.ke.data);
}

/* --- what goes well ------------------------------------------------------------------------------------------------------------
 */

bool keyed(struct puppet *p)
{
    say_init(p);
    return init_take(p, ask(p, IKE_SA_INIT));
}

bool up(struct puppet *p)
{
    const struct said *m;

    if (!keyed(p))
        return false;
    say_auth(p);
    m = ask(p, IKE_AUTH);
    if (!m || !part(m, PAYLOAD_AUTH) || error_of(m) || !esp_spi(m)) {
        world_fail(p->w, "the gate's IKE_AUTH answer is not what it should be (%u)", error_of(m));
        return false;
    }
    p->spi_out = esp_spi(m);
    return true;
}

bool up_there(struct puppet *p)
{
    const struct said *m = hear_for(p, 5 * USEC_SEC);

    if (!m || m->h.exchange != IKE_SA_INIT || m->response) {
        world_fail(p->w, "the gate does not begin");
        return false;
    }
    say_init_answer(p, m);
    reply(p, m);
    m = hear(p);
    if (!m || m->h.exchange != IKE_AUTH || !part(m, PAYLOAD_AUTH)) {
        world_fail(p->w, "the gate does not authenticate");
        return false;
    }
    say_auth_answer(p, m);
    reply(p, m);
    world_run(p->w, 100 * USEC_MSEC);
    return children(p, "UP") == 1;
}
