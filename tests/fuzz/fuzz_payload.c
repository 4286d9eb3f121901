/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One payload, and whoever reads on what it holds: the first byte says of what type, the second how it is looked at, the rest is
 * its body (without the generic header, so that lengths need no luck).
 *
 *     SA: chosen from as a responder, taken as an answer, explained     TS: narrowed      ID: matched and printed
 *     KE: agreed upon with real curves     nonce, notify (hash algorithms), delete, CERT and CERTREQ, AUTH, CP, EAP: read,
 * printed
 */
#include "ike/ike.h"

#include "driver.h"

extern const struct alg_registry alg_registry;

static void check(bool right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* --- SA ------------------------------------------------------------------------------------------------------------------------
 */

static bool in_suite(const struct suite *s, const struct proposal *one)
{
    return s->encr && (!s->ke || one->n_transforms > 1);
}

static void one_list(struct proposals theirs, uint8_t protocol, struct proposals ours, unsigned how)
{
    struct proposal_rules rules = {.protocol = protocol,
                                   .ke = how % 3,
                                   .ke_sent = how & 8    ? 31
                                              : how & 16 ? 19
                                                         : 0,
                                   .pfs_required = how & 32};
    struct transform store[TRANSFORM_TYPE_MAX];
    struct proposal chosen;
    struct suite suite = {0};
    char words[3000];
    struct text t = text_in(words, sizeof(words));

    if (proposal_choose(&alg_registry, ours, theirs, &rules, &suite, &chosen, store) == 0) {
        check(in_suite(&suite, &chosen) && chosen.n_transforms <= TRANSFORM_TYPE_MAX, "a suite without a cipher was chosen");
        check(chosen.protocol == protocol, "of another protocol was chosen");
        suite_format(&suite, &t);
    } else {
        proposal_explain(&alg_registry, ours, theirs, &rules, &t);
    }
    (void)!proposal_accept(&alg_registry, ours, theirs, &rules, &suite);
    for (size_t i = 0; i < theirs.n; i++)
        proposal_format(&alg_registry, &theirs.v[i], &t);
    check(t.len < sizeof(words), "the text is not within its array");
}

static void look_sa(const struct payload *p, unsigned how)
{
    static const uint8_t protocols[] = {PROTOCOL_IKE, PROTOCOL_ESP};

    for (size_t i = 0; i < COUNT_OF(protocols); i++) {
        struct proposal list[PROPOSAL_DEFAULTS_LIST];
        struct transform store[PROPOSAL_DEFAULTS_STORE];
        int n = proposal_defaults(&alg_registry, protocols[i], list, COUNT_OF(list), store, COUNT_OF(store));

        check(n > 0, "no defaults");
        one_list(p->u.sa, protocols[i], (struct proposals){list, (size_t)n}, how);
    }
}

/* --- selectors, identities, values
 * ----------------------------------------------------------------------------------------------- */

static void look_ts(const struct payload *p)
{
    static const struct {
        const char *net;
        uint8_t protocol;
        uint16_t low, high;
    } plan[] = {{"10.0.0.0/16", 0, 0, 65535}, {"2001:db8::/32", 6, 22, 80}, {"192.0.2.0/24", 17, 0, 65535}};
    struct ts ours[COUNT_OF(plan)], out[TS_LIST_MAX];
    struct ts_list mine = {ours, COUNT_OF(ours)};
    char words[8000];
    struct text t = text_in(words, sizeof(words));
    size_t n;

    for (size_t i = 0; i < COUNT_OF(plan); i++) {
        struct prefix net;

        check(prefix_parse(plan[i].net, &net) == 0, "a prefix");
        ours[i] = ts_from_prefix(&net, plan[i].protocol, plan[i].low, plan[i].high);
    }
    n = ts_list_narrow(p->u.ts, mine, out, COUNT_OF(out));
    check(n <= COUNT_OF(out), "more selectors than there is room for");
    check(ts_list_within((struct ts_list){out, n}, mine), "narrowed to what we do not have");
    check(ts_list_within((struct ts_list){out, n}, p->u.ts), "narrowed to what was not asked for");
    for (size_t i = 0; i < p->u.ts.n; i++)
        check(ts_valid(&p->u.ts.v[i]), "an impossible selector was read");
    ts_list_format(p->u.ts, &t);
    check(t.len < sizeof(words), "the text is not within its array");
}

static void look_id(const struct payload *p)
{
    static const struct id patterns[] = {{ID_NONE, {NULL, 0}},
                                         {ID_FQDN, {(const uint8_t *)"*.example.com", 13}},
                                         {ID_RFC822_ADDR, {(const uint8_t *)"*@example.com", 13}},
                                         {ID_IPV4_ADDR, {(const uint8_t *)"\xc0\0\2\1", 4}},
                                         {ID_KEY_ID, {(const uint8_t *)"abc", 3}}};
    char text[ID_TEXT_MAX];

    check(p->u.id.data.len <= ID_DATA_MAX, "an identity longer than any");
    for (size_t i = 0; i < COUNT_OF(patterns); i++)
        (void)id_matches(&patterns[i], &p->u.id);
    check(id_equal(&p->u.id, &p->u.id), "an identity is not itself");
    check(strlen(id_format(&p->u.id, text)) < sizeof(text), "the text is not within its array");
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 0x5a, len);
}

