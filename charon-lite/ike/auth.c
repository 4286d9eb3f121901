/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH (RFC 7296 2.15): ours is made by the vault, theirs checked by vault (PSK) or judge. The signed octets are built there. */
#include "ike/ike.h"

static void auth_common(struct xchg *x, struct ask_auth *a, bool of_initiator)
{
    struct ike_sa *sa = x->sa;
    bool ours = of_initiator == sa->initiator;
    struct ike_keys k = sa_keys(sa);

    a->peer = (struct peer_ref){sa->peer->core->conf->generation, sa->peer->conn->index, sa->handle};
    a->we_initiated = sa->initiator;
    a->prf = sa->suite->prf;
    a->sk_p = secret_view(of_initiator ? &k.pi : &k.pr);
    a->message = ours ? sa_init_ours(sa) : buf_view(&sa->start->init_theirs);
    a->nonce = secret_view(of_initiator ? &sa->start->nonce_r : &sa->start->nonce_i);
    a->local = sa->path.local.addr;
    a->hashes = sa->start->hashes;
}

/* The hashes of CERTREQ payloads (3.7), 20 bytes each; other encodings ask for what we do not have. */
static size_t cert_requests(struct xchg *x, struct span bytes, const struct span **out)
{
    size_t n = bytes.len / 20;
    struct span *v = n ? arena_alloc(&x->arena, n * sizeof(*v)) : NULL;

    for (size_t i = 0; v && i < n; i++)
        v[i] = span_part(bytes, i * 20, 20);
    *out = v;
    return v ? n : 0;
}

int cert_requests_read(const struct payload *in, struct secret *out)
{
    struct buf all;
    int err;

    buf_init(&all, MESSAGE_MAX);
    for (const struct payload *p = payload_find(in, PAYLOAD_CERTREQ); p; p = payload_after(p, PAYLOAD_CERTREQ))
        if (p->u.cert.encoding == CERT_X509_SIGNATURE)
            buf_span(&all, span_part(p->u.cert.data, 0, p->u.cert.data.len / 20 * 20));
    err = all.failed ? ERR_MEMORY : secret_set(out, buf_view(&all));
    buf_done(&all);
    return err;
}

static void ours_fill(struct xchg *x, struct ask_auth *a)
{
    struct ike_sa *sa = x->sa;

    if (!x->ours && cert_requests_read(x->in, &sa->start->cert_requests) < 0)
        secret_done(&sa->start->cert_requests); /* without memory for them: as if nothing had been asked */
    auth_common(x, a, sa->initiator);
    if (x->core->conf->quick_crash_detection) {
        a->spi_i = sa->spi_i;
        a->spi_r = sa->spi_r;
    }
    a->n_cert_requests = cert_requests(x, secret_view(&sa->start->cert_requests), &a->cert_requests);
}

enum step auth_make(struct xchg *x)
{
    struct ask ask = {.to = ASK_VAULT, .kind = ASK_AUTH_MAKE};

    ours_fill(x, &ask.u.auth);
    return xchg_ask(x, &ask);
}

static size_t certs_read(struct xchg *x, const struct span **out)
{
    size_t n = 0;
    struct span *v;

    for (const struct payload *p = payload_find(x->in, PAYLOAD_CERT); p; p = payload_after(p, PAYLOAD_CERT))
        n += p->u.cert.encoding == CERT_X509_SIGNATURE;
    v = n ? arena_alloc(&x->arena, n * sizeof(*v)) : NULL;
    *out = v;
    n = 0;
    for (const struct payload *p = payload_find(x->in, PAYLOAD_CERT); v && p; p = payload_after(p, PAYLOAD_CERT))
        if (p->u.cert.encoding == CERT_X509_SIGNATURE)
            v[n++] = p->u.cert.data;
    return v ? n : 0;
}

enum step auth_check(struct xchg *x)
{
    const struct payload *id = payload_find(x->in, x->ours ? PAYLOAD_IDR : PAYLOAD_IDI),
                         *auth = payload_find(x->in, PAYLOAD_AUTH);
    struct ask ask = {.to = auth->u.auth.method == AUTH_PSK ? ASK_VAULT : ASK_JUDGE, .kind = ASK_AUTH_CHECK};
    struct ask_auth ours = {0};

    auth_common(x, &ask.u.auth, !x->sa->initiator);
    ask.u.auth.id = id->u.id;
    ask.u.auth.method = auth->u.auth.method;
    ask.u.auth.data = auth->u.auth.data;
    ask.u.auth.n_certs = certs_read(x, &ask.u.auth.certs);
    if (!x->ours && ask.to == ASK_VAULT) { /* who says yes can prove us at once */
        ours_fill(x, &ours);
        ask.u.auth.ours = &ours;
    }
    return xchg_ask(x, &ask);
}

bool auth_verdict(struct xchg *x)
{
    const struct payload *id = payload_find(x->in, x->ours ? PAYLOAD_IDR : PAYLOAD_IDI);
    const struct answer *a = x->answer;
    char text[ID_TEXT_MAX];
    struct ike_sa *sa = x->sa;

    if (!a || a->result != ANSWER_OK || a->u.check.verdict != VERDICT_ACCEPTED) {
        struct text why = text_in(x->child_why, sizeof(x->child_why));

        x->core->counts.auth_failures++;
        text_add(&why, "%s", a && a->why ? a->why : "its AUTH does not verify");
        tell(x->core, FACT_AUTH_FAILED, sa->peer, sa, NULL, "the peer, which says it is %s, is not accepted: %s",
             id_format(&id->u.id, text), a && a->why ? a->why : "its AUTH does not verify");
        return false;
    }
    sa->handle = a->u.check.handle;
    if (sa_set_peer_id(sa, id_keep(NULL, &id->u.id)) < 0)
        return false;
    if (a->u.check.valid_for != USEC_NEVER && a->u.check.valid_for > 0)
        sa->proof_ends = usec_add(x->core->now, a->u.check.valid_for);
    return true;
}
