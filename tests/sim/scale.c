/* SPDX-License-Identifier: Apache-2.0 */
#include "scale.h"
#include "desk.h"
#include "glass.h"
#include "memory.h"
#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASKED (200) /* us, until an ask is answered */
#define PSK "file:/shared.psk"

/* A packet or an answer under way. */
struct parcel {
    struct heap_node node;
    struct scale_site *to;
    struct input in;
    struct arena arena; /* of an answer */
    uint8_t bytes[];    /* of a packet */
};

size_t scale_minute_of(const struct scale *s, usec_t at)
{
    size_t m = (size_t)((at - s->began) / SCALE_MINUTE);

    return m < s->n_minutes ? m : s->n_minutes - 1;
}

/* --- configurations -------------------------------------------------------------------------------------------------------- */

static const char ike[] = "aes256gcm16-prfsha256-x25519";

static void hub_yaml(const struct scale_setup *how, struct text *t)
{
    text_add(t,
             "connections:\n  hub:\n    local: { address: 192.0.2.1 }\n    remote: { psk: \"%s\" }\n    psk: \"%s\"\n"
             "    keep: answer\n    ike: { proposals: [%s], liveness: %s }\n"
             "    children: { net: { local: [198.51.100.0/24], remote: [172.16.0.0/12], esp: [aes256gcm16] } }\n",
             PSK, PSK, ike, how->liveness);
}

static void crowd_yaml(const struct scale_setup *how, size_t from, size_t to, struct text *t)
{
    text_add(t, "connections:\n");
    for (size_t i = from; i < to; i++) {
        unsigned high = (unsigned)(i >> 16), middle = (unsigned)(i >> 8 & 255), low = (unsigned)(i & 255);

        text_add(t,
                 "  c%zu:\n    local: { address: 10.%u.%u.%u }\n    remote: { address: 192.0.2.1 }\n    psk: \"%s\"\n"
                 "    keep: up\n    ike: { proposals: [%s], liveness: %s }\n"
                 "    children: { net: { local: [172.%u.%u.%u/32], remote: [198.51.100.0/24], esp: [aes256gcm16] } }\n",
                 i, high, middle, low, PSK, ike, how->liveness, 16 + high, middle, low);
    }
}

static struct conf *conf_of(const struct scale_setup *how, const char *yaml)
{
    struct conf_setup setup = {.algs = &glass_registry, .generation = 1};
    struct conf_report report;
    char words[4000];
    struct text t = text_in(words, sizeof(words));
    struct conf *conf;

    conf_report_init(&report);
    conf = conf_read_text(&setup, "scale", span_str(yaml), &report);
    conf_report_format(&report, &t);
    if (!conf)
        fprintf(stderr, "%s", words);
    conf_report_done(&report);
    if (!conf)
        abort();
    conf->limits.ike_max = 1000000;
    conf->limits.half_open_per_source = 1000000;
    if (!how->default_limits)
        conf->limits.half_open_max = conf->limits.cookie_threshold = 1000000;
    return conf;
}

static void site_open(struct scale *s, struct scale_site *site, const struct scale_setup *how, size_t from, size_t to)
{
    size_t cap = 500 * (to - from) + 1000;
    char *yaml = malloc(cap);
    struct text t = text_in(yaml, cap);

    if (!yaml)
        abort();
    if (site == &s->hub)
        hub_yaml(how, &t);
    else
        crowd_yaml(how, from, to, &t);
    site->scale = s;
    site->conf = conf_of(how, yaml);
    free(yaml);
    outbox_init(&site->out);
    map_init(&site->sas, &s->rng);
    site->core = core_new(&(struct core_setup){.conf = site->conf, .algs = &glass_registry, .rng = s->rng, .now = s->now});
    if (!site->core)
        abort();
    for (size_t i = from; i < to; i++)
        s->guests[i].site = site;
}

static void site_close(struct scale_site *site)
{
    if (!site->core)
        return;
    core_free(site->core);
    conf_unref(site->conf);
    outbox_done(&site->out);
    map_done(&site->sas);
}

