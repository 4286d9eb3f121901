/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of modp.c a second time, on GMP's mpz_powm_sec and with the primes as the RFCs print them. alg_find() takes the
 * first of its kind, and OpenSSL's is faster; this one is the oracle of tests/cross/cross_modp.c. */
#include "suite/alg.h"

#include <gmp.h>

static const char prime1024[] =
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b30"
    "2b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe64928"
    "6651ece65381ffffffffffffffff";
static const char prime1536[] =
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b30"
    "2b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe64928"
    "6651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c35"
    "4e4abc9804f1746c08ca237327ffffffffffffffff";
static const char prime2048[] =
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b30"
    "2b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe64928"
    "6651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c35"
    "4e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497c"
    "ea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff";
static const char prime3072[] =
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b30"
    "2b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe64928"
    "6651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c35"
    "4e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497c"
    "ea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6"
    "e1e4c7abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200cbbe117577a61"
    "5d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff";
static const char prime4096[] =
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b30"
    "2b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe64928"
    "6651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c35"
    "4e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497c"
    "ea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6"
    "e1e4c7abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200cbbe117577a61"
    "5d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a92108011a723c12a787e6d788719a10bdba5b2699c327186af4e2"
    "3c1a946834b6150bda2583e9ca2ad44ce8dbbbc2db04de8ef92e8efc141fbecaa6287c59474e6bc05d99b2964fa090c3a2233ba186515be7ed"
    "1f612970cee2d7afb81bdd762170481cd0069127d5b05aa993b4ea988d8fddc186ffb7dc90a6c08f4df435c934063199ffffffffffffffff";
static const char prime6144[] =
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b30"
    "2b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe64928"
    "6651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c35"
    "4e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497c"
    "ea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6"
    "e1e4c7abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200cbbe117577a61"
    "5d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a92108011a723c12a787e6d788719a10bdba5b2699c327186af4e2"
    "3c1a946834b6150bda2583e9ca2ad44ce8dbbbc2db04de8ef92e8efc141fbecaa6287c59474e6bc05d99b2964fa090c3a2233ba186515be7ed"
    "1f612970cee2d7afb81bdd762170481cd0069127d5b05aa993b4ea988d8fddc186ffb7dc90a6c08f4df435c93402849236c3fab4d27c7026c1"
    "d4dcb2602646dec9751e763dba37bdf8ff9406ad9e530ee5db382f413001aeb06a53ed9027d831179727b0865a8918da3edbebcf9b14ed44ce"
    "6cbaced4bb1bdb7f1447e6cc254b332051512bd7af426fb8f401378cd2bf5983ca01c64b92ecf032ea15d1721d03f482d7ce6e74fef6d55e70"
    "2f46980c82b5a84031900b1c9e59e7c97fbec7e8f323a97a7e36cc88be0f1d45b7ff585ac54bd407b22b4154aacc8f6d7ebf48e1d814cc5ed2"
    "0f8037e0a79715eef29be32806a1d58bb7c5da76f550aa3d8a1fbff0eb19ccb1a313d55cda56c9ec2ef29632387fe8d76e3c0468043e8f663f"
    "4860ee12bf2d5b0b7474d6e694f91e6dcc4024ffffffffffffffff";
