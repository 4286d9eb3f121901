/* SPDX-License-Identifier: Apache-2.0 */
/* What has broken other daemons, one by one, at ours: each test says the failure in its name. */
#include "memory.h"
#include "puppet_test.h"
#include "scenario.h"

#include <malloc.h>
#include <stdlib.h>

/* --- an SPI that the peer has given us already: the kernel cannot hold two (RFC 4303 2.1)
 * ----------------------------------------
 */

static void duplicate_spi_in_request(void **state)
{
    struct puppet *p = connected();
    const struct said *m;
    uint32_t first = p->spi_in;

    (void)state;
    say_child(p, 0, NULL);
    put_u32(proposal_of(find_out(p, PAYLOAD_SA), 0)->spi, first);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, m && m->response && error_of(m) == NO_PROPOSAL_CHOSEN);
    say_child(p, first, NULL); /* and as the successor of itself */
    put_u32(proposal_of(find_out(p, PAYLOAD_SA), 0)->spi, first);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, m && m->response && error_of(m) == NO_PROPOSAL_CHOSEN);
    alive(p, 1);
    over(p);
}

static void duplicate_spi_in_answer(void **state)
{
    struct puppet *p = called();
    uint32_t first = p->spi_in;
    const struct said *m;

    (void)state;
    end_order(p->gate, ORDER_REKEY, "to1", "net");
    m = hear(p);
    MUST(p, m && m->h.exchange == CREATE_CHILD_SA);
    say_child_answer(p, m, NULL);
    put_u32(proposal_of(find_out(p, PAYLOAD_SA), 0)->spi, first);
    reply(p, m);
    m = hear(p); /* the gate takes back what the peer believes in */
    MUST(p, m && m->h.exchange == INFORMATIONAL && part(m, PAYLOAD_DELETE));
    MUST(p, children(p, "UP") == 1 && p->gate->facts[FACT_CHILD_REKEYED] == 0 && p->gate->xfrm.refused_in == 0);
    over(p);
}

/* --- a length that is not looked at before a copy
 * ---------------------------------------------------------------------------------
 */

/* An identity of the longest that is taken, and of one byte more. */
static void identity_longer_than_any_buffer(void **state)
{
    static const size_t lengths[] = {ID_DATA_MAX, ID_DATA_MAX + 1, 4096, 60000};
    char *name = malloc(60001);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++)
        for (unsigned wanted = 0; wanted < 2; wanted++) { /* its own, or the one that it asks for */
            struct puppet *p = waiting();
            const struct said *m;

            memset(name, 'a', lengths[i]);
            name[lengths[i]] = 0;
            MUST(p, keyed(p));
            if (!wanted)
                p->id = name;
            say_auth(p);
            if (wanted)
                say_id(p, PAYLOAD_IDR, ID_FQDN, name);
            m = ask(p, IKE_AUTH);
            MUST(p, m && m->response && error_of(m) == (lengths[i] > ID_DATA_MAX ? INVALID_SYNTAX : AUTHENTICATION_FAILED));
            MUST(p, ike_sas(p, NULL) == 0 && p->gate->asks[ASK_CHILD_INSTALL] == 0);
            over(p);
        }
    free(name);
}

static void key_exchange_value_of_any_length(void **state)
{
    static const size_t lengths[] = {0, 1, 16, 31, 33, 64, 256, 60000};
    static const uint8_t zeros[60000];
    struct puppet *p = waiting();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        say_init(p);
        find_out(p, PAYLOAD_KE)->u.ke.data = span_of(zeros, lengths[i]);
        MUST(p, !ask(p, IKE_SA_INIT) && ike_sas(p, NULL) == 0);
        secret_done(&p->ike->ni), secret_done(&p->ike->ke_private), buf_done(&p->ike->init_ours), p->ike->spi_i = 0;
    }
    MUST(p, up(p));
    alive(p, 1);
    over(p);
}

