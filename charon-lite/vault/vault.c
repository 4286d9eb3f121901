/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/vault.h"

#include <stdlib.h>

#include "cert/cert.h"
#include "cert/proof.h"
#include "vault/psk.h"
#include "vault/secrets.h"
#include "vault/sign.h"
#include "vault/token.h"

enum { METHOD_PSK = 2 }; /* RFC 7296 3.8 */
enum { CLAIMED_MAX = 64 };

struct vault {
    struct vault_setup setup;
    struct vault_generation *generations[VAULT_GENERATIONS]; /* newest first */
    struct addr claimed[CLAIMED_MAX];                        /* addresses of ours that we proved as ID: no peer may have one */
    size_t n_claimed;
    uint32_t handles;
    struct secret token_secret;
    struct vault_counters counters;
};

struct vault *vault_new(const struct vault_setup *setup)
{
    struct vault *v = calloc(1, sizeof(*v));

    if (!v)
        return NULL;
    v->setup = *setup;
    if (token_secret_take(&v->token_secret, setup->token_secret, setup->rng) < 0)
        return vault_free(v);
    v->handles = rng_u32(setup->rng) & ~(uint32_t)1;
    return v;
}

struct vault *vault_free(struct vault *v)
{
    if (!v)
        return NULL;
    for (size_t i = 0; i < VAULT_GENERATIONS; i++)
        vault_generation_free(v->generations[i]);
    secret_done(&v->token_secret);
    free(v);
    return NULL;
}

struct vault_counters vault_counters(const struct vault *v)
{
    return v->counters;
}

int vault_configure(struct vault *v, const struct conf *conf, struct text *why)
{
    struct vault_generation *g;
    int err = vault_generation_new(&v->setup, conf, &g, why);
    size_t at = 0;

    if (err != 0)
        return err;
    /* the one of this number goes, or else the oldest */
    while (at < VAULT_GENERATIONS - 1 && v->generations[at] && v->generations[at]->number != g->number)
        at++;
    vault_generation_free(v->generations[at]);
    for (; at > 0; at--)
        v->generations[at] = v->generations[at - 1];
    v->generations[0] = g;
    return 0;
}

static const struct vault_peer *peer_find(const struct vault *v, struct peer_ref ref)
{
    for (size_t i = 0; i < VAULT_GENERATIONS && v->generations[i]; i++)
        if (v->generations[i]->number == ref.generation)
            return ref.connection < v->generations[i]->n_peers ? &v->generations[i]->peers[ref.connection] : NULL;
    return NULL;
}

static struct id id_of_addr(struct arena *arena, const struct addr *a)
{
    struct span bytes = arena_copy(arena, addr_span(a));

    return (struct id){.type = !bytes.len ? ID_NONE : a->family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR, .data = bytes};
}

static bool is_addr(const struct id *id, const struct addr *a)
{
    struct span bytes = addr_span(a);

    return bytes.len && id->type == (a->family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR) && span_equal(id->data, bytes);
}

static bool is_claimed(const struct vault *v, const struct id *id)
{
    for (size_t i = 0; i < v->n_claimed; i++)
        if (is_addr(id, &v->claimed[i]))
            return true;
    return false;
}

/* Our ID is an address that the caller tells: never the one that the peer has to prove, and it stays ours from now on, so that
 * nobody can first have it proved and then present that proof as a peer's. */
static bool addr_claim(struct vault *v, const struct vault_peer *p, const struct id *id, const struct addr *a)
{
    if (is_addr(id, &p->peer_addr) || id_equal(id, &p->peer_id))
        return false;
    if (is_claimed(v, id))
        return true;
    if (v->n_claimed == CLAIMED_MAX)
        return false;
    v->claimed[v->n_claimed++] = *a;
    return true;
}

static bool our_id(struct vault *v, const struct vault_peer *p, const struct ask_auth *a, struct arena *arena, struct id *out)
{
    struct span subject = p->key ? vault_key_subject(p->key) : SPAN_NONE;

    if (p->our_id.type != ID_NONE) {
        *out = (struct id){.type = p->our_id.type, .data = arena_copy(arena, p->our_id.data)};
    } else if (subject.len) {
        *out = (struct id){.type = ID_DER_ASN1_DN, .data = arena_copy(arena, subject)};
    } else if (!addr_is_any(&p->our_addr)) {
        *out = id_of_addr(arena, &p->our_addr);
    } else if (!addr_is_any(&a->local)) {
        *out = id_of_addr(arena, &a->local);
        return out->type != ID_NONE && addr_claim(v, p, out, &a->local);
    } else {
        return false;
    }
    return out->type != ID_NONE && out->data.len;
}

static int psk_make(const struct vault_peer *p, const struct ask_auth *a, struct span octets, struct answer *out,
                    struct arena *arena)
{
    uint8_t *mac = arena_alloc(arena, a->prf->out_len);

