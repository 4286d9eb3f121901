/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "cert/proof.h"
#include "cert/scheme.h"
#include "judge/anchors.h"
#include "judge/cache.h"
#include "judge/verify.h"

enum { METHOD_PSK = 2, METHOD_RSA = 1 }; /* RFC 7296 3.8 */

struct judge {
    struct judge_setup setup;
    struct judge_generation *generations[JUDGE_GENERATIONS]; /* newest first */
    struct cache cache;
    uint64_t anchors; /* counts sets of anchors */
    uint32_t handles;
    struct judge_counters counters;
};

/* One question while it is looked at. */
struct trial {
    struct judge *judge;
    const struct judge_peer *peer;
    const struct ask_auth *ask;
    time_t now;
    const struct scheme *scheme;
    struct span signature;
    X509 *own; /* a reference of the trial's */
    uint8_t digest[CACHE_DIGEST];
    bool pinned, cached;
    struct cert_window window;
    struct text *why;
};

struct judge *judge_new(const struct judge_setup *setup)
{
    struct judge *j = calloc(1, sizeof(*j));

    if (!j)
        return NULL;
    j->setup = *setup;
    j->handles = rng_u32(setup->rng) | 1;
    cache_init(&j->cache, setup->rng);
    return j;
}

struct judge *judge_free(struct judge *j)
{
    if (!j)
        return NULL;
    for (size_t i = 0; i < JUDGE_GENERATIONS; i++)
        judge_generation_free(j->generations[i]);
    cache_done(&j->cache);
    free(j);
    return NULL;
}

struct judge_counters judge_counters(const struct judge *j)
{
    return j->counters;
}

int judge_configure(struct judge *j, const struct conf *conf, struct text *why)
{
    struct judge_generation *g;
    int err = judge_generation_new(&j->setup, conf, &j->anchors, &g, why);
    size_t at = 0;

    if (err != 0)
        return err;
    /* the one of this number goes, or else the oldest */
    while (at < JUDGE_GENERATIONS - 1 && j->generations[at] && j->generations[at]->number != g->number)
        at++;
    judge_generation_free(j->generations[at]);
    for (; at > 0; at--)
        j->generations[at] = j->generations[at - 1];
    j->generations[0] = g;
    return 0;
}

static const struct judge_peer *peer_find(const struct judge *j, struct peer_ref ref)
{
    for (size_t i = 0; i < JUDGE_GENERATIONS && j->generations[i]; i++)
        if (j->generations[i]->number == ref.generation)
            return ref.connection < j->generations[i]->n_peers ? &j->generations[i]->peers[ref.connection] : NULL;
    return NULL;
}

/* ---- the method */

static enum verdict judge_method(struct trial *t)
{
    const struct ask_auth *a = t->ask;

    if (a->method == METHOD_PSK || !t->peer->signs) {
        text_add(t->why, "the peer proved itself %s, but connection %s wants %s",
                 a->method == METHOD_PSK ? "with a pre-shared key" : "with a signature", t->peer->name,
                 t->peer->signs ? "a certificate" : "a pre-shared key");
        return VERDICT_BAD_METHOD;
    }
    t->scheme = scheme_find(a->method, a->data, &t->signature);
    if (!t->scheme) {
        char hex[2 * 80 + 1];

        hex_format(hex, sizeof(hex), span_part(a->data, 0, a->data.len ? (size_t)a->data.p[0] + 1 : 0));
        text_add(t->why,
                 "the peer signed by a method that is not accepted (method %u, algorithm %s): RSA, ECDSA with SHA-2, Ed25519 and "
                 "Ed448 are",
                 a->method, hex);
        return VERDICT_BAD_METHOD;
    }
    if (t->scheme->hash == HASH_SHA1 && (!t->peer->sha1 || a->hashes)) {
        text_add(t->why, a->hashes
                             ? "the peer signed with SHA-1 although it announces better hashes"
                             : "the peer signed with RSA and SHA-1 and announces no other hash: update it, or take that with "
                               "`legacy: [sha1]` on its side of the connection");
        return VERDICT_BAD_METHOD;
    }
    return VERDICT_NONE;
}

/* ---- the certificate */

