/* SPDX-License-Identifier: Apache-2.0 */
#include "suite/id.h"

#include <string.h>
#include <strings.h>

static bool type_ignores_case(uint8_t type)
{
    return type == ID_FQDN || type == ID_RFC822_ADDR;
}

static bool bytes_equal(struct span a, struct span b, bool ignore_case)
{
    if (a.len != b.len)
        return false;
    if (!ignore_case)
        return span_equal(a, b);
    for (size_t i = 0; i < a.len; i++) {
        uint8_t x = a.p[i], y = b.p[i];

        if (x != y && ((x | 0x20) != (y | 0x20) || (x | 0x20) < 'a' || (x | 0x20) > 'z'))
            return false;
    }
    return true;
}

bool id_equal(const struct id *a, const struct id *b)
{
    return a->type == b->type && bytes_equal(a->data, b->data, type_ignores_case(a->type));
}

/* "*.example.com" and "*@example.com": what follows the star must end the identity, and something must stand before it. */
static bool tail_matches(struct span tail, struct span data)
{
    return data.len > tail.len && tail.len > 1 && bytes_equal(tail, span_part(data, data.len - tail.len, tail.len), true);
}

bool id_matches(const struct id *pattern, const struct id *id)
{
    struct span p = pattern->data;

    if (pattern->type == ID_NONE || id_equal(pattern, id))
        return true;
    if (pattern->type != id->type || p.len < 2 || memchr(id->data.p ? id->data.p : p.p, '\0', id->data.len))
        return false;
    if (pattern->type == ID_FQDN && p.p[0] == '*' && p.p[1] == '.')
        return tail_matches(span_part(p, 1, p.len), id->data);
    if (pattern->type == ID_RFC822_ADDR && p.p[0] == '*' && p.p[1] == '@')
        return tail_matches(span_part(p, 1, p.len), id->data);
    if (pattern->type == ID_RFC822_ADDR && p.p[0] == '@')
        return tail_matches(p, id->data);
    return false;
}

const char *id_type_name(uint8_t type)
{
    static const char *const names[] = {
        [ID_IPV4_ADDR] = "ID_IPV4_ADDR",
        [ID_FQDN] = "ID_FQDN",
        [ID_RFC822_ADDR] = "ID_RFC822_ADDR",
        [ID_IPV6_ADDR] = "ID_IPV6_ADDR",
        [ID_DER_ASN1_DN] = "ID_DER_ASN1_DN",
        [ID_DER_ASN1_GN] = "ID_DER_ASN1_GN",
        [ID_KEY_ID] = "ID_KEY_ID",
        [12] = "ID_FC_NAME",
        [13] = "ID_NULL",
    };

    return type < COUNT_OF(names) && names[type] ? names[type] : "unknown";
}

static void hex_add(struct text *out, struct span s)
{
    char hex[2 * 128 + 1];

    hex_format(hex, sizeof(hex), span_part(s, 0, 128));
    text_add(out, "%s%s", hex, s.len > 128 ? "..." : "");
}

const char *id_format(const struct id *id, char out[ID_TEXT_MAX])
{
    struct text text = text_in(out, ID_TEXT_MAX);
    struct addr addr = addr_from_span(id->data);
    char a[ADDR_TEXT_MAX];

    switch (id->type) {
    case ID_NONE:
        text_add(&text, "any");
        break;
    case ID_FQDN:
    case ID_RFC822_ADDR:
        text_add_bytes(&text, id->data);
        break;
    case ID_IPV4_ADDR:
    case ID_IPV6_ADDR:
        if (addr.family == (id->type == ID_IPV4_ADDR ? 4 : 6))
            text_add(&text, "%s", addr_format(&addr, a));
        else
            hex_add(&text, id->data);
        break;
    case ID_DER_ASN1_DN:
        text_add(&text, "dn:");
        hex_add(&text, id->data);
        break;
    case ID_KEY_ID:
        text_add(&text, "keyid:");
        hex_add(&text, id->data);
        break;
    default:
        text_add(&text, "id%u:", id->type);
        hex_add(&text, id->data);
    }
    return out;
}

static int id_store(uint8_t type, struct span data, uint8_t *store, struct id *out)
{
    if (data.len == 0)
        return ERR_BAD;
    if (data.len > ID_DATA_MAX)
        return ERR_LIMIT;
    memcpy(store, data.p, data.len);
    *out = (struct id){.type = type, .data = span_of(store, data.len)};
    return 0;
}

static int key_id_parse(const char *text, uint8_t *store, struct id *out)
{
    uint8_t bytes[ID_DATA_MAX];
    int n = strlen(text) % 2 == 0 || strncmp(text, "0x", 2) == 0 ? hex_parse(text, bytes, sizeof(bytes)) : ERR_BAD;

    if (n > 0)
        return id_store(ID_KEY_ID, span_of(bytes, (size_t)n), store, out);
    return id_store(ID_KEY_ID, span_str(text), store, out);
}

/* A name=value word at the front makes it a distinguished name: "CN=gw, O=Example". */
static bool is_dn(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.");

    return n > 0 && text[n + strspn(text + n, " ")] == '=';
}

int id_parse(const char *text, uint8_t *store, struct id *out)
{
    struct addr addr;

    if (strncasecmp(text, "keyid:", 6) == 0)
        return key_id_parse(text + 6, store, out);
    if (strncasecmp(text, "fqdn:", 5) == 0)
        return id_store(ID_FQDN, span_str(text + 5), store, out);
    if (strncasecmp(text, "rfc822:", 7) == 0)
        return id_store(ID_RFC822_ADDR, span_str(text + 7), store, out);
    if (strncasecmp(text, "dn:", 3) == 0 || is_dn(text))
        return ERR_UNSUPPORTED;
    if (addr_parse(text, &addr) == 0)
        return id_store(addr.family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR, addr_span(&addr), store, out);
    return id_store(strchr(text, '@') ? ID_RFC822_ADDR : ID_FQDN, span_str(text), store, out);
}