    if (!mac)
        return ERR_LIMIT;
    out->u.auth.method = METHOD_PSK;
    out->u.auth.data = span_of(mac, a->prf->out_len);
    return psk_prove(p->psk, a->prf, octets, mac);
}

/* TOKEN_LEN bytes in the arena, or none. */
static struct span token(const struct vault *v, uint64_t spi_i, uint64_t spi_r, struct arena *arena)
{
    uint8_t *out = spi_i && spi_r ? arena_alloc(arena, TOKEN_LEN) : NULL;

    return out && token_make(secret_view(&v->token_secret), spi_i, spi_r, out) == 0 ? span_of(out, TOKEN_LEN) : SPAN_NONE;
}

static int make(const struct vault_peer *p, const struct ask_auth *a, struct answer *out, struct arena *arena)
{
    char sentence[256];
    struct text why = text_in(sentence, sizeof(sentence));
    struct buf octets;
    int err = proof_octets(a, a->we_initiated, &out->u.auth.id, &octets);

    if (err != 0)
        text_add(&why, "the vault proves nothing but a whole IKE_SA_INIT message of our own role");
    else if (p->proves_psk)
        err = psk_make(p, a, buf_view(&octets), out, arena);
    else
        err = vault_key_sign(p->key, a, p->sha1, buf_view(&octets), out, arena, &why);
    if (err == 0 && !p->proves_psk && (p->send_cert || a->n_cert_requests))
        vault_key_certs(p->key, out, arena);
    buf_done(&octets);
    if (err != 0)
        out->why = why.len ? arena_string(arena, sentence) : err_text(err);
    return err == 0 && arena->failed ? ERR_LIMIT : err;
}

static void answer_make(struct vault *v, const struct ask_auth *a, struct answer *out, struct arena *arena)
{
    const struct vault_peer *p = peer_find(v, a->peer);

    out->result = p ? ANSWER_FAILED : ANSWER_TIMEOUT; /* a reload reaches core and vault in turn: no word on the connection */
    if (!p)
        out->why = "no such connection in the configuration that the vault has";
    else if (p->proves_psk ? !p->psk : !p->key)
        out->why = arena_printf(arena, "connection %s names no %s to prove our side with", p->name,
                                p->proves_psk ? "pre-shared key" : "certificate and key");
    else if (!our_id(v, p, a, arena, &out->u.auth.id))
        out->why = arena_printf(arena, "connection %s has no ID for our side that is not its peer's (set local.id)", p->name);
    else if (make(p, a, out, arena) == 0)
        out->result = ANSWER_OK;
    if (out->result == ANSWER_OK)
        out->u.auth.token = token(v, a->spi_i, a->spi_r, arena);
    if (out->result == ANSWER_OK)
        v->counters.made++;
    else
        v->counters.failed++;
}

static bool is_ours(const struct vault *v, const struct vault_peer *p, const struct ask_auth *a)
{
    return (p->our_id.type != ID_NONE ? id_equal(&a->id, &p->our_id)
                                      : is_addr(&a->id, &p->our_addr) || is_addr(&a->id, &a->local)) ||
           is_claimed(v, &a->id);
}

/* ID_NONE in the configuration: the peer's address where that is fixed, else whoever knows the secret. */
static bool is_wanted(const struct vault_peer *p, const struct id *id)
{
    if (p->dn_pattern || p->peer_id.type != ID_NONE)
        return cert_id_wanted(&p->peer_id, p->dn_pattern, id);
    return addr_is_any(&p->peer_addr) || is_addr(id, &p->peer_addr);
}

static const char *wanted_text(const struct vault_peer *p, char out[ID_TEXT_MAX])
{
    char addr[ADDR_TEXT_MAX];
    struct text t = text_in(out, ID_TEXT_MAX);

    if (p->dn_pattern || p->peer_id.type == ID_DER_ASN1_DN) {
        if (p->dn_pattern)
            text_add(&t, "%s", p->dn_pattern);
        else
            cert_dn_print(p->peer_id.data, &t);
        return out;
    }
    if (p->peer_id.type != ID_NONE)
        return id_format(&p->peer_id, out);
    text_add(&t, "its address %s", addr_format(&p->peer_addr, addr));
    return out;
}

static enum verdict check_mac(const struct vault_peer *p, const struct ask_auth *a)
{
    uint8_t mac[PROOF_PRF_MAX];
    enum verdict verdict = VERDICT_BAD_AUTH;
    struct buf octets;

    if (proof_octets(a, !a->we_initiated, &a->id, &octets) == 0 && psk_prove(p->peer_psk, a->prf, buf_view(&octets), mac) == 0 &&
        secret_equal(span_of(mac, a->prf->out_len), a->data))
        verdict = VERDICT_ACCEPTED;
    buf_done(&octets);
    secret_wipe(mac, sizeof(mac));
    return verdict;
}