struct scale *scale_new(const struct scale_setup *how)
{
    struct scale *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    dice_seed(&s->dice, how->seed);
    s->rng = dice_rng(&s->dice);
    s->now = s->began = 1000 * USEC_SEC;
    s->delay = 10 * USEC_MSEC;
    s->n_guests = how->guests;
    s->each = (how->guests + SCALE_CORES - 1) / SCALE_CORES;
    s->guests = calloc(how->guests, sizeof(*s->guests));
    s->n_minutes = (size_t)(how->lasts / SCALE_MINUTE) + 1;
    s->minutes = calloc(s->n_minutes, sizeof(*s->minutes));
    if (!s->guests || !s->minutes)
        abort();
    for (size_t i = 0; i < how->guests; i++) {
        list_init(&s->guests[i].sas[TO_HUB]);
        list_init(&s->guests[i].sas[TO_GUEST]);
    }
    site_open(s, &s->hub, how, 0, 0);
    s->hub.auth_cost = how->auth_cost;
    heap_set(&s->sites, &s->hub.due, s->now);
    for (size_t i = 0; i < SCALE_CORES && i * s->each < how->guests; i++) {
        size_t from = i * s->each, to = from + s->each < how->guests ? from + s->each : how->guests;

        s->now = s->began + (usec_t)i * USEC_SEC;
        site_open(s, &s->crowd[i], how, from, to);
        heap_set(&s->sites, &s->crowd[i].due, s->now);
    }
    s->now = s->began;
    return s;
}

static void parcel_free(struct scale *s, struct parcel *p)
{
    heap_remove(&s->queue, &p->node);
    if (p->in.kind == INPUT_ANSWER)
        arena_done(&p->arena);
    free(p);
}

struct scale *scale_free(struct scale *s)
{
    while (heap_first(&s->queue))
        parcel_free(s, CONTAINER_OF(heap_first(&s->queue), struct parcel, node));
    scale_kernel_forget(s);
    site_close(&s->hub);
    for (size_t i = 0; i < SCALE_CORES; i++)
        site_close(&s->crowd[i]);
    free(s->guests);
    free(s->minutes);
    free(s);
    return NULL;
}

/* --- what a core says ------------------------------------------------------------------------------------------------------ */

static struct parcel *parcel_new(struct scale_site *to, usec_t at, size_t len)
{
    struct parcel *p = calloc(1, sizeof(*p) + len);

    if (!p)
        abort();
    p->to = to;
    heap_set(&to->scale->queue, &p->node, at);
    return p;
}

/* A request that says nothing: header, SK header, IV, pad length, ICV. */
static void probes_count(struct scale *s, struct span d, unsigned to)
{
    size_t empty = IKE_HEADER_LEN + 4 + 8 + 1 + 16;

    if (d.p[18] != INFORMATIONAL || (d.p[19] & IKE_FLAG_RESPONSE) || d.len > empty)
        return;
    if (!s->probes[to]++)
        s->probe_first[to] = s->now;
}

void scale_probes_forget(struct scale *s)
{
    s->probes[TO_HUB] = s->probes[TO_GUEST] = 0;
}

static void post(struct scale_site *from, const struct output *o)
{
    struct scale *s = from->scale;
    struct span d = o->u.send.data;
    struct scale_guest *g = scale_guest_at(s, &o->u.send.path.remote.addr);
    struct parcel *p;

    from->sent++;
    s->digest = (s->digest ^ get_u64(d.p) ^ (uint64_t)s->now ^ d.len ^ get_u32(d.p + 20)) * 0x100000001b3u;
    if (from == &s->hub && !g)
        return;
    probes_count(s, d, from == &s->hub ? TO_GUEST : TO_HUB);
    p = parcel_new(from == &s->hub ? g->site : &s->hub, s->now + s->delay, d.len);
    p->in.kind = INPUT_PACKET;
    p->in.u.packet.path = (struct path){o->u.send.path.remote, o->u.send.path.local, o->u.send.path.natt};
    memcpy(p->bytes, d.p, d.len);
    p->in.u.packet.data = span_of(p->bytes, d.len);
}

