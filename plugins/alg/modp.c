/* SPDX-License-Identifier: Apache-2.0 */
/* Diffie-Hellman modulo a safe prime p: RFC 7296 B.2, RFC 3526. Generator 2; public values and secrets are as long as p. The
 * peer's value r must satisfy 1 < r < p - 1 (RFC 6989 2.1), which is all there is to check where p is safe. Exponents are short,
 * twice the strength of the group in bits and a little more (SP 800-56A rev. 3, RFC 7919): much cheaper, and no weaker. */
#include "suite/alg.h"

#include "per_thread.h"

#include <openssl/bn.h>
#include <stdlib.h>

enum { GROUP_ID_MAX = 18 };

/* What a group needs, kept by each thread from its first use on. */
struct group {
    BIGNUM *p, *top; /* top = p - 1 */
    BN_MONT_CTX *mont;
    BN_CTX *numbers;
};

static BIGNUM *prime_of(uint16_t id)
{
    switch (id) {
    case 2:
        return BN_get_rfc2409_prime_1024(NULL);
    case 5:
        return BN_get_rfc3526_prime_1536(NULL);
    case 14:
        return BN_get_rfc3526_prime_2048(NULL);
    case 15:
        return BN_get_rfc3526_prime_3072(NULL);
    case 16:
        return BN_get_rfc3526_prime_4096(NULL);
    case 17:
        return BN_get_rfc3526_prime_6144(NULL);
    case 18:
        return BN_get_rfc3526_prime_8192(NULL);
    default:
        return NULL;
    }
}

static void group_done(struct group *g)
{
    BN_free(g->p);
    BN_free(g->top);
    BN_MONT_CTX_free(g->mont);
    BN_CTX_free(g->numbers);
    *g = (struct group){0};
}

/* Groups by number, made by each thread for itself and freed with it: workers come and go. */
static void groups_free(void *groups)
{
    for (size_t i = 0; i <= GROUP_ID_MAX; i++)
        group_done((struct group *)groups + i);
    free(groups);
}

static struct per_thread kept = PER_THREAD((GROUP_ID_MAX + 1) * sizeof(struct group), groups_free);

static const struct group *group_of(const struct alg *a)
{
    struct group *groups = per_thread(&kept), *g;

    if (!groups)
        return NULL;
    g = &groups[a->id];
    if (g->p)
        return g;
    g->p = prime_of(a->id);
    g->top = g->p ? BN_dup(g->p) : NULL;
    g->mont = BN_MONT_CTX_new();
    g->numbers = BN_CTX_new();
    if (g->top && g->mont && g->numbers && BN_sub_word(g->top, 1) == 1 && BN_MONT_CTX_set(g->mont, g->p, g->numbers) == 1)
        return g;
    group_done(g);
    return NULL;
}

/* out = base ^ exponent mod p in constant time, as long as p. */
static int power(const struct group *g, const BIGNUM *base, struct span exponent, uint8_t *out, size_t len)
{
    BIGNUM *x = BN_secure_new(), *r = BN_secure_new();
    bool ok = x && r && BN_bin2bn(exponent.p, (int)exponent.len, x);

    if (ok) {
        BN_set_flags(x, BN_FLG_CONSTTIME);
        ok = BN_mod_exp_mont_consttime(r, base, x, g->p, g->numbers, g->mont) == 1 && BN_bn2binpad(r, out, (int)len) == (int)len;
    }
    BN_clear_free(x);
    BN_clear_free(r);
    return ok ? 0 : ERR_CRYPTO;
}

/* The exponent has its highest bit set: its length, and with it the time, is always the same. */
static int modp_generate(const struct alg *a, const struct rng *rng, struct secret *private_value, uint8_t *public_value)
{
    const struct group *g = group_of(a);
    BIGNUM *two = BN_new();
    int err = g && two && BN_set_word(two, 2) == 1 ? secret_new(private_value, a->private_len) : ERR_CRYPTO;

    if (err == 0) {
        rng->fill(rng->ctx, private_value->p, private_value->len);
        private_value->p[0] |= 0x80;
        err = power(g, two, secret_view(private_value), public_value, a->public_len);
        if (err < 0)
            secret_done(private_value);
    }
    BN_free(two);
    return err;
}

static int modp_derive(const struct alg *a, struct span private_value, struct span peer_public, struct secret *shared)
{
    const struct group *g = group_of(a);
    BIGNUM *peer;
    int err = ERR_CRYPTO;

    if (!g || private_value.len != a->private_len || peer_public.len != a->public_len)
        return ERR_CRYPTO;
    peer = BN_bin2bn(peer_public.p, (int)peer_public.len, NULL);
    if (peer && BN_cmp(peer, BN_value_one()) > 0 && BN_cmp(peer, g->top) < 0)
        err = secret_new(shared, a->secret_len);
    if (err == 0) {
        err = power(g, peer, private_value, shared->p, shared->len);
        if (err < 0)
            secret_done(shared);
    }
    BN_free(peer);
    return err;
}

static const struct alg_ke modp_ke = {.generate = modp_generate, .derive = modp_derive};

