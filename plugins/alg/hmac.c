/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC with SHA-1 and SHA-2 as PRF and as integrity check: RFC 2104, 2404, 4868. The hash is the library's; the two pads are put
 * around it here, for its HMAC costs two to three times as much on what IKE gives it: a block or two under a key that is new, and
 * a handshake has seventeen (docs/design.md). */
#include "suite/alg.h"

#include "per_thread.h"

#include <openssl/evp.h>
#include <string.h>

enum { HASH_SHA1, HASH_SHA256, HASH_SHA384, HASH_SHA512, N_HASHES, BLOCK_MAX = 128 };

static const uint8_t hash_lens[N_HASHES] = {20, 32, 48, 64};
static const uint8_t hash_blocks[N_HASHES] = {64, 64, 128, 128};
static const char *const hash_names[N_HASHES] = {"SHA1", "SHA256", "SHA384", "SHA512"};

/* What a thread keeps of each hash: the states after both pads, half the work of the next HMAC if that comes with the same key,
 * as in prf+ (RFC 7296 2.13). */
struct keyed {
    EVP_MD *md;
    EVP_MD_CTX *inner, *outer, *work;
    uint8_t key[BLOCK_MAX];
    size_t key_len; /* 0 = no key is kept */
};

static void all_free(void *all)
{
    for (struct keyed *k = all; k < (struct keyed *)all + N_HASHES; k++) {
        EVP_MD_CTX_free(k->inner);
        EVP_MD_CTX_free(k->outer);
        EVP_MD_CTX_free(k->work);
        EVP_MD_free(k->md);
        secret_wipe(k, sizeof(*k));
    }
    free(all);
}

static struct per_thread kept = PER_THREAD(N_HASHES * sizeof(struct keyed), all_free);

static bool keyed_open(unsigned hash, struct keyed *k)
{
    if (k->work)
        return true;
    if (!k->md)
        k->md = EVP_MD_fetch(NULL, hash_names[hash], NULL);
    if (!k->inner)
        k->inner = EVP_MD_CTX_new();
    if (!k->outer)
        k->outer = EVP_MD_CTX_new();
    if (k->md && k->inner && k->outer)
        k->work = EVP_MD_CTX_new();
    return k->work != NULL;
}

static bool pad_start(const struct keyed *k, size_t block_len, const uint8_t *key, uint8_t pad, EVP_MD_CTX *ctx)
{
    const uint64_t pads = 0x0101010101010101 * (uint64_t)pad;
    uint8_t block[BLOCK_MAX];
    bool ok;

    for (size_t i = 0; i < block_len; i += sizeof(pads)) {
        uint64_t word;

        memcpy(&word, key + i, sizeof(word));
        word ^= pads;
        memcpy(block + i, &word, sizeof(word));
    }
    ok = EVP_DigestInit_ex2(ctx, k->md, NULL) == 1 && EVP_DigestUpdate(ctx, block, block_len) == 1;
    secret_wipe(block, sizeof(block));
    return ok;
}

/* A key longer than a block is hashed first. */
static bool key_whole(const struct keyed *k, size_t block_len, struct span key, uint8_t whole[BLOCK_MAX])
{
    memset(whole, 0, BLOCK_MAX);
    if (key.len <= block_len) {
        if (key.len)
            memcpy(whole, key.p, key.len);
        return true;
    }
    return EVP_DigestInit_ex2(k->work, k->md, NULL) == 1 && EVP_DigestUpdate(k->work, key.p, key.len) == 1 &&
           EVP_DigestFinal_ex(k->work, whole, NULL) == 1;
}

static bool keyed_make(unsigned hash, struct span key, struct keyed *k)
{
    size_t block_len = hash_blocks[hash];
    uint8_t whole[BLOCK_MAX];
    bool ok = key_whole(k, block_len, key, whole) && pad_start(k, block_len, whole, 0x36, k->inner) &&
              pad_start(k, block_len, whole, 0x5c, k->outer);

    secret_wipe(whole, sizeof(whole));
    k->key_len = 0;
    if (ok && key.len && key.len <= sizeof(k->key)) {
        memcpy(k->key, key.p, key.len);
        k->key_len = key.len;
    }
    return ok;
}