static int answer_auth(struct scale_site *site, const struct ask *q, struct answer *a, struct arena *arena)
{
    const struct ask_auth *auth = &q->u.auth;
    struct span data = {arena_alloc(arena, auth->prf->out_len), auth->prf->out_len}, token;
    struct id id = q->kind == ASK_AUTH_CHECK ? auth->id : (struct id){ID_IPV4_ADDR, addr_span(&auth->local)};
    uint8_t *out = (uint8_t *)(uintptr_t)data.p;
    int err = sim_psk_auth(auth->prf, span_str(PSK), auth->message, auth->nonce, auth->sk_p, &id, out);

    if (q->kind == ASK_AUTH_CHECK) {
        a->u.check.verdict = !err && secret_equal(data, auth->data) ? VERDICT_ACCEPTED : VERDICT_BAD_AUTH;
        a->u.check.handle = site->scale->handles += 2;
        a->u.check.valid_for = USEC_NEVER;
        return err;
    }
    token = span_of(arena_alloc(arena, TOKEN_LEN), TOKEN_LEN);
    put_u64((uint8_t *)(uintptr_t)token.p, auth->spi_i);
    put_u64((uint8_t *)(uintptr_t)token.p + 8, auth->spi_r);
    a->u.auth.id = (struct id){id.type, arena_copy(arena, id.data)};
    a->u.auth.method = AUTH_PSK;
    a->u.auth.data = data;
    if (auth->spi_i && auth->spi_r)
        a->u.auth.token = token;
    return err;
}

static int answer_bytes(struct scale_site *site, size_t len, struct span *out, struct arena *arena)
{
    uint8_t *bytes = arena_alloc(arena, len);

    if (!bytes)
        return ERR_MEMORY;
    site->scale->rng.fill(site->scale->rng.ctx, bytes, len);
    *out = span_of(bytes, len);
    return 0;
}

/* The IKE SA of a token is gone when it is asked for after a crash alone: here nobody crashes. */
static int answer(struct scale_site *site, const struct ask *q, struct answer *a, struct arena *arena)
{
    if (q->to == ASK_VAULT && q->kind == ASK_TOKEN)
        return answer_bytes(site, TOKEN_LEN, &a->u.token.data, arena);
    if (q->to == ASK_VAULT)
        return answer_auth(site, q, a, arena);
    if (q->kind == ASK_NONCES)
        return answer_bytes(site, (size_t)q->u.nonces.count * NONCE_LEN, &a->u.nonces.bytes, arena);
    if (q->to == ASK_HAND && q->kind != ASK_ACQUIRE_DONE)
        return scale_kernel_does(site, q, a);
    return ERR_UNSUPPORTED;
}

/* When the answer is there: AUTH takes its turn in the vault. */
static usec_t answered_at(struct scale_site *site, const struct ask *q)
{
    usec_t now = site->scale->now;
    bool auth = q->to == ASK_VAULT && (q->kind == ASK_AUTH_MAKE || q->kind == ASK_AUTH_CHECK);

    if (!auth || !site->auth_cost)
        return now + ASKED;
    if (site->busy_until < now)
        site->busy_until = now;
    if (site->busy_until > q->deadline)
        site->overdue++;
    site->busy_until += site->auth_cost;
    return site->busy_until + ASKED;
}

static void asked(struct scale_site *site, const struct ask *q)
{
    struct parcel *p = parcel_new(site, answered_at(site, q), 0);
    struct answer *a = &p->in.u.answer;
    int err;

    site->asks[q->kind]++;
    p->in.kind = INPUT_ANSWER;
    arena_init(&p->arena, 1 << 20);
    *a = (struct answer){.ticket = q->ticket, .kind = q->kind, .result = ANSWER_OK};
    err = answer(site, q, a, &p->arena);
    if (err < 0) {
        a->result = ANSWER_FAILED;
        a->u.install.error = err;
    }
}