/* Who is not configured any more reaches no reader. */
static void nobody_is_configured(void **state)
{
    struct puppet *p = puppet_new(KEEP_ANSWER);

    (void)state;
    p->gate->n_plans = 0;
    puppet_start(p);
    say_init(p);
    MUST(p, !ask(p, IKE_SA_INIT) && core_count(p->gate->core).packets_dropped == 1);
    over(p);
}

/* --- a length that is less than what is taken off
 * ---------------------------------------------------------------------------------
 */

/* Sealed payloads and fragments that say to be shorter than their own frame, IV or ICV, in a datagram of any length. */
static void fragment_shorter_than_its_header(void **state)
{
    struct puppet *p = connected();
    uint8_t b[120] = {0};

    (void)state;
    for (unsigned skf = 0; skf < 2; skf++)
        for (size_t len = 0; len <= 60; len++)
            for (size_t more = 0; more <= 40; more += 8) {
                size_t all = IKE_HEADER_LEN + len + more;

                put_u64(b, p->ike->spi_i);
                put_u64(b + 8, p->ike->spi_r);
                b[16] = skf ? PAYLOAD_SKF : PAYLOAD_SK;
                b[17] = 0x20;
                b[18] = INFORMATIONAL;
                b[19] = IKE_FLAG_INITIATOR;
                put_u32(b + 20, p->ike->next_ours);
                put_u32(b + 24, (uint32_t)all);
                put_u16(b + IKE_HEADER_LEN + 2, (uint16_t)len);
                put_u16(b + IKE_HEADER_LEN + 4, 1);
                put_u16(b + IKE_HEADER_LEN + 6, 1);
                if (all <= sizeof(b))
                    send_bytes(p, arena_copy(&p->arena, span_of(b, all)));
            }
    p->w->laws.steps_max = 5000;
    MUST(p, silence(p));
    alive(p, 1);
    over(p);
}

/* --- a value of the peer's in a log line or in our own encoder
 * -----------------------------------------------------------------------
 */

static struct payload *sa_of_attribute(struct puppet *p, const uint8_t *attribute, size_t len)
{
    uint8_t b[80] = {0, 0, 0, 0, 1, PROTOCOL_ESP, 4, 2, 9, 9, 9, 9, 3, 0, 0, (uint8_t)(8 + len), 1, 0, 0, 20};
    size_t n = 20 + len;

    memcpy(b + 20, attribute, len);
    memcpy(b + n, "\0\0\0\x08\5\0\0\0", 8);
    put_u16(b + 2, (uint16_t)(n + 8));
    return say_raw(p, PAYLOAD_SA, b, n + 8);
}

/* Key lengths of 0 and of nonsense, attributes of length 0, doubled, unknown: refused with a sentence. */
static void key_length_of_zero(void **state)
{
    static const struct {
        uint8_t b[12];
        size_t len;
    } attributes[] = {{{0x80, 14, 0, 0}, 4},
                      {{0x80, 14, 255, 255}, 4},
                      {{0x80, 14, 0, 1}, 4},
                      {{0, 14, 0, 0}, 4},
                      {{0, 14, 0, 2, 1, 0}, 6},
                      {{0x80, 14, 1, 0, 0x80, 14, 1, 0}, 8},
                      {{0, 99, 0, 0, 0, 99, 0, 0}, 8},
                      {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12},
                      {{0x80, 0, 0, 0}, 4}};
    struct puppet *p = connected();
    const struct said *m;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(attributes); i++) {
        say(p);
        sa_of_attribute(p, attributes[i].b, attributes[i].len);
        say_nonce(p, 32);
        say_ts(p, PAYLOAD_TSI, p->local);
        say_ts(p, PAYLOAD_TSR, p->remote);
        m = ask(p, CREATE_CHILD_SA);
        MUST(p, m && m->response && error_of(m) == NO_PROPOSAL_CHOSEN);
    }
    alive(p, 1);
    over(p);
}

