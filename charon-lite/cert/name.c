/* SPDX-License-Identifier: Apache-2.0 */
#include "cert/cert.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

/* A name that OpenSSL's matcher takes literally: with a dot first it would match whole domains, with a wildcard or a NUL who
 * knows. */
static bool is_plain_name(struct span s)
{
    if (s.len == 0 || s.len > 255 || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '*')
            return false;
    return true;
}

static bool names_host(X509 *x, struct span name)
{
    const unsigned flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

    return is_plain_name(name) && X509_check_host(x, (const char *)name.p, name.len, flags, NULL) == 1;
}

static bool names_mail(X509 *x, struct span name)
{
    return is_plain_name(name) && X509_check_email(x, (const char *)name.p, name.len, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT) == 1;
}

static bool is_subject(X509 *x, struct span der)
{
    uint8_t *subject = NULL;
    int n = i2d_X509_NAME(X509_get_subject_name(x), &subject);
    bool yes = n > 0 && cert_dn_equal(span_of(subject, (size_t)n), der, false);

    OPENSSL_free(subject);
    return yes;
}

static bool is_key_id(X509 *x, struct span bytes)
{
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(x);

    return ski && bytes.len && span_equal(span_of(ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski)), bytes);
}

bool cert_names(struct x509_st *x, const struct id *id)
{
    switch (id->type) {
    case ID_IPV4_ADDR:
        return id->data.len == 4 && X509_check_ip(x, id->data.p, 4, 0) == 1;
    case ID_IPV6_ADDR:
        return id->data.len == 16 && X509_check_ip(x, id->data.p, 16, 0) == 1;
    case ID_FQDN:
        return names_host(x, id->data);
    case ID_RFC822_ADDR:
        return names_mail(x, id->data);
    case ID_DER_ASN1_DN:
        return is_subject(x, id->data);
    case ID_KEY_ID:
        return is_key_id(x, id->data);
    default:
        return false;
    }
}

bool cert_id_wanted(const struct id *wanted, const char *dn_pattern, const struct id *id)
{
    if (dn_pattern)
        return id->type == ID_DER_ASN1_DN && cert_dn_matches(dn_pattern, id->data);
    if (wanted->type == ID_DER_ASN1_DN)
        return id->type == ID_DER_ASN1_DN && cert_dn_equal(wanted->data, id->data, true);
    return id_matches(wanted, id);
}

static void alt_format(const GENERAL_NAME *g, struct text *out)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(g, &type);
    char addr[ADDR_TEXT_MAX];
    struct addr a;

    if (type != GEN_DNS && type != GEN_EMAIL && type != GEN_IPADD)
        return;
    if (type != GEN_IPADD) {
        text_add_bytes(out, span_part(span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)), 0, 80));
    } else {
        a = addr_from_span(span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)));
        text_add(out, "%s", a.family ? addr_format(&a, addr) : "a broken address");
    }
    text_add(out, ", ");
}

void cert_names_print(struct x509_st *x, struct text *out)
{
    GENERAL_NAMES *alts = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(alts) && i < 8; i++)
        alt_format(sk_GENERAL_NAME_value(alts, i), out);
    GENERAL_NAMES_free(alts);
    cert_print(x, out);
}
