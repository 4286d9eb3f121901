/* SPDX-License-Identifier: Apache-2.0 */
/* Values of an end: where it is and who it is. */
#include "conf/rows.h"

#include <string.h>

static bool is_any(const char *text)
{
    return strcmp(text, "any") == 0 || strcmp(text, "%any") == 0;
}

static void host_set(struct reading *r, struct conf_end *end, const char *host)
{
    end->host = host ? arena_string(r->keep, host) : NULL;
    end->addr = (struct addr){0};
    end->net = (struct prefix){0};
}

/* 255.255.255.255 and multicast: no host has it. */
static bool is_of_many(const struct addr *a)
{
    return (a->family == 4 && a->b[0] >= 224 && a->b[0] <= 239) || (a->family == 6 && a->b[0] == 0xff) ||
           (a->family == 4 && a->b[0] == 255 && a->b[1] == 255 && a->b[2] == 255 && a->b[3] == 255);
}

int conf_local_read(struct reading *r, const struct node *node, struct conf_end *end)
{
    struct addr addr;

    if (is_any(node->text)) {
        host_set(r, end, NULL);
        return 0;
    }
    if (addr_parse(node->text, &addr) < 0 || addr_is_any(&addr) || is_of_many(&addr)) {
        error_at(r, node, "local: \"%s\" is no address of ours: write an IP address; without one the route to the peer decides",
                 node->text);
        return -1;
    }
    host_set(r, end, node->text);
    end->addr = addr;
    return 0;
}

/* RFC 1123 2.1, and underscores, which are about. */
static bool is_host_name(const char *s)
{
    size_t label = 0, len = strlen(s);
    bool letter = false;

    if (len == 0 || len > 253)
        return false;
    for (const char *p = s; *p; p++) {
        bool alpha = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';

        letter |= alpha;
        if (*p == '.') {
            if (label == 0 || p[-1] == '-')
                return false;
            label = 0;
            continue;
        }
        if (!(alpha || (*p >= '0' && *p <= '9') || (*p == '-' && label)) || ++label > 63)
            return false;
    }
    return letter && s[len - 1] != '-';
}

static int network_read(struct reading *r, const struct node *node, struct conf_end *end)
{
    struct prefix net = {0};
    struct addr low, high;

    if (prefix_parse(node->text, &net) < 0) {
        error_at(r, node, "remote: \"%s\" is no network: write an address and the bits of its prefix, such as 203.0.113.0/24",
                 node->text);
        return -1;
    }
    prefix_bounds(&net, &low, &high);
    if (is_of_many(&low)) {
        error_at(r, node, "remote: %s has no hosts in it: write the network that peers come from, or \"any\"", node->text);
        return -1;
    }
    host_set(r, end, NULL);
    end->net = (struct prefix){low, net.bits};
    if (net.bits == 0)
        end->net = (struct prefix){0};
    return 0;
}

static int address_set(struct reading *r, const struct node *node, struct conf_end *end, const struct addr *addr)
{
    if (addr_is_any(addr)) {
        error_at(r, node, "remote: %s is no address of a peer: write \"any\" for a peer from anywhere", node->text);
        return -1;
    }
    if (is_of_many(addr)) {
        error_at(r, node, "remote: %s is no address of one host: write the peer's own", node->text);
        return -1;
    }
    host_set(r, end, node->text);
    end->addr = *addr;
    return 0;
}

int conf_remote_read(struct reading *r, const struct node *node, struct conf_end *end)
{
    struct addr addr;

    if (is_any(node->text)) {
        host_set(r, end, NULL);
        return 0;
    }
    if (addr_parse(node->text, &addr) == 0)
        return address_set(r, node, end, &addr);
    if (strchr(node->text, '/'))
        return network_read(r, node, end);
    if (!is_host_name(node->text)) {
        error_at(r, node, "remote: \"%s\" is neither an IP address nor a host name, a network or \"any\"%s", node->text,
                 strchr(node->text, ':') ? " (the port stands apart: remote: { address: ..., port: ... })" : "");
        return -1;
    }
    host_set(r, end, node->text);
    return 0;
}