/* Each protocol ID that there could be, in proposals, Deletes and notifies: nothing of it comes back. */
static void protocol_of_the_peer_is_not_echoed(void **state)
{
    struct puppet *p = connected();
    const struct said *m;

    (void)state;
    p->w->laws.steps_max = 20000;
    for (unsigned protocol = 0; protocol < 256; protocol++) {
        uint32_t spi = 0x1234;

        if (protocol == PROTOCOL_ESP || protocol == PROTOCOL_IKE)
            continue;
        say_child(p, 0, NULL);
        proposal_of(find_out(p, PAYLOAD_SA), 0)->protocol = (uint8_t)protocol;
        m = ask(p, CREATE_CHILD_SA);
        MUST(p, m && error_of(m) == NO_PROPOSAL_CHOSEN && !part(m, PAYLOAD_NOTIFY)->u.notify.protocol);
        say(p);
        say_delete(p, (uint8_t)protocol, &spi, 1);
        say_notify_spi(p, INVALID_SELECTORS, (uint8_t)protocol, spi);
        m = ask(p, INFORMATIONAL);
        MUST(p, m && m->response && !m->in);
        p->n_inbox = p->n_heard = 0;
    }
    alive(p, 1);
    over(p);
}

/* --- an attribute of no length that does not advance
 * --------------------------------------------------------------------------------
 */

static void attributes_of_no_length(void **state)
{
    struct puppet *p = connected();
    uint8_t cp[4 + 4 * 256] = {CFG_REQUEST};
    const struct said *m;

    (void)state;
    say(p);
    say_raw(p, PAYLOAD_CP, cp, sizeof(cp)); /* 256 attributes of length 0 */
    say_raw(p, PAYLOAD_CP, cp, 4);
    for (unsigned i = 0; i < 190; i++)
        say_raw(p, PAYLOAD_VENDOR, "", 0);
    m = ask(p, INFORMATIONAL);
    MUST(p, m && m->response && !m->in);
    alive(p, 1);
    over(p);
}

/* --- something is kept of what was refused
 * ---------------------------------------------------------------------------------------------
 */

/* To the gate without the network, which remembers what it has seen. */
static void refused(struct puppet *p, uint8_t exchange)
{
    struct input in = {.kind = INPUT_PACKET, .u.packet.path = {.local = p->there, .remote = p->here}};

    p->n_inbox = p->n_heard = 0;
    in.u.packet.data = message_make(p, exchange, p->ike->next_ours++, false);
    end_step(p->gate, &in);
    world_run(p->w, 10 * MS);
    MUST(p, p->n_inbox == 1);
}

static void refuse_some(struct puppet *p, unsigned n)
{
    static const char *const words[] = {"aes128gcm16-prfsha256-ecp256", "aes256gcm16-prfsha256-ecp256-x25519"};
    struct pupil *first = p->ike;

    for (unsigned i = 0; i < n; i++) {
        p->words = words[i & 1];
        say_init(p);
        refused(p, IKE_SA_INIT);
        secret_done(&p->ike->ni), secret_done(&p->ike->ke_private), buf_done(&p->ike->init_ours), p->ike->spi_i = 0;
        p->ike = first;
        p->esp = "aes128gcm16";
        say_child(p, 0, NULL);
        refused(p, CREATE_CHILD_SA);
        p->esp = "aes256gcm16";
        p->n_inbox = p->n_heard = 0;
        arena_reset(&p->arena);
    }
}

static void refusals_leave_nothing(void **state)
{
    struct puppet *p = connected();
    size_t before;

    (void)state;
    p->w->laws.off_wire = true;
    p->w->laws.steps_max = 20000;
    refuse_some(p, 100); /* what grows once has grown */
    before = memory_in_use();
    refuse_some(p, 1000);
    MUST(p, memory_in_use() <= before + 4096);
    MUST(p, core_count(p->gate->core).ike_sas == 1 && core_count(p->gate->core).exchanges == 0);
    alive(p, 1);
    over(p);
}

