/* SPDX-License-Identifier: Apache-2.0 */
#include "cert/cert.h"

#include <ctype.h>
#include <openssl/bio.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <string.h>
#include <strings.h>

#define DN_PARTS_MAX 32
#define DN_VALUE_MAX 256
#define DN_TYPE_MAX 64

struct part {
    ASN1_OBJECT *type;
    char value[DN_VALUE_MAX];
    size_t len;
    bool joined; /* to the part before it, by a plus sign: one multi-valued RDN */
    bool any;    /* an unquoted, unescaped asterisk */
};
struct dn {
    struct part v[DN_PARTS_MAX];
    size_t n;
};

static void dn_done(struct dn *d)
{
    while (d->n)
        ASN1_OBJECT_free(d->v[--d->n].type);
}

/* ---- text to parts */

struct cursor {
    const char *p;
    bool slashes;
};

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

/* OpenSSL's names are particular about case; people are not. */
static ASN1_OBJECT *type_named(const char *name)
{
    static const char *const known[][2] = {{"CN", "CN"},
                                           {"O", "O"},
                                           {"OU", "OU"},
                                           {"C", "C"},
                                           {"ST", "ST"},
                                           {"S", "ST"},
                                           {"L", "L"},
                                           {"DC", "DC"},
                                           {"UID", "UID"},
                                           {"SN", "SN"},
                                           {"GN", "GN"},
                                           {"G", "GN"},
                                           {"serialNumber", "serialNumber"},
                                           {"emailAddress", "emailAddress"},
                                           {"E", "emailAddress"},
                                           {"Email", "emailAddress"}};

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcasecmp(name, known[i][0]) == 0)
            return OBJ_txt2obj(known[i][1], 0);
    return OBJ_txt2obj(name, 0);
}

static int read_type(struct cursor *c, struct part *out)
{
    char name[DN_TYPE_MAX];
    size_t n;

    c->p = skip_blanks(c->p);
    n = strcspn(c->p, "= \t,/+");
    if (n == 0 || n >= sizeof(name))
        return ERR_BAD;
    memcpy(name, c->p, n);
    name[n] = '\0';
    c->p = skip_blanks(c->p + n);
    if (*c->p != '=')
        return ERR_BAD;
    c->p = skip_blanks(c->p + 1);
    out->type = type_named(name);
    return out->type ? 0 : ERR_BAD;
}

static int hex_pair(const char *p)
{
    uint8_t byte;

    if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]))
        return -1;
    return hex_parse((char[3]){p[0], p[1], '\0'}, &byte, 1) == 1 ? byte : -1;
}

/* After a backslash: two hex digits are a byte (RFC 4514 2.4), anything else is itself. */
static int read_escaped(struct cursor *c)
{
    int byte = hex_pair(c->p);

    if (byte >= 0) {
        c->p += 2;
        return byte;
    }
    return *c->p ? (uint8_t)*c->p++ : -1;
}

static bool ends_value(const struct cursor *c, bool quoted)
{
    if (quoted)
        return *c->p == '"';
    return *c->p == '\0' || *c->p == '+' || (c->slashes ? *c->p == '/' : *c->p == ',');
}

static int read_value(struct cursor *c, struct part *out)
{
    bool quoted = *c->p == '"', escaped = false;
    size_t keep = 0; /* blanks at the end do not count, unless quoted or escaped */

    c->p += quoted;
    while (!ends_value(c, quoted)) {
        int byte = (uint8_t)*c->p++;
        bool literal = byte == '\\';

        if (literal)
            byte = read_escaped(c);
        if (byte <= 0 || out->len == sizeof(out->value)) /* no end quote, a NUL, or too long */
            return ERR_BAD;
        out->value[out->len++] = (char)byte;
        escaped |= literal;
        if (literal || quoted || byte != ' ')
            keep = out->len;
    }
    if (quoted)
        c->p = skip_blanks(c->p + 1);
    out->len = keep;
    out->any = !quoted && !escaped && keep == 1 && out->value[0] == '*';
    return out->len && (!quoted || ends_value(c, false)) ? 0 : ERR_BAD;
}