static enum verdict check(const struct vault *v, const struct vault_peer *p, const struct ask_auth *a, const char **why,
                          struct arena *arena)
{
    char theirs[ID_TEXT_MAX], wanted[ID_TEXT_MAX];
    enum verdict verdict;

    if (a->method != METHOD_PSK || !p->checks_psk) {
        *why = arena_printf(arena, "the peer proved itself %s, but connection %s wants %s",
                            a->method == METHOD_PSK ? "with a pre-shared key" : "with a signature", p->name,
                            p->checks_psk ? "a pre-shared key" : "a certificate");
        return VERDICT_BAD_METHOD;
    }
    if (!p->peer_psk)
        return VERDICT_NO_SECRET;
    *why = "the peer claims no ID, or one too long";
    if (a->id.type == ID_NONE || a->id.data.len == 0 || a->id.data.len > ID_DATA_MAX)
        return VERDICT_BAD_ID;
    if (is_ours(v, p, a)) {
        *why = arena_printf(arena, "the peer claims the ID %s, which is our own (each side needs its own ID)",
                            id_format(&a->id, theirs));
        return VERDICT_BAD_ID;
    }
    verdict = check_mac(p, a);
    if (verdict != VERDICT_ACCEPTED) {
        *why = arena_printf(
            arena, "the proof of %s does not fit the pre-shared key of connection %s: the two sides have different secrets",
            id_format(&a->id, theirs), p->name);
    } else if (!is_wanted(p, &a->id)) {
        *why = arena_printf(arena, "the peer proved to be %s, but connection %s wants %s (set remote.id)",
                            id_format(&a->id, theirs), p->name, wanted_text(p, wanted));
        verdict = VERDICT_BAD_ID;
    }
    return verdict;
}

/* Even numbers are the vault's, odd ones the judge's, so that both may count alone. They begin anywhere: one that begins anew
 * must not give what its predecessor gave, for the hand would take a living peer's verdict away with it. */
static uint32_t handle_next(struct vault *v)
{
    v->handles = v->handles >= UINT32_MAX - 2 ? 2 : v->handles + 2;
    return v->handles;
}

/* Our AUTH for a peer that has just been accepted; only of the IKE SA that its proof is of. */
static const struct answer *made_too(struct vault *v, const struct ask_auth *a, struct arena *arena)
{
    struct answer *made = a->ours ? arena_new(arena, struct answer) : NULL;
    struct ask_auth ours;

    if (!made)
        return NULL;
    ours = *a->ours;
    ours.peer = a->peer;
    ours.we_initiated = a->we_initiated;
    ours.prf = a->prf;
    ours.local = a->local;
    ours.hashes = a->hashes;
    *made = (struct answer){.kind = ASK_AUTH_MAKE};
    answer_make(v, &ours, made, arena);
    return made;
}

static void answer_check(struct vault *v, const struct ask_auth *a, struct answer *out, struct arena *arena)
{
    const struct vault_peer *p = peer_find(v, a->peer);

    if (!p) { /* not judged: it may be of a configuration that is on its way, or was replaced */
        out->result = ANSWER_FAILED;
        out->why = "no such connection in the configuration that the vault has";
        return;
    }
    out->result = ANSWER_OK;
    out->why = "no secret for its peer in the configuration that the vault has";
    out->u.check.verdict = check(v, p, a, &out->why, arena);
    if (out->u.check.verdict == VERDICT_ACCEPTED) {
        out->why = NULL;
        out->u.check.handle = handle_next(v);
        out->u.check.valid_for = USEC_NEVER;
        out->u.check.made = made_too(v, a, arena);
        v->counters.accepted++;
    } else {
        v->counters.refused++;
    }
}

static void answer_token(const struct vault *v, const struct ask *ask, struct answer *out, struct arena *arena)
{
    out->u.token.data = token(v, ask->u.token.spi_i, ask->u.token.spi_r, arena);
    if (out->u.token.data.len)
        out->result = ANSWER_OK;
}

void vault_answer(struct vault *v, const struct ask *ask, struct answer *out, struct arena *arena)
{
    *out = (struct answer){.ticket = ask->ticket, .kind = ask->kind, .result = ANSWER_FAILED};
    if (ask->kind == ASK_AUTH_MAKE)
        answer_make(v, &ask->u.auth, out, arena);
    else if (ask->kind == ASK_AUTH_CHECK)
        answer_check(v, &ask->u.auth, out, arena);
    else if (ask->kind == ASK_TOKEN)
        answer_token(v, ask, out, arena);
    else
        out->why = "the vault answers for AUTH and tokens only";
}