static const struct alg_vector modp1024_vectors[] = {
    {.source = "Python pow()",
     .key = "9133dfe17069723fdd3123bda4251d56e6e2fea9acbf4bc9180b399613445588",
     .iv = "32deec1bef401c8ff451184ea4199d45bf1e2ccfc2640cd05cd273241e2083db683211ad7f70fbd9cbfa2dfa103ea0e28f4e5a5d3032"
           "206528015ef9f3d8e404eb46ff9dcc97852424d6baaad991a6447a8a4545a6ea186ac7b51c33cfb292b8b5f79525e953e7a211fb6fe1"
           "670e58ef0bfbc2e28cebae51de00373e346da1fb",
     .input = "ffb38a26855dbb0ccad488be4e6c856e4542d185022ff082e8deec57d12c57185c1ce03a57a08bc28fdf9ccdcb6c8e0fb11f6359"
              "e617f4eb5f3ce1feb1decbc79e3bfd637953d915052196747a16e7eaa2351ec55b3c6a0d85cc8a9c827d5d4b16478c727756dd29"
              "4fb3e9e92236f4e3ca1d6cadfa7eb0a142b85cb7ac47b359",
     .output = "7683e527114df8156babb8ee62156f79f4600027784e20b956e8010b7be7dc6e483e0e173168f02fb62e8b187acfbf7b1555363f"
               "8f4e3281ecd3bce134e9ed4440b03c4a93a8fe241b444ff9418208488a6e83cca1e5089d7f625bd6719f529cccbfda2bd84c9fee"
               "e16c547c14f4b1e2b0793a39bcaa74394209f814ff9d0cda"},
    {.source = "Python pow(), a secret that begins with a zero",
     .key = "9133dfe17069723fdd3123bda4251d56e6e2fea9acbf4bc9180b399613445588",
     .input = "58e1b8b80c9574e848c9eb8ed4eb542b9010558442ba5b327e4781da2b001eef17f399dda4bd70100d13d0addc24ec231a5b867c"
              "b9bb46a117c5ac571dd62c2ed26c1c1196f19f4040816e1a0c77b9273e8eef2a546150c212437622e8536bc93a3683d5e84fd39b"
              "bc7b331695bb58a65a469affdfd8e8c25f658fd9598ec613",
     .output = "008fcfe2b7c47d6b975cb7190a03cbbac5fbea2641df948001568dd99ff9118b0176fd7f17c48527da8145925c9e301f3d999c43"
               "19e8e887909c11dfac98cb4cf1bca88b65785e8b22a2de21f022c253041f8aaf6fafc4c2ef8a5a4b23a37f06611967cb26b32fcf"
               "6931c2d1cb72887b4bac9116d31f95e290f59b7d6878b454"},
    {0},
};
static const struct alg_vector modp1536_vectors[] = {
    {.source = "Python pow()",
     .key = "f21f348cc1365a4e1d5e2e7578ef6cf0742fe896b601c31df0cf55ce85b02aa6",
     .iv = "eefe967f38811a50b4b7ffaa41c10127cef194be80712ff2deeda9a8d9493fc0e14e5aea2726e99d7d1e0c9c4d4017ccc6745fbd6bca"
           "6eeaf23decf9290a0415b14d7c5238c8fe4a7b16c1a13f94bde9a6f1d63798d6b1ec24fda27613080b144770d0b50e8b1b99f52e8c81"
           "72e18a56f6125dc409099b3a6ea17cd4685c3c434f2a6c1c4b6d242c453a21d8a9101e20f45c7ffbba30dbdfe34f55854c4c07f68942"
           "ab96c67ef17d0ab49f396cc5279c96cc63d491012b117af520a43a1e3880",
     .input = "03759e3ea29019556357d08e5e24afdbc6328159e0ecea1bee645ca10e1b3c0ff99397ffbd8023e9574adbf700cb583a8b6bc45d"
              "ef40be08c16cfe82f142012e066c282866269f1d4cdc78ea19e0052e81924ddfd2ef6503f8ba2480baaeb9e4b3794de4f5b55fbb"
              "9113cb2beda5aa600756dd3e7cecd921b2eb43b520348f23dde929a9dfa44da694132bc4bdceead6e0d1fc50895b02fb5cce80ac"
              "5d96d7a34ac9d3b0a29de75d10d2ae34e8db0f3f9fdff8b899a24c4794c14592b3b75cad",
     .output = "439b98a79a95d7945ef0da4d1135c55c061c72736772148f463fd59647c0c72de5f4bc44897101a75c6ddb90454e79b832b5cc92"
               "4fa0e40b3f39894fc26f5ecada83a4100e5572d1803574988a88af7ade9cb9534c8cbed47e34c77c16d4a0401fd3d24db7403b7b"
               "ffea60f5abcf7a930eab5bd1f785cad23f283367479c3a47eb94ff73d1c3fda75c15a1016b1c48ea914cb49a7e13b4c7a8d586c7"
               "a8cb009a64d6632c9bade8588a943535082170fe21e19132ba6afe17be9a354369156464"},
    {0},
};
static const struct alg_vector modp2048_vectors[] = {
    {.source = "Python pow()",
     .key = "c6b945898714588ee684b08b421173f1116d8da5d1646f4a363bea1c5312eac1",
     .iv = "2a617e88466d826b1904ed8bb65fbf5d600eb4a5383deda3b4419e6c108504a0565958fcd07742fc5f65b45589cc32a9b974e91ace16"
           "d58baf8833b29da8d143ec64da66bbcc51b91ea8433484f9fc59cf812faf2fea3f207537e85015e2a82d92b09a1112288226afdc0605"
           "c4f8499684fc2ac29b66fc0b25df404834fcd3804b618a4a0753d694364914b4aab1052de8fc3da9e4c048e1297065a1ed962f162e3a"
           "e8bb90a33dc5320434d3f1dae8877a334ea44f03b8d62129db62e1ce155638465d8f9c361f73afe58f36b9b6905cd6dab051f8c8c74f"
           "3e66a4d2f401f876fb6571b22a507780d854a9203a4978835e2135fa478bde476abb13ed9868a099",
     .input = "acd61c00ca1ba97668e094ccb4d4b7c60618fa1d4b37d2531dcf9dde725f880b7ee3dd6adf790f5945db309f8b4733c83631af41"
              "6a850ce0cf00e0a039cd78d94d690befcdc68d8655c591ed3b2ac4b0091f7ddfaa6a1bf01d27305a0340c4e3511b6a49430d3264"
              "e4a1d58b99ea1cf8af62d57efcba7046b70710905c1e690a75ce36895258181cc500c432eb480ccdf5dd64ea04a9002018a8838c"
              "ce42064b2bd268cbadcc5de25f7933ccab25601cdb4c6484e2e443448964b8fcf7ba00e67858d0cd13ad6359e06554f550338578"
              "d0e4dfdf0c939c1ae6c0f5f2ea7d03adb98dd859940c962e57d810e2ce80c115c97f1960edc3f2801550ffdc71848679",
     .output = "133cd5993686ebf815975d22b1ffa1b4d2832552b65a92d47055b8e0a2d5f356aab41bf2349dcd9589a8310b5cd509883761f928"
               "b9d86362cec2bbdb9975b4cc6e18e68bccd3a5fdf226e33ccf5af29d553df5ae01321c1c85f9baee35004fefde0b765a5aaa0463"
               "1a8b473794ab56a0695a84bc6bbee6b0a5bb3d28e3c1f3efce4ca3d56492e182ca801ff44e847c6af156b197cf4df13b2c0ee36c"
               "0f64c2fcc02dcd60736b18778b100659d7fe9e8e5ad640284a8efe98b0db1b56526dbbdf8d32524167c4416768f7509ab94e2615"
               "7ad6fa41cb044d44ac66db95aec4f1584f16ada752064ca230e9fd7b3490eac9a27d4a84eed97a7ba746720a7bd8ec89"},
    {.source = "Python pow(), a secret that begins with a zero",
     .key = "c6b945898714588ee684b08b421173f1116d8da5d1646f4a363bea1c5312eac1",
     .input = "2b2797b2a27917a6648dc4e618e68a25251cca233444e8f105fd2fe4144e22d0fca5e9b0540e80e75261c832a535e5f4d58b607e"
              "be7514a1675dc2359f4733363b2f8acf2d7cb37531e4733020fa4012de2a77e9324f8994dc0e4c2246daccd780466fb325a93c6c"
              "facc561167daf67d8e52285d3c3118460d05d590e6e9ab2a13fe3c4c8ffd70a84d1cc1e67a5a5e6aa8693e252d5e3030a1f122db"
              "50f6961781722755417b8dbcde3775a6b0059bbd397016f7a327ad8be5e632cc4f982772aed03bd54e6bf24c9a2e6cff64307ff4"
              "4b9375fc1100b0010ccbd6d8d96e4fed96ec6a1329fe67f917ecc8d1c9873cc8126da97dadc2bf8d79b9eea3776d458b",
     .output = "00846d40eece112029283380ce4e8aaccb87525aa96bc098713305bdc7641461c248ae6e5256610b107ed375f30c4338aa2254b5"
               "14c0ccbc8120951e948363925c8c4590fc697cdff1e6704d3951316b4da4769bcabcf8f772cda87ec29a0017b78d811592a84f36"
               "5f38a39ce8fbd6165f9c48cb61ecdd339d9ea2314f7d2e719b8959ad5588fb9a08cb85d787703a9f827bc1e94ec7eb017f01c1fe"
               "d797f5fa7330223cc7d435a7b4e7e5a0533e73d75036b482c6e44f35cb5355db4301c7c0201d9589c9f82b48487bacc5fd73c85e"
               "da4d08ccb45b03ae42cb41bc3109723b75433f2862d07f70b50fa984745c7b7d0c74959b9b67f66266c8680d09a89a85"},
    {0},
};
static const struct alg_vector modp3072_vectors[] = {
    {.source = "Python pow()",
     .key = "9631642df1c7064e6819002d0ec473f5f90eea233ebbc6e31a32b09e2e85d71a544da72b0bc01526",
     .iv = "a4ece3bd084088151b4654230a6b0f1d2df7ee6036dae22eeb90edc5e1327d8cdce8f8dabb5799aee68111ccff9d3f3fb28e60c4bb41"
           "59f72f3714f89eb26713464fcf51bac4aa634dc1d234156bb98f768a43de3a00ae4cb08933adc02cb8147bba1364b358334a2e0aac78"
           "a166722abcf82e5171ef7da2bda2ac3f1efe6c28c1c1b138792e4b7843a08da3c4d405db1516154ca48a3cabf248ac612ef58e5c4a90"
           "16f6fc97777c825602ea3cab6404bc92d756d4667653d5801738633529a9e0eed12bf4429e6686b977ad7b8d0ad666407785105f749f"
           "734ed94a9db98cbd75d7ebe4d7bb706d6b68da9227539bb8603817d8c39f12c587cd52d722993e08442529c2b98a1195f9a0cb04cf04"
           "c292c2a01ae2a23d9c60b07f6f9300d68ab258b4170292bc3a8bbd247b8f2b391746e1678e41dc7d822a51c6b723f5a218486543cba1"
           "c3f598ecee25de7be9498bf1b9260a624b0663a93f338cd706733e6a0a0cbed1bff1e5fcd0cfce67a0180bf15d05d15268b48e1f4257"
           "0ec44b2428af",
     .input = "024207f1cadf9c4849444dd3cec3bef6081d7b5c23684c6a01ad0ccc50058303c4b95c3483662f3f0635af9b80f7ec27dbafef16"
              "1993603d57c83861968fd1bbf717fe178e23c1863ad82eb8ceba2aad067ad5aabbe99d0fc71b860bb42a6782b6fb54ec3fb4bcbd"
              "fb2a3d3e47484b10ab75191fdaecb769d6e6ef62e8f86368f861d44b97daf4dfd24625a20441ff87de41a3b6c0871150462b2e21"
              "fdfb49725575b7137ac16ae4ac1024e61d6045a2201838bb6f058bf30cdb39626607054fb2f423f3310e8acd261b7f020ea61f96"
              "f4846f4afb0e66abf7cd8fd56a51618e50f99d11bd16965a44462d8d801135ae738867655f3f4637c6756d49cec2027eb182e2a3"
              "a9166f70529f071c5f28a361af2f1a176d43d6fbae6a9cf22a1693b600d6e0b56b39fda13393605a3a461d1a57ebbaa429139d65"
              "1df00e71d3648debb25e8156c4fee26f8bbc9b33977af558a0c0459b4a35b687c2e383e74f58f668fcf7383257687d276fcdee8d"
              "1df430a3bb509cc307b3b5eb00a9d223327dea81",
     .output = "c1cbebea2cc9ba7c59df9b50acff9a8ac68dcc68d56069b9622978791719c16df8bdbd8b3f32d3eddc7fd57079358488e01b3c97"
               "63a863f70dd187efa59dac5e6b7d4952190786189611ae3651bd80e1a9519f3c7561d9d837429df75d6049e6e978b69320dbe8c7"
               "527a60944ffae80de08578096779616948485dce8b9916e2a7a6fd11bddeb26bbc4bcc4c113290430ce7572aec387aa985441695"
               "50d16e877bd2aef6e536d6711e443bca947c8f2b6f2a558a729dcaf2f210ebb88edab92f081fca980c08d442920246de81fc4134"
               "b1b99be073e6febc8f8b9e482b69d13b2d9b979b7e36fa35afc256eeddf7d1745361f8cc77e62a719a0726ed34e63e2850a4fb66"
               "552c8c565ac1d0f1c4f2c479cfd569bf220ef0383b0a9be3fcb53f391690d84b1f7102f5079bbc54016d5e40da446b8b689b12a3"
               "1581954ff184f81a2cb19e01f82fea91143f2064cac56bd1af8b48947572bff95bbc4d44f2e84e341fd2e26039068de6c579e5fa"
               "f793bf0b63257936c72b47869022b4561133b771"},
    {0},
};
static const struct alg_vector modp4096_vectors[] = {
    {.source = "Python pow()",
     .key = "d1f1e4d7d523ec20aced35a53c9cf550878f20576ccb80ef3e74b3de5db9c6e1c0aff2f484a46c39",
     .iv = "725fc27e08da2333a7d9347b2e3d6a0cac65dc73bed9b6b1fb212669c7c76bae25f5ce4d7576bbfa34a2004091e0de298851270bff92"
           "14d7a5e260fcdadd0c13da73e226ad72603d90af892091baf87469e0dcb0613eb394f3df37172a38cfca8f85585b8fcd7c78d37c2b27"
           "3ab113f5bf98ccb59248f36de5089defa4149753c3a6304e769cb5a8f234bcc93bfa9671c9a51cd5dff2595f18c98ed2d35cbdfeff19"
           "c119737403bb268f2450dbd5fa8d64c724299b713517fbbcae97b76217bff85e78e4a0bffc2a2b7e30a411202e94b8c3ec7807c9110e"
           "fe0c84cde0d7d43ad94c4d7c818c279e023c62c285f31d69cb727ef9d10db83bc8173a010886c24d68ff608ba4330bba8aa14cfff306"
           "8ccab0efedccdbbd94367974a9b54d4f30dbe79d1252e5fea147a1c27c81cc11d7c4632a918ca8557a0a0145ac48e9453a70f703209d"
           "124c6fadca005a467a690755275e5b47303905cfefc6cceda1a6e67580e218a2df785bb405acb8ac35ccd0b38eb609cf263de309e4f3"
           "4638649c8b675540d242e30ff66242f5faa7e0d1831163d361118c05c956c3067cec35e750bec235f3974947ec8697b07248568ece01"
           "4cbd9e3f35756b6325a77f44ac6424ed40984358f770f647f8ba745d4e1f8798737d1160c576555e755340bcfc32776a8f8bceb8d28a"
           "d0fe5efcf3bbe3ed62966d00b1b67de75a96765fa5095d337ca6",
     .input = "ae5f4ca08cd21121cbd9f7d81c2591a53e1b382510a3918fdec555fcbbc3b154a6e18bf15cb6534f6fe15323e8c3760320cc2fca"
              "2301f8eae3d66c23a96655bd5e729014c2d9883f045aa1275b50a6320c2c6752ea4784cba4a9a85eacdc5435a9dd756a357c4624"
              "507f0d4ffbcf5d53a16985c6c0dbd3873b745f0b0ebc4ee96786c373da66f90b7461cbe3b1f02d78710a0d578a54e619aed48c3b"
              "7dd6ad552e578f608b7d273afc6caccc0c7acaf67ae5455da4dbdaf3025a35a9377630460fbc67729bf00009c4ab116ccc64ca43"
              "41f3d343f533681ae97b6910b93cee60d4cde084830902da0ef296eae7853760fba51c19653b5799353b625dd517884ed225fcff"
              "c0164e637d94456fbc78e25a7768b10296e866a547cf793966563ef378e2bd5d29329ccb458b7304a6b98b1e2d915fa01a2ae087"
              "7828b53c4e711ee62d7bd39ea6375e4d25c47b2fd348798ca520d4fa39c26cab2243e344b1cdbc88362f67fa15f5b6f356b7b653"
              "7c2de609f8990809c6c868c3d89d9699857a9363fa521a6803109faf4f5a11cd3c5faca3aaecbaf47dbd0f88daed86007fb4e859"
              "df1336856c239f03877ce5c9879a696505851120b85194d3def587d235da93102264c1ac472f17db2cbe4fb9d1d5abdc5c0b481b"
              "e1f1b2b428e31148696b832cec17dded5aa3ba615659a2cab83537c7b3327f137a515dc02a752595afd15c00",
     .output = "4f80795ecae1c0279fbdae48166593976c6de7447509ccbfab4c89b6b93c5cab37afb9a558fcab5470889619b9f2c5f3bdf64b7a"
               "133cc7868569b5609870f17511a250df1449448eb048a308e6f23d3b829a094f85a30e31ce3c5361d7b49a55240bb058a4f87284"
               "afba818714e82eaa91961faeb20f5e4bee1d8285521a505ffdc44c910559c4fd932fc3d8ae3928f39d64c7a3d98540e456285a21"
               "5dc0babf705bbecdbb343f8ae5cfb2300fac75388e3cdf72720e6a6234af34771d084c0f10008717590211373367f38c44ca1855"
               "6557583505122e644dd7266e73948b5e995425b65b324ddf99a0b609e7c76a5f99a0a1b777aaf87a3e59e2cb6ba851af4c65f731"
               "a9d5082733d798da0054543d62e2d560d8788e751a188fb1d44b4274b6b39c2eabb33cf31de5f7fa4aee0000a96bea81ea2d38f4"
               "34b9d7aa15cb5d49a7db1fb9e775e496067d9d19d20af31ffc3e1a92e8af92706abbbcb56513468bfe665dc34c46f9cfc00f13c7"
               "95c5d309c51a03b0c1930842e4b5f39a987dabffb2354d2199eba2b98710140a77a78c6568e2bc4b558581cdb3ab4833cef012d8"
               "763c1cc7968a9b764977c9e12c9dea27b396ba4f3065112d49a28e8ad7fe62edc4c40cd20f0ad7015e49d665025a02d45ec6f26d"
               "d76bc0efe0e3a4db0167a5bde00a30ab39f9572446768bb38cb5dad70bc5e3aa8543e87011bdb5856c9edca5"},
    {0},
};
static const struct alg_vector modp6144_vectors[] = {
    {.source = "Python pow()",
     .key = "9c24c530a16d860841be0f8077d312f060835052df524f3b21c3987dcf5f2ebe62c67ee4d8865e0d2cfea53d58d6966d",
     .iv = "2f5e6f32804e90194ccb13534f0980fe418849fcb17856773d70987292af944a66a1752a8e63a4172a0eec44db887e1a8ab31bc5934e"
           "65feaef8303fd062a740ad01133de2b1d377d0f45d0b8173004aed2819d39edc210dd1405b0652cfc4ae2923828bfeb82fc9e293f53b"
           "f9ba7fe8fda4bdbe157e5583f72c1e551d3f98ec2f883bf680064a8bb05aed40d6c1fb1ca313411bdc0975fdb219d83704a6937438c0"
           "9210924860303c6eaf8a48c95b2b4e602699c7f7422574de6a417f16ff9477c36d4c3f6c81fee132d9828b04273ee4acbefa1fe791e3"
           "340c632de09039f34fed2b841ccbe4933ea27c1d0a7d60d3900a40127c5b9df4ac9b150783a8f6047ce6f8248377b7b97485d7d0a1fb"
           "5c5b69a39651f6451194aa0ce35f18768a36e31b6c83ec72738af40f6122bd1bebb3f7b3a01755021bc518169cb129b2d269622c75cf"
           "91255ec9237b2bcf9ae55fb1e6029c20a49f38046d5b358f01b163a20cb58b3433b18449ac5599c3949cba829ec0e010955ffef6d58f"
           "0ef2fd4c0b770e364fadfc716652569254822a40daeed494610d23a9aea0e959ccb363f001942948d1df03f5ad567a6d1b69ed3ee6b7"
           "7d277c91c83a03859e6d32eac0307f10c6e70d4899316807d39fd9e91c61c54f2d5e7c3c9fcdfb0f30d238a1f5e12ea35fdfeb65c11c"
           "3a26c7b23e97634202ff421a5a5afeff433b9cbb81e6ed63f04e104229d956e0aa1d0aecfc2b2b86ab0486a3a2c8c3401ef505585a1c"
           "d2b79787110f8acf65bb63733c2562a4c2126f1d556eed1f6d758bc187c2be76543663b3fba78833fa9e93d5883f76861b24c716d21b"
           "4680a1ab88338c80c3516cf2a7c94e93e2d574dbb52b8b5f14fa860e21a1156211245ab89700e5efa40a33c7451fd9526ce4bdac948d"
           "ef996e47700fbc7aa88ca09c3075a3bc151a5438ff9fec55e6b26aa442bf0934c61d7a4e403d3de3698826b3fa09a57670c17543d9c9"
           "8a6da5dd8a759b5eb358f6c620832a8351cd7aeaa0822b024f11ba5f5b5b6f5dc643cdebe8330aabb7e21fb4c3af19c026692469b839"
           "0d8f8b78c8a6cdc22963a347",
     .input = "150bdb2c835105257bce7a68b243d09a6d2b1f6a92e02a7621c8922463775e653923e633a588c07fea11fe9bef4868d69bbd7f82"
              "4e63d1caa7c29121affe8b673dd00e5675b42c6865c84025461818bd760810410022e99d974b425d1d27cbe4ba2a2bcde8ef7fb7"
              "11da1dd9527dc70cb1d897d9cca34c8a10acae39ad94f2798b2d965df637b695fe9e126897e3bef105f3ff6ecc28b41c765767ed"
              "f65bcc776f1549a04a8ee73ea854095d6a4d4400cebd4c86b76f6480062031dca6e40d546f27a1569eae27153161ba1d2f9b5eb1"
              "917495b099f5f7aa10497f244db56570a57340441aade3f5d46d6d9fa8662abaaac3a425c87d690827f43167ada9c1d49be929bf"
              "669cb942adb9293ad915db976619eb997c4ec71c95f18ee07577e01fffd3aaab56fa9df4e3b343f3b13a17b30f74c91e13db04af"
              "44634e8078b9a5c18dc15fe7cdcd2bc75d89936d27adf6ab69d9ceb1d634c3061b729151c45e243cabbcab7bf50c146d7b529307"
              "d5f0c02b4ed2f48d268ab6e2b25a66c73602fa31a1c5120aa5584366f4fd464ff7cf08e6f908b5cdf048f8bb1a5c90dfedbe70dc"
              "b818d4a376ef56c5b26d28ea0bf584f7e6f8bceae6d84062c1b0db47a757d0dbd2f7c12ef8b9306df3ac2b0805b180ce4a27790e"
              "51ec42d47ea6f52103c7dda9a4b6107115abad4318ba01c7b334129e811e8c54800dc187589c99f9b601156b930e50820ff5db33"
              "6d6937204aacce00b4a6c01527ac35acfd4d6e5e037d8fde15226cb3873978ded6e6b92f56082a96fec2a068d4355967ba835c21"
              "de25690158ff7589b8dc29bd41c9e7681308625772b79ce8518dc785e88e4f9c8ff214a6f156281282714b21d9a4677b445abbcf"
              "a5beb9ec252e5391bd0602e6444b8a1b175cb82c34fc396f801afeae809f4323bf8a58b770459f47ae435b1e32b15929f8f68dfb"
              "b84557e5755ac07b5113430c2c8d0b7d1e17c12a156737d86e341e8925b00b8933b22b56d0c358d4ae45a849edc7da1936d0a73f"
              "9b3fbabc48e6b4167a76aac082df0209a251695339729a0d129589d3e522514b570249e28f5e5dad",
     .output = "f795468ebd539b17a8295db92dc7d447cefbf8a277ebeda86ba7e839cc6e3a517d895c30b81ff7d82a4c3718eee4ab5cb98ed080"
               "75c2c0f70d53bb62b8254514db19f65d01ceaaffea8e5ff17b97d0c40c4b1c0e73dcd658936e4a95ddc12b7c3a4f18b860c69bd6"
               "23aee44b7c958fd54877ae63fb27e21eae08bd6f14440f4c4be62045932da1e1fb1c3d9dd192e73ff8736ddea9621132daff0319"
               "f55ed8a52cb69fbe93082425f91ddb17222afe9f5f9b2f9a3983fc0999722532552ebc21bd2bf8ce18b7e4b61674661de53a8b12"
               "c33ff7725310f6dc8de9eca0a9b5ef3c9beea5cec4d764f1b5e84d9c9a3775d42f0842f9eda283320822842400e065e2a7c6c29c"
               "bf89e3ba3680abfa3dc4cfd2f6d29ff93a9eeced82bc4686fa01d9649f1372af35fffda67cc48fba860ea4ab3e1677a4a7f7950e"
               "c3f6e2ce85c3536f215aa545831d00d49f7db5620cde880debb3a9988536393293a5450b920faffec4d9359d4d3d293befa8ad0f"
               "a47640030c0c17572063d9a4cac79c0103e31672f1ba8f52d59fad888e66de7de81fc5b2b67f3edd42f28114aea1e05bd28c3e5a"
               "329deb7ebb659aa31b84a0270538205362ddc73ca6c154c76f2fe195b8f76c6776c7ac19f9561c5beecb1783ca2d6e54d74b6863"
               "b0c331f749809bf9aea08a5954b3893adbd60e53513fae42a23d1b6de9e84a946211086ced792d87cd8323dc188bc951cd55f366"
               "d1e3300aa20f0e4118d06a7673f24497aa0340c56717149e6cde57de7c6d36b1fc040bbc24e1b4443d3de7375ccef0c32889d73e"
               "afd813e3c3d0c0cd001ee3c30a1316c54ef2bf96b73817611747cca9afdc6baf3bd5a4fa8be6ff648597f0be1bf463b03c3238ee"
               "77019eb8d34500d8299dbee2b1d8798b4947532defb5c9ca515e2b74a64e3a81dfe24b4e80bab598fabcb25fa3f93f6fe9d39ab9"
               "07c910e8dc7a0543b087f89e5671c4a4331cbafdacc96227c9be2e7b36c49ab121ab1834ac846d9a48e7da0786b92b9a66333cfc"
               "e9958fec4178ef6de3bf7a75013de3c0c00d0a663f09b1530dca7349bf5a4540ab89849faa65b4ab"},
    {0},
};
static const struct alg_vector modp8192_vectors[] = {
    {.source = "Python pow()",
     .key = "e22e28d59ed616b4b91b33db2ff9c7dcdcca166d91ef313f534ffd72a2fce887eea58a22fbec277eda64524e9380346948d940cf1f"
            "087cf4",
     .iv = "39da2c33e4b1151376f4387b2ae9523b1073479797d9053e68779347b6149d8b1b7d7d421c583453580c7a3965caf32cef0c879e80a8"
           "055de3e69a979d9fb8049502da09d93c2bf1001936780209f3e6cc55c7085729db71dc0151249826b2643f0976b76fa95f87efebd644"
           "fa058f8e2f9a6f68d163d798c85fcf914dba028e375e1c2476269bdaf579b2da9909b9e6f0c04fa89229fe8d12b9eb4403e2387780a3"
           "fc88152de2aa3229eef7dba488ad3618509b7a4fd4a6a3d14a27c88d85be1181401dec0e4fe29131dc1501b565c2ee9cc3d81939875c"
           "8ce69e926990db3299e23e9d8b4a7d4050501365558058ba4784cc7df3d52cf808df494f9f90bf171878841a3ccc08fb6898133bed50"
           "efc767faa72051c1929e3b0c036ffba664ae3616ddc69806f90dbedcbd36b23f7a02d5de87f0256bc006e4998b1ceb1d6bfefe91ef8d"
           "1f87251df7d92f0e63bfe2ebbf7782dd2949bc8f0fb5f93b94cdf5e1da981159d6e098535d408ddb67b9f72375a0376cd0e07c3ef18c"
           "10ddf3341adaabf919044fc29c65b5719a25120340242186b648dbf989bc8572babc0f6561bec51a0a5a13b9c38041a5e949756469d4"
           "bbc4943e48034d70975bca5706961c50cc9247012569398aa2d2be35acf44f0e136afe665bc0a6e27c931286984e9429f20cc98d3edc"
           "bf6bca124fa39e27a1768a8c77c6052793517ca00b780fb094262a170018d58d95ddfd54722a28f49c3475c4c2b565223e8f96bedb83"
           "396940b60755e946550beb81cde0c7119df398352072aa7cf50aff8b408bc9deb83da4270053152152c9cd9533bcb87b5cfccab79e41"
           "7a3869da9f4ac18a4c7f3ebae6135ba7b017a4c328f5a9ff4fc958529208287791c2968c0fc5cd270bcc6b50e905bdef769c72a8fdf6"
           "40922d83e0c02e3a15378b40ec4fcb5c0b2bf4fa7dce2610158b46603af9f56c4a4b683e2e034e42cbcd6f58a52090e4d58bb14def01"
           "aac4622d2591229ab80c906d78044d7c136631bf1e137fbd275efc2a99765bbd13ac8b43db3d187a48a11652fe343a7c94b9ba235084"
           "1ffec7f12d24ddfaae0e4eff98b846c9ede598608f28de8f25a399f718241abfc0c782d745ef37afbd32363d001bcd43fe764dd3b52f"
           "fbb5a1bcd000d4049ae0f448b56753da48b415a7eccdbb5591ecc4aeffd6b058dd26473b48e5861dd67f78f1eb03e1245cb82a74026c"
           "0cddf96bdfdafdbfbcfc67154722282612e3ca1b152cebda871c86df5bd12011d146a8935caa5459ef61bca96a2a54509924637b01e8"
           "fd8dbca76b17f7f5c67d5f37d19fb4a9f9a2666b943a241a22a872a17373df0fe96db6d17a6715cd3f6ae42489604df3c1867c955e72"
           "6aed7e24e692cfe5b33327b3852d311e52970004848ca343678b353d193fc09e2ff25cab701143489144e2938dd15db072b0c84f",
     .input = "ffa98a657991b2978ac06356c218db63afd8899fc1f03ca8050014bb3e208ccc1d75594599be74294f9e5743e7197d1f10f74b09"
              "d3df4fb6493802d5761420673b3a39c91e8a5e367c3260549787939db326d533ed4b967c04cbe3e06b72e1dfefe2d6cf8c7d486f"
              "884cda6c2452a64395a0391f447e324fb0fc9826fab1c61488e427794d958a2c03704857e8e7def67204b73d238b9021632e6ece"
              "68d3035f20ac7f9a8ed866e89343f522aeb4ef7c443a89ce7935723014721fe96d9cc43013193af45b7a547cfc231cdc583efb02"
              "9690da338d24a8cd7c72ec558e416e6263048b47c404a73537927faff3a9148a988f4013c9c248ab5de8f6b2a9d45dd983d86b2c"
              "638ef551d87088f12eff395c15e8176f592d4470baf1ae6fc3af02f2df218e807b3f5eb70ca2b2a0ad6b8af00b2d9563aedef67a"
              "fedfa3e1d3a384d7b45ab4b621543e648b1b976121f2eb5736f4aa732f4cbcabd14d132d031760c5f6958832926eb04832baa5af"
              "5d73d93506a454676bfac34e92562e2e0c2d22406336c564fe52804655fe915dae0a4d96066c94d594a9fee9038da48ecfaba505"
              "8aef6d8efb820b1f800b91672774b368740fdafb32f45ac4af056205b0ada842a80e4a92cb3be5c159aaa68b86ebf86bee54cc05"
              "4341849131eb353f6f3ea3ae4417cc15e05f870b7746be90e0bc11d78f332fed9e038db0d369e232a247b968a4ce576f365b535c"
              "83c1a77ba9f7ea812548b79b251bdb3522b858f58a62d9b9afa475791b0144e449fa96dd960376083fb5fcb43b8c96401671885e"
              "7868b0f61be7d94bb96d5ffc35c101174a2447d1cdc965e38b16b375143f8e322b95a51c132f8975fd70859c738e97ab4ce05592"
              "9f763aad8eb5d4f8c988f291b1244b5ecbf66fe77f018c5444b7e34f7d4064f7564f1642de855aee0a02ba39081b73e2ef8d56dc"
              "df126b9f8dec10de349d43d1d32790cd560524859f5225ec06e117b234f269516c3206ab6b2756446e829abbdcea00fb603da18a"
              "0f0d0d9fb597a3fb9c06206e4871be9f2f33bb3c7bb7560ca543603ae144e37532e89518e085e20371d5695a7f0eafc92136cce6"
              "a208da719c315352ffa2363d0e676ec16852cca02222b203fb17c249c0ea5bf89d448789246c6c8086f951245c1a978b8fb34554"
              "2699f1d60ae504e4075b84f4699dac0ad6583b2c0a566acbfda31a85c5dee8854e558c3bcf1bdfdb429781d7008195790dab4af7"
              "69d560e2ee1faa4f588ce08c2229750fe1ea015685651ab5c965ad195f96ccc3150d8938e46258fa99e001d64d4a23f4128afbbe"
              "3222a9f24321ad9e5be2eeae5ec2b80705209a8f16a8f62588da36f1ca9c3ad0de0878cd316df34c3833c3805658a5a07958c782"
              "c1b8116a9295a9a4e6c93cb1ee94f371ec5a6c5e7de3855f3a6adf17452ddcbf1ccb4751",
     .output = "8c467b4ed5e7ecce62b88ddf14a6eece2fceb8c79761df70906fbf6c5852034202512172223197f1a2c692a6bf756d5ef4e8d907"
               "faef42c59638e433549f317c99ee3d873817dcf08f3cf174e0eb43758b94553e2e5960575bb9b71c6cd8bd0f684ae8e4fb366094"
               "e760537af8752d85437fc1adfb0f9da4235828e6341da682feb8d82e54d299e71e41c709137bd03a82ac78a74a5765de2e4e2e67"
               "2eef478effc25d35e893484556a12bc56f4f37513446f27d6ea2a8023a4dac0df55624457ffe597a7025d20e01e1e24ef5e7da4d"
               "993bf62afca8f5df644eff24b939b7287efaec6cc57bddb089aa7afb38c5ea2b6b787794c1947d9e89e4fb464fae315c73f8523c"
               "7fdea5b766b0bdb6133d1e99d7759fc1a4d0bcc50b08e03cbe4a4bdeebce1a2c8d24261a9af489637df08bf136e883be761de7d4"
               "f113d0e1db2385387b1470e997ff892e71d39f8795a83a09da87f3593ea349dd163c24f3a16c0f7634a01b57f85971ec441e4efd"
               "8c89a9c6385b9ace0a3e16aa60411a1fe6ede752f102b90dd3e82d1b20c0c64832a2f862de7f4d7baf08197274692bd5bd25f1c7"
               "cd597eb7acb66d518e182665e287d7c872b66570849cbec2a93b117b37b74d0039aadc6138a6af52b9a9f48f8ec67438ad9af7bb"
               "0e868b231f7285237e7da85fe0986ea6965d94c78ac8dfeb6f88834c68acd19d5483e3405b71f7ae2eb4abb9a5de79b4e08a6c7e"
               "0f61d441d27888a62f03eb2ff09f042c16c748838f219c7644e4156dd7d6687c2d0db33e3dddcc3625fed8845f4956642d3ff1fa"
               "0b69ad8f14408bf339ed68932bad1a5eb5e3b16556a73a25d66ffedb175958aaff7ed980e47816fe90b5413c95e6c32dfb9424be"
               "32d21a3b215957ffc2c76c4472841fc0c89f44af1393c6ca8b52d34bbf3dc31e4cd51b0a4ce8ddf610ce793b36b694d0e6e1ef7d"
               "2b93a1f68c92f9e63c516aa593d22a2e8479bdc79305ca6feef1fa9336c0c48fe490b9724494e33e7270df1a2ddcdc6860535dae"
               "721c9b67ab50add9f5dad9f0799d308452a8a6fa0bdc682b03fe10753e26daf3403f436027ac59a9af3d04a92267cc75389f8454"
               "3b8f9aa39e7e3e36b7cbc13a90124f8a2c6462c98a80707f5ddd09b5c16d1b75634d2f7593f2a5ac14eb8f02a9cd26be31f69bdf"
               "53b22ed293fbeeb3197a139dcf6283a2c1ef53a08bc87843e86f0b2e843f76916459e133b7d89ae53ef949e83ec05a7d8d7030bc"
               "39d8026ff6b3f632337a616598a373cd640d37e15cf349030408e372f46330d41769ddb423793495d592aa983c7fa0890805fe89"
               "4218bdba9d7bd8765ad4c96f1f61bdd72a1f7760c23a96e6f50dd046f9f62f198fe21b2c7feae2b499285c24e7c4f33a77cee848"
               "2fc7c30250ad2d18bfc74e2974a2e3a713c74525f15e330fe33110d70b2f084eb8552e4d"},
    {0},
};

