/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/charon-bench.d/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: charon-bench establish|rekey|hold --local ADDRESS[/LENGTH] --remote ADDRESS --peers NUMBER [OPTION...]\n"
    "       charon-bench flood --help\n"
    "\n"
    "NUMBER initiators in one process establish an IKE SA and a Child SA each with an IKEv2 responder. `rekey` then renews all "
    "of\n"
    "them; `hold` (and --hold) keeps them up. Needs UDP 500 and 4500 of this network namespace; with --each-address the "
    "addresses\n"
    "must be local: ip route add local ADDRESS/LENGTH dev lo\n"
    "\n"
    "  --each-address       peers have addresses of their own, counted from ADDRESS\n"
    "  --each-identity      peers have identities of their own: peer00001@bench ...\n"
    "  --auth KIND          psk (default), rsa2048 or ecdsa256\n"
    "  --psk TEXT           the pre-shared key of all\n"
    "  --cert FILE --key FILE --ca FILE\n"
    "                       certificate and key of all, trust anchor for the responder\n"
    "  --ca-key FILE        with --each-identity: each peer has a certificate of its own (with the key of all), made by the\n"
    "                       trust anchor; --cert is not needed then\n"
    "  --local-id ID        of all; default: the address (psk), the subject (certificates)\n"
    "  --remote-id ID       what the responder must prove\n"
    "  --ke GROUP           x25519 (default), ecp256, modp2048\n"
    "  --esp ALGORITHMS     aes256gcm16 (default), aes256-sha512 ...: of the Child SAs\n"
    "  --inner NETWORK      each peer's selector is an address out of it (default 172.16.0.0/12), or `dynamic`: its own\n"
    "  --inner-whole        each peer's selector is all of it: for a responder that narrows nothing\n"
    "  --remote-net NETWORK the selector of the responder (default 198.51.100.0/24)\n"
    "  --rate NUMBER        begin so many in a second; default: as many as --window allows\n"
    "  --window NUMBER      so many are under way at a time (default 64; with --rate: no limit)\n"
    "  --hold SECONDS       stay so long, answering, after all are up\n"
    "  --half-open          IKE_SA_INIT only; IKE_AUTH is never sent\n"
    "  --give-up SECONDS    an establishment without answer has failed after so long (default 30)\n"
    "  --retry              one that failed is tried again, with the daemon's own back-off, until --patience\n"
    "  --patience SECONDS   the establishment ends after so long, whatever is still under way (default: no limit)\n"
    "  --what ike|child|child-pfs   rekey: what (default ike)\n"
    "  --times NUMBER       rekey: how often each (default 1)\n"
    "  --json FILE          write the result there (- = standard output)\n"
    "  --quiet              no progress on standard error\n"
    "\n"
    "When all is up, `established NUMBER` is written to standard output. Status 0: all that was asked for was done.\n";

static int complain(const char *what, const char *value)
{
    fprintf(stderr, "charon-bench: %s%s%s (--help says more)\n", what, value ? ": " : "", value ? value : "");
    return 2;
}

static bool number(const char *text, double low, double high, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && !*end && *out >= low && *out <= high;
}

