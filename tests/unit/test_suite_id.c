/* SPDX-License-Identifier: Apache-2.0 */
/* Identities: equal, matching a pattern, text and back (RFC 7296 3.5). */
#include "suite/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct id id_of(uint8_t type, const char *text)
{
    return (struct id){.type = type, .data = span_str(text)};
}

static void equality(void **state)
{
    struct id a = id_of(ID_FQDN, "gw1.Example.com"), b = id_of(ID_FQDN, "GW1.eXample.COM"),
              c = id_of(ID_KEY_ID, "gw1.Example.com");
    struct id d = id_of(ID_KEY_ID, "GW1.eXample.COM"), at = id_of(ID_FQDN, "a@b"), tick = id_of(ID_FQDN, "a`b");

    (void)state;
    assert_true(id_equal(&a, &b));
    assert_false(id_equal(&a, &c));
    assert_false(id_equal(&c, &d));     /* a key ID is bytes, not letters */
    assert_false(id_equal(&at, &tick)); /* '@' and '`' differ in the bit that letters' case is in */
    b.data.len--;
    assert_false(id_equal(&a, &b));
}

static void patterns(void **state)
{
    static const struct {
        uint8_t pattern_type;
        const char *pattern;
        uint8_t type;
        const char *id;
        bool fits;
    } rows[] = {
        {ID_NONE, "", ID_FQDN, "anything", true},
        {ID_NONE, "", ID_KEY_ID, "", true},
        {ID_FQDN, "gw.example.com", ID_FQDN, "GW.example.com", true},
        {ID_FQDN, "gw.example.com", ID_RFC822_ADDR, "gw.example.com", false},
        {ID_FQDN, "*.example.com", ID_FQDN, "gw.example.com", true},
        {ID_FQDN, "*.example.com", ID_FQDN, "a.b.EXAMPLE.com", true},
        {ID_FQDN, "*.example.com", ID_FQDN, "example.com", false},
        {ID_FQDN, "*.example.com", ID_FQDN, ".example.com", false},
        {ID_FQDN, "*.example.com", ID_FQDN, "gwexample.com", false},
        {ID_FQDN, "*.example.com", ID_FQDN, "gw.example.com.evil.org", false},
        {ID_FQDN, "*.example.com", ID_RFC822_ADDR, "gw.example.com", false},
        {ID_FQDN, "*", ID_FQDN, "gw", false}, /* a star alone is a name like any other; ID_NONE is for anyone */
        {ID_FQDN, "*.", ID_FQDN, "gw.", false},
        {ID_FQDN, "gw*.example.com", ID_FQDN, "gw1.example.com", false},
        {ID_RFC822_ADDR, "*@example.com", ID_RFC822_ADDR, "alice@example.com", true},
        {ID_RFC822_ADDR, "@example.com", ID_RFC822_ADDR, "alice@Example.com", true},
        {ID_RFC822_ADDR, "*@example.com", ID_RFC822_ADDR, "@example.com", false},
        {ID_RFC822_ADDR, "*@example.com", ID_RFC822_ADDR, "alice@sub.example.com", false},
        {ID_RFC822_ADDR, "@example.com", ID_FQDN, "alice@example.com", false},
        {ID_KEY_ID, "*.example.com", ID_KEY_ID, "gw.example.com", false},
        {ID_FQDN, "", ID_FQDN, "gw", false},
        {ID_FQDN, "gw", ID_FQDN, "", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct id pattern = id_of(rows[i].pattern_type, rows[i].pattern), id = id_of(rows[i].type, rows[i].id);

        if (id_matches(&pattern, &id) != rows[i].fits)
            fail_msg("%s and %s", rows[i].pattern, rows[i].id);
    }
}

/* A NUL inside must not hide what is before it from whoever prints the name. */
static void nul_inside(void **state)
{
    struct id pattern = id_of(ID_FQDN, "*.example.com"), id = {.type = ID_FQDN, .data = span_of("evil\0.example.com", 17)};
    char out[ID_TEXT_MAX];

    (void)state;
    assert_false(id_matches(&pattern, &id));
    assert_string_equal(id_format(&id, out), "evil\\x00.example.com");
}

static void texts(void **state)
{
    static const struct {
        const char *in;
        int err;
        uint8_t type;
        const char *out;
    } rows[] = {
        {"gw1.example.com", 0, ID_FQDN, "gw1.example.com"},
        {"192.0.2.1", 0, ID_IPV4_ADDR, "192.0.2.1"},
        {"2001:db8::1", 0, ID_IPV6_ADDR, "2001:db8::1"},
        {"alice@example.com", 0, ID_RFC822_ADDR, "alice@example.com"},
        {"keyid:6162", 0, ID_KEY_ID, "keyid:6162"},
        {"keyid:0x616263", 0, ID_KEY_ID, "keyid:616263"},
        {"keyid:alice", 0, ID_KEY_ID, "keyid:616c696365"},
        {"fqdn:192.0.2.1", 0, ID_FQDN, "192.0.2.1"},
        {"rfc822:alice", 0, ID_RFC822_ADDR, "alice"},
        {"FQDN:gw", 0, ID_FQDN, "gw"},
        {"*.example.com", 0, ID_FQDN, "*.example.com"},
        {"CN=gw, O=Example", ERR_UNSUPPORTED, 0, NULL},
        {"2.5.4.3=gw", ERR_UNSUPPORTED, 0, NULL},
        {"C = DE", ERR_UNSUPPORTED, 0, NULL},
        {"dn:CN=gw", ERR_UNSUPPORTED, 0, NULL},
        {"", ERR_BAD, 0, NULL},
        {"keyid:", ERR_BAD, 0, NULL},
        {"fqdn:", ERR_BAD, 0, NULL},
    };
    uint8_t store[ID_DATA_MAX];
    char out[ID_TEXT_MAX];
    struct id id;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int err = id_parse(rows[i].in, store, &id);

        if (err != rows[i].err)
            fail_msg("%s: %d", rows[i].in, err);
        if (err < 0)
            continue;
        assert_int_equal(id.type, rows[i].type);
        assert_string_equal(id_format(&id, out), rows[i].out);
    }
}

static void bounds(void **state)
{
    char *text = malloc(ID_DATA_MAX + 2);
    uint8_t store[ID_DATA_MAX];
    char out[ID_TEXT_MAX];
    struct id id;

    (void)state;
    memset(text, 'x', ID_DATA_MAX + 1);
    text[ID_DATA_MAX + 1] = '\0';
    assert_int_equal(id_parse(text, store, &id), ERR_LIMIT);
    text[ID_DATA_MAX] = '\0';
    assert_int_equal(id_parse(text, store, &id), 0);
    for (id.type = 0; id.type < 20; id.type++) {
        assert_true(strlen(id_format(&id, out)) < ID_TEXT_MAX);
        assert_true(strlen(id_type_name(id.type)) > 0);
    }
    id = (struct id){.type = ID_IPV4_ADDR, .data = span_of("abcde", 5)};
    assert_string_equal(id_format(&id, out), "6162636465");
    id = (struct id){.type = ID_KEY_ID};
    assert_string_equal(id_format(&id, out), "keyid:");
    id = (struct id){.type = 200, .data = span_of("a", 1)};
    assert_string_equal(id_format(&id, out), "id200:61");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality), cmocka_unit_test(patterns), cmocka_unit_test(nul_inside),
        cmocka_unit_test(texts),    cmocka_unit_test(bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
