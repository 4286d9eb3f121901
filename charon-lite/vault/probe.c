/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/probe.h"

#include <string.h>

#include "cert/cert.h"
#include "conf/conf.h"
#include "vault/psk.h"
#include "vault/sign.h"

struct probing {
    struct vault_probe_setup *setup;
    struct text *why;
    int err;
};

/* A sentence of its own for each thing found. */
static void found(struct probing *p, int err, const char *sentence)
{
    if (!sentence[0])
        return;
    text_add(p->why, "%s%s", p->why->len ? "\n" : "", sentence);
    if (p->err == 0)
        p->err = err;
}

static const char *path_of(const char *ref)
{
    return strncmp(ref, "file:", 5) == 0 ? ref + 5 : ref;
}

static void probe_psk(struct probing *p, const struct conf_connection *c, const char *ref)
{
    char sentence[1500];
    struct text why = text_in(sentence, sizeof(sentence));
    struct secret content = {0}, psk = {0};
    int err;

    if (p->setup->good_psk && strcmp(p->setup->good_psk, ref) == 0)
        return;
    err = p->setup->keystore->load(p->setup->keystore->ctx, KEYSTORE_PSK, ref, &content, &why);
    if (err == ERR_NOT_FOUND)
        text_add(&why, "; make one for both ends: openssl rand -base64 32 > %s && chmod 600 %s", path_of(ref), path_of(ref));
    if (err == 0) {
        err = psk_parse(secret_view(&content), &psk, &why);
        if (err != 0)
            text_add(&why, " (in %s)", ref);
    }
    if (err == 0)
        err = psk_strong(secret_view(&psk), ref, c->local.weak_psk || c->remote.weak_psk, &why);
    if (err == 0 && !sentence[0] && !c->local.weak_psk && !c->remote.weak_psk)
        p->setup->good_psk = ref; /* and so it is for whoever else names it */
    found(p, err, sentence);
    secret_done(&content);
    secret_done(&psk);
}

/* ---- certificates */

struct file {
    struct x509_st *v[CERT_FILE_CERTS];
    size_t n;
};

static bool file_open(struct probing *p, const char *path, struct file *out)
{
    char sentence[512], inner[160];
    struct text why = text_in(sentence, sizeof(sentence)), reason = text_in(inner, sizeof(inner));
    struct secret content = {0};
    int err = p->setup->keystore->load(p->setup->keystore->ctx, KEYSTORE_CERT, path, &content, &why);

    out->n = 0;
    if (err == ERR_NOT_FOUND)
        text_add(&why, ": a PEM file with certificates belongs there; a relative path begins at the file that names it");
    if (err == 0) {
        err = cert_file_read(secret_view(&content), out->v, CERT_FILE_CERTS, &out->n, &reason);
        if (err != 0)
            text_add(&why, "%s: %s", path, inner);
    }
    secret_done(&content);
    found(p, err, sentence);
    return err == 0;
}

static void probe_alone(struct probing *p, const char *path, struct x509_st *x)
{
    char sentence[512], inner[400];
    struct text why = text_in(sentence, sizeof(sentence)), reason = text_in(inner, sizeof(inner));
    struct cert_window window;
    int err = p->setup->now ? cert_check_alone(x, p->setup->now, &window, &reason) : 0;

    if (err != 0)
        text_add(&why, "%s: %s", path, inner);
    found(p, err, sentence);
}

static void probe_ca(struct probing *p, const char *path)
{
    struct cert_trust *trust = cert_trust_new();
    struct file f;

    if (trust && file_open(p, path, &f)) {
        for (size_t i = 0; i < f.n; i++) {
            char sentence[512], inner[400];
            struct text why = text_in(sentence, sizeof(sentence)), reason = text_in(inner, sizeof(inner));
            int err = cert_trust_add(trust, f.v[i], &reason);

            if (err != 0)
                text_add(&why, "%s: %s", path, inner);
            found(p, err, sentence);
            if (err == 0)
                probe_alone(p, path, f.v[i]);
        }
        cert_free_all(f.v, f.n);
    }
    cert_trust_free(trust);
}

static void probe_pinned(struct probing *p, const char *path)
{
    struct file f;

    if (file_open(p, path, &f)) {
        probe_alone(p, path, f.v[0]);
        cert_free_all(f.v, f.n);
    }
}

