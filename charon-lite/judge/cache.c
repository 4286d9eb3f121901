/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/cache.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

void cache_init(struct cache *c, const struct rng *rng)
{
    map_init(&c->map, rng);
    list_init(&c->use);
}

static void item_free(struct cache *c, struct cache_item *i)
{
    map_remove(&c->map, &i->node);
    list_remove(&i->use);
    X509_free(i->cert);
    free(i);
}

void cache_done(struct cache *c)
{
    while (!list_empty(&c->use))
        item_free(c, LIST_ITEM(c->use.next, struct cache_item, use));
    map_done(&c->map);
}

bool cache_digest(struct span der, uint8_t out[CACHE_DIGEST])
{
    return EVP_Digest(der.p, der.len, out, NULL, EVP_sha256(), NULL) == 1;
}

static void touch(struct cache *c, struct cache_item *i)
{
    list_remove(&i->use);
    list_append(c->use.next, &i->use); /* before the first: a ring has no other way to say "to the front" */
}

struct cache_item *cache_find(struct cache *c, const uint8_t digest[CACHE_DIGEST])
{
    for (struct map_node *n = map_first(&c->map, map_hash(&c->map, span_of(digest, CACHE_DIGEST))); n; n = map_more(n)) {
        struct cache_item *i = CONTAINER_OF(n, struct cache_item, node);

        if (span_equal(span_of(i->digest, CACHE_DIGEST), span_of(digest, CACHE_DIGEST))) {
            touch(c, i);
            return i;
        }
    }
    return NULL;
}

static struct cache_item *item_new(struct cache *c, const uint8_t digest[CACHE_DIGEST], X509 *cert)
{
    struct cache_item *i = calloc(1, sizeof(*i));

    if (!i || map_add(&c->map, &i->node, map_hash(&c->map, span_of(digest, CACHE_DIGEST))) != 0) {
        free(i);
        return NULL;
    }
    memcpy(i->digest, digest, CACHE_DIGEST);
    X509_up_ref(cert);
    i->cert = cert;
    touch(c, i);
    return i;
}

void cache_note(struct cache *c, const uint8_t digest[CACHE_DIGEST], struct x509_st *cert, uint64_t trust, struct cert_window w)
{
    struct cache_item *i = cache_find(c, digest);

    if (!i && c->map.count >= CACHE_MAX)
        item_free(c, LIST_ITEM(c->use.prev, struct cache_item, use));
    if (!i)
        i = item_new(c, digest, cert);
    if (!i)
        return;
    i->trust = trust;
    i->window = w;
}