static void look_ke(const struct payload *p)
{
    const struct alg *a = alg_find(&alg_registry, TRANSFORM_KE, p->u.ke.group, 0);
    const struct rng rng = {fill, NULL};
    struct secret mine = {0}, shared = {0};
    uint8_t public_value[1100];

    if (!a || (a->flags & ALG_SLOW))
        return;
    check(a->ke->generate(a, &rng, &mine, public_value) == 0, "no key of ours");
    if (a->ke->derive(a, secret_view(&mine), p->u.ke.data, &shared) == 0)
        check(p->u.ke.data.len == a->public_len && !span_is_zero(secret_view(&shared)),
              "a value of a wrong length, or no secret");
    secret_done(&mine);
    secret_done(&shared);
}

static void look(const struct payload *p, unsigned how)
{
    struct secret requests = {0}, nonce = {0};

    if (p->type == PAYLOAD_SA)
        look_sa(p, how);
    else if (p->type == PAYLOAD_TSI || p->type == PAYLOAD_TSR)
        look_ts(p);
    else if (p->type == PAYLOAD_IDI || p->type == PAYLOAD_IDR)
        look_id(p);
    else if (p->type == PAYLOAD_KE)
        look_ke(p);
    else if (p->type == PAYLOAD_NONCE)
        check(!nonce_take(p, &nonce) || (nonce.len >= NONCE_MIN && nonce.len <= NONCE_MAX), "a nonce of a wrong length");
    else if (p->type == PAYLOAD_NOTIFY)
        (void)auth_hashes_read(p);
    else if (p->type == PAYLOAD_DELETE)
        check(p->u.del.spis.len == (size_t)p->u.del.count * p->u.del.spi_size, "a Delete with more SPIs than bytes");
    else if (p->type == PAYLOAD_CERTREQ)
        check(cert_requests_read(p, &requests) == 0 && requests.len <= p->body.len, "more hashes than bytes");
    secret_done(&requests);
    secret_done(&nonce);
}

static int fuzz_input(const uint8_t *data, size_t len)
{
    static uint8_t chain[65536];
    char words[4000];
    struct text t = text_in(words, sizeof(words));
    struct payload *list;
    struct wire_error why;
    struct arena arena;

    if (len < 2 || len - 2 + 4 > 65535)
        return 0;
    put_u16(chain, 0);
    put_u16(chain + 2, (uint16_t)(4 + len - 2));
    memcpy(chain + 4, data + 2, len - 2);
    arena_init(&arena, XCHG_ARENA_MAX);
    if (msg_read_payloads(&arena, (uint8_t)(33 + data[0] % 24), span_of(chain, 4 + len - 2), 0, &list, &why) == 0) {
        for (const struct payload *p = list; p; p = p->next)
            look(p, data[1]);
        msg_format(&alg_registry, NULL, list, &t);
        check(t.len < sizeof(words), "the text is not within its array");
    }
    arena_done(&arena);
    return 0;
}

FUZZ_MAIN(100000, "fuzz/payload")