static const struct keyed *keyed_of(unsigned hash, struct span key)
{
    struct keyed *all = per_thread(&kept), *k = all ? &all[hash] : NULL;

    if (!k || !keyed_open(hash, k))
        return NULL;
    if (k->key_len && secret_equal(key, span_of(k->key, k->key_len)))
        return k;
    return keyed_make(hash, key, k) ? k : NULL;
}

static unsigned hash_of(const struct alg *a)
{
    unsigned hash = 0;

    while (hash < N_HASHES - 1 && hash_lens[hash] != a->key_len)
        hash++;
    return hash;
}

static bool hmac_whole(unsigned hash, struct span key, const struct span *parts, size_t n_parts, uint8_t *out)
{
    const struct keyed *k = keyed_of(hash, key);
    bool ok = k && EVP_MD_CTX_copy_ex(k->work, k->inner) == 1;

    for (size_t i = 0; i < n_parts && ok; i++)
        ok = parts[i].len == 0 || EVP_DigestUpdate(k->work, parts[i].p, parts[i].len) == 1;
    return ok && EVP_DigestFinal_ex(k->work, out, NULL) == 1 && EVP_MD_CTX_copy_ex(k->work, k->outer) == 1 &&
           EVP_DigestUpdate(k->work, out, hash_lens[hash]) == 1 && EVP_DigestFinal_ex(k->work, out, NULL) == 1;
}

static int hmac(const struct alg *a, struct span key, const struct span *parts, size_t n_parts, uint8_t *out)
{
    bool fits = a->type == TRANSFORM_PRF || key.len == a->key_len; /* INTEG keys have one length (RFC 4868 2.1.1) */
    uint8_t whole[64];
    bool ok = fits && hmac_whole(hash_of(a), key, parts, n_parts, whole);

    if (ok)
        memcpy(out, whole, a->type == TRANSFORM_PRF ? a->out_len : a->icv_len);
    secret_wipe(whole, sizeof(whole));
    return ok ? 0 : ERR_CRYPTO;
}

static const struct alg_mac hmac_mac = {.mac = hmac};