static int own_decode(struct trial *t, struct span der)
{
    struct cache_item *item;

    if (!cache_digest(der, t->digest))
        return ERR_CRYPTO;
    item = cache_find(&t->judge->cache, t->digest);
    if (item) {
        t->own = item->cert;
        X509_up_ref(t->own);
        t->window = item->window;
        t->cached = item->trust == t->peer->anchors->number && t->now >= item->window.from && t->now < item->window.until;
        t->judge->counters.remembered++;
        return 0;
    }
    t->judge->counters.decoded++;
    return cert_decode(der, &t->own);
}

static bool is_pinned(const struct trial *t)
{
    for (size_t i = 0; i < t->peer->anchors->n_pinned; i++)
        if (span_equal(span_of(t->digest, CACHE_DIGEST), span_of(t->peer->anchors->digests[i], CACHE_DIGEST)))
            return true;
    return false;
}

static int chain_check(struct trial *t)
{
    X509 *sent[CERT_CHAIN_MAX];
    size_t n = 0;
    int err;

    for (size_t i = 1; i < t->ask->n_certs; i++)
        n += cert_decode(t->ask->certs[i], &sent[n]) == 0; /* a broken one may be one that is not needed */
    t->judge->counters.decoded += n;
    err = cert_trust_check(t->peer->anchors->trust, t->own, sent, n, t->now, &t->window, t->why);
    cert_free_all(sent, n);
    return err;
}

static int believe(struct trial *t)
{
    t->pinned = is_pinned(t);
    if (t->pinned)
        return cert_check_alone(t->own, t->now, &t->window, t->why);
    if (t->cached)
        return 0;
    if (cert_trust_count(t->peer->anchors->trust))
        return chain_check(t);
    text_add(t->why, "certificate ");
    cert_print(t->own, t->why);
    text_add(t->why, " is none of those pinned for this peer");
    return ERR_REFUSED;
}

static enum verdict judge_cert(struct trial *t)
{
    if (t->ask->n_certs > CERT_CHAIN_MAX) {
        text_add(t->why, "the peer sent %zu certificates (at most %d are taken)", t->ask->n_certs, CERT_CHAIN_MAX);
        return VERDICT_BAD_CERT;
    }
    if (own_decode(t, t->ask->certs[0]) != 0) {
        text_add(t->why, "the peer's certificate is broken, or larger than %d bytes", CERT_DER_MAX);
        return VERDICT_BAD_CERT;
    }
    return believe(t) == 0 ? VERDICT_NONE : VERDICT_BAD_CERT;
}

/* ---- the signature */

static enum verdict judge_signature(struct trial *t, struct span octets)
{
    EVP_PKEY *key = X509_get0_pubkey(t->own);

    if (!(cert_key_kind(key, t->why) & t->scheme->keys)) {
        text_add(t->why, "the peer signed with %s, which its certificate's key cannot have made", t->scheme->name);
        return VERDICT_BAD_METHOD;
    }
    if (!verify_signature(t->scheme, key, octets, t->signature)) {
        text_add(t->why, "the peer's signature (%s) was not made with the key of its certificate ", t->scheme->name);
        cert_print(t->own, t->why);
        return VERDICT_BAD_AUTH;
    }
    return VERDICT_NONE;
}

/* ---- the ID */

/* Whoever pinned a certificate to a connection and wrote an ID there has bound the two. */
static bool is_named(const struct trial *t)
{
    return cert_names(t->own, &t->ask->id) || (t->pinned && t->peer->id.type != ID_NONE && id_equal(&t->peer->id, &t->ask->id));
}

static void id_print(const struct id *id, struct text *out)
{
    char plain[ID_TEXT_MAX];

    if (id->type == ID_DER_ASN1_DN)
        cert_dn_print(id->data, out);
    else
        text_add(out, "%s", id_format(id, plain));
}

static enum verdict judge_id(struct trial *t)
{
    bool named = is_named(t);

    if (named && cert_id_wanted(&t->peer->id, t->peer->dn_pattern, &t->ask->id))
        return VERDICT_ACCEPTED;
    text_add(t->why, "the peer claims to be ");
    id_print(&t->ask->id, t->why);
    if (!named) {
        text_add(t->why, ", which its certificate does not name; it names ");
        cert_names_print(t->own, t->why);
    } else {
        text_add(t->why, ", but connection %s wants ", t->peer->name);
        if (t->peer->dn_pattern)
            text_add(t->why, "%s", t->peer->dn_pattern);
        else
            id_print(&t->peer->id, t->why);
        text_add(t->why, " (set remote.id)");
    }
    return VERDICT_BAD_ID;
}