#define MODP(bits, other, number, text, exponent, more)                                                                          \
    static const struct alg modp##bits = {                                                                                       \
        .type = TRANSFORM_KE,                                                                                                    \
        .id = number,                                                                                                            \
        .flags = ALG_SLOW | more,                                                                                                \
        .name = "modp" #bits,                                                                                                    \
        .alias = other,                                                                                                          \
        .iana = "MODP_" #bits,                                                                                                   \
        .rfc = text,                                                                                                             \
        .public_len = bits / 8,                                                                                                  \
        .private_len = exponent,                                                                                                 \
        .secret_len = bits / 8,                                                                                                  \
        .ke = &modp_ke,                                                                                                          \
        .vectors = modp##bits##_vectors,                                                                                         \
    }

MODP(1024, "dh2", 2, "RFC 7296 B.2", 32, ALG_LEGACY);
MODP(1536, "dh5", 5, "RFC 3526", 32, ALG_LEGACY);
MODP(2048, "dh14", 14, "RFC 3526", 32, ALG_DEFAULT);
MODP(3072, "dh15", 15, "RFC 3526", 40, ALG_DEFAULT);
MODP(4096, "dh16", 16, "RFC 3526", 40, ALG_DEFAULT);
MODP(6144, "dh17", 17, "RFC 3526", 48, 0);
MODP(8192, "dh18", 18, "RFC 3526", 56, 0);

extern const struct alg *const alg_modp[];
const struct alg *const alg_modp[] = {&modp3072, &modp2048, &modp4096, &modp6144, &modp8192, &modp1536, &modp1024, NULL};
