/* SPDX-License-Identifier: Apache-2.0 */
/* keymat - the key schedule of IKEv2 (RFC 7296 2.13 to 2.18) from the command line: hex in, hex out. */
#include "suite/keymat.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct alg_registry alg_registry;

enum option_name {
    OPT_HELP,
    OPT_LIST,
    /* words */
    OPT_PRF,
    OPT_OLD_PRF,
    OPT_ENCR,
    OPT_INTEG,
    OPT_CHILD_ENCR,
    OPT_CHILD_INTEG,
    /* hex */
    OPT_NI,
    OPT_NR,
    OPT_G_IR,
    OPT_SPI_I,
    OPT_SPI_R,
    OPT_OLD_SK_D,
    OPT_CHILD_NI,
    OPT_CHILD_NR,
    OPT_CHILD_G_IR,
    N_OPTIONS
};
static const struct option option_list[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"list", no_argument, NULL, OPT_LIST},
    {"prf", required_argument, NULL, OPT_PRF},
    {"old-prf", required_argument, NULL, OPT_OLD_PRF},
    {"encr", required_argument, NULL, OPT_ENCR},
    {"integ", required_argument, NULL, OPT_INTEG},
    {"child-encr", required_argument, NULL, OPT_CHILD_ENCR},
    {"child-integ", required_argument, NULL, OPT_CHILD_INTEG},
    {"ni", required_argument, NULL, OPT_NI},
    {"nr", required_argument, NULL, OPT_NR},
    {"g-ir", required_argument, NULL, OPT_G_IR},
    {"spi-i", required_argument, NULL, OPT_SPI_I},
    {"spi-r", required_argument, NULL, OPT_SPI_R},
    {"old-sk-d", required_argument, NULL, OPT_OLD_SK_D},
    {"child-ni", required_argument, NULL, OPT_CHILD_NI},
    {"child-nr", required_argument, NULL, OPT_CHILD_NR},
    {"child-g-ir", required_argument, NULL, OPT_CHILD_G_IR},
    {0},
};
static const char usage[] =
    "usage: keymat --prf WORD --encr WORD|BYTES [--integ WORD|BYTES] --g-ir HEX --ni HEX --nr HEX --spi-i HEX --spi-r HEX\n"
    "       keymat --list\n"
    "\n"
    "Prints SKEYSEED and the SK_ keys of an IKE SA and, with --child-encr, the keys of a Child SA (RFC 7296 2.13 to 2.18).\n"
    "Ciphers and integrity algorithms are proposal words (aes256gcm16, sha256) or key lengths in bytes, salt included.\n"
    "\n"
    "  --old-sk-d HEX       the SA comes from a rekey: SKEYSEED = prf(old SK_d, g^ir | Ni | Nr) (2.18)\n"
    "  --old-prf WORD       the PRF of the old SA, if it is another\n"
    "  --child-encr WORD|BYTES, --child-integ WORD|BYTES\n"
    "  --child-ni HEX, --child-nr HEX   nonces of CREATE_CHILD_SA; without them, those of the IKE SA\n"
    "  --child-g-ir HEX     the secret of a Child SA's own key exchange (PFS)\n"
    "  --list               all algorithms of this build as a Markdown table\n"
    "\n"
    "Secrets on a command line can be seen by others on the machine: this is a tool for test vectors.\n";

static const char *option_text(size_t n)
{
    for (const struct option *o = option_list; o->name; o++)
        if (o->val == (int)n)
            return o->name;
    return "?";
}