/* "CN=gw1, O=Example": a short word of letters (or an OID) before the first equals sign. */
static bool is_dn(const char *text)
{
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789. ");

    return n > 0 && text[n] == '=';
}

static int dn_read(struct reading *r, const struct node *node, struct conf_end *end)
{
    uint8_t der[ID_DATA_MAX];
    int n;

    end->id_is_dn_pattern = strchr(node->text, '*') != NULL;
    end->id = (struct id){.type = ID_DER_ASN1_DN};
    if (end->id_is_dn_pattern)
        return 0;
    n = r->setup->dn_encode ? r->setup->dn_encode(node->text, der, sizeof(der)) : ERR_UNSUPPORTED;
    if (n < 0) {
        error_at(r, node, "id: \"%s\" is no distinguished name%s: write \"CN=name, O=Example\" in quotes", node->text,
                 n == ERR_UNSUPPORTED ? " that this program can encode" : "");
        return -1;
    }
    end->id.data = arena_copy(r->keep, span_of(der, (size_t)n));
    return 0;
}

/* `*.b.c` and `*@b.c` have a meaning, and a star elsewhere none. */
static bool is_dead_pattern(const struct id *id)
{
    const uint8_t *star = id->data.len ? memchr(id->data.p, '*', id->data.len) : NULL;

    if (!star || (id->type != ID_FQDN && id->type != ID_RFC822_ADDR))
        return false;
    return star != id->data.p || id->data.len < 3 || star[1] != (id->type == ID_FQDN ? '.' : '@') ||
           memchr(star + 1, '*', id->data.len - 1);
}

/* What reads as an identity and is meant as something else; NULL when all is well. */
static const char *id_mistake(struct reading *r, const char *text, const struct id *id)
{
    const char *name = text + 1;

    if (is_dead_pattern(id))
        return "a pattern is \"*.example.com\", \"*@example.com\" or \"CN=*, O=Example\"; for whoever the rest of the "
               "connection lets in, leave id out";
    if (text[0] == '%')
        return "for whoever the rest of the connection lets in, leave id out";
    if (text[0] == '@' && !strchr(name, '@'))
        return arena_printf(&r->tree, "for the name, write %s, without @; for all mail addresses there, \"*@%s\"", name, name);
    if (strchr(text, '.') && text[strspn(text, "0123456789.")] == '\0' && id->type == ID_FQDN)
        return "four numbers from 0 to 255 make an address; a name of digits alone is written fqdn:NAME";
    return NULL;
}

int conf_id_read(struct reading *r, const struct node *node, struct conf_end *end)
{
    uint8_t store[ID_DATA_MAX];
    struct id id = {0};
    const char *text = node->text, *mistake;

    if (!*text || strlen(text) >= ID_TEXT_MAX) {
        error_at(r, node, "id: write an address, a name, user@name, keyid:TEXT or \"CN=name, O=Example\"");
        return -1;
    }
    end->id_is_dn_pattern = false;
    if (is_dn(text)) {
        if (dn_read(r, node, end) < 0)
            return -1;
    } else {
        if (id_parse(text, store, &id) < 0) {
            error_at(r, node,
                     "id: \"%s\" is no identity: write an address, a name, user@name, keyid:TEXT or \"CN=name, O=Example\"",
                     text);
            return -1;
        }
        mistake = id_mistake(r, text, &id);
        if (mistake) {
            error_at(r, node, "id: \"%s\" fits no identity: %s", text, mistake);
            return -1;
        }
        end->id.type = id.type;
        end->id.data = arena_copy(r->keep, id.data);
    }
    end->id_text = arena_string(r->keep, text);
    return 0;
}