enum {
    OPT_LOCAL = 256,
    OPT_REMOTE,
    OPT_PEERS,
    OPT_EACH_ADDRESS,
    OPT_EACH_IDENTITY,
    OPT_AUTH,
    OPT_PSK,
    OPT_CERT,
    OPT_KEY,
    OPT_CA,
    OPT_CA_KEY,
    OPT_LOCAL_ID,
    OPT_REMOTE_ID,
    OPT_KE,
    OPT_ESP,
    OPT_INNER,
    OPT_INNER_WHOLE,
    OPT_REMOTE_NET,
    OPT_RATE,
    OPT_WINDOW,
    OPT_HOLD,
    OPT_HALF_OPEN,
    OPT_GIVE_UP,
    OPT_RETRY,
    OPT_PATIENCE,
    OPT_WHAT,
    OPT_TIMES,
    OPT_JSON,
    OPT_QUIET,
    OPT_HELP
};
static const struct option words[] = {{"local", 1, NULL, OPT_LOCAL},
                                      {"remote", 1, NULL, OPT_REMOTE},
                                      {"peers", 1, NULL, OPT_PEERS},
                                      {"each-address", 0, NULL, OPT_EACH_ADDRESS},
                                      {"each-identity", 0, NULL, OPT_EACH_IDENTITY},
                                      {"auth", 1, NULL, OPT_AUTH},
                                      {"psk", 1, NULL, OPT_PSK},
                                      {"cert", 1, NULL, OPT_CERT},
                                      {"key", 1, NULL, OPT_KEY},
                                      {"ca", 1, NULL, OPT_CA},
                                      {"ca-key", 1, NULL, OPT_CA_KEY},
                                      {"local-id", 1, NULL, OPT_LOCAL_ID},
                                      {"remote-id", 1, NULL, OPT_REMOTE_ID},
                                      {"ke", 1, NULL, OPT_KE},
                                      {"esp", 1, NULL, OPT_ESP},
                                      {"inner", 1, NULL, OPT_INNER},
                                      {"inner-whole", 0, NULL, OPT_INNER_WHOLE},
                                      {"remote-net", 1, NULL, OPT_REMOTE_NET},
                                      {"rate", 1, NULL, OPT_RATE},
                                      {"window", 1, NULL, OPT_WINDOW},
                                      {"hold", 1, NULL, OPT_HOLD},
                                      {"half-open", 0, NULL, OPT_HALF_OPEN},
                                      {"give-up", 1, NULL, OPT_GIVE_UP},
                                      {"retry", 0, NULL, OPT_RETRY},
                                      {"patience", 1, NULL, OPT_PATIENCE},
                                      {"what", 1, NULL, OPT_WHAT},
                                      {"times", 1, NULL, OPT_TIMES},
                                      {"json", 1, NULL, OPT_JSON},
                                      {"quiet", 0, NULL, OPT_QUIET},
                                      {"help", 0, NULL, OPT_HELP},
                                      {0}};

/* Where the text of an option goes as it is; NULL if not. */
static const char **text_of(struct options *o, int option)
{
    switch (option) {
    case OPT_AUTH:
        return &o->auth;
    case OPT_PSK:
        return &o->psk;
    case OPT_CERT:
        return &o->cert;
    case OPT_KEY:
        return &o->key;
    case OPT_CA:
        return &o->ca;
    case OPT_CA_KEY:
        return &o->ca_key;
    case OPT_LOCAL_ID:
        return &o->local_id;
    case OPT_REMOTE_ID:
        return &o->remote_id;
    case OPT_KE:
        return &o->ke;
    case OPT_ESP:
        return &o->esp;
    case OPT_INNER:
        return &o->inner;
    case OPT_REMOTE_NET:
        return &o->remote_net;
    case OPT_JSON:
        return &o->json;
    default:
        return NULL;
    }
}

static bool *flag_of(struct options *o, int option)
{
    switch (option) {
    case OPT_EACH_ADDRESS:
        return &o->each_address;
    case OPT_EACH_IDENTITY:
        return &o->each_identity;
    case OPT_INNER_WHOLE:
        return &o->inner_whole;
    case OPT_HALF_OPEN:
        return &o->half_open;
    case OPT_RETRY:
        return &o->retry;
    case OPT_QUIET:
        return &o->quiet;
    default:
        return NULL;
    }
}

static bool what_read(const char *text, enum rekey_what *out)
{
    static const char *const names[] = {[REKEY_IKE] = "ike", [REKEY_CHILD] = "child", [REKEY_CHILD_PFS] = "child-pfs"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum rekey_what)i;
            return true;
        }
    return false;
}

static bool number_read(struct options *o, int option, const char *text)
{
    double v;

    switch (option) {
    case OPT_PEERS:
        return number(text, 1, 1e6, &v) && (o->peers = (uint32_t)v);
    case OPT_RATE:
        return number(text, 0.001, 1e6, &o->rate);
    case OPT_WINDOW:
        return number(text, 1, 1e6, &v) && (o->window = (uint32_t)v);
    case OPT_TIMES:
        return number(text, 1, 1e6, &v) && (o->times = (uint32_t)v);
    case OPT_HOLD:
        return number(text, 0, 1e7, &v) && (o->hold = (usec_t)(v * 1e6)) >= 0;
    case OPT_PATIENCE:
        return number(text, 1, 1e6, &v) && (o->patience = (usec_t)(v * 1e6));
    case OPT_GIVE_UP:
        return number(text, 1, 86400, &v) && (o->give_up = (usec_t)(v * 1e6));
    default:
        return false;
    }
}