static const struct alg_vector prfsha256_vectors[] = {
    {.source = "RFC 4868 2.7.1 PRF-1",
     .key = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     .input = "4869205468657265",
     .output = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {.source = "RFC 4868 2.7.1 PRF-2",
     .key = "4a656665",
     .input = "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     .output = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {.source = "RFC 4868 2.7.1 PRF-3",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
     .output = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {.source = "RFC 4868 2.7.1 PRF-4",
     .key = "0102030405060708090a0b0c0d0e0f10111213141516171819",
     .input = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
     .output = "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {.source = "RFC 4868 2.7.1 PRF-5",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b657920466972"
              "7374",
     .output = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {.source = "RFC 4868 2.7.1 PRF-6",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e"
              "642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f206265"
              "20686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e",
     .output = "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    {0},
};
static const struct alg_vector sha256_vectors[] = {
    {.source = "RFC 4868 2.7.2 AUTH256-1",
     .key = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     .input = "4869205468657265",
     .output = "198a607eb44bfbc69903a0f1cf2bbdc5"},
    {.source = "RFC 4868 2.7.2 AUTH256-2",
     .key = "4a6566654a6566654a6566654a6566654a6566654a6566654a6566654a656665",
     .input = "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     .output = "167f928588c5cc2eef8e3093caa0e87c"},
    {.source = "RFC 4868 2.7.2 AUTH256-3",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
     .output = "cdcb1220d1ecccea91e53aba3092f962"},
    {.source = "RFC 4868 2.7.2 AUTH256-4",
     .key = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
     .input = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
     .output = "372efcf9b40b35c2115b1346903d2ef4"},
    {0},
};
static const struct alg_vector prfsha384_vectors[] = {
    {.source = "RFC 4868 2.7.1 PRF-1",
     .key = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     .input = "4869205468657265",
     .output = "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"},
    {.source = "RFC 4868 2.7.1 PRF-2",
     .key = "4a656665",
     .input = "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     .output = "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
    {.source = "RFC 4868 2.7.1 PRF-3",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
     .output = "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27"},
    {.source = "RFC 4868 2.7.1 PRF-4",
     .key = "0102030405060708090a0b0c0d0e0f10111213141516171819",
     .input = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
     .output = "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb"},
    {.source = "RFC 4868 2.7.1 PRF-5",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b657920466972"
              "7374",
     .output = "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"},
    {.source = "RFC 4868 2.7.1 PRF-6",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e"
              "642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f206265"
              "20686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e",
     .output = "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e"},
    {0},
};
static const struct alg_vector sha384_vectors[] = {
    {.source = "RFC 4868 2.7.2 AUTH384-1",
     .key = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     .input = "4869205468657265",
     .output = "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973"},
    {.source = "RFC 4868 2.7.2 AUTH384-2",
     .key = "4a6566654a6566654a6566654a6566654a6566654a6566654a6566654a6566654a6566654a6566654a6566654a656665",
     .input = "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     .output = "2c7353974f1842fd66d53c452ca42122b28c0b594cfb184d"},
    {.source = "RFC 4868 2.7.2 AUTH384-3",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
     .output = "809f439be00274321d4a538652164b53554a508184a0c316"},
    {.source = "RFC 4868 2.7.2 AUTH384-4",
     .key = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f200a0b0c0d0e0f10111213141516171819",
     .input = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
     .output = "5b540085c6e6358096532b2493609ed1cb298f774f87bb5c"},
    {0},
};
static const struct alg_vector prfsha512_vectors[] = {
    {.source = "RFC 4868 2.7.1 PRF-1",
     .key = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     .input = "4869205468657265",
     .output = "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914e"
               "eb61f1702e696c203a126854"},
    {.source = "RFC 4868 2.7.1 PRF-2",
     .key = "4a656665",
     .input = "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     .output = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a3"
               "4d4a6b4b636e070a38bce737"},
    {.source = "RFC 4868 2.7.1 PRF-3",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
     .output = "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337"
               "bee8942674278859e13292fb"},
    {.source = "RFC 4868 2.7.1 PRF-4",
     .key = "0102030405060708090a0b0c0d0e0f10111213141516171819",
     .input = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
     .output = "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741"
               "120c4f2de2adebeb10a298dd"},
    {.source = "RFC 4868 2.7.1 PRF-5",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b657920466972"
              "7374",
     .output = "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73"
               "f63f0aec8b915a985d786598"},
    {.source = "RFC 4868 2.7.1 PRF-6",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e"
              "642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f206265"
              "20686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e",
     .output = "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb"
               "6de0446065c97440fa8c6a58"},
    {0},
};
static const struct alg_vector sha512_vectors[] = {
    {.source = "RFC 4868 2.7.2 AUTH512-1",
     .key = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
            "0b0b0b0b0b0b0b0b0b0b0b",
     .input = "4869205468657265",
     .output = "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8"},
    {.source = "RFC 4868 2.7.2 AUTH512-2",
     .key = "4a6566654a6566654a6566654a6566654a6566654a6566654a6566654a6566654a6566654a6566654a6566654a6566654a6566654a"
            "6566654a6566654a656665",
     .input = "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     .output = "cb370917ae8a7ce28cfd1d8f4705d6141c173b2a9362c15df235dfb251b15454"},
    {.source = "RFC 4868 2.7.2 AUTH512-3",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaa",
     .input = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
     .output = "2ee7acd783624ca9398710f3ee05ae41b9f9b0510c87e49e586cc9bf961733d8"},
    {.source = "RFC 4868 2.7.2 AUTH512-4",
     .key = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435"
            "363738393a3b3c3d3e3f40",
     .input = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
     .output = "5e6688e5a3daec826ca32eaea224eff5e700628947470e13ad01302561bab108"},
    {0},
};
static const struct alg_vector prfsha1_vectors[] = {
    {.source = "RFC 2202 3 test case 1",
     .key = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     .input = "4869205468657265",
     .output = "b617318655057264e28bc0b6fb378c8ef146be00"},
    {.source = "RFC 2202 3 test case 2",
     .key = "4a656665",
     .input = "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     .output = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {.source = "RFC 2202 3 test case 3",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
     .output = "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
    {.source = "RFC 2202 3 test case 4",
     .key = "0102030405060708090a0b0c0d0e0f10111213141516171819",
     .input = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
     .output = "4c9007f4026250c6bc8414f9bf50c86c2d7235da"},
    {0},
};
static const struct alg_vector sha1_vectors[] = {
    {.source = "RFC 2202 3 test case 1, cut by RFC 2404",
     .key = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     .input = "4869205468657265",
     .output = "b617318655057264e28bc0b6"},
    {.source = "RFC 2202 3 test case 3, cut by RFC 2404",
     .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .input = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
     .output = "125d7342b9ac11cd91a39af4"},
    {0},
};

static const struct alg prfsha1 = {
    .type = TRANSFORM_PRF,
    .id = 2,
    .flags = ALG_IKE | ALG_LEGACY,
    .name = "prfsha1",
    .iana = "PRF_HMAC_SHA1",
    .rfc = "RFC 2104",
    .key_len = 20,
    .out_len = 20,
    .mac = &hmac_mac,
    .vectors = prfsha1_vectors,
};
static const struct alg sha1 = {
    .type = TRANSFORM_INTEG,
    .id = 2,
    .flags = ALG_IKE | ALG_ESP | ALG_LEGACY,
    .name = "sha1",
    .alias = "sha",
    .iana = "AUTH_HMAC_SHA1_96",
    .rfc = "RFC 2404",
    .key_len = 20,
    .icv_len = 12,
    .xfrm_name = "hmac(sha1)",
    .mac = &hmac_mac,
    .vectors = sha1_vectors,
};
static const struct alg prfsha256 = {
    .type = TRANSFORM_PRF,
    .id = 5,
    .flags = ALG_IKE | ALG_DEFAULT,
    .name = "prfsha256",
    .iana = "PRF_HMAC_SHA2_256",
    .rfc = "RFC 4868",
    .key_len = 32,
    .out_len = 32,
    .mac = &hmac_mac,
    .vectors = prfsha256_vectors,
};
static const struct alg sha256 = {
    .type = TRANSFORM_INTEG,
    .id = 12,
    .flags = ALG_IKE | ALG_ESP | ALG_DEFAULT,
    .name = "sha256",
    .alias = "sha2_256",
    .iana = "AUTH_HMAC_SHA2_256_128",
    .rfc = "RFC 4868",
    .key_len = 32,
    .icv_len = 16,
    .xfrm_name = "hmac(sha256)",
    .mac = &hmac_mac,
    .vectors = sha256_vectors,
};
static const struct alg prfsha384 = {
    .type = TRANSFORM_PRF,
    .id = 6,
    .flags = ALG_IKE | ALG_DEFAULT,
    .name = "prfsha384",
    .iana = "PRF_HMAC_SHA2_384",
    .rfc = "RFC 4868",
    .key_len = 48,
    .out_len = 48,
    .mac = &hmac_mac,
    .vectors = prfsha384_vectors,
};
static const struct alg sha384 = {
    .type = TRANSFORM_INTEG,
    .id = 13,
    .flags = ALG_IKE | ALG_ESP | ALG_DEFAULT,
    .name = "sha384",
    .alias = "sha2_384",
    .iana = "AUTH_HMAC_SHA2_384_192",
    .rfc = "RFC 4868",
    .key_len = 48,
    .icv_len = 24,
    .xfrm_name = "hmac(sha384)",
    .mac = &hmac_mac,
    .vectors = sha384_vectors,
};
static const struct alg prfsha512 = {
    .type = TRANSFORM_PRF,
    .id = 7,
    .flags = ALG_IKE | ALG_DEFAULT,
    .name = "prfsha512",
    .iana = "PRF_HMAC_SHA2_512",
    .rfc = "RFC 4868",
    .key_len = 64,
    .out_len = 64,
    .mac = &hmac_mac,
    .vectors = prfsha512_vectors,
};
static const struct alg sha512 = {
    .type = TRANSFORM_INTEG,
    .id = 14,
    .flags = ALG_IKE | ALG_ESP | ALG_DEFAULT,
    .name = "sha512",
    .alias = "sha2_512",
    .iana = "AUTH_HMAC_SHA2_512_256",
    .rfc = "RFC 4868",
    .key_len = 64,
    .icv_len = 32,
    .xfrm_name = "hmac(sha512)",
    .mac = &hmac_mac,
    .vectors = sha512_vectors,
};

extern const struct alg *const alg_hmac[];
const struct alg *const alg_hmac[] = {&prfsha1, &sha1, &prfsha256, &sha256, &prfsha384, &sha384, &prfsha512, &sha512, NULL};