_Noreturn static void PRINTF(1, 2) die(const char *fmt, ...)
{
    va_list args;

    fputs("keymat: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputs("; see keymat --help\n", stderr);
    exit(2);
}

/* The arguments as given. */
struct arguments {
    const char *text[N_OPTIONS];
    uint8_t bytes[N_OPTIONS][2048];
    size_t len[N_OPTIONS];
    struct alg only_length[N_OPTIONS]; /* stands for an algorithm of which only the key length is known */
};

static struct span hex(struct arguments *args, enum option_name n, bool must)
{
    int len;

    if (!args->text[n]) {
        if (must)
            die("--%s is missing", option_text(n));
        return SPAN_NONE;
    }
    len = hex_parse(args->text[n], args->bytes[n], sizeof(args->bytes[n]));
    if (len == ERR_LIMIT)
        die("--%s is too long", option_text(n));
    if (len <= 0)
        die("--%s \"%.40s\" is not hex", option_text(n), args->text[n]);
    return span_of(args->bytes[n], (size_t)len);
}

static struct span nonce(struct arguments *args, enum option_name n, enum option_name otherwise)
{
    struct span s = hex(args, args->text[n] ? n : otherwise, true);

    if (s.len < 8 || s.len > 256)
        die("--%s has %zu bytes; a nonce has 16 to 256 (RFC 7296 3.9)", option_text(n), s.len);
    return s;
}

static uint64_t spi(struct arguments *args, enum option_name n)
{
    struct span s = hex(args, n, true);

    if (s.len != 8)
        die("--%s has %zu bytes; the SPI of an IKE SA has 8", option_text(n), s.len);
    return get_u64(s.p);
}

static const struct alg *alg(struct arguments *args, enum option_name n, uint8_t type, bool must)
{
    const char *word = args->text[n];
    const struct alg *a = word ? alg_by_name(&alg_registry, word) : NULL;
    char *end;
    unsigned long len;

    if (!word && must)
        die("--%s is missing", option_text(n));
    if (!word || (a && a->type == type))
        return a;
    if (a)
        die("--%s: %s is %s, not %s", option_text(n), word, transform_type_name(a->type), transform_type_name(type));
    len = strtoul(word, &end, 10);
    if (type == TRANSFORM_PRF || *word < '0' || *word > '9' || *end || len > 256)
        die("--%s: unknown algorithm \"%s\" (keymat --list names them)", option_text(n), word);
    args->only_length[n] = (struct alg){.type = type, .key_len = (uint16_t)len};
    return &args->only_length[n];
}

static void show(const char *name, const struct secret *s)
{
    if (s->len == 0)
        return;
    printf("%-14s ", name);
    for (size_t i = 0; i < s->len; i++)
        printf("%02x", s->p[i]);
    printf("\n");
}

static void check(int err, const char *what)
{
    if (err < 0)
        die("%s: %s", what, err_text(err));
}

static void integ_check(const struct alg *encr, const struct alg *integ, enum option_name n)
{
    if (encr->flags & ALG_AEAD && integ)
        die("--%s: %s needs no integrity algorithm", option_text(n), encr->name);
}

static void child_run(struct arguments *args, const struct alg *prf, struct span sk_d)
{
    struct suite child = {.encr = alg(args, OPT_CHILD_ENCR, TRANSFORM_ENCR, true),
                          .integ = alg(args, OPT_CHILD_INTEG, TRANSFORM_INTEG, false)};
    struct span ni = nonce(args, OPT_CHILD_NI, OPT_NI), nr = nonce(args, OPT_CHILD_NR, OPT_NR);
    struct child_keys k = {0};

    integ_check(child.encr, child.integ, OPT_CHILD_INTEG);
    check(child_keys_derive(&child, prf, sk_d, hex(args, OPT_CHILD_G_IR, false), ni, nr, &k), "KEYMAT");
    show("KEYMAT_ei", &k.encr_i2r);
    show("KEYMAT_ai", &k.integ_i2r);
    show("KEYMAT_er", &k.encr_r2i);
    show("KEYMAT_ar", &k.integ_r2i);
    child_keys_done(&k);
}

static void ike_run(struct arguments *args)
{
    const struct alg *prf = alg(args, OPT_PRF, TRANSFORM_PRF, true);
    const struct alg *old_prf = args->text[OPT_OLD_PRF] ? alg(args, OPT_OLD_PRF, TRANSFORM_PRF, true) : prf;
    struct suite ike = {
        .prf = prf, .encr = alg(args, OPT_ENCR, TRANSFORM_ENCR, true), .integ = alg(args, OPT_INTEG, TRANSFORM_INTEG, false)};
    struct span ni = nonce(args, OPT_NI, OPT_NI), nr = nonce(args, OPT_NR, OPT_NR), g_ir = hex(args, OPT_G_IR, true);
    struct span old = hex(args, OPT_OLD_SK_D, false);
    struct secret skeyseed = {0};
    struct ike_keys k = {0};

    integ_check(ike.encr, ike.integ, OPT_INTEG);
    if (old.len)
        check(skeyseed_rekey(old_prf, old, g_ir, ni, nr, &skeyseed), "SKEYSEED");
    else
        check(skeyseed_first(prf, ni, nr, g_ir, &skeyseed), "SKEYSEED");
    check(ike_keys_derive(&ike, secret_view(&skeyseed), ni, nr, spi(args, OPT_SPI_I), spi(args, OPT_SPI_R), &k), "SK_*");
    show("SKEYSEED", &skeyseed);
    show("SK_d", &k.d);
    show("SK_ai", &k.ai);
    show("SK_ar", &k.ar);
    show("SK_ei", &k.ei);
    show("SK_er", &k.er);
    show("SK_pi", &k.pi);
    show("SK_pr", &k.pr);
    if (args->text[OPT_CHILD_ENCR])
        child_run(args, prf, secret_view(&k.d));
    secret_done(&skeyseed);
    ike_keys_done(&k);
}

static const char *where(const struct alg *a)
{
    if (a->type == TRANSFORM_PRF)
        return "IKE";
    if (a->type == TRANSFORM_KE || (a->flags & ALG_IKE && a->flags & ALG_ESP))
        return "IKE, ESP";
    return a->flags & ALG_IKE ? "IKE" : "ESP";
}

static void row_print(const struct alg *a)
{
    char bits[8] = "";

    if (a->key_bits)
        snprintf(bits, sizeof(bits), "%u", a->key_bits);
    printf("| `%s`%s%s%s | %s | %u | %s | %s | %s | %s |\n", a->name, a->alias ? ", `" : "", a->alias ? a->alias : "",
           a->alias ? "`" : "", a->iana, a->id, bits, a->rfc, where(a),
           a->flags & ALG_DEFAULT  ? "by default"
           : a->flags & ALG_LEGACY ? "weak: only where it is named"
                                   : "where it is named");
}

static void list_print(void)
{
    static const char *const heads[] = {[TRANSFORM_ENCR] = "Encryption",
                                        [TRANSFORM_PRF] = "Pseudo-random functions",
                                        [TRANSFORM_INTEG] = "Integrity",
                                        [TRANSFORM_KE] = "Key exchange"};
    const struct alg *a;

    printf("# Algorithms\n\nWritten by `tools/keymat --list`; the words are those of proposals, in any case of letters.\n"
           "For ESP also `esn` and `noesn` (RFC 7296 3.3.2); without either, both are offered.\n");
    for (uint8_t type = TRANSFORM_ENCR; type <= TRANSFORM_KE; type++) {
        printf("\n## %s\n\n| word | IANA name | number | key bits | RFC | for | used |\n|---|---|---|---|---|---|---|\n",
               heads[type]);
        for (size_t n = 0; (a = alg_at(&alg_registry, n)) != NULL; n++)
            if (a->type == type && alg_find(&alg_registry, type, a->id, a->key_bits) == a)
                row_print(a);
    }
}

int main(int argc, char **argv)
{
    static struct arguments args;
    int c;

    while ((c = getopt_long(argc, argv, "h", option_list, NULL)) != -1) {
        if (c == '?')
            die("that was not understood");
        if (c == OPT_HELP || c == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (c == OPT_LIST) {
            list_print();
            return 0;
        }
        args.text[c] = optarg;
    }
    if (optind < argc)
        die("\"%s\" is not an option", argv[optind]);
    ike_run(&args);
    secret_wipe(&args, sizeof(args));
    return 0;
}