static bool option_read(struct options *o, int option, const char *text)
{
    const char **as_text = text_of(o, option);
    bool *flag = flag_of(o, option);

    if (as_text)
        *as_text = text;
    else if (flag)
        *flag = true;
    else if (option == OPT_LOCAL)
        return prefix_parse(text, &o->local) == 0;
    else if (option == OPT_REMOTE)
        return addr_parse(text, &o->remote) == 0;
    else if (option == OPT_WHAT)
        return what_read(text, &o->what);
    else
        return number_read(o, option, text);
    return true;
}

static bool one_of(const char *text, const char *const *list)
{
    while (*list && strcmp(text, *list) != 0)
        list++;
    return *list;
}

/* Paths of the configuration are relative to its file, and ours has none. */
static int files_check(struct options *o)
{
    const char **files[] = {&o->key, &o->ca, o->ca_key ? &o->ca_key : &o->cert};

    if (!o->key || !o->ca || (!o->cert && !o->ca_key))
        return complain("--key, --ca and one of --cert and --ca-key are needed", NULL);
    if (o->ca_key && !o->each_identity)
        return complain("--ca-key needs --each-identity", NULL);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char *whole = realpath(*files[i], NULL); /* for the life of the process */

        if (!whole)
            return complain("no such file", *files[i]);
        *files[i] = whole;
    }
    return 0;
}

static int options_check(struct options *o)
{
    static const char *const auths[] = {"psk", "rsa2048", "ecdsa256", NULL}, *const kes[] = {"x25519", "ecp256", "modp2048",
                                                                                             NULL};

    if (!o->local.addr.family || !o->remote.family || !o->peers)
        return complain("--local, --remote and --peers are needed", NULL);
    if (o->local.addr.family != o->remote.family)
        return complain("--local and --remote are of different families", NULL);
    if (!one_of(o->auth, auths))
        return complain("no such --auth", o->auth);
    if (!one_of(o->ke, kes))
        return complain("no such --ke", o->ke);
    o->certificates = strcmp(o->auth, "psk") != 0;
    if (!o->certificates && !o->psk)
        return complain("--psk is needed", NULL);
    if (o->peers > 1 && !o->each_address && !o->each_identity)
        return complain("many peers need --each-address or --each-identity", NULL);
    if (o->each_identity && o->local_id)
        return complain("--each-identity and --local-id exclude each other", NULL);
    if (o->verb == VERB_HOLD && !o->hold)
        return complain("hold needs --hold SECONDS", NULL);
    if (!o->window)
        o->window = o->rate > 0 ? UINT32_MAX : 64;
    return o->certificates ? files_check(o) : 0;
}

static int verb_read(const char *word, enum verb *out)
{
    static const char *const verbs[] = {[VERB_ESTABLISH] = "establish", [VERB_REKEY] = "rekey", [VERB_HOLD] = "hold"};

    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(word, verbs[i]) == 0) {
            *out = (enum verb)i;
            return 0;
        }
    return complain("no such command", word);
}

int options_read(int argc, char **argv, struct options *o)
{
    int c;

    *o = (struct options){
        .auth = "psk", .ke = "x25519", .esp = "aes256gcm16", .inner = "172.16.0.0/12", .remote_net = "198.51.100.0/24"};
    o->times = 1;
    o->patience = USEC_NEVER;
    o->give_up = 30 * USEC_SEC;
    while ((c = getopt_long(argc, argv, "", words, NULL)) != -1) {
        if (c == OPT_HELP) {
            fputs(usage, stdout);
            exit(0);
        }
        if (c == '?')
            return 2;
        if (!option_read(o, c, optarg))
            return complain("not a good value", optarg);
    }
    if (optind + 1 != argc)
        return complain("one command is needed: establish, rekey, hold or flood", NULL);
    c = verb_read(argv[optind], &o->verb);
    return c ? c : options_check(o);
}