static int dn_parse(const char *text, struct dn *out)
{
    struct cursor c = {.p = skip_blanks(text)};
    bool joined = false;
    int err = 0;

    *out = (struct dn){0};
    c.slashes = *c.p == '/';
    c.p += c.slashes;
    do {
        struct part *p = &out->v[out->n];

        if (out->n == DN_PARTS_MAX)
            return ERR_BAD;
        *p = (struct part){.joined = joined};
        err = read_type(&c, p);
        out->n += p->type != NULL;
        if (err == 0)
            err = read_value(&c, p);
        joined = err == 0 && *c.p == '+'; /* after an error the cursor may be past the end */
    } while (err == 0 && *c.p++);
    return err;
}

/* ---- order */

/* How particular an attribute is: names go from the country down to the person or thing. */
static int rank_of(const ASN1_OBJECT *type)
{
    switch (OBJ_obj2nid(type)) {
    case NID_countryName:
        return 0;
    case NID_domainComponent:
        return 1;
    case NID_stateOrProvinceName:
        return 2;
    case NID_localityName:
        return 3;
    case NID_organizationName:
        return 4;
    case NID_organizationalUnitName:
        return 5;
    default:
        return 6;
    }
}

static bool particular_first(const struct dn *d)
{
    return d->n > 1 && rank_of(d->v[0].type) > rank_of(d->v[d->n - 1].type);
}

/* ---- parts to a name */

static bool part_add(X509_NAME *name, const struct part *p, bool joined)
{
    return X509_NAME_add_entry_by_OBJ(name, p->type, MBSTRING_UTF8, (const uint8_t *)p->value, (int)p->len, -1,
                                      joined ? -1 : 0) == 1;
}

/* The values of a multi-valued RDN stay together when the order is turned. */
static X509_NAME *dn_name(const struct dn *d, bool backwards)
{
    X509_NAME *name = X509_NAME_new();
    bool good = name != NULL;

    for (size_t end = d->n, i; good && backwards && end > 0; end = i) {
        for (i = end - 1; i > 0 && d->v[i].joined;)
            i--;
        for (size_t k = i; good && k < end; k++)
            good = part_add(name, &d->v[k], k > i);
    }
    for (size_t i = 0; good && !backwards && i < d->n; i++)
        good = part_add(name, &d->v[i], d->v[i].joined);
    if (good)
        return name;
    X509_NAME_free(name);
    return NULL;
}

int cert_dn_encode(const char *text, uint8_t *out, size_t cap)
{
    struct dn d;
    int n = dn_parse(text, &d);
    X509_NAME *name = n == 0 ? dn_name(&d, skip_blanks(text)[0] != '/' && particular_first(&d)) : NULL;

    n = name ? i2d_X509_NAME(name, NULL) : ERR_BAD;
    if (n > 0 && (size_t)n > cap)
        n = ERR_LIMIT;
    if (n > 0)
        n = i2d_X509_NAME(name, &out);
    X509_NAME_free(name);
    dn_done(&d);
    return n == 0 ? ERR_BAD : n;
}

/* ---- names */

static X509_NAME *name_decode(struct span der)
{
    const uint8_t *p = der.p;
    X509_NAME *name = der.len && der.len <= CERT_DN_MAX ? d2i_X509_NAME(NULL, &p, (long)der.len) : NULL;

    if (name && p != der.p + der.len) {
        X509_NAME_free(name);
        name = NULL;
    }
    return name;
}

static X509_NAME *name_backwards(const X509_NAME *name)
{
    X509_NAME *turned = X509_NAME_new();
    int last = X509_NAME_entry_count(name);

    for (int i = last - 1; turned && i >= 0; i--) {
        const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
        bool joined = i < last - 1 && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, i + 1)) == X509_NAME_ENTRY_set(e);

        if (X509_NAME_add_entry(turned, e, -1, joined ? -1 : 0) != 1) {
            X509_NAME_free(turned);
            turned = NULL;
        }
    }
    return turned;
}

static bool names_equal(const X509_NAME *a, const X509_NAME *b, bool any_order)
{
    X509_NAME *turned;
    bool equal = X509_NAME_cmp(a, b) == 0;

    if (equal || !any_order)
        return equal;
    turned = name_backwards(b);
    equal = turned && X509_NAME_cmp(a, turned) == 0;
    X509_NAME_free(turned);
    return equal;
}

bool cert_dn_equal(struct span a, struct span b, bool any_order)
{
    X509_NAME *na = name_decode(a), *nb = name_decode(b);
    bool equal = na && nb && names_equal(na, nb, any_order);

    X509_NAME_free(na);
    X509_NAME_free(nb);
    return equal;
}