static const char prime8192[] =
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b30"
    "2b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe64928"
    "6651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c35"
    "4e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497c"
    "ea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6"
    "e1e4c7abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200cbbe117577a61"
    "5d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a92108011a723c12a787e6d788719a10bdba5b2699c327186af4e2"
    "3c1a946834b6150bda2583e9ca2ad44ce8dbbbc2db04de8ef92e8efc141fbecaa6287c59474e6bc05d99b2964fa090c3a2233ba186515be7ed"
    "1f612970cee2d7afb81bdd762170481cd0069127d5b05aa993b4ea988d8fddc186ffb7dc90a6c08f4df435c93402849236c3fab4d27c7026c1"
    "d4dcb2602646dec9751e763dba37bdf8ff9406ad9e530ee5db382f413001aeb06a53ed9027d831179727b0865a8918da3edbebcf9b14ed44ce"
    "6cbaced4bb1bdb7f1447e6cc254b332051512bd7af426fb8f401378cd2bf5983ca01c64b92ecf032ea15d1721d03f482d7ce6e74fef6d55e70"
    "2f46980c82b5a84031900b1c9e59e7c97fbec7e8f323a97a7e36cc88be0f1d45b7ff585ac54bd407b22b4154aacc8f6d7ebf48e1d814cc5ed2"
    "0f8037e0a79715eef29be32806a1d58bb7c5da76f550aa3d8a1fbff0eb19ccb1a313d55cda56c9ec2ef29632387fe8d76e3c0468043e8f663f"
    "4860ee12bf2d5b0b7474d6e694f91e6dbe115974a3926f12fee5e438777cb6a932df8cd8bec4d073b931ba3bc832b68d9dd300741fa7bf8afc"
    "47ed2576f6936ba424663aab639c5ae4f5683423b4742bf1c978238f16cbe39d652de3fdb8befc848ad922222e04a4037c0713eb57a81a23f0"
    "c73473fc646cea306b4bcbc8862f8385ddfa9d4b7fa2c087e879683303ed5bdd3a062b3cf5b3a278a66d2a13f83f44f82ddf310ee074ab6a36"
    "4597e899a0255dc164f31cc50846851df9ab48195ded7ea1b1d510bd7ee74d73faf36bc31ecfa268359046f4eb879f924009438b481c6cd788"
    "9a002ed5ee382bc9190da6fc026e479558e4475677e9aa9e3050e2765694dfc81f56e880b96e7160c980dd98edd3dfffffffffffffffff";

static const char *prime_of(uint16_t id)
{
    static const char *const primes[] = {
        [2] = prime1024,  [5] = prime1536,  [14] = prime2048, [15] = prime3072,
        [16] = prime4096, [17] = prime6144, [18] = prime8192,
    };

    return primes[id];
}

static void wipe(mpz_t n)
{
    secret_wipe(mpz_limbs_modify(n, (mp_size_t)mpz_size(n)), mpz_size(n) * sizeof(mp_limb_t));
    mpz_clear(n);
}

/* out = base ^ exponent mod p, as long as p; which limbs of the result are zero is all that its time tells. */
static int power(const struct alg *a, const mpz_t base, struct span exponent, uint8_t *out, size_t len)
{
    mpz_t p, x, r;
    size_t n;

    mpz_init_set_str(p, prime_of(a->id), 16);
    mpz_init(x);
    mpz_init(r);
    mpz_import(x, exponent.len, 1, 1, 1, 0, exponent.p);
    mpz_powm_sec(r, base, x, p);
    n = (mpz_sizeinbase(r, 2) + 7) / 8;
    for (size_t i = 0; i < len; i++)
        out[i] = 0;
    mpz_export(out + len - n, NULL, 1, 1, 1, 0, r);
    wipe(x);
    wipe(r);
    mpz_clear(p);
    return 0;
}

static int modp_generate(const struct alg *a, const struct rng *rng, struct secret *private_value, uint8_t *public_value)
{
    mpz_t two;
    int err = secret_new(private_value, a->private_len);

    if (err < 0)
        return err;
    rng->fill(rng->ctx, private_value->p, private_value->len);
    private_value->p[0] |= 0x80;
    mpz_init_set_ui(two, 2);
    err = power(a, two, secret_view(private_value), public_value, a->public_len);
    mpz_clear(two);
    return err;
}

/* 1 < r < p - 1 (RFC 6989 2.1) */
static bool peer_allowed(const struct alg *a, const mpz_t r)
{
    mpz_t top;
    bool ok;

    mpz_init_set_str(top, prime_of(a->id), 16);
    mpz_sub_ui(top, top, 1);
    ok = mpz_cmp_ui(r, 1) > 0 && mpz_cmp(r, top) < 0;
    mpz_clear(top);
    return ok;
}

static int modp_derive(const struct alg *a, struct span private_value, struct span peer_public, struct secret *shared)
{
    mpz_t peer;
    int err = ERR_CRYPTO;

    if (private_value.len != a->private_len || peer_public.len != a->public_len)
        return ERR_CRYPTO;
    mpz_init(peer);
    mpz_import(peer, peer_public.len, 1, 1, 1, 0, peer_public.p);
    if (peer_allowed(a, peer))
        err = secret_new(shared, a->secret_len);
    if (err == 0)
        err = power(a, peer, private_value, shared->p, shared->len);
    mpz_clear(peer);
    return err;
}