static void told(struct scale_site *site, const struct tell *t)
{
    struct scale *s = site->scale;
    struct scale_guest *g = scale_guest_at(s, &t->remote.addr);

    site->facts[t->fact]++;
    if (getenv("SCALE_VERBOSE") && t->text)
        fprintf(stderr, "%.3f %s: %s\n", (double)(s->now - s->began) / 1e6, t->connection ? t->connection : "-", t->text);
    if (site != &s->hub)
        return;
    if (t->fact == FACT_IKE_REKEYED)
        s->minutes[scale_minute_of(s, s->now)].ike++;
    if (t->fact == FACT_IKE_SA)
        g = scale_guest_at(s, &t->u.ike.remote.addr);
    if (g && t->fact == FACT_IKE_SA)
        g->ike += !strcmp(t->u.ike.state, "UP");
    if (g && t->fact == FACT_CHILD_SA)
        g->child += !strcmp(t->u.child.state, "UP");
}

static void step(struct scale_site *site, struct input *in)
{
    struct scale *s = site->scale;
    size_t before = memory_in_use();
    usec_t deadline;

    in->now = s->now;
    core_step(site->core, in, &site->out);
    site->steps++;
    site->bytes += (int64_t)memory_in_use() - (int64_t)before;
    for (size_t i = 0; i < site->out.n; i++) {
        const struct output *o = &site->out.v[i];

        if (o->kind == OUTPUT_SEND)
            post(site, o);
        else if (o->kind == OUTPUT_ASK)
            asked(site, &o->u.ask);
        else
            told(site, &o->u.tell);
    }
    before = memory_in_use();
    outbox_reset(&site->out);
    site->bytes += (int64_t)memory_in_use() - (int64_t)before;
    site->peak = site->bytes > site->peak ? site->bytes : site->peak;
    deadline = core_deadline(site->core);
    if (deadline == USEC_NEVER)
        heap_remove(&s->sites, &site->due);
    else
        heap_set(&s->sites, &site->due, deadline > s->now ? deadline : s->now);
}

/* --- time ------------------------------------------------------------------------------------------------------------------ */

void scale_run(struct scale *s, usec_t until)
{
    for (;;) {
        struct heap_node *n = heap_first(&s->queue), *d = heap_first(&s->sites);
        usec_t tick = d ? d->at : USEC_NEVER, at = n ? n->at : USEC_NEVER;
        struct parcel *p;

        if (tick > until && at > until)
            break;
        s->now = tick < at ? tick : at;
        if (tick < at) {
            step(CONTAINER_OF(d, struct scale_site, due), &(struct input){.kind = INPUT_TICK});
            continue;
        }
        p = CONTAINER_OF(n, struct parcel, node);
        heap_remove(&s->queue, n);
        step(p->to, &p->in);
        parcel_free(s, p);
    }
    s->now = until > s->now ? until : s->now;
}

void scale_flow(struct scale *s, unsigned direction, bool flows)
{
    for (size_t i = 0; i < s->n_guests; i++) {
        scale_flows_settle(s, &s->guests[i]);
        s->guests[i].flows[direction] = flows;
    }
}

static void order(struct scale_site *site, enum order_kind kind)
{
    step(site, &(struct input){.kind = INPUT_ORDER, .u.order = {.kind = kind, .id = 1}});
}

static size_t list(struct scale *s, bool again)
{
    size_t wanting = 0;

    for (size_t i = 0; i < s->n_guests; i++)
        s->guests[i].ike = s->guests[i].child = 0;
    order(&s->hub, ORDER_LIST);
    for (size_t i = 0; i < s->n_guests; i++) {
        struct scale_guest *g = &s->guests[i];
        bool crowded = g->ike > 1 || g->child > 1;

        wanting += !g->ike || !g->child || (again && crowded && g->crowded);
        g->crowded = crowded;
    }
    return wanting;
}

size_t scale_wanting(struct scale *s)
{
    size_t wanting = list(s, false);

    scale_run(s, s->now + SCALE_SETTLES);
    return wanting + list(s, true);
}

void scale_stop(struct scale *s)
{
    for (size_t i = 0; i < s->n_guests; i++)
        s->guests[i].up = false;
    for (size_t i = 0; i < SCALE_CORES; i++)
        if (s->crowd[i].core)
            order(&s->crowd[i], ORDER_STOP);
    scale_run(s, s->now + 5 * SCALE_MINUTE);
    order(&s->hub, ORDER_STOP);
    scale_run(s, s->now + 5 * SCALE_MINUTE);
}