/* Give each `*` the value that stands in its place, and compare whole names. */
static bool fill_in(struct dn *pattern, const X509_NAME *name, bool backwards)
{
    for (size_t i = 0; i < pattern->n; i++) {
        struct part *p = &pattern->v[i];
        int at = (int)(backwards ? pattern->n - 1 - i : i);
        X509_NAME_ENTRY *e = X509_NAME_get_entry(name, at);
        uint8_t *utf8 = NULL;
        int len;

        if (!p->any)
            continue;
        if (OBJ_cmp(X509_NAME_ENTRY_get_object(e), p->type) != 0)
            return false;
        len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(e));
        if (len > 0 && (size_t)len <= sizeof(p->value))
            memcpy(p->value, utf8, p->len = (size_t)len);
        OPENSSL_free(utf8);
        if (len <= 0 || (size_t)len > sizeof(p->value))
            return false;
    }
    return true;
}

static bool matches(const struct dn *pattern, const X509_NAME *name, bool backwards)
{
    struct dn filled = *pattern; /* borrows the types */
    X509_NAME *wanted;
    bool equal;

    if (X509_NAME_entry_count(name) != (int)pattern->n || !fill_in(&filled, name, backwards))
        return false;
    wanted = dn_name(&filled, backwards);
    equal = wanted && X509_NAME_cmp(wanted, name) == 0;
    X509_NAME_free(wanted);
    return equal;
}

bool cert_dn_matches(const char *pattern, struct span der)
{
    struct dn d;
    int err = dn_parse(pattern, &d);
    X509_NAME *name = err == 0 ? name_decode(der) : NULL;
    bool yes = name && (matches(&d, name, false) || matches(&d, name, true));

    X509_NAME_free(name);
    dn_done(&d);
    return yes;
}

/* ---- name to text */

/* A slash is an ordinary character but where slashes stand between the attributes. */
static void value_print(BIO *bio, const ASN1_STRING *value, bool slashes)
{
    BIO *plain = BIO_new(BIO_s_mem());
    char *p = NULL;
    long n = 0;

    if (plain &&
        ASN1_STRING_print_ex(
            plain, value, ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_ESC_MSB | ASN1_STRFLGS_UTF8_CONVERT) > 0)
        n = BIO_get_mem_data(plain, &p);
    for (long i = 0; i < n; i++)
        BIO_printf(bio, slashes && p[i] == '/' ? "\\%c" : "%c", p[i]);
    BIO_free(plain);
}

static void entry_print(BIO *bio, const X509_NAME_ENTRY *e, bool slashes)
{
    const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(e);
    int nid = OBJ_obj2nid(type);
    char oid[DN_TYPE_MAX];

    OBJ_obj2txt(oid, sizeof(oid), type, 1);
    BIO_printf(bio, "%s=", nid == NID_undef ? oid : OBJ_nid2sn(nid));
    value_print(bio, X509_NAME_ENTRY_get_data(e), slashes);
}

static void name_print(BIO *bio, const X509_NAME *name)
{
    int n = X509_NAME_entry_count(name), set = -1;
    bool slashes = n > 1 && rank_of(X509_NAME_ENTRY_get_object(X509_NAME_get_entry(name, 0))) >
                                rank_of(X509_NAME_ENTRY_get_object(X509_NAME_get_entry(name, n - 1)));

    for (int i = 0; i < n && i < DN_PARTS_MAX; i++) {
        const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
        bool joined = i > 0 && X509_NAME_ENTRY_set(e) == set;

        BIO_puts(bio, joined ? "+" : slashes ? "/" : i > 0 ? ", " : "");
        entry_print(bio, e, slashes);
        set = X509_NAME_ENTRY_set(e);
    }
}

void cert_dn_print(struct span der, struct text *out)
{
    X509_NAME *name = name_decode(der);
    BIO *bio = BIO_new(BIO_s_mem());
    char *printed = NULL;
    long n = 0;

    if (name && bio) {
        name_print(bio, name);
        n = BIO_get_mem_data(bio, &printed);
    }
    if (n > 0) {
        text_add(out, "%.*s%s", n > CERT_DN_TEXT ? CERT_DN_TEXT : (int)n, printed, n > CERT_DN_TEXT ? "..." : "");
    } else {
        char hex[2 * 64 + 1];

        hex_format(hex, sizeof(hex), span_part(der, 0, 64));
        text_add(out, "dn:%s", hex);
    }
    BIO_free(bio);
    X509_NAME_free(name);
}