static const struct alg_ke modp_ke = {.generate = modp_generate, .derive = modp_derive};

static const struct alg_vector modp1024_vectors[] = {
    {.source = "Python pow()",
     .key = "dc9e1e90747333b1f2e3b31923fb179df6a1290762e04c08fdbfdb951498c9c1",
     .input = "08c9e66198384bf0af693023ca6b1c0b8683060f091750c787b08adb96d1d6667dce9e4655ee6fd9bc2b6797458dcfa1559b1a06"
              "008b3f23d4aa34fdaf7a852922497f2cecc174fd2860a713e400403480248e0b8d4cea15fb7e52d8b20d7481509abab99ac3cb95"
              "02925b0f08ed9ddbaf6012d7d9a1ba787279b5e0320710c5",
     .output = "a97c5966c240cf9d59b585c4cfa77bd962fb124b32a8de3c3b0dae4f7ba821d4fc445f788f3f52716295d0024a64b7392f7008bd"
               "48e3b2dd068cfacebbd508c2611b87302317ff87f5f85009fafdc4593e20e23b87b0d054295b2537d0c044683329507456dd3324"
               "ee1e9d68abce99ea58f72f9252f8c901577befe5fae85a6d"},
    {0},
};
static const struct alg_vector modp1536_vectors[] = {
    {.source = "Python pow()",
     .key = "b5eab05b29db7f8af34241c56846941c4c7ba179fe2305bc8d3e64ba3e4e2e53",
     .input = "86843b939edfb4cc6184040e1b12e12faf6dc05a72ef5da510e1be74b48940eb650deb6576b2a36c84873579893df3ed0dc7c964"
              "513199d80c572ee6c3a2593796d11c053dba0dab4979e5a7cf5288b149a5e1a87bc10715bc9d8ce10bc52dd8cfb7fbda0740b88e"
              "8775da378127cc4d297a6d1271da45789e5b1275e4a864efb1d32bbd06a3b548f56229ec13782a92dae2507d0be24dc3bf9e8e57"
              "5c2185f0346622229c2c53903be85f5c3183196e42fa01931b63117ddf77e88d8bd1c8f7",
     .output = "dcb92d9d069610a317e4f214bc050adaf777eb0c46f39f9b10e4153b6a02b4a6678bcb6abf67aacb85ddf9951a20e8f85c838581"
               "f5c82865c4ea7071915571a5b4e3f86d5fe24fc70a2264b92c8702cedfb22159d762b7229d31a7fb47e5c8cb86017860740cb691"
               "36875164baa63601a74f9a4c358d00c46ed730ed8ebbdcecc750a85a9aaaa33598da9a3c85b4ff5d7d341c90bae4a1746975820d"
               "e4b6f1556267458256ebfbf091558f614f1ad39638899a7cbb36c4018614569151921265"},
    {0},
};
static const struct alg_vector modp2048_vectors[] = {
    {.source = "Python pow()",
     .key = "f21de800086cc7caef4e382ba8c4e8df76dc0e633ce51fb2fc6defebae3a332f",
     .input = "cd9179337111e8fc78905c974b381daf69b3922752cfa501054fa1e34a64901d9b55c5fcd5e80bea97bc4180fe2fc396de4d5641"
              "d114db6aba12351107db5143c0b73486090d4fbeb9ecc76948e5b84cc3dabd730a3c66d9ab6bbf0ff90ab2c27f585833daaed31f"
              "548d482d0c1a31008a132cf81363e44ebabd75afeb9d90ab8b0426958de10fe55b3ecfe48d7474fc2fa05fd1477e9c390905dcc8"
              "87e294d0d6dc8fb4066f280f3c9433dcfd4eb9a832ecf379f430fc5b452a9f9ae38b06f99e3017708d80c2091d7a4a893c0600e0"
              "01d08c37b5fe1cb1a943729753fad6cef361b7dc67d06edb3093c8e4e9350bfdd582b54fa36bf6f404383d615ed326be",
     .output = "ed7b5576f1eab0fb9b6a616a946cfbacb605334ef6a051b5a26a8e9d73017d59d67b86003e5e505fca7cdd6045a3cce66171d8de"
               "cd9c2cf708243f9c5e0beb32812e31bf2c993aac12d8864e57b3e44bacc5a3ccc4ac20dee2b6ee806089a88f84324dd519a85938"
               "8adc494a998dc3b999efcf0acd83bd13852aaa45fa55e1711dc45740f78c0c8bbf10c423adaea977e6a13c82a286734f88b54079"
               "1d6f6f03fbd2e66f608265a26f5afece6575bf68b748e69a30fc9b3928c906714b4d944adf9e5e447a314983dded701c09bc8109"
               "f3eaf78a2fc53f13794d86da1632bec45d4a199a0c000149d39532dd42d2418913aff38a6d63b963a476174b29493d05"},
    {0},
};
static const struct alg_vector modp3072_vectors[] = {
    {.source = "Python pow()",
     .key = "9e646527bc631f1e7eec64b561c1b11ad30003f83bdf07864d1fb42312cff66b229db6e287fd5fb5",
     .input = "888f5c0f9a4dbbe10834319c48998e6df479dbebdf3c0197dffe8e1f98fbb2c569a9fda0efc3f321762c4d47779534ffd95d073a"
              "41fdb8a83c122648edc467c4a8520928e58d6a3c9c2799419548b115d438de9ac36c4137785e59db537c6d2fe16c4dd85a167ac2"
              "295ed1b31b51a1ab5e478e472916735d378a586c2a755a487bae4a86135368416fabda27cb707a53059616d243b368e3e3c2e0ab"
              "e66b0d365f17e56913eb7c0691189a0be4e4c62ab7bf5505f953a1cc6f80ed7f3d84c6167f3de0cd6c0fbaa0abfa7b6088a99404"
              "b26dea7e793d97129203a94cdf3e63e4032c0e868f7120fb51255e3c25b24ea346b0ad5b02259ca1e16028543bc9d12fbf4d9225"
              "3fd1a693cd0a28c60b5da8b03e9f783fd2a002d5ab996d866a51c6f4e9e16865f83bc7fc5a98bf4237c5a27676b2e3aa0838e0c9"
              "fc4b83dd5dd1bb3ee2637766ce08340a52258754f8391a5351a2fbf14f100170cbdc23dbf38e08ee1c46996f4b9d08a199cdba3e"
              "3ab2462727f8da803a9ae5a7f417e213508d092e",
     .output = "89aea91df934b8adb1ec5d69c4de28f1f7e12254ccde8806f1cffc9cad818e66a57f74dd43253fdc2197d6d631dba6d36d321c39"
               "3b8759b13352dafa4255d0f4a2db2ba6e4c194cddd5d0c23242a8cbe71fc06063a5736b22b57588e16f85be735b7aa5d42d3f8e8"
               "8992b0949b888c8046793af6c99d6356cef7c31779677fd144d3f3849184418ba48b4e17dd38dbcaf5c819c789ed8a5829fd4e59"
               "79af3cb629c70c903cb4a39af9042a22758ea0ff32362a40a59580983f4139eafcb16898151179d4ed0da06cc0ffd1f27bcfd8f3"
               "b3d33289dbf3a3f0f111317e700d40e309e72a00edc2b7c7097688fb0694b2e83748ddae14baffd306479d45fb3443620bf6fed2"
               "004c8b2957c1ec5c6d4f8ec982aa06ac6e98ef8f1c42c2fa8221bb7d981ac66c018eae58302d0b3f4c07c1ada5f4b7aaab88c79d"
               "4b6583e1157ca3c623efeb1a6f39ff44de08a43c99f32454a50f30a7e6bd7720d1b0f1867914afae9a4c9e2ce304f88fe60383a5"
               "44c1c417ffa0cb7ffcacd178c246b803ecf6fcf7"},
    {0},
};
static const struct alg_vector modp4096_vectors[] = {
    {.source = "Python pow()",
     .key = "e00d1dbd067f944c76e4d0b2d6eb24e0f7c993db6bf7436446fd08bda742180d6eaa9ef7695f91c1",
     .input = "ecf87bbb5de7d50bac2534026c5da35ac1a2490f5420cc70d9c887a441fcaa1006af1496fe70b20e57200a22059cb822b1ab3525"
              "e8d390a8dd804456fc8abecb84bbc093b2321ba43e07d26b6cce1e978c2ccd21d38a326259e9a1d5b815cd6ab45e462be586f3ab"
              "fa1de7bb4a888b0b9e37de9b544e7b095fc4b6157bfcc7827bbd10282ebda19130a41872148ecc5f26fa4e5cd9cd76f165d048a3"
              "600ae081a9d95f6f1934eec42f7aad0501ddb5b24bb044e4b2a2ec35ec11d8f004b60b085a6e5d5e98c76cefa282f9abdd728de5"
              "82d8f986340c51b724ca125d98eeb2b96e2c8542316b5e881234398ba68bdc024e392b24083946336e34aabb55a03ccb491fd228"
              "cb1c21dfd241abe53d7e62850c8bdfea7c922c3ef9b5029755817c33b5d7919c67fbae5c50e268668157718239a4f2a739030abc"
              "2412f76f089b2a6e8ad6c9c24a159c4ec48d6d0671ac4568f9ee4b5bb9e04198b81986cd115f5805bb2f824055b0e8040a6cb708"
              "3055282c09e41dd23bc1a64dade8be98a2b50568a158da256547e0d3c4b894e15020e0fb6f0301add47cde66af86e365304fdf1a"
              "2450e188e40837db44a1836ebb11a6ae1274c66b99cb2d554f89907571eea860e762190828c9df5093eec435cccfcce6376b1c1e"
              "b30a90c690d7a70382f48821476bedc976f2019215d31ce6f77bd32779d4722312785e2399d9f29150742999",
     .output = "804200787ff80d153a6ba4eef8dfd22b31f5f1752b0685476f60e6ce70f1d99d9dd966345482af2499b0b49d91b195a902924450"
               "1c361e3a8451fe04b770c2eb6cf814e97ef2c7f0e3f5d6f03673be61feda275cd09285ebe31c1defaaf4ca4028afa45da4785116"
               "498585eca914436970af00ce5da9346d5f295a7f850a9496d54c5b80965c2b79b785a9b73a11e0cb41fed35f03c41890b1ea7b63"
               "3a23747e34548da2febfb4d6e2839dccb279dedf7f93d575e6f8482ec27d0efdd4d9e58b5d1802062797b67960b779aad62f0e7c"
               "902e620310b108f7445b6d7d580962ff6c6a99c98f47e142d1805d4247fa365767ccdc46c1fd9d3b8416928a601362e99b49db84"
               "530abad7c61006b58d0dd0a8bd61402f055412d6d54c25bdf24dc42f330adefd2101ef69fe97532d63e8f51f81fdd2ea5dd60840"
               "cc0d2fcd320ebc4cfb8f7699a982b84863993e767dee6b9a6ab20de03afab7f133c90d0a7f5c86a0f4e1fe03ed5fa462c6c5e284"
               "7db2df8ec7c28148001f672dd03fd403e83cd40d183aceac327118b3393caa8e07c9448849895c94c21144daecf14ccbf165adba"
               "e5ce0891823d3506fc7cb16bef6770bee244e8bcd659305fb978921776038b0b52653da96cb81fbc8b5c1243be7a9271ab07f970"
               "381ccdad953e3c2680d5030aaa772d3163bee23aad88065b57f3b17fb44db9f7e2fd6b7fbc35c1fb0367e389"},
    {0},
};
static const struct alg_vector modp6144_vectors[] = {
    {.source = "Python pow()",
     .key = "a9c3d64df37981ff3d29f6098de151f3c109126a75fb876acab5cf702ddc956eb8fb809eec79163334a76dae3a91a49c",
     .input = "c0dbfab6fb59b625d20872192a64929402bbb61d3f87f54f7a49ab053ea1b0d747ffc0ebc6f3e7493a215a665c92c66fedc17fdc"
              "ff6d5e301b337d10973a176293ed2e6b9546b9ee0f1e30521ec3cb9cbd90138e11bce4a5f4aa71063954725d07eff81c5c2e2c3b"
              "13370af73940a1cc310c5fff498cb7e5a96e739e917491174001d402dd6b5289ac2973da3fea8330ebd447b48b09b674d16c916f"
              "ba53c3dbbefeecef8758bb7761b23c8ac0c449290f5070d70fef5b195d433692d60b28944866ff10e9878cb5d8e6b83e1ef465bb"
              "6b170a6c99a1c7625fcc8f18780a4f599e505661c22098a717b5618a8fb6ed8cec999f9e5797ca1b1ff622415e0c6fb7f337f9a7"
              "487ef70c0b2e4e20c805106954e21829b13f4dd156fd043b4b243dda9ee9b2b9434dfeb1b0025380414447b076b7058c84d6263d"
              "4745467fffe334a17dbf71b6e1816845d90e7a5fd60454a62ad728358c5eb3b08378ace2c120592a4d38c93a8410e1a031b7eb3e"
              "33f3bb37a189f75e5d0f936054aa76f92df226d7d426755d03847582aa8db398274118ae3eb636d5a8016af520bd0b525e6ffb10"
              "3263dbf85e743018af5fa037a57f7889ce5c38008772e12f8967472a195f7762e470bd8567cd3b42a0656c7f53b67cec622d880a"
              "09bc230b41a908e954c5761dd24cd9e6336fca65e404d8456e141fae99d663bb5c3aa1602f0916ee6d13c7d64886a580d0d9b4ac"
              "24cb0a63753382f73c5947b96e2a2960aba5ac9761742d3eaa18d0bd6b91460252827ae4be33be2ae204547195a83b96b96f7b0a"
              "657d5fe0c974785659798dfba967fc4261d95edd9d39f41905a20b5e15ab09aa56fbcc616d2909606b5556556451c5dfbb10baee"
              "bb3bc6f624aef4fd201401cca86c8450dc51756091373b3114bb4658563302027696e77a2024885625c8a4bc9dd15d277376763d"
              "c376b8839aa79ad81efdb9cec9b9c0014db92b41cad814b00f3efefcf92ddf17a713eb2e3aeeea5ab6a9a4e6f5d06d00d4feca69"
              "398efab7561b0aae3abdf95554c4ea28258228eaa325031762ab4d20a1192c34b8339383c1818a1e",
     .output = "2e6f7161aa76c3ac301ecb0b58099bf6ac2a447d1602aa84d0682e90062c3e5ccbdb3000637c99afa32a5a60f8f2a7c514702fe5"
               "a2a82a02965af1ada1dc75771ac6ce47a24c6a372de8df2ceb625ee3b782ca283eb4da8956528abb07a0b924a227436510fdb189"
               "599c5dd8c15ca8bb5561e6a9a3092b03299cb87269e9c818a29657ac6ecd2e3fe0d72963a2fb82a53db5f8411c6330cb6dcb9909"
               "742acf67dcd12fc3d8400b5c9e49cd2948a4d0abf2f2473bb2bcfef3356960bece4441a8ea0d42b7c17bb97b36744ed1a72450b2"
               "a25fecd6cd0775113b7fcfa8caf24d1c62f6e4a6b89bba16a412240192cc052eb081bb1d2bc22801c1fddb6318550ebcb2fdae2c"
               "309d955b2a740671507ece5f126f1085514db6542fba015cac5ebd70ee554ba93a5a6c09aab86783e1fc9510e5ef5100a943697d"
               "9ded73453a0cb27dedf6558e3801c7934a0bc0d59d5437de1beeb6b7ccf7fd714b62c6658bc54069fc57f53020ad01c72f580246"
               "e8d312c6de8079c9f890e41741402ff574a6f748cf25b5b8497167b6f96d872a02f8304cdce4c7c3ce4356086b32bbb47c5c6356"
               "01c5fe7f529e174beb56e47ade7d1e5178d0fadf34f5602419849662dc27c8f065859887f3976808486870f37ea214ec29eae28f"
               "091573e7a9162dd6bdd3d7abecfabfac579700968ee8eb260e0407da27e0f9c571fe23fe439d64b565d47d00cfb6d90f068cb5e9"
               "c18c27276c7ad5ceace43813ff13a4309014096d4338549d4043877071b4d14180699b6d93924d43a97fbd55cfe9900d2e97436a"
               "d0d9c4b8d06ba1ead4e9affb7eaf6054d4180cfa7a4c029ec6b0103f8c7668061706e0173903aac6081e7a8dcd47a6bbcd6aae7f"
               "7d5b517411cb08315453fafacb0099179a777fd09f996a77ef4fcc4673f0ff8495b9b8fd6326bdd3a098a4f9fd6fd167e1318482"
               "e3815f152727179b35a98c3f140430dab021cc32dc9010a834652ca63f4e33787ce948483eedce2d4eca5da0fdcf0f953c776553"
               "94c656bbdb91534ba5a08fe3f369de52de2d886071d2a7d04d37321953488453292701815f6b139a"},
    {0},
};
static const struct alg_vector modp8192_vectors[] = {
    {.source = "Python pow()",
     .key = "e111d2b4cd701a65b5239dc7d7f0d87444d3847c52a8e4f5ab4cde554cae30466f6b5c55ed351a4a119868ba8028121b4b5e6fac37"
            "637b58",
     .input = "127de2824dbef5b8d676cd9e231139b482ca3680e32d1100062c40abf30c7759b59d7e891f476802db56e9623986ef12cb0f096e"
              "9a4e8ecf5ea38f55391bf313f335dd0e6a4a51efb7ecccc6fb5659d946caf0f1e59e1ce270d0ad5ab371876fca3827882372c60a"
              "43bc9951cd24b636fdada5fd22e0966864845ed7f17fa8b3f973a057a930ed1716129ee4d6e68d4d7bfbaa498e2f84528de5c699"
              "17fef8965675d6798b7fbd0c8184ec6cfb1a2942f5dd9262f0229bfe3c2a1e995d9e411b176d7314bea258a5ca5c20e8ebfbfc33"
              "a35ae892d24ba3ec8bc293fb1d9a5453587be1d404dc9613b3a0317d58939ab994d11e10696216c4552141b671b96493561ac1ba"
              "ec88f1a66bf8e540fe8e3777370f0762391debea0794abd4f973c1248e8d7d3f841c5a360a6330d270d1b9e4c3eadb319c6d4f58"
              "8954989ffe1e0dd365e9ae5da419c6718807950aa63f81abb031161e83a44dd8c3fecb44146ab653f102378b545227cd6c56d301"
              "965063706d4496c45097fd8be3d204099792f5bdadfdf1946db0993494125b9310e7fb8df1948feca527cd652aaff5a671c3f910"
              "da82fb5783b759188608d0ee85e9a8b2adb9f257efed07dce284a3b68731ac649a09ee75003e44254c6ccf2ce6129db423ee0b7c"
              "b33ea849e2271cc79e3cfb5bdeb92f9917809d2154ca79c8ffa8841d7a60e47f797b45491528fde7703fe6e5992f09d58cce3b7b"
              "f27511cb32a59b5284b86f6c72a6724b3ab5555feac6f33bf4fe035b399a4dfca4aec4ad8082ef083e9953e4123d3d06ddc307e3"
              "051da403bf009f91405a5a3c90b3d6885d921f21951af827b797c414e1464f1a2af3ad7328fb947398ab9533b11ee2e144b303cb"
              "fe396c9b308b9416ee4ba9404902da11dd537490df7a1326cf5d76fb1c501b8b2725f3e86be817ed425facb6f458fef087dbb785"
              "ceb8df4b56fc6049c32ecb6d5038cb6793f83a05987d70a8d4ef21d3fb7aa12397baeed636c9d8dfbec692e9aca6bbe4034bc6f1"
              "e6ac9f58f237a5c1f5f96cc2825bd29ba0ad019a27feda8ca891b640192a823cfb4b0b0212dd96befe3025ba64671a4bd6c7281a"
              "7845bc0a16e74825794c811f25616e6c412fd7ac9be8e1c7ddc41ca0962d763a1206570787236470c014ddc3ee435a3ae55cf1dc"
              "27fa0224da734204a2640ced5c6bcd42e615dff2b1e2968dea7f34812fb25e846180d1f5c7485a2f785657ec6af655d37a918bc4"
              "9f1adba089e1ca29c6c7a07562ac7b0507a2841162a7955e7d0782188eccd4500283c9ab8750d552e89af7fa80912ef12696b22e"
              "7df1cdede7f25b44e1e5e5b145f06da78fee733aa2c4bdd077a0b20ac8f552cf4f5bb057361f09e55f1a3c054134b35d9597ade7"
              "16b13a5264d0838047a6266f9d0e4275e186ef1244f38b285518d3b004f0b42571a610f4",
     .output = "6a306c8c88c0f4835037f50e5a24bc1d1515112fa931f39375faa9c3d7313ecb1a07e5ad78622761ad8de8001b5034c8ac38bae4"
               "cdaab0bccea592c5db2f5c752c7e5c23a476d66f901674fbb8a5167285229d5ad5b9f06577113da549eb1ad9da704db79c77cf95"
               "f658455cb9fa798647688fdbb65b2d8da15d3d371a8a73a221c6b21c723718ac97d8f663f8d89db0c44b835ef04c6a89ea8c089e"
               "5919ec7dec1ea16e7c07cb5e02daf6809cfa542727b511be2156c8349a4355abf7c45a30f54f123c862893aa2b93d2efc9d10788"
               "d9b9e64eb42c7ab7274e35143f38ba0b423efdefa3f7e4e704b1e6dfec1eadc3279687c952812ec5001098c986c02dae3a039e86"
               "515c12a3f3e7eb6bb813a32ed6497aa2adf1cf2b79a662522331b643aa7e77be6a0ad693045ee4410ee5307b8639889b1c4040f9"
               "60ad21d36708d78f1c97efb2d7b1c914ddb46a21f523b54a0628e94519bef50ff07a2260075f6f32e5e21299979c08553d89f2cb"
               "b2ceecccb58131b38054e1f09b3df7780127e3ca8b708264d361ed7190e95d2a7c8de34975e30d08905f7f2d004e24cab4ece087"
               "e5239941da417faba032f7b53523cb452fd3cf39cd082e200b1fd0d674d28c225871269c4e93d343e4455a0c008cb1e0d037a7c5"
               "930a84a4ec66219f910255275d16eace34a042c9815d1486ca340eb71127cc347a01fbc444330708e50fc287d12a66109fdb365e"
               "e9aa8f894bf783c9b9cb3bebc8ec6981cdd6438fe7ff34e817a22aafef740bc3aeae04b1c1edf9518d931878ea40b4f78c3cacf8"
               "0713f42f78ea0a1f17145d540214c528f4d3e943a24ca5d31f55e5f96277598b35af6ca5480a3b2bb089de8285d3d4b7cbd5c70d"
               "a9105f952beb3ad8ba91245480303c997d78e1d0139ebf22870c91f9fd2a49d0761585d5d1d7ee9ad27c1089ded3900abf434433"
               "b1be554562c296512358d5c20c6752f8c1d6320c6e8d44206842ee08b909a6f79a064dbccc4787681bce08da10216ac4ecada4e6"
               "c416c1517a2060be6427153f98bb95be1edc5265413ced6f5791f25136bf9e1470d400085b5485b2530c14d48c3c8518a7aedbc7"
               "74f1041932193ab7fd836f3f8583ddde6fb9af1365ad53361ff4b1cdf159b4e3150819a4d41dd7e638a1b308fb587b1afb246b41"
               "29cf355ac08e551d5c5ab491a4ad464ed9826a148dee09bc8fa20df2d00c6e189c531a5a095eb4f882ff26f32f009d6897ef345a"
               "6c04a9cca5a879956b977336521a732063c300a4068204a4042832765989cea8461519fd8a99eb8f0bbb844bfa44fc7afa756ba1"
               "f72a9bf15743555c99d49a1a3e4f2e6fcb614d57307e5ff5065f73821131496e21e5efa17254f1f0febb709798af8d29aee93eb6"
               "9c871628ac47b1e9c509a8f3cc226d9ca0d9981df8881b8130585dccd80ae1721b6397ee"},
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
MODP(2048, "dh14", 14, "RFC 3526", 32, 0);
MODP(3072, "dh15", 15, "RFC 3526", 40, 0);
MODP(4096, "dh16", 16, "RFC 3526", 40, 0);
MODP(6144, "dh17", 17, "RFC 3526", 48, 0);
MODP(8192, "dh18", 18, "RFC 3526", 56, 0);

extern const struct alg *const alg_modp_gmp[];
const struct alg *const alg_modp_gmp[] = {&modp3072, &modp2048, &modp4096, &modp6144, &modp8192, &modp1536, &modp1024, NULL};