static bool file_has_issuer(struct probing *p, const char *path, struct x509_st *x)
{
    struct probing quiet = *p;
    char sentence[512];
    struct text why = text_in(sentence, sizeof(sentence));
    struct file f;
    bool yes = false;

    quiet.why = &why;
    if (!file_open(&quiet, path, &f))
        return true; /* told elsewhere */
    for (size_t i = 0; i < f.n; i++)
        yes |= cert_issued(f.v[i], x);
    cert_free_all(f.v, f.n);
    return yes;
}

/* The last certificate that we send must lead to an anchor of the peer's. Which those are is not known here; but one whose issuer
 * is neither in the file nor among our own anchors is what a forgotten intermediate looks like. */
static void probe_end(struct probing *p, const struct conf_connection *c, struct x509_st *last)
{
    char sentence[512];
    struct text why = text_in(sentence, sizeof(sentence));
    bool known = cert_self_signed(last) || file_has_issuer(p, c->local.cert, last) || !c->remote.ca;

    for (size_t i = 0; !known && c->remote.ca[i]; i++)
        known = file_has_issuer(p, c->remote.ca[i], last);
    if (known)
        return;
    text_add(&why, "%s ends with ", c->local.cert);
    cert_print(last, &why);
    text_add(&why, ", whose issuer is neither in it nor in `ca`: if that issuer is an intermediate CA, append its certificate");
    found(p, 0, sentence);
}

static void probe_id(struct probing *p, const struct conf_end *end, struct x509_st *own)
{
    char sentence[700];
    struct text why = text_in(sentence, sizeof(sentence));

    if (end->id.type == ID_NONE || cert_names(own, &end->id))
        return;
    text_add(&why, "local.id %s is not named by %s, so the peer will refuse it; the certificate names ",
             end->id_text ? end->id_text : "", end->cert);
    cert_names_print(own, &why);
    found(p, ERR_REFUSED, sentence);
}

/* What our own judge would say of it at the other end, unless the certificate is pinned there. */
static void probe_use(struct probing *p, const char *path, struct x509_st *x, bool own)
{
    char sentence[700], inner[400];
    struct text why = text_in(sentence, sizeof(sentence)), reason = text_in(inner, sizeof(inner));

    if (cert_check_use(x, own, &reason) == 0)
        return;
    text_add(&why, "%s: %s: a peer that looks at it, as charon-lite does, refuses it", path, inner);
    found(p, 0, sentence);
}

static void probe_chain(struct probing *p, const struct conf_connection *c, const struct vault_key *key)
{
    for (size_t i = 0; i < vault_key_count(key); i++) {
        struct x509_st *x;

        if (cert_decode(vault_key_cert(key, i), &x) != 0)
            continue;
        probe_alone(p, c->local.cert, x);
        if (i == 0 || !cert_self_signed(x))
            probe_use(p, c->local.cert, x, i == 0);
        if (i == 0)
            probe_id(p, &c->local, x);
        if (i == vault_key_count(key) - 1)
            probe_end(p, c, x);
        cert_free(x);
    }
}

static void probe_key(struct probing *p, const struct conf_connection *c)
{
    char sentence[700];
    struct text why = text_in(sentence, sizeof(sentence));
    struct vault_key *key = NULL;
    int err = vault_key_load(p->setup->keystore, c->local.key, c->local.cert, &key, &why);

    if (err == ERR_NOT_FOUND)
        text_add(&why, ": PEM files of mode 600 for the key and 644 for the certificate belong there; a relative path begins at "
                       "the file that names it");
    found(p, err, sentence);
    if (err == 0)
        probe_chain(p, c, key);
    vault_key_free(key);
}

int vault_probe(void *ctx, const struct conf_connection *c, struct text *why)
{
    struct probing p = {.setup = ctx, .why = why};
    const char *ours = c->local.psk, *theirs = c->remote.psk;

    if (ours)
        probe_psk(&p, c, ours);
    if (theirs && (!ours || strcmp(ours, theirs) != 0))
        probe_psk(&p, c, theirs);
    if (c->local.key && c->local.cert)
        probe_key(&p, c);
    for (size_t i = 0; c->remote.ca && c->remote.ca[i]; i++)
        probe_ca(&p, c->remote.ca[i]);
    for (size_t i = 0; c->remote.pinned && c->remote.pinned[i]; i++)
        probe_pinned(&p, c->remote.pinned[i]);
    return p.err;
}