/* --- what was deleted is used by the rest of the message
 * -------------------------------------------------------------------------------
 */

static void deleted_and_used_in_one_message(void **state)
{
    struct puppet *p = connected();
    uint32_t spis[64];
    const struct said *m;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(spis); i++)
        spis[i] = p->spi_in;
    say_child(p, p->spi_in, NULL); /* a rekey of what is deleted beside it */
    spis[0] = spis[1];
    say_delete(p, PROTOCOL_ESP, spis, 3);
    m = ask(p, CREATE_CHILD_SA);
    MUST(p, m && m->response && ike_sas(p, "UP") == 1);
    say(p);
    say_delete(p, PROTOCOL_ESP, spis, COUNT_OF(spis)); /* one SPI 64 times, and again */
    say_delete(p, PROTOCOL_ESP, spis, COUNT_OF(spis));
    say_notify_spi(p, INVALID_SELECTORS, PROTOCOL_ESP, spis[0]);
    m = ask(p, INFORMATIONAL);
    MUST(p, m && m->response && part(m, PAYLOAD_DELETE) && part(m, PAYLOAD_DELETE)->u.del.count == 1);
    say(p);
    say_delete(p, PROTOCOL_IKE, NULL, 0); /* the IKE SA, its children, and the IKE SA again */
    say_delete(p, PROTOCOL_ESP, spis, COUNT_OF(spis));
    say_delete(p, PROTOCOL_IKE, NULL, 0);
    say_notify(p, AUTHENTICATION_FAILED, NULL, 0);
    m = ask(p, INFORMATIONAL);
    MUST(p, m && m->response && !m->in);
    MUST(p, ike_sas(p, NULL) == 0 && xfrm_size(&p->gate->xfrm) == 0);
    over(p);
}

/* --- memory of ours in an answer
 * ---------------------------------------------------------------------------------------------------------
 */

static uint64_t conversation(int perturb)
{
    struct world *w = world_pair(5, KEEP_UP, KEEP_ANSWER);
    uint64_t digest;

    mallopt(M_PERTURB, perturb); /* fresh memory holds other bytes each time */
    w->end[0].plan[0].child[0].esp = w->end[1].plan[0].child[0].esp = "aes256-sha256-x25519 aes256gcm16-x25519";
    w->end[0].plan[0].ike = w->end[1].plan[0].ike = "aes256-sha256-prfsha256-x25519";
    w->end[0].plan[0].fragment_size = w->end[1].plan[0].fragment_size = 576;
    assert_true(go_up(w));
    for (unsigned k = 0; k < 6; k++) {
        end_order(&w->end[k & 1], ORDER_REKEY, k & 1 ? "to0" : "to1", k & 2 ? NULL : "net");
        world_run(w, 20 * SEC);
    }
    digest = w->digest;
    assert_false(w->failed);
    world_free(w);
    mallopt(M_PERTURB, 0);
    return digest;
}

/* Every byte that is sent was written: the same conversation, whatever fresh memory holds. (Under a sanitizer the fill is fixed,
 * and this shows nothing.) */
static void no_byte_that_was_not_written(void **state)
{
    uint64_t first = conversation(0x11);

    (void)state;
    assert_true(first == conversation(0xa5) && first == conversation(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_longer_than_any_buffer),
        cmocka_unit_test(key_exchange_value_of_any_length),
        cmocka_unit_test(nobody_is_configured),
        cmocka_unit_test(fragment_shorter_than_its_header),
        cmocka_unit_test(key_length_of_zero),
        cmocka_unit_test(protocol_of_the_peer_is_not_echoed),
        cmocka_unit_test(attributes_of_no_length),
        cmocka_unit_test(refusals_leave_nothing),
        cmocka_unit_test(deleted_and_used_in_one_message),
        cmocka_unit_test(no_byte_that_was_not_written),
        cmocka_unit_test(duplicate_spi_in_request),
        cmocka_unit_test(duplicate_spi_in_answer),
    };

    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