/* ---- all of it */

static enum verdict judge_own(struct trial *t, struct span octets)
{
    enum verdict v = judge_signature(t, octets);

    return v == VERDICT_NONE ? judge_id(t) : v;
}

/* A peer that sends no certificate: the pinned one that its signature fits. */
static enum verdict judge_pinned(struct trial *t, struct span octets)
{
    const struct judge_anchors *anchors = t->peer->anchors;
    enum verdict v = VERDICT_BAD_CERT;

    if (!anchors->n_pinned)
        text_add(t->why, "the peer sent no certificate, and none is pinned for it");
    for (size_t i = 0; i < anchors->n_pinned && v != VERDICT_ACCEPTED && v != VERDICT_BAD_ID; i++) {
        X509_free(t->own);
        t->own = anchors->pinned[i];
        X509_up_ref(t->own);
        t->pinned = true;
        *t->why = text_in(t->why->p, t->why->cap);
        v = cert_check_alone(t->own, t->now, &t->window, t->why) == 0 ? judge_own(t, octets) : VERDICT_BAD_CERT;
    }
    return v;
}

static enum verdict judge_trial(struct trial *t)
{
    enum verdict v = judge_method(t);
    struct buf octets;

    if (v == VERDICT_NONE && !t->peer->anchors) {
        text_add(t->why, "connection %s has nothing to check its peer's certificate with (set remote.ca or remote.pinned)",
                 t->peer->name);
        v = VERDICT_NO_SECRET;
    }
    if (v == VERDICT_NONE && t->ask->n_certs)
        v = judge_cert(t);
    if (v != VERDICT_NONE)
        return v;
    if (proof_octets(t->ask, !t->ask->we_initiated, &t->ask->id, &octets) != 0) {
        text_add(t->why, "the signature stands for no whole IKE_SA_INIT message of the peer's role");
        v = VERDICT_BAD_AUTH;
    } else {
        v = t->ask->n_certs ? judge_own(t, buf_view(&octets)) : judge_pinned(t, buf_view(&octets));
    }
    buf_done(&octets);
    return v;
}

/* Odd numbers are the judge's, even ones the vault's; beginning anywhere (vault.c). */
static uint32_t handle_next(struct judge *j)
{
    return j->handles += 2;
}

static usec_t valid_for(const struct trial *t)
{
    int64_t left = t->window.until - t->now;

    return left > USEC_NEVER / USEC_SEC ? USEC_NEVER : left < 0 ? 0 : left * USEC_SEC;
}

static void accept(struct trial *t, struct answer *out)
{
    if (!t->pinned && !t->cached)
        cache_note(&t->judge->cache, t->digest, t->own, t->peer->anchors->number, t->window);
    out->u.check.handle = handle_next(t->judge);
    out->u.check.valid_for = valid_for(t);
}

void judge_answer(struct judge *j, const struct ask *ask, struct answer *out, struct arena *arena)
{
    char sentence[1024];
    struct text why = text_in(sentence, sizeof(sentence));
    struct trial t = {.judge = j, .ask = &ask->u.auth, .why = &why};

    *out = (struct answer){.ticket = ask->ticket, .kind = ask->kind, .result = ANSWER_FAILED};
    if (ask->kind != ASK_AUTH_CHECK) {
        out->why = "the judge answers for the peer's AUTH only";
        return;
    }
    t.peer = peer_find(j, t.ask->peer);
    t.now = j->setup.now(j->setup.ctx);
    if (!t.peer) { /* not judged: it may be of a configuration that is on its way, or was replaced */
        out->why = "no such connection in the configuration that the judge has";
        return;
    }
    out->result = ANSWER_OK;
    out->u.check.verdict = judge_trial(&t);
    if (out->u.check.verdict == VERDICT_ACCEPTED)
        accept(&t, out);
    else
        out->why = arena_string(arena, sentence);
    j->counters.accepted += out->u.check.verdict == VERDICT_ACCEPTED;
    j->counters.refused += out->u.check.verdict != VERDICT_ACCEPTED;
    X509_free(t.own);
}
